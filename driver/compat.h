/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place that looks at which kernel this is.
 */
#ifndef VSVM_COMPAT_H
#define VSVM_COMPAT_H

#include <linux/kconfig.h>
#include <linux/version.h>

#if !IS_ENABLED(CONFIG_DEVICE_PRIVATE)
#error "vsvm needs a kernel with CONFIG_DEVICE_PRIVATE=y: Debian has it in its kernels from 6.16 on, not in 6.1 and 6.12"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#error "vsvm needs Linux 7.3: older kernels have no 2 MiB device folios and no hmm_range_fault_unlocked_timeout()"
#endif

#endif /* VSVM_COMPAT_H */
