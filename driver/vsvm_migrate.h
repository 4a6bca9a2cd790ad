/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_MIGRATE_H
#define VSVM_MIGRATE_H

struct drm_vsvm_migrate;
struct vsvm_mirror;

int vsvm_migrate(struct vsvm_mirror *m, struct drm_vsvm_migrate *mig);

#endif /* VSVM_MIGRATE_H */
