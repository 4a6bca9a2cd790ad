// SPDX-License-Identifier: GPL-2.0-only
/*
 * progress: a bar that fills while work goes on.
 *
 * Owns the line that the cursor is in, from progress_start() until
 * progress_finish(). On a terminal the line is drawn again and again with the
 * part done; in a pipe or a log it grows to the right and is never taken back,
 * so that nothing but the finished bar is left to read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

#define WIDTH	40U
#define BAR	"########################################"

static bool can_redraw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

static void draw(const struct progress *p, unsigned int percent)
{
	printf("\r    %-16s [%-*.*s] %3u%%", p->what, WIDTH, p->filled, BAR,
	       percent);
}

void progress_start(struct progress *p, const char *what, uint64_t total)
{
	p->what = what;
	p->total = total;
	p->filled = 0;
	p->redraw = can_redraw();

	if (p->redraw)
		draw(p, 0);
	else
		printf("    %-16s [", what);
	fflush(stdout);
}

void progress_at(struct progress *p, uint64_t done)
{
	double part = (double)done / p->total;
	unsigned int now = part * WIDTH;

	if (p->redraw) {
		p->filled = now;
		draw(p, part * 100);
	} else {
		for (; p->filled < now; p->filled++)
			putchar('#');
	}
	fflush(stdout);
}

void progress_finish(struct progress *p)
{
	/* A bar that stopped short stays short: blanks up to its end. */
	if (!p->redraw)
		printf("%*s] %3u%%", WIDTH - p->filled, "",
		       p->filled * 100 / WIDTH);
	putchar('\n');
	fflush(stdout);
}
