// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device page table of one mm: leaves of 512 entries, found by address >>
 * PMD_SHIFT. An entry is the state of a page as user space sees it (drm/vsvm_drm.h),
 * the number of the device that the page is on, and the pfn of its bytes.
 *
 * System pages in the table have a DMA address, as for a device behind an IOMMU. It is
 * mapped when the entry is made, for the direction that the process's mapping allows,
 * and unmapped when the entry is cleared. Where DMA cannot reach system pages in place,
 * no entry has one. An entry has no reference to its page; the notifier's invalidation
 * clears the entry before the page is freed.
 *
 * A leaf is in the table as long as it has entries; a writer frees an empty leaf before
 * it drops the lock. So a process has no more leaves than its mappings justify. Each
 * leaf counts as one of its page tables: as VmPTE in its status, which the OOM killer
 * looks at, and as a secondary page table of the machine and of its memcg.
 *
 * Lifetime: with the mirror. Locks: &vsvm_table.lock, the page-table lock.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/vmstat.h>

#include "vsvm_inject.h"
#include "vsvm_table.h"

/*
 * Two words for each entry: two pages at most, whatever their size. The number of
 * entries in use is in the private word of the first page's struct page.
 */
static_assert(sizeof(struct vsvm_leaf) <= 2 * PAGE_SIZE);
#define LEAF_ORDER	get_order(sizeof(struct vsvm_leaf))
#define LEAF_GFP	(GFP_KERNEL_ACCOUNT | __GFP_ZERO)

/**
 * vsvm_table_init() - set up an empty table
 * @t: the table
 * @dma: the device that system pages are mapped for; NULL: they have no DMA addresses
 * @inject: failpoints of the device that the table belongs to
 */
void vsvm_table_init(struct vsvm_table *t, struct device *dma,
		     struct vsvm_inject *inject)
{
	init_rwsem(&t->lock);
	atomic_set(&t->wanted, 0);
	/* Without the flag, most xarray nodes would be charged to no memcg. */
	xa_init_flags(&t->leaves, XA_FLAGS_ACCOUNT);
	t->dma = dma;
	t->inject = inject;
}

static void leaf_count(struct vsvm_table *t, struct vsvm_leaf *leaf, int sign)
{
	atomic_long_add(sign * (long)sizeof(*leaf), &t->mm->pgtables_bytes);
	mod_lruvec_page_state(virt_to_page(leaf), NR_SECONDARY_PAGETABLE,
			      sign * (1 << LEAF_ORDER));
}

/* Frees the leaf number @index if it has no entry left. */
static void leaf_trim(struct vsvm_table *t, unsigned long index,
		      struct vsvm_leaf *leaf)
{
	lockdep_assert_held_write(&t->lock);
	if (page_private(virt_to_page(leaf)))
		return;
	xa_erase(&t->leaves, index);
	leaf_count(t, leaf, -1);
	vsvm_table_free_spare(leaf);
}

/**
 * vsvm_table_prepare() - allocate what an entry needs, before the lock is taken
 * @t: the table, not locked: this allocates
 * @addr: address of the entry
 * @spare: in and out, the caller's spare leaf, or NULL; set if the table has no leaf
 *	for @addr
 *
 * Other threads may undo this before the caller has the lock: see
 * vsvm_table_make_leaf(). If nothing is installed, vsvm_table_unprepare() has to
 * follow.
 *
 * Return: 0 or -ENOMEM.
 */
int vsvm_table_prepare(struct vsvm_table *t, unsigned long addr,
		       struct vsvm_leaf **spare)
{
	unsigned long index = addr >> PMD_SHIFT;

	if (xa_load(&t->leaves, index))
		return 0;

	if (!*spare)
		*spare = VSVM_INJECT(t->inject, LEAF, NULL,
				     (void *)__get_free_pages(LEAF_GFP,
							      LEAF_ORDER));
	if (!*spare)
		return -ENOMEM;
	return VSVM_INJECT(t->inject, LEAF_STORE, -ENOMEM,
			   xa_reserve(&t->leaves, index, GFP_KERNEL_ACCOUNT));
}

/**
 * vsvm_table_unprepare() - undo vsvm_table_prepare(), except for the spare leaf
 * @t: the table, locked or not
 * @addr: the address
 *
 * Also releases the reservation of another thread for the same leaf, which costs that
 * thread at most another try. Does not free a leaf.
 */
void vsvm_table_unprepare(struct vsvm_table *t, unsigned long addr)
{
	xa_release(&t->leaves, addr >> PMD_SHIFT);
}

/**
 * vsvm_table_free_spare() - free a leaf that is in no table
 * @leaf: the empty leaf, or NULL
 */
void vsvm_table_free_spare(struct vsvm_leaf *leaf)
{
	free_pages((unsigned long)leaf, LEAF_ORDER);
}

/**
 * vsvm_table_make_leaf() - get the leaf of an address, adding the spare one if
 * necessary
 * @t: the table, locked for writing, after vsvm_table_prepare()
 * @addr: the address
 * @spare: in and out, the spare leaf, or NULL; set to NULL if it was used
 *
 * The leaf may be empty: vsvm_table_trim() has to follow under the same lock.
 *
 * Return: the leaf; NULL: the preparation is gone, start over. The caller keeps a spare
 * leaf, so that happens for lack of a leaf only once. It also happens if other threads
 * released the slot in the xarray and the kernel has no memory for it at this moment.
 */
struct vsvm_leaf *vsvm_table_make_leaf(struct vsvm_table *t, unsigned long addr,
				       struct vsvm_leaf **spare)
{
	struct vsvm_leaf *leaf = vsvm_table_leaf(t, addr);

	lockdep_assert_held_write(&t->lock);
	if (leaf)
		return leaf;
	leaf = *spare;
	if (!leaf || xa_err(xa_store(&t->leaves, addr >> PMD_SHIFT, leaf,
				     GFP_NOWAIT)))
		return NULL;
	*spare = NULL;
	leaf_count(t, leaf, 1);
	return leaf;
}

/**
 * vsvm_table_trim() - free a leaf if it is empty
 * @t: the table, locked for writing
 * @leaf: a leaf of the table
 * @addr: any address of the leaf
 */
void vsvm_table_trim(struct vsvm_table *t, struct vsvm_leaf *leaf,
		     unsigned long addr)
{
	leaf_trim(t, addr >> PMD_SHIFT, leaf);
}

/*
 * CPU and device use the page at the same time, as with any user of hmm. So the mapping
 * must be of the page itself, not of a bounce buffer. Other devices may have mapped the
 * page, too.
 */
#define MAPPING_ATTRS	DMA_ATTR_REQUIRE_COHERENT

/**
 * vsvm_table_can_map() - check whether DMA of a device reaches system pages in place
 * @dma: the device
 *
 * Where DMA needs bounce buffers (guests with encrypted memory, swiotlb=force) or is
 * not cache coherent, no page can be mapped.
 *
 * Return: 1: it does, and later a page that cannot be mapped is an error; 0: it does
 * not; -ENOMEM.
 */
int vsvm_table_can_map(struct device *dma)
{
	struct page *page = alloc_page(GFP_KERNEL);
	dma_addr_t addr;
	int ret;

	if (!page)
		return -ENOMEM;
	addr = dma_map_page_attrs(dma, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL,
				  MAPPING_ATTRS);
	ret = !dma_mapping_error(dma, addr);
	if (ret)
		dma_unmap_page_attrs(dma, addr, PAGE_SIZE, DMA_BIDIRECTIONAL,
				     MAPPING_ATTRS);
	__free_page(page);
	return ret;
}

/* Device pages need no DMA address: they are on this device, or on a peer. */
static bool wants_dma(const struct vsvm_table *t, u64 entry)
{
	u32 place = vsvm_entry_place(entry);

	if (!t->dma)
		return false;
	return place == DRM_VSVM_PLACE_SYSTEM || place == DRM_VSVM_PLACE_ZERO;
}

static enum dma_data_direction direction(u64 entry)
{
	return entry & DRM_VSVM_STATE_WRITE ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

static bool clear(struct vsvm_table *t, struct vsvm_leaf *leaf, unsigned long i)
{
	u64 entry = leaf->entry[i];

	if (!entry)
		return false;
	if (entry & VSVM_ENTRY_DMA)
		dma_unmap_page_attrs(t->dma, leaf->dma[i], PAGE_SIZE,
				     direction(entry), MAPPING_ATTRS);
	leaf->entry[i] = 0;
	virt_to_page(leaf)->private--;
	t->count[vsvm_entry_place(entry)]--;
	return true;
}

/**
 * vsvm_table_install() - set an entry
 * @t: the table, locked for writing
 * @leaf: the leaf of @addr
 * @addr: address of the page
 * @entry: the entry, without VSVM_ENTRY_DMA
 *
 * Return: 1: the entry is new; 0: it was set already; -ENOMEM: the page cannot be
 * mapped for DMA.
 */
int vsvm_table_install(struct vsvm_table *t, struct vsvm_leaf *leaf,
		       unsigned long addr, u64 entry)
{
	unsigned long i = vsvm_leaf_index(addr);

	lockdep_assert_held_write(&t->lock);
	if ((leaf->entry[i] & ~VSVM_ENTRY_DMA) == entry)
		return 0;

	clear(t, leaf, i);
	if (wants_dma(t, entry)) {
		leaf->dma[i] =
			VSVM_INJECT(t->inject, DMA, DMA_MAPPING_ERROR,
				    dma_map_page_attrs(t->dma,
						       vsvm_entry_page(entry),
						       0, PAGE_SIZE,
						       direction(entry),
						       MAPPING_ATTRS));
		if (dma_mapping_error(t->dma, leaf->dma[i]))
			return -ENOMEM;
		entry |= VSVM_ENTRY_DMA;
	}
	leaf->entry[i] = entry;
	virt_to_page(leaf)->private++;
	t->count[vsvm_entry_place(entry)]++;
	return 1;
}

/* Notes an invalidation of the leaves from number @first to @last. */
static void note_seq(struct vsvm_table *t, unsigned long first,
		     unsigned long last, unsigned long seq)
{
	unsigned long i, n = min(last - first + 1, VSVM_TABLE_SEQS);

	for (i = 0; i < n; i++)
		t->seq[(first + i) % VSVM_TABLE_SEQS] = seq;
}

/**
 * vsvm_table_zap() - clear the entries of a range
 * @t: the table, locked for writing
 * @start: first address
 * @last: last address, inclusive
 * @seq: number of the invalidation, noted for vsvm_table_seq()
 *
 * Return: number of entries cleared.
 */
unsigned long vsvm_table_zap(struct vsvm_table *t, unsigned long start,
			     unsigned long last, unsigned long seq)
{
	struct vsvm_leaf *leaf;
	unsigned long index, n = 0;

	lockdep_assert_held_write(&t->lock);
	note_seq(t, start >> PMD_SHIFT, last >> PMD_SHIFT, seq);
	xa_for_each_range(&t->leaves, index, leaf, start >> PMD_SHIFT,
			  last >> PMD_SHIFT) {
		unsigned long base = index << PMD_SHIFT;
		unsigned long from = max(base, start);
		unsigned long to = min(base + PMD_SIZE - 1, last);
		unsigned long i;

		for (i = vsvm_leaf_index(from); i <= vsvm_leaf_index(to); i++)
			n += clear(t, leaf, i);
		leaf_trim(t, index, leaf);
	}
	return n;
}
