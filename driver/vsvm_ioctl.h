/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_IOCTL_H
#define VSVM_IOCTL_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>
#include <drm/vsvm_inject.h>

struct drm_device;
struct drm_file;
struct drm_vsvm_atomic;
struct vsvm_context;
struct vsvm_vm;

/* By number; drm_ioctl() says EINVAL to a number without a function. */
#define VSVM_IOCTLS	(DRM_VSVM_PIN + 1)

extern const struct drm_ioctl_desc vsvm_ioctls[VSVM_IOCTLS];

/* True if @cond holds, with a line in the debug log. */
#define refuse(drm, cond)						\
	(unlikely(cond) ?						\
	 (drm_dbg_driver(drm, "%s: %s\n", __func__, #cond), true) : false)

int vsvm_ioctl_use(struct vsvm_vm *vm, struct vsvm_context *ctx);
int vsvm_ioctl_check_range(struct drm_device *drm, u64 addr, u64 len);
int vsvm_ioctl_check_atomic(struct drm_device *drm,
			    const struct drm_vsvm_atomic *arg);
int vsvm_ioctl_queue_create(struct drm_device *drm, void *data,
			    struct drm_file *file);
int vsvm_ioctl_queue_destroy(struct drm_device *drm, void *data,
			     struct drm_file *file);
int vsvm_ioctl_submit(struct drm_device *drm, void *data,
		      struct drm_file *file);
int vsvm_ioctl_wait(struct drm_device *drm, void *data, struct drm_file *file);
int vsvm_ioctl_queue_status(struct drm_device *drm, void *data,
			    struct drm_file *file);

#endif /* VSVM_IOCTL_H */
