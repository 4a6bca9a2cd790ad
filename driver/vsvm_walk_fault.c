// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that a walk lacks: hmm_range_fault_unlocked_timeout() faults them in, the
 * result is checked against the notifier's sequence under the page-table lock, classified
 * once, and installed. Exclusive access goes on to make_device_exclusive().
 *
 * Lifetime: a call, as vsvm_walk().
 *
 * Locks: the page-table lock, &vsvm_table.lock; mmap_lock outside of it, never both while
 * user space is waited for.
 */
#include <linux/hmm.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/slab.h>

#include <drm/vsvm_drm.h>

#include "vsvm_classify.h"
#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_fault.h"
#include "vsvm_inject.h"
#include "vsvm_link.h"
#include "vsvm_span.h"
#include "vsvm_table.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"
#include "vsvm_walk_fault.h"

/* Pages, and attempts for them, in one section of mmap_lock. */
#define HELD_PAGES	16UL
#define HELD_TRIES	8
/* Attempts without progress in which memory may move for a walk. */
#define MAX_MOVES	4

static void walk_unlock_write(struct walk *w)
{
	up_write(&w->m->table.lock);
	vsvm_mirror_exit(w->idx);
}

/*
 * As walk_lock(), for writing, unless the work has to end. A file that is closed empties
 * its table under the lock, and nothing is installed after that.
 */
static int walk_lock_write(struct walk *w)
{
	int ret = vsvm_mirror_enter(w->m, &w->idx);

	if (ret)
		return ret;
	down_write(&w->m->table.lock);
	if (!vsvm_context_stops(w->ctx))
		return 0;
	walk_unlock_write(w);
	return -EINTR;
}

/*
 * Has the CPU fault on the page, for writing if the visitor needs that. mmap_lock is held
 * for reading; if the fault gives it up, it is held again in the end. The access is the
 * device's, so the calling thread's protection keys do not apply: FAULT_FLAG_REMOTE, as in
 * hmm and in make_device_exclusive().
 */
static int fault_page(struct walk *w, unsigned long addr)
{
	struct mm_struct *mm = w->m->notifier.mm;
	bool write = w->need >= VSVM_NEED_WRITE, unlocked = false;
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	struct vsvm_cow cow;
	int ret;

	/* hmm finds no page of a mapping of a device's registers, after any fault. */
	if (!vma || vma->vm_flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EPERM;
	vsvm_fault_cow_begin(&cow);
	ret = fixup_user_fault(mm, addr, FAULT_FLAG_REMOTE |
			       (write ? FAULT_FLAG_WRITE : 0), &unlocked);
	vsvm_fault_cow_end(&cow);
	/* It may have migrated the page to system memory. */
	w->placing.end = 0;
	return ret;
}

/*
 * hmm reports own device pages without looking at write permission, so after fork or
 * mprotect its success does not mean writable. A CPU fault breaks copy-on-write.
 */
static int break_cow(struct walk *w, unsigned long addr)
{
	struct mm_struct *mm = w->m->notifier.mm;
	int ret;

	if (VSVM_INJECT(walk_inject(w), COW_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;
	ret = fault_page(w, addr);
	mmap_read_unlock(mm);
	return ret;
}

static void set_range(struct walk *w, struct hmm_range *range)
{
	/* In and out: results of an earlier round would be taken as input. */
	memset(w->pfns, 0, (range->end - range->start) >> PAGE_SHIFT <<
	       ilog2(sizeof(*w->pfns)));
	range->notifier = &w->watch.notifier;
	range->hmm_pfns = w->pfns;
	range->dev_private_owner = vsvm_devmem_owner;
}

/* Looks at the pages of @range; faults in none. mmap_lock is held for reading. */
static int range_look(struct walk *w, struct hmm_range *range)
{
	set_range(w, range);
	range->notifier_seq = mmu_interval_read_begin(range->notifier);
	return VSVM_INJECT(walk_inject(w), HMM, -EBUSY, hmm_range_fault(range));
}

/**
 * vsvm_walk_look_held() - look at a range that other threads keep changing
 * @w: the walk, which has &walk.pfns
 * @range: as for vsvm_walk_range_fault()
 *
 * Return: 0 with mmap_lock held for reading, so that no thread changes a mapping; -EINTR;
 * or an errno of hmm_range_fault().
 */
int vsvm_walk_look_held(struct walk *w, struct hmm_range *range)
{
	struct mm_struct *mm = w->m->notifier.mm;
	int ret;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = range_look(w, range);
	if (ret)
		mmap_read_unlock(mm);
	return ret;
}

/*
 * Has hmm fault in a range, for a short time only: core starts over with the whole range
 * all that time, and fewer pages may do sooner. Returns -EBUSY if other threads changed the
 * range, and -ETIME if nothing changed: this thread waited for a processor or for mmap_lock.
 */
static int ask_hmm(struct walk *w, struct hmm_range *range)
{
	unsigned long now = jiffies, left, seq;
	int ret;

	left = time_before(now, w->deadline) ? w->deadline - now : 1;
	seq = mmu_interval_read_begin(range->notifier);
	ret = hmm_range_fault_unlocked_timeout(range, min(left, max(HZ / 50, 1)));
	return ret == -EBUSY && !mmu_interval_read_retry(range->notifier, seq) ? -ETIME : ret;
}

/**
 * vsvm_walk_range_fault() - have hmm look up a range, and fault in what the need says
 * @w: the walk
 * @range: out, start and end are set; &walk.watch covers it, and &walk.pfns gets the result
 *
 * Return: 0; -ENOMEM; -EBUSY: other threads kept changing the range; -ETIME: the time was
 * over before it was looked at; or an errno of hmm_range_fault().
 */
int vsvm_walk_range_fault(struct walk *w, struct hmm_range *range)
{
	if (!w->pfns) {
		w->pfns = VSVM_INJECT(walk_inject(w), PFNS, NULL,
				      kmalloc_array(VSVM_LEAF_ENTRIES,
						    sizeof(*w->pfns),
						    GFP_KERNEL));
		if (!w->pfns)
			return -ENOMEM;
	}
	set_range(w, range);
	range->default_flags = vsvm_classify_request(w->need);
	return VSVM_INJECT(walk_inject(w), HMM, -EBUSY, ask_hmm(w, range));
}

/*
 * What to install for @entry: a page that was discarded stays so until it is written, and
 * a writable entry would hide the write. Every table that maps the page lost its entry when
 * the page was discarded, so each of them passes here.
 */
static u64 without_discarded(const struct walk *w, u64 entry)
{
	if (entry & DRM_VSVM_STATE_WRITE && vsvm_entry_is_private(entry) &&
	    !vsvm_devmem_may_write(vsvm_entry_page(entry),
				   w->need >= VSVM_NEED_WRITE))
		entry &= ~(u64)DRM_VSVM_STATE_WRITE;
	return entry;
}

/*
 * Installs the pages that hmm found in [start, end). Returns how many of them serve the
 * need, from the first on.
 */
static int install_in(struct walk *w, struct vsvm_leaf *leaf,
		      unsigned long start, unsigned long end)
{
	unsigned long i, n;
	u64 entry = 0;
	int ret;

	lockdep_assert_held_write(&w->m->table.lock);
	if (VSVM_INJECT(walk_inject(w), LEAF_GONE, true, false))
		return -EAGAIN;

	n = (end - start) >> PAGE_SHIFT;
	for (i = 0; i < n; i++) {
		unsigned long addr = start + (i << PAGE_SHIFT);

		entry = i ? vsvm_classify_next(w->m, addr, entry, w->pfns[i - 1],
					  w->pfns[i]) :
			    vsvm_classify(w->m, addr, w->pfns[i]);
		/*
		 * hmm promised valid pages; any other is not for the device. Pages
		 * before it are served first.
		 */
		if (!vsvm_entry_serves(entry, VSVM_NEED_READ))
			return i ?: -EFAULT;
		entry |= w->placing.flags;
		ret = vsvm_table_install(&w->m->table, leaf, addr,
					 without_discarded(w, entry));
		if (ret < 0)
			return ret;
		w->faults += ret;
		if (!vsvm_entry_serves(entry, min(w->need, VSVM_NEED_WRITE)))
			break;
	}
	return i;
}

/*
 * As install_in(), in a leaf that is made if the table has none, and freed if it stays
 * empty.
 */
static int install(struct walk *w, unsigned long start, unsigned long end)
{
	struct vsvm_table *table = &w->m->table;
	struct vsvm_leaf *leaf = vsvm_table_make_leaf(table, start, &w->spare);
	int ret;

	if (!leaf)
		return -EAGAIN;
	ret = install_in(w, leaf, start, end);
	vsvm_table_trim(table, leaf, start);
	return ret;
}

/* End of the pages from w->addr on, at most to @end, that are faulted in at once. */
static unsigned long fault_end(const struct walk *w, unsigned long end)
{
	return min3(PAGE_ALIGN(end), w->placing.end,
		    (w->addr & PAGE_MASK) + (w->limit << PAGE_SHIFT));
}

/* The next attempt is for fewer pages. */
static void halve(struct walk *w, const struct hmm_range *range)
{
	w->limit = max((range->end - range->start) >> (PAGE_SHIFT + 1), 1UL);
}

/* True if advice for the page at w->addr changed since it was looked up. */
static bool advice_changed(const struct walk *w)
{
	lockdep_assert_held(&w->m->table.lock);
	return w->seq != *vsvm_advice_seq(&w->m->advices, w->addr);
}

/*
 * Installs what hmm found in @range. Returns the number of pages that serve the need, with
 * the lock held for reading, so that no invalidation removes them before they are visited.
 * Without the lock: 0, the CPU has to break copy-on-write; -ESTALE, another thread changed
 * the range; -EAGAIN, start over; or another errno.
 */
static int install_found(struct walk *w, const struct hmm_range *range, bool stale)
{
	int ret = walk_lock_write(w);

	if (ret)
		return ret;
	if (stale ||
	    mmu_interval_read_retry(range->notifier, range->notifier_seq))
		ret = -ESTALE;
	else if (advice_changed(w))
		ret = -EAGAIN;
	else
		ret = install(w, range->start, range->end);
	if (ret > 0)
		downgrade_write(&w->m->table.lock);
	else
		walk_unlock_write(w);
	return ret;
}

/*
 * Has the CPU fault on the pages of @range that hmm did not find. Returns 0 if it found
 * all, -ESTALE when there may be more now, or the errno of the first page. Another one
 * that is bad becomes the end of the range.
 */
static int fault_missing(struct walk *w, struct hmm_range *range)
{
	unsigned long addr = range->start, *pfn = w->pfns;
	int ret = 0, err;

	for (; addr < range->end; addr += PAGE_SIZE, pfn++) {
		if (vsvm_classify_found(*pfn))
			continue;
		if (vsvm_context_stops(w->ctx))
			return -EINTR;
		err = fault_page(w, addr);
		if (err && addr == range->start)
			return err;
		if (err)
			range->end = addr;
		ret = -ESTALE;
	}
	return ret;
}

/*
 * Faults in and installs the pages of @range while other threads do not stop changing
 * them, or have mmap_lock for long. They can change no mapping while this one has it.
 * Core's own loop waits for that lock after it has begun to watch for changes and for the
 * time, and so fails with each change or long wait. Returns as fault_in() does.
 */
static int fault_in_held(struct walk *w, struct hmm_range *range)
{
	struct mm_struct *mm = w->m->notifier.mm;
	unsigned int i;
	int ret;

	/* The wait inside, which others that want mmap_lock would share, is short then. */
	mmu_interval_read_begin(&w->watch.notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (i = 0; i < HELD_TRIES; i++) {
		/* A page that goes away takes its leaf along, if that had no other. */
		ret = range_look(w, range) ?: fault_missing(w, range) ?:
		      vsvm_table_prepare(&w->m->table, range->start, &w->spare);
		if (!ret)
			ret = install_found(w, range, false);
		/* Copy-on-write is to be broken. */
		if (!ret)
			ret = fault_page(w, range->start) ?: -ESTALE;
		if (ret != -ESTALE && ret != -EBUSY)
			break;
	}
	mmap_read_unlock(mm);
	if (ret > 0)
		return 0;
	/*
	 * Any other errno is for an attempt that knows what hmm says of the page. What
	 * keeps changing, or is bad, may be a page behind the first ones.
	 */
	w->held = false;
	if (ret != -EAGAIN)
		halve(w, range);
	return ret == -EINTR || ret == -ENODEV || ret == -ENOMEM ? ret : -EAGAIN;
}

/*
 * Another thread changed the pages of @range. One change may happen; after two, which
 * @again says, they may go on.
 */
static int fault_in_less(struct walk *w, const struct hmm_range *range, bool again)
{
	if (again && range->end - range->start <= HELD_PAGES * PAGE_SIZE) {
		w->held = true;
		w->limit = min(w->limit, HELD_PAGES);
	} else if (again) {
		halve(w, range);
	}
	return -EAGAIN;
}

/*
 * Faults in and installs pages from w->addr on, at most to @end. Returns 0 with the
 * lock held for reading; -EAGAIN without the lock for another attempt.
 */
static int fault_in(struct walk *w, unsigned long end, bool again)
{
	unsigned long start = w->addr & PAGE_MASK;
	struct hmm_range range = { .start = start, .end = fault_end(w, end) };
	int ret;

	if (w->held)
		return fault_in_held(w, &range);
	ret = vsvm_walk_range_fault(w, &range);
	if (ret == -EBUSY)	/* Changed all the time. */
		return fault_in_less(w, &range, true);
	if (ret == -ETIME)
		return fault_in_held(w, &range);
	/* One page is bad: serve those before it, then fail. */
	if ((ret == -EFAULT || ret == -EPERM) && range.end - start > PAGE_SIZE) {
		halve(w, &range);
		return -EAGAIN;
	}
	if (ret)
		return ret;

	ret = vsvm_table_prepare(&w->m->table, start, &w->spare);
	if (ret)
		return ret;
	ret = install_found(w, &range, VSVM_INJECT(walk_inject(w), FAULTED, true,
						   false));
	if (ret == -ESTALE)
		return fault_in_less(w, &range, again);
	if (!ret)
		return break_cow(w, start) ?: -EAGAIN;
	return min(ret, 0);
}

/* Converts an error of make_device_exclusive() to one of the walk. */
static int exclusive_error(struct mm_struct *mm, unsigned long addr, int err)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (err == -EFAULT && vma && vma->vm_flags & VM_READ &&
	    !(vma->vm_flags & VM_WRITE))
		return -EPERM;
	/* The page is being migrated, or a signal is pending: try again. */
	return err == -EBUSY || err == -ERESTARTSYS ? -EAGAIN : err;
}

/*
 * Gets exclusive access to the page at w->addr. Returns 0 with the lock held for
 * reading; -EAGAIN without the lock for another attempt. A CPU fault on the page waits
 * until the folio is unlocked, and then calls the notifier before it ends the access.
 */
static int take_exclusive(struct walk *w)
{
	struct vsvm_mirror *m = w->m;
	struct mm_struct *mm = m->notifier.mm;
	unsigned long addr = w->addr & PAGE_MASK;
	struct vsvm_leaf *leaf;
	struct folio *folio;
	struct page *page;
	unsigned long seq;
	bool stale;
	int ret;

	ret = vsvm_table_prepare(&m->table, addr, &w->spare);
	if (ret)
		return ret;
	/* Once more inside mmap_lock: who changes mappings made that wait. */
	mmu_interval_read_begin(&w->watch.notifier);
	if (VSVM_INJECT(walk_inject(w), EXCLUSIVE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;
	seq = mmu_interval_read_begin(&w->watch.notifier);
	page = VSVM_INJECT(walk_inject(w), EXCLUSIVE, ERR_PTR(-EBUSY),
			   make_device_exclusive(mm, addr, m, &folio));
	if (IS_ERR(page)) {
		ret = exclusive_error(mm, addr, PTR_ERR(page));
		goto unlock_mm;
	}

	stale = VSVM_INJECT(walk_inject(w), EXCLUSIVE_TAKEN, true, false);
	ret = walk_lock_write(w);
	if (ret)
		goto unlock_folio;
	ret = -EAGAIN;
	leaf = stale || advice_changed(w) ||
	       mmu_interval_read_retry(&w->watch.notifier, seq) ?
	       NULL : vsvm_table_make_leaf(&m->table, addr, &w->spare);
	if (leaf) {
		u64 entry = vsvm_classify(m, addr,
					  vsvm_classify_writable(page));

		ret = vsvm_table_install(&m->table, leaf, addr,
					 entry | VSVM_ENTRY_EXCLUSIVE);
		vsvm_table_trim(&m->table, leaf, addr);
	}
	if (ret < 0) {
		walk_unlock_write(w);
	} else {
		w->faults += ret;
		ret = 0;
		downgrade_write(&m->table.lock);
	}
unlock_folio:
	folio_unlock(folio);
	folio_put(folio);
unlock_mm:
	mmap_read_unlock(mm);
	return ret;
}

/* As fault_in(), for one page, and then gets exclusive access to it. */
static int fault_exclusive(struct walk *w, unsigned long end, bool again)
{
	struct vsvm_leaf *leaf;
	int ret = fault_in(w, end, again);

	if (ret)
		return ret;
	leaf = vsvm_table_leaf(&w->m->table, w->addr);
	if (vsvm_entry_is_alone(leaf->entry[vsvm_leaf_index(w->addr)]))
		return 0;
	vsvm_walk_unlock(w);
	return take_exclusive(w);
}

/* Asks where the page at w->addr should be, unless the answer that it has still holds. */
static int walk_place(struct walk *w, unsigned long end)
{
	/* Pairs with advance_advice(). */
	unsigned long seq = smp_load_acquire(vsvm_advice_seq(&w->m->advices,
							     w->addr));

	if (w->placing.end > w->addr && w->seq == seq)
		return 0;
	w->seq = seq;
	/*
	 * The visitor's own access by the CPU may have brought the page home, as its
	 * buffer may be the memory that it walks. It would not get further. Nor would a
	 * walk from which other threads take away what it was given.
	 */
	w->placing = (struct vsvm_placing) {
		.stays = w->v->stays || w->relaxed || w->tries > MAX_MOVES,
		.end = ULONG_MAX,
	};
	if (!w->ctx->place)
		return 0;
	return w->ctx->place(w->ctx, w->addr, end, w->need, &w->placing);
}

static void tell_fault(const struct walk *w, u64 pages, int error)
{
	static const u32 access[] = {
		[VSVM_NEED_READ] = DRM_VSVM_ACCESS_READ,
		[VSVM_NEED_WRITE] = DRM_VSVM_ACCESS_WRITE,
		[VSVM_NEED_EXCLUSIVE] = DRM_VSVM_ACCESS_ATOMIC,
	};

	vsvm_mirror_tell(w->m, &(struct drm_vsvm_event) {
		.type = DRM_VSVM_EVENT_DEVICE_FAULT,
		.cause = DRM_VSVM_CAUSE_DEVICE_FAULT,
		.addr = w->addr,
		.bytes = pages << PAGE_SHIFT,
		.file = w->m->file,
		.access = access[w->need],
		.error = -error,
	});
}

/**
 * vsvm_walk_fault() - fault in the missing page at &walk.addr
 * @w: the walk, without the page-table lock
 * @end: end of the pages that may be faulted in with it, in the same leaf
 *
 * Return: 0 with the page-table lock held for reading, inside vsvm_mirror_enter(); or an
 * errno of vsvm_walk().
 */
int vsvm_walk_fault(struct walk *w, unsigned long end)
{
	struct vsvm_mirror *m = w->m;
	u64 before = w->faults;
	unsigned int tries = 0;
	int ret;

	if (w->need == VSVM_NEED_EXCLUSIVE)
		w->limit = 1;
	w->placing.end = 0;
	do {
		tries++;
		ret = vsvm_walk_interrupted(w) ?: walk_place(w, end);
		if (ret)
			break;
		vsvm_mirror_watch(m, &w->watch, w->addr & PAGE_MASK,
				  fault_end(w, end));
		ret = w->need == VSVM_NEED_EXCLUSIVE ?
		      fault_exclusive(w, end, tries > 1) :
		      fault_in(w, end, tries > 1);
		vsvm_mirror_unwatch(m, &w->watch);
	} while (ret == -EAGAIN);
	if (ret)
		vsvm_table_unprepare(&m->table, w->addr);

	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULTS, 1);
	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULT_PAGES, w->faults - before);
	if (vsvm_link_on())
		vsvm_mirror_count(m, VSVM_STAT_LINK_DEVICE_FAULT,
				  vsvm_link_device_fault());
	trace_vsvm_device_fault(m->device, w->addr, w->faults - before, w->need,
				tries, ret);
	if (vsvm_events_any())
		tell_fault(w, w->faults - before, ret);
	return ret;
}
