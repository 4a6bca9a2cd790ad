/* SPDX-License-Identifier: GPL-2.0-only */
/* userfaultfd's RWP, which is newer than the C library's headers. */
#ifndef VT_UFFD_H
#define VT_UFFD_H

#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_RWP
#define UFFD_FEATURE_RWP		(1 << 17)
#define UFFDIO_REGISTER_MODE_RWP	((__u64)1 << 3)
#define UFFD_PAGEFAULT_FLAG_RWP		(1 << 3)
#define UFFDIO_RWPROTECT_MODE_RWP	((__u64)1 << 0)

struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};

#define UFFDIO_RWPROTECT	_IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#endif

#endif /* VT_UFFD_H */
