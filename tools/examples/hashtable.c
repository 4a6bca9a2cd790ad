// SPDX-License-Identifier: GPL-2.0-only
/*
 * hashtable: CPU threads and the device count keys in one table, without a lock. Each key is
 * counted by both sides, in different orders, so that they meet.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"
#include "hashtable.h"

#define KEYS	8192
#define SLOTS	(4 * KEYS)
#define ITEMS	8
#define THREADS	2

static struct table table;

static void *cpu_counts(void *unused)
{
	uint64_t key;

	(void)unused;
	for (key = KEYS; key; key--)
		table_count(&table, key);
	return NULL;
}

static void check(void)
{
	size_t i, keys = 0;

	for (i = 0; i < SLOTS; i++) {
		if (!table.slots[i].key)
			continue;
		keys++;
		if (table.slots[i].key > KEYS || table.slots[i].count != THREADS + 1)
			errx(1, "wrong: key %llu was counted %llu times",
			     (unsigned long long)table.slots[i].key,
			     (unsigned long long)table.slots[i].count);
	}
	if (keys != KEYS)
		errx(1, "wrong: %zu keys of %u", keys, KEYS);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct example e;
	unsigned int way, i;

	table = (struct table) {
		.slots = example_alloc(SLOTS * sizeof(*table.slots)),
		.mask = SLOTS - 1,
		.each = KEYS / ITEMS,
		.first = 1,
		.stride = 1,
	};
	example_begin(&e, argc, argv, "hashtable");
	for (way = 0; way < EXAMPLE_WAYS; way++) {
		memset(table.slots, 0, SLOTS * sizeof(*table.slots));
		example_way(&e, way);
		for (i = 0; i < THREADS; i++) {
			errno = pthread_create(&threads[i], NULL, cpu_counts, NULL);
			if (errno)
				err(1, "a thread");
		}
		example_run(&e, "count_keys", &table, ITEMS);
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		check();
		example_figures(&e, "hashtable");
	}
	example_end(&e);
	free(table.slots);
	return 0;
}
