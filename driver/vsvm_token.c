// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which blocks a memory cgroup has on a device, so that its reclaim finds them.
 *
 * A block has a token, which is charged to the cgroup of the thread that opened it, or
 * of the process that thread worked for. Core mm keeps a list of tokens for each cgroup,
 * and calls the shrinker for cgroups that have one. A block whose last page is freed
 * keeps its token: pages are freed in any context, and these lists are not for that. The
 * next look takes such a token off its list, and the next thread that opens the block
 * replaces it.
 *
 * Lifetime: the device's memory.
 *
 * Locks: those of the lists, inside of all others, with interrupts on. The token of a
 * block belongs to the thread that opens it. cache_lock where a device's memory is made
 * and destroyed.
 */
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "vsvm_devmem.h"
#include "vsvm_token.h"

/* Tokens to look at for one block to empty. */
#define MAX_LOOKS	64UL

/**
 * struct vsvm_token - a block in the list of a cgroup
 * @link: in &vsvm_devmem.tokens, or in no list
 * @block: the block
 */
struct vsvm_token {
	struct list_head link;
	struct vsvm_block *block;
};

/* One cache for all devices, as no two caches should have one name. */
static DEFINE_MUTEX(cache_lock);
static struct kmem_cache *cache;
static unsigned int nr_users;

static int use_cache(void)
{
	guard(mutex)(&cache_lock);
	if (!nr_users)
		cache = kmem_cache_create(KBUILD_MODNAME "_token",
					  sizeof(struct vsvm_token), 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	nr_users++;
	return 0;
}

static void unuse_cache(void)
{
	guard(mutex)(&cache_lock);
	if (--nr_users)
		return;
	kmem_cache_destroy(cache);
	cache = NULL;
}

/**
 * vsvm_token_init() - set up the lists; &vsvm_devmem.reclaim is allocated
 * @dm: the device's memory
 *
 * Return: 0 or -ENOMEM.
 */
int vsvm_token_init(struct vsvm_devmem *dm)
{
	int ret = use_cache();

	if (ret)
		return ret;
	ret = list_lru_init_memcg(&dm->tokens, dm->reclaim);
	if (ret)
		unuse_cache();
	return ret;
}

static void drop(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	if (!b->token)
		return;
	list_lru_del_obj(&dm->tokens, &b->token->link);
	kmem_cache_free(cache, b->token);
	b->token = NULL;
}

/**
 * vsvm_token_exit() - undo vsvm_token_init()
 * @dm: the device's memory, of which no page is in use; its shrinkers are gone
 */
void vsvm_token_exit(struct vsvm_devmem *dm)
{
	unsigned long i;

	for (i = 0; i < dm->nr_blocks; i++)
		drop(dm, &dm->blocks[i]);
	list_lru_destroy(&dm->tokens);
	unuse_cache();
}

/**
 * vsvm_token_put() - note whose block this is
 * @dm: the device's memory
 * @b: the block, which the caller opens; it has its client already
 *
 * May sleep, and reclaim memory, but not for long, as the caller may have
 * &vsvm_devmem.evict_lock. A block without a token, for want of memory, stays where
 * it is when its cgroup is short of memory.
 */
void vsvm_token_put(struct vsvm_devmem *dm, struct vsvm_block *b)
{
	drop(dm, b);
	b->token = kmem_cache_alloc_lru(cache, &dm->tokens,
					GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
					__GFP_NOWARN);
	if (!b->token)
		return;
	INIT_LIST_HEAD(&b->token->link);
	b->token->block = b;
	list_lru_add_obj(&dm->tokens, &b->token->link);
}

/**
 * vsvm_token_count() - count what a cgroup may have on the device
 * @dm: the device's memory
 * @sc: the cgroup and the node
 *
 * Return: number of pages, at most.
 */
unsigned long vsvm_token_count(struct vsvm_devmem *dm, struct shrink_control *sc)
{
	return list_lru_shrink_count(&dm->tokens, sc) * VSVM_BLOCK_PAGES;
}

static enum lru_status look(struct list_head *item, struct list_lru_one *list,
			    void *arg)
{
	struct vsvm_token *token = container_of(item, struct vsvm_token, link);
	struct vsvm_block *b = token->block, **best = arg;

	/* From before its token is in the list, an open block has its client. */
	if (!rcu_access_pointer(b->client)) {
		list_lru_isolate(list, item);
		return LRU_REMOVED;
	}
	if (READ_ONCE(b->nr_used) &&
	    (!*best || (long)(READ_ONCE(b->last_use) -
			      READ_ONCE((*best)->last_use)) < 0))
		*best = b;
	/* Others are looked at the next time. */
	return LRU_ROTATE;
}

/**
 * vsvm_token_coldest() - choose a block of a cgroup to empty
 * @dm: the device's memory
 * @sc: the cgroup and the node
 *
 * The block may be freed at any time, and opened in another cgroup. Then the choice is
 * worse, but not wrong.
 *
 * Return: of some blocks, the one that was used longest ago; NULL: none has a page.
 */
struct vsvm_block *vsvm_token_coldest(struct vsvm_devmem *dm,
				      struct shrink_control *sc)
{
	struct vsvm_block *best = NULL;
	unsigned long n = MAX_LOOKS;

	list_lru_walk_one(&dm->tokens, sc->nid, sc->memcg, look, &best, &n);
	return best;
}
