/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests of what needs no process to be wrong. To be included first.
 *
 * A test includes the source file that it is about, so it reaches what is static
 * there, and the module has a copy of the rooms that it tests, which shares
 * nothing with vsvm.ko: no device, no failpoint, no tracepoint.
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
