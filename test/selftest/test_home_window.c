// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much comes home for a CPU fault on a small page: twice as much each time that the
 * CPU goes on in order, the least window everywhere else.
 *
 * The faults are counted in fdinfo. A window is of 64 KiB at least and of 2 MiB at most
 * by default; docs/policy.md has the rule.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_counters.h"
#include "vt_fixture.h"

#define SEED	191
#define OTHER	192
#define LEN	(4 * VT_MIB)
#define KIB	1024UL
#define LEAST	(64 * KIB)
#define LEAST_KIB	"/sys/module/vsvm/parameters/fault_around_kib"
#define MOST_KIB	"/sys/module/vsvm/parameters/fault_around_max_kib"

FIXTURE(window)
{
	struct vsvm *v;
	char *mem;
	long faults;
};

FIXTURE_SETUP(window)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    true));
}

FIXTURE_TEARDOWN_PARENT(window)
{
	vt_file_set(LEAST_KIB, 64);
	vt_file_set(MOST_KIB, 2048);
}

#define FAULTS()	vt_file_counter(self->v, "cpu-faults")

/* Reads a byte of a page: false if it is not what was there before. */
static bool touch(const char *mem, size_t at)
{
	return !vt_check(mem + at, 1, SEED, at);
}

/* Touches each page of [from, to) in order. */
static bool touch_all(const char *mem, size_t from, size_t to)
{
	size_t at;

	for (at = from; at < to; at += VT_PAGE)
		if (!touch(mem, at))
			return false;
	return true;
}

/* How much came home for one touch, which faults once; -1: it is not so. */
static long brings(struct vsvm *v, const char *mem, size_t at)
{
	long faults = vt_file_counter(v, "cpu-faults");
	long pages = vt_file_counter(v, "home-cpu-fault-pages");

	if (VT_BAD(!touch(mem, at)) ||
	    VT_BAD(vt_file_counter(v, "cpu-faults") != faults + 1))
		return -1;
	return (vt_file_counter(v, "home-cpu-fault-pages") - pages) * (long)VT_PAGE;
}

#define BRINGS(at)	brings(self->v, self->mem, at)

/* Each fault in order gets twice the window, without what is there; at most 2 MiB. */
TEST_F(window, grows_in_order)
{
	EXPECT_EQ(64 * KIB, BRINGS(0));
	EXPECT_EQ(64 * KIB, BRINGS(64 * KIB));
	EXPECT_EQ(128 * KIB, BRINGS(128 * KIB));
	EXPECT_EQ(256 * KIB, BRINGS(256 * KIB));
	EXPECT_EQ(512 * KIB, BRINGS(512 * KIB));
	EXPECT_EQ(VT_MIB, BRINGS(VT_MIB));
	EXPECT_EQ(VT_HUGE, BRINGS(VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The same by touching every page, which takes 64 windows of 64 KiB. */
TEST_F(window, all_in_order)
{
	self->faults = FAULTS();
	EXPECT_TRUE(touch_all(self->mem, 0, LEN));
	EXPECT_EQ(7, FAULTS() - self->faults);
	EXPECT_EQ(LEN / VT_PAGE, vt_file_counter(self->v, "home-cpu-fault-pages"));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* From the end to the start it is the same. */
TEST_F(window, grows_backwards)
{
	size_t at;

	self->faults = FAULTS();
	for (at = LEN; at > 0; at -= VT_PAGE)
		ASSERT_TRUE(touch(self->mem, at - VT_PAGE));
	EXPECT_EQ(7, FAULTS() - self->faults);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A touch that is next to no window brings the least one. */
TEST_F(window, stays_small_at_random)
{
	size_t i, at;

	/* Every second window, in an order without order. */
	for (i = 0; i < 32; i++) {
		at = i * 11 % 32 * 2 * LEAST + i * 7 % 16 * VT_PAGE;
		EXPECT_EQ(LEAST, BRINGS(at));
	}
	EXPECT_EQ(LEN / 2, vt_bytes_in(self->v, self->mem, LEN,
				       DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* After a jump the window starts over, and grows again. */
TEST_F(window, starts_over_after_a_jump)
{
	ASSERT_TRUE(touch_all(self->mem, 0, VT_MIB));
	EXPECT_EQ(LEAST, BRINGS(3 * VT_MIB));
	EXPECT_EQ(LEAST, BRINGS(3 * VT_MIB + LEAST));
	EXPECT_EQ(2 * LEAST, BRINGS(3 * VT_MIB + 2 * LEAST));
	/* 64 KiB were left out: no longer in order. */
	EXPECT_EQ(LEAST, BRINGS(3 * VT_MIB + 5 * LEAST));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* What went to the device again is no reason to bring much of it. */
TEST_F(window, starts_over_in_the_old_window)
{
	ASSERT_TRUE(touch_all(self->mem, 0, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(LEAST, BRINGS(3 * VT_MIB));
	EXPECT_EQ(LEAST, BRINGS(2 * VT_MIB));
	EXPECT_EQ(LEAST, BRINGS(0));
	/* A flag that the CPU reads again and again. */
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(LEAST, BRINGS(0));
	EXPECT_EQ(LEAST, BRINGS(LEAST));
}

/* Eight streams are told apart: each grows as if alone. */
TEST_F(window, eight_streams)
{
	size_t part = LEN / 8, at, i;

	self->faults = FAULTS();
	for (at = 0; at < part; at += VT_PAGE)
		for (i = 0; i < 8; i++)
			ASSERT_TRUE(touch(self->mem, i * part + at));
	/* 64, 64, 128 and 256 KiB each, in place of 8 times 64. */
	EXPECT_EQ(8 * 4, FAULTS() - self->faults);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* One stream goes on beside touches at random, and they stay small. */
TEST_F(window, stream_beside_random)
{
	static const size_t in_order[] = {
		0, LEAST, 2 * LEAST, 4 * LEAST, 8 * LEAST, 16 * LEAST,
	};
	size_t i, at;

	for (i = 0; i < VT_COUNT(in_order); i++) {
		at = in_order[i];
		EXPECT_EQ(at ? at : LEAST, BRINGS(at));
		EXPECT_EQ(LEAST, BRINGS(VT_HUGE + (i * 5 % 6 * 4 + 1) * LEAST));
	}
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The window ends with the mapping; what is behind it has other rights, and stays. */
TEST_F(window, ends_with_the_mapping)
{
	size_t end = VT_MIB + 128 * KIB;

	ASSERT_EQ(0, mprotect(self->mem + end, LEN - end, PROT_NONE));
	ASSERT_TRUE(touch_all(self->mem, 0, VT_MIB));
	EXPECT_EQ(end - VT_MIB, BRINGS(VT_MIB));
	ASSERT_EQ(0, mprotect(self->mem + end, LEN - end, PROT_READ));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, end));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + end, LEN - end));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A window passes over holes, and nothing comes to be in them. */
TEST_F(window, passes_over_holes)
{
	size_t hole = VT_MIB + 128 * KIB;

	ASSERT_EQ(0, madvise(self->mem + hole, LEAST, MADV_DONTNEED));
	ASSERT_TRUE(touch_all(self->mem, 0, VT_MIB));
	EXPECT_EQ(VT_MIB - LEAST, BRINGS(VT_MIB));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem + hole, LEAST,
			       DRM_VSVM_PLACE_ABSENT, VT_ANY_ORDER));
	EXPECT_EQ(VT_HUGE, BRINGS(VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, hole, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + hole + LEAST, LEN - hole - LEAST, SEED,
			      hole + LEAST));
}

/* The most is a parameter, also at run time; so is the least. */
TEST_F(window, parameters)
{
	static const struct {
		long least, most, faults;
	} set[] = {
		{ 64, 64, 64 }, { 64, 4, 64 }, { 64, 512, 4 + 7 },
		{ 64, 1000, 4 + 7 }, { 128, 2048, 5 + 1 }, { 2048, 64, 2 },
		{ 64, 1 << 30, 7 }, { 4, 16, 3 + 255 }, { 64, 2048, 7 },
	};
	size_t i;

	for (i = 0; i < VT_COUNT(set); i++) {
		ASSERT_EQ(0, vt_file_set(LEAST_KIB, set[i].least));
		ASSERT_EQ(0, vt_file_set(MOST_KIB, set[i].most));
		self->faults = FAULTS();
		ASSERT_TRUE(touch_all(self->mem, 0, LEN));
		EXPECT_EQ(set[i].faults, FAULTS() - self->faults)
			TH_LOG("from %ld to %ld KiB", set[i].least, set[i].most);
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	}
}

/* Without memory for a large window the small one comes home, and the touch succeeds. */
TEST_F(window, small_without_memory)
{
	ASSERT_TRUE(touch_all(self->mem, 0, 512 * KIB));
	ASSERT_EQ(0, vt_arm(self->v, "fault-window", 1, 1));
	EXPECT_EQ(LEAST, BRINGS(512 * KIB));
	EXPECT_EQ(1, vt_fired(self->v, "fault-window"));
	ASSERT_EQ(0, vt_disarm(self->v, "fault-window"));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + 512 * KIB + LEAST,
				  LEN - 512 * KIB - LEAST));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Without memory for the window's pages too, but for the one that is touched. */
TEST_F(window, grown_without_host_memory)
{
	ASSERT_TRUE(touch_all(self->mem, 0, 512 * KIB));
	/* The page that is touched is the first of the window. */
	ASSERT_EQ(0, vt_arm(self->v, "home-small", 2, 127));
	EXPECT_EQ(VT_PAGE, BRINGS(512 * KIB));
	EXPECT_EQ(127, vt_fired(self->v, "home-small"));
	ASSERT_EQ(0, vt_disarm(self->v, "home-small"));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

struct part {
	const char *mem;
	size_t at;
	bool right;
};

static void *thread_in_order(void *arg)
{
	struct part *part = arg;

	part->right = touch_all(part->mem, part->at, part->at + VT_MIB);
	return NULL;
}

/* Threads at once, whose windows reach into each other's parts: each page moves once. */
TEST_F(window, threads_at_once)
{
	pthread_t thread[4];
	struct part part[4];
	int round, i;

	for (round = 1; round <= 8; round++) {
		for (i = 0; i < 4; i++) {
			part[i] = (struct part){ self->mem, i * VT_MIB, false };
			ASSERT_EQ(0, pthread_create(&thread[i], NULL,
						    thread_in_order, &part[i]));
		}
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, pthread_join(thread[i], NULL));
			EXPECT_TRUE(part[i].right);
		}
		EXPECT_EQ(round * LEN / VT_PAGE,
			  vt_file_counter(self->v, "home-cpu-fault-pages"));
		EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	}
}

static int child_in_order(struct vt_child *c, void *arg)
{
	char *mem = arg;

	(void)c;
	return touch_all(mem, VT_HUGE, VT_HUGE + 9 * LEAST) &&
	       touch_all(mem, VT_MIB + 4 * LEAST, VT_MIB + 6 * LEAST) ? 0 : 1;
}

/* Another process's touches do not grow, and do not change this one's windows. */
TEST_F(window, child_has_the_least)
{
	ASSERT_TRUE(touch_all(self->mem, 0, VT_MIB));
	self->faults = FAULTS();
	ASSERT_EQ(0, vt_run(child_in_order, self->mem));
	EXPECT_EQ(9 + 2, FAULTS() - self->faults);
	EXPECT_EQ(VT_MIB - 2 * LEAST, BRINGS(VT_MIB));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A device write that breaks sharing takes the least window each time. */
TEST_F(window, device_write_has_the_least)
{
	const char byte = 7;
	size_t at;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	for (at = 0; at < 4 * LEAST; at += LEAST)
		EXPECT_EQ(0, vsvm_write(self->v, self->mem + at, &byte, 1, NULL));
	EXPECT_EQ(4 * LEAST / VT_PAGE,
		  vt_file_counter(self->v, "home-device-fault-pages"));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + 4 * LEAST, LEN - 4 * LEAST));
}

TEST_HARNESS_MAIN
