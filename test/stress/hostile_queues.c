// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an attacker does with queues, see hostile.h: many of them, commands that wait for
 * ever, jobs whose memory nobody provides or goes away, and ends of all sorts while jobs
 * run.
 *
 * A job stores zeroes and words of the attacker's own, so that what it stores where it
 * must not is told like all else.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

#define SLOTS	16

/* 0, or a negative errno. */
static int create(struct attacker *a, int fd, uint32_t *queue)
{
	struct drm_vsvm_queue_create arg = {
		.priority = attacker_draw(a, DRM_VSVM_PRIORITY_HIGH + 1),
		.slots = SLOTS,
	};
	int ret = attacker_ioctl(a, fd, DRM_IOCTL_VSVM_QUEUE_CREATE, &arg);

	*queue = arg.queue;
	return ret;
}

static int destroy(struct attacker *a, int fd, uint32_t queue)
{
	struct drm_vsvm_queue_destroy arg = { .queue = queue };

	return attacker_ioctl(a, fd, DRM_IOCTL_VSVM_QUEUE_DESTROY, &arg);
}

static int submit(struct attacker *a, int fd, uint32_t queue,
		  const struct drm_vsvm_command *c, uint32_t nr)
{
	struct drm_vsvm_submit arg = {
		.commands = (uintptr_t)c, .nr_commands = nr, .queue = queue,
	};

	return attacker_ioctl(a, fd, DRM_IOCTL_VSVM_SUBMIT, &arg);
}

/* Until the word is @value, @ms at most: the engines have little time in a storm. */
static int wait_word(struct attacker *a, int fd, uint32_t queue,
		     const uint64_t *word, uint64_t value, int ms)
{
	struct drm_vsvm_wait arg = {
		.addr = (uintptr_t)word, .value = value, .mask = ~0ULL,
		.deadline = (int64_t)(hostile_now() * 1e9) + ms * 1000000LL,
		.queue = queue,
	};

	return attacker_ioctl(a, fd, DRM_IOCTL_VSVM_WAIT, &arg);
}

static uint64_t own_word(struct attacker *a)
{
	return hostile_word(a->owner, 0, attacker_draw(a, 1 << 20));
}

/* A job that copies and fills, and then is done. */
static bool do_job(struct attacker *a)
{
	size_t len = (attacker_draw(a, 64) + 1) * VT_PAGE;
	char *to = a->large + attacker_draw(a, 256) * VT_PAGE;
	char *from = a->small + attacker_draw(a, 256) * VT_PAGE;
	uint64_t *fence = vt_map(VT_PAGE, VT_SMALL);
	int fd = attacker_fd(a), ret = -ENODEV;
	uint64_t word = own_word(a);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_prefetch(to, len, attacker_draw(a, 2)),
		vsvm_cmd_copy(to, from, len),
		vsvm_cmd_fill(from, len, word, 8),
		vsvm_cmd_signal(fence, word, -1),
	};
	uint32_t queue;

	if (!fence)
		return false;
	if (!create(a, fd, &queue)) {
		ret = submit(a, fd, queue, job, VT_COUNT(job));
		ret = ret ?: wait_word(a, fd, queue, fence, word, 2000);
		destroy(a, fd, queue);
	}
	attacker_check(a, to, len, "copied by a job, CPU read");
	attacker_check(a, from, len, "filled by a job, CPU read");
	if (!ret && *(uint64_t *)from != word)
		hostile_found("a job is done and did not fill");
	munmap(fence, VT_PAGE);
	return !ret;
}

/* As many files and queues as there may be, each of which waits for ever. */
static bool do_many(struct attacker *a)
{
	int fd[DRM_VSVM_MAX_FILES + 2], event = eventfd(0, EFD_CLOEXEC), ret = 0;
	unsigned int i, n, files = attacker_draw(a, VT_COUNT(fd)) + 1, made = 0;
	uint64_t *word = vt_map(VT_PAGE, VT_SMALL);
	struct drm_vsvm_command job[] = {
		vsvm_cmd_wait(word, 1, ~0ULL, DRM_VSVM_WAIT_EQ),
		vsvm_cmd_signal(word + 1, 1, event),
	};
	uint32_t queue;

	for (i = 0; i < files && word; i++) {
		fd[i] = attacker_open(a);
		ret = 0;
		for (n = 0; fd[i] >= 0 && !ret; n++) {
			ret = create(a, fd[i], &queue);
			if (ret)
				break;
			made++;
			while (!submit(a, fd[i], queue, job, VT_COUNT(job)))
				;
		}
		if (n > DRM_VSVM_MAX_QUEUES)
			hostile_found("a file has %u queues", n);
	}
	usleep(attacker_draw(a, 100000));
	/* Sometimes they all have something to do before the end. */
	if (word && attacker_draw(a, 2))
		*word = 1;
	for (n = 0; n < i; n++)
		if (fd[n] >= 0)
			close(fd[n]);
	close(event);
	if (word)
		munmap(word, VT_PAGE);
	return made > DRM_VSVM_MAX_QUEUES / 2;
}

/*
 * Where others' memory would be: the kernel's, and what is behind the end, also with
 * five levels of page tables.
 */
static bool do_refused(struct attacker *a)
{
	static const uint64_t bad[] = {
		0xfffffffffff000, 0x100000000000000, 0xffff888000000000,
		0xffffffff81000000, -VT_PAGE,
	};
	void *where = (void *)(uintptr_t)bad[attacker_draw(a, VT_COUNT(bad))];
	struct drm_vsvm_command commands[] = {
		vsvm_cmd_copy(where, a->small, 2 * VT_PAGE),
		vsvm_cmd_copy(a->small, where, 2 * VT_PAGE),
		vsvm_cmd_fill(where, 2 * VT_PAGE, 0, 8),
		vsvm_cmd_prefetch(where, 2 * VT_PAGE, 1),
	};
	int fd = attacker_fd(a), ret = -ENODEV;
	uint32_t queue;

	if (create(a, fd, &queue))
		return false;
	ret = submit(a, fd, queue, &commands[attacker_draw(a, VT_COUNT(commands))],
		     1);
	if (!ret)
		hostile_found("a job at %p was accepted", where);
	destroy(a, fd, queue);
	return ret == -EFAULT || ret == -EINVAL;
}

/* The memory of jobs goes away, and comes back as something else. */
static bool do_unmapped(struct attacker *a)
{
	size_t len = VT_HUGE, at;
	char *mem = attacker_map(a, len, attacker_draw(a, 2));
	struct drm_vsvm_queue_status status = {};
	int fd = attacker_fd(a), prot;
	struct drm_vsvm_command c;
	unsigned int i;
	bool ok = false;

	if (!mem || create(a, fd, &status.queue)) {
		if (mem)
			munmap(mem, len);
		return false;
	}
	for (i = 0; i < 8; i++) {
		c = attacker_draw(a, 2) ?
		    vsvm_cmd_fill(mem, len, own_word(a), 8) :
		    vsvm_cmd_copy(mem, mem + len / 2, len / 2);
		if (submit(a, fd, status.queue, &c, 1))
			break;
		at = attacker_draw(a, 500) * VT_PAGE;
		prot = attacker_draw(a, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
		if (attacker_draw(a, 2))
			munmap(mem + at, 8 * VT_PAGE);
		else if (mmap(mem + at, 8 * VT_PAGE, prot, MAP_PRIVATE |
			      MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		usleep(attacker_draw(a, 3000));
	}
	ok = !attacker_ioctl(a, fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &status);
	if (attacker_draw(a, 2))
		destroy(a, fd, status.queue);
	munmap(mem, len);
	destroy(a, fd, status.queue);
	return ok;
}

/* Memory whose missing pages nobody provides. */
static bool nobody_serves(void *mem, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
	       !ioctl(fd, UFFDIO_REGISTER, &reg);
}

/* The ways to an end while jobs run. */
enum end {
	END_EXIT,
	END_KILL,
	END_EXEC,
	END_WAIT,	/* until it is killed */
	END_DESTROY,
	ENDS,
};

struct last {
	enum end end;
	unsigned int usec;
	bool stuck;		/* the jobs lack a page that does not come */
};

static void exec_with(struct attacker *a, int fd)
{
	char number[16], at[32];

	if (fcntl(fd, F_SETFD, 0))
		_exit(99);
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(at, sizeof(at), "%lx", (unsigned long)a->small);
	execl("/proc/self/exe", "hostile", "--foreign", number, at, NULL);
	_exit(99);
}

static void end_with_jobs(struct attacker *a, void *arg)
{
	const struct last *l = arg;
	char *mem = vt_map(4 * VT_HUGE, VT_SMALL);
	int fd = attacker_open(a), i, n = 0;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_fill(mem, 4 * VT_HUGE, own_word(a), 8),
		vsvm_cmd_copy(mem, mem + 2 * VT_HUGE, 2 * VT_HUGE),
		vsvm_cmd_prefetch(mem, 4 * VT_HUGE, 1),
		vsvm_cmd_wait(mem, 0, ~0ULL, DRM_VSVM_WAIT_EQ),
	};
	uint32_t queue[4];

	if (fd < 0 || !mem || (l->stuck && !nobody_serves(mem, 4 * VT_HUGE)))
		_exit(98);
	for (i = 0; i < (int)VT_COUNT(queue); i++)
		n += !create(a, fd, &queue[i]) &&
		     !submit(a, fd, queue[i], job, VT_COUNT(job));
	if (!n)
		_exit(98);
	usleep(l->usec);
	switch (l->end) {
	case END_KILL:
		raise(SIGKILL);
		break;
	case END_EXEC:
		exec_with(a, fd);
		break;
	case END_WAIT:
		pause();
		break;
	case END_DESTROY:
		for (i = 0; i < (int)VT_COUNT(queue); i++)
			destroy(a, fd, queue[i]);
		break;
	default:
		break;
	}
	_exit(0);
}

static bool ended(struct attacker *a, bool stuck)
{
	struct last l = {
		.end = attacker_draw(a, ENDS),
		.usec = attacker_draw(a, 30000),
		.stuck = stuck,
	};
	bool late, waits = l.end == END_WAIT;
	int status = attacker_wait(attacker_fork(a, end_with_jobs, &l),
				   waits ? 1 : hostile->bound, &late);

	if (late && !waits)
		hostile_found("a process with jobs does not come to end %u",
			      l.end);
	if (WIFEXITED(status) && WEXITSTATUS(status) &&
	    WEXITSTATUS(status) < 98)
		hostile_found("after exec with jobs, way %d to use the descriptor is open",
			      WEXITSTATUS(status));
	return l.end == END_KILL || waits ? status == SIGKILL : !status;
}

static bool do_ends(struct attacker *a)
{
	return ended(a, false);
}

static bool do_stuck_jobs(struct attacker *a)
{
	return ended(a, true);
}

/* Another one has the descriptor, and perhaps keeps it longer than we live. */
static void heir_of_jobs(struct attacker *a, void *arg)
{
	int ret = hostile_use_foreign(*(int *)arg, a->small, a->buf);

	if (ret)
		hostile_found("a child, way %d to use the parent's queues is open",
			      ret);
}

static bool do_pass_jobs(struct attacker *a)
{
	/* Nobody else uses it, because a job may go on for long. */
	static char *mem;
	struct drm_vsvm_command job[2];
	int fd = attacker_open(a);
	uint32_t queue;
	bool ok;

	if (!mem)
		mem = vt_map(VT_HUGE, VT_LARGE);
	if (fd < 0 || !mem)
		return false;
	job[0] = vsvm_cmd_fill(mem, VT_HUGE, own_word(a), 8);
	job[1] = vsvm_cmd_wait(mem, 0, ~0ULL, DRM_VSVM_WAIT_EQ);
	ok = !create(a, fd, &queue) &&
	     !submit(a, fd, queue, job, VT_COUNT(job));
	ok &= !attacker_send_fd(hostile->socket[0], fd, a->owner);
	ok &= attacker_wait(attacker_fork(a, heir_of_jobs, &fd), hostile->bound,
			    NULL) == 0;
	/* Or the job goes on as long as who took the descriptor keeps it. */
	if (attacker_draw(a, 2))
		destroy(a, fd, queue);
	close(fd);
	return ok;
}

const struct hostile_op hostile_queues[] = {
	{ "job", 10, do_job },
	{ "many queues", 3, do_many },
	{ "bad jobs", 4, do_refused },
	{ "unmap under a job", 6, do_unmapped },
	{ "end with jobs", 4, do_ends },
	{ "jobs that nobody serves", 3, do_stuck_jobs },
	{ "pass a queue", 3, do_pass_jobs },
	{ }
};
