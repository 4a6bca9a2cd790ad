/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two parts of the example chase share. */
#ifndef CHASE_H
#define CHASE_H

#include <stdint.h>

/* A node of a list; malloc() put each somewhere. */
struct node {
	struct node *next;
	uint64_t value;
};

/**
 * struct chase - lists to follow
 * @heads: the first node of each
 * @sums: out, the sum of the values of each
 */
struct chase {
	struct node **heads;
	uint64_t *sums;
};

#endif /* CHASE_H */
