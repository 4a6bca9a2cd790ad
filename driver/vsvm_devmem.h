/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_DEVMEM_H
#define VSVM_DEVMEM_H

#include <linux/cgroup_dmem.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/list_lru.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "vsvm_client.h"
#include "vsvm_huge.h"
#include "vsvm_inject.h"
#include "vsvm_pfn.h"
#include "vsvm_stats.h"
#include "vsvm_token.h"

#define VSVM_BLOCK_ORDER	HPAGE_PMD_ORDER
#define VSVM_BLOCK_PAGES	BIT(VSVM_BLOCK_ORDER)
#define VSVM_BLOCK_SIZE		(PAGE_SIZE << VSVM_BLOCK_ORDER)

/* A block with at most this many pages in use wastes most of its backing. */
#define VSVM_SPARSE_PAGES	(VSVM_BLOCK_PAGES / 4)

/*
 * All vsvm pagemaps have this owner, so that a device recognizes the pages of others.
 */
extern char vsvm_devmem_owner[];

struct drm_vsvm_event;
struct shrinker;
struct vsvm_purse;

/**
 * struct vsvm_block - 2 MiB of device memory
 * @devmem: the memory it is part of
 * @used: one bit for each device page that is in use
 * @discarded: one bit for each page in use that was not written since DISCARD. Set with
 *	the page's folio locked and unmapped; cleared under the page-table lock by which the
 *	page may be written, or when the page is freed. Atomic bit operations, because these
 *	locks are of one page or one mirror
 * @nr_used: number of bits set in @used
 * @backing: the host memory that holds the bytes of the device pages; NULL: none yet,
 *	or the device is coherent and needs none. Set before the first page is taken;
 *	changed only while no page is in use, or by a handover (see &struct vsvm_home)
 * @client: client that owns the block, from before it has backing until its last page
 *	is freed; NULL: no client
 * @charge: dmem cgroup that is charged for the block: that of the task that opened it,
 *	also for pages of other clients; NULL: none. Set by the task that opens the
 *	block
 * @token: the block in the list of a memory cgroup, or NULL; belongs to the task that
 *	opens the block
 * @last_use: value of &vsvm_devmem.clock when the block was opened, accessed or tried for
 *	eviction
 * @opened: the same, when the block was opened: no two have the same
 * @node: for each page in use, the NUMA node that it came from, where home_alloc_node()
 *	allocates its destination; protected by the lock of the page's folio
 * @rank: value of @last_use when the block was put into @cold
 * @cold: in &vsvm_client.cold of @client while a page is in use and none is pinned
 * @pinned: one bit for each page in use that is pinned
 * @pin: in &vsvm_client.pinned of @client while a page is pinned
 * @link: in &vsvm_devmem.free, &vsvm_client.partial or &vsvm_devmem.full; empty while
 *	block_open() allocates backing
 * @sparse: in &vsvm_devmem.sparse while it has backing and few pages in use
 * @room: in &vsvm_devmem.room while some pages are in use and some are not
 *
 * Protected by &vsvm_devmem.lock, except for @node, @token, @discarded, and for @last_use,
 * which is a hint.
 */
struct vsvm_block {
	struct vsvm_devmem *devmem;
	DECLARE_BITMAP(used, VSVM_BLOCK_PAGES);
	DECLARE_BITMAP(discarded, VSVM_BLOCK_PAGES);
	unsigned int nr_used;
	struct folio *backing;
	struct vsvm_client __rcu *client;
	struct dmem_cgroup_pool_state *charge;
	struct vsvm_token *token;
	unsigned long last_use;
	unsigned long opened;
	short node[VSVM_BLOCK_PAGES];
	unsigned long rank;
	struct rb_node cold;
	DECLARE_BITMAP(pinned, VSVM_BLOCK_PAGES);
	struct list_head pin;
	struct list_head link;
	struct list_head sparse;
	struct list_head room;
};

/**
 * struct vsvm_moves - arrays for migrate_device_pfns() of one block
 * @src: sources
 * @dst: destinations
 */
struct vsvm_moves {
	unsigned long src[VSVM_BLOCK_PAGES];
	unsigned long dst[VSVM_BLOCK_PAGES];
};

/**
 * struct vsvm_devmem - the memory of one device
 * @pgmap: the pagemap; vsvm_devmem_of() gets from a page to this struct through it
 * @device: number of the device
 * @nr_blocks: number of blocks
 * @lock: protects the blocks, the lists and the counts; folio_free takes it in any
 *	context, so interrupts are off
 * @free: blocks without a page in use, those with backing first
 * @full: blocks with every page in use
 * @sparse: &vsvm_block.sparse of blocks with few pages in use, the next to be emptied
 *	first
 * @room: &vsvm_block.room of all blocks that have room
 * @clients: &vsvm_client.link of every client of the device
 * @owners: the same clients, hashed by &vsvm_client.owner
 * @nr_holders: number of clients that own blocks
 * @nr_used: number of pages in use
 * @nr_backed: number of blocks with backing
 * @nr_idle: number of those without a page in use; also read without @lock
 * @nr_sparse: number of blocks in @sparse; also read without @lock
 * @clock: counts blocks opened, and blocks tried for eviction
 * @evict_lock: one thread at a time makes room
 * @drained: jiffies when eviction last drained the LRU batches of all processors;
 *	protected by @evict_lock
 * @refs: references to this struct, not to what it points to: one of the device, one of
 *	each thread that waits for @evict_lock while the device may be unplugged
 * @shrinker: frees backing of empty and sparse blocks
 * @reclaim: brings pages of a memory cgroup to system memory
 * @tokens: a token for each block in use, in the list of the memory cgroup that opened it
 * @shrink_lock: one thread at a time empties a sparse block; taken by trylock only,
 *	because reclaim may run under folio locks
 * @moves: arrays for that; protected by @shrink_lock
 * @to: indices of destination pages for that; protected by @shrink_lock
 * @region: the memory as the dmem cgroup knows it; NULL: the kernel has no dmem cgroup,
 *	or the device was unplugged
 * @blocks: the blocks
 * @stats: counters
 * @inject: failpoints
 * @name: name of the physical addresses in /proc/iomem
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
	struct shrinker *reclaim;
	struct list_lru tokens;
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
				 struct vsvm_purse *purse,
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
					     struct vsvm_client *client,
					     struct vsvm_purse *purse);
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

/* True if the CPU accesses the memory: small pages only, which need no backing. */
static inline bool vsvm_devmem_coherent(const struct vsvm_devmem *dm)
{
	return dm->pgmap.type == MEMORY_DEVICE_COHERENT;
}

/* True if the memory has huge pages, too. */
static inline bool vsvm_devmem_huge(const struct vsvm_devmem *dm)
{
	return !vsvm_devmem_coherent(dm) && vsvm_huge_pages();
}

/* The block of the page with this index. */
static inline struct vsvm_block *vsvm_devmem_block(struct vsvm_devmem *dm,
						   unsigned long index)
{
	return &dm->blocks[index >> VSVM_BLOCK_ORDER];
}

/* The block of a page. */
static inline struct vsvm_block *vsvm_devmem_block_of(const struct page *page)
{
	return vsvm_devmem_block(vsvm_devmem_of(page), vsvm_pfn_index(page));
}

/*
 * The client that owns the block of a page. The caller has the page locked: so it is in
 * use, and a block keeps its client until its last page is freed.
 */
static inline struct vsvm_client *vsvm_devmem_client_of(const struct page *page)
{
	return rcu_dereference_protected(vsvm_devmem_block_of(page)->client,
					 PageLocked(page));
}

/* The number of a page in its block. */
static inline unsigned int vsvm_devmem_offset(const struct page *page)
{
	return vsvm_pfn_index(page) & (VSVM_BLOCK_PAGES - 1);
}

/* True for the last page of a block: the page after it is in another block, if any. */
static inline bool vsvm_devmem_is_last(const struct page *page)
{
	return vsvm_devmem_offset(page) == VSVM_BLOCK_PAGES - 1;
}

/*
 * The block that a page of a walk's span is in, and its number there: a backing page, or a
 * page of a coherent device. The caller holds a page-table lock, which keeps the page in
 * place.
 */
static inline struct vsvm_block *vsvm_devmem_block_behind(struct page *page)
{
	return is_device_coherent_page(page) ? vsvm_devmem_block_of(page) :
					       page_folio(page)->private;
}

static inline unsigned int vsvm_devmem_offset_behind(struct page *page)
{
	return is_device_coherent_page(page) ?
	       vsvm_devmem_offset(page) :
	       folio_page_idx(page_folio(page), page);
}

/* The index of a block's first page. */
static inline unsigned long vsvm_devmem_first(const struct vsvm_block *b)
{
	return (b - b->devmem->blocks) << VSVM_BLOCK_ORDER;
}

/* The &vsvm_block.node of a device page; the caller holds its folio lock. */
static inline short *vsvm_devmem_node(struct page *page)
{
	return &vsvm_devmem_block_of(page)->node[vsvm_devmem_offset(page)];
}

/* True if a device page was discarded and not written since; see &vsvm_block.discarded. */
static inline bool vsvm_devmem_discarded(const struct page *page)
{
	return test_bit(vsvm_devmem_offset(page),
			vsvm_devmem_block_of(page)->discarded);
}

/* Discards a device page, whose folio is locked and unmapped by the caller. */
static inline void vsvm_devmem_discard(const struct page *page)
{
	set_bit(vsvm_devmem_offset(page), vsvm_devmem_block_of(page)->discarded);
}

/*
 * The fair share, in blocks: all blocks divided by the number of clients that own any,
 * counting one more that owns none yet if @newcomer.
 */
static inline unsigned long vsvm_devmem_fair(const struct vsvm_devmem *dm,
					     bool newcomer)
{
	return dm->nr_blocks / max(READ_ONCE(dm->nr_holders) + newcomer, 1);
}

/*
 * True if the device pages next to a small page are free. Then its neighbours in the
 * process are most likely not on the device. A hint, read without the lock.
 */
static inline bool vsvm_devmem_lonely(struct page *page)
{
	struct vsvm_block *b = vsvm_devmem_block_of(page);
	unsigned int i = vsvm_devmem_offset(page);

	/* Written under the lock; either answer is fine. */
	bool before = i && data_race(test_bit(i - 1, b->used));
	/* As above. */
	bool after = i + 1 < VSVM_BLOCK_PAGES && data_race(test_bit(i + 1, b->used));

	return !before && !after;
}

/*
 * A backing page keeps its page flags when another device page takes the place of the
 * one it is behind. On arm64 PG_mte_tagged says that the page has memory tags (MTE).
 * copy_highpage() copies the tags of a source that has the flag and sets it on the
 * destination; it never clears it. Without this, a page without tags would migrate back
 * with the tags of an earlier page. To be called before each fill of a backing page, by
 * the only user of the page.
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
bool vsvm_devmem_may_write(struct page *page, bool write);
void vsvm_devmem_count(struct vsvm_block *b, enum vsvm_stat stat, u64 n);
void vsvm_devmem_tell(struct vsvm_block *b, const struct mm_struct *mm,
		      const struct drm_vsvm_event *e);

#endif /* VSVM_DEVMEM_H */
