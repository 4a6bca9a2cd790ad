// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice is set, overridden, split, merged and read back, and follows the memory.
 *
 * What the device does with it is in test_place.c.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define PAGES	64
#define LEN	(PAGES * VT_PAGE)

#define WORD		DRM_VSVM_ADVISE_WORD
#define LOCATION	DRM_VSVM_ADVISE_LOCATION

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

FIXTURE(advice)
{
	struct vsvm *v;
	char *mem;
};

FIXTURE_SETUP(advice)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
}

VT_TEARDOWN_CLOSE(advice)

/* Say @word of pages. */
static int say(struct vsvm *v, char *mem, unsigned int page, unsigned int n,
	       uint64_t word)
{
	struct drm_vsvm_advice advice = { .word = word };

	return vsvm_advise(v, mem + page * VT_PAGE, n * VT_PAGE, WORD, &advice);
}

/* Pages from the end of the run before on, with a word. */
struct want {
	unsigned int pages;
	uint64_t word;
};

/* 0 when exactly these runs are read back for the pages that they are of. */
static int reads(struct vsvm *v, char *mem, const struct want *want, unsigned int nr)
{
	struct drm_vsvm_advice_run runs[PAGES];
	uint64_t at = (uintptr_t)mem, next;
	uint32_t n = PAGES, i;
	size_t len = 0;

	for (i = 0; i < nr; i++)
		len += want[i].pages * VT_PAGE;
	if (VT_BAD(vsvm_advice_get(v, mem, len, runs, &n, &next)) ||
	    VT_BAD(n != nr) || VT_BAD(next != at + len))
		return -1;
	for (i = 0; i < nr; i++) {
		if (VT_BAD(runs[i].start != at) ||
		    VT_BAD(runs[i].len != want[i].pages * VT_PAGE) ||
		    VT_BAD(runs[i].advice.word != want[i].word))
			return vt_wrong("run %u", i);
		at += runs[i].len;
	}
	return 0;
}

#define READS(v, mem, ...)						\
	reads(v, mem, (const struct want[]) { __VA_ARGS__ },		\
	      VT_COUNT(((const struct want[]) { __VA_ARGS__ })))

TEST_F(advice, nothing_was_said)
{
	EXPECT_EQ(0, READS(self->v, self->mem, { PAGES, 0 }));
}

TEST_F(advice, set_override_split_merge)
{
	struct vsvm *v = self->v;
	char *mem = self->mem;

	ASSERT_EQ(0, say(v, mem, 8, 16, 1));
	EXPECT_EQ(0, READS(v, mem, { 8, 0 }, { 16, 1 }, { 40, 0 }));
	/* In the middle: split in three. */
	ASSERT_EQ(0, say(v, mem, 12, 4, 2));
	EXPECT_EQ(0, READS(v, mem, { 8, 0 }, { 4, 1 }, { 4, 2 }, { 8, 1 },
			   { 40, 0 }));
	/* The same once more: one again. */
	ASSERT_EQ(0, say(v, mem, 12, 4, 1));
	EXPECT_EQ(0, READS(v, mem, { 8, 0 }, { 16, 1 }, { 40, 0 }));
	/* A neighbour on each side with the same becomes part of it. */
	ASSERT_EQ(0, say(v, mem, 7, 1, 1));
	ASSERT_EQ(0, say(v, mem, 24, 2, 1));
	EXPECT_EQ(0, READS(v, mem, { 7, 0 }, { 19, 1 }, { 38, 0 }));
	/* Over an end, a gap, and another range. */
	ASSERT_EQ(0, say(v, mem, 40, 8, 3));
	ASSERT_EQ(0, say(v, mem, 20, 24, 4));
	EXPECT_EQ(0, READS(v, mem, { 7, 0 }, { 13, 1 }, { 24, 4 }, { 4, 3 },
			   { 16, 0 }));
	/* Nothing is said any more: from the middle, and of all. */
	ASSERT_EQ(0, say(v, mem, 10, 20, 0));
	EXPECT_EQ(0, READS(v, mem, { 7, 0 }, { 3, 1 }, { 20, 0 }, { 14, 4 },
			   { 4, 3 }, { 16, 0 }));
	ASSERT_EQ(0, say(v, mem, 0, PAGES, 0));
	EXPECT_EQ(0, READS(v, mem, { PAGES, 0 }));
}

TEST_F(advice, attributes_are_set_one_by_one)
{
	struct drm_vsvm_advice all = {
		.location = DRM_VSVM_LOCATION_DEVICE,
		.device = 1,
		.may = DRM_VSVM_MAY_USE,
		.atomics = DRM_VSVM_ATOMICS_CPU,
		.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
		.granularity = VT_HUGE,
		.word = ~0ULL,
	}, got, one;
	struct drm_vsvm_advice_run run;
	uint32_t bit, nr = 1;

	for (bit = 1; bit <= WORD; bit *= 2) {
		memset(&one, 0, sizeof(one));
		if (bit == LOCATION)
			one.location = all.location, one.device = all.device;
		else if (bit == DRM_VSVM_ADVISE_MAY)
			one.may = all.may;
		else if (bit == DRM_VSVM_ADVISE_ATOMICS)
			one.atomics = all.atomics;
		else if (bit == DRM_VSVM_ADVISE_ON_FAULT)
			one.on_fault = all.on_fault;
		else if (bit == DRM_VSVM_ADVISE_GRANULARITY)
			one.granularity = all.granularity;
		else
			one.word = all.word;
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, bit, &one));
		ASSERT_EQ(0, vsvm_advise_file(self->v, bit, &one));
	}
	ASSERT_EQ(0, vsvm_advice_get(self->v, self->mem, LEN, &run, &nr, NULL));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(LEN, run.len);
	EXPECT_EQ(0, memcmp(&all, &run.advice, sizeof(all)));
	ASSERT_EQ(0, vsvm_advice_file(self->v, &got));
	EXPECT_EQ(0, memcmp(&all, &got, sizeof(all)));
}

TEST_F(advice, own_number_is_here)
{
	struct drm_vsvm_advice advice = { .location = DRM_VSVM_LOCATION_DEVICE };

	ASSERT_EQ(0, vsvm_advise_file(self->v, LOCATION, &advice));
	ASSERT_EQ(0, vsvm_advice_file(self->v, &advice));
	EXPECT_EQ(DRM_VSVM_LOCATION_HERE, advice.location);
	EXPECT_EQ(0, advice.device);
}

/* The array is full: from there again. */
TEST_F(advice, read_back_in_parts)
{
	struct drm_vsvm_advice_run runs[3];
	uint64_t next = (uintptr_t)self->mem, end = next + LEN, at = next;
	unsigned int i;
	uint32_t nr;

	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, say(self->v, self->mem, i, 1, i + 1));
	while (next < end) {
		nr = VT_COUNT(runs);
		ASSERT_EQ(0, vsvm_advice_get(self->v, (void *)(uintptr_t)next,
					     end - next, runs, &nr, &next));
		for (i = 0; i < nr; i++, at += VT_PAGE) {
			EXPECT_EQ(at, runs[i].start);
			EXPECT_EQ(VT_PAGE, runs[i].len);
		}
		ASSERT_EQ(at, next);
	}
	EXPECT_EQ(end, at);
}

/* Each file has its own: that of another device, and of the same one. */
TEST_F(advice, files_have_their_own)
{
	struct vsvm *same, *other;

	ASSERT_EQ(0, vsvm_open(0, &same));
	ASSERT_EQ(0, vsvm_open(1, &other));
	ASSERT_EQ(0, say(self->v, self->mem, 0, 4, 1));
	ASSERT_EQ(0, say(other, self->mem, 2, 4, 2));
	EXPECT_EQ(0, READS(self->v, self->mem, { 4, 1 }, { 60, 0 }));
	EXPECT_EQ(0, READS(other, self->mem, { 2, 0 }, { 4, 2 }, { 58, 0 }));
	EXPECT_EQ(0, READS(same, self->mem, { PAGES, 0 }));
	vsvm_close(other);
	vsvm_close(same);
}

TEST_F(advice, munmap_forgets)
{
	struct vsvm *v = self->v;
	char *mem = self->mem;

	ASSERT_EQ(0, say(v, mem, 0, PAGES, 1));
	/* The middle, and both ends. */
	ASSERT_EQ(0, munmap(mem + 20 * VT_PAGE, 4 * VT_PAGE));
	ASSERT_EQ(0, munmap(mem, VT_PAGE));
	ASSERT_EQ(0, munmap(mem + 62 * VT_PAGE, 2 * VT_PAGE));
	EXPECT_EQ(0, READS(v, mem, { 1, 0 }, { 19, 1 }, { 4, 0 }, { 38, 1 },
			   { 2, 0 }));
	/* What is mapped there anew has none. */
	ASSERT_EQ(mem + 20 * VT_PAGE,
		  mmap(mem + 20 * VT_PAGE, 4 * VT_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, READS(v, mem, { 1, 0 }, { 19, 1 }, { 4, 0 }, { 38, 1 },
			   { 2, 0 }));
}

TEST_F(advice, mapping_over_it_forgets)
{
	vt_fill(self->mem, LEN, 1, 0);
	ASSERT_EQ(0, say(self->v, self->mem, 0, PAGES, 1));
	ASSERT_EQ(self->mem + 8 * VT_PAGE,
		  mmap(self->mem + 8 * VT_PAGE, 8 * VT_PAGE,
		       PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, READS(self->v, self->mem, { 8, 1 }, { 8, 0 }, { 48, 1 }));
}

/* A mapping over several others. */
TEST_F(advice, mapping_over_several_forgets)
{
	vt_fill(self->mem, LEN, 1, 0);
	ASSERT_EQ(0, mprotect(self->mem + 20 * VT_PAGE, VT_PAGE, PROT_READ));
	ASSERT_EQ(0, say(self->v, self->mem, 0, PAGES, 1));
	ASSERT_EQ(self->mem + 8 * VT_PAGE,
		  mmap(self->mem + 8 * VT_PAGE, 40 * VT_PAGE,
		       PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, READS(self->v, self->mem, { 8, 1 }, { 40, 0 }, { 16, 1 }));
}

/* These keep the mapping. */
TEST_F(advice, stays_through_the_rest)
{
	ASSERT_EQ(0, say(self->v, self->mem, 4, 8, 1));
	vt_fill(self->mem, LEN, 1, 0);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, READS(self->v, self->mem, { 4, 0 }, { 8, 1 }, { 52, 0 }));
}

FIXTURE(move)
{
	struct vsvm *v;
	char *mem;
	char *to;
};

/* Where the memory is when it moves. */
FIXTURE_VARIANT(move)
{
	bool on_device;
};

FIXTURE_VARIANT_ADD(move, system)
{
	.on_device = false,
};

FIXTURE_VARIANT_ADD(move, device)
{
	.on_device = true,
};

FIXTURE_SETUP(move)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, 7,
				    variant->on_device));
	self->to = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->to);
	ASSERT_EQ(0, say(self->v, self->mem, 8, 16, 1));
	ASSERT_EQ(0, say(self->v, self->mem, 30, 2, 2));
	/* What is said of the addresses that memory moves to is forgotten. */
	ASSERT_EQ(0, say(self->v, self->to, 0, PAGES, 3));
}

VT_TEARDOWN_CLOSE(move)

TEST_F(move, all)
{
	ASSERT_EQ(self->to, mremap(self->mem, LEN, LEN,
				   MREMAP_MAYMOVE | MREMAP_FIXED, self->to));
	EXPECT_EQ(0, READS(self->v, self->mem, { PAGES, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 8, 0 }, { 16, 1 }, { 6, 0 },
			   { 2, 2 }, { 32, 0 }));
}

/* From within a range to within another, and back. */
TEST_F(move, part_and_back)
{
	char *from = self->mem + 10 * VT_PAGE, *to = self->to + 5 * VT_PAGE;
	size_t len = 21 * VT_PAGE;

	ASSERT_EQ(to, mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, READS(self->v, self->mem, { 8, 0 }, { 2, 1 }, { 21, 0 },
			   { 1, 2 }, { 32, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 5, 3 }, { 14, 1 }, { 6, 0 },
			   { 1, 2 }, { 38, 3 }));
	ASSERT_EQ(from, mremap(to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			       from));
	EXPECT_EQ(0, READS(self->v, self->mem, { 8, 0 }, { 16, 1 }, { 6, 0 },
			   { 2, 2 }, { 32, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 5, 3 }, { 21, 0 }, { 38, 3 }));
}

TEST_F(move, and_keep_the_mapping)
{
	ASSERT_EQ(self->to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE |
				   MREMAP_FIXED | MREMAP_DONTUNMAP, self->to));
	EXPECT_EQ(0, READS(self->v, self->mem, { PAGES, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 8, 0 }, { 16, 1 }, { 6, 0 },
			   { 2, 2 }, { 32, 0 }));
}

/* Memory that moved away is followed by new memory, which moves after it. */
TEST_F(move, new_memory_at_the_old_place)
{
	char *third = vt_map(LEN, VT_SMALL);

	ASSERT_NE(NULL, third);
	ASSERT_EQ(self->to, mremap(self->mem, LEN, LEN,
				   MREMAP_MAYMOVE | MREMAP_FIXED, self->to));
	ASSERT_EQ(self->mem, mmap(self->mem, LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0));
	vt_fill(self->mem, LEN, 8, 0);
	ASSERT_EQ(0, say(self->v, self->mem, 0, 1, 9));
	ASSERT_EQ(third, mremap(self->mem, LEN, LEN,
				MREMAP_MAYMOVE | MREMAP_FIXED, third));
	EXPECT_EQ(0, READS(self->v, third, { 1, 9 }, { 63, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 8, 0 }, { 16, 1 }, { 6, 0 },
			   { 2, 2 }, { 32, 0 }));
}

/*
 * A part moves away, and new memory in the gap becomes one mapping with its neighbour:
 * core mm calls both by the same numbers. Each keeps its own advice.
 */
TEST_F(move, twins)
{
	char *part = self->mem + 32 * VT_PAGE, *third = vt_map(LEN, VT_SMALL);
	size_t len = 32 * VT_PAGE;

	ASSERT_NE(NULL, third);
	/* The twin comes before the right one. */
	ASSERT_LT(third, self->to);
	ASSERT_EQ(0, say(self->v, self->mem, 0, PAGES, 0));
	ASSERT_EQ(0, say(self->v, part, 0, 8, 4));
	ASSERT_EQ(third, mremap(part, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
				third));
	/* As vt_map() does it, so that it becomes one with its neighbour. */
	ASSERT_EQ(part, mmap(part, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
			     MAP_NORESERVE, -1, 0));
	ASSERT_EQ(0, madvise(part, len, MADV_NOHUGEPAGE));
	vt_fill(part, len, 9, 0);
	ASSERT_EQ(0, say(self->v, part, 0, 4, 5));
	ASSERT_EQ(self->to, mremap(part, len, len,
				   MREMAP_MAYMOVE | MREMAP_FIXED, self->to));
	EXPECT_EQ(0, READS(self->v, third, { 8, 4 }, { 56, 0 }));
	EXPECT_EQ(0, READS(self->v, self->to, { 4, 5 }, { 28, 0 }, { 32, 3 }));
	/* Over the one: the other does not get what was said of it. */
	ASSERT_EQ(self->to, mmap(self->to, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, READS(self->v, self->to, { 32, 0 }, { 32, 3 }));
	EXPECT_EQ(0, READS(self->v, third, { 8, 4 }, { 56, 0 }));
}

static int child_has_none(struct vt_child *c, void *arg)
{
	struct drm_vsvm_advice_run run;
	struct vsvm *v;
	uint32_t nr = 1;

	(void)c;
	if (vsvm_open(0, &v) || vsvm_advice_get(v, arg, LEN, &run, &nr, NULL) ||
	    nr != 1 || run.len != LEN || run.advice.word)
		return 1;
	vsvm_close(v);
	return 0;
}

TEST_F(move, fork_inherits_none)
{
	EXPECT_EQ(0, vt_run(child_has_none, self->mem));
	EXPECT_EQ(0, READS(self->v, self->mem, { 8, 0 }, { 16, 1 }, { 6, 0 },
			   { 2, 2 }, { 32, 0 }));
}

/* The most ranges that a process may have, through all of its files. */
TEST_F_TIMEOUT(advice, has_a_limit, VT_LONG)
{
	unsigned int max = DRM_VSVM_MAX_ADVICE, i;
	struct vsvm *second;
	char *mem;

	mem = vt_map((max + 1) * VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_open(0, &second));
	for (i = 0; i < max - 8; i++)
		ASSERT_EQ(0, say(self->v, mem, i, 1, i + 1));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, say(second, mem, i, 1, i + 1));
	EXPECT_EQ(-ENOMEM, say(self->v, mem, max, 1, 1));
	EXPECT_EQ(-ENOMEM, say(second, mem, max, 1, 1));
	/* Another value, and what it has said, take none. */
	EXPECT_EQ(0, say(self->v, mem, 0, 1, max));
	EXPECT_EQ(0, say(self->v, mem, 0, 1, max));
	EXPECT_EQ(0, READS(self->v, mem, { 1, max }, { 1, 2 }));
	/* Room again: forgotten by munmap(), and by close(). */
	ASSERT_EQ(0, munmap(mem, VT_PAGE));
	EXPECT_EQ(0, say(self->v, mem, max, 1, 1));
	EXPECT_EQ(0, say(second, mem, max, 1, 1));
	EXPECT_EQ(-ENOMEM, say(second, mem, max - 1, 1, 1));
	vsvm_close(second);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, munmap(mem + (i + 1) * VT_PAGE, VT_PAGE));
	vsvm_close(self->v);
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	for (i = 9; i < 100; i++)
		ASSERT_EQ(0, say(self->v, mem, i, 1, i));
}

TEST_HARNESS_MAIN
