// SPDX-License-Identifier: GPL-2.0-only
/*
 * DISCARD: contents that are not needed are not copied when their pages leave the device.
 *
 * What is read of them later is zero or what was there, never another's. What anybody
 * writes afterwards stays, however the page leaves: by a CPU fault, MIGRATE, eviction or
 * unplug. Memory elsewhere and memory that others share is left as it is. Loads the
 * module with little memory and puts it back as it was.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_act.h"
#include "vt_counters.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define UNBIND		"/sys/bus/platform/drivers/vsvm/unbind"
#define DROP_CACHES	"/proc/sys/vm/drop_caches"
#define ENGINE		"/sys/module/vsvm/parameters/copy_engine"
#define LEN		VT_HUGE
#define SEED		221
#define OTHER		222
#define THIRD		223

/* 0 when each byte is that of the pattern or zero. */
static int dead(const char *bytes, size_t len, uint64_t seed, size_t off)
{
	char *old = malloc(len);
	size_t i;

	if (VT_BAD(!old))
		return -1;
	vt_fill(old, len, seed, off);
	for (i = 0; i < len && (!bytes[i] || bytes[i] == old[i]); i++)
		;
	free(old);
	return i == len ? 0 : vt_wrong("byte %zu is %#x", off + i, bytes[i]);
}

/* The same by the device. */
static int dev_dead(struct vsvm *v, const char *mem, size_t len, uint64_t seed,
		    size_t off)
{
	char *bytes = malloc(len);
	int ret = -1;

	if (!VT_BAD(!bytes) && !VT_BAD(vsvm_read(v, mem, bytes, len, NULL)))
		ret = dead(bytes, len, seed, off);
	free(bytes);
	return ret;
}

/* DISCARD; -EPROTO with a message when the counts do not add up. */
static int discard(struct vsvm *v, void *mem, size_t len,
		   struct drm_vsvm_discard *d)
{
	int ret = vsvm_discard(v, mem, len, d);
	uint64_t sum = d->discarded + d->absent + d->system + d->peer + d->kept +
		       d->busy + d->unusable;

	if (sum == d->next - d->addr && (ret || sum == len))
		return ret;
	vt_wrong("%d, counts add up to %#lx, next to %#llx", ret, sum,
		 d->next - d->addr);
	return -EPROTO;
}

/* DISCARD of all of a range. */
static int discard_all(struct vsvm *v, void *mem, size_t len)
{
	struct drm_vsvm_discard d;

	return VT_BAD(discard(v, mem, len, &d)) || VT_BAD(d.discarded != len) ?
	       -1 : 0;
}

/* How pages leave the device. */
enum way {
	BY_CPU,
	BY_MIGRATE,
	BY_EVICTION,
	BY_UNPLUG,
};

FIXTURE(discard)
{
	struct vsvm *v;
	struct vsvm *again;	/* the same device by another file */
	struct vsvm *peer;
	struct vt_module module;
	char *mem;
	struct drm_vsvm_discard d;
	struct drm_vsvm_migrate m;
};

FIXTURE_VARIANT(discard)
{
	enum vt_kind kind;
	enum way way;
};

#define WAY(name, page_kind, how)					\
FIXTURE_VARIANT_ADD(discard, name)					\
{									\
	.kind = page_kind,						\
	.way = how,							\
}

WAY(cpu_4k, VT_SMALL, BY_CPU);
WAY(cpu_2m, VT_LARGE, BY_CPU);
WAY(migrate_4k, VT_SMALL, BY_MIGRATE);
WAY(migrate_2m, VT_LARGE, BY_MIGRATE);
WAY(eviction_4k, VT_SMALL, BY_EVICTION);
WAY(eviction_2m, VT_LARGE, BY_EVICTION);
WAY(unplug_4k, VT_SMALL, BY_UNPLUG);
WAY(unplug_2m, VT_LARGE, BY_UNPLUG);

/* All three tables have a writable entry for each page. */
FIXTURE_SETUP(discard)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    true));
	ASSERT_EQ(0, vsvm_open(0, &self->again));
	ASSERT_EQ(0, vsvm_open(1, &self->peer));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->again, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->peer, self->mem, LEN, SEED, 0));
}

VT_TEARDOWN_RESTORE(discard)

/* Pages leave the device, before the CPU looks at them. */
static int leave(FIXTURE_DATA(discard) *self, enum way way)
{
	char *mem;

	switch (way) {
	case BY_CPU:
		return 0;
	case BY_MIGRATE:
		return vt_to_system(self->v, self->mem, LEN);
	case BY_EVICTION:
		mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, THIRD);
		if (VT_BAD(!mem) || VT_BAD(vt_to_device(self->v, mem, VT_VRAM)) ||
		    VT_BAD(VT_IN_SYSTEM(self->mem, LEN)))
			return -1;
		/* What took its place has no part in it. */
		return VT_BAD(vt_check(mem, VT_VRAM, THIRD, 0)) ? -1 : 0;
	default:
		return vt_file_write(UNBIND, "vsvm.0");
	}
}

/* Nothing is copied, as the counters of device and file say; the CPU finds zeroes. */
TEST_F_TIMEOUT(discard, is_not_copied, VT_LONG)
{
	static const char *const names[] = {
		"discarded-pages", "uncopied-pages",
	};
	long before[2], device[2];
	int i;

	for (i = 0; i < 2; i++) {
		before[i] = vt_file_counter(self->v, names[i]);
		device[i] = vt_device_counter(names[i]);
		ASSERT_LE(0, before[i]);
		ASSERT_LE(0, device[i]);
	}
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(before[0] + LEN / VT_PAGE, vt_file_counter(self->v, names[0]));
	EXPECT_EQ(device[0] + LEN / VT_PAGE, vt_device_counter(names[0]));
	EXPECT_EQ(before[1], vt_file_counter(self->v, names[1]));
	ASSERT_EQ(0, leave(self, variant->way));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
	if (variant->way == BY_UNPLUG)
		return;
	EXPECT_EQ(before[1] + LEN / VT_PAGE, vt_file_counter(self->v, names[1]));
	EXPECT_EQ(device[1] + LEN / VT_PAGE, vt_device_counter(names[1]));
}

/* Memory that was not discarded is copied. */
TEST_F_TIMEOUT(discard, rest_is_copied, VT_LONG)
{
	long before = vt_device_counter("uncopied-pages");

	ASSERT_EQ(0, discard_all(self->v, self->mem + LEN / 2, 3 * VT_PAGE));
	ASSERT_EQ(0, leave(self, variant->way));
	EXPECT_EQ(0, vt_check(self->mem, LEN / 2, SEED, 0));
	EXPECT_EQ(0, vt_check_byte(self->mem + LEN / 2, 3 * VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(self->mem + LEN / 2 + 3 * VT_PAGE,
			      LEN / 2 - 3 * VT_PAGE, SEED,
			      LEN / 2 + 3 * VT_PAGE));
	if (variant->way != BY_UNPLUG)
		EXPECT_EQ(before + 3, vt_device_counter("uncopied-pages"));
}

static int write_device(FIXTURE_DATA(discard) *self, char *to,
			const char *bytes, size_t len)
{
	return vsvm_write(self->v, to, bytes, len, NULL);
}

static int write_again(FIXTURE_DATA(discard) *self, char *to,
		       const char *bytes, size_t len)
{
	return vsvm_write(self->again, to, bytes, len, NULL);
}

static int write_peer(FIXTURE_DATA(discard) *self, char *to, const char *bytes,
		      size_t len)
{
	return vsvm_write(self->peer, to, bytes, len, NULL);
}

static int write_job(FIXTURE_DATA(discard) *self, char *to, const char *bytes,
		     size_t len)
{
	struct vt_queue q;
	int ret;

	if (vt_queue_make(&q, self->v, 8))
		return -1;
	ret = vt_copy(&q, to, bytes, len);
	return vsvm_queue_destroy(self->v, q.id) ?: ret;
}

static int write_atomic(FIXTURE_DATA(discard) *self, char *to,
			const char *bytes, size_t len)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		if (vsvm_atomic(self->v, to + i, sizeof(word),
				DRM_VSVM_ATOMIC_XCHG, word, 0, NULL))
			return -1;
	}
	return 0;
}

static int write_exclusive(FIXTURE_DATA(discard) *self, char *to,
			   const char *bytes, size_t len)
{
	if (vsvm_exclusive(self->v, (char *)((uintptr_t)to & -VT_PAGE), VT_PAGE,
			   NULL))
		return -1;
	return vsvm_write(self->v, to, bytes, len, NULL);
}

/* Each of them writes some bytes of what was discarded. */
static const struct {
	const char *name;
	int (*write)(FIXTURE_DATA(discard) *self, char *to, const char *bytes,
		     size_t len);
} writers[] = {
	{ "device", write_device },
	{ "another file", write_again },
	{ "another device", write_peer },
	{ "job", write_job },
	{ "atomic", write_atomic },
	{ "exclusive", write_exclusive },
};

/*
 * 8 bytes of each 16th page are written, those of every other one after a device has read
 * the page. They stay; the rest is what it was, or zero.
 */
TEST_F_TIMEOUT(discard, writes_stay, VT_LONG)
{
	size_t at, step = 16 * VT_PAGE, i;
	static char bytes[LEN];

	vt_fill(bytes, LEN, OTHER, 0);
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	for (at = 8; at < LEN; at += step) {
		i = at / step / 2 % VT_COUNT(writers);
		if (at / step % 2)
			ASSERT_EQ(0, dev_dead(self->peer, self->mem + at, 64, SEED,
					      at));
		ASSERT_EQ(0, writers[i].write(self, self->mem + at, bytes + at, 8))
			TH_LOG("by %s", writers[i].name);
	}
	ASSERT_EQ(0, leave(self, variant->way));
	for (at = 0; at < LEN; at += step) {
		i = at / step / 2 % VT_COUNT(writers);
		EXPECT_EQ(0, dead(self->mem + at, 8, SEED, at));
		EXPECT_EQ(0, vt_check(self->mem + at + 8, 8, OTHER, at + 8))
			TH_LOG("by %s", writers[i].name);
		EXPECT_EQ(0, dead(self->mem + at + 16, step - 16, SEED, at + 16));
	}
}

/* What the discarded pages of a process that is gone become. */
static int discards_all_and_exits(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, VT_VRAM, *(enum vt_kind *)arg, THIRD);
	if (!mem || vt_to_device(v, mem, VT_VRAM))
		return 2;
	return discard_all(v, mem, VT_VRAM) ? 3 : 0;
}

/* The next process that gets the pages of a device has none that are discarded. */
TEST_F_TIMEOUT(discard, is_not_inherited, VT_LONG)
{
	enum vt_kind kind = variant->kind;
	long before;

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_run(discards_all_and_exits, &kind));
	ASSERT_TRUE(vt_used_becomes(self->v, 0));
	before = vt_device_counter("uncopied-pages");
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, leave(self, variant->way));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	if (variant->way != BY_UNPLUG)
		EXPECT_EQ(before, vt_device_counter("uncopied-pages"));
}

FIXTURE(left)
{
	struct vsvm *v;
	struct vsvm *peer;
	char *mem;
	struct drm_vsvm_discard d;
};

VT_PAGE_KINDS(left);

FIXTURE_SETUP(left)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    true));
	ASSERT_EQ(0, vsvm_open(1, &self->peer));
}

VT_TEARDOWN_CLOSE(left)

/* System memory is left. */
TEST_F(left, system)
{
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, discard(self->v, self->mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.system);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Memory of another device is left. */
TEST_F(left, peer)
{
	ASSERT_EQ(0, discard(self->peer, self->mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.peer);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Untouched memory has no page to discard. */
TEST_F(left, untouched)
{
	char *mem = vt_map(LEN, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, discard(self->v, mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.absent);
}

/* A call that fails half way tells what it had discarded by then. */
TEST_F(left, told_when_it_fails)
{
	size_t half = LEN / 2;

	/* Two mappings. The second one is not collected; then there is no memory. */
	ASSERT_EQ(0, mprotect(self->mem + half, half,
			      PROT_READ | PROT_WRITE | PROT_EXEC));
	/* mprotect() made its entries read-only, until they are written. */
	vt_fill(self->mem + half, half, SEED, half);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_arm(self->v, "setup", 2, 1));
	ASSERT_EQ(0, vt_arm(self->v, "pfns", 2, 1));
	EXPECT_EQ(-ENOMEM, discard(self->v, self->mem, LEN, &self->d));
	EXPECT_EQ(1, vt_fired(self->v, "setup"));
	EXPECT_EQ(1, vt_fired(self->v, "pfns"));
	EXPECT_EQ((uintptr_t)self->mem + LEN, self->d.next);
	EXPECT_EQ(half, self->d.discarded);
	EXPECT_EQ(half, self->d.busy);
	EXPECT_EQ(0, dead(self->mem, half, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem + half, half, SEED, half));
}

/* What the process may not write is left, and so is what it may not read. */
TEST_F(left, protected)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, discard(self->v, self->mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.kept);
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	EXPECT_EQ(-EFAULT, discard(self->v, self->mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.unusable);
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Each page of a mixed range is counted by what it is, and only its own are discarded. */
TEST_F(left, each_by_its_kind)
{
	char *mem = self->mem;

	ASSERT_EQ(0, vt_to_system(self->v, mem + VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->peer, mem + 3 * VT_PAGE, 2 * VT_PAGE));
	ASSERT_EQ(0, madvise(mem + 6 * VT_PAGE, 3 * VT_PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, mprotect(mem + 10 * VT_PAGE, 4 * VT_PAGE, PROT_READ));
	ASSERT_EQ(0, munmap(mem + 15 * VT_PAGE, 5 * VT_PAGE));
	ASSERT_EQ(0, discard(self->v, mem, 30 * VT_PAGE, &self->d));
	EXPECT_EQ(1 * VT_PAGE, self->d.system);
	EXPECT_EQ(2 * VT_PAGE, self->d.peer);
	EXPECT_EQ(3 * VT_PAGE, self->d.absent);
	EXPECT_EQ(4 * VT_PAGE, self->d.kept);
	EXPECT_EQ(5 * VT_PAGE, self->d.unusable);
	EXPECT_EQ(15 * VT_PAGE, self->d.discarded);
	EXPECT_EQ(0, vt_check_byte(mem, VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(mem + VT_PAGE, VT_PAGE, SEED, VT_PAGE));
	EXPECT_EQ(0, vt_check_byte(mem + 2 * VT_PAGE, VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(mem + 3 * VT_PAGE, 2 * VT_PAGE, SEED, 3 * VT_PAGE));
	EXPECT_EQ(0, vt_check_byte(mem + 5 * VT_PAGE, 5 * VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(mem + 10 * VT_PAGE, 4 * VT_PAGE, SEED,
			      10 * VT_PAGE));
	EXPECT_EQ(0, vt_check_byte(mem + 20 * VT_PAGE, 10 * VT_PAGE, 0));
	EXPECT_EQ(0, vt_check(mem + 30 * VT_PAGE, LEN - 30 * VT_PAGE, SEED,
			      30 * VT_PAGE));
}

/* A huge hole costs no time. */
TEST_F(left, large_hole)
{
	size_t len = 1UL << 40;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, discard(self->v, mem, len, &self->d));
	EXPECT_EQ(len, self->d.absent);
}

/* Reads of any device find what was there or zeroes, and do not end it. */
TEST_F(left, outlives_reads)
{
	long before = vt_device_counter("uncopied-pages");

	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	EXPECT_EQ(0, dev_dead(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, dev_dead(self->peer, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
	EXPECT_EQ(before + LEN / VT_PAGE, vt_device_counter("uncopied-pages"));
}

/* The CPU writes a byte of each page; that stays, and the rest is dead. */
TEST_F(left, cpu_writes)
{
	size_t at;

	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	for (at = 9; at < LEN; at += VT_PAGE)
		self->mem[at] = 77;
	for (at = 0; at < LEN; at += VT_PAGE) {
		ASSERT_EQ(0, dead(self->mem + at, 9, SEED, at));
		ASSERT_EQ(77, self->mem[at + 9]);
		ASSERT_EQ(0, dead(self->mem + at + 10, VT_PAGE - 10, SEED, at + 10));
	}
}

/* A write ends it where the device may write, but do no atomic operations. */
TEST_F(left, no_atomics)
{
	struct drm_vsvm_advice cpu = { .atomics = DRM_VSVM_ATOMICS_CPU };

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, DRM_VSVM_ADVISE_ATOMICS,
				 &cpu));
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* What was written can be discarded again. */
TEST_F(left, again)
{
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check_byte(self->mem, LEN, 0));
}

static int keeps(struct vt_child *c, void *arg)
{
	if (vt_say(c) || vt_hear(c))
		return 1;
	return vt_check(arg, LEN, SEED, 0) ? 2 : 0;
}

/* A page that fork shares is left, for parent and child. */
TEST_F(left, shared)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, keeps, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, discard(self->v, self->mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.kept);
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* In the child: what was discarded before fork is dead; its writes are its own. */
static int writes_its_own(struct vt_child *c, void *arg)
{
	if (vt_say(c) || vt_hear(c))
		return 1;
	if (dead(arg, LEN, SEED, 0))
		return 2;
	vt_fill(arg, LEN, THIRD, 0);
	if (vt_say(c) || vt_hear(c))
		return 3;
	return vt_check(arg, LEN, THIRD, 0) ? 4 : 0;
}

/* After fork both have dead memory, and neither sees or loses what one writes. */
TEST_F(left, fork_shares_it)
{
	struct vt_child c;

	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, writes_its_own, self->mem));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_dev_fill(self->peer, self->mem, LEN / 2, OTHER, 0));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN / 2, OTHER, 0));
	EXPECT_EQ(0, dead(self->mem + LEN / 2, LEN / 2, SEED, LEN / 2));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

/* What moves to another device is dead there, and what is written there stays. */
TEST_F(left, moves_to_another_device)
{
	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->peer, self->mem, LEN));
	EXPECT_EQ(0, dev_dead(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->peer, self->mem, LEN / 2, OTHER, 0));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN / 2, OTHER, 0));
	EXPECT_EQ(0, dead(self->mem + LEN / 2, LEN / 2, SEED, LEN / 2));
}

/* A huge page whose backing becomes the system page: nothing is copied anyway. */
TEST_F(left, handover)
{
	ASSERT_EQ(0, vt_file_write(ENGINE, "handover"));
	EXPECT_EQ(0, discard_all(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_file_write(ENGINE, "copy"));
	EXPECT_EQ(0, dead(self->mem, LEN, SEED, 0));
}

FIXTURE(sparse)
{
	struct vsvm *v;
	struct vt_module module;
	char *mem;
};

FIXTURE_SETUP(sparse)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, 2 * LEN, VT_SMALL, SEED,
				    true));
}

VT_TEARDOWN_RESTORE(sparse)

/* Pages that the shrinker moves beside others stay discarded, and keep what is written. */
TEST_F_TIMEOUT(sparse, moves_beside, VT_LONG)
{
	char *last = self->mem + 2 * LEN - 8 * VT_PAGE;
	long before = vt_device_counter("uncopied-pages");
	long backing = vt_backing(self->v);

	ASSERT_EQ(0, vt_to_system(self->v, self->mem, 8 * VT_PAGE));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem + LEN, LEN - 8 * VT_PAGE));
	ASSERT_EQ(0, discard_all(self->v, last, 8 * VT_PAGE));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	ASSERT_GT(backing, vt_backing(self->v));
	ASSERT_EQ(0, VT_ON_DEVICE(last, 8 * VT_PAGE));
	EXPECT_EQ(0, dev_dead(self->v, last, 8 * VT_PAGE, SEED,
			      2 * LEN - 8 * VT_PAGE));
	ASSERT_EQ(0, vt_dev_fill(self->v, last, 4 * VT_PAGE, OTHER, 0));
	ASSERT_EQ(0, vt_to_system(self->v, last, 8 * VT_PAGE));
	EXPECT_EQ(0, vt_check(last, 4 * VT_PAGE, OTHER, 0));
	EXPECT_EQ(0, vt_check_byte(last + 4 * VT_PAGE, 4 * VT_PAGE, 0));
	EXPECT_EQ(before + 4, vt_device_counter("uncopied-pages"));
}

/* A call that pauses, and a write by another device meanwhile. */
struct meanwhile {
	struct vsvm *v;
	struct vsvm *peer;
	char *mem;
	bool home;	/* the call is MIGRATE to system memory, not DISCARD */
	char *bytes;	/* to be written */
	bool go;
	int called;
	int wrote;
};

static void *call(void *arg)
{
	struct meanwhile *m = arg;

	m->called = m->home ? vt_to_system(m->v, m->mem, LEN) :
			      discard_all(m->v, m->mem, LEN);
	return NULL;
}

static void *write_meanwhile(void *arg)
{
	struct meanwhile *m = arg;

	while (!__atomic_load_n(&m->go, __ATOMIC_ACQUIRE))
		sched_yield();
	vt_act_begin();
	m->wrote = vsvm_write(m->peer, m->mem, m->bytes, LEN, NULL);
	vt_act_end();
	return NULL;
}

/* 0 when the write comes behind the step at @point, and stays. */
static int write_comes_behind(struct meanwhile *m, const char *point)
{
	pthread_t caller, writer;

	m->bytes = malloc(LEN);
	if (VT_BAD(!m->bytes))
		return -1;
	vt_fill(m->bytes, LEN, OTHER, 0);
	vt_act_reset();
	/* The paused one has mmap_lock for reading: a new thread would wait for it. */
	if (VT_BAD(pthread_create(&writer, NULL, write_meanwhile, m)) ||
	    VT_BAD(vt_pause(m->v, point, 1)) ||
	    VT_BAD(pthread_create(&caller, NULL, call, m)) ||
	    VT_BAD(vt_await(m->v, point)))
		return -1;
	__atomic_store_n(&m->go, true, __ATOMIC_RELEASE);
	if (VT_BAD(vt_act_began()) || VT_BAD(vt_resume(m->v, point)) ||
	    VT_BAD(pthread_join(caller, NULL)) ||
	    VT_BAD(pthread_join(writer, NULL)) ||
	    VT_BAD(vt_disarm(m->v, point)))
		return -1;
	return VT_BAD(m->called) || VT_BAD(m->wrote) ||
	       VT_BAD(vt_check(m->mem, LEN, OTHER, 0)) ? -1 : 0;
}

/* A write that comes while pages are being discarded ends that for its pages. */
TEST_F_TIMEOUT(left, write_in_discard, VT_LONG)
{
	struct meanwhile m = { .v = self->v, .peer = self->peer, .mem = self->mem };

	EXPECT_EQ(0, write_comes_behind(&m, "collected"));
}

/* A write that comes when zeroes are in system memory, but the page is not, is not lost. */
TEST_F_TIMEOUT(left, write_in_migration, VT_LONG)
{
	struct meanwhile m = {
		.v = self->v, .peer = self->peer, .mem = self->mem, .home = true
	};

	ASSERT_EQ(0, discard_all(self->v, self->mem, LEN));
	EXPECT_EQ(0, write_comes_behind(&m, "copied"));
}

#define ROUNDS	50
/* Few pages: core mm interrupts the other processors for each page that moves. */
#define RACE	(32 * VT_PAGE)

struct race {
	struct vsvm *v;
	struct vsvm *other;
	uint64_t *words;
	bool stop;
};

/* Moves the memory to and fro, by the CPU's touch too. */
static void *move(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		vsvm_migrate(r->v, r->words, RACE, DRM_VSVM_TARGET_DEVICE, 0,
			     NULL);
		vsvm_migrate(r->v, r->words, RACE / 2, DRM_VSVM_TARGET_SYSTEM, 0,
			     NULL);
		vsvm_migrate(r->other, r->words, RACE / 4, DRM_VSVM_TARGET_DEVICE,
			     0, NULL);
	}
	return NULL;
}

/* Whoever discards and then writes finds what it wrote, while the pages move. */
TEST_F_TIMEOUT(left, race, 2 * VT_LONG)
{
	struct race r = { self->v, self->peer, (uint64_t *)self->mem, false };
	struct vsvm *by[] = { self->v, self->peer };
	uint64_t i, word, *at, wrong = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, move, &r));
	for (i = 1; i <= ROUNDS && !wrong; i++) {
		at = r.words + i * 7 % (RACE / VT_PAGE) * (VT_PAGE / 8);
		wrong |= !!vsvm_discard(self->v, at, VT_PAGE, NULL);
		wrong |= !!vsvm_write(by[i % 2], at, &i, 8, NULL);
		wrong |= !!vsvm_read(by[i / 2 % 2], at, &word, 8, NULL);
		wrong |= word != i;
		wrong |= i % 4 == 0 && *at != i;
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(ROUNDS + 1, i);
}

FIXTURE(coherent)
{
	struct vsvm *v;
	struct vt_module module;
	struct drm_vsvm_discard d;
};

FIXTURE_SETUP(coherent)
{
	char where[32];

	ASSERT_EQ(0, vt_module_get(&self->module));
	if (vt_reserved(where, sizeof(where)))
		SKIP(return, "no memory was reserved with memmap=");
	ASSERT_EQ(0, vt_load_coherent(where));
	ASSERT_EQ(0, vsvm_open(1, &self->v));
}

VT_TEARDOWN_RESTORE(coherent)

/* The CPU writes a coherent device's pages without a fault, so they are left. */
TEST_F(coherent, is_kept)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, discard(self->v, mem, LEN, &self->d));
	EXPECT_EQ(LEN, self->d.kept);
	ASSERT_EQ(0, vt_to_system(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

TEST_HARNESS_MAIN
