// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call that waits for a userfaultfd handler that never answers can be killed (see
 * lib/vt_kill.h).
 *
 * It holds no lock and no device memory that other processes could want. Unplug does
 * not wait for it either.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_kill.h"

#define LEN	VT_HUGE
#define SEED	251
#define OTHER	252

/* What goes on in the process that is killed. */
struct scene {
	unsigned int device;
	__u64 mode;		/* what the handler is asked for */
	bool on_device;		/* the range is there */
	bool answers;		/* when told to, and the call gives ENODEV */
	int (*call)(struct scene *s);
	struct vsvm *v;
	char *mem;		/* the handler's range */
	char *own;		/* a range that is there */
};

static int call_read(struct scene *s)
{
	return vsvm_read(s->v, s->mem, s->own, LEN, NULL);
}

static int call_write(struct scene *s)
{
	return vsvm_write(s->v, s->mem, s->own, LEN, NULL);
}

static int call_read_into(struct scene *s)
{
	return vsvm_read(s->v, s->own, s->mem, LEN, NULL);
}

static int call_write_from(struct scene *s)
{
	return vsvm_write(s->v, s->own, s->mem, LEN, NULL);
}

static int call_snapshot_into(struct scene *s)
{
	struct drm_vsvm_run *runs = (struct drm_vsvm_run *)s->mem;
	uint32_t nr = 16;

	/* More than one run: the last is stored when the device is done. */
	if (madvise(s->own, VT_PAGE, MADV_DONTNEED))
		return -errno;
	return vsvm_snapshot(s->v, s->own, LEN, runs, &nr, NULL);
}

static int call_exclusive(struct scene *s)
{
	return vsvm_exclusive(s->v, s->mem, LEN, NULL);
}

static int call_atomic(struct scene *s)
{
	return vsvm_atomic(s->v, s->mem, 8, DRM_VSVM_ATOMIC_ADD, 1, 0, NULL);
}

static int call_pread(struct scene *s)
{
	ssize_t n = pread(vsvm_fd(s->v), s->own, LEN, (uintptr_t)s->mem);

	return n < 0 ? -errno : n;
}

static void *caller(void *arg)
{
	struct scene *s = arg;
	int ret = s->call(s);

	if (s->answers && ret == -ENODEV)
		_exit(0);
	/* A call that came back, before anybody answered: the test sees it. */
	fprintf(stderr, "# the call gave %d\n", ret);
	_exit(7);
}

static int handler_open(struct scene *s)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)s->mem, .len = LEN },
		.mode = s->mode,
	};
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)s->mem, .len = LEN },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (VT_BAD(fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
		   ioctl(fd, UFFDIO_REGISTER, &reg)))
		return -1;
	if (VT_BAD(s->mode == UFFDIO_REGISTER_MODE_WP &&
		   ioctl(fd, UFFDIO_WRITEPROTECT, &wp)))
		return -1;
	return fd;
}

static int answer(struct scene *s, int fd)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)s->mem, .len = LEN },
	};

	return ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

/* Says so when the call is in the handler's hands, which does nothing. */
static int stuck(struct vt_child *c, void *arg)
{
	struct scene *s = arg;
	struct uffd_msg msg;
	pthread_t thread;
	int fd;

	if (vsvm_open(s->device, &s->v))
		return 1;
	s->mem = vt_map(LEN, VT_SMALL);
	s->own = vt_map_filled(s->v, LEN, VT_SMALL, OTHER);
	if (!s->mem || !s->own)
		return 2;
	if (s->mode == UFFDIO_REGISTER_MODE_WP)
		vt_fill(s->mem, LEN, SEED, 0);
	fd = handler_open(s);
	if (fd < 0)
		return 3;
	if (s->on_device && vt_to_device(s->v, s->mem, LEN))
		return 4;
	if (pthread_create(&thread, NULL, caller, s))
		return 5;
	if (read(fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT || vt_say(c))
		return 6;
	if (s->answers && (vt_hear(c) || answer(s, fd)))
		return 8;
	for (;;)
		pause();
}

FIXTURE(stuck)
{
	struct vsvm *v;
	uint64_t used;
};

FIXTURE_VARIANT(stuck)
{
	const char *name;
	int (*call)(struct scene *s);
	__u64 mode;
	bool on_device;
};

#define MISSING(what)							\
	FIXTURE_VARIANT_ADD(stuck, what)				\
	{								\
		.name = #what,						\
		.call = call_ ## what,					\
		.mode = UFFDIO_REGISTER_MODE_MISSING,			\
	}

MISSING(read);
MISSING(write);
MISSING(read_into);
MISSING(write_from);
MISSING(snapshot_into);
MISSING(exclusive);
MISSING(atomic);
MISSING(pread);

FIXTURE_VARIANT_ADD(stuck, protected)
{
	.name = "protected",
	.call = call_write,
	.mode = UFFDIO_REGISTER_MODE_WP,
};

FIXTURE_VARIANT_ADD(stuck, protected_on_device)
{
	.name = "protected_on_device",
	.call = call_write,
	.mode = UFFDIO_REGISTER_MODE_WP,
	.on_device = true,
};

FIXTURE_SETUP(stuck)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->used = vt_used(self->v);
}

VT_TEARDOWN_CLOSE(stuck)

/* All that a process can do with a device, from its first use on. */
static int works(struct vt_child *c, void *arg)
{
	unsigned int *device = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vsvm_open(*device, &v))
		return 1;
	mem = vt_map_filled(v, LEN, VT_SMALL, SEED);
	if (!mem || vt_to_device(v, mem, LEN) ||
	    vt_dev_check(v, mem, LEN, SEED, 0) ||
	    vt_dev_fill(v, mem, LEN, OTHER, 0) ||
	    vsvm_exclusive(v, mem, VT_PAGE, NULL) || vt_to_system(v, mem, LEN))
		return 2;
	return vt_check(mem, LEN, OTHER, 0) ? 3 : 0;
}

/* The caller can be killed, and others do not notice him. */
TEST_F_TIMEOUT(stuck, killed, VT_LONG)
{
	struct scene s = {
		.call = variant->call,
		.mode = variant->mode,
		.on_device = variant->on_device,
	};
	unsigned int device = 0;
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, stuck, &s));
	ASSERT_EQ(0, vt_hear(&c));
	EXPECT_EQ(0, vt_run(works, &device));
	/* A module in use cannot be unloaded, and says so at once. */
	EXPECT_EQ(-EAGAIN, vt_module_unload());
	EXPECT_EQ(0, vt_kill(&c, variant->name));
	EXPECT_EQ(self->used, vt_used(self->v));
	EXPECT_EQ(0, vt_run(works, &device));
}

/* MIGRATE asks the handler for nothing, so it does not wait for it. */
static int migrates(struct vt_child *c, void *arg)
{
	struct scene *s = arg;
	struct drm_vsvm_migrate m;

	(void)c;
	if (vsvm_open(0, &s->v))
		return 1;
	s->mem = vt_map(LEN, VT_SMALL);
	if (!s->mem || handler_open(s) < 0)
		return 2;
	if (vt_migrate(s->v, s->mem, LEN, DRM_VSVM_TARGET_DEVICE, 0, &m) ||
	    m.absent != LEN)
		return 3;
	return vt_migrate(s->v, s->mem, LEN, DRM_VSVM_TARGET_SYSTEM, 0, &m);
}

TEST(migrate_does_not_wait)
{
	struct scene s = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	EXPECT_EQ(0, vt_run(migrates, &s));
}

FIXTURE(unplug)
{
	struct vsvm *v;
};

/*
 * Not in the fixture's data, which parent and child share where the parent tears
 * down: each side of the road has an end of its own.
 */
static struct scene scene;
static struct vt_child waiter;

FIXTURE_VARIANT(unplug)
{
	const char *name;
	int (*call)(struct scene *s);
};

#define UNPLUG(what)							\
	FIXTURE_VARIANT_ADD(unplug, what)				\
	{								\
		.name = "unplug, " #what,				\
		.call = call_ ## what,					\
	}

UNPLUG(read);
UNPLUG(write);
UNPLUG(read_into);
UNPLUG(write_from);
UNPLUG(snapshot_into);
UNPLUG(exclusive);
UNPLUG(atomic);
UNPLUG(pread);

/* Seconds for an unplug that has nothing to wait for, on a busy host. */
#define UNPLUG_MAX	20.0

FIXTURE_SETUP(unplug)
{
	ASSERT_EQ(0, vsvm_open(1, &self->v));
	scene.device = 1;
	scene.call = variant->call;
	scene.mode = UFFDIO_REGISTER_MODE_MISSING;
}

FIXTURE_TEARDOWN_PARENT(unplug)
{
	vt_file_write(VT_DRIVER "bind", "vsvm.1");
}

/* Unplugs the device under a call that waits and goes on waiting. */
static int unplugged_meanwhile(const char *name)
{
	unsigned int device = 0;
	double begin, took;
	struct vsvm *v;

	if (VT_BAD(vt_start(&waiter, stuck, &scene) || vt_hear(&waiter)))
		return -1;
	begin = vt_now();
	if (vt_file_write(VT_DRIVER "unbind", "vsvm.1"))
		return -2;
	took = vt_now() - begin;
	printf("# %s: took %.3f s\n", name, took);
	if (took > UNPLUG_MAX || waitpid(waiter.pid, NULL, WNOHANG))
		return -3;
	/* The other device does not notice. */
	return vt_run(works, &device) || vsvm_open(1, &v) != -ENODEV ? -4 : 0;
}

TEST_F_TIMEOUT(unplug, and_killed, VT_LONG)
{
	ASSERT_EQ(0, unplugged_meanwhile(variant->name));
	EXPECT_EQ(0, vt_kill(&waiter, variant->name));
}

/* When the handler answers after all, the call learns what happened. */
TEST_F_TIMEOUT(unplug, and_answered, VT_LONG)
{
	scene.answers = true;
	ASSERT_EQ(0, unplugged_meanwhile(variant->name));
	ASSERT_EQ(0, vt_say(&waiter));
	EXPECT_EQ(0, vt_wait(&waiter));
}

TEST_HARNESS_MAIN
