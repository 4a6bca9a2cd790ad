// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that the command runs for its user, as a shell would: with the user's terminal
 * and keys, and with a status that is the command's own.
 *
 * Owns what ^C and ^\ did before.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "vsvm.h"

static void (*interrupt)(int) = SIG_DFL;
static void (*quit)(int) = SIG_DFL;

void child_leave_keys(void)
{
	interrupt = signal(SIGINT, SIG_IGN);
	quit = signal(SIGQUIT, SIG_IGN);
}

void child_exec(char **command)
{
	int err;

	execvp(command[0], command);
	err = errno;
	complain(-err, "%s", command[0]);
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

pid_t child_start(char **command, const int fd[3])
{
	pid_t pid;
	int i;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid > 0 ? pid : -errno;
	signal(SIGINT, interrupt);
	signal(SIGQUIT, quit);
	for (i = 0; fd && i < 3; i++)
		if (fd[i] >= 0)
			dup2(fd[i], i);
	child_exec(command);
}

int child_wait(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int child_end_as(int status)
{
	const struct rlimit none = { 0 };

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* The command had its core dumped, if it was to be. */
	setrlimit(RLIMIT_CORE, &none);
	fflush(stdout);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}
