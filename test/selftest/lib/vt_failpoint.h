/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The failpoints, where the driver can be made to fail or pause, by name; see
 * drm/vsvm_inject.h. A function that fails prints which operation at which
 * failpoint gave which errno.
 */
#ifndef VT_FAILPOINT_H
#define VT_FAILPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <drm/vsvm_inject.h>

struct vsvm;

/* More failpoints than the driver has. */
#define VT_FAILPOINTS_MAX	128

struct vt_failpoint {
	char name[DRM_VSVM_FAILPOINT_NAME];
	bool fails;		/* what it can do */
	bool pauses;
};

/*
 * How many failpoints there are, and each of them, in the driver's order; 0 with a
 * message when debugfs cannot tell. It is read once, at the first call of either.
 */
unsigned int vt_failpoints(void);
const struct vt_failpoint *vt_failpoint(unsigned int i);
/* Which of them has the name, or -1. */
int vt_failpoint_number(const char *name);

/* INJECT at a failpoint, with the rest as it is in @arg; prints nothing. */
int vt_inject(int fd, const char *name, struct drm_vsvm_inject *arg);

/* Arm for passes of this file's process, or not any more: 0 or a negative errno. */
int vt_arm(struct vsvm *v, const char *name, uint64_t nth, uint64_t times);
/* The same for passes of all processes. */
int vt_arm_all(struct vsvm *v, const char *name, uint64_t nth, uint64_t times);
int vt_disarm(struct vsvm *v, const char *name);

/*
 * Pause the @nth pass of a failpoint, of all processes; wait until a thread is
 * paused there; resume it. No thread is paused longer than VT_PAUSE seconds.
 */
#define VT_PAUSE	55
int vt_pause(struct vsvm *v, const char *name, uint64_t nth);
int vt_await(struct vsvm *v, const char *name);
int vt_resume(struct vsvm *v, const char *name);

/*
 * Passes since a failpoint was armed, how many failed or paused, and how many
 * threads are paused now; or -1.
 */
long vt_passed(struct vsvm *v, const char *name);
long vt_fired(struct vsvm *v, const char *name);
long vt_paused(struct vsvm *v, const char *name);

#endif /* VT_FAILPOINT_H */
