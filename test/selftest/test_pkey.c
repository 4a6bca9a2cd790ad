// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection keys bind the thread, not the device.
 *
 * The device reads and writes memory whose key the calling thread may not use,
 * whatever kind of page is there. Only the buffer of the call itself is accessed by
 * the thread.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"

#define LEN	VT_HUGE
#define SOME	(16 * VT_PAGE)
#define SEED	411
#define OTHER	412
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(pkey)
{
	struct vsvm *v;
	char *mem;
	int key;
	struct vt_child sharer;
};

FIXTURE_VARIANT(pkey)
{
	enum vt_kind kind;
	bool on_device;
	bool shared;
	bool exclusive;
};

FIXTURE_VARIANT_ADD(pkey, system_4k)
{
	.kind = VT_SMALL,
};

FIXTURE_VARIANT_ADD(pkey, system_2m)
{
	.kind = VT_LARGE,
};

FIXTURE_VARIANT_ADD(pkey, device_4k)
{
	.kind = VT_SMALL,
	.on_device = true,
};

FIXTURE_VARIANT_ADD(pkey, device_2m)
{
	.kind = VT_LARGE,
	.on_device = true,
};

FIXTURE_VARIANT_ADD(pkey, shared_system)
{
	.kind = VT_SMALL,
	.shared = true,
};

/* A device write needs copy-on-write, which is the CPU's fault. */
FIXTURE_VARIANT_ADD(pkey, shared_device_4k)
{
	.kind = VT_SMALL,
	.on_device = true,
	.shared = true,
};

FIXTURE_VARIANT_ADD(pkey, shared_device_2m)
{
	.kind = VT_LARGE,
	.on_device = true,
	.shared = true,
};

FIXTURE_VARIANT_ADD(pkey, exclusive)
{
	.kind = VT_SMALL,
	.exclusive = true,
};

/* Has the pages too, and finds them as they were. */
static int share(struct vt_child *c, void *arg)
{
	if (vt_say(c) || vt_hear(c))
		return 9;
	return vt_check(arg, LEN, SEED, 0) ? 1 : 0;
}

FIXTURE_SETUP(pkey)
{
	self->key = pkey_alloc(0, 0);
	if (self->key < 0)
		SKIP(return, "no protection keys");
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
	ASSERT_EQ(0, pkey_mprotect(self->mem, LEN, RW, self->key));
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	if (variant->shared) {
		ASSERT_EQ(0, vt_start(&self->sharer, share, self->mem));
		ASSERT_EQ(0, vt_hear(&self->sharer));
	}
	if (variant->exclusive)
		ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
}

FIXTURE_TEARDOWN(pkey)
{
	if (self->v)
		vsvm_close(self->v);
}

/* The sharer's bytes are right, if there is one. */
static int sharer_is_fine(struct vt_child *sharer)
{
	if (!sharer->pid)
		return 0;
	return vt_say(sharer) || vt_wait(sharer);
}

/* The device writes what the thread may only read. */
TEST_F(pkey, writes)
{
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_WRITE));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, SOME, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, SOME, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem + SOME, LEN - SOME, SEED, SOME));
	EXPECT_EQ(0, sharer_is_fine(&self->sharer));
}

/* It reads and writes what the thread may not touch at all. */
TEST_F(pkey, reads_and_writes)
{
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_ACCESS));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, SOME, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, SOME, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, SOME, OTHER, 0));
	ASSERT_EQ(0, pkey_set(self->key, 0));
	EXPECT_EQ(0, vt_check(self->mem, SOME, OTHER, 0));
	EXPECT_EQ(0, sharer_is_fine(&self->sharer));
}

/* So are its atomic operations, and what takes the page from the CPU. */
TEST_F(pkey, atomics)
{
	uint64_t *word = (uint64_t *)(self->mem + 3 * VT_PAGE), old, was;

	/* By the device: a touch of the CPU's would migrate the page. */
	ASSERT_EQ(0, vsvm_read(self->v, word, &was, 8, NULL));
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_ACCESS));
	EXPECT_EQ(0, vsvm_atomic(self->v, word, 8, DRM_VSVM_ATOMIC_ADD, 5, 0,
				 &old));
	EXPECT_EQ(was, old);
	EXPECT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(0, pkey_set(self->key, 0));
	EXPECT_EQ(was + 5, *word);
	*word = was;
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, sharer_is_fine(&self->sharer));
}

/* It goes to the device and home without the thread's right to it. */
TEST_F(pkey, migrates)
{
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_ACCESS));
	EXPECT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, pkey_set(self->key, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, sharer_is_fine(&self->sharer));
}

/* The buffer of a call is the thread's: its keys bind it. */
TEST_F(pkey, buffer)
{
	char *own = vt_map_filled(self->v, LEN, VT_SMALL, OTHER);

	ASSERT_NE(NULL, own);
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_WRITE));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, own, self->mem, SOME, NULL));
	EXPECT_EQ(0, vsvm_write(self->v, own, self->mem, SOME, NULL));
	ASSERT_EQ(0, pkey_set(self->key, PKEY_DISABLE_ACCESS));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, own, self->mem, SOME, NULL));
	EXPECT_EQ(-EFAULT, vsvm_write(self->v, own, self->mem, SOME, NULL));
	ASSERT_EQ(0, pkey_set(self->key, 0));
	EXPECT_EQ(0, vt_check(own, SOME, SEED, 0));
	EXPECT_EQ(0, vt_check(own + SOME, LEN - SOME, OTHER, SOME));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, sharer_is_fine(&self->sharer));
}

TEST_HARNESS_MAIN
