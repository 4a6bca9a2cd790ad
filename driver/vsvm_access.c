// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses of the device to a process's memory: read, write, atomics, snapshot. Each is
 * a visitor of the per-page path.
 *
 * A visitor runs under the page-table lock, where user memory may only be accessed with
 * page faults disabled. If the caller's buffer is not present, the visitor stops, the
 * walk drops the lock, and relax() faults the buffer in.
 *
 * Lifetime: a call. Locks: none of its own.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_context.h"
#include "vsvm_inject.h"
#include "vsvm_link.h"
#include "vsvm_mirror.h"
#include "vsvm_walk.h"

/**
 * struct copy - a device read or write in progress
 * @v: the visitor
 * @start: first byte in the process
 * @buf: the caller's buffer, for the byte at @start
 * @at: next byte of the buffer
 * @left: bytes left from there on
 * @tally: what it costs
 * @inject: failpoints
 */
struct copy {
	struct vsvm_visitor v;
	unsigned long start;
	char __user *buf;
	char __user *at;
	unsigned long left;
	struct vsvm_link_tally tally;
	struct vsvm_inject *inject;
};

static void copy_advance(struct copy *c, const struct vsvm_span *span,
			 unsigned long done)
{
	c->at += done;
	c->left -= done;
	vsvm_link_note(&c->tally, span->state, done);
}

static long read_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct copy *c = container_of(v, struct copy, v);
	void *from = page_address(span->page) + offset_in_page(span->addr);
	unsigned long n = VSVM_INJECT(c->inject, COPY_READ, span->len / 2,
				      span->len);
	unsigned long done;

	pagefault_disable();
	done = n - __copy_to_user_inatomic(c->at, from, n);
	pagefault_enable();
	copy_advance(c, span, done);
	return done;
}

static int read_relax(struct vsvm_visitor *v)
{
	struct copy *c = container_of(v, struct copy, v);
	size_t want = min(c->left, PMD_SIZE);

	/*
	 * Not fault_in_writeable(): that stores zeroes, and the buffer may be the
	 * memory that is read.
	 */
	return fault_in_safe_writeable(c->at, want) == want ? -EFAULT : 0;
}

/**
 * vsvm_access_dirty() - note that the device wrote to a span
 * @span: the span; the page-table lock is held: after it is dropped, reclaim may drop
 *	the page as clean
 * @len: bytes of it that were written
 *
 * No CPU entry records a write of the device.
 */
void vsvm_access_dirty(const struct vsvm_span *span, unsigned long len)
{
	unsigned long i, n;

	if ((span->state & DRM_VSVM_STATE_PLACE) != DRM_VSVM_PLACE_SYSTEM)
		return;
	n = DIV_ROUND_UP(offset_in_page(span->addr) + len, PAGE_SIZE);
	for (i = 0; i < n; i++)
		folio_mark_dirty(page_folio(span->page + i));
}

static long write_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct copy *c = container_of(v, struct copy, v);
	void *to = page_address(span->page) + offset_in_page(span->addr);
	unsigned long n = VSVM_INJECT(c->inject, COPY_WRITE, span->len / 2,
				      span->len);
	unsigned long done;

	pagefault_disable();
	done = n - __copy_from_user_inatomic(to, c->at, n);
	pagefault_enable();
	if (done)
		vsvm_access_dirty(span, done);
	copy_advance(c, span, done);
	return done;
}

static int write_relax(struct vsvm_visitor *v)
{
	struct copy *c = container_of(v, struct copy, v);
	size_t want = min(c->left, PMD_SIZE);

	return fault_in_readable(c->at, want) == want ? -EFAULT : 0;
}

/**
 * vsvm_access_copy() - read or write a range by the device
 * @ctx: for whom
 * @rw: the range and the buffer, both checked; done and faults are set
 * @write: true: from the buffer to the range
 *
 * Return: 0 or an errno of &struct drm_vsvm_rw.
 */
int vsvm_access_copy(const struct vsvm_context *ctx, struct drm_vsvm_rw *rw,
		     bool write)
{
	struct copy c = {
		.v.visit = write ? write_visit : read_visit,
		.v.relax = write ? write_relax : read_relax,
		.at = u64_to_user_ptr(rw->buf),
		.left = rw->len,
		.inject = ctx->m->table.inject,
	};
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, rw->addr, rw->addr + rw->len,
			write ? VSVM_NEED_WRITE : VSVM_NEED_READ, &c.v,
			&next, &rw->faults);
	rw->done = next - rw->addr;
	vsvm_mirror_count(ctx->m, write ? VSVM_STAT_WRITTEN : VSVM_STAT_READ,
			  rw->done);
	vsvm_mirror_charge(ctx->m, &c.tally);
	return ret;
}

static long exclusive_visit(struct vsvm_visitor *v,
			    const struct vsvm_span *span)
{
	return span->len;
}

/**
 * vsvm_access_exclusive() - give the device exclusive access to a range
 * @ctx: for whom
 * @excl: the range, checked; done is set
 *
 * Return: 0 or an errno of &struct drm_vsvm_exclusive.
 */
int vsvm_access_exclusive(const struct vsvm_context *ctx,
			  struct drm_vsvm_exclusive *excl)
{
	struct vsvm_visitor v = { .visit = exclusive_visit };
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, excl->addr, excl->addr + excl->len,
			VSVM_NEED_EXCLUSIVE, &v, &next, NULL);
	excl->done = next - excl->addr;
	return ret;
}

/**
 * struct atomic - an atomic operation in progress
 * @v: the visitor
 * @arg: the request
 * @tally: what it costs
 */
struct atomic {
	struct vsvm_visitor v;
	struct drm_vsvm_atomic *arg;
	struct vsvm_link_tally tally;
};

static u32 atomic_u32(u32 *word, const struct drm_vsvm_atomic *arg)
{
	u32 old, new;

	switch (arg->op) {
	case DRM_VSVM_ATOMIC_ADD:
		return atomic_fetch_add(arg->operand, (atomic_t *)word);
	case DRM_VSVM_ATOMIC_XCHG:
		return xchg(word, (u32)arg->operand);
	case DRM_VSVM_ATOMIC_CAS:
		return cmpxchg(word, (u32)arg->compare, (u32)arg->operand);
	case DRM_VSVM_ATOMIC_AND:
		return atomic_fetch_and(arg->operand, (atomic_t *)word);
	case DRM_VSVM_ATOMIC_OR:
		return atomic_fetch_or(arg->operand, (atomic_t *)word);
	case DRM_VSVM_ATOMIC_XOR:
		return atomic_fetch_xor(arg->operand, (atomic_t *)word);
	}
	/* The processor has no such operation; others may change the word meanwhile. */
	old = READ_ONCE(*word);
	do {
		new = arg->op == DRM_VSVM_ATOMIC_MIN ?
		      min(old, (u32)arg->operand) : max(old, (u32)arg->operand);
	} while (!try_cmpxchg(word, &old, new));
	return old;
}

static u64 atomic_u64(u64 *word, const struct drm_vsvm_atomic *arg)
{
	u64 old, new;

	switch (arg->op) {
	case DRM_VSVM_ATOMIC_ADD:
		return atomic64_fetch_add(arg->operand, (atomic64_t *)word);
	case DRM_VSVM_ATOMIC_XCHG:
		return xchg(word, arg->operand);
	case DRM_VSVM_ATOMIC_CAS:
		return cmpxchg(word, arg->compare, arg->operand);
	case DRM_VSVM_ATOMIC_AND:
		return atomic64_fetch_and(arg->operand, (atomic64_t *)word);
	case DRM_VSVM_ATOMIC_OR:
		return atomic64_fetch_or(arg->operand, (atomic64_t *)word);
	case DRM_VSVM_ATOMIC_XOR:
		return atomic64_fetch_xor(arg->operand, (atomic64_t *)word);
	}
	old = READ_ONCE(*word);
	do {
		new = arg->op == DRM_VSVM_ATOMIC_MIN ? min(old, arg->operand) :
						       max(old, arg->operand);
	} while (!try_cmpxchg(word, &old, new));
	return old;
}

/*
 * The CPU has no entry for the word, and a CPU fault that ends exclusive access waits
 * for the page-table lock. Other devices may use the word in the same way, so the
 * operation itself is atomic, too.
 */
static long atomic_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct atomic *a = container_of(v, struct atomic, v);
	struct drm_vsvm_atomic *arg = a->arg;
	void *word = page_address(span->page) + offset_in_page(span->addr);

	arg->old = arg->size == sizeof(u32) ? atomic_u32(word, arg) :
					      atomic_u64(word, arg);
	vsvm_access_dirty(span, span->len);
	vsvm_link_note(&a->tally, span->state, span->len);
	return span->len;
}

/**
 * vsvm_access_atomic() - do an atomic operation by the device
 * @ctx: for whom
 * @arg: the word and the operation, checked; old is set
 *
 * Return: 0 or an errno of &struct drm_vsvm_atomic.
 */
int vsvm_access_atomic(const struct vsvm_context *ctx,
		       struct drm_vsvm_atomic *arg)
{
	struct atomic a = { .v.visit = atomic_visit, .arg = arg };
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, arg->addr, arg->addr + arg->size,
			VSVM_NEED_EXCLUSIVE, &a.v, &next, NULL);
	vsvm_mirror_count(ctx->m, VSVM_STAT_ATOMICS, !ret);
	vsvm_mirror_charge(ctx->m, &a.tally);
	return ret;
}

/**
 * struct snapshot - a snapshot in progress
 * @v: the visitor
 * @run: the run that is not stored yet; count 0: none
 * @out: the caller's array
 * @nr: number of runs stored
 * @max: length of the array
 * @inject: failpoints
 */
struct snapshot {
	struct vsvm_visitor v;
	struct drm_vsvm_run run;
	struct drm_vsvm_run __user *out;
	u32 nr;
	u32 max;
	struct vsvm_inject *inject;
};

static long snapshot_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct snapshot *s = container_of(v, struct snapshot, v);
	struct drm_vsvm_run *run = &s->run;

	if (run->count &&
	    (run->state != span->state || run->device != span->device)) {
		if (VSVM_INJECT(s->inject, COPY_RUN, -EFAULT,
				copy_to_user_nofault(&s->out[s->nr], run,
						     sizeof(*run))))
			return 0;
		run->count = 0;
		s->nr++;
	}
	if (!run->count) {
		if (s->nr == s->max)
			return -ENOSPC;
		run->start = span->addr;
		run->state = span->state;
		run->device = span->device;
	}
	run->count += span->len >> PAGE_SHIFT;
	return span->len;
}

static int snapshot_relax(struct vsvm_visitor *v)
{
	struct snapshot *s = container_of(v, struct snapshot, v);

	return fault_in_safe_writeable((char __user *)&s->out[s->nr],
				       sizeof(s->run)) ? -EFAULT : 0;
}

/**
 * vsvm_access_snapshot() - store where the pages of a range are
 * @ctx: for whom
 * @snap: the range and the array, both checked; nr_runs and next are set
 *
 * Return: 0 or an errno of &struct drm_vsvm_snapshot.
 */
int vsvm_access_snapshot(const struct vsvm_context *ctx,
			 struct drm_vsvm_snapshot *snap)
{
	struct snapshot s = {
		.v.visit = snapshot_visit,
		.v.relax = snapshot_relax,
		.out = u64_to_user_ptr(snap->runs),
		.max = snap->nr_runs,
		.inject = ctx->m->table.inject,
	};
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, snap->addr, snap->addr + snap->len,
			snap->flags & DRM_VSVM_SNAPSHOT_TABLE ?
			VSVM_NEED_TABLE : VSVM_NEED_NONE, &s.v, &next,
			NULL);
	if (ret == -ENOSPC)
		ret = 0;

	/* The last run is complete, or ends where the walk ended. */
	if (s.run.count) {
		if (VSVM_INJECT(s.inject, COPY_LAST_RUN, sizeof(s.run),
				copy_to_user(&s.out[s.nr], &s.run,
					     sizeof(s.run)))) {
			next = s.run.start;
			ret = -EFAULT;
		} else {
			s.nr++;
		}
	}
	snap->nr_runs = s.nr;
	snap->next = next;
	return ret;
}
