/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_DISCARD_H
#define VSVM_DISCARD_H

struct drm_vsvm_discard;
struct vsvm_context;

int vsvm_discard(const struct vsvm_context *ctx, struct drm_vsvm_discard *arg);

#endif /* VSVM_DISCARD_H */
