/* SPDX-License-Identifier: GPL-2.0-only */
/* The only file that tests the kernel's version. */
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

/*
 * The first release whose zap_huge_pmd_folio() tests the entry, as in
 * docs/upstream/0001: none yet. Kbuild looks at the kernel's source if there is one.
 */
#define VSVM_HUGE_IS_SAFE_SINCE	KERNEL_VERSION(255, 0, 0)

#if defined(VSVM_SOURCE_ZAPS_BY_ENTRY) || \
	LINUX_VERSION_CODE >= VSVM_HUGE_IS_SAFE_SINCE
#define VSVM_HUGE_IS_SAFE	1
#else
#define VSVM_HUGE_IS_SAFE	0
#endif

#endif /* VSVM_COMPAT_H */
