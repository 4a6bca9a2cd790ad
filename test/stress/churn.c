// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn: what unrelated mmap() and munmap() in a process cost its device faults.
 *
 *	churn [--rounds N] [--threads N] [--pages N]
 *
 * One thread has the device fault on a range again and again. Others map, touch
 * and unmap memory elsewhere, in turns in a process of their own and in the
 * same process. Both load the machine alike, so the ratio of the two rates is
 * what sharing an address space costs, and means the same on any machine. Each
 * figure is the median of the rounds.
 *
 * Two kinds of device fault: a page at a time that the CPU has and the device
 * page table has not, and 2 MiB of memory at once that was never touched. For
 * comparison, a system call that does next to nothing under mmap_lock.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "vt.h"

#define MAX_ROUNDS	101
#define MAX_THREADS	16
#define LEN		VT_HUGE
#define PAGES		(LEN / VT_PAGE)
/* Seconds of device faults in one figure. */
#define WINDOW		0.5

enum where {
	NOWHERE,
	ELSEWHERE,
	HERE,
	WHERES,
};

static struct {
	unsigned int rounds;
	unsigned int threads;
	size_t pages;
} opt = { .rounds = 7, .threads = 1, .pages = 16 };

static struct {
	struct vsvm *v;
	char *mem;
	bool stop;
	/* How often a churning thread went round; shared by all processes. */
	unsigned long *turns;
} run;

static void die(const char *what, int err)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(err));
	exit(1);
}

static void *churn(void *arg)
{
	size_t len = opt.pages * VT_PAGE, at;

	(void)arg;
	while (!__atomic_load_n(&run.stop, __ATOMIC_RELAXED)) {
		char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mem == MAP_FAILED)
			die("mmap", errno);
		for (at = 0; at < len; at += VT_PAGE)
			mem[at] = 1;
		munmap(mem, len);
		__atomic_add_fetch(run.turns, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void churn_start(pthread_t *thread)
{
	unsigned int i;

	run.stop = false;
	for (i = 0; i < opt.threads; i++)
		if (pthread_create(&thread[i], NULL, churn, NULL))
			die("pthread_create", EAGAIN);
}

static void churn_stop(pthread_t *thread)
{
	unsigned int i;

	__atomic_store_n(&run.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < opt.threads; i++)
		pthread_join(thread[i], NULL);
}

static int churn_child(struct vt_child *c, void *arg)
{
	pthread_t thread[MAX_THREADS];

	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	churn_start(thread);
	if (vt_say(c) || vt_hear(c))
		return 1;
	churn_stop(thread);
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Seconds for the device to fault on what the CPU has, page by page. */
static double fault_pages(void)
{
	double begin;
	size_t at;
	long word;
	int ret;

	/* The CPU keeps its pages, the device page table loses them. */
	if (mprotect(run.mem, LEN, PROT_READ) ||
	    mprotect(run.mem, LEN, PROT_READ | PROT_WRITE))
		die("mprotect", errno);
	begin = now();
	for (at = 0; at < LEN; at += VT_PAGE) {
		ret = vsvm_read(run.v, run.mem + at, &word, sizeof(word), NULL);
		if (ret)
			die("device read", -ret);
	}
	return now() - begin;
}

/* Seconds for the device to write to memory that was never touched. */
static double fault_fresh(void)
{
	static char buf[LEN];
	double begin;
	int ret;

	if (madvise(run.mem, LEN, MADV_DONTNEED))
		die("madvise", errno);
	begin = now();
	ret = vsvm_write(run.v, run.mem, buf, LEN, NULL);
	if (ret)
		die("device write", -ret);
	return now() - begin;
}

/* Seconds for as many calls that take mmap_lock for reading, and no more. */
static double take_lock(void)
{
	double begin = now();
	unsigned char in;
	size_t at;

	for (at = 0; at < LEN; at += VT_PAGE)
		if (mincore(run.mem + at, VT_PAGE, &in))
			die("mincore", errno);
	return now() - begin;
}

static double one_round(enum where where, double (*faults)(void))
{
	pthread_t thread[MAX_THREADS];
	struct vt_child c;
	double seconds = 0;
	int sweeps;

	memset(run.mem, 1, LEN);
	if (where == HERE)
		churn_start(thread);
	if (where == ELSEWHERE &&
	    (vt_start(&c, churn_child, NULL) || vt_hear(&c)))
		exit(1);
	for (sweeps = 0; seconds < WINDOW; sweeps++)
		seconds += faults();
	if (where == HERE)
		churn_stop(thread);
	if (where == ELSEWHERE && (vt_say(&c) || vt_wait(&c)))
		exit(1);
	return sweeps * PAGES / seconds;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const char *name, double (*faults)(void))
{
	double rate[WHERES][MAX_ROUNDS], median[WHERES];
	unsigned long turns[WHERES] = {};
	unsigned int i;
	int where;

	for (i = 0; i < opt.rounds; i++) {
		for (where = 0; where < WHERES; where++) {
			*run.turns = 0;
			rate[where][i] = one_round(where, faults);
			turns[where] += *run.turns;
		}
	}
	for (where = 0; where < WHERES; where++) {
		qsort(rate[where], opt.rounds, sizeof(rate[where][0]),
		      ascending);
		median[where] = rate[where][opt.rounds / 2];
	}
	printf("%-8s %12.0f %12.0f %12.0f %8.2f %12lu\n", name,
	       median[NOWHERE], median[ELSEWHERE], median[HERE],
	       median[HERE] / median[ELSEWHERE],
	       turns[HERE] / opt.rounds);
	fflush(stdout);
}

static unsigned long number(const char *text, unsigned long max)
{
	unsigned long n = strtoul(text, NULL, 0);

	if (!n || n > max)
		die(text, EINVAL);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "threads", required_argument, NULL, 't' },
		{ "pages", required_argument, NULL, 'p' },
		{}
	};
	int c, ret;

	while ((c = getopt_long(argc, argv, "r:t:p:", options, NULL)) != -1) {
		if (c == 'r')
			opt.rounds = number(optarg, MAX_ROUNDS);
		else if (c == 't')
			opt.threads = number(optarg, MAX_THREADS);
		else if (c == 'p')
			opt.pages = number(optarg, 1 << 16);
		else
			return 2;
	}
	ret = vsvm_open(0, &run.v);
	if (ret)
		die("vsvm", -ret);
	run.mem = vt_map(LEN, VT_SMALL);
	run.turns = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!run.mem || run.turns == MAP_FAILED)
		die("memory", ENOMEM);

	printf("device faults, pages a second; churn: %u threads, %zu pages\n",
	       opt.threads, opt.pages);
	printf("%-8s %12s %12s %12s %8s %12s\n", "fault", "no churn",
	       "elsewhere", "same mm", "ratio", "churn turns");
	measure("page", fault_pages);
	measure("fresh", fault_fresh);
	measure("mincore", take_lock);
	return 0;
}
