// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight processes have a device that has room for two of them work for all.
 *
 * Each prefetches its memory to the device, changes it there, and has it copied. So
 * each takes the room of others all the time. No job is lost for want of room: what
 * does not get there is used where it is.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define PROCESSES	8
#define ROUNDS		12
#define LEN		(VT_VRAM / 2)

FIXTURE(crowd)
{
	struct vt_module module;
};

VT_PAGE_KINDS(crowd);

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
}

VT_TEARDOWN_RESTORE(crowd)

/* The n-th word of the first half counts the rounds of this process. */
static int is_right(const uint64_t *mem, uint64_t round, unsigned int who)
{
	size_t i, half = LEN / 16;

	for (i = 0; i < half; i += VT_PAGE / 8)
		if (mem[i] != round || mem[half + i] != round || mem[i + 1] != who)
			return vt_wrong("process %u, word %zu: %llu and %llu, not %llu", who, i,
					(unsigned long long)mem[i],
					(unsigned long long)mem[half + i],
					(unsigned long long)round);
	return 0;
}

static int works(unsigned int who, enum vt_kind kind)
{
	size_t half = LEN / 2, i;
	struct vt_queue q;
	struct vsvm *v;
	uint64_t *mem, round;

	if (VT_BAD(vsvm_open(0, &v) || vt_queue_make(&q, v, 8)))
		return 1;
	mem = vt_map(LEN, kind);
	if (!mem)
		return 1;
	for (round = 1; round <= ROUNDS; round++) {
		struct drm_vsvm_command job[] = {
			vsvm_cmd_prefetch(mem, LEN, DRM_VSVM_TARGET_DEVICE),
			vsvm_cmd_copy((char *)mem + half, mem, half),
		};

		for (i = 0; i < half / 8; i += VT_PAGE / 8) {
			mem[i] = round;
			mem[i + 1] = who;
		}
		if (vt_do(&q, job, VT_COUNT(job)) || is_right(mem, round, who))
			return 2;
	}
	vsvm_close(v);
	return 0;
}

TEST_F_TIMEOUT(crowd, all_get_on, 2 * VT_LONG)
{
	struct vsvm *v;
	uint64_t used;
	pid_t pids[PROCESSES];
	unsigned int i;
	int status;

	ASSERT_EQ(0, vsvm_open(0, &v));
	used = vt_used(v);
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(works(i + 1, variant->kind));
	}
	for (i = 0; i < PROCESSES; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status) TH_LOG("process %u", i + 1);
	}
	EXPECT_TRUE(vt_used_becomes(v, used));
	vsvm_close(v);
}

TEST_HARNESS_MAIN
