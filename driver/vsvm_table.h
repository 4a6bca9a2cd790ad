/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_TABLE_H
#define VSVM_TABLE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include <drm/vsvm_drm.h>

#include "vsvm_pfn.h"

struct device;
struct vsvm_inject;

#define VSVM_LEAF_ENTRIES	PTRS_PER_PTE

/*
 * An entry: state as in the uapi (16 bits), device (6 bits), two flags, pfn. Zero: the
 * table has no entry. The flags say that accesses are counted, and that atomic
 * operations have to ask whether they are allowed.
 */
#define VSVM_ENTRY_DMA		((u64)DRM_VSVM_STATE_DMA)
#define VSVM_ENTRY_EXCLUSIVE	((u64)DRM_VSVM_STATE_EXCLUSIVE)
#define VSVM_ENTRY_DEV_SHIFT	16
#define VSVM_ENTRY_DEV		0x3fU
#define VSVM_ENTRY_COUNTED	BIT_ULL(22)
#define VSVM_ENTRY_NO_ATOMICS	BIT_ULL(23)
#define VSVM_ENTRY_PFN_SHIFT	24

/**
 * struct vsvm_leaf - the entries of PMD_SIZE bytes of addresses
 * @entry: the entries
 * @dma: the DMA address of an entry that has VSVM_ENTRY_DMA
 */
struct vsvm_leaf {
	u64 entry[VSVM_LEAF_ENTRIES];
	dma_addr_t dma[VSVM_LEAF_ENTRIES];
};

/* Number of places that an entry may have, see drm/vsvm_drm.h. */
#define VSVM_TABLE_PLACES	(DRM_VSVM_PLACE_PEER + 1)

/* Number of groups of addresses whose last invalidation is noted. */
#define VSVM_TABLE_SEQS		64UL

/**
 * struct vsvm_table - a device page table
 * @lock: the page-table lock. Protects @leaves and their entries. Readers may copy
 *	through valid entries; a writer may change entries. Invalidation takes it inside
 *	reclaim: its holder must not allocate with reclaim, fault on user memory or take
 *	mmap_lock
 * @wanted: number of invalidations that want or have the lock. A reader that copies much
 *	gives way to them: core mm waits, and readers would take the lock from a writer
 *	that sleeps
 * @leaves: &struct vsvm_leaf by address >> PMD_SHIFT, each with at least one entry
 * @seq: see vsvm_table_seq()
 * @mm: the mm that the table maps, which counts the leaves as page tables; set before
 *	the first leaf is made. The notifier keeps the mm_struct longer than there are
 *	leaves
 * @dma: the device that system pages are mapped for; NULL: they have no DMA addresses
 * @inject: failpoints of the device that the table belongs to
 * @count: number of entries of each place; also read without the lock
 */
struct vsvm_table {
	struct rw_semaphore lock;
	atomic_t wanted;
	struct xarray leaves;
	unsigned long seq[VSVM_TABLE_SEQS];
	struct mm_struct *mm;
	struct device *dma;
	struct vsvm_inject *inject;
	unsigned long count[VSVM_TABLE_PLACES];
};

void vsvm_table_init(struct vsvm_table *t, struct device *dma,
		     struct vsvm_inject *inject);
int vsvm_table_can_map(struct device *dma);
int vsvm_table_prepare(struct vsvm_table *t, unsigned long addr,
		       struct vsvm_leaf **spare);
void vsvm_table_unprepare(struct vsvm_table *t, unsigned long addr);
void vsvm_table_free_spare(struct vsvm_leaf *leaf);
struct vsvm_leaf *vsvm_table_make_leaf(struct vsvm_table *t, unsigned long addr,
				       struct vsvm_leaf **spare);
void vsvm_table_trim(struct vsvm_table *t, struct vsvm_leaf *leaf,
		     unsigned long addr);
int vsvm_table_install(struct vsvm_table *t, struct vsvm_leaf *leaf,
		       unsigned long addr, u64 entry);
unsigned long vsvm_table_zap(struct vsvm_table *t, unsigned long start,
			     unsigned long last, unsigned long seq);

/* True if a reader should drop the lock soon. */
static inline bool vsvm_table_is_wanted(const struct vsvm_table *t)
{
	return unlikely(atomic_read(&t->wanted));
}

/* The leaf of @addr, or NULL; under the lock. */
static inline struct vsvm_leaf *vsvm_table_leaf(struct vsvm_table *t,
						unsigned long addr)
{
	lockdep_assert_held(&t->lock);
	return xa_load(&t->leaves, addr >> PMD_SHIFT);
}

/*
 * The number of the last invalidation that touched @addr or an address of the same
 * group, which is every 64th leaf; 0: none did yet. Under the lock. The number outlives
 * the leaves.
 */
static inline unsigned long *vsvm_table_seq(struct vsvm_table *t,
					    unsigned long addr)
{
	lockdep_assert_held(&t->lock);
	return &t->seq[(addr >> PMD_SHIFT) % VSVM_TABLE_SEQS];
}

static inline unsigned long vsvm_leaf_index(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) & (VSVM_LEAF_ENTRIES - 1);
}

/* End of the leaf that holds @addr, but at most @end. */
static inline unsigned long vsvm_leaf_end(unsigned long addr, unsigned long end)
{
	unsigned long next = (addr & PMD_MASK) + PMD_SIZE;

	return next - 1 < end - 1 ? next : end;
}

static inline u64 vsvm_entry(u32 state, unsigned int device, unsigned long pfn)
{
	return state | (u64)device << VSVM_ENTRY_DEV_SHIFT |
	       (u64)pfn << VSVM_ENTRY_PFN_SHIFT;
}

static inline struct page *vsvm_entry_page(u64 entry)
{
	return vsvm_pfn_host(entry >> VSVM_ENTRY_PFN_SHIFT);
}

static inline u32 vsvm_entry_state(u64 entry)
{
	return (u16)entry;
}

static inline u32 vsvm_entry_place(u64 entry)
{
	return entry & DRM_VSVM_STATE_PLACE;
}

static inline u32 vsvm_entry_device(u64 entry)
{
	return entry >> VSVM_ENTRY_DEV_SHIFT & VSVM_ENTRY_DEV;
}

/* True if @b continues the span of @a: the next page, in the same state. */
static inline bool vsvm_entry_follows(u64 a, u64 b)
{
	return b == (vsvm_entry_page(a) ? a + (1ULL << VSVM_ENTRY_PFN_SHIFT) : a);
}

#endif /* VSVM_TABLE_H */
