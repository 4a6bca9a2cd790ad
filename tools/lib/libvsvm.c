// SPDX-License-Identifier: MIT
/*
 * libvsvm: thin functions over the ioctls of a vsvm render node.
 *
 * Owns the handle, which is a file descriptor and nothing else: it lives from
 * vsvm_open() to vsvm_close(), never changes in between, and so needs no lock.
 * There are no globals. Whatever goes wrong is returned, never printed.
 *
 * drmIoctl() retries a call that a signal interrupted. That is safe although
 * the kernel writes output fields on failure too: the only field that is both
 * input and output is the room for a snapshot, and the driver returns EINTR
 * only to a process that is being killed and will not see the second answer, or
 * where a test asked for it (drm/vsvm_inject.h). WAIT has a deadline that does not move.
 *
 * It also retries on EAGAIN, which is SUBMIT's answer when there is no room, and would
 * find no queue where it retried QUEUE_DESTROY: these two do without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libvsvm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* libdrm itself looks at no more. */
#define MAX_NODES	256

struct vsvm {
	int fd;
};

static int ioctl_fd(int fd, unsigned long request, void *arg)
{
	return drmIoctl(fd, request, arg) ? -errno : 0;
}

static bool is_vsvm(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool ret = version && !strcmp(version->name, "vsvm");

	drmFreeVersion(version);
	return ret;
}

/*
 * Only the platform device of that name is opened: opening a render node may wake a
 * sleeping graphics card, and another device's node may be another user's. -ENODEV: not
 * the one.
 */
static int open_node(drmDevicePtr dev, unsigned int device)
{
	struct drm_vsvm_info info = { 0 };
	char name[32];
	int fd, ret;

	snprintf(name, sizeof(name), "vsvm.%u", device);
	if (dev->bustype != DRM_BUS_PLATFORM ||
	    !(dev->available_nodes & (1 << DRM_NODE_RENDER)) ||
	    strcmp(dev->businfo.platform->fullname, name))
		return -ENODEV;

	fd = open(dev->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ret = is_vsvm(fd) ? ioctl_fd(fd, DRM_IOCTL_VSVM_INFO, &info) : -ENODEV;
	if (!ret && info.device == device)
		return fd;

	close(fd);
	return ret ? ret : -ENODEV;
}

/* The descriptor, or a negative errno. */
static int find_node(unsigned int device)
{
	drmDevicePtr devs[MAX_NODES];
	int fd = -ENODEV, nr, i, ret;

	/* Not asked for their number before: each question reads all of sysfs. */
	nr = drmGetDevices2(0, devs, MAX_NODES);
	for (i = 0; i < nr && fd < 0; i++) {
		ret = open_node(devs[i], device);
		if (ret != -ENODEV)
			fd = ret;
	}

	if (nr > 0)
		drmFreeDevices(devs, nr);
	return fd;
}

int vsvm_open(unsigned int device, struct vsvm **out)
{
	struct vsvm *v;
	int fd;

	*out = NULL;
	fd = find_node(device);
	if (fd < 0)
		return fd;

	v = malloc(sizeof(*v));
	if (!v) {
		close(fd);
		return -ENOMEM;
	}

	v->fd = fd;
	*out = v;
	return 0;
}

void vsvm_close(struct vsvm *v)
{
	if (!v)
		return;
	close(v->fd);
	free(v);
}

int vsvm_fd(const struct vsvm *v)
{
	return v->fd;
}

int vsvm_info(struct vsvm *v, struct drm_vsvm_info *info)
{
	memset(info, 0, sizeof(*info));
	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_INFO, info);
}

static int read_write(struct vsvm *v, unsigned long request, const void *addr,
		      const void *buf, size_t len, size_t *done)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)addr,
		.buf = (uintptr_t)buf,
		.len = len,
	};
	int ret = 0;

	if (len)
		ret = ioctl_fd(v->fd, request, &rw);
	if (done)
		*done = rw.done;
	return ret;
}

int vsvm_read(struct vsvm *v, const void *addr, void *buf, size_t len,
	      size_t *done)
{
	return read_write(v, DRM_IOCTL_VSVM_READ, addr, buf, len, done);
}

int vsvm_write(struct vsvm *v, void *addr, const void *buf, size_t len,
	       size_t *done)
{
	return read_write(v, DRM_IOCTL_VSVM_WRITE, addr, buf, len, done);
}

int vsvm_migrate(struct vsvm *v, void *addr, size_t len, uint32_t target,
		 uint32_t flags, struct drm_vsvm_migrate *result)
{
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)addr,
		.len = len,
		.target = target,
		.flags = flags,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_MIGRATE, &mig);

	if (result)
		*result = mig;
	return ret;
}

int vsvm_discard(struct vsvm *v, void *addr, size_t len,
		 struct drm_vsvm_discard *result)
{
	struct drm_vsvm_discard discard = {
		.addr = (uintptr_t)addr,
		.len = len,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_DISCARD, &discard);

	if (result)
		*result = discard;
	return ret;
}

static int pin(struct vsvm *v, const void *addr, size_t len, uint32_t flags,
	       struct drm_vsvm_pin *result)
{
	struct drm_vsvm_pin arg = {
		.addr = (uintptr_t)addr,
		.len = len,
		.flags = flags,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_PIN, &arg);

	if (result)
		*result = arg;
	return ret;
}

int vsvm_pin(struct vsvm *v, const void *addr, size_t len,
	     struct drm_vsvm_pin *result)
{
	return pin(v, addr, len, 0, result);
}

int vsvm_unpin(struct vsvm *v, const void *addr, size_t len,
	       struct drm_vsvm_pin *result)
{
	return pin(v, addr, len, DRM_VSVM_PIN_RELEASE, result);
}

static int snapshot(struct vsvm *v, const void *addr, size_t len, uint32_t flags,
		    struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next)
{
	struct drm_vsvm_snapshot snap = {
		.addr = (uintptr_t)addr,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = *nr_runs,
		.flags = flags,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_SNAPSHOT, &snap);

	*nr_runs = snap.nr_runs;
	if (next)
		*next = snap.next;
	return ret;
}

int vsvm_snapshot(struct vsvm *v, const void *addr, size_t len,
		  struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next)
{
	return snapshot(v, addr, len, 0, runs, nr_runs, next);
}

int vsvm_snapshot_table(struct vsvm *v, const void *addr, size_t len,
			struct drm_vsvm_run *runs, uint32_t *nr_runs,
			uint64_t *next)
{
	return snapshot(v, addr, len, DRM_VSVM_SNAPSHOT_TABLE, runs, nr_runs,
			next);
}

int vsvm_exclusive(struct vsvm *v, void *addr, size_t len, uint64_t *done)
{
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)addr,
		.len = len,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_EXCLUSIVE, &excl);

	if (done)
		*done = excl.done;
	return ret;
}

int vsvm_atomic(struct vsvm *v, void *word, uint32_t size, uint32_t op,
		uint64_t operand, uint64_t compare, uint64_t *old)
{
	struct drm_vsvm_atomic arg = {
		.addr = (uintptr_t)word,
		.operand = operand,
		.compare = compare,
		.op = op,
		.size = size,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_ATOMIC, &arg);

	if (old)
		*old = arg.old;
	return ret;
}

int vsvm_advise(struct vsvm *v, void *addr, size_t len, uint32_t set,
		const struct drm_vsvm_advice *advice)
{
	struct drm_vsvm_advise arg = {
		.addr = (uintptr_t)addr,
		.len = len,
		.set = set,
		.advice = *advice,
	};

	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_ADVISE, &arg);
}

int vsvm_advise_file(struct vsvm *v, uint32_t set,
		     const struct drm_vsvm_advice *advice)
{
	struct drm_vsvm_advise arg = {
		.set = set,
		.flags = DRM_VSVM_ADVISE_FILE,
		.advice = *advice,
	};

	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_ADVISE, &arg);
}

int vsvm_advice_get(struct vsvm *v, const void *addr, size_t len,
		    struct drm_vsvm_advice_run *runs, uint32_t *nr_runs,
		    uint64_t *next)
{
	struct drm_vsvm_advice_get arg = {
		.addr = (uintptr_t)addr,
		.len = len,
		.runs = (uintptr_t)runs,
		.nr_runs = *nr_runs,
		.next = (uintptr_t)addr,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_ADVICE_GET, &arg);

	*nr_runs = arg.nr_runs;
	if (next)
		*next = arg.next;
	return ret;
}

int vsvm_advice_file(struct vsvm *v, struct drm_vsvm_advice *advice)
{
	struct drm_vsvm_advice_run run;
	struct drm_vsvm_advice_get arg = {
		.runs = (uintptr_t)&run,
		.nr_runs = 1,
		.flags = DRM_VSVM_ADVISE_FILE,
	};
	int ret;

	memset(&run, 0, sizeof(run));
	ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_ADVICE_GET, &arg);
	*advice = run.advice;
	return ret;
}

int vsvm_queue_create(struct vsvm *v, uint32_t priority, uint32_t slots,
		      uint32_t *queue)
{
	struct drm_vsvm_queue_create create = {
		.priority = priority,
		.slots = slots,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_QUEUE_CREATE, &create);

	*queue = ret ? 0 : create.queue;
	return ret;
}

int vsvm_queue_destroy(struct vsvm *v, uint32_t queue)
{
	struct drm_vsvm_queue_destroy destroy = { .queue = queue };

	return ioctl(v->fd, DRM_IOCTL_VSVM_QUEUE_DESTROY, &destroy) ? -errno : 0;
}

int vsvm_submit(struct vsvm *v, uint32_t queue,
		const struct drm_vsvm_command *commands, uint32_t nr_commands,
		uint64_t *seq)
{
	struct drm_vsvm_submit submit = {
		.commands = (uintptr_t)commands,
		.nr_commands = nr_commands,
		.queue = queue,
	};
	int ret;

	do {
		ret = ioctl(v->fd, DRM_IOCTL_VSVM_SUBMIT, &submit) ? -errno : 0;
	} while (ret == -EINTR);

	if (seq)
		*seq = ret ? 0 : submit.seq;
	return ret;
}

int vsvm_wait(struct vsvm *v, const void *word, uint64_t value, uint64_t mask,
	      uint32_t op, int64_t deadline, uint32_t queue)
{
	struct drm_vsvm_wait wait = {
		.addr = (uintptr_t)word,
		.value = value,
		.mask = mask,
		.deadline = deadline,
		.op = op,
		.queue = queue,
	};

	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_WAIT, &wait);
}

int64_t vsvm_deadline(int64_t ns)
{
	struct timespec now;
	int64_t time;

	clock_gettime(CLOCK_MONOTONIC, &now);
	time = now.tv_sec * 1000000000LL + now.tv_nsec;
	return ns > INT64_MAX - time ? VSVM_NO_DEADLINE : time + ns;
}

int vsvm_queue_status(struct vsvm *v, uint32_t queue,
		      struct drm_vsvm_queue_status *status)
{
	memset(status, 0, sizeof(*status));
	status->queue = queue;
	return ioctl_fd(v->fd, DRM_IOCTL_VSVM_QUEUE_STATUS, status);
}

int vsvm_events_open(struct vsvm *v, uint64_t mask, uint32_t records,
		     uint32_t flags, int *fd)
{
	struct drm_vsvm_events arg = {
		.mask = mask,
		.records = records,
		.size = sizeof(struct drm_vsvm_event),
		.flags = flags,
	};
	int ret = ioctl_fd(v->fd, DRM_IOCTL_VSVM_EVENTS, &arg);

	*fd = ret ? -1 : arg.fd;
	return ret;
}

int vsvm_events_read(int fd, struct drm_vsvm_event *events, uint32_t *nr)
{
	size_t room = *nr * sizeof(*events);
	ssize_t n;

	*nr = 0;
	do {
		n = read(fd, events, room);
	} while (n < 0 && errno == EINTR);

	if (n < 0)
		return -errno;
	*nr = n / sizeof(*events);
	return 0;
}

/* An initializer may leave what a union has beyond the member that it names as it is. */
static struct drm_vsvm_command command(uint32_t op)
{
	struct drm_vsvm_command c;

	memset(&c, 0, sizeof(c));
	c.op = op;
	return c;
}

struct drm_vsvm_command vsvm_cmd_copy(void *to, const void *from, size_t len)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_COPY);

	c.copy.to = (uintptr_t)to;
	c.copy.from = (uintptr_t)from;
	c.copy.len = len;
	return c;
}

struct drm_vsvm_command vsvm_cmd_fill(void *addr, size_t len, uint64_t value,
				      uint32_t size)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_FILL);

	c.fill.addr = (uintptr_t)addr;
	c.fill.len = len;
	c.fill.value = value;
	c.fill.size = size;
	return c;
}

struct drm_vsvm_command vsvm_cmd_atomic(void *word, uint32_t size, uint32_t op,
					uint64_t operand, uint64_t compare,
					void *result)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_ATOMIC);

	c.atomic.addr = (uintptr_t)word;
	c.atomic.operand = operand;
	c.atomic.compare = compare;
	c.atomic.result = (uintptr_t)result;
	c.atomic.op = op;
	c.atomic.size = size;
	return c;
}

struct drm_vsvm_command vsvm_cmd_prefetch(void *addr, size_t len,
					  uint32_t target)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_PREFETCH);

	c.prefetch.addr = (uintptr_t)addr;
	c.prefetch.len = len;
	c.prefetch.target = target;
	return c;
}

struct drm_vsvm_command vsvm_cmd_wait(const void *word, uint64_t value,
				      uint64_t mask, uint32_t op)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_WAIT);

	c.wait.addr = (uintptr_t)word;
	c.wait.value = value;
	c.wait.mask = mask;
	c.wait.op = op;
	return c;
}

struct drm_vsvm_command vsvm_cmd_signal(void *word, uint64_t value, int eventfd)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_SIGNAL);

	c.signal.addr = (uintptr_t)word;
	c.signal.value = value;
	c.signal.eventfd = eventfd;
	return c;
}

struct drm_vsvm_command vsvm_cmd_barrier(void)
{
	return command(DRM_VSVM_COMMAND_BARRIER);
}

struct drm_vsvm_command vsvm_cmd_run(const void *code, const void *stack,
				     const uint64_t args[8], uint64_t budget,
				     uint64_t *result)
{
	struct drm_vsvm_command c = command(DRM_VSVM_COMMAND_RUN);

	c.run.pc = (uintptr_t)code;
	c.run.sp = (uintptr_t)stack;
	c.run.args = (uintptr_t)args;
	c.run.budget = budget;
	c.run.result = (uintptr_t)result;
	return c;
}

const char *vsvm_stay_name(unsigned int reason)
{
#define WORD(reason, word)	\
	[DRM_VSVM_STAY_##reason] = word,
	static const char *const names[] = { DRM_VSVM_STAY_WORDS(WORD, WORD) };
#undef WORD

	_Static_assert(ARRAY_SIZE(names) == DRM_VSVM_STAY_REASONS,
		       "a reason has no name");
	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

const char *vsvm_cause_name(uint32_t cause)
{
#define WORD(cause, word)	\
	[DRM_VSVM_CAUSE_##cause] = word,
	static const char *const names[] = { DRM_VSVM_CAUSE_WORDS(WORD, WORD) };
#undef WORD

	_Static_assert(ARRAY_SIZE(names) == DRM_VSVM_CAUSES,
		       "a cause has no name");
	return cause < ARRAY_SIZE(names) ? names[cause] : NULL;
}

const char *vsvm_event_name(uint32_t type)
{
#define WORD(type, word)	\
	[DRM_VSVM_EVENT_##type] = word,
	static const char *const names[] = { DRM_VSVM_EVENT_WORDS(WORD, WORD) };
#undef WORD

	_Static_assert(ARRAY_SIZE(names) == DRM_VSVM_EVENT_TYPES,
		       "an event has no name");
	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

const char *vsvm_place_name(uint32_t place)
{
	static const char *const names[] = {
		[DRM_VSVM_PLACE_ABSENT] = "absent",
		[DRM_VSVM_PLACE_ERROR] = "error",
		[DRM_VSVM_PLACE_ZERO] = "zero",
		[DRM_VSVM_PLACE_SYSTEM] = "system",
		[DRM_VSVM_PLACE_DEVICE] = "device",
		[DRM_VSVM_PLACE_PEER] = "peer",
	};

	return place < ARRAY_SIZE(names) ? names[place] : NULL;
}
