/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_CHUNK_H
#define VSVM_CHUNK_H

#include <linux/bitmap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_walk.h"

#define CHUNK_PAGES	VSVM_BLOCK_PAGES

/*
 * State or result of a page of the chunk. The first values are the reasons of enum
 * drm_vsvm_stay.
 */
enum page_result {
	RESULT_MOVED = DRM_VSVM_STAY_MAX,
	RESULT_THERE,
	RESULT_ABSENT,	/* no page, untouched */
	RESULT_AWAY,	/* swapped out, or another entry that a fault resolves */
	RESULT_HOLE,	/* collected without a page: untouched */
	RESULT_SYSTEM,	/* in system memory, could move */
	RESULT_DEVICE,	/* on a vsvm device, could move */
};

/**
 * struct chunk - a part of the range, at most 2 MiB, in one mapping
 * @ctx: for whom
 * @m: its mirror
 * @mig: the request, and its result so far
 * @cause: why it moves
 * @evicts: on a full device other pages have to make room
 * @v: visitor that fills @result
 * @peek: looks at entries that @v finds absent
 * @start: first address
 * @end: end of the chunk
 * @to_device: the direction
 * @leaves: nothing moves; what could is there
 * @populate: use cleared device pages for untouched memory
 * @nohuge: the mapping does not want huge pages
 * @mergeable: KSM may merge pages of the mapping, so none moves to the device
 * @huge: the CPU maps the whole chunk by one entry, or could
 * @why: the look finds out why pages that could have moved did not
 * @result: &enum page_result of each page
 * @count: number of pages of each result, after a look
 * @moved: pages that moved, in any pass
 * @lost: pages that could not be faulted in: lost to a memory error
 * @now: number of pages that moved in this pass
 * @order: largest order of those
 * @copied: number of pages whose bytes the call copied over the link
 * @transfers: number of chunks with such pages
 * @node: the NUMA node that a touch would allocate untouched pages from
 * @args: for migrate_vma
 * @src: for migrate_vma
 * @dst: for migrate_vma
 * @small: indices of reserved device pages
 * @nr_small: number of pages in @small
 * @nr_taken: number of those that became folios
 * @dm: the device's memory; only compared
 * @coherent: the device has no huge pages
 * @want: number of pages to reserve
 * @want_block: reserve them as one block, if there is one
 * @refused: a failpoint refuses the reservation
 * @rooms: remaining attempts to make room
 * @block: a reserved block, or NULL
 * @full: there were fewer pages than wanted
 * @evicted: blocks were evicted for this chunk, perhaps pages of the chunk itself
 */
struct chunk {
	const struct vsvm_context *ctx;
	struct vsvm_mirror *m;
	struct drm_vsvm_migrate *mig;
	enum vsvm_cause cause;
	bool evicts;
	struct vsvm_visitor v;
	struct vsvm_peek peek;
	unsigned long start;
	unsigned long end;
	bool to_device;
	bool leaves;
	bool populate;
	bool nohuge;
	bool mergeable;
	bool huge;
	bool why;
	u8 result[CHUNK_PAGES];
	unsigned int count[RESULT_DEVICE + 1];
	DECLARE_BITMAP(moved, CHUNK_PAGES);
	DECLARE_BITMAP(lost, CHUNK_PAGES);
	unsigned int now;
	unsigned int order;
	u64 copied;
	unsigned long transfers;
	int node;
	struct migrate_vma args;
	unsigned long src[CHUNK_PAGES];
	unsigned long dst[CHUNK_PAGES];
	unsigned long small[CHUNK_PAGES];
	unsigned int nr_small;
	unsigned int nr_taken;
	const struct vsvm_devmem *dm;
	bool coherent;
	unsigned int want;
	bool want_block;
	bool refused;
	unsigned int rooms;
	struct vsvm_block *block;
	bool full;
	bool evicted;
};

static inline unsigned int chunk_pages(const struct chunk *c)
{
	return (c->end - c->start) >> PAGE_SHIFT;
}

static inline bool could_move(u8 result)
{
	return result == RESULT_SYSTEM || result == RESULT_DEVICE;
}

int vsvm_chunk_look(struct chunk *c, bool why);
void vsvm_chunk_account(struct chunk *c, u8 result, unsigned long bytes);

#endif /* VSVM_CHUNK_H */
