// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who follows what a process writes and reads does not see what a device does.
 *
 * The names are newer than the headers of Debian 12, so those that are needed are defined
 * here, under names of our own.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "pagemap_scan.h"
#include "repro_all.h"

#define LEN		(16 * RP_PAGE)

#define PM_WP_MATCHING	(1U << 0)
#define PM_CHECK_ASYNC	(1U << 1)
#define PM_WRITTEN	(1U << 1)
#define WP_UNPOPULATED	(1U << 13)
#define WP_ASYNC	(1U << 15)
#define RWP		(1U << 17)
#define REGISTER_RWP	(1U << 3)
#define PROTECT_RWP	(1U << 0)

struct rwprotect {
	struct uffdio_range range;
	uint64_t mode;
};

#define RWPROTECT	_IOWR(UFFDIO, 0x09, struct rwprotect)

static int uffd_open(char *mem, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = LEN },
		.mode = mode,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	repro_do(fd >= 0, "userfaultfd");
	repro_need(!ioctl(fd, UFFDIO_API, &api),
		   "this kernel's userfaultfd lacks the feature");
	repro_do(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	return fd;
}

/* Write-protects what was written of the memory, and says how many bytes that is. */
static size_t scan(char *mem)
{
	struct scan_region region[LEN / RP_PAGE];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_WP_MATCHING | PM_CHECK_ASYNC,
		.start = (uintptr_t)mem,
		.end = (uintptr_t)mem + LEN,
		.vec = (uintptr_t)region,
		.vec_len = LEN / RP_PAGE,
		.category_mask = PM_WRITTEN,
		.return_mask = PM_WRITTEN,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), n, i;
	size_t bytes = 0;

	repro_do(fd >= 0, "/proc/self/pagemap");
	n = ioctl(fd, SCAN_PAGEMAP, &arg);
	repro_do(n >= 0, "PAGEMAP_SCAN");
	close(fd);
	for (i = 0; i < n; i++)
		bytes += region[i].end - region[i].start;
	return bytes;
}

static void pagemap_scan(void)
{
	char *mem = rp_map_filled(LEN, false, 1);
	struct vsvm *v = rp_open();
	char byte = 2;
	size_t seen;

	uffd_open(mem, WP_ASYNC | WP_UNPOPULATED | UFFD_FEATURE_PAGEFAULT_FLAG_WP,
		  UFFDIO_REGISTER_MODE_WP);
	rp_to_device(v, mem, LEN);
	seen = scan(mem);
	if (seen != LEN)
		repro_unknown("the first scan reports %zu of %lu bytes as written",
			      seen, LEN);
	seen = scan(mem);
	if (seen)
		repro_affected("a scan reports %zu bytes that nobody wrote", seen);
	repro_need(!vsvm_write(v, mem + 3 * RP_PAGE, &byte, 1, NULL),
		   "vsvm_write");
	seen = scan(mem);
	if (!seen)
		repro_affected("the next scan does not report what the device wrote");
	repro_fixed();
}

const struct repro repro_pagemap_scan = {
	.name = "pagemap-scan",
	.title = "PAGEMAP_SCAN leaves device pages writable, and misses what the device writes",
	.shows =
		"Memory on the device is scanned, which write-protects it. Then the device\n"
		"writes a page. The next scan has to report it. With the bug the entry of the\n"
		"device page stays writable, the device writes without a fault, and whoever\n"
		"copies written pages only, as CRIU does, loses data.",
	.reported = "docs/upstream/0011 of vsvm; no other report known",
	.thread = "fs/proc/task_mmu: write-protect device pages in PAGEMAP_SCAN",
	.releases = "7.2.12 and 7.3.4; PAGEMAP_SCAN came with 6.7",
	.driver = "vsvm",
	.seconds = 20,
	.run = pagemap_scan,
};

struct reader {
	struct vsvm *v;
	char *mem;
	int ret;
	bool done;
};

static void *reads(void *arg)
{
	struct reader *r = arg;
	char byte;

	r->ret = vsvm_read(r->v, r->mem, &byte, 1, NULL);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void rwp_read(void)
{
	struct reader r = { .mem = rp_map_filled(LEN, false, 1) };
	struct rwprotect rwp = { .mode = PROTECT_RWP };
	struct pollfd p = { .events = POLLIN };
	int i;

	p.fd = uffd_open(r.mem, RWP, REGISTER_RWP);
	r.v = rp_open();
	rp_to_device(r.v, r.mem, LEN);
	rwp.range.start = (uintptr_t)r.mem;
	rwp.range.len = LEN;
	repro_do(!ioctl(p.fd, RWPROTECT, &rwp), "UFFDIO_RWPROTECT");
	rp_thread(reads, &r);
	/* Nobody answers: a read that is seen waits until the program ends. */
	for (i = 0; i < 500; i++) {
		bool done = __atomic_load_n(&r.done, __ATOMIC_ACQUIRE);

		if (poll(&p, 1, 0) == 1)
			repro_fixed();
		if (done && r.ret)
			repro_unknown("vsvm_read: %s, and no event",
				      strerror(-r.ret));
		if (done)
			repro_affected("the device read it, and no handler was told");
		rp_sleep_ms(10);
	}
	repro_unknown("the device's read neither ends nor is reported");
}

const struct repro repro_rwp_read = {
	.name = "rwp-read",
	.title = "userfaultfd's read-write protection does not see what a device reads",
	.shows =
		"Memory on the device is protected with UFFDIO_RWPROTECT, so that each access\n"
		"is to be reported. The device reads it. hmm_range_fault() hands the driver\n"
		"its own page without a look at the protection: the working set that is\n"
		"measured lacks the page.",
	.reported = "docs/upstream/0004 of vsvm; no other report known",
	.thread = "mm/hmm: let userfaultfd see a device access to a read-write protected page",
	.releases = "7.3.4; 7.2 has no read-write protection",
	.driver = "vsvm",
	.seconds = 20,
	.run = rwp_read,
};
