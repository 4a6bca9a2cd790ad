// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernels before the newest lack. compat.h says which, and for which releases.
 */
#include <linux/hmm.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/oom.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#ifdef VSVM_HMM_LACKS_UNLOCKED

/* The first page that hmm_range_fault() did not get to. */
static unsigned long first_missing(const struct hmm_range *range)
{
	unsigned long addr = range->start;
	const unsigned long *pfn = range->hmm_pfns;

	while (addr < range->end && *pfn++ & HMM_PFN_VALID)
		addr += PAGE_SIZE;
	return addr;
}

/*
 * Faults in the page that hmm_range_fault() stopped at with -EFAULT. It had to keep
 * mmap_lock, and a handler that has to wait (userfaultfd) refuses such a fault. Here the
 * lock may be dropped. Returns -EBUSY if hmm_range_fault() is to look again. @last is
 * the page of the call before: one that is present, and that hmm still refuses, is not
 * tried again.
 */
static int fault_in_missing(struct hmm_range *range, unsigned long *last,
			    bool *dropped)
{
	struct mm_struct *mm = range->notifier->mm;
	unsigned long addr = first_missing(range);
	unsigned int flags = FAULT_FLAG_REMOTE;
	struct vm_area_struct *vma;
	int ret;

	mmap_assert_locked(mm);
	if (!(range->default_flags & HMM_PFN_REQ_FAULT) || addr >= range->end)
		return -EFAULT;
	vma = vma_lookup(mm, addr);
	/* hmm has no pages of these, whether they are present or not. */
	if (!vma || vma->vm_flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (range->default_flags & HMM_PFN_REQ_WRITE)
		flags |= FAULT_FLAG_WRITE;
	ret = fixup_user_fault(mm, addr, flags, dropped);
	if (ret)
		return ret;
	if (!*dropped && *last == addr)
		return -EFAULT;
	*last = addr;
	return -EBUSY;
}

static int fault_in_locked(struct hmm_range *range, unsigned long *last,
			   bool *dropped)
{
	int ret;

	if (check_stable_address_space(range->notifier->mm))
		return -EFAULT;
	ret = hmm_range_fault(range);
	return ret == -EFAULT ? fault_in_missing(range, last, dropped) : ret;
}

/**
 * vsvm_compat_range_fault() - hmm_range_fault_unlocked_timeout() of Linux 7.3
 * @range: as there; all pages want what default_flags says
 * @timeout: how long to go on while the range is invalidated, in jiffies, from the last
 *	fault on that dropped mmap_lock; 0: as long as it takes
 *
 * Takes mmap_lock for reading, so the caller must not hold it. range->notifier_seq is
 * that of the last attempt.
 *
 * Return: 0; -EBUSY after @timeout; -EINTR when a fatal signal is pending; -EFAULT where
 * there is no memory that hmm knows; -EPERM for a write to what is not writable;
 * -ENOMEM.
 */
int vsvm_compat_range_fault(struct hmm_range *range, unsigned long timeout)
{
	struct mm_struct *mm = range->notifier->mm;
	unsigned long pages = (range->end - range->start) >> PAGE_SHIFT;
	unsigned long deadline = 0, last = range->end;
	bool dropped = true;
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (dropped)
			deadline = jiffies + timeout;
		dropped = false;
		/* In and out. */
		memset(range->hmm_pfns, 0, pages * sizeof(*range->hmm_pfns));
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		ret = timeout && time_after(jiffies, deadline) ? -ETIME :
			fault_in_locked(range, &last, &dropped);
		mmap_read_unlock(mm);
	} while (ret == -EBUSY);
	return ret == -ETIME ? -EBUSY : ret;
}

#endif /* VSVM_HMM_LACKS_UNLOCKED */
