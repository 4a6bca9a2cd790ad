// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer for VSVM_CALLS calls (20000), with a seed that stays the same
 * unless VSVM_SEED is given. Run it by hand with others, see fuzz/fuzz.c.
 */
#include <libgen.h>
#include <limits.h>

#include <kselftest_harness.h>

#include "vsvm_test.h"

/* Seconds for a million calls on the debug kernel, and some more. */
#define LIMIT	3600

static int run_fuzz(void)
{
	char path[PATH_MAX], program[PATH_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int status;
	pid_t pid;

	if (n < 0)
		return -1;
	path[n] = 0;
	snprintf(program, sizeof(program), "%s/fuzz", dirname(path));
	setenv("VSVM_SEED", "1", 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(program, program, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

FIXTURE(fuzz)
{
	struct vt_module module;
};

FIXTURE_VARIANT(fuzz)
{
	unsigned int vram_mib;		/* 0: as it is */
};

FIXTURE_VARIANT_ADD(fuzz, roomy)
{
};

/* Less than the processes want: there is always somebody to evict. */
FIXTURE_VARIANT_ADD(fuzz, tight)
{
	.vram_mib = 8,
};

FIXTURE_SETUP(fuzz)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	if (!variant->vram_mib)
		return;
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(2, variant->vram_mib));
}

FIXTURE_TEARDOWN_PARENT(fuzz)
{
	if (!variant->vram_mib)
		return;
	vt_module_unload();
	vt_module_load(self->module.devices, self->module.vram_mib);
}

/* Only errnos that the header names, sound results, and no byte lost. */
TEST_F_TIMEOUT(fuzz, finds_nothing, LIMIT)
{
	EXPECT_EQ(0, run_fuzz());
}

TEST_HARNESS_MAIN
