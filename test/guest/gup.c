// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's gup_test as a module, for a kernel that does not have it built in. What
 * it calls and the kernel does not export says whether a page is in a CMA area; there
 * is none.
 */
#include <linux/mmzone.h>
#include <linux/module.h>

enum migratetype get_pfnblock_migratetype(const struct page *page,
					  unsigned long pfn)
{
	return MIGRATE_MOVABLE;
}

#include "gup_test.c"

MODULE_DESCRIPTION("gup_test of the kernel, as a module");
MODULE_LICENSE("GPL");
