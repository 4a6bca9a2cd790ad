// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a program written for the kernel's HMM test driver (lib/test_hmm.c) run
 * on vsvm, unchanged: preloaded, it answers open() of /dev/hmm_dmirrorN with a
 * vsvm render node, and the HMM_DMIRROR_* ioctls on such a node with vsvm's.
 *
 *	LD_PRELOAD=/usr/lib/vsvm/dmirror-shim.so hmm-tests
 *
 * hmm_dmirror0 and 1 are the first two devices with private memory, 2 and 3 the
 * first two with coherent memory. A device that is not there is ENOENT. All
 * other files and ioctls pass by.
 *
 * It owns nothing. What the program gets is the render node itself, so dup(),
 * fork(), mmap() and close() are the kernel's, and a descriptor is recognised by
 * asking it, not by remembering it. The only state is whether this process has
 * armed a failure.
 *
 * It does not allocate either, and so does without libdrm: hmm-tests lets the
 * device write a page to where it allocated seven bytes (hmm2.snapshot), which
 * goes well as long as nobody else uses the heap.
 *
 * No answer is made up: data, places and counts are what vsvm said about that
 * call. What differs in kind, and how it is translated:
 *
 * - test_hmm counts rounds of faulting, each for all of the rest of the range;
 *   vsvm counts pages. Some pages: one round.
 * - Devices of test_hmm do not know each other. So pages on another device are
 *   left out of what is migrated, here and home, although vsvm would move them;
 *   and where they are private, a snapshot has nothing to say of them.
 * - test_hmm migrates to the device whatever was never touched, too (POPULATE).
 *   It then reads the range back without faulting, and says ENOENT if some page
 *   did not come: here, if the pages that moved or were there are not all.
 * - Ranges with holes, without read permission, or in mappings that core mm
 *   never migrates are EINVAL there and a partial result here. Unlike test_hmm,
 *   vsvm has then moved what follows the bad part, too.
 * - A failing READ may have copied the pages before the bad one.
 * - RELEASE takes home this process's pages, not everybody's.
 * - FLAG_FAIL_ALLOC fails the next huge allocation, on the device or on the way
 *   home, once. Small ones, which test_hmm would fail if one came first, go on.
 *   A failure that the program did not use up ends with the file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <test_hmm_uapi.h>

#include <drm/vsvm_drm.h>
#include <drm/vsvm_inject.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define EXPORT			__attribute__((visibility("default")))

/* Minors of render nodes. */
#define FIRST_MINOR		128
#define LAST_MINOR		191

/* What one entry maps above the last level of x86-64 page tables. */
#define PMD_BYTES		(1ULL << 21)
#define PUD_BYTES		(1ULL << 30)

/* Runs to ask for at once; on the stack. */
#define RUNS			64

/* The two huge allocations that FLAG_FAIL_ALLOC makes fail. */
static const char *const fail_points[] = {
	"reserve-block",
	"home-huge",
};

static atomic_bool fail_armed;

/* What the program would have called without the shim. */
static void *next_symbol(void **cache, const char *name)
{
	/* Any thread may look it up: all find the same. */
	void *symbol = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!symbol) {
		symbol = dlsym(RTLD_NEXT, name);
		if (!symbol)
			abort();
		__atomic_store_n(cache, symbol, __ATOMIC_RELAXED);
	}
	return symbol;
}

static int next_ioctl(int fd, unsigned long request, void *arg)
{
	static void *cache;
	int (*next)(int fd, unsigned long request, ...);

	next = next_symbol(&cache, "ioctl");
	return next(fd, request, arg);
}

static int next_openat(int dir, const char *path, int flags, mode_t mode)
{
	static void *cache;
	int (*next)(int dir, const char *path, int flags, ...);

	next = next_symbol(&cache, "openat");
	return next(dir, path, flags, mode);
}

/* 0 or a negative errno. Retries what a signal interrupted. */
static int vsvm_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = next_ioctl(fd, request, arg);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? -errno : 0;
}

static uint64_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/*
 * Opening.
 */

/* The number after "/dev/hmm_dmirror", or -1. */
static int dmirror_number(const char *path)
{
	static const char prefix[] = "/dev/hmm_dmirror";
	size_t len = sizeof(prefix) - 1;

	if (!path || strncmp(path, prefix, len) || path[len] < '0' ||
	    path[len] > '9' || path[len + 1])
		return -1;
	return path[len] - '0';
}

/*
 * Opens render node @minor if it is vsvm's: -ENOENT if not. Opening another
 * driver's node may wake a graphics card, so sysfs is asked first.
 */
static int open_node(unsigned int minor, int flags)
{
	char path[64], driver[64];
	const char *name;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/drm/renderD%u/device/driver",
		 minor);
	len = readlink(path, driver, sizeof(driver) - 1);
	if (len < 0)
		return -ENOENT;
	driver[len] = 0;
	name = strrchr(driver, '/');
	if (!name || strcmp(name, "/vsvm"))
		return -ENOENT;

	snprintf(path, sizeof(path), "/dev/dri/renderD%u", minor);
	fd = next_openat(AT_FDCWD, path, O_RDWR | (flags & O_CLOEXEC), 0);
	return fd < 0 ? -errno : fd;
}

/* The @nth device of a kind, from 0, in the order of their nodes. */
static int open_kind(uint32_t kind, unsigned int nth, int flags)
{
	unsigned int minor;

	for (minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		struct drm_vsvm_info info = { 0 };
		int fd = open_node(minor, flags);
		int ret;

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		ret = vsvm_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info);
		if (!ret && info.kind == kind && !nth--)
			return fd;
		close(fd);
		if (ret)
			return ret;
	}
	return -ENOENT;
}

static int open_dmirror(int number, int flags)
{
	int fd = -ENOENT;

	if (number < 2)
		fd = open_kind(DRM_VSVM_KIND_PRIVATE, number, flags);
	else if (number < 4)
		fd = open_kind(DRM_VSVM_KIND_COHERENT, number - 2, flags);
	if (fd >= 0)
		return fd;
	errno = -fd;
	return -1;
}

static int open_any(int dir, const char *path, int flags, va_list args)
{
	int number = dmirror_number(path);
	mode_t mode = 0;

	if (number >= 0)
		return open_dmirror(number, flags);
	/* Only an open that may create has the argument. */
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(args, mode_t);
	return next_openat(dir, path, flags, mode);
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_any(AT_FDCWD, path, flags, args);
	va_end(args);
	return fd;
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_any(dir, path, flags, args);
	va_end(args);
	return fd;
}

/* With a 64-bit off_t they are the same. */
_Static_assert(sizeof(off_t) == 8, "open64() needs O_LARGEFILE here");
EXPORT int open64(const char *path, int flags, ...)
	__attribute__((alias("open")));
EXPORT int openat64(int dir, const char *path, int flags, ...)
	__attribute__((alias("openat")));

/*
 * The ioctls. Each takes the command with its range checked, sets cpages and
 * faults, and returns 0 or a negative errno.
 */

static int copy(int fd, struct hmm_dmirror_cmd *cmd, unsigned long request)
{
	struct drm_vsvm_rw rw = {
		.addr = cmd->addr,
		.buf = cmd->ptr,
		.len = cmd->npages * page_size(),
	};
	int ret = vsvm_ioctl(fd, request, &rw);

	cmd->cpages = rw.done / page_size();
	cmd->faults = !!rw.faults;
	return ret;
}

/*
 * Snapshots.
 */

/**
 * typedef run_fn - what to do with each run of a snapshot
 *
 * Return: 0 to go on, or what ends the snapshot.
 */
typedef int (*run_fn)(const struct drm_vsvm_run *run, void *data);

static int walk_runs(int fd, uint64_t addr, uint64_t end, uint32_t flags,
		     run_fn fn, void *data)
{
	struct drm_vsvm_run runs[RUNS];
	int ret = 0;

	while (!ret && addr < end) {
		struct drm_vsvm_snapshot snap = {
			.addr = addr,
			.len = end - addr,
			.runs = (uintptr_t)runs,
			.nr_runs = ARRAY_SIZE(runs),
			.flags = flags,
		};
		uint32_t i;

		ret = vsvm_ioctl(fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap);
		for (i = 0; !ret && i < snap.nr_runs; i++)
			ret = fn(&runs[i], data);
		addr = snap.next;
	}
	return ret;
}

static unsigned int run_place(const struct drm_vsvm_run *run)
{
	return run->state & DRM_VSVM_STATE_PLACE;
}

/* The byte that test_hmm has for a page in this state. */
static unsigned char run_prot(const struct drm_vsvm_run *run)
{
	bool coherent = run->state & DRM_VSVM_STATE_COHERENT;
	uint64_t size = page_size() << ((run->state & DRM_VSVM_STATE_ORDER) >>
					DRM_VSVM_STATE_ORDER_SHIFT);
	unsigned char prot = HMM_DMIRROR_PROT_NONE;

	switch (run_place(run)) {
	case DRM_VSVM_PLACE_ABSENT:
		return HMM_DMIRROR_PROT_NONE;
	case DRM_VSVM_PLACE_ZERO:
		prot = HMM_DMIRROR_PROT_ZERO;
		break;
	case DRM_VSVM_PLACE_SYSTEM:
		break;
	case DRM_VSVM_PLACE_DEVICE:
		prot = coherent ? HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL :
				  HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL;
		break;
	case DRM_VSVM_PLACE_PEER:
		if (!coherent)
			return HMM_DMIRROR_PROT_NONE;
		prot = HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE;
		break;
	default:
		return HMM_DMIRROR_PROT_ERROR;
	}

	prot |= run->state & DRM_VSVM_STATE_WRITE ? HMM_DMIRROR_PROT_WRITE :
						    HMM_DMIRROR_PROT_READ;
	if (size == PMD_BYTES)
		prot |= HMM_DMIRROR_PROT_PMD;
	else if (size == PUD_BYTES)
		prot |= HMM_DMIRROR_PROT_PUD;
	return prot;
}

static int store_prot(const struct drm_vsvm_run *run, void *data)
{
	struct hmm_dmirror_cmd *cmd = data;
	unsigned char *bytes = (unsigned char *)(uintptr_t)cmd->ptr;

	memset(bytes + cmd->cpages, run_prot(run), run->count);
	cmd->cpages += run->count;
	return 0;
}

static int is_exclusive(const struct drm_vsvm_run *run, void *data)
{
	(void)data;
	return run->state & DRM_VSVM_STATE_EXCLUSIVE ? -EPERM : 0;
}

/*
 * Failures on purpose.
 */

static int inject(int fd, const char *point, uint32_t op, uint64_t *fired)
{
	struct drm_vsvm_inject arg = { .op = op };
	int ret;

	snprintf(arg.name, sizeof(arg.name), "%s", point);
	if (op == DRM_VSVM_INJECT_FAIL) {
		arg.flags = DRM_VSVM_INJECT_FILE;
		arg.nth = 1;
		arg.times = 1;
	}
	ret = vsvm_ioctl(fd, DRM_IOCTL_VSVM_INJECT, &arg);
	if (fired)
		*fired += arg.fired;
	return ret;
}

static int inject_all(int fd, uint32_t op, uint64_t *fired)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(fail_points); i++)
		ret = inject(fd, fail_points[i], op, fired);
	return ret;
}

static int set_flags(int fd, uint64_t flags)
{
	bool arm = flags & HMM_DMIRROR_FLAG_FAIL_ALLOC;

	if (!arm && !atomic_load(&fail_armed))
		return 0;
	atomic_store(&fail_armed, arm);
	return inject_all(fd, arm ? DRM_VSVM_INJECT_FAIL :
				    DRM_VSVM_INJECT_CLEAR, NULL);
}

/* One failure is all that was asked for: when it was had, disarm the rest. */
static int settle_failure(int fd)
{
	uint64_t fired = 0;
	int ret;

	if (!atomic_load(&fail_armed))
		return 0;
	ret = inject_all(fd, DRM_VSVM_INJECT_QUERY, &fired);
	return ret || !fired ? ret : set_flags(fd, 0);
}

/*
 * Migration.
 */

/**
 * struct move - a migration that leaves out what other devices have
 * @fd: the node
 * @target: where to
 * @start: where the part begins that is still to be moved
 * @done: result, added up over all parts
 */
struct move {
	int fd;
	uint32_t target;
	uint64_t start;
	struct drm_vsvm_migrate done;
};

static int move_part(struct move *m, uint64_t end)
{
	struct drm_vsvm_migrate mig = {
		.addr = m->start,
		.len = end - m->start,
		.target = m->target,
	};
	unsigned int i;
	int ret;

	if (m->start == end)
		return 0;
	if (m->target == DRM_VSVM_TARGET_DEVICE)
		mig.flags = DRM_VSVM_MIGRATE_POPULATE;
	ret = vsvm_ioctl(m->fd, DRM_IOCTL_VSVM_MIGRATE, &mig);
	/* Nothing mapped is no error of a part. It is in stayed[] all the same. */
	if (ret == -EFAULT && mig.next == end)
		ret = 0;
	m->start = end;
	m->done.moved += mig.moved;
	m->done.there += mig.there;
	for (i = 0; i < DRM_VSVM_STAY_MAX; i++)
		m->done.stayed[i] += mig.stayed[i];
	return ret;
}

static int move_run(const struct drm_vsvm_run *run, void *data)
{
	uint64_t end = run->start + run->count * page_size();
	struct move *m = data;
	int ret;

	if (run_place(run) != DRM_VSVM_PLACE_PEER)
		return 0;
	ret = move_part(m, run->start);
	m->start = end;
	return ret;
}

static int move(struct move *m, uint64_t addr, uint64_t end)
{
	int ret;

	ret = settle_failure(m->fd);
	if (ret)
		return ret;
	m->start = addr;
	ret = walk_runs(m->fd, addr, end, 0, move_run, m);
	if (!ret)
		ret = move_part(m, end);
	return settle_failure(m->fd) ?: ret;
}

static int move_range(struct move *m, const struct hmm_dmirror_cmd *cmd)
{
	const __u64 *stayed = m->done.stayed;
	int ret;

	ret = move(m, cmd->addr, cmd->addr + cmd->npages * page_size());
	if (ret)
		return ret;
	if (stayed[DRM_VSVM_STAY_UNMAPPED] || stayed[DRM_VSVM_STAY_ACCESS] ||
	    stayed[DRM_VSVM_STAY_SPECIAL] || stayed[DRM_VSVM_STAY_HUGETLB])
		return -EINVAL;
	return stayed[DRM_VSVM_STAY_HOST_FULL] ? -ENOMEM : 0;
}

static int to_device(int fd, struct hmm_dmirror_cmd *cmd)
{
	struct move m = { .fd = fd, .target = DRM_VSVM_TARGET_DEVICE };
	int ret;

	ret = move_range(&m, cmd);
	if (ret)
		return ret;
	if (m.done.moved + m.done.there != cmd->npages * page_size())
		return -ENOENT;
	ret = copy(fd, cmd, DRM_IOCTL_VSVM_READ);
	cmd->faults = 0;
	return ret;
}

static int to_system(int fd, struct hmm_dmirror_cmd *cmd)
{
	struct move m = { .fd = fd, .target = DRM_VSVM_TARGET_SYSTEM };
	int ret = move_range(&m, cmd);

	cmd->cpages = m.done.moved / page_size();
	return ret;
}

static int stop(const struct drm_vsvm_run *run, void *data)
{
	(void)run;
	(void)data;
	return 1;
}

/* The end of what user space can own: a range that goes further is EFAULT. */
static int address_end(int fd, uint64_t *end)
{
	unsigned int bit;
	int ret = -EFAULT;

	for (bit = 63; bit > 30 && ret == -EFAULT; bit--) {
		*end = (1ULL << bit) - page_size();
		ret = walk_runs(fd, 0, *end, 0, stop, NULL);
	}
	return ret < 0 ? ret : 0;
}

static int release(int fd)
{
	struct move m = { .fd = fd, .target = DRM_VSVM_TARGET_SYSTEM };
	const __u64 *stayed = m.done.stayed;
	uint64_t end;
	int ret;

	ret = address_end(fd, &end);
	if (!ret)
		ret = move(&m, 0, end);
	if (ret)
		return ret;
	return stayed[DRM_VSVM_STAY_PINNED] || stayed[DRM_VSVM_STAY_BUSY] ||
	       stayed[DRM_VSVM_STAY_HOST_FULL] ? -EBUSY : 0;
}

static int exclusive(int fd, struct hmm_dmirror_cmd *cmd)
{
	struct drm_vsvm_exclusive arg = {
		.addr = cmd->addr,
		.len = cmd->npages * page_size(),
	};
	int ret = vsvm_ioctl(fd, DRM_IOCTL_VSVM_EXCLUSIVE, &arg);

	if (!ret)
		ret = copy(fd, cmd, DRM_IOCTL_VSVM_READ);
	cmd->faults = 0;
	return ret;
}

static int answer(int fd, unsigned long request, struct hmm_dmirror_cmd *cmd)
{
	uint64_t len, end;

	/* Not a range, and the way to clear flags is not to name any. */
	if (request == HMM_DMIRROR_FLAGS)
		return set_flags(fd, cmd->npages);

	if (cmd->addr % page_size() ||
	    __builtin_mul_overflow(cmd->npages, page_size(), &len) || !len ||
	    __builtin_add_overflow(cmd->addr, len, &end))
		return -EINVAL;

	switch (request) {
	case HMM_DMIRROR_READ:
	case HMM_DMIRROR_READ_UNLOCKED:
		return copy(fd, cmd, DRM_IOCTL_VSVM_READ);
	case HMM_DMIRROR_WRITE:
		return copy(fd, cmd, DRM_IOCTL_VSVM_WRITE);
	case HMM_DMIRROR_MIGRATE_TO_DEV:
		return to_device(fd, cmd);
	case HMM_DMIRROR_MIGRATE_TO_SYS:
		return to_system(fd, cmd);
	case HMM_DMIRROR_SNAPSHOT:
		return walk_runs(fd, cmd->addr, end, 0, store_prot, cmd);
	case HMM_DMIRROR_EXCLUSIVE:
		return exclusive(fd, cmd);
	case HMM_DMIRROR_CHECK_EXCLUSIVE:
		return walk_runs(fd, cmd->addr, end, DRM_VSVM_SNAPSHOT_TABLE,
				 is_exclusive, NULL);
	case HMM_DMIRROR_RELEASE:
		return release(fd);
	}
	return -EINVAL;
}

static bool is_dmirror_request(unsigned long request)
{
	return _IOC_TYPE(request) == _IOC_TYPE(HMM_DMIRROR_READ) &&
	       _IOC_SIZE(request) == sizeof(struct hmm_dmirror_cmd) &&
	       _IOC_DIR(request) == _IOC_DIR(HMM_DMIRROR_READ);
}

static bool is_vsvm(int fd)
{
	char name[5] = "";
	struct drm_version version = {
		.name = name,
		.name_len = sizeof(name) - 1,
	};

	return !vsvm_ioctl(fd, DRM_IOCTL_VERSION, &version) &&
	       version.name_len == 4 && !strcmp(name, "vsvm");
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct hmm_dmirror_cmd *user, cmd;
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!is_dmirror_request(request) || !is_vsvm(fd))
		return next_ioctl(fd, request, arg);

	user = arg;
	cmd = *user;
	cmd.cpages = 0;
	cmd.faults = 0;
	ret = answer(fd, request, &cmd);
	if (ret) {
		errno = -ret;
		return -1;
	}
	*user = cmd;
	return 0;
}
