// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: blocks, their pages, and the host memory behind them.
 *
 * A device has a fixed number of blocks of 2 MiB. The index of a device page gives its
 * block, and its backing page in the block. So there is no pointer in a device page, no
 * driver data to update when core mm splits a device folio, and a block is free again
 * once its last page is freed.
 *
 * A block holds pages of one client as long as the device has other blocks with room.
 * So eviction of a block moves pages of the client that it is taken from.
 *
 * Backing stays with an empty block until the host needs memory: a shrinker frees it,
 * and empties blocks with few pages in use, too. Backing is not charged to a memcg, so
 * it is bounded: a client whose blocks are less than half full, apart from one block,
 * gets no empty block while its own have room. Where the kernel has the dmem cgroup,
 * each block in use is charged to it.
 *
 * A coherent device has no backing: its pages are memory that the CPU accesses, and
 * they are always small.
 *
 * Lifetime: from probe until the last page is freed after remove, which migrates them
 * to system memory. Pages may outlive the file and the process that brought them here
 * (a forked child has them mapped, too). Coherent pages may also outlive the device. So
 * this file refers to none of the three.
 *
 * Locks: &vsvm_devmem.lock, a leaf, taken with interrupts off because folio_free runs
 * in any context.
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "vsvm_charge.h"
#include "vsvm_cold.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"

char vsvm_devmem_owner[] = "vsvm";

/* Blocks to look at for one without a pin. */
#define MAX_SKIPS	64
/* Backing is not charged to a memcg: core mm charges the device folio that uses it. */
#define BACKING_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/**
 * vsvm_devmem_backing() - get the host page that holds a device page's bytes
 * @page: device page of any vsvm device
 *
 * The caller keeps @page from being freed. Either it holds a reference, or it saw the
 * page mapped and holds the page-table lock of a mirror: the invalidation that comes
 * before an unmap waits for that lock.
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
 * vsvm_devmem_touch() - note that the device used a page
 * @page: backing page, or page of a coherent device
 *
 * Makes the block of the page the one used last. Two plain memory accesses, without a
 * lock: @last_use is a hint. The caller holds a page-table lock, which keeps the page
 * in place.
 */
void vsvm_devmem_touch(struct page *page)
{
	struct vsvm_block *b = vsvm_devmem_block_behind(page);

	WRITE_ONCE(b->last_use, READ_ONCE(b->devmem->clock));
}

/**
 * vsvm_devmem_may_write() - check whether a table entry may allow writes to a page
 * @page: backing page of a private device
 * @write: the device is about to write
 *
 * No page that may be written is discarded, since a write ends that. The caller holds the
 * page-table lock for writing, which keeps the page in place, and installs the entry
 * before it drops the lock.
 *
 * Return: true; false: the page is discarded, and stays so because @write is false.
 */
bool vsvm_devmem_may_write(struct page *page, bool write)
{
	struct folio *backing = page_folio(page);
	struct vsvm_block *b = backing->private;
	unsigned long i = folio_page_idx(backing, page);

	if (!test_bit(i, b->discarded))
		return true;
	if (write)
		clear_bit(i, b->discarded);
	return write;
}

/**
 * vsvm_devmem_count() - count events of pages of a block
 * @b: the block; without a page in use it may have no client
 * @stat: the counter
 * @n: how many
 *
 * Counts for the device, and for the client that owns the block, if there is one.
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
 * vsvm_devmem_tell() - tell an event of a block to the event streams of its client
 * @b: the block; without a page in use it may have no client
 * @mm: the mm that the event's address is in; NULL: it has no address
 * @e: the event, without time, size and device
 *
 * To be called if vsvm_events_any(). Does not sleep.
 */
void vsvm_devmem_tell(struct vsvm_block *b, const struct mm_struct *mm,
		      const struct drm_vsvm_event *e)
{
	struct vsvm_client *client;

	rcu_read_lock();
	client = rcu_dereference(b->client);
	if (client)
		vsvm_events_tell(client, mm, e);
	rcu_read_unlock();
}

static struct vsvm_client *block_client(struct vsvm_devmem *dm,
					struct vsvm_block *b)
{
	return rcu_dereference_protected(b->client, lockdep_is_held(&dm->lock));
}

/* Makes @client the owner of the empty block @b. */
static void block_own(struct vsvm_devmem *dm, struct vsvm_block *b,
		      struct vsvm_client *client)
{
	lockdep_assert_held(&dm->lock);
	rcu_assign_pointer(b->client, client);
	client->refs++;
	if (!client->nr_blocks++)
		dm->nr_holders++;
	b->opened = ++dm->clock;
	b->last_use = b->opened;
}

static void block_disown(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	struct vsvm_client *client = block_client(dm, b);

	if (!client)
		return;
	vsvm_cold_remove(b, client);
	dmem_cgroup_uncharge(b->charge, VSVM_BLOCK_SIZE);
	b->charge = NULL;
	RCU_INIT_POINTER(b->client, NULL);
	if (!--client->nr_blocks)
		dm->nr_holders--;
	vsvm_client_release(dm, client);
}

/* Moves @b to the lists for its number of used pages. */
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

	/* A block without a page is being opened and must not be evicted. */
	if (b->nr_used)
		vsvm_cold_add(b, block_client(dm, b));
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
 * A reference from a pipe or a pin can keep a page of a coherent device in use for any
 * time, and the module's exit function cannot fail. So the first page in use takes a
 * module reference, and the last one drops it. The caller that takes it has an open
 * file, which holds a module reference already. The module may be unloaded as soon as
 * the reference is dropped, but not before this code has returned: a caller of
 * unreserve has an open file, and memunmap_pages() waits for a caller from folio_free,
 * because core mm puts the pagemap's reference after that.
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

/* The next user of the pages needs their contents. Pages beside them are in use. */
static void forget_discard(struct vsvm_block *b, unsigned int first,
			   unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		if (test_bit(i, b->discarded))
			clear_bit(i, b->discarded);
}

static void block_give(struct vsvm_devmem *dm, unsigned long index,
		       unsigned int nr)
{
	struct vsvm_block *b = vsvm_devmem_block(dm, index);

	lockdep_assert_held(&dm->lock);
	bitmap_clear(b->used, index & (VSVM_BLOCK_PAGES - 1), nr);
	forget_discard(b, index & (VSVM_BLOCK_PAGES - 1), nr);
	vsvm_cold_forget(b, index & (VSVM_BLOCK_PAGES - 1), nr);
	b->nr_used -= nr;
	count_used(dm, -(int)nr);
	block_client(dm, b)->nr_pages -= nr;
	block_file(dm, b);
}

/**
 * vsvm_devmem_folio_free() - free the pages of a folio without references
 * @folio: device folio, of any order up to a block's
 *
 * The &dev_pagemap_ops.folio_free of vsvm. Runs in any context. Does not touch the
 * folio: vsvm_devmem_folio() initializes its struct pages again.
 *
 * A thread that has a folio locked holds a reference, so a locked folio never comes
 * here, with one exception. When a process zaps the migration entry of a huge device
 * page, core mm (Linux 7.3, zap_huge_pmd_folio()) tests the folio instead of the entry,
 * takes the entry for a mapping, and puts a reference that the entry does not have.
 * That puts the last reference, which is the migrating thread's. folio_ref_unfreeze()
 * restores that reference. percpu_ref_get_many() takes the pagemap references that
 * free_zone_device_folio() puts after this call. Otherwise another client could get the
 * block before migrate_vma_finalize() or migrate_device_finalize() unlocks and puts the
 * folio.
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
 * Charges the caller's dmem cgroup for @b, and allocates @backing if @b has none. Both
 * may sleep. Returns 0, -EAGAIN at the limit of the cgroup, or -ENOMEM. On failure the
 * block keeps the charge; block_disown() drops it.
 */
static int block_fit_out(struct vsvm_devmem *dm, struct vsvm_block *b,
			 struct vsvm_purse *purse, struct folio **backing)
{
	int ret = vsvm_charge_block(dm->region, purse, &b->charge);

	if (ret)
		return ret;
	vsvm_token_put(dm, b);
	if (b->backing || vsvm_devmem_coherent(dm))
		return 0;
	*backing = VSVM_INJECT(dm->inject, BACKING, NULL,
			       folio_alloc(BACKING_GFP, VSVM_BLOCK_ORDER));
	return *backing ? 0 : -ENOMEM;
}

/*
 * Takes an empty block off the free list for @client, and has it charged and backed.
 * The lock is dropped meanwhile. The block is on no list then, so no other thread finds
 * it. It already counts as the client's: otherwise another client could find neither an
 * empty block nor a client above its fair share to evict from. Called and returns with
 * the lock held.
 */
static struct vsvm_block *block_open(struct vsvm_devmem *dm,
				     struct vsvm_client *client,
				     struct vsvm_purse *purse,
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
	ret = block_fit_out(dm, b, purse, &backing);
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

/* A block of any client with room in it; for use when no block is empty. */
static struct vsvm_block *block_of_others(struct vsvm_devmem *dm)
{
	lockdep_assert_held(&dm->lock);
	return list_first_entry_or_null(&dm->room, struct vsvm_block, room);
}

/*
 * True if @client may open another block although its own have room. The pages that it
 * had when it opened the last one bound its backing, to twice that and one block.
 * Blocks that are being opened count as full: the thread that opens one has pages for
 * it.
 */
static bool may_spread(struct vsvm_devmem *dm, const struct vsvm_client *client)
{
	unsigned long blocks = client->nr_blocks - client->nr_opening;

	lockdep_assert_held(&dm->lock);
	return blocks * VSVM_BLOCK_PAGES <=
	       2 * client->nr_pages + VSVM_BLOCK_PAGES;
}

/**
 * vsvm_devmem_may_spread() - check whether a client may open a block for a huge page
 * @dm: the device's memory
 * @client: the client
 *
 * The bound on sparsely used blocks holds for huge pages too: core mm may split a huge
 * page and free most of its parts.
 *
 * Return: true if the client's blocks are full enough.
 */
bool vsvm_devmem_may_spread(struct vsvm_devmem *dm, struct vsvm_client *client)
{
	guard(spinlock_irqsave)(&dm->lock);
	return may_spread(dm, client);
}

/**
 * vsvm_devmem_emptiest() - find a block of a client with few pages
 * @dm: the device's memory
 * @client: the client; the caller keeps it
 *
 * Sparse blocks come first, pinned ones are left out. The next call returns other blocks
 * before this one.
 *
 * Return: the block; NULL: it found none of which half is free.
 */
struct vsvm_block *vsvm_devmem_emptiest(struct vsvm_devmem *dm,
					struct vsvm_client *client)
{
	struct vsvm_block *b;
	unsigned int n;

	guard(spinlock_irqsave)(&dm->lock);
	for (n = 0; n < MAX_SKIPS; n++) {
		b = list_last_entry_or_null(&client->partial, struct vsvm_block,
					    link);
		if (!b || b->nr_used > VSVM_BLOCK_PAGES / 2)
			break;
		/* The next small pages go into a pinned one, too. */
		list_move(&b->link, &client->partial);
		if (!vsvm_cold_is_pinned(b))
			return b;
	}
	return NULL;
}

static struct vsvm_block *block_partial(struct vsvm_client *client)
{
	return list_first_entry_or_null(&client->partial, struct vsvm_block,
					link);
}

/* A block with room for @client: an empty one, one of its own, one of any client. */
static struct vsvm_block *block_find(struct vsvm_devmem *dm,
				     struct vsvm_client *client,
				     struct vsvm_purse *purse,
				     unsigned long *flags)
{
	struct vsvm_block *b = block_open(dm, client, purse, flags);

	if (!b)
		b = block_partial(client);
	/* A client at the limit of its cgroup gets no room in blocks of others. */
	return b || client->limited ? b : block_of_others(dm);
}

/**
 * vsvm_devmem_reserve() - reserve small device pages
 * @dm: the device's memory
 * @client: the client to reserve for
 * @purse: pays for blocks to open; NULL: the cgroup of the current thread does
 * @pages: out, their indices
 * @n: number of pages wanted, at most a block's
 *
 * Neighbours stay together: a request for more than half a block starts an empty block
 * while there is one, unless may_spread() refuses. Takes &vsvm_client.grow to open a
 * block. May sleep; never evicts.
 *
 * Return: number of pages reserved. Less than @n when the device is full, the cgroup is
 * at its limit, the host has no memory for backing, or the caller is being killed.
 */
unsigned int vsvm_devmem_reserve(struct vsvm_devmem *dm,
				 struct vsvm_client *client,
				 struct vsvm_purse *purse,
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
			b = block_find(dm, client, purse, &flags);
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
 * vsvm_devmem_reserve_block() - reserve an empty block as one huge page
 * @dm: the device's memory
 * @client: the client to reserve for
 * @purse: pays for blocks to open; NULL: the cgroup of the current thread does
 *
 * May sleep; never evicts.
 *
 * Return: the block. NULL: no block is empty, may_spread() refuses, the cgroup is at
 * its limit, the host has no memory for backing, or the device has only small pages.
 */
struct vsvm_block *vsvm_devmem_reserve_block(struct vsvm_devmem *dm,
					     struct vsvm_client *client,
					     struct vsvm_purse *purse)
{
	struct vsvm_block *b;
	unsigned long flags;

	if (!vsvm_devmem_huge(dm))
		return NULL;

	spin_lock_irqsave(&dm->lock, flags);
	b = may_spread(dm, client) ? block_open(dm, client, purse, &flags) : NULL;
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
 * vsvm_devmem_unreserve() - give back reserved pages that did not become folios
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
 * vsvm_devmem_unreserve_block() - give back a block that did not become a folio
 * @b: the block, from vsvm_devmem_reserve_block()
 */
void vsvm_devmem_unreserve_block(struct vsvm_block *b)
{
	struct vsvm_devmem *dm = b->devmem;

	guard(spinlock_irqsave)(&dm->lock);
	block_give(dm, vsvm_devmem_first(b), VSVM_BLOCK_PAGES);
}

/**
 * vsvm_devmem_folio() - make a folio of reserved pages
 * @dm: the device's memory
 * @index: index of the page, or of the block's first page
 * @order: 0, or VSVM_BLOCK_ORDER for vsvm_devmem_reserve_block()
 *
 * The caller keeps the pagemap alive: it is between drm_dev_enter() and drm_dev_exit(),
 * for which remove waits before it unmaps the memory, or a page of the memory is in
 * use.
 *
 * Return: the folio, locked, with one reference.
 */
struct folio *vsvm_devmem_folio(struct vsvm_devmem *dm, unsigned long index,
				unsigned int order)
{
	/* Not page_folio(): the page may still look like a tail of an earlier folio. */
	struct page *page = vsvm_pfn_page(&dm->pgmap, index);
	struct folio *folio = (struct folio *)page;
	unsigned long i;

	/* Core mm leaves most flags of the earlier page in place, such as active. */
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
 * vsvm_devmem_sources() - list the pages of a block that are in use
 * @b: the block
 * @src: out, those pages for migrate_device_pfns(), in order
 *
 * Return: number of pages.
 */
unsigned int vsvm_devmem_sources(struct vsvm_block *b, unsigned long *src)
{
	guard(spinlock_irqsave)(&b->devmem->lock);
	return block_sources(b, src);
}

/* Reserves up to @n pages in other blocks of the client that owns @from. */
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
 * vsvm_devmem_sparse() - find the next block that has backing for few pages
 * @dm: the device's memory
 * @src: out, its pages for migrate_device_pfns(), at most VSVM_SPARSE_PAGES
 * @n: out, number of these pages
 * @to: out, indices of pages reserved in other blocks of the same client
 * @room: out, number of pages reserved; less than @n when there is not enough room
 *
 * The block moves to the end of the list. Allocates nothing, does not sleep.
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
 * vsvm_devmem_trim() - free the backing of one empty block
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
