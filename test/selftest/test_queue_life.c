// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues end, or the memory under them does, while they work, fault, wait, or are stuck in
 * a userfaultfd handler that never answers.
 *
 * Nothing waits for them but for a moment, nothing is left behind, and no store comes
 * later than it may.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_kill.h"
#include "vt_queue.h"
#include "vt_uffd.h"

#define LEN	VT_HUGE
#define SEED	441
#define OTHER	442
#define NR	1024	/* commands that take some seconds */
#define ALL	(~0ULL)

#define DEVICE	DRM_VSVM_TARGET_DEVICE
#define SYSTEM	DRM_VSVM_TARGET_SYSTEM

/* Set for this program when it was started with a descriptor. */
#define EXEC_FD		"VSVM_TEST_FD"
#define EXEC_QUEUE	"VSVM_TEST_QUEUE"
#define EXEC_USED	"VSVM_TEST_USED"

/* What goes on when it ends. */
enum work {
	COPIES,
	FAULTS,		/* pages that another thread keeps taking away */
	MOVES,
	WAITS,		/* for a word that nobody stores */
	STUCK,		/* for a handler that does not answer */
};

struct scene {
	enum work work;
	unsigned int device;
	struct vsvm *v;
	struct vt_queue q;
	char *mem;		/* on the device */
	char *to;
	uint64_t *gate;
	int uffd;
};

static int handler_open(char *mem, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (VT_BAD(fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
		   ioctl(fd, UFFDIO_REGISTER, &reg)))
		return -1;
	return fd;
}

static int answer(int fd, char *mem, size_t len)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)mem, .len = len },
	};

	return VT_BAD(ioctl(fd, UFFDIO_ZEROPAGE, &zero));
}

/* The device asked the handler for a page. */
static int asked(int fd)
{
	struct uffd_msg msg;

	return VT_BAD(read(fd, &msg, sizeof(msg)) != sizeof(msg) ||
		      msg.event != UFFD_EVENT_PAGEFAULT);
}

static void *takes_away(void *arg)
{
	while (!madvise(arg, LEN, MADV_DONTNEED))
		;
	return NULL;
}

static struct drm_vsvm_command command(struct scene *s, unsigned int i)
{
	switch (s->work) {
	case COPIES:
		return i % 2 ? vsvm_cmd_copy(s->mem, s->to, LEN) :
			       vsvm_cmd_copy(s->to, s->mem, LEN);
	case FAULTS:
		return vsvm_cmd_fill(s->to, LEN, i, 4);
	case MOVES:
		return vsvm_cmd_prefetch(s->mem, LEN, i % 2 ? DEVICE : SYSTEM);
	case WAITS:
		return vsvm_cmd_wait(s->gate, 1, ALL, DRM_VSVM_WAIT_EQ);
	case STUCK:
		break;
	}
	return vsvm_cmd_copy(s->mem, s->to, LEN);
}

/* Until it is in the middle of it. */
static int is_busy(struct scene *s)
{
	int64_t deadline = vt_queue_deadline();
	struct drm_vsvm_queue_status st;

	if (s->work == WAITS)
		return vt_queue_becomes(&s->q, DRM_VSVM_QUEUE_WAITING);
	if (s->work == STUCK)
		return asked(s->uffd) || vt_queue_becomes(&s->q, DRM_VSVM_QUEUE_FAULTING);
	do {
		if (vt_queue_status(&s->q, &st))
			return -1;
		if (VT_BAD(st.state == DRM_VSVM_QUEUE_IDLE))
			return -1;
		/* Engines copy and fill; the rest is done by the fault worker. */
		if (s->work == COPIES ? st.busy > 20 * 1000 * 1000 : st.faults > 3)
			return 0;
		usleep(1000);
	} while (vsvm_deadline(0) < deadline);
	return vt_wrong("the queue does not come to work");
}

/* Memory, half of it on the device, a queue, and a job that does not end by itself. */
static int scene_begin(struct scene *s)
{
	struct drm_vsvm_command *job = calloc(NR, sizeof(*job));
	pthread_t thread;
	unsigned int i;

	if (VT_BAD(!job || (!s->v && vsvm_open(s->device, &s->v)) ||
		   vt_queue_make(&s->q, s->v, NR + 1)))
		return -1;
	s->mem = vt_map_filled(s->v, LEN, VT_SMALL, SEED);
	s->to = vt_map(LEN, VT_SMALL);
	s->gate = vt_map(VT_PAGE, VT_SMALL);
	if (VT_BAD(!s->mem || !s->to || !s->gate || vt_to_device(s->v, s->mem, LEN)))
		return -1;
	s->uffd = s->work == STUCK ? handler_open(s->to, LEN) : 0;
	if (s->uffd < 0)
		return -1;
	if (VT_BAD(s->work == FAULTS && pthread_create(&thread, NULL, takes_away, s->to)))
		return -1;
	for (i = 0; i < NR; i++)
		job[i] = command(s, i);
	if (vt_submit(&s->q, job, NR) || is_busy(s))
		return -1;
	free(job);
	return 0;
}

/* All that a process can have a queue do, on a device that it never used. */
static int works(struct vt_child *c, void *arg)
{
	unsigned int *device = arg;
	struct vt_queue q;
	struct vsvm *v;
	char *mem, *to;

	(void)c;
	if (vsvm_open(*device, &v) || vt_queue_make(&q, v, 8))
		return 1;
	mem = vt_map_filled(v, LEN, VT_SMALL, SEED);
	to = vt_map(LEN, VT_SMALL);
	if (!mem || !to)
		return 2;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_prefetch(mem, LEN, DEVICE),
		vsvm_cmd_copy(to, mem, LEN),
		vsvm_cmd_fill(mem, VT_PAGE, 0, 8),
	};

	if (vt_do(&q, job, 3))
		return 3;
	return vt_check(to, LEN, SEED, 0) || vt_check_byte(mem, VT_PAGE, 0) ||
	       vt_check(mem + VT_PAGE, LEN - VT_PAGE, SEED, VT_PAGE) ? 4 : 0;
}

FIXTURE(life)
{
	struct vsvm *v;
	uint64_t used;
	struct scene s;
};

FIXTURE_VARIANT(life)
{
	const char *name;
	enum work work;
};

#define LIFE(what, w)							\
FIXTURE_VARIANT_ADD(life, what)						\
{									\
	.name = #what,							\
	.work = w,							\
}

LIFE(copies, COPIES);
LIFE(faults, FAULTS);
LIFE(moves, MOVES);
LIFE(waits, WAITS);
LIFE(stuck, STUCK);

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->s.work = variant->work;
}

VT_TEARDOWN_CLOSE(life)

/* Nothing is left of it, and the device is as good as ever. */
#define OVER()								\
	do {								\
		unsigned int device = 0;				\
									\
		EXPECT_TRUE(vt_used_becomes(self->v, self->used));	\
		EXPECT_EQ(0, vt_run(works, &device));			\
	} while (0)

static int exits(struct vt_child *c, void *arg)
{
	(void)c;
	return scene_begin(arg) ? 1 : 42;
}

/* exit() in the middle of it. */
TEST_F_TIMEOUT(life, exit, VT_LONG)
{
	ASSERT_EQ(42, vt_run(exits, &self->s));
	OVER();
}

static int stays(struct vt_child *c, void *arg)
{
	if (scene_begin(arg) || vt_say(c))
		return 1;
	for (;;)
		pause();
}

/* SIGKILL in the middle of it; and nobody else notices it before. */
TEST_F_TIMEOUT(life, killed, VT_LONG)
{
	unsigned int device = 0;
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, stays, &self->s));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_run(works, &device));
	EXPECT_EQ(0, vt_kill(&c, variant->name));
	OVER();
}

/* What a program may do with queues of the one that was there before it. */
static int finds_nothing(int fd, uint32_t queue, uint64_t used)
{
	struct drm_vsvm_queue_status st = { .queue = queue };
	struct drm_vsvm_command c = vsvm_cmd_barrier();
	struct drm_vsvm_submit submit = {
		.commands = (uintptr_t)&c,
		.nr_commands = 1,
		.queue = queue,
	};
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct drm_vsvm_info info;
	int i;

	if (vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &st) != -EPERM ||
	    vt_ioctl(fd, DRM_IOCTL_VSVM_SUBMIT, &submit) != -EPERM)
		return 1;
	if (poll(&p, 1, 0) != 1 || p.revents != POLLERR)
		return 2;
	/* The memory goes although the file stays open. */
	for (i = 0; i < 1200; i++) {
		memset(&info, 0, sizeof(info));
		if (vt_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info))
			return 3;
		if (info.vram_used == used)
			return 0;
		usleep(50000);
	}
	return 4;
}

/* The program starts itself: see life.exec. */
__attribute__((constructor)) static void started_by_exec(void)
{
	const char *fd = getenv(EXEC_FD);

	if (fd)
		_exit(finds_nothing(atoi(fd), atoi(getenv(EXEC_QUEUE)),
				    strtoull(getenv(EXEC_USED), NULL, 0)));
}

static int set_number(const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return setenv(name, text, 1);
}

struct exec {
	struct scene *s;
	uint64_t used;
};

static int execs(struct vt_child *c, void *arg)
{
	struct exec *e = arg;

	(void)c;
	if (scene_begin(e->s) || set_number(EXEC_FD, dup(vsvm_fd(e->s->v))) ||
	    set_number(EXEC_QUEUE, e->s->q.id) || set_number(EXEC_USED, e->used))
		return 99;
	execl("/proc/self/exe", "test_queue_life", NULL);
	return 98;
}

/* Another program in the same process has the file, and neither queues nor memory. */
TEST_F_TIMEOUT(life, exec, VT_LONG)
{
	struct exec e = { .s = &self->s, .used = self->used };

	EXPECT_EQ(0, vt_run(execs, &e));
	OVER();
}

/* Overwrites what the queue had, for stays_written(). FAULTS has no such memory. */
static void write_all(struct scene *s)
{
	if (s->work == COPIES)
		vt_fill(s->to, LEN, OTHER, 0);
	vt_fill(s->mem, LEN, OTHER, 0);
}

static int stays_written(struct scene *s)
{
	return (s->work == COPIES && vt_check(s->to, LEN, OTHER, 0)) ||
	       vt_check(s->mem, LEN, OTHER, 0);
}

static int closes(struct vt_child *c, void *arg)
{
	struct scene *s = arg;
	unsigned int device = s->device;

	if (scene_begin(s))
		return 1;
	vsvm_close(s->v);
	write_all(s);
	return works(c, &device) ?: stays_written(s) ? 5 : 0;
}

/*
 * close() in the middle of it. The process stays, nothing is stored in its memory any
 * more, and it opens the device again.
 */
TEST_F_TIMEOUT(life, close, VT_LONG)
{
	EXPECT_EQ(0, vt_run(closes, &self->s));
	OVER();
}

static int destroys(struct vt_child *c, void *arg)
{
	struct scene *s = arg;
	struct vt_queue other;

	(void)c;
	if (scene_begin(s) || vsvm_queue_destroy(s->v, s->q.id))
		return 1;
	/* It is over when the call returns, so what is stored now stays. */
	write_all(s);
	if (vt_queue_make(&other, s->v, 8) ||
	    vt_do_one(&other, vsvm_cmd_fill(s->gate, 8, 0, 8)))
		return 2;
	return stays_written(s) ? 3 : 0;
}

/* QUEUE_DESTROY in the middle of it ends it, and the file goes on. */
TEST_F_TIMEOUT(life, destroy, VT_LONG)
{
	EXPECT_EQ(0, vt_run(destroys, &self->s));
	OVER();
}

struct giver {
	struct scene *s;
	int sock;
};

static int gives(struct vt_child *c, void *arg)
{
	struct giver *g = arg;
	unsigned int device = 0;

	if (scene_begin(g->s) || vt_send_fd(g->sock, vsvm_fd(g->s->v)))
		return 1;
	vsvm_close(g->s->v);
	if (vt_say(c) || vt_hear(c))
		return 2;
	return works(c, &device);
}

/* The last close is another process's, and the one that opened the file lives on. */
TEST_F_TIMEOUT(life, close_elsewhere, VT_LONG)
{
	struct drm_vsvm_queue_status st = {};
	struct giver g = { .s = &self->s };
	struct vt_child c;
	int sock[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	g.sock = sock[1];
	ASSERT_EQ(0, vt_start(&c, gives, &g));
	ASSERT_EQ(0, close(sock[1]));
	fd = vt_receive_fd(sock[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(-EPERM, vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &st));
	EXPECT_EQ(0, close(fd));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	OVER();
}

static int gives_and_exits(struct vt_child *c, void *arg)
{
	struct giver *g = arg;

	(void)c;
	return scene_begin(g->s) || vt_send_fd(g->sock, vsvm_fd(g->s->v)) ? 1 : 42;
}

/* Or it is dead by then: the file keeps neither its memory nor its work. */
TEST_F_TIMEOUT(life, file_survives, VT_LONG)
{
	struct giver g = { .s = &self->s };
	int sock[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	g.sock = sock[1];
	ASSERT_EQ(42, vt_run(gives_and_exits, &g));
	ASSERT_EQ(0, close(sock[1]));
	fd = vt_receive_fd(sock[0]);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(vt_used_becomes(self->v, self->used));
	EXPECT_EQ(0, close(fd));
	OVER();
}

FIXTURE(stuck)
{
	struct scene s;
	struct vt_queue hot;
	char *own;
};

/* A queue of the file has all its pages; another one waits for a handler. */
FIXTURE_SETUP(stuck)
{
	self->s.work = STUCK;
	ASSERT_EQ(0, vsvm_open(0, &self->s.v));
	self->own = vt_map_filled(self->s.v, VT_PAGE, VT_SMALL, OTHER);
	ASSERT_NE(NULL, self->own);
	ASSERT_EQ(0, vt_queue_make(&self->hot, self->s.v, 8));
	ASSERT_EQ(0, vt_copy(&self->hot, self->own + 8, self->own, 8));
	ASSERT_EQ(0, scene_begin(&self->s));
}

FIXTURE_TEARDOWN(stuck)
{
	vsvm_close(self->s.v);
}

/* A queue that lacks nothing goes on. */
TEST_F_TIMEOUT(stuck, hot_queue_goes_on, VT_LONG)
{
	ASSERT_EQ(0, vt_copy(&self->hot, self->own + 100, self->own, 100));
	EXPECT_EQ(0, vt_check(self->own + 100, 8, OTHER, 0));
	EXPECT_EQ(DRM_VSVM_QUEUE_FAULTING, vt_queue_state(&self->s.q));
}

/* Another file of the same process does not notice. */
TEST_F_TIMEOUT(stuck, other_file_goes_on, VT_LONG)
{
	struct vt_queue q;
	struct vsvm *v;

	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_queue_make(&q, v, 8));
	EXPECT_EQ(0, vt_do_one(&q, vsvm_cmd_fill(self->own, 8, 0, 8)));
	EXPECT_EQ(DRM_VSVM_QUEUE_FAULTING, vt_queue_state(&self->s.q));
	vsvm_close(v);
}

/* Nor do the calls of this file that are done by the calling thread. */
TEST_F_TIMEOUT(stuck, calls_go_on, VT_LONG)
{
	EXPECT_EQ(0, vt_dev_check(self->s.v, self->own, 8, OTHER, 0));
	EXPECT_EQ(0, vt_to_device(self->s.v, self->own, VT_PAGE));
	EXPECT_EQ(DRM_VSVM_QUEUE_FAULTING, vt_queue_state(&self->s.q));
}

/* A queue that lacks a page waits in line, can be destroyed, and goes on afterwards. */
TEST_F_TIMEOUT(stuck, queues_in_line, VT_LONG)
{
	struct vt_queue first, second;

	ASSERT_EQ(0, vt_queue_make(&first, self->s.v, 8));
	ASSERT_EQ(0, vt_queue_make(&second, self->s.v, 8));
	ASSERT_EQ(0, vt_begin(&first, NULL, 0));
	ASSERT_EQ(0, vt_begin(&second, NULL, 0));
	ASSERT_EQ(0, vt_queue_becomes(&first, DRM_VSVM_QUEUE_FAULTING));
	ASSERT_EQ(0, vsvm_queue_destroy(self->s.v, first.id));
	ASSERT_EQ(0, vsvm_queue_destroy(self->s.v, self->s.q.id));
	EXPECT_EQ(0, vt_end(&second));
}

/* The nice value of the fault worker of device 0, which one file has; 100: there is none. */
static int worker_nice(void)
{
	DIR *proc = opendir("/proc");
	char path[300], name[32];
	struct dirent *d;
	int nice = 100;

	while (proc && nice == 100 && (d = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
		    vt_file_read(path, name, sizeof(name)) > 0 &&
		    !strcmp(name, "vsvm0-fault\n"))
			nice = getpriority(PRIO_PROCESS, atoi(d->d_name));
	}
	if (proc)
		closedir(proc);
	return nice;
}

/* 0 when the fault worker comes to have this nice value. */
static int worker_becomes(int nice)
{
	int tries, now = 100;

	for (tries = 0; tries < 10 * VT_QUEUE_SECONDS && now != nice; tries++) {
		usleep(100000);
		now = worker_nice();
	}
	return now == nice ? 0 : vt_wrong("nice %d, not %d", now, nice);
}

/*
 * Who works for one fault for long is no thread of the lowest priority meanwhile: threads
 * that keep changing the memory would take each page away before it got its processor.
 */
TEST_F_TIMEOUT(stuck, worker_is_not_starved, 2 * VT_LONG)
{
	ASSERT_EQ(0, worker_becomes(0));
	ASSERT_EQ(0, answer(self->s.uffd, self->s.to, LEN));
	EXPECT_EQ(0, worker_becomes(19));
}

/* When the handler answers after all, the job goes on where it was. */
TEST_F_TIMEOUT(stuck, answered, VT_LONG)
{
	ASSERT_EQ(0, vt_begin(&self->s.q, NULL, 0));
	ASSERT_EQ(0, answer(self->s.uffd, self->s.to, LEN));
	ASSERT_EQ(0, vt_end(&self->s.q));
	EXPECT_EQ(0, vt_check_byte(self->s.mem, LEN, 0));
}

/* When the handler goes away, its memory is as any other. */
TEST_F_TIMEOUT(stuck, handler_gone, VT_LONG)
{
	ASSERT_EQ(0, vt_begin(&self->s.q, NULL, 0));
	ASSERT_EQ(0, close(self->s.uffd));
	ASSERT_EQ(0, vt_end(&self->s.q));
	EXPECT_EQ(0, vt_check_byte(self->s.mem, LEN, 0));
}

FIXTURE(under)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
	char *was;
};

VT_PAGE_PLACES(under);

/* A queue stores all over the memory, for seconds. */
FIXTURE_SETUP(under)
{
	struct scene s = { .work = COPIES };
	struct drm_vsvm_command job[NR];
	unsigned int i;

	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    variant->on_device));
	self->was = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->was);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, NR));
	for (i = 0; i < NR; i++)
		job[i] = vsvm_cmd_fill(self->mem, LEN, i, 4);
	ASSERT_EQ(0, vt_submit(&self->q, job, NR));
	s.q = self->q;
	ASSERT_EQ(0, is_busy(&s));
}

VT_TEARDOWN_CLOSE(under)

/* 0 when the queue was lost by a store to a page of the range. */
static int lost_there(struct vt_queue *q, const char *mem, uint32_t error)
{
	struct drm_vsvm_queue_status st;

	if (vt_queue_becomes(q, DRM_VSVM_QUEUE_LOST) || vt_queue_status(q, &st))
		return -1;
	if (st.error == error && st.access == DRM_VSVM_ACCESS_WRITE &&
	    st.addr - (uintptr_t)mem < LEN)
		return 0;
	return vt_wrong("lost by access %u at +%#llx: %s", st.access,
			(unsigned long long)(st.addr - (uintptr_t)mem),
			strerror(st.error));
}

/* No store comes after mprotect() has returned. */
TEST_F_TIMEOUT(under, mprotect, VT_LONG)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	memcpy(self->was, self->mem, LEN);
	EXPECT_EQ(0, lost_there(&self->q, self->mem, EPERM));
	EXPECT_EQ(0, memcmp(self->was, self->mem, LEN));
}

/* Nor after mremap(), to where the memory is then. */
TEST_F_TIMEOUT(under, mremap, VT_LONG)
{
	char *to = vt_map(LEN, variant->kind);

	ASSERT_NE(NULL, to);
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	memcpy(self->was, to, LEN);
	EXPECT_EQ(0, lost_there(&self->q, self->mem, EFAULT));
	EXPECT_EQ(0, memcmp(self->was, to, LEN));
}

/* The queue is lost at the address that is not mapped any more. */
TEST_F_TIMEOUT(under, munmap, VT_LONG)
{
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(0, lost_there(&self->q, self->mem, EFAULT));
}

/* Pages that are dropped or moved under it are no reason for a loss. */
TEST_F_TIMEOUT(under, madvise_and_migrate, VT_LONG)
{
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
		ASSERT_EQ(0, vsvm_migrate(self->v, self->mem, LEN, DEVICE, 0, NULL));
		ASSERT_EQ(0, vsvm_migrate(self->v, self->mem, LEN, SYSTEM, 0, NULL));
	}
	EXPECT_LE(0, vt_queue_state(&self->q));
	EXPECT_NE(DRM_VSVM_QUEUE_LOST, vt_queue_state(&self->q));
}

FIXTURE(unplug)
{
	struct scene s;
};

FIXTURE_VARIANT(unplug)
{
	const char *name;
	enum work work;
};

#define UNPLUG(what, w)							\
FIXTURE_VARIANT_ADD(unplug, what)					\
{									\
	.name = #what,							\
	.work = w,							\
}

UNPLUG(copies, COPIES);
UNPLUG(faults, FAULTS);
UNPLUG(moves, MOVES);
UNPLUG(waits, WAITS);
UNPLUG(stuck, STUCK);

/* Seconds for an unplug that has nothing to wait for, on a busy host. */
#define UNPLUG_MAX	20.0

FIXTURE_SETUP(unplug)
{
	self->s.work = variant->work;
	self->s.device = 1;
	ASSERT_EQ(0, scene_begin(&self->s));
}

FIXTURE_TEARDOWN_PARENT(unplug)
{
	if (access(VT_DRIVER "vsvm.1", F_OK))
		vt_file_write(VT_DRIVER "bind", "vsvm.1");
}

static void *sleeps(void *arg)
{
	static int ret;
	struct scene *s = arg;

	vt_act_begin();
	ret = vsvm_wait(s->v, s->q.fence, 1, ALL, DRM_VSVM_WAIT_EQ, vt_queue_deadline(), 0);
	vt_act_end();
	return &ret;
}

/* The device is unplugged in the middle of it: nobody waits for it any more. */
TEST_F_TIMEOUT(unplug, unbind, VT_LONG)
{
	struct drm_vsvm_command c = vsvm_cmd_barrier();
	struct drm_vsvm_queue_status st;
	struct scene *s = &self->s;
	unsigned int device;
	pthread_t thread;
	double begin;
	void *ret;

	vt_act_reset();
	ASSERT_EQ(0, pthread_create(&thread, NULL, sleeps, s));
	ASSERT_EQ(0, vt_act_began());
	begin = vt_now();
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.1"));
	EXPECT_GT(UNPLUG_MAX, vt_now() - begin);
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(-ENODEV, *(int *)ret);
	EXPECT_EQ(-ENODEV, vsvm_submit(s->v, s->q.id, &c, 1, NULL));
	EXPECT_EQ(-ENODEV, vsvm_queue_status(s->v, s->q.id, &st));
	EXPECT_EQ(-ENODEV, vsvm_queue_destroy(s->v, s->q.id));
	EXPECT_EQ(POLLERR | POLLHUP, vt_queue_poll(s->v) & (POLLERR | POLLHUP));
	/* What was on the device is home. */
	if (s->work != COPIES)
		EXPECT_EQ(0, vt_check(s->mem, LEN, SEED, 0));
	device = 0;
	EXPECT_EQ(0, vt_run(works, &device));
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", "vsvm.1"));
	device = 1;
	EXPECT_EQ(0, vt_run(works, &device));
	vsvm_close(s->v);
}

TEST_HARNESS_MAIN
