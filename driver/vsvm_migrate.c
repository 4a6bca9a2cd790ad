// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration: ranges move to the device and to system memory, as MIGRATE asks.
 *
 * A range is processed in chunks that never cross a PMD or a mapping. For each chunk:
 * look, through the per-page path, which pages could move and why others cannot;
 * reserve device pages, before any folio is locked; move with migrate_vma, in the same
 * step as the reservation; account for every byte. The bytes that moved, were there or
 * stayed, by reason, add up to the chunk. mmap_lock is dropped between chunks, and a
 * context that stops ends the call there.
 *
 * Core mm would collect some pages that must not move; they are left alone here: system
 * pages of mappings that KSM may merge (see keeps_system_pages()), pages of files and
 * shared memory.
 *
 * Lifetime: a call. Device memory is used inside vsvm_mirror_enter(), and nothing is
 * reserved outside of it: unplug waits for pages in use, and a wait for mmap_lock or
 * evict_lock has no bound.
 *
 * Locks: mmap_lock for reading around migrate_vma; core mm takes folio locks, by
 * trylock only.
 */
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include <drm/vsvm_drm.h>

#include "vsvm_charge.h"
#include "vsvm_chunk.h"
#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_link.h"
#include "vsvm_migrate.h"
#include "vsvm_mirror.h"
#include "vsvm_pagemap.h"
#include "vsvm_pfn.h"
#include "vsvm_trace.h"

#define MAX_PASSES	3
#define MAX_ROOMS	3	/* attempts to make room, in one pass */

static struct vsvm_inject *chunk_inject(const struct chunk *c)
{
	return c->m->table.inject;
}

/* Number of pages of the chunk to move. */
static unsigned int chunk_wants(const struct chunk *c)
{
	unsigned int n = c->count[RESULT_SYSTEM] + c->count[RESULT_DEVICE];

	return c->populate ? n + c->count[RESULT_ABSENT] : n;
}

/* Decides what to reserve. Failpoints that make a reservation fail are passed here. */
static void chunk_plan(struct chunk *c)
{
	c->evicted = false;
	c->want = c->to_device ? chunk_wants(c) : 0;
	c->want_block = c->huge && c->want == CHUNK_PAGES && !c->coherent &&
			!VSVM_INJECT(chunk_inject(c), RESERVE_BLOCK, true,
				     false);
	c->refused = c->want && !c->want_block &&
		     VSVM_INJECT(chunk_inject(c), RESERVE_SMALL, true, false);
	/* A block that is evicted does not fill an empty purse. */
	c->rooms = !c->evicts || c->refused ||
		   (c->ctx->purse && !atomic_long_read(&c->ctx->purse->nr)) ? 0 : MAX_ROOMS;
}

/*
 * Reserves device pages; with @room evicts others, which needs evict_lock. Returns
 * false if there were not as many as wanted.
 */
static bool chunk_reserve(struct chunk *c, bool room)
{
	struct vsvm_devmem *dm = c->m->devmem;
	struct vsvm_client *client = c->m->client;

	c->nr_small = 0;
	c->nr_taken = 0;
	c->block = NULL;
	if (c->want_block) {
		c->block = room ?
			   vsvm_evict_reserve_block(dm, c->ctx, client,
						    &c->evicted) :
			   vsvm_devmem_reserve_block(dm, client, c->ctx->purse);
		/* Small pages may be there, but room for a block is made first. */
		if (!c->block && !room && c->rooms)
			return false;
	}
	if (!c->block && c->want && !c->refused)
		c->nr_small = room ?
			      vsvm_evict_reserve(dm, c->ctx, client, c->small,
						 c->want, &c->evicted) :
			      vsvm_devmem_reserve(dm, client, c->ctx->purse,
						  c->small, c->want);
	c->full = !c->block && c->nr_small < c->want;
	return !c->full;
}

static void chunk_unreserve(struct chunk *c)
{
	struct vsvm_devmem *dm = c->m->devmem;

	vsvm_devmem_unreserve(dm, c->small + c->nr_taken,
			      c->nr_small - c->nr_taken);
	if (c->block)
		vsvm_devmem_unreserve_block(c->block);
}

/* A small page was collected: use the reserved block page by page. */
static void break_block(struct chunk *c)
{
	unsigned long first = vsvm_devmem_first(c->block);

	for (; c->nr_small < CHUNK_PAGES; c->nr_small++)
		c->small[c->nr_small] = first + c->nr_small;
	c->block = NULL;
}

/* Copies the source page, or clears @to for untouched or discarded memory. */
static void fill_page(struct page *to, struct page *from)
{
	vsvm_devmem_untag(to);
	if (from)
		copy_highpage(to, from);
	else
		clear_highpage(to);
}

/* Where the bytes of a page are; NULL: there are none, or they were discarded. */
static struct page *source_bytes(struct page *page)
{
	if (!page || !vsvm_devmem_owns(page))
		return page;
	return vsvm_devmem_discarded(page) ? NULL : vsvm_devmem_backing(page);
}

/* The node that a page came from, which a device page keeps. */
static int source_node(const struct chunk *c, struct page *page)
{
	if (!page)
		return c->node;
	return vsvm_devmem_owns(page) ? *vsvm_devmem_node(page) :
					page_to_nid(page);
}

static unsigned long take_block(struct chunk *c, struct page *page)
{
	struct folio *folio = vsvm_devmem_folio(c->m->devmem,
						vsvm_devmem_first(c->block),
						VSVM_BLOCK_ORDER);
	struct page *to = vsvm_devmem_backing(&folio->page);
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		struct page *from = page ? page + i : NULL;

		fill_page(to + i, source_bytes(from));
		*vsvm_devmem_node(folio_page(folio, i)) = source_node(c, from);
	}
	c->block = NULL;
	return vsvm_pfn_destination(folio);
}

static unsigned long take_small(struct chunk *c, struct page *page)
{
	struct folio *folio = vsvm_devmem_folio(c->m->devmem,
						c->small[c->nr_taken++], 0);

	fill_page(vsvm_devmem_backing(&folio->page), source_bytes(page));
	*vsvm_devmem_node(&folio->page) = source_node(c, page);
	return vsvm_pfn_destination(folio);
}

/*
 * Why a page that core mm collected must not move to the device, or RESULT_MOVED if it
 * may.
 */
static u8 collected_result(struct chunk *c, struct page *page)
{
	struct folio *folio;

	if (!page)
		return c->populate ? RESULT_MOVED : RESULT_HOLE;
	if (vsvm_devmem_owns(page))
		return vsvm_devmem_of(page) == c->m->devmem ? RESULT_THERE :
							      RESULT_MOVED;
	folio = page_folio(page);
	if (folio_test_ksm(folio))
		return DRM_VSVM_STAY_KSM;
	return folio_test_anon(folio) ? RESULT_MOVED : DRM_VSVM_STAY_FILE;
}

/*
 * Gives collected pages device pages, as far as there are enough. A page that was
 * faulted in since the look was not counted, so there may be none for it although the
 * device is not full. The next pass counts it.
 */
static void fill_device(struct chunk *c)
{
	unsigned long i, nr;

	for (i = 0; i < c->args.npages; i += nr) {
		struct page *page = migrate_pfn_to_page(c->src[i]);
		u8 result;

		nr = 1;
		if (!(c->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		if (c->src[i] & MIGRATE_PFN_COMPOUND)
			nr = CHUNK_PAGES;
		result = collected_result(c, page);
		if (result != RESULT_MOVED) {
			memset(&c->result[i], result, nr);
			continue;
		}
		memset(&c->result[i], RESULT_SYSTEM, nr);
		if (VSVM_INJECT(chunk_inject(c), DROP, true, false))
			continue;
		if (nr == 1 && c->block)
			break_block(c);
		if (c->block) {
			c->dst[i] = take_block(c, page);
		} else if (c->nr_small > c->nr_taken) {
			c->dst[i] = take_small(c, page);
		} else {
			if (c->full)
				memset(&c->result[i], DRM_VSVM_STAY_DEVICE_FULL,
				       nr);
			continue;
		}
		if (VSVM_INJECT(chunk_inject(c), COPY_DEVICE, true, false))
			vsvm_home_give_back(&c->dst[i], nr);
	}
}

/* Drops destinations that VSVM_FAILPOINT_PAGES chooses. */
static void recall_device(struct chunk *c)
{
	unsigned long i, nr;

	if (!vsvm_inject_any())
		return;
	for (i = 0; i < c->args.npages; i += nr) {
		nr = c->src[i] & MIGRATE_PFN_COMPOUND ? CHUNK_PAGES : 1;
		if (c->dst[i] &&
		    VSVM_INJECT(chunk_inject(c), PAGES, true, false))
			vsvm_home_give_back(&c->dst[i], nr);
	}
}

static void fill_home(struct chunk *c, struct vsvm_home *home)
{
	unsigned long i, nr;

	vsvm_home_copy(home);
	for (i = 0; i < c->args.npages; i += nr) {
		nr = c->src[i] & MIGRATE_PFN_COMPOUND ? CHUNK_PAGES : 1;
		if (migrate_pfn_to_page(c->src[i]) &&
		    c->src[i] & MIGRATE_PFN_MIGRATE && !c->dst[i] &&
		    !test_bit(i, home->recalled))
			memset(&c->result[i], DRM_VSVM_STAY_HOST_FULL, nr);
	}
}

/* Number of the @nr pages from @page on that have bytes to copy. */
static unsigned long count_copied(struct page *page, unsigned long nr)
{
	unsigned long i, n = 0;

	if (!page)
		return 0;
	if (!vsvm_devmem_owns(page))
		return nr;
	for (i = 0; i < nr; i++)
		n += !vsvm_devmem_discarded(page + i);
	return n;
}

/* Notes which pages moved, between migrate_vma_pages() and migrate_vma_finalize(). */
static void note_moved(struct chunk *c)
{
	unsigned long i, nr;

	c->now = 0;
	c->order = 0;
	for (i = 0; i < c->args.npages; i += nr) {
		nr = c->dst[i] & MIGRATE_PFN_COMPOUND ? CHUNK_PAGES : 1;
		if (c->dst[i] && c->src[i] & MIGRATE_PFN_MIGRATE) {
			memset(&c->result[i], RESULT_MOVED, nr);
			bitmap_set(c->moved, i, nr);
			c->now += nr;
			if (nr > 1)
				c->order = VSVM_BLOCK_ORDER;
			if (vsvm_link_on())
				c->copied += count_copied(migrate_pfn_to_page(c->src[i]), nr);
		}
	}
}

static void trace_begin(const struct chunk *c)
{
	trace_vsvm_migrate_begin(c->m->device, c->cause, c->mig->target,
				 c->start, c->end - c->start);
}

static void tell_moved(const struct chunk *c)
{
	vsvm_mirror_tell(c->m, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_MIGRATE,
		.cause = c->cause,
		.target = c->mig->target,
		.addr = c->start,
		.bytes = (u64)c->now << PAGE_SHIFT,
		.file = c->m->file,
		.order = c->order,
	});
}

static void trace_end(const struct chunk *c)
{
	unsigned long stayed = 0, i;

	if (!trace_vsvm_migrate_end_enabled())
		return;
	for (i = 0; i < c->args.npages; i++)
		stayed += c->result[i] < DRM_VSVM_STAY_MAX ||
			  could_move(c->result[i]);
	trace_vsvm_migrate_end(c->m->device, c->cause, c->mig->target, c->start,
			       (u64)c->now << PAGE_SHIFT, c->order, stayed);
}

/* Gives collected pages destinations, moves them, and finalizes. */
static void move_collected(struct chunk *c, struct vsvm_home *home)
{
	struct vsvm_inject *inject = c->m->table.inject;

	vsvm_inject_pause(inject, COLLECTED);
	if (c->to_device)
		fill_device(c);
	else
		fill_home(c, home);
	vsvm_inject_pause(inject, COPIED);
	if (c->to_device)
		recall_device(c);
	else
		vsvm_home_recall(home);
	migrate_vma_pages(&c->args);
	vsvm_home_settle(home);
	note_moved(c);
	vsvm_inject_pause(inject, MOVED);
	migrate_vma_finalize(&c->args);
}

/*
 * Core mm collects a page that KSM merged like any other (Linux 7.3,
 * migrate_vma_collect_pmd()). It puts a migration entry into this mapping's page table,
 * and then looks for the other mappings. But KSM's reverse map may not have this
 * mapping: ksmd maps a merged page before it adds the mapping there, and a forked child
 * is found only through entries of its parent, which may be gone. Then
 * remove_migration_ptes() does not find the migration entry, and the page is lost. ksmd
 * maps merged pages only in mappings with VM_MERGEABLE, and that flag is set with
 * mmap_lock held for writing.
 */
static bool keeps_system_pages(const struct vm_area_struct *vma)
{
	return vma && vma->vm_flags & VM_MERGEABLE;
}

/*
 * Runs migrate_vma over the chunk once, with mmap_lock held, inside
 * vsvm_mirror_enter(). Pages that core mm did not collect or move keep their result.
 */
static void chunk_move(struct chunk *c)
{
	struct mm_struct *mm = c->m->notifier.mm;
	struct vsvm_home home = {
		.src = c->src,
		.dst = c->dst,
		.start = c->start,
		.policy = c->ctx->policy,
	};

	mmap_assert_locked(mm);
	c->args = (struct migrate_vma) {
		.vma = vma_lookup(mm, c->start),
		.src = c->src,
		.dst = c->dst,
		.start = c->start,
		.end = c->end,
		.pgmap_owner = vsvm_devmem_owner,
	};
	if (c->to_device && !keeps_system_pages(c->args.vma))
		c->args.flags |= MIGRATE_VMA_SELECT_SYSTEM;
	if (c->count[RESULT_DEVICE])
		c->args.flags |= MIGRATE_VMA_SELECT_DEVICE_PRIVATE |
				 MIGRATE_VMA_SELECT_DEVICE_COHERENT;
	/*
	 * For small destinations core mm has to split the page before it unmaps it:
	 * after that it would split the entry of one process only (Linux 7.3,
	 * migrate_vma_split_unmapped_folio()). Without any destination the page has to
	 * stay whole.
	 */
	if (c->end - c->start == PMD_SIZE &&
	    (!c->to_device || c->block || !c->nr_small))
		c->args.flags |= MIGRATE_VMA_SELECT_COMPOUND;

	trace_begin(c);
	/* Fails if the mapping changed since the look; then this pass does nothing. */
	if (VSVM_INJECT(chunk_inject(c), SETUP, -EINVAL,
			migrate_vma_setup(&c->args))) {
		c->args.npages = 0;
		c->now = 0;
		goto end;
	}

	c->node = vsvm_home_touch_node(c->args.vma, c->ctx->policy);
	home.vma = c->args.vma;
	home.npages = c->args.npages;
	move_collected(c, &home);
end:
	trace_end(c);
	if (vsvm_events_any() && c->now)
		tell_moved(c);
}

/*
 * Makes room, and reserves it. Called inside vsvm_mirror_enter(), and leaves it before
 * it waits for evict_lock: a wait behind other threads must not delay unplug. Returns 1
 * inside vsvm_mirror_enter(), with pages reserved and mmap_lock held; 0 with none of
 * these, for another attempt; or an errno.
 */
static int chunk_make_room(struct chunk *c, int *idx)
{
	struct mm_struct *mm = c->m->notifier.mm;
	struct vsvm_devmem *dm = c->m->devmem;
	int ret;

	c->rooms--;
	kref_get(&dm->refs);
	vsvm_mirror_exit(*idx);
	if (vsvm_evict_lock(dm)) {
		/* Moves what there is room for; a fatal signal ends the call soon. */
		c->rooms = 0;
		ret = 0;
		goto put;
	}
	ret = vsvm_mirror_enter(c->m, idx);
	if (!ret)
		chunk_reserve(c, true);
	vsvm_evict_unlock(dm);
	if (ret)
		goto put;

	/* A wait for mmap_lock, with pages reserved, would have no bound. */
	ret = mmap_read_trylock(mm);
	if (!ret) {
		chunk_unreserve(c);
		vsvm_mirror_exit(*idx);
	}
put:
	vsvm_pagemap_put(dm);
	return ret;
}

/* There is no room, and nothing makes any: the pages need not be disturbed. */
static void chunk_give_up(struct chunk *c)
{
	unsigned int i;

	for (i = 0; i < chunk_pages(c); i++)
		if (could_move(c->result[i]) ||
		    (c->populate && c->result[i] == RESULT_ABSENT))
			c->result[i] = DRM_VSVM_STAY_DEVICE_FULL;
}

/*
 * Moves the pages of the chunk once. Device pages are reserved under mmap_lock, so that
 * no wait comes between reservation and move. To make room, mmap_lock has to be
 * dropped. If it cannot be taken again at once, the pages are given back and the loop
 * starts over, c->rooms times at most; after that the chunk moves as far as there is
 * room.
 */
static int chunk_go(struct chunk *c)
{
	struct mm_struct *mm = c->m->notifier.mm;
	int idx, ret;

	chunk_plan(c);
	do {
		if (VSVM_INJECT(chunk_inject(c), MOVE_LOCK, -EINTR,
				mmap_read_lock_killable(mm)))
			return -EINTR;
		ret = vsvm_mirror_enter(c->m, &idx);
		if (ret) {
			mmap_read_unlock(mm);
			return ret;
		}
		if (chunk_reserve(c, false) || !c->rooms)
			break;
		chunk_unreserve(c);
		mmap_read_unlock(mm);
		ret = chunk_make_room(c, &idx);
		if (ret < 0)
			return ret;
	} while (!ret);

	if (c->want && !c->evicts && !c->block && !c->nr_small)
		chunk_give_up(c);
	else
		chunk_move(c);
	mmap_read_unlock(mm);
	chunk_unreserve(c);
	vsvm_mirror_exit(idx);
	return 0;
}

/*
 * Faults in pages of RESULT_AWAY. Untouched memory is not faulted in, and neither is
 * memory that a userfaultfd handler would have to provide, unless the process changed
 * the mapping since the look.
 */
static int chunk_bring_in(struct chunk *c)
{
	unsigned long i;
	int ret;

	for (i = 0; i < chunk_pages(c); i++) {
		if (c->result[i] != RESULT_AWAY)
			continue;
		cond_resched();
		ret = vsvm_mirror_bring_in(c->m, c->start + (i << PAGE_SHIFT));
		if (ret < 0)
			return ret;
		if (ret)
			__set_bit(i, c->lost);
	}
	return 0;
}

static bool chunk_has_movable(const struct chunk *c)
{
	unsigned int i;

	for (i = 0; i < chunk_pages(c); i++)
		if (could_move(c->result[i]))
			return true;
	return false;
}

/*
 * Moves the pages of a chunk that can move. A few passes, because another thread may
 * have a page locked for a moment.
 */
static int chunk_migrate(struct chunk *c)
{
	int pass, ret;

	bitmap_zero(c->moved, CHUNK_PAGES);
	bitmap_zero(c->lost, CHUNK_PAGES);
	for (pass = 0; pass < MAX_PASSES; pass++) {
		ret = vsvm_chunk_look(c, false);
		if (!ret && !pass && c->count[RESULT_AWAY])
			ret = chunk_bring_in(c) ?: vsvm_chunk_look(c, false);
		if (ret)
			return ret;
		if (!chunk_wants(c))
			return 0;

		ret = chunk_go(c);
		if (ret)
			return ret;

		if (!chunk_has_movable(c) &&
		    !(c->evicted && c->count[RESULT_THERE]))
			return 0;
	}
	return vsvm_chunk_look(c, true);
}

/* Accounts for pages that nobody wants elsewhere. */
static int chunk_leave(struct chunk *c)
{
	unsigned int i;
	int ret;

	bitmap_zero(c->moved, CHUNK_PAGES);
	bitmap_zero(c->lost, CHUNK_PAGES);
	ret = vsvm_chunk_look(c, false);
	for (i = 0; i < chunk_pages(c); i++)
		if (could_move(c->result[i]))
			c->result[i] = RESULT_THERE;
	return ret;
}

/*
 * A mapping that may not be read cannot be looked at, but its pages can migrate to
 * system memory.
 */
static int chunk_migrate_blind(struct chunk *c)
{
	bitmap_zero(c->moved, CHUNK_PAGES);
	memset(c->result, DRM_VSVM_STAY_ACCESS, chunk_pages(c));
	if (c->to_device || c->leaves)
		return 0;
	memset(c->count, 0, sizeof(c->count));
	c->count[RESULT_DEVICE] = chunk_pages(c);
	return chunk_go(c);
}

/*
 * Cuts the next chunk from c->start on. Returns the result that all of it has because
 * of its mapping; RESULT_DEVICE: look at the pages; -EINTR.
 */
static int chunk_cut(struct chunk *c, unsigned long end)
{
	struct mm_struct *mm = c->m->notifier.mm;
	struct vm_area_struct *vma;
	int result;

	if (VSVM_INJECT(chunk_inject(c), CUT_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;

	vma = find_vma(mm, c->start);
	if (!vma || vma->vm_start > c->start) {
		c->end = vma ? min(end, vma->vm_start) : end;
		result = DRM_VSVM_STAY_UNMAPPED;
		goto unlock;
	}

	c->end = min(end, vma->vm_end);
	c->nohuge = !vma_is_anonymous(vma) || vma->vm_flags & VM_NOHUGEPAGE;
	c->mergeable = vma->vm_flags & VM_MERGEABLE;
	/*
	 * Core mm fills holes of anonymous memory only, and not those of a userfaultfd
	 * handler.
	 */
	c->populate = c->mig->flags & DRM_VSVM_MIGRATE_POPULATE &&
		      vma_is_anonymous(vma) && !userfaultfd_missing(vma);
	if (is_vm_hugetlb_page(vma)) {
		result = c->to_device ? DRM_VSVM_STAY_HUGETLB : RESULT_THERE;
	} else if (vma->vm_flags & VM_SPECIAL || vma_is_dax(vma)) {
		result = c->to_device ? DRM_VSVM_STAY_SPECIAL : RESULT_THERE;
	} else {
		c->end = min(c->end, (c->start & PMD_MASK) + PMD_SIZE);
		result = vma->vm_flags & VM_READ ? RESULT_DEVICE :
						 DRM_VSVM_STAY_ACCESS;
	}
unlock:
	mmap_read_unlock(mm);
	return result;
}

/* Migrates one chunk and accounts for each byte of it. */
static int migrate_chunk(struct chunk *c, unsigned long end)
{
	u64 copied = c->copied;
	unsigned int n, i, nr;
	u32 state = 0;
	int result, ret;

	if (!(c->mig->flags & DRM_VSVM_MIGRATE_POPULATE)) {
		c->end = vsvm_mirror_hole(c->m, c->start, end, &state);
		if (c->end > c->start && state == DRM_VSVM_PLACE_ABSENT) {
			vsvm_chunk_account(c, RESULT_ABSENT, c->end - c->start);
			return 0;
		}
	}

	result = chunk_cut(c, end);
	if (result < 0)
		return result;
	if (result == RESULT_DEVICE && c->leaves)
		ret = chunk_leave(c);
	else if (result == RESULT_DEVICE)
		ret = chunk_migrate(c);
	else if (result == DRM_VSVM_STAY_ACCESS)
		ret = chunk_migrate_blind(c);
	else
		return vsvm_chunk_account(c, result, c->end - c->start), 0;
	/* However many passes there were: another thread may have had a page locked. */
	c->transfers += c->copied > copied;
	if (ret)
		return ret;

	n = chunk_pages(c);
	for (i = 0; i < n; i += nr) {
		for (nr = 1; i + nr < n && c->result[i + nr] == c->result[i]; )
			nr++;
		vsvm_chunk_account(c, c->result[i], nr * PAGE_SIZE);
	}
	return 0;
}

/**
 * vsvm_migrate() - move a range to the device or to system memory
 * @ctx: for whom
 * @mig: the request, checked, with its outputs zeroed and next at its start
 * @cause: why
 * @evicts: on a full device other pages have to make room
 * @way: what moved is added, for the caller to count what it would cost
 *
 * With DRM_VSVM_TARGET_ADVISED nothing moves: advice leaves the range where it is, and
 * each page is accounted for.
 *
 * Takes mmap_lock, and &vsvm_devmem.evict_lock without it. The caller holds neither and
 * is not inside vsvm_mirror_enter().
 *
 * Return: 0, however much moved; -EINTR, -ENOMEM, -EBUSY or -ENODEV with the progress
 * so far in @mig.
 */
int vsvm_migrate(const struct vsvm_context *ctx, struct drm_vsvm_migrate *mig,
		 enum vsvm_cause cause, bool evicts, struct vsvm_link_way *way)
{
	struct vsvm_mirror *m = ctx->m;
	unsigned long end = mig->addr + mig->len;
	struct chunk *c;
	int idx, ret;

	c = VSVM_INJECT(m->table.inject, CHUNK, NULL,
			kvzalloc_obj(*c, GFP_KERNEL));
	if (!c)
		return -ENOMEM;

	c->ctx = ctx;
	c->m = m;
	c->mig = mig;
	c->cause = cause;
	c->evicts = evicts;
	ret = vsvm_mirror_enter(m, &idx);
	if (!ret) {
		c->dm = m->devmem;
		c->coherent = vsvm_devmem_coherent(c->dm);
		vsvm_mirror_exit(idx);
	}
	c->to_device = mig->target == DRM_VSVM_TARGET_DEVICE;
	c->leaves = mig->target == DRM_VSVM_TARGET_ADVISED;
	while (!ret && mig->next < end) {
		cond_resched();
		if (vsvm_context_stops(ctx)) {
			ret = -EINTR;
			break;
		}
		c->start = mig->next;
		ret = migrate_chunk(c, end);
	}
	way->bytes += c->copied << PAGE_SHIFT;
	way->transfers += c->transfers;
	kvfree(c);
	return ret;
}
