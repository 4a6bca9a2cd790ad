/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_ENGINE_H
#define VSVM_ENGINE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct task_struct;
struct vsvm_turn;

#define VSVM_MAX_ENGINES	8U

/**
 * enum vsvm_turn_state - where a turn is
 * @VSVM_TURN_IDLE: on no list, has nothing to do
 * @VSVM_TURN_READY: in &vsvm_engines.ready
 * @VSVM_TURN_RUNS: an engine runs it
 * @VSVM_TURN_WAITS: in &vsvm_engines.waiting
 * @VSVM_TURN_FAULTS: in the list of its fault worker
 * @VSVM_TURN_SERVED: its fault worker works for it
 * @VSVM_TURN_GONE: on no list, and never again
 */
enum vsvm_turn_state {
	VSVM_TURN_IDLE,
	VSVM_TURN_READY,
	VSVM_TURN_RUNS,
	VSVM_TURN_WAITS,
	VSVM_TURN_FAULTS,
	VSVM_TURN_SERVED,
	VSVM_TURN_GONE,
};

/**
 * struct vsvm_turn_ops - what a turn does
 * @run: work for one slice, without waiting for anything but locks; returns the state
 *	that follows: READY, IDLE, WAITS or FAULTS
 * @faults: takes a turn that faults to its fault worker; called with &vsvm_engines.lock
 *	held
 */
struct vsvm_turn_ops {
	enum vsvm_turn_state (*run)(struct vsvm_turn *turn);
	void (*faults)(struct vsvm_turn *turn);
};

/**
 * struct vsvm_turn - the place of a queue in the round
 * @ops: what it does
 * @link: in the list that @state says
 * @state: where it is
 * @more: it was given work while it ran
 * @cancelled: it must end; also read without the lock
 * @key: what it waits for is changed by who has this key
 * @due: WAITS: when to look again, in jiffies
 * @pause: time between two looks, in jiffies
 *
 * Protected by &vsvm_engines.lock.
 */
struct vsvm_turn {
	const struct vsvm_turn_ops *ops;
	struct list_head link;
	enum vsvm_turn_state state;
	bool more;
	bool cancelled;
	const void *key;
	unsigned long due;
	unsigned long pause;
};

/**
 * struct vsvm_engines - the engines of a device
 * @lock: protects all turns of the device, their queues' numbers, and the lists of fault
 *	workers; a leaf, never held at work
 * @gone: the device is being unplugged, or was not plugged in: no new turns
 * @ready: turns that can run, the next one first
 * @waiting: turns that look again later
 * @looked: when turns in @waiting were looked at, in jiffies
 * @work: engines without a turn
 * @ended: threads that wait for the end of a turn
 * @threads: the engines
 * @nr: number of engines
 * @running: number of those that run a turn
 */
struct vsvm_engines {
	spinlock_t lock; /* turns, queues' numbers, fault workers */
	bool gone;
	struct list_head ready;
	struct list_head waiting;
	unsigned long looked;
	wait_queue_head_t work;
	wait_queue_head_t ended;
	struct task_struct *threads[VSVM_MAX_ENGINES];
	unsigned int nr;
	unsigned int running;
};

void vsvm_engine_init(struct vsvm_engines *e);
int vsvm_engine_start(struct vsvm_engines *e, unsigned int device,
		      unsigned int n);
void vsvm_engine_stop(struct vsvm_engines *e);
void vsvm_engine_ready(struct vsvm_engines *e, struct vsvm_turn *turn);
void vsvm_engine_wake(struct vsvm_engines *e, const void *key);
void vsvm_engine_end(struct vsvm_engines *e, struct vsvm_turn *turn,
		     enum vsvm_turn_state state);
bool vsvm_engine_cancel(struct vsvm_engines *e, struct vsvm_turn *turn);
int vsvm_engine_wait(struct vsvm_engines *e, struct vsvm_turn *turn);

#endif /* VSVM_ENGINE_H */
