// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinker: frees backing when the host is short of memory. It frees that of empty
 * blocks, and of sparse blocks after it has moved their few pages to other blocks of
 * the same client, or to system memory.
 *
 * Lifetime: a call from any allocation that reclaims. shrinker_free() waits for calls
 * before the device's memory is destroyed.
 *
 * Locks: &vsvm_devmem.shrink_lock and folio locks, by trylock; &vsvm_devmem.lock.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/string.h>

#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_pfn.h"
#include "vsvm_shrink.h"
#include "vsvm_trace.h"

/* Sparse blocks to try in one call. */
#define MAX_TRIES	4

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
