// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who must come to no harm, see hostile.h: processes of other users with memory
 * on the devices, one that only has memory, and the cgroups they are in. And a
 * look at the kernel's log.
 *
 * A victim owns its memory and knows every byte of it; no other process changes any.
 * A device may be unplugged under it, or be full; its bytes stay what they are.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "vt_host.h"

#define LEN		(2 * VT_HUGE)
#define PAGES		(LEN / VT_PAGE)
#define PAGE_WORDS	(VT_PAGE / 8)
#define BYSTANDER_LEN	(96 * VT_MIB)
#define OWNER(victim)	((victim) + 1)

static int fail(void)
{
	return -1;
}

/* One line about what is wrong; the value is -1. */
#define say(fmt, ...) \
	(fprintf(stderr, "hostile: " fmt "\n", ##__VA_ARGS__), fail())

/* A victim's memory, as it has to be: each page's version, and whose it was. */
struct victim {
	unsigned int number;
	uint32_t owner;
	struct storm_dice dice;
	int fd[HOSTILE_DEVICES];
	char *mem;
	char *buf;
	uint32_t version[PAGES];
	uint32_t of[PAGES];
};

static const struct {
	const char *name;
	enum vt_kind kind;
	bool shared;		/* by a fork, of memory on the device */
	bool stays;		/* in system memory */
} kinds[HOSTILE_VICTIMS] = {
	{ "small pages", VT_SMALL, false, false },
	{ "huge pages", VT_LARGE, false, false },
	{ "shared by fork", VT_LARGE, true, false },
	{ "system memory", VT_SMALL, false, true },
};

static void check_page(struct victim *v, unsigned int page, const char *bytes,
		       const char *how)
{
	uint64_t want, is;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++) {
		want = hostile_word(v->of[page], page * PAGE_WORDS + i,
				    v->version[page]);
		memcpy(&is, bytes + i * 8, 8);
		if (is == want)
			continue;
		hostile_found("%s: word %u of page %p is %#llx, should be %#llx: %s",
			      how, i, v->mem + page * VT_PAGE,
			      (unsigned long long)is, (unsigned long long)want,
			      hostile_whose(is));
		return;
	}
}

static int victim_fd(struct victim *v)
{
	unsigned int d = storm_draw(&v->dice, hostile->devices);

	if (v->fd[d] < 0)
		v->fd[d] = hostile_open(d);
	return v->fd[d];
}

/* 0, or it did not happen: the device went away, or memory is short. */
static int victim_call(struct victim *v, int fd, unsigned long request,
		       void *arg, const char *what)
{
	int ret = fd < 0 ? -ENODEV : vt_ioctl(fd, request, arg);
	unsigned int d;

	for (d = 0; d < hostile->devices; d++) {
		if (ret != -ENODEV || v->fd[d] != fd || fd < 0)
			continue;
		close(fd);
		v->fd[d] = -1;
	}
	if (ret && ret != -ENODEV && ret != -ENOMEM && ret != -EBUSY)
		hostile_found("%s: %s", what, strerror(-ret));
	return ret;
}

static void step_device(struct victim *v, bool write)
{
	unsigned int page = storm_draw(&v->dice, PAGES);
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)v->mem + page * VT_PAGE,
		.buf = (uintptr_t)v->buf, .len = VT_PAGE,
	};
	uint32_t version = v->version[page] + 1;

	if (!write) {
		memset(v->buf, 0, VT_PAGE);
		if (!victim_call(v, victim_fd(v), DRM_IOCTL_VSVM_READ, &rw,
				 "device read"))
			check_page(v, page, v->buf, "device read");
		return;
	}
	hostile_fill(v->buf, VT_PAGE, v->owner, page * PAGE_WORDS, version);
	/* What fails before its first byte changed nothing. */
	if (victim_call(v, victim_fd(v), DRM_IOCTL_VSVM_WRITE, &rw,
			"device write") && !rw.done)
		return;
	if (rw.done != VT_PAGE)
		memcpy(v->mem + page * VT_PAGE, v->buf, VT_PAGE);
	v->version[page] = version;
	v->of[page] = v->owner;
}

static void step_cpu(struct victim *v, bool write)
{
	unsigned int page = storm_draw(&v->dice, PAGES);

	check_page(v, page, v->mem + page * VT_PAGE, "CPU read");
	if (!write)
		return;
	v->version[page]++;
	v->of[page] = v->owner;
	hostile_fill(v->mem + page * VT_PAGE, VT_PAGE, v->owner,
		     page * PAGE_WORDS, v->version[page]);
}

static void step_move(struct victim *v)
{
	size_t page = storm_draw(&v->dice, PAGES), n;
	struct drm_vsvm_migrate mig = { .target = storm_draw(&v->dice, 3) > 0 };

	if (kinds[v->number].stays)
		return;
	n = storm_draw(&v->dice, 64) + 1;
	if (storm_draw(&v->dice, 2)) {
		page = page / 512 * 512;
		n = 512;
	}
	mig.addr = (uintptr_t)v->mem + page * VT_PAGE;
	mig.len = (n > PAGES - page ? PAGES - page : n) * VT_PAGE;
	victim_call(v, victim_fd(v), DRM_IOCTL_VSVM_MIGRATE, &mig, "migrate");
}

static void check_all(struct victim *v, const char *how)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		check_page(v, page, v->mem + page * VT_PAGE, how);
}

/* A child has what was there at the fork; what the parent writes is not its. */
static void fork_child(struct victim *v)
{
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(hostile_who + strlen(hostile_who),
		 sizeof(hostile_who) - strlen(hostile_who), ", child");
	for (i = 0; i < HOSTILE_DEVICES; i++)
		v->fd[i] = -1;
	/* The parent draws others. */
	v->dice.state ^= 0x5a5a5a5a;
	v->owner += HOSTILE_VICTIMS + 1;
	for (i = 0; i < 64; i++) {
		step_cpu(v, i % 8 == 0);
		step_device(v, i % 8 == 4);
		step_move(v);
		usleep(1000);
	}
	check_all(v, "shared by fork, CPU read");
	_exit(0);
}

static void beat(struct victim *v, const char *doing)
{
	snprintf(hostile->victim[v->number].doing,
		 sizeof(hostile->victim[0].doing), "%s", doing);
	__atomic_add_fetch(&hostile->victim[v->number].beat, 1,
			   __ATOMIC_RELAXED);
}

static void victim(unsigned int number)
{
	static struct victim self;
	struct victim *v = &self;
	unsigned int i;
	double since = 0;
	pid_t child = 0;

	v->number = number;
	v->owner = OWNER(number);
	v->dice.state = hostile->seed + number;
	for (i = 0; i < HOSTILE_DEVICES; i++)
		v->fd[i] = -1;
	v->mem = vt_map(LEN, kinds[number].kind);
	v->buf = vt_map(VT_PAGE, VT_SMALL);
	if (!v->mem || !v->buf)
		_exit(1);
	for (i = 0; i < PAGES; i++)
		v->of[i] = v->owner;
	/* Words count on from page to page. */
	hostile_fill(v->mem, LEN, v->owner, 0, 0);
	while (!load(&hostile->stop)) {
		beat(v, "device read");
		step_device(v, false);
		beat(v, "device write");
		step_device(v, true);
		beat(v, "CPU");
		step_cpu(v, storm_draw(&v->dice, 2));
		beat(v, "migrate");
		step_move(v);
		/* The processors are for the attackers. */
		usleep(2000);
		if (!kinds[number].shared)
			continue;
		beat(v, "fork");
		if (child && waitpid(child, NULL, WNOHANG) == child)
			child = 0;
		if (child && hostile_now() > since + 2 * hostile->bound) {
			hostile_found("its child %d does not end", child);
			scene_stack(child);
			since = hostile_now();
		}
		if (child)
			continue;
		since = hostile_now();
		child = fork();
		if (!child)
			fork_child(v);
	}
	beat(v, "last look");
	check_all(v, "at the end");
	if (child > 0)
		waitpid(child, NULL, 0);
	_exit(0);
}

/* Has memory, touches it now and then, and never heard of a device. */
static void stand_by(void)
{
	char *mem = vt_map(BYSTANDER_LEN, VT_SMALL);
	size_t at;

	if (!mem)
		_exit(1);
	hostile_fill(mem, BYSTANDER_LEN, OWNER(HOSTILE_VICTIMS), 0, 0);
	while (!load(&hostile->stop)) {
		for (at = 0; at < BYSTANDER_LEN; at += VT_PAGE)
			if (*(uint64_t *)(mem + at) !=
			    hostile_word(OWNER(HOSTILE_VICTIMS), at / 8, 0))
				hostile_found("bystander's memory changed at %p",
					      mem + at);
		__atomic_add_fetch(&hostile->victim[HOSTILE_VICTIMS].beat, 1,
				   __ATOMIC_RELAXED);
		usleep(200000);
	}
	_exit(0);
}

int scene_start(unsigned int number)
{
	uid_t uid = number < HOSTILE_VICTIMS ? HOSTILE_VICTIM + number :
					       HOSTILE_BYSTANDER;
	pid_t pid = fork();

	if (pid < 0)
		return say("fork: %s", strerror(errno));
	if (pid) {
		hostile->victim[number].pid = pid;
		return 0;
	}
	if (scene_enter(HOSTILE_OTHERS) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	snprintf(hostile_who, sizeof(hostile_who), "%s (pid %d)",
		 number < HOSTILE_VICTIMS ? kinds[number].name : "bystander",
		 getpid());
	if (number < HOSTILE_VICTIMS)
		victim(number);
	stand_by();
	return 0;
}

int scene_begin(void)
{
	unsigned int i;

	for (i = 0; i <= HOSTILE_VICTIMS; i++)
		if (scene_start(i))
			return -1;
	return 0;
}

void scene_stack(pid_t pid)
{
	static const char * const files[] = { "comm", "wchan", "stack" };
	char path[64], text[4096];
	unsigned int i;
	ssize_t n;
	int fd;

	for (i = 0; i < VT_COUNT(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (n > 0)
			dprintf(hostile->log, "hostile: %s: %.*s\n", path,
				(int)n, text);
		if (fd >= 0)
			close(fd);
	}
}

/* How long each of them has been where it is. */
static struct {
	uint64_t beat;
	double since;
} seen[HOSTILE_VICTIMS + 1];

void scene_look(void)
{
	double now = hostile_now();
	unsigned int i;
	int status;

	for (i = 0; i <= HOSTILE_VICTIMS; i++) {
		pid_t pid = hostile->victim[i].pid;
		uint64_t beat = load(&hostile->victim[i].beat);

		if (pid <= 0)
			continue;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			hostile_found("victim %u, pid %d, ended with status %#x",
				      i, pid, status);
			hostile->victim[i].pid = 0;
			continue;
		}
		if (beat != seen[i].beat || !seen[i].since) {
			seen[i].beat = beat;
			seen[i].since = now;
		}
		if (now - seen[i].since < 2 * hostile->bound)
			continue;
		hostile_found("victim %u, pid %d, got nowhere for %d seconds: %s",
			      i, pid, 2 * hostile->bound,
			      hostile->victim[i].doing);
		scene_stack(pid);
		seen[i].since = now;
	}
}

void scene_end(void)
{
	double end = hostile_now() + 2 * hostile->bound;
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i <= HOSTILE_VICTIMS; i++) {
		pid = hostile->victim[i].pid;
		status = 0;
		while (pid > 0 && waitpid(pid, &status, WNOHANG) != pid) {
			usleep(10000);
			if (hostile_now() < end)
				continue;
			hostile_found("victim %u, pid %d, does not end: %s", i,
				      pid, hostile->victim[i].doing);
			scene_stack(pid);
			kill(pid, SIGKILL);
			break;
		}
		if (pid > 0 && status)
			hostile_found("victim %u, pid %d, ended with status %#x",
				      i, pid, status);
		hostile->victim[i].pid = 0;
	}
}

long scene_key(const char *path, const char *key)
{
	size_t len = strlen(key);
	long value = -1, n;
	char line[256];
	FILE *f;

	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) &&
		    sscanf(line + len, "%*[: ]%ld", &n) == 1)
			value = n;
	if (f)
		fclose(f);
	return value;
}

int scene_cgroups(void)
{
	char number[32];

	if (vt_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids") ||
	    (mkdir(HOSTILE_CGROUP, 0755) && errno != EEXIST) ||
	    vt_file_write(HOSTILE_CGROUP "/cgroup.subtree_control",
			  "+memory +pids") ||
	    (mkdir(HOSTILE_THEIRS, 0755) && errno != EEXIST) ||
	    (mkdir(HOSTILE_OTHERS, 0755) && errno != EEXIST))
		return say("no cgroups");
	snprintf(number, sizeof(number), "%lu", HOSTILE_MAX);
	if (vt_file_write(HOSTILE_THEIRS "/memory.max", number) ||
	    vt_file_write(HOSTILE_THEIRS "/memory.swap.max", "0") ||
	    vt_file_write(HOSTILE_THEIRS "/pids.max", "200"))
		return -1;
	return 0;
}

void scene_cgroups_gone(void)
{
	static const char * const all[] = {
		HOSTILE_THEIRS, HOSTILE_OTHERS, HOSTILE_CGROUP,
	};
	double end = hostile_now() + hostile->bound;
	unsigned int i;

	for (i = 0; i < VT_COUNT(all); i++)
		while (rmdir(all[i]) && errno == EBUSY && hostile_now() < end)
			usleep(10000);
}

int scene_enter(const char *cgroup)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return vt_file_write(path, "0");
}

int scene_purge(void)
{
	double begin = hostile_now();
	char line[32];
	FILE *f;

	vt_file_write(HOSTILE_THEIRS "/cgroup.kill", "1");
	while (scene_key(HOSTILE_THEIRS "/cgroup.events", "populated")) {
		usleep(10000);
		if (hostile_now() < begin + hostile->bound)
			continue;
		hostile_found("%d seconds after SIGKILL attackers are there:",
			      hostile->bound);
		f = fopen(HOSTILE_THEIRS "/cgroup.procs", "re");
		while (f && fgets(line, sizeof(line), f))
			scene_stack(atoi(line));
		if (f)
			fclose(f);
		return -1;
	}
	return 0;
}

#define TAINTED	"/proc/sys/kernel/tainted"

/* The log, as it comes: a storm's reports of kills are more than it holds. */
static struct {
	int fd;
	bool report;
	unsigned int more;
	long tainted;
} kmsg = { .fd = -1 };

int log_begin(void)
{
	kmsg.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg.fd < 0 || lseek(kmsg.fd, 0, SEEK_END) < 0)
		return say("/dev/kmsg: %s", strerror(errno));
	kmsg.tainted = vt_file_get(TAINTED);
	vt_file_set("/proc/sys/vm/oom_dump_tasks", 0);
	/* Reports of the OOM killer look like splats on the console. */
	return vt_oom_begin();
}

static void log_line(const char *line)
{
	static const char * const bad[] = {
		"WARNING:", "BUG:", "BUG at", "Oops", "KASAN:", "UBSAN:",
		"KFENCE:", "refcount_t:", "ad page", "Bad rss", "cut here",
		"list_add corruption", "list_del corruption", "INFO: possible",
		"suspicious RCU", "blocked for more than", "DMA-API:",
		"general protection", "unable to handle", "soft lockup",
		"detected stalls", "self-detected stall", " Out of memory:",
		";Out of memory:",
	};
	unsigned int i;

	if (strstr(line, "invoked oom-killer") ||
	    strstr(line, "oom_reaper: unable to reap"))
		kmsg.report = true;
	if (strstr(line, "Call Trace:") && !kmsg.report)
		hostile_found("kernel log: %s", line);
	if (strstr(line, "ut of memory: Killed"))
		kmsg.report = false;
	if (kmsg.more) {
		dprintf(hostile->log, "hostile: kernel log: %s", line);
		kmsg.more--;
	}
	for (i = 0; i < VT_COUNT(bad); i++) {
		if (!strstr(line, bad[i]))
			continue;
		hostile_found("kernel log: %s", line);
		if (!kmsg.more)
			kmsg.more = 60;
		break;
	}
}

void log_look(void)
{
	char record[8192];
	ssize_t n;

	for (;;) {
		n = read(kmsg.fd, record, sizeof(record) - 1);
		/* It went on while we looked away: some are lost. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		record[n] = 0;
		log_line(record);
	}
}

void log_end(void)
{
	/* Bad page, oops, warning, soft lockup: also those of lines that were lost. */
	const long bad = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14;
	long tainted = vt_file_get(TAINTED);

	log_look();
	if (tainted < 0 || tainted & bad & ~kmsg.tainted)
		hostile_found("the kernel is tainted: %#lx", tainted);
	vt_file_set("/proc/sys/vm/oom_dump_tasks", 1);
	klogctl(KLOG_CONSOLE_LEVEL, NULL, 7);
	/*
	 * Each line was looked at as it came, so what is left are reports of kills,
	 * the first of them perhaps without its beginning. A log with a finding stays.
	 */
	if (!load(&hostile->found))
		klogctl(KLOG_CLEAR, NULL, 0);
	close(kmsg.fd);
}
