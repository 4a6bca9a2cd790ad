/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in the system "vsvm". Every field is a number; the format file of each
 * event gives the meanings, for perf and bpftrace. Sizes are in bytes unless the name
 * says pages.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vsvm

#if !defined(VSVM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VSVM_TRACE_H

#include <linux/mmu_notifier.h>
#include <linux/pid.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_mirror.h"
#include "vsvm_stats.h"
#include "vsvm_vm.h"

#define VSVM_TRACE_CAUSE_ENUM(cause, word)	TRACE_DEFINE_ENUM(DRM_VSVM_CAUSE_##cause);
DRM_VSVM_CAUSE_WORDS(VSVM_TRACE_CAUSE_ENUM, VSVM_TRACE_CAUSE_ENUM)

#define VSVM_TRACE_CAUSE(cause, word)		{ DRM_VSVM_CAUSE_##cause, word },
#define VSVM_TRACE_LAST_CAUSE(cause, word)	{ DRM_VSVM_CAUSE_##cause, word }
#define vsvm_trace_cause(value)						\
	__print_symbolic(value, DRM_VSVM_CAUSE_WORDS(VSVM_TRACE_CAUSE,	\
						     VSVM_TRACE_LAST_CAUSE))

TRACE_DEFINE_ENUM(DRM_VSVM_TARGET_SYSTEM);
TRACE_DEFINE_ENUM(DRM_VSVM_TARGET_DEVICE);

#define vsvm_trace_target(value)					\
	__print_symbolic(value,						\
			 { DRM_VSVM_TARGET_SYSTEM, "home" },		\
			 { DRM_VSVM_TARGET_DEVICE, "device" })

#define VSVM_TRACE_REASON(reason, word)	TRACE_DEFINE_ENUM(DRM_VSVM_STAY_##reason);
DRM_VSVM_STAY_WORDS(VSVM_TRACE_REASON, VSVM_TRACE_REASON)

#define VSVM_TRACE_STAY(reason, word)		{ DRM_VSVM_STAY_##reason, word },
#define VSVM_TRACE_LAST_STAY(reason, word)	{ DRM_VSVM_STAY_##reason, word }
#define vsvm_trace_stay(value)						\
	__print_symbolic(value, DRM_VSVM_STAY_WORDS(VSVM_TRACE_STAY,	\
						    VSVM_TRACE_LAST_STAY))

TRACE_DEFINE_ENUM(VSVM_NEED_NONE);
TRACE_DEFINE_ENUM(VSVM_NEED_READ);
TRACE_DEFINE_ENUM(VSVM_NEED_WRITE);
TRACE_DEFINE_ENUM(VSVM_NEED_EXCLUSIVE);

#define vsvm_trace_need(value)						\
	__print_symbolic(value,						\
			 { VSVM_NEED_NONE, "none" },			\
			 { VSVM_NEED_READ, "read" },			\
			 { VSVM_NEED_WRITE, "write" },			\
			 { VSVM_NEED_EXCLUSIVE, "exclusive" })

TRACE_DEFINE_ENUM(MMU_NOTIFY_UNMAP);
TRACE_DEFINE_ENUM(MMU_NOTIFY_CLEAR);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_VMA);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_PAGE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_SOFT_DIRTY);
TRACE_DEFINE_ENUM(MMU_NOTIFY_RELEASE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_MIGRATE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_EXCLUSIVE);

#define vsvm_trace_event(value)						\
	__print_symbolic(value,						\
			 { MMU_NOTIFY_UNMAP, "unmap" },			\
			 { MMU_NOTIFY_CLEAR, "clear" },			\
			 { MMU_NOTIFY_PROTECTION_VMA, "protection-vma" }, \
			 { MMU_NOTIFY_PROTECTION_PAGE, "protection-page" }, \
			 { MMU_NOTIFY_SOFT_DIRTY, "soft-dirty" },	\
			 { MMU_NOTIFY_RELEASE, "release" },		\
			 { MMU_NOTIFY_MIGRATE, "migrate" },		\
			 { MMU_NOTIFY_EXCLUSIVE, "exclusive" })

/* A device access faulted pages in, or failed with an error. */
TRACE_EVENT(vsvm_device_fault,
	    TP_PROTO(unsigned int device, unsigned long addr, u64 pages,
		     enum vsvm_need need, unsigned int tries, int error),
	    TP_ARGS(device, addr, pages, need, tries, error),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, pages)
			     __field(u32, device)
			     __field(u32, need)
			     __field(u32, tries)
			     __field(s32, error)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->pages = pages;
			   __entry->device = device;
			   __entry->need = need;
			   __entry->tries = tries;
			   __entry->error = error),
	    TP_printk("device=%u addr=0x%llx pages=%llu need=%s tries=%u error=%d",
		      __entry->device, __entry->addr, __entry->pages,
		      vsvm_trace_need(__entry->need), __entry->tries,
		      __entry->error)
);

/* A CPU touched a device page; the pages of [start, start + bytes) are to migrate. */
TRACE_EVENT(vsvm_cpu_fault,
	    TP_PROTO(unsigned int device, enum vsvm_cause cause, unsigned long addr,
		     unsigned long start, unsigned long bytes, unsigned int order),
	    TP_ARGS(device, cause, addr, start, bytes, order),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, start)
			     __field(u64, bytes)
			     __field(u32, device)
			     __field(u32, cause)
			     __field(u32, order)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->start = start;
			   __entry->bytes = bytes;
			   __entry->device = device;
			   __entry->cause = cause;
			   __entry->order = order),
	    TP_printk("device=%u cause=%s addr=0x%llx start=0x%llx bytes=%llu order=%u",
		      __entry->device, vsvm_trace_cause(__entry->cause),
		      __entry->addr, __entry->start, __entry->bytes,
		      __entry->order)
);

/*
 * A pass that moves a range of at most 2 MiB. addr is an address in the current
 * process. Eviction and unplug know no process: there it is the index in the device of
 * the block's first page.
 */
TRACE_EVENT(vsvm_migrate_begin,
	    TP_PROTO(unsigned int device, enum vsvm_cause cause,
		     enum drm_vsvm_target target, u64 addr, u64 bytes),
	    TP_ARGS(device, cause, target, addr, bytes),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, bytes)
			     __field(u32, device)
			     __field(u32, cause)
			     __field(u32, target)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->bytes = bytes;
			   __entry->device = device;
			   __entry->cause = cause;
			   __entry->target = target),
	    TP_printk("device=%u cause=%s target=%s addr=0x%llx bytes=%llu",
		      __entry->device, vsvm_trace_cause(__entry->cause),
		      vsvm_trace_target(__entry->target), __entry->addr,
		      __entry->bytes)
);

/* The end of the pass; order is the largest order of the pages that moved. */
TRACE_EVENT(vsvm_migrate_end,
	    TP_PROTO(unsigned int device, enum vsvm_cause cause,
		     enum drm_vsvm_target target, u64 addr, u64 moved,
		     unsigned int order, u64 stayed_pages),
	    TP_ARGS(device, cause, target, addr, moved, order, stayed_pages),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, moved)
			     __field(u64, stayed_pages)
			     __field(u32, device)
			     __field(u32, cause)
			     __field(u32, target)
			     __field(u32, order)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->moved = moved;
			   __entry->stayed_pages = stayed_pages;
			   __entry->device = device;
			   __entry->cause = cause;
			   __entry->target = target;
			   __entry->order = order),
	    TP_printk("device=%u cause=%s target=%s addr=0x%llx moved=%llu order=%u stayed_pages=%llu",
		      __entry->device, vsvm_trace_cause(__entry->cause),
		      vsvm_trace_target(__entry->target), __entry->addr,
		      __entry->moved, __entry->order, __entry->stayed_pages)
);

/* Neighbouring pages that were to move and stayed; addr as in vsvm_migrate_begin. */
TRACE_EVENT(vsvm_stay,
	    TP_PROTO(unsigned int device, enum vsvm_cause cause, u64 addr,
		     u64 pages, enum drm_vsvm_stay reason),
	    TP_ARGS(device, cause, addr, pages, reason),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, pages)
			     __field(u32, device)
			     __field(u32, cause)
			     __field(u32, reason)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->pages = pages;
			   __entry->device = device;
			   __entry->cause = cause;
			   __entry->reason = reason),
	    TP_printk("device=%u cause=%s addr=0x%llx pages=%llu reason=%s",
		      __entry->device, vsvm_trace_cause(__entry->cause),
		      __entry->addr, __entry->pages,
		      vsvm_trace_stay(__entry->reason))
);

/*
 * The notifier cleared [start, end) in a device page table. owner is the process whose
 * table and addresses they are, by its number in the initial namespace: eviction, which
 * knows no address, invalidates in the thread that needs the room.
 */
TRACE_EVENT(vsvm_invalidate,
	    TP_PROTO(const struct vsvm_mirror *m, unsigned long start, unsigned long end,
		     enum mmu_notifier_event event, unsigned long pages),
	    TP_ARGS(m, start, end, event, pages),
	    TP_STRUCT__entry(__field(u64, start)
			     __field(u64, end)
			     __field(u64, pages)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, event)),
	    TP_fast_assign(__entry->start = start;
			   __entry->end = end;
			   __entry->pages = pages;
			   __entry->device = m->device;
			   __entry->owner = pid_nr(container_of(m, struct vsvm_vm,
								mirror)->owner);
			   __entry->event = event),
	    TP_printk("device=%u owner=%d start=0x%llx end=0x%llx event=%s pages=%llu",
		      __entry->device, __entry->owner, __entry->start, __entry->end,
		      vsvm_trace_event(__entry->event), __entry->pages)
);

/* A piece came to the device again and again, and is used in place for a time. */
TRACE_EVENT(vsvm_thrash,
	    TP_PROTO(unsigned int device, unsigned long addr, u64 cost_ns,
		     u64 rest_ns),
	    TP_ARGS(device, addr, cost_ns, rest_ns),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, cost_ns)
			     __field(u64, rest_ns)
			     __field(u32, device)),
	    TP_fast_assign(__entry->addr = addr;
			   __entry->cost_ns = cost_ns;
			   __entry->rest_ns = rest_ns;
			   __entry->device = device),
	    TP_printk("device=%u addr=0x%llx cost_ns=%llu rest_ns=%llu",
		      __entry->device, __entry->addr, __entry->cost_ns,
		      __entry->rest_ns)
);

/* A block was to be evicted: number of its pages, and of those that moved. */
TRACE_EVENT(vsvm_evict,
	    TP_PROTO(unsigned int device, enum vsvm_cause cause,
		     unsigned long block, unsigned long pages, unsigned long moved),
	    TP_ARGS(device, cause, block, pages, moved),
	    TP_STRUCT__entry(__field(u64, block)
			     __field(u64, pages)
			     __field(u64, moved_pages)
			     __field(u32, device)
			     __field(u32, cause)),
	    TP_fast_assign(__entry->block = block;
			   __entry->pages = pages;
			   __entry->moved_pages = moved;
			   __entry->device = device;
			   __entry->cause = cause),
	    TP_printk("device=%u cause=%s block=%llu pages=%llu moved_pages=%llu",
		      __entry->device, vsvm_trace_cause(__entry->cause),
		      __entry->block, __entry->pages, __entry->moved_pages)
);

TRACE_DEFINE_ENUM(DRM_VSVM_ACCESS_NONE);
TRACE_DEFINE_ENUM(DRM_VSVM_ACCESS_READ);
TRACE_DEFINE_ENUM(DRM_VSVM_ACCESS_WRITE);
TRACE_DEFINE_ENUM(DRM_VSVM_ACCESS_ATOMIC);
TRACE_DEFINE_ENUM(DRM_VSVM_ACCESS_FETCH);

#define vsvm_trace_access(value)					\
	__print_symbolic(value,						\
			 { DRM_VSVM_ACCESS_NONE, "none" },		\
			 { DRM_VSVM_ACCESS_READ, "read" },		\
			 { DRM_VSVM_ACCESS_WRITE, "write" },		\
			 { DRM_VSVM_ACCESS_ATOMIC, "atomic" },		\
			 { DRM_VSVM_ACCESS_FETCH, "fetch" })

/*
 * The events of a queue. owner is the process that opened the file, by its number in the
 * initial namespace; seq is the job's.
 */

/* A job was accepted. */
TRACE_EVENT(vsvm_queue_submit,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq, u32 commands),
	    TP_ARGS(q, seq, commands),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)
			     __field(u32, commands)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id;
			   __entry->commands = commands),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu commands=%u",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq, __entry->commands)
);

/* The first command of a job begins. */
TRACE_EVENT(vsvm_queue_start,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq),
	    TP_ARGS(q, seq),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq)
);

/* The queue lacks a page, and goes to the fault worker. PREFETCH needs none there. */
TRACE_EVENT(vsvm_queue_fault,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq,
		     const struct vsvm_progress *p),
	    TP_ARGS(q, seq, p),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u64, addr)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)
			     __field(u32, need)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->addr = p->addr;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id;
			   __entry->need = p->need),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu addr=0x%llx need=%s",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq, __entry->addr, vsvm_trace_need(__entry->need))
);

/* The fault worker did the step, or failed; after EINTR and ENOMEM it may do it again. */
TRACE_EVENT(vsvm_queue_served,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq, int error),
	    TP_ARGS(q, seq, error),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)
			     __field(s32, error)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id;
			   __entry->error = error),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu error=%d",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq, __entry->error)
);

/* SIGNAL stored its word; nobody was woken for it yet. */
TRACE_EVENT(vsvm_queue_fence,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq, u64 addr, u64 value),
	    TP_ARGS(q, seq, addr, value),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u64, addr)
			     __field(u64, value)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->addr = addr;
			   __entry->value = value;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu addr=0x%llx value=0x%llx",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq, __entry->addr, __entry->value)
);

/* The queue is lost; seq is 0 if it had no job. */
TRACE_EVENT(vsvm_queue_lost,
	    TP_PROTO(const struct vsvm_queue *q, u64 seq, u64 addr, u32 access,
		     int error),
	    TP_ARGS(q, seq, addr, access, error),
	    TP_STRUCT__entry(__field(u64, seq)
			     __field(u64, addr)
			     __field(u32, device)
			     __field(s32, owner)
			     __field(u32, queue)
			     __field(u32, access)
			     __field(s32, error)),
	    TP_fast_assign(__entry->seq = seq;
			   __entry->addr = addr;
			   __entry->device = q->set->vm->mirror.device;
			   __entry->owner = pid_nr(q->set->vm->owner);
			   __entry->queue = q->id;
			   __entry->access = access;
			   __entry->error = error),
	    TP_printk("device=%u owner=%d queue=%u seq=%llu addr=0x%llx access=%s error=%d",
		      __entry->device, __entry->owner, __entry->queue,
		      __entry->seq, __entry->addr,
		      vsvm_trace_access(__entry->access), __entry->error)
);

#endif /* VSVM_TRACE_H */

/* define_trace.h finds it through -I$(src). */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE vsvm_trace
#include <trace/define_trace.h>
