// SPDX-License-Identifier: GPL-2.0-only
/*
 * The race program for a few seconds, with seeds that stay the same. Run it by
 * hand for longer, see race.c.
 */
#include <libgen.h>
#include <limits.h>

#include <kselftest_harness.h>

#include "vsvm_test.h"

static int run_race(const char *seed, const char *threads)
{
	char path[PATH_MAX], program[PATH_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int status;
	pid_t pid;

	if (n < 0)
		return -1;
	path[n] = 0;
	snprintf(program, sizeof(program), "%s/race", dirname(path));
	pid = fork();
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(program, program, "--seconds", "5", "--seed", seed,
		      "--threads", threads, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

FIXTURE(race)
{
};

FIXTURE_SETUP(race)
{
}

FIXTURE_TEARDOWN(race)
{
}

/* Writers, migrations, children and unmaps: nothing lost, torn or stale. */
TEST_F_TIMEOUT(race, loses_nothing, VT_LONG)
{
	EXPECT_EQ(0, run_race("1", "2"));
}

/* The same with more threads than processors, and other dice. */
TEST_F_TIMEOUT(race, loses_nothing_crowded, VT_LONG)
{
	EXPECT_EQ(0, run_race("20", "4"));
}

TEST_HARNESS_MAIN
