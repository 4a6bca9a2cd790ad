// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk of a MIGRATE: the state of each of its pages, whether it could move, why it
 * did not, and the sums.
 *
 * Lifetime: a call. Locks: none of its own; those of vsvm_walk() and
 * vsvm_mirror_peek().
 */
#include <linux/container_of.h>
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <drm/vsvm_drm.h>

#include "vsvm_chunk.h"
#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_trace.h"
#include "vsvm_walk.h"

static void account_stayed(struct chunk *c, enum drm_vsvm_stay reason,
			   unsigned long bytes)
{
	unsigned long pages = bytes >> PAGE_SHIFT;

	c->mig->stayed[reason] += bytes;
	vsvm_mirror_count(c->m, VSVM_STAT_STAYED + reason, pages);
	trace_vsvm_stay(c->m->device, c->cause, c->mig->next, pages, reason);
}

/**
 * vsvm_chunk_account() - add neighbouring pages with the same result to the request
 * @c: the chunk
 * @result: &enum page_result of the pages
 * @bytes: number of bytes, from &drm_vsvm_migrate.next on
 */
void vsvm_chunk_account(struct chunk *c, u8 result, unsigned long bytes)
{
	if (result == RESULT_MOVED) {
		c->mig->moved += bytes;
		vsvm_mirror_count(c->m, c->to_device ? VSVM_STAT_TO_DEVICE :
				  VSVM_STAT_HOME + VSVM_CAUSE_EXPLICIT,
				  bytes >> PAGE_SHIFT);
		if (c->cause == VSVM_CAUSE_DEVICE_FAULT)
			vsvm_mirror_count(c->m, VSVM_STAT_FAULT_TO_DEVICE,
					  bytes >> PAGE_SHIFT);
	} else if (result == RESULT_THERE) {
		c->mig->there += bytes;
	} else if (result == RESULT_ABSENT || result == RESULT_HOLE) {
		c->mig->absent += bytes;
	} else {
		account_stayed(c, result < DRM_VSVM_STAY_MAX ? result :
			       DRM_VSVM_STAY_BUSY, bytes);
	}
	c->mig->next += bytes;
}

/*
 * True if the folio is pinned (FOLL_PIN). A pin of a small folio adds
 * GUP_PIN_COUNTING_BIAS references. Mappings add references, too, and a folio that many
 * processes share by fork may have as many of these. So the expected references are
 * subtracted.
 */
static bool is_pinned(struct folio *folio)
{
	if (folio_has_pincount(folio))
		return folio_maybe_dma_pinned(folio);
	return folio_ref_count(folio) - folio_expected_ref_count(folio) >=
	       GUP_PIN_COUNTING_BIAS;
}

/* Result of a system page, which the lock of a page table keeps mapped. */
static u8 system_result(struct chunk *c, struct page *page)
{
	struct folio *folio = page_folio(page);
	int refs;

	if (folio_test_ksm(folio))
		return DRM_VSVM_STAY_KSM;
	if (!folio_test_anon(folio))
		return DRM_VSVM_STAY_FILE;
	if (c->mergeable)
		return DRM_VSVM_STAY_KSM;
	if (is_pinned(folio))
		return DRM_VSVM_STAY_PINNED;
	if (!c->why)
		return RESULT_SYSTEM;
	/* A page not on the LRU is in a batch, which has one reference. */
	refs = folio_expected_ref_count(folio) + !folio_test_lru(folio);
	return folio_ref_count(folio) > refs ? DRM_VSVM_STAY_PINNED :
					       DRM_VSVM_STAY_BUSY;
}

static u8 span_result(struct chunk *c, const struct vsvm_span *span,
		      struct page *page)
{
	u8 device = c->why ? DRM_VSVM_STAY_BUSY : RESULT_DEVICE;

	switch (span->state & DRM_VSVM_STATE_PLACE) {
	case DRM_VSVM_PLACE_ABSENT:
	case DRM_VSVM_PLACE_ZERO:
		return RESULT_ABSENT;
	case DRM_VSVM_PLACE_SYSTEM:
		return c->to_device ? system_result(c, page) : RESULT_THERE;
	case DRM_VSVM_PLACE_DEVICE:
		return c->to_device ? RESULT_THERE : device;
	case DRM_VSVM_PLACE_PEER:
		return device;
	default:
		return DRM_VSVM_STAY_ERROR;
	}
}

static long look_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct chunk *c = container_of(v, struct chunk, v);
	unsigned long i = (span->addr - c->start) >> PAGE_SHIFT;
	unsigned long n = span->len >> PAGE_SHIFT, k;

	for (k = 0; k < n; k++) {
		if (c->why && !could_move(c->result[i + k]) &&
		    c->result[i + k] != RESULT_THERE)
			continue;
		c->result[i + k] = test_bit(i + k, c->moved) ? RESULT_MOVED :
			span_result(c, span, span->page ? span->page + k : NULL);
		if (c->result[i + k] == RESULT_ABSENT && test_bit(i + k, c->lost))
			c->result[i + k] = DRM_VSVM_STAY_ERROR;
		c->count[c->result[i + k]]++;
	}
	/* The span is one run of pages, and one entry maps it if any does. */
	if (n == CHUNK_PAGES)
		c->huge = span->page ?
			  span->state >> DRM_VSVM_STATE_ORDER_SHIFT ==
			  VSVM_BLOCK_ORDER : !c->nohuge;
	return span->len;
}

static int look_relax(struct vsvm_visitor *v)
{
	return 0;
}

/*
 * Corrects the result of an entry that hmm calls absent. Core mm also collects pages
 * that the entry bars the CPU from for now, so they count.
 */
static void peek_see(struct vsvm_peek *peek, unsigned long addr,
		     enum vsvm_sight sight, struct page *page)
{
	struct chunk *c = container_of(peek, struct chunk, peek);
	u8 *result = &c->result[(addr - c->start) >> PAGE_SHIFT];

	if (*result != RESULT_ABSENT || (!page && !c->to_device))
		return;
	c->count[RESULT_ABSENT]--;
	if (!page)
		*result = sight == VSVM_SIGHT_LOST ? DRM_VSVM_STAY_ERROR :
						   RESULT_AWAY;
	else if (!vsvm_devmem_owns(page))
		*result = c->to_device ? system_result(c, page) : RESULT_THERE;
	else if (c->to_device && vsvm_devmem_of(page) == c->dm)
		*result = RESULT_THERE;
	else
		*result = c->why ? DRM_VSVM_STAY_BUSY : RESULT_DEVICE;
	c->count[*result]++;
}

/**
 * vsvm_chunk_look() - find out the state of every page of a chunk
 * @c: the chunk
 * @why: the chunk was tried: find out why pages did not move
 *
 * Takes mmap_lock and the page-table lock; the caller holds neither.
 *
 * Return: 0, or an errno of vsvm_walk().
 */
int vsvm_chunk_look(struct chunk *c, bool why)
{
	unsigned long next;
	int ret;

	memset(c->count, 0, sizeof(c->count));
	c->huge = false;
	c->why = why;
	c->v.visit = look_visit;
	c->v.relax = look_relax;
	c->v.pages = true;
	ret = vsvm_walk(c->ctx, c->start, c->end, VSVM_NEED_NONE, &c->v,
			&next, NULL);
	if (!ret && c->count[RESULT_ABSENT]) {
		c->peek.see = peek_see;
		vsvm_mirror_peek(c->m, c->start, c->end, &c->peek);
	}
	return ret;
}
