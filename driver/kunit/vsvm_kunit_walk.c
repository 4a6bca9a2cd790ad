// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of decisions of the per-page path: the entry for a result of hmm_range_fault(),
 * and which needs an entry serves.
 */
#include "vsvm_kunit.h"

#include "../vsvm_classify.c"
#include "../vsvm_span.c"

/* Some address at the beginning of a leaf. */
#define BASE	(5UL << PMD_SHIFT)

struct fixture {
	struct vsvm_mirror m;
	struct vsvm_devmem *own;
	struct vsvm_devmem *peer;
	struct folio *system;
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->system = folio_alloc(GFP_KERNEL, 3);
	KUNIT_ASSERT_NOT_NULL(test, f->system);
	test->priv = f;
	f->peer = vsvm_kunit_devmem(test, 4, 1);
	f->own = vsvm_kunit_devmem(test, 3, 2);
	vsvm_table_init(&f->m.table, NULL, NULL);
	f->m.devmem = f->own;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		folio_put(f->system);
}

/* The result of hmm for a page that is present. */
static unsigned long seen(unsigned long pfn, unsigned long flags,
			  unsigned int order)
{
	return pfn | HMM_PFN_VALID | flags |
	       (unsigned long)order << HMM_PFN_ORDER_SHIFT;
}

static u64 look(struct fixture *f, unsigned long addr, unsigned long hmm_pfn)
{
	u64 entry;

	down_read(&f->m.table.lock);
	entry = vsvm_classify(&f->m, addr, hmm_pfn);
	up_read(&f->m.table.lock);
	return entry;
}

static u32 rights(unsigned int order, u32 more)
{
	return DRM_VSVM_STATE_READ | more | order << DRM_VSVM_STATE_ORDER_SHIFT;
}

/* Small folios of a device's first pages. The last one frees the client. */
static void take(struct kunit *test, struct vsvm_devmem *dm,
		 struct folio **folios, unsigned int n)
{
	unsigned long *pages = kunit_kcalloc(test, n, sizeof(*pages), GFP_KERNEL);
	struct vsvm_client *client = vsvm_client_get(dm, task_tgid(current));
	unsigned int i, got;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_NOT_NULL(test, client);
	got = vsvm_devmem_reserve(dm, client, NULL, pages, n);
	vsvm_client_put(dm, client);
	for (i = 0; i < got; i++)
		folios[i] = vsvm_kunit_folio(test, dm, pages[i], 0);
	KUNIT_ASSERT_EQ(test, n, got);
}

static struct folio *take_huge(struct kunit *test, struct vsvm_devmem *dm)
{
	struct vsvm_client *client = vsvm_client_get(dm, task_tgid(current));
	struct vsvm_block *b;

	KUNIT_ASSERT_NOT_NULL(test, client);
	b = vsvm_devmem_reserve_block(dm, client, NULL);
	vsvm_client_put(dm, client);
	KUNIT_ASSERT_NOT_NULL(test, b);
	return vsvm_kunit_folio(test, dm, vsvm_devmem_first(b), VSVM_BLOCK_ORDER);
}

/* No page, and an error, which takes precedence over other flags. */
static void nothing_is_absent_or_an_error(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long pfn = folio_pfn(f->system);

	KUNIT_EXPECT_EQ(test, DRM_VSVM_PLACE_ABSENT, look(f, BASE, 0));
	KUNIT_EXPECT_EQ(test, DRM_VSVM_PLACE_ABSENT, look(f, BASE, pfn));
	KUNIT_EXPECT_EQ(test, DRM_VSVM_PLACE_ERROR,
			look(f, BASE, HMM_PFN_ERROR));
	KUNIT_EXPECT_EQ(test, DRM_VSVM_PLACE_ERROR,
			look(f, BASE, seen(pfn, HMM_PFN_ERROR, 0)));
}

/* A system page has the rights and the order of hmm's result, and no more. */
static void system_page_keeps_its_rights(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long pfn = folio_pfn(f->system);

	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_SYSTEM | rights(0, 0), 0, pfn),
			look(f, BASE, seen(pfn, 0, 0)));
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_SYSTEM |
				   rights(0, DRM_VSVM_STATE_WRITE), 0, pfn),
			look(f, BASE, seen(pfn, HMM_PFN_WRITE, 0)));
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_SYSTEM | rights(3, 0), 0,
				   pfn + 5),
			look(f, BASE, seen(pfn + 5, 0, 3)));
	/* Flags of hmm that are not about the page have no effect. */
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_SYSTEM | rights(0, 0), 0, pfn),
			look(f, BASE, seen(pfn, HMM_PFN_DMA_MAPPED, 0)));
}

static void zero_page_is_told_apart(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long pfn = zero_pfn(BASE);

	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_ZERO | rights(0, 0), 0, pfn),
			look(f, BASE, seen(pfn, 0, 0)));
}

/* A device page becomes its backing page, on this device or on a peer. */
static void device_page_is_its_backing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct folio *own[2], *peer;
	unsigned long pfn;

	take(test, f->own, own, 2);
	take(test, f->peer, &peer, 1);
	pfn = page_to_pfn(vsvm_devmem_backing(&own[1]->page));
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_DEVICE |
				   rights(0, DRM_VSVM_STATE_WRITE), 3, pfn),
			look(f, BASE, seen(folio_pfn(own[1]), HMM_PFN_WRITE, 0)));
	/* Shared with a forked child. */
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_DEVICE | rights(0, 0), 3, pfn),
			look(f, BASE, seen(folio_pfn(own[1]), 0, 0)));
	pfn = page_to_pfn(vsvm_devmem_backing(&peer->page));
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_PEER |
				   rights(0, DRM_VSVM_STATE_WRITE), 4, pfn),
			look(f, BASE, seen(folio_pfn(peer), HMM_PFN_WRITE, 0)));
	/* A backing page that was handed over is a system page. */
	KUNIT_EXPECT_EQ(test,
			vsvm_entry(DRM_VSVM_PLACE_SYSTEM | rights(0, 0), 0, pfn),
			look(f, BASE, seen(pfn, 0, 0)));
}

/* In a huge device page the address selects the page, whatever hmm begins with. */
static void huge_device_page_goes_by_address(struct kunit *test)
{
	static const unsigned int at[] = { 0, 1, 77, VSVM_BLOCK_PAGES - 1 };
	struct fixture *f = test->priv;
	struct folio *huge = take_huge(test, f->own);
	unsigned long head = folio_pfn(huge), backing;
	unsigned int i;

	backing = page_to_pfn(vsvm_devmem_backing(&huge->page));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		u64 want = vsvm_entry(DRM_VSVM_PLACE_DEVICE |
				      rights(VSVM_BLOCK_ORDER, 0), 3,
				      backing + at[i]);
		unsigned long addr = BASE + at[i] * PAGE_SIZE;

		KUNIT_EXPECT_EQ(test, want,
				look(f, addr, seen(head, 0, VSVM_BLOCK_ORDER)));
		KUNIT_EXPECT_EQ(test, want,
				look(f, addr, seen(head + at[i], 0,
						   VSVM_BLOCK_ORDER)));
	}
}

/* vsvm_classify_next() gives the same entries as vsvm_classify(). */
static void next_is_as_if_it_were_the_first(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long system = folio_pfn(f->system), a[32], zero, d, edge, p;
	struct folio **own, *peer[3];
	unsigned int i, n = 0;
	u64 entry, want;

	own = kunit_kcalloc(test, VSVM_BLOCK_PAGES + 1, sizeof(*own),
			    GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own);
	/* One block and a page of the next, whose backing is elsewhere. */
	take(test, f->own, own, VSVM_BLOCK_PAGES + 1);
	take(test, f->peer, peer, 3);
	zero = zero_pfn(BASE);
	d = folio_pfn(own[0]);
	edge = folio_pfn(own[VSVM_BLOCK_PAGES]);
	KUNIT_ASSERT_EQ(test, d + VSVM_BLOCK_PAGES, edge);
	p = folio_pfn(peer[0]);

	a[n++] = seen(system, 0, 0);
	a[n++] = seen(system + 1, 0, 0);
	a[n++] = seen(system + 1, 0, 0);
	a[n++] = seen(zero, 0, 0);
	a[n++] = seen(zero, 0, 0);
	a[n++] = seen(system + 2, 0, 0);
	a[n++] = seen(system + 3, HMM_PFN_WRITE, 0);
	a[n++] = seen(system + 7, HMM_PFN_WRITE, 0);
	a[n++] = seen(system + 7, HMM_PFN_WRITE, 3);
	a[n++] = seen(d, HMM_PFN_WRITE, 0);
	a[n++] = seen(d + 1, HMM_PFN_WRITE, 0);
	a[n++] = seen(d + 2, HMM_PFN_WRITE, 0);
	a[n++] = seen(d + 3, 0, 0);
	a[n++] = seen(d + 5, 0, 0);
	a[n++] = seen(d + 5, 0, 0);
	a[n++] = seen(edge - 1, 0, 0);
	a[n++] = seen(edge, 0, 0);
	a[n++] = seen(p, 0, 0);
	a[n++] = seen(p + 1, 0, 0);
	a[n++] = seen(p + 2, HMM_PFN_WRITE, 0);
	a[n++] = seen(system, HMM_PFN_WRITE, 0);
	a[n++] = 0;
	a[n++] = seen(system, 0, 0);
	a[n++] = HMM_PFN_ERROR;
	a[n++] = seen(d, 0, 0);
	KUNIT_ASSERT_GE(test, ARRAY_SIZE(a), n);

	down_read(&f->m.table.lock);
	entry = vsvm_classify(&f->m, BASE, a[0]);
	for (i = 1; i < n; i++) {
		unsigned long addr = BASE + i * PAGE_SIZE;

		want = vsvm_classify(&f->m, addr, a[i]);
		entry = vsvm_classify_next(&f->m, addr, entry, a[i - 1], a[i]);
		KUNIT_EXPECT_EQ_MSG(test, want, entry, "number %u", i);
	}
	up_read(&f->m.table.lock);
}

/* Which needs an entry serves: exclusive is more than writable. */
static void entry_serves_a_need(struct kunit *test)
{
	static const struct {
		u32 state;
		bool read, write, alone;
	} all[] = {
		{ DRM_VSVM_PLACE_ABSENT },
		{ DRM_VSVM_PLACE_ERROR },
		{ DRM_VSVM_PLACE_ZERO | DRM_VSVM_STATE_READ, true },
		{ DRM_VSVM_PLACE_SYSTEM | DRM_VSVM_STATE_READ, true },
		{ DRM_VSVM_PLACE_SYSTEM | DRM_VSVM_STATE_READ |
		  DRM_VSVM_STATE_WRITE, true, true },
		{ DRM_VSVM_PLACE_SYSTEM | DRM_VSVM_STATE_READ |
		  DRM_VSVM_STATE_WRITE | DRM_VSVM_STATE_EXCLUSIVE,
		  true, true, true },
		{ DRM_VSVM_PLACE_DEVICE | DRM_VSVM_STATE_READ, true },
		{ DRM_VSVM_PLACE_DEVICE | DRM_VSVM_STATE_READ |
		  DRM_VSVM_STATE_WRITE, true, true, true },
		{ DRM_VSVM_PLACE_PEER | DRM_VSVM_STATE_READ |
		  DRM_VSVM_STATE_WRITE, true, true, true },
		{ DRM_VSVM_PLACE_DEVICE | DRM_VSVM_STATE_READ |
		  DRM_VSVM_STATE_WRITE | DRM_VSVM_STATE_COHERENT, true, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		u64 entry = vsvm_entry(all[i].state, 0, 1);

		KUNIT_EXPECT_EQ(test, all[i].read,
				vsvm_entry_serves(entry, VSVM_NEED_READ));
		KUNIT_EXPECT_EQ(test, all[i].write,
				vsvm_entry_serves(entry, VSVM_NEED_WRITE));
		KUNIT_EXPECT_EQ(test, all[i].alone,
				vsvm_entry_serves(entry, VSVM_NEED_EXCLUSIVE));
	}
}

/* A range is cut at leaves, also at the end of the address space. */
static void leaf_ends_in_the_range(struct kunit *test)
{
	unsigned long top = ULONG_MAX & PMD_MASK;

	KUNIT_EXPECT_EQ(test, BASE + PMD_SIZE, vsvm_leaf_end(BASE, BASE + 9 * PMD_SIZE));
	KUNIT_EXPECT_EQ(test, BASE + PMD_SIZE,
			vsvm_leaf_end(BASE + PMD_SIZE - 1, BASE + 9 * PMD_SIZE));
	KUNIT_EXPECT_EQ(test, BASE + 5, vsvm_leaf_end(BASE + 1, BASE + 5));
	KUNIT_EXPECT_EQ(test, BASE + PMD_SIZE, vsvm_leaf_end(BASE, BASE + PMD_SIZE));
	KUNIT_EXPECT_EQ(test, top + 7, vsvm_leaf_end(top, top + 7));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nothing_is_absent_or_an_error),
	KUNIT_CASE(system_page_keeps_its_rights),
	KUNIT_CASE(zero_page_is_told_apart),
	KUNIT_CASE(device_page_is_its_backing),
	KUNIT_CASE(huge_device_page_goes_by_address),
	KUNIT_CASE_SLOW(next_is_as_if_it_were_the_first),
	KUNIT_CASE(entry_serves_a_need),
	KUNIT_CASE(leaf_ends_in_the_range),
	{},
};

static struct kunit_suite suite = {
	.name = "vsvm_walk",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
