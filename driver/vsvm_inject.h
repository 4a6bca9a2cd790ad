/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_INJECT_H
#define VSVM_INJECT_H

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <drm/vsvm_inject.h>

struct mm_struct;
struct task_struct;

/* What a failpoint can be armed for: to fail, to pause its callers, or either. */
#define VSVM_CAN_FAIL	BIT(0)
#define VSVM_CAN_PAUSE	BIT(1)
#define VSVM_CAN_BOTH	(VSVM_CAN_FAIL | VSVM_CAN_PAUSE)

/*
 * The failpoints, as P(NAME, what it can do, "its name in user space"). The comment
 * says what fails, or which step follows a pause. The letters are the locks that a
 * paused caller holds: m: mmap_lock for reading, f: the locks of the folios that move,
 * e: evict_lock, when room is made. At a failpoint with m or e the caller is also
 * inside drm_dev_enter(), so unplug waits for it, except at EXCLUSIVE_TAKEN, at HMM and
 * in a CPU fault. Unplug resumes all paused callers before it waits.
 *
 * A failure has the result that a real one has:
 *
 * - no memory for what a call needs itself: ENOMEM, with the progress so far; at OPEN,
 *   the PROBE failpoints and MMAP, open(), bind and mmap() fail with it
 * - a page gets no destination or its copy fails: it stays, and may move in another
 *   pass of the same call; DRM_VSVM_STAY_BUSY otherwise. A CPU that faulted on it
 *   faults again
 * - a wait for a lock was interrupted: EINTR although no signal is pending, or less is
 *   done (HOLE_LOCK, EVICT_LOCK)
 * - the mapping changed meanwhile: the step is tried again, for DRM_VSVM_STALL_SECONDS
 *   at most
 * - a copy from or to the caller's buffer stops in the middle: the call faults the
 *   buffer in and continues
 * - no room could be made: DRM_VSVM_STAY_DEVICE_FULL
 * - a page of a program is not in the device page table: it faults
 * - FAULT_WINDOW: only the 16 pages around the fault migrate
 * - FAULT_SETUP: SIGBUS for the thread that touched the page
 * - FAULT_ARRAYS, and HOME_SMALL for the page that was touched: the CPU faults again;
 *   EFAULT for a system call that touched it
 */
#define VSVM_FAILPOINT_LIST(P) \
	/* MIGRATE reserves device memory, and makes room */ \
	P(RESERVE_SMALL, BOTH, "reserve-small") /* small device pages */ \
	P(RESERVE_BLOCK, BOTH, "reserve-block") /* a huge device page */ \
	P(BACKING, BOTH, "backing") /* me: backing of a block */ \
	/* migration to system memory: MIGRATE, CPU fault, eviction, unplug */ \
	P(HOME_SMALL, BOTH, "home-small") /* mfe: a small host page */ \
	P(HOME_HUGE, BOTH, "home-huge") /* mfe: a huge host page */ \
	/* a file is opened, and used for the first time */ \
	P(OPEN, FAIL, "open") /* the file's address space */ \
	P(BIND_LOCK, FAIL, "bind-lock") /* interrupted */ \
	P(CLIENT, FAIL, "client") /* the client of the process */ \
	P(NOTIFIER, FAIL, "notifier") /* the notifier in the mm */ \
	/* the per-page path */ \
	P(PFNS, FAIL, "pfns") /* the walk's array */ \
	P(LEAF, FAIL, "leaf") /* a leaf of the device page table */ \
	P(LEAF_STORE, FAIL, "leaf-store") /* its slot in the table */ \
	P(LEAF_GONE, FAIL, "leaf-gone") /* another thread freed it meanwhile */ \
	P(DMA, FAIL, "dma") /* a page's DMA address */ \
	P(HMM, BOTH, "hmm") /* hmm_range_fault() returns EBUSY; then m */ \
	P(FAULTED, BOTH, "faulted") /* after hmm, before the lock */ \
	P(LOOKED, BOTH, "looked") /* the same, in a walk that only looks */ \
	P(HOLE_LOCK, FAIL, "hole-lock") /* interrupted */ \
	P(COW_LOCK, BOTH, "cow-lock") /* interrupted */ \
	P(EXCLUSIVE_LOCK, BOTH, "exclusive-lock") /* interrupted */ \
	P(EXCLUSIVE, FAIL, "exclusive") /* core mm returns EBUSY */ \
	P(EXCLUSIVE_TAKEN, BOTH, "exclusive-taken") /* mf: the lock */ \
	P(INVALIDATE, FAIL, "invalidate") /* trylock, when it may not sleep */ \
	/* the caller's buffer */ \
	P(COPY_READ, FAIL, "copy-read") /* READ: stops half way */ \
	P(COPY_WRITE, FAIL, "copy-write") /* WRITE: stops half way */ \
	P(COPY_RUN, FAIL, "copy-run") /* SNAPSHOT: a run */ \
	P(COPY_LAST_RUN, FAIL, "copy-last-run") /* the last: EFAULT */ \
	/* ADVISE */ \
	P(ADVISE_LOCK, FAIL, "advise-lock") /* interrupted */ \
	P(ADVICE, FAIL, "advice") /* a range */ \
	/* MIGRATE, in this order; DISCARD passes some of them */ \
	P(CHUNK, FAIL, "chunk") /* the call's arrays */ \
	P(CUT_LOCK, BOTH, "cut-lock") /* interrupted */ \
	P(MOVE_LOCK, BOTH, "move-lock") /* interrupted */ \
	P(SETUP, BOTH, "setup") /* m: migrate_vma_setup() */ \
	P(COLLECTED, PAUSE, "collected") /* mf: destinations, copy */ \
	P(DROP, FAIL, "drop") /* a page gets no destination */ \
	P(COPY_DEVICE, FAIL, "copy-device") /* copy of a page */ \
	P(COPIED, PAUSE, "copied") /* mf: migrate_vma_pages() */ \
	P(PAGES, FAIL, "pages") /* a page's destination is dropped */ \
	P(MOVED, PAUSE, "moved") /* mf: migrate_vma_finalize() */ \
	/* the CPU fault */ \
	P(FAULT_BEGIN, PAUSE, "fault-begin") /* mf: allocation */ \
	P(FAULT_ARRAYS, FAIL, "fault-arrays") /* its arrays */ \
	P(FAULT_WINDOW, FAIL, "fault-window") /* arrays of a large window */ \
	P(FAULT_SETUP, FAIL, "fault-setup") /* migrate_vma_setup() */ \
	P(FAULT_COLLECTED, PAUSE, "fault-collected") /* mf: copy */ \
	P(FAULT_COPIED, PAUSE, "fault-copied") /* mf: _pages() */ \
	P(FAULT_MOVED, PAUSE, "fault-moved") /* mf: _finalize() */ \
	/* migration to system memory, as above, page by page */ \
	P(HOME_DROP, FAIL, "home-drop") /* it gets no destination */ \
	P(COPY_HOME, FAIL, "copy-home") /* copy of a page */ \
	P(HOME_PAGES, FAIL, "home-pages") /* its destination is dropped */ \
	/* eviction */ \
	P(EVICT_ARRAYS, FAIL, "evict-arrays") /* its arrays */ \
	P(EVICT_LOCK, BOTH, "evict-lock") /* interrupted */ \
	P(EVICT_TRIES, FAIL, "evict-tries") /* no tries are left */ \
	P(EVICT_VICTIM, FAIL, "evict-victim") /* no block may be evicted */ \
	P(EVICT_BLOCK, BOTH, "evict-block") /* e: the block cannot be evicted */ \
	P(EVICT_COLLECTED, PAUSE, "evict-collected") /* fe: copy */ \
	P(EVICT_COPIED, PAUSE, "evict-copied") /* fe: _pages() */ \
	P(EVICT_MOVED, PAUSE, "evict-moved") /* fe: _finalize() */ \
	/* queues */ \
	P(QUEUE, FAIL, "queue") /* its slots */ \
	P(WORKER, FAIL, "worker") /* the fault worker of the file */ \
	P(HELPER, FAIL, "helper") /* a thread that shares a PREFETCH */ \
	P(SLICE_START, PAUSE, "slice-start") /* an engine runs commands */ \
	P(FAULT_QUEUED, PAUSE, "fault-queued") /* the fault worker walks */ \
	P(FAULT_SERVED, PAUSE, "fault-served") /* the queue runs again */ \
	P(FENCE_STORE, PAUSE, "fence-store") /* SIGNAL: the word */ \
	P(FENCE_WAKE, PAUSE, "fence-wake") /* SIGNAL: waiters wake up */ \
	P(CANCEL, PAUSE, "cancel") /* a queue's turn is cancelled */ \
	P(RUN_FETCH, FAIL, "run-fetch") /* the page of a program's instruction */ \
	P(RUN_LOAD, FAIL, "run-load") /* what it loads from */ \
	P(RUN_STORE, FAIL, "run-store") /* what it stores to */ \
	P(RUN_ATOMIC, FAIL, "run-atomic") /* the word of an atomic operation */ \
	/* the rest */ \
	P(EVENTS, FAIL, "events") /* an event stream */ \
	P(MMAP_PAGE, FAIL, "mmap-page") /* a page for mmap() */ \
	P(MMAP_INSERT, FAIL, "mmap-insert") /* its page table */ \
	P(LRU, FAIL, "lru") /* reading debugfs: lru */ \
	/* the device is bound to the driver */ \
	P(PROBE_DEVICE, FAIL, "probe-device") /* the DRM device */ \
	P(PROBE_MEMORY, FAIL, "probe-memory") /* its memory's own needs */ \
	P(PROBE_BLOCKS, FAIL, "probe-blocks") /* its blocks */ \
	P(PROBE_COUNTERS, FAIL, "probe-counters") /* its counters */ \
	P(PROBE_ADDRESSES, FAIL, "probe-addresses") /* addresses */ \
	P(PROBE_PAGES, FAIL, "probe-pages") /* struct pages */ \
	P(PROBE_REGION, FAIL, "probe-region") /* its region for the dmem cgroup */ \
	P(PROBE_RECLAIM, FAIL, "probe-reclaim") /* the shrinker of cgroups */ \
	P(PROBE_SHRINKER, FAIL, "probe-shrinker") /* the shrinker */ \
	P(PROBE_ENGINES, FAIL, "probe-engines") /* its engines */ \
	P(PROBE_REGISTER, FAIL, "probe-register") /* the node */

enum vsvm_failpoint {
#define VSVM_FAILPOINT_ENUM(name, can, text) VSVM_FAILPOINT_##name,
	VSVM_FAILPOINT_LIST(VSVM_FAILPOINT_ENUM)
#undef VSVM_FAILPOINT_ENUM
	VSVM_FAILPOINTS	/* number of failpoints */
};

/**
 * struct vsvm_inject_total - counts of a failpoint since the module was loaded
 * @passed: passes while it was armed
 * @failed: passes that failed
 * @paused: passes that paused
 */
struct vsvm_inject_total {
	u64 passed;
	u64 failed;
	u64 paused;
};

/**
 * struct vsvm_inject_failpoint - a step that can be made to fail or pause
 * @nth: first pass that fails or pauses, 0: not armed
 * @times: number of passes that fail or pause
 * @passed: passes since it was armed
 * @fired: passes since then that failed or paused
 * @mm: only passes in this mm count; NULL: all. Only compared
 * @owner: the open file that armed it. Only compared
 * @timeout: longest pause, in jiffies; 0: fail instead
 * @paused: number of callers paused now
 * @resume: changes when callers paused before may resume
 * @total: counts since the module was loaded
 */
struct vsvm_inject_failpoint {
	u64 nth;
	u64 times;
	u64 passed;
	u64 fired;
	struct mm_struct *mm;
	const void *owner;
	unsigned long timeout;
	unsigned int paused;
	unsigned int resume;
	struct vsvm_inject_total total;
};

/**
 * struct vsvm_inject - the failpoints of one device
 * @lock: protects all of it; a leaf
 * @gone: the device is being unplugged, or not bound: no caller is paused
 * @wait: paused callers, and callers of WAIT
 * @failpoints: the failpoints
 */
struct vsvm_inject {
	spinlock_t lock; /* gone, failpoints */
	bool gone;
	wait_queue_head_t wait;
	struct vsvm_inject_failpoint failpoints[VSVM_FAILPOINTS];
};

/**
 * struct vsvm_inject_as - a thread that works for a process without being part of it
 * @link: in the list of all of them; empty: it is not in it
 * @task: the thread
 * @mm: the mm of the process: passes of the thread count as passes in it. Only compared
 */
struct vsvm_inject_as {
	struct list_head link;
	struct task_struct *task;
	struct mm_struct *mm;
};

#ifdef CONFIG_DRM_VSVM_INJECT

/* Number of armed failpoints of all devices; read without a lock. */
extern atomic_t vsvm_inject_armed;

int vsvm_inject_init(unsigned int devices);
void vsvm_inject_exit(void);
struct vsvm_inject *vsvm_inject_of(unsigned int device);
void vsvm_inject_plug(struct vsvm_inject *inject);
void vsvm_inject_unplug(struct vsvm_inject *inject);
int vsvm_inject_find(const struct drm_vsvm_inject *arg);
int vsvm_inject_control(struct vsvm_inject *inject,
			enum vsvm_failpoint failpoint,
			struct drm_vsvm_inject *arg, const void *owner,
			struct mm_struct *mm);
void vsvm_inject_forget(struct vsvm_inject *inject, const void *owner);
bool vsvm_inject_pass(struct vsvm_inject *inject, enum vsvm_failpoint failpoint);
void vsvm_inject_as_begin(struct vsvm_inject_as *as, struct mm_struct *mm);
void vsvm_inject_as_end(struct vsvm_inject_as *as);
unsigned int vsvm_inject_can(enum vsvm_failpoint failpoint);
const char *vsvm_inject_name(enum vsvm_failpoint failpoint);

/* True while any failpoint of any device is armed. */
static inline bool vsvm_inject_any(void)
{
	return unlikely(atomic_read(&vsvm_inject_armed));
}

static inline bool vsvm_inject_fails(struct vsvm_inject *inject,
				     enum vsvm_failpoint failpoint)
{
	return vsvm_inject_any() && vsvm_inject_pass(inject, failpoint);
}

static inline void vsvm_inject_stop(struct vsvm_inject *inject,
				    enum vsvm_failpoint failpoint)
{
	might_sleep();
	vsvm_inject_fails(inject, failpoint);
}

#else

static inline int vsvm_inject_init(unsigned int devices)
{
	return 0;
}

static inline void vsvm_inject_exit(void)
{
}

static inline struct vsvm_inject *vsvm_inject_of(unsigned int device)
{
	return NULL;
}

static inline void vsvm_inject_plug(struct vsvm_inject *inject)
{
}

static inline void vsvm_inject_unplug(struct vsvm_inject *inject)
{
}

static inline void vsvm_inject_forget(struct vsvm_inject *inject,
				      const void *owner)
{
}

static inline void vsvm_inject_as_begin(struct vsvm_inject_as *as,
					struct mm_struct *mm)
{
}

static inline void vsvm_inject_as_end(struct vsvm_inject_as *as)
{
}

static inline bool vsvm_inject_any(void)
{
	return false;
}

static inline bool vsvm_inject_fails(struct vsvm_inject *inject,
				     enum vsvm_failpoint failpoint)
{
	return false;
}

static inline void vsvm_inject_stop(struct vsvm_inject *inject,
				    enum vsvm_failpoint failpoint)
{
}

#endif /* CONFIG_DRM_VSVM_INJECT */

/**
 * VSVM_INJECT() - do a step, unless a failpoint makes it fail
 * @inject: the device's failpoints
 * @failpoint: which one, without VSVM_FAILPOINT_
 * @failure: result of the step when it fails
 * @step: the step, an expression of the same type; not evaluated when it fails
 *
 * A failpoint that can pause sleeps before the step.
 *
 * Return: @failure or the value of @step. Without CONFIG_DRM_VSVM_INJECT just @step.
 */
#define VSVM_INJECT(inject, failpoint, failure, step)			\
	(vsvm_inject_fails(inject, VSVM_FAILPOINT_##failpoint) ?	\
	 (failure) : (step))

/**
 * vsvm_inject_pause() - pass a failpoint that can only pause
 * @inject: the device's failpoints
 * @failpoint: which one, without VSVM_FAILPOINT_
 */
#define vsvm_inject_pause(inject, failpoint)				\
	vsvm_inject_stop(inject, VSVM_FAILPOINT_##failpoint)

#endif /* VSVM_INJECT_H */
