// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what ways to move memory would cost devices with a link. The workloads of
 * bench_workloads.c run under three modelled links, and what is shown is virtual time: it
 * depends on what moves and on what is accessed, and on no clock. So it is the same each
 * time and on each machine, whatever else runs there.
 *
 * For that, memory is at the same addresses each time, one queue works at a time, nobody
 * shares a PREFETCH, and the device is empty before each measurement.
 *
 * Owns the parameters of the link, share_prefetch, and those of bench_workloads.c, which it
 * sets back: so it wants root.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define PARAMETERS	"/sys/module/vsvm/parameters/"
#define EMPTY_SECONDS	30	/* until the device has no page any more */

/* One line of the table. */
struct line {
	char work[16];
	double factor;
	char link[16];
	char way[20];
	uint64_t ns;
	double to_device_ms;
	double home_ms;
	double remote_ms;
	double local_ms;
	double faults_ms;
	uint64_t moved;
	double over_in_place;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "workload", FIELD_TEXT),
	COLUMN(factor, "memory x", FIELD_REAL),
	COLUMN(link, "link      ", FIELD_TEXT),
	COLUMN(way, "way              ", FIELD_TEXT),
	COLUMN(ns, " virtual ns", FIELD_U64),
	COLUMN(to_device_ms, " to dev ms", FIELD_REAL),
	COLUMN(home_ms, " home ms", FIELD_REAL),
	COLUMN(remote_ms, "in place", FIELD_REAL),
	COLUMN(local_ms, "   local", FIELD_REAL),
	COLUMN(faults_ms, "  faults", FIELD_REAL),
	COLUMN(moved, "     moved", FIELD_BYTES64),
	COLUMN(over_in_place, " time/in place", FIELD_REAL),
	{ 0 },
};

static const char *const links[] = { "pcie3", "pcie5", "nvlink-c2c" };
static const double all_factors[] = { 0.5, 1.5 };

/* What is set back in the end; a link that has no name has its numbers only. */
static struct {
	const char *name;
	char was[32];
} parameters[] = {
	{ "link_mbps", "" }, { "link_ns", "" }, { "link_fault_ns", "" },
	{ "link_cpu_fault_ns", "" }, { "local_mbps", "" }, { "link_engines", "" },
	{ "share_prefetch", "" }, { "on_fault", "" }, { "thrash_turns", "" },
};

static int keep_parameters(void)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(parameters); i++)
		ret = bench_parameter(parameters[i].name, NULL, parameters[i].was,
				      sizeof(parameters[i].was));
	return ret;
}

static void restore_parameters(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		bench_parameter(parameters[i].name, parameters[i].was, NULL, 0);
}

/* Pages that another process has there, or had a moment ago, would make others move. */
static int wait_until_empty(unsigned int device)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	double until = bench_now() + EMPTY_SECONDS;
	struct drm_vsvm_info info;
	struct vsvm *v;
	int ret;

	ret = vsvm_open(device, &v);
	if (ret)
		return ret;
	for (;;) {
		ret = vsvm_info(v, &info);
		if (ret || !info.vram_used)
			break;
		if (bench_now() > until) {
			fputs("vsvm: another process has memory on the device\n", stderr);
			ret = -EBUSY;
			break;
		}
		nanosleep(&moment, NULL);
	}
	vsvm_close(v);
	return ret;
}

static int run_link(unsigned int device, double factor, uint64_t vram,
		    unsigned int work, const char *link, struct json_object *out)
{
	struct line line = { .factor = factor };
	struct bench_measured m;
	uint64_t in_place = 0;
	unsigned int way;
	int ret;

	snprintf(line.work, sizeof(line.work), "%s", bench_work_name(work));
	snprintf(line.link, sizeof(line.link), "%s", link);
	ret = bench_parameter("link", link, NULL, 0);
	for (way = 0; !ret && way < BENCH_WAYS; way++) {
		snprintf(line.way, sizeof(line.way), "%s", bench_way_name(way));
		ret = wait_until_empty(device);
		if (!ret)
			ret = bench_workload(device, factor * vram, work, way, true,
					     &m);
		if (ret)
			break;
		line.ns = m.to_device_ns + m.home_ns + m.remote_ns + m.local_ns +
			  m.faults_ns;
		line.to_device_ms = m.to_device_ns / 1e6;
		line.home_ms = m.home_ns / 1e6;
		line.remote_ms = m.remote_ns / 1e6;
		line.local_ms = m.local_ns / 1e6;
		line.faults_ms = m.faults_ns / 1e6;
		line.moved = m.moved;
		if (!way)
			in_place = line.ns;
		line.over_in_place = (double)line.ns / in_place;
		if (out)
			json_object_array_add(out, fields_json(columns, &line));
		else
			fields_row(columns, &line, stdout);
		fflush(stdout);
	}
	if (ret)
		complain(ret, "%s, %gx, %s, %s", line.work, factor, link, line.way);
	return ret;
}

/**
 * bench_link() - print the table of links
 * @device: number of the vsvm device, which no other process uses
 * @vram: bytes of its memory
 * @factor: only sets of so many times its memory, or 0
 * @workload: the only workload, or NULL: all
 * @out: JSON array that gets the lines, or NULL: text to stdout
 *
 * Return: 0, or a negative errno.
 */
int bench_link(unsigned int device, uint64_t vram, double factor,
	       const char *workload, struct json_object *out)
{
	const double *factors = factor ? &factor : all_factors;
	size_t nr = factor ? 1 : ARRAY_SIZE(all_factors);
	unsigned int work;
	size_t i, k;
	int ret;

	if (access(PARAMETERS "link", W_OK)) {
		fputs("vsvm: the table link wants root\n", stderr);
		return 0;
	}
	ret = keep_parameters();
	if (ret)
		return ret;
	ret = bench_parameter("share_prefetch", "0", NULL, 0);
	if (!ret)
		ret = bench_parameter("link_engines", "1", NULL, 0);
	if (!out)
		fields_head(columns, stdout);
	for (work = 0; !ret && work < BENCH_WORKS; work++) {
		if (workload && strcmp(workload, bench_work_name(work)))
			continue;
		for (i = 0; !ret && i < nr; i++)
			for (k = 0; !ret && k < ARRAY_SIZE(links); k++)
				ret = run_link(device, factors[i], vram, work,
					       links[k], out);
	}
	restore_parameters();
	return ret;
}
