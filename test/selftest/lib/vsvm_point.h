/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The points where the driver can be made to fail or pause, by name; see
 * drm/vsvm_inject.h. Same manners as vsvm_test.h.
 */
#ifndef VSVM_POINT_H
#define VSVM_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include <drm/vsvm_inject.h>

struct vsvm;

/* More points than the driver has. */
#define VT_POINTS_MAX	128

struct vt_point {
	char name[DRM_VSVM_FAILPOINT_NAME];
	bool fails;		/* what it can do */
	bool pauses;
};

/*
 * How many points there are, and each of them, in the driver's order; 0 with a
 * message when debugfs cannot tell. It is read once, at the first call of either.
 */
unsigned int vt_points(void);
const struct vt_point *vt_point(unsigned int i);
/* Which of them has the name, or -1. */
int vt_point_number(const char *name);

/* INJECT at a named point, with the rest as it is in @arg. */
int vt_inject(int fd, const char *point, struct drm_vsvm_inject *arg);

/* Arm, or not any more: 0 or a negative errno. */
int vt_arm(struct vsvm *v, const char *point, uint64_t nth, uint64_t times);
/* The same for passes of all processes. */
int vt_arm_all(struct vsvm *v, const char *point, uint64_t nth, uint64_t times);
int vt_disarm(struct vsvm *v, const char *point);

/*
 * Pause the @nth pass of a point, of all processes; wait until it is paused; let
 * it go on. Nobody is paused longer than VT_PAUSE seconds.
 */
#define VT_PAUSE	55
int vt_pause(struct vsvm *v, const char *point, uint64_t nth);
int vt_await(struct vsvm *v, const char *point);
int vt_resume(struct vsvm *v, const char *point);

/* Passes since a point was armed, how many failed, who is paused now; or -1. */
long vt_passed(struct vsvm *v, const char *point);
long vt_fired(struct vsvm *v, const char *point);
long vt_paused(struct vsvm *v, const char *point);

#endif /* VSVM_POINT_H */
