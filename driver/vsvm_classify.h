/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CLASSIFY_H
#define VSVM_CLASSIFY_H

#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include <drm/vsvm_drm.h>

#include "vsvm_devmem.h"
#include "vsvm_pfn.h"
#include "vsvm_table.h"
#include "vsvm_types.h"

struct vsvm_mirror;

u64 vsvm_classify(struct vsvm_mirror *m, unsigned long addr,
		  unsigned long hmm_pfn);

/* Request flags of hmm_range_fault() for a walk with this need. */
static inline unsigned long vsvm_classify_request(enum vsvm_need need)
{
	unsigned long flags = 0;

	if (need >= VSVM_NEED_READ)
		flags |= HMM_PFN_REQ_FAULT;
	if (need >= VSVM_NEED_WRITE)
		flags |= HMM_PFN_REQ_WRITE;
	return flags;
}

/* True if hmm found a page there; it may be none for the device. */
static inline bool vsvm_classify_found(unsigned long hmm_pfn)
{
	return hmm_pfn & HMM_PFN_VALID;
}

/* What hmm_range_fault() would return for a small page that the process may write. */
static inline unsigned long vsvm_classify_writable(struct page *page)
{
	return vsvm_pfn_of_host(page) | HMM_PFN_VALID | HMM_PFN_WRITE;
}

/*
 * True for memory that the kernel cannot access: memfd_secret() removes pages from the
 * kernel's direct map, from before they are mapped until they are freed. A copy that
 * faults on such a page is too late to find out where only its user side may fault
 * (arm64). Files of memfd_secret() are unevictable and have small pages. Few other
 * files have both, and of their pages one byte is read to find out. The page is mapped,
 * so it stays in its mapping.
 */
static inline bool vsvm_classify_unreachable(struct page *page,
					     unsigned int order)
{
	struct folio *folio = page_folio(page);
	char byte;

	return !order && !folio_test_anon(folio) &&
	       mapping_unevictable(folio_mapping(folio)) &&
	       copy_from_kernel_nofault(&byte, page_address(page), 1);
}

/*
 * As vsvm_classify(), for the page at @addr after one with the result @before of hmm
 * and the entry @entry. Most pages are like the one before, which is quick to see. A
 * system page has a pfn of no device, is not the zero page, and is accessible to the
 * kernel. The next device page of a block has the next backing page.
 */
static __always_inline u64 vsvm_classify_next(struct vsvm_mirror *m,
					      unsigned long addr, u64 entry,
					      unsigned long before,
					      unsigned long hmm_pfn)
{
	struct page *page = hmm_pfn_to_page(hmm_pfn);
	u32 place = vsvm_entry_place(entry);

	if (place == DRM_VSVM_PLACE_SYSTEM) {
		if (!((before ^ hmm_pfn) & HMM_PFN_FLAGS) &&
		    !vsvm_pfn_maybe_device(page) && !is_zero_page(page) &&
		    !vsvm_classify_unreachable(page,
					       hmm_pfn_to_map_order(hmm_pfn)))
			return vsvm_entry(vsvm_entry_state(entry), 0,
					  vsvm_pfn_of_host(page));
	} else if (place > DRM_VSVM_PLACE_SYSTEM) {
		if (hmm_pfn == before + 1 &&
		    !vsvm_devmem_is_last(hmm_pfn_to_page(before)))
			return entry + (1ULL << VSVM_ENTRY_PFN_SHIFT);
	}
	return vsvm_classify(m, addr, hmm_pfn);
}

#endif /* VSVM_CLASSIFY_H */
