// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way home: system pages for device pages, and the bytes into them.
 *
 * The same for every reason to go: the CPU's fault, MIGRATE, eviction and
 * unplug. Each has core mm collect the pages, has them given a destination here,
 * has core mm move them, and settles here what came of it.
 *
 * Lifetime: a call, with source and destination folios locked.
 *
 * Locks: &vsvm_devmem.lock, for the block whose backing is handed over.
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
#include "vsvm_home.h"
#include "vsvm_pfn.h"
#include "vsvm_stats.h"
#include "vsvm_trace.h"

/* How the bytes of a huge page get home. */
static bool hand_over;
static const char *const engines[] = { "copy", "handover" };

static int set_engine(const char *value, const struct kernel_param *param)
{
	int engine = __sysfs_match_string(engines, ARRAY_SIZE(engines), value);

	if (engine < 0)
		return engine;
	/* Read without a lock by home_copy_huge(). */
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
		 "copy, or handover: a huge page's backing itself goes home (default copy)");

static void copy_pages(struct page *to, struct page *from, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		copy_highpage(to + i, from + i);
}

/* True if it matters where in @home's mapping a page is allocated for. */
static bool home_has_policy(const struct vsvm_home *home)
{
#ifdef CONFIG_NUMA
	return !home->vma || home->vma->vm_policy || current->mempolicy;
#else
	return false;
#endif
}

/* How many pages there are to bring home from entry @i on, at most @max. */
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
 * In reclaim the caller may have the reserves, which are not for this, and must
 * not reclaim, which would come here again.
 */
static gfp_t home_gfp(const struct vsvm_home *home)
{
	if (!home->gently)
		return GFP_HIGHUSER_MOVABLE;
	return (GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_NOMEMALLOC;
}

/*
 * A small page for entry @i, from some that are allocated at a time. NULL: one
 * by one, then, and harder if it must be.
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
 * Without a mapping: on the node that the page came from, or else near it. The
 * memory policy and the cpuset of who happens to need the room do not decide; the
 * latter may of what is near. A policy that forbids other nodes is not seen here,
 * and would not keep the page from having to leave. The node's own memory is not
 * reclaimed for it.
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
 * A huge device page must have a huge destination: nothing that core mm
 * exports splits it here. When the host has no huge page, or copy_engine says
 * so, it is the block's own backing, which is one, and holds the bytes already.
 * The extra reference keeps the backing when the migration fails after all.
 */
static struct folio *home_handover(struct vsvm_home *home, struct page *page)
{
	struct vsvm_block *b = vsvm_devmem_block_of(page);

	home->handed = b;
	folio_get(b->backing);
	return b->backing;
}

/*
 * What comes home may have been written by the device, which no CPU entry
 * tells, and has no copy in swap. A clean page that MADV_FREE was said of
 * before it went away would be dropped by reclaim.
 */
static unsigned long home_entry(struct folio *folio)
{
	folio_lock(folio);
	/* It is in no mapping yet that would have to know. */
	folio_set_dirty(folio);
	return vsvm_pfn_destination(folio);
}

/**
 * vsvm_home_give_back() - undo the giving of destinations
 * @dst: entries, some of them set; all are cleared
 * @n: how many
 *
 * Before the function that ends in _pages(): after that, core mm looks after
 * them.
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

/* The page at @i stays for now, for no better reason than a failpoint's. */
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
		copy_pages(&folio->page, vsvm_devmem_backing(page),
			   VSVM_BLOCK_PAGES);
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
	copy_pages(&folio->page, vsvm_devmem_backing(page), 1);
	home->dst[i] = home_entry(folio);
	home->given++;
}

/**
 * vsvm_home_lives() - is a page that was found by its index somebody's?
 * @folio: small or huge device page, locked
 *
 * Eviction goes by index, and can get hold of a page between its unlock and its
 * last put: one that was given out and never got to the process, or that has
 * gone home already. Such a page is nobody's: no memcg is charged for it, none
 * would be for its destination, and core mm would look for the LRU of that for
 * ever. Under the folio lock, which whoever moves the charge holds. Without memcgs
 * only the page whose backing was handed over can be told, and must be.
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
 * vsvm_home_copy() - give device pages a destination and copy them there
 * @home: what to bring home
 *
 * Call it between migrate_vma_setup() or migrate_device_pfns() and the
 * function that ends in _pages(). Entries without a page (holes), pages of
 * another device than the wanted one, and pages for which the host has no
 * memory keep a zero destination and stay.
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
	while (home->nr_spare)
		__free_page(home->spare[--home->nr_spare]);
}

/**
 * vsvm_home_recall() - take back destinations at the last moment
 * @home: what vsvm_home_copy() worked on
 *
 * Where VSVM_FAILPOINT_HOME_PAGES says so, and of huge pages that lost their
 * last mapping meanwhile (see vsvm_devmem_folio_free()). Right before the
 * function that ends in _pages().
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
 * The same in the very middle of _pages(): the page went, but nobody is charged
 * for its destination, for whose LRU core mm would look for ever. It is
 * nobody's: without it, core mm frees the page alone.
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

/* What of it core mm really moved. */
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
 * vsvm_home_settle() - after the pages moved, before they are finalized
 * @home: what vsvm_home_copy() worked on
 *
 * If a backing was handed over and its page really went, the backing belongs
 * to the process now and the block has none. Source and destination are still
 * locked, so the device page cannot have been given out anew.
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

/**
 * vsvm_home_account() - count and trace what a fault, an eviction or an unplug moved
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
	if (cause != VSVM_CAUSE_UNPLUG)
		vsvm_devmem_count(b, VSVM_STAT_HOME + cause, home->moved);
	account_stayed(b, cause, addr, home->host_full, DRM_VSVM_STAY_HOST_FULL);
	account_stayed(b, cause, addr, busy, DRM_VSVM_STAY_BUSY);
	trace_vsvm_migrate_end(b->devmem->device, cause,
			       DRM_VSVM_TARGET_SYSTEM, addr,
			       (u64)home->moved << PAGE_SHIFT, home->order,
			       busy + home->host_full);
}

/**
 * vsvm_home_touch_node() - where a first touch would take a page from
 * @vma: the mapping; mmap_lock is held, which keeps its policy
 *
 * Return: the NUMA node, for a touch by the caller; of several that the policy
 * allows, the nearest.
 */
int vsvm_home_touch_node(const struct vm_area_struct *vma)
{
	int node = numa_mem_id();
#ifdef CONFIG_NUMA
	struct mempolicy *policy = vma->vm_policy ?: current->mempolicy;
	nodemask_t may = cpuset_current_mems_allowed;

	if (policy && nodes_intersects(policy->nodes, may))
		nodes_and(may, may, policy->nodes);
	if (!node_isset(node, may) && !nodes_empty(may))
		node = nearest_node_nodemask(node, &may);
#endif
	return node;
}
