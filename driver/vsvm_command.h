/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_COMMAND_H
#define VSVM_COMMAND_H

#include <linux/types.h>

#include "vsvm_link.h"
#include "vsvm_types.h"

struct drm_vsvm_command;
struct vsvm_context;
struct vsvm_rv;

/**
 * enum vsvm_step - how a step of a command ended
 * @VSVM_STEP_MORE: there is more of it to do
 * @VSVM_STEP_DONE: the command is done
 * @VSVM_STEP_WAITS: its word does not have the value yet
 */
enum vsvm_step {
	VSVM_STEP_MORE,
	VSVM_STEP_DONE,
	VSVM_STEP_WAITS,
};

/**
 * struct vsvm_progress - how far a command is
 * @at: number of bytes that are done; RUN: its stage
 * @old: ATOMIC: the word before the operation; RUN: its result
 * @moved: PREFETCH: number of bytes that moved
 * @rv: RUN: the program, which the queue has
 * @tally: what it accessed, if a link is modelled
 * @moves: PREFETCH: what it moved, if a link is modelled
 * @applied: ATOMIC: the operation is done, and @old is to be stored
 * @addr: where the last step could not go on
 * @end: end of the bytes from there on that it wanted, in one leaf
 * @need: what it needed there
 * @fetches: RUN: it needed an instruction
 */
struct vsvm_progress {
	u64 at;
	u64 old;
	u64 moved;
	struct vsvm_rv *rv;
	struct vsvm_link_tally tally;
	struct vsvm_link_moves moves;
	bool applied;
	unsigned long addr;
	unsigned long end;
	enum vsvm_need need;
	bool fetches;
};

int vsvm_command_step(const struct vsvm_context *ctx,
		      const struct drm_vsvm_command *c,
		      struct vsvm_progress *p);
void vsvm_command_touch(const struct vsvm_context *ctx, unsigned long start,
			unsigned long end, enum vsvm_need need);
bool vsvm_command_compare(u64 word, u64 value, u64 mask, u32 op);

#endif /* VSVM_COMMAND_H */
