// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork() with memory on the device.
 *
 * Copy-on-write separates parent and child, whether CPU or device writes, and the
 * pages outlive the file and its process.
 */
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	91
#define OTHER	92

FIXTURE(cow)
{
	struct vsvm *v;
	char *mem;
};

VT_PAGE_PLACES(cow);

FIXTURE_SETUP(cow)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    variant->on_device));
	/* The device page table holds what fork() must take away. */
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
}

VT_TEARDOWN_CLOSE(cow)

static int child_checks(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

/* The child finds what the parent had, and so does the parent after it. */
TEST_F(cow, child_reads)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* What the parent's device writes the child does not see. */
TEST_F(cow, parent_device_writes)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* One byte the parent's device writes the child does not see either. */
TEST_F(cow, parent_device_writes_a_byte)
{
	size_t at = VT_HUGE + 5 * VT_PAGE + 6;
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + at, 1, OTHER, at));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, at, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + at, 1, OTHER, at));
	EXPECT_EQ(0, vt_check(self->mem + at + 1, LEN - at - 1, SEED, at + 1));
}

/* What the parent's CPU writes the child does not see; its device does. */
TEST_F(cow, parent_cpu_writes)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	vt_fill(self->mem, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
}

static int child_writes(struct vt_child *c, void *arg)
{
	vt_fill(arg, LEN, OTHER, 0);
	vt_say(c);
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, OTHER, 0) ? 1 : 0;
}

/* What the child's CPU writes the parent's device does not see. */
TEST_F(cow, child_cpu_writes)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_writes, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* What a child that has a device file of its own is to do. */
struct writer {
	char *mem;
	bool migrate;
};

static int child_device_writes(struct vt_child *c, void *arg)
{
	struct writer *writer = arg;
	struct vsvm *v;

	if (vsvm_open(0, &v))
		return 1;
	if (writer->migrate && vt_to_device(v, writer->mem, LEN))
		return 2;
	if (vt_dev_check(v, writer->mem, LEN, SEED, 0))
		return 3;
	if (vt_dev_fill(v, writer->mem, LEN, OTHER, 0))
		return 4;
	vt_say(c);
	if (vt_hear(c))
		return 9;
	if (vt_dev_check(v, writer->mem, LEN, OTHER, 0))
		return 5;
	return vt_check(writer->mem, LEN, OTHER, 0) ? 6 : 0;
}

/* What the child's own device file writes the parent does not see. */
TEST_F(cow, child_device_writes)
{
	struct writer writer = { .mem = self->mem };
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_device_writes, &writer));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* After fork() the device may read and not write, until a write copies. */
TEST_F(cow, rights_after_fork)
{
	__u32 rights = DRM_VSVM_STATE_READ | DRM_VSVM_STATE_WRITE;
	struct vt_child c;

	EXPECT_EQ(rights, vt_state(self->v, self->mem) & rights);
	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	EXPECT_EQ(DRM_VSVM_STATE_READ,
		  vt_state(self->v, self->mem) & rights);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 1, OTHER, 0));
	EXPECT_EQ(rights, vt_state(self->v, self->mem) & rights);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

static int child_checks_twice(struct vt_child *c, void *arg)
{
	if (vt_check(arg, LEN, SEED, 0))
		return 1;
	vt_say(c);
	return child_checks(c, arg);
}

/* Pages that two processes share move and lose nothing for either. */
TEST_F(cow, migrate_after_fork)
{
	struct drm_vsvm_migrate m;
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks_twice, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &m));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The same when huge pages have to go to small ones, which takes them apart. */
TEST_F(cow, migrate_in_pieces_after_fork)
{
	struct drm_vsvm_migrate m;
	struct vt_child c;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_checks_twice, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_arm(self->v, "reserve-block", 1, 64));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &m));
	ASSERT_EQ(0, vt_disarm(self->v, "reserve-block"));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The child moves the pages to the device by a file of its own. */
TEST_F(cow, child_migrates)
{
	struct writer writer = { .mem = self->mem, .migrate = true };
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_device_writes, &writer));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* Leaves device pages free that were used a lot, and were there last. */
static int use_and_leave(struct vsvm *v, enum vt_kind kind)
{
	char *mem = vt_map_filled(v, LEN, kind, OTHER), *copy = malloc(LEN);
	struct iovec from = { .iov_base = mem, .iov_len = LEN };
	struct iovec to = { .iov_base = copy, .iov_len = LEN };
	int i;

	if (VT_BAD(!mem || !copy))
		return -1;
	/* What is looked up twice is active. */
	for (i = 0; i < 3; i++)
		if (VT_BAD(process_vm_readv(getpid(), &to, 1, &from, 1, 0) != LEN))
			return -1;
	free(copy);
	return VT_BAD(vt_to_device(v, mem, LEN) || munmap(mem, LEN)) ? -1 : 0;
}

/* The same with memory that the parent mlocked: nothing may evict it meanwhile. */
TEST_F(cow, child_migrates_mlocked)
{
	struct writer writer = { .mem = self->mem, .migrate = true };
	struct vt_child c;

	ASSERT_EQ(0, mlock(self->mem, LEN));
	ASSERT_EQ(0, use_and_leave(self->v, variant->kind));
	ASSERT_EQ(0, vt_start(&c, child_device_writes, &writer));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* A child touches device pages after the parent closed the file. */
TEST_F(cow, child_reads_after_close)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	vsvm_close(self->v);
	self->v = NULL;
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A chain of children: each has what was there when it was forked. */
TEST_F(cow, generations)
{
	struct vt_child c[3];
	int i;

	ASSERT_EQ(0, vt_start(&c[0], child_checks, self->mem));
	ASSERT_EQ(0, vt_start(&c[1], child_checks, self->mem));
	ASSERT_EQ(0, vt_start(&c[2], child_checks, self->mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN / 2, OTHER, 0));
	vt_fill(self->mem + LEN / 2, LEN / 2, OTHER, LEN / 2);
	for (i = 2; i >= 0; i--) {
		ASSERT_EQ(0, vt_say(&c[i]));
		EXPECT_EQ(0, vt_wait(&c[i]));
	}
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* A shared child memory given up leaves the parent's pages writable again. */
TEST_F(cow, child_exits_first)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_wait(&c));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

TEST_HARNESS_MAIN
