// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration: ranges to the device and home, as MIGRATE asks.
 *
 * A range is worked off in chunks that never cross a PMD or a mapping. For each
 * chunk: look (through the per-page path) which pages could move and why others
 * cannot; reserve device pages, before any folio is locked; move with
 * migrate_vma, in the same step as the reservation; account for every byte. What
 * moved, what was there and what stayed, with its reason, add up to the chunk.
 * mmap_lock is dropped between chunks, and a fatal signal stops there.
 *
 * What core mm would let through but must not move is left alone here: KSM
 * pages (all sharers would go along), pages of files and shared memory.
 *
 * Lifetime: a call. Device memory is used inside vsvm_mirror_enter(), and nothing
 * is reserved outside of it: unplug waits for pages that are in use, and nobody
 * knows how long mmap_lock or one's turn to make room may take.
 *
 * Locks: mmap_lock for reading around migrate_vma; folio locks are core's, by
 * trylock only.
 */
#include <linux/highmem.h>
#include <linux/ksm.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include <drm/vsvm_drm.h>

#include "vsvm_devmem.h"
#include "vsvm_evict.h"
#include "vsvm_home.h"
#include "vsvm_migrate.h"
#include "vsvm_mirror.h"
#include "vsvm_pagemap.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"

#define CHUNK_PAGES	VSVM_BLOCK_PAGES
#define MAX_PASSES	3
#define MAX_ROOMS	3	/* goes at making room, for one pass */

/*
 * What is known of a page of the chunk. The first values are the reasons of
 * enum drm_vsvm_stay.
 */
enum page_fate {
	FATE_MOVED = DRM_VSVM_STAY_MAX,
	FATE_THERE,
	FATE_ABSENT,	/* nothing mapped: untouched */
	FATE_AWAY,	/* swapped out, or behind another entry that a fault resolves */
	FATE_HOLE,	/* core says it was never touched */
	FATE_SYSTEM,	/* in system memory, could move */
	FATE_DEVICE,	/* on a vsvm device, could move */
};

/**
 * struct chunk - a part of the range, at most 2 MiB, in one mapping
 * @m: the mirror
 * @mig: the request, and the result as it grows
 * @v: visitor that fills @fate
 * @peek: looks closer at what it calls absent
 * @start: first address
 * @end: end of the chunk
 * @to_device: the direction
 * @populate: cleared device pages for what was never touched
 * @nohuge: the mapping does not want huge pages
 * @huge: the CPU maps the whole chunk as one piece, or could
 * @why: the look asks why the pages that could have moved did not
 * @fate: for each page
 * @count: pages of each fate, after a look
 * @moved: pages that moved, in whichever pass
 * @lost: pages that could not be read in: lost to a memory error
 * @now: how many moved in this pass
 * @order: the largest of those
 * @node: the NUMA node that untouched pages would come from
 * @args: for migrate_vma
 * @src: for migrate_vma
 * @dst: for migrate_vma
 * @small: reserved device pfns
 * @nr_small: how many of @small there are
 * @nr_taken: how many of @small became folios
 * @dm: the device's memory; only compared
 * @coherent: the device has no huge pages
 * @want: how many pages to reserve
 * @want_block: as a block, if there is one
 * @refused: none at all, on purpose
 * @rooms: how often more to make room for them
 * @block: reserved device pfn of a block, or 0
 * @full: there were not as many as wanted
 * @evicted: pages had to go for these; some of the chunk's may be among them
 */
struct chunk {
	struct vsvm_mirror *m;
	struct drm_vsvm_migrate *mig;
	struct vsvm_visitor v;
	struct vsvm_peek peek;
	unsigned long start;
	unsigned long end;
	bool to_device;
	bool populate;
	bool nohuge;
	bool huge;
	bool why;
	u8 fate[CHUNK_PAGES];
	unsigned int count[FATE_DEVICE + 1];
	DECLARE_BITMAP(moved, CHUNK_PAGES);
	DECLARE_BITMAP(lost, CHUNK_PAGES);
	unsigned int now;
	unsigned int order;
	int node;
	struct migrate_vma args;
	unsigned long src[CHUNK_PAGES];
	unsigned long dst[CHUNK_PAGES];
	unsigned long small[CHUNK_PAGES];
	unsigned int nr_small;
	unsigned int nr_taken;
	const struct vsvm_devmem *dm;
	bool coherent;
	unsigned int want;
	bool want_block;
	bool refused;
	unsigned int rooms;
	unsigned long block;
	bool full;
	bool evicted;
};

static struct vsvm_inject *chunk_inject(const struct chunk *c)
{
	return c->m->table.inject;
}

static unsigned int chunk_pages(const struct chunk *c)
{
	return (c->end - c->start) >> PAGE_SHIFT;
}

static void account_skip(struct chunk *c, enum drm_vsvm_stay reason,
			 unsigned long bytes)
{
	unsigned long pages = bytes >> PAGE_SHIFT;

	c->mig->stayed[reason] += bytes;
	vsvm_mirror_count(c->m, VSVM_STAT_SKIPPED + reason, pages);
	trace_vsvm_skip(c->m->device, VSVM_CAUSE_EXPLICIT, c->mig->next, pages,
			reason);
}

/* Neighbouring pages with the same fate, from c->mig->next on. */
static void account(struct chunk *c, u8 fate, unsigned long bytes)
{
	if (fate == FATE_MOVED) {
		c->mig->moved += bytes;
		vsvm_mirror_count(c->m, c->to_device ? VSVM_STAT_TO_DEVICE :
				  VSVM_STAT_HOME + VSVM_CAUSE_EXPLICIT,
				  bytes >> PAGE_SHIFT);
	} else if (fate == FATE_THERE) {
		c->mig->there += bytes;
	} else if (fate == FATE_ABSENT || fate == FATE_HOLE) {
		c->mig->absent += bytes;
	} else {
		account_skip(c, fate < DRM_VSVM_STAY_MAX ? fate :
			     DRM_VSVM_STAY_BUSY, bytes);
	}
	c->mig->next += bytes;
}

/*
 * True if somebody holds the folio for I/O. A pin of a small one counts as many
 * references, among those of its mappings; there are as many of these where
 * processes share it by fork.
 */
static bool is_pinned(struct folio *folio)
{
	if (folio_has_pincount(folio))
		return folio_maybe_dma_pinned(folio);
	return folio_ref_count(folio) - folio_expected_ref_count(folio) >=
	       GUP_PIN_COUNTING_BIAS;
}

/* A system page that is mapped; a page table's lock keeps it so. */
static u8 system_fate(struct chunk *c, struct page *page)
{
	struct folio *folio = page_folio(page);
	int refs;

	if (folio_test_ksm(folio))
		return DRM_VSVM_STAY_KSM;
	if (!folio_test_anon(folio))
		return DRM_VSVM_STAY_FILE;
	if (is_pinned(folio))
		return DRM_VSVM_STAY_PINNED;
	if (!c->why)
		return FATE_SYSTEM;
	/* Not on the LRU: the batch of pages on their way there has one. */
	refs = folio_expected_ref_count(folio) + !folio_test_lru(folio);
	return folio_ref_count(folio) > refs ? DRM_VSVM_STAY_PINNED :
					       DRM_VSVM_STAY_BUSY;
}

static u8 span_fate(struct chunk *c, const struct vsvm_span *span,
		    struct page *page)
{
	u8 device = c->why ? DRM_VSVM_STAY_BUSY : FATE_DEVICE;

	switch (span->state & DRM_VSVM_STATE_PLACE) {
	case DRM_VSVM_PLACE_ABSENT:
	case DRM_VSVM_PLACE_ZERO:
		return FATE_ABSENT;
	case DRM_VSVM_PLACE_SYSTEM:
		return c->to_device ? system_fate(c, page) : FATE_THERE;
	case DRM_VSVM_PLACE_DEVICE:
		return c->to_device ? FATE_THERE : device;
	case DRM_VSVM_PLACE_PEER:
		return device;
	default:
		return DRM_VSVM_STAY_ERROR;
	}
}

static bool could_move(u8 fate)
{
	return fate == FATE_SYSTEM || fate == FATE_DEVICE;
}

static long look_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct chunk *c = container_of(v, struct chunk, v);
	unsigned long i = (span->addr - c->start) >> PAGE_SHIFT;
	unsigned long n = span->len >> PAGE_SHIFT, k;

	for (k = 0; k < n; k++) {
		if (c->why && !could_move(c->fate[i + k]) &&
		    c->fate[i + k] != FATE_THERE)
			continue;
		c->fate[i + k] = test_bit(i + k, c->moved) ? FATE_MOVED :
			span_fate(c, span, span->page ? span->page + k : NULL);
		if (c->fate[i + k] == FATE_ABSENT && test_bit(i + k, c->lost))
			c->fate[i + k] = DRM_VSVM_STAY_ERROR;
		c->count[c->fate[i + k]]++;
	}
	/* In one piece, and mapped by one entry if mapped at all. */
	if (n == CHUNK_PAGES)
		c->huge = span->page ?
			  span->state >> DRM_VSVM_STATE_ORDER_SHIFT ==
			  VSVM_BLOCK_ORDER : !c->nohuge;
	return span->len;
}

static int look_relax(struct vsvm_visitor *v)
{
	return 0;
}

/*
 * What is behind an entry that hmm calls absent. Core collects a page all the
 * same that the CPU may not touch for now, so it has to be counted on.
 */
static void peek_see(struct vsvm_peek *peek, unsigned long addr,
		     enum vsvm_sight sight, struct page *page)
{
	struct chunk *c = container_of(peek, struct chunk, peek);
	u8 *fate = &c->fate[(addr - c->start) >> PAGE_SHIFT];

	if (*fate != FATE_ABSENT || (!page && !c->to_device))
		return;
	c->count[FATE_ABSENT]--;
	if (!page)
		*fate = sight == VSVM_SIGHT_LOST ? DRM_VSVM_STAY_ERROR :
						   FATE_AWAY;
	else if (!vsvm_devmem_owns(page))
		*fate = c->to_device ? system_fate(c, page) : FATE_THERE;
	else if (c->to_device && vsvm_devmem_of(page) == c->dm)
		*fate = FATE_THERE;
	else
		*fate = c->why ? DRM_VSVM_STAY_BUSY : FATE_DEVICE;
	c->count[*fate]++;
}

/* Finds out what every page of the chunk is; with @why, why it did not move. */
static int chunk_look(struct chunk *c, bool why)
{
	unsigned long next;
	int ret;

	memset(c->count, 0, sizeof(c->count));
	c->huge = false;
	c->why = why;
	c->v.visit = look_visit;
	c->v.relax = look_relax;
	c->v.pages = true;
	ret = vsvm_walk(c->m, c->start, c->end, VSVM_NEED_NONE, &c->v,
			&next, NULL);
	if (!ret && c->count[FATE_ABSENT]) {
		c->peek.see = peek_see;
		vsvm_mirror_peek(c->m, c->start, c->end, &c->peek);
	}
	return ret;
}

/* How many pages the chunk wants to move. */
static unsigned int chunk_wants(const struct chunk *c)
{
	unsigned int n = c->count[FATE_SYSTEM] + c->count[FATE_DEVICE];

	return c->populate ? n + c->count[FATE_ABSENT] : n;
}

/* Decides what to reserve, and what happens when that is to fail. */
static void chunk_plan(struct chunk *c)
{
	c->evicted = false;
	c->want = c->to_device ? chunk_wants(c) : 0;
	c->want_block = c->huge && c->want == CHUNK_PAGES && !c->coherent &&
			!VSVM_INJECT(chunk_inject(c), RESERVE_BLOCK, true,
				     false);
	c->refused = c->want && !c->want_block &&
		     VSVM_INJECT(chunk_inject(c), RESERVE_SMALL, true, false);
	c->rooms = c->refused ? 0 : MAX_ROOMS;
}

/*
 * Reserves device pages; with @room, as one who has his turn to make it. Returns
 * false if there were not as many as wanted.
 */
static bool chunk_reserve(struct chunk *c, bool room)
{
	struct vsvm_devmem *dm = c->m->devmem;
	struct vsvm_client *client = c->m->client;

	c->nr_small = 0;
	c->nr_taken = 0;
	c->block = 0;
	if (c->want_block) {
		c->block = room ?
			   vsvm_evict_reserve_block(dm, client, &c->evicted) :
			   vsvm_devmem_reserve_block(dm, client);
		/* Only small ones are there, perhaps: the last to be asked for. */
		if (!c->block && !room && c->rooms)
			return false;
	}
	if (!c->block && c->want && !c->refused)
		c->nr_small = room ?
			      vsvm_evict_reserve(dm, client, c->small, c->want,
						 &c->evicted) :
			      vsvm_devmem_reserve(dm, client, c->small, c->want);
	c->full = !c->block && c->nr_small < c->want;
	return !c->full;
}

static void chunk_unreserve(struct chunk *c)
{
	struct vsvm_devmem *dm = c->m->devmem;

	vsvm_devmem_unreserve(dm, c->small + c->nr_taken,
			      c->nr_small - c->nr_taken, 0);
	if (c->block)
		vsvm_devmem_unreserve(dm, &c->block, 1, VSVM_BLOCK_ORDER);
}

/* The huge page turned out small: use the reserved block page by page. */
static void break_block(struct chunk *c)
{
	while (c->nr_small < CHUNK_PAGES) {
		c->small[c->nr_small] = c->block + c->nr_small;
		c->nr_small++;
	}
	c->block = 0;
}

/* The bytes of a source page, or nothing for a page that was never touched. */
static void fill_page(struct page *to, struct page *from)
{
	vsvm_devmem_untag(to);
	if (from)
		copy_highpage(to, from);
	else
		clear_highpage(to);
}

static struct page *source_bytes(struct page *page)
{
	return page && vsvm_devmem_owns(page) ? vsvm_devmem_backing(page) : page;
}

/* Where a page has its home: a device page remembers it. */
static int source_node(const struct chunk *c, struct page *page)
{
	if (!page)
		return c->node;
	return vsvm_devmem_owns(page) ? *vsvm_devmem_node(page) :
					page_to_nid(page);
}

static unsigned long take_block(struct chunk *c, struct page *page)
{
	struct folio *folio = vsvm_devmem_folio(c->m->devmem, c->block,
						VSVM_BLOCK_ORDER);
	struct page *to = vsvm_devmem_backing(&folio->page);
	struct page *from = source_bytes(page);
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		fill_page(to + i, from ? from + i : NULL);
		*vsvm_devmem_node(folio_page(folio, i)) =
			source_node(c, page ? page + i : NULL);
	}
	c->block = 0;
	return migrate_pfn(folio_pfn(folio)) | MIGRATE_PFN_COMPOUND;
}

static unsigned long take_small(struct chunk *c, struct page *page)
{
	unsigned long pfn = c->small[c->nr_taken++];
	struct folio *folio = vsvm_devmem_folio(c->m->devmem, pfn, 0);

	fill_page(vsvm_devmem_backing(&folio->page), source_bytes(page));
	*vsvm_devmem_node(&folio->page) = source_node(c, page);
	return migrate_pfn(pfn);
}

/*
 * Why a page that core collected must not go to the device after all, or
 * FATE_MOVED if it may.
 */
static u8 collected_fate(struct chunk *c, struct page *page)
{
	struct folio *folio;

	if (!page)
		return c->populate ? FATE_MOVED : FATE_HOLE;
	if (vsvm_devmem_owns(page))
		return vsvm_devmem_of(page) == c->m->devmem ? FATE_THERE :
							      FATE_MOVED;
	folio = page_folio(page);
	if (folio_test_ksm(folio))
		return DRM_VSVM_STAY_KSM;
	return folio_test_anon(folio) ? FATE_MOVED : DRM_VSVM_STAY_FILE;
}

/*
 * Gives each collected page a device page, as far as there are some. A page that
 * came since the look was not counted on: it may be the one for which there is
 * none, though the device is not full. The next go counts on it.
 */
static void fill_device(struct chunk *c)
{
	unsigned long i, nr;

	for (i = 0; i < c->args.npages; i += nr) {
		struct page *page = migrate_pfn_to_page(c->src[i]);
		u8 fate;

		nr = 1;
		if (!(c->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		if (c->src[i] & MIGRATE_PFN_COMPOUND)
			nr = CHUNK_PAGES;
		fate = collected_fate(c, page);
		if (fate != FATE_MOVED) {
			memset(&c->fate[i], fate, nr);
			continue;
		}
		memset(&c->fate[i], FATE_SYSTEM, nr);
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
				memset(&c->fate[i], DRM_VSVM_STAY_DEVICE_FULL,
				       nr);
			continue;
		}
		if (VSVM_INJECT(chunk_inject(c), COPY_DEVICE, true, false))
			vsvm_home_give_back(&c->dst[i], nr);
	}
}

/* Takes destinations back where VSVM_POINT_PAGES says so. */
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
			memset(&c->fate[i], DRM_VSVM_STAY_HOST_FULL, nr);
	}
}

/* Notes what moved: between migrate_vma_pages() and _finalize(). */
static void note_moved(struct chunk *c)
{
	unsigned long i, nr;

	c->now = 0;
	c->order = 0;
	for (i = 0; i < c->args.npages; i += nr) {
		nr = c->dst[i] & MIGRATE_PFN_COMPOUND ? CHUNK_PAGES : 1;
		if (c->dst[i] && c->src[i] & MIGRATE_PFN_MIGRATE) {
			memset(&c->fate[i], FATE_MOVED, nr);
			bitmap_set(c->moved, i, nr);
			c->now += nr;
			if (nr > 1)
				c->order = VSVM_BLOCK_ORDER;
		}
	}
}

static void trace_begin(const struct chunk *c)
{
	trace_vsvm_migrate_begin(c->m->device, VSVM_CAUSE_EXPLICIT,
				 c->mig->target, c->start, c->end - c->start);
}

static void trace_end(const struct chunk *c)
{
	unsigned long stayed = 0, i;

	if (!trace_vsvm_migrate_end_enabled())
		return;
	for (i = 0; i < c->args.npages; i++)
		stayed += c->fate[i] < DRM_VSVM_STAY_MAX ||
			  could_move(c->fate[i]);
	trace_vsvm_migrate_end(c->m->device, VSVM_CAUSE_EXPLICIT,
			       c->mig->target, c->start,
			       (u64)c->now << PAGE_SHIFT, c->order, stayed);
}

/* From migrate_vma_setup() on: destinations, copies, and what came of it. */
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
 * One go of migrate_vma over the chunk, with mmap_lock held, inside
 * vsvm_mirror_enter(). Pages that were not collected, or that could not go after
 * all, keep the fate they had.
 */
static void chunk_move(struct chunk *c)
{
	struct mm_struct *mm = c->m->notifier.mm;
	struct vsvm_home home = {
		.src = c->src,
		.dst = c->dst,
		.start = c->start,
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
	if (c->to_device)
		c->args.flags |= MIGRATE_VMA_SELECT_SYSTEM;
	if (c->count[FATE_DEVICE])
		c->args.flags |= MIGRATE_VMA_SELECT_DEVICE_PRIVATE |
				 MIGRATE_VMA_SELECT_DEVICE_COHERENT;
	/*
	 * For small destinations core is to split the page before it unmaps it:
	 * after that it would split one process's entry alone (Linux 7.3,
	 * migrate_vma_split_unmapped_folio()). For none it is to stay whole.
	 */
	if (c->end - c->start == PMD_SIZE &&
	    (!c->to_device || c->block || !c->nr_small))
		c->args.flags |= MIGRATE_VMA_SELECT_COMPOUND;

	trace_begin(c);
	/* Fails if the mapping changed since the look: this go does nothing. */
	if (VSVM_INJECT(chunk_inject(c), SETUP, -EINVAL,
			migrate_vma_setup(&c->args))) {
		c->args.npages = 0;
		c->now = 0;
		goto end;
	}

	c->node = vsvm_home_touch_node(c->args.vma);
	home.vma = c->args.vma;
	home.npages = c->args.npages;
	move_collected(c, &home);
end:
	trace_end(c);
}

/*
 * Reserves what was short, making room. Begins inside vsvm_mirror_enter() and
 * leaves it: others wait for the turn too. Returns 1 inside of it, with pages
 * reserved and mmap_lock held; 0 without any of these, to begin again; or an
 * errno.
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
		/* Less is done; who is being killed does not get far. */
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

	/* Waiting for it, with what was reserved, could take for ever. */
	ret = mmap_read_trylock(mm);
	if (!ret) {
		chunk_unreserve(c);
		vsvm_mirror_exit(*idx);
	}
put:
	vsvm_pagemap_put(dm);
	return ret;
}

/*
 * One go at moving the chunk. What there is on the device is reserved when
 * mmap_lock is held, so that nothing can come between that and the move. To make
 * room it has to be let go. Whoever has made room and does not get mmap_lock at
 * once gives it back and begins again, a few times; the last time he is content
 * with what there is.
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

	chunk_move(c);
	mmap_read_unlock(mm);
	chunk_unreserve(c);
	vsvm_mirror_exit(idx);
	return 0;
}

/*
 * Has the contents brought that are elsewhere. What was never touched is not
 * faulted, nor what a userfaultfd handler would have to be asked for: unless it
 * became so since the look, by the process's own doing.
 */
static int chunk_bring_in(struct chunk *c)
{
	unsigned long i;
	int ret;

	for (i = 0; i < chunk_pages(c); i++) {
		if (c->fate[i] != FATE_AWAY)
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
		if (could_move(c->fate[i]))
			return true;
	return false;
}

/*
 * Moves what can move of a chunk. What another thread has locked for a moment
 * gets more than one go, but not many.
 */
static int chunk_migrate(struct chunk *c)
{
	int pass, ret;

	bitmap_zero(c->moved, CHUNK_PAGES);
	bitmap_zero(c->lost, CHUNK_PAGES);
	for (pass = 0; pass < MAX_PASSES; pass++) {
		ret = chunk_look(c, false);
		if (!ret && !pass && c->count[FATE_AWAY])
			ret = chunk_bring_in(c) ?: chunk_look(c, false);
		if (ret)
			return ret;
		if (!chunk_wants(c))
			return 0;

		ret = chunk_go(c);
		if (ret)
			return ret;

		if (!chunk_has_movable(c) &&
		    !(c->evicted && c->count[FATE_THERE]))
			return 0;
	}
	return chunk_look(c, true);
}

/* A mapping that may not be read cannot be looked at, but left it can be. */
static int chunk_migrate_blind(struct chunk *c)
{
	bitmap_zero(c->moved, CHUNK_PAGES);
	memset(c->fate, DRM_VSVM_STAY_ACCESS, chunk_pages(c));
	if (c->to_device)
		return 0;
	memset(c->count, 0, sizeof(c->count));
	c->count[FATE_DEVICE] = chunk_pages(c);
	return chunk_go(c);
}

/*
 * Cuts the next chunk from c->start on. Returns the fate that all of it has for
 * its mapping's sake; FATE_DEVICE: look at the pages; -EINTR.
 */
static int chunk_cut(struct chunk *c, unsigned long end)
{
	struct mm_struct *mm = c->m->notifier.mm;
	struct vm_area_struct *vma;
	int fate;

	if (VSVM_INJECT(chunk_inject(c), CUT_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;

	vma = find_vma(mm, c->start);
	if (!vma || vma->vm_start > c->start) {
		c->end = vma ? min(end, vma->vm_start) : end;
		fate = DRM_VSVM_STAY_UNMAPPED;
		goto unlock;
	}

	c->end = min(end, vma->vm_end);
	c->nohuge = !vma_is_anonymous(vma) || vma->vm_flags & VM_NOHUGEPAGE;
	/* Core fills nothing else, and not what a handler has to be asked for. */
	c->populate = c->mig->flags & DRM_VSVM_MIGRATE_POPULATE &&
		      vma_is_anonymous(vma) && !userfaultfd_missing(vma);
	if (is_vm_hugetlb_page(vma)) {
		fate = c->to_device ? DRM_VSVM_STAY_HUGETLB : FATE_THERE;
	} else if (vma->vm_flags & VM_SPECIAL || vma_is_dax(vma)) {
		fate = c->to_device ? DRM_VSVM_STAY_SPECIAL : FATE_THERE;
	} else {
		c->end = min(c->end, (c->start & PMD_MASK) + PMD_SIZE);
		fate = vma->vm_flags & VM_READ ? FATE_DEVICE :
						 DRM_VSVM_STAY_ACCESS;
	}
unlock:
	mmap_read_unlock(mm);
	return fate;
}

/* Works off one chunk and accounts for it. */
static int migrate_chunk(struct chunk *c, unsigned long end)
{
	unsigned int n, i, nr;
	u32 state = 0;
	int fate, ret;

	if (!(c->mig->flags & DRM_VSVM_MIGRATE_POPULATE)) {
		c->end = vsvm_mirror_hole(c->m, c->start, end, &state);
		if (c->end > c->start && state == DRM_VSVM_PLACE_ABSENT) {
			account(c, FATE_ABSENT, c->end - c->start);
			return 0;
		}
	}

	fate = chunk_cut(c, end);
	if (fate < 0)
		return fate;
	if (fate == FATE_DEVICE)
		ret = chunk_migrate(c);
	else if (fate == DRM_VSVM_STAY_ACCESS)
		ret = chunk_migrate_blind(c);
	else
		return account(c, fate, c->end - c->start), 0;
	if (ret)
		return ret;

	n = chunk_pages(c);
	for (i = 0; i < n; i += nr) {
		for (nr = 1; i + nr < n && c->fate[i + nr] == c->fate[i]; )
			nr++;
		account(c, c->fate[i], nr * PAGE_SIZE);
	}
	return 0;
}

/**
 * vsvm_migrate() - move a range to the device or home
 * @m: the mirror, bound to current->mm
 * @mig: the request, checked, with its output zeroed and next at its start
 *
 * Return: 0, however much moved; -EINTR, -ENOMEM, -EBUSY or -ENODEV with what was
 * done before in @mig.
 */
int vsvm_migrate(struct vsvm_mirror *m, struct drm_vsvm_migrate *mig)
{
	unsigned long end = mig->addr + mig->len;
	struct chunk *c;
	int idx, ret;

	c = VSVM_INJECT(m->table.inject, CHUNK, NULL,
			kvzalloc_obj(*c, GFP_KERNEL));
	if (!c)
		return -ENOMEM;

	c->m = m;
	c->mig = mig;
	ret = vsvm_mirror_enter(m, &idx);
	if (!ret) {
		c->dm = m->devmem;
		c->coherent = vsvm_devmem_coherent(c->dm);
		vsvm_mirror_exit(idx);
	}
	c->to_device = mig->target == DRM_VSVM_TARGET_DEVICE;
	while (!ret && mig->next < end) {
		cond_resched();
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		c->start = mig->next;
		ret = migrate_chunk(c, end);
	}
	kvfree(c);
	return ret;
}
