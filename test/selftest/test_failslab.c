// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a call fails in turn, the driver's, DRM's and core mm's, until
 * the call succeeds without a failure.
 *
 * /proc/self/fail-nth counts for the thread that writes it, over failslab and
 * fail_page_alloc, and needs CONFIG_FAULT_INJECTION, which the debug kernel has.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define SEED	321
#define OTHER	322
#define LEN	(16 * VT_PAGE)
#define FAIL_NTH	"/proc/thread-self/fail-nth"
/* More than any of these calls allocates. */
#define TOO_OFTEN	2000

static int file_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (VT_BAD(fd < 0))
		return -1;
	ret = write(fd, text, strlen(text)) < 0;
	close(fd);
	return ret;
}

/*
 * Where a function of the kernel begins, and what follows it: zeroes when it is
 * not there.
 */
static void find_function(const char *name, unsigned long *start,
			  unsigned long *end)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long at;
	char symbol[128];
	int pass;

	*start = 0;
	*end = 0;
	for (pass = 0; f && pass < 2; pass++) {
		rewind(f);
		while (fscanf(f, "%lx %*c %127s%*[^\n]", &at, symbol) == 2) {
			if (!pass && !strcmp(symbol, name))
				*start = at;
			else if (pass && at > *start && (!*end || at < *end))
				*end = at;
		}
	}
	if (f)
		fclose(f);
}

/*
 * Everything may fail, and nothing is said about it; but for what checks the
 * driver's use of DMA, which would be off from then on.
 */
static int knobs(const char *name)
{
	char reject[2][24];
	const char *const set[][2] = {
		{ "reject-start", reject[0] },
		{ "reject-end", reject[1] },
		{ "verbose", "0" },
		{ "probability", "0" },
		{ "times", "-1" },
		{ "ignore-gfp-wait", "N" },
	};
	unsigned long start, end;
	char path[128];
	unsigned int i;

	find_function("debug_dma_map_phys", &start, &end);
	snprintf(reject[0], sizeof(reject[0]), "%#lx", start);
	snprintf(reject[1], sizeof(reject[1]), "%#lx", start ? end : 0);
	for (i = 0; i < VT_COUNT(set); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", name,
			 set[i][0]);
		if (VT_BAD(file_set(path, set[i][1])))
			return -1;
	}
	return 0;
}

FIXTURE(failslab)
{
	struct vsvm *v;
	char *mem;
	char *buf;
	uint64_t used;
	int nth;
	int pipe[2];
};

VT_PAGE_KINDS_LEN(failslab, LEN);

FIXTURE_SETUP(failslab)
{
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, knobs("failslab"));
	ASSERT_EQ(0, knobs("fail_page_alloc"));
	ASSERT_EQ(0, file_set("/sys/kernel/debug/fail_page_alloc/min-order",
			      "0"));
	ASSERT_EQ(0, file_set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem",
			      "N"));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->buf = vt_map(variant->len, VT_SMALL);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, pipe(self->pipe));
	vt_fill(self->buf, variant->len, OTHER, 0);
}

VT_TEARDOWN_CLOSE(failslab)

/* Memory as a call wants it. */
static char *fresh(struct vsvm *v, enum vt_kind kind, size_t len, bool there)
{
	char *mem = vt_map_filled(v, len, kind, SEED);

	if (!mem || (there && vt_to_device(v, mem, len)))
		return NULL;
	return mem;
}

/* From here on the n-th allocation of this thread fails. */
static void fail_at(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fd, text, len, 0) != len)
		abort();
}

/* Ends it; true if it came that far. */
static bool failed(int fd)
{
	char text[16] = "";

	/* What is left of the count; 0: it failed. */
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		abort();
	fail_at(fd, 0);
	return !atoi(text);
}

static bool legal(int ret)
{
	return !ret || ret == -ENOMEM || ret == -EFAULT || ret == -EBUSY;
}

/*
 * One kind of call for n = 1, 2, 3 ...: @there: on the device before; call:
 * returns 0 or a negative errno and leaves the pattern alone.
 */
#define SWEEP(there, call)						\
do {									\
	int n, ret, fired = 0;						\
									\
	for (n = 1; n < TOO_OFTEN; n++) {				\
		self->mem = fresh(self->v, variant->kind, variant->len,	\
				  there);				\
		ASSERT_NE(NULL, self->mem);				\
		fail_at(self->nth, n);					\
		ret = (call);						\
		ret = ret < 0 ? ret : 0;				\
		if (!failed(self->nth))					\
			n = TOO_OFTEN;					\
		else							\
			fired++;					\
		ASSERT_EQ(true, legal(ret))				\
			TH_LOG("failure %d gave %d", n, ret);		\
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem,		\
					  variant->len, SEED, 0));	\
		ASSERT_EQ(0, vt_check(self->mem, variant->len, SEED, 0)); \
		ASSERT_EQ(0, munmap(self->mem, variant->len));		\
		ASSERT_EQ(self->used, vt_used(self->v));		\
	}								\
	EXPECT_LT(TOO_OFTEN, n);					\
	printf("#@ failslab | %s %s | %d failed\n", variant_name,	\
	       call_name, fired);					\
	fflush(stdout);							\
} while (0)

/* The bare calls: a library's own allocations shall not count. */
static int migrate(struct vsvm *v, char *mem, size_t len, uint32_t target)
{
	struct drm_vsvm_migrate m = {
		.addr = (uintptr_t)mem,
		.len = len,
		.target = target,
	};
	int ret = vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_MIGRATE, &m);

	return !ret && m.next != m.addr + len ? -EPROTO : ret;
}

static int snapshot(struct vsvm *v, char *mem, size_t len)
{
	struct drm_vsvm_run runs[8];
	struct drm_vsvm_snapshot s = {
		.addr = (uintptr_t)mem,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = 8,
	};

	return vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_SNAPSHOT, &s);
}

/* A CPU access out of the kernel, which fails instead of trying for ever. */
static int touch(char *mem, int pipe[2])
{
	char byte;

	if (write(pipe[1], mem + 5, 1) < 0)
		return -errno;
	return read(pipe[0], &byte, 1) == 1 ? 0 : -EPROTO;
}

static int copy(struct vsvm *v, void *mem, void *buf, size_t len, bool write)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)mem,
		.buf = (uintptr_t)buf,
		.len = len,
	};

	return vt_ioctl(vsvm_fd(v), write ? DRM_IOCTL_VSVM_WRITE :
					    DRM_IOCTL_VSVM_READ, &rw);
}

/* DISCARD, and a write of what it says nobody needs, by the CPU if the device fails. */
static int discard(struct vsvm *v, void *mem, void *buf, size_t len)
{
	int ret = vsvm_discard(v, mem, len, NULL);
	int error = copy(v, mem, buf, len, true);

	if (error)
		memcpy(mem, buf, len);
	return ret ?: error;
}

#define variant_name	(variant->kind == VT_LARGE ? "large" : "small")

TEST_F_TIMEOUT(failslab, migrate_to_device, 5 * VT_LONG)
{
	static const char call_name[] = "to device";

	SWEEP(false, migrate(self->v, self->mem, variant->len,
			     DRM_VSVM_TARGET_DEVICE));
}

TEST_F_TIMEOUT(failslab, migrate_home, 5 * VT_LONG)
{
	static const char call_name[] = "home";

	SWEEP(true, migrate(self->v, self->mem, variant->len,
			    DRM_VSVM_TARGET_SYSTEM));
}

TEST_F_TIMEOUT(failslab, cpu_fault, 5 * VT_LONG)
{
	static const char call_name[] = "CPU fault";

	SWEEP(true, touch(self->mem, self->pipe));
}

TEST_F_TIMEOUT(failslab, read, 5 * VT_LONG)
{
	static const char call_name[] = "read";

	SWEEP(false, copy(self->v, self->mem, self->buf, variant->len, false));
}

TEST_F_TIMEOUT(failslab, write_back, 5 * VT_LONG)
{
	static const char call_name[] = "write";

	vt_fill(self->buf, variant->len, SEED, 0);
	SWEEP(true, copy(self->v, self->mem, self->buf, variant->len, true));
}

TEST_F_TIMEOUT(failslab, snapshot, 5 * VT_LONG)
{
	static const char call_name[] = "snapshot";

	SWEEP(true, snapshot(self->v, self->mem, variant->len));
}

TEST_F_TIMEOUT(failslab, exclusive, 5 * VT_LONG)
{
	static const char call_name[] = "exclusive";

	SWEEP(false, vsvm_exclusive(self->v, self->mem, LEN, NULL));
}

TEST_F_TIMEOUT(failslab, advise, 5 * VT_LONG)
{
	static const char call_name[] = "advise";
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };

	SWEEP(false, vsvm_advise(self->v, self->mem, LEN,
				 DRM_VSVM_ADVISE_LOCATION, &here));
}

TEST_F_TIMEOUT(failslab, discard, 5 * VT_LONG)
{
	static const char call_name[] = "discard";

	vt_fill(self->buf, variant->len, SEED, 0);
	SWEEP(true, discard(self->v, self->mem, self->buf, variant->len));
}

TEST_F_TIMEOUT(failslab, atomic, 5 * VT_LONG)
{
	static const char call_name[] = "atomic";

	SWEEP(false, vsvm_atomic(self->v, self->mem + 8, 8, DRM_VSVM_ATOMIC_ADD,
				 0, 0, NULL));
}

/* A stream whose descriptor fails is gone. */
static int listen_to(struct vsvm *v)
{
	struct drm_vsvm_events arg = {
		.mask = DRM_VSVM_EVENTS_ALL,
		.records = 64,
		.size = sizeof(struct drm_vsvm_event),
	};
	int ret = vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_EVENTS, &arg);

	return ret ? ret : close(arg.fd);
}

TEST_F_TIMEOUT(failslab, events, 5 * VT_LONG)
{
	static const char call_name[] = "events";

	SWEEP(true, listen_to(self->v));
}

/* The first use of a file, and its end. */
TEST_F_TIMEOUT(failslab, open_and_close, 5 * VT_LONG)
{
	static const char call_name[] = "open to close";
	char link[64], path[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", vsvm_fd(self->v));
	ASSERT_LT(0, readlink(link, path, sizeof(path) - 1));
	SWEEP(true, ({
		int fd = open(path, O_RDWR | O_CLOEXEC), err = -errno;
		char byte;

		if (fd >= 0) {
			err = pread(fd, &byte, 1, (uintptr_t)self->mem) < 0 ?
			      -errno : 0;
			close(fd);
		}
		err;
	}));
}

TEST_HARNESS_MAIN
