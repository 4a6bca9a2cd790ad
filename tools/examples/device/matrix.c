// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's part of the example matrix: an integer product, row by row.
 *
 * As a program of its own it multiplies two matrices of 64 x 64, and returns 0 if the
 * product's sum is right, on the device as under qemu-riscv64.
 */
#include "vsvm_device.h"
#include "matrix.h"

#define N	64

/* A work item is a block of rows. */
void multiply(const struct matrices *m)
{
	uint64_t first = vsvm_item() * MATRIX_BLOCK, n = m->n, i, j, k, jj, kk;

	for (kk = 0; kk < n; kk += MATRIX_BLOCK)
		for (jj = 0; jj < n; jj += MATRIX_BLOCK)
			for (i = first; i < first + MATRIX_BLOCK; i++)
				for (k = kk; k < kk + MATRIX_BLOCK; k++)
					for (j = jj; j < jj + MATRIX_BLOCK; j++)
						m->c[i * n + j] += m->a[i * n + k] *
								   m->b[k * n + j];
}

static int32_t a[N][N], b[N][N], c[N][N];

int main(void)
{
	int64_t sum = 0, want = 0;
	int i, j, k;

	for (i = 0; i < N; i++)
		for (j = 0; j < N; j++) {
			a[i][j] = i - j;
			b[i][j] = i * j % 7;
		}
	for (i = 0; i < N; i++)
		for (j = 0; j < N; j++)
			for (k = 0; k < N; k++)
				c[i][j] += a[i][k] * b[k][j];
	for (i = 0; i < N; i++)
		for (j = 0; j < N; j++)
			sum += c[i][j];
	/* The sum of all elements is that of column sums of a times row sums of b. */
	for (k = 0; k < N; k++) {
		int64_t column = 0, row = 0;

		for (i = 0; i < N; i++) {
			column += a[i][k];
			row += b[k][i];
		}
		want += column * row;
	}
	return sum != want;
}
