// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers: threads of a file that move parts of a large PREFETCH, while its fault worker
 * moves others.
 *
 * A step of a PREFETCH is cut at the leaves of the device page table. The fault worker
 * asks each helper, and takes parts itself until none is left; then it takes back what it
 * asked of helpers that did not begin, and waits for the others. So a step needs no
 * helper, and a helper has nothing of a step when that has ended.
 *
 * A helper is a worker with a list of its own. It may wait in core mm as the fault worker
 * may, and a signal ends that in the same way. Who ends the fault worker's wait has to
 * end the helpers', too: the fault worker itself waits for them whatever happens.
 *
 * Lifetime: from the first large PREFETCH of the file until the file is closed.
 *
 * Locks: &vsvm_engines.lock, to take a part.
 */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "vsvm_context.h"
#include "vsvm_helper.h"
#include "vsvm_inject.h"
#include "vsvm_vm.h"

/* Parts are cut at multiples of this. */
#define PART_BYTES	((u64)PMD_SIZE)
/* Most bytes of a step, wherever in a part it begins. */
#define STEP_BYTES	((VSVM_HELPER_PARTS - 1) * PART_BYTES)

static bool share_prefetch = true;
module_param(share_prefetch, bool, 0644);
MODULE_PARM_DESC(share_prefetch,
		 "several threads share a large PREFETCH, as many as there are engines (default Y)");

static struct vsvm_helper *to_helper(struct vsvm_worker *w)
{
	return container_of(w, struct vsvm_helper, worker);
}

/* Takes a part. Returns false if there is none left. */
static bool take(struct vsvm_helpers *h, unsigned int *i)
{
	bool found;

	spin_lock(&h->engines->lock);
	found = h->next < h->nr_parts;
	if (found)
		*i = h->next++;
	spin_unlock(&h->engines->lock);
	return found;
}

/* A part has ended. After an error nobody takes another one. */
static void give(struct vsvm_helpers *h, const struct vsvm_helper_part *part)
{
	spin_lock(&h->engines->lock);
	h->sum->bytes += part->progress.at;
	h->sum->moved += part->progress.moved;
	if (part->ret)
		h->next = h->nr_parts;
	spin_unlock(&h->engines->lock);
}

static int move_part(struct vsvm_helpers *h, unsigned int i)
{
	u64 base = ALIGN_DOWN(h->addr, PART_BYTES) + i * PART_BYTES;
	u64 start = max(h->addr, base);
	const struct drm_vsvm_command c = {
		.op = DRM_VSVM_COMMAND_PREFETCH,
		.prefetch.addr = start,
		.prefetch.len = min(h->addr + h->len, base + PART_BYTES) - start,
		.prefetch.target = h->target,
		.prefetch.flags = h->flags,
	};
	int ret = vsvm_command_step(h->ctx, &c, &h->part[i].progress);

	return ret == VSVM_STEP_DONE ? 0 : ret;
}

/* Moves parts until none is left. */
static void move_parts(struct vsvm_helpers *h)
{
	unsigned int i;

	while (take(h, &i)) {
		h->part[i].ret = move_part(h, i);
		give(h, &h->part[i]);
	}
}

static void helper_prepare(struct vsvm_worker *w, struct list_head *batch)
{
}

/* &vsvm_worker_ops.serve: the fault worker waits, and keeps the mm meanwhile. */
static void helper_serve(struct vsvm_worker *w, struct vsvm_turn *turn)
{
	struct vsvm_helpers *h = to_helper(w)->all;
	struct vsvm_inject_as as;
	struct vsvm_act act;

	kcov_remote_start_common(h->vm->kcov);
	vsvm_inject_as_begin(&as, h->vm->mm);
	vsvm_vm_act_begin(h->vm, &act);
	move_parts(h);
	vsvm_vm_act_end(&act);
	vsvm_inject_as_end(&as);
	kcov_remote_stop();
	vsvm_engine_end(h->engines, turn, VSVM_TURN_IDLE);
}

static bool helper_orphaned(struct vsvm_worker *w)
{
	return !vsvm_vm_lives(to_helper(w)->all->vm);
}

static void helper_exit(struct vsvm_worker *w)
{
	struct vsvm_vm *vm = to_helper(w)->all->vm;

	vsvm_mirror_helps_no_more(&vm->mirror);
	vsvm_vm_put(vm);
}

static const struct vsvm_worker_ops helper_ops = {
	.prepare = helper_prepare,
	.serve = helper_serve,
	.orphaned = helper_orphaned,
	.exit = helper_exit,
};

/**
 * vsvm_helper_init() - set up helpers that are not started
 * @h: the helpers of a file
 * @vm: its address space
 * @engines: the engines of its device
 */
void vsvm_helper_init(struct vsvm_helpers *h, struct vsvm_vm *vm,
		      struct vsvm_engines *engines)
{
	unsigned int i;

	h->vm = vm;
	h->engines = engines;
	for (i = 0; i < VSVM_MAX_HELPERS; i++) {
		h->helper[i].all = h;
		vsvm_worker_init(&h->helper[i].worker, &helper_ops, engines);
	}
}

static bool start_one(struct vsvm_helpers *h)
{
	struct vsvm_worker *w = &h->helper[h->nr].worker;

	if (!vsvm_mirror_helps(&h->vm->mirror))
		return false;
	vsvm_vm_get(h->vm);
	if (VSVM_INJECT(vsvm_vm_inject(h->vm), HELPER, -ENOMEM,
			vsvm_worker_start(w, h->vm->mirror.device))) {
		/* Never the last one: the file is open. */
		helper_exit(w);
		return false;
	}
	spin_lock(&h->engines->lock);
	WRITE_ONCE(h->nr, h->nr + 1); /* pairs with _interrupt(), vsvm_queue_helps() */
	spin_unlock(&h->engines->lock);
	return true;
}

/**
 * vsvm_helper_start() - start the threads that do not run yet
 * @h: the helpers; the caller has &vsvm_queues.lock, and the file is open
 *
 * There may be fewer than engines, or none: a process has so many on each device, and the
 * host may lack memory.
 */
void vsvm_helper_start(struct vsvm_helpers *h)
{
	while (h->nr + 1 < h->engines->nr && start_one(h))
		;
}

/**
 * vsvm_helper_interrupt() - end the waits that helpers are in
 * @h: the helpers
 */
void vsvm_helper_interrupt(struct vsvm_helpers *h)
{
	unsigned int i;

	/* Who is asked later finds out by itself that the work is to end. */
	for (i = 0; i < READ_ONCE(h->nr); i++)
		vsvm_worker_interrupt(&h->helper[i].worker);
}

/**
 * vsvm_helper_end() - tell the threads that they have to end
 * @h: the helpers; their file is being closed
 */
void vsvm_helper_end(struct vsvm_helpers *h)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		vsvm_worker_end(&h->helper[i].worker);
}

/**
 * vsvm_helper_stop() - wait for the end of the threads
 * @h: the helpers, after vsvm_helper_end(); the fault worker was stopped
 * @patience: as for vsvm_worker_stop()
 *
 * Return: what is left of @patience.
 */
long vsvm_helper_stop(struct vsvm_helpers *h, long patience)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		patience = vsvm_worker_stop(&h->helper[i].worker, patience);
	return patience;
}

/* Asks the helpers, once a step is there. Returns how many. */
static unsigned int ask(struct vsvm_helpers *h, unsigned int nr_parts)
{
	struct vsvm_turn *t;
	unsigned int i, n = 0;

	spin_lock(&h->engines->lock);
	h->next = 0;
	h->nr_parts = nr_parts;
	if (READ_ONCE(share_prefetch))
		n = min(h->nr, nr_parts - 1);
	for (i = 0; i < n; i++) {
		t = &h->helper[i].turn;
		*t = (struct vsvm_turn) { .state = VSVM_TURN_FAULTS };
		vsvm_worker_add(&h->helper[i].worker, t);
	}
	spin_unlock(&h->engines->lock);
	return n;
}

/* Waits for helpers that have begun, however long: they use the caller's context. */
static void wait(struct vsvm_helpers *h, unsigned int n)
{
	struct vsvm_turn *t;
	unsigned int i;

	for (i = 0; i < n; i++) {
		t = &h->helper[i].turn;
		vsvm_engine_cancel(h->engines, t);
		wait_event_idle(h->engines->ended,
				/* Pairs with the lock of vsvm_engine_end(). */
				smp_load_acquire(&t->state) == VSVM_TURN_GONE);
	}
}

/*
 * Adds up the parts to the first that is not done; those behind it will be done again.
 * Returns the step's error, or 0.
 */
static int add_up(const struct vsvm_helpers *h, struct vsvm_progress *p)
{
	struct vsvm_prefetched again = {};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < h->nr_parts; i++) {
		const struct vsvm_helper_part *part = &h->part[i];

		vsvm_link_add(&p->moves.to_device, &part->progress.moves.to_device);
		vsvm_link_add(&p->moves.home, &part->progress.moves.home);
		if (ret) {
			again.bytes += part->progress.at;
			again.moved += part->progress.moved;
		} else {
			p->at += part->progress.at;
			p->moved += part->progress.moved;
		}
		/* The error may be that of a part behind one that nobody took. */
		if (!ret || (ret > 0 && part->ret < 0))
			ret = part->ret;
	}
	spin_lock(&h->engines->lock);
	h->sum->bytes -= again.bytes;
	h->sum->moved -= again.moved;
	spin_unlock(&h->engines->lock);
	return ret;
}

/**
 * vsvm_helper_prefetch() - do a step of a PREFETCH, with whoever helps
 * @h: the helpers of the file; the caller is its fault worker
 * @ctx: for whom
 * @f: the command
 * @p: how far it is
 * @sum: how far the queue's PREFETCHes are, protected by &vsvm_engines.lock
 *
 * Waits as vsvm_migrate() does. @p counts what is done from the beginning on: parts behind
 * one that failed are done again.
 *
 * Return: &enum vsvm_step; -EINTR or -ENODEV.
 */
int vsvm_helper_prefetch(struct vsvm_helpers *h, const struct vsvm_context *ctx,
			 const struct drm_vsvm_prefetch *f,
			 struct vsvm_progress *p, struct vsvm_prefetched *sum)
{
	unsigned int i, n, nr;
	int ret;

	h->ctx = ctx;
	h->addr = f->addr + p->at;
	h->len = min(f->len - p->at, STEP_BYTES);
	h->target = f->target;
	h->flags = f->flags;
	h->sum = sum;
	nr = (ALIGN(h->addr + h->len, PART_BYTES) -
	      ALIGN_DOWN(h->addr, PART_BYTES)) / PART_BYTES;
	for (i = 0; i < nr; i++)
		h->part[i] = (struct vsvm_helper_part) { .ret = 1 };
	n = ask(h, nr);
	move_parts(h);
	wait(h, n);
	ret = add_up(h, p);
	vsvm_mirror_charge_moves(ctx->m, &p->moves);
	if (ret)
		return ret;
	return p->at < f->len ? VSVM_STEP_MORE : VSVM_STEP_DONE;
}
