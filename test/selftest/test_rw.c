// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ and WRITE are right to the byte.
 *
 * Wherever the pages are, whatever boundary the range crosses, and whatever memory is
 * the other side of the copy.
 */
#include <signal.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(3 * VT_HUGE)
#define SEED	11
#define OTHER	12

FIXTURE(rw)
{
	struct vsvm *v;
	char *mem;
	char *buf;
};

VT_PAGE_PLACES(rw);

FIXTURE_SETUP(rw)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    variant->on_device));
	self->buf = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->buf);
}

VT_TEARDOWN_CLOSE(rw)

/* Where the pages of a variant should be. */
#define PLACE (variant->on_device ? DRM_VSVM_PLACE_DEVICE : \
				    DRM_VSVM_PLACE_SYSTEM)

/* Ranges worth trying: at and across the edges of pages, of 2M and of all. */
static const struct {
	size_t off;
	size_t len;
} ranges[] = {
	{ 0, 1 },
	{ 0, 7 },
	{ 1, 1 },
	{ VT_PAGE - 1, 1 },
	{ VT_PAGE - 1, 2 },
	{ VT_PAGE - 3, VT_PAGE + 6 },
	{ VT_PAGE, VT_PAGE },
	{ 5 * VT_PAGE + 123, 17 * VT_PAGE + 1001 },
	{ VT_HUGE - 1, 2 },
	{ VT_HUGE - VT_PAGE, 2 * VT_PAGE },
	{ VT_HUGE - 5, VT_HUGE + 10 },
	{ 2 * VT_HUGE + 1, VT_HUGE - 2 },
	{ LEN - 1, 1 },
	{ LEN - VT_PAGE - 1, VT_PAGE + 1 },
};

/* The device reads all of it right and moves nothing. */
TEST_F_TIMEOUT(rw, read_all, VT_LONG)
{
	size_t done = 0;

	ASSERT_EQ(0, vsvm_read(self->v, self->mem, self->buf, LEN, &done));
	EXPECT_EQ(LEN, done);
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
}

/* What the device writes is what the CPU reads. */
TEST_F_TIMEOUT(rw, write_all, VT_LONG)
{
	size_t done = 0;

	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, self->buf, LEN, &done));
	EXPECT_EQ(LEN, done);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* What the device writes the device reads, without a CPU in between. */
TEST_F_TIMEOUT(rw, write_then_read, VT_LONG)
{
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
}

/* A read copies the bytes of its range and none beside them. */
TEST_F_TIMEOUT(rw, reads_bytes, VT_LONG)
{
	size_t i, len, done;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		len = ranges[i].len;
		memset(self->buf, 0xa5, len + 16);
		done = 0;
		ASSERT_EQ(0, vsvm_read(self->v, self->mem + ranges[i].off,
				       self->buf + 8, len, &done));
		ASSERT_EQ(len, done);
		ASSERT_EQ(0, vt_check(self->buf + 8, len, SEED, ranges[i].off));
		ASSERT_EQ(0, vt_check_byte(self->buf, 8, 0xa5));
		ASSERT_EQ(0, vt_check_byte(self->buf + 8 + len, 8, 0xa5));
	}
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
}

/* A write changes the bytes of its range and none beside them. */
TEST_F_TIMEOUT(rw, writes_bytes, VT_LONG)
{
	size_t i, off, len, done;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		off = ranges[i].off;
		len = ranges[i].len;
		vt_fill(self->buf, len, OTHER, off);
		done = 0;
		ASSERT_EQ(0, vsvm_write(self->v, self->mem + off, self->buf,
					len, &done));
		ASSERT_EQ(len, done);
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem + off, len, OTHER,
					  off));
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem, off, SEED, 0));
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem + off + len,
					  LEN - off - len, SEED, off + len));
		ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + off, len, SEED,
					 off));
	}
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, LEN, PLACE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* One range may span mappings of different kinds. */
TEST_F(rw, reads_across_mappings)
{
	size_t off = VT_HUGE - 100;

	ASSERT_EQ(0, mprotect(self->mem + VT_HUGE, VT_HUGE, PROT_READ));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem + off, VT_HUGE + 200, SEED,
				  off));
	EXPECT_EQ(0, vt_dev_fill(self->v, self->mem + off, 100, OTHER, off));
	EXPECT_EQ(0, vt_check(self->mem + off, 100, OTHER, off));
}

/* A read that meets a hole ends there, to the byte, with EFAULT. */
TEST_F(rw, read_stops_at_a_hole)
{
	size_t hole = VT_HUGE + 3 * VT_PAGE, from = hole - 5000, done = 0;

	ASSERT_EQ(0, munmap(self->mem + hole, VT_PAGE));
	memset(self->buf, 0xa5, 3 * VT_PAGE);
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + from, self->buf,
				     3 * VT_PAGE, &done));
	EXPECT_EQ(5000, done);
	EXPECT_EQ(0, vt_check(self->buf, 5000, SEED, from));
	EXPECT_EQ(0, vt_check_byte(self->buf + 5000, 3 * VT_PAGE - 5000, 0xa5));
}

/* A write that meets a hole ends there, to the byte, with EFAULT. */
TEST_F(rw, write_stops_at_a_hole)
{
	size_t hole = VT_HUGE + 3 * VT_PAGE, from = hole - 5000, done = 0;

	ASSERT_EQ(0, munmap(self->mem + hole, VT_PAGE));
	vt_fill(self->buf, 3 * VT_PAGE, OTHER, from);
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->mem + from, self->buf,
				      3 * VT_PAGE, &done));
	EXPECT_EQ(5000, done);
	EXPECT_EQ(0, vt_check(self->mem + from, 5000, OTHER, from));
	EXPECT_EQ(0, vt_check(self->mem, from, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + hole + VT_PAGE,
			      LEN - hole - VT_PAGE, SEED, hole + VT_PAGE));
}

/* A read that meets PROT_NONE ends there with EFAULT, and hurts nothing. */
TEST_F(rw, read_stops_at_prot_none)
{
	size_t wall = VT_HUGE + 3 * VT_PAGE, from = wall - 77, done = 0;

	ASSERT_EQ(0, mprotect(self->mem + wall, VT_PAGE, PROT_NONE));
	memset(self->buf, 0xa5, VT_PAGE);
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + from, self->buf,
				     VT_PAGE, &done));
	EXPECT_EQ(77, done);
	EXPECT_EQ(0, vt_check(self->buf, 77, SEED, from));
	EXPECT_EQ(0, vt_check_byte(self->buf + 77, VT_PAGE - 77, 0xa5));
	ASSERT_EQ(0, mprotect(self->mem + wall, VT_PAGE,
			      PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A write that meets a read-only mapping ends there with EPERM. */
TEST_F(rw, write_stops_at_read_only)
{
	size_t wall = VT_HUGE + 3 * VT_PAGE, from = wall - 5000, done = 0;

	ASSERT_EQ(0, mprotect(self->mem + wall, VT_PAGE, PROT_READ));
	vt_fill(self->buf, 3 * VT_PAGE, OTHER, from);
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem + from, self->buf,
				     3 * VT_PAGE, &done));
	EXPECT_EQ(5000, done);
	EXPECT_EQ(0, vt_check(self->mem + from, 5000, OTHER, from));
	EXPECT_EQ(0, vt_check(self->mem + wall, LEN - wall, SEED, wall));
}

/* A caller with a poisoned page is told of it like one that touched it. */
static void told(int sig)
{
	(void)sig;
}

/* A page that is lost to a memory error; what comes before is copied. */
TEST_F(rw, poisoned_memory_refused)
{
	size_t bad = VT_HUGE + 3 * VT_PAGE, from = bad - 5000, done = 0;

	signal(SIGBUS, told);
	ASSERT_EQ(0, madvise(self->mem + bad, VT_PAGE, MADV_HWPOISON));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + from, self->buf,
				     3 * VT_PAGE, &done));
	EXPECT_EQ(5000, done);
	EXPECT_EQ(0, vt_check(self->buf, 5000, SEED, from));
	done = 1;
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->mem + bad, self->buf, 1,
				      &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + bad + VT_PAGE, VT_PAGE,
				  SEED, bad + VT_PAGE));
}

/* mprotect() to read-only takes the device's right to write, and gives it. */
TEST_F(rw, write_follows_mprotect)
{
	char byte = 1;

	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem, &byte, 1, NULL));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem + LEN - 1, &byte, 1,
				     NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A buffer that ends early ends the read, to the byte, with EFAULT. */
TEST_F(rw, read_stops_at_the_end_of_buf)
{
	char *buf = self->buf + VT_PAGE - 1234;
	size_t done = 0;

	ASSERT_EQ(0, munmap(self->buf + VT_PAGE, VT_PAGE));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + 55, buf, VT_PAGE,
				     &done));
	EXPECT_EQ(1234, done);
	EXPECT_EQ(0, vt_check(buf, 1234, SEED, 55));
}

/* A buffer that ends early ends the write, to the byte, with EFAULT. */
TEST_F(rw, write_stops_at_the_end_of_buf)
{
	char *buf = self->buf + VT_PAGE - 1234;
	size_t done = 0;

	vt_fill(buf, 1234, OTHER, 56);
	ASSERT_EQ(0, munmap(self->buf + VT_PAGE, VT_PAGE));
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->mem + 56, buf, VT_PAGE,
				      &done));
	EXPECT_EQ(1234, done);
	EXPECT_EQ(0, vt_check(self->mem + 56, 1234, OTHER, 56));
	EXPECT_EQ(0, vt_check(self->mem + 56 + 1234, LEN - 56 - 1234, SEED,
			      56 + 1234));
}

/* A read does not write into a buffer that the caller may not write. */
TEST_F(rw, read_respects_a_read_only_buf)
{
	size_t done = 1;

	memset(self->buf, 0xa5, VT_PAGE);
	ASSERT_EQ(0, mprotect(self->buf, VT_PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem, self->buf, VT_PAGE,
				     &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, vt_check_byte(self->buf, VT_PAGE, 0xa5));
}

/* The buffer of a read may itself be on the device. */
TEST_F(rw, reads_into_device_memory)
{
	size_t len = VT_HUGE + 333;
	size_t done = 0;

	memset(self->buf, 0xa5, LEN);
	ASSERT_EQ(0, vt_to_device(self->v, self->buf, LEN));
	ASSERT_EQ(0, vsvm_read(self->v, self->mem + 777, self->buf + 99, len,
			       &done));
	EXPECT_EQ(len, done);
	EXPECT_EQ(0, vt_check(self->buf + 99, len, SEED, 777));
	EXPECT_EQ(0, vt_check_byte(self->buf, 99, 0xa5));
	EXPECT_EQ(0, vt_check_byte(self->buf + 99 + len, LEN - 99 - len, 0xa5));
}

/* The buffer of a write may itself be on the device. */
TEST_F(rw, writes_from_device_memory)
{
	size_t len = VT_HUGE + 333;
	size_t done = 0;

	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_to_device(self->v, self->buf, LEN));
	ASSERT_EQ(0, vsvm_write(self->v, self->mem + 99, self->buf + 99, len,
				&done));
	EXPECT_EQ(len, done);
	EXPECT_EQ(0, vt_check(self->mem, 99, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + 99, len, OTHER, 99));
	EXPECT_EQ(0, vt_check(self->mem + 99 + len, LEN - 99 - len, SEED,
			      99 + len));
}

/* The buffer may be the range itself: the copy ends and changes nothing. */
TEST_F(rw, copies_onto_itself)
{
	size_t done = 0;

	ASSERT_EQ(0, vsvm_read(self->v, self->mem, self->mem, LEN, &done));
	EXPECT_EQ(LEN, done);
	done = 0;
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, self->mem, LEN, &done));
	EXPECT_EQ(LEN, done);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The buffer may overlap the range: the copy ends, and stays in its bounds. */
TEST_F(rw, overlapping_copy_ends)
{
	size_t len = VT_HUGE, off = VT_HUGE / 2, done = 0;

	ASSERT_EQ(0, vsvm_read(self->v, self->mem + off, self->mem + off + 100,
			       len, &done));
	EXPECT_EQ(len, done);
	done = 0;
	ASSERT_EQ(0, vsvm_write(self->v, self->mem + off + 100, self->mem + off,
				len, &done));
	EXPECT_EQ(len, done);
	EXPECT_EQ(0, vt_check(self->mem, off + 100, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + off + 100 + len,
			      LEN - off - 100 - len, SEED, off + 100 + len));
}

/* The second read of a range finds every page in the device page table. */
TEST_F(rw, second_read_is_hot)
{
	struct drm_vsvm_rw cold = {
		.addr = (uintptr_t)self->mem,
		.buf = (uintptr_t)self->buf,
		.len = LEN,
	};
	struct drm_vsvm_rw hot = cold;
	int fd = vsvm_fd(self->v);

	vt_fill(self->buf, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_ioctl(fd, DRM_IOCTL_VSVM_READ, &cold));
	EXPECT_EQ(LEN, cold.done);
	EXPECT_EQ(LEN / VT_PAGE, cold.faults);
	ASSERT_EQ(0, vt_ioctl(fd, DRM_IOCTL_VSVM_READ, &hot));
	EXPECT_EQ(LEN, hot.done);
	EXPECT_EQ(0, hot.faults);
	EXPECT_EQ(0, vt_check(self->buf, LEN, SEED, 0));
}

/* What a CPU writes after the device read, the device sees. */
TEST_F(rw, sees_later_cpu_writes)
{
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	vt_fill(self->mem, LEN, OTHER, 0);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
}

FIXTURE(fresh)
{
	struct vsvm *v;
	char *mem;
};

VT_PAGE_KINDS(fresh);

FIXTURE_SETUP(fresh)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(2 * VT_HUGE, variant->kind);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, 2 * VT_HUGE,
			       DRM_VSVM_PLACE_ABSENT, VT_ANY_ORDER));
}

VT_TEARDOWN_CLOSE(fresh)

/* Memory that was never touched reads as zeroes. */
TEST_F(fresh, reads_as_zeroes)
{
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, 2 * VT_HUGE, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, 2 * VT_HUGE, 0));
}

/* A device write to memory that was never touched populates it. */
TEST_F(fresh, can_be_written)
{
	size_t off = VT_HUGE - 123, len = 456;

	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + off, len, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + off, len, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, off, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + off + len,
				   2 * VT_HUGE - off - len, 0));
}

/* A device write after a device read replaces the zero page. */
TEST_F(fresh, write_after_read)
{
	ASSERT_EQ(0, vt_dev_check_byte(self->v, self->mem, 2 * VT_HUGE, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + 9, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, 9, 0));
	EXPECT_EQ(0, vt_check(self->mem + 9, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + 9 + VT_PAGE,
				   2 * VT_HUGE - 9 - VT_PAGE, 0));
}

TEST_HARNESS_MAIN
