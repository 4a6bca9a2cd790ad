// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that KSM has merged is collected for migration.
 *
 * KSM's settings are as before when the program ends; they are the whole machine's
 * meanwhile. What else is merged stays merged.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "repro_all.h"

#define KSM		"/sys/kernel/mm/ksm/"
#define PAGES		64
#define BYTE		0x5c
#define LOST_MS		5000
#define NR_SETTINGS	3

/* What the orphan says. */
enum { READY = 'r', WRONG = 'w', RIGHT = 'g', FAILED = 'f' };

static const char *const settings[NR_SETTINGS] = {
	KSM "run", KSM "sleep_millisecs", KSM "pages_to_scan",
};

static void scan(const char *pages, const char *sleep)
{
	rp_set(KSM "pages_to_scan", pages);
	rp_set(KSM "sleep_millisecs", sleep);
	rp_set(KSM "run", "1");
}

static bool merges(void)
{
	int i;

	scan("10000", "1");
	for (i = 0; i < 300; i++) {
		if (rp_get("/proc/self/ksm_merging_pages") >= PAGES)
			break;
		rp_sleep_ms(100);
	}
	rp_set(KSM "run", "0");
	return i < 300;
}

/* ksmd learns that @parent is dead and looks at one page more, no further. */
static bool forgets(int parent)
{
	long was = rp_get(KSM "pages_sharing");
	int i;

	for (i = 0; i < 300 && !kill(parent, 0); i++)
		rp_sleep_ms(20);
	scan("1", "600000");
	for (i = 0; i < 300 && rp_get(KSM "pages_sharing") == was; i++)
		rp_sleep_ms(20);
	rp_set(KSM "run", "0");
	return i < 300;
}

/* ksmd keeps the memory of a dead process that it stopped at, until it goes on. */
static void passes_by(void)
{
	long was = rp_get(KSM "full_scans");
	int i;

	scan("10000", "1");
	for (i = 0; i < 500 && rp_get(KSM "full_scans") < was + 2; i++)
		rp_sleep_ms(20);
	rp_set(KSM "run", "0");
}

static void tell(int out, char what)
{
	if (write(out, &what, 1) != 1)
		_exit(1);
}

/*
 * Its parent has merged the memory and is dead: KSM's reverse map does not have this
 * process yet. The page is collected, and gets no place on the device.
 */
[[gnu::noreturn]] static void orphan(int fd, char *page, int parent, int out)
{
	char buf[RP_PAGE];

	/* A file of test_hmm is of the memory that opened it. */
	fd = forgets(parent) ? rp_dmirror_open() : -1;
	if (fd < 0 || rp_dmirror_fail_alloc(fd, page)) {
		tell(out, FAILED);
		_exit(1);
	}
	rp_dmirror(fd, RP_DMIRROR_TO_DEVICE, page, RP_PAGE, buf);
	tell(out, READY);
	tell(out, rp_is(page, RP_PAGE, BYTE) ? RIGHT : WRONG);
	_exit(0);
}

/* Returns 0 when the orphan runs. */
static int parent(int fd, int out, int *pid)
{
	char *mem = rp_map_filled(PAGES * RP_PAGE, false, BYTE);
	int self = getpid(), child;

	if (madvise(mem, PAGES * RP_PAGE, MADV_MERGEABLE) || !merges())
		return 1;
	/* The first page is the one that ksmd looks at. */
	child = fork();
	if (!child)
		orphan(fd, mem + RP_PAGE, self, out);
	*pid = child > 0 ? child : 0;
	return child < 0;
}

/* What the orphan says within the time, or 0. */
static char hear(int in, int ms)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char what = 0;

	if (poll(&p, 1, ms) != 1 || read(in, &what, 1) != 1)
		return 0;
	return what;
}

static void ksm(void)
{
	char said, text[NR_SETTINGS][32];
	int out[2], fd, child, status, *pid;
	unsigned int i;

	for (i = 0; i < NR_SETTINGS; i++) {
		long value = rp_get(settings[i]);

		repro_need(value >= 0, "this kernel has no KSM");
		snprintf(text[i], sizeof(text[i]), "%ld", value);
	}
	fd = rp_dmirror_open();
	repro_do(!pipe(out), "pipe");
	/* The orphan says here who it is, and ends as a child of this process. */
	pid = mmap(NULL, RP_PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	repro_do(pid != MAP_FAILED, "mmap");
	repro_do(!prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
	child = fork();
	if (!child)
		_exit(parent(fd, out[1], pid));
	repro_do(child > 0, "fork");
	close(out[1]);
	status = rp_wait(child);
	said = status ? FAILED : hear(out[0], 60000);
	if (said == READY)
		said = hear(out[0], LOST_MS);
	if (*pid) {
		kill(*pid, SIGKILL);
		rp_wait(*pid);
	}
	passes_by();
	for (i = NR_SETTINGS; i-- > 0;)
		rp_set(settings[i], text[i]);
	if (status || said == FAILED)
		repro_unknown("ksmd merges nothing, or test_hmm does not work");
	if (!said)
		repro_affected("a process waits for ever for a page that KSM had merged");
	if (said == WRONG)
		repro_affected("a page that KSM had merged has other bytes");
	repro_fixed();
}

const struct repro repro_ksm = {
	.name = "ksm",
	.title = "migrate_vma_setup() collects a KSM page that it cannot give back: it is lost",
	.shows =
		"KSM merges pages of a process, which forks and ends. Before ksmd has noted\n"
		"the child, a driver collects one of its pages and lets it stay. The\n"
		"migration entry is replaced by way of KSM's reverse map, which has not the\n"
		"child: the child waits for ever when it touches the page. A page that does\n"
		"migrate takes all sharers along, and ksmd oopses.",
	.reported = "docs/upstream/0013 of vsvm; no other report known",
	.thread = "mm/migrate_device: do not collect KSM pages",
	.releases = "7.2.12 and 7.3.4; no other was tried",
	.driver = "test_hmm, told to have no page: vsvm leaves mappings alone that KSM may merge",
	.complaint = "softleaf_to_folio",
	.seconds = 120,
	.run = ksm,
};
