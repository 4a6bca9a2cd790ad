/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Variants, teardowns and calls that many fixtures have. To be included after the
 * harness; the fixture has the members that a macro names.
 */
#ifndef VT_FIXTURE_H
#define VT_FIXTURE_H

#include "vt.h"

/* Pages of 4K and of 2M: variant->kind. */
#define VT_PAGE_KINDS(fixture)						\
FIXTURE_VARIANT(fixture)						\
{									\
	enum vt_kind kind;						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, small)					\
{									\
	.kind = VT_SMALL,						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, large)					\
{									\
	.kind = VT_LARGE,						\
}

/* The same with variant->len: @small_len, and one huge page. */
#define VT_PAGE_KINDS_LEN(fixture, small_len)				\
FIXTURE_VARIANT(fixture)						\
{									\
	enum vt_kind kind;						\
	size_t len;							\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, small)					\
{									\
	.kind = VT_SMALL,						\
	.len = (small_len),						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, large)					\
{									\
	.kind = VT_LARGE,						\
	.len = VT_HUGE,							\
}

/* Pages of 4K and of 2M, on the device and in system memory: variant->on_device. */
#define VT_PAGE_PLACES(fixture)						\
FIXTURE_VARIANT(fixture)						\
{									\
	enum vt_kind kind;						\
	bool on_device;							\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, device_4k)					\
{									\
	.kind = VT_SMALL,						\
	.on_device = true,						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, device_2m)					\
{									\
	.kind = VT_LARGE,						\
	.on_device = true,						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, system_4k)					\
{									\
	.kind = VT_SMALL,						\
};									\
									\
FIXTURE_VARIANT_ADD(fixture, system_2m)					\
{									\
	.kind = VT_LARGE,						\
}

/* The test's process closes self->v. */
#define VT_TEARDOWN_CLOSE(fixture)						\
FIXTURE_TEARDOWN(fixture)						\
{									\
	vsvm_close(self->v);						\
}

/* The parent loads the module as it was in self->module; see vt_small_device.h. */
#define VT_TEARDOWN_RESTORE(fixture)						\
FIXTURE_TEARDOWN_PARENT(fixture)					\
{									\
	vt_restore(&self->module);					\
}

/* MIGRATE by self->v, with the result in self->m: 0 or a negative errno. */
#define VT_TRY_DEVICE(mem, len)						\
	vt_migrate(self->v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, &self->m)

#define VT_TRY_SYSTEM(mem, len)						\
	vt_migrate(self->v, mem, len, DRM_VSVM_TARGET_SYSTEM, 0, &self->m)

/* 0 when all of the range is there, as SNAPSHOT by self->v tells. */
#define VT_ON_DEVICE(mem, len)						\
	vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER)

#define VT_IN_SYSTEM(mem, len)						\
	vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER)

#endif /* VT_FIXTURE_H */
