// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hostile program runs for a few seconds, or VSVM_HOSTILE_SECONDS, with VSVM_SEED.
 *
 * Loads the module anew; see stress/hostile.c.
 */
#include <stdlib.h>

#include <kselftest_harness.h>

#include "storm.h"
#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define HOUR	3600

FIXTURE(hostile)
{
	struct vt_module module;
	char seconds[16];
	char seed[32];
};

FIXTURE_SETUP(hostile)
{
	const char *seconds = getenv("VSVM_HOSTILE_SECONDS");

	ASSERT_EQ(0, vt_module_get(&self->module));
	snprintf(self->seconds, sizeof(self->seconds), "%s", seconds ?: "8");
	snprintf(self->seed, sizeof(self->seed), "%llu",
		 (unsigned long long)storm_seed());
}

VT_TEARDOWN_RESTORE(hostile)

/* No other process's memory is read or written, none is killed, all comes back. */
TEST_F_TIMEOUT(hostile, harms_nobody_else, HOUR)
{
	const char *const argv[] = {
		"hostile", "--seconds", self->seconds, "--seed", self->seed,
		NULL
	};

	EXPECT_EQ(0, vt_run_program(argv));
}

/* The same with a device whose memory the CPU reaches, and pipes with it. */
TEST_F_TIMEOUT(hostile, harms_nobody_else_coherent, HOUR)
{
	char coherent[64], where[32];
	const char *const argv[] = {
		"hostile", "--seconds", self->seconds, "--seed", self->seed,
		"--coherent", coherent, NULL
	};

	if (vt_reserved(where, sizeof(where)))
		SKIP(return, "no memory was reserved with memmap=");
	snprintf(coherent, sizeof(coherent), "%s:16M", where);
	EXPECT_EQ(0, vt_run_program(argv));
}

TEST_HARNESS_MAIN
