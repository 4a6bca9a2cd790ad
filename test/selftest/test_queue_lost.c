// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue is lost by a command that cannot be done, and says by which access.
 *
 * What was before the command is done, what is behind it is not. Other queues do not
 * notice, and other processes have none.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_queue.h"

#define PAGES	16
#define LEN	(PAGES * VT_PAGE)
#define SEED	421
#define OTHER	422

#define ALL	(~0ULL)

#define READS	DRM_VSVM_ACCESS_READ
#define WRITES	DRM_VSVM_ACCESS_WRITE
#define ATOMIC	DRM_VSVM_ACCESS_ATOMIC

/* Pages that are not as the others, each between two that are. */
enum where {
	HOLE = 4,
	NONE = 6,
	READ_ONLY = 8,
	POISON = 10,
	SHARED = 12,
	SECRET = 14,
};

enum how {
	COPY_FROM,
	COPY_TO,
	FILL,
	ADD,
	ADD_RESULT,
	WAIT,
	SIGNAL,
};

/* What makes a queue lost, and why. */
static const struct loss {
	const char *name;
	enum how how;
	enum where where;
	int at;			/* from the page's first byte on */
	uint32_t access;
	uint32_t error;
} losses[] = {
	{ "copy from a hole", COPY_FROM, HOLE, 0, READS, EFAULT },
	{ "copy from before a hole", COPY_FROM, HOLE, -77, READS, EFAULT },
	{ "copy from within a hole", COPY_FROM, HOLE, 41, READS, EFAULT },
	{ "copy from PROT_NONE", COPY_FROM, NONE, -1, READS, EFAULT },
	{ "copy from poison", COPY_FROM, POISON, 0, READS, EFAULT },
	{ "copy from secret memory", COPY_FROM, SECRET, -3, READS, EFAULT },
	{ "copy to secret memory", COPY_TO, SECRET, 5, WRITES, EFAULT },
	{ "copy to a hole", COPY_TO, HOLE, 3, WRITES, EFAULT },
	{ "copy to before a hole", COPY_TO, HOLE, -77, WRITES, EFAULT },
	{ "copy to PROT_NONE", COPY_TO, NONE, 0, WRITES, EFAULT },
	{ "copy to read-only", COPY_TO, READ_ONLY, 1, WRITES, EPERM },
	{ "copy to before read-only", COPY_TO, READ_ONLY, -5, WRITES, EPERM },
	{ "copy to poison", COPY_TO, POISON, 7, WRITES, EFAULT },
	{ "fill a hole", FILL, HOLE, 8, WRITES, EFAULT },
	{ "fill up to a hole", FILL, HOLE, -80, WRITES, EFAULT },
	{ "fill PROT_NONE", FILL, NONE, 0, WRITES, EFAULT },
	{ "fill read-only", FILL, READ_ONLY, 0, WRITES, EPERM },
	{ "fill up to read-only", FILL, READ_ONLY, -8, WRITES, EPERM },
	{ "atomic in a hole", ADD, HOLE, 16, ATOMIC, EFAULT },
	{ "atomic in PROT_NONE", ADD, NONE, 16, ATOMIC, EFAULT },
	{ "atomic in read-only", ADD, READ_ONLY, 16, ATOMIC, EPERM },
	{ "atomic in shared memory", ADD, SHARED, 16, ATOMIC, EOPNOTSUPP },
	{ "atomic in secret memory", ADD, SECRET, 16, ATOMIC, EFAULT },
	{ "result in a hole", ADD_RESULT, HOLE, 16, WRITES, EFAULT },
	{ "result in PROT_NONE", ADD_RESULT, NONE, 16, WRITES, EFAULT },
	{ "result in read-only", ADD_RESULT, READ_ONLY, 16, WRITES, EPERM },
	{ "wait in a hole", WAIT, HOLE, 24, READS, EFAULT },
	{ "wait in PROT_NONE", WAIT, NONE, 24, READS, EFAULT },
	{ "wait in secret memory", WAIT, SECRET, 24, READS, EFAULT },
	{ "signal in secret memory", SIGNAL, SECRET, 32, WRITES, EFAULT },
	{ "signal in a hole", SIGNAL, HOLE, 32, WRITES, EFAULT },
	{ "signal in PROT_NONE", SIGNAL, NONE, 32, WRITES, EFAULT },
	{ "signal in read-only", SIGNAL, READ_ONLY, 32, WRITES, EPERM },
};

FIXTURE(lost)
{
	struct vsvm *v;
	struct vt_queue good;	/* which goes on */
	char *mem;
	char *own;
	uint64_t *word;		/* stored by what is behind the loss */
	uint64_t *gate;
};

FIXTURE_VARIANT(lost)
{
	bool on_device;
};

FIXTURE_VARIANT_ADD(lost, system)
{
	.on_device = false,
};

FIXTURE_VARIANT_ADD(lost, device)
{
	.on_device = true,
};

/* A process with a poisoned page is told of it. */
static void told(int sig)
{
	(void)sig;
}

static int make_bad_pages(char *mem)
{
	signal(SIGBUS, told);
	return VT_BAD(munmap(mem + HOLE * VT_PAGE, VT_PAGE) ||
		      mprotect(mem + NONE * VT_PAGE, VT_PAGE, PROT_NONE) ||
		      mprotect(mem + READ_ONLY * VT_PAGE, VT_PAGE, PROT_READ) ||
		      madvise(mem + POISON * VT_PAGE, VT_PAGE, MADV_HWPOISON));
}

/* In front of the others are pages that are on the device; the middle may be there, too. */
FIXTURE_SETUP(lost)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	char *shared, *secret;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, VT_PAGE));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED, false));
	self->own = vt_map_filled(self->v, LEN, VT_SMALL, OTHER);
	self->word = vt_map(VT_PAGE, VT_SMALL);
	self->gate = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_TRUE(self->own && self->word && self->gate);
	ASSERT_EQ(0, make_bad_pages(self->mem));
	shared = mmap(self->mem + SHARED * VT_PAGE, VT_PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	vt_fill(shared, VT_PAGE, SEED, SHARED * VT_PAGE);
	secret = mmap(self->mem + SECRET * VT_PAGE, VT_PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, 0);
	ASSERT_NE(MAP_FAILED, secret);
	memset(secret, 0xa5, VT_PAGE);
	if (variant->on_device)
		ASSERT_EQ(0, vsvm_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE, 0,
					  NULL));
	ASSERT_EQ(0, vt_queue_make(&self->good, self->v, 8));
}

VT_TEARDOWN_CLOSE(lost)

static struct drm_vsvm_command command(const struct loss *l, char *mem, char *own)
{
	char *bad = mem + l->where * VT_PAGE + l->at;

	switch (l->how) {
	case COPY_FROM:
		return vsvm_cmd_copy(own + 1, bad, 200);
	case COPY_TO:
		return vsvm_cmd_copy(bad, own + 1, 200);
	case FILL:
		return vsvm_cmd_fill(bad, 200, 0, 8);
	case ADD:
		return vsvm_cmd_atomic(bad, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
	case ADD_RESULT:
		return vsvm_cmd_atomic(own, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, bad);
	case WAIT:
		return vsvm_cmd_wait(bad, 0, ALL, DRM_VSVM_WAIT_EQ);
	case SIGNAL:
		break;
	}
	return vsvm_cmd_signal(bad, 1, -1);
}

/*
 * A job that is done, one with a bad command in the middle, which begins when the third
 * is there, too.
 */
static int lose(struct vt_queue *q, struct drm_vsvm_command bad, char *mark, uint64_t *word,
		uint64_t *gate)
{
	struct drm_vsvm_command job[] = {
		vsvm_cmd_wait(gate, 1, ALL, DRM_VSVM_WAIT_EQ),
		vsvm_cmd_fill(mark, 8, 0x11, 1),
		bad,
		vsvm_cmd_fill(mark + 8, 8, 0x22, 1),
		vsvm_cmd_signal(word, 1, -1),
	};

	vt_store(gate, 0);
	if (vt_submit_one(q, vsvm_cmd_barrier()) || vt_submit(q, job, VT_COUNT(job)) ||
	    vt_signal(q, word, 2))
		return -1;
	vt_store(gate, 1);
	return vt_queue_becomes(q, DRM_VSVM_QUEUE_LOST);
}

/* 0 when the status is that of a queue that lose() lost for this reason. */
static int has_cause(struct vt_queue *q, const struct loss *l, const char *mem)
{
	uint64_t addr = (uintptr_t)mem + l->where * VT_PAGE + (l->at < 0 ? 0 : l->at);
	struct drm_vsvm_queue_status s;

	if (vt_queue_status(q, &s))
		return -1;
	if (s.submitted == 3 && s.done == 1 && s.lost == 2 && s.addr == addr &&
	    s.access == l->access && s.error == l->error)
		return 0;
	return vt_wrong("%s: lost %llu: %#llx, %u, %s, not 2: %#llx, %u, %s", l->name,
			(unsigned long long)s.lost, (unsigned long long)s.addr, s.access,
			strerror(s.error), (unsigned long long)addr, l->access,
			strerror(l->error));
}

/* All that is refused of a lost queue. */
static int is_over(struct vt_queue *q, const uint64_t *word)
{
	struct drm_vsvm_command c = vsvm_cmd_barrier();
	uint64_t seq = 1;

	return VT_BAD(vsvm_submit(q->v, q->id, &c, 1, &seq) != -ECANCELED || seq) ||
	       VT_BAD(vsvm_wait(q->v, word, 1, ALL, DRM_VSVM_WAIT_EQ, vt_queue_deadline(),
				q->id) != -EIO);
}

/* Each cause is told, to the byte; no fence is stored; and the next queue works. */
TEST_F_TIMEOUT(lost, cause, VT_LONG)
{
	char *mark = self->own + 8 * VT_PAGE;
	const struct loss *l;
	struct vt_queue q;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(losses); i++) {
		l = &losses[i];
		vt_fill(self->own, LEN, OTHER, 0);
		*self->word = 0;
		ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
		ASSERT_EQ(0, vt_queue_poll(self->v));
		ASSERT_EQ(0, lose(&q, command(l, self->mem, self->own), mark, self->word,
				  self->gate)) TH_LOG("%s", l->name);
		EXPECT_EQ(0, has_cause(&q, l, self->mem));
		EXPECT_EQ(0, vt_check_byte(mark, 8, 0x11));
		EXPECT_EQ(0, vt_check(mark + 8, 8, OTHER, 8 * VT_PAGE + 8));
		EXPECT_EQ(0, vt_load(self->word));
		EXPECT_EQ(POLLPRI, vt_queue_poll(self->v));
		ASSERT_EQ(0, is_over(&q, self->word)) TH_LOG("%s", l->name);
		ASSERT_EQ(0, vt_do_one(&self->good, vsvm_cmd_fill(mark, 16, i, 1)));
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, q.id));
	}
	EXPECT_EQ(0, vt_queue_poll(self->v));
	/* What is far from all of it is as it was. */
	EXPECT_EQ(0, vt_check(self->mem, 2 * VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + READ_ONLY * VT_PAGE, VT_PAGE, SEED,
			      READ_ONLY * VT_PAGE));
	EXPECT_EQ(0, vt_check(self->mem + 13 * VT_PAGE, VT_PAGE, SEED, 13 * VT_PAGE));
	EXPECT_EQ(0, vt_check(self->mem + 15 * VT_PAGE, VT_PAGE, SEED, 15 * VT_PAGE));
	EXPECT_EQ(0, vt_check_byte(self->mem + SECRET * VT_PAGE, VT_PAGE, 0xa5));
}

/* A range that nothing is mapped in can be prefetched: nothing has to move. */
TEST_F(lost, not_by_a_prefetch)
{
	char *mem = self->mem;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_prefetch(mem + HOLE * VT_PAGE, VT_PAGE, DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_prefetch(mem + HOLE * VT_PAGE, VT_PAGE, DRM_VSVM_TARGET_SYSTEM),
		vsvm_cmd_prefetch(mem, LEN, DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_prefetch(mem, LEN, DRM_VSVM_TARGET_SYSTEM),
		vsvm_cmd_prefetch(NULL, VT_PAGE, DRM_VSVM_TARGET_DEVICE),
	};

	ASSERT_EQ(0, vt_do(&self->good, job, ARRAY_SIZE(job)));
	EXPECT_EQ(0, vt_check(self->mem, 4 * VT_PAGE, SEED, 0));
}

/* What is mapped later does not bring a queue back. */
TEST_F(lost, for_good)
{
	char *at = self->mem + HOLE * VT_PAGE;
	struct vt_queue q;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, lose(&q, vsvm_cmd_fill(at, 8, 0, 8), self->own, self->word, self->gate));
	ASSERT_EQ(at, mmap(at, VT_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(at, 0xa5, VT_PAGE);
	ASSERT_EQ(0, is_over(&q, self->word));
	EXPECT_EQ(0, vt_do_one(&self->good, vsvm_cmd_fill(at + 8, 8, 0, 8)));
	EXPECT_EQ(0, vt_check_byte(at, 8, 0xa5));
	EXPECT_EQ(DRM_VSVM_QUEUE_LOST, vt_queue_state(&q));
}

/* The rights count when a command is done, not when it was submitted. */
TEST_F(lost, by_mprotect)
{
	const struct loss cause = {
		"fill", FILL, READ_ONLY - 1, 8, WRITES, EPERM,
	};
	char *page = self->mem + cause.where * VT_PAGE;
	struct vt_queue q;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_do_one(&self->good, vsvm_cmd_fill(page, 8, 0, 8)));
	ASSERT_EQ(0, mprotect(page, VT_PAGE, PROT_READ));
	ASSERT_EQ(0, lose(&q, command(&cause, self->mem, self->own), self->own, self->word,
			  self->gate));
	EXPECT_EQ(0, has_cause(&q, &cause, self->mem));
	EXPECT_EQ(0, vt_check(page + 8, VT_PAGE - 8, SEED, cause.where * VT_PAGE + 8));
}

struct poller {
	pthread_t thread;
	int fd;
	int got;
	short revents;
};

static void *polls(void *arg)
{
	struct poller *p = arg;
	struct pollfd fd = { .fd = p->fd, .events = POLLPRI };

	p->got = poll(&fd, 1, VT_QUEUE_SECONDS * 1000);
	p->revents = fd.revents;
	return NULL;
}

/* poll() and epoll say that there is a lost queue, as long as there is one. */
TEST_F(lost, poll)
{
	char *bad = self->mem + HOLE * VT_PAGE;
	struct epoll_event event = { .events = EPOLLPRI };
	struct poller p = { .fd = vsvm_fd(self->v) };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct vt_queue q[2];
	struct vsvm *v;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &event));
	ASSERT_EQ(0, epoll_wait(ep, &event, 1, 0));
	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_queue_make(&q[0], self->v, 8));
	ASSERT_EQ(0, vt_queue_make(&q[1], self->v, 8));
	ASSERT_EQ(0, pthread_create(&p.thread, NULL, polls, &p));
	ASSERT_EQ(0, lose(&q[0], vsvm_cmd_fill(bad, 8, 0, 8), self->own, self->word,
			  self->gate));
	ASSERT_EQ(0, pthread_join(p.thread, NULL));
	EXPECT_EQ(1, p.got);
	EXPECT_EQ(POLLPRI, p.revents);
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, VT_QUEUE_SECONDS * 1000));
	EXPECT_EQ(EPOLLPRI, event.events);
	ASSERT_EQ(0, lose(&q[1], vsvm_cmd_fill(bad, 8, 0, 8), self->own, self->word,
			  self->gate));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, q[0].id));
	EXPECT_EQ(POLLPRI, vt_queue_poll(self->v));
	/* Another file has lost nothing. */
	EXPECT_EQ(0, vt_queue_poll(v));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, q[1].id));
	EXPECT_EQ(0, vt_queue_poll(self->v));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	vsvm_close(v);
}

/* Queues that are lost take places; each that is destroyed gives one back. */
TEST_F_TIMEOUT(lost, all_of_them, VT_LONG)
{
	char *bad = self->mem + HOLE * VT_PAGE;
	struct vt_queue q[DRM_VSVM_MAX_QUEUES - 1];
	uint32_t id;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(q); i++) {
		ASSERT_EQ(0, vt_queue_make(&q[i], self->v, 1));
		ASSERT_EQ(0, vt_submit_one(&q[i], vsvm_cmd_fill(bad, 8, 0, 8)));
	}
	for (i = 0; i < ARRAY_SIZE(q); i++)
		ASSERT_EQ(0, vt_queue_becomes(&q[i], DRM_VSVM_QUEUE_LOST));
	EXPECT_EQ(-ENOSPC, vsvm_queue_create(self->v, VT_NORMAL, 1, &id));
	EXPECT_EQ(0, vt_do(&self->good, NULL, 0));
	for (i = 0; i < ARRAY_SIZE(q); i++)
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, q[i].id));
	EXPECT_EQ(0, vt_queue_poll(self->v));
	ASSERT_EQ(0, vt_queue_make(&q[0], self->v, 8));
	EXPECT_EQ(0, vt_do_one(&q[0], vsvm_cmd_fill(self->own, 8, 0, 8)));
}

FIXTURE(forked)
{
	struct vsvm *v;
	struct vt_queue q;
	uint64_t *word;
	uint64_t *gate;
};

FIXTURE_SETUP(forked)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
	self->word = vt_map(VT_PAGE, VT_SMALL);
	self->gate = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_TRUE(self->word && self->gate);
	*self->word = 0;
	*self->gate = 0;
}

VT_TEARDOWN_CLOSE(forked)

static int child_is_refused(struct vt_child *c, void *arg)
{
	struct vt_queue *q = arg;
	struct drm_vsvm_command job = vsvm_cmd_barrier();
	struct drm_vsvm_queue_status s;
	uint32_t id = 1;

	(void)c;
	if (vsvm_queue_create(q->v, VT_NORMAL, 1, &id) != -EPERM || id)
		return 1;
	if (vsvm_submit(q->v, q->id, &job, 1, NULL) != -EPERM)
		return 2;
	if (vsvm_wait(q->v, q->fence, 0, ALL, DRM_VSVM_WAIT_EQ, 0, 0) != -EPERM ||
	    vsvm_wait(q->v, q->fence, 0, ALL, DRM_VSVM_WAIT_EQ, 0, q->id) != -EPERM)
		return 3;
	if (vsvm_queue_status(q->v, q->id, &s) != -EPERM || s.submitted)
		return 4;
	if (vsvm_queue_destroy(q->v, q->id) != -EPERM)
		return 5;
	return 0;
}

/* A forked child has no queue, and cannot do anything with the parent's. */
TEST_F(forked, child_is_refused)
{
	ASSERT_EQ(0, vt_do(&self->q, NULL, 0));
	EXPECT_EQ(0, vt_run(child_is_refused, &self->q));
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
}

static int child_sees(struct vt_child *c, void *arg)
{
	uint64_t *word = arg;

	if (vt_hear(c))
		return 9;
	return *word;
}

/* A command that was there before fork() is done in the parent's memory alone. */
TEST_F(forked, word_is_the_parents)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_hold(&self->q, self->gate));
	ASSERT_EQ(0, vt_signal(&self->q, self->word, 1));
	ASSERT_EQ(0, vt_start(&c, child_sees, self->word));
	vt_store(self->gate, 1);
	EXPECT_EQ(0, vt_wait_word(&self->q, self->word, 1));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

static int child_opens(struct vt_child *c, void *arg)
{
	uint64_t *word = arg;
	struct vt_queue q;
	struct vsvm *v;

	(void)c;
	if (vsvm_open(0, &v) || vt_queue_make(&q, v, 4))
		return 1;
	if (vt_do_one(&q, vsvm_cmd_signal(word, 7, -1)))
		return 2;
	return *word == 7 ? 0 : 3;
}

/* A child opens the device itself. A SIGNAL at the same address is another process's. */
TEST_F(forked, child_opens_the_device)
{
	EXPECT_EQ(0, vt_run(child_opens, self->word));
	EXPECT_EQ(0, *self->word);
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
}

TEST_HARNESS_MAIN
