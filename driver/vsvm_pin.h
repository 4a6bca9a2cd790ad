/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_PIN_H
#define VSVM_PIN_H

struct drm_vsvm_pin;
struct vsvm_context;

int vsvm_pin(const struct vsvm_context *ctx, struct drm_vsvm_pin *arg);

#endif /* VSVM_PIN_H */
