// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction: device pages go home by their index, without an mm or a mapping.
 *
 * The allocator says which pages of a block are live; core mm finds whoever
 * maps them. A page that is locked, or freed meanwhile, is skipped, so it takes
 * passes.
 *
 * When the device is full, the block that was used longest ago goes. But only a
 * process that has more than its fair share loses a block to another: all
 * blocks divided by the processes that have any, or want one. A process that has
 * its client makes room among its own, too, and cannot push out a smaller one.
 *
 * When a device is unplugged, all of its pages go home. Some may not be able to:
 * a page of a coherent device that is in a pipe stays there as long as the pipe
 * wants. Such memory is left behind, with a work item that destroys it later.
 *
 * Lifetime: a call; or, of what is left behind, until its last page is gone.
 * Locks: &vsvm_devmem.evict_lock while making room; folio
 * locks, by core's trylock. The caller holds no lock that a CPU fault takes, and
 * no folio lock. He waits for evict_lock outside of drm_dev_enter(), and has the
 * struct referenced for that; whatever else is done here is inside.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/folio_batch.h>
#include <linux/jiffies.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "vsvm_devmem.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_pagemap.h"
#include "vsvm_trace.h"

/* Blocks to try before a caller gets less than it wanted. */
#define MAX_TRIES	8
/* How long unplug waits for pages that could not go. */
#define PATIENCE	(5 * HZ)
/* How long such pages may be gone before somebody notices. */
#define MAX_PAUSE	(8 * HZ)

/* Returns how many pages stayed. */
static unsigned long evict_block(struct vsvm_block *b, struct vsvm_moves *a,
				 enum vsvm_cause cause, bool gently)
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
	vsvm_inject_pause(dm->inject, EVICT_MOVED);
	migrate_device_finalize(a->src, a->dst, home.npages);
	return home.npages - home.moved;
}

/**
 * vsvm_evict_gently() - bring a block's pages home for a host short of memory
 * @b: the block
 * @moves: the caller's
 *
 * May run in reclaim: see vsvm_shrink_scan(). Takes of the host's memory what is
 * there for the asking, a page for each.
 *
 * Return: true if nothing is left in the block.
 */
bool vsvm_evict_gently(struct vsvm_block *b, struct vsvm_moves *moves)
{
	return !evict_block(b, moves, VSVM_CAUSE_EVICTION, true);
}

/* The same order as within a client: by use, then by number. */
static bool is_colder(const struct vsvm_block *a, const struct vsvm_block *b)
{
	long later = READ_ONCE(a->rank) - READ_ONCE(b->rank);

	return later ? later < 0 : a < b;
}

/*
 * The block to go for @wants; NULL: there is none; -EAGAIN: call again. Of clients
 * and blocks that come and go meanwhile it sees some: a choice that is out of date
 * is a worse choice, no more.
 */
static struct vsvm_block *choose_block(struct vsvm_devmem *dm,
				       struct vsvm_client *wants,
				       unsigned long *budget)
{
	unsigned long has = READ_ONCE(wants->nr_blocks);
	unsigned long fair = vsvm_devmem_fair(dm, !has);
	bool limited = READ_ONCE(wants->limited);
	struct vsvm_block *best = NULL, *b;
	struct vsvm_client *client;

	guard(rcu)();
	list_for_each_entry_rcu(client, &dm->clients, link) {
		/* Nobody else's block makes room below the limit of its cgroup. */
		if (limited && client != wants)
			continue;
		/* Its own only once it has its share, others' only above theirs. */
		if (limited ? false : client == wants ? has < max(fair, 1) :
				     READ_ONCE(client->nr_blocks) <= fair)
			continue;
		b = vsvm_devmem_coldest(dm, client, budget);
		if (IS_ERR(b))
			return b;
		if (b && (!best || is_colder(b, best)))
			best = b;
	}
	return best;
}

static struct vsvm_block *coldest_block(struct vsvm_devmem *dm,
					struct vsvm_client *wants)
{
	unsigned long budget = dm->nr_blocks;
	struct vsvm_block *b;

	lockdep_assert_held(&dm->evict_lock);
	while ((b = choose_block(dm, wants, &budget)) == ERR_PTR(-EAGAIN))
		cond_resched();
	return b;
}

/*
 * The block to go for @wants. Who has too many that are mostly empty makes room for
 * a huge page by having fewer.
 */
static struct vsvm_block *victim(struct vsvm_devmem *dm,
				 struct vsvm_client *wants, bool huge)
{
	if (huge && !vsvm_devmem_may_spread(dm, wants))
		return vsvm_devmem_emptiest(dm, wants);
	return coldest_block(dm, wants);
}

/* Makes some room. Returns false if there is nothing to evict. */
static bool evict_one(struct vsvm_devmem *dm, struct vsvm_client *wants,
		      bool huge, struct vsvm_moves *a)
{
	struct vsvm_block *b = VSVM_INJECT(dm->inject, EVICT_VICTIM, NULL,
					   victim(dm, wants, huge));

	if (!b)
		return false;
	/* If it cannot go now, the next try takes another one. */
	vsvm_devmem_warm(b);
	if (!VSVM_INJECT(dm->inject, EVICT_BLOCK, true, false))
		evict_block(b, a, VSVM_CAUSE_EVICTION, false);
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

/*
 * Anybody can have a full device, and go on asking. That may not give him all
 * processors to wake: once a second must do.
 */
static void drain_sometimes(struct vsvm_devmem *dm)
{
	lockdep_assert_held(&dm->evict_lock);
	if (time_before(jiffies, dm->drained + HZ))
		return;
	drain_all_batches();
	dm->drained = jiffies;
}

/* Takes what there is, one kind or the other; returns how much. */
static unsigned int take(struct vsvm_devmem *dm, struct vsvm_client *client,
			 unsigned long *pages, unsigned int n, bool block)
{
	struct vsvm_block *b;

	if (!block)
		return vsvm_devmem_reserve(dm, client, pages, n);
	b = vsvm_devmem_reserve_block(dm, client);
	if (!b)
		return 0;
	*pages = vsvm_devmem_first(b);
	return 1;
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

static unsigned int reserve(struct vsvm_devmem *dm, struct vsvm_client *client,
			    unsigned long *pages, unsigned int n, bool block,
			    bool *evicted)
{
	struct vsvm_moves *a;
	unsigned int got, tries;

	lockdep_assert_held(&dm->evict_lock);
	got = take(dm, client, pages, n, block);
	if (got == n)
		return got;

	a = VSVM_INJECT(dm->inject, EVICT_ARRAYS, NULL,
			kvmalloc_obj(*a, GFP_KERNEL));
	if (!a)
		return got;
	/* There may be room by now, also without our doing, to the very end. */
	for (tries = 0; ; tries++) {
		got += take(dm, client, pages + got, n - got, block);
		if (got == n || tries > MAX_TRIES ||
		    VSVM_INJECT(dm->inject, EVICT_TRIES, true,
				fatal_signal_pending(current)))
			break;
		if (tries == MAX_TRIES)
			drain_sometimes(dm);
		else if (evict_one(dm, client, block, a))
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
 * @client: for whom
 * @pages: out, their indices
 * @n: how many, at most a block's
 * @evicted: set to true if pages had to go, which may be the caller's own
 *
 * Return: how many there were; less than @n after MAX_TRIES blocks that could
 * not go, or when the caller is being killed.
 */
unsigned int vsvm_evict_reserve(struct vsvm_devmem *dm,
				struct vsvm_client *client,
				unsigned long *pages, unsigned int n,
				bool *evicted)
{
	return reserve(dm, client, pages, n, false, evicted);
}

/**
 * vsvm_evict_reserve_block() - take an empty block, making room if need be
 * @dm: the device's memory; the caller has vsvm_evict_lock()
 * @client: for whom
 * @evicted: set to true if pages had to go, which may be the caller's own
 *
 * Return: the block, or NULL, as vsvm_evict_reserve() has less.
 */
struct vsvm_block *vsvm_evict_reserve_block(struct vsvm_devmem *dm,
					    struct vsvm_client *client,
					    bool *evicted)
{
	unsigned long first;

	if (!vsvm_devmem_huge(dm) ||
	    !reserve(dm, client, &first, 1, true, evicted))
		return NULL;
	return vsvm_devmem_block(dm, first);
}

/**
 * struct retired - memory of a device that is gone, in which pages are in use
 * @work: looks whether they can go by now
 * @dm: the memory
 * @pause: until the next look, in jiffies
 * @moves: for the looks
 */
struct retired {
	struct delayed_work work;
	struct vsvm_devmem *dm;
	unsigned long pause;
	struct vsvm_moves moves;
};

static struct workqueue_struct *retired_wq;

/* Tries every block once; until @deadline, unless that is 0. */
static void evict_pass(struct retired *r, unsigned long deadline)
{
	unsigned long block;

	for (block = 0; block < r->dm->nr_blocks; block++) {
		evict_block(&r->dm->blocks[block], &r->moves,
			    VSVM_CAUSE_UNPLUG, false);
		cond_resched();
		if (deadline && time_after(jiffies, deadline))
			break;
	}
}

/*
 * Nobody waits for this, so it makes no processor look at its batches. What
 * destroys the memory runs in code of the module, which may go only then: see
 * vsvm_evict_exit().
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
	pr_info("vsvm: device %u: the last page is gone\n", r->dm->device);
	vsvm_pagemap_destroy(r->dm);
	kvfree(r);
	module_put(THIS_MODULE);
}

/* @r's pages will not go for now. Fails when the module is being unloaded. */
static bool leave_behind(struct retired *r)
{
	if (!try_module_get(THIS_MODULE))
		return false;
	pr_warn("vsvm: device %u: %lu pages are in use elsewhere; its memory stays until they are not\n",
		r->dm->device, READ_ONCE(r->dm->nr_used));
	INIT_DELAYED_WORK(&r->work, look_again);
	r->pause = HZ / 8;
	queue_delayed_work(retired_wq, &r->work, r->pause);
	return true;
}

/**
 * vsvm_evict_retire() - bring every page home, and destroy the memory
 * @dm: the memory; nobody takes pages of it any more. Not the caller's after
 *
 * Tries each page once, however long that takes, and what is left for PATIENCE
 * more. What then is still in use, in a pipe or because the host is full, keeps
 * the memory, which is left to a work item that looks for it at growing
 * intervals; and it keeps the module. When the module is being unloaded that is
 * not possible, and this function waits. That happens with private memory only:
 * pages in use of a coherent device hold the module, so that it cannot be
 * unloaded, and private pages cannot be held for ever, because whoever wants to
 * hold one brings it home.
 */
void vsvm_evict_retire(struct vsvm_devmem *dm)
{
	unsigned long deadline, warn, pause = 1000;
	struct retired *r;

	/* There is no way on without it. */
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
			pr_warn("vsvm: device %u: still %lu pages to bring home\n",
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

/** vsvm_evict_init() - before the first device; Return: 0 or -ENOMEM */
int vsvm_evict_init(void)
{
	retired_wq = alloc_workqueue("vsvm", WQ_UNBOUND, 0);
	return retired_wq ? 0 : -ENOMEM;
}

/**
 * vsvm_evict_exit() - after the last device
 *
 * No memory is left behind any more, because it would hold the module. But the
 * work item that gave up the module's last reference may not have returned yet:
 * waits for it.
 */
void vsvm_evict_exit(void)
{
	destroy_workqueue(retired_wq);
}
