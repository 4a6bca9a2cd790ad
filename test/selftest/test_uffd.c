// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd: a handler thread gives missing pages and lifts write protection, for
 * the device as for the CPU.
 *
 * Protection follows the pages to the device and to system memory.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	231
#define OTHER	232

/* The handler: what it was asked for, and whether something went wrong. */
struct handler {
	pthread_t thread;
	int fd;
	char *mem;
	char *page;		/* what a missing page is filled from */
	unsigned long missing;
	unsigned long protect;
	bool stop;
	int err;
};

FIXTURE(uffd)
{
	struct vsvm *v;
	char *mem;
	struct handler h;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(uffd);

static int give_page(struct handler *h, char *at)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)at,
		.src = (uintptr_t)h->page,
		.len = VT_PAGE,
	};

	vt_fill(h->page, VT_PAGE, SEED, at - h->mem);
	h->missing++;
	/* EEXIST: another thread faulted on the page at the same time. */
	if (ioctl(h->fd, UFFDIO_COPY, &copy) && errno != EEXIST)
		return -errno;
	return 0;
}

static int lift(struct handler *h, char *at, unsigned long len)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)at, .len = len },
	};

	h->protect++;
	return ioctl(h->fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

static void *handle(void *arg)
{
	struct handler *h = arg;
	struct pollfd p = { .fd = h->fd, .events = POLLIN };
	struct uffd_msg msg;
	char *at;

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) && !h->err) {
		if (poll(&p, 1, 20) < 1 ||
		    read(h->fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		at = (char *)(uintptr_t)(msg.arg.pagefault.address &
					 ~(VT_PAGE - 1));
		if (msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			h->err = lift(h, at, VT_PAGE);
		else
			h->err = give_page(h, at);
	}
	return NULL;
}

static int handler_start(struct handler *h, char *mem, __u64 mode)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = LEN },
		.mode = mode,
	};

	h->mem = mem;
	h->page = aligned_alloc(VT_PAGE, VT_PAGE);
	h->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->fd < 0 || ioctl(h->fd, UFFDIO_API, &api) ||
	    ioctl(h->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return -pthread_create(&h->thread, NULL, handle, h);
}

static int handler_stop(struct handler *h)
{
	__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
	pthread_join(h->thread, NULL);
	close(h->fd);
	return h->err;
}

static int protect(struct handler *h, char *at, size_t len)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)at, .len = len },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ioctl(h->fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

FIXTURE_SETUP(uffd)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->mem = vt_map(LEN, variant->kind);
	ASSERT_NE(NULL, self->mem);
}

VT_TEARDOWN_CLOSE(uffd)

#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP

/* The device reads a page that only the handler can give. */
TEST_F(uffd, missing_device_reads)
{
	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, 32 * VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, 32 * VT_PAGE, SEED, 0));
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(32, self->h.missing);
}

/* The device writes a part of such a page; the rest is the handler's. */
TEST_F(uffd, missing_device_writes)
{
	size_t at = VT_HUGE + VT_PAGE / 2, len = VT_PAGE;

	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + at, len, OTHER, at));
	EXPECT_EQ(0, vt_check(self->mem + VT_HUGE, VT_PAGE / 2, SEED, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem + at, len, OTHER, at));
	EXPECT_EQ(0, vt_check(self->mem + at + len, VT_PAGE / 2, SEED,
			      at + len));
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(2, self->h.missing);
}

/* MIGRATE asks the handler for nothing: missing pages stay missing. */
TEST_F(uffd, missing_stays_absent)
{
	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(0, self->h.missing);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, 4 * VT_PAGE, SEED, 0));
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(4, self->h.missing);
}

/* POPULATE neither: cleared pages would come behind the handler's back. */
TEST_F(uffd, populate_leaves_missing)
{
	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_EQ(LEN, self->m.absent);
	EXPECT_EQ(0, self->h.missing);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(LEN / VT_PAGE, self->h.missing);
}

/* Given pages move; thrown away on the device they are missing again. */
TEST_F(uffd, missing_after_dontneed)
{
	size_t len = 64 * VT_PAGE;

	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	ASSERT_EQ(0, vt_check(self->mem, len, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, len));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, len, OTHER, 0));
	ASSERT_EQ(0, vt_check(self->mem, VT_PAGE, OTHER, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, len));
	ASSERT_EQ(0, madvise(self->mem, len, MADV_DONTNEED));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, len, SEED, 0));
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(2 * 64, self->h.missing);
}

/* A device read asks for nothing, a device write to each page once. */
TEST_F(uffd, protected_system_pages)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, handler_start(&self->h, self->mem, WP));
	ASSERT_EQ(0, protect(&self->h, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, self->h.protect);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 8 * VT_PAGE, OTHER, 0));
	EXPECT_EQ(8, self->h.protect);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 8 * VT_PAGE, OTHER, 0));
	EXPECT_EQ(8, self->h.protect);
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(0, vt_check(self->mem, 8 * VT_PAGE, OTHER, 0));
}

/* Protection goes with the pages to the device: a device write asks. */
TEST_F(uffd, protected_then_moved)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, handler_start(&self->h, self->mem, WP));
	ASSERT_EQ(0, protect(&self->h, self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, self->h.protect);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 4 * VT_PAGE, OTHER, 0));
	EXPECT_EQ(4, self->h.protect);
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(0, vt_check(self->mem, 4 * VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem + 4 * VT_PAGE, LEN - 4 * VT_PAGE, SEED,
			      4 * VT_PAGE));
}

/* Pages that are protected while they are on the device: device and CPU ask. */
TEST_F(uffd, protected_on_the_device)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, handler_start(&self->h, self->mem, WP));
	ASSERT_EQ(0, protect(&self->h, self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, self->h.protect);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 1, OTHER, 0));
	EXPECT_EQ(1, self->h.protect);
	vt_fill(self->mem + VT_HUGE, 1, OTHER, VT_HUGE);
	EXPECT_EQ(2, self->h.protect);
	EXPECT_EQ(0, handler_stop(&self->h));
	EXPECT_EQ(0, vt_check(self->mem, 1, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + VT_HUGE, 1, OTHER,
				  VT_HUGE));
}

/* Protection survives the way to the device and home. */
TEST_F(uffd, protected_comes_home)
{
	vt_fill(self->mem, LEN, SEED, 0);
	ASSERT_EQ(0, handler_start(&self->h, self->mem, WP));
	ASSERT_EQ(0, protect(&self->h, self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, self->h.protect);
	vt_fill(self->mem, 1, OTHER, 0);
	EXPECT_EQ(1, self->h.protect);
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem + VT_HUGE, 1, OTHER,
				 VT_HUGE));
	EXPECT_EQ(2, self->h.protect);
	EXPECT_EQ(0, handler_stop(&self->h));
}

/*
 * UFFDIO_MOVE takes no device page: its entry is neither present nor a swap
 * entry (move_pages_ptes()). Whatever it answers, the bytes stay right.
 */
TEST_F(uffd, move_leaves_device_pages)
{
	char *src = vt_map_filled(self->v, LEN, variant->kind, OTHER);
	struct uffdio_move move = {
		.dst = (uintptr_t)self->mem,
		.src = (uintptr_t)src,
		.len = 4 * VT_PAGE,
	};

	ASSERT_NE(NULL, src);
	ASSERT_EQ(0, vt_to_device(self->v, src, LEN));
	ASSERT_EQ(0, handler_start(&self->h, self->mem, MISSING));
	ASSERT_EQ(-1, ioctl(self->h.fd, UFFDIO_MOVE, &move));
	EXPECT_EQ(0, vt_dev_check(self->v, src, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(src, LEN, OTHER, 0));
	EXPECT_EQ(0, handler_stop(&self->h));
}

TEST_HARNESS_MAIN
