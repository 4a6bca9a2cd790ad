// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on purpose: named points that fail at a counted pass.
 *
 * Lifetime: with the device's memory. Locks: &vsvm_inject.lock, a leaf.
 */
#include <linux/sched.h>
#include <linux/string.h>

#include "vsvm_inject.h"

/**
 * vsvm_inject_init() - nothing is armed
 * @inject: the device's points
 */
void vsvm_inject_init(struct vsvm_inject *inject)
{
	memset(inject, 0, sizeof(*inject));
	spin_lock_init(&inject->lock);
}

/**
 * vsvm_inject_pass() - count a pass of a point while something is armed
 * @inject: the device's points
 * @point: where the caller is
 *
 * Return: true if this pass is to fail.
 */
bool vsvm_inject_pass(struct vsvm_inject *inject, enum drm_vsvm_point point)
{
	struct vsvm_inject_point *p = &inject->points[point];
	unsigned long flags;
	bool fails = false;

	spin_lock_irqsave(&inject->lock, flags);
	if (p->nth && (!p->mm || p->mm == current->mm)) {
		p->passed++;
		fails = p->passed >= p->nth && p->passed - p->nth < p->times;
		p->fired += fails;
	}
	spin_unlock_irqrestore(&inject->lock, flags);
	return fails;
}

/**
 * vsvm_inject_control() - DRM_IOCTL_VSVM_INJECT
 * @inject: the device's points
 * @arg: what to do, checked; passed and fired are set
 * @mm: the file's mm
 */
void vsvm_inject_control(struct vsvm_inject *inject,
			 struct drm_vsvm_inject *arg, struct mm_struct *mm)
{
	struct vsvm_inject_point *p = &inject->points[arg->point];
	unsigned long flags;

	spin_lock_irqsave(&inject->lock, flags);
	if (arg->op != DRM_VSVM_INJECT_QUERY)
		memset(p, 0, sizeof(*p));
	if (arg->op == DRM_VSVM_INJECT_ARM) {
		p->nth = arg->nth;
		p->times = arg->times;
		p->mm = arg->flags & DRM_VSVM_INJECT_FILE ? mm : NULL;
	}
	__assign_bit(arg->point, &inject->armed, p->nth);
	arg->passed = p->passed;
	arg->fired = p->fired;
	spin_unlock_irqrestore(&inject->lock, flags);
}

/**
 * vsvm_inject_forget() - disarm what was armed for one mm: its file is closed
 * @inject: the device's points
 * @mm: the mm
 */
void vsvm_inject_forget(struct vsvm_inject *inject, struct mm_struct *mm)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&inject->lock, flags);
	for (i = 0; i < DRM_VSVM_POINTS; i++) {
		if (inject->points[i].mm != mm)
			continue;
		memset(&inject->points[i], 0, sizeof(inject->points[i]));
		__clear_bit(i, &inject->armed);
	}
	spin_unlock_irqrestore(&inject->lock, flags);
}
