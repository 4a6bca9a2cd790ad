/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_PAGEMAP_H
#define VSVM_PAGEMAP_H

#include <linux/types.h>

struct dev_pagemap_ops;
struct shrink_control;
struct shrinker;
struct vsvm_devmem;

typedef unsigned long vsvm_pagemap_scan(struct shrinker *shrinker,
				       struct shrink_control *sc);

/**
 * struct vsvm_pagemap_ops - what rooms above do with the device's memory
 * @pagemap: callbacks of the pagemap
 * @scan: &shrinker.scan_objects: frees backing
 * @reclaim: &shrinker.scan_objects: brings pages of a cgroup to system memory
 * @reclaimable: &shrinker.count_objects for that
 */
struct vsvm_pagemap_ops {
	const struct dev_pagemap_ops *pagemap;
	vsvm_pagemap_scan *scan;
	vsvm_pagemap_scan *reclaim;
	vsvm_pagemap_scan *reclaimable;
};

struct vsvm_devmem *vsvm_pagemap_create(unsigned int device, u64 start,
					u64 size,
					const struct vsvm_pagemap_ops *ops);
void vsvm_pagemap_close(struct vsvm_devmem *dm);
void vsvm_pagemap_destroy(struct vsvm_devmem *dm);
void vsvm_pagemap_put(struct vsvm_devmem *dm);
int vsvm_pagemap_check(u64 start, u64 size);

#endif /* VSVM_PAGEMAP_H */
