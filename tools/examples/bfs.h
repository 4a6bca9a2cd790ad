/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two parts of the example bfs share. */
#ifndef BFS_H
#define BFS_H

#include <stdint.h>

#define BFS_FAR	UINT32_MAX	/* the level of a vertex that was not reached */

/* A vertex; malloc() put it somewhere, and the others that it points to. */
struct vertex {
	uint32_t level;
	uint32_t degree;
	struct vertex *edges[];
};

/**
 * struct graph - a search in progress
 * @level: of the vertices in @frontier
 * @frontier: vertices whose neighbours are looked at now
 * @frontier_len: their number
 * @next: out, those that were reached
 * @next_len: out, their number
 */
struct graph {
	uint32_t level;
	struct vertex **frontier;
	uint64_t frontier_len;
	struct vertex **next;
	uint64_t next_len;
};

#endif /* BFS_H */
