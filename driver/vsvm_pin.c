// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIN: pages of a range that stay on the device when it is full.
 *
 * A walk that faults nothing in finds the pages. Under the page-table lock they stay in
 * place, so each is pinned, or not any more, in the block that it is in. vsvm_cold.c has
 * the pins, and what they mean to eviction.
 *
 * Lifetime: a call. Locks: those of vsvm_walk(), and &vsvm_devmem.lock inside the
 * page-table lock.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include <drm/drm_print.h>
#include <drm/vsvm_drm.h>

#include "vsvm_cold.h"
#include "vsvm_context.h"
#include "vsvm_devmem.h"
#include "vsvm_mirror.h"
#include "vsvm_pin.h"
#include "vsvm_walk.h"

/**
 * struct pin - a call
 * @v: the visitor
 * @m: the mirror
 * @arg: the request
 */
struct pin {
	struct vsvm_visitor v;
	struct vsvm_mirror *m;
	struct drm_vsvm_pin *arg;
};

/* Pins pages of one block, or lets them go; returns 0, -EXDEV or -ENOSPC. */
static int pin_pages(struct pin *p, struct vsvm_block *b, unsigned int first,
		     unsigned int nr)
{
	if (!(p->arg->flags & DRM_VSVM_PIN_RELEASE))
		return vsvm_cold_pin(b, p->m->client, first, nr);
	return vsvm_cold_unpin(b, p->m->client, first, nr) ? 0 : -EXDEV;
}

/* The pages of a span may be in two blocks: their backing may be neighbours, too. */
static long pin_span(struct pin *p, const struct vsvm_span *span)
{
	struct page *page = span->page;
	unsigned long left, nr;
	unsigned int first;
	int ret;

	for (left = span->len >> PAGE_SHIFT; left; left -= nr, page += nr) {
		first = vsvm_devmem_offset_behind(page);
		nr = min(left, VSVM_BLOCK_PAGES - first);
		ret = pin_pages(p, vsvm_devmem_block_behind(page), first, nr);
		if (ret == -ENOSPC)
			break;
		if (ret)
			p->arg->elsewhere += nr << PAGE_SHIFT;
		else
			p->arg->done += nr << PAGE_SHIFT;
	}
	return span->len - (left << PAGE_SHIFT);
}

static long pin_visit(struct vsvm_visitor *v, const struct vsvm_span *span)
{
	struct pin *p = container_of(v, struct pin, v);

	switch (span->state & DRM_VSVM_STATE_PLACE) {
	case DRM_VSVM_PLACE_DEVICE:
		return pin_span(p, span);
	case DRM_VSVM_PLACE_ERROR:
		p->arg->unusable += span->len;
		return span->len;
	default:
		p->arg->elsewhere += span->len;
		return span->len;
	}
}

/* What the visitor lacks is room below the limit. */
static int pin_relax(struct vsvm_visitor *v)
{
	return -ENOSPC;
}

/* Says how much the process has pinned, and how much it may. */
static void tell_account(struct vsvm_mirror *m, struct drm_vsvm_pin *arg)
{
	unsigned long pinned, limit;
	int idx;

	if (vsvm_mirror_enter(m, &idx))
		return;
	pinned = READ_ONCE(m->client->nr_pinned);
	limit = vsvm_cold_pins(m->devmem);
	vsvm_mirror_exit(idx);
	arg->pinned = (u64)pinned * VSVM_BLOCK_SIZE;
	arg->limit = (u64)limit * VSVM_BLOCK_SIZE;
}

/**
 * vsvm_pin() - pin the pages of a range that are on this device, or let them go
 * @ctx: for whom
 * @arg: the request, checked, with its outputs zeroed and next at its start
 *
 * Takes mmap_lock. The caller does not hold it, and is not inside vsvm_mirror_enter().
 *
 * Return: 0; -ENOSPC: the process may not pin more; -EINTR, -ENOMEM, -EBUSY or -ENODEV;
 * with the progress so far in @arg.
 */
int vsvm_pin(const struct vsvm_context *ctx, struct drm_vsvm_pin *arg)
{
	struct pin p = {
		.v.visit = pin_visit,
		.v.relax = pin_relax,
		.v.pages = true,
		.m = ctx->m,
		.arg = arg,
	};
	unsigned long next;
	int ret;

	ret = vsvm_walk(ctx, arg->addr, arg->addr + arg->len, VSVM_NEED_NONE,
			&p.v, &next, NULL);
	arg->next = next;
	tell_account(ctx->m, arg);
	if (ret == -ENOSPC)
		drm_dbg_driver(ctx->m->drm, "pinned %llu bytes of %llu\n",
			       arg->pinned, arg->limit);
	return ret;
}
