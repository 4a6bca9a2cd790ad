// SPDX-License-Identifier: GPL-2.0-only
/*
 * map: where the pages of a range live, for a person to look at.
 *
 * Owns the cells of a map, one byte for each character to be drawn, and the
 * sums of bytes. Both are made from snapshot runs as they come, so that the
 * cost of a map depends on what is drawn and not on the range: a terabyte of
 * nothing is one run.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "map.h"

#define ROW	64U
#define RUNS	256U

static const struct kind {
	char small;
	char huge;
	const char *text;
} kinds[MAP_PLACES] = {
	[DRM_VSVM_PLACE_ABSENT] = { '.', '.', "absent" },
	[DRM_VSVM_PLACE_ERROR] = { '!', '!', "not usable" },
	[DRM_VSVM_PLACE_ZERO] = { 'z', 'Z', "zero page" },
	[DRM_VSVM_PLACE_SYSTEM] = { 's', 'S', "system memory" },
	[DRM_VSVM_PLACE_DEVICE] = { 'd', 'D', "this device" },
	[DRM_VSVM_PLACE_PEER] = { 'p', 'P', "another device" },
};

#define MIXED	'+'

static void add_run(struct map *m, const struct drm_vsvm_run *run)
{
	unsigned int place = run->state & DRM_VSVM_STATE_PLACE;
	bool huge = run->state & DRM_VSVM_STATE_ORDER;
	uint64_t bytes = run->count * m->page_size;
	size_t first, last, i;
	unsigned char glyph;

	/* A place from a driver newer than this program. */
	if (place >= MAP_PLACES)
		place = DRM_VSVM_PLACE_ERROR;

	glyph = huge ? kinds[place].huge : kinds[place].small;
	if (huge)
		m->huge[place] += bytes;
	else
		m->small[place] += bytes;

	first = (run->start - m->start) / m->cell;
	last = (run->start - m->start + bytes - 1) / m->cell;
	for (i = first; i <= last && i < m->nr_cells; i++) {
		if (!m->cells[i])
			m->cells[i] = glyph;
		else if (m->cells[i] != glyph)
			m->cells[i] = MIXED;
	}
}

static int take_runs(struct map *m, struct vsvm *v)
{
	uint64_t at = m->start, end = m->start + m->len, next;
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
			add_run(m, &runs[i]);
	}
	return 0;
}

int map_take(struct map *m, struct vsvm *v, const void *addr, size_t len,
	     uint64_t page_size, size_t max_cells)
{
	int ret;

	memset(m, 0, sizeof(*m));
	m->start = (uintptr_t)addr;
	m->len = len;
	m->page_size = page_size;
	for (m->cell = page_size; (len - 1) / m->cell >= max_cells; )
		m->cell *= 2;
	m->nr_cells = (len - 1) / m->cell + 1;
	m->cells = calloc(m->nr_cells, 1);
	if (!m->cells)
		return -ENOMEM;

	ret = take_runs(m, v);
	if (ret)
		map_free(m);
	return ret;
}

void map_free(struct map *m)
{
	free(m->cells);
	m->cells = NULL;
}

uint64_t map_bytes(const struct map *m, unsigned int place)
{
	return m->small[place] + m->huge[place];
}

static void print_rows(const struct map *m, FILE *to)
{
	size_t i, nr;

	for (i = 0; i < m->nr_cells; i += nr) {
		nr = m->nr_cells - i < ROW ? m->nr_cells - i : ROW;
		fprintf(to, "    %012llx  %.*s\n",
			(unsigned long long)(m->start + i * m->cell), (int)nr,
			(const char *)m->cells + i);
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

void map_print(const struct map *m, FILE *to)
{
	unsigned long long pages = m->cell / m->page_size;
	char size[SIZE_TEXT];
	unsigned int i;

	print_rows(m, to);

	fputs("   ", to);
	for (i = 0; i < MAP_PLACES; i++) {
		print_kind(to, kinds[i].small, kinds[i].text, "", m->small[i]);
		print_kind(to, kinds[i].huge, kinds[i].text, ", huge pages",
			   m->huge[i]);
	}
	if (memchr(m->cells, MIXED, m->nr_cells))
		fprintf(to, "  %c mixed", MIXED);
	fprintf(to, "  (a character: %llu page%s, %s)\n", pages,
		pages == 1 ? "" : "s", size_text(m->cell, size));
}
