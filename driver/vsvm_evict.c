// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction: device pages go home by physical page, without an mm or a mapping.
 *
 * The allocator says which pages of a block are live; core mm finds whoever
 * maps them. A page that is locked, or freed meanwhile, is skipped, so it takes
 * passes.
 *
 * When the device is full, the block that was used longest ago goes. But only a
 * process that has more than its fair share loses a block to another: all
 * blocks divided by the processes that have any, or want one. A process that has
 * its share makes room among its own, too, and cannot push out a smaller one.
 *
 * Lifetime: a call. Locks: &vsvm_devmem.evict_lock while making room; folio
 * locks, by core's trylock. The caller holds no lock that a CPU fault takes, and
 * no folio lock. He waits for evict_lock outside of drm_dev_enter(), and has the
 * struct referenced for that; whatever else is done here is inside.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/folio_batch.h>
#include <linux/migrate.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "vsvm_devmem.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_trace.h"

/* Blocks to try before a caller gets less than it wanted. */
#define MAX_TRIES	8

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

static void count_skips(struct vsvm_devmem *dm, unsigned long pfn,
			unsigned long n, enum vsvm_cause cause,
			enum drm_vsvm_stay reason)
{
	if (!n)
		return;
	vsvm_devmem_count(dm, pfn, VSVM_STAT_SKIPPED + reason, n);
	trace_vsvm_skip(dm->device, cause, PFN_PHYS(pfn), n, reason);
}

/* Counts and says what came of it, while what moved is still locked. */
static void count_block(struct vsvm_devmem *dm, unsigned long block,
			const struct vsvm_home *home, enum vsvm_cause cause)
{
	unsigned long pfn = dm->first_pfn + (block << VSVM_BLOCK_ORDER);
	unsigned long stayed = home->npages - home->moved;

	if (cause == VSVM_CAUSE_EVICTION) {
		vsvm_devmem_count(dm, pfn, VSVM_STAT_HOME + cause, home->moved);
		vsvm_devmem_count(dm, pfn, VSVM_STAT_EVICTIONS, !!home->moved);
	}
	count_skips(dm, pfn, home->host_full, cause, DRM_VSVM_STAY_HOST_FULL);
	count_skips(dm, pfn, stayed - home->host_full, cause,
		    DRM_VSVM_STAY_BUSY);
	trace_vsvm_migrate_end(dm->device, cause, DRM_VSVM_TARGET_SYSTEM,
			       PFN_PHYS(pfn), (u64)home->moved << PAGE_SHIFT,
			       home->order, stayed);
	trace_vsvm_evict(dm->device, cause, block, home->npages, home->moved);
}

static void evict_block(struct vsvm_devmem *dm, unsigned long block,
			struct evict_arrays *a, enum vsvm_cause cause)
{
	struct vsvm_home home = { .src = a->src, .dst = a->dst };

	home.npages = live_pfns(dm, block, a->src);
	if (!home.npages)
		return;

	memset(a->dst, 0, sizeof(a->dst));
	trace_vsvm_migrate_begin(dm->device, cause, DRM_VSVM_TARGET_SYSTEM,
				 PFN_PHYS(dm->first_pfn +
					  (block << VSVM_BLOCK_ORDER)),
				 home.npages << PAGE_SHIFT);
	migrate_device_pfns(a->src, home.npages);
	vsvm_inject_pause(dm->inject, EVICT_COLLECTED);
	vsvm_home_copy(&home);
	vsvm_inject_pause(dm->inject, EVICT_COPIED);
	vsvm_home_recall(&home);
	migrate_device_pages(a->src, a->dst, home.npages);
	vsvm_home_settle(&home);
	count_block(dm, block, &home, cause);
	vsvm_inject_pause(dm->inject, EVICT_MOVED);
	migrate_device_finalize(a->src, a->dst, home.npages);
}

/*
 * The block to go for @wants, or nr_blocks if there is none. Unlocked: a choice
 * that is out of date is a worse choice, no more.
 */
static unsigned long coldest_block(struct vsvm_devmem *dm,
				   struct vsvm_share *wants)
{
	unsigned long has = READ_ONCE(wants->nr_blocks);
	unsigned long fair = vsvm_devmem_fair(dm, !has);
	unsigned long best = dm->nr_blocks, use = 0, i;
	struct vsvm_share *share;
	struct vsvm_block *b;

	rcu_read_lock();
	for (i = 0; i < dm->nr_blocks; i++) {
		b = &dm->blocks[i];
		share = rcu_dereference(b->share);
		/* Without a page it is only just being opened. */
		if (!share || !READ_ONCE(b->nr_used))
			continue;
		/* Its own only once it has its share, others' only above theirs. */
		if (share == wants ? has < max(fair, 1) :
				     READ_ONCE(share->nr_blocks) <= fair)
			continue;
		if (best < dm->nr_blocks &&
		    (long)(READ_ONCE(b->last_use) - use) >= 0)
			continue;
		best = i;
		use = READ_ONCE(b->last_use);
	}
	rcu_read_unlock();
	return best;
}

/* Makes some room. Returns false if there is nothing to evict. */
static bool evict_coldest(struct vsvm_devmem *dm, struct vsvm_share *wants,
			  struct evict_arrays *a)
{
	unsigned long block = VSVM_INJECT(dm->inject, EVICT_VICTIM,
					  dm->nr_blocks,
					  coldest_block(dm, wants));

	if (block == dm->nr_blocks)
		return false;
	/* If it cannot go now, the next try takes another one. */
	vsvm_devmem_warm(dm, block);
	if (!VSVM_INJECT(dm->inject, EVICT_BLOCK, true, false))
		evict_block(dm, block, a, VSVM_CAUSE_EVICTION);
	return true;
}

/*
 * A page that was munlocked, as munmap() does, is in a batch of the processor that
 * did it, with a reference that keeps it here, until that one has a reason to look
 * at its batches. Core exports nothing that makes all processors look, but this is
 * what the release of a batch begins with.
 */
static long drain_batches(void *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
	return 0;
}

static void drain_all_batches(void)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, drain_batches, NULL);
	cpus_read_unlock();
}

/* Takes what there is, one kind or the other; returns how much. */
static unsigned int take(struct vsvm_devmem *dm, struct vsvm_share *share,
			 unsigned long *pfns, unsigned int n, bool block)
{
	if (!block)
		return vsvm_devmem_reserve(dm, share, pfns, n);
	*pfns = vsvm_devmem_reserve_block(dm, share);
	return *pfns ? 1 : 0;
}

/**
 * vsvm_evict_lock() - wait for one's turn to make room
 * @dm: the device's memory, or what is left of it: &vsvm_devmem.refs is held
 *
 * Who has the turn does nothing but make room, and that inside drm_dev_enter().
 *
 * Return: 0 or -EINTR.
 */
int vsvm_evict_lock(struct vsvm_devmem *dm)
{
	return VSVM_INJECT(dm->inject, EVICT_LOCK, -EINTR,
			   mutex_lock_killable(&dm->evict_lock));
}

/**
 * vsvm_evict_unlock() - undo vsvm_evict_lock()
 * @dm: the device's memory
 */
void vsvm_evict_unlock(struct vsvm_devmem *dm)
{
	mutex_unlock(&dm->evict_lock);
}

static unsigned int reserve(struct vsvm_devmem *dm, struct vsvm_share *share,
			    unsigned long *pfns, unsigned int n, bool block,
			    bool *evicted)
{
	struct evict_arrays *a;
	unsigned int got, tries;

	lockdep_assert_held(&dm->evict_lock);
	got = take(dm, share, pfns, n, block);
	if (got == n)
		return got;

	a = VSVM_INJECT(dm->inject, EVICT_ARRAYS, NULL,
			kvmalloc_obj(*a, GFP_KERNEL));
	if (!a)
		return got;
	/* There may be room by now, also without our doing, to the very end. */
	for (tries = 0; ; tries++) {
		got += take(dm, share, pfns + got, n - got, block);
		if (got == n || tries > MAX_TRIES ||
		    VSVM_INJECT(dm->inject, EVICT_TRIES, true,
				fatal_signal_pending(current)))
			break;
		if (tries == MAX_TRIES)
			drain_all_batches();
		else if (evict_coldest(dm, share, a))
			*evicted = true;
		else
			tries = MAX_TRIES;
		cond_resched();
	}
	kvfree(a);
	return got;
}

/**
 * vsvm_evict_reserve() - take small device pages, making room if need be
 * @dm: the device's memory; the caller has vsvm_evict_lock()
 * @share: for whom
 * @pfns: out, device pfns
 * @n: how many, at most a block's
 * @evicted: set to true if pages had to go, which may be the caller's own
 *
 * Return: how many there were; less than @n after MAX_TRIES blocks that could
 * not go, or when the caller is being killed.
 */
unsigned int vsvm_evict_reserve(struct vsvm_devmem *dm,
				struct vsvm_share *share, unsigned long *pfns,
				unsigned int n, bool *evicted)
{
	return reserve(dm, share, pfns, n, false, evicted);
}

/**
 * vsvm_evict_reserve_block() - take an empty block, making room if need be
 * @dm: the device's memory; the caller has vsvm_evict_lock()
 * @share: for whom
 * @evicted: set to true if pages had to go, which may be the caller's own
 *
 * Return: device pfn of the first page, or 0, as vsvm_evict_reserve() has less.
 */
unsigned long vsvm_evict_reserve_block(struct vsvm_devmem *dm,
				       struct vsvm_share *share, bool *evicted)
{
	unsigned long pfn;

	if (vsvm_devmem_coherent(dm))
		return 0;
	return reserve(dm, share, &pfn, 1, true, evicted) ? pfn : 0;
}

/**
 * vsvm_evict_all() - bring every page home, before the memory goes away
 * @dm: the memory; nobody takes pages of it any more
 *
 * Does not return before the last page left: the memory cannot be unmapped
 * earlier. Says so in the log when that takes long.
 */
void vsvm_evict_all(struct vsvm_devmem *dm)
{
	unsigned long warn = jiffies + 10 * HZ, block;
	struct evict_arrays *a;

	/* Two pages; there is no way on without them. */
	a = kmalloc_obj(*a, GFP_KERNEL | __GFP_NOFAIL);
	while (READ_ONCE(dm->nr_used)) {
		for (block = 0; block < dm->nr_blocks; block++) {
			evict_block(dm, block, a, VSVM_CAUSE_UNPLUG);
			cond_resched();
		}
		if (READ_ONCE(dm->nr_used)) {
			drain_all_batches();
			fsleep(1000);
		}
		if (time_after(jiffies, warn)) {
			pr_warn("vsvm: device %u: still %lu pages to bring home\n",
				dm->device, READ_ONCE(dm->nr_used));
			warn = jiffies + 10 * HZ;
		}
	}
	kfree(a);
}
