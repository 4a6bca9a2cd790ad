// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classification: converts a result of hmm_range_fault() to an entry of the device page
 * table.
 *
 * Lifetime: a call. Locks: the caller holds the page-table lock, &vsvm_table.lock.
 */
#include <linux/hmm.h>
#include <linux/mm.h>

#include <drm/vsvm_drm.h>

#include "vsvm_classify.h"
#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_pfn.h"
#include "vsvm_table.h"

static bool is_huge_zero(struct page *page, unsigned int order)
{
	return order == HPAGE_PMD_ORDER &&
	       vsvm_mirror_huge_zero(page_folio(page));
}

/*
 * If a range begins inside a huge device-private entry, hmm returns pages as if it
 * began at the start of the entry (Linux 7.3, hmm_vma_handle_absent_pmd()). The address
 * gives the right page, on a fixed kernel as well.
 */
static struct page *huge_device_page(struct page *page, unsigned long addr)
{
	return page - vsvm_devmem_offset(page) + vsvm_leaf_index(addr);
}

/* The entry of a device page: its backing page, and the number of its device. */
static u64 classify_device(struct vsvm_mirror *m, struct page *page, u32 state)
{
	struct vsvm_devmem *dm = vsvm_devmem_of(page);

	state |= dm == m->devmem ? DRM_VSVM_PLACE_DEVICE : DRM_VSVM_PLACE_PEER;
	if (vsvm_devmem_coherent(dm))
		state |= DRM_VSVM_STATE_COHERENT;
	return vsvm_entry(state, dm->device,
			  vsvm_pfn_of_host(vsvm_devmem_backing(page)));
}

/**
 * vsvm_classify() - convert one result of hmm_range_fault() to a table entry
 * @m: the mirror; the caller holds its page-table lock and has checked the sequence
 *	under it, so the page is mapped and stays as it is
 * @addr: address of the page
 * @hmm_pfn: the result
 *
 * No other function converts a device page to its backing page for the table, except
 * vsvm_classify_next() by arithmetic.
 *
 * Return: an entry of the device page table.
 */
u64 vsvm_classify(struct vsvm_mirror *m, unsigned long addr,
		  unsigned long hmm_pfn)
{
	unsigned int order;
	struct page *page;
	u32 state;

	lockdep_assert_held(&m->table.lock);
	if (hmm_pfn & HMM_PFN_ERROR)
		return DRM_VSVM_PLACE_ERROR;
	if (!(hmm_pfn & HMM_PFN_VALID))
		return DRM_VSVM_PLACE_ABSENT;

	order = hmm_pfn_to_map_order(hmm_pfn);
	state = DRM_VSVM_STATE_READ | order << DRM_VSVM_STATE_ORDER_SHIFT;
	if (hmm_pfn & HMM_PFN_WRITE)
		state |= DRM_VSVM_STATE_WRITE;
	page = hmm_pfn_to_page(hmm_pfn);
	if (vsvm_pfn_maybe_device(page)) {
		if (order == HPAGE_PMD_ORDER && vsvm_devmem_owns(page))
			page = huge_device_page(page, addr);
		if (vsvm_devmem_owns(page))
			return classify_device(m, page, state);
	}
	if (vsvm_classify_unreachable(page, order))
		return DRM_VSVM_PLACE_ERROR;
	if (is_zero_page(page) || is_huge_zero(page, order))
		state |= DRM_VSVM_PLACE_ZERO;
	else
		state |= DRM_VSVM_PLACE_SYSTEM;
	return vsvm_entry(state, 0, vsvm_pfn_of_host(page));
}
