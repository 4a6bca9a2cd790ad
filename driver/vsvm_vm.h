/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_VM_H
#define VSVM_VM_H

#include <linux/kcov.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "vsvm_mirror.h"
#include "vsvm_queue.h"

struct drm_device;
struct file;
struct mem_cgroup;
struct seq_file;
struct vsvm_context;

/**
 * struct vsvm_vm - one open file's address space
 * @refs: the open file has one, and so has its fault worker, which may end later
 * @release: called with the last one
 * @drm: the device, to which it has a reference
 * @mirror: the device's view of @mm, once @bound
 * @bind: serializes binding
 * @bound: @mirror has its notifier and its client
 * @mm: the opener's mm, which the file belongs to; a reference keeps the mm_struct, so
 *	that no other mm gets its address
 * @owner: the process that opened the file: the owner of its client, and shown in
 *	fdinfo
 * @kcov: whose kcov collects what threads of the kernel run for the file: that of the
 *	thread that opened it
 * @queues: its queues
 * @link: in &vsvm_device.vms, protected by &vsvm_device.vms_lock
 */
struct vsvm_vm {
	struct kref refs;
	void (*release)(struct kref *refs);
	struct drm_device *drm;
	struct vsvm_mirror mirror;
	struct mutex bind; /* taken once, to set bound */
	bool bound;
	struct mm_struct *mm;
	struct pid *owner;
	VSVM_KCOV_HANDLE kcov;
	struct vsvm_queues queues;
	struct list_head link;
};

/**
 * struct vsvm_act - a thread of the kernel works for a process
 * @memcg: whom its allocations are charged to
 * @old: whom they were charged to before
 */
struct vsvm_act {
	struct mem_cgroup *memcg;
	struct mem_cgroup *old;
};

struct vsvm_vm *vsvm_vm_create(struct drm_device *drm,
			       struct vsvm_devmem *devmem, struct device *dma);
void vsvm_vm_destroy(struct vsvm_vm *vm);
void vsvm_vm_get(struct vsvm_vm *vm);
void vsvm_vm_put(struct vsvm_vm *vm);
int vsvm_vm_check(struct vsvm_vm *vm);
int vsvm_vm_use(struct vsvm_vm *vm, struct vsvm_context *ctx);
bool vsvm_vm_lives(const struct vsvm_vm *vm);
void vsvm_vm_act_begin(const struct vsvm_vm *vm, struct vsvm_act *act);
void vsvm_vm_act_end(const struct vsvm_act *act);
void vsvm_vm_fdinfo(struct vsvm_vm *vm, struct file *file, struct seq_file *m);

/* The failpoints of the device. */
static inline struct vsvm_inject *vsvm_vm_inject(const struct vsvm_vm *vm)
{
	return vm->mirror.table.inject;
}

#endif /* VSVM_VM_H */
