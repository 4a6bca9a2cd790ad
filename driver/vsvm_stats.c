// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: what they are called and how they are summed up; and who a fault
 * is for.
 *
 * A device counts for each processor, so that two processes do not fight over
 * one cache line; files and processes count in one place. Callers count once
 * for a call, a chunk or a span, never for each page.
 *
 * Lifetime: the counters live with what they count for. Locks: cow_lock, a
 * leaf, protects the list of device writes that break copy-on-write.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "vsvm_stats.h"

static DEFINE_SPINLOCK(cow_lock);
static LIST_HEAD(cows);
/* How many there are, for who has no other reason to take the lock. */
static atomic_t nr_cows;

static const char *const names[VSVM_STATS] = {
	[VSVM_STAT_DEVICE_FAULTS] = "device-faults",
	[VSVM_STAT_DEVICE_FAULT_PAGES] = "device-fault-pages",
	[VSVM_STAT_CPU_FAULTS] = "cpu-faults",
	[VSVM_STAT_TO_DEVICE] = "to-device-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_EXPLICIT] = "home-explicit-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_DEVICE_FAULT] = "home-device-fault-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_CPU_FAULT] = "home-cpu-fault-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_EVICTION] = "home-eviction-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_UNMAPPED] = "skipped-unmapped-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_ACCESS] = "skipped-access-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_SPECIAL] = "skipped-special-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_HUGETLB] = "skipped-hugetlb-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_FILE] = "skipped-file-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_KSM] = "skipped-ksm-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_PINNED] = "skipped-pinned-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_BUSY] = "skipped-busy-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_DEVICE_FULL] =
		"skipped-device-full-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_HOST_FULL] =
		"skipped-host-full-pages",
	[VSVM_STAT_SKIPPED + DRM_VSVM_STAY_ERROR] = "skipped-error-pages",
	[VSVM_STAT_INVALIDATIONS] = "invalidations",
	[VSVM_STAT_INVALIDATED] = "invalidated-pages",
	[VSVM_STAT_EVICTIONS] = "evicted-blocks",
	[VSVM_STAT_READ] = "read-bytes",
	[VSVM_STAT_WRITTEN] = "written-bytes",
	[VSVM_STAT_ATOMICS] = "atomics",
};

/**
 * vsvm_stats_name() - what user space calls a counter
 * @stat: the counter
 */
const char *vsvm_stats_name(enum vsvm_stat stat)
{
	return names[stat];
}

/**
 * vsvm_stats_sum() - a counter of a device
 * @stats: the device's
 * @stat: which
 */
u64 vsvm_stats_sum(const struct vsvm_cpu_stats __percpu *stats,
		   enum vsvm_stat stat)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->n[stat]);
	return sum;
}

/**
 * vsvm_stats_cow_begin() - CPU faults of this task are a device's from here on
 * @cow: lives until vsvm_stats_cow_end()
 */
void vsvm_stats_cow_begin(struct vsvm_cow *cow)
{
	cow->task = current;
	atomic_inc(&nr_cows);
	spin_lock(&cow_lock);
	list_add(&cow->link, &cows);
	spin_unlock(&cow_lock);
}

/**
 * vsvm_stats_cow_end() - undo vsvm_stats_cow_begin()
 * @cow: what was given there
 */
void vsvm_stats_cow_end(struct vsvm_cow *cow)
{
	spin_lock(&cow_lock);
	list_del(&cow->link);
	spin_unlock(&cow_lock);
	atomic_dec(&nr_cows);
}

/**
 * vsvm_stats_in_cow() - does this fault happen for a device write?
 *
 * Return: true between vsvm_stats_cow_begin() and vsvm_stats_cow_end().
 */
bool vsvm_stats_in_cow(void)
{
	struct vsvm_cow *cow;
	bool found = false;

	/* Only current can have put in what is looked for. */
	if (!atomic_read(&nr_cows))
		return false;
	spin_lock(&cow_lock);
	list_for_each_entry(cow, &cows, link)
		found |= cow->task == current;
	spin_unlock(&cow_lock);
	return found;
}
