// SPDX-License-Identifier: GPL-2.0-only
/*
 * File operations of a node, except ioctls: open and close, read and write at an
 * address, poll, mmap, fdinfo.
 *
 * Lifetime: the file's &struct vsvm_vm lives from vsvm_file_open() until
 * vsvm_file_close(). Locks: &vsvm_device.vms_lock, for the list of open files.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_context.h"
#include "vsvm_device.h"
#include "vsvm_file.h"
#include "vsvm_inject.h"
#include "vsvm_ioctl.h"
#include "vsvm_vm.h"

/* Nobody uses the address space any more. */
static void file_release(struct kref *refs)
{
	struct vsvm_vm *vm = container_of(refs, struct vsvm_vm, refs);
	struct vsvm_device *vsvm = to_vsvm(vm->drm);

	/*
	 * Not drm_dev_enter(): that fails as soon as unplug has begun, and
	 * vsvm_remove() would not find a file that is closed after that on the list.
	 * The first of the two to get the lock calls vsvm_mirror_unplug(). The device's
	 * memory exists until vsvm_remove() has had the lock.
	 */
	mutex_lock(&vsvm->vms_lock);
	list_del(&vm->link);
	if (vm->mirror.devmem)
		vsvm_mirror_unplug(&vm->mirror);
	mutex_unlock(&vsvm->vms_lock);
	vsvm_queue_exit(&vm->queues);
	vsvm_vm_destroy(vm);
}

/**
 * vsvm_file_open() - open a file of the device
 * @drm: the device
 * @file: the file, which belongs to the caller's mm from here on
 *
 * &drm_driver.open.
 *
 * Return: 0; -ENODEV: the device was unplugged, or unplug has begun; -EPERM: a kernel
 * thread has no mm; -ENOMEM.
 */
int vsvm_file_open(struct drm_device *drm, struct drm_file *file)
{
	struct vsvm_device *vsvm = to_vsvm(drm);
	struct vsvm_vm *vm;
	int idx;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	vm = vsvm_vm_create(drm, vsvm->devmem, vsvm->dma);
	if (!IS_ERR(vm)) {
		file->driver_priv = vm;
		vm->mirror.file = file->client_id;
		vm->release = file_release;
		vsvm_queue_init(&vm->queues, vm, &vsvm->engines);
		mutex_lock(&vsvm->vms_lock);
		list_add(&vm->link, &vsvm->vms);
		mutex_unlock(&vsvm->vms_lock);
	}
	drm_dev_exit(idx);
	return PTR_ERR_OR_ZERO(vm);
}

/**
 * vsvm_file_close() - close a file
 * @drm: the device, perhaps unplugged
 * @file: the file
 *
 * &drm_driver.postclose.
 */
void vsvm_file_close(struct drm_device *drm, struct drm_file *file)
{
	struct vsvm_vm *vm = file->driver_priv;

	vsvm_inject_forget(vm->mirror.table.inject, vm);
	vsvm_queue_close(&vm->queues);
	vsvm_mirror_empty(&vm->mirror);
	vsvm_vm_put(vm);
}

/* pread and pwrite: the file offset is the address; a short count is valid. */
static ssize_t file_copy(struct file *filp, char __user *buf, size_t len,
			 loff_t *pos, bool write)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	struct drm_vsvm_rw rw = {
		.addr = *pos,
		.buf = (u64)(unsigned long)buf,
		.len = len,
	};
	struct vsvm_context ctx;
	int ret;

	if (!len)
		return vsvm_vm_check(vm);
	ret = vsvm_ioctl_check_range(vm->drm, rw.addr, rw.len);
	if (ret)
		return ret;
	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	ret = vsvm_access_copy(&ctx, &rw, write);
	*pos += rw.done;
	return rw.done ?: ret;
}

static ssize_t file_pread(struct file *filp, char __user *buf, size_t len,
			  loff_t *pos)
{
	return file_copy(filp, buf, len, pos, false);
}

static ssize_t file_pwrite(struct file *filp, const char __user *buf,
			   size_t len, loff_t *pos)
{
	return file_copy(filp, (char __user *)buf, len, pos, true);
}

/*
 * A file is always readable and writable, so poll waits for unplug and for the loss of
 * a queue only. The open file keeps the device and both wait queues. Core removes the
 * caller from them before the file is closed.
 */
static __poll_t file_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	int idx;

	poll_wait(filp, &to_vsvm(vm->drm)->gone, wait);
	poll_wait(filp, &vm->queues.lost, wait);
	if (!drm_dev_enter(vm->drm, &idx))
		return EPOLLHUP | EPOLLERR;
	drm_dev_exit(idx);
	if (vsvm_vm_check(vm))
		return EPOLLERR;
	return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM |
	       (vsvm_queue_is_lost(&vm->queues) ? EPOLLPRI : 0);
}

/* The file offset is an address. SEEK_END has no meaning. */
static loff_t file_llseek(struct file *filp, loff_t offset, int whence)
{
	struct drm_file *file = filp->private_data;
	int ret = vsvm_vm_check(file->driver_priv);

	/* The result would tell where the owner's next read() goes. */
	if (ret)
		return ret;
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return generic_file_llseek_size(filp, offset, whence, TASK_SIZE, 0);
}

/*
 * Maps zeroed pages that the driver allocates. They belong to the mapping alone and are
 * charged to the caller's memcg. If this fails, core mm unmaps what is mapped so far.
 */
static int file_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_inject *inject = vm->mirror.table.inject;
	unsigned long addr;
	int ret;

	if (refuse(vm->drm, vma->vm_pgoff != 0) ||
	    refuse(vm->drm, vma->vm_end - vma->vm_start > DRM_VSVM_MMAP_MAX))
		return -EINVAL;
	/* A test without a lock is enough: the pages are not on the device. */
	if (drm_dev_is_unplugged(vm->drm))
		return -ENODEV;
	/* Not vsvm_vm_use(): binding takes mmap_lock, which core mm holds here. */
	ret = vsvm_vm_check(vm);
	if (ret)
		return ret;

	vm_flags_set(vma, VM_DONTEXPAND);
	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE) {
		struct page *page;

		cond_resched();
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		page = VSVM_INJECT(inject, MMAP_PAGE, NULL,
				   alloc_page(GFP_USER | __GFP_ZERO |
					      __GFP_ACCOUNT));
		if (!page) {
			ret = -ENOMEM;
			break;
		}
		/* The mapping takes its own reference. */
		ret = VSVM_INJECT(inject, MMAP_INSERT, -ENOMEM,
				  vm_insert_page(vma, addr, page));
		put_page(page);
		if (ret)
			break;
	}
	return ret;
}

/* Not &drm_driver.show_fdinfo, which does not know the reader. */
static void file_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	int idx;

	drm_show_fdinfo(m, filp);
	if (!drm_dev_enter(vm->drm, &idx))
		return;
	vsvm_vm_fdinfo(vm, filp, m);
	drm_dev_exit(idx);
}

/*
 * Pages of a mapping of the node belong to the process, and unplug must leave them in
 * place. DRM unmaps all files of a device through their common address_space, so files
 * of vsvm keep that of their inode.
 */
static int file_open(struct inode *inode, struct file *filp)
{
	int ret = drm_open(inode, filp);

	if (!ret)
		filp->f_mapping = inode->i_mapping;
	return ret;
}

const struct file_operations vsvm_file_fops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = file_poll,
	.read = file_pread,
	.write = file_pwrite,
	.mmap = file_mmap,
	.llseek = file_llseek,
	.show_fdinfo = file_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};
