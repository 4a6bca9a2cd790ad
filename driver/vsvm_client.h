/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CLIENT_H
#define VSVM_CLIENT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "vsvm_policy.h"
#include "vsvm_stats.h"

struct pid;
struct vsvm_devmem;

/* Most helpers of all files of a process, on one device. */
#define VSVM_CLIENT_HELPERS	8

/**
 * struct vsvm_client - the account of one process on one device
 * @link: in &vsvm_devmem.clients; also walked under RCU
 * @by_owner: in &vsvm_devmem.owners
 * @owner: the process; a reference keeps its struct pid, so that a later process is not
 *	taken for it while the client has blocks
 * @refs: references, one of each open file and of each block
 * @tgid: number of the process, for messages
 * @nr_blocks: number of blocks that the client owns
 * @nr_opening: number of those that wait for backing and have no page yet
 * @nr_pages: number of pages in use in those blocks
 * @nr_workers: number of its files that have a fault worker
 * @nr_helpers: number of helpers of its files, which take parts of a PREFETCH
 * @nr_advice: number of ranges with advice of its files
 * @limited: the limit of a cgroup refused the last block
 * @grow: one thread at a time opens a block for small pages, so that the next finds the
 *	rest of it; taken outside of allocations, killable
 * @partial: those blocks that have room, the sparse ones last
 * @cold: those blocks that have pages in use and none pinned, by &vsvm_block.rank
 * @pinned: those blocks that have pages pinned, the first one first
 * @nr_pinned: number of blocks in @pinned
 * @stats: counters of events of its blocks, whichever process caused them
 * @homes: where @owner touched pages of its blocks
 * @nr_streams: number of its event streams
 * @streams: those, walked under RCU; vsvm_events.c has the lock of both
 * @rcu: frees it after readers under RCU are done
 *
 * Protected by &vsvm_devmem.lock. The numbers are also read without it; @stats, @homes
 * and @nr_advice need no lock, and the streams have another.
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
	unsigned int nr_workers;
	unsigned int nr_helpers;
	atomic_t nr_advice;
	bool limited;
	struct mutex grow; /* opening blocks for small pages */
	struct list_head partial;
	struct rb_root_cached cold;
	struct list_head pinned;
	unsigned long nr_pinned;
	struct vsvm_stats stats;
	struct vsvm_policy_streams homes;
	unsigned int nr_streams;
	struct list_head streams;
	struct rcu_head rcu;
};

struct vsvm_client *vsvm_client_get(struct vsvm_devmem *dm, struct pid *owner);
void vsvm_client_put(struct vsvm_devmem *dm, struct vsvm_client *client);
void vsvm_client_release(struct vsvm_devmem *dm, struct vsvm_client *client);

#endif /* VSVM_CLIENT_H */
