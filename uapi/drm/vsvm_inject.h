/* SPDX-License-Identifier: MIT */
/*
 * vsvm: failpoints, steps of the driver that a test can make fail or pause.
 *
 * This is for tests and no part of the interface in drm/vsvm_drm.h. Names, structures
 * and failpoints may change with every version. A driver that is built without
 * CONFIG_DRM_VSVM_INJECT has none of it.
 */
#ifndef _VSVM_INJECT_H_
#define _VSVM_INJECT_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/** DRM_VSVM_INJECT: number of the ioctl, which drm/vsvm_drm.h reserves for it */
#define DRM_VSVM_INJECT		0x07

/** DRM_VSVM_FAILPOINT_NAME: longest name of a failpoint, including its zero byte */
#define DRM_VSVM_FAILPOINT_NAME	32

/**
 * enum drm_vsvm_inject_op - what INJECT does
 */
enum drm_vsvm_inject_op {
	/** @DRM_VSVM_INJECT_QUERY: report the counts, change nothing */
	DRM_VSVM_INJECT_QUERY = 0,
	/**
	 * @DRM_VSVM_INJECT_FAIL: make the @nth pass and the next ones fail, @times in
	 * all
	 */
	DRM_VSVM_INJECT_FAIL = 1,
	/**
	 * @DRM_VSVM_INJECT_PAUSE: pause the @nth pass and the next ones, @times in all
	 */
	DRM_VSVM_INJECT_PAUSE = 2,
	/** @DRM_VSVM_INJECT_WAIT: wait until a caller is paused */
	DRM_VSVM_INJECT_WAIT = 3,
	/** @DRM_VSVM_INJECT_RESUME: resume paused callers; the failpoint stays armed */
	DRM_VSVM_INJECT_RESUME = 4,
	/**
	 * @DRM_VSVM_INJECT_CLEAR: disarm, resume paused callers, and reset the counts
	 */
	DRM_VSVM_INJECT_CLEAR = 5,
};

/** DRM_VSVM_INJECT_FILE: count only passes of threads with this file's address space */
#define DRM_VSVM_INJECT_FILE	(1U << 0)

/** DRM_VSVM_PAUSE_MAX: longest @timeout_ms of PAUSE and WAIT */
#define DRM_VSVM_PAUSE_MAX	60000U

/**
 * struct drm_vsvm_inject - make a step of the driver fail or pause
 *
 * A failpoint is a named step of the driver. The device's file "points" in debugfs
 * lists them, and says whether each can fail or pause.
 *
 * A file arms a failpoint either to fail or to pause. Arming it again replaces the
 * earlier arming, also that of another file. CLEAR disarms it, and so does the close of
 * the file that armed it. A paused caller resumes after RESUME, CLEAR, that close,
 * @timeout_ms, unplug, or a fatal signal; then it does the step. During unplug no
 * caller is paused, and a failpoint fails 64 more times at most, so that unplug can
 * finish. An armed failpoint stays armed across unplug and the next bind.
 *
 * Errors:
 *
 * - EACCES: the caller lacks CAP_SYS_ADMIN.
 * - EINVAL: no failpoint has this @name, or @name has no zero byte; @op or a flag is
 *   unknown; @nth or @times is zero with FAIL or PAUSE, or not zero otherwise;
 *   @timeout_ms is zero or above DRM_VSVM_PAUSE_MAX with PAUSE or WAIT, or not zero
 *   otherwise. Also every call to a driver that is built without
 *   CONFIG_DRM_VSVM_INJECT.
 * - EPERM: the file belongs to another address space.
 * - EOPNOTSUPP: the failpoint cannot fail (FAIL), or cannot pause (PAUSE, RESUME,
 *   WAIT).
 * - ETIMEDOUT: WAIT, and no caller was paused in time.
 * - EINTR: WAIT, and a signal arrived.
 * - ENODEV: the device was unplugged, with WAIT also during the wait.
 */
struct drm_vsvm_inject {
	/** @name: in, name of the failpoint; bytes after the zero byte are ignored */
	char name[DRM_VSVM_FAILPOINT_NAME];
	/** @op: in, one of &enum drm_vsvm_inject_op */
	__u32 op;
	/** @flags: in, with FAIL and PAUSE: 0 or DRM_VSVM_INJECT_FILE */
	__u32 flags;
	/** @nth: in, first pass that fails or pauses, from 1 */
	__u64 nth;
	/** @times: in, number of passes that fail or pause */
	__u64 times;
	/** @passed: out, passes since the failpoint was armed, failed ones included */
	__u64 passed;
	/** @fired: out, passes since then that failed or paused */
	__u64 fired;
	/** @timeout_ms: in, PAUSE: longest pause; WAIT: longest wait */
	__u32 timeout_ms;
	/** @paused: out, callers that are paused now */
	__u32 paused;
};

#define DRM_IOCTL_VSVM_INJECT	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VSVM_INJECT, struct drm_vsvm_inject)

#if defined(__cplusplus)
}
#endif

#endif /* _VSVM_INJECT_H_ */
