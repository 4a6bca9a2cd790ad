// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event streams for tests, see vt_events.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vt_counters.h"
#include "vt_events.h"

int vt_stream(struct vsvm *v, uint64_t mask, uint32_t records)
{
	int fd, ret = vsvm_events_open(v, mask, records,
				       DRM_VSVM_EVENTS_NONBLOCK, &fd);

	return ret ? vt_wrong("events: %s", strerror(-ret)) : fd;
}

short vt_stream_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, VT_LONG * 1000) < 0 ? -errno : p.revents;
}

/* One record, whatever it is: 0 or a negative errno; -ENODATA: the stream has ended. */
static int read_one(int fd, struct drm_vsvm_event *e)
{
	uint32_t nr = 1;
	int ret = vsvm_events_read(fd, e, &nr);

	return ret ? ret : nr == 1 ? 0 : -ENODATA;
}

static int sane(const struct drm_vsvm_event *e)
{
	return e->size == sizeof(*e) && e->time && !e->pad &&
	       vsvm_event_name(e->type) && vsvm_cause_name(e->cause);
}

int vt_next(int fd, uint32_t type, struct drm_vsvm_event *e)
{
	int ret = read_one(fd, e);

	if (ret)
		return vt_wrong("no event %s: %s", vsvm_event_name(type),
				strerror(-ret));
	if (!sane(e))
		return vt_wrong("event of type %u, size %u, cause %u", e->type,
				e->size, e->cause);
	return e->type == type ? 0 :
	       vt_wrong("event %s, not %s", vsvm_event_name(e->type),
			vsvm_event_name(type));
}

int vt_find(int fd, uint32_t type, struct drm_vsvm_event *e)
{
	int ret;

	do {
		ret = read_one(fd, e);
	} while (!ret && e->type != type);
	return ret ? vt_wrong("no event %s: %s", vsvm_event_name(type),
			      strerror(-ret)) : 0;
}

int vt_no_next(int fd)
{
	struct drm_vsvm_event e;
	int ret = read_one(fd, &e);

	if (!ret)
		return vt_wrong("event %s, addr %#llx, bytes %llu",
				vsvm_event_name(e.type),
				(unsigned long long)e.addr,
				(unsigned long long)e.bytes);
	return ret == -EAGAIN ? 0 : vt_wrong("read: %s", strerror(-ret));
}

int vt_ended(int fd)
{
	struct drm_vsvm_event e;
	int ret;

	if (!(vt_stream_wait(fd) & POLLHUP))
		return vt_wrong("the stream goes on");
	ret = read_one(fd, &e);
	return ret == -ENODATA ? 0 : vt_wrong("read: %s", strerror(-ret));
}

uint64_t vt_file_id(struct vsvm *v)
{
	return vt_fdinfo_get(v) ? 0 : vt_key("drm-client-id");
}
