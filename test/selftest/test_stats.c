// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: each one moves by what was done, in fdinfo of the file and in debugfs for
 * the device.
 *
 * The memory in fdinfo agrees with SNAPSHOT. debugfs shows the blocks, their order
 * and the tables, and survives an unplug.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_counters.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define KSM		"/sys/kernel/mm/ksm/"
#define THRASH_TURNS	"/sys/module/vsvm/parameters/thrash_turns"
#define ENGINES		"/sys/module/vsvm/parameters/engines"
#define SEED		161
#define OTHER		162
#define LEN		(16 * VT_PAGE)
FIXTURE(stats)
{
	struct vsvm *v;
	struct drm_vsvm_migrate m;
	struct vt_counters file;
	struct vt_counters device;
	struct vt_counters now;
	long hugepages;
	long ksm_run;
};

FIXTURE_SETUP(stats)
{
	self->hugepages = vt_file_get(HUGEPAGES);
	self->ksm_run = vt_file_get(KSM "run");
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	/* A page of its own that is shared with the parent would be copied in between. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	ASSERT_EQ(0, munlockall());
}

FIXTURE_TEARDOWN_PARENT(stats)
{
	if (self->hugepages >= 0)
		vt_file_set(HUGEPAGES, self->hugepages);
	if (self->ksm_run >= 0)
		vt_file_set(KSM "run", self->ksm_run);
}

/* The counters from here on, and by how much one moved in file and device. */
#define START()								\
	ASSERT_EQ(0, vt_counters_look(self->v, &self->file, &self->device))

#define MOVED(name, by)							\
	vt_moved(self->v, &self->file, &self->device, name, by)

/* Faults of the device, the pages they took, and the bytes it read. */
TEST_F(stats, device_reads)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	START();
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("device-faults", 1));
	EXPECT_EQ(0, MOVED("device-fault-pages", LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("read-bytes", LEN));
	ASSERT_EQ(0, vt_dev_check(self->v, mem + 5, 100, SEED, 5));
	EXPECT_EQ(0, MOVED("device-faults", 1));
	EXPECT_EQ(0, MOVED("read-bytes", LEN + 100));
	EXPECT_EQ(0, MOVED("written-bytes", 0));
}

/* The bytes it wrote; a write that stops counts what it did. */
TEST_F(stats, device_writes)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	char buf[2 * VT_PAGE];

	ASSERT_NE(NULL, mem);
	memset(buf, 1, sizeof(buf));
	ASSERT_EQ(0, munmap(mem + 4 * VT_PAGE, VT_PAGE));
	START();
	ASSERT_EQ(-EFAULT, vsvm_write(self->v, mem + 3 * VT_PAGE, buf,
				      2 * VT_PAGE, NULL));
	EXPECT_EQ(0, MOVED("written-bytes", VT_PAGE));
	EXPECT_EQ(0, MOVED("read-bytes", 0));
}

/* Atomic operations. */
TEST_F(stats, atomics)
{
	char *mem = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	struct drm_vsvm_atomic arg;
	int i;

	ASSERT_NE(NULL, mem);
	START();
	for (i = 0; i < 3; i++) {
		arg = (struct drm_vsvm_atomic){
			.addr = (uintptr_t)mem, .operand = 1, .size = 8,
		};
		ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_ATOMIC,
				      &arg));
	}
	EXPECT_EQ(0, MOVED("atomics", 3));
}

/* Jobs that are done, whatever they have of commands, and faults of their queue. */
TEST_F(stats, jobs)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(mem, 8, 1, 1),
		vsvm_cmd_fill(mem + 5 * VT_PAGE, 8, 1, 1),
		vsvm_cmd_barrier(),
	};
	struct drm_vsvm_queue_status s;
	struct vt_queue q;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	START();
	ASSERT_EQ(0, vt_submit(&q, job, 3));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	EXPECT_EQ(0, MOVED("jobs", 1));
	EXPECT_EQ(0, MOVED("queue-faults", 2));
	EXPECT_EQ(0, MOVED("written-bytes", 16));
	/* What is there is no fault. */
	ASSERT_EQ(0, vt_submit(&q, job, 1));
	ASSERT_EQ(0, vt_submit(&q, job + 1, 2));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	EXPECT_EQ(0, MOVED("jobs", 3));
	EXPECT_EQ(0, MOVED("queue-faults", 2));
	EXPECT_EQ(0, MOVED("queues-lost", 0));
	ASSERT_EQ(0, vt_queue_status(&q, &s));
	EXPECT_EQ(2, s.faults);
}

/* Queues that were lost; their job, and those behind it, are not done. */
TEST_F(stats, lost_queues)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(mem, 8, 1, 1),
		vsvm_cmd_fill(mem + 4 * VT_PAGE, 8, 1, 1),
	};
	struct vt_queue q;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem + 4 * VT_PAGE, VT_PAGE));
	START();
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
		ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_barrier()));
		ASSERT_EQ(0, vt_submit(&q, job, 2));
		ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_LOST));
		/* Nobody works for a queue that is gone. */
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, q.id));
		EXPECT_EQ(0, MOVED("queues-lost", i));
		EXPECT_EQ(0, MOVED("jobs", i));
	}
}

/* The time of engines is that of the file's queues, those that are gone included. */
TEST_F(stats, fdinfo_of_engines)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_SMALL, SEED);
	struct drm_vsvm_queue_status s;
	struct vt_queue q[2];
	struct vsvm *other;
	uint64_t sum = 0;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_open(0, &other));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vt_queue_make(&q[i], self->v, 8));
		ASSERT_EQ(0, vt_do_one(&q[i], vsvm_cmd_fill(mem, VT_HUGE, i, 1)));
		ASSERT_EQ(0, vt_queue_becomes(&q[i], DRM_VSVM_QUEUE_IDLE));
		ASSERT_EQ(0, vt_queue_status(&q[i], &s));
		EXPECT_LT(0, s.busy);
		sum += s.busy;
	}
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(sum, vt_key("drm-engine-compute"));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, q[0].id));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(sum, vt_key("drm-engine-compute"));
	ASSERT_EQ(0, vt_fdinfo_get(other));
	EXPECT_EQ(0, vt_key("drm-engine-compute"));
	vsvm_close(other);
}

/* Pages that MIGRATE moved, there and back. */
TEST_F(stats, migrations)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("to-device-pages", 1024));
	ASSERT_EQ(0, vt_to_system(self->v, mem, VT_HUGE));
	EXPECT_EQ(0, MOVED("home-explicit-pages", 512));
	EXPECT_EQ(0, MOVED("to-device-pages", 1024));
	EXPECT_EQ(0, MOVED("cpu-faults", 0));
}

/* Those that moved because the device lacked them. */
TEST_F(stats, moved_on_a_fault)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	char *mem = vt_map_filled(self->v, 2 * LEN, VT_SMALL, SEED), byte;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, 2 * LEN,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	START();
	ASSERT_EQ(0, vsvm_read(self->v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, MOVED("fault-to-device-pages", LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("to-device-pages", LEN / VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * LEN));
	EXPECT_EQ(0, MOVED("fault-to-device-pages", LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("to-device-pages", 2 * LEN / VT_PAGE));
}

#define TURNS	100

/* CPU and device write the same bytes in turns. */
static int take_turns(struct vsvm *v, char *mem)
{
	char i;

	for (i = 0; i < TURNS; i++) {
		((volatile char *)mem)[0] = i;
		if (VT_BAD(vsvm_write(v, mem + 1, &i, 1, NULL)))
			return -1;
	}
	return 0;
}

/* After some turns they do it in place; without the rule each turn moves the piece. */
TEST_F(stats, thrashing)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	char *mem = vt_map_filled(self->v, 2 * LEN, VT_SMALL, SEED);
	int off, ret;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, 2 * LEN,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	off = vt_file_set(THRASH_TURNS, 0);
	START();
	ret = take_turns(self->v, mem);
	vt_file_set(THRASH_TURNS, 3);
	ASSERT_EQ(0, off);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, MOVED("fault-to-device-pages", TURNS * LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("thrashes", 0));
	START();
	ASSERT_EQ(0, take_turns(self->v, mem + LEN));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_LT(0, vt_key("vsvm-thrashes"));
	EXPECT_GT((TURNS + TURNS / 2) * LEN / VT_PAGE,
		  vt_key("vsvm-fault-to-device-pages"));
	EXPECT_EQ(0, VT_IN_SYSTEM(mem + LEN, LEN));
}

/* A CPU fault, and the window that came with it. */
TEST_F(stats, cpu_faults)
{
	char *mem = vt_map_filled(self->v, 2 * LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * LEN));
	START();
	ASSERT_EQ(0, vt_check(mem, 2 * LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("cpu-faults", 2));
	EXPECT_EQ(0, MOVED("home-cpu-fault-pages", 2 * LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("home-explicit-pages", 0));
}

/* A page that came home so that the device may write it. */
TEST_F(stats, device_breaks_cow)
{
	char *mem = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	pid_t pid;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_PAGE));
	START();
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, vt_dev_fill(self->v, mem, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, MOVED("home-device-fault-pages", 1));
	EXPECT_EQ(0, MOVED("cpu-faults", 0));
}

/* Calls of the notifier, and the entries that they took. */
TEST_F(stats, invalidations)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN / 2, SEED, 0));
	START();
	ASSERT_EQ(0, madvise(mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, MOVED("invalidations", 1));
	EXPECT_EQ(0, MOVED("invalidated-pages", LEN / 2 / VT_PAGE));
}

/* What stays for its mapping's sake. */
TEST_F(stats, stayed_mappings)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);
	char *huge;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, vdso);
	ASSERT_EQ(0, vt_file_set(HUGEPAGES, 2));
	huge = mmap(NULL, VT_HUGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, huge);
	*huge = 1;
	ASSERT_EQ(0, mprotect(mem, 2 * VT_PAGE, PROT_NONE));
	ASSERT_EQ(0, munmap(mem + 3 * VT_PAGE, 3 * VT_PAGE));
	ASSERT_EQ(mem + 8 * VT_PAGE,
		  mmap(mem + 8 * VT_PAGE, 4 * VT_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vt_fill(mem + 8 * VT_PAGE, 4 * VT_PAGE, SEED, 0);
	START();
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	ASSERT_EQ(0, VT_TRY_DEVICE(vdso, VT_PAGE));
	ASSERT_EQ(0, VT_TRY_DEVICE(huge, VT_HUGE));
	EXPECT_EQ(0, MOVED("stayed-access-pages", 2));
	EXPECT_EQ(0, MOVED("stayed-unmapped-pages", 3));
	EXPECT_EQ(0, MOVED("stayed-file-pages", 4));
	EXPECT_EQ(0, MOVED("stayed-special-pages", 1));
	EXPECT_EQ(0, MOVED("stayed-hugetlb-pages", 512));
	EXPECT_EQ(0, MOVED("to-device-pages", 7));
}

/* What stays because it is pinned. */
TEST_F(stats, stayed_pinned)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct iovec iov = { .iov_base = mem, .iov_len = 8 * VT_PAGE };
	int fds[2];

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(8 * VT_PAGE, vmsplice(fds[1], &iov, 1, 0));
	START();
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, MOVED("stayed-pinned-pages", 8));
}

static int wait_to_end(struct vt_child *c, void *arg)
{
	(void)arg;
	return vt_hear(c) ? 9 : 0;
}

/* What stays because core holds it: a child needs the page's swap slot. */
TEST_F(stats, stayed_busy)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct vt_zram zram;
	struct vt_child c;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_swap_on(&zram, 4 * LEN));
	ASSERT_EQ(0, vt_page_out(mem, LEN));
	ASSERT_EQ(0, vt_start(&c, wait_to_end, NULL));
	START();
	EXPECT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, MOVED("stayed-busy-pages", LEN / VT_PAGE));
	EXPECT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_zram_gone(&zram));
}

/* What stays because it is lost: a page that userfaultfd poisoned. */
TEST_F(stats, stayed_error)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_POISON,
	};
	struct uffdio_register reg = {
		.range = { (uintptr_t)mem, LEN },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_poison poison = {
		.range = { (uintptr_t)mem + 3 * VT_PAGE, VT_PAGE },
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	ASSERT_NE(NULL, mem);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(0, madvise(mem + 3 * VT_PAGE, VT_PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_POISON, &poison));
	START();
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(VT_PAGE, self->m.stayed[DRM_VSVM_STAY_ERROR]);
	EXPECT_EQ(LEN - VT_PAGE, self->m.moved);
	EXPECT_EQ(0, MOVED("stayed-error-pages", 1));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, 3 * VT_PAGE, SEED, 0));
	close(fd);
}

/* What stays because others share it. */
TEST_F_TIMEOUT(stats, stayed_ksm, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL);
	int i;

	ASSERT_NE(NULL, mem);
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
	START();
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, MOVED("stayed-ksm-pages", LEN / VT_PAGE));
}

static int arm(struct vsvm *v, const char *point, uint64_t times)
{
	struct drm_vsvm_inject arg = {
		.op = DRM_VSVM_INJECT_FAIL,
		.flags = DRM_VSVM_INJECT_FILE,
		.nth = 1,
		.times = times,
	};

	return vt_inject(vsvm_fd(v), point, &arg);
}

/* What stays because there is no room on the other side. */
TEST_F(stats, stayed_full)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	START();
	ASSERT_EQ(0, arm(self->v, "reserve-small", 1));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, MOVED("stayed-device-full-pages", LEN / VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, arm(self->v, "home-small", 1000));
	ASSERT_EQ(0, vt_migrate(self->v, mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0,
				&self->m));
	EXPECT_EQ(0, MOVED("stayed-host-full-pages", LEN / VT_PAGE));
	EXPECT_EQ(0, MOVED("home-explicit-pages", 0));
}

/* Every counter has a name that no other has, the same in both places. */
TEST_F(stats, names)
{
	int i, j;

	START();
	ASSERT_LT(20, self->device.nr);
	for (i = 0; i < self->device.nr; i++) {
		EXPECT_NE(~0ULL, vt_counter(&self->file, self->device.all[i].name));
		for (j = 0; j < i; j++)
			EXPECT_NE(0, strcmp(self->device.all[i].name,
					    self->device.all[j].name));
	}
}

/* Bytes of a range that the device page table has, in one place. */
static long mapped_in(struct vsvm *v, const void *mem, size_t len,
		      uint32_t place)
{
	static struct drm_vsvm_run runs[64];
	struct drm_vsvm_snapshot snap = {
		.addr = (uintptr_t)mem,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = 64,
		.flags = DRM_VSVM_SNAPSHOT_TABLE,
	};
	long bytes = 0;
	uint32_t i;

	if (VT_BAD(vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_SNAPSHOT, &snap) ||
		   snap.next != snap.addr + len))
		return -1;
	for (i = 0; i < snap.nr_runs; i++)
		if (runs[i].state & DRM_VSVM_STATE_MAPPED &&
		    (runs[i].state & DRM_VSVM_STATE_PLACE) == place)
			bytes += runs[i].count * VT_PAGE;
	return bytes;
}

/* A file that did nothing yet has nothing, and says which driver it is of. */
TEST_F(stats, fdinfo_of_a_new_file)
{
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_NE(NULL, strstr(vt_text, "\ndrm-driver:\tvsvm\n"));
	EXPECT_NE(~0ULL, vt_key("drm-client-id"));
	EXPECT_EQ(0, vt_key("drm-total-device"));
	EXPECT_EQ(0, vt_key("drm-shared-device"));
	EXPECT_EQ(0, vt_key("drm-resident-device"));
	EXPECT_EQ(0, vt_key("drm-active-device"));
	EXPECT_EQ(0, vt_key("drm-total-memory"));
	EXPECT_EQ(0, vt_key("drm-shared-memory"));
	EXPECT_EQ(0, vt_key("drm-resident-memory"));
	EXPECT_EQ(0, vt_key("drm-active-memory"));
	EXPECT_NE(NULL, strstr(vt_text, "\ndrm-engine-compute:\t0 ns\n"));
	EXPECT_EQ((uint64_t)vt_file_get(ENGINES), vt_key("drm-engine-capacity-compute"));
	EXPECT_EQ(0, vt_key("vsvm-device"));
	EXPECT_EQ(getpid(), vt_key("vsvm-owner"));
}

/* fdinfo has of the memory what SNAPSHOT tells. */
TEST_F(stats, fdinfo_agrees_with_snapshot)
{
	size_t len = 4 * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);
	long device, table, system;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE + 5 * VT_PAGE));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, 7 * VT_PAGE, SEED, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, mem + 2 * VT_HUGE, 300 * VT_PAGE,
				  SEED, 2 * VT_HUGE));
	device = vt_bytes_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE);
	table = mapped_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE);
	system = mapped_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM);
	EXPECT_EQ(VT_HUGE + 5 * VT_PAGE, device);
	EXPECT_EQ(7 * VT_PAGE, table);
	EXPECT_EQ(300 * VT_PAGE, system);

	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(device, vt_key("drm-total-device"));
	EXPECT_EQ(device, vt_key("drm-resident-device"));
	EXPECT_EQ(table, vt_key("drm-active-device"));
	EXPECT_EQ(0, vt_key("drm-shared-device"));
	EXPECT_EQ(system, vt_key("drm-total-memory"));
	EXPECT_EQ(system, vt_key("drm-resident-memory"));
	EXPECT_EQ(system, vt_key("drm-active-memory"));
	EXPECT_EQ(getpid(), vt_key("vsvm-owner"));

	ASSERT_EQ(0, vt_check(mem, len, SEED, 0));
	ASSERT_EQ(0, munmap(mem + 2 * VT_HUGE, VT_HUGE));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(0, vt_key("drm-resident-device"));
	EXPECT_EQ(0, vt_key("drm-active-device"));
	EXPECT_EQ(0, vt_key("drm-resident-memory"));
}

/* 2M pages count in full; a part given back leaves the rest. */
TEST_F(stats, fdinfo_of_huge_pages)
{
	char *mem = vt_map_filled(self->v, 3 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 3 * VT_HUGE));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(3 * VT_HUGE, vt_key("drm-resident-device"));
	ASSERT_EQ(0, munmap(mem, VT_HUGE));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(2 * VT_HUGE, vt_key("drm-resident-device"));
}

/* Two files of a process share its device memory, and are two clients. */
TEST_F(stats, fdinfo_of_two_files)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct vsvm *other;
	uint64_t id;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vsvm_open(0, &other));
	ASSERT_EQ(LEN, vt_bytes_in(other, mem, LEN, DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(LEN, vt_key("drm-total-device"));
	EXPECT_EQ(LEN, vt_key("drm-shared-device"));
	id = vt_key("drm-client-id");
	ASSERT_EQ(0, vt_fdinfo_get(other));
	EXPECT_EQ(LEN, vt_key("drm-total-device"));
	EXPECT_EQ(LEN, vt_key("drm-shared-device"));
	EXPECT_NE(id, vt_key("drm-client-id"));
	vsvm_close(other);
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(0, vt_key("drm-shared-device"));
}

/* Every used page is in the map of blocks, under its owner. */
TEST_F(stats, debugfs_blocks)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_SMALL, SEED);
	unsigned long used, sum = 0, mine = 0;
	const char *line;
	int owner;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE + 3 * VT_PAGE));
	ASSERT_LT(0, vt_text_get(VT_DEBUGFS "blocks"));
	for (line = vt_text; line; line = vt_next_line(line)) {
		if (sscanf(line, "%*u%*1[ ]%lu %d ", &used, &owner) != 2)
			continue;
		sum += used;
		if (owner == getpid())
			mine += used;
	}
	EXPECT_EQ(vt_used(self->v), sum * VT_PAGE);
	EXPECT_EQ(VT_HUGE + 3 * VT_PAGE, mine * VT_PAGE);
}

/* The line of our file tells what its table has. */
TEST_F(stats, debugfs_tables)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_SMALL, SEED);
	unsigned long leaves, entries, system, device;
	const char *line;
	char want[32];
	int found = 0;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 4 * VT_PAGE));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, 10 * VT_PAGE, SEED, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, mem + VT_HUGE, VT_PAGE, SEED,
				  VT_HUGE));
	ASSERT_LT(0, vt_text_get(VT_DEBUGFS "tables"));
	snprintf(want, sizeof(want), "%d ", getpid());
	for (line = vt_text; line; line = vt_next_line(line)) {
		if (strncmp(line, want, strlen(want)))
			continue;
		if (sscanf(line, "%*d %lu %lu %*u %lu %lu", &leaves, &entries,
			   &system, &device) == 4)
			found++;
	}
	ASSERT_EQ(1, found);
	EXPECT_EQ(2, leaves);
	EXPECT_EQ(11, entries);
	EXPECT_EQ(7, system);
	EXPECT_EQ(4, device);
}

/* What the line of a queue has from its state on, the time left out; "": no such line. */
static const char *queue_line(uint32_t id)
{
	static char found[128];
	unsigned long n[6];
	char want[64], state[16];
	const char *line;
	int skip;

	found[0] = 0;
	if (VT_BAD(vt_text_get(VT_DEBUGFS "queues") <= 0))
		return found;
	snprintf(want, sizeof(want), "%d %u normal ", getpid(), id);
	skip = strlen(want);
	for (line = vt_text; line; line = vt_next_line(line))
		if (!strncmp(line, want, skip) &&
		    sscanf(line + skip, "%15s %lu %lu %lu %lu %*u %lu %lu\n", state,
			   &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) == 7)
			snprintf(found, sizeof(found), "%s %lu %lu %lu %lu %lu %lu",
				 state, n[0], n[1], n[2], n[3], n[4], n[5]);
	return found;
}

/* Says the first line that so many engines run a queue? */
static bool engines_run(int running)
{
	char line[64];

	snprintf(line, sizeof(line), "device 0 engines %ld running %d\nowner ",
		 vt_file_get(ENGINES), running);
	return !strncmp(vt_text, line, strlen(line));
}

/*
 * Each queue has a line, in each state; while one has an engine and another the fault
 * worker, too.
 */
TEST_F(stats, debugfs_queues)
{
	uint64_t *gate = vt_map(VT_PAGE, VT_SMALL);
	int64_t deadline = vt_queue_deadline();
	struct vt_queue q, lost, held;

	ASSERT_NE(NULL, gate);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 5));
	EXPECT_STREQ("idle 0 0 0 5 0 0", queue_line(q.id));
	EXPECT_TRUE(engines_run(0));

	ASSERT_EQ(0, vt_pause(self->v, "slice-start", 1));
	ASSERT_EQ(0, vt_begin(&q, NULL, 0));
	ASSERT_EQ(0, vt_await(self->v, "slice-start"));
	EXPECT_STREQ("ready 1 0 1 5 0 0", queue_line(q.id));
	EXPECT_TRUE(engines_run(1));
	ASSERT_EQ(0, vt_pause(self->v, "fault-queued", 1));
	ASSERT_EQ(0, vt_resume(self->v, "slice-start"));
	ASSERT_EQ(0, vt_await(self->v, "fault-queued"));
	/* The slot of a SIGNAL that has begun is free. */
	EXPECT_STREQ("faulting 1 0 0 5 1 0", queue_line(q.id));
	EXPECT_TRUE(engines_run(0));
	ASSERT_EQ(0, vt_resume(self->v, "fault-queued"));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	EXPECT_STREQ("idle 1 1 0 5 1 0", queue_line(q.id));

	ASSERT_EQ(0, vt_queue_make(&lost, self->v, 9));
	ASSERT_EQ(0, vt_submit_one(&lost, vsvm_cmd_fill(NULL, 8, 0, 8)));
	ASSERT_EQ(0, vt_queue_becomes(&lost, DRM_VSVM_QUEUE_LOST));
	EXPECT_STREQ("lost 1 0 1 9 1 14", queue_line(lost.id));
	ASSERT_EQ(0, vt_queue_make(&held, self->v, 9));
	ASSERT_EQ(0, vt_hold(&held, gate));
	ASSERT_EQ(0, vt_submit_one(&held, vsvm_cmd_barrier()));
	/* An engine may just look at the word. */
	while (strncmp("waiting 2 0 2 9 ", queue_line(held.id), 16))
		ASSERT_GT(deadline, vsvm_deadline(0));
	EXPECT_STREQ("idle 1 1 0 5 1 0", queue_line(q.id));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, q.id));
	EXPECT_STREQ("", queue_line(q.id));
	EXPECT_STREQ("lost 1 0 1 9 1 14", queue_line(lost.id));
}

FIXTURE(small_device)
{
	struct vsvm *v;
	struct vt_module module;
	struct vt_counters file;
	struct vt_counters device;
};

FIXTURE_SETUP(small_device)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(1, 6));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_RESTORE(small_device)

/* Evicted blocks, and their pages. */
TEST_F_TIMEOUT(small_device, evictions, VT_LONG)
{
	char *mem = vt_map_filled(self->v, 5 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 3 * VT_HUGE));
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem + 3 * VT_HUGE, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("evicted-blocks", 2));
	EXPECT_EQ(0, MOVED("home-eviction-pages", 1024));
	EXPECT_EQ(0, MOVED("cpu-faults", 0));
}

/* The list of blocks by age names first what goes first. */
TEST_F_TIMEOUT(small_device, debugfs_lru, VT_LONG)
{
	char *mem = vt_map_filled(self->v, 4 * VT_HUGE, VT_LARGE, SEED);
	unsigned long block[3], age[3];
	const char *line;
	int i, n;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 3 * VT_HUGE));
	/* The first one is used again: now the second is the oldest. */
	ASSERT_EQ(0, vt_dev_check(self->v, mem, 1, SEED, 0));
	ASSERT_LT(0, vt_text_get(VT_DEBUGFS "lru"));
	line = vt_next_line(vt_text);
	for (i = 0; i < 3; i++, line = vt_next_line(line)) {
		ASSERT_NE(NULL, line);
		n = sscanf(line, "%lu %lu", &block[i], &age[i]);
		ASSERT_EQ(2, n);
	}
	EXPECT_EQ(1, block[0]);
	EXPECT_EQ(1, age[0]);
	EXPECT_EQ(0, block[1]);
	EXPECT_EQ(0, age[1]);
	EXPECT_EQ(2, block[2]);
	ASSERT_EQ(0, vt_to_device(self->v, mem + 3 * VT_HUGE, VT_HUGE));
	EXPECT_EQ(0, vt_all_in(self->v, mem + VT_HUGE, VT_HUGE,
			       DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER));
}

/* Files of debugfs and fdinfo that are open outlive the device, empty. */
TEST_F_TIMEOUT(small_device, unplug_with_files_open, VT_LONG)
{
	static const char *const names[] = {
		"blocks", "lru", "tables", "counters", "queues",
	};
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);
	char path[128], byte;
	int fds[ARRAY_SIZE(names)], fd;
	size_t i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), VT_DEBUGFS "%s", names[i]);
		fds[i] = open(path, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	fd = open(VT_DRIVER "unbind", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(6, write(fd, "vsvm.0", 6));
	close(fd);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-1, read(fds[i], &byte, 1));
		close(fds[i]);
	}
	EXPECT_EQ(-1, access(VT_DEBUGFS "blocks", F_OK));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(NULL, strstr(vt_text, "drm-"));
	/* The notifier is still there, the device's counters are not. */
	ASSERT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, munmap(mem, VT_HUGE));
}

TEST_HARNESS_MAIN
