// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failpoint of the driver fails at its first, second, third ... pass until it
 * does not fire any more, in every kind of work.
 *
 * After each, every byte, the counts and what is left behind are checked. A failpoint
 * that can pause also pauses for a moment, and the work must end all the same. Work
 * that passes a failpoint often is swept in strides (see lib/vt_sweep.c).
 *
 * The tests are processes that share a tally. The last one looks through it: a
 * failpoint that never fired or paused, though it can, is a failure. It needs the
 * tests before it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_rv.h"
#include "vt_small_device.h"
#include "vt_sweep.h"

#define SEED	301
#define OTHER	302
#define SMALL_LEN	(24 * VT_PAGE)
#define LRU	"/sys/kernel/debug/dri/vsvm.0/lru"
#define DROP_CACHES	"/proc/sys/vm/drop_caches"

/* Memory with the pattern of SEED. */
static int filled(struct vt_work *w)
{
	w->mem = vt_map_filled(w->v, w->len, w->kind, SEED);
	return w->mem ? 0 : -1;
}

static int untouched(struct vt_work *w)
{
	w->mem = vt_map(w->len, w->kind);
	return w->mem ? 0 : -1;
}

static int on_device(struct vt_work *w)
{
	return VT_BAD(filled(w) || vt_to_device(w->v, w->mem, w->len)) ? -1 : 0;
}

/* So much that the window of a CPU that reads in order gets large. */
static int much_on_device(struct vt_work *w)
{
	w->len = 64 * VT_PAGE;
	return on_device(w);
}

/* The first half on the device, where pages are small. */
static int half_on_device(struct vt_work *w)
{
	if (VT_BAD(filled(w)))
		return -1;
	return w->kind == VT_LARGE ? 0 :
	       vt_to_device(w->v, w->mem, w->len / 2);
}

static int to_device(struct vt_work *w)
{
	return vt_migrate(w->v, w->mem, w->len, DRM_VSVM_TARGET_DEVICE, 0,
			  NULL);
}

static int to_system(struct vt_work *w)
{
	return vt_migrate(w->v, w->mem, w->len, DRM_VSVM_TARGET_SYSTEM, 0,
			  NULL);
}

static int populate(struct vt_work *w)
{
	return vt_migrate(w->v, w->mem, w->len, DRM_VSVM_TARGET_DEVICE,
			  DRM_VSVM_MIGRATE_POPULATE, NULL);
}

/* Both see what was there before. */
static int both_see(struct vt_work *w, int ret)
{
	(void)ret;
	return VT_BAD(vt_dev_check(w->v, w->mem, w->len, SEED, 0) ||
		      vt_check(w->mem, w->len, SEED, 0)) ? -1 : 0;
}

static int both_see_zeroes(struct vt_work *w, int ret)
{
	(void)ret;
	return VT_BAD(vt_dev_check_byte(w->v, w->mem, w->len, 0) ||
		      vt_check_byte(w->mem, w->len, 0)) ? -1 : 0;
}

static sigjmp_buf touched;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(touched, 1);
}

/* A CPU reads all of it. -EFAULT: it got SIGBUS on the way. */
static int cpu_reads(struct vt_work *w)
{
	int ret;

	signal(SIGBUS, on_sigbus);
	if (sigsetjmp(touched, 1))
		return -EFAULT;
	ret = vt_check(w->mem, w->len, SEED, 0);
	signal(SIGBUS, SIG_DFL);
	return ret ? -EPROTO : 0;
}

/* A buffer that is not there yet. */
static int buffer(struct vt_work *w)
{
	w->buf = vt_map(w->len, VT_SMALL);
	return w->buf ? 0 : -1;
}

static int ready_to_read(struct vt_work *w)
{
	return VT_BAD(half_on_device(w) || buffer(w)) ? -1 : 0;
}

static int dev_reads(struct vt_work *w)
{
	return vsvm_read(w->v, w->mem, w->buf, w->len, &w->done);
}

/* What was read before the failure is right, and all can be read now. */
static int was_read(struct vt_work *w, int ret)
{
	if (VT_BAD(!ret && w->done != w->len))
		return -1;
	return VT_BAD(vt_check(w->buf, w->done, SEED, 0) || both_see(w, ret)) ? -1 : 0;
}

static int ready_to_write(struct vt_work *w)
{
	if (VT_BAD(half_on_device(w) || buffer(w)))
		return -1;
	vt_fill(w->buf, w->len, OTHER, 0);
	return 0;
}

static int dev_writes(struct vt_work *w)
{
	return vsvm_write(w->v, w->mem, w->buf, w->len, &w->done);
}

/* As far as it says it is new, from there on it is old; it can be done now. */
static int was_written(struct vt_work *w, int ret)
{
	size_t done = w->done;

	if (VT_BAD(!ret && done != w->len))
		return -1;
	if (VT_BAD(vt_dev_check(w->v, w->mem, done, OTHER, 0) ||
		   vt_check(w->mem + done, w->len - done, SEED, done)))
		return -1;
	ret = vt_dev_fill(w->v, w->mem, w->len, OTHER, 0);
	return VT_BAD(ret || vt_check(w->mem, w->len, OTHER, 0)) ? -1 : 0;
}

static int child_keeps(struct vt_child *c, void *arg)
{
	struct vt_work *w = arg;

	return vt_hear(c) || vt_check(w->mem, w->len, SEED, 0) ? 1 : 0;
}

/* The device writes pages on it that a child shares. */
static int ready_to_unshare(struct vt_work *w)
{
	if (VT_BAD(on_device(w) || buffer(w)))
		return -1;
	vt_fill(w->buf, w->len, OTHER, 0);
	return vt_start(&w->child, child_keeps, w);
}

static int was_unshared(struct vt_work *w, int ret)
{
	int bad = was_written(w, ret);

	return vt_say(&w->child) || vt_wait(&w->child) ? -1 : bad;
}

/* Every other page on the device, so that there are many runs. */
static int ready_to_look(struct vt_work *w)
{
	size_t at;

	if (VT_BAD(filled(w) || buffer(w)))
		return -1;
	for (at = 0; w->kind == VT_SMALL && at < w->len; at += 2 * VT_PAGE)
		if (VT_BAD(vt_to_device(w->v, w->mem + at, VT_PAGE)))
			return -1;
	return 0;
}

static int looks(struct vt_work *w)
{
	uint32_t nr = w->len / sizeof(struct drm_vsvm_run);
	uint64_t next = 0;
	int ret;

	ret = vsvm_snapshot(w->v, w->mem, w->len, (void *)w->buf, &nr, &next);
	w->done = next - (uintptr_t)w->mem;
	w->word = nr;
	return ret;
}

static int was_seen(struct vt_work *w, int ret)
{
	struct drm_vsvm_run *runs = (void *)w->buf;
	size_t at = 0, odd;
	uint32_t i, want;

	for (i = 0; i < w->word; i++) {
		odd = at / VT_PAGE & 1;
		want = w->kind == VT_LARGE || odd ? DRM_VSVM_PLACE_SYSTEM :
						    DRM_VSVM_PLACE_DEVICE;
		if (VT_BAD(runs[i].start != (uintptr_t)w->mem + at ||
			   (runs[i].state & DRM_VSVM_STATE_PLACE) != want))
			return -1;
		at += runs[i].count * VT_PAGE;
	}
	if (VT_BAD(at != w->done || (!ret && at != w->len)))
		return -1;
	return both_see(w, ret);
}

static int adds(struct vt_work *w)
{
	uint64_t *word = (uint64_t *)(w->mem + w->len / 2);

	w->word = *word;
	return vsvm_atomic(w->v, word, 8, DRM_VSVM_ATOMIC_ADD, 5, 0, NULL);
}

static int was_added(struct vt_work *w, int ret)
{
	uint64_t *word = (uint64_t *)(w->mem + w->len / 2);

	if (VT_BAD(*word != w->word + (ret ? 0 : 5)))
		return -1;
	*word = w->word;
	return both_see(w, ret);
}

/* All of it where pages are small, some of it where they are not. */
static int takes(struct vt_work *w)
{
	return vsvm_exclusive(w->v, w->mem, SMALL_LEN, NULL);
}

static int discards(struct vt_work *w)
{
	return vsvm_discard(w->v, w->mem, w->len, NULL);
}

/* Each byte is what it was or zero, and what is written now stays. */
static int was_discarded(struct vt_work *w, int ret)
{
	size_t i;

	if (VT_BAD(buffer(w)))
		return -1;
	vt_fill(w->buf, w->len, SEED, 0);
	for (i = 0; i < w->len; i++)
		if (VT_BAD(w->mem[i] && w->mem[i] != w->buf[i]))
			return -1;
	vt_fill(w->mem, w->len, SEED, 0);
	return both_see(w, ret);
}

static int only_small_reserves(struct vt_work *w)
{
	return VT_BAD(filled(w) || vt_arm(w->v, "reserve-block", 1, VT_EVER)) ? -1 : 0;
}

static int no_huge_home(struct vt_work *w)
{
	return VT_BAD(on_device(w) || vt_arm(w->v, "home-huge", 1, VT_EVER)) ? -1 : 0;
}

/* No block has backing: the shrinker took it. */
static int no_backing_yet(struct vt_work *w)
{
	return VT_BAD(filled(w) || vt_file_set(DROP_CACHES, 2)) ? -1 : 0;
}

/* Advice for a page in the middle, and the device reads there: the rest stays. */
static int advises(struct vt_work *w)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	char byte;
	int ret;

	ret = vsvm_advise(w->v, w->mem, w->len, DRM_VSVM_ADVISE_LOCATION, &here);
	return ret ? ret : vsvm_read(w->v, w->mem, &byte, 1, NULL);
}

/* All of it, or nothing was said. */
static int was_advised(struct vt_work *w, int ret)
{
	struct drm_vsvm_advice none = {};
	struct drm_vsvm_advice_run run;
	uint32_t nr = 1;

	if (VT_BAD(vsvm_advice_get(w->v, w->mem, w->len, &run, &nr, NULL)) ||
	    VT_BAD(nr != 1 || run.len != w->len) ||
	    VT_BAD(!ret && run.advice.location != DRM_VSVM_LOCATION_HERE) ||
	    VT_BAD(vsvm_advise(w->v, w->mem, w->len, DRM_VSVM_ADVISE_LOCATION,
			       &none)))
		return -1;
	return both_see(w, ret);
}

/* A device of two blocks, both full. */
static int ready_to_evict(struct vt_work *w)
{
	struct drm_vsvm_migrate m;

	w->ballast = vt_map(2 * VT_HUGE, VT_LARGE);
	if (VT_BAD(!w->ballast || filled(w) ||
		   vt_migrate(w->v, w->ballast, 2 * VT_HUGE, DRM_VSVM_TARGET_DEVICE,
			      DRM_VSVM_MIGRATE_POPULATE, &m)))
		return -1;
	return m.moved == 2 * VT_HUGE ? 0 : -1;
}

static int was_evicted(struct vt_work *w, int ret)
{
	static char zero[VT_HUGE], seen[VT_HUGE];
	int i;

	for (i = 0; i < 2; i++)
		if (VT_BAD(vsvm_read(w->v, w->ballast + i * VT_HUGE, seen, VT_HUGE,
				     NULL) || memcmp(seen, zero, VT_HUGE)))
			return -1;
	return both_see(w, ret);
}

/* A file is opened, used, and closed in a child that ends in its own way. */
static int again(int ret)
{
	return ret == -ENOMEM || ret == -EINTR || ret == -ENODEV;
}

static int life(struct vt_child *c, void *arg)
{
	struct vt_work *w = arg;
	struct drm_vsvm_rw rw = {};
	int fd, ret, tries;
	char *mem, byte;

	(void)c;
	for (tries = 0; tries < 5; tries++) {
		fd = open(w->path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != ENOMEM)
			break;
	}
	mem = vt_map(w->len, w->kind);
	if (fd < 0 || !mem)
		return 1;
	vt_fill(mem, w->len, SEED, 0);
	rw.addr = (uintptr_t)mem;
	rw.buf = (uintptr_t)&byte;
	rw.len = 1;
	for (tries = 0; tries < 5; tries++) {
		ret = ioctl(fd, DRM_IOCTL_VSVM_READ, &rw) ? -errno : 0;
		if (!again(ret))
			break;
	}
	for (tries = 0; !ret && tries < 5; tries++) {
		struct drm_vsvm_migrate m = {
			.addr = (uintptr_t)mem,
			.len = w->len,
			.target = DRM_VSVM_TARGET_DEVICE,
		};

		ret = ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &m) ? -errno : 0;
		if (!again(ret))
			break;
		ret = 0;
	}
	for (tries = 0; !ret && tries < 5; tries++) {
		ret = pread(fd, &byte, 1, (uintptr_t)mem + 5) < 0 ? -errno : 0;
		if (!again(ret))
			break;
		ret = 0;
	}
	if (ret || vt_check(&byte, 1, SEED, 5))
		return 2;
	/* Ends: file first, memory first, a part of it first, all at once. */
	switch (w->word % 4) {
	case 0:
		close(fd);
		return vt_check(mem, w->len, SEED, 0) ? 3 : 0;
	case 1:
		munmap(mem, w->len);
		break;
	case 2:
		munmap(mem + w->len / 2, VT_PAGE);
		close(fd);
		break;
	}
	return 0;
}

static int ready_to_live(struct vt_work *w)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", vsvm_fd(w->v));
	n = readlink(link, w->path, sizeof(w->path) - 1);
	if (VT_BAD(n < 0))
		return -1;
	w->path[n] = 0;
	w->word++;
	return 0;
}

static int lives(struct vt_work *w)
{
	return vt_run(life, w) ? -EPROTO : 0;
}

static int nothing(struct vt_work *w)
{
	(void)w;
	return 0;
}

static int no_check(struct vt_work *w, int ret)
{
	(void)w;
	(void)ret;
	return 0;
}

static int maps_node(struct vt_work *w)
{
	w->mem = mmap(NULL, w->len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      vsvm_fd(w->v), 0);
	if (w->mem != MAP_FAILED)
		return 0;
	w->mem = NULL;
	return -errno;
}

static int was_mapped(struct vt_work *w, int ret)
{
	return ret ? !!w->mem : both_see_zeroes(w, ret);
}

static int reads_lru(struct vt_work *w)
{
	int fd = open(LRU, O_RDONLY | O_CLOEXEC), ret;
	char text[256];

	(void)w;
	if (fd < 0)
		return -EPROTO;
	ret = read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Ends a queue's job that is not done: what it was lost by. */
static int lost_by(struct vsvm *v, uint32_t queue)
{
	struct drm_vsvm_queue_status s = {};

	if (vsvm_queue_status(v, queue, &s) || !s.error)
		return -EPROTO;
	return -(int)s.error;
}

/* A program that loads a word, stores one more behind it, and adds that to it. */
static const uint32_t program[] = {
	LOAD(LD, A1, A0), ADDI(A1, A1, 1), STORE_AT(SD, A1, A0, 8),
	AMO(0, 3, ZERO, A1, A0), ECALL,
};

/* Where its words are, and where its arguments: in words of the buffer. */
#define PROGRAM_WORDS	16
#define PROGRAM_ARGS	8

/*
 * The device copies the buffer to the memory by itself, moves it to the device and back,
 * counts a word, runs a program, and says so. By a file of its own: the first queue has the
 * thread, and the first large PREFETCH those that help it.
 */
static int queue_works(struct vt_work *w)
{
	uint64_t *word = (uint64_t *)w->buf, *fence = word + 1;
	char *code = w->buf + VT_PAGE;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_copy(w->mem, w->ballast, w->len),
		vsvm_cmd_prefetch(w->mem, w->len, DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_atomic(word, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL),
		vsvm_cmd_prefetch(w->mem, w->len, DRM_VSVM_TARGET_SYSTEM),
		vsvm_cmd_prefetch(w->ballast, 2 * VT_HUGE, DRM_VSVM_TARGET_SYSTEM),
		vsvm_cmd_run(code, NULL, word + PROGRAM_ARGS, VT_COUNT(program), NULL),
		vsvm_cmd_signal(fence, 1, -1),
	};
	struct vsvm *v;
	uint32_t queue;
	int ret;

	memcpy(code, program, sizeof(program));
	word[PROGRAM_ARGS] = (uintptr_t)(word + PROGRAM_WORDS);
	ret = vsvm_open(0, &v);
	if (ret)
		return ret;
	ret = vsvm_queue_create(v, DRM_VSVM_PRIORITY_NORMAL, 8, &queue);
	if (!ret) {
		ret = vsvm_submit(v, queue, job, VT_COUNT(job), NULL);
		if (!ret)
			ret = vsvm_wait(v, fence, 1, ~0ULL, DRM_VSVM_WAIT_EQ,
					vsvm_deadline(60000000000LL), queue);
		if (ret == -EIO)
			ret = lost_by(v, queue);
		if (vsvm_queue_destroy(v, queue))
			ret = -EPROTO;
	}
	vsvm_close(v);
	return ret;
}

static int ready_for_queue(struct vt_work *w)
{
	w->ballast = vt_map_filled(w->v, 2 * VT_HUGE, w->kind, OTHER);
	w->buf = w->ballast ? vt_map(w->len, w->kind) : NULL;
	return w->buf ? filled(w) : -1;
}

/* All or none of what it was to do: a lost queue stops at a command. */
static int queue_worked(struct vt_work *w, int ret)
{
	const uint64_t *word = (const uint64_t *)w->buf;

	if (VT_BAD(vt_dev_check(w->v, w->ballast, w->len, OTHER, 0)))
		return -1;
	if (ret)
		return VT_BAD(word[1]) ? -1 : 0;
	return VT_BAD(word[0] != 1 || word[1] != 1 || word[PROGRAM_WORDS] != 1 ||
		      word[PROGRAM_WORDS + 1] != 1 ||
		      vt_check(w->mem, w->len, OTHER, 0)) ? -1 : 0;
}

/* A stream of events, which tells of a fault. */
static int listens(struct vt_work *w)
{
	struct drm_vsvm_event e;
	uint32_t nr = 1;
	int fd, ret;
	char byte;

	ret = vsvm_events_open(w->v, DRM_VSVM_EVENTS_ALL, 4,
			       DRM_VSVM_EVENTS_NONBLOCK, &fd);
	if (ret)
		return ret;
	ret = vsvm_read(w->v, w->mem, &byte, 1, NULL);
	if (vsvm_events_read(fd, &e, &nr) ||
	    e.type != DRM_VSVM_EVENT_DEVICE_FAULT || (int)e.error != -ret)
		ret = -EPROTO;
	close(fd);
	return ret;
}

/* Work of one kind of pages, and work for which they are all the same. */
FIXTURE(sweep)
{
	struct vt_work w;
};

VT_PAGE_KINDS_LEN(sweep, SMALL_LEN);

FIXTURE_SETUP(sweep)
{
	self->w.kind = variant->kind;
	self->w.len = variant->len;
	ASSERT_EQ(0, vsvm_open(0, &self->w.v));
}

FIXTURE_TEARDOWN(sweep)
{
	vsvm_close(self->w.v);
}

FIXTURE(access)
{
	struct vt_work w;
};

FIXTURE_SETUP(access)
{
	self->w.kind = VT_SMALL;
	self->w.len = SMALL_LEN;
	ASSERT_EQ(0, vsvm_open(0, &self->w.v));
}

FIXTURE_TEARDOWN(access)
{
	vsvm_close(self->w.v);
}

#define SWEEP_ALL(fixture, test, ready, run, check, all, not, only)	\
TEST_F_TIMEOUT(fixture, test, 5 * VT_LONG)				\
{									\
	static const struct vt_job job = {				\
		#test, ready, run, check, all, not, only		\
	};								\
									\
	EXPECT_EQ(0, vt_sweep(&job, &self->w));				\
}

#define SWEEP(fixture, test, ready, run, check)				\
	SWEEP_ALL(fixture, test, ready, run, check, false, VT_NO_FAILPOINT,	\
		  VT_NO_FAILPOINT)

SWEEP(sweep, migrate, filled, to_device, both_see)
SWEEP(sweep, populate, untouched, populate, both_see_zeroes)
SWEEP(sweep, migrate_home, on_device, to_system, both_see)
SWEEP(sweep, cpu_fault, on_device, cpu_reads, both_see)
SWEEP(sweep, discard, on_device, discards, was_discarded)
SWEEP(sweep, write_shared, ready_to_unshare, dev_writes, was_unshared)
SWEEP(sweep, advise, filled, advises, was_advised)
SWEEP(sweep, queue, ready_for_queue, queue_works, queue_worked)
SWEEP_ALL(sweep, backing, no_backing_yet, to_device, both_see, false,
	  VT_NO_FAILPOINT, "backing")

/* A huge page migrates in 512 pieces; and back without a huge one. */
SWEEP_ALL(sweep, split, only_small_reserves, to_device, both_see, false,
	  "reserve-block", VT_NO_FAILPOINT)
SWEEP_ALL(sweep, handover, no_huge_home, cpu_reads, both_see, false,
	  "home-huge", VT_NO_FAILPOINT)

SWEEP_ALL(access, cpu_fault_in_order, much_on_device, cpu_reads, both_see, false,
	  VT_NO_FAILPOINT, "fault-window")
SWEEP(access, read, ready_to_read, dev_reads, was_read)
SWEEP(access, write, ready_to_write, dev_writes, was_written)
SWEEP(access, snapshot, ready_to_look, looks, was_seen)
SWEEP(access, atomic, filled, adds, was_added)
SWEEP(access, exclusive, filled, takes, both_see)
SWEEP(access, mmap, nothing, maps_node, was_mapped)
SWEEP(access, debugfs, nothing, reads_lru, no_check)
SWEEP(access, events, filled, listens, both_see)
SWEEP_ALL(access, open_to_close, ready_to_live, lives, no_check, true,
	  VT_NO_FAILPOINT, VT_NO_FAILPOINT)

/* A device so small that this work has to make room. */
FIXTURE(evict)
{
	struct vt_module module;
	struct vt_work w;
};

VT_PAGE_KINDS_LEN(evict, SMALL_LEN);

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, vt_reload(&self->module, 2 * VT_HUGE / VT_MIB));
	self->w.kind = variant->kind;
	self->w.len = variant->len;
	ASSERT_EQ(0, vsvm_open(0, &self->w.v));
}

VT_TEARDOWN_RESTORE(evict)

TEST_F_TIMEOUT(evict, makes_room, 5 * VT_LONG)
{
	static const struct vt_job job = {
		"eviction", ready_to_evict, to_device, was_evicted, false,
		VT_NO_FAILPOINT, VT_NO_FAILPOINT
	};

	EXPECT_EQ(0, vt_sweep(&job, &self->w));
}

/* Write to a file of sysfs: 0 or a negative errno. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

#define UNBIND()	put(VT_DRIVER "unbind", "vsvm.1")
#define BIND()		put(VT_DRIVER "bind", "vsvm.1")

FIXTURE(unplug)
{
	struct vsvm *before;
	struct vsvm *after;
};

FIXTURE_SETUP(unplug)
{
	ASSERT_EQ(0, vsvm_open(1, &self->before));
}

FIXTURE_TEARDOWN_PARENT(unplug)
{
	struct vsvm *v = NULL;

	if (vsvm_open(1, &v))
		BIND();
	vsvm_close(v);
}

/* Each step of the way into the world fails: bound once more, all is well. */
TEST_F(unplug, probe)
{
	const char *point;
	unsigned int i;
	int want;

	for (i = 0; i < vt_failpoints(); i++) {
		point = vt_failpoint(i)->name;
		if (strncmp(point, "probe-", strlen("probe-")))
			continue;
		want = strcmp(point, "probe-addresses") ? -ENOMEM : -EBUSY;
		ASSERT_EQ(0, vt_arm_all(self->before, point, 1, 1));
		ASSERT_EQ(0, UNBIND());
		EXPECT_EQ(want, BIND())
			TH_LOG("%s", point);
		/* The second pass does not fire. */
		ASSERT_EQ(0, BIND());
		ASSERT_EQ(0, vsvm_open(1, &self->after));
		EXPECT_EQ(1, vt_fired(self->after, point));
		EXPECT_EQ(2, vt_passed(self->after, point));
		EXPECT_EQ(0, vt_used(self->after));
		vt_tally[i].armed++;
		vt_tally[i].fired++;
		vsvm_close(self->before);
		self->before = self->after;
		self->after = NULL;
	}
}

/* Pages on a device that goes; a failure at one pass, or at all of them. */
static int unplug_once(struct vsvm **v, const char *point, uint64_t nth,
		       uint64_t times)
{
	char *small = vt_map_filled(*v, SMALL_LEN, VT_SMALL, SEED);
	char *large = vt_map_filled(*v, VT_HUGE, VT_LARGE, OTHER);
	struct vsvm *after;
	long fired;

	if (!small || !large || vt_to_device(*v, small, SMALL_LEN) ||
	    vt_to_device(*v, large, VT_HUGE) ||
	    vt_arm_all(*v, point, nth, times) || UNBIND() ||
	    vt_check(small, SMALL_LEN, SEED, 0) ||
	    vt_check(large, VT_HUGE, OTHER, 0))
		return vt_complain("unplug", point, nth, "wrong bytes", 0);
	if (BIND() || vsvm_open(1, &after) || vt_used(after))
		return vt_complain("unplug", point, nth, "wrong after it", 0);
	/* The arm outlived the device. */
	fired = vt_fired(after, point);
	vt_tally_of(point)->armed++;
	vt_tally_of(point)->fired += fired;
	vsvm_close(*v);
	*v = after;
	munmap(small, SMALL_LEN);
	munmap(large, VT_HUGE);
	return fired;
}

/* Unplug comes to its end whatever fails, and however often. */
TEST_F_TIMEOUT(unplug, resident_pages, VT_LONG)
{
	static const char *const points[] = {
		"home-small", "home-huge", "home-drop",
		"copy-home", "home-pages",
	};
	unsigned int i, nth;
	int fired;

	for (i = 0; i < VT_COUNT(points); i++) {
		for (nth = 1, fired = 1; fired == 1; nth += 1 + nth / 3)
			fired = unplug_once(&self->before, points[i], nth, 1);
		ASSERT_EQ(0, fired);
		ASSERT_LT(2, nth);
		fired = unplug_once(&self->before, points[i], 1, VT_EVER);
		ASSERT_LT(0, fired);
		ASSERT_GE(64, fired);
	}
}

static int waits_for_death(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)arg;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, 2 * SMALL_LEN, VT_SMALL, SEED);
	if (!mem || vt_to_device(v, mem, SMALL_LEN) ||
	    vt_dev_check(v, mem, 2 * SMALL_LEN, SEED, 0) || vt_say(c))
		return 2;
	return vt_hear(c);
}

/*
 * Only the OOM killer's helper invalidates where it may not sleep, and a caller of
 * process_mrelease(). The process is dead and stopped at its
 * exit; a table lock that is taken is found again in the next go.
 */
TEST_F(access, invalidate)
{
	const char *point = "invalidate";
	struct vsvm *v = self->w.v;
	uint64_t used = vt_used(v), nth;
	int status, pidfd, ret;
	struct vt_child c;
	long fired = 1;

	ASSERT_EQ(0, vt_start(&c, waits_for_death, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, c.pid, 0, PTRACE_O_TRACEEXIT));
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	ASSERT_EQ(SIGTRAP | PTRACE_EVENT_EXIT << 8, status >> 8);
	pidfd = syscall(SYS_pidfd_open, c.pid, 0);
	ASSERT_LE(0, pidfd);

	for (nth = 1; fired; nth += 1 + nth / 4) {
		ASSERT_EQ(0, vt_arm_all(v, point, nth, 1));
		ret = syscall(SYS_process_mrelease, pidfd, 0) ? -errno : 0;
		fired = vt_fired(v, point);
		ASSERT_EQ(fired ? -EAGAIN : 0, ret);
		vt_tally_of(point)->armed++;
		vt_tally_of(point)->fired += fired;
	}
	EXPECT_LT(2, nth);
	ASSERT_EQ(0, vt_disarm(v, point));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, c.pid, 0, 0));
	EXPECT_EQ(128 + SIGKILL, vt_wait(&c));
	EXPECT_EQ(used, vt_used(v));
}

FIXTURE(tally)
{
};

FIXTURE_SETUP(tally)
{
}

FIXTURE_TEARDOWN(tally)
{
}

/* No point that cannot be reached. Last, after all the others. */
TEST_F(tally, every_point_fired)
{
	const struct vt_failpoint *p;
	unsigned int i;

	ASSERT_LT(0, vt_failpoints());
	for (i = 0; i < vt_failpoints(); i++) {
		p = vt_failpoint(i);
		if (p->fails)
			EXPECT_LT(0, vt_tally[i].fired)
				TH_LOG("%s never fired", p->name);
		if (p->pauses)
			EXPECT_LT(0, vt_tally[i].paused)
				TH_LOG("%s never paused", p->name);
		printf("#@ points | %s | %u armed, %u fired, %u paused\n",
		       p->name, vt_tally[i].armed, vt_tally[i].fired,
		       vt_tally[i].paused);
	}
	fflush(stdout);
}

TEST_HARNESS_MAIN
