// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file's address space.
 *
 * A file belongs to the mm that opened it. A forked child, a process that received the
 * descriptor, and the same process after exec have another mm and are refused. A
 * process must not see memory through a file that it could not see itself. And a
 * program that inherits a descriptor, as standard input for example, must not be made
 * to read or write its own memory.
 *
 * The opener is stored at open, and not taken from current later: another process, or
 * another user, may read fdinfo or be the first to use the file.
 *
 * Lifetime: from open to the last close, and until its fault worker ends. It keeps the
 * mm_struct, not its memory, so that the pointer never is that of a new mm. Locks:
 * &vsvm_vm.bind, outside mmap_lock, taken for the first use of a file.
 */
#include <linux/capability.h>
#include <linux/cpuset.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_vm.h"

/**
 * vsvm_vm_create() - create the address space of a new file
 * @drm: the device
 * @devmem: its memory
 * @dma: the device that system pages are mapped for; NULL: they have no DMA addresses
 *
 * Nothing is mirrored before vsvm_vm_use(), so a file that is opened for INFO only
 * needs no notifier.
 *
 * Return: the address space; -EPERM: a kernel thread has no mm; -ENOMEM.
 */
struct vsvm_vm *vsvm_vm_create(struct drm_device *drm,
			       struct vsvm_devmem *devmem, struct device *dma)
{
	struct vsvm_vm *vm;

	if (!current->mm)
		return ERR_PTR(-EPERM);
	vm = VSVM_INJECT(devmem->inject, OPEN, NULL,
			 kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT));
	if (!vm)
		return ERR_PTR(-ENOMEM);

	kref_init(&vm->refs);
	drm_dev_get(drm);
	vm->drm = drm;
	vm->mm = current->mm;
	mmgrab(vm->mm);
	vm->owner = get_pid(task_tgid(current));
	vm->kcov = kcov_common_handle();
	mutex_init(&vm->bind);
	vsvm_mirror_init(&vm->mirror, drm, devmem, dma);
	return vm;
}

/**
 * vsvm_vm_destroy() - free the address space of a closed file
 * @vm: the address space, which no thread uses any more
 */
void vsvm_vm_destroy(struct vsvm_vm *vm)
{
	struct drm_device *drm = vm->drm;

	if (vm->bound)
		vsvm_mirror_unbind(&vm->mirror);
	vsvm_mirror_destroy(&vm->mirror);
	mmdrop(vm->mm);
	put_pid(vm->owner);
	mutex_destroy(&vm->bind);
	kfree(vm);
	drm_dev_put(drm);
}

/**
 * vsvm_vm_get() - take a reference
 * @vm: the address space
 */
void vsvm_vm_get(struct vsvm_vm *vm)
{
	kref_get(&vm->refs);
}

/**
 * vsvm_vm_put() - drop a reference
 * @vm: the address space
 */
void vsvm_vm_put(struct vsvm_vm *vm)
{
	kref_put(&vm->refs, vm->release);
}

/* Starts to mirror the file's mm, unless another thread has. */
static int bind(struct vsvm_vm *vm)
{
	int ret = 0;

	if (VSVM_INJECT(vm->mirror.table.inject, BIND_LOCK, -EINTR,
			mutex_lock_killable(&vm->bind)))
		return -EINTR;
	if (!vm->bound) {
		ret = vsvm_mirror_bind(&vm->mirror, vm->mm, vm->owner);
		if (!ret)
			/* Pairs with the acquires below. */
			smp_store_release(&vm->bound, true);
	}
	mutex_unlock(&vm->bind);
	return ret;
}

/**
 * vsvm_vm_check() - check that the file belongs to the caller's mm
 * @vm: the address space
 *
 * Takes no lock, binds nothing.
 *
 * Return: 0; -EPERM: it belongs to another mm.
 */
int vsvm_vm_check(struct vsvm_vm *vm)
{
	if (vm->mm == current->mm)
		return 0;
	drm_dbg_driver(vm->drm, "file belongs to another mm\n");
	return -EPERM;
}

/**
 * vsvm_vm_use() - check that the caller may use the file, and bind its mirror
 * @vm: the address space
 * @ctx: out, the caller as the rooms below know it
 *
 * Takes &vsvm_vm.bind, and mmap_lock for writing, the first time.
 *
 * Return: 0; -EPERM: it belongs to another mm; -ENOMEM, -EINTR or -ENODEV from binding.
 */
int vsvm_vm_use(struct vsvm_vm *vm, struct vsvm_context *ctx)
{
	int ret = vsvm_vm_check(vm);

	if (ret)
		return ret;
	*ctx = (struct vsvm_context) {
		.m = &vm->mirror,
		.stop = vsvm_context_killed,
		.policy = vsvm_context_policy(),
	};
	/* Pairs with the release in bind(): the mirror is bound. */
	return smp_load_acquire(&vm->bound) ? 0 : bind(vm);
}

/**
 * vsvm_vm_lives() - find out whether anybody needs work for a file
 * @vm: its address space
 *
 * Return: true if a thread of the process that opened the file still has its memory.
 */
bool vsvm_vm_lives(const struct vsvm_vm *vm)
{
	struct task_struct *owner, *t;
	bool lives = false;

	rcu_read_lock();
	owner = pid_task(vm->owner, PIDTYPE_TGID);
	/* A process that is being killed needs nothing any more. */
	if (owner && !(READ_ONCE(owner->signal->flags) & SIGNAL_GROUP_EXIT)) {
		for_each_thread(owner, t) {
			lives = READ_ONCE(t->mm) == vm->mm;
			if (lives)
				break;
		}
	}
	rcu_read_unlock();
	return lives;
}

/*
 * A thread of the kernel may use all nodes. What it faults in is placed in the cpuset of
 * the process, as that of its first thread is now.
 */
static void adopt_cpuset(const struct vsvm_vm *vm)
{
#ifdef CONFIG_CPUSETS
	struct task_struct *owner = get_pid_task(vm->owner, PIDTYPE_TGID);
	nodemask_t may;

	if (!owner)
		return;
	task_lock(owner);
	may = owner->mems_allowed;
	task_unlock(owner);
	put_task_struct(owner);
	set_mems_allowed(may);
#endif
}

/**
 * vsvm_vm_act_begin() - have the current thread of the kernel work for a process
 * @vm: its file's address space
 * @act: for vsvm_vm_act_end()
 *
 * What it allocates is charged to the process's cgroup, and placed in its cpuset.
 */
void vsvm_vm_act_begin(const struct vsvm_vm *vm, struct vsvm_act *act)
{
	adopt_cpuset(vm);
	act->memcg = get_mem_cgroup_from_mm(vm->mm);
	act->old = set_active_memcg(act->memcg);
}

/**
 * vsvm_vm_act_end() - undo vsvm_vm_act_begin(); the cpuset stays for the next time
 * @act: the same as there
 */
void vsvm_vm_act_end(const struct vsvm_act *act)
{
	set_active_memcg(act->old);
	mem_cgroup_put(act->memcg);
}

static u64 table_bytes(struct vsvm_vm *vm, u32 place)
{
	return (u64)READ_ONCE(vm->mirror.table.count[place]) << PAGE_SHIFT;
}

/*
 * The process's pages on this device are reported as one object, as shared if the
 * process has more than one file. Pages in this file's device page table are active.
 */
static void device_memory(struct vsvm_vm *vm, const struct vsvm_client *client,
			  struct drm_memory_stats *stats)
{
	unsigned long files = READ_ONCE(client->refs) -
			      READ_ONCE(client->nr_blocks);

	stats->resident = (u64)READ_ONCE(client->nr_pages) << PAGE_SHIFT;
	if (files > 1)
		stats->shared = stats->resident;
	else
		stats->private = stats->resident;
	stats->active = min(table_bytes(vm, DRM_VSVM_PLACE_DEVICE),
			    stats->resident);
}

/*
 * True if @reader, an fdinfo file of @file, may show what the process that opened @file
 * does. Any holder of the descriptor has an fdinfo of it, and core checks a right to
 * look at that holder, not at the process that uses the file. The reader may have
 * received @reader from another process, so the credentials with which it was opened
 * count.
 */
static bool may_look(const struct vsvm_vm *vm, struct file *file,
		     const struct file *reader)
{
	return vm->mm == current->mm ||
	       uid_eq(file->f_cred->euid, reader->f_cred->euid) ||
	       file_ns_capable(reader, &init_user_ns, CAP_PERFMON);
}

/**
 * vsvm_vm_fdinfo() - show memory, engines and counters of a file in /proc/PID/fdinfo
 * @vm: its address space; the caller is inside drm_dev_enter()
 * @file: the file
 * @m: output
 *
 * Shows nothing about a process that may_look() refuses. Takes &vsvm_engines.lock for
 * one of them, so numbers may be from different moments.
 */
void vsvm_vm_fdinfo(struct vsvm_vm *vm, struct file *file, struct seq_file *m)
{
	struct drm_memory_stats device = {}, memory = {};
	struct drm_printer p = drm_seq_file_printer(m);
	/* Pairs with the release in bind(): the client is set. */
	struct vsvm_client *client = smp_load_acquire(&vm->bound) ?
				   vm->mirror.client : NULL;
	unsigned int i;
	u64 n;

	seq_printf(m, "vsvm-device:\t%u\n", vm->mirror.devmem->device);
	if (!may_look(vm, file, m->file))
		return;
	if (client)
		device_memory(vm, client, &device);
	memory.resident = table_bytes(vm, DRM_VSVM_PLACE_SYSTEM);
	memory.private = memory.resident;
	memory.active = memory.resident;
	drm_print_memory_stats(&p, &device, DRM_GEM_OBJECT_RESIDENT |
			       DRM_GEM_OBJECT_ACTIVE, "device");
	drm_print_memory_stats(&p, &memory, DRM_GEM_OBJECT_RESIDENT |
			       DRM_GEM_OBJECT_ACTIVE, "memory");
	seq_printf(m, "vsvm-pinned:\t%lu KiB\n",
		   client ? READ_ONCE(client->nr_pinned) * VSVM_BLOCK_SIZE / SZ_1K : 0);
	seq_printf(m, "drm-engine-compute:\t%llu ns\n",
		   vsvm_queue_busy(&vm->queues));
	seq_printf(m, "drm-engine-capacity-compute:\t%u\n",
		   vm->queues.engines->nr);

	seq_printf(m, "vsvm-owner:\t%d\n", pid_vnr(vm->owner));
	for (i = 0; i < VSVM_STATS; i++) {
		n = vsvm_stats_get(&vm->mirror.stats, i);
		if (client)
			n = vsvm_stats_plus(n, vsvm_stats_get(&client->stats, i));
		seq_printf(m, "vsvm-%s:\t%llu\n", vsvm_stats_name(i), n);
	}
}
