// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: their names and their sums.
 *
 * A device counts per processor, so that two processes do not contend for one cache
 * line; files and clients have one counter each. Callers count once for a call, a chunk
 * or a span, never for each page.
 *
 * Lifetime: the counters live with the device, the mirror or the client. Locks: none.
 */
#include <linux/atomic.h>
#include <linux/percpu.h>

#include "vsvm_stats.h"

#define STAYED(reason, word)						\
	[VSVM_STAT_STAYED + DRM_VSVM_STAY_##reason] = "stayed-" word "-pages",

static const char *const names[VSVM_STATS] = {
	[VSVM_STAT_DEVICE_FAULTS] = "device-faults",
	[VSVM_STAT_DEVICE_FAULT_PAGES] = "device-fault-pages",
	[VSVM_STAT_CPU_FAULTS] = "cpu-faults",
	[VSVM_STAT_TO_DEVICE] = "to-device-pages",
	[VSVM_STAT_FAULT_TO_DEVICE] = "fault-to-device-pages",
	[VSVM_STAT_THRASHES] = "thrashes",
	[VSVM_STAT_HOME + VSVM_CAUSE_EXPLICIT] = "home-explicit-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_DEVICE_FAULT] = "home-device-fault-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_CPU_FAULT] = "home-cpu-fault-pages",
	[VSVM_STAT_HOME + VSVM_CAUSE_EVICTION] = "home-eviction-pages",
	DRM_VSVM_STAY_WORDS(STAYED, STAYED)
	[VSVM_STAT_INVALIDATIONS] = "invalidations",
	[VSVM_STAT_INVALIDATED] = "invalidated-pages",
	[VSVM_STAT_EVICTIONS] = "evicted-blocks",
	[VSVM_STAT_READ] = "read-bytes",
	[VSVM_STAT_WRITTEN] = "written-bytes",
	[VSVM_STAT_ATOMICS] = "atomics",
	[VSVM_STAT_JOBS] = "jobs",
	[VSVM_STAT_QUEUE_FAULTS] = "queue-faults",
	[VSVM_STAT_QUEUES_LOST] = "queues-lost",
	[VSVM_STAT_DISCARDED] = "discarded-pages",
	[VSVM_STAT_UNCOPIED] = "uncopied-pages",
	[VSVM_STAT_LINK_TO_DEVICE] = "link-to-device-ns",
	[VSVM_STAT_LINK_FAULT_TO_DEVICE] = "link-fault-to-device-ns",
	[VSVM_STAT_LINK_HOME + VSVM_CAUSE_EXPLICIT] = "link-home-explicit-ns",
	[VSVM_STAT_LINK_HOME + VSVM_CAUSE_DEVICE_FAULT] = "link-home-device-fault-ns",
	[VSVM_STAT_LINK_HOME + VSVM_CAUSE_CPU_FAULT] = "link-home-cpu-fault-ns",
	[VSVM_STAT_LINK_HOME + VSVM_CAUSE_EVICTION] = "link-home-eviction-ns",
	[VSVM_STAT_LINK_REMOTE] = "link-remote-ns",
	[VSVM_STAT_LINK_LOCAL] = "link-local-ns",
	[VSVM_STAT_LINK_DEVICE_FAULT] = "link-device-fault-ns",
	[VSVM_STAT_LINK_CPU_FAULT] = "link-cpu-fault-ns",
};

/**
 * vsvm_stats_name() - get the name of a counter in user space
 * @stat: the counter
 *
 * Return: the name, without "vsvm-".
 */
const char *vsvm_stats_name(enum vsvm_stat stat)
{
	return names[stat];
}

/**
 * vsvm_stats_time() - read the virtual time of a file or of a client
 * @stats: its counters
 *
 * Return: the sum of all that are times, in ns.
 */
u64 vsvm_stats_time(const struct vsvm_stats *stats)
{
	unsigned int i;
	u64 sum = 0;

	for (i = VSVM_STAT_TIMES; i < VSVM_STATS; i++)
		sum = vsvm_stats_plus(sum, vsvm_stats_get(stats, i));
	return sum;
}

/**
 * vsvm_stats_sum() - read a counter of a device
 * @stats: the device's counters
 * @stat: the counter
 *
 * Return: the sum over all processors.
 */
u64 vsvm_stats_sum(const struct vsvm_cpu_stats __percpu *stats,
		   enum vsvm_stat stat)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum = vsvm_stats_plus(sum, READ_ONCE(per_cpu_ptr(stats, cpu)->n[stat]));
	return sum;
}
