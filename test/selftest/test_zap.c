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
 * VSVM_ROUNDS says how many rounds each test does (50).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
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
	size_t len;
	char *mem;
};

FIXTURE_VARIANT(zap)
{
	const char *load;
	size_t len;
};

/* The last of several counts, those of the command line come first. */
#define LOAD	"${VSVM_MODPROBE:-modprobe} vsvm devices=1 vram_mib=16 huge_pages="

FIXTURE_VARIANT_ADD(zap, by_default)
{
	.load = LOAD "auto",
	.len = VT_HUGE,
};

/* So few that a nap ends anywhere in their migration, not in its first steps. */
FIXTURE_VARIANT_ADD(zap, small)
{
	.load = LOAD "0",
	.len = 64 * VT_PAGE,
};

FIXTURE_SETUP(zap)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, system(variant->load));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->len = variant->len;
	srandom(getpid());
}

VT_TEARDOWN_RESTORE(zap)

static void nap(long most_ns)
{
	struct timespec t = { 0, random() % most_ns };

	nanosleep(&t, NULL);
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

/*
 * A child that shares the page looks at it when told to, or as soon as it said that
 * it runs, and exits with 0.
 */
static pid_t share(char *mem, size_t len, unsigned int round, const int *road,
		   bool told)
{
	pid_t child = fork();
	char byte = 0;

	if (child)
		return child;
	alarm(PATIENCE);
	if ((told ? read(road[0], &byte, 1) : write(road[1], &byte, 1)) != 1)
		_exit(2);
	_exit(!marked(mem, len, round));
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

/*
 * A child touches the page, which migrates it, while the parent unmaps it. The
 * child sees what was there, and in the end nothing is left on the device.
 */
TEST_F_TIMEOUT(zap, unmapped_while_a_child_reads, VT_LONG)
{
	unsigned long round, n = rounds();
	pid_t child;
	int road[2];
	char byte;

	ASSERT_EQ(0, pipe(road));
	self->mem = vt_map(self->len, VT_LARGE);
	ASSERT_NE(NULL, self->mem);
	for (round = 0; round < n; round++) {
		ASSERT_EQ(self->mem, mmap(self->mem, self->len,
					  PROT_READ | PROT_WRITE, MAP_PRIVATE |
					  MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		ASSERT_EQ(0, madvise(self->mem, self->len, MADV_HUGEPAGE));
		mark(self->mem, self->len, round);
		ASSERT_EQ(0, to_device(self->v, self->mem, self->len));
		child = share(self->mem, self->len, round, road, false);
		ASSERT_LT(0, child);
		ASSERT_EQ(1, read(road[0], &byte, 1));
		nap(400000);
		ASSERT_EQ(0, munmap(self->mem, self->len));
		ASSERT_EQ(0, end(child)) {
			TH_LOG("round %lu", round);
		}
	}
	EXPECT_EQ(self->used, vt_used(self->v));
	printf("#@ zap | unmapped while a child reads | %lu rounds\n", n);
	fflush(stdout);
}

static void *goes_home(void *arg)
{
	FIXTURE_DATA(zap) *self = arg;

	vt_migrate(self->v, self->mem, self->len, DRM_VSVM_TARGET_SYSTEM, 0,
		   NULL);
	return NULL;
}

/*
 * MIGRATE moves the page to system memory, while its process drops it and takes
 * another one on the device, which may be the same block. A child that shares the first one sees
 * what was there, not the other.
 */
TEST_F_TIMEOUT(zap, dropped_on_the_way_home, VT_LONG)
{
	unsigned long round, n = rounds();
	pthread_t thread;
	pid_t child;
	int road[2];

	ASSERT_EQ(0, pipe(road));
	self->mem = vt_map(self->len, VT_LARGE);
	ASSERT_NE(NULL, self->mem);
	for (round = 0; round < n; round++) {
		mark(self->mem, self->len, 2 * round);
		ASSERT_EQ(0, to_device(self->v, self->mem, self->len));
		child = share(self->mem, self->len, 2 * round, road,
			      true);
		ASSERT_LT(0, child);
		ASSERT_EQ(0, pthread_create(&thread, NULL, goes_home, self));
		nap(1500000);
		ASSERT_EQ(0, madvise(self->mem, self->len, MADV_DONTNEED));
		pthread_join(thread, NULL);

		mark(self->mem, self->len, 2 * round + 1);
		ASSERT_EQ(0, to_device(self->v, self->mem, self->len));
		ASSERT_EQ(1, write(road[1], "x", 1));
		ASSERT_EQ(0, end(child)) {
			TH_LOG("round %lu", round);
		}
		ASSERT_TRUE(marked(self->mem, self->len, 2 * round + 1));
		ASSERT_EQ(0, madvise(self->mem, self->len, MADV_DONTNEED));
		ASSERT_EQ(self->used, vt_used(self->v));
	}
	printf("#@ zap | dropped on the way home | %lu rounds\n", n);
	fflush(stdout);
}

TEST_HARNESS_MAIN
