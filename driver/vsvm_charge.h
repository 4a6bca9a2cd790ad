/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CHARGE_H
#define VSVM_CHARGE_H

struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;

/**
 * struct vsvm_purse - blocks that were charged to a cgroup before they are opened
 * @pools: whom each is charged to
 * @nr: number of those that are left
 *
 * For work that a thread of the kernel does for a process: it is in no cgroup of the
 * process.
 */
struct vsvm_purse {
	struct dmem_cgroup_pool_state **pools;
	unsigned long nr;
};

int vsvm_charge_block(struct dmem_cgroup_region *region,
		      struct vsvm_purse *purse,
		      struct dmem_cgroup_pool_state **pool);
struct vsvm_purse *vsvm_charge_fill(struct dmem_cgroup_region *region,
				    unsigned long blocks);
void vsvm_charge_empty(struct vsvm_purse *purse);

#endif /* VSVM_CHARGE_H */
