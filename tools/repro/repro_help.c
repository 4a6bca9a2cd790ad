// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the programs of the corpus share: memory, device, failpoints, threads, and the two
 * modules that do what vsvm does not. Owns nothing that outlives the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <drm/vsvm_inject.h>

#include "repro.h"

#define ASK		"/sys/kernel/debug/askcore/"
#define DMIRROR		"/dev/hmm_dmirror0"
#define HUGE_ORDER	9
#define PM_SWAP		(1ULL << 62)
#define PAUSE_MS	50000

/* struct hmm_dmirror_cmd of lib/test_hmm_uapi.h. */
struct dmirror_cmd {
	uint64_t addr;
	uint64_t ptr;
	uint64_t npages;
	uint64_t cpages;
	uint64_t faults;
};

char *rp_map(size_t len, bool huge)
{
	size_t room = len + 2 * RP_HUGE;
	char *all, *mem;

	all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		repro_unknown("mmap: %s", strerror(errno));
	mem = (char *)(((uintptr_t)all + RP_HUGE) & -RP_HUGE);
	if (mprotect(mem, len, PROT_READ | PROT_WRITE) ||
	    madvise(mem, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		repro_unknown("madvise: %s", strerror(errno));
	return mem;
}

char *rp_map_filled(size_t len, bool huge, unsigned char byte)
{
	char *mem = rp_map(len, huge);

	memset(mem, byte, len);
	return mem;
}

bool rp_is(const char *mem, size_t len, unsigned char byte)
{
	const volatile unsigned char *at = (const volatile unsigned char *)mem;
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i] != byte)
			return false;
	return true;
}

struct vsvm *rp_open(void)
{
	struct vsvm *v;
	int ret = vsvm_open(0, &v);

	if (ret == -ENODEV)
		repro_unknown("there is no vsvm device (is the module loaded?)");
	if (ret)
		repro_unknown("vsvm_open: %s", strerror(-ret));
	return v;
}

void rp_to_device(struct vsvm *v, void *mem, size_t len)
{
	struct drm_vsvm_migrate m;
	int ret = vsvm_migrate(v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, &m);

	if (ret)
		repro_unknown("vsvm_migrate: %s", strerror(-ret));
	if (m.moved != len)
		repro_unknown("%llu of %zu bytes went to the device",
			      (unsigned long long)m.moved, len);
}

void rp_to_device_huge(struct vsvm *v, void *mem, size_t len)
{
	struct drm_vsvm_run run;
	struct drm_vsvm_info info;
	uint32_t n = 1;

	if (vsvm_info(v, &info) || !info.huge_size)
		repro_unknown("this vsvm has no huge device pages, see huge_pages= of the module");
	rp_to_device(v, mem, len);
	if (vsvm_snapshot(v, mem, len, &run, &n, NULL) || n != 1 ||
	    (run.state & DRM_VSVM_STATE_ORDER) >> DRM_VSVM_STATE_ORDER_SHIFT !=
	    HUGE_ORDER)
		repro_unknown("the memory went to the device in small pages");
}

uint64_t rp_used(struct vsvm *v)
{
	struct drm_vsvm_info info;
	int ret = vsvm_info(v, &info);

	if (ret)
		repro_unknown("vsvm_info: %s", strerror(-ret));
	return info.vram_used;
}

uint64_t rp_pagemap(const void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (uintptr_t)page / RP_PAGE *
			    sizeof(entry)) != sizeof(entry))
		repro_unknown("/proc/self/pagemap: %s", strerror(errno));
	close(fd);
	return entry;
}

uint64_t rp_device_pfn(const void *page)
{
	uint64_t entry = rp_pagemap(page);
	uint64_t pfn = (entry & ((1ULL << 55) - 1)) >> 5;

	if (!(entry & PM_SWAP) || !pfn)
		repro_unknown("/proc/self/pagemap does not tell pfns, root may read them");
	return pfn;
}

uint64_t rp_pfn(const void *page)
{
	uint64_t frame = rp_pagemap(page) & ((1ULL << 55) - 1);

	repro_need(frame, "/proc/self/pagemap does not tell pfns, root may read them");
	return frame;
}

bool rp_kernel_has(const char *function)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", name) == 1 &&
			!strcmp(name, function);
	if (f)
		fclose(f);
	return found;
}

long rp_get(const char *path)
{
	char text[32], *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	long value;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	value = strtol(text, &end, 10);
	return end == text ? -1 : value;
}

int rp_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static void inject(struct vsvm *v, const char *point, struct drm_vsvm_inject *arg)
{
	int ret;

	snprintf(arg->name, sizeof(arg->name), "%s", point);
	do
		ret = ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_INJECT, arg);
	while (ret && errno == EINTR);
	if (ret && errno == EACCES)
		repro_unknown("failpoints are for root");
	if (ret && errno == EINVAL)
		repro_unknown("this vsvm has no failpoint %s", point);
	if (ret)
		repro_unknown("failpoint %s: %s", point, strerror(errno));
}

void rp_pause(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = {
		.op = DRM_VSVM_INJECT_PAUSE,
		.flags = DRM_VSVM_INJECT_FILE,
		.nth = 1,
		.times = 1,
		.timeout_ms = PAUSE_MS,
	};

	inject(v, point, &arg);
}

void rp_await(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = {
		.op = DRM_VSVM_INJECT_WAIT,
		.timeout_ms = PAUSE_MS,
	};

	inject(v, point, &arg);
}

void rp_resume(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = { .op = DRM_VSVM_INJECT_RESUME };

	inject(v, point, &arg);
}

unsigned long rp_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, fn, arg);

	if (ret)
		repro_unknown("pthread_create: %s", strerror(ret));
	return thread;
}

uint64_t rp_thread_used(unsigned long thread)
{
	struct timespec t;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &t))
		repro_unknown("the processor time of a thread: %s",
			      strerror(errno));
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void rp_join(unsigned long thread)
{
	pthread_join(thread, NULL);
}

int rp_wait(int child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		repro_unknown("wait: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

void rp_sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Runs modprobe, or what the tests have instead, which says nothing. True if it worked. */
static bool load(const char *module, const char *parameter)
{
	const char *modprobe = getenv("VSVM_MODPROBE") ?: "modprobe";
	int null, status;
	pid_t pid = fork();

	if (!pid) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 1);
		dup2(null, 2);
		execlp(modprobe, modprobe, module, parameter, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int rp_dmirror_open(void)
{
	int fd = open(DMIRROR, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && load("test_hmm", NULL))
		fd = open(DMIRROR, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		repro_unknown("test_hmm is for root");
	if (fd < 0)
		repro_unknown("there is no module test_hmm, or it does not load");
	return fd;
}

int rp_dmirror(int fd, enum rp_dmirror command, void *mem, size_t len, void *buf)
{
	struct dmirror_cmd cmd = {
		.addr = (uintptr_t)mem,
		.ptr = (uintptr_t)buf,
		.npages = len / RP_PAGE,
	};

	if (ioctl(fd, _IOWR('H', command, struct dmirror_cmd), &cmd))
		return -errno;
	return 0;
}

int rp_dmirror_fail_alloc(int fd, void *mem)
{
	/* The flags are in the number of pages. */
	return rp_dmirror(fd, RP_DMIRROR_FLAGS, mem,
			  RP_DMIRROR_FAIL_ALLOC * RP_PAGE, NULL);
}

void rp_askcore(uint64_t pfn)
{
	char like[32];

	snprintf(like, sizeof(like), "like=%llu", (unsigned long long)pfn);
	if (access(ASK, F_OK) && !load("askcore", like))
		repro_unknown("there is no module askcore, which vsvm's test machine has");
}

long rp_ask(const char *file)
{
	char path[64];
	long value;

	snprintf(path, sizeof(path), ASK "%s", file);
	value = rp_get(path);
	if (value < 0)
		repro_unknown("%s does not tell", path);
	return value;
}
