// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of a file: slots, sequence numbers, state, and the wait for a user fence. What
 * is done for them is in vsvm_job.c.
 *
 * Lifetime: a queue until it is destroyed or the file is closed; for the fault worker
 * until it is done with it.
 *
 * Locks: &vsvm_queues.lock around making and destroying; &vsvm_queue.submit around
 * filling slots; &vsvm_engines.lock for the numbers. No fence is waited for with any of
 * them.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "vsvm_fence.h"
#include "vsvm_helper.h"
#include "vsvm_inject.h"
#include "vsvm_job.h"
#include "vsvm_queue.h"
#include "vsvm_trace.h"
#include "vsvm_vm.h"

/* How long close waits for threads of the file whose waits it has ended. */
#define PATIENCE	HZ

/**
 * vsvm_queue_init() - set up the queues of a file, of which there are none
 * @set: the queues
 * @vm: the file's address space
 * @engines: the engines of its device
 */
void vsvm_queue_init(struct vsvm_queues *set, struct vsvm_vm *vm,
		     struct vsvm_engines *engines)
{
	set->vm = vm;
	set->engines = engines;
	xa_init_flags(&set->table, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&set->lock);
	init_waitqueue_head(&set->lost);
	vsvm_worker_init(&set->worker, &vsvm_job_worker_ops, engines);
	vsvm_helper_init(&set->helpers, vm, engines);
}

/**
 * vsvm_queue_exit() - undo vsvm_queue_init()
 * @set: the queues, closed
 */
void vsvm_queue_exit(struct vsvm_queues *set)
{
	xa_destroy(&set->table);
	mutex_destroy(&set->lock);
}

static void queue_free(struct kref *refs)
{
	struct vsvm_queue *q = container_of(refs, struct vsvm_queue, refs);
	u64 i;

	for (i = q->tail; i < q->head; i++)
		vsvm_job_forget(q, vsvm_queue_slot_at(q, i));
	mutex_destroy(&q->submit);
	kvfree(q->slots);
	kfree(q);
}

/**
 * vsvm_queue_put() - drop a reference
 * @q: the queue
 */
void vsvm_queue_put(struct vsvm_queue *q)
{
	kref_put(&q->refs, queue_free);
}

/**
 * vsvm_queue_get() - find a queue
 * @set: the queues of the file
 * @id: its number
 *
 * Return: the queue, with a reference; NULL: there is none.
 */
struct vsvm_queue *vsvm_queue_get(struct vsvm_queues *set, u32 id)
{
	struct vsvm_queue *q;

	xa_lock(&set->table);
	q = xa_load(&set->table, id);
	if (q)
		kref_get(&q->refs);
	xa_unlock(&set->table);
	return q;
}

static struct vsvm_queue *queue_alloc(struct vsvm_queues *set,
				      const struct drm_vsvm_queue_create *arg)
{
	struct vsvm_queue *q = kzalloc_obj(*q, GFP_KERNEL_ACCOUNT);

	if (!q)
		return NULL;
	q->slots = VSVM_INJECT(vsvm_vm_inject(set->vm), QUEUE, NULL,
			       kvcalloc(arg->slots + 1, sizeof(*q->slots),
					GFP_KERNEL_ACCOUNT));
	if (!q->slots) {
		kfree(q);
		return NULL;
	}
	kref_init(&q->refs);
	mutex_init(&q->submit);
	q->set = set;
	q->turn.ops = &vsvm_job_turn_ops;
	q->turn.key = set->vm->mm;
	q->priority = arg->priority;
	q->nr_slots = arg->slots;
	q->progress.rv = &q->rv;
	return q;
}

/* The first queue of a file starts its fault worker, which keeps the vm. */
static int start_worker(struct vsvm_queues *set)
{
	int ret;

	lockdep_assert_held(&set->lock);
	if (set->worker.task)
		return 0;
	ret = vsvm_mirror_works(&set->vm->mirror);
	if (ret)
		return ret;
	vsvm_vm_get(set->vm);
	ret = VSVM_INJECT(vsvm_vm_inject(set->vm), WORKER, -ENOMEM,
			  vsvm_worker_start(&set->worker,
					    set->vm->mirror.device));
	if (ret)
		/* Never the last one: the file is open. */
		vsvm_job_worker_ops.exit(&set->worker);
	return ret;
}

/**
 * vsvm_queue_helps() - have threads ready that share large commands
 * @set: the queues of the file, which is open
 *
 * Takes &vsvm_queues.lock. It is no error if there are none.
 */
void vsvm_queue_helps(struct vsvm_queues *set)
{
	if (READ_ONCE(set->helpers.nr) + 1 >= set->engines->nr)
		return;
	if (mutex_lock_killable(&set->lock))
		return;
	/* Pairs with vsvm_queue_unplug(). */
	if (!READ_ONCE(set->engines->gone))
		vsvm_helper_start(&set->helpers);
	mutex_unlock(&set->lock);
}

static int queue_add(struct vsvm_queues *set, struct vsvm_queue *q, u32 *id)
{
	int ret;

	lockdep_assert_held(&set->lock);
	/* Pairs with vsvm_queue_unplug(), which takes the lock after it is set. */
	if (READ_ONCE(set->engines->gone))
		return -ENODEV;
	if (set->nr == DRM_VSVM_MAX_QUEUES)
		return -ENOSPC;
	ret = start_worker(set) ?:
	      xa_alloc(&set->table, &q->id, q, XA_LIMIT(1, INT_MAX),
		       GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	set->nr++;
	/* Once the lock is dropped another thread may destroy the queue. */
	*id = q->id;
	return 0;
}

/**
 * vsvm_queue_create() - make a queue
 * @set: the queues of the file
 * @arg: what it is to be, checked; queue is set
 *
 * Return: 0 or an errno of &struct drm_vsvm_queue_create.
 */
int vsvm_queue_create(struct vsvm_queues *set,
		      struct drm_vsvm_queue_create *arg)
{
	struct vsvm_queue *q = queue_alloc(set, arg);
	int ret = -EINTR;

	if (!q)
		return -ENOMEM;
	if (!mutex_lock_killable(&set->lock)) {
		ret = queue_add(set, q, &arg->queue);
		mutex_unlock(&set->lock);
	}
	if (ret)
		vsvm_queue_put(q);
	return ret;
}

/* Ends what threads of the file wait for. */
static void interrupt(struct vsvm_queues *set)
{
	vsvm_worker_interrupt(&set->worker);
	vsvm_helper_interrupt(&set->helpers);
}

/* Ends the work for a queue that the table has no longer. */
static void retire(struct vsvm_queues *set, struct vsvm_queue *q)
{
	vsvm_inject_pause(vsvm_vm_inject(set->vm), CANCEL);
	if (vsvm_engine_cancel(set->engines, &q->turn))
		vsvm_queue_put(q);	/* never the last: the caller has one */
	interrupt(set);
	spin_lock(&set->engines->lock);
	if (q->error)
		/* Pairs with vsvm_queue_is_lost(). */
		WRITE_ONCE(set->nr_lost, set->nr_lost - 1);
	spin_unlock(&set->engines->lock);
	wake_up_all(vsvm_fence_waiters(set->vm->mm));
}

/**
 * vsvm_queue_destroy() - destroy a queue
 * @set: the queues of the file
 * @id: its number
 *
 * Waits until no engine works for it, which is a slice at most, and until the fault
 * worker does not.
 *
 * Return: 0, -ENOENT or -EINTR: see &struct drm_vsvm_queue_destroy.
 */
int vsvm_queue_destroy(struct vsvm_queues *set, u32 id)
{
	struct vsvm_queue *q;
	int ret;

	/* The array has an entry of its own there. */
	if (!id)
		return -ENOENT;
	if (mutex_lock_killable(&set->lock))
		return -EINTR;
	q = xa_erase(&set->table, id);
	set->nr -= !!q;
	mutex_unlock(&set->lock);
	if (!q)
		return -ENOENT;
	retire(set, q);
	ret = vsvm_engine_wait(set->engines, &q->turn);
	vsvm_queue_put(q);
	return ret;
}

/**
 * vsvm_queue_submit_begin() - reserve slots
 * @q: the queue
 * @n: how many
 *
 * Return: 0: vsvm_queue_submit_end() or vsvm_queue_submit_drop() has to follow;
 * -EINTR, -EINVAL, -EAGAIN or -ECANCELED of &struct drm_vsvm_submit.
 */
int vsvm_queue_submit_begin(struct vsvm_queue *q, u32 n)
{
	int ret = 0;

	if (n > q->nr_slots)
		return -EINVAL;
	if (mutex_lock_killable(&q->submit))
		return -EINTR;
	spin_lock(&q->set->engines->lock);
	if (q->error)
		ret = -ECANCELED;
	else if (q->nr_slots - (q->head - q->tail - q->signals) < n)
		ret = -EAGAIN;
	spin_unlock(&q->set->engines->lock);
	if (ret)
		mutex_unlock(&q->submit);
	return ret;
}

/**
 * vsvm_queue_slot() - get a reserved slot
 * @q: the queue, after vsvm_queue_submit_begin()
 * @i: which one, from 0
 *
 * Return: the slot. It may have what an earlier command left.
 */
struct vsvm_slot *vsvm_queue_slot(struct vsvm_queue *q, u32 i)
{
	lockdep_assert_held(&q->submit);
	return vsvm_queue_slot_at(q, q->head + i);
}

/**
 * vsvm_queue_submit_drop() - give reserved slots back
 * @q: the queue
 * @n: number of slots that were filled, from the first one on
 */
void vsvm_queue_submit_drop(struct vsvm_queue *q, u32 n)
{
	while (n--)
		vsvm_job_forget(q, vsvm_queue_slot(q, n));
	mutex_unlock(&q->submit);
}

/**
 * vsvm_queue_submit_end() - have the commands in reserved slots done
 * @q: the queue
 * @n: how many
 * @seq: out, sequence number of the job
 *
 * Return: 0; -ECANCELED: the queue was lost or destroyed meanwhile.
 */
int vsvm_queue_submit_end(struct vsvm_queue *q, u32 n, u64 *seq)
{
	struct vsvm_engines *e = q->set->engines;
	u32 i;

	for (i = 0; i < n; i++) {
		vsvm_queue_slot(q, i)->seq = q->submitted + 1;
		vsvm_queue_slot(q, i)->last = i == n - 1;
	}
	spin_lock(&e->lock);
	if (q->error || q->turn.cancelled) {
		spin_unlock(&e->lock);
		vsvm_queue_submit_drop(q, n);
		return -ECANCELED;
	}
	q->head += n;
	*seq = ++q->submitted;
	/* Under the lock, so that the job has not begun. */
	trace_vsvm_queue_submit(q, *seq, n);
	vsvm_engine_ready(e, &q->turn);
	spin_unlock(&e->lock);
	mutex_unlock(&q->submit);
	return 0;
}

/* Why a queue will store no more fence, or 0. */
static int end_of(struct vsvm_queue *q)
{
	int ret = 0;

	if (!q)
		return 0;
	spin_lock(&q->set->engines->lock);
	if (q->turn.cancelled)
		ret = -ENOENT;
	else if (q->error)
		ret = -EIO;
	spin_unlock(&q->set->engines->lock);
	return ret;
}

/*
 * Jiffies until @deadline, rounded up; 0: it has passed.
 */
static unsigned long left(s64 deadline)
{
	s64 now = ktime_get_ns();

	if (deadline <= now)
		return 0;
	return min(nsecs_to_jiffies64(deadline - now) + 1,
		   (u64)MAX_SCHEDULE_TIMEOUT - 1);
}

/*
 * Returns 1 if the word does not have the value and nothing else ends the wait. The
 * queue is looked at first: a fence that was stored before its end counts.
 */
static int look(struct vsvm_queues *set, struct vsvm_queue *q,
		const struct drm_vsvm_wait *wait)
{
	u64 __user *at = u64_to_user_ptr(wait->addr);
	int ended = end_of(q);
	u64 word;

	if (get_user(word, at))
		return -EFAULT;
	if (vsvm_command_compare(word, wait->value, wait->mask, wait->op))
		return 0;
	if (READ_ONCE(set->engines->gone)) /* pairs with vsvm_queue_unplug() */
		return -ENODEV;
	return ended ?: 1;
}

/**
 * vsvm_queue_wait() - wait for a user fence
 * @set: the queues of the file
 * @q: the queue whose loss ends the wait, or NULL
 * @wait: the request, checked
 *
 * The wait is interruptible, and holds nothing.
 *
 * Return: 0 or an errno of &struct drm_vsvm_wait.
 */
int vsvm_queue_wait(struct vsvm_queues *set, struct vsvm_queue *q,
		    const struct drm_vsvm_wait *wait)
{
	wait_queue_head_t *waiters = vsvm_fence_waiters(set->vm->mm);
	DEFINE_WAIT_FUNC(entry, woken_wake_function);
	unsigned long timeout;
	int ret;

	add_wait_queue(waiters, &entry);
	for (;;) {
		ret = look(set, q, wait);
		if (ret <= 0)
			break;
		timeout = left(wait->deadline);
		if (!timeout) {
			ret = -ETIME;
			break;
		}
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		wait_woken(&entry, TASK_INTERRUPTIBLE, timeout);
	}
	remove_wait_queue(waiters, &entry);
	return ret;
}

/**
 * vsvm_queue_close() - end the work for a file that is being closed
 * @set: the queues; no call uses them any more
 *
 * Waits for a slice at most, and for the threads of the file: see vsvm_worker_stop().
 */
void vsvm_queue_close(struct vsvm_queues *set)
{
	struct vsvm_queue *q;
	unsigned long id;

	WRITE_ONCE(set->closed, true); /* pairs with job_stops() */
	/* vsvm_queue_unplug() may run at the same time. */
	mutex_lock(&set->lock);
	xa_for_each(&set->table, id, q) {
		xa_erase(&set->table, id);
		retire(set, q);
		vsvm_queue_put(q);
	}
	mutex_unlock(&set->lock);
	vsvm_worker_end(&set->worker);
	vsvm_helper_end(&set->helpers);
	vsvm_helper_stop(&set->helpers, vsvm_worker_stop(&set->worker, PATIENCE));
}

/**
 * vsvm_queue_unplug() - lose all queues: the device is going away
 * @set: the queues; &vsvm_engines.gone is set
 */
void vsvm_queue_unplug(struct vsvm_queues *set)
{
	struct vsvm_queue *q;
	unsigned long id;

	mutex_lock(&set->lock);
	WRITE_ONCE(set->closed, true); /* pairs with job_stops() */
	xa_for_each(&set->table, id, q)
		vsvm_job_lose(q, ENODEV, NULL);
	mutex_unlock(&set->lock);
	interrupt(set);
}
