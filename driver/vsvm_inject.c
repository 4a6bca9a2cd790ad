// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failpoints: named steps that fail at a counted pass, or pause their caller until a
 * test resumes it. Built with CONFIG_DRM_VSVM_INJECT only.
 *
 * Lifetime: from module load to module unload, one set for each device that the module
 * can have. So a failpoint can make bind fail, and a caller that is paused in a CPU
 * fault wakes up on valid memory after the device is gone.
 *
 * Locks: &vsvm_inject.lock, a leaf. A paused caller does not hold it but may hold
 * others; vsvm_inject.h lists them per failpoint.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vsvm_inject.h"

/* Most failures of a failpoint during unplug. */
#define UNPLUG_TIMES	64

atomic_t vsvm_inject_armed = ATOMIC_INIT(0);

/* Threads that work for a process now; the lock is a leaf. */
static DEFINE_SPINLOCK(as_lock);
static LIST_HEAD(all_as);

/* Set at module load, and not changed until module unload. */
static struct vsvm_inject *injects;

static const struct {
	const char *name;
	unsigned int can;
} failpoints[VSVM_FAILPOINTS] = {
#define FAILPOINT(id, what, text)					\
	[VSVM_FAILPOINT_##id] = { text, VSVM_CAN_##what },
	VSVM_FAILPOINT_LIST(FAILPOINT)
#undef FAILPOINT
};

/**
 * vsvm_inject_init() - set up failpoints that are not armed
 * @devices: number of devices that the module can have
 *
 * Return: 0 or -ENOMEM.
 */
int vsvm_inject_init(unsigned int devices)
{
	unsigned int i;

	injects = kvzalloc_objs(*injects, devices, GFP_KERNEL);
	if (!injects)
		return -ENOMEM;
	for (i = 0; i < devices; i++) {
		spin_lock_init(&injects[i].lock);
		init_waitqueue_head(&injects[i].wait);
		injects[i].gone = true;
	}
	return 0;
}

/** vsvm_inject_exit() - undo vsvm_inject_init(); no file is open */
void vsvm_inject_exit(void)
{
	kvfree(injects);
}

/**
 * vsvm_inject_of() - get the failpoints of a device
 * @device: its number
 *
 * Return: the failpoints, which live as long as the module.
 */
struct vsvm_inject *vsvm_inject_of(unsigned int device)
{
	return &injects[device];
}

/**
 * vsvm_inject_find() - find the failpoint with a name
 * @arg: argument from user space, with any bytes in its name
 *
 * Return: the failpoint; -EINVAL: none has the name.
 */
int vsvm_inject_find(const struct drm_vsvm_inject *arg)
{
	unsigned int i;

	for (i = 0; i < VSVM_FAILPOINTS; i++)
		if (!strncmp(arg->name, failpoints[i].name, sizeof(arg->name)))
			return i;
	return -EINVAL;
}

/**
 * vsvm_inject_can() - get what a failpoint can be armed for
 * @failpoint: the failpoint
 *
 * Return: VSVM_CAN_FAIL, VSVM_CAN_PAUSE or VSVM_CAN_BOTH.
 */
unsigned int vsvm_inject_can(enum vsvm_failpoint failpoint)
{
	return failpoints[failpoint].can;
}

/**
 * vsvm_inject_name() - get the name of a failpoint
 * @failpoint: the failpoint
 *
 * Return: the name, as in debugfs.
 */
const char *vsvm_inject_name(enum vsvm_failpoint failpoint)
{
	return failpoints[failpoint].name;
}

static void resume(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p)
{
	lockdep_assert_held(&inject->lock);
	WRITE_ONCE(p->resume, p->resume + 1);	/* pairs with may_go() */
	wake_up_all(&inject->wait);
}

static void disarm(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p)
{
	lockdep_assert_held(&inject->lock);
	if (p->nth)
		atomic_dec(&vsvm_inject_armed);
	p->nth = 0;
	p->times = 0;
	p->passed = 0;
	p->fired = 0;
	p->mm = NULL;
	p->owner = NULL;
	p->timeout = 0;
	resume(inject, p);
}

/**
 * vsvm_inject_plug() - allow pauses: the device is about to be registered
 * @inject: its failpoints
 */
void vsvm_inject_plug(struct vsvm_inject *inject)
{
	spin_lock_irq(&inject->lock);
	WRITE_ONCE(inject->gone, false); /* pairs with may_go() and waited() */
	spin_unlock_irq(&inject->lock);
}

/**
 * vsvm_inject_unplug() - keep failpoints from blocking unplug
 * @inject: the device's failpoints
 *
 * Resumes all paused callers, and bounds the number of failures still to come.
 */
void vsvm_inject_unplug(struct vsvm_inject *inject)
{
	struct vsvm_inject_failpoint *p;
	unsigned int i;

	spin_lock_irq(&inject->lock);
	WRITE_ONCE(inject->gone, true);	/* pairs with may_go() and waited() */
	for (i = 0; i < VSVM_FAILPOINTS; i++) {
		p = &inject->failpoints[i];
		p->times = min(p->times, p->fired + UNPLUG_TIMES);
	}
	wake_up_all(&inject->wait);
	spin_unlock_irq(&inject->lock);
}

static bool may_go(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p,
		   unsigned int resume)
{
	/* Pair with resume() and vsvm_inject_unplug(). */
	return READ_ONCE(p->resume) != resume || READ_ONCE(inject->gone);
}

/* Sleeps at a failpoint; the caller has counted itself in p->paused. */
static void pause(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p,
		  unsigned int resume, unsigned long timeout)
{
	wake_up_all(&inject->wait);
	wait_event_killable_timeout(inject->wait, may_go(inject, p, resume),
				    timeout);
	spin_lock_irq(&inject->lock);
	WRITE_ONCE(p->paused, p->paused - 1);	/* pairs with waited() */
	spin_unlock_irq(&inject->lock);
}

/**
 * vsvm_inject_as_begin() - count passes of the current thread for a process
 * @as: valid until vsvm_inject_as_end()
 * @mm: the mm of the process
 */
void vsvm_inject_as_begin(struct vsvm_inject_as *as, struct mm_struct *mm)
{
	INIT_LIST_HEAD(&as->link);
	if (!vsvm_inject_any())
		return;
	as->task = current;
	as->mm = mm;
	spin_lock_irq(&as_lock);
	list_add(&as->link, &all_as);
	spin_unlock_irq(&as_lock);
}

/**
 * vsvm_inject_as_end() - undo vsvm_inject_as_begin()
 * @as: the same as there
 */
void vsvm_inject_as_end(struct vsvm_inject_as *as)
{
	if (list_empty(&as->link))
		return;
	spin_lock_irq(&as_lock);
	list_del(&as->link);
	spin_unlock_irq(&as_lock);
}

/* The mm that the current thread works for. */
static struct mm_struct *working_mm(void)
{
	struct mm_struct *mm = current->mm;
	struct vsvm_inject_as *as;
	unsigned long flags;

	if (mm)
		return mm;
	spin_lock_irqsave(&as_lock, flags);
	list_for_each_entry(as, &all_as, link)
		if (as->task == current)
			mm = as->mm;
	spin_unlock_irqrestore(&as_lock, flags);
	return mm;
}

/**
 * vsvm_inject_pass() - count a pass of a failpoint, and pause if it is armed to
 * @inject: the device's failpoints
 * @failpoint: the one that the caller passes
 *
 * Called only while any failpoint is armed. Sleeps if this pass pauses.
 *
 * Return: true if this pass fails.
 */
bool vsvm_inject_pass(struct vsvm_inject *inject, enum vsvm_failpoint failpoint)
{
	struct vsvm_inject_failpoint *p = &inject->failpoints[failpoint];
	struct mm_struct *mm = working_mm();
	unsigned long flags, timeout = 0;
	unsigned int resume = 0;
	bool fires = false;

	spin_lock_irqsave(&inject->lock, flags);
	if (p->nth && (!p->mm || p->mm == mm)) {
		p->passed++;
		p->total.passed++;
		timeout = p->timeout;
		fires = p->passed >= p->nth && p->passed - p->nth < p->times &&
			!(timeout && inject->gone);
	}
	if (fires) {
		p->fired++;
		if (timeout) {
			p->total.paused++;
			/* Pairs with waited(). */
			WRITE_ONCE(p->paused, p->paused + 1);
			resume = p->resume;
		} else {
			p->total.failed++;
		}
	}
	spin_unlock_irqrestore(&inject->lock, flags);

	if (fires && timeout)
		pause(inject, p, resume, timeout);
	return fires && !timeout;
}

static void arm(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p,
		const struct drm_vsvm_inject *arg, const void *owner,
		struct mm_struct *mm)
{
	lockdep_assert_held(&inject->lock);
	disarm(inject, p);
	atomic_inc(&vsvm_inject_armed);
	p->nth = arg->nth;
	p->times = arg->times;
	p->mm = arg->flags & DRM_VSVM_INJECT_FILE ? mm : NULL;
	p->owner = owner;
	p->timeout = arg->op == DRM_VSVM_INJECT_PAUSE ?
		     msecs_to_jiffies(arg->timeout_ms) : 0;
}

static bool waited(struct vsvm_inject *inject, struct vsvm_inject_failpoint *p)
{
	/* Pair with vsvm_inject_pass(), pause() and vsvm_inject_unplug(). */
	return READ_ONCE(p->paused) || READ_ONCE(inject->gone);
}

static int wait_paused(struct vsvm_inject *inject,
		       struct vsvm_inject_failpoint *p,
		       unsigned int timeout_ms)
{
	long left;

	left = wait_event_interruptible_timeout(inject->wait,
						waited(inject, p),
						msecs_to_jiffies(timeout_ms));
	if (left < 0)
		return -EINTR;
	if (READ_ONCE(inject->gone))	/* pairs with vsvm_inject_unplug() */
		return -ENODEV;
	return left ? 0 : -ETIMEDOUT;
}

/**
 * vsvm_inject_control() - do what DRM_IOCTL_VSVM_INJECT asks
 * @inject: the device's failpoints
 * @failpoint: the failpoint
 * @arg: the request, checked; its outputs are set
 * @owner: the file, as an opaque pointer
 * @mm: the file's mm
 *
 * Return: 0; of WAIT also -EINTR, -ENODEV or -ETIMEDOUT.
 */
int vsvm_inject_control(struct vsvm_inject *inject,
			enum vsvm_failpoint failpoint,
			struct drm_vsvm_inject *arg, const void *owner,
			struct mm_struct *mm)
{
	struct vsvm_inject_failpoint *p = &inject->failpoints[failpoint];
	int ret = 0;

	if (arg->op == DRM_VSVM_INJECT_WAIT)
		ret = wait_paused(inject, p, arg->timeout_ms);

	spin_lock_irq(&inject->lock);
	if (arg->op == DRM_VSVM_INJECT_FAIL || arg->op == DRM_VSVM_INJECT_PAUSE)
		arm(inject, p, arg, owner, mm);
	else if (arg->op == DRM_VSVM_INJECT_CLEAR)
		disarm(inject, p);
	else if (arg->op == DRM_VSVM_INJECT_RESUME)
		resume(inject, p);
	arg->passed = p->passed;
	arg->fired = p->fired;
	arg->paused = p->paused;
	spin_unlock_irq(&inject->lock);
	return ret;
}

/**
 * vsvm_inject_forget() - disarm the failpoints that a closed file armed
 * @inject: the device's failpoints
 * @owner: the file
 */
void vsvm_inject_forget(struct vsvm_inject *inject, const void *owner)
{
	unsigned int i;

	spin_lock_irq(&inject->lock);
	for (i = 0; i < VSVM_FAILPOINTS; i++)
		if (inject->failpoints[i].owner == owner)
			disarm(inject, &inject->failpoints[i]);
	spin_unlock_irq(&inject->lock);
}
