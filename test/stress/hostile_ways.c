// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an attacker does with processes and the kernel around the device, see
 * hostile.h; and its life.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

pid_t attacker_fork(struct attacker *a, void (*fn)(struct attacker *a, void *arg),
		    void *arg)
{
	uint64_t state = attacker_draw(a, -1);
	pid_t pid = fork();
	unsigned int d;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	a->dice.state = state;
	/* The parent's are no use to it, but to try them. */
	for (d = 0; d < hostile->devices; d++)
		a->fd[d] = -1;
	fn(a, arg);
	_exit(0);
}

int attacker_wait(pid_t pid, double seconds, bool *late)
{
	double end = hostile_now() + seconds;
	bool killed = false;
	int status;
	pid_t got;

	if (late)
		*late = false;
	while (pid > 0 && (got = waitpid(pid, &status, WNOHANG)) != pid) {
		if (got < 0)
			return -1;
		if (hostile_now() < end) {
			usleep(1000);
			continue;
		}
		if (killed) {
			hostile_found("process %d does not die of SIGKILL",
				      pid);
			scene_stack(pid);
			return -1;
		}
		kill(pid, SIGKILL);
		killed = true;
		if (late)
			*late = true;
		end += hostile->bound;
	}
	return pid > 0 ? status : -1;
}

/* What comes of a fork, and what the parent does meanwhile. */
struct family {
	char *mem;
	size_t len;
	unsigned int how;
};

static void inherit(struct attacker *a, void *arg)
{
	struct family *f = arg;

	switch (f->how % 4) {
	case 0:
		attacker_check(a, f->mem, f->len, "heir, CPU read");
		break;
	case 1:
		attacker_fill(a, f->mem, f->len);
		attacker_migrate(a, attacker_fd(a), f->mem, f->len, 1, 0);
		attacker_check(a, f->mem, f->len, "heir, after its own write");
		break;
	case 2:
		munmap(f->mem, f->len);
		break;
	default:
		if (!attacker_rw(a, attacker_fd(a), f->mem, a->buf, f->len,
				 false))
			attacker_check(a, a->buf, f->len, "heir, device read");
		pause();
	}
}

static void *go_home(void *arg)
{
	struct family *f = arg;
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)f->mem, .len = f->len,
	};

	vt_ioctl(f->how >> 8, DRM_IOCTL_VSVM_MIGRATE, &mig);
	return NULL;
}

/* The parent drops what is on its way home, or on the device, and shared. */
static bool do_fork(struct attacker *a)
{
	enum vt_kind kind = attacker_draw(a, 2);
	struct family f = { .len = VT_HUGE, .how = attacker_draw(a, 16) };
	int status, fd = attacker_fd(a);
	pthread_t thread;
	bool late, mover;
	pid_t pid;

	f.mem = fd < 0 ? NULL : attacker_map(a, f.len, kind);
	if (!f.mem || attacker_migrate(a, fd, f.mem, f.len, 1, 0) < 0)
		return false;
	pid = attacker_fork(a, inherit, &f);
	mover = f.how & 4;
	f.how |= fd << 8;
	mover = mover && !pthread_create(&thread, NULL, go_home, &f);
	usleep(attacker_draw(a, 1000));
	if (f.how & 8)
		munmap(f.mem, f.len);
	else
		madvise(f.mem, f.len, MADV_DONTNEED);
	if (f.how % 4 == 3 && attacker_draw(a, 2) && pid > 0)
		kill(pid, SIGKILL);
	if (mover)
		pthread_join(thread, NULL);
	status = attacker_wait(pid, f.how % 4 == 3 ? 0.2 : hostile->bound,
			       &late);
	if (late && f.how % 4 != 3)
		hostile_found("a child that shares memory at %p, %s, was stuck",
			      f.mem, kind == VT_LARGE ? "huge" : "small");
	if (!(f.how & 8))
		munmap(f.mem, f.len);
	return pid > 0 && status != -1;
}

/* References to a page that no page table shows: a pipe's. */
static bool do_pipe(struct attacker *a)
{
	size_t len = 64 * VT_PAGE;
	int fd = attacker_fd(a), pipes[2];
	struct iovec iov;
	char *mem;
	ssize_t n;

	mem = fd < 0 ? NULL : attacker_map(a, len, VT_SMALL);
	if (!mem || pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return false;
	attacker_migrate(a, fd, mem, len, 1, 0);
	iov = (struct iovec){ mem, len };
	n = vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK);
	attacker_migrate(a, fd, mem, len, 1, 0);
	if (attacker_draw(a, 2))
		munmap(mem, len);
	if (n > 0 && read(pipes[0], a->buf, VT_PAGE) > 0)
		attacker_check(a, a->buf, VT_PAGE, "pipe");
	munmap(mem, len);
	close(pipes[0]);
	close(pipes[1]);
	return n > 0;
}

/* More than a thousand of them to one page, which then is to move. */
static bool do_references(struct attacker *a)
{
	int fd = attacker_fd(a), pipes[8][2];
	unsigned int i, opened = 0, n = 0;
	char *mem = fd < 0 ? NULL : attacker_map(a, VT_PAGE, VT_SMALL);
	struct iovec iov = { mem, 8 };

	for (i = 0; i < VT_COUNT(pipes) && mem; i++) {
		if (pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK))
			break;
		opened++;
		fcntl(pipes[i][1], F_SETPIPE_SZ, 256 * VT_PAGE);
		while (vmsplice(pipes[i][1], &iov, 1, SPLICE_F_NONBLOCK) == 8)
			n++;
	}
	attacker_migrate(a, fd, mem, VT_PAGE, 1, 0);
	if (!attacker_rw(a, fd, mem, a->buf, VT_PAGE, false))
		attacker_check(a, a->buf, VT_PAGE, "much shared, device read");
	for (i = 0; i < opened; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	if (mem && attacker_migrate(a, fd, mem, VT_PAGE, 1, 0) >= 0)
		attacker_check(a, mem, VT_PAGE, "much shared, CPU read");
	if (mem)
		munmap(mem, VT_PAGE);
	return n > 1000;
}

/*
 * Where the system lets users have it, handlers of what the kernel faults on, too:
 * a device waits in a call then. Otherwise only their own accesses wait.
 */
static int uffd_on(void *mem, size_t len, bool kernel)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC |
			 (kernel ? 0 : UFFD_USER_MODE_ONLY));

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	return fd;
}

/* A file, and memory whose handler never answers, with some more after it. */
struct waiter {
	int fd;
	char *mem;
};

static void *wait_in_device(void *arg)
{
	struct waiter *w = arg;
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)w->mem, .buf = (uintptr_t)(w->mem + VT_HUGE),
		.len = VT_PAGE,
	};

	vt_ioctl(w->fd, DRM_IOCTL_VSVM_READ, &rw);
	/* The device is not to wait, or is gone: the CPU does. */
	(void)*(volatile char *)w->mem;
	return NULL;
}

/*
 * Holds on to a device, and to memory of it, until it is killed: in a call that
 * waits for ever, stopped, with pages in a pipe, with its file in a socket that
 * no process reads.
 */
static void hold(struct attacker *a, void *arg)
{
	unsigned int how = *(unsigned int *)arg % 4;
	struct waiter w = { .fd = attacker_fd(a), .mem = vt_map(2 * VT_HUGE, VT_SMALL) };
	pthread_t thread;
	struct iovec iov;
	int pipes[2];

	prctl(PR_SET_PDEATHSIG, 0);
	if (w.fd < 0 || !w.mem)
		_exit(1);
	attacker_fill(a, w.mem + VT_HUGE, VT_HUGE / 2);
	attacker_migrate(a, w.fd, w.mem + VT_HUGE, VT_HUGE, 1, 0);
	iov = (struct iovec){ w.mem + VT_HUGE, 16 * VT_PAGE };
	if (how == 0 && uffd_on(w.mem, VT_HUGE, true) >= 0)
		pthread_create(&thread, NULL, wait_in_device, &w);
	if (how == 1)
		raise(SIGSTOP);
	if (how == 2 && !pipe(pipes) &&
	    vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK) > 0)
		munmap(w.mem, 2 * VT_HUGE);
	if (how == 3 && !socketpair(AF_UNIX, SOCK_DGRAM, 0, pipes) &&
	    !attacker_send_fd(pipes[0], w.fd, a->owner))
		close(w.fd);
	for (;;)
		pause();
}

/* A few at a time, for longer than unbind may take; then others. */
static bool do_hold(struct attacker *a)
{
	unsigned int i, free = HOSTILE_HOLDERS;
	double now = hostile_now();
	pid_t pid;

	for (i = 0; i < HOSTILE_HOLDERS; i++) {
		pid = load(&hostile->holder[i].pid);
		if (pid && !kill(pid, 0) &&
		    now - hostile->holder[i].since > 2 * hostile->bound)
			kill(pid, SIGKILL);
		else if (free == HOSTILE_HOLDERS && (!pid || kill(pid, 0)))
			free = i;
	}
	if (free == HOSTILE_HOLDERS)
		return false;
	pid = attacker_fork(a, hold, &free);
	if (pid <= 0)
		return false;
	hostile->holder[free].since = now;
	store(&hostile->holder[free].pid, pid);
	return true;
}

/* A handler that never answers, and then a kill. */
static void stuck(struct attacker *a, void *arg)
{
	struct waiter w = { .fd = attacker_fd(a), .mem = vt_map(2 * VT_HUGE, VT_SMALL) };
	struct pollfd p = { .events = POLLIN };
	pthread_t thread;

	(void)arg;
	p.fd = w.fd < 0 || !w.mem ? -1 :
	       uffd_on(w.mem, VT_HUGE, attacker_draw(a, 2));
	if (p.fd < 0 || pthread_create(&thread, NULL, wait_in_device, &w))
		_exit(1);
	poll(&p, 1, 1000 * hostile->bound);
	raise(SIGKILL);
}

static bool do_stuck(struct attacker *a)
{
	return attacker_wait(attacker_fork(a, stuck, NULL),
			     2 * hostile->bound, NULL) == SIGKILL;
}

static bool do_kill(struct attacker *a)
{
	unsigned int i = attacker_draw(a, HOSTILE_ATTACKERS);
	pid_t pid = load(&hostile->attacker[i].pid);

	return i != a->slot && pid > 0 && !kill(pid, SIGKILL);
}

/* More than the cgroup has: it is one of theirs that has to go. */
static void eat(struct attacker *a, void *arg)
{
	size_t at, len = 2 * HOSTILE_MAX;
	char *mem = vt_map(len, VT_SMALL);
	int fd = attacker_fd(a);

	(void)arg;
	for (at = 0; at < len && mem; at += VT_HUGE) {
		attacker_fill(a, mem + at, VT_HUGE);
		attacker_migrate(a, fd, mem + at, VT_HUGE, at / VT_HUGE % 2, 0);
	}
}

static bool do_eat(struct attacker *a)
{
	return attacker_wait(attacker_fork(a, eat, NULL),
			     4 * hostile->bound, NULL) == SIGKILL;
}

/* Under limits of a process's own, and as root of a user namespace. */
static void confine(struct attacker *a, void *arg)
{
	struct rlimit none = { 0, 0 }, some = { 256 * VT_MIB, 256 * VT_MIB };
	int fd = attacker_fd(a);

	(void)arg;
	setrlimit(RLIMIT_MEMLOCK, &none);
	setrlimit(RLIMIT_AS, &some);
	/* Root of a namespace of its own is nobody here; "inject refused" sees. */
	if (unshare(CLONE_NEWUSER))
		_exit(1);
	if (attacker_migrate(a, fd, a->large, HOSTILE_ARENA, 1, 0) < 0 ||
	    attacker_rw(a, fd, a->large, a->buf, HOSTILE_ARENA, false))
		_exit(1);
	attacker_check(a, a->buf, HOSTILE_ARENA, "confined, device read");
}

static bool do_confined(struct attacker *a)
{
	return attacker_wait(attacker_fork(a, confine, NULL), hostile->bound,
			     NULL) == 0;
}

/* What any user may try on a process of another user. */
static bool do_outside(struct attacker *a)
{
	pid_t pid = hostile->victim[attacker_draw(a, HOSTILE_VICTIMS + 1)].pid;
	struct iovec own = { a->buf, 64 }, other = { a->small, 64 };
	char path[64];
	int fd, bad = 0;

	/* 0 would be a signal to itself. */
	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	bad |= fd >= 0 ? 1 : 0;
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/3", pid);
	fd = open(path, O_RDONLY);
	bad |= fd >= 0 ? 2 : 0;
	close(fd);
	bad |= process_vm_readv(pid, &own, 1, &other, 1, 0) > 0 ? 4 : 0;
	bad |= kill(pid, SIGKILL) ? 0 : 8;
	bad |= access("/sys/kernel/debug/dri", F_OK) ? 0 : 16;
	if (bad)
		hostile_found("a stranger may do %#x to process %d", bad, pid);
	return !bad;
}

/* The same mm in another process: a vfork child is the opener's equal. */
static bool do_vfork(struct attacker *a)
{
	int fd = attacker_fd(a), status;
	pid_t pid;

	if (fd < 0)
		return false;
	pid = vfork();
	if (!pid) {
		struct drm_vsvm_rw rw = {
			.addr = (uintptr_t)a->small, .buf = (uintptr_t)a->buf,
			.len = VT_PAGE,
		};

		_exit(ioctl(fd, DRM_IOCTL_VSVM_READ, &rw) ? 1 : 0);
	}
	status = attacker_wait(pid, hostile->bound, NULL);
	return status == 0 &&
	       attacker_check(a, a->buf, VT_PAGE, "vfork child's device read");
}

const struct hostile_op hostile_ways[] = {
	{ "hold on", 4, do_hold },
	{ "fork", 10, do_fork },
	{ "pages in a pipe", 4, do_pipe },
	{ "1000 references", 2, do_references },
	{ "handler never answers", 3, do_stuck },
	{ "kill another", 1, do_kill },
	{ "eat", 1, do_eat },
	{ "confined", 2, do_confined },
	{ "from outside", 2, do_outside },
	{ "vfork", 3, do_vfork },
	{ }
};

const struct hostile_op *hostile_op(unsigned int i)
{
	static const struct hostile_op * const lists[] = {
		hostile_ways, hostile_files, hostile_queues,
		hostile_ops,
	};
	const struct hostile_op *op;
	unsigned int list;

	for (list = 0; list < VT_COUNT(lists); list++)
		for (op = lists[list]; op->name; op++)
			if (!i--)
				return op;
	return NULL;
}

/* One after the other first, so that a short run has them all; then by weight. */
static unsigned int draw_op(struct attacker *a)
{
	const struct hostile_op *op;
	unsigned int i, sum = 0, x;

	if (hostile_op(load(&hostile->first))) {
		i = __atomic_fetch_add(&hostile->first, 1, __ATOMIC_SEQ_CST);
		if (hostile_op(i))
			return i;
	}
	for (i = 0; (op = hostile_op(i)); i++)
		sum += op->weight;
	x = attacker_draw(a, sum);
	for (i = 0; x >= (op = hostile_op(i))->weight; i++)
		x -= op->weight;
	return i;
}

void hostile_attack(unsigned int slot)
{
	static struct attacker self;
	struct attacker *a = &self;
	const struct hostile_op *op;
	unsigned int i, d;

	a->slot = slot;
	a->owner = __atomic_add_fetch(&hostile->owners, 1, __ATOMIC_SEQ_CST);
	a->dice.state = hostile->seed * 0x100000001b3ULL +
			slot * 1000003ULL + hostile->attacker[slot].number;
	for (d = 0; d < HOSTILE_DEVICES; d++)
		a->fd[d] = -1;
	a->wide = (char *)0x100000000000UL + slot * (1UL << 40);
	a->small = attacker_map(a, HOSTILE_ARENA, VT_SMALL);
	a->large = attacker_map(a, HOSTILE_ARENA, VT_LARGE);
	a->buf = vt_map(HOSTILE_ARENA, VT_SMALL);
	signal(SIGPIPE, SIG_IGN);
	while (a->small && a->large && a->buf && !load(&hostile->stop)) {
		i = draw_op(a);
		op = hostile_op(i);
		snprintf(hostile->attacker[slot].doing,
			 sizeof(hostile->attacker[slot].doing), "%s", op->name);
		__atomic_add_fetch(&hostile->op[i].tried, 1, __ATOMIC_RELAXED);
		if (op->fn(a))
			__atomic_add_fetch(&hostile->op[i].done, 1,
					   __ATOMIC_RELAXED);
		/* Holders and others that ended meanwhile. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	_exit(0);
}
