// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm scenario: play a race from a file, step by step, the same way each time.
 *
 * Owns the handle that arms the failpoints and the commands that the steps start. However a
 * scenario ends, paused threads go on when the handle is closed, and what still runs is
 * killed with all of its process group.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "point.h"
#include "vsvm.h"

#define STEPS_MAX	256
#define STARTED_MAX	16
#define SECONDS		60	/* that a step may take, if nobody says otherwise */

enum action {
	ACTION_START,
	ACTION_RUN,
	ACTION_WAIT,
	ACTION_FAIL,
	ACTION_PAUSE,
	ACTION_AWAIT,
	ACTION_RELEASE,
	ACTION_CLEAR,
	ACTION_EXPECT_STATUS,
	ACTION_EXPECT_FIRED,
	ACTION_EXPECT_RUNNING,
};

/* What a step takes. */
enum form {
	FORM_NAME,		/* NAME of what is started */
	FORM_COMMAND,		/* a line of the shell */
	FORM_NAME_COMMAND,
	FORM_POINT,		/* a failpoint */
	FORM_NUMBER,
	FORM_POINT_NUMBER,
};

static const struct word {
	const char *text;
	enum form form;
} words[] = {
	[ACTION_START] = { "start", FORM_NAME_COMMAND },
	[ACTION_RUN] = { "run", FORM_COMMAND },
	[ACTION_WAIT] = { "wait", FORM_NAME },
	[ACTION_FAIL] = { "fail", FORM_POINT },
	[ACTION_PAUSE] = { "pause", FORM_POINT },
	[ACTION_AWAIT] = { "await", FORM_POINT },
	[ACTION_RELEASE] = { "release", FORM_POINT },
	[ACTION_CLEAR] = { "clear", FORM_POINT },
	[ACTION_EXPECT_STATUS] = { "expect status", FORM_NUMBER },
	[ACTION_EXPECT_FIRED] = { "expect fired", FORM_POINT_NUMBER },
	[ACTION_EXPECT_RUNNING] = { "expect running", FORM_NAME },
};

/**
 * struct step - a line of a scenario
 * @line: its number in the file
 * @action: what it does
 * @point: the failpoint, with the passes
 * @number: what is expected
 * @name: what is started, or was
 * @command: for the shell
 */
struct step {
	unsigned int line;
	enum action action;
	struct point point;
	unsigned long number;
	const char *name;
	const char *command;
};

/* @pid is 0 when it has ended. */
struct started {
	const char *name;
	pid_t pid;
};

struct scenario {
	const char *file;
	struct vsvm *v;
	unsigned long seconds;
	bool verbose;
	struct step step[STEPS_MAX];
	unsigned int nr;
	struct started started[STARTED_MAX];
	unsigned int nr_started;
	int status;		/* of the last command that ended */
	bool asked;		/* a step expects it */
};

struct options {
	unsigned long device;
	unsigned long seconds;
	bool verbose;
	const char *file;
};

[[gnu::format(printf, 3, 4)]]
static void wrong(const struct scenario *s, unsigned int line, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	complain(0, "%s:%u: %s", s->file, line, text);
}

/* Cuts the first word off: the rest, without spaces in front; an empty one at the end. */
static char *cut(char *text)
{
	text += strcspn(text, " \t");
	if (*text)
		*text++ = 0;
	return text + strspn(text, " \t");
}

/* The action that a line begins with, and the rest of the line in *@rest; NULL: none. */
static const struct word *find_word(char *line, char **rest)
{
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		len = strlen(words[i].text);
		if (strncmp(line, words[i].text, len) ||
		    (line[len] && !strchr(" \t", line[len])))
			continue;
		*rest = line + len + strspn(line + len, " \t");
		return &words[i];
	}
	return NULL;
}

static bool is_name(const char *text)
{
	if (!isalpha(*text) && *text != '_')
		return false;
	while (isalnum(*text) || *text == '_')
		text++;
	return !*text;
}

/* Reads what follows the word; returns what is wrong with it, or NULL. */
static const char *read_rest(struct step *step, enum form form, char *rest)
{
	char *more = form == FORM_COMMAND ? rest : cut(rest);

	switch (form) {
	case FORM_COMMAND:
		step->command = rest;
		return *rest ? NULL : "which command?";
	case FORM_NAME:
	case FORM_NAME_COMMAND:
		step->name = rest;
		step->command = more;
		if (!is_name(rest))
			return "a name has letters, digits and _";
		if (form == FORM_NAME_COMMAND)
			return *more ? NULL : "which command?";
		return *more ? "there is more than a name" : NULL;
	case FORM_NUMBER:
		if (!parse_number(rest, 0, 255, &step->number))
			return "a status is a number from 0 to 255";
		return *more ? "there is more than a number" : NULL;
	case FORM_POINT:
	case FORM_POINT_NUMBER:
		if (!point_parse(rest, &step->point))
			return "a failpoint is NAME[:NTH[:TIMES]]";
		if (form == FORM_POINT)
			return *more ? "there is more than a failpoint" : NULL;
		return parse_number(more, 0, LONG_MAX, &step->number) ? NULL : "how often?";
	}
	return "unknown";
}

/* Whether a command of this name is started before step @before. */
static bool is_started(const struct scenario *s, const char *name, unsigned int before)
{
	unsigned int i;

	for (i = 0; i < before; i++)
		if (s->step[i].action == ACTION_START && !strcmp(s->step[i].name, name))
			return true;
	return false;
}

/* What only the steps before it, and the driver, can tell. */
static bool check_step(const struct scenario *s, unsigned int i)
{
	const struct step *step = &s->step[i];
	bool known = step->name && is_started(s, step->name, i);

	if (step->action == ACTION_START && known) {
		wrong(s, step->line, "'%s' is started a second time", step->name);
		return false;
	}
	if (step->action != ACTION_START && step->name && !known) {
		wrong(s, step->line, "nothing is started as '%s'", step->name);
		return false;
	}
	if (*step->point.name && point_do(s->v, &step->point, DRM_VSVM_INJECT_QUERY, 0, NULL)) {
		wrong(s, step->line, "there is no such failpoint");
		return false;
	}
	return true;
}

static bool add_line(struct scenario *s, char *line, unsigned int number)
{
	struct step *step = &s->step[s->nr];
	const struct word *word;
	const char *why;
	char *rest = line;

	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = 0;
	if (!*line || *line == '#')
		return true;
	if (s->nr == STEPS_MAX) {
		wrong(s, number, "a scenario has %d steps at most", STEPS_MAX);
		return false;
	}
	word = find_word(line, &rest);
	if (!word) {
		wrong(s, number, "no step is called '%.*s'", (int)strcspn(line, " \t"), line);
		return false;
	}
	step->line = number;
	step->action = word - words;
	why = read_rest(step, word->form, rest);
	if (why) {
		wrong(s, number, "%s: %s", word->text, why);
		return false;
	}
	return check_step(s, s->nr++);
}

/* Reads all of it before the first step is done. The lines live as long as the command. */
static int read_file(struct scenario *s)
{
	FILE *f = fopen(s->file, "re");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	if (!f) {
		complain(-errno, "%s", s->file);
		return EXIT_USAGE;
	}
	while (good && getline(&line, &size, f) > 0) {
		good = add_line(s, line, ++number);
		line = NULL;
		size = 0;
	}
	if (ferror(f)) {
		complain(-errno, "%s", s->file);
		good = false;
	} else if (good && !s->nr) {
		complain(0, "%s: there is no step in it", s->file);
		good = false;
	}
	fclose(f);
	return good ? EXIT_OK : EXIT_USAGE;
}

static pid_t start(const char *command)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* A group, so that what the shell starts can be killed with it. */
		setpgid(0, 0);
		execl("/bin/sh", "sh", "-c", command, NULL);
		complain(-errno, "/bin/sh");
		_exit(127);
	}
	if (pid > 0)
		setpgid(pid, pid);
	return pid > 0 ? pid : -errno;
}

/* Waits for a process, but not too long: false. */
static bool ended(struct scenario *s, pid_t pid)
{
	struct pollfd p = { .events = POLLIN };
	int status, ret;

	p.fd = syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0) {
		complain(-errno, "process %d", pid);
		return false;
	}
	do {
		ret = poll(&p, 1, s->seconds * 1000);
	} while (ret < 0 && errno == EINTR);
	close(p.fd);
	if (ret != 1 || waitpid(pid, &status, 0) != pid)
		return false;
	s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	s->asked = false;
	return true;
}

static struct started *find_started(struct scenario *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->nr_started; i++)
		if (!strcmp(s->started[i].name, name))
			return &s->started[i];
	return NULL;
}

static bool do_start(struct scenario *s, const struct step *step)
{
	struct started *a = &s->started[s->nr_started];
	char number[16];

	if (s->nr_started == STARTED_MAX) {
		wrong(s, step->line, "%d commands are started already", STARTED_MAX);
		return false;
	}
	a->name = step->name;
	a->pid = start(step->command);
	if (a->pid < 0) {
		wrong(s, step->line, "cannot start a process: %s", strerror(-a->pid));
		return false;
	}
	s->nr_started++;
	snprintf(number, sizeof(number), "%d", a->pid);
	setenv(a->name, number, 1);
	return true;
}

static bool do_wait(struct scenario *s, const struct step *step)
{
	struct started *a = find_started(s, step->name);

	if (!a->pid) {
		wrong(s, step->line, "'%s' was waited for already", a->name);
		return false;
	}
	if (!ended(s, a->pid)) {
		wrong(s, step->line, "'%s' runs for more than %lu seconds", a->name, s->seconds);
		return false;
	}
	a->pid = 0;
	return true;
}

static bool do_run(struct scenario *s, const struct step *step)
{
	pid_t pid = start(step->command);

	if (pid < 0) {
		wrong(s, step->line, "cannot start a process: %s", strerror(-pid));
		return false;
	}
	if (ended(s, pid))
		return true;
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wrong(s, step->line, "it runs for more than %lu seconds", s->seconds);
	return false;
}

static bool do_point(struct scenario *s, const struct step *step)
{
	static const uint32_t ops[] = {
		[ACTION_FAIL] = DRM_VSVM_INJECT_FAIL,
		[ACTION_PAUSE] = DRM_VSVM_INJECT_PAUSE,
		[ACTION_AWAIT] = DRM_VSVM_INJECT_WAIT,
		[ACTION_RELEASE] = DRM_VSVM_INJECT_RESUME,
		[ACTION_CLEAR] = DRM_VSVM_INJECT_CLEAR,
	};
	unsigned int ms = step->action == ACTION_PAUSE || step->action == ACTION_AWAIT
				  ? s->seconds * 1000 : 0;
	int ret = point_call(s->v, &step->point, ops[step->action], ms, NULL);

	if (ret == -ETIMEDOUT)
		wrong(s, step->line, "no thread came to '%s' in %lu seconds", step->point.name,
		      s->seconds);
	else if (ret == -EOPNOTSUPP)
		wrong(s, step->line, "'%s' cannot %s", step->point.name,
		      step->action == ACTION_FAIL ? "fail" : "pause");
	else if (ret)
		wrong(s, step->line, "'%s': %s", step->point.name, strerror(-ret));
	return !ret;
}

static bool do_expect(struct scenario *s, const struct step *step)
{
	struct drm_vsvm_inject now = { 0 };
	siginfo_t info = { 0 };
	struct started *a;

	switch (step->action) {
	case ACTION_EXPECT_STATUS:
		s->asked = true;
		if ((unsigned long)s->status == step->number)
			return true;
		wrong(s, step->line, "the status is %d, and not %lu", s->status, step->number);
		return false;
	case ACTION_EXPECT_FIRED:
		if (point_do(s->v, &step->point, DRM_VSVM_INJECT_QUERY, 0, &now))
			return false;
		if (now.fired == step->number)
			return true;
		wrong(s, step->line, "'%s' failed or paused %" PRIu64 " times, and not %lu",
		      step->point.name, (uint64_t)now.fired, step->number);
		return false;
	default:
		a = find_started(s, step->name);
		/* It stays to be waited for. */
		if (a->pid && !waitid(P_PID, a->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
		    !info.si_pid)
			return true;
		wrong(s, step->line, "'%s' has ended", step->name);
		return false;
	}
}

static bool is_expected(const struct step *step)
{
	return step->action == ACTION_EXPECT_STATUS;
}

static bool do_step(struct scenario *s, const struct step *step)
{
	/* A status that no step asks for has to be 0. */
	if (s->status && !s->asked && !is_expected(step)) {
		wrong(s, step[-1].line, "the status is %d", s->status);
		return false;
	}
	if (s->verbose)
		complain(0, "%s:%u: %s %s", s->file, step->line, words[step->action].text,
			 step->name ?: step->command ?: step->point.name);
	switch (step->action) {
	case ACTION_START:
		return do_start(s, step);
	case ACTION_RUN:
		return do_run(s, step);
	case ACTION_WAIT:
		return do_wait(s, step);
	case ACTION_FAIL:
	case ACTION_PAUSE:
	case ACTION_AWAIT:
	case ACTION_RELEASE:
	case ACTION_CLEAR:
		return do_point(s, step);
	default:
		return do_expect(s, step);
	}
}

static void clean_up(struct scenario *s)
{
	unsigned int i;

	/* Nothing is armed after this, and no thread is paused. */
	vsvm_close(s->v);
	for (i = 0; i < s->nr_started; i++) {
		if (!s->started[i].pid)
			continue;
		kill(-s->started[i].pid, SIGKILL);
		waitpid(s->started[i].pid, NULL, 0);
	}
}

static int play(struct scenario *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (!do_step(s, &s->step[i]))
			return EXIT_WRONG;
	if (s->status && !s->asked) {
		wrong(s, s->step[i - 1].line, "the status is %d", s->status);
		return EXIT_WRONG;
	}
	return EXIT_OK;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 63, &o->device))
			argp_error(state, "--device: '%s' is not a number from 0 to 63", arg);
		return 0;
	case 's':
		if (!parse_number(arg, 1, POINT_SECONDS, &o->seconds))
			argp_error(state, "--seconds: '%s' is not a number from 1 to %u", arg,
				   POINT_SECONDS);
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->file)
			argp_error(state, "'%s': one file at a time", arg);
		o->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->file)
			argp_error(state, "which file?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Failpoints of this device (0)", 0 },
	{ "seconds", 's', "N", 0, "A step, and a pause, take no longer (60)", 0 },
	{ "verbose", 'v', NULL, 0, "Say each step before it is done", 0 },
	{ 0 },
};

#define DOC "Play a race from a file, step by step.\vA line is a step: 'start NAME COMMAND', 'run COMMAND', 'wait NAME', 'pause POINT', 'fail POINT', 'await POINT', 'release POINT', 'clear POINT', 'expect status N', 'expect fired POINT N', 'expect running NAME'. POINT is NAME[:NTH[:TIMES]]. A command is a line of the shell, in which $NAME is the process of what was started. A status has to be 0, unless the next step expects another. The status is 0, or 1 if a step failed, 2 if the file makes no sense."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "FILE",
	.doc = DOC,
};

int cmd_scenario(int argc, char **argv)
{
	struct options o = { .seconds = SECONDS };
	static struct scenario s;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	s.file = o.file;
	s.seconds = o.seconds;
	s.verbose = o.verbose;
	if (open_device(o.device, &s.v))
		return EXIT_WRONG;
	result = read_file(&s);
	if (result == EXIT_OK)
		result = play(&s);
	clean_up(&s);
	return result;
}
