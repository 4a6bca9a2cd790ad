// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range of pfns of device pages.
 *
 * Lifetime: the module's. Locks: a mutex of its own for writers; readers take none.
 */
#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include "vsvm_pfn.h"

unsigned long vsvm_pfn_low = ULONG_MAX;
unsigned long vsvm_pfn_high;

/**
 * vsvm_pfn_widen() - add the addresses of another device
 * @range: physical addresses
 *
 * Called before any of its pages is visible. The range never shrinks.
 */
void vsvm_pfn_widen(const struct range *range)
{
	static DEFINE_MUTEX(lock);

	guard(mutex)(&lock);
	/* vsvm_pfn_maybe_device() reads them without the lock. */
	WRITE_ONCE(vsvm_pfn_low, min(vsvm_pfn_low, PHYS_PFN(range->start)));
	WRITE_ONCE(vsvm_pfn_high, max(vsvm_pfn_high, PHYS_PFN(range->end)));
}
