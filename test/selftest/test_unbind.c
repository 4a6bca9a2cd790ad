// SPDX-License-Identifier: GPL-2.0-only
/*
 * A coherent device is unbound while a pipe keeps one of its pages.
 *
 * unbind does not wait for the page. The module stays as long as the page does, and
 * then all is as before.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182
#define DEVICE	"vsvm.1"

FIXTURE(kept)
{
	struct vsvm *v;
	struct vt_module module;
	int pipe[2];
};

/* A page of the device is in a pipe, and nowhere else. No file is open. */
FIXTURE_SETUP(kept)
{
	struct iovec iov = { .iov_len = VT_PAGE };
	char where[32];

	ASSERT_EQ(0, vt_module_get(&self->module));
	if (vt_reserved(where, sizeof(where)))
		SKIP(return, "no memory was reserved with memmap=");
	ASSERT_EQ(0, vt_load_coherent(where));
	ASSERT_EQ(0, vsvm_open(1, &self->v));
	iov.iov_base = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	ASSERT_NE(NULL, iov.iov_base);
	ASSERT_EQ(0, vt_to_device(self->v, iov.iov_base, VT_PAGE));
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
	ASSERT_EQ(VT_PAGE, vmsplice(self->pipe[1], &iov, 1, 0));
	ASSERT_EQ(0, munmap(iov.iov_base, VT_PAGE));
	ASSERT_EQ(VT_PAGE, vt_used(self->v));
	vsvm_close(self->v);
}

FIXTURE_TEARDOWN_PARENT(kept)
{
	int i;

	/* The pipe is closed, but the memory may take its time. */
	for (i = 0; i < 600 && vt_module_loaded() && vt_module_unload(); i++)
		usleep(100000);
	vt_restore(&self->module);
}

/* Does /proc/iomem have the device's addresses? */
static bool claimed(void)
{
	FILE *f = fopen("/proc/iomem", "re");
	bool found = false;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		found |= !!strstr(line, " : " DEVICE "\n");
	if (f)
		fclose(f);
	return found;
}

/* The last page is found to be gone in a moment. */
static bool is_released(void)
{
	int i;

	for (i = 0; i < 600 && claimed(); i++)
		usleep(100000);
	return !claimed();
}

/* What binding a device to the driver says. */
static int bind(const char *name)
{
	int fd = open(VT_DRIVER "bind", O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, name, strlen(name)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* What the device is good for, once more. */
static int works(void)
{
	struct vsvm *v;
	uint64_t used;
	char *mem;
	int ret;

	if (VT_BAD(vsvm_open(1, &v)))
		return -1;
	used = vt_used(v);
	mem = vt_map_filled(v, VT_HUGE, VT_SMALL, OTHER);
	ret = !mem || vt_to_device(v, mem, VT_HUGE) ||
	      vt_used(v) != used + VT_HUGE || vt_check(mem, VT_HUGE, OTHER, 0) ||
	      munmap(mem, VT_HUGE);
	vsvm_close(v);
	return ret;
}

/* Unbind returns, and leaves the page with its bytes in the pipe. */
TEST_F_TIMEOUT(kept, unbind_returns, VT_LONG)
{
	long since = vt_seconds();
	char page[VT_PAGE];

	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", DEVICE));
	EXPECT_GE(VT_SOON, vt_seconds() - since);
	EXPECT_TRUE(claimed());
	EXPECT_EQ(-EBUSY, bind(DEVICE));
	EXPECT_EQ(-EWOULDBLOCK, vt_module_unload());
	/* The others have nothing to do with it. */
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	vsvm_close(self->v);

	ASSERT_EQ(VT_PAGE, read(self->pipe[0], page, VT_PAGE));
	EXPECT_EQ(0, vt_check(page, VT_PAGE, SEED, 0));
	ASSERT_TRUE(is_released());
	ASSERT_EQ(0, bind(DEVICE));
	EXPECT_EQ(0, works());
	EXPECT_EQ(0, vt_module_unload());
}

/* The module is in use as long as the page is. */
TEST_F_TIMEOUT(kept, module_stays, VT_LONG)
{
	ASSERT_EQ(-EWOULDBLOCK, vt_module_unload());
	EXPECT_EQ(0, works());
	ASSERT_EQ(-EWOULDBLOCK, vt_module_unload());
	ASSERT_EQ(0, close(self->pipe[0]));
	ASSERT_EQ(0, close(self->pipe[1]));
	EXPECT_EQ(0, vt_module_unload());
}

/* The module may go as soon as the last page does, after unbind as before. */
TEST_F_TIMEOUT(kept, module_goes_with_the_page, 2 * VT_LONG)
{
	int i;

	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", DEVICE));
	ASSERT_EQ(0, close(self->pipe[0]));
	ASSERT_EQ(0, close(self->pipe[1]));
	for (i = 0; i < 60000 && vt_module_unload() == -EWOULDBLOCK; i++)
		usleep(1000);
	EXPECT_FALSE(vt_module_loaded());
	EXPECT_FALSE(claimed());
}

TEST_HARNESS_MAIN
