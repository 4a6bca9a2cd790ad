// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's memory as a whole: its physical addresses, its pagemap, its dmem cgroup
 * region and its shrinker.
 *
 * Lifetime: from probe until the last page is freed after remove. Locks: none; no other
 * thread knows the memory while it is made and destroyed.
 */
#include <linux/cgroup_dmem.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/numa.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "vsvm_devmem.h"
#include "vsvm_pagemap.h"
#include "vsvm_pfn.h"
#include "vsvm_token.h"

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;
	unsigned long n = READ_ONCE(dm->nr_idle) + READ_ONCE(dm->nr_sparse);

	return n * VSVM_BLOCK_PAGES ?: SHRINK_EMPTY;
}

/*
 * Claims the physical addresses of a device. Private memory gets some where no memory
 * is. Coherent memory gets the given ones, which must be free and not system RAM.
 */
static struct resource *claim_addresses(u64 start, u64 size, const char *name)
{
	struct resource *res;

	if (!start)
		return request_free_mem_region(&iomem_resource, size, name);

	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pr_err("vsvm: %#llx is system memory; reserve it first\n",
		       start);
		return ERR_PTR(-EBUSY);
	}
	res = request_mem_region(start, size, name);
	if (res)
		return res;
	pr_err("vsvm: %#llx is in use; by pages of a device that was unplugged?\n",
	       start);
	return ERR_PTR(-EBUSY);
}

/**
 * vsvm_pagemap_check() - check the addresses of a coherent device
 * @start: physical address
 * @size: number of bytes; @start + @size does not wrap
 *
 * For module load, before the first device exists. The addresses may be taken later.
 *
 * Return: 0; -ERANGE: the kernel cannot map them; -EBUSY: they are not free.
 */
int vsvm_pagemap_check(u64 start, u64 size)
{
	struct range range = mhp_get_pluggable_range(true);
	struct resource *res;

	if (start < range.start || start + size - 1 > range.end) {
		pr_err("vsvm: %#llx is where the kernel maps no memory\n",
		       start);
		return -ERANGE;
	}
	res = claim_addresses(start, size, "vsvm");
	if (IS_ERR(res))
		return PTR_ERR(res);
	release_mem_region(start, size);
	return 0;
}

/*
 * The NUMA node of a device's struct pages: that of its memory, if it is online,
 * because core mm has counters only for online nodes. Private memory has no node.
 */
static int home_node(u64 start)
{
	int node = start ? phys_to_target_node(start) : NUMA_NO_NODE;

	return node != NUMA_NO_NODE && node_online(node) ? node : numa_mem_id();
}

/* Called when the device and all waiters for &vsvm_devmem.evict_lock are done. */
static void free_struct(struct kref *refs)
{
	struct vsvm_devmem *dm = container_of(refs, struct vsvm_devmem, refs);

	mutex_destroy(&dm->evict_lock);
	kfree(dm);
}

/**
 * vsvm_pagemap_put() - drop a reference of the struct
 * @dm: the memory, which may be destroyed already
 */
void vsvm_pagemap_put(struct vsvm_devmem *dm)
{
	kref_put(&dm->refs, free_struct);
}

/* Frees what alloc_devmem() allocated, and all backing. */
static void free_devmem(struct vsvm_devmem *dm)
{
	unsigned long i;

	for (i = 0; dm->blocks && i < dm->nr_blocks; i++) {
		WARN_ON(dm->blocks[i].nr_used);
		if (!dm->blocks[i].backing)
			continue;
		dm->blocks[i].backing->private = NULL;
		folio_put(dm->blocks[i].backing);
	}
	kvfree(dm->blocks);
	free_percpu(dm->stats);
	mutex_destroy(&dm->shrink_lock);
	vsvm_pagemap_put(dm);
}

/* Allocates the struct, its blocks and its counters. */
static struct vsvm_devmem *alloc_devmem(unsigned int device, u64 size)
{
	struct vsvm_inject *inject = vsvm_inject_of(device);
	struct vsvm_devmem *dm;
	unsigned long i;

	dm = VSVM_INJECT(inject, PROBE_MEMORY, NULL,
			 kzalloc_obj(*dm, GFP_KERNEL));
	if (!dm)
		return NULL;
	spin_lock_init(&dm->lock);
	mutex_init(&dm->evict_lock);
	mutex_init(&dm->shrink_lock);
	kref_init(&dm->refs);
	INIT_LIST_HEAD(&dm->free);
	INIT_LIST_HEAD(&dm->full);
	INIT_LIST_HEAD(&dm->sparse);
	INIT_LIST_HEAD(&dm->room);
	INIT_LIST_HEAD(&dm->clients);
	hash_init(dm->owners);
	dm->drained = jiffies - HZ;
	dm->inject = inject;
	dm->device = device;
	snprintf(dm->name, sizeof(dm->name), "vsvm.%u", device);
	dm->nr_blocks = size >> (PAGE_SHIFT + VSVM_BLOCK_ORDER);
	dm->blocks = VSVM_INJECT(inject, PROBE_BLOCKS, NULL,
				 kvcalloc(dm->nr_blocks, sizeof(*dm->blocks),
					  GFP_KERNEL));
	dm->stats = VSVM_INJECT(inject, PROBE_COUNTERS, NULL,
				alloc_percpu(struct vsvm_cpu_stats));
	if (!dm->blocks || !dm->stats) {
		free_devmem(dm);
		return NULL;
	}
	for (i = 0; i < dm->nr_blocks; i++) {
		dm->blocks[i].devmem = dm;
		RB_CLEAR_NODE(&dm->blocks[i].cold);
		INIT_LIST_HEAD(&dm->blocks[i].pin);
		INIT_LIST_HEAD(&dm->blocks[i].sparse);
		INIT_LIST_HEAD(&dm->blocks[i].room);
		list_add_tail(&dm->blocks[i].link, &dm->free);
	}
	return dm;
}

/* Claims physical addresses and creates struct pages for them. */
static int map_pages(struct vsvm_devmem *dm, u64 start, u64 size,
		     const struct dev_pagemap_ops *ops)
{
	struct resource *res;
	void *addr;

	res = VSVM_INJECT(dm->inject, PROBE_ADDRESSES, ERR_PTR(-EBUSY),
			  claim_addresses(start, size, dm->name));
	if (IS_ERR(res))
		return PTR_ERR(res);

	dm->pgmap.type = start ? MEMORY_DEVICE_COHERENT : MEMORY_DEVICE_PRIVATE;
	dm->pgmap.owner = vsvm_devmem_owner;
	dm->pgmap.ops = ops;
	dm->pgmap.nr_range = 1;
	dm->pgmap.range.start = res->start;
	dm->pgmap.range.end = res->end;
	vsvm_pfn_widen(&dm->pgmap.range);
	addr = VSVM_INJECT(dm->inject, PROBE_PAGES, ERR_PTR(-ENOMEM),
			   memremap_pages(&dm->pgmap, home_node(start)));
	if (IS_ERR(addr)) {
		release_mem_region(res->start, resource_size(res));
		return PTR_ERR(addr);
	}
	return 0;
}

/* Undoes map_pages(); no page is in use. */
static void unmap_pages(struct vsvm_devmem *dm)
{
	struct range range = dm->pgmap.range;

	memunmap_pages(&dm->pgmap);
	release_mem_region(range.start, range_len(&range));
}

static void free_shrinkers(struct vsvm_devmem *dm)
{
	shrinker_free(dm->reclaim);
	shrinker_free(dm->shrinker);
}

static int register_shrinkers(struct vsvm_devmem *dm,
			      const struct vsvm_pagemap_ops *ops)
{
	dm->shrinker = VSVM_INJECT(dm->inject, PROBE_SHRINKER, NULL,
				   shrinker_alloc(0, "vsvm-%u", dm->device));
	dm->reclaim = VSVM_INJECT(dm->inject, PROBE_RECLAIM, NULL,
				  shrinker_alloc(SHRINKER_MEMCG_AWARE |
						 SHRINKER_NUMA_AWARE,
						 "vsvm-%u-memcg", dm->device));
	if (!dm->shrinker || !dm->reclaim || vsvm_token_init(dm)) {
		free_shrinkers(dm);
		return -ENOMEM;
	}
	dm->shrinker->count_objects = shrink_count;
	dm->shrinker->scan_objects = ops->scan;
	dm->shrinker->private_data = dm;
	shrinker_register(dm->shrinker);
	dm->reclaim->count_objects = ops->reclaimable;
	dm->reclaim->scan_objects = ops->reclaim;
	dm->reclaim->private_data = dm;
	dm->reclaim->batch = VSVM_BLOCK_PAGES;
	shrinker_register(dm->reclaim);
	return 0;
}

/**
 * vsvm_pagemap_create() - create a device's memory
 * @device: number of the device
 * @start: physical address of reserved memory for a coherent device; 0: private
 * @size: number of bytes; a multiple of the block size, as @start is
 * @ops: callbacks
 *
 * Return: the memory; -ENOMEM; -EBUSY: the memory at @start is not free; or an errno of
 * request_free_mem_region() or memremap_pages() when there are no more physical
 * addresses.
 */
struct vsvm_devmem *vsvm_pagemap_create(unsigned int device, u64 start,
					u64 size,
					const struct vsvm_pagemap_ops *ops)
{
	struct vsvm_devmem *dm = alloc_devmem(device, size);
	int ret;

	if (!dm)
		return ERR_PTR(-ENOMEM);
	ret = map_pages(dm, start, size, ops->pagemap);
	if (ret)
		goto free_devmem;
	dm->region = VSVM_INJECT(dm->inject, PROBE_REGION, ERR_PTR(-ENOMEM),
				 VSVM_DMEM_REGISTER(size, "vsvm/%u", device));
	if (IS_ERR(dm->region)) {
		ret = PTR_ERR(dm->region);
		goto unmap_pages;
	}
	ret = register_shrinkers(dm, ops);
	if (ret)
		goto unregister_region;
	return dm;

unregister_region:
	dmem_cgroup_unregister_region(dm->region);
unmap_pages:
	unmap_pages(dm);
free_devmem:
	free_devmem(dm);
	return ERR_PTR(ret);
}

/**
 * vsvm_pagemap_close() - unregister the dmem cgroup region
 * @dm: the memory, of which no more pages are reserved
 *
 * Blocks in use stay charged until their last page is freed. Each charge holds a
 * reference to its cgroup pool.
 */
void vsvm_pagemap_close(struct vsvm_devmem *dm)
{
	dmem_cgroup_unregister_region(dm->region);
	dm->region = NULL;
}

/**
 * vsvm_pagemap_destroy() - undo vsvm_pagemap_create()
 * @dm: the memory; memunmap_pages() waits until its last page is freed
 */
void vsvm_pagemap_destroy(struct vsvm_devmem *dm)
{
	vsvm_pagemap_close(dm);
	free_shrinkers(dm);
	unmap_pages(dm);
	vsvm_token_exit(dm);
	WARN_ON(!list_empty(&dm->clients));
	free_devmem(dm);
}
