/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_WALK_H
#define VSVM_WALK_H

#include <linux/types.h>

#include "vsvm_types.h"

struct page;
struct vsvm_mirror;

/**
 * struct vsvm_span - neighbouring bytes in one state
 * @addr: address of the first byte
 * @len: bytes
 * @state: DRM_VSVM_PLACE_*, DRM_VSVM_STATE_* (see drm/vsvm_drm.h)
 * @device: number of the vsvm device that has the pages, or 0
 * @page: the page with the first byte; the backing page where the page is on
 *	a device. All the span's pages are
 *	neighbours in memory. NULL where there is no page to read
 */
struct vsvm_span {
	unsigned long addr;
	unsigned long len;
	u32 state;
	u32 device;
	struct page *page;
};

/**
 * struct vsvm_visitor - what to do with the pages of a walk
 * @visit: called with a span, in address order; under the page-table lock
 *	where the span has a page. Returns the bytes it is done with, or an
 *	errno; fewer bytes than the span's: @relax is called without the lock,
 *	and the walk goes on from there
 * @pages: a walk that only looks: each span has its page, and its pages are
 *	neighbours in memory; false: a span is one state, and has no page
 * @relax: makes it possible for @visit to go on; may sleep and fault. Returns 0
 *	or an errno that ends the walk
 */
struct vsvm_visitor {
	long (*visit)(struct vsvm_visitor *v, const struct vsvm_span *span);
	int (*relax)(struct vsvm_visitor *v);
	bool pages;
};

int vsvm_walk(struct vsvm_mirror *m, unsigned long start, unsigned long end,
	      enum vsvm_need need, struct vsvm_visitor *v, unsigned long *next,
	      u64 *faults);

#endif /* VSVM_WALK_H */
