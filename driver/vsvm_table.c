// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device page table of one mm: leaves of 512 entries, found by
 * address >> PMD_SHIFT. An entry is the state of a page as user space sees it
 * (drm/vsvm_drm.h), the number of the device that has it, and the pfn where its
 * bytes are.
 *
 * System pages in the table carry a DMA address, as they would for a device
 * with an IOMMU in front: mapped when the entry is made, for the direction that
 * the process's mapping allows and no more, and unmapped when the entry dies.
 * The page itself is not referenced; the notifier's invalidation ends the
 * mapping before the page can go away.
 *
 * Lifetime: with the mirror. Locks: &vsvm_table.lock, the page-table lock.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "vsvm_inject.h"
#include "vsvm_table.h"

/**
 * vsvm_table_init() - an empty table
 * @t: the table
 * @dma: the device that system pages are mapped for
 * @inject: the points of the device whose table this is
 */
void vsvm_table_init(struct vsvm_table *t, struct device *dma,
		     struct vsvm_inject *inject)
{
	init_rwsem(&t->lock);
	xa_init(&t->leaves);
	t->dma = dma;
	t->inject = inject;
}

/**
 * vsvm_table_prepare() - see that there is a leaf for an address
 * @t: the table, not locked: it allocates
 * @addr: the address
 *
 * An invalidation may take the leaf away again before the caller has the lock.
 *
 * Return: 0 or -ENOMEM.
 */
int vsvm_table_prepare(struct vsvm_table *t, unsigned long addr)
{
	unsigned long index = addr >> PMD_SHIFT;
	struct vsvm_leaf *leaf;
	int ret;

	if (xa_load(&t->leaves, index))
		return 0;

	leaf = VSVM_INJECT(t->inject, LEAF, NULL,
			   kzalloc_obj(*leaf, GFP_KERNEL_ACCOUNT));
	if (!leaf)
		return -ENOMEM;
	ret = VSVM_INJECT(t->inject, LEAF_STORE, -ENOMEM,
			  xa_insert(&t->leaves, index, leaf,
				    GFP_KERNEL_ACCOUNT));
	if (ret)
		kfree(leaf);
	return ret == -EBUSY ? 0 : ret;
}

/*
 * As for any user of hmm: CPU and device have the page at the same time, so the
 * mapping is of the page itself, not of a bounce buffer, and others may have
 * mapped it too.
 */
#define MAPPING_ATTRS	DMA_ATTR_REQUIRE_COHERENT

/* Device pages are reached without DMA: they are the device's, or a peer's. */
static bool wants_dma(u64 entry)
{
	u32 place = vsvm_entry_place(entry);

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
	t->count[vsvm_entry_place(entry)]--;
	return true;
}

/**
 * vsvm_table_install() - set an entry
 * @t: the table, locked for writing
 * @leaf: the leaf of @addr
 * @addr: the page's address
 * @entry: what it shall be, without VSVM_ENTRY_DMA
 *
 * Return: 1: it is new; 0: it was so already; -ENOMEM: the page cannot be
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
	if (wants_dma(entry)) {
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
	t->count[vsvm_entry_place(entry)]++;
	return 1;
}

/**
 * vsvm_table_zap() - clear the entries of a range
 * @t: the table, locked for writing
 * @start: first address
 * @last: last address, inclusive
 * @seq: the invalidation's, noted in the leaves that stay
 * @unmap: nothing will be there any more: free the leaves it covers
 *
 * Return: how many entries there were.
 */
unsigned long vsvm_table_zap(struct vsvm_table *t, unsigned long start,
			     unsigned long last, unsigned long seq, bool unmap)
{
	struct vsvm_leaf *leaf;
	unsigned long index, n = 0;

	lockdep_assert_held_write(&t->lock);
	xa_for_each_range(&t->leaves, index, leaf, start >> PMD_SHIFT,
			  last >> PMD_SHIFT) {
		unsigned long base = index << PMD_SHIFT;
		unsigned long from = max(base, start);
		unsigned long to = min(base + PMD_SIZE - 1, last);
		unsigned long i;

		for (i = vsvm_leaf_index(from); i <= vsvm_leaf_index(to); i++)
			n += clear(t, leaf, i);
		leaf->seq = seq;
		if (unmap && from == base && to == base + PMD_SIZE - 1) {
			xa_erase(&t->leaves, index);
			kfree(leaf);
		}
	}
	return n;
}
