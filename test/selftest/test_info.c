// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO, and how a process finds the device: what any process may do with the node
 * without touching memory.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <xf86drm.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

FIXTURE(info)
{
	struct vsvm *v;
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_CLOSE(info)

/* INFO of the first device is complete and consistent. */
TEST_F(info, says_what_it_is)
{
	struct drm_vsvm_info info = {};

	ASSERT_EQ(0, vsvm_info(self->v, &info));
	EXPECT_EQ(0, info.device);
	EXPECT_LE(1, info.devices);
	EXPECT_EQ(VT_PAGE, info.page_size);
	EXPECT_EQ(VT_HUGE, info.huge_size);
	EXPECT_LT(0, info.vram_size);
	EXPECT_EQ(0, info.vram_size % VT_HUGE);
	EXPECT_LE(info.vram_used, info.vram_size);
	EXPECT_LE(info.vram_backing, info.vram_size);
}

/* DMA reaches system memory, unless the kernel was told to let none through. */
TEST_F(info, says_what_it_can)
{
	struct drm_vsvm_info info = {};
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	fclose(f);
	ASSERT_EQ(0, vsvm_info(self->v, &info));
	EXPECT_EQ((strstr(line, "swiotlb=force") ? 0 : DRM_VSVM_CAP_DMA) |
		  DRM_VSVM_CAP_QUEUES | DRM_VSVM_CAP_ADVICE |
		  DRM_VSVM_CAP_DISCARD | DRM_VSVM_CAP_EVENTS |
		  DRM_VSVM_CAP_ADVISED | DRM_VSVM_CAP_PIN |
		  DRM_VSVM_CAP_RUN | DRM_VSVM_CAP_POPULATE, info.caps);
}

/* Every device INFO speaks of can be opened and knows its number. */
TEST_F(info, numbers_every_device)
{
	struct drm_vsvm_info first = {}, info;
	struct vsvm *v;
	unsigned int i;

	ASSERT_EQ(0, vsvm_info(self->v, &first));
	ASSERT_LE(2, first.devices);
	for (i = 0; i < first.devices; i++) {
		ASSERT_EQ(0, vsvm_open(i, &v));
		memset(&info, 0, sizeof(info));
		EXPECT_EQ(0, vsvm_info(v, &info));
		EXPECT_EQ(i, info.device);
		EXPECT_EQ(first.devices, info.devices);
		vsvm_close(v);
	}
	EXPECT_EQ(-ENODEV, vsvm_open(first.devices, &v));
}

/* A flag that has no name is refused. */
TEST_F(info, refuses_flags)
{
	struct drm_vsvm_info info;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		memset(&info, 0, sizeof(info));
		info.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, vt_ioctl(vsvm_fd(self->v),
					    DRM_IOCTL_VSVM_INFO, &info));
		EXPECT_EQ(0, info.vram_size);
	}
}

/* A caller that knows less of the structure gets that much and no more. */
TEST_F(info, serves_an_older_caller)
{
	struct {
		__u32 flags, device, devices, page_size;
		__u64 sentinel[5];
	} old = { .sentinel = { 1, 2, 3, 4, 5 } };
	unsigned long request =
		_IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
		     DRM_COMMAND_BASE + DRM_VSVM_INFO, 16);

	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), request, &old));
	EXPECT_EQ(VT_PAGE, old.page_size);
	EXPECT_EQ(1, old.sentinel[0]);
	EXPECT_EQ(5, old.sentinel[4]);
}

/* A caller that knows more of the structure than we gets what there is. */
TEST_F(info, serves_a_newer_caller)
{
	struct {
		struct drm_vsvm_info info;
		__u64 more[4];
	} new = {};
	unsigned long request =
		_IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
		     DRM_COMMAND_BASE + DRM_VSVM_INFO, sizeof(new));

	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), request, &new));
	EXPECT_EQ(VT_PAGE, new.info.page_size);
	EXPECT_LT(0, new.info.vram_size);
}

/* An ioctl number that is not ours is refused. */
TEST_F(info, refuses_unknown_ioctls)
{
	char room[256] = {};
	unsigned long request =
		_IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
		     DRM_COMMAND_BASE + 0x3f, sizeof(room));

	EXPECT_EQ(-EINVAL, vt_ioctl(vsvm_fd(self->v), request, room));
}

/* The driver's name comes through libdrm, with a version: each addition raises it. */
TEST_F(info, has_a_drm_version)
{
	drmVersionPtr version = drmGetVersion(vsvm_fd(self->v));

	ASSERT_NE(NULL, version);
	EXPECT_STREQ("vsvm", version->name);
	EXPECT_EQ(1, version->version_major);
	EXPECT_EQ(11, version->version_minor);
	EXPECT_LT(0, strlen(version->desc));
	drmFreeVersion(version);
}

/* libdrm lists the device as a platform device with a render node. */
TEST_F(info, is_listed_by_libdrm)
{
	drmDevicePtr dev;

	ASSERT_EQ(0, drmGetDevice2(vsvm_fd(self->v), 0, &dev));
	EXPECT_EQ(DRM_BUS_PLATFORM, dev->bustype);
	EXPECT_NE(0, dev->available_nodes & (1 << DRM_NODE_RENDER));
	drmFreeDevice(&dev);
}

/* Memory in use goes up with what moves in, and down when that is unmapped. */
TEST_F(info, counts_memory_in_use)
{
	struct drm_vsvm_info before = {}, full = {}, after = {};
	size_t len = 4 * VT_MIB;
	void *mem;

	mem = vt_map_filled(self->v, len, VT_SMALL, 1);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_info(self->v, &before));
	ASSERT_EQ(0, vt_to_device(self->v, mem, len));
	ASSERT_EQ(0, vsvm_info(self->v, &full));
	EXPECT_EQ(before.vram_used + len, full.vram_used);
	EXPECT_LE(full.vram_used, full.vram_backing);
	ASSERT_EQ(0, munmap(mem, len));
	ASSERT_EQ(0, vsvm_info(self->v, &after));
	EXPECT_EQ(before.vram_used, after.vram_used);
}

static int ask_in_child(struct vt_child *c, void *arg)
{
	struct drm_vsvm_info info = {};

	(void)c;
	return vsvm_info(arg, &info) || info.page_size != VT_PAGE;
}

/* INFO does not mind to which process the file belongs. */
TEST_F(info, is_for_every_process)
{
	char *mem = vt_map(VT_PAGE, VT_SMALL);
	char byte = 1;

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, vt_run(ask_in_child, self->v));
	EXPECT_EQ(0, vsvm_read(self->v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, byte);
	EXPECT_EQ(0, vt_run(ask_in_child, self->v));
}

static int ask_as_user(struct vt_child *c, void *arg)
{
	struct vsvm *v;

	(void)c;
	(void)arg;
	if (setgid(1000) || setuid(1000) || vsvm_open(0, &v) != -EACCES ||
	    vsvm_open(1, &v))
		return 1;
	vsvm_close(v);
	return WEXITSTATUS(system("vsvm info >/dev/null 2>&1")) == 1 &&
	       !system("vsvm info 2>/dev/null | grep -q 'device *1$'") &&
	       !system("vsvm info 2>&1 | grep -qx 'vsvm: device 0: Permission denied'") ?
	       0 : 2;
}

/* A node that a user may not open hides no other. */
TEST_F(info, other_nodes_are_found)
{
	struct stat was[2];
	char *nodes[2];
	struct vsvm *v;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vsvm_open(i, &v));
		nodes[i] = drmGetDeviceNameFromFd2(vsvm_fd(v));
		vsvm_close(v);
		ASSERT_NE(NULL, nodes[i]);
		ASSERT_EQ(0, stat(nodes[i], &was[i]));
		ASSERT_EQ(0, chmod(nodes[i], i ? 0666 : 0600));
	}
	EXPECT_EQ(0, vt_run(ask_as_user, NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, chmod(nodes[i], was[i].st_mode));
		free(nodes[i]);
	}
}

TEST_HARNESS_MAIN
