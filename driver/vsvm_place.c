// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory should be: takes advice, and follows it when the device lacks a page.
 *
 * vsvm_place() is asked by a walk before it faults in a page, without locks. What it
 * moves, the walk finds on the device. What does not move, for whatever reason, is used
 * where it is: memory that moves is faster, not more correct.
 *
 * Lifetime: a call. Locks: &vsvm_advices.lock, inside mmap_lock; those of vsvm_migrate().
 */
#include <linux/bitmap.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_advice.h"
#include "vsvm_client.h"
#include "vsvm_context.h"
#include "vsvm_events.h"
#include "vsvm_inject.h"
#include "vsvm_link.h"
#include "vsvm_migrate.h"
#include "vsvm_mirror.h"
#include "vsvm_place.h"
#include "vsvm_policy.h"
#include "vsvm_stats.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"

/**
 * struct look - where the pages around a missing one are
 * @v: the visitor
 * @addr: the missing page
 * @base: first address of its leaf
 * @resident: pages of the leaf that are on this device
 * @state: state of the missing page
 * @end: end of the neighbours in the same state
 */
struct look {
	struct vsvm_visitor v;
	unsigned long addr;
	unsigned long base;
	DECLARE_BITMAP(resident, VSVM_LEAF_ENTRIES);
	u32 state;
	unsigned long end;
};

static long look_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct look *look = container_of(v, struct look, v);
	unsigned long i = (span->addr - look->base) >> PAGE_SHIFT;

	if ((span->state & DRM_VSVM_STATE_PLACE) == DRM_VSVM_PLACE_DEVICE)
		bitmap_set(look->resident, i, span->len >> PAGE_SHIFT);
	if (look->addr - span->addr < span->len) {
		look->state = span->state;
		look->end = span->addr + span->len;
	}
	return span->len;
}

/*
 * Moves pages of the leaf at @base as far as they can; says whether the device was full,
 * and adds the bytes that moved. Memory that did not move is used where it is, so only
 * the end of the work is an error.
 */
static int move(const struct vsvm_context *ctx, unsigned long base,
		unsigned int from, unsigned int to, enum vsvm_need need,
		bool evicts, bool *full, u64 *moved)
{
	struct drm_vsvm_migrate mig = {
		.addr = base + from * PAGE_SIZE,
		.len = (to - from) * PAGE_SIZE,
		.target = DRM_VSVM_TARGET_DEVICE,
		/* A first read of the CPU would get the zero page, too. */
		.flags = need == VSVM_NEED_READ ? 0 : DRM_VSVM_MIGRATE_POPULATE,
	};
	struct vsvm_link_way way = {};
	int ret;

	mig.next = mig.addr;
	ret = vsvm_migrate(ctx, &mig, VSVM_CAUSE_DEVICE_FAULT, evicts, &way);
	vsvm_mirror_count(ctx->m, VSVM_STAT_LINK_FAULT_TO_DEVICE,
			  vsvm_link_move(&way));
	*full = mig.stayed[DRM_VSVM_STAY_DEVICE_FULL];
	*moved += mig.moved;
	return ret == -EINTR || ret == -ENODEV ? ret : 0;
}

/*
 * Moves what the device is going to use, and more if there is room: no page leaves the
 * device for a guess, and none for anything unless @evicts.
 */
static int move_piece(const struct vsvm_context *ctx, unsigned long base,
		      const struct vsvm_policy_piece *piece,
		      enum vsvm_need need, bool evicts, u64 *moved)
{
	bool guess = piece->from < piece->use || piece->to > piece->use_end;
	bool full;
	int ret;

	ret = move(ctx, base, piece->from, piece->to, need, evicts && !guess,
		   &full, moved);
	if (ret || !guess || !evicts || !full)
		return ret;
	return move(ctx, base, piece->use, piece->use_end, need, true, &full,
		    moved);
}

static void tell_thrash(struct vsvm_mirror *m, u32 type,
			unsigned long addr, unsigned long bytes)
{
	vsvm_mirror_tell(m, &(struct drm_vsvm_event) {
		.type = type,
		.cause = DRM_VSVM_CAUSE_DEVICE_FAULT,
		.addr = addr,
		.bytes = bytes,
		.file = m->file,
	});
}

/*
 * The time by which policy measures moves. Where a link is modelled, that is what they
 * would take on a real device, and the same on every machine.
 */
static u64 time_now(struct vsvm_mirror *m, bool modelled)
{
	return modelled ? vsvm_mirror_time(m) : ktime_get_ns();
}

/* When a move begins. The fault that it is for is counted later, and is part of it. */
static u64 move_begins(struct vsvm_mirror *m, bool modelled)
{
	u64 now = time_now(m, modelled);

	return modelled ? now - min(now, vsvm_link_device_fault()) : now;
}

/* True if the piece comes and goes, and is to be used where it is for a time. */
static bool thrashes(struct vsvm_mirror *m, unsigned long addr,
		     unsigned long bytes, bool modelled)
{
	const struct vsvm_policy_move *last;
	enum vsvm_policy_turn turn;
	u64 now;

	mutex_lock(&m->advices.lock);
	/* Not before the end of a move that was noted. */
	now = time_now(m, modelled);
	vsvm_policy_clock(&m->history, modelled);
	turn = vsvm_policy_turn(&m->history, addr, now, &last);
	if (turn == VSVM_POLICY_TURN_THRASHES)
		trace_vsvm_thrash(m->device, addr, last->cost,
				  last->until - now);
	mutex_unlock(&m->advices.lock);
	vsvm_mirror_count(m, VSVM_STAT_THRASHES,
			  turn == VSVM_POLICY_TURN_THRASHES);
	if (vsvm_events_any() && turn == VSVM_POLICY_TURN_THRASHES)
		tell_thrash(m, DRM_VSVM_EVENT_THRASH_BEGIN, addr, bytes);
	if (vsvm_events_any() && turn == VSVM_POLICY_TURN_ENDS)
		tell_thrash(m, DRM_VSVM_EVENT_THRASH_END, addr, bytes);
	return turn == VSVM_POLICY_TURN_THRASHES ||
	       turn == VSVM_POLICY_TURN_STAYS;
}

/* Number of blocks that the process lost to eviction on this device. */
static u64 count_evictions(struct vsvm_mirror *m)
{
	u64 n = 0;
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return 0;
	n = vsvm_stats_get(&m->client->stats, VSVM_STAT_EVICTIONS);
	vsvm_mirror_exit(idx);
	return n;
}

/* True if the device is too small for what it uses, and nothing makes room for a time. */
static bool is_crowded(struct vsvm_mirror *m, unsigned long addr, bool modelled)
{
	u64 now, rest, evictions = count_evictions(m);
	enum vsvm_policy_crowd crowd;

	mutex_lock(&m->advices.lock);
	now = time_now(m, modelled);
	vsvm_policy_clock(&m->history, modelled);
	crowd = vsvm_policy_crowd(&m->history, addr, now, evictions);
	rest = m->history.crowded - now;
	mutex_unlock(&m->advices.lock);
	if (crowd == VSVM_POLICY_CROWD_BEGINS)
		trace_vsvm_thrash(m->device, 0, 0, rest);
	vsvm_mirror_count(m, VSVM_STAT_THRASHES,
			  crowd == VSVM_POLICY_CROWD_BEGINS);
	if (vsvm_events_any() && crowd == VSVM_POLICY_CROWD_BEGINS)
		tell_thrash(m, DRM_VSVM_EVENT_THRASH_BEGIN, 0, 0);
	if (vsvm_events_any() && crowd == VSVM_POLICY_CROWD_ENDS)
		tell_thrash(m, DRM_VSVM_EVENT_THRASH_END, 0, 0);
	return crowd == VSVM_POLICY_CROWD_BEGINS ||
	       crowd == VSVM_POLICY_CROWD_STAYS;
}

static void note_move(struct vsvm_mirror *m, unsigned long addr, u64 begin,
		      bool modelled)
{
	u64 evictions = count_evictions(m);

	mutex_lock(&m->advices.lock);
	vsvm_policy_clock(&m->history, modelled);
	vsvm_policy_moved(&m->history, addr, begin, time_now(m, modelled),
			  evictions);
	mutex_unlock(&m->advices.lock);
}

/* Moves the page at @addr to the device, with neighbours in @run, if it can move. */
static int move_in(const struct vsvm_context *ctx, unsigned long addr,
		   unsigned long end, enum vsvm_need need,
		   const struct drm_vsvm_advice_run *run,
		   struct vsvm_placing *placing)
{
	unsigned long base = addr & PMD_MASK, first, last, next;
	struct look look = {
		.v.visit = look_visit,
		.addr = addr & PAGE_MASK,
		.base = base,
		.end = addr,
	};
	unsigned long start = round_down(addr, run->advice.granularity);
	bool modelled = vsvm_link_on();
	u64 begin = move_begins(ctx->m, modelled), moved = 0;
	struct vsvm_policy_piece piece;
	bool crowded;
	int ret;

	/* The access says what is wrong with an address that nothing is mapped at. */
	if (!vsvm_mirror_mapping(ctx->m, addr, &first, &last))
		return 0;
	first = max3(first, (unsigned long)run->start, base);
	last = min3(last, (unsigned long)(run->start + run->len),
		    base + PMD_SIZE);
	ret = vsvm_walk(ctx, first, last, VSVM_NEED_NONE, &look.v, &next, NULL);
	if (ret)
		return ret == -EBUSY || ret == -ENOMEM ? 0 : ret;
	switch (look.state & DRM_VSVM_STATE_PLACE) {
	case DRM_VSVM_PLACE_ERROR:
	case DRM_VSVM_PLACE_DEVICE:
		placing->end = min(placing->end, look.end);
		return 0;
	case DRM_VSVM_PLACE_PEER:
		if (run->advice.location == DRM_VSVM_LOCATION_HERE)
			break;
		placing->end = min(placing->end, look.end);
		return 0;
	}
	piece = (struct vsvm_policy_piece) {
		.first = (first - base) >> PAGE_SHIFT,
		.end = (last - base) >> PAGE_SHIFT,
		.want = (addr - base) >> PAGE_SHIFT,
		.want_end = (min(PAGE_ALIGN(end), last) - base) >> PAGE_SHIFT,
		.granule = run->advice.granularity >> PAGE_SHIFT,
		.one_entry = look.state >> DRM_VSVM_STATE_ORDER_SHIFT ==
			     HPAGE_PMD_ORDER,
	};
	if (thrashes(ctx->m, start, run->advice.granularity, modelled)) {
		placing->end = min(placing->end,
				   start + (unsigned long)run->advice.granularity);
		return 0;
	}
	crowded = is_crowded(ctx->m, start, modelled);
	vsvm_policy_grow(&piece, look.resident);
	placing->end = min(placing->end, base + piece.to * PAGE_SIZE);
	ret = move_piece(ctx, base, &piece, need, !crowded, &moved);
	if (moved)
		note_move(ctx->m, start, begin, modelled);
	return ret;
}

/**
 * vsvm_place_may_move() - find out whether an access through a file may move memory
 * @m: its mirror
 *
 * Return: false: neither advice nor a default asks for it. Another thread may change
 * that at any time.
 */
bool vsvm_place_may_move(struct vsvm_mirror *m)
{
	return READ_ONCE(m->advices.nr) || READ_ONCE(m->advices.says) ||
	       vsvm_policy_moves();
}

/**
 * vsvm_place() - decide where a page that the device lacks should be, and move it there
 * @ctx: for whom
 * @addr: first byte that the device lacks
 * @end: end of the bytes that it is going to access, in the same leaf
 * @need: for what
 * @placing: out, for which pages this holds
 *
 * &vsvm_context.place. Takes mmap_lock, and what vsvm_migrate() takes; the caller has no
 * lock and is not inside vsvm_mirror_enter().
 *
 * Return: 0, also if the page did not move; -EACCES: advice forbids the access; -EINTR or
 * -ENODEV.
 */
int vsvm_place(const struct vsvm_context *ctx, unsigned long addr,
	       unsigned long end, enum vsvm_need need,
	       struct vsvm_placing *placing)
{
	struct vsvm_advices *a = &ctx->m->advices;
	struct drm_vsvm_advice_run run;
	enum vsvm_policy_answer answer;

	if (!vsvm_place_may_move(ctx->m))
		return 0;
	mutex_lock(&a->lock);
	vsvm_advice_look(a, addr, &run);
	vsvm_policy_resolve(&run.advice, &a->file);
	mutex_unlock(&a->lock);

	placing->end = run.start + run.len;
	if (run.advice.atomics == DRM_VSVM_ATOMICS_CPU)
		placing->flags = VSVM_ENTRY_NO_ATOMICS;
	answer = vsvm_policy_ask(&run.advice, need);
	if (answer == VSVM_POLICY_REFUSE) {
		drm_dbg_driver(ctx->m->drm, "advice forbids this access\n");
		return -EACCES;
	}
	if (answer == VSVM_POLICY_USE || ctx->stays || placing->stays)
		return 0;
	if (answer == VSVM_POLICY_COUNT &&
	    !vsvm_policy_counted(&ctx->m->counts, addr, run.advice.count)) {
		placing->flags |= VSVM_ENTRY_COUNTED;
		placing->end = min(placing->end,
				   round_down(addr, VSVM_POLICY_COUNT_BYTES) +
				   VSVM_POLICY_COUNT_BYTES);
		return 0;
	}
	return move_in(ctx, addr, end, need, &run, placing);
}

/* Where memory with this advice is to go; ADVISED: it is left where it is. */
static u32 target_of(const struct drm_vsvm_advice *advice)
{
	switch (advice->location) {
	case DRM_VSVM_LOCATION_HERE:
		return DRM_VSVM_TARGET_DEVICE;
	case DRM_VSVM_LOCATION_SYSTEM:
		return DRM_VSVM_TARGET_SYSTEM;
	default:
		return DRM_VSVM_TARGET_ADVISED;
	}
}

/* As vsvm_migrate(), for who asks, to where @mig says. */
static int migrate(const struct vsvm_context *ctx, struct drm_vsvm_migrate *mig,
		   struct vsvm_link_moves *moves)
{
	return vsvm_migrate(ctx, mig, VSVM_CAUSE_EXPLICIT, true,
			    mig->target == DRM_VSVM_TARGET_DEVICE ?
			    &moves->to_device : &moves->home);
}

/**
 * vsvm_place_migrate() - move a range, as a process or a command asks
 * @ctx: for whom
 * @mig: the request, as for vsvm_migrate()
 * @moves: what moved is added, for vsvm_mirror_charge_moves()
 *
 * With DRM_VSVM_TARGET_ADVISED each part goes to where advice says at that moment. Takes
 * &vsvm_advices.lock, and what vsvm_migrate() takes.
 *
 * Return: as vsvm_migrate().
 */
int vsvm_place_migrate(const struct vsvm_context *ctx,
		       struct drm_vsvm_migrate *mig,
		       struct vsvm_link_moves *moves)
{
	struct vsvm_advices *a = &ctx->m->advices;
	unsigned long end = mig->addr + mig->len;
	struct drm_vsvm_migrate part = *mig;
	struct drm_vsvm_advice_run run;
	int ret = 0;

	if (mig->target != DRM_VSVM_TARGET_ADVISED)
		return migrate(ctx, mig, moves);
	while (!ret && part.next < end) {
		mutex_lock(&a->lock);
		vsvm_advice_look(a, part.next, &run);
		vsvm_policy_resolve(&run.advice, &a->file);
		mutex_unlock(&a->lock);
		part.addr = part.next;
		part.len = min(run.start + run.len, end) - part.addr;
		part.target = target_of(&run.advice);
		part.flags = part.target == DRM_VSVM_TARGET_DEVICE ?
			     mig->flags : 0;
		ret = migrate(ctx, &part, moves);
	}
	mig->next = part.next;
	mig->moved = part.moved;
	mig->there = part.there;
	mig->absent = part.absent;
	memcpy(mig->stayed, part.stayed, sizeof(mig->stayed));
	return ret;
}

/* True if all of the range is mapped. */
static bool is_mapped(struct mm_struct *mm, unsigned long start,
		      unsigned long end)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;

	mmap_assert_locked(mm);
	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > start)
			return false;
		start = vma->vm_end;
	}
	return start >= end;
}

/*
 * Sets advice for a range with the ranges in @spare, of which there are @nr. Returns 0; a
 * number: so many are needed; or an errno. mmap_lock is held, so that nothing is
 * unmapped meanwhile.
 */
static int set_range(const struct vsvm_context *ctx,
		     const struct drm_vsvm_advise *arg, struct list_head *spare,
		     unsigned int nr)
{
	struct vsvm_mirror *m = ctx->m;
	struct vsvm_advices *a = &m->advices;
	unsigned long end = arg->addr + arg->len;
	unsigned int before, need;
	int idx, ret;

	if (!is_mapped(m->notifier.mm, arg->addr, end))
		return -EFAULT;
	ret = vsvm_mirror_enter(m, &idx);
	if (ret)
		return ret;
	mutex_lock(&a->lock);
	before = a->nr;
	need = vsvm_advice_needs(a, arg->addr, end);
	if (atomic_read(&m->client->nr_advice) + need > DRM_VSVM_MAX_ADVICE) {
		ret = -ENOMEM;
	} else if (need > nr) {
		ret = need;
	} else {
		vsvm_advice_set(a, arg->addr, end, arg->set, &arg->advice,
				spare);
		vsvm_mirror_count_advice(m, before);
		vsvm_mirror_reconsider(m, arg->addr, end - 1);
	}
	mutex_unlock(&a->lock);
	vsvm_mirror_exit(idx);
	return ret;
}

static int advise_range(const struct vsvm_context *ctx,
			const struct drm_vsvm_advise *arg)
{
	struct mm_struct *mm = ctx->m->notifier.mm;
	struct vsvm_inject *inject = ctx->m->table.inject;
	struct vsvm_advice_range *r, *next;
	unsigned int nr = 0;
	LIST_HEAD(spare);
	int ret;

	do {
		if (VSVM_INJECT(inject, ADVISE_LOCK, -EINTR,
				mmap_read_lock_killable(mm))) {
			ret = -EINTR;
			break;
		}
		ret = set_range(ctx, arg, &spare, nr);
		mmap_read_unlock(mm);
		for (; (int)nr < ret; nr++) {
			r = VSVM_INJECT(inject, ADVICE, NULL,
					kmalloc_obj(*r, GFP_KERNEL_ACCOUNT));
			if (!r) {
				ret = -ENOMEM;
				break;
			}
			list_add(&r->link, &spare);
		}
		if (ret > 0 && vsvm_context_stops(ctx))
			ret = -EINTR;
	} while (ret > 0);
	list_for_each_entry_safe(r, next, &spare, link)
		kfree(r);
	return ret;
}

static int advise_file(const struct vsvm_context *ctx,
		       const struct drm_vsvm_advise *arg)
{
	struct vsvm_advices *a = &ctx->m->advices;
	int idx, ret;

	ret = vsvm_mirror_enter(ctx->m, &idx);
	if (ret)
		return ret;
	/* A table may be large. Unplug need not wait for it: it empties it as well. */
	vsvm_mirror_exit(idx);
	mutex_lock(&a->lock);
	vsvm_advice_apply(&a->file, arg->set, &arg->advice);
	WRITE_ONCE(a->says, memchr_inv(&a->file, 0, sizeof(a->file)));
	vsvm_mirror_reconsider(ctx->m, 0, ULONG_MAX);
	mutex_unlock(&a->lock);
	return 0;
}

/**
 * vsvm_place_advise() - take advice
 * @ctx: for whom
 * @arg: the advice, checked
 *
 * Takes mmap_lock for reading.
 *
 * Return: 0 or an errno of &struct drm_vsvm_advise.
 */
int vsvm_place_advise(const struct vsvm_context *ctx,
		      const struct drm_vsvm_advise *arg)
{
	return arg->flags & DRM_VSVM_ADVISE_FILE ? advise_file(ctx, arg) :
						   advise_range(ctx, arg);
}

/* The run that begins at @addr, at most to @end. */
static void run_at(struct vsvm_advices *a, unsigned long addr,
		   unsigned long end, struct drm_vsvm_advice_run *run)
{
	mutex_lock(&a->lock);
	vsvm_advice_look(a, addr, run);
	mutex_unlock(&a->lock);
	run->len = min(run->start + run->len, end) - addr;
	run->start = addr;
}

/**
 * vsvm_place_advice_get() - read advice back
 * @ctx: for whom
 * @arg: the range and the array, both checked; nr_runs is the array's length
 *
 * Return: 0, -EFAULT or -EINTR.
 */
int vsvm_place_advice_get(const struct vsvm_context *ctx,
			  struct drm_vsvm_advice_get *arg)
{
	struct drm_vsvm_advice_run __user *out = u64_to_user_ptr(arg->runs);
	bool file = arg->flags & DRM_VSVM_ADVISE_FILE;
	struct vsvm_advices *a = &ctx->m->advices;
	unsigned long end = arg->addr + arg->len;
	u32 max = arg->nr_runs;
	struct drm_vsvm_advice_run run = {};

	arg->nr_runs = 0;
	while (arg->nr_runs < max && (file || arg->next < end)) {
		cond_resched();
		if (vsvm_context_stops(ctx))
			return -EINTR;
		if (file) {
			mutex_lock(&a->lock);
			run.advice = a->file;
			mutex_unlock(&a->lock);
		} else {
			run_at(a, arg->next, end, &run);
		}
		if (copy_to_user(&out[arg->nr_runs], &run, sizeof(run)))
			return -EFAULT;
		arg->nr_runs++;
		arg->next += run.len;
		if (file)
			break;
	}
	return 0;
}
