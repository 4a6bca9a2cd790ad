// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver has to do itself when its device uses memory of a process, and what the
 * kernel's own test_hmm does not do. Each comes twice, with vsvm and with test_hmm.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repro_all.h"

#define LEN		(16 * RP_PAGE)
#define OLD		1
#define NEW		2
#define DROP_CACHES	"/proc/sys/vm/drop_caches"

/*
 * Reclaims what of both ranges is clean. The first is a proof that it does: nobody wrote
 * that after MADV_FREE. Pages in a batch of another processor are passed over; the file
 * has all processors look at theirs.
 */
static void reclaim(char *idle, char *written)
{
	int i, more = 3;

	for (i = 0; i < 100 && more; i++) {
		rp_set(DROP_CACHES, "1");
		repro_do(!madvise(written, LEN, MADV_PAGEOUT) &&
			 !madvise(idle, LEN, MADV_PAGEOUT), "MADV_PAGEOUT");
		/* A read would map a zero page, so look without one. */
		if (!(rp_pagemap(idle) >> 62) &&
		    !(rp_pagemap(idle + LEN - RP_PAGE) >> 62))
			more--;
		else
			rp_sleep_ms(20);
	}
	repro_need(!more, "memory that may be dropped is not reclaimed");
}

static void lost(const char *written)
{
	unsigned int n = 0, i;

	for (i = 0; i < LEN / RP_PAGE; i++)
		n += !rp_is(written + i * RP_PAGE, RP_PAGE, NEW);
	if (n)
		repro_affected("%u of %lu pages that the device wrote are gone", n,
			       LEN / RP_PAGE);
	repro_fixed();
}

/*
 * Says MADV_FREE of both. Core passes over a page that is still in a processor's batch:
 * it would never be dropped, and so prove nothing. DROP_CACHES empties the batches.
 */
static void let_go(char *idle, char *written)
{
	rp_set(DROP_CACHES, "1");
	repro_do(!madvise(idle, LEN, MADV_FREE) &&
		 !madvise(written, LEN, MADV_FREE), "MADV_FREE");
}

static void madv_free(void)
{
	char *idle = rp_map_filled(LEN, false, OLD);
	char *written = rp_map_filled(LEN, false, OLD), buf[LEN];
	struct vsvm *v = rp_open();

	memset(buf, NEW, sizeof(buf));
	/* The device has the pages mapped before they are clean. */
	repro_need(!vsvm_write(v, written, buf, LEN, NULL), "vsvm_write");
	let_go(idle, written);
	repro_need(!vsvm_write(v, written, buf, LEN, NULL), "vsvm_write");
	reclaim(idle, written);
	lost(written);
}

#define MADV_FREE_SHOWS						\
	"The process says MADV_FREE of memory, and the device writes it in place.\n"		\
	"That is new content, which reclaim has to keep; MADV_FREE memory next to it,\n"	\
	"which nobody wrote, is dropped. A driver that does not mark the pages dirty\n"		\
	"loses what its device wrote.\n"
const struct repro repro_madv_free = {
	.name = "madv-free",
	.title = "reclaim loses what a device wrote after MADV_FREE (vsvm's device)",
	.shows =
		MADV_FREE_SHOWS
		"This one has vsvm write: affected would be a bug of vsvm.",
	.reported = "no report known",
	.thread = "a rule for drivers; hmm_range_fault() does not mark pages dirty",
	.releases = "depends on the driver",
	.driver = "vsvm",
	.seconds = 30,
	.run = madv_free,
};

static void dmirror_madv_free(void)
{
	int fd = rp_dmirror_open();
	char *idle = rp_map_filled(LEN, false, OLD);
	char *written = rp_map_filled(LEN, false, OLD), buf[LEN];

	memset(buf, NEW, sizeof(buf));
	let_go(idle, written);
	repro_need(!rp_dmirror(fd, RP_DMIRROR_WRITE, written, LEN, buf),
		   "test_hmm");
	reclaim(idle, written);
	lost(written);
}

const struct repro repro_madv_free_test_hmm = {
	.name = "madv-free-test-hmm",
	.title = "reclaim loses what a device wrote after MADV_FREE (test_hmm's device)",
	.shows =
		MADV_FREE_SHOWS
		"This one has the kernel's lib/test_hmm.c write.",
	.reported = "no report known",
	.thread = "a rule for drivers; hmm_range_fault() does not mark pages dirty",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "test_hmm",
	.seconds = 30,
	.run = dmirror_madv_free,
};

/* Others get the page that was freed, so that it is not the next one of this process. */
static void use_up(void)
{
	rp_map_filled(256 * RP_PAGE, false, 3);
}

static void owner_filter(void)
{
	char *mem = rp_map_filled(RP_PAGE, false, OLD), buf[RP_PAGE];
	struct vsvm *a = rp_open(), *b = rp_open();
	uint64_t was = rp_pfn(mem);

	/* The device has the page of system memory mapped, for file a. */
	repro_need(!vsvm_read(a, mem, buf, RP_PAGE, NULL), "vsvm_read");
	rp_to_device(b, mem, RP_PAGE);
	use_up();
	repro_need(!vsvm_migrate(b, mem, RP_PAGE, DRM_VSVM_TARGET_SYSTEM, 0, NULL),
		   "vsvm_migrate");
	memset(mem, NEW, RP_PAGE);
	repro_need(rp_pfn(mem) != was, "the memory came back to the same page");
	repro_need(!vsvm_read(a, mem, buf, RP_PAGE, NULL), "vsvm_read");
	if (!rp_is(buf, RP_PAGE, NEW))
		repro_affected("the device reads the page that the memory has left");
	repro_fixed();
}

#define OWNER_FILTER_SHOWS					\
	"Two files of one device are open in a process. Through the first the device\n"		\
	"reads a page, through the second the page migrates to the device and back,\n"		\
	"to another page, which the CPU writes. The first has to read what was\n"		\
	"written. A driver that ignores MMU_NOTIFY_MIGRATE events with its own owner,\n"	\
	"as if it had updated its table in the migration, goes on with the page that\n"		\
	"was freed.\n"

const struct repro repro_owner_filter = {
	.name = "owner-filter",
	.title = "a device goes on with a page that its own driver migrated (vsvm's device)",
	.shows =
		OWNER_FILTER_SHOWS
		"This one has vsvm: affected would be a bug of vsvm.",
	.reported = "no report known",
	.thread = "a rule for drivers, see mmu_interval_set_seq()",
	.releases = "depends on the driver",
	.driver = "vsvm",
	.seconds = 20,
	.run = owner_filter,
};

static void dmirror_owner_filter(void)
{
	char *mem = rp_map_filled(RP_PAGE, false, OLD), buf[RP_PAGE];
	int a = rp_dmirror_open(), b = rp_dmirror_open();
	uint64_t was = rp_pfn(mem);

	repro_need(!rp_dmirror(a, RP_DMIRROR_READ, mem, RP_PAGE, buf) &&
		   !rp_dmirror(b, RP_DMIRROR_TO_DEVICE, mem, RP_PAGE, buf),
		   "test_hmm");
	use_up();
	repro_need(!rp_dmirror(b, RP_DMIRROR_TO_SYSTEM, mem, RP_PAGE, buf),
		   "test_hmm");
	memset(mem, NEW, RP_PAGE);
	repro_need(rp_pfn(mem) != was, "the memory came back to the same page");
	repro_need(!rp_dmirror(a, RP_DMIRROR_READ, mem, RP_PAGE, buf),
		   "test_hmm");
	if (!rp_is(buf, RP_PAGE, NEW))
		repro_affected("test_hmm reads the page that the memory has left");
	repro_fixed();
}

const struct repro repro_owner_filter_test_hmm = {
	.name = "owner-filter-test-hmm",
	.title = "a device goes on with a page that its own driver migrated (test_hmm's device)",
	.shows =
		OWNER_FILTER_SHOWS
		"This one has the kernel's lib/test_hmm.c, which ignores them in\n"
		"dmirror_interval_invalidate().",
	.reported = "no report known",
	.thread = "a rule for drivers, see mmu_interval_set_seq()",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "test_hmm",
	.seconds = 20,
	.run = dmirror_owner_filter,
};
