/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_FAULT_H
#define VSVM_FAULT_H

#include <linux/list.h>
#include <linux/memremap.h>

struct task_struct;

/**
 * struct vsvm_cow - a device write that breaks copy-on-write in a task
 * @link: in the list of all of them
 * @task: the task
 */
struct vsvm_cow {
	struct list_head link;
	struct task_struct *task;
};

extern const struct dev_pagemap_ops vsvm_fault_pagemap_ops;

void vsvm_fault_cow_begin(struct vsvm_cow *cow);
void vsvm_fault_cow_end(struct vsvm_cow *cow);

#endif /* VSVM_FAULT_H */
