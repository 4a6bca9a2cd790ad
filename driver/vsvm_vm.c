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
#include <linux/sched.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "vsvm_vm.h"

/**
 * vsvm_vm_create() - a new file's address space, not bound yet
 * @drm: the device
 * @devmem: its memory
 */
struct vsvm_vm *vsvm_vm_create(struct drm_device *drm,
			       struct vsvm_devmem *devmem)
{
	struct vsvm_vm *vm = kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;

	vm->drm = drm;
	mutex_init(&vm->bind);
	vsvm_mirror_init(&vm->mirror, devmem, drm->dev);
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
	mutex_destroy(&vm->bind);
	kfree(vm);
}

/* Binds the file to the caller's mm, unless somebody was quicker. */
static int bind(struct vsvm_vm *vm)
{
	int ret = 0;

	if (mutex_lock_killable(&vm->bind))
		return -EINTR;
	if (!vm->mm) {
		ret = vsvm_mirror_bind(&vm->mirror, current->mm);
		if (!ret) {
			/* Pairs with the acquire in vsvm_vm_use(). */
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
 * Return: 0; -EPERM: it belongs to another mm; -ENOMEM or -EINTR from binding.
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
