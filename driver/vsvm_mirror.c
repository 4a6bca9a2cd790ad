// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror: the device's view of one mm, kept coherent by an interval
 * notifier. vsvm_walk.c is how it is walked.
 *
 * A valid entry of the device page table holds no reference: it is right
 * because whoever unmaps the page from the CPU first calls
 * vsvm_mirror_invalidate(), which waits for the page-table lock. That goes for
 * the driver's own migrations too; none are filtered out.
 *
 * Lifetime: bound to an mm until the file is closed; the notifier keeps the
 * mm_struct, not its memory. After the mm is gone its release has invalidated
 * everything.
 *
 * Locks: the page-table lock, &vsvm_table.lock.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <drm/vsvm_drm.h>

#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_trace.h"

/**
 * vsvm_mirror_count() - count what goes through a mirror, and for its device
 * @m: the mirror; the device's memory is there
 * @stat: what
 * @n: how much of it
 */
void vsvm_mirror_count(struct vsvm_mirror *m, enum vsvm_stat stat, u64 n)
{
	if (!n)
		return;
	vsvm_stats_add(&m->stats, stat, n);
	vsvm_stats_add_cpu(m->devmem->stats, stat, n);
}

/**
 * vsvm_mirror_watch() - have invalidations of a range noted, and of no other
 * @m: the mirror, bound
 * @watch: out; use its notifier with mmu_interval_read_begin() and
 *	mmu_interval_read_retry(), the latter under the page-table lock
 * @start: first address
 * @end: end of the range, in the same leaf
 *
 * The mirror's own notifier hears of all that happens to the mm. With its
 * sequence, one thread that maps and unmaps memory all the time would have
 * every fault of the others go again. So each fault has a sequence of its own,
 * which vsvm_mirror_invalidate() sets as core mm would have it set: for every
 * invalidation that touches the range, under the page-table lock.
 *
 * That leaves invalidations that were announced before, and have not ended.
 * Core mm keeps one odd sequence number while any invalidation is under way,
 * and mmu_interval_read_begin() waits for the next if it is given that one.
 * So the watch begins with the number of the last invalidation that touched
 * the leaf: if it is under way, this number is the current one, and the wait
 * covers it. Where there is no leaf, or one that was made after it could have
 * been touched, the number of the last invalidation of anything is as right,
 * and only less sharp.
 */
void vsvm_mirror_watch(struct vsvm_mirror *m, struct vsvm_watch *watch,
		       unsigned long start, unsigned long end)
{
	struct vsvm_leaf *leaf;
	unsigned long seq;

	/* Held from the look at the number to being on the list. */
	down_read(&m->table.lock);
	seq = m->notifier.invalidate_seq;
	leaf = vsvm_table_leaf(&m->table, start);
	if (leaf) {
		/* Others who read-lock would write the same. */
		if (!READ_ONCE(leaf->seq))
			WRITE_ONCE(leaf->seq, seq);
		seq = READ_ONCE(leaf->seq);
	}
	*watch = (struct vsvm_watch) {
		.notifier.mm = m->notifier.mm,
		.notifier.invalidate_seq = seq,
		.start = start,
		.end = end,
	};
	spin_lock(&m->watch_lock);
	list_add(&watch->link, &m->watches);
	spin_unlock(&m->watch_lock);
	up_read(&m->table.lock);
}

/**
 * vsvm_mirror_unwatch() - undo vsvm_mirror_watch()
 * @m: the mirror; its page-table lock may be held or not
 * @watch: the watch
 */
void vsvm_mirror_unwatch(struct vsvm_mirror *m, struct vsvm_watch *watch)
{
	spin_lock(&m->watch_lock);
	list_del(&watch->link);
	spin_unlock(&m->watch_lock);
}

/* Tells those faults whose range is touched. */
static void tell_watches(struct vsvm_mirror *m,
			 const struct mmu_notifier_range *range,
			 unsigned long seq)
{
	struct vsvm_watch *watch;

	lockdep_assert_held_write(&m->table.lock);
	spin_lock(&m->watch_lock);
	list_for_each_entry(watch, &m->watches, link)
		if (watch->start < range->end && range->start < watch->end)
			mmu_interval_set_seq(&watch->notifier, seq);
	spin_unlock(&m->watch_lock);
}

static bool vsvm_mirror_invalidate(struct mmu_interval_notifier *notifier,
				   const struct mmu_notifier_range *range,
				   unsigned long seq)
{
	struct vsvm_mirror *m = container_of(notifier, struct vsvm_mirror,
					     notifier);
	unsigned long pages;

	/*
	 * Our own, from inside take_exclusive(), which changes the entry itself
	 * and would go again for ever if this counted as a change.
	 */
	if (range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == m)
		return true;

	if (mmu_notifier_range_blockable(range))
		down_write(&m->table.lock);
	else if (!VSVM_INJECT(m->table.inject, INVALIDATE, 0,
			      down_write_trylock(&m->table.lock)))
		return false;

	mmu_interval_set_seq(notifier, seq);
	tell_watches(m, range, seq);
	pages = vsvm_table_zap(&m->table, range->start, range->end - 1, seq,
			       range->event == MMU_NOTIFY_UNMAP ||
			       range->event == MMU_NOTIFY_RELEASE);
	if (m->devmem) {
		vsvm_mirror_count(m, VSVM_STAT_INVALIDATIONS, 1);
		vsvm_mirror_count(m, VSVM_STAT_INVALIDATED, pages);
		trace_vsvm_invalidate(m->devmem->device, range->start,
				      range->end, range->event, pages);
	}
	up_write(&m->table.lock);
	return true;
}

static const struct mmu_interval_notifier_ops vsvm_mirror_ops = {
	.invalidate = vsvm_mirror_invalidate,
};

/*
 * The end of the part of @vma from @addr on for which the CPU has no page
 * table. Under mmap_lock tables inside a mapping do not go away, and an empty
 * entry was empty when it was read.
 */
static unsigned long table_hole(struct mm_struct *mm, unsigned long addr,
				unsigned long end)
{
	mmap_assert_locked(mm);
	while (addr < end) {
		pgd_t *pgd = pgd_offset(mm, addr);
		p4d_t *p4d;
		pud_t *pud;
		pmd_t *pmd;

		if (pgd_none(READ_ONCE(*pgd))) {
			addr = pgd_addr_end(addr, end);
			continue;
		}
		p4d = p4d_offset(pgd, addr);
		if (p4d_none(READ_ONCE(*p4d))) {
			addr = p4d_addr_end(addr, end);
			continue;
		}
		pud = pud_offset(p4d, addr);
		if (pud_none(READ_ONCE(*pud))) {
			addr = pud_addr_end(addr, end);
			continue;
		}
		if (pud_leaf(READ_ONCE(*pud)))
			break;
		pmd = pmd_offset(pud, addr);
		if (!pmd_none(pmdp_get_lockless(pmd)))
			break;
		addr = pmd_addr_end(addr, end);
	}
	return addr;
}

/**
 * vsvm_mirror_hole() - skip what holds nothing without looking at each page
 * @m: the mirror, bound to current->mm
 * @start: first address, page aligned
 * @end: end of the range, page aligned
 * @state: out, DRM_VSVM_PLACE_ERROR where nothing is mapped,
 *	DRM_VSVM_PLACE_ABSENT where a mapping has no page tables
 *
 * Return: end of the hole that begins at @start; @start if there is none, or
 * if the caller is being killed.
 */
unsigned long vsvm_mirror_hole(struct vsvm_mirror *m, unsigned long start,
			       unsigned long end, u32 *state)
{
	struct mm_struct *mm = m->notifier.mm;
	struct vm_area_struct *vma;
	unsigned long next = start;

	if (VSVM_INJECT(m->table.inject, HOLE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return start;
	vma = find_vma(mm, start);
	if (!vma || vma->vm_start > start) {
		*state = DRM_VSVM_PLACE_ERROR;
		next = vma ? min(end, vma->vm_start) : end;
	} else if (vma->vm_flags & VM_READ &&
		   !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB))) {
		*state = DRM_VSVM_PLACE_ABSENT;
		next = table_hole(mm, start, min(end, vma->vm_end));
	}
	mmap_read_unlock(mm);
	return next;
}

/**
 * vsvm_mirror_init() - set up an unbound mirror
 * @m: the mirror
 * @devmem: memory of the device that looks through it
 * @dma: the device that system pages are mapped for
 * @inject: the points of that device
 */
void vsvm_mirror_init(struct vsvm_mirror *m, struct vsvm_devmem *devmem,
		      struct device *dma, struct vsvm_inject *inject)
{
	vsvm_table_init(&m->table, dma, inject);
	INIT_LIST_HEAD(&m->watches);
	spin_lock_init(&m->watch_lock);
	m->devmem = devmem;
}

/**
 * vsvm_mirror_teach_lockdep() - say the lock order once, when the module loads
 *
 * Reclaim takes the page-table lock in the notifier, and mmap_lock is outside
 * of it. Said here, a mistake is reported the first time it is made, not the
 * first time it hangs.
 */
void vsvm_mirror_teach_lockdep(void)
{
	struct vsvm_mirror *m;

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !current->mm)
		return;
	m = kzalloc_obj(*m, GFP_KERNEL);
	if (!m)
		return;

	vsvm_mirror_init(m, NULL, NULL, NULL);
	mmap_read_lock(current->mm);
	fs_reclaim_acquire(GFP_KERNEL);
	down_write(&m->table.lock);
	up_write(&m->table.lock);
	fs_reclaim_release(GFP_KERNEL);
	mmap_read_unlock(current->mm);
	kfree(m);
}

/**
 * vsvm_mirror_bind() - start to mirror an mm
 * @m: the mirror
 * @mm: current->mm
 * @owner: whose share of the device is used
 *
 * Takes mmap_lock for writing.
 *
 * Return: 0, -ENOMEM or -EINTR.
 */
int vsvm_mirror_bind(struct vsvm_mirror *m, struct mm_struct *mm,
		     struct pid *owner)
{
	int ret;

	m->share = vsvm_devmem_share_get(m->devmem, owner);
	if (!m->share)
		return -ENOMEM;
	ret = VSVM_INJECT(m->table.inject, NOTIFIER, -ENOMEM,
			  mmu_interval_notifier_insert(&m->notifier, mm, 0,
						       ULONG_MAX & PAGE_MASK,
						       &vsvm_mirror_ops));
	if (ret) {
		vsvm_devmem_share_put(m->devmem, m->share);
		m->share = NULL;
	}
	return ret;
}

static void zap_all(struct vsvm_mirror *m)
{
	down_write(&m->table.lock);
	vsvm_table_zap(&m->table, 0, ULONG_MAX, 0, true);
	up_write(&m->table.lock);
}

/**
 * vsvm_mirror_unplug() - forget every page, and the device's memory
 * @m: the mirror, bound or not; nobody walks it any more, or will after
 */
void vsvm_mirror_unplug(struct vsvm_mirror *m)
{
	struct vsvm_devmem *dm = m->devmem;

	down_write(&m->table.lock);
	vsvm_table_zap(&m->table, 0, ULONG_MAX, 0, true);
	m->devmem = NULL;
	up_write(&m->table.lock);
	if (m->share)
		vsvm_devmem_share_put(dm, m->share);
	m->share = NULL;
}

/**
 * vsvm_mirror_unbind() - undo vsvm_mirror_bind()
 * @m: the mirror, after vsvm_mirror_unplug()
 *
 * Waits for invalidations that are under way. Takes mmap_lock of no mm.
 */
void vsvm_mirror_unbind(struct vsvm_mirror *m)
{
	mmu_interval_notifier_remove(&m->notifier);
	zap_all(m);
	xa_destroy(&m->table.leaves);
}
