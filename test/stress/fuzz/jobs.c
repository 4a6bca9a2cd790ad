// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valid jobs: a canary of their own, which only its thread's queue goes to, with a
 * shadow that says what every byte has to be when the job's fence is stored. The
 * thread makes other calls meanwhile, and one job is under way at a time.
 *
 * The file and the queue are the thread's, and nobody closes them. So a job is done, or
 * the queue is lost to a failure that was armed: ENOMEM; EFAULT of an atomic operation,
 * or of a write to a page that fork shares, if CPU faults are made to fail, by which the
 * page would have come home; or EBUSY, when the others left it no turn. Then the queue is
 * made anew, and the bytes too.
 *
 * The fence has the number of the job, and is in a page behind the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* Enough to cross pages, little enough to be quick. */
#define MOST		6000
#define MOST_COMMANDS	6
/* Seconds until a job that is not done is a finding. A debug kernel is slow. */
#define PATIENCE	300
#define SECOND		1000000000LL

static int jobs_file(const struct fuzz_thread *t)
{
	return FUZZ_FIRST_FD + FUZZ_JOBS_FILE + t->number;
}

static uint64_t *fence_of(const struct fuzz_thread *t)
{
	return (uint64_t *)(t->jobs.area + VT_HUGE);
}

int fuzz_jobs_make(struct fuzz_thread *t)
{
	struct fuzz_jobs *j = &t->jobs;

	j->shadow = malloc(VT_HUGE);
	if (!j->shadow)
		return -1;
	j->dice.state = ~t->dice.state;
	madvise(j->area, FUZZ_JOBS_SIZE,
		t->number % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	vt_fill(j->shadow, VT_HUGE, t->number, 0);
	memcpy(j->area, j->shadow, VT_HUGE);
	return 0;
}

void fuzz_jobs_anew(struct fuzz_thread *t)
{
	t->jobs.queue = 0;
	t->jobs.since = 0;
}

static bool make_queue(struct fuzz_thread *t)
{
	struct drm_vsvm_queue_create arg = {
		.priority = fuzz_draw(t, DRM_VSVM_PRIORITY_HIGH + 1),
		.slots = MOST_COMMANDS + 2,
	};
	int ret;

	if (t->jobs.queue)
		return true;
	ret = fuzz_ioctl(t, jobs_file(t), DRM_IOCTL_VSVM_QUEUE_CREATE, &arg,
			 sizeof(arg));
	/* A child makes it when other files may have theirs. */
	if (ret && ret != -ENOMEM && ret != -EMFILE)
		fuzz_found(t, "the queue of valid jobs: %s", strerror(-ret));
	t->jobs.queue = arg.queue;
	return !ret;
}

/* Where, and how much. Few places, so that the same pages are met again. */
static void draw_range(struct fuzz_thread *t, size_t *off, size_t *len)
{
	*len = (fuzz_draw(t, MOST / 8) + 1) * 8;
	*off = fuzz_draw(t, 32) * (VT_HUGE / 32) + fuzz_draw(t, 3 * VT_PAGE / 8) * 8;
	t->jobs.range[t->jobs.nr].off = *off;
	t->jobs.range[t->jobs.nr].len = *len;
	t->jobs.nr++;
}

static void add_copy(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	size_t off, len, from = fuzz_draw(t, VT_HUGE - MOST);

	draw_range(t, &off, &len);
	/* To any byte, from any byte. */
	off = off + fuzz_draw(t, 8);
	len -= 8;
	if (from < off + len && off < from + len)
		from = (off + VT_HUGE / 2) % (VT_HUGE - MOST);
	if (!len || (from < off + len && off < from + len)) {
		c->op = DRM_VSVM_COMMAND_BARRIER;
		return;
	}
	c->op = DRM_VSVM_COMMAND_COPY;
	c->copy.to = (uintptr_t)t->jobs.area + off;
	c->copy.from = (uintptr_t)t->jobs.area + from;
	c->copy.len = len;
	memcpy(t->jobs.shadow + off, t->jobs.shadow + from, len);
}

static void add_fill(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	uint64_t value = fuzz_draw(t, ~0ULL);
	unsigned int size = 1U << fuzz_draw(t, 4);
	size_t off, len, i;

	draw_range(t, &off, &len);
	if (size < 8)
		value &= (1ULL << (8 * size)) - 1;
	c->op = DRM_VSVM_COMMAND_FILL;
	c->fill.addr = (uintptr_t)t->jobs.area + off;
	c->fill.len = len;
	c->fill.value = value;
	c->fill.size = size;
	for (i = 0; i < len; i += size)
		memcpy(t->jobs.shadow + off + i, &value, size);
}

/* Adds to a word; what it was goes to the next one. */
static void add_atomic(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	uint64_t *word;
	size_t off, len;

	draw_range(t, &off, &len);
	word = (uint64_t *)(t->jobs.shadow + off);
	c->op = DRM_VSVM_COMMAND_ATOMIC;
	c->atomic.addr = (uintptr_t)t->jobs.area + off;
	c->atomic.operand = fuzz_draw(t, ~0ULL);
	c->atomic.op = fuzz_draw(t, 2) ? DRM_VSVM_ATOMIC_ADD : DRM_VSVM_ATOMIC_XOR;
	c->atomic.size = 8;
	if (len > 8) {
		c->atomic.result = c->atomic.addr + 8;
		word[1] = word[0];
	}
	if (c->atomic.op == DRM_VSVM_ATOMIC_ADD)
		word[0] += c->atomic.operand;
	else
		word[0] ^= c->atomic.operand;
}

static void add_prefetch(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	c->op = DRM_VSVM_COMMAND_PREFETCH;
	c->prefetch.addr = (uintptr_t)t->jobs.area +
			   fuzz_draw(t, 32) * (VT_HUGE / 32);
	c->prefetch.len = 4 * VT_PAGE;
	if (fuzz_one_in(t, 20)) {
		c->prefetch.addr = (uintptr_t)t->jobs.area;
		c->prefetch.len = FUZZ_JOBS_SIZE;
	}
	c->prefetch.target = fuzz_draw(t, 4) ? DRM_VSVM_TARGET_DEVICE :
			     fuzz_draw(t, 2) ? DRM_VSVM_TARGET_ADVISED :
			     DRM_VSVM_TARGET_SYSTEM;
}

/* For the last fence, which is there. */
static void add_wait(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	c->op = DRM_VSVM_COMMAND_WAIT;
	c->wait.addr = (uintptr_t)fence_of(t);
	c->wait.value = t->jobs.fence - 1;
	c->wait.mask = ~0ULL;
	c->wait.op = DRM_VSVM_WAIT_GE;
}

static void add_command(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	*c = (struct drm_vsvm_command) {};
	switch (fuzz_draw(t, 10)) {
	case 0:
	case 1:
	case 2:
		add_copy(t, c);
		break;
	case 3:
	case 4:
	case 5:
		add_fill(t, c);
		break;
	case 6:
		add_atomic(t, c);
		break;
	case 7:
	case 8:
		add_prefetch(t, c);
		break;
	default:
		add_wait(t, c);
	}
}

static void begin(struct fuzz_thread *t)
{
	struct drm_vsvm_command *c = (void *)(t->arg + FUZZ_COMMANDS_AT);
	struct fuzz_jobs *j = &t->jobs;
	unsigned int i, n = fuzz_draw(t, MOST_COMMANDS) + 1;
	struct drm_vsvm_submit arg = {
		.commands = (uintptr_t)c,
		.nr_commands = n + 1,
		.queue = j->queue,
	};
	int ret;

	j->nr = 0;
	j->fence++;
	fuzz_tell(t, "job %llu of %u commands",
		  (unsigned long long)j->fence, n);
	for (i = 0; i < n; i++)
		add_command(t, &c[i]);
	c[n] = (struct drm_vsvm_command) { .op = DRM_VSVM_COMMAND_SIGNAL };
	c[n].signal.addr = (uintptr_t)fence_of(t);
	c[n].signal.value = j->fence;
	c[n].signal.eventfd = fuzz_draw(t, 2) ? t->event : -1;
	do {
		ret = fuzz_ioctl(t, jobs_file(t), DRM_IOCTL_VSVM_SUBMIT, &arg,
				 sizeof(arg));
	} while (ret == -ENOMEM);
	if (ret)
		fuzz_found(t, "a valid job: %s", strerror(-ret));
	j->since = fuzz_now();
}

static void compare(struct fuzz_thread *t, size_t off, size_t len)
{
	const char *is = t->jobs.area + off;
	size_t i;

	if (!memcmp(is, t->jobs.shadow + off, len))
		return;
	for (i = 0; is[i] == t->jobs.shadow[off + i]; i++)
		;
	fuzz_found(t, "CPU reads %#x at +%#zx of the canary of jobs, not %#x",
		   (unsigned char)is[i], off + i,
		   (unsigned char)t->jobs.shadow[off + i]);
}

/* The fence is there: so is what was stored before it. */
static void done(struct fuzz_thread *t)
{
	struct fuzz_jobs *j = &t->jobs;
	unsigned int i;

	j->since = 0;
	j->done++;
	for (i = 0; i < j->nr; i++)
		compare(t, j->range[i].off, j->range[i].len);
	if (fuzz_one_in(t, 50))
		compare(t, 0, VT_HUGE);
}

/* Destroyed, so nobody goes on; the bytes are what they would be. */
static void begin_anew(struct fuzz_thread *t,
		       const struct drm_vsvm_queue_status *status)
{
	struct drm_vsvm_queue_destroy arg = { .queue = status->queue };
	int ret;

	fuzz_tell(t, "lost: error %u", status->error);
	if (status->error != ENOMEM && status->error != EBUSY &&
	    !(status->error == EFAULT && status->access != DRM_VSVM_ACCESS_READ &&
	      __atomic_load_n(&fuzz_shared->sigbus, __ATOMIC_SEQ_CST)))
		fuzz_found(t, "a valid job is lost: error %u, access %u at %#llx",
			   status->error, status->access,
			   (unsigned long long)status->addr);
	ret = fuzz_ioctl(t, jobs_file(t), DRM_IOCTL_VSVM_QUEUE_DESTROY, &arg,
			 sizeof(arg));
	if (ret)
		fuzz_found(t, "a lost queue: %s", strerror(-ret));
	memcpy(t->jobs.area, t->jobs.shadow, VT_HUGE);
	*fence_of(t) = t->jobs.fence;
	t->jobs.lost++;
	fuzz_jobs_anew(t);
}

/* Is the queue lost, or has the job taken too long? */
static void look(struct fuzz_thread *t)
{
	struct drm_vsvm_queue_status arg = { .queue = t->jobs.queue };
	int ret = fuzz_ioctl(t, jobs_file(t), DRM_IOCTL_VSVM_QUEUE_STATUS, &arg,
			     sizeof(arg));

	if (ret)
		fuzz_found(t, "the status of a queue: %s", strerror(-ret));
	else if (arg.state == DRM_VSVM_QUEUE_LOST)
		begin_anew(t, &arg);
	else if (fuzz_now() - t->jobs.since > PATIENCE * SECOND)
		fuzz_found(t, "a valid job is not done in %d seconds, state %u, job %llu of %llu",
			   PATIENCE, arg.state, (unsigned long long)arg.done,
			   (unsigned long long)arg.submitted);
}

static void check(struct fuzz_thread *t)
{
	if (__atomic_load_n(fence_of(t), __ATOMIC_ACQUIRE) == t->jobs.fence)
		done(t);
	else
		look(t);
}

/* Calls of the CPU between jobs: it stores, and memory moves. */
static void between(struct fuzz_thread *t)
{
	size_t off, len;

	t->jobs.nr = 0;
	draw_range(t, &off, &len);
	compare(t, off, len);
	vt_fill(t->jobs.shadow + off, len, fuzz_draw(t, 1 << 20), off);
	memcpy(t->jobs.area + off, t->jobs.shadow + off, len);
}

static void step(struct fuzz_thread *t)
{
	if (t->jobs.since) {
		check(t);
		return;
	}
	if (fuzz_one_in(t, 3))
		between(t);
	if (make_queue(t))
		begin(t);
}

/*
 * With dice of their own, and not by an input: what is drawn here depends on when a job
 * was done.
 */
static void swap_dice(struct fuzz_thread *t)
{
	struct storm_dice dice = t->dice;
	struct fuzz_step *step = t->step;

	t->dice = t->jobs.dice;
	t->step = t->jobs.step;
	t->jobs.dice = dice;
	t->jobs.step = step;
}

void fuzz_jobs(struct fuzz_thread *t)
{
	swap_dice(t);
	step(t);
	swap_dice(t);
}

void fuzz_jobs_settle(struct fuzz_thread *t)
{
	struct drm_vsvm_wait arg = {
		.addr = (uintptr_t)fence_of(t),
		.value = t->jobs.fence,
		.mask = ~0ULL,
		.op = DRM_VSVM_WAIT_EQ,
		.queue = t->jobs.queue,
	};
	int ret;

	swap_dice(t);
	while (t->jobs.since &&
	       !__atomic_load_n(&fuzz_shared->failed, __ATOMIC_RELAXED)) {
		arg.deadline = fuzz_now() + SECOND;
		ret = fuzz_ioctl(t, jobs_file(t), DRM_IOCTL_VSVM_WAIT, &arg,
				 sizeof(arg));
		/* The word may be out of reach: an armed failure. */
		if (ret && ret != -ETIME && ret != -EIO && ret != -EFAULT)
			fuzz_found(t, "waiting for a valid job: %s",
				   strerror(-ret));
		check(t);
	}
	swap_dice(t);
}
