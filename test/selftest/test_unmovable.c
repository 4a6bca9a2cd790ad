// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot migrate: MIGRATE counts it under its reason, and CPU and device
 * go on reading and writing it where it is.
 */
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

#define LEN		(64 * VT_PAGE)
#define SEED		131
#define OTHER		132
#define HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define KSM		"/sys/kernel/mm/ksm/"

FIXTURE(unmovable)
{
	struct vsvm *v;
	struct drm_vsvm_migrate m;
	long hugepages;
	long ksm_run;
};

FIXTURE_SETUP(unmovable)
{
	self->hugepages = vt_file_get(HUGEPAGES);
	self->ksm_run = vt_file_get(KSM "run");
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

FIXTURE_TEARDOWN_PARENT(unmovable)
{
	if (self->hugepages >= 0)
		vt_file_set(HUGEPAGES, self->hugepages);
	if (self->ksm_run >= 0)
		vt_file_set(KSM "run", self->ksm_run);
}

#define STAYED(why)	(self->m.stayed[DRM_VSVM_STAY_ ## why])

/* A file of @len bytes with the pattern, open, without a name. */
static int make_file(size_t len)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *buf = malloc(len);

	if (VT_BAD(fd < 0 || !buf))
		return -1;
	vt_fill(buf, len, SEED, 0);
	if (VT_BAD(write(fd, buf, len) != (ssize_t)len))
		return -1;
	free(buf);
	return fd;
}

/* A shared mapping of a file stays; device writes reach the file. */
TEST_F(unmovable, file_shared)
{
	char *buf = malloc(LEN);
	int fd = make_file(LEN);
	char *mem;

	ASSERT_LE(0, fd);
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, STAYED(FILE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, pread(fd, buf, LEN, 0));
	EXPECT_EQ(0, vt_check(buf, LEN, OTHER, 0));
}

/* File pages of a private mapping stay; a device write copies, then it goes. */
TEST_F(unmovable, file_private)
{
	char *buf = malloc(LEN);
	int fd = make_file(LEN);
	size_t off = 5 * VT_PAGE, len = 3 * VT_PAGE;
	char *mem;

	ASSERT_LE(0, fd);
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, STAYED(FILE));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + off, len, OTHER, off));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN - len, STAYED(FILE));
	EXPECT_EQ(len, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem + off, len, DRM_VSVM_PLACE_DEVICE,
			       0));
	EXPECT_EQ(0, vt_dev_check(self->v, mem + off, len, OTHER, off));
	EXPECT_EQ(0, vt_check(mem, off, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + off, len, OTHER, off));
	EXPECT_EQ(0, vt_check(mem + off + len, LEN - off - len, SEED,
			      off + len));
	ASSERT_EQ(LEN, pread(fd, buf, LEN, 0));
	EXPECT_EQ(0, vt_check(buf, LEN, SEED, 0));
}

/* File pages in the middle of a range stay while both sides of them move. */
TEST_F(unmovable, file_in_the_middle)
{
	size_t len = 2 * VT_HUGE, off = VT_HUGE - 4 * VT_PAGE;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);
	int fd = make_file(LEN);

	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(mem + off, mmap(mem + off, LEN, PROT_READ,
				  MAP_PRIVATE | MAP_FIXED, fd, 0));
	ASSERT_EQ(0, vt_check(mem + off, LEN, SEED, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, len));
	EXPECT_EQ(LEN, STAYED(FILE));
	EXPECT_EQ(len - LEN, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, off, DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_all_in(self->v, mem + off, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, mem + off + LEN, len - off - LEN,
			       DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_check(mem, off, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + off + LEN, len - off - LEN, SEED,
			      off + LEN));
}

static int check_other_in_child(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, OTHER, 0) ? 1 : 0;
}

/* Shared anonymous memory stays; a child sees what the device writes. */
TEST_F(unmovable, shared_anonymous)
{
	struct vt_child c;
	char *mem;

	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	vt_fill(mem, LEN, SEED, 0);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, STAYED(FILE));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_start(&c, check_other_in_child, mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* A memfd stays, and what the device writes is in the file. */
TEST_F(unmovable, memfd)
{
	char *buf = malloc(LEN);
	int fd = memfd_create("vsvm-test", MFD_CLOEXEC);
	char *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, LEN));
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	vt_fill(mem, LEN, SEED, 0);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, STAYED(FILE));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(LEN, pread(fd, buf, LEN, 0));
	EXPECT_EQ(0, vt_check(buf, LEN, OTHER, 0));
}

/* Pages that a pipe holds are pinned: they stay until it is drained. */
TEST_F(unmovable, pinned)
{
	size_t len = 8 * VT_PAGE;
	struct iovec iov;
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	char buf[8 * VT_PAGE];
	int fds[2];

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, pipe(fds));
	iov = (struct iovec){ .iov_base = mem, .iov_len = len };
	ASSERT_EQ(len, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(len, STAYED(PINNED));
	EXPECT_EQ(LEN - len, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	ASSERT_EQ(len, read(fds[0], buf, len));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, OTHER, 0));
}

/* A 2M page of which a pipe holds a part is pinned; the next one moves. */
TEST_F(unmovable, pinned_huge)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_LARGE, SEED);
	struct iovec iov = { .iov_base = mem, .iov_len = VT_PAGE };
	int fds[2];

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(VT_PAGE, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, 2 * VT_HUGE));
	EXPECT_EQ(VT_HUGE, STAYED(PINNED));
	EXPECT_EQ(VT_HUGE, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, VT_HUGE, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, 2 * VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, 2 * VT_HUGE, SEED, 0));
}

/* A guard page is no page: it is not usable, and says so; the others move. */
TEST_F(unmovable, guard)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, madvise(mem, VT_PAGE, MADV_GUARD_INSTALL));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(VT_PAGE, STAYED(ERROR));
	EXPECT_EQ(LEN - VT_PAGE, self->m.moved);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VT_PAGE));
	EXPECT_EQ(VT_PAGE, STAYED(ERROR));
	ASSERT_EQ(0, madvise(mem, VT_PAGE, MADV_GUARD_REMOVE));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, VT_PAGE));
	EXPECT_EQ(VT_PAGE, self->m.absent);
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, LEN - VT_PAGE, SEED, VT_PAGE));
}

/* Pages merged by KSM stay; a device write unshares and harms no sharer. */
TEST_F_TIMEOUT(unmovable, ksm, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL);
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_LE(0, self->ksm_run);
	memset(mem, 0x77, LEN);
	ASSERT_EQ(0, madvise(mem, LEN, MADV_MERGEABLE));
	ASSERT_EQ(0, vt_file_set(KSM "sleep_millisecs", 1));
	ASSERT_EQ(0, vt_file_set(KSM "pages_to_scan", 10000));
	ASSERT_EQ(0, vt_file_set(KSM "run", 1));
	for (i = 0; i < 500; i++) {
		if (vt_file_get("/proc/self/ksm_merging_pages") >=
		    (long)(LEN / VT_PAGE))
			break;
		usleep(100000);
	}
	ASSERT_EQ(LEN / VT_PAGE, vt_file_get("/proc/self/ksm_merging_pages"));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, STAYED(KSM));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0x77));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + VT_PAGE, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(mem, VT_PAGE, 0x77));
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(mem + 2 * VT_PAGE, LEN - 2 * VT_PAGE, 0x77));
	/* Unmerged it is ordinary memory. */
	ASSERT_EQ(0, madvise(mem, LEN, MADV_UNMERGEABLE));
	EXPECT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, VT_PAGE, OTHER, 0));
}

/* A hugetlb mapping stays, and the device reads and writes it. */
TEST_F_TIMEOUT(unmovable, hugetlb, VT_LONG)
{
	size_t len = 2 * VT_HUGE;
	char *mem;

	ASSERT_EQ(0, vt_file_set(HUGEPAGES, 4));
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	vt_fill(mem, len, SEED, 0);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, len));
	EXPECT_EQ(len, STAYED(HUGETLB));
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM,
			       VT_HUGE_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, len, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + 7, len - 9, OTHER, 7));
	EXPECT_EQ(0, vt_check(mem, 7, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + 7, len - 9, OTHER, 7));
	EXPECT_EQ(0, vt_check(mem + len - 2, 2, SEED, len - 2));
}

/* The device may be the first to touch a hugetlb mapping. */
TEST_F_TIMEOUT(unmovable, hugetlb_untouched, VT_LONG)
{
	size_t len = 2 * VT_HUGE;
	char *mem;

	ASSERT_EQ(0, vt_file_set(HUGEPAGES, 4));
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, len, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, len, OTHER, 0));
	EXPECT_EQ(0, vt_check(mem, len, OTHER, 0));
}

/* The vdso is a mapping of the kernel's own: readable, never moved. */
TEST_F(unmovable, vdso)
{
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);
	char buf[VT_PAGE];

	ASSERT_NE(NULL, vdso);
	ASSERT_EQ(0, VT_TRY_DEVICE(vdso, VT_PAGE));
	EXPECT_EQ(VT_PAGE, STAYED(SPECIAL));
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(0, vsvm_read(self->v, vdso, buf, VT_PAGE, NULL));
	EXPECT_EQ(0, memcmp(buf, vdso, VT_PAGE));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, vdso, buf, VT_PAGE, NULL));
}

/* The address of the mapping called @name in /proc/self/maps, or NULL. */
static void *find_mapping(const char *name)
{
	unsigned long start = 0, at;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	if (!f)
		return NULL;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, name) && sscanf(line, "%lx-", &at) == 1) {
			start = at;
			break;
		}
	fclose(f);
	return (void *)start;
}

/* A VM_PFNMAP mapping has no pages: it stays, and no device may use it. */
TEST_F(unmovable, pfnmap)
{
	char *vvar = find_mapping("[vvar_vclock]");
	char byte;

	ASSERT_NE(NULL, vvar);
	ASSERT_EQ(0, VT_TRY_DEVICE(vvar, VT_PAGE));
	EXPECT_EQ(VT_PAGE, STAYED(SPECIAL));
	EXPECT_EQ(DRM_VSVM_PLACE_ERROR, vt_place(self->v, vvar));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, vvar, &byte, 1, NULL));
}

TEST_HARNESS_MAIN
