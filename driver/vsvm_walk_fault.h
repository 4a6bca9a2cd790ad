/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of a walk of the per-page path, for its two files and for no other. */
#ifndef VSVM_WALK_FAULT_H
#define VSVM_WALK_FAULT_H

#include <linux/types.h>

#include "vsvm_mirror.h"
#include "vsvm_types.h"
#include "vsvm_walk.h"

struct hmm_range;
struct vsvm_context;
struct vsvm_inject;
struct vsvm_leaf;

/**
 * struct walk - one walk of the per-page path
 * @ctx: for whom the walk works
 * @m: its mirror
 * @v: the visitor
 * @need: what the visitor needs of each page
 * @addr: first byte not visited yet
 * @limit: most pages to fault in at once; halved to find a bad page, and when other
 *	threads keep changing the range
 * @deadline: in jiffies; reset by every byte of progress
 * @tries: number of attempts since then: one or two that wait long, for user space or a
 *	disk, are not what the deadline is for
 * @idx: for vsvm_mirror_exit(), while the walk holds the page-table lock
 * @held: other threads keep changing few pages as well: the next attempt holds mmap_lock
 * @relaxed: the visitor relaxed since it last got further
 * @placing: what &vsvm_context.place said of the page that is missing
 * @seq: vsvm_advice_seq() before it was asked; what is installed must not be older
 * @watch: notes whether the range that is faulted in is invalidated meanwhile
 * @pfns: for hmm_range_fault(), VSVM_LEAF_ENTRIES of them, allocated at first use
 * @spare: a leaf for the table, allocated when the table had none
 * @faults: number of entries installed
 */
struct walk {
	const struct vsvm_context *ctx;
	struct vsvm_mirror *m;
	struct vsvm_visitor *v;
	enum vsvm_need need;
	unsigned long addr;
	unsigned long limit;
	unsigned long deadline;
	unsigned int tries;
	int idx;
	bool held;
	bool relaxed;
	struct vsvm_placing placing;
	unsigned long seq;
	struct vsvm_watch watch;
	unsigned long *pfns;
	struct vsvm_leaf *spare;
	u64 faults;
};

static inline struct vsvm_inject *walk_inject(const struct walk *w)
{
	return w->m->table.inject;
}

void vsvm_walk_unlock(struct walk *w);
int vsvm_walk_interrupted(struct walk *w);
int vsvm_walk_range_fault(struct walk *w, struct hmm_range *range);
int vsvm_walk_look_held(struct walk *w, struct hmm_range *range);
int vsvm_walk_fault(struct walk *w, unsigned long end);

#endif /* VSVM_WALK_FAULT_H */
