// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU faults on device pages: the page migrates to system memory, with some neighbours.
 *
 * Lifetime: a call. Only the page's pagemap leads to the device: the file through which
 * the page came may be closed.
 *
 * Locks: core mm holds mmap_lock for reading and the folio lock of the page. It takes
 * the locks of the neighbours, by trylock only.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <drm/vsvm_drm.h>

#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_events.h"
#include "vsvm_fault.h"
#include "vsvm_home.h"
#include "vsvm_policy.h"
#include "vsvm_trace.h"

/* Accesses of a device that have the CPU fault now, to break copy-on-write; their number. */
static DEFINE_SPINLOCK(cow_lock);
static LIST_HEAD(cows);
static atomic_t nr_cows;

/* A window of at most this many pages has its arrays on the stack. */
#define FEW_PAGES	16

/**
 * vsvm_fault_cow_begin() - count CPU faults of the current task as the device's
 * @cow: valid until vsvm_fault_cow_end()
 */
void vsvm_fault_cow_begin(struct vsvm_cow *cow)
{
	cow->task = current;
	atomic_inc(&nr_cows);
	spin_lock(&cow_lock);
	list_add(&cow->link, &cows);
	spin_unlock(&cow_lock);
}

/**
 * vsvm_fault_cow_end() - undo vsvm_fault_cow_begin()
 * @cow: the same as there
 */
void vsvm_fault_cow_end(struct vsvm_cow *cow)
{
	spin_lock(&cow_lock);
	list_del(&cow->link);
	spin_unlock(&cow_lock);
	atomic_dec(&nr_cows);
}

/* True if the current task breaks copy-on-write for a device write. */
static bool in_cow(void)
{
	struct vsvm_cow *cow;
	bool found = false;

	/* Only the current task itself adds the entry that is looked for. */
	if (!atomic_read(&nr_cows))
		return false;
	spin_lock(&cow_lock);
	list_for_each_entry(cow, &cows, link)
		found |= cow->task == current;
	spin_unlock(&cow_lock);
	return found;
}

/*
 * Where the process touched pages of its blocks before; NULL if it is not the one whose
 * block the page is in: a forked child, a debugger, a process whose page is there
 * because the device was full. Such a process neither changes how much comes home for
 * another one, nor learns from its own windows where the other one was. A device write
 * has the window that it needs.
 */
static struct vsvm_policy_streams *fault_streams(const struct vm_fault *vmf,
						 enum vsvm_cause cause)
{
	struct vsvm_client *client = vsvm_devmem_client_of(vmf->page);

	return cause == VSVM_CAUSE_CPU_FAULT &&
	       client->owner == task_tgid(current) ? &client->homes : NULL;
}

/*
 * Which pages migrate for a fault. A PMD: all of its pages. A page of a large folio
 * that is mapped by PTEs: that page alone, because core mm splits the folio while it
 * collects, and loses track of which part is locked for the fault. Small pages: a
 * window, unless the page has no neighbours on the device.
 */
static void fault_window(const struct vm_fault *vmf, enum vsvm_cause cause,
			 struct migrate_vma *args)
{
	unsigned long size = vmf->pte ? PAGE_SIZE : PMD_SIZE;
	struct vsvm_policy_window w = {
		.start = ALIGN_DOWN(vmf->address, size),
		.end = ALIGN_DOWN(vmf->address, size) + size,
	};

	if (vmf->pte && !folio_test_large(page_folio(vmf->page)) &&
	    !vsvm_devmem_lonely(vmf->page))
		w = vsvm_policy_home(fault_streams(vmf, cause), vmf->address);
	args->start = max(w.start, vmf->vma->vm_start);
	args->end = min(w.end, vmf->vma->vm_end);
}

static void tell_fault(const struct vm_fault *vmf, enum vsvm_cause cause,
		       unsigned long bytes)
{
	vsvm_devmem_tell(vsvm_devmem_block_of(vmf->page), vmf->vma->vm_mm,
			 &(struct drm_vsvm_event) {
				 .type = DRM_VSVM_EVENT_CPU_FAULT,
				 .cause = cause,
				 .addr = vmf->address,
				 .bytes = bytes,
				 .order = vmf->pte ? 0 : VSVM_BLOCK_ORDER,
			 });
}

/*
 * Arrays for the pages of the window: @few if they are few. If there is no memory for
 * those of many small pages, only the few around the fault migrate.
 */
static unsigned long *fault_arrays(const struct vm_fault *vmf,
				   struct migrate_vma *args, unsigned long *few)
{
	struct vsvm_inject *inject = vsvm_devmem_of(vmf->page)->inject;
	unsigned long n = (args->end - args->start) >> PAGE_SHIFT;
	unsigned long at = ALIGN_DOWN(vmf->address, FEW_PAGES * PAGE_SIZE);
	unsigned long *many;

	if (n <= FEW_PAGES)
		return few;
	if (!vmf->pte)
		return kcalloc(2 * n, sizeof(*many), GFP_KERNEL);
	many = VSVM_INJECT(inject, FAULT_WINDOW, NULL,
			   kcalloc(2 * n, sizeof(*many),
				   GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	if (many)
		return many;
	args->start = max(args->start, at);
	args->end = min(args->end, at + FEW_PAGES * PAGE_SIZE);
	return few;
}

/* @few has room for the arrays of a small window. */
static void fault_begin(const struct vm_fault *vmf, enum vsvm_cause cause,
			struct migrate_vma *args, unsigned long *few)
{
	struct vsvm_devmem *dm = vsvm_devmem_of(vmf->page);

	vsvm_devmem_count(vsvm_devmem_block_of(vmf->page), VSVM_STAT_CPU_FAULTS,
			  cause == VSVM_CAUSE_CPU_FAULT);
	fault_window(vmf, cause, args);
	vsvm_inject_pause(dm->inject, FAULT_BEGIN);
	args->src = VSVM_INJECT(dm->inject, FAULT_ARRAYS, NULL,
				fault_arrays(vmf, args, few));
	trace_vsvm_cpu_fault(dm->device, cause, vmf->address, args->start,
			     args->end - args->start,
			     vmf->pte ? 0 : VSVM_BLOCK_ORDER);
	if (vsvm_events_any())
		tell_fault(vmf, cause, args->end - args->start);
	trace_vsvm_migrate_begin(dm->device, cause, DRM_VSVM_TARGET_SYSTEM,
				 args->start, args->end - args->start);
}

/*
 * Has core mm lock and unmap the pages of the window, as many as it can. Returns 0 or
 * the result of the fault.
 */
static vm_fault_t fault_collect(const struct vm_fault *vmf,
				struct migrate_vma *args)
{
	struct vsvm_inject *inject = vsvm_devmem_of(vmf->page)->inject;

	if (!args->src)
		return VM_FAULT_OOM;
	args->dst = args->src + ((args->end - args->start) >> PAGE_SHIFT);
	if (VSVM_INJECT(inject, FAULT_SETUP, -EINVAL, migrate_vma_setup(args)))
		return VM_FAULT_SIGBUS;
	return 0;
}

/*
 * Moves the collected pages. Returns 0, or VM_FAULT_OOM if the host had no memory for
 * the page that the CPU touched although that could move.
 */
static vm_fault_t fault_move(const struct vm_fault *vmf,
			     struct migrate_vma *args, struct vsvm_home *home)
{
	struct vsvm_inject *inject = home->only->inject;
	vm_fault_t ret = 0;
	unsigned long at;

	at = vmf->pte ? (vmf->address - args->start) >> PAGE_SHIFT : 0;
	home->src = args->src;
	home->dst = args->dst;
	home->npages = args->npages;
	vsvm_inject_pause(inject, FAULT_COLLECTED);
	vsvm_home_copy(home);
	vsvm_inject_pause(inject, FAULT_COPIED);
	/* A hole has the flag, too: the page was zapped and needs no memory. */
	if (migrate_pfn_to_page(args->src[at]) &&
	    args->src[at] & MIGRATE_PFN_MIGRATE && !args->dst[at] &&
	    !test_bit(at, home->recalled))
		ret = VM_FAULT_OOM;
	vsvm_home_recall(home);
	migrate_vma_pages(args);
	vsvm_home_settle(home);
	return ret;
}

/*
 * &dev_pagemap_ops.migrate_to_ram. Called with the page locked and referenced, and
 * mmap_lock held for reading. Returns 0 without moving the page when another thread has
 * a reference to it for a moment: the CPU faults again.
 */
static vm_fault_t vsvm_fault_to_ram(struct vm_fault *vmf)
{
	enum vsvm_cause cause = in_cow() ? VSVM_CAUSE_DEVICE_FAULT :
					   VSVM_CAUSE_CPU_FAULT;
	struct migrate_vma args = {
		.vma = vmf->vma,
		.pgmap_owner = vsvm_devmem_owner,
		.fault_page = vmf->page,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
	};
	struct vsvm_home home = {
		.vma = vmf->vma,
		.policy = vsvm_context_policy(),
		.only = vsvm_devmem_of(vmf->page),
		.must = vmf->page,
	};
	unsigned long few[2 * FEW_PAGES];
	vm_fault_t ret;

	fault_begin(vmf, cause, &args, few);
	if (!vmf->pte)
		args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
	home.start = args.start;
	ret = fault_collect(vmf, &args);
	if (!ret)
		ret = fault_move(vmf, &args, &home);
	vsvm_home_account(&home, vsvm_devmem_block_of(vmf->page), cause,
			  home.start, home.given - home.moved);
	if (home.src) {
		vsvm_inject_pause(home.only->inject, FAULT_MOVED);
		migrate_vma_finalize(&args);
	}
	if (args.src != few)
		kfree(args.src);
	return ret;
}

/*
 * &dev_pagemap_ops.memory_failure: root injects a memory error at a device page's
 * address, or the hardware reports one for a coherent page. No memory is at a private
 * page's address. A coherent page cannot be taken from its users, which get SIGBUS when
 * they touch the error. -ENXIO ends it here: after -EOPNOTSUPP core mm would go on to
 * look for an inode (Linux 7.3, dax_lock_folio()), and find an anon_vma.
 */
static int vsvm_fault_memory_failure(struct dev_pagemap *pgmap,
				     unsigned long pfn, unsigned long nr_pages,
				     int mf_flags)
{
	return -ENXIO;
}

const struct dev_pagemap_ops vsvm_fault_pagemap_ops = {
	.folio_free = vsvm_devmem_folio_free,
	.migrate_to_ram = vsvm_fault_to_ram,
	.memory_failure = vsvm_fault_memory_failure,
};
