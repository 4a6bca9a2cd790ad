// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU faults on device pages while another thread has the page locked, or drops it.
 *
 * A failpoint pauses one CPU fault in the driver's migrate_to_ram(), where core mm has
 * the page locked and its entry is still in the page table.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repro_all.h"

#define POINT		"fault-begin"
#define LOOK_MS		1000
/* Of LOOK_MS: a thread that sleeps has next to nothing, one that spins its share. */
#define SLEEPS_MS	20
#define SPINS_MS	200

/* A thread that touches memory when it is told to. */
struct toucher {
	char *mem;
	int go[2];
	unsigned long thread;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;
	char byte;

	if (read(t->go[0], &byte, 1) != 1)
		return NULL;
	return (void *)(uintptr_t)*(volatile char *)t->mem;
}

/* Before a fault is paused: its mmap_lock keeps the stack of a new thread waiting. */
static void prepare(struct toucher *t, char *mem)
{
	t->mem = mem;
	repro_do(!pipe(t->go), "pipe");
	t->thread = rp_thread(touch, t);
}

static void go(const struct toucher *t)
{
	repro_do(write(t->go[1], "", 1) == 1, "pipe");
}

/*
 * One thread is in the driver for a fault on @mem, another one wants the same page: does
 * it sleep meanwhile? @other is what the second one touches, in the same page or huge
 * page.
 */
static void two_faults(struct vsvm *v, char *mem, char *other)
{
	struct toucher first, second;
	unsigned int used;

	prepare(&first, mem);
	prepare(&second, other);
	rp_pause(v, POINT);
	go(&first);
	rp_await(v, POINT);
	go(&second);
	/* What it takes to begin does not count. */
	rp_sleep_ms(200);
	used = rp_thread_used(second.thread) / 1000000;
	rp_sleep_ms(LOOK_MS);
	used = rp_thread_used(second.thread) / 1000000 - used;
	rp_resume(v, POINT);
	rp_join(first.thread);
	rp_join(second.thread);
	if (used > SPINS_MS)
		repro_affected("a thread that waits for it ran %u of %u ms",
			       used, LOOK_MS);
	if (used > SLEEPS_MS)
		repro_unknown("a thread that waits for it ran %u of %u ms",
			      used, LOOK_MS);
	repro_fixed();
}

static void livelock(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_PAGE, false, 1);

	rp_to_device(v, mem, RP_PAGE);
	two_faults(v, mem, mem + 8);
}

const struct repro repro_fault_livelock = {
	.name = "fault-livelock",
	.title = "a fault on a locked device page spins, and may starve who has it locked",
	.shows =
		"One thread is in the driver for a CPU fault and has the page locked, another\n"
		"one faults on the page. do_swap_page() came back without waiting, and\n"
		"hmm_range_fault() and the CPU tried again at once: the second thread used a\n"
		"processor. It has to sleep. The program has the CPU fault, which is the same\n"
		"code as hmm_range_fault()'s.",
	.reported = "commit b570f37a2ce4",
	.thread =
		"mm: Fix a hmm_range_fault() livelock / starvation problem, Thomas Hellstrom,\n"
		"2026",
	.releases = "since 1afaeb8293c9 (6.15); fixed in 7.0, and in 6.18 and 6.19 stable",
	.driver = "vsvm",
	.seconds = 20,
	.run = livelock,
};

static void huge_spin(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_HUGE, true, 1);

	rp_to_device_huge(v, mem, RP_HUGE);
	two_faults(v, mem, mem + 300 * RP_PAGE);
}

const struct repro repro_huge_fault_spin = {
	.name = "huge-fault-spin",
	.title = "a fault on a locked huge device page spins",
	.shows =
		"As fault-livelock, with a page of 2 MiB. do_huge_pmd_device_private() tries\n"
		"the lock and returns 0 when it does not get it: the second thread faults\n"
		"again until the first one is done. The fix of fault-livelock is not in that\n"
		"function.",
	.reported = "in the review of commit b570f37a2ce4",
	.thread =
		"Matthew Brost, 2026-02-01, dri-devel: do_huge_pmd_device_private() needs the\n"
		"same; message id aX/AgHAZ7Tl4iOua@lstrano-desk.jf.intel.com",
	.releases = "7.2.12 and 7.3.4; huge device pages came with 6.19",
	.driver = "vsvm with huge device pages (huge_pages=1 where core mm is not fixed)",
	.seconds = 20,
	.run = huge_spin,
};

static void race(void)
{
	struct vsvm *v = rp_open();
	char *mem = rp_map_filled(RP_PAGE, false, 1);
	uint64_t before = rp_used(v), held, after;
	struct toucher t;
	int i;

	rp_to_device(v, mem, RP_PAGE);
	repro_need(rp_used(v) == before + RP_PAGE,
		   "another process uses the device, too");
	prepare(&t, mem);
	rp_pause(v, POINT);
	go(&t);
	rp_await(v, POINT);
	repro_do(!madvise(mem, RP_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
	/* The page has no mapping any more: only the fault's reference can keep it. */
	held = rp_used(v);
	rp_resume(v, POINT);
	rp_join(t.thread);
	if (held == before)
		repro_affected("the page was freed while the driver served the fault");
	/* The last reference is put a little later. */
	for (i = 0; i < 200; i++) {
		after = rp_used(v);
		if (after == before)
			repro_fixed();
		rp_sleep_ms(10);
	}
	repro_unknown("the page was not freed: %llu bytes in use, not %llu",
		      (unsigned long long)after, (unsigned long long)before);
}

const struct repro repro_fault_race = {
	.name = "fault-race",
	.title = "migrate_to_ram() is called for a device page without a reference to it",
	.shows =
		"A thread is in the driver for a CPU fault. Another one drops the page with\n"
		"MADV_DONTNEED, which puts the last mapping's reference. Without a reference\n"
		"of the fault's own the page was free then, and the driver, or the module\n"
		"that has it, was used after its end. The device's used memory tells whether\n"
		"the page is still there.",
	.reported = "CVE-2022-3523, commit 16ce101db85d",
	.thread =
		"mm/memory.c: fix race when faulting a device private page, Alistair Popple,\n"
		"2022",
	.releases = "until 6.0; fixed in 6.1",
	.driver = "vsvm",
	.seconds = 20,
	.run = race,
};
