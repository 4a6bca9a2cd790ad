// SPDX-License-Identifier: GPL-2.0-only
/*
 * matrix: the device multiplies two matrices in blocks; a work item is a band of rows.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"
#include "matrix.h"

#define N	96

/* One element, as anyone would. */
static int32_t product(const struct matrices *m, size_t i, size_t j)
{
	int32_t sum = 0;
	size_t k;

	for (k = 0; k < N; k++)
		sum += m->a[i * N + k] * m->b[k * N + j];
	return sum;
}

int main(int argc, char **argv)
{
	int32_t *a = example_alloc(N * N * sizeof(*a));
	int32_t *b = example_alloc(N * N * sizeof(*b));
	int32_t *c = example_alloc(N * N * sizeof(*c));
	struct matrices m = { .n = N, .a = a, .b = b, .c = c };
	uint64_t seed = 1;
	struct example e;
	unsigned int way;
	size_t i;

	for (i = 0; i < N * N; i++) {
		a[i] = (int32_t)example_draw(&seed) % 1000;
		b[i] = (int32_t)example_draw(&seed) % 1000;
	}
	example_begin(&e, argc, argv, "matrix");
	for (way = 0; way < EXAMPLE_WAYS; way++) {
		memset(c, 0, N * N * sizeof(*c));
		example_way(&e, way);
		example_run(&e, "multiply", &m, N / MATRIX_BLOCK);
		for (i = 0; i < N * N; i++)
			if (c[i] != product(&m, i / N, i % N))
				errx(1, "wrong: element %zu, %zu", i / N, i % N);
		example_figures(&e, "matrix");
	}
	example_end(&e);
	free(a);
	free(b);
	free(c);
	return 0;
}
