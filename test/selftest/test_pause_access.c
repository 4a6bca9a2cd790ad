// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device access or an eviction pauses at a failpoint while the memory changes.
 *
 * It pauses between the answer of hmm and the device page table's lock, before
 * copy-on-write, while a page is taken from the CPU, and while blocks of another
 * process migrate to system memory.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_fixture.h"
#include "vt_small_device.h"

#define SEED	331
#define OTHER	332
#define LEN	(4 * VT_PAGE)
#define BALLAST	(2 * VT_HUGE)

FIXTURE(access)
{
	struct vsvm *v;
	char *mem;
	char *other;
	char *buf;
	uint64_t old;
	int (*work)(struct _test_data_access *self);
	int ret;
	const char *point;
	pthread_t worker;
};

FIXTURE_SETUP(access)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	self->other = vt_map_filled(self->v, LEN, VT_SMALL, OTHER);
	self->buf = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->other);
	vt_fill(self->buf, LEN, OTHER, 0);
}

VT_TEARDOWN_CLOSE(access)

static int reads(struct _test_data_access *self)
{
	return vsvm_read(self->v, self->mem, self->buf, LEN, NULL);
}

static int writes(struct _test_data_access *self)
{
	return vsvm_write(self->v, self->mem, self->buf, LEN, NULL);
}

static int adds(struct _test_data_access *self)
{
	return vsvm_atomic(self->v, self->mem, 8, DRM_VSVM_ATOMIC_ADD, 3, 0,
			   &self->old);
}

static int looks(struct _test_data_access *self)
{
	return vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			 VT_ANY_ORDER);
}

static void *worker(void *arg)
{
	struct _test_data_access *self = arg;

	self->ret = self->work(self);
	return NULL;
}

/* From here to goes_on() the work is paused at the point. */
static int paused(struct _test_data_access *self, const char *point,
		  int (*work)(struct _test_data_access *self))
{
	self->point = point;
	self->work = work;
	return vt_pause(self->v, point, 1) ||
	       pthread_create(&self->worker, NULL, worker, self) ||
	       vt_await(self->v, point);
}

/* What was done since was done in the gap. Returns what the work returned. */
static int goes_on(struct _test_data_access *self)
{
	if (vt_paused(self->v, self->point) != 1 ||
	    vt_resume(self->v, self->point))
		return -EPROTO;
	pthread_join(self->worker, NULL);
	vt_count_pause(self->point);
	return vt_disarm(self->v, self->point) ? -EPROTO : self->ret;
}

/* What hmm saw is not there any more: the device has to see what is. */
TEST_F(access, read_of_a_new_page)
{
	ASSERT_EQ(0, paused(self, "faulted", reads));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	memcpy(self->mem, self->other, LEN);
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->buf, LEN, OTHER, 0));
}

TEST_F(access, read_of_what_is_unmapped)
{
	ASSERT_EQ(0, paused(self, "faulted", reads));
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(-EFAULT, goes_on(self));
}

TEST_F(access, read_of_another_mapping)
{
	ASSERT_EQ(0, paused(self, "faulted", reads));
	ASSERT_EQ(self->mem, mremap(self->other, LEN, LEN,
				    MREMAP_MAYMOVE | MREMAP_FIXED, self->mem));
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->buf, LEN, OTHER, 0));
}

TEST_F(access, read_of_what_moves)
{
	ASSERT_EQ(0, paused(self, "faulted", reads));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	EXPECT_EQ(DRM_VSVM_PLACE_DEVICE, vt_place(self->v, self->mem));
}

TEST_F(access, read_before_hmm_looks)
{
	ASSERT_EQ(0, paused(self, "hmm", reads));
	memcpy(self->mem, self->other, LEN);
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->buf, LEN, OTHER, 0));
}

static int child_keeps(struct vt_child *c, void *arg)
{
	return vt_hear(c) || vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

/* A page that became shared in the gap is not written under the child. */
TEST_F(access, write_and_fork)
{
	struct vt_child c;

	ASSERT_EQ(0, paused(self, "faulted", writes));
	ASSERT_EQ(0, vt_start(&c, child_keeps, self->mem));
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

TEST_F(access, write_and_mprotect)
{
	ASSERT_EQ(0, paused(self, "faulted", writes));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(-EPERM, goes_on(self));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A look that is out of date is not reported. */
TEST_F(access, snapshot_of_what_moves)
{
	ASSERT_EQ(0, paused(self, "looked", looks));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, goes_on(self));
}

/* Device pages that a child shares: it goes, or the memory does. */
TEST_F(access, copy_on_write_and_exit)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_keeps, self->mem));
	ASSERT_EQ(0, paused(self, "cow-lock", writes));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

TEST_F(access, copy_on_write_and_munmap)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_keeps, self->mem));
	ASSERT_EQ(0, paused(self, "cow-lock", writes));
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(-EFAULT, goes_on(self));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* The CPU writes before the page is taken from it. */
TEST_F(access, atomic_and_cpu_write)
{
	uint64_t *word = (uint64_t *)self->mem;

	ASSERT_EQ(0, paused(self, "exclusive-lock", adds));
	*word = 40;
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(40, self->old);
	EXPECT_EQ(43, *word);
}

/* It is taken, and thrown away before the device has it in its table. */
TEST_F(access, atomic_and_dontneed)
{
	uint64_t *word = (uint64_t *)self->mem;

	ASSERT_EQ(0, paused(self, "exclusive-taken", adds));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, goes_on(self));
	EXPECT_EQ(0, self->old);
	EXPECT_EQ(3, *word);
}

/* A process has the whole device, and loses a block while something happens. */
FIXTURE(evict)
{
	struct vt_module module;
	struct vsvm *v;
	char *mem;
	pthread_t worker;
	int ret;
};

/*
 * Not in the fixture's data, which parent and child share where the parent tears
 * down: each side of the road has an end of its own.
 */
static struct vt_child holder;

FIXTURE_VARIANT(evict)
{
	const char *point;
};

#define EVICT(name, point_)						\
FIXTURE_VARIANT_ADD(evict, name)					\
{									\
	.point = point_,						\
}

EVICT(lock, "evict-lock");
EVICT(block, "evict-block");
EVICT(collected, "evict-collected");
EVICT(home, "home-huge");
EVICT(copied, "evict-copied");
EVICT(moved, "evict-moved");
EVICT(backing, "backing");

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, vt_reload(&self->module, BALLAST / VT_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    false));
}

VT_TEARDOWN_RESTORE(evict)

/* Has the device, and writes to all of it when it is told to. */
static int owner(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)arg;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, BALLAST, VT_LARGE, SEED);
	if (!mem || vt_to_device(v, mem, BALLAST) || vt_say(c) || vt_hear(c))
		return 2;
	vt_act_begin();
	vt_fill(mem, BALLAST, OTHER, 0);
	vt_act_end();
	if (vt_say(c) || vt_hear(c))
		return 3;
	return vt_dev_check(v, mem, BALLAST, OTHER, 0) ||
	       vt_check(mem, BALLAST, OTHER, 0) ? 4 : 0;
}

static void *wants_room(void *arg)
{
	struct _test_data_evict *self = arg;

	self->ret = vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
			       0, NULL);
	return NULL;
}

static int evicts(struct _test_data_evict *self, const char *point)
{
	/* A block that goes by a handover leaves none behind. */
	if (VT_BAD(!strcmp(point, "backing") &&
		   vt_arm_all(self->v, "home-huge", 1, 64)))
		return -1;
	return vt_start(&holder, owner, NULL) || vt_hear(&holder) ||
	       vt_pause(self->v, point, 1) ||
	       pthread_create(&self->worker, NULL, wants_room, self) ||
	       vt_await(self->v, point);
}

static int evict_ends(struct _test_data_evict *self, const char *point)
{
	if (vt_resume(self->v, point))
		return -EPROTO;
	pthread_join(self->worker, NULL);
	vt_count_pause(point);
	return vt_disarm(self->v, point) ? -EPROTO : self->ret;
}

TEST_F(evict, owner_writes)
{
	vt_act_reset();
	ASSERT_EQ(0, evicts(self, variant->point));
	ASSERT_EQ(0, vt_say(&holder));
	ASSERT_EQ(0, vt_act_began());
	EXPECT_EQ(1, vt_paused(self->v, variant->point));
	EXPECT_EQ(0, evict_ends(self, variant->point));
	ASSERT_EQ(0, vt_hear(&holder));
	ASSERT_EQ(0, vt_say(&holder));
	EXPECT_EQ(0, vt_wait(&holder));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

TEST_F(evict, owner_dies)
{
	ASSERT_EQ(0, evicts(self, variant->point));
	ASSERT_EQ(0, kill(holder.pid, SIGKILL));
	/* It gets away although its pages are locked. */
	EXPECT_EQ(128 + SIGKILL, vt_wait(&holder));
	EXPECT_EQ(1, vt_paused(self->v, variant->point));
	EXPECT_EQ(0, evict_ends(self, variant->point));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_used(self->v));
}

/* The process that wants the room is killed in the middle of making it. */
static int evictor(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)arg;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, LEN, VT_SMALL, SEED);
	if (!mem || vt_say(c) || vt_hear(c))
		return 2;
	return vt_migrate(v, mem, LEN, DRM_VSVM_TARGET_DEVICE, 0, NULL);
}

TEST_F(evict, evictor_dies)
{
	struct vt_child c;

	if (!strcmp(variant->point, "backing"))
		ASSERT_EQ(0, vt_arm_all(self->v, "home-huge", 1, 64));
	ASSERT_EQ(0, vt_start(&holder, owner, NULL));
	ASSERT_EQ(0, vt_hear(&holder));
	ASSERT_EQ(0, vt_start(&c, evictor, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_pause(self->v, variant->point, 1));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_await(self->v, variant->point));
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, vt_wait(&c));
	vt_count_pause(variant->point);
	ASSERT_EQ(0, vt_say(&holder));
	ASSERT_EQ(0, vt_hear(&holder));
	ASSERT_EQ(0, vt_say(&holder));
	EXPECT_EQ(0, vt_wait(&holder));
	EXPECT_EQ(0, vt_used(self->v));
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

TEST_F(pauses, were_counted)
{
	EXPECT_LT(0, vt_count_pauses());
}

TEST_HARNESS_MAIN
