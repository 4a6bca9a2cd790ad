/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CHARGE_H
#define VSVM_CHARGE_H

#include <linux/atomic.h>

struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;

/**
 * struct vsvm_purse - blocks that were charged to a cgroup before they are opened
 * @pools: whom each is charged to
 * @nr: number of those that are left
 *
 * For work that threads of the kernel do for a process: they are in no cgroup of the
 * process. Several may pay from it at a time.
 */
struct vsvm_purse {
	struct dmem_cgroup_pool_state **pools;
	atomic_long_t nr;
};

int vsvm_charge_block(struct dmem_cgroup_region *region,
		      struct vsvm_purse *purse,
		      struct dmem_cgroup_pool_state **pool);
struct vsvm_purse *vsvm_charge_fill(struct dmem_cgroup_region *region,
				    unsigned long blocks);
void vsvm_charge_empty(struct vsvm_purse *purse);

#endif /* VSVM_CHARGE_H */
