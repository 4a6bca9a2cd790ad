// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's memory as a whole: its physical addresses, its pagemap, its name for
 * the dmem cgroup and its shrinker.
 *
 * Lifetime: from probe until the last page is gone after remove. Locks: none; it
 * is made before anybody else knows of it, and destroyed after.
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

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct vsvm_devmem *dm = shrinker->private_data;
	unsigned long n = READ_ONCE(dm->nr_idle) + READ_ONCE(dm->nr_sparse);

	return n * VSVM_BLOCK_PAGES ?: SHRINK_EMPTY;
}

/*
 * The physical addresses of a device: for private memory, some that nothing
 * answers to; for coherent memory, those given, which must be nobody else's and
 * not the system's.
 */
static struct resource *claim_addresses(u64 start, u64 size, const char *name)
{
	struct resource *res;

	if (!start)
		return request_free_mem_region(&iomem_resource, size, name);

	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pr_err("vsvm: %#llx is the system's memory; reserve it first\n",
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
 * vsvm_pagemap_check() - can a coherent device have these addresses?
 * @start: physical address
 * @size: bytes; @start + @size does not wrap
 *
 * For the module's load, before the first device is there. That they are free now
 * does not keep them free.
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
 * The node that a device's pages are of: that of its memory, if it is on line, or
 * core mm would not have counters for it. Private memory is nowhere yet.
 */
static int home_node(u64 start)
{
	int node = start ? phys_to_target_node(start) : NUMA_NO_NODE;

	return node != NUMA_NO_NODE && node_online(node) ? node : numa_mem_id();
}

/* The struct stays for as long as a thread waits for &vsvm_devmem.evict_lock. */
static void free_struct(struct kref *refs)
{
	struct vsvm_devmem *dm = container_of(refs, struct vsvm_devmem, refs);

	mutex_destroy(&dm->evict_lock);
	kfree(dm);
}

/**
 * vsvm_pagemap_put() - give back a reference of the struct
 * @dm: the memory, which may be destroyed
 */
void vsvm_pagemap_put(struct vsvm_devmem *dm)
{
	kref_put(&dm->refs, free_struct);
}

/* What alloc_devmem() made, and the backing that has come since. */
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

/* The struct, its blocks and its counters, for memory of which nothing is there yet. */
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
		INIT_LIST_HEAD(&dm->blocks[i].sparse);
		INIT_LIST_HEAD(&dm->blocks[i].room);
		list_add_tail(&dm->blocks[i].link, &dm->free);
	}
	return dm;
}

/* Gives the device addresses, and struct pages for them. */
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

/* No page is in use any more. */
static void unmap_pages(struct vsvm_devmem *dm)
{
	struct range range = dm->pgmap.range;

	memunmap_pages(&dm->pgmap);
	release_mem_region(range.start, range_len(&range));
}

static int register_shrinker(struct vsvm_devmem *dm, vsvm_pagemap_scan *scan)
{
	dm->shrinker = VSVM_INJECT(dm->inject, PROBE_SHRINKER, NULL,
				   shrinker_alloc(0, "vsvm-%u", dm->device));
	if (!dm->shrinker)
		return -ENOMEM;
	dm->shrinker->count_objects = shrink_count;
	dm->shrinker->scan_objects = scan;
	dm->shrinker->private_data = dm;
	shrinker_register(dm->shrinker);
	return 0;
}

/**
 * vsvm_pagemap_create() - make a device's memory
 * @device: number of the device
 * @start: physical address of reserved memory for a coherent device; 0: private
 * @size: bytes; a multiple of the block size, and @start is too
 * @ops: what core mm calls for its pages
 * @scan: gives backing back
 *
 * Return: the memory; -ENOMEM; -EBUSY: the memory at @start is not free; or
 * what request_free_mem_region() and memremap_pages() say when no physical
 * addresses are left.
 */
struct vsvm_devmem *vsvm_pagemap_create(unsigned int device, u64 start,
					u64 size,
					const struct dev_pagemap_ops *ops,
					vsvm_pagemap_scan *scan)
{
	const struct dmem_cgroup_init init = { .size = size };
	struct vsvm_devmem *dm = alloc_devmem(device, size);
	int ret;

	if (!dm)
		return ERR_PTR(-ENOMEM);
	ret = map_pages(dm, start, size, ops);
	if (ret)
		goto free_devmem;
	dm->region = VSVM_INJECT(dm->inject, PROBE_REGION, ERR_PTR(-ENOMEM),
				 dmem_cgroup_register_region(&init, "vsvm/%u",
							     device));
	if (IS_ERR(dm->region)) {
		ret = PTR_ERR(dm->region);
		goto unmap_pages;
	}
	ret = register_shrinker(dm, scan);
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
 * vsvm_pagemap_close() - nobody takes pages any more
 * @dm: the memory
 *
 * The dmem cgroup forgets it; the blocks in use stay charged until they are not,
 * each with a reference of who pays for it.
 */
void vsvm_pagemap_close(struct vsvm_devmem *dm)
{
	dmem_cgroup_unregister_region(dm->region);
	dm->region = NULL;
}

/**
 * vsvm_pagemap_destroy() - undo vsvm_pagemap_create()
 * @dm: the memory, drained: memunmap_pages() waits for the last page
 */
void vsvm_pagemap_destroy(struct vsvm_devmem *dm)
{
	vsvm_pagemap_close(dm);
	shrinker_free(dm->shrinker);
	unmap_pages(dm);
	WARN_ON(!list_empty(&dm->clients));
	free_devmem(dm);
}
