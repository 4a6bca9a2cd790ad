/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * picture: where the pages of a range live, for a person to look at.
 */
#ifndef VSVM_PICTURE_H
#define VSVM_PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libvsvm.h"

/* Places as in a snapshot, each for small pages and for huge ones. */
#define PICTURE_PLACES	(DRM_VSVM_PLACE_PEER + 1)

struct picture {
	uint64_t start;
	uint64_t len;
	uint64_t cell;		/* bytes per character, a power of two */
	uint64_t page_size;
	size_t nr_cells;
	unsigned char *cells;
	uint64_t small[PICTURE_PLACES];	/* bytes */
	uint64_t huge[PICTURE_PLACES];
};

/**
 * picture_take() - look at a range, page aligned, of any length
 * @p: out, free it with picture_free() when 0 was returned
 * @v: the device that looks
 * @addr: first byte
 * @len: bytes
 * @page_size: of the device
 * @max_cells: most characters that the drawing may have
 */
int picture_take(struct picture *p, struct vsvm *v, const void *addr, size_t len,
		 uint64_t page_size, size_t max_cells);
void picture_free(struct picture *p);

/* Bytes in one place, in pages of either size. */
uint64_t picture_bytes(const struct picture *p, unsigned int place);

/* The drawing, with a legend of what is in it. */
void picture_print(const struct picture *p, FILE *to);

#endif /* VSVM_PICTURE_H */
