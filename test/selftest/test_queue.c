// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the commands of a queue do to memory, to the byte, wherever its pages are.
 *
 * And in which order: of one queue one after the other, of two queues independently.
 * test_queue_fence.c has SIGNAL and WAIT, test_queue_lost.c what cannot be done.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_queue.h"

#define LEN	(3 * VT_HUGE)
#define SEED	401
#define OTHER	402
#define EDGE	64	/* bytes beside a range that are looked at */

#define DEVICE	DRM_VSVM_TARGET_DEVICE
#define SYSTEM	DRM_VSVM_TARGET_SYSTEM

FIXTURE(copy)
{
	struct vsvm *v;
	struct vt_queue q;
	char *from;
	char *to;
};

FIXTURE_VARIANT(copy)
{
	enum vt_kind kind;
	bool from_device;
	bool to_device;
};

#define COPY(name, k, from, to)						\
FIXTURE_VARIANT_ADD(copy, name)						\
{									\
	.kind = k,							\
	.from_device = from,						\
	.to_device = to,						\
}

COPY(system_system_4k, VT_SMALL, false, false);
COPY(system_system_2m, VT_LARGE, false, false);
COPY(system_device_4k, VT_SMALL, false, true);
COPY(system_device_2m, VT_LARGE, false, true);
COPY(device_system_4k, VT_SMALL, true, false);
COPY(device_system_2m, VT_LARGE, true, false);
COPY(device_device_4k, VT_SMALL, true, true);
COPY(device_device_2m, VT_LARGE, true, true);

FIXTURE_SETUP(copy)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->from, LEN, variant->kind, SEED,
				    variant->from_device));
	self->to = vt_map_filled(self->v, LEN, variant->kind, OTHER);
	ASSERT_NE(NULL, self->to);
	if (variant->to_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->to, LEN));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 16));
}

VT_TEARDOWN_CLOSE(copy)

/* Ranges worth trying: at and across the edges of pages, of 2M and of all. */
static const struct {
	size_t to;
	size_t from;
	size_t len;
} ranges[] = {
	{ 0, 0, 1 },
	{ 1, 0, 1 },
	{ 0, 1, 7 },
	{ VT_PAGE - 1, VT_PAGE, 1 },
	{ VT_PAGE - 1, VT_PAGE - 1, 2 },
	{ VT_PAGE - 1, VT_PAGE - 2, 3 },
	{ VT_PAGE, 3 * VT_PAGE, VT_PAGE },
	{ VT_PAGE - 3, 5, VT_PAGE + 6 },
	{ 5, VT_PAGE - 3, VT_PAGE + 6 },
	{ 5 * VT_PAGE + 123, 7 * VT_PAGE + 4001, 17 * VT_PAGE + 1001 },
	{ VT_HUGE - 1, VT_HUGE - 1, 2 },
	{ VT_HUGE - 1, 0, 2 },
	{ 0, VT_HUGE - 1, 2 },
	{ VT_HUGE - VT_PAGE, VT_HUGE, 2 * VT_PAGE },
	{ VT_HUGE - 5, VT_HUGE - 6, VT_HUGE + 11 },
	{ VT_HUGE - 5, 3 * VT_PAGE + 1, VT_HUGE + 10 },
	{ 2 * VT_HUGE + 1, 1, VT_HUGE - 2 },
	{ LEN - 1, LEN - 1, 1 },
	{ 0, LEN - VT_PAGE - 1, VT_PAGE + 1 },
	{ LEN - VT_PAGE - 1, 0, VT_PAGE + 1 },
};

#define IN(on_device) ((on_device) ? DRM_VSVM_PLACE_DEVICE : DRM_VSVM_PLACE_SYSTEM)

/* The bytes beside a range, which are of the pattern OTHER. */
static int edges(struct vsvm *v, const char *mem, size_t at, size_t len)
{
	size_t before = at < EDGE ? at : EDGE;
	size_t behind = LEN - at - len < EDGE ? LEN - at - len : EDGE;

	return vt_dev_check(v, mem + at - before, before, OTHER, at - before) ||
	       vt_dev_check(v, mem + at + len, behind, OTHER, at + len);
}

/* COPY changes the bytes of its range and none beside them, and moves nothing. */
TEST_F_TIMEOUT(copy, bytes, VT_LONG)
{
	size_t i, to, len;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		to = ranges[i].to;
		len = ranges[i].len;
		ASSERT_EQ(0, vt_copy(&self->q, self->to + to, self->from + ranges[i].from, len));
		ASSERT_EQ(0, vt_dev_check(self->v, self->to + to, len, SEED,
					  ranges[i].from));
		ASSERT_EQ(0, edges(self->v, self->to, to, len));
		ASSERT_EQ(0, vt_dev_fill(self->v, self->to + to, len, OTHER, to));
	}
	EXPECT_EQ(0, vt_all_in(self->v, self->from, LEN, IN(variant->from_device),
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, self->to, LEN, IN(variant->to_device),
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->from, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->to, LEN, OTHER, 0));
}

/* All of it, and the CPU sees it without any other call. */
TEST_F_TIMEOUT(copy, all, VT_LONG)
{
	ASSERT_EQ(0, vt_copy(&self->q, self->to, self->from, LEN));
	EXPECT_EQ(0, vt_check(self->to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->from, LEN, SEED, 0));
}

/* Ranges of one mapping that touch each other and do not overlap. */
TEST_F_TIMEOUT(copy, neighbours, VT_LONG)
{
	struct drm_vsvm_command job[] = {
		vsvm_cmd_copy(self->from + 101, self->from, 101),
		vsvm_cmd_copy(self->from + VT_HUGE - 1000, self->from + VT_HUGE + 1000,
			      2000),
	};

	ASSERT_EQ(0, vt_do(&self->q, job, 2));
	EXPECT_EQ(0, vt_check(self->from, 101, SEED, 0));
	EXPECT_EQ(0, vt_check(self->from + 101, 101, SEED, 0));
	EXPECT_EQ(0, vt_check(self->from + 202, VT_HUGE - 1202, SEED, 202));
	EXPECT_EQ(0, vt_check(self->from + VT_HUGE - 1000, 2000, SEED, VT_HUGE + 1000));
	EXPECT_EQ(0, vt_check(self->from + VT_HUGE + 1000, LEN - VT_HUGE - 1000, SEED,
			      VT_HUGE + 1000));
}

/* Of a file that never saw the memory the pages are faulted in, and once only. */
TEST_F_TIMEOUT(copy, cold_and_hot, VT_LONG)
{
	struct drm_vsvm_queue_status cold, hot;
	struct vt_queue q;
	struct vsvm *v;

	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_queue_make(&q, v, 4));
	ASSERT_EQ(0, vt_copy(&q, self->to, self->from, LEN));
	/* The fence is stored in a slice, which counts when it has ended. */
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_queue_status(&q, &cold));
	EXPECT_LT(0, cold.faults);
	EXPECT_LT(0, cold.busy);
	ASSERT_EQ(0, vt_copy(&q, self->to, self->from, LEN));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_queue_status(&q, &hot));
	EXPECT_EQ(cold.faults, hot.faults);
	EXPECT_LT(cold.busy, hot.busy);
	vsvm_close(v);
	EXPECT_EQ(0, vt_check(self->to, LEN, SEED, 0));
}

/* What the CPU writes between two jobs the second one sees. */
TEST_F_TIMEOUT(copy, sees_cpu_writes, VT_LONG)
{
	ASSERT_EQ(0, vt_copy(&self->q, self->to, self->from, LEN));
	vt_fill(self->from, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_copy(&self->q, self->to, self->from, LEN));
	EXPECT_EQ(0, vt_check(self->to, LEN, OTHER, 0));
}

FIXTURE(command)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
	char *own;	/* in system memory */
};

VT_PAGE_PLACES(command);

FIXTURE_SETUP(command)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    variant->on_device));
	self->own = vt_map_filled(self->v, VT_HUGE, VT_SMALL, OTHER);
	ASSERT_NE(NULL, self->own);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 16));
}

VT_TEARDOWN_CLOSE(command)

/* Memory that was never touched is zeroes, and can be written. */
TEST_F_TIMEOUT(command, untouched, VT_LONG)
{
	char *fresh = vt_map(2 * VT_HUGE, variant->kind);
	size_t at = VT_HUGE - 123, len = 456;

	ASSERT_NE(NULL, fresh);
	ASSERT_EQ(0, vt_copy(&self->q, self->mem + 3, fresh + 5, VT_HUGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, 3, SEED, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem + 3, VT_HUGE, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + 3 + VT_HUGE, LEN - 3 - VT_HUGE,
				  SEED, 3 + VT_HUGE));
	ASSERT_EQ(0, vt_copy(&self->q, fresh + at, self->mem + 2 * VT_HUGE, len));
	EXPECT_EQ(0, vt_check_byte(fresh, at, 0));
	EXPECT_EQ(0, vt_check(fresh + at, len, SEED, 2 * VT_HUGE));
	EXPECT_EQ(0, vt_check_byte(fresh + at + len, 2 * VT_HUGE - at - len, 0));
}

/* To and from memory that no device keeps: of a file, shared, and the driver's own. */
TEST_F_TIMEOUT(command, copies_what_stays, VT_LONG)
{
	int memfd = memfd_create("queue", MFD_CLOEXEC), fds[3], i;
	char *mem;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, 4 * VT_PAGE));
	fds[0] = -1;
	fds[1] = memfd;
	fds[2] = vsvm_fd(self->v);
	for (i = 0; i < 3; i++) {
		mem = mmap(NULL, 4 * VT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED |
			   (fds[i] < 0 ? MAP_ANONYMOUS : 0), fds[i], 0);
		ASSERT_NE(MAP_FAILED, mem);
		ASSERT_EQ(0, vt_copy(&self->q, mem + 1, self->mem + VT_HUGE - 7, 3 * VT_PAGE));
		EXPECT_EQ(0, mem[0]);
		EXPECT_EQ(0, vt_check(mem + 1, 3 * VT_PAGE, SEED, VT_HUGE - 7));
		EXPECT_EQ(0, vt_check_byte(mem + 1 + 3 * VT_PAGE, VT_PAGE - 1, 0));
		ASSERT_EQ(0, vt_copy(&self->q, self->mem, mem + 1, 999));
		EXPECT_EQ(0, vt_dev_check(self->v, self->mem, 999, SEED, VT_HUGE - 7));
		ASSERT_EQ(0, munmap(mem, 4 * VT_PAGE));
	}
}

/* A mapping that may only be read is as good a source as any. */
TEST_F(command, copies_from_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, vt_copy(&self->q, self->own, self->mem + 9, 9999));
	EXPECT_EQ(0, vt_check(self->own, 9999, SEED, 9));
}

/* 0 when @len bytes are repetitions of the low @size bytes of @value. */
static int is_filled(struct vsvm *v, const char *mem, size_t len, uint64_t value,
		     unsigned int size)
{
	char *buf = malloc(len);
	size_t i;
	int ret = 0;

	if (VT_BAD(!buf || vsvm_read(v, mem, buf, len, NULL)))
		return -1;
	for (i = 0; i < len && !ret; i += size)
		if (memcmp(buf + i, &value, size))
			ret = vt_wrong("word %#zx of %u bytes is not %#llx", i, size,
				       (unsigned long long)value);
	free(buf);
	return ret;
}

/* FILL repeats a value of each size, from any place that it is aligned at. */
TEST_F_TIMEOUT(command, fill, VT_LONG)
{
	static const struct {
		size_t at;	/* in words of the size */
		size_t nr;
	} fills[] = {
		{ 0, 1 }, { 1, 1 }, { 3, 7 }, { VT_PAGE / 8 - 1, 2 }, { 1, VT_PAGE },
	};
	static const uint64_t values[] = {
		0, 0x8182838485868788ULL, ~0ULL, 0x0102030405060708ULL,
	};
	uint64_t value;
	unsigned int size, i, j;
	size_t at, len;

	for (size = 1; size <= 8; size *= 2) {
		for (i = 0; i < ARRAY_SIZE(fills); i++) {
			j = i % ARRAY_SIZE(values);
			value = values[j] & (~0ULL >> (64 - 8 * size));
			at = VT_HUGE - 3 * VT_PAGE + fills[i].at * size;
			len = fills[i].nr * size;
			ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_fill(self->mem + at, len,
								       value, size)));
			ASSERT_EQ(0, is_filled(self->v, self->mem + at, len, value, size));
			ASSERT_EQ(0, vt_dev_check(self->v, self->mem + at - EDGE, EDGE,
						  SEED, at - EDGE));
			ASSERT_EQ(0, vt_dev_check(self->v, self->mem + at + len, EDGE,
						  SEED, at + len));
			ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + at, len, SEED, at));
		}
	}
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, IN(variant->on_device),
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* All but the first and the last word, which takes several pages of 2M. */
TEST_F_TIMEOUT(command, fill_all, VT_LONG)
{
	uint64_t value = 0x1122334455667788ULL;

	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_fill(self->mem + 8, LEN - 16, value, 8)));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, 8, SEED, 0));
	EXPECT_EQ(0, is_filled(self->v, self->mem + 8, LEN - 16, value, 8));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + LEN - 8, 8, SEED, LEN - 8));
}

/* What each operation leaves in a word of 8 bytes; of 4 bytes, the low half of all. */
static const struct {
	uint32_t op;
	uint64_t before;
	uint64_t operand;
	uint64_t compare;
	uint64_t after;
} operations[] = {
	{ DRM_VSVM_ATOMIC_ADD, 5, 7, 0, 12 },
	{ DRM_VSVM_ATOMIC_ADD, 3, ~0ULL, 0, 2 },
	{ DRM_VSVM_ATOMIC_XCHG, 5, 0xf0000000f0000000ULL, 0, 0xf0000000f0000000ULL },
	{ DRM_VSVM_ATOMIC_CAS, 5, 7, 5, 7 },
	{ DRM_VSVM_ATOMIC_CAS, 5, 7, 6, 5 },
	{ DRM_VSVM_ATOMIC_AND, 0xff00ff00ff00ff00ULL, 0x8f0f8f0f8f0f8f0fULL, 0,
	  0x8f008f008f008f00ULL },
	{ DRM_VSVM_ATOMIC_OR, 0x0500000005ULL, 0x8000000280000002ULL, 0,
	  0x8000000780000007ULL },
	{ DRM_VSVM_ATOMIC_XOR, 0xff000000ff000000ULL, 0x0f0000000f000001ULL, 0,
	  0xf0000000f0000001ULL },
	{ DRM_VSVM_ATOMIC_MIN, ~0ULL, 5, 0, 5 },
	{ DRM_VSVM_ATOMIC_MIN, 4, 5, 0, 4 },
	{ DRM_VSVM_ATOMIC_MAX, 0x8000000080000000ULL, 5, 0, 0x8000000080000000ULL },
	{ DRM_VSVM_ATOMIC_MAX, 4, 5, 0, 5 },
};

/* ATOMIC: the word after, the word before in the result, and nothing beside either. */
TEST_F_TIMEOUT(command, atomic, VT_LONG)
{
	size_t at = VT_HUGE + 5 * VT_PAGE + 16, to = 3 * VT_PAGE - 8;
	uint64_t before, after, operand, compare, old;
	struct drm_vsvm_command job;
	unsigned int i, n;

	for (n = 4; n <= 8; n *= 2) {
		for (i = 0; i < ARRAY_SIZE(operations); i++) {
			before = operations[i].before & (~0ULL >> (64 - 8 * n));
			operand = operations[i].operand & (~0ULL >> (64 - 8 * n));
			compare = operations[i].compare & (~0ULL >> (64 - 8 * n));
			ASSERT_EQ(0, vsvm_write(self->v, self->mem + at, &before, n, NULL));
			job = vsvm_cmd_atomic(self->mem + at, n, operations[i].op, operand,
					      compare, self->own + to);
			ASSERT_EQ(0, vt_do_one(&self->q, job));
			after = 0;
			ASSERT_EQ(0, vsvm_read(self->v, self->mem + at, &after, n, NULL));
			ASSERT_EQ(operations[i].after & (~0ULL >> (64 - 8 * n)), after);
			old = 0;
			memcpy(&old, self->own + to, n);
			ASSERT_EQ(before, old);
			ASSERT_EQ(0, vt_dev_check(self->v, self->mem + at + n, EDGE, SEED,
						  at + n));
			ASSERT_EQ(0, vt_check(self->own + to + n, EDGE, OTHER, to + n));
			vt_fill(self->own + to, n, OTHER, to);
		}
		ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + at, n, SEED, at));
	}
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->own, VT_HUGE, OTHER, 0));
}

/* Without a place for the result none is stored. */
TEST_F(command, atomic_without_result)
{
	size_t at = VT_HUGE - 8;
	struct drm_vsvm_command add;
	uint64_t word = 0;

	ASSERT_EQ(0, vsvm_write(self->v, self->mem + at, &word, 8, NULL));
	add = vsvm_cmd_atomic(self->mem + at, 8, DRM_VSVM_ATOMIC_ADD, 3, 0, NULL);
	ASSERT_EQ(0, vt_do_one(&self->q, add));
	ASSERT_EQ(0, vsvm_read(self->v, self->mem + at, &word, 8, NULL));
	EXPECT_EQ(3, word);
	EXPECT_EQ(0, vt_check(self->mem, at, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + at + 8, LEN - at - 8, SEED, at + 8));
}

#define ADDS	300

static void *cpu_adds(void *arg)
{
	unsigned int i;

	for (i = 0; i < ADDS; i++)
		__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Two queues and a CPU thread add to one word: none is lost. */
TEST_F_TIMEOUT(command, atomic_count, VT_LONG)
{
	uint64_t *word = (uint64_t *)(self->mem + VT_HUGE + 16);
	struct drm_vsvm_command job[ADDS];
	struct vt_queue one, two;
	pthread_t cpu;
	int i;

	for (i = 0; i < ADDS; i++)
		job[i] = vsvm_cmd_atomic(word, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
	ASSERT_EQ(0, vt_queue_make(&one, self->v, ADDS + 1));
	ASSERT_EQ(0, vt_queue_make(&two, self->v, ADDS + 1));
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_fill(word, 8, 0, 8)));
	ASSERT_EQ(0, vt_begin(&one, job, ADDS));
	ASSERT_EQ(0, vt_begin(&two, job, ADDS));
	ASSERT_EQ(0, pthread_create(&cpu, NULL, cpu_adds, word));
	ASSERT_EQ(0, vt_end(&one));
	ASSERT_EQ(0, vt_end(&two));
	ASSERT_EQ(0, pthread_join(cpu, NULL));
	EXPECT_EQ(3 * ADDS, *word);
}

/* PREFETCH moves a range both ways, and changes no byte. */
TEST_F_TIMEOUT(command, prefetch, VT_LONG)
{
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_prefetch(self->mem, LEN, DEVICE)));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_prefetch(self->mem + VT_HUGE, VT_PAGE,
							   SYSTEM)));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem + VT_HUGE, VT_PAGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + VT_HUGE + VT_PAGE, VT_HUGE - VT_PAGE));
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_prefetch(self->mem, LEN, SYSTEM)));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Untouched memory becomes cleared pages on the device, also when several threads do it. */
TEST_F_TIMEOUT(command, prefetch_fills, VT_LONG)
{
	size_t len = 4 * VT_HUGE, i;
	char *fresh = vt_map(len, variant->kind);
	struct drm_vsvm_command c = vsvm_cmd_prefetch(fresh, len, DEVICE);

	ASSERT_NE(NULL, fresh);
	fresh[VT_HUGE + 1] = 'x';
	c.prefetch.flags = DRM_VSVM_MIGRATE_POPULATE;
	ASSERT_EQ(0, vt_do_one(&self->q, c));
	EXPECT_EQ(0, VT_ON_DEVICE(fresh, len));
	for (i = 0; i < len; i += VT_PAGE)
		ASSERT_EQ(0, fresh[i]);
	EXPECT_EQ('x', fresh[VT_HUGE + 1]);
}

/* What cannot move stays, untouched memory is not filled, and the next command comes. */
TEST_F_TIMEOUT(command, prefetch_of_what_stays, VT_LONG)
{
	char *shared = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *fresh = vt_map(VT_HUGE, variant->kind);

	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_NE(NULL, fresh);
	vt_fill(shared, VT_PAGE, SEED, 0);
	ASSERT_EQ(0, munmap(self->own + VT_PAGE, VT_PAGE));
	struct drm_vsvm_command job[] = {
		vsvm_cmd_prefetch(shared, VT_PAGE, DEVICE),
		vsvm_cmd_prefetch(fresh, VT_HUGE, DEVICE),
		vsvm_cmd_prefetch(self->own, VT_HUGE, DEVICE),
		vsvm_cmd_fill(self->mem, 8, 1, 8),
	};

	ASSERT_EQ(0, vt_do(&self->q, job, 4));
	EXPECT_EQ(0, is_filled(self->v, self->mem, 8, 1, 8));
	EXPECT_EQ(0, vt_all_in(self->v, fresh, VT_HUGE, DRM_VSVM_PLACE_ABSENT,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, VT_ON_DEVICE(self->own, VT_PAGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->own + 2 * VT_PAGE, VT_HUGE - 2 * VT_PAGE));
	EXPECT_EQ(0, vt_check(shared, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check(self->own, VT_PAGE, OTHER, 0));
}

/* Each command finds what the one before it left, through all kinds of them. */
TEST_F_TIMEOUT(command, order, VT_LONG)
{
	char *a = self->mem, *b = self->mem + VT_HUGE, *c = self->mem + 2 * VT_HUGE;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_copy(b + 1, a, VT_HUGE - 1),
		vsvm_cmd_fill(a, VT_HUGE, 0, 8),
		vsvm_cmd_prefetch(b, VT_HUGE, variant->on_device ? SYSTEM : DEVICE),
		vsvm_cmd_copy(c, b + 1, VT_HUGE - 1),
		vsvm_cmd_barrier(),
		vsvm_cmd_copy(a + 8, c, 999),
		vsvm_cmd_atomic(a, 8, DRM_VSVM_ATOMIC_ADD, 5, 0, a + 2000),
		vsvm_cmd_copy(b, a, 8),
	};

	ASSERT_EQ(0, vt_do(&self->q, job, ARRAY_SIZE(job)));
	EXPECT_EQ(0, is_filled(self->v, a, 8, 5, 8));
	EXPECT_EQ(0, vt_check(a + 8, 999, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(a + 1007, VT_HUGE - 1007, 0));
	EXPECT_EQ(0, is_filled(self->v, b, 8, 5, 8));
	EXPECT_EQ(0, vt_check(b + 8, VT_HUGE - 8, SEED, 7));
	EXPECT_EQ(0, vt_check(c, VT_HUGE - 1, SEED, 0));
	EXPECT_EQ(0, vt_check(c + VT_HUGE - 1, 1, SEED, LEN - 1));
}

/* A job of as many commands as a queue may have slots; each does its part, in order. */
TEST_F_TIMEOUT(command, many, VT_LONG)
{
	unsigned int nr = DRM_VSVM_MAX_SLOTS - 1, i;
	struct drm_vsvm_command *job = calloc(nr, sizeof(*job));
	struct vt_queue q;
	uint32_t *word = (uint32_t *)self->mem;

	ASSERT_NE(NULL, job);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, DRM_VSVM_MAX_SLOTS));
	/* The first half of the words twice, so the later store has to win. */
	for (i = 0; i < nr; i++)
		job[i] = vsvm_cmd_fill(word + i % (nr / 2 + 1), 4, i, 4);
	ASSERT_EQ(0, vt_do(&q, job, nr));
	for (i = 0; i < nr / 2 + 1; i++)
		ASSERT_EQ(i + nr / 2 + 1 < nr ? i + nr / 2 + 1 : i, word[i]);
	EXPECT_EQ(0, vt_check(self->mem + i * 4, LEN - i * 4, SEED, i * 4));
	free(job);
}

FIXTURE(queues)
{
	struct vsvm *v;
	struct vt_queue q;
	struct vt_queue other;
	uint64_t *word;		/* 0, in a page of its own */
	char *mem;
};

FIXTURE_SETUP(queues)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, VT_SMALL, SEED, false));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 4));
	ASSERT_EQ(0, vt_queue_make(&self->other, self->v, 4));
	self->word = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->word);
	*self->word = 0;
}

VT_TEARDOWN_CLOSE(queues)

/* A queue that is held holds no other, and does nothing itself. */
TEST_F(queues, are_independent)
{
	int i;

	ASSERT_EQ(0, vt_hold(&self->q, self->word));
	ASSERT_EQ(0, vt_begin(&self->q, (struct drm_vsvm_command[]){
			      vsvm_cmd_fill(self->mem, 8, 0, 8) }, 1));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, vt_do_one(&self->other, vsvm_cmd_fill(self->mem + VT_PAGE, 8,
								   i, 8)));
	EXPECT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_WAITING));
	EXPECT_EQ(0, vt_load(self->q.fence));
	EXPECT_EQ(0, vt_check(self->mem, 8, SEED, 0));
	vt_store(self->word, 1);
	ASSERT_EQ(0, vt_end(&self->q));
	EXPECT_EQ(0, vt_check_byte(self->mem, 8, 0));
}

/* Numbers differ, and those of one file mean nothing to another. */
TEST_F(queues, numbers)
{
	struct drm_vsvm_queue_status s;
	struct vsvm *v;

	EXPECT_NE(self->q.id, self->other.id);
	ASSERT_EQ(0, vsvm_open(0, &v));
	EXPECT_EQ(-ENOENT, vsvm_queue_status(v, self->q.id, &s));
	EXPECT_EQ(-ENOENT, vsvm_queue_destroy(v, self->q.id));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, self->q.id));
	EXPECT_EQ(-ENOENT, vsvm_queue_destroy(self->v, self->q.id));
	EXPECT_EQ(-ENOENT, vsvm_queue_status(self->v, self->q.id, &s));
	EXPECT_EQ(0, vt_do(&self->other, NULL, 0));
	vsvm_close(v);
}

/* A file has so many queues and no more, and one that is destroyed makes room. */
TEST_F(queues, as_many_as_there_may_be)
{
	uint32_t id, last = 0;
	int i;

	for (i = 2; i < (int)DRM_VSVM_MAX_QUEUES; i++)
		ASSERT_EQ(0, vsvm_queue_create(self->v, i % 3, 1, &last));
	id = 1;
	EXPECT_EQ(-ENOSPC, vsvm_queue_create(self->v, VT_NORMAL, 1, &id));
	EXPECT_EQ(0, id);
	EXPECT_EQ(0, vt_do_one(&self->q, vsvm_cmd_fill(self->mem, 8, 0, 8)));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, last));
	ASSERT_EQ(0, vsvm_queue_create(self->v, VT_NORMAL, 1, &id));
	EXPECT_EQ(-ENOSPC, vsvm_queue_create(self->v, VT_NORMAL, 1, &id));
}

/* The first queue of a handle, as soon as there is room for it. */
static int make_in_time(struct vsvm *v, uint32_t *id)
{
	int64_t deadline = vt_queue_deadline();
	int ret;

	do {
		ret = vsvm_queue_create(v, VT_NORMAL, 1, id);
	} while (ret == -EMFILE && vsvm_deadline(0) < deadline);
	return ret;
}

/* So many files of a process have queues of a device, and one that is closed makes room. */
TEST_F(queues, in_as_many_files_as_there_may_be)
{
	struct vsvm *v[DRM_VSVM_MAX_FILES + 1];
	unsigned int last = DRM_VSVM_MAX_FILES - 1, i;
	uint32_t id = 1;

	for (i = 0; i < ARRAY_SIZE(v); i++)
		ASSERT_EQ(0, vsvm_open(i == last + 1, &v[i]));
	for (i = 0; i < last; i++)
		ASSERT_EQ(0, vsvm_queue_create(v[i], VT_NORMAL, 1, &id));
	EXPECT_EQ(-EMFILE, vsvm_queue_create(v[last], VT_NORMAL, 1, &id));
	EXPECT_EQ(0, id);
	/* More queues of those that have one, and another device's. */
	EXPECT_EQ(0, vsvm_queue_create(v[0], VT_NORMAL, 1, &id));
	EXPECT_EQ(0, vsvm_queue_create(v[last + 1], VT_NORMAL, 1, &id));
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
	vsvm_close(v[0]);
	EXPECT_EQ(0, make_in_time(v[last], &id));
}

/* All or nothing: without room for a job none of it is done; a slot is free again. */
TEST_F(queues, full)
{
	struct drm_vsvm_command fill = vsvm_cmd_fill(self->mem, 8, 0, 8), job[] = {
		fill, fill, fill, fill, fill,
	};
	struct drm_vsvm_queue_status s;
	uint64_t seq = 9;

	ASSERT_EQ(0, vt_hold(&self->q, self->word));
	ASSERT_EQ(0, vsvm_submit(self->v, self->q.id, job, 2, &seq));
	EXPECT_EQ(2, seq);
	EXPECT_EQ(-EAGAIN, vsvm_submit(self->v, self->q.id, job, 2, &seq));
	EXPECT_EQ(0, seq);
	EXPECT_EQ(-EAGAIN, vsvm_submit(self->v, self->q.id, job, 4, NULL));
	EXPECT_EQ(-EINVAL, vsvm_submit(self->v, self->q.id, job, 5, NULL));
	ASSERT_EQ(0, vsvm_submit(self->v, self->q.id, job, 1, &seq));
	EXPECT_EQ(3, seq);
	EXPECT_EQ(-EAGAIN, vsvm_submit(self->v, self->q.id, job, 1, NULL));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(3, s.submitted);
	EXPECT_EQ(0, s.done);
	EXPECT_EQ(0, vt_check(self->mem, 8, SEED, 0));
	vt_store(self->word, 1);
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vsvm_submit(self->v, self->q.id, job, 4, &seq));
	EXPECT_EQ(4, seq);
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_IDLE));
}

/* Idle, waiting and idle again, with the numbers of the jobs. */
TEST_F(queues, status)
{
	struct drm_vsvm_queue_status s;
	uint64_t seq = 0;

	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(self->q.id, s.queue);
	EXPECT_EQ(DRM_VSVM_QUEUE_IDLE, s.state);
	EXPECT_EQ(0, s.submitted);
	EXPECT_EQ(0, s.busy);
	EXPECT_EQ(0, s.faults);
	ASSERT_EQ(0, vt_do(&self->q, NULL, 0));
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_hold(&self->q, self->word));
	ASSERT_EQ(0, vsvm_submit(self->v, self->q.id, (struct drm_vsvm_command[]){
				 vsvm_cmd_barrier() }, 1, &seq));
	EXPECT_EQ(3, seq);
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(DRM_VSVM_QUEUE_WAITING, s.state);
	EXPECT_EQ(3, s.submitted);
	EXPECT_EQ(1, s.done);
	EXPECT_LT(0, s.busy);
	vt_store(self->word, 1);
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(3, s.done);
	/* The other one was not meant. */
	ASSERT_EQ(0, vt_queue_status(&self->other, &s));
	EXPECT_EQ(0, s.submitted);
}

/* A queue that has much to do says that it runs. */
TEST_F_TIMEOUT(queues, ready, VT_LONG)
{
	char *to = vt_map_filled(self->v, VT_HUGE, VT_SMALL, OTHER);
	unsigned int i, nr = 256, state;
	struct drm_vsvm_queue_status s;
	struct drm_vsvm_command job[256];
	struct vt_queue q;
	bool seen = false;

	ASSERT_NE(NULL, to);
	for (i = 0; i < nr; i++)
		job[i] = vsvm_cmd_copy(to, self->mem, VT_HUGE);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, nr));
	/* Nothing to fault in after this. */
	ASSERT_EQ(0, vt_do_one(&q, job[0]));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_IDLE));
	ASSERT_EQ(0, vt_submit(&q, job, nr));
	do {
		ASSERT_EQ(0, vt_queue_status(&q, &s));
		state = s.state;
		seen |= state == DRM_VSVM_QUEUE_READY;
	} while (state != DRM_VSVM_QUEUE_IDLE);
	EXPECT_TRUE(seen);
	EXPECT_EQ(s.submitted, s.done);
}

/* Queues of each priority get their turns. */
TEST_F_TIMEOUT(queues, priorities, VT_LONG)
{
	char *to = vt_map_filled(self->v, VT_HUGE, VT_SMALL, OTHER);
	struct drm_vsvm_command job[16];
	struct vt_queue q[6];
	unsigned int i;

	ASSERT_NE(NULL, to);
	for (i = 0; i < ARRAY_SIZE(q); i++) {
		ASSERT_EQ(0, vt_queue_make(&q[i], self->v, 17));
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, q[i].id));
		ASSERT_EQ(0, vsvm_queue_create(self->v, i % 3, 17, &q[i].id));
	}
	for (i = 0; i < ARRAY_SIZE(job); i++)
		job[i] = vsvm_cmd_copy(to, self->mem, VT_HUGE);
	for (i = 0; i < ARRAY_SIZE(q); i++)
		ASSERT_EQ(0, vt_begin(&q[i], job, ARRAY_SIZE(job)));
	for (i = 0; i < ARRAY_SIZE(q); i++)
		ASSERT_EQ(0, vt_end(&q[i]));
	EXPECT_EQ(0, vt_check(to, VT_HUGE, SEED, 0));
}

#define STORES	400

/* A thread that has seen a later store of a queue sees the earlier ones. */
TEST_F_TIMEOUT(queues, barrier, VT_LONG)
{
	uint64_t *data = self->word, *flag = (uint64_t *)self->mem, seen = 0, is;
	struct drm_vsvm_command job[3 * STORES];
	struct vt_queue q;
	unsigned int i;

	*flag = 0;
	for (i = 0; i < STORES; i++) {
		job[3 * i] = vsvm_cmd_fill(data, 8, i + 1, 8);
		job[3 * i + 1] = vsvm_cmd_barrier();
		job[3 * i + 2] = vsvm_cmd_fill(flag, 8, i + 1, 8);
	}
	ASSERT_EQ(0, vt_queue_make(&q, self->v, ARRAY_SIZE(job)));
	ASSERT_EQ(0, vt_submit(&q, job, ARRAY_SIZE(job)));
	while (seen < STORES) {
		seen = vt_load(flag);
		is = vt_load(data);
		ASSERT_LE(seen, is);
		ASSERT_GE(STORES, is);
	}
}

/* Commands that have not begun are dropped with their queue. */
TEST_F(queues, destroy_drops)
{
	ASSERT_EQ(0, vt_hold(&self->q, self->word));
	ASSERT_EQ(0, vt_submit_one(&self->q, vsvm_cmd_fill(self->mem, 8, 0, 8)));
	ASSERT_EQ(0, vsvm_queue_destroy(self->v, self->q.id));
	vt_store(self->word, 1);
	ASSERT_EQ(0, vt_do(&self->other, NULL, 0));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/*
 * Two queues lack neighbouring pages while the fault worker is busy with a third. Before
 * it serves the second of the two, the device has both pages.
 */
TEST_F(queues, neighbours_are_faulted_in_together)
{
	const uint32_t mapped = DRM_VSVM_STATE_MAPPED;
	char *beside = self->mem + VT_PAGE;
	struct vt_queue third;

	ASSERT_EQ(0, vt_queue_make(&third, self->v, 4));
	ASSERT_EQ(0, vt_pause(self->v, "fault-queued", 1));
	ASSERT_EQ(0, vt_submit_one(&third, vsvm_cmd_fill(self->mem + VT_HUGE / 2, 8, 0, 8)));
	ASSERT_EQ(0, vt_await(self->v, "fault-queued"));
	ASSERT_EQ(0, vt_submit_one(&self->q, vsvm_cmd_fill(self->mem, 8, 0, 8)));
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_FAULTING));
	ASSERT_EQ(0, vt_submit_one(&self->other, vsvm_cmd_fill(beside, 8, 0, 8)));
	ASSERT_EQ(0, vt_queue_becomes(&self->other, DRM_VSVM_QUEUE_FAULTING));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, 2 * VT_PAGE, mapped, 0));

	/* The third's, then that of the first of the two. */
	ASSERT_EQ(0, vt_pause(self->v, "fault-served", 2));
	ASSERT_EQ(0, vt_resume(self->v, "fault-queued"));
	ASSERT_EQ(0, vt_await(self->v, "fault-served"));
	EXPECT_EQ(DRM_VSVM_QUEUE_FAULTING, vt_queue_state(&self->other));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, 2 * VT_PAGE, mapped, mapped));
	ASSERT_EQ(0, vt_resume(self->v, "fault-served"));
	EXPECT_EQ(0, vt_do(&self->q, NULL, 0));
	EXPECT_EQ(0, vt_do(&self->other, NULL, 0));
	EXPECT_EQ(0, vt_do(&third, NULL, 0));
}

FIXTURE(swapped)
{
	struct vsvm *v;
	struct vt_queue q;
	struct vt_zram zram;
	char *mem;
	char *to;
};

FIXTURE_SETUP(swapped)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	ASSERT_EQ(0, vt_swap_on(&self->zram, 16 * VT_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, VT_SMALL, SEED, false));
	self->to = vt_map_filled(self->v, VT_HUGE, VT_SMALL, OTHER);
	ASSERT_NE(NULL, self->to);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 4));
}

FIXTURE_TEARDOWN_PARENT(swapped)
{
	vt_zram_gone(&self->zram);
}

/* What was swapped out comes back for the device, on either side of a copy. */
TEST_F_TIMEOUT(swapped, copy, VT_LONG)
{
	ASSERT_EQ(0, vt_page_out(self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_page_out(self->to, VT_HUGE));
	ASSERT_EQ(0, vt_copy(&self->q, self->to + 1, self->mem, VT_HUGE - 2));
	EXPECT_EQ(0, vt_check(self->to, 1, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->to + 1, VT_HUGE - 2, SEED, 0));
	EXPECT_EQ(0, vt_check(self->to + VT_HUGE - 1, 1, OTHER, VT_HUGE - 1));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* The example of the manual's pages. */
TEST(example)
{
	EXPECT_EQ(0, system("queue"));
}

TEST_HARNESS_MAIN
