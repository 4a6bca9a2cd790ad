// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of queues refuse bad arguments, each with its exact errno, and a call that
 * is refused changes nothing.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_queue.h"

#define SEED	431
#define SLOTS	8

/* Where the memory is, so that commands are constants. */
#define BASE	0x100000000000ULL
#define PAGES	8
#define LEN	(PAGES * VT_PAGE)
#define HOLE	(BASE + 6 * VT_PAGE)
#define NONE	(BASE + 7 * VT_PAGE)
#define KERNEL	0xffff888000000000ULL
#define BETWEEN	0x4000000000000000ULL
#define TOP	(-VT_PAGE)
#define WIDE	(1ULL << 62)

/* Descriptors that the test opens. */
#define CLOSED	700
#define PIPE	701
#define FILE_	702

struct ground {
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
};

static int ground_make(struct ground *g)
{
	int pipe_[2];

	if (VT_BAD(vsvm_open(0, &g->v)))
		return -1;
	g->mem = mmap((void *)BASE, LEN, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (VT_BAD(g->mem != (void *)BASE))
		return -1;
	vt_fill(g->mem, LEN, SEED, 0);
	if (VT_BAD(munmap((void *)HOLE, VT_PAGE) ||
		   mprotect((void *)NONE, VT_PAGE, PROT_NONE)))
		return -1;
	if (VT_BAD(pipe(pipe_) || dup2(pipe_[1], PIPE) < 0 || close(CLOSED) == 0 ||
		   dup2(vsvm_fd(g->v), FILE_) < 0))
		return -1;
	return vt_queue_make(&g->q, g->v, SLOTS);
}

/* 0 when nothing was done, nothing is left to do, and the queue works. */
static int ground_check(struct ground *g)
{
	struct drm_vsvm_queue_status s;

	if (vt_queue_status(&g->q, &s))
		return -1;
	if (VT_BAD(s.state != DRM_VSVM_QUEUE_IDLE || s.submitted || s.busy))
		return -1;
	if (vt_do(&g->q, NULL, 0))
		return -1;
	return vt_check(g->mem, 6 * VT_PAGE, SEED, 0);
}

FIXTURE(create)
{
	struct ground g;
};

FIXTURE_VARIANT(create)
{
	struct drm_vsvm_queue_create arg;
	int ret;
};

#pragma GCC diagnostic ignored "-Woverride-init"

#define CREATE(name, result, ...)					\
FIXTURE_VARIANT_ADD(create, name)					\
{									\
	.arg = { .slots = 1, .priority = VT_NORMAL, __VA_ARGS__ },	\
	.ret = result,							\
}

CREATE(right, 0, .flags = 0);
CREATE(low, 0, .priority = DRM_VSVM_PRIORITY_LOW);
CREATE(high, 0, .priority = DRM_VSVM_PRIORITY_HIGH);
CREATE(most_slots, 0, .slots = DRM_VSVM_MAX_SLOTS);
CREATE(no_slots, -EINVAL, .slots = 0);
CREATE(many_slots, -EINVAL, .slots = DRM_VSVM_MAX_SLOTS + 1);
CREATE(top_slots, -EINVAL, .slots = ~0U);
CREATE(priority, -EINVAL, .priority = 3);
CREATE(top_priority, -EINVAL, .priority = ~0U);
CREATE(flag, -EINVAL, .flags = 1);
CREATE(top_flag, -EINVAL, .flags = 1U << 31);

FIXTURE_SETUP(create)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(create)
{
	vsvm_close(self->g.v);
}

/* QUEUE_CREATE says so, and there is no queue that was not there. */
TEST_F(create, refused)
{
	struct drm_vsvm_queue_create arg = variant->arg;
	uint32_t id, i;

	arg.queue = 0xbad;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->g.v), DRM_IOCTL_VSVM_QUEUE_CREATE,
					 &arg));
	EXPECT_EQ(!variant->ret, arg.queue != 0 && arg.queue != self->g.q.id);
	if (variant->ret)
		EXPECT_EQ(0, arg.queue);
	for (i = 1 + !variant->ret; i < DRM_VSVM_MAX_QUEUES; i++)
		ASSERT_EQ(0, vsvm_queue_create(self->g.v, VT_NORMAL, 1, &id));
	EXPECT_EQ(-ENOSPC, vsvm_queue_create(self->g.v, VT_NORMAL, 1, &id));
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(command)
{
	struct ground g;
};

FIXTURE_VARIANT(command)
{
	struct drm_vsvm_command c;
	int ret;
};

#define COMMAND(name, result, kind, ...)				\
FIXTURE_VARIANT_ADD(command, name)					\
{									\
	.c = { .op = DRM_VSVM_COMMAND_##kind, __VA_ARGS__ },		\
	.ret = result,							\
}

COMMAND(op, -EINVAL, COPY, .op = 8);
COMMAND(top_op, -EINVAL, COPY, .op = ~0U);
COMMAND(flag, -EINVAL, BARRIER, .flags = 1);
COMMAND(top_flag, -EINVAL, BARRIER, .flags = 1U << 31);

/* A command is an op and the members of the union, one after the other. */
#define COPY(name, result, to, from, len, ...)				\
	COMMAND(copy_##name, result, COPY, .raw = { to, from, len, __VA_ARGS__ })

COPY(no_length, -EINVAL, BASE, BASE + VT_PAGE, 0);
COPY(onto_itself, -EINVAL, BASE, BASE, 1);
COPY(overlaps_behind, -EINVAL, BASE + 9, BASE, 10);
COPY(overlaps_before, -EINVAL, BASE, BASE + 9, 10);
COPY(overlaps_far, -EINVAL, BASE, BASE + VT_PAGE, VT_PAGE + 1);
COPY(wraps_from, -EINVAL, BASE, TOP, VT_PAGE + 1);
COPY(wraps_to, -EINVAL, TOP, BASE, VT_PAGE + 1);
COPY(from_kernel, -EFAULT, BASE, KERNEL, 1);
COPY(to_kernel, -EFAULT, KERNEL, BASE, 1);
COPY(from_between, -EFAULT, BASE, BETWEEN, 1);
COPY(to_between, -EFAULT, BETWEEN, BASE, 1);
COPY(beyond_user, -EFAULT, BASE + WIDE / 2, BASE, WIDE / 4);
COPY(raw_3, -EINVAL, BASE, BASE + VT_PAGE, 1, 1);
COPY(raw_6, -EINVAL, BASE, BASE + VT_PAGE, 1, 0, 0, 0, 1);

#define FILL(name, result, at, length, what, n, ...)			\
	COMMAND(fill_##name, result, FILL, .fill = {			\
		.addr = at, .len = length, .value = what, .size = n, __VA_ARGS__ })

FILL(no_length, -EINVAL, BASE, 0, 0, 1);
FILL(size_0, -EINVAL, BASE, 8, 0, 0);
FILL(size_3, -EINVAL, BASE, 9, 0, 3);
FILL(size_16, -EINVAL, BASE, 16, 0, 16);
FILL(top_size, -EINVAL, BASE, 8, 0, ~0U);
FILL(unaligned_2, -EINVAL, BASE + 1, 2, 0, 2);
FILL(unaligned_4, -EINVAL, BASE + 2, 4, 0, 4);
FILL(unaligned_8, -EINVAL, BASE + 4, 8, 0, 8);
FILL(length_2, -EINVAL, BASE, 3, 0, 2);
FILL(length_4, -EINVAL, BASE, 6, 0, 4);
FILL(length_8, -EINVAL, BASE, 12, 0, 8);
FILL(wide_1, -EINVAL, BASE, 1, 0x100, 1);
FILL(wide_2, -EINVAL, BASE, 2, 0x10000, 2);
FILL(wide_4, -EINVAL, BASE, 4, 1ULL << 32, 4);
FILL(negative_4, -EINVAL, BASE, 4, ~0ULL, 4);
FILL(pad, -EINVAL, BASE, 1, 0, 1, .pad = 1);
FILL(wraps, -EINVAL, TOP, VT_PAGE + 1, 0, 1);
FILL(kernel, -EFAULT, KERNEL, 1, 0, 1);
FILL(between, -EFAULT, BETWEEN, 1, 0, 1);
FILL(beyond_user, -EFAULT, BASE, WIDE, 0, 1);
COMMAND(fill_raw_4, -EINVAL, FILL, .raw = { BASE, 1, 0, 1, 1 });
COMMAND(fill_raw_6, -EINVAL, FILL, .raw = { BASE, 1, 0, 1, 0, 0, 1 });

#define ATOMIC(name, res, at, n, ...)					\
	COMMAND(atomic_##name, res, ATOMIC, .atomic = {			\
		.addr = at, .size = n, .operand = 1, __VA_ARGS__ })

ATOMIC(op, -EINVAL, BASE, 8, .op = 8);
ATOMIC(top_op, -EINVAL, BASE, 8, .op = ~0U);
ATOMIC(size_0, -EINVAL, BASE, 0);
ATOMIC(size_1, -EINVAL, BASE, 1);
ATOMIC(size_2, -EINVAL, BASE, 2);
ATOMIC(size_16, -EINVAL, BASE, 16);
ATOMIC(top_size, -EINVAL, BASE, ~0U);
ATOMIC(unaligned_8, -EINVAL, BASE + 4, 8);
ATOMIC(unaligned_4, -EINVAL, BASE + 2, 4);
ATOMIC(wide_operand, -EINVAL, BASE, 4, .operand = 1ULL << 32);
ATOMIC(wide_compare, -EINVAL, BASE, 4, .op = DRM_VSVM_ATOMIC_CAS, .compare = 1ULL << 32);
ATOMIC(compare_with_add, -EINVAL, BASE, 8, .compare = 1);
ATOMIC(compare_with_max, -EINVAL, BASE, 8, .op = DRM_VSVM_ATOMIC_MAX, .compare = 1);
ATOMIC(unaligned_result_8, -EINVAL, BASE, 8, .result = BASE + 12);
ATOMIC(unaligned_result_4, -EINVAL, BASE, 4, .result = BASE + 10);
ATOMIC(kernel, -EFAULT, KERNEL, 8);
ATOMIC(between, -EFAULT, BETWEEN, 8);
ATOMIC(result_in_kernel, -EFAULT, BASE, 8, .result = KERNEL);
ATOMIC(result_between, -EFAULT, BASE, 8, .result = BETWEEN);
COMMAND(atomic_raw_5, -EINVAL, ATOMIC, .raw = { BASE, 1, 0, 0, 8ULL << 32, 1 });
COMMAND(atomic_raw_6, -EINVAL, ATOMIC, .raw = { BASE, 1, 0, 0, 8ULL << 32, 0, 1 });

#define PREFETCH(name, result, at, length, where, ...)			\
	COMMAND(prefetch_##name, result, PREFETCH, .prefetch = {	\
		.addr = at, .len = length, .target = where, __VA_ARGS__ })

PREFETCH(no_length, -EINVAL, BASE, 0, DRM_VSVM_TARGET_DEVICE);
PREFETCH(unaligned, -EINVAL, BASE + 8, VT_PAGE, DRM_VSVM_TARGET_DEVICE);
PREFETCH(length, -EINVAL, BASE, VT_PAGE + 8, DRM_VSVM_TARGET_DEVICE);
PREFETCH(target, -EINVAL, BASE, VT_PAGE, 3);
PREFETCH(top_target, -EINVAL, BASE, VT_PAGE, ~0U);
PREFETCH(flags, -EINVAL, BASE, VT_PAGE, DRM_VSVM_TARGET_DEVICE, .flags = 2);
PREFETCH(top_flag, -EINVAL, BASE, VT_PAGE, DRM_VSVM_TARGET_DEVICE, .flags = 1U << 31);
PREFETCH(fills_system, -EINVAL, BASE, VT_PAGE, DRM_VSVM_TARGET_SYSTEM,
	 .flags = DRM_VSVM_MIGRATE_POPULATE);
PREFETCH(wraps, -EINVAL, TOP, 2 * VT_PAGE, DRM_VSVM_TARGET_DEVICE);
PREFETCH(kernel, -EFAULT, KERNEL, VT_PAGE, DRM_VSVM_TARGET_DEVICE);
PREFETCH(between, -EFAULT, BETWEEN, VT_PAGE, DRM_VSVM_TARGET_DEVICE);
PREFETCH(beyond_user, -EFAULT, BASE, WIDE, DRM_VSVM_TARGET_DEVICE);
COMMAND(prefetch_raw_3, -EINVAL, PREFETCH, .raw = { BASE, VT_PAGE, 1, 1 });
COMMAND(prefetch_raw_6, -EINVAL, PREFETCH, .raw = { BASE, VT_PAGE, 1, 0, 0, 0, 1 });

#define WAIT_(name, result, at, ...)					\
	COMMAND(wait_##name, result, WAIT, .wait = {			\
		.addr = at, .mask = 1, .op = DRM_VSVM_WAIT_LE, .value = 1, __VA_ARGS__ })

WAIT_(unaligned, -EINVAL, BASE + 4);
WAIT_(mask, -EINVAL, BASE, .mask = 0);
WAIT_(op, -EINVAL, BASE, .op = 6);
WAIT_(top_op, -EINVAL, BASE, .op = ~0U);
WAIT_(pad, -EINVAL, BASE, .pad = 1);
WAIT_(kernel, -EFAULT, KERNEL);
WAIT_(between, -EFAULT, BETWEEN);
COMMAND(wait_raw_4, -EINVAL, WAIT, .raw = { BASE, 0, 1, DRM_VSVM_WAIT_GE, 1 });
COMMAND(wait_raw_6, -EINVAL, WAIT, .raw = { BASE, 0, 1, DRM_VSVM_WAIT_GE, 0, 0, 1 });

#define SIGNAL(name, result, at, ...)					\
	COMMAND(signal_##name, result, SIGNAL, .signal = {		\
		.addr = at, .value = 1, .eventfd = -1, __VA_ARGS__ })

SIGNAL(unaligned, -EINVAL, BASE + 4);
SIGNAL(pad, -EINVAL, BASE, .pad = 1);
SIGNAL(closed, -EBADF, BASE, .eventfd = CLOSED);
SIGNAL(minus_2, -EBADF, BASE, .eventfd = -2);
SIGNAL(least_fd, -EBADF, BASE, .eventfd = INT32_MIN);
SIGNAL(pipe, -EINVAL, BASE, .eventfd = PIPE);
SIGNAL(the_node, -EINVAL, BASE, .eventfd = FILE_);
SIGNAL(kernel, -EFAULT, KERNEL);
SIGNAL(between, -EFAULT, BETWEEN);
COMMAND(signal_raw_3, -EINVAL, SIGNAL, .raw = { BASE, 1, 0xffffffff, 1 });
COMMAND(signal_raw_6, -EINVAL, SIGNAL, .raw = { BASE, 1, 0xffffffff, 0, 0, 0, 1 });

#define RUN(name, result_, ...)						\
	COMMAND(run_##name, result_, RUN, .run = {			\
		.pc = BASE, .budget = 1, __VA_ARGS__ })

RUN(odd_pc, -EINVAL, .pc = BASE + 1);
RUN(no_budget, -EINVAL, .budget = 0);
RUN(unaligned_args, -EINVAL, .args = BASE + 4);
RUN(unaligned_result, -EINVAL, .result = BASE + 4);
RUN(kernel, -EFAULT, .pc = KERNEL);
RUN(kernel_args, -EFAULT, .args = KERNEL);
RUN(kernel_result, -EFAULT, .result = KERNEL);
COMMAND(run_raw_5, -EINVAL, RUN, .raw = { BASE, 0, 0, 1, 0, 1 });
COMMAND(run_raw_6, -EINVAL, RUN, .raw = { BASE, 0, 0, 1, 0, 0, 1 });

COMMAND(barrier_raw_0, -EINVAL, BARRIER, .raw = { 1 });
COMMAND(barrier_raw_6, -EINVAL, BARRIER, .raw = { 0, 0, 0, 0, 0, 0, 1 });

FIXTURE_SETUP(command)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(command)
{
	vsvm_close(self->g.v);
}

static int submit(struct ground *g, const struct drm_vsvm_command *c, unsigned int nr)
{
	struct drm_vsvm_submit arg = {
		.commands = (uintptr_t)c,
		.nr_commands = nr,
		.queue = g->q.id,
		.seq = 0xbad,
	};
	int ret = vt_ioctl(vsvm_fd(g->v), DRM_IOCTL_VSVM_SUBMIT, &arg);

	if (ret && arg.seq)
		return vt_wrong("a refused job has the number %llu",
				(unsigned long long)arg.seq);
	return ret;
}

/* A command that is wrong in itself is refused, alone or among others. */
TEST_F(command, refused)
{
	struct drm_vsvm_command fill = vsvm_cmd_fill((void *)BASE, 8, 0, 8);
	struct drm_vsvm_command first[] = { variant->c, fill, fill };
	struct drm_vsvm_command last[] = { fill, fill, variant->c };

	EXPECT_EQ(variant->ret, submit(&self->g, &variant->c, 1));
	EXPECT_EQ(variant->ret, submit(&self->g, first, 3));
	EXPECT_EQ(variant->ret, submit(&self->g, last, 3));
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(submit)
{
	struct ground g;
};

FIXTURE_VARIANT(submit)
{
	struct drm_vsvm_submit arg;
	bool other_queue;	/* and not the one that is there */
	int ret;
};

/* The commands are at the start of the memory. */
#define SUBMIT(name, result, ...)					\
FIXTURE_VARIANT_ADD(submit, name)					\
{									\
	.arg = { .commands = BASE, .nr_commands = 1, __VA_ARGS__ },	\
	.ret = result,							\
}

SUBMIT(no_commands, -EINVAL, .nr_commands = 0);
SUBMIT(many_commands, -EINVAL, .nr_commands = SLOTS + 1);
SUBMIT(top_commands, -EINVAL, .nr_commands = ~0U);
SUBMIT(flag, -EINVAL, .flags = 1);
SUBMIT(top_flag, -EINVAL, .flags = 1U << 31);
SUBMIT(pad, -EINVAL, .pad = 1);
SUBMIT(hole, -EFAULT, .commands = HOLE);
SUBMIT(up_to_a_hole, -EFAULT, .commands = HOLE - 64, .nr_commands = 2);
SUBMIT(prot_none, -EFAULT, .commands = NONE);
SUBMIT(null, -EFAULT, .commands = 0);
SUBMIT(kernel, -EFAULT, .commands = KERNEL);
SUBMIT(between, -EFAULT, .commands = BETWEEN);
SUBMIT(last_page, -EFAULT, .commands = TOP);

FIXTURE_SETUP(submit)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(submit)
{
	vsvm_close(self->g.v);
}

/* SUBMIT refuses it, and no command is done. */
TEST_F(submit, refused)
{
	struct drm_vsvm_command *c = (struct drm_vsvm_command *)self->g.mem;
	struct drm_vsvm_submit arg = variant->arg;
	unsigned int i;

	for (i = 0; i < 6 * VT_PAGE / sizeof(*c); i++)
		c[i] = vsvm_cmd_fill(self->g.mem, LEN / 2, 0, 8);
	arg.queue = self->g.q.id;
	arg.seq = 0xbad;
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->g.v), DRM_IOCTL_VSVM_SUBMIT, &arg));
	EXPECT_EQ(0, arg.seq);
	vt_fill(self->g.mem, 6 * VT_PAGE, SEED, 0);
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(wait)
{
	struct ground g;
};

FIXTURE_VARIANT(wait)
{
	struct drm_vsvm_wait arg;
	int ret;
};

#define WAIT(name, result, at, ...)					\
FIXTURE_VARIANT_ADD(wait, name)						\
{									\
	.arg = { .addr = at, .mask = 1, .value = 1, .op = DRM_VSVM_WAIT_LE,	\
		 __VA_ARGS__ },						\
	.ret = result,							\
}

WAIT(right, 0, BASE, .pad = 0);
WAIT(unaligned, -EINVAL, BASE + 4);
WAIT(mask, -EINVAL, BASE, .mask = 0);
WAIT(op, -EINVAL, BASE, .op = 6);
WAIT(top_op, -EINVAL, BASE, .op = ~0U);
WAIT(flag, -EINVAL, BASE, .flags = 1);
WAIT(top_flag, -EINVAL, BASE, .flags = 1U << 31);
WAIT(pad, -EINVAL, BASE, .pad = 1);
WAIT(hole, -EFAULT, HOLE);
WAIT(prot_none, -EFAULT, NONE);
WAIT(null, -EFAULT, 0);
WAIT(kernel, -EFAULT, KERNEL);
WAIT(between, -EFAULT, BETWEEN);
WAIT(last_page, -EFAULT, TOP);
WAIT(queue, -ENOENT, BASE, .queue = 12345);
WAIT(top_queue, -ENOENT, BASE, .queue = ~0U);

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(wait)
{
	vsvm_close(self->g.v);
}

/* WAIT refuses it, with or without time to wait. */
TEST_F(wait, refused)
{
	struct drm_vsvm_wait arg = variant->arg;

	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->g.v), DRM_IOCTL_VSVM_WAIT, &arg));
	arg.deadline = vt_queue_deadline();
	EXPECT_EQ(variant->ret, vt_ioctl(vsvm_fd(self->g.v), DRM_IOCTL_VSVM_WAIT, &arg));
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(number)
{
	struct ground g;
};

FIXTURE_SETUP(number)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(number)
{
	vsvm_close(self->g.v);
}

/* No call works on a queue that is not there. */
TEST_F(number, unknown)
{
	const uint32_t numbers[] = { 0, self->g.q.id + 1, self->g.q.id + 64, 1U << 31, ~0U };
	struct drm_vsvm_command c = vsvm_cmd_fill((void *)BASE, 8, 0, 8);
	struct drm_vsvm_queue_status s;
	uint32_t queue = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		EXPECT_EQ(-ENOENT, vsvm_submit(self->g.v, numbers[i], &c, 1, NULL));
		EXPECT_EQ(-ENOENT, vsvm_queue_status(self->g.v, numbers[i], &s));
		EXPECT_EQ(0, s.submitted);
		EXPECT_EQ(-ENOENT, vsvm_queue_destroy(self->g.v, numbers[i]));
	}
	EXPECT_EQ(0, ground_check(&self->g));
	/* None of it frees the number that is no queue's. */
	ASSERT_EQ(0, vsvm_queue_create(self->g.v, VT_NORMAL, 1, &queue));
	EXPECT_NE(0, queue);
}

/* A pad of QUEUE_DESTROY has to be zero; the queue stays. */
TEST_F(number, destroy_pad)
{
	struct drm_vsvm_queue_destroy arg = { .queue = self->g.q.id, .pad = 1 };

	EXPECT_EQ(-EINVAL, vt_ioctl(vsvm_fd(self->g.v), DRM_IOCTL_VSVM_QUEUE_DESTROY, &arg));
	EXPECT_EQ(0, ground_check(&self->g));
}

/* What a job names is not looked at before it is done. */
TEST_F(number, submit_touches_nothing)
{
	uint64_t *gate = vt_map(VT_PAGE, VT_SMALL);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_copy((void *)BASE, (void *)HOLE, 8),
		vsvm_cmd_fill((void *)NONE, 8, 0, 8),
		vsvm_cmd_signal((void *)HOLE, 1, -1),
		vsvm_cmd_wait(NULL, 1, 1, DRM_VSVM_WAIT_EQ),
	};

	ASSERT_NE(NULL, gate);
	ASSERT_EQ(0, vt_hold(&self->g.q, gate));
	EXPECT_EQ(0, vt_submit(&self->g.q, job, 4));
	EXPECT_EQ(0, vt_queue_becomes(&self->g.q, DRM_VSVM_QUEUE_WAITING));
	EXPECT_EQ(0, vsvm_queue_destroy(self->g.v, self->g.q.id));
}

TEST_HARNESS_MAIN
