// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the rooms under test call, and no test is about.
 */
#include "vsvm_kunit.h"

#include <linux/module.h>

#include "../vsvm_fault.h"
#include "../vsvm_mirror.c"
#include "../vsvm_stats.c"

/* Nobody has them mapped, so nothing frees them too early. */
bool vsvm_huge_pages(void)
{
	return true;
}

void vsvm_fault_cow_begin(struct vsvm_cow *cow)
{
}

void vsvm_fault_cow_end(struct vsvm_cow *cow)
{
}

MODULE_DESCRIPTION("Unit tests of vsvm");
MODULE_LICENSE("GPL");
