// SPDX-License-Identifier: GPL-2.0-only
/*
 * SNAPSHOT tells which page is where and with which rights, run by run, can be
 * resumed, and changes nothing.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define SEED	51
#define RIGHTS	(DRM_VSVM_STATE_READ | DRM_VSVM_STATE_WRITE)

FIXTURE(snapshot)
{
	struct vsvm *v;
	struct drm_vsvm_run runs[64];
	uint32_t nr;
	uint64_t next;
};

FIXTURE_SETUP(snapshot)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->nr = 64;
}

VT_TEARDOWN_CLOSE(snapshot)

#define SNAPSHOT(mem, len)						\
	vsvm_snapshot(self->v, mem, len, self->runs, &self->nr, &self->next)
#define PLACE(i)	(self->runs[i].state & DRM_VSVM_STATE_PLACE)
#define ORDER(i)	((self->runs[i].state & DRM_VSVM_STATE_ORDER) >> \
			 DRM_VSVM_STATE_ORDER_SHIFT)
/* A device that has DMA addresses sets one more bit. */
#define TABLE		(DRM_VSVM_STATE_MAPPED | DRM_VSVM_STATE_EXCLUSIVE)
#define MAY(i)		(self->runs[i].state & RIGHTS)

/* Pages in one state are one run, whatever their number. */
TEST_F(snapshot, equal_pages_are_one_run)
{
	size_t len = 8 * VT_MIB;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, SNAPSHOT(mem, len));
	ASSERT_EQ(1, self->nr);
	EXPECT_EQ((uintptr_t)mem, self->runs[0].start);
	EXPECT_EQ(len / VT_PAGE, self->runs[0].count);
	EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM | RIGHTS, self->runs[0].state);
	EXPECT_EQ(0, self->runs[0].device);
	EXPECT_EQ((uintptr_t)mem + len, self->next);
}

/* A terabyte that was never touched is one run. */
TEST_F_TIMEOUT(snapshot, a_terabyte_of_nothing, VT_LONG)
{
	size_t len = 1UL << 40;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, SNAPSHOT(mem, len));
	ASSERT_EQ(1, self->nr);
	EXPECT_EQ(DRM_VSVM_PLACE_ABSENT, PLACE(0));
	EXPECT_EQ(len / VT_PAGE, self->runs[0].count);
	EXPECT_EQ((uintptr_t)mem + len, self->next);
}

/* A terabyte without a mapping is one run. */
TEST_F_TIMEOUT(snapshot, a_terabyte_of_hole, VT_LONG)
{
	size_t len = 1UL << 40;
	char *mem = mmap(NULL, len, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem, len));
	ASSERT_EQ(0, SNAPSHOT(mem, len));
	ASSERT_EQ(1, self->nr);
	EXPECT_EQ(DRM_VSVM_PLACE_ERROR, PLACE(0));
	EXPECT_EQ(0, MAY(0));
	EXPECT_EQ(len / VT_PAGE, self->runs[0].count);
}

/* Each kind of page is told from each other. */
TEST_F(snapshot, tells_the_kinds_apart)
{
	static const struct {
		__u64 pages;
		__u32 place;
		__u32 may;
	} want[] = {
		{ 2, DRM_VSVM_PLACE_SYSTEM, RIGHTS },
		{ 1, DRM_VSVM_PLACE_DEVICE, RIGHTS },
		{ 3, DRM_VSVM_PLACE_SYSTEM, DRM_VSVM_STATE_READ },
		{ 1, DRM_VSVM_PLACE_DEVICE, DRM_VSVM_STATE_READ },
		{ 4, DRM_VSVM_PLACE_ABSENT, 0 },
		{ 1, DRM_VSVM_PLACE_ZERO, DRM_VSVM_STATE_READ },
		{ 2, DRM_VSVM_PLACE_ERROR, 0 },	/* PROT_NONE and unmapped */
		{ 2, DRM_VSVM_PLACE_SYSTEM, RIGHTS },
	};
	char *mem = vt_map(16 * VT_PAGE, VT_SMALL);
	uint64_t at = (uintptr_t)mem;
	unsigned int i;

	ASSERT_NE(NULL, mem);
	vt_fill(mem, 7 * VT_PAGE, SEED, 0);
	ASSERT_EQ(0, mprotect(mem + 3 * VT_PAGE, 4 * VT_PAGE, PROT_READ));
	ASSERT_EQ(0, vt_to_device(self->v, mem + 2 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->v, mem + 6 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vt_check_byte(mem + 11 * VT_PAGE, 1, 0));
	ASSERT_EQ(0, mprotect(mem + 12 * VT_PAGE, VT_PAGE, PROT_NONE));
	ASSERT_EQ(0, munmap(mem + 13 * VT_PAGE, VT_PAGE));
	vt_fill(mem + 14 * VT_PAGE, 2 * VT_PAGE, SEED, 0);

	ASSERT_EQ(0, SNAPSHOT(mem, 16 * VT_PAGE));
	ASSERT_EQ(ARRAY_SIZE(want), self->nr);
	for (i = 0; i < self->nr; i++) {
		EXPECT_EQ(at, self->runs[i].start);
		EXPECT_EQ(want[i].pages, self->runs[i].count);
		EXPECT_EQ(want[i].place, PLACE(i));
		EXPECT_EQ(want[i].may, MAY(i));
		EXPECT_EQ(0, self->runs[i].device);
		at += self->runs[i].count * VT_PAGE;
	}
	EXPECT_EQ(at, self->next);
}

/* A short array is filled and no further, and the rest comes by resuming. */
TEST_F(snapshot, resumes)
{
	size_t pages = 40, i;
	char *mem = vt_map(pages * VT_PAGE, VT_SMALL);
	uint64_t at = (uintptr_t)mem, end = at + pages * VT_PAGE;

	ASSERT_NE(NULL, mem);
	for (i = 0; i < pages; i += 2)
		vt_fill(mem + i * VT_PAGE, VT_PAGE, SEED, 0);
	for (i = 0; at < end; i += self->nr, at = self->next) {
		memset(self->runs, 0xa5, sizeof(self->runs));
		self->nr = 3;
		ASSERT_EQ(0, SNAPSHOT((void *)at, end - at));
		ASSERT_LE(1, self->nr);
		ASSERT_GE(3, self->nr);
		ASSERT_EQ(at, self->runs[0].start);
		ASSERT_EQ(at + self->nr * VT_PAGE, self->next);
		ASSERT_EQ(i % 2 ? DRM_VSVM_PLACE_ABSENT :
				  DRM_VSVM_PLACE_SYSTEM, PLACE(0));
		ASSERT_EQ(0, vt_check_byte(&self->runs[3],
					   sizeof(self->runs[0]), 0xa5));
	}
	EXPECT_EQ(pages, i);
	EXPECT_EQ(end, at);
}

/* More runs than fit into a page come out right. */
TEST_F_TIMEOUT(snapshot, many_runs, VT_LONG)
{
	size_t pages = 6000, i;
	char *mem = vt_map(pages * VT_PAGE, VT_SMALL);
	struct drm_vsvm_run *runs;
	uint32_t nr = pages + 10;

	runs = calloc(nr, sizeof(*runs));
	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, runs);
	for (i = 0; i < pages; i += 2)
		mem[i * VT_PAGE] = 1;
	ASSERT_EQ(0, vsvm_snapshot(self->v, mem, pages * VT_PAGE, runs, &nr,
				   &self->next));
	ASSERT_EQ(pages, nr);
	EXPECT_EQ((uintptr_t)mem + pages * VT_PAGE, self->next);
	for (i = 0; i < pages; i++) {
		ASSERT_EQ((uintptr_t)mem + i * VT_PAGE, runs[i].start);
		ASSERT_EQ(1, runs[i].count);
		ASSERT_EQ(i % 2 ? DRM_VSVM_PLACE_ABSENT :
				  DRM_VSVM_PLACE_SYSTEM,
			  runs[i].state & DRM_VSVM_STATE_PLACE);
	}
}

/* SNAPSHOT faults nothing in and migrates nothing. */
TEST_F(snapshot, changes_nothing)
{
	size_t len = 4 * VT_HUGE;
	char *mem = vt_map(len, VT_LARGE);
	uint64_t used;
	int i;

	ASSERT_NE(NULL, mem);
	vt_fill(mem, VT_HUGE, SEED, 0);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	used = vt_used(self->v);
	for (i = 0; i < 5; i++) {
		self->nr = 64;
		ASSERT_EQ(0, SNAPSHOT(mem, len));
		ASSERT_EQ(2, self->nr);
		ASSERT_EQ(DRM_VSVM_PLACE_DEVICE, PLACE(0));
		ASSERT_EQ(VT_HUGE_ORDER, ORDER(0));
		ASSERT_EQ(VT_HUGE / VT_PAGE, self->runs[0].count);
		ASSERT_EQ(DRM_VSVM_PLACE_ABSENT, PLACE(1));
	}
	EXPECT_EQ(used, vt_used(self->v));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
}

/* 2M system pages show their order and share a run. */
TEST_F(snapshot, shows_the_order)
{
	char *mem = vt_map_filled(self->v, 3 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem + VT_HUGE, VT_PAGE, PROT_READ));
	ASSERT_EQ(0, SNAPSHOT(mem, 3 * VT_HUGE));
	ASSERT_EQ(4, self->nr);
	EXPECT_EQ(VT_HUGE_ORDER, ORDER(0));
	EXPECT_EQ(0, ORDER(1));
	EXPECT_EQ(1, self->runs[1].count);
	EXPECT_EQ(DRM_VSVM_STATE_READ, MAY(1));
	EXPECT_EQ(0, ORDER(2));
	EXPECT_EQ(511, self->runs[2].count);
	EXPECT_EQ(VT_HUGE_ORDER, ORDER(3));
}

/* A range that begins inside a 2M page tells of its part only. */
TEST_F(snapshot, begins_inside_a_huge_page)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, SNAPSHOT(mem + 100 * VT_PAGE, 300 * VT_PAGE));
	ASSERT_EQ(1, self->nr);
	EXPECT_EQ((uintptr_t)mem + 100 * VT_PAGE, self->runs[0].start);
	EXPECT_EQ(300, self->runs[0].count);
	EXPECT_EQ(DRM_VSVM_PLACE_DEVICE, PLACE(0));
	EXPECT_EQ(VT_HUGE_ORDER, ORDER(0));
}

/* The array of runs may itself live on the device. */
TEST_F(snapshot, stores_into_device_memory)
{
	char *mem = vt_map_filled(self->v, 4 * VT_PAGE, VT_SMALL, SEED);
	struct drm_vsvm_run *runs = vt_map(VT_PAGE, VT_SMALL);
	uint32_t nr = 16;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, runs);
	memset(runs, 0xa5, VT_PAGE);
	ASSERT_EQ(0, vt_to_device(self->v, runs, VT_PAGE));
	ASSERT_EQ(0, vsvm_snapshot(self->v, mem, 4 * VT_PAGE, runs, &nr,
				   &self->next));
	ASSERT_EQ(1, nr);
	EXPECT_EQ(4, runs[0].count);
	EXPECT_EQ(0, vt_check_byte(&runs[1], VT_PAGE - sizeof(*runs), 0xa5));
}

/* An array that ends early stops it with EFAULT; what it says it stored is. */
TEST_F(snapshot, short_array_memory)
{
	size_t pages = 600, room = VT_PAGE / sizeof(struct drm_vsvm_run), i;
	char *mem = vt_map(pages * VT_PAGE, VT_SMALL);
	struct drm_vsvm_run *runs = vt_map(2 * VT_PAGE, VT_SMALL);
	uint32_t nr = pages;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, runs);
	for (i = 0; i < pages; i += 2)
		mem[i * VT_PAGE] = 1;
	memset(runs, 0xa5, VT_PAGE);
	ASSERT_EQ(0, munmap((char *)runs + VT_PAGE, VT_PAGE));
	EXPECT_EQ(-EFAULT, vsvm_snapshot(self->v, mem, pages * VT_PAGE, runs,
					 &nr, &self->next));
	ASSERT_LE(nr, room);
	EXPECT_EQ((uintptr_t)mem + nr * VT_PAGE, self->next);
	for (i = 0; i < nr; i++) {
		ASSERT_EQ((uintptr_t)mem + i * VT_PAGE, runs[i].start);
		ASSERT_EQ(1, runs[i].count);
	}
}

/* With the device page table: the pages that the device has used, and how. */
TEST_F(snapshot, table_has_what_the_device_used)
{
	char *mem = vt_map_filled(self->v, 6 * VT_PAGE, VT_SMALL, SEED);
	char bytes[2 * VT_PAGE];

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_read(self->v, mem, bytes, sizeof(bytes), NULL));
	ASSERT_EQ(0, vsvm_exclusive(self->v, mem + 4 * VT_PAGE, VT_PAGE, NULL));
	ASSERT_EQ(0, vsvm_snapshot_table(self->v, mem, 6 * VT_PAGE, self->runs,
					 &self->nr, &self->next));
	ASSERT_EQ(4, self->nr);
	EXPECT_EQ((uintptr_t)mem + 6 * VT_PAGE, self->next);
	EXPECT_EQ(2, self->runs[0].count);
	EXPECT_EQ(DRM_VSVM_STATE_MAPPED, self->runs[0].state & TABLE);
	EXPECT_EQ(2, self->runs[1].count);
	EXPECT_EQ(0, self->runs[1].state & TABLE);
	EXPECT_EQ(1, self->runs[2].count);
	EXPECT_EQ(DRM_VSVM_STATE_MAPPED | DRM_VSVM_STATE_EXCLUSIVE,
		  self->runs[2].state & TABLE);
	EXPECT_EQ(1, self->runs[3].count);
	EXPECT_EQ(0, self->runs[3].state & TABLE);

	/* And without it: none of that. */
	self->nr = 64;
	ASSERT_EQ(0, SNAPSHOT(mem, 4 * VT_PAGE));
	ASSERT_EQ(1, self->nr);
	EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM | RIGHTS, self->runs[0].state);
}

TEST_HARNESS_MAIN
