/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_HELPER_H
#define VSVM_HELPER_H

#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_command.h"
#include "vsvm_engine.h"
#include "vsvm_worker.h"

struct vsvm_context;
struct vsvm_helpers;
struct vsvm_vm;

/* A file has a helper for each engine but one, whose place the fault worker has. */
#define VSVM_MAX_HELPERS	(VSVM_MAX_ENGINES - 1)
/* A step of PREFETCH, which may begin anywhere in a part, has so many parts. */
#define VSVM_HELPER_PARTS	17

/**
 * struct vsvm_helper - a thread of a file that takes parts of a PREFETCH
 * @worker: the thread
 * @turn: what it is asked with
 * @all: the helpers of the file
 */
struct vsvm_helper {
	struct vsvm_worker worker;
	struct vsvm_turn turn;
	struct vsvm_helpers *all;
};

/**
 * struct vsvm_helper_part - a part of a step, in one leaf
 * @progress: how far it is
 * @ret: how it ended: 0, or a negative errno; 1: no thread has begun it
 */
struct vsvm_helper_part {
	struct vsvm_progress progress;
	int ret;
};

/**
 * struct vsvm_prefetched - how far PREFETCHes of a queue are
 * @bytes: bytes of ranges that are done with
 * @moved: bytes of these that moved
 */
struct vsvm_prefetched {
	u64 bytes;
	u64 moved;
};

/**
 * struct vsvm_helpers - the helpers of a file, and the step that they work on
 * @vm: the file's address space
 * @engines: the engines of its device
 * @helper: the helpers
 * @nr: number of those that were started; protected by &vsvm_engines.lock
 * @ctx: for whom the step is
 * @addr: first byte of the step
 * @len: its length
 * @target: where it moves
 * @flags: of the command
 * @sum: the queue's, protected by &vsvm_engines.lock
 * @part: its parts, in order
 * @next: the first part that no thread took; protected by &vsvm_engines.lock
 * @nr_parts: number of parts; protected likewise
 *
 * @ctx to @part belong to the fault worker, but a part to the thread that took it.
 */
struct vsvm_helpers {
	struct vsvm_vm *vm;
	struct vsvm_engines *engines;
	struct vsvm_helper helper[VSVM_MAX_HELPERS];
	unsigned int nr;
	const struct vsvm_context *ctx;
	u64 addr;
	u64 len;
	u32 target;
	u32 flags;
	struct vsvm_prefetched *sum;
	struct vsvm_helper_part part[VSVM_HELPER_PARTS];
	unsigned int next;
	unsigned int nr_parts;
};

void vsvm_helper_init(struct vsvm_helpers *h, struct vsvm_vm *vm,
		      struct vsvm_engines *engines);
void vsvm_helper_start(struct vsvm_helpers *h);
void vsvm_helper_interrupt(struct vsvm_helpers *h);
void vsvm_helper_end(struct vsvm_helpers *h);
long vsvm_helper_stop(struct vsvm_helpers *h, long patience);
int vsvm_helper_prefetch(struct vsvm_helpers *h, const struct vsvm_context *ctx,
			 const struct drm_vsvm_prefetch *f,
			 struct vsvm_progress *p, struct vsvm_prefetched *sum);

#endif /* VSVM_HELPER_H */
