// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's part of the example hashtable: a work item counts keys in a table.
 *
 * As a program of its own it makes a million insertions, half of them of keys that are
 * there, and returns 0 if every key was counted twice.
 */
#include "vsvm_device.h"
#include "hashtable.h"

#define KEYS	500000
#define SLOTS	(1 << 20)

void count_keys(const struct table *t)
{
	uint64_t key = t->first + vsvm_item() * t->each * t->stride, i;

	for (i = 0; i < t->each; i++, key += t->stride)
		table_count(t, key);
}

static struct slot slots[SLOTS];

int main(void)
{
	const struct table t = { .slots = slots, .mask = SLOTS - 1 };
	uint64_t i, keys = 0;

	for (i = 0; i < 2 * KEYS; i++)
		table_count(&t, i % KEYS + 1);
	for (i = 0; i < SLOTS; i++)
		if (slots[i].key) {
			keys++;
			if (slots[i].count != 2)
				return 1;
		}
	return keys != KEYS;
}
