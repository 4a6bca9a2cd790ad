// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of the render node gives cleared pages of the driver that CPU and device
 * share and that never move.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

#define LEN	(4 * VT_MIB)
#define SEED	61
#define OTHER	62

FIXTURE(node)
{
	struct vsvm *v;
	char *mem;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(node)
{
	int flags;
};

FIXTURE_VARIANT_ADD(node, shared)
{
	.flags = MAP_SHARED,
};

FIXTURE_VARIANT_ADD(node, private)
{
	.flags = MAP_PRIVATE,
};

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, variant->flags,
			 vsvm_fd(self->v), 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN_PARENT(node)
{
	/* The test's process is gone; it may have died of what it unplugged. */
	if (access(VT_DRIVER "vsvm.0", F_OK))
		vt_file_write(VT_DRIVER "bind", "vsvm.0");
}

/* The pages come cleared, to the CPU and to the device. */
TEST_F(node, comes_cleared)
{
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
}

/* What the CPU writes the device reads. */
TEST_F(node, device_reads)
{
	vt_fill(self->mem, LEN, SEED, 0);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

/* What the device writes the CPU reads, at once and at any byte. */
TEST_F(node, device_writes)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + 4001, 10000, OTHER,
				 4001));
	EXPECT_EQ(0, vt_check(self->mem, 4001, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + 4001, 10000, OTHER, 4001));
	EXPECT_EQ(0, vt_check(self->mem + 14001, LEN - 14001, SEED, 14001));
}

/* The device may write before any CPU touched a page. */
TEST_F(node, device_writes_first)
{
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Its pages do not migrate; the result says that they are special. */
TEST_F(node, never_migrates)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.stayed[DRM_VSVM_STAY_SPECIAL]);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Two mappings have nothing to do with each other. */
TEST_F(node, mappings_are_apart)
{
	char *other = mmap(NULL, LEN, PROT_READ | PROT_WRITE, variant->flags,
			   vsvm_fd(self->v), 0);

	ASSERT_NE(MAP_FAILED, other);
	vt_fill(self->mem, LEN, SEED, 0);
	EXPECT_EQ(0, vt_check_byte(other, LEN, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, other, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Parts can be unmapped; the others keep their bytes. */
TEST_F(node, partial_munmap)
{
	size_t cut = 100 * VT_PAGE, after = 110 * VT_PAGE;
	char byte;

	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, munmap(self->mem + cut, after - cut));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, cut, SEED, 0));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + cut, &byte, 1, NULL));
	EXPECT_EQ(0, vt_check(self->mem + after, LEN - after, SEED, after));
}

/* The device goes, its files' mappings keep their bytes. */
TEST_F(node, outlives_the_device)
{
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, "ab", 2, NULL));
	vt_fill(self->mem + VT_PAGE, LEN - VT_PAGE, SEED, 0);
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.0"));
	EXPECT_EQ(0, memcmp(self->mem, "ab\0", 3));
	EXPECT_EQ(0, vt_check(self->mem + VT_PAGE, LEN - VT_PAGE, SEED, 0));
	vt_fill(self->mem, LEN, OTHER, 0);
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

static int write_in_child(struct vt_child *c, void *arg)
{
	(void)c;
	if (vt_check(arg, LEN, SEED, 0))
		return 1;
	vt_fill(arg, LEN, OTHER, 0);
	return 0;
}

/* A forked child shares a shared mapping and copies a private one. */
TEST_F(node, is_inherited)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, vt_run(write_in_child, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN,
				  variant->flags == MAP_SHARED ? OTHER : SEED,
				  0));
}

/* The mapping outlives the handle. */
TEST_F(node, outlives_the_handle)
{
	vt_fill(self->mem, LEN, SEED, 0);
	vsvm_close(self->v);
	self->v = NULL;
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

/* More than the limit is refused. */
TEST_F(node, has_a_limit)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, DRM_VSVM_MMAP_MAX + VT_PAGE,
				   PROT_READ | PROT_WRITE, variant->flags,
				   vsvm_fd(self->v), 0));
	EXPECT_EQ(EINVAL, errno);
}

/* There is nothing at any other offset. */
TEST_F(node, has_one_offset)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
				   variant->flags, vsvm_fd(self->v), VT_PAGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
				   variant->flags, vsvm_fd(self->v),
				   1L << 40));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
