/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_FENCE_H
#define VSVM_FENCE_H

#include <linux/wait.h>

struct mm_struct;

wait_queue_head_t *vsvm_fence_waiters(const struct mm_struct *mm);
void vsvm_fence_wake_all(void);
void vsvm_fence_setup(void);

#endif /* VSVM_FENCE_H */
