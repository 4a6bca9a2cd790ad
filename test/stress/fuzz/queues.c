// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile calls of queues: queues that are made and destroyed while others submit,
 * jobs that are good, nearly good, or noise, fences anywhere, waits for what may never
 * come. What jobs do is not seen here, but in jobs.c, in the canaries, and by the
 * kernel.
 *
 * Jobs run later than the call, so they must not write to memory of which a thread
 * knows the bytes: see spare(). Numbers of queues are drawn like all else: the driver
 * takes the lowest one that is free, so small ones mostly are there.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

/* A valid queue has as many slots at least. */
#define FEW_SLOTS	4
/* Longest wait of WAIT. */
#define WAIT_MS		3

/* What a job may be refused for, besides what is true of its queue. */
struct wants {
	bool must;		/* it has to be refused */
	bool inval;
	bool fault;
	bool mfile;
};

static uint32_t any_queue(struct fuzz_thread *t)
{
	uint32_t noise = fuzz_number(t);

	switch (fuzz_draw(t, 16)) {
	case 0:
		return noise;
	case 1:
		return fuzz_draw(t, DRM_VSVM_MAX_QUEUES + 2);
	default:
		return fuzz_draw(t, 6) + 1;
	}
}

/* A word: one of a few, so that SIGNAL and WAIT meet, or any. */
static uint64_t any_word(struct fuzz_thread *t)
{
	uint64_t any = fuzz_address(t);

	switch (fuzz_draw(t, 8)) {
	case 0:
		return any;
	case 1:
		return any & ~7ULL;
	case 2:
	case 3:
		return FUZZ_WILD + fuzz_draw(t, 16) * (FUZZ_WILD_SIZE / 16) +
		       fuzz_draw(t, 4) * 8;
	default:
		return FUZZ_NODE + fuzz_draw(t, 8) * 8;
	}
}

static uint64_t any_value(struct fuzz_thread *t)
{
	uint64_t any = fuzz_number(t);

	return fuzz_one_in(t, 8) ? any : any % 4;
}

/* Mostly a number below @known. */
static uint32_t any_of(struct fuzz_thread *t, uint32_t known)
{
	uint32_t any = fuzz_number(t);

	return fuzz_one_in(t, 32) ? any : any % known;
}

static int any_event(struct fuzz_thread *t)
{
	switch (fuzz_draw(t, 16)) {
	case 0:
		return fuzz_number(t);
	case 1:
		return t->memfd;
	case 2:
		return FUZZ_FIRST_FD + fuzz_draw(t, FUZZ_FILES);
	case 3:
	case 4:
	case 5:
	case 6:
		return t->event;
	default:
		return -1;
	}
}

/* Commands have a reference to an eventfd, so it may go at any time. */
static void renew_event(struct fuzz_thread *t)
{
	close(t->event);
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void any_copy(struct fuzz_thread *t, struct drm_vsvm_copy *c)
{
	__u64 unused;

	fuzz_any_range(t, &c->to, &c->len);
	fuzz_any_range(t, &c->from, &unused);
}

static void any_fill(struct fuzz_thread *t, struct drm_vsvm_fill *c)
{
	uint64_t number = fuzz_number(t);

	fuzz_any_range(t, &c->addr, &c->len);
	c->size = 1U << any_of(t, 4) % 8;
	if (fuzz_draw(t, 16) && c->size <= 8) {
		c->addr &= ~(c->size - 1ULL);
		c->len &= ~(c->size - 1ULL);
	}
	c->value = fuzz_one_in(t, 16) ? number : number % 256;
	c->pad = fuzz_pad(t);
}

static void any_atomic(struct fuzz_thread *t, struct drm_vsvm_command_atomic *c)
{
	uint64_t number = fuzz_number(t);
	__u64 unused;

	fuzz_any_range(t, &c->addr, &unused);
	c->size = fuzz_one_in(t, 16) ? number : 4U << number % 2;
	c->operand = fuzz_one_in(t, 4) ? number : number >> 33;
	c->op = any_of(t, DRM_VSVM_ATOMIC_MAX + 1);
	if (c->op == DRM_VSVM_ATOMIC_CAS || fuzz_one_in(t, 32))
		c->compare = number % 3;
	if (fuzz_draw(t, 2))
		c->result = any_word(t);
}

static void any_prefetch(struct fuzz_thread *t, struct drm_vsvm_prefetch *c)
{
	fuzz_any_range(t, &c->addr, &c->len);
	c->target = any_of(t, 2);
	c->flags = fuzz_draw(t, 4) ? fuzz_pad(t) : DRM_VSVM_MIGRATE_POPULATE;
}

static void any_wait(struct fuzz_thread *t, struct drm_vsvm_command_wait *c)
{
	c->addr = any_word(t);
	c->value = any_value(t);
	c->mask = fuzz_draw(t, 4) ? ~0ULL : fuzz_number(t);
	c->op = any_of(t, DRM_VSVM_WAIT_LE + 1);
	c->pad = fuzz_pad(t);
}

static void any_signal(struct fuzz_thread *t, struct drm_vsvm_signal *c)
{
	c->addr = any_word(t);
	c->value = any_value(t);
	c->eventfd = any_event(t);
	c->pad = fuzz_pad(t);
}

/* Refused: see spare_all(). */
static void any_run(struct fuzz_thread *t, struct drm_vsvm_command_run *c)
{
	c->pc = fuzz_address(t);
	c->sp = fuzz_number(t);
	c->args = fuzz_draw(t, 2) ? fuzz_address(t) : 0;
	c->result = fuzz_draw(t, 2) ? any_word(t) : 0;
}

/* A range that a job writes to: not where a thread knows what has to be. */
static void spare(__u64 *addr)
{
	if (*addr >= FUZZ_CANARY - FUZZ_STEP && *addr < FUZZ_JOBS + 32 * FUZZ_STEP)
		*addr = FUZZ_WILD + *addr % FUZZ_WILD_SIZE;
}

static void spare_all(struct drm_vsvm_command *c)
{
	switch (c->op) {
	case DRM_VSVM_COMMAND_COPY:
		spare(&c->copy.to);
		break;
	case DRM_VSVM_COMMAND_FILL:
		spare(&c->fill.addr);
		break;
	case DRM_VSVM_COMMAND_ATOMIC:
		spare(&c->atomic.addr);
		if (c->atomic.result)
			spare(&c->atomic.result);
		break;
	case DRM_VSVM_COMMAND_SIGNAL:
		spare(&c->signal.addr);
		break;
	case DRM_VSVM_COMMAND_RUN:
		/* A program could store anywhere: programs.c has those that run. */
		c->run.budget = 0;
		break;
	}
}

static void any_command(struct fuzz_thread *t, struct drm_vsvm_command *c)
{
	/* Few that wait: those behind them are not done. */
	static const uint8_t ops[] = {
		DRM_VSVM_COMMAND_COPY, DRM_VSVM_COMMAND_COPY,
		DRM_VSVM_COMMAND_COPY, DRM_VSVM_COMMAND_FILL,
		DRM_VSVM_COMMAND_FILL, DRM_VSVM_COMMAND_FILL,
		DRM_VSVM_COMMAND_ATOMIC, DRM_VSVM_COMMAND_ATOMIC,
		DRM_VSVM_COMMAND_PREFETCH, DRM_VSVM_COMMAND_PREFETCH,
		DRM_VSVM_COMMAND_WAIT, DRM_VSVM_COMMAND_SIGNAL,
		DRM_VSVM_COMMAND_SIGNAL, DRM_VSVM_COMMAND_SIGNAL,
		DRM_VSVM_COMMAND_BARRIER,
	};

	*c = (struct drm_vsvm_command) { .op = ops[fuzz_draw(t, VT_COUNT(ops))] };
	if (c->op == DRM_VSVM_COMMAND_COPY)
		any_copy(t, &c->copy);
	else if (c->op == DRM_VSVM_COMMAND_FILL)
		any_fill(t, &c->fill);
	else if (c->op == DRM_VSVM_COMMAND_ATOMIC)
		any_atomic(t, &c->atomic);
	else if (c->op == DRM_VSVM_COMMAND_PREFETCH)
		any_prefetch(t, &c->prefetch);
	else if (c->op == DRM_VSVM_COMMAND_WAIT)
		any_wait(t, &c->wait);
	else if (c->op == DRM_VSVM_COMMAND_SIGNAL)
		any_signal(t, &c->signal);
	if (fuzz_one_in(t, 100)) {
		*c = (struct drm_vsvm_command) { .op = DRM_VSVM_COMMAND_RUN };
		any_run(t, &c->run);
	}
	if (fuzz_one_in(t, 48))
		c->raw[fuzz_draw(t, VT_COUNT(c->raw))] = fuzz_number(t);
	if (fuzz_one_in(t, 64))
		c->op = fuzz_number(t);
	if (fuzz_one_in(t, 64))
		c->flags = fuzz_number(t);
	spare_all(c);
}

static void want(struct wants *w, int error)
{
	w->must |= error < 0;
	w->inval |= error == -EINVAL;
	w->fault |= error == -EFAULT || error == FUZZ_ANY;
}

/* Number of words that an op has a name for. */
static unsigned int words_of(uint32_t op)
{
	static const uint8_t words[] = { 3, 4, 5, 3, 4, 3, 0, 5 };

	return op < VT_COUNT(words) ? words[op] : 7;
}

static void want_copy(struct wants *w, const struct drm_vsvm_copy *c)
{
	int to = fuzz_range_of(c->to, c->len);
	int from = fuzz_range_of(c->from, c->len);

	want(w, to);
	want(w, from);
	if (to != -EINVAL && from != -EINVAL && c->to < c->from + c->len &&
	    c->from < c->to + c->len)
		want(w, -EINVAL);
}

static void want_fill(struct wants *w, const struct drm_vsvm_fill *c)
{
	bool known = c->size == 1 || c->size == 2 || c->size == 4 || c->size == 8;

	if (c->pad || !known || c->addr % c->size || c->len % c->size ||
	    (c->size < 8 && c->value >> (8 * c->size)))
		want(w, -EINVAL);
	want(w, fuzz_range_of(c->addr, c->len));
}

static void want_command_atomic(struct wants *w,
				const struct drm_vsvm_command_atomic *c)
{
	const struct drm_vsvm_atomic arg = {
		.addr = c->addr,
		.operand = c->operand,
		.compare = c->compare,
		.op = c->op,
		.size = c->size,
	};

	want(w, fuzz_want_atomic(&arg));
	if (!c->result || (c->size != 4 && c->size != 8))
		return;
	want(w, c->result % c->size ? -EINVAL : FUZZ_GOOD);
	want(w, fuzz_range_of(c->result, c->size));
}

static void want_word(struct wants *w, uint64_t addr, uint32_t pad)
{
	if (pad || addr % 8)
		want(w, -EINVAL);
	want(w, fuzz_range_of(addr, 8));
}

static void want_event(struct wants *w, const struct fuzz_thread *t, int fd)
{
	if (fd == -1)
		return;
	if (fd == t->event) {
		w->mfile = true;
		return;
	}
	/* A number that open() gives may be another thread's eventfd. */
	if (fd > STDERR_FILENO && fd < FUZZ_FIRST_FD && fd != t->memfd)
		w->mfile = true;
	else
		w->must = true;
	w->inval = true;
}

static void want_command(struct wants *w, const struct fuzz_thread *t,
			 const struct drm_vsvm_command *c)
{
	unsigned int i;

	if (c->flags || c->op > DRM_VSVM_COMMAND_RUN)
		want(w, -EINVAL);
	for (i = words_of(c->op); i < VT_COUNT(c->raw); i++)
		want(w, c->raw[i] ? -EINVAL : FUZZ_GOOD);
	switch (c->op) {
	case DRM_VSVM_COMMAND_COPY:
		want_copy(w, &c->copy);
		break;
	case DRM_VSVM_COMMAND_FILL:
		want_fill(w, &c->fill);
		break;
	case DRM_VSVM_COMMAND_ATOMIC:
		want_command_atomic(w, &c->atomic);
		break;
	case DRM_VSVM_COMMAND_PREFETCH:
		if (c->prefetch.flags & ~DRM_VSVM_MIGRATE_POPULATE ||
		    c->prefetch.target > DRM_VSVM_TARGET_ADVISED ||
		    (c->prefetch.flags && c->prefetch.target == DRM_VSVM_TARGET_SYSTEM))
			want(w, -EINVAL);
		want(w, fuzz_pages_of(c->prefetch.addr, c->prefetch.len));
		break;
	case DRM_VSVM_COMMAND_WAIT:
		if (!c->wait.mask || c->wait.op > DRM_VSVM_WAIT_LE)
			want(w, -EINVAL);
		want_word(w, c->wait.addr, c->wait.pad);
		break;
	case DRM_VSVM_COMMAND_SIGNAL:
		want_word(w, c->signal.addr, c->signal.pad);
		want_event(w, t, c->signal.eventfd);
		break;
	case DRM_VSVM_COMMAND_RUN:
		if (c->run.pc % 2 || c->run.args % 8 || !c->run.budget)
			want(w, -EINVAL);
		want(w, fuzz_range_of(c->run.pc, 2));
		if (c->run.args)
			want(w, fuzz_range_of(c->run.args, 64));
		if (c->run.result)
			want_word(w, c->run.result, 0);
		break;
	}
}

static void call_create(struct fuzz_thread *t)
{
	uint64_t number = fuzz_number(t);
	struct drm_vsvm_queue_create arg = {
		.priority = any_of(t, DRM_VSVM_PRIORITY_HIGH + 1),
		.slots = FEW_SLOTS + number % 60,
		.flags = fuzz_flags(t, 0),
		.queue = number,
	};
	bool foreign;
	int ret, right;

	if (fuzz_one_in(t, 16))
		arg.slots = number;
	if (fuzz_one_in(t, 64))
		arg.slots = DRM_VSVM_MAX_SLOTS + number % 2;
	right = arg.flags || !arg.slots || arg.slots > DRM_VSVM_MAX_SLOTS ||
		arg.priority > DRM_VSVM_PRIORITY_HIGH ? -EINVAL : FUZZ_GOOD;
	/* Or nobody knows how many commands are too many. */
	if (right == FUZZ_GOOD && arg.slots < FEW_SLOTS)
		arg.slots = FEW_SLOTS;
	fuzz_tell(t, "CREATE priority %u slots %u flags %#x", arg.priority,
		  arg.slots, arg.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_QUEUE_CREATE, &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_CREATE, ret, right, foreign);
	if (ret != -EBADF && !ret != !!arg.queue)
		fuzz_found(t, "CREATE gave errno %d and queue %u", -ret, arg.queue);
	FUZZ_CHECK(t, ret || arg.queue <= INT_MAX);
}

static void call_destroy(struct fuzz_thread *t)
{
	struct drm_vsvm_queue_destroy arg = {
		.queue = any_queue(t),
		.pad = fuzz_pad(t),
	};
	bool foreign;
	int ret, right = arg.pad ? -EINVAL : FUZZ_GOOD;

	fuzz_tell(t, "DESTROY %u pad %#x", arg.queue, arg.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_QUEUE_DESTROY, &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_DESTROY, ret, right, foreign);
	FUZZ_CHECK(t, ret || arg.queue);
}

/* Was @ret right for a job of @nr commands that cannot change meanwhile? */
static void judge_job(struct fuzz_thread *t, int ret,
		      const struct drm_vsvm_command *c, uint32_t nr)
{
	struct wants w = {};
	uint32_t i;

	for (i = 0; i < nr && i < FUZZ_COMMANDS; i++)
		want_command(&w, t, &c[i]);
	if (nr > DRM_VSVM_MAX_SLOTS) {
		FUZZ_CHECK(t, ret == -EINVAL || ret == -ENOENT);
		return;
	}
	FUZZ_CHECK(t, ret || !w.must);
	FUZZ_CHECK(t, ret != -EINVAL || w.inval || nr > FEW_SLOTS);
	/* Those behind the page are where anything may be. */
	FUZZ_CHECK(t, ret != -EFAULT || w.fault || nr > FUZZ_COMMANDS);
	FUZZ_CHECK(t, ret != -EMFILE || w.mfile || nr > FUZZ_COMMANDS);
}

static void call_submit(struct fuzz_thread *t)
{
	struct drm_vsvm_command *c = (void *)(t->arg + FUZZ_COMMANDS_AT);
	struct drm_vsvm_submit arg = {
		.commands = (uintptr_t)c,
		.nr_commands = fuzz_draw(t, FEW_SLOTS) + 1,
		.queue = any_queue(t),
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
		.seq = fuzz_number(t),
	};
	bool foreign, wild = fuzz_one_in(t, 64);
	unsigned int i;
	int ret;

	if (fuzz_one_in(t, 64))
		renew_event(t);
	if (fuzz_one_in(t, 8))
		arg.nr_commands = fuzz_draw(t, FUZZ_COMMANDS + 1);
	if (fuzz_one_in(t, 64))
		arg.nr_commands = DRM_VSVM_MAX_SLOTS + fuzz_number(t);
	for (i = 0; i < arg.nr_commands && i < FUZZ_COMMANDS; i++)
		any_command(t, &c[i]);
	if (wild)
		arg.commands = fuzz_address(t);
	fuzz_tell(t, "SUBMIT %u at %#llx to %u flags %#x pad %#x, first op %u",
		  arg.nr_commands, arg.commands, arg.queue, arg.flags, arg.pad,
		  c->op);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_SUBMIT,
			 &arg, sizeof(arg));
	if (arg.flags || arg.pad || !arg.nr_commands)
		fuzz_judge(t, FUZZ_SUBMIT, ret, -EINVAL, foreign);
	else
		fuzz_judge(t, FUZZ_SUBMIT, ret, foreign ? FUZZ_GOOD : FUZZ_ANY,
			   foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, !ret == !!arg.seq);
	if (!foreign && !wild && !arg.flags && !arg.pad && arg.nr_commands)
		judge_job(t, ret, c, arg.nr_commands);
}

int64_t fuzz_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool compare(uint64_t word, const struct drm_vsvm_wait *arg)
{
	uint64_t a = word & arg->mask, b = arg->value & arg->mask;
	const bool is[] = { a == b, a != b, a > b, a >= b, a < b, a <= b };

	return is[arg->op];
}

static int want_wait(const struct drm_vsvm_wait *arg)
{
	if (arg->flags || arg->pad || !arg->mask || arg->op > DRM_VSVM_WAIT_LE ||
	    arg->addr % 8)
		return -EINVAL;
	return fuzz_range_of(arg->addr, 8);
}

static void call_wait(struct fuzz_thread *t)
{
	int64_t begin = fuzz_now(), most = begin + WAIT_MS * 1000000LL;
	struct drm_vsvm_wait arg = {
		.addr = any_word(t),
		.value = any_value(t),
		.mask = fuzz_draw(t, 4) ? ~0ULL : fuzz_number(t),
		.deadline = begin + (int64_t)fuzz_draw(t, WAIT_MS + 1) * 1000000,
		.op = any_of(t, DRM_VSVM_WAIT_LE + 1),
		.queue = fuzz_draw(t, 2) ? any_queue(t) : 0,
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
	};
	bool foreign, zero = fuzz_one_in(t, 4);
	int ret, right;

	if (fuzz_one_in(t, 4))
		arg.deadline = -fuzz_number(t);
	if (zero)
		arg.addr = FUZZ_CONST + fuzz_draw(t, FUZZ_CONST_SIZE / 8) * 8;
	else
		fuzz_noise(t, &arg, sizeof(arg));
	if (arg.deadline > most)
		arg.deadline = most;
	fuzz_tell(t, "WAIT %#llx value %#llx mask %#llx op %u queue %u flags %#x pad %#x",
		  arg.addr, arg.value, arg.mask, arg.op, arg.queue, arg.flags,
		  arg.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_WAIT,
			 &arg, sizeof(arg));
	right = want_wait(&arg);
	fuzz_judge(t, FUZZ_WAIT, ret, right, foreign);
	if (right < 0 || ret == -EBADF)
		return;
	FUZZ_CHECK(t, arg.queue || (ret != -ENOENT && ret != -EIO));
	FUZZ_CHECK(t, ret != -ETIME || fuzz_now() >= arg.deadline);
	if (!zero)
		return;
	FUZZ_CHECK(t, ret || compare(0, &arg));
	FUZZ_CHECK(t, (ret != -ETIME && ret != -EIO) || !compare(0, &arg));
}

static bool known_cause(uint32_t error)
{
	return error == EFAULT || error == EPERM || error == EOPNOTSUPP ||
	       error == EACCES || error == ENOMEM || error == EBUSY;
}

static void call_status(struct fuzz_thread *t)
{
	uint32_t queue = any_queue(t);
	struct drm_vsvm_queue_status arg;
	bool foreign, lost;
	int ret;

	memset(&arg, fuzz_draw(t, 256), sizeof(arg));
	arg.queue = queue;
	fuzz_tell(t, "STATUS %u", queue);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_QUEUE_STATUS, &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_STATUS, ret, FUZZ_GOOD, foreign);
	if (ret == -EBADF)
		return;
	lost = arg.state == DRM_VSVM_QUEUE_LOST;
	FUZZ_CHECK(t, arg.queue == queue);
	FUZZ_CHECK(t, arg.state <= DRM_VSVM_QUEUE_LOST);
	FUZZ_CHECK(t, arg.done <= arg.submitted);
	FUZZ_CHECK(t, arg.access <= DRM_VSVM_ACCESS_FETCH);
	FUZZ_CHECK(t, lost ? known_cause(arg.error) : !arg.error);
	FUZZ_CHECK(t, lost || (!arg.access && !arg.addr && !arg.lost));
	FUZZ_CHECK(t, !lost || (arg.lost == arg.done + 1 &&
				arg.lost <= arg.submitted));
	FUZZ_CHECK(t, ret || arg.state != DRM_VSVM_QUEUE_IDLE ||
		   arg.done == arg.submitted);
	FUZZ_CHECK(t, !ret || (!arg.state && !arg.submitted && !arg.busy &&
			       !arg.faults));
}

void fuzz_queue(struct fuzz_thread *t)
{
	switch (fuzz_draw(t, 12)) {
	case 0:
	case 1:
		call_create(t);
		break;
	case 2:
		call_destroy(t);
		break;
	case 3:
		call_wait(t);
		break;
	case 4:
		call_status(t);
		break;
	default:
		call_submit(t);
	}
}
