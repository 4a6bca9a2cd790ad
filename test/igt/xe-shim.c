// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a program written for Intel's xe driver run on vsvm, unchanged, as far as it uses
 * shared virtual memory: preloaded, it answers xe's ioctls on a vsvm node with vsvm's.
 *
 *	LD_PRELOAD=/usr/lib/vsvm/igt/xe-shim.so xe_exec_system_allocator
 *
 * What the program gets from open() of /dev/dri/card* is vsvm's node itself, so dup(),
 * fork() and close() are the kernel's, and a descriptor is recognised by asking it. This
 * file has what the program calls in place of libc. It hands each call on, or to:
 *
 * - xe-query.c, what the device is;
 * - xe-vm.c, address spaces: each is a file of vsvm's of its own;
 * - xe-advice.c, where memory should be;
 * - xe-bo.c, buffers: shared memory;
 * - xe-queue.c, queues, jobs and fences.
 *
 * No work is done here: all that a job stores, its fence too, the device stores. A job is a
 * RUN of a device program (test/device/xe_batch.c) that does the commands in the batch.
 * What differs in kind from xe, and how it is translated:
 *
 * - An address of the GPU is an address of the process. A buffer that is bound is used if it
 *   is mapped there, too, which is what the tests of shared virtual memory do. A bind of it
 *   elsewhere changes nothing, and a job that uses that address loses its queue.
 * - All of the process is mirrored in each address space, bound or not.
 * - The fence of a bind is stored by the device, after the binds before it. xe has a CPU
 *   store it: its page does not count when xe would say that the device uses a range.
 * - Objects have numbers that are valid in the process and not in one file, and end with
 *   the process where the program does not end them.
 * - Syncobjs are EOPNOTSUPP: vsvm has no dma_fence.
 *
 * The program must not destroy what another of its threads uses.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "xe-shim.h"

#define EXPORT		__attribute__((visibility("default")))

/*
 * Set while this thread answers a call: what libvsvm calls then goes to the driver. The
 * two have ioctls with the same numbers.
 */
static __thread bool inside;

/* Protects all numbers of objects. Taken alone. */
static pthread_mutex_t ids_lock = PTHREAD_MUTEX_INITIALIZER;

/* What the program would have called without the shim. */
static void *next_symbol(void **cache, const char *name)
{
	/* Any thread may look it up: all find the same. */
	void *symbol = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!symbol) {
		symbol = dlsym(RTLD_NEXT, name);
		if (!symbol)
			abort();
		__atomic_store_n(cache, symbol, __ATOMIC_RELAXED);
	}
	return symbol;
}

static int next_ioctl(int fd, unsigned long request, void *arg)
{
	static void *cache;
	int (*next)(int fd, unsigned long request, ...);

	next = next_symbol(&cache, "ioctl");
	return next(fd, request, arg);
}

static int next_openat(int dir, const char *path, int flags)
{
	static void *cache;
	int (*next)(int dir, const char *path, int flags);

	next = next_symbol(&cache, "__openat64_2");
	return next(dir, path, flags);
}

static FILE *next_fopen(const char *path, const char *mode)
{
	static void *cache;
	FILE *(*next)(const char *path, const char *mode);

	next = next_symbol(&cache, "fopen64");
	return next(path, mode);
}

static void *next_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	static void *cache;
	void *(*next)(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

	next = next_symbol(&cache, "mmap64");
	return next(addr, len, prot, flags, fd, offset);
}

int xe_ioctl(int fd, unsigned long request, void *arg)
{
	return next_ioctl(fd, request, arg) ? -errno : 0;
}

static int ids_grow(struct xe_ids *ids)
{
	uint32_t nr = ids->nr ? 2 * ids->nr : 16;
	void **objects = reallocarray(ids->objects, nr, sizeof(*objects));

	if (!objects)
		return -ENOMEM;
	memset(objects + ids->nr, 0, (nr - ids->nr) * sizeof(*objects));
	ids->objects = objects;
	ids->nr = nr;
	return 0;
}

int xe_id_new(struct xe_ids *ids, void *object, uint32_t *id)
{
	uint32_t i;
	int ret = 0;

	pthread_mutex_lock(&ids_lock);
	for (i = 0; i < ids->nr && ids->objects[i]; i++)
		;
	if (i == ids->nr)
		ret = ids_grow(ids);
	if (!ret) {
		ids->objects[i] = object;
		*id = i + 1;
	}
	pthread_mutex_unlock(&ids_lock);
	return ret;
}

void *xe_id_find(struct xe_ids *ids, uint32_t id)
{
	void *object = NULL;

	pthread_mutex_lock(&ids_lock);
	if (id && id <= ids->nr)
		object = ids->objects[id - 1];
	pthread_mutex_unlock(&ids_lock);
	return object;
}

void *xe_id_take(struct xe_ids *ids, uint32_t id)
{
	void *object = NULL;

	pthread_mutex_lock(&ids_lock);
	if (id && id <= ids->nr) {
		object = ids->objects[id - 1];
		ids->objects[id - 1] = NULL;
	}
	pthread_mutex_unlock(&ids_lock);
	return object;
}

/*
 * The ioctls.
 */

static bool is_vsvm(int fd)
{
	char name[5] = "";
	struct drm_version version = {
		.name = name,
		.name_len = sizeof(name) - 1,
	};

	return !xe_ioctl(fd, DRM_IOCTL_VERSION, &version) && version.name_len == 4 &&
	       !strcmp(name, "vsvm");
}

/* The kernel tells how long a name is, and stores what there is room for. */
static int answer_version(int fd, struct drm_version *version)
{
	static const char name[] = "xe";
	size_t room = version->name_len;
	char *to = version->name;
	int ret;

	version->name = NULL;
	version->name_len = 0;
	ret = xe_ioctl(fd, DRM_IOCTL_VERSION, version);
	version->name = to;
	version->name_len = strlen(name);
	if (!ret && to)
		memcpy(to, name, room < strlen(name) ? room : strlen(name));
	return ret;
}

/* 0 or a negative errno. */
static int answer(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case DRM_IOCTL_VERSION:
		return answer_version(fd, arg);
	case DRM_IOCTL_GEM_CLOSE:
		return xe_gem_close(((struct drm_gem_close *)arg)->handle);
	case DRM_IOCTL_XE_DEVICE_QUERY:
		return xe_device_query(fd, arg);
	case DRM_IOCTL_XE_GEM_CREATE:
		return xe_gem_create(arg);
	case DRM_IOCTL_XE_GEM_MMAP_OFFSET:
		return xe_gem_mmap_offset(arg);
	case DRM_IOCTL_XE_VM_CREATE:
		return xe_vm_create(fd, arg);
	case DRM_IOCTL_XE_VM_DESTROY:
		return xe_vm_destroy(arg);
	case DRM_IOCTL_XE_VM_BIND:
		return xe_vm_bind(arg);
	case DRM_IOCTL_XE_EXEC_QUEUE_CREATE:
		return xe_queue_create(arg);
	case DRM_IOCTL_XE_EXEC_QUEUE_DESTROY:
		return xe_queue_destroy(arg);
	case DRM_IOCTL_XE_EXEC:
		return xe_exec(arg);
	case DRM_IOCTL_XE_WAIT_USER_FENCE:
		return xe_wait(fd, arg);
	case DRM_IOCTL_XE_MADVISE:
		return xe_madvise(arg);
	case DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS:
		return xe_mem_ranges(arg);
	}
	/* It is not xe's, or nothing that shares virtual memory uses it. */
	return -EINVAL;
}

/* Whether a call is answered otherwise by each driver. */
static bool is_drivers(unsigned long request)
{
	unsigned int nr = _IOC_NR(request);

	return _IOC_TYPE(request) == DRM_IOCTL_BASE &&
	       (request == DRM_IOCTL_VERSION || request == DRM_IOCTL_GEM_CLOSE ||
		(nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END));
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (inside || !is_drivers(request) || !is_vsvm(fd))
		return next_ioctl(fd, request, arg);

	inside = true;
	ret = answer(fd, request, arg);
	inside = false;
	if (ret) {
		errno = -ret;
		return -1;
	}
	return 0;
}

/*
 * What a program calls that has 64-bit offsets by _FILE_OFFSET_BITS, as IGT has.
 *
 * Buffers are mapped through the node, by an offset that says which one. IGT maps them to be
 * written only, and no device uses a mapping that may not be read.
 */
EXPORT void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	int file = fd < 0 ? -1 : xe_bo_file(offset);

	if (file < 0 || !is_vsvm(fd))
		return next_mmap(addr, len, prot, flags, fd, offset);
	return next_mmap(addr, len, prot | PROT_READ, flags, file, 0);
}

/*
 * Files in debugfs that the driver does not have. The program opens one below a folder that
 * it has open, and the other by its whole path.
 */

/* What a fortified openat() without a mode is. */
EXPORT int __openat64_2(int dir, const char *path, int flags)
{
	if (!strcmp(path, "gt0/pat_sw_config"))
		return xe_pat_text();
	return next_openat(dir, path, flags);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	unsigned int minor;
	int end = 0, fd;

	if (sscanf(path, "/sys/kernel/debug/dri/%u/gt0/stats%n", &minor, &end) != 1 ||
	    !end || path[end])
		return next_fopen(path, mode);
	fd = xe_stats_text(minor);
	return fd < 0 ? NULL : fdopen(fd, mode);
}
