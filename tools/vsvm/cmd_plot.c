// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm plot: a recording as a picture, as a page, and as data for those who draw
 * themselves.
 *
 * Owns the plot and the file that it goes to.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "vsvm.h"

/* What a picture has room for, and what a page that can be zoomed into has. */
#define BINS		400
#define ROWS		160
#define PAGE_BINS	1600
#define PAGE_ROWS	320

struct options {
	const char *path;
	const char *output;
	bool json;
	bool chrome;
};

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len > n && !strcmp(text + len - n, end);
}

static const struct argp_option argp_options[] = {
	{ "output", 'o', "FILE", 0, "What to write: FILE.svg or FILE.html (RECORDING.svg)", 0 },
	{ "json", 'j', NULL, 0, "Write the numbers that would be drawn, as JSON", 0 },
	{ "chrome", 'c', NULL, 0, "Write a trace for Perfetto and chrome://tracing", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;

	switch (key) {
	case 'o':
		opts->output = arg;
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	case 'c':
		opts->chrome = true;
		return 0;
	case ARGP_KEY_ARG:
		if (opts->path)
			argp_error(state, "one recording, and not '%s' as well", arg);
		opts->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!opts->path)
			argp_error(state, "which recording?");
		if (opts->json && opts->chrome)
			argp_error(state, "--json and --chrome are two files");
		if (opts->output && !opts->json && !opts->chrome &&
		    !ends_with(opts->output, ".svg") && !ends_with(opts->output, ".html"))
			argp_error(state, "--output: '%s' ends neither with .svg nor with .html",
				   opts->output);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "RECORDING",
	.doc = "Draw what 'vsvm record' or trace-cmd recorded.",
};

/* The driver counts for itself. If no event is lost, what is drawn is as much. */
static void differ(const struct plot *p, unsigned int device, const struct plot_count *c)
{
	if (c->known && c->after - c->before != c->drawn)
		complain(0, "%s: device %u counted %" PRIu64 " %s, and the events say %" PRIu64,
			 p->path, device, c->after - c->before, c->name, c->drawn);
}

static void check(const struct plot *p)
{
	unsigned int i;
	size_t n;

	if (p->total.lost)
		complain(0, "%s: %" PRIu64 " or more events are missing", p->path, p->total.lost);
	for (i = 0; i < PLOT_DEVICES; i++)
		for (n = 0; n < p->device[i].counts; n++)
			differ(p, i, &p->device[i].count[n]);
}

static int draw(const struct options *opts, FILE *to)
{
	bool page = opts->output && ends_with(opts->output, ".html") && !opts->json &&
		    !opts->chrome;
	struct plot p;
	int ret;

	ret = plot_make(&p, opts->path, page ? PAGE_BINS : BINS, page ? PAGE_ROWS : ROWS);
	if (!ret) {
		ret = opts->json ? plot_json(&p, to) : opts->chrome ? plot_chrome(&p, to) :
		      page ? plot_html(&p, to) : plot_svg(&p, to);
		if (ret)
			complain(ret, "%s", opts->output ?: "standard output");
		check(&p);
	}
	plot_free(&p);
	return ret;
}

int cmd_plot(int argc, char **argv)
{
	struct options opts = { 0 };
	FILE *to = stdout;
	char name[4096];
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	if (!opts.output && !opts.json && !opts.chrome) {
		snprintf(name, sizeof(name), "%.4000s.svg", opts.path);
		opts.output = name;
	}
	if (opts.output)
		to = fopen(opts.output, "we");
	if (!to) {
		complain(-errno, "--output %s", opts.output);
		return EXIT_WRONG;
	}
	ret = draw(&opts, to);
	if (opts.output && fclose(to)) {
		complain(-errno, "%s", opts.output);
		ret = -EIO;
	}
	if (ret && opts.output)
		remove(opts.output);
	return ret ? EXIT_WRONG : EXIT_OK;
}
