/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the shim share: xe-shim.c has what the program calls, and each other
 * file the answers of one kind.
 */
#ifndef XE_SHIM_H
#define XE_SHIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <libvsvm.h>

/* The kernel's header of xe. It includes drm.h, which is libdrm's, included before. */
#include <xe_drm.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct xe_apart - a range that xe's device would not have as memory of the process
 * @addr: first byte
 * @len: bytes
 * @next: another one of the same address space
 */
struct xe_apart {
	uint64_t addr;
	uint64_t len;
	struct xe_apart *next;
};

/**
 * struct xe_vm - an address space of xe, which is a file of vsvm's
 * @v: the file
 * @batch: the device program that does batches
 * @binds: queue for what VM_BIND orders
 * @lock: protects @queues and @aparts
 * @queues: those of the program that are in this file
 * @aparts: where buffers are bound, and pages with fences of binds
 */
struct xe_vm {
	struct vsvm *v;
	struct vsvm_program *batch;
	uint32_t binds;
	pthread_mutex_t lock;
	struct xe_queue *queues;
	struct xe_apart *aparts;
};

/**
 * struct xe_queue - an exec queue
 * @vm: where it works
 * @queue: vsvm's number of it
 * @next: another one of @vm
 * @mem: memory that the shim and the device share: a stack, and arguments of jobs
 * @lock: protects @jobs, and the arguments in @mem
 * @jobs: how many jobs were put into it
 */
struct xe_queue {
	struct xe_vm *vm;
	uint32_t queue;
	struct xe_queue *next;
	struct xe_queue_mem *mem;
	pthread_mutex_t lock;
	uint64_t jobs;
};

/**
 * struct xe_ids - numbers of objects, from 1
 * @objects: by number less 1; NULL: none has this number
 * @nr: length of it
 *
 * Protected by a lock of xe-shim.c, which the functions below take.
 */
struct xe_ids {
	void **objects;
	uint32_t nr;
};

/* Of xe-shim.c. */

/**
 * xe_ioctl() - call the driver, not the shim
 * @fd: a file
 * @request: the call
 * @arg: its argument
 *
 * Return: 0 or a negative errno.
 */
int xe_ioctl(int fd, unsigned long request, void *arg);

/**
 * xe_id_new() - give an object a number
 * @ids: the numbers
 * @object: the object
 * @id: out, the number
 *
 * Return: 0 or -ENOMEM.
 */
int xe_id_new(struct xe_ids *ids, void *object, uint32_t *id);

/**
 * xe_id_find() - find an object by its number
 * @ids: the numbers
 * @id: any number
 *
 * Return: the object; NULL: none has this number.
 */
void *xe_id_find(struct xe_ids *ids, uint32_t id);

/**
 * xe_id_take() - find an object by its number, and take the number from it
 * @ids: the numbers
 * @id: any number
 *
 * Return: as xe_id_find().
 */
void *xe_id_take(struct xe_ids *ids, uint32_t id);

/* Of xe-query.c. Texts are descriptors of files, or -1 and errno. */

int xe_device_query(int fd, struct drm_xe_device_query *query);
int xe_pat_text(void);
int xe_stats_text(unsigned int minor);

/* Of xe-vm.c. Answers to ioctls are 0 or a negative errno, here and below. */

int xe_vm_create(int fd, struct drm_xe_vm_create *create);
int xe_vm_destroy(const struct drm_xe_vm_destroy *destroy);
int xe_vm_bind(struct drm_xe_vm_bind *bind);

/* The address space with this number, or NULL. */
struct xe_vm *xe_vm_find(uint32_t id);

/* Of xe-advice.c. */

int xe_madvise(const struct drm_xe_madvise *madvise);
int xe_mem_ranges(struct drm_xe_vm_query_mem_range_attr *query);

/* Of xe-bo.c. */

int xe_gem_create(struct drm_xe_gem_create *create);
int xe_gem_mmap_offset(struct drm_xe_gem_mmap_offset *mmo);
int xe_gem_close(uint32_t handle);

/* The descriptor of the buffer that an offset of the node stands for, or -1. */
int xe_bo_file(off_t offset);

/* Of xe-queue.c. */

int xe_queue_create(struct drm_xe_exec_queue_create *create);
int xe_queue_destroy(const struct drm_xe_exec_queue_destroy *destroy);
int xe_exec(const struct drm_xe_exec *exec);
int xe_wait(int fd, struct drm_xe_wait_user_fence *wait);

/**
 * xe_submit() - put a job into a queue, when there is room
 * @v: the file
 * @queue: the queue
 * @commands: the commands of the job
 * @nr: their number, which may be 0
 *
 * Return: 0 or a negative errno of vsvm_submit().
 */
int xe_submit(struct vsvm *v, uint32_t queue, const struct drm_vsvm_command *commands,
	      uint32_t nr);

/**
 * xe_signals() - commands that signal what a job of xe is to signal
 * @syncs: address of an array of struct drm_xe_sync
 * @nr: its length
 * @commands: out, room for as many commands
 *
 * Return: their number, or a negative errno.
 */
int xe_signals(uint64_t syncs, uint32_t nr, struct drm_vsvm_command *commands);

/* Whether memory that a queue shares with the device is at an address. */
bool xe_queue_owns(const struct xe_queue *queue, uint64_t addr);

#endif /* XE_SHIM_H */
