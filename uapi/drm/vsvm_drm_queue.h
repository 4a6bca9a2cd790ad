/* SPDX-License-Identifier: MIT */
/*
 * vsvm: queues, on which the device works by itself. drm/vsvm_drm.h includes this, and
 * has the rules and the ioctls.
 */
#ifndef _VSVM_DRM_QUEUE_H_
#define _VSVM_DRM_QUEUE_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Queues
 *
 * The device works by itself on commands that SUBMIT puts into a queue. Commands of one
 * queue run one after the other. Queues are independent: the device has several
 * engines, and each works on a queue for a short turn.
 *
 * A command accesses the memory of the process that opened the file, as READ and WRITE
 * do. A page that is missing is faulted in while the engine works on other queues. A
 * handler that does not answer (userfaultfd, FUSE) holds the queues of this file that
 * need a page, and nothing else.
 *
 * What says that commands are done is a user fence: a 64-bit word in the memory of the
 * process, which SIGNAL stores. The process looks at the word, or sleeps in WAIT, or on
 * an eventfd. Stores of all earlier commands of the queue are visible before the word
 * is. A word in a page of its own saves faults: a page with data goes where the data
 * go.
 *
 * A command that a CPU access could not do either (nothing is mapped, the mapping is
 * read-only, the memory is lost) makes the device lose the queue: this command and
 * those behind it are not done, no fence is stored, and QUEUE_STATUS has the cause.
 * poll() reports EPOLLPRI while the file has such a queue. The only way from there is
 * QUEUE_DESTROY. Other queues go on.
 *
 * Queues belong to the file. They end with it, with the process that opened it (exit,
 * kill, exec; also when another process shares its memory), and when the device is
 * unplugged. A forked child has none. Commands do not keep the memory: what was not
 * done at exit is never done.
 *
 * Kernel threads do the work, at the lowest priority. New pages are placed by the policy
 * of the mapping (mbind()) and the cpuset of the process, not by set_mempolicy().
 */

/** DRM_VSVM_MAX_QUEUES: most queues of one file */
#define DRM_VSVM_MAX_QUEUES	64U
/** DRM_VSVM_MAX_SLOTS: most commands that a queue may hold */
#define DRM_VSVM_MAX_SLOTS	16384U
/** DRM_VSVM_MAX_EVENTS: most eventfds that commands in the queues of a file may hold */
#define DRM_VSVM_MAX_EVENTS	1024U
/** DRM_VSVM_MAX_FILES: most files with queues of one process, on each device */
#define DRM_VSVM_MAX_FILES	8U

/**
 * enum drm_vsvm_priority - how long the turns of a queue are
 *
 * A longer turn, not precedence: each queue that can run gets its turn.
 */
enum drm_vsvm_priority {
	/** @DRM_VSVM_PRIORITY_LOW: half a turn */
	DRM_VSVM_PRIORITY_LOW = 0,
	/** @DRM_VSVM_PRIORITY_NORMAL: a turn */
	DRM_VSVM_PRIORITY_NORMAL = 1,
	/** @DRM_VSVM_PRIORITY_HIGH: four turns at a time */
	DRM_VSVM_PRIORITY_HIGH = 2,
};

/**
 * struct drm_vsvm_queue_create - make a queue
 *
 * Errors:
 *
 * - EINVAL: @slots is zero or above DRM_VSVM_MAX_SLOTS, or @priority is unknown.
 * - ENOSPC: the file has DRM_VSVM_MAX_QUEUES queues.
 * - EMFILE: it would be the first queue of the file, and DRM_VSVM_MAX_FILES other files
 *   of the process have queues of this device.
 */
struct drm_vsvm_queue_create {
	/** @priority: in, one of &enum drm_vsvm_priority */
	__u32 priority;
	/** @slots: in, number of commands that the queue can hold */
	__u32 slots;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @queue: out, number of the queue in this file, never zero */
	__u32 queue;
};

/**
 * struct drm_vsvm_queue_destroy - destroy a queue
 *
 * Commands that have not begun are dropped. Returns when no command runs.
 *
 * Errors: ENOENT: the file has no such queue.
 */
struct drm_vsvm_queue_destroy {
	/** @queue: in, the queue */
	__u32 queue;
	/** @pad: in, must be zero */
	__u32 pad;
};

/**
 * enum drm_vsvm_command_op - what a command does
 */
enum drm_vsvm_command_op {
	/** @DRM_VSVM_COMMAND_COPY: copy bytes: &struct drm_vsvm_copy */
	DRM_VSVM_COMMAND_COPY = 0,
	/** @DRM_VSVM_COMMAND_FILL: fill with one value: &struct drm_vsvm_fill */
	DRM_VSVM_COMMAND_FILL = 1,
	/** @DRM_VSVM_COMMAND_ATOMIC: change a word: &struct drm_vsvm_command_atomic */
	DRM_VSVM_COMMAND_ATOMIC = 2,
	/** @DRM_VSVM_COMMAND_PREFETCH: move a range: &struct drm_vsvm_prefetch */
	DRM_VSVM_COMMAND_PREFETCH = 3,
	/** @DRM_VSVM_COMMAND_WAIT: wait for a word: &struct drm_vsvm_command_wait */
	DRM_VSVM_COMMAND_WAIT = 4,
	/** @DRM_VSVM_COMMAND_SIGNAL: store a fence: &struct drm_vsvm_signal */
	DRM_VSVM_COMMAND_SIGNAL = 5,
	/** @DRM_VSVM_COMMAND_BARRIER: stores before it are visible before those behind */
	DRM_VSVM_COMMAND_BARRIER = 6,
	/** @DRM_VSVM_COMMAND_RUN: run a program: &struct drm_vsvm_command_run */
	DRM_VSVM_COMMAND_RUN = 7,
};

/**
 * struct drm_vsvm_copy - copy bytes to a range that does not overlap (EINVAL)
 */
struct drm_vsvm_copy {
	/** @to: address of the first byte to write */
	__u64 to;
	/** @from: address of the first byte to read */
	__u64 from;
	/** @len: bytes, not zero */
	__u64 len;
};

/**
 * struct drm_vsvm_fill - fill a range with one value
 */
struct drm_vsvm_fill {
	/** @addr: address of the first byte, a multiple of @size */
	__u64 addr;
	/** @len: bytes, not zero, a multiple of @size */
	__u64 len;
	/** @value: the value, in the low @size bytes; the others are zero */
	__u64 value;
	/** @size: bytes of the value: 1, 2, 4 or 8 */
	__u32 size;
	/** @pad: must be zero */
	__u32 pad;
};

/**
 * struct drm_vsvm_command_atomic - as &struct drm_vsvm_atomic
 */
struct drm_vsvm_command_atomic {
	/** @addr: address of the word, a multiple of @size */
	__u64 addr;
	/** @operand: the other operand, or the new word */
	__u64 operand;
	/** @compare: for CAS: the word that is expected; zero otherwise */
	__u64 compare;
	/**
	 * @result: where to store the word from before the operation, a multiple of
	 * @size; 0: nowhere. The store is not atomic with the operation
	 */
	__u64 result;
	/** @op: one of &enum drm_vsvm_atomic_op */
	__u32 op;
	/** @size: 4 or 8 bytes */
	__u32 size;
};

/**
 * struct drm_vsvm_prefetch - move a range, as MIGRATE does
 *
 * Memory that cannot move stays where it is, and the next command follows. Untouched
 * memory is filled only with DRM_VSVM_MIGRATE_POPULATE, and not to system memory. Advice is
 * asked when the command runs. The end of the queue ends it half way;
 * &drm_vsvm_queue_status.prefetched says how far it is.
 */
struct drm_vsvm_prefetch {
	/** @addr: first byte, page aligned */
	__u64 addr;
	/** @len: bytes, page aligned, not zero */
	__u64 len;
	/** @target: one of &enum drm_vsvm_target */
	__u32 target;
	/**
	 * @flags: 0 or DRM_VSVM_MIGRATE_POPULATE, which is EINVAL with
	 * DRM_VSVM_TARGET_SYSTEM and before version 1.11
	 */
	__u32 flags;
};

/**
 * enum drm_vsvm_wait_op - how a wait compares
 *
 * The word and the value are compared as unsigned numbers, both under the mask.
 */
enum drm_vsvm_wait_op {
	/** @DRM_VSVM_WAIT_EQ: word == value */
	DRM_VSVM_WAIT_EQ = 0,
	/** @DRM_VSVM_WAIT_NE: word != value */
	DRM_VSVM_WAIT_NE = 1,
	/** @DRM_VSVM_WAIT_GT: word > value */
	DRM_VSVM_WAIT_GT = 2,
	/** @DRM_VSVM_WAIT_GE: word >= value */
	DRM_VSVM_WAIT_GE = 3,
	/** @DRM_VSVM_WAIT_LT: word < value */
	DRM_VSVM_WAIT_LT = 4,
	/** @DRM_VSVM_WAIT_LE: word <= value */
	DRM_VSVM_WAIT_LE = 5,
};

/**
 * struct drm_vsvm_command_wait - hold the queue until a word has a value
 *
 * The device reads the word soon after each SIGNAL of the process through this device,
 * and each few milliseconds. Commands behind it wait, nothing else. No timeout.
 */
struct drm_vsvm_command_wait {
	/** @addr: address of the 64-bit word, a multiple of 8 */
	__u64 addr;
	/** @value: what it is compared with */
	__u64 value;
	/** @mask: bits that are compared, not zero */
	__u64 mask;
	/** @op: one of &enum drm_vsvm_wait_op */
	__u32 op;
	/** @pad: must be zero */
	__u32 pad;
};

/**
 * struct drm_vsvm_signal - store a 64-bit word and wake who waits for it
 *
 * First stores of earlier commands become visible, then the word, then waiters wake up,
 * then the eventfd is signalled. The slot of the command is free before the word is
 * visible; QUEUE_STATUS counts the job as done after it.
 */
struct drm_vsvm_signal {
	/** @addr: address of the word, a multiple of 8 */
	__u64 addr;
	/** @value: the word */
	__u64 value;
	/** @eventfd: an eventfd to add 1 to, or -1. SUBMIT takes a reference */
	__s32 eventfd;
	/** @pad: must be zero */
	__u32 pad;
};

/**
 * struct drm_vsvm_command_run - run a program
 *
 * The program is RV64IMAC at user level: 64-bit RISC-V integer instructions with
 * multiplication, atomic operations and compressed ones; no control registers and no
 * floating point. It is memory of the process that the process may read, and moves like
 * data. Each instruction that is fetched, each load, store and atomic operation is an
 * access of the device.
 *
 * It begins with the words at @args in a0 to a7, @sp in sp, and zero in all other
 * registers. ECALL ends it, and a0 is its result. Anything else makes the device lose the
 * queue: &drm_vsvm_queue_status.pc is the address of the instruction that was not done, and
 * &drm_vsvm_queue_status.error says why. ECANCELED, it is EBREAK. ENOEXEC, it is no
 * instruction, or an atomic operation on a word that is not aligned. ETIME, the budget is
 * spent. Others are of an access, and &drm_vsvm_queue_status.addr is its address.
 *
 * A load or store that is not aligned is done in parts. LR notes the value that it reads,
 * and SC stores if the word has that value still. Stores become visible as those of a CPU;
 * FENCE orders all accesses, and atomic operations do, too.
 *
 * What moves while the program runs is paid for by who submitted it, as for other
 * commands. Nobody knows how much that is, so SUBMIT pays for as much as the device has or
 * the dmem cgroup allows, until the command is done.
 *
 * Since version 1.10.
 */
struct drm_vsvm_command_run {
	/** @pc: address of the first instruction, a multiple of 2 */
	__u64 pc;
	/** @sp: the stack pointer, of which the device knows nothing else */
	__u64 sp;
	/** @args: address of eight 64-bit words, a multiple of 8; 0: all are zero */
	__u64 args;
	/** @budget: number of instructions that it may do, not zero; ECALL is one */
	__u64 budget;
	/** @result: where to store the result, a multiple of 8; 0: nowhere */
	__u64 result;
};

/**
 * struct drm_vsvm_command - one command
 */
struct drm_vsvm_command {
	/** @op: one of &enum drm_vsvm_command_op */
	__u32 op;
	/** @flags: must be zero */
	__u32 flags;
	union {
		/** @copy: for COPY */
		struct drm_vsvm_copy copy;
		/** @fill: for FILL */
		struct drm_vsvm_fill fill;
		/** @atomic: for ATOMIC */
		struct drm_vsvm_command_atomic atomic;
		/** @prefetch: for PREFETCH */
		struct drm_vsvm_prefetch prefetch;
		/** @wait: for WAIT */
		struct drm_vsvm_command_wait wait;
		/** @signal: for SIGNAL */
		struct drm_vsvm_signal signal;
		/** @run: for RUN, since version 1.10 */
		struct drm_vsvm_command_run run;
		/** @raw: all of it; what the command has no name for must be zero */
		__u64 raw[7];
	};
};

/**
 * struct drm_vsvm_submit - put a job, which is some commands, into a queue
 *
 * All commands are accepted or none. The call copies them, and touches no memory that
 * they name.
 *
 * Errors:
 *
 * - EINVAL: @nr_commands is zero or above the slots of the queue; a command is wrong.
 * - EFAULT: @commands cannot be read, or a range is not in user space.
 * - EBADF: a SIGNAL's descriptor is not open. EINVAL: it is no eventfd. EMFILE: the
 *   file's queues would hold more than DRM_VSVM_MAX_EVENTS of them.
 * - ENOENT: the file has no such queue.
 * - EAGAIN: there are fewer free slots than commands.
 * - ECANCELED: the queue is lost, see QUEUE_STATUS, or was destroyed meanwhile.
 */
struct drm_vsvm_submit {
	/** @commands: in, user pointer to an array of &struct drm_vsvm_command */
	__u64 commands;
	/** @nr_commands: in, its length */
	__u32 nr_commands;
	/** @queue: in, the queue */
	__u32 queue;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
	/** @seq: out, sequence number of the job: 1 for the first of a queue, then 2 */
	__u64 seq;
};

/**
 * struct drm_vsvm_wait - sleep until a word of this process has a value
 *
 * The calling thread reads the word, as a CPU. It sleeps until a SIGNAL of this
 * process, through whichever file and device, changed a word, and looks again. A store
 * by a CPU does not wake it.
 *
 * Errors:
 *
 * - EINVAL: @addr is no multiple of 8, @mask is zero, or @op is unknown.
 * - EFAULT: the word cannot be read.
 * - ENOENT: @queue is not zero, and the file has no such queue (any more).
 * - ETIME: @deadline has passed.
 * - EIO: @queue is lost, and the word does not have the value.
 * - EINTR: a signal was delivered; call again with the same @deadline.
 */
struct drm_vsvm_wait {
	/** @addr: in, address of the 64-bit word */
	__u64 addr;
	/** @value: in, what it is compared with */
	__u64 value;
	/** @mask: in, bits that are compared, not zero */
	__u64 mask;
	/** @deadline: in, ns of CLOCK_MONOTONIC; a time in the past: look once */
	__s64 deadline;
	/** @op: in, one of &enum drm_vsvm_wait_op */
	__u32 op;
	/** @queue: in, a queue whose loss ends the wait; 0: none */
	__u32 queue;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
};

/**
 * enum drm_vsvm_queue_state - what a queue does
 */
enum drm_vsvm_queue_state {
	/** @DRM_VSVM_QUEUE_IDLE: has no command */
	DRM_VSVM_QUEUE_IDLE = 0,
	/** @DRM_VSVM_QUEUE_READY: runs, or waits for its turn */
	DRM_VSVM_QUEUE_READY = 1,
	/** @DRM_VSVM_QUEUE_FAULTING: waits for pages */
	DRM_VSVM_QUEUE_FAULTING = 2,
	/** @DRM_VSVM_QUEUE_WAITING: its WAIT waits for a word */
	DRM_VSVM_QUEUE_WAITING = 3,
	/** @DRM_VSVM_QUEUE_LOST: is lost */
	DRM_VSVM_QUEUE_LOST = 4,
};

/**
 * enum drm_vsvm_queue_access - which access of a command could not be done
 */
enum drm_vsvm_queue_access {
	/** @DRM_VSVM_ACCESS_NONE: none; the queue was lost for another reason */
	DRM_VSVM_ACCESS_NONE = 0,
	/** @DRM_VSVM_ACCESS_READ: to read */
	DRM_VSVM_ACCESS_READ = 1,
	/** @DRM_VSVM_ACCESS_WRITE: to write */
	DRM_VSVM_ACCESS_WRITE = 2,
	/** @DRM_VSVM_ACCESS_ATOMIC: to change a word as one operation */
	DRM_VSVM_ACCESS_ATOMIC = 3,
	/** @DRM_VSVM_ACCESS_FETCH: to read an instruction of a program */
	DRM_VSVM_ACCESS_FETCH = 4,
};

/**
 * struct drm_vsvm_queue_status - how far a queue is
 *
 * The values are of one moment. While the queue is not lost, @error, @access, @addr,
 * @lost and @pc are zero.
 *
 * Errors: ENOENT: the file has no such queue.
 */
struct drm_vsvm_queue_status {
	/** @queue: in, the queue */
	__u32 queue;
	/** @state: out, one of &enum drm_vsvm_queue_state */
	__u32 state;
	/** @submitted: out, sequence number of the last job that was submitted; or 0 */
	__u64 submitted;
	/** @done: out, sequence number of the last job that is done; or 0 */
	__u64 done;
	/** @lost: out, sequence number of the job that could not go on; or 0 */
	__u64 lost;
	/**
	 * @addr: out, first byte that could not be accessed; of a program that could not go
	 * on for another reason, its instruction
	 */
	__u64 addr;
	/** @access: out, one of &enum drm_vsvm_queue_access */
	__u32 access;
	/**
	 * @error: out, the reason: EFAULT, EPERM, EACCES, EOPNOTSUPP, ENOMEM or EBUSY as
	 * of READ, WRITE and ATOMIC; ESRCH: the memory of the process is gone; ENODEV: the
	 * device was unplugged; ECANCELED, ENOEXEC or ETIME as of RUN
	 */
	__u32 error;
	/** @busy: out, nanoseconds that engines worked for the queue, less the running slice */
	__u64 busy;
	/** @faults: out, how often the queue had to wait for pages */
	__u64 faults;
	/**
	 * @prefetched: out, bytes of all ranges that PREFETCH is done with, those of a
	 * command that has not ended too, also when it never will: the queue is lost. What
	 * is to be done again, because a part before it was interrupted, is taken off again
	 */
	__u64 prefetched;
	/** @moved: out, bytes of those that moved; the others were there, or stayed */
	__u64 moved;
	/** @returned: out, the result of the last RUN that is done; or 0 */
	__u64 returned;
	/**
	 * @pc: out, where the program was that could not go on, behind its ECALL if the
	 * result could not be stored; or 0
	 */
	__u64 pc;
};

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_DRM_QUEUE_H_ */
