// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file's address space.
 *
 * A file belongs to the mm of its first use. A forked child, a process that was
 * handed the descriptor, or the same process after exec has another mm and is
 * refused: it must not see memory through a file that it could not see itself.
 *
 * Lifetime: from open to the last close. Locks: &vsvm_vm.bind, outside
 * mmap_lock, once in a file's life.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "vsvm_devmem.h"
#include "vsvm_vm.h"

/**
 * vsvm_vm_create() - a new file's address space, not bound yet
 * @drm: the device
 * @devmem: its memory
 */
struct vsvm_vm *vsvm_vm_create(struct drm_device *drm,
			       struct vsvm_devmem *devmem)
{
	struct vsvm_vm *vm;

	vm = VSVM_INJECT(devmem->inject, OPEN, NULL,
			 kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT));
	if (!vm)
		return NULL;

	vm->drm = drm;
	mutex_init(&vm->bind);
	vsvm_mirror_init(&vm->mirror, drm, devmem);
	return vm;
}

/**
 * vsvm_vm_destroy() - the file is closed, nobody uses it any more
 * @vm: the address space
 */
void vsvm_vm_destroy(struct vsvm_vm *vm)
{
	if (vm->mm)
		vsvm_mirror_unbind(&vm->mirror);
	put_pid(vm->owner);
	mutex_destroy(&vm->bind);
	kfree(vm);
}

/* Binds the file to the caller's mm, unless somebody was quicker. */
static int bind(struct vsvm_vm *vm)
{
	int ret = 0;

	if (VSVM_INJECT(vm->mirror.table.inject, BIND_LOCK, -EINTR,
			mutex_lock_killable(&vm->bind)))
		return -EINTR;
	if (!vm->mm) {
		ret = vsvm_mirror_bind(&vm->mirror, current->mm);
		if (!ret) {
			vm->owner = get_pid(task_tgid(current));
			vm->uid = current_uid();
			/* Pairs with the acquires below. */
			smp_store_release(&vm->mm, current->mm);
		}
	}
	mutex_unlock(&vm->bind);
	return ret;
}

/**
 * vsvm_vm_use() - may the caller use this file?
 * @vm: the address space; bound to current->mm if it was not bound
 *
 * Return: 0; -EPERM: it belongs to another mm; -ENOMEM, -EINTR or -ENODEV from
 * binding.
 */
int vsvm_vm_use(struct vsvm_vm *vm)
{
	struct mm_struct *mm;
	int ret;

	/* Pairs with the release in bind(): mm set means the mirror is bound. */
	mm = smp_load_acquire(&vm->mm);
	if (!mm && current->mm) {
		ret = bind(vm);
		if (ret)
			return ret;
		mm = vm->mm;
	}

	if (!mm || mm != current->mm) {
		drm_dbg_driver(vm->drm, "file belongs to another mm\n");
		return -EPERM;
	}
	return 0;
}

static u64 table_bytes(struct vsvm_vm *vm, u32 place)
{
	return (u64)READ_ONCE(vm->mirror.table.count[place]) << PAGE_SHIFT;
}

/*
 * The process's pages on this device are one object: shared, when the process
 * has more than one file. What is in this file's device page table is active.
 */
static void device_memory(struct vsvm_vm *vm, const struct vsvm_share *share,
			  struct drm_memory_stats *stats)
{
	unsigned long files = READ_ONCE(share->refs) -
			      READ_ONCE(share->nr_blocks);

	stats->resident = (u64)READ_ONCE(share->nr_pages) << PAGE_SHIFT;
	if (files > 1)
		stats->shared = stats->resident;
	else
		stats->private = stats->resident;
	stats->active = min(table_bytes(vm, DRM_VSVM_PLACE_DEVICE),
			    stats->resident);
}

/*
 * May the caller see what the file's process does? Whoever has the descriptor
 * has an fdinfo of it, so that core asked for a right to look at the process
 * that holds it says nothing about the one that uses it.
 */
static bool may_look(const struct vsvm_vm *vm)
{
	return vm->mm == current->mm || uid_eq(vm->uid, current_uid()) ||
	       capable(CAP_PERFMON);
}

/**
 * vsvm_vm_fdinfo() - what a file has and what it did, for /proc/PID/fdinfo
 * @vm: its address space; the device's memory is there
 * @p: where to print
 *
 * Says nothing about a process of somebody else's. Takes no lock: numbers may be
 * from different moments.
 */
void vsvm_vm_fdinfo(struct vsvm_vm *vm, struct drm_printer *p)
{
	struct drm_memory_stats device = {}, memory = {};
	/* Pairs with the release in bind(): share and owner are set. */
	bool bound = smp_load_acquire(&vm->mm);
	struct vsvm_share *share = bound ? vm->mirror.share : NULL;
	unsigned int i;
	u64 n;

	drm_printf(p, "vsvm-device:\t%u\n", vm->mirror.devmem->device);
	if (bound && !may_look(vm))
		return;
	if (share)
		device_memory(vm, share, &device);
	memory.resident = table_bytes(vm, DRM_VSVM_PLACE_SYSTEM);
	memory.private = memory.resident;
	memory.active = memory.resident;
	drm_print_memory_stats(p, &device, DRM_GEM_OBJECT_RESIDENT |
			       DRM_GEM_OBJECT_ACTIVE, "device");
	drm_print_memory_stats(p, &memory, DRM_GEM_OBJECT_RESIDENT |
			       DRM_GEM_OBJECT_ACTIVE, "memory");

	drm_printf(p, "vsvm-owner:\t%d\n", bound ? pid_vnr(vm->owner) : 0);
	for (i = 0; i < VSVM_STATS; i++) {
		n = vsvm_stats_get(&vm->mirror.stats, i);
		if (share)
			n += vsvm_stats_get(&share->stats, i);
		drm_printf(p, "vsvm-%s:\t%llu\n", vsvm_stats_name(i), n);
	}
}
