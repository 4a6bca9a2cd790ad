// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what the device does by itself, from its queues. Each row has a time, and
 * beside it that of something else which does as much: a plain copy, the READ ioctl, one
 * queue in place of two, two threads that wake each other up. Both are measured in each
 * round, and what memory holds is checked after each, outside of what is timed.
 *
 * Owns two ranges of 64 MiB and a handle with two queues, for the rows of one size of
 * pages.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define PAGE		4096UL
#define BYTES		(64UL << 20)
#define WORDS		(BYTES / sizeof(uint64_t))
#define SKEW		(37 * PAGE)	/* see buffer() in bench_steps.c, and populate() */
#define QUEUES		2
#define MAX_ROUNDS	100
#define SLOTS		1024U
#define JOBS		(BYTES / PAGE)
#define TURNS		200	/* empty jobs in one measurement */
#define FAULTS		64	/* lone faults in one measurement */
#define FAULT_STRIDE	(128UL << 10)
#define BUSY		1000U	/* copies that keep a queue busy for longer than that */
#define PATIENCE	60	/* seconds for what takes much less */

/**
 * struct run - what the rows of one size of pages share
 * @device: number of the device
 * @huge: the pages are huge
 * @v: handle
 * @queue: its queues
 * @fence: a word for each, in a page without other data
 * @value: of the last fence of either
 * @from: what is copied, word i has i + 1
 * @to: where to
 */
struct run {
	unsigned int device;
	bool huge;
	struct vsvm *v;
	uint32_t queue[QUEUES];
	uint64_t *fence;
	uint64_t value;
	char *from;
	char *to;
};

/* Takes both times of a row, in seconds. */
typedef int (*measure_t)(struct run *r, double *own, double *beside);

/* One line of the table. */
struct line {
	char work[28];
	char page[4];
	char unit[4];
	double time;
	char beside[24];
	double beside_time;
	double ratio;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "work of a queue            ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(unit, "unit", FIELD_TEXT),
	COLUMN(time, "     time", FIELD_REAL),
	COLUMN(beside, "beside                 ", FIELD_TEXT),
	COLUMN(beside_time, " its time", FIELD_REAL),
	{ "over_beside", " its time/time", FIELD_REAL, offsetof(struct line, ratio) },
	{ 0 },
};

static void sleep_us(long us)
{
	struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

/* For loops that a device which does nothing would keep going. */
static int in_time(double start)
{
	return bench_now() - start > PATIENCE ? -ETIME : 0;
}

static int wait_fence(struct run *r, unsigned int i, uint64_t value)
{
	return vsvm_wait(r->v, &r->fence[i], value, ~0ULL, DRM_VSVM_WAIT_EQ,
			 vsvm_deadline(PATIENCE * 1000000000LL), r->queue[i]);
}

/* Submits a command and a fence to a queue. */
static int submit(struct run *r, unsigned int i, struct drm_vsvm_command command,
		  uint64_t value)
{
	struct drm_vsvm_command job[] = {
		command, vsvm_cmd_signal(&r->fence[i], value, -1),
	};

	return vsvm_submit(r->v, r->queue[i], job, ARRAY_SIZE(job), NULL);
}

/* Has the first queue do a command, from the call to the end of the wait. */
static int timed(struct run *r, struct drm_vsvm_command command, double *seconds)
{
	uint64_t value = ++r->value;
	double start = bench_now();
	int ret;

	ret = submit(r, 0, command, value);
	if (!ret)
		ret = wait_fence(r, 0, value);
	*seconds = bench_now() - start;
	return ret;
}

/* Bytes that are not those of any result. */
static void spoil(struct run *r)
{
	memset(r->to, 0xa5, BYTES);
}

static int check_copy(const struct run *r)
{
	return memcmp(r->from, r->to, BYTES) ? -EILSEQ : 0;
}

static int check_fill(const struct run *r, uint64_t value)
{
	const uint64_t *words = (void *)r->to;
	size_t i;

	for (i = 0; i < WORDS; i++)
		if (words[i] != value)
			return -EILSEQ;
	return 0;
}

/* What is never read must be stored all the same. */
static void keep(const void *mem)
{
	asm volatile("" : : "r" (mem) : "memory");
}

static void copy_by_cpu(struct run *r, double *seconds)
{
	double start = bench_now();

	memcpy(r->to, r->from, BYTES);
	keep(r->to);
	*seconds = bench_now() - start;
}

static int measure_copy(struct run *r, double *own, double *beside)
{
	int ret;

	spoil(r);
	copy_by_cpu(r, beside);
	spoil(r);
	ret = timed(r, vsvm_cmd_copy(r->to, r->from, BYTES), own);
	return ret ? ret : check_copy(r);
}

static int fill_beside(struct run *r, uint64_t value, uint32_t size, double *own,
		       double *beside)
{
	double start;
	int ret;

	spoil(r);
	start = bench_now();
	memset(r->to, 0x5a, BYTES);
	keep(r->to);
	*beside = bench_now() - start;
	spoil(r);
	ret = timed(r, vsvm_cmd_fill(r->to, BYTES, value, size), own);
	return ret ? ret : check_fill(r, size == 1 ? value * 0x0101010101010101 :
						     value);
}

static int measure_fill(struct run *r, double *own, double *beside)
{
	return fill_beside(r, 0x5a, 1, own, beside);
}

static int measure_fill_words(struct run *r, double *own, double *beside)
{
	return fill_beside(r, 0x123456789abcdef, 8, own, beside);
}

static void stop(struct run *r)
{
	vsvm_close(r->v);
	r->v = NULL;
}

/* A new file: nothing is in its device page table. */
static int start(struct run *r)
{
	unsigned int i;
	int ret;

	ret = vsvm_open(r->device, &r->v);
	for (i = 0; !ret && i < QUEUES; i++)
		ret = vsvm_queue_create(r->v, DRM_VSVM_PRIORITY_NORMAL, SLOTS,
					&r->queue[i]);
	if (ret)
		stop(r);
	return ret;
}

static int cold_read(struct run *r, double *seconds)
{
	double begin;
	int ret;

	begin = bench_now();
	ret = vsvm_read(r->v, r->from, r->to, BYTES, NULL);
	*seconds = bench_now() - begin;
	return ret ? ret : check_copy(r);
}

/*
 * Both have a file of their own for it. READ finds its buffer without the device; the
 * device needs what it copies to in its table. @source: that is there already.
 */
static int cold_beside(struct run *r, bool source, double *own, double *beside)
{
	double unused;
	struct run cold = *r;
	int ret;

	spoil(r);
	ret = start(&cold);
	if (!ret)
		ret = cold_read(&cold, beside);
	stop(&cold);
	spoil(r);
	if (!ret)
		ret = start(&cold);
	if (!ret && source)
		ret = timed(&cold, vsvm_cmd_fill(r->to, BYTES, 0, 8), &unused);
	if (!ret)
		ret = timed(&cold, vsvm_cmd_copy(r->to, r->from, BYTES), own);
	stop(&cold);
	r->value = cold.value;
	return ret ? ret : check_copy(r);
}

static int measure_cold(struct run *r, double *own, double *beside)
{
	return cold_beside(r, false, own, beside);
}

static int measure_cold_source(struct run *r, double *own, double *beside)
{
	return cold_beside(r, true, own, beside);
}

static int copy_halves(struct run *r, double *seconds)
{
	uint64_t value = ++r->value;
	double begin = bench_now();
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++) {
		size_t at = i * (BYTES / QUEUES);

		ret = submit(r, i, vsvm_cmd_copy(r->to + at, r->from + at,
						 BYTES / QUEUES), value);
	}
	for (i = 0; !ret && i < QUEUES; i++)
		ret = wait_fence(r, i, value);
	*seconds = bench_now() - begin;
	return ret;
}

static int measure_two(struct run *r, double *own, double *beside)
{
	int ret;

	ret = timed(r, vsvm_cmd_copy(r->to, r->from, BYTES), beside);
	spoil(r);
	if (!ret)
		ret = copy_halves(r, own);
	return ret ? ret : check_copy(r);
}

/* What this machine gives, for the row before. */
static int measure_threads(struct run *r, double *own, double *beside)
{
	struct bench_case c = {
		.threads = 1,
		.huge = r->huge,
		.bytes = BYTES,
	};
	int ret = bench_copy(&c, beside);

	c.threads = 2;
	return ret ? ret : bench_copy(&c, own);
}

/* Ways to find out that a fence is stored. */
static int see_by_spinning(struct run *r, int event)
{
	double begin = bench_now();
	unsigned int i;
	int ret = 0;

	(void)event;
	for (i = 1; !ret && __atomic_load_n(r->fence, __ATOMIC_ACQUIRE) != r->value; i++)
		if (!(i % 65536))
			ret = in_time(begin);
	return ret;
}

static int see_by_wait(struct run *r, int event)
{
	(void)event;
	return wait_fence(r, 0, r->value);
}

static int see_by_event(struct run *r, int event)
{
	int ret = bench_event_wait(event);

	return ret ? ret : *(volatile uint64_t *)r->fence == r->value ? 0 : -EILSEQ;
}

/* The time of a job that has a fence and nothing else, the median of many. */
static int empty_jobs(struct run *r, int (*see)(struct run *r, int event), int event,
		      double *seconds)
{
	struct drm_vsvm_command job;
	double times[TURNS], begin;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < TURNS; i++) {
		job = vsvm_cmd_signal(r->fence, ++r->value, event);
		begin = bench_now();
		ret = vsvm_submit(r->v, r->queue[0], &job, 1, NULL);
		if (!ret)
			ret = see(r, event);
		times[i] = bench_now() - begin;
	}
	*seconds = bench_median(times, TURNS);
	return ret;
}

static int measure_spin(struct run *r, double *own, double *beside)
{
	int ret = bench_futex_time(beside);

	return ret ? ret : empty_jobs(r, see_by_spinning, -1, own);
}

static int measure_wait(struct run *r, double *own, double *beside)
{
	int ret = bench_futex_time(beside);

	return ret ? ret : empty_jobs(r, see_by_wait, -1, own);
}

static int measure_event(struct run *r, double *own, double *beside)
{
	int ret = bench_event_time(beside), event;

	if (ret)
		return ret;
	event = eventfd(0, EFD_CLOEXEC);
	if (event < 0)
		return -errno;
	ret = empty_jobs(r, see_by_event, event, own);
	close(event);
	return ret;
}

/* A queue that is full has room a little later. */
static int submit_patiently(struct run *r, const struct drm_vsvm_command *job,
			    uint32_t n)
{
	double begin = bench_now();
	int ret;

	for (;;) {
		ret = vsvm_submit(r->v, r->queue[0], job, n, NULL);
		if (ret != -EAGAIN)
			return ret;
		ret = in_time(begin);
		if (ret)
			return ret;
		sleep_us(200);
	}
}

static int copy_pages(struct run *r, double *seconds)
{
	struct drm_vsvm_command job[2];
	double begin = bench_now();
	size_t i;
	int ret = 0;

	job[1] = vsvm_cmd_signal(r->fence, ++r->value, -1);
	for (i = 0; !ret && i < JOBS; i++) {
		job[0] = vsvm_cmd_copy(r->to + i * PAGE, r->from + i * PAGE, PAGE);
		ret = submit_patiently(r, job, i == JOBS - 1 ? 2 : 1);
	}
	if (!ret)
		ret = wait_fence(r, 0, r->value);
	*seconds = bench_now() - begin;
	return ret;
}

static int measure_jobs(struct run *r, double *own, double *beside)
{
	int ret;

	spoil(r);
	copy_by_cpu(r, beside);
	spoil(r);
	ret = copy_pages(r, own);
	return ret ? ret : check_copy(r);
}

/*
 * See bench_lone_faults() in bench_steps.c; the queues' file has the pages. The thread
 * sleeps before it touches one, so that engines have both processors then.
 */
static int lone_faults(struct run *r, double *seconds)
{
	char *mem = bench_map(FAULTS * FAULT_STRIDE, false, 0);
	struct drm_vsvm_migrate result;
	double times[FAULTS], begin;
	int ret = mem ? 0 : -ENOMEM;
	volatile uint64_t *word;
	uint64_t seen;
	unsigned int i;

	for (i = 0; !ret && i < FAULTS; i++) {
		word = (void *)(mem + i * FAULT_STRIDE);
		*word = i + 1;
		ret = vsvm_migrate(r->v, (void *)word, PAGE, DRM_VSVM_TARGET_DEVICE, 0,
				   &result);
		if (!ret && result.moved != PAGE)
			ret = -EBUSY;
		sleep_us(1000);
		begin = bench_now();
		seen = *word;
		times[i] = bench_now() - begin;
		if (!ret && seen != i + 1)
			ret = -EILSEQ;
	}
	if (mem)
		munmap(mem, FAULTS * FAULT_STRIDE);
	*seconds = bench_median(times, FAULTS);
	return ret;
}

/* Gives each queue work that it does not end before the queue is destroyed. */
static int keep_busy(struct run *r)
{
	struct drm_vsvm_command *job = calloc(BUSY, sizeof(*job));
	unsigned int i, k;
	int ret = job ? 0 : -ENOMEM;

	for (i = 0; !ret && i < QUEUES; i++) {
		size_t at = i * (BYTES / QUEUES);

		for (k = 0; k < BUSY; k++)
			job[k] = vsvm_cmd_copy(r->to + at, r->from + at,
					       BYTES / QUEUES);
		ret = vsvm_submit(r->v, r->queue[i], job, BUSY, NULL);
	}
	free(job);
	return ret;
}

/* Time that each queue has had an engine so far. */
static int busy_times(struct run *r, uint64_t busy[QUEUES])
{
	struct drm_vsvm_queue_status status;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++) {
		ret = vsvm_queue_status(r->v, r->queue[i], &status);
		busy[i] = status.busy;
	}
	return ret;
}

static bool is_done(struct run *r, unsigned int i)
{
	struct drm_vsvm_queue_status status;

	return vsvm_queue_status(r->v, r->queue[i], &status) ||
	       status.done == status.submitted;
}

/* Faults from when all queues run on, and all of them have to run meanwhile. */
static int busy_faults(struct run *r, double *seconds)
{
	uint64_t before[QUEUES], begun[QUEUES], after[QUEUES];
	double begin = bench_now();
	unsigned int i;
	int ret;

	ret = busy_times(r, before);
	if (!ret)
		ret = keep_busy(r);
	for (i = 0; !ret && i < QUEUES; ) {
		sleep_us(200);
		ret = busy_times(r, begun) ? : in_time(begin);
		if (begun[i] > before[i])
			i++;
	}
	if (!ret)
		ret = lone_faults(r, seconds);
	if (!ret)
		ret = busy_times(r, after);
	for (i = 0; !ret && i < QUEUES; i++)
		if (after[i] <= begun[i] || is_done(r, i))
			ret = -ENODATA;
	return ret;
}

/* Both with tables that are hot, so that engines never wait for the fault worker. */
static int measure_fault(struct run *r, double *own, double *beside)
{
	struct run busy = *r;
	double unused;
	int ret;

	ret = start(&busy);
	if (ret)
		return ret;
	ret = timed(&busy, vsvm_cmd_copy(r->to, r->from, BYTES), &unused);
	if (!ret)
		ret = lone_faults(&busy, beside);
	spoil(r);
	if (!ret)
		ret = busy_faults(&busy, own);
	stop(&busy);
	r->value = busy.value;
	return ret;
}

/**
 * struct copier - a thread that copies as an engine does
 * @thread: the thread
 * @from: what it copies
 * @to: where to
 * @rounds: how often it did
 * @end: it has to end
 */
struct copier {
	pthread_t thread;
	const char *from;
	char *to;
	atomic_uint rounds;
	atomic_bool end;
};

static void *copier_thread(void *arg)
{
	struct copier *c = arg;

	/* As engines; this is of the thread alone. */
	if (setpriority(PRIO_PROCESS, gettid(), 19))
		return NULL;
	while (!atomic_load(&c->end)) {
		memcpy(c->to, c->from, BYTES / QUEUES);
		keep(c->to);
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

/* As busy_faults(), with threads of this process in place of engines. */
static int thread_faults(struct run *r, double *seconds)
{
	struct copier copiers[QUEUES] = { 0 };
	double begin = bench_now();
	unsigned int i, n, done;
	int ret = 0;

	for (n = 0; !ret && n < QUEUES; n++) {
		copiers[n].from = r->from + n * (BYTES / QUEUES);
		copiers[n].to = r->to + n * (BYTES / QUEUES);
		if (pthread_create(&copiers[n].thread, NULL, copier_thread, &copiers[n])) {
			ret = -EAGAIN;
			break;
		}
	}
	for (i = 0; !ret && i < QUEUES; ) {
		sleep_us(200);
		ret = in_time(begin);
		if (atomic_load(&copiers[i].rounds))
			i++;
	}
	if (!ret)
		ret = lone_faults(r, seconds);
	for (i = 0; i < n; i++) {
		done = atomic_load(&copiers[i].rounds);
		atomic_store(&copiers[i].end, true);
		pthread_join(copiers[i].thread, NULL);
		if (!ret && !done)
			ret = -ENODATA;
	}
	return ret;
}

/* What this machine gives, for the row before: a fault needs a processor, too. */
static int measure_fault_threads(struct run *r, double *own, double *beside)
{
	int ret = lone_faults(r, beside);

	return ret ? ret : thread_faults(r, own);
}

#define MS	1e3
#define US	1e6

static const struct row {
	const char *key;	/* on the command line */
	const char *name;
	const char *beside;
	double unit;
	bool both;		/* with small and with huge pages */
	measure_t measure;
} rows[] = {
	{ "copy", "copy, hot", "memcpy", MS, true, measure_copy },
	{ "fill", "fill with bytes, hot", "memset", MS, true, measure_fill },
	{ "fill-words", "fill with words, hot", "memset", MS, true, measure_fill_words },
	{ "cold-copy", "copy, table cold", "READ, table cold", MS, true, measure_cold },
	{ "cold-source", "copy, source cold", "READ, table cold", MS, true,
	  measure_cold_source },
	{ "two", "copy by two queues", "by one", MS, true, measure_two },
	{ "threads", "memcpy by two threads", "by one", MS, true, measure_threads },
	{ "spin", "empty job, CPU spins", "futex, there and back", US, false, measure_spin },
	{ "wait", "empty job, WAIT", "futex, there and back", US, false, measure_wait },
	{ "eventfd", "empty job, eventfd", "eventfd, there and back", US, false,
	  measure_event },
	{ "jobs", "16384 jobs of 4 KiB", "memcpy", MS, false, measure_jobs },
	{ "fault", "lone fault, engines busy", "engines idle", US, false, measure_fault },
	{ "fault-threads", "lone fault, threads busy", "threads idle", US, false,
	  measure_fault_threads },
};

/* A bit for each row; 0: there is none with that name. */
unsigned int bench_queue_row(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].key, key))
			return 1U << i;
	return 0;
}

static void print_line(const struct run *r, const struct row *row, double own,
		       double beside, struct json_object *out)
{
	struct line line = {
		.time = own * row->unit,
		.beside_time = beside * row->unit,
		.ratio = beside / own,
	};

	snprintf(line.work, sizeof(line.work), "%s", row->name);
	snprintf(line.page, sizeof(line.page), "%s", r->huge ? "2M" : "4K");
	snprintf(line.unit, sizeof(line.unit), "%s", row->unit == MS ? "ms" : "us");
	snprintf(line.beside, sizeof(line.beside), "%s", row->beside);
	if (out)
		json_object_array_add(out, fields_json(columns, &line));
	else
		fields_row(columns, &line, stdout);
	fflush(stdout);
}

/* The first round fills tables, and does not count. */
static int run_row(struct run *r, const struct row *row, unsigned int rounds,
		   struct json_object *out)
{
	double own[MAX_ROUNDS], beside[MAX_ROUNDS];
	unsigned int i;
	int ret;

	ret = row->measure(r, &own[0], &beside[0]);
	for (i = 0; !ret && i < rounds; i++)
		ret = row->measure(r, &own[i], &beside[i]);
	if (ret) {
		complain(ret, "%s, %s pages", row->name, r->huge ? "huge" : "small");
		return ret;
	}
	print_line(r, row, bench_median(own, rounds), bench_median(beside, rounds), out);
	return 0;
}

static void run_close(struct run *r, char *buf)
{
	stop(r);
	if (r->from)
		munmap(r->from, BYTES);
	if (buf)
		munmap(buf, BYTES + BENCH_HUGE);
	if (r->fence)
		munmap(r->fence, BENCH_HUGE);
}

/*
 * Fills both ranges from their first page on. The device copies by where pages are in
 * memory, and there, too, one range is not aligned as the other as far as the kernel
 * gives pages out in order.
 */
static void populate(struct run *r, char *buf)
{
	uint64_t *words = (void *)r->from;
	size_t i;

	for (i = 0; i < WORDS; i++)
		words[i] = i + 1;
	memset(buf, 0, BYTES + BENCH_HUGE);
	r->to = buf + SKEW;
}

static int run_pages(const struct bench_queue *opts, bool huge, struct json_object *out)
{
	char *buf = bench_map(BYTES + BENCH_HUGE, huge, 0);
	struct run r = {
		.device = opts->device,
		.huge = huge,
		.from = bench_map(BYTES, huge, 0),
		.fence = (void *)bench_map(BENCH_HUGE, false, 0),
	};
	int ret = buf && r.from && r.fence ? start(&r) : -ENOMEM;
	size_t i;

	if (!ret)
		populate(&r, buf);
	for (i = 0; !ret && i < ARRAY_SIZE(rows); i++)
		if (opts->rows & 1U << i && (rows[i].both || !huge))
			ret = run_row(&r, &rows[i], opts->rounds, out);
	run_close(&r, buf);
	return ret;
}

/**
 * bench_queue() - print the table of what the device does by itself
 * @opts: what of it
 * @out: JSON array that gets the lines, or NULL: text to stdout
 *
 * Return: 0; -EILSEQ: a result was wrong; -ETIME: a fence was not stored; -ENODATA: the
 * queues were not busy when they should be; or another negative errno.
 */
int bench_queue(const struct bench_queue *opts, struct json_object *out)
{
	int ret = 0, huge;

	if (!out)
		fields_head(columns, stdout);
	for (huge = 0; !ret && huge < 2; huge++)
		if (opts->pages & (huge ? 2 : 1))
			ret = run_pages(opts, huge, out);
	return ret;
}
