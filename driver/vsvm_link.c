// SPDX-License-Identifier: GPL-2.0-only
/*
 * Link: what it would cost a real device to move memory and to access it.
 *
 * The device has no link to system memory, so nothing here takes time. Each transfer,
 * access and fault has a cost in nanoseconds of virtual device time instead, from a few
 * parameters and from nothing else. So the same work costs the same on every machine. The
 * rooms that move or access memory ask here and count what they are told.
 *
 * Lifetime: none; there are parameters only, for all devices. Locks: none. Parameters are
 * read without a lock: a cost that is worked out while root changes several of them may
 * have old and new ones.
 */
#include <linux/kstrtox.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>

#include "vsvm_link.h"

#define MAX_MBPS	10000000U	/* 10 TB/s */
#define MAX_NS		((unsigned int)NSEC_PER_SEC)
#define MAX_ENGINES	64U

/* More bytes would not fit in the sums; no call has as many. */
#define MAX_BYTES	(U64_MAX / 1000 - 1 - MAX_MBPS)

/**
 * struct link - parameters of the link
 * @mbps: bytes that it transfers in a microsecond, which is its MB/s; 0: no limit
 * @ns: latency of a transfer, and of an access in place
 * @fault_ns: latency of a page fault of the device
 * @cpu_fault_ns: latency of a CPU fault that brings pages home
 * @local_mbps: MB/s of the device's own memory; 0: no limit
 */
struct link {
	unsigned int mbps;
	unsigned int ns;
	unsigned int fault_ns;
	unsigned int cpu_fault_ns;
	unsigned int local_mbps;
};

/* Number of links that have a name, and no link, which is the first. */
#define LINKS	6

static const char *const names[LINKS] = {
	"off", "pcie3", "pcie4", "pcie5", "nvlink-c2c", "cxl",
};

/* docs/link.md says where each number is from. */
static const struct link links[LINKS] = {
	{},
	{ 12500, 1000, 30000, 10000, 900000 },
	{ 25000, 1000, 30000, 10000, 1555000 },
	{ 55000, 1000, 30000, 10000, 2000000 },
	{ 336000, 500, 30000, 10000, 4000000 },
	{ 55000, 300, 30000, 10000, 2000000 },
};

/* Read without a lock, and written one by one. */
static struct link now;
static unsigned int engines = 1;

bool vsvm_link_modelled;

/* Parameters are written one at a time: core has a lock for all of the module's. */
static void link_changed(void)
{
	/* Pairs with vsvm_link_on(). */
	WRITE_ONCE(vsvm_link_modelled, memchr_inv(&now, 0, sizeof(now)));
}

/**
 * struct number - a parameter that is a number
 * @value: where it is
 * @min: least value
 * @max: largest value
 */
struct number {
	unsigned int *value;
	unsigned int min;
	unsigned int max;
};

static int set_number(const char *value, const struct kernel_param *param)
{
	const struct number *number = param->arg;
	unsigned int n;

	if (kstrtouint(value, 0, &n) || n < number->min || n > number->max)
		return -EINVAL;
	WRITE_ONCE(*number->value, n);
	link_changed();
	return 0;
}

static int get_number(char *buffer, const struct kernel_param *param)
{
	const struct number *number = param->arg;

	return sysfs_emit(buffer, "%u\n", *number->value);
}

static const struct kernel_param_ops number_ops = {
	.set = set_number,
	.get = get_number,
};

static int set_name(const char *value, const struct kernel_param *param)
{
	int which = __sysfs_match_string(names, LINKS, value);

	if (which < 0)
		return -EINVAL;
	WRITE_ONCE(now.mbps, links[which].mbps);
	WRITE_ONCE(now.ns, links[which].ns);
	WRITE_ONCE(now.fault_ns, links[which].fault_ns);
	WRITE_ONCE(now.cpu_fault_ns, links[which].cpu_fault_ns);
	WRITE_ONCE(now.local_mbps, links[which].local_mbps);
	link_changed();
	return 0;
}

static int get_name(char *buffer, const struct kernel_param *param)
{
	unsigned int i;

	for (i = 0; i < LINKS; i++)
		if (!memcmp(&now, &links[i], sizeof(now)))
			return sysfs_emit(buffer, "%s\n", names[i]);
	return sysfs_emit(buffer, "custom\n");
}

static const struct kernel_param_ops name_ops = {
	.set = set_name,
	.get = get_name,
};

module_param_cb(link, &name_ops, NULL, 0644);
MODULE_PARM_DESC(link,
		 "off, pcie3, pcie4, pcie5, nvlink-c2c or cxl: sets what moves, accesses and faults cost in virtual time (default off)");

static struct number mbps_number = { &now.mbps, 0, MAX_MBPS };
module_param_cb(link_mbps, &number_ops, &mbps_number, 0644);
MODULE_PARM_DESC(link_mbps,
		 "MB/s of the modelled link to system memory, up to 10000000; 0: no limit (default 0)");

static struct number ns_number = { &now.ns, 0, MAX_NS };
module_param_cb(link_ns, &number_ops, &ns_number, 0644);
MODULE_PARM_DESC(link_ns,
		 "ns that a transfer or an access over it takes besides its bytes (default 0)");

static struct number fault_ns_number = { &now.fault_ns, 0, MAX_NS };
module_param_cb(link_fault_ns, &number_ops, &fault_ns_number, 0644);
MODULE_PARM_DESC(link_fault_ns,
		 "ns that a page fault of the device takes (default 0)");

static struct number cpu_fault_ns_number = { &now.cpu_fault_ns, 0, MAX_NS };
module_param_cb(link_cpu_fault_ns, &number_ops, &cpu_fault_ns_number, 0644);
MODULE_PARM_DESC(link_cpu_fault_ns,
		 "ns that a CPU fault takes that brings pages home (default 0)");

static struct number local_mbps_number = { &now.local_mbps, 0, MAX_MBPS };
module_param_cb(local_mbps, &number_ops, &local_mbps_number, 0644);
MODULE_PARM_DESC(local_mbps,
		 "MB/s of the device's own memory in the model; 0: no limit (default 0)");

static struct number engines_number = { &engines, 1, MAX_ENGINES };
module_param_cb(link_engines, &number_ops, &engines_number, 0644);
MODULE_PARM_DESC(link_engines,
		 "copy engines of the model, over which the transfers of a call are divided, 1 to 64 (default 1)");

/*
 * Time for bytes. What is left of a nanosecond is kept in @rest, so that the sum of
 * several calls is that of one call for all of their bytes.
 */
static u64 time_of(u64 bytes, unsigned int mbps, u32 *rest)
{
	if (!mbps)
		return 0;
	return div_u64_rem(min(bytes, MAX_BYTES) * 1000 + *rest, mbps, rest);
}

/**
 * vsvm_link_add() - add what a part of a call or command moved
 * @way: of the call or command
 * @more: of the part, not paid for
 */
void vsvm_link_add(struct vsvm_link_way *way, const struct vsvm_link_way *more)
{
	way->bytes += more->bytes;
	way->transfers += more->transfers;
}

/**
 * vsvm_link_move() - work out what it costs to move memory
 * @way: of the call or command; what was not paid for is from then on
 *
 * The bytes share the link. Each copy engine has a transfer at a time, so that their
 * latencies overlap.
 *
 * Return: the cost in ns of virtual time.
 */
u64 vsvm_link_move(struct vsvm_link_way *way)
{
	unsigned int n = READ_ONCE(engines);
	u64 rounds = div_u64(way->transfers + n - 1, n) -
		     div_u64(way->paid + n - 1, n);
	u64 bytes = way->bytes;

	way->paid = way->transfers;
	way->bytes = 0;
	/* A transfer has a page at least: so many of them as would not fit have 64 TiB. */
	return time_of(bytes, READ_ONCE(now.mbps), &way->rest) +
	       rounds * READ_ONCE(now.ns);
}

/**
 * vsvm_link_remote() - work out what accesses over the link cost
 * @tally: of the call or command; what was not paid for is from then on
 *
 * The latency is paid once for a call or command: a device has many requests in flight.
 *
 * Return: the cost in ns of virtual time.
 */
u64 vsvm_link_remote(struct vsvm_link_tally *tally)
{
	u64 bytes = tally->remote, ns = 0;

	if (!bytes)
		return 0;
	if (!tally->latency)
		ns = READ_ONCE(now.ns);
	tally->latency = true;
	tally->remote = 0;
	return ns + time_of(bytes, READ_ONCE(now.mbps), &tally->remote_rest);
}

/**
 * vsvm_link_local() - work out what accesses to the device's own memory cost
 * @tally: of the call or command; what was not paid for is from then on
 *
 * Return: the cost in ns of virtual time.
 */
u64 vsvm_link_local(struct vsvm_link_tally *tally)
{
	u64 bytes = tally->local;

	tally->local = 0;
	return time_of(bytes, READ_ONCE(now.local_mbps), &tally->local_rest);
}

/**
 * vsvm_link_device_fault() - get the cost of a page fault of the device
 *
 * Return: it, in ns of virtual time, without what moves for it.
 */
u64 vsvm_link_device_fault(void)
{
	return READ_ONCE(now.fault_ns);
}

/**
 * vsvm_link_cpu_fault() - get the cost of a CPU fault that brings pages home
 *
 * Return: it, in ns of virtual time, without what moves for it.
 */
u64 vsvm_link_cpu_fault(void)
{
	return READ_ONCE(now.cpu_fault_ns);
}
