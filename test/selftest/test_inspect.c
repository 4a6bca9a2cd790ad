// SPDX-License-Identifier: GPL-2.0-only
/*
 * A debugger, /proc, a core dump and the soft-dirty bits see pages on the device.
 *
 * They get the right bytes, and a reader that only looks moves nothing.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"

#define LEN	(2 * VT_HUGE)
#define SEED	211
#define OTHER	212
#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
#define CORE	"/tmp/vsvm-test-core"

FIXTURE(inspect)
{
	struct vsvm *v;
	char *mem;
	char core_pattern[256];
};

VT_PAGE_KINDS(inspect);

FIXTURE_SETUP(inspect)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    true));
}

FIXTURE_TEARDOWN_PARENT(inspect)
{
	if (self->core_pattern[0])
		vt_file_write(CORE_PATTERN, self->core_pattern);
	unlink(CORE);
}

static int still_on_device(struct vsvm *v, char *mem)
{
	return vt_all_in(v, mem, LEN, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER);
}

/* Where a child keeps its memory on the device, waiting to be looked at. */
struct looked_at {
	char *mem;
	uint64_t after;		/* seed of what the device finds in the end */
	bool traced;
};

static int be_looked_at(struct vt_child *c, void *arg)
{
	struct looked_at *l = arg;
	struct vsvm *v;

	if (vsvm_open(0, &v) || vt_to_device(v, l->mem, LEN))
		return 1;
	/* A debugger may write where the process itself may not. */
	if (l->traced && (mprotect(l->mem + VT_HUGE, VT_HUGE, PROT_READ) ||
			  ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 2;
	vt_say(c);
	if (vt_hear(c))
		return 3;
	if (l->traced)
		raise(SIGSTOP);
	return vt_dev_check(v, l->mem, LEN, l->after, 0) ||
	       vt_check(l->mem, LEN, l->after, 0) ? 4 : 0;
}

/* A debugger reads words from device pages, and writes some, read-only too. */
TEST_F(inspect, ptrace_peek_and_poke)
{
	struct looked_at l = { self->mem, SEED, true };
	struct vt_child c;
	long is, want;
	int status;
	size_t at;

	ASSERT_EQ(0, vt_start(&c, be_looked_at, &l));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	for (at = 0; at + 8 <= LEN; at += LEN / 13 / 8 * 8) {
		vt_fill(&want, 8, SEED, at);
		errno = 0;
		is = ptrace(PTRACE_PEEKDATA, c.pid, self->mem + at, NULL);
		ASSERT_EQ(0, errno);
		ASSERT_EQ(want, is);
		/* Another value and back: both have to arrive. */
		ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, c.pid, self->mem + at,
				    (void *)~want));
		is = ptrace(PTRACE_PEEKDATA, c.pid, self->mem + at, NULL);
		ASSERT_EQ(~want, is);
		ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, c.pid, self->mem + at,
				    (void *)want));
	}
	ASSERT_EQ(0, ptrace(PTRACE_CONT, c.pid, NULL, NULL));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

static int open_mem(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* /proc/PID/mem of another process: reads what is on the device. */
TEST_F(inspect, proc_mem_reads)
{
	struct looked_at l = { self->mem, SEED, false };
	char *buf = malloc(LEN);
	struct vt_child c;
	int fd;

	ASSERT_EQ(0, vt_start(&c, be_looked_at, &l));
	ASSERT_EQ(0, vt_hear(&c));
	fd = open_mem(c.pid);
	ASSERT_LE(0, fd);
	ASSERT_EQ(LEN, pread(fd, buf, LEN, (off_t)(uintptr_t)self->mem));
	EXPECT_EQ(0, vt_check(buf, LEN, SEED, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* /proc/PID/mem of another process: its device sees what was written. */
TEST_F(inspect, proc_mem_writes)
{
	struct looked_at l = { self->mem, OTHER, false };
	char *buf = malloc(LEN);
	struct vt_child c;
	int fd;

	ASSERT_EQ(0, vt_start(&c, be_looked_at, &l));
	ASSERT_EQ(0, vt_hear(&c));
	fd = open_mem(c.pid);
	ASSERT_LE(0, fd);
	vt_fill(buf, LEN, OTHER, 0);
	ASSERT_EQ(LEN, pwrite(fd, buf, LEN, (off_t)(uintptr_t)self->mem));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

static int abort_on_device(struct vt_child *c, void *arg)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct vsvm *v;

	(void)c;
	if (setrlimit(RLIMIT_CORE, &all) || vsvm_open(0, &v) ||
	    vt_to_device(v, arg, LEN) || vt_dev_fill(v, arg, LEN, OTHER, 0))
		return 1;
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* Where in a core file the bytes of @addr are, or -1. */
static off_t core_offset(int fd, uintptr_t addr, size_t len)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int i;

	if (VT_BAD(pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
		   memcmp(eh.e_ident, ELFMAG, SELFMAG)))
		return -1;
	for (i = 0; i < eh.e_phnum; i++) {
		if (VT_BAD(pread(fd, &ph, sizeof(ph), eh.e_phoff +
				 i * sizeof(ph)) != sizeof(ph)))
			return -1;
		if (ph.p_type == PT_LOAD && ph.p_vaddr <= addr &&
		    addr + len <= ph.p_vaddr + ph.p_filesz)
			return ph.p_offset + (addr - ph.p_vaddr);
	}
	return -1;
}

/* A core dump has what the device wrote last. */
TEST_F_TIMEOUT(inspect, core_dump, VT_LONG)
{
	char *buf = malloc(LEN);
	off_t at;
	FILE *f;
	int fd;

	f = fopen(CORE_PATTERN, "r");
	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(self->core_pattern, sizeof(self->core_pattern),
			      f));
	fclose(f);
	ASSERT_EQ(0, vt_file_write(CORE_PATTERN, CORE));
	ASSERT_EQ(128 + SIGABRT, vt_run(abort_on_device, self->mem));
	fd = open(CORE, O_RDONLY);
	ASSERT_LE(0, fd);
	at = core_offset(fd, (uintptr_t)self->mem, LEN);
	ASSERT_LE(0, at);
	ASSERT_EQ(LEN, pread(fd, buf, LEN, at));
	EXPECT_EQ(0, vt_check(buf, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

/* pagemap calls a device page swapped, and looking migrates nothing. */
TEST_F(inspect, pagemap)
{
	size_t at;

	for (at = 0; at < LEN; at += 37 * VT_PAGE)
		ASSERT_EQ(VT_PM_SWAP, vt_pagemap(self->mem + at) &
				      (VT_PM_SWAP | VT_PM_PRESENT));
	EXPECT_EQ(0, still_on_device(self->v, self->mem));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	for (at = 0; at < LEN; at += 37 * VT_PAGE)
		ASSERT_EQ(VT_PM_PRESENT, vt_pagemap(self->mem + at) &
					 (VT_PM_SWAP | VT_PM_PRESENT));
}

/* smaps counts device pages as resident, as in system memory; not as swap. */
TEST_F(inspect, smaps)
{
	EXPECT_EQ(LEN, vt_smaps(self->mem, LEN, "Rss:"));
	EXPECT_EQ(LEN, vt_smaps(self->mem, LEN, "Anonymous:"));
	EXPECT_EQ(0, vt_smaps(self->mem, LEN, "Swap:"));
	EXPECT_EQ(0, still_on_device(self->v, self->mem));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(LEN, vt_smaps(self->mem, LEN, "Rss:"));
	EXPECT_EQ(LEN, vt_smaps(self->mem, LEN, "Anonymous:"));
}

/* Bytes under @field of /proc/self/status. */
static long status_of(const char *field)
{
	long kib = -1;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), "%ld", &kib);
	fclose(f);
	return kib * 1024;
}

/* A process's size is the same wherever its pages are. */
TEST_F(inspect, resident_size)
{
	long there = status_of("RssAnon:"), home;

	EXPECT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	home = status_of("RssAnon:");
	EXPECT_GT(VT_HUGE / 2, labs(there - home));
	EXPECT_EQ(0, status_of("VmSwap:"));
}

static long read_all(const char *path)
{
	char buf[4096];
	long sum = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	close(fd);
	return n ? -1 : sum;
}

/* A reader of the mappings leaves the pages where they are. */
TEST_F(inspect, looking_moves_nothing)
{
	unsigned char resident[LEN / VT_PAGE];

	EXPECT_LT(0, read_all("/proc/self/smaps_rollup"));
	EXPECT_LT(0, read_all("/proc/self/numa_maps"));
	EXPECT_LT(0, read_all("/proc/self/maps"));
	EXPECT_EQ(0, mincore(self->mem, LEN, resident));
	EXPECT_EQ(0, vt_file_write("/proc/self/clear_refs", "1"));
	EXPECT_EQ(0, still_on_device(self->v, self->mem));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

static bool soft_dirty(const char *page)
{
	return vt_pagemap(page) & VT_PM_SOFT_DIRTY;
}

/* A device write to a system page sets soft-dirty as a CPU write does. */
TEST_F(inspect, soft_dirty_system_pages)
{
	size_t at = 21 * VT_PAGE, step = 2 * VT_HUGE;
	char *page = self->mem + at;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_file_write("/proc/self/clear_refs", "4"));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_FALSE(soft_dirty(page));
	ASSERT_EQ(0, vt_dev_fill(self->v, page, 1, OTHER, at));
	EXPECT_TRUE(soft_dirty(page));
	if (variant->kind == VT_SMALL)
		step = VT_PAGE;
	if (at + step < LEN)
		EXPECT_FALSE(soft_dirty(page + step));
}

/*
 * What is soft-dirty stays so on its way to the device and back: a checkpoint
 * made then misses nothing.
 */
TEST_F(inspect, soft_dirty_moves_along)
{
	size_t at;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_file_write("/proc/self/clear_refs", "4"));
	vt_fill(self->mem, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	for (at = 0; at < LEN; at += 37 * VT_PAGE)
		ASSERT_TRUE(soft_dirty(self->mem + at));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	for (at = 0; at < LEN; at += 37 * VT_PAGE)
		ASSERT_TRUE(soft_dirty(self->mem + at));
}

/*
 * Clearing soft-dirty does not make the entry of a device page read-only
 * (clear_soft_dirty(), clear_soft_dirty_pmd()), so core mm sees no write that
 * comes after, neither the device's nor, once the page came home, the CPU's.
 * No driver can mend that. Here: both are treated alike, and whatever the bits
 * say the bytes are right.
 */
TEST_F(inspect, soft_dirty_device_pages)
{
	char *by_device = self->mem + 3 * VT_PAGE;
	char *by_cpu = self->mem + VT_HUGE + 3 * VT_PAGE;

	ASSERT_EQ(0, vt_file_write("/proc/self/clear_refs", "4"));
	vt_fill(by_cpu, VT_PAGE, OTHER, 0);
	ASSERT_EQ(0, vt_dev_fill(self->v, by_device, VT_PAGE, OTHER, 0));
	EXPECT_EQ(soft_dirty(by_cpu), soft_dirty(by_device));
	EXPECT_EQ(0, vt_check(by_device, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, by_cpu, VT_PAGE, OTHER, 0));
}

TEST_HARNESS_MAIN
