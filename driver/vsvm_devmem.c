// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: the pagemap, its blocks, and the host memory behind them.
 *
 * A device has a fixed number of blocks of 2 MiB. A device page leads to its
 * block, and to its backing page in the block, by arithmetic on its index: there
 * is no pointer in a device page, nothing to update when core mm splits a
 * device folio, and a block whose last page is freed is whole again.
 *
 * A block holds the pages of one process, its client, as long as there are other
 * blocks to be had; so a process whose pages are evicted loses its own.
 *
 * Backing stays with an empty block until the host needs it: a shrinker gives
 * it back, and empties blocks with few pages in use, too. It is not charged to a
 * memcg, so it is bounded: a client whose blocks are less than half full, but for
 * one, gets no empty block while there is room in its own. Where the kernel has
 * the dmem cgroup, that is charged with each block in use.
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
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "vsvm_devmem.h"

char vsvm_devmem_owner[] = "vsvm";

/*
 * Backing is not charged to a memcg: the device folio that uses it is, once,
 * by core mm.
 */
#define BACKING_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/**
 * vsvm_devmem_backing() - the host page that holds a device page's bytes
 * @page: device page of any vsvm device
 *
 * The caller keeps @page from being freed: it holds a reference, or it saw the
 * page mapped and holds the page-table lock of a mirror that would have to be
 * invalidated first.
 *
 * Return: the host page, which is @page itself on a coherent device.
 */
struct page *vsvm_devmem_backing(struct page *page)
{
	if (vsvm_devmem_coherent(vsvm_devmem_of(page)))
		return page;
	return folio_page(vsvm_devmem_block_of(page)->backing,
			  vsvm_devmem_offset(page));
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
	struct vsvm_block *b = is_device_coherent_page(page) ?
			       vsvm_devmem_block_of(page) :
			       page_folio(page)->private;

	WRITE_ONCE(b->last_use, READ_ONCE(b->devmem->clock));
}

/**
 * vsvm_devmem_count() - count what happens to pages of a block
 * @b: the block; with a page in use, or it is no client's
 * @stat: what happens
 * @n: how often
 *
 * Counts for the device, and for the process whose block it is.
 */
void vsvm_devmem_count(struct vsvm_block *b, enum vsvm_stat stat, u64 n)
{
	struct vsvm_client *client;

	if (!n)
		return;
	vsvm_stats_add_cpu(b->devmem->stats, stat, n);
	rcu_read_lock();
	client = rcu_dereference(b->client);
	if (client)
		vsvm_stats_add(&client->stats, stat, n);
	rcu_read_unlock();
}

/**
 * vsvm_devmem_warm() - make a block the one that was used last
 * @b: the block
 */
void vsvm_devmem_warm(struct vsvm_block *b)
{
	struct vsvm_devmem *dm = b->devmem;

	guard(spinlock_irqsave)(&dm->lock);
	WRITE_ONCE(b->last_use, ++dm->clock);
}

/* Blocks to put in their right place before the lock is dropped for a moment. */
#define RANK_BATCH	64

static bool is_colder(struct rb_node *node, const struct rb_node *other)
{
	const struct vsvm_block *a = rb_entry(node, struct vsvm_block, cold);
	const struct vsvm_block *b = rb_entry(other, struct vsvm_block, cold);

	return a->rank == b->rank ? a < b : (long)(a->rank - b->rank) < 0;
}

static void block_rank(struct vsvm_block *b, struct vsvm_client *client,
		       unsigned long rank)
{
	/* Also read without the lock, by who chooses a block to evict. */
	WRITE_ONCE(b->rank, rank);
	rb_add_cached(&b->cold, &client->cold, is_colder);
}

/**
 * vsvm_devmem_coldest() - the block of a client that was used longest ago
 * @dm: the device's memory
 * @client: whose; the caller keeps it, by a reference or RCU
 * @budget: in and out, how many blocks may be put in their right place
 *
 * An access notes the use in its block and does not look at the order, which
 * would need a lock. So the first block in order may have been used since it got
 * its place: it gets another one, and the next is looked at. No place is earlier
 * than the one before, so the first block that was not used since is the one
 * that was used longest ago. Each use of a block costs one new place, whoever
 * pays for it; @budget is for a client whose blocks are used as fast as they get
 * their places.
 *
 * Return: the block; NULL: it has none with a page; -EAGAIN: call again.
 */
struct vsvm_block *vsvm_devmem_coldest(struct vsvm_devmem *dm,
				       struct vsvm_client *client,
				       unsigned long *budget)
{
	struct vsvm_block *b = NULL, *found = ERR_PTR(-EAGAIN);
	unsigned long use;
	unsigned int n;

	guard(spinlock_irqsave)(&dm->lock);
	for (n = 0; n < RANK_BATCH && IS_ERR(found); n++) {
		b = rb_entry_safe(rb_first_cached(&client->cold),
				  struct vsvm_block, cold);
		use = b ? READ_ONCE(b->last_use) : 0;
		if (!b || (long)(use - b->rank) <= 0 || !*budget) {
			found = b;
			continue;
		}
		--*budget;
		rb_erase_cached(&b->cold, &client->cold);
		block_rank(b, client, use);
	}
	return found;
}

static struct vsvm_client *block_client(struct vsvm_devmem *dm,
					struct vsvm_block *b)
{
	return rcu_dereference_protected(b->client, lockdep_is_held(&dm->lock));
}

/* @b is empty, its first page goes to @client. */
static void block_own(struct vsvm_devmem *dm, struct vsvm_block *b,
		      struct vsvm_client *client)
{
	lockdep_assert_held(&dm->lock);
	rcu_assign_pointer(b->client, client);
	client->refs++;
	if (!client->nr_blocks++)
		dm->nr_holders++;
	b->last_use = ++dm->clock;
}

static void block_disown(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	struct vsvm_client *client = block_client(dm, b);

	if (!client)
		return;
	if (!RB_EMPTY_NODE(&b->cold)) {
		rb_erase_cached(&b->cold, &client->cold);
		RB_CLEAR_NODE(&b->cold);
	}
	dmem_cgroup_uncharge(b->charge, VSVM_BLOCK_SIZE);
	b->charge = NULL;
	RCU_INIT_POINTER(b->client, NULL);
	if (!--client->nr_blocks)
		dm->nr_holders--;
	vsvm_client_release(dm, client);
}

/* Puts @b on the list where it belongs now. */
static void block_file(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	bool sparse = b->backing && b->nr_used &&
		      b->nr_used <= VSVM_SPARSE_PAGES;

	lockdep_assert_held(&dm->lock);

	if (sparse && list_empty(&b->sparse)) {
		list_add_tail(&b->sparse, &dm->sparse);
		dm->nr_sparse++;
	} else if (!sparse && !list_empty(&b->sparse)) {
		list_del_init(&b->sparse);
		dm->nr_sparse--;
	}

	if (!b->nr_used || b->nr_used == VSVM_BLOCK_PAGES)
		list_del_init(&b->room);
	else if (list_empty(&b->room))
		list_add_tail(&b->room, &dm->room);

	/* Without a page it is only just being opened, and not to be evicted. */
	if (b->nr_used && RB_EMPTY_NODE(&b->cold))
		block_rank(b, block_client(dm, b), READ_ONCE(b->last_use));
	if (b->nr_used == VSVM_BLOCK_PAGES) {
		list_move(&b->link, &dm->full);
	} else if (sparse) {
		list_move_tail(&b->link, &block_client(dm, b)->partial);
	} else if (b->nr_used) {
		list_move(&b->link, &block_client(dm, b)->partial);
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

static void block_give(struct vsvm_devmem *dm, unsigned long index,
		       unsigned int nr)
{
	struct vsvm_block *b = vsvm_devmem_block(dm, index);

	lockdep_assert_held(&dm->lock);
	bitmap_clear(b->used, index & (VSVM_BLOCK_PAGES - 1), nr);
	b->nr_used -= nr;
	count_used(dm, -(int)nr);
	block_client(dm, b)->nr_pages -= nr;
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
	block_give(dm, vsvm_pfn_index(&folio->page), folio_nr_pages(folio));
	spin_unlock_irqrestore(&dm->lock, flags);
}

/*
 * Charges the caller's cgroup with @b, and gets @backing for it, if it has none.
 * Both may sleep. -EAGAIN: the cgroup has its limit; -ENOMEM. What was charged is
 * the block's, also when this fails.
 */
static int block_fit_out(struct vsvm_devmem *dm, struct vsvm_block *b,
			 struct folio **backing)
{
	int ret = dmem_cgroup_try_charge(dm->region, VSVM_BLOCK_SIZE,
					 &b->charge, NULL);

	if (ret || b->backing || vsvm_devmem_coherent(dm))
		return ret;
	*backing = VSVM_INJECT(dm->inject, BACKING, NULL,
			       folio_alloc(BACKING_GFP, VSVM_BLOCK_ORDER));
	return *backing ? 0 : -ENOMEM;
}

/*
 * Takes an empty block off the free list for @client and sees that it is charged
 * and has backing. The block is on no list then, so nobody else finds it while
 * that sleeps; but it counts as the client's, or a rival could find no empty block
 * and nobody above his fair share. Called and returns with the lock held.
 */
static struct vsvm_block *block_open(struct vsvm_devmem *dm,
				     struct vsvm_client *client,
				     unsigned long *flags)
{
	struct folio *backing = NULL;
	struct vsvm_block *b;
	int ret;

	lockdep_assert_held(&dm->lock);
	client->limited = false;
	b = list_first_entry_or_null(&dm->free, struct vsvm_block, link);
	if (!b)
		return NULL;

	list_del_init(&b->link);
	if (b->backing)
		dm->nr_idle--;
	block_own(dm, b, client);
	client->nr_opening++;

	spin_unlock_irqrestore(&dm->lock, *flags);
	ret = block_fit_out(dm, b, &backing);
	spin_lock_irqsave(&dm->lock, *flags);
	client->nr_opening--;
	if (ret) {
		client->limited = ret == -EAGAIN;
		block_file(dm, b);
		return NULL;
	}
	if (backing) {
		backing->private = b;
		b->backing = backing;
		dm->nr_backed++;
	}
	return b;
}

static unsigned int block_take(struct vsvm_devmem *dm, struct vsvm_block *b,
			       unsigned long *pages, unsigned int n)
{
	unsigned long first = vsvm_devmem_first(b), bit;
	unsigned int got = 0;

	lockdep_assert_held(&dm->lock);
	for_each_clear_bit(bit, b->used, VSVM_BLOCK_PAGES) {
		if (got == n)
			break;
		__set_bit(bit, b->used);
		pages[got++] = first + bit;
	}
	b->nr_used += got;
	count_used(dm, got);
	block_client(dm, b)->nr_pages += got;
	block_file(dm, b);
	return got;
}

/* A block of anybody's with room in it, when there is no empty one. */
static struct vsvm_block *block_of_others(struct vsvm_devmem *dm)
{
	lockdep_assert_held(&dm->lock);
	return list_first_entry_or_null(&dm->room, struct vsvm_block, room);
}

/*
 * May @client have another block though it has room in some? What it had in them
 * when it got the last one bounds their backing: twice that and one block. Blocks
 * that are being opened are as good as full: who opens one has pages for it.
 */
static bool may_spread(struct vsvm_devmem *dm, const struct vsvm_client *client)
{
	unsigned long blocks = client->nr_blocks - client->nr_opening;

	lockdep_assert_held(&dm->lock);
	return blocks * VSVM_BLOCK_PAGES <=
	       2 * client->nr_pages + VSVM_BLOCK_PAGES;
}

/**
 * vsvm_devmem_may_spread() - may a client have another block for a huge page?
 * @dm: the device's memory
 * @client: whose blocks
 *
 * Core mm may split a huge page, and leave as few pages of it as of small ones.
 *
 * Return: true if its blocks are full enough.
 */
bool vsvm_devmem_may_spread(struct vsvm_devmem *dm, struct vsvm_client *client)
{
	guard(spinlock_irqsave)(&dm->lock);
	return may_spread(dm, client);
}

/**
 * vsvm_devmem_emptiest() - a block of a client with as few pages as any, or nearly
 * @dm: the device's memory
 * @client: whose; the caller keeps it
 *
 * The block is the last to come next time.
 *
 * Return: the block; NULL: each has all of its pages in use.
 */
struct vsvm_block *vsvm_devmem_emptiest(struct vsvm_devmem *dm,
					struct vsvm_client *client)
{
	struct vsvm_block *b;

	guard(spinlock_irqsave)(&dm->lock);
	b = list_last_entry_or_null(&client->partial, struct vsvm_block, link);
	if (b)
		list_move(&b->link, &client->partial);
	return b;
}

static struct vsvm_block *block_partial(struct vsvm_client *client)
{
	return list_first_entry_or_null(&client->partial, struct vsvm_block,
					link);
}

/* Some block with room for @client: an empty one, its own, anybody's. */
static struct vsvm_block *block_find(struct vsvm_devmem *dm,
				     struct vsvm_client *client,
				     unsigned long *flags)
{
	struct vsvm_block *b = block_open(dm, client, flags);

	if (!b)
		b = block_partial(client);
	/* To whom the limit of his cgroup says no, others need not give room. */
	return b || client->limited ? b : block_of_others(dm);
}

/**
 * vsvm_devmem_reserve() - take small device pages
 * @dm: the device's memory
 * @client: for whom
 * @pages: out, their indices
 * @n: how many, at most a block's
 *
 * Neighbours stay together: more than half a block starts an empty one while
 * there is one, unless the client's blocks are mostly empty: see may_spread().
 * May sleep; never evicts.
 *
 * Return: how many there were, less than @n when the device is full, the cgroup
 * has its limit, the host has no memory for backing, or the caller is killed.
 */
unsigned int vsvm_devmem_reserve(struct vsvm_devmem *dm,
				 struct vsvm_client *client,
				 unsigned long *pages, unsigned int n)
{
	bool spread, growing = false;
	struct vsvm_block *b;
	unsigned int got = 0;
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	spread = n > VSVM_BLOCK_PAGES / 2 && may_spread(dm, client);
	while (got < n) {
		b = spread ? NULL : block_partial(client);
		if (!b && !growing) {
			spin_unlock_irqrestore(&dm->lock, flags);
			if (mutex_lock_killable(&client->grow))
				return got;
			growing = true;
			spin_lock_irqsave(&dm->lock, flags);
			spread = spread && may_spread(dm, client);
			continue;
		}
		spread = false;
		if (!b)
			b = block_find(dm, client, &flags);
		if (!b)
			break;
		got += block_take(dm, b, pages + got, n - got);
	}
	spin_unlock_irqrestore(&dm->lock, flags);
	if (growing)
		mutex_unlock(&client->grow);
	return got;
}

/**
 * vsvm_devmem_reserve_block() - take an empty block as one huge page
 * @dm: the device's memory
 * @client: for whom
 *
 * May sleep; never evicts.
 *
 * Return: the block; NULL: none is empty, the client's blocks are mostly empty, its
 * cgroup has its limit, the host has no memory for backing, or the device has only
 * small pages.
 */
struct vsvm_block *vsvm_devmem_reserve_block(struct vsvm_devmem *dm,
					     struct vsvm_client *client)
{
	struct vsvm_block *b;
	unsigned long flags;

	if (!vsvm_devmem_huge(dm))
		return NULL;

	spin_lock_irqsave(&dm->lock, flags);
	b = may_spread(dm, client) ? block_open(dm, client, &flags) : NULL;
	if (b) {
		bitmap_fill(b->used, VSVM_BLOCK_PAGES);
		b->nr_used = VSVM_BLOCK_PAGES;
		count_used(dm, VSVM_BLOCK_PAGES);
		client->nr_pages += VSVM_BLOCK_PAGES;
		block_file(dm, b);
	}
	spin_unlock_irqrestore(&dm->lock, flags);
	return b;
}

/**
 * vsvm_devmem_unreserve() - give back pages that no folio was made of
 * @dm: the device's memory
 * @pages: their indices
 * @n: number of @pages
 */
void vsvm_devmem_unreserve(struct vsvm_devmem *dm, const unsigned long *pages,
			   unsigned int n)
{
	unsigned long flags;
	unsigned int i;

	if (!n)
		return;

	spin_lock_irqsave(&dm->lock, flags);
	for (i = 0; i < n; i++)
		block_give(dm, pages[i], 1);
	spin_unlock_irqrestore(&dm->lock, flags);
}

/**
 * vsvm_devmem_unreserve_block() - give back a block that no folio was made of
 * @b: the block, from vsvm_devmem_reserve_block()
 */
void vsvm_devmem_unreserve_block(struct vsvm_block *b)
{
	struct vsvm_devmem *dm = b->devmem;

	guard(spinlock_irqsave)(&dm->lock);
	block_give(dm, vsvm_devmem_first(b), VSVM_BLOCK_PAGES);
}

/**
 * vsvm_devmem_folio() - make a folio of what was reserved
 * @dm: the device's memory
 * @index: of the page, or of the block's first
 * @order: 0, or VSVM_BLOCK_ORDER for vsvm_devmem_reserve_block()
 *
 * The pagemap is alive: the caller is between drm_dev_enter() and
 * drm_dev_exit(), and remove waits for that before it unmaps anything.
 *
 * Return: the folio, locked, with one reference.
 */
struct folio *vsvm_devmem_folio(struct vsvm_devmem *dm, unsigned long index,
				unsigned int order)
{
	/* Not page_folio(): the page may still look like a tail of its past. */
	struct page *page = vsvm_pfn_page(&dm->pgmap, index);
	struct folio *folio = (struct folio *)page;
	unsigned long i;

	/* Core mm leaves most flags of who had the page before, such as active. */
	for (i = 0; i < 1UL << order; i++)
		page[i].flags.f &= ~(PAGE_FLAGS_CHECK_AT_PREP &
				     ~(1UL << PG_reserved));
	zone_device_folio_init(folio, &dm->pgmap, order);
	return folio;
}

static unsigned int block_sources(struct vsvm_block *b, unsigned long *src)
{
	struct vsvm_devmem *dm = b->devmem;
	unsigned long first = vsvm_devmem_first(b), bit;
	unsigned int n = 0;

	lockdep_assert_held(&dm->lock);
	for_each_set_bit(bit, b->used, VSVM_BLOCK_PAGES)
		src[n++] = vsvm_pfn_source(&dm->pgmap, first + bit);
	return n;
}

/**
 * vsvm_devmem_sources() - the pages of a block that are in use
 * @b: the block
 * @src: out, those pages for migrate_device_pfns(), in order
 *
 * Return: how many.
 */
unsigned int vsvm_devmem_sources(struct vsvm_block *b, unsigned long *src)
{
	guard(spinlock_irqsave)(&b->devmem->lock);
	return block_sources(b, src);
}

/* Pages for @n of @from's in other blocks of its client. */
static unsigned int take_beside(struct vsvm_devmem *dm, struct vsvm_block *from,
				unsigned long *pages, unsigned int n)
{
	struct vsvm_client *client = block_client(dm, from);
	struct vsvm_block *b;
	unsigned int got = 0;

	lockdep_assert_held(&dm->lock);
	while (got < n) {
		b = block_partial(client);
		if (b == from)
			b = list_is_last(&b->link, &client->partial) ?
			    NULL : list_next_entry(b, link);
		if (!b)
			break;
		got += block_take(dm, b, pages + got, n - got);
	}
	return got;
}

/**
 * vsvm_devmem_sparse() - the next block that has backing for few pages
 * @dm: the device's memory
 * @src: out, those pages for migrate_device_pfns(), at most VSVM_SPARSE_PAGES
 * @n: out, how many
 * @to: out, indices of pages in other blocks of the same client, reserved
 * @room: out, how many; fewer than @n: there is not enough room
 *
 * The block is the last to come next time. Takes no memory, does not sleep.
 *
 * Return: the block; NULL: there is none.
 */
struct vsvm_block *vsvm_devmem_sparse(struct vsvm_devmem *dm,
				      unsigned long *src, unsigned int *n,
				      unsigned long *to, unsigned int *room)
{
	struct vsvm_block *b;

	guard(spinlock_irqsave)(&dm->lock);
	b = list_first_entry_or_null(&dm->sparse, struct vsvm_block, sparse);
	if (!b)
		return NULL;
	list_move_tail(&b->sparse, &dm->sparse);
	*n = block_sources(b, src);
	*room = take_beside(dm, b, to, *n);
	return b;
}

/**
 * vsvm_devmem_trim() - give the backing of one empty block back
 * @dm: the device's memory
 *
 * Return: false if no empty block has backing.
 */
bool vsvm_devmem_trim(struct vsvm_devmem *dm)
{
	struct folio *backing = NULL;
	struct vsvm_block *b;
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	b = list_first_entry_or_null(&dm->free, struct vsvm_block, link);
	if (b && b->backing) {
		backing = b->backing;
		b->backing = NULL;
		dm->nr_backed--;
		dm->nr_idle--;
		list_move_tail(&b->link, &dm->free);
	}
	spin_unlock_irqrestore(&dm->lock, flags);
	if (!backing)
		return false;
	backing->private = NULL;
	folio_put(backing);
	return true;
}
