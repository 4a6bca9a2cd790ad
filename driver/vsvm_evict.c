// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction: device pages migrate to system memory by their index, without an mm or a
 * mapping.
 *
 * The allocator knows which pages of a block are in use; core mm finds the mappings of
 * each. A page that is locked or freed meanwhile is skipped, so several passes may be
 * needed.
 *
 * When the device is full, the block that was used longest ago is evicted. A client
 * loses a block to another client only while it owns more than the fair share: all
 * blocks divided by the number of clients that own any or want one. A client that owns
 * its fair share makes room among its own blocks, too, and cannot push out a smaller
 * client.
 *
 * When a device is unplugged, all of its pages migrate to system memory. A page of a
 * coherent device cannot while a pipe has a reference to it. Memory with such pages is
 * left behind, with a work item that destroys it later.
 *
 * Lifetime: a call; for memory left behind, until its last page is freed. Locks:
 * &vsvm_devmem.evict_lock while making room; core mm takes folio locks by trylock. The
 * caller holds no lock that a CPU fault takes, and no folio lock. It waits for
 * evict_lock outside of drm_dev_enter(), with a reference to the struct, and makes room
 * inside.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include VSVM_FOLIO_BATCH_H

#include "vsvm_charge.h"
#include "vsvm_cold.h"
#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_pagemap.h"
#include "vsvm_trace.h"

/* Blocks to try to evict for one reservation. */
#define MAX_TRIES	8
/* How long unplug waits for pages that could not move. */
#define PATIENCE	(5 * HZ)
/* Longest interval between two looks at memory left behind. */
#define MAX_PAUSE	(8 * HZ)

static void tell_evicted(struct vsvm_block *b, enum vsvm_cause cause,
			 const struct vsvm_home *home)
{
	vsvm_devmem_tell(b, NULL, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_EVICT,
		.cause = cause,
		.bytes = (u64)home->moved << PAGE_SHIFT,
		.count = home->npages - home->moved,
	});
}

/* True if a page of a block was pinned since it was chosen, and stays for that. */
static bool is_kept(struct vsvm_block *b, unsigned long fair)
{
	struct vsvm_client *client;

	guard(spinlock_irqsave)(&b->devmem->lock);
	client = rcu_dereference_protected(b->client,
					   lockdep_is_held(&b->devmem->lock));
	return client && vsvm_cold_stays(b, client, fair);
}

/*
 * Migrates the pages of @b to system memory, unless pins below a part of the share @fair
 * keep them; 0: they do not. Returns the number of pages that stayed.
 */
static unsigned long evict_block(struct vsvm_block *b, struct vsvm_moves *a,
				 enum vsvm_cause cause, bool gently,
				 unsigned long fair)
{
	struct vsvm_devmem *dm = b->devmem;
	struct vsvm_home home = {
		.src = a->src,
		.dst = a->dst,
		.gently = gently,
	};

	home.npages = vsvm_devmem_sources(b, a->src);
	if (!home.npages)
		return 0;

	memset(a->dst, 0, sizeof(a->dst));
	trace_vsvm_migrate_begin(dm->device, cause, DRM_VSVM_TARGET_SYSTEM,
				 vsvm_devmem_first(b),
				 home.npages << PAGE_SHIFT);
	migrate_device_pfns(a->src, home.npages);
	vsvm_inject_pause(dm->inject, EVICT_COLLECTED);
	/* From here on they are unmapped, so nobody pins them. Else they stay. */
	if (!fair || !is_kept(b, fair))
		vsvm_home_copy(&home);
	vsvm_inject_pause(dm->inject, EVICT_COPIED);
	vsvm_home_recall(&home);
	migrate_device_pages(a->src, a->dst, home.npages);
	vsvm_home_settle(&home);
	vsvm_home_account(&home, b, cause, vsvm_devmem_first(b),
			  home.npages - home.moved - home.host_full);
	if (cause == VSVM_CAUSE_EVICTION)
		vsvm_devmem_count(b, VSVM_STAT_EVICTIONS, !!home.moved);
	trace_vsvm_evict(dm->device, cause, b - dm->blocks, home.npages,
			 home.moved);
	if (vsvm_events_any() && home.moved)
		tell_evicted(b, cause, &home);
	vsvm_inject_pause(dm->inject, EVICT_MOVED);
	migrate_device_finalize(a->src, a->dst, home.npages);
	return home.npages - home.moved;
}

/**
 * vsvm_evict_gently() - migrate a block's pages when the host is short of memory
 * @b: the block
 * @moves: arrays of the caller
 *
 * Runs in reclaim: see vsvm_shrink_scan(). Allocates system memory page by page,
 * without reclaim and without the reserves.
 *
 * Return: true if no page of the block stayed.
 */
bool vsvm_evict_gently(struct vsvm_block *b, struct vsvm_moves *moves)
{
	return !evict_block(b, moves, VSVM_CAUSE_EVICTION, true, 0);
}

/* The same order as in &vsvm_client.cold: by use, then by number. */
static bool is_colder(const struct vsvm_block *a, const struct vsvm_block *b)
{
	long later = READ_ONCE(a->rank) - READ_ONCE(b->rank);

	return later ? later < 0 : a < b;
}

/*
 * The block to evict for @wants; NULL: there is none; -EAGAIN: call again. Clients and
 * blocks may come and go meanwhile. An outdated view makes the choice worse, but not
 * wrong.
 */
static struct vsvm_block *choose_block(struct vsvm_devmem *dm,
				       struct vsvm_client *wants,
				       unsigned long since,
				       unsigned long *budget)
{
	unsigned long has = READ_ONCE(wants->nr_blocks);
	unsigned long fair = vsvm_devmem_fair(dm, !has);
	bool limited = READ_ONCE(wants->limited);
	struct vsvm_block *best = NULL, *b;
	struct vsvm_client *client;

	guard(rcu)();
	list_for_each_entry_rcu(client, &dm->clients, link) {
		/* Blocks of other clients make no room below the limit of a cgroup. */
		if (limited && client != wants)
			continue;
		/* Own blocks only from the fair share on, others' only above it. */
		if (limited ? false : client == wants ? has < max(fair, 1) :
				     READ_ONCE(client->nr_blocks) <= fair)
			continue;
		b = vsvm_cold_first(dm, client, fair, since, budget);
		if (IS_ERR(b))
			return b;
		if (b && (!best || is_colder(b, best)))
			best = b;
	}
	return best;
}

static struct vsvm_block *coldest_block(struct vsvm_devmem *dm,
					struct vsvm_client *wants,
					unsigned long since)
{
	unsigned long budget = dm->nr_blocks;
	struct vsvm_block *b;

	lockdep_assert_held(&dm->evict_lock);
	while ((b = choose_block(dm, wants, since, &budget)) == ERR_PTR(-EAGAIN))
		cond_resched();
	return b;
}

/*
 * The block to evict for @wants. A client whose blocks are mostly empty gets room for a
 * huge page by giving up one of them.
 */
static struct vsvm_block *victim(struct vsvm_devmem *dm,
				 struct vsvm_client *wants, bool huge,
				 unsigned long since)
{
	if (huge && !vsvm_devmem_may_spread(dm, wants))
		return vsvm_devmem_emptiest(dm, wants);
	return coldest_block(dm, wants, since);
}

/* Tries to evict one block. Returns false if there is nothing to evict. */
static bool evict_one(struct vsvm_devmem *dm, struct vsvm_client *wants,
		      bool huge, unsigned long since, struct vsvm_moves *a)
{
	struct vsvm_block *b = VSVM_INJECT(dm->inject, EVICT_VICTIM, NULL,
					   victim(dm, wants, huge, since));

	if (!b)
		return false;
	/* If its pages cannot move now, the next try takes another block. */
	vsvm_cold_warm(b);
	if (!VSVM_INJECT(dm->inject, EVICT_BLOCK, true, false))
		evict_block(b, a, VSVM_CAUSE_EVICTION, false,
			    vsvm_devmem_fair(dm, !READ_ONCE(wants->nr_blocks)));
	return true;
}

/*
 * munlock, which munmap() of locked memory does too, puts a page into a batch of the
 * current processor, with a reference that keeps the page from moving until that
 * processor drains its batches. Core mm exports no function that drains the batches of
 * all processors, but __folio_batch_release() first drains those of the current one.
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

/*
 * Any user can have a full device, and go on asking for room. So that they cannot have
 * work run on all processors all the time, drains are at least a second apart.
 */
static void drain_sometimes(struct vsvm_devmem *dm)
{
	lockdep_assert_held(&dm->evict_lock);
	if (time_before(jiffies, dm->drained + HZ))
		return;
	drain_all_batches();
	dm->drained = jiffies;
}

/* Reserves small pages or one block, without evicting; returns how many. */
static unsigned int take(struct vsvm_devmem *dm, struct vsvm_client *client,
			 struct vsvm_purse *purse, unsigned long *pages,
			 unsigned int n, bool block)
{
	struct vsvm_block *b;

	if (!block)
		return vsvm_devmem_reserve(dm, client, purse, pages, n);
	b = vsvm_devmem_reserve_block(dm, client, purse);
	if (!b)
		return 0;
	*pages = vsvm_devmem_first(b);
	return 1;
}

/**
 * vsvm_evict_lock() - wait for the right to make room
 * @dm: the device's memory; the caller holds a reference in &vsvm_devmem.refs, because
 *	the device may be unplugged meanwhile
 *
 * Under the lock a thread does nothing but make room, inside drm_dev_enter().
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

static unsigned int reserve(struct vsvm_devmem *dm,
			    const struct vsvm_context *ctx,
			    struct vsvm_client *client, unsigned long *pages,
			    unsigned int n, bool block, bool *evicted)
{
	unsigned long since = READ_ONCE(dm->clock);
	struct vsvm_moves *a;
	unsigned int got, tries;

	lockdep_assert_held(&dm->evict_lock);
	got = take(dm, client, ctx->purse, pages, n, block);
	if (got == n)
		return got;

	a = VSVM_INJECT(dm->inject, EVICT_ARRAYS, NULL,
			kvmalloc_obj(*a, GFP_KERNEL));
	if (!a)
		return got;
	/* Another thread may have freed pages, so each turn tries to reserve first. */
	for (tries = 0; ; tries++) {
		got += take(dm, client, ctx->purse, pages + got, n - got, block);
		/* An empty purse pays for no block, however many are evicted. */
		if (got == n || tries > MAX_TRIES ||
		    (ctx->purse && !atomic_long_read(&ctx->purse->nr)) ||
		    VSVM_INJECT(dm->inject, EVICT_TRIES, true,
				vsvm_context_stops(ctx)))
			break;
		if (tries == MAX_TRIES)
			drain_sometimes(dm);
		else if (evict_one(dm, client, block, since, a))
			*evicted = true;
		else
			tries = MAX_TRIES;
		cond_resched();
	}
	kvfree(a);
	return got;
}

/**
 * vsvm_evict_reserve() - reserve small device pages, evicting blocks if necessary
 * @dm: the device's memory; the caller holds vsvm_evict_lock()
 * @ctx: for whom
 * @client: the client to reserve for
 * @pages: out, their indices
 * @n: number of pages wanted, at most a block's
 * @evicted: set to true if a block was tried, which may be the client's own
 *
 * Return: number of pages reserved. Less than @n after MAX_TRIES blocks that did not
 * make enough room, when there is nothing to evict, without memory for the arrays, or
 * when the caller is being killed.
 */
unsigned int vsvm_evict_reserve(struct vsvm_devmem *dm,
				const struct vsvm_context *ctx,
				struct vsvm_client *client,
				unsigned long *pages, unsigned int n,
				bool *evicted)
{
	return reserve(dm, ctx, client, pages, n, false, evicted);
}

/**
 * vsvm_evict_reserve_block() - reserve an empty block, evicting blocks if necessary
 * @dm: the device's memory; the caller holds vsvm_evict_lock()
 * @ctx: for whom
 * @client: the client to reserve for
 * @evicted: set to true if a block was tried, which may be the client's own
 *
 * Return: the block. NULL: the device has only small pages, or as vsvm_evict_reserve().
 */
struct vsvm_block *vsvm_evict_reserve_block(struct vsvm_devmem *dm,
					    const struct vsvm_context *ctx,
					    struct vsvm_client *client,
					    bool *evicted)
{
	unsigned long first;

	if (!vsvm_devmem_huge(dm) ||
	    !reserve(dm, ctx, client, &first, 1, true, evicted))
		return NULL;
	return vsvm_devmem_block(dm, first);
}

/**
 * struct retired - memory of an unplugged device with pages in use
 * @work: tries to migrate the pages
 * @dm: the memory
 * @pause: jiffies until the next try
 * @moves: arrays for the tries
 */
struct retired {
	struct delayed_work work;
	struct vsvm_devmem *dm;
	unsigned long pause;
	struct vsvm_moves moves;
};

static struct workqueue_struct *retired_wq;

/* Tries each block once, until @deadline; 0: without a deadline. */
static void evict_pass(struct retired *r, unsigned long deadline)
{
	unsigned long block;

	for (block = 0; block < r->dm->nr_blocks; block++) {
		evict_block(&r->dm->blocks[block], &r->moves,
			    VSVM_CAUSE_UNPLUG, false, 0);
		cond_resched();
		if (deadline && time_after(jiffies, deadline))
			break;
	}
}

/*
 * No thread waits for this, so it does not drain the batches of other processors. It
 * drops the module reference while it runs code of the module; vsvm_evict_exit() waits
 * until it has returned.
 */
static void look_again(struct work_struct *work)
{
	struct retired *r = container_of(to_delayed_work(work), struct retired,
					 work);

	evict_pass(r, 0);
	if (READ_ONCE(r->dm->nr_used)) {
		r->pause = min(2 * r->pause, MAX_PAUSE);
		queue_delayed_work(retired_wq, &r->work, r->pause);
		return;
	}
	pr_info("vsvm: device %u: the last page is freed\n", r->dm->device);
	vsvm_pagemap_destroy(r->dm);
	kvfree(r);
	module_put(THIS_MODULE);
}

/*
 * Leaves memory whose pages cannot move now to look_again(). Returns false when the
 * module is being unloaded.
 */
static bool leave_behind(struct retired *r)
{
	if (!try_module_get(THIS_MODULE))
		return false;
	pr_warn("vsvm: device %u: %lu pages are still in use; its memory stays until they are freed\n",
		r->dm->device, READ_ONCE(r->dm->nr_used));
	INIT_DELAYED_WORK(&r->work, look_again);
	r->pause = HZ / 8;
	queue_delayed_work(retired_wq, &r->work, r->pause);
	return true;
}

/**
 * vsvm_evict_retire() - migrate all pages to system memory, and destroy the memory
 * @dm: the memory, of which no more pages are reserved; the caller loses it
 *
 * Tries each page once, however long that takes, and retries what is left for PATIENCE.
 * Pages that are still in use then, because a pipe has a reference or because the host
 * is full, keep the memory, and the memory keeps the module. look_again() retries at
 * growing intervals.
 *
 * When the module is being unloaded that is not possible, and this function waits. That
 * happens with private memory only: pages in use of a coherent device hold a module
 * reference, so the module cannot be unloaded. Private pages cannot be kept for ever,
 * because taking a reference to one for long (a pin, a pipe) migrates it to system
 * memory first.
 *
 * Context: Process context, sleeps.
 */
void vsvm_evict_retire(struct vsvm_devmem *dm)
{
	unsigned long deadline, warn, pause = 1000;
	struct retired *r;

	/* Unplug cannot go on without it. */
	r = kvmalloc_obj(*r, GFP_KERNEL | __GFP_NOFAIL);
	r->dm = dm;
	vsvm_pagemap_close(dm);
	evict_pass(r, 0);
	deadline = jiffies + PATIENCE;
	warn = deadline;
	while (READ_ONCE(dm->nr_used)) {
		if (time_after(jiffies, deadline) && leave_behind(r))
			return;
		if (time_after(jiffies, warn)) {
			pr_warn("vsvm: device %u: still %lu pages to migrate to system memory\n",
				dm->device, READ_ONCE(dm->nr_used));
			warn = jiffies + 10 * HZ;
		}
		drain_all_batches();
		fsleep(pause);
		pause = min(2 * pause, USEC_PER_SEC);
		evict_pass(r, jiffies + PATIENCE);
	}
	kvfree(r);
	vsvm_pagemap_destroy(dm);
}

/**
 * vsvm_evict_init() - set up before the first device exists
 *
 * Return: 0 or -ENOMEM.
 */
int vsvm_evict_init(void)
{
	retired_wq = alloc_workqueue("vsvm", WQ_UNBOUND, 0);
	return retired_wq ? 0 : -ENOMEM;
}

/**
 * vsvm_evict_exit() - undo vsvm_evict_init() after the last device
 *
 * No memory is left behind any more, because it would hold a module reference. The work
 * item that dropped the last one may not have returned yet; destroy_workqueue() waits
 * for it.
 */
void vsvm_evict_exit(void)
{
	destroy_workqueue(retired_wq);
}
