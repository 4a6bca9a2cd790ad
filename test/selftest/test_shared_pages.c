// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that more than one mapping or process has: files, shared memory, KSM.
 *
 * They stay in system memory. Processes that share them see the device's writes or do
 * not, as the mapping says, and nothing is left when they end.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LEN	(64 * VT_PAGE)
#define SEED	241
#define OTHER	242
#define KSM	"/sys/kernel/mm/ksm/"

FIXTURE(shared)
{
	struct vsvm *v;
	struct drm_vsvm_migrate m;
	long ksm_run;
	long used;
};

FIXTURE_SETUP(shared)
{
	self->ksm_run = vt_file_get(KSM "run");
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
}

FIXTURE_TEARDOWN_PARENT(shared)
{
	if (self->ksm_run >= 0)
		vt_file_set(KSM "run", self->ksm_run);
}

#define STAYED(why)	(self->m.stayed[DRM_VSVM_STAY_ ## why])

static int filled_memfd(void)
{
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);
	char *mem;

	if (VT_BAD(fd < 0 || ftruncate(fd, LEN)))
		return -1;
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (VT_BAD(mem == MAP_FAILED))
		return -1;
	vt_fill(mem, LEN, SEED, 0);
	munmap(mem, LEN);
	return fd;
}

static char *map(int fd, int flags)
{
	return mmap(NULL, LEN, PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* A private mapping of a memfd: device writes copy, and the copies move. */
TEST_F(shared, memfd_private)
{
	int fd = filled_memfd();
	char *own = map(fd, MAP_PRIVATE), *all = map(fd, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, own);
	ASSERT_NE(MAP_FAILED, all);
	EXPECT_EQ(0, vt_dev_check(self->v, own, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, own, LEN / 2, OTHER, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(own, LEN));
	EXPECT_EQ(LEN / 2, self->m.moved);
	EXPECT_EQ(LEN / 2, STAYED(FILE));
	EXPECT_EQ(0, vt_check(all, LEN, SEED, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, own, LEN / 2, OTHER, 0));
	/* What is not copied yet still follows the file. */
	vt_fill(all + LEN / 2, LEN / 2, OTHER, LEN / 2);
	EXPECT_EQ(0, vt_dev_check(self->v, own, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(own, LEN, OTHER, 0));
}

static int child_writes_shared(struct vt_child *c, void *arg)
{
	struct vsvm *v;

	if (vsvm_open(0, &v) || vt_dev_check(v, arg, LEN, SEED, 0) ||
	    vt_dev_fill(v, arg, LEN, OTHER, 0))
		return 1;
	vt_say(c);
	return vt_hear(c) || vt_dev_check(v, arg, LEN, OTHER + 1, 0) ? 2 : 0;
}

/* Two processes, each with a device file, one shared mapping. */
TEST_F(shared, memfd_of_two_processes)
{
	char *all = map(filled_memfd(), MAP_SHARED);
	struct vt_child c;

	ASSERT_NE(MAP_FAILED, all);
	ASSERT_EQ(0, vt_dev_check(self->v, all, LEN, SEED, 0));
	ASSERT_EQ(0, vt_start(&c, child_writes_shared, all));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, all, LEN, OTHER, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(all, LEN));
	EXPECT_EQ(LEN, STAYED(FILE));
	ASSERT_EQ(0, vt_dev_fill(self->v, all, LEN, OTHER + 1, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* A hole punched into shared memory is a hole for the device at once. */
TEST_F(shared, memfd_hole)
{
	int fd = filled_memfd();
	char *all = map(fd, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, all);
	ASSERT_EQ(0, vt_dev_fill(self->v, all, LEN, OTHER, 0));
	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       VT_PAGE, 4 * VT_PAGE));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, all + VT_PAGE, 4 * VT_PAGE, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, all, VT_PAGE, OTHER, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, all + VT_PAGE, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check(all + VT_PAGE, VT_PAGE, OTHER, 0));
}

/* Truncated away under the device: EFAULT where the CPU gets SIGBUS. */
TEST_F(shared, memfd_truncated)
{
	int fd = filled_memfd();
	char *all = map(fd, MAP_SHARED), byte;

	ASSERT_NE(MAP_FAILED, all);
	ASSERT_EQ(0, vt_dev_fill(self->v, all, LEN, OTHER, 0));
	ASSERT_EQ(0, ftruncate(fd, LEN / 2));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, all + LEN / 2, &byte, 1, NULL));
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, all + LEN / 2, &byte, 1, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, all, LEN / 2, OTHER, 0));
}

static int exit_with_file_pages(struct vt_child *c, void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct drm_vsvm_migrate m;
	char *mem, buf[8 * VT_PAGE];
	struct vsvm *v;

	(void)c;
	(void)arg;
	mem = mmap(NULL, 8 * VT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		   0);
	if (mem == MAP_FAILED || vsvm_open(0, &v))
		return 1;
	/* Some of the file, some copies on the device, a write to one. */
	if (vsvm_read(v, mem, buf, sizeof(buf), NULL) ||
	    vt_dev_fill(v, mem, 3 * VT_PAGE, OTHER, 0) ||
	    vt_migrate(v, mem, 8 * VT_PAGE, DRM_VSVM_TARGET_DEVICE, 0, &m) ||
	    vt_dev_fill(v, mem + 5 * VT_PAGE, VT_PAGE, OTHER, 0))
		return 2;
	return m.moved == 3 * VT_PAGE &&
	       m.stayed[DRM_VSVM_STAY_FILE] == 5 * VT_PAGE ? 0 : 3;
}

/* exit() with private pages of a file on the device: quiet, nothing kept. */
TEST_F(shared, file_private_then_exit)
{
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, vt_run(exit_with_file_pages, NULL));
	EXPECT_EQ(self->used, vt_used(self->v));
}

static int ksm_wait(long pages)
{
	int i;

	for (i = 0; i < 300; i++) {
		if (vt_file_get("/proc/self/ksm_merging_pages") >= pages)
			return 0;
		usleep(100000);
	}
	return -1;
}

static int ksm_start(char *mem)
{
	return madvise(mem, LEN, MADV_MERGEABLE) ||
	       vt_file_set(KSM "sleep_millisecs", 1) ||
	       vt_file_set(KSM "pages_to_scan", 10000) ||
	       vt_file_set(KSM "run", 1);
}

static int ksm_sharer(struct vt_child *c, void *arg)
{
	char *mem = vt_map(LEN, VT_SMALL);

	(void)arg;
	if (!mem)
		return 1;
	memset(mem, 0x5c, LEN);
	if (ksm_start(mem) || ksm_wait(LEN / VT_PAGE))
		return 2;
	vt_say(c);
	if (vt_hear(c))
		return 3;
	return vt_check_byte(mem, LEN, 0x5c) ? 4 : 0;
}

/*
 * R1: a merged page belongs to all its sharers and to ksmd. It stays, however
 * often it is asked for, and ksmd goes on with whole pages.
 */
TEST_F_TIMEOUT(shared, ksm_pages_stay_for_all_sharers, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL);
	struct vt_child c;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_start(&c, ksm_sharer, NULL));
	memset(mem, 0x5c, LEN);
	ASSERT_EQ(0, ksm_start(mem));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, ksm_wait(LEN / VT_PAGE));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
		ASSERT_EQ(LEN, STAYED(KSM));
		usleep(5000);
	}
	EXPECT_EQ(self->used, vt_used(self->v));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

/* One of the pages is not merged, so there is something to migrate. */
static int migrates_ksm_pages(char *mem, size_t len)
{
	struct drm_vsvm_migrate m;
	struct vsvm *v;

	if (vsvm_open(0, &v))
		return 2;
	memset(mem + 5 * VT_PAGE, VT_KSM_BYTE, VT_PAGE);
	if (vt_migrate(v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, &m))
		return 3;
	/* A page that is lost is waited for. */
	if (vt_check_byte(mem, len, VT_KSM_BYTE))
		return 4;
	return m.stayed[DRM_VSVM_STAY_KSM] == len ? 0 : 5;
}

/*
 * A page that KSM merged is left alone where KSM does not know that it is mapped: in
 * a fork's child when the parent is gone and ksmd has not come by.
 */
TEST_F_TIMEOUT(shared, ksm_pages_of_a_dead_parent_stay, VT_LONG)
{
	EXPECT_EQ(0, vt_ksm_orphan(migrates_ksm_pages));
}

/* ksmd passes over pages on the device, equal as they are, again and again. */
TEST_F_TIMEOUT(shared, ksm_leaves_device_pages, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL);
	long scans;
	int i;

	ASSERT_NE(NULL, mem);
	memset(mem, 0x3d, LEN);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	scans = vt_file_get(KSM "full_scans");
	ASSERT_EQ(0, ksm_start(mem));
	for (i = 0; i < 200 && vt_file_get(KSM "full_scans") < scans + 3; i++)
		usleep(20000);
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0x3d));
	/* Home they merge, and a device write unmerges the one it hits. */
	ASSERT_EQ(0, vt_check_byte(mem, LEN, 0x3d));
	ASSERT_EQ(0, ksm_wait(LEN / VT_PAGE));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(mem + VT_PAGE, LEN - VT_PAGE, 0x3d));
}

TEST_HARNESS_MAIN
