// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event streams: what the device does, told to the process that it does it for.
 *
 * A stream belongs to a client, that is to a process on a device, and to the mm that
 * opened it. An event finds its client through a file's mirror, or through the block of
 * a device page, and is put into the rings of the client's streams. Nothing that tells
 * an event waits: what finds a ring full is counted.
 *
 * Only the mm may read the stream, and only an event of that mm has an address for it.
 * A client may have blocks with pages of other processes, and after exec it is the same
 * client with another mm, while a process that shares the old one may still read.
 *
 * Lifetime: a stream lives as long as its descriptor, whatever becomes of file, client
 * and device; the descriptor has a reference to the module. The client's end, which is
 * after the last file and the last page, ends the stream. Who tells an event goes
 * through the client's list under RCU.
 *
 * Locks: streams_lock for the lists; &vsvm_stream.lock for the ring, a leaf. Both are
 * taken with interrupts off: a client ends in a callback of RCU. &vsvm_stream.reading is
 * taken outside of faults in the reader's buffer.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/vsvm_drm.h>

#include "vsvm_client.h"
#include "vsvm_events.h"
#include "vsvm_inject.h"

/* Records that are copied to the reader at a time. */
#define BATCH	4

/**
 * struct vsvm_stream - an event stream
 * @link: in &vsvm_client.streams; empty: it is in none
 * @client: the client; NULL: there is none yet, or the stream has ended
 * @mm: the mm that opened it; a reference keeps the mm_struct, so that no other mm gets
 *	its address
 * @mask: types that it tells
 * @size: bytes of a record for the reader
 * @room: number of records that it holds
 * @device: number of the device
 * @lock: protects the members from here to @ended
 * @first: number of records that were read
 * @last: number of records that were put in
 * @dropped: number of those that were not, since the last record
 * @when: time of the last one of them
 * @ended: nothing can happen any more
 * @reading: one thread at a time takes records out
 * @wait: readers, and callers that poll
 * @wake: wakes them: there may be any number, which are not for another process to wake
 * @ring: the records, with a place more than @room for one of type DROPPED
 */
struct vsvm_stream {
	struct list_head link;
	struct vsvm_client *client;
	struct mm_struct *mm;
	u64 mask;
	u32 size;
	u32 room;
	u32 device;
	spinlock_t lock; /* first to ended */
	u64 first;
	u64 last;
	u64 dropped;
	u64 when;
	bool ended;
	struct mutex reading; /* the order of what is read */
	wait_queue_head_t wait;
	struct work_struct wake;
	struct drm_vsvm_event ring[];
};

/* Protects the lists of all clients' streams. */
static DEFINE_SPINLOCK(streams_lock);

atomic_t vsvm_events_streams = ATOMIC_INIT(0);

static struct drm_vsvm_event *record_at(struct vsvm_stream *s, u64 n)
{
	return &s->ring[n % (s->room + 1)];
}

/* The record of what is missing; there is a place for it. */
static void put_gap(struct vsvm_stream *s)
{
	lockdep_assert_held(&s->lock);
	*record_at(s, s->last++) = (struct drm_vsvm_event) {
		.time = s->when,
		.size = s->size,
		.type = DRM_VSVM_EVENT_DROPPED,
		.device = s->device,
		.count = s->dropped,
	};
	s->dropped = 0;
}

/* Records the event, or counts it. */
static void put(struct vsvm_stream *s, const struct drm_vsvm_event *e,
		bool known)
{
	struct drm_vsvm_event *r;
	unsigned long flags;
	u64 now;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "client and stream may go");
	spin_lock_irqsave(&s->lock, flags);
	/* Under the lock, so that times grow. */
	now = ktime_get_ns();
	if (s->last - s->first >= s->room) {
		s->dropped++;
		s->when = now;
		goto unlock;
	}
	if (s->dropped)
		put_gap(s);
	r = record_at(s, s->last++);
	*r = *e;
	r->time = now;
	r->size = s->size;
	r->device = s->device;
	if (!known)
		r->addr = 0;
unlock:
	spin_unlock_irqrestore(&s->lock, flags);
	/* Orders the record before the look, as a waiter does it the other way around. */
	if (wq_has_sleeper(&s->wait))
		schedule_work(&s->wake);
}

static void tell(struct vsvm_client *client, const struct mm_struct *mm,
		 const struct drm_vsvm_event *e, bool own)
{
	struct vsvm_stream *s;

	list_for_each_entry_rcu(s, &client->streams, link)
		if (s->mask & BIT_ULL(e->type) && (!own || s->mm == mm))
			put(s, e, s->mm == mm);
}

/**
 * vsvm_events_tell() - tell an event of a client's blocks
 * @client: the client; the caller is in a read-side critical section of RCU
 * @mm: the mm that the address of the event is in; NULL: it has none
 * @e: the event, without time, size and device
 *
 * Streams of another mm get it without the address. Does not sleep.
 */
void vsvm_events_tell(struct vsvm_client *client, const struct mm_struct *mm,
		      const struct drm_vsvm_event *e)
{
	tell(client, mm, e, false);
}

/**
 * vsvm_events_tell_own() - tell an event of a file
 * @client: its client; the caller is in a read-side critical section of RCU
 * @mm: its mm
 * @e: the event, without time, size and device
 *
 * Streams of another mm do not get it. Does not sleep.
 */
void vsvm_events_tell_own(struct vsvm_client *client,
			  const struct mm_struct *mm,
			  const struct drm_vsvm_event *e)
{
	tell(client, mm, e, true);
}

static __poll_t stream_state(struct vsvm_stream *s)
{
	guard(spinlock_irq)(&s->lock);
	return (s->first != s->last || s->dropped ? EPOLLIN | EPOLLRDNORM : 0) |
	       (s->ended ? EPOLLHUP : 0);
}

static void wake(struct work_struct *work)
{
	struct vsvm_stream *s = container_of(work, struct vsvm_stream, wake);

	wake_up_interruptible_poll(&s->wait, stream_state(s));
}

/**
 * vsvm_events_create() - make a stream that is in no client's list
 * @inject: failpoints of the device
 * @mm: the mm that may read it
 * @device: number of the device
 * @arg: what it is to be, checked
 *
 * Return: the stream; NULL: out of memory.
 */
struct vsvm_stream *vsvm_events_create(struct vsvm_inject *inject,
				       struct mm_struct *mm,
				       unsigned int device,
				       const struct drm_vsvm_events *arg)
{
	struct vsvm_stream *s;

	s = VSVM_INJECT(inject, EVENTS, NULL,
			kvzalloc(struct_size(s, ring, arg->records + 1UL),
				 GFP_KERNEL_ACCOUNT));
	if (!s)
		return NULL;
	INIT_LIST_HEAD(&s->link);
	mmgrab(mm);
	s->mm = mm;
	s->mask = arg->mask;
	s->size = arg->size;
	s->room = arg->records;
	s->device = device;
	spin_lock_init(&s->lock);
	mutex_init(&s->reading);
	init_waitqueue_head(&s->wait);
	INIT_WORK(&s->wake, wake);
	atomic_inc(&vsvm_events_streams);
	return s;
}

/**
 * vsvm_events_attach() - have a stream told what happens from now on
 * @client: the client; the caller keeps it
 * @s: the stream
 *
 * Return: 0; -EMFILE: the client has DRM_VSVM_MAX_STREAMS.
 */
int vsvm_events_attach(struct vsvm_client *client, struct vsvm_stream *s)
{
	guard(spinlock_irqsave)(&streams_lock);
	if (client->nr_streams == DRM_VSVM_MAX_STREAMS)
		return -EMFILE;
	client->nr_streams++;
	s->client = client;
	list_add_rcu(&s->link, &client->streams);
	return 0;
}

/**
 * vsvm_events_destroy() - undo vsvm_events_create() and vsvm_events_attach()
 * @s: the stream, which has no descriptor any more, or never had one
 *
 * Waits for a grace period of RCU.
 */
void vsvm_events_destroy(struct vsvm_stream *s)
{
	unsigned long flags;

	spin_lock_irqsave(&streams_lock, flags);
	if (s->client) {
		s->client->nr_streams--;
		list_del_rcu(&s->link);
	}
	spin_unlock_irqrestore(&streams_lock, flags);
	atomic_dec(&vsvm_events_streams);
	/* Nobody tells it an event any more, and so nobody queues the work. */
	synchronize_rcu();
	cancel_work_sync(&s->wake);
	mmdrop(s->mm);
	mutex_destroy(&s->reading);
	kvfree(s);
}

/**
 * vsvm_events_end() - end the streams of a client
 * @client: the client, which is about to be freed; nobody finds it any more
 */
void vsvm_events_end(struct vsvm_client *client)
{
	struct vsvm_stream *s, *next;

	guard(spinlock_irqsave)(&streams_lock);
	list_for_each_entry_safe(s, next, &client->streams, link) {
		list_del_init(&s->link);
		s->client = NULL;
		spin_lock(&s->lock);
		s->ended = true;
		spin_unlock(&s->lock);
		schedule_work(&s->wake);
	}
}

/* What there is to read: how many records, after one of a gap at the end. */
static u64 nr_records(struct vsvm_stream *s)
{
	lockdep_assert_held(&s->lock);
	if (s->first == s->last && s->dropped)
		put_gap(s);
	return s->last - s->first;
}

/* Copies up to BATCH records out, and leaves them in the ring; how many. */
static unsigned int look(struct vsvm_stream *s, struct drm_vsvm_event *out,
			 size_t max)
{
	unsigned int n, i;

	guard(spinlock_irq)(&s->lock);
	n = min3(nr_records(s), (u64)max, (u64)BATCH);
	for (i = 0; i < n; i++)
		out[i] = *record_at(s, s->first + i);
	return n;
}

static bool copy_record(struct vsvm_stream *s, char __user *to,
			const struct drm_vsvm_event *r)
{
	size_t n = min_t(size_t, s->size, sizeof(*r));

	return !copy_to_user(to, r, n) && !clear_user(to + n, s->size - n);
}

/* Takes records out; returns bytes or -EFAULT; 0: there are none. */
static ssize_t take(struct vsvm_stream *s, char __user *buf, size_t max)
{
	struct drm_vsvm_event records[BATCH];
	size_t done = 0;
	unsigned int n, i;

	lockdep_assert_held(&s->reading);
	do {
		n = look(s, records, max - done);
		for (i = 0; i < n; i++)
			if (!copy_record(s, buf + (done + i) * s->size,
					 &records[i]))
				break;
		scoped_guard(spinlock_irq, &s->lock)
			s->first += i;
		done += i;
		if (i < n)
			return done ? done * s->size : -EFAULT;
	} while (n && done < max && !fatal_signal_pending(current));
	return done * s->size;
}

static int lock_reading(struct vsvm_stream *s, bool nonblock)
{
	if (nonblock)
		return mutex_trylock(&s->reading) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&s->reading);
}

static ssize_t stream_read(struct file *filp, char __user *buf, size_t len,
			   loff_t *pos)
{
	struct vsvm_stream *s = filp->private_data;
	bool nonblock = filp->f_flags & O_NONBLOCK;
	__poll_t state;
	ssize_t ret;

	if (s->mm != current->mm)
		return -EPERM;
	if (len < s->size)
		return -EINVAL;
	for (;;) {
		/* Before the look: what is recorded before the end is not missed. */
		state = stream_state(s);
		ret = lock_reading(s, nonblock);
		if (ret)
			return ret;
		ret = take(s, buf, len / s->size);
		mutex_unlock(&s->reading);
		if (ret || state & EPOLLHUP)
			return ret;
		if (nonblock)
			return -EAGAIN;
		ret = wait_event_interruptible(s->wait, stream_state(s));
		if (ret)
			return ret;
	}
}

static __poll_t stream_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct vsvm_stream *s = filp->private_data;

	/* Each event would wake another process, and so tell it when. */
	if (s->mm != current->mm)
		return EPOLLERR;
	poll_wait(filp, &s->wait, wait);
	return stream_state(s);
}

static int stream_release(struct inode *inode, struct file *filp)
{
	vsvm_events_destroy(filp->private_data);
	return 0;
}

static const struct file_operations stream_fops = {
	.owner = THIS_MODULE,
	.read = stream_read,
	.poll = stream_poll,
	.release = stream_release,
};

/**
 * vsvm_events_install() - give a stream its descriptor
 * @s: the stream, which belongs to the descriptor from then on
 * @nonblock: the descriptor has O_NONBLOCK
 *
 * Return: the descriptor; -EMFILE, -ENFILE or -ENOMEM.
 */
int vsvm_events_install(struct vsvm_stream *s, bool nonblock)
{
	return anon_inode_getfd("[vsvm-events]", &stream_fops, s,
				O_RDONLY | O_CLOEXEC |
				(nonblock ? O_NONBLOCK : 0));
}
