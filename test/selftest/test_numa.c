// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machines with more than one node of memory.
 *
 * A page that NUMA balancing has taken from the CPU, to see whether the CPU touches
 * it, migrates. A page that leaves the device gets memory on the node that it came
 * from, whichever process made it leave.
 *
 * Two nodes on a machine with one: numa=fake=2 on the kernel's command line.
 */
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LEN	VT_HUGE
#define VRAM	4		/* MiB */
#define SEED	431
#define OTHER	432
#define NEAR	0
#define FAR	1
#define CGROUP	"/sys/fs/cgroup/vsvm-numa"
#define SCAN	"/sys/kernel/debug/sched/numa_balancing/"

static long set_policy(int mode, int node)
{
	unsigned long mask = 1UL << node;

	return syscall(SYS_set_mempolicy, mode, mode ? &mask : NULL,
		       mode ? 8 : 0) ? -errno : 0;
}

static long bind_to(void *mem, size_t len, int node)
{
	unsigned long mask = 1UL << node;

	return syscall(SYS_mbind, mem, len, MPOL_BIND, &mask, 8, 0) ? -errno :
								      0;
}

/* 0 when all pages of the range are in system memory on @node. */
static int all_on(char *mem, size_t len, int node)
{
	int at[LEN / VT_PAGE];
	void *pages[LEN / VT_PAGE];
	size_t i, n = len / VT_PAGE;

	for (i = 0; i < n; i++)
		pages[i] = mem + i * VT_PAGE;
	if (syscall(SYS_move_pages, 0, n, pages, NULL, at, 0)) {
		fprintf(stderr, "# move_pages: %s\n", strerror(errno));
		return -1;
	}
	for (i = 0; i < n; i++) {
		if (at[i] == node)
			continue;
		fprintf(stderr, "# page %zu is on node %d, not %d\n", i, at[i],
			node);
		return -1;
	}
	return 0;
}

FIXTURE(numa)
{
	struct vsvm *v;
	char *mem;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(numa);

FIXTURE_SETUP(numa)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one node");
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(2, VRAM));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, variant->kind);
	ASSERT_NE(NULL, self->mem);
}

/* The far node's memory, bound there and filled. */
static int far_memory(char *mem)
{
	if (VT_BAD(bind_to(mem, LEN, FAR)))
		return -1;
	vt_fill(mem, LEN, SEED, 0);
	return all_on(mem, LEN, FAR);
}

FIXTURE_TEARDOWN_PARENT(numa)
{
	/* It was skipped. */
	if (access("/sys/devices/system/node/node1", F_OK))
		return;
	if (!rmdir(CGROUP))
		vt_file_write("/sys/fs/cgroup/cgroup.subtree_control", "-cpuset");
	vt_module_unload();
	vt_module_load(self->module.devices, self->module.vram_mib);
}

/* What else is to go to a device pushes out what was there first. */
static int push_out(struct vsvm *v, char *mem)
{
	char *more = vt_map_filled(v, VRAM * VT_MIB, VT_SMALL, OTHER);

	if (VT_BAD(!more || set_policy(MPOL_BIND, NEAR)))
		return -1;
	if (VT_BAD(vt_migrate(v, more, VRAM * VT_MIB, DRM_VSVM_TARGET_DEVICE, 0, NULL)))
		return -1;
	return vt_bytes_in(v, mem, LEN, DRM_VSVM_PLACE_SYSTEM) == (long)LEN ?
	       set_policy(MPOL_DEFAULT, 0) : -1;
}

/* A process that is bound to the other node pushes it out: it migrates to its own. */
TEST_F_TIMEOUT(numa, eviction, VT_LONG)
{
	ASSERT_EQ(0, far_memory(self->mem));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, push_out(self->v, self->mem));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* So does what went from device to device before. */
TEST_F_TIMEOUT(numa, eviction_from_a_peer, VT_LONG)
{
	struct vsvm *peer;

	ASSERT_EQ(0, vsvm_open(1, &peer));
	ASSERT_EQ(0, far_memory(self->mem));
	ASSERT_EQ(0, vt_to_device(peer, self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, push_out(self->v, self->mem));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* And what never had a page but on the device, by the policy that it has. */
TEST_F_TIMEOUT(numa, eviction_of_populated, VT_LONG)
{
	ASSERT_EQ(0, bind_to(self->mem, LEN, FAR));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	ASSERT_EQ(LEN, self->m.moved);
	ASSERT_EQ(0, push_out(self->v, self->mem));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
}

/*
 * Two blocks of small pages, of either node's, lose most of their pages, and what is
 * left of the far node's is moved beside the near node's.
 */
static int bring_together(struct vsvm *v, char *mem, size_t half, size_t few)
{
	struct drm_vsvm_info info;

	if (bind_to(mem, VT_HUGE, NEAR) ||
	    bind_to(mem + VT_HUGE, VT_HUGE, FAR))
		return -1;
	vt_fill(mem, 2 * VT_HUGE, SEED, 0);
	if (vt_to_device(v, mem, 2 * VT_HUGE) ||
	    munmap(mem + half, VT_HUGE - half) ||
	    munmap(mem + VT_HUGE + few, VT_HUGE - few) ||
	    vt_file_set("/proc/sys/vm/drop_caches", 2) || vsvm_info(v, &info))
		return -1;
	return vt_bytes_in(v, mem + VT_HUGE, few, DRM_VSVM_PLACE_DEVICE) ==
	       (long)few && info.vram_backing == VT_HUGE ? 0 : -1;
}

/* A process that is bound to the near node unbinds the device. */
static int unbind(struct vt_child *c, void *arg)
{
	(void)c;
	(void)arg;
	if (set_policy(MPOL_BIND, NEAR))
		return 1;
	return vt_file_write(VT_DRIVER "unbind", "vsvm.0");
}

TEST_F(numa, unplug)
{
	ASSERT_EQ(0, far_memory(self->mem));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_run(unbind, NULL));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A page that the shrinker moved to another block takes its node along. */
TEST_F(numa, unplug_of_what_came_together)
{
	size_t half = VT_HUGE / 2, few = 16 * VT_PAGE;
	char *mem = vt_map(2 * VT_HUGE, VT_SMALL);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, bring_together(self->v, mem, half, few));
	ASSERT_EQ(0, vt_run(unbind, NULL));
	EXPECT_EQ(0, all_on(mem, half, NEAR));
	EXPECT_EQ(0, all_on(mem + VT_HUGE, few, FAR));
	EXPECT_EQ(0, vt_check(mem, half, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + VT_HUGE, few, SEED, VT_HUGE));
}

/* One whose cpuset has no memory but the near node's does. */
static int unbind_confined(struct vt_child *c, void *arg)
{
	(void)c;
	(void)arg;
	if (vt_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset") ||
	    mkdir(CGROUP, 0755) || vt_file_write(CGROUP "/cpuset.mems", "0") ||
	    vt_file_write(CGROUP "/cgroup.procs", "0"))
		return 1;
	return vt_file_write(VT_DRIVER "unbind", "vsvm.0");
}

/* Core takes a huge device entry for a page there when a cpuset's memory moves. */
static bool oopses(void)
{
	struct utsname u;

	return !uname(&u) && (!strncmp(u.release, "7.0.", 4) || !strncmp(u.release, "7.1.", 4));
}

TEST_F(numa, unplug_confined)
{
	if (variant->kind == VT_LARGE && oopses())
		SKIP(return, "this kernel would crash");
	ASSERT_EQ(0, far_memory(self->mem));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_run(unbind_confined, NULL));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The mapping's policy is known where the CPU's fault or MIGRATE brings it home. */
TEST_F(numa, fault_and_migrate)
{
	ASSERT_EQ(0, far_memory(self->mem));
	ASSERT_EQ(0, set_policy(MPOL_BIND, NEAR));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, all_on(self->mem, LEN, FAR));
}

FIXTURE(hint)
{
	struct vsvm *v;
	char *mem;
	long delay;
	long period;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(hint);

FIXTURE_SETUP(hint)
{
	self->delay = vt_file_get(SCAN "scan_delay_ms");
	self->period = vt_file_get(SCAN "scan_period_min_ms");
	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one node");
	if (self->delay < 0)
		SKIP(return, "no NUMA balancing");
	ASSERT_EQ(0, vt_file_set(SCAN "scan_delay_ms", 1));
	ASSERT_EQ(0, vt_file_set(SCAN "scan_period_min_ms", 10));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
}

FIXTURE_TEARDOWN_PARENT(hint)
{
	if (self->delay < 0)
		return;
	vt_file_set(SCAN "scan_delay_ms", self->delay);
	vt_file_set(SCAN "scan_period_min_ms", self->period);
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/*
 * Works on, without touching the memory, until balancing has hinted at all of it.
 * Of a process with one thread it leaves alone what is near.
 */
static int wait_for_hints(struct vsvm *v, char *mem)
{
	time_t end = time(NULL) + VT_LONG / 2;
	pthread_t thread;

	if (VT_BAD(pthread_create(&thread, NULL, idle, NULL)))
		return -1;
	while (time(NULL) < end)
		if (vt_bytes_in(v, mem, LEN, DRM_VSVM_PLACE_ABSENT) ==
		    (long)LEN)
			return 0;
	return -1;
}

/* What NUMA balancing has an eye on moves like any other memory. */
TEST_F_TIMEOUT(hint, moves, VT_LONG)
{
	ASSERT_EQ(0, wait_for_hints(self->v, self->mem));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       variant->kind == VT_LARGE ? VT_HUGE_ORDER : 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* And is there where it is to go home. */
TEST_F_TIMEOUT(hint, is_there, VT_LONG)
{
	ASSERT_EQ(0, wait_for_hints(self->v, self->mem));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_SYSTEM,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.there);
}

TEST_HARNESS_MAIN
