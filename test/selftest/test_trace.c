// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: each thing that happens has an event that says what, why, how much and
 * of which order.
 *
 * Read through tracefs, in an instance that sees nothing but this process, and what the
 * device's threads do with queues of this process.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_failpoint.h"
#include "vt_host.h"
#include "vt_queue.h"

#define TRACING		"/sys/kernel/tracing/"
#define RECORD_CMD	TRACING "options/record-cmd"
#define INSTANCE	TRACING "instances/vsvm-test/"
#define SEED		151
#define OTHER		152
#define LEN		(16 * VT_PAGE)
#define ROOM		(4 * VT_MIB)
#define ALL_HUGE	" moved=2097152 order=9 stayed_pages=0"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -errno : 0;
}

/* What was traced so far, a line an event. */
static char text[4 * VT_MIB];

static const char *const queue_events[] = {
	"submit", "start", "fault", "served", "fence", "lost",
};

static int trace_queues(void)
{
	char path[128], filter[32];
	size_t i;

	snprintf(filter, sizeof(filter), "owner == %d", getpid());
	for (i = 0; i < ARRAY_SIZE(queue_events); i++) {
		snprintf(path, sizeof(path), INSTANCE "events/vsvm/vsvm_queue_%s/filter",
			 queue_events[i]);
		if (put(path, filter))
			return -EIO;
	}
	/* One order for what happens on several processors. */
	return put(INSTANCE "trace_clock", "global");
}

/*
 * set_event_pid and the recording of names have a probe in sched_switch, for which
 * the kernel changes __schedule() while idle processors run it. Emulators do not
 * always keep up with that, and the guest dies of an unknown int3.
 */
static int trace_start(void)
{
	char filter[32];

	if (put(RECORD_CMD, "0") || (mkdir(INSTANCE, 0700) && errno != EEXIST))
		return -errno;
	snprintf(filter, sizeof(filter), "common_pid == %d", getpid());
	if (put(INSTANCE "events/vsvm/filter", filter) || trace_queues() ||
	    put(INSTANCE "trace", "") ||
	    put(INSTANCE "events/vsvm/enable", "1"))
		return -EIO;
	return 0;
}

static void trace_stop(void)
{
	put(INSTANCE "events/vsvm/enable", "0");
	rmdir(INSTANCE);
	put(RECORD_CMD, "1");
}

/* The value after " key=" in a line; -1: it has none. */
static long long value(const char *line, const char *key)
{
	const char *end = strchr(line, '\n');
	char word[64];
	char *at;

	snprintf(word, sizeof(word), " %s=", key);
	at = strstr(line, word);
	if (!at || (end && at > end))
		return -1;
	return strtoll(at + strlen(word), NULL, 0);
}

/* Does a line hold an event and each of the words? */
static bool matches(const char *line, const char *event, const char *words)
{
	char copy[512], want[256], *word, *save;
	size_t len = strcspn(line, "\n");

	snprintf(copy, sizeof(copy), "%.*s ", (int)len, line);
	snprintf(want, sizeof(want), " vsvm_%s: ", event);
	if (!strstr(copy, want))
		return false;
	snprintf(want, sizeof(want), "%s", words);
	for (word = strtok_r(want, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char padded[128];

		snprintf(padded, sizeof(padded), " %s ", word);
		if (!strstr(copy, padded))
			return false;
	}
	return true;
}

/* The first line from @line on that holds an event with the words, or NULL. */
static const char *find(const char *line, const char *event, const char *words)
{
	while (line && !matches(line, event, words))
		line = vt_next_line(line);
	return line;
}

/* How many events have the words, and the sum of a number in them. */
static int count(const char *event, const char *words)
{
	const char *at;
	int n = 0;

	for (at = find(text, event, words); at;
	     at = find(vt_next_line(at), event, words))
		n++;
	return n;
}

static long long sum(const char *event, const char *words, const char *key)
{
	const char *at;
	long long n = 0;

	for (at = find(text, event, words); at;
	     at = find(vt_next_line(at), event, words))
		n += value(at, key);
	return n;
}

/* How often a word is in what was traced. */
static long occurrences(const char *word)
{
	const char *at = text;
	long n = 0;

	while ((at = strstr(at, word))) {
		at += strlen(word);
		n++;
	}
	return n;
}

static int trace_read(void)
{
	return VT_BAD(vt_file_read(INSTANCE "trace", text, sizeof(text)) < 0) ? -1 : 0;
}

FIXTURE(trace)
{
	struct vsvm *v;
	struct drm_vsvm_migrate m;
};

FIXTURE_SETUP(trace)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, trace_start());
}

FIXTURE_TEARDOWN_PARENT(trace)
{
	trace_stop();
}

/* What there is can be told by perf and bpftrace: numbers, and their names. */
TEST_F(trace, formats_need_no_help)
{
	static const char *const events[] = {
		"device_fault", "cpu_fault", "migrate_begin", "migrate_end",
		"stay", "invalidate", "evict", "queue_submit", "queue_start",
		"queue_fault", "queue_served", "queue_fence", "queue_lost",
	};
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), TRACING "events/vsvm/vsvm_%s/format",
			 events[i]);
		ASSERT_LT(0, vt_file_read(path, text, sizeof(text)));
		EXPECT_NE(NULL, strstr(text, "field:u32 device;"));
		/* A name of ours here would be one that no reader can resolve. */
		EXPECT_EQ(NULL, strstr(text, "VSVM_"));
		EXPECT_EQ(NULL, strstr(text, "MMU_NOTIFY"));
		if (!strncmp(events[i], "queue", 5))
			EXPECT_NE(NULL, strstr(text, "field:s32 owner;"));
		EXPECT_EQ(NULL, strstr(text, "__data_loc"));
	}
}

/* A migration of small pages begins and ends, with cause, bytes and order. */
TEST_F(trace, explicit_small)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	const char *begin, *end;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, trace_read());
	begin = find(text, "migrate_begin", "cause=explicit target=device");
	end = find(text, "migrate_end", "cause=explicit target=device");
	ASSERT_NE(NULL, begin);
	ASSERT_NE(NULL, end);
	EXPECT_LT(begin, end);
	EXPECT_EQ((uintptr_t)mem, value(begin, "addr"));
	EXPECT_EQ(LEN, value(begin, "bytes"));
	EXPECT_EQ((uintptr_t)mem, value(end, "addr"));
	EXPECT_EQ(LEN, sum("migrate_end", "target=device", "moved"));
	EXPECT_EQ(count("migrate_begin", ""), count("migrate_end", "order=0"));
	EXPECT_EQ(0, count("stay", ""));
	EXPECT_EQ(0, count("migrate_begin", "target=home"));
}

/* 2M pages go and come back as such. */
TEST_F(trace, explicit_huge)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 2 * VT_HUGE));
	ASSERT_EQ(0, vt_to_system(self->v, mem, 2 * VT_HUGE));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(2, count("migrate_end",
			   "cause=explicit target=device" ALL_HUGE));
	EXPECT_EQ(2, count("migrate_end",
			   "cause=explicit target=home" ALL_HUGE));
	EXPECT_EQ(4, count("migrate_begin", "cause=explicit bytes=2097152"));
}

/* A CPU fault migrates its window to system memory, and says so. */
TEST_F(trace, cpu_fault_small)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	const char *at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, vt_check(mem + 3 * VT_PAGE, 1, SEED, 3 * VT_PAGE));
	ASSERT_EQ(0, trace_read());
	ASSERT_EQ(1, count("cpu_fault", ""));
	at = find(text, "cpu_fault", "cause=cpu-fault order=0");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem + 3 * VT_PAGE, value(at, "addr") & -VT_PAGE);
	EXPECT_EQ((uintptr_t)mem, value(at, "start"));
	EXPECT_EQ(LEN, value(at, "bytes"));
	EXPECT_EQ(LEN, sum("migrate_end", "cause=cpu-fault target=home order=0",
			   "moved"));
	EXPECT_EQ(1, count("migrate_begin", "cause=cpu-fault target=home"));
}

/* A CPU fault in a 2M page brings all of it. */
TEST_F(trace, cpu_fault_huge)
{
	char *mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, vt_check(mem, 1, SEED, 0));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(1, count("cpu_fault", "cause=cpu-fault order=9 bytes=2097152"));
	EXPECT_EQ(1, count("migrate_end", "cause=cpu-fault target=home moved=2097152 order=9"));
}

/* A device fault tells how many pages it took, for what, and how it ended. */
TEST_F(trace, device_fault)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	char byte = 0;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, munmap(mem, VT_PAGE));
	ASSERT_EQ(-EFAULT, vsvm_write(self->v, mem, &byte, 1, NULL));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(2, count("device_fault", ""));
	EXPECT_EQ(1, count("device_fault", "pages=16 need=read error=0"));
	EXPECT_EQ(1, count("device_fault", "pages=0 need=write error=-14"));
}

/* When a device write breaks copy-on-write, the way home is the device's fault. */
TEST_F(trace, device_fault_breaks_cow)
{
	char *mem = vt_map_filled(self->v, VT_PAGE, VT_SMALL, SEED);
	pid_t pid;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_PAGE));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, vt_dev_fill(self->v, mem, VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(1, count("cpu_fault", "cause=device-fault"));
	EXPECT_EQ(0, count("cpu_fault", "cause=cpu-fault"));
	EXPECT_EQ(1, count("migrate_end", "cause=device-fault moved=4096 order=0"));
	EXPECT_EQ(0, vt_check(mem, VT_PAGE, OTHER, 0));
}

/* A piece that comes and goes is named once, and stays. */
TEST_F(trace, piece_that_thrashes)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	const char *at;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, LEN, DRM_VSVM_ADVISE_LOCATION,
				 &here));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, vsvm_write(self->v, mem, &(char){ i }, 1, NULL));
		ASSERT_EQ((char)i, *(volatile char *)mem);
	}
	ASSERT_EQ(0, trace_read());
	at = find(text, "thrash", "device=0");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem, value(at, "addr"));
	EXPECT_LT(0, value(at, "cost_ns"));
	EXPECT_LT(0, value(at, "rest_ns"));
	EXPECT_LE(3, count("migrate_end", "cause=device-fault target=device"));
}

/* Pages that stay are named with their reason, neighbours in one event. */
TEST_F(trace, pages_that_stay)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	const char *at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(mem + 4 * VT_PAGE,
		  mmap(mem + 4 * VT_PAGE, 3 * VT_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vt_fill(mem + 4 * VT_PAGE, 3 * VT_PAGE, SEED, 0);
	ASSERT_EQ(0, munmap(mem + 10 * VT_PAGE, 2 * VT_PAGE));
	ASSERT_EQ(0, vt_migrate(self->v, mem, LEN, DRM_VSVM_TARGET_DEVICE, 0,
				&self->m));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(2, count("stay", "cause=explicit"));
	at = find(text, "stay", "reason=file pages=3");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem + 4 * VT_PAGE, value(at, "addr"));
	at = find(text, "stay", "reason=unmapped pages=2");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem + 10 * VT_PAGE, value(at, "addr"));
	EXPECT_EQ(LEN - 5 * VT_PAGE,
		  sum("migrate_end", "cause=explicit target=device", "moved"));
}

/* An invalidation tells its range, its event, and what it took away. */
TEST_F(trace, invalidation)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	const char *at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_dev_check(self->v, mem, LEN, SEED, 0));
	ASSERT_EQ(0, mprotect(mem, 4 * VT_PAGE, PROT_READ));
	ASSERT_EQ(0, munmap(mem, LEN));
	ASSERT_EQ(0, trace_read());
	at = find(text, "invalidate", "event=protection-vma pages=4");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem, value(at, "start"));
	EXPECT_EQ((uintptr_t)mem + 4 * VT_PAGE, value(at, "end"));
	EXPECT_EQ(getpid(), value(at, "owner"));
	EXPECT_EQ(12, sum("invalidate", "event=unmap", "pages"));
}

/* What all events of a queue of this process have. */
#define QUEUE_WORDS(id) ({						\
	static char words[64];						\
									\
	snprintf(words, sizeof(words), "device=0 owner=%d queue=%u",	\
		 getpid(), id);						\
	words;								\
})

/* All that the device does for a queue is traced when the queue is gone. */
static int queue_trace(struct vt_queue *q)
{
	return VT_BAD(vsvm_queue_destroy(q->v, q->id)) ? -1 : trace_read();
}

/* A job is submitted, begins, lacks a page, gets it, and stores its fence. */
TEST_F(trace, queue_of_jobs)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(mem + VT_PAGE + 512, 8, 0x11, 1),
		vsvm_cmd_signal(mem + VT_PAGE, 0x1234, -1),
	};
	uint64_t *word = (void *)(mem + VT_PAGE);
	const char *submit, *start, *fault, *fence;
	struct vt_queue q;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_submit(&q, job, 2));
	ASSERT_EQ(0, vt_wait_word(&q, word, 0x1234));
	ASSERT_EQ(0, vt_signal(&q, word, 5));
	ASSERT_EQ(0, vt_wait_word(&q, word, 5));
	ASSERT_EQ(0, queue_trace(&q));

	submit = find(text, "queue_submit", "seq=1 commands=2");
	start = find(text, "queue_start", "seq=1");
	fault = find(text, "queue_fault", "seq=1 need=write");
	fence = find(text, "queue_fence", "seq=1 value=0x1234");
	ASSERT_TRUE(submit && start && fault && fence);
	EXPECT_LT(submit, start);
	EXPECT_LT(start, fault);
	EXPECT_LT(fault, find(text, "queue_served", "seq=1 error=0"));
	EXPECT_LT(fault, fence);
	EXPECT_EQ((uintptr_t)mem + VT_PAGE + 512, value(fault, "addr"));
	EXPECT_EQ((uintptr_t)word, value(fence, "addr"));
	/* The second job finds all it needs. */
	EXPECT_LT(fence, find(text, "queue_start", "seq=2"));
	EXPECT_EQ(1, count("queue_submit", "seq=2 commands=1"));
	EXPECT_EQ(1, count("queue_fence", "seq=2 value=0x5"));
	EXPECT_EQ(2, count("queue_submit", QUEUE_WORDS(q.id)));
	EXPECT_EQ(2, count("queue_start", QUEUE_WORDS(q.id)));
	EXPECT_EQ(1, count("queue_fault", QUEUE_WORDS(q.id)));
	EXPECT_EQ(1, count("queue_served", QUEUE_WORDS(q.id)));
	EXPECT_EQ(2, count("queue_fence", QUEUE_WORDS(q.id)));
	EXPECT_EQ(0, count("queue_lost", ""));
}

/* A job begins once, however often it looks at a word, or moves a part of its range. */
TEST_F(trace, queue_that_waits_and_moves)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	uint64_t *gate = vt_map(VT_PAGE, VT_SMALL);
	const char *at;
	struct vt_queue q;

	ASSERT_TRUE(mem && gate);
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_hold(&q, gate));
	usleep(100000);
	vt_store(gate, 1);
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_prefetch(mem, LEN, DRM_VSVM_TARGET_DEVICE)));
	ASSERT_EQ(0, queue_trace(&q));
	EXPECT_EQ(3, count("queue_start", QUEUE_WORDS(q.id)));
	EXPECT_EQ(1, count("queue_start", "seq=1"));
	at = find(text, "queue_fault", "seq=2 need=none");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem, value(at, "addr"));
	EXPECT_LT(at, find(text, "queue_served", "seq=2 error=0"));
	EXPECT_EQ(1, count("queue_fault", "seq=2"));
}

/* A loss tells which access of which job failed, and why; no fence follows. */
TEST_F(trace, queue_that_is_lost)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	uint64_t *word = (void *)mem;
	const char *fault, *served, *lost;
	struct vt_queue q;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem + 4 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, mprotect(mem + 8 * VT_PAGE, VT_PAGE, PROT_READ));
	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_barrier()));
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_fill(mem + 4 * VT_PAGE + 64, 8, 0, 8)));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_LOST));
	ASSERT_EQ(0, queue_trace(&q));
	fault = find(text, "queue_fault", "seq=2 need=write");
	served = find(text, "queue_served", "seq=2 error=-14");
	lost = find(text, "queue_lost", "seq=2 access=write error=-14");
	ASSERT_TRUE(fault && served && lost);
	EXPECT_LT(fault, served);
	EXPECT_LT(served, lost);
	EXPECT_EQ((uintptr_t)mem + 4 * VT_PAGE + 64, value(fault, "addr"));
	EXPECT_EQ((uintptr_t)mem + 4 * VT_PAGE + 64, value(lost, "addr"));
	EXPECT_EQ(1, count("queue_lost", QUEUE_WORDS(q.id)));
	EXPECT_EQ(0, count("queue_fence", ""));

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_atomic(mem + 8 * VT_PAGE, 8,
						       DRM_VSVM_ATOMIC_ADD, 1, 0, word)));
	ASSERT_EQ(0, vt_queue_becomes(&q, DRM_VSVM_QUEUE_LOST));
	ASSERT_EQ(0, queue_trace(&q));
	EXPECT_EQ(2, count("queue_lost", ""));
	EXPECT_EQ(1, count("queue_fault", "need=exclusive"));
	EXPECT_EQ(1, count("queue_lost", "seq=1 access=atomic error=-1"));
}

FIXTURE(small_device)
{
	struct vsvm *v;
	struct vt_module module;
};

FIXTURE_SETUP(small_device)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(1, ROOM / VT_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, trace_start());
}

FIXTURE_TEARDOWN_PARENT(small_device)
{
	trace_stop();
	if (vt_module_loaded())
		vt_module_unload();
	vt_module_load(self->module.devices, self->module.vram_mib);
}

/* Making room: which block, how much was in it, and how it moved. */
TEST_F_TIMEOUT(small_device, eviction, VT_LONG)
{
	char *mem = vt_map_filled(self->v, ROOM + VT_HUGE, VT_LARGE, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, ROOM));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(0, count("evict", ""));
	ASSERT_EQ(0, vt_to_device(self->v, mem + ROOM, VT_HUGE));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(1, count("evict", ""));
	EXPECT_EQ(1, count("evict", "cause=eviction block=0 pages=512 moved_pages=512"));
	EXPECT_EQ(1, count("migrate_begin", "cause=eviction target=home bytes=2097152"));
	EXPECT_EQ(1, count("migrate_end",
			   "cause=eviction target=home" ALL_HUGE));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, ROOM + VT_HUGE, SEED, 0));
}

/*
 * A device that is full, and of which nothing can go, has the processors look at
 * their batches once a second, however often a thread asks.
 */
TEST_F_TIMEOUT(small_device, processors_are_left_alone, VT_LONG)
{
	char *mem = vt_map_filled(self->v, ROOM + VT_HUGE, VT_SMALL, SEED);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), since, took, i;
	struct drm_vsvm_migrate m;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, ROOM));
	ASSERT_EQ(0, vt_arm(self->v, "evict-block", 1, 1000000));
	ASSERT_EQ(0, put(INSTANCE "events/workqueue/workqueue_queue_work/enable",
			 "1"));
	since = time(NULL);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, vt_migrate(self->v, mem + ROOM, VT_HUGE,
					DRM_VSVM_TARGET_DEVICE, 0, &m));
		ASSERT_EQ(VT_HUGE, m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	}
	took = time(NULL) - since;
	ASSERT_EQ(0, trace_read());
	i = occurrences("function=work_for_cpu_fn");
	EXPECT_LE(cpus, i);
	EXPECT_GE(cpus * (took + 2), i) TH_LOG("%ld seconds", took);
}

/* Unplug migrates every page to system memory and says that it is the cause. */
TEST_F_TIMEOUT(small_device, unplug, VT_LONG)
{
	char *mem = vt_map_filled(self->v, ROOM, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, 600 * VT_PAGE));
	ASSERT_EQ(0, put(VT_DRIVER "unbind", "vsvm.0"));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(600, sum("evict", "cause=unplug", "moved_pages"));
	EXPECT_EQ(600 * VT_PAGE,
		  sum("migrate_end", "cause=unplug target=home order=0",
		      "moved"));
	EXPECT_EQ(count("evict", ""), count("migrate_begin", "cause=unplug"));
	EXPECT_EQ(0, count("cpu_fault", ""));
	EXPECT_EQ(0, vt_check(mem, ROOM, SEED, 0));
}

/* Unplug loses all queues, those that wait and those that have nothing to do. */
TEST_F_TIMEOUT(small_device, unplug_loses_queues, VT_LONG)
{
	uint64_t *gate = vt_map(VT_PAGE, VT_SMALL);
	struct vt_queue held, idle;

	ASSERT_NE(NULL, gate);
	ASSERT_EQ(0, vt_queue_make(&held, self->v, 8));
	ASSERT_EQ(0, vt_queue_make(&idle, self->v, 8));
	ASSERT_EQ(0, vt_hold(&held, gate));
	ASSERT_EQ(0, put(VT_DRIVER "unbind", "vsvm.0"));
	ASSERT_EQ(0, trace_read());
	EXPECT_EQ(2, count("queue_lost", "access=none addr=0x0 error=-19"));
	EXPECT_EQ(1, count("queue_lost", QUEUE_WORDS(held.id)));
	EXPECT_EQ(1, count("queue_lost", QUEUE_WORDS(idle.id)));
	EXPECT_EQ(1, sum("queue_lost", QUEUE_WORDS(held.id), "seq"));
	EXPECT_EQ(0, sum("queue_lost", QUEUE_WORDS(idle.id), "seq"));
}

TEST_HARNESS_MAIN
