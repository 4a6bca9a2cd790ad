// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: the pagemap, its blocks, and the host memory behind them.
 *
 * A device has a fixed number of blocks of 2 MiB. A device page leads to its
 * block, and to its backing page in the block, by arithmetic on its pfn: there
 * is no pointer in a device page, nothing to update when core mm splits a
 * device folio, and a block whose last page is freed is whole again.
 *
 * A block holds the pages of one process, its share, as long as there are other
 * blocks to be had; so a process whose pages are evicted loses its own.
 *
 * Backing stays with an empty block until the host needs it: a shrinker gives
 * it back.
 *
 * A coherent device has no backing: its pages are memory that the CPU reaches,
 * and they are always small.
 *
 * Lifetime: from probe until the last page is gone after remove, which drains
 * them. Pages may outlive the file and the process that brought them here (a
 * fork's child has them mapped too), and, where the CPU reaches them, the device;
 * so nothing in this file knows of any of these.
 *
 * Locks: &vsvm_devmem.lock, a leaf, taken with interrupts off because a folio
 * may be freed from any context.
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "vsvm_devmem.h"

char vsvm_devmem_owner[] = "vsvm";
unsigned long vsvm_devmem_low = ULONG_MAX;
unsigned long vsvm_devmem_high;

/*
 * Backing is not charged to a memcg: the device folio that uses it is, once,
 * by core mm.
 */
#define BACKING_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

static unsigned long block_pfn(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	return dm->first_pfn + ((b - dm->blocks) << VSVM_BLOCK_ORDER);
}

/**
 * vsvm_devmem_backing() - the host page that holds a device page's bytes
 * @page: device page of any vsvm device
 *
 * The caller keeps @page from being freed: it holds a reference, or it saw the
 * page mapped and holds the page-table lock of a mirror that would have to be
 * invalidated first.
 */
struct page *vsvm_devmem_backing(struct page *page)
{
	struct vsvm_devmem *dm = vsvm_devmem_of(page);
	unsigned long pfn = page_to_pfn(page);

	if (vsvm_devmem_coherent(dm))
		return page;
	return folio_page(vsvm_devmem_block(dm, pfn)->backing,
			  (pfn - dm->first_pfn) & (VSVM_BLOCK_PAGES - 1));
}

/**
 * vsvm_devmem_touch() - the device used a page: its block is not cold
 * @page: backing page, or page of a coherent device
 *
 * Two plain memory accesses, without a lock: @last_use is a hint. The caller
 * holds a page-table lock that keeps the page where it is.
 */
void vsvm_devmem_touch(struct page *page)
{
	struct vsvm_devmem *dm;
	struct vsvm_block *b;

	if (is_device_coherent_page(page)) {
		dm = vsvm_devmem_of(page);
		b = vsvm_devmem_block(dm, page_to_pfn(page));
		WRITE_ONCE(b->last_use, READ_ONCE(dm->clock));
		return;
	}
	b = page_folio(page)->private;
	dm = b->devmem;
	WRITE_ONCE(b->last_use, READ_ONCE(dm->clock));
}

/**
 * vsvm_devmem_count() - count what happens to pages of a block
 * @dm: the device's memory
 * @pfn: device pfn of one of them; not free, or nobody's block is found
 * @stat: what happens
 * @n: how often
 *
 * Counts for the device, and for the process whose block it is.
 */
void vsvm_devmem_count(struct vsvm_devmem *dm, unsigned long pfn,
		       enum vsvm_stat stat, u64 n)
{
	struct vsvm_share *share;

	if (!n)
		return;
	vsvm_stats_add_cpu(dm->stats, stat, n);
	rcu_read_lock();
	share = rcu_dereference(vsvm_devmem_block(dm, pfn)->share);
	if (share)
		vsvm_stats_add(&share->stats, stat, n);
	rcu_read_unlock();
}

/**
 * vsvm_devmem_warm() - make a block the one that was used last
 * @dm: the device's memory
 * @block: number of the block
 */
void vsvm_devmem_warm(struct vsvm_devmem *dm, unsigned long block)
{
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	WRITE_ONCE(dm->blocks[block].last_use, ++dm->clock);
	spin_unlock_irqrestore(&dm->lock, flags);
}

/* Blocks to put in their right place before the lock is dropped for a moment. */
#define RANK_BATCH	64

static bool is_colder(struct rb_node *node, const struct rb_node *other)
{
	const struct vsvm_block *a = rb_entry(node, struct vsvm_block, cold);
	const struct vsvm_block *b = rb_entry(other, struct vsvm_block, cold);

	return a->rank == b->rank ? a < b : (long)(a->rank - b->rank) < 0;
}

static void block_rank(struct vsvm_block *b, struct vsvm_share *share,
		       unsigned long rank)
{
	/* Also read without the lock, by who chooses a block to evict. */
	WRITE_ONCE(b->rank, rank);
	rb_add_cached(&b->cold, &share->cold, is_colder);
}

/**
 * vsvm_devmem_coldest() - the block of a share that was used longest ago
 * @dm: the device's memory
 * @share: whose; the caller keeps it, by a reference or RCU
 * @budget: in and out, how many blocks may be put in their right place
 *
 * An access notes the use in its block and does not look at the order, which
 * would need a lock. So the first block in order may have been used since it got
 * its place: it gets another one, and the next is looked at. No place is earlier
 * than the one before, so the first block that was not used since is the one
 * that was used longest ago. Each use of a block costs one new place, whoever
 * pays for it; @budget is for a share whose blocks are used as fast as they get
 * their places.
 *
 * Return: the block; NULL: it has none with a page; -EAGAIN: call again.
 */
struct vsvm_block *vsvm_devmem_coldest(struct vsvm_devmem *dm,
				       struct vsvm_share *share,
				       unsigned long *budget)
{
	struct vsvm_block *b = NULL, *found = ERR_PTR(-EAGAIN);
	unsigned long use;
	unsigned int n;

	guard(spinlock_irqsave)(&dm->lock);
	for (n = 0; n < RANK_BATCH && IS_ERR(found); n++) {
		b = rb_entry_safe(rb_first_cached(&share->cold),
				  struct vsvm_block, cold);
		use = b ? READ_ONCE(b->last_use) : 0;
		if (!b || (long)(use - b->rank) <= 0 || !*budget) {
			found = b;
			continue;
		}
		--*budget;
		rb_erase_cached(&b->cold, &share->cold);
		block_rank(b, share, use);
	}
	return found;
}

/* Out of the way of an eviction that looks at it; also drops what pids hold. */
static void share_free(struct rcu_head *rcu)
{
	struct vsvm_share *share = container_of(rcu, struct vsvm_share, rcu);

	put_pid(share->owner);
	kfree(share);
}

static void share_release(struct vsvm_devmem *dm, struct vsvm_share *share)
{
	lockdep_assert_held(&dm->lock);
	if (--share->refs)
		return;
	list_del_rcu(&share->link);
	call_rcu(&share->rcu, share_free);
}

/**
 * vsvm_devmem_share_get() - a process's share, made if need be
 * @dm: the device's memory
 * @owner: the process, which need not be the caller: that may be a vfork child of it
 *
 * Return: the share, referenced; NULL: no memory.
 */
struct vsvm_share *vsvm_devmem_share_get(struct vsvm_devmem *dm,
					 struct pid *owner)
{
	struct vsvm_share *fresh, *share;
	unsigned long flags;

	fresh = VSVM_INJECT(dm->inject, SHARE, NULL,
			    kzalloc_obj(*fresh, GFP_KERNEL_ACCOUNT));
	if (!fresh)
		return NULL;
	INIT_LIST_HEAD(&fresh->partial);
	fresh->cold = RB_ROOT_CACHED;
	fresh->owner = get_pid(owner);
	fresh->tgid = pid_nr(fresh->owner);

	spin_lock_irqsave(&dm->lock, flags);
	list_for_each_entry(share, &dm->shares, link)
		if (share->owner == owner)
			goto found;
	share = fresh;
	fresh = NULL;
	list_add_rcu(&share->link, &dm->shares);
found:
	share->refs++;
	spin_unlock_irqrestore(&dm->lock, flags);
	if (fresh)
		share_free(&fresh->rcu);
	return share;
}

/**
 * vsvm_devmem_share_put() - the process does not use the device any more
 * @dm: the device's memory
 * @share: its share; blocks with its pages keep it
 */
void vsvm_devmem_share_put(struct vsvm_devmem *dm, struct vsvm_share *share)
{
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	share_release(dm, share);
	spin_unlock_irqrestore(&dm->lock, flags);
}

static struct vsvm_share *block_share(struct vsvm_devmem *dm,
				      struct vsvm_block *b)
{
	return rcu_dereference_protected(b->share, lockdep_is_held(&dm->lock));
}

/* @b is empty, its first page goes to @share. */
static void block_own(struct vsvm_devmem *dm, struct vsvm_block *b,
		      struct vsvm_share *share)
{
	lockdep_assert_held(&dm->lock);
	rcu_assign_pointer(b->share, share);
	share->refs++;
	if (!share->nr_blocks++)
		dm->nr_holders++;
	b->last_use = ++dm->clock;
}

static void block_disown(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	struct vsvm_share *share = block_share(dm, b);

	if (!share)
		return;
	if (!RB_EMPTY_NODE(&b->cold)) {
		rb_erase_cached(&b->cold, &share->cold);
		RB_CLEAR_NODE(&b->cold);
	}
	RCU_INIT_POINTER(b->share, NULL);
	if (!--share->nr_blocks)
		dm->nr_holders--;
	share_release(dm, share);
}

/* Puts @b on the list where it belongs now. */
static void block_file(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	lockdep_assert_held(&dm->lock);

	/* Without a page it is only just being opened, and not to be evicted. */
	if (b->nr_used && RB_EMPTY_NODE(&b->cold))
		block_rank(b, block_share(dm, b), READ_ONCE(b->last_use));
	if (b->nr_used == VSVM_BLOCK_PAGES) {
		list_move(&b->link, &dm->full);
	} else if (b->nr_used) {
		list_move(&b->link, &block_share(dm, b)->partial);
	} else {
		if (b->backing) {
			list_move(&b->link, &dm->free);
			dm->nr_idle++;
		} else {
			list_move_tail(&b->link, &dm->free);
		}
		block_disown(dm, b);
	}
}

/*
 * A page of a coherent device can be held for as long as somebody likes, and the
 * module's exit function cannot fail. So the module stays as long as there is one.
 * It is taken by a caller with an open file, which holds it already. It is given
 * back in code of the module, which may go then, but not before this returned:
 * who unreserves has an open file; and what comes from folio_free is waited for
 * in memunmap_pages(), because core mm puts the pagemap's reference after it.
 */
static void count_used(struct vsvm_devmem *dm, int nr)
{
	bool was = dm->nr_used;

	lockdep_assert_held(&dm->lock);
	dm->nr_used += nr;
	if (!vsvm_devmem_coherent(dm))
		return;
	if (!was && dm->nr_used)
		__module_get(THIS_MODULE);
	else if (was && !dm->nr_used)
		module_put(THIS_MODULE);
}

static void block_give(struct vsvm_devmem *dm, unsigned long pfn,
		       unsigned int nr)
{
	struct vsvm_block *b = vsvm_devmem_block(dm, pfn);

	lockdep_assert_held(&dm->lock);
	bitmap_clear(b->used, (pfn - dm->first_pfn) & (VSVM_BLOCK_PAGES - 1),
		     nr);
	b->nr_used -= nr;
	count_used(dm, -(int)nr);
	block_share(dm, b)->nr_pages -= nr;
	block_file(dm, b);
}

/**
 * vsvm_devmem_folio_free() - core mm dropped the last reference of a folio
 * @folio: device folio, of any order up to a block's
 *
 * May run in any context. The folio is not touched here: its struct pages are
 * set up anew when they are given out again.
 *
 * Whoever has a folio locked has a reference. But when a process drops the
 * migration entry of a huge page that is on its way home, core mm (Linux 7.3,
 * zap_huge_pmd_folio()) looks at the folio instead of the entry, takes it for a
 * mapping, and puts a reference that is not there: the last one, of who moves
 * the page. It gets it back here, with what core mm is about to put for it, or
 * the block would be somebody else's when it is finalized.
 */
void vsvm_devmem_folio_free(struct folio *folio)
{
	struct vsvm_devmem *dm = vsvm_devmem_of(&folio->page);
	unsigned long flags;

	if (folio_test_large(folio) && folio_test_locked(folio)) {
		percpu_ref_get_many(&dm->pgmap.ref, folio_nr_pages(folio));
		folio_ref_unfreeze(folio, 1);
		return;
	}
	spin_lock_irqsave(&dm->lock, flags);
	block_give(dm, folio_pfn(folio), folio_nr_pages(folio));
	spin_unlock_irqrestore(&dm->lock, flags);
}

/*
 * Takes an empty block off the free list for @share and sees that it has
 * backing. The block is on no list then, so nobody else finds it while the
 * allocation sleeps; but it counts as the share's, or a rival could find no
 * empty block and nobody above his fair share. Called and returns with the lock
 * held.
 */
static struct vsvm_block *block_open(struct vsvm_devmem *dm,
				     struct vsvm_share *share,
				     unsigned long *flags)
{
	struct vsvm_block *b;
	struct folio *backing;

	lockdep_assert_held(&dm->lock);
	b = list_first_entry_or_null(&dm->free, struct vsvm_block, link);
	if (!b)
		return NULL;

	list_del_init(&b->link);
	if (b->backing)
		dm->nr_idle--;
	block_own(dm, b, share);
	if (b->backing || vsvm_devmem_coherent(dm))
		return b;

	spin_unlock_irqrestore(&dm->lock, *flags);
	backing = VSVM_INJECT(dm->inject, BACKING, NULL,
			      folio_alloc(BACKING_GFP, VSVM_BLOCK_ORDER));
	spin_lock_irqsave(&dm->lock, *flags);
	if (!backing) {
		block_file(dm, b);
		return NULL;
	}
	backing->private = b;
	b->backing = backing;
	dm->nr_backed++;
	return b;
}

static unsigned int block_take(struct vsvm_devmem *dm, struct vsvm_block *b,
			       unsigned long *pfns, unsigned int n)
{
	unsigned long first = block_pfn(dm, b), bit;
	unsigned int got = 0;

	lockdep_assert_held(&dm->lock);
	for_each_clear_bit(bit, b->used, VSVM_BLOCK_PAGES) {
		if (got == n)
			break;
		__set_bit(bit, b->used);
		pfns[got++] = first + bit;
	}
	b->nr_used += got;
	count_used(dm, got);
	block_share(dm, b)->nr_pages += got;
	block_file(dm, b);
	return got;
}

/* A block of anybody's with room in it, when there is no empty one. */
static struct vsvm_block *block_of_others(struct vsvm_devmem *dm)
{
	struct vsvm_share *share;

	lockdep_assert_held(&dm->lock);
	list_for_each_entry(share, &dm->shares, link)
		if (!list_empty(&share->partial))
			return list_first_entry(&share->partial,
						struct vsvm_block, link);
	return NULL;
}

/**
 * vsvm_devmem_reserve() - take small device pages
 * @dm: the device's memory
 * @share: for whom
 * @pfns: out, device pfns
 * @n: how many, at most a block's
 *
 * Neighbours stay together: more than half a block starts an empty one while
 * there is one. May sleep; never evicts.
 *
 * Return: how many there were, less than @n when the device is full or the
 * host has no memory for backing.
 */
unsigned int vsvm_devmem_reserve(struct vsvm_devmem *dm,
				 struct vsvm_share *share, unsigned long *pfns,
				 unsigned int n)
{
	bool fresh = n > VSVM_BLOCK_PAGES / 2;
	struct vsvm_block *b;
	unsigned int got = 0;
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	while (got < n) {
		b = NULL;
		if (!fresh)
			b = list_first_entry_or_null(&share->partial,
						     struct vsvm_block, link);
		fresh = false;
		if (!b) {
			b = block_open(dm, share, &flags);
			if (!b)
				b = block_of_others(dm);
		}
		if (!b)
			break;
		got += block_take(dm, b, pfns + got, n - got);
	}
	spin_unlock_irqrestore(&dm->lock, flags);
	return got;
}

/**
 * vsvm_devmem_reserve_block() - take an empty block as one huge page
 * @dm: the device's memory
 * @share: for whom
 *
 * May sleep; never evicts.
 *
 * Return: device pfn of the first page; 0: no block is empty, the host has no
 * memory for backing, or the device has only small pages.
 */
unsigned long vsvm_devmem_reserve_block(struct vsvm_devmem *dm,
					struct vsvm_share *share)
{
	unsigned long flags, pfn = 0;
	struct vsvm_block *b;

	if (!vsvm_devmem_huge(dm))
		return 0;

	spin_lock_irqsave(&dm->lock, flags);
	b = block_open(dm, share, &flags);
	if (b) {
		bitmap_fill(b->used, VSVM_BLOCK_PAGES);
		b->nr_used = VSVM_BLOCK_PAGES;
		count_used(dm, VSVM_BLOCK_PAGES);
		share->nr_pages += VSVM_BLOCK_PAGES;
		block_file(dm, b);
		pfn = block_pfn(dm, b);
	}
	spin_unlock_irqrestore(&dm->lock, flags);
	return pfn;
}

/**
 * vsvm_devmem_unreserve() - give back what no folio was made of
 * @dm: the device's memory
 * @pfns: device pfns
 * @n: number of @pfns
 * @order: 0 for small pages, VSVM_BLOCK_ORDER for blocks
 */
void vsvm_devmem_unreserve(struct vsvm_devmem *dm, const unsigned long *pfns,
			   unsigned int n, unsigned int order)
{
	unsigned long flags;
	unsigned int i;

	if (!n)
		return;

	spin_lock_irqsave(&dm->lock, flags);
	for (i = 0; i < n; i++)
		block_give(dm, pfns[i], 1U << order);
	spin_unlock_irqrestore(&dm->lock, flags);
}

/**
 * vsvm_devmem_folio() - make a folio of a reserved pfn
 * @dm: the device's memory
 * @pfn: a pfn from one of the reserve functions
 * @order: 0, or VSVM_BLOCK_ORDER for vsvm_devmem_reserve_block()
 *
 * The pagemap is alive: the caller is between drm_dev_enter() and
 * drm_dev_exit(), and remove waits for that before it unmaps anything.
 *
 * Return: the folio, locked, with one reference.
 */
struct folio *vsvm_devmem_folio(struct vsvm_devmem *dm, unsigned long pfn,
				unsigned int order)
{
	/* Not page_folio(): the page may still look like a tail of its past. */
	struct folio *folio = (struct folio *)pfn_to_page(pfn);
	unsigned long i;

	/* Core mm leaves most flags of who had the page before, such as active. */
	for (i = 0; i < 1UL << order; i++)
		pfn_to_page(pfn + i)->flags.f &=
			~(PAGE_FLAGS_CHECK_AT_PREP & ~(1UL << PG_reserved));
	zone_device_folio_init(folio, &dm->pgmap, order);
	return folio;
}

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;

	return READ_ONCE(dm->nr_idle) * VSVM_BLOCK_PAGES ?: SHRINK_EMPTY;
}

static unsigned long shrink_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;
	unsigned long flags, freed = 0;
	struct folio *backing;
	struct vsvm_block *b;

	while (freed < sc->nr_to_scan) {
		backing = NULL;
		spin_lock_irqsave(&dm->lock, flags);
		b = list_first_entry_or_null(&dm->free, struct vsvm_block,
					     link);
		if (b && b->backing) {
			backing = b->backing;
			b->backing = NULL;
			dm->nr_backed--;
			dm->nr_idle--;
			list_move_tail(&b->link, &dm->free);
		}
		spin_unlock_irqrestore(&dm->lock, flags);
		if (!backing)
			break;
		backing->private = NULL;
		folio_put(backing);
		freed += VSVM_BLOCK_PAGES;
	}
	return freed ?: SHRINK_STOP;
}

static void free_blocks(struct vsvm_devmem *dm)
{
	unsigned long i;

	for (i = 0; i < dm->nr_blocks; i++) {
		WARN_ON(dm->blocks[i].nr_used);
		if (!dm->blocks[i].backing)
			continue;
		dm->blocks[i].backing->private = NULL;
		folio_put(dm->blocks[i].backing);
	}
	kvfree(dm->blocks);
}

/*
 * The physical addresses of a device: for private memory, some that nothing
 * answers to; for coherent memory, those given, which must be nobody else's and
 * not the system's.
 */
static struct resource *claim_addresses(u64 start, u64 size, const char *name)
{
	struct resource *res;

	if (!start)
		return request_free_mem_region(&iomem_resource, size, name);

	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pr_err("vsvm: %#llx is the system's memory; reserve it first\n",
		       start);
		return ERR_PTR(-EBUSY);
	}
	res = request_mem_region(start, size, name);
	if (res)
		return res;
	pr_err("vsvm: %#llx is in use; by pages of a device that was unplugged?\n",
	       start);
	return ERR_PTR(-EBUSY);
}

/**
 * vsvm_devmem_check() - can a coherent device have these addresses?
 * @start: physical address
 * @size: bytes; @start + @size does not wrap
 *
 * For the module's load, before the first device is there. That they are free now
 * does not keep them free.
 *
 * Return: 0; -ERANGE: the kernel cannot map them; -EBUSY: they are not free.
 */
int vsvm_devmem_check(u64 start, u64 size)
{
	struct range range = mhp_get_pluggable_range(true);
	struct resource *res;

	if (start < range.start || start + size - 1 > range.end) {
		pr_err("vsvm: %#llx is where the kernel maps no memory\n",
		       start);
		return -ERANGE;
	}
	res = claim_addresses(start, size, "vsvm");
	if (IS_ERR(res))
		return PTR_ERR(res);
	release_mem_region(start, size);
	return 0;
}

/*
 * The node that a device's pages are of: that of its memory, if it is on line, or
 * core mm would not have counters for it. Private memory is nowhere yet.
 */
static int home_node(u64 start)
{
	int node = start ? phys_to_target_node(start) : NUMA_NO_NODE;

	return node != NUMA_NO_NODE && node_online(node) ? node : numa_mem_id();
}

static void widen(unsigned long low, unsigned long high)
{
	static DEFINE_MUTEX(lock);

	guard(mutex)(&lock);
	/* Read without the lock by vsvm_devmem_maybe(). */
	WRITE_ONCE(vsvm_devmem_low, min(vsvm_devmem_low, low));
	WRITE_ONCE(vsvm_devmem_high, max(vsvm_devmem_high, high));
}

/**
 * vsvm_devmem_create() - make a device's memory
 * @device: number of the device
 * @start: physical address of reserved memory for a coherent device; 0: private
 * @size: bytes; a multiple of the block size, and @start is too
 * @ops: what core mm calls for its pages
 *
 * Return: the memory; -ENOMEM; -EBUSY: the memory at @start is not free; or
 * what request_free_mem_region() and memremap_pages() say when no physical
 * addresses are left.
 */
struct vsvm_devmem *vsvm_devmem_create(unsigned int device, u64 start,
				       u64 size,
				       const struct dev_pagemap_ops *ops)
{
	struct vsvm_inject *inject = vsvm_inject_of(device);
	struct vsvm_devmem *dm;
	struct resource *res;
	unsigned long i;
	void *addr;
	int ret;

	dm = VSVM_INJECT(inject, PROBE_MEMORY, NULL,
			 kzalloc_obj(*dm, GFP_KERNEL));
	if (!dm)
		return ERR_PTR(-ENOMEM);

	spin_lock_init(&dm->lock);
	dm->inject = inject;
	INIT_LIST_HEAD(&dm->free);
	INIT_LIST_HEAD(&dm->shares);
	mutex_init(&dm->evict_lock);
	dm->drained = jiffies - HZ;
	kref_init(&dm->refs);
	INIT_LIST_HEAD(&dm->full);
	dm->device = device;
	snprintf(dm->name, sizeof(dm->name), "vsvm.%u", device);
	dm->nr_blocks = size >> (PAGE_SHIFT + VSVM_BLOCK_ORDER);
	dm->blocks = VSVM_INJECT(inject, PROBE_BLOCKS, NULL,
				 kvcalloc(dm->nr_blocks, sizeof(*dm->blocks),
					  GFP_KERNEL));
	if (!dm->blocks) {
		ret = -ENOMEM;
		goto free_dm;
	}

	dm->stats = VSVM_INJECT(inject, PROBE_COUNTERS, NULL,
				alloc_percpu(struct vsvm_cpu_stats));
	if (!dm->stats) {
		ret = -ENOMEM;
		goto free_blocks;
	}

	res = VSVM_INJECT(inject, PROBE_ADDRESSES, ERR_PTR(-EBUSY),
			  claim_addresses(start, size, dm->name));
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
		goto free_stats;
	}

	dm->pgmap.type = start ? MEMORY_DEVICE_COHERENT : MEMORY_DEVICE_PRIVATE;
	dm->pgmap.owner = vsvm_devmem_owner;
	dm->pgmap.ops = ops;
	dm->pgmap.nr_range = 1;
	dm->pgmap.range.start = res->start;
	dm->pgmap.range.end = res->end;
	dm->first_pfn = PHYS_PFN(res->start);
	widen(dm->first_pfn, PHYS_PFN(res->end));
	for (i = 0; i < dm->nr_blocks; i++) {
		dm->blocks[i].devmem = dm;
		RB_CLEAR_NODE(&dm->blocks[i].cold);
		list_add_tail(&dm->blocks[i].link, &dm->free);
	}

	addr = VSVM_INJECT(inject, PROBE_PAGES, ERR_PTR(-ENOMEM),
			   memremap_pages(&dm->pgmap, home_node(start)));
	if (IS_ERR(addr)) {
		ret = PTR_ERR(addr);
		goto release_region;
	}

	dm->shrinker = VSVM_INJECT(inject, PROBE_SHRINKER, NULL,
				   shrinker_alloc(0, "vsvm-%u", device));
	if (!dm->shrinker) {
		ret = -ENOMEM;
		goto unmap_pages;
	}
	dm->shrinker->count_objects = shrink_count;
	dm->shrinker->scan_objects = shrink_scan;
	dm->shrinker->private_data = dm;
	shrinker_register(dm->shrinker);
	return dm;

unmap_pages:
	memunmap_pages(&dm->pgmap);
release_region:
	release_mem_region(res->start, resource_size(res));
free_stats:
	free_percpu(dm->stats);
free_blocks:
	kvfree(dm->blocks);
free_dm:
	kfree(dm);
	return ERR_PTR(ret);
}

static void free_devmem(struct kref *refs)
{
	struct vsvm_devmem *dm = container_of(refs, struct vsvm_devmem, refs);

	mutex_destroy(&dm->evict_lock);
	kfree(dm);
}

/**
 * vsvm_devmem_put() - give back a reference of the struct
 * @dm: the memory, which may be destroyed
 */
void vsvm_devmem_put(struct vsvm_devmem *dm)
{
	kref_put(&dm->refs, free_devmem);
}

/**
 * vsvm_devmem_destroy() - undo vsvm_devmem_create()
 * @dm: the memory, drained: memunmap_pages() waits for the last page
 */
void vsvm_devmem_destroy(struct vsvm_devmem *dm)
{
	struct range range = dm->pgmap.range;

	shrinker_free(dm->shrinker);
	memunmap_pages(&dm->pgmap);
	release_mem_region(range.start, range_len(&range));
	free_blocks(dm);
	WARN_ON(!list_empty(&dm->shares));
	free_percpu(dm->stats);
	vsvm_devmem_put(dm);
}
