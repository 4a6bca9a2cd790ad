/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What core mm calls a page by: its pfn, and what migrate_vma makes of that. No other
 * file knows that a device page has a pfn. Elsewhere it is named by its index in its
 * device: 0 is the first page of the first block.
 */
#ifndef VSVM_PFN_H
#define VSVM_PFN_H

#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pfn.h>

/*
 * The first and the last pfn that any device page ever had. They let a caller tell
 * that a page is no device page without a look at it: see vsvm_pfn_maybe_device().
 */
extern unsigned long vsvm_pfn_low;
extern unsigned long vsvm_pfn_high;

void vsvm_pfn_widen(const struct range *range);

/* False for a page that is certainly no device page of vsvm's: most are. */
static inline bool vsvm_pfn_maybe_device(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn >= READ_ONCE(vsvm_pfn_low) &&
	       pfn <= READ_ONCE(vsvm_pfn_high);
}

/* The index of a device page. */
static inline unsigned long vsvm_pfn_index(const struct page *page)
{
	return page_to_pfn(page) - PHYS_PFN(page_pgmap(page)->range.start);
}

/* The device page with an index. */
static inline struct page *vsvm_pfn_page(const struct dev_pagemap *pgmap,
					 unsigned long index)
{
	return pfn_to_page(PHYS_PFN(pgmap->range.start) + index);
}

/* What migrate_device_pfns() takes for the device page with an index. */
static inline unsigned long vsvm_pfn_source(const struct dev_pagemap *pgmap,
					    unsigned long index)
{
	return PHYS_PFN(pgmap->range.start) + index;
}

/* What the migrate_vma and migrate_device functions take for a destination. */
static inline unsigned long vsvm_pfn_destination(struct folio *folio)
{
	return migrate_pfn(folio_pfn(folio)) |
	       (folio_test_large(folio) ? MIGRATE_PFN_COMPOUND : 0);
}

/* A page as an entry of a device page table has it: one the host can reach, or none. */
static inline unsigned long vsvm_pfn_of_host(const struct page *page)
{
	return page_to_pfn(page);
}

/* The same, back; NULL: none. */
static inline struct page *vsvm_pfn_host(unsigned long number)
{
	return number ? pfn_to_page(number) : NULL;
}

#endif /* VSVM_PFN_H */
