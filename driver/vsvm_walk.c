// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-page path, vsvm_walk(), that every access of the device takes
 * through a mirror.
 *
 * Spans that are valid in the table are visited under the lock at once. What is
 * missing goes through hmm_range_fault_unlocked_timeout(), is checked against
 * the notifier's sequence under the lock, classified once, and installed;
 * without giving up the lock the visit goes on. A walk that only looks does the
 * same without faulting and without installing. One that wants a page for the
 * device alone goes on to make_device_exclusive().
 *
 * Lifetime: a call, with the mirror bound to current->mm.
 *
 * Locks: the page-table lock, &vsvm_table.lock; mmap_lock outside of it. Where a
 * walk has the page-table lock it is inside vsvm_mirror_enter(), and nowhere else:
 * faulting, and making the visitor go on, may wait for user space.
 */
#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/vsvm_drm.h>

#include "vsvm_classify.h"
#include "vsvm_devmem.h"
#include "vsvm_fault.h"
#include "vsvm_inject.h"
#include "vsvm_mirror.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"

/**
 * struct walk - one walk of the per-page path
 * @m: the mirror
 * @v: the visitor
 * @need: what it needs
 * @addr: first byte not visited yet
 * @limit: most pages to fault at once; halved to find a bad page
 * @deadline: jiffies; pushed on by every byte of progress
 * @idx: for vsvm_mirror_exit(), while the walk has the page-table lock
 * @watch: tells whether what is faulted in changed meanwhile
 * @pfns: for hmm_range_fault(), VSVM_LEAF_ENTRIES of them, allocated at first use
 * @spare: a leaf for the table, allocated where the table had none
 * @faults: entries installed
 */
struct walk {
	struct vsvm_mirror *m;
	struct vsvm_visitor *v;
	enum vsvm_need need;
	unsigned long addr;
	unsigned long limit;
	unsigned long deadline;
	int idx;
	struct vsvm_watch watch;
	unsigned long *pfns;
	struct vsvm_leaf *spare;
	u64 faults;
};

static struct vsvm_inject *walk_inject(const struct walk *w)
{
	return w->m->table.inject;
}

static void set_deadline(struct walk *w)
{
	w->deadline = jiffies + DRM_VSVM_STALL_SECONDS * HZ;
}

/* Takes the page-table lock for reading, unless the device is gone. */
static int walk_lock(struct walk *w)
{
	int ret = vsvm_mirror_enter(w->m, &w->idx);

	if (!ret)
		down_read(&w->m->table.lock);
	return ret;
}

static void walk_unlock(struct walk *w)
{
	up_read(&w->m->table.lock);
	vsvm_mirror_exit(w->idx);
}

/* The same for writing. */
static int walk_lock_write(struct walk *w)
{
	int ret = vsvm_mirror_enter(w->m, &w->idx);

	if (!ret)
		down_write(&w->m->table.lock);
	return ret;
}

static void walk_unlock_write(struct walk *w)
{
	up_write(&w->m->table.lock);
	vsvm_mirror_exit(w->idx);
}

/* The time begins anew with each byte, and with nothing else. */
static void walk_on(struct walk *w, unsigned long done)
{
	w->addr += done;
	if (done)
		set_deadline(w);
}

/* What ends a walk between two steps; every retry passes here. */
static int walk_interrupted(struct walk *w)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (time_after(jiffies, w->deadline))
		return -EBUSY;
	return 0;
}

/* End of the leaf that holds @addr, but at most @end. */
static unsigned long leaf_end(unsigned long addr, unsigned long end)
{
	unsigned long next = (addr & PMD_MASK) + PMD_SIZE;

	return next - 1 < end - 1 ? next : end;
}

static bool entry_on_device(u64 entry)
{
	u32 place = vsvm_entry_place(entry);

	return place == DRM_VSVM_PLACE_DEVICE || place == DRM_VSVM_PLACE_PEER;
}

/* Private device memory is the device's alone, wherever it may be written. */
static bool entry_is_alone(u64 entry)
{
	if (entry & VSVM_ENTRY_EXCLUSIVE)
		return true;
	return entry & DRM_VSVM_STATE_WRITE &&
	       !(entry & DRM_VSVM_STATE_COHERENT) && entry_on_device(entry);
}

static bool entry_serves(u64 entry, enum vsvm_need need)
{
	switch (need) {
	case VSVM_NEED_EXCLUSIVE:
		return entry_is_alone(entry);
	case VSVM_NEED_WRITE:
		return entry & DRM_VSVM_STATE_WRITE;
	default:
		return entry & DRM_VSVM_STATE_READ;
	}
}

/*
 * Where a span that begins at @addr in @page has to end: pages that are
 * neighbours in memory but parts of two large folios are two objects to the
 * check of user copies (CONFIG_HARDENED_USERCOPY).
 */
static unsigned long folio_stop(struct page *page, unsigned long addr,
				unsigned long end)
{
	struct folio *folio = page_folio(page);
	unsigned long left;

	if (!folio_test_large(folio))
		return end;
	left = folio_nr_pages(folio) - folio_page_idx(folio, page);
	return min(end, (addr & PAGE_MASK) + left * PAGE_SIZE);
}

/* Visits what the table has from w->addr on, until @end or something missing. */
static int visit_valid(struct walk *w, unsigned long end)
{
	struct vsvm_leaf *leaf;

	lockdep_assert_held(&w->m->table.lock);
	leaf = vsvm_table_leaf(&w->m->table, w->addr);
	if (!leaf)
		return 0;

	while (w->addr < end) {
		unsigned long i = vsvm_leaf_index(w->addr);
		u64 entry = leaf->entry[i];
		struct vsvm_span span = { .addr = w->addr };
		unsigned long next, stop;
		long done;

		if (!entry_serves(entry, w->need))
			return 0;

		stop = folio_stop(vsvm_entry_page(entry), w->addr, end);
		next = (w->addr & PAGE_MASK) + PAGE_SIZE;
		while (next < stop &&
		       vsvm_entry_follows(leaf->entry[i], leaf->entry[i + 1])) {
			next += PAGE_SIZE;
			i++;
		}
		span.len = min(next, end) - w->addr;
		span.state = vsvm_entry_state(entry);
		span.device = vsvm_entry_device(entry);
		span.page = vsvm_entry_page(entry);
		if (entry_on_device(entry))
			vsvm_devmem_touch(span.page);

		done = w->v->visit(w->v, &span);
		if (done < 0)
			return done;
		walk_on(w, done);
		if (done < span.len)
			return -EAGAIN;
	}
	return 0;
}

/*
 * Own device pages are reported before hmm looks for write permission, so
 * after fork or mprotect success does not mean writable. Let the CPU's fault
 * break the sharing; that may bring the page home. The access is the device's,
 * not the calling thread's, whose protection keys do not bind it: hmm faults in
 * the same way (FAULT_FLAG_REMOTE), and so does make_device_exclusive().
 */
static int break_cow(struct walk *w, unsigned long addr)
{
	struct mm_struct *mm = w->m->notifier.mm;
	struct vm_area_struct *vma;
	bool unlocked = false;
	struct vsvm_cow cow;
	int ret;

	if (VSVM_INJECT(walk_inject(w), COW_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;
	vsvm_fault_cow_begin(&cow);
	vma = vma_lookup(mm, addr);
	if (!vma)
		ret = -EFAULT;
	else if (!(vma->vm_flags & VM_WRITE))
		ret = -EPERM;
	else
		ret = fixup_user_fault(mm, addr, FAULT_FLAG_WRITE |
				       FAULT_FLAG_REMOTE, &unlocked);
	vsvm_fault_cow_end(&cow);
	mmap_read_unlock(mm);
	return ret;
}

static int range_fault(struct walk *w, struct hmm_range *range)
{
	unsigned long now = jiffies, left;

	if (!w->pfns) {
		w->pfns = VSVM_INJECT(walk_inject(w), PFNS, NULL,
				      kmalloc_array(VSVM_LEAF_ENTRIES,
						    sizeof(*w->pfns),
						    GFP_KERNEL));
		if (!w->pfns)
			return -ENOMEM;
	}
	/* In and out: what is left of the last round would be taken as input. */
	memset(w->pfns, 0, (range->end - range->start) >> PAGE_SHIFT <<
	       ilog2(sizeof(*w->pfns)));
	range->notifier = &w->watch.notifier;
	range->hmm_pfns = w->pfns;
	range->dev_private_owner = vsvm_devmem_owner;
	range->default_flags = vsvm_classify_request(w->need);

	left = time_before(now, w->deadline) ? w->deadline - now : 1;
	return VSVM_INJECT(walk_inject(w), HMM, -EBUSY,
			   hmm_range_fault_unlocked_timeout(range, left));
}

/*
 * Installs what hmm found for [start, end). Returns how many pages serve the
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
		 * hmm promised validity; anything else is not ours to touch.
		 * What comes before it is served first.
		 */
		if (!entry_serves(entry, VSVM_NEED_READ))
			return i ?: -EFAULT;
		ret = vsvm_table_install(&w->m->table, leaf, addr, entry);
		if (ret < 0)
			return ret;
		w->faults += ret;
		if (!entry_serves(entry, min(w->need, VSVM_NEED_WRITE)))
			break;
	}
	return i;
}

/* The same, in a leaf that is made if need be, and goes if nothing came in. */
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

/*
 * Faults in and installs pages from w->addr on, at most to @end. Returns 0 with
 * the lock held for reading, so that nothing can take them away before they
 * are visited; -EAGAIN without it when it has to be tried again.
 */
static int fault_in(struct walk *w, unsigned long end)
{
	struct vsvm_mirror *m = w->m;
	unsigned long start = w->addr & PAGE_MASK;
	struct hmm_range range = { .start = start };
	bool stale;
	int ret;

	range.end = min(PAGE_ALIGN(end), start + (w->limit << PAGE_SHIFT));
	ret = range_fault(w, &range);
	if ((ret == -EFAULT || ret == -EPERM) &&
	    range.end - start > PAGE_SIZE) {
		/* Some page is bad: serve those before it, then say so. */
		w->limit = (range.end - start) >> (PAGE_SHIFT + 1);
		return -EAGAIN;
	}
	if (ret == -EBUSY)	/* out of time, unless this was the last jiffy */
		return -EAGAIN;
	if (ret)
		return ret;

	ret = vsvm_table_prepare(&m->table, start, &w->spare);
	if (ret)
		return ret;

	stale = VSVM_INJECT(walk_inject(w), FAULTED, true, false);
	ret = walk_lock_write(w);
	if (ret)
		return ret;
	if (stale ||
	    mmu_interval_read_retry(&w->watch.notifier, range.notifier_seq))
		ret = -EAGAIN;
	else
		ret = install(w, start, range.end);
	if (ret > 0) {
		downgrade_write(&m->table.lock);
		return 0;
	}
	walk_unlock_write(w);
	if (!ret)
		ret = break_cow(w, start) ?: -EAGAIN;
	return ret;
}

/* Why core mm would not give a page, in the walk's words. */
static int exclusive_error(struct mm_struct *mm, unsigned long addr, int err)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (err == -EFAULT && vma && vma->vm_flags & VM_READ &&
	    !(vma->vm_flags & VM_WRITE))
		return -EPERM;
	/* Something in between changed: a page that is moving, a signal. */
	return err == -EBUSY || err == -ERESTARTSYS ? -EAGAIN : err;
}

/*
 * Takes the page at w->addr from the CPU. Returns 0 with the lock held for
 * reading, -EAGAIN without it when it has to be tried again. Until the folio is
 * unlocked a CPU that wants the page back waits; after that it calls the
 * notifier first.
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
	seq = mmu_interval_read_begin(&w->watch.notifier);
	if (VSVM_INJECT(walk_inject(w), EXCLUSIVE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;
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
	leaf = stale || mmu_interval_read_retry(&w->watch.notifier, seq) ?
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

/* Faults in what is missing at w->addr, as fault_in(), up to taking it. */
static int fault_exclusive(struct walk *w, unsigned long end)
{
	struct vsvm_leaf *leaf;
	int ret;

	w->limit = 1;
	ret = fault_in(w, end);
	if (ret)
		return ret;
	leaf = vsvm_table_leaf(&w->m->table, w->addr);
	if (entry_is_alone(leaf->entry[vsvm_leaf_index(w->addr)]))
		return 0;
	walk_unlock(w);
	return take_exclusive(w);
}

/* Has what is missing at w->addr faulted in: 0 with the lock held, or an errno. */
static int walk_fault(struct walk *w, unsigned long end)
{
	struct vsvm_mirror *m = w->m;
	u64 before = w->faults;
	unsigned int tries = 0;
	int ret;

	vsvm_mirror_watch(m, &w->watch, w->addr & PAGE_MASK, PAGE_ALIGN(end));
	do {
		tries++;
		ret = walk_interrupted(w);
		if (ret)
			break;
		ret = w->need == VSVM_NEED_EXCLUSIVE ?
		      fault_exclusive(w, end) : fault_in(w, end);
	} while (ret == -EAGAIN);
	if (ret)
		vsvm_table_unprepare(&m->table, w->addr);
	vsvm_mirror_unwatch(m, &w->watch);

	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULTS, 1);
	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULT_PAGES, w->faults - before);
	trace_vsvm_device_fault(m->device, w->addr, w->faults - before, w->need,
				tries, ret);
	return ret;
}

/* Visits [w->addr, end), which is in one leaf, with every page as needed. */
static int walk_access(struct walk *w, unsigned long end)
{
	int ret;

	w->limit = VSVM_LEAF_ENTRIES;
	ret = walk_lock(w);
	if (ret)
		return ret;
	for (;;) {
		ret = visit_valid(w, end);
		walk_unlock(w);
		if (ret == -EAGAIN) {
			/*
			 * It is the visitor that cannot go on, the pages are
			 * there: faulting them would take exclusive ones back.
			 */
			ret = w->v->relax(w->v) ?: walk_interrupted(w) ?:
			      walk_lock(w);
			if (ret)
				return ret;
			continue;
		}
		if (ret || w->addr == end)
			return ret;

		ret = walk_fault(w, end);
		if (ret)
			return ret;
	}
}

/*
 * What hmm saw at @addr, number @i of what it saw; @before: what the page before
 * is. The table may know more: it has a page that the CPU lost to it, and the
 * rights that the device has now.
 */
static u64 seen_entry(struct walk *w, struct vsvm_leaf *leaf,
		      unsigned long addr, unsigned long i, u64 before)
{
	u64 entry = leaf ? leaf->entry[vsvm_leaf_index(addr)] : 0;

	if (entry)
		return entry | DRM_VSVM_STATE_MAPPED;
	if (!i || before & DRM_VSVM_STATE_MAPPED)
		return vsvm_classify(w->m, addr, w->pfns[i]);
	return vsvm_classify_next(w->m, addr, before, w->pfns[i - 1], w->pfns[i]);
}

/* True if @b goes on where @a is: in memory too, where that matters. */
static bool seen_together(const struct walk *w, u64 a, u64 b)
{
	if (w->v->pages)
		return vsvm_entry_follows(a, b);
	return !((a ^ b) & (BIT_ULL(VSVM_ENTRY_PFN_SHIFT) - 1));
}

/* Visits what hmm saw in [w->addr, end) without having faulted. */
static int visit_seen(struct walk *w, unsigned long end)
{
	struct vsvm_leaf *leaf = w->need == VSVM_NEED_TABLE ?
				 vsvm_table_leaf(&w->m->table, w->addr) :
				 NULL;
	u64 next = seen_entry(w, leaf, w->addr, 0, 0);
	unsigned long i = 0;

	lockdep_assert_held(&w->m->table.lock);
	while (w->addr < end) {
		struct vsvm_span span = {
			.addr = w->addr,
			.state = vsvm_entry_state(next),
			.device = vsvm_entry_device(next),
			.page = w->v->pages ? vsvm_entry_page(next) : NULL,
		};
		unsigned long addr = w->addr;
		u64 entry;
		long done;

		do {
			entry = next;
			addr += PAGE_SIZE;
			if (addr == end)
				break;
			next = seen_entry(w, leaf, addr, ++i, entry);
		} while (seen_together(w, entry, next));
		span.len = addr - w->addr;

		done = w->v->visit(w->v, &span);
		if (done < 0)
			return done;
		walk_on(w, done);
		if (done < span.len)
			return -EAGAIN;
	}
	return 0;
}

/* Visits [w->addr, end), which is in one leaf, as it is. */
static int walk_look(struct walk *w, unsigned long end)
{
	bool stale;
	int ret;

	while (w->addr < end) {
		struct hmm_range range = { .start = w->addr, .end = end };

		ret = walk_interrupted(w);
		if (ret)
			return ret;
		ret = range_fault(w, &range);
		if (ret == -EBUSY)
			continue;
		if (ret)
			return ret;

		stale = VSVM_INJECT(walk_inject(w), LOOKED, true, false);
		ret = walk_lock(w);
		if (ret)
			return ret;
		if (stale || mmu_interval_read_retry(&w->watch.notifier,
						     range.notifier_seq))
			ret = 0;
		else
			ret = visit_seen(w, end);
		walk_unlock(w);
		if (ret == -EAGAIN)
			ret = w->v->relax(w->v);
		if (ret)
			return ret;
	}
	return 0;
}

static int walk_hole(struct walk *w, unsigned long end)
{
	unsigned long next;
	long done;
	int ret;

	while (w->addr < end) {
		struct vsvm_span span = { .addr = w->addr };

		ret = walk_interrupted(w);
		if (ret)
			return ret;
		next = vsvm_mirror_hole(w->m, w->addr, end, &span.state);
		if (next == w->addr)
			return 0;
		span.len = next - w->addr;
		done = w->v->visit(w->v, &span);
		if (done < 0)
			return done;
		walk_on(w, done);
		ret = done < span.len ? w->v->relax(w->v) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * vsvm_walk() - the per-page path
 * @m: the mirror, bound to current->mm
 * @start: first byte; page aligned if the walk only looks
 * @end: end of the range, inside user space; page aligned if it only looks
 * @need: what is needed of each page
 * @v: what to do with them
 * @next: out, first byte that was not visited
 * @faults: out, entries that had to be installed; or NULL
 *
 * Takes the page-table lock, and mmap_lock before it; the caller holds neither,
 * and is not inside vsvm_mirror_enter().
 *
 * Return: 0: all of it was visited. -EFAULT: nothing that may be read is there;
 * -EPERM: @need is to write and the mapping is read-only; -EOPNOTSUPP: @need is
 * EXCLUSIVE and the page is not anonymous; -ENOMEM;
 * -EINTR: a fatal signal; -EBUSY: no progress for DRM_VSVM_STALL_SECONDS;
 * -ENODEV: the device was unplugged; or what the visitor returned.
 */
int vsvm_walk(struct vsvm_mirror *m, unsigned long start, unsigned long end,
	      enum vsvm_need need, struct vsvm_visitor *v, unsigned long *next,
	      u64 *faults)
{
	struct walk w = { .m = m, .v = v, .need = need, .addr = start };
	unsigned long stop;
	int ret = 0;

	set_deadline(&w);
	while (!ret && w.addr < end) {
		if (need <= VSVM_NEED_TABLE) {
			ret = walk_hole(&w, end);
			if (ret || w.addr == end)
				break;
			stop = leaf_end(w.addr, end);
			vsvm_mirror_watch(m, &w.watch, w.addr, stop);
			ret = walk_look(&w, stop);
			vsvm_mirror_unwatch(m, &w.watch);
		} else {
			ret = walk_interrupted(&w);
			if (!ret)
				ret = walk_access(&w, leaf_end(w.addr, end));
		}
	}
	kfree(w.pfns);
	vsvm_table_free_spare(w.spare);
	*next = w.addr;
	if (faults)
		*faults = w.faults;
	return ret;
}
