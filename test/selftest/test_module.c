// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrong module parameters and wrong binds by root get an exact errno and change
 * nothing.
 *
 * When one of the devices cannot be made, the others are as they should be.
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182
#define DEVICES		"/sys/bus/platform/devices/"
/* Off: devices come into being, and no driver is asked for them. */
#define AUTOPROBE	"/sys/bus/platform/drivers_autoprobe"

FIXTURE(module)
{
	struct vt_module module;
};

FIXTURE_SETUP(module)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
}

FIXTURE_TEARDOWN_PARENT(module)
{
	vt_file_write(AUTOPROBE, "1");
	vt_restore(&self->module);
}

/* What loading it with these parameters says. */
static int load(const char *parameters)
{
	int fd = vt_module_open();
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* Numbers that cannot be, one of which overflows the sum of all devices. */
TEST_F(module, parameters_refused)
{
	static const char * const bad[] = {
		"devices=0",
		"devices=17",
		"devices=4294967295 coherent=4G:2M",
		"devices=16 coherent=4G:2M",
		"vram_mib=0",
		"vram_mib=3",
		"coherent=4G",
		"coherent=4G:3M",
		"coherent=0:2M",
		"coherent=4G:2Mx",
		"huge_pages=2",
		"huge_pages=-1",
		"huge_pages=yes",
		"huge_pages=",
		"huge_pages",
		"coherent=4G:4M,0x100200000:2M",
	};
	size_t i;

	ASSERT_EQ(0, vt_module_unload());
	for (i = 0; i < VT_COUNT(bad); i++) {
		EXPECT_EQ(-EINVAL, load(bad[i])) {
			TH_LOG("%s", bad[i]);
		}
		ASSERT_FALSE(vt_module_loaded());
	}
	EXPECT_EQ(0, load("devices=2 vram_mib=16"));
}

#define HUGE_PAGES	"/sys/module/vsvm/parameters/huge_pages"
#define WHY_NOT		"no huge device pages: this kernel"

/* How often the kernel's log says it. */
static int log_says(const char *text)
{
	char command[256];
	int n = -1;
	FILE *f;

	snprintf(command, sizeof(command), "dmesg | grep -c '%s'", text);
	f = popen(command, "r");
	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	return n;
}

/* Loaded with @huge_pages: what INFO says, and how large pages move. */
static int load_and_move(const char *huge_pages, uint64_t huge_size)
{
	struct drm_vsvm_info info = {};
	char command[128], text[16] = "";
	struct vsvm *v;
	char *mem;
	int ret = -1;
	FILE *f;

	snprintf(command, sizeof(command),
		 "${VSVM_MODPROBE:-modprobe} vsvm huge_pages=%s devices=1 vram_mib=16", huge_pages);
	if (VT_BAD(system(command) || vsvm_open(0, &v)))
		return -1;
	f = fopen(HUGE_PAGES, "re");
	if (!f || fscanf(f, "%15s", text) != 1 || strcmp(text, huge_pages))
		goto close;
	if (vsvm_info(v, &info) || info.huge_size != huge_size)
		goto close;
	mem = vt_map_filled(v, VT_HUGE, VT_LARGE, SEED);
	if (mem && !vt_to_device(v, mem, VT_HUGE) &&
	    !vt_all_in(v, mem, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
		       huge_size ? VT_HUGE_ORDER : 0) &&
	    !vt_dev_check(v, mem, VT_HUGE, SEED, 0) &&
	    !vt_dev_fill(v, mem, VT_HUGE, OTHER, 0) &&
	    !vt_check(mem, VT_HUGE, OTHER, 0))
		ret = 0;
close:
	if (f)
		fclose(f);
	vsvm_close(v);
	return ret;
}

/* By default there are huge pages where the kernel can have them, or a reason. */
TEST_F(module, huge_pages_where_the_kernel_has_the_fix)
{
	int said = log_says(WHY_NOT);

	ASSERT_EQ(0, vt_module_unload());
	EXPECT_EQ(0, load_and_move("auto", vt_patched() ? VT_HUGE : 0));
	EXPECT_EQ(said + !vt_patched(), log_says(WHY_NOT));
}

TEST_F(module, huge_pages_by_name)
{
	int said = log_says(WHY_NOT);

	ASSERT_EQ(0, vt_module_unload());
	EXPECT_EQ(0, load_and_move("1", VT_HUGE));
	EXPECT_EQ(said, log_says(WHY_NOT));
	EXPECT_EQ(-1, vt_file_write(HUGE_PAGES, "0"));
}

TEST_F(module, no_huge_pages_by_name)
{
	int said = log_says(WHY_NOT);

	ASSERT_EQ(0, vt_module_unload());
	EXPECT_EQ(0, load_and_move("0", 0));
	EXPECT_EQ(said, log_says(WHY_NOT));
}

/*
 * Memory that is in use, which is told before there is a device: nobody gets hold
 * of one that is taken away again.
 */
TEST_F(module, memory_in_use_refused)
{
	static const char * const bad[] = {
		/* The system's memory. */
		"coherent=256M:2M",
		/* The interrupt controller. */
		"coherent=0xfec00000:2M",
		/* No processor has so many address lines. */
		"coherent=0x10000000000000:2M",
	};
	static const int want[] = { -EBUSY, -EBUSY, -ERANGE };
	size_t i;

	ASSERT_EQ(0, vt_module_unload());
	for (i = 0; i < VT_COUNT(bad); i++) {
		EXPECT_EQ(want[i], load(bad[i])) {
			TH_LOG("%s", bad[i]);
		}
		ASSERT_FALSE(vt_module_loaded());
	}
	EXPECT_EQ(0, load("devices=2 vram_mib=16"));
}

/* Some platform device that is not ours, and has no driver. */
static int find_foreign(char *name, size_t room)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(DEVICES);

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), DEVICES "%s/driver",
			 entry->d_name);
		if (entry->d_name[0] == '.' || !access(path, F_OK) ||
		    !strncmp(entry->d_name, "vsvm", 4))
			continue;
		snprintf(name, room, "%s", entry->d_name);
		closedir(dir);
		return 0;
	}
	return -1;
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

/* A device that is another's stays without a driver. */
TEST_F(module, foreign_device_refused)
{
	char name[NAME_MAX + 1], path[PATH_MAX];

	ASSERT_EQ(0, find_foreign(name, sizeof(name)));
	snprintf(path, sizeof(path), DEVICES "%s/driver_override", name);
	ASSERT_EQ(0, vt_file_write(path, "vsvm"));
	EXPECT_EQ(-ENODEV, bind(name));
	EXPECT_EQ(0, vt_file_write(path, "\n"));
	snprintf(path, sizeof(path), DEVICES "%s/driver", name);
	EXPECT_NE(0, access(path, F_OK));
}

/* Devices that do not come do not keep one that does from working. */
TEST_F(module, devices_that_did_not_come)
{
	struct drm_vsvm_info info = {};
	struct vsvm *v, *none;
	char *mem;

	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_file_write(AUTOPROBE, "0"));
	ASSERT_EQ(0, load("devices=3 vram_mib=16"));
	EXPECT_NE(0, vsvm_open(1, &none));
	ASSERT_EQ(0, bind("vsvm.1"));
	EXPECT_NE(0, vsvm_open(0, &none));
	EXPECT_NE(0, vsvm_open(2, &none));

	ASSERT_EQ(0, vsvm_open(1, &v));
	EXPECT_EQ(0, vsvm_info(v, &info));
	EXPECT_EQ(1, info.device);
	EXPECT_EQ(3, info.devices);
	mem = vt_map_filled(v, VT_HUGE, VT_SMALL, SEED);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, vt_to_device(v, mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
	vsvm_close(v);
	/* Also without them. */
	EXPECT_EQ(0, vt_module_unload());
}

static int loads_many(struct vt_child *c, void *arg)
{
	(void)c;
	(void)arg;
	return load("devices=16 vram_mib=64") ? 1 : 0;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {};

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/* A file of device 0, if its node is there and the others then stay without a driver. */
static int open_first(void)
{
	char path[PATH_MAX];
	glob_t nodes;

	if (glob(DEVICES "vsvm.0/drm/renderD*", 0, NULL, &nodes))
		return -1;
	vt_file_write(AUTOPROBE, "0");
	snprintf(path, sizeof(path), "/dev/dri/%s",
		 strrchr(nodes.gl_pathv[0], '/') + 1);
	globfree(&nodes);
	return open(path, O_RDWR | O_CLOEXEC);
}

/*
 * A file of device 0 as early as there can be one: the kernel shows the folder of a
 * node, then makes the node, and only then lets it be opened.
 */
static int open_while_loading(pid_t loader)
{
	bool over;
	int fd;

	do {
		over = has_ended(loader);
		fd = open_first();
	} while (fd < 0 && !over);
	return fd;
}

/* A file that is opened while the module loads stays, if other devices do not come. */
TEST_F(module, file_of_the_first_device_stays)
{
	struct vt_child c;
	char word[8] = "is", got[8] = "";
	int fd;

	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_start(&c, loads_many, NULL));
	fd = open_while_loading(c.pid);
	EXPECT_EQ(0, vt_wait(&c));
	ASSERT_LE(0, fd);
	EXPECT_EQ(8, pread(fd, got, 8, (uintptr_t)word));
	EXPECT_EQ(0, memcmp(word, got, 8));
	EXPECT_EQ(-EWOULDBLOCK, vt_module_unload());
	TH_LOG("the last device %s", access(VT_DRIVER "vsvm.15", F_OK) ?
	       "did not come" : "came");
	close(fd);
	EXPECT_EQ(0, vt_module_unload());
}

TEST_HARNESS_MAIN
