/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_VM_H
#define VSVM_VM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/uidgid.h>

#include "vsvm_mirror.h"

struct drm_device;
struct drm_printer;

/**
 * struct vsvm_vm - one open file's address space
 * @drm: the device, for messages
 * @mirror: the device's view of @mm, once bound
 * @bind: serializes binding
 * @mm: the mm this file belongs to, NULL before the first use. Only compared,
 *	never followed: the mirror's notifier keeps the mm_struct from being
 *	reused while the file is open
 * @owner: the process that bound it, for people to read; set before @mm
 * @uid: and as whom
 * @link: in the device's list of files, protected by the device
 */
struct vsvm_vm {
	struct drm_device *drm;
	struct vsvm_mirror mirror;
	struct mutex bind; /* taken once, to set mm */
	struct mm_struct *mm;
	struct pid *owner;
	kuid_t uid;
	struct list_head link;
};

struct vsvm_vm *vsvm_vm_create(struct drm_device *drm,
			       struct vsvm_devmem *devmem, struct device *dma);
void vsvm_vm_destroy(struct vsvm_vm *vm);
int vsvm_vm_use(struct vsvm_vm *vm);
void vsvm_vm_fdinfo(struct vsvm_vm *vm, struct drm_printer *p);

#endif /* VSVM_VM_H */
