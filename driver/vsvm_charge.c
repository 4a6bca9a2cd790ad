// SPDX-License-Identifier: GPL-2.0-only
/*
 * Charges of blocks to the dmem cgroup, where the kernel has it.
 *
 * Core charges the cgroup of the current thread and no other. A thread of the kernel
 * that moves memory to the device for a process is in none. So the thread that submits
 * the work pays in advance, for as many blocks as it can need, and what is left is given
 * back when the work is done.
 *
 * Lifetime: a purse lives from SUBMIT until its command is done. Locks: none; threads that
 * share the command take from it at the same time, one block each.
 */
#include <linux/cgroup_dmem.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vsvm_charge.h"
#include "vsvm_devmem.h"

/**
 * vsvm_charge_block() - charge a block
 * @region: the device
 * @purse: pays; NULL: the cgroup of the current thread does
 * @pool: out, for dmem_cgroup_uncharge()
 *
 * Return: 0; -EAGAIN: the limit of a cgroup, or the purse is empty; -ENOMEM.
 */
int vsvm_charge_block(struct dmem_cgroup_region *region,
		      struct vsvm_purse *purse,
		      struct dmem_cgroup_pool_state **pool)
{
	long left;

	if (!purse)
		return dmem_cgroup_try_charge(region, VSVM_BLOCK_SIZE, pool,
					      NULL);
	left = atomic_long_dec_if_positive(&purse->nr);
	if (left < 0)
		return -EAGAIN;
	*pool = purse->pools[left];
	return 0;
}

/**
 * vsvm_charge_fill() - charge the cgroup of the current thread for blocks to come
 * @region: the device
 * @blocks: how many at most; less if the limit of a cgroup says so
 *
 * Return: the purse; NULL: the kernel has no dmem cgroup, so nobody pays; an error
 * pointer: -ENOMEM, or -EINTR: the caller is being killed.
 */
struct vsvm_purse *vsvm_charge_fill(struct dmem_cgroup_region *region,
				    unsigned long blocks)
{
	struct vsvm_purse *purse;
	unsigned long nr;

	if (!IS_ENABLED(CONFIG_CGROUP_DMEM))
		return NULL;
	purse = kzalloc_obj(*purse, GFP_KERNEL_ACCOUNT);
	if (!purse)
		return ERR_PTR(-ENOMEM);
	purse->pools = kvmalloc_array(blocks, sizeof(*purse->pools),
				      GFP_KERNEL_ACCOUNT);
	if (!purse->pools) {
		kfree(purse);
		return ERR_PTR(-ENOMEM);
	}
	for (nr = 0; nr < blocks; nr++) {
		if (dmem_cgroup_try_charge(region, VSVM_BLOCK_SIZE,
					   &purse->pools[nr], NULL))
			break;
		atomic_long_inc(&purse->nr);
		cond_resched();
		if (fatal_signal_pending(current)) {
			vsvm_charge_empty(purse);
			return ERR_PTR(-EINTR);
		}
	}
	return purse;
}

/**
 * vsvm_charge_empty() - give back what is left, and free the purse
 * @purse: the purse, or NULL
 */
void vsvm_charge_empty(struct vsvm_purse *purse)
{
	struct dmem_cgroup_pool_state *pool;

	if (!purse)
		return;
	while (!vsvm_charge_block(NULL, purse, &pool))
		dmem_cgroup_uncharge(pool, VSVM_BLOCK_SIZE);
	kvfree(purse->pools);
	kfree(purse);
}
