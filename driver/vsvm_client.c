// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: what each process has of a device's memory. One account serves all files
 * of a process, so that a process does not get more by opening more of them.
 *
 * Lifetime: open files and blocks have references; eviction looks at clients under
 * RCU. Locks: &vsvm_devmem.lock.
 */
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "vsvm_client.h"
#include "vsvm_devmem.h"
#include "vsvm_inject.h"

/* Called when no eviction can be looking at the client any more. */
static void client_free(struct rcu_head *rcu)
{
	struct vsvm_client *client = container_of(rcu, struct vsvm_client, rcu);

	put_pid(client->owner);
	mutex_destroy(&client->grow);
	kfree(client);
}

/**
 * vsvm_client_release() - drop a reference, with &vsvm_devmem.lock held
 * @dm: the device's memory
 * @client: the client, which may be freed after an RCU grace period
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
 * vsvm_client_get() - a process's client, made if need be
 * @dm: the device's memory
 * @owner: the process, which need not be the caller: that may be a vfork child of it
 *
 * Return: the client, referenced; NULL: no memory.
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

/**
 * vsvm_client_put() - the process does not use the device any more
 * @dm: the device's memory
 * @client: its client; blocks with its pages keep it
 */
void vsvm_client_put(struct vsvm_devmem *dm, struct vsvm_client *client)
{
	unsigned long flags;

	spin_lock_irqsave(&dm->lock, flags);
	vsvm_client_release(dm, client);
	spin_unlock_irqrestore(&dm->lock, flags);
}
