/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_WORKER_H
#define VSVM_WORKER_H

#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>

struct task_struct;
struct vsvm_engines;
struct vsvm_turn;
struct vsvm_worker;

/**
 * struct vsvm_worker_ops - what the owner of a worker does
 * @prepare: looks at the turns of @batch before they are served one by one; may wait
 * @serve: works for a turn where it could not go on; may wait, until the worker has a
 *	fatal signal pending
 * @orphaned: true if nobody is left for whom to wait; called from a timer
 * @exit: the worker's last act: drops what it holds of its owner
 */
struct vsvm_worker_ops {
	void (*prepare)(struct vsvm_worker *w, struct list_head *batch);
	void (*serve)(struct vsvm_worker *w, struct vsvm_turn *turn);
	bool (*orphaned)(struct vsvm_worker *w);
	void (*exit)(struct vsvm_worker *w);
};

/**
 * struct vsvm_worker - the fault worker of a file
 * @ops: what the owner does
 * @engines: the engines of the device, whose lock protects the rest
 * @task: the thread, with a reference; NULL: not started
 * @faults: turns that lack a page, the first one longest
 * @wait: the thread, without work
 * @busy: the thread is in @ops, where a signal ends waits, or did not begin yet
 * @stop: the thread is to end
 * @timer: while the thread is busy, asks @orphaned at intervals
 */
struct vsvm_worker {
	const struct vsvm_worker_ops *ops;
	struct vsvm_engines *engines;
	struct task_struct *task;
	struct list_head faults;
	wait_queue_head_t wait;
	bool busy;
	bool stop;
	struct timer_list timer;
};

void vsvm_worker_init(struct vsvm_worker *w, const struct vsvm_worker_ops *ops,
		      struct vsvm_engines *engines);
int vsvm_worker_start(struct vsvm_worker *w, unsigned int device);
void vsvm_worker_add(struct vsvm_worker *w, struct vsvm_turn *turn);
void vsvm_worker_interrupt(struct vsvm_worker *w);
void vsvm_worker_end(struct vsvm_worker *w);
long vsvm_worker_stop(struct vsvm_worker *w, long patience);

#endif /* VSVM_WORKER_H */
