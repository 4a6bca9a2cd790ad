/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_MIGRATE_H
#define VSVM_MIGRATE_H

#include <linux/memremap.h>

struct drm_vsvm_migrate;
struct vsvm_mirror;

extern const struct dev_pagemap_ops vsvm_migrate_pagemap_ops;

int vsvm_migrate(struct vsvm_mirror *m, struct drm_vsvm_migrate *mig);

#endif /* VSVM_MIGRATE_H */
