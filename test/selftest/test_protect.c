// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect() in all directions, with entries in the device page table.
 *
 * The device loses at once what the mapping takes away, has again what the mapping
 * gives back, and the contents never change.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	151
#define OTHER	152
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(protect)
{
	struct vsvm *v;
	char *mem;
};

VT_PAGE_PLACES(protect);

FIXTURE_SETUP(protect)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    variant->on_device));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED, 0));
}

VT_TEARDOWN_CLOSE(protect)

/* Neither read nor write by the device, at both ends and in the middle. */
static int refused(struct vsvm *v, char *mem, size_t len, int read, int write)
{
	const size_t at[] = { 0, len / 2 + 3, len - 1 };
	size_t i;
	char byte;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		byte = 0x11;
		if (vsvm_read(v, mem + at[i], &byte, 1, NULL) != read)
			return 1;
		if (vsvm_write(v, mem + at[i], &byte, 1, NULL) != write)
			return 2;
	}
	return 0;
}

/* Read-only: the device reads and may not write; nothing changed. */
TEST_F(protect, to_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, 0, -EPERM));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Read-only and back: the device writes again, and the CPU sees it. */
TEST_F(protect, to_read_only_and_back)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* PROT_NONE: the device has nothing; given back, all is as it was. */
TEST_F(protect, to_none_and_back)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, -EFAULT, -EFAULT));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* From PROT_NONE to read-only to writable. */
TEST_F(protect, none_to_read_to_write)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, 0, -EPERM));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Executable memory is readable memory; it may not be written. */
TEST_F(protect, to_executable)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ | PROT_EXEC));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, 0, -EPERM));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* hmm wants the right to read for every access: write-only is no access. */
TEST_F(protect, to_write_only)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_WRITE));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, -EFAULT, -EFAULT));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Every third page another protection, across the 2M border. */
TEST_F(protect, stripes)
{
	size_t from = VT_HUGE - 24 * VT_PAGE, to = VT_HUGE + 24 * VT_PAGE, at;
	static const int prots[] = { RW, PROT_READ, PROT_NONE };
	static const int reads[] = { 0, 0, -EFAULT };
	static const int writes[] = { 0, -EPERM, -EFAULT };
	char *page;
	char byte;
	int i;

	for (at = from; at < to; at += VT_PAGE) {
		page = self->mem + at;
		i = at / VT_PAGE % 3;
		ASSERT_EQ(0, mprotect(page, VT_PAGE, prots[i]));
	}
	for (at = from; at < to; at += VT_PAGE) {
		page = self->mem + at;
		i = at / VT_PAGE % 3;
		ASSERT_EQ(reads[i], vsvm_read(self->v, page, &byte, 1, NULL));
		vt_fill(&byte, 1, SEED, at);
		ASSERT_EQ(writes[i], vsvm_write(self->v, page, &byte, 1, NULL));
	}
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

/* Read-only memory moves both ways and stays read-only. */
TEST_F(protect, read_only_moves)
{
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, 0, -EPERM));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	EXPECT_EQ(0, refused(self->v, self->mem, LEN, 0, -EPERM));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, OTHER, 0));
	EXPECT_EQ(0, vt_check(self->mem, LEN, OTHER, 0));
}

static int child_protects(struct vt_child *c, void *arg)
{
	char *mem = arg;

	if (mprotect(mem, LEN, PROT_READ) || mprotect(mem, LEN, RW))
		return 1;
	vt_fill(mem, LEN, OTHER, 0);
	vt_say(c);
	if (vt_hear(c))
		return 2;
	return vt_check(mem, LEN, OTHER, 0) ? 3 : 0;
}

/* Read-only and back does not make pages writable that a child shares. */
TEST_F(protect, shared_pages_stay_shared)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, child_protects, self->mem));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, LEN, SEED + 7, 0));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED + 7, 0));
}

static int child_touches(struct vt_child *c, void *arg)
{
	struct rlimit none = { 0, 0 };

	(void)c;
	setrlimit(RLIMIT_CORE, &none);
	*(volatile char *)arg = 1;
	return 0;
}

/* The CPU gets its SIGSEGV whether the page is on the device or not. */
TEST_F(protect, cpu_is_refused)
{
	char *at = self->mem + VT_HUGE / 2;

	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_READ));
	EXPECT_EQ(128 + SIGSEGV, vt_run(child_touches, at));
	ASSERT_EQ(0, mprotect(self->mem, LEN, PROT_NONE));
	EXPECT_EQ(128 + SIGSEGV, vt_run(child_touches, at));
	ASSERT_EQ(0, mprotect(self->mem, LEN, RW));
	EXPECT_EQ(0, vt_run(child_touches, at));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, LEN, SEED, 0));
}

TEST_HARNESS_MAIN
