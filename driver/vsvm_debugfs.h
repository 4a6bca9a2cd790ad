/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_DEBUGFS_H
#define VSVM_DEBUGFS_H

struct vsvm_device;

#ifdef CONFIG_DEBUG_FS
void vsvm_debugfs_init(struct vsvm_device *vsvm);
#else
static inline void vsvm_debugfs_init(struct vsvm_device *vsvm)
{
}
#endif

#endif /* VSVM_DEBUGFS_H */
