/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_MIRROR_H
#define VSVM_MIRROR_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

#include <drm/drm_drv.h>

#include "vsvm_advice.h"
#include "vsvm_policy.h"
#include "vsvm_stats.h"
#include "vsvm_table.h"

struct device;
struct drm_vsvm_event;
struct pid;
struct vsvm_devmem;
struct vsvm_client;
struct vsvm_link_moves;
struct vsvm_link_tally;
struct vsvm_stream;

/**
 * struct vsvm_mirror - a device's view of one mm
 * @notifier: covers the whole mm
 * @table: the device page table; the notifier's sequence is checked under its lock
 * @watches: &vsvm_watch.link of faults in flight
 * @watch_lock: protects @watches; inside the page-table lock
 * @drm: the device; it exists as long as the file is open, unplugged or not
 * @device: number of the device
 * @devmem: its memory, valid between vsvm_mirror_enter() and vsvm_mirror_exit(). Unplug
 *	waits for these and then sets it to NULL under the page-table lock, so a holder
 *	of that lock may test it
 * @client: the client that the file belongs to, set by vsvm_mirror_bind(); valid as
 *	@devmem is, and also under RCU, unless it is NULL
 * @file: number of the file, drm-client-id in its fdinfo
 * @stats: counters of this mirror
 * @advices: where memory should be
 * @counts: accesses in place, where they are counted
 * @history: what moved because the device lacked it; protected by &vsvm_advices.lock
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
	u64 file;
	struct vsvm_stats stats;
	struct vsvm_advices advices;
	struct vsvm_policy_counts counts;
	struct vsvm_policy_history history;
};

/**
 * struct vsvm_watch - notes whether the range of a fault in flight is invalidated
 * @notifier: stands for the range in calls of core mm that take a notifier; never
 *	registered with core mm
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
 * enum vsvm_sight - contents of a CPU page table entry that hmm calls absent
 * @VSVM_SIGHT_PAGE: a page whose entry bars the CPU for now (NUMA hinting,
 *	userfaultfd's RWP), or that was faulted in since
 * @VSVM_SIGHT_AWAY: contents that a fault brings: swapped out, under migration, under
 *	exclusive access of a device, on the device of another driver
 * @VSVM_SIGHT_LOST: contents that no fault brings: memory error, guard page, poison
 */
enum vsvm_sight {
	VSVM_SIGHT_PAGE,
	VSVM_SIGHT_AWAY,
	VSVM_SIGHT_LOST,
};

/**
 * struct vsvm_peek - the visitor of vsvm_mirror_peek()
 * @see: called for each page with an entry, in address order, with @page for
 *	VSVM_SIGHT_PAGE and NULL otherwise; under a lock of the CPU's page table, a
 *	spinlock, which keeps the page mapped
 */
struct vsvm_peek {
	void (*see)(struct vsvm_peek *peek, unsigned long addr,
		    enum vsvm_sight sight, struct page *page);
};

void vsvm_mirror_init(struct vsvm_mirror *m, struct drm_device *drm,
		      struct vsvm_devmem *devmem, struct device *dma);
void vsvm_mirror_teach_lockdep(void);
void vsvm_mirror_count(struct vsvm_mirror *m, enum vsvm_stat stat, u64 n);
void vsvm_mirror_charge(struct vsvm_mirror *m, struct vsvm_link_tally *tally);
void vsvm_mirror_charge_moves(struct vsvm_mirror *m, struct vsvm_link_moves *moves);
u64 vsvm_mirror_time(struct vsvm_mirror *m);
void vsvm_mirror_count_advice(struct vsvm_mirror *m, unsigned int before);
void vsvm_mirror_destroy(struct vsvm_mirror *m);
void vsvm_mirror_tell(struct vsvm_mirror *m, const struct drm_vsvm_event *e);
int vsvm_mirror_listen(struct vsvm_mirror *m, struct vsvm_stream *s);
int vsvm_mirror_bind(struct vsvm_mirror *m, struct mm_struct *mm,
		     struct pid *owner);
void vsvm_mirror_empty(struct vsvm_mirror *m);
void vsvm_mirror_unbind(struct vsvm_mirror *m);
void vsvm_mirror_unplug(struct vsvm_mirror *m);
int vsvm_mirror_works(struct vsvm_mirror *m);
void vsvm_mirror_works_no_more(struct vsvm_mirror *m);
bool vsvm_mirror_helps(struct vsvm_mirror *m);
void vsvm_mirror_helps_no_more(struct vsvm_mirror *m);
void vsvm_mirror_watch(struct vsvm_mirror *m, struct vsvm_watch *watch,
		       unsigned long start, unsigned long end);
void vsvm_mirror_unwatch(struct vsvm_mirror *m, struct vsvm_watch *watch);
unsigned long vsvm_mirror_hole(struct vsvm_mirror *m, unsigned long start,
			       unsigned long end, u32 *state);
bool vsvm_mirror_mapping(struct vsvm_mirror *m, unsigned long addr,
			 unsigned long *start, unsigned long *end);
void vsvm_mirror_reconsider(struct vsvm_mirror *m, unsigned long start,
			    unsigned long last);
int vsvm_mirror_bring_in(struct vsvm_mirror *m, unsigned long addr);
void vsvm_mirror_peek(struct vsvm_mirror *m, unsigned long start,
		      unsigned long end, struct vsvm_peek *peek);

/**
 * vsvm_mirror_enter() - begin a step that uses the device
 * @m: the mirror
 * @idx: out, for vsvm_mirror_exit()
 *
 * Until vsvm_mirror_exit() the device's memory, its pages, and the device that system
 * pages are mapped for exist. Unplug of any DRM device waits for all steps. So a step
 * must not wait for user space, that is a userfaultfd handler, a FUSE server, or a
 * fault in the caller's buffer. It must not wait for mmap_lock or evict_lock either,
 * whose owners may do so. Does not sleep, so it may be called with these held, but not
 * with a spinlock of the driver, which are inside.
 *
 * Return: 0; -ENODEV: the device was unplugged, or unplug has begun.
 */
static inline int vsvm_mirror_enter(struct vsvm_mirror *m, int *idx)
{
	return drm_dev_enter(m->drm, idx) ? 0 : -ENODEV;
}

/**
 * vsvm_mirror_exit() - end a step
 * @idx: from vsvm_mirror_enter()
 */
static inline void vsvm_mirror_exit(int idx)
{
	drm_dev_exit(idx);
}

/*
 * The huge zero folio is not exported. It is the only PMD-mapped folio without a
 * mapcount.
 */
static inline bool vsvm_mirror_huge_zero(const struct folio *folio)
{
	return !folio_test_anon(folio) && !folio_test_hugetlb(folio) &&
	       !folio_mapcount(folio);
}

#endif /* VSVM_MIRROR_H */
