// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvsvm-storm.so: preloaded into a program, it has a thread move the program's anonymous
 * memory to the devices and back, until the program ends. `vsvm run --storm` sets it up.
 *
 * The program is not to notice. So the thread blocks all signals, allocates nothing,
 * prints nothing, and keeps its descriptors at high numbers. It ends when the program
 * closes these. A forked child gets a thread of its own, an exec'ed program as well.
 *
 * VSVM_STORM is "SEED POLICY DEVICES FILE". FILE is mapped: all processes count there.
 *
 * Owns the descriptors, the mapping and the thread. Whatever it reads of /proc/self/maps may
 * be wrong when it is used; the call then moves something else of the program, or nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libvsvm.h"
#include "storm.h"

#define MAX_DEVICES	8
#define FIRST_FD	900	/* programs that count on low numbers get these */
#define PAGE		4096UL
#define PIECE		(2UL << 20)	/* most that one call moves */
#define SWEEP_MAX	(256UL << 20)	/* of the first sweep: some reserve terabytes */
#define MAPS_BYTES	(256 << 10)
#define STACK_BYTES	(64 << 10)

enum policy {
	POLICY_RANDOM,		/* any piece, to anywhere */
	POLICY_SWEEP,		/* all of it there, and all of it back */
};

/* Of this process: the thread's own once that runs. */
static struct {
	struct storm_total *total;
	enum policy policy;
	uint64_t seed;
	unsigned int wanted;	/* devices */
	unsigned int nr;	/* open ones; 0: the program has closed them */
	int fd[MAX_DEVICES];
	uint64_t at;		/* of a sweep */
	bool home;
	char maps[MAPS_BYTES];
	char stack[STACK_BYTES] __attribute__((aligned(4096)));
} storm;

static uint64_t draw(uint64_t below)
{
	uint64_t x = storm.seed += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % below;
}

/* Reads as much of the list of mappings as there is room for. Returns bytes, or 0. */
static size_t read_maps(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	do {
		n = read(fd, storm.maps + len, sizeof(storm.maps) - 1 - len);
		if (n > 0)
			len += n;
	} while (n > 0 && len < sizeof(storm.maps) - 1);
	close(fd);
	storm.maps[len] = 0;
	return len;
}

/* The next mapping that may move, from *@text on; false: there is none. */
static bool next_mapping(char **text, uint64_t *start, uint64_t *end)
{
	char mode[5], *line = *text;
	unsigned long long from, to;

	while (*line) {
		char *newline = strchr(line, '\n');

		if (!newline)
			return false;
		*newline = 0;
		*text = newline + 1;
		/* Of a file's private mapping, what the program changed of it moves. */
		if (sscanf(line, "%llx-%llx %4s", &from, &to, mode) == 3 && !strcmp(mode, "rw-p")) {
			*start = from;
			*end = to;
			return true;
		}
		line = *text;
	}
	return false;
}

/* Bytes of all mappings that may move. */
static uint64_t count_bytes(void)
{
	static char copy[MAPS_BYTES];
	char *text = copy;
	uint64_t start, end, sum = 0;

	memcpy(copy, storm.maps, sizeof(copy));
	while (next_mapping(&text, &start, &end))
		sum += end - start;
	return sum;
}

/* The page of byte @at of these. */
static bool find_byte(uint64_t at, uint64_t *addr, uint64_t *end)
{
	char *text = storm.maps;
	uint64_t start;

	while (next_mapping(&text, &start, end)) {
		if (at < *end - start) {
			*addr = (start + at) / PAGE * PAGE;
			return true;
		}
		at -= *end - start;
	}
	return false;
}

/* Moves a piece from @addr on; returns false when the program closed the descriptor. */
static bool move(uint64_t addr, uint64_t end, int fd, uint32_t target)
{
	struct drm_vsvm_migrate m = {
		.addr = addr,
		.target = target,
	};

	m.len = end - m.addr < PIECE ? end - m.addr : PIECE;
	if (ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &m) && (errno == EBADF || errno == ENOTTY))
		return false;
	__atomic_fetch_add(&storm.total->moved, m.moved, __ATOMIC_RELAXED);
	__atomic_fetch_add(&storm.total->calls, 1, __ATOMIC_RELAXED);
	return true;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The program has as much time to itself as the moves take, on average. */
static void nap(int64_t since)
{
	uint64_t ns = draw(2 * (now() - since) + 1);
	const struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&ts, NULL);
}

static bool step(void)
{
	uint64_t bytes, addr, end;
	bool home;

	if (!read_maps())
		return true;
	bytes = count_bytes();
	if (!bytes)
		return true;
	if (storm.policy == POLICY_SWEEP) {
		if (storm.at >= bytes) {
			storm.at = 0;
			storm.home = !storm.home;
		}
		home = storm.home;
		if (!find_byte(storm.at, &addr, &end))
			return true;
		storm.at += end - addr < PIECE ? end - addr : PIECE;
	} else {
		home = !draw(4);
		if (!find_byte(draw(bytes), &addr, &end))
			return true;
		if (draw(2) && end - addr > 16 * PAGE)
			end = addr + (1 + draw(16)) * PAGE;
	}
	return move(addr, end, storm.fd[draw(storm.nr)],
		    home ? DRM_VSVM_TARGET_SYSTEM : DRM_VSVM_TARGET_DEVICE);
}

/* Moves what there is, once: so a program that ends at once was on the device too. */
static void sweep(void)
{
	uint64_t at = 0, addr, end;

	while (at < SWEEP_MAX && read_maps() && find_byte(at, &addr, &end)) {
		uint64_t len = end - addr < PIECE ? end - addr : PIECE;

		if (!move(addr, end, storm.fd[draw(storm.nr)], DRM_VSVM_TARGET_DEVICE))
			break;
		at += len;
	}
}

static void *blow(void *unused)
{
	int64_t since;

	(void)unused;
	for (since = now(); step(); since = now())
		nap(since);
	storm.nr = 0;
	return NULL;
}

/* Opens a device, with a descriptor that is out of the way. */
static int open_high(unsigned int device)
{
	struct rlimit limit;
	int fd, first = FIRST_FD;
	struct vsvm *v;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < FIRST_FD + MAX_DEVICES)
		first = limit.rlim_cur / 2;
	if (vsvm_open(device, &v))
		return -1;
	fd = fcntl(vsvm_fd(v), F_DUPFD_CLOEXEC, first);
	vsvm_close(v);
	return fd;
}

/* Moves what there is, and starts the thread of a process. Without a device there is none. */
static void start(void)
{
	pthread_attr_t attr;
	unsigned int i;
	pthread_t thread;
	sigset_t all, was;
	int err = errno;

	storm.nr = 0;
	for (i = 0; i < storm.wanted; i++) {
		storm.fd[storm.nr] = open_high(i);
		if (storm.fd[storm.nr] >= 0)
			storm.nr++;
	}
	if (storm.nr) {
		__atomic_fetch_add(&storm.total->processes, 1, __ATOMIC_RELAXED);
		sweep();
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &was);
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, storm.stack, sizeof(storm.stack));
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		pthread_create(&thread, &attr, blow, NULL);
		pthread_attr_destroy(&attr);
		pthread_sigmask(SIG_SETMASK, &was, NULL);
	}
	errno = err;
}

/* Its descriptors belong to the parent's memory. */
static void forked(void)
{
	unsigned int i;

	for (i = 0; i < storm.nr; i++)
		close(storm.fd[i]);
	storm.seed += getpid();
	start();
}

static struct storm_total *map_total(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	struct storm_total *total = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	/* In another namespace the name may be that of another file. */
	if (!fstat(fd, &st) && st.st_size == sizeof(*total))
		total = mmap(NULL, sizeof(*total), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return total != MAP_FAILED && total->magic == STORM_MAGIC ? total : NULL;
}

static void __attribute__((constructor)) begin(void)
{
	const char *text = getenv("VSVM_STORM");
	char policy[16], file[256];
	unsigned long long seed;

	if (!text || sscanf(text, "%llu %15s %u %255s", &seed, policy, &storm.wanted, file) != 4 ||
	    storm.wanted > MAX_DEVICES)
		return;
	storm.total = map_total(file);
	if (!storm.total)
		return;
	storm.seed = seed;
	storm.policy = strcmp(policy, "sweep") ? POLICY_RANDOM : POLICY_SWEEP;
	pthread_atfork(NULL, NULL, forked);
	start();
}
