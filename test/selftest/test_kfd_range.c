// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a runtime for GPUs expects of ranges: the cases of ROCm's KFDSVMRangeTest, one
 * for one and by their names, written anew for this interface and its sizes. Each runs
 * with memory that stays where it is on a device fault, and with memory that moves.
 *
 * XNACKModeTest has no counterpart but what a file's default does while queues exist.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_events.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define SEED	61
#define OTHER	62
#define LEN	VT_HUGE
#define PAGES	(LEN / VT_PAGE)

#define DEVICE	DRM_VSVM_TARGET_DEVICE
#define SYSTEM	DRM_VSVM_TARGET_SYSTEM
#define WORD	DRM_VSVM_ADVISE_WORD

FIXTURE(range)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
};

FIXTURE_VARIANT(range)
{
	uint32_t on_fault;
};

FIXTURE_VARIANT_ADD(range, in_place)
{
	.on_fault = DRM_VSVM_ON_FAULT_IN_PLACE,
};

FIXTURE_VARIANT_ADD(range, moves)
{
	.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
};

static int begin(struct vsvm **v, struct vt_queue *q, uint32_t on_fault)
{
	struct drm_vsvm_advice advice = { .on_fault = on_fault };

	if (VT_BAD(vsvm_open(0, v)) || VT_BAD(vt_queue_make(q, *v, 64)))
		return -1;
	return vsvm_advise_file(*v, DRM_VSVM_ADVISE_ON_FAULT, &advice);
}

FIXTURE_SETUP(range)
{
	ASSERT_EQ(0, begin(&self->v, &self->q, variant->on_fault));
	self->mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);
	ASSERT_NE(NULL, self->mem);
}

VT_TEARDOWN_CLOSE(range)

static int prefetch(struct vt_queue *q, void *mem, size_t len, uint32_t to)
{
	return vt_do_one(q, vsvm_cmd_prefetch(mem, len, to));
}

static int fill(struct vt_queue *q, void *mem, size_t len, uint8_t byte)
{
	return vt_do_one(q, vsvm_cmd_fill(mem, len, byte, 1));
}

/* Where the device's accesses leave memory that it lacked. */
static uint32_t place(uint32_t on_fault)
{
	return on_fault == DRM_VSVM_ON_FAULT_MIGRATE ? DRM_VSVM_PLACE_DEVICE :
						       DRM_VSVM_PLACE_SYSTEM;
}

TEST_F(range, basic_system_mem)
{
	uint32_t *from = (uint32_t *)self->mem;
	uint32_t *to = (uint32_t *)vt_map(VT_PAGE, VT_SMALL);

	ASSERT_NE(NULL, to);
	*from = 0xd00bed00;
	*to = 0;
	ASSERT_EQ(0, vt_copy(&self->q, to, from, sizeof(*to)));
	EXPECT_EQ(place(variant->on_fault), vt_place(self->v, to));
	EXPECT_EQ(0xd00bed00, *to);
}

TEST_F(range, set_get_attributes)
{
	struct drm_vsvm_advice advice = {
		.location = DRM_VSVM_LOCATION_HERE,
		.may = DRM_VSVM_MAY_USE,
		.granularity = 1UL << 20,
	}, got;
	struct drm_vsvm_advice_run run;
	uint32_t nr = 1;

	ASSERT_EQ(0, vsvm_advice_file(self->v, &got));
	EXPECT_EQ(variant->on_fault, got.on_fault);
	ASSERT_EQ(0, vsvm_advice_get(self->v, self->mem, LEN, &run, &nr, NULL));
	EXPECT_EQ(DRM_VSVM_LOCATION_DEFAULT, run.advice.location);
	EXPECT_EQ(DRM_VSVM_MAY_DEFAULT, run.advice.may);
	EXPECT_EQ(0, run.advice.granularity);
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN,
				 DRM_VSVM_ADVISE_LOCATION |
				 DRM_VSVM_ADVISE_MAY |
				 DRM_VSVM_ADVISE_GRANULARITY, &advice));
	ASSERT_EQ(0, vsvm_advice_get(self->v, self->mem, LEN, &run, &nr, NULL));
	EXPECT_EQ(0, memcmp(&advice, &run.advice, sizeof(advice)));
}

/* The default may change while there is a queue, and holds for the next fault. */
TEST_F(range, xnack_mode)
{
	struct drm_vsvm_advice advice = {
		.on_fault = variant->on_fault ^ 3,
	};

	ASSERT_EQ(0, fill(&self->q, self->mem, VT_PAGE, 1));
	ASSERT_EQ(0, vsvm_advise_file(self->v, DRM_VSVM_ADVISE_ON_FAULT,
				      &advice));
	ASSERT_EQ(0, fill(&self->q, self->mem + LEN / 2, VT_PAGE, 1));
	EXPECT_EQ(place(variant->on_fault), vt_place(self->v, self->mem));
	EXPECT_EQ(place(advice.on_fault),
		  vt_place(self->v, self->mem + LEN / 2));
}

TEST_F(range, invalid_range)
{
	struct drm_vsvm_advice advice = { .word = 1 };

	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(-EFAULT, vsvm_advise(self->v, self->mem, LEN, WORD, &advice));
	EXPECT_EQ(-EFAULT, vsvm_migrate(self->v, self->mem, LEN, DEVICE, 0,
					NULL));
}

/* Two ranges of pages: [0, 16) and another, which overlap in every way. */
static const struct {
	unsigned int from;
	unsigned int to;
} geometries[] = {
	{ 0, 16 }, { 0, 8 }, { 8, 16 }, { 4, 12 }, { 8, 24 }, { 0, 24 },
	{ 16, 24 }, { 20, 24 },
};

/* What is read back for each page, after both were said. */
static int reads_both(struct vsvm *v, char *mem, unsigned int from,
		      unsigned int to)
{
	struct drm_vsvm_advice_run runs[8];
	uint32_t nr = VT_COUNT(runs), i;
	unsigned int page = 0;
	uint64_t want;

	if (VT_BAD(vsvm_advice_get(v, mem, 24 * VT_PAGE, runs, &nr, NULL)))
		return -1;
	for (i = 0; i < nr; page += runs[i++].len / VT_PAGE) {
		want = page >= from && page < to ? 2 : page < 16;
		if (VT_BAD(runs[i].advice.word != want) ||
		    VT_BAD(i && runs[i - 1].advice.word == want))
			return -1;
	}
	return VT_BAD(page != 24) ? -1 : 0;
}

static int split(struct vsvm *v, struct vt_queue *q, bool on_device)
{
	struct drm_vsvm_advice one = { .word = 1 }, two = { .word = 2 };
	char *mem, *out = vt_map(24 * VT_PAGE, VT_SMALL);
	size_t from, len, i;

	for (i = 0; i < VT_COUNT(geometries); i++) {
		from = geometries[i].from * VT_PAGE;
		len = geometries[i].to * VT_PAGE - from;
		mem = vt_map_filled(v, 24 * VT_PAGE, VT_SMALL, SEED + i);
		if (VT_BAD(!mem || !out) ||
		    VT_BAD(on_device && prefetch(q, mem, 24 * VT_PAGE, DEVICE)) ||
		    VT_BAD(vsvm_advise(v, mem, 16 * VT_PAGE, WORD, &one)) ||
		    VT_BAD(vsvm_advise(v, mem + from, len, WORD, &two)) ||
		    VT_BAD(reads_both(v, mem, geometries[i].from,
				      geometries[i].to)))
			return vt_wrong("geometry %zu", i);
		/* What is unmapped is forgotten; the rest is whole. */
		if (VT_BAD(vt_copy(q, out, mem, 24 * VT_PAGE)) ||
		    VT_BAD(vt_check(out, 24 * VT_PAGE, SEED + i, 0)) ||
		    VT_BAD(munmap(mem + from, len)) ||
		    VT_BAD(vsvm_advise(v, mem + from, len, WORD, &one) !=
			   -EFAULT))
			return vt_wrong("geometry %zu", i);
	}
	return 0;
}

TEST_F(range, split_system_range)
{
	EXPECT_EQ(0, split(self->v, &self->q, false));
}

TEST_F(range, split_vram_range)
{
	EXPECT_EQ(0, split(self->v, &self->q, true));
}

/* Pages of the stack, two queues, and a fork: the device sees the parent's new pages. */
TEST_F(range, evict_system_range)
{
	char stack[4 * VT_PAGE], *out = self->mem;
	struct vt_queue second;
	pid_t pid;
	int i;

	ASSERT_EQ(0, vt_queue_make(&second, self->v, 16));
	for (i = 0; i < 4; i++) {
		memset(stack, 10 + i, sizeof(stack));
		ASSERT_EQ(0, vt_copy(&self->q, out, stack, sizeof(stack)));
		pid = fork();
		if (!pid)
			_exit(0);
		ASSERT_LT(0, pid);
		/* Copied on write. */
		memset(stack, 20 + i, sizeof(stack));
		ASSERT_EQ(0, vt_copy(&second, out + LEN / 2, stack,
				     sizeof(stack)));
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		EXPECT_EQ(0, vt_check_byte(out, sizeof(stack), 10 + i));
		EXPECT_EQ(0, vt_check_byte(out + LEN / 2, sizeof(stack),
					   20 + i));
	}
}

TEST_F(range, partial_unmap_sys_mem)
{
	struct drm_vsvm_queue_status s;
	char *hole = self->mem + 100 * VT_PAGE;

	ASSERT_EQ(0, fill(&self->q, self->mem, LEN, 3));
	ASSERT_EQ(0, munmap(hole, 8 * VT_PAGE));
	ASSERT_EQ(0, fill(&self->q, self->mem, 100 * VT_PAGE, 4));
	ASSERT_EQ(0, fill(&self->q, hole + 8 * VT_PAGE, LEN - 108 * VT_PAGE, 5));
	EXPECT_EQ(0, vt_check_byte(self->mem, 100 * VT_PAGE, 4));
	EXPECT_EQ(0, vt_check_byte(hole + 8 * VT_PAGE, LEN - 108 * VT_PAGE, 5));
	EXPECT_NE(0, fill(&self->q, hole - VT_PAGE, 2 * VT_PAGE, 6));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ((uintptr_t)hole, s.addr);
	EXPECT_EQ(EFAULT, s.error);
}

TEST_F(range, basic_vram)
{
	char *vram = vt_map_filled(self->v, LEN, VT_SMALL, OTHER);
	char *out = vt_map(LEN, VT_SMALL);

	ASSERT_NE(NULL, vram);
	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, prefetch(&self->q, vram, LEN, DEVICE));
	EXPECT_EQ(0, vt_all_in(self->v, vram, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, vt_copy(&self->q, vram, self->mem, LEN));
	ASSERT_EQ(0, vt_copy(&self->q, out, vram, LEN));
	EXPECT_EQ(0, vt_check(out, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(vram, LEN, SEED, 0));
}

TEST_F(range, prefetch)
{
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, DEVICE));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN / 2, SYSTEM));
	/* Mixed. */
	EXPECT_EQ((long)LEN / 2, vt_bytes_in(self->v, self->mem, LEN,
					     DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, SYSTEM));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

TEST_F_TIMEOUT(range, migrate, VT_LONG)
{
	size_t len = 2 * VT_HUGE;
	char *a = vt_map(len, VT_SMALL), *b = vt_map(len, VT_SMALL);
	int i;

	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	for (i = 0; i < 4; i++) {
		vt_fill(a, len, SEED + i, 0);
		ASSERT_EQ(0, prefetch(&self->q, a, len, DEVICE));
		ASSERT_EQ(0, prefetch(&self->q, b, len, DEVICE));
		ASSERT_EQ(0, vt_copy(&self->q, b, a, len));
		EXPECT_EQ(0, vt_check(b, len, SEED + i, 0));
		ASSERT_EQ(0, vt_copy(&self->q, a, b, len));
		EXPECT_EQ(0, vt_check(a, len, SEED + i, 0));
	}
}

TEST_F_TIMEOUT(range, migrate_access_in_place, VT_LONG)
{
	struct drm_vsvm_advice use = { .may = DRM_VSVM_MAY_USE };
	size_t len = 4 * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, len, DRM_VSVM_ADVISE_MAY, &use));
	ASSERT_EQ(0, prefetch(&self->q, mem, len, DEVICE));
	EXPECT_EQ((long)len, vt_bytes_in(self->v, mem, len,
					 DRM_VSVM_PLACE_DEVICE));
	vt_fill(mem, len, OTHER, 0);
	ASSERT_EQ(0, fill(&self->q, mem, len, 0x77));
	/* The CPU has it, and the device used it there. */
	EXPECT_EQ(0, VT_IN_SYSTEM(mem, len));
	EXPECT_EQ(0, vt_check_byte(mem, len, 0x77));
}

TEST_F_TIMEOUT(range, migrate_granularity, VT_LONG)
{
	struct drm_vsvm_advice advice = { .location = DRM_VSVM_LOCATION_HERE };
	size_t at = 77 * VT_PAGE, from;
	char byte;

	for (advice.granularity = VT_HUGE; advice.granularity >= VT_PAGE;
	     advice.granularity /= 2) {
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN,
					 DRM_VSVM_ADVISE_LOCATION |
					 DRM_VSVM_ADVISE_GRANULARITY, &advice));
		ASSERT_EQ(0, vsvm_read(self->v, self->mem + at, &byte, 1, NULL));
		from = at & ~(advice.granularity - 1);
		EXPECT_EQ(0, VT_ON_DEVICE(self->mem + from, advice.granularity));
		EXPECT_EQ((long)advice.granularity,
			  vt_bytes_in(self->v, self->mem, LEN,
				      DRM_VSVM_PLACE_DEVICE));
		ASSERT_EQ(0, fill(&self->q, self->mem, LEN, 1));
		EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 1));
		ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, SYSTEM));
	}
}

TEST_F_TIMEOUT(range, migrate_large_buf, VT_LONG)
{
	size_t len = 32 * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, prefetch(&self->q, mem, len, DEVICE));
	EXPECT_EQ((long)len, vt_bytes_in(self->v, mem, len,
					 DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, prefetch(&self->q, mem, len, SYSTEM));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/* The CPU wrote after the migration: the device's next read sees it. */
TEST_F(range, migrate_policy)
{
	char *out = vt_map(LEN, VT_SMALL);

	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, DEVICE));
	ASSERT_EQ(0, vt_copy(&self->q, out, self->mem, LEN));
	vt_fill(self->mem, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_copy(&self->q, out, self->mem, LEN));
	EXPECT_EQ(0, vt_check(out, LEN, OTHER, 0));
}

static int two_devices(struct vsvm *v, struct vt_queue *q, char *mem,
		       uint32_t on_fault, bool moves)
{
	struct drm_vsvm_advice advice = { .on_fault = on_fault };
	struct vt_queue other;
	struct vsvm *peer;
	int i;

	if (VT_BAD(vsvm_open(1, &peer)) ||
	    VT_BAD(vt_queue_make(&other, peer, 16)) ||
	    VT_BAD(vsvm_advise_file(peer, DRM_VSVM_ADVISE_ON_FAULT, &advice)))
		return -1;
	for (i = 0; i < 2; i++) {
		if (moves && VT_BAD(prefetch(&other, mem, LEN, DEVICE)))
			return -1;
		if (VT_BAD(fill(&other, mem, LEN, 2 * i + 1)) ||
		    VT_BAD(vt_dev_check_byte(v, mem, LEN, 2 * i + 1)))
			return -1;
		if (moves && VT_BAD(prefetch(q, mem, LEN, DEVICE)))
			return -1;
		if (VT_BAD(fill(q, mem, LEN, 2 * i + 2)) ||
		    VT_BAD(vt_dev_check_byte(peer, mem, LEN, 2 * i + 2)))
			return -1;
	}
	if (VT_BAD(vt_check_byte(mem, LEN, 4)))
		return -1;
	vsvm_close(peer);
	return 0;
}

TEST_F_TIMEOUT(range, multi_gpu_migration, VT_LONG)
{
	EXPECT_EQ(0, two_devices(self->v, &self->q, self->mem,
				 variant->on_fault, true));
}

TEST_F_TIMEOUT(range, multi_gpu_access_in_place, VT_LONG)
{
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, DEVICE));
	EXPECT_EQ(0, two_devices(self->v, &self->q, self->mem,
				 variant->on_fault, false));
}

struct mover {
	struct vsvm *v;
	char *mem;
	size_t len;
	uint32_t to;
	int ret;
};

static void *move(void *arg)
{
	struct mover *m = arg;

	m->ret = vsvm_migrate(m->v, m->mem, m->len, m->to, 0, NULL);
	return NULL;
}

/* Prefetch against faults of the device, and prefetch home against those of the CPU. */
TEST_F_TIMEOUT(range, multi_thread_migration, VT_LONG)
{
	struct mover m = { .v = self->v, .len = 4 * VT_HUGE, .to = DEVICE };
	char *out = vt_map(m.len, VT_SMALL);
	pthread_t thread;

	m.mem = vt_map_filled(self->v, m.len, VT_SMALL, SEED);
	ASSERT_NE(NULL, m.mem);
	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, pthread_create(&thread, NULL, move, &m));
	ASSERT_EQ(0, vt_copy(&self->q, out, m.mem, m.len));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m.ret);
	EXPECT_EQ(0, vt_check(out, m.len, SEED, 0));
	m.to = SYSTEM;
	ASSERT_EQ(0, pthread_create(&thread, NULL, move, &m));
	EXPECT_EQ(0, vt_check(m.mem, m.len, SEED, 0));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m.ret);
	EXPECT_EQ(0, VT_IN_SYSTEM(m.mem, m.len));
}

/* The device writes a shared mapping of a file: that is in the file. */
TEST_F(range, migrate_file_backed_range)
{
	int fd = memfd_create("range", MFD_CLOEXEC);
	char *map, buf[VT_PAGE];
	int i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 16 * VT_PAGE));
	map = mmap(NULL, 16 * VT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	memset(map, 1, 8 * VT_PAGE);
	ASSERT_EQ(0, prefetch(&self->q, map, 16 * VT_PAGE, DEVICE));
	ASSERT_EQ(0, fill(&self->q, map, 16 * VT_PAGE, 9));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ((ssize_t)VT_PAGE, pread(fd, buf, VT_PAGE, i * VT_PAGE));
		EXPECT_EQ(0, vt_check_byte(buf, VT_PAGE, 9));
	}
	close(fd);
}

TEST_F(range, read_only_range)
{
	struct drm_vsvm_queue_status s;
	char *out = vt_map(LEN, VT_SMALL);

	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, vt_copy(&self->q, out, self->mem, LEN));
	EXPECT_EQ(0, vt_check(out, LEN, SEED, 0));
	EXPECT_NE(0, fill(&self->q, self->mem + 123, 1, 0));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ((uintptr_t)self->mem + 123, s.addr);
	EXPECT_EQ(EPERM, s.error);
	EXPECT_EQ(DRM_VSVM_ACCESS_WRITE, s.access);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Two of four pages were touched; all are prefetched, and the device fills the others. */
TEST_F(range, prefault_partial_range)
{
	char *mem = vt_map(4 * VT_PAGE, VT_SMALL);

	ASSERT_NE(NULL, mem);
	memset(mem, 1, 2 * VT_PAGE);
	ASSERT_EQ(0, prefetch(&self->q, mem, 4 * VT_PAGE, DEVICE));
	ASSERT_EQ(0, fill(&self->q, mem + 2 * VT_PAGE, 2 * VT_PAGE, 2));
	EXPECT_EQ(0, vt_check_byte(mem, 2 * VT_PAGE, 1));
	EXPECT_EQ(0, vt_check_byte(mem + 2 * VT_PAGE, 2 * VT_PAGE, 2));
}

/* A prefetch is told as it happens, with what it was about, and poll() says so. */
TEST_F(range, hmm_profiling_event)
{
	uint64_t mask = 1 << DRM_VSVM_EVENT_MIGRATE |
			1 << DRM_VSVM_EVENT_PREFETCH;
	struct drm_vsvm_event e;
	struct pollfd p = { .events = POLLIN };

	p.fd = vt_stream(self->v, mask, 64);
	ASSERT_LE(0, p.fd);
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, prefetch(&self->q, self->mem, LEN, DEVICE));
	EXPECT_EQ(1, poll(&p, 1, 0));
	ASSERT_EQ(0, vt_next(p.fd, DRM_VSVM_EVENT_MIGRATE, &e));
	EXPECT_EQ((uintptr_t)self->mem, e.addr);
	EXPECT_EQ(LEN, e.bytes);
	EXPECT_EQ(DEVICE, e.target);
	ASSERT_EQ(0, vt_next(p.fd, DRM_VSVM_EVENT_PREFETCH, &e));
	EXPECT_EQ((uintptr_t)self->mem, e.addr);
	EXPECT_EQ(LEN, e.bytes);
	EXPECT_EQ(self->q.id, e.queue);
	close(p.fd);
}

FIXTURE(overcommit)
{
	struct vt_module module;
	struct vsvm *v;
	struct vt_queue q;
};

FIXTURE_VARIANT(overcommit)
{
	uint32_t on_fault;
};

FIXTURE_VARIANT_ADD(overcommit, in_place)
{
	.on_fault = DRM_VSVM_ON_FAULT_IN_PLACE,
};

FIXTURE_VARIANT_ADD(overcommit, moves)
{
	.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
};

FIXTURE_SETUP(overcommit)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, begin(&self->v, &self->q, variant->on_fault));
}

VT_TEARDOWN_RESTORE(overcommit)

/* More than the device has, in pieces of a fourth of it. */
TEST_F_TIMEOUT(overcommit, vram, VT_LONG)
{
	size_t len = 2 * VT_VRAM, at;
	char *mem = vt_map(len, VT_SMALL);

	ASSERT_NE(NULL, mem);
	vt_fill(mem, len, SEED, 0);
	for (at = 0; at < len; at += VT_HUGE) {
		ASSERT_EQ(0, prefetch(&self->q, mem + at, VT_HUGE, DEVICE));
		ASSERT_EQ(0, fill(&self->q, mem + at, VT_PAGE, at / VT_HUGE));
	}
	for (at = 0; at < len; at += VT_HUGE) {
		EXPECT_EQ(0, vt_check_byte(mem + at, VT_PAGE, at / VT_HUGE));
		EXPECT_EQ(0, vt_check(mem + at + VT_PAGE, VT_HUGE - VT_PAGE,
				      SEED, at + VT_PAGE));
	}
}

/* The same as one range. */
TEST_F_TIMEOUT(overcommit, giant_range, VT_LONG)
{
	size_t len = 2 * VT_VRAM;
	char *mem = vt_map(len, VT_SMALL);

	ASSERT_NE(NULL, mem);
	vt_fill(mem, len, SEED, 0);
	ASSERT_EQ(0, prefetch(&self->q, mem, len, DEVICE));
	EXPECT_LT(0, vt_bytes_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE));
	ASSERT_EQ(0, fill(&self->q, mem, len, 5));
	EXPECT_EQ(0, vt_check_byte(mem, len, 5));
}

/* After KFDSVMEvictTest: processes that want more than there is, and jobs meanwhile. */
static int one_of_a_crowd(struct vt_child *c, void *arg)
{
	uint32_t *on_fault = arg;
	struct vt_queue q;
	struct vsvm *v;
	char *mem;
	int i;

	(void)c;
	if (begin(&v, &q, *on_fault))
		return 1;
	mem = vt_map_filled(v, VT_VRAM, VT_SMALL, SEED);
	if (!mem)
		return 2;
	for (i = 0; i < 3; i++) {
		if (prefetch(&q, mem, VT_VRAM, DEVICE) ||
		    vt_dev_check(v, mem, VT_VRAM, SEED + i, 0))
			return 3;
		if (vt_dev_fill(v, mem, VT_VRAM, SEED + i + 1, 0))
			return 4;
	}
	return vt_check(mem, VT_VRAM, SEED + 3, 0) ? 5 : 0;
}

TEST_F_TIMEOUT(overcommit, evict_basic, 2 * VT_LONG)
{
	uint32_t on_fault = variant->on_fault;
	struct vt_child c[3];
	unsigned int i;

	for (i = 0; i < VT_COUNT(c); i++)
		ASSERT_EQ(0, vt_start(&c[i], one_of_a_crowd, &on_fault));
	for (i = 0; i < VT_COUNT(c); i++)
		EXPECT_EQ(0, vt_wait(&c[i]));
}

/* Jobs read memory all the time while another process has it evicted. */
TEST_F_TIMEOUT(overcommit, evict_queue, 2 * VT_LONG)
{
	uint32_t on_fault = variant->on_fault;
	char *mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, OTHER);
	char *out = vt_map(VT_HUGE, VT_SMALL);
	struct vt_child c;
	size_t at;
	int i;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, prefetch(&self->q, mem, VT_VRAM, DEVICE));
	ASSERT_EQ(0, vt_start(&c, one_of_a_crowd, &on_fault));
	for (i = 0; i < 4; i++)
		for (at = 0; at < VT_VRAM; at += VT_HUGE) {
			ASSERT_EQ(0, vt_copy(&self->q, out, mem + at, VT_HUGE));
			ASSERT_EQ(0, vt_check(out, VT_HUGE, OTHER, at));
		}
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, OTHER, 0));
}

TEST_HARNESS_MAIN
