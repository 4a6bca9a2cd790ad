// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plot as one SVG. Cells of one colour in a row are one line, and all of a colour one
 * path, so that the size has a bound that the number of cells sets.
 *
 * Owns nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "fields.h"
#include "plot.h"

#define LEFT	170
#define WIDTH	960
#define RIGHT	230
#define TOP	64
#define MAP	460
#define CHART	110
#define GAP	36
#define LANE	12
#define LINE	16

/* What a page in system memory looks like, and one on device N. */
static const unsigned char colour_system[3] = { 0xb8, 0xc9, 0xdb };
static const unsigned char colour_device[][3] = {
	{ 0xe6, 0x7e, 0x22 }, { 0x2e, 0x9e, 0x6b }, { 0x8e, 0x5b, 0xc4 }, { 0xc9, 0xa2, 0x27 },
};

static const char *const colour_mark[PLOT_MARKS] = {
	[PLOT_MARK_DEVICE_FAULT] = "#1a5fb4",
	[PLOT_MARK_CPU_FAULT] = "#c01c28",
	[PLOT_MARK_TO_DEVICE] = "#7a3e00",
	[PLOT_MARK_HOME] = "#3d5a80",
	[PLOT_MARK_EVICTION] = "#000000",
};

static const char *const colour_cause[] = {
	"#3d5a80", "#8e5bc4", "#c01c28", "#000000", "#888888",
};

static const char *const colour_state[PLOT_STATES] = { NULL, "#2e9e6b", "#1a5fb4" };

static const unsigned char *device_colour(unsigned int device)
{
	return colour_device[device % (sizeof(colour_device) / sizeof(*colour_device))];
}

static void shade_colour(unsigned int shade, char text[8])
{
	const unsigned char *to = device_colour((shade - 1) / PLOT_STEPS);
	unsigned int part = (shade - 1) % PLOT_STEPS, i, c[3];

	for (i = 0; i < 3; i++)
		c[i] = colour_system[i] +
		       ((int)to[i] - colour_system[i]) * (int)part / (PLOT_STEPS - 1);
	snprintf(text, 8, "#%02x%02x%02x", c[0], c[1], c[2]);
}

/* Text of others: names of processes and files. */
static void escaped(FILE *to, const char *text)
{
	for (; *text; text++)
		if (strchr("<>&\"'", *text))
			fprintf(to, "&#%d;", *text);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			fputc('?', to);
		else
			fputc(*text, to);
}

static const char *time_text(double ns, char text[32])
{
	if (ns >= 1e9)
		snprintf(text, 32, "%.3g s", ns / 1e9);
	else if (ns >= 1e6)
		snprintf(text, 32, "%.3g ms", ns / 1e6);
	else
		snprintf(text, 32, "%.3g us", ns / 1e3);
	return text;
}

static double x_of(const struct plot *p, unsigned int bin)
{
	return LEFT + (double)WIDTH * bin / p->map.bins;
}

static double y_of(const struct plot *p, unsigned int row)
{
	return TOP + (double)MAP * row / (p->map.rows ?: 1);
}

/* The cells ------------------------------------------------------------------ */

static void draw_shade(const struct plot *p, unsigned int shade, FILE *to)
{
	unsigned int row, bin, from;
	bool begun = false;
	char colour[8];

	for (row = 0; row < p->map.rows; row++)
		for (bin = 0; bin < p->map.bins; bin++) {
			if (plot_shade(p, row, bin) != shade)
				continue;
			for (from = bin; bin < p->map.bins &&
			     plot_shade(p, row, bin) == shade; bin++)
				;
			if (!begun) {
				shade_colour(shade, colour);
				fprintf(to, "<path stroke=\"%s\" d=\"", colour);
			}
			begun = true;
			fprintf(to, "M%u %uh%u", from, row, bin - from);
		}
	if (begun)
		fputs("\"/>\n", to);
}

#define CELLS "<g id=\"%s\" transform=\"translate(%d %g) scale(%g %g) translate(0 .5)\" fill=\"none\" stroke-width=\"1\">\n"

/* In cells: one is 1 wide and 1 high, and its middle is at half its height. */
static void begin_cells(const struct plot *p, const char *name, FILE *to)
{
	fprintf(to, CELLS, name, LEFT, y_of(p, 0), (double)WIDTH / p->map.bins,
		(double)MAP / (p->map.rows ?: 1));
}

static void draw_map(const struct plot *p, FILE *to)
{
	unsigned int shade;

	begin_cells(p, "places", to);
	for (shade = 1; shade <= PLOT_DEVICES * PLOT_STEPS; shade++)
		if (p->device[(shade - 1) / PLOT_STEPS].seen || shade <= PLOT_STEPS)
			draw_shade(p, shade, to);
	fputs("</g>\n", to);
}

#define MARKS "<path stroke=\"%s\" stroke-width=\"%.3g\" transform=\"translate(%g 0)\" d=\""

/*
 * A mark is a part of a cell: side by side, so that one does not hide another. What
 * moved is seen by the colours, and is not marked.
 */
static void draw_marks(const struct plot *p, FILE *to)
{
	static const float at[PLOT_MARKS] = { 0, .25, 0, 0, .5 };
	unsigned int mark, row, bin;
	const uint32_t *cells;
	double high = MAP / (double)(p->map.rows ?: 1);

	begin_cells(p, "marks", to);
	for (mark = 0; mark < PLOT_MARKS; mark++) {
		if (mark == PLOT_MARK_TO_DEVICE || mark == PLOT_MARK_HOME)
			continue;
		cells = p->map.mark[mark];
		fprintf(to, MARKS, colour_mark[mark], high < 5 ? 5 / high : 1, at[mark]);
		/* A path may not be empty. */
		fputs("M0 0", to);
		for (row = 0; row < p->map.rows; row++)
			for (bin = 0; bin < p->map.bins; bin++)
				if (cells[(size_t)row * p->map.bins + bin])
					fprintf(to, "M%u %uh.8", bin, row);
		fputs("\"/>\n", to);
	}
	fputs("</g>\n", to);
}

/* Labels -------------------------------------------------------------------- */

static void label(FILE *to, double x, double y, const char *anchor, const char *text)
{
	fprintf(to, "<text x=\"%g\" y=\"%g\" text-anchor=\"%s\">", x, y, anchor);
	escaped(to, text);
	fputs("</text>\n", to);
}

/* A label has its room, unless a larger range begins so near. */
static bool has_label(const struct plot *p, size_t nr)
{
	const struct plot_range *r = &p->map.range[nr], *other;
	double far;
	size_t i;

	for (i = 0; i < p->map.nr_ranges; i++) {
		other = &p->map.range[i];
		far = y_of(p, other->row) - y_of(p, r->row);
		/* The size of the range in front stands under its address. */
		if (i != nr && far < 10 && far > -(other->rows * (double)MAP / p->map.rows < 24 ?
						   10 : 22) &&
		    (other->rows > r->rows || (other->rows == r->rows && i < nr)))
			return false;
	}
	return true;
}

static void draw_ranges(const struct plot *p, FILE *to)
{
	char text[64], size[SIZE_TEXT];
	const struct plot_range *r;
	pid_t pid = -1;
	double y;
	size_t i;

	fputs("<g id=\"addresses\">\n", to);
	for (i = 0; i < p->map.nr_ranges; i++) {
		r = &p->map.range[i];
		y = y_of(p, r->row);
		fprintf(to, "<path stroke=\"%s\" d=\"M%d %gH%d\"/>\n",
			r->pid == pid ? "#fff" : "#333", LEFT, y, LEFT + WIDTH);
		if (has_label(p, i)) {
			snprintf(text, sizeof(text), "%" PRIx64, r->start);
			label(to, LEFT - 6, y + 8, "end", text);
			if (r->rows * (double)MAP / p->map.rows >= 24) {
				snprintf(text, sizeof(text), "%s",
					 size_text(r->end - r->start, size));
				label(to, LEFT - 6, y + 20, "end", text);
			}
		}
		if (r->pid != pid) {
			snprintf(text, sizeof(text), "%d %s", r->pid, plot_name(p->file, r->pid));
			label(to, LEFT + WIDTH + 8, y + 10, "start", text);
		}
		pid = r->pid;
	}
	fputs("</g>\n", to);
}

static void draw_times(const struct plot *p, double y, double height, FILE *to)
{
	double span = p->end - p->begin + 1, step = 1, at;
	char text[32];

	while (step * 10 < span)
		step *= 10;
	if (span / step < 2.5)
		step /= 5;
	else if (span / step < 5)
		step /= 2;
	for (at = 0; at < span; at += step) {
		fprintf(to, "<path stroke=\"#0002\" d=\"M%g %gv%g\"/>\n",
			LEFT + WIDTH * at / span, y, height);
		label(to, LEFT + WIDTH * at / span, y + height + 12, "middle",
		      at > 0 ? time_text(at, text) : "0");
	}
}

/* A box and what it stands for; where the next one is. */
static double key(FILE *to, double x, double y, const char *colour, const char *text)
{
	fprintf(to, "<rect x=\"%g\" y=\"%g\" width=\"10\" height=\"10\" fill=\"%s\"/>\n", x, y - 9,
		colour);
	label(to, x + 14, y, "start", text);
	return x + 34 + 6.2 * strlen(text);
}

static void draw_keys(const struct plot *p, FILE *to)
{
	static const unsigned int marks[] = {
		PLOT_MARK_DEVICE_FAULT, PLOT_MARK_CPU_FAULT, PLOT_MARK_EVICTION,
	};
	char colour[8], text[32];
	unsigned int i;
	double x = LEFT;

	shade_colour(1, colour);
	x = key(to, x, TOP - 12, colour, "in system memory");
	for (i = 0; i < PLOT_DEVICES; i++) {
		if (!p->device[i].seen)
			continue;
		shade_colour((i + 1) * PLOT_STEPS, colour);
		snprintf(text, sizeof(text), "on device %u", i);
		x = key(to, x, TOP - 12, colour, text);
	}
	for (i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		x = key(to, x, TOP - 12, colour_mark[marks[i]], plot_mark_names[marks[i]]);
}

/* Charts --------------------------------------------------------------------- */

#define FRAME "<rect x=\"%d\" y=\"%g\" width=\"%d\" height=\"%g\" fill=\"none\" stroke=\"#888\"/>\n"

static void frame(FILE *to, double y, double height, const char *title)
{
	fprintf(to, FRAME, LEFT, y, WIDTH, height);
	label(to, LEFT, y - 5, "start", title);
}

static void top_label(FILE *to, double y, double most, const char *unit)
{
	char text[64], size[SIZE_TEXT];

	snprintf(text, sizeof(text), "%s%s", size_text(most, size), unit);
	label(to, LEFT - 6, y + 9, "end", text);
}

static void draw_used(const struct plot *p, double y, FILE *to)
{
	char text[96], colour[8], size[SIZE_TEXT];
	uint64_t most = 1, size_of = 0;
	unsigned int i, bin;
	double x = LEFT + WIDTH + 8, at = y + 10;

	for (i = 0; i < PLOT_DEVICES; i++) {
		if (p->device[i].most > most)
			most = p->device[i].most;
		if (p->device[i].size > size_of)
			size_of = p->device[i].size;
	}
	/* The size of the device is seen where it matters. */
	if (size_of && size_of < 3 * most)
		most = size_of;
	frame(to, y, CHART, "device memory in use");
	top_label(to, y, most, "");
	for (i = 0; i < PLOT_DEVICES; i++) {
		if (!p->device[i].seen)
			continue;
		shade_colour((i + 1) * PLOT_STEPS, colour);
		fprintf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", colour);
		for (bin = 0; bin < p->map.bins; bin++)
			fprintf(to, "%s%.4g %.4g", bin ? "L" : "M", x_of(p, bin + 1),
				y + CHART - (double)CHART * p->series[bin].used[i] / most);
		fputs("\"/>\n", to);
		snprintf(text, sizeof(text), "device %u: %s%s", i,
			 p->device[i].size ? "of " : "size not known",
			 p->device[i].size ? size_text(p->device[i].size, size) : "");
		key(to, x, at, colour, text);
		at += LINE;
	}
	if (!p->device[0].sampled)
		label(to, x, at, "start", "from what moved: estimated");
}

/* Bytes a second, up: to the device, down: home, by cause. */
static void draw_bandwidth(const struct plot *p, double y, FILE *to)
{
	double width = (double)(p->end - p->begin + 1) / p->map.bins / 1e9, most = 1, sum, at;
	double x = LEFT + WIDTH + 8, line = y + 10, middle = y + CHART / 2.0;
	char text[64], size[SIZE_TEXT];
	unsigned int bin, cause;
	uint64_t all = 0, homes[PLOT_CAUSES] = { 0 };

	for (bin = 0; bin < p->map.bins; bin++) {
		for (cause = 0, sum = 0; cause < PLOT_CAUSES; cause++) {
			sum += p->series[bin].home[cause];
			homes[cause] += p->series[bin].home[cause];
		}
		all += p->series[bin].to_device;
		if (p->series[bin].to_device > sum)
			sum = p->series[bin].to_device;
		if (sum > most)
			most = sum;
	}
	frame(to, y, CHART, "bandwidth of migration: up to the device, down home by cause");
	top_label(to, y, most / width, "/s");
	fprintf(to, "<path stroke=\"#888\" d=\"M%d %gh%d\"/>\n", LEFT, middle, WIDTH);
	fprintf(to, "<path fill=\"#e67e22\" d=\"");
	for (bin = 0; bin < p->map.bins; bin++)
		if (p->series[bin].to_device)
			fprintf(to, "M%.5g %gh%.3gv%.3gh-%.3gz", x_of(p, bin), middle,
				(double)WIDTH / p->map.bins,
				p->series[bin].to_device / most * -CHART / 2,
				(double)WIDTH / p->map.bins);
	fputs("\"/>\n", to);
	snprintf(text, sizeof(text), "to the device: %s", size_text(all, size));
	key(to, x, line, "#e67e22", text);
	for (cause = 0; cause < PLOT_CAUSES; cause++) {
		if (!homes[cause])
			continue;
		fprintf(to, "<path fill=\"%s\" d=\"", colour_cause[cause < 4 ? cause : 4]);
		for (bin = 0; bin < p->map.bins; bin++) {
			unsigned int before;

			for (before = 0, at = 0; before < cause; before++)
				at += p->series[bin].home[before];
			if (p->series[bin].home[cause])
				fprintf(to, "M%.5g %.5gh%.3gv%.3gh-%.3gz", x_of(p, bin),
					middle + at / most * CHART / 2, (double)WIDTH / p->map.bins,
					p->series[bin].home[cause] / most * CHART / 2,
					(double)WIDTH / p->map.bins);
		}
		fputs("\"/>\n", to);
		line += LINE;
		snprintf(text, sizeof(text), "home, %s: %s", plot_cause(cause),
			 size_text(homes[cause], size));
		key(to, x, line, colour_cause[cause < 4 ? cause : 4], text);
	}
}

#define WORK "<path stroke=\"%s\" stroke-width=\"8\" d=\"M%.5g %gH%.5g\"/>\n"

static void draw_lanes(const struct plot *p, double y, FILE *to)
{
	const struct plot_lane *l;
	enum plot_state state;
	unsigned int i, bin, from;
	char text[96];

	if (!p->nr_lanes)
		return;
	frame(to, y, p->nr_lanes * LANE, "queues");
	key(to, key(to, LEFT + 100, y - 5, colour_state[PLOT_RUNS], "a job is at work"), y - 5,
	    colour_state[PLOT_FAULTS], "it waits for a fault");
	for (i = 0; i < p->nr_lanes; i++) {
		l = &p->lane[i];
		snprintf(text, sizeof(text), "%d queue %u device %u", l->owner, l->queue,
			 l->device);
		label(to, LEFT - 6, y + i * LANE + 10, "end", text);
		snprintf(text, sizeof(text), "%" PRIu64 " jobs%s", l->jobs,
			 l->lost ? ", lost" : "");
		label(to, LEFT + WIDTH + 8, y + i * LANE + 10, "start", text);
		for (bin = 0; bin < p->map.bins; bin++) {
			from = bin;
			state = plot_lane_state(p, l, bin);
			while (bin + 1 < p->map.bins && plot_lane_state(p, l, bin + 1) == state)
				bin++;
			if (state != PLOT_IDLE)
				fprintf(to, WORK, colour_state[state], x_of(p, from),
					y + i * LANE + LANE / 2.0, x_of(p, bin + 1));
		}
	}
}

static void draw_table(const struct plot *p, double y, FILE *to)
{
	static const char *const heads[] = {
		"range of 2 MiB", "process", "time in moves", "to the device", "home",
		"device faults", "CPU faults", "evictions",
	};
	static const int columns[] = { 0, 190, 460, 580, 680, 780, 870, 960 };
	char text[96], size[SIZE_TEXT];
	const struct plot_piece *t;
	unsigned int i, c;

	label(to, LEFT, y, "start",
	      "the ten most expensive ranges: whose pages took the longest to migrate, both ways");
	y += LINE + 4;
	for (c = 0; c < sizeof(columns) / sizeof(*columns); c++)
		label(to, LEFT + columns[c], y, c < 2 ? "start" : "end", heads[c]);
	for (i = 0; i < p->nr_top; i++) {
		t = p->top[i];
		y += LINE;
		snprintf(text, sizeof(text), "%" PRIx64, t->nr << PIECE_SHIFT);
		label(to, LEFT, y, "start", text);
		snprintf(text, sizeof(text), "%d %s", t->pid, plot_name(p->file, t->pid));
		label(to, LEFT + columns[1], y, "start", text);
		label(to, LEFT + columns[2], y, "end", time_text(t->ns, text));
		label(to, LEFT + columns[3], y, "end", size_text(t->to_device, size));
		label(to, LEFT + columns[4], y, "end", size_text(t->home, size));
		snprintf(text, sizeof(text), "%" PRIu64, t->device_faults);
		label(to, LEFT + columns[5], y, "end", text);
		snprintf(text, sizeof(text), "%" PRIu64, t->cpu_faults);
		label(to, LEFT + columns[6], y, "end", text);
		snprintf(text, sizeof(text), "%" PRIu64, t->evictions);
		label(to, LEFT + columns[7], y, "end", text);
	}
}

static void draw_title(const struct plot *p, FILE *to)
{
	const char *name = strrchr(p->path, '/');
	char text[256], span[32];

	name = name ? name + 1 : p->path;
	snprintf(text, sizeof(text),
		 "%.60s: %s, %" PRIu64 " events, %" PRIu64 " device faults, %" PRIu64
		 " CPU faults, %" PRIu64 " evicted blocks", name,
		 time_text(p->end - p->begin, span), p->total.events, p->total.device_faults,
		 p->total.cpu_faults, p->total.evicted_blocks);
	fprintf(to, "<g font-size=\"14\" font-weight=\"bold\">");
	label(to, LEFT, 24, "start", text);
	fputs("</g>\n", to);
	if (p->total.lost) {
		snprintf(text, sizeof(text), "%" PRIu64 " or more events are missing: %s",
			 p->total.lost, "all of this is too little");
		fputs("<g fill=\"#c01c28\">", to);
		label(to, LEFT + 760, 24, "start", text);
		fputs("</g>\n", to);
	}
}

#define SVG "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %g\" width=\"%d\" height=\"%g\" font-family=\"sans-serif\" font-size=\"11\">\n"

int plot_svg(struct plot *p, FILE *to)
{
	double used = TOP + MAP + GAP + 16, bandwidth = used + CHART + GAP;
	double lanes = bandwidth + CHART + GAP + 8;
	double table = lanes + (p->nr_lanes ? p->nr_lanes * LANE + GAP : 0);
	double height = table + LINE * (p->nr_top + 3);

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", to);
	fprintf(to, SVG, LEFT + WIDTH + RIGHT, height, LEFT + WIDTH + RIGHT, height);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", to);
	draw_title(p, to);
	draw_keys(p, to);
	draw_map(p, to);
	draw_marks(p, to);
	draw_ranges(p, to);
	fprintf(to, FRAME, LEFT, (double)TOP, WIDTH, (double)MAP);
	draw_times(p, TOP, MAP, to);
	draw_used(p, used, to);
	draw_bandwidth(p, bandwidth, to);
	draw_lanes(p, lanes, to);
	draw_table(p, table, to);
	fputs("</svg>\n", to);
	return ferror(to) ? -EIO : 0;
}
