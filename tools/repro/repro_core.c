// SPDX-License-Identifier: GPL-2.0-only
/*
 * What core mm does to device pages that vsvm gives it no occasion for. The module askcore
 * of vsvm's test machine, and the kernel's test_hmm, do what other drivers do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repro_all.h"

#define ASK_HMM		"/sys/kernel/debug/askcore/hmm"
#define OFFLINE		"/sys/devices/system/memory/hard_offline_page"

static void unlocked(void)
{
	rp_askcore(0);
	if (rp_ask("moves"))
		repro_affected("it took a page that nobody maps and that is about to be freed");
	repro_fixed();
}

const struct repro repro_pfns_unlocked = {
	.name = "pfns-unlocked",
	.title = "migrate_device_pfns() takes a page whose last reference is about to be put",
	.shows =
		"A device page is unlocked, has one reference and no mapping, as between the\n"
		"unlock and the put in __migrate_device_finalize(). migrate_device_pfns() has\n"
		"to leave it alone. If it migrates, the destination has no memcg, and adding\n"
		"it to the LRU never ends.",
	.reported = "docs/upstream/0007 of vsvm; no other report known",
	.thread = "mm/migrate_device: leave alone a folio that is about to be freed",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "askcore of vsvm's test machine: vsvm gives such a page no destination",
	.seconds = 20,
	.run = unlocked,
};

static void old_flags(void)
{
	long left;

	rp_askcore(0);
	left = rp_ask("flags");
	if (left)
		repro_affected("the next owner finds flags %#lx of the last one",
			       left);
	repro_fixed();
}

const struct repro repro_page_flags = {
	.name = "page-flags",
	.title = "a device page keeps flags of its last owner",
	.shows =
		"A page whose last owner left it active, dirty, workingset and swap-backed is\n"
		"given out again. zone_device_page_init() has to clear that. Active and\n"
		"unevictable together are a VM_BUG_ON when the page migrates.",
	.reported = "docs/upstream/0005 of vsvm; no other report known",
	.thread = "mm/memremap: do not hand on the flags of a device page's last owner",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "askcore of vsvm's test machine: vsvm clears them itself",
	.seconds = 20,
	.run = old_flags,
};

static long told(const char *at)
{
	char text[32];
	int ret;

	snprintf(text, sizeof(text), "%lu", (unsigned long)at);
	ret = rp_set(ASK_HMM, text);
	if (ret)
		repro_unknown("hmm_range_fault() gives %s", strerror(-ret));
	return rp_ask("hmm");
}

static void hmm_pfn(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_HUGE, true, 1);
	uint64_t first;
	long pfn;

	rp_to_device_huge(v, mem, RP_HUGE);
	first = rp_device_pfn(mem);
	rp_askcore(first);
	pfn = told(mem);
	if ((uint64_t)pfn != first)
		repro_unknown("pfn %#lx is reported for the first page, not %#llx",
			      pfn, (unsigned long long)first);
	pfn = told(mem + 300 * RP_PAGE);
	if ((uint64_t)pfn == first)
		repro_affected("the first page is reported for page 300");
	if ((uint64_t)pfn != first + 300)
		repro_unknown("pfn %#lx is reported for page 300, and %#llx is the first",
			      pfn, (unsigned long long)first);
	repro_fixed();
}

const struct repro repro_hmm_huge_pfn = {
	.name = "hmm-huge-pfn",
	.title = "hmm_range_fault() inside a huge device page reports the wrong pages",
	.shows =
		"A range begins at page 300 of a huge device page. hmm_range_fault() has to\n"
		"report page 300 of it. With the bug it reports page 0, and a driver that\n"
		"believes it accesses other addresses' memory.",
	.reported = "docs/upstream/0003 of vsvm; no other report known",
	.thread = "mm/hmm: report the right page in the middle of a huge device-private entry",
	.releases = "7.2.12 and 7.3.4; huge device pages came with 6.19",
	.driver =
		"vsvm's memory with huge device pages, and askcore of its test machine, which\n"
		"calls hmm_range_fault(): vsvm takes the page from the address",
	.seconds = 20,
	.run = hmm_pfn,
};

static void offline(void)
{
	int fd = rp_dmirror_open(), ret;
	char *mem = rp_map_filled(RP_PAGE, false, 1), buf[RP_PAGE], text[32];
	uint64_t pfn;

	ret = rp_dmirror(fd, RP_DMIRROR_TO_DEVICE, mem, RP_PAGE, buf);
	if (ret)
		repro_unknown("test_hmm: %s", strerror(-ret));
	pfn = rp_device_pfn(mem);
	/*
	 * The page is free then. What kills a kernel is the anon_vma of a page in use;
	 * without one the same code says EBUSY.
	 */
	repro_need(rp_is(mem, RP_PAGE, 1), "the page did not come back");
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)pfn * RP_PAGE);
	ret = rp_set(OFFLINE, text);
	if (ret == -EBUSY)
		repro_affected("it looks for an inode before it refuses the page");
	if (ret == -ENXIO)
		repro_fixed();
	repro_unknown("hard_offline_page: %s", ret ? strerror(-ret) : "worked");
}

const struct repro repro_hard_offline = {
	.name = "hard-offline",
	.title = "hard_offline_page of a device page takes its anon_vma for a file's, and oopses",
	.shows =
		"Root says that the memory at a device page's address is broken.\n"
		"mf_generic_kill_procs() refuses device memory, but only after\n"
		"dax_lock_folio(), which reads the inode of what is an anon_vma. The program\n"
		"asks for a free page, where the wrong order says EBUSY and the right one\n"
		"ENXIO, and nothing is harmed.",
	.reported = "docs/upstream/0010 of vsvm; no other report known",
	.thread = "mm/memory-failure: do not look for an inode behind an anonymous device page",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "test_hmm: vsvm's pagemap answers before core mm looks",
	.seconds = 20,
	.run = offline,
};

static void mlock_batch(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_PAGE, false, 1);
	uint64_t before = rp_used(v);

	repro_do(!mlock(mem, RP_PAGE), "mlock");
	rp_to_device(v, mem, RP_PAGE);
	repro_need(rp_used(v) == before + RP_PAGE,
		   "another process uses the device, too");
	repro_do(!munmap(mem, RP_PAGE), "munmap");
	if (rp_used(v) != before)
		repro_affected("the page is not free after munmap()");
	repro_fixed();
}

const struct repro repro_mlock_batch = {
	.name = "mlock-batch",
	.title = "a munlocked device page is not free until a processor drains its LRU batch",
	.shows =
		"A page is mlocked, goes to the device, and is unmapped. It has to be free at\n"
		"once. With the bug it waits in a per-CPU batch, and a driver that unbinds\n"
		"waits for an idle processor.",
	.reported = "docs/upstream/0006 of vsvm; no other report known",
	.thread = "mm/mlock: keep device pages out of the per-CPU batches",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "vsvm",
	.seconds = 20,
	.run = mlock_batch,
};
