// SPDX-License-Identifier: GPL-2.0-only
/*
 * ATOMIC and EXCLUSIVE: a device operation on a word is one step for CPU threads and
 * for other devices, wherever the page is.
 *
 * Each test adds up what all threads did, and the sum has to be exact.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define LEN	(2 * VT_HUGE)
#define SEED	181
#define ROUNDS	600

#define ADD	DRM_VSVM_ATOMIC_ADD
#define XCHG	DRM_VSVM_ATOMIC_XCHG
#define CAS	DRM_VSVM_ATOMIC_CAS

FIXTURE(atomic)
{
	struct vsvm *v;
	char *mem;
	char *word;
};

FIXTURE_VARIANT(atomic)
{
	enum vt_kind kind;
	bool on_device;
	unsigned int size;
};

#define VARIANT(name, k, dev, n)					\
FIXTURE_VARIANT_ADD(atomic, name)					\
{									\
	.kind = k,							\
	.on_device = dev,						\
	.size = n,							\
}

VARIANT(system_4k_u32, VT_SMALL, false, 4);
VARIANT(system_4k_u64, VT_SMALL, false, 8);
VARIANT(system_2m_u32, VT_LARGE, false, 4);
VARIANT(system_2m_u64, VT_LARGE, false, 8);
VARIANT(device_4k_u32, VT_SMALL, true, 4);
VARIANT(device_4k_u64, VT_SMALL, true, 8);
VARIANT(device_2m_u32, VT_LARGE, true, 4);
VARIANT(device_2m_u64, VT_LARGE, true, 8);

FIXTURE_SETUP(atomic)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
	self->word = self->mem + VT_HUGE + 5 * VT_PAGE + 16;
	memset(self->word, 0, 8);
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
}

VT_TEARDOWN_CLOSE(atomic)

static uint64_t get(const char *word, unsigned int size)
{
	return size == 4 ? __atomic_load_n((uint32_t *)word, __ATOMIC_RELAXED) :
			   __atomic_load_n((uint64_t *)word, __ATOMIC_RELAXED);
}

static uint64_t cpu_add(char *word, unsigned int size, uint64_t n)
{
	return size == 4 ?
	       __atomic_fetch_add((uint32_t *)word, n, __ATOMIC_RELAXED) :
	       __atomic_fetch_add((uint64_t *)word, n, __ATOMIC_RELAXED);
}

static uint64_t cpu_xchg(char *word, unsigned int size, uint64_t value)
{
	return size == 4 ?
	       __atomic_exchange_n((uint32_t *)word, value, __ATOMIC_RELAXED) :
	       __atomic_exchange_n((uint64_t *)word, value, __ATOMIC_RELAXED);
}

static bool cpu_cas(char *word, unsigned int size, uint64_t from, uint64_t to)
{
	uint32_t from4 = from;

	return size == 4 ?
	       __atomic_compare_exchange_n((uint32_t *)word, &from4, to, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED) :
	       __atomic_compare_exchange_n((uint64_t *)word, &from, to, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Everything but the word is as it was. */
static int rest_is_right(const char *mem, const char *word)
{
	size_t at = word - mem;

	return vt_check(mem, at, SEED, 0) ||
	       vt_check(mem + at + 8, LEN - at - 8, SEED, at + 8);
}

/* One thread: each operation gives the word before and leaves the right one. */
TEST_F(atomic, operations)
{
	uint64_t top = variant->size == 4 ? 0xffffffffULL : ~0ULL, old;
	unsigned int n = variant->size;
	char *w = self->word;

	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, ADD, 5, 0, &old));
	EXPECT_EQ(0, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, ADD, top, 0, &old));
	EXPECT_EQ(5, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, XCHG, top, 0, &old));
	EXPECT_EQ(4, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, ADD, 3, 0, &old));
	EXPECT_EQ(top, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, CAS, 77, 3, &old));
	EXPECT_EQ(2, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, CAS, 78, 2, &old));
	EXPECT_EQ(2, old);
	EXPECT_EQ(78, get(w, n));
	if (n == 4)
		EXPECT_EQ(0, get(w + 4, 4));
	EXPECT_EQ(0, rest_is_right(self->mem, w));
}

/* A device page stays on the device for it; the CPU sees the result. */
TEST_F(atomic, stays_in_its_place)
{
	uint32_t place = variant->on_device ? DRM_VSVM_PLACE_DEVICE :
					      DRM_VSVM_PLACE_SYSTEM;
	char *page = self->word - (uintptr_t)self->word % VT_PAGE;

	ASSERT_EQ(0, vsvm_atomic(self->v, self->word, variant->size, ADD, 9, 0,
				 NULL));
	EXPECT_EQ(0, vt_all_have(self->v, page, VT_PAGE, DRM_VSVM_STATE_PLACE,
				 place));
	EXPECT_EQ(9, get(self->word, variant->size));
}

/* A word at the very end of a page, and one in a page never touched. */
TEST_F(atomic, edges)
{
	char *fresh = vt_map(VT_HUGE, variant->kind), *w;
	unsigned int n = variant->size;
	uint64_t old, was = 0;

	ASSERT_NE(NULL, fresh);
	ASSERT_EQ(0, vsvm_atomic(self->v, fresh + VT_PAGE - n, n, ADD, 7, 0,
				 &old));
	EXPECT_EQ(0, old);
	EXPECT_EQ(7, get(fresh + VT_PAGE - n, n));
	w = self->mem + LEN - n;
	memcpy(&was, w, n);
	if (variant->on_device)
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, XCHG, 1, 0, &old));
	EXPECT_EQ(was, old);
	ASSERT_EQ(0, vsvm_atomic(self->v, w, n, XCHG, was, 0, &old));
	EXPECT_EQ(1, old);
	EXPECT_EQ(0, vt_check(self->mem + VT_HUGE + VT_HUGE / 2, VT_HUGE / 2,
			      SEED, VT_HUGE + VT_HUGE / 2));
}

/* What a thread of CPU or device does to the word. */
enum work {
	WORK_ADD,
	WORK_CAS,
	WORK_XCHG,
};

struct worker {
	pthread_t thread;
	struct vsvm *v;		/* NULL: the CPU */
	char *word;
	unsigned int size;
	enum work work;
	unsigned int first;	/* XCHG: first of its own ROUNDS values */
	uint64_t sum;		/* ADD, CAS: added; XCHG: values taken out */
	int err;
};

static bool *stop_of(char *word)
{
	static bool stop;

	(void)word;
	return &stop;
}

static int step(struct worker *w, unsigned int i)
{
	uint64_t old, add = i % 3 + 1;
	int ret = 0;

	switch (w->work) {
	case WORK_ADD:
		if (w->v)
			ret = vsvm_atomic(w->v, w->word, w->size, ADD, add, 0,
					  &old);
		else
			cpu_add(w->word, w->size, add);
		w->sum += add;
		break;
	case WORK_CAS:
		old = get(w->word, w->size);
		if (w->v) {
			uint64_t seen = 0;

			ret = vsvm_atomic(w->v, w->word, w->size, CAS, old + add,
					  old, &seen);
			if (!ret && seen == old)
				w->sum += add;
		} else if (cpu_cas(w->word, w->size, old, old + add)) {
			w->sum += add;
		}
		break;
	case WORK_XCHG:
		if (w->v)
			ret = vsvm_atomic(w->v, w->word, w->size, XCHG,
					  w->first + i, 0, &old);
		else
			old = cpu_xchg(w->word, w->size, w->first + i);
		w->sum += ret ? 0 : old;
		break;
	}
	return ret;
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS && !w->err; i++)
		w->err = step(w, i);
	return NULL;
}

/* Moves the page under the workers, both ways, until told to stop. */
struct mover {
	pthread_t thread;
	struct vsvm *v;
	char *mem;
	size_t len;
	int err;
};

static void *run_mover(void *arg)
{
	struct mover *m = arg;
	bool *stop = stop_of(m->mem);
	unsigned int i;

	for (i = 0; !__atomic_load_n(stop, __ATOMIC_ACQUIRE); i++) {
		m->err = vsvm_migrate(m->v, m->mem, m->len, i % 2 ?
				      DRM_VSVM_TARGET_SYSTEM :
				      DRM_VSVM_TARGET_DEVICE, 0, NULL);
		if (m->err)
			break;
		usleep(500);
	}
	return NULL;
}

/*
 * Two CPU threads and two device threads at one word. Returns what they added,
 * or for XCHG what they took out less what they put in; -1 on an error.
 */
static int64_t hammer(struct vsvm *a, struct vsvm *b, char *word,
		      unsigned int size, enum work work, struct mover *mover)
{
	struct worker w[4];
	int64_t sum = 0;
	int i, err = 0;

	memset(w, 0, sizeof(w));
	for (i = 0; i < 4; i++) {
		w[i].v = i == 0 ? a : i == 1 ? b : NULL;
		w[i].word = word;
		w[i].size = size;
		w[i].work = work;
		w[i].first = 1 + i * ROUNDS;
		if (VT_BAD(pthread_create(&w[i].thread, NULL, run_worker, &w[i])))
			return -1;
	}
	if (VT_BAD(mover && pthread_create(&mover->thread, NULL, run_mover, mover)))
		return -1;
	for (i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		err = err ?: w[i].err;
		sum += w[i].sum;
	}
	if (mover) {
		__atomic_store_n(stop_of(word), true, __ATOMIC_RELEASE);
		pthread_join(mover->thread, NULL);
		err = err ?: mover->err;
	}
	if (work == WORK_XCHG)
		for (i = 1; i <= 4 * ROUNDS; i++)
			sum -= i;
	if (err)
		fprintf(stderr, "# %s\n", strerror(-err));
	return err ? -1 : sum;
}

/* Adds by CPU and device: none is lost. */
TEST_F_TIMEOUT(atomic, add_count, VT_LONG)
{
	int64_t sum = hammer(self->v, self->v, self->word, variant->size,
			     WORK_ADD, NULL);

	EXPECT_EQ(sum, get(self->word, variant->size));
	EXPECT_EQ(4 * 2 * ROUNDS, sum);
	EXPECT_EQ(0, rest_is_right(self->mem, self->word));
}

/* Compare-and-swap by CPU and device: each success counts once. */
TEST_F_TIMEOUT(atomic, cas_count, VT_LONG)
{
	int64_t sum = hammer(self->v, self->v, self->word, variant->size,
			     WORK_CAS, NULL);

	EXPECT_LT(0, sum);
	EXPECT_EQ(sum, get(self->word, variant->size));
	EXPECT_EQ(0, rest_is_right(self->mem, self->word));
}

/* Exchange by CPU and device: each value comes out once, or is the last. */
TEST_F_TIMEOUT(atomic, xchg_count, VT_LONG)
{
	int64_t sum = hammer(self->v, self->v, self->word, variant->size,
			     WORK_XCHG, NULL);

	EXPECT_EQ(0, sum + (int64_t)get(self->word, variant->size));
	EXPECT_EQ(0, rest_is_right(self->mem, self->word));
}

/* Adds while the page wanders between system and device. */
TEST_F_TIMEOUT(atomic, add_count_while_moving, VT_LONG)
{
	struct mover mover = {
		.v = self->v,
		.mem = self->mem + VT_HUGE,
		.len = VT_HUGE,
	};
	int64_t sum = hammer(self->v, self->v, self->word, variant->size,
			     WORK_ADD, &mover);

	EXPECT_EQ(4 * 2 * ROUNDS, sum);
	EXPECT_EQ(sum, get(self->word, variant->size));
	EXPECT_EQ(0, rest_is_right(self->mem, self->word));
}

/* Adds by two devices and the CPU. */
TEST_F_TIMEOUT(atomic, add_count_of_two_devices, VT_LONG)
{
	struct vsvm *b;
	int64_t sum;

	ASSERT_EQ(0, vsvm_open(1, &b));
	sum = hammer(self->v, b, self->word, variant->size, WORK_ADD, NULL);
	EXPECT_EQ(4 * 2 * ROUNDS, sum);
	EXPECT_EQ(sum, get(self->word, variant->size));
	vsvm_close(b);
}

static int child_sees_its_own(struct vt_child *c, void *arg)
{
	char *word = arg;

	if (vt_hear(c))
		return 9;
	if (get(word, 8) != 0)
		return 1;
	cpu_add(word, 8, 100);
	vt_say(c);
	if (vt_hear(c))
		return 9;
	return get(word, 8) == 100 ? 0 : 2;
}

/* After fork() an ATOMIC copies the page; parent and child count apart. */
TEST_F(atomic, after_fork)
{
	struct vt_child c;
	uint64_t old;

	ASSERT_EQ(0, vt_start(&c, child_sees_its_own, self->word));
	ASSERT_EQ(0, vsvm_atomic(self->v, self->word, variant->size, ADD, 3, 0,
				 &old));
	EXPECT_EQ(0, old);
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vsvm_atomic(self->v, self->word, variant->size, ADD, 3, 0,
				 &old));
	EXPECT_EQ(3, old);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(6, get(self->word, variant->size));
	EXPECT_EQ(0, rest_is_right(self->mem, self->word));
}

/* A page that the device has alone is shared by fork() with its contents. */
TEST_F(atomic, fork_of_an_exclusive_page)
{
	struct vt_child c;

	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, LEN, NULL));
	ASSERT_EQ(0, vt_start(&c, child_sees_its_own, self->word));
	ASSERT_EQ(0, vsvm_atomic(self->v, self->word, variant->size, ADD, 4, 0,
				 NULL));
	ASSERT_EQ(0, vt_say(&c));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_EQ(4, get(self->word, variant->size));
}

/* The rights of the mapping count, and a refused ATOMIC changes nothing. */
TEST_F(atomic, rights)
{
	char *page = self->word - (uintptr_t)self->word % VT_PAGE;
	unsigned int n = variant->size;

	ASSERT_EQ(0, mprotect(page, VT_PAGE, PROT_READ));
	EXPECT_EQ(-EPERM, vsvm_atomic(self->v, self->word, n, ADD, 1, 0, NULL));
	ASSERT_EQ(0, mprotect(page, VT_PAGE, PROT_NONE));
	EXPECT_EQ(-EFAULT, vsvm_atomic(self->v, self->word, n, ADD, 1, 0, NULL));
	ASSERT_EQ(0, mprotect(page, VT_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, get(self->word, n));
	ASSERT_EQ(0, vsvm_atomic(self->v, self->word, n, ADD, 1, 0, NULL));
	EXPECT_EQ(1, get(self->word, n));
	ASSERT_EQ(0, munmap(page, VT_PAGE));
	EXPECT_EQ(-EFAULT, vsvm_atomic(self->v, self->word, n, ADD, 1, 0, NULL));
}

FIXTURE(exclusive)
{
	struct vsvm *v;
	char *mem;
	uint64_t done;
};

VT_PAGE_KINDS(exclusive);

FIXTURE_SETUP(exclusive)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, variant->kind, SEED,
				    false));
}

VT_TEARDOWN_CLOSE(exclusive)

#define ALONE	DRM_VSVM_STATE_EXCLUSIVE
#define SOME	(16 * VT_PAGE)

/* A CPU read takes a page back, and only that page; nothing is lost. */
TEST_F(exclusive, ends_with_a_cpu_access)
{
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, &self->done));
	EXPECT_EQ(SOME, self->done);
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, SOME, ALONE, ALONE));
	EXPECT_EQ(0, vt_check(self->mem, VT_PAGE, SEED, 0));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, VT_PAGE, ALONE, 0));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem + VT_PAGE, SOME - VT_PAGE,
				 ALONE, ALONE));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, SOME, ALONE, 0));
}

/* Device reads and writes of such a page are right; the CPU sees them. */
TEST_F(exclusive, device_reads_and_writes)
{
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, SOME, SEED + 1, 0));
	EXPECT_EQ(0, vt_check(self->mem, SOME, SEED + 1, 0));
	EXPECT_EQ(0, vt_check(self->mem + SOME, VT_HUGE - SOME, SEED, SOME));
}

/*
 * A buffer that is not there yet makes the access stop and go on; the pages
 * stay the device's alone meanwhile, and are not faulted again.
 */
TEST_F(exclusive, stays_while_a_buffer_is_faulted_in)
{
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)self->mem,
		.len = SOME,
	};
	void *fresh = vt_map(VT_HUGE, VT_SMALL);

	ASSERT_NE(NULL, fresh);
	rw.buf = (uintptr_t)fresh;
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_READ, &rw));
	EXPECT_EQ(0, rw.faults);
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, SOME, ALONE, ALONE));
	EXPECT_EQ(0, vt_check(fresh, SOME, SEED, 0));

	/* And with a source of zero pages that was never touched. */
	fresh = vt_map(VT_HUGE, VT_SMALL);
	ASSERT_NE(NULL, fresh);
	rw.buf = (uintptr_t)fresh;
	ASSERT_EQ(0, vt_ioctl(vsvm_fd(self->v), DRM_IOCTL_VSVM_WRITE, &rw));
	EXPECT_EQ(0, rw.faults);
	EXPECT_EQ(0, vt_all_have(self->v, self->mem, SOME, ALONE, ALONE));
	EXPECT_EQ(0, vt_check_byte(self->mem, SOME, 0));
}

/* A page on the device is the device's alone already. */
TEST_F(exclusive, device_pages)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, VT_HUGE, &self->done));
	EXPECT_EQ(VT_HUGE, self->done);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* Pages that the device has alone move to its memory and home. */
TEST_F(exclusive, migrates)
{
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_HUGE, SEED, 0));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, VT_HUGE));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* So do they where nothing else is in the range. */
TEST_F(exclusive, migrates_alone)
{
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, SOME));
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, SOME, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* mprotect(), mremap() and munmap() of pages that the device has alone. */
TEST_F(exclusive, mapping_changes)
{
	char *to = vt_map(SOME, VT_SMALL), byte = 0;

	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(0, mprotect(self->mem, SOME, PROT_READ));
	EXPECT_EQ(-EPERM, vsvm_write(self->v, self->mem, &byte, 1, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, SOME, SEED, 0));
	ASSERT_EQ(0, mprotect(self->mem, SOME, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, vsvm_exclusive(self->v, self->mem, SOME, NULL));
	ASSERT_EQ(to, mremap(self->mem, SOME, SOME,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, vt_dev_check(self->v, to, SOME, SEED, 0));
	EXPECT_EQ(0, vt_check(to, SOME, SEED, 0));
	ASSERT_EQ(0, vsvm_exclusive(self->v, to, SOME, NULL));
	ASSERT_EQ(0, munmap(to, SOME));
	EXPECT_EQ(-EFAULT, vsvm_read(self->v, to, &byte, 1, NULL));
}

/* The device may be the first to touch. */
TEST_F(exclusive, untouched)
{
	char *mem = vt_map(VT_HUGE, variant->kind);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_exclusive(self->v, mem, SOME, &self->done));
	EXPECT_EQ(SOME, self->done);
	EXPECT_EQ(0, vt_check_byte(mem, VT_HUGE, 0));
}

/* Closing the file gives the pages back to the CPU. */
TEST_F(exclusive, closes)
{
	struct vsvm *v;

	ASSERT_EQ(0, vsvm_open(0, &v));
	ASSERT_EQ(0, vsvm_exclusive(v, self->mem, SOME, NULL));
	vsvm_close(v);
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* It stops where the right to write ends, and says how far it came. */
TEST_F(exclusive, stops_at_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem + 4 * VT_PAGE, VT_PAGE, PROT_READ));
	EXPECT_EQ(-EPERM, vsvm_exclusive(self->v, self->mem, SOME, &self->done));
	EXPECT_EQ(4 * VT_PAGE, self->done);
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* It stops at a hole. */
TEST_F(exclusive, stops_at_a_hole)
{
	ASSERT_EQ(0, munmap(self->mem + 4 * VT_PAGE, VT_PAGE));
	EXPECT_EQ(-EFAULT, vsvm_exclusive(self->v, self->mem, SOME, &self->done));
	EXPECT_EQ(4 * VT_PAGE, self->done);
	EXPECT_EQ(0, vt_check(self->mem, 4 * VT_PAGE, SEED, 0));
}

/* Core mm gives shared memory to no device alone; it stays usable by both. */
TEST_F(exclusive, refuses_shared_memory)
{
	char *mem = mmap(NULL, SOME, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	vt_fill(mem, SOME, SEED, 0);
	EXPECT_EQ(-EOPNOTSUPP, vsvm_exclusive(self->v, mem, SOME, &self->done));
	EXPECT_EQ(0, self->done);
	EXPECT_EQ(-EOPNOTSUPP, vsvm_atomic(self->v, mem, 8, ADD, 1, 0, NULL));
	EXPECT_EQ(0, vt_dev_check(self->v, mem, SOME, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, SOME, SEED, 0));
}

TEST_HARNESS_MAIN
