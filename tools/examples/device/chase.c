// SPDX-License-Identifier: GPL-2.0-only
/* The device's part of the example chase: a work item follows one list to its end. */
#include "vsvm_device.h"
#include "chase.h"

void follow(const struct chase *c)
{
	const struct node *node;
	uint64_t sum = 0;

	for (node = c->heads[vsvm_item()]; node; node = node->next)
		sum += node->value;
	c->sums[vsvm_item()] = sum;
}
