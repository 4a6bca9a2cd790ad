// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration to system memory: allocates system pages as destinations of device pages,
 * and copies the bytes.
 *
 * A CPU fault, MIGRATE, eviction and unplug all use this. Each has core mm collect the
 * pages, gets destinations from vsvm_home_copy(), has core mm move the pages, and calls
 * vsvm_home_settle().
 *
 * Lifetime: a call, with source and destination folios locked.
 *
 * Locks: &vsvm_devmem.lock, for a block whose backing is handed over.
 */
#include <linux/cpuset.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/migrate.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_home.h"
#include "vsvm_link.h"
#include "vsvm_pfn.h"
#include "vsvm_stats.h"
#include "vsvm_trace.h"

/* Copies the bytes of a huge page, or hands over its backing. */
static bool hand_over;
static const char *const engines[] = { "copy", "handover" };

static int set_engine(const char *value, const struct kernel_param *param)
{
	int engine = __sysfs_match_string(engines, ARRAY_SIZE(engines), value);

	if (engine < 0)
		return engine;
	/* home_copy_huge() reads it without a lock. */
	WRITE_ONCE(hand_over, engine);
	return 0;
}

static int get_engine(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", engines[hand_over]);
}

static const struct kernel_param_ops engine_ops = {
	.set = set_engine,
	.get = get_engine,
};

module_param_cb(copy_engine, &engine_ops, NULL, 0644);
MODULE_PARM_DESC(copy_engine,
		 "copy, or handover: a huge page's backing itself becomes its system page (default copy)");

static void count_uncopied(struct vsvm_home *home)
{
	if (home->uncopied_of)
		vsvm_devmem_count(home->uncopied_of, VSVM_STAT_UNCOPIED,
				  home->uncopied);
	home->uncopied = 0;
}

/*
 * Fills system pages with the bytes of device pages, which are locked and unmapped. No
 * thread needs those of a page that was discarded; but @to has bytes of its last user.
 */
static void copy_pages(struct vsvm_home *home, struct page *to,
		       struct page *from, unsigned long nr)
{
	struct vsvm_block *b = vsvm_devmem_block_of(from);
	struct page *bytes = vsvm_devmem_backing(from);
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (!vsvm_devmem_discarded(from + i)) {
			copy_highpage(to + i, bytes + i);
			continue;
		}
		clear_highpage(to + i);
		if (home->uncopied_of != b)
			count_uncopied(home);
		home->uncopied_of = b;
		home->uncopied++;
	}
}

/* True if a page must be allocated for its own address in @home's mapping. */
static bool home_has_policy(const struct vsvm_home *home)
{
#ifdef CONFIG_NUMA
	return !home->vma || home->vma->vm_policy || home->policy;
#else
	return false;
#endif
}

/* Number of pages to migrate from entry @i on, at most @max. */
static unsigned long home_wants(const struct vsvm_home *home, unsigned long i,
				unsigned long max)
{
	unsigned long n = 0;

	for (; i < home->npages && n < max; i++)
		n += migrate_pfn_to_page(home->src[i]) &&
		     home->src[i] & MIGRATE_PFN_MIGRATE;
	return n;
}

/*
 * A task in reclaim may use the reserves, but this migration must not. It must not
 * enter reclaim either, which would recurse into the shrinker.
 */
static gfp_t home_gfp(const struct vsvm_home *home)
{
	if (!home->gently)
		return GFP_HIGHUSER_MOVABLE;
	return (GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_NOMEMALLOC;
}

/*
 * A small page for entry @i, from a batch of pages. NULL: the caller allocates one
 * page, and tries harder for @must.
 */
static struct folio *home_spare(struct vsvm_home *home, unsigned long i)
{
	unsigned long want = home->nr_spare ? 0 :
			     home_wants(home, i, VSVM_HOME_SPARE);

	if (want > 1 && !home_has_policy(home)) {
		memset(home->spare, 0, sizeof(home->spare));
		home->nr_spare = alloc_pages_bulk(home_gfp(home) |
						  __GFP_NOWARN |
						  __GFP_NORETRY, want,
						  home->spare);
	}
	return home->nr_spare ? page_folio(home->spare[--home->nr_spare]) :
				NULL;
}

/*
 * Allocates without a mapping: on the node that the page came from, or else near it.
 * The memory policy of the current task has no say, because it may belong to another
 * process; its cpuset has a say only about the nodes near it. Whether the owner's
 * policy forbids other nodes is not known here, and the page has to leave the device
 * either way. The first attempt does not reclaim memory of the node.
 */
static struct folio *home_alloc_node(gfp_t gfp, unsigned int order, int node)
{
	struct folio *folio;

	gfp &= ~__GFP_HARDWALL;
	folio = __folio_alloc((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_THISNODE |
			      __GFP_NOWARN, order, node, NULL);
	return folio ?: __folio_alloc(gfp, order, node, NULL);
}

static struct folio *home_alloc(struct vsvm_home *home, unsigned int order,
				unsigned long i, struct page *page)
{
	struct folio *folio;
	struct vsvm_devmem *dm = vsvm_devmem_of(page);
	unsigned long addr = home->start + i * PAGE_SIZE;
	gfp_t gfp = home_gfp(home);

	if (order ? VSVM_INJECT(dm->inject, HOME_HUGE, true, false) :
		    VSVM_INJECT(dm->inject, HOME_SMALL, true, false))
		return NULL;
	folio = order ? NULL : home_spare(home, i);
	if (folio)
		return folio;
	if (order)
		gfp = GFP_TRANSHUGE_LIGHT;
	else if (page != home->must)
		gfp |= __GFP_NOWARN | __GFP_NORETRY;

	if (home->vma)
		return vma_alloc_folio(gfp, order, home->vma, addr);
	return home_alloc_node(gfp, order, *vsvm_devmem_node(page));
}

/*
 * A huge device page needs a huge destination: no function that core mm exports splits
 * it here. If the host has no huge page, or copy_engine is "handover", the destination
 * is the block's own backing, which is huge and holds the bytes already. The extra
 * reference keeps the backing if the migration fails.
 */
static struct folio *home_handover(struct vsvm_home *home, struct page *page)
{
	struct vsvm_block *b = vsvm_devmem_block_of(page);

	home->handed = b;
	folio_get(b->backing);
	return b->backing;
}

/*
 * The device may have written the page, which no CPU entry records, and the page has no
 * copy in swap. If MADV_FREE had marked it before it moved to the device, reclaim would
 * drop the clean destination.
 */
static unsigned long home_entry(struct folio *folio)
{
	folio_lock(folio);
	/* It has no mapping yet that would have to be told. */
	folio_set_dirty(folio);
	return vsvm_pfn_destination(folio);
}

/**
 * vsvm_home_give_back() - drop destinations
 * @dst: entries, some of them set; all are cleared
 * @n: number of entries
 *
 * Only before migrate_vma_pages() or migrate_device_pages(): after that core mm unlocks
 * and puts them.
 */
void vsvm_home_give_back(unsigned long *dst, unsigned long n)
{
	struct folio *folio;
	unsigned long i;

	for (i = 0; i < n; i++) {
		if (!dst[i])
			continue;
		folio = page_folio(migrate_pfn_to_page(dst[i]));
		dst[i] = 0;
		folio_unlock(folio);
		folio_put(folio);
	}
}

/* Drops the destination of the page at @i, so that the page stays for now. */
static void home_give_up(struct vsvm_home *home, unsigned long i)
{
	__set_bit(i, home->recalled);
	if (!home->dst[i])
		return;
	if (home->dst[i] & MIGRATE_PFN_COMPOUND)
		home->handed = NULL;
	vsvm_home_give_back(&home->dst[i], 1);
}

static void home_copy_huge(struct vsvm_home *home, unsigned long i,
			   struct page *page)
{
	struct folio *folio = NULL;

	if (!READ_ONCE(hand_over) && !home->gently)
		folio = home_alloc(home, VSVM_BLOCK_ORDER, i, page);
	if (folio)
		copy_pages(home, &folio->page, page, VSVM_BLOCK_PAGES);
	else
		folio = home_handover(home, page);

	home->dst[i] = home_entry(folio);
	home->given += VSVM_BLOCK_PAGES;
}

static void home_copy_small(struct vsvm_home *home, unsigned long i,
			    struct page *page)
{
	struct folio *folio = home_alloc(home, 0, i, page);

	if (!folio) {
		home->host_full++;
		return;
	}
	copy_pages(home, &folio->page, page, 1);
	home->dst[i] = home_entry(folio);
	home->given++;
}

/**
 * vsvm_home_lives() - check whether a page found by its index is still in use
 * @folio: small or huge device page, locked
 *
 * Eviction finds pages by index. It may lock a page after the page's unlock and before
 * its last put: one that was reserved but never mapped, or one that has moved already.
 * No memcg is charged for such a page. Its destination would not be charged either, and
 * core mm would search for its LRU list for ever. The charge moves under the folio
 * lock, so the answer holds while the caller has it. Without memcgs only a page whose
 * backing was handed over is recognized, and that one must be.
 *
 * Return: true if it may move.
 */
bool vsvm_home_lives(struct folio *folio)
{
	if (!folio_test_anon(folio))
		return false;
	if (!mem_cgroup_disabled())
		return folio_memcg_charged(folio);
	return vsvm_devmem_coherent(vsvm_devmem_of(&folio->page)) ||
	       vsvm_devmem_block_of(&folio->page)->backing;
}

/**
 * vsvm_home_copy() - allocate destinations of device pages and copy the bytes
 * @home: the pages
 *
 * To be called between migrate_vma_setup() or migrate_device_pfns() and
 * migrate_vma_pages() or migrate_device_pages(). Entries without a page (holes), pages
 * of a device other than @home->only, and pages for which the host has no memory keep a
 * zero destination and stay.
 */
void vsvm_home_copy(struct vsvm_home *home)
{
	struct vsvm_inject *inject;
	unsigned long i, nr;
	struct page *page;

	for (i = 0; i < home->npages; i += nr) {
		nr = 1;
		page = migrate_pfn_to_page(home->src[i]);
		if (!page || !(home->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		if (home->src[i] & MIGRATE_PFN_COMPOUND)
			nr = folio_nr_pages(page_folio(page));
		if (!vsvm_devmem_owns(page) ||
		    (home->only && vsvm_devmem_of(page) != home->only))
			continue;
		if (!vsvm_home_lives(page_folio(page)))
			continue;
		inject = vsvm_devmem_of(page)->inject;
		if (VSVM_INJECT(inject, HOME_DROP, true, false)) {
			home->given += nr;
			home_give_up(home, i);
			continue;
		}
		if (nr == VSVM_BLOCK_PAGES)
			home_copy_huge(home, i, page);
		else if (nr == 1)
			home_copy_small(home, i, page);
		if (home->dst[i] &&
		    VSVM_INJECT(inject, COPY_HOME, true, false))
			home_give_up(home, i);
	}
	count_uncopied(home);
	while (home->nr_spare)
		__free_page(home->spare[--home->nr_spare]);
}

/**
 * vsvm_home_recall() - drop destinations at the last moment
 * @home: the pages, after vsvm_home_copy()
 *
 * Drops those of huge pages that lost their last mapping meanwhile (see
 * vsvm_devmem_folio_free()), and those that VSVM_FAILPOINT_HOME_PAGES chooses. To be
 * called right before migrate_vma_pages() or migrate_device_pages().
 */
void vsvm_home_recall(struct vsvm_home *home)
{
	struct page *page;
	unsigned long i;

	for (i = 0; i < home->npages; i++) {
		if (!home->dst[i])
			continue;
		page = migrate_pfn_to_page(home->src[i]);
		if (!folio_test_anon(page_folio(page)) ||
		    VSVM_INJECT(vsvm_devmem_of(page)->inject, HOME_PAGES, true,
				false))
			home_give_up(home, i);
	}
}

/*
 * A huge page can lose its last mapping inside migrate_vma_pages() or
 * migrate_device_pages(), too. It has moved then, but no memcg is charged for its
 * destination, and core mm would search for the LRU list of that for ever. No process
 * maps either of them. Without a destination, core mm frees the device page alone.
 */
static void home_disown(struct vsvm_home *home)
{
	struct folio *folio;

	if (!(home->dst[0] & MIGRATE_PFN_COMPOUND) ||
	    !(home->src[0] & MIGRATE_PFN_MIGRATE) || mem_cgroup_disabled())
		return;
	folio = page_folio(migrate_pfn_to_page(home->dst[0]));
	if (folio_memcg_charged(folio))
		return;
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	home_give_up(home, 0);
}

/* Counts the pages that core mm moved. */
static void home_count(struct vsvm_home *home)
{
	unsigned long i, nr;

	for (i = 0; i < home->npages; i += nr) {
		nr = home->dst[i] & MIGRATE_PFN_COMPOUND ? VSVM_BLOCK_PAGES : 1;
		if (!home->dst[i] || !(home->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		home->moved += nr;
		if (nr > 1)
			home->order = VSVM_BLOCK_ORDER;
	}
}

/**
 * vsvm_home_settle() - account for moved pages before they are finalized
 * @home: the pages, after vsvm_home_copy()
 *
 * If a backing was handed over and its page moved, the backing belongs to the process
 * now and the block has none. Source and destination are still locked, so the device
 * page cannot be in use by another client yet.
 */
void vsvm_home_settle(struct vsvm_home *home)
{
	struct vsvm_devmem *dm;
	struct vsvm_block *b;
	struct folio *backing;
	unsigned long flags;

	home_disown(home);
	home_count(home);
	b = home->handed;
	if (!b)
		return;

	backing = b->backing;
	if (home->src[0] & MIGRATE_PFN_MIGRATE) {
		backing->private = NULL;
		dm = vsvm_devmem_of(migrate_pfn_to_page(home->src[0]));
		spin_lock_irqsave(&dm->lock, flags);
		b->backing = NULL;
		dm->nr_backed--;
		spin_unlock_irqrestore(&dm->lock, flags);
		folio_put(backing);
	}
	home->handed = NULL;
}

static void account_stayed(struct vsvm_block *b, enum vsvm_cause cause, u64 addr,
			   unsigned long pages, enum drm_vsvm_stay reason)
{
	if (!pages)
		return;
	vsvm_devmem_count(b, VSVM_STAT_STAYED + reason, pages);
	trace_vsvm_stay(b->devmem->device, cause, addr, pages, reason);
}

/* Number of pages that moved and were not discarded: their bytes cross the link. */
static u64 count_copied(const struct vsvm_home *home)
{
	unsigned long i, k, nr;
	struct page *page;
	u64 n = 0;

	for (i = 0; i < home->npages; i += nr) {
		nr = home->dst[i] & MIGRATE_PFN_COMPOUND ? VSVM_BLOCK_PAGES : 1;
		if (!home->dst[i] || !(home->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		page = migrate_pfn_to_page(home->src[i]);
		for (k = 0; k < nr; k++)
			n += !vsvm_devmem_discarded(page + k);
	}
	return n;
}

/* Counts what the move would have cost a device with a link. */
static void charge(const struct vsvm_home *home, struct vsvm_block *b,
		   enum vsvm_cause cause)
{
	struct vsvm_link_way way = {
		.bytes = count_copied(home) << PAGE_SHIFT,
		.transfers = 1,
	};

	if (way.bytes)
		vsvm_devmem_count(b, VSVM_STAT_LINK_HOME + cause,
				  vsvm_link_move(&way));
	/* A fault that moves nothing is taken again, and pays then. */
	if (home->moved && cause == VSVM_CAUSE_CPU_FAULT)
		vsvm_devmem_count(b, VSVM_STAT_LINK_CPU_FAULT,
				  vsvm_link_cpu_fault());
}

/* Eviction and unplug have no mapping, and no address in one. */
static void tell_moved(const struct vsvm_home *home, struct vsvm_block *b,
		       enum vsvm_cause cause)
{
	vsvm_devmem_tell(b, home->vma ? home->vma->vm_mm : NULL,
			 &(struct drm_vsvm_event) {
				 .type = DRM_VSVM_EVENT_MIGRATE,
				 .cause = cause,
				 .target = DRM_VSVM_TARGET_SYSTEM,
				 .addr = home->vma ? home->start : 0,
				 .bytes = (u64)home->moved << PAGE_SHIFT,
				 .order = home->order,
			 });
}

/**
 * vsvm_home_account() - count, trace and tell what a fault, an eviction or an unplug moved
 * @home: the pages, after vsvm_home_settle() and before they are finalized: while what
 *	moved is locked, its block keeps its client
 * @b: the block that it was in
 * @cause: why the pages had to move
 * @addr: of the first entry, as the tracepoints have it
 * @busy: how many pages stayed though the host had memory for them
 */
void vsvm_home_account(const struct vsvm_home *home, struct vsvm_block *b,
		       enum vsvm_cause cause, u64 addr, unsigned long busy)
{
	/* Unplug has no counter: nobody is left to read it. */
	if (cause != VSVM_CAUSE_UNPLUG) {
		vsvm_devmem_count(b, VSVM_STAT_HOME + cause, home->moved);
		if (vsvm_link_on())
			charge(home, b, cause);
	}
	account_stayed(b, cause, addr, home->host_full, DRM_VSVM_STAY_HOST_FULL);
	account_stayed(b, cause, addr, busy, DRM_VSVM_STAY_BUSY);
	if (vsvm_events_any() && home->moved)
		tell_moved(home, b, cause);
	trace_vsvm_migrate_end(b->devmem->device, cause,
			       DRM_VSVM_TARGET_SYSTEM, addr,
			       (u64)home->moved << PAGE_SHIFT, home->order,
			       busy + home->host_full);
}

/**
 * vsvm_home_touch_node() - get the node that a first touch would allocate from
 * @vma: the mapping; mmap_lock is held, which keeps its policy
 * @policy: the policy of the thread that touches, or NULL
 *
 * Return: the NUMA node for a touch in the cpuset of the current task; if the policy
 * allows several, the nearest.
 */
int vsvm_home_touch_node(const struct vm_area_struct *vma,
			 struct mempolicy *policy)
{
	int node = numa_mem_id();
#ifdef CONFIG_NUMA
	nodemask_t may = cpuset_current_mems_allowed;

	policy = vma->vm_policy ?: policy;
	if (policy && nodes_intersects(policy->nodes, may))
		nodes_and(may, may, policy->nodes);
	if (!node_isset(node, may) && !nodes_empty(may))
		node = nearest_node_nodemask(node, &may);
#endif
	return node;
}
