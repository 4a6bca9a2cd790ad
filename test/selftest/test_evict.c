// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction from a device that is too small.
 *
 * The block that was used longest ago makes room, no process loses its fair share,
 * and backing memory follows use. A failure in the middle (no memory, a kill, an
 * unplug) costs no byte. Loads the module with little memory and puts it back as it
 * was.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182
#define DROP_CACHES	"/proc/sys/vm/drop_caches"
#define SLAB_RATIO	"/proc/sys/vm/min_slab_ratio"
#define NODE_RECLAIM	"/sys/devices/system/node/node0/reclaim"

FIXTURE(evict)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(evict);

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_RESTORE(evict)

/* A working set of four times the device, by one process. */
TEST_F_TIMEOUT(evict, one_sweeps, 2 * VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_SET, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_sweeps(self->v, mem, VT_SET, SEED, VT_ALL));
	EXPECT_EQ(0, vt_used(self->v));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
}

/* The same by two processes at once; one does not keep the other waiting. */
TEST_F_TIMEOUT(evict, two_sweep, 2 * VT_LONG)
{
	struct vt_task task[2] = {
		{ .kind = variant->kind, .len = VT_SET, .seed = SEED,
		  .rank = VT_MOST },
		{ .kind = variant->kind, .len = VT_SET, .seed = OTHER + 100,
		  .rank = VT_MOST },
	};

	EXPECT_EQ(0, vt_both_sweep(task));
	EXPECT_EQ(0, vt_used(self->v));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
}

static int use_write(struct vsvm *v, char *mem)
{
	return vt_dev_fill(v, mem + 5, 8, VT_USE_SEED, 5);
}

static int use_atomic(struct vsvm *v, char *mem)
{
	return vsvm_atomic(v, mem, 8, DRM_VSVM_ATOMIC_ADD, 0, 0, NULL);
}

/* Blocks that were not used since go in the order they came. */
TEST_F_TIMEOUT(evict, oldest_goes, VT_LONG)
{
	char *mem = vt_map_filled(self->v, 2 * VT_VRAM, variant->kind, SEED);
	size_t at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	for (at = 0; at < VT_VRAM; at += VT_HUGE) {
		ASSERT_EQ(0, vt_to_device(self->v, mem + VT_VRAM + at, VT_HUGE));
		ASSERT_EQ(0, VT_IN_SYSTEM(mem, at + VT_HUGE));
		ASSERT_EQ(0, VT_ON_DEVICE(mem + at + VT_HUGE, VT_VRAM));
	}
	EXPECT_EQ(0, vt_check(mem, 2 * VT_VRAM, SEED, 0));
}

/* A device read is use ... */
TEST_F_TIMEOUT(evict, reads_keep, VT_LONG)
{
	EXPECT_EQ(0, vt_keeps_what_is_used(self->v, variant->kind, vt_use_read));
}

/* ... and so is a write ... */
TEST_F_TIMEOUT(evict, writes_keep, VT_LONG)
{
	EXPECT_EQ(0, vt_keeps_what_is_used(self->v, variant->kind, use_write));
}

/* ... and an atomic operation. */
TEST_F_TIMEOUT(evict, atomics_keep, VT_LONG)
{
	EXPECT_EQ(0, vt_keeps_what_is_used(self->v, variant->kind, use_atomic));
}

/*
 * A range of which half is there already, on a device that is full: in the end
 * what the result says is there, is there.
 */
TEST_F_TIMEOUT(evict, keeps_what_is_there, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);
	char *other = vt_map_filled(self->v, VT_VRAM, VT_SMALL, OTHER);
	size_t i;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE / 2));
	ASSERT_EQ(0, vt_to_device(self->v, other, VT_VRAM - VT_HUGE / 2));
	ASSERT_EQ(VT_VRAM, vt_used(self->v));
	ASSERT_EQ(0, VT_ON_DEVICE(mem, VT_HUGE / 2));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VT_HUGE));
	for (i = 0; i < DRM_VSVM_STAY_MAX; i++)
		EXPECT_EQ(0, self->m.stayed[i]);
	EXPECT_EQ(self->m.moved + self->m.there,
		  vt_bytes_in(self->v, mem, VT_HUGE, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_check(other, VT_VRAM, OTHER, 0));
}

/* Has a part of the device, says so, and at the other's word looks what is left. */
static int holder(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vsvm *v;
	long left;
	char *mem;

	if (vsvm_open(0, &v))
		return 101;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	if (!mem || vt_to_device(v, mem, task->len))
		return 102;
	if (vt_say(c) || vt_hear(c))
		return 103;
	left = vt_bytes_in(v, mem, task->len, DRM_VSVM_PLACE_DEVICE);
	if (vt_dev_check(v, mem, task->len, task->seed, 0) ||
	    vt_check(mem, task->len, task->seed, 0))
		return 104;
	return left < 0 || left % VT_HUGE ? 105 : left / VT_HUGE;
}

/* A process with its fair share and no more keeps all of it, whatever others want. */
TEST_F_TIMEOUT(evict, share_is_safe, 2 * VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = VT_VRAM / 2, .seed = OTHER,
	};
	struct vt_child c;
	char *mem;

	ASSERT_EQ(0, vt_start(&c, holder, &task));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(VT_VRAM / 2, vt_used(self->v));
	mem = vt_map_filled(self->v, VT_SET, variant->kind, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_device_sweep(self->v, mem, VT_SET, SEED, VT_ALL));
	EXPECT_EQ(VT_VRAM, vt_used(self->v));
	EXPECT_EQ(VT_VRAM / 2, vt_bytes_in(self->v, mem, VT_SET,
					   DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(VT_BLOCKS / 2, vt_wait(&c));
	EXPECT_EQ(0, vt_check(mem, VT_SET, SEED + 1, 0));
}

/* A late process gets its share, and the first one keeps its own. */
TEST_F_TIMEOUT(evict, share_is_reached, 2 * VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = VT_VRAM, .seed = OTHER,
	};
	struct vt_child c;
	char *mem;

	ASSERT_EQ(0, vt_start(&c, holder, &task));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(VT_VRAM, vt_used(self->v));
	mem = vt_map_filled(self->v, VT_SET, variant->kind, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_device_sweep(self->v, mem, VT_SET, SEED, VT_ALL));
	EXPECT_EQ(VT_VRAM / 2, vt_bytes_in(self->v, mem, VT_SET,
					   DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(VT_BLOCKS / 2, vt_wait(&c));
	EXPECT_EQ(0, vt_check(mem, VT_SET, SEED + 1, 0));
}

/* Three of them: none has less than a third, rounded down. */
TEST_F_TIMEOUT(evict, share_of_three, 2 * VT_LONG)
{
	struct vt_task task[2] = {
		{ .kind = variant->kind, .len = VT_VRAM / 2, .seed = OTHER },
		{ .kind = variant->kind, .len = VT_VRAM / 2, .seed = OTHER + 1 },
	};
	struct vt_child c[2];
	int i, left;
	char *mem;
	long mine;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vt_start(&c[i], holder, &task[i]));
		ASSERT_EQ(0, vt_hear(&c[i]));
	}
	ASSERT_EQ(VT_VRAM, vt_used(self->v));
	mem = vt_map_filled(self->v, VT_SET, variant->kind, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_device_sweep(self->v, mem, VT_SET, SEED, VT_ALL));
	mine = vt_bytes_in(self->v, mem, VT_SET, DRM_VSVM_PLACE_DEVICE);
	EXPECT_LE(VT_BLOCKS / 3 * VT_HUGE, mine);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vt_say(&c[i]));
		left = vt_wait(&c[i]);
		EXPECT_LE(VT_BLOCKS / 3, left);
		EXPECT_GE(VT_BLOCKS / 2, left);
	}
}

/* Has two blocks, and asks for a third one. */
static int asks_for_a_third(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vsvm *v;
	char *mem;

	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, 3 * VT_HUGE, task->kind, task->seed);
	if (!mem || vt_to_device(v, mem, 2 * VT_HUGE))
		return 2;
	if (vt_say(c) || vt_hear(c))
		return 3;
	if (vt_migrate(v, mem + 2 * VT_HUGE, VT_HUGE, DRM_VSVM_TARGET_DEVICE, 0,
		       NULL))
		return 4;
	return vt_check(mem, 3 * VT_HUGE, task->seed, 0) ? 5 : 0;
}

/*
 * A block that a process has taken, and that has no memory behind it yet, counts as
 * its own: a rival below its share finds a process above, and is not told that the
 * device is full.
 */
TEST_F_TIMEOUT(evict, share_counts_from_the_start, VT_LONG)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, variant->kind, SEED);
	struct vt_task task = { .kind = variant->kind, .seed = OTHER };
	struct vt_child c;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, vt_start(&c, asks_for_a_third, &task));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_pause(self->v, "backing", 1));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_await(self->v, "backing"));
	EXPECT_EQ(0, vt_to_device(self->v, mem + VT_HUGE, VT_HUGE));
	ASSERT_EQ(0, vt_resume(self->v, "backing"));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, 2 * VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, 2 * VT_HUGE, SEED, 0));
}

/* A process with nothing on the device has no share: the others may have it all. */
TEST_F_TIMEOUT(evict, share_ends, VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = VT_VRAM / 2, .seed = OTHER,
	};
	struct vt_child c;
	char *mem;

	ASSERT_EQ(0, vt_start(&c, holder, &task));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(VT_BLOCKS / 2, vt_wait(&c));
	mem = vt_map_filled(self->v, 2 * VT_VRAM, variant->kind, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_device_sweep(self->v, mem, 2 * VT_VRAM, SEED, VT_ALL));
	EXPECT_EQ(0, VT_ON_DEVICE(mem + VT_VRAM, VT_VRAM));
}

/* An empty device has no memory of the host's behind it. */
TEST_F(evict, empty_has_no_backing)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_backing(self->v));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_backing(self->v));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_PAGE));
	EXPECT_EQ(VT_HUGE, vt_backing(self->v));
}

/* Backing stays with empty blocks until the host asks for it. */
TEST_F_TIMEOUT(evict, backing_is_given_back, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);
	size_t kept = VT_HUGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	ASSERT_EQ(VT_VRAM, vt_backing(self->v));
	ASSERT_EQ(0, vt_to_system(self->v, mem + kept, VT_VRAM - kept));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	/* What is in use is not given back. */
	EXPECT_EQ(kept, vt_backing(self->v));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, kept));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, VT_VRAM, SEED, 0));
	/* And what was can be had again. */
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, SEED, 0));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	EXPECT_EQ(0, vt_backing(self->v));
}

/* One page in each block, the rest unmapped; returns 0. */
static int punch(struct vsvm *v, char *mem, size_t len)
{
	size_t at;

	if (VT_BAD(vt_to_device(v, mem, len)))
		return -1;
	for (at = 0; at < len; at += VT_HUGE)
		if (VT_BAD(munmap(mem + at + VT_PAGE, VT_HUGE - VT_PAGE)))
			return -1;
	return vt_used(v) == len / VT_HUGE * VT_PAGE ? 0 : -1;
}

/*
 * Blocks with few pages give their backing back, too: the pages come together in
 * one block, or home, and are what they were.
 */
TEST_F_TIMEOUT(evict, sparse_backing_is_given_back, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, SEED);
	size_t at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, punch(self->v, mem, VT_VRAM));
	ASSERT_EQ(VT_VRAM, vt_backing(self->v));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	EXPECT_GE(VT_HUGE, vt_backing(self->v));
	for (at = 0; at < VT_VRAM; at += VT_HUGE) {
		EXPECT_EQ(0, vt_dev_check(self->v, mem + at, VT_PAGE, SEED,
					  at));
		ASSERT_EQ(0, vt_dev_fill(self->v, mem + at, VT_PAGE, OTHER,
					 at));
	}
	for (at = 0; at < VT_VRAM; at += VT_HUGE)
		EXPECT_EQ(0, vt_check(mem + at, VT_PAGE, OTHER, at));
	EXPECT_EQ(0, vt_used(self->v));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	EXPECT_EQ(0, vt_backing(self->v));
}

/* Reclaim until the host has the backing but for @want, or does not get on. */
static int reclaim_backing(struct vsvm *v, long want)
{
	long ratio = vt_file_get(SLAB_RATIO);
	int tries, fd = open(NODE_RECLAIM, O_WRONLY | O_CLOEXEC);

	if (VT_BAD(fd < 0 || ratio < 0 || vt_file_set(SLAB_RATIO, 0)))
		return -1;
	for (tries = 0; tries < 100 && vt_backing(v) > want; tries++)
		/* How much it got is not the question. */
		if (write(fd, "64M", 3) < 0 && errno != EAGAIN &&
		    errno != EBUSY)
			break;
	close(fd);
	return VT_BAD(vt_file_set(SLAB_RATIO, ratio) || vt_backing(v) > want) ? -1 : 0;
}

/* The same out of core mm's reclaim, whose locks and reserves the caller has. */
TEST_F_TIMEOUT(evict, sparse_backing_is_reclaimed, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, SEED);
	size_t at;

	ASSERT_NE(NULL, mem);
	if (access(NODE_RECLAIM, F_OK))
		SKIP(return, "no reclaim by node");
	ASSERT_EQ(0, punch(self->v, mem, VT_VRAM));
	EXPECT_EQ(0, reclaim_backing(self->v, VT_HUGE));
	for (at = 0; at < VT_VRAM; at += VT_HUGE) {
		EXPECT_EQ(0, vt_dev_check(self->v, mem + at, VT_PAGE, SEED,
					  at));
		EXPECT_EQ(0, vt_check(mem + at, VT_PAGE, SEED, at));
	}
}

/* Beside a block that is half full, they stay on the device. */
TEST_F_TIMEOUT(evict, sparse_pages_come_together, VT_LONG)
{
	size_t half = VT_HUGE / 2, few = 16 * VT_PAGE;
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	ASSERT_EQ(0, munmap(mem + half, VT_HUGE - half));
	ASSERT_EQ(0, munmap(mem + VT_HUGE + few, VT_HUGE - few));
	ASSERT_EQ(half + few, vt_used(self->v));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	EXPECT_EQ(VT_HUGE, vt_backing(self->v));
	EXPECT_EQ(half + few, vt_used(self->v));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, half));
	EXPECT_EQ(0, VT_ON_DEVICE(mem + VT_HUGE, few));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, half, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + VT_HUGE, few, SEED, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, half, SEED, 0));
}

/* A process with many nearly empty blocks gives some up before it gets another. */
TEST_F_TIMEOUT(evict, fewer_blocks_for_a_huge_page, VT_LONG)
{
	size_t len = VT_VRAM / 2, at;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);
	char *more = vt_map_filled(self->v, VT_HUGE, variant->kind, OTHER);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, more);
	ASSERT_EQ(0, punch(self->v, mem, len));
	ASSERT_EQ(0, vt_to_device(self->v, more, VT_HUGE));
	EXPECT_EQ(0, vt_all_in(self->v, more, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			       variant->kind == VT_SMALL ? 0 : VT_HUGE_ORDER));
	/* Small ones find room in the blocks that are there. */
	EXPECT_EQ(variant->kind == VT_SMALL ?
		  VT_HUGE + len / VT_HUGE * VT_PAGE : VT_HUGE + VT_PAGE,
		  vt_used(self->v));
	EXPECT_EQ(0, vt_check(more, VT_HUGE, OTHER, 0));
	for (at = 0; at < len; at += VT_HUGE)
		EXPECT_EQ(0, vt_check(mem + at, VT_PAGE, SEED, at));
}

/* A host without memory for any backing: nothing moves, all works. */
TEST_F_TIMEOUT(evict, no_backing, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_arm(self->v, "backing", 1, VT_ALWAYS));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VT_VRAM));
	EXPECT_LE(VT_BLOCKS, vt_fired(self->v, "backing"));
	EXPECT_EQ(VT_VRAM, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(0, vt_used(self->v));
	EXPECT_EQ(0, vt_backing(self->v));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, VT_VRAM, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, VT_VRAM, OTHER, 0));
	ASSERT_EQ(0, vt_disarm(self->v, "backing"));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, OTHER, 0));
}

/* With memory for one block, as much moves as one block takes. */
TEST_F_TIMEOUT(evict, backing_for_one, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_arm(self->v, "backing", 2, VT_ALWAYS));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VT_VRAM));
	EXPECT_EQ(VT_HUGE, self->m.moved);
	EXPECT_EQ(VT_VRAM - VT_HUGE, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(mem + VT_HUGE, VT_VRAM - VT_HUGE));
	EXPECT_EQ(VT_HUGE, vt_used(self->v));
	EXPECT_EQ(VT_HUGE, vt_backing(self->v));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, VT_VRAM, SEED, 0));
	ASSERT_EQ(0, vt_disarm(self->v, "backing"));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, SEED, 0));
}

/*
 * A full device, and one piece more; pages migrate to system memory as the
 * failpoints that the test arms let them.
 */
FIXTURE(stuck)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
	char *mem;
	char *more;
};

FIXTURE_VARIANT(stuck)
{
	enum vt_kind kind;
	enum vt_kind more;
};

FIXTURE_VARIANT_ADD(stuck, small)
{
	.kind = VT_SMALL,
	.more = VT_SMALL,
};

FIXTURE_VARIANT_ADD(stuck, small_for_large)
{
	.kind = VT_SMALL,
	.more = VT_LARGE,
};

FIXTURE_SETUP(stuck)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);
	self->more = vt_map_filled(self->v, VT_HUGE, variant->more, OTHER);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->more);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_VRAM));
}

VT_TEARDOWN_RESTORE(stuck)

/* No page can go: all stays as it is, soon, and works again afterwards. */
TEST_F_TIMEOUT(stuck, none_can_go, VT_LONG)
{
	long fired, since;

	ASSERT_EQ(0, vt_arm(self->v, "home-small", 1, VT_ALWAYS));
	since = vt_seconds();
	ASSERT_EQ(0, VT_TRY_DEVICE(self->more, VT_HUGE));
	EXPECT_GE(VT_SOON, vt_seconds() - since);
	fired = vt_fired(self->v, "home-small");
	EXPECT_LE(VT_HUGE / VT_PAGE, fired);
	EXPECT_GE(VT_MANY_TRIES * VT_HUGE / VT_PAGE, fired);
	EXPECT_EQ(0, self->m.moved);
	EXPECT_EQ(VT_HUGE, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_VRAM));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->more, VT_HUGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->more, VT_HUGE, OTHER, 0));

	ASSERT_EQ(0, vt_disarm(self->v, "home-small"));
	ASSERT_EQ(0, vt_to_device(self->v, self->more, VT_HUGE));
	EXPECT_EQ(VT_VRAM - VT_HUGE, vt_bytes_in(self->v, self->mem, VT_VRAM,
						 DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_check(self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_check(self->more, VT_HUGE, OTHER, 0));
}

/*
 * Each block has one page left that another processor has munlocked and still keeps in
 * its batch. Eviction drains the batch. An munmap() on that processor does, too, so it
 * may take more than one go to get such pages.
 */
TEST_F_TIMEOUT(stuck, put_off, VT_LONG)
{
	int tries = 100;
	char *mem;
	size_t at;

	if (vt_patched())
		SKIP(return, "this kernel has no device pages in its batches");
	ASSERT_EQ(0, munmap(self->mem, VT_VRAM));
	ASSERT_EQ(0, vt_stay_on(1));
	do {
		ASSERT_NE(0, tries--);
		mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, SEED);
		ASSERT_NE(NULL, mem);
		for (at = 0; at < VT_VRAM; at += VT_HUGE)
			ASSERT_EQ(0, mlock(mem + at, VT_PAGE));
		ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
		ASSERT_EQ(0, munmap(mem, VT_VRAM));
	} while (vt_used(self->v) != VT_BLOCKS * VT_PAGE);
	ASSERT_EQ(0, vt_stay_on(0));
	ASSERT_EQ(0, vt_to_device(self->v, self->more, VT_HUGE));
	EXPECT_EQ(0, vt_all_in(self->v, self->more, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE,
			       variant->more == VT_SMALL ? 0 : VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_check(self->more, VT_HUGE, OTHER, 0));
}

/* Some pages cannot go: those stay, others make the room. */
TEST_F_TIMEOUT(stuck, some_can_go, VT_LONG)
{
	long stay = 100;

	ASSERT_EQ(0, vt_arm(self->v, "home-small", 1, stay));
	ASSERT_EQ(0, vt_to_device(self->v, self->more, VT_HUGE));
	EXPECT_EQ(stay, vt_fired(self->v, "home-small"));
	EXPECT_EQ(stay * VT_PAGE, vt_bytes_in(self->v, self->mem, VT_HUGE,
					      DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, stay * VT_PAGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->more, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_check(self->more, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* A whole block that cannot go is left alone, though all are equally old. */
TEST_F_TIMEOUT(stuck, next_one_goes, VT_LONG)
{
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, VT_VRAM, SEED, 0));
	ASSERT_EQ(0, vt_arm(self->v, "home-small", 1,
			    VT_HUGE / VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->v, self->more, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem + VT_HUGE, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + 2 * VT_HUGE, VT_VRAM - 2 * VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_check(self->more, VT_HUGE, OTHER, 0));
}

/* The host can take half a block: half the piece moves, the rest is counted. */
TEST_F_TIMEOUT(stuck, half_can_go, VT_LONG)
{
	long half = VT_HUGE / 2, there;

	ASSERT_EQ(0, vt_arm(self->v, "home-small",
			    half / VT_PAGE + 1, VT_ALWAYS));
	ASSERT_EQ(0, VT_TRY_DEVICE(self->more, VT_HUGE));
	there = vt_bytes_in(self->v, self->more, VT_HUGE,
			    DRM_VSVM_PLACE_DEVICE);
	EXPECT_EQ(self->m.moved, there);
	EXPECT_EQ(VT_HUGE - there, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(half, there);
	EXPECT_EQ(VT_VRAM - half, vt_bytes_in(self->v, self->mem, VT_VRAM,
					      DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(VT_VRAM - half + there, vt_used(self->v));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->more, VT_HUGE, OTHER, 0));
	ASSERT_EQ(0, vt_disarm(self->v, "home-small"));
	ASSERT_EQ(0, vt_to_device(self->v, self->more, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, VT_VRAM, SEED, 0));
	EXPECT_EQ(0, vt_check(self->more, VT_HUGE, OTHER, 0));
}

/* A device that is small, for pages of one kind. */
FIXTURE(full)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

FIXTURE_SETUP(full)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_RESTORE(full)

/*
 * When the host has no huge page, an evicted one takes its block's backing
 * along: it is a huge page in system memory, and the device has that much less.
 */
TEST_F_TIMEOUT(full, hands_its_backing_over, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, VT_LARGE, SEED);
	char *more = vt_map_filled(self->v, VT_HUGE, VT_LARGE, OTHER);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, more);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	ASSERT_EQ(VT_VRAM, vt_backing(self->v));
	ASSERT_EQ(0, vt_arm(self->v, "home-huge", 1, VT_ALWAYS));
	/* The block gets no new backing, so what was handed over shows. */
	ASSERT_EQ(0, vt_arm(self->v, "backing", 1, VT_ALWAYS));
	ASSERT_EQ(0, VT_TRY_DEVICE(more, VT_HUGE));
	EXPECT_EQ(1, vt_fired(self->v, "home-huge"));
	EXPECT_EQ(VT_HUGE, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(VT_VRAM - VT_HUGE, vt_backing(self->v));
	EXPECT_EQ(0, vt_all_in(self->v, mem, VT_HUGE, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, VT_ON_DEVICE(mem + VT_HUGE, VT_VRAM - VT_HUGE));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, VT_VRAM, SEED, 0));

	ASSERT_EQ(0, vt_disarm(self->v, "backing"));
	ASSERT_EQ(0, vt_to_device(self->v, more, VT_HUGE));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
	/* What was handed over belongs to the process alone. */
	vt_fill(mem, VT_HUGE, OTHER, 0);
	ASSERT_EQ(0, vt_dev_fill(self->v, more, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_check(more, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, munmap(mem, VT_VRAM));
	ASSERT_EQ(0, munmap(more, VT_HUGE));
	EXPECT_EQ(0, vt_used(self->v));
}

/* A sweep in which no huge page can be had: it ends, and all is right. */
TEST_F_TIMEOUT(full, sweeps_without_huge_pages, 2 * VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_SET, VT_LARGE, SEED);
	long evicted = (VT_SET - VT_VRAM) / VT_HUGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_arm(self->v, "home-huge", 1, VT_ALWAYS));
	ASSERT_EQ(0, vt_device_sweep(self->v, mem, VT_SET, SEED, VT_ALL));
	EXPECT_EQ(evicted, vt_fired(self->v, "home-huge"));
	EXPECT_EQ(VT_VRAM, vt_backing(self->v));
	EXPECT_EQ(0, vt_all_in(self->v, mem, VT_SET - VT_VRAM,
			       DRM_VSVM_PLACE_SYSTEM, VT_HUGE_ORDER));
	ASSERT_EQ(0, vt_cpu_sweep(mem, VT_SET, SEED));
	EXPECT_EQ(0, vt_backing(self->v));
	EXPECT_EQ(0, vt_check(mem, VT_SET, SEED + 2, 0));
}

/* One uses 4K pages, the other 2M pages: they get in each other's blocks. */
TEST_F_TIMEOUT(full, unlike_two_sweep, 2 * VT_LONG)
{
	struct vt_task task[2] = {
		{ .kind = VT_SMALL, .len = VT_SET, .seed = SEED,
		  .rank = VT_MOST },
		{ .kind = VT_LARGE, .len = VT_SET, .seed = OTHER + 100,
		  .rank = VT_MOST },
	};

	EXPECT_EQ(0, vt_both_sweep(task));
	EXPECT_EQ(0, vt_used(self->v));
}

/* Sweeps until it is killed, or until the device is gone. */
static int endless(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	char byte, *mem;
	struct vsvm *v;
	size_t at;
	int ret;

	if (vsvm_open(task->device, &v))
		return 1;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	if (!mem)
		return 2;
	for (at = 0;; at = (at + VT_HUGE) % task->len) {
		ret = vt_migrate(v, mem + at, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				 0, NULL);
		if (ret == -ENODEV)
			break;
		if (ret)
			return 3;
		if (at == VT_VRAM && vt_say(c))
			return 4;
	}
	if (vsvm_read(v, mem, &byte, 1, NULL) != -ENODEV ||
	    vsvm_write(v, mem, &byte, 1, NULL) != -ENODEV ||
	    vt_migrate(v, mem, VT_HUGE, DRM_VSVM_TARGET_SYSTEM, 0, NULL) !=
	    -ENODEV)
		return 5;
	/* While the rest migrates to system memory, and after that. */
	if (vt_check(mem, task->len / 2, task->seed, 0) || vt_hear(c))
		return 6;
	/* pagemap would show a device page as swapped out. */
	for (at = 0; at < task->len; at += VT_PAGE)
		if (!(vt_pagemap(mem + at) & VT_PM_PRESENT))
			return 7;
	return vt_check(mem, task->len, task->seed, 0) ? 8 : 0;
}

/* A process that is killed while blocks migrate to system memory leaves nothing. */
TEST_F_TIMEOUT(evict, killed_in_the_middle, 2 * VT_LONG)
{
	struct vt_task task = { .kind = variant->kind, .len = VT_SET / 2, .seed = OTHER };
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);
	struct vt_child c;
	int round, i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, madvise(mem, VT_HUGE, MADV_DONTFORK));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, vt_start(&c, endless, &task));
		ASSERT_EQ(0, vt_hear(&c));
		ASSERT_LT(VT_HUGE, vt_used(self->v));
		usleep(round * 3000);
		ASSERT_EQ(0, kill(c.pid, SIGKILL));
		ASSERT_EQ(128 + SIGKILL, vt_wait(&c));
		for (i = 0; i < 3000 && vt_used(self->v) != VT_HUGE; i++)
			usleep(20000);
		ASSERT_EQ(VT_HUGE, vt_used(self->v));
		ASSERT_EQ(0, VT_ON_DEVICE(mem, VT_HUGE));
		ASSERT_EQ(0, vt_dev_check(self->v, mem, VT_HUGE, SEED, 0));
	}
	EXPECT_GE(VT_VRAM, vt_backing(self->v));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* The device is unplugged while blocks migrate to system memory, and put back. */
TEST_F_TIMEOUT(evict, unplugged_in_the_middle, 2 * VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .device = 1, .len = VT_SET / 2, .seed = OTHER,
	};
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);
	struct vt_child c;
	struct vsvm *v;
	int round;

	ASSERT_NE(NULL, mem);
	for (round = 0; round < 6; round++) {
		ASSERT_EQ(0, vt_start(&c, endless, &task));
		ASSERT_EQ(0, vt_hear(&c));
		usleep(round * 7000);
		ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.1"));
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_wait(&c));
		ASSERT_EQ(-ENODEV, vsvm_open(1, &v));
		/* The other device has nothing to do with it. */
		ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));

		ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", "vsvm.1"));
		ASSERT_EQ(0, vsvm_open(1, &v));
		ASSERT_EQ(0, vt_used(v));
		ASSERT_EQ(0, vt_backing(v));
		ASSERT_EQ(0, vt_to_device(v, mem, VT_HUGE));
		ASSERT_EQ(VT_HUGE, vt_used(v));
		ASSERT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
		vsvm_close(v);
	}
}

TEST_HARNESS_MAIN
