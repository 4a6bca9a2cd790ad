/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event streams for tests. A function that fails prints a line that says what is wrong,
 * as those of vt.h do.
 */
#ifndef VT_EVENTS_H
#define VT_EVENTS_H

#include "vt.h"

#define VT_EVENT(type)	(1ULL << DRM_VSVM_EVENT_##type)

/* A stream with O_NONBLOCK, or -1. */
int vt_stream(struct vsvm *v, uint64_t mask, uint32_t records);

/* Wait until there is something to read, or the stream has ended: what poll() says. */
short vt_stream_wait(int fd);

/* 0 when the next record is there, and of this type. */
int vt_next(int fd, uint32_t type, struct drm_vsvm_event *e);
/* The same of the first record of the type; those in front of it are dropped. */
int vt_find(int fd, uint32_t type, struct drm_vsvm_event *e);
/* 0 when there is none. */
int vt_no_next(int fd);
/* 0 when the stream has ended, and all was read. */
int vt_ended(int fd);

/* drm-client-id of the handle, or 0. */
uint64_t vt_file_id(struct vsvm *v);

#endif /* VT_EVENTS_H */
