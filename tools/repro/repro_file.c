// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of a private file mapping, on the device.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repro_all.h"

#define LEN	(16 * RP_PAGE)

static void run(void)
{
	struct vsvm *v = rp_open();
	int fd = memfd_create("vsvm-repro", MFD_CLOEXEC);
	char *mem;

	repro_do(fd >= 0 && !ftruncate(fd, LEN), "memfd");
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	repro_do(mem != MAP_FAILED, "mmap");
	memset(mem, 1, LEN);
	rp_to_device(v, mem, LEN);
	/* The end of the process unmaps it, and the log says the rest. */
	repro_fixed();
}

const struct repro repro_file_private = {
	.name = "file-private",
	.title = "a private file mapping's page on the device makes the end of its process warn",
	.shows =
		"Memory of a private mapping of a file that the process wrote to is\n"
		"anonymous, and may migrate to a device. The process ends with it there.\n"
		"zap_nonpresent_ptes() asked the mapping, not the page, and warned: the log\n"
		"decides.",
	.reported = "commit be3f38d05cc5",
	.thread =
		"mm/memory: fix spurious warning when unmapping device-private/exclusive\n"
		"pages, Alistair Popple, 2026; message id\n"
		"20260501065116.2057242-1-apopple@nvidia.com",
	.releases =
		"since commit 999dad824c39 (5.19); fixed in 7.1, and in stable releases of\n"
		"May 2026",
	.driver = "vsvm",
	.complaint = "mm/memory.c",
	.seconds = 20,
	.run = run,
};
