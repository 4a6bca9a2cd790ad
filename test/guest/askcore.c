// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks core mm what vsvm works around, with device pages of its own, so that a
 * test sees whether a fix of docs/upstream is in. Files in debugfs, for root:
 *
 *	askcore/flags	flags that a new owner of a device page finds set
 *	askcore/moves	1: migrate_device_pfns() takes a page that nobody maps
 *	askcore/pfn	a device page in use, of a pagemap without .memory_failure
 *	askcore/hmm	write an address: hmm_range_fault() asks for its page in
 *			the caller's memory; read: the pfn that it told
 *	askcore/split	write the address of a huge page of the caller's: it
 *			migrates whole, to small pages
 *	askcore/collect	write an address of the caller's: what is from there to the end
 *			of its 2 MiB or of its mapping is collected, and put back
 *
 *	modprobe askcore [like=PFN]
 *
 * hmm is asked as the owner of device page PFN.
 *
 * Lifetime: the module's. Locks: none; one test at a time uses it.
 */
#include <linux/debugfs.h>
#include <linux/highmem.h>
#include <linux/hmm.h>
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

static unsigned long like;
module_param(like, ulong, 0);

/* The pages of ours, by what they are for. */
enum {
	PAGE_FLAGS,
	PAGE_MOVES,
	PAGE_PFN,
};

#define MEMORY	(2UL << 20)

static struct dev_pagemap *pgmap;
static struct dentry *dir;
static unsigned long told;

static struct folio *page_of(unsigned int i)
{
	struct page *page = pfn_to_page(PHYS_PFN(pgmap->range.start) + i);

	return (struct folio *)page;
}

static void ask_free(struct folio *folio)
{
}

static vm_fault_t ask_to_ram(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct dev_pagemap_ops ask_ops = {
	.folio_free = ask_free,
	.migrate_to_ram = ask_to_ram,
};

/* What the last owner may have left: an active page that was written. */
static int flags_get(void *data, u64 *val)
{
	struct folio *folio = page_of(PAGE_FLAGS);

	folio->flags.f |= BIT(PG_active) | BIT(PG_workingset) |
			  BIT(PG_swapbacked) | BIT(PG_dirty);
	zone_device_folio_init(folio, pgmap, 0);
	*val = folio->flags.f & PAGE_FLAGS_CHECK_AT_PREP &
	       ~(BIT(PG_locked) | BIT(PG_reserved));
	folio->flags.f &= ~*val;
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(flags_fops, flags_get, NULL, "%llu\n");

/* A page that was given out, and that whoever has it is about to put. */
static int moves_get(void *data, u64 *val)
{
	struct folio *folio = page_of(PAGE_MOVES);
	unsigned long src = folio_pfn(folio), dst = 0;

	zone_device_folio_init(folio, pgmap, 0);
	folio_unlock(folio);
	migrate_device_pfns(&src, 1);
	*val = !!(src & MIGRATE_PFN_MIGRATE);
	migrate_device_pages(&src, &dst, 1);
	migrate_device_finalize(&src, &dst, 1);
	folio_put(folio);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(moves_fops, moves_get, NULL, "%llu\n");

static int pfn_get(void *data, u64 *val)
{
	*val = folio_pfn(page_of(PAGE_PFN));
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(pfn_fops, pfn_get, NULL, "%llu\n");

static bool hmm_invalidate(struct mmu_interval_notifier *sub,
			   const struct mmu_notifier_range *range,
			   unsigned long seq)
{
	mmu_interval_set_seq(sub, seq);
	return true;
}

static const struct mmu_interval_notifier_ops hmm_ops = {
	.invalidate = hmm_invalidate,
};

static int hmm_set(void *data, u64 addr)
{
	struct mmu_interval_notifier sub = {};
	struct hmm_range range = {
		.notifier = &sub,
		.start = addr,
		.end = addr + PAGE_SIZE,
		.hmm_pfns = &told,
	};
	int ret;

	if (!like || !PAGE_ALIGNED(addr) || !current->mm)
		return -EINVAL;
	range.dev_private_owner = page_pgmap(pfn_to_page(like))->owner;
	ret = mmu_interval_notifier_insert(&sub, current->mm, addr, PAGE_SIZE,
					   &hmm_ops);
	if (ret)
		return ret;
	do {
		told = 0;
		range.notifier_seq = mmu_interval_read_begin(&sub);
		mmap_read_lock(current->mm);
		ret = hmm_range_fault(&range);
		mmap_read_unlock(current->mm);
	} while (ret == -EBUSY && !signal_pending(current));
	mmu_interval_notifier_remove(&sub);
	return ret;
}

static int hmm_get(void *data, u64 *val)
{
	*val = told & HMM_PFN_VALID ? told & ~HMM_PFN_FLAGS : 0;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hmm_fops, hmm_get, hmm_set, "%llu\n");

/* Small destinations for a huge page that was collected: all of them, or none. */
static void split_fill(struct migrate_vma *args)
{
	struct page *from = migrate_pfn_to_page(args->src[0]), *to;
	unsigned long i;

	for (i = 0; i < args->npages; i++) {
		to = alloc_page(GFP_HIGHUSER_MOVABLE);
		if (!to)
			break;
		lock_page(to);
		copy_highpage(to, from + i);
		args->dst[i] = migrate_pfn(page_to_pfn(to));
	}
	while (i < args->npages && i-- > 0) {
		unlock_page(migrate_pfn_to_page(args->dst[i]));
		put_page(migrate_pfn_to_page(args->dst[i]));
		args->dst[i] = 0;
	}
}

static int split_set(void *data, u64 addr)
{
	struct migrate_vma args = {
		.start = addr,
		.end = addr + PMD_SIZE,
		.flags = MIGRATE_VMA_SELECT_SYSTEM |
			 MIGRATE_VMA_SELECT_COMPOUND,
		.pgmap_owner = &pgmap,
	};
	unsigned long *entries;
	int ret;

	if (!current->mm)
		return -EINVAL;
	entries = kcalloc(2 * HPAGE_PMD_NR, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	args.src = entries;
	args.dst = entries + HPAGE_PMD_NR;
	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	ret = migrate_vma_setup(&args);
	if (!ret) {
		ret = -EBUSY;
		if (args.src[0] & MIGRATE_PFN_MIGRATE &&
		    args.src[0] & MIGRATE_PFN_COMPOUND)
			split_fill(&args);
		migrate_vma_pages(&args);
		if (args.dst[0] && args.src[0] & MIGRATE_PFN_MIGRATE)
			ret = 0;
		migrate_vma_finalize(&args);
	}
	mmap_read_unlock(current->mm);
	kfree(entries);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(split_fops, NULL, split_set, "%llu\n");

static int collect_set(void *data, u64 addr)
{
	struct migrate_vma args = {
		.start = addr,
		.flags = MIGRATE_VMA_SELECT_SYSTEM,
		.pgmap_owner = &pgmap,
	};
	unsigned long *entries;
	int ret;

	if (!current->mm)
		return -EINVAL;
	entries = kcalloc(2 * HPAGE_PMD_NR, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	args.src = entries;
	args.dst = entries + HPAGE_PMD_NR;
	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	if (args.vma)
		args.end = min(args.vma->vm_end, (addr & PMD_MASK) + PMD_SIZE);
	ret = migrate_vma_setup(&args);
	if (!ret) {
		migrate_vma_pages(&args);
		migrate_vma_finalize(&args);
	}
	mmap_read_unlock(current->mm);
	kfree(entries);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(collect_fops, NULL, collect_set, "%llu\n");

static int __init ask_init(void)
{
	struct resource *res;
	void *ret;

	pgmap = kzalloc_obj(*pgmap, GFP_KERNEL);
	if (!pgmap)
		return -ENOMEM;
	res = request_free_mem_region(&iomem_resource, MEMORY, "askcore");
	if (IS_ERR(res)) {
		kfree(pgmap);
		return PTR_ERR(res);
	}
	pgmap->type = MEMORY_DEVICE_PRIVATE;
	pgmap->range.start = res->start;
	pgmap->range.end = res->end;
	pgmap->nr_range = 1;
	pgmap->ops = &ask_ops;
	pgmap->owner = &pgmap;
	ret = memremap_pages(pgmap, numa_node_id());
	if (IS_ERR(ret)) {
		release_mem_region(res->start, resource_size(res));
		kfree(pgmap);
		return PTR_ERR(ret);
	}
	zone_device_folio_init(page_of(PAGE_PFN), pgmap, 0);
	folio_unlock(page_of(PAGE_PFN));

	dir = debugfs_create_dir("askcore", NULL);
	debugfs_create_file("flags", 0400, dir, NULL, &flags_fops);
	debugfs_create_file("moves", 0400, dir, NULL, &moves_fops);
	debugfs_create_file("pfn", 0400, dir, NULL, &pfn_fops);
	debugfs_create_file("hmm", 0600, dir, NULL, &hmm_fops);
	debugfs_create_file("split", 0200, dir, NULL, &split_fops);
	debugfs_create_file("collect", 0200, dir, NULL, &collect_fops);
	return 0;
}
module_init(ask_init);

static void __exit ask_exit(void)
{
	u64 start = pgmap->range.start, len = range_len(&pgmap->range);

	debugfs_remove(dir);
	folio_put(page_of(PAGE_PFN));
	memunmap_pages(pgmap);
	release_mem_region(start, len);
	kfree(pgmap);
}
module_exit(ask_exit);

MODULE_DESCRIPTION("Asks core mm what vsvm works around, for tests");
MODULE_LICENSE("GPL");
