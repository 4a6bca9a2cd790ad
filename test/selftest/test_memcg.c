// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups charge a page once, on the device as in system memory.
 *
 * Limits hold, and a process that the OOM killer, exec() or a reaper ends leaves no
 * device memory behind.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LEN	(8 * VT_HUGE)
#define LIMIT	(8 * VT_MIB)
#define SLACK	(2 * (long)VT_MIB)
#define SEED	251
#define OTHER	252

FIXTURE(memcg)
{
	struct vsvm *v;
	uint64_t used;
};

VT_PAGE_KINDS(memcg);

FIXTURE_SETUP(memcg)
{
	ASSERT_EQ(0, vt_cgroup_make());
	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.swap.max", 0));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
}

FIXTURE_TEARDOWN_PARENT(memcg)
{
	vt_cgroup_gone();
}

/* memory.current less what it was, within SLACK of @want. */
static int charge_is(long base, long want)
{
	long is = vt_cgroup_current() - base;

	if (labs(is - want) <= SLACK)
		return 0;
	fprintf(stderr, "# %ld bytes are charged, not %ld\n", is, want);
	return -1;
}

struct tenant {
	enum vt_kind kind;
	struct vsvm *v;
	uint64_t backing;
};

static int count_charges(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;
	long base;
	int i;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	base = vt_cgroup_current();
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem || charge_is(base, LEN))
		return 2;
	for (i = 0; i < 2; i++) {
		if (vt_to_device(v, mem, LEN) || charge_is(base, LEN))
			return 3;
		if (vt_dev_fill(v, mem, LEN, OTHER, 0) || charge_is(base, LEN))
			return 4;
		if (i ? vt_check(mem, LEN, OTHER, 0) :
			vt_to_system(v, mem, LEN))
			return 5;
		if (charge_is(base, LEN))
			return 6;
	}
	if (vt_to_device(v, mem, LEN) || munmap(mem, LEN) || charge_is(base, 0))
		return 7;
	return 0;
}

/* Blocks of which a process in a cgroup keeps a page each. */
#define HOLES	64

static int keep_one_each(struct vt_child *c, void *arg)
{
	struct drm_vsvm_info info = {};
	struct tenant *tenant = arg;
	struct vsvm *v;
	size_t at, i;
	char *mem;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map(HOLES * VT_HUGE, tenant->kind);
	if (!mem)
		return 2;
	for (at = 0; at < HOLES * VT_HUGE; at += VT_HUGE) {
		vt_fill(mem + at, VT_HUGE, SEED, at);
		/* A huge page is charged as a whole until a piece of it goes. */
		if (vt_to_device(v, mem + at, VT_HUGE) ||
		    vt_to_system(v, mem + at + VT_PAGE, VT_PAGE) ||
		    munmap(mem + at + VT_PAGE, VT_HUGE - VT_PAGE) ||
		    vt_bytes_in(v, mem + at, VT_PAGE,
				DRM_VSVM_PLACE_DEVICE) != VT_PAGE)
			return 3;
	}
	if (vsvm_info(v, &info))
		return 4;
	/* Twice what it had at once, and one block; one more is on its way. */
	if (info.vram_backing > tenant->backing + 2 * LIMIT + 2 * VT_HUGE) {
		fprintf(stderr, "# backing %llu\n",
			(unsigned long long)info.vram_backing);
		return 5;
	}
	for (i = 0, at = 0; i < HOLES; i++, at += VT_HUGE)
		if (vt_check(mem + at, VT_PAGE, SEED, at))
			return 6;
	return 0;
}

/* Host memory behind the device is bounded by what is charged. */
TEST_F_TIMEOUT(memcg, backing_is_bounded, VT_LONG)
{
	struct drm_vsvm_info info = {};
	struct tenant tenant = { .kind = variant->kind };

	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LIMIT));
	/* What earlier tests left with empty blocks is not this one's. */
	ASSERT_EQ(0, vt_file_set("/proc/sys/vm/drop_caches", 2));
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	tenant.backing = info.vram_backing;
	EXPECT_EQ(0, vt_run(keep_one_each, &tenant));
	EXPECT_EQ(0, vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

/* Before, on the device, home again: charged once; unmapped: not at all. */
TEST_F_TIMEOUT(memcg, charged_once, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	EXPECT_EQ(0, vt_run(count_charges, &tenant));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
	EXPECT_GT(SLACK, vt_cgroup_current());
}

static int populate_charges(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct drm_vsvm_migrate m;
	struct vsvm *v;
	char *mem;
	long base;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	base = vt_cgroup_current();
	mem = vt_map(LEN, tenant->kind);
	if (!mem || vt_migrate(v, mem, LEN, DRM_VSVM_TARGET_DEVICE,
			       DRM_VSVM_MIGRATE_POPULATE, &m) || m.moved != LEN)
		return 2;
	if (charge_is(base, LEN))
		return 3;
	if (vt_check_byte(mem, LEN, 0) || charge_is(base, LEN))
		return 4;
	return munmap(mem, LEN) || charge_is(base, 0) ? 5 : 0;
}

/* Pages that begin their life on the device are charged like any. */
TEST_F_TIMEOUT(memcg, populated_is_charged, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	EXPECT_EQ(0, vt_run(populate_charges, &tenant));
}

static int work_at_the_limit(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;
	int i;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem)
		return 2;
	for (i = 0; i < 3; i++) {
		if (vt_to_device(v, mem, LEN) ||
		    vt_dev_check(v, mem, LEN, SEED, 0))
			return 3;
		if (vt_check(mem, LEN, SEED, 0))
			return 4;
	}
	return 0;
}

/* Both ways under a limit that has no room for the pages twice. */
TEST_F_TIMEOUT(memcg, limit_leaves_room_to_move, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LEN + LEN / 2));
	EXPECT_EQ(0, vt_run(work_at_the_limit, &tenant));
	EXPECT_EQ(0, vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

static int eat_memory(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem, *more;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem || vt_to_device(v, mem, LEN))
		return 2;
	/* What is on the device counts: this is too much. */
	more = vt_map(LEN, VT_SMALL);
	if (!more)
		return 3;
	memset(more, 1, LEN);
	return 0;
}

/* The OOM killer ends a process with device pages, and all of them go. */
TEST_F_TIMEOUT(memcg, oom_kill, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LEN + LEN / 2));
	ASSERT_EQ(0, vt_oom_begin());
	EXPECT_EQ(128 + SIGKILL, vt_run(eat_memory, &tenant));
	EXPECT_EQ(0, vt_oom_end());
	EXPECT_LE(1, vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
	EXPECT_GT(SLACK, vt_cgroup_current());
}

static int device_eats_memory(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map(2 * LEN, tenant->kind);
	return !mem || vt_dev_fill(v, mem, 2 * LEN, SEED, 0) ? 2 : 0;
}

/* Faults for the device are charged: too many, and the OOM killer comes. */
TEST_F_TIMEOUT(memcg, oom_kill_by_device_faults, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LEN + LEN / 2));
	ASSERT_EQ(0, vt_oom_begin());
	EXPECT_EQ(128 + SIGKILL, vt_run(device_eats_memory, &tenant));
	EXPECT_EQ(0, vt_oom_end());
	EXPECT_LE(1, vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

static int child_looks(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

static int share_and_eat(struct vt_child *c, void *arg)
{
	struct vt_child look;
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem || vt_to_device(v, mem, LEN) ||
	    vt_start(&look, child_looks, mem))
		return 2;
	/* The copies are charged one after the other. */
	if (vt_dev_fill(v, mem, LEN, OTHER, 0) || vt_say(&look) ||
	    vt_wait(&look))
		return 3;
	return vt_check(mem, LEN, OTHER, 0) ? 4 : 0;
}

/* Copy-on-write of device pages with just enough room for the copies. */
TEST_F_TIMEOUT(memcg, limit_leaves_room_to_copy, VT_LONG)
{
	struct tenant tenant = { .kind = variant->kind };

	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", 3 * LEN));
	EXPECT_EQ(0, vt_run(share_and_eat, &tenant));
	EXPECT_EQ(0, vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

static int exec_with_device_pages(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem || vt_to_device(v, mem, LEN))
		return 2;
	execlp("true", "true", NULL);
	return 3;
}

/* exec() gives the device memory back. */
TEST_F(memcg, exec_frees)
{
	struct tenant tenant = { .kind = variant->kind };

	EXPECT_EQ(0, vt_run(exec_with_device_pages, &tenant));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

/* vfork() and exec(): the parent's pages stay where and what they are. */
TEST_F(memcg, vfork_and_exec)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, system("true"));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

static int wait_on_device(struct vt_child *c, void *arg)
{
	struct tenant *tenant = arg;
	struct vsvm *v;
	char *mem;

	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, tenant->kind, SEED);
	if (!mem || vt_to_device(v, mem, LEN))
		return 2;
	vt_say(c);
	return vt_hear(c);
}

/* process_mrelease(), the reaper's way, takes device pages too. */
TEST_F(memcg, reaped)
{
	struct tenant tenant = { .kind = variant->kind };
	struct vt_child c;
	int fd, ret;

	ASSERT_EQ(0, vt_start(&c, wait_on_device, &tenant));
	ASSERT_EQ(0, vt_hear(&c));
	fd = syscall(SYS_pidfd_open, c.pid, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	/*
	 * EAGAIN says "not all of it": the reaper waits for no lock, and the
	 * process, on its own way out, is under the table's. It wants asking
	 * again until the rest is reaped or, ESRCH, gone.
	 */
	do {
		ret = syscall(SYS_process_mrelease, fd, 0);
	} while (ret && errno == EAGAIN);
	EXPECT_TRUE(!ret || errno == ESRCH) TH_LOG("errno %d", errno);
	EXPECT_EQ(128 + SIGKILL, vt_wait(&c));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

TEST_HARNESS_MAIN
