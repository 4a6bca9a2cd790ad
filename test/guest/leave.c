// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves things behind on purpose, so that the test machine can be seen to find
 * them: memory that nobody knows of, an mm that nobody drops, a DMA mapping of
 * the first device, a reference to a device page. None of it is given back.
 *
 *	modprobe leave what=memory,mm,dma,page pfn=N
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

static char *what = "";
module_param(what, charp, 0);

static unsigned long pfn;
module_param(pfn, ulong, 0);

static int leave_mapping(void)
{
	struct device *dev;
	void *mem;

	dev = bus_find_device_by_name(&platform_bus_type, NULL, "vsvm.0");
	mem = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!dev || !mem)
		return -ENODEV;
	return dma_mapping_error(dev, dma_map_single(dev, mem, PAGE_SIZE,
						     DMA_TO_DEVICE));
}

static int __init leave_init(void)
{
	int i;

	/* A stale pointer somewhere may hide one of them. */
	for (i = 0; strstr(what, "memory") && i < 16; i++)
		if (!kmalloc(1024, GFP_KERNEL))
			return -ENOMEM;
	if (strstr(what, "mm"))
		mmgrab(current->mm);
	if (strstr(what, "dma") && leave_mapping())
		return -ENODEV;
	/* Somebody is about to use it. */
	while (strstr(what, "page") &&
	       !folio_try_get(page_folio(pfn_to_page(pfn)))) {
		if (msleep_interruptible(1))
			return -EINTR;
	}
	return 0;
}
module_init(leave_init);

MODULE_DESCRIPTION("Leaves things behind, for the test machine's own tests");
MODULE_LICENSE("GPL");
