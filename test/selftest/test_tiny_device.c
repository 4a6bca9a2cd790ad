// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest devices: one of a single block, where each page that comes pushes out
 * all that are there, and a small coherent one.
 *
 * Loads the module with little memory and puts it back as it was.
 */
#include <signal.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182

/* A device of a single block. */
FIXTURE(one_block)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(one_block)
{
	enum vt_kind kind;
	size_t piece;
};

FIXTURE_VARIANT_ADD(one_block, small_64k)
{
	.kind = VT_SMALL,
	.piece = 16 * VT_PAGE,
};

FIXTURE_VARIANT_ADD(one_block, small_1m)
{
	.kind = VT_SMALL,
	.piece = VT_MIB,
};

FIXTURE_VARIANT_ADD(one_block, small_2m)
{
	.kind = VT_SMALL,
	.piece = VT_HUGE,
};

FIXTURE_VARIANT_ADD(one_block, large_64k)
{
	.kind = VT_LARGE,
	.piece = 16 * VT_PAGE,
};

FIXTURE_VARIANT_ADD(one_block, large_2m)
{
	.kind = VT_LARGE,
	.piece = VT_HUGE,
};

FIXTURE_SETUP(one_block)
{
	struct drm_vsvm_info info = {};

	ASSERT_EQ(0, vt_reload(&self->module, 2));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	ASSERT_EQ(VT_HUGE, info.vram_size);
}

VT_TEARDOWN_RESTORE(one_block)

/* Twice as much as there is, piece by piece: each one gets there. */
TEST_F_TIMEOUT(one_block, takes_each_piece, VT_LONG)
{
	size_t len = 2 * VT_HUGE, at;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	for (at = 0; at < len; at += variant->piece) {
		ASSERT_EQ(0, vt_to_device(self->v, mem + at, variant->piece));
		ASSERT_EQ(0, vt_dev_check(self->v, mem + at, variant->piece,
					  SEED, at));
		ASSERT_EQ(0, vt_dev_fill(self->v, mem + at, variant->piece,
					 OTHER, at));
	}
	EXPECT_EQ(VT_HUGE, vt_used(self->v));
	EXPECT_EQ(VT_HUGE, vt_backing(self->v));
	EXPECT_EQ(0, vt_check(mem, len, OTHER, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* Half of it is there, the rest is another process's: all of it can be there. */
TEST_F_TIMEOUT(one_block, completes_a_half, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);
	char *other = vt_map_filled(self->v, VT_HUGE / 2, VT_SMALL, OTHER);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE / 2));
	ASSERT_EQ(0, vt_to_device(self->v, other, VT_HUGE / 2));
	ASSERT_EQ(VT_HUGE, vt_used(self->v));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_check(other, VT_HUGE / 2, OTHER, 0));
}

/* In one go: all is moved in turn, what is there in the end is the last. */
TEST_F_TIMEOUT(one_block, takes_all_in_turn, VT_LONG)
{
	size_t len = 2 * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, len));
	EXPECT_EQ(len, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem + VT_HUGE, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, mem, VT_HUGE, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, len, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/* One of two that want the only block, turn by turn. */
static int takes_turns(struct vt_child *c, struct vsvm *v, char *mem,
		       const struct vt_task *task, bool first)
{
	size_t at;

	for (at = 0; at < task->len; at += VT_HUGE) {
		if (VT_BAD(!first && vt_hear(c)))
			return -1;
		/* The other one has all of it now. */
		if (VT_BAD((at || !first) && vt_used(v) != VT_HUGE))
			return -1;
		if (VT_BAD(vt_to_device(v, mem + at, VT_HUGE) ||
			   vt_bytes_in(v, mem, task->len, DRM_VSVM_PLACE_DEVICE) !=
			   VT_HUGE || vt_used(v) != VT_HUGE))
			return -1;
		if (VT_BAD(vt_say(c) || (first && vt_hear(c))))
			return -1;
		if (VT_BAD(first && vt_bytes_in(v, mem, task->len,
						DRM_VSVM_PLACE_DEVICE)))
			return -1;
	}
	return vt_check(mem, task->len, task->seed, 0);
}

static int turn_taker(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vsvm *v;
	char *mem;

	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	return !mem || takes_turns(c, v, mem, task, false) ? 2 : 0;
}

/* Two processes and one block: each gets it when it wants it. */
TEST_F_TIMEOUT(one_block, two_take_turns, VT_LONG)
{
	struct vt_task mine = {
		.kind = variant->kind, .len = 4 * VT_HUGE, .seed = SEED,
	};
	struct vt_task yours = {
		.kind = VT_SMALL, .len = 4 * VT_HUGE, .seed = OTHER,
	};
	struct vt_child c;
	char *mem;

	ASSERT_EQ(0, vt_start(&c, turn_taker, &yours));
	mem = vt_map_filled(self->v, mine.len, mine.kind, mine.seed);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, takes_turns(&c, self->v, mem, &mine, true));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_used(self->v));
}

/* At the same time: pages of the one that finds it taken stay, and no byte is lost. */
TEST_F_TIMEOUT(one_block, two_at_once, VT_LONG)
{
	struct vt_task task[2] = {
		{ .kind = variant->kind, .len = 2 * VT_HUGE, .seed = SEED },
		{ .kind = VT_SMALL, .len = 2 * VT_HUGE, .seed = OTHER + 100 },
	};

	EXPECT_EQ(0, vt_both_sweep(task));
	EXPECT_EQ(0, vt_used(self->v));
}

/* A coherent device, which has small pages only and no backing. */
FIXTURE(coherent)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(coherent);

FIXTURE_SETUP(coherent)
{
	struct drm_vsvm_info info = {};
	char where[32];

	ASSERT_EQ(0, vt_module_get(&self->module));
	if (vt_reserved(where, sizeof(where)))
		SKIP(return, "no memory was reserved with memmap=");
	ASSERT_EQ(0, vt_load_coherent(where));
	ASSERT_EQ(0, vsvm_open(1, &self->v));
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	ASSERT_EQ(DRM_VSVM_KIND_COHERENT, info.kind);
	ASSERT_EQ(VT_VRAM, info.vram_size);
}

VT_TEARDOWN_RESTORE(coherent)

/* It makes room, too, and a CPU that looks changes nothing. */
TEST_F_TIMEOUT(coherent, sweeps, 2 * VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_SET, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_sweeps(self->v, mem, VT_SET, SEED, VT_ALL));
	EXPECT_EQ(VT_VRAM, vt_used(self->v));
	EXPECT_EQ(0, VT_ON_DEVICE(mem + VT_SET - VT_VRAM, VT_VRAM));
	EXPECT_EQ(0, vt_backing(self->v));
	ASSERT_EQ(0, munmap(mem, VT_SET));
	EXPECT_EQ(0, vt_used(self->v));
}

/* The block that was used longest ago goes here as well. */
TEST_F_TIMEOUT(coherent, reads_keep, VT_LONG)
{
	EXPECT_EQ(0, vt_keeps_what_is_used(self->v, variant->kind, vt_use_read));
}

/* Pages that cannot go stay, and what wants their place is told so. */
TEST_F_TIMEOUT(coherent, none_can_go, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM + VT_HUGE, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	ASSERT_EQ(0, vt_arm(self->v, "home-small", 1, VT_ALWAYS));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem + VT_VRAM, VT_HUGE));
	EXPECT_EQ(VT_HUGE, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_LT(0, vt_fired(self->v, "home-small"));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_VRAM));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM + VT_HUGE, SEED, 0));
	ASSERT_EQ(0, vt_disarm(self->v, "home-small"));
	ASSERT_EQ(0, vt_to_device(self->v, mem + VT_VRAM, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM + VT_HUGE, SEED, 0));
}

TEST_HARNESS_MAIN
