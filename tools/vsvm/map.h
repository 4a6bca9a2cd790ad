/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map: where the pages of a range live, for a person to look at.
 */
#ifndef VSVM_MAP_H
#define VSVM_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libvsvm.h"

/* Places as in a snapshot, each for small pages and for huge ones. */
#define MAP_PLACES	(DRM_VSVM_PLACE_PEER + 1)

struct map {
	uint64_t start;
	uint64_t len;
	uint64_t cell;		/* bytes per character, a power of two */
	uint64_t page_size;
	size_t nr_cells;
	unsigned char *cells;
	uint64_t small[MAP_PLACES];	/* bytes */
	uint64_t huge[MAP_PLACES];
};

/**
 * map_take() - look at a range, page aligned, of any length
 * @m: out, free it with map_free() when 0 was returned
 * @v: the device that looks
 * @addr: first byte
 * @len: bytes
 * @page_size: of the device
 * @max_cells: most characters that the drawing may have
 */
int map_take(struct map *m, struct vsvm *v, const void *addr, size_t len,
	     uint64_t page_size, size_t max_cells);
void map_free(struct map *m);

/* Bytes in one place, in pages of either size. */
uint64_t map_bytes(const struct map *m, unsigned int place);

/* The drawing, with a legend of what is in it. */
void map_print(const struct map *m, FILE *to);

#endif /* VSVM_MAP_H */
