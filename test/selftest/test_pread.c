// SPDX-License-Identifier: GPL-2.0-only
/*
 * pread() and pwrite() of the render node, where the file offset is the virtual
 * address.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	71
#define OTHER	72

FIXTURE(pread)
{
	struct vsvm *v;
	int fd;
	char *mem;
	char *buf;
};

FIXTURE_VARIANT(pread)
{
	bool on_device;
};

FIXTURE_VARIANT_ADD(pread, system)
{
};

FIXTURE_VARIANT_ADD(pread, device)
{
	.on_device = true,
};

FIXTURE_SETUP(pread)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->fd = vsvm_fd(self->v);
	self->mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	ASSERT_NE(NULL, self->mem);
	self->buf = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->buf);
	memset(self->buf, 0xa5, LEN);
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
}

VT_TEARDOWN_CLOSE(pread)

#define OFFSET(off)	((off_t)(uintptr_t)(self->mem + (off)))
#define PLACE (variant->on_device ? DRM_VSVM_PLACE_DEVICE : \
				    DRM_VSVM_PLACE_SYSTEM)

/* pread() gives the bytes at the address and moves nothing. */
TEST_F(pread, pread_reads)
{
	size_t off = VT_HUGE - 1001, len = 20002;

	ASSERT_EQ(len, pread(self->fd, self->buf + 3, len, OFFSET(off)));
	EXPECT_EQ(0, vt_check(self->buf + 3, len, SEED, off));
	EXPECT_EQ(0, vt_check_byte(self->buf, 3, 0xa5));
	EXPECT_EQ(0, vt_check_byte(self->buf + 3 + len, 100, 0xa5));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
}

/* pwrite() changes the bytes at the address, and moves nothing. */
TEST_F(pread, pwrite_writes)
{
	size_t off = VT_HUGE - 1001, len = 20002;

	vt_fill(self->buf + 3, len, OTHER, off);
	ASSERT_EQ(len, pwrite(self->fd, self->buf + 3, len, OFFSET(off)));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, off, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + off, len, OTHER, off));
	EXPECT_EQ(0, vt_check(self->mem + off + len, LEN - off - len, SEED,
			      off + len));
}

/* All of it goes through one call. */
TEST_F(pread, transfers_all)
{
	ASSERT_EQ(LEN, pread(self->fd, self->buf, LEN, OFFSET(0)));
	ASSERT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(LEN, pwrite(self->fd, self->buf, LEN, OFFSET(0)));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* pread() that meets a hole gives what came before; at the hole EFAULT. */
TEST_F(pread, pread_stops_at_a_hole)
{
	size_t hole = 9 * VT_PAGE;

	ASSERT_EQ(0, munmap(self->mem + hole, VT_PAGE));
	ASSERT_EQ(777, pread(self->fd, self->buf, VT_PAGE, OFFSET(hole - 777)));
	EXPECT_EQ(0, vt_check(self->buf, 777, SEED, hole - 777));
	EXPECT_EQ(0, vt_check_byte(self->buf + 777, VT_PAGE - 777, 0xa5));
	EXPECT_EQ(-1, pread(self->fd, self->buf, 1, OFFSET(hole)));
	EXPECT_EQ(EFAULT, errno);
}

/* pwrite() that meets a hole writes what is before; at the hole EFAULT. */
TEST_F(pread, pwrite_stops_at_a_hole)
{
	size_t hole = 9 * VT_PAGE;

	vt_fill(self->buf, VT_PAGE, OTHER, hole - 777);
	ASSERT_EQ(0, munmap(self->mem + hole, VT_PAGE));
	ASSERT_EQ(777,
		  pwrite(self->fd, self->buf, VT_PAGE, OFFSET(hole - 777)));
	EXPECT_EQ(0, vt_check(self->mem + hole - 777, 777, OTHER, hole - 777));
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 1, OFFSET(hole)));
	EXPECT_EQ(EFAULT, errno);
}

/* pwrite() to a read-only mapping is EPERM and changes nothing. */
TEST_F(pread, pwrite_respects_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, VT_PAGE, OFFSET(100)));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* PROT_NONE is EFAULT. */
TEST_F(pread, respects_prot_none)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	EXPECT_EQ(-1, pread(self->fd, self->buf, VT_PAGE, OFFSET(0)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, VT_PAGE, OFFSET(0)));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A buffer that is not there is EFAULT; one that ends early, a short count. */
TEST_F(pread, needs_a_buffer)
{
	char *hole = self->buf + VT_PAGE;

	ASSERT_EQ(0, munmap(hole, VT_PAGE));
	EXPECT_EQ(-1, pread(self->fd, hole, 100, OFFSET(0)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->fd, hole, 100, OFFSET(0)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(50, pread(self->fd, hole - 50, 100, OFFSET(0)));
	EXPECT_EQ(0, vt_check(hole - 50, 50, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Nothing to do is done without looking. */
TEST_F(pread, zero_length)
{
	EXPECT_EQ(0, pread(self->fd, self->buf, 0, OFFSET(0)));
	EXPECT_EQ(0, pwrite(self->fd, self->buf, 0, OFFSET(0)));
}

/* Offsets that no user space has are refused. */
TEST_F(pread, refuses_far_offsets)
{
	EXPECT_EQ(-1, pread(self->fd, self->buf, 8, 0x4000000000000000L));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 8, 0x4000000000000000L));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pread(self->fd, self->buf, 8, -4096));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, self->buf, 8, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, vt_check_byte(self->buf, LEN, 0xa5));
}

/* Buffers in pieces are filled and emptied in order. */
TEST_F(pread, vectors)
{
	struct iovec iov[3] = {
		{ .iov_base = self->buf + 1, .iov_len = 1000 },
		{ .iov_base = self->buf + 5000, .iov_len = VT_PAGE },
		{ .iov_base = self->buf + 20000, .iov_len = 7 },
	};
	size_t len = 1000 + VT_PAGE + 7;

	ASSERT_EQ(len, preadv(self->fd, iov, 3, OFFSET(333)));
	EXPECT_EQ(0, vt_check(self->buf + 1, 1000, SEED, 333));
	EXPECT_EQ(0, vt_check(self->buf + 5000, VT_PAGE, SEED, 1333));
	EXPECT_EQ(0, vt_check(self->buf + 20000, 7, SEED, 1333 + VT_PAGE));
	ASSERT_EQ(len, pwritev(self->fd, iov, 3, OFFSET(VT_HUGE)));
	EXPECT_EQ(0, vt_check(self->mem + VT_HUGE, len, SEED, 333));
}

TEST_HARNESS_MAIN
