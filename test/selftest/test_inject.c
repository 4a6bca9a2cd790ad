// SPDX-License-Identifier: GPL-2.0-only
/*
 * One allocation of a migration fails, once or always, and core mm's rules for that
 * case hold.
 *
 * Every page is still there, CPU and device can read and write it, and nothing leaks.
 * test_failpoints tries every failpoint; here each case has a test of its own.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	201
#define OTHER	202
#define EVER	(1ULL << 40)

#define SMALL	"reserve-small"
#define BLOCK	"reserve-block"
#define BACKING	"backing"
#define HOME	"home-small"
#define HOME2M	"home-huge"

FIXTURE(inject)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(inject);

FIXTURE_SETUP(inject)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map_filled(self->v, LEN, variant->kind, SEED);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN(inject)
{
	unsigned int i;

	for (i = 0; i < vt_failpoints(); i++)
		vt_disarm(self->v, vt_failpoint(i)->name);
	vsvm_close(self->v);
}

#define TO_DEVICE()							\
	vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_DEVICE, 0,	\
		   &self->m)
#define TO_SYSTEM()							\
	vt_migrate(self->v, self->mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0,	\
		   &self->m)

/* Both sides read and write all of it, and then nothing is left behind. */
static int still_works(struct vsvm *v, char *mem, uint64_t used)
{
	if (vt_dev_check(v, mem, LEN, SEED, 0) ||
	    vt_dev_fill(v, mem, LEN, OTHER, 0) ||
	    vt_check(mem, LEN, OTHER, 0))
		return 1;
	vt_fill(mem, LEN, SEED, 0);
	if (vt_dev_check(v, mem, LEN, SEED, 0))
		return 2;
	if (vt_to_device(v, mem, LEN) || vt_check(mem, LEN, SEED, 0))
		return 3;
	if (munmap(mem, LEN))
		return 4;
	return vt_used(v) == used ? 0 : 5;
}

/* A huge page goes to the device in 512 pieces when no block is empty (R3). */
TEST_F(inject, huge_page_without_a_block)
{
	ASSERT_EQ(0, vt_arm(self->v, BLOCK, 1, EVER));
	ASSERT_EQ(0, TO_DEVICE());
	EXPECT_EQ(LEN, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       0));
	if (variant->kind == VT_LARGE)
		EXPECT_LT(0, vt_fired(self->v, BLOCK));
	ASSERT_EQ(0, vt_disarm(self->v, BLOCK));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* A hole of 2M populated in small pages, or not at all: never half (R3). */
TEST_F(inject, hole_without_a_block)
{
	char *mem = vt_map(VT_HUGE, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_arm(self->v, BLOCK, 1, EVER));
	ASSERT_EQ(0, vt_migrate(self->v, mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, VT_HUGE, 0));
	ASSERT_EQ(0, vt_arm(self->v, SMALL, 1, EVER));
	ASSERT_EQ(0, madvise(mem, VT_HUGE, MADV_DONTNEED));
	ASSERT_EQ(0, vt_migrate(self->v, mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_EQ(0, self->m.moved);
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, VT_HUGE, 0));
	EXPECT_EQ(0, vt_check_byte(mem, VT_HUGE, 0));
}

/* No device memory at all: everything stays, and says why. */
TEST_F(inject, no_device_page)
{
	ASSERT_EQ(0, vt_arm(self->v, BLOCK, 1, EVER));
	ASSERT_EQ(0, vt_arm(self->v, SMALL, 1, EVER));
	ASSERT_EQ(0, TO_DEVICE());
	EXPECT_EQ(LEN, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(self->used, vt_used(self->v));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	ASSERT_EQ(0, vt_disarm(self->v, BLOCK));
	ASSERT_EQ(0, vt_disarm(self->v, SMALL));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* One failure in the middle: what did not move says so, the rest moved. */
TEST_F(inject, one_reservation_fails)
{
	unsigned int nth;

	for (nth = 1; nth <= 3; nth++) {
		ASSERT_EQ(0, vt_arm(self->v, BLOCK, 1, EVER));
		ASSERT_EQ(0, vt_arm(self->v, SMALL, nth, 1));
		ASSERT_EQ(0, TO_DEVICE());
		EXPECT_EQ(LEN, self->m.moved +
			       self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
		ASSERT_EQ(0, vt_disarm(self->v, SMALL));
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
		ASSERT_EQ(0, TO_SYSTEM());
		ASSERT_EQ(self->used, vt_used(self->v));
	}
	ASSERT_EQ(0, vt_disarm(self->v, BLOCK));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* No host memory behind a block. */
TEST_F(inject, no_backing)
{
	int i;

	/* What earlier tests left behind has backing: go until none is left. */
	ASSERT_EQ(0, vt_arm(self->v, BACKING, 1, EVER));
	for (i = 0; i < 200; i++) {
		char *mem = vt_map_filled(self->v, VT_HUGE, variant->kind, i);

		ASSERT_NE(NULL, mem);
		ASSERT_EQ(0, vt_migrate(self->v, mem, VT_HUGE,
					DRM_VSVM_TARGET_DEVICE, 0, &self->m));
		ASSERT_EQ(0, vt_dev_check(self->v, mem, VT_HUGE, i, 0));
		if (vt_fired(self->v, BACKING))
			break;
	}
	EXPECT_LT(0, vt_fired(self->v, BACKING));
	EXPECT_EQ(VT_HUGE, self->m.moved + vt_stayed(&self->m));
	EXPECT_EQ(vt_stayed(&self->m),
		  self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
}

/* MIGRATE home of huge pages without a huge host page (R4). */
TEST_F(inject, huge_home_without_a_huge_page)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, EVER));
	ASSERT_EQ(0, TO_SYSTEM());
	EXPECT_EQ(LEN, self->m.moved);
	if (variant->kind == VT_LARGE)
		EXPECT_LT(0, vt_fired(self->v, HOME2M));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(self->used, vt_used(self->v));
	ASSERT_EQ(0, vt_disarm(self->v, HOME2M));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* A CPU fault on a huge device page without a huge host page ends (R4). */
TEST_F(inject, huge_fault_without_a_huge_page)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, EVER));
	alarm(20);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	alarm(0);
	EXPECT_EQ(self->used, vt_used(self->v));
	ASSERT_EQ(0, vt_disarm(self->v, HOME2M));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

static int child_checks(struct vt_child *c, void *arg)
{
	if (vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

/* The same for a page that parent and child share: neither loses it (R4). */
TEST_F(inject, shared_huge_fault_without_a_huge_page)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, EVER));
	vt_fill(self->mem, LEN, OTHER, 0);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* MIGRATE home without host pages: they stay on the device, and say why. */
TEST_F(inject, no_home)
{
	__u64 want = variant->kind == VT_SMALL ? LEN : 0;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_arm(self->v, HOME, 1, EVER));
	ASSERT_EQ(0, TO_SYSTEM());
	EXPECT_EQ(want, self->m.stayed[DRM_VSVM_STAY_HOST_FULL]);
	EXPECT_EQ(LEN - want, self->m.moved);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_disarm(self->v, HOME));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* Home with every allocation in turn failing once. */
TEST_F(inject, one_home_fails)
{
	__u64 nth;

	for (nth = 1; nth < 40; nth += 13) {
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
		ASSERT_EQ(0, vt_arm(self->v, HOME, nth, 1));
		ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, 1));
		ASSERT_EQ(0, TO_SYSTEM());
		EXPECT_EQ(LEN, self->m.moved +
			       self->m.stayed[DRM_VSVM_STAY_HOST_FULL]);
		ASSERT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
		ASSERT_EQ(0, vt_disarm(self->v, HOME));
		ASSERT_EQ(0, vt_disarm(self->v, HOME2M));
		ASSERT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
		ASSERT_EQ(self->used, vt_used(self->v));
	}
}

/*
 * During a CPU fault the neighbours may stay, the page itself may not: its
 * allocation fails with VM_FAULT_OOM, core asks for the fault again, and with
 * memory back the access comes to its end. (R5)
 */
TEST_F(inject, cpu_fault_without_memory)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_arm(self->v, HOME, 1, 16));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, 1));
	alarm(30);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	alarm(0);
	if (variant->kind == VT_SMALL)
		EXPECT_EQ(16, vt_fired(self->v, HOME));
	EXPECT_EQ(self->used, vt_used(self->v));
	ASSERT_EQ(0, vt_disarm(self->v, HOME));
	ASSERT_EQ(0, vt_disarm(self->v, HOME2M));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/* Only the neighbours of the faulting page get no memory: they stay. (R5) */
TEST_F(inject, cpu_fault_without_memory_for_neighbours)
{
	size_t at = VT_HUGE + 32 * VT_PAGE;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	/* A window has 16 pages, the first of them is the one that faults. */
	ASSERT_EQ(0, vt_arm(self->v, HOME, 2, 15));
	EXPECT_EQ(0, vt_check(self->mem + at, 8, SEED, at));
	if (variant->kind == VT_SMALL) {
		EXPECT_EQ(VT_PAGE, vt_bytes_in(self->v, self->mem, LEN,
					       DRM_VSVM_PLACE_SYSTEM));
		EXPECT_EQ(self->used + LEN - VT_PAGE, vt_used(self->v));
	}
	ASSERT_EQ(0, vt_disarm(self->v, HOME));
	EXPECT_EQ(0, still_works(self->v, self->mem, self->used));
}

/*
 * A device write that has to break sharing, without memory for the copy, fails
 * with ENOMEM; done once more, with memory, it comes to its end.
 */
TEST_F(inject, sharing_without_memory)
{
	char *buf = malloc(LEN);
	struct vt_child c;
	int ret, tries = 0;

	vt_fill(buf, LEN, OTHER, 0);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_arm(self->v, HOME, 1, 5));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, 2));
	do {
		ret = vsvm_write(self->v, self->mem, buf, LEN, NULL);
	} while (ret == -ENOMEM && ++tries < 10);
	EXPECT_EQ(0, ret);
	/* Only the faulting page's own failure counts, its neighbours stay. */
	EXPECT_EQ(variant->kind == VT_SMALL ? 1 : 0, tries);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Points are told apart by file: another process's passes do not count. */
TEST_F(inject, counts_its_own_process)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, child_checks, self->mem));
	ASSERT_EQ(0, vt_arm(self->v, HOME, 1, EVER));
	ASSERT_EQ(0, vt_arm(self->v, HOME2M, 1, EVER));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_fired(self->v, HOME));
	EXPECT_EQ(0, vt_fired(self->v, HOME2M));
}

/* Closing the file disarms what it armed. */
TEST_F(inject, ends_with_the_file)
{
	struct vsvm *v;

	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vt_arm(v, BLOCK, 1, EVER));
	ASSERT_EQ(0, vt_arm(v, SMALL, 1, EVER));
	vsvm_close(v);
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/*
 * R2: a fault on a tail page of a large device folio that PTEs map. Core splits
 * the folio while it collects; only the faulting page may be asked for.
 */
FIXTURE(cut_up)
{
	struct vsvm *v;
	char *mem;
	__u64 used;
};

FIXTURE_VARIANT(cut_up)
{
	int how;
};

FIXTURE_VARIANT_ADD(cut_up, by_munmap)
{
	.how = 0,
};

FIXTURE_VARIANT_ADD(cut_up, by_mprotect)
{
	.how = 1,
};

FIXTURE_VARIANT_ADD(cut_up, by_mremap)
{
	.how = 2,
};

FIXTURE_VARIANT_ADD(cut_up, by_dontneed)
{
	.how = 3,
};

#define HOLE	(100 * VT_PAGE)

FIXTURE_SETUP(cut_up)
{
	char *to, *hole;

	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
	self->mem = vt_map_filled(self->v, VT_HUGE, VT_LARGE, SEED);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	hole = self->mem + HOLE;
	switch (variant->how) {
	case 0:
		ASSERT_EQ(0, munmap(hole, VT_PAGE));
		break;
	case 1:
		ASSERT_EQ(0, mprotect(hole, VT_PAGE, PROT_READ));
		break;
	case 2:
		to = vt_map(VT_PAGE, VT_SMALL);
		ASSERT_NE(NULL, to);
		ASSERT_EQ(to, mremap(hole, VT_PAGE, VT_PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
		ASSERT_EQ(0, vt_dev_check(self->v, to, VT_PAGE, SEED, HOLE));
		break;
	default:
		ASSERT_EQ(0, madvise(hole, VT_PAGE, MADV_DONTNEED));
		break;
	}
	/* Mapped page by page, all of it still on the device. */
	ASSERT_EQ(0, vt_all_in(self->v, self->mem, HOLE,
			       DRM_VSVM_PLACE_DEVICE, 0));
}

VT_TEARDOWN_CLOSE(cut_up)

/* A CPU read of one tail page, then of all the others in a wild order. */
TEST_F(cut_up, fault_on_a_tail_page)
{
	size_t i, at;

	for (i = 0; i < 512; i++) {
		at = (i * 167 + 77) % 512 * VT_PAGE;
		if (at == HOLE)
			continue;
		ASSERT_EQ(0, vt_check(self->mem + at, VT_PAGE, SEED, at));
	}
}

/* CPU writes to tail pages between device writes to their neighbours. */
TEST_F(cut_up, cpu_and_device_write_tail_pages)
{
	size_t at;
	char *page;

	for (at = VT_HUGE - VT_PAGE; at > HOLE + VT_PAGE; at -= 8 * VT_PAGE) {
		page = self->mem + at;
		vt_fill(page, VT_PAGE, OTHER, at);
		page -= VT_PAGE;
		ASSERT_EQ(0, vt_dev_fill(self->v, page, VT_PAGE, OTHER,
					 at - VT_PAGE));
	}
	for (at = VT_HUGE - VT_PAGE; at > HOLE + VT_PAGE; at -= 8 * VT_PAGE) {
		page = self->mem + at - VT_PAGE;
		ASSERT_EQ(0, vt_check(page, 2 * VT_PAGE, OTHER, at - VT_PAGE));
	}
	EXPECT_EQ(0, vt_check(self->mem, HOLE, SEED, 0));
}

/* MIGRATE brings tail pages to system memory, one by one and then the rest. */
TEST_F(cut_up, migrate_tail_pages)
{
	size_t at;

	for (at = VT_PAGE; at < HOLE; at += 9 * VT_PAGE)
		ASSERT_EQ(0, vt_to_system(self->v, self->mem + at, VT_PAGE));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, HOLE));
	EXPECT_EQ(0, vt_check(self->mem, HOLE, SEED, 0));
	at = HOLE + VT_PAGE;
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + at, VT_HUGE - at, SEED,
				  at));
	EXPECT_EQ(0, vt_check(self->mem + at, VT_HUGE - at, SEED, at));
}

static int child_faults(struct vt_child *c, void *arg)
{
	char *mem = arg;
	size_t at;

	(void)c;
	for (at = VT_HUGE - VT_PAGE; at > HOLE; at -= 5 * VT_PAGE)
		if (vt_check(mem + at, VT_PAGE, SEED, at))
			return 1;
	return 0;
}

/* The same pages shared with a child, which faults on them first. */
TEST_F(cut_up, child_faults_on_tail_pages)
{
	size_t at = HOLE + VT_PAGE;

	EXPECT_EQ(0, vt_run(child_faults, self->mem));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + at, VT_HUGE - at, SEED,
				  at));
	EXPECT_EQ(0, vt_check(self->mem + at, VT_HUGE - at, SEED, at));
}

TEST_HARNESS_MAIN
