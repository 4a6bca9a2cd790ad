// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page on the device loses its mapping while it migrates to system memory.
 *
 * Core mm (Linux 7.3) that drops the entry of a huge one takes it for a mapping, and
 * frees the page under the processes that share it: so with default parameters there
 * are huge device pages only where core has the fix (docs/kernels.md). Here the module
 * has its default parameters, whatever the test machine loaded it with, and once more
 * small pages alone, which are the default on a kernel without the fix.
 *
 * A round is one slot of the memory. One child shares all slots: on the debug kernel a
 * fork() takes longer than all else. VSVM_ROUNDS says how many rounds each test does (50).
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_small_device.h"

/* A child that sees its pages is through in no time. */
#define PATIENCE	60

static unsigned long rounds(void)
{
	const char *text = getenv("VSVM_ROUNDS");

	return text ? strtoul(text, NULL, 10) : 50;
}

FIXTURE(zap)
{
	struct vt_module module;
	struct vsvm *v;
	uint64_t used;
	size_t slots;
	size_t len;	/* of a slot */
	char *mem;
	int road[2];	/* to the child, and to the parent */
	unsigned long to_go;	/* slots that may go home */
	unsigned long gone;
};

FIXTURE_VARIANT(zap)
{
	const char *load;
	size_t slots;
	size_t len;
	long nap_ns;	/* about what a slot takes to go home, at most */
};

/* The last of several counts, those of the command line come first. */
#define LOAD	"${VSVM_MODPROBE:-modprobe} vsvm devices=1 vram_mib=16 huge_pages="

FIXTURE_VARIANT_ADD(zap, by_default)
{
	.load = LOAD "auto",
	.slots = 1,
	.len = VT_HUGE,
	.nap_ns = 1500000,
};

/* So few pages that a nap ends anywhere in their migration, not in its first steps. */
FIXTURE_VARIANT_ADD(zap, small)
{
	.load = LOAD "0",
	.slots = 32,
	.len = 16 * VT_PAGE,
	.nap_ns = 400000,
};

FIXTURE_SETUP(zap)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, system(variant->load));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->slots = variant->slots;
	self->len = variant->len;
	self->mem = vt_map(self->slots * self->len, VT_LARGE);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->road));
	srandom(getpid());
}

VT_TEARDOWN_RESTORE(zap)

static void nap(long most_ns)
{
	struct timespec t = { 0, random() % most_ns };

	nanosleep(&t, NULL);
}

static char *slot(const FIXTURE_DATA(zap) *self, size_t i)
{
	return self->mem + i * self->len;
}

/* Each 4K page begins with this. */
static void mark(char *mem, size_t len, unsigned int round)
{
	size_t at;

	for (at = 0; at < len; at += VT_PAGE)
		*(unsigned int *)(mem + at) = round * 512 + at / VT_PAGE;
}

static bool marked(const char *mem, size_t len, unsigned int round)
{
	size_t at;

	for (at = 0; at < len; at += VT_PAGE)
		if (*(const volatile unsigned int *)(mem + at) !=
		    round * 512 + at / VT_PAGE)
			return false;
	return true;
}

static bool say(int fd)
{
	return write(fd, "x", 1) == 1;
}

static bool hear(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

/* The exit status of a child, or 128 and the signal. */
static int end(pid_t child)
{
	int status;

	if (VT_BAD(waitpid(child, &status, 0) != child))
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

static int to_device(struct vsvm *v, char *mem, size_t len)
{
	return vt_migrate(v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, NULL);
}

/* A child that touches one slot after the other: each as soon as it said that it will. */
static pid_t touches(const FIXTURE_DATA(zap) *self, unsigned int round)
{
	pid_t child = fork();
	size_t i;

	if (child)
		return child;
	for (i = 0; i < self->slots; i++) {
		alarm(PATIENCE);
		if (!say(self->road[0]))
			_exit(2);
		if (!marked(slot(self, i), self->len, round + i))
			_exit(1);
		if (!hear(self->road[0]))
			_exit(2);
	}
	_exit(0);
}

/*
 * A child touches the page, which migrates it, while the parent unmaps it. The
 * child sees what was there, and in the end nothing is left on the device.
 */
TEST_F_TIMEOUT(zap, unmapped_while_a_child_reads, VT_LONG)
{
	size_t len = self->slots * self->len, i;
	unsigned long round, n = rounds();
	pid_t child;

	for (round = 0; round < n; round += self->slots) {
		ASSERT_EQ(self->mem, mmap(self->mem, len,
					  PROT_READ | PROT_WRITE, MAP_PRIVATE |
					  MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		ASSERT_EQ(0, madvise(self->mem, len, MADV_HUGEPAGE));
		for (i = 0; i < self->slots; i++)
			mark(slot(self, i), self->len, round + i);
		ASSERT_EQ(0, to_device(self->v, self->mem, len));
		child = touches(self, round);
		ASSERT_LT(0, child);
		for (i = 0; i < self->slots; i++) {
			ASSERT_TRUE(hear(self->road[1]));
			nap(400000);
			ASSERT_EQ(0, munmap(slot(self, i), self->len));
			ASSERT_TRUE(say(self->road[1]));
		}
		ASSERT_EQ(0, end(child)) {
			TH_LOG("round %lu", round);
		}
	}
	EXPECT_EQ(self->used, vt_used(self->v));
	printf("#@ zap | unmapped while a child reads | %lu rounds\n", round);
	fflush(stdout);
}

static void await(const unsigned long *number, unsigned long least)
{
	while (__atomic_load_n(number, __ATOMIC_ACQUIRE) < least)
		sched_yield();
}

static void *goes_home(void *arg)
{
	FIXTURE_DATA(zap) *self = arg;
	size_t i;

	for (i = 0; i < self->slots; i++) {
		await(&self->to_go, i + 1);
		vt_migrate(self->v, slot(self, i), self->len,
			   DRM_VSVM_TARGET_SYSTEM, 0, NULL);
		__atomic_store_n(&self->gone, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* A child that looks at all slots when it is told to. */
static pid_t looks(const FIXTURE_DATA(zap) *self, unsigned int round)
{
	pid_t child = fork();
	size_t i;

	if (child)
		return child;
	alarm(PATIENCE);
	if (!hear(self->road[0]))
		_exit(2);
	for (i = 0; i < self->slots; i++)
		if (!marked(slot(self, i), self->len, 2 * (round + i)))
			_exit(1);
	_exit(0);
}

/*
 * MIGRATE moves the page to system memory, while its process drops it and takes
 * another one on the device, which may be the same block. A child that shares the first one sees
 * what was there, not the other.
 */
TEST_F_TIMEOUT(zap, dropped_on_the_way_home, VT_LONG)
{
	size_t len = self->slots * self->len, i;
	unsigned long round, n = rounds();
	pthread_t thread;
	pid_t child;

	for (round = 0; round < n; round += self->slots) {
		for (i = 0; i < self->slots; i++)
			mark(slot(self, i), self->len, 2 * (round + i));
		ASSERT_EQ(0, to_device(self->v, self->mem, len));
		child = looks(self, round);
		ASSERT_LT(0, child);
		self->to_go = 0;
		self->gone = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, goes_home, self));
		for (i = 0; i < self->slots; i++) {
			__atomic_store_n(&self->to_go, i + 1, __ATOMIC_RELEASE);
			nap(variant->nap_ns);
			ASSERT_EQ(0, madvise(slot(self, i), self->len,
					     MADV_DONTNEED));
			await(&self->gone, i + 1);
			mark(slot(self, i), self->len, 2 * (round + i) + 1);
			ASSERT_EQ(0, to_device(self->v, slot(self, i), self->len));
		}
		pthread_join(thread, NULL);
		ASSERT_TRUE(say(self->road[1]));
		ASSERT_EQ(0, end(child)) {
			TH_LOG("round %lu", round);
		}
		for (i = 0; i < self->slots; i++)
			ASSERT_TRUE(marked(slot(self, i), self->len,
					   2 * (round + i) + 1));
		ASSERT_EQ(0, madvise(self->mem, len, MADV_DONTNEED));
		ASSERT_EQ(self->used, vt_used(self->v));
	}
	printf("#@ zap | dropped on the way home | %lu rounds\n", round);
	fflush(stdout);
}

TEST_HARNESS_MAIN
