// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of a plot: which addresses have a row, and where their pages are at each time.
 *
 * Owns pieces of 2 MiB, ranges, rows and cells. First all addresses are touched, then
 * they are laid out, and then pages are put in places in the order of time. A row counts
 * its pages by place; when that changes, what was before goes to its cells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

#define GRANULE_SHIFT	16
#define GRANULES	32
#define LEAST_GAP	(1UL << 20)
/* More pieces at once are none of a workload. */
#define MAX_SPAN	(1UL << 40)
#define FIRST_ROOM	1024

static uint64_t hash(pid_t pid, uint64_t nr)
{
	return (nr * 0x9e3779b97f4a7c15UL ^ (uint64_t)pid * 0xff51afd7ed558ccdUL) >> 20;
}

/* Until they are laid out, the pieces are a hash table; one without granules is free. */
static struct plot_piece *slot(const struct plot *p, pid_t pid, uint64_t nr)
{
	size_t i = hash(pid, nr) % p->room;

	while (p->piece[i].granules &&
	       (p->piece[i].pid != pid || p->piece[i].nr != nr))
		i = (i + 1) % p->room;
	return &p->piece[i];
}

static int grow(struct plot *p)
{
	struct plot_piece *old = p->piece;
	size_t room = p->room, i;

	p->piece = calloc(room ? 2 * room : FIRST_ROOM, sizeof(*p->piece));
	if (!p->piece) {
		p->piece = old;
		return -ENOMEM;
	}
	p->room = room ? 2 * room : FIRST_ROOM;
	for (i = 0; i < room; i++)
		if (old[i].granules)
			*slot(p, old[i].pid, old[i].nr) = old[i];
	free(old);
	return 0;
}

/**
 * plot_touch() - give addresses a place on the map
 * @p: the plot, before plot_lay_out()
 * @pid: the process that they are of
 * @addr: the first
 * @bytes: how many
 *
 * Return: 0 or -ENOMEM.
 */
int plot_touch(struct plot *p, pid_t pid, uint64_t addr, uint64_t bytes)
{
	uint64_t first = addr >> GRANULE_SHIFT, last, g;
	struct plot_piece *piece;

	if (!bytes || bytes > MAX_SPAN || addr + bytes < addr)
		return 0;
	last = (addr + bytes - 1) >> GRANULE_SHIFT;
	for (g = first; g <= last; g++) {
		if (p->nr_pieces * 2 >= p->room && grow(p))
			return -ENOMEM;
		piece = slot(p, pid, g / GRANULES);
		p->nr_pieces += !piece->granules;
		piece->pid = pid;
		piece->nr = g / GRANULES;
		piece->granules |= 1U << g % GRANULES;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct plot_piece *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Ranges that have less than @gap between them are one; their number. */
static size_t join(const struct plot *p, uint64_t gap, struct plot_range *range)
{
	struct plot_range r = { .pid = -1 };
	uint64_t at;
	size_t i, n = 0;
	int g;

	for (i = 0; i < p->nr_pieces; i++) {
		for (g = 0; g < GRANULES; g++) {
			if (!(p->piece[i].granules & 1U << g))
				continue;
			at = (p->piece[i].nr * GRANULES + g) << GRANULE_SHIFT;
			if (r.pid == p->piece[i].pid && at - r.end < gap) {
				r.end = at + (1UL << GRANULE_SHIFT);
				if (range)
					range[n - 1].end = r.end;
				continue;
			}
			r = (struct plot_range) {
				.pid = p->piece[i].pid,
				.start = at,
				.end = at + (1UL << GRANULE_SHIFT),
			};
			if (range)
				range[n] = r;
			n++;
		}
	}
	return n;
}

static unsigned int count_rows(const struct plot_map *m, uint64_t row_bytes)
{
	unsigned int rows = 0;
	size_t i;

	for (i = 0; i < m->nr_ranges && rows <= m->rows; i++)
		rows += (m->range[i].end - m->range[i].start + row_bytes - 1) / row_bytes;
	return rows;
}

static int make_cells(struct plot_map *m)
{
	size_t cells = (size_t)m->rows * m->bins;
	int i;

	m->row = calloc(m->rows, sizeof(*m->row));
	m->known = calloc(cells, sizeof(*m->known));
	m->on = calloc(cells, sizeof(*m->on));
	m->device = calloc(cells, sizeof(*m->device));
	for (i = 0; i < PLOT_MARKS; i++) {
		m->mark[i] = calloc(cells, sizeof(*m->mark[i]));
		if (!m->mark[i])
			return -ENOMEM;
	}
	return m->row && m->known && m->on && m->device ? 0 : -ENOMEM;
}

/**
 * plot_lay_out() - give all touched addresses rows, as many bytes in each
 * @p: the plot; plot_map.rows says how many there may be, and then how many there are
 *
 * Return: 0 or -ENOMEM.
 */
int plot_lay_out(struct plot *p)
{
	struct plot_map *m = &p->map;
	uint64_t gap = LEAST_GAP;
	unsigned int row = 0;
	size_t i, n = 0;

	for (i = 0; i < p->room; i++)
		if (p->piece[i].granules)
			p->piece[n++] = p->piece[i];
	if (n)
		qsort(p->piece, n, sizeof(*p->piece), by_address);
	while ((m->nr_ranges = join(p, gap, NULL)) > m->rows * 2 / 3 && gap < 1UL << 50)
		gap *= 2;
	/* A process for each row, if there are so many. */
	m->range = calloc(m->nr_ranges + 1, sizeof(*m->range));
	if (!m->range)
		return -ENOMEM;
	join(p, gap, m->range);
	if (m->nr_ranges > m->rows)
		m->nr_ranges = m->rows;
	m->row_bytes = PAGE_BYTES;
	while (count_rows(m, m->row_bytes) > m->rows)
		m->row_bytes *= 2;
	for (i = 0; i < m->nr_ranges; i++) {
		m->range[i].row = row;
		m->range[i].rows = (m->range[i].end - m->range[i].start + m->row_bytes - 1) /
				   m->row_bytes;
		row += m->range[i].rows;
	}
	m->rows = row;
	return make_cells(m);
}

/* The piece of an address, or NULL if it was never touched. */
struct plot_piece *plot_find(struct plot *p, pid_t pid, uint64_t addr)
{
	struct plot_piece key = { .pid = pid, .nr = addr >> PIECE_SHIFT };

	return p->nr_pieces ? bsearch(&key, p->piece, p->nr_pieces, sizeof(key), by_address) :
	       NULL;
}

/* The first piece that is not in front of an address. */
static size_t find_from(const struct plot *p, pid_t pid, uint64_t addr)
{
	struct plot_piece key = { .pid = pid, .nr = addr >> PIECE_SHIFT };
	size_t low = 0, high = p->nr_pieces, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (by_address(&p->piece[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The row of an address, or -1. */
int plot_row_of(const struct plot *p, pid_t pid, uint64_t addr)
{
	const struct plot_map *m = &p->map;
	const struct plot_range *r;
	size_t low = 0, high = m->nr_ranges, middle;

	while (low < high) {
		middle = (low + high) / 2;
		r = &m->range[middle];
		if (r->pid < pid || (r->pid == pid && r->end <= addr))
			low = middle + 1;
		else
			high = middle;
	}
	r = &m->range[low];
	if (low == m->nr_ranges || r->pid != pid || addr < r->start)
		return -1;
	return r->row + (addr - r->start) / m->row_bytes;
}

unsigned int plot_bin(const struct plot *p, uint64_t time)
{
	uint64_t span = p->end - p->begin + 1;
	uint64_t at = time < p->begin ? 0 : time - p->begin;
	uint64_t bin = (double)at / span * p->map.bins;

	return bin < p->map.bins ? bin : p->map.bins - 1;
}

static uint64_t bin_end(const struct plot *p, unsigned int bin)
{
	return p->begin + (double)(p->end - p->begin + 1) * (bin + 1) / p->map.bins;
}

void plot_mark(struct plot *p, enum plot_mark mark, pid_t pid, uint64_t addr,
	       uint64_t bytes, uint64_t time)
{
	unsigned int bin = plot_bin(p, time);
	int row = plot_row_of(p, pid, addr);
	int last = bytes ? plot_row_of(p, pid, addr + bytes - 1) : row;

	if (row < 0)
		return;
	do
		p->map.mark[mark][(size_t)row * p->map.bins + bin]++;
	while (++row <= last);
}

/* Draws what a row was until now. */
static void settle(struct plot *p, unsigned int nr, uint64_t time)
{
	struct plot_map *m = &p->map;
	struct plot_row *row = &m->row[nr];
	uint32_t on = 0, most = 0;
	unsigned int device = 0, i, bin;
	uint64_t until;
	size_t cell;

	if (time <= row->since)
		return;
	for (i = 0; row->known && i < PLOT_DEVICES; i++) {
		on += row->on[i];
		if (row->on[i] > most) {
			most = row->on[i];
			device = i;
		}
	}
	for (bin = plot_bin(p, row->since); row->known && row->since < time; bin++) {
		until = bin + 1 < m->bins ? bin_end(p, bin) : time;
		if (until > time)
			until = time;
		if (until <= row->since)
			continue;
		cell = (size_t)nr * m->bins + bin;
		m->known[cell] += (float)row->known * (until - row->since);
		m->on[cell] += (float)on * (until - row->since);
		if (on)
			m->device[cell] = device;
		row->since = until;
	}
	row->since = time;
}

static void count_page(struct plot_row *row, unsigned int place, int by)
{
	if (place >= PLACE_SYSTEM)
		row->known += by;
	if (place >= PLACE_DEVICE)
		row->on[place - PLACE_DEVICE] += by;
}

/* Puts pages of a piece that are in one row, or in none. */
static void put_pages(struct plot *p, struct plot_piece *piece, unsigned int first,
		      unsigned int end, int row, unsigned int place, int only, uint64_t time)
{
	unsigned int i;

	if (row >= 0)
		settle(p, row, time);
	for (i = first; i < end; i++) {
		if (piece->place[i] == place || (only >= 0 && piece->place[i] != only))
			continue;
		if (row >= 0) {
			count_page(&p->map.row[row], piece->place[i], -1);
			count_page(&p->map.row[row], place, 1);
		}
		piece->place[i] = place;
	}
}

/* The first address after @addr that has another row. */
static uint64_t row_end(const struct plot *p, pid_t pid, uint64_t addr, int row)
{
	const struct plot_map *m = &p->map;
	size_t i;

	for (i = 0; row >= 0 && i < m->nr_ranges; i++)
		if (m->range[i].pid == pid && addr >= m->range[i].start &&
		    addr < m->range[i].end)
			return m->range[i].start + (row - m->range[i].row + 1) * m->row_bytes;
	return addr + (1UL << GRANULE_SHIFT);
}

static void put_piece(struct plot *p, struct plot_piece *piece, uint64_t at, uint64_t end,
		      unsigned int place, int only, uint64_t time)
{
	uint64_t base = piece->nr << PIECE_SHIFT, next;
	int row;

	if (at < base)
		at = base;
	if (end > base + PIECE)
		end = base + PIECE;
	for (; at < end; at = next) {
		row = plot_row_of(p, piece->pid, at);
		next = row_end(p, piece->pid, at, row);
		if (next > end)
			next = end;
		put_pages(p, piece, (at - base) / PAGE_BYTES,
			  (next - base + PAGE_BYTES - 1) / PAGE_BYTES, row, place, only, time);
	}
}

int plot_put(struct plot *p, pid_t pid, uint64_t addr, uint64_t bytes, unsigned int place,
	     int only, uint64_t time)
{
	uint64_t end = addr + bytes;
	struct plot_piece *piece;
	size_t i;

	if (end < addr)
		end = UINT64_MAX;
	for (i = find_from(p, pid, addr); i < p->nr_pieces; i++) {
		piece = &p->piece[i];
		if (piece->pid != pid || piece->nr << PIECE_SHIFT >= end)
			return 0;
		if (!piece->place) {
			if (place == PLACE_NONE)
				continue;
			piece->place = calloc(PIECE_PAGES, 1);
			if (!piece->place)
				return -ENOMEM;
		}
		put_piece(p, piece, addr, end, place, only, time);
	}
	return 0;
}

void plot_settle(struct plot *p)
{
	unsigned int i;

	for (i = 0; i < p->map.rows; i++)
		settle(p, i, p->end + 1);
}

unsigned int plot_shade(const struct plot *p, unsigned int row, unsigned int bin)
{
	const struct plot_map *m = &p->map;
	size_t cell = (size_t)row * m->bins + bin;
	unsigned int part;

	if (m->known[cell] <= 0)
		return 0;
	/* A little on a device is seen, and a little that is not. */
	part = m->on[cell] / m->known[cell] * (PLOT_STEPS - 2) + 0.999f;
	if (m->on[cell] > m->known[cell] * 0.999f)
		part = PLOT_STEPS - 1;
	else if (m->on[cell] <= 0)
		part = 0;
	return 1 + m->device[cell] * PLOT_STEPS + part;
}
