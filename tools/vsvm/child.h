/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands that the command runs for its user.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* Of a command that cannot be started, as of the shell. */
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

/*
 * From now on ^C and ^\ are for the commands alone, as in a shell that waits. To be called
 * before the first child_start().
 */
void child_leave_keys(void);

/*
 * Starts a command, with @fd as its standard input, output and error, where these are not
 * -1; NULL: the caller's. Returns its process, or a negative errno.
 */
pid_t child_start(char **command, const int fd[3]);

/*
 * What a child does at last: executes the command, or complains and ends with EXIT_CANNOT or
 * EXIT_NOT_FOUND.
 */
[[gnu::noreturn]] void child_exec(char **command);

/* Waits for it: 0 and the status of waitpid(), or a negative errno. */
int child_wait(pid_t pid, int *status);

/* Returns the exit status of a command, or ends by the signal that ended it. */
int child_end_as(int status);

#endif /* CHILD_H */
