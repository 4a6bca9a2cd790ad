/* SPDX-License-Identifier: MIT */
/*
 * vsvm: failures and pauses on purpose. For tests; may change; promises nothing.
 *
 * This is no part of the interface in drm/vsvm_drm.h: names, structures and the
 * failpoints may be others in the next version, and a driver that is built without
 * CONFIG_DRM_VSVM_INJECT has none of it.
 */
#ifndef _VSVM_INJECT_H_
#define _VSVM_INJECT_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/** DRM_VSVM_INJECT: number of the ioctl, reserved for it in drm/vsvm_drm.h */
#define DRM_VSVM_INJECT		0x07

/** DRM_VSVM_FAILPOINT_NAME: room for the name of a failpoint, its zero byte included */
#define DRM_VSVM_FAILPOINT_NAME	32

/**
 * enum drm_vsvm_inject_op - what INJECT does
 */
enum drm_vsvm_inject_op {
	/** @DRM_VSVM_INJECT_QUERY: only report */
	DRM_VSVM_INJECT_QUERY = 0,
	/** @DRM_VSVM_INJECT_FAIL: fail at the @nth pass, @times passes in a row */
	DRM_VSVM_INJECT_FAIL = 1,
	/** @DRM_VSVM_INJECT_PAUSE: pause the @nth pass and those after it, @times in all */
	DRM_VSVM_INJECT_PAUSE = 2,
	/** @DRM_VSVM_INJECT_WAIT: wait until somebody is paused */
	DRM_VSVM_INJECT_WAIT = 3,
	/** @DRM_VSVM_INJECT_RESUME: who is paused now goes on; the failpoint stays armed */
	DRM_VSVM_INJECT_RESUME = 4,
	/**
	 * @DRM_VSVM_INJECT_CLEAR: disarm, let who is paused go on, and forget
	 * what was counted
	 */
	DRM_VSVM_INJECT_CLEAR = 5,
};

/** DRM_VSVM_INJECT_FILE: only passes on behalf of this file's process count */
#define DRM_VSVM_INJECT_FILE	(1U << 0)

/** DRM_VSVM_PAUSE_MAX: longest @timeout_ms of PAUSE and WAIT */
#define DRM_VSVM_PAUSE_MAX	60000U

/**
 * struct drm_vsvm_inject - make a step of the driver fail or pause
 *
 * Steps have names, the failpoints. Which there are, and whether each can fail or
 * pause, is in the device's file "points" in debugfs.
 *
 * A failpoint is armed for one thing at a time, by one file; arming it again forgets
 * the earlier one. It is disarmed by CLEAR and when the file that armed it is
 * closed. Who is paused goes on after RESUME, CLEAR, that close, @timeout_ms, or
 * unplug, and when it is being killed; then it does what it would have done.
 * While a device is being unplugged nobody is paused, and a failpoint fails 64 more
 * times at most, so that unplug comes to its end. Arming outlives unplug; a
 * device that is bound again finds it.
 *
 * Errors:
 *
 * - EACCES: the caller lacks CAP_SYS_ADMIN.
 * - EINVAL: no failpoint has this @name, or it does not end within @name; @op or a
 *   flag is unknown; @nth or @times is zero with FAIL or PAUSE, or not zero
 *   otherwise; @timeout_ms is zero or above DRM_VSVM_PAUSE_MAX with PAUSE or
 *   WAIT, or not zero otherwise. And every call, of anybody, where the driver is
 *   built without CONFIG_DRM_VSVM_INJECT.
 * - EPERM: the file belongs to another address space.
 * - EOPNOTSUPP: the failpoint cannot fail (FAIL), or cannot pause (PAUSE, RESUME,
 *   WAIT).
 * - ETIMEDOUT: WAIT, and nobody was paused.
 * - EINTR: WAIT, and a signal came.
 * - ENODEV: the device was unplugged, for WAIT also meanwhile.
 */
struct drm_vsvm_inject {
	/** @name: in, the failpoint; what comes after the zero byte does not count */
	char name[DRM_VSVM_FAILPOINT_NAME];
	/** @op: in, one of &enum drm_vsvm_inject_op */
	__u32 op;
	/** @flags: in, with FAIL and PAUSE: 0 or DRM_VSVM_INJECT_FILE */
	__u32 flags;
	/** @nth: in, first pass that fails or is paused, from 1 */
	__u64 nth;
	/** @times: in, how many passes fail or are paused */
	__u64 times;
	/** @passed: out, passes since it was armed, failed ones included */
	__u64 passed;
	/** @fired: out, passes that failed or were paused since it was armed */
	__u64 fired;
	/** @timeout_ms: in, PAUSE: pause nobody longer; WAIT: wait no longer */
	__u32 timeout_ms;
	/** @paused: out, how many are paused now */
	__u32 paused;
};

#define DRM_IOCTL_VSVM_INJECT	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_INJECT, struct drm_vsvm_inject)

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_INJECT_H_ */
