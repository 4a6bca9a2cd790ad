// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other parts of the kernel take references to the process's pages: reads and writes
 * from another process, direct I/O, io_uring's fixed buffers, pipes.
 *
 * Device pages migrate to system memory for them. Pinned pages stay, and both sides
 * keep the same bytes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_ring.h"

#define LEN	(2 * VT_HUGE)
#define SEED	221
#define OTHER	222

FIXTURE(pin)
{
	struct vsvm *v;
	char *mem;
	char *buf;
	struct vt_zram zram;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(pin);

FIXTURE_SETUP(pin)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	self->buf = malloc(LEN);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    true));
}

FIXTURE_TEARDOWN_PARENT(pin)
{
	vt_zram_gone(&self->zram);
}

#define TO_DEVICE()							\
	vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE, 0,	\
		   &self->m)
#define PINNED	(self->m.stayed[DRM_VSVM_STAY_PINNED])

/* The parent's memory as a child sees it by process_vm_*(). */
static int read_parent(struct vt_child *c, void *arg)
{
	struct iovec to = { malloc(LEN), LEN }, from = { arg, LEN };

	(void)c;
	if (process_vm_readv(getppid(), &to, 1, &from, 1, 0) != (ssize_t)LEN)
		return 1;
	return vt_check(to.iov_base, LEN, SEED, 0) ? 2 : 0;
}

static int write_parent(struct vt_child *c, void *arg)
{
	struct iovec from = { malloc(LEN), LEN }, to = { arg, LEN };

	(void)c;
	vt_fill(from.iov_base, LEN, OTHER, 0);
	return process_vm_writev(getppid(), &from, 1, &to, 1, 0) !=
	       (ssize_t)LEN;
}

/* process_vm_readv() of device pages. */
TEST_F(pin, process_vm_readv)
{
	EXPECT_EQ(0, vt_run(read_parent, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* process_vm_writev() to device pages that the device page table has. */
TEST_F(pin, process_vm_writev)
{
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_run(write_parent, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Direct I/O out of device pages, and into them. */
TEST_F(pin, direct_io)
{
	int fd;

	ASSERT_EQ(0, vt_zram_make(&self->zram, 2 * LEN));
	fd = vt_zram_open(&self->zram, O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);
	ASSERT_EQ(LEN, pwrite(fd, self->mem, LEN, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, pwrite(fd, self->mem, LEN, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(LEN, pread(fd, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(LEN, pread(fd, self->mem, LEN, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	close(fd);
}

struct mover {
	struct vsvm *v;
	char *mem;
	bool stop;
	int ret;
};

static void *move_about(void *arg)
{
	struct mover *m = arg;
	unsigned int i;

	for (i = 0; !m->ret && !__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE);
	     i++)
		m->ret = vsvm_migrate(m->v, m->mem, LEN, i % 2, 0, NULL);
	return NULL;
}

/* Direct I/O while the pages move under it: it hits the right page. */
TEST_F_TIMEOUT(pin, direct_io_while_moving, VT_LONG)
{
	struct mover mover = { .v = self->v, .mem = self->mem };
	pthread_t thread;
	int fd, i;

	ASSERT_EQ(0, vt_zram_make(&self->zram, 2 * LEN));
	fd = vt_zram_open(&self->zram, O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);
	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(LEN, pwrite(fd, self->mem, LEN, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, pwrite(fd, self->mem, LEN, LEN));
	ASSERT_EQ(0, pthread_create(&thread, NULL, move_about, &mover));
	for (i = 0; i < 12; i++) {
		EXPECT_EQ(LEN, pread(fd, self->mem, LEN, i % 2 * LEN));
		EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN,
					  i % 2 ? OTHER : SEED, 0));
	}
	__atomic_store_n(&mover.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, mover.ret);
	close(fd);
}

/* Registering a fixed buffer migrates device pages to system memory, and pins them. */
TEST_F(pin, io_uring_fixed_buffer)
{
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);
	struct vt_ring ring;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vt_ring_make(&ring, 0));
	ASSERT_EQ(0, vt_ring_register(&ring, self->mem, LEN));
	ASSERT_EQ(0, TO_DEVICE());
	EXPECT_EQ(LEN, PINNED);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));

	/* What the device writes goes out ... */
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, vt_ring_rw(&ring, IORING_OP_WRITE_FIXED, fd, self->mem,
				  LEN, NULL));
	ASSERT_EQ(LEN, pread(fd, self->buf, LEN, 0));
	EXPECT_EQ(0, vt_check(self->buf, LEN, OTHER, 0));

	/* ... and what comes in the device reads. */
	vt_fill(self->buf, LEN, SEED, 0);
	ASSERT_EQ(LEN, pwrite(fd, self->buf, LEN, 0));
	ASSERT_EQ(LEN, vt_ring_rw(&ring, IORING_OP_READ_FIXED, fd, self->mem,
				  LEN, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));

	/* Given up, the pages move. */
	ASSERT_EQ(0, syscall(SYS_io_uring_register, ring.fd,
			     IORING_UNREGISTER_BUFFERS, NULL, 0));
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A page that more processes share by fork than a pin counts for. */
#define SHARERS	1100

/* Each waits for the end of the pipe, and finds the page as it was. */
static int share(char *page, pid_t *pids, int *out)
{
	int fds[2], i;
	char byte;

	if (pipe(fds))
		return -errno;
	for (i = 0; i < SHARERS; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			return -errno;
		if (pids[i])
			continue;
		close(fds[1]);
		close(*out);
		if (read(fds[0], &byte, 1) != 0)
			_exit(9);
		_exit(vt_check(page, VT_PAGE, SEED, 0) ? 1 : 0);
	}
	close(fds[0]);
	*out = fds[1];
	return 0;
}

FIXTURE(shared)
{
	struct vsvm *v;
	char *page;
	pid_t pids[SHARERS];
	int hold;
	struct drm_vsvm_migrate m;
};

FIXTURE_SETUP(shared)
{
	self->hold = -1;
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->page = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	ASSERT_NE(NULL, self->page);
	ASSERT_EQ(0, share(self->page, self->pids, &self->hold));
}

/* Lets the sharers go, also when the test has died: its end of the pipe is gone. */
VT_TEARDOWN_CLOSE(shared)

/* Returns how many sharers did not find their bytes. */
static int sharers_end(const pid_t *pids, int hold)
{
	int i, status, bad = 0;

	close(hold);
	for (i = 0; i < SHARERS; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			bad++;
	return bad;
}

/* That is no pin: it moves, for all of them. */
TEST_F_TIMEOUT(shared, moves, VT_LONG)
{
	EXPECT_EQ(0, vt_to_device(self->v, self->page, VT_PAGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->page, VT_PAGE, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->page, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, sharers_end(self->pids, self->hold));
	EXPECT_EQ(0, vt_check(self->page, VT_PAGE, OTHER, 0));
}

/* Held by a pipe as well it stays; read out of there, it goes. */
TEST_F_TIMEOUT(shared, and_held_stays, VT_LONG)
{
	struct iovec iov = { self->page, VT_PAGE };
	char buf[VT_PAGE];
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(VT_PAGE, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, vt_migrate(self->v, self->page, VT_PAGE,
				DRM_VSVM_TARGET_DEVICE, 0, &self->m));
	EXPECT_EQ(VT_PAGE, PINNED);
	ASSERT_EQ(VT_PAGE, read(fds[0], buf, VT_PAGE));
	EXPECT_EQ(0, vt_to_device(self->v, self->page, VT_PAGE));
	EXPECT_EQ(0, sharers_end(self->pids, self->hold));
	EXPECT_EQ(0, vt_check(self->page, VT_PAGE, SEED, 0));
}

static int child_checks(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

/* fork() with a fixed buffer: the parent's device writes to the pinned pages. */
TEST_F(pin, fork_with_a_fixed_buffer)
{
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);
	struct vt_child c;
	struct vt_ring ring;

	ASSERT_EQ(0, vt_ring_make(&ring, 0));
	ASSERT_EQ(0, vt_ring_register(&ring, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, TO_DEVICE());
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, vt_ring_rw(&ring, IORING_OP_WRITE_FIXED, fd, self->mem,
				  LEN, NULL));
	ASSERT_EQ(LEN, pread(fd, self->buf, LEN, 0));
	EXPECT_EQ(0, vt_check(self->buf, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* A fixed buffer in a part of the range: the rest moves. */
TEST_F(pin, part_of_a_range)
{
	size_t len = 4 * VT_PAGE;
	size_t held = variant->kind == VT_LARGE ? VT_HUGE : len;
	struct vt_ring ring;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_ring_make(&ring, 0));
	ASSERT_EQ(0, vt_ring_register(&ring, self->mem + VT_HUGE + len, len));
	ASSERT_EQ(0, TO_DEVICE());
	EXPECT_EQ(held, PINNED);
	EXPECT_EQ(LEN - held, self->m.moved);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* vmsplice() of device pages: the pipe has what was there at that time. */
TEST_F(pin, vmsplice)
{
	struct iovec iov = { self->mem + VT_HUGE - VT_PAGE, 4 * VT_PAGE };
	size_t at = VT_HUGE - VT_PAGE;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(iov.iov_len, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, TO_DEVICE());
	EXPECT_LE(4 * VT_PAGE, PINNED);
	ASSERT_EQ(iov.iov_len, read(fds[0], self->buf, iov.iov_len));
	EXPECT_EQ(0, vt_check(self->buf, iov.iov_len, SEED, at));
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* System calls read from and write to device pages like any memory. */
TEST_F(pin, system_calls)
{
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);

	ASSERT_EQ(LEN, pwrite(fd, self->mem, LEN, 0));
	ASSERT_EQ(LEN, pread(fd, self->buf, LEN, 0));
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(LEN, pwrite(fd, self->buf, LEN, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(LEN, pread(fd, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
}

TEST_HARNESS_MAIN
