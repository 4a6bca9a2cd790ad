// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm record: the driver's tracepoints while a command runs, in a file for vsvm plot,
 * trace-cmd and KernelShark.
 *
 * Owns an instance of tracefs, which nobody else's tracing is disturbed by and which is
 * removed at the end, and a file without a name for each processor, into which its
 * buffer is emptied some twenty times a second. What tracepoints do not say is written among
 * them as marks: the devices, what they have in use, their counters before and after,
 * and which thread belongs to which process.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kbuffer.h>
#include <tracefs.h>

#include "child.h"
#include "tracedat.h"
#include "vsvm.h"

#define DEFAULT_FILE	"trace.dat"
#define DEFAULT_KIB	8192
#define MAX_DEVICES	64
/* What is in use is asked for more often than the buffers are emptied. */
#define INTERVAL_NS	10000000L
#define ASKS		5
#define COUNTERS	"/sys/kernel/debug/dri/vsvm.%u/counters"
/* What the kernel takes as a mark at once, and more than fits where it takes more. */
#define MARK_TEXT	960
/* Of an event: its type, flags, and the thread. */
#define EVENT_THREAD	4

struct options {
	const char *path;
	unsigned long kib;
	char **command;
};

struct thread {
	pid_t tid;
	pid_t pid;
	char name[32];
};

struct recorder {
	const struct options *opts;
	struct tracefs_instance *instance;
	FILE *file;
	unsigned int cpus;
	struct tracedat_cpu *cpu;	/* what is recorded */
	int *pipe;			/* where it comes from */
	size_t subbuf;
	char *page;
	struct kbuffer *events;
	struct vsvm *device[MAX_DEVICES];
	uint64_t used[MAX_DEVICES];
	struct thread *threads;		/* a hash table by tid, tid 0 is empty */
	size_t nr_threads;
	size_t room;
	uint64_t lost;
	char *stats;
};

/* Threads ------------------------------------------------------------------ */

static struct thread *thread_slot(const struct recorder *r, pid_t tid)
{
	size_t i = (size_t)tid * 2654435761UL % r->room;

	while (r->threads[i].tid && r->threads[i].tid != tid)
		i = (i + 1) % r->room;
	return &r->threads[i];
}

static int more_threads(struct recorder *r)
{
	struct thread *old = r->threads;
	size_t room = r->room, i;

	r->room = room ? 2 * room : 256;
	r->threads = calloc(r->room, sizeof(*old));
	if (!r->threads) {
		r->threads = old;
		r->room = room;
		return -ENOMEM;
	}
	for (i = 0; i < room; i++)
		if (old[i].tid)
			*thread_slot(r, old[i].tid) = old[i];
	free(old);
	return 0;
}

/* Who a thread is, as long as it is there. */
static void ask_thread(struct thread *t)
{
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", t->tid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "Name:\t", 6))
			snprintf(t->name, sizeof(t->name), "%.31s", line + 6);
		else if (!strncmp(line, "Tgid:\t", 6))
			t->pid = atoi(line + 6);
	}
	fclose(f);
}

static int know_thread(struct recorder *r, pid_t tid)
{
	struct thread *t;

	if (tid <= 0)
		return 0;
	if (r->nr_threads * 2 >= r->room && more_threads(r))
		return -ENOMEM;
	t = thread_slot(r, tid);
	if (t->tid)
		return 0;
	*t = (struct thread) { .tid = tid, .pid = tid };
	ask_thread(t);
	r->nr_threads++;
	return 0;
}

/* The threads that a sub-buffer tells of. */
static int know_threads(struct recorder *r)
{
	const char *event;
	int ret = 0;
	int32_t tid;

	if (kbuffer_load_subbuffer(r->events, r->page))
		return -EIO;
	for (event = kbuffer_read_event(r->events, NULL); event && !ret;
	     event = kbuffer_next_event(r->events, NULL)) {
		memcpy(&tid, event + EVENT_THREAD, sizeof(tid));
		ret = know_thread(r, tid);
	}
	return ret;
}

/* Marks -------------------------------------------------------------------- */

[[gnu::format(printf, 2, 3)]]
static void mark(struct recorder *r, const char *fmt, ...)
{
	char text[MARK_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tracefs_printf(r->instance, "vsvm: %s\n", text);
}

static void mark_devices(struct recorder *r)
{
	struct drm_vsvm_info info;
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++)
		if (r->device[i] && !vsvm_info(r->device[i], &info))
			mark(r, "device=%u kind=%u size=%" PRIu64 " page=%u huge=%" PRIu64, i,
			     info.kind, (uint64_t)info.vram_size, info.page_size,
			     (uint64_t)info.huge_size);
}

/* What is in use, where it changed. */
static void mark_used(struct recorder *r)
{
	struct drm_vsvm_info info;
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++) {
		if (!r->device[i] || vsvm_info(r->device[i], &info) ||
		    info.vram_used == r->used[i])
			continue;
		r->used[i] = info.vram_used;
		mark(r, "device=%u used=%" PRIu64, i, (uint64_t)info.vram_used);
	}
}

/* The counters that are not zero, as many in a mark as fit. */
static void mark_counters(struct recorder *r, const char *when)
{
	char path[64], line[128], name[64], text[MARK_TEXT - 64];
	unsigned int i;
	uint64_t n;
	size_t len;
	FILE *f;

	for (i = 0; i < MAX_DEVICES; i++) {
		snprintf(path, sizeof(path), COUNTERS, i);
		f = r->device[i] ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		len = 0;
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%63s %" SCNu64, name, &n) != 2 || !n)
				continue;
			if (len + strlen(name) + 24 > sizeof(text)) {
				mark(r, "device=%u counters=%s%s", i, when, text);
				len = 0;
			}
			len += snprintf(text + len, sizeof(text) - len, " %s=%" PRIu64, name, n);
		}
		fclose(f);
		mark(r, "device=%u counters=%s%s", i, when, len ? text : "");
	}
}

static void mark_threads(struct recorder *r)
{
	size_t i;

	for (i = 0; i < r->room; i++)
		if (r->threads[i].tid)
			mark(r, "thread=%d process=%d name=%s", r->threads[i].tid,
			     r->threads[i].pid, r->threads[i].name);
}

/* The buffers -------------------------------------------------------------- */

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= n) {
		n = write(fd, data, len);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int drain_cpu(struct recorder *r, unsigned int cpu)
{
	ssize_t n;
	int ret;

	for (;;) {
		n = read(r->pipe[cpu], r->page, r->subbuf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!n)
			return 0;
		memset(r->page + n, 0, r->subbuf - n);
		ret = know_threads(r);
		if (!ret)
			ret = write_all(r->cpu[cpu].fd, r->page, r->subbuf);
		if (ret)
			return ret;
		r->cpu[cpu].bytes += r->subbuf;
	}
}

static int drain(struct recorder *r)
{
	unsigned int cpu;
	int ret = 0;

	for (cpu = 0; cpu < r->cpus && !ret; cpu++)
		ret = drain_cpu(r, cpu);
	return ret;
}

/* A file that is gone when it is closed, where the recording is going to be. */
static int nameless(const char *beside, unsigned int cpu)
{
	char path[4096];
	int fd;

	/* Not by O_TMPFILE, which 9p and others lack. Who was killed may have left one. */
	snprintf(path, sizeof(path), "%.4000s.%d.%u", beside, getpid(), cpu);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int open_cpus(struct recorder *r)
{
	char name[64];
	unsigned int i;

	r->cpus = sysconf(_SC_NPROCESSORS_CONF);
	r->subbuf = sysconf(_SC_PAGESIZE);
	r->cpu = calloc(r->cpus, sizeof(*r->cpu));
	r->pipe = calloc(r->cpus, sizeof(*r->pipe));
	r->page = malloc(r->subbuf);
	r->events = kbuffer_alloc(sizeof(long) == 8 ? KBUFFER_LSIZE_8 : KBUFFER_LSIZE_4,
				  KBUFFER_ENDIAN_SAME_AS_HOST);
	if (!r->cpu || !r->pipe || !r->page || !r->events)
		return -ENOMEM;
	for (i = 0; i < r->cpus; i++)
		r->pipe[i] = -1;
	for (i = 0; i < r->cpus; i++)
		r->cpu[i].fd = -1;
	for (i = 0; i < r->cpus; i++) {
		snprintf(name, sizeof(name), "per_cpu/cpu%u/trace_pipe_raw", i);
		r->pipe[i] = tracefs_instance_file_open(r->instance, name,
							O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (r->pipe[i] < 0)
			return -errno;
		r->cpu[i].fd = nameless(r->opts->path, i);
		if (r->cpu[i].fd < 0)
			return r->cpu[i].fd;
	}
	return 0;
}

/* What the buffers say of themselves, and how much of it is lost. */
static int read_stats(struct recorder *r)
{
	char name[64], *text;
	const char *at;
	unsigned int i;
	size_t size;
	FILE *all = open_memstream(&r->stats, &size);

	if (!all)
		return -ENOMEM;
	for (i = 0; i < r->cpus; i++) {
		snprintf(name, sizeof(name), "per_cpu/cpu%u/stats", i);
		text = tracefs_instance_file_read(r->instance, name, NULL);
		fprintf(all, "CPU: %u\n%s", i, text ?: "");
		at = text ? strstr(text, "overrun: ") : NULL;
		r->lost += at ? strtoull(at + 9, NULL, 10) : 0;
		at = text ? strstr(text, "dropped events: ") : NULL;
		r->lost += at ? strtoull(at + 16, NULL, 10) : 0;
		free(text);
	}
	return fclose(all) ? -ENOMEM : 0;
}

/* The command -------------------------------------------------------------- */

/* A child that waits for a byte, or for the end, before it runs the command. */
static pid_t start_command(char **command, int *go, const sigset_t *old)
{
	int fds[2];
	pid_t pid;
	char byte;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid) {
		close(fds[0]);
		*go = fds[1];
		return pid < 0 ? -errno : pid;
	}
	close(fds[1]);
	sigprocmask(SIG_SETMASK, old, NULL);
	if (read(fds[0], &byte, 1) != 1)
		_exit(EXIT_WRONG);
	child_exec(command);
}

/* Records until the command has ended, or for none until a signal says so. */
static int record_until(struct recorder *r, pid_t pid, const sigset_t *signals)
{
	const struct timespec interval = { .tv_nsec = INTERVAL_NS };
	siginfo_t end = { 0 };
	unsigned int asks = 0;
	int signal, ret;

	for (;;) {
		signal = sigtimedwait(signals, NULL, &interval);
		/* ^C goes to the command, too, which ends or does not. */
		if (signal > 0 && signal != SIGCHLD && signal != SIGINT && pid)
			kill(pid, signal);
		if (signal > 0 && signal != SIGCHLD && !pid)
			return 0;
		/* It stays a process until what it did last is known to be of it. */
		if (pid && waitid(P_PID, pid, &end, WEXITED | WNOHANG | WNOWAIT))
			return -errno;
		mark_used(r);
		if (++asks % ASKS && !end.si_pid)
			continue;
		ret = drain(r);
		if (ret || end.si_pid)
			return ret;
	}
}

static int run(struct recorder *r, const sigset_t *signals, const sigset_t *old,
	       int *status)
{
	int go = -1, ret, end = 0;
	pid_t pid = 0;

	if (r->opts->command) {
		pid = start_command(r->opts->command, &go, old);
		if (pid < 0)
			return pid;
	}
	/*
	 * To enable an event takes its time. All begin and end at once, and beside that the
	 * counters are read, so that both tell of the same.
	 */
	tracefs_trace_off(r->instance);
	ret = tracefs_event_enable(r->instance, "vsvm", NULL) ? -errno ?: -EIO : 0;
	tracefs_trace_on(r->instance);
	mark_counters(r, "before");
	mark_devices(r);
	mark_used(r);
	if (!ret && pid && write(go, "", 1) != 1)
		ret = -errno;
	if (pid)
		close(go);
	if (!ret)
		ret = record_until(r, pid, signals);
	if (pid) {
		if (ret)
			kill(pid, SIGTERM);
		waitpid(pid, &end, 0);
		*status = WIFEXITED(end) ? WEXITSTATUS(end) : 128 + WTERMSIG(end);
	}
	if (!ret)
		ret = drain(r);
	mark_threads(r);
	mark_used(r);
	mark_counters(r, "after");
	tracefs_trace_off(r->instance);
	tracefs_event_disable(r->instance, "vsvm", NULL);
	return ret ?: drain(r);
}

/* The recording ------------------------------------------------------------ */

static char *names_of(const struct recorder *r)
{
	char *text = NULL;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);

	for (i = 0; f && i < r->room; i++)
		if (r->threads[i].tid && *r->threads[i].name)
			fprintf(f, "%d %s\n", r->threads[i].tid, r->threads[i].name);
	if (f && fclose(f)) {
		free(text);
		text = NULL;
	}
	return text;
}

static int save(struct recorder *r)
{
	char *clock = tracefs_instance_file_read(r->instance, "trace_clock", NULL);
	char *names = names_of(r);
	struct tracedat t = {
		.system = "vsvm",
		.clock = clock,
		.names = names,
		.stats = r->stats,
		.subbuf = r->subbuf,
		.cpus = r->cpus,
		.cpu = r->cpu,
	};
	int ret;

	ret = clock && names ? tracedat_write(r->file, &t) : -ENOMEM;
	free(clock);
	free(names);
	return ret;
}

static void say(const struct recorder *r)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < r->cpus; i++)
		bytes += r->cpu[i].bytes;
	fprintf(stderr, "vsvm: %s: %" PRIu64 " KiB of events\n", r->opts->path, bytes >> 10);
	if (r->lost)
		complain(0, "%" PRIu64 " events are lost: --buffer %lu would have kept more",
			 r->lost, r->opts->kib * 4);
}

static int open_instance(struct recorder *r)
{
	char name[32];

	if (!tracefs_tracing_dir()) {
		complain(-errno, "tracefs");
		return -ENOENT;
	}
	if (!tracefs_dir_exists(NULL, "events/vsvm")) {
		complain(0, "there are no events of vsvm in %s (%s)", tracefs_tracing_dir(),
			 geteuid() ? "root may see them" : "is the module loaded?");
		return -ENODEV;
	}
	snprintf(name, sizeof(name), "vsvm-record-%d", getpid());
	errno = 0;
	r->instance = tracefs_instance_create(name);
	if (!r->instance) {
		complain(-errno, "a new instance in %s/instances", tracefs_tracing_dir());
		return -EIO;
	}
	/* The clock of event streams, and one for all processors. */
	if (tracefs_instance_file_write(r->instance, "trace_clock", "mono") < 0 ||
	    tracefs_instance_set_buffer_size(r->instance, r->opts->kib, -1) < 0) {
		complain(-errno, "--buffer %lu", r->opts->kib);
		return -ENOMEM;
	}
	return 0;
}

static void open_devices(struct recorder *r)
{
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++) {
		r->used[i] = UINT64_MAX;
		if (vsvm_open(i, &r->device[i]))
			r->device[i] = NULL;
	}
}

static void tidy(struct recorder *r)
{
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++)
		if (r->device[i])
			vsvm_close(r->device[i]);
	for (i = 0; r->pipe && i < r->cpus; i++) {
		if (r->pipe[i] >= 0)
			close(r->pipe[i]);
		if (r->cpu[i].fd >= 0)
			close(r->cpu[i].fd);
	}
	if (r->instance) {
		tracefs_print_close(r->instance);
		tracefs_instance_destroy(r->instance);
		tracefs_instance_free(r->instance);
	}
	if (r->events)
		kbuffer_free(r->events);
	free(r->pipe);
	free(r->cpu);
	free(r->page);
	free(r->threads);
	free(r->stats);
}

static int record(struct recorder *r, int *status)
{
	sigset_t signals, old;
	int ret;

	ret = open_instance(r);
	if (ret)
		return ret;
	r->file = fopen(r->opts->path, "we");
	if (!r->file) {
		ret = -errno;
		complain(ret, "--output %s", r->opts->path);
		return ret;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &old);
	ret = open_cpus(r);
	open_devices(r);
	if (!ret)
		ret = run(r, &signals, &old, status);
	if (!ret)
		ret = read_stats(r);
	if (!ret)
		ret = save(r);
	if (fclose(r->file) && !ret)
		ret = -errno;
	if (ret)
		complain(ret, "%s", r->opts->path);
	else
		say(r);
	return ret;
}

static const struct argp_option argp_options[] = {
	{ "output", 'o', "FILE", 0, "Where to record (trace.dat)", 0 },
	{ "buffer", 'b', "KIB", 0, "Of memory for each processor, until it is written (8192)", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;

	switch (key) {
	case 'o':
		opts->path = arg;
		return 0;
	case 'b':
		if (!parse_number(arg, 8, 1UL << 24, &opts->kib))
			argp_error(state, "--buffer: '%s' is not 8 to %lu KiB", arg, 1UL << 24);
		return 0;
	case ARGP_KEY_ARG:
		/* The rest is the command's, its options too. */
		opts->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define DOC "Record what devices do with memory while COMMAND runs, or until ^C.\vThe status is that of COMMAND. 'vsvm plot FILE' draws the recording; trace-cmd and KernelShark read it, too."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "[COMMAND [ARG...]]",
	.doc = DOC,
};

int cmd_record(int argc, char **argv)
{
	struct options opts = { .path = DEFAULT_FILE, .kib = DEFAULT_KIB };
	struct recorder r = { .opts = &opts };
	int status = EXIT_OK, ret;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opts);
	ret = record(&r, &status);
	tidy(&r);
	return ret ? EXIT_WRONG : status;
}
