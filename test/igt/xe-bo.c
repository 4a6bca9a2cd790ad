// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of xe. Where a buffer is placed is the device's business there; here it is shared
 * memory, which the device uses in place.
 *
 * Owns the files of that memory, one for each buffer, until the buffer is closed.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xe-shim.h"

/* The offset to map a buffer at has its number above these bits. vsvm's own is 0. */
#define OFFSET_SHIFT	40

/* Buffers by their numbers, each as its descriptor and 1. */
static struct xe_ids bos;

int xe_gem_create(struct drm_xe_gem_create *create)
{
	int fd, ret;

	if (create->extensions || !create->size || create->size % sysconf(_SC_PAGESIZE))
		return -EINVAL;
	fd = memfd_create("xe-bo", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, create->size) ? -errno : 0;
	if (!ret)
		ret = xe_id_new(&bos, (void *)(intptr_t)(fd + 1), &create->handle);
	if (ret)
		close(fd);
	return ret;
}

int xe_gem_mmap_offset(struct drm_xe_gem_mmap_offset *mmo)
{
	if (mmo->extensions || mmo->flags)
		return -EINVAL;
	if (!xe_id_find(&bos, mmo->handle))
		return -ENOENT;
	mmo->offset = (uint64_t)mmo->handle << OFFSET_SHIFT;
	return 0;
}

/* What is mapped stays mapped. */
int xe_gem_close(uint32_t handle)
{
	intptr_t bo = (intptr_t)xe_id_take(&bos, handle);

	if (!bo)
		return -EINVAL;
	close(bo - 1);
	return 0;
}

/* The descriptor of the buffer that this offset stands for, or -1. */
int xe_bo_file(off_t offset)
{
	return (intptr_t)xe_id_find(&bos, offset >> OFFSET_SHIFT) - 1;
}
