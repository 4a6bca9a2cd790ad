// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exec queues of xe, the jobs in them, and waits for fences. A job is a RUN of the device
 * program that does a batch, and a SIGNAL for each user fence.
 *
 * Owns the queues, and for each some memory that the device reads and the CPU writes. That
 * is shared memory, which does not move: it would come and go with each job.
 *
 * With VSVM_XE_JOBS=FILE in the environment the 64-bit word at the start of FILE, which
 * exists and is as long, becomes larger by one with each job of the program and its children.
 * With VSVM_TEST_PATIENCE=N a wait of a second or more may take N times as long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "xe-shim.h"

/* Commands that a queue holds. */
#define SLOTS		1024
#define STACK		4096
/* Of one batch, the longest of which copies 64 MiB, 64 bytes in 20 instructions. */
#define BUDGET		(1ULL << 26)
#define MAX_SYNCS	16
#define SECOND		1000000000LL

/**
 * struct xe_queue_mem - what the device reads and writes of a queue
 * @stack: for the program
 * @args: arguments of the last jobs, one more than the queue holds: those of a job that has
 *	not begun are not written again
 */
struct xe_queue_mem {
	char stack[STACK];
	uint64_t args[SLOTS + 1][8];
};

static struct xe_ids queues;

bool xe_queue_owns(const struct xe_queue *queue, uint64_t addr)
{
	return addr - (uintptr_t)queue->mem < sizeof(*queue->mem);
}

static void queue_free(struct xe_queue *queue)
{
	if (queue->mem)
		munmap(queue->mem, sizeof(*queue->mem));
	free(queue);
}

static int queue_alloc(struct xe_vm *vm, struct xe_queue **out)
{
	struct xe_queue *queue = calloc(1, sizeof(*queue));
	void *mem;
	int ret;

	if (!queue)
		return -ENOMEM;
	queue->vm = vm;
	pthread_mutex_init(&queue->lock, NULL);
	mem = mmap(NULL, sizeof(*queue->mem), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED) {
		free(queue);
		return -ENOMEM;
	}
	queue->mem = mem;
	ret = vsvm_queue_create(vm->v, DRM_VSVM_PRIORITY_NORMAL, SLOTS, &queue->queue);
	if (ret)
		queue_free(queue);
	else
		*out = queue;
	return ret;
}

int xe_queue_create(struct drm_xe_exec_queue_create *create)
{
	struct xe_vm *vm = xe_vm_find(create->vm_id);
	struct xe_queue *queue;
	int ret;

	if (create->extensions || create->width != 1 || create->num_placements != 1)
		return -EINVAL;
	if (!vm)
		return -ENOENT;
	ret = queue_alloc(vm, &queue);
	if (ret)
		return ret;
	ret = xe_id_new(&queues, queue, &create->exec_queue_id);
	if (ret) {
		vsvm_queue_destroy(vm->v, queue->queue);
		queue_free(queue);
		return ret;
	}
	pthread_mutex_lock(&vm->lock);
	queue->next = vm->queues;
	vm->queues = queue;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

int xe_queue_destroy(const struct drm_xe_exec_queue_destroy *destroy)
{
	struct xe_queue *queue, **link;

	if (destroy->pad)
		return -EINVAL;
	queue = xe_id_take(&queues, destroy->exec_queue_id);
	if (!queue)
		return -ENOENT;
	pthread_mutex_lock(&queue->vm->lock);
	for (link = &queue->vm->queues; *link != queue; link = &(*link)->next)
		;
	*link = queue->next;
	pthread_mutex_unlock(&queue->vm->lock);
	vsvm_queue_destroy(queue->vm->v, queue->queue);
	queue_free(queue);
	return 0;
}

int xe_signals(uint64_t syncs, uint32_t nr, struct drm_vsvm_command *commands)
{
	const struct drm_xe_sync *sync = (const void *)(uintptr_t)syncs;
	uint32_t i;

	for (i = 0; i < nr; i++, sync++) {
		if (sync->type != DRM_XE_SYNC_TYPE_USER_FENCE)
			return -EOPNOTSUPP;
		if (sync->extensions || sync->flags != DRM_XE_SYNC_FLAG_SIGNAL)
			return -EINVAL;
		commands[i] = vsvm_cmd_signal((void *)sync->addr, sync->timeline_value, -1);
	}
	return nr;
}

/* xe waits for room as well. */
int xe_submit(struct vsvm *v, uint32_t queue, const struct drm_vsvm_command *commands,
	      uint32_t nr)
{
	static const struct timespec moment = { .tv_nsec = 100000 };
	int ret;

	if (!nr)
		return 0;
	while ((ret = vsvm_submit(v, queue, commands, nr, NULL)) == -EAGAIN)
		nanosleep(&moment, NULL);
	return ret;
}

/* Once: where jobs are counted. Children of the process have it, too. */
static uint64_t *counter;

static void find_counter(void)
{
	const char *name = getenv("VSVM_XE_JOBS");
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *mem;

	if (fd < 0)
		return;
	mem = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem != MAP_FAILED)
		counter = mem;
}

static void count_job(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_counter);
	if (counter)
		__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* The command for a batch. Its arguments are used up when the job is in the queue. */
static struct drm_vsvm_command run_batch(struct xe_queue *queue, uint64_t batch)
{
	struct xe_queue_mem *mem = queue->mem;
	uint64_t *args = mem->args[queue->jobs % ARRAY_SIZE(mem->args)];

	args[0] = batch;
	return vsvm_cmd_run(vsvm_program_symbol(queue->vm->batch, "xe_batch"),
			    mem->stack + sizeof(mem->stack), args, BUDGET, NULL);
}

int xe_exec(const struct drm_xe_exec *exec)
{
	struct xe_queue *queue = xe_id_find(&queues, exec->exec_queue_id);
	struct drm_vsvm_command commands[MAX_SYNCS + 1];
	int nr, ret;

	if (exec->extensions || exec->num_batch_buffer > 1 || exec->num_syncs > MAX_SYNCS)
		return -EINVAL;
	if (!queue)
		return -ENOENT;
	nr = xe_signals(exec->syncs, exec->num_syncs, commands + 1);
	if (nr < 0)
		return nr;
	if (!exec->num_batch_buffer)
		return xe_submit(queue->vm->v, queue->queue, commands + 1, nr);

	pthread_mutex_lock(&queue->lock);
	commands[0] = run_batch(queue, exec->address);
	ret = xe_submit(queue->vm->v, queue->queue, commands, nr + 1);
	if (!ret)
		queue->jobs++;
	pthread_mutex_unlock(&queue->lock);
	if (!ret)
		count_job();
	return ret;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t with_patience(int64_t timeout)
{
	const char *patience = getenv("VSVM_TEST_PATIENCE");
	int64_t longer;

	if (timeout < SECOND || !patience ||
	    __builtin_mul_overflow(timeout, atoi(patience), &longer))
		return timeout;
	return longer > timeout ? longer : timeout;
}

/* What is left of a relative timeout is stored, as xe does. */
int xe_wait(int fd, struct drm_xe_wait_user_fence *wait)
{
	bool absolute = wait->flags & DRM_XE_UFENCE_WAIT_FLAG_ABSTIME;
	struct drm_vsvm_wait call = {
		.addr = wait->addr,
		.value = wait->value,
		.mask = wait->mask,
		.op = wait->op,
	};
	int64_t begin = now();
	int ret;

	if (wait->extensions || wait->pad || wait->pad2 || wait->reserved[0] ||
	    wait->reserved[1] || wait->flags & ~DRM_XE_UFENCE_WAIT_FLAG_ABSTIME)
		return -EINVAL;
	if (wait->exec_queue_id) {
		struct xe_queue *queue = xe_id_find(&queues, wait->exec_queue_id);

		if (!queue)
			return -ENOENT;
		call.queue = queue->queue;
		fd = vsvm_fd(queue->vm->v);
	}
	if (absolute)
		call.deadline = wait->timeout;
	else if (wait->timeout < 0)
		call.deadline = VSVM_NO_DEADLINE;
	else
		call.deadline = vsvm_deadline(with_patience(wait->timeout));
	do {
		ret = xe_ioctl(fd, DRM_IOCTL_VSVM_WAIT, &call);
	} while (ret == -EINTR);

	if (!absolute) {
		wait->timeout -= now() - begin;
		if (wait->timeout < 0)
			wait->timeout = 0;
	}
	return ret;
}
