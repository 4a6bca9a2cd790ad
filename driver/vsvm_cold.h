/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_COLD_H
#define VSVM_COLD_H

#include <linux/list.h>
#include <linux/types.h>

#include "vsvm_devmem.h"

/* True if a page of the block is pinned. A hint without &vsvm_devmem.lock. */
static inline bool vsvm_cold_is_pinned(const struct vsvm_block *b)
{
	/* Either answer is fine then. */
	return data_race(!list_empty(&b->pin));
}

void vsvm_cold_add(struct vsvm_block *b, struct vsvm_client *client);
void vsvm_cold_remove(struct vsvm_block *b, struct vsvm_client *client);
void vsvm_cold_warm(struct vsvm_block *b);
struct vsvm_block *vsvm_cold_first(struct vsvm_devmem *dm,
				   struct vsvm_client *client,
				   unsigned long fair, unsigned long since,
				   unsigned long *budget);
bool vsvm_cold_stays(const struct vsvm_block *b,
		     const struct vsvm_client *client, unsigned long fair);
unsigned long vsvm_cold_pins(const struct vsvm_devmem *dm);
int vsvm_cold_pin(struct vsvm_block *b, const struct vsvm_client *client,
		  unsigned int first, unsigned int nr);
bool vsvm_cold_unpin(struct vsvm_block *b, const struct vsvm_client *client,
		     unsigned int first, unsigned int nr);
void vsvm_cold_forget(struct vsvm_block *b, unsigned int first,
		      unsigned int nr);
void vsvm_cold_move_pin(const struct page *from, const struct page *to);
bool vsvm_cold_unpin_some(struct vsvm_client *client);

#endif /* VSVM_COLD_H */
