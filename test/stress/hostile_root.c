// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root does while attackers are at work, see hostile_root.h, and what it
 * finds of the machine afterwards.
 *
 * Whatever may take its time is done by a child, one at a time, so that root goes
 * on looking when it hangs.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "hostile_root.h"
#include "vt_host.h"

#define DEVICES		"/sys/bus/platform/devices/"
#define DEBUGFS		"/sys/kernel/debug/dri/"

/* A leaf is there a little earlier than its first entry: one for each thread. */
#define LEAVES_SLACK	256

/* Blocks of victims, and of who has just begun. */
#define BLOCKS_SLACK	64

/* Memory that the storm may leave: partial slabs, cgroups that are freed late. */
#define LEFT_KIB	(8L * 1024)
/* While it goes on: page tables, stacks, sockets, the programs themselves. */
#define EXTRA_KIB	(192L * 1024)

#define VICTIMS_KIB	((HOSTILE_VICTIMS * 16 + 112) * 1024L)

enum what {
	NOTHING,
	UNBIND,
	BIND,
	LOOK_IN,
	SHRINK,
	FREEZE,
	PURGE,
	KILL,
	WHATS,
};

static const char * const names[WHATS] = {
	[UNBIND] = "unbind", [BIND] = "bind", [LOOK_IN] = "look into debugfs",
	[SHRINK] = "take memory", [FREEZE] = "freeze attackers",
	[PURGE] = "kill all attackers", [KILL] = "kill an attacker",
};

static struct {
	enum what what;
	unsigned int device;
	pid_t pid;
	double since;		/* of what is under way, or of the last end */
	double pause;
	bool late;
	bool hangs;
	struct storm_dice dice;
	bool bound[HOSTILE_DEVICES];
	double longest[WHATS];
	unsigned long times[WHATS];
	pid_t ballast;
	/* The machine before the storm. */
	long available;		/* KiB */
	long base;		/* the same, less the ballast */
	long unreclaimable;
	long kills;
	long limit;		/* KiB that it may give */
	double said;
} root;

static long memory_key(const char *key)
{
	return scene_key("/proc/meminfo", key);
}

/*
 * Free pages in the processors' own lists, which MemAvailable leaves out. Core mm lets
 * these lists grow to an eighth of memory while much is allocated and freed.
 */
static long in_lists_kib(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	long pages = 0, n;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	if (f)
		fclose(f);
	return pages * VT_PAGE / 1024;
}

/* What the host could give to who asks for it. */
static long memory_available(void)
{
	return memory_key("MemAvailable") + in_lists_kib();
}

static long kills(void)
{
	return scene_key("/proc/vmstat", "oom_kill");
}

static void drop_all(void)
{
	/* The first has core write no line into its log each time. */
	vt_file_set("/proc/sys/vm/drop_caches", 4);
	vt_file_set("/proc/sys/vm/drop_caches", 3);
}

int root_publish(unsigned int device)
{
	char path[128], node[sizeof(hostile->node[0].path)] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "vsvm.%u/drm", device);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "renderD", 7))
			snprintf(node, sizeof(node), "/dev/dri/%.20s",
				 entry->d_name);
	if (dir)
		closedir(dir);
	if (!node[0] || chmod(node, 0666)) {
		hostile_found("vsvm.%u has no node %s", device, node);
		return -1;
	}
	memcpy(hostile->node[device].path, node, sizeof(node));
	root.bound[device] = true;
	return 0;
}

/* A column's number in a line of names, or -1. */
static int column(const char *names_line, const char *name)
{
	char line[256], *word, *rest;
	int i;

	snprintf(line, sizeof(line), "%s", names_line);
	word = strtok_r(line, "\n ", &rest);
	for (i = 0; word; i++, word = strtok_r(NULL, "\n ", &rest))
		if (!strcmp(word, name))
			return i;
	return -1;
}

static long field(const char *line, int n)
{
	for (; n > 0 && line; n--)
		line = strchr(line + 1, ' ');
	return line ? strtol(line, NULL, 10) : -1;
}

/* Leaves that no entry needs; returns how many files there are. */
static int look_at_tables(unsigned int device)
{
	char path[128], line[256];
	int leaves = -1, entries = -1, files = 0;
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "vsvm.%u/tables", device);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f)) {
		leaves = column(line, "leaves");
		entries = column(line, "entries");
	}
	if (leaves < 0 || entries < 0)
		hostile_found("%s has no leaves or entries: %s", path, line);
	while (leaves >= 0 && entries >= 0 && fgets(line, sizeof(line), f)) {
		files++;
		if (field(line, leaves) > field(line, entries) + LEAVES_SLACK)
			hostile_found("process %ld on vsvm.%u has %ld leaves for %ld entries",
				      strtol(line, NULL, 10), device,
				      field(line, leaves), field(line, entries));
	}
	fclose(f);
	return files;
}

static void look_in(void)
{
	static const char * const files[] = { "blocks", "lru", "counters" };
	char path[128], text[4096];
	unsigned int i, d;
	int fd;

	for (d = 0; d < hostile->devices; d++) {
		look_at_tables(d);
		for (i = 0; i < VT_COUNT(files); i++) {
			snprintf(path, sizeof(path), DEBUGFS "vsvm.%u/%s", d,
				 files[i]);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
				;
			if (fd >= 0)
				close(fd);
		}
	}
}

/* In the child: the file of the driver, and a device's name. */
static void driver(const char *file, unsigned int device)
{
	char name[16];

	snprintf(name, sizeof(name), "vsvm.%u", device);
	if (vt_file_write(file, name))
		hostile_found("%s %s failed", file, name);
}

static long block_key(unsigned int device, const char *key)
{
	char path[128], line[256], *at = NULL;
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "vsvm.%u/blocks", device);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		at = strstr(line, key);
	if (f)
		fclose(f);
	return at ? strtol(at + strlen(key), NULL, 0) : -1;
}

/* Which blocks have pages, and whose they were. */
static void tell_blocks(unsigned int device)
{
	unsigned int lines = 0;
	char path[128], line[256];
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "vsvm.%u/blocks", device);
	f = fopen(path, "re");
	while (f && lines < 8 && fgets(line, sizeof(line), f)) {
		if (field(line, 1) <= 0)
			continue;
		dprintf(hostile->log, "hostile: vsvm.%u, a block: %s",
			device, line);
		lines++;
	}
	if (f)
		fclose(f);
}

/*
 * True if the device may have a page, by its entry in pagemap: an entry that is neither
 * present nor empty is in swap or on a device whose memory the CPU does not reach.
 */
static bool may_be_on(unsigned int device, uint64_t entry)
{
	const uint64_t here = 1ull << 63, swapped = 1ull << 62;
	uint64_t first = block_key(device, " first-pfn ");
	uint64_t pages = block_key(device, " blocks ") * (VT_HUGE / VT_PAGE);

	if (!(entry & here))
		return entry & swapped;
	return (entry & ((1ull << 55) - 1)) - first < pages;
}

static void tell_mapping(unsigned int device, int pid, int pagemap,
			 unsigned long start, unsigned long end)
{
	uint64_t entry;

	for (; start < end; start += VT_PAGE)
		if (pread(pagemap, &entry, sizeof(entry),
			  start / VT_PAGE * sizeof(entry)) == sizeof(entry) &&
		    entry && may_be_on(device, entry))
			dprintf(hostile->log, "hostile: process %d has %#lx\n",
				pid, start);
}

static void tell_process(unsigned int device, int pid)
{
	unsigned long start, end;
	char path[64], line[512];
	int pagemap;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (pagemap >= 0 && maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			tell_mapping(device, pid, pagemap, start, end);
	if (maps)
		fclose(maps);
	if (pagemap >= 0)
		close(pagemap);
}

/* Which processes have pages that the device may have. */
static void tell_owners(unsigned int device)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (atoi(e->d_name))
			tell_process(device, atoi(e->d_name));
	if (dir)
		closedir(dir);
}

/* What is left in blocks is more than a quarter of them. */
static bool justified(unsigned int device)
{
	long backed = block_key(device, " backed ");

	return backed <= BLOCKS_SLACK +
			 4 * block_key(device, " used-pages ") / 512;
}

/*
 * While attackers sleep, the host takes back what is behind blocks that are
 * mostly empty. Victims go on, and use a few.
 */
static void squeeze(void)
{
	unsigned int d, tries;

	vt_file_set(HOSTILE_THEIRS "/cgroup.freeze", 1);
	usleep(200000);
	for (d = 0; d < hostile->devices; d++) {
		for (tries = 0; tries < 8 && !justified(d); tries++) {
			drop_all();
			usleep(100000);
		}
		if (!justified(d))
			hostile_found("vsvm.%u keeps host memory of %ld blocks for %ld pages",
				      d, block_key(d, " backed "),
				      block_key(d, " used-pages "));
	}
	vt_file_set(HOSTILE_THEIRS "/cgroup.freeze", 0);
}

static void act(void)
{
	switch (root.what) {
	case UNBIND:
		driver(VT_DRIVER "unbind", root.device);
		break;
	case BIND:
		driver(VT_DRIVER "bind", root.device);
		break;
	case LOOK_IN:
		look_in();
		break;
	case SHRINK:
		drop_all();
		vt_file_set("/proc/sys/vm/compact_memory", 1);
		/* An error says that there was not so much of it. */
		if (system("echo 16M >" HOSTILE_THEIRS
			   "/memory.reclaim 2>/dev/null"))
			break;
		break;
	case FREEZE:
		squeeze();
		break;
	default:
		break;
	}
}

static unsigned int nr_bound(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < hostile->devices; i++)
		n += root.bound[i];
	return n;
}

/* What comes next: a device that is away comes back first, now and then. */
static enum what choose(void)
{
	unsigned int x = storm_draw(&root.dice, 16);

	root.device = storm_draw(&root.dice, hostile->devices);
	if (!root.bound[root.device])
		return x < 12 ? BIND : LOOK_IN;
	/* Others stay. */
	if (x < 6)
		return nr_bound() > 1 ? UNBIND : LOOK_IN;
	if (x < 9)
		return LOOK_IN;
	if (x < 11)
		return SHRINK;
	if (x < 12)
		return FREEZE;
	/* Not so often that none of those who hold on is there long. */
	if (x < 13)
		return storm_draw(&root.dice, 8) ? KILL : PURGE;
	return KILL;
}

static void begin(enum what what)
{
	unsigned int slot = storm_draw(&root.dice, HOSTILE_ATTACKERS);
	pid_t pid = load(&hostile->attacker[slot].pid);

	root.what = what;
	root.since = hostile_now();
	root.late = false;
	root.pid = 0;
	if (what == UNBIND) {
		hostile->node[root.device].path[0] = 0;
		root.bound[root.device] = false;
	}
	if (what == KILL && pid > 0)
		kill(pid, SIGKILL);
	if (what == PURGE)
		scene_purge();
	if (what == KILL || what == PURGE)
		return;
	root.pid = fork();
	if (root.pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(hostile_who, sizeof(hostile_who), "root, %s", names[what]);
	act();
	_exit(0);
}

static void end(void)
{
	double took = hostile_now() - root.since;

	if (took > root.longest[root.what])
		root.longest[root.what] = took;
	root.times[root.what]++;
	if (root.what == BIND)
		root_publish(root.device);
	root.what = NOTHING;
	root.since = hostile_now();
	root.pause = storm_draw(&root.dice, 1000) / 1000.0;
}

/* More than the cgroup's limit and the devices' memory is out of control. */
static void look_at_memory(void)
{
	long used = root.base - memory_available();

	if (used <= root.limit || hostile_now() < root.said + 10)
		return;
	root.said = hostile_now();
	hostile_found("%ld KiB are in use, %ld may be: charged %ld, Slab %ld, SUnreclaim %ld",
		      used, root.limit,
		      vt_file_get(HOSTILE_THEIRS "/memory.current") / 1024,
		      memory_key("Slab"), memory_key("SUnreclaim"));
}

/* Waits for what is under way; false: it hangs, with attackers or without. */
static bool go_on(void)
{
	double took = hostile_now() - root.since;

	if (!root.pid || waitpid(root.pid, NULL, WNOHANG) == root.pid) {
		end();
		return true;
	}
	if (took > hostile->bound && !root.late) {
		root.late = true;
		hostile_found("%s of vsvm.%u takes more than %d seconds while attackers hold on",
			      names[root.what], root.device, hostile->bound);
		scene_stack(root.pid);
		scene_purge();
		root.since = hostile_now();
	} else if (took > hostile->bound) {
		hostile_found("%s of vsvm.%u hangs, without attackers too",
			      names[root.what], root.device);
		scene_stack(root.pid);
		root.hangs = true;
	}
	return !root.hangs;
}

bool root_act(void)
{
	if (root.hangs)
		return false;
	look_at_memory();
	if (root.what != NOTHING)
		return go_on();
	if (hostile_now() - root.since >= root.pause)
		begin(choose());
	return true;
}

bool root_stop(void)
{
	unsigned int i;

	while (root.what != NOTHING && go_on())
		usleep(10000);
	for (i = 0; i < hostile->devices && !root.hangs; i++) {
		if (root.bound[i])
			continue;
		root.device = i;
		begin(BIND);
		while (root.what != NOTHING && go_on())
			usleep(10000);
	}
	if (root.ballast > 0) {
		kill(root.ballast, SIGKILL);
		waitpid(root.ballast, NULL, 0);
	}
	for (i = NOTHING + 1; i < WHATS; i++)
		printf("#@ hostile | root: %s | %lu\n", names[i],
		       root.times[i]);
	printf("hostile: the longest unbind took %.1f s, bind %.1f s; %d s may be\n",
	       root.longest[UNBIND], root.longest[BIND], hostile->bound);
	fflush(stdout);
	return !root.hangs;
}

void root_begin(void)
{
	struct drm_vsvm_info info;
	long vram = 0;
	unsigned int i;
	int fd;

	drop_all();
	root.dice.state = hostile->seed ^ 0x700f;
	root.since = hostile_now();
	root.available = memory_available();
	root.base = root.available;
	root.unreclaimable = memory_key("SUnreclaim");
	root.kills = kills();
	for (i = 0; i < hostile->devices; i++) {
		info = (struct drm_vsvm_info){};
		fd = hostile_open(i);
		if (!vt_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info) &&
		    info.kind == DRM_VSVM_KIND_PRIVATE)
			vram += info.vram_size / 1024;
		close(fd);
	}
	root.limit = HOSTILE_MAX / 1024 + vram + VICTIMS_KIB + EXTRA_KIB;
	/* Checks of the debug kernel have a price in memory. */
	if (hostile->bound > 30)
		root.limit += 2 * EXTRA_KIB;
}

int root_ballast(void)
{
	long leave = root.limit + EXTRA_KIB;
	char *mem;

	if (hostile->seconds < HOSTILE_FULL)
		return 0;
	root.ballast = fork();
	if (root.ballast) {
		/* Until it has what it wants. */
		while (memory_key("MemAvailable") > leave + 32 * 1024 &&
		       !waitpid(root.ballast, NULL, WNOHANG))
			usleep(50000);
		root.base = memory_key("MemAvailable") + VICTIMS_KIB;
		return root.ballast < 0 ? -1 : 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (vt_file_set("/proc/self/oom_score_adj", -1000))
		_exit(1);
	while (memory_key("MemAvailable") > leave) {
		mem = vt_map(8 * VT_MIB, VT_LARGE);
		if (!mem)
			break;
		memset(mem, 1, 8 * VT_MIB);
	}
	for (;;)
		pause();
}

/* Something that is to come true in a moment. */
static bool comes(bool (*is)(unsigned int device), unsigned int device)
{
	double until = hostile_now() + hostile->bound;

	while (!is(device) && hostile_now() < until)
		usleep(200000);
	return is(device);
}

static bool no_pages(unsigned int device)
{
	/* Looks at what each processor has in its batches, first of all. */
	drop_all();
	return block_key(device, " used-pages ") == 0;
}

static bool no_backing(unsigned int device)
{
	drop_all();
	return block_key(device, " backed ") <= 0;
}

static bool no_tables(unsigned int device)
{
	return look_at_tables(device) == 0;
}

/*
 * Attackers began as forks of this process, and took pages to a device that they shared
 * with it. They go back to system memory, also those that the CPU reaches where they are.
 */
static void take_back(unsigned int device)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	struct drm_vsvm_migrate m = { .target = DRM_VSVM_TARGET_SYSTEM };
	int fd = hostile_open(device);
	unsigned long start, end;
	char line[512];

	while (fd >= 0 && maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		m.addr = start;
		m.len = end - start;
		/* What cannot be migrated is none of the device's pages. */
		vt_ioctl(fd, DRM_IOCTL_VSVM_MIGRATE, &m);
	}
	if (maps)
		fclose(maps);
	if (fd >= 0)
		close(fd);
}

void root_end(void)
{
	long theirs, others, all;
	unsigned int d;

	for (d = 0; d < hostile->devices; d++) {
		take_back(d);
		if (!comes(no_pages, d)) {
			hostile_found("vsvm.%u has %ld pages of nobody", d,
				      block_key(d, " used-pages "));
			tell_blocks(d);
			tell_owners(d);
		}
		if (!comes(no_backing, d))
			hostile_found("vsvm.%u keeps host memory of %ld empty blocks",
				      d, block_key(d, " backed "));
		if (!comes(no_tables, d))
			hostile_found("vsvm.%u has %d tables of nobody", d,
				      look_at_tables(d));
	}
	theirs = scene_key(HOSTILE_THEIRS "/memory.events", "oom_kill");
	others = scene_key(HOSTILE_OTHERS "/memory.events", "oom_kill");
	all = kills() - root.kills;
	printf("#@ hostile | killed for memory, all of them attackers | %ld\n",
	       theirs);
	if (others)
		hostile_found("%ld others were killed for memory", others);
	if (all != theirs)
		hostile_found("%ld processes were killed for memory, %ld of them attackers",
			      all, theirs);
	if (scene_key(HOSTILE_THEIRS "/cgroup.events", "populated"))
		hostile_found("there are attackers left");
}

void root_memory(void)
{
	double until = hostile_now() + hostile->bound;
	long available, unreclaimable, left = LEFT_KIB;
	bool bad;

	/* KASAN keeps what was freed, up to a part of memory. */
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		left += memory_key("MemTotal") / 32;
	do {
		drop_all();
		usleep(200000);
		available = memory_available();
		unreclaimable = memory_key("SUnreclaim");
		bad = available < root.available - left ||
		      unreclaimable > root.unreclaimable + left;
	} while (bad && hostile_now() < until);
	printf("hostile: available %ld KiB, %+ld; SUnreclaim %ld KiB, %+ld\n",
	       available, available - root.available, unreclaimable,
	       unreclaimable - root.unreclaimable);
	if (bad)
		hostile_found("memory is missing: %ld KiB, SUnreclaim has %ld more",
			      root.available - available,
			      unreclaimable - root.unreclaimable);
}
