/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_IOCTL_H
#define VSVM_IOCTL_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <drm/drm_print.h>

struct drm_device;
struct drm_file;

/* True if @cond holds, with a line in the debug log. */
#define refuse(drm, cond)						\
	(unlikely(cond) ?						\
	 (drm_dbg_driver(drm, "%s: %s\n", __func__, #cond), true) : false)

int vsvm_ioctl_check_range(struct drm_device *drm, u64 addr, u64 len);

int vsvm_ioctl_info(struct drm_device *drm, void *data, struct drm_file *file);
int vsvm_ioctl_read(struct drm_device *drm, void *data, struct drm_file *file);
int vsvm_ioctl_write(struct drm_device *drm, void *data, struct drm_file *file);
int vsvm_ioctl_migrate(struct drm_device *drm, void *data,
		       struct drm_file *file);
int vsvm_ioctl_snapshot(struct drm_device *drm, void *data,
			struct drm_file *file);
int vsvm_ioctl_exclusive(struct drm_device *drm, void *data,
			 struct drm_file *file);
int vsvm_ioctl_atomic(struct drm_device *drm, void *data,
		      struct drm_file *file);
int vsvm_ioctl_inject(struct drm_device *drm, void *data,
		      struct drm_file *file);

#endif /* VSVM_IOCTL_H */
