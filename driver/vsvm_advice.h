/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_ADVICE_H
#define VSVM_ADVICE_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

/* Number of groups of addresses whose changes are told apart. */
#define VSVM_ADVICE_SEQS	64UL

/**
 * struct vsvm_advices - the advice of a file
 * @lock: protects the rest; inside mmap_lock, outside the page-table lock. The notifier
 *	takes it, so its holder must not allocate with reclaim
 * @ranges: &struct vsvm_advice_range by address: no two overlap, neighbours differ, and
 *	each says something
 * @nr: number of them
 * @file: what holds for the file where a range says nothing
 * @says: @file says something; also read without the lock, as @nr is
 * @seq: goes up with each change that a walk in progress must see, one for each group of
 *	addresses; see vsvm_advice_seq(). Protected by the page-table lock, and not by
 *	@lock
 */
struct vsvm_advices {
	struct mutex lock; /* everything below but seq */
	struct rb_root ranges;
	unsigned int nr;
	struct drm_vsvm_advice file;
	bool says;
	unsigned long seq[VSVM_ADVICE_SEQS];
};

/**
 * struct vsvm_advice_range - neighbouring pages with the same advice
 * @node: in &vsvm_advices.ranges
 * @link: in a list of ranges to use
 * @start: first byte
 * @end: end of the range
 * @advice: what the process said
 */
struct vsvm_advice_range {
	union {
		struct rb_node node;
		struct list_head link;
	};
	unsigned long start;
	unsigned long end;
	struct drm_vsvm_advice advice;
};

/* That of the group of @addr, which is every 64th leaf. */
static inline unsigned long *vsvm_advice_seq(struct vsvm_advices *a,
					     unsigned long addr)
{
	return &a->seq[(addr >> PMD_SHIFT) % VSVM_ADVICE_SEQS];
}

void vsvm_advices_init(struct vsvm_advices *a);
void vsvm_advices_destroy(struct vsvm_advices *a);
struct vsvm_advice_range *vsvm_advice_find(struct vsvm_advices *a,
					   unsigned long addr);
void vsvm_advice_look(struct vsvm_advices *a, unsigned long addr,
		      struct drm_vsvm_advice_run *run);
unsigned int vsvm_advice_needs(struct vsvm_advices *a, unsigned long start,
			       unsigned long end);
void vsvm_advice_set(struct vsvm_advices *a, unsigned long start,
		     unsigned long end, u32 set,
		     const struct drm_vsvm_advice *advice,
		     struct list_head *spare);
void vsvm_advice_apply(struct drm_vsvm_advice *to, u32 set,
		       const struct drm_vsvm_advice *from);
void vsvm_advice_forget(struct vsvm_advices *a, unsigned long start,
			unsigned long end);
void vsvm_advice_move(struct vsvm_advices *a, unsigned long start,
		      unsigned long end, unsigned long to);

#endif /* VSVM_ADVICE_H */
