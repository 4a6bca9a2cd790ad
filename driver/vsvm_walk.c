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
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <drm/vsvm_drm.h>

#include "vsvm_classify.h"
#include "vsvm_context.h"
#include "vsvm_inject.h"
#include "vsvm_mirror.h"
#include "vsvm_policy.h"
#include "vsvm_span.h"
#include "vsvm_walk.h"
#include "vsvm_walk_fault.h"

/* How long a reader gives way to invalidations, in nanoseconds. */
#define GIVE_WAY	(100 * NSEC_PER_USEC)
/* Attempts without progress before the deadline ends a walk. */
#define MIN_TRIES	64

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

/**
 * vsvm_walk_unlock() - give up the page-table lock, and leave the mirror
 * @w: the walk, which has the lock for reading
 */
void vsvm_walk_unlock(struct walk *w)
{
	up_read(&w->m->table.lock);
	if (walk_keeps_cpu(w))
		preempt_enable();
	vsvm_mirror_exit(w->idx);
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

/**
 * vsvm_walk_interrupted() - end a walk between two steps; every retry passes here
 * @w: the walk, without the page-table lock
 *
 * Return: 0; -EINTR: the work is to end; -EBUSY: no progress for too long.
 */
int vsvm_walk_interrupted(struct walk *w)
{
	cond_resched();
	if (vsvm_context_stops(w->ctx))
		return -EINTR;
	if (time_after(jiffies, w->deadline) && w->tries > MIN_TRIES)
		return -EBUSY;
	w->tries++;
	return 0;
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

/* Visits [w->addr, end), which is in one leaf; faults in what is missing. */
static int walk_access(struct walk *w, unsigned long end)
{
	int ret;

	w->limit = VSVM_LEAF_ENTRIES;
	w->held = false;
	ret = walk_lock(w);
	if (ret)
		return ret;
	for (;;) {
		ret = visit_valid(w, end);
		vsvm_walk_unlock(w);
		if (ret == -EAGAIN) {
			/*
			 * The visitor cannot go on although the pages are valid. A
			 * fault would end exclusive access to them.
			 */
			w->relaxed = true;
			ret = w->v->relax(w->v) ?: vsvm_walk_interrupted(w) ?:
			      walk_lock(w);
			if (ret)
				return ret;
			continue;
		}
		if (ret || w->addr == end)
			return ret;

		if (w->ctx->hits_only)
			return -EAGAIN;
		ret = vsvm_walk_fault(w, end);
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
	bool held = false, stale;
	int ret;

	while (w->addr < end) {
		struct hmm_range range = { .start = w->addr, .end = end };

		ret = vsvm_walk_interrupted(w);
		if (ret)
			return ret;
		ret = held ? vsvm_walk_look_held(w, &range) :
			     vsvm_walk_range_fault(w, &range);
		if (ret == -EBUSY || ret == -ETIME) {
			held = true;
			continue;
		}
		if (ret)
			return ret;

		stale = !held && VSVM_INJECT(walk_inject(w), LOOKED, true, false);
		ret = walk_lock(w);
		if (held)
			mmap_read_unlock(w->m->notifier.mm);
		if (ret)
			return ret;
		if (stale || mmu_interval_read_retry(&w->watch.notifier,
						     range.notifier_seq))
			ret = 0;
		else
			ret = visit_seen(w, end);
		vsvm_walk_unlock(w);
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

		ret = vsvm_walk_interrupted(w);
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
			stop = vsvm_leaf_end(w.addr, end);
			vsvm_mirror_watch(w.m, &w.watch, w.addr, stop);
			ret = walk_look(&w, stop);
			vsvm_mirror_unwatch(w.m, &w.watch);
		} else {
			ret = vsvm_walk_interrupted(&w);
			if (!ret)
				ret = walk_access(&w, vsvm_leaf_end(w.addr, end));
		}
	}
	kfree(w.pfns);
	vsvm_table_free_spare(w.spare);
	*next = w.addr;
	if (faults)
		*faults = w.faults;
	return ret;
}
