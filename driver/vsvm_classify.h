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

/* What a walk with this need asks of hmm_range_fault(). */
static inline unsigned long vsvm_classify_request(enum vsvm_need need)
{
	unsigned long flags = 0;

	if (need >= VSVM_NEED_READ)
		flags |= HMM_PFN_REQ_FAULT;
	if (need >= VSVM_NEED_WRITE)
		flags |= HMM_PFN_REQ_WRITE;
	return flags;
}

/* What hmm_range_fault() would say of a page that the process may write, by itself. */
static inline unsigned long vsvm_classify_writable(struct page *page)
{
	return vsvm_pfn_of_host(page) | HMM_PFN_VALID | HMM_PFN_WRITE;
}

/*
 * True for memory that the kernel cannot reach: memfd_secret() takes its pages
 * out of the kernel's own map, before anybody has them mapped and until nobody
 * has. A copy that finds that out by itself is too late, where only its user side
 * may fault (arm64). Such files are unevictable, and their pages are small; few
 * others are both, and of those one byte is tried. The page is mapped, so it
 * stays in its mapping.
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
 * The same for the page at @addr after one that hmm calls @before and that was
 * @entry. Most pages are like the one before, which can be told without much of
 * a look: a system page is one whose pfn is no device's and not the zero page's,
 * and that the kernel reaches; and a device page's successor in its block is
 * behind it in memory too.
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
