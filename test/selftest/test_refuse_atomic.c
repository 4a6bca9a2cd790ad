// SPDX-License-Identifier: GPL-2.0-only
/*
 * ATOMIC, EXCLUSIVE, DISCARD, PIN and INJECT refuse bad arguments, each with its exact errno, and a
 * refused call changes nothing.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"

#define SEED	271
#define FAR	(1ULL << 63)

struct target {
	struct vsvm *v;
	char *mem;
};

static int target_make(struct target *t)
{
	if (VT_BAD(vsvm_open(0, &t->v)))
		return -1;
	t->mem = vt_map_filled(t->v, VT_HUGE, VT_SMALL, SEED);
	return t->mem ? 0 : -1;
}

FIXTURE(atomic)
{
	struct target t;
};

/* What differs from an ATOMIC that is right. */
FIXTURE_VARIANT(atomic)
{
	struct drm_vsvm_atomic arg;	/* addr: offset in the memory */
	int ret;
};

#define ATOMIC(name, result, ...)					\
FIXTURE_VARIANT_ADD(atomic, name)					\
{									\
	.arg = { .size = 8, __VA_ARGS__ },				\
	.ret = result,							\
}

#pragma GCC diagnostic ignored "-Woverride-init"

ATOMIC(right, 0, .operand = 1);
ATOMIC(flags, -EINVAL, .flags = 1);
ATOMIC(top_flag, -EINVAL, .flags = 1U << 31);
ATOMIC(pad, -EINVAL, .pad = 1);
ATOMIC(op, -EINVAL, .op = 8);
ATOMIC(top_op, -EINVAL, .op = ~0U);
ATOMIC(size_0, -EINVAL, .size = 0);
ATOMIC(size_1, -EINVAL, .size = 1);
ATOMIC(size_2, -EINVAL, .size = 2);
ATOMIC(size_16, -EINVAL, .size = 16);
ATOMIC(top_size, -EINVAL, .size = ~0U);
ATOMIC(unaligned_u64, -EINVAL, .addr = 4);
ATOMIC(unaligned_u32, -EINVAL, .addr = 2, .size = 4);
ATOMIC(across_pages, -EINVAL, .addr = VT_PAGE - 4);
ATOMIC(wide_operand, -EINVAL, .size = 4, .operand = 1ULL << 32);
ATOMIC(wide_compare, -EINVAL, .size = 4, .op = 2, .compare = 1ULL << 32);
ATOMIC(compare_with_add, -EINVAL, .compare = 1);
ATOMIC(compare_with_xchg, -EINVAL, .op = 1, .compare = 1);
ATOMIC(nothing_mapped, -EFAULT, .addr = VT_HUGE);
ATOMIC(kernel_address, -EFAULT, .addr = FAR);

FIXTURE_SETUP(atomic)
{
	ASSERT_EQ(0, target_make(&self->t));
}

FIXTURE_TEARDOWN(atomic)
{
	vsvm_close(self->t.v);
}

/* The answer, and for a refusal no change anywhere. */
TEST_F(atomic, refused)
{
	struct drm_vsvm_atomic arg = variant->arg;
	uint64_t word;

	memcpy(&word, self->t.mem, 8);
	arg.addr += variant->arg.addr == FAR ? 0 : (uintptr_t)self->t.mem;
	arg.old = ~word;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->t.v),
					 DRM_IOCTL_VSVM_ATOMIC, &arg));
	EXPECT_EQ(variant->ret ? 0 : word, arg.old);
	if (variant->ret)
		EXPECT_EQ(0, vt_check(self->t.mem, VT_HUGE, SEED, 0));
}

FIXTURE(exclusive)
{
	struct target t;
};

FIXTURE_VARIANT(exclusive)
{
	struct drm_vsvm_exclusive arg;
	int ret;
};

#define EXCLUSIVE(name, result, ...)					\
FIXTURE_VARIANT_ADD(exclusive, name)					\
{									\
	.arg = { .len = VT_PAGE, __VA_ARGS__ },				\
	.ret = result,							\
}

EXCLUSIVE(right, 0, .pad = 0);
EXCLUSIVE(flags, -EINVAL, .flags = 1);
EXCLUSIVE(pad, -EINVAL, .pad = 1);
EXCLUSIVE(no_length, -EINVAL, .len = 0);
EXCLUSIVE(unaligned_addr, -EINVAL, .addr = 1);
EXCLUSIVE(unaligned_len, -EINVAL, .len = VT_PAGE + 1);
EXCLUSIVE(wraps, -EINVAL, .len = -VT_PAGE);
EXCLUSIVE(nothing_mapped, -EFAULT, .addr = VT_HUGE);
EXCLUSIVE(kernel_address, -EFAULT, .addr = FAR);

FIXTURE_SETUP(exclusive)
{
	ASSERT_EQ(0, target_make(&self->t));
}

FIXTURE_TEARDOWN(exclusive)
{
	vsvm_close(self->t.v);
}

/* The answer, how far it came, and the memory is as it was. */
TEST_F(exclusive, refused)
{
	struct drm_vsvm_exclusive arg = variant->arg;

	arg.addr += variant->arg.addr == FAR ? 0 : (uintptr_t)self->t.mem;
	arg.done = 77;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->t.v),
					 DRM_IOCTL_VSVM_EXCLUSIVE, &arg));
	EXPECT_EQ(variant->ret ? 0 : VT_PAGE, arg.done);
	EXPECT_EQ(0, vt_check(self->t.mem, VT_HUGE, SEED, 0));
}

FIXTURE(discard)
{
	struct target t;
};

FIXTURE_VARIANT(discard)
{
	struct drm_vsvm_discard arg;
	int ret;
};

#define DISCARD(name, result, ...)					\
FIXTURE_VARIANT_ADD(discard, name)					\
{									\
	.arg = { .len = VT_PAGE, __VA_ARGS__ },				\
	.ret = result,							\
}

DISCARD(right, 0, .pad = 0);
DISCARD(flags, -EINVAL, .flags = 1);
DISCARD(top_flag, -EINVAL, .flags = 1U << 31);
DISCARD(pad, -EINVAL, .pad = 1);
DISCARD(no_length, -EINVAL, .len = 0);
DISCARD(part_of_a_page, -EINVAL, .addr = 8, .len = 8);
DISCARD(unaligned_addr, -EINVAL, .addr = 1);
DISCARD(unaligned_len, -EINVAL, .len = VT_PAGE + 1);
DISCARD(wraps, -EINVAL, .len = -VT_PAGE);
DISCARD(nothing_mapped, -EFAULT, .addr = VT_HUGE);
DISCARD(kernel_address, -EFAULT, .addr = FAR);

FIXTURE_SETUP(discard)
{
	ASSERT_EQ(0, target_make(&self->t));
	ASSERT_EQ(0, vt_to_device(self->t.v, self->t.mem, VT_HUGE));
}

FIXTURE_TEARDOWN(discard)
{
	vsvm_close(self->t.v);
}

/* The answer, how far it came, and what was refused is not discarded. */
TEST_F(discard, refused)
{
	size_t skip = variant->ret ? 0 : VT_PAGE;
	struct drm_vsvm_discard arg = variant->arg;

	arg.addr += variant->arg.addr == FAR ? 0 : (uintptr_t)self->t.mem;
	arg.next = 77;
	arg.discarded = 77;
	arg.absent = 77;
	arg.system = 77;
	arg.peer = 77;
	arg.kept = 77;
	arg.busy = 77;
	arg.unusable = 77;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->t.v),
					 DRM_IOCTL_VSVM_DISCARD, &arg));
	EXPECT_EQ(skip, arg.discarded);
	EXPECT_EQ(0, arg.absent);
	EXPECT_EQ(0, arg.system);
	EXPECT_EQ(0, arg.peer);
	EXPECT_EQ(0, arg.kept);
	EXPECT_EQ(0, arg.busy);
	EXPECT_EQ(arg.next - arg.addr, arg.discarded + arg.unusable);
	EXPECT_EQ(0, vt_check(self->t.mem + skip, VT_HUGE - skip, SEED, skip));
}

FIXTURE(pin)
{
	struct target t;
};

FIXTURE_VARIANT(pin)
{
	struct drm_vsvm_pin arg;
	int ret;
};

#define PIN(name, result, ...)						\
FIXTURE_VARIANT_ADD(pin, name)						\
{									\
	.arg = { .len = VT_PAGE, __VA_ARGS__ },				\
	.ret = result,							\
}

PIN(right, 0, .pad = 0);
PIN(right_release, 0, .flags = DRM_VSVM_PIN_RELEASE);
PIN(flags, -EINVAL, .flags = 2);
PIN(top_flag, -EINVAL, .flags = 1U << 31);
PIN(pad, -EINVAL, .pad = 1);
PIN(no_length, -EINVAL, .len = 0);
PIN(part_of_a_page, -EINVAL, .addr = 8, .len = 8);
PIN(unaligned_addr, -EINVAL, .addr = 1);
PIN(unaligned_len, -EINVAL, .len = VT_PAGE + 1);
PIN(wraps, -EINVAL, .len = -VT_PAGE);
PIN(nothing_mapped, -EFAULT, .addr = VT_HUGE);
PIN(kernel_address, -EFAULT, .addr = FAR);

FIXTURE_SETUP(pin)
{
	ASSERT_EQ(0, target_make(&self->t));
	ASSERT_EQ(0, vt_to_device(self->t.v, self->t.mem, VT_HUGE));
}

FIXTURE_TEARDOWN(pin)
{
	vsvm_close(self->t.v);
}

/* The answer, how far it came, and what was refused is not pinned. */
TEST_F(pin, refused)
{
	bool pins = !variant->ret && !variant->arg.flags;
	struct drm_vsvm_pin arg = variant->arg;

	arg.addr += variant->arg.addr == FAR ? 0 : (uintptr_t)self->t.mem;
	arg.next = 77;
	arg.done = 77;
	arg.elsewhere = 77;
	arg.unusable = 77;
	arg.pinned = 77;
	arg.limit = 77;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->t.v),
					 DRM_IOCTL_VSVM_PIN, &arg));
	EXPECT_EQ(variant->ret ? 0 : VT_PAGE, arg.done);
	EXPECT_EQ(0, arg.elsewhere);
	EXPECT_EQ(arg.next - arg.addr, arg.done + arg.unusable);
	EXPECT_EQ(pins ? VT_HUGE : 0, arg.pinned);
	ASSERT_EQ(0, vsvm_unpin(self->t.v, self->t.mem + VT_PAGE, VT_PAGE, &arg));
	EXPECT_EQ(pins ? VT_HUGE : 0, arg.pinned);
}

FIXTURE(inject)
{
	struct target t;
};

FIXTURE_VARIANT(inject)
{
	struct drm_vsvm_inject arg;
	int ret;
};

/* Points that can do one thing only, or either; a pass that never comes. */
#define FAILS	.name = "dma"
#define PAUSES	.name = "moved"
#define EITHER	.name = "backing"
#define LATE	.nth = 1ULL << 40, .times = 1
#define LONG	DRM_VSVM_PAUSE_MAX

#define INJECT(name, result, ...)					\
FIXTURE_VARIANT_ADD(inject, name)					\
{									\
	.arg = { __VA_ARGS__ },						\
	.ret = result,							\
}

INJECT(query, 0, EITHER, .op = 0);
INJECT(clear, 0, EITHER, .op = 5);
INJECT(fail, 0, EITHER, .op = 1, LATE, .flags = 1);
INJECT(flags, -EINVAL, EITHER, .op = 1, LATE, .flags = 2);
INJECT(flags_with_query, -EINVAL, EITHER, .flags = 1);
INJECT(no_name, -EINVAL, .op = 0);
INJECT(unknown_name, -EINVAL, .name = "backin", .op = 0);
INJECT(longer_name, -EINVAL, .name = "backing-", .op = 0);
INJECT(endless_name, -EINVAL, .name = "backingbackingbackingbackingback");
INJECT(more_after_the_name, 0, .name = "backing\0and more");
INJECT(op, -EINVAL, EITHER, .op = 6);
INJECT(top_op, -EINVAL, EITHER, .op = ~0U);
INJECT(pause, 0, PAUSES, .op = 2, LATE, .timeout_ms = 1);
INJECT(pause_no_nth, -EINVAL, EITHER, .op = 2, .times = 1, .timeout_ms = 1);
INJECT(pause_no_times, -EINVAL, EITHER, .op = 2, .nth = 1, .timeout_ms = 1);
INJECT(pause_no_time, -EINVAL, EITHER, .op = 2, LATE);
INJECT(pause_long, -EINVAL, EITHER, .op = 2, LATE, .timeout_ms = LONG + 1);
INJECT(cannot_pause, -EOPNOTSUPP, FAILS, .op = 2, LATE, .timeout_ms = 1);
INJECT(cannot_fail, -EOPNOTSUPP, PAUSES, .op = 1, LATE);
INJECT(fail_with_time, -EINVAL, EITHER, .op = 1, LATE, .timeout_ms = 1);
INJECT(query_with_time, -EINVAL, EITHER, .timeout_ms = 1);
INJECT(resume, 0, EITHER, .op = 4);
INJECT(resume_with_time, -EINVAL, EITHER, .op = 4, .timeout_ms = 1);
INJECT(cannot_resume, -EOPNOTSUPP, FAILS, .op = 4);
INJECT(wait, -ETIMEDOUT, EITHER, .op = 3, .timeout_ms = 1);
INJECT(wait_without_time, -EINVAL, EITHER, .op = 3);
INJECT(wait_for_long, -EINVAL, EITHER, .op = 3, .timeout_ms = LONG + 1);
INJECT(cannot_wait, -EOPNOTSUPP, FAILS, .op = 3, .timeout_ms = 1);
INJECT(no_nth, -EINVAL, EITHER, .op = 1, .times = 1);
INJECT(no_times, -EINVAL, EITHER, .op = 1, .nth = 1);
INJECT(nth_with_query, -EINVAL, EITHER, .nth = 1);
INJECT(times_with_clear, -EINVAL, EITHER, .op = 5, .times = 1);

FIXTURE_SETUP(inject)
{
	ASSERT_EQ(0, target_make(&self->t));
}

FIXTURE_TEARDOWN(inject)
{
	vsvm_close(self->t.v);
}

/* The answer, and a refused call armed nothing. */
TEST_F(inject, refused)
{
	struct drm_vsvm_inject arg = variant->arg;

	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->t.v),
					 DRM_IOCTL_VSVM_INJECT, &arg));
	EXPECT_EQ(0, vt_to_device(self->t.v, self->t.mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->t.mem, VT_HUGE, SEED, 0));
}

static int inject_as_user(struct vt_child *c, void *arg)
{
	struct drm_vsvm_inject query = {};
	struct vsvm *v;

	(void)c;
	(void)arg;
	if (vsvm_open(0, &v) || setresuid(1000, 1000, 1000))
		return 1;
	return vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_INJECT, &query) == -EACCES ?
	       0 : 2;
}

/* Failures are not for everybody to make. */
TEST(inject_needs_admin)
{
	EXPECT_EQ(0, vt_run(inject_as_user, NULL));
}

TEST_HARNESS_MAIN
