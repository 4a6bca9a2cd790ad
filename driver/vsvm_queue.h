/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_QUEUE_H
#define VSVM_QUEUE_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <drm/vsvm_drm.h>

#include "vsvm_command.h"
#include "vsvm_engine.h"
#include "vsvm_helper.h"
#include "vsvm_rv.h"
#include "vsvm_worker.h"

struct eventfd_ctx;
struct seq_file;
struct vsvm_purse;
struct vsvm_queues;
struct vsvm_vm;

/**
 * struct vsvm_slot - a command in a queue
 * @c: the command, checked
 * @event: of SIGNAL: a reference to the eventfd, or NULL
 * @purse: of PREFETCH: pays for device memory, or NULL
 * @seq: sequence number of its job
 * @last: it is the last of its job
 */
struct vsvm_slot {
	struct drm_vsvm_command c;
	struct eventfd_ctx *event;
	struct vsvm_purse *purse;
	u64 seq;
	bool last;
};

/**
 * struct vsvm_queue - a queue
 * @refs: the file's set has one, and each call and the fault worker while they use it
 * @set: the queues of the file
 * @turn: its place in the round
 * @id: its number in the file
 * @priority: &enum drm_vsvm_priority
 * @nr_slots: number of slots
 * @slots: ring of the commands, with room for one more than @nr_slots
 * @submit: one thread at a time fills slots; taken outside of faults in the caller's
 *	memory, killable
 * @head: number of commands that were submitted
 * @tail: number of commands that are done
 * @signals: the command at @tail is a SIGNAL that has begun: its slot counts as free
 * @submitted: sequence number of the last job that was submitted
 * @done: sequence number of the last job that is done
 * @error: why the queue is lost, a positive errno; 0: it is not
 * @access: &enum drm_vsvm_queue_access of the access that failed
 * @addr: its address
 * @lost: sequence number of its job
 * @busy: nanoseconds that engines worked for it
 * @faults: number of times that it went to the fault worker
 * @prefetched: how far PREFETCH is
 * @returned: what the last RUN returned that is done
 * @pc: RUN: where it was when the queue was lost
 * @progress: of the command at @tail; belongs to who runs the turn
 * @rv: the program of RUN; belongs likewise
 * @started: sequence number of the last job that began; belongs likewise
 * @stalled: since when, in jiffies, the host has no memory for it; 0: it has
 *
 * @head to @pc are protected by &vsvm_engines.lock.
 */
struct vsvm_queue {
	struct kref refs;
	struct vsvm_queues *set;
	struct vsvm_turn turn;
	u32 id;
	u32 priority;
	u32 nr_slots;
	struct vsvm_slot *slots;
	struct mutex submit; /* free slots */
	u64 head;
	u64 tail;
	bool signals;
	u64 submitted;
	u64 done;
	int error;
	u32 access;
	u64 addr;
	u64 lost;
	u64 busy;
	u64 faults;
	struct vsvm_prefetched prefetched;
	u64 returned;
	u64 pc;
	struct vsvm_progress progress;
	struct vsvm_rv rv;
	u64 started;
	unsigned long stalled;
};

/**
 * struct vsvm_queues - the queues of a file
 * @vm: the file's address space
 * @engines: the engines of its device
 * @table: &struct vsvm_queue by number
 * @lock: serializes making and destroying queues
 * @nr: number of queues
 * @nr_lost: number of those that are lost; protected by &vsvm_engines.lock
 * @busy: nanoseconds that engines worked for the file; protected likewise
 * @nr_events: number of eventfds that commands hold
 * @closed: the file is closed, or the device unplugged: the work must end
 * @worker: the fault worker
 * @helpers: threads that help it with a large PREFETCH
 * @lost: threads that poll the file
 */
struct vsvm_queues {
	struct vsvm_vm *vm;
	struct vsvm_engines *engines;
	struct xarray table;
	struct mutex lock; /* table, nr */
	unsigned int nr;
	unsigned int nr_lost;
	u64 busy;
	atomic_t nr_events;
	bool closed;
	struct vsvm_worker worker;
	struct vsvm_helpers helpers;
	wait_queue_head_t lost;
};

void vsvm_queue_init(struct vsvm_queues *set, struct vsvm_vm *vm,
		     struct vsvm_engines *engines);
void vsvm_queue_exit(struct vsvm_queues *set);
int vsvm_queue_create(struct vsvm_queues *set,
		      struct drm_vsvm_queue_create *arg);
void vsvm_queue_helps(struct vsvm_queues *set);
int vsvm_queue_destroy(struct vsvm_queues *set, u32 id);
struct vsvm_queue *vsvm_queue_get(struct vsvm_queues *set, u32 id);
void vsvm_queue_put(struct vsvm_queue *q);
int vsvm_queue_submit_begin(struct vsvm_queue *q, u32 n);
struct vsvm_slot *vsvm_queue_slot(struct vsvm_queue *q, u32 i);
int vsvm_queue_submit_end(struct vsvm_queue *q, u32 n, u64 *seq);
void vsvm_queue_submit_drop(struct vsvm_queue *q, u32 n);
void vsvm_queue_status(struct vsvm_queue *q,
		       struct drm_vsvm_queue_status *status);
void vsvm_queue_show(struct vsvm_queues *set, struct seq_file *m);
int vsvm_queue_wait(struct vsvm_queues *set, struct vsvm_queue *q,
		    const struct drm_vsvm_wait *wait);
void vsvm_queue_close(struct vsvm_queues *set);
void vsvm_queue_unplug(struct vsvm_queues *set);

/* The slot of command number @i, from 0. */
static inline struct vsvm_slot *vsvm_queue_slot_at(const struct vsvm_queue *q,
						   u64 i)
{
	return &q->slots[i % (q->nr_slots + 1)];
}

/* True if a queue of the file is lost; read without a lock. */
static inline bool vsvm_queue_is_lost(const struct vsvm_queues *set)
{
	return READ_ONCE(set->nr_lost);
}

/* Nanoseconds that engines worked for the file. Takes &vsvm_engines.lock. */
static inline u64 vsvm_queue_busy(const struct vsvm_queues *set)
{
	u64 busy;

	spin_lock(&set->engines->lock);
	busy = set->busy;
	spin_unlock(&set->engines->lock);
	return busy;
}

#endif /* VSVM_QUEUE_H */
