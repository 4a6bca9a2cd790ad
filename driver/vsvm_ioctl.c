// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation: everything that user space says is checked here, and then handed
 * to one function further in.
 *
 * Each refusal leaves a line in the log at drm debug level (drm.debug=0x2) that
 * names the condition. Order: pads and flags, ranges, whose file it is, work.
 *
 * Lifetime: a call. The device may be unplugged meanwhile: what is further in finds
 * out at each step, see vsvm_mirror_enter(), and nothing here keeps it from that
 * while user space is waited for. Locks: none.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_ioctl.h"
#include "vsvm_migrate.h"
#include "vsvm_vm.h"

/* True, with a line in the debug log, if @cond holds. */
#define refuse(drm, cond)						\
	(unlikely(cond) ?						\
	 (drm_dbg_driver(drm, "%s: %s\n", __func__, #cond), true) : false)

/* A range that is not empty and does not leave user space. */
static int check_range(struct drm_device *drm, u64 addr, u64 len)
{
	if (refuse(drm, len == 0) || refuse(drm, addr + len < addr))
		return -EINVAL;
	if (refuse(drm, addr + len > TASK_SIZE))
		return -EFAULT;
	return 0;
}

static int check_pages(struct drm_device *drm, u64 addr, u64 len)
{
	if (refuse(drm, !PAGE_ALIGNED(addr)) || refuse(drm, !PAGE_ALIGNED(len)))
		return -EINVAL;
	return check_range(drm, addr, len);
}

/**
 * vsvm_ioctl_info() - DRM_IOCTL_VSVM_INFO
 * @drm: the device
 * @data: &struct drm_vsvm_info
 * @file: the file, which it does not bind
 */
int vsvm_ioctl_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct vsvm_device *vsvm = to_vsvm(drm);
	struct drm_vsvm_info *info = data;
	struct vsvm_devmem *dm;
	int idx;

	if (refuse(drm, info->flags))
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	dm = vsvm->devmem;
	info->device = vsvm->index;
	info->devices = vsvm->count;
	info->page_size = PAGE_SIZE;
	info->huge_size = vsvm_devmem_huge(dm) ? VSVM_BLOCK_SIZE : 0;
	info->vram_size = (u64)dm->nr_blocks * VSVM_BLOCK_SIZE;
	/* Two numbers that may be from two moments. */
	info->vram_used = (u64)READ_ONCE(dm->nr_used) * PAGE_SIZE;
	info->vram_backing = (u64)READ_ONCE(dm->nr_backed) * VSVM_BLOCK_SIZE;
	info->kind = vsvm_devmem_coherent(dm) ? DRM_VSVM_KIND_COHERENT :
						DRM_VSVM_KIND_PRIVATE;
	info->caps = vsvm->dma ? DRM_VSVM_CAP_DMA : 0;
	drm_dev_exit(idx);
	return 0;
}

static int do_copy(struct vsvm_vm *vm, struct drm_vsvm_rw *rw, bool write)
{
	int ret;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	return vsvm_access_copy(&vm->mirror, rw, write);
}

static int ioctl_copy(struct drm_device *drm, struct drm_vsvm_rw *rw,
		      struct drm_file *file, bool write)
{
	int ret;

	rw->done = 0;
	rw->faults = 0;
	if (refuse(drm, rw->flags) || refuse(drm, rw->pad))
		return -EINVAL;
	ret = check_range(drm, rw->addr, rw->len);
	if (ret)
		return ret;
	if (refuse(drm, !access_ok(u64_to_user_ptr(rw->buf), rw->len)))
		return -EFAULT;

	return do_copy(file->driver_priv, rw, write);
}

/**
 * vsvm_ioctl_read() - DRM_IOCTL_VSVM_READ
 * @drm: the device
 * @data: &struct drm_vsvm_rw
 * @file: the file
 */
int vsvm_ioctl_read(struct drm_device *drm, void *data, struct drm_file *file)
{
	return ioctl_copy(drm, data, file, false);
}

/**
 * vsvm_ioctl_write() - DRM_IOCTL_VSVM_WRITE
 * @drm: the device
 * @data: &struct drm_vsvm_rw
 * @file: the file
 */
int vsvm_ioctl_write(struct drm_device *drm, void *data, struct drm_file *file)
{
	return ioctl_copy(drm, data, file, true);
}

/**
 * vsvm_ioctl_migrate() - DRM_IOCTL_VSVM_MIGRATE
 * @drm: the device
 * @data: &struct drm_vsvm_migrate
 * @file: the file
 */
int vsvm_ioctl_migrate(struct drm_device *drm, void *data,
		       struct drm_file *file)
{
	struct drm_vsvm_migrate *mig = data;
	struct vsvm_vm *vm = file->driver_priv;
	bool populate = mig->flags & DRM_VSVM_MIGRATE_POPULATE;
	int ret;

	mig->next = mig->addr;
	mig->moved = 0;
	mig->there = 0;
	mig->absent = 0;
	memset(mig->stayed, 0, sizeof(mig->stayed));
	if (refuse(drm, mig->flags & ~DRM_VSVM_MIGRATE_POPULATE) ||
	    refuse(drm, mig->target > DRM_VSVM_TARGET_DEVICE) ||
	    refuse(drm, populate && mig->target != DRM_VSVM_TARGET_DEVICE))
		return -EINVAL;
	ret = check_pages(drm, mig->addr, mig->len);
	if (ret)
		return ret;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	ret = vsvm_migrate(&vm->mirror, mig);
	if (!ret && refuse(drm, mig->stayed[DRM_VSVM_STAY_UNMAPPED] == mig->len))
		ret = -EFAULT;
	return ret;
}

/**
 * vsvm_ioctl_snapshot() - DRM_IOCTL_VSVM_SNAPSHOT
 * @drm: the device
 * @data: &struct drm_vsvm_snapshot
 * @file: the file
 */
int vsvm_ioctl_snapshot(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct drm_vsvm_snapshot *snap = data;
	struct vsvm_vm *vm = file->driver_priv;
	u32 max = snap->nr_runs;
	int ret;

	snap->nr_runs = 0;
	snap->next = snap->addr;
	if (refuse(drm, snap->flags & ~DRM_VSVM_SNAPSHOT_TABLE) ||
	    refuse(drm, max == 0) ||
	    refuse(drm, max > DRM_VSVM_MAX_RUNS))
		return -EINVAL;
	ret = check_pages(drm, snap->addr, snap->len);
	if (ret)
		return ret;
	if (refuse(drm, !access_ok(u64_to_user_ptr(snap->runs),
				   max * sizeof(struct drm_vsvm_run))))
		return -EFAULT;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	snap->nr_runs = max;
	return vsvm_access_snapshot(&vm->mirror, snap);
}

/**
 * vsvm_ioctl_exclusive() - DRM_IOCTL_VSVM_EXCLUSIVE
 * @drm: the device
 * @data: &struct drm_vsvm_exclusive
 * @file: the file
 */
int vsvm_ioctl_exclusive(struct drm_device *drm, void *data,
			 struct drm_file *file)
{
	struct drm_vsvm_exclusive *excl = data;
	struct vsvm_vm *vm = file->driver_priv;
	int ret;

	excl->done = 0;
	if (refuse(drm, excl->flags) || refuse(drm, excl->pad))
		return -EINVAL;
	ret = check_pages(drm, excl->addr, excl->len);
	if (ret)
		return ret;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	return vsvm_access_exclusive(&vm->mirror, excl);
}

static int check_atomic(struct drm_device *drm,
			const struct drm_vsvm_atomic *arg)
{
	u64 max;

	if (refuse(drm, arg->flags) || refuse(drm, arg->pad) ||
	    refuse(drm, arg->op > DRM_VSVM_ATOMIC_CAS) ||
	    refuse(drm, arg->size != sizeof(u32) && arg->size != sizeof(u64)))
		return -EINVAL;
	max = arg->size == sizeof(u32) ? U32_MAX : U64_MAX;
	if (refuse(drm, !IS_ALIGNED(arg->addr, arg->size)) ||
	    refuse(drm, arg->operand > max) || refuse(drm, arg->compare > max) ||
	    refuse(drm, arg->compare && arg->op != DRM_VSVM_ATOMIC_CAS))
		return -EINVAL;
	return check_range(drm, arg->addr, arg->size);
}

/**
 * vsvm_ioctl_atomic() - DRM_IOCTL_VSVM_ATOMIC
 * @drm: the device
 * @data: &struct drm_vsvm_atomic
 * @file: the file
 */
int vsvm_ioctl_atomic(struct drm_device *drm, void *data,
		      struct drm_file *file)
{
	struct drm_vsvm_atomic *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	int ret;

	arg->old = 0;
	ret = check_atomic(drm, arg);
	if (ret)
		return ret;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	return vsvm_access_atomic(&vm->mirror, arg);
}

#ifdef CONFIG_DRM_VSVM_INJECT
/* Returns the point, or why not. */
static int check_inject(struct drm_device *drm,
			const struct drm_vsvm_inject *arg)
{
	bool fail = arg->op == DRM_VSVM_INJECT_FAIL;
	bool pause = arg->op == DRM_VSVM_INJECT_PAUSE;
	bool arm = fail || pause;
	bool time = arg->op == DRM_VSVM_INJECT_WAIT || pause;
	bool pauses = time || arg->op == DRM_VSVM_INJECT_RESUME;
	int point = vsvm_inject_find(arg);
	unsigned int can;

	if (refuse(drm, !capable(CAP_SYS_ADMIN)))
		return -EACCES;
	if (refuse(drm, arg->flags & ~DRM_VSVM_INJECT_FILE) ||
	    refuse(drm, arg->flags && !arm) || refuse(drm, point < 0) ||
	    refuse(drm, arg->op > DRM_VSVM_INJECT_CLEAR) ||
	    refuse(drm, arm != !!arg->nth) || refuse(drm, arm != !!arg->times) ||
	    refuse(drm, time != !!arg->timeout_ms) ||
	    refuse(drm, arg->timeout_ms > DRM_VSVM_PAUSE_MAX))
		return -EINVAL;

	can = vsvm_inject_can(point);
	if (refuse(drm, fail && !(can & VSVM_CAN_FAIL)) ||
	    refuse(drm, pauses && !(can & VSVM_CAN_PAUSE)))
		return -EOPNOTSUPP;
	return point;
}

/**
 * vsvm_ioctl_inject() - DRM_IOCTL_VSVM_INJECT
 * @drm: the device
 * @data: &struct drm_vsvm_inject
 * @file: the file
 */
int vsvm_ioctl_inject(struct drm_device *drm, void *data,
		      struct drm_file *file)
{
	struct drm_vsvm_inject *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	int point, ret;

	arg->passed = 0;
	arg->fired = 0;
	arg->paused = 0;
	point = check_inject(drm, arg);
	if (point < 0)
		return point;

	ret = vsvm_vm_use(vm);
	if (ret)
		return ret;
	/* The points outlive the device: WAIT does not keep it. */
	return vsvm_inject_control(vm->mirror.table.inject, point, arg, vm,
				   vm->mm);
}
#endif

/* pread and pwrite: the file offset is the address, a short count is fine. */
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
	int ret;

	if (!len)
		return vsvm_vm_check(vm);
	ret = check_range(vm->drm, rw.addr, rw.len);
	if (ret)
		return ret;
	ret = do_copy(vm, &rw, write);
	*pos += rw.done;
	return rw.done ?: ret;
}

/**
 * vsvm_ioctl_pread() - the device reads the memory at the file offset
 * @filp: the node's file
 * @buf: where the bytes go
 * @len: bytes
 * @pos: address
 */
ssize_t vsvm_ioctl_pread(struct file *filp, char __user *buf, size_t len,
			 loff_t *pos)
{
	return file_copy(filp, buf, len, pos, false);
}

/**
 * vsvm_ioctl_pwrite() - the device writes the memory at the file offset
 * @filp: the node's file
 * @buf: where the bytes come from
 * @len: bytes
 * @pos: address
 */
ssize_t vsvm_ioctl_pwrite(struct file *filp, const char __user *buf, size_t len,
			  loff_t *pos)
{
	return file_copy(filp, (char __user *)buf, len, pos, true);
}

/**
 * vsvm_ioctl_poll() - whether there is something to wait for: never
 * @filp: the node's file
 * @wait: where to wait for the device's end, the only thing that changes
 *
 * The device, and with it the wait queue, stays while the file is open, and
 * core forgets who polls a file before it is closed.
 *
 * Return: readable and writable; EPOLLERR: the file is another mm's; EPOLLHUP and
 * EPOLLERR: the device was unplugged.
 */
__poll_t vsvm_ioctl_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	int idx;

	poll_wait(filp, &to_vsvm(vm->drm)->gone, wait);
	if (!drm_dev_enter(vm->drm, &idx))
		return EPOLLHUP | EPOLLERR;
	drm_dev_exit(idx);
	if (vsvm_vm_check(vm))
		return EPOLLERR;
	return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
}

/**
 * vsvm_ioctl_llseek() - move the file offset, which is an address
 * @filp: the node's file
 * @offset: address, or distance from the offset there is
 * @whence: SEEK_SET or SEEK_CUR; the address space has no end to seek from
 *
 * Return: the offset; -EPERM: the file is another mm's; -EINVAL.
 */
loff_t vsvm_ioctl_llseek(struct file *filp, loff_t offset, int whence)
{
	struct drm_file *file = filp->private_data;
	int ret = vsvm_vm_check(file->driver_priv);

	/* It would say where the owner's next read() goes. */
	if (ret)
		return ret;
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return generic_file_llseek_size(filp, offset, whence, TASK_SIZE, 0);
}

/**
 * vsvm_ioctl_mmap() - map zeroed pages of the driver's
 * @filp: the node's file
 * @vma: the mapping to be; core unmaps what is in it when this fails
 *
 * The pages belong to the mapping alone, and are charged to the caller.
 *
 * Return: 0; -EINVAL: offset not 0, or larger than DRM_VSVM_MMAP_MAX; -EPERM:
 * the file is another mm's; -ENOMEM; -EINTR; -ENODEV.
 */
int vsvm_ioctl_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_inject *inject = vm->mirror.table.inject;
	unsigned long addr;
	int ret;

	if (refuse(vm->drm, vma->vm_pgoff != 0) ||
	    refuse(vm->drm, vma->vm_end - vma->vm_start > DRM_VSVM_MMAP_MAX))
		return -EINVAL;
	/* A look is enough: nothing here is the device's. */
	if (drm_dev_is_unplugged(vm->drm))
		return -ENODEV;
	/* Not vsvm_vm_use(): binding takes mmap_lock, which core has here. */
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
		/* Takes a reference of its own, if it succeeds. */
		ret = VSVM_INJECT(inject, MMAP_INSERT, -ENOMEM,
				  vm_insert_page(vma, addr, page));
		put_page(page);
		if (ret)
			break;
	}
	return ret;
}
