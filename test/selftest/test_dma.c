// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA: a system page in the device page table has a DMA address, with the direction
 * that the mapping allows, exactly as long as the entry lives.
 *
 * SNAPSHOT_TABLE reads it back. A debug kernel also watches that each mapping is
 * undone as it was made (DMA_API_DEBUG). Where INFO says that the device has no DMA
 * addresses (swiotlb=force), the same entries come and go without.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LEN	(2 * VT_HUGE)
#define SEED	191
#define OTHER	192

#define MAPPED	DRM_VSVM_STATE_MAPPED
#define DMA	DRM_VSVM_STATE_DMA
#define WRITE	DRM_VSVM_STATE_WRITE
#define ENTRY	(MAPPED | DMA)

FIXTURE(dma)
{
	struct vsvm *v;
	char *mem;
	uint32_t entry;	/* what the entry of a system page has, of ENTRY */
	struct vt_zram zram;
};

VT_PAGE_KINDS(dma);

FIXTURE_SETUP(dma)
{
	struct drm_vsvm_info info = {};

	self->zram = (struct vt_zram)VT_NO_ZRAM;
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	self->entry = info.caps & DRM_VSVM_CAP_DMA ? ENTRY : MAPPED;
	self->mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN_PARENT(dma)
{
	vt_zram_gone(&self->zram);
}

#define HAVE(mask, want) vt_all_have(self->v, self->mem, LEN, mask, want)
#define READ_ALL() vt_dev_check(self->v, self->mem, LEN, SEED, 0)
#define WRITE_ALL() vt_dev_fill(self->v, self->mem, LEN, OTHER, 0)

/* What the CPU alone has used the device has no entry for. */
TEST_F(dma, none_before_an_access)
{
	EXPECT_EQ(0, HAVE(ENTRY, 0));
}

/* A plain SNAPSHOT says nothing about the table. */
TEST_F(dma, plain_snapshot_is_silent)
{
	ASSERT_EQ(0, READ_ALL());
	EXPECT_EQ(0, vt_state(self->v, self->mem) &
		     (ENTRY | DRM_VSVM_STATE_EXCLUSIVE));
}

/* A device read maps what it read, and no page more than it asked for. */
TEST_F(dma, mapped_by_a_read)
{
	char byte;

	ASSERT_EQ(0, vsvm_read(self->v, self->mem + VT_PAGE, &byte, 1, NULL));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem + VT_PAGE, VT_PAGE, ENTRY,
				 self->entry));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem + VT_HUGE, VT_HUGE, ENTRY,
				 0));
	ASSERT_EQ(0, READ_ALL());
	EXPECT_EQ(0, HAVE(ENTRY, self->entry));
}

/* A device write maps for writing. */
TEST_F(dma, mapped_by_a_write)
{
	ASSERT_EQ(0, WRITE_ALL());
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, self->entry | WRITE));
}

/* A read-only mapping gives a read-only entry. */
TEST_F(dma, read_only_mapping)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, READ_ALL());
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, self->entry));
}

/* mprotect() takes the entries away, in both directions. */
TEST_F(dma, mprotect_unmaps)
{
	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, self->entry));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, WRITE_ALL());
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, self->entry | WRITE));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
}

/*
 * mprotect() of a part takes the entries of that part. Core mm announces all of
 * the 2M that a mapping is cut in, small pages or not: the next 2M keeps its.
 */
TEST_F(dma, mprotect_of_a_part)
{
	size_t from = 8 * VT_PAGE, len = 16 * VT_PAGE;
	char *part = self->mem + from;

	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, mprotect(part, len, PROT_READ));
	EXPECT_EQ(0, vt_all_have(self->v, part, len, ENTRY, 0));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem + VT_HUGE, VT_HUGE, ENTRY,
				 self->entry));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, HAVE(ENTRY, self->entry));
	EXPECT_EQ(0, vt_all_have(self->v, part, len, WRITE, 0));
}

/* munmap() leaves nothing, and nothing comes back with a new mapping. */
TEST_F(dma, munmap_unmaps)
{
	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	ASSERT_EQ(self->mem, mmap(self->mem, LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
}

/* MADV_DONTNEED leaves nothing. */
TEST_F(dma, dontneed_unmaps)
{
	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
}

/* mremap(): nothing at the old place, nothing yet at the new. */
TEST_F(dma, mremap_unmaps)
{
	char *to = vt_map(LEN, variant->kind);

	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, READ_ALL());
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	EXPECT_EQ(0, vt_all_have(self->v, to, LEN, ENTRY, 0));
}

/* A page on the device needs no DMA: migrating there undoes the mapping. */
TEST_F(dma, to_device_unmaps)
{
	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, HAVE(DMA, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, HAVE(ENTRY, MAPPED));
}

/* Home again, by MIGRATE or by the CPU, it is mapped at the next access. */
TEST_F(dma, home_maps_anew)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, READ_ALL());
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_check(self->mem + VT_HUGE, VT_HUGE, SEED, VT_HUGE));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	ASSERT_EQ(0, READ_ALL());
	EXPECT_EQ(0, HAVE(ENTRY, self->entry));
}

/* A page of another device is used in place, without DMA. */
TEST_F(dma, peer_pages)
{
	struct vsvm *b;

	ASSERT_EQ(0, vsvm_open(1, &b));
	ASSERT_EQ(0, vt_to_device(b, self->mem, LEN));
	ASSERT_EQ(0, READ_ALL());
	EXPECT_EQ(0, HAVE(ENTRY | DRM_VSVM_STATE_PLACE,
			  MAPPED | DRM_VSVM_PLACE_PEER));
	vsvm_close(b);
}

/* Each file has a table of its own. */
TEST_F(dma, tables_are_apart)
{
	struct vsvm *b;

	ASSERT_EQ(0, vsvm_open(0, &b));
	ASSERT_EQ(0, vt_dev_check(b, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	EXPECT_EQ(0, vt_all_have(b, self->mem, LEN, ENTRY, self->entry));
	ASSERT_EQ(0, READ_ALL());
	vsvm_close(b);
	EXPECT_EQ(0, HAVE(ENTRY, self->entry));
}

/* A page may be mapped for writing as often as there are tables. */
TEST_F(dma, many_tables)
{
	struct vsvm *v[10];
	unsigned int i;

	for (i = 0; i < VT_COUNT(v); i++) {
		ASSERT_EQ(0, vsvm_open(0, &v[i]));
		ASSERT_EQ(0, vt_dev_fill(v[i], self->mem, VT_PAGE, SEED + i, 0));
	}
	for (i = 0; i < VT_COUNT(v); i++) {
		EXPECT_EQ(0, vt_all_have(v[i], self->mem, VT_PAGE,
					 ENTRY | WRITE, self->entry | WRITE));
		EXPECT_EQ(0, vt_dev_check(v[i], self->mem, VT_PAGE, SEED + 9, 0));
		vsvm_close(v[i]);
	}
}

static int child_writes(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, OTHER, 0) ? 1 : 0;
}

/* fork() makes the entries read-only until a write copies. */
TEST_F(dma, fork_takes_writing)
{
	struct vt_child c;
	char byte;

	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, vt_start(&c, child_writes, self->mem));
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, HAVE(ENTRY | WRITE, self->entry));
	vt_fill(&byte, 1, OTHER, 0);
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, &byte, 1, NULL));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, VT_PAGE, ENTRY | WRITE,
				 self->entry | WRITE));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* Untouched memory read by the device: the zero page, never for writing. */
TEST_F(dma, zero_page)
{
	char *mem = vt_map(VT_HUGE, VT_SMALL);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_check_byte(self->v, mem, VT_HUGE, 0));
	EXPECT_EQ(0, vt_all_have(self->v, mem, VT_HUGE, MAPPED | WRITE,
				 MAPPED));
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_all_have(self->v, mem, VT_HUGE, ENTRY | WRITE,
				 self->entry | WRITE));
}

/* A shared file's pages are mapped like anonymous ones. */
TEST_F(dma, shared_memory)
{
	char *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, vt_dev_fill(self->v, mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_all_have(self->v, mem, LEN, ENTRY | WRITE,
				 self->entry | WRITE));
	ASSERT_EQ(0, munmap(mem, LEN));
	EXPECT_EQ(0, vt_all_have(self->v, mem, LEN, ENTRY, 0));
}

/* Reclaim takes the entry away before it takes the page. */
TEST_F(dma, swap_unmaps)
{
	ASSERT_EQ(0, vt_swap_on(&self->zram, 32 * VT_MIB));
	ASSERT_EQ(0, WRITE_ALL());
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, HAVE(ENTRY, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, HAVE(ENTRY, self->entry));
}

/* The table is not made by looking at it. */
TEST_F(dma, snapshot_maps_nothing)
{
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, HAVE(ENTRY, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, HAVE(ENTRY, 0));
}

TEST_HARNESS_MAIN
