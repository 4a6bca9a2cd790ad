/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_SPAN_H
#define VSVM_SPAN_H

#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_table.h"
#include "vsvm_types.h"

struct vsvm_context;
struct vsvm_mirror;
struct vsvm_span;

static inline bool vsvm_entry_on_device(u64 entry)
{
	u32 place = vsvm_entry_place(entry);

	return place == DRM_VSVM_PLACE_DEVICE || place == DRM_VSVM_PLACE_PEER;
}

static inline bool vsvm_entry_is_private(u64 entry)
{
	return vsvm_entry_on_device(entry) && !(entry & DRM_VSVM_STATE_COHERENT);
}

/* The CPU cannot access private device memory, so a writable entry is exclusive. */
static inline bool vsvm_entry_is_alone(u64 entry)
{
	if (entry & VSVM_ENTRY_EXCLUSIVE)
		return true;
	if (entry & VSVM_ENTRY_NO_ATOMICS)
		return false;
	return entry & DRM_VSVM_STATE_WRITE && vsvm_entry_is_private(entry);
}

static inline bool vsvm_entry_serves(u64 entry, enum vsvm_need need)
{
	switch (need) {
	case VSVM_NEED_EXCLUSIVE:
		return vsvm_entry_is_alone(entry);
	case VSVM_NEED_WRITE:
		return entry & DRM_VSVM_STATE_WRITE;
	default:
		return entry & DRM_VSVM_STATE_READ;
	}
}

bool vsvm_span_valid(struct vsvm_mirror *m, const struct vsvm_leaf *leaf,
		     unsigned long addr, unsigned long end,
		     enum vsvm_need need, struct vsvm_span *span);
bool vsvm_span_beside(const struct vsvm_context *ctx, unsigned long addr,
		      unsigned long end, enum vsvm_need need,
		      struct vsvm_span *span);

#endif /* VSVM_SPAN_H */
