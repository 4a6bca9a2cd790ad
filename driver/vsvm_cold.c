// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which block of a client makes room: the one that was used longest ago, unless the
 * client has pages of it pinned.
 *
 * The blocks with a page in use are in &vsvm_client.cold, by their last use. Those with
 * a pinned page are in &vsvm_client.pinned instead, up to a share of the client's fair
 * share. That becomes smaller when other clients come. What a client has pinned above
 * its share makes room once nothing else of it can.
 *
 * Lifetime: from a block's first page in use to its last one; a pin also ends with the
 * last file of the process. Locks: &vsvm_devmem.lock.
 */
#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

#include "vsvm_client.h"
#include "vsvm_cold.h"
#include "vsvm_devmem.h"
#include "vsvm_policy.h"

/* Blocks to look at before the lock is dropped. */
#define BATCH	64

static struct vsvm_client *owner_of(struct vsvm_block *b)
{
	return rcu_dereference_protected(b->client,
					 lockdep_is_held(&b->devmem->lock));
}

/*
 * Of blocks that were used since the same one was opened, the one that was opened first.
 * Where in the device they are depends on what other processes did before.
 */
static bool is_colder(struct rb_node *node, const struct rb_node *other)
{
	const struct vsvm_block *a = rb_entry(node, struct vsvm_block, cold);
	const struct vsvm_block *b = rb_entry(other, struct vsvm_block, cold);

	return (long)(a->rank == b->rank ? a->opened - b->opened :
					   a->rank - b->rank) < 0;
}

static void block_rank(struct vsvm_block *b, struct vsvm_client *client,
		       unsigned long rank)
{
	/* choose_block() in vsvm_evict.c reads it without the lock. */
	WRITE_ONCE(b->rank, rank);
	rb_add_cached(&b->cold, &client->cold, is_colder);
}

/**
 * vsvm_cold_add() - note that a block has a page in use
 * @b: the block; it may have been noted before
 * @client: its client
 *
 * Context: &vsvm_devmem.lock is held.
 */
void vsvm_cold_add(struct vsvm_block *b, struct vsvm_client *client)
{
	lockdep_assert_held(&b->devmem->lock);
	if (RB_EMPTY_NODE(&b->cold) && !vsvm_cold_is_pinned(b))
		block_rank(b, client, READ_ONCE(b->last_use));
}

/**
 * vsvm_cold_remove() - note that a block has no page in use any more
 * @b: the block
 * @client: its client
 *
 * Context: &vsvm_devmem.lock is held.
 */
void vsvm_cold_remove(struct vsvm_block *b, struct vsvm_client *client)
{
	lockdep_assert_held(&b->devmem->lock);
	if (RB_EMPTY_NODE(&b->cold))
		return;
	rb_erase_cached(&b->cold, &client->cold);
	RB_CLEAR_NODE(&b->cold);
}

/**
 * vsvm_cold_warm() - make a block the one used last
 * @b: the block
 */
void vsvm_cold_warm(struct vsvm_block *b)
{
	struct vsvm_devmem *dm = b->devmem;

	guard(spinlock_irqsave)(&dm->lock);
	WRITE_ONCE(b->last_use, ++dm->clock);
	if (vsvm_cold_is_pinned(b))
		list_move_tail(&b->pin, &owner_of(b)->pinned);
}

/**
 * vsvm_cold_pins() - find out how much a client may have pinned
 * @dm: the device's memory
 *
 * Return: number of blocks.
 */
unsigned long vsvm_cold_pins(const struct vsvm_devmem *dm)
{
	return vsvm_policy_pins(vsvm_devmem_fair(dm, false));
}

/**
 * vsvm_cold_stays() - find out whether eviction leaves a block alone for its pins
 * @b: the block
 * @client: its client
 * @fair: the fair share, in blocks
 *
 * Context: &vsvm_devmem.lock is held.
 *
 * Return: true if it does.
 */
bool vsvm_cold_stays(const struct vsvm_block *b,
		     const struct vsvm_client *client, unsigned long fair)
{
	return vsvm_cold_is_pinned(b) &&
	       client->nr_pinned <= vsvm_policy_pins(fair);
}

/* The block that was pinned first, if the client has pinned too much. */
static struct vsvm_block *pinned_first(struct vsvm_client *client,
				       unsigned long fair)
{
	struct vsvm_block *b;

	if (client->nr_pinned <= vsvm_policy_pins(fair))
		return NULL;
	b = list_first_entry(&client->pinned, struct vsvm_block, pin);
	/* As in block_rank(): it competes with blocks of others by its last use. */
	WRITE_ONCE(b->rank, READ_ONCE(b->last_use));
	return b;
}

/**
 * vsvm_cold_first() - find the block of a client that makes room first
 * @dm: the device's memory
 * @client: the client; the caller keeps it, by a reference or RCU
 * @fair: the fair share, in blocks
 * @since: value of &vsvm_devmem.clock when the caller began to make room
 * @budget: in and out, how many blocks may be re-ranked
 *
 * An access only writes @last_use of its block; it does not update the tree, which
 * would need the lock. So the first block of the tree may have been used since it was
 * ranked. Such a block is ranked again, and the next one is looked at. Ranks only grow,
 * so the first block that was not used since it was ranked is the one that was used
 * longest ago. Each use of a block costs at most one re-rank. @budget ends the search
 * for a client whose blocks are used as fast as they are re-ranked.
 *
 * Pinned blocks that are too many come behind all others, also behind those that were tried
 * since and have pages that cannot move.
 *
 * Return: the block; NULL: the client has no block that may make room; -EAGAIN: call
 * again.
 */
struct vsvm_block *vsvm_cold_first(struct vsvm_devmem *dm,
				   struct vsvm_client *client,
				   unsigned long fair, unsigned long since,
				   unsigned long *budget)
{
	struct vsvm_block *pinned, *b = NULL, *found = ERR_PTR(-EAGAIN);
	unsigned long use;
	unsigned int n;

	guard(spinlock_irqsave)(&dm->lock);
	for (n = 0; n < BATCH && IS_ERR(found); n++) {
		b = rb_entry_safe(rb_first_cached(&client->cold),
				  struct vsvm_block, cold);
		use = b ? READ_ONCE(b->last_use) : 0;
		if (!b || (long)(use - b->rank) <= 0 || !*budget) {
			found = b;
			continue;
		}
		--*budget;
		rb_erase_cached(&b->cold, &client->cold);
		block_rank(b, client, use);
	}
	if (IS_ERR(found) || (found && (long)(found->rank - since) <= 0))
		return found;
	pinned = pinned_first(client, fair);
	return pinned ?: found;
}

static void pin_block(struct vsvm_block *b, struct vsvm_client *client)
{
	vsvm_cold_remove(b, client);
	list_add_tail(&b->pin, &client->pinned);
	client->nr_pinned++;
}

static void unpin_block(struct vsvm_block *b, struct vsvm_client *client)
{
	list_del_init(&b->pin);
	client->nr_pinned--;
}

/**
 * vsvm_cold_pin() - pin pages
 * @b: their block; the caller keeps the pages in use
 * @client: of the process that asks
 * @first: number of the first page in the block
 * @nr: number of pages
 *
 * Return: 0; -ENOSPC: that would be more than the client may pin; -EXDEV: the block is
 * another client's.
 */
int vsvm_cold_pin(struct vsvm_block *b, const struct vsvm_client *client,
		  unsigned int first, unsigned int nr)
{
	struct vsvm_client *owner;

	guard(spinlock_irqsave)(&b->devmem->lock);
	owner = owner_of(b);
	if (owner != client)
		return -EXDEV;
	if (!vsvm_cold_is_pinned(b)) {
		if (owner->nr_pinned >= vsvm_cold_pins(b->devmem))
			return -ENOSPC;
		pin_block(b, owner);
	}
	bitmap_set(b->pinned, first, nr);
	return 0;
}

/**
 * vsvm_cold_forget() - note that pages are not pinned any more
 * @b: their block
 * @first: number of the first page in the block
 * @nr: number of pages
 *
 * The caller calls vsvm_cold_add() if the block has pages in use then.
 *
 * Context: &vsvm_devmem.lock is held.
 */
void vsvm_cold_forget(struct vsvm_block *b, unsigned int first,
		      unsigned int nr)
{
	lockdep_assert_held(&b->devmem->lock);
	if (!vsvm_cold_is_pinned(b))
		return;
	bitmap_clear(b->pinned, first, nr);
	if (bitmap_empty(b->pinned, VSVM_BLOCK_PAGES))
		unpin_block(b, owner_of(b));
}

/**
 * vsvm_cold_unpin() - let pages make room again
 * @b: their block; the caller keeps the pages in use
 * @client: of the process that asks
 * @first: number of the first page in the block
 * @nr: number of pages
 *
 * Return: true; false: the block is another client's.
 */
bool vsvm_cold_unpin(struct vsvm_block *b, const struct vsvm_client *client,
		     unsigned int first, unsigned int nr)
{
	struct vsvm_client *owner;

	guard(spinlock_irqsave)(&b->devmem->lock);
	owner = owner_of(b);
	if (owner != client)
		return false;
	vsvm_cold_forget(b, first, nr);
	vsvm_cold_add(b, owner);
	return true;
}

/**
 * vsvm_cold_move_pin() - pin the page that takes the place of another one
 * @from: the other page, whose folio is locked
 * @to: the page, in a block of the same client
 *
 * @from is pinned until it is freed. Meanwhile the client may have a block more pinned
 * than it may pin, but not two: then @to is not pinned.
 */
void vsvm_cold_move_pin(const struct page *from, const struct page *to)
{
	struct vsvm_block *b = vsvm_devmem_block_of(from);
	struct vsvm_block *other = vsvm_devmem_block_of(to);

	guard(spinlock_irqsave)(&b->devmem->lock);
	if (!test_bit(vsvm_devmem_offset(from), b->pinned))
		return;
	if (!vsvm_cold_is_pinned(other)) {
		if (owner_of(other)->nr_pinned > vsvm_cold_pins(b->devmem))
			return;
		pin_block(other, owner_of(other));
	}
	__set_bit(vsvm_devmem_offset(to), other->pinned);
}

/**
 * vsvm_cold_unpin_some() - let some pages of a client make room again
 * @client: the client
 *
 * Context: &vsvm_devmem.lock is held.
 *
 * Return: true if more are pinned; then the caller calls again, after it has dropped the
 * lock for a moment.
 */
bool vsvm_cold_unpin_some(struct vsvm_client *client)
{
	struct vsvm_block *b;
	unsigned int n;

	for (n = 0; n < BATCH && !list_empty(&client->pinned); n++) {
		b = list_first_entry(&client->pinned, struct vsvm_block, pin);
		lockdep_assert_held(&b->devmem->lock);
		bitmap_zero(b->pinned, VSVM_BLOCK_PAGES);
		unpin_block(b, client);
		vsvm_cold_add(b, client);
	}
	return !list_empty(&client->pinned);
}
