// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm demo --queue: eight processes have two devices copy for them.
 *
 * Each process gives its queue all of its jobs at once, and then only looks what the
 * queue does. Half of the memory has never been touched, so the device faults it in; a
 * part of it goes to the device in between. In the end the process checks every byte,
 * and the parent draws a line for each: what its queue did, from the first submission
 * to the last fence.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "demo_queue.h"
#include "vsvm.h"

#define PROCESSES	8
#define DEVICES		2
#define JOBS		16
#define JOB_BYTES	(512UL * 1024)
#define SAMPLES		8192
#define COLUMNS		64
/* The most a process waits for all of it, in nanoseconds. */
#define PATIENCE	120000000000LL

/* What a queue does, the more telling first. */
static const char kinds[] = "#fw-. ";

enum kind {
	RUNS,
	FAULTS,
	WAITS,
	READY,
	IDLE,
	UNSEEN,		/* it did not look in that time */
};

/* What a process tells, in memory that it shares with the parent. */
struct lane {
	unsigned int device;
	pid_t pid;
	int64_t begun;
	int64_t ended;
	struct {
		int64_t when;
		unsigned char kind;
	} samples[SAMPLES];
	unsigned int nr_samples;
	struct drm_vsvm_queue_status status;
};

struct show {
	unsigned int ready;	/* processes that may begin */
	unsigned int go;
	struct lane lanes[PROCESSES];
};

#define load(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_SEQ_CST)

/* One job: a piece of one range is copied to the other; some move in between. */
static int submit_job(struct vsvm *v, uint32_t queue, char *to, const char *from,
		      uint64_t *fence, unsigned int job)
{
	size_t at = job * JOB_BYTES;
	struct drm_vsvm_command commands[] = {
		vsvm_cmd_copy(to + at, from + at, JOB_BYTES),
		job % 4 ? vsvm_cmd_barrier() :
			  vsvm_cmd_prefetch(to + at, JOB_BYTES,
					    DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_signal(fence, job + 1, -1),
	};

	return vsvm_submit(v, queue, commands, ARRAY_SIZE(commands), NULL);
}

/* Look what the queue does until its last fence; 0, or a negative errno. */
static int watch(struct lane *lane, struct vsvm *v, uint32_t queue,
		 const uint64_t *fence)
{
	struct drm_vsvm_queue_status *s = &lane->status;
	static const unsigned char kind_of[] = {
		[DRM_VSVM_QUEUE_IDLE] = IDLE,
		[DRM_VSVM_QUEUE_READY] = READY,
		[DRM_VSVM_QUEUE_FAULTING] = FAULTS,
		[DRM_VSVM_QUEUE_WAITING] = WAITS,
	};
	int64_t last = lane->begun + PATIENCE;
	uint64_t busy = 0;
	unsigned int i;
	int ret;

	do {
		ret = vsvm_queue_status(v, queue, s);
		if (ret || s->state == DRM_VSVM_QUEUE_LOST)
			return ret ? ret : -(int)s->error;
		if (lane->nr_samples < SAMPLES) {
			i = lane->nr_samples++;
			lane->samples[i].when = vsvm_deadline(0);
			lane->samples[i].kind = s->busy != busy ?
						RUNS : kind_of[s->state];
		}
		busy = s->busy;
		usleep(500);
		/* The fence is not enough: its job counts as done a moment later. */
	} while (s->done != JOBS && vsvm_deadline(0) < last);
	lane->ended = vsvm_deadline(0);
	return s->done == JOBS && load(fence) == JOBS ? 0 : -ETIME;
}

static int work(struct show *show, struct lane *lane, struct vsvm *v)
{
	size_t len = JOBS * JOB_BYTES, i;
	uint64_t *fence = NULL;
	char *from, *to;
	uint32_t queue;
	unsigned int job;
	int ret;

	from = malloc(len);
	to = aligned_alloc(4096, len);	/* PREFETCH wants whole pages */
	if (!from || !to || posix_memalign((void **)&fence, 4096, 4096))
		return -ENOMEM;
	for (i = 0; i < len; i++)
		from[i] = (i >> 12) * 31 + i + lane->pid;
	*fence = 0;
	ret = vsvm_queue_create(v, DRM_VSVM_PRIORITY_NORMAL, 3 * JOBS, &queue);
	if (ret)
		return ret;

	__atomic_add_fetch(&show->ready, 1, __ATOMIC_SEQ_CST);
	while (!load(&show->go))
		usleep(1000);
	lane->begun = vsvm_deadline(0);
	for (job = 0; job < JOBS && !ret; job++)
		ret = submit_job(v, queue, to, from, fence, job);
	if (!ret)
		ret = watch(lane, v, queue, fence);
	if (!ret && memcmp(from, to, len))
		ret = -EBADMSG;
	return ret;
}

static int child(struct show *show, struct lane *lane)
{
	struct vsvm *v;
	int ret;

	lane->pid = getpid();
	ret = open_device(lane->device, &v);
	if (ret)
		return EXIT_WRONG;
	ret = work(show, lane, v);
	if (ret == -EBADMSG)
		complain(0, "process %d: the copy is not what it was made from",
			 lane->pid);
	else if (ret)
		complain(ret, "process %d", lane->pid);
	vsvm_close(v);
	return ret ? EXIT_WRONG : EXIT_OK;
}

static void draw_lane(const struct lane *lane, int64_t begun, int64_t ended)
{
	char line[COLUMNS + 1];
	unsigned char cells[COLUMNS];
	unsigned int i, at;

	memset(cells, UNSEEN, sizeof(cells));
	for (i = 0; i < lane->nr_samples; i++) {
		at = (lane->samples[i].when - begun) * COLUMNS /
		     (ended - begun + 1);
		if (at < COLUMNS && lane->samples[i].kind < cells[at])
			cells[at] = lane->samples[i].kind;
	}
	for (i = 0; i < COLUMNS; i++)
		line[i] = kinds[cells[i]];
	line[COLUMNS] = 0;
	printf("    %6u %7d %s %4llu %8.1f %6llu\n", lane->device, lane->pid, line,
	       (unsigned long long)lane->status.done, lane->status.busy / 1e6,
	       (unsigned long long)lane->status.faults);
}

static void draw(const struct show *show)
{
	const struct lane *lane = show->lanes;
	int64_t begun = lane->begun, ended = lane->ended;
	unsigned int i;

	for (i = 1; i < PROCESSES; i++) {
		if (lane[i].begun < begun)
			begun = lane[i].begun;
		if (lane[i].ended > ended)
			ended = lane[i].ended;
	}
	printf("    %6s %7s %-*s %4s %8s %6s\n", "device", "process", COLUMNS,
	       "what its queue did", "jobs", "busy ms", "faults");
	for (i = 0; i < PROCESSES; i++)
		draw_lane(&lane[i], begun, ended);
	printf("\n    %c an engine runs it   %c waits for pages   ", kinds[RUNS],
	       kinds[FAULTS]);
	printf("%c waits for its turn   %c has nothing to do\n", kinds[READY],
	       kinds[IDLE]);
	printf("    %.1f ms from the first job to the last fence\n\n",
	       (ended - begun) / 1e6);
}

/* Ends the others when one could not begin. */
static bool all_ready(struct show *show, const pid_t *pids)
{
	unsigned int i, tries;

	for (tries = 0; tries < 60000 && load(&show->ready) < PROCESSES; tries++) {
		if (waitpid(-1, NULL, WNOHANG | WNOWAIT) > 0)
			break;
		usleep(1000);
	}
	if (load(&show->ready) == PROCESSES)
		return true;
	for (i = 0; i < PROCESSES; i++)
		kill(pids[i], SIGKILL);
	return false;
}

static bool run_all(struct show *show, unsigned int devices)
{
	pid_t pids[PROCESSES];
	bool right = true;
	unsigned int i;
	int status;

	for (i = 0; i < PROCESSES; i++) {
		show->lanes[i].device = i % devices;
		pids[i] = fork();
		if (!pids[i])
			_exit(child(show, &show->lanes[i]));
		if (pids[i] < 0) {
			complain(-errno, "fork");
			while (i--)
				kill(pids[i], SIGKILL);
			return false;
		}
	}
	right = all_ready(show, pids);
	store(&show->go, 1);
	for (i = 0; i < PROCESSES; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			right = false;
	return right;
}

int demo_queue(void)
{
	struct drm_vsvm_info info;
	unsigned int devices;
	struct show *show;
	struct vsvm *v;
	int ret;

	ret = open_device(0, &v);
	if (ret)
		return EXIT_WRONG;
	ret = vsvm_info(v, &info);
	vsvm_close(v);
	if (ret || !(info.caps & DRM_VSVM_CAP_QUEUES)) {
		complain(ret, "the device has no queues");
		return EXIT_WRONG;
	}
	devices = info.devices < DEVICES ? info.devices : DEVICES;
	show = mmap(NULL, sizeof(*show), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (show == MAP_FAILED) {
		complain(-errno, "memory");
		return EXIT_WRONG;
	}
	printf("%u processes, %u devices; %u jobs of each copy %lu KiB of malloc memory\n\n",
	       PROCESSES, devices, JOBS, JOB_BYTES / 1024);
	fflush(stdout);
	if (!run_all(show, devices))
		return EXIT_WRONG;
	draw(show);
	printf("Every byte was right.\n");
	return EXIT_OK;
}
