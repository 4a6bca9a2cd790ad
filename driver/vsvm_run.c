// SPDX-License-Identifier: GPL-2.0-only
/*
 * RUN: a program of the process, a step at a time.
 *
 * A walk finds the instruction, or what the last step lacked. Its visit does instructions
 * under the page-table lock, and looks up in the table what they touch. What is missing
 * there ends the visit. In an engine the step is over then. In the fault worker the next
 * walk is for the missing bytes, and its visit does the instruction under the lock under
 * which they were found. So other threads cannot keep an atomic operation from progress.
 *
 * Lifetime: a step; the registers are the queue's. Locks: those of vsvm_walk().
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <drm/vsvm_drm.h>

#include "vsvm_access.h"
#include "vsvm_command.h"
#include "vsvm_context.h"
#include "vsvm_inject.h"
#include "vsvm_link.h"
#include "vsvm_mirror.h"
#include "vsvm_run.h"
#include "vsvm_rv.h"
#include "vsvm_span.h"
#include "vsvm_walk.h"

/* Instructions of a step in an engine, and in the fault worker. */
#define STEP_COUNT	16384
#define SERVE_COUNT	64
/* Instructions before the next look who waits for the lock or the processor. */
#define LOOK_COUNT	512

/* Walks for one instruction in which pages may move: it has four of them at most. */
#define MAX_ROUNDS	4

/* Registers of the calling convention. */
#define REG_SP	2
#define REG_A0	10
#define ARGS	8

/**
 * enum stage - how far a program is: &vsvm_progress.at
 * @STAGE_BEGINS: it has no registers yet
 * @STAGE_RUNS: it does instructions
 * @STAGE_ENDS: its result is to be stored
 */
enum stage {
	STAGE_BEGINS,
	STAGE_RUNS,
	STAGE_ENDS,
};

/**
 * struct run - a step in progress
 * @v: the visitor
 * @ctx: for whom
 * @rv: the program
 * @bus: its memory
 * @end: why it stopped
 * @done: it did an instruction
 */
struct run {
	struct vsvm_visitor v;
	const struct vsvm_context *ctx;
	struct vsvm_rv *rv;
	struct vsvm_rv_bus bus;
	enum vsvm_rv_end end;
	bool done;
};

static void *bytes(const struct vsvm_span *span)
{
	return page_address(span->page) + offset_in_page(span->addr);
}

static enum vsvm_need need_of(enum vsvm_rv_kind kind)
{
	switch (kind) {
	case VSVM_RV_STORE:
		return VSVM_NEED_WRITE;
	case VSVM_RV_AMO:
		return VSVM_NEED_EXCLUSIVE;
	default:
		return VSVM_NEED_READ;
	}
}

/* Looks a page up for an access of some kind. */
static bool look_up(const struct vsvm_context *ctx, unsigned long page,
		    enum vsvm_rv_kind kind, struct vsvm_span *span)
{
	struct vsvm_inject *inject = ctx->m->table.inject;
	bool there = vsvm_span_beside(ctx, page, page + PAGE_SIZE, need_of(kind), span);

	switch (kind) {
	case VSVM_RV_FETCH:
		return VSVM_INJECT(inject, RUN_FETCH, false, there);
	case VSVM_RV_LOAD:
		return VSVM_INJECT(inject, RUN_LOAD, false, there);
	case VSVM_RV_STORE:
		return VSVM_INJECT(inject, RUN_STORE, false, there);
	default:
		return VSVM_INJECT(inject, RUN_ATOMIC, false, there);
	}
}

/*
 * &vsvm_rv_bus.map. The program may store anywhere in the page while the lock is held. So
 * the page is marked now: until the lock is dropped, reclaim cannot clean it.
 */
static void *run_map(struct vsvm_rv_bus *bus, unsigned long page,
		     enum vsvm_rv_kind kind)
{
	struct run *r = container_of(bus, struct run, bus);
	struct vsvm_span span;

	if (page >= TASK_SIZE || !look_up(r->ctx, page, kind, &span))
		return NULL;
	__assign_bit(vsvm_rv_way(page), &bus->away[kind],
		     vsvm_link_is_remote(span.state));
	if (kind == VSVM_RV_STORE || kind == VSVM_RV_AMO)
		vsvm_access_dirty(&span, span.len);
	return bytes(&span);
}

static bool gives_way(const struct vsvm_context *ctx)
{
	return vsvm_table_is_wanted(&ctx->m->table) || vsvm_context_must_yield();
}

/* Does instructions, whatever the walk was for. */
static long run_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct run *r = container_of(v, struct run, v);
	unsigned int n = r->ctx->hits_only ? STEP_COUNT : SERVE_COUNT, count;
	u64 before = r->rv->left;

	memset(r->bus.window, 0, sizeof(r->bus.window));
	r->bus.counts = vsvm_link_on();
	do {
		count = min(n, LOOK_COUNT);
		r->end = vsvm_rv_go(r->rv, &r->bus, count);
		n -= count;
	} while (r->end == VSVM_RV_MORE && n && !gives_way(r->ctx));
	r->done = r->rv->left != before;
	return span->len;
}

static int no_relax(struct vsvm_visitor *v)
{
	return 0;
}

static void note(struct vsvm_progress *p, unsigned long addr,
		 enum vsvm_rv_kind kind)
{
	p->addr = addr;
	p->end = addr + 1;
	p->need = need_of(kind);
	p->fetches = kind == VSVM_RV_FETCH;
}

/* Walks to a byte, and does instructions there. */
static int run_at(struct run *r, struct vsvm_progress *p, unsigned long addr,
		  enum vsvm_rv_kind kind)
{
	unsigned long next;

	note(p, addr, kind);
	if (addr >= TASK_SIZE)
		return -EFAULT;
	return vsvm_walk(r->ctx, addr, addr + 1, need_of(kind), &r->v, &next,
			 NULL);
}

/* Does instructions until one lacks what the context does not wait for. */
static int run_some(struct run *r, struct vsvm_progress *p)
{
	unsigned long until = jiffies + DRM_VSVM_STALL_SECONDS * HZ;
	enum vsvm_rv_kind kind = VSVM_RV_FETCH;
	unsigned long addr = r->rv->pc;
	unsigned int rounds;
	int ret;

	for (rounds = 0; ; rounds++) {
		/* Moves, or counts, of its pages may be in each other's way. */
		r->v.stays = rounds > MAX_ROUNDS;
		ret = run_at(r, p, addr, kind);
		if (ret || r->end != VSVM_RV_MISSES)
			return ret;
		addr = r->bus.addr;
		kind = r->bus.kind;
		note(p, addr, kind);
		if (addr >= TASK_SIZE)
			return -EFAULT;
		if (r->ctx->hits_only)
			return -EAGAIN;
		if (r->done)
			return 0;
		/* Another thread takes away one page while this one gets another. */
		if (vsvm_context_stops(r->ctx))
			return -EINTR;
		if (time_after(jiffies, until))
			return -EBUSY;
	}
}

/* What follows when the program stopped. */
static int run_ended(struct run *r, struct vsvm_progress *p)
{
	switch (r->end) {
	case VSVM_RV_CALL:
		p->old = r->rv->x[REG_A0];
		p->at = STAGE_ENDS;
		return VSVM_STEP_MORE;
	case VSVM_RV_BREAK:
	case VSVM_RV_ILLEGAL:
	case VSVM_RV_SPENT:
		p->addr = r->rv->pc;
		p->need = VSVM_NEED_NONE;
		p->fetches = false;
		return r->end == VSVM_RV_BREAK ? -ECANCELED :
		       r->end == VSVM_RV_SPENT ? -ETIME : -ENOEXEC;
	default:
		return VSVM_STEP_MORE;
	}
}

/* A visitor that copies words between the registers from a0 on and memory. */
struct words {
	struct vsvm_visitor v;
	struct vsvm_link_tally *tally;
	unsigned long addr;
	u64 *words;
	bool store;
};

static long words_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct words *w = container_of(v, struct words, v);
	u64 *word = w->words + (span->addr - w->addr) / sizeof(u64);
	u64 *at = bytes(span);
	unsigned long i;

	for (i = 0; i < span->len / sizeof(u64); i++) {
		if (w->store)
			WRITE_ONCE(at[i], word[i]);
		else
			word[i] = READ_ONCE(at[i]);
	}
	if (w->store)
		vsvm_access_dirty(span, span->len);
	vsvm_link_note(w->tally, span->state, span->len);
	return span->len;
}

static int copy_words(const struct vsvm_context *ctx, struct vsvm_progress *p,
		      unsigned long addr, u64 *words, unsigned int nr, bool store)
{
	struct words w = {
		.v.visit = words_visit,
		.v.relax = no_relax,
		.tally = &p->tally,
		.addr = addr,
		.words = words,
		.store = store,
	};
	enum vsvm_need need = store ? VSVM_NEED_WRITE : VSVM_NEED_READ;
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, addr, addr + nr * sizeof(u64), need, &w.v, &next,
			NULL);
	if (!ret)
		return 0;
	p->addr = next;
	p->end = next + 1;
	p->need = need;
	p->fetches = false;
	return ret;
}

static int run_begin(const struct vsvm_context *ctx, const struct drm_vsvm_command_run *run,
		     struct vsvm_progress *p)
{
	struct vsvm_rv *rv = p->rv;
	int ret;

	*rv = (struct vsvm_rv) { .pc = run->pc, .left = run->budget };
	rv->x[REG_SP] = run->sp;
	if (run->args) {
		ret = copy_words(ctx, p, run->args, rv->x + REG_A0, ARGS, false);
		if (ret)
			return ret;
	}
	/* What it reads is not older than what the commands before it stored. */
	smp_mb();
	p->at = STAGE_RUNS;
	return VSVM_STEP_MORE;
}

/**
 * vsvm_run_step() - work on a program
 * @ctx: for whom
 * @run: the command, checked
 * @p: in and out, how far it is
 *
 * Return: &enum vsvm_step; -EAGAIN, or an errno of vsvm_walk(), and @p has the address;
 * -ECANCELED: EBREAK; -ENOEXEC: no such instruction, or an atomic operation on a word
 * that is not aligned; -ETIME: the budget is spent; and @p has the program counter.
 */
int vsvm_run_step(const struct vsvm_context *ctx, const struct drm_vsvm_command_run *run,
		  struct vsvm_progress *p)
{
	struct run r = {
		.v.visit = run_visit,
		.v.relax = no_relax,
		.ctx = ctx,
		.rv = p->rv,
		.bus.map = run_map,
	};
	int ret;

	switch (p->at) {
	case STAGE_BEGINS:
		return run_begin(ctx, run, p);
	case STAGE_RUNS:
		ret = run_some(&r, p);
		p->tally.local += r.bus.bytes[0];
		p->tally.remote += r.bus.bytes[1];
		return ret ?: run_ended(&r, p);
	default:
		ret = run->result ? copy_words(ctx, p, run->result, &p->old, 1, true) : 0;
		return ret ?: VSVM_STEP_DONE;
	}
}
