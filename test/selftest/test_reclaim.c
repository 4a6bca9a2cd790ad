// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaim and swap.
 *
 * Pages that were swapped out come back for the device and for a migration, reclaim
 * leaves pages on the device alone, and it never drops as clean what the device wrote.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_queue.h"

#define LEN	(2 * VT_HUGE)
#define SEED	171
#define OTHER	172
#define SWAP	(64 * VT_MIB)

FIXTURE(reclaim)
{
	struct vsvm *v;
	char *mem;
	struct vt_zram zram;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(reclaim);

FIXTURE_SETUP(reclaim)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	ASSERT_EQ(0, vt_swap_on(&self->zram, SWAP));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
}

FIXTURE_TEARDOWN_PARENT(reclaim)
{
	vt_zram_gone(&self->zram);
}

/* The device reads what was swapped out. */
TEST_F(reclaim, device_reads_swapped)
{
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_ABSENT,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* The device writes a part of what was swapped out; the rest comes back. */
TEST_F(reclaim, device_writes_swapped)
{
	size_t from = VT_HUGE - 3, len = 2 * VT_PAGE + 5;

	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + from, len, OTHER, from));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, from, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, from, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + from, len, OTHER, from));
	EXPECT_EQ(0, vt_check(self->mem + from + len, LEN - from - len, SEED,
			      from + len));
}

/* What the device wrote is swapped out and comes back, again and again. */
TEST_F_TIMEOUT(reclaim, device_writes_survive_swap, VT_LONG)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER + i,
					 0));
		ASSERT_EQ(0, vt_page_out(self->mem, LEN));
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER + i,
					  0));
		ASSERT_EQ(0, vt_check(self->mem, LEN, OTHER + i, 0));
	}
}

/* Swapped out pages are read in to move to the device. */
TEST_F(reclaim, migrates_swapped)
{
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Present, swapped out and never touched pages side by side all move right. */
TEST_F(reclaim, migrates_a_mixture)
{
	size_t i, third = LEN / VT_PAGE / 3 * VT_PAGE;
	char *page;

	ASSERT_EQ(0, vt_page_out(self->mem, third));
	for (i = third; i < 2 * third; i += 2 * VT_PAGE) {
		page = self->mem + i;
		ASSERT_EQ(0, madvise(page, VT_PAGE, MADV_DONTNEED));
	}
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(0, vt_stayed(&self->m));
	EXPECT_EQ(LEN, self->m.moved + self->m.absent);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, third, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, third, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + 2 * third, LEN - 2 * third, SEED,
			      2 * third));
	for (i = third; i < 2 * third; i += 2 * VT_PAGE)
		ASSERT_EQ(0, vt_check_byte(self->mem + i, VT_PAGE, 0));
}

/* POPULATE does not give cleared pages for what is only swapped out. */
TEST_F(reclaim, populate_keeps_swapped)
{
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Pages on the device are not the kernel's to swap out: they stay there. */
TEST_F(reclaim, device_pages_stay)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_PAGEOUT));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_COLD));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* MADV_PAGEOUT of a part of a 2M page that is on the device. */
TEST_F(reclaim, part_of_a_device_page_stays)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, madvise(self->mem + 3 * VT_PAGE, 5 * VT_PAGE,
			     MADV_PAGEOUT));
	ASSERT_EQ(0, madvise(self->mem + VT_HUGE + VT_PAGE, VT_PAGE,
			     MADV_COLD));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

static int check_in_child(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

/* Swapped out and shared with a child: a device write copies. */
TEST_F(reclaim, swapped_and_shared)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, check_in_child, self->mem));
	/* MADV_PAGEOUT leaves shared pages alone: the child goes first. */
	madvise(self->mem, LEN, MADV_PAGEOUT);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/*
 * fork() with swapped out pages. As long as the child needs the swap slot, core
 * does not migrate the page read in from it (__migrate_device_pages() wants
 * folio_free_swap()): it stays, busy, and a device write copies it.
 */
TEST_F(reclaim, fork_with_swapped)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, check_in_child, self->mem));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.stayed[DRM_VSVM_STAY_BUSY]);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	/* Its own copy moves. */
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* swapoff reads everything back in under the eyes of the device. */
TEST_F(reclaim, swapoff)
{
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, VT_HUGE, OTHER, 0));
	ASSERT_EQ(0, vt_zram_gone(&self->zram));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + VT_HUGE, VT_HUGE, SEED,
				  VT_HUGE));
}

/*
 * MADV_FREE: the kernel may drop the pages while they are clean. A device write
 * takes that back as a CPU write does, so reclaim has to keep them.
 */
TEST_F(reclaim, free_then_device_writes)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_FREE));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The same when the device page table had the pages, writable, before. */
TEST_F(reclaim, free_with_hot_entries)
{
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_FREE));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Each page is either dropped, all zero, or as the CPU wrote it. */
static int old_or_zero(const char *mem, size_t len)
{
	static const char zero[VT_PAGE];
	size_t at;

	for (at = 0; at < len; at += VT_PAGE)
		if (VT_BAD(memcmp(mem + at, zero, VT_PAGE) &&
			   vt_check(mem + at, VT_PAGE, SEED, at)))
			return -1;
	return 0;
}

/* A device read takes nothing back: reclaim may drop the pages. */
TEST_F(reclaim, free_then_device_reads)
{
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_FREE));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_PAGEOUT));
	EXPECT_EQ(0, old_or_zero(self->mem, LEN));
}

/* The same by jobs: in each way to write, by the fault worker and by an engine. */
static int free_then_job(struct vsvm *v, char *mem, size_t len, bool hot,
			 struct drm_vsvm_command command)
{
	static struct vt_queue q;

	if (!q.id && vt_queue_make(&q, v, 4))
		return -1;
	vt_fill(mem, len, SEED, 0);
	if (VT_BAD(madvise(mem, len, MADV_FREE)))
		return -1;
	/* What the device has read it can write without a fault. */
	if (hot && vt_dev_check(v, mem, len, SEED, 0))
		return -1;
	return vt_do_one(&q, command) || vt_page_out(mem, len) ? -1 : 0;
}

TEST_F(reclaim, free_then_jobs_write)
{
	char *from = vt_map_filled(self->v, LEN, VT_SMALL, OTHER);
	uint64_t *word = (uint64_t *)self->mem, was;
	int hot;

	ASSERT_NE(NULL, from);
	for (hot = 0; hot < 2; hot++) {
		ASSERT_EQ(0, free_then_job(self->v, self->mem, LEN, hot,
					   vsvm_cmd_copy(self->mem, from, LEN)));
		EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0)) TH_LOG("hot %d", hot);

		ASSERT_EQ(0, free_then_job(self->v, self->mem, LEN, hot,
					   vsvm_cmd_fill(self->mem, LEN, 0x5a, 1)));
		EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0x5a)) TH_LOG("hot %d", hot);

		ASSERT_EQ(0, free_then_job(self->v, self->mem, VT_PAGE, hot,
					   vsvm_cmd_signal(word, 7, -1)));
		EXPECT_EQ(7, *word);
		EXPECT_EQ(0, vt_check(word + 1, VT_PAGE - 8, SEED, 8)) TH_LOG("hot %d", hot);

		vt_fill(&was, 8, SEED, 0);
		ASSERT_EQ(0, free_then_job(self->v, self->mem, VT_PAGE, hot,
					   vsvm_cmd_atomic(word, 8, DRM_VSVM_ATOMIC_ADD, 1, 0,
							   NULL)));
		EXPECT_EQ(was + 1, *word);
		EXPECT_EQ(0, vt_check(word + 1, VT_PAGE - 8, SEED, 8)) TH_LOG("hot %d", hot);
	}
}

/* MADV_FREE passes over pages on the device: they are kept. */
TEST_F(reclaim, free_of_device_pages)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_FREE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Clean in the swap cache, to the device, written, home, reclaimed: kept. */
TEST_F(reclaim, swap_cache_is_not_stale)
{
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	/* Read back: page and swap slot say the same, the page is clean. */
	ASSERT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* mlock() migrates pages to system memory, and they move and are written like any. */
TEST_F(reclaim, mlock)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, mlock(self->mem, LEN));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, munlock(self->mem, LEN));
	/* Home, they are ordinary pages that reclaim may have. */
	EXPECT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
}

/* munlock() of pages that are on the device. */
TEST_F(reclaim, munlock_on_device)
{
	ASSERT_EQ(0, mlock(self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, munlock(self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/*
 * Device pages that were never used before: a flag of an earlier use that says
 * "swap me" would hide what is tested here.
 */
FIXTURE(lazy)
{
	struct vsvm *v;
	char *mem;
	struct vt_zram zram;
	struct vt_module module;
};

VT_PAGE_KINDS(lazy);

FIXTURE_SETUP(lazy)
{
	self->zram = (struct vt_zram)VT_NO_ZRAM;
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(self->module.devices,
				    self->module.vram_mib));
	ASSERT_EQ(0, vt_swap_on(&self->zram, SWAP));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_FREE));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
}

FIXTURE_TEARDOWN_PARENT(lazy)
{
	vt_zram_gone(&self->zram);
}

/* Freed, moved to the device, written there, home by MIGRATE: reclaim keeps. */
TEST_F(lazy, written_on_device_then_migrated)
{
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The same when a CPU read migrates the pages. */
TEST_F(lazy, written_on_device_then_read)
{
	ASSERT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* The same when the pages go by way of another device. */
TEST_F(lazy, written_on_two_devices)
{
	struct vsvm *b;

	ASSERT_EQ(0, vsvm_open(1, &b));
	ASSERT_EQ(0, vt_to_device(b, self->mem, LEN));
	ASSERT_EQ(0, vt_to_system(b, self->mem, LEN));
	EXPECT_EQ(0, vt_page_out(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
	vsvm_close(b);
}

TEST_HARNESS_MAIN
