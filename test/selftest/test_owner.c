// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file belongs to the address space that opened it, and to no other.
 *
 * A forked child may not use it, nor a process that gets the descriptor, nor the
 * program that exec() starts, nor any process after the owner has ended; whether the
 * file was used before or not.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(16 * VT_PAGE)
#define SEED	81
#define OTHER	82
#define USER	1000

FIXTURE(owner)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
};

FIXTURE_SETUP(owner)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	vt_fill(self->mem, LEN, SEED, 0);
}

VT_TEARDOWN_CLOSE(owner)

/* Whether each way in is refused with EPERM; which one was not. */
static int all_refused(struct vsvm *v, char *mem)
{
	struct drm_vsvm_migrate m;
	struct drm_vsvm_run run;
	char buf[64], was[64];
	uint32_t nr = 1;
	size_t done = 1;

	memset(buf, 0xa5, sizeof(buf));
	memcpy(was, buf, sizeof(was));
	if (vsvm_read(v, mem, buf, sizeof(buf), &done) != -EPERM || done)
		return 1;
	done = 1;
	if (vsvm_write(v, mem, buf, sizeof(buf), &done) != -EPERM || done)
		return 2;
	if (vsvm_migrate(v, mem, LEN, DRM_VSVM_TARGET_DEVICE, 0, &m) != -EPERM)
		return 3;
	if (vsvm_migrate(v, mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0, &m) != -EPERM)
		return 4;
	if (vsvm_snapshot(v, mem, LEN, &run, &nr, NULL) != -EPERM)
		return 5;
	if (mmap(NULL, LEN, PROT_READ, MAP_SHARED, vsvm_fd(v), 0) !=
	    MAP_FAILED || errno != EPERM)
		return 10;
	errno = 0;
	if (pread(vsvm_fd(v), buf, 8, (off_t)(uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 6;
	errno = 0;
	if (pwrite(vsvm_fd(v), buf, 8, (off_t)(uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 7;
	errno = 0;
	if (lseek(vsvm_fd(v), 0, SEEK_SET) != -1 || errno != EPERM)
		return 11;
	return memcmp(buf, was, sizeof(was)) ? 8 : 0;
}

/* What a child or thread is given. */
struct holder {
	struct vsvm *v;
	char *mem;
};

static int child_is_refused(struct vt_child *c, void *arg)
{
	struct holder *a = arg;
	int ret = all_refused(a->v, a->mem);

	(void)c;
	return ret ? ret : vt_check(a->mem, LEN, SEED, 0) ? 9 : 0;
}

/* A forked child that holds the parent's file gets EPERM, all ways. */
TEST_F(owner, refuses_a_forked_child)
{
	struct holder a = { self->v, self->mem };

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_run(child_is_refused, &a));
	/* And the owner still may. */
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

/* Nor does it get the file by being the first to use it. */
TEST_F(owner, refuses_a_forked_child_that_is_first)
{
	struct holder a = { self->v, self->mem };

	EXPECT_EQ(0, vt_run(child_is_refused, &a));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

/* Opens a file, uses it, tells its number, and stays as long as it has to. */
struct opener {
	char *mem;
	int *fd;	/* in shared memory */
};

static int child_opens(struct vt_child *c, void *arg)
{
	struct opener *a = arg;
	struct vsvm *v;

	if (vsvm_open(0, &v) || vt_to_device(v, a->mem, LEN))
		return 1;
	*a->fd = vsvm_fd(v);
	vt_say(c);
	return vt_hear(c);
}

/* Every byte of the transfer is refused. */
static int transfers_refused(int fd, char *mem)
{
	char buf[8] = "before";

	if (pread(fd, buf, sizeof(buf), (uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 1;
	if (pwrite(fd, buf, sizeof(buf), (uintptr_t)mem) != -1 ||
	    errno != EPERM)
		return 2;
	if (mmap(NULL, VT_PAGE, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED ||
	    errno != EPERM)
		return 3;
	return strcmp(buf, "before") ? 4 : 0;
}

/* When the owner is gone the file belongs to no process, not to the next one. */
TEST_F(owner, is_not_inherited)
{
	int *number = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct opener a = { self->mem, number };
	struct vt_child c;
	int pidfd, fd;

	ASSERT_NE(MAP_FAILED, number);
	ASSERT_EQ(0, vt_start(&c, child_opens, &a));
	ASSERT_EQ(0, vt_hear(&c));
	pidfd = syscall(SYS_pidfd_open, c.pid, 0);
	ASSERT_LE(0, pidfd);
	fd = syscall(SYS_pidfd_getfd, pidfd, *number, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, transfers_refused(fd, self->mem));
	EXPECT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, transfers_refused(fd, self->mem));
	/* The child moved pages that it shared: they are still there. */
	EXPECT_EQ(self->used + LEN, vt_used(self->v));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

static int child_opens_its_own(struct vt_child *c, void *arg)
{
	struct holder *a = arg;
	struct vsvm *v;

	(void)c;
	if (vsvm_open(0, &v))
		return 1;
	if (vt_to_device(v, a->mem, LEN))
		return 2;
	if (vt_dev_fill(v, a->mem, LEN, OTHER, 0))
		return 3;
	if (vt_check(a->mem, LEN, OTHER, 0))
		return 4;
	vsvm_close(v);
	return 0;
}

/* A child with a file of its own may do all that with its own memory. */
TEST_F(owner, child_opens_its_own)
{
	struct holder a = { self->v, self->mem };

	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_run(child_opens_its_own, &a));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

static void *thread_uses(void *arg)
{
	struct holder *a = arg;

	if (vt_dev_check(a->v, a->mem, LEN, SEED, 0) ||
	    vt_dev_fill(a->v, a->mem, LEN, OTHER, 0))
		return a;
	return NULL;
}

/* A thread is the same address space. */
TEST_F(owner, threads_share)
{
	struct holder a = { self->v, self->mem };
	pthread_t thread;
	void *bad;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_uses, &a));
	ASSERT_EQ(0, pthread_join(thread, &bad));
	EXPECT_EQ(NULL, bad);
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

static int clone_uses(void *arg)
{
	return thread_uses(arg) ? 1 : 0;
}

/* A process that shares the memory is the same address space. */
TEST_F(owner, shared_memory_process)
{
	struct holder a = { self->v, self->mem };
	char *stack = vt_map(VT_MIB, VT_SMALL);
	int status = -1;
	pid_t pid;

	ASSERT_NE(NULL, stack);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	pid = clone(clone_uses, stack + VT_MIB,
		    CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &a);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The number of a key of a file's fdinfo, in KiB where it has a unit; or -1. */
static long field_of(struct vsvm *v, const char *key)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vsvm_fd(v));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) &&
		    line[strlen(key)] == ':')
			value = strtol(line + strlen(key) + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static int clone_moves(void *arg)
{
	struct holder *a = arg;

	return vt_to_device(a->v, a->mem, LEN) ? 1 : 0;
}

/* Even if that one is the first to use it, it works for the one that opened it. */
TEST_F(owner, shared_memory_process_is_first)
{
	struct holder a = { self->v, self->mem };
	char *stack = vt_map(VT_MIB, VT_SMALL);
	struct vsvm *other;
	int status = -1;
	pid_t pid;

	ASSERT_NE(NULL, stack);
	/* Of the opener's as well: it has the same pages to show. */
	ASSERT_EQ(0, vsvm_open(0, &other));
	ASSERT_EQ(DRM_VSVM_PLACE_SYSTEM, vt_place(other, self->mem));
	pid = clone(clone_moves, stack + VT_MIB,
		    CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &a);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(getpid(), field_of(self->v, "vsvm-owner"));
	EXPECT_EQ(LEN / 1024, field_of(other, "drm-resident-device"));
	vsvm_close(other);
}

/*
 * The victim: a program that root made setuid, with memory of its own at an
 * address that everybody knows, started by a user.
 */
#define VICTIM		"VSVM_TEST_VICTIM"
#define VICTIM_MEM	((char *)0x200000000000)
#define SECRET_AT	2048

/* Says an error, reads a line, as any program does. 0: that is all it did. */
static int is_attacked(void)
{
	static const char text[] = "setuid: no such thing\n";
	char *mem = mmap(VICTIM_MEM, VT_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);
	char buf[16] = "nothing";

	if (mem != VICTIM_MEM)
		return 1;
	vt_fill(mem, VT_PAGE, SEED, 0);
	if (getuid() != USER || geteuid())
		return 2;
	if (write(STDERR_FILENO, text, sizeof(text)) != -1 || errno != EPERM)
		return 3;
	if (read(STDIN_FILENO, buf, sizeof(buf)) != -1 || errno != EPERM)
		return 4;
	if (transfers_refused(STDIN_FILENO, mem) ||
	    transfers_refused(STDERR_FILENO, mem))
		return 5;
	if (strcmp(buf, "nothing"))
		return 6;
	return vt_check(mem, VT_PAGE, SEED, 0) ? 7 : 0;
}

/* Before main(), which belongs to the harness. */
static void __attribute__((constructor)) maybe_victim(void)
{
	if (getenv(VICTIM))
		_exit(is_attacked());
}

FIXTURE(setuid)
{
	char dir[32];
	char program[64];
	char node[PATH_MAX];
};

FIXTURE_VARIANT(setuid)
{
	bool used;	/* by the attacker, before */
};

FIXTURE_VARIANT_ADD(setuid, unused)
{
};

FIXTURE_VARIANT_ADD(setuid, used)
{
	.used = true,
};

static int copy_myself(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat st;
	int ret;

	ret = in < 0 || out < 0 || fstat(in, &st) ||
	      sendfile(out, in, NULL, st.st_size) != st.st_size ||
	      fchmod(out, 04755);
	close(in);
	close(out);
	return ret;
}

FIXTURE_SETUP(setuid)
{
	char link[64];
	struct vsvm *v;

	/* Where users may open the node, as a distribution has it. */
	ASSERT_EQ(0, vsvm_open(0, &v));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", vsvm_fd(v));
	ASSERT_LT(0, readlink(link, self->node, sizeof(self->node) - 1));
	vsvm_close(v);
	ASSERT_EQ(0, chmod(self->node, 0666));
	snprintf(self->dir, sizeof(self->dir), "/tmp/vsvm-setuid-%d", getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
	ASSERT_EQ(0, mount("vsvm-test", self->dir, "tmpfs", 0, "mode=755"));
	snprintf(self->program, sizeof(self->program), "%s/victim", self->dir);
	ASSERT_EQ(0, copy_myself(self->program));
}

FIXTURE_TEARDOWN(setuid)
{
	umount2(self->dir, MNT_DETACH);
	rmdir(self->dir);
}

struct attack {
	const char *program;
	const char *node;
	bool used;
};

/* A file at an offset, which becomes descriptor @as. */
static int aim(const struct attack *a, const char *at, int as)
{
	int fd = open(a->node, O_RDWR);
	char byte;

	if (fd < 0)
		return -1;
	if (a->used && pread(fd, &byte, 1, (uintptr_t)&byte) != 1)
		return -1;
	if (lseek(fd, (off_t)(uintptr_t)at, SEEK_SET) < 0)
		return -1;
	return dup2(fd, as) == as ? close(fd) : -1;
}

static int attacker(struct vt_child *c, void *arg)
{
	struct attack *a = arg;

	(void)c;
	if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		return 97;
	if (aim(a, VICTIM_MEM, STDERR_FILENO) ||
	    aim(a, VICTIM_MEM + SECRET_AT, STDIN_FILENO))
		return 98;
	setenv(VICTIM, "1", 1);
	execl(a->program, "victim", NULL);
	return 99;
}

/*
 * A user starts a setuid program with a device file as its standard error and its
 * input: what it says does not land in its memory, and it does not read a secret
 * of its own.
 */
TEST_F(setuid, program_keeps_its_memory)
{
	struct attack a = { self->program, self->node, variant->used };

	EXPECT_EQ(0, vt_run(attacker, &a));
}

TEST_HARNESS_MAIN
