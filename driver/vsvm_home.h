/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_HOME_H
#define VSVM_HOME_H

#include <linux/bitmap.h>
#include <linux/types.h>

#include "vsvm_devmem.h"

struct folio;
struct page;
struct vm_area_struct;

/* Small pages to allocate at a time. */
#define VSVM_HOME_SPARE		16

/**
 * struct vsvm_home - device pages on their way home
 * @src: entries as migrate_vma_setup() or migrate_device_pfns() left them
 * @dst: entries to fill, zero on entry
 * @npages: number of entries, at most one block's
 * @vma: where the pages are mapped, for the memory policy; NULL: unknown
 * @start: address of the first entry in @vma
 * @only: take pages of this device alone; NULL: of any vsvm device
 * @gently: somebody waits for memory: take none of the reserves, and do not wait
 * @must: device page that cannot wait (a CPU stands at it), or NULL
 * @spare: small pages that were allocated together, and not used yet
 * @nr_spare: how many of those there are
 * @recalled: out, entries that lost their destination again, or got none though
 *	there was memory
 * @handed: out, block whose backing became the destination, or NULL
 * @host_full: out, pages for which the host had no memory
 * @given: out, pages that got a destination
 * @moved: out, pages that went there
 * @order: out, largest order of those
 */
struct vsvm_home {
	unsigned long *src;
	unsigned long *dst;
	unsigned long npages;
	struct vm_area_struct *vma;
	unsigned long start;
	struct vsvm_devmem *only;
	bool gently;
	struct page *must;
	struct page *spare[VSVM_HOME_SPARE];
	unsigned int nr_spare;
	DECLARE_BITMAP(recalled, VSVM_BLOCK_PAGES);
	struct vsvm_block *handed;
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
int vsvm_home_touch_node(const struct vm_area_struct *vma);

#endif /* VSVM_HOME_H */
