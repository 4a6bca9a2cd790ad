/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_ACCESS_H
#define VSVM_ACCESS_H

#include <linux/types.h>

struct drm_vsvm_atomic;
struct drm_vsvm_exclusive;
struct drm_vsvm_rw;
struct drm_vsvm_snapshot;
struct vsvm_context;
struct vsvm_span;

int vsvm_access_copy(const struct vsvm_context *ctx, struct drm_vsvm_rw *rw,
		     bool write);
int vsvm_access_exclusive(const struct vsvm_context *ctx,
			  struct drm_vsvm_exclusive *excl);
int vsvm_access_atomic(const struct vsvm_context *ctx,
		       struct drm_vsvm_atomic *atomic);
int vsvm_access_snapshot(const struct vsvm_context *ctx,
			 struct drm_vsvm_snapshot *s);

void vsvm_access_dirty(const struct vsvm_span *span, unsigned long len);

#endif /* VSVM_ACCESS_H */
