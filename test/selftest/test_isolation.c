// SPDX-License-Identifier: GPL-2.0-only
/*
 * No process learns of another process's memory.
 *
 * Not through a file that it was given, not from device memory that another process
 * had before, not through an address of another process, and not from /proc.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182
#define LEN		(16 * VT_PAGE)
#define USER		1000
#define DROP_CACHES	"/proc/sys/vm/drop_caches"
#define DEBUGFS		"/sys/kernel/debug/dri/vsvm.0/"
/* Set for a program that was started to try out a descriptor. */
#define EXEC_FD		"VSVM_TEST_FD"
#define EXEC_ADDR	"VSVM_TEST_ADDR"

/* The file's first queue would have the number 1. */
static int refused_queues(int fd, void *mem)
{
	struct drm_vsvm_command c = vsvm_cmd_fill(mem, 8, 0, 8);
	struct drm_vsvm_queue_create create = { .slots = 1 };
	struct drm_vsvm_queue_destroy destroy = { .queue = 1 };
	struct drm_vsvm_submit submit = {
		.commands = (uintptr_t)&c, .nr_commands = 1, .queue = 1,
	};
	struct drm_vsvm_wait wait = {
		.addr = (uintptr_t)mem, .mask = 1, .op = DRM_VSVM_WAIT_GE,
	};
	struct drm_vsvm_queue_status status = { .queue = 1 };

	if (vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_CREATE, &create) != -EPERM ||
	    create.queue)
		return 20;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_SUBMIT, &submit) != -EPERM || submit.seq)
		return 21;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_WAIT, &wait) != -EPERM)
		return 22;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &status) != -EPERM ||
	    status.submitted || status.busy)
		return 23;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_QUEUE_DESTROY, &destroy) != -EPERM)
		return 24;
	return 0;
}

static int refused_advice(int fd, void *mem, char *buf)
{
	struct drm_vsvm_advise advise = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.set = DRM_VSVM_ADVISE_WORD,
	};
	struct drm_vsvm_advice_get get = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.runs = (uintptr_t)buf, .nr_runs = 1,
	};

	if (vt_ioctl(fd, DRM_IOCTL_VSVM_ADVISE, &advise) != -EPERM ||
	    vt_ioctl(fd, DRM_IOCTL_VSVM_ADVICE_GET, &get) != -EPERM ||
	    get.nr_runs)
		return 30;
	advise.addr = 0;
	advise.len = 0;
	advise.flags = DRM_VSVM_ADVISE_FILE;
	get.nr_runs = 1;
	get.addr = 0;
	get.len = 0;
	get.flags = DRM_VSVM_ADVISE_FILE;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_ADVISE, &advise) != -EPERM ||
	    vt_ioctl(fd, DRM_IOCTL_VSVM_ADVICE_GET, &get) != -EPERM ||
	    get.nr_runs)
		return 31;
	return 0;
}

/* Every call that could tell or change something; 0: all got EPERM. */
static int refused_ioctls(int fd, void *mem, char *buf, size_t len)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)mem, .buf = (uintptr_t)buf, .len = len,
	};
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.target = DRM_VSVM_TARGET_DEVICE,
	};
	struct drm_vsvm_snapshot snap = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
		.runs = (uintptr_t)buf, .nr_runs = 1,
	};
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
	};
	struct drm_vsvm_atomic atomic = {
		.addr = (uintptr_t)mem, .op = DRM_VSVM_ATOMIC_ADD,
		.operand = 1, .size = 8,
	};
	struct drm_vsvm_events events = {
		.mask = DRM_VSVM_EVENTS_ALL, .records = 1,
		.size = sizeof(struct drm_vsvm_event),
	};
	struct drm_vsvm_discard discard = {
		.addr = (uintptr_t)mem, .len = VT_PAGE,
	};
	struct drm_vsvm_pin pin = { .addr = (uintptr_t)mem, .len = VT_PAGE };

	if (vt_ioctl(fd, DRM_IOCTL_VSVM_READ, &rw) != -EPERM || rw.done ||
	    vt_ioctl(fd, DRM_IOCTL_VSVM_WRITE, &rw) != -EPERM || rw.done)
		return 1;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &mig) != -EPERM || mig.moved)
		return 2;
	mig.target = DRM_VSVM_TARGET_SYSTEM;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &mig) != -EPERM || mig.moved)
		return 3;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap) != -EPERM ||
	    snap.nr_runs)
		return 4;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_EXCLUSIVE, &excl) != -EPERM ||
	    excl.done)
		return 5;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_ATOMIC, &atomic) != -EPERM ||
	    atomic.old)
		return 6;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_DISCARD, &discard) != -EPERM ||
	    discard.next != discard.addr)
		return 15;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_EVENTS, &events) != -EPERM ||
	    events.fd != -1)
		return 14;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_PIN, &pin) != -EPERM ||
	    pin.next != pin.addr || pin.limit)
		return 16;
	return refused_advice(fd, mem, buf) ?: refused_queues(fd, mem);
}

static bool refused_inject(int fd, int want)
{
	static const struct drm_vsvm_inject ways[] = {
		{ .op = DRM_VSVM_INJECT_QUERY },
		{ .op = DRM_VSVM_INJECT_FAIL, .nth = 1, .times = 1 },
		{ .op = DRM_VSVM_INJECT_CLEAR },
	};
	struct drm_vsvm_inject arg;
	size_t i;

	for (i = 0; i < VT_COUNT(ways); i++) {
		arg = ways[i];
		if (vt_inject(fd, "backing", &arg) != want ||
		    arg.passed || arg.fired)
			return false;
	}
	return true;
}

/* What may be had of a file that is another's: what the device is, and no more. */
static int learns_nothing(int fd, void *mem)
{
	char buf[64], was[64], path[64], text[4096];
	struct drm_vsvm_info info = {};
	ssize_t n;
	int ret;

	memset(buf, 0xa5, sizeof(buf));
	memcpy(was, buf, sizeof(was));
	ret = refused_ioctls(fd, mem, buf, sizeof(buf));
	if (ret)
		return ret;
	if (!refused_inject(fd, geteuid() ? -EACCES : -EPERM))
		return 7;
	if (pread(fd, buf, sizeof(buf), (uintptr_t)mem) >= 0 ||
	    errno != EPERM ||
	    pwrite(fd, buf, sizeof(buf), (uintptr_t)mem) >= 0 ||
	    errno != EPERM || pread(fd, buf, 0, (uintptr_t)mem) >= 0 ||
	    errno != EPERM)
		return 8;
	if (memcmp(buf, was, sizeof(buf)))
		return 9;
	if (vt_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info))
		return 10;
	if (mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) !=
	    MAP_FAILED || errno != EPERM)
		return 11;
	if (!geteuid())
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return 12;
	text[n] = 0;
	return strstr(text, "resident") || strstr(text, "vsvm-owner") ? 13 : 0;
}

/* The program starts itself: see passed.by_exec. */
__attribute__((constructor)) static void started_by_exec(void)
{
	const char *fd = getenv(EXEC_FD), *addr = getenv(EXEC_ADDR);

	if (fd && addr)
		_exit(learns_nothing(atoi(fd),
				     (void *)strtoul(addr, NULL, 16)));
}

FIXTURE(passed)
{
	struct vsvm *v;
	struct vsvm *given;
	char *mem;
};

FIXTURE_VARIANT(passed)
{
	uid_t uid;
	bool unused;	/* the file is unused when it is given */
};

FIXTURE_VARIANT_ADD(passed, to_root)
{
	.uid = 0,
};

FIXTURE_VARIANT_ADD(passed, to_user)
{
	.uid = USER,
};

FIXTURE_VARIANT_ADD(passed, unused_to_root)
{
	.uid = 0,
	.unused = true,
};

FIXTURE_VARIANT_ADD(passed, unused_to_user)
{
	.uid = USER,
	.unused = true,
};

FIXTURE_SETUP(passed)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    true));
	ASSERT_EQ(0, vsvm_open(0, &self->given));
	if (!variant->unused)
		ASSERT_EQ(0, vt_dev_check(self->given, self->mem, LEN, SEED,
					  0));
}

FIXTURE_TEARDOWN(passed)
{
	vsvm_close(self->given);
	vsvm_close(self->v);
}

/* Which process gets the file, how, and as which user. */
struct receiver {
	uid_t uid;
	bool unused;
	int fd;
	int sock;
	char *mem;
};

static int become(uid_t uid)
{
	return uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid));
}

static int by_fork(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;

	(void)c;
	if (become(r->uid))
		return 99;
	return learns_nothing(r->fd, r->mem);
}

/* What the owner has is as it was, and the file is still his. */
#define UNCHANGED()							\
	do {								\
		EXPECT_EQ(0, vt_dev_check(self->given, self->mem, LEN, SEED, \
					  0));				\
		EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));		\
		EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0)); \
	} while (0)

/* A child has the same addresses and the same bytes there, and still. */
TEST_F(passed, by_fork)
{
	struct receiver r = {
		.uid = variant->uid, .fd = vsvm_fd(self->given),
		.mem = self->mem,
	};

	EXPECT_EQ(0, vt_run(by_fork, &r));
	UNCHANGED();
}

static int by_socket(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;
	int fd;

	(void)c;
	if (become(r->uid))
		return 99;
	fd = vt_receive_fd(r->sock);
	return fd < 0 ? 99 : learns_nothing(fd, r->mem);
}

/* A process that is handed the descriptor. */
TEST_F(passed, by_socket)
{
	struct receiver r = { .uid = variant->uid, .mem = self->mem };
	struct vt_child c;
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	r.sock = sock[1];
	ASSERT_EQ(0, vt_start(&c, by_socket, &r));
	ASSERT_EQ(0, vt_send_fd(sock[0], vsvm_fd(self->given)));
	EXPECT_EQ(0, vt_wait(&c));
	UNCHANGED();
}

static int by_exec(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;
	char text[32];

	(void)c;
	snprintf(text, sizeof(text), "%d", dup(r->fd));
	setenv(EXEC_FD, text, 1);
	snprintf(text, sizeof(text), "%lx", (unsigned long)r->mem);
	setenv(EXEC_ADDR, text, 1);
	if (become(r->uid))
		return 99;
	execl("/proc/self/exe", "test_isolation", NULL);
	return 98;
}

/* Another program in a process that has the descriptor open. */
TEST_F(passed, by_exec)
{
	struct receiver r = {
		.uid = variant->uid, .fd = vsvm_fd(self->given),
		.mem = self->mem,
	};

	EXPECT_EQ(0, vt_run(by_exec, &r));
	UNCHANGED();
}

static int used_then_exec(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;
	struct vsvm *v;

	if (vsvm_open(0, &v) ||
	    (!r->unused && vt_dev_check(v, r->mem, LEN, SEED, 0)))
		return 97;
	r->fd = vsvm_fd(v);
	return by_exec(c, r);
}

/* The same process: what it was before exec() is another's. */
TEST_F(passed, to_oneself)
{
	struct receiver r = {
		.uid = variant->uid, .mem = self->mem,
		.unused = variant->unused,
	};

	EXPECT_EQ(0, vt_run(used_then_exec, &r));
	UNCHANGED();
}

static int by_proc(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;
	char path[64], byte;
	int fd;

	(void)c;
	if (become(r->uid))
		return 99;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getppid(), r->fd);
	fd = open(path, O_RDWR);
	if (r->uid)
		return fd < 0 && errno == EACCES ? 0 : 1;
	/* It is another file, with the memory of the process that opened it. */
	memset(r->mem, 0x5e, VT_PAGE);
	if (pread(fd, &byte, 1, (uintptr_t)r->mem) != 1 || byte != 0x5e)
		return 2;
	if (munmap(r->mem, LEN))
		return 3;
	return pread(fd, &byte, 1, (uintptr_t)r->mem) < 0 && errno == EFAULT ?
	       0 : 4;
}

/* Opening another's descriptor in /proc gives a file of one's own. */
TEST_F(passed, by_proc)
{
	struct receiver r = {
		.uid = variant->uid, .fd = vsvm_fd(self->given),
		.mem = self->mem,
	};

	EXPECT_EQ(0, vt_run(by_proc, &r));
	/* What the child wrote to came home; it was shared since the fork. */
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

static int looks_in(struct vt_child *c, void *arg)
{
	static const char * const files[] = {
		DEBUGFS "blocks", DEBUGFS "lru", DEBUGFS "tables",
		DEBUGFS "counters", DEBUGFS "queues",
		"/sys/kernel/tracing/events/vsvm/enable",
		"/sys/bus/platform/drivers/vsvm/unbind",
	};
	struct receiver *r = arg;
	char path[64];
	size_t i;

	(void)c;
	if (become(USER))
		return 99;
	for (i = 0; i < VT_COUNT(files); i++)
		if (open(files[i], O_RDONLY) >= 0 || errno != EACCES ||
		    open(files[i], O_WRONLY) >= 0 || errno != EACCES)
			return i + 1;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", getppid(), r->fd);
	return open(path, O_RDONLY) >= 0 || errno != EACCES ? 98 : 0;
}

static int reads_for_another(struct vt_child *c, void *arg)
{
	struct receiver *r = arg;
	char path[64], text[4096];
	ssize_t n;
	int fd;

	(void)c;
	if (setresuid(USER, USER, 0))
		return 99;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r->fd);
	fd = open(path, O_RDONLY);
	if (fd < 0 || setresuid(0, 0, 0))
		return 98;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 97;
	text[n] = 0;
	return strstr(text, "vsvm-owner") || strstr(text, "drm-engine-") ? 1 : 0;
}

/* An fdinfo file that was given away tells its reader what its opener may know. */
TEST_F(passed, fdinfo_by_root_for_a_user)
{
	struct receiver r = { .fd = vsvm_fd(self->given) };

	EXPECT_EQ(0, vt_run(reads_for_another, &r));
}

/* Looking in from outside is not for everybody. */
TEST_F(passed, users_cannot_look_in)
{
	struct receiver r = { .fd = vsvm_fd(self->v) };

	EXPECT_EQ(0, vt_run(looks_in, &r));
}

/* An address that was used before, with entries in the table or without. */
FIXTURE(reused)
{
	struct vsvm *v;
	char *mem;
};

FIXTURE_VARIANT(reused)
{
	enum vt_kind kind;
	bool on_device;
	bool hot;
};

#define REUSED(name, kind_, on_device_, hot_)				\
	FIXTURE_VARIANT_ADD(reused, name)				\
	{								\
		.kind = kind_,						\
		.on_device = on_device_,				\
		.hot = hot_,						\
	}

REUSED(small_cold, VT_SMALL, false, false);
REUSED(small_hot, VT_SMALL, false, true);
REUSED(small_device_cold, VT_SMALL, true, false);
REUSED(small_device_hot, VT_SMALL, true, true);
REUSED(large_cold, VT_LARGE, false, false);
REUSED(large_hot, VT_LARGE, false, true);
REUSED(large_device_cold, VT_LARGE, true, false);
REUSED(large_device_hot, VT_LARGE, true, true);

FIXTURE_SETUP(reused)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, variant->kind, SEED,
				    variant->on_device));
	if (variant->hot)
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem, VT_HUGE, SEED,
					  0));
}

VT_TEARDOWN_CLOSE(reused)

static int map_again(char *mem)
{
	return mmap(mem, VT_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		    MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem ? 0 : -1;
}

/* Unmapped and mapped: nothing is left of what was there. */
TEST_F(reused, reads_zeroes)
{
	char byte;

	ASSERT_EQ(0, munmap(self->mem, VT_HUGE));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, self->mem, &byte, 1, NULL));
	ASSERT_EQ(0, map_again(self->mem));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, VT_HUGE, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, VT_HUGE, 0));
}

/* Written first by the device: the rest of each page is empty. */
TEST_F(reused, writes_to_fresh_pages)
{
	ASSERT_EQ(0, munmap(self->mem, VT_HUGE));
	ASSERT_EQ(0, map_again(self->mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + 100, 8, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, 100, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + 108, VT_HUGE - 108, 0));
}

static int sees_its_own(struct vt_child *c, void *arg)
{
	char *mem = arg;
	struct vsvm *v;

	(void)c;
	if (vsvm_open(0, &v) || munmap(mem, VT_HUGE))
		return 1;
	if (vt_place(v, mem) != DRM_VSVM_PLACE_ERROR)
		return 2;
	if (map_again(mem) || vt_place(v, mem) != DRM_VSVM_PLACE_ABSENT)
		return 3;
	return vt_dev_check_byte(v, mem, VT_HUGE, 0) ? 4 : 0;
}

/* The same address in two processes: each has its own places and bytes. */
TEST_F(reused, by_another_process)
{
	EXPECT_EQ(0, vt_run(sees_its_own, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_HUGE, SEED, 0));
}

/* A device whose memory, all of it, another process had before. */
FIXTURE(cleared)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(cleared)
{
	enum vt_kind before;
	enum vt_kind kind;
	bool shrink;
};

#define CLEARED(name, before_, kind_, shrink_)				\
	FIXTURE_VARIANT_ADD(cleared, name)				\
	{								\
		.before = before_,					\
		.kind = kind_,						\
		.shrink = shrink_,					\
	}

CLEARED(small, VT_SMALL, VT_SMALL, false);
CLEARED(large, VT_LARGE, VT_LARGE, false);
CLEARED(small_after_large, VT_LARGE, VT_SMALL, false);
CLEARED(large_after_small, VT_SMALL, VT_LARGE, false);
CLEARED(small_shrunk, VT_SMALL, VT_SMALL, true);
CLEARED(large_shrunk, VT_LARGE, VT_LARGE, true);

static int leaves_its_mark(struct vt_child *c, void *arg)
{
	enum vt_kind *kind = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, VT_VRAM, *kind, OTHER);
	if (!mem || vt_to_device(v, mem, VT_VRAM) ||
	    vt_dev_fill(v, mem, VT_VRAM, OTHER + 1, 0))
		return 2;
	return vt_used(v) == VT_VRAM ? 0 : 3;
}

FIXTURE_SETUP(cleared)
{
	enum vt_kind kind = variant->before;

	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_run(leaves_its_mark, &kind));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_used(self->v));
	ASSERT_EQ(VT_VRAM, vt_backing(self->v));
	if (variant->shrink)
		ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
}

VT_TEARDOWN_RESTORE(cleared)

/* Pages that come into being on the device are empty, every byte of them. */
TEST_F_TIMEOUT(cleared, populated, VT_LONG)
{
	char *mem = vt_map(VT_VRAM, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_migrate(self->v, mem, VT_VRAM, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	ASSERT_EQ(VT_VRAM, self->m.moved);
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_VRAM));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, VT_VRAM, 0));
	EXPECT_EQ(0, vt_check_byte(mem, VT_VRAM, 0));
}

/* The same between pages that were there: each second one is written. */
TEST_F_TIMEOUT(cleared, populated_between, VT_LONG)
{
	char *mem = vt_map(VT_VRAM, VT_SMALL);
	size_t at;

	ASSERT_NE(NULL, mem);
	for (at = 0; at < VT_VRAM; at += 2 * VT_PAGE)
		vt_fill(mem + at, VT_PAGE, SEED, at);
	ASSERT_EQ(0, vt_migrate(self->v, mem, VT_VRAM, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	ASSERT_EQ(VT_VRAM, self->m.moved);
	for (at = 0; at < VT_VRAM; at += 2 * VT_PAGE) {
		ASSERT_EQ(0, vt_dev_check(self->v, mem + at, VT_PAGE, SEED,
					  at));
		ASSERT_EQ(0, vt_dev_check_byte(self->v, mem + at + VT_PAGE,
					       VT_PAGE, 0));
	}
}

/* Populated, then written in part: what was not written is empty. */
TEST_F_TIMEOUT(cleared, written_in_part, VT_LONG)
{
	char *mem = vt_map(VT_HUGE, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_migrate(self->v, mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + VT_PAGE + 1, 1, SEED, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, VT_PAGE + 1, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem + VT_PAGE + 2,
				       VT_HUGE - VT_PAGE - 2, 0));
	EXPECT_EQ(0, vt_check_byte(mem + VT_PAGE + 2, VT_HUGE - VT_PAGE - 2, 0));
}

/* Leaves pages on the device that only its child has, and ends. */
static int leaves_them_to_a_child(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)arg;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, VT_HUGE, VT_SMALL, OTHER);
	if (!mem || vt_to_device(v, mem, VT_HUGE))
		return 2;
	if (fork())
		return 0;
	/* The child has no file; it ends when the test does. */
	vsvm_close(v);
	if (vt_say(c))
		_exit(1);
	vt_hear(c);
	_exit(0);
}

static int has_nothing(struct vt_child *c, void *arg)
{
	char path[64], line[256];
	unsigned long kib = 1;
	struct vsvm *v;
	int found = 0;
	FILE *f;

	(void)c;
	/* The first use, which brings nothing to the device. */
	if (vsvm_open(0, &v) || vt_place(v, arg) < 0)
		return 1;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vsvm_fd(v));
	f = fopen(path, "re");
	if (!f)
		return 2;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "drm-resident-device: %lu", &kib) != 1)
			continue;
		found++;
		if (kib)
			return 3;
	}
	fclose(f);
	return found == 1 ? 0 : 4;
}

/*
 * A process that is new has nothing on the device, whoever ended before it and
 * left something there: mm_structs are used again, the last one first.
 */
TEST_F(passed, new_process_has_nothing)
{
	struct vt_child c;
	int i;

	ASSERT_EQ(0, vt_start(&c, leaves_them_to_a_child, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(c.pid, waitpid(c.pid, NULL, 0));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, vt_run(has_nothing, self->mem));
	EXPECT_LE(LEN + VT_HUGE, vt_used(self->v));
	EXPECT_EQ(0, vt_say(&c));
}

TEST_HARNESS_MAIN
