// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of memfd_secret(), which the kernel has taken out of its own map.
 *
 * Each call refuses it before it touches it, with an exact errno, and does the part
 * of the range that comes before.
 */
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

/* Two pages of plain memory, two secret ones, two plain ones. */
#define FIRST	(2 * VT_PAGE)
#define LAST	(4 * VT_PAGE)
#define LEN	(6 * VT_PAGE)
#define SEED	241
#define OTHER	242

FIXTURE(secret)
{
	struct vsvm *v;
	char *mem;
	char *hidden;
	char buf[LEN];
};

FIXTURE_SETUP(secret)
{
	int fd = syscall(SYS_memfd_secret, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, LAST - FIRST));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	self->hidden = self->mem + FIRST;
	ASSERT_EQ(self->hidden, mmap(self->hidden, LAST - FIRST,
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_FIXED, fd, 0));
	vt_fill(self->mem, LEN, SEED, 0);
	vt_fill(self->buf, LEN, OTHER, 0);
}

VT_TEARDOWN_CLOSE(secret)

/* A read copies what comes before, and nothing of it. */
TEST_F(secret, read_stops)
{
	size_t done = 1;

	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem, self->buf, LEN, &done));
	EXPECT_EQ(FIRST, done);
	EXPECT_EQ(0, vt_check(self->buf, FIRST, SEED, 0));
	EXPECT_EQ(0, vt_check(self->buf + FIRST, LEN - FIRST, OTHER, FIRST));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->hidden + 3, self->buf, 16,
				     &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem + LAST - 1, self->buf,
				     2, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + LAST, LEN - LAST, SEED,
				  LAST));
}

/* A write changes what comes before, and nothing of it. */
TEST_F(secret, write_stops)
{
	size_t done = 1;

	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->mem, self->buf, LEN,
				      &done));
	EXPECT_EQ(FIRST, done);
	EXPECT_EQ(0, vt_check(self->mem, FIRST, OTHER, 0));
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->hidden + 3, self->buf, 16,
				      &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, vt_check(self->hidden, LEN - FIRST, SEED, FIRST));
}

/* pread() and pwrite() say the same in their way. */
TEST_F(secret, pread_and_pwrite_stop)
{
	int fd = vsvm_fd(self->v);

	EXPECT_EQ((ssize_t)FIRST, pread(fd, self->buf, LEN,
					(uintptr_t)self->mem));
	EXPECT_EQ(-1, pread(fd, self->buf, 1, (uintptr_t)self->hidden));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ((ssize_t)FIRST, pwrite(fd, self->buf, LEN,
					 (uintptr_t)self->mem));
	EXPECT_EQ(-1, pwrite(fd, self->buf, 1, (uintptr_t)self->hidden));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A page for which the CPU has no entry is no exception. */
TEST_F(secret, unmapped_refused)
{
	/* Secret memory is locked, which MADV_DONTNEED refuses in Linux 7.1. */
	ASSERT_EQ(0, madvise(self->hidden, LAST - FIRST, MADV_DONTNEED_LOCKED));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->hidden, self->buf, 1,
				     NULL));
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, self->hidden, self->buf, 1,
				      NULL));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* An atomic operation does not happen. */
TEST_F(secret, atomic_refused)
{
	EXPECT_EQ(-EFAULT, vsvm_atomic(self->v, self->hidden + 8, 8,
				       DRM_VSVM_ATOMIC_ADD, 1, 0, NULL));
	EXPECT_EQ(-EFAULT, vsvm_atomic(self->v, self->hidden + 12, 4,
				       DRM_VSVM_ATOMIC_XCHG, 1, 0, NULL));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The device gets what comes before for itself. */
TEST_F(secret, exclusive_stops)
{
	uint64_t done = 1;

	EXPECT_EQ(-EFAULT, vsvm_exclusive(self->v, self->mem, LEN, &done));
	EXPECT_EQ(FIRST, done);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* SNAPSHOT says that no device can use it; what is around it is as ever. */
TEST_F(secret, snapshot_says_error)
{
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, FIRST,
			       DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_all_have(self->v, self->hidden, LAST - FIRST, ~0U,
				 DRM_VSVM_PLACE_ERROR));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem + LAST, LEN - LAST,
			       DRM_VSVM_PLACE_SYSTEM, 0));
	/* Nor does an access that failed change that. */
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->hidden, self->buf, 1,
				     NULL));
	EXPECT_EQ(0, vt_all_have(self->v, self->hidden, LAST - FIRST, ~0U,
				 DRM_VSVM_PLACE_ERROR));
}

/* MIGRATE takes along what is around it, and says why it stayed. */
TEST_F(secret, migrate_says_error)
{
	struct drm_vsvm_migrate result;

	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &result));
	EXPECT_EQ(LEN - (LAST - FIRST), result.moved);
	EXPECT_EQ(LAST - FIRST, result.stayed[DRM_VSVM_STAY_ERROR]);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The other side of a copy is the process's business: its buffer may be secret. */
TEST_F(secret, buffer_may_be_secret)
{
	ASSERT_EQ(0, vsvm_read(self->v, self->mem, self->hidden, FIRST, NULL));
	EXPECT_EQ(0, vt_check(self->hidden, FIRST, SEED, 0));
	ASSERT_EQ(0, vsvm_write(self->v, self->mem + LAST, self->hidden,
				LEN - LAST, NULL));
	EXPECT_EQ(0, vt_check(self->mem + LAST, LEN - LAST, SEED, 0));
}

/* Files that are unevictable for another reason are memory like any other. */
TEST(locked_shared_memory_works)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);
	struct vsvm *v;
	char *mem;

	ASSERT_LE(0, id);
	mem = shmat(id, NULL, 0);
	EXPECT_EQ(0, shmctl(id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	ASSERT_NE((void *)-1, mem);
	ASSERT_EQ(0, vsvm_open(0, &v));
	vt_fill(mem, LEN, SEED, 0);
	EXPECT_EQ(0, vt_dev_check(v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_dev_fill(v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
	vsvm_close(v);
}

TEST_HARNESS_MAIN
