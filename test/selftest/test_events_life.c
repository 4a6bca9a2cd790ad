// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event stream from its first call to its end: how it is opened and refused, read by
 * whom, and what ends it. test_events.c has what it tells.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_events.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_kill.h"

#define SEED	711
#define LEN	(16 * VT_PAGE)
#define RECORDS	64
#define ALL	DRM_VSVM_EVENTS_ALL
#define SIZE	sizeof(struct drm_vsvm_event)

/* Set for this program when it was started with a stream ... */
#define EXEC_FD		"VSVM_TEST_FD"
/* ... and when another process has the memory of the one before: its pid, and a pipe. */
#define EXEC_PID	"VSVM_TEST_PID"
#define EXEC_PIPE	"VSVM_TEST_PIPE"

FIXTURE(refuse)
{
	struct vsvm *v;
};

FIXTURE_VARIANT(refuse)
{
	struct drm_vsvm_events arg;
	int ret;
};

#define REFUSE(name, result, ...)					\
FIXTURE_VARIANT_ADD(refuse, name)					\
{									\
	.arg = { .mask = ALL, .records = 1, .size = SIZE, __VA_ARGS__ }, \
	.ret = result,							\
}

#pragma GCC diagnostic ignored "-Woverride-init"

REFUSE(right, 0, .flags = 0);
REFUSE(nonblock, 0, .flags = DRM_VSVM_EVENTS_NONBLOCK);
REFUSE(most_records, 0, .records = DRM_VSVM_MAX_RECORDS);
REFUSE(largest_size, 0, .size = DRM_VSVM_MAX_RECORD_SIZE);
REFUSE(flag, -EINVAL, .flags = 2);
REFUSE(top_flag, -EINVAL, .flags = 1U << 31);
REFUSE(no_mask, -EINVAL, .mask = 0);
REFUSE(dropped, -EINVAL, .mask = VT_EVENT(DROPPED));
REFUSE(dropped_too, -EINVAL, .mask = VT_EVENT(DROPPED) | ALL);
REFUSE(next_type, -EINVAL, .mask = 1ULL << DRM_VSVM_EVENT_TYPES);
REFUSE(top_type, -EINVAL, .mask = 1ULL << 63);
REFUSE(no_records, -EINVAL, .records = 0);
REFUSE(many_records, -EINVAL, .records = DRM_VSVM_MAX_RECORDS + 1);
REFUSE(top_records, -EINVAL, .records = ~0U);
REFUSE(no_size, -EINVAL, .size = 0);
REFUSE(small_size, -EINVAL, .size = DRM_VSVM_MIN_RECORD_SIZE - 8);
REFUSE(odd_size, -EINVAL, .size = SIZE + 4);
REFUSE(large_size, -EINVAL, .size = DRM_VSVM_MAX_RECORD_SIZE + 8);
REFUSE(top_size, -EINVAL, .size = ~7U);

FIXTURE_SETUP(refuse)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_CLOSE(refuse)

TEST_F(refuse, exactly)
{
	struct drm_vsvm_events arg = variant->arg;
	int flags;

	arg.fd = 12345;
	ASSERT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->v),
					 DRM_IOCTL_VSVM_EVENTS, &arg));
	if (variant->ret) {
		EXPECT_EQ(-1, arg.fd);
		return;
	}
	ASSERT_LE(0, arg.fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(arg.fd, F_GETFD));
	flags = fcntl(arg.fd, F_GETFL);
	EXPECT_EQ(O_RDONLY, flags & O_ACCMODE);
	EXPECT_EQ(!!(arg.flags & DRM_VSVM_EVENTS_NONBLOCK), !!(flags & O_NONBLOCK));
	/* There is nothing but to read and to poll. */
	EXPECT_EQ(-1, write(arg.fd, &arg, sizeof(arg)));
	EXPECT_EQ(-1, lseek(arg.fd, 0, SEEK_SET));
	EXPECT_EQ(-ENOTTY, vt_ioctl(arg.fd, DRM_IOCTL_VSVM_EVENTS, &arg));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, VT_PAGE, PROT_READ, MAP_SHARED, arg.fd, 0));
	EXPECT_EQ(0, close(arg.fd));
}

FIXTURE(life)
{
	struct vsvm *v;
	char *mem;
	int fd;
	struct drm_vsvm_event e;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    false));
	self->fd = vt_stream(self->v, ALL, RECORDS);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN_PARENT(life)
{
	/* The test's process is gone; it may have died of what it unplugged. */
	if (access(VT_DRIVER "vsvm.0", F_OK))
		vt_file_write(VT_DRIVER "bind", "vsvm.0");
}

/* @n events. */
static int happens(struct vsvm *v, const char *mem, unsigned int n)
{
	char byte;

	for (; n; n--, mem += VT_PAGE)
		if (VT_BAD(vsvm_read(v, mem, &byte, 1, NULL)))
			return -1;
	return 0;
}

static ssize_t reads(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? -errno : n;
}

/* Whole records, as many as there is room for. */
TEST_F(life, reads_whole_records)
{
	struct drm_vsvm_event e[8];

	EXPECT_EQ(-EAGAIN, reads(self->fd, e, sizeof(e)));
	EXPECT_EQ(-EINVAL, reads(self->fd, e, 0));
	EXPECT_EQ(-EINVAL, reads(self->fd, e, SIZE - 1));
	ASSERT_EQ(0, happens(self->v, self->mem, 9));
	EXPECT_EQ(-EINVAL, reads(self->fd, e, SIZE - 1));
	EXPECT_EQ(SIZE, reads(self->fd, e, 2 * SIZE - 1));
	EXPECT_EQ((uintptr_t)self->mem, e[0].addr);
	EXPECT_EQ(7 * SIZE, reads(self->fd, e, 7 * SIZE));
	EXPECT_EQ((uintptr_t)self->mem + VT_PAGE, e[0].addr);
	EXPECT_EQ((uintptr_t)self->mem + 7 * VT_PAGE, e[6].addr);
	EXPECT_EQ(SIZE, reads(self->fd, e, sizeof(e)));
	EXPECT_EQ((uintptr_t)self->mem + 8 * VT_PAGE, e[0].addr);
	EXPECT_EQ(-EAGAIN, reads(self->fd, e, sizeof(e)));
}

/* A record that cannot be copied stays, and so does what is behind it. */
TEST_F(life, keeps_what_is_not_copied)
{
	char *buf = vt_map(2 * VT_PAGE, VT_SMALL), *at;
	struct drm_vsvm_event e;

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, mprotect(buf + VT_PAGE, VT_PAGE, PROT_NONE));
	ASSERT_EQ(0, happens(self->v, self->mem, 3));
	EXPECT_EQ(-EFAULT, reads(self->fd, buf + VT_PAGE, 3 * SIZE));
	/* Room for one and a half. */
	at = buf + VT_PAGE - SIZE - SIZE / 2;
	EXPECT_EQ(SIZE, reads(self->fd, at, 3 * SIZE));
	memcpy(&e, at, SIZE);
	EXPECT_EQ((uintptr_t)self->mem, e.addr);
	EXPECT_EQ(-EFAULT, reads(self->fd, at + SIZE, 3 * SIZE));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &e));
	EXPECT_EQ((uintptr_t)self->mem + VT_PAGE, e.addr);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &e));
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* A caller that knows larger records gets zeroes behind what there is. */
TEST_F(life, fills_larger_records)
{
	struct drm_vsvm_events arg = {
		.mask = ALL, .records = 4, .size = SIZE + 16,
		.flags = DRM_VSVM_EVENTS_NONBLOCK,
	};
	struct {
		struct drm_vsvm_event e;
		uint64_t more[2];
	} record[3];
	unsigned int i;

	memset(record, 0xa5, sizeof(record));
	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_EVENTS, &arg));
	ASSERT_EQ(0, happens(self->v, self->mem, 2));
	EXPECT_EQ(-EINVAL, reads(arg.fd, record, SIZE));
	ASSERT_EQ(2 * sizeof(*record), reads(arg.fd, record, sizeof(record)));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(sizeof(*record), record[i].e.size);
		EXPECT_EQ((uintptr_t)self->mem + i * VT_PAGE, record[i].e.addr);
		EXPECT_EQ(0, record[i].more[0]);
		EXPECT_EQ(0, record[i].more[1]);
	}
	EXPECT_EQ(0xa5a5a5a5, record[2].e.size);
}

/* A process has so many; one that is closed makes room, and so does one that failed. */
TEST_F(life, has_few)
{
	struct rlimit few, was;
	int fd[DRM_VSVM_MAX_STREAMS], more;
	struct vsvm *other;
	unsigned int i;

	for (i = 0; i < VT_COUNT(fd) - 1; i++)
		ASSERT_EQ(0, vsvm_events_open(self->v, ALL, 1, 0, &fd[i]));
	EXPECT_EQ(-EMFILE, vsvm_events_open(self->v, ALL, 1, 0, &more));
	EXPECT_EQ(-1, more);
	close(fd[0]);

	EXPECT_EQ(0, vt_arm(self->v, "events", 1, 1));
	EXPECT_EQ(-ENOMEM, vsvm_events_open(self->v, ALL, 1, 0, &more));
	EXPECT_EQ(0, vt_disarm(self->v, "events"));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &was));
	few = was;
	few.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-EMFILE, vsvm_events_open(self->v, ALL, 1, 0, &more));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &was));

	ASSERT_EQ(0, vsvm_events_open(self->v, ALL, 1, 0, &fd[0]));
	EXPECT_EQ(-EMFILE, vsvm_events_open(self->v, ALL, 1, 0, &more));
	/* Of each device. */
	ASSERT_EQ(0, vsvm_open(1, &other));
	EXPECT_EQ(0, vsvm_events_open(other, ALL, 1, 0, &more));
}

/* Until something happens. */
struct reader {
	int fd;
	ssize_t ret;
	struct drm_vsvm_event e;
	pthread_t thread;
};

static void *reader(void *arg)
{
	struct reader *r = arg;

	r->ret = reads(r->fd, &r->e, SIZE);
	return NULL;
}

static void nothing(int sig)
{
	(void)sig;
}

/* A stream that blocks. */
static int start_reader(struct reader *r, struct vsvm *v)
{
	const struct sigaction action = { .sa_handler = nothing };

	if (VT_BAD(sigaction(SIGUSR1, &action, NULL) ||
		   vsvm_events_open(v, ALL, RECORDS, 0, &r->fd) ||
		   pthread_create(&r->thread, NULL, reader, r)))
		return -1;
	/* Time to wait; who comes later finds what has happened. */
	usleep(100000);
	return 0;
}

TEST_F(life, read_waits)
{
	struct reader r = {};

	ASSERT_EQ(0, start_reader(&r, self->v));
	ASSERT_EQ(0, happens(self->v, self->mem, 1));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(SIZE, r.ret);
	EXPECT_EQ((uintptr_t)self->mem, r.e.addr);
}

/* A signal ends the wait, as often as it takes until the thread waits. */
TEST_F(life, signal_interrupts)
{
	struct reader r = {};

	ASSERT_EQ(0, start_reader(&r, self->v));
	while (pthread_tryjoin_np(r.thread, NULL)) {
		ASSERT_EQ(0, pthread_kill(r.thread, SIGUSR1));
		usleep(10000);
	}
	EXPECT_EQ(-EINTR, r.ret);
}

static int child_reads(struct vt_child *c, void *arg)
{
	struct drm_vsvm_event e;
	struct vsvm *v;
	int fd;

	(void)arg;
	if (vsvm_open(0, &v) || vsvm_events_open(v, ALL, 1, 0, &fd) || vt_say(c))
		return 1;
	return !reads(fd, &e, SIZE);
}

/* And so does a kill. */
TEST_F(life, can_be_killed)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_reads, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_kill(&c, "reading events"));
}

TEST_F(life, poll)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN | POLLOUT | POLLPRI };

	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, happens(self->v, self->mem, 1));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN, p.revents);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
	EXPECT_EQ(0, poll(&p, 1, 0));
}

/* 0 when a stream of another process tells nothing. */
static int is_told_nothing(int fd)
{
	char buf[4 * SIZE], was[4 * SIZE];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	memset(buf, 0xa5, sizeof(buf));
	memcpy(was, buf, sizeof(was));
	if (reads(fd, buf, sizeof(buf)) != -EPERM || reads(fd, buf, 0) != -EPERM)
		return 1;
	if (poll(&p, 1, 0) != 1 || p.revents != POLLERR)
		return 2;
	return memcmp(buf, was, sizeof(was)) ? 3 : 0;
}

/* A program with memory of its own, which a device uses; @pid shall not learn where. */
static int has_secrets(pid_t pid, int pipe)
{
	struct vsvm *v;
	char *mem;
	int status;

	if (vt_open_filled(&v, &mem, LEN, VT_SMALL, SEED, false) ||
	    happens(v, mem, 1) || vt_to_device(v, mem, LEN) ||
	    vt_check(mem, LEN, SEED, 0) || write(pipe, mem, 1) != 1 ||
	    waitpid(pid, &status, 0) != pid)
		return 97;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}

__attribute__((constructor)) static void started_by_exec(void)
{
	const char *fd = getenv(EXEC_FD), *pid = getenv(EXEC_PID);

	if (fd)
		_exit(is_told_nothing(atoi(fd)));
	if (pid)
		_exit(has_secrets(atoi(pid), atoi(getenv(EXEC_PIPE))));
}

static int forked(struct vt_child *c, void *arg)
{
	(void)c;
	return is_told_nothing(*(int *)arg);
}

static int executed(struct vt_child *c, void *arg)
{
	char text[16];
	struct vsvm *v;
	char *mem;
	int fd;

	(void)c;
	(void)arg;
	/* A stream of its own, which the program behind exec has no right to. */
	if (vt_open_filled(&v, &mem, LEN, VT_SMALL, SEED, true))
		return 99;
	fd = vt_stream(v, ALL, RECORDS);
	if (fd < 0 || happens(v, mem, 1) || fcntl(fd, F_SETFD, 0))
		return 99;
	snprintf(text, sizeof(text), "%d", fd);
	setenv(EXEC_FD, text, 1);
	execl("/proc/self/exe", "test_events_life", NULL);
	return 98;
}

/* A child, and the program after exec, have another address space. */
TEST_F(life, belongs_to_the_opener)
{
	ASSERT_EQ(0, happens(self->v, self->mem, 1));
	EXPECT_EQ(0, vt_run(forked, &self->fd));
	EXPECT_EQ(0, vt_run(executed, NULL));
	EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
}

#define STACK	(64 * 1024)

/* What a process with the same memory is given. */
struct sharer {
	int fd;
	char *mem;
	int told;	/* what the second one found */
};

static int shares(void *arg)
{
	struct sharer *s = arg;
	struct drm_vsvm_event e;

	/* It is told of what it shares. */
	s->told = vt_next(s->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &e) ||
		  e.addr != (uintptr_t)s->mem;
	return 0;
}

/* A process that shares the memory may read: it could look at it, too. */
TEST_F(life, belongs_to_who_shares_the_memory)
{
	struct sharer s = { .fd = self->fd, .mem = self->mem };
	char *stack = vt_map(STACK, VT_SMALL);
	int status;
	pid_t pid;

	ASSERT_NE(NULL, stack);
	ASSERT_EQ(0, happens(self->v, self->mem, 1));
	pid = clone(shares, stack + STACK, CLONE_VM | SIGCHLD, &s);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, s.told);
}

/* What a process has that keeps the memory of one that is now another program. */
struct keeper {
	int fd;
	int pipe[2];
};

/* The same client, another memory: counts at most, no address and no access. */
static int keeps_memory(void *arg)
{
	const struct keeper *k = arg;
	struct drm_vsvm_event e;
	uint32_t nr = 1, n = 0;
	char byte;

	if (read(k->pipe[0], &byte, 1) != 1)
		return 9;
	for (; !vsvm_events_read(k->fd, &e, &nr) && nr; nr = 1, n++)
		if (e.addr || e.file || e.type == DRM_VSVM_EVENT_DEVICE_FAULT)
			return 1;
	/* It is the same client, or this would show nothing. */
	return n ? 0 : 2;
}

static int execs_away(struct vt_child *c, void *arg)
{
	char *stack = vt_map(STACK, VT_SMALL);
	static struct keeper k;
	char text[16];
	struct vsvm *v;
	pid_t pid;

	(void)c;
	(void)arg;
	if (!stack || vsvm_open(0, &v) || pipe(k.pipe))
		return 99;
	k.fd = vt_stream(v, ALL, RECORDS);
	pid = k.fd < 0 ? -1 : clone(keeps_memory, stack + STACK,
				    CLONE_VM | SIGCHLD, &k);
	if (pid < 0)
		return 99;
	snprintf(text, sizeof(text), "%d", pid);
	setenv(EXEC_PID, text, 1);
	snprintf(text, sizeof(text), "%d", k.pipe[1]);
	setenv(EXEC_PIPE, text, 1);
	execl("/proc/self/exe", "test_events_life", NULL);
	return 98;
}

/* Who has the memory from before exec is not told of the program behind it. */
TEST_F(life, tells_nothing_of_another_program)
{
	EXPECT_EQ(0, vt_run(execs_away, NULL));
}

/* The file is closed, its pages are on the device: that is told until none is there. */
TEST_F(life, outlives_the_file)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	vsvm_close(self->v);
	EXPECT_EQ(0, vt_no_next(self->fd));
	*(volatile char *)self->mem;
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_EQ((uintptr_t)self->mem, self->e.addr);
	/* The end: poll() has it before all is read. */
	while (!(vt_stream_wait(self->fd) & POLLHUP))
		usleep(10000);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_EQ(0, vt_ended(self->fd));
	EXPECT_EQ(0, vt_ended(self->fd));
}

/* A file without pages on the device ends it at once, also for who waits. */
TEST_F(life, ends_with_the_last_file)
{
	struct reader r = {};
	struct vsvm *other;

	ASSERT_EQ(0, start_reader(&r, self->v));
	ASSERT_EQ(0, vsvm_open(0, &other));
	/* It is a file of the process when it was used. */
	ASSERT_EQ(0, happens(other, self->mem, 1));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(SIZE, r.ret);
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, reader, &r));
	vsvm_close(self->v);
	ASSERT_EQ(0, happens(other, self->mem + VT_PAGE, 1));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(SIZE, r.ret);
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, reader, &r));
	vsvm_close(other);
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(0, r.ret);
	EXPECT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
}

/* The stream goes first; who tells does not notice, the file neither. */
TEST_F(life, closes_before_the_file)
{
	int dup_fd = dup(self->fd);

	ASSERT_LE(0, dup_fd);
	close(self->fd);
	ASSERT_EQ(0, happens(self->v, self->mem, 1));
	ASSERT_EQ(0, vt_next(dup_fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
	close(dup_fd);
	EXPECT_EQ(0, happens(self->v, self->mem + VT_PAGE, 1));
}

/* Unplug moves the pages, which is told, and then the stream has ended. */
TEST_F(life, ends_by_unplug)
{
	struct reader r = {};
	uint64_t moved = 0;

	ASSERT_EQ(0, start_reader(&r, self->v));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(SIZE, r.ret);
	EXPECT_EQ(DRM_VSVM_EVENT_MIGRATE, r.e.type);
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, reader, &r));
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.0"));
	EXPECT_EQ(-ENODEV, vsvm_read(self->v, self->mem, &self->e, 1, NULL));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(SIZE, r.ret);
	EXPECT_EQ(DRM_VSVM_CAUSE_UNPLUG, r.e.cause);
	do {
		ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
		EXPECT_EQ(DRM_VSVM_CAUSE_UNPLUG, self->e.cause);
		EXPECT_EQ(0, self->e.addr);
		moved += self->e.bytes;
		ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_EVICT, &self->e));
		EXPECT_EQ(DRM_VSVM_CAUSE_UNPLUG, self->e.cause);
	} while (moved < LEN);
	EXPECT_EQ(LEN, moved);
	EXPECT_EQ(0, vt_ended(self->fd));
	/* It does not come back with the device. */
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", "vsvm.0"));
	EXPECT_EQ(0, vt_ended(self->fd));
	EXPECT_EQ(-ENODEV, vsvm_events_open(self->v, ALL, 1, 0, &r.fd));
}

/* A stream that has ended keeps the module, as long as it is open. */
TEST_F(life, keeps_the_module)
{
	vsvm_close(self->v);
	ASSERT_EQ(0, vt_ended(self->fd));
	EXPECT_EQ(-EWOULDBLOCK, vt_module_unload());
	EXPECT_EQ(0, vt_ended(self->fd));
}

TEST_HARNESS_MAIN
