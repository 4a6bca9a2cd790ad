// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings are unmapped, moved, grown and covered by others, with entries in the
 * device page table.
 *
 * Neither CPU nor device ever sees a stale byte, and what is left is whole.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	161
#define OTHER	162

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

FIXTURE(remap)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
};

VT_PAGE_PLACES(remap);

FIXTURE_SETUP(remap)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	ASSERT_NE(NULL, self->mem);
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
}

VT_TEARDOWN_CLOSE(remap)

/* Nothing is there for the device. */
static int is_gone(struct vsvm *v, char *mem, size_t len)
{
	char byte = 0;
	size_t at;

	for (at = 0; at < len; at += len / 8 / VT_PAGE * VT_PAGE ?: VT_PAGE) {
		if (vsvm_read(v, mem + at, &byte, 1, NULL) != -EFAULT)
			return 1;
		if (vsvm_write(v, mem + at, &byte, 1, NULL) != -EFAULT)
			return 2;
	}
	return 0;
}

/* The pattern of the whole, without the bytes from @from to @to. */
static int check_but(struct vsvm *v, char *mem, size_t from, size_t to)
{
	if (VT_BAD(vt_dev_check(v, mem, from, SEED, 0) ||
		   vt_dev_check(v, mem + to, LEN - to, SEED, to) ||
		   vt_check(mem, from, SEED, 0) ||
		   vt_check(mem + to, LEN - to, SEED, to)))
		return -1;
	return 0;
}

/* munmap() of the first, the last, and pages around the 2M border. */
TEST_F(remap, munmap_parts)
{
	size_t from = VT_HUGE - 3 * VT_PAGE, to = VT_HUGE + 5 * VT_PAGE;

	ASSERT_EQ(0, munmap(self->mem, VT_PAGE));
	ASSERT_EQ(0, munmap(self->mem + LEN - VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, munmap(self->mem + from, to - from));
	EXPECT_EQ(0, is_gone(self->v, self->mem, VT_PAGE));
	EXPECT_EQ(0, is_gone(self->v, self->mem + from, to - from));
	EXPECT_EQ(0, is_gone(self->v, self->mem + LEN - VT_PAGE, VT_PAGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + VT_PAGE, from - VT_PAGE,
				  SEED, VT_PAGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + to, LEN - VT_PAGE - to,
				  SEED, to));
	EXPECT_EQ(0, vt_check(self->mem + VT_PAGE, from - VT_PAGE, SEED,
			      VT_PAGE));
	EXPECT_EQ(0, vt_check(self->mem + to, LEN - VT_PAGE - to, SEED, to));
}

/* A device write between two munmap() of parts of the same 2M. */
TEST_F(remap, write_between_munmaps)
{
	size_t half = VT_HUGE / 2;

	ASSERT_EQ(0, munmap(self->mem, VT_PAGE));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + VT_PAGE,
				 LEN - VT_PAGE, OTHER, VT_PAGE));
	ASSERT_EQ(0, munmap(self->mem + half, VT_PAGE));
	EXPECT_EQ(0, vt_check(self->mem + VT_PAGE, half - VT_PAGE, OTHER,
			      VT_PAGE));
	half += VT_PAGE;
	EXPECT_EQ(0, vt_check(self->mem + half, LEN - half, OTHER, half));
}

/* Fresh memory where old memory was reads as zeroes, not as the old. */
TEST_F(remap, mapped_over)
{
	size_t from = VT_HUGE - 16 * VT_PAGE, to = VT_HUGE + 16 * VT_PAGE;
	char *at = self->mem + from;

	ASSERT_EQ(at, mmap(at, to - from, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, at, to - from, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, at, to - from, OTHER, from));
	EXPECT_EQ(0, vt_check(at, to - from, OTHER, from));
	EXPECT_EQ(0, check_but(self->v, self->mem, from, to));
}

/* All of it unmapped frees the device memory; the address can be had again. */
TEST_F(remap, unmapped_and_mapped)
{
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(self->used, vt_used(self->v));
	EXPECT_EQ(0, is_gone(self->v, self->mem, LEN));
	ASSERT_EQ(self->mem, mmap(self->mem, LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
}

/* Grown in place: the old part is what it was, the new part is fresh. */
TEST_F(remap, grows_in_place)
{
	size_t more = 24 * VT_PAGE;

	ASSERT_EQ(0, munmap(self->mem + LEN, more));
	ASSERT_EQ(self->mem, mremap(self->mem, LEN, LEN + more, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem + LEN, more, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN + more, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN + more, OTHER, 0));
}

/* Grown where it has to move: new address, same bytes, nothing at the old. */
TEST_F(remap, grows_and_moves)
{
	char *to;

	/* The guard behind the memory is in the way. */
	to = mremap(self->mem, LEN, 2 * LEN, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_NE(self->mem, to);
	EXPECT_EQ(0, is_gone(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, to + LEN, LEN, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, to, 2 * LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(to, 2 * LEN, OTHER, 0));
}

/* Shrunk: the end is gone for the device, and its memory is given back. */
TEST_F(remap, shrinks)
{
	size_t len = VT_HUGE + 5 * VT_PAGE;

	ASSERT_EQ(self->mem, mremap(self->mem, LEN, len, 0));
	EXPECT_EQ(0, is_gone(self->v, self->mem + len, LEN - len));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, len, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, len, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

/* Moved to an odd page and back: a device write at either place counts. */
TEST_F(remap, moves_and_returns)
{
	char *to = vt_map(LEN + VT_HUGE, variant->kind);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	ASSERT_NE(NULL, to);
	to += 7 * VT_PAGE;
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, flags, to));
	EXPECT_EQ(0, is_gone(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, to, LEN, OTHER, 0));
	ASSERT_EQ(self->mem, mremap(to, LEN, LEN, flags, self->mem));
	EXPECT_EQ(0, is_gone(self->v, to, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Two mappings change places by way of a third. */
TEST_F(remap, changes_places)
{
	char *b = vt_map_filled(self->v, LEN, variant->kind, OTHER);
	char *c = vt_map(LEN, variant->kind), *a = self->mem;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	ASSERT_NE(NULL, b);
	ASSERT_NE(NULL, c);
	ASSERT_EQ(0, vt_dev_check(self->v, b, LEN, OTHER, 0));
	ASSERT_EQ(c, mremap(a, LEN, LEN, flags, c));
	ASSERT_EQ(a, mremap(b, LEN, LEN, flags, a));
	ASSERT_EQ(b, mremap(c, LEN, LEN, flags, b));
	EXPECT_EQ(0, is_gone(self->v, c, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, a, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, b, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(a, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(b, LEN, SEED, 0));
}

/* Moved on top of memory that is on the device too: that one is gone. */
TEST_F(remap, moves_onto_device_memory)
{
	char *to = vt_map_filled(self->v, LEN, variant->kind, OTHER);

	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, vt_to_device(self->v, to, LEN));
	ASSERT_EQ(0, vt_dev_check(self->v, to, LEN, OTHER, 0));
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(to, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
}

/* MREMAP_DONTUNMAP: the pages went, the old place is there and empty. */
TEST_F(remap, dontunmap)
{
	char *to = vt_map(LEN, variant->kind);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

	ASSERT_NE(NULL, to);
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, flags, to));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* MREMAP_DONTUNMAP of a part, to an odd page. */
TEST_F(remap, dontunmap_a_part)
{
	size_t from = VT_HUGE - 20 * VT_PAGE, len = 40 * VT_PAGE;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	char *to = vt_map(VT_HUGE, variant->kind), *at = self->mem + from;

	ASSERT_NE(NULL, to);
	to += VT_PAGE;
	ASSERT_EQ(to, mremap(at, len, len, flags, to));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, at, len, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, to, len, SEED, from));
	EXPECT_EQ(0, vt_check(to, len, SEED, from));
	EXPECT_EQ(0, vt_check_byte(at, len, 0));
	EXPECT_EQ(0, check_but(self->v, self->mem, from, from + len));
}

/* MADV_DONTNEED clears; a device write after it is a write to fresh memory. */
TEST_F(remap, dontneed)
{
	size_t from = VT_HUGE - 9 * VT_PAGE, to = VT_HUGE + 9 * VT_PAGE;

	ASSERT_EQ(0, madvise(self->mem + from, to - from, MADV_DONTNEED));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + from, 100, OTHER, from));
	EXPECT_EQ(0, vt_check(self->mem + from, 100, OTHER, from));
	EXPECT_EQ(0, vt_check_byte(self->mem + from + 100, to - from - 100, 0));
	EXPECT_EQ(0, check_but(self->v, self->mem, from, to));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(self->used, vt_used(self->v));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, self->mem, LEN, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
}

static int child_reads_zeroes(struct vt_child *c, void *arg)
{
	(void)c;
	return vt_check_byte(arg, LEN, 0) ? 1 : 0;
}

/* MADV_WIPEONFORK: the child has zeroes, the parent keeps its own. */
TEST_F(remap, wipeonfork)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_WIPEONFORK));
	EXPECT_EQ(0, vt_run(child_reads_zeroes, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

static int child_has_a_hole(struct vt_child *c, void *arg)
{
	unsigned char resident[LEN / VT_PAGE];

	(void)c;
	return mincore(arg, LEN, resident) == -1 && errno == ENOMEM ? 0 : 1;
}

/* MADV_DONTFORK: the child has nothing there; the parent writes on. */
TEST_F(remap, dontfork)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTFORK));
	EXPECT_EQ(0, vt_run(child_has_a_hole, self->mem));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

TEST_HARNESS_MAIN
