// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the selftests do to the host, see vt_host.h. What outlives a process
 * (disks, swap, cgroups) is for the caller to take away.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vt.h"
#include "vt_host.h"

#define ZRAM_CONTROL	"/sys/class/zram-control/"

bool vt_patched(void)
{
	char line[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, line, sizeof(line) - 1) < 0)
		line[0] = 0;
	close(fd);
	return strstr(line, "guest.patched");
}

int vt_stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return vt_wrong("sched_setaffinity to %u: %s", cpu,
				strerror(errno));
	return 0;
}

int vt_zram_make(struct vt_zram *z, size_t size)
{
	char path[64];

	if (access(ZRAM_CONTROL, F_OK) && system("modprobe zram"))
		return vt_wrong("no zram");
	z->swap = false;
	z->id = vt_file_get(ZRAM_CONTROL "hot_add");
	if (z->id < 0)
		return vt_wrong("no zram disk");
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", z->id);
	return vt_file_set(path, size);
}

int vt_zram_open(const struct vt_zram *z, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/zram%d", z->id);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		vt_wrong("%s: %s", path, strerror(errno));
	return fd;
}

int vt_swap_on(struct vt_zram *z, size_t size)
{
	char command[64], path[32];

	if (vt_zram_make(z, size))
		return -1;
	snprintf(path, sizeof(path), "/dev/zram%d", z->id);
	snprintf(command, sizeof(command), "mkswap %s >/dev/null", path);
	if (system(command))
		return vt_wrong("failed: %s", command);
	if (swapon(path, 0))
		return vt_wrong("swapon: %s", strerror(errno));
	z->swap = true;
	return 0;
}

/* udev has a disk open while it looks at it, and then nobody can reset that. */
static void wait_for_udev(void)
{
	if (!access("/run/udev/control", F_OK) && system("udevadm settle"))
		vt_wrong("udevadm settle failed");
}

int vt_zram_gone(struct vt_zram *z)
{
	char path[64];

	if (z->id < 0)
		return 0;
	snprintf(path, sizeof(path), "/dev/zram%d", z->id);
	if (z->swap && swapoff(path))
		return vt_wrong("swapoff: %s", strerror(errno));
	wait_for_udev();
	snprintf(path, sizeof(path), "/sys/block/zram%d/reset", z->id);
	if (vt_file_set(path, 1) || vt_file_set(ZRAM_CONTROL "hot_remove", z->id))
		return -1;
	z->id = -1;
	return 0;
}

uint64_t vt_pagemap(const void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (uintptr_t)page / VT_PAGE * 8;
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, at) != 8)
		vt_wrong("pagemap: %s", strerror(errno));
	close(fd);
	return entry;
}

int vt_page_out(void *mem, size_t len)
{
	const char *at, *end = (char *)mem + len;
	int tries;

	/*
	 * Pages in a batch of another processor are passed over. To drop caches
	 * begins with a look of all of them at their batches.
	 */
	for (tries = 0; tries < 1000; tries++) {
		if (tries && vt_file_write("/proc/sys/vm/drop_caches", "1"))
			return -1;
		if (madvise(mem, len, MADV_PAGEOUT))
			return vt_wrong("pageout: %s", strerror(errno));
		for (at = mem; at < end; at += VT_PAGE)
			if (!(vt_pagemap(at) & VT_PM_SWAP))
				break;
		if (at == end)
			return 0;
		usleep(20000);
	}
	return vt_wrong("page at +%#zx is not swapped out", at - (char *)mem);
}

long vt_smaps(const void *mem, size_t len, const char *field)
{
	unsigned long start = 0, end = 0, from = (uintptr_t)mem, a, b;
	long sum = -1, kib;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/smaps", "re");
	if (!f)
		return vt_wrong("/proc/self/smaps: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &a, &b) == 2) {
			start = a;
			end = b;
		}
		if (start >= from + len || end <= from ||
		    strncmp(line, field, strlen(field)) ||
		    sscanf(line + strlen(field), "%ld", &kib) != 1)
			continue;
		sum = (sum < 0 ? 0 : sum) + kib * 1024;
	}
	fclose(f);
	if (sum < 0)
		vt_wrong("smaps has no %s at %p", field, mem);
	return sum;
}

int vt_cgroup_make(void)
{
	if (vt_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"))
		return -1;
	if (mkdir(VT_CGROUP, 0755) && errno != EEXIST)
		return vt_wrong("mkdir: %s", strerror(errno));
	return 0;
}

int vt_cgroup_enter(void)
{
	return vt_file_write(VT_CGROUP "/cgroup.procs", "0");
}

void vt_cgroup_gone(void)
{
	int i;

	for (i = 0; i < 3000 && rmdir(VT_CGROUP) && errno == EBUSY; i++)
		usleep(20000);
}

long vt_cgroup_current(void)
{
	/* What processors have at hand stays charged until it is drained. */
	vt_file_set("/proc/sys/vm/drop_caches", 1);
	return vt_file_get(VT_CGROUP "/memory.current");
}

long vt_cgroup_key(const char *file, const char *key)
{
	char path[128], name[64];
	long value, found = -1;
	FILE *f;

	snprintf(path, sizeof(path), VT_CGROUP "/%s", file);
	f = fopen(path, "re");
	if (!f)
		return vt_wrong("%s: %s", path, strerror(errno));
	while (fscanf(f, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, key))
			found = value;
	fclose(f);
	return found < 0 ? vt_wrong("%s has no %s", path, key) : found;
}

int vt_oom_begin(void)
{
	/* The worst two levels still show. */
	if (klogctl(KLOG_CONSOLE_LEVEL, NULL, 2) < 0)
		return vt_wrong("klogctl: %s", strerror(errno));
	return 0;
}

int vt_oom_end(void)
{
	static const char * const bad[] = {
		"WARNING:", "BUG:", "BUG at", "Oops", "KASAN:", "UBSAN:",
		"refcount_t:", "Bad page", "Bad rss",
		"list_add corruption", "list_del corruption",
		"INFO: possible", "suspicious RCU",
	};
	char *log = malloc(VT_MIB), *line, *rest;
	bool report = false;
	size_t i;
	int n, ret = 0;

	klogctl(KLOG_CONSOLE_LEVEL, NULL, 7);
	n = log ? klogctl(KLOG_READ_ALL, log, VT_MIB - 1) : -1;
	if (n < 0)
		return vt_wrong("klogctl: %s", strerror(errno));
	log[n] = 0;
	for (line = strtok_r(log, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		/* The reaper waits a second for a process that is slow to end. */
		if (strstr(line, "invoked oom-killer") ||
		    strstr(line, "oom_reaper: unable to reap"))
			report = true;
		/* A stack is part of the report, and of nothing else here. */
		if (strstr(line, "Call Trace:") && !report)
			ret = vt_wrong("%s", line);
		if (strstr(line, "out of memory: Killed"))
			report = false;
		for (i = 0; i < VT_COUNT(bad); i++)
			if (strstr(line, bad[i]))
				ret = vt_wrong("%s", line);
	}
	free(log);
	if (!ret)
		klogctl(KLOG_CLEAR, NULL, 0);
	return ret;
}

int vt_run_program(const char *const *argv)
{
	char path[PATH_MAX], program[PATH_MAX + NAME_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int status;
	pid_t pid;

	if (n < 0)
		return vt_wrong("/proc/self/exe: %s", strerror(errno));
	path[n] = 0;
	snprintf(program, sizeof(program), "%s/%s", dirname(path), argv[0]);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execv(program, (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return vt_wrong("%s: %s", program, strerror(errno));
	return status;
}

#define KSM		"/sys/kernel/mm/ksm/"
#define KSM_LEN		(64 * VT_PAGE)

/* Has ksmd merge all of @mem, and stop. */
static int ksm_merge(char *mem)
{
	const long pages = KSM_LEN / VT_PAGE;
	int i;

	memset(mem, VT_KSM_BYTE, KSM_LEN);
	if (madvise(mem, KSM_LEN, MADV_MERGEABLE) ||
	    vt_file_set(KSM "sleep_millisecs", 1) ||
	    vt_file_set(KSM "pages_to_scan", 10000) ||
	    vt_file_set(KSM "run", 1))
		return vt_wrong("ksm: %s", strerror(errno));
	for (i = 0; i < 300; i++) {
		if (vt_file_get("/proc/self/ksm_merging_pages") >= pages)
			return vt_file_set(KSM "run", 0);
		usleep(100000);
	}
	return vt_wrong("ksmd merges nothing");
}

/* Has ksmd note that @parent is dead, and then look at one page, no more. */
static int ksm_forget(pid_t parent)
{
	long was = vt_file_get(KSM "pages_sharing");
	int i;

	for (i = 0; i < 300 && !kill(parent, 0); i++)
		usleep(20000);
	if (vt_file_set(KSM "pages_to_scan", 1) ||
	    vt_file_set(KSM "sleep_millisecs", 600000) ||
	    vt_file_set(KSM "run", 1))
		return vt_wrong("ksm: %s", strerror(errno));
	for (i = 0; i < 300 && vt_file_get(KSM "pages_sharing") == was; i++)
		usleep(20000);
	if (vt_file_set(KSM "run", 0) ||
	    vt_file_get(KSM "pages_sharing") == was)
		return vt_wrong("ksmd does not look");
	return 0;
}

/* The parent, and its child, which says in @out what came of it. */
static void ksm_parent(int (*work)(char *mem, size_t len), int out)
{
	char *mem = vt_map(KSM_LEN, VT_SMALL);
	pid_t self = getpid();
	int result;

	if (!mem || ksm_merge(mem))
		_exit(1);
	if (fork())
		_exit(0);
	alarm(60);
	if (ksm_forget(self))
		_exit(1);
	/* The first page is the one that ksmd looked at. */
	result = work(mem + VT_PAGE, KSM_LEN - VT_PAGE);
	_exit(write(out, &result, sizeof(result)) != sizeof(result));
}

int vt_ksm_orphan(int (*work)(char *mem, size_t len))
{
	int end[2], result = -1;
	pid_t pid;

	if (pipe(end))
		return vt_wrong("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(end[0]);
		ksm_parent(work, end[1]);
	}
	close(end[1]);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		vt_wrong("fork: %s", strerror(errno));
	else if (read(end[0], &result, sizeof(result)) != sizeof(result))
		result = vt_wrong("the orphan said nothing");
	close(end[0]);
	return result;
}
