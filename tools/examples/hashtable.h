/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hash table that CPU threads and the device fill at the same time: both compile this.
 * A slot is taken by compare-and-swap of its key, and its count goes up by atomic addition.
 */
#ifndef HASHTABLE_H
#define HASHTABLE_H

#include <stdint.h>

struct slot {
	uint64_t key;		/* 0: free */
	uint64_t count;
};

/**
 * struct table - a hash table, and what the device is to put there
 * @slots: a power of two, more than there are keys
 * @mask: their number less one
 * @each: keys of a work item
 * @first: the first key of all
 * @stride: from a key to the next one
 */
struct table {
	struct slot *slots;
	uint64_t mask;
	uint64_t each;
	uint64_t first;
	uint64_t stride;
};

/* Counts a key, which is not 0. */
static inline void table_count(const struct table *t, uint64_t key)
{
	uint64_t i = (key * 0x9e3779b97f4a7c15ULL) >> 20, seen;

	for (;; i++) {
		struct slot *s = &t->slots[i & t->mask];

		seen = 0;
		if (__atomic_compare_exchange_n(&s->key, &seen, key, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE) || seen == key) {
			__atomic_fetch_add(&s->count, 1, __ATOMIC_RELAXED);
			return;
		}
	}
}

#endif /* HASHTABLE_H */
