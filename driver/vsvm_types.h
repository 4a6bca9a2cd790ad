/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_TYPES_H
#define VSVM_TYPES_H

#include <drm/vsvm_drm.h>

/* &enum drm_vsvm_cause, with the driver's names; the list is in drm/vsvm_drm_events.h. */
enum vsvm_cause {
#define VSVM_CAUSE_ENUM(cause, word) VSVM_CAUSE_##cause = DRM_VSVM_CAUSE_##cause,
	DRM_VSVM_CAUSE_WORDS(VSVM_CAUSE_ENUM, VSVM_CAUSE_ENUM)
#undef VSVM_CAUSE_ENUM
};

/**
 * enum vsvm_need - what a walk needs of each page
 * @VSVM_NEED_NONE: look only: nothing is faulted in or installed
 * @VSVM_NEED_TABLE: the same, and report entries of the device page table
 * @VSVM_NEED_READ: the page is present
 * @VSVM_NEED_WRITE: the page is writable, with copy-on-write broken
 * @VSVM_NEED_EXCLUSIVE: the page is writable, and the CPU cannot access it
 */
enum vsvm_need {
	VSVM_NEED_NONE,
	VSVM_NEED_TABLE,
	VSVM_NEED_READ,
	VSVM_NEED_WRITE,
	VSVM_NEED_EXCLUSIVE,
};

#endif /* VSVM_TYPES_H */
