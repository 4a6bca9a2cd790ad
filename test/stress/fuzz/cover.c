// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the kernel has been for a process, by kcov: the return addresses of what it
 * traces, in the calls of each thread, and in what the driver's threads did for the files
 * that the process opened.
 *
 * All processes share what has been reached so far, a set that only grows. A kernel
 * without kcov reaches nothing.
 *
 * Locks: draining, one for each process. It is private memory, so others than its
 * owner's threads never see it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define KCOV		"/sys/kernel/debug/kcov"
/*
 * What is kept of a step, and of what the driver's threads did meanwhile, in words. What
 * did not fit is counted as cut.
 */
#define OWN_WORDS	(1U << 18)
#define OTHERS_WORDS	(1U << 20)
/* Likewise of one piece of work of a thread of the driver; nobody learns of a cut. */
#define PIECE_WORDS	(1U << 16)

static uint64_t *others;	/* of this process */
static bool draining;

/* Words of a kcov, or NULL. Its file is open as long as the process. */
static uint64_t *open_kcov(int *fd, unsigned long words)
{
	void *at;

	*fd = open(KCOV, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return NULL;
	if (ioctl(*fd, KCOV_INIT_TRACE, words))
		return NULL;
	at = mmap(NULL, words * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

bool fuzz_cover_exists(void)
{
	return !access(KCOV, R_OK | W_OK);
}

/* The handle is inherited by threads, and taken over by files that they open. */
int fuzz_cover_process(unsigned int process)
{
	struct kcov_remote_arg arg = {
		.trace_mode = KCOV_TRACE_PC,
		.area_size = PIECE_WORDS,
		.common_handle = kcov_remote_handle(KCOV_SUBSYSTEM_COMMON, process + 1),
	};
	int fd;

	if (!fuzz_shared->covers)
		return 0;
	others = open_kcov(&fd, OTHERS_WORDS);
	return others && !ioctl(fd, KCOV_REMOTE_ENABLE, &arg) ? 0 : -1;
}

int fuzz_cover_thread(struct fuzz_thread *t)
{
	int fd;

	if (!fuzz_shared->covers)
		return 0;
	t->cover = open_kcov(&fd, OWN_WORDS);
	return t->cover && !ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC) ? 0 : -1;
}

/* Adds to the set. Returns true if it was not there. */
static bool add(uint64_t where)
{
	uint64_t hash = where * 0x9e3779b97f4a7c15ULL >> 32, *slot, was;
	unsigned int tries;

	for (tries = 0; tries < FUZZ_REACHED; tries++) {
		slot = &fuzz_shared->reached[(hash + tries) % FUZZ_REACHED];
		was = __atomic_load_n(slot, __ATOMIC_RELAXED);
		if (was == where)
			return false;
		if (was)
			continue;
		if (__atomic_compare_exchange_n(slot, &was, where, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			__atomic_fetch_add(&fuzz_shared->nr_reached, 1, __ATOMIC_RELAXED);
			return true;
		}
		if (was == where)
			return false;
	}
	return false;
}

/*
 * Takes all that a kcov has, also what a thread of the driver adds meanwhile. Returns how
 * much of it is new.
 */
static unsigned int drain(uint64_t *kcov, uint64_t words)
{
	uint64_t i = 0, n = __atomic_load_n(kcov, __ATOMIC_ACQUIRE);
	unsigned int fresh = 0;

	do {
		for (; i < n && i + 1 < words; i++)
			fresh += add(kcov[i + 1]);
	} while (!__atomic_compare_exchange_n(kcov, &n, 0, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	if (n + 1 >= words)
		__atomic_fetch_add(&fuzz_shared->cuts, 1, __ATOMIC_RELAXED);
	return fresh;
}

unsigned int fuzz_cover_take(struct fuzz_thread *t)
{
	unsigned int fresh;

	if (!t->cover || t->child)
		return 0;
	fresh = drain(t->cover, OWN_WORDS);
	if (others && !__atomic_exchange_n(&draining, true, __ATOMIC_ACQUIRE)) {
		fresh += drain(others, OTHERS_WORDS);
		__atomic_store_n(&draining, false, __ATOMIC_RELEASE);
	}
	return fresh;
}

int fuzz_cover_write(const char *path)
{
	FILE *f = fopen(path, "we");
	unsigned int i;

	if (!f)
		return -errno;
	for (i = 0; i < FUZZ_REACHED; i++)
		if (fuzz_shared->reached[i])
			fprintf(f, "%llx\n", (unsigned long long)fuzz_shared->reached[i]);
	return fclose(f) ? -errno : 0;
}
