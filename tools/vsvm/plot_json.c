// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of a plot as JSON, for those who draw themselves and for the page that
 * draws itself.
 *
 * Owns nothing. The page has its map packed: a byte for each cell, row by row, in runs,
 * in base64, so that its size has a bound that the number of cells sets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "plot.h"
#include "plot_page.h"
#include "vsvm.h"

/* Takes @value, which may be NULL; false: out of memory. */
static bool put(struct json_object *to, const char *name, struct json_object *value)
{
	return value && !json_object_object_add(to, name, value);
}

static bool push(struct json_object *to, struct json_object *value)
{
	return value && !json_object_array_add(to, value);
}

static struct json_object *number(uint64_t n)
{
	return json_object_new_uint64(n);
}

static struct json_object *address(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, n);
	return json_object_new_string(text);
}

/* An array of numbers that stand beside each other in a run or a cell. */
static struct json_object *tuple(const uint64_t *n, size_t nr)
{
	struct json_object *a = json_object_new_array();
	bool ok = a;
	size_t i;

	for (i = 0; ok && i < nr; i++)
		ok = push(a, number(n[i]));
	return a;
}

/* Totals ---------------------------------------------------------------------- */

static struct json_object *by_cause(const uint64_t *n)
{
	struct json_object *o = json_object_new_object();
	unsigned int i;

	for (i = 0; o && i < PLOT_CAUSES; i++)
		if (n[i])
			put(o, plot_cause(i), number(n[i]));
	return o;
}

static struct json_object *totals(const struct plot *p)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	put(o, "events", number(p->total.events));
	put(o, "lost", number(p->total.lost));
	put(o, "device_faults", number(p->total.device_faults));
	put(o, "cpu_faults", number(p->total.cpu_faults));
	put(o, "to_device_bytes", by_cause(p->total.to_device));
	put(o, "home_bytes", by_cause(p->total.home));
	put(o, "evicted_blocks", number(p->total.evicted_blocks));
	put(o, "stayed_pages", number(p->total.stayed_pages));
	put(o, "thrashes", number(p->total.thrashes));
	put(o, "jobs", number(p->total.jobs));
	put(o, "queue_faults", number(p->total.queue_faults));
	return o;
}

static struct json_object *counters(const struct plot_device *d)
{
	struct json_object *o = json_object_new_object(), *c;
	size_t i;

	for (i = 0; o && i < d->counts; i++) {
		c = json_object_new_object();
		if (!put(o, d->count[i].name, c))
			break;
		/* What the driver says, if it was asked, and what the events say. */
		if (d->before && d->after)
			put(c, "counted", number(d->count[i].after - d->count[i].before));
		if (d->count[i].known || !d->after)
			put(c, "drawn", number(d->count[i].drawn));
	}
	return o;
}

static struct json_object *devices(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *o, *used;
	const struct plot_device *d;
	unsigned int i, bin;

	for (i = 0; a && i < PLOT_DEVICES; i++) {
		d = &p->device[i];
		if (!d->seen)
			continue;
		o = json_object_new_object();
		used = json_object_new_array();
		if (!push(a, o) || !used)
			break;
		put(o, "device", number(i));
		put(o, "size", number(d->size));
		put(o, "sampled", json_object_new_boolean(d->sampled));
		put(o, "most_used", number(d->most));
		for (bin = 0; bin < p->map.bins; bin++)
			push(used, number(p->series[bin].used[i]));
		put(o, "used", used);
		put(o, "counters", counters(d));
	}
	return a;
}

static struct json_object *processes(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *o;
	pid_t pid = -1;
	size_t i;

	for (i = 0; a && i < p->map.nr_ranges; i++) {
		if (p->map.range[i].pid == pid)
			continue;
		pid = p->map.range[i].pid;
		o = json_object_new_object();
		if (!push(a, o))
			break;
		put(o, "pid", json_object_new_int(pid));
		put(o, "name", json_object_new_string(plot_name(p->file, pid)));
	}
	return a;
}

static struct json_object *ranges(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *o;
	const struct plot_range *r;
	size_t i;

	for (i = 0; a && i < p->map.nr_ranges; i++) {
		r = &p->map.range[i];
		o = json_object_new_object();
		if (!push(a, o))
			break;
		put(o, "pid", json_object_new_int(r->pid));
		put(o, "start", address(r->start));
		put(o, "bytes", number(r->end - r->start));
		put(o, "row", number(r->row));
		put(o, "rows", number(r->rows));
	}
	return a;
}

static struct json_object *bandwidth(const struct plot *p)
{
	struct json_object *o = json_object_new_object(), *there = json_object_new_array();
	struct json_object *homes = json_object_new_object(), *home;
	unsigned int bin, cause;

	if (!o || !there || !homes)
		return NULL;
	for (bin = 0; bin < p->map.bins; bin++)
		push(there, number(p->series[bin].to_device));
	put(o, "to_device", there);
	for (cause = 0; cause < PLOT_CAUSES; cause++) {
		if (!p->total.home[cause])
			continue;
		home = json_object_new_array();
		for (bin = 0; home && bin < p->map.bins; bin++)
			push(home, number(p->series[bin].home[cause]));
		put(homes, plot_cause(cause), home);
	}
	put(o, "home", homes);
	return o;
}

static struct json_object *lanes(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *o, *runs;
	enum plot_state state;
	const struct plot_lane *l;
	unsigned int i, bin, from;

	for (i = 0; a && i < p->nr_lanes; i++) {
		l = &p->lane[i];
		o = json_object_new_object();
		runs = json_object_new_array();
		if (!push(a, o) || !runs)
			break;
		put(o, "owner", json_object_new_int(l->owner));
		put(o, "device", number(l->device));
		put(o, "queue", number(l->queue));
		put(o, "jobs", number(l->jobs));
		put(o, "lost", json_object_new_boolean(l->lost));
		for (bin = 0; bin < p->map.bins; bin++) {
			from = bin;
			state = plot_lane_state(p, l, bin);
			while (bin + 1 < p->map.bins && plot_lane_state(p, l, bin + 1) == state)
				bin++;
			if (state != PLOT_IDLE)
				push(runs, tuple((uint64_t[]) { from, bin + 1 - from, state }, 3));
		}
		put(o, "states", runs);
	}
	return a;
}

static struct json_object *top(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *o;
	const struct plot_piece *t;
	unsigned int i;

	for (i = 0; a && i < p->nr_top; i++) {
		t = p->top[i];
		o = json_object_new_object();
		if (!push(a, o))
			break;
		put(o, "pid", json_object_new_int(t->pid));
		put(o, "start", address(t->nr << PIECE_SHIFT));
		put(o, "bytes", number(PIECE));
		put(o, "move_ns", number(t->ns));
		put(o, "to_device_bytes", number(t->to_device));
		put(o, "home_bytes", number(t->home));
		put(o, "device_faults", number(t->device_faults));
		put(o, "cpu_faults", number(t->cpu_faults));
		put(o, "evictions", number(t->evictions));
	}
	return a;
}

/* The map, for people ----------------------------------------------------------- */

/* For each row runs of cells: the first bin, how many, and the device and its part. */
static struct json_object *places(const struct plot *p)
{
	struct json_object *a = json_object_new_array(), *runs;
	unsigned int row, bin, from, shade;

	for (row = 0; a && row < p->map.rows; row++) {
		runs = json_object_new_array();
		if (!push(a, runs))
			break;
		for (bin = 0; bin < p->map.bins; bin++) {
			from = bin;
			shade = plot_shade(p, row, bin);
			while (bin + 1 < p->map.bins && plot_shade(p, row, bin + 1) == shade)
				bin++;
			if (shade)
				push(runs, tuple((uint64_t[]) {
					from, bin + 1 - from, (shade - 1) / PLOT_STEPS,
					(shade - 1) % PLOT_STEPS }, 4));
		}
	}
	return a;
}

static struct json_object *marks(const struct plot *p)
{
	struct json_object *o = json_object_new_object(), *a;
	unsigned int mark, row, bin;
	uint64_t n;

	for (mark = 0; o && mark < PLOT_MARKS; mark++) {
		a = json_object_new_array();
		for (row = 0; a && row < p->map.rows; row++)
			for (bin = 0; bin < p->map.bins; bin++) {
				n = p->map.mark[mark][(size_t)row * p->map.bins + bin];
				if (n)
					push(a, tuple((uint64_t[]) { row, bin, n }, 3));
			}
		put(o, plot_mark_names[mark], a);
	}
	return o;
}

/* The map, for the page ---------------------------------------------------------- */

#define RUN	127

/*
 * A byte n below 128: n + 1 bytes as they are follow. Otherwise the next byte stands
 * n - 126 times.
 */
static size_t pack(const uint8_t *from, size_t len, uint8_t *to)
{
	size_t at = 0, out = 0, n;

	while (at < len) {
		for (n = 1; at + n < len && n <= RUN && from[at + n] == from[at]; n++)
			;
		if (n > 2) {
			to[out++] = n + 126;
			to[out++] = from[at];
			at += n;
			continue;
		}
		for (n = 1; at + n < len && n <= RUN &&
		     !(at + n + 2 < len && from[at + n] == from[at + n + 1] &&
		       from[at + n] == from[at + n + 2]); n++)
			;
		to[out++] = n - 1;
		memcpy(to + out, from + at, n);
		out += n;
		at += n;
	}
	return out;
}

static struct json_object *base64(const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc(len / 3 * 4 + 5), *to = text;
	struct json_object *o;
	uint32_t n;
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < len; i += 3) {
		n = data[i] << 16 | (i + 1 < len ? data[i + 1] << 8 : 0) |
		    (i + 2 < len ? data[i + 2] : 0);
		*to++ = digits[n >> 18];
		*to++ = digits[n >> 12 & 63];
		*to++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[n & 63] : '=';
	}
	o = json_object_new_string_len(text, to - text);
	free(text);
	return o;
}

static struct json_object *packed(const struct plot *p, int mark)
{
	size_t cells = (size_t)p->map.rows * p->map.bins, i;
	uint8_t *bytes = malloc(cells + 1), *out = malloc(cells + cells / 64 + 2);
	struct json_object *o = NULL;
	uint32_t n;

	for (i = 0; bytes && out && i < cells; i++) {
		n = mark < 0 ? plot_shade(p, i / p->map.bins, i % p->map.bins) :
		    p->map.mark[mark][i];
		bytes[i] = n < 255 ? n : 255;
	}
	if (bytes && out)
		o = base64(out, pack(bytes, cells, out));
	free(bytes);
	free(out);
	return o;
}

static struct json_object *packed_marks(const struct plot *p)
{
	struct json_object *o = json_object_new_object();
	int mark;

	for (mark = 0; o && mark < PLOT_MARKS; mark++)
		put(o, plot_mark_names[mark], packed(p, mark));
	return o;
}

static struct json_object *make(const struct plot *p, bool page)
{
	struct json_object *o = json_object_new_object();
	const char *name = strrchr(p->path, '/');
	bool ok;

	if (!o)
		return NULL;
	ok = put(o, "recording", json_object_new_string(name ? name + 1 : p->path)) &&
	     put(o, "begin_ns", number(p->begin)) &&
	     put(o, "end_ns", number(p->end)) &&
	     put(o, "bins", number(p->map.bins)) &&
	     put(o, "totals", totals(p)) &&
	     put(o, "processes", processes(p)) &&
	     put(o, "devices", devices(p)) &&
	     put(o, "bandwidth", bandwidth(p)) &&
	     put(o, "queues", lanes(p)) &&
	     put(o, "queues_left_out", json_object_new_boolean(p->more_lanes)) &&
	     put(o, "expensive", top(p)) &&
	     put(o, "row_bytes", number(p->map.row_bytes)) &&
	     put(o, "rows", number(p->map.rows)) &&
	     put(o, "ranges", ranges(p)) &&
	     put(o, "steps", number(PLOT_STEPS)) &&
	     put(o, "places", page ? packed(p, -1) : places(p)) &&
	     put(o, "marks", page ? packed_marks(p) : marks(p));
	if (ok)
		return o;
	json_object_put(o);
	return NULL;
}

static int write_json(const struct plot *p, bool page, FILE *to)
{
	struct json_object *o = make(p, page);
	const char *text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;

	if (text)
		fputs(text, to);
	json_object_put(o);
	if (!text)
		return -ENOMEM;
	return ferror(to) ? -EIO : 0;
}

int plot_json(struct plot *p, FILE *to)
{
	int ret = write_json(p, false, to);

	fputc('\n', to);
	return ret;
}

/* json-c writes a slash as \/, so that nothing in the data ends the script. */
int plot_html(struct plot *p, FILE *to)
{
	int ret;

	fputs(plot_page_head, to);
	ret = write_json(p, true, to);
	fputs(plot_page_tail, to);
	return ret ?: ferror(to) ? -EIO : 0;
}
