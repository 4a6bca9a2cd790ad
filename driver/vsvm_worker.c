// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault worker of a file: a kernel thread that does for the file's queues what may
 * wait for user space, swap or memory. A userfaultfd handler or a FUSE server that does
 * not answer holds this thread, and so the file's queues that lack a page, but no
 * engine and no other file.
 *
 * Its waits in core mm are killable, and there is a way to end them: a SIGKILL that the
 * kernel sends. User space cannot send it one. The thread drops the signal when it has
 * left the wait.
 *
 * Lifetime: from the first queue of the file until the file is closed. Close waits for
 * the thread, but not if that is in a wait which no signal ends (a FUSE server that read
 * the request). So it has a reference to its owner and to the module.
 *
 * Locks: &vsvm_engines.lock.
 */
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "vsvm_engine.h"
#include "vsvm_worker.h"

/*
 * How often a worker that waits asks whether anybody waits with it; and after which it is
 * no longer a thread of the lowest priority.
 */
#define LOOK	HZ
static void interrupt(struct vsvm_worker *w)
{
	lockdep_assert_held(&w->engines->lock);
	if (w->busy)
		send_sig(SIGKILL, w->task, 1);
}

static void look(struct timer_list *timer)
{
	struct vsvm_worker *w = timer_container_of(w, timer, timer);

	/*
	 * Threads that keep changing the memory may have the processors to themselves: a
	 * worker that loses its own between two steps never finds what it faulted in.
	 */
	set_user_nice(w->task, 0);
	/*
	 * The thread exists: begin() starts the timer, and end() stops it. It is to freeze
	 * although who it waits for is frozen already; the turn is served again later.
	 */
	if (w->ops->orphaned(w) || freezing(w->task))
		send_sig(SIGKILL, w->task, 1);
	mod_timer(&w->timer, jiffies + LOOK);
}

/* Only while it is busy a signal is sent, under the lock or by the timer. */
static void begin(struct vsvm_worker *w)
{
	lockdep_assert_held(&w->engines->lock);
	w->busy = true;
	mod_timer(&w->timer, jiffies + LOOK);
}

static void end(struct vsvm_worker *w)
{
	timer_delete_sync(&w->timer);
	spin_lock(&w->engines->lock);
	WRITE_ONCE(w->busy, false); /* pairs with vsvm_worker_stop() */
	wake_up_all(&w->engines->ended);
	if (!w->stop)
		set_user_nice(current, MAX_NICE);
	spin_unlock(&w->engines->lock);
	flush_signals(current);
	try_to_freeze();
}

/* Serves all turns that lack a page now. */
static void serve(struct vsvm_worker *w)
{
	struct vsvm_engines *e = w->engines;
	struct vsvm_turn *t;
	LIST_HEAD(batch);

	spin_lock(&e->lock);
	begin(w);
	list_splice_init(&w->faults, &batch);
	spin_unlock(&e->lock);
	w->ops->prepare(w, &batch);
	end(w);

	for (;;) {
		spin_lock(&e->lock);
		t = list_first_entry_or_null(&batch, struct vsvm_turn, link);
		if (!t)
			break;
		list_del(&t->link);
		t->state = VSVM_TURN_SERVED;
		begin(w);
		spin_unlock(&e->lock);
		w->ops->serve(w, t);
		end(w);
	}
	spin_unlock(&e->lock);
}

static bool has_work(struct vsvm_worker *w)
{
	/* Pairs with vsvm_worker_end(); the lists are looked at under the lock. */
	return READ_ONCE(w->stop) || !list_empty(&w->faults);
}

static int worker(void *data)
{
	struct vsvm_worker *w = data;

	set_freezable();
	allow_kernel_signal(SIGKILL);
	/* From here on it can be stopped: see vsvm_worker_start(). */
	end(w);
	for (;;) {
		wait_event_freezable(w->wait, has_work(w));
		if (READ_ONCE(w->stop))	/* pairs with vsvm_worker_end() */
			break;
		serve(w);
	}
	w->ops->exit(w);
	__module_put_and_kthread_exit(THIS_MODULE, 0);
}

/**
 * vsvm_worker_init() - set up a worker that is not started
 * @w: the worker
 * @ops: what its owner does
 * @engines: the engines of the device
 */
void vsvm_worker_init(struct vsvm_worker *w, const struct vsvm_worker_ops *ops,
		      struct vsvm_engines *engines)
{
	w->ops = ops;
	w->engines = engines;
	INIT_LIST_HEAD(&w->faults);
	init_waitqueue_head(&w->wait);
	timer_setup(&w->timer, look, 0);
}

/**
 * vsvm_worker_start() - start the thread
 * @w: the worker, not started; the caller has a reference to the owner for the thread,
 *	which it keeps on failure
 * @device: number of the device
 *
 * Return: 0; -ENOMEM, or -EINTR: the caller is being killed.
 */
int vsvm_worker_start(struct vsvm_worker *w, unsigned int device)
{
	struct task_struct *task;

	task = kthread_create(worker, w, "vsvm%u-fault", device);
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* The caller's open file has one. */
	__module_get(THIS_MODULE);
	w->task = get_task_struct(task);
	/*
	 * Until it runs: kthread_stop() keeps a thread that did not begin from ever doing
	 * so, and its references would stay.
	 */
	w->busy = true;
	wake_up_process(task);
	return 0;
}

/**
 * vsvm_worker_add() - have a turn served
 * @w: the worker, started; &vsvm_engines.lock is held
 * @turn: the turn, on no list
 */
void vsvm_worker_add(struct vsvm_worker *w, struct vsvm_turn *turn)
{
	lockdep_assert_held(&w->engines->lock);
	list_add_tail(&turn->link, &w->faults);
	wake_up(&w->wait);
}

/**
 * vsvm_worker_interrupt() - end the wait that the worker is in
 * @w: the worker
 *
 * The turn that it works for finds out itself whether it is cancelled. If not, it is
 * served again.
 */
void vsvm_worker_interrupt(struct vsvm_worker *w)
{
	spin_lock(&w->engines->lock);
	interrupt(w);
	spin_unlock(&w->engines->lock);
}

/**
 * vsvm_worker_end() - tell the thread that it has to end
 * @w: the worker; all of its turns are cancelled, or are taken back by who waits for them
 */
void vsvm_worker_end(struct vsvm_worker *w)
{
	if (!w->task)
		return;
	spin_lock(&w->engines->lock);
	WRITE_ONCE(w->stop, true); /* pairs with has_work() */
	/* Who closes the file need not wait for a thread of the lowest priority. */
	set_user_nice(w->task, 0);
	interrupt(w);
	wake_up(&w->wait);
	spin_unlock(&w->engines->lock);
}

/**
 * vsvm_worker_stop() - wait for the end of the thread
 * @w: the worker, after vsvm_worker_end()
 * @patience: how long to wait at most, in jiffies
 *
 * After its end it has no reference to the module, so that the module can be unloaded at
 * once. If the thread is in a wait that a signal does not end, it ends by itself later.
 *
 * Return: what is left of @patience.
 */
long vsvm_worker_stop(struct vsvm_worker *w, long patience)
{
	if (!w->task)
		return patience;
	/* Pairs with end(). If it is busy once more, it finds no turn to wait for. */
	patience = wait_event_timeout(w->engines->ended, !READ_ONCE(w->busy),
				      patience);
	if (patience)
		kthread_stop(w->task);
	put_task_struct(w->task);
	return patience;
}
