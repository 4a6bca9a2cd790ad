/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two parts of the example matrix share, that of the CPU and that of the device. */
#ifndef MATRIX_H
#define MATRIX_H

#include <stdint.h>

#define MATRIX_BLOCK	16	/* rows and columns that are worked on at a time */

/**
 * struct matrices - three square matrices, row by row
 * @n: rows of each, a multiple of MATRIX_BLOCK
 * @a: the first factor
 * @b: the second one
 * @c: their product, zero at first
 */
struct matrices {
	uint64_t n;
	const int32_t *a;
	const int32_t *b;
	int32_t *c;
};

#endif /* MATRIX_H */
