// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice: what a process said of its addresses, as ranges. Nothing is decided here.
 *
 * A range is split where advice begins or ends in it, and neighbours that say the same
 * become one. ADVISE allocates the ranges that it may need before it takes the lock.
 * munmap() and mremap() cannot fail for want of them: they allocate without reclaim,
 * and where there is no memory for the second half of a range, that half is forgotten.
 *
 * Lifetime: with the mirror. Locks: &vsvm_advices.lock, which the caller holds.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vsvm_advice.h"

/**
 * vsvm_advices_init() - set up advice that says nothing
 * @a: the advice
 */
void vsvm_advices_init(struct vsvm_advices *a)
{
	mutex_init(&a->lock);
	a->ranges = RB_ROOT;
}

/**
 * vsvm_advices_destroy() - free all ranges
 * @a: the advice, which no thread uses any more
 */
void vsvm_advices_destroy(struct vsvm_advices *a)
{
	struct vsvm_advice_range *r, *next;

	rbtree_postorder_for_each_entry_safe(r, next, &a->ranges, node)
		kfree(r);
	mutex_destroy(&a->lock);
}

static struct vsvm_advice_range *to_range(struct rb_node *node)
{
	return rb_entry_safe(node, struct vsvm_advice_range, node);
}

static struct vsvm_advice_range *next_range(struct vsvm_advice_range *r)
{
	return to_range(rb_next(&r->node));
}

/**
 * vsvm_advice_find() - find the first range that ends behind an address
 * @a: the advice, locked
 * @addr: the address
 *
 * Return: the range, which may begin behind @addr; NULL: there is none.
 */
struct vsvm_advice_range *vsvm_advice_find(struct vsvm_advices *a,
					   unsigned long addr)
{
	struct rb_node *node = a->ranges.rb_node;
	struct vsvm_advice_range *r, *found = NULL;

	lockdep_assert_held(&a->lock);
	while (node) {
		r = to_range(node);
		if (r->end > addr) {
			found = r;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * vsvm_advice_look() - look up the advice for an address
 * @a: the advice, locked
 * @addr: the address
 * @run: out, the addresses around it that have the same advice, and the advice; all
 *	zero if nothing was said
 */
void vsvm_advice_look(struct vsvm_advices *a, unsigned long addr,
		      struct drm_vsvm_advice_run *run)
{
	struct vsvm_advice_range *r = vsvm_advice_find(a, addr), *before;
	struct rb_node *node = r ? rb_prev(&r->node) : rb_last(&a->ranges);

	if (r && r->start <= addr) {
		run->start = r->start;
		run->len = r->end - r->start;
		run->advice = r->advice;
		return;
	}
	before = to_range(node);
	run->start = before ? before->end : 0;
	run->len = (r ? r->start : ULONG_MAX & PAGE_MASK) - run->start;
	run->advice = (struct drm_vsvm_advice) {};
}

static void insert(struct vsvm_advices *a, struct vsvm_advice_range *r)
{
	struct rb_node **p = &a->ranges.rb_node, *parent = NULL;

	while (*p) {
		parent = *p;
		p = r->start < to_range(parent)->start ? &parent->rb_left :
							 &parent->rb_right;
	}
	rb_link_node(&r->node, parent, p);
	rb_insert_color(&r->node, &a->ranges);
	a->nr++;
}

static void erase(struct vsvm_advices *a, struct vsvm_advice_range *r)
{
	rb_erase(&r->node, &a->ranges);
	a->nr--;
}

static bool says_something(const struct vsvm_advice_range *r)
{
	return memchr_inv(&r->advice, 0, sizeof(r->advice));
}

/*
 * Takes a range that was allocated in advance, or allocates one. The notifier must not
 * reclaim. With GFP_ATOMIC the limit of a memory cgroup does not refuse it.
 */
static struct vsvm_advice_range *take(struct list_head *spare)
{
	struct vsvm_advice_range *r;

	if (!spare)
		return kmalloc_obj(*r, GFP_ATOMIC | __GFP_ACCOUNT |
				   __GFP_NOWARN);
	r = list_first_entry(spare, struct vsvm_advice_range, link);
	list_del(&r->link);
	return r;
}

/* Makes a range end at @addr, if one contains it, and another begin there. */
static void split_at(struct vsvm_advices *a, unsigned long addr,
		     struct list_head *spare)
{
	struct vsvm_advice_range *r = vsvm_advice_find(a, addr), *second;

	if (!r || r->start >= addr)
		return;
	second = take(spare);
	if (second) {
		second->start = addr;
		second->end = r->end;
		second->advice = r->advice;
	}
	r->end = addr;
	if (second)
		insert(a, second);
}

/* Makes one of neighbours that say the same, and none of those that say nothing. */
static void merge(struct vsvm_advices *a, unsigned long start,
		  unsigned long end)
{
	struct vsvm_advice_range *r, *next;

	/* The range before may end where this begins. */
	r = vsvm_advice_find(a, start ? start - 1 : 0);
	for (; r && r->start <= end; r = next) {
		next = next_range(r);
		if (!says_something(r)) {
			erase(a, r);
			kfree(r);
		} else if (next && r->end == next->start &&
			   !memcmp(&r->advice, &next->advice,
				   sizeof(r->advice))) {
			next->start = r->start;
			erase(a, r);
			kfree(r);
		}
	}
}

/**
 * vsvm_advice_needs() - count the ranges that advice for a range may add
 * @a: the advice, locked
 * @start: first byte
 * @end: end of the range
 *
 * Return: how many vsvm_advice_set() takes, at most.
 */
unsigned int vsvm_advice_needs(struct vsvm_advices *a, unsigned long start,
			       unsigned long end)
{
	struct vsvm_advice_range *r = vsvm_advice_find(a, start);
	unsigned long at = start;
	unsigned int n = 0;

	if (r && r->start < start)
		n++;
	for (; r && r->start < end; r = next_range(r)) {
		n += r->start > at;
		n += r->end > end;
		at = r->end;
	}
	return n + (at < end);
}

/**
 * vsvm_advice_apply() - set some attributes
 * @to: what they are set in
 * @set: mask of them, DRM_VSVM_ADVISE_*
 * @from: their values
 */
void vsvm_advice_apply(struct drm_vsvm_advice *to, u32 set,
		       const struct drm_vsvm_advice *from)
{
	if (set & DRM_VSVM_ADVISE_LOCATION) {
		to->location = from->location;
		to->device = from->device;
	}
	if (set & DRM_VSVM_ADVISE_MAY)
		to->may = from->may;
	if (set & DRM_VSVM_ADVISE_ATOMICS)
		to->atomics = from->atomics;
	if (set & DRM_VSVM_ADVISE_ON_FAULT) {
		to->on_fault = from->on_fault;
		to->count = from->count;
	}
	if (set & DRM_VSVM_ADVISE_GRANULARITY)
		to->granularity = from->granularity;
	if (set & DRM_VSVM_ADVISE_WORD)
		to->word = from->word;
}

/* Covers [at, end), of which nothing was said. */
static void fill(struct vsvm_advices *a, unsigned long at, unsigned long end,
		 struct list_head *spare)
{
	struct vsvm_advice_range *r;

	if (at >= end)
		return;
	r = take(spare);
	r->start = at;
	r->end = end;
	r->advice = (struct drm_vsvm_advice) {};
	insert(a, r);
}

/**
 * vsvm_advice_set() - set some attributes for a range
 * @a: the advice, locked
 * @start: first byte
 * @end: end of the range
 * @set: mask of attributes, DRM_VSVM_ADVISE_*
 * @advice: their values
 * @spare: at least vsvm_advice_needs() of &vsvm_advice_range.link; the caller frees
 *	what is left
 */
void vsvm_advice_set(struct vsvm_advices *a, unsigned long start,
		     unsigned long end, u32 set,
		     const struct drm_vsvm_advice *advice,
		     struct list_head *spare)
{
	struct vsvm_advice_range *r;
	unsigned long at = start;

	split_at(a, start, spare);
	split_at(a, end, spare);
	for (r = vsvm_advice_find(a, start); r && r->start < end;
	     r = next_range(r)) {
		fill(a, at, r->start, spare);
		at = r->end;
	}
	fill(a, at, end, spare);
	for (r = vsvm_advice_find(a, start); r && r->start < end;
	     r = next_range(r))
		vsvm_advice_apply(&r->advice, set, advice);
	merge(a, start, end);
}

/**
 * vsvm_advice_forget() - forget the advice for a range
 * @a: the advice, locked
 * @start: first byte
 * @end: end of the range
 */
void vsvm_advice_forget(struct vsvm_advices *a, unsigned long start,
			unsigned long end)
{
	struct vsvm_advice_range *r, *next;

	split_at(a, start, NULL);
	split_at(a, end, NULL);
	for (r = vsvm_advice_find(a, start); r && r->start < end; r = next) {
		next = next_range(r);
		erase(a, r);
		kfree(r);
	}
}

/**
 * vsvm_advice_move() - move the advice for a range
 * @a: the advice, locked
 * @start: first byte
 * @end: end of the range
 * @to: where the range begins from now on; what was said of those addresses is forgotten
 */
void vsvm_advice_move(struct vsvm_advices *a, unsigned long start,
		      unsigned long end, unsigned long to)
{
	struct vsvm_advice_range *r, *next;
	LIST_HEAD(moved);

	vsvm_advice_forget(a, to, to + (end - start));
	split_at(a, start, NULL);
	split_at(a, end, NULL);
	for (r = vsvm_advice_find(a, start); r && r->start < end; r = next) {
		next = next_range(r);
		erase(a, r);
		r->start = r->start - start + to;
		r->end = r->end - start + to;
		list_add(&r->link, &moved);
	}
	list_for_each_entry_safe(r, next, &moved, link)
		insert(a, r);
	merge(a, to, to + (end - start));
}
