// SPDX-License-Identifier: GPL-2.0-only
/*
 * MIGRATE and PREFETCH to where advice says: what moves, what is left, and how far a
 * PREFETCH is.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_queue.h"

#define PARTS	5
#define LEN	(PARTS * VT_HUGE)
#define SEED	71
#define ADVISED	DRM_VSVM_TARGET_ADVISED

#define LOCATION	DRM_VSVM_ADVISE_LOCATION

/* The parts of the memory: what is said of each, and where it is at first. */
enum part {
	HERE,		/* should be here, in system memory */
	SYSTEM,		/* should be in system memory, here */
	NOWHERE,	/* nothing is said, here */
	UNTOLD,		/* nothing is said, in system memory */
	ELSEWHERE,	/* should be on the other device, here */
};

FIXTURE(advised)
{
	struct vsvm *v;
	struct vsvm *other;
	struct vt_queue q;
	char *mem;
	struct drm_vsvm_migrate m;
};

VT_PAGE_KINDS(advised);

static char *part(char *mem, enum part p)
{
	return mem + p * VT_HUGE;
}

static int advise(struct vsvm *v, char *mem, uint32_t location, uint32_t device)
{
	const struct drm_vsvm_advice advice = {
		.location = location,
		.device = device,
	};

	return vsvm_advise(v, mem, VT_HUGE, LOCATION, &advice);
}

FIXTURE_SETUP(advised)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, LEN, variant->kind, SEED,
				    false));
	ASSERT_EQ(0, vsvm_open(1, &self->other));
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 8));
	ASSERT_EQ(0, vt_to_device(self->v, part(self->mem, SYSTEM), 2 * VT_HUGE));
	ASSERT_EQ(0, vt_to_device(self->v, part(self->mem, ELSEWHERE), VT_HUGE));
	ASSERT_EQ(0, advise(self->v, part(self->mem, HERE), DRM_VSVM_LOCATION_HERE, 0));
	ASSERT_EQ(0, advise(self->v, part(self->mem, SYSTEM),
			    DRM_VSVM_LOCATION_SYSTEM, 0));
	ASSERT_EQ(0, advise(self->v, part(self->mem, ELSEWHERE),
			    DRM_VSVM_LOCATION_DEVICE, 1));
}

FIXTURE_TEARDOWN(advised)
{
	vsvm_close(self->other);
	vsvm_close(self->v);
}

/* 0 when each part is where it should be, with its bytes. */
static int is_in_place(struct vsvm *v, char *mem)
{
	static const uint32_t want[] = {
		[HERE] = DRM_VSVM_PLACE_DEVICE,
		[SYSTEM] = DRM_VSVM_PLACE_SYSTEM,
		[NOWHERE] = DRM_VSVM_PLACE_DEVICE,
		[UNTOLD] = DRM_VSVM_PLACE_SYSTEM,
		[ELSEWHERE] = DRM_VSVM_PLACE_DEVICE,
	};
	unsigned int i;

	for (i = 0; i < PARTS; i++)
		if (vt_all_in(v, part(mem, i), VT_HUGE, want[i], VT_ANY_ORDER))
			return vt_wrong("part %u is not where it should be", i);
	return vt_check(mem, LEN, SEED, 0);
}

TEST_F(advised, migrate)
{
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, ADVISED, 0, &self->m));
	EXPECT_EQ(2 * VT_HUGE, self->m.moved);
	EXPECT_EQ(3 * VT_HUGE, self->m.there);
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, ADVISED, 0, &self->m));
	EXPECT_EQ(0, self->m.moved);
	EXPECT_EQ(LEN, self->m.there);
	EXPECT_EQ(0, is_in_place(self->v, self->mem));
}

/* From the middle of one part to the middle of the next but one. */
TEST_F(advised, migrate_across)
{
	char *from = self->mem + VT_HUGE / 2;

	ASSERT_EQ(0, vt_migrate(self->v, from, 2 * VT_HUGE, ADVISED, 0, &self->m));
	EXPECT_EQ(VT_HUGE / 2 + VT_HUGE, self->m.moved);
	EXPECT_EQ(VT_HUGE / 2, self->m.there);
	EXPECT_EQ(0, vt_all_in(self->v, self->mem, VT_HUGE / 2, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_all_in(self->v, from, VT_HUGE / 2, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

TEST_F(advised, prefetch)
{
	struct drm_vsvm_queue_status s;

	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_prefetch(self->mem, LEN, ADVISED)));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(LEN, s.prefetched);
	EXPECT_EQ(2 * VT_HUGE, s.moved);
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_prefetch(self->mem, LEN, ADVISED)));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(2 * LEN, s.prefetched);
	EXPECT_EQ(2 * VT_HUGE, s.moved);
	EXPECT_EQ(0, is_in_place(self->v, self->mem));
}

/* Advice of the file holds where nothing is said of the range. */
TEST_F(advised, by_the_file)
{
	const struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };

	ASSERT_EQ(0, vsvm_advise_file(self->v, LOCATION, &here));
	ASSERT_EQ(0, vt_migrate(self->v, self->mem, LEN, ADVISED, 0, &self->m));
	EXPECT_EQ(3 * VT_HUGE, self->m.moved);
	EXPECT_EQ(0, vt_all_in(self->v, part(self->mem, UNTOLD), VT_HUGE,
			       DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
}

/* What should be on another device goes there by a file of that device, and at once. */
TEST_F(advised, from_device_to_device)
{
	char *there = part(self->mem, ELSEWHERE);
	uint64_t used = vt_used(self->v);

	ASSERT_EQ(0, advise(self->other, there, DRM_VSVM_LOCATION_DEVICE, 1));
	ASSERT_EQ(0, vt_migrate(self->other, self->mem, LEN, ADVISED, 0, &self->m));
	EXPECT_EQ(VT_HUGE, self->m.moved);
	EXPECT_EQ(4 * VT_HUGE, self->m.there);
	EXPECT_EQ(used - VT_HUGE, vt_used(self->v));
	EXPECT_EQ(0, vt_all_in(self->other, there, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER));

	/* There it stays, and this device uses it in place. */
	EXPECT_EQ(0, vt_dev_check(self->v, there, VT_HUGE, SEED, ELSEWHERE * VT_HUGE));
	ASSERT_EQ(0, vt_migrate(self->v, there, VT_HUGE, ADVISED, 0, &self->m));
	EXPECT_EQ(VT_HUGE, self->m.there);
	EXPECT_EQ(0, vt_all_in(self->v, there, VT_HUGE, DRM_VSVM_PLACE_PEER,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(self->mem, LEN, SEED, 0));
}

/* Untouched memory is filled where it goes to the device, and nowhere else. */
TEST_F(advised, populate)
{
	char *fresh = vt_map(2 * VT_HUGE, variant->kind);

	ASSERT_NE(NULL, fresh);
	ASSERT_EQ(0, advise(self->v, fresh, DRM_VSVM_LOCATION_HERE, 0));
	ASSERT_EQ(0, vt_migrate(self->v, fresh, 2 * VT_HUGE, ADVISED, 0, &self->m));
	EXPECT_EQ(2 * VT_HUGE, self->m.absent);
	ASSERT_EQ(0, vt_migrate(self->v, fresh, 2 * VT_HUGE, ADVISED,
				DRM_VSVM_MIGRATE_POPULATE, &self->m));
	EXPECT_EQ(VT_HUGE, self->m.moved);
	EXPECT_EQ(VT_HUGE, self->m.absent);
	EXPECT_EQ(0, vt_check_byte(fresh, 2 * VT_HUGE, 0));
}

/* Each byte that is left is accounted for, though nothing is to move. */
TEST_F(advised, what_is_left)
{
	char *at = part(self->mem, UNTOLD);

	ASSERT_EQ(0, munmap(at + VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, mprotect(at + 3 * VT_PAGE, VT_PAGE, PROT_NONE));
	ASSERT_EQ(0, madvise(at + 5 * VT_PAGE, VT_PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, vt_migrate(self->v, at, 8 * VT_PAGE, ADVISED, 0, &self->m));
	EXPECT_EQ(VT_PAGE, self->m.stayed[DRM_VSVM_STAY_UNMAPPED]);
	EXPECT_EQ(VT_PAGE, self->m.stayed[DRM_VSVM_STAY_ACCESS]);
	EXPECT_EQ(VT_PAGE, self->m.absent);
	EXPECT_EQ(5 * VT_PAGE, self->m.there);
	EXPECT_EQ(-EFAULT, vt_migrate(self->v, at + VT_PAGE, VT_PAGE, ADVISED, 0,
				      &self->m));
}

#define SHARE	"/sys/module/vsvm/parameters/share_prefetch"
/* The chunk at which a PREFETCH of some is paused. */
#define CHUNK	7UL
#define CHUNKS	12UL

/* A thread that destroys a queue. It is there before, as its stack wants mmap_lock. */
struct destroyer {
	struct vt_queue *q;
	uint64_t go;
	int ret;
};

static void *destroy(void *arg)
{
	struct destroyer *d = arg;

	while (!vt_load(&d->go))
		usleep(1000);
	d->ret = vsvm_queue_destroy(d->q->v, d->q->id);
	return NULL;
}

/*
 * QUEUE_STATUS tells how far a PREFETCH is; its queue ends it, and the rest stays. One
 * thread does it, or others would go on when it is paused.
 */
TEST_F(advised, prefetch_half_way)
{
	size_t len = CHUNKS * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);
	struct destroyer d = { .q = &self->q };
	struct drm_vsvm_queue_status s;
	pthread_t thread;
	size_t there;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_file_write(SHARE, "0"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, destroy, &d));
	ASSERT_EQ(0, vt_pause(self->v, "collected", CHUNK));
	ASSERT_EQ(0, vt_submit_one(&self->q,
				   vsvm_cmd_prefetch(mem, len, DRM_VSVM_TARGET_DEVICE)));
	ASSERT_EQ(0, vt_await(self->v, "collected"));
	ASSERT_EQ(0, vt_file_write(SHARE, "1"));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ((CHUNK - 1) * VT_HUGE, s.prefetched);
	EXPECT_EQ((CHUNK - 1) * VT_HUGE, s.moved);

	vt_store(&d.go, 1);
	while (!vsvm_queue_status(self->v, self->q.id, &s))
		usleep(1000);
	ASSERT_EQ(0, vt_resume(self->v, "collected"));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, d.ret);
	/* The chunk behind it may have begun before the queue was cancelled. */
	there = vt_bytes_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE);
	EXPECT_LE(CHUNK * VT_HUGE, there);
	EXPECT_GE((CHUNK + 1) * VT_HUGE, there);
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/*
 * While one thread is paused in a part, others do the rest; the PREFETCH is not done
 * before that part is.
 */
TEST_F(advised, prefetch_is_shared)
{
	int64_t deadline = vt_queue_deadline();
	size_t len = CHUNKS * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);
	struct drm_vsvm_queue_status s = {};

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_pause(self->v, "collected", 1));
	ASSERT_EQ(0, vt_submit_one(&self->q,
				   vsvm_cmd_prefetch(mem, len, DRM_VSVM_TARGET_DEVICE)));
	ASSERT_EQ(0, vt_await(self->v, "collected"));
	while (s.prefetched < len - VT_HUGE && vsvm_deadline(0) < deadline) {
		usleep(1000);
		ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	}
	EXPECT_EQ(len - VT_HUGE, s.prefetched);
	EXPECT_EQ(len - VT_HUGE, s.moved);
	EXPECT_EQ(0, s.done);
	ASSERT_EQ(0, vt_resume(self->v, "collected"));
	ASSERT_EQ(0, vt_do(&self->q, NULL, 0));
	ASSERT_EQ(0, vt_queue_status(&self->q, &s));
	EXPECT_EQ(len, s.moved);
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

/* Begins and ends in the middle of huge pages, and goes home the same way. */
TEST_F(advised, prefetch_of_odd_ends)
{
	size_t len = CHUNKS * VT_HUGE - 5 * VT_PAGE;
	char *mem = vt_map_filled(self->v, CHUNKS * VT_HUGE, variant->kind, SEED);
	char *from = mem + 3 * VT_PAGE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_do_one(&self->q,
			       vsvm_cmd_prefetch(from, len, DRM_VSVM_TARGET_DEVICE)));
	EXPECT_EQ(0, vt_all_in(self->v, from, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(5 * VT_PAGE, vt_bytes_in(self->v, mem, CHUNKS * VT_HUGE,
					   DRM_VSVM_PLACE_SYSTEM));
	ASSERT_EQ(0, vt_do_one(&self->q,
			       vsvm_cmd_prefetch(from, len, DRM_VSVM_TARGET_SYSTEM)));
	EXPECT_EQ(0, vt_all_in(self->v, mem, CHUNKS * VT_HUGE, DRM_VSVM_PLACE_SYSTEM,
			       VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, CHUNKS * VT_HUGE, SEED, 0));
}

/* Without a thread that helps, the fault worker does all of it. */
TEST_F(advised, prefetch_without_help)
{
	size_t len = CHUNKS * VT_HUGE;
	char *mem = vt_map_filled(self->v, len, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_arm(self->v, "helper", 1, 1));
	ASSERT_EQ(0, vt_do_one(&self->q,
			       vsvm_cmd_prefetch(mem, len, DRM_VSVM_TARGET_DEVICE)));
	EXPECT_EQ(1, vt_fired(self->v, "helper"));
	EXPECT_EQ(0, vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER));
	EXPECT_EQ(0, vt_check(mem, len, SEED, 0));
}

TEST_HARNESS_MAIN
