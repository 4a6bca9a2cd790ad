// SPDX-License-Identifier: MIT
/*
 * libvsvm: thin functions over the ioctls of a vsvm render node.
 *
 * Owns the handle, which is a file descriptor and nothing else: it lives from
 * vsvm_open() to vsvm_close(), never changes in between, and so needs no lock.
 * There are no globals. Whatever goes wrong is returned, never printed.
 *
 * drmIoctl() retries a call that a signal interrupted. That is safe although
 * the kernel writes output fields on failure too: the only field that is both
 * input and output is the room for a snapshot, and the driver returns EINTR
 * only to a process that is being killed and will not see the second answer, or
 * where a test asked for it (drm/vsvm_inject.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libvsvm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* libdrm itself looks at no more. */
#define MAX_NODES	256

struct vsvm {
	int fd;
};

static int ioctl_fd(int fd, unsigned long request, void *arg)
{
	return drmIoctl(fd, request, arg) ? -errno : 0;
}

static bool is_vsvm(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool ret = version && !strcmp(version->name, "vsvm");

	drmFreeVersion(version);
	return ret;
}

/*
 * Only the platform device of that name is opened: opening a render node may wake a
 * sleeping graphics card, and another device's node may be another user's. -ENODEV: not
 * the one.
 */
static int open_node(drmDevicePtr dev, unsigned int device)
{
	struct drm_vsvm_info info = { 0 };
	char name[32];
	int fd, ret;

	snprintf(name, sizeof(name), "vsvm.%u", device);
	if (dev->bustype != DRM_BUS_PLATFORM ||
	    !(dev->available_nodes & (1 << DRM_NODE_RENDER)) ||
	    strcmp(dev->businfo.platform->fullname, name))
		return -ENODEV;

	fd = open(dev->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ret = is_vsvm(fd) ? ioctl_fd(fd, DRM_IOCTL_VSVM_INFO, &info) : -ENODEV;
	if (!ret && info.device == device)
		return fd;

	close(fd);
	return ret ? ret : -ENODEV;
}

/* The descriptor, or a negative errno. */
static int find_node(unsigned int device)
{
	drmDevicePtr devs[MAX_NODES];
	int fd = -ENODEV, nr, i, ret;

	/* Not asked for their number before: each question reads all of sysfs. */
	nr = drmGetDevices2(0, devs, MAX_NODES);
	for (i = 0; i < nr && fd < 0; i++) {
		ret = open_node(devs[i], device);
		if (ret != -ENODEV)
			fd = ret;
	}

	if (nr > 0)
		drmFreeDevices(devs, nr);
	return fd;
}

int vsvm_open(unsigned int device, struct vsvm **out)
{
	struct vsvm *v;
	int fd;

	*out = NULL;
	fd = find_node(device);
	if (fd < 0)
		return fd;

	v = malloc(sizeof(*v));
	if (!v) {
		close(fd);
		return -ENOMEM;
	}

	v->fd = fd;
	*out = v;
	return 0;
}

void vsvm_close(struct vsvm *v)
{
	if (!v)
		return;
	close(v->fd);
	free(v);
}

int vsvm_fd(const struct vsvm *v)
{
	return v->fd;
}

int vsvm_info(struct vsvm *v, struct drm_vsvm_info *info)
{
	memset(info, 0, sizeof(*info));
	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_INFO, info);
}

static int read_write(struct vsvm *v, unsigned long request, const void *addr,
		      const void *buf, size_t len, size_t *done)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)addr,
		.buf = (uintptr_t)buf,
		.len = len,
	};
	int ret = 0;

	if (len)
		ret = ioctl_fd(v->fd, request, &rw);
	if (done)
		*done = rw.done;
	return ret;
}

int vsvm_read(struct vsvm *v, const void *addr, void *buf, size_t len,
	      size_t *done)
{
	return read_write(v, DRM_IOCTL_VSVM_READ, addr, buf, len, done);
}

int vsvm_write(struct vsvm *v, void *addr, const void *buf, size_t len,
	       size_t *done)
{
	return read_write(v, DRM_IOCTL_VSVM_WRITE, addr, buf, len, done);
}

int vsvm_migrate(struct vsvm *v, void *addr, size_t len, uint32_t target,
		 uint32_t flags, struct drm_vsvm_migrate *result)
{
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)addr,
		.len = len,
		.target = target,
		.flags = flags,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_MIGRATE, &mig);

	if (result)
		*result = mig;
	return ret;
}

static int snapshot(struct vsvm *v, const void *addr, size_t len, uint32_t flags,
		    struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next)
{
	struct drm_vsvm_snapshot snap = {
		.addr = (uintptr_t)addr,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = *nr_runs,
		.flags = flags,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap);

	*nr_runs = snap.nr_runs;
	if (next)
		*next = snap.next;
	return ret;
}

int vsvm_snapshot(struct vsvm *v, const void *addr, size_t len,
		  struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next)
{
	return snapshot(v, addr, len, 0, runs, nr_runs, next);
}

int vsvm_snapshot_table(struct vsvm *v, const void *addr, size_t len,
			struct drm_vsvm_run *runs, uint32_t *nr_runs,
			uint64_t *next)
{
	return snapshot(v, addr, len, DRM_VSVM_SNAPSHOT_TABLE, runs, nr_runs,
			next);
}

int vsvm_exclusive(struct vsvm *v, void *addr, size_t len, uint64_t *done)
{
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)addr,
		.len = len,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_EXCLUSIVE, &excl);

	if (done)
		*done = excl.done;
	return ret;
}

int vsvm_atomic(struct vsvm *v, void *word, uint32_t size, uint32_t op,
		uint64_t operand, uint64_t compare, uint64_t *old)
{
	struct drm_vsvm_atomic arg = {
		.addr = (uintptr_t)word,
		.operand = operand,
		.compare = compare,
		.op = op,
		.size = size,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_ATOMIC, &arg);

	if (old)
		*old = arg.old;
	return ret;
}

const char *vsvm_stay_name(unsigned int reason)
{
#define WORD(reason, word)	\
	[DRM_VSVM_STAY_##reason] = word,
	static const char *const names[] = { DRM_VSVM_STAY_WORDS(WORD, WORD) };
#undef WORD

	_Static_assert(ARRAY_SIZE(names) == DRM_VSVM_STAY_REASONS,
		       "a reason has no name");
	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

const char *vsvm_place_name(uint32_t place)
{
	static const char *const names[] = {
		[DRM_VSVM_PLACE_ABSENT] = "absent",
		[DRM_VSVM_PLACE_ERROR] = "error",
		[DRM_VSVM_PLACE_ZERO] = "zero",
		[DRM_VSVM_PLACE_SYSTEM] = "system",
		[DRM_VSVM_PLACE_DEVICE] = "device",
		[DRM_VSVM_PLACE_PEER] = "peer",
	};

	return place < ARRAY_SIZE(names) ? names[place] : NULL;
}
