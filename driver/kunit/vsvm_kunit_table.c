// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the device page table: the parts of an entry, the counts, which entries a
 * zap clears, and when leaves are made and freed.
 */
#include "vsvm_kunit.h"

#include <kunit/device.h>

#include "../vsvm_table.c"

/* Some address at the beginning of a leaf. */
#define BASE	(5UL << PMD_SHIFT)
#define AT(i)	(BASE + (i) * PAGE_SIZE)

#define RO	DRM_VSVM_STATE_READ
#define RW	(DRM_VSVM_STATE_READ | DRM_VSVM_STATE_WRITE)

struct fixture {
	struct vsvm_table t;
	struct page *page;
};

/* Installs an entry as a walk does. */
static int set(struct vsvm_table *t, unsigned long addr, u64 entry)
{
	struct vsvm_leaf *spare = NULL, *leaf;
	int ret;

	ret = vsvm_table_prepare(t, addr, &spare);
	if (ret)
		return ret;
	down_write(&t->lock);
	leaf = vsvm_table_make_leaf(t, addr, &spare);
	ret = leaf ? vsvm_table_install(t, leaf, addr, entry) : -ENOENT;
	if (leaf)
		vsvm_table_trim(t, leaf, addr);
	up_write(&t->lock);
	vsvm_table_free_spare(spare);
	return ret;
}

/* The entry at @addr; 0 also where there is no leaf. */
static u64 get(struct vsvm_table *t, unsigned long addr)
{
	struct vsvm_leaf *leaf;
	u64 entry = 0;

	down_read(&t->lock);
	leaf = vsvm_table_leaf(t, addr);
	if (leaf)
		entry = leaf->entry[vsvm_leaf_index(addr)];
	up_read(&t->lock);
	return entry;
}

/* The number of the last invalidation. */
#define SEQ	77

/* Invalidates a range, up to @last, inclusive. */
static unsigned long zap(struct vsvm_table *t, unsigned long start,
			 unsigned long last)
{
	unsigned long n;

	down_write(&t->lock);
	n = vsvm_table_zap(t, start, last, SEQ);
	up_write(&t->lock);
	return n;
}

static unsigned long leaves(struct vsvm_table *t)
{
	struct vsvm_leaf *leaf;
	unsigned long index, n = 0;

	xa_for_each(&t->leaves, index, leaf)
		n++;
	return n;
}

static u64 system_entry(struct fixture *f, u32 state)
{
	return vsvm_entry(DRM_VSVM_PLACE_SYSTEM | state, 0,
			  page_to_pfn(f->page));
}

static u64 device_entry(struct fixture *f, u32 state)
{
	return vsvm_entry(DRM_VSVM_PLACE_DEVICE | state, 3,
			  page_to_pfn(f->page));
}

static int setup(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "vsvm-kunit");
	struct fixture *f;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, 0,
			dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->page);
	vsvm_table_init(&f->t, dev, NULL);
	/* A table uses only the mm's count of page tables. */
	f->t.mm = kunit_kzalloc(test, sizeof(*f->t.mm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->t.mm);
	test->priv = f;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	zap(&f->t, 0, ULONG_MAX);
	xa_destroy(&f->t.leaves);
	__free_page(f->page);
}

/* State, device and pfn do not overlap. */
static void entry_keeps_its_parts(struct kunit *test)
{
	unsigned long pfn = page_to_pfn(((struct fixture *)test->priv)->page);
	u64 entry = vsvm_entry(0xffff, VSVM_ENTRY_DEV, pfn);

	KUNIT_EXPECT_EQ(test, 0xffff, vsvm_entry_state(entry));
	KUNIT_EXPECT_EQ(test, VSVM_ENTRY_DEV, vsvm_entry_device(entry));
	KUNIT_EXPECT_FALSE(test, entry & (VSVM_ENTRY_COUNTED | VSVM_ENTRY_NO_ATOMICS));
	KUNIT_EXPECT_EQ(test, pfn, page_to_pfn(vsvm_entry_page(entry)));

	entry = vsvm_entry(0, 0, pfn);
	KUNIT_EXPECT_EQ(test, 0, vsvm_entry_state(entry));
	KUNIT_EXPECT_EQ(test, 0, vsvm_entry_device(entry));

	entry = vsvm_entry(DRM_VSVM_PLACE_PEER | RW, 7, 0);
	KUNIT_EXPECT_EQ(test, DRM_VSVM_PLACE_PEER, vsvm_entry_place(entry));
	KUNIT_EXPECT_EQ(test, 7, vsvm_entry_device(entry));
	KUNIT_EXPECT_NULL(test, vsvm_entry_page(entry));
}

/* A span continues with the next page in the same state only. */
static void entry_follows_its_neighbour(struct kunit *test)
{
	unsigned long pfn = page_to_pfn(((struct fixture *)test->priv)->page);
	u32 state = DRM_VSVM_PLACE_DEVICE | RW;
	u64 entry = vsvm_entry(state, 3, pfn);

	KUNIT_EXPECT_TRUE(test, vsvm_entry_follows(entry, vsvm_entry(state, 3, pfn + 1)));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(entry, entry));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(entry, vsvm_entry(state, 3, pfn + 2)));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(entry, vsvm_entry(state, 4, pfn + 1)));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(entry, vsvm_entry(DRM_VSVM_PLACE_DEVICE | RO,
								      3, pfn + 1)));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(entry, 0));
	KUNIT_EXPECT_FALSE(test, vsvm_entry_follows(0, entry));
	/* Without a page, an equal entry continues it. */
	KUNIT_EXPECT_TRUE(test, vsvm_entry_follows(0, 0));
}

/* The index in the leaf of addresses anywhere in a page, and at both ends. */
static void index_is_the_page_in_the_leaf(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, vsvm_leaf_index(BASE));
	KUNIT_EXPECT_EQ(test, 0, vsvm_leaf_index(AT(1) - 1));
	KUNIT_EXPECT_EQ(test, 1, vsvm_leaf_index(AT(1)));
	KUNIT_EXPECT_EQ(test, VSVM_LEAF_ENTRIES - 1,
			vsvm_leaf_index(BASE + PMD_SIZE - 1));
	KUNIT_EXPECT_EQ(test, 0, vsvm_leaf_index(BASE + PMD_SIZE));
	KUNIT_EXPECT_EQ(test, VSVM_LEAF_ENTRIES - 1, vsvm_leaf_index(ULONG_MAX));
}

/* A new entry, the same again, another one: each counts once, for its place. */
static void install_counts_by_place(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long *count = f->t.count;

	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(0), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, count[DRM_VSVM_PLACE_SYSTEM]);
	KUNIT_EXPECT_EQ(test, 0, set(&f->t, AT(0), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, count[DRM_VSVM_PLACE_SYSTEM]);
	/* With more rights it is new, and still one entry. */
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(0), system_entry(f, RW)));
	KUNIT_EXPECT_EQ(test, 1, count[DRM_VSVM_PLACE_SYSTEM]);
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(1), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 2, count[DRM_VSVM_PLACE_SYSTEM]);
	/* The page moved. */
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(0), device_entry(f, RW)));
	KUNIT_EXPECT_EQ(test, 1, count[DRM_VSVM_PLACE_SYSTEM]);
	KUNIT_EXPECT_EQ(test, 1, count[DRM_VSVM_PLACE_DEVICE]);

	KUNIT_EXPECT_EQ(test, 2, zap(&f->t, BASE, BASE + PMD_SIZE - 1));
	KUNIT_EXPECT_EQ(test, 0, count[DRM_VSVM_PLACE_SYSTEM]);
	KUNIT_EXPECT_EQ(test, 0, count[DRM_VSVM_PLACE_DEVICE]);
}

/* Entries of system pages have a DMA address, those of device pages have none. */
static void only_system_pages_are_mapped_for_dma(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 zero = vsvm_entry(DRM_VSVM_PLACE_ZERO | RO, 0,
			      page_to_pfn(f->page));
	u64 peer = vsvm_entry(DRM_VSVM_PLACE_PEER | RW, 1,
			      page_to_pfn(f->page));

	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(0), system_entry(f, RW)));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(1), zero));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(2), device_entry(f, RW)));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(3), peer));
	KUNIT_EXPECT_EQ(test, system_entry(f, RW) | VSVM_ENTRY_DMA,
			get(&f->t, AT(0)));
	KUNIT_EXPECT_EQ(test, zero | VSVM_ENTRY_DMA, get(&f->t, AT(1)));
	KUNIT_EXPECT_EQ(test, device_entry(f, RW), get(&f->t, AT(2)));
	KUNIT_EXPECT_EQ(test, peer, get(&f->t, AT(3)));
}

/* A zap clears entries of whole pages, and keeps those beside the range. */
static void zap_takes_its_range_alone(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(i), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 3, zap(&f->t, AT(2), AT(5) - 1));
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, i < 2 || i > 4, !!get(&f->t, AT(i)));
	/* One byte clears the entry of its page. */
	KUNIT_EXPECT_EQ(test, 1, zap(&f->t, AT(6) + 1, AT(6) + 1));
	KUNIT_EXPECT_EQ(test, 0, get(&f->t, AT(6)));
	/* Entries that are cleared or were never set do not count. */
	KUNIT_EXPECT_EQ(test, 0, zap(&f->t, AT(2), AT(5) - 1));
	KUNIT_EXPECT_EQ(test, 0, zap(&f->t, AT(100), AT(200)));
	KUNIT_EXPECT_EQ(test, 4, f->t.count[DRM_VSVM_PLACE_SYSTEM]);
}

/* A zap from the middle of one leaf to the middle of another, over a hole. */
static void zap_goes_over_leaves(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long leaf;

	for (leaf = 0; leaf < 5; leaf++) {
		unsigned long addr = BASE + leaf * PMD_SIZE;

		if (leaf == 2)
			continue;
		KUNIT_EXPECT_EQ(test, 1, set(&f->t, addr, system_entry(f, RO)));
		KUNIT_EXPECT_EQ(test, 1, set(&f->t, addr + PMD_SIZE - PAGE_SIZE,
					     system_entry(f, RO)));
	}
	KUNIT_EXPECT_EQ(test, 4, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 6, zap(&f->t, AT(1),
				     BASE + 4 * PMD_SIZE + PAGE_SIZE - 1));
	KUNIT_EXPECT_NE(test, 0, get(&f->t, BASE));
	KUNIT_EXPECT_NE(test, 0, get(&f->t, BASE + 5 * PMD_SIZE - PAGE_SIZE));
	/* The leaves in between are freed; the outer two have an entry each. */
	KUNIT_EXPECT_EQ(test, 2, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 2, f->t.count[DRM_VSVM_PLACE_SYSTEM]);
}

/* The count of leaves that the OOM killer sees. */
static unsigned long counted(struct vsvm_table *t)
{
	return atomic_long_read(&t->mm->pgtables_bytes);
}

/* A leaf is freed with its last entry, and no earlier. */
static void leaf_goes_with_its_last_entry(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(7), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(300), device_entry(f, RW)));
	/* An entry that replaces another one does not add to the count. */
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(7), device_entry(f, RW)));
	KUNIT_EXPECT_EQ(test, sizeof(struct vsvm_leaf), counted(&f->t));
	KUNIT_EXPECT_EQ(test, 1, zap(&f->t, AT(300), AT(301) - 1));
	KUNIT_EXPECT_EQ(test, 1, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 0, zap(&f->t, AT(8), AT(301)));
	KUNIT_EXPECT_EQ(test, 1, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 1, zap(&f->t, AT(7), AT(7)));
	KUNIT_EXPECT_EQ(test, 0, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 0, counted(&f->t));
}

/* A leaf that stays empty is freed. */
static void empty_leaf_is_trimmed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_leaf *spare = NULL, *leaf;

	KUNIT_ASSERT_EQ(test, 0, vsvm_table_prepare(&f->t, BASE, &spare));
	KUNIT_ASSERT_NOT_NULL(test, spare);
	down_write(&f->t.lock);
	leaf = vsvm_table_make_leaf(&f->t, BASE, &spare);
	KUNIT_EXPECT_NOT_NULL(test, leaf);
	KUNIT_EXPECT_NULL(test, spare);
	/* The leaf exists already, so the spare one is not used. */
	KUNIT_EXPECT_PTR_EQ(test, leaf,
			    vsvm_table_make_leaf(&f->t, BASE, &spare));
	vsvm_table_trim(&f->t, leaf, BASE);
	KUNIT_EXPECT_NULL(test, vsvm_table_leaf(&f->t, BASE));
	/* Without a spare leaf there is none. */
	KUNIT_EXPECT_NULL(test, vsvm_table_make_leaf(&f->t, BASE, &spare));
	up_write(&f->t.lock);
	KUNIT_EXPECT_EQ(test, 0, counted(&f->t));
}

/* A preparation that is undone leaves nothing in the table. */
static void unprepare_leaves_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vsvm_leaf *spare = NULL;

	KUNIT_ASSERT_EQ(test, 0, vsvm_table_prepare(&f->t, BASE, &spare));
	vsvm_table_unprepare(&f->t, BASE);
	vsvm_table_free_spare(spare);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->t.leaves));
	/* Undoing it does not free a leaf. */
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, BASE, system_entry(f, RO)));
	vsvm_table_unprepare(&f->t, BASE);
	KUNIT_EXPECT_EQ(test, 1, leaves(&f->t));
}

static unsigned long seq(struct vsvm_table *t, unsigned long addr)
{
	unsigned long n;

	down_read(&t->lock);
	n = *vsvm_table_seq(t, addr);
	up_read(&t->lock);
	return n;
}

/* An invalidation is noted for its range, with or without a leaf, and not beside it. */
static void zap_is_noted_where_it_was(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long i;

	zap(&f->t, AT(3), BASE + PMD_SIZE);
	KUNIT_EXPECT_EQ(test, 0, seq(&f->t, BASE - 1));
	KUNIT_EXPECT_EQ(test, SEQ, seq(&f->t, BASE));
	KUNIT_EXPECT_EQ(test, SEQ, seq(&f->t, BASE + PMD_SIZE));
	KUNIT_EXPECT_EQ(test, 0, seq(&f->t, BASE + 2 * PMD_SIZE));
	/* Over all groups, and more. */
	zap(&f->t, BASE, BASE + (VSVM_TABLE_SEQS + 3) * PMD_SIZE);
	for (i = 0; i < VSVM_TABLE_SEQS; i++)
		KUNIT_EXPECT_EQ(test, SEQ, seq(&f->t, i * PMD_SIZE));
}

/* Pages of the same 2 MiB share a leaf, which is made once. */
static void leaf_is_made_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, leaves(&f->t));
	for (i = 0; i < VSVM_LEAF_ENTRIES; i++)
		KUNIT_EXPECT_EQ(test, 1, set(&f->t, AT(i), system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, BASE + PMD_SIZE,
				     system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, BASE - 1, system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 3, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, VSVM_LEAF_ENTRIES,
			zap(&f->t, BASE, BASE + PMD_SIZE - 1));
	KUNIT_EXPECT_EQ(test, 2, leaves(&f->t));
	KUNIT_EXPECT_EQ(test, 0, get(&f->t, BASE));
}

/* Entries at the first and at the last address. */
static void ends_of_the_address_space(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, 1, set(&f->t, 0, system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 1, set(&f->t, ULONG_MAX, system_entry(f, RO)));
	KUNIT_EXPECT_EQ(test, 0, zap(&f->t, PAGE_SIZE, ULONG_MAX - PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 2, zap(&f->t, 0, ULONG_MAX));
	KUNIT_EXPECT_EQ(test, 0, leaves(&f->t));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(entry_keeps_its_parts),
	KUNIT_CASE(entry_follows_its_neighbour),
	KUNIT_CASE(index_is_the_page_in_the_leaf),
	KUNIT_CASE(install_counts_by_place),
	KUNIT_CASE(only_system_pages_are_mapped_for_dma),
	KUNIT_CASE(zap_takes_its_range_alone),
	KUNIT_CASE(zap_goes_over_leaves),
	KUNIT_CASE(leaf_is_made_once),
	KUNIT_CASE(leaf_goes_with_its_last_entry),
	KUNIT_CASE(empty_leaf_is_trimmed),
	KUNIT_CASE(unprepare_leaves_nothing),
	KUNIT_CASE(zap_is_noted_where_it_was),
	KUNIT_CASE(ends_of_the_address_space),
	{},
};

static struct kunit_suite suite = {
	.name = "vsvm_table",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
