/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_PAGEMAP_H
#define VSVM_PAGEMAP_H

#include <linux/types.h>

struct dev_pagemap_ops;
struct shrink_control;
struct shrinker;
struct vsvm_devmem;

/* &shrinker.scan_objects: frees backing. */
typedef unsigned long vsvm_pagemap_scan(struct shrinker *shrinker,
				       struct shrink_control *sc);

struct vsvm_devmem *vsvm_pagemap_create(unsigned int device, u64 start,
					u64 size,
					const struct dev_pagemap_ops *ops,
					vsvm_pagemap_scan *scan);
void vsvm_pagemap_close(struct vsvm_devmem *dm);
void vsvm_pagemap_destroy(struct vsvm_devmem *dm);
void vsvm_pagemap_put(struct vsvm_devmem *dm);
int vsvm_pagemap_check(u64 start, u64 size);

#endif /* VSVM_PAGEMAP_H */
