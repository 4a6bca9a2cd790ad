// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ, WRITE, MIGRATE and SNAPSHOT refuse bad arguments, each with its exact errno.
 *
 * Each refusal is a variant. After each, nothing has changed: no byte, no page's
 * place, no device memory.
 */
#include <kselftest_harness.h>

#include "vt.h"

#define SEED	21
#define GOOD	8	/* pages of ordinary memory, the first half on device */
#define PAGES	16
#define SOME	(2 * VT_PAGE)

/* What an address of a variant is. */
enum where {
	AT_GOOD,	/* ordinary memory */
	AT_ODD,		/* ordinary memory, not page aligned */
	AT_HOLE,	/* nothing mapped */
	AT_NONE,	/* PROT_NONE */
	AT_READ_ONLY,	/* PROT_READ */
	AT_NULL,
	AT_KERNEL,	/* the kernel's half */
	AT_BETWEEN,	/* between the two halves */
	AT_END,		/* the last page of all */
};

static __u64 address(char *mem, enum where where)
{
	switch (where) {
	case AT_GOOD:
		return (uintptr_t)mem;
	case AT_ODD:
		return (uintptr_t)mem + 1;
	case AT_HOLE:
		return (uintptr_t)mem + GOOD * VT_PAGE;
	case AT_NONE:
		return (uintptr_t)mem + 10 * VT_PAGE;
	case AT_READ_ONLY:
		return (uintptr_t)mem + 12 * VT_PAGE;
	case AT_KERNEL:
		return 0xffff888000000000ULL;
	case AT_BETWEEN:
		return 0x4000000000000000ULL;
	case AT_END:
		return -VT_PAGE;
	case AT_NULL:
		break;
	}
	return 0;
}

/* Memory with one of each, the good part half on the device. */
struct ground {
	struct vsvm *v;
	char *mem;
	char *buf;
	__u64 used;
};

static int ground_make(struct ground *g)
{
	if (VT_BAD(vsvm_open(0, &g->v)))
		return -1;
	g->mem = vt_map(PAGES * VT_PAGE, VT_SMALL);
	g->buf = vt_map(PAGES * VT_PAGE, VT_SMALL);
	if (VT_BAD(!g->mem || !g->buf))
		return -1;
	vt_fill(g->mem, PAGES * VT_PAGE, SEED, 0);
	memset(g->buf, 0xa5, PAGES * VT_PAGE);
	if (VT_BAD(munmap(g->mem + GOOD * VT_PAGE, 2 * VT_PAGE) ||
		   mprotect(g->mem + 10 * VT_PAGE, 2 * VT_PAGE, PROT_NONE) ||
		   mprotect(g->mem + 12 * VT_PAGE, 2 * VT_PAGE, PROT_READ)))
		return -1;
	if (VT_BAD(vt_to_device(g->v, g->mem, GOOD / 2 * VT_PAGE)))
		return -1;
	g->used = vt_used(g->v);
	return 0;
}

/* 0 when the ground is as ground_make() left it. */
static int ground_check(struct ground *g)
{
	size_t half = GOOD / 2 * VT_PAGE;

	if (VT_BAD(vt_used(g->v) != g->used))
		return -1;
	if (VT_BAD(vt_all_in(g->v, g->mem, half, DRM_VSVM_PLACE_DEVICE, 0) ||
		   vt_all_in(g->v, g->mem + half, half, DRM_VSVM_PLACE_SYSTEM, 0) ||
		   vt_check_byte(g->buf, PAGES * VT_PAGE, 0xa5) ||
		   vt_check(g->mem, GOOD * VT_PAGE, SEED, 0)))
		return -1;
	if (VT_BAD(mprotect(g->mem + 10 * VT_PAGE, 2 * VT_PAGE, PROT_READ)))
		return -1;
	return vt_check(g->mem + 10 * VT_PAGE, 6 * VT_PAGE, SEED,
			10 * VT_PAGE);
}

FIXTURE(rw)
{
	struct ground g;
};

/* A request that READ and WRITE refuse. */
struct rw_case {
	enum where addr;
	enum where buf;
	bool huge_addr_len;	/* a length that leaves user space */
	__u64 len;
	__u32 flags;
	__u32 pad;
	int want;
};

FIXTURE_VARIANT(rw)
{
	struct rw_case c;
};

FIXTURE_VARIANT_ADD(rw, flag)
{
	.c = {
		.len = SOME,
		.flags = 1,
		.want = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(rw, top_flag)
{
	.c = {
		.len = SOME,
		.flags = 1U << 31,
		.want = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(rw, pad)
{
	.c = {
		.len = SOME,
		.pad = 1,
		.want = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(rw, wrapped)
{
	.c = {
		.len = SOME,
		.addr = AT_END,
		.want = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(rw, hole)
{
	.c = {
		.len = SOME,
		.addr = AT_HOLE,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, prot_none)
{
	.c = {
		.len = SOME,
		.addr = AT_NONE,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, null)
{
	.c = {
		.len = SOME,
		.addr = AT_NULL,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, kernel)
{
	.c = {
		.len = SOME,
		.addr = AT_KERNEL,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, between)
{
	.c = {
		.len = SOME,
		.addr = AT_BETWEEN,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, beyond_user)
{
	.c = {
		.len = SOME,
		.huge_addr_len = true,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, buf_hole)
{
	.c = {
		.len = SOME,
		.buf = AT_HOLE,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, buf_prot_none)
{
	.c = {
		.len = SOME,
		.buf = AT_NONE,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, buf_null)
{
	.c = {
		.len = SOME,
		.buf = AT_NULL,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, buf_kernel)
{
	.c = {
		.len = SOME,
		.buf = AT_KERNEL,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, buf_between)
{
	.c = {
		.len = SOME,
		.buf = AT_BETWEEN,
		.want = -EFAULT,
	},
};

FIXTURE_VARIANT_ADD(rw, zero_length)
{
	.c = {
		.want = -EINVAL,
	},
};

FIXTURE_SETUP(rw)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(rw)
{
	vsvm_close(self->g.v);
}

static void rw_request(struct ground *g, struct drm_vsvm_rw *rw,
		       const struct rw_case *c)
{
	memset(rw, 0, sizeof(*rw));
	rw->addr = address(g->mem, c->addr);
	rw->buf = c->buf == AT_GOOD ? (uintptr_t)g->buf :
					    address(g->mem, c->buf);
	rw->len = c->huge_addr_len ? 1ULL << 62 : c->len;
	rw->flags = c->flags;
	rw->pad = c->pad;
	rw->done = 0xbad;
}

/* READ refuses it and changes nothing. */
TEST_F(rw, read_refused)
{
	struct drm_vsvm_rw rw;

	rw_request(&self->g, &rw, &variant->c);
	EXPECT_EQ(variant->c.want, vt_ioctl(vsvm_fd(self->g.v),
					    DRM_IOCTL_VSVM_READ, &rw));
	EXPECT_EQ(0, rw.done);
	EXPECT_EQ(0, ground_check(&self->g));
}

/* WRITE refuses it and changes nothing. */
TEST_F(rw, write_refused)
{
	struct drm_vsvm_rw rw;

	rw_request(&self->g, &rw, &variant->c);
	EXPECT_EQ(variant->c.want, vt_ioctl(vsvm_fd(self->g.v),
					    DRM_IOCTL_VSVM_WRITE, &rw));
	EXPECT_EQ(0, rw.done);
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(rights)
{
	struct ground g;
};

FIXTURE_SETUP(rights)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(rights)
{
	vsvm_close(self->g.v);
}

/* WRITE to a read-only mapping is refused and changes nothing. */
TEST_F(rights, write_to_read_only)
{
	size_t done = 1;

	EXPECT_EQ(-EPERM, vsvm_write(self->g.v, self->g.mem + 12 * VT_PAGE,
				     self->g.buf, VT_PAGE, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, ground_check(&self->g));
}

/* READ into a read-only buffer is refused and changes nothing. */
TEST_F(rights, read_into_read_only)
{
	size_t done = 1;

	EXPECT_EQ(-EFAULT, vsvm_read(self->g.v, self->g.mem,
				     self->g.mem + 12 * VT_PAGE, VT_PAGE,
				     &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, ground_check(&self->g));
}

FIXTURE(migrate)
{
	struct ground g;
};

FIXTURE_VARIANT(migrate)
{
	enum where addr;
	__u64 len;
	__u32 target;
	__u32 flags;
	int want;
};

FIXTURE_VARIANT_ADD(migrate, flag)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.flags = 2,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, top_flag)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.flags = 1U << 31,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, odd_address)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_ODD,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, odd_length)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = VT_PAGE + 1,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, zero_length)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = 0,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, wrapped)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_END,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, kernel)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_KERNEL,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(migrate, between)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_BETWEEN,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(migrate, beyond_user)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = 1ULL << 62,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(migrate, hole)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_HOLE,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(migrate, null)
{
	.target = DRM_VSVM_TARGET_DEVICE,
	.len = SOME,
	.addr = AT_NULL,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(migrate, target)
{
	.len = GOOD * VT_PAGE,
	.target = 3,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, far_target)
{
	.len = GOOD * VT_PAGE,
	.target = ~0U,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, populate_system)
{
	.len = GOOD * VT_PAGE,
	.target = DRM_VSVM_TARGET_SYSTEM,
	.flags = DRM_VSVM_MIGRATE_POPULATE,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(migrate, hole_home)
{
	.addr = AT_HOLE,
	.len = 2 * VT_PAGE,
	.target = DRM_VSVM_TARGET_SYSTEM,
	.want = -EFAULT,
};

FIXTURE_SETUP(migrate)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(migrate)
{
	vsvm_close(self->g.v);
}

/* MIGRATE refuses it and moves nothing. */
TEST_F(migrate, refused)
{
	struct drm_vsvm_migrate m = {
		.addr = address(self->g.mem, variant->addr),
		.len = variant->len,
		.target = variant->target,
		.flags = variant->flags,
	};

	EXPECT_EQ(variant->want, vt_ioctl(vsvm_fd(self->g.v),
					  DRM_IOCTL_VSVM_MIGRATE, &m));
	EXPECT_EQ(0, m.moved);
	EXPECT_EQ(0, m.there);
	EXPECT_EQ(0, ground_check(&self->g));
	/* The counts of a failure add up to the way it went. */
	EXPECT_EQ(m.next - m.addr,
		  m.moved + m.there + m.absent + vt_stayed(&m));
}

FIXTURE(snapshot)
{
	struct ground g;
};

FIXTURE_VARIANT(snapshot)
{
	enum where addr;
	enum where runs;
	__u64 len;
	__u32 nr_runs;
	__u32 flags;
	int want;
};

FIXTURE_VARIANT_ADD(snapshot, flag)
{
	.len = SOME,
	.nr_runs = 4,
	.flags = 2,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, top_flag)
{
	.len = SOME,
	.nr_runs = 4,
	.flags = 1U << 31,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, odd_address)
{
	.len = SOME,
	.nr_runs = 4,
	.addr = AT_ODD,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, odd_length)
{
	.len = VT_PAGE - 1,
	.nr_runs = 4,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, zero_length)
{
	.nr_runs = 4,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, no_runs)
{
	.len = SOME,
	.nr_runs = 0,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, many_runs)
{
	.len = SOME,
	.nr_runs = DRM_VSVM_MAX_RUNS + 1,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, most_runs)
{
	.len = SOME,
	.nr_runs = ~0U,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, wrapped)
{
	.len = SOME,
	.nr_runs = 4,
	.addr = AT_END,
	.want = -EINVAL,
};

FIXTURE_VARIANT_ADD(snapshot, kernel)
{
	.len = SOME,
	.nr_runs = 4,
	.addr = AT_KERNEL,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, between)
{
	.len = SOME,
	.nr_runs = 4,
	.addr = AT_BETWEEN,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, beyond_user)
{
	.len = 1ULL << 62,
	.nr_runs = 4,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, runs_hole)
{
	.len = SOME,
	.nr_runs = 4,
	.runs = AT_HOLE,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, runs_read_only)
{
	.len = SOME,
	.nr_runs = 4,
	.runs = AT_READ_ONLY,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, runs_null)
{
	.len = SOME,
	.nr_runs = 4,
	.runs = AT_NULL,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, runs_kernel)
{
	.len = SOME,
	.nr_runs = 4,
	.runs = AT_KERNEL,
	.want = -EFAULT,
};

FIXTURE_VARIANT_ADD(snapshot, runs_between)
{
	.len = SOME,
	.nr_runs = 4,
	.runs = AT_BETWEEN,
	.want = -EFAULT,
};

FIXTURE_SETUP(snapshot)
{
	ASSERT_EQ(0, ground_make(&self->g));
}

FIXTURE_TEARDOWN(snapshot)
{
	vsvm_close(self->g.v);
}

/* SNAPSHOT refuses it, stores nothing and says so. */
TEST_F(snapshot, refused)
{
	struct drm_vsvm_snapshot s = {
		.addr = address(self->g.mem, variant->addr),
		.len = variant->len,
		.nr_runs = variant->nr_runs,
		.flags = variant->flags,
	};

	s.runs = variant->runs == AT_GOOD ?
			 (uintptr_t)self->g.buf :
			 address(self->g.mem, variant->runs);
	EXPECT_EQ(variant->want, vt_ioctl(vsvm_fd(self->g.v),
					  DRM_IOCTL_VSVM_SNAPSHOT, &s));
	EXPECT_EQ(0, s.nr_runs);
	EXPECT_EQ(s.addr, s.next);
	EXPECT_EQ(0, ground_check(&self->g));
}

TEST_HARNESS_MAIN
