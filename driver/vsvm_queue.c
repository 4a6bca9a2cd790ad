// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of a file: commands, sequence numbers, loss, user fences and who waits for
 * them.
 *
 * An engine runs a queue's commands one after the other, a slice at a time. A command
 * that lacks a page is finished, as far as it has to wait, by the fault worker of the
 * file. A command that cannot be done makes the queue lost.
 *
 * Nothing here keeps the memory of a process: each slice, and each time that a queue is
 * served, gets the mm and gives it back. The last reference is never put directly, as
 * exit_mmap() may have to wait for what the caller is in.
 *
 * Lifetime: a queue until it is destroyed or the file is closed; for the fault worker
 * until it is done with it.
 *
 * Locks: &vsvm_queues.lock around making and destroying; &vsvm_queue.submit around
 * filling slots; &vsvm_engines.lock for the numbers. No fence is waited for with any of
 * them.
 */
#include <linux/cpuset.h>
#include <linux/eventfd.h>
#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "vsvm_charge.h"
#include "vsvm_context.h"
#include "vsvm_inject.h"
#include "vsvm_queue.h"
#include "vsvm_trace.h"
#include "vsvm_vm.h"

/* The slice of a queue of normal priority. */
#define SLICE_NS	(2 * NSEC_PER_MSEC)
/* Most turns that are looked at together for neighbours. */
#define MAX_BATCH	32

/*
 * Who waits for a fence, by mm. A fence may be stored through any file of the process,
 * on any device.
 */
#define FENCE_BITS	6
static wait_queue_head_t fences[1 << FENCE_BITS];

static wait_queue_head_t *fence_waiters(const struct mm_struct *mm)
{
	return &fences[hash_ptr(mm, FENCE_BITS)];
}

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

static struct vsvm_inject *set_inject(const struct vsvm_queues *set)
{
	return set->vm->mirror.table.inject;
}

/* &vsvm_context.stop: the file is closed, or the queue destroyed. */
static bool job_stops(const struct vsvm_context *ctx)
{
	const struct job *job = container_of(ctx, struct job, ctx);

	/* Pair with vsvm_queue_close(), _unplug() and vsvm_engine_cancel(). */
	return READ_ONCE(job->set->closed) ||
	       (job->q && READ_ONCE(job->q->turn.cancelled)) ||
	       fatal_signal_pending(current);
}

/* True if a thread of the process that opened the file still has its memory. */
static bool owner_lives(const struct vsvm_vm *vm)
{
	struct task_struct *owner, *t;
	bool lives = false;

	rcu_read_lock();
	owner = pid_task(vm->owner, PIDTYPE_TGID);
	/* A process that is being killed needs nothing any more. */
	if (owner && !(READ_ONCE(owner->signal->flags) & SIGNAL_GROUP_EXIT)) {
		for_each_thread(owner, t) {
			lives = READ_ONCE(t->mm) == vm->mm;
			if (lives)
				break;
		}
	}
	rcu_read_unlock();
	return lives;
}

/* Begins work for the process. Returns false if its memory is gone. */
static bool job_begin(struct job *job, struct vsvm_queues *set,
		      struct vsvm_queue *q, bool hits_only)
{
	*job = (struct job) {
		.ctx.m = &set->vm->mirror,
		.ctx.stop = job_stops,
		.ctx.hits_only = hits_only,
		.q = q,
		.set = set,
	};
	/* The work itself must not keep the memory, slice after slice. */
	if (!owner_lives(set->vm) || !mmget_not_zero(set->vm->mm))
		return false;
	vsvm_inject_as_begin(&job->as, set->vm->mm);
	return true;
}

static void job_end(struct job *job)
{
	vsvm_inject_as_end(&job->as);
	mmput_async(job->set->vm->mm);
}

static struct vsvm_slot *slot_at(const struct vsvm_queue *q, u64 i)
{
	return &q->slots[i % (q->nr_slots + 1)];
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

/*
 * Makes a queue lost; the first cause stays. @p: where it could not go on; NULL: the
 * cause is not an access.
 */
static void lose(struct vsvm_queue *q, int error, const struct vsvm_progress *p)
{
	struct vsvm_queues *set = q->set;
	bool first;

	spin_lock(&set->engines->lock);
	first = !q->error && !q->turn.cancelled;
	if (first) {
		q->error = error;
		q->lost = q->head > q->tail ?
			  slot_at(q, q->tail)->seq : 0;
		if (p) {
			q->access = access_of(p->need);
			q->addr = p->addr;
		}
		/* Pairs with vsvm_queue_is_lost(). */
		WRITE_ONCE(set->nr_lost, set->nr_lost + 1);
	}
	spin_unlock(&set->engines->lock);
	if (!first)
		return;
	/* The cause does not change any more. */
	trace_vsvm_queue_lost(q, q->lost, q->addr, q->access, -error);
	vsvm_mirror_count(&set->vm->mirror, VSVM_STAT_QUEUES_LOST, 1);
	wake_up_all(fence_waiters(set->vm->mm));
	wake_up_poll(&set->lost, EPOLLPRI);
}

/* The command to work on, or NULL. It stays in place while the caller has the turn. */
static struct vsvm_slot *front(struct vsvm_queue *q)
{
	struct vsvm_slot *slot = NULL;

	spin_lock(&q->set->engines->lock);
	if (q->tail < q->head && !q->error)
		slot = slot_at(q, q->tail);
	spin_unlock(&q->set->engines->lock);
	return slot;
}

/* The word is stored: wakes who waits for it. */
static void announce(struct vsvm_queue *q, struct vsvm_slot *slot)
{
	struct vsvm_queues *set = q->set;

	trace_vsvm_queue_fence(q, slot->seq, slot->c.signal.addr,
			       slot->c.signal.value);
	vsvm_inject_pause(set_inject(set), FENCE_WAKE);
	wake_up_all(fence_waiters(set->vm->mm));
	vsvm_engine_wake(set->engines, set->vm->mm);
	if (slot->event)
		eventfd_signal(slot->event);
}

/* Gives back what the command holds. */
static void slot_free(struct vsvm_queue *q, struct vsvm_slot *slot)
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
	slot_free(q, slot);
	vsvm_mirror_count(&q->set->vm->mirror, VSVM_STAT_JOBS, slot->last);
	spin_lock(&q->set->engines->lock);
	q->tail++;
	q->signals = false;
	if (slot->last)
		q->done = slot->seq;
	spin_unlock(&q->set->engines->lock);
	q->progress = (struct vsvm_progress) {};
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
	vsvm_inject_pause(set_inject(q->set), FENCE_STORE);
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
	ret = vsvm_command_step(&job->ctx, &slot->c, &q->progress);
	if (ret != VSVM_STEP_DONE)
		return ret;
	if (slot->c.op == DRM_VSVM_COMMAND_SIGNAL)
		announce(q, slot);
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
			lose(q, -ret, &q->progress);
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
		lose(q, ESRCH, NULL);
		return VSVM_TURN_IDLE;
	}
	vsvm_inject_pause(set_inject(set), SLICE_START);
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

static const struct vsvm_turn_ops queue_turn_ops = {
	.run = queue_run,
	.faults = queue_faults,
};

static struct vsvm_queues *to_set(struct vsvm_worker *w)
{
	return container_of(w, struct vsvm_queues, worker);
}

static bool worker_orphaned(struct vsvm_worker *w)
{
	return !owner_lives(to_set(w)->vm);
}

static int by_address(const void *a, const void *b)
{
	const struct vsvm_progress *x = a, *y = b;

	return cmp_int(x->addr, y->addr);
}

/* Notes where the turns of a batch lack pages; returns how many there are. */
static unsigned int collect(struct vsvm_queues *set, struct list_head *batch,
			    struct vsvm_progress *misses)
{
	struct vsvm_progress *p;
	struct vsvm_turn *t;
	unsigned int n = 0;

	spin_lock(&set->engines->lock);
	list_for_each_entry(t, batch, link) {
		p = &container_of(t, struct vsvm_queue, turn)->progress;
		if (p->need != VSVM_NEED_READ && p->need != VSVM_NEED_WRITE)
			continue;
		misses[n++] = *p;
		if (n == MAX_BATCH)
			break;
	}
	spin_unlock(&set->engines->lock);
	return n;
}

/* End of the group of misses from number @i on that one walk can fault in. */
static unsigned int group_end(const struct vsvm_progress *misses,
			      unsigned int i, unsigned int n, unsigned long *end)
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
 * A thread of the kernel may use all nodes. What it faults in is placed in the cpuset of
 * the process, as that of its first thread is now.
 */
static void adopt_cpuset(const struct vsvm_vm *vm)
{
#ifdef CONFIG_CPUSETS
	struct task_struct *owner = get_pid_task(vm->owner, PIDTYPE_TGID);
	nodemask_t may;

	if (!owner)
		return;
	task_lock(owner);
	may = owner->mems_allowed;
	task_unlock(owner);
	put_task_struct(owner);
	set_mems_allowed(may);
#endif
}

/*
 * &vsvm_worker_ops.prepare: where several queues lack the same or neighbouring pages,
 * one walk faults in all of them.
 */
static void worker_prepare(struct vsvm_worker *w, struct list_head *batch)
{
	struct vsvm_queues *set = to_set(w);
	struct vsvm_progress misses[MAX_BATCH];
	struct mem_cgroup *memcg, *old;
	unsigned int i, j, n;
	unsigned long end;
	struct job job;

	vsvm_inject_pause(set_inject(set), FAULT_QUEUED);
	n = collect(set, batch, misses);
	if (n < 2 || !job_begin(&job, set, NULL, false))
		return;
	sort(misses, n, sizeof(*misses), by_address, NULL);
	adopt_cpuset(set->vm);
	memcg = get_mem_cgroup_from_mm(set->vm->mm);
	old = set_active_memcg(memcg);
	for (i = 0; i < n; i = j) {
		j = group_end(misses, i, n, &end);
		if (j - i > 1)
			vsvm_command_touch(&job.ctx, misses[i].addr, end,
					   misses[i].need);
	}
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	job_end(&job);
}

/*
 * Decides what follows a step that failed in the fault worker. Returns an errno with
 * which the queue is lost; 0: try again.
 */
static int serve_error(struct vsvm_queue *q, int ret)
{
	/* Cancelled, or the signal was for another queue. Core may call it EFAULT. */
	if (ret == -EINTR || fatal_signal_pending(current))
		return owner_lives(q->set->vm) ? 0 : ESRCH;
	if (ret != -ENOMEM)
		return -ret;
	/* The CPU would try again as well, until there is memory. */
	if (!q->stalled)
		q->stalled = jiffies ?: 1;
	else if (time_after(jiffies, q->stalled + DRM_VSVM_STALL_SECONDS * HZ))
		return ENOMEM;
	schedule_timeout_killable(HZ / 50);
	return 0;
}

/* Works for a queue where it lacked a page; returns the state that follows. */
static enum vsvm_turn_state serve_queue(struct vsvm_queue *q, struct job *job)
{
	struct vsvm_slot *slot = front(q);
	struct mem_cgroup *memcg, *old;
	u64 seq;
	int ret;

	if (!slot)
		return VSVM_TURN_IDLE;
	adopt_cpuset(q->set->vm);
	seq = slot->seq;
	/* What core mm charges to the current thread is the process's. */
	memcg = get_mem_cgroup_from_mm(q->set->vm->mm);
	old = set_active_memcg(memcg);
	ret = step(q, job, slot);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	trace_vsvm_queue_served(q, seq, min(ret, 0));
	if (ret != -ENOMEM)
		q->stalled = 0;
	if (ret == VSVM_STEP_WAITS)
		return VSVM_TURN_WAITS;
	ret = ret < 0 ? serve_error(q, ret) : 0;
	if (ret) {
		lose(q, ret, ret == ESRCH ? NULL : &q->progress);
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
		vsvm_inject_pause(set_inject(set), FAULT_SERVED);
		job_end(&job);
	} else {
		lose(q, ESRCH, NULL);
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

static const struct vsvm_worker_ops worker_ops = {
	.prepare = worker_prepare,
	.serve = worker_serve,
	.orphaned = worker_orphaned,
	.exit = worker_exit,
};

/**
 * vsvm_queue_setup() - set up before the first file is opened
 */
void vsvm_queue_setup(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		init_waitqueue_head(&fences[i]);
}

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
	vsvm_worker_init(&set->worker, &worker_ops, engines);
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
		slot_free(q, slot_at(q, i));
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
	q->slots = VSVM_INJECT(set_inject(set), QUEUE, NULL,
			       kvcalloc(arg->slots + 1, sizeof(*q->slots),
					GFP_KERNEL_ACCOUNT));
	if (!q->slots) {
		kfree(q);
		return NULL;
	}
	kref_init(&q->refs);
	mutex_init(&q->submit);
	q->set = set;
	q->turn.ops = &queue_turn_ops;
	q->turn.key = set->vm->mm;
	q->priority = arg->priority;
	q->nr_slots = arg->slots;
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
	ret = VSVM_INJECT(set_inject(set), WORKER, -ENOMEM,
			  vsvm_worker_start(&set->worker,
					    set->vm->mirror.device));
	if (ret)
		/* Never the last one: the file is open. */
		worker_exit(&set->worker);
	return ret;
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
	      xa_alloc(&set->table, &q->id, q, xa_limit_31b, GFP_KERNEL_ACCOUNT);
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

/* Ends the work for a queue that the table has no longer. */
static void retire(struct vsvm_queues *set, struct vsvm_queue *q)
{
	vsvm_inject_pause(set_inject(set), CANCEL);
	if (vsvm_engine_cancel(set->engines, &q->turn))
		vsvm_queue_put(q);	/* never the last: the caller has one */
	vsvm_worker_interrupt(&set->worker);
	spin_lock(&set->engines->lock);
	if (q->error)
		/* Pairs with vsvm_queue_is_lost(). */
		WRITE_ONCE(set->nr_lost, set->nr_lost - 1);
	spin_unlock(&set->engines->lock);
	wake_up_all(fence_waiters(set->vm->mm));
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
	return slot_at(q, q->head + i);
}

/**
 * vsvm_queue_submit_drop() - give reserved slots back
 * @q: the queue
 * @n: number of slots that were filled, from the first one on
 */
void vsvm_queue_submit_drop(struct vsvm_queue *q, u32 n)
{
	while (n--)
		slot_free(q, vsvm_queue_slot(q, n));
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
	wait_queue_head_t *waiters = fence_waiters(set->vm->mm);
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
 * Waits for a slice at most. The fault worker ends by itself, and then drops the vm.
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
	vsvm_worker_stop(&set->worker);
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
		lose(q, ENODEV, NULL);
	mutex_unlock(&set->lock);
	vsvm_worker_interrupt(&set->worker);
}

/**
 * vsvm_queue_wake_all() - have all waiters for fences look again
 *
 * Those that have no queue in particular wait for the device, too.
 */
void vsvm_queue_wake_all(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		wake_up_all(&fences[i]);
}
