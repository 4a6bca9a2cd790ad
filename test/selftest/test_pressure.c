// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memory cgroup is short of memory while most of what it is charged for is on the
 * device: that comes to system memory and is swapped, and no process is killed. Without
 * swap it stays, and so does what others have there.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LIMIT	(96 * VT_MIB)
#define LEN	(40 * VT_HUGE)		/* on the device */
#define MORE	(64 * VT_MIB)		/* what the process wants besides */
#define LOCKED	(48 * VT_MIB)
#define WANTED	(32 * VT_MIB)		/* of memory.reclaim */
#define PERCENT	"/sys/module/vsvm/parameters/pin_percent"
#define THREADS	8
#define SEED	61
#define OTHER	62

/**
 * struct tenant - a process in the cgroup
 * @kind: of its memory
 * @v: a handle of its own
 * @mem: on the device
 */
struct tenant {
	enum vt_kind kind;
	struct vsvm *v;
	char *mem;
};

FIXTURE(pressure)
{
	struct vt_zram zram;
	struct vsvm *v;
	char *mem;	/* of a process outside */
	long percent;
};

VT_PAGE_KINDS(pressure);

FIXTURE_SETUP(pressure)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	self->percent = vt_file_get(PERCENT);
	ASSERT_LE(0, self->percent);
	ASSERT_EQ(0, vt_cgroup_make());
	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LIMIT));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, 4 * VT_HUGE, variant->kind,
				    OTHER, true));
}

FIXTURE_TEARDOWN_PARENT(pressure)
{
	vt_cgroup_gone();
	vt_zram_gone(&self->zram);
	vt_file_set(PERCENT, self->percent);
}

/* The process enters the cgroup, and has LEN bytes on the device. */
static int move_in(struct tenant *t)
{
	if (vt_cgroup_enter() || VT_BAD(vsvm_open(0, &t->v)))
		return -1;
	t->mem = vt_map_filled(t->v, LEN, t->kind, SEED);
	return !t->mem || vt_to_device(t->v, t->mem, LEN) ? -1 : 0;
}

/* What is left on the device; the device and the CPU find all bytes. */
static long left(struct tenant *t)
{
	long there = vt_bytes_in(t->v, t->mem, LEN, DRM_VSVM_PLACE_DEVICE);

	if (vt_dev_check(t->v, t->mem, LEN / 2, SEED, 0) ||
	    vt_check(t->mem + LEN / 2, LEN / 2, SEED, LEN / 2))
		return -1;
	return there;
}

static int touch_beside(struct tenant *t)
{
	char *more;

	more = vt_map(MORE, VT_SMALL);
	if (!more)
		return 2;
	vt_fill(more, MORE, OTHER, 0);
	if (VT_BAD(vt_bytes_in(t->v, t->mem, LEN, DRM_VSVM_PLACE_DEVICE) >
		   (long)(LIMIT - MORE + MORE / 2)))
		return 3;
	return vt_check(more, MORE, OTHER, 0) || left(t) < 0 ? 4 : 0;
}

static int touch_more(struct vt_child *c, void *arg)
{
	(void)c;
	return move_in(arg) ? 1 : touch_beside(arg);
}

static int touch_with_all_pinned(struct vt_child *c, void *arg)
{
	struct tenant *t = arg;

	(void)c;
	if (move_in(t) || VT_BAD(vsvm_pin(t->v, t->mem, LEN, NULL)))
		return 1;
	return touch_beside(t);
}

static int lock_more(struct vt_child *c, void *arg)
{
	struct tenant *t = arg;
	char *more;

	(void)c;
	if (move_in(t))
		return 1;
	more = mmap(NULL, LOCKED, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (VT_BAD(more == MAP_FAILED || mlock(more, LOCKED)))
		return 2;
	vt_fill(more, LOCKED, OTHER, 0);
	return vt_check(more, LOCKED, OTHER, 0) || left(t) < 0 ? 3 : 0;
}

/* There is swap, and a process in the cgroup does all of @work: nobody is killed. */
static int survives(struct vt_zram *zram, enum vt_kind kind,
		    int (*work)(struct vt_child *c, void *arg))
{
	struct tenant t = { .kind = kind };

	if (vt_swap_on(zram, 256 * VT_MIB) || VT_BAD(vt_run(work, &t)))
		return -1;
	return VT_BAD(vt_cgroup_key("memory.events", "oom_kill")) ? -1 : 0;
}

/* What the process outside has on the device is still there. */
#define OTHERS_STAY()	vt_all_in(self->v, self->mem, 4 * VT_HUGE,	\
				  DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER)

/* Touched, or locked, by the CPU: neither ends in an OOM kill while swap is free. */
TEST_F_TIMEOUT(pressure, more_is_touched, VT_LONG)
{
	EXPECT_EQ(0, survives(&self->zram, variant->kind, touch_more));
	EXPECT_EQ(0, OTHERS_STAY());
}

/* Pins are for other memory of the device: no process is killed for them. */
TEST_F_TIMEOUT(pressure, pinned_goes, VT_LONG)
{
	ASSERT_EQ(0, vt_file_set(PERCENT, 100));
	EXPECT_EQ(0, survives(&self->zram, variant->kind, touch_with_all_pinned));
}

TEST_F_TIMEOUT(pressure, more_is_locked, VT_LONG)
{
	EXPECT_EQ(0, survives(&self->zram, variant->kind, lock_more));
	EXPECT_EQ(0, OTHERS_STAY());
}

/* 0, or the errno of memory.reclaim. */
static int have_reclaimed(void)
{
	int fd = open(VT_CGROUP "/memory.reclaim", O_WRONLY | O_CLOEXEC), ret = 0;
	char bytes[32];

	if (fd < 0)
		return -errno;
	snprintf(bytes, sizeof(bytes), "%lu", WANTED);
	if (write(fd, bytes, strlen(bytes)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int reclaimed(struct vt_child *c, void *arg)
{
	struct tenant *t = arg;
	long before, there;

	(void)c;
	if (move_in(t))
		return 1;
	before = vt_cgroup_current();
	if (VT_BAD(have_reclaimed()))
		return 2;
	there = vt_bytes_in(t->v, t->mem, LEN, DRM_VSVM_PLACE_DEVICE);
	if (VT_BAD(there > (long)(LEN - WANTED / 2)) ||
	    VT_BAD(vt_cgroup_current() > before - (long)WANTED / 2))
		return 3;
	return left(t) < 0 ? 4 : 0;
}

static int not_reclaimed(struct vt_child *c, void *arg)
{
	struct tenant *t = arg;

	(void)c;
	if (move_in(t))
		return 1;
	if (VT_BAD(have_reclaimed() != -EAGAIN))
		return 2;
	return VT_BAD(left(t) != (long)LEN) ? 3 : 0;
}

/* memory.reclaim finds it, too. */
TEST_F_TIMEOUT(pressure, root_reclaims, VT_LONG)
{
	EXPECT_EQ(0, survives(&self->zram, variant->kind, reclaimed));
	EXPECT_EQ(0, OTHERS_STAY());
}

/* Without swap nothing is won by moving it. */
TEST_F_TIMEOUT(pressure, without_swap_it_stays, VT_LONG)
{
	struct tenant t = { .kind = variant->kind };

	EXPECT_EQ(0, vt_run(not_reclaimed, &t));
}

/* The same if only others may use the swap. */
TEST_F_TIMEOUT(pressure, without_swap_of_its_own_it_stays, VT_LONG)
{
	struct tenant t = { .kind = variant->kind };

	ASSERT_EQ(0, vt_swap_on(&self->zram, 256 * VT_MIB));
	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.swap.max", 0));
	EXPECT_EQ(0, vt_run(not_reclaimed, &t));
}

/* A thread that touches a part of what the process wants. */
struct toucher {
	pthread_t thread;
	char *part;
};

static void *touch_part(void *arg)
{
	struct toucher *t = arg;

	vt_fill(t->part, MORE / THREADS, OTHER, 0);
	return NULL;
}

static int touch_more_at_once(struct vt_child *c, void *arg)
{
	struct toucher part[THREADS];
	struct tenant *t = arg;
	unsigned int i;
	char *more;

	(void)c;
	if (move_in(t))
		return 1;
	more = vt_map(MORE, VT_SMALL);
	if (!more)
		return 2;
	for (i = 0; i < THREADS; i++) {
		part[i].part = more + i * (MORE / THREADS);
		if (pthread_create(&part[i].thread, NULL, touch_part, &part[i]))
			return 3;
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_join(part[i].thread, NULL) ||
		    vt_check(part[i].part, MORE / THREADS, OTHER, 0))
			return 4;
	return left(t) < 0 ? 5 : 0;
}

/* Threads that all find nothing but device memory to reclaim. */
TEST_F_TIMEOUT(pressure, threads_touch_more, VT_LONG)
{
	EXPECT_EQ(0, survives(&self->zram, variant->kind, touch_more_at_once));
	EXPECT_EQ(0, OTHERS_STAY());
}

TEST_HARNESS_MAIN
