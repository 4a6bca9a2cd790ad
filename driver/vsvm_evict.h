/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_EVICT_H
#define VSVM_EVICT_H

struct vsvm_devmem;

int vsvm_evict_all(struct vsvm_devmem *dm);

#endif /* VSVM_EVICT_H */
