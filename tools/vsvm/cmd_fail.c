// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm fail: run a command while steps of the driver fail. vsvm pause: stop a thread at a
 * step, run a command meanwhile, and let it go on.
 *
 * Owns the handle that arms the failpoints: when it is closed, however the command ends,
 * they are disarmed, and a paused thread goes on.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "point.h"
#include "vsvm.h"

#define POINTS_MAX	16
#define LOOK_MS		100	/* how often it looks whether the command has ended */
#define SECONDS		30	/* of a pause, if nobody says otherwise */

struct options {
	unsigned long device;
	unsigned long seconds;
	struct point point[POINTS_MAX];
	unsigned int nr;
	bool list;
	char **command;
	char **then;
};

/* What the driver has, from debugfs. */
static int list(unsigned int device)
{
	char path[64], name[DRM_VSVM_FAILPOINT_NAME], can[16], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/vsvm.%u/points", device);
	f = fopen(path, "re");
	if (!f) {
		complain(-errno, "%s", path);
		return EXIT_WRONG;
	}
	/* The first line has the names of the columns. */
	if (!fgets(line, sizeof(line), f)) {
		fclose(f);
		complain(0, "%s is empty", path);
		return EXIT_WRONG;
	}
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %15s", name, can) == 2)
			printf("%-20s %s\n", name, can);
	fclose(f);
	return EXIT_OK;
}

static void tell(struct vsvm *v, const struct point *p)
{
	struct drm_vsvm_inject now;

	if (!point_do(v, p, DRM_VSVM_INJECT_QUERY, 0, &now))
		complain(0, "%s: %" PRIu64 " passes, %" PRIu64 " failed", p->name,
			 (uint64_t)now.passed, (uint64_t)now.fired);
}

static int fail(struct vsvm *v, const struct options *o)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < o->nr; i++)
		if (point_do(v, &o->point[i], DRM_VSVM_INJECT_FAIL, 0, NULL))
			return EXIT_WRONG;
	pid = child_start(o->command, NULL);
	if (pid < 0 || child_wait(pid, &status)) {
		complain(-errno, "%s", o->command[0]);
		return EXIT_WRONG;
	}
	for (i = 0; i < o->nr; i++)
		tell(v, &o->point[i]);
	return child_end_as(status);
}

/*
 * Waits until a thread is paused: 0; -ESRCH: the command ended before, with *@status; or
 * another negative errno.
 */
static int await(struct vsvm *v, const struct options *o, pid_t pid, int *status)
{
	unsigned long left = o->seconds * 1000 / LOOK_MS;
	int ret;

	do {
		ret = point_call(v, o->point, DRM_VSVM_INJECT_WAIT, LOOK_MS, NULL);
		if (ret != -ETIMEDOUT && ret != -EINTR)
			return ret;
		if (pid && waitpid(pid, status, WNOHANG) == pid)
			return -ESRCH;
	} while (left--);
	return ret;
}

static int run(char **command)
{
	int status = 0;
	pid_t pid = child_start(command, NULL);

	if (pid < 0 || child_wait(pid, &status)) {
		complain(-errno, "%s", command[0]);
		return EXIT_WRONG;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int pause_at(struct vsvm *v, const struct options *o)
{
	const struct point *p = o->point;
	struct drm_vsvm_inject now;
	int ret, result, status = 0;
	pid_t pid = 0;

	if (point_do(v, p, DRM_VSVM_INJECT_PAUSE, o->seconds * 1000, NULL))
		return EXIT_WRONG;
	if (o->command) {
		pid = child_start(o->command, NULL);
		if (pid < 0) {
			complain(pid, "%s", o->command[0]);
			return EXIT_WRONG;
		}
	}
	ret = await(v, o, pid, &status);
	if (ret == -ESRCH) {
		complain(0, "%s: the command ended, and was never paused", p->name);
		return child_end_as(status) ?: EXIT_WRONG;
	}
	if (ret) {
		complain(ret, "%s: no thread was paused", p->name);
		result = EXIT_WRONG;
	} else {
		result = run(o->then);
		if (!point_call(v, p, DRM_VSVM_INJECT_QUERY, 0, &now) && !now.paused)
			complain(0, "%s: the pause was over before the second command was",
				 p->name);
	}
	point_do(v, p, DRM_VSVM_INJECT_CLEAR, 0, NULL);
	if (pid && !child_wait(pid, &status) && status)
		return child_end_as(status);
	return result;
}

static void add_point(struct argp_state *state, const char *text, unsigned int most)
{
	struct options *o = state->input;

	if (o->nr == most)
		argp_error(state, most == 1 ? "'%s': a command is put after --"
					    : "'%s': too many failpoints",
			   text);
	if (!point_parse(text, &o->point[o->nr]))
		argp_error(state, "'%s' is not a failpoint: NAME[:NTH[:TIMES]]", text);
	o->nr++;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key != 'd')
		return ARGP_ERR_UNKNOWN;
	if (!parse_number(arg, 0, 63, &o->device))
		argp_error(state, "--device: '%s' is not a number from 0 to 63", arg);
	return 0;
}

/* All that comes after "--". */
static bool take_command(struct argp_state *state)
{
	struct options *o = state->input;

	if (!state->quoted || state->next - 1 < state->quoted)
		return false;
	o->command = &state->argv[state->next - 1];
	state->next = state->argc;
	return true;
}

static error_t parse_fail(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'l':
		o->list = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!take_command(state))
			add_point(state, arg, POINTS_MAX);
		return 0;
	case ARGP_KEY_END:
		if (o->list)
			return 0;
		if (!o->nr)
			argp_error(state, "which failpoint? --list shows them");
		if (!o->command)
			argp_error(state, "which command? It is put after --");
		return 0;
	default:
		return parse_common(key, arg, state);
	}
}

/* Cuts the words of "COMMAND --then COMMAND" in two. */
static void find_then(struct options *o)
{
	char **word;

	for (word = o->command; *word; word++) {
		if (strcmp(*word, "--then"))
			continue;
		*word = NULL;
		o->then = word + 1;
		return;
	}
}

static error_t parse_pause(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		if (!parse_number(arg, 1, POINT_SECONDS, &o->seconds))
			argp_error(state, "--seconds: '%s' is not a number from 1 to %u", arg,
				   POINT_SECONDS);
		return 0;
	case 't':
		o->then = &state->argv[state->next];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_ARG:
		if (take_command(state))
			find_then(o);
		else
			add_point(state, arg, 1);
		return 0;
	case ARGP_KEY_END:
		if (!o->nr)
			argp_error(state, "which failpoint? 'vsvm fail --list' shows them");
		if (o->command && !*o->command)
			argp_error(state, "which command, between -- and --then?");
		if (!o->then || !*o->then)
			argp_error(state, "which command meanwhile? It is put after --then");
		return 0;
	default:
		return parse_common(key, arg, state);
	}
}

static const struct argp_option fail_options[] = {
	{ "device", 'd', "N", 0, "Steps of this device (0)", 0 },
	{ "list", 'l', NULL, 0, "List the failpoints, and what each can do", 0 },
	{ 0 },
};

static const struct argp_option pause_options[] = {
	{ "device", 'd', "N", 0, "A step of this device (0)", 0 },
	{ "seconds", 's', "N", 0, "Wait so long for a thread, and pause it no longer (30)", 0 },
	{ "then", 't', NULL, 0, "What to run meanwhile: all that follows", 0 },
	{ 0 },
};

#define FAIL_DOC "Run a command while steps of the driver fail.\vThe NTH pass of a failpoint fails, and the ones after it, TIMES in all; both are 1 if not given. Passes of all processes count. The status is the command's own."

static const struct argp fail_argp = {
	.options = fail_options,
	.parser = parse_fail,
	.args_doc = "NAME[:NTH[:TIMES]]... -- COMMAND [ARG...]\n--list",
	.doc = FAIL_DOC,
};

#define PAUSE_DOC "Pause the thread that passes a failpoint, run a command meanwhile, let the thread go on.\vThe thread is one of the first command, or of any process. The status is that of the first command that failed, or 1 if no thread was paused."

static const struct argp pause_argp = {
	.options = pause_options,
	.parser = parse_pause,
	.args_doc = "NAME[:NTH] [-- COMMAND [ARG...]] --then COMMAND [ARG...]",
	.doc = PAUSE_DOC,
};

static int with_device(const struct options *o,
		       int (*fn)(struct vsvm *v, const struct options *o))
{
	struct vsvm *v;
	int result;

	if (open_device(o->device, &v))
		return EXIT_WRONG;
	child_leave_keys();
	result = fn(v, o);
	vsvm_close(v);
	return result;
}

int cmd_fail(int argc, char **argv)
{
	struct options o = { 0 };

	argp_parse(&fail_argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	return o.list ? list(o.device) : with_device(&o, fail);
}

int cmd_pause(int argc, char **argv)
{
	struct options o = { .seconds = SECONDS };

	argp_parse(&pause_argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	return with_device(&o, pause_at);
}
