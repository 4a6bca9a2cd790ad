// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three devices, each with less memory than what is moved to it: memory goes from device
 * to device, in a ring and from a hub to spokes and back, while every step makes a full
 * device evict. Whoever does not have a page uses it where it is.
 */
#include <pthread.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define DEVICES	3
#define LEN	((VT_BLOCKS + 1) * VT_HUGE)	/* more than a device has */
#define ROUNDS	4
#define THRASH_TURNS	"/sys/module/vsvm/parameters/thrash_turns"
#define SEED	131

/* How memory gets to a device. */
enum how {
	MIGRATE,	/* by a call */
	ADVISED,	/* by a call, to where advice says */
	FAULT,		/* by the device's access, as advice says */
};

FIXTURE(ring)
{
	struct vt_module module;
	struct vsvm *v[DEVICES];
	char *mem[DEVICES];
};

FIXTURE_VARIANT(ring)
{
	enum vt_kind kind;
	enum how how;
};

FIXTURE_VARIANT_ADD(ring, migrate_4k)
{
	.kind = VT_SMALL,
	.how = MIGRATE,
};

FIXTURE_VARIANT_ADD(ring, migrate_2m)
{
	.kind = VT_LARGE,
	.how = MIGRATE,
};

FIXTURE_VARIANT_ADD(ring, advised_4k)
{
	.kind = VT_SMALL,
	.how = ADVISED,
};

FIXTURE_VARIANT_ADD(ring, advised_2m)
{
	.kind = VT_LARGE,
	.how = ADVISED,
};

FIXTURE_VARIANT_ADD(ring, fault_4k)
{
	.kind = VT_SMALL,
	.how = FAULT,
};

FIXTURE_VARIANT_ADD(ring, fault_2m)
{
	.kind = VT_LARGE,
	.how = FAULT,
};

/* Opens three small devices, and fills memory for each. */
static int make_ring(struct vt_module *was, struct vsvm **v, char **mem, enum vt_kind kind)
{
	unsigned int i;

	if (vt_reload_devices(was, DEVICES, VT_VRAM_MIB))
		return -1;
	for (i = 0; i < DEVICES; i++) {
		if (VT_BAD(vsvm_open(i, &v[i])))
			return -1;
		mem[i] = vt_map_filled(v[i], LEN, kind, SEED + i);
		if (!mem[i])
			return -1;
	}
	return 0;
}

/* The sets are larger than their devices, which thrash control would see. */
FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, make_ring(&self->module, self->v, self->mem, variant->kind));
	ASSERT_EQ(0, vt_file_set(THRASH_TURNS, 0));
}

VT_TEARDOWN_RESTORE(ring)

/* All devices are told that the memory should be on device @to. */
static int advise(struct vsvm **v, char *mem, uint32_t to)
{
	const struct drm_vsvm_advice advice = {
		.location = DRM_VSVM_LOCATION_DEVICE,
		.device = to,
	};
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		if (VT_BAD(vsvm_advise(v[i], mem, LEN, DRM_VSVM_ADVISE_LOCATION, &advice)))
			return -1;
	return 0;
}

/*
 * Moves the memory to device @to, from wherever it is: at least the last block of it is
 * there then, and none of it on another device.
 */
static int bring(struct vsvm **v, char *mem, uint32_t to, enum how how, uint64_t seed)
{
	struct drm_vsvm_migrate m;
	long there;

	if (how != MIGRATE && advise(v, mem, to))
		return -1;
	if (how == FAULT ? vt_dev_check(v[to], mem, LEN, seed, 0) :
	    VT_BAD(vt_migrate(v[to], mem, LEN, how == ADVISED ? DRM_VSVM_TARGET_ADVISED :
			      DRM_VSVM_TARGET_DEVICE, 0, &m)))
		return -1;
	there = vt_bytes_in(v[to], mem, LEN, DRM_VSVM_PLACE_DEVICE);
	if (there < (long)VT_HUGE || there > (long)VT_VRAM)
		return vt_wrong("%ld bytes on device %u", there, to);
	there = vt_bytes_in(v[to], mem, LEN, DRM_VSVM_PLACE_PEER);
	return there ? vt_wrong("%ld bytes left on other devices", there) : 0;
}

/* A device changes memory that should be on another one, and it stays there. */
static int change(struct vsvm **v, char *mem, uint32_t at, uint32_t by, uint64_t seed)
{
	long was = vt_bytes_in(v[at], mem, LEN, DRM_VSVM_PLACE_DEVICE);

	if (vt_dev_check(v[by], mem, LEN, seed, 0) ||
	    vt_dev_fill(v[by], mem, LEN, seed + DEVICES, 0))
		return -1;
	return VT_BAD(vt_bytes_in(v[by], mem, LEN, DRM_VSVM_PLACE_DEVICE) != 0) ||
	       VT_BAD(vt_bytes_in(v[at], mem, LEN, DRM_VSVM_PLACE_DEVICE) != was) ? -1 : 0;
}

/* Each memory goes on to the next device in each round, and the next but one changes it. */
TEST_F_TIMEOUT(ring, goes_round, VT_LONG)
{
	uint64_t seed = SEED;
	unsigned int r, i, at;

	for (r = 0; r < ROUNDS; r++, seed += DEVICES) {
		for (i = 0; i < DEVICES; i++) {
			at = (i + r) % DEVICES;
			ASSERT_EQ(0, bring(self->v, self->mem[i], at, variant->how,
					   seed + i));
			ASSERT_EQ(0, change(self->v, self->mem[i], at,
					    (at + 2) % DEVICES, seed + i));
		}
	}
	for (i = 0; i < DEVICES; i++)
		EXPECT_EQ(0, vt_check(self->mem[i], LEN, seed + i, 0));
}

/* The hub gives each spoke its memory, and takes it back when it was changed there. */
TEST_F_TIMEOUT(ring, hub_and_spokes, VT_LONG)
{
	uint64_t seed = SEED;
	unsigned int r, i;

	for (r = 0; r < ROUNDS; r++, seed += DEVICES) {
		for (i = 1; i < DEVICES; i++) {
			ASSERT_EQ(0, bring(self->v, self->mem[i], i, variant->how,
					   seed + i));
			ASSERT_EQ(0, change(self->v, self->mem[i], i, 0, seed + i));
		}
		for (i = 1; i < DEVICES; i++)
			ASSERT_EQ(0, bring(self->v, self->mem[i], 0, variant->how,
					   seed + DEVICES + i));
	}
	for (i = 1; i < DEVICES; i++)
		EXPECT_EQ(0, vt_check(self->mem[i], LEN, seed + i, 0));
}

/**
 * struct puller - a thread that has one device take all memories over, in turns
 * @v: the devices
 * @mem: the memories
 * @id: number of its device
 * @ret: 0 when it did
 */
struct puller {
	struct vsvm **v;
	char **mem;
	unsigned int id;
	int ret;
};

static void *pull(void *arg)
{
	struct puller *p = arg;
	struct drm_vsvm_migrate m;
	unsigned int r, i;

	p->ret = -1;
	for (r = 0; r < DEVICES * ROUNDS; r++) {
		i = (r + p->id) % DEVICES;
		if (VT_BAD(vt_migrate(p->v[p->id], p->mem[i], LEN,
				      DRM_VSVM_TARGET_DEVICE, 0, &m)) ||
		    vt_dev_check(p->v[p->id], p->mem[i], LEN, SEED + i, 0))
			return NULL;
	}
	p->ret = 0;
	return NULL;
}

FIXTURE(crowd)
{
	struct vt_module module;
	struct vsvm *v[DEVICES];
	char *mem[DEVICES];
};

VT_PAGE_KINDS(crowd);

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, make_ring(&self->module, self->v, self->mem, variant->kind));
}

VT_TEARDOWN_RESTORE(crowd)

/* All devices at once. */
TEST_F_TIMEOUT(crowd, all_pull, VT_LONG)
{
	struct puller p[DEVICES];
	pthread_t thread[DEVICES];
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		p[i] = (struct puller) { .v = self->v, .mem = self->mem, .id = i };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pull, &p[i]));
	}
	for (i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, p[i].ret);
	}
	for (i = 0; i < DEVICES; i++)
		EXPECT_EQ(0, vt_check(self->mem[i], LEN, SEED + i, 0));
}

TEST_HARNESS_MAIN
