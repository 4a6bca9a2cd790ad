// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-page path, vsvm_walk(), which every access of the device takes through a
 * mirror.
 *
 * Spans that are valid in the table are visited under the lock at once. Missing pages
 * are faulted in by hmm_range_fault_unlocked_timeout(), checked against the notifier's
 * sequence under the lock, classified once, and installed; then they are visited
 * without dropping the lock. A walk that only looks does the same without faulting and
 * installing. A walk for exclusive access goes on to make_device_exclusive().
 *
 * Lifetime: a call, with the mirror bound, for the &struct vsvm_context of the caller.
 *
 * Locks: the page-table lock, &vsvm_table.lock; mmap_lock outside of it. A walk is
 * inside vsvm_mirror_enter() only while it holds the page-table lock: faults, and the
 * visitor's relax(), may wait for user space.
 */
#include <linux/hmm.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/preempt.h>
#include <linux/rmap.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/vsvm_drm.h>

#include "vsvm_classify.h"
#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_fault.h"
#include "vsvm_inject.h"
#include "vsvm_mirror.h"
#include "vsvm_policy.h"
#include "vsvm_span.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"

/* How long a reader gives way to invalidations, in nanoseconds. */
#define GIVE_WAY	(100 * NSEC_PER_USEC)
/* Attempts without progress before the deadline ends a walk. */
#define MIN_TRIES	64
/* Attempts without progress in which memory may move for a walk. */
#define MAX_MOVES	4

/**
 * struct walk - one walk of the per-page path
 * @ctx: for whom the walk works
 * @m: its mirror
 * @v: the visitor
 * @need: what the visitor needs of each page
 * @addr: first byte not visited yet
 * @limit: most pages to fault in at once; halved to find a bad page, and when other
 *	threads keep changing the range
 * @deadline: in jiffies; reset by every byte of progress
 * @tries: number of attempts since then: one or two that wait long, for user space or a
 *	disk, are not what the deadline is for
 * @idx: for vsvm_mirror_exit(), while the walk holds the page-table lock
 * @relaxed: the visitor relaxed since it last got further
 * @placing: what &vsvm_context.place said of the page that is missing
 * @seq: vsvm_advice_seq() before it was asked; what is installed must not be older
 * @watch: notes whether the range that is faulted in is invalidated meanwhile
 * @pfns: for hmm_range_fault(), VSVM_LEAF_ENTRIES of them, allocated at first use
 * @spare: a leaf for the table, allocated when the table had none
 * @faults: number of entries installed
 */
struct walk {
	const struct vsvm_context *ctx;
	struct vsvm_mirror *m;
	struct vsvm_visitor *v;
	enum vsvm_need need;
	unsigned long addr;
	unsigned long limit;
	unsigned long deadline;
	unsigned int tries;
	int idx;
	bool relaxed;
	struct vsvm_placing placing;
	unsigned long seq;
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
	w->tries = 0;
}

/*
 * A reader that waits for nothing keeps its processor as long as it has the lock.
 * Engines have the lowest priority: an invalidation would wait until one that lost its
 * processor with the lock gets it back. Locks that a visit takes inside may sleep with
 * PREEMPT_RT.
 */
static bool walk_keeps_cpu(const struct walk *w)
{
	return w->ctx->hits_only && !IS_ENABLED(CONFIG_PREEMPT_RT);
}

static bool walk_trylock(struct walk *w)
{
	struct vsvm_table *t = &w->m->table;

	if (walk_keeps_cpu(w))
		preempt_disable();
	if (!vsvm_table_is_wanted(t) && down_read_trylock(&t->lock))
		return true;
	if (walk_keeps_cpu(w))
		preempt_enable();
	return false;
}

/*
 * Takes the page-table lock for reading, unless the device is gone; after invalidations
 * that want it. A reader that slept in the lock would get it before the next of them.
 * Other threads of the process may have more of them all the time, so giving way has an
 * end.
 */
static int walk_lock(struct walk *w)
{
	int ret = vsvm_mirror_enter(w->m, &w->idx);
	u64 until;

	if (ret)
		return ret;
	if (vsvm_context_must_yield())
		schedule();
	if (walk_trylock(w))
		return 0;
	until = ktime_get_ns() + GIVE_WAY;
	do {
		cond_resched();
		cpu_relax();
		if (walk_trylock(w))
			return 0;
	} while (ktime_get_ns() < until);
	down_read(&w->m->table.lock);
	if (walk_keeps_cpu(w))
		preempt_disable();
	return 0;
}

static void walk_unlock(struct walk *w)
{
	up_read(&w->m->table.lock);
	if (walk_keeps_cpu(w))
		preempt_enable();
	vsvm_mirror_exit(w->idx);
}

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
 * Visits a span at w->addr and moves on by what the visitor took of it. Only progress
 * resets the deadline. Returns 0; -EAGAIN: the visitor cannot go on before it relaxes;
 * or the visitor's errno.
 */
static int walk_visit(struct walk *w, const struct vsvm_span *span)
{
	long done = w->v->visit(w->v, span);

	if (done < 0)
		return done;
	w->addr += done;
	if (done) {
		if (span->counted)
			vsvm_policy_count(&w->m->counts, span->addr);
		w->relaxed = false;
		set_deadline(w);
	}
	return done < span->len ? -EAGAIN : 0;
}

/* Ends a walk between two steps; every retry passes here. */
static int walk_interrupted(struct walk *w)
{
	cond_resched();
	if (vsvm_context_stops(w->ctx))
		return -EINTR;
	if (time_after(jiffies, w->deadline) && w->tries > MIN_TRIES)
		return -EBUSY;
	w->tries++;
	return 0;
}

/* End of the leaf that holds @addr, but at most @end. */
static unsigned long leaf_end(unsigned long addr, unsigned long end)
{
	unsigned long next = (addr & PMD_MASK) + PMD_SIZE;

	return next - 1 < end - 1 ? next : end;
}

/**
 * vsvm_walk_beside() - look up a second range in a visit
 * @ctx: for whom; the page-table lock is held
 * @addr: first byte
 * @end: end of the range
 * @need: VSVM_NEED_READ or VSVM_NEED_WRITE
 * @span: out, neighbouring bytes from @addr on, as a visitor gets them
 *
 * For a visitor that needs two ranges at once: the walk visits one of them. If the page
 * is missing in the other, the visitor stops, and its relax() walks that range.
 *
 * Return: true; false: the device page table has no such page at @addr.
 */
bool vsvm_walk_beside(const struct vsvm_context *ctx, unsigned long addr,
		      unsigned long end, enum vsvm_need need,
		      struct vsvm_span *span)
{
	struct vsvm_leaf *leaf = vsvm_table_leaf(&ctx->m->table, addr);

	end = leaf_end(addr, end);
	if (!leaf || !vsvm_span_valid(ctx->m, leaf, addr, end, need, span))
		return false;
	if (span->counted)
		vsvm_policy_count(&ctx->m->counts, addr);
	return true;
}

/* Visits valid entries from w->addr on, until @end or an entry that does not serve. */
static int visit_valid(struct walk *w, unsigned long end)
{
	struct vsvm_leaf *leaf;

	lockdep_assert_held(&w->m->table.lock);
	leaf = vsvm_table_leaf(&w->m->table, w->addr);
	if (!leaf)
		return 0;

	while (w->addr < end) {
		struct vsvm_span span;
		int ret;

		if (!vsvm_span_valid(w->m, leaf, w->addr, end, w->need, &span))
			return 0;
		ret = walk_visit(w, &span);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * hmm reports own device pages without looking at write permission, so after fork or
 * mprotect its success does not mean writable. A CPU fault breaks copy-on-write; it may
 * migrate the page to system memory. The access is the device's, so the calling
 * thread's protection keys do not apply: FAULT_FLAG_REMOTE, as in hmm and in
 * make_device_exclusive().
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
	/* In and out: results of an earlier round would be taken as input. */
	memset(w->pfns, 0, (range->end - range->start) >> PAGE_SHIFT <<
	       ilog2(sizeof(*w->pfns)));
	range->notifier = &w->watch.notifier;
	range->hmm_pfns = w->pfns;
	range->dev_private_owner = vsvm_devmem_owner;
	range->default_flags = vsvm_classify_request(w->need);

	/* Core starts over with the whole range all that time. Fewer pages may do sooner. */
	left = time_before(now, w->deadline) ? w->deadline - now : 1;
	left = min(left, max(HZ / 50, 1));
	return VSVM_INJECT(walk_inject(w), HMM, -EBUSY,
			   hmm_range_fault_unlocked_timeout(range, left));
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

/* One page is bad, or other threads change some: the next attempt is for fewer. */
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
 * Faults in and installs pages from w->addr on, at most to @end. Returns 0 with the
 * lock held for reading, so that no invalidation removes them before they are visited;
 * -EAGAIN without the lock for another attempt. With @again that is for fewer pages if
 * another thread changes some of these: one change may happen, but after two they may go
 * on.
 */
static int fault_in(struct walk *w, unsigned long end, bool again)
{
	struct vsvm_mirror *m = w->m;
	unsigned long start = w->addr & PAGE_MASK;
	struct hmm_range range = { .start = start };
	bool stale;
	int ret;

	range.end = fault_end(w, end);
	ret = range_fault(w, &range);
	/* Changed all the time; or one page is bad: serve those before it, then fail. */
	if (ret == -EBUSY || ((ret == -EFAULT || ret == -EPERM) &&
			      range.end - start > PAGE_SIZE)) {
		halve(w, &range);
		return -EAGAIN;
	}
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
	    mmu_interval_read_retry(&w->watch.notifier, range.notifier_seq)) {
		if (again)
			halve(w, &range);
		ret = -EAGAIN;
	} else if (advice_changed(w)) {
		ret = -EAGAIN;
	} else {
		ret = install(w, start, range.end);
	}
	if (ret > 0) {
		downgrade_write(&m->table.lock);
		return 0;
	}
	walk_unlock_write(w);
	if (!ret) {
		/* It may have migrated the page to system memory. */
		w->placing.end = 0;
		ret = break_cow(w, start) ?: -EAGAIN;
	}
	return ret;
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
static int fault_exclusive(struct walk *w, unsigned long end)
{
	struct vsvm_leaf *leaf;
	int ret = fault_in(w, end, false);

	if (ret)
		return ret;
	leaf = vsvm_table_leaf(&w->m->table, w->addr);
	if (vsvm_entry_is_alone(leaf->entry[vsvm_leaf_index(w->addr)]))
		return 0;
	walk_unlock(w);
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
		.stays = w->relaxed || w->tries > MAX_MOVES,
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

/* Faults in the missing page at w->addr: 0 with the lock held, or an errno. */
static int walk_fault(struct walk *w, unsigned long end)
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
		ret = walk_interrupted(w) ?: walk_place(w, end);
		if (ret)
			break;
		vsvm_mirror_watch(m, &w->watch, w->addr & PAGE_MASK,
				  fault_end(w, end));
		ret = w->need == VSVM_NEED_EXCLUSIVE ?
		      fault_exclusive(w, end) : fault_in(w, end, tries > 1);
		vsvm_mirror_unwatch(m, &w->watch);
	} while (ret == -EAGAIN);
	if (ret)
		vsvm_table_unprepare(&m->table, w->addr);

	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULTS, 1);
	vsvm_mirror_count(m, VSVM_STAT_DEVICE_FAULT_PAGES, w->faults - before);
	trace_vsvm_device_fault(m->device, w->addr, w->faults - before, w->need,
				tries, ret);
	if (vsvm_events_any())
		tell_fault(w, w->faults - before, ret);
	return ret;
}

/* Visits [w->addr, end), which is in one leaf; faults in what is missing. */
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
			 * The visitor cannot go on although the pages are valid. A
			 * fault would end exclusive access to them.
			 */
			w->relaxed = true;
			ret = w->v->relax(w->v) ?: walk_interrupted(w) ?:
			      walk_lock(w);
			if (ret)
				return ret;
			continue;
		}
		if (ret || w->addr == end)
			return ret;

		if (w->ctx->hits_only)
			return -EAGAIN;
		ret = walk_fault(w, end);
		if (ret)
			return ret;
	}
}

/*
 * The entry of the page at @addr, from hmm's result number @i. @before: the entry of
 * the page before. With VSVM_NEED_TABLE an entry of the device page table takes
 * precedence: it shows exclusive pages, which the CPU has no entry for, and the rights
 * of the device.
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

/*
 * True if @b continues the span of @a: same state, and neighbours in memory if @pages.
 */
static bool seen_together(const struct walk *w, u64 a, u64 b)
{
	if (w->v->pages)
		return vsvm_entry_follows(a, b);
	return !((a ^ b) & (BIT_ULL(VSVM_ENTRY_PFN_SHIFT) - 1));
}

/* Visits the results of hmm for [w->addr, end), which nothing faulted in. */
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
		int ret;

		do {
			entry = next;
			addr += PAGE_SIZE;
			if (addr == end)
				break;
			next = seen_entry(w, leaf, addr, ++i, entry);
		} while (seen_together(w, entry, next));
		span.len = addr - w->addr;

		ret = walk_visit(w, &span);
		if (ret)
			return ret;
	}
	return 0;
}

/* Visits [w->addr, end), which is in one leaf, without faulting. */
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
		ret = walk_visit(w, &span);
		if (ret == -EAGAIN)
			ret = w->v->relax(w->v);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * vsvm_walk() - visit the pages of a range
 * @ctx: for whom
 * @start: first byte; page aligned if the walk only looks
 * @end: end of the range, inside user space; page aligned if the walk only looks
 * @need: what is needed of each page
 * @v: the visitor
 * @next: out, first byte that was not visited
 * @faults: out, number of entries installed; or NULL
 *
 * Takes the page-table lock, and mmap_lock before it; the caller holds neither, and is
 * not inside vsvm_mirror_enter().
 *
 * Return: 0: all of the range was visited. -EFAULT: nothing readable is mapped; -EPERM:
 * @need is to write and the mapping is read-only; -EOPNOTSUPP: @need is
 * VSVM_NEED_EXCLUSIVE and the page is not anonymous; -ENOMEM; -EINTR: @ctx stops;
 * -EBUSY: no progress for DRM_VSVM_STALL_SECONDS; -ENODEV: the device was unplugged;
 * -EAGAIN: @ctx waits for nothing, and the page at *@next is missing; -EACCES: advice
 * forbids the access; or an errno of the visitor.
 */
int vsvm_walk(const struct vsvm_context *ctx, unsigned long start,
	      unsigned long end, enum vsvm_need need, struct vsvm_visitor *v,
	      unsigned long *next, u64 *faults)
{
	struct walk w = {
		.ctx = ctx,
		.m = ctx->m,
		.v = v,
		.need = need,
		.addr = start,
	};
	unsigned long stop;
	int ret = 0;

	set_deadline(&w);
	while (!ret && w.addr < end) {
		if (need <= VSVM_NEED_TABLE) {
			ret = walk_hole(&w, end);
			if (ret || w.addr == end)
				break;
			stop = leaf_end(w.addr, end);
			vsvm_mirror_watch(w.m, &w.watch, w.addr, stop);
			ret = walk_look(&w, stop);
			vsvm_mirror_unwatch(w.m, &w.watch);
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
