// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program of the corpus in a child, with an end in time, and looks at what the
 * kernel's log says meanwhile.
 *
 * The child is a process group of its own, and says its verdict through a pipe. What it
 * left behind is killed when it has ended or takes too long. A child that cannot be
 * killed is left, and the next program runs all the same. Modules that a child loaded are
 * unloaded after it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "repro.h"
#include "vsvm.h"

#define KMSG		"/dev/kmsg"
#define WARN_ONCE	"/sys/kernel/debug/clear_warn_once"
/* Seconds that a child which is killed has to end. */
#define END_SECONDS	5
/* Lines come late when a processor is busy with the report. */
#define SETTLE_MS	100

/* Where the child says its verdict, and who it is. */
static int said = -1;
static pid_t speaker;

[[gnu::noreturn]] static void say(enum repro_verdict verdict, const char *fmt,
			     va_list args)
{
	struct repro_result result = { .verdict = verdict };

	if (fmt)
		vsnprintf(result.why, sizeof(result.why), fmt, args);
	/* A child of the child has no verdict to give. */
	if (getpid() == speaker &&
	    write(said, &result, sizeof(result)) != sizeof(result))
		_exit(1);
	_exit(getpid() != speaker);
}

void repro_fixed(void)
{
	va_list none = { };

	say(REPRO_FIXED, NULL, none);
}

void repro_affected(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(REPRO_AFFECTED, fmt, args);
}

void repro_unknown(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(REPRO_UNKNOWN, fmt, args);
}

/* What begins a report of the kernel, in a line of its log. */
static bool is_report(const char *line)
{
	static const char *const heads[] = {
		"WARNING:", "BUG:", "BUG at", "Oops", "KASAN:", "UBSAN:",
		"general protection fault", "unable to handle",
		"refcount_t:", "Bad rss-counter", "Bad page", "bad pmd",
		"soft lockup", "blocked for more than", "rcu_preempt",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++)
		if (strstr(line, heads[i]))
			return true;
	return false;
}

/* Keep the text of a record, without its prefix and what follows the line. */
static void keep(char *kept, size_t size, const char *record)
{
	const char *text = strchr(record, ';');
	size_t n;

	text = text ? text + 1 : record;
	n = strcspn(text, "\n");
	snprintf(kept, size, "%.*s", (int)n, text);
}

/*
 * Look at what the kernel logged. The first line that is the bug goes to @bug, the first
 * report of anything else to @other; each stays empty if there is none. A line of the bug
 * counts after a report began: a report has its function in another line.
 */
static void read_log(int fd, const char *complaint, char *bug, char *other,
		     size_t size)
{
	bool report = false;
	char record[8192];
	ssize_t n;

	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		/* EPIPE: records were lost, and the next read has the oldest. */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		record[n] = 0;
		if (is_report(record)) {
			report = true;
			if (!*other)
				keep(other, size, record);
		}
		if (complaint && report && !*bug && strstr(record, complaint))
			keep(bug, size, record);
	}
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* True when the child has ended within the time. */
static bool ends(pid_t child, int64_t ms, int *status)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t until = now_ms() + ms;

	for (;;) {
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		if (now_ms() >= until)
			return false;
		nanosleep(&nap, NULL);
	}
}

[[gnu::noreturn]] static void child(const struct repro *r, const int pipe[2])
{
	close(pipe[0]);
	said = pipe[1];
	speaker = getpid();
	setpgid(0, 0);
	/* It does not go on when the command was ended. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r->run();
	repro_unknown("the program has no verdict");
}

/* What a child that has ended, or not, means without what the log says. */
static void judge(const struct repro *r, int from, bool ended, bool killed,
		  int status, struct repro_result *result)
{
	ssize_t n = read(from, result, sizeof(*result));

	if (n == sizeof(*result) && !killed)
		return;
	memset(result, 0, sizeof(*result));
	result->verdict = REPRO_UNKNOWN;
	if (killed && r->hangs)
		result->verdict = REPRO_AFFECTED;
	if (!ended)
		snprintf(result->why, sizeof(result->why),
			 "it cannot be killed after %u seconds", r->seconds);
	else if (killed)
		snprintf(result->why, sizeof(result->why),
			 "no end in %u seconds", r->seconds);
	else if (WIFSIGNALED(status))
		snprintf(result->why, sizeof(result->why), "signal %d ended it",
			 WTERMSIG(status));
	else
		snprintf(result->why, sizeof(result->why), "it said nothing");
}

/* The modules that a program may load. */
static const char *const modules[] = { "test_hmm", "askcore" };

static unsigned int loaded(void)
{
	unsigned int i, have = 0;
	char path[64];

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", modules[i]);
		have |= !access(path, F_OK) << i;
	}
	return have;
}

/* Unloads what was not there before: who loaded it has ended. */
static void unload(unsigned int before)
{
	unsigned int more = loaded() & ~before, i;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		if (!(more & 1U << i))
			continue;
		pid = fork();
		if (!pid) {
			execlp("rmmod", "rmmod", modules[i], (char *)NULL);
			_exit(127);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void run(const struct repro *r, int log, struct repro_result *result)
{
	char bug[160] = "", other[160] = "";
	bool ended, killed = false;
	unsigned int before = loaded();
	int pipes[2], status = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK)) {
		snprintf(result->why, sizeof(result->why), "pipe: %s",
			 strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(r, pipes);
	if (pid < 0) {
		snprintf(result->why, sizeof(result->why), "fork: %s",
			 strerror(errno));
		close(pipes[0]);
		close(pipes[1]);
		return;
	}
	setpgid(pid, pid);
	ended = ends(pid, r->seconds * 1000LL, &status);
	if (!ended) {
		killed = true;
		kill(-pid, SIGKILL);
		ended = ends(pid, END_SECONDS * 1000, &status);
	}
	/* What it left running. */
	kill(-pid, SIGKILL);
	judge(r, pipes[0], ended, killed, status, result);
	close(pipes[0]);
	close(pipes[1]);
	if (ended)
		unload(before);
	if (log < 0)
		return;
	poll(NULL, 0, SETTLE_MS);
	read_log(log, r->complaint, bug, other, sizeof(bug));
	if (*bug) {
		result->verdict = REPRO_AFFECTED;
		snprintf(result->why, sizeof(result->why), "the kernel says: %s",
			 *other ? other : bug);
	} else if (*other && result->verdict != REPRO_AFFECTED) {
		result->verdict = REPRO_UNKNOWN;
		snprintf(result->why, sizeof(result->why),
			 "the kernel says something else: %s", other);
	}
}

/**
 * repro_run() - run one in a child and see what comes of it
 * @r: the bug
 * @dangerous: run it even if a kernel with the bug may crash
 * @result: out, the verdict and the reason, which is empty for REPRO_FIXED
 *
 * The reason has no line break.
 */
void repro_run(const struct repro *r, bool dangerous, struct repro_result *result)
{
	int log;
	char *c;

	memset(result, 0, sizeof(*result));
	if (r->dangerous && !dangerous) {
		result->verdict = REPRO_NOT_RUN;
		snprintf(result->why, sizeof(result->why),
			 "may crash this kernel, see --dangerous");
		return;
	}
	result->verdict = REPRO_UNKNOWN;
	log = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log >= 0)
		lseek(log, 0, SEEK_END);
	if (r->complaint && log < 0) {
		snprintf(result->why, sizeof(result->why), "%s: %s", KMSG,
			 strerror(errno));
		return;
	}
	/* What warns once in a boot may have warned before. */
	if (r->complaint && rp_set(WARN_ONCE, "1")) {
		snprintf(result->why, sizeof(result->why), "%s cannot be written",
			 WARN_ONCE);
		close(log);
		return;
	}
	run(r, log, result);
	if (log >= 0)
		close(log);
	for (c = result->why; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = ' ';
}
