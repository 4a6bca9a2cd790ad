// SPDX-License-Identifier: GPL-2.0-only
/*
 * picture: where the pages of a range live, for a person to look at.
 *
 * Owns the cells of a picture, one byte for each character to be drawn, and the
 * sums of bytes. Both are made from snapshot runs as they come, so that the
 * cost of a picture depends on what is drawn and not on the range: a terabyte of
 * nothing is one run.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "picture.h"

#define ROW	64U
#define RUNS	256U

static const struct kind {
	char small;
	char huge;
	const char *text;
} kinds[PICTURE_PLACES] = {
	[DRM_VSVM_PLACE_ABSENT] = { '.', '.', "absent" },
	[DRM_VSVM_PLACE_ERROR] = { '!', '!', "not usable" },
	[DRM_VSVM_PLACE_ZERO] = { 'z', 'Z', "zero page" },
	[DRM_VSVM_PLACE_SYSTEM] = { 's', 'S', "system memory" },
	[DRM_VSVM_PLACE_DEVICE] = { 'd', 'D', "this device" },
	[DRM_VSVM_PLACE_PEER] = { 'p', 'P', "another device" },
};

#define MIXED	'+'

static void add_run(struct picture *p, const struct drm_vsvm_run *run)
{
	unsigned int place = run->state & DRM_VSVM_STATE_PLACE;
	bool huge = run->state & DRM_VSVM_STATE_ORDER;
	uint64_t bytes = run->count * p->page_size;
	size_t first, last, i;
	unsigned char glyph;

	/* A place from a driver newer than this program. */
	if (place >= PICTURE_PLACES)
		place = DRM_VSVM_PLACE_ERROR;

	glyph = huge ? kinds[place].huge : kinds[place].small;
	if (huge)
		p->huge[place] += bytes;
	else
		p->small[place] += bytes;

	first = (run->start - p->start) / p->cell;
	last = (run->start - p->start + bytes - 1) / p->cell;
	for (i = first; i <= last && i < p->nr_cells; i++) {
		if (!p->cells[i])
			p->cells[i] = glyph;
		else if (p->cells[i] != glyph)
			p->cells[i] = MIXED;
	}
}

static int take_runs(struct picture *p, struct vsvm *v)
{
	uint64_t at = p->start, end = p->start + p->len, next;
	struct drm_vsvm_run runs[RUNS];
	uint32_t nr, i;
	int ret;

	for (; at != end; at = next) {
		nr = RUNS;
		ret = vsvm_snapshot(v, (void *)(uintptr_t)at, end - at, runs,
				    &nr, &next);
		if (ret)
			return ret;
		/* Never go round for ever, whatever the driver says. */
		if (next <= at || next > end || nr > RUNS)
			return -EPROTO;
		for (i = 0; i < nr; i++)
			add_run(p, &runs[i]);
	}
	return 0;
}

int picture_take(struct picture *p, struct vsvm *v, const void *addr, size_t len,
		 uint64_t page_size, size_t max_cells)
{
	int ret;

	memset(p, 0, sizeof(*p));
	p->start = (uintptr_t)addr;
	p->len = len;
	p->page_size = page_size;
	for (p->cell = page_size; (len - 1) / p->cell >= max_cells; )
		p->cell *= 2;
	p->nr_cells = (len - 1) / p->cell + 1;
	p->cells = calloc(p->nr_cells, 1);
	if (!p->cells)
		return -ENOMEM;

	ret = take_runs(p, v);
	if (ret)
		picture_free(p);
	return ret;
}

void picture_free(struct picture *p)
{
	free(p->cells);
	p->cells = NULL;
}

uint64_t picture_bytes(const struct picture *p, unsigned int place)
{
	return p->small[place] + p->huge[place];
}

static void print_rows(const struct picture *p, FILE *to)
{
	size_t i, nr;

	for (i = 0; i < p->nr_cells; i += nr) {
		nr = p->nr_cells - i < ROW ? p->nr_cells - i : ROW;
		fprintf(to, "    %012llx  %.*s\n",
			(unsigned long long)(p->start + i * p->cell), (int)nr,
			(const char *)p->cells + i);
	}
}

static void print_kind(FILE *to, char glyph, const char *text, const char *pages,
		       uint64_t bytes)
{
	char size[SIZE_TEXT];

	if (bytes)
		fprintf(to, "  %c %s%s %s", glyph, text, pages,
			size_text(bytes, size));
}

void picture_print(const struct picture *p, FILE *to)
{
	unsigned long long pages = p->cell / p->page_size;
	char size[SIZE_TEXT];
	unsigned int i;

	print_rows(p, to);

	fputs("   ", to);
	for (i = 0; i < PICTURE_PLACES; i++) {
		print_kind(to, kinds[i].small, kinds[i].text, "", p->small[i]);
		print_kind(to, kinds[i].huge, kinds[i].text, ", huge pages",
			   p->huge[i]);
	}
	if (memchr(p->cells, MIXED, p->nr_cells))
		fprintf(to, "  %c mixed", MIXED);
	fprintf(to, "  (a character: %llu page%s, %s)\n", pages,
		pages == 1 ? "" : "s", size_text(p->cell, size));
}
