// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a fork does to memory that a device uses, and to a device's file.
 */
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "repro_all.h"

#define LEN		(16 * RP_PAGE)
#define ROUNDS		30

static void cow_read(void)
{
	char *mem = rp_map_filled(LEN, false, 1), buf[LEN];
	struct vsvm *v = rp_open();
	uint64_t was = rp_pfn(mem);
	int child;

	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	repro_do(child > 0, "fork");
	repro_need(!vsvm_read(v, mem, buf, LEN, NULL), "vsvm_read");
	if (rp_pfn(mem) != was)
		repro_affected("a device that reads a shared page made a copy of it");
	repro_fixed();
}

const struct repro repro_cow_read = {
	.name = "cow-read",
	.title = "a device's read breaks copy-on-write, as if it wrote (vsvm's device)",
	.shows =
		"A process forks, so that parent and child share its pages, and the device\n"
		"reads them. They have to stay shared. A driver that asks for the right to\n"
		"write because the mapping has it makes a copy of each page that is read.\n"
		"Affected would be a bug of vsvm.",
	.reported = "ROCm/legacy-rocm-build issue 6523",
	.thread =
		"amdkfd, kfd_svm.c: the comment of 2026-07-27 names the line; an in-tree\n"
		"driver needs its hardware to show it",
	.releases = "depends on the driver",
	.driver = "vsvm",
	.seconds = 20,
	.run = cow_read,
};

/* The child of a process that is gone uses its memory, the device's file, and ends. */
static void round_of_fork(void)
{
	char *mem = rp_map_filled(LEN, false, 1), buf[LEN];
	struct vsvm *v;
	int gone[2];

	if (vsvm_open(0, &v) || vsvm_read(v, mem, buf, LEN, NULL) || pipe(gone))
		_exit(1);
	vsvm_migrate(v, mem, LEN / 2, DRM_VSVM_TARGET_DEVICE, 0, NULL);
	if (fork())
		_exit(0);
	close(gone[1]);
	/* Ends when the parent has ended. */
	if (read(gone[0], buf, 1))
		_exit(1);
	vsvm_read(v, mem, buf, LEN, NULL);
	rp_is(mem, LEN, 1);
	vsvm_close(v);
	_exit(0);
}

static void notifier_fork(void)
{
	uint64_t used;
	struct vsvm *v = rp_open();
	int i, child;

	used = rp_used(v);
	for (i = 0; i < ROUNDS; i++) {
		child = fork();
		if (!child)
			round_of_fork();
		repro_do(child > 0, "fork");
		repro_need(!rp_wait(child), "a process that forks");
	}
	for (i = 0; i < 500 && rp_used(v) != used; i++)
		rp_sleep_ms(10);
	if (!rp_kernel_has("kasan_report"))
		repro_unknown("only a kernel with KASAN looks for what was freed");
	repro_fixed();
}

const struct repro repro_notifier_fork = {
	.name = "notifier-fork",
	.title = "a forked child uses an interval notifier that is gone (vsvm's device)",
	.shows =
		"A process opens the device, forks and ends; its child uses the memory and\n"
		"closes the file that it inherited, 30 times. The file's interval notifier is\n"
		"of the dead process's memory, and may neither be removed twice nor be found by\n"
		"the child. KASAN, or a processor that is stuck, shows it. Affected would be a\n"
		"bug of vsvm.",
	.reported = "amd/xdna-driver issue 595",
	.thread =
		"amdxdna: use after free or double removal of an interval notifier, 2025;\n"
		"that driver needs its hardware to show it",
	.releases = "depends on the driver",
	.driver = "vsvm",
	.complaint = "mmu_interval",
	.seconds = 60,
	.hangs = true,
	.run = notifier_fork,
};
