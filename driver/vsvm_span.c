// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans: neighbouring bytes that entries of the device page table serve.
 *
 * Lifetime: a call. Locks: the caller holds the page-table lock, &vsvm_table.lock.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include <drm/vsvm_drm.h>

#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_policy.h"
#include "vsvm_span.h"
#include "vsvm_table.h"
#include "vsvm_walk.h"

/*
 * End of a span that begins at @addr in @page. A span stays in one large folio:
 * CONFIG_HARDENED_USERCOPY refuses a copy that crosses from one into another, even if
 * they are neighbours in memory.
 */
static unsigned long folio_stop(struct page *page, unsigned long addr,
				unsigned long end)
{
	struct folio *folio = page_folio(page);
	unsigned long left;

	if (!folio_test_large(folio))
		return end;
	left = folio_nr_pages(folio) - folio_page_idx(folio, page);
	return min(end, (addr & PAGE_MASK) + left * PAGE_SIZE);
}

/**
 * vsvm_span_valid() - get the span of valid entries at an address
 * @m: the mirror; its page-table lock is held
 * @leaf: the leaf of @addr
 * @addr: first byte
 * @end: end of the bytes that are wanted, in the same leaf
 * @need: what is needed of each page
 * @span: out, neighbouring bytes from @addr on
 *
 * Return: true; false: the entry of @addr does not serve.
 */
bool vsvm_span_valid(struct vsvm_mirror *m, const struct vsvm_leaf *leaf,
		     unsigned long addr, unsigned long end,
		     enum vsvm_need need, struct vsvm_span *span)
{
	unsigned long i = vsvm_leaf_index(addr), next, stop;
	u64 entry = leaf->entry[i];

	if (!vsvm_entry_serves(entry, need))
		return false;
	if (entry & VSVM_ENTRY_COUNTED) {
		if (!vsvm_policy_counts_on(&m->counts, addr))
			return false;
		end = min(end, round_down(addr, VSVM_POLICY_COUNT_BYTES) +
			       VSVM_POLICY_COUNT_BYTES);
	}

	stop = folio_stop(vsvm_entry_page(entry), addr, end);
	next = (addr & PAGE_MASK) + PAGE_SIZE;
	while (next < stop &&
	       vsvm_entry_follows(leaf->entry[i], leaf->entry[i + 1])) {
		next += PAGE_SIZE;
		i++;
	}
	*span = (struct vsvm_span) {
		.addr = addr,
		.len = min(next, end) - addr,
		.state = vsvm_entry_state(entry),
		.device = vsvm_entry_device(entry),
		.page = vsvm_entry_page(entry),
		.counted = entry & VSVM_ENTRY_COUNTED,
	};
	if (vsvm_entry_on_device(entry))
		vsvm_devmem_touch(span->page);
	return true;
}

/**
 * vsvm_span_beside() - look up a second range in a visit
 * @ctx: for whom; the page-table lock is held
 * @addr: first byte
 * @end: end of the range
 * @need: VSVM_NEED_READ, VSVM_NEED_WRITE or VSVM_NEED_EXCLUSIVE
 * @span: out, neighbouring bytes from @addr on, as a visitor gets them
 *
 * For a visitor that needs two ranges at once: the walk visits one of them. If the page
 * is missing in the other, the visitor stops, and its relax() walks that range.
 *
 * Return: true; false: the device page table has no such page at @addr.
 */
bool vsvm_span_beside(const struct vsvm_context *ctx, unsigned long addr,
		      unsigned long end, enum vsvm_need need,
		      struct vsvm_span *span)
{
	struct vsvm_leaf *leaf = vsvm_table_leaf(&ctx->m->table, addr);

	end = vsvm_leaf_end(addr, end);
	if (!leaf || !vsvm_span_valid(ctx->m, leaf, addr, end, need, span))
		return false;
	if (span->counted)
		vsvm_policy_count(&ctx->m->counts, addr);
	return true;
}
