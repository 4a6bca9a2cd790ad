// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel makes and breaks huge pages under the device: collapse, split,
 * compaction, the huge zero page.
 *
 * The bytes are right before, meanwhile and after.
 */
#include <pthread.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

#define LEN	(2 * VT_HUGE)
#define SEED	261
#define OTHER	262
#define SPLIT	"/sys/kernel/debug/split_huge_pages"
#define DAEMON	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

FIXTURE(thp)
{
	struct vsvm *v;
	char *mem;
	long sleep;
};

FIXTURE_SETUP(thp)
{
	self->sleep = vt_file_get(DAEMON "scan_sleep_millisecs");
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

FIXTURE_TEARDOWN_PARENT(thp)
{
	/* Writing alone has it come. */
	if (vt_file_get(DAEMON "scan_sleep_millisecs") != self->sleep)
		vt_file_set(DAEMON "scan_sleep_millisecs", self->sleep);
}

/* Small pages in memory that may be huge from now on. */
static char *collapsible(struct vsvm *v)
{
	char *mem = vt_map_filled(v, LEN, VT_SMALL, SEED);

	if (mem && madvise(mem, LEN, MADV_HUGEPAGE))
		return NULL;
	return mem;
}

/* Collapse of small system pages: the device goes on with the huge one. */
TEST_F(thp, collapse_under_the_device)
{
	char *mem = collapsible(self->v);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, madvise(mem, LEN, MADV_COLLAPSE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/*
 * To khugepaged a device page is one that is not there, like one in swap: it
 * faults on it (__collapse_huge_page_swapin()), which migrates it.
 */
TEST_F(thp, collapse_brings_device_pages_home)
{
	char *mem = collapsible(self->v);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, vt_to_device(self->v, mem + VT_HUGE + 9 * VT_PAGE,
				  VT_PAGE));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, madvise(mem, LEN, MADV_COLLAPSE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

/* What came home in pieces from a huge device page can be collapsed again. */
TEST_F(thp, collapse_of_what_came_home)
{
	char *mem = vt_map_filled(self->v, LEN, VT_LARGE, SEED);
	size_t at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	for (at = 0; at < LEN; at += 16 * VT_PAGE)
		ASSERT_EQ(0, vt_to_system(self->v, mem + at, VT_PAGE));
	ASSERT_EQ(0, vt_check(mem, LEN, SEED, 0));
	ASSERT_EQ(0, madvise(mem, LEN, MADV_COLLAPSE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
}

struct user {
	struct vsvm *v;
	char *mem;
	bool stop;
	int ret;
};

static void *use(void *arg)
{
	struct user *u = arg;
	uint64_t seed = SEED;

	while (!u->ret && !__atomic_load_n(&u->stop, __ATOMIC_ACQUIRE)) {
		u->ret = vt_dev_check(u->v, u->mem, LEN, seed, 0) ||
			 vt_dev_fill(u->v, u->mem, LEN, ++seed, 0);
	}
	u->ret = u->ret ?: vt_check(u->mem, LEN, seed, 0);
	return NULL;
}

/* khugepaged at work on memory that the device writes and that moves. */
TEST_F_TIMEOUT(thp, khugepaged_at_work, VT_LONG)
{
	char *mem = collapsible(self->v);
	struct user u = { .v = self->v, .mem = mem };
	pthread_t thread;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_file_set(DAEMON "scan_sleep_millisecs", 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, use, &u));
	for (i = 0; i < 12; i++) {
		EXPECT_EQ(0, vsvm_migrate(self->v, mem + i * 7 * VT_PAGE,
					  VT_HUGE, i % 2, 0, NULL));
		if (i % 4 == 3)
			madvise(mem, LEN, MADV_COLLAPSE);
		usleep(30000);
	}
	__atomic_store_n(&u.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, u.ret);
}

static int split(const void *mem, size_t len)
{
	char text[128];

	snprintf(text, sizeof(text), "%d,%#lx,%#lx,0", getpid(),
		 (unsigned long)mem, (unsigned long)mem + len);
	return vt_file_write(SPLIT, text);
}

/* Huge system pages are split under the device. */
TEST_F(thp, split_system_pages)
{
	char *mem = vt_map_filled(self->v, LEN, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, split(mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

/* The same request for huge device pages does no harm. */
TEST_F(thp, split_device_pages)
{
	char *mem = vt_map_filled(self->v, LEN, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, split(mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

/* Compaction moves system pages that the device page table has. */
TEST_F_TIMEOUT(thp, compaction, VT_LONG)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct user u = { .v = self->v, .mem = mem };
	pthread_t thread;
	size_t at;
	char *hole;
	int i;

	ASSERT_NE(NULL, mem);
	/* Free every other page of something, so that there is work. */
	hole = vt_map_filled(self->v, 8 * VT_HUGE, VT_SMALL, OTHER);
	ASSERT_NE(NULL, hole);
	for (at = 0; at < 8 * VT_HUGE; at += 2 * VT_PAGE)
		ASSERT_EQ(0, madvise(hole + at, VT_PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, pthread_create(&thread, NULL, use, &u));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, vt_file_set("/proc/sys/vm/compact_memory", 1));
	__atomic_store_n(&u.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, u.ret);
	for (at = VT_PAGE; at < 8 * VT_HUGE; at += 2 * VT_PAGE)
		ASSERT_EQ(0, vt_dev_check(self->v, hole + at, VT_PAGE, OTHER,
					  at));
}

/* Compaction with pages on the device: they are not its to move. */
TEST_F(thp, compaction_leaves_device_pages)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_file_set("/proc/sys/vm/compact_memory", 1));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* The huge zero page: read, then written by the device, then moved. */
TEST_F(thp, huge_zero_page)
{
	char *mem = vt_map(LEN, VT_LARGE);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_ZERO,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + VT_PAGE, VT_HUGE, OTHER, 0));
	ASSERT_EQ(0, vt_to_device(self->v, mem + VT_PAGE, VT_HUGE));
	EXPECT_EQ(0, vt_check_byte(mem, VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(mem + VT_PAGE + VT_HUGE, VT_HUGE - VT_PAGE,
				   0));
}

TEST_HARNESS_MAIN
