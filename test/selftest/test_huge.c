// SPDX-License-Identifier: GPL-2.0-only
/*
 * 2M pages migrate whole and stay whole.
 *
 * When the process or the CPU takes a part of one, every byte of every part is still
 * right. All of it with both copy engines.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

#define LEN	(2 * VT_HUGE)
#define SEED	41
#define OTHER	42
#define ENGINE	"/sys/module/vsvm/parameters/copy_engine"

FIXTURE(huge)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(huge)
{
	const char *engine;
};

FIXTURE_VARIANT_ADD(huge, copy)
{
	.engine = "copy",
};

FIXTURE_VARIANT_ADD(huge, handover)
{
	.engine = "handover",
};

FIXTURE_SETUP(huge)
{
	ASSERT_EQ(0, vt_file_write(ENGINE, variant->engine));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map_filled(self->v, LEN, VT_LARGE, SEED);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_HUGE_ORDER));
}

FIXTURE_TEARDOWN_PARENT(huge)
{
	vt_file_write(ENGINE, "copy");
}

/* With handover the backing goes along, else it stays for the next page. */
TEST_F(huge, backing_goes_or_stays)
{
	struct drm_vsvm_info before, after;

	ASSERT_EQ(0, vsvm_info(self->v, &before));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vsvm_info(self->v, &after));
	EXPECT_EQ(strcmp(variant->engine, "copy") ? LEN : 0,
		  before.vram_backing - after.vram_backing);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The engine is one of two words. */
TEST_F(huge, no_other_engine)
{
	int fd = open(ENGINE, O_WRONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "rewrite", 7));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

/* Offsets in the first 2M worth cutting at. */
static const size_t cuts[] = {
	0, VT_PAGE, 200 * VT_PAGE, VT_HUGE - VT_PAGE,
};

/* A device read leaves a 2M page whole. */
TEST_F(huge, stays_whole_when_read)
{
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_HUGE_ORDER));
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
}

/* A device write leaves a 2M page whole. */
TEST_F(huge, stays_whole_when_written)
{
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* A CPU read of one byte migrates the 2M page to system memory, and only that one. */
TEST_F(huge, comes_home_by_one_read)
{
	size_t at = VT_HUGE / 2 + 77;

	ASSERT_EQ(0, vt_check(self->mem + at, 1, SEED, at));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem + VT_HUGE, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_HUGE_ORDER));
	EXPECT_EQ(self->used + VT_HUGE, vt_used(self->v));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A CPU write of one byte migrates the 2M page with that byte changed. */
TEST_F(huge, comes_home_by_one_write)
{
	size_t at = VT_HUGE - 1;

	vt_fill(self->mem + at, 1, OTHER, at);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem + VT_HUGE, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, at, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + at, 1, OTHER, at));
	EXPECT_EQ(0, vt_check(self->mem + VT_HUGE, VT_HUGE, SEED, VT_HUGE));
}

/* A 2M page that MIGRATE brings to system memory is a 2M page again. */
TEST_F(huge, is_whole_at_home)
{
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* munmap() of one page of a 2M page leaves 511 right ones. */
TEST_F_TIMEOUT(huge, partial_munmap, VT_LONG)
{
	size_t i, cut, after;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);

		ASSERT_NE(NULL, mem);
		ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
		cut = cuts[i];
		after = cut + VT_PAGE;
		ASSERT_EQ(0, munmap(mem + cut, VT_PAGE));
		ASSERT_EQ(DRM_VSVM_PLACE_ERROR, vt_place(self->v, mem + cut));
		ASSERT_EQ(0, vt_dev_check(self->v, mem, cut, SEED, 0));
		ASSERT_EQ(0, vt_dev_check(self->v, mem + after, VT_HUGE - after,
					  SEED, after));
		ASSERT_EQ(0, vt_check(mem, cut, SEED, 0));
		ASSERT_EQ(0, vt_check(mem + after, VT_HUGE - after, SEED,
				      after));
		ASSERT_EQ(0, munmap(mem, VT_HUGE));
	}
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
}

/* The rest of a 2M page that lost a part to munmap() still migrates. */
TEST_F(huge, partial_munmap_then_home)
{
	size_t cut = VT_HUGE / 2;

	ASSERT_EQ(0, munmap(self->mem, cut));
	EXPECT_EQ(0, vt_bytes_in(self->v, self->mem + cut, LEN - cut,
				 DRM_VSVM_PLACE_SYSTEM));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem + cut, LEN - cut));
	EXPECT_EQ(0, vt_check(self->mem + cut, LEN - cut, SEED, cut));
	EXPECT_EQ(self->used, vt_used(self->v));
}

/* mprotect() of a part takes the right to write from that part alone. */
TEST_F(huge, partial_mprotect)
{
	size_t wall = 17 * VT_PAGE, after = wall + 3 * VT_PAGE;
	char byte = 1;

	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, mprotect(self->mem + wall, 3 * VT_PAGE, PROT_READ));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem + wall, &byte, 1,
				     NULL));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem + after - 1, &byte, 1,
				     NULL));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, wall, OTHER, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + after, LEN - after, OTHER,
				 after));
	EXPECT_EQ(0, vt_check(self->mem, wall, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem + wall, after - wall, SEED, wall));
	EXPECT_EQ(0, vt_check(self->mem + after, LEN - after, OTHER, after));
}

/* MADV_DONTNEED of a part clears that part alone. */
TEST_F(huge, partial_dontneed)
{
	size_t cut = 17 * VT_PAGE, after = cut + 3 * VT_PAGE;

	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, madvise(self->mem + cut, 3 * VT_PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, cut, SEED, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem + cut, 3 * VT_PAGE,
				       0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + after, LEN - after, SEED,
				  after));
	EXPECT_EQ(0, vt_check(self->mem, cut, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + cut, 3 * VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(self->mem + after, LEN - after, SEED, after));
}

/* One 4K part of a 2M page migrates to system memory; the rest stays. */
TEST_F(huge, partial_home)
{
	size_t i, cut;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		cut = cuts[i];
		ASSERT_EQ(0, vt_migrate(self->v, self->mem + cut, VT_PAGE,
					DRM_VSVM_TARGET_SYSTEM, 0, &self->m));
		EXPECT_EQ(VT_PAGE, self->m.moved);
		EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM,
			  vt_place(self->v, self->mem + cut));
	}
	EXPECT_EQ(ARRAY_SIZE(cuts) * VT_PAGE,
		  vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

/* One 4K part of a 2M system page goes to the device; the rest stays. */
TEST_F(huge, partial_to_device)
{
	size_t i, cut;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		cut = cuts[i];
		ASSERT_EQ(0, vt_to_device(self->v, self->mem + cut, VT_PAGE));
	}
	EXPECT_EQ(ARRAY_SIZE(cuts) * VT_PAGE,
		  vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A range that begins and ends inside 2M pages moves those between whole. */
TEST_F(huge, unaligned_range)
{
	size_t len = 4 * VT_HUGE, from = 5 * VT_PAGE, to = len - 7 * VT_PAGE;
	char *mem = vt_map_filled(self->v, len, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem + from, to - from));
	EXPECT_EQ(0, vt_all_in(self->v, mem + VT_HUGE, 2 * VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, mem, from, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, mem + to, len - to,
			       DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/* mremap() by a whole number of 2M keeps device pages whole. */
TEST_F(huge, aligned_mremap)
{
	char *to = vt_map(LEN, VT_LARGE);

	ASSERT_NE(NULL, to);
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	EXPECT_EQ(0, vt_all_in(self->v, to, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(to, LEN, SEED, 0));
}

/* mremap() to an odd page has to cut 2M pages up, and loses nothing. */
TEST_F(huge, unaligned_mremap)
{
	char *to = vt_map(LEN + VT_HUGE, VT_LARGE);

	ASSERT_NE(NULL, to);
	to += 3 * VT_PAGE;
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	EXPECT_EQ(0, vt_all_in(self->v, to, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(to, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

/* mremap() of a part leaves the other parts where they were. */
TEST_F(huge, partial_mremap)
{
	char *to = vt_map(VT_HUGE, VT_LARGE);
	size_t cut = 100 * VT_PAGE, len = 50 * VT_PAGE;

	ASSERT_NE(NULL, to);
	ASSERT_EQ(to, mremap(self->mem + cut, len, len,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, vt_dev_check(self->v, to, len, SEED, cut));
	EXPECT_EQ(0, vt_check(to, len, SEED, cut));
	EXPECT_EQ(0, vt_check(self->mem, cut, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + cut + len, LEN - cut - len, SEED,
			      cut + len));
}

/* Parts that went different ways can be gathered again. */
TEST_F(huge, mixed_then_gathered)
{
	char *page;
	size_t i;

	for (i = 0; i < LEN; i += 8 * VT_PAGE) {
		page = self->mem + i;
		ASSERT_EQ(0, vt_to_system(self->v, page, VT_PAGE));
	}
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A 2M range of small pages moves as small pages. */
TEST_F(huge, small_pages_stay_small)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

TEST_HARNESS_MAIN
