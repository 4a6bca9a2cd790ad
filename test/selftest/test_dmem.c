// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dmem cgroup charges a block in use to the process that opened the file.
 *
 * A limit holds. A process at its limit evicts its own blocks and no others, and a
 * block that is given back is not charged any more. Needs a kernel with the dmem
 * controller.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_host.h"
#include "vt_queue.h"
#include "vt_small_device.h"

#define SEED	181
#define OTHER	182
#define REGION	"vsvm/0"
#define LIMIT	(2 * VT_HUGE)

FIXTURE(dmem)
{
	struct vsvm *v;
	struct vt_module module;
};

VT_PAGE_KINDS(dmem);

FIXTURE_SETUP(dmem)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	if (system("grep -qw dmem /sys/fs/cgroup/cgroup.controllers"))
		SKIP(return, "the kernel has no dmem cgroup");
	ASSERT_EQ(0, vt_reload(&self->module, VT_VRAM_MIB));
	ASSERT_EQ(0, vt_file_write("/sys/fs/cgroup/cgroup.subtree_control",
				   "+dmem"));
	ASSERT_EQ(0, vt_cgroup_make());
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

FIXTURE_TEARDOWN_PARENT(dmem)
{
	vt_cgroup_gone();
	vt_restore(&self->module);
}

static long charged(void)
{
	return vt_cgroup_key("dmem.current", REGION);
}

/* In a moment: pages of a dead process may be in a batch. */
static bool charged_is(long bytes)
{
	int i;

	for (i = 0; i < 1200 && charged() != bytes; i++)
		usleep(50000);
	return charged() == bytes;
}

static int sweep_in_cgroup(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vsvm *v;
	size_t at;
	char *mem;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	if (!mem)
		return 2;
	for (at = 0; at < task->len; at += VT_HUGE)
		if (vt_to_device(v, mem + at, VT_HUGE) ||
		    charged() > (long)LIMIT)
			return 3;
	if (charged() != LIMIT ||
	    vt_bytes_in(v, mem, task->len, DRM_VSVM_PLACE_DEVICE) != LIMIT)
		return 4;
	if (vt_dev_check(v, mem, task->len, task->seed, 0) ||
	    vt_check(mem, task->len, task->seed, 0))
		return 5;
	return charged() ? 6 : 0;
}

/* The limit holds; room below it comes from the process's own blocks alone. */
TEST_F_TIMEOUT(dmem, limit_holds, VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = 2 * LIMIT, .seed = OTHER,
	};
	char *mem = vt_map_filled(self->v, VT_VRAM - LIMIT, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM - LIMIT));
	ASSERT_EQ(0, vt_file_write(VT_CGROUP "/dmem.max", REGION " 4194304"));
	EXPECT_EQ(0, vt_run(sweep_in_cgroup, &task));
	EXPECT_TRUE(charged_is(0));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_VRAM - LIMIT));
	EXPECT_EQ(0, vt_check(mem, VT_VRAM - LIMIT, SEED, 0));
}

/*
 * The same by the device itself: its thread is in no cgroup, the process pays. It moves
 * memory because a job says so, or lacks it.
 */
static int job_in_cgroup(struct vt_task *task, struct vt_queue *q, bool says,
			 char **out)
{
	struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	struct vsvm *v;
	char *mem;

	if (vt_cgroup_enter() || vsvm_open(0, &v) || vt_queue_make(q, v, 16))
		return 1;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	*out = mem;
	if (!mem || (!says && vsvm_advise(v, mem, task->len,
					  DRM_VSVM_ADVISE_LOCATION, &here)))
		return 2;
	if (vt_do_one(q, says ? vsvm_cmd_prefetch(mem, task->len,
						  DRM_VSVM_TARGET_DEVICE) :
				vsvm_cmd_fill(mem, task->len, 7, 1)))
		return 3;
	return charged() != LIMIT || vt_bytes_in(v, mem, task->len,
						 DRM_VSVM_PLACE_DEVICE) != LIMIT ?
	       4 : 0;
}

static int prefetch_in_cgroup(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vt_queue q;
	char *mem;
	int ret;

	(void)c;
	ret = job_in_cgroup(task, &q, true, &mem);
	if (ret)
		return ret;
	/* What was paid for a prefetch that is never done comes back. */
	if (vt_hold(&q, q.fence + 1) ||
	    vt_submit_one(&q, vsvm_cmd_prefetch(mem, task->len,
						DRM_VSVM_TARGET_DEVICE)) ||
	    vsvm_queue_destroy(q.v, q.id) || charged() != LIMIT)
		return 5;
	if (vt_dev_check(q.v, mem, task->len, task->seed, 0) ||
	    vt_check(mem, task->len, task->seed, 0))
		return 6;
	return charged() ? 7 : 0;
}

static int fault_in_cgroup(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vt_queue q;
	char *mem;
	int ret;

	(void)c;
	ret = job_in_cgroup(task, &q, false, &mem);
	if (ret)
		return ret;
	if (vt_dev_check_byte(q.v, mem, task->len, 7) ||
	    vt_check_byte(mem, task->len, 7))
		return 5;
	return charged() ? 6 : 0;
}

/* The limit holds for device memory that a queue fills. */
TEST_F_TIMEOUT(dmem, limit_holds_for_queues, VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = 2 * LIMIT, .seed = OTHER,
	};

	ASSERT_EQ(0, vt_file_write(VT_CGROUP "/dmem.max", REGION " 4194304"));
	EXPECT_EQ(0, vt_run(prefetch_in_cgroup, &task));
	EXPECT_TRUE(charged_is(0));
}

/* And for what moves there because a job lacks it. */
TEST_F_TIMEOUT(dmem, limit_holds_for_faults, VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = 2 * LIMIT, .seed = OTHER,
	};

	ASSERT_EQ(0, vt_file_write(VT_CGROUP "/dmem.max", REGION " 4194304"));
	EXPECT_EQ(0, vt_run(fault_in_cgroup, &task));
	EXPECT_TRUE(charged_is(0));
}

static int full_in_cgroup(struct vt_child *c, void *arg)
{
	struct drm_vsvm_migrate m;
	struct vt_task *task = arg;
	struct vsvm *v;
	char *mem;

	(void)c;
	if (vt_cgroup_enter() || vsvm_open(0, &v))
		return 1;
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	if (!mem || vt_migrate(v, mem, task->len, DRM_VSVM_TARGET_DEVICE, 0, &m))
		return 2;
	if (m.moved || m.stayed[DRM_VSVM_STAY_DEVICE_FULL] != task->len)
		return 3;
	return charged() || vt_check(mem, task->len, task->seed, 0) ? 4 : 0;
}

/* With a limit below a block nothing goes there, nor into a block of others. */
TEST_F_TIMEOUT(dmem, limit_of_nothing, VT_LONG)
{
	struct vt_task task = {
		.kind = variant->kind, .len = VT_HUGE / 4, .seed = OTHER,
	};
	char *mem = vt_map_filled(self->v, VT_VRAM, VT_SMALL, SEED);

	task.len = variant->kind == VT_LARGE ? VT_HUGE : task.len;
	ASSERT_NE(NULL, mem);
	/* Others have room in theirs. */
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_HUGE / 2));
	ASSERT_EQ(0, vt_file_write(VT_CGROUP "/dmem.max", REGION " 1048576"));
	EXPECT_EQ(0, vt_run(full_in_cgroup, &task));
	EXPECT_EQ(0, VT_ON_DEVICE(mem, VT_HUGE / 2));
}

/* A process that is killed is not charged any more; nor is one that lost its device. */
TEST_F_TIMEOUT(dmem, uncharged_at_unplug, VT_LONG)
{
	char *mem = vt_map_filled(self->v, VT_VRAM, variant->kind, SEED);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, vt_cgroup_enter());
	ASSERT_EQ(0, vt_to_device(self->v, mem, VT_VRAM));
	EXPECT_EQ(VT_VRAM, charged());
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", "vsvm.0"));
	/* The region is gone, and all that it was charged with. */
	EXPECT_EQ(-1, charged());
	ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", "vsvm.0"));
	EXPECT_EQ(0, charged());
	EXPECT_EQ(0, vt_check(mem, VT_VRAM, SEED, 0));
}

TEST_HARNESS_MAIN
