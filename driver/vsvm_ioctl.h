/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_IOCTL_H
#define VSVM_IOCTL_H

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct file;
struct poll_table_struct;
struct vm_area_struct;

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

ssize_t vsvm_ioctl_pread(struct file *filp, char __user *buf, size_t len,
			 loff_t *pos);
ssize_t vsvm_ioctl_pwrite(struct file *filp, const char __user *buf, size_t len,
			  loff_t *pos);
__poll_t vsvm_ioctl_poll(struct file *filp, struct poll_table_struct *wait);
loff_t vsvm_ioctl_llseek(struct file *filp, loff_t offset, int whence);
int vsvm_ioctl_mmap(struct file *filp, struct vm_area_struct *vma);

#endif /* VSVM_IOCTL_H */
