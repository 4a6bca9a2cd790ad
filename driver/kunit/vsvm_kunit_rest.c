// SPDX-License-Identifier: GPL-2.0-only
/* Stubs of functions that the rooms under test call. */
#include "vsvm_kunit.h"

#include <linux/module.h>

#include "../vsvm_events.c"
#include "../vsvm_fault.h"
#include "../vsvm_mirror.c"
#include "../vsvm_stats.c"

/* No process maps the pages, so core mm does not free them too early. */
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
