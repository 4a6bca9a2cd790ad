// SPDX-License-Identifier: GPL-2.0-only
/*
 * ADVISE and ADVICE_GET refuse bad arguments, each with its exact errno, and a refused
 * call changes nothing.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(16 * VT_PAGE)
#define FAR	(1ULL << 63)
#define WAS	77

#define LOCATION	DRM_VSVM_ADVISE_LOCATION
#define MAY		DRM_VSVM_ADVISE_MAY
#define ATOMICS		DRM_VSVM_ADVISE_ATOMICS
#define ON_FAULT	DRM_VSVM_ADVISE_ON_FAULT
#define GRANULARITY	DRM_VSVM_ADVISE_GRANULARITY
#define WORD		DRM_VSVM_ADVISE_WORD

FIXTURE(advise)
{
	struct vsvm *v;
	char *mem;
};

/* What differs from an ADVISE that is right. */
FIXTURE_VARIANT(advise)
{
	struct drm_vsvm_advise arg;	/* addr: offset in the memory */
	bool file;
	int ret;
};

#define ADVISE(name, result, ...)					\
FIXTURE_VARIANT_ADD(advise, name)					\
{									\
	.arg = { .len = VT_PAGE, .set = WORD, __VA_ARGS__ },		\
	.ret = result,							\
}

#define ADVISE_FILE(name, result, ...)					\
FIXTURE_VARIANT_ADD(advise, name)					\
{									\
	.arg = { .set = WORD, .flags = DRM_VSVM_ADVISE_FILE, __VA_ARGS__ }, \
	.file = true,							\
	.ret = result,							\
}

#pragma GCC diagnostic ignored "-Woverride-init"

/* A location, a granularity, a count, each with what sets it. */
#define AT(where, number)						\
	.set = LOCATION, .advice.location = DRM_VSVM_LOCATION_##where,	\
	.advice.device = (number)
#define GRANULE(bytes)							\
	.set = GRANULARITY, .advice.granularity = (bytes)
#define COUNT(way, number)						\
	.set = ON_FAULT, .advice.on_fault = DRM_VSVM_ON_FAULT_##way,	\
	.advice.count = (number)

ADVISE(right, 0, .advice.word = 1);
ADVISE(nothing_set, -EINVAL, .set = 0);
ADVISE(unknown_set, -EINVAL, .set = 2 * WORD);
ADVISE(top_set, -EINVAL, .set = WORD | 1U << 31);
ADVISE(flags, -EINVAL, .flags = 2);
ADVISE(top_flag, -EINVAL, .flags = 1U << 31);
ADVISE(no_length, -EINVAL, .len = 0);
ADVISE(unaligned_addr, -EINVAL, .addr = 1);
ADVISE(unaligned_len, -EINVAL, .len = VT_PAGE + 1);
ADVISE(wraps, -EINVAL, .len = -VT_PAGE);
ADVISE(kernel_address, -EFAULT, .addr = FAR);
ADVISE(nothing_mapped, -EFAULT, .addr = 5 * VT_PAGE);
ADVISE(beyond_the_mapping, -EFAULT, .addr = 4 * VT_PAGE, .len = 2 * VT_PAGE);
ADVISE(over_a_hole, -EFAULT, .addr = 3 * VT_PAGE, .len = 4 * VT_PAGE);
ADVISE(count_of_nothing, -EINVAL, .advice.count = 1);
ADVISE(count_without_counting, -EINVAL, COUNT(MIGRATE, 1));
ADVISE(count, 0, COUNT(COUNTED, 65535));
ADVISE(large_count, -EINVAL, COUNT(COUNTED, 65536));
ADVISE(location, -EINVAL, .set = LOCATION, .advice.location = 5);
ADVISE(top_location, -EINVAL, .set = LOCATION, .advice.location = ~0U);
ADVISE(device_of_nowhere, -EINVAL, .set = LOCATION, .advice.device = 1);
ADVISE(device_here, -EINVAL, AT(HERE, 1));
ADVISE(other_device, 0, AT(DEVICE, 1));
ADVISE(no_such_device, -ENXIO, AT(DEVICE, 16));
ADVISE(top_device, -ENXIO, AT(DEVICE, ~0U));
ADVISE(may, -EINVAL, .set = MAY, .advice.may = 4);
ADVISE(atomics, -EINVAL, .set = ATOMICS, .advice.atomics = 4);
ADVISE(on_fault, -EINVAL, .set = ON_FAULT, .advice.on_fault = 4);
ADVISE(small_granularity, -EINVAL, GRANULE(2048));
ADVISE(large_granularity, -EINVAL, GRANULE(2 * VT_HUGE));
ADVISE(odd_granularity, -EINVAL, GRANULE(3 * VT_PAGE));
ADVISE(top_granularity, -EINVAL, GRANULE(1ULL << 63));
ADVISE(location_not_set, -EINVAL, .advice.location = 1);
ADVISE(may_not_set, -EINVAL, .advice.may = 1);
ADVISE(atomics_not_set, -EINVAL, .advice.atomics = 1);
ADVISE(on_fault_not_set, -EINVAL, .advice.on_fault = 1);
ADVISE(granularity_not_set, -EINVAL, .advice.granularity = VT_PAGE);
ADVISE(word_not_set, -EINVAL, .set = MAY, .advice.word = 1);
ADVISE_FILE(file_right, 0, .advice.word = 1);
ADVISE_FILE(file_addr, -EINVAL, .addr = VT_PAGE);
ADVISE_FILE(file_len, -EINVAL, .len = VT_PAGE);
ADVISE_FILE(file_location, -EINVAL, .set = LOCATION, .advice.location = 5);

static const struct drm_vsvm_advice was = { .word = WAS };

FIXTURE_SETUP(advise)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, munmap(self->mem + 5 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, 5 * VT_PAGE, WORD, &was));
	ASSERT_EQ(0, vsvm_advise_file(self->v, WORD, &was));
}

VT_TEARDOWN_CLOSE(advise)

TEST_F(advise, refused)
{
	struct drm_vsvm_advise arg = variant->arg;
	struct drm_vsvm_advice_run runs[8];
	struct drm_vsvm_advice file;
	uint32_t nr = VT_COUNT(runs);

	if (!variant->file && arg.addr != FAR)
		arg.addr += (uintptr_t)self->mem;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->v),
					 DRM_IOCTL_VSVM_ADVISE, &arg));
	if (!variant->ret)
		return;
	ASSERT_EQ(0, vsvm_advice_get(self->v, self->mem, LEN, runs, &nr, NULL));
	ASSERT_EQ(2, nr);
	EXPECT_EQ(5 * VT_PAGE, runs[0].len);
	EXPECT_EQ(0, memcmp(&was, &runs[0].advice, sizeof(was)));
	EXPECT_EQ(0, runs[1].advice.word);
	ASSERT_EQ(0, vsvm_advice_file(self->v, &file));
	EXPECT_EQ(0, memcmp(&was, &file, sizeof(was)));
}

FIXTURE(get)
{
	struct vsvm *v;
	char *mem;
	struct drm_vsvm_advice_run runs[2];
};

FIXTURE_VARIANT(get)
{
	struct drm_vsvm_advice_get arg;	/* addr, runs: offsets */
	int ret;
};

#define GET(name, result, ...)						\
FIXTURE_VARIANT_ADD(get, name)						\
{									\
	.arg = { .len = VT_PAGE, .nr_runs = 2, __VA_ARGS__ },		\
	.ret = result,							\
}

GET(right, 0, .flags = 0);
GET(not_mapped, 0, .addr = VT_HUGE);
GET(flags, -EINVAL, .flags = 2);
GET(top_flag, -EINVAL, .flags = 1U << 31);
GET(no_runs, -EINVAL, .nr_runs = 0);
GET(too_many_runs, -EINVAL, .nr_runs = DRM_VSVM_MAX_ADVICE + 1);
GET(no_length, -EINVAL, .len = 0);
GET(unaligned_addr, -EINVAL, .addr = 1);
GET(unaligned_len, -EINVAL, .len = VT_PAGE + 1);
GET(wraps, -EINVAL, .len = -VT_PAGE);
GET(kernel_address, -EFAULT, .addr = FAR);
GET(file_of_a_range, -EINVAL, .flags = DRM_VSVM_ADVISE_FILE);
GET(runs_in_the_kernel, -EFAULT, .runs = FAR);
GET(runs_nowhere, -EFAULT, .runs = VT_HUGE);

FIXTURE_SETUP(get)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
}

VT_TEARDOWN_CLOSE(get)

TEST_F(get, refused)
{
	struct drm_vsvm_advice_get arg = variant->arg;
	uint64_t addr;

	if (arg.addr != FAR)
		arg.addr += (uintptr_t)self->mem;
	if (arg.runs == VT_HUGE)
		arg.runs += (uintptr_t)self->mem;
	else if (arg.runs != FAR)
		arg.runs = (uintptr_t)self->runs;
	addr = arg.addr;
	arg.next = 99;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->v),
					 DRM_IOCTL_VSVM_ADVICE_GET, &arg));
	EXPECT_EQ(variant->ret ? 0 : 1, arg.nr_runs);
	EXPECT_EQ(variant->ret ? addr : addr + VT_PAGE, arg.next);
}

TEST_HARNESS_MAIN
