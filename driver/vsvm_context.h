/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CONTEXT_H
#define VSVM_CONTEXT_H

#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "vsvm_types.h"

struct mempolicy;
struct vsvm_mirror;
struct vsvm_placing;
struct vsvm_purse;

/**
 * struct vsvm_context - for whom a call into a room works
 * @m: the mirror, bound: it has the mm, and the client whose device memory is used
 * @stop: true when the work has to end; sleeps never, may be called with any lock held
 * @policy: memory policy for mappings that have none, or NULL; stays until the call
 *	returns
 * @purse: pays for blocks of device memory; NULL: the cgroup of the current thread does
 * @hits_only: the work must not wait: what the device page table lacks ends an access
 *	with -EAGAIN
 * @place: called without locks for a page that the table lacks, from the address on to
 *	the end that the access has in this leaf. May move memory. Returns 0, or an errno
 *	that ends the access. NULL: pages are used where they are
 * @stays: nobody pays for device memory: no access moves memory
 *
 * The rooms below never ask who the current thread is. A wait that only core mm can end
 * is killable: for the caller of an ioctl by the signal that @stop finds, too.
 */
struct vsvm_context {
	struct vsvm_mirror *m;
	bool (*stop)(const struct vsvm_context *ctx);
	struct mempolicy *policy;
	struct vsvm_purse *purse;
	bool hits_only;
	int (*place)(const struct vsvm_context *ctx, unsigned long addr,
		     unsigned long end, enum vsvm_need need,
		     struct vsvm_placing *placing);
	bool stays;
};

/* True when the work has to end: between two steps it says -EINTR then. */
static inline bool vsvm_context_stops(const struct vsvm_context *ctx)
{
	return ctx->stop(ctx);
}

/* &vsvm_context.stop of a thread that works for itself. */
static inline bool vsvm_context_killed(const struct vsvm_context *ctx)
{
	return fatal_signal_pending(current);
}

/*
 * True if another thread wants the processor. cond_resched() does not know of the lazy
 * kind, and a kernel thread would go on until the next tick.
 */
static inline bool vsvm_context_must_yield(void)
{
	return need_resched() || test_thread_flag(TIF_NEED_RESCHED_LAZY);
}

/* The memory policy of the current thread. */
static inline struct mempolicy *vsvm_context_policy(void)
{
#ifdef CONFIG_NUMA
	return current->mempolicy;
#else
	return NULL;
#endif
}

#endif /* VSVM_CONTEXT_H */
