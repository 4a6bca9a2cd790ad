// SPDX-License-Identifier: GPL-2.0-only
/*
 * User fences: a queue's SIGNAL stores a word in whatever memory, and wakes WAIT, the
 * call as well as the command, of every file and device of the process.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_fixture.h"
#include "vt_queue.h"

#define LEN	(8 * VT_PAGE)
#define SEED	411
#define OTHER	412

#define EQ	DRM_VSVM_WAIT_EQ
#define NE	DRM_VSVM_WAIT_NE
#define ALL	(~0ULL)
#define TOP	(1ULL << 63)

/* Where the word is. */
enum fence_place {
	ANON,
	ON_DEVICE,	/* there before, and there after */
	SHARED,		/* MAP_SHARED | MAP_ANONYMOUS */
	MEMFD,
	TMPFS,		/* a file of /dev/shm */
	LENT,		/* mmap() of the node */
	DATA,		/* in the page that the job writes */
	UNTOUCHED,
};

FIXTURE(fence)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
	uint64_t *word;
	int fd;		/* of a file that has the word at 16; or -1 */
};

FIXTURE_VARIANT(fence)
{
	enum fence_place place;
};

#define FENCE(name, w)							\
FIXTURE_VARIANT_ADD(fence, name)					\
{									\
	.place = w,							\
}

FENCE(anon, ANON);
FENCE(on_device, ON_DEVICE);
FENCE(shared, SHARED);
FENCE(memfd, MEMFD);
FENCE(tmpfs, TMPFS);
FENCE(lent, LENT);
FENCE(beside_data, DATA);
FENCE(untouched, UNTOUCHED);

/* A mapping for the word to be in. */
static char *map_word(struct vsvm *v, enum fence_place place, char *data, int *fd)
{
	char *mem;

	*fd = -1;
	switch (place) {
	case ANON:
	case ON_DEVICE:
		mem = vt_map(VT_PAGE, VT_SMALL);
		if (mem)
			memset(mem, 0, VT_PAGE);
		return mem && place == ON_DEVICE && vt_to_device(v, mem, VT_PAGE) ? NULL : mem;
	case UNTOUCHED:
		return vt_map(VT_PAGE, VT_SMALL);
	case DATA:
		return data;
	case MEMFD:
		*fd = memfd_create("fence", MFD_CLOEXEC);
		break;
	case TMPFS:
		*fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		break;
	case LENT:
	case SHARED:
		break;
	}
	if (VT_BAD(*fd >= 0 && ftruncate(*fd, VT_PAGE)))
		return NULL;
	mem = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | (place == SHARED ? MAP_ANONYMOUS : 0),
		   place == LENT ? vsvm_fd(v) : *fd, 0);
	return VT_BAD(mem == MAP_FAILED) ? NULL : mem;
}

FIXTURE_SETUP(fence)
{
	char *mem;

	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED, false));
	memset(self->mem + VT_PAGE, 0, VT_PAGE);
	mem = map_word(self->v, variant->place, self->mem + VT_PAGE, &self->fd);
	ASSERT_NE(NULL, mem);
	self->word = (uint64_t *)(mem + 16);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 64));
}

VT_TEARDOWN_CLOSE(fence)

/* 0 when the file has the word, and zeroes around it. */
static int file_has(int fd, uint64_t value)
{
	uint64_t words[VT_PAGE / 8];
	unsigned int i;

	if (VT_BAD(pread(fd, words, VT_PAGE, 0) != (ssize_t)VT_PAGE))
		return -1;
	for (i = 0; i < VT_PAGE / 8; i++)
		if (words[i] != (i == 2 ? value : 0))
			return vt_wrong("word %u of the file is %#llx", i,
					(unsigned long long)words[i]);
	return 0;
}

/* The word is stored, nothing beside it is, and the data are there by then. */
TEST_F(fence, stored_and_waited_for)
{
	const uint64_t value = 0x8182838485868788ULL;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(self->mem + VT_PAGE + 256, 1024, 0x77, 1),
		vsvm_cmd_copy(self->mem + 3 * VT_PAGE + 1, self->mem, VT_PAGE),
		vsvm_cmd_signal(self->word, value, -1),
	};
	const char *page = (const char *)self->word - 16;

	ASSERT_EQ(0, vt_submit(&self->q, job, 3));
	ASSERT_EQ(0, vt_wait_word(&self->q, self->word, value));
	EXPECT_EQ(0, vt_check(self->mem + 3 * VT_PAGE + 1, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + VT_PAGE + 256, 1024, 0x77));
	EXPECT_EQ(0, vt_check_byte(page, 16, 0));
	EXPECT_EQ(0, vt_check_byte(page + 24, 232, 0));
	EXPECT_EQ(value, *self->word);
	if (self->fd >= 0)
		EXPECT_EQ(0, file_has(self->fd, value));
}

/* The device's memory is where the word stays until a CPU looks at it. */
TEST_F(fence, stays_in_its_place)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	void *page = (char *)self->word - 16;
	uint64_t count;

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, vt_submit_one(&self->q, vsvm_cmd_signal(self->word, 1, efd)));
	ASSERT_EQ(8, read(efd, &count, 8));
	EXPECT_EQ(variant->place == ON_DEVICE ? DRM_VSVM_PLACE_DEVICE :
						DRM_VSVM_PLACE_SYSTEM,
		  vt_place(self->v, page));
	EXPECT_EQ(1, *self->word);
}

/* The eventfd counts SIGNALs, and the word is there when it does. */
TEST_F(fence, eventfd)
{
	int fd = eventfd(0, EFD_CLOEXEC), own = dup(fd);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_signal(self->word, 5, fd),
		vsvm_cmd_signal(self->word, 6, -1),
		vsvm_cmd_signal(self->word, 7, fd),
	};
	struct pollfd p = { .fd = own, .events = POLLIN };
	uint64_t count = 0, sum = 0;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, own);
	ASSERT_EQ(0, vt_submit(&self->q, job, 3));
	/* The queue has its own reference. */
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(1, poll(&p, 1, VT_QUEUE_SECONDS * 1000));
	EXPECT_LE(5, vt_load(self->word));
	while (sum < 2) {
		ASSERT_EQ(8, read(own, &count, 8));
		sum += count;
	}
	EXPECT_EQ(2, sum);
	EXPECT_EQ(7, vt_load(self->word));
}

/* A WAIT command at such a word lets its queue go on. */
TEST_F(fence, releases_a_queue)
{
	struct vt_queue held;

	ASSERT_EQ(0, vt_queue_make(&held, self->v, 4));
	ASSERT_EQ(0, vt_hold(&held, self->word));
	ASSERT_EQ(0, vt_begin(&held, NULL, 0));
	ASSERT_EQ(0, vt_signal(&self->q, self->word, 1));
	EXPECT_EQ(0, vt_end(&held));
	EXPECT_EQ(1, vt_load(self->word));
}

/* What keeps and what lets go a comparison. */
static const struct comparison {
	uint64_t value;
	uint64_t mask;
	uint64_t keeps;
	uint64_t goes;
	uint32_t op;
} comparisons[] = {
	{ 5, ALL, 6, 5, DRM_VSVM_WAIT_EQ },
	{ 5, 0xff, 0x106, 0x205, DRM_VSVM_WAIT_EQ },
	{ 0xf05, 0xff, 0xf06, 0x105, DRM_VSVM_WAIT_EQ },
	{ 5, ALL, 5, 6, DRM_VSVM_WAIT_NE },
	{ 5, 0xff, 0x305, 0x306, DRM_VSVM_WAIT_NE },
	{ 5, ALL, 5, 6, DRM_VSVM_WAIT_GT },
	{ 5, ALL, 4, TOP, DRM_VSVM_WAIT_GT },
	{ 0x50, 0xf0, 0xff05f, 0x60, DRM_VSVM_WAIT_GT },
	{ 5, ALL, 4, 5, DRM_VSVM_WAIT_GE },
	{ TOP, ALL, TOP - 1, TOP, DRM_VSVM_WAIT_GE },
	{ 0x5f, 0xf0, 0xff04f, 0x50, DRM_VSVM_WAIT_GE },
	{ 5, ALL, 5, 4, DRM_VSVM_WAIT_LT },
	{ TOP, ALL, ALL, 5, DRM_VSVM_WAIT_LT },
	{ 0x5f, 0xf0, 0x50, 0xff04f, DRM_VSVM_WAIT_LT },
	{ 5, ALL, 6, 5, DRM_VSVM_WAIT_LE },
	{ TOP, ALL, TOP + 1, TOP, DRM_VSVM_WAIT_LE },
	{ 0x50, 0xf0, 0x60, 0xff05f, DRM_VSVM_WAIT_LE },
};

FIXTURE(compare)
{
	struct vsvm *v;
	struct vt_queue q;
	struct vt_queue other;
	uint64_t *word;
};

FIXTURE_VARIANT(compare)
{
	bool on_device;
};

FIXTURE_VARIANT_ADD(compare, system)
{
	.on_device = false,
};

FIXTURE_VARIANT_ADD(compare, device)
{
	.on_device = true,
};

FIXTURE_SETUP(compare)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 64));
	ASSERT_EQ(0, vt_queue_make(&self->other, self->v, 64));
	self->word = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->word);
	*self->word = 0;
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->word, VT_PAGE));
}

VT_TEARDOWN_CLOSE(compare)

/* The queue is held at the comparison, with something behind it to see. */
static int hold_at(struct vt_queue *q, const struct comparison *c, uint64_t *word)
{
	vt_store(word, c->keeps);
	if (vt_submit_one(q, vsvm_cmd_wait(word, c->value, c->mask, c->op)) ||
	    vt_begin(q, NULL, 0) || vt_queue_becomes(q, DRM_VSVM_QUEUE_WAITING))
		return -1;
	return VT_BAD(vt_load(q->fence) != q->signals - 1);
}

/* A store by a CPU lets each of them go. */
TEST_F_TIMEOUT(compare, command_and_cpu_store, VT_LONG)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(comparisons); i++) {
		ASSERT_EQ(0, hold_at(&self->q, &comparisons[i], self->word))
			TH_LOG("comparison %u", i);
		vt_store(self->word, comparisons[i].goes);
		ASSERT_EQ(0, vt_end(&self->q)) TH_LOG("comparison %u", i);
	}
}

/* So does a SIGNAL of another queue, and a store that changes nothing does not. */
TEST_F_TIMEOUT(compare, command_and_signal, VT_LONG)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(comparisons); i++) {
		ASSERT_EQ(0, hold_at(&self->q, &comparisons[i], self->word))
			TH_LOG("comparison %u", i);
		ASSERT_EQ(0, vt_signal(&self->other, self->word, comparisons[i].keeps));
		ASSERT_EQ(0, vt_do(&self->other, NULL, 0));
		ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_WAITING));
		ASSERT_EQ(0, vt_signal(&self->other, self->word, comparisons[i].goes));
		ASSERT_EQ(0, vt_end(&self->q)) TH_LOG("comparison %u", i);
	}
}

/* A command finds a word that has the value already. */
TEST_F_TIMEOUT(compare, command_that_need_not_wait, VT_LONG)
{
	const struct comparison *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(comparisons); i++) {
		c = &comparisons[i];
		vt_store(self->word, c->goes);
		ASSERT_EQ(0, vt_submit_one(&self->q, vsvm_cmd_wait(self->word, c->value, c->mask,
								   c->op)));
		ASSERT_EQ(0, vt_do(&self->q, NULL, 0)) TH_LOG("comparison %u", i);
	}
}

/* The call compares in the same way. */
TEST_F(compare, call)
{
	const struct comparison *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(comparisons); i++) {
		c = &comparisons[i];
		vt_store(self->word, c->keeps);
		EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, c->value, c->mask, c->op,
					    0, 0)) TH_LOG("comparison %u", i);
		vt_store(self->word, c->goes);
		EXPECT_EQ(0, vsvm_wait(self->v, self->word, c->value, c->mask, c->op,
				       0, 0)) TH_LOG("comparison %u", i);
	}
}

FIXTURE(wait)
{
	struct vsvm *v;
	struct vt_queue q;
	uint64_t *word;
	uint64_t *gate;		/* holds a queue */
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 64));
	self->word = vt_map(VT_PAGE, VT_SMALL);
	self->gate = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->word);
	ASSERT_NE(NULL, self->gate);
	*self->word = 0;
	*self->gate = 0;
}

VT_TEARDOWN_CLOSE(wait)

/* A time in the past, be it before the first boot: the call looks once. */
TEST_F(wait, looks_once)
{
	static const int64_t past[] = { 0, 1, -1, INT64_MIN };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(past); i++) {
		EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, 1, ALL, EQ, past[i], 0));
		EXPECT_EQ(0, vsvm_wait(self->v, self->word, 0, ALL, EQ, past[i], 0));
	}
	EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, 1, ALL, EQ, vsvm_deadline(-1),
				    self->q.id));
}

/* The word may be in memory that was never touched, or may only be read. */
TEST_F(wait, reads_as_a_cpu)
{
	uint64_t *fresh = vt_map(VT_PAGE, VT_SMALL);

	ASSERT_NE(NULL, fresh);
	EXPECT_EQ(0, vsvm_wait(self->v, fresh, 0, ALL, EQ, 0, 0));
	ASSERT_EQ(0, mprotect(self->word, VT_PAGE, PROT_READ));
	EXPECT_EQ(0, vsvm_wait(self->v, self->word, 0, ALL, EQ, 0, 0));
}

/* It gives up at its deadline and not before. */
TEST_F(wait, deadline)
{
	int64_t deadline = vsvm_deadline(50 * 1000 * 1000);

	EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, 1, ALL, EQ, deadline, 0));
	EXPECT_LE(deadline, vsvm_deadline(0));
	deadline = vsvm_deadline(50 * 1000 * 1000);
	EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, 1, ALL, EQ, deadline, self->q.id));
	EXPECT_LE(deadline, vsvm_deadline(0));
}

/* A deadline that never comes is none. */
TEST_F(wait, without_a_deadline)
{
	EXPECT_EQ(VSVM_NO_DEADLINE, vsvm_deadline(INT64_MAX));
	EXPECT_EQ(VSVM_NO_DEADLINE, vsvm_deadline(VSVM_NO_DEADLINE - 1));
	ASSERT_EQ(0, vt_hold(&self->q, self->gate));
	ASSERT_EQ(0, vt_signal(&self->q, self->word, 1));
	vt_store(self->gate, 1);
	EXPECT_EQ(0, vsvm_wait(self->v, self->word, 1, ALL, EQ, VSVM_NO_DEADLINE, 0));
}

struct waiter {
	pthread_t thread;
	struct vsvm *v;
	const uint64_t *word;
	uint64_t value;
	uint32_t queue;
	int64_t deadline;
	int ret;
};

static void *run_waiter(void *arg)
{
	struct waiter *w = arg;

	vt_act_begin();
	w->ret = vsvm_wait(w->v, w->word, w->value, ALL, EQ, w->deadline, w->queue);
	vt_act_end();
	return NULL;
}

/* Returns when the thread sleeps, or need not. */
static int wait_in_thread(struct waiter *w, struct vsvm *v, const uint64_t *word,
			  uint64_t value, uint32_t queue)
{
	w->v = v;
	w->word = word;
	w->value = value;
	w->queue = queue;
	w->deadline = vt_queue_deadline();
	w->ret = 1;
	vt_act_reset();
	return pthread_create(&w->thread, NULL, run_waiter, w) || vt_act_began();
}

static int waited(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->ret;
}

/* Threads that sleep at one word are all woken, and go on sleeping at other values. */
TEST_F(wait, many_threads)
{
	struct waiter last[8];
	unsigned int i;

	ASSERT_EQ(0, vt_hold(&self->q, self->gate));
	for (i = 0; i < ARRAY_SIZE(last); i++)
		ASSERT_EQ(0, wait_in_thread(&last[i], self->v, self->word, 3,
					    i % 2 ? self->q.id : 0));
	for (i = 1; i <= 3; i++)
		ASSERT_EQ(0, vt_signal(&self->q, self->word, i));
	vt_store(self->gate, 1);
	for (i = 0; i < ARRAY_SIZE(last); i++)
		EXPECT_EQ(0, waited(&last[i]));
}

/* One after the other: a thread waits for what the device does next, many times. */
TEST_F_TIMEOUT(wait, ping_pong, VT_LONG)
{
	struct vt_queue *q = &self->q;
	uint64_t i;

	for (i = 1; i <= 200; i++) {
		struct drm_vsvm_command job[] = {
			vsvm_cmd_wait(self->gate, i, ALL, DRM_VSVM_WAIT_GE),
			vsvm_cmd_signal(self->word, i, -1),
		};

		ASSERT_EQ(0, vt_submit(q, job, 2));
		ASSERT_EQ(-ETIME, vsvm_wait(self->v, self->word, i, ALL, EQ, 0, q->id));
		vt_store(self->gate, i);
		ASSERT_EQ(0, vt_wait_word(q, self->word, i));
	}
}

/* Who has seen the word finds its command's slot free. */
TEST_F(wait, finds_room)
{
	struct vt_queue q;
	uint64_t i;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 1));
	for (i = 1; i <= 200; i++) {
		ASSERT_EQ(0, vt_signal(&q, self->word, i));
		if (i % 2)
			while (vt_load(self->word) != i)
				;
		ASSERT_EQ(0, vt_wait_word(&q, self->word, i));
	}
}

/* A file holds so many eventfds, of a job all or none, and none of a command that is done. */
TEST_F(wait, many_eventfds)
{
	unsigned int nr = DRM_VSVM_MAX_EVENTS, i;
	struct drm_vsvm_command job[DRM_VSVM_MAX_EVENTS];
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vt_queue q, other;
	uint64_t count = 0;
	struct vsvm *v;

	ASSERT_LE(0, fd);
	for (i = 0; i < nr; i++)
		job[i] = vsvm_cmd_signal(self->word, i, fd);
	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_queue_make(&q, self->v, nr + 1));
	ASSERT_EQ(0, vt_queue_make(&other, v, nr + 1));
	ASSERT_EQ(0, vt_hold(&q, self->gate));
	ASSERT_EQ(0, vsvm_submit(self->v, q.id, job, nr - 1, NULL));
	EXPECT_EQ(-EMFILE, vsvm_submit(self->v, self->q.id, job, 2, NULL));
	EXPECT_EQ(0, vsvm_submit(self->v, q.id, job, 1, NULL));
	EXPECT_EQ(-EMFILE, vsvm_submit(self->v, self->q.id, job, 1, NULL));
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
	ASSERT_EQ(0, vt_do(&other, job, nr));
	ASSERT_EQ(8, read(fd, &count, 8));
	EXPECT_EQ(nr, count);
	vt_store(self->gate, 1);
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(8, read(fd, &count, 8));
	EXPECT_EQ(nr, count);
	EXPECT_EQ(0, vt_do(&q, job, nr));
	/* With its queue go those that were never signalled. */
	vt_store(self->gate, 0);
	ASSERT_EQ(0, vt_hold(&q, self->gate));
	ASSERT_EQ(0, vsvm_submit(self->v, q.id, job, nr, NULL));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, q.id));
	EXPECT_EQ(0, vsvm_submit(self->v, self->q.id, job, 1, NULL));
	vsvm_close(v);
}

/* A queue that is lost ends the wait of who named it, and of nobody else. */
TEST_F(wait, ends_with_the_queue)
{
	struct drm_vsvm_command job[] = {
		vsvm_cmd_wait(self->gate, 1, ALL, EQ),
		vsvm_cmd_fill(NULL + VT_PAGE, 8, 0, 8),
		vsvm_cmd_signal(self->word, 1, -1),
	};
	struct vt_queue other;
	struct waiter named, free;

	ASSERT_EQ(0, vt_queue_make(&other, self->v, 4));
	ASSERT_EQ(0, vt_submit(&self->q, job, 3));
	ASSERT_EQ(0, wait_in_thread(&named, self->v, self->word, 1, self->q.id));
	ASSERT_EQ(0, wait_in_thread(&free, self->v, self->word, 1, 0));
	vt_store(self->gate, 1);
	EXPECT_EQ(-EIO, waited(&named));
	EXPECT_EQ(-EIO, vsvm_wait(self->v, self->word, 1, ALL, EQ, 0, self->q.id));
	/* A word that has the value is as good as ever. */
	EXPECT_EQ(0, vsvm_wait(self->v, self->word, 0, ALL, EQ, 0, self->q.id));
	ASSERT_EQ(0, vt_do_one(&other, vsvm_cmd_signal(self->word, 1, -1)));
	EXPECT_EQ(0, waited(&free));
}

/* A queue that is destroyed ends it, too. */
TEST_F(wait, ends_with_a_queue_that_is_destroyed)
{
	struct waiter named;

	ASSERT_EQ(0, wait_in_thread(&named, self->v, self->word, 1, self->q.id));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, self->q.id));
	EXPECT_EQ(-ENOENT, waited(&named));
}

static void told(int sig)
{
	(void)sig;
}

/* A timer that never stops: some alarm comes while the thread is in the kernel. */
static int alarms(void)
{
	struct sigaction sa = { .sa_handler = told };
	struct itimerval often = {
		.it_interval = { .tv_usec = 5000 },
		.it_value = { .tv_usec = 5000 },
	};

	return sigaction(SIGALRM, &sa, NULL) || setitimer(ITIMER_REAL, &often, NULL);
}

/* A signal that is handled ends the call of the kernel. */
TEST_F(wait, is_interrupted)
{
	struct drm_vsvm_wait wait = {
		.addr = (uintptr_t)self->word,
		.value = 1,
		.mask = ALL,
		.op = EQ,
		.deadline = vt_queue_deadline(),
	};

	ASSERT_EQ(0, alarms());
	EXPECT_EQ(-1, ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_WAIT, &wait));
	EXPECT_EQ(EINTR, errno);
	wait.queue = self->q.id;
	EXPECT_EQ(-1, ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_WAIT, &wait));
	EXPECT_EQ(EINTR, errno);
}

/* The library's goes on, to the same deadline, or until the word has the value. */
TEST_F(wait, goes_on_after_a_signal)
{
	int64_t deadline;

	ASSERT_EQ(0, alarms());
	deadline = vsvm_deadline(50 * 1000 * 1000);
	EXPECT_EQ(-ETIME, vsvm_wait(self->v, self->word, 1, ALL, EQ, deadline, 0));
	EXPECT_LE(deadline, vsvm_deadline(0));
	ASSERT_EQ(0, vt_hold(&self->q, self->gate));
	ASSERT_EQ(0, vt_begin(&self->q, NULL, 0));
	vt_store(self->gate, 1);
	EXPECT_EQ(0, vt_end(&self->q));
}

FIXTURE(far)
{
	struct vsvm *v;
	struct vsvm *far;
	struct vt_queue q;
	uint64_t *word;
	uint64_t *gate;
};

/* The other file is of the same device, or of another one. */
FIXTURE_VARIANT(far)
{
	unsigned int device;
};

FIXTURE_VARIANT_ADD(far, file)
{
	.device = 0,
};

FIXTURE_VARIANT_ADD(far, device)
{
	.device = 1,
};

FIXTURE_SETUP(far)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vsvm_open(variant->device, &self->far));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->far, 4));
	self->word = vt_map(VT_PAGE, VT_SMALL);
	self->gate = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->word);
	ASSERT_NE(NULL, self->gate);
	*self->word = 0;
	*self->gate = 0;
	ASSERT_EQ(0, vt_hold(&self->q, self->gate));
	ASSERT_EQ(0, vt_signal(&self->q, self->word, 1));
}

FIXTURE_TEARDOWN(far)
{
	vsvm_close(self->far);
	vsvm_close(self->v);
}

/* A call through one file is woken by a SIGNAL of the other. */
TEST_F(far, wakes_a_call)
{
	struct waiter w;

	ASSERT_EQ(0, wait_in_thread(&w, self->v, self->word, 1, 0));
	vt_store(self->gate, 1);
	EXPECT_EQ(0, waited(&w));
}

/* A command of one file's queue is released by a SIGNAL of the other. */
TEST_F(far, releases_a_queue)
{
	struct vt_queue near;

	ASSERT_EQ(0, vt_queue_make(&near, self->v, 4));
	ASSERT_EQ(0, vt_hold(&near, self->word));
	ASSERT_EQ(0, vt_begin(&near, NULL, 0));
	vt_store(self->gate, 1);
	EXPECT_EQ(0, vt_end(&near));
}

/* Data that one device has, and the other one's queue copies, in turns. */
TEST_F_TIMEOUT(far, relay, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_SMALL, SEED);
	char *to = vt_map_filled(self->v, VT_HUGE, VT_SMALL, OTHER);
	struct vt_queue near;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, vt_queue_make(&near, self->v, 8));
	struct drm_vsvm_command first[] = {
		vsvm_cmd_prefetch(mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_fill(mem, VT_PAGE, 0x55, 1),
	}, second[] = {
		vsvm_cmd_wait(self->q.fence, 1, ALL, EQ),
		vsvm_cmd_copy(to + 1, mem, VT_HUGE - 1),
	};

	ASSERT_EQ(0, vt_begin(&near, second, 2));
	vt_store(self->gate, 1);
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_begin(&self->q, first, 2));
	ASSERT_EQ(0, vt_end(&near));
	EXPECT_EQ(0, vt_check(to, 1, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(to + 1, VT_PAGE, 0x55));
	EXPECT_EQ(0, vt_check(to + 1 + VT_PAGE, VT_HUGE - 1 - VT_PAGE, SEED, VT_PAGE));
}

TEST_HARNESS_MAIN
