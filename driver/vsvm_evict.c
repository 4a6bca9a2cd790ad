// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction: device pages go home by physical page, without an mm or a mapping.
 *
 * The allocator says which pages of a block are live; core mm finds whoever
 * maps them. A page that is locked, or freed meanwhile, is skipped, so it takes
 * passes.
 *
 * Lifetime: a call. Locks: folio locks, by core's trylock; the caller holds no
 * lock that a CPU fault takes.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/migrate.h>
#include <linux/slab.h>

#include "vsvm_devmem.h"
#include "vsvm_evict.h"

struct evict_arrays {
	unsigned long src[VSVM_BLOCK_PAGES];
	unsigned long dst[VSVM_BLOCK_PAGES];
};

/* Fills src with the live pfns of a block, in order; returns how many. */
static unsigned long live_pfns(struct vsvm_devmem *dm, unsigned long block,
			       unsigned long *src)
{
	struct vsvm_block *b = &dm->blocks[block];
	unsigned long flags, bit, n = 0;

	spin_lock_irqsave(&dm->lock, flags);
	for_each_set_bit(bit, b->used, VSVM_BLOCK_PAGES)
		src[n++] = dm->first_pfn + (block << VSVM_BLOCK_ORDER) + bit;
	spin_unlock_irqrestore(&dm->lock, flags);
	return n;
}

static void evict_block(struct vsvm_devmem *dm, unsigned long block,
			struct evict_arrays *a)
{
	struct vsvm_home home = { .src = a->src, .dst = a->dst };

	home.npages = live_pfns(dm, block, a->src);
	if (!home.npages)
		return;

	memset(a->dst, 0, sizeof(a->dst));
	migrate_device_pfns(a->src, home.npages);
	vsvm_devmem_home_copy(&home);
	migrate_device_pages(a->src, a->dst, home.npages);
	vsvm_devmem_home_settle(&home);
	migrate_device_finalize(a->src, a->dst, home.npages);
}

/**
 * vsvm_evict_all() - bring every page home, before the memory goes away
 * @dm: the memory; nobody takes pages of it any more
 *
 * Does not return before the last page left: the memory cannot be unmapped
 * earlier. Says so in the log when that takes long.
 *
 * Return: 0, or -ENOMEM when it could not even start.
 */
int vsvm_evict_all(struct vsvm_devmem *dm)
{
	unsigned long warn = jiffies + 10 * HZ, block;
	struct evict_arrays *a;

	a = kvmalloc_obj(*a, GFP_KERNEL);
	if (!a)
		return -ENOMEM;

	while (READ_ONCE(dm->nr_used)) {
		for (block = 0; block < dm->nr_blocks; block++) {
			evict_block(dm, block, a);
			cond_resched();
		}
		if (READ_ONCE(dm->nr_used))
			fsleep(1000);
		if (time_after(jiffies, warn)) {
			pr_warn("vsvm: device %u: still %lu pages to bring home\n",
				dm->device, READ_ONCE(dm->nr_used));
			warn = jiffies + 10 * HZ;
		}
	}
	kvfree(a);
	return 0;
}
