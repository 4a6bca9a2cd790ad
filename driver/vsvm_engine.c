// SPDX-License-Identifier: GPL-2.0-only
/*
 * Engines: kernel threads of a device that work on its queues. Each queue has a turn in
 * the round. An engine takes the turn that has been ready longest, and runs it for a
 * slice, which is bounded in time. A turn that lacks a page goes to the fault worker of
 * its file, and a turn that waits for a word is looked at again later. So an engine
 * itself waits for nothing but locks that are held for a bounded time.
 *
 * Lifetime: from probe to unplug. The turns belong to queues, which cancel them.
 *
 * Locks: &vsvm_engines.lock, a spinlock of process context, inside of all others.
 */
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "vsvm_engine.h"

/* Longest time between two looks at a word that a turn waits for. */
#define MAX_PAUSE	max(HZ / 64, 1)
/* Most waiting turns that are looked at under the lock. */
#define MAX_LOOKS	256

/*
 * Puts a turn on the list of its new state, and wakes an engine for it. If it is
 * cancelled, its owner may free it from then on.
 */
static void put(struct vsvm_engines *e, struct vsvm_turn *t,
		enum vsvm_turn_state state)
{
	lockdep_assert_held(&e->lock);
	if (t->cancelled) {
		WRITE_ONCE(t->state, VSVM_TURN_GONE); /* pairs with vsvm_engine_cancel(), _wait() */
		wake_up_all(&e->ended);
		return;
	}
	t->state = state;
	switch (state) {
	case VSVM_TURN_READY:
		list_add_tail(&t->link, &e->ready);
		wake_up(&e->work);
		break;
	case VSVM_TURN_WAITS:
		t->pause = clamp(2 * t->pause, 1UL, (unsigned long)MAX_PAUSE);
		t->due = jiffies + t->pause;
		list_add_tail(&t->link, &e->waiting);
		/* It may come from a fault worker, while all engines sleep. */
		wake_up(&e->work);
		break;
	case VSVM_TURN_FAULTS:
		t->ops->faults(t);
		break;
	default:
		break;
	}
}

/**
 * vsvm_engine_ready() - have a turn run
 * @e: the engines; &vsvm_engines.lock is held
 * @turn: the turn, which was given work
 */
void vsvm_engine_ready(struct vsvm_engines *e, struct vsvm_turn *turn)
{
	lockdep_assert_held(&e->lock);
	if (turn->state == VSVM_TURN_IDLE)
		put(e, turn, VSVM_TURN_READY);
	else
		turn->more = true;
}

/*
 * Makes turns ready whose time has come, once a jiffy. Anybody may have thousands of
 * turns wait, so this looks at so many only, and at others the next time.
 */
static void look_again(struct vsvm_engines *e)
{
	struct vsvm_turn *t;
	unsigned int n = MAX_LOOKS;

	lockdep_assert_held(&e->lock);
	if (!time_after(jiffies, e->looked))
		return;
	e->looked = jiffies;
	while (n-- && !list_empty(&e->waiting)) {
		t = list_first_entry(&e->waiting, struct vsvm_turn, link);
		list_del(&t->link);
		if (time_before(jiffies, t->due))
			list_add_tail(&t->link, &e->waiting);
		else
			put(e, t, VSVM_TURN_READY);
	}
}

/**
 * vsvm_engine_wake() - have turns look at their words again
 * @e: the engines
 * @key: of the process that stored a word
 *
 * Some of them only, if very many turns wait; the others look again in time.
 */
void vsvm_engine_wake(struct vsvm_engines *e, const void *key)
{
	struct vsvm_turn *t, *next;
	unsigned int n = MAX_LOOKS;

	spin_lock(&e->lock);
	list_for_each_entry_safe(t, next, &e->waiting, link) {
		if (!n--)
			break;
		if (t->key != key)
			continue;
		t->pause = 0;
		list_del(&t->link);
		put(e, t, VSVM_TURN_READY);
	}
	spin_unlock(&e->lock);
}

/* The turn to run now, or NULL. */
static struct vsvm_turn *next_turn(struct vsvm_engines *e)
{
	struct vsvm_turn *t;

	spin_lock(&e->lock);
	look_again(e);
	t = list_first_entry_or_null(&e->ready, struct vsvm_turn, link);
	if (t) {
		list_del(&t->link);
		t->state = VSVM_TURN_RUNS;
		e->running++;
		t->more = false;
	}
	spin_unlock(&e->lock);
	return t;
}

/**
 * vsvm_engine_end() - end a turn that ran, or that was served
 * @e: the engines
 * @turn: the turn; if it was cancelled its owner may free it from here on
 * @state: what follows: READY, IDLE, WAITS or FAULTS
 */
void vsvm_engine_end(struct vsvm_engines *e, struct vsvm_turn *turn,
		     enum vsvm_turn_state state)
{
	spin_lock(&e->lock);
	e->running -= turn->state == VSVM_TURN_RUNS;
	if (state != VSVM_TURN_WAITS)
		turn->pause = 0;
	if (state == VSVM_TURN_IDLE && turn->more)
		state = VSVM_TURN_READY;
	put(e, turn, state);
	spin_unlock(&e->lock);
}

/*
 * Without the lock, as in sleep(): who adds a turn wakes engines up. list_empty() reads
 * only what the list functions store with WRITE_ONCE().
 */
static bool may_work(struct vsvm_engines *e)
{
	return kthread_should_stop() || !list_empty(&e->ready);
}

/* Sleeps until there is a turn to run, or to look at again. */
static void sleep(struct vsvm_engines *e)
{
	if (list_empty(&e->waiting))
		wait_event_freezable(e->work, may_work(e) ||
				     !list_empty(&e->waiting));
	else
		wait_event_freezable_timeout(e->work, may_work(e), 1);
}

static int engine(void *data)
{
	struct vsvm_engines *e = data;
	struct vsvm_turn *t;

	set_user_nice(current, MAX_NICE);
	set_freezable();
	while (!kthread_should_stop()) {
		t = next_turn(e);
		if (t)
			vsvm_engine_end(e, t, t->ops->run(t));
		else
			sleep(e);
		try_to_freeze();
		cond_resched();
	}
	return 0;
}

/**
 * vsvm_engine_cancel() - take a turn out of the round for ever
 * @e: the engines
 * @turn: the turn
 *
 * Returns when no engine runs it, which is after a slice at most. Its fault worker may
 * still work for it: see vsvm_engine_wait().
 *
 * Return: true if the turn waited for its fault worker, which will not see it now.
 */
bool vsvm_engine_cancel(struct vsvm_engines *e, struct vsvm_turn *turn)
{
	bool faulted;

	spin_lock(&e->lock);
	faulted = turn->state == VSVM_TURN_FAULTS;
	WRITE_ONCE(turn->cancelled, true); /* pairs with vsvm_context.stop */
	switch (turn->state) {
	case VSVM_TURN_READY:
	case VSVM_TURN_WAITS:
	case VSVM_TURN_FAULTS:
		list_del(&turn->link);
		turn->state = VSVM_TURN_GONE;
		break;
	case VSVM_TURN_IDLE:
		turn->state = VSVM_TURN_GONE;
		break;
	default:
		break;
	}
	spin_unlock(&e->lock);
	/* Pairs with put(). */
	wait_event(e->ended, READ_ONCE(turn->state) != VSVM_TURN_RUNS);
	return faulted;
}

/**
 * vsvm_engine_wait() - wait until nobody works for a cancelled turn
 * @e: the engines
 * @turn: the turn, after vsvm_engine_cancel()
 *
 * Return: 0; -EINTR: the caller is being killed, and the fault worker still works.
 */
int vsvm_engine_wait(struct vsvm_engines *e, struct vsvm_turn *turn)
{
	/* Pairs with put(). */
	return wait_event_killable(e->ended, READ_ONCE(turn->state) ==
				   VSVM_TURN_GONE) ? -EINTR : 0;
}

/**
 * vsvm_engine_init() - set up engines that do not exist yet
 * @e: the engines
 */
void vsvm_engine_init(struct vsvm_engines *e)
{
	spin_lock_init(&e->lock);
	e->gone = true;
	e->looked = jiffies;
	INIT_LIST_HEAD(&e->ready);
	INIT_LIST_HEAD(&e->waiting);
	init_waitqueue_head(&e->work);
	init_waitqueue_head(&e->ended);
}

/**
 * vsvm_engine_start() - start the engines of a device
 * @e: the engines
 * @device: number of the device
 * @n: how many, at most VSVM_MAX_ENGINES
 *
 * Return: 0; -ENOMEM, or -EINTR: the caller is being killed. Then there are none.
 */
int vsvm_engine_start(struct vsvm_engines *e, unsigned int device,
		      unsigned int n)
{
	struct task_struct *thread;
	unsigned int i;

	for (i = 0; i < n; i++) {
		thread = kthread_run(engine, e, "vsvm%u-engine%u", device, i);
		if (IS_ERR(thread)) {
			vsvm_engine_stop(e);
			return PTR_ERR(thread);
		}
		e->threads[e->nr++] = thread;
	}
	spin_lock(&e->lock);
	e->gone = false;
	spin_unlock(&e->lock);
	return 0;
}

/**
 * vsvm_engine_stop() - end the engines
 * @e: the engines
 *
 * Waits for a slice of each at most. Turns that are ready stay so.
 */
void vsvm_engine_stop(struct vsvm_engines *e)
{
	unsigned int i;

	for (i = 0; i < e->nr; i++)
		kthread_stop(e->threads[i]);
}
