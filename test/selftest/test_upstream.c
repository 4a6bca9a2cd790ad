// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fixes of docs/upstream: each test shows what one of them brings, and fails on a
 * kernel without it.
 *
 * Kernels of ours have them all, and say guest.patched on their command line. Where a
 * fix is not in, its test is skipped.
 *
 * What vsvm works around cannot be seen through vsvm: there the module askcore of
 * the test machine asks core mm itself.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"
#include "vt_uffd.h"

#define SEED	181
#define OTHER	182
#define LEN	(16 * VT_PAGE)
#define ASK	"/sys/kernel/debug/askcore/"
#define OFFLINE	"/sys/devices/system/memory/"

#define WANTS(fix)							\
	do {								\
		if (!vt_patched())						\
			SKIP(return, "wants a kernel with docs/upstream/" fix);	\
	} while (0)

FIXTURE(fix)
{
	struct vsvm *v;
	char *mem;
};

VT_PAGE_KINDS_LEN(fix, LEN);

FIXTURE_SETUP(fix)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map_filled(self->v, variant->len, variant->kind, SEED);
	ASSERT_NE(NULL, self->mem);
}

VT_TEARDOWN_CLOSE(fix)

/* All of the memory is on the device, in the pages that the variant is about. */
#define GOES_TO_DEVICE()						\
	do {								\
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, variant->len)); \
		ASSERT_EQ(0, vt_all_in(self->v, self->mem, variant->len, \
				       DRM_VSVM_PLACE_DEVICE,		\
				       variant->kind == VT_LARGE ?	\
				       VT_HUGE_ORDER : 0));		\
	} while (0)

static int uffd_open(char *mem, size_t len, __u64 features, __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = mode,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	return fd;
}

/*
 * Write-protects what was written of the range, and says how many bytes that is.
 * -1: an error.
 */
static long scan_written(char *mem, size_t len)
{
	struct page_region region[64];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)mem,
		.end = (uintptr_t)mem + len,
		.vec = (uintptr_t)region,
		.vec_len = VT_COUNT(region),
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), n, i;
	long bytes = 0;

	n = fd < 0 ? -1 : ioctl(fd, PAGEMAP_SCAN, &arg);
	close(fd);
	for (i = 0; i < n; i++)
		bytes += region[i].end - region[i].start;
	return n < 0 ? -1 : bytes;
}

/* What the device wrote after a scan is in the next scan, once. */
TEST_F(fix, scan_sees_the_device_write)
{
	char byte = 'x', *at = self->mem + 3 * VT_PAGE;
	int fd;

	WANTS("0011");
	fd = uffd_open(self->mem, variant->len, UFFD_FEATURE_WP_ASYNC |
		       UFFD_FEATURE_WP_UNPOPULATED |
		       UFFD_FEATURE_PAGEFAULT_FLAG_WP,
		       UFFDIO_REGISTER_MODE_WP);
	ASSERT_LE(0, fd);
	GOES_TO_DEVICE();

	EXPECT_EQ((long)variant->len, scan_written(self->mem, variant->len));
	EXPECT_EQ(0, scan_written(self->mem, variant->len));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, scan_written(self->mem, variant->len));
	ASSERT_EQ(0, vsvm_write(self->v, at, &byte, 1, NULL));
	/* Under a huge page it may be all of it. */
	EXPECT_LE((long)VT_PAGE, scan_written(self->mem, variant->len));
	EXPECT_EQ(0, scan_written(self->mem, variant->len));
	EXPECT_EQ('x', *at);
	close(fd);
}

/* A handler of read-write protection: what it was asked, and for what. */
struct handler {
	int fd;
	unsigned long asked;
	__u64 flags;
	bool stop;
};

static void *lift(void *arg)
{
	struct handler *h = arg;
	struct pollfd p = { .fd = h->fd, .events = POLLIN };
	struct uffd_msg msg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		struct uffdio_rwprotect rwp = { .range.len = VT_PAGE };

		if (poll(&p, 1, 20) < 1 ||
		    read(h->fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		__atomic_add_fetch(&h->asked, 1, __ATOMIC_RELEASE);
		h->flags |= msg.arg.pagefault.flags;
		rwp.range.start = msg.arg.pagefault.address & ~(VT_PAGE - 1);
		ioctl(h->fd, UFFDIO_RWPROTECT, &rwp);
	}
	return NULL;
}

/* Who measures the working set learns that the device reads. */
TEST_F(fix, rwp_sees_the_device_read)
{
	struct uffdio_rwprotect rwp = {
		.range = { .start = (uintptr_t)self->mem,
			   .len = variant->len },
		.mode = UFFDIO_RWPROTECT_MODE_RWP,
	};
	struct handler h = {};
	pthread_t thread;

	WANTS("0004");
	h.fd = uffd_open(self->mem, variant->len, UFFD_FEATURE_RWP,
			 UFFDIO_REGISTER_MODE_RWP);
	ASSERT_LE(0, h.fd);
	GOES_TO_DEVICE();
	ASSERT_EQ(0, ioctl(h.fd, UFFDIO_RWPROTECT, &rwp));
	ASSERT_EQ(0, pthread_create(&thread, NULL, lift, &h));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, variant->len, SEED, 0));
	EXPECT_EQ(variant->len / VT_PAGE, __atomic_load_n(&h.asked,
							  __ATOMIC_ACQUIRE));
	/* If it saw nothing, the CPU's accesses are still to come. */
	EXPECT_EQ(0, vt_check(self->mem, variant->len, SEED, 0));
	EXPECT_TRUE(h.flags & UFFD_PAGEFAULT_FLAG_RWP);
	__atomic_store_n(&h.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close(h.fd);
}

/*
 * A device page that was munlocked is free at once, whichever processor did it, and
 * not when that one looks at its batches. Huge pages have never been in batches.
 */
TEST_F(fix, munmap_frees_a_mlocked_device_page)
{
	uint64_t used = vt_used(self->v);

	WANTS("0006");
	ASSERT_EQ(0, mlock(self->mem, variant->len));
	GOES_TO_DEVICE();
	ASSERT_EQ(used + variant->len, vt_used(self->v));
	ASSERT_EQ(0, munmap(self->mem, variant->len));
	EXPECT_EQ(used, vt_used(self->v));
}

static int checks(struct vt_child *c, void *arg)
{
	FIXTURE_DATA(fix) *self = arg;
	size_t len = vt_hear(c) ? 0 : VT_PAGE;

	return !len || vt_check(self->mem, len, SEED, 0);
}

/*
 * A soft-dirty page that a fork made read-only goes to the device. A kernel with
 * DEBUG_VM complained in remove_migration_pmd(), which run-tests sees.
 */
TEST_F(fix, shared_huge_page_goes_to_the_device)
{
	struct vt_child c;

	WANTS("0002");
	ASSERT_EQ(0, vt_start(&c, checks, self));
	GOES_TO_DEVICE();
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, variant->len, SEED, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* The value of a file of askcore's, or -1. */
static long ask(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), ASK "%s", name);
	return vt_file_get(path);
}

/* A physical address, to one of the two files: 0, or a negative errno. */
static int offline(const char *how, uint64_t pfn)
{
	char path[128], text[32];
	int fd, ret;

	snprintf(path, sizeof(path), OFFLINE "%s_offline_page", how);
	snprintf(text, sizeof(text), "%#llx",
		 (unsigned long long)pfn * VT_PAGE);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The pfn of the device page that holds a page, as pagemap tells root. */
static uint64_t device_pfn(const void *page)
{
	uint64_t entry = vt_pagemap(page);

	/* Type and offset of a swap entry. */
	return entry & VT_PM_SWAP ? (entry & ((1ULL << 55) - 1)) >> 5 : 0;
}

/*
 * Root says that the memory at a device page's address is broken. There is none
 * at that address: an errno, and whoever uses the page goes on.
 */
TEST_F(fix, hard_offline_of_a_device_page_is_refused)
{
	uint64_t pfn;

	GOES_TO_DEVICE();
	pfn = device_pfn(self->mem);
	ASSERT_NE(0, pfn);
	EXPECT_EQ(-ENXIO, offline("hard", pfn));
	EXPECT_EQ(-ENXIO, offline("hard", pfn + variant->len / VT_PAGE - 1));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, variant->len,
			       DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, variant->len, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, variant->len, SEED, 0));
	/* Free now, and still a device page's address. */
	EXPECT_EQ(-ENXIO, offline("hard", pfn));
}

TEST_F(fix, soft_offline_of_a_device_page_is_refused)
{
	uint64_t pfn;

	GOES_TO_DEVICE();
	pfn = device_pfn(self->mem);
	ASSERT_NE(0, pfn);
	EXPECT_EQ(-EIO, offline("soft", pfn));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, variant->len, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, variant->len, SEED, 0));
}

/* Core mm, by way of askcore. */
FIXTURE(core)
{
	struct vsvm *v;
	char *mem;
};

FIXTURE_SETUP(core)
{
	char command[64];

	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, VT_LARGE, SEED,
				    true));
	snprintf(command, sizeof(command), "${VSVM_MODPROBE:-modprobe} askcore like=%llu",
		 (unsigned long long)device_pfn(self->mem));
	ASSERT_EQ(0, system(command));
}

FIXTURE_TEARDOWN_PARENT(core)
{
	if (system("rmmod askcore 2>/dev/null"))
		return;
}

/* The next owner of a device page finds none of the last one's flags. */
TEST_F(core, page_init_clears_the_flags)
{
	WANTS("0005");
	EXPECT_EQ(0, ask("flags"));
}

/* Who has given out a page that nobody maps may put it in peace. */
TEST_F(core, unmapped_page_is_not_migrated)
{
	WANTS("0007");
	EXPECT_EQ(0, ask("moves"));
}

/* Memory of a pagemap that takes no decision of its own. */
TEST_F(core, hard_offline_of_a_core_page_is_refused)
{
	WANTS("0010");
	ASSERT_LT(0, ask("pfn"));
	EXPECT_EQ(-ENXIO, offline("hard", ask("pfn")));
}

static int checks_all(struct vt_child *c, void *arg)
{
	if (vt_hear(c) || vt_check(arg, VT_HUGE, SEED, 0))
		return 1;
	vt_fill(arg, VT_HUGE, OTHER, 0);
	return vt_check(arg, VT_HUGE, OTHER, 0);
}

static long hmm_pfn(const char *at)
{
	return vt_file_set(ASK "hmm", (long)at) ? -1 : ask("hmm");
}

/* A range that begins in the middle of a huge page. */
TEST_F(core, hmm_tells_the_page_in_a_huge_entry)
{
	long first;

	WANTS("0003");
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_HUGE_ORDER));
	first = hmm_pfn(self->mem);
	EXPECT_EQ((long)device_pfn(self->mem), first);
	EXPECT_EQ(first + 1, hmm_pfn(self->mem + VT_PAGE));
	EXPECT_EQ(first + 300, hmm_pfn(self->mem + 300 * VT_PAGE));
	EXPECT_EQ(first + 511, hmm_pfn(self->mem + 511 * VT_PAGE));
}

/*
 * A huge page that goes to small ones, not to a device even, while a child shares
 * it: both see what was there.
 */
TEST_F(core, huge_page_is_split_for_all)
{
	struct vt_child c;

	WANTS("0012");
	ASSERT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_SYSTEM, VT_HUGE_ORDER));
	ASSERT_EQ(0, vt_start(&c, checks_all, self->mem));
	ASSERT_EQ(0, vt_file_set(ASK "split", (long)self->mem));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

static int collects_ksm_pages(char *mem, size_t len)
{
	if (vt_file_set(ASK "collect", (long)mem))
		return 2;
	/* A page that is lost is waited for. */
	return vt_check_byte(mem, len, VT_KSM_BYTE) ? 3 : 0;
}

/* Pages that KSM merged, in a mapping that its reverse map does not have yet. */
TEST_F_TIMEOUT(core, ksm_pages_are_not_collected, VT_LONG)
{
	long run = vt_file_get("/sys/kernel/mm/ksm/run");

	WANTS("0013");
	EXPECT_EQ(0, vt_ksm_orphan(collects_ksm_pages));
	vt_file_set("/sys/kernel/mm/ksm/run", run);
}

/* A device of one block, which one process has and another one wants. */
FIXTURE(evicted)
{
	struct vt_module module;
	struct vsvm *v;
	char *mem;
	int ret;
};

FIXTURE_SETUP(evicted)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_HUGE / VT_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, OTHER,
				    false));
}

VT_TEARDOWN_RESTORE(evicted)

static int owns(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)arg;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, VT_HUGE, VT_SMALL, SEED);
	if (!mem || vt_to_device(v, mem, VT_HUGE))
		return 2;
	return vt_say(c) || vt_hear(c);
}

static void *wants_room(void *arg)
{
	FIXTURE_DATA(evicted) *self = arg;

	self->ret = vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
			       0, NULL);
	return NULL;
}

/*
 * The process whose pages go home exits meanwhile, and so does the last that
 * anybody had to do with them: what core mm looks at in the end was freed, which
 * the debug kernel sees.
 */
TEST_F(evicted, page_outlives_its_process)
{
	struct vt_child c;
	pthread_t thread;

	WANTS("0008");
	ASSERT_EQ(0, vt_start(&c, owns, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_pause(self->v, "evict-copied", 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wants_room, self));
	ASSERT_EQ(0, vt_await(self->v, "evict-copied"));
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, vt_wait(&c));
	/* Longer than what is freed after a grace period takes. */
	sleep(2);
	EXPECT_EQ(1, vt_paused(self->v, "evict-copied"));
	ASSERT_EQ(0, vt_resume(self->v, "evict-copied"));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, vt_disarm(self->v, "evict-copied"));
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

TEST_HARNESS_MAIN
