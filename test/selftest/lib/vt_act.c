// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acts during a pause, and their count, see vt_act.h. Owns a page that all
 * processes of a program share; it is there before the first fork().
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vt.h"
#include "vt_act.h"

static struct {
	unsigned int paused[VT_FAILPOINTS_MAX];
	pid_t actor;
	int begun;
	int over;
} *shared;

static void __attribute__((constructor)) make_shared(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void vt_act_reset(void)
{
	shared->begun = 0;
	shared->over = 0;
}

void vt_act_begin(void)
{
	__atomic_store_n(&shared->actor, syscall(SYS_gettid), __ATOMIC_RELAXED);
	__atomic_store_n(&shared->begun, 1, __ATOMIC_RELEASE);
}

void vt_act_end(void)
{
	__atomic_store_n(&shared->over, 1, __ATOMIC_RELEASE);
}

int vt_act_began(void)
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

void vt_count_pause(const char *failpoint)
{
	int i = vt_failpoint_number(failpoint);

	if (i >= 0)
		shared->paused[i]++;
}

int vt_count_pauses(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < vt_failpoints(); i++) {
		if (!shared->paused[i])
			continue;
		n++;
		printf("#@ pauses | %s | %u\n", vt_failpoint(i)->name,
		       shared->paused[i]);
	}
	fflush(stdout);
	return n;
}
