// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is left of a process's queues when it is gone, and what its threads can do to
 * commands meanwhile.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_fixture.h"
#include "vt_kill.h"
#include "vt_queue.h"

#define LEN	VT_HUGE
#define ALL	(~0ULL)

FIXTURE(after)
{
	struct vsvm *v;
	struct vt_queue q;
	uint64_t *shared;	/* a gate and a word that child and parent have */
};

FIXTURE_SETUP(after)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
	self->shared = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
}

VT_TEARDOWN_CLOSE(after)

static int leaves_work(struct vt_child *c, void *arg)
{
	uint64_t *shared = arg;
	struct vt_queue q;
	struct vsvm *v;

	(void)c;
	if (vsvm_open(0, &v) || vt_queue_make(&q, v, 8) || vt_hold(&q, shared) ||
	    vt_signal(&q, shared + 1, 1))
		return 1;
	return 42;
}

/* Commands of a process that is gone are not done, also in memory that is still there. */
TEST_F(after, exit_nothing_is_done)
{
	int i;

	ASSERT_EQ(42, vt_run(leaves_work, self->shared));
	vt_store(self->shared, 1);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, vt_do(&self->q, NULL, 0));
	EXPECT_EQ(0, vt_load(self->shared + 1));
}

/* The other process uses the same memory, and gets its work done meanwhile. */
TEST_F(after, word_is_shared)
{
	ASSERT_EQ(0, vt_hold(&self->q, self->shared));
	ASSERT_EQ(0, vt_begin(&self->q, NULL, 0));
	ASSERT_EQ(42, vt_run(leaves_work, self->shared));
	EXPECT_EQ(DRM_VSVM_QUEUE_WAITING, vt_queue_state(&self->q));
	vt_store(self->shared, 1);
	EXPECT_EQ(0, vt_end(&self->q));
}

static void *waits_for_ever(void *arg)
{
	struct vt_queue *q = arg;

	vt_act_begin();
	vsvm_wait(q->v, q->fence, 1, ALL, DRM_VSVM_WAIT_EQ, VSVM_NO_DEADLINE, q->id);
	vt_act_end();
	return NULL;
}

static int waits(struct vt_child *c, void *arg)
{
	struct vt_queue q;
	pthread_t thread;
	struct vsvm *v;

	(void)arg;
	if (vsvm_open(0, &v) || vt_queue_make(&q, v, 8) ||
	    pthread_create(&thread, NULL, waits_for_ever, &q) || vt_act_began() || vt_say(c))
		return 1;
	pthread_join(thread, NULL);
	return 2;
}

/* A process whose thread sleeps in WAIT can be killed. */
TEST_F_TIMEOUT(after, kill_in_wait, VT_LONG)
{
	struct vt_child c;

	vt_act_reset();
	ASSERT_EQ(0, vt_start(&c, waits, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_kill(&c, "in WAIT"));
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
}

static void *takes_away_and_protects(void *arg)
{
	for (;;) {
		madvise(arg, LEN, MADV_DONTNEED);
		mprotect(arg, LEN, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(arg, LEN, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* Threads that take pages away without a pause keep no command from its end. */
TEST_F_TIMEOUT(after, storm_goes_on, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL), *to = vt_map(LEN, VT_SMALL);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(mem, LEN, 1, 8),
		vsvm_cmd_copy(to, mem, LEN),
		vsvm_cmd_copy(mem, to, LEN),
		vsvm_cmd_atomic(mem, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, to),
	};
	pthread_t thread[3];
	int i;

	ASSERT_TRUE(mem && to);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, takes_away_and_protects,
					    i == 2 ? to : mem));
	ASSERT_EQ(0, vt_do(&self->q, job, ARRAY_SIZE(job)));
}

/* What a process and one that shares its memory (CLONE_VM) have. */
static struct sharing {
	uint64_t *shared;	/* a gate, a word, and the result plus 1 */
	int owner;		/* a descriptor of the process that opened the file */
	char stack[256 * 1024] __attribute__((aligned(16)));
} sharing;

/* Outlives the one that opened the file. The rest is as in any other process. */
static int outlives(void *arg)
{
	struct pollfd p = { .fd = sharing.owner, .events = POLLIN };
	uint64_t *shared = sharing.shared;
	struct vt_queue q;
	struct vsvm *v;
	int i, ret = 0;

	(void)arg;
	if (poll(&p, 1, VT_QUEUE_SECONDS * 1000) != 1 || vsvm_open(0, &v) ||
	    vt_queue_make(&q, v, 8))
		ret = 1;
	vt_store(shared, 1);
	for (i = 0; i < 20 && !ret; i++)
		ret = vt_do(&q, NULL, 0) ? 2 : 0;
	if (!ret && vt_load(shared + 1))
		ret = 3;
	vt_store(shared + 2, ret + 1);
	_exit(0);
}

static int is_outlived(struct vt_child *c, void *arg)
{
	char *top = sharing.stack + sizeof(sharing.stack);

	sharing.shared = arg;
	sharing.owner = syscall(SYS_pidfd_open, getpid(), 0);
	if (VT_BAD(sharing.owner < 0) || leaves_work(c, arg) != 42)
		return 1;
	return VT_BAD(clone(outlives, top, CLONE_VM | SIGCHLD, NULL) < 0) ? 2 : 42;
}

/* Queues end with the process that opened the file, also if its memory does not. */
TEST_F_TIMEOUT(after, exit_memory_stays, VT_LONG)
{
	int64_t deadline = vt_queue_deadline();

	ASSERT_EQ(42, vt_run(is_outlived, self->shared));
	while (!vt_load(self->shared + 2) && vsvm_deadline(0) < deadline)
		usleep(10000);
	EXPECT_EQ(1, vt_load(self->shared + 2));
}

TEST_HARNESS_MAIN
