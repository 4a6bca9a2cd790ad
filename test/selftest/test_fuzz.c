// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer makes VSVM_CALLS calls (20000), with a seed that stays the same unless
 * VSVM_SEED is given.
 *
 * Run it by hand with other seeds, see stress/fuzz/fuzz.c.
 */
#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

/* Seconds for a million calls on the debug kernel, and some more. */
#define LIMIT	3600

static int run_fuzz(void)
{
	setenv("VSVM_SEED", "1", 0);
	return vt_run_program((const char *[]){ "fuzz", NULL });
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

/* Less than the processes want: there is always a block to evict. */
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
