/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_RUN_H
#define VSVM_RUN_H

struct drm_vsvm_command_run;
struct vsvm_context;
struct vsvm_progress;

int vsvm_run_step(const struct vsvm_context *ctx, const struct drm_vsvm_command_run *run,
		  struct vsvm_progress *p);

#endif /* VSVM_RUN_H */
