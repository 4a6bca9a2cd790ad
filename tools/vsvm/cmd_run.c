// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm run: run any program while its memory moves to the devices and back.
 *
 * Owns the memory in which the processes of the storm count, and with --check the files that
 * hold what the two runs read and printed. What moves the memory is storm.c, which is
 * preloaded into the program and what that starts.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "storm.h"
#include "vsvm.h"

#define LIBRARY	"libvsvm-storm.so"
#define DEVICES	8

struct options {
	unsigned long seed;
	unsigned long devices;
	const char *policy;
	bool check;
	char **command;
};

/**
 * struct run - one run of the command
 * @in: its standard input, or -1: the caller's
 * @out: what it prints, or -1: the caller's
 * @err: what it says, or -1: the caller's
 * @status: as of waitpid()
 */
struct run {
	int in;
	int out;
	int err;
	int status;
};

/* The library is beside the command in a build, and where libraries are after install. */
static int find_library(char *path, size_t size)
{
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 && strrchr(self, '/')) {
		*strrchr(self, '/') = 0;
		snprintf(path, size, "%s/" LIBRARY, self);
		if (!access(path, R_OK))
			return 0;
	}
	snprintf(path, size, VSVM_PRIVATE "/" LIBRARY);
	return access(path, R_OK) ? -errno : 0;
}

/* Has what is started from now on be preloaded. */
static int set_up(const struct options *o, const char *file)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], all[2 * PATH_MAX], storm[PATH_MAX];
	int ret = find_library(path, sizeof(path));

	if (ret) {
		complain(ret, "%s", path);
		return ret;
	}
	snprintf(all, sizeof(all), "%s%s%s", path, before ? ":" : "", before ? before : "");
	snprintf(storm, sizeof(storm), "%lu %s %lu %s", o->seed, o->policy, o->devices, file);
	if (setenv("LD_PRELOAD", all, 1) || setenv("VSVM_STORM", storm, 1))
		return -errno;
	return 0;
}

/* Runs the command, and waits for it. */
static int run(char **command, struct run *r)
{
	pid_t pid;

	if (r->in >= 0)
		lseek(r->in, 0, SEEK_SET);
	pid = child_start(command, (const int[]){ r->in, r->out, r->err });
	return pid < 0 ? pid : child_wait(pid, &r->status);
}

static int copy_to(int to_fd, int from)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to_fd, buf, n) != n)
			return -errno;
	return n < 0 ? -errno : 0;
}

/* The caller's input, so that it can be read twice. */
static int keep_input(void)
{
	int fd = memfd_create("input", MFD_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = isatty(STDIN_FILENO) ? 0 : copy_to(fd, STDIN_FILENO);
	return ret ? ret : fd;
}

/* Where two files first differ; -1: they do not. */
static off_t differ(int a, int b)
{
	unsigned char x[4096], y[4096];
	off_t at = 0;
	ssize_t n, m, i;

	for (;; at += n) {
		n = pread(a, x, sizeof(x), at);
		m = pread(b, y, sizeof(y), at);
		for (i = 0; i < n && i < m; i++)
			if (x[i] != y[i])
				return at + i;
		if (n != m)
			return at + i;
		if (n <= 0)
			return -1;
	}
}

static int show(const struct run *r)
{
	lseek(r->out, 0, SEEK_SET);
	lseek(r->err, 0, SEEK_SET);
	return copy_to(STDOUT_FILENO, r->out) ?: copy_to(STDERR_FILENO, r->err);
}

/* Says in what the runs differ. */
static bool same(const struct run *calm, const struct run *storm)
{
	off_t out = differ(calm->out, storm->out), err = differ(calm->err, storm->err);

	if (calm->status != storm->status)
		complain(0, "the status is %#x, and %#x without a storm", storm->status,
			 calm->status);
	if (out >= 0)
		complain(0, "standard output differs from byte %lld on", (long long)out);
	if (err >= 0)
		complain(0, "standard error differs from byte %lld on", (long long)err);
	return calm->status == storm->status && out < 0 && err < 0;
}

static int prepare(struct run *calm, struct run *storm)
{
	calm->in = keep_input();
	storm->in = calm->in;
	calm->out = memfd_create("output", 0);
	calm->err = memfd_create("errors", 0);
	storm->out = memfd_create("output", 0);
	storm->err = memfd_create("errors", 0);
	return calm->in < 0 ? calm->in : calm->out < 0 || calm->err < 0 || storm->out < 0 ||
				storm->err < 0 ? -errno : 0;
}

static void tell(const struct storm_total *t, unsigned long seed)
{
	complain(0, "storm %lu, processes: %" PRIu64 ", calls: %" PRIu64 ", KiB moved: %" PRIu64,
		 seed, t->processes, t->calls, t->moved >> 10);
}

/*
 * Runs it, with --check twice: EXIT_OK and *@status, as of waitpid(), or EXIT_WRONG if that
 * did not work, or the runs differ.
 */
static int run_all(const struct options *o, const char *file, const struct storm_total *total,
		   int *status)
{
	struct run calm = { -1, -1, -1, 0 }, storm = { -1, -1, -1, 0 };
	bool equal = true;
	int ret = 0;

	if (o->check) {
		ret = prepare(&calm, &storm);
		if (!ret)
			ret = run(o->command, &calm);
	}
	if (!ret)
		ret = set_up(o, file);
	if (!ret)
		ret = run(o->command, &storm);
	if (!ret && o->check) {
		ret = show(&storm);
		equal = same(&calm, &storm);
	}
	if (ret) {
		complain(ret, "run");
		return EXIT_WRONG;
	}
	tell(total, o->seed);
	if (!total->processes)
		complain(0, "no process had a storm: is it linked statically, or setuid?");
	*status = storm.status;
	return equal ? EXIT_OK : EXIT_WRONG;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		if (arg && !parse_number(arg, 0, ULONG_MAX, &o->seed))
			argp_error(state, "--storm: '%s' is not a number", arg);
		return 0;
	case 'p':
		if (strcmp(arg, "random") && strcmp(arg, "sweep"))
			argp_error(state, "--policy: '%s' is neither random nor sweep", arg);
		o->policy = arg;
		return 0;
	case 'n':
		if (!parse_number(arg, 1, DEVICES, &o->devices))
			argp_error(state, "--devices: '%s' is not a number from 1 to %d", arg,
				   DEVICES);
		return 0;
	case 'c':
		o->check = true;
		return 0;
	case ARGP_KEY_ARG:
		o->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!o->command)
			argp_error(state, "which command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "storm", 's', "SEED", OPTION_ARG_OPTIONAL, "Begin with this number (1)", 0 },
	{ "policy", 'p', "NAME", 0,
	  "random: any piece to anywhere; sweep: all there, all back (random)", 0 },
	{ "devices", 'n', "N", 0, "Use so many devices (1)", 0 },
	{ "check", 'c', NULL, 0, "Run it without a storm first, and compare output and status", 0 },
	{ 0 },
};

#define DOC "Run a program while its memory moves to the devices and back.\vThe status is the command's own; with --check 1 if the runs differ. Programs that are linked statically or setuid have no storm."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "COMMAND [ARG...]",
	.doc = DOC,
};

int cmd_run(int argc, char **argv)
{
	struct options o = { .seed = 1, .devices = 1, .policy = "random" };
	const uint64_t magic = STORM_MAGIC;
	struct storm_total *total;
	char file[64];
	struct vsvm *v;
	int fd, ret, status = 0;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	/* Without a device nothing would move, and nothing would say so. */
	if (open_device(o.devices - 1, &v))
		return EXIT_WRONG;
	vsvm_close(v);
	child_leave_keys();
	/* It has no name that could be left behind. Processes open it as this one's. */
	fd = memfd_create("storm", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(*total)) ||
	    pwrite(fd, &magic, sizeof(magic), 0) != sizeof(magic)) {
		complain(-errno, "memory to count in");
		return EXIT_WRONG;
	}
	total = mmap(NULL, sizeof(*total), PROT_READ, MAP_SHARED, fd, 0);
	if (total == MAP_FAILED) {
		complain(-errno, "memory to count in");
		return EXIT_WRONG;
	}
	snprintf(file, sizeof(file), "/proc/%d/fd/%d", getpid(), fd);
	ret = run_all(&o, file, total, &status);
	return ret ? ret : child_end_as(status);
}
