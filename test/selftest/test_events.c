// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an event stream tells: each type of event once, when it happens, with its fields,
 * and to nobody else; what is lost is counted exactly.
 *
 * test_events_life.c has what a stream is: how it is opened, read and ended.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_events.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define SEED		701
#define SMALL_LEN	(16 * VT_PAGE)
#define RECORDS		64
#define ALL		DRM_VSVM_EVENTS_ALL

#define DEVICE		DRM_VSVM_TARGET_DEVICE
#define SYSTEM		DRM_VSVM_TARGET_SYSTEM

#define EXPECT_CAUSE(is, e)	EXPECT_EQ(DRM_VSVM_CAUSE_##is, (e).cause)

static uint64_t number(const void *at)
{
	return (uintptr_t)at;
}

FIXTURE(told)
{
	struct vsvm *v;
	char *mem;
	int fd;
	uint64_t file;
	struct drm_vsvm_migrate m;
	struct drm_vsvm_event e;
};

VT_PAGE_KINDS_LEN(told, SMALL_LEN);

FIXTURE_SETUP(told)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, variant->len,
				    variant->kind, SEED, false));
	self->fd = vt_stream(self->v, ALL, RECORDS);
	ASSERT_LE(0, self->fd);
	self->file = vt_file_id(self->v);
	ASSERT_NE(0, self->file);
}

VT_TEARDOWN_CLOSE(told)

#define ORDER(kind)	((kind) == VT_LARGE ? VT_HUGE_ORDER : 0)

/* To the device, and back because MIGRATE says so. */
TEST_F(told, migrate)
{
	uint64_t before;

	ASSERT_EQ(0, VT_TRY_DEVICE(self->mem, variant->len));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EXPLICIT, self->e);
	EXPECT_EQ(DEVICE, self->e.target);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_EQ(ORDER(variant->kind), self->e.order);
	EXPECT_EQ(self->file, self->e.file);
	EXPECT_EQ(0, self->e.device);
	EXPECT_EQ(0, vt_no_next(self->fd));

	before = self->e.time;
	ASSERT_EQ(0, VT_TRY_SYSTEM(self->mem, variant->len));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EXPLICIT, self->e);
	EXPECT_EQ(SYSTEM, self->e.target);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_LT(before, self->e.time);
	EXPECT_GT(vsvm_deadline(0), (int64_t)self->e.time);
	/* What is there already does not move. */
	ASSERT_EQ(0, VT_TRY_SYSTEM(self->mem, variant->len));
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* A CPU touches a page, and its window or all of the huge page comes home. */
TEST_F(told, cpu_fault)
{
	char *at = self->mem + 3 * VT_PAGE + 5;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, variant->len));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	*(volatile char *)at;
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_CAUSE(CPU_FAULT, self->e);
	EXPECT_EQ(number(at) & ~(VT_PAGE - 1), self->e.addr & ~(VT_PAGE - 1));
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_EQ(ORDER(variant->kind), self->e.order);
	EXPECT_EQ(0, self->e.file);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(CPU_FAULT, self->e);
	EXPECT_EQ(SYSTEM, self->e.target);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_EQ(ORDER(variant->kind), self->e.order);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* The device lacks a page; it lacks it once. One that it cannot have is told with why. */
TEST_F(told, device_fault)
{
	char *at = self->mem + VT_PAGE + 7, byte = 1;

	ASSERT_EQ(0, vsvm_read(self->v, at, &byte, 1, NULL));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
	EXPECT_CAUSE(DEVICE_FAULT, self->e);
	EXPECT_EQ(number(at), self->e.addr);
	EXPECT_EQ(VT_PAGE, self->e.bytes);
	EXPECT_EQ(DRM_VSVM_ACCESS_READ, self->e.access);
	EXPECT_EQ(0, self->e.error);
	EXPECT_EQ(self->file, self->e.file);
	ASSERT_EQ(0, vsvm_read(self->v, at, &byte, 1, NULL));
	EXPECT_EQ(0, vt_no_next(self->fd));

	at += VT_PAGE;
	ASSERT_EQ(0, vsvm_write(self->v, at, &byte, 1, NULL));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
	EXPECT_EQ(DRM_VSVM_ACCESS_WRITE, self->e.access);

	ASSERT_EQ(0, munmap(self->mem, variant->len));
	ASSERT_EQ(-EFAULT, vsvm_read(self->v, at, &byte, 1, NULL));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, &self->e));
	EXPECT_EQ(number(at), self->e.addr);
	EXPECT_EQ(0, self->e.bytes);
	EXPECT_EQ(EFAULT, self->e.error);
}

/* Memory that advice wants here comes when the device lacks it. */
TEST_F(told, fault_that_moves)
{
	const struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	char byte;

	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, variant->len,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, vsvm_read(self->v, self->mem, &byte, 1, NULL));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(DEVICE_FAULT, self->e);
	EXPECT_EQ(DEVICE, self->e.target);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_EQ(self->file, self->e.file);
}

/* A piece that comes and goes is used in place, and may move again later. */
TEST_F(told, thrashing)
{
	const struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	int i, fd = vt_stream(self->v, 1 << DRM_VSVM_EVENT_THRASH_BEGIN |
			      1 << DRM_VSVM_EVENT_THRASH_END, RECORDS);
	struct drm_vsvm_event ends = {};
	bool ended = false;
	char byte = 1;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, variant->len,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	for (i = 0; i < 20; i++) {
		*(volatile char *)self->mem = i;
		ASSERT_EQ(0, vsvm_write(self->v, self->mem, &byte, 1, NULL));
	}
	ASSERT_EQ(0, vt_next(fd, DRM_VSVM_EVENT_THRASH_BEGIN, &self->e));
	EXPECT_CAUSE(DEVICE_FAULT, self->e);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(64 << 10, self->e.bytes);
	EXPECT_EQ(self->file, self->e.file);
	/* The rest is a second at most. Then the device lacks it once more. */
	for (i = 0; i < 60 && !ended; i++) {
		usleep(100000);
		ASSERT_EQ(0, vsvm_advise(self->v, self->mem, variant->len,
					 DRM_VSVM_ADVISE_LOCATION, &here));
		ASSERT_EQ(0, vsvm_write(self->v, self->mem, &byte, 1, NULL));
		ended = !vt_next(fd, DRM_VSVM_EVENT_THRASH_END, &ends);
	}
	EXPECT_TRUE(ended);
	EXPECT_EQ(self->e.addr, ends.addr);
	EXPECT_EQ(self->e.bytes, ends.bytes);
	close(fd);
}

static int child_waits(struct vt_child *c, void *arg)
{
	(void)arg;
	return vt_say(c) || vt_hear(c);
}

/* A write of the device breaks copy-on-write, in system memory. */
TEST_F(told, write_to_shared)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_to_device(self->v, self->mem, variant->len));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	ASSERT_EQ(0, vt_start(&c, child_waits, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_dev_fill(self->v, self->mem, 8, SEED, 0));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_CAUSE(DEVICE_FAULT, self->e);
	EXPECT_EQ(number(self->mem), self->e.addr & ~(VT_PAGE - 1));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(DEVICE_FAULT, self->e);
	EXPECT_EQ(number(self->mem), self->e.addr);
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
}

static int child_touches(struct vt_child *c, void *arg)
{
	(void)c;
	*(volatile char *)arg;
	return 0;
}

/* A child touches a page of its parent: how much came home is told, and not where. */
TEST_F(told, fault_of_a_child)
{
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, variant->len));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	ASSERT_EQ(0, vt_run(child_touches, self->mem));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_CAUSE(CPU_FAULT, self->e);
	EXPECT_EQ(0, self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(CPU_FAULT, self->e);
	EXPECT_EQ(0, self->e.addr);
	EXPECT_LT(0, self->e.bytes);
}

/* PREFETCH tells what moved when it is done. */
TEST_F(told, prefetch)
{
	struct vt_queue q;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_prefetch(self->mem, variant->len,
						     DEVICE)));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EXPLICIT, self->e);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_PREFETCH, &self->e));
	EXPECT_EQ(DEVICE, self->e.target);
	EXPECT_EQ(number(self->mem), self->e.addr);
	EXPECT_EQ(variant->len, self->e.bytes);
	EXPECT_EQ(q.id, self->e.queue);
	EXPECT_EQ(1, self->e.seq);
	EXPECT_EQ(self->file, self->e.file);
	/* The second time there is nothing to move. */
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_prefetch(self->mem, variant->len,
						     DEVICE)));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_PREFETCH, &self->e));
	EXPECT_EQ(0, self->e.bytes);
	EXPECT_EQ(3, self->e.seq);
}

/* What is not in the mask is not told. */
TEST_F(told, mask)
{
	int fd = vt_stream(self->v, VT_EVENT(CPU_FAULT) | VT_EVENT(EVICT),
			   RECORDS);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, variant->len));
	EXPECT_EQ(0, vt_no_next(fd));
	*(volatile char *)self->mem;
	ASSERT_EQ(0, vt_next(fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_EQ(0, vt_no_next(fd));
	/* The other one has it all. */
	EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_CPU_FAULT, &self->e));
	EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
}

/* Another file of the process is told of, and its number says so; another device is not. */
TEST_F(told, all_files_of_a_device)
{
	struct vsvm *again, *other;
	char *mem;

	ASSERT_EQ(0, vsvm_open(0, &again));
	ASSERT_EQ(0, vsvm_open(1, &other));
	ASSERT_EQ(0, vt_to_device(again, self->mem, variant->len));
	ASSERT_EQ(0, vt_find(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_NE(self->file, self->e.file);
	EXPECT_EQ(vt_file_id(again), self->e.file);
	mem = vt_map_filled(other, variant->len, variant->kind, SEED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(other, mem, variant->len));
	EXPECT_EQ(0, vt_check(mem, variant->len, SEED, 0));
	EXPECT_EQ(0, vt_no_next(self->fd));
}

static int child_works(struct vt_child *c, void *arg)
{
	struct vsvm *v;
	char *mem;

	(void)c;
	(void)arg;
	if (VT_BAD(vt_open_filled(&v, &mem, SMALL_LEN, VT_SMALL, SEED, true)))
		return 1;
	return vt_check(mem, SMALL_LEN, SEED, 0);
}

/* Nor is what a child does with memory of its own. */
TEST_F(told, no_other_process)
{
	ASSERT_EQ(0, vt_run(child_works, NULL));
	EXPECT_EQ(0, vt_no_next(self->fd));
}

FIXTURE(lost)
{
	struct vsvm *v;
	char *mem;
	int fd;
	struct drm_vsvm_event e;
};

FIXTURE_SETUP(lost)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, SMALL_LEN, VT_SMALL,
				    SEED, false));
	self->fd = vt_stream(self->v, VT_EVENT(QUEUE_LOST), RECORDS);
	ASSERT_LE(0, self->fd);
}

VT_TEARDOWN_CLOSE(lost)

/* A queue is lost, with the job and the address. */
TEST_F(lost, queue)
{
	struct vt_queue q;

	ASSERT_EQ(0, vt_queue_make(&q, self->v, 8));
	ASSERT_EQ(0, munmap(self->mem + VT_PAGE, VT_PAGE));
	ASSERT_EQ(0, vt_do_one(&q, vsvm_cmd_barrier()));
	ASSERT_EQ(0, vt_submit_one(&q, vsvm_cmd_fill(self->mem, 2 * VT_PAGE, 0, 8)));
	ASSERT_EQ(POLLIN, vt_stream_wait(self->fd));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_QUEUE_LOST, &self->e));
	EXPECT_EQ(q.id, self->e.queue);
	EXPECT_EQ(3, self->e.seq);
	EXPECT_EQ(number(self->mem + VT_PAGE), self->e.addr);
	EXPECT_EQ(DRM_VSVM_ACCESS_WRITE, self->e.access);
	EXPECT_EQ(EFAULT, self->e.error);
	EXPECT_EQ(vt_file_id(self->v), self->e.file);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* The ring: what is missing is counted, and where it is missing. */
FIXTURE(ring)
{
	struct vsvm *v;
	char *mem;
	size_t next;		/* page that the device did not use */
	int fd;
	struct drm_vsvm_event e;
};

#define RING		4
#define RING_PAGES	512

FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, RING_PAGES * VT_PAGE,
				    VT_SMALL, SEED, false));
	self->fd = vt_stream(self->v, ALL, RING);
	ASSERT_LE(0, self->fd);
}

VT_TEARDOWN_CLOSE(ring)

/* @n events. */
static int happens(struct vsvm *v, const char *mem, size_t *next, unsigned int n)
{
	char byte;

	for (; n; n--)
		if (VT_BAD(vsvm_read(v, mem + (*next)++ * VT_PAGE, &byte, 1, NULL)))
			return -1;
	return 0;
}

#define HAPPENS(n)	happens(self->v, self->mem, &self->next, n)

/* The record is that of page @n. */
#define EXPECT_FAULT(n)							\
	do {								\
		EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DEVICE_FAULT, \
				     &self->e));			\
		EXPECT_EQ(number(self->mem + (n) * VT_PAGE), self->e.addr); \
	} while (0)

#define EXPECT_GAP(n)							\
	do {								\
		EXPECT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_DROPPED,	\
				     &self->e));			\
		EXPECT_EQ(n, self->e.count);				\
		EXPECT_EQ(0, self->e.addr);				\
	} while (0)

TEST_F(ring, fills)
{
	ASSERT_EQ(0, HAPPENS(RING));
	EXPECT_FAULT(0);
	EXPECT_FAULT(1);
	EXPECT_FAULT(2);
	EXPECT_FAULT(3);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

TEST_F(ring, counts_at_the_end)
{
	uint64_t before;

	ASSERT_EQ(0, HAPPENS(RING + 6));
	EXPECT_FAULT(0);
	EXPECT_FAULT(1);
	EXPECT_FAULT(2);
	EXPECT_FAULT(3);
	before = self->e.time;
	EXPECT_EQ(POLLIN, vt_stream_wait(self->fd));
	EXPECT_GAP(6);
	EXPECT_LT(before, self->e.time);
	EXPECT_EQ(0, vt_no_next(self->fd));
	/* And it goes on. */
	ASSERT_EQ(0, HAPPENS(1));
	EXPECT_FAULT(10);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* The gap is where it was, not where the reader comes to it. */
TEST_F(ring, counts_in_between)
{
	ASSERT_EQ(0, HAPPENS(RING + 3));
	EXPECT_FAULT(0);
	ASSERT_EQ(0, HAPPENS(1));
	/* The ring has a place for the gap besides, and is full again. */
	ASSERT_EQ(0, HAPPENS(2));
	EXPECT_FAULT(1);
	EXPECT_FAULT(2);
	EXPECT_FAULT(3);
	EXPECT_GAP(3);
	EXPECT_FAULT(7);
	EXPECT_GAP(2);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

struct faulter {
	struct vsvm *v;
	const char *mem;
	int ret;
};

static void *faults(void *arg)
{
	struct faulter *f = arg;
	size_t next = 0;

	f->ret = happens(f->v, f->mem, &next, RING_PAGES / 2);
	return NULL;
}

/* All that happens in two threads is in the records, or in their gaps. */
TEST_F_TIMEOUT(ring, counts_exactly, VT_LONG)
{
	struct faulter f[2] = {
		{ .v = self->v, .mem = self->mem },
		{ .v = self->v, .mem = self->mem + RING_PAGES / 2 * VT_PAGE },
	};
	struct drm_vsvm_event e[3];
	uint64_t sum = 0, time = 0;
	pthread_t t[2];
	uint32_t nr, i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, faults, &f[i]));
	while (sum < RING_PAGES) {
		ASSERT_EQ(POLLIN, vt_stream_wait(self->fd));
		nr = VT_COUNT(e);
		ASSERT_EQ(0, vsvm_events_read(self->fd, e, &nr));
		for (i = 0; i < nr; i++) {
			sum += e[i].type == DRM_VSVM_EVENT_DROPPED ? e[i].count : 1;
			ASSERT_LE(time, e[i].time);
			time = e[i].time;
		}
	}
	for (i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		EXPECT_EQ(0, f[i].ret);
	}
	EXPECT_EQ(RING_PAGES, sum);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

/* A device that is too small. */
FIXTURE(evict)
{
	struct vsvm *v;
	struct vt_module module;
	int fd;
	struct drm_vsvm_event e;
};

VT_PAGE_KINDS(evict);

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_RESTORE(evict)

/* A block makes room: told once as a block, once as what moved, and with no address. */
TEST_F_TIMEOUT(evict, makes_room, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM + VT_HUGE, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	self->fd = vt_stream(self->v, ALL, RECORDS);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vt_to_device(self->v, mem + VT_VRAM, VT_HUGE));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EVICTION, self->e);
	EXPECT_EQ(SYSTEM, self->e.target);
	EXPECT_EQ(VT_HUGE, self->e.bytes);
	EXPECT_EQ(0, self->e.addr);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_EVICT, &self->e));
	EXPECT_CAUSE(EVICTION, self->e);
	EXPECT_EQ(VT_HUGE, self->e.bytes);
	EXPECT_EQ(0, self->e.count);
	EXPECT_EQ(0, self->e.addr);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EXPLICIT, self->e);
	EXPECT_EQ(number(mem + VT_VRAM), self->e.addr);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

struct pusher {
	enum vt_kind kind;
	size_t len;
};

static int child_pushes(struct vt_child *c, void *arg)
{
	const struct pusher *p = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	return vt_open_filled(&v, &mem, p->len, p->kind, SEED, true);
}

/* Another process takes its share: the one that loses is told. */
TEST_F_TIMEOUT(evict, by_another_process, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);
	struct pusher p = { .kind = variant->kind, .len = VT_HUGE };

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	self->fd = vt_stream(self->v, ALL, RECORDS);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vt_run(child_pushes, &p));
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_MIGRATE, &self->e));
	EXPECT_CAUSE(EVICTION, self->e);
	EXPECT_EQ(0, self->e.addr);
	EXPECT_EQ(0, self->e.file);
	ASSERT_EQ(0, vt_next(self->fd, DRM_VSVM_EVENT_EVICT, &self->e));
	EXPECT_EQ(VT_HUGE, self->e.bytes);
	EXPECT_EQ(0, vt_no_next(self->fd));
}

#define FORMAT	"/sys/kernel/tracing/events/vsvm/vsvm_migrate_end/format"

/* One list of causes: what libvsvm calls them, tracepoints do. */
TEST(causes_are_those_of_tracepoints)
{
	char text[4096] = "", entry[64];
	uint32_t i;

	ASSERT_LT(0, vt_file_read(FORMAT, text, sizeof(text) - 1));
	for (i = 0; i < DRM_VSVM_CAUSES; i++) {
		snprintf(entry, sizeof(entry), "{ %u, \"%s\" }", i,
			 vsvm_cause_name(i));
		EXPECT_NE(NULL, strstr(text, entry));
	}
	EXPECT_EQ(NULL, vsvm_cause_name(DRM_VSVM_CAUSES));
	EXPECT_EQ(NULL, vsvm_event_name(DRM_VSVM_EVENT_TYPES));
}

TEST_HARNESS_MAIN
