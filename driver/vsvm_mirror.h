/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_MIRROR_H
#define VSVM_MIRROR_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

#include <drm/drm_drv.h>

#include "vsvm_stats.h"
#include "vsvm_table.h"

struct device;
struct pid;
struct vsvm_devmem;
struct vsvm_client;

/**
 * struct vsvm_mirror - a device's view of one mm
 * @notifier: covers the whole mm
 * @table: the device page table; the notifier's sequence is checked under
 *	its lock
 * @watches: faults in flight; &vsvm_watch.link
 * @watch_lock: protects @watches; inside the page-table lock
 * @drm: the device; there as long as the file is open, unplugged or not
 * @device: its number
 * @devmem: its memory, between vsvm_mirror_enter() and vsvm_mirror_exit(). Made
 *	NULL by unplug, which waits for those first, under the page-table lock:
 *	whoever has that may ask whether it is still there
 * @client: what the process has of it, once bound; as @devmem
 * @stats: what went through this mirror
 */
struct vsvm_mirror {
	struct mmu_interval_notifier notifier;
	struct vsvm_table table;
	struct list_head watches;
	spinlock_t watch_lock; /* watches */
	struct drm_device *drm;
	unsigned int device;
	struct vsvm_devmem *devmem;
	struct vsvm_client *client;
	struct vsvm_stats stats;
};

/**
 * struct vsvm_watch - a fault in flight, and whether its range changed
 * @notifier: stands for the range where core mm's functions want a notifier;
 *	never registered with core mm
 * @start: first address
 * @end: end of the range
 * @link: in &vsvm_mirror.watches
 */
struct vsvm_watch {
	struct mmu_interval_notifier notifier;
	unsigned long start;
	unsigned long end;
	struct list_head link;
};

/**
 * enum vsvm_sight - what the CPU's page table has where hmm saw nothing
 * @VSVM_SIGHT_PAGE: a page, behind an entry that bars access for now: NUMA hinting,
 *	userfaultfd's RWP; or one that came since
 * @VSVM_SIGHT_AWAY: contents that a fault brings: swapped out, under migration,
 *	exclusively a device's, on another driver's device
 * @VSVM_SIGHT_LOST: contents that no fault brings: memory error, guard, poison
 */
enum vsvm_sight {
	VSVM_SIGHT_PAGE,
	VSVM_SIGHT_AWAY,
	VSVM_SIGHT_LOST,
};

/**
 * struct vsvm_peek - who wants to know
 * @see: called for each page of which there is something to say, in address
 *	order, with @page for VSVM_SIGHT_PAGE and NULL otherwise. Under a lock of
 *	the CPU's page table, a spinlock, which keeps the page mapped
 */
struct vsvm_peek {
	void (*see)(struct vsvm_peek *peek, unsigned long addr,
		    enum vsvm_sight sight, struct page *page);
};

void vsvm_mirror_init(struct vsvm_mirror *m, struct drm_device *drm,
		      struct vsvm_devmem *devmem, struct device *dma);
void vsvm_mirror_teach_lockdep(void);
void vsvm_mirror_count(struct vsvm_mirror *m, enum vsvm_stat stat, u64 n);
int vsvm_mirror_bind(struct vsvm_mirror *m, struct mm_struct *mm,
		     struct pid *owner);
void vsvm_mirror_unbind(struct vsvm_mirror *m);
void vsvm_mirror_unplug(struct vsvm_mirror *m);
void vsvm_mirror_watch(struct vsvm_mirror *m, struct vsvm_watch *watch,
		       unsigned long start, unsigned long end);
void vsvm_mirror_unwatch(struct vsvm_mirror *m, struct vsvm_watch *watch);
unsigned long vsvm_mirror_hole(struct vsvm_mirror *m, unsigned long start,
			       unsigned long end, u32 *state);
int vsvm_mirror_bring_in(struct vsvm_mirror *m, unsigned long addr);
void vsvm_mirror_peek(struct vsvm_mirror *m, unsigned long start,
		      unsigned long end, struct vsvm_peek *peek);

/**
 * vsvm_mirror_enter() - begin a step that uses the device
 * @m: the mirror
 * @idx: out, for vsvm_mirror_exit()
 *
 * Until vsvm_mirror_exit() the device's memory, its pages, and what DMA is mapped
 * for stay. Whoever unplugs any DRM device waits meanwhile, so a step may wait
 * neither for user space, be it a userfaultfd handler, a FUSE server or a fault in
 * the caller's buffer, nor for mmap_lock or evict_lock, whose owners may do that.
 * Does not sleep, so it may be called with those held, but not with a spinlock of
 * ours: they are inside.
 *
 * Return: 0; -ENODEV: the device was unplugged, or is being.
 */
static inline int vsvm_mirror_enter(struct vsvm_mirror *m, int *idx)
{
	return drm_dev_enter(m->drm, idx) ? 0 : -ENODEV;
}

/**
 * vsvm_mirror_exit() - the end of a step
 * @idx: from vsvm_mirror_enter()
 */
static inline void vsvm_mirror_exit(int idx)
{
	drm_dev_exit(idx);
}

/*
 * The huge zero folio is not exported. It is the only PMD-mapped folio that
 * counts no mappings.
 */
static inline bool vsvm_mirror_huge_zero(const struct folio *folio)
{
	return !folio_test_anon(folio) && !folio_test_hugetlb(folio) &&
	       !folio_mapcount(folio);
}

#endif /* VSVM_MIRROR_H */
