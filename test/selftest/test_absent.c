// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device finds no page in the CPU's page table, for different reasons.
 *
 * Memory that was never touched stays untouched, also where userfaultfd left a mark
 * or has a handler. A page that the CPU may not access for now moves like others, and
 * so does one that another thread touches in between. MIGRATE calls no device full
 * that has room.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_uffd.h"

#define LEN	VT_HUGE
#define SOME	(16 * VT_PAGE)
#define SEED	421
#define OTHER	422

#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define RWP	UFFDIO_REGISTER_MODE_RWP

FIXTURE(absent)
{
	struct vsvm *v;
	char *mem;
	int fd;
	bool stop;
	struct vt_zram zram;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(absent);

FIXTURE_SETUP(absent)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	self->fd = -1;
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, variant->kind);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN_PARENT(absent)
{
	vt_zram_gone(&self->zram);
}

#define MIGRATE(target, flags)						\
	vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_ ## target,	\
		   flags, &self->m)
#define STAYED(why)	(self->m.stayed[DRM_VSVM_STAY_ ## why])

/* A userfaultfd for the range whose handler never answers. */
static int watch(char *mem, __u64 features, __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = LEN },
		.mode = mode,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return fd;
}

static int write_protect(int fd, char *mem, size_t len)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

static int bar(int fd, char *mem, size_t len, bool on)
{
	struct uffdio_rwprotect rwp = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = on ? UFFDIO_RWPROTECT_MODE_RWP : 0,
	};

	return ioctl(fd, UFFDIO_RWPROTECT, &rwp) ? -errno : 0;
}

/* How many bytes of the range have a mark for userfaultfd, and no system page. */
static size_t marked(const char *mem, size_t len)
{
	const uint64_t uffd_wp = 1ULL << 57;
	size_t i, n = 0;
	uint64_t entry;

	for (i = 0; i < len; i += VT_PAGE) {
		entry = vt_pagemap(mem + i);
		if (entry & uffd_wp && !(entry & VT_PM_PRESENT))
			n += VT_PAGE;
	}
	return n;
}

/* Untouched memory that is write-protected stays so, and takes no memory. */
TEST_F(absent, write_protected)
{
	self->fd = watch(self->mem, UFFD_FEATURE_WP_UNPOPULATED, WP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_protect(self->fd, self->mem, LEN));
	ASSERT_EQ(LEN, marked(self->mem, LEN));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(LEN, marked(self->mem, LEN));
	EXPECT_EQ(0, vt_smaps(self->mem, LEN, "Rss:"));
	ASSERT_EQ(0, MIGRATE(SYSTEM, 0));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(LEN, marked(self->mem, LEN));
}

/* POPULATE does not make protected memory writable behind the handler's back. */
TEST_F(absent, populate_write_protected)
{
	self->fd = watch(self->mem, UFFD_FEATURE_WP_UNPOPULATED, WP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_protect(self->fd, self->mem, SOME));
	ASSERT_EQ(0, MIGRATE(DEVICE, DRM_VSVM_MIGRATE_POPULATE));
	EXPECT_EQ(SOME, self->m.absent);
	EXPECT_EQ(LEN - SOME, self->m.moved);
	EXPECT_EQ(SOME, marked(self->mem, SOME));
}

/* Pages beside it move. */
TEST_F(absent, write_protected_in_part)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, madvise(self->mem + SOME, SOME, MADV_DONTNEED));
	self->fd = watch(self->mem, UFFD_FEATURE_WP_UNPOPULATED, WP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_protect(self->fd, self->mem, LEN));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(SOME, self->m.absent);
	EXPECT_EQ(LEN - SOME, self->m.moved);
	EXPECT_EQ(SOME, marked(self->mem + SOME, SOME));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, SOME, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + 2 * SOME, LEN - 2 * SOME, SEED,
			      2 * SOME));
}

/* Where a handler would have to answer and does not, no call waits for it. */
TEST_F(absent, missing)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_NOHUGEPAGE));
	vt_fill(self->mem, SOME, SEED, 0);
	self->fd = watch(self->mem, UFFD_FEATURE_WP_UNPOPULATED, MISSING | WP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_protect(self->fd, self->mem + SOME, SOME));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(SOME, self->m.moved);
	EXPECT_EQ(LEN - SOME, self->m.absent);
	EXPECT_EQ(SOME, marked(self->mem + SOME, SOME));
	ASSERT_EQ(0, MIGRATE(DEVICE, DRM_VSVM_MIGRATE_POPULATE));
	EXPECT_EQ(LEN - SOME, self->m.absent);
	EXPECT_EQ(SOME, marked(self->mem + SOME, SOME));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, SOME, SEED, 0));
}

/* What userfaultfd poisoned is lost, and stays that. */
TEST_F(absent, poisoned)
{
	struct uffdio_poison poison = {
		.range = { .start = (uintptr_t)self->mem, .len = VT_PAGE },
	};

	self->fd = watch(self->mem, UFFD_FEATURE_POISON, MISSING);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_POISON, &poison));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(VT_PAGE, STAYED(ERROR));
	EXPECT_EQ(LEN - VT_PAGE, self->m.absent);
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem, &self->m, 8, NULL));
}

/* A private copy of a file's page that was swapped out is brought in and moves. */
TEST_F(absent, swapped_copy_of_a_file)
{
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);
	char *mem;

	ASSERT_EQ(0, vt_swap_on(&self->zram, 16 * VT_MIB));
	ASSERT_EQ(0, ftruncate(fd, LEN));
	mem = mmap(self->mem, LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_FIXED, fd, 0);
	ASSERT_EQ(self->mem, mem);
	vt_fill(mem, SOME, SEED, 0);
	ASSERT_EQ(0, vt_page_out(mem, SOME));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(SOME, self->m.moved);
	EXPECT_EQ(LEN - SOME, self->m.absent + STAYED(FILE));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, SOME, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, SOME, SEED, 0));
}

/* Pages that userfaultfd has barred to the CPU move as they are: no handler is asked. */
TEST_F(absent, barred)
{
	vt_fill(self->mem, LEN, SEED, 0);
	self->fd = watch(self->mem, UFFD_FEATURE_RWP, RWP);
	if (self->fd == -EINVAL)
		SKIP(return, "userfaultfd has no RWP");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, bar(self->fd, self->mem, LEN, true));
	ASSERT_EQ(0, MIGRATE(SYSTEM, 0));
	EXPECT_EQ(LEN, self->m.there);
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(LEN, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       variant->kind == VT_LARGE ? VT_HUGE_ORDER : 0));
	ASSERT_EQ(0, MIGRATE(SYSTEM, 0));
	EXPECT_EQ(LEN, self->m.moved);
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(LEN, self->m.moved);
	ASSERT_EQ(0, bar(self->fd, self->mem, LEN, false));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Of those that cannot move the reason is the true one. */
TEST_F(absent, barred_and_pinned)
{
	size_t held = variant->kind == VT_LARGE ? LEN : SOME;
	struct iovec iov = { self->mem, SOME };
	int fds[2];

	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(SOME, vmsplice(fds[1], &iov, 1, 0));
	self->fd = watch(self->mem, UFFD_FEATURE_RWP, RWP);
	if (self->fd == -EINVAL)
		SKIP(return, "userfaultfd has no RWP");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, bar(self->fd, self->mem, LEN, true));
	ASSERT_EQ(0, MIGRATE(DEVICE, 0));
	EXPECT_EQ(held, STAYED(PINNED));
	EXPECT_EQ(LEN - held, self->m.moved);
	ASSERT_EQ(0, bar(self->fd, self->mem, LEN, false));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

static void *to_device(void *arg)
{
	FIXTURE_DATA(absent) *self = arg;

	return (void *)(intptr_t)MIGRATE(DEVICE, 0);
}

/*
 * Pages that come while MIGRATE is at @point, after its look. Returns what it
 * returned.
 */
static int touched_at(FIXTURE_DATA(absent) *self, const char *point)
{
	pthread_t thread;
	void *ret;

	vt_fill(self->mem, SOME, SEED, 0);
	if (VT_BAD(vt_pause(self->v, point, 1) ||
		   pthread_create(&thread, NULL, to_device, self) ||
		   vt_await(self->v, point)))
		return -1;
	vt_fill(self->mem + SOME, SOME, SEED, SOME);
	if (VT_BAD(vt_resume(self->v, point) || pthread_join(thread, &ret)))
		return -1;
	return (intptr_t)ret;
}

/* They move too, and MIGRATE does not call the device full. */
TEST_F(absent, touched_after_the_look)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, touched_at(self, "move-lock"));
	EXPECT_EQ(0, vt_stayed(&self->m));
	EXPECT_EQ(2 * SOME, self->m.moved);
	EXPECT_EQ(0, vt_check(self->mem, 2 * SOME, SEED, 0));
}

TEST_F(absent, touched_before_setup)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, touched_at(self, "setup"));
	EXPECT_EQ(0, vt_stayed(&self->m));
	EXPECT_EQ(2 * SOME, self->m.moved);
	EXPECT_EQ(0, vt_check(self->mem, 2 * SOME, SEED, 0));
}

/* Throws the memory away all the time, page tables included, and touches some. */
static void *come_and_go(void *arg)
{
	FIXTURE_DATA(absent) *self = arg;
	size_t i = 0;

	while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
		self->mem[i++ % (LEN / VT_PAGE) * VT_PAGE] = 1;
		if (madvise(self->mem, LEN, MADV_DONTNEED))
			return self;
	}
	return NULL;
}

/* MIGRATE's look finds tables that come and go under it, and calls no device full. */
TEST_F(absent, tables_come_and_go)
{
	pthread_t thread;
	void *ret;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, come_and_go, self));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, MIGRATE(DEVICE, 0));
		ASSERT_EQ(0, STAYED(DEVICE_FULL));
	}
	__atomic_store_n(&self->stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);
}

TEST_HARNESS_MAIN
