// SPDX-License-Identifier: GPL-2.0-only
/*
 * A migration or CPU fault pauses at a failpoint while another thread or process
 * changes the memory, and then goes on.
 *
 * What stress finds by luck happens here each time. One thread works and is paused;
 * an actor unmaps, forks, protects, exits, kills or unbinds. The actor may have to
 * wait for a lock or a page of the paused thread, so the test resumes that thread
 * when the act is over or waits in the kernel.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_host.h"

#define SEED	311
#define OTHER	312
#define SMALL_LEN	(16 * VT_PAGE)

/* What the paused thread does. */
enum work {
	TO_DEVICE,
	TO_SYSTEM,
	TOUCH,		/* a CPU faults on a device page */
};

struct gap {
	struct vsvm *v;
	char *mem;
	size_t len;
	uint64_t used;
	enum work work;
	const char *point;
	int pipe[2];	/* what TOUCH writes goes here */
	int go[2];	/* tells the actor to begin */
	int ret;
	pthread_t worker;
	pthread_t actor;
	int (*act)(struct gap *g);
	int acted;
	pid_t child;
	int child_pipe[2];
	char *moved_to;
};

/* The work of a thread that may find the memory gone: no SIGSEGV, but EFAULT. */
static int do_work(struct gap *g)
{
	switch (g->work) {
	case TO_DEVICE:
		return vt_migrate(g->v, g->mem, g->len, DRM_VSVM_TARGET_DEVICE,
				  0, NULL);
	case TO_SYSTEM:
		return vt_migrate(g->v, g->mem, g->len, DRM_VSVM_TARGET_SYSTEM,
				  0, NULL);
	default:
		return write(g->pipe[1], g->mem + 5, 1) == 1 ? 0 : -errno;
	}
}

static void *worker(void *arg)
{
	struct gap *g = arg;

	g->ret = do_work(g);
	return NULL;
}

static void *actor(void *arg)
{
	struct gap *g = arg;
	char byte;

	if (read(g->go[0], &byte, 1) != 1)
		return NULL;
	vt_act_begin();
	g->acted = g->act(g);
	vt_act_end();
	return NULL;
}

/* Memory as the work wants it. */
static int ready(struct gap *g, unsigned int device, enum vt_kind kind)
{
	g->len = kind == VT_LARGE ? VT_HUGE : SMALL_LEN;
	if (VT_BAD(vsvm_open(device, &g->v) || pipe(g->pipe) || pipe(g->go)))
		return -1;
	g->used = vt_used(g->v);
	g->mem = vt_map_filled(g->v, g->len, kind, SEED);
	g->moved_to = vt_map(g->len, kind);
	if (VT_BAD(!g->mem || !g->moved_to))
		return -1;
	return g->work == TO_DEVICE ? 0 : vt_to_device(g->v, g->mem, g->len);
}

/* The work paused at the point, and the act in the gap. */
static int in_the_gap(struct gap *g, int (*act)(struct gap *g))
{
	g->act = act;
	vt_act_reset();
	/* A new thread wants mmap_lock, which the paused one may have. */
	if (VT_BAD(pthread_create(&g->actor, NULL, actor, g) ||
		   vt_pause(g->v, g->point, 1) ||
		   pthread_create(&g->worker, NULL, worker, g) ||
		   vt_await(g->v, g->point) || write(g->go[1], "+", 1) != 1 ||
		   vt_act_began()))
		return -1;
	/* An actor that did not wait acted in the gap. */
	if (VT_BAD(vt_paused(g->v, g->point) != 1 || vt_resume(g->v, g->point)))
		return -1;
	pthread_join(g->worker, NULL);
	pthread_join(g->actor, NULL);
	vt_count_pause(g->point);
	return VT_BAD(vt_disarm(g->v, g->point) || g->acted) ? -1 : 0;
}

static int see(struct gap *g, char *mem, uint64_t seed)
{
	return VT_BAD(vt_dev_check(g->v, mem, g->len, seed, 0) ||
		      vt_check(mem, g->len, seed, 0)) ? -1 : 0;
}

/* All of it goes, and nothing of it stays in use. */
static int nothing_left(struct gap *g, char *mem)
{
	return VT_BAD(munmap(mem, g->len) || vt_used(g->v) != g->used) ? -1 : 0;
}

FIXTURE(pause)
{
	struct gap g;
};

FIXTURE_VARIANT(pause)
{
	enum work work;
	enum vt_kind kind;
	const char *point;
};

#define PAUSE(name, work_, kind_, point_)				\
FIXTURE_VARIANT_ADD(pause, name)					\
{									\
	.work = work_,							\
	.kind = kind_,							\
	.point = point_,						\
}

PAUSE(to_device_small_cut, TO_DEVICE, VT_SMALL, "cut-lock");
PAUSE(to_device_small_looked, TO_DEVICE, VT_SMALL, "looked");
PAUSE(to_device_small_reserve, TO_DEVICE, VT_SMALL, "reserve-small");
PAUSE(to_device_small_lock, TO_DEVICE, VT_SMALL, "move-lock");
PAUSE(to_device_small_setup, TO_DEVICE, VT_SMALL, "setup");
PAUSE(to_device_small_collected, TO_DEVICE, VT_SMALL, "collected");
PAUSE(to_device_small_copied, TO_DEVICE, VT_SMALL, "copied");
PAUSE(to_device_small_moved, TO_DEVICE, VT_SMALL, "moved");
PAUSE(to_device_large_copied, TO_DEVICE, VT_LARGE, "copied");
PAUSE(home_small_collected, TO_SYSTEM, VT_SMALL, "collected");
PAUSE(home_small_page, TO_SYSTEM, VT_SMALL, "home-small");
PAUSE(home_small_copied, TO_SYSTEM, VT_SMALL, "copied");
PAUSE(home_small_moved, TO_SYSTEM, VT_SMALL, "moved");
PAUSE(home_large_collected, TO_SYSTEM, VT_LARGE, "collected");
PAUSE(home_large_copied, TO_SYSTEM, VT_LARGE, "copied");
PAUSE(home_large_moved, TO_SYSTEM, VT_LARGE, "moved");
PAUSE(fault_small_begin, TOUCH, VT_SMALL, "fault-begin");
PAUSE(fault_small_collected, TOUCH, VT_SMALL, "fault-collected");
PAUSE(fault_small_copied, TOUCH, VT_SMALL, "fault-copied");
PAUSE(fault_small_moved, TOUCH, VT_SMALL, "fault-moved");
PAUSE(fault_large_collected, TOUCH, VT_LARGE, "fault-collected");
PAUSE(fault_large_copied, TOUCH, VT_LARGE, "fault-copied");
PAUSE(fault_large_moved, TOUCH, VT_LARGE, "fault-moved");

FIXTURE_SETUP(pause)
{
	self->g.work = variant->work;
	self->g.point = variant->point;
}

FIXTURE_TEARDOWN(pause)
{
	vsvm_close(self->g.v);
}

static int act_munmap(struct gap *g)
{
	return munmap(g->mem, g->len);
}

/* Nothing is lost but what was unmapped, and that is given back. */
TEST_F(pause, munmap)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_munmap));
	EXPECT_EQ(true, !g->ret || g->ret == -EFAULT);
	EXPECT_EQ(g->used, vt_used(g->v));
	EXPECT_EQ(-EFAULT, vsvm_read(g->v, g->mem, g->moved_to, 8, NULL));
}

static int act_fork(struct gap *g)
{
	char byte;

	if (VT_BAD(pipe(g->child_pipe)))
		return -1;
	g->child = fork();
	if (g->child)
		return g->child < 0;
	if (read(g->child_pipe[0], &byte, 1) != 1)
		_exit(9);
	_exit(vt_check(g->mem, g->len, SEED, 0) ? 1 : 0);
}

/* The child has what was there, and what is written later is not its. */
TEST_F(pause, fork)
{
	struct gap *g = &self->g;
	int status;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_fork));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, vt_dev_fill(g->v, g->mem, g->len / 2, OTHER, 0));
	vt_fill(g->mem + g->len / 2, g->len / 2, OTHER, g->len / 2);
	EXPECT_EQ(0, see(g, g->mem, OTHER));
	ASSERT_EQ(1, write(g->child_pipe[1], "+", 1));
	ASSERT_EQ(g->child, waitpid(g->child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, see(g, g->mem, OTHER));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

static int act_to_device(struct gap *g)
{
	return vt_migrate(g->v, g->mem, g->len, DRM_VSVM_TARGET_DEVICE, 0,
			  NULL);
}

static int act_to_system(struct gap *g)
{
	return vt_migrate(g->v, g->mem, g->len, DRM_VSVM_TARGET_SYSTEM, 0,
			  NULL);
}

/* Two at once in one direction, and against each other. */
TEST_F(pause, second_migrate_to_device)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_to_device));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, see(g, g->mem, SEED));
	EXPECT_EQ(0, vt_to_device(g->v, g->mem, g->len));
	EXPECT_EQ(0, see(g, g->mem, SEED));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

TEST_F(pause, second_migrate_home)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_to_system));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, see(g, g->mem, SEED));
	EXPECT_EQ(0, vt_to_system(g->v, g->mem, g->len));
	EXPECT_EQ(g->used, vt_used(g->v));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

static int act_protect(struct gap *g)
{
	return mprotect(g->mem, g->len, PROT_READ);
}

/* From then on no thread writes. */
TEST_F(pause, mprotect)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_protect));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(-EPERM, vsvm_write(g->v, g->mem, "x", 1, NULL));
	EXPECT_EQ(0, see(g, g->mem, SEED));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

static int act_mremap(struct gap *g)
{
	return mremap(g->mem, g->len, g->len, MREMAP_MAYMOVE | MREMAP_FIXED,
		      g->moved_to) == g->moved_to ? 0 : -1;
}

/* It is at the new place, and nowhere else. */
TEST_F(pause, mremap)
{
	struct gap *g = &self->g;
	char byte;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_mremap));
	EXPECT_EQ(true, !g->ret || g->ret == -EFAULT);
	EXPECT_EQ(-EFAULT, vsvm_read(g->v, g->mem, &byte, 1, NULL));
	EXPECT_EQ(0, see(g, g->moved_to, SEED));
	EXPECT_EQ(0, nothing_left(g, g->moved_to));
}

static int act_dontneed(struct gap *g)
{
	return madvise(g->mem, g->len, MADV_DONTNEED);
}

/* What was thrown away does not come back. */
TEST_F(pause, dontneed)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_dontneed));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, vt_dev_check_byte(g->v, g->mem, g->len, 0));
	EXPECT_EQ(0, vt_check_byte(g->mem, g->len, 0));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

static int act_cpu_writes(struct gap *g)
{
	vt_fill(g->mem, g->len, OTHER, 0);
	return 0;
}

static int act_dev_writes(struct gap *g)
{
	return vt_dev_fill(g->v, g->mem, g->len, OTHER, 0);
}

/* A write in the gap is not undone by the copy that was made before. */
TEST_F(pause, cpu_write)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_cpu_writes));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, see(g, g->mem, OTHER));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

TEST_F(pause, device_write)
{
	struct gap *g = &self->g;

	ASSERT_EQ(0, ready(g, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(g, act_dev_writes));
	EXPECT_EQ(0, g->ret);
	EXPECT_EQ(0, see(g, g->mem, OTHER));
	EXPECT_EQ(0, nothing_left(g, g->mem));
}

/* The work in a process of its own, which another process ends. */
struct victim {
	struct gap g;
	unsigned int device;
	enum vt_kind kind;
	bool exits;
};

static int victim(struct vt_child *c, void *arg)
{
	struct victim *w = arg;
	struct gap *g = &w->g;

	if (ready(g, w->device, w->kind) || vt_say(c) || vt_hear(c))
		return 1;
	if (!w->exits) {
		g->ret = do_work(g);
		/* The device may be gone by now, the memory may not. */
		if (g->ret && g->ret != -ENODEV)
			return 2;
		return vt_check(g->mem, g->len, SEED, 0) ? 3 : 0;
	}
	if (pthread_create(&g->worker, NULL, worker, g) || vt_hear(c))
		return 4;
	_exit(5);
}

/* Killed, or left by another thread, while paused: it dies at once. */
static int dies_in_the_gap(struct gap *g, enum vt_kind kind, bool exits)
{
	struct victim w = { .g = *g, .kind = kind, .exits = exits };
	struct vt_child c;
	uint64_t used;
	int ret = -1;

	if (VT_BAD(vsvm_open(0, &g->v)))
		return -1;
	used = vt_used(g->v);
	if (VT_BAD(vt_start(&c, victim, &w) || vt_hear(&c) ||
		   vt_pause(g->v, g->point, 1) || vt_say(&c) ||
		   vt_await(g->v, g->point)))
		return -1;
	if (VT_BAD(exits ? vt_say(&c) : kill(c.pid, SIGKILL)))
		return -1;
	/* No test resumes it: a signal that kills has to. */
	if (vt_wait(&c) == (exits ? 5 : 128 + SIGKILL) &&
	    vt_paused(g->v, g->point) == 0 && vt_used(g->v) == used)
		ret = 0;
	vt_count_pause(g->point);
	return vt_disarm(g->v, g->point) ? -1 : ret;
}

TEST_F(pause, kill)
{
	EXPECT_EQ(0, dies_in_the_gap(&self->g, variant->kind, false));
}

TEST_F(pause, exit)
{
	EXPECT_EQ(0, dies_in_the_gap(&self->g, variant->kind, true));
}

/* The device is unplugged: the paused thread goes on, all pages reach system memory. */
TEST_F(pause, unbind)
{
	struct victim w = { .g = self->g, .device = 1, .kind = variant->kind };
	struct gap *g = &self->g;
	struct vt_child c;

	ASSERT_EQ(0, vsvm_open(1, &g->v));
	ASSERT_EQ(0, vt_start(&c, victim, &w));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_pause(g->v, g->point, 1));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_await(g->v, g->point));
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.1"));
	EXPECT_EQ(0, vt_wait(&c));
	vt_count_pause(g->point);
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", "vsvm.1"));
	vsvm_close(g->v);
	ASSERT_EQ(0, vsvm_open(1, &g->v));
	EXPECT_EQ(0, vt_used(g->v));
}

FIXTURE(pauses)
{
};

FIXTURE_SETUP(pauses)
{
}

FIXTURE_TEARDOWN(pauses)
{
}

/* Prints how often a thread was paused at which failpoint. */
TEST_F(pauses, were_counted)
{
	EXPECT_LT(0, vt_count_pauses());
}

TEST_HARNESS_MAIN
