// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holding the door: somebody is stopped between two steps of the driver, the
 * address space changes under his feet, and he goes on. What stress finds by
 * luck happens here each time.
 *
 * One thread does the work and is paused; another one, or another process, acts.
 * Whoever acts may have to wait for a lock or a page that the paused one has: the
 * door is opened once the act is over or waits in the kernel.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vsvm_door.h"
#include "vsvm_host.h"
#include "vsvm_test.h"

#define SEED	311
#define OTHER	312
#define SMALL_LEN	(16 * VT_PAGE)

/* What the paused one does. */
enum work {
	TO_DEVICE,
	TO_SYSTEM,
	TOUCH,		/* a CPU faults on a device page */
};

struct door {
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
	int (*act)(struct door *d);
	int acted;
	pid_t child;
	int child_pipe[2];
	char *moved_to;
};

/* The work, of one who may find the memory gone: no SIGSEGV, but EFAULT. */
static int do_work(struct door *d)
{
	switch (d->work) {
	case TO_DEVICE:
		return vt_migrate(d->v, d->mem, d->len, DRM_VSVM_TARGET_DEVICE,
				  0, NULL);
	case TO_SYSTEM:
		return vt_migrate(d->v, d->mem, d->len, DRM_VSVM_TARGET_SYSTEM,
				  0, NULL);
	default:
		return write(d->pipe[1], d->mem + 5, 1) == 1 ? 0 : -errno;
	}
}

static void *worker(void *arg)
{
	struct door *d = arg;

	d->ret = do_work(d);
	return NULL;
}

static void *actor(void *arg)
{
	struct door *d = arg;
	char byte;

	if (read(d->go[0], &byte, 1) != 1)
		return NULL;
	begin_act();
	d->acted = d->act(d);
	end_act();
	return NULL;
}

/* Memory as the work wants it. */
static int ready(struct door *d, unsigned int device, enum vt_kind kind)
{
	d->len = kind == VT_LARGE ? VT_HUGE : SMALL_LEN;
	if (vsvm_open(device, &d->v) || pipe(d->pipe) || pipe(d->go))
		return -1;
	d->used = vt_used(d->v);
	d->mem = vt_map_filled(d->v, d->len, kind, SEED);
	d->moved_to = vt_map(d->len, kind);
	if (!d->mem || !d->moved_to)
		return -1;
	return d->work == TO_DEVICE ? 0 : vt_to_device(d->v, d->mem, d->len);
}

/* The work paused at the point, and the act in the gap. */
static int in_the_gap(struct door *d, int (*act)(struct door *d))
{
	d->act = act;
	shared->begun = 0;
	shared->over = 0;
	/* A new thread wants mmap_lock, which the paused one may have. */
	if (pthread_create(&d->actor, NULL, actor, d) ||
	    vt_pause(d->v, d->point, 1) ||
	    pthread_create(&d->worker, NULL, worker, d) ||
	    vt_await(d->v, d->point) || write(d->go[1], "+", 1) != 1 ||
	    act_began())
		return -1;
	/* Who acted without a wait did it in the gap. */
	if (vt_paused(d->v, d->point) != 1 || vt_resume(d->v, d->point))
		return -1;
	pthread_join(d->worker, NULL);
	pthread_join(d->actor, NULL);
	count_pause(d->point);
	return vt_disarm(d->v, d->point) || d->acted ? -1 : 0;
}

static int see(struct door *d, char *mem, uint64_t seed)
{
	return vt_dev_check(d->v, mem, d->len, seed, 0) ||
	       vt_check(mem, d->len, seed, 0) ? -1 : 0;
}

/* All of it goes, and nothing of it stays in use. */
static int nothing_left(struct door *d, char *mem)
{
	return munmap(mem, d->len) || vt_used(d->v) != d->used ? -1 : 0;
}

FIXTURE(door)
{
	struct door d;
};

FIXTURE_VARIANT(door)
{
	enum work work;
	enum vt_kind kind;
	const char *point;
};

#define DOOR(name, work_, kind_, point_)				\
FIXTURE_VARIANT_ADD(door, name)						\
{									\
	.work = work_,							\
	.kind = kind_,							\
	.point = point_,						\
}

DOOR(to_device_small_cut, TO_DEVICE, VT_SMALL, "cut-lock");
DOOR(to_device_small_looked, TO_DEVICE, VT_SMALL, "looked");
DOOR(to_device_small_reserve, TO_DEVICE, VT_SMALL, "reserve-small");
DOOR(to_device_small_lock, TO_DEVICE, VT_SMALL, "move-lock");
DOOR(to_device_small_setup, TO_DEVICE, VT_SMALL, "setup");
DOOR(to_device_small_collected, TO_DEVICE, VT_SMALL, "collected");
DOOR(to_device_small_copied, TO_DEVICE, VT_SMALL, "copied");
DOOR(to_device_small_moved, TO_DEVICE, VT_SMALL, "moved");
DOOR(to_device_large_copied, TO_DEVICE, VT_LARGE, "copied");
DOOR(home_small_collected, TO_SYSTEM, VT_SMALL, "collected");
DOOR(home_small_page, TO_SYSTEM, VT_SMALL, "home-small");
DOOR(home_small_copied, TO_SYSTEM, VT_SMALL, "copied");
DOOR(home_small_moved, TO_SYSTEM, VT_SMALL, "moved");
DOOR(home_large_collected, TO_SYSTEM, VT_LARGE, "collected");
DOOR(home_large_copied, TO_SYSTEM, VT_LARGE, "copied");
DOOR(home_large_moved, TO_SYSTEM, VT_LARGE, "moved");
DOOR(fault_small_begin, TOUCH, VT_SMALL, "fault-begin");
DOOR(fault_small_collected, TOUCH, VT_SMALL, "fault-collected");
DOOR(fault_small_copied, TOUCH, VT_SMALL, "fault-copied");
DOOR(fault_small_moved, TOUCH, VT_SMALL, "fault-moved");
DOOR(fault_large_collected, TOUCH, VT_LARGE, "fault-collected");
DOOR(fault_large_copied, TOUCH, VT_LARGE, "fault-copied");
DOOR(fault_large_moved, TOUCH, VT_LARGE, "fault-moved");

FIXTURE_SETUP(door)
{
	self->d.work = variant->work;
	self->d.point = variant->point;
}

FIXTURE_TEARDOWN(door)
{
	vsvm_close(self->d.v);
}

static int act_munmap(struct door *d)
{
	return munmap(d->mem, d->len);
}

/* Nothing is lost but what was unmapped, and that is given back. */
TEST_F(door, munmap)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_munmap));
	EXPECT_EQ(true, !d->ret || d->ret == -EFAULT);
	EXPECT_EQ(d->used, vt_used(d->v));
	EXPECT_EQ(-EFAULT, vsvm_read(d->v, d->mem, d->moved_to, 8, NULL));
}

static int act_fork(struct door *d)
{
	char byte;

	if (pipe(d->child_pipe))
		return -1;
	d->child = fork();
	if (d->child)
		return d->child < 0;
	if (read(d->child_pipe[0], &byte, 1) != 1)
		_exit(9);
	_exit(vt_check(d->mem, d->len, SEED, 0) ? 1 : 0);
}

/* The child has what was there, and what is written later is not its. */
TEST_F(door, fork)
{
	struct door *d = &self->d;
	int status;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_fork));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, vt_dev_fill(d->v, d->mem, d->len / 2, OTHER, 0));
	vt_fill(d->mem + d->len / 2, d->len / 2, OTHER, d->len / 2);
	EXPECT_EQ(0, see(d, d->mem, OTHER));
	ASSERT_EQ(1, write(d->child_pipe[1], "+", 1));
	ASSERT_EQ(d->child, waitpid(d->child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, see(d, d->mem, OTHER));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

static int act_to_device(struct door *d)
{
	return vt_migrate(d->v, d->mem, d->len, DRM_VSVM_TARGET_DEVICE, 0,
			  NULL);
}

static int act_to_system(struct door *d)
{
	return vt_migrate(d->v, d->mem, d->len, DRM_VSVM_TARGET_SYSTEM, 0,
			  NULL);
}

/* Two at once in one direction, and against each other. */
TEST_F(door, second_migrate_to_device)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_to_device));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, see(d, d->mem, SEED));
	EXPECT_EQ(0, vt_to_device(d->v, d->mem, d->len));
	EXPECT_EQ(0, see(d, d->mem, SEED));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

TEST_F(door, second_migrate_home)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_to_system));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, see(d, d->mem, SEED));
	EXPECT_EQ(0, vt_to_system(d->v, d->mem, d->len));
	EXPECT_EQ(d->used, vt_used(d->v));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

static int act_protect(struct door *d)
{
	return mprotect(d->mem, d->len, PROT_READ);
}

/* From then on nobody writes. */
TEST_F(door, mprotect)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_protect));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(-EPERM, vsvm_write(d->v, d->mem, "x", 1, NULL));
	EXPECT_EQ(0, see(d, d->mem, SEED));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

static int act_mremap(struct door *d)
{
	return mremap(d->mem, d->len, d->len, MREMAP_MAYMOVE | MREMAP_FIXED,
		      d->moved_to) == d->moved_to ? 0 : -1;
}

/* It is at the new place, and nowhere else. */
TEST_F(door, mremap)
{
	struct door *d = &self->d;
	char byte;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_mremap));
	EXPECT_EQ(true, !d->ret || d->ret == -EFAULT);
	EXPECT_EQ(-EFAULT, vsvm_read(d->v, d->mem, &byte, 1, NULL));
	EXPECT_EQ(0, see(d, d->moved_to, SEED));
	EXPECT_EQ(0, nothing_left(d, d->moved_to));
}

static int act_dontneed(struct door *d)
{
	return madvise(d->mem, d->len, MADV_DONTNEED);
}

/* What was thrown away does not come back. */
TEST_F(door, dontneed)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_dontneed));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, vt_dev_check_byte(d->v, d->mem, d->len, 0));
	EXPECT_EQ(0, vt_check_byte(d->mem, d->len, 0));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

static int act_cpu_writes(struct door *d)
{
	vt_fill(d->mem, d->len, OTHER, 0);
	return 0;
}

static int act_dev_writes(struct door *d)
{
	return vt_dev_fill(d->v, d->mem, d->len, OTHER, 0);
}

/* A write in the gap is not undone by the copy that was made before. */
TEST_F(door, cpu_write)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_cpu_writes));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, see(d, d->mem, OTHER));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

TEST_F(door, device_write)
{
	struct door *d = &self->d;

	ASSERT_EQ(0, ready(d, 0, variant->kind));
	ASSERT_EQ(0, in_the_gap(d, act_dev_writes));
	EXPECT_EQ(0, d->ret);
	EXPECT_EQ(0, see(d, d->mem, OTHER));
	EXPECT_EQ(0, nothing_left(d, d->mem));
}

/* The work in a process of its own, which somebody else ends. */
struct victim {
	struct door d;
	unsigned int device;
	enum vt_kind kind;
	bool exits;
};

static int victim(struct vt_child *c, void *arg)
{
	struct victim *w = arg;
	struct door *d = &w->d;

	if (ready(d, w->device, w->kind) || vt_say(c) || vt_hear(c))
		return 1;
	if (!w->exits) {
		d->ret = do_work(d);
		/* The device may be gone by now, the memory may not. */
		if (d->ret && d->ret != -ENODEV)
			return 2;
		return vt_check(d->mem, d->len, SEED, 0) ? 3 : 0;
	}
	if (pthread_create(&d->worker, NULL, worker, d) || vt_hear(c))
		return 4;
	_exit(5);
}

/* Killed, or left by another thread, while paused: it dies at once. */
static int dies_in_the_gap(struct door *d, enum vt_kind kind, bool exits)
{
	struct victim w = { .d = *d, .kind = kind, .exits = exits };
	struct vt_child c;
	uint64_t used;
	int ret = -1;

	if (vsvm_open(0, &d->v))
		return -1;
	used = vt_used(d->v);
	if (vt_start(&c, victim, &w) || vt_hear(&c) ||
	    vt_pause(d->v, d->point, 1) || vt_say(&c) ||
	    vt_await(d->v, d->point))
		return -1;
	if (exits ? vt_say(&c) : kill(c.pid, SIGKILL))
		return -1;
	/* Nobody opens the door: a signal that kills has to. */
	if (vt_wait(&c) == (exits ? 5 : 128 + SIGKILL) &&
	    vt_paused(d->v, d->point) == 0 && vt_used(d->v) == used)
		ret = 0;
	count_pause(d->point);
	return vt_disarm(d->v, d->point) ? -1 : ret;
}

TEST_F(door, kill)
{
	EXPECT_EQ(0, dies_in_the_gap(&self->d, variant->kind, false));
}

TEST_F(door, exit)
{
	EXPECT_EQ(0, dies_in_the_gap(&self->d, variant->kind, true));
}

/* The device is pulled: who is paused goes on, and everything comes home. */
TEST_F(door, unbind)
{
	struct victim w = { .d = self->d, .device = 1, .kind = variant->kind };
	struct door *d = &self->d;
	struct vt_child c;

	ASSERT_EQ(0, vsvm_open(1, &d->v));
	ASSERT_EQ(0, vt_start(&c, victim, &w));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_pause(d->v, d->point, 1));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_await(d->v, d->point));
	ASSERT_EQ(0, vh_write(VH_DRIVER "unbind", "vsvm.1"));
	EXPECT_EQ(0, vt_wait(&c));
	count_pause(d->point);
	ASSERT_EQ(0, vh_write(VH_DRIVER "bind", "vsvm.1"));
	vsvm_close(d->v);
	ASSERT_EQ(0, vsvm_open(1, &d->v));
	EXPECT_EQ(0, vt_used(d->v));
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

/* Says how often somebody was paused where. */
TEST_F(pauses, were_counted)
{
	EXPECT_LT(0, count_pauses());
}

TEST_HARNESS_MAIN
