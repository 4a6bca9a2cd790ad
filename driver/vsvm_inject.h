/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_INJECT_H
#define VSVM_INJECT_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <drm/vsvm_drm.h>

struct mm_struct;

/**
 * struct vsvm_inject_total - what came of a point since the module was loaded
 * @passed: passes while it was armed
 * @fired: passes that failed
 * @held: passes that were held
 */
struct vsvm_inject_total {
	u64 passed;
	u64 fired;
	u64 held;
};

/**
 * struct vsvm_inject_point - one place that can be made to fail, or to hold
 * @nth: first pass that fails or is held, 0: not armed
 * @times: how many passes fail or are held
 * @passed: passes since it was armed
 * @fired: passes that failed or were held
 * @mm: only passes in this mm count; NULL: all. Only compared
 * @owner: the open file that armed it. Only compared
 * @timeout: for how long to hold, in jiffies; 0: fail instead
 * @holding: how many are held now
 * @release: changes when those who are held may go on
 * @total: since the module was loaded
 */
struct vsvm_inject_point {
	u64 nth;
	u64 times;
	u64 passed;
	u64 fired;
	struct mm_struct *mm;
	const void *owner;
	unsigned long timeout;
	unsigned int holding;
	unsigned int release;
	struct vsvm_inject_total total;
};

/**
 * struct vsvm_inject - the places of one device
 * @lock: protects all of it; a leaf
 * @gone: the device is being unplugged, or not there: nobody is held
 * @wait: who is held, and who waits for somebody to be held
 * @points: the points
 */
struct vsvm_inject {
	spinlock_t lock; /* gone, points */
	bool gone;
	wait_queue_head_t wait;
	struct vsvm_inject_point points[DRM_VSVM_POINTS];
};

/* How many points of all devices are armed; read without a lock. */
extern atomic_t vsvm_inject_armed;

int vsvm_inject_init(unsigned int devices);
void vsvm_inject_exit(void);
struct vsvm_inject *vsvm_inject_of(unsigned int device);
void vsvm_inject_plug(struct vsvm_inject *inject);
void vsvm_inject_unplug(struct vsvm_inject *inject);
int vsvm_inject_control(struct vsvm_inject *inject,
			struct drm_vsvm_inject *arg, const void *owner,
			struct mm_struct *mm);
void vsvm_inject_forget(struct vsvm_inject *inject, const void *owner);
bool vsvm_inject_pass(struct vsvm_inject *inject, enum drm_vsvm_point point);
unsigned int vsvm_inject_can(enum drm_vsvm_point point);
const char *vsvm_inject_name(enum drm_vsvm_point point);

/*
 * True if the caller, which is at @point, shall fail now. Where the point can
 * hold, it may sleep.
 */
static inline bool vsvm_inject_fails(struct vsvm_inject *inject,
				     enum drm_vsvm_point point)
{
	return unlikely(atomic_read(&vsvm_inject_armed)) &&
	       vsvm_inject_pass(inject, point);
}

/* The caller is at @point, which can only hold. */
static inline void vsvm_inject_stop(struct vsvm_inject *inject,
				    enum drm_vsvm_point point)
{
	might_sleep();
	vsvm_inject_fails(inject, point);
}

#endif /* VSVM_INJECT_H */
