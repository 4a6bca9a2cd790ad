// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs of random commands, over memory that is on two devices, in system memory, and
 * untouched, leave what the same commands leave in a model.
 *
 * VSVM_SEED gives the seed, which is printed.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_queue.h"

#define LEN	(2 * VT_HUGE)
#define PAGES	(LEN / VT_PAGE)
#define SEED	451
#define JOBS	24
#define NR	48

FIXTURE(model)
{
	struct vsvm *v;
	struct vsvm *peer;
	struct vt_queue q;
	char *mem;
	char *model;
	uint64_t random;
};

VT_PAGE_KINDS(model);

FIXTURE_SETUP(model)
{
	const char *seed = getenv("VSVM_SEED");

	self->random = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("# VSVM_SEED=%llu\n", (unsigned long long)self->random);
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED, false));
	ASSERT_EQ(0, vsvm_open(1, &self->peer));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, NR + 1));
	self->model = malloc(LEN);
	ASSERT_NE(NULL, self->model);
	vt_fill(self->model, LEN, SEED, 0);
}

FIXTURE_TEARDOWN(model)
{
	vsvm_close(self->peer);
	vsvm_close(self->v);
}

/* A number below @n. */
static uint64_t pick(uint64_t *random, uint64_t n)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*random >> 33) % n;
}

/* A length: mostly small, sometimes of many pages. */
static size_t pick_len(uint64_t *random)
{
	switch (pick(random, 4)) {
	case 0:
		return 1 + pick(random, 16);
	case 1:
		return 1 + pick(random, 2 * VT_PAGE);
	case 2:
		return 1 + pick(random, 40 * VT_PAGE);
	default:
		return VT_PAGE;
	}
}

static struct drm_vsvm_command copy(uint64_t *random, char *mem, char *model)
{
	size_t len = pick_len(random);
	size_t from = pick(random, LEN / 2 - len), to = LEN / 2 + pick(random, LEN / 2 - len);
	size_t swap = from;

	if (pick(random, 2)) {
		from = to;
		to = swap;
	}
	memcpy(model + to, model + from, len);
	return vsvm_cmd_copy(mem + to, mem + from, len);
}

static struct drm_vsvm_command fill(uint64_t *random, char *mem, char *model)
{
	unsigned int size = 1 << pick(random, 4);
	size_t len = (pick_len(random) + size - 1) / size * size;
	size_t at = pick(random, (LEN - len) / size) * size, i;
	uint64_t value = (pick(random, 1U << 31) * 0x100000001ULL) & (~0ULL >> (64 - 8 * size));

	for (i = 0; i < len; i += size)
		memcpy(model + at + i, &value, size);
	return vsvm_cmd_fill(mem + at, len, value, size);
}

static struct drm_vsvm_command atomic(uint64_t *random, char *mem, char *model)
{
	size_t at = pick(random, LEN / 8) * 8, to = pick(random, LEN / 8) * 8;
	uint64_t n = pick(random, 1U << 31), old, new;

	memcpy(&old, model + at, 8);
	new = old + n;
	memcpy(model + at, &new, 8);
	memcpy(model + to, &old, 8);
	return vsvm_cmd_atomic(mem + at, 8, DRM_VSVM_ATOMIC_ADD, n, 0, mem + to);
}

static struct drm_vsvm_command prefetch(uint64_t *random, char *mem)
{
	size_t pages = 1 + pick(random, 64), at = pick(random, PAGES - pages);

	return vsvm_cmd_prefetch(mem + at * VT_PAGE, pages * VT_PAGE, pick(random, 2));
}

/* Some pages go to either device or home, some are as if never touched. */
static int scatter(struct vsvm *v, struct vsvm *peer, uint64_t *random, char *mem, char *model)
{
	size_t pages, at, len;
	int i;

	for (i = 0; i < 12; i++) {
		pages = 1 + pick(random, 32);
		at = pick(random, PAGES - pages) * VT_PAGE;
		len = pages * VT_PAGE;
		if (i % 4 == 3) {
			if (VT_BAD(madvise(mem + at, len, MADV_DONTNEED)))
				return -1;
			memset(model + at, 0, len);
		} else if (VT_BAD(vsvm_migrate(i % 4 == 2 ? peer : v, mem + at, len, i % 4 != 1,
					       0, NULL))) {
			return -1;
		}
	}
	return 0;
}

static struct drm_vsvm_command any(uint64_t *random, char *mem, char *model)
{
	switch (pick(random, 8)) {
	case 0:
		return atomic(random, mem, model);
	case 1:
		return prefetch(random, mem);
	case 2:
	case 3:
		return fill(random, mem, model);
	default:
		return copy(random, mem, model);
	}
}

/* Not a byte differs, as the device sees it after each job, and the CPU at the end. */
TEST_F_TIMEOUT(model, agrees, VT_LONG)
{
	struct drm_vsvm_command job[NR];
	char *seen = malloc(LEN);
	size_t i, j;

	ASSERT_NE(NULL, seen);
	for (i = 0; i < JOBS; i++) {
		ASSERT_EQ(0, scatter(self->v, self->peer, &self->random, self->mem,
				     self->model));
		for (j = 0; j < NR; j++)
			job[j] = any(&self->random, self->mem, self->model);
		ASSERT_EQ(0, vt_do(&self->q, job, NR));
		ASSERT_EQ(0, vsvm_read(self->v, self->mem, seen, LEN, NULL));
		for (j = 0; j < LEN && seen[j] == self->model[j]; j++)
			;
		ASSERT_EQ(LEN, j) TH_LOG("job %zu", i);
	}
	EXPECT_EQ(0, memcmp(self->mem, self->model, LEN));
}

TEST_HARNESS_MAIN
