// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine suspends while queues work, wait, and are stuck in a userfaultfd handler
 * that is frozen with its process.
 *
 * Nothing of that keeps it from suspending, and everything goes on afterwards. Core goes
 * as far as VSVM_SUSPEND says, a word of /sys/power/pm_test, and back: to "freezer" when
 * unset. Needs a kernel that can be told so.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_queue.h"
#include "vt_uffd.h"

#define LEN	(4 * VT_HUGE)
/* More than is done before the machine suspends. */
#define COPIES	400
#define PM_TEST	"/sys/power/pm_test"
#define OTHER_CPU	"/sys/devices/system/cpu/cpu1/online"

FIXTURE(freeze)
{
	struct vsvm *v;
	struct vsvm *other;
	struct vt_queue works;
	struct vt_queue waits;
	struct vt_queue stuck;
	char *from;
	char *to;
	char *missing;
	uint64_t *gate;
	int uffd;
};

/*
 * A thread that freezes patches the kernel's text, and engines run it. An emulated
 * processor may decode an instruction that another one is changing, and then keep the
 * breakpoint that was there for a moment: the kernel oopses. There, one has to do.
 */
static bool is_emulated(void)
{
	char text[4096];

	return vt_file_read("/proc/cpuinfo", text, sizeof(text)) > 0 &&
	       strstr(text, "QEMU TCG");
}

FIXTURE_SETUP(freeze)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.range.len = VT_PAGE,
	};

	if (access(PM_TEST, W_OK))
		SKIP(return, "the kernel has no %s", PM_TEST);
	ASSERT_EQ(0, vt_file_set("/sys/module/suspend/parameters/pm_test_delay", 1));
	if (is_emulated() && !access(OTHER_CPU, W_OK))
		ASSERT_EQ(0, vt_file_set(OTHER_CPU, 0));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vsvm_open(0, &self->other));
	ASSERT_EQ(0, vt_queue_make(&self->works, self->v, COPIES + 1));
	ASSERT_EQ(0, vt_queue_make(&self->waits, self->v, 8));
	ASSERT_EQ(0, vt_queue_make(&self->stuck, self->other, 8));
	self->from = vt_map_filled(self->v, LEN, VT_SMALL, 1);
	self->to = vt_map(LEN, VT_SMALL);
	self->gate = vt_map(VT_PAGE, VT_SMALL);
	self->missing = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->from);
	ASSERT_NE(NULL, self->to);
	ASSERT_NE(NULL, self->gate);
	ASSERT_NE(NULL, self->missing);
	reg.range.start = (uintptr_t)self->missing;
	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &reg));
}

FIXTURE_TEARDOWN(freeze)
{
	vt_file_write(PM_TEST, "none");
	if (!access(OTHER_CPU, W_OK))
		vt_file_set(OTHER_CPU, 1);
}

/* A queue that copies, one that waits for a word, and one that waits for the handler. */
TEST_F_TIMEOUT(freeze, goes_on, VT_LONG)
{
	struct drm_vsvm_queue_status before, after;
	struct uffdio_zeropage zero = { .range.len = VT_PAGE };
	const char *level = getenv("VSVM_SUSPEND");
	struct uffd_msg msg;
	unsigned int i;

	for (i = 0; i < COPIES; i++)
		ASSERT_EQ(0, vt_submit_one(&self->works,
					   vsvm_cmd_copy(self->to, self->from, LEN)));
	ASSERT_EQ(0, vt_hold(&self->waits, self->gate));
	ASSERT_EQ(0, vt_submit_one(&self->stuck, vsvm_cmd_fill(self->missing, 8, 7, 8)));
	ASSERT_EQ(sizeof(msg), read(self->uffd, &msg, sizeof(msg)));
	ASSERT_EQ(0, vt_queue_becomes(&self->waits, DRM_VSVM_QUEUE_WAITING));
	/* The first job has the pages faulted in; those behind it are an engine's. */
	do {
		usleep(1000);
		ASSERT_EQ(0, vt_queue_status(&self->works, &before));
	} while (before.done < 2);
	ASSERT_LT(before.done, before.submitted) TH_LOG("it was too fast");

	ASSERT_EQ(0, vt_file_write(PM_TEST, level ? level : "freezer"));
	EXPECT_EQ(0, vt_file_write("/sys/power/state", "freeze"));

	ASSERT_EQ(0, vt_queue_status(&self->works, &after));
	EXPECT_EQ(0, after.error);
	/* Core did not wait until the queue was empty. */
	EXPECT_LT(after.done, after.submitted);
	ASSERT_EQ(0, vt_begin(&self->works, NULL, 0));
	EXPECT_EQ(0, vt_end(&self->works));
	EXPECT_EQ(0, vt_check(self->to, LEN, 1, 0));

	EXPECT_EQ(DRM_VSVM_QUEUE_FAULTING, vt_queue_state(&self->stuck));
	zero.range.start = (uintptr_t)self->missing;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(0, vt_do(&self->stuck, NULL, 0));
	EXPECT_EQ(7, *(uint64_t *)self->missing);

	vt_store(self->gate, ~0ULL);
	vt_store(self->gate, 1);
	EXPECT_EQ(0, vt_do(&self->waits, NULL, 0));
}

TEST_HARNESS_MAIN
