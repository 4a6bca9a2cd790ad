// SPDX-License-Identifier: GPL-2.0-only
/*
 * DISCARD: device pages whose contents are not needed until they are written again.
 *
 * Such a page has a bit in its block (&vsvm_block.discarded), and no entry of a device
 * page table allows a write to it. So that the tables of other files and other devices
 * lose their entries, too, core mm collects the pages as for a migration, which tells
 * every mirror of the process. The bits are set while the pages are unmapped, and then
 * core mm maps the same pages again. Nothing is allocated or copied on the device.
 *
 * Whoever makes a destination for a discarded page clears it, see copy_pages() in
 * vsvm_home.c.
 *
 * Lifetime: a call. Device memory is used inside vsvm_mirror_enter().
 *
 * Locks: mmap_lock for reading; core mm takes folio locks, by trylock only.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/vsvm_drm.h>

#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_discard.h"
#include "vsvm_inject.h"
#include "vsvm_mirror.h"
#include "vsvm_walk.h"

#define MAX_PASSES	3

/* What a page of the piece is; each but the first has a count in the request. */
enum found {
	FOUND_OWN,		/* on this device, writable: to be discarded */
	FOUND_DISCARDED,
	FOUND_ABSENT,
	FOUND_SYSTEM,
	FOUND_PEER,
	FOUND_KEPT,
	FOUND_UNUSABLE,
};

/**
 * struct piece - a part of the range, in one leaf of the device page table
 * @ctx: for whom
 * @m: its mirror
 * @v: visitor that fills @found
 * @start: first address
 * @end: end of the piece
 * @left: number of pages that are FOUND_OWN
 * @marked: pages of the piece were discarded
 * @found: &enum found of each page
 * @args: for migrate_vma
 * @src: for migrate_vma
 * @dst: for migrate_vma; no page gets a destination
 */
struct piece {
	const struct vsvm_context *ctx;
	struct vsvm_mirror *m;
	struct vsvm_visitor v;
	unsigned long start;
	unsigned long end;
	unsigned int left;
	bool marked;
	u8 found[VSVM_BLOCK_PAGES];
	struct migrate_vma args;
	unsigned long src[VSVM_BLOCK_PAGES];
	unsigned long dst[VSVM_BLOCK_PAGES];
};

static unsigned int piece_pages(const struct piece *p)
{
	return (p->end - p->start) >> PAGE_SHIFT;
}

static unsigned long piece_index(const struct piece *p, unsigned long addr)
{
	return (addr - p->start) >> PAGE_SHIFT;
}

/*
 * A page of private device memory is writable only while one process has it: fork and
 * mprotect make its entry read-only.
 */
static enum found state_found(u32 state)
{
	switch (state & DRM_VSVM_STATE_PLACE) {
	case DRM_VSVM_PLACE_ABSENT:
	case DRM_VSVM_PLACE_ZERO:
		return FOUND_ABSENT;
	case DRM_VSVM_PLACE_SYSTEM:
		return FOUND_SYSTEM;
	case DRM_VSVM_PLACE_PEER:
		return FOUND_PEER;
	case DRM_VSVM_PLACE_DEVICE:
		return state & DRM_VSVM_STATE_WRITE &&
		       !(state & DRM_VSVM_STATE_COHERENT) ? FOUND_OWN : FOUND_KEPT;
	default:
		return FOUND_UNUSABLE;
	}
}

static long look_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct piece *p = container_of(v, struct piece, v);
	unsigned long i = piece_index(p, span->addr);
	unsigned long end = i + (span->len >> PAGE_SHIFT);

	for (; i < end; i++) {
		if (p->found[i] == FOUND_DISCARDED)
			continue;
		p->found[i] = state_found(span->state);
		p->left += p->found[i] == FOUND_OWN;
	}
	return span->len;
}

/* Takes mmap_lock and the page-table lock; the caller holds neither. */
static int piece_look(struct piece *p)
{
	unsigned long next;

	p->left = 0;
	p->v.visit = look_visit;
	return vsvm_walk(p->ctx, p->start, p->end, VSVM_NEED_NONE, &p->v, &next,
			 NULL);
}

static void set_found(struct piece *p, unsigned long i, unsigned long nr,
		      enum found found)
{
	for (; nr; nr--, i++) {
		p->left -= p->found[i] == FOUND_OWN;
		p->found[i] = found;
	}
}

/*
 * Discards what core mm collected. A page whose entry was writable had no other: from
 * there on, mmap_lock keeps fork from sharing it.
 */
static void discard_collected(struct piece *p)
{
	unsigned long first = piece_index(p, p->args.start), i, k, nr;

	for (i = 0; i < p->args.npages; i += nr) {
		struct page *page = migrate_pfn_to_page(p->src[i]);

		nr = 1;
		if (!page || !(p->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		if (p->src[i] & MIGRATE_PFN_COMPOUND)
			nr = folio_nr_pages(page_folio(page));
		/* An earlier pass discarded it, and it may have been written since. */
		if (p->found[first + i] != FOUND_OWN)
			continue;
		if (vsvm_devmem_of(page) != p->m->devmem) {
			set_found(p, first + i, nr, FOUND_PEER);
			continue;
		}
		if (!(p->src[i] & MIGRATE_PFN_WRITE)) {
			set_found(p, first + i, nr, FOUND_KEPT);
			continue;
		}
		for (k = 0; k < nr; k++)
			vsvm_devmem_discard(page + k);
		set_found(p, first + i, nr, FOUND_DISCARDED);
		p->marked = true;
	}
	/*
	 * Before core mm maps the pages again. Pairs with the locks that a walk takes
	 * between its look at the new entry and install_in(): who sees the entry sees the
	 * bit.
	 */
	smp_wmb();
}

/* Narrows the range to the pages to discard; returns false if there are none. */
static bool narrow(const struct piece *p, unsigned long *start,
		   unsigned long *end)
{
	while (*start < *end && p->found[piece_index(p, *start)] != FOUND_OWN)
		*start += PAGE_SIZE;
	while (*start < *end &&
	       p->found[piece_index(p, *end - PAGE_SIZE)] != FOUND_OWN)
		*end -= PAGE_SIZE;
	return *start < *end;
}

/* Discards pages of one mapping, with mmap_lock held, inside vsvm_mirror_enter(). */
static void discard_in(struct piece *p, struct vm_area_struct *vma,
		       unsigned long start, unsigned long end)
{
	struct vsvm_inject *inject = p->m->table.inject;

	if (!narrow(p, &start, &end))
		return;
	p->args = (struct migrate_vma) {
		.vma = vma,
		.src = p->src,
		.dst = p->dst,
		.start = start,
		.end = end,
		.pgmap_owner = vsvm_devmem_owner,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
	};
	/* Core mm splits a huge page of which this is a part. */
	if (end - start == PMD_SIZE)
		p->args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
	/* Fails if the mapping changed since the look; then this pass does nothing. */
	if (VSVM_INJECT(inject, SETUP, -EINVAL, migrate_vma_setup(&p->args)))
		return;
	vsvm_inject_pause(inject, COLLECTED);
	discard_collected(p);
	migrate_vma_pages(&p->args);
	migrate_vma_finalize(&p->args);
}

/* Discards what the look found, once. */
static int piece_go(struct piece *p)
{
	struct mm_struct *mm = p->m->notifier.mm;
	struct vm_area_struct *vma;
	unsigned long addr, end;
	int idx, ret;

	if (VSVM_INJECT(p->m->table.inject, MOVE_LOCK, -EINTR,
			mmap_read_lock_killable(mm)))
		return -EINTR;
	ret = vsvm_mirror_enter(p->m, &idx);
	if (ret)
		goto unlock;
	for (addr = p->start; addr < p->end; addr = end) {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start >= p->end)
			break;
		end = min(vma->vm_end, p->end);
		discard_in(p, vma, max(addr, vma->vm_start), end);
	}
	vsvm_mirror_exit(idx);
unlock:
	mmap_read_unlock(mm);
	return ret;
}

static u64 *found_count(struct drm_vsvm_discard *arg, enum found found)
{
	switch (found) {
	case FOUND_DISCARDED:
		return &arg->discarded;
	case FOUND_ABSENT:
		return &arg->absent;
	case FOUND_SYSTEM:
		return &arg->system;
	case FOUND_PEER:
		return &arg->peer;
	case FOUND_KEPT:
		return &arg->kept;
	case FOUND_UNUSABLE:
		return &arg->unusable;
	default:
		return &arg->busy;
	}
}

static void piece_account(const struct piece *p, struct drm_vsvm_discard *arg)
{
	u64 before = arg->discarded;
	unsigned int i;

	for (i = 0; i < piece_pages(p); i++)
		*found_count(arg, p->found[i]) += PAGE_SIZE;
	arg->next = p->end;
	vsvm_mirror_count(p->m, VSVM_STAT_DISCARDED,
			  (arg->discarded - before) >> PAGE_SHIFT);
}

/* A few passes, because another thread may have a page locked for a moment. */
static int piece_discard(struct piece *p)
{
	int pass, ret;

	memset(p->found, FOUND_OWN, sizeof(p->found));
	p->marked = false;
	for (pass = 0; pass < MAX_PASSES; pass++) {
		ret = piece_look(p);
		if (ret || !p->left)
			return ret;
		ret = piece_go(p);
		if (ret || !p->left)
			return ret;
	}
	return piece_look(p);
}

/**
 * vsvm_discard() - discard the contents of device pages
 * @ctx: for whom
 * @arg: the request, checked, with its outputs zeroed and next at its start
 *
 * Takes mmap_lock. The caller does not hold it, and is not inside vsvm_mirror_enter().
 *
 * Return: 0, however much was discarded; -EINTR, -ENOMEM, -EBUSY or -ENODEV with the
 * progress so far in @arg.
 */
int vsvm_discard(const struct vsvm_context *ctx, struct drm_vsvm_discard *arg)
{
	unsigned long end = arg->addr + arg->len;
	struct vsvm_mirror *m = ctx->m;
	struct piece *p;
	u32 state = 0;
	int ret = 0;

	p = VSVM_INJECT(m->table.inject, CHUNK, NULL,
			kvzalloc_obj(*p, GFP_KERNEL));
	if (!p)
		return -ENOMEM;

	p->ctx = ctx;
	p->m = m;
	while (arg->next < end) {
		cond_resched();
		if (vsvm_context_stops(ctx)) {
			ret = -EINTR;
			break;
		}
		p->start = arg->next;
		p->end = vsvm_mirror_hole(m, p->start, end, &state);
		if (p->end > p->start) {
			*found_count(arg, state_found(state)) += p->end - p->start;
			arg->next = p->end;
			continue;
		}
		p->end = min(end, (p->start & PMD_MASK) + PMD_SIZE);
		ret = piece_discard(p);
		/* If a later pass failed, what an earlier one discarded is told. */
		if (!ret || p->marked)
			piece_account(p, arg);
		if (ret)
			break;
	}
	kvfree(p);
	return ret;
}
