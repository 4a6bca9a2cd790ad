// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work for queues: what an engine does in a turn, and what the fault worker of a file
 * does for a queue that lacks a page.
 *
 * Nothing here keeps the memory of a process: each slice, and each time that a queue is
 * served, gets the mm and gives it back. The last reference is never put directly, as
 * exit_mmap() may have to wait for what the caller is in.
 *
 * Lifetime: a slice, or a time that a queue is served.
 *
 * Locks: &vsvm_engines.lock for the numbers of a queue, never at work.
 */
#include <linux/eventfd.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include <drm/vsvm_drm.h>

#include "vsvm_charge.h"
#include "vsvm_context.h"
#include "vsvm_events.h"
#include "vsvm_fence.h"
#include "vsvm_helper.h"
#include "vsvm_inject.h"
#include "vsvm_job.h"
#include "vsvm_place.h"
#include "vsvm_queue.h"
#include "vsvm_trace.h"
#include "vsvm_vm.h"

/* The slice of a queue of normal priority. */
#define SLICE_NS	(2 * NSEC_PER_MSEC)
/* Most turns that are looked at together for neighbours. */
#define MAX_BATCH	16

/**
 * struct job - a context for work of the device
 * @ctx: what the rooms below see
 * @q: the queue; NULL: all queues of the file
 * @set: the queues of the file
 * @as: counts passes of failpoints for the process
 */
struct job {
	struct vsvm_context ctx;
	struct vsvm_queue *q;
	struct vsvm_queues *set;
	struct vsvm_inject_as as;
};

/* &vsvm_context.stop: the file is closed, or the queue destroyed. */
static bool job_stops(const struct vsvm_context *ctx)
{
	const struct job *job = container_of(ctx, struct job, ctx);

	/* Pair with vsvm_queue_close(), _unplug() and vsvm_engine_cancel(). */
	return READ_ONCE(job->set->closed) ||
	       (job->q && READ_ONCE(job->q->turn.cancelled)) ||
	       fatal_signal_pending(current);
}

/* Begins work for the process. Returns false if its memory is gone. */
static bool job_begin(struct job *job, struct vsvm_queues *set,
		      struct vsvm_queue *q, bool hits_only)
{
	*job = (struct job) {
		.ctx.m = &set->vm->mirror,
		.ctx.stop = job_stops,
		.ctx.hits_only = hits_only,
		.ctx.place = vsvm_place,
		.ctx.stays = true,
		.q = q,
		.set = set,
	};
	/* The work itself must not keep the memory, slice after slice. */
	if (!vsvm_vm_lives(set->vm) || !mmget_not_zero(set->vm->mm))
		return false;
	kcov_remote_start_common(set->vm->kcov);
	vsvm_inject_as_begin(&job->as, set->vm->mm);
	return true;
}

static void job_end(struct job *job)
{
	vsvm_inject_as_end(&job->as);
	kcov_remote_stop();
	mmput_async(job->set->vm->mm);
}

static u32 access_of(enum vsvm_need need)
{
	switch (need) {
	case VSVM_NEED_READ:
		return DRM_VSVM_ACCESS_READ;
	case VSVM_NEED_WRITE:
		return DRM_VSVM_ACCESS_WRITE;
	case VSVM_NEED_EXCLUSIVE:
		return DRM_VSVM_ACCESS_ATOMIC;
	default:
		return DRM_VSVM_ACCESS_NONE;
	}
}

static void tell_lost(const struct vsvm_queue *q)
{
	struct vsvm_mirror *m = &q->set->vm->mirror;

	vsvm_mirror_tell(m, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_QUEUE_LOST,
		.addr = q->addr,
		.file = m->file,
		.seq = q->lost,
		.queue = q->id,
		.access = q->access,
		.error = q->error,
	});
}

/* True if the program of a RUN has begun; the caller has the turn. */
static bool runs(const struct vsvm_queue *q)
{
	lockdep_assert_held(&q->set->engines->lock);
	return vsvm_queue_slot_at(q, q->tail)->c.op == DRM_VSVM_COMMAND_RUN &&
	       q->progress.at;
}

/**
 * vsvm_job_lose() - make a queue lost; the first cause stays
 * @q: the queue
 * @error: the cause, a positive errno
 * @p: where it could not go on; NULL: the cause is not an access
 */
void vsvm_job_lose(struct vsvm_queue *q, int error,
		   const struct vsvm_progress *p)
{
	struct vsvm_queues *set = q->set;
	bool first;

	spin_lock(&set->engines->lock);
	first = !q->error && !q->turn.cancelled;
	if (first) {
		q->error = error;
		q->lost = q->head > q->tail ?
			  vsvm_queue_slot_at(q, q->tail)->seq : 0;
		if (p) {
			q->access = p->fetches ? DRM_VSVM_ACCESS_FETCH :
						 access_of(p->need);
			q->addr = p->addr;
		}
		/* Without @p, others may have the turn. */
		q->pc = p && q->lost && runs(q) ? q->rv.pc : 0;
		/* Pairs with vsvm_queue_is_lost(). */
		WRITE_ONCE(set->nr_lost, set->nr_lost + 1);
	}
	spin_unlock(&set->engines->lock);
	if (!first)
		return;
	/* The cause does not change any more. */
	trace_vsvm_queue_lost(q, q->lost, q->addr, q->access, -error);
	if (vsvm_events_any())
		tell_lost(q);
	vsvm_mirror_count(&set->vm->mirror, VSVM_STAT_QUEUES_LOST, 1);
	wake_up_all(vsvm_fence_waiters(set->vm->mm));
	wake_up_poll(&set->lost, EPOLLPRI);
}

/* The command to work on, or NULL. It stays in place while the caller has the turn. */
static struct vsvm_slot *front(struct vsvm_queue *q)
{
	struct vsvm_slot *slot = NULL;

	spin_lock(&q->set->engines->lock);
	if (q->tail < q->head && !q->error)
		slot = vsvm_queue_slot_at(q, q->tail);
	spin_unlock(&q->set->engines->lock);
	return slot;
}

/* The word is stored: wakes who waits for it. */
static void announce(struct vsvm_queue *q, struct vsvm_slot *slot)
{
	struct vsvm_queues *set = q->set;

	trace_vsvm_queue_fence(q, slot->seq, slot->c.signal.addr,
			       slot->c.signal.value);
	vsvm_inject_pause(vsvm_vm_inject(set->vm), FENCE_WAKE);
	wake_up_all(vsvm_fence_waiters(set->vm->mm));
	vsvm_engine_wake(set->engines, set->vm->mm);
	if (slot->event)
		eventfd_signal(slot->event);
}

/**
 * vsvm_job_forget() - give back what a command holds
 * @q: its queue
 * @slot: the command
 */
void vsvm_job_forget(struct vsvm_queue *q, struct vsvm_slot *slot)
{
	if (slot->event) {
		eventfd_ctx_put(slot->event);
		atomic_dec(&q->set->nr_events);
	}
	slot->event = NULL;
	vsvm_charge_empty(slot->purse);
	slot->purse = NULL;
}

/* Goes on to the next command. */
static void advance(struct vsvm_queue *q, struct vsvm_slot *slot)
{
	vsvm_job_forget(q, slot);
	vsvm_mirror_count(&q->set->vm->mirror, VSVM_STAT_JOBS, slot->last);
	spin_lock(&q->set->engines->lock);
	q->tail++;
	q->signals = false;
	if (slot->c.op == DRM_VSVM_COMMAND_RUN)
		q->returned = q->progress.old;
	if (slot->last)
		q->done = slot->seq;
	spin_unlock(&q->set->engines->lock);
	q->progress = (struct vsvm_progress) { .rv = &q->rv };
}

/*
 * Who sees the word may submit at once. So the slot of a SIGNAL is free before its word
 * is stored, and the ring has a slot more than the queue.
 */
static void begin_signal(struct vsvm_queue *q)
{
	spin_lock(&q->set->engines->lock);
	q->signals = true;
	spin_unlock(&q->set->engines->lock);
	vsvm_inject_pause(vsvm_vm_inject(q->set->vm), FENCE_STORE);
}

/*
 * True if accesses of a command do not move memory. A fence is for the CPU to look at.
 * This thread is in no cgroup of the process, so who did not pay gets no memory.
 */
static bool stays(const struct vsvm_slot *slot)
{
	return slot->c.op == DRM_VSVM_COMMAND_WAIT ||
	       slot->c.op == DRM_VSVM_COMMAND_SIGNAL ||
	       (IS_ENABLED(CONFIG_CGROUP_DMEM) && !slot->purse);
}

static void tell_prefetch(const struct vsvm_queue *q,
			  const struct vsvm_slot *slot)
{
	struct vsvm_mirror *m = &q->set->vm->mirror;

	vsvm_mirror_tell(m, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_PREFETCH,
		.addr = slot->c.prefetch.addr,
		.bytes = q->progress.moved,
		.file = m->file,
		.seq = slot->seq,
		.queue = q->id,
		.target = slot->c.prefetch.target,
	});
}

/* One step of the queue's command; the results of vsvm_command_step(). */
static int step(struct vsvm_queue *q, struct job *job, struct vsvm_slot *slot)
{
	int ret;

	if (q->started != slot->seq) {
		q->started = slot->seq;
		trace_vsvm_queue_start(q, slot->seq);
	}
	if (slot->c.op == DRM_VSVM_COMMAND_SIGNAL)
		begin_signal(q);
	job->ctx.purse = slot->purse;
	job->ctx.stays = stays(slot);
	/* Only the fault worker does a PREFETCH. */
	if (slot->c.op == DRM_VSVM_COMMAND_PREFETCH && !job->ctx.hits_only)
		ret = vsvm_helper_prefetch(&q->set->helpers, &job->ctx,
					   &slot->c.prefetch, &q->progress,
					   &q->prefetched);
	else
		ret = vsvm_command_step(&job->ctx, &slot->c, &q->progress);
	if (ret != VSVM_STEP_DONE)
		return ret;
	if (slot->c.op == DRM_VSVM_COMMAND_SIGNAL)
		announce(q, slot);
	else if (slot->c.op == DRM_VSVM_COMMAND_PREFETCH && vsvm_events_any())
		tell_prefetch(q, slot);
	advance(q, slot);
	return ret;
}

/* Steps until the slice ends; returns the state that follows. */
static enum vsvm_turn_state run_slice(struct vsvm_queue *q, struct job *job,
				      u64 until)
{
	struct vsvm_slot *slot;
	int ret;

	do {
		if (job_stops(&job->ctx))
			return VSVM_TURN_IDLE;
		slot = front(q);
		if (!slot)
			return VSVM_TURN_IDLE;
		ret = step(q, job, slot);
		if (ret == -EAGAIN) {
			trace_vsvm_queue_fault(q, slot->seq, &q->progress);
			vsvm_mirror_count(job->ctx.m, VSVM_STAT_QUEUE_FAULTS,
					  1);
			return VSVM_TURN_FAULTS;
		}
		if (ret == VSVM_STEP_WAITS)
			return VSVM_TURN_WAITS;
		/* Interrupted: the queue is cancelled. */
		if (ret == -EINTR)
			return VSVM_TURN_IDLE;
		if (ret < 0) {
			vsvm_job_lose(q, -ret, &q->progress);
			return VSVM_TURN_IDLE;
		}
		cond_resched();
	} while (ktime_get_ns() < until);
	return VSVM_TURN_READY;
}

static u64 slice_ns(const struct vsvm_queue *q)
{
	switch (q->priority) {
	case DRM_VSVM_PRIORITY_LOW:
		return SLICE_NS / 2;
	case DRM_VSVM_PRIORITY_HIGH:
		return SLICE_NS * 4;
	default:
		return SLICE_NS;
	}
}

/* &vsvm_turn_ops.run: a slice of an engine. */
static enum vsvm_turn_state queue_run(struct vsvm_turn *turn)
{
	struct vsvm_queue *q = container_of(turn, struct vsvm_queue, turn);
	struct vsvm_queues *set = q->set;
	enum vsvm_turn_state state;
	u64 start = ktime_get_ns(), busy;
	struct job job;

	if (!job_begin(&job, set, q, true)) {
		vsvm_job_lose(q, ESRCH, NULL);
		return VSVM_TURN_IDLE;
	}
	vsvm_inject_pause(vsvm_vm_inject(set->vm), SLICE_START);
	state = run_slice(q, &job, start + slice_ns(q));
	job_end(&job);

	busy = ktime_get_ns() - start;
	spin_lock(&set->engines->lock);
	q->busy += busy;
	set->busy += busy;
	spin_unlock(&set->engines->lock);
	return state;
}

/* &vsvm_turn_ops.faults: the fault worker gets a reference. */
static void queue_faults(struct vsvm_turn *turn)
{
	struct vsvm_queue *q = container_of(turn, struct vsvm_queue, turn);

	q->faults++;
	kref_get(&q->refs);
	vsvm_worker_add(&q->set->worker, turn);
}

const struct vsvm_turn_ops vsvm_job_turn_ops = {
	.run = queue_run,
	.faults = queue_faults,
};

static struct vsvm_queues *to_set(struct vsvm_worker *w)
{
	return container_of(w, struct vsvm_queues, worker);
}

static bool worker_orphaned(struct vsvm_worker *w)
{
	return !vsvm_vm_lives(to_set(w)->vm);
}

/* What a queue lacks: see &struct vsvm_progress. */
struct miss {
	unsigned long addr;
	unsigned long end;
	enum vsvm_need need;
};

static int by_address(const void *a, const void *b)
{
	const struct miss *x = a, *y = b;

	return cmp_int(x->addr, y->addr);
}

/* Notes where the turns of a batch lack pages; returns how many there are. */
static unsigned int collect(struct vsvm_queues *set, struct list_head *batch,
			    struct miss *misses)
{
	struct vsvm_progress *p;
	struct vsvm_turn *t;
	unsigned int n = 0;

	spin_lock(&set->engines->lock);
	list_for_each_entry(t, batch, link) {
		p = &container_of(t, struct vsvm_queue, turn)->progress;
		if (p->need != VSVM_NEED_READ && p->need != VSVM_NEED_WRITE)
			continue;
		misses[n++] = (struct miss) {
			.addr = p->addr,
			.end = p->end,
			.need = p->need,
		};
		if (n == MAX_BATCH)
			break;
	}
	spin_unlock(&set->engines->lock);
	return n;
}

/* End of the group of misses from number @i on that one walk can fault in. */
static unsigned int group_end(const struct miss *misses, unsigned int i,
			      unsigned int n, unsigned long *end)
{
	unsigned int j;

	*end = misses[i].end;
	for (j = i + 1; j < n; j++) {
		if (misses[j].need != misses[i].need ||
		    misses[j].addr > PAGE_ALIGN(*end) ||
		    (misses[j].addr ^ misses[i].addr) & PMD_MASK)
			break;
		*end = max(*end, misses[j].end);
	}
	return j;
}

/*
 * &vsvm_worker_ops.prepare: where several queues lack the same or neighbouring pages,
 * one walk faults in all of them.
 */
static void worker_prepare(struct vsvm_worker *w, struct list_head *batch)
{
	struct vsvm_queues *set = to_set(w);
	struct miss misses[MAX_BATCH];
	struct vsvm_act act;
	unsigned int i, j, n;
	unsigned long end;
	struct job job;

	vsvm_inject_pause(vsvm_vm_inject(set->vm), FAULT_QUEUED);
	/* It would be used in place, and each command has its own purse. */
	if (vsvm_place_may_move(&set->vm->mirror))
		return;
	n = collect(set, batch, misses);
	if (n < 2 || !job_begin(&job, set, NULL, false))
		return;
	sort(misses, n, sizeof(*misses), by_address, NULL);
	vsvm_vm_act_begin(set->vm, &act);
	for (i = 0; i < n; i = j) {
		j = group_end(misses, i, n, &end);
		if (j - i > 1)
			vsvm_command_touch(&job.ctx, misses[i].addr, end,
					   misses[i].need);
	}
	vsvm_vm_act_end(&act);
	job_end(&job);
}

/*
 * Decides what follows a step that failed in the fault worker. Returns the errno with
 * which the queue is lost, negative; 0: try again.
 */
static int serve_error(struct vsvm_queue *q, int ret)
{
	/* Cancelled, or the signal was for another queue. Core may call it EFAULT. */
	if (ret == -EINTR || fatal_signal_pending(current))
		return vsvm_vm_lives(q->set->vm) ? 0 : -ESRCH;
	if (ret != -ENOMEM)
		return ret;
	/* The CPU would try again as well, until there is memory. */
	if (!q->stalled)
		q->stalled = jiffies ?: 1;
	else if (time_after(jiffies, q->stalled + DRM_VSVM_STALL_SECONDS * HZ))
		return -ENOMEM;
	schedule_timeout_killable(HZ / 50);
	return 0;
}

/* Works for a queue where it lacked a page; returns the state that follows. */
static enum vsvm_turn_state serve_queue(struct vsvm_queue *q, struct job *job)
{
	struct vsvm_slot *slot = front(q);
	struct vsvm_act act;
	u64 seq;
	int ret;

	if (!slot)
		return VSVM_TURN_IDLE;
	seq = slot->seq;
	vsvm_vm_act_begin(q->set->vm, &act);
	ret = step(q, job, slot);
	vsvm_vm_act_end(&act);
	trace_vsvm_queue_served(q, seq, min(ret, 0));
	if (ret != -ENOMEM)
		q->stalled = 0;
	if (ret == VSVM_STEP_WAITS)
		return VSVM_TURN_WAITS;
	ret = ret < 0 ? serve_error(q, ret) : 0;
	if (ret) {
		vsvm_job_lose(q, -ret, ret == -ESRCH ? NULL : &q->progress);
		return VSVM_TURN_IDLE;
	}
	return VSVM_TURN_READY;
}

/* &vsvm_worker_ops.serve */
static void worker_serve(struct vsvm_worker *w, struct vsvm_turn *turn)
{
	struct vsvm_queue *q = container_of(turn, struct vsvm_queue, turn);
	struct vsvm_queues *set = to_set(w);
	enum vsvm_turn_state state = VSVM_TURN_IDLE;
	struct job job;

	if (job_begin(&job, set, q, false)) {
		state = serve_queue(q, &job);
		vsvm_inject_pause(vsvm_vm_inject(set->vm), FAULT_SERVED);
		job_end(&job);
	} else {
		vsvm_job_lose(q, ESRCH, NULL);
	}
	vsvm_engine_end(set->engines, turn, state);
	vsvm_queue_put(q);
}

/* &vsvm_worker_ops.exit */
static void worker_exit(struct vsvm_worker *w)
{
	vsvm_mirror_works_no_more(&to_set(w)->vm->mirror);
	vsvm_vm_put(to_set(w)->vm);
}

const struct vsvm_worker_ops vsvm_job_worker_ops = {
	.prepare = worker_prepare,
	.serve = worker_serve,
	.orphaned = worker_orphaned,
	.exit = worker_exit,
};
