/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests of code that can be wrong without a process. To be included first.
 *
 * Each test file includes the source file that it tests, to reach its static functions.
 * The module has its own copy of the rooms that it tests and shares nothing with
 * vsvm.ko: it has no device, no failpoint and no tracepoint.
 */
#ifndef VSVM_KUNIT_H
#define VSVM_KUNIT_H

#undef CONFIG_DRM_VSVM_INJECT
#define NOTRACE

#include <kunit/resource.h>
#include <kunit/test.h>

#include "../vsvm_devmem.h"

struct vsvm_devmem *vsvm_kunit_devmem(struct kunit *test, unsigned int device,
				      unsigned int blocks);
struct folio *vsvm_kunit_folio(struct kunit *test, struct vsvm_devmem *dm,
			       unsigned long index, unsigned int order);

#endif /* VSVM_KUNIT_H */
