// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far queues are, for QUEUE_STATUS and for debugfs.
 *
 * Lifetime: that of the queues. Locks: &vsvm_engines.lock for the numbers of one queue;
 * outside of it that of &vsvm_queues.table, which keeps the queues that are in it.
 */
#include <linux/pid.h>
#include <linux/seq_file.h>

#include "vsvm_queue.h"
#include "vsvm_vm.h"

static u32 state_of(const struct vsvm_queue *q)
{
	if (q->error)
		return DRM_VSVM_QUEUE_LOST;
	switch (q->turn.state) {
	case VSVM_TURN_READY:
	case VSVM_TURN_RUNS:
		return DRM_VSVM_QUEUE_READY;
	case VSVM_TURN_FAULTS:
	case VSVM_TURN_SERVED:
		return DRM_VSVM_QUEUE_FAULTING;
	case VSVM_TURN_WAITS:
		return DRM_VSVM_QUEUE_WAITING;
	default:
		return DRM_VSVM_QUEUE_IDLE;
	}
}

/* Returns the number of slots that are taken at the same moment. */
static u64 look_at(struct vsvm_queue *q, struct drm_vsvm_queue_status *status)
{
	u64 used;

	spin_lock(&q->set->engines->lock);
	status->state = state_of(q);
	status->submitted = q->submitted;
	status->done = q->done;
	status->lost = q->lost;
	status->addr = q->addr;
	status->access = q->access;
	status->error = q->error;
	status->busy = q->busy;
	status->faults = q->faults;
	status->prefetched = q->prefetched.bytes;
	status->moved = q->prefetched.moved;
	status->returned = q->returned;
	status->pc = q->pc;
	used = q->head - q->tail - q->signals;
	spin_unlock(&q->set->engines->lock);
	return used;
}

/**
 * vsvm_queue_status() - report how far a queue is
 * @q: the queue
 * @status: out
 */
void vsvm_queue_status(struct vsvm_queue *q,
		       struct drm_vsvm_queue_status *status)
{
	look_at(q, status);
}

/**
 * vsvm_queue_show() - show a line for each queue of a file
 * @set: the queues of the file
 * @m: output
 *
 * Does not sleep, and waits for nobody who waits for an engine or a fault worker. A line is
 * of one moment; times are in nanoseconds.
 */
void vsvm_queue_show(struct vsvm_queues *set, struct seq_file *m)
{
	static const char *const priorities[] = {
		[DRM_VSVM_PRIORITY_LOW] = "low",
		[DRM_VSVM_PRIORITY_NORMAL] = "normal",
		[DRM_VSVM_PRIORITY_HIGH] = "high",
	};
	static const char *const states[] = {
		[DRM_VSVM_QUEUE_IDLE] = "idle",
		[DRM_VSVM_QUEUE_READY] = "ready",
		[DRM_VSVM_QUEUE_FAULTING] = "faulting",
		[DRM_VSVM_QUEUE_WAITING] = "waiting",
		[DRM_VSVM_QUEUE_LOST] = "lost",
	};
	struct drm_vsvm_queue_status s;
	struct vsvm_queue *q;
	unsigned long id;
	u64 used;

	xa_lock(&set->table);
	xa_for_each(&set->table, id, q) {
		used = look_at(q, &s);
		seq_printf(m, "%d %u %s %s %llu %llu %llu %u %llu %llu %u\n",
			   pid_nr(set->vm->owner), q->id,
			   priorities[q->priority], states[s.state],
			   s.submitted, s.done, used, q->nr_slots, s.busy,
			   s.faults, s.error);
	}
	xa_unlock(&set->table);
}
