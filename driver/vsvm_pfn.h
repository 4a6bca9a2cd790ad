/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conversion between core mm's page numbers and the driver's. No other file knows that
 * a device page has a pfn. Elsewhere its name is its index in the device: 0 is the
 * first page of the first block.
 */
#ifndef VSVM_PFN_H
#define VSVM_PFN_H

#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pfn.h>

/*
 * The lowest and the highest pfn that a device page ever had. vsvm_pfn_maybe_device()
 * compares with them instead of reading the struct page.
 */
extern unsigned long vsvm_pfn_low;
extern unsigned long vsvm_pfn_high;

void vsvm_pfn_widen(const struct range *range);

/* False if the page is no device page of vsvm, which is true of most pages. */
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

/* The argument of migrate_device_pfns() for the device page with an index. */
static inline unsigned long vsvm_pfn_source(const struct dev_pagemap *pgmap,
					    unsigned long index)
{
	return PHYS_PFN(pgmap->range.start) + index;
}

/* The destination of migrate_vma and migrate_device functions for a folio. */
static inline unsigned long vsvm_pfn_destination(struct folio *folio)
{
	return migrate_pfn(folio_pfn(folio)) |
	       (folio_test_large(folio) ? MIGRATE_PFN_COMPOUND : 0);
}

/* The number of a host page in an entry of a device page table. */
static inline unsigned long vsvm_pfn_of_host(const struct page *page)
{
	return page_to_pfn(page);
}

/* The host page of such a number; NULL: none. */
static inline struct page *vsvm_pfn_host(unsigned long number)
{
	return number ? pfn_to_page(number) : NULL;
}

#endif /* VSVM_PFN_H */
