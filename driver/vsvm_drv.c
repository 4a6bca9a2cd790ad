// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: vsvm
 *
 * vsvm is a GPU-like DRM device without hardware. It owns device-private memory
 * (ZONE_DEVICE pages that the CPU cannot touch), takes a process's ordinary
 * memory there with migrate_vma, brings it home when a CPU touches it, and
 * reads and writes the process's addresses through a device page table that an
 * MMU notifier keeps right.
 *
 * The rooms, from the outside in; a room calls only those below it:
 *
 * - drv: module, devices, probe and unplug.
 * - file: what a file of a node does but for ioctls. ioctl: checks every argument.
 * - vm: one open file's address space.
 * - access: read, write, snapshot, atomics. migrate and chunk: to the device and
 *   to system memory.
 * - walk: the per-page path. classify: what a page that hmm found is to the device.
 * - mirror: the interval notifier, and looks at the CPU's page table.
 * - table: the device page table.
 * - fault: a CPU touched a device page. shrink: backing for a host that is short of
 *   memory. evict: making room, unplug.
 * - home: destinations for pages on their way to system memory.
 * - pagemap: makes and destroys a device's memory.
 * - devmem: blocks, pages and backing. client: what a process has of them.
 * - huge: whether there are huge device pages. pfn: the numbers that core mm gives to
 *   pages; elsewhere a device page goes by its index in the device.
 * - stats, trace, inject: counters, tracepoints, failpoints; they call no other room.
 *
 * debugfs looks into all of them, and nobody calls it but drv.
 *
 * docs/architecture.md has the picture, docs/locking.md the locks.
 */
#include <linux/dma-mapping.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_debugfs.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_evict.h"
#include "vsvm_fault.h"
#include "vsvm_file.h"
#include "vsvm_huge.h"
#include "vsvm_inject.h"
#include "vsvm_ioctl.h"
#include "vsvm_pagemap.h"
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

static char *coherent[MAX_DEVICES];
static unsigned int nr_coherent;
module_param_array(coherent, charp, &nr_coherent, 0444);
MODULE_PARM_DESC(coherent,
		 "ADDR:SIZE[,...]: reserved memory, each a further device that the CPU reaches (needs memmap=SIZE$ADDR)");

/* What becomes of each device: physical memory of a coherent one, or zero. */
static struct {
	u64 start;
	u64 size;
} device_memory[MAX_DEVICES];

static struct platform_device *platform_devices[MAX_DEVICES];

/*
 * libdrm tells platform devices apart by their modalias, so each has a name of
 * its own.
 */
#define DEVICE_ID(n)	{ .name = "vsvm." #n, .driver_data = n }
static const struct platform_device_id vsvm_ids[MAX_DEVICES + 1] = {
	DEVICE_ID(0), DEVICE_ID(1), DEVICE_ID(2), DEVICE_ID(3),
	DEVICE_ID(4), DEVICE_ID(5), DEVICE_ID(6), DEVICE_ID(7),
	DEVICE_ID(8), DEVICE_ID(9), DEVICE_ID(10), DEVICE_ID(11),
	DEVICE_ID(12), DEVICE_ID(13), DEVICE_ID(14), DEVICE_ID(15),
};

/* How many devices the module was asked for. */
static unsigned int nr_devices(void)
{
	return devices + nr_coherent;
}

static const struct drm_ioctl_desc vsvm_ioctls[] = {
	DRM_IOCTL_DEF_DRV(VSVM_INFO, vsvm_ioctl_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_READ, vsvm_ioctl_read, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_WRITE, vsvm_ioctl_write, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_MIGRATE, vsvm_ioctl_migrate, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_SNAPSHOT, vsvm_ioctl_snapshot, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_EXCLUSIVE, vsvm_ioctl_exclusive,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VSVM_ATOMIC, vsvm_ioctl_atomic, DRM_RENDER_ALLOW),
#ifdef CONFIG_DRM_VSVM_INJECT
	DRM_IOCTL_DEF_DRV(VSVM_INJECT, vsvm_ioctl_inject, DRM_RENDER_ALLOW),
#endif
};

/*
 * 1.0: INFO, READ, WRITE, MIGRATE, SNAPSHOT, pread and pwrite, mmap
 * 1.1: EXCLUSIVE, ATOMIC, SNAPSHOT_TABLE, coherent devices
 * 1.2: failpoints, which are in drm/vsvm_inject.h since and raise no version
 * 1.3: INFO: caps
 */
static const struct drm_driver vsvm_drm_driver = {
	.driver_features = DRIVER_RENDER,
	.open = vsvm_file_open,
	.postclose = vsvm_file_close,
	.ioctls = vsvm_ioctls,
	.num_ioctls = ARRAY_SIZE(vsvm_ioctls),
	.fops = &vsvm_file_fops,
	.name = "vsvm",
	.desc = "Shared virtual memory without hardware",
	.major = 1,
	.minor = 3,
};

/* Says once whether the device's entries have DMA addresses here. */
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
			 "DMA does not reach system pages in place here: works without\n");
	return min(ret, 0);
}

static int vsvm_probe(struct platform_device *pdev)
{
	const struct platform_device_id *id = platform_get_device_id(pdev);
	struct vsvm_inject *inject;
	struct vsvm_device *vsvm;
	unsigned int index;
	int ret;

	/* Somebody else's device, given to us by driver_override. */
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
	mutex_init(&vsvm->vms_lock);
	INIT_LIST_HEAD(&vsvm->vms);
	init_waitqueue_head(&vsvm->gone);
	ret = probe_dma(vsvm, &pdev->dev);
	if (ret)
		return ret;

	vsvm->devmem = vsvm_pagemap_create(index, device_memory[index].start,
					   device_memory[index].size,
					   &vsvm_fault_pagemap_ops,
					   vsvm_shrink_scan);
	if (IS_ERR(vsvm->devmem))
		return PTR_ERR(vsvm->devmem);

	platform_set_drvdata(pdev, vsvm);
	vsvm_debugfs_init(vsvm);
	vsvm_inject_plug(inject);
	/* Last fallible step: from here on user space can come in. */
	ret = VSVM_INJECT(inject, PROBE_REGISTER, -ENOMEM,
			  drm_dev_register(&vsvm->drm, 0));
	if (ret) {
		vsvm_inject_unplug(inject);
		platform_set_drvdata(pdev, NULL);
		vsvm_pagemap_destroy(vsvm->devmem);
	}
	return ret;
}

/*
 * Unplug waits for every ioctl that is under way and lets no new one in. After
 * that nobody brings pages here; those that are here go home, and every file's
 * page table is emptied, so that nothing of this device is left in it.
 */
static void vsvm_remove(struct platform_device *pdev)
{
	struct vsvm_device *vsvm = platform_get_drvdata(pdev);
	struct vsvm_vm *vm;

	vsvm_inject_unplug(vsvm_inject_of(vsvm->index));
	drm_dev_unplug(&vsvm->drm);
	/* They ask again, and find drm_dev_enter() closed. */
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
 * A device has whole blocks, and one at least: with pages of 64 KiB a huge page
 * is 512 MiB, more than the default.
 */
static u64 vram_bytes(unsigned int mib)
{
	static_assert(IS_ALIGNED(VSVM_BLOCK_SIZE, SZ_2M));
	return round_up((u64)mib << 20, VSVM_BLOCK_SIZE);
}

/* ADDR:SIZE of one coherent device; both with K, M, G, whole blocks. */
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

/* Is the memory of coherent device @n its own, and to be had? */
static int __init check_memory(unsigned int n)
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
	return vsvm_pagemap_check(start, size);
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
	for (i = devices; i < nr_devices(); i++) {
		ret = check_memory(i);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Who loads the module is told at once of all that can be known before the first
 * device is there. From then on somebody may have a file of it open, which holds
 * the module, but not against an init that fails: nothing may fail any more. A
 * device that does not come is in the log, from the driver core if it is probe
 * that would not; the others are not worse for it, and it can be bound later.
 */
static int __init vsvm_init(void)
{
	unsigned int i;
	int ret;

	ret = parse_parameters();
	if (ret)
		return ret;

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
			pr_err("vsvm: device %u did not come: %pe\n", i, pdev);
		platform_devices[i] = pdev;
	}
	return 0;
}

static void __exit vsvm_exit(void)
{
	unsigned int n = nr_devices();

	/* One that did not come is an error pointer, which this takes. */
	while (n-- > 0)
		platform_device_unregister(platform_devices[n]);
	platform_driver_unregister(&vsvm_platform_driver);
	vsvm_evict_exit();
	vsvm_inject_exit();
	/* Shares are freed by a function of ours, late. */
	rcu_barrier();
}

module_init(vsvm_init);
module_exit(vsvm_exit);

MODULE_DESCRIPTION("Shared virtual memory on a DRM device without hardware");
MODULE_AUTHOR("The vsvm authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(VSVM_VERSION);
