/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a process takes to die, for tests that kill one in the middle of a
 * call.
 *
 * A second is much on a machine of its own and nothing on one that is emulated
 * on a busy host, where a process that only counts may take as long to die. So
 * such a process, with as many threads and as much memory, gets its SIGKILL at
 * the same moment, and the one in the driver may die a second later than that
 * one. Whatever keeps the machine from working keeps both alive; what is left is
 * the driver's own: the work between two looks for a signal, at most a copy of
 * 2 MiB, a fault, or a block on its way home.
 */
#ifndef VSVM_KILL_H
#define VSVM_KILL_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vsvm_test.h"

/* Seconds that the driver may add. */
#define VK_LATE		1.0
#define VK_THREADS	2
#define VK_MEMORY	(16 * VT_MIB)

static inline double vk_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static inline void *vk_spin(void *arg)
{
	volatile unsigned long *n = arg;

	for (;;)
		(*n)++;
	return NULL;
}

static inline int vk_spinner(struct vt_child *c, void *arg)
{
	static unsigned long n[VK_THREADS + 1];
	char *mem = vt_map(VK_MEMORY, VT_SMALL);
	pthread_t thread;
	int i;

	(void)arg;
	if (!mem)
		return 1;
	memset(mem, 1, VK_MEMORY);
	for (i = 0; i < VK_THREADS; i++)
		if (pthread_create(&thread, NULL, vk_spin, &n[i]))
			return 2;
	if (vt_say(c))
		return 3;
	vk_spin(&n[VK_THREADS]);
	return 0;
}

/* When each of two processes was gone, in seconds after @begin. */
static inline int vk_deaths(const pid_t *pid, double begin, double *after)
{
	struct pollfd p[2];
	int i, left = 2, ret = 0;

	for (i = 0; i < 2; i++) {
		p[i].fd = syscall(SYS_pidfd_open, pid[i], 0);
		p[i].events = POLLIN;
		if (p[i].fd < 0)
			ret = -1;
	}
	while (!ret && left) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			ret = -1;
		for (i = 0; i < 2 && !ret; i++) {
			if (p[i].fd < 0 || !(p[i].revents & POLLIN))
				continue;
			after[i] = vk_now() - begin;
			close(p[i].fd);
			p[i].fd = -1;
			left--;
		}
	}
	for (i = 0; i < 2; i++)
		if (p[i].fd >= 0)
			close(p[i].fd);
	return ret;
}

/*
 * Kills a process, and beside it one that spins. 0 when the first died of it,
 * and no more than VK_LATE later than the other.
 */
static inline int vk_kill(struct vt_child *c, const char *what)
{
	struct vt_child spinner;
	double after[2], begin;
	pid_t pid[2];
	int ret;

	if (vt_start(&spinner, vk_spinner, NULL) || vt_hear(&spinner))
		return -1;
	pid[0] = c->pid;
	pid[1] = spinner.pid;
	begin = vk_now();
	ret = kill(pid[0], SIGKILL) || kill(pid[1], SIGKILL) ||
	      vk_deaths(pid, begin, after);
	if (vt_wait(&spinner) != 128 + SIGKILL ||
	    vt_wait(c) != 128 + SIGKILL || ret) {
		fprintf(stderr, "# %s: did not die of SIGKILL\n", what);
		return -1;
	}
	printf("# %s: killed in %.3f s, one that spins in %.3f s\n", what,
	       after[0], after[1]);
	return after[0] <= after[1] + VK_LATE ? 0 : -1;
}

#endif /* VSVM_KILL_H */
