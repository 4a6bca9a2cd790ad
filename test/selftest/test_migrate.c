// SPDX-License-Identifier: GPL-2.0-only
/*
 * MIGRATE: what moves, and what it reports of the rest.
 *
 * No byte is lost on the way to the device, on the way to system memory, or when the
 * process changes the mapping meanwhile.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	31
#define OTHER	32

FIXTURE(migrate)
{
	struct vsvm *v;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(migrate);

FIXTURE_SETUP(migrate)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_CLOSE(migrate)

#define POPULATE(mem, len)						\
	vt_migrate(self->v, mem, len, DRM_VSVM_TARGET_DEVICE,		\
		   DRM_VSVM_MIGRATE_POPULATE, &self->m)

/* 64 MiB migrate to the device and back by MIGRATE with every byte right. */
TEST_F_TIMEOUT(migrate, both_ways, VT_LONG)
{
	size_t len = 64 * VT_MIB;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, len));
	EXPECT_EQ(len, self->m.moved);
	ASSERT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE,
			       variant->kind == VT_LARGE ? VT_HUGE_ORDER : 0));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, len, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, len, OTHER, 0));
	ASSERT_EQ(0, VT_TRY_SYSTEM(mem, len));
	EXPECT_EQ(len, self->m.moved);
	ASSERT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, len, OTHER, 0));
}

/* The CPU's own reads migrate 64 MiB to system memory with every byte right. */
TEST_F_TIMEOUT(migrate, home_by_reading, VT_LONG)
{
	size_t len = 64 * VT_MIB;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, len));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
}

/* The CPU's own writes migrate 64 MiB to system memory, and are not lost. */
TEST_F_TIMEOUT(migrate, home_by_writing, VT_LONG)
{
	size_t len = 64 * VT_MIB, i;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, len));
	for (i = 0; i < len; i += VT_PAGE)
		__atomic_store_n(&mem[i + 5], i / VT_PAGE, __ATOMIC_RELAXED);
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	for (i = 0; i < len; i += VT_PAGE) {
		ASSERT_EQ((char)(i / VT_PAGE), mem[i + 5]);
		vt_fill(mem + i + 5, 1, SEED, i + 5);
	}
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/* What is at the target already is counted as there, and not moved. */
TEST_F(migrate, again_is_there)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_SYSTEM(mem, LEN));
	EXPECT_EQ(LEN, self->m.there);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, self->m.moved);
	EXPECT_EQ(LEN, self->m.there);
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* Ten rounds there and back wear nothing out. */
TEST_F_TIMEOUT(migrate, round_after_round, VT_LONG)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, 0);
	__u64 used = vt_used(self->v);
	int i;

	ASSERT_NE(NULL, mem);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
		ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, i, 0));
		ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, i + 1, 0));
		if (i % 2)
			ASSERT_EQ(0, vt_to_system(self->v, mem, LEN));
		ASSERT_EQ(0, vt_check(mem, LEN, i + 1, 0));
		ASSERT_EQ(used, vt_used(self->v));
	}
}

/* Memory that was never touched stays untouched, and is counted as absent. */
TEST_F(migrate, leaves_untouched_alone)
{
	char *mem = vt_map(LEN, variant->kind);
	__u64 used = vt_used(self->v);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(0, self->m.moved);
	ASSERT_EQ(0, VT_TRY_SYSTEM(mem, LEN));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_ABSENT,
			       VT_ANY_ORDER));
	EXPECT_EQ(used, vt_used(self->v));
}

/* POPULATE gives untouched memory cleared pages on the device. */
TEST_F(migrate, populates)
{
	char *mem = vt_map(LEN, variant->kind);
	char *dirt = vt_map_filled(self->v, LEN, variant->kind, SEED);

	/* Device memory full of another process's secrets is what it must clear. */
	ASSERT_NE(NULL, dirt);
	ASSERT_EQ(0, vt_to_device(self->v, dirt, LEN));
	ASSERT_EQ(0, munmap(dirt, LEN));

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, POPULATE(mem, LEN));
	EXPECT_EQ(LEN, self->m.moved);
	ASSERT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, 100, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, 100, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(mem + 100, LEN - 100, 0));
}

/* POPULATE moves what was touched with its contents. */
TEST_F(migrate, populate_keeps_contents)
{
	char *mem = vt_map(LEN, VT_SMALL);
	size_t off = 7 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	vt_fill(mem + off, VT_PAGE, SEED, 0);
	ASSERT_EQ(0, POPULATE(mem, LEN));
	EXPECT_EQ(0, self->m.absent);
	ASSERT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem + off, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(mem, off, 0));
	EXPECT_EQ(0, vt_check_byte(mem + off + VT_PAGE, LEN - off - VT_PAGE, 0));
}

/* Of sparse memory the touched pages move and the holes stay holes. */
TEST_F(migrate, moves_sparse_memory)
{
	size_t touched = (LEN / VT_PAGE + 2) / 3 * VT_PAGE, i;
	char *mem = vt_map(LEN, VT_SMALL);
	char *page;

	ASSERT_NE(NULL, mem);
	for (i = 0; i < LEN; i += 3 * VT_PAGE)
		vt_fill(mem + i, VT_PAGE, SEED, i);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(touched, self->m.moved);
	EXPECT_EQ(LEN - touched, self->m.absent);
	EXPECT_EQ(touched,
		  vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(LEN - touched,
		  vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_ABSENT));
	ASSERT_EQ(0, VT_TRY_SYSTEM(mem, LEN));
	EXPECT_EQ(touched, self->m.moved);
	EXPECT_EQ(LEN - touched, self->m.absent);
	for (i = 0; i < LEN; i += 3 * VT_PAGE) {
		page = mem + i;
		ASSERT_EQ(0, vt_check(page, VT_PAGE, SEED, i));
	}
}

/* The zero page, 4K or 2M, may move or stay; it reads as zeroes either way. */
TEST_F(migrate, zero_page)
{
	char *mem = vt_map(LEN, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_check_byte(mem, LEN, 0));
	ASSERT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_ZERO,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(0, vt_stayed(&self->m));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem + 50, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(mem, 50, 0));
	EXPECT_EQ(0, vt_check(mem + 50, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(mem + 50 + VT_PAGE, LEN - 50 - VT_PAGE, 0));
}

/* Exactly the pages of the range move: neither neighbour does. */
TEST_F(migrate, moves_only_the_range)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	size_t from = 3 * VT_PAGE, to = LEN - 5 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, VT_TRY_DEVICE(mem + from, to - from));
	EXPECT_EQ(to - from, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, from, DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_all_in(self->v, mem + from, to - from,
			       DRM_VSVM_PLACE_DEVICE, 0));
	EXPECT_EQ(0, vt_all_in(self->v, mem + to, LEN - to,
			       DRM_VSVM_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* A hole in the middle is counted as unmapped; the rest moves. */
TEST_F(migrate, passes_a_hole)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	size_t hole = VT_HUGE + 3 * VT_PAGE, after = hole + 2 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem + hole, 2 * VT_PAGE));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(2 * VT_PAGE, self->m.stayed[DRM_VSVM_STAY_UNMAPPED]);
	EXPECT_EQ(LEN - 2 * VT_PAGE, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, hole, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, mem + after, LEN - after,
			       DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, hole, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + after, LEN - after, SEED, after));
}

/* Holes at either end of the range are counted; the middle moves. */
TEST_F(migrate, passes_holes_at_the_ends)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	size_t end = LEN - 3 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem, VT_PAGE));
	ASSERT_EQ(0, munmap(mem + end, 3 * VT_PAGE));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(4 * VT_PAGE, self->m.stayed[DRM_VSVM_STAY_UNMAPPED]);
	EXPECT_EQ(LEN - 4 * VT_PAGE, self->m.moved);
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, end - VT_PAGE, SEED, VT_PAGE));
}

/* PROT_NONE stays and is counted; its bytes are there when rights return. */
TEST_F(migrate, passes_prot_none)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	size_t wall = VT_HUGE + 3 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem + wall, 2 * VT_PAGE, PROT_NONE));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(2 * VT_PAGE, self->m.stayed[DRM_VSVM_STAY_ACCESS]);
	EXPECT_EQ(LEN - 2 * VT_PAGE, self->m.moved);
	EXPECT_EQ(DRM_VSVM_PLACE_ERROR, vt_place(self->v, mem + wall));
	ASSERT_EQ(0, mprotect(mem + wall, 2 * VT_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM, vt_place(self->v, mem + wall));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* A range of nothing but PROT_NONE is mapped: 0, all of it stayed. */
TEST_F(migrate, all_prot_none)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_NONE));
	ASSERT_EQ(0, VT_TRY_DEVICE(mem, LEN));
	EXPECT_EQ(LEN, self->m.stayed[DRM_VSVM_STAY_ACCESS]);
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_READ));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* Device pages behind PROT_NONE stay out of reach and keep their bytes. */
TEST_F(migrate, prot_none_on_device)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	char byte;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_NONE));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, mem, &byte, 1, NULL));
	EXPECT_EQ(DRM_VSVM_PLACE_ERROR, vt_place(self->v, mem));
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* Device pages behind PROT_NONE can be sent home all the same. */
TEST_F(migrate, prot_none_goes_home)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_NONE));
	ASSERT_EQ(0, VT_TRY_SYSTEM(mem, LEN));
	EXPECT_EQ(LEN, self->m.moved);
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* A read-only mapping moves both ways and stays read-only. */
TEST_F(migrate, moves_read_only)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	char byte = 1;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem, LEN, PROT_READ));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, mem, &byte, 1, NULL));
	ASSERT_EQ(0, vt_to_system(self->v, mem, LEN));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* A range over several mappings moves as one. */
TEST_F(migrate, moves_across_mappings)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	char *part;

	ASSERT_NE(NULL, mem);
	for (part = mem; part < mem + LEN; part += LEN / 32) {
		part += LEN / 32;
		ASSERT_EQ(0, mprotect(part, LEN / 32, PROT_READ));
	}
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_system(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* A touch migrates a window to system memory, not the whole range. */
TEST_F(migrate, touch_brings_a_window)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	size_t at = VT_HUGE + VT_HUGE / 2;
	long home;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_check(mem + at, 1, SEED, at));
	EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM, vt_place(self->v, mem + at));
	home = vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_SYSTEM);
	EXPECT_LE(home, (long)VT_HUGE);
	/* Whatever came along, the other 2M did not. */
	EXPECT_EQ(0, vt_all_in(self->v, mem, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

/* munmap() gives device memory back. */
TEST_F(migrate, munmap_frees)
{
	__u64 used = vt_used(self->v);
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(used + LEN, vt_used(self->v));
	ASSERT_EQ(0, munmap(mem, LEN));
	EXPECT_EQ(used, vt_used(self->v));
	EXPECT_EQ(DRM_VSVM_PLACE_ERROR, vt_place(self->v, mem));
}

/* MADV_DONTNEED gives device memory back; the range reads as zeroes. */
TEST_F(migrate, dontneed_frees)
{
	__u64 used = vt_used(self->v);
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, madvise(mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(used, vt_used(self->v));
	EXPECT_EQ(0, vt_all_in(self->v, mem, LEN, DRM_VSVM_PLACE_ABSENT,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
	EXPECT_EQ(0, vt_check_byte(mem, LEN, 0));
}

/* mremap() takes device pages along, and the device's view of them. */
TEST_F(migrate, mremap_moves_device_pages)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	char *to = vt_map(LEN, variant->kind);
	char byte;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(to, mremap(mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, vt_all_in(self->v, to, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, to, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(to, LEN, SEED, 0));
}

/* A mapping replaced by another is another for the device too. */
TEST_F(migrate, sees_a_new_mapping)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(mem, mmap(mem, LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vt_fill(mem, LEN, OTHER, 0);
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, OTHER, 0));
}

/* mlocked memory moves like any other. */
TEST_F(migrate, moves_mlocked)
{
	char *mem = vt_map_filled(self->v, LEN, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mlock(mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	ASSERT_EQ(0, munlock(mem, LEN));
	ASSERT_EQ(0, munmap(mem, LEN));
}

/* The heap of malloc() is ordinary memory: it goes and comes. */
TEST_F(migrate, moves_malloc_memory)
{
	size_t len = 300000;
	char *mem = malloc(len), *page;

	ASSERT_NE(NULL, mem);
	vt_fill(mem, len, SEED, 0);
	page = (char *)(((uintptr_t)mem + VT_PAGE - 1) & -VT_PAGE);
	ASSERT_EQ(0, vt_to_device(self->v, page, 60 * VT_PAGE));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, len, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
	free(mem);
}

/* The very stack of the caller can go to the device under the call. */
TEST_F(migrate, moves_the_stack)
{
	char words[64];
	char *page = (char *)((uintptr_t)words & -VT_PAGE);

	vt_fill(words, sizeof(words), SEED, 0);
	/* Used by the call itself: it may be home again already. */
	ASSERT_EQ(0, VT_TRY_DEVICE(page, VT_PAGE));
	EXPECT_EQ(VT_PAGE, self->m.moved);
	EXPECT_EQ(0, vt_check(words, sizeof(words), SEED, 0));
}

TEST_HARNESS_MAIN
