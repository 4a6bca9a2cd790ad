// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: does the steps and takes the time of each.
 *
 * Every measurement has memory of its own, made and filled before and unmapped
 * afterwards, so that none depends on where an earlier one left its pages. All
 * of it is done by one process. With two threads each has its own file and half
 * of the memory; the time is from the start of both to the end of the last.
 *
 * Owns the memory and the files of a measurement, for its duration, and one
 * buffer for the process. Threads share nothing but a barrier.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define PAGE		4096UL
#define MAX_THREADS	2
#define SKEW		(37 * PAGE)
#define LONE_SMALL	64	/* lone faults in one measurement */
#define LONE_HUGE	8
#define LONE_STRIDE	(128UL << 10)

typedef int (*call_t)(void *file, char *mem, size_t bytes, char *buf);

/**
 * struct part - what one thread has
 * @file: of the engine
 * @mem: its part of the memory
 * @bytes: of that
 * @buf: its part of the buffer
 * @order: its pages in a random order
 * @call: what to do
 * @ret: 0 or an errno
 * @start: when it began
 * @end: when it was done
 * @barrier: all start together
 */
struct part {
	void *file;
	char *mem;
	size_t bytes;
	char *buf;
	uint32_t *order;
	call_t call;
	int ret;
	double start;
	double end;
	pthread_barrier_t *barrier;
};

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return n % 2 ? values[n / 2] :
		       (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Memory aligned for huge pages, or NULL. What is cut off at the ends goes. */
char *bench_map(size_t bytes, bool huge, int flags)
{
	char *mem = mmap(NULL, bytes + BENCH_HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	size_t before;

	if (mem == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)mem & (BENCH_HUGE - 1);
	if (before)
		munmap(mem, before);
	munmap(mem + before + bytes, BENCH_HUGE - before);
	madvise(mem + before, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return mem + before;
}

static void fill(char *mem, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += PAGE)
		*(volatile uint64_t *)(mem + at) = at + 1;
}

static int check(const char *mem, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += PAGE)
		if (*(const volatile uint64_t *)(mem + at) != at + 1)
			return -EILSEQ;
	return 0;
}

/*
 * The other side of copies, reads and writes; the same pages for all of the
 * process. An emulated processor finds addresses in a table by the low bits of
 * the page's number, and a copy whose two sides meet there at every step takes
 * two to ten times as long. So the buffer is not aligned as the memory is.
 */
static char *buffer(bool huge)
{
	static char *buf[2];

	if (!buf[huge]) {
		buf[huge] = bench_map(BENCH_PIECE + BENCH_HUGE, huge, 0);
		if (!buf[huge])
			return NULL;
		fill(buf[huge], BENCH_PIECE + BENCH_HUGE);
	}
	return buf[huge] + SKEW;
}

/* A page order that is the same every time. */
static uint32_t *shuffled(size_t pages)
{
	uint32_t *order = malloc(pages * sizeof(*order)), swap;
	uint64_t seed = 88172645463325252;
	size_t i, k;

	for (i = 0; order && i < pages; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		k = seed % (i + 1);
		swap = i;
		order[i] = order[k];
		order[k] = swap;
	}
	return order;
}

static int call_in_order(void *file, char *mem, size_t bytes, char *buf)
{
	size_t at;

	(void)file;
	(void)buf;
	for (at = 0; at < bytes; at += PAGE)
		*(volatile char *)(mem + at);
	return 0;
}

static int call_copy(void *file, char *mem, size_t bytes, char *buf)
{
	(void)file;
	memcpy(buf, mem, bytes);
	/* What is never read must be copied all the same. */
	asm volatile("" : : "r" (buf) : "memory");
	return 0;
}

static int run_part(struct part *p)
{
	size_t at, bytes;
	int ret = 0;

	if (!p->call) {
		for (at = 0; at < p->bytes / PAGE; at++)
			*(volatile char *)(p->mem + p->order[at] * PAGE);
		return 0;
	}
	for (at = 0; !ret && at < p->bytes; at += bytes) {
		bytes = p->bytes - at < BENCH_PIECE ? p->bytes - at :
						      BENCH_PIECE;
		ret = p->call(p->file, p->mem + at, bytes, p->buf);
	}
	return ret;
}

static void *run_thread(void *arg)
{
	struct part *p = arg;

	if (p->barrier)
		pthread_barrier_wait(p->barrier);
	p->start = bench_now();
	p->ret = run_part(p);
	p->end = bench_now();
	return NULL;
}

/* Does @call on all parts at once; NULL: touches them in their random order. */
static int run_parts(struct part *parts, unsigned int n, call_t call,
		     double *seconds)
{
	pthread_barrier_t barrier;
	pthread_t threads[MAX_THREADS];
	double start, end;
	unsigned int i;
	int ret;

	pthread_barrier_init(&barrier, NULL, n);
	for (i = 0; i < n; i++) {
		parts[i].call = call;
		parts[i].barrier = n > 1 ? &barrier : NULL;
	}
	for (i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, run_thread, &parts[i]))
			abort();
	run_thread(&parts[0]);
	start = parts[0].start;
	end = parts[0].end;
	ret = parts[0].ret;
	for (i = 1; i < n; i++) {
		pthread_join(threads[i], NULL);
		if (parts[i].start < start)
			start = parts[i].start;
		if (parts[i].end > end)
			end = parts[i].end;
		ret = ret ? ret : parts[i].ret;
	}
	*seconds = end - start;
	pthread_barrier_destroy(&barrier);
	return ret;
}

static void trace(bool on)
{
	int fd = open("/sys/kernel/tracing/tracing_on", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, on ? "1" : "0", 1) != 1)
		abort();
	close(fd);
}

/* Takes the time of a step. */
static int timed(const struct bench_case *c, struct part *parts, call_t call,
		 enum bench_step step, double *t)
{
	bool traced = c->traced & 1U << step;
	int ret;

	if (traced)
		trace(true);
	ret = run_parts(parts, c->threads, call, &t[step]);
	if (traced)
		trace(false);
	return ret;
}

/*
 * Does what has to be done before the next step, one part after the other: when
 * two threads move small pages to the device, each page is an interrupt for the
 * other's processor, which an emulated one may wait for in vain for a minute.
 */
static int untimed(const struct bench_case *c, struct part *parts, call_t call)
{
	unsigned int i;
	double unused;
	int ret = 0;

	for (i = 0; !ret && i < c->threads; i++)
		ret = run_parts(&parts[i], 1, call, &unused);
	return ret;
}

static void close_parts(const struct bench_case *c, struct part *parts)
{
	unsigned int i;

	for (i = 0; i < c->threads; i++) {
		if (parts[i].file)
			c->engine->close(parts[i].file);
		free(parts[i].order);
	}
	munmap(parts[0].mem, c->bytes);
}

/* New memory, filled, and new files, bound to this process by a look. */
static int open_parts(const struct bench_case *c, struct part *parts)
{
	char *buf = buffer(c->huge), *mem;
	size_t part = c->bytes / c->threads;
	unsigned int i;
	int ret = 0;

	mem = buf ? bench_map(c->bytes, c->huge, 0) : NULL;
	if (!mem)
		return -ENOMEM;
	fill(mem, c->bytes);
	for (i = 0; i < c->threads; i++)
		parts[i] = (struct part){
			.mem = mem + i * part,
			.bytes = part,
			.buf = buf + i * (BENCH_PIECE / c->threads),
		};
	for (i = 0; c->engine && !ret && i < c->threads; i++) {
		if (c->steps & STEP(AT_RANDOM))
			parts[i].order = shuffled(part / PAGE);
		ret = c->engine->open(c->device, &parts[i].file);
		if (!ret)
			ret = c->engine->snapshot(parts[i].file, parts[i].mem,
						  PAGE, parts[i].buf);
	}
	if (ret)
		close_parts(c, parts);
	return ret;
}

static int all_on_device(const struct bench_case *c, struct part *parts)
{
	unsigned int i;

	for (i = 0; i < c->threads; i++) {
		size_t want = parts[i].bytes % BENCH_PIECE ? : BENCH_PIECE;

		if (c->engine->on_device(parts[i].file, c->huge) != want)
			return -EUCLEAN;
	}
	return 0;
}

/* The CPU touches memory that went to the device before. */
static int touch(const struct bench_case *c, struct part *parts, call_t call,
		 enum bench_step step, double *t)
{
	int ret = untimed(c, parts, c->engine->to_device);

	return ret ? ret : timed(c, parts, call, step, t);
}

/* An access fills the table, the next one is measured. */
static int hot(const struct bench_case *c, struct part *parts, call_t call,
	       enum bench_step step, double *t)
{
	int ret = untimed(c, parts, call);

	return ret ? ret : timed(c, parts, call, step, t);
}

/* Steps on memory that goes to the device. Nothing is in the table at first. */
static int steps_move(const struct bench_case *c, struct part *parts, double *t)
{
	const struct bench_engine *e = c->engine;
	int ret;

	ret = timed(c, parts, e->to_device, STEP_TO_DEVICE, t);
	if (!ret && (c->steps & STEP(DEVICE_READ) || e->reads_back))
		ret = hot(c, parts, e->read, STEP_DEVICE_READ, t);
	if (e->reads_back)
		t[STEP_TO_DEVICE] -= t[STEP_DEVICE_READ];
	if (!ret && c->steps & STEP(DEVICE_WRITE))
		ret = hot(c, parts, e->write, STEP_DEVICE_WRITE, t);
	if (!ret && c->steps & STEP(DEVICE_SNAPSHOT)) {
		ret = timed(c, parts, e->snapshot, STEP_DEVICE_SNAPSHOT, t);
		if (!ret)
			ret = all_on_device(c, parts);
	}
	if (!ret)
		ret = timed(c, parts, e->home, STEP_HOME, t);
	if (!ret && c->steps & STEP(IN_ORDER))
		ret = touch(c, parts, call_in_order, STEP_IN_ORDER, t);
	if (!ret && c->steps & STEP(AT_RANDOM))
		ret = touch(c, parts, NULL, STEP_AT_RANDOM, t);
	return ret;
}

/* Steps on memory that stays. The table has nothing: the files are new. */
static int steps_access(const struct bench_case *c, struct part *parts,
			double *t)
{
	const struct bench_engine *e = c->engine;
	int ret = 0;

	if (c->steps & STEP(COLD_READ))
		ret = timed(c, parts, e->read, STEP_COLD_READ, t);
	if (!ret && c->steps & STEP(HOT_READ))
		ret = hot(c, parts, e->read, STEP_HOT_READ, t);
	if (!ret && c->steps & STEP(HOT_WRITE))
		ret = hot(c, parts, e->write, STEP_HOT_WRITE, t);
	if (!ret && c->steps & STEP(SNAPSHOT))
		ret = timed(c, parts, e->snapshot, STEP_SNAPSHOT, t);
	return ret;
}

/**
 * bench_steps() - take the time of the steps of a case
 * @c: the case
 * @seconds: out, for each step that was asked for
 *
 * Return: 0; -EBUSY: a page stayed behind; -EUCLEAN: it was not on the device in
 * pages of the wanted size; -EILSEQ: a word was wrong; or another negative errno.
 */
int bench_steps(const struct bench_case *c, double seconds[BENCH_STEPS])
{
	static int (*const steps[])(const struct bench_case *, struct part *,
				    double *) = { steps_move, steps_access };
	struct part parts[MAX_THREADS] = { 0 };
	int ret = 0, i;

	for (i = 0; !ret && i < 2; i++) {
		if (!(c->steps & (i ? STEPS_ACCESS : STEPS_MOVE)))
			continue;
		ret = open_parts(c, parts);
		if (ret)
			return ret;
		ret = steps[i](c, parts, seconds);
		if (!ret)
			ret = check(parts[0].mem, c->bytes);
		close_parts(c, parts);
	}
	return ret;
}

/* The time that the CPU needs to copy as many bytes. The case has no engine. */
int bench_copy(const struct bench_case *c, double *seconds)
{
	struct part parts[MAX_THREADS] = { 0 };
	int ret = open_parts(c, parts);

	if (ret)
		return ret;
	ret = run_parts(parts, c->threads, call_copy, seconds);
	close_parts(c, parts);
	return ret;
}

/*
 * The time of one fault home: a page goes to the device alone, far from others
 * that are there, and the CPU touches it. The median of many.
 */
int bench_lone_faults(const struct bench_case *c, double *seconds)
{
	size_t bytes = c->huge ? BENCH_HUGE : PAGE;
	size_t stride = c->huge ? BENCH_HUGE : LONE_STRIDE;
	unsigned int n = c->huge ? LONE_HUGE : LONE_SMALL, i;
	struct bench_case lone = *c;
	struct part p[MAX_THREADS] = { 0 };
	double times[LONE_SMALL], start;
	int ret;

	lone.bytes = (n * stride + BENCH_HUGE - 1) & ~(BENCH_HUGE - 1);
	ret = open_parts(&lone, p);
	if (ret)
		return ret;
	for (i = 0; !ret && i < n; i++) {
		char *mem = p[0].mem + i * stride;

		if (c->engine)
			ret = c->engine->to_device(p[0].file, mem, bytes,
						   p[0].buf);
		start = bench_now();
		if (c->engine)
			*(volatile char *)mem;
		else
			call_copy(NULL, mem, bytes, p[0].buf);
		times[i] = bench_now() - start;
	}
	close_parts(&lone, p);
	if (!ret)
		*seconds = bench_median(times, n);
	return ret;
}
