// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces of xe: each is a file of vsvm's, with a device page table of its own, one
 * queue for all that VM_BIND orders, and the device program that does batches.
 *
 * Memory moves to the device when the device lacks it, unless xe's MADVISE says otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "xe-shim.h"

#define PROGRAM		"/usr/lib/vsvm/device/xe_batch.elf"

/* Slots of the queue for binds. */
#define SLOTS		64
/* Binds that one call may have. */
#define MAX_BINDS	16
/* Runs to ask for at once. */
#define RUNS		64

static struct xe_ids vms;

struct xe_vm *xe_vm_find(uint32_t id)
{
	return xe_id_find(&vms, id);
}

static bool holds(const struct xe_apart *apart, uint64_t addr)
{
	return addr - apart->addr < apart->len;
}

static int apart_add(struct xe_vm *vm, uint64_t addr, uint64_t len)
{
	struct xe_apart *apart = malloc(sizeof(*apart));

	if (!apart)
		return -ENOMEM;
	*apart = (struct xe_apart) { .addr = addr, .len = len };
	pthread_mutex_lock(&vm->lock);
	apart->next = vm->aparts;
	vm->aparts = apart;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

/* Forgets those within a range. */
static void aparts_forget(struct xe_vm *vm, uint64_t addr, uint64_t len)
{
	struct xe_apart **link = &vm->aparts, *apart;

	pthread_mutex_lock(&vm->lock);
	while ((apart = *link)) {
		if (apart->addr - addr < len && apart->addr - addr + apart->len <= len) {
			*link = apart->next;
			free(apart);
		} else {
			link = &apart->next;
		}
	}
	pthread_mutex_unlock(&vm->lock);
}

static void vm_free(struct xe_vm *vm)
{
	aparts_forget(vm, 0, UINT64_MAX);
	vsvm_program_close(vm->batch);
	vsvm_close(vm->v);
	free(vm);
}

/*
 * Has the program that does batches stay where it is. Faults that move it would be counted
 * with those that the tests count.
 */
static int keep_batch(const struct xe_vm *vm)
{
	const struct drm_vsvm_advice advice = { .location = DRM_VSVM_LOCATION_SYSTEM };
	uint64_t page = sysconf(_SC_PAGESIZE), offset, linked, begin, end;
	const char *name;

	begin = (uintptr_t)vsvm_program_symbol(vm->batch, "xe_batch") / page * page;
	end = begin + page;
	while (!vsvm_program_find(vm->batch, begin - page, &name, &offset, &linked))
		begin -= page;
	while (!vsvm_program_find(vm->batch, end, &name, &offset, &linked))
		end += page;
	return vsvm_advise(vm->v, (void *)begin, end - begin, DRM_VSVM_ADVISE_LOCATION,
			   &advice);
}

int xe_vm_create(int fd, struct drm_xe_vm_create *create)
{
	const struct drm_vsvm_advice advice = { .on_fault = DRM_VSVM_ON_FAULT_MIGRATE };
	struct drm_vsvm_info info = { 0 };
	struct xe_vm *vm;
	int ret;

	if (create->extensions)
		return -EINVAL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	pthread_mutex_init(&vm->lock, NULL);
	ret = xe_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info);
	if (!ret)
		ret = vsvm_open(info.device, &vm->v);
	if (!ret)
		ret = vsvm_advise_file(vm->v, DRM_VSVM_ADVISE_ON_FAULT, &advice);
	if (!ret)
		ret = vsvm_program_open(vm->v, PROGRAM, &vm->batch);
	if (!ret)
		ret = keep_batch(vm);
	if (!ret)
		ret = vsvm_queue_create(vm->v, DRM_VSVM_PRIORITY_NORMAL, SLOTS, &vm->binds);
	if (!ret)
		ret = xe_id_new(&vms, vm, &create->vm_id);
	if (ret)
		vm_free(vm);
	return ret;
}

int xe_vm_destroy(const struct drm_xe_vm_destroy *destroy)
{
	struct xe_vm *vm = xe_vm_find(destroy->vm_id);

	if (destroy->pad)
		return -EINVAL;
	if (!vm)
		return -ENOENT;
	if (vm->queues)
		return -EBUSY;
	xe_id_take(&vms, destroy->vm_id);
	vm_free(vm);
	return 0;
}

/* Whether what is at an address is the shim's own, or is set apart. */
static bool is_apart(struct xe_vm *vm, uint64_t addr)
{
	const struct xe_apart *apart;
	const struct xe_queue *queue;
	uint64_t offset, linked;
	const char *name;

	if (!vsvm_program_find(vm->batch, addr, &name, &offset, &linked))
		return true;
	pthread_mutex_lock(&vm->lock);
	for (queue = vm->queues; queue && !xe_queue_owns(queue, addr); queue = queue->next)
		;
	for (apart = vm->aparts; apart && !holds(apart, addr); apart = apart->next)
		;
	pthread_mutex_unlock(&vm->lock);
	return queue || apart;
}

static bool uses_run(struct xe_vm *vm, const struct drm_vsvm_run *run)
{
	uint64_t page = sysconf(_SC_PAGESIZE), i;

	if (!(run->state & DRM_VSVM_STATE_MAPPED))
		return false;
	for (i = 0; i < run->count; i++)
		if (!is_apart(vm, run->start + i * page))
			return true;
	return false;
}

/* EBUSY if the device's page table has memory of the process in a range. */
static int check_unused(struct xe_vm *vm, uint64_t addr, uint64_t len)
{
	uint64_t page = sysconf(_SC_PAGESIZE), end = addr + len;
	/* The last page below the middle of all addresses is nobody's. */
	uint64_t last = (1ULL << 47) - page;
	struct drm_vsvm_run runs[RUNS];
	uint32_t nr, i;
	int ret;

	if (end > last)
		end = last;
	while (addr < end) {
		nr = ARRAY_SIZE(runs);
		ret = vsvm_snapshot_table(vm->v, (void *)addr, end - addr, runs, &nr, &addr);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++)
			if (uses_run(vm, &runs[i]))
				return -EBUSY;
	}
	return 0;
}

static uint32_t prefetch_target(const struct drm_xe_vm_bind_op *op)
{
	if (!op->prefetch_mem_region_instance)
		return DRM_VSVM_TARGET_SYSTEM;
	if (op->prefetch_mem_region_instance == (uint32_t)DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC)
		return DRM_VSVM_TARGET_ADVISED;
	return DRM_VSVM_TARGET_DEVICE;
}

/* xe's prefetch fills untouched memory. */
static struct drm_vsvm_command prefetch(const struct drm_xe_vm_bind_op *op)
{
	uint32_t target = prefetch_target(op);
	struct drm_vsvm_command c = vsvm_cmd_prefetch((void *)op->addr, op->range, target);

	if (target != DRM_VSVM_TARGET_SYSTEM)
		c.prefetch.flags = DRM_VSVM_MIGRATE_POPULATE;
	return c;
}

static int unbind(struct xe_vm *vm, const struct drm_xe_vm_bind_op *op)
{
	int ret = check_unused(vm, op->addr, op->range);

	if (!ret)
		aparts_forget(vm, op->addr, op->range);
	return ret;
}

/* Adds the command for a bind, if it takes one. */
static int bind_one(struct xe_vm *vm, const struct drm_xe_vm_bind_op *op,
		    struct drm_vsvm_command *commands, uint32_t *nr)
{
	switch (op->op) {
	case DRM_XE_VM_BIND_OP_MAP:
		aparts_forget(vm, op->addr, op->range);
		return op->obj ? apart_add(vm, op->addr, op->range) : 0;
	case DRM_XE_VM_BIND_OP_UNMAP:
		return unbind(vm, op);
	case DRM_XE_VM_BIND_OP_PREFETCH:
		commands[(*nr)++] = prefetch(op);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* xe has a CPU store the fences of binds. */
static int set_apart(struct xe_vm *vm, const struct drm_vsvm_command *signals, uint32_t nr)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint32_t i;
	int ret = 0;

	for (i = 0; !ret && i < nr; i++)
		if (!is_apart(vm, signals[i].signal.addr))
			ret = apart_add(vm, signals[i].signal.addr / page * page, page);
	return ret;
}

int xe_vm_bind(struct drm_xe_vm_bind *bind)
{
	const struct drm_xe_vm_bind_op *ops = bind->num_binds == 1 ? &bind->bind :
		(const struct drm_xe_vm_bind_op *)(uintptr_t)bind->vector_of_binds;
	struct drm_vsvm_command commands[SLOTS];
	struct xe_vm *vm = xe_vm_find(bind->vm_id);
	uint32_t nr = 0, i;
	int ret;

	if (bind->extensions || bind->num_binds > MAX_BINDS ||
	    bind->num_syncs > SLOTS - MAX_BINDS)
		return -EINVAL;
	if (!vm)
		return -ENOENT;
	for (i = 0; i < bind->num_binds; i++) {
		ret = bind_one(vm, &ops[i], commands, &nr);
		if (ret)
			return ret;
	}
	ret = xe_signals(bind->syncs, bind->num_syncs, commands + nr);
	if (ret < 0)
		return ret;
	ret = set_apart(vm, commands + nr, bind->num_syncs);
	if (ret)
		return ret;
	return xe_submit(vm->v, vm->binds, commands, nr + bind->num_syncs);
}
