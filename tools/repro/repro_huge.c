// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge device pages whose entries are migration entries for a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repro_all.h"

#define TRACING		"/sys/kernel/tracing/"
#define GROUP		"vsvm_repro"
#define POINT		"collected"
#define HUGE_PAGES	512
#define SOFT_DIRTY	(1ULL << 55)

struct move {
	struct vsvm *v;
	char *mem;
};

static void *goes_home(void *arg)
{
	struct move *m = arg;

	vsvm_migrate(m->v, m->mem, RP_HUGE, DRM_VSVM_TARGET_SYSTEM, 0, NULL);
	return NULL;
}

static void probe_gone(void)
{
	rp_set(TRACING "events/" GROUP "/freed/enable", "0");
	rp_set(TRACING "kprobe_events", "-:" GROUP "/freed");
}

static bool probe_set(void)
{
	probe_gone();
	return !rp_set(TRACING "kprobe_events",
		       "p:" GROUP "/freed vsvm:vsvm_devmem_folio_free") &&
	       !rp_set(TRACING "events/" GROUP "/freed/enable", "1");
}

/* The number that a line of the file has after the name; -1: there is none. */
static long number(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[256], word[64];
	long value = -1, n;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", word, &n) == 2 && !strcmp(word, name))
			value = n;
	if (f)
		fclose(f);
	return value;
}

/* How often the driver's folio_free was called since the probe is there. */
static long probe_hits(void)
{
	return number(TRACING "kprobe_profile", "freed");
}

static long mapped_pages(void)
{
	rp_set("/proc/sys/vm/stat_refresh", "1");
	return number("/proc/vmstat", "nr_anon_pages");
}

/*
 * Without a probe: the same function counts the pages as unmapped once more, which is
 * 512 of them or, with a count of the parts that are mapped, millions.
 */
static void judge_mapped(long before, long after)
{
	if (before < HUGE_PAGES)
		repro_unknown("a kernel without probes, where few pages are mapped");
	if (after > before - HUGE_PAGES / 8)
		repro_fixed();
	if (after < before - HUGE_PAGES * 7 / 8)
		repro_affected("MADV_DONTNEED made %ld pages less mapped",
			       before - after);
	repro_unknown("other processes unmap pages, too");
}

static void zap(void)
{
	struct move m = { rp_open(), rp_map_filled(RP_HUGE, true, 1) };
	long hits, more, before, after;
	unsigned long thread;
	bool probe;
	int ret;

	rp_map_filled(2 * RP_HUGE, false, 1);
	rp_to_device_huge(m.v, m.mem, RP_HUGE);
	probe = probe_set();
	rp_pause(m.v, POINT);
	thread = rp_thread(goes_home, &m);
	rp_await(m.v, POINT);
	/* Whoever moves the page holds its only reference: nothing may be freed. */
	hits = probe_hits();
	before = mapped_pages();
	ret = madvise(m.mem, RP_HUGE, MADV_DONTNEED);
	after = mapped_pages();
	more = probe_hits();
	rp_resume(m.v, POINT);
	rp_join(thread);
	probe_gone();
	repro_need(!ret, "MADV_DONTNEED");
	if (!probe)
		judge_mapped(before, after);
	if (more != hits)
		repro_affected("MADV_DONTNEED put the reference of who moves the page");
	repro_fixed();
}

const struct repro repro_huge_zap = {
	.name = "huge-zap",
	.title = "a huge device page is freed when its migration entry is zapped",
	.shows =
		"A huge page migrates to system memory, and MADV_DONTNEED drops its entry\n"
		"meanwhile. That is a migration entry and holds nothing. zap_huge_pmd_folio()\n"
		"asks the page instead of the entry, and puts the reference of the thread\n"
		"that moves it. vsvm notices that in its folio_free and takes the reference\n"
		"back; a probe there tells. Shared by a fork the page is given to others\n"
		"while it is mapped, which no driver can prevent. The kernel's count of\n"
		"anonymous pages (AnonPages) is wrong from then on.",
	.reported = "docs/upstream/0001 of vsvm; no other report known",
	.thread = "mm/huge_memory: zap_huge_pmd() takes a migration entry for a mapping",
	.releases = "7.2.12 and 7.3.4; huge device pages came with 6.19",
	.driver = "vsvm with huge device pages (huge_pages=1 where core mm is not fixed)",
	.complaint = "zap_huge_pmd",
	.seconds = 30,
	.dangerous = true,
	.run = zap,
};

static void soft_dirty(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_HUGE, true, 1);
	int child;

	if (!rp_kernel_has("page_init_poison"))
		repro_unknown("only a kernel with CONFIG_DEBUG_VM looks at it");
	repro_need(rp_pagemap(mem) & SOFT_DIRTY,
		   "this kernel does not track soft-dirty pages");
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	repro_do(child > 0, "fork");
	rp_to_device_huge(v, mem, RP_HUGE);
	if (!rp_is(mem, RP_HUGE, 1))
		repro_affected("the bytes are others on the device");
	repro_fixed();
}

const struct repro repro_huge_soft_dirty = {
	.name = "huge-soft-dirty",
	.title = "remove_migration_pmd() takes a soft-dirty bit for the right to write, and warns",
	.shows =
		"A huge page that is soft-dirty and that fork made read-only migrates to the\n"
		"device. The entry is not present, and on x86 the bit that pmd_write() looks\n"
		"at is its soft-dirty bit: a kernel with CONFIG_DEBUG_VM warns. The entry\n"
		"itself is right, so without that option there is nothing to see.",
	.reported = "docs/upstream/0002 of vsvm; no other report known",
	.thread = "mm/huge_memory: remove_migration_pmd() asks pmd_write() of a swap entry",
	.releases = "7.2.12 and 7.3.4; huge device pages came with 6.19",
	.driver = "vsvm with huge device pages (huge_pages=1 where core mm is not fixed)",
	.complaint = "remove_migration_pmd",
	.seconds = 30,
	.run = soft_dirty,
};

static void for_all(void)
{
	char *mem = rp_map_filled(RP_HUGE, true, 1), *buf;
	int fd = rp_dmirror_open(), child, go[2];
	char byte;

	buf = rp_map(RP_HUGE, false);
	repro_do(!pipe(go), "pipe");
	child = fork();
	if (!child) {
		close(go[1]);
		if (read(go[0], &byte, 1))
			_exit(2);
		_exit(!rp_is(mem, RP_HUGE, 1));
	}
	repro_do(child > 0, "fork");
	close(go[0]);
	/* No huge page for it: it gets 512 small ones, and core mm splits it. */
	repro_need(!rp_dmirror_fail_alloc(fd, mem) &&
		   !rp_dmirror(fd, RP_DMIRROR_TO_DEVICE, mem, RP_HUGE, buf),
		   "test_hmm");
	if (!rp_is(mem, RP_HUGE, 1))
		repro_affected("the bytes are others afterwards");
	close(go[1]);
	if (rp_wait(child))
		repro_affected("the child sees other bytes, or died");
	repro_fixed();
}

const struct repro repro_huge_split = {
	.name = "huge-split",
	.title = "a huge page that fork shares is split for one process alone when it migrates",
	.shows =
		"A huge page is shared by fork and migrates to 512 small pages.\n"
		"migrate_vma_split_unmapped_folio() splits the entry of the caller; the\n"
		"child's stays huge, for what is a small page then. The kernel oopses, maps 2\n"
		"MiB of other memory, or who touches it waits for ever.",
	.reported = "docs/upstream/0012 of vsvm; no other report known",
	.thread = "mm/migrate_device: split an unmapped folio for all who share it",
	.releases = "7.2.12 and 7.3.4; huge device pages came with 6.19",
	.driver = "test_hmm, told to have no huge page: vsvm makes core split the page before",
	.complaint = "migrat",
	.seconds = 30,
	.hangs = true,
	.dangerous = true,
	.run = for_all,
};
