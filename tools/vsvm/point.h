/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failpoints, as people name them.
 */
#ifndef POINT_H
#define POINT_H

#include <stdbool.h>
#include <stdint.h>

#include <drm/vsvm_inject.h>

struct vsvm;

/**
 * struct point - a failpoint, and which of its passes are meant
 * @name: as in debugfs
 * @nth: the first pass, from 1
 * @times: how many passes from there on
 */
struct point {
	char name[DRM_VSVM_FAILPOINT_NAME];
	uint64_t nth;
	uint64_t times;
};

/* The longest that a thread is paused, or waited for, in seconds. */
#define POINT_SECONDS	(DRM_VSVM_PAUSE_MAX / 1000)

/* NAME[:NTH[:TIMES]], each 1 if it is not there; false: it is not of that form. */
bool point_parse(const char *text, struct point *p);

/* INJECT, with @ms for PAUSE and WAIT: 0 or a negative errno, and the counts in @out. */
int point_call(struct vsvm *v, const struct point *p, uint32_t op, unsigned int ms,
	       struct drm_vsvm_inject *out);

/* The same; it complains, and says in words what is wrong. */
int point_do(struct vsvm *v, const struct point *p, uint32_t op, unsigned int ms,
	     struct drm_vsvm_inject *out);

#endif /* POINT_H */
