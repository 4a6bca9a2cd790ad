/* SPDX-License-Identifier: MIT */
/*
 * vsvm: advice, where memory should be. drm/vsvm_drm.h includes this, and has the rules
 * and the ioctls.
 */
#ifndef _VSVM_DRM_ADVICE_H_
#define _VSVM_DRM_ADVICE_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Advice
 *
 * ADVISE says of a range of addresses where its memory should be, and what this device
 * may do with it. Advice belongs to the file: each device has its own. It is a set of
 * attributes. Zero is each attribute's default: the value that the file has, which
 * ADVISE can set as well, and where the file has none either, what is said below.
 *
 * Advice says nothing about memory, only about addresses, and it stays until it is
 * given another value, with these exceptions. munmap() and a mapping that replaces
 * another one (MAP_FIXED) forget the advice for their range. mremap() takes the advice
 * along to the new address if the memory is private and anonymous and one of its pages
 * was touched since mmap(); otherwise it forgets it. So does an mremap() that fails for
 * want of memory half way, and an munmap() or mremap() of a part when the host has no
 * memory at all for the rest. A forked child has none.
 *
 * Advice takes effect when the device lacks a page: then it is asked. What the device
 * page table has costs nothing. ADVISE takes the pages of its range out of the table,
 * so that the next access asks again.
 */

/**
 * DRM_VSVM_MAX_ADVICE: ADVISE makes no more ranges for one process, on each device. An
 * munmap() in the middle of one makes two of it
 */
#define DRM_VSVM_MAX_ADVICE	16384U

/**
 * enum drm_vsvm_location - where memory should be
 */
enum drm_vsvm_location {
	/** @DRM_VSVM_LOCATION_DEFAULT: the file's, or else NONE */
	DRM_VSVM_LOCATION_DEFAULT = 0,
	/** @DRM_VSVM_LOCATION_NONE: anywhere */
	DRM_VSVM_LOCATION_NONE = 1,
	/** @DRM_VSVM_LOCATION_SYSTEM: in system memory: no access of the device moves it */
	DRM_VSVM_LOCATION_SYSTEM = 2,
	/** @DRM_VSVM_LOCATION_HERE: on the device of this file */
	DRM_VSVM_LOCATION_HERE = 3,
	/**
	 * @DRM_VSVM_LOCATION_DEVICE: on another device, &drm_vsvm_advice.device: this
	 * device uses the memory where it is, and does not move it
	 */
	DRM_VSVM_LOCATION_DEVICE = 4,
};

/**
 * enum drm_vsvm_may - what the device may do with memory
 */
enum drm_vsvm_may {
	/** @DRM_VSVM_MAY_DEFAULT: the file's, or else MOVE */
	DRM_VSVM_MAY_DEFAULT = 0,
	/** @DRM_VSVM_MAY_MOVE: access it; an access may move it */
	DRM_VSVM_MAY_MOVE = 1,
	/** @DRM_VSVM_MAY_USE: access it where it is */
	DRM_VSVM_MAY_USE = 2,
	/** @DRM_VSVM_MAY_NOT: no access: EACCES */
	DRM_VSVM_MAY_NOT = 3,
};

/**
 * enum drm_vsvm_atomics - where atomic operations of the device are done
 */
enum drm_vsvm_atomics {
	/** @DRM_VSVM_ATOMICS_DEFAULT: the file's, or else SYSTEM */
	DRM_VSVM_ATOMICS_DEFAULT = 0,
	/** @DRM_VSVM_ATOMICS_SYSTEM: where the word is; they do not move it */
	DRM_VSVM_ATOMICS_SYSTEM = 1,
	/** @DRM_VSVM_ATOMICS_DEVICE: on this device: they move the word there, if it can move */
	DRM_VSVM_ATOMICS_DEVICE = 2,
	/** @DRM_VSVM_ATOMICS_CPU: by CPUs only: ATOMIC and EXCLUSIVE say EACCES */
	DRM_VSVM_ATOMICS_CPU = 3,
};

/**
 * enum drm_vsvm_on_fault - what follows when the device lacks a page
 */
enum drm_vsvm_on_fault {
	/**
	 * @DRM_VSVM_ON_FAULT_DEFAULT: MIGRATE if the location is HERE; or else the
	 * file's, or else the module's parameter on_fault, which is "in-place"
	 */
	DRM_VSVM_ON_FAULT_DEFAULT = 0,
	/** @DRM_VSVM_ON_FAULT_IN_PLACE: use the page where it is */
	DRM_VSVM_ON_FAULT_IN_PLACE = 1,
	/** @DRM_VSVM_ON_FAULT_MIGRATE: move it to this device */
	DRM_VSVM_ON_FAULT_MIGRATE = 2,
	/**
	 * @DRM_VSVM_ON_FAULT_COUNTED: use it where it is, and move it after
	 * &drm_vsvm_advice.count accesses of the device to the 64 KiB around it. An
	 * access is one of neighbouring bytes; the device remembers few pieces at a
	 * time, and begins anew with those that it forgot
	 */
	DRM_VSVM_ON_FAULT_COUNTED = 3,
};

/** DRM_VSVM_MAX_COUNT: most accesses that can be counted */
#define DRM_VSVM_MAX_COUNT	65535U

/**
 * struct drm_vsvm_advice - the attributes
 */
struct drm_vsvm_advice {
	/** @location: &enum drm_vsvm_location */
	__u32 location;
	/** @device: number of the other device, with LOCATION_DEVICE; otherwise zero */
	__u32 device;
	/** @may: &enum drm_vsvm_may */
	__u32 may;
	/** @atomics: &enum drm_vsvm_atomics */
	__u32 atomics;
	/** @on_fault: &enum drm_vsvm_on_fault */
	__u32 on_fault;
	/**
	 * @count: with ON_FAULT_COUNTED, at most DRM_VSVM_MAX_COUNT accesses; 0: 256.
	 * Otherwise zero
	 */
	__u32 count;
	/**
	 * @granularity: bytes that move together for an access of the device, and their
	 * alignment: a power of two from the page size to the size of a huge page, 2 MiB
	 * with small pages of 4 KiB; 0: the file's, or else 64 KiB
	 */
	__u64 granularity;
	/** @word: any number; the driver only keeps it */
	__u64 word;
};

/** DRM_VSVM_ADVISE_LOCATION: set location and device */
#define DRM_VSVM_ADVISE_LOCATION	(1U << 0)
/** DRM_VSVM_ADVISE_MAY: set what the device may do */
#define DRM_VSVM_ADVISE_MAY		(1U << 1)
/** DRM_VSVM_ADVISE_ATOMICS: set where atomic operations are done */
#define DRM_VSVM_ADVISE_ATOMICS		(1U << 2)
/** DRM_VSVM_ADVISE_ON_FAULT: set what follows when the device lacks a page, and count */
#define DRM_VSVM_ADVISE_ON_FAULT	(1U << 3)
/** DRM_VSVM_ADVISE_GRANULARITY: set the granularity */
#define DRM_VSVM_ADVISE_GRANULARITY	(1U << 4)
/** DRM_VSVM_ADVISE_WORD: set the word */
#define DRM_VSVM_ADVISE_WORD		(1U << 5)

/** DRM_VSVM_ADVISE_FILE: for the file and not for a range: its defaults */
#define DRM_VSVM_ADVISE_FILE	(1U << 0)

/**
 * struct drm_vsvm_advise - give advice
 *
 * The attributes that @set names get the values in @advice; the others keep theirs. All
 * of the range gets them, or nothing changes.
 *
 * Errors:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size, or with ADVISE_FILE not
 *   zero; @set is zero or has an unknown bit; an attribute is unknown, or is not zero
 *   though @set does not name it; @granularity is out of range or no power of two;
 *   @device is not zero without LOCATION_DEVICE, or @count without ON_FAULT_COUNTED;
 *   @count is out of range.
 * - ENXIO: there is no device with the number @device.
 * - EFAULT: a page of the range is not mapped.
 * - ENOMEM: the process might have more than DRM_VSVM_MAX_ADVICE ranges, before
 *   neighbours that say the same become one; or the host is out of memory.
 */
struct drm_vsvm_advise {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @set: in, mask of attributes, DRM_VSVM_ADVISE_* */
	__u32 set;
	/** @flags: in, 0 or DRM_VSVM_ADVISE_FILE */
	__u32 flags;
	/** @advice: in, their values */
	struct drm_vsvm_advice advice;
};

/**
 * struct drm_vsvm_advice_run - neighbouring pages with the same advice
 */
struct drm_vsvm_advice_run {
	/** @start: address of the first byte */
	__u64 start;
	/** @len: bytes */
	__u64 len;
	/** @advice: the attributes; zero where nothing was said */
	struct drm_vsvm_advice advice;
};

/**
 * struct drm_vsvm_advice_get - read advice back
 *
 * Runs are stored in address order, without gaps, from @addr to @next. When @next is
 * short of the end, the array is full: call again from there. Two runs may be from
 * different moments. Memory that is not mapped has no advice.
 *
 * Errors:
 *
 * - EINVAL: @addr or @len is not a multiple of the page size, or with ADVISE_FILE not
 *   zero; @nr_runs is zero or above DRM_VSVM_MAX_ADVICE.
 * - EFAULT: @runs cannot be written.
 */
struct drm_vsvm_advice_get {
	/** @addr: in, first byte, page aligned */
	__u64 addr;
	/** @len: in, bytes, page aligned, not zero */
	__u64 len;
	/** @runs: in, user pointer to an array of &struct drm_vsvm_advice_run */
	__u64 runs;
	/** @nr_runs: in, length of the array; out, runs stored */
	__u32 nr_runs;
	/** @flags: in, 0, or DRM_VSVM_ADVISE_FILE for the file's own, as one run */
	__u32 flags;
	/** @next: out, first address that no run covers */
	__u64 next;
};

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_DRM_ADVICE_H_ */
