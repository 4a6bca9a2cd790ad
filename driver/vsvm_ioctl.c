// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls: each checks all of its arguments, and then calls one function of a room
 * below. It returns an errno that the struct's documentation in drm/vsvm_drm.h names.
 *
 * Each refusal leaves a line in the log at drm debug level (drm.debug=0x2) with the
 * condition that failed. Order: pads and flags, ranges, the file's owner, work.
 *
 * Lifetime: a call. The device may be unplugged meanwhile: the rooms below find out at
 * each step, see vsvm_mirror_enter(). No ioctl delays unplug while it waits for user
 * space. Locks: none.
 */
#include <linux/capability.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_advice.h"
#include "vsvm_context.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_discard.h"
#include "vsvm_events.h"
#include "vsvm_ioctl.h"
#include "vsvm_link.h"
#include "vsvm_migrate.h"
#include "vsvm_mirror.h"
#include "vsvm_pin.h"
#include "vsvm_place.h"
#include "vsvm_vm.h"

#define ADVISE_ALL	(2 * DRM_VSVM_ADVISE_WORD - 1)

/**
 * vsvm_ioctl_use() - begin a call that uses the memory of the process
 * @vm: the file's address space
 * @ctx: out, the caller as the rooms below know it
 *
 * Return: 0, or an errno of vsvm_vm_use().
 */
int vsvm_ioctl_use(struct vsvm_vm *vm, struct vsvm_context *ctx)
{
	int ret = vsvm_vm_use(vm, ctx);

	ctx->place = vsvm_place;
	return ret;
}

/**
 * vsvm_ioctl_check_range() - check that a range is in user space and not empty
 * @drm: the device, for messages
 * @addr: first byte
 * @len: number of bytes
 *
 * Return: 0; -EINVAL: empty, or it wraps; -EFAULT: outside of user space.
 */
int vsvm_ioctl_check_range(struct drm_device *drm, u64 addr, u64 len)
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
	return vsvm_ioctl_check_range(drm, addr, len);
}

static int ioctl_info(struct drm_device *drm, void *data, struct drm_file *file)
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
	/* The two numbers may be from different moments. */
	info->vram_used = (u64)READ_ONCE(dm->nr_used) * PAGE_SIZE;
	info->vram_backing = (u64)READ_ONCE(dm->nr_backed) * VSVM_BLOCK_SIZE;
	info->kind = vsvm_devmem_coherent(dm) ? DRM_VSVM_KIND_COHERENT :
						DRM_VSVM_KIND_PRIVATE;
	info->caps = (vsvm->dma ? DRM_VSVM_CAP_DMA : 0) | DRM_VSVM_CAP_QUEUES |
		     DRM_VSVM_CAP_ADVICE | DRM_VSVM_CAP_EVENTS |
		     DRM_VSVM_CAP_DISCARD | DRM_VSVM_CAP_ADVISED |
		     DRM_VSVM_CAP_PIN | DRM_VSVM_CAP_RUN | DRM_VSVM_CAP_POPULATE;
	drm_dev_exit(idx);
	return 0;
}

static int ioctl_copy(struct drm_device *drm, struct drm_vsvm_rw *rw,
		      struct drm_file *file, bool write)
{
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	rw->done = 0;
	rw->faults = 0;
	if (refuse(drm, rw->flags) || refuse(drm, rw->pad))
		return -EINVAL;
	ret = vsvm_ioctl_check_range(drm, rw->addr, rw->len);
	if (ret)
		return ret;
	if (refuse(drm, !access_ok(u64_to_user_ptr(rw->buf), rw->len)))
		return -EFAULT;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	return vsvm_access_copy(&ctx, rw, write);
}

static int ioctl_read(struct drm_device *drm, void *data, struct drm_file *file)
{
	return ioctl_copy(drm, data, file, false);
}

static int ioctl_write(struct drm_device *drm, void *data, struct drm_file *file)
{
	return ioctl_copy(drm, data, file, true);
}

static int ioctl_migrate(struct drm_device *drm, void *data,
			 struct drm_file *file)
{
	struct drm_vsvm_migrate *mig = data;
	struct vsvm_vm *vm = file->driver_priv;
	bool populate = mig->flags & DRM_VSVM_MIGRATE_POPULATE;
	struct vsvm_link_moves moves = {};
	struct vsvm_context ctx;
	int ret;

	mig->next = mig->addr;
	mig->moved = 0;
	mig->there = 0;
	mig->absent = 0;
	memset(mig->stayed, 0, sizeof(mig->stayed));
	if (refuse(drm, mig->flags & ~DRM_VSVM_MIGRATE_POPULATE) ||
	    refuse(drm, mig->target > DRM_VSVM_TARGET_ADVISED) ||
	    refuse(drm, populate && mig->target == DRM_VSVM_TARGET_SYSTEM))
		return -EINVAL;
	ret = check_pages(drm, mig->addr, mig->len);
	if (ret)
		return ret;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	ret = vsvm_place_migrate(&ctx, mig, &moves);
	vsvm_mirror_charge_moves(ctx.m, &moves);
	if (!ret && refuse(drm, mig->stayed[DRM_VSVM_STAY_UNMAPPED] == mig->len))
		ret = -EFAULT;
	return ret;
}

static int ioctl_snapshot(struct drm_device *drm, void *data,
			  struct drm_file *file)
{
	struct drm_vsvm_snapshot *snap = data;
	struct vsvm_vm *vm = file->driver_priv;
	u32 max = snap->nr_runs;
	struct vsvm_context ctx;
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

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	snap->nr_runs = max;
	return vsvm_access_snapshot(&ctx, snap);
}

static int ioctl_exclusive(struct drm_device *drm, void *data,
			   struct drm_file *file)
{
	struct drm_vsvm_exclusive *excl = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	excl->done = 0;
	if (refuse(drm, excl->flags) || refuse(drm, excl->pad))
		return -EINVAL;
	ret = check_pages(drm, excl->addr, excl->len);
	if (ret)
		return ret;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	return vsvm_access_exclusive(&ctx, excl);
}

/**
 * vsvm_ioctl_check_atomic() - check an atomic operation
 * @drm: the device, for messages
 * @arg: the word and the operation
 *
 * Return: 0; -EINVAL or -EFAULT of &struct drm_vsvm_atomic.
 */
int vsvm_ioctl_check_atomic(struct drm_device *drm,
			    const struct drm_vsvm_atomic *arg)
{
	u64 max;

	if (refuse(drm, arg->flags) || refuse(drm, arg->pad) ||
	    refuse(drm, arg->op > DRM_VSVM_ATOMIC_MAX) ||
	    refuse(drm, arg->size != sizeof(u32) && arg->size != sizeof(u64)))
		return -EINVAL;
	max = arg->size == sizeof(u32) ? U32_MAX : U64_MAX;
	if (refuse(drm, !IS_ALIGNED(arg->addr, arg->size)) ||
	    refuse(drm, arg->operand > max) || refuse(drm, arg->compare > max) ||
	    refuse(drm, arg->compare && arg->op != DRM_VSVM_ATOMIC_CAS))
		return -EINVAL;
	return vsvm_ioctl_check_range(drm, arg->addr, arg->size);
}

static int ioctl_atomic(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct drm_vsvm_atomic *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	arg->old = 0;
	ret = vsvm_ioctl_check_atomic(drm, arg);
	if (ret)
		return ret;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	return vsvm_access_atomic(&ctx, arg);
}

/* Checks the attributes that are set, and that the others are zero. */
static int check_advice(struct drm_device *drm, u32 set,
			const struct drm_vsvm_advice *a)
{
	struct drm_vsvm_advice rest = *a;

	vsvm_advice_apply(&rest, set, &(struct drm_vsvm_advice) {});
	if (refuse(drm, memchr_inv(&rest, 0, sizeof(rest))) ||
	    refuse(drm, a->location > DRM_VSVM_LOCATION_DEVICE) ||
	    refuse(drm, a->device && a->location != DRM_VSVM_LOCATION_DEVICE) ||
	    refuse(drm, a->may > DRM_VSVM_MAY_NOT) ||
	    refuse(drm, a->atomics > DRM_VSVM_ATOMICS_CPU) ||
	    refuse(drm, a->on_fault > DRM_VSVM_ON_FAULT_COUNTED) ||
	    refuse(drm, a->count && a->on_fault != DRM_VSVM_ON_FAULT_COUNTED) ||
	    refuse(drm, a->count > DRM_VSVM_MAX_COUNT) ||
	    refuse(drm, a->granularity && !is_power_of_2(a->granularity)) ||
	    refuse(drm, a->granularity && a->granularity < PAGE_SIZE) ||
	    refuse(drm, a->granularity > PMD_SIZE))
		return -EINVAL;
	if (refuse(drm, a->device >= to_vsvm(drm)->count))
		return -ENXIO;
	return 0;
}

/* The range of a call that may be for the file instead. */
static int check_advice_range(struct drm_device *drm, u32 flags, u64 addr,
			      u64 len)
{
	if (refuse(drm, flags & ~DRM_VSVM_ADVISE_FILE))
		return -EINVAL;
	if (!(flags & DRM_VSVM_ADVISE_FILE))
		return check_pages(drm, addr, len);
	return refuse(drm, addr) || refuse(drm, len) ? -EINVAL : 0;
}

static int ioctl_advise(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct vsvm_device *vsvm = to_vsvm(drm);
	struct drm_vsvm_advise *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	if (refuse(drm, arg->set == 0) || refuse(drm, arg->set & ~ADVISE_ALL))
		return -EINVAL;
	ret = check_advice_range(drm, arg->flags, arg->addr, arg->len) ?:
	      check_advice(drm, arg->set, &arg->advice);
	if (ret)
		return ret;
	if (arg->advice.location == DRM_VSVM_LOCATION_DEVICE &&
	    arg->advice.device == vsvm->index) {
		arg->advice.location = DRM_VSVM_LOCATION_HERE;
		arg->advice.device = 0;
	}

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	ret = vsvm_place_advise(&ctx, arg);
	refuse(drm, ret == -EFAULT);
	refuse(drm, ret == -ENOMEM);
	return ret;
}

static int ioctl_advice_get(struct drm_device *drm, void *data,
			    struct drm_file *file)
{
	struct drm_vsvm_advice_get *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	u32 max = arg->nr_runs;
	struct vsvm_context ctx;
	int ret;

	arg->nr_runs = 0;
	arg->next = arg->addr;
	if (refuse(drm, max == 0) || refuse(drm, max > DRM_VSVM_MAX_ADVICE))
		return -EINVAL;
	ret = check_advice_range(drm, arg->flags, arg->addr, arg->len);
	if (ret)
		return ret;
	if (refuse(drm, !access_ok(u64_to_user_ptr(arg->runs),
				   max * sizeof(struct drm_vsvm_advice_run))))
		return -EFAULT;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	arg->nr_runs = max;
	return vsvm_place_advice_get(&ctx, arg);
}

static int ioctl_discard(struct drm_device *drm, void *data,
			 struct drm_file *file)
{
	struct drm_vsvm_discard *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	arg->next = arg->addr;
	arg->discarded = 0;
	arg->absent = 0;
	arg->system = 0;
	arg->peer = 0;
	arg->kept = 0;
	arg->busy = 0;
	arg->unusable = 0;
	if (refuse(drm, arg->flags) || refuse(drm, arg->pad))
		return -EINVAL;
	ret = check_pages(drm, arg->addr, arg->len);
	if (ret)
		return ret;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	ret = vsvm_discard(&ctx, arg);
	if (!ret && refuse(drm, arg->unusable == arg->len))
		ret = -EFAULT;
	return ret;
}

static int ioctl_pin(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_vsvm_pin *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	arg->next = arg->addr;
	arg->done = 0;
	arg->elsewhere = 0;
	arg->unusable = 0;
	arg->pinned = 0;
	arg->limit = 0;
	if (refuse(drm, arg->flags & ~DRM_VSVM_PIN_RELEASE) ||
	    refuse(drm, arg->pad))
		return -EINVAL;
	ret = check_pages(drm, arg->addr, arg->len);
	if (ret)
		return ret;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	ret = vsvm_pin(&ctx, arg);
	if (!ret && refuse(drm, arg->unusable == arg->len))
		ret = -EFAULT;
	return ret;
}

static bool bad_events(struct drm_device *drm,
		       const struct drm_vsvm_events *arg)
{
	return refuse(drm, arg->flags & ~DRM_VSVM_EVENTS_NONBLOCK) ||
	       refuse(drm, arg->mask == 0) ||
	       refuse(drm, arg->mask & ~DRM_VSVM_EVENTS_ALL) ||
	       refuse(drm, arg->records == 0) ||
	       refuse(drm, arg->records > DRM_VSVM_MAX_RECORDS) ||
	       refuse(drm, arg->size < DRM_VSVM_MIN_RECORD_SIZE) ||
	       refuse(drm, arg->size > DRM_VSVM_MAX_RECORD_SIZE) ||
	       refuse(drm, !IS_ALIGNED(arg->size, sizeof(u64)));
}

static int ioctl_events(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct drm_vsvm_events *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_stream *s;
	struct vsvm_context ctx;
	int ret;

	arg->fd = -1;
	if (bad_events(drm, arg))
		return -EINVAL;

	ret = vsvm_vm_use(vm, &ctx);
	if (ret)
		return ret;
	s = vsvm_events_create(vsvm_vm_inject(vm), vm->mm, vm->mirror.device,
			       arg);
	if (!s)
		return -ENOMEM;
	ret = vsvm_mirror_listen(&vm->mirror, s);
	if (!ret)
		ret = vsvm_events_install(s, arg->flags);
	if (refuse(drm, ret < 0)) {
		vsvm_events_destroy(s);
		return ret;
	}
	arg->fd = ret;
	return 0;
}

#ifdef CONFIG_DRM_VSVM_INJECT
/* Returns the failpoint or an errno. */
static int check_inject(struct drm_device *drm,
			const struct drm_vsvm_inject *arg)
{
	bool fail = arg->op == DRM_VSVM_INJECT_FAIL;
	bool pause = arg->op == DRM_VSVM_INJECT_PAUSE;
	bool arm = fail || pause;
	bool time = arg->op == DRM_VSVM_INJECT_WAIT || pause;
	bool pauses = time || arg->op == DRM_VSVM_INJECT_RESUME;
	int failpoint = vsvm_inject_find(arg);
	unsigned int can;

	if (refuse(drm, !capable(CAP_SYS_ADMIN)))
		return -EACCES;
	if (refuse(drm, arg->flags & ~DRM_VSVM_INJECT_FILE) ||
	    refuse(drm, arg->flags && !arm) || refuse(drm, failpoint < 0) ||
	    refuse(drm, arg->op > DRM_VSVM_INJECT_CLEAR) ||
	    refuse(drm, arm != !!arg->nth) || refuse(drm, arm != !!arg->times) ||
	    refuse(drm, time != !!arg->timeout_ms) ||
	    refuse(drm, arg->timeout_ms > DRM_VSVM_PAUSE_MAX))
		return -EINVAL;

	can = vsvm_inject_can(failpoint);
	if (refuse(drm, fail && !(can & VSVM_CAN_FAIL)) ||
	    refuse(drm, pauses && !(can & VSVM_CAN_PAUSE)))
		return -EOPNOTSUPP;
	return failpoint;
}

static int ioctl_inject(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct drm_vsvm_inject *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int failpoint, ret;

	arg->passed = 0;
	arg->fired = 0;
	arg->paused = 0;
	failpoint = check_inject(drm, arg);
	if (failpoint < 0)
		return failpoint;

	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	/* The failpoints outlive the device, so WAIT does not delay unplug. */
	return vsvm_inject_control(vm->mirror.table.inject, failpoint, arg, vm,
				   vm->mm);
}
#endif

const struct drm_ioctl_desc vsvm_ioctls[VSVM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(VSVM_INFO, ioctl_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_READ, ioctl_read, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_WRITE, ioctl_write, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_MIGRATE, ioctl_migrate, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_SNAPSHOT, ioctl_snapshot, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_EXCLUSIVE, ioctl_exclusive, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_ATOMIC, ioctl_atomic, DRM_RENDER_ALLOW),
#ifdef CONFIG_DRM_VSVM_INJECT
	DRM_IOCTL_DEF_DRV(VSVM_INJECT, ioctl_inject, DRM_RENDER_ALLOW),
#endif
	DRM_IOCTL_DEF_DRV(VSVM_QUEUE_CREATE, vsvm_ioctl_queue_create,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_QUEUE_DESTROY, vsvm_ioctl_queue_destroy,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_SUBMIT, vsvm_ioctl_submit, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_WAIT, vsvm_ioctl_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_QUEUE_STATUS, vsvm_ioctl_queue_status,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_ADVISE, ioctl_advise, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_ADVICE_GET, ioctl_advice_get, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_DISCARD, ioctl_discard, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_EVENTS, ioctl_events, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_PIN, ioctl_pin, DRM_RENDER_ALLOW),
};
