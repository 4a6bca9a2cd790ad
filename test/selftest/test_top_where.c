// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands "vsvm top" and "vsvm where" show of another process what SNAPSHOT tells
 * that process, and what smaps says. "vsvm events" shows what it caused itself.
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_queue.h"

#define SEED	171
#define LEN	(4 * VT_HUGE)

/* The first number called @name after @from; ~0: there is none. */
static uint64_t number(const char *from, const char *name)
{
	char want[64];
	const char *at;

	snprintf(want, sizeof(want), "\"%s\": ", name);
	at = from ? strstr(from, want) : NULL;
	return at ? strtoull(at + strlen(want), NULL, 10) : ~0ULL;
}

FIXTURE(command)
{
	struct vsvm *v;
	char *mem;
};

FIXTURE_SETUP(command)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    false));
}

VT_TEARDOWN_CLOSE(command)

#define RUN_WHERE(options)						\
	vt_command("vsvm where %s %d %lx+%lx", options, getpid(),		\
	    (unsigned long)self->mem, LEN)

/* The row of this process has its memory and its counters. */
TEST_F(command, top_shows_the_process)
{
	const char *row;
	char want[32];

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_dev_check(self->v, self->mem + VT_HUGE, 8 * VT_PAGE,
				  SEED, VT_HUGE));
	ASSERT_EQ(0, vt_check(self->mem, 1, SEED, 0));
	ASSERT_EQ(0, vt_command("vsvm top --once --json"));
	snprintf(want, sizeof(want), "\"pid\": %d,", getpid());
	row = strstr(vt_said, want);
	ASSERT_NE(NULL, row);
	/* There are two such rows if inherited files are taken for others. */
	EXPECT_EQ(NULL, strstr(row + 1, want));
	EXPECT_EQ(0, number(row, "device"));
	EXPECT_EQ(vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE),
		  number(row, "device_memory"));
	EXPECT_EQ(8 * VT_PAGE, number(row, "mapped_memory"));
	EXPECT_EQ(512, number(row, "to_device_pages"));
	EXPECT_EQ(1, number(row, "cpu_faults"));
	EXPECT_EQ(16, number(row, "home_cpu_fault_pages"));
	EXPECT_EQ(8 * VT_PAGE, number(row, "read_bytes"));
	EXPECT_EQ(0, number(row, "evicted_blocks"));
}

/* Looks come again and again, and end when they were asked to. */
TEST_F(command, top_repeats)
{
	const char *second;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_command("vsvm top -i 1 -n 2"));
	second = strstr(vt_said, "    PID ");
	ASSERT_NE(NULL, second);
	second = strstr(second + 1, "    PID ");
	ASSERT_NE(NULL, second);
	EXPECT_EQ(NULL, strstr(second + 1, "    PID "));
	EXPECT_NE(NULL, strstr(second, "2 MiB"));
	/* Not a terminal: no escapes. */
	EXPECT_EQ(NULL, strchr(vt_said, 033));
}

struct reader {
	struct vsvm *v;
	char *mem;
	atomic_bool stop;
};

static void *reads_on(void *arg)
{
	struct reader *r = arg;
	char byte;

	while (!atomic_load(&r->stop))
		if (vsvm_read(r->v, r->mem, &byte, 1, NULL))
			break;
	return NULL;
}

/* The first look has rates, of what went on just before. */
TEST_F(command, top_begins_with_rates)
{
	struct reader r = { .v = self->v, .mem = self->mem + VT_HUGE };
	char pid[16], *row, *end;
	pthread_t thread;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reads_on, &r));
	EXPECT_EQ(0, vt_command("vsvm top -n 1"));
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	snprintf(pid, sizeof(pid), "\n%7d ", getpid());
	row = strstr(vt_said, pid);
	ASSERT_NE(NULL, row);
	end = strchr(row + 1, '\n');
	ASSERT_NE(NULL, end);
	*end = '\0';
	/* Nothing is written, so that one is zero, and nothing else of its kind. */
	row = strstr(row, " 0 B ");
	ASSERT_NE(NULL, row);
	EXPECT_EQ(NULL, strstr(row + 1, " 0 B "));
}

static int top_of_a_user(struct vt_child *c, void *arg)
{
	(void)c;
	(void)arg;
	if (VT_BAD(setgroups(0, NULL) || setuid(1000)) || vt_command("vsvm top --once"))
		return 1;
	return VT_BAD(strncmp(vt_said, "    PID ", 8)) ? 2 : 0;
}

/* What queues of the process did, and what all queues of the device do now. */
TEST_F(command, top_shows_queues)
{
	struct drm_vsvm_queue_status s;
	static const char counts[] =
		" queues: 2, 0 idle, 0 ready, 1 faulting, 0 waiting, 1 lost\n";
	const char *row, *device;
	struct vt_queue q, lost;
	char want[32];

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_queue_make(&lost, self->v, 8));
	ASSERT_EQ(0, vt_submit_one(&lost, vsvm_cmd_fill(NULL, 8, 0, 8)));
	ASSERT_EQ(0, vt_queue_becomes(&lost, DRM_VSVM_QUEUE_LOST));
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_barrier()));
	ASSERT_EQ(0, vt_pause(self->v, "fault-queued", 1));
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_fill(self->mem, LEN, 1, 1)));
	ASSERT_EQ(0, vt_await(self->v, "fault-queued"));
	ASSERT_EQ(0, vt_command("vsvm top --once --json"));
	snprintf(want, sizeof(want), "\"pid\": %d,", getpid());
	row = strstr(vt_said, want);
	ASSERT_NE(NULL, row);
	ASSERT_EQ(0, vt_queue_status(&q, &s));
	EXPECT_LT(s.busy, number(row, "engine_ns"));
	EXPECT_EQ(2, number(row, "jobs"));
	EXPECT_EQ(3, number(row, "queue_faults"));
	EXPECT_EQ(1, number(row, "queues_lost"));
	device = strstr(vt_said, "\"devices\": [");
	ASSERT_NE(NULL, device);
	EXPECT_EQ(0, number(device, "device"));
	EXPECT_EQ((uint64_t)vt_file_get("/sys/module/vsvm/parameters/engines"),
		  number(device, "engines"));
	EXPECT_EQ(0, number(device, "running_engines"));
	EXPECT_EQ(0, number(device, "idle_queues"));
	EXPECT_EQ(1, number(device, "faulting_queues"));
	EXPECT_EQ(1, number(device, "lost_queues"));

	ASSERT_EQ(0, vt_command("vsvm top --once"));
	EXPECT_EQ(0, strncmp(vt_said, "device 0: 0 of ", 15));
	EXPECT_NE(NULL, strstr(vt_said, counts));
	/* A user may not read debugfs, and has a table all the same. */
	EXPECT_EQ(0, vt_run(top_of_a_user, NULL));
	ASSERT_EQ(0, vt_resume(self->v, "fault-queued"));
}

struct submitter {
	struct vt_queue q;
	char *mem;
	atomic_bool stop;
};

static void *submits_on(void *arg)
{
	struct submitter *s = arg;

	while (!atomic_load(&s->stop))
		if (vt_do_one(&s->q, vsvm_cmd_fill(s->mem, LEN, 1, 1)))
			break;
	return NULL;
}

/* How busy engines are is a rate, too: up to 100 for each. */
TEST_F(command, top_shows_busy_engines)
{
	struct submitter s = { .mem = self->mem };
	char pid[16], *row;
	pthread_t thread;
	double busy;
	int got;

	ASSERT_EQ(0, vt_queue_make(&s.q, self->v, 8));
	ASSERT_EQ(0, pthread_create(&thread, NULL, submits_on, &s));
	EXPECT_EQ(0, vt_command("vsvm top -n 1"));
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	EXPECT_NE(NULL, strstr(vt_said, " ENGINE% "));
	snprintf(pid, sizeof(pid), "\n%7d ", getpid());
	row = strstr(vt_said, pid);
	ASSERT_NE(NULL, row);
	got = sscanf(row, "%*d %*u %*s %*s %*s %*s %lf ", &busy);
	ASSERT_EQ(1, got);
	/* One queue has one engine at a time; a slice may end before its time counts. */
	EXPECT_LT(0, busy);
	EXPECT_GT(105, busy);
}

/* The answer has in each place what SNAPSHOT has there, and agrees with smaps. */
TEST_F(command, where_agrees_with_snapshot)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem + 5 * VT_PAGE, VT_HUGE));
	ASSERT_EQ(0, madvise(self->mem, 3 * VT_PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, RUN_WHERE("--json"));
	EXPECT_EQ(vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE),
		  number(vt_said, "device"));
	EXPECT_EQ(vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM),
		  number(vt_said, "system"));
	EXPECT_EQ(3 * VT_PAGE, number(vt_said, "absent"));
	EXPECT_EQ(VT_HUGE, number(vt_said, "device"));
	EXPECT_EQ(0, number(vt_said, "swap"));
	EXPECT_NE(NULL, strstr(vt_said, "\"agrees\": true"));
	EXPECT_EQ(LEN - 3 * VT_PAGE, number(vt_said, "smaps_rss"));
}

/* Only the mappings with pages on a device are shown, and the total is theirs. */
TEST_F(command, where_of_a_device)
{
	const char *total;
	struct vsvm *v;
	char *mem;

	ASSERT_EQ(0, vsvm_open(1, &v));
	mem = vt_map_filled(v, LEN, VT_SMALL, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_to_device(v, mem, 2 * VT_PAGE));
	ASSERT_EQ(0, vt_command("vsvm where --json %d", getpid()));
	total = strstr(vt_said, "\"total\": ");
	ASSERT_NE(NULL, total);
	EXPECT_EQ(VT_HUGE + 2 * VT_PAGE, number(total, "device"));
	EXPECT_LT(2 * LEN - VT_HUGE - 2 * VT_PAGE, number(total, "system"));
	ASSERT_EQ(0, vt_command("vsvm where --json --device 1 %d", getpid()));
	total = strstr(vt_said, "\"total\": ");
	ASSERT_NE(NULL, total);
	EXPECT_EQ(2 * VT_PAGE, number(total, "device"));
	EXPECT_EQ(2 * VT_PAGE, number(vt_said, "device"));
	ASSERT_EQ(0, vt_command("vsvm where -d 1 %d", getpid()));
	EXPECT_NE(NULL, strstr(vt_said, "d device 1 8 KiB"));
	EXPECT_EQ(NULL, strstr(vt_said, "device 0"));
	EXPECT_NE(NULL, strstr(vt_said, "\ntotal\n"));
	EXPECT_EQ(2, vt_command("vsvm where -d 16 %d 2>/dev/null", getpid()));
	vsvm_close(v);
}

/* Runs come in order, and say which device and which size of page. */
TEST_F(command, where_tells_devices_apart)
{
	char *mem = vt_map_filled(self->v, 2 * VT_HUGE, VT_LARGE, SEED);
	struct vsvm *other;
	const char *at;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_open(1, &other));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE));
	ASSERT_EQ(0, vt_to_device(other, mem + VT_HUGE, VT_HUGE));
	ASSERT_EQ(0, vt_command("vsvm where --json %d %lx", getpid(),
				(unsigned long)mem));
	at = strstr(vt_said, "\"runs\":");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem, number(at, "start"));
	EXPECT_EQ(VT_HUGE, number(at, "bytes"));
	EXPECT_EQ(0, number(at, "device"));
	EXPECT_NE(NULL, strstr(at, "\"huge\": true"));
	at = strstr(at, "\"device\": 0");
	ASSERT_NE(NULL, at);
	EXPECT_EQ((uintptr_t)mem + VT_HUGE, number(at, "start"));
	at = strstr(at, "\"device\": 1");
	EXPECT_NE(NULL, at);
	EXPECT_EQ(2 * VT_HUGE, number(vt_said, "device"));
	EXPECT_NE(NULL, strstr(vt_said, "\"agrees\": true"));
}

/* A terabyte with a page at each end is folded into a row. */
TEST_F_TIMEOUT(command, where_folds_a_terabyte, VT_LONG)
{
	size_t len = 1UL << 40;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, madvise(mem, len, MADV_NOHUGEPAGE));
	mem[0] = 1;
	mem[len - 1] = 1;
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_PAGE));
	ASSERT_EQ(0, vt_command("vsvm where %d %lx-%lx", getpid(), (unsigned long)mem,
				(unsigned long)mem + len));
	EXPECT_GT(1000, strlen(vt_said));
	EXPECT_NE(NULL, strstr(vt_said, "(a character: 16 GiB)"));
	EXPECT_NE(NULL, strstr(vt_said, "device 0 4 KiB"));
	EXPECT_NE(NULL, strstr(vt_said, "s system memory 4 KiB"));
	EXPECT_NE(NULL, strstr(vt_said, "agrees"));
}

/* A page held for atomics is told as such. */
TEST_F(command, where_shows_exclusive_pages)
{
	struct drm_vsvm_exclusive arg = {
		.addr = (uintptr_t)self->mem, .len = 2 * VT_PAGE,
	};

	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_EXCLUSIVE,
			      &arg));
	ASSERT_EQ(0, RUN_WHERE("--json"));
	EXPECT_EQ(2 * VT_PAGE, number(vt_said, "exclusive"));
	EXPECT_NE(NULL, strstr(vt_said, "\"agrees\": true"));
}

/* A part of a mapping is looked at, and it is said that smaps is of the whole. */
TEST_F(command, where_of_a_part)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_command("vsvm where --json %d %lx+3000", getpid(),
				(unsigned long)self->mem + VT_PAGE));
	EXPECT_EQ(3 * VT_PAGE, number(vt_said, "device"));
	EXPECT_NE(NULL, strstr(vt_said, "only a part"));
}

static int give_up_rights(struct vt_child *c, void *arg)
{
	if (vt_hear(c) || setgid(1000) || setuid(1000) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return 9;
	return vt_command("vsvm where %d %lx+%lx", getpid(), (unsigned long)arg, LEN) ||
	       !strstr(vt_said, "Without CAP_SYS_ADMIN") ||
	       !strstr(vt_said, "? swapped out or on a device 2 MiB") ||
	       !strstr(vt_said, "agrees");
}

/* Who may not see frames is told what cannot be told. */
TEST_F(command, where_without_rights)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_start(&c, give_up_rights, self->mem));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* "vsvm demo --hold" by a child, with pipes as its input and output; its number. */
static pid_t start_demo(int *in, FILE **out)
{
	int to[2], from[2];
	pid_t pid;

	if (VT_BAD(pipe(to) || pipe(from)))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		execlp("vsvm", "vsvm", "demo", "--hold", "--small", "--size",
		       "2", NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = fdopen(from[0], "re");
	return pid;
}

/* The demo keeps its memory on the device until it is told to go on. */
TEST_F(command, demo_holds)
{
	char line[256] = "";
	int in, status;
	pid_t pid;
	FILE *out;

	pid = start_demo(&in, &out);
	ASSERT_LT(0, pid);
	while (!strstr(line, "until Enter"))
		ASSERT_NE(NULL, fgets(line, sizeof(line), out));
	ASSERT_EQ(0, vt_command("vsvm where --device 0 %d", pid));
	EXPECT_NE(NULL, strstr(vt_said, "d device 0 2 MiB"));

	ASSERT_EQ(1, write(in, "\n", 1));
	while (fgets(line, sizeof(line), out))
		;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_NE(NULL, strstr(line, "Every byte was right"));
}

/* Eight queues on two devices, all of which ran and faulted, in a picture. */
TEST_F(command, demo_of_queues)
{
	const char *at = vt_said;
	unsigned int lanes = 0, device, pid, done;
	char line[65];

	ASSERT_EQ(0, vt_command("vsvm demo --queue"));
	EXPECT_NE(NULL, strstr(vt_said, "Every byte was right"));
	for (; at; at = strchr(at + 1, '\n'))
		if (sscanf(at, " %u %u %64[#fw. -] %u", &device, &pid, line, &done) == 4) {
			EXPECT_EQ(16, done);
			EXPECT_NE(NULL, strchr(line, '#'));
			lanes++;
		}
	EXPECT_EQ(8, lanes);
}

/* Rows of queues, each with a time and that of something else; results were right. */
TEST_F(command, bench_of_queues)
{
	double own = 0, beside = 0;
	const char *row = vt_said;
	unsigned int i;
	int got;

	ASSERT_EQ(0, vt_command("vsvm bench --json --table queues --rounds 1 --small %s",
				"-q copy -q two -q eventfd"));
	for (i = 0; i < 3; i++) {
		row = strstr(row + 1, "\"work\"");
		ASSERT_NE(NULL, row);
		row = strstr(row, "\"time\"");
		ASSERT_NE(NULL, row);
		got = sscanf(row, "\"time\":%lf, \"beside\":%*[^:]:%lf", &own,
			     &beside);
		EXPECT_EQ(2, got);
		EXPECT_LT(0, own);
		EXPECT_LT(0, beside);
	}
	EXPECT_EQ(NULL, strstr(row + 1, "\"work\""));
}

/* How many lines have @what. */
static unsigned int lines_with(const char *what)
{
	const char *at = strstr(vt_said, what);
	unsigned int n = 0;

	for (; at; at = at ? strstr(at, what) : NULL) {
		n++;
		at = strchr(at + 1, '\n');
	}
	return n;
}

/* Each step of the tour causes what it says, and the JSON tells the same. */
TEST_F(command, events_of_the_tour)
{
	ASSERT_EQ(0, vt_command("vsvm events"));
	EXPECT_EQ(6, lines_with("\n-- "));
	EXPECT_NE(NULL, strstr(vt_said, " device-fault device-fault "));
	EXPECT_NE(NULL, strstr(vt_said, " cpu-fault    cpu-fault "));
	EXPECT_NE(NULL, strstr(vt_said, " migrate      explicit     device "));
	EXPECT_NE(NULL, strstr(vt_said, " migrate      cpu-fault    home "));
	EXPECT_NE(NULL, strstr(vt_said, " prefetch                  device "));
	EXPECT_NE(NULL, strstr(vt_said, "queue 1, job 1: write EFAULT\n"));

	ASSERT_EQ(0, vt_command("vsvm events --json"));
	EXPECT_EQ(lines_with("{"), lines_with("\"time\": "));
	EXPECT_EQ(1, lines_with("\"type\": \"cpu-fault\""));
	EXPECT_EQ(1, lines_with("\"type\": \"prefetch\""));
	EXPECT_EQ(1, lines_with("\"type\": \"queue-lost\""));
	EXPECT_EQ(0, lines_with("\"type\": \"dropped\""));
	EXPECT_EQ(VT_HUGE, number(strstr(vt_said, "\"prefetch\""), "bytes"));
	EXPECT_NE(NULL, strstr(strstr(vt_said, "\"queue-lost\""), "\"EFAULT\""));
}

/* Some types only, and a ring that is too small. */
TEST_F(command, events_options)
{
	ASSERT_EQ(0, vt_command("vsvm events --json --only cpu-fault -o queue-lost"));
	EXPECT_EQ(2, lines_with("{"));
	/* There are two in one step, and no more in any other. */
	ASSERT_EQ(0, vt_command("vsvm events --json --only migrate --records 1"));
	EXPECT_EQ(1, lines_with("\"dropped\""));
	EXPECT_EQ(1, number(strstr(vt_said, "\"dropped\""), "count"));
}

/* What makes no sense ends with 2, what is not there with 1. */
TEST_F(command, refuses)
{
	EXPECT_EQ(2, vt_command("vsvm where 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm where nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm where 1 zzz 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm where 1 2000-1000 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm top -i 0 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm bench -q nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm events -w nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm events -o dropped 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm events -r 0 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm events -d 1000 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm where 4194300 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm where %d 1000-2000 2>/dev/null", getpid()));
}

TEST_HARNESS_MAIN
