// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls end, and a process in the middle of one can be killed (see lib/vt_kill.h),
 * while other threads invalidate in a tight loop.
 *
 * On a device that is ten times too small all processes make progress, and one that
 * is killed leaves the others as they were. Unplug frees what a processor has put
 * off.
 */
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_kill.h"
#include "vt_small_device.h"

#define SEED	181
#define LEN	VT_HUGE
/* Calls that have to end before the caller is killed. */
#define CALLS	10

/* How the other threads invalidate. */
enum storm {
	MPROTECT,
	DONTNEED,
	REMAP,
};

/* What goes on in the process that is killed. */
struct scene {
	enum storm storm;
	bool same;	/* the very range that the device works on */
	struct vsvm *v;
	char *mem;
	char *buf;
	int (*call)(struct scene *s);
};

/* A thread of the storm, and where it blows. */
struct wind {
	const struct scene *s;
	char *at;
	pthread_barrier_t *start;
};

static void *blow(void *arg)
{
	struct wind *w = arg;
	char *at = w->at;

	pthread_barrier_wait(w->start);
	for (;;) {
		switch (w->s->storm) {
		case MPROTECT:
			mprotect(at, LEN, PROT_READ);
			mprotect(at, LEN, PROT_READ | PROT_WRITE);
			break;
		case DONTNEED:
			madvise(at, LEN, MADV_DONTNEED);
			break;
		case REMAP:
			/*
			 * Elsewhere the new mapping takes the place of the old
			 * at once: whatever another thread maps would land in
			 * a hole, and be replaced.
			 */
			if (w->s->same)
				munmap(at, LEN);
			mmap(at, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			     MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		}
		/* What is elsewhere is this thread's alone. */
		if (!w->s->same)
			*(volatile char *)at = 1;
	}
	return NULL;
}

static int call_read(struct scene *s)
{
	return vsvm_read(s->v, s->mem, s->buf, LEN, NULL);
}

static int call_write(struct scene *s)
{
	return vsvm_write(s->v, s->mem, s->buf, LEN, NULL);
}

static int call_there(struct scene *s)
{
	return vt_migrate(s->v, s->mem, LEN, DRM_VSVM_TARGET_DEVICE,
			  DRM_VSVM_MIGRATE_POPULATE, NULL);
}

static int call_home(struct scene *s)
{
	return vt_migrate(s->v, s->mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0, NULL);
}

static int call_snapshot(struct scene *s)
{
	struct drm_vsvm_run runs[8];
	uint32_t nr = VT_COUNT(runs);

	return vsvm_snapshot(s->v, s->mem, LEN, runs, &nr, NULL);
}

static int call_exclusive(struct scene *s)
{
	return vsvm_exclusive(s->v, s->mem, 64 * VT_PAGE, NULL);
}

static int call_atomic(struct scene *s)
{
	return vsvm_atomic(s->v, s->mem, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
}

/* The device reads where its memory should be, so that it moves. */
static int call_moves(struct scene *s)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	int ret;

	ret = vsvm_advise(s->v, s->mem, LEN, DRM_VSVM_ADVISE_LOCATION, &here);
	return ret ? ret : vsvm_read(s->v, s->mem, s->buf, LEN, NULL);
}

static int call_discard(struct scene *s)
{
	return vsvm_discard(s->v, s->mem, LEN, NULL);
}

static int call_pin(struct scene *s)
{
	return vsvm_pin(s->v, s->mem, LEN, NULL);
}

static const struct {
	const char *name;
	int (*call)(struct scene *s);
} calls[] = {
	{ "read", call_read },
	{ "write", call_write },
	{ "migrate there", call_there },
	{ "migrate home", call_home },
	{ "snapshot", call_snapshot },
	{ "exclusive", call_exclusive },
	{ "atomic", call_atomic },
	{ "move on a fault", call_moves },
	{ "discard", call_discard },
	{ "pin", call_pin },
};

/* What a call may say: of a mapping that was so at some moment, or stalled. */
static bool call_ended_well(const struct scene *s, int ret)
{
	if (!ret || ret == -EBUSY)
		return true;
	return s->same && ((ret == -EPERM && s->storm == MPROTECT) ||
			   (ret == -EFAULT && s->storm == REMAP));
}

static int in_the_storm(struct vt_child *c, void *arg)
{
	struct wind wind[VT_KILL_THREADS];
	pthread_barrier_t start;
	struct scene *s = arg;
	pthread_t thread;
	int i, ret;

	/*
	 * REMAP leaves a hole for a moment, and maps over what came there. So
	 * once it blows no other thread may map anything: no stack, no malloc().
	 */
	mallopt(M_MMAP_MAX, 0);
	pthread_barrier_init(&start, NULL, VT_KILL_THREADS + 1);

	if (vsvm_open(0, &s->v))
		return 1;
	s->mem = vt_map_filled(s->v, LEN, VT_SMALL, SEED);
	s->buf = vt_map_filled(s->v, LEN, VT_SMALL, SEED);
	if (!s->mem || !s->buf)
		return 2;
	for (i = 0; i < VT_KILL_THREADS; i++) {
		wind[i].s = s;
		wind[i].start = &start;
		wind[i].at = s->same ? s->mem : vt_map(LEN, VT_SMALL);
		if (!wind[i].at ||
		    pthread_create(&thread, NULL, blow, &wind[i]))
			return 3;
	}
	pthread_barrier_wait(&start);
	for (i = 0;; i++) {
		ret = s->call(s);
		if (!call_ended_well(s, ret)) {
			fprintf(stderr, "# a call gave %d\n", ret);
			return 4;
		}
		/* The first page is the atomics'. */
		if (!s->same && vt_dev_check(s->v, s->mem + VT_PAGE, VT_PAGE,
					     SEED, VT_PAGE))
			return 5;
		if (i == CALLS && vt_say(c))
			return 6;
	}
}

FIXTURE(storm)
{
	struct vsvm *v;
	uint64_t used;
};

FIXTURE_VARIANT(storm)
{
	enum storm storm;
	bool same;
};

FIXTURE_VARIANT_ADD(storm, mprotect)
{
	.storm = MPROTECT,
	.same = true,
};

FIXTURE_VARIANT_ADD(storm, dontneed)
{
	.storm = DONTNEED,
	.same = true,
};

FIXTURE_VARIANT_ADD(storm, remap)
{
	.storm = REMAP,
	.same = true,
};

FIXTURE_VARIANT_ADD(storm, mprotect_elsewhere)
{
	.storm = MPROTECT,
};

FIXTURE_VARIANT_ADD(storm, dontneed_elsewhere)
{
	.storm = DONTNEED,
};

FIXTURE_VARIANT_ADD(storm, remap_elsewhere)
{
	.storm = REMAP,
};

FIXTURE_SETUP(storm)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
}

VT_TEARDOWN_CLOSE(storm)

/* Each call ends, again and again, and a process in one can be killed. */
TEST_F_TIMEOUT(storm, calls_end, 5 * VT_LONG)
{
	struct scene s = { .storm = variant->storm, .same = variant->same };
	struct vt_child c;
	size_t i;

	for (i = 0; i < VT_COUNT(calls); i++) {
		s.call = calls[i].call;
		ASSERT_EQ(0, vt_start(&c, in_the_storm, &s));
		ASSERT_EQ(0, vt_hear(&c)) {
			TH_LOG("%s", calls[i].name);
		}
		EXPECT_EQ(0, vt_kill(&c, calls[i].name));
		/* Pages are freed with the last of it, in any context. */
		EXPECT_EQ(self->used, vt_used(self->v));
	}
}

/* A device that is ten times too small for those who want it. */
#define CROWD		4
#define CROWD_SET	(10 * VT_VRAM / CROWD)

FIXTURE(crowd)
{
	struct vsvm *v;
	struct vt_module module;
};

VT_PAGE_KINDS(crowd);

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_RESTORE(crowd)

struct member {
	enum vt_kind kind;
	uint64_t seed;
	volatile int *stop;
};

/* Sweeps, says so after each one, until told to stop. */
static int crowd_member(struct vt_child *c, void *arg)
{
	struct member *m = arg;
	uint64_t seed = m->seed;
	struct vsvm *v;
	char *mem;

	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, CROWD_SET, m->kind, seed);
	if (!mem || vt_say(c) || vt_hear(c))
		return 2;
	while (!*m->stop) {
		if (vt_device_sweep(v, mem, CROWD_SET, seed, VT_ANY))
			return 3;
		seed++;
		if (vt_say(c) || vt_hear(c))
			return 4;
	}
	return vt_check(mem, CROWD_SET, seed, 0) ? 5 : 0;
}

/*
 * All of them get on, at once. One after the other is killed in the middle of a
 * sweep; the others get on and lose nothing.
 */
TEST_F_TIMEOUT(crowd, gets_on, 5 * VT_LONG)
{
	volatile int *stop = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct member m[CROWD];
	struct vt_child c[CROWD];
	int i, killed;

	ASSERT_NE(MAP_FAILED, (void *)stop);
	for (i = 0; i < CROWD; i++) {
		m[i] = (struct member){ variant->kind, SEED + 100 * i, stop };
		ASSERT_EQ(0, vt_start(&c[i], crowd_member, &m[i]));
		ASSERT_EQ(0, vt_hear(&c[i]));
	}
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, vt_say(&c[i]));
	for (killed = 0; killed < CROWD - 1; killed++) {
		for (i = killed; i < CROWD; i++) {
			ASSERT_EQ(0, vt_hear(&c[i]));
			ASSERT_EQ(0, vt_say(&c[i]));
		}
		EXPECT_EQ(0, vt_kill(&c[killed], "one of a crowd"));
	}
	ASSERT_EQ(0, vt_hear(&c[killed]));
	*stop = 1;
	ASSERT_EQ(0, vt_say(&c[killed]));
	EXPECT_EQ(0, vt_wait(&c[killed]));
	EXPECT_EQ(0, vt_used(self->v));
	EXPECT_GE(VT_VRAM, vt_backing(self->v));
}

/*
 * Leaves a page in a batch of processor 1: in use, though no process has it. Gives
 * that processor no time to drain the batch. An munmap() there drains it, so it may
 * take more than one go.
 */
static int munlocks(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	int tries = 100;
	char *mem;

	(void)arg;
	if (vt_stay_on(1) || vsvm_open(1, &v))
		return 1;
	do {
		mem = vt_map_filled(v, VT_PAGE, VT_SMALL, SEED);
		if (!tries-- || !mem || mlock(mem, VT_PAGE) ||
		    vt_to_device(v, mem, VT_PAGE) || munmap(mem, VT_PAGE))
			return 2;
	} while (vt_used(v) != VT_PAGE);
	if (vt_say(c))
		return 3;
	for (;;)
		;
}

FIXTURE(batch)
{
};

FIXTURE_SETUP(batch)
{
	ASSERT_EQ(0, vt_stay_on(0));
}

FIXTURE_TEARDOWN_PARENT(batch)
{
	vt_file_write(VT_DRIVER "bind", "vsvm.1");
}

/* Unplug does not wait for a processor to look at what it has put off. */
TEST_F(batch, does_not_keep_the_device)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, munlocks, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.1"));
	EXPECT_EQ(0, vt_kill(&c, "munlocked"));
}

TEST_HARNESS_MAIN
