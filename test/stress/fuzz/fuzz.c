// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile calls from threads of several processes, at random and for as many
 * calls as it is told.
 *
 *	fuzz [-n CALLS] [-s SEED] [-t THREADS] [-p PROCESSES] [-c CORPUS]
 *	     [-o REACHED] [-v]
 *
 * CALLS is VSVM_CALLS, or 20000; SEED is VSVM_SEED, or the time. It is printed,
 * and without CORPUS it gives each thread the same calls again; how the threads
 * interleave is the scheduler's. -v says each call before it is made. Wants to be
 * root, for INJECT; one half of the processes gives the right to it up.
 *
 * CORPUS is a file of inputs: calls are made from those, and from new ones. It need not
 * exist. Where the kernel has kcov, what reaches something new is added to it, and on
 * every kernel what found a mistake. An input of it is the same calls again, whatever the
 * seed; which thread replays which is the scheduler's. REACHED gets the address of each
 * place in the kernel that was reached, by kcov.
 *
 * Ends with 0 when every errno was one of those that the header names for the
 * case, all that came out made sense, the canaries have their bytes, and the
 * devices are empty.
 *
 * Lifetime: each process has the files, all threads of it use them; they are
 * closed and opened anew while in use, by dup3() onto their fixed numbers.
 * Locks: files_lock, so that no child is forked while a number has no file.
 *
 * A huge range may take a process's own stack, data and libraries to a device,
 * where an armed failure keeps a CPU from them: SIGBUS, or EFAULT from a system
 * call. Failures run out, so the first is caught and ignored, and what other
 * system calls read and write is in shared memory, which stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_PROCESSES	16
#define MAX_THREADS	16
#define DEVICES		2

struct fuzz_shared *fuzz_shared;
bool fuzz_verbose;

static uint64_t seed;
static char node[DEVICES][64];
static bool files_lock;		/* a futex could say EFAULT */
static unsigned int started;	/* threads of this process */
static unsigned int finished;

static const char *const names[FUZZ_KINDS] = {
	"INFO", "READ", "WRITE", "MIGRATE", "SNAPSHOT", "EXCLUSIVE", "ATOMIC",
	"INJECT", "unknown", "pread", "pwrite", "mmap", "CREATE", "DESTROY",
	"SUBMIT", "WAIT", "STATUS", "ADVISE", "ADVICE_GET", "DISCARD", "EVENTS",
	"PIN",
};

void fuzz_found(struct fuzz_thread *t, const char *fmt, ...)
{
	char *text = t->arg + FUZZ_TEXT_AT;
	size_t room = VT_PAGE - FUZZ_TEXT_AT, n;
	va_list args;

	/* The first finding is the one that counts. */
	if (__atomic_exchange_n(&fuzz_shared->failed, true, __ATOMIC_SEQ_CST))
		return;
	n = snprintf(text, room, "# fuzz: -s %llu: process %u thread %u call %llu%s: ",
		     (unsigned long long)seed, t->process, t->number,
		     (unsigned long long)t->calls, t->child ? " in a child" : "");
	va_start(args, fmt);
	n += vsnprintf(text + n, room - n, fmt, args);
	va_end(args);
	text[n++] = '\n';
	(void)!write(STDERR_FILENO, text, n);
	fuzz_guide_found(t);
}

void fuzz_tell(struct fuzz_thread *t, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (!fuzz_verbose)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "# %u.%u.%llu: %s\n", t->process, t->number,
		(unsigned long long)t->calls, text);
}

void fuzz_counted(struct fuzz_thread *t, enum fuzz_kind kind, int ret)
{
	t->calls++;
	t->kind[kind].calls++;
	t->kind[kind].fine += !ret;
}

int fuzz_ioctl(struct fuzz_thread *t, int fd, unsigned long request, void *arg,
	       size_t size)
{
	int ret;

	/* An armed EINTR: the same again, with what was put in. */
	do {
		memcpy(t->arg, arg, size);
		ret = ioctl(fd, request, t->arg) ? -errno : 0;
	} while (ret == -EINTR);
	memcpy(arg, t->arg, size);
	return ret;
}

int fuzz_own_file(struct fuzz_thread *t)
{
	return FUZZ_FIRST_FD + fuzz_draw(t, FUZZ_OWN);
}

int fuzz_any_file(struct fuzz_thread *t, bool *foreign)
{
	unsigned int i = fuzz_draw(t, 8);

	/* One in eight is foreign. */
	i = i == 7 ? FUZZ_OWN + fuzz_draw(t, FUZZ_FOREIGN) : i % FUZZ_OWN;
	*foreign = t->child || i >= FUZZ_OWN;
	return FUZZ_FIRST_FD + i;
}

/* What the first use of a file allocates is there from now on. */
static int bind_file(int fd)
{
	struct drm_vsvm_run run;
	struct drm_vsvm_snapshot snap = {
		.addr = FUZZ_CONST,
		.len = VT_PAGE,
		.runs = (uintptr_t)&run,
		.nr_runs = 1,
	};

	return ioctl(fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap) ? -errno : 0;
}

static int try_open(unsigned int i)
{
	int fd = open(node[i % DEVICES], O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = bind_file(fd);
	if (!ret && dup3(fd, FUZZ_FIRST_FD + i, O_CLOEXEC) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Opens file @i anew, over the one that may be there. Armed failures run out. */
static int open_file(unsigned int i)
{
	int ret, tries = 100;

	do {
		ret = try_open(i);
	} while ((ret == -ENOMEM || ret == -EINTR || ret == -EFAULT) && --tries);
	return ret;
}

static void lock_files(void)
{
	while (__atomic_exchange_n(&files_lock, true, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock_files(void)
{
	__atomic_store_n(&files_lock, false, __ATOMIC_RELEASE);
}

static void reopen(struct fuzz_thread *t)
{
	unsigned int i = fuzz_draw(t, FUZZ_OWN);
	bool hole = fuzz_draw(t, 2);
	int ret;

	fuzz_tell(t, "close %u", i);
	lock_files();
	if (hole)
		close(FUZZ_FIRST_FD + i);
	ret = open_file(i);
	unlock_files();
	if (ret)
		fuzz_found(t, "open: %s", strerror(-ret));
	__atomic_fetch_add(&fuzz_shared->closes, 1, __ATOMIC_RELAXED);
}

/* A child has our memory, and none of our rights to the files. */
static void child(struct fuzz_thread *t)
{
	unsigned int i;

	t->child = true;
	fuzz_canary_check(t);
	for (i = 0; i < 10; i++)
		fuzz_call(t);
	for (i = 0; i < FUZZ_OWN; i++)
		if (open_file(i))
			fuzz_found(t, "open");
	if (open_file(FUZZ_JOBS_FILE + t->number))
		fuzz_found(t, "open");
	fuzz_jobs_anew(t);
	for (i = 0; i < 10; i++)
		fuzz_canary(t);
	fuzz_canary_check(t);
	for (i = 0; i < 2; i++) {
		fuzz_jobs(t);
		fuzz_jobs_settle(t);
	}
	_exit(0);
}

static void fork_child(struct fuzz_thread *t)
{
	int *status = (int *)t->arg;
	pid_t pid;

	*status = 0;
	fuzz_tell(t, "fork");
	/* The child has the bytes of now, and nobody who goes on with a job. */
	fuzz_jobs_settle(t);
	lock_files();
	pid = fork();
	if (!pid)
		child(t);
	unlock_files();
	*status = 0;
	if (pid < 0 || waitpid(pid, status, 0) != pid || *status)
		fuzz_found(t, "fork: status %#x", *status);
	__atomic_fetch_add(&fuzz_shared->forks, 1, __ATOMIC_RELAXED);
}

#define ALT_STACK	(64 * 1024)

/* SIGBUS is told of on a stack that stays: the thread's own may be away. */
static int stay_reachable(void)
{
	stack_t stack = { .ss_size = ALT_STACK };

	stack.ss_sp = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL);
}

static void step(struct fuzz_thread *t)
{
	fuzz_call(t);
	if (fuzz_one_in(t, 6))
		fuzz_canary(t);
	if (fuzz_one_in(t, 6)) {
		/* Where a job gets is not for what the input has. */
		t->fresh += fuzz_cover_take(t);
		fuzz_jobs(t);
		fuzz_cover_take(t);
	}
	if (fuzz_one_in(t, 5))
		fuzz_memory(t);
	if (fuzz_one_in(t, 500))
		reopen(t);
	if (fuzz_one_in(t, 5000))
		fork_child(t);
	if (fuzz_one_in(t, 5000))
		fuzz_canary_check(t);
}

static void *work(void *arg)
{
	struct fuzz_thread *t = arg;

	if (stay_reachable())
		fuzz_found(t, "no stack for signals");
	if (fuzz_cover_thread(t))
		fuzz_found(t, "no kcov for a thread");
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&fuzz_shared->ready, __ATOMIC_SEQ_CST))
		sched_yield();
	while (t->calls < t->quota &&
	       !__atomic_load_n(&fuzz_shared->failed, __ATOMIC_RELAXED)) {
		fuzz_guide_begin(t);
		step(t);
		fuzz_guide_end(t);
	}
	fuzz_canary_check(t);
	fuzz_jobs_settle(t);
	fuzz_cover_take(t);
	/* Ends with the process: pthread_join() waits for a write of core's. */
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

static void *map_fixed(uint64_t addr, size_t len)
{
	void *at = (void *)(uintptr_t)addr;

	return mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		    MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at ? at : NULL;
}

static int prepare(struct fuzz_thread *t, unsigned int process, unsigned int i)
{
	t->process = process;
	t->number = i;
	t->root = process % 2 == 0 && !geteuid();
	t->dice.state = seed * 0x100000001b3ULL + process * MAX_THREADS + i;
	t->memfd = syscall(SYS_memfd_create, "fuzz", 1);
	t->canary = map_fixed(FUZZ_CANARY + i * FUZZ_STEP, FUZZ_CANARY_SIZE);
	t->buf = map_fixed(FUZZ_BUFFER + i * FUZZ_STEP, FUZZ_BUFFER_SIZE);
	t->shadow = malloc(FUZZ_CANARY_SIZE);
	t->arg = storm_shared();
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->stream = -1;
	t->jobs.area = map_fixed(FUZZ_JOBS + i * FUZZ_STEP, FUZZ_JOBS_SIZE);
	if (t->memfd < 0 || !t->arg || ftruncate(t->memfd, FUZZ_WILD_SIZE) || !t->canary ||
	    !t->buf || !t->shadow || t->event < 0 || !t->jobs.area)
		return -1;
	if (open_file(FUZZ_JOBS_FILE + i) || fuzz_jobs_make(t))
		return -1;
	madvise(t->canary, FUZZ_CANARY_SIZE,
		i % 2 ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	vt_fill(t->shadow, FUZZ_CANARY_SIZE, t->dice.state, 0);
	memcpy(t->canary, t->shadow, FUZZ_CANARY_SIZE);
	return 0;
}

/* Root is asked for failpoints alone; opening the nodes takes no more than uid 0. */
static int give_up_rights(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* What a thread did goes to what all did. */
static void add_up(const struct fuzz_thread *t)
{
	unsigned int k;

	__atomic_fetch_add(&fuzz_shared->jobs, t->jobs.done, __ATOMIC_RELAXED);
	__atomic_fetch_add(&fuzz_shared->jobs_lost, t->jobs.lost, __ATOMIC_RELAXED);
	for (k = 0; k < FUZZ_KINDS; k++) {
		__atomic_fetch_add(&fuzz_shared->kind[k].calls, t->kind[k].calls,
				   __ATOMIC_RELAXED);
		__atomic_fetch_add(&fuzz_shared->kind[k].fine, t->kind[k].fine,
				   __ATOMIC_RELAXED);
	}
}

/* The process of programs.c: its calls are in addition to those that were asked for. */
static int programs_process(unsigned int number, uint64_t quota)
{
	static struct fuzz_thread t;
	unsigned int i;

	t.process = number;
	t.dice.state = seed * 0x100000001b3ULL + number * MAX_THREADS;
	t.arg = storm_shared();
	if (!t.arg || stay_reachable() || fuzz_cover_process(number) || fuzz_cover_thread(&t))
		return 1;
	for (i = 0; i < DEVICES; i++)
		if (open_file(i))
			return 1;
	__atomic_fetch_sub(&fuzz_shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&fuzz_shared->ready, __ATOMIC_SEQ_CST))
		sched_yield();
	while (t.calls < quota && !__atomic_load_n(&fuzz_shared->failed, __ATOMIC_RELAXED)) {
		fuzz_programs(&t, FUZZ_FIRST_FD + fuzz_draw(&t, DEVICES));
		fuzz_cover_take(&t);
	}
	add_up(&t);
	return fuzz_shared->failed;
}

static int process(unsigned int number, unsigned int threads, uint64_t quota)
{
	struct fuzz_thread *t = calloc(threads, sizeof(*t));
	pthread_attr_t attr;
	unsigned int i;

	if (!t || stay_reachable() || fuzz_cover_process(number) ||
	    (number % 2 && !geteuid() && give_up_rights()))
		return 1;
	for (i = 0; i < FUZZ_OWN; i++)
		if (open_file(i))
			return 1;
	if (fuzz_memory_make())
		return 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (i = 0; i < threads; i++) {
		t[i].quota = quota;
		if (prepare(&t[i], number, i))
			return 1;
	}
	for (i = 0; i < threads; i++)
		if (pthread_create(&t[i].thread, &attr, work, &t[i]))
			return 1;
	/* All are ready before the first makes trouble. */
	while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) < threads)
		sched_yield();
	__atomic_fetch_sub(&fuzz_shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < threads)
		usleep(1000);
	for (i = 0; i < threads; i++)
		add_up(&t[i]);
	return fuzz_shared->failed;
}

/* The nodes, and files of ours that the others will try to use. */
static int find_nodes(struct vsvm **v)
{
	char link[64];
	ssize_t n;
	int i;

	for (i = 0; i < DEVICES; i++) {
		if (vsvm_open(i, &v[i]))
			return -1;
		snprintf(link, sizeof(link), "/proc/self/fd/%d",
			 vsvm_fd(v[i]));
		n = readlink(link, node[i], sizeof(node[i]) - 1);
		if (n <= 0)
			return -1;
		node[i][n] = 0;
	}
	/* A process that gives up its rights knows the names all the same. */
	if (!geteuid() && !vt_failpoints())
		return -1;
	if (!map_fixed(FUZZ_CONST, FUZZ_CONST_SIZE))
		return -1;
	for (i = FUZZ_OWN; i < FUZZ_FILES; i++)
		if (open_file(i))
			return -1;
	return 0;
}

/*
 * Nothing may be left armed, and nothing on the devices. What we shared with a
 * process of ours went where that took it, so it has to be called home first.
 */
static bool left_clean(struct vsvm **v)
{
	unsigned int point;
	uint64_t used = 0;
	int i, tries;

	vsvm_migrate(v[0], NULL, FUZZ_END_4, DRM_VSVM_TARGET_SYSTEM, 0, NULL);

	for (i = 0; i < DEVICES; i++) {
		for (tries = 0; tries < 500 && vt_used(v[i]); tries++) {
			/* Munlocked pages may be in a batch of any processor. */
			if (!geteuid() && tries % 50 == 1)
				vt_file_set("/proc/sys/vm/drop_caches", 1);
			usleep(20000);
		}
		used += vt_used(v[i]);
	}
	for (point = 0; !geteuid() && point < DEVICES * vt_failpoints(); point++)
		vt_disarm(v[point % DEVICES], vt_failpoint(point / DEVICES)->name);
	if (used)
		fprintf(stderr, "# fuzz: -s %llu: %llu bytes stay in use\n",
			(unsigned long long)seed, (unsigned long long)used);
	return !used;
}

static uint64_t report(void)
{
	uint64_t calls = 0;
	unsigned int i;

	for (i = 0; i < FUZZ_KINDS; i++) {
		printf("# fuzz: %-9s %8llu calls %8llu of them good\n",
		       names[i],
		       (unsigned long long)fuzz_shared->kind[i].calls,
		       (unsigned long long)fuzz_shared->kind[i].fine);
		calls += fuzz_shared->kind[i].calls;
	}
	printf("# fuzz: %llu changes of the memory, %llu forks, %llu closes\n",
	       (unsigned long long)fuzz_shared->changes,
	       (unsigned long long)fuzz_shared->forks,
	       (unsigned long long)fuzz_shared->closes);
	printf("# fuzz: %llu valid jobs, %llu lost\n",
	       (unsigned long long)fuzz_shared->jobs,
	       (unsigned long long)fuzz_shared->jobs_lost);
	printf("# fuzz: %llu jobs of programs, %llu of them done\n",
	       (unsigned long long)fuzz_shared->programs,
	       (unsigned long long)fuzz_shared->programs_done);
	if (fuzz_shared->covers)
		printf("# fuzz: %llu places reached, %llu steps too long, corpus of %u inputs\n",
		       (unsigned long long)fuzz_shared->nr_reached,
		       (unsigned long long)fuzz_shared->cuts, fuzz_shared->corpus.nr);
	printf("#@ fuzz | calls | %llu\n", (unsigned long long)calls);
	printf("#@ fuzz | seed | %llu\n", (unsigned long long)seed);
	return calls;
}

static int run_all(unsigned int processes, unsigned int threads, uint64_t calls)
{
	uint64_t quota = (calls + processes * threads - 1) /
			 (processes * threads);
	int *status = &fuzz_shared->status, bad = 0;
	struct vsvm *v[DEVICES];
	unsigned int i;

	if (find_nodes(v)) {
		fprintf(stderr, "# fuzz: there are no two devices\n");
		return 1;
	}
	fuzz_shared->ready = processes + 1;
	fflush(stdout);
	for (i = 0; i < processes; i++)
		if (!fork())
			_exit(process(i, threads, quota));
	if (!fork())
		_exit(programs_process(processes, quota));
	for (i = 0; i < processes + 1; i++) {
		if (wait(status) > 0 && !*status)
			continue;
		/* Who dies of a signal does not say so. */
		if (!fuzz_shared->failed)
			fprintf(stderr, "# fuzz: -s %llu: a process ended with status %#x\n",
				(unsigned long long)seed, *status);
		fuzz_shared->failed = true;
		fuzz_shared->ready = 0;
		bad = 1;
	}
	if (!left_clean(v))
		bad = 1;
	return report() < calls || bad;
}

/* Ready to be guided by the corpus in a file, or to write what is reached to one. */
static int begin_guidance(const char *corpus, const char *reached)
{
	fuzz_shared->covers = (corpus || reached) && fuzz_cover_exists();
	fuzz_shared->guided = corpus;
	if (!reached || fuzz_shared->covers)
		return corpus ? fuzz_guide_open(corpus) : 0;
	fputs("fuzz: -o: this kernel has no kcov\n", stderr);
	return -ENODEV;
}

static int end_guidance(const char *corpus, const char *reached)
{
	int ret = reached ? fuzz_cover_write(reached) : 0;

	if (ret)
		fprintf(stderr, "fuzz: %s: %s\n", reached, strerror(-ret));
	if (!fuzz_shared->corpus.unwritten)
		return ret;
	fprintf(stderr, "fuzz: %s lacks inputs that could not be written\n", corpus);
	return -EIO;
}

/*
 * Core writes the number of the processor to each thread's rseq area, and when
 * an armed failure keeps it from there, ends the process. So there is to be none:
 * libc is told so in the environment of a new self.
 */
static void no_rseq(char **argv)
{
	if (getenv("GLIBC_TUNABLES"))
		return;
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	execv("/proc/self/exe", argv);
}

/* An armed failure: the access is made again, until it has run out. */
static void on_bus_error(int sig)
{
	static unsigned int count;

	if (__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) > 1000000)
		signal(sig, SIG_DFL);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_handler = on_bus_error,
		/* The handler may be out of reach itself. */
		.sa_flags = SA_ONSTACK | SA_NODEFER,
	};
	const char *corpus = NULL, *reached = NULL;
	unsigned int processes = 2, threads = 3;
	uint64_t calls = number_of("VSVM_CALLS", 20000);
	int c, ret;

	no_rseq(argv);
	seed = number_of("VSVM_SEED", time(NULL));
	while ((c = getopt(argc, argv, "n:s:t:p:c:o:v")) >= 0) {
		if (c == 'n')
			calls = strtoull(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			threads = strtoul(optarg, NULL, 0);
		else if (c == 'p')
			processes = strtoul(optarg, NULL, 0);
		else if (c == 'c')
			corpus = optarg;
		else if (c == 'o')
			reached = optarg;
		else if (c == 'v')
			fuzz_verbose = true;
		else
			return 2;
	}
	if (optind != argc || !calls || !threads || threads > MAX_THREADS ||
	    !processes || processes > MAX_PROCESSES) {
		fputs("usage: fuzz [-n CALLS] [-s SEED] [-t THREADS] [-p PROCESSES]\n"
		      "            [-c CORPUS] [-o REACHED] [-v]\n", stderr);
		return 2;
	}
	printf("# fuzz -n %llu -s %llu -t %u -p %u\n",
	       (unsigned long long)calls, (unsigned long long)seed, threads,
	       processes);
	fflush(stdout);
	if (stay_reachable() || sigaction(SIGBUS, &action, NULL))
		return 1;
	fuzz_shared = mmap(NULL, sizeof(*fuzz_shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz_shared == MAP_FAILED)
		return 1;
	if (begin_guidance(corpus, reached))
		return 1;
	ret = run_all(processes, threads, calls);
	if (end_guidance(corpus, reached))
		ret = 1;
	puts(ret ? "# fuzz: FAILED" : "# fuzz: nothing found");
	return ret;
}
