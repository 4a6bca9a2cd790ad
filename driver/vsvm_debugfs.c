// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a device in /sys/kernel/debug/dri/vsvm.N: blocks, lru, tables, queues,
 * counters, failpoints.
 *
 * The device goes on working during a read: every line was true at one moment, but two
 * lines may be from different moments.
 *
 * Lifetime: the files belong to the drm device, which removes them at unplug and waits
 * for readers; a show function runs between drm_dev_enter() and drm_dev_exit(). Locks:
 * &vsvm_devmem.lock for a line at a time; &vsvm_device.vms_lock with the page-table
 * lock, or the locks of vsvm_queue_show(), inside it.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/string_choices.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>

#include "vsvm_cold.h"
#include "vsvm_debugfs.h"
#include "vsvm_device.h"
#include "vsvm_devmem.h"
#include "vsvm_vm.h"

/**
 * struct look - state of a block at one moment
 * @block: number of the block
 * @used: number of pages in use
 * @tgid: process of the client that owns it, 0: none
 * @backed: the block has backing
 * @age: number of blocks opened, or tried for eviction, since its last use
 * @may_go: a client that owns no block may evict it: its owner has more than the fair
 *	share that there would be then, and has no page of it pinned
 */
struct look {
	unsigned long block;
	unsigned int used;
	pid_t tgid;
	bool backed;
	unsigned long age;
	bool may_go;
};

static void look_at(struct vsvm_devmem *dm, unsigned long block, struct look *l)
{
	struct vsvm_block *b = &dm->blocks[block];
	struct vsvm_client *client;
	unsigned long fair;

	*l = (struct look){ .block = block };
	spin_lock_irq(&dm->lock);
	client = rcu_dereference_protected(b->client,
					   lockdep_is_held(&dm->lock));
	if (client) {
		l->tgid = client->tgid;
		fair = vsvm_devmem_fair(dm, true);
		l->may_go = client->nr_blocks > fair &&
			    !vsvm_cold_stays(b, client, fair);
	}
	l->used = b->nr_used;
	l->backed = b->backing;
	l->age = dm->clock - READ_ONCE(b->last_use);
	spin_unlock_irq(&dm->lock);
}

static bool is_bare(const struct look *l)
{
	return !l->tgid && !l->used && !l->backed;
}

/*
 * One line for each block; neighbouring blocks without owner and backing share a line.
 */
static int show_blocks(struct seq_file *m, struct vsvm_device *vsvm)
{
	struct vsvm_devmem *dm = vsvm->devmem;
	unsigned long block, next;
	struct look l, following;

	seq_printf(m, "device %u first-pfn %#lx blocks %lu used-pages %lu backed %lu clock %lu\n",
		   dm->device, vsvm_pfn_source(&dm->pgmap, 0), dm->nr_blocks,
		   READ_ONCE(dm->nr_used), READ_ONCE(dm->nr_backed),
		   READ_ONCE(dm->clock));
	seq_puts(m, "block used owner backing age\n");
	for (block = 0; block < dm->nr_blocks; block = next) {
		cond_resched();
		look_at(dm, block, &l);
		for (next = block + 1; is_bare(&l) && next < dm->nr_blocks;
		     next++) {
			look_at(dm, next, &following);
			if (!is_bare(&following))
				break;
		}
		if (next > block + 1)
			seq_printf(m, "%lu-%lu 0 - no -\n", block, next - 1);
		else if (!l.tgid)
			seq_printf(m, "%lu %u - %s -\n", block, l.used,
				   str_yes_no(l.backed));
		else
			seq_printf(m, "%lu %u %d %s %lu\n", block, l.used,
				   l.tgid, str_yes_no(l.backed), l.age);
	}
	return 0;
}

static int oldest_first(const void *a, const void *b)
{
	const struct look *x = a, *y = b;

	return cmp_int(y->age, x->age) ?: cmp_int(x->block, y->block);
}

/* Blocks that clients own, in the order in which eviction considers them. */
static int show_lru(struct seq_file *m, struct vsvm_device *vsvm)
{
	struct vsvm_devmem *dm = vsvm->devmem;
	unsigned long i, n = 0;
	struct look *all;

	all = VSVM_INJECT(dm->inject, LRU, NULL,
			  kvmalloc_array(dm->nr_blocks, sizeof(*all),
					 GFP_KERNEL));
	if (!all)
		return -ENOMEM;
	for (i = 0; i < dm->nr_blocks; i++) {
		cond_resched();
		look_at(dm, i, &all[n]);
		n += !!all[n].tgid;
	}
	sort(all, n, sizeof(*all), oldest_first, NULL);

	seq_puts(m, "block age owner used evictable\n");
	for (i = 0; i < n; i++)
		seq_printf(m, "%lu %lu %d %u %s\n", all[i].block, all[i].age,
			   all[i].tgid, all[i].used,
			   str_yes_no(all[i].may_go));
	kvfree(all);
	return 0;
}

static unsigned long count_leaves(struct vsvm_table *t)
{
	unsigned long index, n = 0;
	struct vsvm_leaf *leaf;

	down_read(&t->lock);
	xa_for_each(&t->leaves, index, leaf)
		n++;
	up_read(&t->lock);
	return n;
}

/* One line for each open file: the number of entries in its device page table. */
static int show_tables(struct seq_file *m, struct vsvm_device *vsvm)
{
	struct vsvm_table *t;
	struct vsvm_vm *vm;

	seq_puts(m, "owner leaves entries zero system device peer\n");
	mutex_lock(&vsvm->vms_lock);
	list_for_each_entry(vm, &vsvm->vms, link) {
		t = &vm->mirror.table;
		seq_printf(m, "%d %lu %lu %lu %lu %lu %lu\n",
			   pid_nr(vm->owner), count_leaves(t),
			   t->count[DRM_VSVM_PLACE_ZERO] +
			   t->count[DRM_VSVM_PLACE_SYSTEM] +
			   t->count[DRM_VSVM_PLACE_DEVICE] +
			   t->count[DRM_VSVM_PLACE_PEER],
			   t->count[DRM_VSVM_PLACE_ZERO],
			   t->count[DRM_VSVM_PLACE_SYSTEM],
			   t->count[DRM_VSVM_PLACE_DEVICE],
			   t->count[DRM_VSVM_PLACE_PEER]);
	}
	mutex_unlock(&vsvm->vms_lock);
	return 0;
}

/* The engines, and one line for each queue of each open file. */
static int show_queues(struct seq_file *m, struct vsvm_device *vsvm)
{
	struct vsvm_engines *e = &vsvm->engines;
	unsigned int running;
	struct vsvm_vm *vm;

	spin_lock(&e->lock);
	running = e->running;
	spin_unlock(&e->lock);
	seq_printf(m, "device %u engines %u running %u\n", vsvm->index, e->nr,
		   running);
	seq_puts(m, "owner queue priority state submitted done used slots busy faults error\n");
	mutex_lock(&vsvm->vms_lock);
	list_for_each_entry(vm, &vsvm->vms, link)
		vsvm_queue_show(&vm->queues, m);
	mutex_unlock(&vsvm->vms_lock);
	return 0;
}

static int show_counters(struct seq_file *m, struct vsvm_device *vsvm)
{
	unsigned int i;

	for (i = 0; i < VSVM_STATS; i++)
		seq_printf(m, "%s %llu\n", vsvm_stats_name(i),
			   vsvm_stats_sum(vsvm->devmem->stats, i));
	return 0;
}

#ifdef CONFIG_DRM_VSVM_INJECT
/* The failpoints: what each can do, how it is armed, and its counts. */
static int show_failpoints(struct seq_file *m, struct vsvm_device *vsvm)
{
	struct vsvm_inject *inject = vsvm->devmem->inject;
	static const char *const can[] = {
		[VSVM_CAN_FAIL] = "fail",
		[VSVM_CAN_PAUSE] = "pause",
		[VSVM_CAN_BOTH] = "fail,pause",
	};
	struct vsvm_inject_failpoint p;
	const char *armed;
	unsigned int i;

	seq_puts(m, "point can armed nth times now passed failed paused\n");
	for (i = 0; i < VSVM_FAILPOINTS; i++) {
		spin_lock_irq(&inject->lock);
		p = inject->failpoints[i];
		spin_unlock_irq(&inject->lock);
		armed = !p.nth ? "no" : p.timeout ? "pause" : "fail";
		seq_printf(m, "%s %s %s %llu %llu %u %llu %llu %llu\n",
			   vsvm_inject_name(i), can[vsvm_inject_can(i)], armed,
			   p.nth, p.times, p.paused, p.total.passed,
			   p.total.failed, p.total.paused);
	}
	return 0;
}
#endif

/* Calls the file's show function, unless the device is unplugged. */
static int show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	int (*fn)(struct seq_file *m, struct vsvm_device *vsvm) =
		entry->file.data;
	int idx, ret;

	if (!drm_dev_enter(entry->dev, &idx))
		return -ENODEV;
	ret = fn(m, to_vsvm(entry->dev));
	drm_dev_exit(idx);
	return ret;
}

static const struct drm_debugfs_info files[] = {
	{ "blocks", show, 0, show_blocks },
	{ "lru", show, 0, show_lru },
	{ "tables", show, 0, show_tables },
	{ "queues", show, 0, show_queues },
	{ "counters", show, 0, show_counters },
#ifdef CONFIG_DRM_VSVM_INJECT
	{ "points", show, 0, show_failpoints },
#endif
};

/**
 * vsvm_debugfs_init() - add a device's files
 * @vsvm: the device, about to be registered
 */
void vsvm_debugfs_init(struct vsvm_device *vsvm)
{
	drm_debugfs_add_files(&vsvm->drm, files, ARRAY_SIZE(files));
}
