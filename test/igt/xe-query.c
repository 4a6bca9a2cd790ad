// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device is, as xe would say it: a Battlemage of one tile, with the memory that
 * vsvm's device has, and the files in debugfs that IGT reads of it.
 *
 * Owns nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "xe-shim.h"

#define BATTLEMAGE	0xe20b
#define VA_BITS		47

/* Bits of memory regions, by their number: system memory and the device's. */
#define SYSTEM		0
#define VRAM		1

/* Stores what was asked for, or says how long it is. */
static int give(struct drm_xe_device_query *query, const void *data, uint32_t size)
{
	if (!query->size) {
		query->size = size;
		return 0;
	}
	if (query->size != size)
		return -EINVAL;
	memcpy((void *)(uintptr_t)query->data, data, size);
	return 0;
}

static int give_config(struct drm_xe_device_query *query, uint32_t page_size)
{
	struct {
		struct drm_xe_query_config config;
		__u64 info[DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY + 1];
	} all = {
		.config.num_params = ARRAY_SIZE(all.info),
		.info = {
			[DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID] = BATTLEMAGE,
			[DRM_XE_QUERY_CONFIG_FLAGS] =
				DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM |
				DRM_XE_QUERY_CONFIG_FLAG_HAS_CPU_ADDR_MIRROR,
			[DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT] = page_size,
			[DRM_XE_QUERY_CONFIG_VA_BITS] = VA_BITS,
		},
	};

	return give(query, &all, sizeof(all));
}

static int give_gts(struct drm_xe_device_query *query)
{
	struct {
		struct drm_xe_query_gt_list list;
		struct drm_xe_gt gt;
	} all = {
		.list.num_gt = 1,
		.gt = {
			.type = DRM_XE_QUERY_GT_TYPE_MAIN,
			.near_mem_regions = 1 << VRAM,
			.far_mem_regions = 1 << SYSTEM,
			.ip_ver_major = 20,
			.ip_ver_minor = 1,
		},
	};

	return give(query, &all, sizeof(all));
}

/* Two, as vsvm has by default. What they can do is the same. */
static int give_engines(struct drm_xe_device_query *query)
{
	struct {
		struct drm_xe_query_engines engines;
		struct drm_xe_engine engine[2];
	} all = {
		.engines.num_engines = ARRAY_SIZE(all.engine),
		.engine = {
			{ .instance.engine_class = DRM_XE_ENGINE_CLASS_RENDER },
			{ .instance.engine_class = DRM_XE_ENGINE_CLASS_COPY },
		},
	};

	return give(query, &all, sizeof(all));
}

static int give_regions(struct drm_xe_device_query *query, const struct drm_vsvm_info *info)
{
	struct {
		struct drm_xe_query_mem_regions regions;
		struct drm_xe_mem_region region[2];
	} all = {
		.regions.num_mem_regions = ARRAY_SIZE(all.region),
		.region = {
			[SYSTEM] = {
				.mem_class = DRM_XE_MEM_REGION_CLASS_SYSMEM,
				.instance = SYSTEM,
				.min_page_size = info->page_size,
			},
			[VRAM] = {
				.mem_class = DRM_XE_MEM_REGION_CLASS_VRAM,
				.instance = VRAM,
				.min_page_size = info->page_size,
				.total_size = info->vram_size,
				.used = info->vram_used,
				.cpu_visible_size = info->vram_size,
				.cpu_visible_used = info->vram_used,
			},
		},
	};
	struct sysinfo host;

	if (sysinfo(&host))
		return -errno;
	all.region[SYSTEM].total_size = (uint64_t)host.totalram * host.mem_unit;
	all.region[SYSTEM].used = (uint64_t)(host.totalram - host.freeram) * host.mem_unit;
	return give(query, &all, sizeof(all));
}

int xe_device_query(int fd, struct drm_xe_device_query *query)
{
	struct drm_vsvm_info info = { 0 };
	int ret;

	if (query->extensions || query->reserved[0] || query->reserved[1])
		return -EINVAL;
	ret = xe_ioctl(fd, DRM_IOCTL_VSVM_INFO, &info);
	if (ret)
		return ret;

	switch (query->query) {
	case DRM_XE_DEVICE_QUERY_CONFIG:
		return give_config(query, info.page_size);
	case DRM_XE_DEVICE_QUERY_HWCONFIG:
		return give(query, NULL, 0);
	case DRM_XE_DEVICE_QUERY_GT_LIST:
		return give_gts(query);
	case DRM_XE_DEVICE_QUERY_ENGINES:
		return give_engines(query);
	case DRM_XE_DEVICE_QUERY_MEM_REGIONS:
		return give_regions(query, &info);
	}
	return -EINVAL;
}

/* A descriptor of a file with this text, or -1 and errno. */
static int text_file(const char *text, size_t len)
{
	int fd = memfd_create("xe-shim", MFD_CLOEXEC);

	if (fd < 0)
		return fd;
	if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The table of caching modes, of which the device has none: any numbers do. */
int xe_pat_text(void)
{
	static const char text[] =
		"PAT[ 0] = [ 0, 0, 0, 0, 0 ]  (     0x0)\n"
		"PAT[ 1] = [ 0, 0, 3, 0, 0 ]  (    0x30)\n"
		"PAT[ 2] = [ 0, 0, 0, 0, 2 ]  (     0x2)\n"
		"PAT[ 3] = [ 0, 0, 3, 3, 0 ]  (    0x3c)\n"
		"PAT[ 4] = [ 0, 1, 3, 3, 0 ]  (   0x23c)\n"
		"IDX[XE_CACHE_NONE] = 3\n"
		"IDX[XE_CACHE_WT] = 1\n"
		"IDX[XE_CACHE_WB] = 2\n"
		"IDX[XE_CACHE_NONE_COMPRESSION] = 4\n";

	return text_file(text, sizeof(text) - 1);
}

/*
 * The faults of the device, of all files. A prefetch of xe enters its range in the page table
 * of the GPU, so that there is no fault after it. One of vsvm moves memory, and the device
 * finds it there with a fault that moves nothing: those do not count.
 */
int xe_stats_text(unsigned int minor)
{
	char path[64], text[64], name[64];
	unsigned long long value, faults = 0;
	FILE *f;
	int len;

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%u/counters", minor);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fscanf(f, "%63s %llu", name, &value) == 2)
		if (!strcmp(name, "fault-to-device-pages"))
			faults = value;
	fclose(f);
	len = snprintf(text, sizeof(text), "svm_pagefault_count: %llu\n", faults);
	return text_file(text, len);
}
