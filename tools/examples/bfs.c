// SPDX-License-Identifier: GPL-2.0-only
/*
 * bfs: the device searches a graph of the heap, breadth first. The CPU swaps the frontiers
 * between the levels, and searches once more by itself to check.
 *
 *	bfs [-n VERTICES] [PROGRAM]
 */
#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "bfs.h"
#include "example.h"

#define DEGREE		6	/* on average */
#define ITEMS		8

static struct vertex **make(size_t n)
{
	struct vertex **vertices = example_alloc(n * sizeof(*vertices)), *v;
	uint64_t seed = 7;
	uint32_t degree, k;
	size_t i;

	for (i = 0; i < n; i++) {
		degree = example_draw(&seed) % (2 * DEGREE + 1);
		vertices[i] = example_alloc(sizeof(*v) + degree * sizeof(v->edges[0]));
		vertices[i]->degree = degree;
	}
	for (i = 0; i < n; i++)
		for (k = 0; k < vertices[i]->degree; k++)
			vertices[i]->edges[k] = vertices[example_draw(&seed) % n];
	return vertices;
}

static void begin(struct graph *g, struct vertex **vertices, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		vertices[i]->level = BFS_FAR;
	vertices[0]->level = 0;
	g->frontier[0] = vertices[0];
	g->frontier_len = 1;
	g->next_len = 0;
	g->level = 0;
}

static void swap_frontiers(struct graph *g)
{
	struct vertex **done = g->frontier;

	g->frontier = g->next;
	g->frontier_len = g->next_len;
	g->next = done;
	g->next_len = 0;
	g->level++;
}

static void cpu_expands(struct graph *g)
{
	struct vertex *v;
	uint64_t i;
	uint32_t k;

	for (i = 0; i < g->frontier_len; i++) {
		v = g->frontier[i];
		for (k = 0; k < v->degree; k++) {
			if (v->edges[k]->level != BFS_FAR)
				continue;
			v->edges[k]->level = g->level + 1;
			g->next[g->next_len++] = v->edges[k];
		}
	}
}

/* -n and what belongs to it are taken out of the arguments. */
static size_t vertices_of(int *argc, char ***argv)
{
	size_t n = 4096;
	char *end = "";
	int c;

	while ((c = getopt(*argc, *argv, "n:")) == 'n')
		n = strtoul(optarg, &end, 0);
	if (c != -1 || *end || !n || n > 1 << 24)
		errx(2, "usage: bfs [-n VERTICES] [PROGRAM]");
	*argc -= optind - 1;
	*argv += optind - 1;
	return n;
}

int main(int argc, char **argv)
{
	size_t i, n = vertices_of(&argc, &argv);
	uint32_t *levels = example_alloc(n * sizeof(*levels));
	struct graph g = {
		.frontier = example_alloc(n * sizeof(*g.frontier)),
		.next = example_alloc(n * sizeof(*g.next)),
	};
	struct vertex **vertices = make(n);
	struct example e;
	unsigned int way;

	for (begin(&g, vertices, n); g.frontier_len; swap_frontiers(&g))
		cpu_expands(&g);
	for (i = 0; i < n; i++)
		levels[i] = vertices[i]->level;

	example_begin(&e, argc, argv, "bfs");
	for (way = 0; way < EXAMPLE_WAYS; way++) {
		begin(&g, vertices, n);
		example_way(&e, way);
		for (; g.frontier_len; swap_frontiers(&g))
			example_run(&e, "expand", &g, ITEMS);
		for (i = 0; i < n; i++)
			if (vertices[i]->level != levels[i])
				errx(1, "wrong: vertex %zu is at level %u, not %u", i,
				     vertices[i]->level, levels[i]);
		example_figures(&e, "bfs");
	}
	example_end(&e);
	for (i = 0; i < n; i++)
		free(vertices[i]);
	free(vertices);
	free(levels);
	free(g.frontier);
	free(g.next);
	return 0;
}
