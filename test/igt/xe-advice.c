// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory should be, as xe's MADVISE says it, and what was said of a range. All of it
 * is vsvm's advice: the caching mode, which means nothing to vsvm, is in the word that the
 * driver keeps for whoever wants it.
 *
 * Owns nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xe-shim.h"

/* Runs to ask for at once. */
#define RUNS		64

/* A caching mode as it is in the word: 0 stands for none that was set. */
#define PAT_WORD(pat)	((pat) + 1ULL)
#define PAT_DEFAULT	2

static const uint32_t atomics[] = {
	[DRM_XE_ATOMIC_UNDEFINED] = DRM_VSVM_ATOMICS_DEFAULT,
	[DRM_XE_ATOMIC_DEVICE] = DRM_VSVM_ATOMICS_DEVICE,
	[DRM_XE_ATOMIC_GLOBAL] = DRM_VSVM_ATOMICS_SYSTEM,
	[DRM_XE_ATOMIC_CPU] = DRM_VSVM_ATOMICS_CPU,
};

/* Another device is named by a file of it. */
static int location(const struct xe_vm *vm, int fd, struct drm_vsvm_advice *advice)
{
	struct drm_vsvm_info here = { 0 }, there = { 0 };
	int ret;

	if (fd == DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE) {
		advice->location = DRM_VSVM_LOCATION_HERE;
		return 0;
	}
	if (fd == DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM) {
		advice->location = DRM_VSVM_LOCATION_SYSTEM;
		return 0;
	}
	ret = vsvm_info(vm->v, &here);
	if (!ret)
		ret = xe_ioctl(fd, DRM_IOCTL_VSVM_INFO, &there);
	if (ret)
		return ret;
	if (here.device == there.device) {
		advice->location = DRM_VSVM_LOCATION_HERE;
	} else {
		advice->location = DRM_VSVM_LOCATION_DEVICE;
		advice->device = there.device;
	}
	return 0;
}

static int translate(const struct xe_vm *vm, const struct drm_xe_madvise *madvise,
		     uint32_t *set, struct drm_vsvm_advice *advice)
{
	switch (madvise->type) {
	case DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC:
		*set = DRM_VSVM_ADVISE_LOCATION;
		return location(vm, madvise->preferred_mem_loc.devmem_fd, advice);
	case DRM_XE_MEM_RANGE_ATTR_ATOMIC:
		if (madvise->atomic.val >= ARRAY_SIZE(atomics))
			return -EINVAL;
		*set = DRM_VSVM_ADVISE_ATOMICS;
		advice->atomics = atomics[madvise->atomic.val];
		return 0;
	case DRM_XE_MEM_RANGE_ATTR_PAT:
		*set = DRM_VSVM_ADVISE_WORD;
		advice->word = PAT_WORD(madvise->pat_index.val);
		return 0;
	}
	return -EINVAL;
}

/*
 * xe's advice is of addresses, mapped or not. vsvm's is of memory: what has none is left
 * out, since what comes there later has no advice from before.
 */
static int advise_mapped(const struct xe_vm *vm, uint64_t addr, uint64_t len, uint32_t set,
			 const struct drm_vsvm_advice *advice)
{
	uint64_t page = sysconf(_SC_PAGESIZE), end = addr + len;
	struct drm_vsvm_run runs[RUNS];
	uint32_t nr, i;
	int ret = 0;

	while (!ret && addr < end) {
		nr = ARRAY_SIZE(runs);
		ret = vsvm_snapshot(vm->v, (void *)addr, end - addr, runs, &nr, &addr);
		for (i = 0; !ret && i < nr; i++)
			if ((runs[i].state & DRM_VSVM_STATE_PLACE) != DRM_VSVM_PLACE_ERROR)
				ret = vsvm_advise(vm->v, (void *)runs[i].start,
						  runs[i].count * page, set, advice);
	}
	return ret;
}

int xe_madvise(const struct drm_xe_madvise *madvise)
{
	struct xe_vm *vm = xe_vm_find(madvise->vm_id);
	struct drm_vsvm_advice advice = { 0 };
	uint32_t set;
	int ret;

	if (madvise->extensions)
		return -EINVAL;
	if (!vm)
		return -ENOENT;
	ret = translate(vm, madvise, &set, &advice);
	if (ret)
		return ret;
	ret = vsvm_advise(vm->v, (void *)madvise->start, madvise->range, set, &advice);
	if (ret == -EFAULT)
		ret = advise_mapped(vm, madvise->start, madvise->range, set, &advice);
	return ret;
}

/* Which file named another device is not known: that reads as this device. */
static struct drm_xe_mem_range_attr to_xe(const struct drm_vsvm_advice_run *run)
{
	struct drm_xe_mem_range_attr attr = {
		.start = run->start,
		.end = run->start + run->len,
		.preferred_mem_loc.devmem_fd = DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE,
		.pat_index.val = run->advice.word ? run->advice.word - PAT_WORD(0) : PAT_DEFAULT,
	};

	if (run->advice.location == DRM_VSVM_LOCATION_SYSTEM)
		attr.preferred_mem_loc.devmem_fd = DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM;
	while (atomics[attr.atomic.val] != run->advice.atomics)
		attr.atomic.val++;
	return attr;
}

/* Stores up to the number of ranges that the caller has room for, or counts them. */
int xe_mem_ranges(struct drm_xe_vm_query_mem_range_attr *query)
{
	struct drm_xe_mem_range_attr *attrs = (void *)(uintptr_t)query->vector_of_mem_attr;
	uint32_t room = query->num_mem_ranges, found = 0, nr, i;
	uint64_t addr = query->start, end = addr + query->range;
	struct xe_vm *vm = xe_vm_find(query->vm_id);
	struct drm_vsvm_advice_run runs[RUNS];
	int ret;

	if (query->extensions || (attrs && query->sizeof_mem_range_attr != sizeof(*attrs)))
		return -EINVAL;
	if (!vm)
		return -ENOENT;
	while (addr < end) {
		nr = ARRAY_SIZE(runs);
		ret = vsvm_advice_get(vm->v, (void *)addr, end - addr, runs, &nr, &addr);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++, found++)
			if (attrs && found < room)
				attrs[found] = to_xe(&runs[i]);
	}
	if (attrs && found > room)
		return -ENOSPC;
	query->num_mem_ranges = found;
	query->sizeof_mem_range_attr = sizeof(*attrs);
	return 0;
}
