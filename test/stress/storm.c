// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the teardown tests share, see storm.h. A worker owns its slice of the
 * memory and what it knows of it; no other thread changes bytes there, so whatever
 * is found in it after the end can be told right or wrong.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "vt.h"

/* What a slice holds besides its number of the write. */
#define SEED	311
#define PAGES	64

/* Pages, where going to each of them would be for nothing. */
#define SOME	64

#define load(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_SEQ_CST)

static int fail(void)
{
	return -1;
}

/* One line about what is wrong; the value is -1. */
#define say(fmt, ...) \
	(fprintf(stderr, "# " fmt "\n", ##__VA_ARGS__), fail())

uint64_t storm_draw(struct storm_dice *dice, uint64_t below)
{
	uint64_t x = dice->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % below;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t n = text ? strtoull(text, NULL, 0) : 0;

	return n ? n : otherwise;
}

unsigned int storm_rounds(void)
{
	return number_of("VSVM_ROUNDS", 5);
}

uint64_t storm_seed(void)
{
	return number_of("VSVM_SEED", 1);
}

const char *storm_name(enum storm_call call)
{
	static const char *const names[STORM_CALLS] = {
		"INFO", "READ", "WRITE", "MIGRATE to the device",
		"MIGRATE home", "SNAPSHOT", "EXCLUSIVE", "ATOMIC", "INJECT",
		"pread", "pwrite", "ADVISE", "mmap", "DISCARD", "EVENTS",
		"PIN",
	};

	return names[call];
}

static int copy(int fd, unsigned long request, char *mem, size_t len, char *buf)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)mem,
		.buf = (uintptr_t)buf,
		.len = len,
	};

	return vt_ioctl(fd, request, &rw);
}

static int migrate(int fd, char *mem, size_t len, uint32_t target)
{
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)mem,
		.len = len,
		.target = target,
	};

	return vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &mig);
}

/* Page by page if it has to: an array of runs for each page is there. */
static int snapshot(int fd, char *mem, size_t len)
{
	struct drm_vsvm_run runs[16];
	struct drm_vsvm_snapshot snap;
	uint64_t at = (uintptr_t)mem, end = at + len;
	int ret = 0;

	for (; at < end && !ret; at = snap.next) {
		snap = (struct drm_vsvm_snapshot){
			.addr = at,
			.len = end - at,
			.runs = (uintptr_t)runs,
			.nr_runs = VT_COUNT(runs),
			.flags = DRM_VSVM_SNAPSHOT_TABLE,
		};
		ret = vt_ioctl(fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap);
	}
	return ret;
}

static int exclusive(int fd, char *mem, size_t len)
{
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)mem,
		.len = len,
	};

	return vt_ioctl(fd, DRM_IOCTL_VSVM_EXCLUSIVE, &excl);
}

/* Memory should be on the device or in system memory, as chance has it; and read back. */
static int advise(int fd, char *mem, size_t len)
{
	struct drm_vsvm_advice_run runs[16];
	struct drm_vsvm_advise arg = {
		.addr = (uintptr_t)mem,
		.len = len,
		.set = DRM_VSVM_ADVISE_LOCATION,
		.advice.location = (uintptr_t)mem / VT_PAGE % 2 ?
				   DRM_VSVM_LOCATION_HERE :
				   DRM_VSVM_LOCATION_SYSTEM,
	};
	struct drm_vsvm_advice_get get = {
		.addr = (uintptr_t)mem,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = VT_COUNT(runs),
	};
	int ret = vt_ioctl(fd, DRM_IOCTL_VSVM_ADVISE, &arg);

	return ret ? ret : vt_ioctl(fd, DRM_IOCTL_VSVM_ADVICE_GET, &get);
}

/* And writes the bytes that it says nobody needs. */
static int discard(int fd, char *mem, size_t len, char *buf)
{
	struct drm_vsvm_discard arg = {
		.addr = (uintptr_t)mem,
		.len = len,
	};

	return vt_ioctl(fd, DRM_IOCTL_VSVM_DISCARD, &arg) ?:
	       copy(fd, DRM_IOCTL_VSVM_WRITE, mem, len, buf);
}

/* As much as may be, and half of it not any more. */
static int pin(int fd, char *mem, size_t len)
{
	struct drm_vsvm_pin arg = {
		.addr = (uintptr_t)mem,
		.len = len,
	};
	int ret = vt_ioctl(fd, DRM_IOCTL_VSVM_PIN, &arg);

	if (ret && ret != -ENOSPC)
		return ret;
	arg.flags = DRM_VSVM_PIN_RELEASE;
	arg.len = len / 2 / VT_PAGE * VT_PAGE ?: VT_PAGE;
	return vt_ioctl(fd, DRM_IOCTL_VSVM_PIN, &arg);
}

/* Adds nothing, to a word of each page, or of as many all over the memory. */
static int atomic(int fd, char *mem, size_t len)
{
	size_t at, step = len / VT_PAGE / SOME * VT_PAGE ?: VT_PAGE;
	struct drm_vsvm_atomic arg;
	int ret = 0;

	for (at = 0; at < len && !ret; at += step) {
		arg = (struct drm_vsvm_atomic){
			.addr = (uintptr_t)mem + at,
			.op = DRM_VSVM_ATOMIC_ADD,
			.size = 8,
		};
		ret = vt_ioctl(fd, DRM_IOCTL_VSVM_ATOMIC, &arg);
	}
	return ret;
}

/* All of it, or the errno of what is left. */
static int transfer(int fd, bool write, char *mem, size_t len, char *buf)
{
	off_t at = (uintptr_t)mem;
	ssize_t n;

	while (len) {
		n = write ? pwrite(fd, buf, len, at) : pread(fd, buf, len, at);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		len -= n;
		buf += n;
		at += n;
	}
	return 0;
}

static int map_node(int fd, size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		return -errno;
	return munmap(mem, len) ? -errno : 0;
}

/* A stream that has the end of its process or device as often as not. */
static int events(int fd)
{
	struct drm_vsvm_events arg = {
		.mask = DRM_VSVM_EVENTS_ALL,
		.records = 4,
		.size = sizeof(struct drm_vsvm_event),
		.flags = DRM_VSVM_EVENTS_NONBLOCK,
	};
	struct drm_vsvm_event e[2];
	int ret = vt_ioctl(fd, DRM_IOCTL_VSVM_EVENTS, &arg);
	ssize_t n;

	if (ret)
		return ret;
	n = read(arg.fd, e, sizeof(e));
	ret = n >= 0 || errno == EAGAIN ? 0 : -errno;
	close(arg.fd);
	return ret;
}

int storm_call(int fd, enum storm_call call, char *mem, size_t len, char *buf)
{
	struct drm_vsvm_info info = {};
	struct drm_vsvm_inject inject = { .op = DRM_VSVM_INJECT_QUERY };

	switch (call) {
	case STORM_INFO:
		return vt_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info);
	case STORM_READ:
		return copy(fd, DRM_IOCTL_VSVM_READ, mem, len, buf);
	case STORM_WRITE:
		return copy(fd, DRM_IOCTL_VSVM_WRITE, mem, len, buf);
	case STORM_TO_DEVICE:
		return migrate(fd, mem, len, DRM_VSVM_TARGET_DEVICE);
	case STORM_TO_SYSTEM:
		return migrate(fd, mem, len, DRM_VSVM_TARGET_SYSTEM);
	case STORM_SNAPSHOT:
		return snapshot(fd, mem, len);
	case STORM_EXCLUSIVE:
		return exclusive(fd, mem, len);
	case STORM_DISCARD:
		return discard(fd, mem, len, buf);
	case STORM_PIN:
		return pin(fd, mem, len);
	case STORM_ATOMIC:
		return atomic(fd, mem, len);
	case STORM_INJECT:
		return vt_inject(fd, "backing", &inject);
	case STORM_PREAD:
		return transfer(fd, false, mem, len, buf);
	case STORM_PWRITE:
		return transfer(fd, true, mem, len, buf);
	case STORM_ADVISE:
		return advise(fd, mem, len);
	case STORM_EVENTS:
		return events(fd);
	default:
		return map_node(fd, len);
	}
}

int storm_all_give(int fd, char *mem, size_t len, int error)
{
	int bad = 0, call, ret;
	char *buf;

	/* It is about the calls, not about how far they get. */
	if (len > SOME * VT_PAGE)
		len = SOME * VT_PAGE;
	buf = calloc(len, 1);
	if (!buf)
		return say("no memory");
	for (call = 0; call < STORM_CALLS; call++) {
		/* This one does not ask whose file it is. */
		int want = call == STORM_INFO && error == -EPERM ? 0 : error;

		ret = storm_call(fd, call, mem, len, buf);
		if (ret != want)
			bad = say("%s gave %d, not %d", storm_name(call), ret,
				  want);
	}
	free(buf);
	return bad;
}

void *storm_shared(void)
{
	void *page = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static int futex(uint32_t *word, int op, uint32_t value)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };

	return syscall(SYS_futex, word, op, value, &tenth, NULL, 0);
}

void storm_count(struct storm_counter *counter)
{
	uint32_t n = __atomic_add_fetch(&counter->count, 1, __ATOMIC_SEQ_CST);

	if (n == load(&counter->wanted))
		futex(&counter->count, FUTEX_WAKE, 1);
}

int storm_wait(struct storm_counter *counter, uint32_t value, pid_t pid)
{
	siginfo_t info;
	uint32_t n;

	store(&counter->wanted, value);
	while ((n = load(&counter->count)) < value) {
		info.si_pid = 0;
		if (pid && waitid(P_PID, pid, &info,
				  WEXITED | WNOHANG | WNOWAIT))
			return say("waitid: %s", strerror(errno));
		if (pid && info.si_pid == pid)
			return say("process %d ended early", pid);
		/* Does not sleep when the count went on meanwhile. */
		futex(&counter->count, FUTEX_WAIT, n);
	}
	return 0;
}

void storm_fill(char *mem, size_t len)
{
	vt_fill(mem, len, SEED, 0);
}

int storm_check(const char *mem, size_t len)
{
	return vt_check(mem, len, SEED, 0);
}

/* What page @page of the slice holds: what it began with, or the last write. */
static void page_bytes(struct storm_worker *w, unsigned int page, char *buf)
{
	size_t off = w->slice + page * VT_PAGE - w->crew->mem;

	vt_fill(buf, VT_PAGE, SEED + w->version[page], off);
}

static int page_check(struct storm_worker *w, unsigned int page,
		      const char *bytes)
{
	size_t off = w->slice + page * VT_PAGE - w->crew->mem;

	if (!vt_check(bytes, VT_PAGE, SEED + w->version[page], off))
		return 0;
	return say("page %u of the slice of worker %td, write %llu", page,
		   w - w->crew->worker, (unsigned long long)w->version[page]);
}

/* The device is gone, or the worker is to go on. */
static bool goes_on(struct storm_worker *w, int ret, const char *what)
{
	struct storm_crew *c = w->crew;
	bool other = w->fd == load(&c->fds[1]);

	if (!ret) {
		storm_count(c->ops);
		return true;
	}
	w->fd = -1;
	if (ret == c->error && !other)
		return false;
	store(&c->failed, true);
	say("%s: %s", what, strerror(-ret));
	return false;
}

/* The CPU changes a page and looks at another one. */
static void step_cpu(struct storm_worker *w)
{
	unsigned int page = storm_draw(&w->dice, w->pages);

	w->version[page]++;
	page_bytes(w, page, w->slice + page * VT_PAGE);
	page = storm_draw(&w->dice, w->pages);
	if (page_check(w, page, w->slice + page * VT_PAGE))
		store(&w->crew->failed, true);
	goes_on(w, 0, "CPU");
}

/* The device does. */
static void step_device(struct storm_worker *w)
{
	unsigned int page = storm_draw(&w->dice, w->pages);
	bool file = storm_draw(&w->dice, 2);
	char *at = w->slice + page * VT_PAGE;

	w->version[page]++;
	page_bytes(w, page, w->buf);
	if (!goes_on(w, storm_call(w->fd, file ? STORM_PWRITE : STORM_WRITE, at,
				   VT_PAGE, w->buf), "device write")) {
		/* What ends a call at its begin has changed nothing. */
		w->version[page]--;
		return;
	}
	page = storm_draw(&w->dice, w->pages);
	at = w->slice + page * VT_PAGE;
	if (goes_on(w, storm_call(w->fd, file ? STORM_PREAD : STORM_READ, at,
				  VT_PAGE, w->buf), "device read") &&
	    page_check(w, page, w->buf))
		store(&w->crew->failed, true);
}

/* Moves the memory of all, looks at it, takes it from the CPU. */
static void step_mover(struct storm_worker *w)
{
	static const enum storm_call calls[] = {
		STORM_TO_DEVICE, STORM_TO_DEVICE, STORM_TO_DEVICE,
		STORM_TO_SYSTEM, STORM_SNAPSHOT, STORM_EXCLUSIVE, STORM_MMAP,
		STORM_INFO, STORM_ATOMIC, STORM_ADVISE, STORM_EVENTS,
	};
	unsigned int call = storm_draw(&w->dice, VT_COUNT(calls));
	size_t at = storm_draw(&w->dice, w->crew->len / VT_PAGE) * VT_PAGE;
	size_t len = (storm_draw(&w->dice, 32) + 1) * VT_PAGE;

	if (!storm_draw(&w->dice, 8)) {
		at = 0;
		len = w->crew->len;
	}
	if (len > w->crew->len - at)
		len = w->crew->len - at;
	goes_on(w, storm_call(w->fd, calls[call], w->crew->mem + at, len, NULL),
		storm_name(calls[call]));
}

static void *work(void *arg)
{
	struct storm_worker *w = arg;

	while (!load(&w->crew->stop) && !load(&w->crew->failed) &&
	       (w->fd >= 0 || w->step == step_cpu))
		w->step(w);
	return NULL;
}

/* How many pages of its own a worker has. */
static unsigned int slice_of(const struct storm_crew *c)
{
	size_t pages = c->len / VT_PAGE / STORM_CREW;

	return pages < PAGES ? pages : PAGES;
}

int storm_start(struct storm_crew *c, uint64_t seed)
{
	static void (*const steps[STORM_CREW])(struct storm_worker *w) = {
		step_mover, step_device, step_cpu, step_device, step_mover,
		step_cpu,
	};
	struct storm_dice dice = { seed };
	unsigned int i;

	c->stop = false;
	c->failed = false;
	c->threads = 3 + storm_draw(&dice, 4);
	for (i = 0; i < c->threads; i++) {
		struct storm_worker *w = &c->worker[i];

		memset(w, 0, sizeof(*w));
		w->crew = c;
		w->step = c->fds[0] < 0 ? step_cpu : steps[i];
		w->fd = c->fds[1] >= 0 && i % 3 == 1 ? c->fds[1] : c->fds[0];
		/* Side by side. */
		w->pages = slice_of(c);
		w->slice = c->mem + i * w->pages * VT_PAGE;
		w->dice.state = seed * 0x100000001b3ULL + i;
		if (pthread_create(&w->thread, NULL, work, w))
			return say("no thread");
	}
	return 0;
}

int storm_finish(struct storm_crew *c)
{
	unsigned int i, page;
	size_t slices = c->threads * slice_of(c) * VT_PAGE;
	int bad = 0;

	store(&c->stop, true);
	for (i = 0; i < c->threads; i++)
		pthread_join(c->worker[i].thread, NULL);
	for (i = 0; i < c->threads; i++) {
		struct storm_worker *w = &c->worker[i];

		for (page = 0; page < w->pages; page++)
			bad |= page_check(w, page, w->slice + page * VT_PAGE);
	}
	/* What no thread changed. */
	if (vt_check(c->mem + slices, c->len - slices, SEED, slices))
		bad = say("memory outside of the slices");
	return load(&c->failed) || bad ? -1 : 0;
}
