// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process migrates more memory to the device than the device has.
 *
 * What does not fit stays in system memory or makes room, and no byte is lost. Loads
 * the module with little memory and puts it back as it was.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_small_device.h"

#define VRAM_MIB	16
#define VRAM		(VRAM_MIB * VT_MIB)
#define LEN		(3 * VRAM)
#define SEED		121
#define OTHER		122

FIXTURE(overcommit)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(overcommit);

FIXTURE_SETUP(overcommit)
{
	struct drm_vsvm_info info = {};

	ASSERT_EQ(0, vt_reload(&self->module, VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	ASSERT_EQ(VRAM, info.vram_size);
	ASSERT_EQ(0, info.vram_used);
}

VT_TEARDOWN_RESTORE(overcommit)

/* What fits moves, what does not is counted as such, and all reads right. */
TEST_F_TIMEOUT(overcommit, moves_what_fits, VT_LONG)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	long there;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(vt_stayed(&self->m),
		  self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	there = vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE);
	EXPECT_LE(VRAM / 2, there);
	EXPECT_GE(VRAM, there);
	EXPECT_EQ(there, vt_used(self->v));
	EXPECT_EQ(LEN - there,
		  vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* A range exactly as large as the device fits. */
TEST_F_TIMEOUT(overcommit, fits_exactly, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VRAM, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VRAM));
	EXPECT_EQ(VRAM, vt_used(self->v));
	EXPECT_EQ(0, vt_check(mem, VRAM, SEED, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* Memory given back can be had again, as often as one likes. */
TEST_F_TIMEOUT(overcommit, is_reusable, VT_LONG)
{
	char *mem;
	int i;

	for (i = 0; i < 5; i++) {
		mem = vt_map_filled(self->v, VRAM, variant->kind, i);
		ASSERT_NE(NULL, mem);
		ASSERT_EQ(0, vt_to_device(self->v, mem, VRAM));
		ASSERT_EQ(0, vt_dev_check(self->v, mem, VRAM, i, 0));
		ASSERT_EQ(0, munmap(mem, VRAM));
		ASSERT_EQ(0, vt_used(self->v));
	}
}

/* With one page in every block, 2M pages move in parts or stay; all right. */
TEST_F_TIMEOUT(overcommit, fragmented, VT_LONG)
{
	char *small = vt_map_filled(self->v, VRAM, VT_SMALL, SEED);
	char *mem = vt_map_filled(self->v, VRAM, variant->kind, OTHER);
	char *page;
	size_t i;

	ASSERT_NE(NULL, small);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, small, VRAM));
	for (i = 0; i < VRAM; i += VT_HUGE) {
		page = small + i;
		ASSERT_EQ(0, munmap(page + VT_PAGE, VT_HUGE - VT_PAGE));
	}
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VRAM));
	EXPECT_EQ(vt_stayed(&self->m),
		  self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_GE(VRAM, vt_used(self->v));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, VRAM, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, VRAM, OTHER, 0));
	for (i = 0; i < VRAM; i += VT_HUGE) {
		page = small + i;
		ASSERT_EQ(0, vt_check(page, VT_PAGE, SEED, i));
	}
}

/* POPULATE of more than there is gives what fits and leaves the rest. */
TEST_F_TIMEOUT(overcommit, populates_what_fits, VT_LONG)
{
	char *mem = vt_map(LEN, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_migrate(self->v, mem, LEN, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_LE(VRAM / 2, self->m.moved);
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
	EXPECT_EQ(0, vt_check_byte(mem, LEN, 0));
}

/* A full device still copies on write. */
TEST_F_TIMEOUT(overcommit, still_writes, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VRAM, variant->kind, SEED);
	pid_t pid;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VRAM));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, vt_dev_fill(self->v, mem, VRAM, OTHER, 0));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, vt_check(mem, VRAM, OTHER, 0));
}

TEST_HARNESS_MAIN
