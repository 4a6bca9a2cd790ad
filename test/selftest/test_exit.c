// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is closed, a process ends, or the module is unloaded while pages are on the
 * device.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(4 * VT_HUGE)
#define SEED	111

FIXTURE(end)
{
	struct vsvm *v;
	__u64 used;
	struct vt_module module;
};

VT_PAGE_KINDS(end);

FIXTURE_SETUP(end)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
}

FIXTURE_TEARDOWN_PARENT(end)
{
	/* The test's process is gone, and its files with it. */
	if (!vt_module_loaded())
		vt_module_load(self->module.devices, self->module.vram_mib);
}

/* Memory of @kind, filled, on the device by a handle of its own. */
static char *resident(struct vsvm **v, enum vt_kind kind)
{
	char *mem;

	if (vsvm_open(0, v))
		return NULL;
	mem = vt_map_filled(*v, LEN, kind, SEED);
	if (!mem || vt_to_device(*v, mem, LEN))
		return NULL;
	return mem;
}

/* After close() the pages stay where they are, and migrate when touched. */
TEST_F(end, close_keeps_pages)
{
	struct vsvm *v;
	char *mem = resident(&v, variant->kind);

	ASSERT_NE(NULL, mem);
	vsvm_close(v);
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

static int exit_resident(struct vt_child *c, void *arg)
{
	struct vsvm *v;

	(void)c;
	return resident(&v, *(enum vt_kind *)arg) ? 0 : 1;
}

/* exit() with pages on the device gives the device memory back. */
TEST_F(end, exit_frees)
{
	enum vt_kind kind = variant->kind;

	ASSERT_EQ(0, vt_run(exit_resident, &kind));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

static int work_for_ever(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem = resident(&v, *(enum vt_kind *)arg);
	int i;

	if (!mem)
		return 1;
	vt_say(c);
	for (i = 0;; i++) {
		if (vsvm_migrate(v, mem, LEN, i % 2, 0, NULL))
			return 2;
		if (vt_dev_check(v, mem, LEN, SEED, 0))
			return 3;
	}
}

/* kill -9 in the middle of migrating and reading leaves nothing behind. */
TEST_F_TIMEOUT(end, kill_frees, VT_LONG)
{
	enum vt_kind kind = variant->kind;
	struct vt_child c;
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, vt_start(&c, work_for_ever, &kind));
		ASSERT_EQ(0, vt_hear(&c));
		usleep(1000 + i * 17000);
		ASSERT_EQ(0, kill(c.pid, SIGKILL));
		ASSERT_EQ(128 + SIGKILL, vt_wait(&c));
		ASSERT_TRUE(vt_used_becomes(self->v, self->used));
	}
}

static int hand_down(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem = resident(&v, *(enum vt_kind *)arg);
	pid_t pid;

	if (!mem)
		return 1;
	pid = fork();
	if (pid)
		return pid < 0;	/* the owner goes, the child stays */
	vsvm_close(v);
	/* Reports only once its parent is dead and reaped. */
	if (vt_hear(c))
		_exit(2);
	if (!vt_check(mem, LEN, SEED, 0))
		vt_say(c);
	_exit(0);
}

/* Wait for the owner only; the roads to its child stay open. */
static int owner_status(struct vt_child *c)
{
	int status;

	if (VT_BAD(waitpid(c->pid, &status, 0) != c->pid))
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* A child reads device pages after its parent and the file are gone. */
TEST_F(end, child_outlives_parent)
{
	enum vt_kind kind = variant->kind;
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, hand_down, &kind));
	ASSERT_EQ(0, owner_status(&c));
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
}

/* The module stays while a file is open. */
TEST_F(end, rmmod_waits_for_files)
{
	struct vsvm *v;
	char *mem = resident(&v, variant->kind);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-EWOULDBLOCK, vt_module_unload());
	EXPECT_EQ(0, vt_dev_check(v, mem, LEN, SEED, 0));
	vsvm_close(v);
}

/* Unloading the module migrates to system memory what is still on the device. */
TEST_F_TIMEOUT(end, rmmod_brings_home, VT_LONG)
{
	struct vsvm *v;
	char *mem = resident(&v, variant->kind);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
	vsvm_close(v);
	vsvm_close(self->v);
	self->v = NULL;
	ASSERT_EQ(0, vt_module_unload());
	EXPECT_FALSE(vt_module_loaded());
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));

	/* And the module comes back, empty and of use. */
	ASSERT_EQ(0, vt_module_load(self->module.devices,
				    self->module.vram_mib));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	EXPECT_EQ(0, vt_used(self->v));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* Unloading migrates pages of a child whose parent is gone. */
TEST_F_TIMEOUT(end, rmmod_with_orphans, VT_LONG)
{
	enum vt_kind kind = variant->kind;
	struct vt_child c;
	struct vsvm *v;

	/* Or the orphan would hold a copy of this file. */
	vsvm_close(self->v);
	self->v = NULL;
	ASSERT_EQ(0, vt_start(&c, hand_down, &kind));
	ASSERT_EQ(0, owner_status(&c));
	ASSERT_EQ(0, vsvm_open(0, &v));
	EXPECT_EQ(self->used + LEN, vt_used(v));
	vsvm_close(v);
	/* The orphan closes its copy of its parent's file in its own time. */
	while (vt_module_unload() == -EWOULDBLOCK)
		usleep(50000);
	EXPECT_FALSE(vt_module_loaded());
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_hear(&c));
}

static int check_when_told(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

static int shared_after_rmmod(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem = resident(&v, *(enum vt_kind *)arg);
	struct vt_child grandchild;
	int ret;

	(void)c;
	if (!mem)
		return 1;
	vsvm_close(v);
	if (vt_start(&grandchild, check_when_told, mem))
		return 2;
	ret = vt_module_unload();
	vt_say(&grandchild);
	if (vt_wait(&grandchild))
		return 3;
	if (ret)
		return 4;
	return vt_check(mem, LEN, SEED, 0) ? 5 : 0;
}

/* Unloading migrates pages that parent and child share, for both. */
TEST_F_TIMEOUT(end, rmmod_with_shared_pages, VT_LONG)
{
	enum vt_kind kind = variant->kind;

	vsvm_close(self->v);
	self->v = NULL;
	EXPECT_EQ(0, vt_run(shared_after_rmmod, &kind));
	EXPECT_FALSE(vt_module_loaded());
}

TEST_HARNESS_MAIN
