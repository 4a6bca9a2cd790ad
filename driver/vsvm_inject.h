/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_INJECT_H
#define VSVM_INJECT_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

struct mm_struct;

/**
 * struct vsvm_inject_point - one place that can be made to fail
 * @nth: first pass that fails, 0: not armed
 * @times: how many passes fail
 * @passed: passes since it was armed
 * @fired: passes that failed
 * @mm: only passes in this mm count; NULL: all. Only compared
 */
struct vsvm_inject_point {
	u64 nth;
	u64 times;
	u64 passed;
	u64 fired;
	struct mm_struct *mm;
};

/**
 * struct vsvm_inject - the places of one device
 * @lock: protects all of it; a leaf
 * @armed: bit for each armed point, read without the lock
 * @points: the points
 */
struct vsvm_inject {
	spinlock_t lock; /* armed, points */
	unsigned long armed;
	struct vsvm_inject_point points[DRM_VSVM_POINTS];
};

void vsvm_inject_init(struct vsvm_inject *inject);
void vsvm_inject_control(struct vsvm_inject *inject,
			 struct drm_vsvm_inject *arg, struct mm_struct *mm);
void vsvm_inject_forget(struct vsvm_inject *inject, struct mm_struct *mm);
bool vsvm_inject_pass(struct vsvm_inject *inject, enum drm_vsvm_point point);

/* True if the caller, which is at @point, shall fail now. */
static inline bool vsvm_inject_fails(struct vsvm_inject *inject,
				     enum drm_vsvm_point point)
{
	return READ_ONCE(inject->armed) && vsvm_inject_pass(inject, point);
}

#endif /* VSVM_INJECT_H */
