// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: vsvm
 *
 * vsvm is a GPU-like DRM device without hardware. It owns device-private memory
 * (ZONE_DEVICE pages that the CPU cannot access). migrate_vma moves memory of a process
 * there, and a CPU fault migrates it back to system memory. The device reads and writes
 * addresses of the process through a device page table that an MMU notifier keeps
 * coherent.
 *
 * The rooms, from the outside in; a room calls only those below it:
 *
 * - drv: module, devices, probe and unplug.
 * - file: file operations of a node, except ioctls. ioctl, ioctl_queue: check every
 *   argument.
 * - queue: the queues of a file. job: the work for them. worker: a file's thread that
 *   faults for them. helper: threads that share a large PREFETCH with it. engine: the
 *   device's threads. command: a step of a command. fence: who waits for user fences.
 * - vm: one open file's address space.
 * - access: read, write, snapshot, atomics. migrate and chunk: to the device and to
 *   system memory.
 * - walk: the per-page path. classify: the table entry of a page that hmm found.
 * - mirror: the interval notifier, and lookups in the CPU's page table.
 * - table: the device page table.
 * - fault: CPU faults on device pages. shrink: frees backing when the host is short of
 *   memory, and moves pages of a cgroup that is. evict: makes room, empties a device at
 *   unplug.
 * - home: destinations for pages that migrate to system memory.
 * - pagemap: creates and destroys a device's memory.
 * - devmem: blocks, pages and backing. client: the per-process account of them. charge:
 *   who pays for a block. token: the blocks of a memory cgroup.
 * - huge: whether there are huge device pages. pfn: converts between core mm's numbers
 *   and the index in the device, which names a device page everywhere else.
 * - events: event streams of a process. link: what moves and accesses would cost. stats,
 *   trace, inject: counters, tracepoints, failpoints. They call no other room.
 *
 * debugfs reads from all of them, and only drv calls it.
 *
 * docs/architecture.md has the picture, docs/locking.md the locks.
 */
#include <linux/dma-mapping.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_debugfs.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_evict.h"
#include "vsvm_fault.h"
#include "vsvm_fence.h"
#include "vsvm_file.h"
#include "vsvm_huge.h"
#include "vsvm_inject.h"
#include "vsvm_ioctl.h"
#include "vsvm_pagemap.h"
#include "vsvm_queue.h"
#include "vsvm_shrink.h"
#include "vsvm_vm.h"

#define MAX_DEVICES	16
#define MAX_VRAM_MIB	1048576U

static unsigned int devices = 2;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "number of devices, 1 to 16 (default 2)");

static unsigned int vram_mib = 256;
module_param(vram_mib, uint, 0444);
MODULE_PARM_DESC(vram_mib,
		 "MiB of memory on each device, a multiple of 2, rounded up to whole huge pages (default 256)");

static unsigned int engines = 2;
module_param(engines, uint, 0444);
MODULE_PARM_DESC(engines, "threads of each device that work on queues, 1 to 8 (default 2)");

static char *coherent[MAX_DEVICES];
static unsigned int nr_coherent;
module_param_array(coherent, charp, &nr_coherent, 0444);
MODULE_PARM_DESC(coherent,
		 "ADDR:SIZE[,...]: reserved memory, one more device each, whose memory the CPU can access (needs memmap=SIZE$ADDR)");

/* Memory of each device; start is 0, no physical address, for a private one. */
static struct {
	u64 start;
	u64 size;
} device_memory[MAX_DEVICES];

static struct platform_device *platform_devices[MAX_DEVICES];

/*
 * libdrm tells platform devices apart by their modalias, so each device has its own
 * name.
 */
#define DEVICE_ID(n)	{ .name = "vsvm." #n, .driver_data = n }
static const struct platform_device_id vsvm_ids[MAX_DEVICES + 1] = {
	DEVICE_ID(0), DEVICE_ID(1), DEVICE_ID(2), DEVICE_ID(3),
	DEVICE_ID(4), DEVICE_ID(5), DEVICE_ID(6), DEVICE_ID(7),
	DEVICE_ID(8), DEVICE_ID(9), DEVICE_ID(10), DEVICE_ID(11),
	DEVICE_ID(12), DEVICE_ID(13), DEVICE_ID(14), DEVICE_ID(15),
};

/* Number of devices that the module was asked for. */
static unsigned int nr_devices(void)
{
	return devices + nr_coherent;
}

/*
 * 1.0: INFO, READ, WRITE, MIGRATE, SNAPSHOT, pread and pwrite, mmap
 * 1.1: EXCLUSIVE, ATOMIC, SNAPSHOT_TABLE, coherent devices
 * 1.2: failpoints; since then they are in drm/vsvm_inject.h and raise no version
 * 1.3: INFO: caps
 * 1.4: queues, more atomic operations
 * 1.5: advice, memory that moves on a device fault
 * 1.6: DISCARD
 * 1.7: event streams
 * 1.8: DRM_VSVM_TARGET_ADVISED, progress of PREFETCH
 * 1.9: PIN
 * 1.10: RUN
 * 1.11: PREFETCH fills untouched memory
 */
static const struct drm_driver vsvm_drm_driver = {
	.driver_features = DRIVER_RENDER,
	.open = vsvm_file_open,
	.postclose = vsvm_file_close,
	.ioctls = vsvm_ioctls,
	.num_ioctls = VSVM_IOCTLS,
	.fops = &vsvm_file_fops,
	.name = "vsvm",
	.desc = "Shared virtual memory without hardware",
	.major = 1,
	.minor = 11,
};

/*
 * Finds out whether table entries of this device have DMA addresses; logs if they do
 * not.
 */
static int probe_dma(struct vsvm_device *vsvm, struct device *dev)
{
	int ret;

	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	ret = vsvm_table_can_map(dev);
	if (ret > 0)
		vsvm->dma = dev;
	else if (!ret)
		drm_info(&vsvm->drm,
			 "no DMA to system pages in place: works without DMA addresses\n");
	return min(ret, 0);
}

static const struct vsvm_pagemap_ops pagemap_ops = {
	.pagemap = &vsvm_fault_pagemap_ops,
	.scan = vsvm_shrink_scan,
	.reclaim = vsvm_shrink_reclaim,
	.reclaimable = vsvm_shrink_reclaimable,
};

static int vsvm_probe(struct platform_device *pdev)
{
	const struct platform_device_id *id = platform_get_device_id(pdev);
	struct vsvm_inject *inject;
	struct vsvm_device *vsvm;
	unsigned int index;
	int ret;

	/* driver_override bound a platform device that is not in vsvm_ids. */
	if (!id)
		return -ENODEV;
	index = id->driver_data;
	inject = vsvm_inject_of(index);
	vsvm = VSVM_INJECT(inject, PROBE_DEVICE, ERR_PTR(-ENOMEM),
			   devm_drm_dev_alloc(&pdev->dev, &vsvm_drm_driver,
					      struct vsvm_device, drm));
	if (IS_ERR(vsvm))
		return PTR_ERR(vsvm);

	vsvm->index = index;
	vsvm->count = nr_devices();
	ret = drmm_mutex_init(&vsvm->drm, &vsvm->vms_lock);
	if (ret)
		return ret;
	INIT_LIST_HEAD(&vsvm->vms);
	init_waitqueue_head(&vsvm->gone);
	vsvm_engine_init(&vsvm->engines);
	ret = probe_dma(vsvm, &pdev->dev);
	if (ret)
		return ret;

	vsvm->devmem = vsvm_pagemap_create(index, device_memory[index].start,
					   device_memory[index].size,
					   &pagemap_ops);
	if (IS_ERR(vsvm->devmem))
		return PTR_ERR(vsvm->devmem);

	ret = VSVM_INJECT(inject, PROBE_ENGINES, -ENOMEM,
			  vsvm_engine_start(&vsvm->engines, index, engines));
	if (ret) {
		vsvm_pagemap_destroy(vsvm->devmem);
		return ret;
	}
	platform_set_drvdata(pdev, vsvm);
	vsvm_debugfs_init(vsvm);
	vsvm_inject_plug(inject);
	/* Last fallible step: user space can open the node from here on. */
	ret = VSVM_INJECT(inject, PROBE_REGISTER, -ENOMEM,
			  drm_dev_register(&vsvm->drm, 0));
	if (ret) {
		vsvm_inject_unplug(inject);
		vsvm_engine_stop(&vsvm->engines);
		platform_set_drvdata(pdev, NULL);
		vsvm_pagemap_destroy(vsvm->devmem);
	}
	return ret;
}

/* Loses all queues, wakes who waits for a fence, and ends the engines. */
static void stop_work(struct vsvm_device *vsvm)
{
	struct vsvm_vm *vm;

	spin_lock(&vsvm->engines.lock);
	/* Pairs with queue_add() and vsvm_queue_wait(). */
	WRITE_ONCE(vsvm->engines.gone, true);
	spin_unlock(&vsvm->engines.lock);
	mutex_lock(&vsvm->vms_lock);
	list_for_each_entry(vm, &vsvm->vms, link)
		vsvm_queue_unplug(&vm->queues);
	mutex_unlock(&vsvm->vms_lock);
	vsvm_fence_wake_all();
	vsvm_engine_stop(&vsvm->engines);
}

/*
 * drm_dev_unplug() waits for every step inside drm_dev_enter() and admits no new one.
 * After that no page comes to the device. vsvm_mirror_unplug() empties the page table
 * of each open file, so that none has an entry or a DMA mapping of this device.
 * vsvm_evict_retire() migrates the device's pages to system memory.
 */
static void vsvm_remove(struct platform_device *pdev)
{
	struct vsvm_device *vsvm = platform_get_drvdata(pdev);
	struct vsvm_vm *vm;

	vsvm_inject_unplug(vsvm_inject_of(vsvm->index));
	stop_work(vsvm);
	drm_dev_unplug(&vsvm->drm);
	/* Waiters in file_poll() find drm_dev_enter() closed. */
	wake_up_poll(&vsvm->gone, EPOLLHUP | EPOLLERR);
	mutex_lock(&vsvm->vms_lock);
	list_for_each_entry(vm, &vsvm->vms, link)
		vsvm_mirror_unplug(&vm->mirror);
	mutex_unlock(&vsvm->vms_lock);
	vsvm_evict_retire(vsvm->devmem);
}

static struct platform_driver vsvm_platform_driver = {
	.id_table = vsvm_ids,
	.probe = vsvm_probe,
	.remove = vsvm_remove,
	.driver = {
		.name = "vsvm",
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/*
 * A device has whole blocks, and at least one. A block is as large as a huge page: with
 * pages of 64 KiB 512 MiB, more than the default of vram_mib.
 */
static u64 vram_bytes(unsigned int mib)
{
	static_assert(IS_ALIGNED(VSVM_BLOCK_SIZE, SZ_2M));
	return round_up((u64)mib << 20, VSVM_BLOCK_SIZE);
}

/* Parses ADDR:SIZE of one coherent device, both with K, M or G, in whole blocks. */
static int __init parse_coherent(const char *text, u64 *start, u64 *size)
{
	char *end;

	*start = memparse(text, &end);
	if (*end != ':')
		return -EINVAL;
	*size = memparse(end + 1, &end);
	if (*end || !*start || !*size || *start + *size < *start ||
	    !IS_ALIGNED(*start | *size, VSVM_BLOCK_SIZE))
		return -EINVAL;
	return 0;
}

/* Checks that memory of coherent device @n overlaps no other's before it. */
static int __init check_overlap(unsigned int n)
{
	u64 start = device_memory[n].start, size = device_memory[n].size;
	unsigned int i;

	for (i = devices; i < n; i++) {
		if (start >= device_memory[i].start + device_memory[i].size ||
		    device_memory[i].start >= start + size)
			continue;
		pr_err("vsvm: coherent=%s and %s overlap\n",
		       coherent[i - devices], coherent[n - devices]);
		return -EINVAL;
	}
	return 0;
}

static int __init parse_parameters(void)
{
	unsigned int i;
	int ret;

	if (devices < 1 || devices > MAX_DEVICES ||
	    nr_devices() > MAX_DEVICES) {
		pr_err("vsvm: devices=%u and %u coherent: must be 1 to %d\n",
		       devices, nr_coherent, MAX_DEVICES);
		return -EINVAL;
	}
	if (vram_mib < 2 || vram_mib % 2 || vram_mib > MAX_VRAM_MIB) {
		pr_err("vsvm: vram_mib=%u: must be even, 2 to %u\n", vram_mib,
		       MAX_VRAM_MIB);
		return -EINVAL;
	}

	if (engines < 1 || engines > VSVM_MAX_ENGINES) {
		pr_err("vsvm: engines=%u: must be 1 to %u\n", engines,
		       VSVM_MAX_ENGINES);
		return -EINVAL;
	}

	for (i = 0; i < devices; i++)
		device_memory[i].size = vram_bytes(vram_mib);
	for (i = 0; i < nr_coherent; i++) {
		if (!parse_coherent(coherent[i],
				    &device_memory[devices + i].start,
				    &device_memory[devices + i].size))
			continue;
		pr_err("vsvm: coherent=%s: must be ADDR:SIZE, multiples of %luM\n",
		       coherent[i], VSVM_BLOCK_SIZE >> 20);
		return -EINVAL;
	}
	/* What is wrong on every machine comes before what is wrong on this one. */
	for (i = devices; i < nr_devices(); i++) {
		ret = check_overlap(i);
		if (ret)
			return ret;
	}
	for (i = devices; i < nr_devices(); i++) {
		ret = vsvm_pagemap_check(device_memory[i].start,
					 device_memory[i].size);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * All that can be checked before the first device exists is checked first, and the load
 * fails with an errno. Once a device exists, a process may have its node open. The
 * file's module reference does not stop an init function that fails, so nothing may
 * fail after that. A device whose registration or probe fails is reported in the log,
 * by this function or by the driver core; the other devices work, and it can be bound
 * later.
 */
static int __init vsvm_init(void)
{
	unsigned int i;
	int ret;

	ret = parse_parameters();
	if (ret)
		return ret;

	vsvm_fence_setup();
	vsvm_huge_say();
	vsvm_mirror_teach_lockdep();
	ret = vsvm_inject_init(nr_devices());
	if (ret)
		return ret;
	ret = vsvm_evict_init();
	if (ret) {
		vsvm_inject_exit();
		return ret;
	}
	ret = platform_driver_register(&vsvm_platform_driver);
	if (ret) {
		vsvm_evict_exit();
		vsvm_inject_exit();
		return ret;
	}

	for (i = 0; i < nr_devices(); i++) {
		struct platform_device *pdev;

		pdev = platform_device_register_simple(vsvm_ids[i].name,
						       PLATFORM_DEVID_NONE,
						       NULL, 0);
		if (IS_ERR(pdev))
			pr_err("vsvm: device %u: registration failed: %pe\n", i, pdev);
		platform_devices[i] = pdev;
	}
	return 0;
}

static void __exit vsvm_exit(void)
{
	unsigned int n = nr_devices();

	/*
	 * platform_device_unregister() accepts the error pointer of a failed
	 * registration.
	 */
	while (n-- > 0)
		platform_device_unregister(platform_devices[n]);
	platform_driver_unregister(&vsvm_platform_driver);
	vsvm_evict_exit();
	vsvm_inject_exit();
	/*
	 * Waits for client_free(), which call_rcu() runs late and which is module code.
	 */
	rcu_barrier();
}

module_init(vsvm_init);
module_exit(vsvm_exit);

MODULE_DESCRIPTION("Shared virtual memory on a DRM device without hardware");
MODULE_AUTHOR("The vsvm authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(VSVM_VERSION);
