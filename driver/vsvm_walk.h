/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_WALK_H
#define VSVM_WALK_H

#include <linux/types.h>

#include "vsvm_types.h"

struct page;
struct vsvm_context;

/**
 * struct vsvm_span - neighbouring bytes in one state
 * @addr: address of the first byte
 * @len: number of bytes
 * @state: DRM_VSVM_PLACE_*, DRM_VSVM_STATE_* (see drm/vsvm_drm.h)
 * @device: number of the vsvm device that the pages are on, or 0
 * @page: page of the first byte, the backing page for a page on a device; all pages of
 *	the span are neighbours in memory. NULL: there is no page to read
 * @counted: accesses in place are counted
 */
struct vsvm_span {
	unsigned long addr;
	unsigned long len;
	u32 state;
	u32 device;
	struct page *page;
	bool counted;
};

/**
 * struct vsvm_visitor - operations on the pages of a walk
 * @visit: called with spans in address order; under the page-table lock if the span has
 *	a page. Returns the number of bytes that are done, or an errno. If that is less
 *	than the span, the walk drops the lock, calls @relax, and goes on from there
 * @stays: memory must not move for this access, nor be counted
 * @pages: for a walk that only looks, true: each span has its page, and its pages are
 *	neighbours in memory; false: a span is one state, and has no page
 * @relax: prepares what @visit lacked; may sleep and fault. Returns 0 or an errno that
 *	ends the walk
 */
struct vsvm_visitor {
	long (*visit)(struct vsvm_visitor *v, const struct vsvm_span *span);
	int (*relax)(struct vsvm_visitor *v);
	bool stays;
	bool pages;
};

/**
 * struct vsvm_placing - what &vsvm_context.place says of a page
 * @stays: in, memory must not move for this access, nor be counted
 * @end: end of the addresses of which it says so
 * @flags: to set in their entries of the device page table, VSVM_ENTRY_*
 */
struct vsvm_placing {
	bool stays;
	unsigned long end;
	u64 flags;
};

int vsvm_walk(const struct vsvm_context *ctx, unsigned long start,
	      unsigned long end, enum vsvm_need need, struct vsvm_visitor *v,
	      unsigned long *next, u64 *faults);

#endif /* VSVM_WALK_H */
