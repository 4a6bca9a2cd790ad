// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the allocator of device memory: which client gets which pages, the list and
 * the owner of a block before and after, the counts, and the backing that stays.
 */
#include "vsvm_kunit.h"

#include <linux/completion.h>
#include <linux/kthread.h>

#include "../vsvm_charge.c"
#include "../vsvm_client.c"
#include "../vsvm_cold.c"
#include "../vsvm_devmem.c"
#include "../vsvm_pagemap.c"
#include "../vsvm_pfn.c"
#include "../vsvm_token.c"

#define BLOCKS	4
#define ALL	(BLOCKS * VSVM_BLOCK_PAGES)

static vm_fault_t no_home(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct dev_pagemap_ops dev_ops = {
	.folio_free = vsvm_devmem_folio_free,
	.migrate_to_ram = no_home,
};

/* Moving pages needs more of the driver; see vsvm_devmem_trim() and _sparse(). */
static unsigned long no_scan(struct shrinker *shrinker,
			     struct shrink_control *sc)
{
	return SHRINK_STOP;
}

static unsigned long none(struct shrinker *shrinker, struct shrink_control *sc)
{
	return 0;
}

static const struct vsvm_pagemap_ops ops = {
	.pagemap = &dev_ops,
	.scan = no_scan,
	.reclaim = no_scan,
	.reclaimable = none,
};

static void destroy(void *dm)
{
	vsvm_pagemap_destroy(dm);
	/* Waits for client_free(), which is code of this module. */
	rcu_barrier();
}

/* The memory of a device; the test frees it at its end. */
struct vsvm_devmem *vsvm_kunit_devmem(struct kunit *test, unsigned int device,
				      unsigned int blocks)
{
	struct vsvm_devmem *dm;

	dm = vsvm_pagemap_create(device, 0, blocks * VSVM_BLOCK_SIZE, &ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dm);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy, dm));
	return dm;
}

static void put_folio(void *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/* A folio of a reserved page; the test frees it at its end. */
struct folio *vsvm_kunit_folio(struct kunit *test, struct vsvm_devmem *dm,
			       unsigned long index, unsigned int order)
{
	struct folio *folio = vsvm_devmem_folio(dm, index, order);

	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, put_folio, folio));
	return folio;
}

struct fixture {
	struct vsvm_devmem *dm;
	struct vsvm_client *mine;
	struct vsvm_client *other;
	unsigned long pages[ALL];
};

struct asked {
	struct vsvm_devmem *dm;
	struct vsvm_client *client;
	struct completion done;
};

static int ask(void *data)
{
	struct asked *a = data;

	a->client = vsvm_client_get(a->dm, task_tgid(current));
	complete(&a->done);
	return 0;
}

/* The client of another process, a kernel thread, which exits right after. */
static struct vsvm_client *client_of_another(struct vsvm_devmem *dm)
{
	struct asked a = {
		.dm = dm,
		.done = COMPLETION_INITIALIZER_ONSTACK(a.done),
	};

	if (IS_ERR(kthread_run(ask, &a, "vsvm-kunit")))
		return NULL;
	wait_for_completion(&a.done);
	return a.client;
}

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->dm = vsvm_kunit_devmem(test, 0, BLOCKS);
	f->mine = vsvm_client_get(f->dm, task_tgid(current));
	f->other = client_of_another(f->dm);
	test->priv = f;
	KUNIT_ASSERT_NOT_NULL(test, f->mine);
	KUNIT_ASSERT_NOT_NULL(test, f->other);
	KUNIT_ASSERT_PTR_NE(test, f->mine, f->other);
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	if (f->mine)
		vsvm_client_put(f->dm, f->mine);
	if (f->other)
		vsvm_client_put(f->dm, f->other);
}

static unsigned long block_of(struct fixture *f, unsigned long index)
{
	return vsvm_devmem_block(f->dm, index) - f->dm->blocks;
}

static bool has_block(struct fixture *f)
{
	struct vsvm_block *b = vsvm_devmem_reserve_block(f->dm, f->mine, NULL);

	if (b)
		vsvm_devmem_unreserve_block(b);
	return b;
}

/* Reserves, and checks that no page is reserved twice, or is outside of the device. */
static unsigned int reserve(struct kunit *test, struct vsvm_client *client,
			    unsigned long *pages, unsigned int n)
{
	struct fixture *f = test->priv;
	unsigned long used = f->dm->nr_used;
	unsigned int got = vsvm_devmem_reserve(f->dm, client, NULL, pages, n), i, k;

	for (i = 0; i < got; i++) {
		KUNIT_EXPECT_GT(test, BLOCKS, block_of(f, pages[i]));
		for (k = 0; k < i; k++)
			if (pages[i] == pages[k])
				KUNIT_FAIL(test, "the same page twice");
	}
	KUNIT_EXPECT_EQ(test, used + got, f->dm->nr_used);
	return got;
}

static void give(struct fixture *f, unsigned long *pages, unsigned int n)
{
	vsvm_devmem_unreserve(f->dm, pages, n);
}

/* Reserves blocks for huge pages, and fails the test if there are too few. */
static void reserve_blocks(struct kunit *test, struct vsvm_block **blocks,
			   unsigned int n)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < n; i++) {
		blocks[i] = vsvm_devmem_reserve_block(f->dm, f->mine, NULL);
		KUNIT_ASSERT_NOT_NULL(test, blocks[i]);
	}
}

static void give_blocks(struct vsvm_block **blocks, unsigned int n)
{
	while (n)
		vsvm_devmem_unreserve_block(blocks[--n]);
}

/* Checks that no page is in use and that no block has an owner. */
static void expect_empty(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *blocks[BLOCKS];
	unsigned long i;

	KUNIT_EXPECT_EQ(test, 0, f->dm->nr_used);
	KUNIT_EXPECT_EQ(test, 0, f->dm->nr_holders);
	KUNIT_EXPECT_EQ(test, 0, f->mine->nr_blocks);
	KUNIT_EXPECT_EQ(test, 0, f->mine->nr_pages);
	KUNIT_EXPECT_EQ(test, 0, f->other->nr_blocks);
	KUNIT_EXPECT_EQ(test, 0, f->other->nr_pages);
	for (i = 0; i < BLOCKS; i++) {
		struct vsvm_block *b = &f->dm->blocks[i];

		KUNIT_EXPECT_EQ(test, 0, b->nr_used);
		KUNIT_EXPECT_TRUE(test, bitmap_empty(b->used, VSVM_BLOCK_PAGES));
		KUNIT_EXPECT_NULL(test, rcu_access_pointer(b->client));
	}
	/* Each block can be reserved as a whole again. */
	reserve_blocks(test, blocks, BLOCKS);
	KUNIT_EXPECT_FALSE(test, has_block(f));
	give_blocks(blocks, BLOCKS);
}

/* Small pages of one call are neighbours, and count for the client. */
static void small_pages_are_neighbours(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 16, reserve(test, f->mine, f->pages, 16));
	for (i = 1; i < 16; i++)
		KUNIT_EXPECT_EQ(test, f->pages[i - 1] + 1, f->pages[i]);
	KUNIT_EXPECT_EQ(test, 16, f->mine->nr_pages);
	KUNIT_EXPECT_EQ(test, 1, f->mine->nr_blocks);
	KUNIT_EXPECT_EQ(test, 0, f->other->nr_pages);
	give(f, f->pages, 16);
	expect_empty(test);
}

/* A small request continues in the block in use, a large one opens another block. */
static void more_than_half_a_block_begins_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int half = VSVM_BLOCK_PAGES / 2;
	unsigned long *next = f->pages + 8;

	KUNIT_ASSERT_EQ(test, 8, reserve(test, f->mine, f->pages, 8));
	KUNIT_ASSERT_EQ(test, half, reserve(test, f->mine, next, half));
	KUNIT_EXPECT_EQ(test, block_of(f, f->pages[0]), block_of(f, next[0]));
	give(f, next, half);
	KUNIT_ASSERT_EQ(test, half + 1, reserve(test, f->mine, next, half + 1));
	KUNIT_EXPECT_NE(test, block_of(f, f->pages[0]), block_of(f, next[0]));
	KUNIT_EXPECT_EQ(test, block_of(f, next[0]), block_of(f, next[half]));
	give(f, f->pages, 8 + half + 1);
	expect_empty(test);
}

/* A hole in a full block is filled before an empty one is begun. */
static void holes_are_filled(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long hole;

	KUNIT_ASSERT_EQ(test, VSVM_BLOCK_PAGES,
			reserve(test, f->mine, f->pages, VSVM_BLOCK_PAGES));
	hole = f->pages[100];
	give(f, &hole, 1);
	f->pages[100] = 0;
	KUNIT_ASSERT_EQ(test, 1, reserve(test, f->mine, &f->pages[100], 1));
	KUNIT_EXPECT_EQ(test, hole, f->pages[100]);
	KUNIT_EXPECT_EQ(test, 1, f->mine->nr_blocks);
	give(f, f->pages, VSVM_BLOCK_PAGES);
	expect_empty(test);
}

/* All pages of the device can be reserved, and no more. */
static void full_is_full(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long more[2];
	unsigned int i;

	for (i = 0; i < BLOCKS; i++)
		KUNIT_ASSERT_EQ(test, VSVM_BLOCK_PAGES,
				reserve(test, f->mine,
					f->pages + i * VSVM_BLOCK_PAGES,
					VSVM_BLOCK_PAGES));
	KUNIT_EXPECT_EQ(test, BLOCKS, f->mine->nr_blocks);
	KUNIT_ASSERT_EQ(test, 0, reserve(test, f->mine, more, 1));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, f->other, more, 1));
	KUNIT_EXPECT_FALSE(test, has_block(f));
	/* One page is free: a request for two gets one. */
	give(f, f->pages + ALL - 1, 1);
	KUNIT_ASSERT_EQ(test, 1, reserve(test, f->mine, more, 2));
	KUNIT_EXPECT_EQ(test, f->pages[ALL - 1], more[0]);
	give(f, f->pages, ALL);
	expect_empty(test);
}

/* A huge page is a whole block without any page in use. */
static void huge_page_is_a_whole_block(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *blocks[BLOCKS];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 1, reserve(test, f->mine, f->pages, 1));
	reserve_blocks(test, blocks, BLOCKS - 1);
	for (i = 0; i < BLOCKS - 1; i++)
		KUNIT_EXPECT_PTR_NE(test,
				    vsvm_devmem_block(f->dm, f->pages[0]),
				    blocks[i]);
	KUNIT_EXPECT_FALSE(test, has_block(f));
	KUNIT_EXPECT_EQ(test, (BLOCKS - 1) * VSVM_BLOCK_PAGES + 1,
			f->mine->nr_pages);
	KUNIT_EXPECT_EQ(test, f->mine->nr_pages, f->dm->nr_used);
	give_blocks(blocks, BLOCKS - 1);
	give(f, f->pages, 1);
	expect_empty(test);
}

/* While there are empty blocks, no two clients share a block. */
static void blocks_have_one_owner(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long *theirs = f->pages + 8;

	KUNIT_ASSERT_EQ(test, 8, reserve(test, f->mine, f->pages, 8));
	KUNIT_ASSERT_EQ(test, 8, reserve(test, f->other, theirs, 8));
	KUNIT_EXPECT_NE(test, block_of(f, f->pages[0]), block_of(f, theirs[0]));
	KUNIT_EXPECT_PTR_EQ(test, f->mine,
			    rcu_access_pointer(f->dm->blocks[block_of(f, f->pages[0])].client));
	KUNIT_EXPECT_PTR_EQ(test, f->other,
			    rcu_access_pointer(f->dm->blocks[block_of(f, theirs[0])].client));
	KUNIT_EXPECT_EQ(test, 2, f->dm->nr_holders);
	KUNIT_EXPECT_EQ(test, BLOCKS / 2, vsvm_devmem_fair(f->dm, false));
	KUNIT_EXPECT_EQ(test, BLOCKS / 3, vsvm_devmem_fair(f->dm, true));
	/* A client that gave all pages back owns nothing; any client gets its block. */
	give(f, theirs, 8);
	KUNIT_EXPECT_EQ(test, 1, f->dm->nr_holders);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(f->dm->blocks[block_of(f, theirs[0])].client));
	give(f, f->pages, 8);
	expect_empty(test);
}

/* When no block is empty, a page in another client's block counts for that client. */
static void guests_count_for_the_owner(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *blocks[BLOCKS];

	reserve_blocks(test, blocks, BLOCKS - 1);
	KUNIT_ASSERT_EQ(test, 4, reserve(test, f->mine, f->pages, 4));
	KUNIT_ASSERT_EQ(test, 4, reserve(test, f->other, f->pages + 4, 4));
	KUNIT_EXPECT_EQ(test, block_of(f, f->pages[0]), block_of(f, f->pages[4]));
	KUNIT_EXPECT_EQ(test, 0, f->other->nr_pages);
	KUNIT_EXPECT_EQ(test, 0, f->other->nr_blocks);
	KUNIT_EXPECT_EQ(test, (BLOCKS - 1) * VSVM_BLOCK_PAGES + 8,
			f->mine->nr_pages);
	/* The owner frees its pages first: it owns the block until that is empty. */
	give(f, f->pages, 4);
	KUNIT_EXPECT_EQ(test, BLOCKS, f->mine->nr_blocks);
	give(f, f->pages + 4, 4);
	KUNIT_EXPECT_EQ(test, BLOCKS - 1, f->mine->nr_blocks);
	give_blocks(blocks, BLOCKS - 1);
	expect_empty(test);
}

/* A process has one client for all of its files; a block keeps it. */
static void client_is_one_and_lasts(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_client *again = vsvm_client_get(f->dm, task_tgid(current));

	KUNIT_EXPECT_PTR_EQ(test, f->mine, again);
	KUNIT_EXPECT_EQ(test, 2, f->mine->refs);
	vsvm_client_put(f->dm, again);
	KUNIT_ASSERT_EQ(test, 1, reserve(test, f->mine, f->pages, 1));
	KUNIT_EXPECT_EQ(test, 2, f->mine->refs);
	/* The file is closed and a page stays; freeing the page frees the client. */
	vsvm_client_put(f->dm, f->mine);
	KUNIT_EXPECT_EQ(test, 2, list_count_nodes(&f->dm->clients));
	KUNIT_EXPECT_EQ(test, 1, f->mine->nr_pages);
	give(f, f->pages, 1);
	KUNIT_EXPECT_EQ(test, 1, list_count_nodes(&f->dm->clients));
	f->mine = NULL;
}

static struct vsvm_block *first_to_go(struct fixture *f, unsigned long fair)
{
	unsigned long budget = BLOCKS;

	return vsvm_cold_first(f->dm, f->mine, fair, f->dm->clock, &budget);
}

/* Half of the fair share can be pinned, and stays while it is not more than that. */
static void pinned_blocks_stay(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *b = f->dm->blocks;
	int i;

	KUNIT_ASSERT_EQ(test, ALL, reserve(test, f->mine, f->pages, ALL));
	for (i = 0; i < BLOCKS; i++)
		b[i].last_use = b[i].rank;
	KUNIT_EXPECT_EQ(test, 0, vsvm_cold_pin(&b[0], f->mine, 7, 1));
	KUNIT_EXPECT_EQ(test, 0, vsvm_cold_pin(&b[0], f->mine, 8, 2));
	KUNIT_EXPECT_EQ(test, 0, vsvm_cold_pin(&b[1], f->mine, 0, VSVM_BLOCK_PAGES));
	KUNIT_EXPECT_EQ(test, -ENOSPC, vsvm_cold_pin(&b[2], f->mine, 0, 1));
	KUNIT_EXPECT_EQ(test, -EXDEV, vsvm_cold_pin(&b[2], f->other, 0, 1));
	KUNIT_EXPECT_FALSE(test, vsvm_cold_unpin(&b[0], f->other, 7, 1));
	KUNIT_EXPECT_EQ(test, 2, f->mine->nr_pinned);
	KUNIT_EXPECT_PTR_EQ(test, &b[2], first_to_go(f, BLOCKS));
	KUNIT_EXPECT_TRUE(test, vsvm_cold_unpin(&b[0], f->mine, 7, 2));
	KUNIT_EXPECT_EQ(test, 2, f->mine->nr_pinned);
	/* What is freed is not pinned any more; the last one of them lets the block go. */
	give(f, f->pages + 9, 1);
	KUNIT_EXPECT_EQ(test, 1, f->mine->nr_pinned);
	KUNIT_EXPECT_PTR_EQ(test, &b[0], first_to_go(f, BLOCKS));
	give(f, f->pages, 9);
	give(f, f->pages + 10, VSVM_BLOCK_PAGES - 10);
	give(f, f->pages + 2 * VSVM_BLOCK_PAGES, 2 * VSVM_BLOCK_PAGES);
	/* Above a smaller share, it goes when there is nothing else. */
	KUNIT_EXPECT_NULL(test, first_to_go(f, 2));
	KUNIT_EXPECT_PTR_EQ(test, &b[1], first_to_go(f, 1));
	give(f, f->pages + VSVM_BLOCK_PAGES, VSVM_BLOCK_PAGES);
	KUNIT_EXPECT_EQ(test, 0, f->mine->nr_pinned);
	expect_empty(test);
}

static unsigned long shrinkable(struct fixture *f)
{
	struct shrink_control sc = {};

	return shrink_count(f->dm->shrinker, &sc);
}

/* Backing comes with the first page, stays with the empty block, and is used again. */
static void backing_stays_until_it_is_wanted(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long block;

	KUNIT_EXPECT_EQ(test, 0, f->dm->nr_backed);
	KUNIT_EXPECT_EQ(test, SHRINK_EMPTY, shrinkable(f));
	KUNIT_ASSERT_EQ(test, 200, reserve(test, f->mine, f->pages, 200));
	KUNIT_EXPECT_EQ(test, 1, f->dm->nr_backed);
	block = block_of(f, f->pages[0]);
	/* While in use, it cannot be freed. */
	KUNIT_EXPECT_EQ(test, SHRINK_EMPTY, shrinkable(f));
	KUNIT_EXPECT_FALSE(test, vsvm_devmem_trim(f->dm));
	give(f, f->pages, 200);
	KUNIT_EXPECT_EQ(test, 1, f->dm->nr_backed);
	KUNIT_EXPECT_EQ(test, VSVM_BLOCK_PAGES, shrinkable(f));
	KUNIT_ASSERT_EQ(test, 8, reserve(test, f->other, f->pages, 8));
	KUNIT_EXPECT_EQ(test, block, block_of(f, f->pages[0]));
	KUNIT_EXPECT_EQ(test, 1, f->dm->nr_backed);
	give(f, f->pages, 8);
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_trim(f->dm));
	KUNIT_EXPECT_EQ(test, 0, f->dm->nr_backed);
	KUNIT_EXPECT_EQ(test, SHRINK_EMPTY, shrinkable(f));
	expect_empty(test);
}

/* The shrinker counts what it can free; each trim frees one block. */
static void trim_frees_what_is_counted(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *blocks[3];

	reserve_blocks(test, blocks, 3);
	vsvm_devmem_unreserve_block(blocks[0]);
	vsvm_devmem_unreserve_block(blocks[2]);
	KUNIT_EXPECT_EQ(test, 2 * VSVM_BLOCK_PAGES, shrinkable(f));
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_trim(f->dm));
	KUNIT_EXPECT_EQ(test, 2, f->dm->nr_backed);
	KUNIT_EXPECT_EQ(test, VSVM_BLOCK_PAGES, shrinkable(f));
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_trim(f->dm));
	KUNIT_EXPECT_FALSE(test, vsvm_devmem_trim(f->dm));
	KUNIT_EXPECT_EQ(test, 1, f->dm->nr_backed);
	vsvm_devmem_unreserve_block(blocks[1]);
	expect_empty(test);
}

/* A client whose blocks are mostly empty gets no empty one while its own have room. */
static void blocks_are_filled_before_there_are_more(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int most = VSVM_BLOCK_PAGES / 2 + 1;
	unsigned long first;

	KUNIT_ASSERT_EQ(test, VSVM_BLOCK_PAGES,
			reserve(test, f->mine, f->pages, VSVM_BLOCK_PAGES));
	first = f->pages[0];
	give(f, f->pages + 1, VSVM_BLOCK_PAGES - 1);
	/* The bound does not count one block, so one page in it is enough. */
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_may_spread(f->dm, f->mine));
	KUNIT_ASSERT_EQ(test, most, reserve(test, f->mine, f->pages, most));
	KUNIT_EXPECT_NE(test, block_of(f, first), block_of(f, f->pages[0]));
	give(f, f->pages + 1, most - 1);
	f->pages[most] = f->pages[0];
	KUNIT_EXPECT_EQ(test, 2, f->mine->nr_blocks);
	KUNIT_EXPECT_FALSE(test, vsvm_devmem_may_spread(f->dm, f->mine));
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_may_spread(f->dm, f->other));
	KUNIT_ASSERT_EQ(test, most, reserve(test, f->mine, f->pages, most));
	KUNIT_EXPECT_EQ(test, 2, f->mine->nr_blocks);
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_may_spread(f->dm, f->mine));
	give(f, f->pages, most + 1);
	give(f, &first, 1);
	expect_empty(test);
}

/* A sparse block is found, with room for its pages in other blocks of its client. */
static void sparse_block_has_room_beside(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long *src = f->dm->moves.src, *to = f->dm->to, first[2];
	unsigned int n = 0, room = 0, i;
	struct vsvm_block *b;

	reserve_blocks(test, &b, 1);
	first[0] = vsvm_devmem_first(b);
	first[1] = first[0] + 1;
	KUNIT_EXPECT_NULL(test, vsvm_devmem_sparse(f->dm, src, &n, to, &room));
	KUNIT_ASSERT_EQ(test, 4, reserve(test, f->mine, f->pages, 4));
	KUNIT_EXPECT_EQ(test, VSVM_BLOCK_PAGES, shrinkable(f));
	/* The other block is full: there is no room. */
	b = vsvm_devmem_sparse(f->dm, src, &n, to, &room);
	KUNIT_EXPECT_PTR_EQ(test, vsvm_devmem_block(f->dm, f->pages[0]), b);
	KUNIT_EXPECT_EQ(test, 4, n);
	KUNIT_EXPECT_EQ(test, 0, room);
	/* Now it has room, and is not sparse itself. */
	give(f, first, 2);
	b = vsvm_devmem_sparse(f->dm, src, &n, to, &room);
	KUNIT_EXPECT_PTR_EQ(test, vsvm_devmem_block(f->dm, f->pages[0]), b);
	KUNIT_EXPECT_EQ(test, 4, n);
	KUNIT_ASSERT_EQ(test, 2, room);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test,
				vsvm_pfn_source(&f->dm->pgmap, f->pages[i]),
				src[i]);
	for (i = 0; i < room; i++)
		KUNIT_EXPECT_EQ(test, first[i], to[i]);
	give(f, to, room);
	give(f, f->pages, 4);
	for (i = 2; i < VSVM_BLOCK_PAGES; i++)
		f->pages[i] = first[0] + i;
	give(f, f->pages + 2, VSVM_BLOCK_PAGES - 2);
	expect_empty(test);
}

/* Dropping the last reference of a folio frees its pages, small or huge. */
static void free_folio_gives_its_page_back(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *huge;

	reserve_blocks(test, &huge, 1);
	KUNIT_ASSERT_EQ(test, 2, reserve(test, f->other, f->pages, 2));
	put_folio(vsvm_devmem_folio(f->dm, vsvm_devmem_first(huge),
				    VSVM_BLOCK_ORDER));
	KUNIT_EXPECT_EQ(test, 0, f->mine->nr_pages);
	KUNIT_EXPECT_EQ(test, 2, f->dm->nr_used);
	put_folio(vsvm_devmem_folio(f->dm, f->pages[1], 0));
	KUNIT_EXPECT_EQ(test, 1, f->other->nr_pages);
	put_folio(vsvm_devmem_folio(f->dm, f->pages[0], 0));
	expect_empty(test);
}

/* The backing page of a device page is at the same place in the block. */
static void backing_is_by_place(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_block *b;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 8, reserve(test, f->mine, f->pages, 8));
	b = vsvm_devmem_block(f->dm, f->pages[0]);
	for (i = 0; i < 8; i++) {
		struct page *page = vsvm_pfn_page(&f->dm->pgmap, f->pages[i]);

		KUNIT_EXPECT_EQ(test, f->pages[i], vsvm_pfn_index(page));
		KUNIT_EXPECT_TRUE(test, vsvm_pfn_maybe_device(page));
		KUNIT_EXPECT_TRUE(test, vsvm_devmem_owns(page));
		KUNIT_EXPECT_PTR_EQ(test, f->dm, vsvm_devmem_of(page));
		KUNIT_EXPECT_PTR_EQ(test,
				    folio_page(b->backing,
					       f->pages[i] % VSVM_BLOCK_PAGES),
				    vsvm_devmem_backing(page));
		KUNIT_EXPECT_FALSE(test, vsvm_devmem_lonely(page));
	}
	KUNIT_EXPECT_FALSE(test, vsvm_devmem_owns(&b->backing->page));
	give(f, f->pages + 1, 7);
	KUNIT_EXPECT_TRUE(test, vsvm_devmem_lonely(vsvm_pfn_page(&f->dm->pgmap,
								 f->pages[0])));
	give(f, f->pages, 1);
	expect_empty(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(small_pages_are_neighbours),
	KUNIT_CASE(more_than_half_a_block_begins_one),
	KUNIT_CASE(holes_are_filled),
	KUNIT_CASE_SLOW(full_is_full),
	KUNIT_CASE(huge_page_is_a_whole_block),
	KUNIT_CASE(blocks_have_one_owner),
	KUNIT_CASE(guests_count_for_the_owner),
	KUNIT_CASE(client_is_one_and_lasts),
	KUNIT_CASE(pinned_blocks_stay),
	KUNIT_CASE(backing_stays_until_it_is_wanted),
	KUNIT_CASE(trim_frees_what_is_counted),
	KUNIT_CASE(blocks_are_filled_before_there_are_more),
	KUNIT_CASE(sparse_block_has_room_beside),
	KUNIT_CASE(free_folio_gives_its_page_back),
	KUNIT_CASE(backing_is_by_place),
	{},
};

static struct kunit_suite suite = {
	.name = "vsvm_devmem",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
