/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CLIENT_H
#define VSVM_CLIENT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "vsvm_stats.h"

struct pid;
struct vsvm_devmem;

/**
 * struct vsvm_client - what one process has of one device
 * @link: in &vsvm_devmem.clients; also walked under RCU
 * @by_owner: in &vsvm_devmem.owners
 * @owner: the process; its struct pid is held, so that no later process is taken
 *	for it while it has blocks left
 * @refs: open files and blocks that point here
 * @tgid: its number, for people to read
 * @nr_blocks: blocks that hold its pages, or are about to
 * @nr_opening: those of them that wait for backing, without a page yet
 * @nr_pages: pages in those blocks
 * @limited: the last block was refused by the limit of a cgroup
 * @grow: one thread at a time opens a block for small pages, so that the next
 *	finds the room that is left in it; outside allocations, killable
 * @partial: those of them with room for more, the sparse ones last
 * @cold: those of them with pages in use, by &vsvm_block.rank
 * @stats: what happened to its blocks, whoever did it
 * @rcu: freed when no eviction can be looking
 *
 * Protected by &vsvm_devmem.lock; the numbers are also read without it, @stats
 * needs no lock.
 */
struct vsvm_client {
	struct list_head link;
	struct hlist_node by_owner;
	struct pid *owner;
	pid_t tgid;
	unsigned int refs;
	unsigned long nr_blocks;
	unsigned long nr_opening;
	unsigned long nr_pages;
	bool limited;
	struct mutex grow; /* opening blocks for small pages */
	struct list_head partial;
	struct rb_root_cached cold;
	struct vsvm_stats stats;
	struct rcu_head rcu;
};

struct vsvm_client *vsvm_client_get(struct vsvm_devmem *dm, struct pid *owner);
void vsvm_client_put(struct vsvm_devmem *dm, struct vsvm_client *client);
void vsvm_client_release(struct vsvm_devmem *dm, struct vsvm_client *client);

#endif /* VSVM_CLIENT_H */
