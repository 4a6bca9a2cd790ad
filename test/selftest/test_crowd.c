// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device uses more memory than it has, again and again, and what it lacks moves there.
 *
 * Each piece would push out one that is needed next. After some rounds what is there stays,
 * and the rest is used in place. Loads the module with little memory and puts it back as it
 * was.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_counters.h"
#include "vt_events.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED		251
#define PIECE		(64UL << 10)
/*
 * Rounds: three pieces in a row have to come back too soon, and on a machine that does other
 * things, moves may look short in some.
 */
#define MANY		100
#define THRASH_TURNS	"/sys/module/vsvm/parameters/thrash_turns"
#define THRASH_SOON	"/sys/module/vsvm/parameters/thrash_soon"

static const struct drm_vsvm_advice here = {
	.location = DRM_VSVM_LOCATION_HERE,
};

FIXTURE(crowd)
{
	struct vsvm *v;
	struct vt_module module;
	char *mem;
	int fd;
};

VT_PAGE_KINDS(crowd);

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_SET, variant->kind,
				    SEED, false));
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, VT_SET,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	self->fd = vt_stream(self->v, 1 << DRM_VSVM_EVENT_THRASH_BEGIN |
			     1 << DRM_VSVM_EVENT_THRASH_END, 8);
	ASSERT_LE(0, self->fd);
}

VT_TEARDOWN_RESTORE(crowd)

/* The device reads a byte of each piece; says how many pages moved for it, or -1. */
static long round_of(struct vsvm *v, char *mem, size_t len)
{
	long before = vt_file_counter(v, "fault-to-device-pages");
	char byte;
	size_t at;

	for (at = 0; at < len; at += PIECE)
		if (VT_BAD(vsvm_read(v, mem + at, &byte, 1, NULL)))
			return -1;
	return vt_file_counter(v, "fault-to-device-pages") - before;
}

/* Rounds until nothing moves any more: how many, or -1. */
static int settles(struct vsvm *v, char *mem)
{
	long moved;
	int i;

	for (i = 0; i < MANY; i++) {
		moved = round_of(v, mem, VT_SET);
		if (moved <= 0)
			return moved ? -1 : i;
	}
	return VT_BAD(i == MANY) ? -1 : 0;
}

/* In the end the device is full, and nothing comes or goes; all bytes are right. */
TEST_F_TIMEOUT(crowd, settles, 2 * VT_LONG)
{
	struct drm_vsvm_event e;
	long evicted;

	/* The first round moves all of it, the second one some. */
	EXPECT_LE(2, settles(self->v, self->mem));
	EXPECT_EQ(VT_VRAM, vt_bytes_in(self->v, self->mem, VT_SET,
				       DRM_VSVM_PLACE_DEVICE));
	evicted = vt_device_counter("evicted-blocks");
	EXPECT_EQ(0, round_of(self->v, self->mem, VT_SET));
	EXPECT_EQ(evicted, vt_device_counter("evicted-blocks"));
	EXPECT_LT(0, vt_file_counter(self->v, "thrashes"));
	/* Of no address: it is about all of the file. */
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_THRASH_BEGIN, &e));
	EXPECT_EQ(0, e.addr);
	EXPECT_EQ(0, e.bytes);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_SET, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, VT_SET, SEED, 0));
}

/* It does not without thrash control. */
TEST_F_TIMEOUT(crowd, moves_for_ever, 2 * VT_LONG)
{
	int i;

	ASSERT_EQ(0, vt_file_set(THRASH_TURNS, 0));
	for (i = 0; i < 10; i++)
		EXPECT_LT(0, round_of(self->v, self->mem, VT_SET));
	EXPECT_EQ(0, vt_no_next(self->fd));
	EXPECT_EQ(0, vt_check(self->mem, VT_SET, SEED, 0));
}

/* What fits never begins it. */
TEST_F_TIMEOUT(crowd, fits, 2 * VT_LONG)
{
	int i;

	/* A piece that MIGRATE brings home would come back too soon, by itself. */
	ASSERT_EQ(0, vt_file_set(THRASH_SOON, 0));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, vt_to_system(self->v, self->mem, VT_VRAM / 2));
		EXPECT_EQ(VT_VRAM / 2 / VT_PAGE,
			  round_of(self->v, self->mem, VT_VRAM / 2));
		EXPECT_EQ(0, round_of(self->v, self->mem, VT_VRAM / 2));
	}
	EXPECT_EQ(0, vt_file_counter(self->v, "thrashes"));
}

/* Meanwhile memory moves where there is room ... */
TEST_F_TIMEOUT(crowd, room_is_used, 2 * VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);
	size_t at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, VT_HUGE, DRM_VSVM_ADVISE_LOCATION,
				 &here));
	ASSERT_LE(0, settles(self->v, self->mem));
	for (at = 0; at < VT_SET; at += VT_HUGE)
		ASSERT_EQ(0, vt_migrate(self->v, self->mem + at, VT_HUGE,
					DRM_VSVM_TARGET_SYSTEM, 0, NULL));
	EXPECT_EQ(VT_HUGE / VT_PAGE, round_of(self->v, mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
}

/* ... and after it, other memory makes room again. */
TEST_F_TIMEOUT(crowd, ends, 2 * VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, SEED);
	struct drm_vsvm_event e;
	bool ended = false;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_LE(0, settles(self->v, self->mem));
	/* Ten seconds at most; then the device lacks it once more. */
	for (i = 0; i < 200 && !ended; i++) {
		usleep(100000);
		ASSERT_EQ(0, vsvm_advise(self->v, mem, VT_HUGE,
					 DRM_VSVM_ADVISE_LOCATION, &here));
		ASSERT_LE(0, round_of(self->v, mem, VT_HUGE));
		ended = !vt_next(self->fd, DRM_VSVM_EVENT_THRASH_END, &e);
	}
	EXPECT_TRUE(ended);
	EXPECT_EQ(0, e.addr);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, VT_HUGE, DRM_VSVM_ADVISE_LOCATION,
				 &here));
	ASSERT_LE(0, round_of(self->v, mem, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
}

TEST_HARNESS_MAIN
