// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's part of the example bfs: a work item looks at some vertices of the frontier.
 * Who changes the level of a vertex first puts it into the next frontier.
 */
#include "vsvm_device.h"
#include "bfs.h"

void expand(struct graph *g)
{
	struct vertex *v, *u;
	uint64_t i, at;
	uint32_t far, k;

	for (i = vsvm_item(); i < g->frontier_len; i += vsvm_items()) {
		v = g->frontier[i];
		for (k = 0; k < v->degree; k++) {
			u = v->edges[k];
			far = BFS_FAR;
			if (!__atomic_compare_exchange_n(&u->level, &far, g->level + 1, 0,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
				continue;
			at = __atomic_fetch_add(&g->next_len, 1, __ATOMIC_RELAXED);
			g->next[at] = u;
		}
	}
}
