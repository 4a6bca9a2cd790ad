// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file belongs to the address space that used it first, and to no other:
 * not to a forked child, not to whoever is handed the descriptor, not to
 * anybody after its owner is gone.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vsvm_test.h"

#define LEN	(16 * VT_PAGE)
#define SEED	81
#define OTHER	82

FIXTURE(bind)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
};

FIXTURE_SETUP(bind)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	vt_fill(self->mem, LEN, SEED, 0);
}

FIXTURE_TEARDOWN(bind)
{
	vsvm_close(self->v);
}

/* Whether each way in is refused with EPERM; which one was not. */
static int all_refused(struct vsvm *v, char *mem)
{
	struct drm_vsvm_migrate m;
	struct drm_vsvm_run run;
	char buf[64], was[64];
	uint32_t nr = 1;
	size_t done = 1;

	memset(buf, 0xa5, sizeof(buf));
	memcpy(was, buf, sizeof(was));
	if (vsvm_read(v, mem, buf, sizeof(buf), &done) != -EPERM || done)
		return 1;
	done = 1;
	if (vsvm_write(v, mem, buf, sizeof(buf), &done) != -EPERM || done)
		return 2;
	if (vsvm_migrate(v, mem, LEN, DRM_VSVM_TARGET_DEVICE, 0, &m) != -EPERM)
		return 3;
	if (vsvm_migrate(v, mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0, &m) != -EPERM)
		return 4;
	if (vsvm_snapshot(v, mem, LEN, &run, &nr, NULL) != -EPERM)
		return 5;
	errno = 0;
	if (pread(vsvm_fd(v), buf, 8, (off_t)(uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 6;
	errno = 0;
	if (pwrite(vsvm_fd(v), buf, 8, (off_t)(uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 7;
	return memcmp(buf, was, sizeof(was)) ? 8 : 0;
}

/* What a child or thread is given. */
struct holder {
	struct vsvm *v;
	char *mem;
};

static int child_is_refused(struct vt_child *c, void *arg)
{
	struct holder *a = arg;
	int ret = all_refused(a->v, a->mem);

	(void)c;
	return ret ? ret : vt_check(a->mem, LEN, SEED, 0) ? 9 : 0;
}

/* A forked child that holds the parent's file gets EPERM, all ways. */
TEST_F(bind, refuses_a_forked_child)
{
	struct holder a = { self->v, self->mem };

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_run(child_is_refused, &a));
	/* And the owner still may. */
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

static int child_binds(struct vt_child *c, void *arg)
{
	struct holder *a = arg;
	int ret = 0;

	if (vt_to_device(a->v, a->mem, LEN))
		ret = 1;
	vt_say(c);
	vt_hear(c);
	return ret ? ret : vt_dev_check(a->v, a->mem, LEN, SEED, 0) ? 2 : 0;
}

/* The one who opened a file does not own it if a child used it first. */
TEST_F(bind, first_user_owns)
{
	struct holder a = { self->v, self->mem };
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_binds, &a));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, all_refused(self->v, self->mem));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* When the owner is gone the file is nobody's, not the next one's. */
TEST_F(bind, is_not_inherited)
{
	struct holder a = { self->v, self->mem };
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_binds, &a));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, all_refused(self->v, self->mem));
	/* The child moved pages that it shared: they are still there. */
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

static int child_opens_its_own(struct vt_child *c, void *arg)
{
	struct holder *a = arg;
	struct vsvm *v;

	(void)c;
	if (vsvm_open(0, &v))
		return 1;
	if (vt_to_device(v, a->mem, LEN))
		return 2;
	if (vt_dev_fill(v, a->mem, LEN, OTHER, 0))
		return 3;
	if (vt_check(a->mem, LEN, OTHER, 0))
		return 4;
	vsvm_close(v);
	return 0;
}

/* A child with a file of its own may do all that with its own memory. */
TEST_F(bind, child_opens_its_own)
{
	struct holder a = { self->v, self->mem };

	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_run(child_opens_its_own, &a));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

static void *thread_uses(void *arg)
{
	struct holder *a = arg;

	if (vt_dev_check(a->v, a->mem, LEN, SEED, 0) ||
	    vt_dev_fill(a->v, a->mem, LEN, OTHER, 0))
		return a;
	return NULL;
}

/* A thread is the same address space. */
TEST_F(bind, threads_share)
{
	struct holder a = { self->v, self->mem };
	pthread_t thread;
	void *bad;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_uses, &a));
	ASSERT_EQ(0, pthread_join(thread, &bad));
	EXPECT_EQ(NULL, bad);
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

static int clone_uses(void *arg)
{
	return thread_uses(arg) ? 1 : 0;
}

/* A process that shares the memory is the same address space. */
TEST_F(bind, shared_memory_process)
{
	struct holder a = { self->v, self->mem };
	char *stack = vt_map(VT_MIB, VT_SMALL);
	int status = -1;
	pid_t pid;

	ASSERT_NE(NULL, stack);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	pid = clone(clone_uses, stack + VT_MIB,
		    CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &a);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

TEST_HARNESS_MAIN
