/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_FILE_H
#define VSVM_FILE_H

#include <linux/fs.h>

struct drm_device;
struct drm_file;

extern const struct file_operations vsvm_file_fops;

int vsvm_file_open(struct drm_device *drm, struct drm_file *file);
void vsvm_file_close(struct drm_device *drm, struct drm_file *file);

#endif /* VSVM_FILE_H */
