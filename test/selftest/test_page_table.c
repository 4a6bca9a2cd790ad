// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device page table costs: a leaf for each 2 MiB in which it has an entry,
 * and none for entries that are gone or never came.
 *
 * The process pays the cost as the size of its page tables, where the OOM killer
 * looks.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define REGIONS	16UL
#define LEN	(REGIONS * VT_HUGE)
#define SEED	231
#define TABLES	"/sys/kernel/debug/dri/vsvm.0/tables"
#define MEMINFO	"/proc/meminfo"
#define STATUS	"/proc/self/status"

/* Two words an entry, one for each page of 2 MiB. */
#define LEAF	(2 * sizeof(uint64_t) * (VT_HUGE / VT_PAGE))

/* Room for what the kernel does meanwhile, in bytes. */
#define SLACK	(2 * VT_MIB)

/* Regions that come and go, one at a time. */
#define ROUNDS	5000

/* Leaves of all files of process @pid on the first device, or -1. */
static long leaves_of(pid_t pid)
{
	FILE *f = fopen(TABLES, "re");
	long leaves, sum = 0;
	char line[256];
	int owner;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%d %ld ", &owner, &leaves) == 2 &&
		    owner == pid)
			sum += leaves;
	fclose(f);
	return sum;
}

static long leaves(void)
{
	return leaves_of(getpid());
}

/* What @path says under @key, such as "VmPTE:", in bytes; -1: nothing. */
static long bytes(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	long kib = -1, found;
	char line[256];

	if (VT_BAD(!f))
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), "%ld kB", &found) == 1)
			kib = found;
	fclose(f);
	return kib < 0 ? -1 : kib * 1024;
}

/* What all devices' tables take, each processor's count added up. */
static long secondary(void)
{
	if (VT_BAD(vt_file_write("/proc/sys/vm/stat_refresh", "1")))
		return -1;
	return bytes(MEMINFO, "SecPageTables:");
}

/*
 * Unreclaimable slab memory. A kernel that checks every access keeps what was
 * freed for a long time: nothing can be told there.
 */
static long slab(void)
{
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		return 0;
	return bytes(MEMINFO, "SUnreclaim:");
}

FIXTURE(leaves)
{
	struct vsvm *v;
	char *mem;
};

FIXTURE_SETUP(leaves)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, leaves());
}

VT_TEARDOWN_CLOSE(leaves)

/* The device reads the byte at @at. */
static int touch(struct vsvm *v, const void *at)
{
	char byte;

	return vsvm_read(v, at, &byte, 1, NULL);
}

/* One page in each of the regions. */
static int touch_all(struct vsvm *v, const char *mem)
{
	size_t at;

	for (at = 0; at < LEN; at += VT_HUGE)
		if (VT_BAD(touch(v, mem + at)))
			return -1;
	return 0;
}

/* A leaf for each region with an entry; munmap() frees those of what it takes. */
TEST_F(leaves, munmap_frees)
{
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	EXPECT_EQ(REGIONS, leaves());
	ASSERT_EQ(0, munmap(self->mem, LEN / 2));
	EXPECT_EQ(REGIONS / 2, leaves());
	ASSERT_EQ(0, munmap(self->mem + LEN / 2, LEN / 2));
	EXPECT_EQ(0, leaves());
}

/* A page that stays keeps its leaf, the last one that goes takes it along. */
TEST_F(leaves, last_page_frees)
{
	char *last = self->mem + VT_HUGE - VT_PAGE;

	ASSERT_EQ(0, touch(self->v, self->mem));
	ASSERT_EQ(0, touch(self->v, last));
	ASSERT_EQ(0, madvise(self->mem, VT_PAGE, MADV_DONTNEED));
	EXPECT_EQ(1, leaves());
	ASSERT_EQ(0, madvise(last, VT_PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, leaves());
	ASSERT_EQ(0, touch(self->v, last));
	EXPECT_EQ(1, leaves());
}

/* So do those that give memory up or change the right to it. */
TEST_F(leaves, dontneed_and_mprotect_free)
{
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	ASSERT_EQ(0, madvise(self->mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(0, leaves());
	/* There have to be pages for mprotect() to speak of. */
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	EXPECT_EQ(REGIONS, leaves());
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, leaves());
}

/* Memory that moves leaves nothing behind, and has nothing yet where it is. */
TEST_F(leaves, mremap_frees)
{
	char *to = vt_map(LEN, VT_SMALL);

	ASSERT_NE(NULL, to);
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	ASSERT_EQ(to, mremap(self->mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	EXPECT_EQ(0, leaves());
	ASSERT_EQ(0, touch_all(self->v, to));
	EXPECT_EQ(REGIONS, leaves());
}

/* Going to the device and home frees them, too: there is no entry any more. */
TEST_F(leaves, migration_frees)
{
	vt_fill(self->mem, 2 * VT_HUGE, SEED, 0);
	ASSERT_EQ(0, touch(self->v, self->mem));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, 2 * VT_HUGE));
	EXPECT_EQ(0, leaves());
	ASSERT_EQ(0, touch(self->v, self->mem));
	EXPECT_EQ(1, leaves());
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, 2 * VT_HUGE));
	EXPECT_EQ(0, leaves());
}

/* The process's page tables grow by what the leaves take, and shrink again. */
TEST_F(leaves, count_as_page_tables)
{
	long before, full, all;

	/* The CPU's own tables come first. */
	vt_fill(self->mem, LEN, SEED, 0);
	before = bytes(STATUS, "VmPTE:");
	all = secondary();
	ASSERT_LT(0, before);
	ASSERT_LE(0, all);
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	full = bytes(STATUS, "VmPTE:");
	EXPECT_EQ(before + REGIONS * LEAF, full);
	EXPECT_LT(all + (long)(REGIONS * LEAF / 2), secondary());
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(before, bytes(STATUS, "VmPTE:"));
	/* A file that is closed gives back what it had. */
	ASSERT_EQ(0, touch_all(self->v, self->mem));
	EXPECT_EQ(full, bytes(STATUS, "VmPTE:"));
	vsvm_close(self->v);
	EXPECT_EQ(before, bytes(STATUS, "VmPTE:"));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

/*
 * A process that maps, has the device read, and unmaps holds nothing in the end,
 * however many places it did it at.
 */
TEST_F_TIMEOUT(leaves, none_for_what_came_and_went, VT_LONG)
{
	long slab_before = slab(), all = secondary();
	long own = bytes(STATUS, "VmPTE:");
	char *at = (char *)0x100000000000UL;
	int i;

	for (i = 0; i < ROUNDS; i++, at += VT_HUGE) {
		ASSERT_EQ(at, mmap(at, VT_PAGE, PROT_READ, MAP_PRIVATE |
				   MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
		ASSERT_EQ(0, touch(self->v, at));
		ASSERT_EQ(0, munmap(at, VT_PAGE));
	}
	EXPECT_EQ(0, leaves());
	EXPECT_GE(slab_before + (long)SLACK, slab());
	EXPECT_GE(all + (long)SLACK, secondary());
	EXPECT_GE(own + (long)SLACK, bytes(STATUS, "VmPTE:"));
}

/* Faults that come to nothing leave nothing, at whichever step they fail. */
TEST_F_TIMEOUT(leaves, none_for_what_failed, VT_LONG)
{
	static const char *const points[] = {
		"leaf",
		"leaf-store",
		"dma",
	};
	long own;
	size_t i;

	vt_fill(self->mem, LEN, SEED, 0);
	own = bytes(STATUS, "VmPTE:");
	for (i = 0; i < VT_COUNT(points); i++) {
		size_t at;

		ASSERT_EQ(0, vt_arm(self->v, points[i], 1, UINT64_MAX));
		for (at = 0; at < LEN; at += VT_HUGE)
			EXPECT_EQ(-ENOMEM, touch(self->v, self->mem + at));
		EXPECT_EQ(REGIONS, vt_fired(self->v, points[i]));
		ASSERT_EQ(0, vt_disarm(self->v, points[i]));
		EXPECT_EQ(0, leaves());
		EXPECT_EQ(own, bytes(STATUS, "VmPTE:"));
	}
	/* It goes again, and then it is there. */
	ASSERT_EQ(0, vt_arm(self->v, "leaf-gone", 1, 3));
	EXPECT_EQ(0, touch(self->v, self->mem));
	ASSERT_EQ(0, vt_disarm(self->v, "leaf-gone"));
	EXPECT_EQ(1, leaves());
	EXPECT_EQ(own + (long)LEAF, bytes(STATUS, "VmPTE:"));
	/* An entry that could not be made anew was the last one. */
	ASSERT_EQ(0, vt_arm(self->v, "dma", 1, 1));
	ASSERT_EQ(0, madvise(self->mem, VT_PAGE, MADV_DONTNEED));
	EXPECT_EQ(-ENOMEM, touch(self->v, self->mem));
	EXPECT_EQ(0, leaves());
}

static int fills_a_table(struct vt_child *c, void *arg)
{
	struct vsvm *v;

	if (vsvm_open(0, &v) || touch_all(v, arg) ||
	    leaves() != (long)REGIONS)
		return 1;
	return vt_say(c) || vt_hear(c);
}

/* A process that ends leaves none, and the kernel finds its count right. */
TEST_F(leaves, exit_frees)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, fills_a_table, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(REGIONS, leaves_of(c.pid));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, leaves_of(c.pid));
}

TEST_HARNESS_MAIN
