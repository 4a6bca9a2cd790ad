/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_MIGRATE_H
#define VSVM_MIGRATE_H

#include <linux/types.h>

#include "vsvm_types.h"

struct drm_vsvm_migrate;
struct vsvm_context;
struct vsvm_link_way;

int vsvm_migrate(const struct vsvm_context *ctx, struct drm_vsvm_migrate *mig,
		 enum vsvm_cause cause, bool evicts, struct vsvm_link_way *way);

#endif /* VSVM_MIGRATE_H */
