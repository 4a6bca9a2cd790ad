// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: two threads that wake each other up, by a futex or by eventfds. What stands
 * beside a job of a queue whose end a thread waits for.
 *
 * Owns a thread for a measurement, which shares struct echo with the caller.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define TURNS	200	/* wake-ups in one measurement */

/**
 * struct echo - two threads that wake each other up
 * @call: what the other one does for each wake-up
 * @word: what they wait for: one way, and the other way
 * @fd: the same as eventfds
 * @ret: 0 or an errno of the other one
 */
struct echo {
	int (*call)(struct echo *e, unsigned int i);
	atomic_uint word[2];
	int fd[2];
	int ret;
};

static int futex_wait(atomic_uint *word, unsigned int value)
{
	unsigned int now;

	while ((now = atomic_load(word)) != value)
		if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL,
			    0) && errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

static int futex_wake(atomic_uint *word, unsigned int value)
{
	atomic_store(word, value);
	return syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0 ?
	       -errno : 0;
}

/**
 * bench_event_wait() - wait for an eventfd
 * @fd: the eventfd
 *
 * Return: 0, or a negative errno.
 */
int bench_event_wait(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;
}

static int event_signal(int fd)
{
	uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

static int futex_there(struct echo *e, unsigned int i)
{
	int ret = futex_wake(&e->word[0], i);

	return ret ? ret : futex_wait(&e->word[1], i);
}

static int futex_back(struct echo *e, unsigned int i)
{
	int ret = futex_wait(&e->word[0], i);

	return ret ? ret : futex_wake(&e->word[1], i);
}

static int event_there(struct echo *e, unsigned int i)
{
	int ret = event_signal(e->fd[0]);

	(void)i;
	return ret ? ret : bench_event_wait(e->fd[1]);
}

static int event_back(struct echo *e, unsigned int i)
{
	int ret = bench_event_wait(e->fd[0]);

	(void)i;
	return ret ? ret : event_signal(e->fd[1]);
}

static void *echo_thread(void *arg)
{
	struct echo *e = arg;
	unsigned int i;

	for (i = 1; !e->ret && i <= TURNS; i++)
		e->ret = e->call(e, i);
	return NULL;
}

/* Time from there to back again, the median of many. */
static int echo_time(struct echo *e, int (*there)(struct echo *e, unsigned int i),
		     double *seconds)
{
	double times[TURNS], begin;
	pthread_t thread;
	unsigned int i;
	int ret;

	if (pthread_create(&thread, NULL, echo_thread, e))
		return -EAGAIN;
	for (ret = 0, i = 1; !ret && i <= TURNS; i++) {
		begin = bench_now();
		ret = there(e, i);
		times[i - 1] = bench_now() - begin;
	}
	pthread_join(thread, NULL);
	*seconds = bench_median(times, TURNS);
	return ret ? ret : e->ret;
}

/**
 * bench_futex_time() - measure two threads that wake each other up with a futex
 * @seconds: out, there and back
 *
 * Return: 0, or a negative errno.
 */
int bench_futex_time(double *seconds)
{
	struct echo e = { .call = futex_back };

	return echo_time(&e, futex_there, seconds);
}

/**
 * bench_event_time() - the same with two eventfds
 * @seconds: out, there and back
 *
 * Return: 0, or a negative errno.
 */
int bench_event_time(double *seconds)
{
	struct echo e = {
		.call = event_back,
		.fd = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) },
	};
	int ret = e.fd[0] < 0 || e.fd[1] < 0 ? -errno :
		  echo_time(&e, event_there, seconds);

	close(e.fd[0]);
	close(e.fd[1]);
	return ret;
}
