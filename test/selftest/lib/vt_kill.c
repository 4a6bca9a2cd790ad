// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kill a process in the middle of a call, see vt_kill.h. Owns the process that
 * spins, which never outlives a call.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vt_kill.h"

/* Seconds that the driver may add. */
#define LATE	1.0
/* What the process that spins has. */
#define THREADS	VT_KILL_THREADS
#define MEMORY	(16 * VT_MIB)

double vt_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static void *spin(void *arg)
{
	volatile unsigned long *n = arg;

	for (;;)
		(*n)++;
	return NULL;
}

static int spinner(struct vt_child *c, void *arg)
{
	static unsigned long n[THREADS + 1];
	char *mem = vt_map(MEMORY, VT_SMALL);
	pthread_t thread;
	int i;

	(void)arg;
	if (!mem)
		return 1;
	memset(mem, 1, MEMORY);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, spin, &n[i]))
			return 2;
	if (vt_say(c))
		return 3;
	spin(&n[THREADS]);
	return 0;
}

/* When each of two processes was gone, in seconds after @begin. */
static int deaths(const pid_t *pid, double begin, double *after)
{
	struct pollfd p[2];
	int i, left = 2, ret = 0;

	for (i = 0; i < 2; i++) {
		p[i].fd = syscall(SYS_pidfd_open, pid[i], 0);
		p[i].events = POLLIN;
		if (p[i].fd < 0)
			ret = vt_wrong("pidfd_open(%d): %s", pid[i],
				       strerror(errno));
	}
	while (!ret && left) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			ret = vt_wrong("poll: %s", strerror(errno));
		for (i = 0; i < 2 && !ret; i++) {
			if (p[i].fd < 0 || !(p[i].revents & POLLIN))
				continue;
			after[i] = vt_now() - begin;
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

int vt_kill(struct vt_child *c, const char *what)
{
	struct vt_child spins;
	double after[2], begin;
	int ret, status[2];
	pid_t pid[2];

	if (vt_start(&spins, spinner, NULL) || vt_hear(&spins))
		return -1;
	pid[0] = c->pid;
	pid[1] = spins.pid;
	begin = vt_now();
	if (kill(pid[0], SIGKILL) || kill(pid[1], SIGKILL))
		ret = vt_wrong("%s: kill: %s", what, strerror(errno));
	else
		ret = deaths(pid, begin, after);
	status[1] = vt_wait(&spins);
	status[0] = vt_wait(c);
	if (status[0] != 128 + SIGKILL || status[1] != 128 + SIGKILL)
		return vt_wrong("%s: did not die of SIGKILL: %d, one that spins: %d",
				what, status[0], status[1]);
	if (ret)
		return ret;
	printf("# %s: killed in %.3f s, one that spins in %.3f s\n", what,
	       after[0], after[1]);
	if (after[0] > after[1] + LATE)
		return vt_wrong("%s: died %.3f s later than one that spins, not %.3f",
				what, after[0] - after[1], LATE);
	return 0;
}
