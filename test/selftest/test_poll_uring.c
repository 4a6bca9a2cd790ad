// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node as a file: what poll(), select() and epoll say of it, and how reads and
 * writes by io_uring, AIO or splice end.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_ring.h"

#define LEN	(16 * VT_PAGE)
#define SEED	331
#define OTHER	332

#define READY	(POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM)

FIXTURE(node)
{
	struct vsvm *v;
	int fd;
	char *mem;
	char *buf;
};

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->fd = vsvm_fd(self->v);
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	vt_fill(self->mem, LEN, SEED, 0);
	self->buf = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->buf);
	memset(self->buf, 0xa5, LEN);
}

FIXTURE_TEARDOWN_PARENT(node)
{
	/* The test's process is gone; it may have died of what it unplugged. */
	if (access(VT_DRIVER "vsvm.0", F_OK))
		vt_file_write(VT_DRIVER "bind", "vsvm.0");
}

/* What poll() says at once; negative: an errno, or nothing. */
static int says(int fd)
{
	struct pollfd p = { .fd = fd, .events = READY | POLLPRI };
	int ret = poll(&p, 1, 0);

	return ret < 0 ? -errno : ret ? p.revents : 0;
}

static int stranger_polls(struct vt_child *c, void *arg)
{
	int *fd = arg;

	(void)c;
	return says(*fd) == POLLERR ? 0 : 1;
}

/* There is nothing to wait for, used before or not; but not for a stranger. */
TEST_F(node, poll)
{
	EXPECT_EQ(READY, says(self->fd));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(READY, says(self->fd));
	EXPECT_EQ(0, vt_run(stranger_polls, &self->fd));
}

/* select() agrees. */
TEST_F(node, select)
{
	struct timeval now = {};
	fd_set in, out, other;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&other);
	FD_SET(self->fd, &in);
	FD_SET(self->fd, &out);
	FD_SET(self->fd, &other);
	ASSERT_EQ(2, select(self->fd + 1, &in, &out, &other, &now));
	EXPECT_TRUE(FD_ISSET(self->fd, &in));
	EXPECT_TRUE(FD_ISSET(self->fd, &out));
	EXPECT_FALSE(FD_ISSET(self->fd, &other));
}

/* epoll agrees with poll(), for the thread that waits, not for the one that added it. */
TEST_F(node, epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	memset(&event, 0, sizeof(event));
	ASSERT_EQ(1, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, event.events);
}

static int unplugs(struct vt_child *c, void *arg)
{
	(void)arg;
	if (vt_hear(c))
		return 1;
	/* Time for the other one to wait; if it takes longer, it sees it at once. */
	usleep(100000);
	return vt_file_write(VT_DRIVER "unbind", "vsvm.0") ? 2 : 0;
}

/* Who waits for nothing but the device's end is woken by it. */
TEST_F(node, unplug_wakes)
{
	struct pollfd p = { .fd = self->fd };
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, unplugs, NULL));
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(1, poll(&p, 1, 20000));
	EXPECT_EQ(POLLHUP | POLLERR, p.revents);
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(POLLHUP | POLLERR, says(self->fd));
}

FIXTURE(uring)
{
	struct vsvm *v;
	int fd;
	char *mem;
	char *buf;
	struct vt_ring ring;
};

FIXTURE_VARIANT(uring)
{
	unsigned int flags;
	int nonblock;
};

FIXTURE_VARIANT_ADD(uring, plain)
{
};

FIXTURE_VARIANT_ADD(uring, nonblock)
{
	.nonblock = O_NONBLOCK,
};

FIXTURE_VARIANT_ADD(uring, sqpoll)
{
	.flags = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->fd = vsvm_fd(self->v);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | variant->nonblock));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	vt_fill(self->mem, LEN, SEED, 0);
	self->buf = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->buf);
	memset(self->buf, 0xa5, LEN);
	ASSERT_EQ(0, vt_ring_make(&self->ring, variant->flags));
}

VT_TEARDOWN_CLOSE(uring)

/* READ and WRITE complete, with all of the bytes. */
TEST_F(uring, read_and_write)
{
	ASSERT_EQ(LEN, vt_ring_rw(&self->ring, IORING_OP_READ, self->fd,
				  self->buf, LEN, self->mem));
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(LEN, vt_ring_rw(&self->ring, IORING_OP_WRITE, self->fd,
				  self->buf, LEN, self->mem));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* So does READV, from pieces. */
TEST_F(uring, readv)
{
	struct iovec iov[2] = {
		{ .iov_base = self->buf + 1, .iov_len = 1000 },
		{ .iov_base = self->buf + 2 * VT_PAGE, .iov_len = VT_PAGE },
	};

	ASSERT_EQ(1000 + VT_PAGE, vt_ring_rw(&self->ring, IORING_OP_READV,
					     self->fd, iov, 2, self->mem + 7));
	EXPECT_EQ(0, vt_check(self->buf + 1, 1000, SEED, 7));
	EXPECT_EQ(0, vt_check(self->buf + 2 * VT_PAGE, VT_PAGE, SEED, 1007));
}

/* An error is an error there, too. */
TEST_F(uring, says_what_is_wrong)
{
	ASSERT_EQ(0, munmap(self->mem, VT_PAGE));
	EXPECT_EQ(-EFAULT, vt_ring_rw(&self->ring, IORING_OP_READ, self->fd,
				      self->buf, 8, self->mem));
	ASSERT_EQ(0, mprotect(self->mem + VT_PAGE, VT_PAGE, PROT_READ));
	EXPECT_EQ(-EPERM, vt_ring_rw(&self->ring, IORING_OP_WRITE, self->fd,
				     self->buf, 8, self->mem + VT_PAGE));
}

struct inherited {
	struct vt_ring *ring;
	int fd;
	char *mem;
	char *buf;
};

static int stranger_submits(struct vt_child *c, void *arg)
{
	struct inherited *i = arg;

	(void)c;
	if (vt_ring_rw(i->ring, IORING_OP_READ, i->fd, i->buf, 8, i->mem) !=
	    -EPERM)
		return 1;
	return vt_check_byte(i->buf, 8, 0xa5) ? 2 : 0;
}

/* A ring that is inherited works for the child, who may not use the file. */
TEST_F(node, inherited_ring)
{
	struct inherited i = { .fd = self->fd, .mem = self->mem,
			       .buf = self->buf };
	struct vt_ring ring;

	ASSERT_EQ(0, vt_ring_make(&ring, 0));
	i.ring = &ring;
	EXPECT_EQ(0, vt_run(stranger_submits, &i));
}

/* AIO is for files that can do it; this one says that it cannot. */
TEST_F(node, aio_refused)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)self->buf,
		.aio_nbytes = 8,
		.aio_offset = (uintptr_t)self->mem,
	}, *one = &cb;
	aio_context_t ctx = 0;

	ASSERT_EQ(0, syscall(SYS_io_setup, 1, &ctx));
	EXPECT_EQ(-1, syscall(SYS_io_submit, ctx, 1, &one));
	EXPECT_EQ(EINVAL, errno);
	cb.aio_lio_opcode = IOCB_CMD_PWRITE;
	EXPECT_EQ(-1, syscall(SYS_io_submit, ctx, 1, &one));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, syscall(SYS_io_destroy, ctx));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Nor can it be spliced, either way. */
TEST_F(node, splice_refused)
{
	loff_t at = (uintptr_t)self->mem;
	off_t from = at;
	int p[2];

	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	EXPECT_EQ(-1, splice(self->fd, &at, p[1], NULL, 8, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, sendfile(p[1], self->fd, &from, 8));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(8, write(p[1], "8 bytes", 8));
	EXPECT_EQ(-1, splice(p[0], NULL, self->fd, &at, 8, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* O_NONBLOCK changes nothing, as with a regular file. */
TEST_F(node, nonblock)
{
	off_t at = (uintptr_t)self->mem;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	EXPECT_EQ(LEN, pread(self->fd, self->buf, LEN, at));
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	vt_fill(self->buf, LEN, OTHER, 0);
	EXPECT_EQ(LEN, pwrite(self->fd, self->buf, LEN, at));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	EXPECT_EQ(READY, says(self->fd));
}

/* To wait for nothing at all is more than it can promise. */
TEST_F(node, nowait_refused)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = 8 };
	off_t at = (uintptr_t)self->mem;

	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, at, RWF_NOWAIT));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, pwritev2(self->fd, &iov, 1, at, RWF_NOWAIT));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

TEST_HARNESS_MAIN
