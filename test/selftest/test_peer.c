// SPDX-License-Identifier: GPL-2.0-only
/*
 * More than one file on the same memory: two opens of one device, and two devices that
 * use each other's pages in place or take them over.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"

#define LEN	(2 * VT_HUGE)
#define SEED	101
#define OTHER	102

FIXTURE(peer)
{
	struct vsvm *a;
	struct vsvm *b;
	char *mem;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(peer)
{
	enum vt_kind kind;
	unsigned int second;	/* device of the second handle */
};

FIXTURE_VARIANT_ADD(peer, opens_4k)
{
	.kind = VT_SMALL,
};

FIXTURE_VARIANT_ADD(peer, opens_2m)
{
	.kind = VT_LARGE,
};

FIXTURE_VARIANT_ADD(peer, devices_4k)
{
	.kind = VT_SMALL,
	.second = 1,
};

FIXTURE_VARIANT_ADD(peer, devices_2m)
{
	.kind = VT_LARGE,
	.second = 1,
};

FIXTURE_SETUP(peer)
{
	ASSERT_EQ(0, vsvm_open(0, &self->a));
	ASSERT_EQ(0, vsvm_open(variant->second, &self->b));
	self->mem = vt_map_filled(self->a, LEN, variant->kind, SEED);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, vt_to_device(self->a, self->mem, LEN));
}

FIXTURE_TEARDOWN(peer)
{
	vsvm_close(self->b);
	vsvm_close(self->a);
}

/* What the second handle calls the pages that the first moved. */
#define SEEN (variant->second ? DRM_VSVM_PLACE_PEER : DRM_VSVM_PLACE_DEVICE)

/* Each handle names the place of the pages as seen from its device. */
TEST_F(peer, both_see_the_place)
{
	struct drm_vsvm_run run;
	uint32_t nr = 1;

	EXPECT_EQ(0, vt_all_in(self->a, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->b, self->mem, LEN, SEEN, VT_ANY_ORDER));
	ASSERT_EQ(0, vt_to_device(self->b, self->mem, LEN));
	ASSERT_EQ(0, vsvm_snapshot(self->a, self->mem, LEN, &run, &nr, NULL));
	EXPECT_EQ(SEEN, run.state & DRM_VSVM_STATE_PLACE);
	EXPECT_EQ(variant->second, run.device);
	EXPECT_EQ(LEN / VT_PAGE, run.count);
}

/* The second reads the pages where they are. */
TEST_F(peer, second_reads_in_place)
{
	EXPECT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_all_in(self->a, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
}

/* The second writes the pages where they are; the first and the CPU see it. */
TEST_F(peer, second_writes_in_place)
{
	ASSERT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->b, self->mem + 5, LEN - 9, OTHER, 5));
	EXPECT_EQ(0, vt_all_in(self->a, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->a, self->mem + 5, LEN - 9, OTHER, 5));
	EXPECT_EQ(0, vt_check(self->mem, 5, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + 5, LEN - 9, OTHER, 5));
	EXPECT_EQ(0, vt_check(self->mem + LEN - 4, 4, SEED, LEN - 4));
}

/* Both device page tables lose pages that either migrates to system memory. */
TEST_F(peer, home_for_both)
{
	ASSERT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_system(self->b, self->mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->a, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	vt_fill(self->mem, LEN, OTHER, 0);
	EXPECT_EQ(0, vt_dev_check(self->a, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->b, self->mem, LEN, OTHER, 0));
}

/* The second takes the pages over, or finds them there. */
TEST_F(peer, second_takes_over)
{
	__u64 first = vt_used(self->a);

	ASSERT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_migrate(self->b, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	if (variant->second) {
		EXPECT_EQ(LEN, self->m.moved);
		EXPECT_EQ(first - LEN, vt_used(self->a));
	} else {
		EXPECT_EQ(LEN, self->m.there);
		EXPECT_EQ(first, vt_used(self->a));
	}
	EXPECT_EQ(0, vt_all_in(self->b, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The pages wander to and fro, changed at each stop. */
TEST_F_TIMEOUT(peer, wander, VT_LONG)
{
	struct vsvm *at, *other;
	int i;

	for (i = 0; i < 8; i++) {
		at = i % 2 ? self->a : self->b;
		other = i % 2 ? self->b : self->a;
		ASSERT_EQ(0, vt_to_device(at, self->mem, LEN));
		ASSERT_EQ(0, vt_dev_check(other, self->mem, LEN,
					  i ? OTHER + i : SEED, 0));
		ASSERT_EQ(0, vt_dev_fill(other, self->mem, LEN, OTHER + i + 1,
					 0));
	}
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER + 8, 0));
}

/* Half the pages here, half there: each handle uses all of them. */
TEST_F(peer, half_and_half)
{
	size_t i, step = 32 * VT_PAGE;
	char *part;

	for (i = 0; i < LEN; i += 2 * step) {
		part = self->mem + i;
		ASSERT_EQ(0, vt_to_device(self->b, part, step));
	}
	EXPECT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->a, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->b, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_system(self->a, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Closing one handle takes nothing from the other. */
TEST_F(peer, close_leaves_the_other)
{
	__u64 used = vt_used(self->a);

	ASSERT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	vsvm_close(self->b);
	self->b = NULL;
	EXPECT_EQ(used, vt_used(self->a));
	EXPECT_EQ(0, vt_all_in(self->a, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
}

/* The handle that moved the pages may go; the other still uses them. */
TEST_F(peer, mover_closes)
{
	vsvm_close(self->a);
	self->a = NULL;
	EXPECT_EQ(0, vt_all_in(self->b, self->mem, LEN, SEEN, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->b, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* munmap() reaches both. */
TEST_F(peer, munmap_reaches_both)
{
	char byte;

	ASSERT_EQ(0, vt_dev_check(self->a, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_check(self->b, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(-EFAULT, vsvm_read(self->a, self->mem, &byte, 1, NULL));
	EXPECT_EQ(-EFAULT, vsvm_read(self->b, self->mem, &byte, 1, NULL));
}

TEST_HARNESS_MAIN
