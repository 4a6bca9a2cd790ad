/* SPDX-License-Identifier: MIT */
/*
 * vsvm: event streams, which tell a process what the device does for it.
 * drm/vsvm_drm.h includes this, and has the rules and the ioctls.
 */
#ifndef _VSVM_DRM_EVENTS_H_
#define _VSVM_DRM_EVENTS_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Event streams
 *
 * EVENTS gives a descriptor from which the process reads what this device does with its
 * memory: &struct drm_vsvm_event, one after the other, in the order of their times. A
 * stream tells what happens after it was opened, on the device of the file that it was
 * opened through, to all files of the process on that device. It has no parent: the file
 * may be closed.
 *
 * read() returns whole records, as many as there are and as the buffer has room for. It
 * waits for the first one, interruptibly, or fails with EAGAIN where the descriptor has
 * O_NONBLOCK. poll() says POLLIN while there is something to read.
 *
 * The records of a stream are in a ring. When it is full, what happens next is not
 * recorded but counted: nothing that the device does waits for a reader. A record of the
 * type DROPPED is where the gap is, and says how many records are missing there.
 *
 * A stream ends when nothing can happen any more: the process has closed its last file
 * of the device, or the device was unplugged, and none of its pages is on the device.
 * read() then returns what is left, and after that 0. poll() says POLLHUP as soon as the
 * stream has ended.
 *
 * A stream belongs to the address space that opened it, as a file does. For all others
 * read() fails with EPERM, and poll() says POLLERR.
 *
 * What a stream tells of memory that the process shares with others: a fork leaves pages
 * in two processes, and the pages of small blocks of device memory may be of two. Where
 * a CPU of another process touches such a page, the stream of the process that has the
 * block gets the event without an address. Eviction and unplug go by device page, and
 * know no address at all.
 *
 * Errors of read(): EINVAL: the buffer is smaller than a record; EFAULT: it cannot be
 * written; EAGAIN; EPERM; EINTR: a signal was delivered. Records that were not copied
 * stay.
 */

/** DRM_VSVM_MAX_STREAMS: most event streams of one process, on each device */
#define DRM_VSVM_MAX_STREAMS	8U
/** DRM_VSVM_MAX_RECORDS: most records that the ring of a stream may have */
#define DRM_VSVM_MAX_RECORDS	16384U
/** DRM_VSVM_MIN_RECORD_SIZE: bytes of a record in the first version that had any */
#define DRM_VSVM_MIN_RECORD_SIZE	88U
/** DRM_VSVM_MAX_RECORD_SIZE: most bytes that a caller may want of a record */
#define DRM_VSVM_MAX_RECORD_SIZE	256U

/**
 * enum drm_vsvm_cause - why pages move
 */
enum drm_vsvm_cause {
	/** @DRM_VSVM_CAUSE_EXPLICIT: MIGRATE or PREFETCH asked for it */
	DRM_VSVM_CAUSE_EXPLICIT = 0,
	/**
	 * @DRM_VSVM_CAUSE_DEVICE_FAULT: a device access: a write breaks copy-on-write,
	 * which core mm does in system memory
	 */
	DRM_VSVM_CAUSE_DEVICE_FAULT,
	/** @DRM_VSVM_CAUSE_CPU_FAULT: a CPU touched a page of private device memory */
	DRM_VSVM_CAUSE_CPU_FAULT,
	/** @DRM_VSVM_CAUSE_EVICTION: the device was full, or the host short of memory */
	DRM_VSVM_CAUSE_EVICTION,
	/** @DRM_VSVM_CAUSE_UNPLUG: the device is being unplugged */
	DRM_VSVM_CAUSE_UNPLUG,
	/** @DRM_VSVM_CAUSES: number of causes */
	DRM_VSVM_CAUSES,
};

/*
 * The word for each cause, as libvsvm, tracepoints and commands print it; see
 * DRM_VSVM_STAY_WORDS.
 */
#define DRM_VSVM_CAUSE_WORDS(each, last)	\
	each(EXPLICIT, "explicit")		\
	each(DEVICE_FAULT, "device-fault")	\
	each(CPU_FAULT, "cpu-fault")		\
	each(EVICTION, "eviction")		\
	last(UNPLUG, "unplug")

/**
 * enum drm_vsvm_event_type - what happened
 *
 * Each type lists the fields of &struct drm_vsvm_event that it has besides @time, @size,
 * @type and @device; the others are zero.
 */
enum drm_vsvm_event_type {
	/**
	 * @DRM_VSVM_EVENT_DROPPED: records are missing here, because the ring was full:
	 * @count. @time is that of the last one that is missing. Not in a mask: every
	 * stream has it
	 */
	DRM_VSVM_EVENT_DROPPED = 0,
	/**
	 * @DRM_VSVM_EVENT_DEVICE_FAULT: an access of the device did not find its page in
	 * the device page table: @cause (device-fault), @file, @addr where it began,
	 * @bytes that are in the table now, @access, @error
	 */
	DRM_VSVM_EVENT_DEVICE_FAULT,
	/**
	 * @DRM_VSVM_EVENT_CPU_FAULT: a CPU touched a page of device memory: @cause
	 * (cpu-fault; device-fault where it is a write of the device that breaks
	 * copy-on-write), @addr, @bytes that are to migrate, @order of the page
	 */
	DRM_VSVM_EVENT_CPU_FAULT,
	/**
	 * @DRM_VSVM_EVENT_MIGRATE: pages moved: @cause, @target, @bytes, @order; @addr
	 * where the range begins in which they are, which is 2 MiB at most; @file if the
	 * cause is explicit, or device-fault to the device. With the cause eviction and
	 * the target device, they moved from one block to another
	 */
	DRM_VSVM_EVENT_MIGRATE,
	/**
	 * @DRM_VSVM_EVENT_EVICT: a block of device memory lost pages, to make room or
	 * because the device is unplugged: @cause, @bytes, @count of pages that stayed
	 */
	DRM_VSVM_EVENT_EVICT,
	/**
	 * @DRM_VSVM_EVENT_PREFETCH: a PREFETCH command of a queue is done: @file, @queue,
	 * @seq, @addr, @target, @bytes that moved
	 */
	DRM_VSVM_EVENT_PREFETCH,
	/**
	 * @DRM_VSVM_EVENT_THRASH_BEGIN: a piece that came to the device again and again
	 * is used in place from here on: @cause (device-fault), @addr, @bytes of the
	 * piece, @file. With no @bytes: the device is too small for what it uses through
	 * the file, and nothing makes room for what it lacks from here on
	 */
	DRM_VSVM_EVENT_THRASH_BEGIN,
	/**
	 * @DRM_VSVM_EVENT_THRASH_END: such a piece may move again, or memory makes room
	 * again: the same
	 */
	DRM_VSVM_EVENT_THRASH_END,
	/**
	 * @DRM_VSVM_EVENT_QUEUE_LOST: a queue is lost: @file, @queue, @seq of the job or
	 * 0, @addr, @access, @error
	 */
	DRM_VSVM_EVENT_QUEUE_LOST,
	/** @DRM_VSVM_EVENT_TYPES: number of types */
	DRM_VSVM_EVENT_TYPES,
};

/* The word for each type, as libvsvm and commands print it; see DRM_VSVM_STAY_WORDS. */
#define DRM_VSVM_EVENT_WORDS(each, last)	\
	each(DROPPED, "dropped")		\
	each(DEVICE_FAULT, "device-fault")	\
	each(CPU_FAULT, "cpu-fault")		\
	each(MIGRATE, "migrate")		\
	each(EVICT, "evict")			\
	each(PREFETCH, "prefetch")		\
	each(THRASH_BEGIN, "thrash-begin")	\
	each(THRASH_END, "thrash-end")		\
	last(QUEUE_LOST, "queue-lost")

/** DRM_VSVM_EVENTS_ALL: mask of all types that a mask may have */
#define DRM_VSVM_EVENTS_ALL	\
	((1ULL << DRM_VSVM_EVENT_TYPES) - 1 - (1ULL << DRM_VSVM_EVENT_DROPPED))

/**
 * struct drm_vsvm_event - a record of an event stream
 *
 * Later versions may add fields at the end; &drm_vsvm_events.size keeps their records
 * readable for who does not know them.
 */
struct drm_vsvm_event {
	/** @time: when it happened, ns of CLOCK_MONOTONIC; never less than before */
	__u64 time;
	/** @size: bytes of this record, as asked for: the next one follows there */
	__u32 size;
	/** @type: one of &enum drm_vsvm_event_type; skip what is not known */
	__u32 type;
	/** @device: number of the device */
	__u32 device;
	/** @cause: one of &enum drm_vsvm_cause */
	__u32 cause;
	/** @addr: first address, or 0: not known, or that of another process */
	__u64 addr;
	/** @bytes: bytes that it was about */
	__u64 bytes;
	/** @file: the file that it came through, drm-client-id in its fdinfo; or 0 */
	__u64 file;
	/** @seq: number of the job in its queue */
	__u64 seq;
	/** @count: DROPPED: records that are missing; EVICT: pages that stayed */
	__u64 count;
	/** @queue: number of the queue in its file */
	__u32 queue;
	/** @target: one of &enum drm_vsvm_target */
	__u32 target;
	/** @access: one of &enum drm_vsvm_queue_access */
	__u32 access;
	/** @order: log2 of the number of small pages in the largest page */
	__u32 order;
	/** @error: why it failed, a positive errno; 0: it did not */
	__u32 error;
	/** @pad: zero */
	__u32 pad;
};

/** DRM_VSVM_EVENTS_NONBLOCK: the descriptor has O_NONBLOCK */
#define DRM_VSVM_EVENTS_NONBLOCK	(1U << 0)

/**
 * struct drm_vsvm_events - open an event stream
 *
 * Memory for the ring is charged to the caller.
 *
 * Errors:
 *
 * - EINVAL: @mask is zero or has an unknown type, @records is zero or above
 *   DRM_VSVM_MAX_RECORDS, or @size is below DRM_VSVM_MIN_RECORD_SIZE, above
 *   DRM_VSVM_MAX_RECORD_SIZE or no multiple of 8.
 * - EMFILE: the process has DRM_VSVM_MAX_STREAMS streams of this device, or too many
 *   open files.
 */
struct drm_vsvm_events {
	/** @mask: in, which types to tell: 1 << &enum drm_vsvm_event_type; not DROPPED */
	__u64 mask;
	/** @records: in, how many records the ring has */
	__u32 records;
	/**
	 * @size: in, bytes of a record: sizeof(struct drm_vsvm_event). What the driver's
	 * records have beyond it is left out; where it is larger, the rest is zero
	 */
	__u32 size;
	/** @flags: in, 0 or DRM_VSVM_EVENTS_NONBLOCK */
	__u32 flags;
	/** @fd: out, the stream, with O_CLOEXEC; -1 on failure */
	__s32 fd;
};

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_DRM_EVENTS_H_ */
