// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an attacker does with the device, see hostile.h: each a small function in
 * a table, true when it got to do what it is there for.
 *
 * An attacker's memory has zeroes and words of its own, and nothing else, so all
 * that the device gives it can be told right or wrong. Only one word at a time
 * can be half written: the upper four bytes, which tell whose it is, are the
 * same in all words of an owner.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

#define WIDE		((char *)0x100000000000UL)
#define WIDE_END	((char *)0x500000000000UL)
#define KERNEL		0xffff888000000000UL

/* Newer than some headers. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

uint64_t attacker_draw(struct attacker *a, uint64_t below)
{
	return storm_draw(&a->dice, below);
}

int attacker_open(struct attacker *a)
{
	unsigned int d = attacker_draw(a, hostile->devices), i;
	int fd = -1;

	for (i = 0; i < hostile->devices && fd < 0; i++)
		fd = hostile_open((d + i) % hostile->devices);
	return fd < 0 ? -1 : fd;
}

int attacker_fd(struct attacker *a)
{
	unsigned int d = attacker_draw(a, hostile->devices), i, at;

	for (i = 0; i < hostile->devices; i++) {
		at = (d + i) % hostile->devices;
		if (a->fd[at] < 0)
			a->fd[at] = hostile_open(at);
		/* Of one that is being unbound, too, at times. */
		if (a->fd[at] >= 0 && (hostile->node[at].path[0] ||
				       !attacker_draw(a, 4)))
			return a->fd[at];
	}
	return -1;
}

void attacker_lost(struct attacker *a, int fd)
{
	unsigned int d;

	for (d = 0; d < hostile->devices; d++) {
		if (a->fd[d] != fd)
			continue;
		close(fd);
		a->fd[d] = -1;
	}
}

int attacker_ioctl(struct attacker *a, int fd, unsigned long request, void *arg)
{
	int ret = fd < 0 ? -ENODEV : vt_ioctl(fd, request, arg);

	if (ret == -ENODEV)
		attacker_lost(a, fd);
	return ret;
}

int attacker_rw(struct attacker *a, int fd, void *mem, void *buf, size_t len,
		bool write)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)mem, .buf = (uintptr_t)buf, .len = len,
	};

	return attacker_ioctl(a, fd, write ? DRM_IOCTL_VSVM_WRITE :
					     DRM_IOCTL_VSVM_READ, &rw);
}

long attacker_migrate(struct attacker *a, int fd, void *mem, size_t len,
		      uint32_t target, uint32_t flags)
{
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)mem, .len = len, .target = target,
		.flags = flags,
	};
	int ret = attacker_ioctl(a, fd, DRM_IOCTL_VSVM_MIGRATE, &mig);

	return ret ? ret : (long)(mig.moved + mig.there);
}

/* Zero, its own, or a word of its own over zero of which a part is there yet. */
static bool may_be(uint64_t word, uint64_t own)
{
	unsigned int i;

	for (i = 4; i < 8; i++) {
		uint8_t byte = word >> i * 8, mine = own >> i * 8;

		if (byte && byte != mine)
			return false;
	}
	return true;
}

bool attacker_check(struct attacker *a, const void *mem, size_t len,
		    const char *from)
{
	uint64_t own = hostile_word(a->owner, 0, 0), word;
	size_t i;

	for (i = 0; i < len / 8; i++) {
		memcpy(&word, (const char *)mem + i * 8, 8);
		if (may_be(word, own))
			continue;
		hostile_found("%s: word at %p is %#llx: %s", from,
			      (const char *)mem + i * 8,
			      (unsigned long long)word, hostile_whose(word));
		return false;
	}
	return true;
}

/* No process had this memory: it is zero. */
static bool check_zero(const void *mem, size_t len, const char *from)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < len / 8; i++) {
		memcpy(&word, (const char *)mem + i * 8, 8);
		if (!word)
			continue;
		hostile_found("%s: fresh word at %p is %#llx: %s", from,
			      (const char *)mem + i * 8,
			      (unsigned long long)word, hostile_whose(word));
		return false;
	}
	return true;
}

void attacker_fill(struct attacker *a, void *mem, size_t len)
{
	hostile_fill(mem, len, a->owner, 0, attacker_draw(a, 1 << 30));
}

char *attacker_map(struct attacker *a, size_t len, enum vt_kind kind)
{
	char *mem = vt_map(len, kind);

	if (mem)
		attacker_fill(a, mem, len);
	return mem;
}

/* Some pages of the small or of the large memory. */
static char *some_pages(struct attacker *a, size_t *len)
{
	char *mem = attacker_draw(a, 2) ? a->small : a->large;
	size_t pages = HOSTILE_ARENA / VT_PAGE, at, n;

	at = attacker_draw(a, pages);
	n = attacker_draw(a, attacker_draw(a, 4) ? 32 : pages) + 1;
	if (!attacker_draw(a, 4)) {
		at = at / 512 * 512;
		n = 512;
	}
	*len = (n > pages - at ? pages - at : n) * VT_PAGE;
	return mem + at * VT_PAGE;
}

static bool do_open(struct attacker *a)
{
	struct drm_vsvm_info info = {};
	unsigned int i;
	int fd[8];
	bool ok = false;

	for (i = 0; i < VT_COUNT(fd); i++) {
		fd[i] = attacker_open(a);
		if (fd[i] < 0)
			continue;
		if (i % 2)
			vt_ioctl(fd[i], DRM_IOCTL_VSVM_INFO, &info);
		if (i % 3 && pread(fd[i], a->buf, VT_PAGE,
				   (uintptr_t)a->small) == (ssize_t)VT_PAGE)
			ok = attacker_check(a, a->buf, VT_PAGE, "first pread");
	}
	for (i = 0; i < VT_COUNT(fd); i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ok;
}

static bool do_migrate(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);

	return attacker_migrate(a, attacker_fd(a), mem, len,
				attacker_draw(a, 3) ? DRM_VSVM_TARGET_DEVICE :
						      DRM_VSVM_TARGET_SYSTEM,
				0) > 0;
}

static bool do_read(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);
	int fd = attacker_fd(a);

	if (attacker_draw(a, 2)) {
		if (attacker_rw(a, fd, mem, a->buf, len, false))
			return false;
	} else if (fd < 0 || pread(fd, a->buf, len, (uintptr_t)mem) !=
			     (ssize_t)len) {
		return false;
	}
	return attacker_check(a, a->buf, len, "device read");
}

static bool do_write(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);
	int fd = attacker_fd(a);

	attacker_fill(a, a->buf, len);
	if (attacker_draw(a, 2))
		return !attacker_rw(a, fd, mem, a->buf, len, true);
	return fd >= 0 && pwrite(fd, a->buf, len, (uintptr_t)mem) ==
			  (ssize_t)len;
}

static bool do_touch(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);
	bool ok = attacker_check(a, mem, len, "CPU read");

	attacker_fill(a, mem, len);
	return ok;
}

/* What comes without having been touched is cleared, wherever it comes from. */
static bool do_populate(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);
	int fd = attacker_fd(a);

	if (madvise(mem, len, MADV_DONTNEED) ||
	    attacker_migrate(a, fd, mem, len, DRM_VSVM_TARGET_DEVICE,
			     DRM_VSVM_MIGRATE_POPULATE) <= 0)
		return false;
	memset(a->buf, 0xa5, len);
	if (attacker_rw(a, fd, mem, a->buf, len, false) ||
	    !check_zero(a->buf, len, "POPULATE, device read") ||
	    !check_zero(mem, len, "POPULATE, CPU read"))
		return false;
	attacker_fill(a, mem, len);
	return true;
}

static char *next_wide(struct attacker *a, unsigned long step)
{
	a->wide += step;
	if (a->wide >= WIDE_END)
		a->wide = WIDE;
	return a->wide;
}

static char *map_at(char *at, size_t len)
{
	char *mem = mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Whole blocks of the device, of which one page each is kept. */
static bool do_sparse(struct attacker *a)
{
	unsigned int i, n = attacker_draw(a, 32) + 1, kept = 0;
	int fd = attacker_fd(a);

	for (i = 0; i < n; i++) {
		char **place = &a->sparse[a->next_sparse++ %
					  VT_COUNT(a->sparse)];
		char *mem, *keep;

		if (*place)
			munmap(*place, VT_PAGE);
		*place = NULL;
		mem = map_at(next_wide(a, 2 * VT_HUGE), VT_HUGE);
		if (!mem)
			return false;
		madvise(mem, VT_HUGE, MADV_NOHUGEPAGE);
		keep = mem + attacker_draw(a, 512) * VT_PAGE;
		kept += attacker_migrate(a, fd, mem, VT_HUGE,
					 DRM_VSVM_TARGET_DEVICE,
					 DRM_VSVM_MIGRATE_POPULATE) > 0;
		munmap(mem, keep - mem);
		munmap(keep + VT_PAGE, mem + VT_HUGE - keep - VT_PAGE);
		*place = keep;
		if (!check_zero(keep, 8, "POPULATE, CPU read") ||
		    attacker_migrate(a, fd, keep, VT_PAGE,
				     DRM_VSVM_TARGET_DEVICE, 0) < 0)
			return false;
	}
	return kept;
}

/* Memory here and there that the device looks at, and that goes away. */
static bool do_leaves(struct attacker *a)
{
	unsigned int i, n = attacker_draw(a, 4) ? 256 : 4096;
	int fd = attacker_fd(a);
	char byte = 1;

	for (i = 0; i < n && fd >= 0; i++) {
		char *mem = map_at(next_wide(a, VT_HUGE), VT_PAGE);

		if (!mem)
			return false;
		if (pread(fd, &byte, 1, (uintptr_t)mem) != 1)
			break;
		if (byte)
			hostile_found("device read of new memory gave %#x",
				      byte);
		munmap(mem, VT_PAGE);
	}
	return i == n;
}

/* The device's memory, as much of it as the cgroup gives. */
static bool do_fill(struct attacker *a)
{
	size_t len = 16 * VT_MIB, at;
	int fd = attacker_fd(a);
	char *mem = vt_map(len, attacker_draw(a, 2));
	long n, got = 0;

	if (!mem)
		return false;
	for (at = 0; at < len; at += VT_HUGE) {
		n = attacker_migrate(a, fd, mem + at, VT_HUGE,
				     DRM_VSVM_TARGET_DEVICE,
				     DRM_VSVM_MIGRATE_POPULATE);
		if (n < 0)
			break;
		got += n;
		if (!attacker_rw(a, fd, mem + at, a->buf, VT_HUGE, false))
			check_zero(a->buf, VT_HUGE, "POPULATE, device read");
	}
	munmap(mem, len);
	return got;
}

/* Buffers and ranges that are unmapped, or the kernel's. */
static bool do_bad(struct attacker *a)
{
	static const uint64_t bad[] = {
		0, 8, VT_PAGE - 1, 0x7ffffffff000, 0x7fffffffffff,
		0x800000000000, KERNEL, 0xffffffff81000000, -VT_PAGE, -1,
	};
	struct drm_vsvm_rw rw = { .len = 1ULL << attacker_draw(a, 64) };
	unsigned long request = attacker_draw(a, 2) ? DRM_IOCTL_VSVM_READ :
						      DRM_IOCTL_VSVM_WRITE;
	uint64_t where = bad[attacker_draw(a, VT_COUNT(bad))];
	int ret, fd = attacker_fd(a);

	rw.addr = attacker_draw(a, 2) ? where : (uintptr_t)a->small;
	rw.buf = rw.addr == where ? (uintptr_t)a->buf : where;
	if (rw.len > HOSTILE_ARENA && rw.addr != where)
		rw.len = HOSTILE_ARENA;
	/* What is read lands in the buffer, which has no room for more. */
	if (rw.buf != where && request == DRM_IOCTL_VSVM_READ &&
	    rw.len > HOSTILE_ARENA)
		rw.len = HOSTILE_ARENA;
	ret = attacker_ioctl(a, fd, request, &rw);
	if (!ret || (ret != -ENODEV && rw.done))
		hostile_found("%s of %#llx bytes at %#llx, buffer %#llx gave %d and did %#llx",
			      request == DRM_IOCTL_VSVM_READ ? "READ" : "WRITE",
			      (unsigned long long)rw.len,
			      (unsigned long long)rw.addr,
			      (unsigned long long)rw.buf, ret,
			      (unsigned long long)rw.done);
	if (fd >= 0 && ret != -ENODEV &&
	    pread(fd, a->buf, VT_PAGE, KERNEL) >= 0)
		hostile_found("pread of the kernel's memory");
	return ret == -EFAULT || ret == -EINVAL;
}

static bool do_snapshot(struct attacker *a)
{
	struct drm_vsvm_run runs[4];
	struct drm_vsvm_snapshot snap = {
		.addr = attacker_draw(a, 2) ? (uintptr_t)a->small : VT_PAGE,
		.len = VT_PAGE << attacker_draw(a, 34),
		.runs = attacker_draw(a, 4) ? (uintptr_t)runs :
		       attacker_draw(a, 2) ? (uintptr_t)a->large : KERNEL,
		.nr_runs = attacker_draw(a, 4) + 1,
		.flags = attacker_draw(a, 2),
	};
	bool ok;

	if (snap.addr + snap.len > 0x7ffffffff000)
		snap.len = 0x7ffffffff000 - snap.addr;
	ok = !attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_SNAPSHOT, &snap);
	if (snap.runs == (uintptr_t)a->large)
		attacker_fill(a, a->large, VT_PAGE);
	else if (ok && snap.runs == KERNEL)
		hostile_found("SNAPSHOT stored runs in the kernel's memory");
	return ok;
}

static bool do_atomic(struct attacker *a)
{
	struct drm_vsvm_atomic arg = {
		.addr = (uintptr_t)a->small +
			attacker_draw(a, HOSTILE_ARENA / 8) * 8,
		.operand = hostile_word(a->owner, attacker_draw(a, 1 << 20), 0),
		.op = attacker_draw(a, 2) ? DRM_VSVM_ATOMIC_XCHG :
					    DRM_VSVM_ATOMIC_CAS,
		.size = 8,
	};

	return !attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_ATOMIC,
			       &arg) &&
	       attacker_check(a, &arg.old, 8, "ATOMIC");
}

static bool do_exclusive(struct attacker *a)
{
	struct drm_vsvm_exclusive arg = {};
	size_t len;

	arg.addr = (uintptr_t)some_pages(a, &len);
	arg.len = len > 64 * VT_PAGE ? 64 * VT_PAGE : len;
	return !attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_EXCLUSIVE,
			       &arg);
}

static bool do_discard(struct attacker *a)
{
	struct drm_vsvm_discard arg = {};
	size_t len;

	arg.addr = (uintptr_t)some_pages(a, &len);
	arg.len = len;
	return !attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_DISCARD, &arg);
}

/* As much of the device as may be, or what was pinned goes. */
static bool do_pin(struct attacker *a)
{
	struct drm_vsvm_pin arg = {};
	size_t len;
	int ret;

	arg.addr = (uintptr_t)some_pages(a, &len);
	arg.len = len;
	arg.flags = attacker_draw(a, 4) ? 0 : DRM_VSVM_PIN_RELEASE;
	ret = attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_PIN, &arg);
	return !ret || ret == -ENOSPC;
}

/*
 * Where memory should be, of which there is too much. Nothing is forbidden: other
 * operations of the process are to go on.
 */
static bool do_advise(struct attacker *a)
{
	struct drm_vsvm_advise arg = {
		.set = DRM_VSVM_ADVISE_LOCATION | DRM_VSVM_ADVISE_GRANULARITY |
		       DRM_VSVM_ADVISE_ATOMICS | DRM_VSVM_ADVISE_WORD,
		.advice = {
			.location = attacker_draw(a, DRM_VSVM_LOCATION_DEVICE),
			.atomics = attacker_draw(a, DRM_VSVM_ATOMICS_CPU),
			.granularity = VT_PAGE << attacker_draw(a, 10),
			.word = attacker_draw(a, 3),
		},
	};
	size_t len;

	arg.addr = (uintptr_t)some_pages(a, &len);
	arg.len = len;
	return !attacker_ioctl(a, attacker_fd(a), DRM_IOCTL_VSVM_ADVISE, &arg);
}

/*
 * Not even a look at what root may do. The call's shape is not part of what the
 * driver promises: something of any shape.
 */
#define INJECT	DRM_IOWR(DRM_COMMAND_BASE + 0x07, struct storm_dice[16])

static bool do_inject(struct attacker *a)
{
	struct storm_dice arg[16] = {};
	unsigned int i;
	int ret;

	for (i = 0; i < VT_COUNT(arg); i++)
		arg[i].state = attacker_draw(a, attacker_draw(a, 2) ? 4 : -1);
	ret = attacker_ioctl(a, attacker_fd(a), INJECT, arg);
	/* EINVAL: of a driver that is built without it. */
	if (ret != -EACCES && ret != -ENODEV && ret != -EINVAL)
		hostile_found("INJECT gave %d", ret);
	return ret == -EACCES || ret == -EINVAL;
}

/* The node's own pages, which are new, and usable as memory. */
static bool do_node(struct attacker *a)
{
	size_t len = (attacker_draw(a, 64) + 1) * VT_PAGE;
	int fd = attacker_fd(a), how = attacker_draw(a, 2) ? MAP_SHARED :
							     MAP_PRIVATE;
	char *mem;
	bool ok;

	if (fd < 0)
		return false;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, how, fd, 0);
	if (mem == MAP_FAILED)
		return false;
	ok = check_zero(mem, len, "mmap() of the node");
	attacker_fill(a, a->buf, len);
	ok &= !attacker_rw(a, fd, mem, a->buf, len, true);
	attacker_migrate(a, fd, mem, len, DRM_VSVM_TARGET_DEVICE, 0);
	ok &= !attacker_rw(a, fd, mem, a->buf, len, false) &&
	      attacker_check(a, a->buf, len, "device read of the node's pages");
	attacker_check(a, mem, len, "CPU read of the node's pages");
	munmap(mem, len);
	return ok;
}

/* What a thread does to memory that another one migrates. */
struct race {
	struct attacker *a;
	int fd;
	char *mem;
	size_t len;
	uint64_t seed;
	bool stop;
};

static void *mover(void *arg)
{
	struct race *r = arg;
	struct storm_dice dice = { r->seed };

	while (!load(&r->stop)) {
		struct drm_vsvm_migrate mig = {
			.addr = (uintptr_t)r->mem, .len = r->len,
			.target = storm_draw(&dice, 2),
		};

		if (vt_ioctl(r->fd, DRM_IOCTL_VSVM_MIGRATE, &mig) == -ENODEV)
			break;
	}
	return NULL;
}

/* Takes a piece of it away in one of the ways there are, and puts it back. */
static void change(struct attacker *a, char *mem, size_t len, char *spare)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT, MADV_COLD,
		MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
		MADV_COLLAPSE, MADV_POPULATE_WRITE, MADV_DONTFORK, MADV_DOFORK,
		MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_GUARD_INSTALL,
		MADV_GUARD_REMOVE,
	};

	switch (attacker_draw(a, 5)) {
	case 0:
		mprotect(mem, len, attacker_draw(a, 2) ? PROT_READ : PROT_NONE);
		mprotect(mem, len, PROT_READ | PROT_WRITE);
		break;
	case 1:
		munmap(mem, len);
		map_at(mem, len);
		break;
	case 2:
		/* There and back. */
		if (mremap(mem, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			   spare) == spare) {
			madvise(spare, len, MADV_GUARD_REMOVE);
			attacker_check(a, spare, len, "mremap(), CPU read");
			mremap(spare, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			       mem);
		}
		break;
	default:
		madvise(mem, len, advice[attacker_draw(a, VT_COUNT(advice))]);
		break;
	}
}

static bool do_race(struct attacker *a)
{
	size_t len = VT_HUGE, at, n;
	struct race r = { .a = a, .fd = attacker_fd(a), .len = len };
	pthread_t thread;
	unsigned int i;
	char *spare;

	r.seed = attacker_draw(a, -1);
	r.mem = r.fd < 0 ? NULL : attacker_map(a, len, attacker_draw(a, 2));
	spare = r.mem ? map_at(next_wide(a, 2 * VT_HUGE), len) : NULL;
	if (!spare || pthread_create(&thread, NULL, mover, &r))
		return false;
	for (i = 0; i < 16; i++) {
		at = attacker_draw(a, 3) ? attacker_draw(a, 512) * VT_PAGE : 0;
		n = at ? VT_PAGE * (attacker_draw(a, 16) + 1) : len;
		if (n > len - at)
			n = len - at;
		change(a, r.mem + at, n, spare + at);
		if (attacker_draw(a, 2) &&
		    !attacker_rw(a, r.fd, r.mem + at, a->buf, n, false))
			attacker_check(a, a->buf, n, "race, device read");
	}
	store(&r.stop, true);
	pthread_join(thread, NULL);
	madvise(r.mem, len, MADV_GUARD_REMOVE);
	attacker_check(a, r.mem, len, "after the race, CPU read");
	munmap(r.mem, len);
	munmap(spare, len);
	return true;
}

static bool do_mlock(struct attacker *a)
{
	size_t len;
	char *mem = some_pages(a, &len);
	bool ok = !mlock2(mem, len, attacker_draw(a, 2));

	ok &= attacker_migrate(a, attacker_fd(a), mem, len,
			       attacker_draw(a, 2), 0) >= 0;
	attacker_check(a, mem, len, "mlocked, CPU read");
	munlock(mem, len);
	return ok;
}

/* Pages that KSM merges with those of others, and that are taken along. */
static bool do_merge(struct attacker *a)
{
	char *mem = vt_map(64 * VT_PAGE, VT_SMALL);
	int fd = attacker_fd(a);
	unsigned int i;
	bool ok;

	if (!mem)
		return false;
	for (i = 0; i < 64; i++)
		hostile_fill(mem + i * VT_PAGE, VT_PAGE, a->owner, 0, 1);
	ok = !madvise(mem, 64 * VT_PAGE, MADV_MERGEABLE);
	for (i = 0; i < 8; i++) {
		usleep(10000);
		ok &= attacker_migrate(a, fd, mem, 64 * VT_PAGE, i % 2, 0) >= 0;
		attacker_check(a, mem + i * VT_PAGE, VT_PAGE, "KSM, CPU read");
	}
	munmap(mem, 64 * VT_PAGE);
	return ok;
}

/* All there is, stack and code and what the kernel put there. */
static void move_all(struct attacker *a, void *arg)
{
	int i, ok = 0, fd = attacker_open(a);

	(void)arg;
	for (i = 0; i < 3 && fd >= 0; i++) {
		struct drm_vsvm_migrate mig = {
			.addr = VT_PAGE, .len = 0x7fffffffe000,
			.target = i != 1,
		};

		ok += !vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &mig);
	}
	attacker_check(a, a->small, HOSTILE_ARENA, "all moved, CPU read");
	_exit(ok ? 0 : 1);
}

static bool do_everything(struct attacker *a)
{
	return attacker_wait(attacker_fork(a, move_all, NULL),
			     hostile->bound, NULL) == 0;
}

/* Memory of a file, which is cut off while the device reads it. */
static bool do_file(struct attacker *a)
{
	int fd = attacker_fd(a), file = memfd_create("hostile", MFD_CLOEXEC);
	size_t len = 64 * VT_PAGE, cut = attacker_draw(a, 64) * VT_PAGE;
	bool ok = false;
	char *mem;

	if (file < 0)
		return false;
	mem = ftruncate(file, len) ? MAP_FAILED :
	      mmap(NULL, len, PROT_READ | PROT_WRITE,
		   attacker_draw(a, 2) ? MAP_SHARED : MAP_PRIVATE, file, 0);
	if (mem != MAP_FAILED) {
		attacker_fill(a, a->buf, len);
		ok = !attacker_rw(a, fd, mem, a->buf, len, true);
		attacker_migrate(a, fd, mem, len, attacker_draw(a, 2), 0);
		if (!ftruncate(file, cut) &&
		    !attacker_rw(a, fd, mem, a->buf, cut ?: 1, false))
			attacker_check(a, a->buf, cut, "file, device read");
		munmap(mem, len);
	}
	close(file);
	return ok;
}

/* Memory that not even the kernel may look at. */
static bool do_secret(struct attacker *a)
{
	int fd = attacker_fd(a), file = syscall(SYS_memfd_secret, O_CLOEXEC);
	int ret = -ENODEV;
	char *mem;

	/* Not every kernel has it, or has it turned on. */
	if (file < 0)
		return true;
	mem = ftruncate(file, VT_PAGE) ? MAP_FAILED :
	      mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mem != MAP_FAILED) {
		mem[0] = 1;
		ret = attacker_rw(a, fd, mem, a->buf, VT_PAGE, false);
		if (!ret)
			hostile_found("the device read memfd_secret() memory");
		munmap(mem, VT_PAGE);
	}
	close(file);
	return ret == -EFAULT;
}

const struct hostile_op hostile_ops[] = {
	{ "open and close", 6, do_open },
	{ "migrate", 20, do_migrate },
	{ "device read", 12, do_read },
	{ "device write", 12, do_write },
	{ "CPU touch", 12, do_touch },
	{ "populate", 10, do_populate },
	{ "mostly empty blocks", 6, do_sparse },
	{ "map, look, unmap", 5, do_leaves },
	{ "fill the device", 3, do_fill },
	{ "bad ranges", 10, do_bad },
	{ "snapshot", 6, do_snapshot },
	{ "atomic", 6, do_atomic },
	{ "exclusive", 6, do_exclusive },
	{ "advise", 6, do_advise },
	{ "discard", 6, do_discard },
	{ "pin", 8, do_pin },
	{ "inject refused", 3, do_inject },
	{ "node's pages", 4, do_node },
	{ "change what moves", 8, do_race },
	{ "mlock", 4, do_mlock },
	{ "KSM", 2, do_merge },
	{ "move all there is", 2, do_everything },
	{ "file cut off", 4, do_file },
	{ "memfd_secret", 2, do_secret },
	{ }
};
