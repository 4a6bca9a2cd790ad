// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls of queues: as in vsvm_ioctl.c, each checks all of its arguments first. SUBMIT
 * checks each command, so that the rooms below never meet one that is wrong in itself.
 *
 * Lifetime: a call; it has a reference to its queue. Locks: &vsvm_queue.submit while
 * commands are copied, killable: the caller's memory may be slow.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_charge.h"
#include "vsvm_context.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_ioctl.h"
#include "vsvm_place.h"
#include "vsvm_queue.h"
#include "vsvm_vm.h"

/**
 * vsvm_ioctl_queue_create() - DRM_IOCTL_VSVM_QUEUE_CREATE
 * @drm: the device
 * @data: &struct drm_vsvm_queue_create
 * @file: the file
 *
 * Return: 0 or an errno.
 */
int vsvm_ioctl_queue_create(struct drm_device *drm, void *data,
			    struct drm_file *file)
{
	struct drm_vsvm_queue_create *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_context ctx;
	int ret;

	arg->queue = 0;
	if (refuse(drm, arg->flags) || refuse(drm, arg->slots == 0) ||
	    refuse(drm, arg->slots > DRM_VSVM_MAX_SLOTS) ||
	    refuse(drm, arg->priority > DRM_VSVM_PRIORITY_HIGH))
		return -EINVAL;
	ret = vsvm_ioctl_use(vm, &ctx);
	if (ret)
		return ret;
	return vsvm_queue_create(&vm->queues, arg);
}

/**
 * vsvm_ioctl_queue_destroy() - DRM_IOCTL_VSVM_QUEUE_DESTROY
 * @drm: the device
 * @data: &struct drm_vsvm_queue_destroy
 * @file: the file
 *
 * Return: 0 or an errno.
 */
int vsvm_ioctl_queue_destroy(struct drm_device *drm, void *data,
			     struct drm_file *file)
{
	struct drm_vsvm_queue_destroy *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	int ret;

	if (refuse(drm, arg->pad))
		return -EINVAL;
	ret = vsvm_vm_check(vm);
	if (ret)
		return ret;
	ret = vsvm_queue_destroy(&vm->queues, arg->queue);
	refuse(drm, ret == -ENOENT);
	return ret;
}

/* The number of words that a command has a name for. */
static unsigned int words(u32 op)
{
	static const unsigned char size[] = {
		[DRM_VSVM_COMMAND_COPY] = sizeof(struct drm_vsvm_copy),
		[DRM_VSVM_COMMAND_FILL] = sizeof(struct drm_vsvm_fill),
		[DRM_VSVM_COMMAND_ATOMIC] =
			sizeof(struct drm_vsvm_command_atomic),
		[DRM_VSVM_COMMAND_PREFETCH] = sizeof(struct drm_vsvm_prefetch),
		[DRM_VSVM_COMMAND_WAIT] = sizeof(struct drm_vsvm_command_wait),
		[DRM_VSVM_COMMAND_SIGNAL] = sizeof(struct drm_vsvm_signal),
		[DRM_VSVM_COMMAND_BARRIER] = 0,
		[DRM_VSVM_COMMAND_RUN] = sizeof(struct drm_vsvm_command_run),
	};

	return size[op] / sizeof(u64);
}

static int check_copy(struct drm_device *drm, const struct drm_vsvm_copy *copy)
{
	int ret = vsvm_ioctl_check_range(drm, copy->to, copy->len);

	if (!ret)
		ret = vsvm_ioctl_check_range(drm, copy->from, copy->len);
	if (ret)
		return ret;
	return refuse(drm, copy->to < copy->from + copy->len &&
			   copy->from < copy->to + copy->len) ? -EINVAL : 0;
}

static int check_fill(struct drm_device *drm, const struct drm_vsvm_fill *fill)
{
	u32 size = fill->size;

	if (refuse(drm, fill->pad) ||
	    refuse(drm, size != 1 && size != 2 && size != 4 && size != 8) ||
	    refuse(drm, !IS_ALIGNED(fill->addr, size)) ||
	    refuse(drm, !IS_ALIGNED(fill->len, size)) ||
	    refuse(drm, size < 8 && fill->value >> (8 * size)))
		return -EINVAL;
	return vsvm_ioctl_check_range(drm, fill->addr, fill->len);
}

static int check_command_atomic(struct drm_device *drm,
				const struct drm_vsvm_command_atomic *a)
{
	const struct drm_vsvm_atomic arg = {
		.addr = a->addr,
		.operand = a->operand,
		.compare = a->compare,
		.op = a->op,
		.size = a->size,
	};
	int ret = vsvm_ioctl_check_atomic(drm, &arg);

	if (ret || !a->result)
		return ret;
	if (refuse(drm, !IS_ALIGNED(a->result, a->size)))
		return -EINVAL;
	return vsvm_ioctl_check_range(drm, a->result, a->size);
}

/* Number of blocks that a range may need on the device. */
static unsigned long blocks(u64 addr, u64 len)
{
	return (ALIGN(addr + len, VSVM_BLOCK_SIZE) -
		ALIGN_DOWN(addr, VSVM_BLOCK_SIZE)) / VSVM_BLOCK_SIZE;
}

/* Has the caller pay for the device memory that a command may need. */
static int pay(struct drm_device *drm, struct vsvm_slot *slot, unsigned long nr)
{
	struct vsvm_purse *purse;
	struct vsvm_devmem *dm;
	int idx;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	dm = to_vsvm(drm)->devmem;
	purse = vsvm_charge_fill(dm->region, min(nr, dm->nr_blocks));
	drm_dev_exit(idx);
	if (IS_ERR(purse))
		return PTR_ERR(purse);
	slot->purse = purse;
	return 0;
}

/* The same for a command whose accesses may move memory, as advice says now. */
static int pay_access(struct drm_device *drm, struct vsvm_queue *q,
		      struct vsvm_slot *slot)
{
	const struct drm_vsvm_command *c = &slot->c;
	unsigned long nr;

	if (!vsvm_place_may_move(&q->set->vm->mirror))
		return 0;
	switch (c->op) {
	case DRM_VSVM_COMMAND_COPY:
		nr = blocks(c->copy.to, c->copy.len) +
		     blocks(c->copy.from, c->copy.len);
		break;
	case DRM_VSVM_COMMAND_FILL:
		nr = blocks(c->fill.addr, c->fill.len);
		break;
	case DRM_VSVM_COMMAND_ATOMIC:
		nr = c->atomic.result ? 2 : 1;
		break;
	case DRM_VSVM_COMMAND_RUN:
		/* Nobody knows. */
		nr = ULONG_MAX;
		break;
	default:
		return 0;
	}
	return pay(drm, slot, nr);
}

static int check_prefetch(struct drm_device *drm, struct vsvm_queue *q,
			  struct vsvm_slot *slot)
{
	const struct drm_vsvm_prefetch *prefetch = &slot->c.prefetch;
	bool populate = prefetch->flags & DRM_VSVM_MIGRATE_POPULATE;
	int ret;

	if (refuse(drm, prefetch->flags & ~DRM_VSVM_MIGRATE_POPULATE) ||
	    refuse(drm, prefetch->target > DRM_VSVM_TARGET_ADVISED) ||
	    refuse(drm, populate && prefetch->target == DRM_VSVM_TARGET_SYSTEM) ||
	    refuse(drm, !PAGE_ALIGNED(prefetch->addr)) ||
	    refuse(drm, !PAGE_ALIGNED(prefetch->len)))
		return -EINVAL;
	ret = vsvm_ioctl_check_range(drm, prefetch->addr, prefetch->len);
	if (ret)
		return ret;
	if (prefetch->len > PMD_SIZE)
		vsvm_queue_helps(q->set);
	if (prefetch->target == DRM_VSVM_TARGET_SYSTEM)
		return 0;
	return pay(drm, slot, blocks(prefetch->addr, prefetch->len));
}

/* Checks a 64-bit word at @addr. */
static int check_word(struct drm_device *drm, u64 addr)
{
	if (refuse(drm, !IS_ALIGNED(addr, sizeof(u64))))
		return -EINVAL;
	return vsvm_ioctl_check_range(drm, addr, sizeof(u64));
}

/* Where the program goes is seen when it does. */
static int check_run(struct drm_device *drm, const struct drm_vsvm_command_run *run)
{
	int ret;

	if (refuse(drm, !IS_ALIGNED(run->pc, sizeof(u16))) ||
	    refuse(drm, !IS_ALIGNED(run->args, sizeof(u64))) ||
	    refuse(drm, run->budget == 0))
		return -EINVAL;
	ret = vsvm_ioctl_check_range(drm, run->pc, sizeof(u16));
	if (!ret && run->args)
		ret = vsvm_ioctl_check_range(drm, run->args, 8 * sizeof(u64));
	if (!ret && run->result)
		ret = check_word(drm, run->result);
	return ret;
}

static int check_command_wait(struct drm_device *drm,
			      const struct drm_vsvm_command_wait *wait)
{
	if (refuse(drm, wait->pad) || refuse(drm, wait->mask == 0) ||
	    refuse(drm, wait->op > DRM_VSVM_WAIT_LE))
		return -EINVAL;
	return check_word(drm, wait->addr);
}

/* Takes a reference to the eventfd as well. */
static int check_signal(struct drm_device *drm, struct vsvm_queue *q,
			struct vsvm_slot *slot)
{
	const struct drm_vsvm_signal *signal = &slot->c.signal;
	struct eventfd_ctx *event;
	int ret;

	if (refuse(drm, signal->pad))
		return -EINVAL;
	ret = check_word(drm, signal->addr);
	if (ret || signal->eventfd == -1)
		return ret;
	event = eventfd_ctx_fdget(signal->eventfd);
	if (refuse(drm, IS_ERR(event)))
		return PTR_ERR(event);
	/* Core charges an eventfd to nobody, and its descriptor may be closed. */
	if (refuse(drm, atomic_inc_return(&q->set->nr_events) >
			DRM_VSVM_MAX_EVENTS)) {
		atomic_dec(&q->set->nr_events);
		eventfd_ctx_put(event);
		return -EMFILE;
	}
	slot->event = event;
	return 0;
}

static int check_command(struct drm_device *drm, struct vsvm_queue *q,
			 struct vsvm_slot *slot)
{
	struct drm_vsvm_command *c = &slot->c;
	unsigned int i;

	slot->event = NULL;
	slot->purse = NULL;
	if (refuse(drm, c->flags) ||
	    refuse(drm, c->op > DRM_VSVM_COMMAND_RUN))
		return -EINVAL;
	for (i = words(c->op); i < ARRAY_SIZE(c->raw); i++)
		if (refuse(drm, c->raw[i]))
			return -EINVAL;
	switch (c->op) {
	case DRM_VSVM_COMMAND_COPY:
		return check_copy(drm, &c->copy) ?: pay_access(drm, q, slot);
	case DRM_VSVM_COMMAND_FILL:
		return check_fill(drm, &c->fill) ?: pay_access(drm, q, slot);
	case DRM_VSVM_COMMAND_ATOMIC:
		return check_command_atomic(drm, &c->atomic) ?:
		       pay_access(drm, q, slot);
	case DRM_VSVM_COMMAND_PREFETCH:
		return check_prefetch(drm, q, slot);
	case DRM_VSVM_COMMAND_WAIT:
		return check_command_wait(drm, &c->wait);
	case DRM_VSVM_COMMAND_SIGNAL:
		return check_signal(drm, q, slot);
	case DRM_VSVM_COMMAND_RUN:
		return check_run(drm, &c->run) ?: pay_access(drm, q, slot);
	default:
		return 0;
	}
}

/* Copies and checks the commands; all are accepted or none. */
static int submit(struct drm_device *drm, struct vsvm_queue *q,
		  struct drm_vsvm_submit *arg)
{
	struct drm_vsvm_command __user *from = u64_to_user_ptr(arg->commands);
	struct vsvm_slot *slot;
	int ret;
	u32 i;

	ret = vsvm_queue_submit_begin(q, arg->nr_commands);
	if (refuse(drm, ret))
		return ret;
	for (i = 0; i < arg->nr_commands; i++) {
		slot = vsvm_queue_slot(q, i);
		ret = refuse(drm, copy_from_user(&slot->c, from + i,
						 sizeof(slot->c))) ?
		      -EFAULT : check_command(drm, q, slot);
		if (ret) {
			vsvm_queue_submit_drop(q, i);
			return ret;
		}
	}
	return vsvm_queue_submit_end(q, arg->nr_commands, &arg->seq);
}

/**
 * vsvm_ioctl_submit() - DRM_IOCTL_VSVM_SUBMIT
 * @drm: the device
 * @data: &struct drm_vsvm_submit
 * @file: the file
 *
 * Return: 0 or an errno.
 */
int vsvm_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_vsvm_submit *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_queue *q;
	int ret;

	arg->seq = 0;
	if (refuse(drm, arg->flags) || refuse(drm, arg->pad) ||
	    refuse(drm, arg->nr_commands == 0))
		return -EINVAL;
	ret = vsvm_vm_check(vm);
	if (ret)
		return ret;
	q = vsvm_queue_get(&vm->queues, arg->queue);
	if (refuse(drm, !q))
		return -ENOENT;
	ret = submit(drm, q, arg);
	vsvm_queue_put(q);
	return ret;
}

/**
 * vsvm_ioctl_wait() - DRM_IOCTL_VSVM_WAIT
 * @drm: the device
 * @data: &struct drm_vsvm_wait
 * @file: the file
 *
 * Return: 0 or an errno.
 */
int vsvm_ioctl_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	const struct drm_vsvm_wait *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_queue *q = NULL;
	int ret;

	if (refuse(drm, arg->flags) || refuse(drm, arg->pad) ||
	    refuse(drm, arg->mask == 0) ||
	    refuse(drm, arg->op > DRM_VSVM_WAIT_LE))
		return -EINVAL;
	ret = check_word(drm, arg->addr);
	if (ret)
		return ret;
	ret = vsvm_vm_check(vm);
	if (ret)
		return ret;
	if (arg->queue) {
		q = vsvm_queue_get(&vm->queues, arg->queue);
		if (refuse(drm, !q))
			return -ENOENT;
	}
	ret = vsvm_queue_wait(&vm->queues, q, arg);
	if (q)
		vsvm_queue_put(q);
	return ret;
}

/**
 * vsvm_ioctl_queue_status() - DRM_IOCTL_VSVM_QUEUE_STATUS
 * @drm: the device
 * @data: &struct drm_vsvm_queue_status
 * @file: the file
 *
 * Return: 0 or an errno.
 */
int vsvm_ioctl_queue_status(struct drm_device *drm, void *data,
			    struct drm_file *file)
{
	struct drm_vsvm_queue_status *arg = data;
	struct vsvm_vm *vm = file->driver_priv;
	struct vsvm_queue *q;
	int ret;

	*arg = (struct drm_vsvm_queue_status) { .queue = arg->queue };
	ret = vsvm_vm_check(vm);
	if (ret)
		return ret;
	q = vsvm_queue_get(&vm->queues, arg->queue);
	if (refuse(drm, !q))
		return -ENOENT;
	vsvm_queue_status(q, arg);
	vsvm_queue_put(q);
	return 0;
}
