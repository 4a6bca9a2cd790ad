// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits for user fences, by mm. A fence may be stored through any file of the
 * process, on any device.
 *
 * Lifetime: the module. Locks: those of the wait queues.
 */
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/sched.h>

#include "vsvm_fence.h"

#define FENCE_BITS	6
static wait_queue_head_t fences[1 << FENCE_BITS];

/**
 * vsvm_fence_waiters() - get the wait queue for the fences of a process
 * @mm: its mm
 *
 * Return: the wait queue, which other processes may share.
 */
wait_queue_head_t *vsvm_fence_waiters(const struct mm_struct *mm)
{
	return &fences[hash_ptr(mm, FENCE_BITS)];
}

/**
 * vsvm_fence_wake_all() - have all waiters look again
 *
 * Those that name no queue wait for the device, too.
 */
void vsvm_fence_wake_all(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		wake_up_all(&fences[i]);
}

/**
 * vsvm_fence_setup() - set up before the first file is opened
 */
void vsvm_fence_setup(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		init_waitqueue_head(&fences[i]);
}
