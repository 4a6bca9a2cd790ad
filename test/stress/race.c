// SPDX-License-Identifier: GPL-2.0-only
/*
 * race: everything at once on the same pages, with checked values.
 *
 *	race [--seconds N] [--seed N] [--threads N]
 *
 * Threads write through the device and through the CPU, migrate both ways, fork
 * children that check and scribble, mprotect(), unmap and map, and add with
 * ATOMIC and with the CPU's own atomics. Half of what the device does is a call, the
 * other half a job in a queue of the thread. The seed, printed first, replays the
 * same stream of operations of each thread; how they interleave is up to the
 * scheduler.
 *
 * Why each check is right:
 *
 * - Every page has SLOTS slots of words. A slot belongs to one writer thread in
 *   all pages. A word says its owner, its place and a sequence number, so a
 *   torn or misplaced one shows.
 * - The owner has the only write to a word: what it reads back, through CPU or
 *   device, is exactly what it wrote last.
 * - For others, the owner publishes a word's sequence number in "begun" before
 *   the write, and in "done" after. A reader loads "done" first and
 *   "begun" last; the word has to be between. A word that the device is writing
 *   at that moment may be half written: 8 bytes are not one step for READ and
 *   WRITE. To a child it may not: fork() waits for the device.
 * - Pages of the wild part are unmapped now and then, and become zero. A
 *   generation, odd while that goes on, tells the owner whether zero may be.
 *   An older value than the last is never right.
 * - Access that is refused because of a protection or a hole of the moment is
 *   tried again until it succeeds: protections and holes do not last.
 * - The last slot has counters. What is there at the end is what was added.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vt.h"

#define SMALL_PAGES	32
#define LARGE_PAGES	512
#define WILD_PAGES	32
#define PAGES		(SMALL_PAGES + LARGE_PAGES + WILD_PAGES)
#define STABLE_PAGES	(SMALL_PAGES + LARGE_PAGES)

#define PAGE_WORDS	(VT_PAGE / 8)
#define SLOTS		16
#define SLOT_WORDS	(PAGE_WORDS / SLOTS)
#define COUNTER_WORD	((SLOTS - 1) * SLOT_WORDS)
#define MAX_THREADS	((SLOTS - 1) / 2)
#define WILD_GRAIN	4	/* pages that are unmapped together */

/* What a word's owner says of it, in memory that children share. */
struct account {
	uint32_t begun[PAGES][PAGE_WORDS];
	uint32_t done[PAGES][PAGE_WORDS];
	uint32_t generation[WILD_PAGES / WILD_GRAIN];
	uint32_t failed;
};

struct thread {
	pthread_t thread;
	const char *name;
	void (*step)(struct thread *t);
	struct vsvm *v;
	unsigned int slot;
	bool device;
	uint64_t random;
	uint64_t ops;
	uint64_t jobs;
	uint64_t retries;
	uint32_t queue;		/* 0: it has none now */
	uint64_t fence;
	uint64_t added[STABLE_PAGES][2];	/* 8 and 4 bytes */
};

static char *small, *large, *wild;
static struct account *account;
static uint32_t (*floor_of)[PAGE_WORDS];	/* the forker's copy of done */
static bool stop;
static bool in_child;

#define load(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_SEQ_CST)

static void __attribute__((format(printf, 1, 2))) broken(const char *fmt, ...)
{
	va_list args;

	/* The first finding is the one that counts. */
	if (__atomic_exchange_n(&account->failed, 1, __ATOMIC_SEQ_CST))
		return;
	va_start(args, fmt);
	fprintf(stderr, "race: %s", in_child ? "child: " : "");
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

static uint64_t draw(struct thread *t, uint64_t below)
{
	uint64_t x = t->random += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % below;
}

static char *page_at(unsigned int page)
{
	if (page < SMALL_PAGES)
		return small + page * VT_PAGE;
	if (page < STABLE_PAGES)
		return large + (page - SMALL_PAGES) * VT_PAGE;
	return wild + (page - STABLE_PAGES) * VT_PAGE;
}

/* One part of the memory, then a page in it: the small parts are hot. */
static unsigned int draw_page(struct thread *t, bool stable)
{
	unsigned int part = draw(t, stable ? 2 : 3);
	uint64_t x = draw(t, LARGE_PAGES);

	if (part == 0)
		return x % SMALL_PAGES;
	if (part == 1)
		return SMALL_PAGES + x;
	return STABLE_PAGES + x % WILD_PAGES;
}

/* owner, place and sequence number; never 0. */
static uint64_t make_word(unsigned int page, unsigned int i, uint32_t seq)
{
	uint32_t mix = (page * PAGE_WORDS + i) * 0x9e3779b1U ^ seq * 0x85ebca6bU;

	return (uint64_t)(mix ^ mix >> 15) << 32 | seq;
}

static bool is_word(unsigned int page, unsigned int i, uint64_t word)
{
	return word == make_word(page, i, word);
}

/* A protection or a hole of the moment. */
static bool passing(struct thread *t, int ret)
{
	if (ret != -EPERM && ret != -EFAULT && ret != -EBUSY)
		return false;
	t->retries++;
	sched_yield();
	return true;
}

/* Why a queue is lost; it is destroyed. */
static int lost_by(struct thread *t)
{
	struct drm_vsvm_queue_status s = {};
	int ret = vsvm_queue_status(t->v, t->queue, &s);

	if (!ret)
		ret = vsvm_queue_destroy(t->v, t->queue);
	t->queue = 0;
	return ret ? ret : -(int)s.error;
}

/* Has the device do a command by itself. */
static int do_job(struct thread *t, struct drm_vsvm_command command)
{
	struct drm_vsvm_command job[] = {
		command, vsvm_cmd_signal(&t->fence, t->fence + 1, -1)
	};
	int ret = 0;

	if (!t->queue)
		ret = vsvm_queue_create(t->v, DRM_VSVM_PRIORITY_NORMAL, 2,
					&t->queue);
	if (!ret)
		ret = vsvm_submit(t->v, t->queue, job, VT_COUNT(job), NULL);
	if (!ret)
		ret = vsvm_wait(t->v, &t->fence, job[1].signal.value, ~0ULL,
				DRM_VSVM_WAIT_EQ, VSVM_NO_DEADLINE, t->queue);
	t->jobs++;
	return ret == -EIO ? lost_by(t) : ret;
}

static int device_copy_once(struct thread *t, char *at, void *buf, size_t len,
			    bool write)
{
	if (draw(t, 2))
		return do_job(t, write ? vsvm_cmd_copy(at, buf, len) :
					 vsvm_cmd_copy(buf, at, len));
	return write ? vsvm_write(t->v, at, buf, len, NULL) :
		       vsvm_read(t->v, at, buf, len, NULL);
}

static void device_copy(struct thread *t, char *at, void *buf, size_t len,
			bool write)
{
	int ret;

	do {
		ret = device_copy_once(t, at, buf, len, write);
	} while (passing(t, ret));
	if (ret)
		broken("device %s: %s", write ? "write" : "read",
		       strerror(-ret));
}

static void cpu_copy(char *at, uint64_t *buf, unsigned int n, bool write)
{
	uint64_t *word = (uint64_t *)at;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (write)
			__atomic_store_n(&word[i], buf[i], __ATOMIC_RELAXED);
		else
			buf[i] = __atomic_load_n(&word[i], __ATOMIC_RELAXED);
	}
}

static uint32_t generation(unsigned int page)
{
	return page < STABLE_PAGES ? 0 :
	       load(&account->generation[(page - STABLE_PAGES) / WILD_GRAIN]);
}

/* Writes a run of its own words and reads it back. */
static void step_writer(struct thread *t)
{
	unsigned int page = draw_page(t, false);
	unsigned int first = draw(t, SLOT_WORDS), n = draw(t, SLOT_WORDS) + 1;
	bool by_device = draw(t, 2), zero_may_be;
	uint64_t buf[SLOT_WORDS], is[SLOT_WORDS];
	uint32_t before = generation(page), after;
	unsigned int i, w;
	char *at;

	if (n > SLOT_WORDS - first)
		n = SLOT_WORDS - first;
	w = t->slot * SLOT_WORDS + first;
	at = page_at(page) + w * 8;
	for (i = 0; i < n; i++) {
		uint32_t seq = account->done[page][w + i] + 1;

		store(&account->begun[page][w + i], seq);
		buf[i] = make_word(page, w + i, seq);
	}
	if (t->device)
		device_copy(t, at, buf, n * 8, true);
	else
		cpu_copy(at, buf, n, true);
	for (i = 0; i < n; i++)
		store(&account->done[page][w + i], (uint32_t)buf[i]);

	memset(is, 0xff, sizeof(is));
	if (by_device)
		device_copy(t, at, is, n * 8, false);
	else
		cpu_copy(at, is, n, false);
	after = generation(page);
	zero_may_be = before != after || before & 1;
	for (i = 0; i < n; i++) {
		if (is[i] == buf[i] || (!is[i] && zero_may_be))
			continue;
		broken("page %u word %u: %s wrote %#llx, %s read %#llx", page,
		       w + i, t->device ? "device" : "CPU",
		       (unsigned long long)buf[i], by_device ? "device" : "CPU",
		       (unsigned long long)is[i]);
		break;
	}
}

static bool written_by_device(unsigned int word)
{
	/* Owners take turns: even slots are the device's. */
	return word / SLOT_WORDS % 2 == 0;
}

/* Is @is what the owner of the word wrote, neither too old nor too new? */
static void judge(unsigned int page, unsigned int i, uint64_t is, uint32_t low,
		  const char *who)
{
	uint32_t high = load(&account->begun[page][i]), seq = is;

	if (!is && (page >= STABLE_PAGES || !low))
		return;
	if (is_word(page, i, is) && seq >= low && seq <= high)
		return;
	if (!in_child && !is_word(page, i, is) && low != high &&
	    written_by_device(i))
		return;		/* half written at that moment */
	broken("page %u word %u: %s sees %#llx, sequence %u to %u", page, i,
	       who, (unsigned long long)is, low, high);
}

/* Looks at all words of a page. */
static void step_auditor(struct thread *t)
{
	unsigned int page = draw_page(t, false), i;
	bool by_device = draw(t, 2);
	uint32_t low[COUNTER_WORD];
	uint64_t is[COUNTER_WORD];

	for (i = 0; i < COUNTER_WORD; i++)
		low[i] = load(&account->done[page][i]);
	memset(is, 0xff, sizeof(is));
	if (by_device)
		device_copy(t, page_at(page), is, sizeof(is), false);
	else
		cpu_copy(page_at(page), is, COUNTER_WORD, false);
	for (i = 0; i < COUNTER_WORD; i++)
		judge(page, i, is[i], low[i], by_device ? "device" : "CPU");
}

static void step_migrator(struct thread *t)
{
	unsigned int page = draw_page(t, false), n = draw(t, 32) + 1, left;
	bool whole = !draw(t, 4);
	uint32_t target = draw(t, 2) ? DRM_VSVM_TARGET_DEVICE :
				       DRM_VSVM_TARGET_SYSTEM;
	int ret;

	left = page < SMALL_PAGES ? SMALL_PAGES - page :
	       page < STABLE_PAGES ? STABLE_PAGES - page : PAGES - page;
	if (n > left)
		n = left;
	if (page >= SMALL_PAGES && page < STABLE_PAGES && whole) {
		page = SMALL_PAGES;
		n = LARGE_PAGES;
	}
	ret = vsvm_migrate(t->v, page_at(page), n * VT_PAGE, target, 0, NULL);
	/* EFAULT: all of it was unmapped. */
	if (ret && ret != -EBUSY && !(ret == -EFAULT && page >= STABLE_PAGES))
		broken("migrate: %s", strerror(-ret));
}

static void step_protector(struct thread *t)
{
	unsigned int page = draw_page(t, false), n = draw(t, 8) + 1, left;
	int prot = draw(t, 2) ? PROT_READ : PROT_NONE;

	left = page < SMALL_PAGES ? SMALL_PAGES - page :
	       page < STABLE_PAGES ? STABLE_PAGES - page : PAGES - page;
	if (n > left)
		n = left;
	/* ENOMEM: a hole of the wild part. */
	mprotect(page_at(page), n * VT_PAGE, prot);
	sched_yield();
	if (page >= STABLE_PAGES) {
		for (; n; n--, page++)
			mprotect(page_at(page), VT_PAGE,
				 PROT_READ | PROT_WRITE);
	} else if (mprotect(page_at(page), n * VT_PAGE,
			    PROT_READ | PROT_WRITE)) {
		broken("mprotect: %s", strerror(errno));
	}
	usleep(200);
}

static void step_unmapper(struct thread *t)
{
	unsigned int grain = draw(t, WILD_PAGES / WILD_GRAIN);
	uint32_t *generation = &account->generation[grain];
	char *at = wild + grain * WILD_GRAIN * VT_PAGE;
	size_t len = WILD_GRAIN * VT_PAGE;
	unsigned int how = draw(t, 3);

	store(generation, *generation + 1);
	if (how == 0 && munmap(at, len))
		broken("munmap: %s", strerror(errno));
	if (how == 1 && madvise(at, len, MADV_DONTNEED))
		broken("madvise: %s", strerror(errno));
	/* No other thread maps anything meanwhile, but a hole is not ours. */
	if (how != 1 && mmap(at, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS |
			     (how ? MAP_FIXED : MAP_FIXED_NOREPLACE), -1,
			     0) != at) {
		broken("mmap: %s", strerror(errno));
		/* Those who wait for the hole to close must not for ever. */
		_exit(1);
	}
	store(generation, *generation + 1);
	usleep(500);
}

static void step_adder(struct thread *t)
{
	unsigned int page = draw_page(t, true), half = draw(t, 2);
	uint64_t n = draw(t, 5) + 1;
	char *at = page_at(page) + (COUNTER_WORD + half) * 8;
	int ret;

	if (t->device) {
		do {
			ret = draw(t, 2) ?
			      vsvm_atomic(t->v, at, half ? 4 : 8,
					  DRM_VSVM_ATOMIC_ADD, n, 0, NULL) :
			      do_job(t, vsvm_cmd_atomic(at, half ? 4 : 8,
							DRM_VSVM_ATOMIC_ADD, n,
							0, NULL));
		} while (passing(t, ret));
		if (ret)
			broken("atomic: %s", strerror(-ret));
	} else if (half) {
		__atomic_fetch_add((uint32_t *)at, n, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add((uint64_t *)at, n, __ATOMIC_RELAXED);
	}
	t->added[page][half] += n;
}

/* In the child: what it got is of the moment of fork(), and its own. */
static void child(uint64_t how)
{
	uint64_t is[PAGE_WORDS];
	struct vsvm *v = NULL;
	unsigned int page, i;

	in_child = true;
	if (how == 0 && vsvm_open(0, &v))
		broken("open");
	for (page = 0; page < PAGES; page++) {
		char *at = page_at(page);

		/* What it inherited of a protection no one else takes back. */
		if (mprotect(at, VT_PAGE, PROT_READ | PROT_WRITE))
			continue;
		/* Most of the large part stays as it is: it costs time. */
		if (page >= SMALL_PAGES && page < STABLE_PAGES &&
		    page % 16 != how)
			continue;
		memset(is, 0xff, sizeof(is));
		if (v && vsvm_migrate(v, at, VT_PAGE, page % 2, 0, NULL))
			broken("migrate");
		if (v && vsvm_read(v, at, is, VT_PAGE, NULL))
			broken("device read");
		if (!v)
			cpu_copy(at, is, PAGE_WORDS, false);
		for (i = 0; i < COUNTER_WORD; i++)
			judge(page, i, is[i], floor_of[page][i], "it");
		if (how < 2)
			memset(at, 0xee, VT_PAGE);
		else if (v)
			vsvm_write(v, at, is, VT_PAGE / 2, NULL);
	}
	_exit(load(&account->failed));
}

static void step_forker(struct thread *t)
{
	uint64_t how = draw(t, 8);
	int status;
	pid_t pid;

	memcpy(floor_of, account->done, sizeof(account->done));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	pid = fork();
	if (!pid)
		child(how);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		broken("fork: %s", strerror(errno));
	else if (status)
		broken("child ended with status %#x", status);
	usleep(2000);
}

static void *run(void *arg)
{
	struct thread *t = arg;

	while (!load(&stop) && !load(&account->failed)) {
		t->step(t);
		t->ops++;
	}
	return NULL;
}

/* The page is protected, or away, for a moment: do it again. */
static void on_segv(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)context;
	if ((at >= small && at < small + SMALL_PAGES * VT_PAGE) ||
	    (at >= large && at < large + LARGE_PAGES * VT_PAGE) ||
	    (at >= wild && at < wild + WILD_PAGES * VT_PAGE)) {
		sched_yield();
		return;
	}
	signal(sig, SIG_DFL);
}

static void check_counters(struct thread *threads, unsigned int n)
{
	uint64_t want8, is8;
	uint32_t want4, is4;
	unsigned int page, i;

	for (page = 0; page < STABLE_PAGES; page++) {
		char *at = page_at(page) + COUNTER_WORD * 8;

		want8 = 0;
		want4 = 0;
		for (i = 0; i < n; i++) {
			want8 += threads[i].added[page][0];
			want4 += threads[i].added[page][1];
		}
		memcpy(&is8, at, 8);
		memcpy(&is4, at + 8, 4);
		if (is8 != want8 || is4 != want4)
			broken("page %u: counters are %llu and %u, should be %llu and %u",
			       page, (unsigned long long)is8, is4,
			       (unsigned long long)want8, want4);
	}
}

static int prepare(void)
{
	struct sigaction action = {
		.sa_sigaction = on_segv,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART,
	};

	small = vt_map(SMALL_PAGES * VT_PAGE, VT_SMALL);
	large = vt_map(LARGE_PAGES * VT_PAGE, VT_LARGE);
	wild = vt_map(WILD_PAGES * VT_PAGE, VT_SMALL);
	account = mmap(NULL, sizeof(*account), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	floor_of = mmap(NULL, sizeof(account->done), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!small || !large || !wild || account == MAP_FAILED ||
	    floor_of == MAP_FAILED || sigaction(SIGSEGV, &action, NULL)) {
		perror("race");
		return -1;
	}
	memset(large, 0, LARGE_PAGES * VT_PAGE);
	return 0;
}

/* Who there is besides the writers. */
static const struct {
	const char *name;
	void (*step)(struct thread *t);
	bool device;
} roles[] = {
	{ "migrator", step_migrator, true },
	{ "migrator", step_migrator, true },
	{ "auditor", step_auditor, true },
	{ "forker", step_forker, false },
	{ "protector", step_protector, false },
	{ "unmapper", step_unmapper, false },
	{ "device adder", step_adder, true },
	{ "CPU adder", step_adder, false },
};

#define ROLES	VT_COUNT(roles)

static int run_all(struct vsvm *v, unsigned int seconds, uint64_t seed,
		   unsigned int pairs)
{
	unsigned int n = 2 * pairs + ROLES, i;
	struct thread *t;
	int ret;

	t = calloc(n, sizeof(*t));
	if (!t)
		return -1;
	for (i = 0; i < n; i++) {
		t[i].v = v;
		t[i].random = seed * 0x100000001b3ULL + i;
		if (i < 2 * pairs) {
			t[i].slot = i;
			t[i].device = i % 2 == 0;
			t[i].name = i % 2 ? "CPU writer" : "device writer";
			t[i].step = step_writer;
		} else {
			t[i].name = roles[i - 2 * pairs].name;
			t[i].step = roles[i - 2 * pairs].step;
			t[i].device = roles[i - 2 * pairs].device;
		}
	}
	for (i = 0; i < n; i++) {
		ret = pthread_create(&t[i].thread, NULL, run, &t[i]);
		if (ret) {
			broken("thread: %s", strerror(ret));
			n = i;
		}
	}
	for (i = 0; i < seconds * 10 && !load(&account->failed); i++)
		usleep(100000);
	store(&stop, true);
	for (i = 0; i < n; i++)
		pthread_join(t[i].thread, NULL);
	check_counters(t, n);
	for (i = 0; i < n; i++)
		printf("race: %-13s %8llu done %6llu jobs %6llu tried again\n",
		       t[i].name, (unsigned long long)t[i].ops,
		       (unsigned long long)t[i].jobs,
		       (unsigned long long)t[i].retries);
	free(t);
	return load(&account->failed) ? -1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "threads", required_argument, NULL, 't' },
		{ }
	};
	unsigned int seconds = 10, pairs = 2;
	uint64_t seed = time(NULL);
	struct vsvm *v;
	int c, ret;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 's')
			seconds = strtoul(optarg, NULL, 0);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			pairs = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	if (optind != argc || !seconds || !pairs || pairs > MAX_THREADS) {
		fprintf(stderr,
			"usage: race [--seconds N] [--seed N] [--threads 1-%u]\n",
			MAX_THREADS);
		return 2;
	}
	printf("race: --seconds %u --seed %llu --threads %u\n", seconds,
	       (unsigned long long)seed, pairs);
	fflush(stdout);
	ret = vsvm_open(0, &v);
	if (ret) {
		fprintf(stderr, "race: open: %s\n", strerror(-ret));
		return 1;
	}
	if (prepare())
		return 1;
	ret = run_all(v, seconds, seed, pairs);
	vsvm_close(v);
	puts(ret ? "race: FAILED" : "race: nothing lost, torn or stale");
	return ret ? 1 : 0;
}
