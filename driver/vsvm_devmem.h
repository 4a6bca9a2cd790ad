/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_DEVMEM_H
#define VSVM_DEVMEM_H

#include <linux/cgroup_dmem.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

#include "vsvm_client.h"
#include "vsvm_huge.h"
#include "vsvm_inject.h"
#include "vsvm_pfn.h"
#include "vsvm_stats.h"

#define VSVM_BLOCK_ORDER	HPAGE_PMD_ORDER
#define VSVM_BLOCK_PAGES	BIT(VSVM_BLOCK_ORDER)
#define VSVM_BLOCK_SIZE		(PAGE_SIZE << VSVM_BLOCK_ORDER)

/* A block with so few pages in use costs the host more than they are worth. */
#define VSVM_SPARSE_PAGES	(VSVM_BLOCK_PAGES / 4)

/* Every vsvm pagemap has this owner, so that devices see each other's pages. */
extern char vsvm_devmem_owner[];

struct shrinker;

/**
 * struct vsvm_block - 2 MiB of device memory
 * @devmem: the memory it is part of
 * @used: one bit for each device page that is given out
 * @nr_used: how many bits are set in @used
 * @backing: the host memory that plays the device memory; NULL: none yet, or
 *	the device is coherent and needs none.
 *	Set once before the first page is given out, changed only while no
 *	page is, or by a handover (see &struct vsvm_home)
 * @client: whose pages are in it, or will be as soon as it has backing; NULL:
 *	nobody's
 * @charge: what the dmem cgroup of who opened it is charged with, whoever's
 *	pages come into it; NULL: nothing. Set by who opens it
 * @last_use: value of &vsvm_devmem.clock when it was filled or accessed
 * @node: for each page in use, the NUMA node that it came from and that it goes home
 *	to when nobody can say more; protected by the lock of the page's folio
 * @rank: @last_use as it was when the block got its place in @cold
 * @cold: in &vsvm_client.cold of @client, as long as a page is in use
 * @link: in &vsvm_devmem.free, &vsvm_client.partial or &vsvm_devmem.full; empty
 *	while a reserve looks for backing
 * @sparse: in &vsvm_devmem.sparse, if it has backing and few pages in use
 * @room: in &vsvm_devmem.room, if some of its pages are in use and some not
 *
 * Protected by &vsvm_devmem.lock, but for @node, and for @last_use, which is a hint.
 */
struct vsvm_block {
	struct vsvm_devmem *devmem;
	DECLARE_BITMAP(used, VSVM_BLOCK_PAGES);
	unsigned int nr_used;
	struct folio *backing;
	struct vsvm_client __rcu *client;
	struct dmem_cgroup_pool_state *charge;
	unsigned long last_use;
	short node[VSVM_BLOCK_PAGES];
	unsigned long rank;
	struct rb_node cold;
	struct list_head link;
	struct list_head sparse;
	struct list_head room;
};

/**
 * struct vsvm_moves - for migrate_device_pfns() of one block
 * @src: sources
 * @dst: destinations
 */
struct vsvm_moves {
	unsigned long src[VSVM_BLOCK_PAGES];
	unsigned long dst[VSVM_BLOCK_PAGES];
};

/**
 * struct vsvm_devmem - the memory of one device
 * @pgmap: the device pages; a page leads here and nowhere else
 * @device: number of the device
 * @nr_blocks: number of blocks
 * @lock: protects the blocks, the lists and the counts; taken from
 *	folio_free, so with interrupts off
 * @free: blocks without a page in use, those with backing first
 * @full: blocks with every page in use
 * @sparse: &vsvm_block.sparse of blocks with few pages in use, the next to be
 *	emptied first
 * @room: &vsvm_block.room of all that have room
 * @clients: &vsvm_client.link of each process that uses the device
 * @owners: the same, by their &vsvm_client.owner
 * @nr_holders: clients that have blocks
 * @nr_used: pages given out
 * @nr_backed: blocks with backing
 * @nr_idle: those of them without a page in use; also read without @lock
 * @nr_sparse: how many are in @sparse; also read without @lock
 * @clock: counts the blocks that were opened, or tried for eviction
 * @evict_lock: one thread at a time makes room
 * @drained: when all processors last had to look at their batches for it, in
 *	jiffies; under @evict_lock
 * @refs: the device, and whoever waits for @evict_lock while it may be unplugged;
 *	for the struct alone, all else goes with the device
 * @shrinker: gives backing of empty and sparse blocks back
 * @shrink_lock: one thread at a time empties a sparse block; only tried for,
 *	because whoever waits for memory may have folios locked
 * @moves: for that; under @shrink_lock
 * @to: indices of pages for that; under @shrink_lock
 * @region: the memory as the dmem cgroup knows it; NULL: the kernel has none
 * @blocks: the blocks
 * @stats: counters
 * @inject: failures and pauses on purpose
 * @name: of the physical addresses, in /proc/iomem
 */
struct vsvm_devmem {
	struct dev_pagemap pgmap;
	unsigned int device;
	unsigned long nr_blocks;
	spinlock_t lock; /* blocks, lists, counts */
	struct list_head free;
	struct list_head full;
	struct list_head sparse;
	struct list_head room;
	struct list_head clients;
	DECLARE_HASHTABLE(owners, 8);
	unsigned long nr_holders;
	unsigned long nr_used;
	unsigned long nr_backed;
	unsigned long nr_idle;
	unsigned long nr_sparse;
	unsigned long clock;
	struct mutex evict_lock; /* making room, drained */
	unsigned long drained;
	struct kref refs;
	struct shrinker *shrinker;
	struct mutex shrink_lock; /* moves, to */
	struct vsvm_moves moves;
	unsigned long to[VSVM_SPARSE_PAGES];
	struct dmem_cgroup_region *region;
	struct vsvm_block *blocks;
	struct vsvm_cpu_stats __percpu *stats;
	struct vsvm_inject *inject;
	char name[16];
};

void vsvm_devmem_folio_free(struct folio *folio);

unsigned int vsvm_devmem_reserve(struct vsvm_devmem *dm,
				 struct vsvm_client *client,
				 unsigned long *pages, unsigned int n);
bool vsvm_devmem_may_spread(struct vsvm_devmem *dm, struct vsvm_client *client);
struct vsvm_block *vsvm_devmem_emptiest(struct vsvm_devmem *dm,
					struct vsvm_client *client);
struct vsvm_block *vsvm_devmem_sparse(struct vsvm_devmem *dm,
				      unsigned long *src, unsigned int *n,
				      unsigned long *to, unsigned int *room);
unsigned int vsvm_devmem_sources(struct vsvm_block *b, unsigned long *src);
bool vsvm_devmem_trim(struct vsvm_devmem *dm);
struct vsvm_block *vsvm_devmem_reserve_block(struct vsvm_devmem *dm,
					     struct vsvm_client *client);
void vsvm_devmem_unreserve(struct vsvm_devmem *dm, const unsigned long *pages,
			   unsigned int n);
void vsvm_devmem_unreserve_block(struct vsvm_block *b);
struct folio *vsvm_devmem_folio(struct vsvm_devmem *dm, unsigned long index,
				unsigned int order);

static inline struct vsvm_devmem *vsvm_devmem_of(const struct page *page)
{
	return container_of(page_pgmap(page), struct vsvm_devmem, pgmap);
}

/* True for a page of any vsvm device. */
static inline bool vsvm_devmem_owns(const struct page *page)
{
	return (is_device_private_page(page) || is_device_coherent_page(page)) &&
	       page_pgmap(page)->owner == vsvm_devmem_owner;
}

/* True if the CPU reaches the memory: it is its own backing, in small pages. */
static inline bool vsvm_devmem_coherent(const struct vsvm_devmem *dm)
{
	return dm->pgmap.type == MEMORY_DEVICE_COHERENT;
}

/* True if the memory is given out in huge pages, too. */
static inline bool vsvm_devmem_huge(const struct vsvm_devmem *dm)
{
	return !vsvm_devmem_coherent(dm) && vsvm_huge_pages();
}

/* The block that a page is part of. */
static inline struct vsvm_block *vsvm_devmem_block(struct vsvm_devmem *dm,
						   unsigned long index)
{
	return &dm->blocks[index >> VSVM_BLOCK_ORDER];
}

/* The same, by the page itself. */
static inline struct vsvm_block *vsvm_devmem_block_of(const struct page *page)
{
	return vsvm_devmem_block(vsvm_devmem_of(page), vsvm_pfn_index(page));
}

/* Which page of its block a page is. */
static inline unsigned int vsvm_devmem_offset(const struct page *page)
{
	return vsvm_pfn_index(page) & (VSVM_BLOCK_PAGES - 1);
}

/* True for the last page of a block: what follows it is another block's, or nothing. */
static inline bool vsvm_devmem_is_last(const struct page *page)
{
	return vsvm_devmem_offset(page) == VSVM_BLOCK_PAGES - 1;
}

/* The index of a block's first page. */
static inline unsigned long vsvm_devmem_first(const struct vsvm_block *b)
{
	return (b - b->devmem->blocks) << VSVM_BLOCK_ORDER;
}

/* Where &vsvm_block.node of a device page is; the caller has its folio locked. */
static inline short *vsvm_devmem_node(struct page *page)
{
	return &vsvm_devmem_block_of(page)->node[vsvm_devmem_offset(page)];
}

/*
 * The fair share, in blocks: all of them divided by the processes that have
 * any, and by one more that has none yet if @newcomer.
 */
static inline unsigned long vsvm_devmem_fair(const struct vsvm_devmem *dm,
					     bool newcomer)
{
	return dm->nr_blocks / max(READ_ONCE(dm->nr_holders) + newcomer, 1);
}

/*
 * True if the device pages beside a small one are free: nothing of what is
 * beside it in the process is here, most likely. A hint, read without the lock.
 */
static inline bool vsvm_devmem_lonely(struct page *page)
{
	struct vsvm_block *b = vsvm_devmem_block_of(page);
	unsigned int i = vsvm_devmem_offset(page);

	/* Written under the lock; either answer will do. */
	bool before = i && data_race(test_bit(i - 1, b->used));
	/* The same. */
	bool after = i + 1 < VSVM_BLOCK_PAGES && data_race(test_bit(i + 1, b->used));

	return !before && !after;
}

/*
 * Backing keeps the flags of its page when the device page it is behind changes
 * hands. On arm64 one of them says that the page has memory tags (MTE):
 * copy_highpage() sets it on its destination, never clears it, and copies the
 * tags of whatever source has it. So a page without tags would come home with
 * those of who had the backing before. Before each filling of a backing page;
 * whoever fills it has it alone.
 */
static inline void vsvm_devmem_untag(struct page *backing)
{
#ifdef CONFIG_ARM64_MTE
	clear_bit(PG_mte_tagged, &backing->flags.f);
	clear_bit(PG_mte_lock, &backing->flags.f);
#endif
}

struct page *vsvm_devmem_backing(struct page *page);
void vsvm_devmem_touch(struct page *page);
void vsvm_devmem_warm(struct vsvm_block *b);
struct vsvm_block *vsvm_devmem_coldest(struct vsvm_devmem *dm,
				       struct vsvm_client *client,
				       unsigned long *budget);
void vsvm_devmem_count(struct vsvm_block *b, enum vsvm_stat stat, u64 n);

#endif /* VSVM_DEVMEM_H */
