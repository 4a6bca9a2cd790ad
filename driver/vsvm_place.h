/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_PLACE_H
#define VSVM_PLACE_H

#include "vsvm_types.h"

struct drm_vsvm_advice_get;
struct drm_vsvm_advise;
struct drm_vsvm_migrate;
struct vsvm_context;
struct vsvm_link_moves;
struct vsvm_mirror;
struct vsvm_placing;

int vsvm_place(const struct vsvm_context *ctx, unsigned long addr,
	       unsigned long end, enum vsvm_need need,
	       struct vsvm_placing *placing);
int vsvm_place_migrate(const struct vsvm_context *ctx,
		       struct drm_vsvm_migrate *mig,
		       struct vsvm_link_moves *moves);
bool vsvm_place_may_move(struct vsvm_mirror *m);
int vsvm_place_advise(const struct vsvm_context *ctx,
		      const struct drm_vsvm_advise *arg);
int vsvm_place_advice_get(const struct vsvm_context *ctx,
			  struct drm_vsvm_advice_get *arg);

#endif /* VSVM_PLACE_H */
