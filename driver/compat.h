/* SPDX-License-Identifier: GPL-2.0-only */
/* The only file that tests the kernel's version. */
#ifndef VSVM_COMPAT_H
#define VSVM_COMPAT_H

#include <linux/kconfig.h>
#include <linux/version.h>

#if !IS_ENABLED(CONFIG_DEVICE_PRIVATE)
#error "vsvm needs a kernel with CONFIG_DEVICE_PRIVATE=y: Debian has it in its kernels from 6.16 on, not in 6.1 and 6.12"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#error "vsvm wants Linux 7.0 or later: 6.18 and older have no 2 MiB device pages"
#endif

/* hmm_range_fault_unlocked_timeout() is in 7.3; compat.c has one for what is older. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define VSVM_HMM_LACKS_UNLOCKED	1
struct hmm_range;
int vsvm_compat_range_fault(struct hmm_range *range, unsigned long timeout);
#define hmm_range_fault_unlocked_timeout	vsvm_compat_range_fault
#endif

/* What has struct folio_batch; in quotes, because linux is a macro. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#define VSVM_FOLIO_BATCH_H	"linux/pagevec.h"
#else
#define VSVM_FOLIO_BATCH_H	"linux/folio_batch.h"
#endif

/* Registers @size bytes as a region of the dmem cgroup, by a name as of printf(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define VSVM_DMEM_REGISTER(size, ...)	\
	dmem_cgroup_register_region(size, __VA_ARGS__)
#else
#define VSVM_DMEM_REGISTER(bytes, ...)	\
	dmem_cgroup_register_region(&(const struct dmem_cgroup_init){	\
		.size = (bytes) }, __VA_ARGS__)
#endif

/* A number, or since 7.3 a struct that has one; for who includes linux/kcov.h. */
#define VSVM_KCOV_HANDLE	typeof(kcov_common_handle())

/*
 * The first release whose zap_huge_pmd_folio() tests the entry, as in
 * docs/upstream/0001: none yet. Kbuild looks at the kernel's source if there is one.
 */
#define VSVM_HUGE_IS_SAFE_SINCE	KERNEL_VERSION(255, 0, 0)

/*
 * Before 7.2 queue_folios_pmd() takes a huge device entry for a page: whoever moves his
 * memory between nodes oopses.
 */
#define VSVM_HUGE_OOPSES	(LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0))

#if !VSVM_HUGE_OOPSES && (defined(VSVM_SOURCE_ZAPS_BY_ENTRY) || \
			  LINUX_VERSION_CODE >= VSVM_HUGE_IS_SAFE_SINCE)
#define VSVM_HUGE_IS_SAFE	1
#else
#define VSVM_HUGE_IS_SAFE	0
#endif

#endif /* VSVM_COMPAT_H */
