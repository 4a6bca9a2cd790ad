// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device fault retries when its own range changed meanwhile, and for no other
 * reason.
 *
 * The test pauses the fault between its walk and the page-table lock, changes memory
 * there or elsewhere, and counts passes.
 */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_counters.h"

#define SOME	(4 * VT_PAGE)
#define AT	(256 * VT_PAGE)
#define SEED	221
#define OTHER	222
#define RW	(PROT_READ | PROT_WRITE)

/* How memory is changed. */
enum change {
	DONTNEED,
	MPROTECT,
	REMAP,
};

struct scene {
	struct vsvm *v;
	char *at;
	int (*call)(struct scene *s);
	int ret;
};

static int call_read(struct scene *s)
{
	char buf[SOME];

	return vsvm_read(s->v, s->at, buf, SOME, NULL);
}

static int call_write(struct scene *s)
{
	char buf[SOME];

	vt_fill(buf, SOME, OTHER, 0);
	return vsvm_write(s->v, s->at, buf, SOME, NULL);
}

static int call_snapshot(struct scene *s)
{
	struct drm_vsvm_run runs[4];
	uint32_t nr = VT_COUNT(runs);

	return vsvm_snapshot(s->v, s->at, SOME, runs, &nr, NULL);
}

static int call_atomic(struct scene *s)
{
	return vsvm_atomic(s->v, s->at, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
}

static void *caller(void *arg)
{
	struct scene *s = arg;

	s->ret = s->call(s);
	return NULL;
}

FIXTURE(retry)
{
	struct scene s;
	char *mem;
	char *far;
	pthread_t thread;
};

FIXTURE_VARIANT(retry)
{
	int (*call)(struct scene *s);
	const char *point;
	enum change change;
};

#define RETRY(what, where, how)						\
	FIXTURE_VARIANT_ADD(retry, what ## _ ## how)			\
	{								\
		.call = call_ ## what,					\
		.point = where,						\
		.change = how,						\
	}

RETRY(read, "faulted", DONTNEED);
RETRY(read, "faulted", MPROTECT);
RETRY(read, "faulted", REMAP);
RETRY(write, "faulted", DONTNEED);
RETRY(write, "faulted", MPROTECT);
RETRY(write, "faulted", REMAP);
RETRY(snapshot, "looked", DONTNEED);
RETRY(snapshot, "looked", MPROTECT);
RETRY(snapshot, "looked", REMAP);
/* Paused with mmap_lock for reading: others would wait for it. */
RETRY(atomic, "exclusive-taken", DONTNEED);
/* Before it has mmap_lock, it has not looked yet. */
RETRY(atomic, "exclusive-lock", MPROTECT);

FIXTURE_SETUP(retry)
{
	ASSERT_EQ(0, vsvm_open(0, &self->s.v));
	self->mem = vt_map_filled(self->s.v, VT_HUGE, VT_SMALL, SEED);
	self->far = vt_map_filled(self->s.v, VT_HUGE, VT_SMALL, SEED);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->far);
	self->s.at = self->mem + AT;
	self->s.call = variant->call;
	/* Neighbours with other rights, so that they never merge with it. */
	ASSERT_EQ(0, mprotect(self->s.at - SOME, SOME, RW | PROT_EXEC));
	ASSERT_EQ(0, mprotect(self->s.at + SOME, SOME, RW | PROT_EXEC));
	/* The leaf is there, and has been touched. */
	ASSERT_EQ(0, vt_dev_check(self->s.v, self->mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, mprotect(self->s.at, SOME, PROT_READ));
	ASSERT_EQ(0, mprotect(self->s.at, SOME, RW));
	ASSERT_EQ(0, vt_pause(self->s.v, variant->point, 1));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, caller, &self->s));
	ASSERT_EQ(0, vt_await(self->s.v, variant->point));
}

FIXTURE_TEARDOWN(retry)
{
	vsvm_close(self->s.v);
}

/* @more: what else the mapping allows. */
static int change(enum change how, char *at, size_t len, int more)
{
	switch (how) {
	case DONTNEED:
		return madvise(at, len, MADV_DONTNEED);
	case MPROTECT:
		return mprotect(at, len, PROT_READ | more) ||
		       mprotect(at, len, RW | more);
	default:
		return munmap(at, len) ||
		       mmap(at, len, RW | more, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_FIXED, -1, 0) != at;
	}
}

/* How often the fault looked, once it was let go. */
#define LOOKS()								\
	({								\
		ASSERT_EQ(0, vt_resume(self->s.v, variant->point));	\
		ASSERT_EQ(0, pthread_join(self->thread, NULL));		\
		ASSERT_EQ(0, self->s.ret);				\
		vt_passed(self->s.v, variant->point);			\
	})

/* Elsewhere: it does not matter, however often it happens. */
TEST_F(retry, not_for_changes_elsewhere)
{
	int i;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, change(variant->change, self->far, VT_HUGE, 0));
	EXPECT_EQ(1, LOOKS());
}

/*
 * Nor does it right before and right behind, in the same 2 MiB, if these are
 * mappings of their own. To cut a mapping, core mm announces the 2 MiB.
 */
TEST_F(retry, not_for_changes_beside)
{
	char *before = self->s.at - SOME, *behind = self->s.at + SOME;

	ASSERT_EQ(0, change(variant->change, before, SOME, PROT_EXEC));
	ASSERT_EQ(0, change(variant->change, behind, SOME, PROT_EXEC));
	EXPECT_EQ(1, LOOKS());
	EXPECT_EQ(0, variant->change == MPROTECT ?
		  vt_dev_check(self->s.v, before, SOME, SEED, AT - SOME) :
		  vt_dev_check_byte(self->s.v, before, SOME, 0));
}

static int advise(struct vsvm *v, char *at, size_t len, uint64_t word)
{
	struct drm_vsvm_advice advice = { .word = word };

	return vsvm_advise(v, at, len, DRM_VSVM_ADVISE_WORD, &advice);
}

/* Nor for advice elsewhere; for advice there, unless it only looks. */
TEST_F(retry, for_advice)
{
	bool looks = variant->call == call_snapshot;
	int i;

	for (i = 1; i <= 100; i++)
		ASSERT_EQ(0, advise(self->s.v, self->far, VT_HUGE, i));
	EXPECT_EQ(1, LOOKS());
	ASSERT_EQ(0, change(MPROTECT, self->s.at, SOME, 0));
	ASSERT_EQ(0, vt_pause(self->s.v, variant->point, 1));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, caller, &self->s));
	ASSERT_EQ(0, vt_await(self->s.v, variant->point));
	ASSERT_EQ(0, advise(self->s.v, self->s.at, SOME, 1));
	EXPECT_EQ(looks ? 1 : 2, LOOKS());
}

/* What the memory has to be, after the change and the call. */
static int after(struct scene *s, enum change how)
{
	char *last = s->at + SOME - VT_PAGE;

	if (s->call == call_atomic && how == DONTNEED)
		return *(volatile uint64_t *)s->at == 1 ? 0 : -1;
	if (s->call == call_atomic)
		return vt_check(s->at + 8, VT_PAGE - 8, SEED, AT + 8);
	if (s->call == call_write)
		return vt_check(s->at, SOME, OTHER, 0);
	if (how == MPROTECT)
		return vt_check(s->at, SOME, SEED, AT);
	return vt_dev_check_byte(s->v, last, VT_PAGE, 0);
}

/* In the range, if only in its last page: it goes again, once. */
TEST_F(retry, for_changes_there)
{
	char *at = self->s.at;

	if (variant->call != call_atomic)
		at += SOME - VT_PAGE;
	ASSERT_EQ(0, change(variant->change, at, VT_PAGE, 0));
	EXPECT_EQ(strcmp(variant->point, "exclusive-lock") ? 2 : 1, LOOKS());
	EXPECT_EQ(0, after(&self->s, variant->change));
}

/* Where the memory is that other threads change. */
enum where {
	PRESENT,
	ABSENT,
	DEVICE,
	SHARED,		/* on the device, with a child */
};

FIXTURE(held)
{
	struct scene s;
	struct vt_child child;
};

FIXTURE_VARIANT(held)
{
	int (*call)(struct scene *s);
	enum where where;
};

#define HELD(what, place)						\
	FIXTURE_VARIANT_ADD(held, what ## _ ## place)			\
	{								\
		.call = call_ ## what,					\
		.where = place,						\
	}

#define HELD_ANYWHERE(what)						\
	HELD(what, PRESENT);						\
	HELD(what, ABSENT);						\
	HELD(what, DEVICE);						\
	HELD(what, SHARED)

HELD_ANYWHERE(read);
HELD_ANYWHERE(write);
HELD_ANYWHERE(snapshot);
HELD_ANYWHERE(atomic);

static int shares(struct vt_child *c, void *arg)
{
	(void)arg;
	return vt_say(c) || vt_hear(c);
}

/* What hmm says first is that other threads keep changing the pages. */
FIXTURE_SETUP(held)
{
	ASSERT_EQ(0, vsvm_open(0, &self->s.v));
	self->s.at = vt_map_filled(self->s.v, SOME, VT_SMALL, SEED);
	self->s.call = variant->call;
	ASSERT_NE(NULL, self->s.at);
	if (variant->where == ABSENT)
		ASSERT_EQ(0, madvise(self->s.at, SOME, MADV_DONTNEED));
	if (variant->where >= DEVICE)
		ASSERT_EQ(0, vt_to_device(self->s.v, self->s.at, SOME));
	if (variant->where == SHARED) {
		ASSERT_EQ(0, vt_start(&self->child, shares, NULL));
		ASSERT_EQ(0, vt_hear(&self->child));
	}
	ASSERT_EQ(0, vt_arm(self->s.v, "hmm", 1, 1));
}

FIXTURE_TEARDOWN(held)
{
	vsvm_close(self->s.v);
}

/*
 * How often hmm is asked: it fails, and then finds the pages with mmap_lock held. The CPU
 * faults on what is not there, and hmm looks again. It faults twice to break copy-on-write
 * of a device page, which comes home with its neighbours first; each of these is one more.
 */
static int asked(int (*call)(struct scene *s), enum where where)
{
	if (where == ABSENT && call != call_snapshot)
		return 3;
	if (where == SHARED && call == call_atomic)
		return 4;
	if (where == SHARED && call == call_write)
		return 4 + 2 * (SOME / VT_PAGE - 1);
	return 2;
}

/* 0 when the memory is what the call leaves. */
static int left(struct scene *s, enum where where)
{
	if (s->call == call_write)
		return vt_check(s->at, SOME, OTHER, 0);
	if (where == ABSENT)
		return vt_check_byte(s->at + 8, SOME - 8, 0);
	return vt_check(s->at + 8, SOME - 8, SEED, 8);
}

/* With mmap_lock held, a page is served as without, wherever it is, and at once. */
TEST_F(held, serves)
{
	ASSERT_EQ(0, self->s.call(&self->s));
	EXPECT_EQ(asked(variant->call, variant->where), vt_passed(self->s.v, "hmm"));
	EXPECT_EQ(0, left(&self->s, variant->where));
	if (variant->where == SHARED) {
		ASSERT_EQ(0, vt_say(&self->child));
		ASSERT_EQ(0, vt_wait(&self->child));
	}
}

/* A hole has its errno, and does not keep the pages before it from being served. */
TEST_F(held, hole_is_found)
{
	bool looks = variant->call == call_snapshot;
	char byte[2 * VT_PAGE];
	size_t done;

	ASSERT_EQ(0, munmap(self->s.at + VT_PAGE, VT_PAGE));
	if (variant->call == call_read) {
		EXPECT_EQ(-EFAULT, vsvm_read(self->s.v, self->s.at, byte, sizeof(byte),
					     &done));
		EXPECT_EQ(VT_PAGE, done);
	}
	ASSERT_EQ(0, munmap(self->s.at, VT_PAGE));
	ASSERT_EQ(0, vt_arm(self->s.v, "hmm", 1, 1));
	EXPECT_EQ(looks ? 0 : -EFAULT, self->s.call(&self->s));
}

/* Begins when it may. What it calls is done when it ends. */
struct waiter {
	struct scene s;
	sem_t go;
	pthread_t thread;
};

static void *wait_and_call(void *arg)
{
	struct waiter *w = arg;

	sem_wait(&w->go);
	w->s.ret = w->s.call(&w->s);
	return NULL;
}

static int call_mprotect(struct scene *s)
{
	return mprotect(s->at, VT_PAGE, PROT_READ);
}

static int call_read_all(struct scene *s)
{
	static char buf[VT_HUGE];

	return vsvm_read(s->v, s->at, buf, VT_HUGE, NULL);
}

/*
 * A fault that waits for mmap_lock, and so for whoever has it, is no fault in changing
 * memory: it takes all pages at once.
 */
TEST(long_waits_are_no_changes)
{
	struct waiter has_lock = { .s.call = call_atomic };
	struct waiter wants_lock = { .s.call = call_mprotect };
	struct waiter faults = { .s.call = call_read_all };
	struct waiter *all[] = { &has_lock, &wants_lock, &faults };
	struct vsvm *v;
	unsigned int i;
	long before;

	ASSERT_EQ(0, vsvm_open(0, &v));
	for (i = 0; i < VT_COUNT(all); i++) {
		all[i]->s.v = v;
		all[i]->s.at = vt_map_filled(v, VT_HUGE, VT_SMALL, SEED);
		ASSERT_NE(NULL, all[i]->s.at);
		ASSERT_EQ(0, sem_init(&all[i]->go, 0, 0));
		ASSERT_EQ(0, pthread_create(&all[i]->thread, NULL, wait_and_call, all[i]));
	}
	ASSERT_EQ(0, vt_pause(v, "exclusive-taken", 1));
	before = vt_file_counter(v, "device-faults");
	/* The order is what makes the last one wait. In another one nobody waits for long. */
	ASSERT_EQ(0, sem_post(&has_lock.go));
	ASSERT_EQ(0, vt_await(v, "exclusive-taken"));
	ASSERT_EQ(0, sem_post(&wants_lock.go));
	usleep(100000);
	ASSERT_EQ(0, sem_post(&faults.go));
	usleep(100000);
	ASSERT_EQ(0, vt_resume(v, "exclusive-taken"));
	for (i = 0; i < VT_COUNT(all); i++) {
		ASSERT_EQ(0, pthread_join(all[i]->thread, NULL));
		EXPECT_EQ(0, all[i]->s.ret);
	}
	EXPECT_EQ(before + 2, vt_file_counter(v, "device-faults"));
	vsvm_close(v);
}

/* A result that can never be written: it is tried for a time, and no longer. */
TEST(no_progress)
{
	char *mem = vt_map(2 * VT_PAGE, VT_SMALL);
	struct drm_vsvm_run runs[4];
	uint32_t nr = VT_COUNT(runs);
	struct vsvm *v;

	ASSERT_NE(NULL, mem);
	/* One run is there, one is not. */
	*mem = 1;
	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_arm(v, "copy-run", 1, UINT64_MAX));
	EXPECT_EQ(-EBUSY, vsvm_snapshot(v, mem, 2 * VT_PAGE, runs, &nr,
					NULL));
	/* The first is what the call ended with. */
	EXPECT_EQ(1, nr);
	EXPECT_EQ(1, runs[0].count);
	vsvm_close(v);
}

TEST_HARNESS_MAIN
