// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy: where memory should be, and how much of it moves at a time.
 *
 * The rooms that move memory ask here and then do it. This room decides from what they
 * pass, calls none of them, and takes no lock. docs/policy.md has every threshold.
 *
 * Lifetime: a call. Locks: none.
 */
#include <linux/align.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "vsvm_policy.h"

static unsigned int fault_around_kib = 64;
module_param(fault_around_kib, uint, 0644);
MODULE_PARM_DESC(fault_around_kib,
		 "KiB that migrate on a CPU fault on a small page, a power of two up to 2048 (default 64)");

/**
 * vsvm_policy_home_bytes() - how much comes home for a CPU fault on a small page
 *
 * Return: bytes of the window around the fault, a power of two from PAGE_SIZE to
 * PMD_SIZE, which is also its alignment.
 */
unsigned long vsvm_policy_home_bytes(void)
{
	unsigned long size = (unsigned long)READ_ONCE(fault_around_kib) << 10;

	return rounddown_pow_of_two(clamp(size, PAGE_SIZE, PMD_SIZE));
}
