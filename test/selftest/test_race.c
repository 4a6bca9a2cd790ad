// SPDX-License-Identifier: GPL-2.0-only
/*
 * The race program runs for a few seconds, with seeds that stay the same.
 *
 * Run it by hand for longer, see stress/race.c.
 */
#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

static int run_race(const char *seed, const char *threads)
{
	return vt_run_program((const char *[]){ "race", "--seconds", "5", "--seed",
					seed, "--threads", threads, NULL });
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
