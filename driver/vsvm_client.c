// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: the account of a process on a device. One client serves all files of a
 * process, so a process gets no more memory by opening more of them.
 *
 * Lifetime: each open file and each block has a reference; eviction walks clients under
 * RCU. Locks: &vsvm_devmem.lock.
 */
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "vsvm_client.h"
#include "vsvm_cold.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_inject.h"

/* Called by RCU: no eviction looks at the client any more, and no event is told to it. */
static void client_free(struct rcu_head *rcu)
{
	struct vsvm_client *client = container_of(rcu, struct vsvm_client, rcu);

	vsvm_events_end(client);
	put_pid(client->owner);
	mutex_destroy(&client->grow);
	kfree(client);
}

/**
 * vsvm_client_release() - drop a reference, with &vsvm_devmem.lock held
 * @dm: the device's memory
 * @client: the client, freed after an RCU grace period with its last reference
 */
void vsvm_client_release(struct vsvm_devmem *dm, struct vsvm_client *client)
{
	lockdep_assert_held(&dm->lock);
	if (--client->refs)
		return;
	list_del_rcu(&client->link);
	hash_del(&client->by_owner);
	call_rcu(&client->rcu, client_free);
}

/**
 * vsvm_client_get() - find or create the client of a process
 * @dm: the device's memory
 * @owner: the process that opened the file; the caller may be its vfork child
 *
 * Return: the client, with a reference; NULL: out of memory.
 */
struct vsvm_client *vsvm_client_get(struct vsvm_devmem *dm,
				    struct pid *owner)
{
	struct vsvm_client *fresh, *client;
	unsigned long flags;

	fresh = VSVM_INJECT(dm->inject, CLIENT, NULL,
			    kzalloc_obj(*fresh, GFP_KERNEL_ACCOUNT));
	if (!fresh)
		return NULL;
	mutex_init(&fresh->grow);
	INIT_LIST_HEAD(&fresh->partial);
	INIT_LIST_HEAD(&fresh->pinned);
	INIT_LIST_HEAD(&fresh->streams);
	fresh->cold = RB_ROOT_CACHED;
	fresh->owner = get_pid(owner);
	fresh->tgid = pid_nr(fresh->owner);

	spin_lock_irqsave(&dm->lock, flags);
	hash_for_each_possible(dm->owners, client, by_owner, (uintptr_t)owner)
		if (client->owner == owner)
			goto found;
	client = fresh;
	fresh = NULL;
	list_add_rcu(&client->link, &dm->clients);
	hash_add(dm->owners, &client->by_owner, (uintptr_t)owner);
found:
	client->refs++;
	spin_unlock_irqrestore(&dm->lock, flags);
	if (fresh)
		client_free(&fresh->rcu);
	return client;
}

/* True if one file has the references that no block has. */
static bool is_last_file(const struct vsvm_client *client)
{
	return client->refs - client->nr_blocks == 1;
}

/**
 * vsvm_client_put() - drop the reference of an open file
 * @dm: the device's memory
 * @client: the client; blocks that it owns keep it, but nothing of it is pinned after the
 *	last file
 *
 * Context: Process context, may sleep.
 */
void vsvm_client_put(struct vsvm_devmem *dm, struct vsvm_client *client)
{
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	while (is_last_file(client) && vsvm_cold_unpin_some(client)) {
		spin_unlock_irqrestore(&dm->lock, flags);
		cond_resched();
		spin_lock_irqsave(&dm->lock, flags);
	}
	vsvm_client_release(dm, client);
	spin_unlock_irqrestore(&dm->lock, flags);
}
