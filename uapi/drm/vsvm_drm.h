/* SPDX-License-Identifier: MIT */
/*
 * vsvm: shared virtual memory on a DRM device that has no hardware.
 */
#ifndef _VSVM_DRM_H_
#define _VSVM_DRM_H_

#include "drm.h"
#include "vsvm_drm_advice.h"
#include "vsvm_drm_events.h"
#include "vsvm_drm_queue.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Rules of this interface
 *
 * - Structures are 64-bit aligned and have no implicit padding. Every @pad and every
 *   flag bit that has no name here must be zero and is refused with EINVAL otherwise.
 * - Structures passed to an ioctl may grow at the end. A value of zero in a new field
 *   keeps the behaviour from before that field. Fields and flags are never removed or
 *   given another meaning. Each addition raises the driver's minor version.
 * - Addresses are virtual addresses of the calling process. Sizes are in bytes unless
 *   the field's name or text says pages. Pointers travel as __u64.
 * - A file belongs to the address space that opened it. A caller with another address
 *   space gets EPERM from every call but INFO. That is a forked child, a process that
 *   received the descriptor, or the same process after exec. A thread, and a process
 *   that shares the memory (vfork, CLONE_VM), has the same address space.
 * - An access to memory of the process is an access of the device, not of the calling
 *   thread. The protection of the mapping applies to it; the thread's protection keys
 *   (pkey_mprotect()) do not. They apply to the other side of a copy, &drm_vsvm_rw.buf
 *   and &drm_vsvm_snapshot.runs, as in any system call.
 * - Output fields are written on failure too: an ioctl that fails in the middle of a
 *   range says how far it got.
 * - Every refusal is explained in the kernel log at drm debug level (drm.debug=0x2)
 *   with the condition that failed.
 *
 * Errors that any ioctl below can return, besides those named with it:
 *
 * - EINVAL: a pad or an unknown flag is not zero, or a range is empty, wraps around, or
 *   is not aligned where it has to be.
 * - EFAULT: a range or a buffer reaches outside of user space, or an address that the
 *   call had to use has no readable memory mapped.
 * - EPERM: the file belongs to another address space. A kernel thread has no address
 *   space and gets EPERM from open().
 * - ENODEV: the device was unplugged.
 * - ENOMEM: the host is out of memory.
 * - EACCES: an access that the process's own advice forbids (ADVISE).
 * - EINTR: the caller is being killed.
 * - EBUSY: other threads kept changing the mapping for &DRM_VSVM_STALL_SECONDS and
 *   64 attempts while the call made no progress.
 */

/**
 * DOC: File access without ioctls
 *
 * pread() and pwrite() on the render node work like on /proc/PID/mem: the file offset
 * is the virtual address. The device does the access, with the rules and the errors of
 * &DRM_IOCTL_VSVM_READ and &DRM_IOCTL_VSVM_WRITE. A transfer that stops early returns
 * the number of bytes copied; it returns the error if it copied none.
 *
 * poll(), select() and epoll never wait for data. They report a file as readable and
 * writable to the process it belongs to, and EPOLLERR to any other. EPOLLPRI says that
 * the file has a queue that is lost. Unplug wakes every
 * waiter with EPOLLHUP and EPOLLERR. O_NONBLOCK has no effect, as with a regular file:
 * an access may wait for what a CPU access there would wait for. io_uring reads and
 * writes like pread() and pwrite(). AIO (io_submit()), splice() and sendfile() are
 * refused with EINVAL, and RWF_NOWAIT with EOPNOTSUPP.
 *
 * mmap() of the render node at offset 0 maps zeroed pages that the driver allocates,
 * MAP_SHARED or MAP_PRIVATE, up to &DRM_VSVM_MMAP_MAX bytes. The device can read and
 * write them like any other memory; they never migrate.
 */

/** DRM_VSVM_STALL_SECONDS: how long an access may stall without progress */
#define DRM_VSVM_STALL_SECONDS	10

/** DRM_VSVM_MMAP_MAX: largest mapping of the render node, in bytes */
#define DRM_VSVM_MMAP_MAX	(1ULL << 30)

/** DRM_VSVM_MAX_RUNS: most runs that one SNAPSHOT may ask for */
#define DRM_VSVM_MAX_RUNS	(1U << 20)

/*
 * Place new ids at the end, do not reorder, replace or remove entries.
 */
#define DRM_VSVM_INFO		0x00
#define DRM_VSVM_READ		0x01
#define DRM_VSVM_WRITE		0x02
#define DRM_VSVM_MIGRATE	0x03
#define DRM_VSVM_SNAPSHOT	0x04
#define DRM_VSVM_EXCLUSIVE	0x05
#define DRM_VSVM_ATOMIC		0x06
/* 0x07 is reserved for the failpoints of tests: drm/vsvm_inject.h, no part of this */
#define DRM_VSVM_QUEUE_CREATE	0x08
#define DRM_VSVM_QUEUE_DESTROY	0x09
#define DRM_VSVM_SUBMIT		0x0a
#define DRM_VSVM_WAIT		0x0b
#define DRM_VSVM_QUEUE_STATUS	0x0c
#define DRM_VSVM_ADVISE		0x0d
#define DRM_VSVM_ADVICE_GET	0x0e
#define DRM_VSVM_DISCARD	0x0f
#define DRM_VSVM_EVENTS		0x10
#define DRM_VSVM_PIN		0x11

/** DRM_VSVM_KIND_PRIVATE: the CPU cannot touch the device's memory */
#define DRM_VSVM_KIND_PRIVATE	0U
/** DRM_VSVM_KIND_COHERENT: the CPU uses the device's memory in place, without faults */
#define DRM_VSVM_KIND_COHERENT	1U

/**
 * DRM_VSVM_CAP_DMA: system pages that the device uses have DMA addresses. A device
 * lacks this where DMA would need bounce buffers or bypass caches. It works without,
 * and &DRM_VSVM_STATE_DMA is never set
 */
#define DRM_VSVM_CAP_DMA	(1U << 0)
/** DRM_VSVM_CAP_QUEUES: the device has queues, and works by itself */
#define DRM_VSVM_CAP_QUEUES	(1U << 1)
/** DRM_VSVM_CAP_ADVICE: the device takes advice, and moves memory on a fault */
#define DRM_VSVM_CAP_ADVICE	(1U << 2)
/** DRM_VSVM_CAP_EVENTS: the device has event streams */
#define DRM_VSVM_CAP_EVENTS	(1U << 3)
/** DRM_VSVM_CAP_DISCARD: the device has DISCARD */
#define DRM_VSVM_CAP_DISCARD	(1U << 4)
/**
 * DRM_VSVM_CAP_ADVISED: MIGRATE and PREFETCH take DRM_VSVM_TARGET_ADVISED, and
 * QUEUE_STATUS says how far PREFETCH is
 */
#define DRM_VSVM_CAP_ADVISED	(1U << 5)
/** DRM_VSVM_CAP_PIN: the device has PIN */
#define DRM_VSVM_CAP_PIN	(1U << 6)
/** DRM_VSVM_CAP_RUN: queues run programs */
#define DRM_VSVM_CAP_RUN	(1U << 7)
/** DRM_VSVM_CAP_POPULATE: PREFETCH takes DRM_VSVM_MIGRATE_POPULATE */
#define DRM_VSVM_CAP_POPULATE	(1U << 8)

/**
 * struct drm_vsvm_info - what the device is
 *
 * Touches no memory. Works through a file of another address space, too. Fails only
 * with EINVAL or ENODEV.
 */
struct drm_vsvm_info {
	/** @flags: in, must be zero */
	__u32 flags;
	/** @device: out, number of this device among vsvm's, from 0 */
	__u32 device;
	/**
	 * @devices: out, number of devices that the module was asked for at load; a
	 * device whose probe failed has no node
	 */
	__u32 devices;
	/** @page_size: out, bytes in a small page */
	__u32 page_size;
	/** @huge_size: out, bytes in a huge device page; 0: the device has none */
	__u64 huge_size;
	/** @vram_size: out, bytes of device memory */
	__u64 vram_size;
	/** @vram_used: out, bytes of device memory that are in use */
	__u64 vram_used;
	/** @vram_backing: out, bytes of host memory that back the device memory now */
	__u64 vram_backing;
	/** @kind: out, DRM_VSVM_KIND_* */
	__u32 kind;
	/**
	 * @caps: out, mask of the device's features, DRM_VSVM_CAP_*. What is new from
	 * version 1.3 on gets a bit here; before it the mask is zero
	 */
	__u32 caps;
};

/**
 * struct drm_vsvm_rw - the device reads or writes memory of the process
 *
 * READ copies from the range at @addr, as the device sees it, to @buf. WRITE copies
 * from @buf to the range. Both may start and end anywhere in a page. A page that is not
 * present is faulted in, as for a CPU access. A page on this device or on another vsvm
 * device is used in place.
 *
 * WRITE breaks copy-on-write, and marks changed pages dirty.
 *
 * Errors, with @done telling how many bytes were copied before:
 *
 * - EFAULT: at @addr + @done nothing is mapped, or it may not be read (PROT_NONE), or
 *   it is memory that no device can use (VM_IO, VM_PFNMAP, memfd_secret()) or that is
 *   lost to a memory error, or @buf + @done cannot be used.
 * - EPERM: WRITE, and the mapping at @addr + @done is read-only.
 */
struct drm_vsvm_rw {
	/** @addr: in, first byte in the process */
	__u64 addr;
	/** @buf: in, user pointer to the other side of the copy */
	__u64 buf;
	/** @len: in, bytes to copy, not zero */
	__u64 len;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
	/** @done: out, bytes copied */
	__u64 done;
	/**
	 * @faults: out, pages that were not in the device page table and had to be
	 * faulted in
	 */
	__u64 faults;
};

/**
 * enum drm_vsvm_target - where MIGRATE moves memory to
 */
enum drm_vsvm_target {
	/** @DRM_VSVM_TARGET_SYSTEM: to system memory, from any vsvm device */
	DRM_VSVM_TARGET_SYSTEM = 0,
	/** @DRM_VSVM_TARGET_DEVICE: to the device of this file */
	DRM_VSVM_TARGET_DEVICE = 1,
	/**
	 * @DRM_VSVM_TARGET_ADVISED: each part to where advice of this file says: to this
	 * device (&DRM_VSVM_LOCATION_HERE), from system memory or another device; or to
	 * system memory. What should be anywhere, or on another device, stays where it is
	 * and counts as being there: a file of that device moves it
	 */
	DRM_VSVM_TARGET_ADVISED = 2,
};

/**
 * DRM_VSVM_MIGRATE_POPULATE: fill untouched memory with cleared pages on the device.
 * Only anonymous memory, and not where a userfaultfd handler provides missing pages
 */
#define DRM_VSVM_MIGRATE_POPULATE	(1U << 0)

/**
 * enum drm_vsvm_stay - why a page did not move
 */
enum drm_vsvm_stay {
	/** @DRM_VSVM_STAY_UNMAPPED: no mapping there */
	DRM_VSVM_STAY_UNMAPPED = 0,
	/**
	 * @DRM_VSVM_STAY_ACCESS: the mapping may not be read; it can migrate to system
	 * memory
	 */
	DRM_VSVM_STAY_ACCESS,
	/** @DRM_VSVM_STAY_SPECIAL: a driver's mapping, DAX, or other special memory */
	DRM_VSVM_STAY_SPECIAL,
	/** @DRM_VSVM_STAY_HUGETLB: a hugetlb mapping */
	DRM_VSVM_STAY_HUGETLB,
	/** @DRM_VSVM_STAY_FILE: a page of a file or of shared memory */
	DRM_VSVM_STAY_FILE,
	/**
	 * @DRM_VSVM_STAY_KSM: merged by KSM, or in a mapping that KSM may merge
	 * (MADV_MERGEABLE, PR_SET_MEMORY_MERGE)
	 */
	DRM_VSVM_STAY_KSM,
	/**
	 * @DRM_VSVM_STAY_PINNED: the page has an extra reference, such as I/O, a pin or,
	 * for a moment, DAMON
	 */
	DRM_VSVM_STAY_PINNED,
	/** @DRM_VSVM_STAY_BUSY: another thread locked or changed the page meanwhile */
	DRM_VSVM_STAY_BUSY,
	/** @DRM_VSVM_STAY_DEVICE_FULL: no device memory left */
	DRM_VSVM_STAY_DEVICE_FULL,
	/** @DRM_VSVM_STAY_HOST_FULL: no host memory left for the copy */
	DRM_VSVM_STAY_HOST_FULL,
	/** @DRM_VSVM_STAY_ERROR: lost to a memory error, a guard page, or not usable */
	DRM_VSVM_STAY_ERROR,
	/** @DRM_VSVM_STAY_REASONS: number of reasons */
	DRM_VSVM_STAY_REASONS,
};

/*
 * The word for each reason, as libvsvm, the counters and the tracepoints print it:
 * @each is a macro for all reasons but the last, which is @last's.
 */
#define DRM_VSVM_STAY_WORDS(each, last)		\
	each(UNMAPPED, "unmapped")		\
	each(ACCESS, "access")			\
	each(SPECIAL, "special")		\
	each(HUGETLB, "hugetlb")		\
	each(FILE, "file")			\
	each(KSM, "ksm")			\
	each(PINNED, "pinned")			\
	each(BUSY, "busy")			\
	each(DEVICE_FULL, "device-full")	\
	each(HOST_FULL, "host-full")		\
	last(ERROR, "error")

/** DRM_VSVM_STAY_MAX: length of &drm_vsvm_migrate.stayed */
#define DRM_VSVM_STAY_MAX	16

/**
 * struct drm_vsvm_migrate - move a range to the device or to system memory
 *
 * The range is processed in address order. Memory that cannot move is a normal result,
 * not an error. It stays readable and writable by CPU and device, and is counted under
 * its reason. When the ioctl returns 0, @moved + @there + @absent + all of @stayed add
 * up to @len and @next is the end of the range. When it fails they add up to @next -
 * @addr.
 *
 * A page that was swapped out, or that is under exclusive access of the device (see
 * &struct drm_vsvm_exclusive), is faulted in before it moves. A page whose entry bars
 * the CPU for NUMA balancing or for userfaultfd moves without a fault and without a
 * message to the handler. Untouched memory is not faulted in, also where userfaultfd
 * protects it or provides it, so no call waits for a handler there. A page of an
 * mlocked mapping moves too; after that mlock no longer means resident in system
 * memory.
 *
 * Errors:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size, or @target or a flag is
 *   unknown, or POPULATE is set with target SYSTEM. With ADVISED it is for what goes to
 *   the device.
 * - EFAULT: nothing at all is mapped in the range.
 */
struct drm_vsvm_migrate {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @target: in, one of &enum drm_vsvm_target */
	__u32 target;
	/** @flags: in, 0 or DRM_VSVM_MIGRATE_POPULATE */
	__u32 flags;
	/** @next: out, first address that was not processed */
	__u64 next;
	/** @moved: out, bytes that moved */
	__u64 moved;
	/** @there: out, bytes that were at the target already */
	__u64 there;
	/** @absent: out, untouched bytes, which have no page */
	__u64 absent;
	/** @stayed: out, bytes that stayed, by &enum drm_vsvm_stay */
	__u64 stayed[DRM_VSVM_STAY_MAX];
};

/*
 * State of a page as the device sees it, &drm_vsvm_run.state. One of these places ...
 */
/** DRM_VSVM_STATE_PLACE: mask of the place in a state */
#define DRM_VSVM_STATE_PLACE	0xfU
/**
 * DRM_VSVM_PLACE_ABSENT: mapped memory without a page, because it is untouched or
 * swapped out; or a page whose entry bars the CPU (NUMA balancing, userfaultfd's RWP)
 */
#define DRM_VSVM_PLACE_ABSENT	0U
/** DRM_VSVM_PLACE_ERROR: not mapped, not readable, or not usable by a device */
#define DRM_VSVM_PLACE_ERROR	1U
/** DRM_VSVM_PLACE_ZERO: the zero page, read-only */
#define DRM_VSVM_PLACE_ZERO	2U
/** DRM_VSVM_PLACE_SYSTEM: a page in system memory */
#define DRM_VSVM_PLACE_SYSTEM	3U
/** DRM_VSVM_PLACE_DEVICE: a page on the device of this file */
#define DRM_VSVM_PLACE_DEVICE	4U
/** DRM_VSVM_PLACE_PEER: a page on another vsvm device, see &drm_vsvm_run.device */
#define DRM_VSVM_PLACE_PEER	5U

/* ... with these rights and properties ... */
/** DRM_VSVM_STATE_READ: can be read without a fault */
#define DRM_VSVM_STATE_READ	(1U << 4)
/** DRM_VSVM_STATE_WRITE: can be written without a fault */
#define DRM_VSVM_STATE_WRITE	(1U << 5)

/** DRM_VSVM_STATE_COHERENT: on a device whose memory the CPU can access */
#define DRM_VSVM_STATE_COHERENT	(1U << 6)

/* ... and the size of the CPU's entry. */
/** DRM_VSVM_STATE_ORDER_SHIFT: log2 of the number of pages that one CPU entry maps */
#define DRM_VSVM_STATE_ORDER_SHIFT	8
/** DRM_VSVM_STATE_ORDER: mask of that number */
#define DRM_VSVM_STATE_ORDER	(0x1fU << DRM_VSVM_STATE_ORDER_SHIFT)

/* With DRM_VSVM_SNAPSHOT_TABLE also the state in the device page table. */
/** DRM_VSVM_STATE_MAPPED: the device can use the page without a fault */
#define DRM_VSVM_STATE_MAPPED	(1U << 13)
/**
 * DRM_VSVM_STATE_DMA: has a DMA address, read-only unless DRM_VSVM_STATE_WRITE is set
 */
#define DRM_VSVM_STATE_DMA	(1U << 14)
/**
 * DRM_VSVM_STATE_EXCLUSIVE: the device alone can access it, until the CPU touches it
 */
#define DRM_VSVM_STATE_EXCLUSIVE (1U << 15)

/**
 * struct drm_vsvm_run - neighbouring pages in the same state
 */
struct drm_vsvm_run {
	/** @start: address of the first page */
	__u64 start;
	/** @count: number of pages */
	__u64 count;
	/** @state: DRM_VSVM_PLACE_*, DRM_VSVM_STATE_* */
	__u32 state;
	/** @device: number of the vsvm device that the pages are on, or 0 */
	__u32 device;
};

/** DRM_VSVM_SNAPSHOT_TABLE: report the device page table, too */
#define DRM_VSVM_SNAPSHOT_TABLE	(1U << 0)

/**
 * struct drm_vsvm_snapshot - where the pages of a range are
 *
 * Faults nothing in and changes nothing. The state of each page was true at one moment
 * during the call; the states of two pages may be from different moments.
 *
 * Runs are stored in address order, without gaps, from @addr to @next. When @next is
 * short of the end, the array is full: call again from there.
 *
 * Errors, with @nr_runs and @next telling what was stored before:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size, or @nr_runs is zero or
 *   above DRM_VSVM_MAX_RUNS.
 * - EFAULT: @runs cannot be written.
 */
struct drm_vsvm_snapshot {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @runs: in, user pointer to an array of &struct drm_vsvm_run */
	__u64 runs;
	/** @nr_runs: in, length of the array; out, runs stored */
	__u32 nr_runs;
	/** @flags: in, 0 or DRM_VSVM_SNAPSHOT_TABLE */
	__u32 flags;
	/** @next: out, first address that is in no stored run */
	__u64 next;
};

/**
 * struct drm_vsvm_exclusive - give the device exclusive access to a range
 *
 * A system page of the range comes under exclusive access: core mm replaces the CPU's
 * entry, and the CPU's next access ends the exclusive access. Until then the device may
 * do atomic operations on the page. A page in private device memory is exclusive to the
 * device already. A page that is not present is faulted in, and copy-on-write is
 * broken.
 *
 * Errors, with @done telling how many bytes came before:
 *
 * - EFAULT: at @addr + @done nothing is mapped, or it may not be read, or it is memory
 *   that no device can use (memfd_secret() for one).
 * - EPERM: the mapping at @addr + @done is read-only.
 * - EOPNOTSUPP: the page at @addr + @done is not anonymous memory; core mm gives a
 *   device exclusive access to no other.
 */
struct drm_vsvm_exclusive {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
	/** @done: out, bytes the device had exclusive access to, each at some moment */
	__u64 done;
};

/**
 * enum drm_vsvm_atomic_op - what ATOMIC does with the word
 */
enum drm_vsvm_atomic_op {
	/** @DRM_VSVM_ATOMIC_ADD: word += operand */
	DRM_VSVM_ATOMIC_ADD = 0,
	/** @DRM_VSVM_ATOMIC_XCHG: word = operand */
	DRM_VSVM_ATOMIC_XCHG = 1,
	/** @DRM_VSVM_ATOMIC_CAS: if word == compare, word = operand */
	DRM_VSVM_ATOMIC_CAS = 2,
	/** @DRM_VSVM_ATOMIC_AND: word &= operand; since version 1.4 */
	DRM_VSVM_ATOMIC_AND = 3,
	/** @DRM_VSVM_ATOMIC_OR: word |= operand; since version 1.4 */
	DRM_VSVM_ATOMIC_OR = 4,
	/** @DRM_VSVM_ATOMIC_XOR: word ^= operand; since version 1.4 */
	DRM_VSVM_ATOMIC_XOR = 5,
	/** @DRM_VSVM_ATOMIC_MIN: the smaller of the two, unsigned; since version 1.4 */
	DRM_VSVM_ATOMIC_MIN = 6,
	/** @DRM_VSVM_ATOMIC_MAX: the larger of the two, unsigned; since version 1.4 */
	DRM_VSVM_ATOMIC_MAX = 7,
};

/**
 * struct drm_vsvm_atomic - do an atomic operation on a word
 *
 * Atomic against CPU threads and other devices that use the word at the same time. The
 * device first gets exclusive access to a system page (see &struct drm_vsvm_exclusive),
 * and the CPU faults on its next access.
 *
 * Errors: those of EXCLUSIVE, and EINVAL: @size is not 4 or 8, @addr is not a multiple
 * of @size, @op is unknown, or @operand or @compare do not fit @size.
 */
struct drm_vsvm_atomic {
	/** @addr: in, address of the word */
	__u64 addr;
	/** @operand: in, the other operand, or the new word */
	__u64 operand;
	/** @compare: in, for CAS: the word that is expected; zero otherwise */
	__u64 compare;
	/** @old: out, the word before the operation */
	__u64 old;
	/** @op: in, one of &enum drm_vsvm_atomic_op */
	__u32 op;
	/** @size: in, 4 or 8 bytes, in the CPU's byte order */
	__u32 size;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
};

/**
 * struct drm_vsvm_discard - say that the contents of a range are not needed any more
 *
 * The pages of the range that are in private memory of this device, and that no other
 * process shares, keep their places and lose their contents: until the next write to a
 * page, each byte of it that the CPU or a device reads is the one from before, or zero.
 * A page that has to leave the device before that write is not copied. It is zeroes in
 * system memory, or the memory that was behind it if the module has copy_engine=handover.
 * A write by the CPU or by any device ends this for its page. Bytes of the page that it
 * does not write stay what they are.
 *
 * Memory elsewhere is left as it is: the kernel has madvise(MADV_DONTNEED) for system
 * memory. In the end all counts add up to @next - @addr.
 *
 * Errors:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size.
 * - EFAULT: the device can use no memory of the range.
 *
 * Since version 1.6.
 */
struct drm_vsvm_discard {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @flags: in, must be zero */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
	/** @next: out, first address that was not processed */
	__u64 next;
	/** @discarded: out, bytes on this device whose contents were discarded */
	__u64 discarded;
	/** @absent: out, bytes without a page, because they are untouched or swapped out */
	__u64 absent;
	/** @system: out, bytes in system memory, which were left as they are */
	__u64 system;
	/** @peer: out, bytes on another vsvm device, which were left as they are */
	__u64 peer;
	/**
	 * @kept: out, bytes on this device that were left as they are: pages that other
	 * processes share since fork, or that the process may not write, and all pages of
	 * a device of DRM_VSVM_KIND_COHERENT, which the CPU writes without the device's
	 * knowledge
	 */
	__u64 kept;
	/** @busy: out, bytes on this device that another thread used at this moment */
	__u64 busy;
	/** @unusable: out, bytes that are not mapped, or that no device can use */
	__u64 unusable;
};

/** DRM_VSVM_PIN_RELEASE: pages of the range may make room again */
#define DRM_VSVM_PIN_RELEASE	(1U << 0)

/**
 * struct drm_vsvm_pin - keep pages of a range on the device when it is full
 *
 * The pages of the range that are on this device now are pinned: none of them leaves the
 * device to make room, for this process or another one. PIN moves nothing there; that is
 * what MIGRATE is for. Pins do not count: a page is pinned or it is not.
 *
 * A pin ends with RELEASE; when its page leaves the device, since the CPU touches it or a
 * neighbour, something moves it or it is unmapped everywhere; and with the last file that
 * the process has open on this device. A pinned page still leaves a device that is
 * unplugged, and one of a host, or of a memory cgroup, that is short of memory.
 *
 * Device memory is pinned by blocks of 2 MiB: what lies in a block with a pinned page
 * stays, too. Memory that one MIGRATE moved lies together. A process may pin a part
 * (pin_percent= of the module) of its fair share of the device. That share becomes smaller
 * when other processes come. What a process has pinned above its part then makes room,
 * after all that it has not pinned.
 *
 * In the end @done + @elsewhere + @unusable are @next - @addr.
 *
 * Errors:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size.
 * - EFAULT: the device can use no memory of the range.
 * - ENOSPC: with the page at @next the process would have more pinned than @limit. What
 *   is before it is pinned.
 *
 * Since version 1.9.
 */
struct drm_vsvm_pin {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @flags: in, 0 or DRM_VSVM_PIN_RELEASE */
	__u32 flags;
	/** @pad: in, must be zero */
	__u32 pad;
	/** @next: out, first address that was not processed */
	__u64 next;
	/** @done: out, bytes that are pinned now, or with RELEASE not any more */
	__u64 done;
	/**
	 * @elsewhere: out, bytes that are not on this device, or in a block that another
	 * process owns; they are not pinned
	 */
	__u64 elsewhere;
	/** @unusable: out, bytes that are not mapped, or that no device can use */
	__u64 unusable;
	/** @pinned: out, bytes of the blocks that the process has pinned on this device */
	__u64 pinned;
	/** @limit: out, how many it may pin now */
	__u64 limit;
};

#define DRM_IOCTL_VSVM_INFO	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_INFO, struct drm_vsvm_info)
#define DRM_IOCTL_VSVM_READ	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_READ, struct drm_vsvm_rw)
#define DRM_IOCTL_VSVM_WRITE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_WRITE, struct drm_vsvm_rw)
#define DRM_IOCTL_VSVM_MIGRATE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_MIGRATE, struct drm_vsvm_migrate)
#define DRM_IOCTL_VSVM_SNAPSHOT	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_SNAPSHOT, struct drm_vsvm_snapshot)
#define DRM_IOCTL_VSVM_EXCLUSIVE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_EXCLUSIVE, struct drm_vsvm_exclusive)
#define DRM_IOCTL_VSVM_ATOMIC	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_ATOMIC, struct drm_vsvm_atomic)
#define DRM_IOCTL_VSVM_QUEUE_CREATE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_QUEUE_CREATE, struct drm_vsvm_queue_create)
#define DRM_IOCTL_VSVM_QUEUE_DESTROY	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_VSVM_QUEUE_DESTROY, struct drm_vsvm_queue_destroy)
#define DRM_IOCTL_VSVM_SUBMIT	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_SUBMIT, struct drm_vsvm_submit)
#define DRM_IOCTL_VSVM_WAIT	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_VSVM_WAIT, struct drm_vsvm_wait)
#define DRM_IOCTL_VSVM_QUEUE_STATUS	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_QUEUE_STATUS, struct drm_vsvm_queue_status)
#define DRM_IOCTL_VSVM_ADVISE	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_VSVM_ADVISE, struct drm_vsvm_advise)
#define DRM_IOCTL_VSVM_ADVICE_GET	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_ADVICE_GET, struct drm_vsvm_advice_get)
#define DRM_IOCTL_VSVM_DISCARD	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_DISCARD, struct drm_vsvm_discard)
#define DRM_IOCTL_VSVM_EVENTS	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_EVENTS, struct drm_vsvm_events)
#define DRM_IOCTL_VSVM_PIN	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_PIN, struct drm_vsvm_pin)

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_DRM_H_ */
