/* SPDX-License-Identifier: MIT */
/*
 * libvsvm: the vsvm device from a C program.
 *
 * Functions return 0 or a negative errno, print nothing, and retry a call that
 * a signal interrupted. A handle may be used from several threads at once. It
 * belongs to the process that opened it, see drm/vsvm_drm.h.
 */
#ifndef LIBVSVM_H
#define LIBVSVM_H

#include <stddef.h>
#include <stdint.h>

#include <drm/vsvm_drm.h>

#ifdef __cplusplus
extern "C" {
#endif

/** VSVM_NO_DEADLINE: for vsvm_wait(): until the word has the value, or the queue is lost */
#define VSVM_NO_DEADLINE	INT64_MAX

struct vsvm;

/**
 * vsvm_open() - open a vsvm device
 * @device: number of the device, from 0
 * @out: the handle; close it with vsvm_close()
 *
 * The device is looked for with libdrm among the render nodes.
 *
 * Return: 0; -ENODEV: there is no such vsvm device; -ENOMEM; or what open() of
 * the node gave.
 */
int vsvm_open(unsigned int device, struct vsvm **out);

/**
 * vsvm_close() - close a handle
 * @v: the handle, or NULL
 *
 * Pages that live on the device stay there until a CPU touches them, which migrates
 * them to system memory.
 */
void vsvm_close(struct vsvm *v);

/**
 * vsvm_fd() - the render node's file descriptor, owned by the handle
 * @v: the handle
 *
 * Return: the descriptor.
 */
int vsvm_fd(const struct vsvm *v);

/**
 * vsvm_info() - ask what the device is
 * @v: the handle
 * @info: out
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_info.
 */
int vsvm_info(struct vsvm *v, struct drm_vsvm_info *info);

/**
 * vsvm_read() - the device reads memory of this process
 * @v: the handle
 * @addr: first byte of what the device reads
 * @buf: where the bytes go
 * @len: bytes; 0 does nothing
 * @done: out, bytes copied, on failure too; or NULL
 *
 * Return: 0 when all bytes were copied, or a negative errno of
 * &struct drm_vsvm_rw.
 */
int vsvm_read(struct vsvm *v, const void *addr, void *buf, size_t len,
	      size_t *done);

/**
 * vsvm_write() - the device writes memory of this process
 * @v: the handle
 * @addr: first byte of what the device writes
 * @buf: where the bytes come from
 * @len: bytes; 0 does nothing
 * @done: out, bytes copied, on failure too; or NULL
 *
 * Return: 0 when all bytes were copied, or a negative errno of
 * &struct drm_vsvm_rw.
 */
int vsvm_write(struct vsvm *v, void *addr, const void *buf, size_t len,
	       size_t *done);

/**
 * vsvm_migrate() - move a range to the device or to system memory
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @target: DRM_VSVM_TARGET_DEVICE, DRM_VSVM_TARGET_SYSTEM, or DRM_VSVM_TARGET_ADVISED
 * @flags: 0 or DRM_VSVM_MIGRATE_POPULATE
 * @result: out, how far it got and what stayed, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_migrate.
 */
int vsvm_migrate(struct vsvm *v, void *addr, size_t len, uint32_t target,
		 uint32_t flags, struct drm_vsvm_migrate *result);

/**
 * vsvm_discard() - say that the contents of a range are not needed any more
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @result: out, how far it got and what was left as it is, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_discard.
 */
int vsvm_discard(struct vsvm *v, void *addr, size_t len,
		 struct drm_vsvm_discard *result);

/**
 * vsvm_pin() - keep pages of a range on the device when it is full
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @result: out, how far it got, and what may be pinned, on failure too; or NULL
 *
 * Pins what is on the device; vsvm_migrate() moves it there.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_pin.
 */
int vsvm_pin(struct vsvm *v, const void *addr, size_t len,
	     struct drm_vsvm_pin *result);

/**
 * vsvm_unpin() - let pages of a range make room again
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @result: out, how far it got, and what may be pinned, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_pin.
 */
int vsvm_unpin(struct vsvm *v, const void *addr, size_t len,
	       struct drm_vsvm_pin *result);

/**
 * vsvm_snapshot() - ask where the pages of a range live
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @runs: out, array of runs
 * @nr_runs: in, room in @runs; out, runs stored
 * @next: out, first address that is in no stored run; end of the range when
 *	all of it was stored; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_snapshot.
 */
int vsvm_snapshot(struct vsvm *v, const void *addr, size_t len,
		  struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next);

/**
 * vsvm_snapshot_table() - the same, with what the device page table has
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @runs: out, array of runs; their states may have DRM_VSVM_STATE_MAPPED, _DMA and
 *	_EXCLUSIVE
 * @nr_runs: in, room in @runs; out, runs stored
 * @next: out, as of vsvm_snapshot(); or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_snapshot.
 */
int vsvm_snapshot_table(struct vsvm *v, const void *addr, size_t len,
			struct drm_vsvm_run *runs, uint32_t *nr_runs,
			uint64_t *next);

/**
 * vsvm_advise() - say where memory should be
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @set: mask of the attributes to set, DRM_VSVM_ADVISE_*
 * @advice: their values; what @set does not name is zero
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_advise.
 */
int vsvm_advise(struct vsvm *v, void *addr, size_t len, uint32_t set,
		const struct drm_vsvm_advice *advice);

/**
 * vsvm_advise_file() - the same for all memory of which nothing else was said
 * @v: the handle
 * @set: mask of the attributes to set, DRM_VSVM_ADVISE_*
 * @advice: their values; what @set does not name is zero
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_advise.
 */
int vsvm_advise_file(struct vsvm *v, uint32_t set,
		     const struct drm_vsvm_advice *advice);

/**
 * vsvm_advice_get() - read back what was said of a range
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @runs: out, array of runs
 * @nr_runs: in, room in @runs; out, runs stored
 * @next: out, first address that is in no stored run; end of the range when
 *	all of it was stored; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_advice_get.
 */
int vsvm_advice_get(struct vsvm *v, const void *addr, size_t len,
		    struct drm_vsvm_advice_run *runs, uint32_t *nr_runs,
		    uint64_t *next);

/**
 * vsvm_advice_file() - read back what was said of all memory
 * @v: the handle
 * @advice: out, the attributes
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_advice_get.
 */
int vsvm_advice_file(struct vsvm *v, struct drm_vsvm_advice *advice);

/**
 * vsvm_exclusive() - give the device exclusive access to a range
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @done: out, bytes it had exclusive access to, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_exclusive.
 */
int vsvm_exclusive(struct vsvm *v, void *addr, size_t len, uint64_t *done);

/**
 * vsvm_atomic() - the device does an atomic operation on a word of this process
 * @v: the handle
 * @word: the word, aligned to @size
 * @size: 4 or 8 bytes
 * @op: one of &enum drm_vsvm_atomic_op
 * @operand: the other operand, or the new word
 * @compare: for DRM_VSVM_ATOMIC_CAS the word that is expected, else 0
 * @old: out, the word before the operation, or 0 on failure; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_atomic.
 */
int vsvm_atomic(struct vsvm *v, void *word, uint32_t size, uint32_t op,
		uint64_t operand, uint64_t compare, uint64_t *old);

/**
 * vsvm_queue_create() - make a queue, in which the device works by itself
 * @v: the handle
 * @priority: one of &enum drm_vsvm_priority
 * @slots: number of commands that it can hold, up to DRM_VSVM_MAX_SLOTS
 * @queue: out, the queue's number in this handle, never 0; 0 on failure
 *
 * vsvm_close() ends the queues of a handle.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_queue_create.
 */
int vsvm_queue_create(struct vsvm *v, uint32_t priority, uint32_t slots,
		      uint32_t *queue);

/**
 * vsvm_queue_destroy() - destroy a queue, and drop the commands in it
 * @v: the handle
 * @queue: the queue
 *
 * No command runs when it returns 0.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_queue_destroy. A call that ends with
 * -EINTR, because the process is being killed, is not made again.
 */
int vsvm_queue_destroy(struct vsvm *v, uint32_t queue);

/**
 * vsvm_submit() - put a job, which is some commands, into a queue
 * @v: the handle
 * @queue: the queue
 * @commands: the commands, see vsvm_cmd_copy() and those after it
 * @nr_commands: their number
 * @seq: out, the job's number in the queue, from 1; 0 on failure; or NULL
 *
 * Does not wait, and copies the commands. It is left to the caller what to do when
 * there is no room.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_submit: -EAGAIN when the queue has
 * fewer free slots than commands, -ECANCELED when it is lost.
 */
int vsvm_submit(struct vsvm *v, uint32_t queue,
		const struct drm_vsvm_command *commands, uint32_t nr_commands,
		uint64_t *seq);

/**
 * vsvm_wait() - sleep until a 64-bit word of this process has a value
 * @v: the handle
 * @word: the word, aligned to 8 bytes
 * @value: what it is compared with, as an unsigned number
 * @mask: the bits of both that are compared, not 0
 * @op: one of &enum drm_vsvm_wait_op
 * @deadline: when to give up, in nanoseconds of CLOCK_MONOTONIC, see vsvm_deadline();
 *	VSVM_NO_DEADLINE; or 0 to look once
 * @queue: a queue whose loss ends the wait; or 0
 *
 * A SIGNAL command wakes it, a store by a CPU does not. When it returns 0, all that the
 * device stored before the word is visible.
 *
 * A wait that a signal interrupts goes on to the same deadline, after the handler ran.
 * A program that wants to stop then waits with deadlines that are near, or calls
 * DRM_IOCTL_VSVM_WAIT itself.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_wait: -ETIME when the deadline has
 * passed, -EIO when the queue is lost.
 */
int vsvm_wait(struct vsvm *v, const void *word, uint64_t value, uint64_t mask,
	      uint32_t op, int64_t deadline, uint32_t queue);

/**
 * vsvm_deadline() - the time in some nanoseconds, as vsvm_wait() wants it
 * @ns: nanoseconds from now; one below 0 is a time that has passed
 *
 * Return: the time on CLOCK_MONOTONIC; VSVM_NO_DEADLINE if it is too far away.
 */
int64_t vsvm_deadline(int64_t ns);

/**
 * vsvm_queue_status() - ask how far a queue is, and why it was lost
 * @v: the handle
 * @queue: the queue
 * @status: out
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_queue_status.
 */
int vsvm_queue_status(struct vsvm *v, uint32_t queue,
		      struct drm_vsvm_queue_status *status);

/**
 * vsvm_events_open() - open a stream of what the device does for this process
 * @v: the handle
 * @mask: what to tell: 1 << &enum drm_vsvm_event_type, or DRM_VSVM_EVENTS_ALL
 * @records: number of records that wait to be read, up to DRM_VSVM_MAX_RECORDS
 * @flags: 0 or DRM_VSVM_EVENTS_NONBLOCK
 * @fd: out, the stream, for vsvm_events_read(), poll() and close(); -1 on failure
 *
 * The stream has a life of its own: @v may be closed before it.
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_events.
 */
int vsvm_events_open(struct vsvm *v, uint64_t mask, uint32_t records,
		     uint32_t flags, int *fd);

/**
 * vsvm_events_read() - read records of an event stream
 * @fd: the stream
 * @events: out, the records
 * @nr: in, room in @events, not 0; out, records stored; 0 without an error: the stream
 *	has ended
 *
 * Waits for the first record, unless the stream has O_NONBLOCK. A wait that a signal
 * interrupts goes on, after the handler ran.
 *
 * Return: 0, or a negative errno: -EAGAIN when there is none, -EPERM in another process.
 */
int vsvm_events_read(int fd, struct drm_vsvm_event *events, uint32_t *nr);

/*
 * Commands for vsvm_submit(), which says whether they are right:
 *
 *	struct drm_vsvm_command job[] = {
 *		vsvm_cmd_copy(to, from, len),
 *		vsvm_cmd_signal(&fence, 1, -1),
 *	};
 */

/**
 * vsvm_cmd_copy() - a command that copies bytes
 * @to: first byte to write
 * @from: first byte to read; the two ranges may not overlap
 * @len: bytes, not 0
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_copy(void *to, const void *from, size_t len);

/**
 * vsvm_cmd_fill() - a command that fills a range with one value
 * @addr: first byte, aligned to @size
 * @len: bytes, not 0, a multiple of @size
 * @value: the value, which has @size bytes
 * @size: 1, 2, 4 or 8
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_fill(void *addr, size_t len, uint64_t value,
				      uint32_t size);

/**
 * vsvm_cmd_atomic() - a command that does an atomic operation on a word
 * @word: the word, aligned to @size
 * @size: 4 or 8 bytes
 * @op: one of &enum drm_vsvm_atomic_op
 * @operand: the other operand, or the new word
 * @compare: for DRM_VSVM_ATOMIC_CAS the word that is expected, else 0
 * @result: where to store the word from before the operation, aligned to @size; or NULL
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_atomic(void *word, uint32_t size, uint32_t op,
					uint64_t operand, uint64_t compare,
					void *result);

/**
 * vsvm_cmd_prefetch() - a command that moves a range, as vsvm_migrate() does
 * @addr: first byte, page aligned
 * @len: bytes, page aligned, not 0
 * @target: DRM_VSVM_TARGET_DEVICE, DRM_VSVM_TARGET_SYSTEM, or DRM_VSVM_TARGET_ADVISED
 *
 * Untouched memory is filled if the caller sets DRM_VSVM_MIGRATE_POPULATE in
 * &drm_vsvm_command.prefetch.flags.
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_prefetch(void *addr, size_t len,
					  uint32_t target);

/**
 * vsvm_cmd_wait() - a command that holds the queue until a 64-bit word has a value
 * @word: the word, aligned to 8 bytes
 * @value: what it is compared with, as an unsigned number
 * @mask: the bits of both that are compared, not 0
 * @op: one of &enum drm_vsvm_wait_op
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_wait(const void *word, uint64_t value,
				      uint64_t mask, uint32_t op);

/**
 * vsvm_cmd_signal() - a command that stores a 64-bit word and wakes who waits for it
 * @word: the word, aligned to 8 bytes
 * @value: what to store
 * @eventfd: an eventfd to add 1 to, or -1
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_signal(void *word, uint64_t value, int eventfd);

/**
 * vsvm_cmd_barrier() - a command that keeps the stores before it before those behind it
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_barrier(void);

/**
 * vsvm_cmd_run() - a command that runs a program
 * @code: its first instruction, of RV64IMAC
 * @stack: the end of its stack
 * @args: eight words for a0 to a7, aligned to 8 bytes; or NULL
 * @budget: number of instructions that it may do
 * @result: where to store what it returns, aligned to 8 bytes; or NULL
 *
 * Return: the command.
 */
struct drm_vsvm_command vsvm_cmd_run(const void *code, const void *stack,
				     const uint64_t args[8], uint64_t budget,
				     uint64_t *result);

/*
 * Programs for the device: C that vsvm-cc compiled. They are memory of the process like any
 * other, and all of its memory is theirs.
 */
struct vsvm_program;

/**
 * vsvm_program_open() - load a program into the memory of this process
 * @v: the handle of the device that will run it, open until after vsvm_program_close()
 * @path: an ELF file of RV64IMAC, linked statically
 * @out: the program; NULL on failure
 *
 * It is loaded anywhere if its relocations are in the file, as vsvm-cc sees to, else to
 * where it was linked.
 *
 * Return: 0; -ENOEXEC: it is no such file; -EEXIST: it can be in one place only, and there
 * is something; -ENOMEM; or what open() or mmap() gave.
 */
int vsvm_program_open(struct vsvm *v, const char *path, struct vsvm_program **out);

/**
 * vsvm_program_close() - unload a program that does not run
 * @p: the program, or NULL
 */
void vsvm_program_close(struct vsvm_program *p);

/**
 * vsvm_program_symbol() - where a function or a variable of a program is
 * @p: the program
 * @name: its name
 *
 * Return: its address, which the CPU may use, too, for a variable; or NULL.
 */
void *vsvm_program_symbol(const struct vsvm_program *p, const char *name);

/**
 * vsvm_program_find() - what is at an address of a program
 * @p: the program
 * @addr: the address, as &drm_vsvm_queue_status.pc
 * @name: out, the function or variable; or NULL
 * @offset: out, how far behind its beginning
 * @linked: out, the address in the file, for addr2line and objdump
 *
 * Return: 0; -ENOENT: it is not in the program.
 */
int vsvm_program_find(const struct vsvm_program *p, uint64_t addr, const char **name,
		      uint64_t *offset, uint64_t *linked);

/**
 * vsvm_program_run() - run a function of a program for some work items, and wait
 * @p: the program
 * @function: its name; it takes a pointer, and vsvm_item() tells it which item it is for
 * @arg: the pointer
 * @items: number of work items, which do not wait for each other; 0 does nothing
 * @budget: number of instructions that each of the four queues may do
 * @status: out, how the queue that was lost is; zero if none was; or NULL
 *
 * Items run in up to four queues, a part in each, in order. Their stacks have 256 KiB.
 *
 * Return: 0; -ENOENT: there is no such function, or vsvm-cc did not link it; -EIO: a queue
 * was lost, and the others were stopped; -ENOMEM; or what vsvm_queue_create(),
 * vsvm_submit() or vsvm_wait() gave.
 */
int vsvm_program_run(struct vsvm_program *p, const char *function, void *arg,
		     uint64_t items, uint64_t budget,
		     struct drm_vsvm_queue_status *status);

/**
 * vsvm_program_main() - run main() of a program, and wait
 * @p: the program
 * @budget: number of instructions that it may do
 * @result: out, what it returned
 * @status: out, as of vsvm_program_run(); or NULL
 *
 * Return: 0, or as vsvm_program_run().
 */
int vsvm_program_main(struct vsvm_program *p, uint64_t budget, int *result,
		      struct drm_vsvm_queue_status *status);

/** vsvm_stay_name() - one word for a reason of &enum drm_vsvm_stay, or NULL */
const char *vsvm_stay_name(unsigned int reason);

/** vsvm_cause_name() - one word for a cause of &enum drm_vsvm_cause, or NULL */
const char *vsvm_cause_name(uint32_t cause);

/** vsvm_event_name() - one word for a type of &enum drm_vsvm_event_type, or NULL */
const char *vsvm_event_name(uint32_t type);

/** vsvm_place_name() - one word for DRM_VSVM_PLACE_*, or NULL */
const char *vsvm_place_name(uint32_t place);

#ifdef __cplusplus
}
#endif

#endif /* LIBVSVM_H */
