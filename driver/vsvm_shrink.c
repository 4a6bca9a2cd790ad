// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinkers. One frees backing when the host is short of memory. It frees that of
 * empty blocks, and of sparse blocks after it has moved their few pages to other blocks
 * of the same client, or to system memory.
 *
 * The other one brings pages of a memory cgroup to system memory when that is short of
 * memory. A cgroup is charged for its pages on a device, but only system memory can be
 * swapped. Without this the cgroup would have its process killed while swap is free.
 *
 * Lifetime: a call from any allocation that reclaims. shrinker_free() waits for calls
 * before the device's memory is destroyed.
 *
 * Locks: &vsvm_devmem.shrink_lock and folio locks, by trylock; &vsvm_devmem.lock.
 */
#include <linux/cgroup.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/page_counter.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/string.h>
#include <linux/swap.h>

#include "vsvm_cold.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_pfn.h"
#include "vsvm_shrink.h"
#include "vsvm_token.h"
#include "vsvm_trace.h"

/* Blocks to try in one call. */
#define MAX_TRIES	4
/* How long to wait for other threads that do the same. */
#define MAX_WAIT	(HZ / 2)

static const void *client_of(struct vsvm_block *b)
{
	return rcu_access_pointer(b->client);
}

/*
 * Gives collected pages the places in @to, and copies them; returns how many places
 * were used. Before the first page was locked, the block may have been freed and opened
 * by another client, whose pages get no place. From then on a locked page keeps its
 * block with its client, and a reserved page keeps the blocks of @to.
 */
static unsigned int fill_beside(struct vsvm_devmem *dm, unsigned int n)
{
	const void *client = client_of(vsvm_devmem_block(dm, dm->to[0]));
	struct vsvm_moves *m = &dm->moves;
	unsigned int i, used = 0;
	struct page *page, *to;
	struct folio *folio;

	for (i = 0; i < n; i++) {
		page = migrate_pfn_to_page(m->src[i]);
		m->dst[i] = 0;
		if (!page || !(m->src[i] & MIGRATE_PFN_MIGRATE) ||
		    m->src[i] & MIGRATE_PFN_COMPOUND ||
		    client_of(vsvm_devmem_block_of(page)) != client ||
		    !vsvm_home_lives(page_folio(page)))
			continue;
		folio = vsvm_devmem_folio(dm, dm->to[used++], 0);
		to = vsvm_devmem_backing(&folio->page);
		vsvm_devmem_untag(to);
		if (vsvm_devmem_discarded(page)) {
			clear_highpage(to);
			vsvm_devmem_discard(&folio->page);
		} else {
			copy_highpage(to, vsvm_devmem_backing(page));
		}
		*vsvm_devmem_node(&folio->page) = *vsvm_devmem_node(page);
		vsvm_cold_move_pin(page, &folio->page);
		m->dst[i] = vsvm_pfn_destination(folio);
	}
	return used;
}

static void tell_beside(struct vsvm_block *b, unsigned int moved)
{
	vsvm_devmem_tell(b, NULL, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_MIGRATE,
		.cause = DRM_VSVM_CAUSE_EVICTION,
		.target = DRM_VSVM_TARGET_DEVICE,
		.bytes = (u64)moved << PAGE_SHIFT,
	});
}

/*
 * Moves the @n pages of a block to the places in @to. The reserved pages in @to count
 * as in use, so they keep the pagemap alive, also after unplug.
 */
static bool move_beside(struct vsvm_devmem *dm, struct vsvm_block *b,
			unsigned int n)
{
	unsigned long first = vsvm_devmem_first(b);
	struct vsvm_moves *m = &dm->moves;
	unsigned int i, used, moved = 0;

	lockdep_assert_held(&dm->shrink_lock);
	trace_vsvm_migrate_begin(dm->device, VSVM_CAUSE_EVICTION,
				 DRM_VSVM_TARGET_DEVICE, first, n * PAGE_SIZE);
	migrate_device_pfns(m->src, n);
	used = fill_beside(dm, n);
	vsvm_devmem_unreserve(dm, dm->to + used, n - used);
	migrate_device_pages(m->src, m->dst, n);
	for (i = 0; i < n; i++)
		moved += m->dst[i] && m->src[i] & MIGRATE_PFN_MIGRATE;
	trace_vsvm_migrate_end(dm->device, VSVM_CAUSE_EVICTION,
			       DRM_VSVM_TARGET_DEVICE, first,
			       (u64)moved * PAGE_SIZE, 0, n - moved);
	if (vsvm_events_any() && moved)
		tell_beside(b, moved);
	migrate_device_finalize(m->src, m->dst, n);
	return moved == n;
}

/* Tries to empty one sparse block. Returns false if it did not. */
static bool empty_sparse(struct vsvm_devmem *dm)
{
	unsigned int n, room;
	struct vsvm_block *b;
	bool empty = false;

	if (!mutex_trylock(&dm->shrink_lock))
		return false;
	b = vsvm_devmem_sparse(dm, dm->moves.src, &n, dm->to, &room);
	if (b && room == n) {
		empty = move_beside(dm, b, n);
	} else if (b) {
		vsvm_devmem_unreserve(dm, dm->to, room);
		empty = vsvm_evict_gently(b, &dm->moves);
	}
	mutex_unlock(&dm->shrink_lock);
	return empty;
}

/**
 * vsvm_shrink_scan() - free backing
 * @shrinker: of the device's memory
 * @sc: how much to free, and what the caller may do
 *
 * &shrinker.scan_objects. Emptying a block takes the locks that direct compaction
 * takes: with the folio locked, try_to_migrate() and remove_migration_ptes() take the
 * locks of the anon_vma, the MMU notifiers and the page table, in this order. Reclaim
 * itself takes all of these. So a block is emptied only where compaction may run, which
 * is with __GFP_IO and __GFP_FS.
 *
 * The task in reclaim may hold folio locks, and this function may be further up its
 * stack, so folio locks and &vsvm_devmem.shrink_lock are taken by trylock. A move to
 * another block allocates nothing. Migration to system memory allocates pages without
 * reclaim and without the reserves.
 *
 * Return: number of pages freed, or SHRINK_STOP.
 */
unsigned long vsvm_shrink_scan(struct shrinker *shrinker,
			       struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;
	bool may_move = (sc->gfp_mask & (__GFP_IO | __GFP_FS)) ==
			(__GFP_IO | __GFP_FS);
	unsigned long freed = 0;
	unsigned int tries = 0;

	while (freed < sc->nr_to_scan) {
		if (vsvm_devmem_trim(dm)) {
			freed += VSVM_BLOCK_PAGES;
			continue;
		}
		if (!may_move || tries++ == MAX_TRIES)
			break;
		empty_sparse(dm);
	}
	return freed ?: SHRINK_STOP;
}

/* True if the host has free swap, and the cgroup may use some. */
static bool may_swap(struct mem_cgroup *memcg)
{
	if (get_nr_swap_pages() <= 0)
		return false;
	/* Version 1 has another limit there. */
	if (!cgroup_subsys_on_dfl(memory_cgrp_subsys))
		return true;
	for (; !mem_cgroup_is_root(memcg); memcg = parent_mem_cgroup(memcg))
		if (page_counter_read(&memcg->swap) >= READ_ONCE(memcg->swap.max))
			return false;
	return true;
}

/* True if what comes to system memory could be swapped. */
static bool reclaims(const struct shrink_control *sc)
{
	return sc->memcg && !mem_cgroup_is_root(sc->memcg) &&
	       !current_is_kswapd() && may_swap(sc->memcg);
}

/*
 * Threads of a cgroup come here together. Who went on without the lock would find nothing
 * to reclaim, and have the OOM killer called while another one brings a block. Its owner
 * may be further up the stack, so the wait has an end.
 */
static bool wait_for_turn(struct vsvm_devmem *dm)
{
	unsigned long until = jiffies + MAX_WAIT;

	while (!mutex_trylock(&dm->shrink_lock)) {
		if (time_after(jiffies, until) || fatal_signal_pending(current))
			return false;
		schedule_timeout_killable(1);
	}
	return true;
}

/**
 * vsvm_shrink_reclaimable() - count what a memory cgroup has on a device
 * @shrinker: of the device's memory
 * @sc: the cgroup
 *
 * &shrinker.count_objects. kswapd leaves device memory alone, and so do all while no swap
 * is free. Other threads may reclaim for the whole host, too; they do not say so.
 *
 * Return: number of pages; 0: none now; SHRINK_EMPTY: none.
 */
unsigned long vsvm_shrink_reclaimable(struct shrinker *shrinker,
				      struct shrink_control *sc)
{
	unsigned long n = vsvm_token_count(shrinker->private_data, sc);

	if (!n)
		return SHRINK_EMPTY;
	return reclaims(sc) ? n : 0;
}

/**
 * vsvm_shrink_reclaim() - bring pages of a memory cgroup to system memory
 * @shrinker: of the device's memory
 * @sc: the cgroup, how much, and what the caller may do
 *
 * &shrinker.scan_objects. Takes what vsvm_shrink_scan() takes, where that may. A block
 * moves as a whole, the one that was used longest ago first. Nothing is freed: reclaim
 * finds the pages in its own lists when it goes on.
 *
 * Return: number of pages that were looked at, or SHRINK_STOP.
 */
unsigned long vsvm_shrink_reclaim(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;
	unsigned int tries = 0;
	unsigned long done = 0;
	struct vsvm_block *b;

	if ((sc->gfp_mask & (__GFP_IO | __GFP_FS)) != (__GFP_IO | __GFP_FS) ||
	    !reclaims(sc) || !wait_for_turn(dm))
		return SHRINK_STOP;
	while (done < sc->nr_to_scan && tries++ < MAX_TRIES) {
		cond_resched();
		b = vsvm_token_coldest(dm, sc);
		if (!b)
			break;
		/* If its pages cannot move now, the next one is another. */
		vsvm_cold_warm(b);
		vsvm_evict_gently(b, &dm->moves);
		done += VSVM_BLOCK_PAGES;
	}
	mutex_unlock(&dm->shrink_lock);
	return done ?: SHRINK_STOP;
}
