/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_POLICY_H
#define VSVM_POLICY_H

#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_types.h"

/**
 * enum vsvm_policy_answer - what follows when the device lacks a page
 * @VSVM_POLICY_USE: use it where it is
 * @VSVM_POLICY_MOVE: move it to the device, if it can move
 * @VSVM_POLICY_REFUSE: the device must not access it
 */
enum vsvm_policy_answer {
	VSVM_POLICY_USE,
	VSVM_POLICY_MOVE,
	VSVM_POLICY_REFUSE,
};

/**
 * struct vsvm_policy_piece - pages of a leaf, by index, that may move together
 * @first: first page that may
 * @end: end of these
 * @want: first page that the device lacks
 * @want_end: end of those that it is going to access
 * @granule: number of pages that move together at least, a power of two
 * @one_entry: the CPU maps the wanted page by an entry for the whole leaf
 * @from: out, first page to move
 * @to: out, end of the pages to move
 */
struct vsvm_policy_piece {
	unsigned int first;
	unsigned int end;
	unsigned int want;
	unsigned int want_end;
	unsigned int granule;
	bool one_entry;
	unsigned int from;
	unsigned int to;
};

unsigned long vsvm_policy_home_bytes(void);
bool vsvm_policy_moves(void);
void vsvm_policy_resolve(struct drm_vsvm_advice *advice,
			 const struct drm_vsvm_advice *file);
enum vsvm_policy_answer
vsvm_policy_ask(const struct drm_vsvm_advice *advice, enum vsvm_need need);
void vsvm_policy_grow(struct vsvm_policy_piece *piece,
		      unsigned long *resident);

#endif /* VSVM_POLICY_H */
