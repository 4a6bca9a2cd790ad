// SPDX-License-Identifier: GPL-2.0-only
/*
 * chase: the device follows lists whose nodes malloc() put anywhere. Each step needs what
 * the last one read, so that nothing can be asked for in advance.
 */
#include <err.h>
#include <stdlib.h>

#include "chase.h"
#include "example.h"

#define LISTS	8
#define NODES	4096
#define MAX_BYTES	2048	/* of a node, with what the program keeps in it */

/* Nodes of all sizes, linked in an order that has nothing to do with where they are. */
static void make(struct node **nodes, struct chase *c)
{
	struct node *swap;
	uint64_t seed = 1;
	size_t i, j;

	for (i = 0; i < NODES; i++) {
		nodes[i] = example_alloc(sizeof(*nodes[i]) + example_draw(&seed) % MAX_BYTES);
		nodes[i]->value = example_draw(&seed);
	}
	for (i = NODES - 1; i > 0; i--) {
		j = example_draw(&seed) % (i + 1);
		swap = nodes[i];
		nodes[i] = nodes[j];
		nodes[j] = swap;
	}
	for (i = 0; i < NODES; i++) {
		nodes[i]->next = c->heads[i % LISTS];
		c->heads[i % LISTS] = nodes[i];
	}
}

static void check(const struct chase *c)
{
	const struct node *node;
	uint64_t sum;
	size_t i;

	for (i = 0; i < LISTS; i++) {
		sum = 0;
		for (node = c->heads[i]; node; node = node->next)
			sum += node->value;
		if (c->sums[i] != sum)
			errx(1, "wrong: the sum of list %zu", i);
	}
}

int main(int argc, char **argv)
{
	struct node **nodes = example_alloc(NODES * sizeof(*nodes));
	struct chase c = {
		.heads = example_alloc(LISTS * sizeof(*c.heads)),
		.sums = example_alloc(LISTS * sizeof(*c.sums)),
	};
	struct example e;
	unsigned int way;
	size_t i;

	make(nodes, &c);
	example_begin(&e, argc, argv, "chase");
	for (way = 0; way < EXAMPLE_WAYS; way++) {
		example_way(&e, way);
		example_run(&e, "follow", &c, LISTS);
		check(&c);
		example_figures(&e, "chase");
	}
	example_end(&e);
	for (i = 0; i < NODES; i++)
		free(nodes[i]);
	free(nodes);
	free(c.heads);
	free(c.sums);
	return 0;
}
