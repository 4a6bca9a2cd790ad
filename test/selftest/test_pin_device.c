// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIN: pages of a range stay on a device that is full, up to a part of the fair share.
 *
 * Whatever else wants room, pinned pages stay, as long as the process has no more of them
 * than it may; and no other process loses its fair share. Loads the module with little
 * memory and puts it back as it was.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_counters.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_small_device.h"

#define SEED		241
#define OTHER		242
/* What a process that is alone may pin of the device. */
#define LEN		(VT_VRAM / 2)
#define PERCENT		"/sys/module/vsvm/parameters/pin_percent"
#define UNBIND		"/sys/bus/platform/drivers/vsvm/unbind"
#define DROP_CACHES	"/proc/sys/vm/drop_caches"

/* PIN; -EPROTO with a message when the counts do not add up. */
static int pin(struct vsvm *v, void *mem, size_t len, struct drm_vsvm_pin *p)
{
	int ret = vsvm_pin(v, mem, len, p);

	if (p->done + p->elsewhere + p->unusable != p->next - p->addr ||
	    (!ret && p->next != p->addr + len)) {
		vt_wrong("PIN: the counts do not add up");
		return -EPROTO;
	}
	return ret;
}

/* PIN of all of a range. */
static int pin_all(struct vsvm *v, void *mem, size_t len)
{
	struct drm_vsvm_pin p;

	if (VT_BAD(pin(v, mem, len, &p)) || VT_BAD(p.done != len))
		return -1;
	return 0;
}

/* How much the process has pinned, or -1: RELEASE of a page that is nowhere. */
static long pinned(struct vsvm *v)
{
	char *page = vt_map(VT_HUGE, VT_SMALL);
	struct drm_vsvm_pin p;

	if (VT_BAD(!page) || VT_BAD(vsvm_unpin(v, page, VT_PAGE, &p)) ||
	    VT_BAD(munmap(page, VT_HUGE)))
		return -1;
	return p.pinned;
}

/* Memory of four times the device goes over it; all of it is right. */
static int sweep(struct vsvm *v, enum vt_kind kind)
{
	char *mem = vt_map_filled(v, VT_SET, kind, OTHER);

	if (VT_BAD(!mem) ||
	    VT_BAD(vt_device_sweep(v, mem, VT_SET, OTHER, VT_ALL)) ||
	    VT_BAD(vt_check(mem, VT_SET, OTHER + 1, 0)) ||
	    VT_BAD(munmap(mem, VT_SET)))
		return -1;
	return 0;
}

FIXTURE(pin)
{
	struct vsvm *v;
	struct vt_module module;
	char *mem;
	struct drm_vsvm_pin p;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(pin);

FIXTURE_SETUP(pin)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    true));
}

VT_TEARDOWN_RESTORE(pin)

/* What was used longest ago goes first, but for what is pinned. */
TEST_F_TIMEOUT(pin, stays, VT_LONG)
{
	ASSERT_EQ(0, pin(self->v, self->mem, LEN, &self->p));
	EXPECT_EQ(LEN, self->p.done);
	EXPECT_EQ(LEN, self->p.pinned);
	EXPECT_EQ(LEN, self->p.limit);
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, pinned(self->v));
}

/* Without a pin it goes: so does what was pinned and is not any more. */
TEST_F_TIMEOUT(pin, goes_after_release, VT_LONG)
{
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vsvm_unpin(self->v, self->mem, LEN, &self->p));
	EXPECT_EQ(LEN, self->p.done);
	EXPECT_EQ(0, self->p.pinned);
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* A page that is pinned twice is released once; a block stays for one of its pages. */
TEST_F_TIMEOUT(pin, stays_for_a_page, VT_LONG)
{
	char *page = self->mem + 3 * VT_PAGE;

	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, pin_all(self->v, page, VT_PAGE));
	ASSERT_EQ(0, vsvm_unpin(self->v, self->mem, 3 * VT_PAGE, &self->p));
	ASSERT_EQ(0, vsvm_unpin(self->v, page + VT_PAGE,
				LEN - 4 * VT_PAGE, &self->p));
	EXPECT_EQ(VT_HUGE, self->p.pinned);
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem + VT_HUGE, LEN - VT_HUGE));
	ASSERT_EQ(0, vsvm_unpin(self->v, page, VT_PAGE, &self->p));
	EXPECT_EQ(0, self->p.pinned);
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* More than the limit: what came before is pinned, the rest is not. */
TEST_F_TIMEOUT(pin, limit, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, OTHER);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(self->mem, LEN));
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	ASSERT_EQ(-ENOSPC, pin(self->v, mem, VT_VRAM, &self->p));
	EXPECT_EQ((uintptr_t)mem + LEN, self->p.next);
	EXPECT_EQ(LEN, self->p.done);
	EXPECT_EQ(LEN, self->p.pinned);
	EXPECT_EQ(LEN, self->p.limit);
	/* Pages of a pinned block are not more than there were. */
	EXPECT_EQ(0, pin_all(self->v, mem, LEN));
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, LEN));
	EXPECT_EQ(0, VT_IN_SYSTEM(mem + LEN, VT_VRAM - LEN));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, OTHER, 0));
}

/* The limit is a part of the share, which root chooses; none, or all of it. */
TEST_F_TIMEOUT(pin, percent, VT_LONG)
{
	char *other = vt_map_filled(self->v, VT_VRAM, variant->kind, OTHER);

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_file_set(PERCENT, 0));
	ASSERT_EQ(-ENOSPC, pin(self->v, self->mem, LEN, &self->p));
	EXPECT_EQ((uintptr_t)self->mem, self->p.next);
	EXPECT_EQ(0, self->p.limit);
	EXPECT_EQ(0, self->p.pinned);
	ASSERT_EQ(0, vt_file_set(PERCENT, 1000));
	ASSERT_EQ(0, vt_to_device(self->v, other, LEN));
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, pin(self->v, other, LEN, &self->p));
	EXPECT_EQ(VT_VRAM, self->p.limit);
	EXPECT_EQ(VT_VRAM, self->p.pinned);
	/* Nothing makes room for the rest, which is used where it is. */
	ASSERT_EQ(0, vt_migrate(self->v, other + LEN, LEN, DRM_VSVM_TARGET_DEVICE,
				0, &self->m));
	EXPECT_EQ(LEN, self->m.stayed[DRM_VSVM_STAY_DEVICE_FULL]);
	EXPECT_EQ(0, vt_dev_check(self->v, other, VT_VRAM, OTHER, 0));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	/* With less of it, what was pinned first goes. */
	ASSERT_EQ(0, vt_file_set(PERCENT, 50));
	ASSERT_EQ(0, vt_to_device(self->v, other + LEN, VT_HUGE));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(other, LEN + VT_HUGE));
	EXPECT_EQ(0, vt_check(other, VT_VRAM, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Wants all of the device, has the share of one of two, and waits. */
static int wants_all(struct vt_child *c, void *arg)
{
	enum vt_kind kind = *(enum vt_kind *)arg;
	struct vsvm *v;
	long there;
	char *mem;

	if (vsvm_open(0, &v))
		return 101;
	mem = vt_map_filled(v, VT_VRAM, kind, OTHER);
	if (!mem || vt_migrate(v, mem, VT_VRAM, DRM_VSVM_TARGET_DEVICE, 0, NULL))
		return 102;
	there = vt_bytes_in(v, mem, VT_VRAM, DRM_VSVM_PLACE_DEVICE);
	if (vt_say(c) || vt_hear(c))
		return 103;
	if (vt_dev_check(v, mem, VT_VRAM, OTHER, 0) ||
	    vt_check(mem, VT_VRAM, OTHER, 0))
		return 104;
	return there / VT_HUGE;
}

/* Another process gets its share, and it is not the pinned memory that makes room. */
TEST_F_TIMEOUT(pin, stays_in_the_share, 2 * VT_LONG)
{
	char *other = vt_map_filled(self->v, LEN, variant->kind, OTHER);
	enum vt_kind kind = variant->kind;
	struct vt_child c;

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_to_device(self->v, other, LEN));
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_start(&c, wants_all, &kind));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, VT_IN_SYSTEM(other, LEN));
	/* The share is smaller now. */
	ASSERT_EQ(0, vsvm_unpin(self->v, self->mem, VT_PAGE, &self->p));
	EXPECT_EQ(VT_HUGE, self->p.limit);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(LEN / VT_HUGE, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Pins do not keep what is more than the share, with none of it left unpinned. */
TEST_F_TIMEOUT(pin, share_of_others, 2 * VT_LONG)
{
	char *other = vt_map_filled(self->v, LEN, variant->kind, OTHER);
	enum vt_kind kind = variant->kind;
	struct vt_child c;

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_to_device(self->v, other, LEN));
	ASSERT_EQ(0, vt_file_set(PERCENT, 100));
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, pin_all(self->v, other, LEN));
	ASSERT_EQ(0, vt_start(&c, wants_all, &kind));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(LEN, pinned(self->v));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(LEN / VT_HUGE, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(other, LEN, OTHER, 0));
}

/* A pin ends when its page leaves, whichever way. */
TEST_F_TIMEOUT(pin, ends_at_home, VT_LONG)
{
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	EXPECT_EQ(LEN, pinned(self->v));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(LEN - VT_HUGE, pinned(self->v));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, pinned(self->v));
	/* It does not come back with the page. */
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, pinned(self->v));
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(0, pinned(self->v));
	EXPECT_EQ(0, vt_used(self->v));
}

/* What fork shares stays pinned for the process that did it, until nobody has it. */
TEST_F_TIMEOUT(pin, ends_with_the_last_mapping, VT_LONG)
{
	pid_t pid;

	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, munmap(self->mem, LEN));
	EXPECT_EQ(LEN, pinned(self->v));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(vt_used_becomes(self->v, 0));
	EXPECT_EQ(0, pinned(self->v));
}

/* All files of a process have one account, and its last one takes the pins along. */
TEST_F_TIMEOUT(pin, ends_with_the_last_file, VT_LONG)
{
	struct vsvm *again;

	ASSERT_EQ(0, vsvm_open(0, &again));
	ASSERT_EQ(0, pin_all(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, pin_all(again, self->mem + VT_HUGE, LEN - VT_HUGE));
	vsvm_close(self->v);
	EXPECT_EQ(LEN, pinned(again));
	vsvm_close(again);
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	EXPECT_EQ(0, pinned(self->v));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	ASSERT_EQ(0, sweep(self->v, variant->kind));
	EXPECT_EQ(0, VT_IN_SYSTEM(self->mem, LEN));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

struct mover {
	struct vsvm *v;
	char *mem;
	int ret;
};

static void *moves_there(void *arg)
{
	struct mover *m = arg;

	m->ret = vt_migrate(m->v, m->mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE, 0, NULL);
	return NULL;
}

/* What PIN says is pinned stays, also if it was chosen to make room a moment before. */
TEST_F_TIMEOUT(pin, after_it_was_chosen, VT_LONG)
{
	char *other = vt_map_filled(self->v, LEN + VT_HUGE, variant->kind, OTHER);
	struct mover m = { .v = self->v, .mem = other + LEN };
	pthread_t thread;

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vt_to_device(self->v, other, LEN));
	ASSERT_EQ(0, vt_pause(self->v, "evict-block", 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, moves_there, &m));
	ASSERT_EQ(0, vt_await(self->v, "evict-block"));
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_resume(self->v, "evict-block"));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m.ret);
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, VT_ON_DEVICE(other + LEN, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(other, LEN + VT_HUGE, OTHER, 0));
}

/* The process says how much it has pinned, to those who may look. */
TEST_F(pin, is_shown)
{
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(0, vt_key("vsvm-pinned"));
	ASSERT_EQ(0, pin_all(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_fdinfo_get(self->v));
	EXPECT_EQ(VT_HUGE, vt_key("vsvm-pinned"));
}

/* A fault of the device makes no room among the pins; what it moves evicts the rest. */
TEST_F_TIMEOUT(pin, faults_find_no_room, VT_LONG)
{
	static const struct drm_vsvm_advice here = {
		.location = DRM_VSVM_LOCATION_HERE,
	};
	char *other = vt_map_filled(self->v, VT_SET, variant->kind, OTHER);

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vsvm_advise(self->v, other, VT_SET, DRM_VSVM_ADVISE_LOCATION,
				 &here));
	EXPECT_EQ(0, vt_dev_check(self->v, other, VT_SET, OTHER, 0));
	EXPECT_EQ(VT_VRAM - LEN,
		  vt_bytes_in(self->v, other, VT_SET, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, LEN));
	EXPECT_EQ(0, vt_check(other, VT_SET, OTHER, 0));
}

/* Unplug moves it home as everything else. */
TEST_F_TIMEOUT(pin, leaves_with_the_device, VT_LONG)
{
	ASSERT_EQ(0, pin_all(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_file_write(UNBIND,
				   "vsvm.0"));
	EXPECT_EQ(-ENODEV, vsvm_pin(self->v, self->mem, LEN, &self->p));
	EXPECT_EQ((uintptr_t)self->mem, self->p.next);
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* What is not here is counted, and does not fail: it is elsewhere, or nowhere. */
TEST_F_TIMEOUT(pin, counts, VT_LONG)
{
	char *mem = vt_map(4 * VT_HUGE, VT_SMALL);
	struct vsvm *peer;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_open(1, &peer));
	/* Untouched, system memory, on the peer, here, and a hole. */
	vt_fill(mem + VT_PAGE, 4 * VT_PAGE, SEED, 0);
	ASSERT_EQ(0, vt_to_device(peer, mem + 3 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vt_to_device(self->v, mem + 4 * VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, munmap(mem + VT_HUGE, VT_HUGE));
	ASSERT_EQ(0, pin(self->v, mem, 4 * VT_HUGE, &self->p));
	EXPECT_EQ(VT_PAGE, self->p.done);
	EXPECT_EQ(VT_HUGE, self->p.unusable);
	EXPECT_EQ(VT_HUGE, self->p.pinned);
	EXPECT_EQ(-EFAULT, pin(self->v, mem + VT_HUGE, VT_HUGE, &self->p));
	EXPECT_EQ(VT_HUGE, self->p.unusable);
	ASSERT_EQ(0, pin(peer, mem, VT_HUGE, &self->p));
	EXPECT_EQ(VT_PAGE, self->p.done);
	/* Nothing was faulted in or moved for it. */
	EXPECT_EQ(DRM_VSVM_PLACE_ABSENT, vt_place(self->v, mem));
	EXPECT_EQ(DRM_VSVM_PLACE_SYSTEM, vt_place(self->v, mem + VT_PAGE));
	EXPECT_EQ(DRM_VSVM_PLACE_PEER, vt_place(self->v, mem + 3 * VT_PAGE));
}

FIXTURE(few)
{
	struct vsvm *v;
	struct vt_module module;
	char *mem;
	struct drm_vsvm_pin p;
	struct drm_vsvm_migrate m;
};

FIXTURE_SETUP(few)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    true));
}

VT_TEARDOWN_RESTORE(few)

/*
 * When the host is short of memory, few pages of a block come together with others of the
 * process. A pin goes along.
 */
TEST_F_TIMEOUT(few, goes_along, VT_LONG)
{
	size_t half = VT_HUGE / 2, few = 16 * VT_PAGE;
	char *mem = self->mem;

	ASSERT_EQ(0, munmap(mem + half, VT_HUGE - half));
	ASSERT_EQ(0, munmap(mem + VT_HUGE + few, VT_HUGE - few));
	ASSERT_EQ(0, pin_all(self->v, mem + VT_HUGE, VT_PAGE));
	ASSERT_EQ(0, vt_file_set(DROP_CACHES, 2));
	ASSERT_EQ(VT_HUGE, vt_backing(self->v));
	EXPECT_EQ(VT_HUGE, pinned(self->v));
	ASSERT_EQ(0, sweep(self->v, VT_SMALL));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, half));
	EXPECT_EQ(0, VT_ON_DEVICE(mem + VT_HUGE, few));
	/* The page that it went along with, and no other. */
	ASSERT_EQ(0, vsvm_unpin(self->v, mem + VT_HUGE, VT_PAGE, &self->p));
	EXPECT_EQ(0, self->p.pinned);
	EXPECT_EQ(0, vt_check(mem, half, SEED, 0));
	EXPECT_EQ(0, vt_check(mem + VT_HUGE, few, SEED, VT_HUGE));
}

/* Room for a huge page is not made in a pinned block, however few its pages. */
TEST_F_TIMEOUT(few, stay, VT_LONG)
{
	char *other = vt_map_filled(self->v, VT_VRAM, VT_LARGE, OTHER);
	size_t at;

	ASSERT_NE(NULL, other);
	for (at = 0; at < LEN; at += VT_HUGE)
		ASSERT_EQ(0, munmap(self->mem + at + VT_PAGE, VT_HUGE - VT_PAGE));
	ASSERT_EQ(0, pin_all(self->v, self->mem, VT_PAGE));
	ASSERT_EQ(0, pin_all(self->v, self->mem + VT_HUGE, VT_PAGE));
	ASSERT_EQ(0, vt_migrate(self->v, other, VT_VRAM, DRM_VSVM_TARGET_DEVICE, 0,
				&self->m));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_PAGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem + VT_HUGE, VT_PAGE));
	EXPECT_EQ(0, vt_check(other, VT_VRAM, OTHER, 0));
}

FIXTURE(coherent)
{
	struct vsvm *v;
	struct vt_module module;
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

/* A device that the CPU reaches: the CPU's touch does not end it. */
TEST_F_TIMEOUT(coherent, stays, VT_LONG)
{
	char *mem = vt_map_filled(self->v, LEN, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, LEN));
	ASSERT_EQ(0, pin_all(self->v, mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	EXPECT_EQ(LEN, pinned(self->v));
	ASSERT_EQ(0, sweep(self->v, VT_SMALL));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, LEN));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
}

TEST_HARNESS_MAIN
