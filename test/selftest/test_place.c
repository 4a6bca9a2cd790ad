// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory moves when the device lacks it, as advice says: how much of it, what stays, and
 * which accesses are refused.
 */
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_events.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define LEN	VT_HUGE
#define SEED	51
#define PIECE	(64UL << 10)
#define PIECES	(VT_HUGE / PIECE)
#define THRASH_TURNS	"/sys/module/vsvm/parameters/thrash_turns"
#define ON_FAULT	"/sys/module/vsvm/parameters/on_fault"

#define LOCATION	DRM_VSVM_ADVISE_LOCATION
#define MAY		DRM_VSVM_ADVISE_MAY
#define ATOMICS		DRM_VSVM_ADVISE_ATOMICS
#define FAULTS		DRM_VSVM_ADVISE_ON_FAULT
#define GRANULE		DRM_VSVM_ADVISE_GRANULARITY

static const struct drm_vsvm_advice here = {
	.location = DRM_VSVM_LOCATION_HERE,
};

static const struct drm_vsvm_advice migrates = {
	.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
};

/* How the device accesses a byte that it lacks. */
enum how {
	READ,
	WRITE,
	PREAD,
	JOB_COPY,
	JOB_FILL,
};

FIXTURE(place)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
	char *own;	/* of which nothing is said */
};

FIXTURE_VARIANT(place)
{
	enum how how;
};

FIXTURE_VARIANT_ADD(place, read)
{
	.how = READ,
};

FIXTURE_VARIANT_ADD(place, write)
{
	.how = WRITE,
};

FIXTURE_VARIANT_ADD(place, pread)
{
	.how = PREAD,
};

FIXTURE_VARIANT_ADD(place, copy)
{
	.how = JOB_COPY,
};

FIXTURE_VARIANT_ADD(place, fill)
{
	.how = JOB_FILL,
};

FIXTURE_SETUP(place)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    false));
	self->own = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->own);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
}

VT_TEARDOWN_CLOSE(place)

/* Access @len bytes: 0 or a negative errno. What is written was there before. */
static int access_bytes(struct vsvm *v, struct vt_queue *q, char *own, char *at,
			size_t len, enum how how)
{
	unsigned char byte = *(volatile unsigned char *)at;
	struct drm_vsvm_queue_status s;
	ssize_t n;

	switch (how) {
	case READ:
		return vsvm_read(v, at, own, len, NULL);
	case WRITE:
		return vsvm_write(v, at, &byte, 1, NULL);
	case PREAD:
		n = pread(vsvm_fd(v), own, len, (uintptr_t)at);
		return n < 0 ? -errno : 0;
	case JOB_COPY:
		if (!vt_do_one(q, vsvm_cmd_copy(own, at, len)))
			return 0;
		break;
	case JOB_FILL:
		if (!vt_do_one(q, vsvm_cmd_fill(at, len, byte, 1)))
			return 0;
		break;
	}
	return vt_queue_status(q, &s) ? -1 : -(int)s.error;
}

#define ACCESS(at)	access_bytes(self->v, &self->q, self->own, at, 1, variant->how)

/* Bytes of the memory that are on the device. */
#define HERE()	vt_bytes_in(self->v, self->mem, LEN, DRM_VSVM_PLACE_DEVICE)

/* 0 when these pages are on the device, and no other of the memory. */
static int only_here(struct vsvm *v, char *mem, size_t from, size_t to)
{
	if (VT_BAD(vt_all_in(v, mem + from, to - from, DRM_VSVM_PLACE_DEVICE,
			     VT_ANY_ORDER)) ||
	    VT_BAD(vt_bytes_in(v, mem, LEN, DRM_VSVM_PLACE_DEVICE) !=
		   (long)(to - from)))
		return -1;
	return 0;
}

TEST_F(place, without_advice_it_stays)
{
	EXPECT_EQ(0, ACCESS(self->mem + 100));
	EXPECT_EQ(0, HERE());
}

/* A piece of 64 KiB around the byte, and the bytes are right. */
TEST_F(place, a_piece_moves)
{
	char *at = self->mem + 5 * PIECE + 12345;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	EXPECT_EQ(0, HERE());
	ASSERT_EQ(0, ACCESS(at));
	EXPECT_EQ(0, only_here(self->v, self->mem, 5 * PIECE, 6 * PIECE));
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem + 5 * PIECE, PIECE, SEED,
				  5 * PIECE));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

TEST_F(place, by_default_of_the_file)
{
	struct drm_vsvm_advice stay = {
		.on_fault = DRM_VSVM_ON_FAULT_IN_PLACE,
	};

	ASSERT_EQ(0, vsvm_advise_file(self->v, FAULTS, &migrates));
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, PIECE, FAULTS, &stay));
	ASSERT_EQ(0, ACCESS(self->mem));
	EXPECT_EQ(0, HERE());
	ASSERT_EQ(0, ACCESS(self->mem + PIECE));
	EXPECT_EQ(0, only_here(self->v, self->mem, PIECE, 2 * PIECE));
}

/* After some accesses in place, each piece on its own. */
TEST_F(place, counted)
{
	struct drm_vsvm_advice advice = {
		.on_fault = DRM_VSVM_ON_FAULT_COUNTED,
		.count = 5,
	};
	unsigned int i;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, FAULTS, &advice));
	for (i = 0; i < advice.count; i++) {
		ASSERT_EQ(0, ACCESS(self->mem + 3 * PIECE + i * VT_PAGE));
		ASSERT_EQ(0, ACCESS(self->mem + 9 * PIECE));
		EXPECT_EQ(0, HERE());
	}
	ASSERT_EQ(0, ACCESS(self->mem + 3 * PIECE));
	EXPECT_EQ(0, only_here(self->v, self->mem, 3 * PIECE, 4 * PIECE));
	/* Home, and again. */
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	for (i = 0; i < advice.count; i++) {
		ASSERT_EQ(0, ACCESS(self->mem + 3 * PIECE));
		EXPECT_EQ(0, HERE());
	}
	ASSERT_EQ(0, ACCESS(self->mem + 3 * PIECE));
	EXPECT_EQ((long)PIECE, HERE());
	ASSERT_EQ(0, ACCESS(self->mem + 9 * PIECE));
	EXPECT_EQ((long)(2 * PIECE), HERE());
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* More pieces than can be counted: they stay where they are, and can be used. */
TEST(counted_are_few)
{
	struct drm_vsvm_advice advice = {
		.on_fault = DRM_VSVM_ON_FAULT_COUNTED,
		.count = 2,
	};
	unsigned int i, pieces = 4 * VT_HUGE / PIECE;
	struct vsvm *v;
	char *mem, byte;

	ASSERT_EQ(0, vt_open_filled(&v, &mem, 4 * VT_HUGE, VT_SMALL, SEED, false));
	ASSERT_EQ(0, vsvm_advise(v, mem, 4 * VT_HUGE, FAULTS, &advice));
	for (i = 0; i < 4 * pieces; i++) {
		ASSERT_EQ(0, vsvm_read(v, mem + i % pieces * PIECE, &byte, 1,
				       NULL));
		ASSERT_EQ(mem[i % pieces * PIECE], byte);
	}
	EXPECT_EQ(0, vt_bytes_in(v, mem, 4 * VT_HUGE, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_dev_check(v, mem, 4 * VT_HUGE, SEED, 0));
	vsvm_close(v);
}

/* The module's parameter, while it runs. */
TEST_F(place, by_default_of_the_module)
{
	int moved;

	ASSERT_EQ(0, vt_file_write(ON_FAULT, "migrate"));
	moved = ACCESS(self->mem);
	ASSERT_EQ(0, vt_file_write(ON_FAULT, "in-place"));
	EXPECT_EQ(0, moved);
	EXPECT_EQ(0, only_here(self->v, self->mem, 0, PIECE));
	EXPECT_NE(0, vt_file_write(ON_FAULT, "sideways"));
	EXPECT_NE(0, vt_file_write(ON_FAULT, "\n"));
}

TEST_F(place, locations_that_keep_it)
{
	struct drm_vsvm_advice advice = {
		.location = DRM_VSVM_LOCATION_SYSTEM,
		.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
	};

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION | FAULTS,
				 &advice));
	ASSERT_EQ(0, ACCESS(self->mem));
	advice.location = DRM_VSVM_LOCATION_DEVICE;
	advice.device = 1;
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION | FAULTS,
				 &advice));
	ASSERT_EQ(0, ACCESS(self->mem));
	advice = here;
	advice.may = DRM_VSVM_MAY_USE;
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION | MAY,
				 &advice));
	ASSERT_EQ(0, ACCESS(self->mem));
	EXPECT_EQ(0, HERE());
	advice.may = DRM_VSVM_MAY_MOVE;
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION | MAY,
				 &advice));
	ASSERT_EQ(0, ACCESS(self->mem));
	EXPECT_EQ(0, only_here(self->v, self->mem, 0, PIECE));
}

TEST_F(place, granularity)
{
	static const size_t sizes[] = { VT_PAGE, 4 * PIECE, VT_HUGE };
	struct drm_vsvm_advice advice = here;
	size_t at = 9 * PIECE + 3 * VT_PAGE, from;
	unsigned int i;

	for (i = 0; i < VT_COUNT(sizes); i++) {
		advice.granularity = sizes[i];
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN,
					 LOCATION | GRANULE, &advice));
		ASSERT_EQ(0, ACCESS(self->mem + at));
		from = at / sizes[i] * sizes[i];
		EXPECT_EQ(0, only_here(self->v, self->mem, from,
				       from + sizes[i]));
		ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	}
}

/* More than half of an aligned part: the rest of it comes, too. In order: */
TEST_F(place, grows_by_density)
{
	static const struct {
		unsigned int touch;
		unsigned int then;
	} in_order[] = {
		{ 0, 1 }, { 1, 2 }, { 2, 4 }, { 4, 8 }, { 8, 16 }, { 16, 32 },
	};
	unsigned int i;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	for (i = 0; i < VT_COUNT(in_order); i++) {
		ASSERT_EQ(0, ACCESS(self->mem + in_order[i].touch * PIECE));
		EXPECT_EQ(0, only_here(self->v, self->mem, 0,
				       in_order[i].then * PIECE));
	}
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Half is not more than half, and what is far apart does not grow. */
TEST_F(place, sparse_does_not_grow)
{
	unsigned int i;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	for (i = 0; i < PIECES; i += 2) {
		ASSERT_EQ(0, ACCESS(self->mem + i * PIECE));
		EXPECT_EQ((long)((i / 2 + 1) * PIECE), HERE());
	}
}

/* Not over the end of the advice, nor over that of the mapping. */
TEST_F(place, stays_within)
{
	struct drm_vsvm_advice advice = here;

	advice.granularity = VT_HUGE;
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem + 3 * VT_PAGE, PIECE,
				 LOCATION | GRANULE, &advice));
	ASSERT_EQ(0, ACCESS(self->mem + 8 * VT_PAGE));
	EXPECT_EQ(0, only_here(self->v, self->mem, 3 * VT_PAGE,
			       3 * VT_PAGE + PIECE));
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));

	/* A mapping of its own, because it may be executed. */
	ASSERT_EQ(0, mprotect(self->mem + PIECE, PIECE,
			      PROT_READ | PROT_WRITE | PROT_EXEC));
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION | GRANULE,
				 &advice));
	ASSERT_EQ(0, ACCESS(self->mem + PIECE));
	EXPECT_EQ(0, only_here(self->v, self->mem, PIECE, 2 * PIECE));
}

/* The device may not: at once, also what it has in its table, and not for ever. */
TEST_F(place, may_not)
{
	struct drm_vsvm_advice advice = { .may = DRM_VSVM_MAY_NOT };
	struct drm_vsvm_queue_status s;
	char *at = self->mem + 2 * VT_PAGE;

	ASSERT_EQ(0, ACCESS(at));
	ASSERT_EQ(0, vsvm_advise(self->v, at, VT_PAGE, MAY, &advice));
	ASSERT_EQ(-EACCES, ACCESS(at));
	if (variant->how == JOB_COPY || variant->how == JOB_FILL) {
		ASSERT_EQ(0, vt_queue_status(&self->q, &s));
		EXPECT_EQ((uintptr_t)at, s.addr);
		EXPECT_EQ(EACCES, s.error);
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, self->q.id));
		ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
	}
	EXPECT_EQ(0, ACCESS(at - 1));
	EXPECT_EQ(0, ACCESS(at + VT_PAGE));
	advice.may = DRM_VSVM_MAY_DEFAULT;
	ASSERT_EQ(0, vsvm_advise(self->v, at, VT_PAGE, MAY, &advice));
	EXPECT_EQ(0, ACCESS(at));
}

/* Memory that cannot move is used where it is. */
TEST_F(place, of_a_file_it_stays)
{
	char *shared = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, shared);
	vt_fill(shared, PIECE, SEED, 0);
	ASSERT_EQ(0, vsvm_advise(self->v, shared, PIECE, LOCATION, &here));
	ASSERT_EQ(0, ACCESS(shared));
	EXPECT_EQ(0, VT_IN_SYSTEM(shared, PIECE));
	EXPECT_EQ(0, vt_check(shared, PIECE, SEED, 0));
}

/* Memory that does not move does not thrash, however often the device lacks it. */
TEST_F(place, what_stays_does_not_thrash)
{
	char *shared = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t mask = 1 << DRM_VSVM_EVENT_THRASH_BEGIN;
	int i, fd = vt_stream(self->v, mask, 8);

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, shared);
	vt_fill(shared, PIECE, SEED, 0);
	ASSERT_EQ(0, vsvm_advise(self->v, shared, PIECE, LOCATION, &here));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, ACCESS(shared + i * VT_PAGE));
	EXPECT_EQ(0, vt_no_next(fd));
	close(fd);
}

/* A device that writes untouched memory gets it there; one that reads gets nothing. */
TEST_F(place, untouched)
{
	bool writes = variant->how == WRITE || variant->how == JOB_FILL;
	char *mem = vt_map(LEN, VT_SMALL), byte = 0;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, LEN, LOCATION, &here));
	if (variant->how == WRITE) {
		ASSERT_EQ(0, vsvm_write(self->v, mem + PIECE, &byte, 1, NULL));
	} else if (variant->how == JOB_FILL) {
		ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_fill(mem + PIECE, 1,
							       0, 1)));
	} else if (variant->how == JOB_COPY) {
		ASSERT_EQ(0, vt_copy(&self->q, self->own, mem + PIECE, 1));
	} else {
		ASSERT_EQ(0, vsvm_read(self->v, mem + PIECE, &byte, 1, NULL));
	}
	EXPECT_EQ(writes ? (long)PIECE : 0,
		  vt_bytes_in(self->v, mem, LEN, DRM_VSVM_PLACE_DEVICE));
	EXPECT_EQ(0, vt_dev_check_byte(self->v, mem, LEN, 0));
}

/* What an access is going to use moves in one go. */
TEST_F(place, a_long_access)
{
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	self->own = vt_map(LEN, VT_SMALL);
	ASSERT_NE(NULL, self->own);
	vt_fill(self->own, LEN, 0, 0);
	ASSERT_EQ(0, access_bytes(self->v, &self->q, self->own, self->mem + 5,
				  3 * PIECE, variant->how == WRITE ? READ :
				  variant->how));
	EXPECT_EQ(0, only_here(self->v, self->mem, 0, 4 * PIECE));
}

/* The buffer of a call may be in the piece that moves: it is copied all the same. */
TEST_F(place, within_a_piece)
{
	char *from = self->mem + 100, *to = self->mem + 5 * VT_PAGE + 1, was[64];
	size_t len = sizeof(was);
	int ret;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	memcpy(was, from, len);
	/* What comes and goes would be used in place soon. */
	ASSERT_EQ(0, vt_file_set(THRASH_TURNS, 0));
	if (variant->how == READ)
		ret = vsvm_read(self->v, from, to, len, NULL);
	else if (variant->how == WRITE)
		ret = vsvm_write(self->v, to, from, len, NULL);
	else if (variant->how == PREAD)
		ret = len - pread(vsvm_fd(self->v), to, len, (uintptr_t)from);
	else
		ret = vt_copy(&self->q, to, from, len);
	ASSERT_EQ(0, vt_file_set(THRASH_TURNS, 3));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, memcmp(to, was, len));
}

FIXTURE(words)
{
	struct vsvm *v;
	struct vt_queue q;
	char *mem;
	uint64_t *word;
};

FIXTURE_SETUP(words)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, VT_SMALL, SEED,
				    false));
	self->word = (uint64_t *)(self->mem + 3 * PIECE);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
}

VT_TEARDOWN_CLOSE(words)

static int add(struct vsvm *v, uint64_t *word)
{
	return vsvm_atomic(v, word, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
}

TEST_F(words, atomics_in_system)
{
	struct drm_vsvm_advice advice = here;
	uint64_t was = *self->word;

	/* They do not move it, though other accesses would. */
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &advice));
	ASSERT_EQ(0, add(self->v, self->word));
	EXPECT_EQ(0, HERE());
	EXPECT_EQ(was + 1, *self->word);
}

TEST_F(words, atomics_on_the_device)
{
	struct drm_vsvm_advice advice = { .atomics = DRM_VSVM_ATOMICS_DEVICE };
	uint64_t was = *self->word;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, ATOMICS, &advice));
	ASSERT_EQ(0, vsvm_read(self->v, self->word, &was, 8, NULL));
	EXPECT_EQ(0, HERE());
	ASSERT_EQ(0, add(self->v, self->word));
	EXPECT_EQ(0, only_here(self->v, self->mem, 3 * PIECE, 4 * PIECE));
	EXPECT_EQ(was + 1, *self->word);
	/* A job's, too. */
	ASSERT_EQ(0, vt_to_system(self->v, self->mem, LEN));
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_atomic(self->word, 8,
							 DRM_VSVM_ATOMIC_ADD,
							 1, 0, NULL)));
	EXPECT_EQ(0, only_here(self->v, self->mem, 3 * PIECE, 4 * PIECE));
	EXPECT_EQ(was + 2, *self->word);
}

/* Only CPUs: wherever the word is, and whatever the device did with it before. */
TEST_F(words, atomics_of_cpus_only)
{
	struct drm_vsvm_advice advice = { .atomics = DRM_VSVM_ATOMICS_CPU };
	uint64_t was = *self->word, done, value;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, add(self->v, self->word));
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, ATOMICS,
					 &advice));
		EXPECT_EQ(-EACCES, add(self->v, self->word));
		EXPECT_EQ(-EACCES, vsvm_exclusive(self->v, self->mem, VT_PAGE,
						  &done));
		/* Writing is no atomic operation, and leaves no way around. */
		ASSERT_EQ(0, vsvm_read(self->v, self->word, &value, 8, NULL));
		ASSERT_EQ(0, vsvm_write(self->v, self->word, &value, 8, NULL));
		EXPECT_EQ(-EACCES, add(self->v, self->word));
		EXPECT_EQ(was + i + 1, value);
		memset(&advice, 0, sizeof(advice));
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, ATOMICS,
					 &advice));
		advice.atomics = DRM_VSVM_ATOMICS_CPU;
		ASSERT_EQ(0, vt_to_device(self->v, self->mem, LEN));
	}
}

TEST_F(words, a_job_loses_its_queue_by_one)
{
	struct drm_vsvm_advice advice = { .atomics = DRM_VSVM_ATOMICS_CPU };
	struct drm_vsvm_queue_status s;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, ATOMICS, &advice));
	EXPECT_NE(0, vt_do_one(&self->q, vsvm_cmd_atomic(self->word, 8,
							 DRM_VSVM_ATOMIC_ADD,
							 1, 0, NULL)));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(DRM_VSVM_QUEUE_LOST, s.state);
	EXPECT_EQ(EACCES, s.error);
	EXPECT_EQ(DRM_VSVM_ACCESS_ATOMIC, s.access);
	EXPECT_EQ((uintptr_t)self->word, s.addr);
}

/* A fence is for the CPU to look at. */
TEST_F(words, fences_stay)
{
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, LEN, LOCATION, &here));
	*self->word = 0;
	ASSERT_EQ(0, vt_signal(&self->q, self->word, 5));
	ASSERT_EQ(0, vt_wait_word(&self->q, self->word, 5));
	EXPECT_EQ(0, HERE());
}

/* What the CPU maps by one entry is not split for a piece. */
TEST(huge_pages_move_whole)
{
	struct drm_vsvm_info info;
	struct vsvm *v;
	char *mem, byte;

	ASSERT_EQ(0, vt_open_filled(&v, &mem, LEN, VT_LARGE, SEED, false));
	ASSERT_EQ(0, vsvm_advise(v, mem, LEN, LOCATION, &here));
	ASSERT_EQ(0, vsvm_read(v, mem + 7 * PIECE, &byte, 1, NULL));
	ASSERT_EQ(0, vsvm_info(v, &info));
	EXPECT_EQ(0, vt_all_in(v, mem, LEN, DRM_VSVM_PLACE_DEVICE,
			       info.huge_size ? VT_HUGE_ORDER : 0));
	EXPECT_EQ(0, vt_dev_check(v, mem, LEN, SEED, 0));
	vsvm_close(v);
}

/* Memory on another device: only advice that it should be here takes it from there. */
TEST(from_a_peer)
{
	struct vsvm *v, *peer;
	char *mem, byte;

	ASSERT_EQ(0, vt_open_filled(&v, &mem, LEN, VT_SMALL, SEED, false));
	ASSERT_EQ(0, vsvm_open(1, &peer));
	ASSERT_EQ(0, vt_to_device(peer, mem, LEN));
	ASSERT_EQ(0, vsvm_advise(v, mem, LEN, FAULTS, &migrates));
	ASSERT_EQ(0, vsvm_read(v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, vt_all_in(v, mem, LEN, DRM_VSVM_PLACE_PEER, VT_ANY_ORDER));
	ASSERT_EQ(0, vsvm_advise(v, mem, LEN, LOCATION, &here));
	ASSERT_EQ(0, vsvm_read(v, mem, &byte, 1, NULL));
	EXPECT_EQ(0, only_here(v, mem, 0, PIECE));
	EXPECT_EQ(0, vt_dev_check(v, mem, LEN, SEED, 0));
	EXPECT_EQ(0, vt_check(mem, LEN, SEED, 0));
	vsvm_close(peer);
	vsvm_close(v);
}

FIXTURE(full)
{
	struct vsvm *v;
	char *mem;
	struct vt_module module;
};

FIXTURE_SETUP(full)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_VRAM + VT_HUGE,
				    VT_SMALL, SEED, false));
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, VT_VRAM + VT_HUGE,
				 LOCATION, &here));
}

VT_TEARDOWN_RESTORE(full)

/* On a full device, too, untouched memory that it writes gets room, beside what is there. */
TEST_F_TIMEOUT(full, untouched_beside, VT_LONG)
{
	char *mem = vt_map(LEN, VT_SMALL), byte = 1;
	char *other = vt_map_filled(self->v, 2 * VT_VRAM, VT_SMALL, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, vsvm_advise(self->v, mem, LEN, LOCATION, &here));
	ASSERT_EQ(0, vsvm_write(self->v, mem, &byte, 1, NULL));
	/* The rest of the block, and all others; the first block is in use. */
	ASSERT_EQ(0, vt_to_device(self->v, other, VT_VRAM - PIECE));
	ASSERT_EQ(0, vsvm_write(self->v, mem, &byte, 1, NULL));
	ASSERT_EQ(0, VT_ON_DEVICE(mem, PIECE));
	ASSERT_EQ(0, vsvm_write(self->v, mem + PIECE, &byte, 1, NULL));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, 2 * PIECE));
}

/* What the device uses makes room, as MIGRATE does. A guess does not. */
TEST_F(full, no_page_leaves_for_a_guess)
{
	char *last = self->mem + VT_VRAM, byte;
	long before, after;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_VRAM));
	/* One block leaves, and its room goes to others but three pieces. */
	ASSERT_EQ(0, vsvm_read(self->v, last, &byte, 1, NULL));
	ASSERT_EQ(0, vt_all_in(self->v, last, PIECE, DRM_VSVM_PLACE_DEVICE, 0));
	before = vt_bytes_in(self->v, self->mem, VT_VRAM,
			     DRM_VSVM_PLACE_DEVICE);
	EXPECT_EQ((long)(VT_VRAM - VT_HUGE), before);
	ASSERT_EQ(0, vsvm_read(self->v, last + PIECE, &byte, 1, NULL));
	ASSERT_EQ(0, vsvm_read(self->v, last + 2 * PIECE, &byte, 1, NULL));
	EXPECT_EQ(0, vt_all_in(self->v, last, 4 * PIECE, DRM_VSVM_PLACE_DEVICE,
			       0));
	after = vt_bytes_in(self->v, self->mem, VT_VRAM, DRM_VSVM_PLACE_DEVICE);
	EXPECT_EQ(before, after);
	EXPECT_EQ(0, vt_dev_check(self->v, self->mem, VT_VRAM + VT_HUGE, SEED,
				  0));
}

TEST_HARNESS_MAIN
