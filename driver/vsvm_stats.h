/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_STATS_H
#define VSVM_STATS_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_types.h"

/**
 * enum vsvm_stat - counters
 * @VSVM_STAT_DEVICE_FAULTS: walks that had to fault pages in
 * @VSVM_STAT_DEVICE_FAULT_PAGES: entries that they put into the device page table
 * @VSVM_STAT_CPU_FAULTS: CPU faults on device pages
 * @VSVM_STAT_TO_DEVICE: pages that moved to the device
 * @VSVM_STAT_FAULT_TO_DEVICE: those of them that moved because the device lacked them
 * @VSVM_STAT_THRASHES: pieces that were left in place because they came and went
 * @VSVM_STAT_HOME: pages that migrated to system memory; one counter for each &enum
 *	vsvm_cause except unplug, after which the counters cannot be read
 * @VSVM_STAT_STAYED: pages that were to move and stayed; one counter for each &enum
 *	drm_vsvm_stay
 * @VSVM_STAT_INVALIDATIONS: calls of the notifier
 * @VSVM_STAT_INVALIDATED: entries that they cleared
 * @VSVM_STAT_EVICTIONS: blocks that pages were evicted from
 * @VSVM_STAT_READ: bytes that the device read
 * @VSVM_STAT_WRITTEN: bytes that the device wrote
 * @VSVM_STAT_ATOMICS: atomic operations
 * @VSVM_STAT_JOBS: jobs of queues that are done
 * @VSVM_STAT_QUEUE_FAULTS: times that a queue went to the fault worker
 * @VSVM_STAT_QUEUES_LOST: queues that were lost
 * @VSVM_STAT_DISCARDED: pages whose contents DISCARD discarded
 * @VSVM_STAT_UNCOPIED: such pages that got a cleared destination instead of a copy
 * @VSVM_STAT_TIMES: the first of the counters below, which are ns of virtual time and
 *	stay at their largest value; see vsvm_link.c
 * @VSVM_STAT_LINK_TO_DEVICE: time of moves to the device that were asked for
 * @VSVM_STAT_LINK_FAULT_TO_DEVICE: time of moves to the device because it lacked pages
 * @VSVM_STAT_LINK_HOME: time of moves to system memory; one counter for each &enum
 *	vsvm_cause except unplug
 * @VSVM_STAT_LINK_REMOTE: time of accesses to memory that is not on the device
 * @VSVM_STAT_LINK_LOCAL: time of accesses to the device's own memory
 * @VSVM_STAT_LINK_DEVICE_FAULT: latency of faults of the device
 * @VSVM_STAT_LINK_CPU_FAULT: latency of CPU faults that brought pages home
 * @VSVM_STATS: number of counters
 */
enum vsvm_stat {
	VSVM_STAT_DEVICE_FAULTS,
	VSVM_STAT_DEVICE_FAULT_PAGES,
	VSVM_STAT_CPU_FAULTS,
	VSVM_STAT_TO_DEVICE,
	VSVM_STAT_FAULT_TO_DEVICE,
	VSVM_STAT_THRASHES,
	VSVM_STAT_HOME,
	VSVM_STAT_STAYED = VSVM_STAT_HOME + VSVM_CAUSE_UNPLUG,
	VSVM_STAT_INVALIDATIONS = VSVM_STAT_STAYED + DRM_VSVM_STAY_REASONS,
	VSVM_STAT_INVALIDATED,
	VSVM_STAT_EVICTIONS,
	VSVM_STAT_READ,
	VSVM_STAT_WRITTEN,
	VSVM_STAT_ATOMICS,
	VSVM_STAT_JOBS,
	VSVM_STAT_QUEUE_FAULTS,
	VSVM_STAT_QUEUES_LOST,
	VSVM_STAT_DISCARDED,
	VSVM_STAT_UNCOPIED,
	VSVM_STAT_TIMES,
	VSVM_STAT_LINK_TO_DEVICE = VSVM_STAT_TIMES,
	VSVM_STAT_LINK_FAULT_TO_DEVICE,
	VSVM_STAT_LINK_HOME,
	VSVM_STAT_LINK_REMOTE = VSVM_STAT_LINK_HOME + VSVM_CAUSE_UNPLUG,
	VSVM_STAT_LINK_LOCAL,
	VSVM_STAT_LINK_DEVICE_FAULT,
	VSVM_STAT_LINK_CPU_FAULT,
	VSVM_STATS,
};

/**
 * struct vsvm_stats - counters of a file or of a client
 * @n: by &enum vsvm_stat
 */
struct vsvm_stats {
	atomic64_t n[VSVM_STATS];
};

/**
 * struct vsvm_cpu_stats - one processor's part of the counters of a device
 * @n: by &enum vsvm_stat
 */
struct vsvm_cpu_stats {
	u64 n[VSVM_STATS];
};

/* Adds times. A link of 1 MB/s makes them large, and none becomes small again. */
static inline u64 vsvm_stats_plus(u64 a, u64 b)
{
	return a + b < a ? U64_MAX : a + b;
}

static inline void vsvm_stats_add(struct vsvm_stats *stats, enum vsvm_stat stat,
				  u64 n)
{
	s64 old;

	if (stat < VSVM_STAT_TIMES) {
		atomic64_add(n, &stats->n[stat]);
		return;
	}
	old = atomic64_read(&stats->n[stat]);
	while (!atomic64_try_cmpxchg(&stats->n[stat], &old,
				     vsvm_stats_plus(old, n)))
		;
}

static inline void vsvm_stats_add_cpu(struct vsvm_cpu_stats __percpu *stats,
				      enum vsvm_stat stat, u64 n)
{
	u64 old;

	if (stat < VSVM_STAT_TIMES) {
		this_cpu_add(stats->n[stat], n);
		return;
	}
	old = this_cpu_read(stats->n[stat]);
	while (!this_cpu_try_cmpxchg(stats->n[stat], &old,
				     vsvm_stats_plus(old, n)))
		;
}

static inline u64 vsvm_stats_get(const struct vsvm_stats *stats,
				 enum vsvm_stat stat)
{
	return atomic64_read(&stats->n[stat]);
}

u64 vsvm_stats_time(const struct vsvm_stats *stats);
u64 vsvm_stats_sum(const struct vsvm_cpu_stats __percpu *stats,
		   enum vsvm_stat stat);
const char *vsvm_stats_name(enum vsvm_stat stat);

#endif /* VSVM_STATS_H */
