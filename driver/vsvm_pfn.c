// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pfns that device pages may have.
 *
 * Lifetime: the module's. Locks: a mutex of its own, for writing; read without.
 */
#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include "vsvm_pfn.h"

unsigned long vsvm_pfn_low = ULONG_MAX;
unsigned long vsvm_pfn_high;

/**
 * vsvm_pfn_widen() - note the addresses of another device
 * @range: physical addresses
 *
 * Before a page of it can be seen. The limits are never narrowed.
 */
void vsvm_pfn_widen(const struct range *range)
{
	static DEFINE_MUTEX(lock);

	guard(mutex)(&lock);
	/* Read without the lock by vsvm_pfn_maybe_device(). */
	WRITE_ONCE(vsvm_pfn_low, min(vsvm_pfn_low, PHYS_PFN(range->start)));
	WRITE_ONCE(vsvm_pfn_high, max(vsvm_pfn_high, PHYS_PFN(range->end)));
}
