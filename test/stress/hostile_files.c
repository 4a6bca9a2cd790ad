// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an attacker does with descriptors, see hostile.h: hands them to children,
 * to other programs, to others of its kind, and to the kernel's own threads. Only
 * who opened a file may use it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

static bool foreign_ioctls(int fd, void *mem, char *buf)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)mem, .buf = (uintptr_t)buf, .len = 64,
	};
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)mem, .len = VT_PAGE, .target = 1,
	};
	struct drm_vsvm_snapshot snap = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.runs = (uintptr_t)buf, .nr_runs = 1,
	};
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
	};
	struct drm_vsvm_atomic atomic = {
		.addr = (uintptr_t)mem, .op = DRM_VSVM_ATOMIC_ADD, .size = 8,
	};
	struct drm_vsvm_discard discard = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
	};
	struct drm_vsvm_pin pin = { .addr = (uintptr_t)mem, .len = VT_PAGE };
	struct drm_vsvm_command command = vsvm_cmd_fill(mem, 64, 0, 1);
	struct drm_vsvm_queue_create create = { .slots = 1 };
	struct drm_vsvm_queue_destroy destroy = { .queue = 1 };
	struct drm_vsvm_submit submit = {
		.commands = (uintptr_t)&command, .nr_commands = 1, .queue = 1,
	};
	struct drm_vsvm_wait wait = { .addr = (uintptr_t)mem, .mask = 1 };
	struct drm_vsvm_queue_status status = { .queue = 1 };
	struct drm_vsvm_advise advise = {
		.set = DRM_VSVM_ADVISE_WORD, .flags = DRM_VSVM_ADVISE_FILE,
	};
	struct drm_vsvm_advice_get get = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.runs = (uintptr_t)buf, .nr_runs = 1,
	};
	struct drm_vsvm_events events = {
		.mask = DRM_VSVM_EVENTS_ALL, .records = 1,
		.size = sizeof(struct drm_vsvm_event),
	};

	return vt_ioctl(fd, DRM_IOCTL_VSVM_READ, &rw) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_WRITE, &rw) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &mig) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_EXCLUSIVE, &excl) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_ATOMIC, &atomic) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_ADVISE, &advise) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_ADVICE_GET, &get) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_DISCARD, &discard) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_PIN, &pin) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_CREATE, &create) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_SUBMIT, &submit) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &status) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_WAIT, &wait) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_DESTROY, &destroy) &&
	       vt_ioctl(fd, DRM_IOCTL_VSVM_EVENTS, &events);
}

int hostile_use_foreign(int fd, void *mem, char *buf)
{
	struct iovec iov = { buf, 64 };
	int pipes[2];
	loff_t at = (uintptr_t)mem;
	ssize_t n = -1;

	if (!foreign_ioctls(fd, mem, buf))
		return 1;
	if (pread(fd, buf, 64, at) >= 0 || pwrite(fd, buf, 64, at) >= 0)
		return 2;
	if (preadv(fd, &iov, 1, at) >= 0 || pwritev(fd, &iov, 1, at) >= 0)
		return 3;
	if (lseek(fd, at, SEEK_SET) == at &&
	    (read(fd, buf, 64) >= 0 || write(fd, buf, 64) >= 0))
		return 4;
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return 0;
	if (splice(fd, &at, pipes[1], NULL, 64, SPLICE_F_NONBLOCK) > 0)
		n = 0;
	at = (uintptr_t)mem;
	if (write(pipes[1], buf, 64) == 64 &&
	    splice(pipes[0], NULL, fd, &at, 64, SPLICE_F_NONBLOCK) > 0)
		n = 0;
	close(pipes[0]);
	close(pipes[1]);
	return n ? 0 : 5;
}

int hostile_foreign_main(char **argv)
{
	static char own[2 * VT_PAGE] __attribute__((aligned(4096)));
	char buf[VT_PAGE] = {};
	int ret = hostile_use_foreign(atoi(argv[0]), own, buf);

	/* Where the one before had something. */
	if (!ret)
		ret = hostile_use_foreign(atoi(argv[0]),
					  (void *)strtoul(argv[1], NULL, 16),
					  buf);
	return ret;
}

static int with_fd(struct attacker *a, bool opened)
{
	int fd = attacker_open(a);
	struct drm_vsvm_info info = {};

	/* Used by us, just opened, or only looked at. */
	if (fd >= 0 && opened)
		vt_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info);
	else if (fd >= 0)
		attacker_rw(a, fd, a->small, a->buf, 64, false);
	return fd;
}

static void exec_self(struct attacker *a, void *arg)
{
	int fd = with_fd(a, attacker_draw(a, 2));
	char number[16], at[32];

	(void)arg;
	if (fd < 0 || fcntl(fd, F_SETFD, 0))
		_exit(99);
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(at, sizeof(at), "%lx", (unsigned long)a->small);
	execl("/proc/self/exe", "hostile", "--foreign", number, at, NULL);
	_exit(99);
}

static bool do_exec(struct attacker *a)
{
	int status = attacker_wait(attacker_fork(a, exec_self, NULL),
				   hostile->bound, NULL);

	if (WIFEXITED(status) && WEXITSTATUS(status) &&
	    WEXITSTATUS(status) < 99)
		hostile_found("after exec, way %d to use the descriptor is open",
			      WEXITSTATUS(status));
	return status == 0;
}

/* Descriptors that a setuid program takes for its input, output and errors. */
static void exec_setuid(struct attacker *a, void *arg)
{
	unsigned int which = attacker_draw(a, 7) + 1, i;
	char mask[2] = { '0' + which, 0 };
	int fd;

	(void)arg;
	for (i = 0; i < 3; i++) {
		off_t at = hostile->helper[attacker_draw(a, HOSTILE_PLACES)];

		if (!(which & 1 << i))
			continue;
		fd = attacker_draw(a, 2) ? with_fd(a, attacker_draw(a, 2)) :
		     attacker_open(a);
		if (fd < 0)
			_exit(99);
		lseek(fd, at + attacker_draw(a, 2) * 8, SEEK_SET);
		if (dup2(fd, i) < 0)
			_exit(99);
	}
	execl(HOSTILE_HELPER, "helper", mask, "hostile words for it to say",
	      NULL);
	_exit(99);
}

static bool do_setuid(struct attacker *a)
{
	/* It says itself what it finds, where no attacker can write. */
	return attacker_wait(attacker_fork(a, exec_setuid, NULL),
			     hostile->bound, NULL) == 0;
}

/* With the number of who opened it. */
int attacker_send_fd(int sock, int fd, uint32_t owner)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &owner, sizeof(owner) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(sock, &msg, MSG_DONTWAIT) == sizeof(owner) ? 0 : -1;
}

static int take_fd(int sock, uint32_t *owner)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { owner, sizeof(*owner) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
	    sizeof(*owner) || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void heir_of_fd(struct attacker *a, void *arg)
{
	int ret = hostile_use_foreign(*(int *)arg, a->small, a->buf);

	if (ret)
		hostile_found("a child, way %d to use the parent's descriptor is open",
			      ret);
}

/* A descriptor for a child, and one for any attacker that takes it. */
static bool do_pass(struct attacker *a)
{
	int fd = with_fd(a, attacker_draw(a, 2)), old;
	uint32_t owner;
	bool ok;

	if (fd < 0)
		return false;
	ok = attacker_wait(attacker_fork(a, heir_of_fd, &fd), hostile->bound,
			   NULL) == 0;
	/* Full, because no attacker took any for a while? */
	if (attacker_send_fd(hostile->socket[0], fd, a->owner)) {
		old = take_fd(hostile->socket[1], &owner);
		if (old >= 0)
			close(old);
	}
	close(fd);
	return ok;
}

static bool do_take(struct attacker *a)
{
	uint32_t owner;
	int fd = take_fd(hostile->socket[1], &owner), way = 0;

	if (fd < 0)
		return false;
	/* Perhaps it is its own that it takes. */
	if (owner != a->owner)
		way = hostile_use_foreign(fd, a->small, a->buf);
	if (way)
		hostile_found("way %d to use the descriptor of attacker %u is open",
			      way, owner);
	close(fd);
	return owner != a->owner;
}

#define STREAMS		(DRM_VSVM_MAX_STREAMS + 2)

static void heir_of_events(struct attacker *a, void *arg)
{
	struct drm_vsvm_event e[4];
	const int *fd = arg;
	unsigned int i;

	(void)a;
	for (i = 0; i < STREAMS; i++)
		if (fd[i] >= 0 && read(fd[i], e, sizeof(e)) >= 0)
			hostile_found("a child reads events of its parent");
}

/* What is told is of its own files, and of memory that it has; or has no address. */
static bool check_events(struct attacker *a, int fd)
{
	struct drm_vsvm_event e[16];
	ssize_t n;
	size_t i;

	while ((n = read(fd, e, sizeof(e))) > 0) {
		if (n % sizeof(*e))
			hostile_found("%zd bytes of events", n);
		for (i = 0; i < n / sizeof(*e); i++)
			if (e[i].size != sizeof(*e) || e[i].pad ||
			    e[i].device >= HOSTILE_DEVICES ||
			    !vsvm_event_name(e[i].type) ||
			    !vsvm_cause_name(e[i].cause) ||
			    e[i].addr >> 47)
				hostile_found("event %u, size %u, cause %u, addr %#llx",
					      e[i].type, e[i].size, e[i].cause,
					      e[i].addr);
	}
	attacker_check(a, a->small, VT_PAGE, "after events, CPU read");
	return !n || errno == EAGAIN;
}

/* As many streams as there may be, while all sorts of things happen. */
static bool do_events(struct attacker *a)
{
	int fd = with_fd(a, false), stream[STREAMS];
	unsigned int i, n = 0;
	bool ok = false;

	for (i = 0; i < STREAMS; i++) {
		struct drm_vsvm_events arg = {
			.mask = attacker_draw(a, DRM_VSVM_EVENTS_ALL / 2) * 2 ?: 2,
			.records = attacker_draw(a, 100) + 1,
			.size = sizeof(struct drm_vsvm_event),
			.flags = DRM_VSVM_EVENTS_NONBLOCK,
		};

		stream[i] = fd >= 0 && !vt_ioctl(fd, DRM_IOCTL_VSVM_EVENTS, &arg) ?
			    arg.fd : -1;
		n += stream[i] >= 0;
	}
	if (n > DRM_VSVM_MAX_STREAMS)
		hostile_found("a process has %u event streams", n);
	attacker_migrate(a, fd, a->small, HOSTILE_ARENA / 4, 1, 0);
	attacker_wait(attacker_fork(a, heir_of_events, stream), hostile->bound,
		      NULL);
	/* The file may be gone before what it brought. */
	if (fd >= 0 && attacker_draw(a, 2)) {
		close(fd);
		fd = -1;
	}
	attacker_check(a, a->small, HOSTILE_ARENA / 4, "told of, CPU read");
	for (i = 0; i < STREAMS; i++) {
		if (stream[i] < 0)
			continue;
		ok |= check_events(a, stream[i]);
		close(stream[i]);
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Asynchronous, by another thread of the kernel's, in a child that may hang. */
static void aio(struct attacker *a, void *arg)
{
	int fd = attacker_fd(a);
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)a->buf,
		.aio_nbytes = VT_PAGE,
		.aio_offset = (uintptr_t)a->small,
	}, *list = &cb;
	struct timespec second = { .tv_sec = 1 };
	aio_context_t ctx = 0;
	struct io_event ev;

	(void)arg;
	memset(a->buf, 0, VT_PAGE);
	if (fd < 0 || syscall(SYS_io_setup, 4, &ctx))
		_exit(1);
	if (syscall(SYS_io_submit, ctx, 1, &list) == 1)
		syscall(SYS_io_getevents, ctx, 1, 1, &ev, &second);
	attacker_check(a, a->buf, VT_PAGE, "AIO");
}

static bool do_aio(struct attacker *a)
{
	return attacker_wait(attacker_fork(a, aio, NULL), hostile->bound,
			     NULL) == 0;
}

/* One READ through io_uring, from our file or, in a child, from the parent's. */
static void uring(struct attacker *a, void *arg)
{
	int fd = arg ? *(int *)arg : attacker_fd(a), ring;
	struct io_uring_params p = {};
	struct io_uring_sqe *sqe;
	char *rings;

	memset(a->buf, 0, VT_PAGE);
	ring = syscall(SYS_io_uring_setup, 4, &p);
	if (fd < 0 || ring < 0)
		_exit(1);
	rings = mmap(NULL, p.sq_off.array + 16, PROT_READ | PROT_WRITE,
		     MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, 4 * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
		   ring, IORING_OFF_SQES);
	if (rings == MAP_FAILED || sqe == MAP_FAILED)
		_exit(1);
	sqe->opcode = IORING_OP_READ;
	sqe->flags = attacker_draw(a, 2) ? IOSQE_ASYNC : 0;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)a->buf;
	sqe->len = VT_PAGE;
	sqe->off = (uintptr_t)a->small;
	*(uint32_t *)(rings + p.sq_off.array) = 0;
	store((uint32_t *)(rings + p.sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1)
		_exit(1);
	usleep(attacker_draw(a, 200000));
	if (!arg)
		attacker_check(a, a->buf, VT_PAGE, "io_uring");
	else if (*(uint64_t *)a->buf)
		hostile_found("io_uring read with the parent's descriptor: %s",
			      hostile_whose(*(uint64_t *)a->buf));
}

static bool do_uring(struct attacker *a)
{
	int fd = with_fd(a, false);
	bool ok;

	ok = fd >= 0 &&
	     attacker_wait(attacker_fork(a, uring, attacker_draw(a, 2) ? &fd :
					 NULL), hostile->bound, NULL) == 0;
	close(fd);
	return ok;
}

const struct hostile_op hostile_files[] = {
	{ "exec", 3, do_exec },
	{ "exec of a setuid program", 5, do_setuid },
	{ "pass a descriptor", 3, do_pass },
	{ "take a descriptor", 3, do_take },
	{ "AIO", 2, do_aio },
	{ "io_uring", 2, do_uring },
	{ "event streams", 4, do_events },
	{ }
};
