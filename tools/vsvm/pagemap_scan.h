/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl PAGEMAP_SCAN of /proc/PID/pagemap, see
 * Documentation/admin-guide/mm/pagemap.rst.
 *
 * Linux has it since 6.7, and the headers of Debian 12 have not. So it is defined
 * here, under names of our own, everywhere: what is built with old headers is what
 * the tests run with new ones. Where the kernel's header has it, the compiler
 * compares the two.
 */
#ifndef VSVM_PAGEMAP_SCAN_H
#define VSVM_PAGEMAP_SCAN_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/fs.h>

/* What a page is, bits of a category. */
#define SCAN_PRESENT	(1ULL << 3)
#define SCAN_SWAPPED	(1ULL << 4)
#define SCAN_ZERO	(1ULL << 5)
#define SCAN_HUGE	(1ULL << 6)

/* Neighbouring pages in the same categories. */
struct scan_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan_arg {
	uint64_t size;		/* of this structure */
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;	/* out: where the walk ended */
	uint64_t vec;		/* array of struct scan_region */
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_PAGEMAP	_IOWR('f', 16, struct scan_arg)

#ifdef PAGEMAP_SCAN
static_assert(SCAN_PAGEMAP == PAGEMAP_SCAN);
static_assert(SCAN_PRESENT == PAGE_IS_PRESENT);
static_assert(SCAN_SWAPPED == PAGE_IS_SWAPPED);
static_assert(SCAN_ZERO == PAGE_IS_PFNZERO);
static_assert(SCAN_HUGE == PAGE_IS_HUGE);

#define SCAN_AT(type, field)	offsetof(struct type, field)
static_assert(sizeof(struct scan_region) == sizeof(struct page_region));
static_assert(SCAN_AT(scan_region, start) == SCAN_AT(page_region, start));
static_assert(SCAN_AT(scan_region, end) == SCAN_AT(page_region, end));
static_assert(SCAN_AT(scan_region, categories) == SCAN_AT(page_region, categories));
static_assert(sizeof(struct scan_arg) == sizeof(struct pm_scan_arg));
static_assert(SCAN_AT(scan_arg, size) == SCAN_AT(pm_scan_arg, size));
static_assert(SCAN_AT(scan_arg, flags) == SCAN_AT(pm_scan_arg, flags));
static_assert(SCAN_AT(scan_arg, start) == SCAN_AT(pm_scan_arg, start));
static_assert(SCAN_AT(scan_arg, end) == SCAN_AT(pm_scan_arg, end));
static_assert(SCAN_AT(scan_arg, walk_end) == SCAN_AT(pm_scan_arg, walk_end));
static_assert(SCAN_AT(scan_arg, vec) == SCAN_AT(pm_scan_arg, vec));
static_assert(SCAN_AT(scan_arg, vec_len) == SCAN_AT(pm_scan_arg, vec_len));
static_assert(SCAN_AT(scan_arg, max_pages) == SCAN_AT(pm_scan_arg, max_pages));
static_assert(SCAN_AT(scan_arg, category_inverted) == SCAN_AT(pm_scan_arg, category_inverted));
static_assert(SCAN_AT(scan_arg, category_mask) == SCAN_AT(pm_scan_arg, category_mask));
static_assert(SCAN_AT(scan_arg, category_anyof_mask) == SCAN_AT(pm_scan_arg, category_anyof_mask));
static_assert(SCAN_AT(scan_arg, return_mask) == SCAN_AT(pm_scan_arg, return_mask));
#undef SCAN_AT
#endif

#endif /* VSVM_PAGEMAP_SCAN_H */
