// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror: the device's view of one mm, kept coherent by an interval notifier.
 * vsvm_walk.c walks it.
 *
 * A valid entry of the device page table holds no reference. It is valid because core
 * mm calls vsvm_mirror_invalidate(), which waits for the page-table lock, before it
 * unmaps the page from the CPU. The driver's own migrations are not filtered out; only
 * the event of its own make_device_exclusive() is.
 *
 * Lifetime: bound to an mm until the file is closed. The notifier keeps the mm_struct,
 * not its memory. When the memory goes, the notifier's release invalidates the whole
 * mm.
 *
 * Locks: the page-table lock, &vsvm_table.lock.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/leafops.h>	/* before Linux 7.3 it needs swap.h */

#include <drm/vsvm_drm.h>

#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_link.h"
#include "vsvm_mirror.h"
#include "vsvm_trace.h"

/*
 * The caller keeps the device's memory, by vsvm_mirror_enter() or the page-table lock.
 */
static void count(struct vsvm_mirror *m, enum vsvm_stat stat, u64 n)
{
	if (!n)
		return;
	vsvm_stats_add(&m->stats, stat, n);
	vsvm_stats_add_cpu(m->devmem->stats, stat, n);
}

/**
 * vsvm_mirror_count() - count events of a mirror, and of its device
 * @m: the mirror
 * @stat: the counter
 * @n: how many
 *
 * Counts nothing once the device is unplugged: its counters cannot be read any more.
 */
void vsvm_mirror_count(struct vsvm_mirror *m, enum vsvm_stat stat, u64 n)
{
	int idx;

	if (!n || vsvm_mirror_enter(m, &idx))
		return;
	count(m, stat, n);
	vsvm_mirror_exit(idx);
}

/**
 * vsvm_mirror_charge() - count what accesses would cost a device with a link
 * @m: the mirror
 * @tally: what was accessed; it is paid for from then on
 */
void vsvm_mirror_charge(struct vsvm_mirror *m, struct vsvm_link_tally *tally)
{
	if (!tally->remote && !tally->local)
		return;
	vsvm_mirror_count(m, VSVM_STAT_LINK_REMOTE, vsvm_link_remote(tally));
	vsvm_mirror_count(m, VSVM_STAT_LINK_LOCAL, vsvm_link_local(tally));
}

/**
 * vsvm_mirror_charge_moves() - count what moves would cost a device with a link
 * @m: the mirror
 * @moves: what MIGRATE or PREFETCH moved; it is paid for from then on
 */
void vsvm_mirror_charge_moves(struct vsvm_mirror *m, struct vsvm_link_moves *moves)
{
	vsvm_mirror_count(m, VSVM_STAT_LINK_TO_DEVICE,
			  vsvm_link_move(&moves->to_device));
	vsvm_mirror_count(m, VSVM_STAT_LINK_HOME + VSVM_CAUSE_EXPLICIT,
			  vsvm_link_move(&moves->home));
}

/**
 * vsvm_mirror_time() - read the virtual time of a file
 * @m: its mirror, bound
 *
 * What other files of the process cost is part of it where they share an account.
 *
 * Return: the time in ns, which never goes back; at least 1.
 */
u64 vsvm_mirror_time(struct vsvm_mirror *m)
{
	u64 time = vsvm_stats_plus(1, vsvm_stats_time(&m->stats));
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return time;
	time = vsvm_stats_plus(time, vsvm_stats_time(&m->client->stats));
	vsvm_mirror_exit(idx);
	return time;
}

/**
 * vsvm_mirror_count_advice() - count the ranges with advice of the client
 * @m: the mirror; &vsvm_advices.lock is held, which unplug takes before it drops the
 *	client
 * @before: number of ranges before a change
 */
void vsvm_mirror_count_advice(struct vsvm_mirror *m, unsigned int before)
{
	lockdep_assert_held(&m->advices.lock);
	if (m->client)
		atomic_add(m->advices.nr - before, &m->client->nr_advice);
}

/**
 * vsvm_mirror_tell() - tell an event to the event streams of a file's process
 * @m: the mirror, bound
 * @e: the event, without time, size and device
 *
 * To be called if vsvm_events_any(). Does not sleep.
 */
void vsvm_mirror_tell(struct vsvm_mirror *m, const struct drm_vsvm_event *e)
{
	struct vsvm_client *client;

	rcu_read_lock();
	/* Pairs with vsvm_mirror_unplug(). A client is freed by RCU. */
	client = READ_ONCE(m->client);
	if (client)
		vsvm_events_tell_own(client, m->notifier.mm, e);
	rcu_read_unlock();
}

/**
 * vsvm_mirror_listen() - attach an event stream to the client of a file
 * @m: the mirror, bound
 * @s: the stream
 *
 * Return: 0; -EMFILE of vsvm_events_attach(); -ENODEV.
 */
int vsvm_mirror_listen(struct vsvm_mirror *m, struct vsvm_stream *s)
{
	int idx, ret;

	ret = vsvm_mirror_enter(m, &idx);
	if (ret)
		return ret;
	ret = vsvm_events_attach(m->client, s);
	vsvm_mirror_exit(idx);
	return ret;
}

/**
 * vsvm_mirror_watch() - note invalidations of a range
 * @m: the mirror, bound
 * @watch: out; for mmu_interval_read_begin() and mmu_interval_read_retry(), the latter
 *	under the page-table lock
 * @start: first address
 * @end: end of the range, in the same leaf
 *
 * The mirror's own notifier covers the whole mm. With its sequence, a thread that maps
 * and unmaps memory all the time would make every fault of other threads start over. So
 * each fault has a sequence of its own. vsvm_mirror_invalidate() sets it, under the
 * page-table lock, for every invalidation that touches the range.
 *
 * That does not cover invalidations that began before the watch and have not ended.
 * Core mm uses one odd sequence number while any invalidation is in progress, and
 * mmu_interval_read_begin() waits if the notifier has that number. So the watch begins
 * with the number of the last invalidation that touched the range's group of addresses
 * (vsvm_table_seq()). If an invalidation of the range is in progress, the group has the
 * current number, and mmu_interval_read_begin() waits for its end. A group without a
 * number gets that of the last invalidation of the mm, which is correct as well, but
 * may wait for an unrelated one.
 */
void vsvm_mirror_watch(struct vsvm_mirror *m, struct vsvm_watch *watch,
		       unsigned long start, unsigned long end)
{
	unsigned long *seq;

	/*
	 * Held until the watch is on the list, so that no invalidation comes in
	 * between.
	 */
	down_read(&m->table.lock);
	seq = vsvm_table_seq(&m->table, start);
	/* Other readers would write the same number. */
	if (!READ_ONCE(*seq))
		WRITE_ONCE(*seq, m->notifier.invalidate_seq);
	*watch = (struct vsvm_watch) {
		.notifier.mm = m->notifier.mm,
		.notifier.invalidate_seq = READ_ONCE(*seq),
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

/* Sets the sequence of the faults whose range is invalidated. */
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

/* Makes walks of [start, last] that asked before this ask again where a page should be. */
static void advance_advice(struct vsvm_mirror *m, unsigned long start,
			   unsigned long last)
{
	unsigned long i, *seq;
	unsigned long n = min((last >> PMD_SHIFT) - (start >> PMD_SHIFT) + 1,
			      VSVM_ADVICE_SEQS);

	lockdep_assert_held_write(&m->table.lock);
	for (i = 0; i < n; i++) {
		seq = vsvm_advice_seq(&m->advices, start + (i << PMD_SHIFT));
		/* Pairs with walk_place(): who sees the number sees the advice. */
		smp_store_release(seq, *seq + 1);
	}
}

/*
 * True if the thread that has mmap_lock for writing has changed the mapping since it took
 * it.
 */
static bool is_new(const struct vm_area_struct *vma)
{
#ifdef CONFIG_PER_VMA_LOCK
	return vma->vm_lock_seq == vma->vm_mm->mm_lock_seq.sequence;
#else
	return true;
#endif
}

/*
 * The mapping to which mremap() moves the page at @addr of @vma, or NULL. Core mm tells
 * notifiers of mremap() and munmap() in the same way. Mappings to be unmapped are not in
 * the tree any more, or nothing takes their place. mremap() has put the new one there
 * already, and the old one is still there: private anonymous memory that was touched
 * keeps its anon_vma and its index, by which rmap finds it. An earlier mremap() may have
 * left another mapping with both, but that is not new. Memory that was not touched gets
 * a new index, so it is not found.
 */
static struct vm_area_struct *moves_to(struct vm_area_struct *vma,
				       unsigned long addr)
{
	VMA_ITERATOR(vmi, vma->vm_mm, 0);
	pgoff_t index = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	struct vm_area_struct *other;

	if (!vma_is_anonymous(vma) || !vma->anon_vma)
		return NULL;
	for_each_vma(vmi, other)
		if (other != vma && other->anon_vma == vma->anon_vma &&
		    is_new(other) && index >= other->vm_pgoff &&
		    index < other->vm_pgoff + vma_pages(other))
			return other;
	return NULL;
}

/*
 * Advice follows the memory, or is forgotten with it. The caller unmaps or moves the
 * range, and has mmap_lock. So nothing is mapped there anew, and ADVISE finds nothing
 * there, before this is done. What mremap() moves is in one mapping. Returns true if
 * something changed.
 */
static bool follow(struct vsvm_mirror *m, unsigned long start,
		   unsigned long end)
{
	struct mm_struct *mm = m->notifier.mm;
	struct vsvm_advices *a = &m->advices;
	struct vm_area_struct *from, *to;
	struct vsvm_advice_range *r;
	unsigned int before;
	pgoff_t index;

	mmap_assert_locked(mm);
	if (!READ_ONCE(a->nr))
		return false;
	mutex_lock(&a->lock);
	before = a->nr;
	r = vsvm_advice_find(a, start);
	if (!r || r->start >= end) {
		mutex_unlock(&a->lock);
		return false;
	}
	from = find_vma(mm, start);
	to = from && from->vm_start < end && from->vm_end >= end ?
	     moves_to(from, max(start, from->vm_start)) : NULL;
	if (to) {
		start = max(start, from->vm_start);
		index = from->vm_pgoff +
			((start - from->vm_start) >> PAGE_SHIFT);
		vsvm_advice_move(a, start, end, to->vm_start +
				 ((index - to->vm_pgoff) << PAGE_SHIFT));
	} else {
		vsvm_advice_forget(a, start, end);
	}
	vsvm_mirror_count_advice(m, before);
	mutex_unlock(&a->lock);
	return true;
}

static bool vsvm_mirror_invalidate(struct mmu_interval_notifier *notifier,
				   const struct mmu_notifier_range *range,
				   unsigned long seq)
{
	struct vsvm_mirror *m = container_of(notifier, struct vsvm_mirror,
					     notifier);
	bool waits = mmu_notifier_range_blockable(range), moved = false;
	unsigned long pages;

	/*
	 * From make_device_exclusive() in take_exclusive(), which changes the entry
	 * itself. If this counted, it would start over for ever.
	 */
	if (range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == m)
		return true;

	if (waits && range->event == MMU_NOTIFY_UNMAP)
		moved = follow(m, range->start, range->end);
	if (waits) {
		atomic_inc(&m->table.wanted);
		down_write(&m->table.lock);
	} else if (!VSVM_INJECT(m->table.inject, INVALIDATE, 0,
			      down_write_trylock(&m->table.lock))) {
		return false;
	}

	/* A walk that asked before this asks again, at the new address too. */
	if (moved)
		advance_advice(m, 0, ULONG_MAX);
	mmu_interval_set_seq(notifier, seq);
	tell_watches(m, range, seq);
	pages = vsvm_table_zap(&m->table, range->start, range->end - 1, seq);
	/* Unplug sets it to NULL, under this lock, before it destroys the memory. */
	if (m->devmem) {
		count(m, VSVM_STAT_INVALIDATIONS, 1);
		count(m, VSVM_STAT_INVALIDATED, pages);
		trace_vsvm_invalidate(m, range->start, range->end, range->event,
				      pages);
	}
	up_write(&m->table.lock);
	/* Readers that gave way do not sleep in the lock, from which they had to be woken. */
	if (waits)
		atomic_dec(&m->table.wanted);
	return true;
}

static const struct mmu_interval_notifier_ops vsvm_mirror_ops = {
	.invalidate = vsvm_mirror_invalidate,
};

/*
 * End of the part of the mapping from @addr on that has no CPU page table. mmap_lock
 * keeps the upper page tables of a mapping from being freed, and an entry that was read
 * as empty was empty at that moment.
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
 * vsvm_mirror_hole() - find the end of a range without CPU page tables
 * @m: the mirror, bound
 * @start: first address, page aligned
 * @end: end of the range, page aligned
 * @state: out, DRM_VSVM_PLACE_ERROR where nothing is mapped, DRM_VSVM_PLACE_ABSENT
 *	where a mapping has no page tables
 *
 * Lets a walk skip large empty ranges. Takes mmap_lock for reading.
 *
 * Return: end of the hole that begins at @start; @start if there is none, or if the
 * caller is being killed.
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

/* The PMD entry for @addr; NULL: there is none. */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	mmap_assert_locked(mm);
	if (pgd_none(READ_ONCE(*pgd)))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(READ_ONCE(*p4d)))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(READ_ONCE(*pud)) || pud_leaf(READ_ONCE(*pud)))
		return NULL;
	return pmd_offset(pud, addr);
}

static void peek_pte(struct vsvm_peek *peek, unsigned long addr, pte_t pte)
{
	softleaf_t leaf;

	if (pte_none(pte))
		return;
	if (pte_present(pte)) {
		/* In a mapping that is not VM_SPECIAL only the zero page is special. */
		if (!pte_special(pte) && !is_zero_page(pte_page(pte)))
			peek->see(peek, addr, VSVM_SIGHT_PAGE, pte_page(pte));
		return;
	}
	leaf = softleaf_from_pte(pte);
	if (softleaf_is_hwpoison(leaf) || softleaf_is_guard_marker(leaf) ||
	    softleaf_is_poison_marker(leaf))
		peek->see(peek, addr, VSVM_SIGHT_LOST, NULL);
	else if (!softleaf_is_marker(leaf))
		peek->see(peek, addr, VSVM_SIGHT_AWAY, NULL);
}

/*
 * With mmap_lock held for reading, a page table of a mapping may still be freed: an
 * empty one by MADV_DONTNEED, or one with nothing but file pages by khugepaged. They
 * clear the PMD entry under the table's lock, and free the table by RCU. So it exists
 * until rcu_read_unlock(), and its entries do not change while its lock is held and the
 * PMD entry still leads to it. pte_offset_map_lock(), which is not exported, does the
 * same. If the PMD entry changed, there is nothing to report.
 */
static void peek_table(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
		       unsigned long end, struct vsvm_peek *peek)
{
	spinlock_t *ptl; /* of the table */
	pmd_t pmd;
	pte_t *pte;

	rcu_read_lock();
	pmd = pmdp_get_lockless(pmdp);
	if (pmd_none(pmd) || !pmd_present(pmd) || pmd_leaf(pmd) || pmd_bad(pmd))
		goto unlock_rcu;
	ptl = pte_lockptr(mm, &pmd);
	spin_lock(ptl);
	if (pmd_same(pmd, pmdp_get_lockless(pmdp))) {
		/* No HIGHPTE: an architecture with device memory has no highmem. */
		pte = pte_offset_kernel(&pmd, addr);
		for (; addr < end; addr += PAGE_SIZE)
			peek_pte(peek, addr, ptep_get(pte++));
	}
	spin_unlock(ptl);
unlock_rcu:
	rcu_read_unlock();
}

/* As peek_table(), for a PMD entry without a table. */
static void peek_huge(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
		      unsigned long end, struct vsvm_peek *peek)
{
	spinlock_t *ptl = pmd_lock(mm, pmdp);
	pmd_t pmd = pmdp_get_lockless(pmdp);
	struct page *page = NULL;

	if (pmd_none(pmd) || (pmd_present(pmd) && !pmd_leaf(pmd)))
		goto unlock;
	if (pmd_present(pmd)) {
		page = pmd_page(pmd);
		if (vsvm_mirror_huge_zero(page_folio(page)))
			goto unlock;
	}
	for (; addr < end; addr += PAGE_SIZE)
		peek->see(peek, addr, page ? VSVM_SIGHT_PAGE : VSVM_SIGHT_AWAY,
			  page ? page + vsvm_leaf_index(addr) : NULL);
unlock:
	spin_unlock(ptl);
}

/**
 * vsvm_mirror_peek() - look at entries that hmm calls absent
 * @m: the mirror, bound
 * @start: first address, page aligned
 * @end: end of the range, page aligned, in the same leaf
 * @peek: the visitor; not called for untouched memory and for the zero page. Not called
 *	at all if the mapping is gone, is special or hugetlb, or if the caller is being
 *	killed
 *
 * Takes mmap_lock for reading. Faults nothing in.
 */
void vsvm_mirror_peek(struct vsvm_mirror *m, unsigned long start,
		      unsigned long end, struct vsvm_peek *peek)
{
	struct mm_struct *mm = m->notifier.mm;
	struct vm_area_struct *vma;
	pmd_t *pmdp, pmd;

	if (VSVM_INJECT(m->table.inject, HOLE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return;
	vma = vma_lookup(mm, start);
	if (!vma || vma->vm_flags & (VM_SPECIAL | VM_HUGETLB))
		goto unlock;
	pmdp = find_pmd(mm, start);
	if (!pmdp)
		goto unlock;

	end = min(end, vma->vm_end);
	pmd = pmdp_get_lockless(pmdp);
	if (pmd_present(pmd) && !pmd_leaf(pmd))
		peek_table(mm, pmdp, start, end, peek);
	else
		peek_huge(mm, pmdp, start, end, peek);
unlock:
	mmap_read_unlock(mm);
}

/**
 * vsvm_mirror_mapping() - find the mapping of an address
 * @m: the mirror, bound
 * @addr: the address
 * @start: out, where the mapping begins
 * @end: out, its end
 *
 * Takes mmap_lock for reading.
 *
 * Return: true; false: nothing is mapped, or the caller is being killed.
 */
bool vsvm_mirror_mapping(struct vsvm_mirror *m, unsigned long addr,
			 unsigned long *start, unsigned long *end)
{
	struct mm_struct *mm = m->notifier.mm;
	struct vm_area_struct *vma;

	if (VSVM_INJECT(m->table.inject, HOLE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return false;
	vma = vma_lookup(mm, addr);
	if (vma) {
		*start = vma->vm_start;
		*end = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return vma;
}

/**
 * vsvm_mirror_reconsider() - have the device ask again for pages of a range
 * @m: the mirror; &vsvm_advices.lock is held
 * @start: first address
 * @last: last address, inclusive
 *
 * Clears the range's entries, and makes walks that asked before this ask again.
 */
void vsvm_mirror_reconsider(struct vsvm_mirror *m, unsigned long start,
			    unsigned long last)
{
	lockdep_assert_held(&m->advices.lock);
	atomic_inc(&m->table.wanted);
	down_write(&m->table.lock);
	advance_advice(m, start, last);
	/* As in vsvm_mirror_watch(), the last invalidation of the mm stands for all. */
	vsvm_table_zap(&m->table, start, last, m->notifier.invalidate_seq);
	up_write(&m->table.lock);
	atomic_dec(&m->table.wanted);
}

/**
 * vsvm_mirror_bring_in() - fault in a page for the CPU
 * @m: the mirror, bound
 * @addr: its address
 *
 * Not by hmm: a page under exclusive access is valid for the device, and only a CPU
 * fault ends that access. Takes mmap_lock for reading, and may wait for user space.
 *
 * Return: 0, also without effect when the caller is being killed; 1: the contents are
 * lost; or another error of fixup_user_fault().
 */
int vsvm_mirror_bring_in(struct vsvm_mirror *m, unsigned long addr)
{
	struct mm_struct *mm = m->notifier.mm;
	bool unlocked = false;
	int ret;

	if (VSVM_INJECT(m->table.inject, HOLE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return 0;
	ret = fixup_user_fault(mm, addr, FAULT_FLAG_REMOTE, &unlocked);
	mmap_read_unlock(mm);
	return ret == -EFAULT ? 1 : ret;
}

/**
 * vsvm_mirror_init() - set up an unbound mirror
 * @m: the mirror
 * @drm: the device; the caller is inside drm_dev_enter()
 * @devmem: its memory
 * @dma: the device that system pages are mapped for; NULL: they have no DMA addresses
 */
void vsvm_mirror_init(struct vsvm_mirror *m, struct drm_device *drm,
		      struct vsvm_devmem *devmem, struct device *dma)
{
	vsvm_table_init(&m->table, dma, devmem->inject);
	vsvm_advices_init(&m->advices);
	INIT_LIST_HEAD(&m->watches);
	spin_lock_init(&m->watch_lock);
	m->drm = drm;
	m->device = devmem->device;
	m->devmem = devmem;
}

/**
 * vsvm_mirror_teach_lockdep() - teach lockdep the lock order when the module loads
 *
 * Reclaim takes the page-table lock in the notifier, and mmap_lock is outside of it. So
 * lockdep reports a violation the first time it happens, even if nothing deadlocks.
 */
void vsvm_mirror_teach_lockdep(void)
{
	struct vsvm_mirror *m;

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !current->mm)
		return;
	m = kzalloc_obj(*m, GFP_KERNEL);
	if (!m)
		return;

	vsvm_table_init(&m->table, NULL, NULL);
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
 * @mm: the mm
 * @owner: the process whose client is used
 *
 * Takes mmap_lock for writing, before vsvm_mirror_enter().
 *
 * Return: 0, -ENOMEM, -EINTR or -ENODEV.
 */
int vsvm_mirror_bind(struct vsvm_mirror *m, struct mm_struct *mm,
		     struct pid *owner)
{
	int idx, ret;

	m->table.mm = mm;
	ret = VSVM_INJECT(m->table.inject, NOTIFIER, -ENOMEM,
			  mmu_interval_notifier_insert(&m->notifier, mm, 0,
						       ULONG_MAX & PAGE_MASK,
						       &vsvm_mirror_ops));
	if (ret)
		return ret;

	ret = vsvm_mirror_enter(m, &idx);
	if (!ret) {
		m->client = vsvm_client_get(m->devmem, owner);
		ret = m->client ? 0 : -ENOMEM;
		vsvm_mirror_exit(idx);
	}
	if (ret)
		mmu_interval_notifier_remove(&m->notifier);
	return ret;
}

/**
 * vsvm_mirror_works() - count a file with a thread of the kernel
 * @m: the mirror, bound
 *
 * Such a thread counts in no limit of its user. So a process has few of them, and the
 * number of its processes is limited.
 *
 * Return: 0; -EMFILE: the process has DRM_VSVM_MAX_FILES; -ENODEV.
 */
int vsvm_mirror_works(struct vsvm_mirror *m)
{
	int idx, ret;

	ret = vsvm_mirror_enter(m, &idx);
	if (ret)
		return ret;
	spin_lock_irq(&m->devmem->lock);
	if (m->client->nr_workers == DRM_VSVM_MAX_FILES)
		ret = -EMFILE;
	else
		m->client->nr_workers++;
	spin_unlock_irq(&m->devmem->lock);
	vsvm_mirror_exit(idx);
	return ret;
}

/**
 * vsvm_mirror_works_no_more() - undo vsvm_mirror_works()
 * @m: the mirror; unplug may have dropped the client and its number
 */
void vsvm_mirror_works_no_more(struct vsvm_mirror *m)
{
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return;
	spin_lock_irq(&m->devmem->lock);
	m->client->nr_workers--;
	spin_unlock_irq(&m->devmem->lock);
	vsvm_mirror_exit(idx);
}

/**
 * vsvm_mirror_helps() - count a helper of the file
 * @m: the mirror, bound
 *
 * Return: false: the process has as many on this device as one may have.
 */
bool vsvm_mirror_helps(struct vsvm_mirror *m)
{
	bool may;
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return false;
	spin_lock_irq(&m->devmem->lock);
	may = m->client->nr_helpers < VSVM_CLIENT_HELPERS;
	m->client->nr_helpers += may;
	spin_unlock_irq(&m->devmem->lock);
	vsvm_mirror_exit(idx);
	return may;
}

/**
 * vsvm_mirror_helps_no_more() - undo vsvm_mirror_helps()
 * @m: the mirror; unplug may have dropped the client and its number
 */
void vsvm_mirror_helps_no_more(struct vsvm_mirror *m)
{
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return;
	spin_lock_irq(&m->devmem->lock);
	m->client->nr_helpers--;
	spin_unlock_irq(&m->devmem->lock);
	vsvm_mirror_exit(idx);
}

/**
 * vsvm_mirror_empty() - clear the device page table of a closed file
 * @m: the mirror, bound or not
 *
 * Its fault worker may still wait for a page, and install it when it comes.
 */
void vsvm_mirror_empty(struct vsvm_mirror *m)
{
	down_write(&m->table.lock);
	vsvm_table_zap(&m->table, 0, ULONG_MAX, 0);
	up_write(&m->table.lock);
}

/**
 * vsvm_mirror_unplug() - clear the device page table and drop the client
 * @m: the mirror, bound or not; no thread is inside vsvm_mirror_enter(), or will be
 *
 * A call may still be running. Outside of its steps it uses nothing that is freed here,
 * and its next vsvm_mirror_enter() fails.
 */
void vsvm_mirror_unplug(struct vsvm_mirror *m)
{
	struct vsvm_client *client = m->client;
	struct vsvm_devmem *dm = m->devmem;

	mutex_lock(&m->advices.lock);
	down_write(&m->table.lock);
	vsvm_table_zap(&m->table, 0, ULONG_MAX, 0);
	m->devmem = NULL;
	up_write(&m->table.lock);
	/* Pairs with vsvm_mirror_tell(), which may go on with it for a moment. */
	WRITE_ONCE(m->client, NULL);
	if (client) {
		atomic_sub(m->advices.nr, &client->nr_advice);
		vsvm_client_put(dm, client);
	}
	mutex_unlock(&m->advices.lock);
}

/**
 * vsvm_mirror_destroy() - free what is left of a mirror
 * @m: the mirror, never bound or after vsvm_mirror_unbind()
 */
void vsvm_mirror_destroy(struct vsvm_mirror *m)
{
	vsvm_advices_destroy(&m->advices);
}

/**
 * vsvm_mirror_unbind() - undo vsvm_mirror_bind()
 * @m: the mirror, after vsvm_mirror_unplug()
 *
 * Waits for invalidations in progress. Takes no mmap_lock.
 *
 * After this the caller may drop the last reference to the mm_struct, and its count of
 * page tables must not include leaves any more. It does not: unplug freed them, and
 * only a walk makes new ones.
 */
void vsvm_mirror_unbind(struct vsvm_mirror *m)
{
	WARN_ON_ONCE(!xa_empty(&m->table.leaves));
	mmu_interval_notifier_remove(&m->notifier);
}
