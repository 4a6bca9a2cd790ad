/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_HOME_H
#define VSVM_HOME_H

#include <linux/bitmap.h>
#include <linux/types.h>

#include "vsvm_devmem.h"

struct folio;
struct mempolicy;
struct page;
struct vm_area_struct;

/* Number of small pages to allocate at a time. */
#define VSVM_HOME_SPARE		16

/**
 * struct vsvm_home - device pages that migrate to system memory
 * @src: entries as migrate_vma_setup() or migrate_device_pfns() left them
 * @dst: entries to fill, zero on entry
 * @npages: number of entries, at most one block's
 * @vma: the mapping of the pages, for its memory policy; NULL: unknown
 * @policy: memory policy where @vma has none; NULL: none, or @vma unknown
 * @start: address of the first entry in @vma
 * @only: migrate pages of this device only; NULL: of any vsvm device
 * @gently: the caller is in reclaim: allocate without reclaim and without the reserves
 * @must: device page that a CPU fault waits for, or NULL; the allocation for it tries
 *	harder
 * @spare: small pages that were allocated together and are not used yet
 * @nr_spare: number of pages in @spare
 * @recalled: out, entries without a destination although there was memory for it,
 *	because vsvm_home_recall() or a failpoint took it away
 * @handed: out, block whose backing became the destination, or NULL
 * @uncopied: number of pages of @uncopied_of that were cleared instead of copied, and are
 *	not counted yet
 * @uncopied_of: their block, or NULL
 * @host_full: out, number of pages for which the host had no memory
 * @given: out, number of pages that got a destination
 * @moved: out, number of pages that moved there
 * @order: out, largest order of those
 */
struct vsvm_home {
	unsigned long *src;
	unsigned long *dst;
	unsigned long npages;
	struct vm_area_struct *vma;
	struct mempolicy *policy;
	unsigned long start;
	struct vsvm_devmem *only;
	bool gently;
	struct page *must;
	struct page *spare[VSVM_HOME_SPARE];
	unsigned int nr_spare;
	DECLARE_BITMAP(recalled, VSVM_BLOCK_PAGES);
	struct vsvm_block *handed;
	unsigned int uncopied;
	struct vsvm_block *uncopied_of;
	unsigned int host_full;
	unsigned int given;
	unsigned int moved;
	unsigned int order;
};

bool vsvm_home_lives(struct folio *folio);
void vsvm_home_copy(struct vsvm_home *home);
void vsvm_home_give_back(unsigned long *dst, unsigned long n);
void vsvm_home_recall(struct vsvm_home *home);
void vsvm_home_settle(struct vsvm_home *home);
void vsvm_home_account(const struct vsvm_home *home, struct vsvm_block *b,
		       enum vsvm_cause cause, u64 addr, unsigned long busy);
int vsvm_home_touch_node(const struct vm_area_struct *vma,
			 struct mempolicy *policy);

#endif /* VSVM_HOME_H */
