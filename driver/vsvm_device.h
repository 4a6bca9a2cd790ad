/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_DEVICE_H
#define VSVM_DEVICE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include <drm/drm_device.h>

#include "vsvm_engine.h"

struct device;
struct vsvm_devmem;

/**
 * struct vsvm_device - one vsvm device
 * @drm: the DRM device; its parent is a platform device
 * @index: number of the device
 * @count: number of devices that the module was asked for
 * @devmem: its memory; valid between drm_dev_enter() and drm_dev_exit()
 * @dma: the device that system pages are mapped for; NULL: DMA does not reach them
 * @vms_lock: protects @vms
 * @vms: &vsvm_vm.link of every open file
 * @gone: wait queue of callers that poll a file of the device; unplug wakes them
 * @engines: they work on the queues of its files
 */
struct vsvm_device {
	struct drm_device drm;
	unsigned int index;
	unsigned int count;
	struct vsvm_devmem *devmem;
	struct device *dma;
	struct mutex vms_lock; /* vms */
	struct list_head vms;
	wait_queue_head_t gone;
	struct vsvm_engines engines;
};

static inline struct vsvm_device *to_vsvm(struct drm_device *drm)
{
	return container_of(drm, struct vsvm_device, drm);
}

#endif /* VSVM_DEVICE_H */
