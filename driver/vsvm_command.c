// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of a queue, a step at a time. A step accesses the memory of the process as
 * READ and WRITE do, with visitors of the per-page path, but both sides of a copy are
 * memory that the device sees.
 *
 * An engine runs steps that wait for nothing (&vsvm_context.hits_only): what the device
 * page table lacks ends the step with -EAGAIN. The fault worker runs the same step
 * again, and there it faults. So the bytes that were missing are used under the lock
 * under which they were found, and other threads cannot keep a command from progress
 * more than a call.
 *
 * Lifetime: a step. Locks: those of vsvm_walk() and vsvm_migrate().
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/unroll.h>

#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_command.h"
#include "vsvm_context.h"
#include "vsvm_mirror.h"
#include "vsvm_place.h"
#include "vsvm_run.h"
#include "vsvm_span.h"
#include "vsvm_walk.h"

/*
 * Bytes that are copied, and that are filled, before the next look whether the page-table
 * lock is wanted. A fill reads nothing, and takes a third of the time.
 */
#define COPY_PIECE	PAGE_SIZE
#define FILL_PIECE	(4 * PAGE_SIZE)
/* Most bytes of a step: the page-table lock is held while they are copied. */
#define STEP_BYTES	((u64)PMD_SIZE)

/**
 * struct work - a step in progress
 * @v: the visitor
 * @ctx: for whom
 * @c: the command
 * @p: how far it is
 * @word: the word that was read, or that is to be stored
 * @beside: the step could not go on in the second range: @p has the address
 * @gives_way: the visit has to stop because the page-table lock or the processor is wanted
 */
struct work {
	struct vsvm_visitor v;
	const struct vsvm_context *ctx;
	const struct drm_vsvm_command *c;
	struct vsvm_progress *p;
	u64 word;
	bool beside;
	bool gives_way;
};

/* Notes where a step could not go on; @end is the end of the range. */
static void note(struct vsvm_progress *p, unsigned long addr, unsigned long end,
		 enum vsvm_need need)
{
	unsigned long next = (addr & PMD_MASK) + PMD_SIZE;

	p->addr = addr;
	p->end = next - 1 < end - 1 ? next : end;
	p->need = need;
}

static long touch_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	return span->len;
}

/* For visitors that stop only at an error. */
static int no_relax(struct vsvm_visitor *v)
{
	return 0;
}

/*
 * After each piece, the last one of a page too: sees whether the visit has to stop there,
 * with the lock dropped and taken again. The fault worker uses all that it found: when it
 * comes back, other threads may have taken the pages away again.
 */
static void look_who_waits(struct work *w)
{
	w->gives_way = w->ctx->hits_only &&
		       (vsvm_table_is_wanted(&w->ctx->m->table) ||
			vsvm_context_must_yield());
}

static void *bytes(const struct vsvm_span *span)
{
	return page_address(span->page) + offset_in_page(span->addr);
}

/* Walks the range of @w's command that begins at @addr. */
static int walk(struct work *w, unsigned long addr, u64 len, enum vsvm_need need,
		unsigned long *next)
{
	int ret = vsvm_walk(w->ctx, addr, addr + len, need, &w->v, next, NULL);

	if (ret && !w->beside)
		note(w->p, *next, addr + len, need);
	return ret;
}

/*
 * Copies to one span, piece by piece. The process may change both at the same time, as
 * with any copy by a device; it then gets either bytes. Returns the number of bytes that
 * are done, which is less than @span has if the visit has to stop.
 */
static unsigned long copy_to(struct work *w, const struct vsvm_span *span,
			     const void *from)
{
	unsigned long done = 0, n;

	while (done < span->len && !w->gives_way) {
		n = min(span->len - done, COPY_PIECE);
		/* data_race: see above */
		data_race(memcpy(bytes(span) + done, from + done, n));
		done += n;
		look_who_waits(w);
	}
	vsvm_access_dirty(span, done);
	vsvm_link_note(&w->p->tally, span->state, done);
	return done;
}

static long copy_visit(struct vsvm_visitor *v, const struct vsvm_span *from)
{
	struct work *w = container_of(v, struct work, v);
	const struct drm_vsvm_copy *copy = &w->c->copy;
	unsigned long to = copy->to + (from->addr - copy->from);
	unsigned long done = 0;
	struct vsvm_span span;

	while (done < from->len && !w->gives_way) {
		if (!vsvm_span_beside(w->ctx, to + done, to + from->len,
				      VSVM_NEED_WRITE, &span)) {
			note(w->p, to + done, copy->to + copy->len,
			     VSVM_NEED_WRITE);
			break;
		}
		done += copy_to(w, &span, bytes(from) + done);
	}
	vsvm_link_note(&w->p->tally, from->state, done);
	return done;
}

/* The page to write to is missing, unless the visit gave way. */
static int copy_relax(struct vsvm_visitor *v)
{
	struct work *w = container_of(v, struct work, v);
	struct vsvm_visitor touch = { .visit = touch_visit, .relax = no_relax };
	unsigned long next;
	int ret;

	if (w->gives_way) {
		w->gives_way = false;
		return 0;
	}
	w->beside = true;
	if (w->ctx->hits_only)
		return -EAGAIN;
	ret = vsvm_walk(w->ctx, w->p->addr, w->p->end, VSVM_NEED_WRITE, &touch,
			&next, NULL);
	/* Bytes before the one that failed are copied first. */
	if (ret && next > w->p->addr && ret != -EINTR && ret != -ENODEV)
		ret = 0;
	w->beside = ret;
	return ret;
}

/* Accounts for a step that wrote @n bytes of @len; returns how it ended. */
static int wrote(struct work *w, unsigned long n, u64 len, int ret)
{
	w->p->at += n;
	vsvm_mirror_count(w->ctx->m, VSVM_STAT_WRITTEN, n);
	if (ret)
		return ret;
	return w->p->at < len ? VSVM_STEP_MORE : VSVM_STEP_DONE;
}

static int step_copy(struct work *w)
{
	const struct drm_vsvm_copy *copy = &w->c->copy;
	unsigned long from = copy->from + w->p->at, next;
	u64 len = min(copy->len - w->p->at, STEP_BYTES);
	int ret;

	w->v.visit = copy_visit;
	w->v.relax = copy_relax;
	ret = walk(w, from, len, VSVM_NEED_READ, &next);
	vsvm_mirror_count(w->ctx->m, VSVM_STAT_READ, next - from);
	return wrote(w, next - from, copy->len, ret);
}

/*
 * memset() stores as much at a time as is best for real processors, and memset64() is a
 * single instruction: on an emulated one a plain loop is faster than either.
 */
static void fill_words(u64 *to, u64 value, unsigned long n)
{
	unsigned int i;

	for (; n >= 16; n -= 16, to += 16) {
		unrolled_count(16)
		for (i = 0; i < 16; i++)
			WRITE_ONCE(to[i], value);
	}
	while (n--)
		WRITE_ONCE(*to++, value);
}

/* Fills @len bytes at @to, both multiples of the size of the value. */
static void fill_bytes(void *to, const struct drm_vsvm_fill *fill,
		       unsigned long len)
{
	u64 value = fill->value;
	unsigned long n;

	if (fill->size == sizeof(u8))
		value *= 0x0101010101010101ULL;
	else if (fill->size == sizeof(u16))
		value *= 0x0001000100010001ULL;
	else if (fill->size == sizeof(u32))
		value *= 0x0000000100000001ULL;

	/* The pattern is the same from any multiple of its size on. */
	n = min_t(unsigned long, -(unsigned long)to % sizeof(u64), len);
	/* data_race: as with a copy, and so is the rest */
	data_race(memcpy(to, &value, n));
	fill_words(to + n, value, (len - n) / sizeof(u64));
	to += round_down(len - n, sizeof(u64)) + n;
	/* data_race: as above */
	data_race(memcpy(to, &value, (len - n) % sizeof(u64)));
}

static long fill_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct work *w = container_of(v, struct work, v);
	unsigned long done = 0, n;
	void *to = bytes(span);

	while (done < span->len && !w->gives_way) {
		n = min(span->len - done, FILL_PIECE);
		fill_bytes(to + done, &w->c->fill, n);
		done += n;
		look_who_waits(w);
	}
	if (done)
		vsvm_access_dirty(span, done);
	vsvm_link_note(&w->p->tally, span->state, done);
	return done;
}

static int fill_relax(struct vsvm_visitor *v)
{
	container_of(v, struct work, v)->gives_way = false;
	return 0;
}

static int step_fill(struct work *w)
{
	const struct drm_vsvm_fill *fill = &w->c->fill;
	unsigned long addr = fill->addr + w->p->at, next;
	u64 len = min(fill->len - w->p->at, STEP_BYTES);
	int ret;

	w->v.visit = fill_visit;
	w->v.relax = fill_relax;
	ret = walk(w, addr, len, VSVM_NEED_WRITE, &next);
	return wrote(w, next - addr, fill->len, ret);
}

/* Stores an aligned word, or its low half. */
static long store(const struct work *w, const struct vsvm_span *span)
{
	if (span->len == sizeof(u32))
		WRITE_ONCE(*(u32 *)bytes(span), w->word);
	else
		WRITE_ONCE(*(u64 *)bytes(span), w->word);
	vsvm_access_dirty(span, span->len);
	return span->len;
}

static long store_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct work *w = container_of(v, struct work, v);

	vsvm_link_note(&w->p->tally, span->state, span->len);
	return store(w, span);
}

static long load_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct work *w = container_of(v, struct work, v);

	w->word = READ_ONCE(*(u64 *)bytes(span));
	vsvm_link_note(&w->p->tally, span->state, span->len);
	return span->len;
}

static int step_atomic(struct work *w)
{
	const struct drm_vsvm_command_atomic *a = &w->c->atomic;
	struct drm_vsvm_atomic arg = {
		.addr = a->addr,
		.operand = a->operand,
		.compare = a->compare,
		.op = a->op,
		.size = a->size,
	};
	unsigned long next;
	int ret;

	if (!w->p->applied) {
		ret = vsvm_access_atomic(w->ctx, &arg);
		if (ret) {
			note(w->p, a->addr, a->addr + a->size,
			     VSVM_NEED_EXCLUSIVE);
			return ret;
		}
		w->p->old = arg.old;
		w->p->applied = true;
	}
	if (!a->result)
		return VSVM_STEP_DONE;
	w->word = w->p->old;
	w->v.visit = store_visit;
	ret = walk(w, a->result, a->size, VSVM_NEED_WRITE, &next);
	return ret ?: VSVM_STEP_DONE;
}

/*
 * All of the range: the fault worker asks for a part at a time. Memory that does not move
 * stays usable where it is, so that is no error; neither is a host without memory for the
 * move.
 */
static int step_prefetch(struct work *w)
{
	const struct drm_vsvm_prefetch *f = &w->c->prefetch;
	struct drm_vsvm_migrate mig = {
		.addr = f->addr + w->p->at,
		.len = f->len - w->p->at,
		.target = f->target,
		.flags = f->flags,
	};
	int ret;

	note(w->p, mig.addr, mig.addr + mig.len, VSVM_NEED_NONE);
	if (w->ctx->hits_only)
		return -EAGAIN;
	mig.next = mig.addr;
	ret = vsvm_place_migrate(w->ctx, &mig, &w->p->moves);
	w->p->moved += mig.moved;
	if (ret == -EINTR || ret == -ENODEV) {
		w->p->at += mig.next - mig.addr;
		return ret;
	}
	w->p->at += mig.len;
	return VSVM_STEP_DONE;
}

static int step_wait(struct work *w)
{
	const struct drm_vsvm_command_wait *wait = &w->c->wait;
	unsigned long next;
	int ret;

	w->v.visit = load_visit;
	ret = walk(w, wait->addr, sizeof(u64), VSVM_NEED_READ, &next);
	if (ret)
		return ret;
	if (!vsvm_command_compare(w->word, wait->value, wait->mask, wait->op)) {
		/* How often it looks says nothing of a real device. */
		w->p->tally = (struct vsvm_link_tally) {};
		return VSVM_STEP_WAITS;
	}
	/* What the commands behind it read is not older than the word. */
	smp_mb();
	return VSVM_STEP_DONE;
}

static long signal_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct work *w = container_of(v, struct work, v);

	vsvm_link_note(&w->p->tally, span->state, span->len);
	vsvm_mirror_charge(w->ctx->m, &w->p->tally);
	/*
	 * Who sees the word sees what the commands before it stored, and what they and
	 * it cost. Pairs with the barrier or dependency of the process that reads it.
	 */
	smp_mb();
	return store(w, span);
}

static int step_signal(struct work *w)
{
	const struct drm_vsvm_signal *signal = &w->c->signal;
	unsigned long next;
	int ret;

	w->word = signal->value;
	w->v.visit = signal_visit;
	ret = walk(w, signal->addr, sizeof(u64), VSVM_NEED_WRITE, &next);
	return ret ?: VSVM_STEP_DONE;
}

static int step(struct work *w)
{
	switch (w->c->op) {
	case DRM_VSVM_COMMAND_COPY:
		return step_copy(w);
	case DRM_VSVM_COMMAND_FILL:
		return step_fill(w);
	case DRM_VSVM_COMMAND_ATOMIC:
		return step_atomic(w);
	case DRM_VSVM_COMMAND_PREFETCH:
		return step_prefetch(w);
	case DRM_VSVM_COMMAND_WAIT:
		return step_wait(w);
	case DRM_VSVM_COMMAND_SIGNAL:
		return step_signal(w);
	case DRM_VSVM_COMMAND_RUN:
		return vsvm_run_step(w->ctx, &w->c->run, w->p);
	default:
		smp_mb();	/* BARRIER: commands run one after the other */
		return VSVM_STEP_DONE;
	}
}

/**
 * vsvm_command_step() - work on a command
 * @ctx: for whom
 * @c: the command, checked
 * @p: in and out, how far it is; all zero at its beginning
 *
 * Return: &enum vsvm_step; -EAGAIN: @ctx waits for nothing and something is missing; or
 * an errno of vsvm_walk() or vsvm_run_step(). Then @p has the address.
 */
int vsvm_command_step(const struct vsvm_context *ctx,
		      const struct drm_vsvm_command *c,
		      struct vsvm_progress *p)
{
	struct work w = {
		.v.relax = no_relax,
		.ctx = ctx,
		.c = c,
		.p = p,
	};
	int ret = step(&w);

	vsvm_mirror_charge(ctx->m, &p->tally);
	return ret;
}

/**
 * vsvm_command_touch() - fault in a range for several commands
 * @ctx: for whom
 * @start: first byte
 * @end: end of the range, in the same leaf
 * @need: VSVM_NEED_READ or VSVM_NEED_WRITE
 *
 * An error is not reported: the command that needs the page meets it, too.
 */
void vsvm_command_touch(const struct vsvm_context *ctx, unsigned long start,
			unsigned long end, enum vsvm_need need)
{
	struct vsvm_visitor touch = { .visit = touch_visit, .relax = no_relax };
	unsigned long next;

	vsvm_walk(ctx, start, end, need, &touch, &next, NULL);
}

/**
 * vsvm_command_compare() - compare a word as a wait does
 * @word: the word
 * @value: what it is compared with
 * @mask: bits that are compared
 * @op: &enum drm_vsvm_wait_op
 *
 * Return: true if the wait is over.
 */
bool vsvm_command_compare(u64 word, u64 value, u64 mask, u32 op)
{
	word &= mask;
	value &= mask;
	switch (op) {
	case DRM_VSVM_WAIT_EQ:
		return word == value;
	case DRM_VSVM_WAIT_NE:
		return word != value;
	case DRM_VSVM_WAIT_GT:
		return word > value;
	case DRM_VSVM_WAIT_GE:
		return word >= value;
	case DRM_VSVM_WAIT_LT:
		return word < value;
	default:
		return word <= value;
	}
}
