// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modelled link: exact times for exact work, in fdinfo of the file and in debugfs for
 * the device.
 *
 * The parameters belong to the module; the parent of each test switches the model off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"
#include "vt_counters.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_rv.h"
#include "vt_small_device.h"

#define PARAMETERS	"/sys/module/vsvm/parameters/"
#define SEED		271
#define LEN		(16 * VT_PAGE)

/* What the tests model; a byte takes a nanosecond. */
#define MBPS		"1000"
#define LATENCY		10000
#define FAULT		30000
#define CPU_FAULT	7000
#define WORD		8

static const struct drm_vsvm_advice here = {
	.location = DRM_VSVM_LOCATION_HERE,
};

/* Sets a parameter: 0 or a negative errno. */
static int set(const char *name, const char *value)
{
	char path[80];
	int fd, ret = 0;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* True if a parameter reads as @value. */
static bool is(const char *name, const char *value)
{
	char path[80], text[32];
	ssize_t n;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	n = vt_file_read(path, text, sizeof(text));
	return n > 0 && text[n - 1] == '\n' && (size_t)n - 1 == strlen(value) &&
	       !strncmp(text, value, n - 1);
}

static void reset(void)
{
	set("link", "off");
	set("link_engines", "1");
}

/* The link of these tests, without faults. */
static int set_link(void)
{
	return set("link_mbps", MBPS) ?: set("link_ns", "10000");
}

/* The times from here on, and by how much one moved in file and device. */
#define START()								\
	ASSERT_EQ(0, vt_counters_look(self->v, &self->file, &self->device))

#define MOVED(name, by)							\
	vt_moved(self->v, &self->file, &self->device, "link-" name "-ns", by)

FIXTURE(link)
{
	struct vsvm *v;
	struct vt_counters file;
	struct vt_counters device;
	char *mem;
};

FIXTURE_SETUP(link)
{
	reset();
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, VT_SMALL, SEED,
				    false));
}

FIXTURE_TEARDOWN_PARENT(link)
{
	reset();
}

/* The bytes at the link's speed, and its latency once for 2 MiB. */
TEST_F(link, migrate_moves_small_pages)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	EXPECT_EQ(0, MOVED("to-device", LEN + LATENCY));
	/* What is there costs nothing. */
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	EXPECT_EQ(0, MOVED("to-device", VT_HUGE + 2 * LATENCY));
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("to-device", 2 * VT_HUGE + 3 * LATENCY));
	EXPECT_EQ(0, MOVED("home-explicit", 0));
	ASSERT_EQ(0, vt_to_system(self->v, mem, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("home-explicit", 2 * (VT_HUGE + LATENCY)));
	EXPECT_EQ(0, MOVED("to-device", 2 * VT_HUGE + 3 * LATENCY));
	EXPECT_EQ(0, MOVED("fault-to-device", 0));
	EXPECT_EQ(0, MOVED("home-cpu-fault", 0));
}

TEST_F(link, migrate_moves_huge_pages)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("to-device", 2 * (VT_HUGE + LATENCY)));
	ASSERT_EQ(0, vt_to_system(self->v, mem, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("home-explicit", 2 * (VT_HUGE + LATENCY)));
}

/* A backing that is handed over crosses a real link as any other page. */
TEST_F(link, handover_costs_the_same)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);
	int ret;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	START();
	ASSERT_EQ(0, set("copy_engine", "handover"));
	ret = vt_to_system(self->v, mem, VT_HUGE);
	ASSERT_EQ(0, set("copy_engine", "copy"));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, MOVED("home-explicit", VT_HUGE + LATENCY));
}

/* Nanoseconds are rounded down for a call, not for each of its parts. */
TEST_F(link, calls_are_rounded_as_a_whole)
{
	ASSERT_EQ(0, set("link_mbps", "3000"));
	START();
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_PAGE));
	EXPECT_EQ(0, MOVED("to-device", VT_PAGE / 3));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem + VT_PAGE, 3 * VT_PAGE));
	EXPECT_EQ(0, MOVED("to-device", VT_PAGE / 3 + VT_PAGE));
}

/* The latencies of a call's transfers overlap, its bytes share the link. */
TEST_F(link, engines_share_a_call)
{
	char *mem = vt_map_filled(self->v, 4 * VT_HUGE, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_engines", "3"));
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem, 4 * VT_HUGE));
	EXPECT_EQ(0, MOVED("to-device", 4 * VT_HUGE + 2 * LATENCY));
	ASSERT_EQ(0, set("link_engines", "4"));
	ASSERT_EQ(0, vt_to_system(self->v, mem, 4 * VT_HUGE));
	EXPECT_EQ(0, MOVED("home-explicit", 4 * VT_HUGE + LATENCY));
}

/* A PREFETCH has its parts done by several threads, and is one call. */
TEST_F(link, engines_share_a_prefetch)
{
	char *mem = vt_map_filled(self->v, 20 * VT_HUGE, VT_SMALL, SEED);
	struct vt_queue q;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_engines", "3"));
	START();
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_prefetch(mem, 20 * VT_HUGE,
						     DRM_VSVM_TARGET_DEVICE)));
	EXPECT_EQ(0, MOVED("to-device", 20 * VT_HUGE + 7 * LATENCY));
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_prefetch(mem, 20 * VT_HUGE,
						     DRM_VSVM_TARGET_SYSTEM)));
	EXPECT_EQ(0, MOVED("home-explicit", 20 * VT_HUGE + 7 * LATENCY));
}

/* No bytes cross the link for what was never written, or is not needed any more. */
TEST_F(link, pages_without_contents_are_free)
{
	struct drm_vsvm_discard result;
	struct drm_vsvm_migrate m;
	char *mem = vt_map(VT_HUGE, VT_SMALL);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_migrate(self->v, mem, LEN, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &m));
	ASSERT_EQ(LEN, m.moved);
	EXPECT_EQ(0, MOVED("to-device", 0));
	ASSERT_EQ(0, vsvm_discard(self->v, mem, 2 * VT_PAGE, &result));
	ASSERT_EQ(0, vt_to_system(self->v, mem, LEN));
	EXPECT_EQ(0, MOVED("home-explicit", LEN - 2 * VT_PAGE + LATENCY));
}

/* A fault of the device costs its latency, and what is found in its table nothing. */
TEST_F(link, device_faults)
{
	ASSERT_EQ(0, set("link_fault_ns", "30000"));
	START();
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("device-fault", FAULT));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("device-fault", FAULT));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem + LEN, LEN, SEED, LEN));
	EXPECT_EQ(0, MOVED("device-fault", 2 * FAULT));
	EXPECT_EQ(0, MOVED("remote", 0));
	EXPECT_EQ(0, MOVED("cpu-fault", 0));
}

/* READ and WRITE in place: the bytes that were done, and the latency once for a call. */
TEST_F(link, accesses_in_place)
{
	char buf[2 * VT_PAGE];
	uint64_t old;

	memset(buf, 1, sizeof(buf));
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vsvm_read(self->v, self->mem + 5, buf, 100, NULL));
	EXPECT_EQ(0, MOVED("remote", 100 + LATENCY));
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, buf, VT_PAGE + 1, NULL));
	EXPECT_EQ(0, MOVED("remote", 101 + VT_PAGE + 2 * LATENCY));
	ASSERT_EQ(0, vsvm_atomic(self->v, self->mem, 8, DRM_VSVM_ATOMIC_ADD, 1, 0,
				 &old));
	EXPECT_EQ(0, MOVED("remote", 109 + VT_PAGE + 3 * LATENCY));
	ASSERT_EQ(0, munmap(self->mem + 4 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(-EFAULT, vsvm_write(self->v, self->mem + 3 * VT_PAGE, buf,
				      2 * VT_PAGE, NULL));
	EXPECT_EQ(0, MOVED("remote", 109 + 2 * VT_PAGE + 4 * LATENCY));
	EXPECT_EQ(0, MOVED("local", 0));
}

/* The device's own memory has a speed and no latency. */
TEST_F(link, accesses_on_the_device)
{
	char buf[LEN];

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vsvm_read(self->v, self->mem, buf, LEN, NULL));
	EXPECT_EQ(0, MOVED("local", 0));
	ASSERT_EQ(0, set("local_mbps", "2000"));
	ASSERT_EQ(0, vsvm_read(self->v, self->mem, buf, LEN, NULL));
	EXPECT_EQ(0, MOVED("local", LEN / 2));
	EXPECT_EQ(0, MOVED("remote", 0));
	/* Half of it is there, and half is not. */
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN / 2));
	ASSERT_EQ(0, vsvm_write(self->v, self->mem, buf, LEN, NULL));
	EXPECT_EQ(0, MOVED("local", LEN / 2 + LEN / 4));
	EXPECT_EQ(0, MOVED("remote", LEN / 2 + LATENCY));
}

/* Both sides of a copy cost, and a command has the latency once. */
TEST_F(link, commands)
{
	char *mem = self->mem;
	uint64_t *result = (uint64_t *)(mem + VT_HUGE - VT_PAGE);
	struct vt_queue q;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("local_mbps", "2000"));
	START();
	/* The fence. */
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_barrier()));
	EXPECT_EQ(0, MOVED("remote", WORD + LATENCY));
	START();
	ASSERT_EQ(0, vt_copy(&q, mem + LEN, mem, LEN));
	EXPECT_EQ(0, MOVED("local", LEN / 2));
	EXPECT_EQ(0, MOVED("remote", LEN + LATENCY + WORD + LATENCY));
	START();
	ASSERT_EQ(0, vt_copy(&q, mem + 3 * LEN + 3, mem + LEN, LEN));
	EXPECT_EQ(0, MOVED("remote", 2 * LEN + LATENCY + WORD + LATENCY));
	START();
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_fill(mem + VT_HUGE / 2, 3 * VT_PAGE, 1, 1)));
	EXPECT_EQ(0, MOVED("remote", 3 * VT_PAGE + LATENCY + WORD + LATENCY));
	START();
	/* The word is on the device, the result is not. */
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_atomic(mem, 8, DRM_VSVM_ATOMIC_ADD, 1, 0,
						   result)));
	EXPECT_EQ(0, MOVED("remote", WORD + LATENCY + WORD + LATENCY));
	EXPECT_EQ(0, MOVED("local", WORD / 2));
}

/* However often the device looks at a word, that is no access but the last. */
TEST_F(link, a_wait_costs_one_look)
{
	uint64_t *word = (uint64_t *)self->mem;
	struct vt_queue q;

	*word = 0;
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_wait(word, 1, ~0ULL, DRM_VSVM_WAIT_EQ)));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_WAITING));
	EXPECT_EQ(0, MOVED("remote", 0));
	usleep(100000);
	vt_store(word, 1);
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_barrier()));
	EXPECT_EQ(0, MOVED("remote", 2 * (WORD + LATENCY)));
}

#define ARGS	8	/* and behind them the result */

/* Loads, stores and atomic operations of a program; its instructions are free. */
TEST_F(link, programs)
{
	uint32_t *code = vt_map(VT_HUGE, VT_SMALL);
	uint64_t *args = vt_map(VT_PAGE, VT_SMALL);
	char *mem = self->mem;
	struct vt_queue q;
	static const uint32_t program[] = {
		LOAD(LD, A2, A0), STORE(SD, A2, A1), LOAD(0, A2, A0),
		AMO(0, 3, A2, A1, A0), ECALL,
	};

	ASSERT_NE(NULL, code);
	ASSERT_NE(NULL, args);
	memcpy(code, program, sizeof(program));
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("local_mbps", "1000"));
	/* The second address is of two pages. */
	args[0] = (uintptr_t)mem;
	args[1] = (uintptr_t)(mem + 2 * VT_PAGE - 4);
	args[ARGS] = 0;
	START();
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_run(code, mem + VT_HUGE, args, 100,
						&args[ARGS])));
	EXPECT_EQ(0, MOVED("remote", (ARGS + 1) * WORD + 3 * WORD + 1 + LATENCY +
			   WORD + LATENCY));
	EXPECT_EQ(0, MOVED("local", 0));
	/* The same on the device, but for the second half of the word that is stored. */
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_PAGE));
	START();
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_run(code, mem + VT_HUGE, args, 100,
						&args[ARGS])));
	EXPECT_EQ(0, MOVED("remote", (ARGS + 1) * WORD + WORD / 2 + LATENCY + WORD +
			   LATENCY));
	EXPECT_EQ(0, MOVED("local", 2 * WORD + WORD / 2 + 1));
}

/* What the CPU touches comes home with a window. */
TEST_F(link, cpu_fault_on_small_pages)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, 2 * LEN));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_cpu_fault_ns", "7000"));
	START();
	ASSERT_EQ(0, vt_check(self->mem + VT_PAGE, 1, SEED, VT_PAGE));
	EXPECT_EQ(0, MOVED("home-cpu-fault", LEN + LATENCY));
	EXPECT_EQ(0, MOVED("cpu-fault", CPU_FAULT));
	ASSERT_EQ(0, vt_check(self->mem, 2 * LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("home-cpu-fault", 2 * (LEN + LATENCY)));
	EXPECT_EQ(0, MOVED("cpu-fault", 2 * CPU_FAULT));
	EXPECT_EQ(0, MOVED("home-explicit", 0));
	EXPECT_EQ(0, MOVED("device-fault", 0));
}

TEST_F(link, cpu_fault_on_a_huge_page)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_cpu_fault_ns", "7000"));
	START();
	ASSERT_EQ(0, vt_check(mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, MOVED("home-cpu-fault", VT_HUGE + LATENCY));
	EXPECT_EQ(0, MOVED("cpu-fault", CPU_FAULT));
}

/* What the device lacks and moves: the fault, and the transfer. */
TEST_F(link, moves_on_a_device_fault)
{
	char byte;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, VT_HUGE,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_fault_ns", "30000"));
	START();
	ASSERT_EQ(0, vsvm_read(self->v, self->mem, &byte, 1, NULL));
	EXPECT_EQ(0, MOVED("fault-to-device", LEN + LATENCY));
	EXPECT_EQ(0, MOVED("device-fault", FAULT));
	EXPECT_EQ(0, MOVED("to-device", 0));
	EXPECT_EQ(0, MOVED("remote", 0));
}

/* A page that comes home so that the device may write it. */
TEST_F(link, device_breaks_cow)
{
	char *mem = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	pid_t pid;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_PAGE));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_cpu_fault_ns", "7000"));
	START();
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, vt_dev_fill(self->v, mem, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, MOVED("home-device-fault", VT_PAGE + LATENCY));
	EXPECT_EQ(0, MOVED("remote", VT_PAGE + LATENCY));
	EXPECT_EQ(0, MOVED("cpu-fault", 0));
}

/* Memory of another device is used over the link, and moves over it. */
TEST_F(link, memory_of_a_peer)
{
	struct vsvm *peer;

	ASSERT_EQ(0, vsvm_open(1, &peer));
	ASSERT_EQ(0, vt_to_device(peer, self->mem, LEN));
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, MOVED("remote", LEN + LATENCY));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, MOVED("to-device", LEN + LATENCY));
	vsvm_close(peer);
}

/* Another file of the process, and another process, have their own; a device has all. */
TEST_F(link, files_have_their_own)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct vt_counters file, device, other;
	struct vsvm *v;
	pid_t pid;
	int status;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, set_link());
	START();
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(v, mem, 2 * VT_PAGE));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct vsvm *child;
		char *page = vt_map(VT_PAGE, VT_SMALL);

		memset(page, 1, VT_PAGE);
		_exit(vsvm_open(0, &child) || vt_to_device(child, page, VT_PAGE));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, vt_counters_look(v, &other, &device));
	ASSERT_EQ(0, vt_counters_look(self->v, &file, &device));
	EXPECT_EQ(LEN + LATENCY, vt_counter(&file, "link-to-device-ns") -
		  vt_counter(&self->file, "link-to-device-ns"));
	EXPECT_EQ(2 * VT_PAGE + LATENCY, vt_counter(&other, "link-to-device-ns"));
	EXPECT_EQ(LEN + 3 * VT_PAGE + 3 * LATENCY,
		  vt_counter(&device, "link-to-device-ns") -
		  vt_counter(&self->device, "link-to-device-ns"));
	vsvm_close(v);
}

/* "vsvm top" has the times of each process. */
TEST_F(link, top_shows_it)
{
	char pid[32], *row, *sum;

	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_command("vsvm top --once --json"));
	snprintf(pid, sizeof(pid), "\"pid\": %d,", getpid());
	row = strstr(vt_said, pid);
	ASSERT_NE(NULL, row);
	sum = strstr(row, "\"link_to_device_ns\": ");
	ASSERT_NE(NULL, sum);
	EXPECT_EQ(VT_HUGE + LATENCY, strtoul(strchr(sum, ':') + 1, NULL, 10));
	ASSERT_EQ(0, vt_command("vsvm top --once"));
	snprintf(pid, sizeof(pid), "%7d   0", getpid());
	row = strstr(vt_said, pid);
	ASSERT_NE(NULL, row);
	row[strcspn(row, "\n")] = '\0';
	EXPECT_NE(NULL, strstr(row, " 0.00 s  "));
}

/* Without a link, which is the default, nothing costs anything. */
TEST_F(link, off_is_free)
{
	struct vt_counters file, device;
	int i, times = 0;

	ASSERT_EQ(0, set("link", "pcie4"));
	ASSERT_EQ(0, set("link", "off"));
	START();
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_counters_look(self->v, &file, &device));
	for (i = 0; i < device.nr; i++) {
		if (strncmp(device.all[i].name, "link-", 5))
			continue;
		times++;
		EXPECT_EQ(vt_counter(&self->device, device.all[i].name),
			  device.all[i].value);
		EXPECT_EQ(0, vt_counter(&file, device.all[i].name));
	}
	EXPECT_EQ(10, times);
}

static const struct preset {
	const char *name;
	const char *mbps;
	const char *ns;
	const char *fault_ns;
	const char *cpu_fault_ns;
	const char *local_mbps;
} presets[] = {
	{ "pcie3", "12500", "1000", "30000", "10000", "900000" },
	{ "pcie4", "25000", "1000", "30000", "10000", "1555000" },
	{ "pcie5", "55000", "1000", "30000", "10000", "2000000" },
	{ "nvlink-c2c", "336000", "500", "30000", "10000", "4000000" },
	{ "cxl", "55000", "300", "30000", "10000", "2000000" },
};

/* A name sets all numbers, and is what they are called until one changes. */
TEST_F(link, names)
{
	size_t i;

	EXPECT_TRUE(is("link", "off"));
	for (i = 0; i < VT_COUNT(presets); i++) {
		ASSERT_EQ(0, set("link", presets[i].name));
		EXPECT_TRUE(is("link", presets[i].name));
		EXPECT_TRUE(is("link_mbps", presets[i].mbps));
		EXPECT_TRUE(is("link_ns", presets[i].ns));
		EXPECT_TRUE(is("link_fault_ns", presets[i].fault_ns));
		EXPECT_TRUE(is("link_cpu_fault_ns", presets[i].cpu_fault_ns));
		EXPECT_TRUE(is("local_mbps", presets[i].local_mbps));
	}
	ASSERT_EQ(0, set("link_ns", "1"));
	EXPECT_TRUE(is("link", "custom"));
	ASSERT_EQ(0, set("link", "off"));
	EXPECT_TRUE(is("link", "off"));
	EXPECT_TRUE(is("link_mbps", "0"));
	EXPECT_TRUE(is("link_engines", "1"));
}

/* What is no name or number is refused, and changes nothing. */
TEST_F(link, bad_values)
{
	static const char *const numbers[] = {
		"link_mbps", "link_ns", "link_fault_ns", "link_cpu_fault_ns",
		"local_mbps", "link_engines",
	};
	size_t i;

	ASSERT_EQ(0, set("link", "pcie4"));
	EXPECT_EQ(-EINVAL, set("link", "pcie2"));
	EXPECT_EQ(-EINVAL, set("link", "custom"));
	EXPECT_EQ(-EINVAL, set("link", "pcie44"));
	for (i = 0; i < VT_COUNT(numbers); i++) {
		EXPECT_EQ(-EINVAL, set(numbers[i], "-1"));
		EXPECT_EQ(-EINVAL, set(numbers[i], "fast"));
		EXPECT_EQ(-EINVAL, set(numbers[i], "1.5"));
		EXPECT_EQ(-EINVAL, set(numbers[i], "4294967296"));
	}
	EXPECT_EQ(-EINVAL, set("link_mbps", "10000001"));
	EXPECT_EQ(-EINVAL, set("local_mbps", "10000001"));
	EXPECT_EQ(-EINVAL, set("link_ns", "1000000001"));
	EXPECT_EQ(-EINVAL, set("link_fault_ns", "1000000001"));
	EXPECT_EQ(-EINVAL, set("link_cpu_fault_ns", "1000000001"));
	EXPECT_EQ(-EINVAL, set("link_engines", "0"));
	EXPECT_EQ(-EINVAL, set("link_engines", "65"));
	EXPECT_TRUE(is("link", "pcie4"));
	EXPECT_TRUE(is("link_engines", "1"));
	ASSERT_EQ(0, set("link_mbps", "10000000"));
	ASSERT_EQ(0, set("link_ns", "1000000000"));
	ASSERT_EQ(0, set("link_engines", "64"));
}

/* The CPU and the device write the piece in turns: how many pages moved for it, or -1. */
static long take_turns(struct vsvm *v, char *mem, unsigned int turns)
{
	long before = vt_file_counter(v, "fault-to-device-pages");
	unsigned int i;
	char byte = 1;

	for (i = 0; i < turns; i++) {
		((volatile char *)mem)[0] = i;
		if (VT_BAD(vsvm_write(v, mem + 1, &byte, 1, NULL)))
			return -1;
	}
	return vt_file_counter(v, "fault-to-device-pages") - before;
}

/* Takes the piece's entries away from the device: it will lack them again. */
static int lacks(char *mem)
{
	return mprotect(mem, LEN, PROT_READ) ||
	       mprotect(mem, LEN, PROT_READ | PROT_WRITE);
}

/*
 * Policy measures by virtual time: a piece rests for so many times the time that its move
 * took, however long the process sleeps meanwhile, and however fast it is.
 */
TEST_F_TIMEOUT(link, policy_has_virtual_time, VT_LONG)
{
	/* Of a move with its fault, and of a read in place. */
	const uint64_t cost = FAULT + LEN + LATENCY, read = LEN + LATENCY;
	char *mem = self->mem, buf[LEN];
	uint64_t rest;

	ASSERT_EQ(0, vsvm_advise(self->v, mem, LEN, DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_fault_ns", "30000"));
	/* It comes back three times, and the fourth move does not take place. */
	EXPECT_EQ(3 * LEN / VT_PAGE, take_turns(self->v, mem, 8));
	EXPECT_EQ(1, vt_file_counter(self->v, "thrashes"));
	/* The longest rest, on a clock of the machine. */
	usleep(1100000);
	ASSERT_EQ(0, lacks(mem));
	EXPECT_EQ(0, take_turns(self->v, mem, 1));
	for (rest = 0; rest < 1024 * cost; rest += read)
		ASSERT_EQ(0, vsvm_read(self->v, mem, buf, LEN, NULL));
	ASSERT_EQ(0, lacks(mem));
	EXPECT_EQ(LEN / VT_PAGE, take_turns(self->v, mem, 1));
	EXPECT_EQ(1, vt_file_counter(self->v, "thrashes"));
}

/* When the model is switched off or on, what was noted by the other clock is forgotten. */
TEST_F(link, policy_forgets_the_other_clock)
{
	char *mem = self->mem;

	ASSERT_EQ(0, vsvm_advise(self->v, mem, LEN, DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, set_link());
	EXPECT_EQ(3 * LEN / VT_PAGE, take_turns(self->v, mem, 8));
	ASSERT_EQ(0, set("link", "off"));
	ASSERT_EQ(0, lacks(mem));
	EXPECT_EQ(LEN / VT_PAGE, take_turns(self->v, mem, 1));
	ASSERT_EQ(0, set_link());
	EXPECT_EQ(LEN / VT_PAGE, take_turns(self->v, mem, 1));
}

FIXTURE(small_device)
{
	struct vsvm *v;
	struct vt_module module;
	struct vt_counters file;
	struct vt_counters device;
};

FIXTURE_SETUP(small_device)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(1, 4));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

/* A module that is loaded anew models no link. */
VT_TEARDOWN_RESTORE(small_device)

/* Blocks that make room go home one by one. */
TEST_F_TIMEOUT(small_device, evictions, VT_LONG)
{
	char *mem = vt_map_filled(self->v, 4 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	ASSERT_EQ(0, set_link());
	ASSERT_EQ(0, set("link_cpu_fault_ns", "7000"));
	START();
	ASSERT_EQ(0, vt_to_device(self->v, mem + 2 * VT_HUGE, 2 * VT_HUGE));
	EXPECT_EQ(0, MOVED("home-eviction", 2 * (VT_HUGE + LATENCY)));
	EXPECT_EQ(0, MOVED("to-device", 2 * (VT_HUGE + LATENCY)));
	EXPECT_EQ(0, MOVED("cpu-fault", 0));
}

#define BENCH	"vsvm bench --table link --factor 1.5 --workload stream"

/*
 * Ways to move memory have the same virtual times in each run, also while other processes
 * use all processors.
 */
TEST_F_TIMEOUT(small_device, bench_is_the_same_under_load, 2 * VT_LONG)
{
	static char idle[sizeof(vt_said)];
	pid_t spins[2];
	const char *line;
	unsigned int i, lines = 0;
	int status;

	ASSERT_EQ(0, vt_command(BENCH));
	memcpy(idle, vt_said, sizeof(idle));
	for (line = idle; line; line = vt_next_line(line))
		lines++;
	/* A head, and a workload in five ways under three links. */
	EXPECT_EQ(16, lines);
	for (i = 0; i < VT_COUNT(spins); i++) {
		spins[i] = fork();
		ASSERT_LE(0, spins[i]);
		while (!spins[i])
			;
	}
	status = vt_command(BENCH);
	for (i = 0; i < VT_COUNT(spins); i++) {
		kill(spins[i], SIGKILL);
		waitpid(spins[i], NULL, 0);
	}
	ASSERT_EQ(0, status);
	EXPECT_STREQ(idle, vt_said);
	EXPECT_TRUE(is("link", "off"));
}

TEST_HARNESS_MAIN
