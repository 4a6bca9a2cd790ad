/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests that hold the door share: who acts while somebody is paused,
 * when the door may be opened, and how often it was held. The includer has the
 * harness.
 */
#ifndef VSVM_DOOR_H
#define VSVM_DOOR_H

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vsvm_test.h"

/* How often somebody was paused at each point, in all tests; and who acts. */
struct shared {
	unsigned int paused[VT_POINTS_MAX];
	pid_t actor;
	int begun;
	int over;
};

static struct shared *shared;

static void __attribute__((constructor)) make_shared(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void begin_act(void)
{
	__atomic_store_n(&shared->actor, syscall(SYS_gettid), __ATOMIC_RELAXED);
	__atomic_store_n(&shared->begun, 1, __ATOMIC_RELEASE);
}

static void end_act(void)
{
	__atomic_store_n(&shared->over, 1, __ATOMIC_RELEASE);
}

/* Until the act is over, or waits in the kernel for what the paused one has. */
static int act_began(void)
{
	char path[64], text[16];
	ssize_t n;
	int fd;

	while (!__atomic_load_n(&shared->begun, __ATOMIC_ACQUIRE))
		sched_yield();
	snprintf(path, sizeof(path), "/proc/%d/syscall", shared->actor);
	/* When it is not there, the actor has ended. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && !__atomic_load_n(&shared->over, __ATOMIC_ACQUIRE)) {
		n = pread(fd, text, sizeof(text) - 1, 0);
		if (n <= 0 || text[0] != 'r')	/* not "running" */
			break;
		sched_yield();
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

static void count_pause(const char *point)
{
	int i = vt_point_number(point);

	if (i >= 0)
		shared->paused[i]++;
}

/* Says how often somebody was paused where; returns at how many points. */
static int count_pauses(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < vt_points(); i++) {
		if (!shared->paused[i])
			continue;
		n++;
		printf("#@ pauses | %s | %u\n", vt_point(i)->name,
		       shared->paused[i]);
	}
	fflush(stdout);
	return n;
}

#endif /* VSVM_DOOR_H */
