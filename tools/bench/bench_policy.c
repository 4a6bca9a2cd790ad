// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what a parameter of the module is worth: the same work with its value as it is,
 * and with the parameter at 0.
 *
 * thrash_turns: CPU and device write the same bytes in turns, with advice that these
 * should be on the device. share_prefetch: a queue prefetches.
 *
 * Owns a handle and memory for a measurement, and the parameter, which it sets back: so it
 * wants root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define PIECE		(64UL << 10)
#define TURNS		64	/* in one measurement */
#define MAX_ROUNDS	100
#define PREFETCHED	(64UL << 20)
#define PATIENCE	(60 * 1000000000LL)	/* for what takes much less */
#define PARAMETERS	"/sys/module/vsvm/parameters/"

/* One line of the table. */
struct line {
	char work[28];
	char parameter[16];
	char page[4];
	double with_ms;
	double without_ms;
	double ratio;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "work                       ", FIELD_TEXT),
	COLUMN(parameter, "of            ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(with_ms, "   with ms", FIELD_REAL),
	COLUMN(without_ms, "without ms", FIELD_REAL),
	COLUMN(ratio, " without/with", FIELD_REAL),
	{ 0 },
};

/**
 * bench_parameter() - set a parameter of the module
 * @name: its name
 * @value: the new value, or NULL: it stays
 * @was: out, the old one, unless it is NULL
 * @room: bytes in @was
 *
 * Return: 0, or a negative errno.
 */
int bench_parameter(const char *name, const char *value, char *was, size_t room)
{
	char path[64];
	int fd, ret = 0;
	ssize_t n;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, (value ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (was) {
		n = read(fd, was, room - 1);
		if (n < 0)
			ret = -errno;
		else
			was[n] = '\0';
	}
	if (!ret && value && pwrite(fd, value, strlen(value), 0) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Each writes all of the piece, and finds what the other wrote. */
static int turns(unsigned int device, double *seconds)
{
	static const struct drm_vsvm_advice here = {
		.location = DRM_VSVM_LOCATION_HERE,
	};
	static char buf[PIECE];
	struct vsvm *v;
	double start;
	char *mem;
	int ret, i;

	ret = vsvm_open(device, &v);
	if (ret)
		return ret;
	mem = bench_map(BENCH_HUGE, false, 0);
	if (!mem) {
		vsvm_close(v);
		return -ENOMEM;
	}
	memset(mem, 0, BENCH_HUGE);
	ret = vsvm_advise(v, mem, PIECE, DRM_VSVM_ADVISE_LOCATION, &here);
	start = bench_now();
	for (i = 0; !ret && i < TURNS; i++) {
		memset(mem, i, PIECE);
		memset(buf, ~i, PIECE);
		ret = vsvm_write(v, mem, buf, PIECE, NULL);
		if (!ret && (mem[0] != (char)~i || mem[PIECE - 1] != (char)~i))
			ret = -EIO;
	}
	*seconds = bench_now() - start;
	munmap(mem, BENCH_HUGE);
	vsvm_close(v);
	return ret;
}

/* A queue of @v moves all of @mem. */
static int prefetch(struct vsvm *v, uint32_t queue, uint64_t *fence, char *mem,
		    uint32_t target, double *seconds)
{
	uint64_t value = *fence + 1;
	struct drm_vsvm_command job[] = {
		vsvm_cmd_prefetch(mem, PREFETCHED, target),
		vsvm_cmd_signal(fence, value, -1),
	};
	struct drm_vsvm_queue_status before, after;
	double start;
	int ret;

	ret = vsvm_queue_status(v, queue, &before);
	start = bench_now();
	if (!ret)
		ret = vsvm_submit(v, queue, job, 2, NULL);
	if (!ret)
		ret = vsvm_wait(v, fence, value, ~0ULL, DRM_VSVM_WAIT_EQ,
				vsvm_deadline(PATIENCE), queue);
	*seconds = bench_now() - start;
	if (!ret)
		ret = vsvm_queue_status(v, queue, &after);
	return !ret && after.moved - before.moved != PREFETCHED ? -EBUSY : ret;
}

static int prefetches(unsigned int device, bool huge, uint32_t target, double *seconds)
{
	char *mem = bench_map(PREFETCHED, huge, 0);
	uint64_t *fence = (void *)bench_map(BENCH_HUGE, false, 0);
	struct vsvm *v = NULL;
	double unused;
	uint32_t queue;
	size_t i;
	int ret = mem && fence ? 0 : -ENOMEM;

	if (!ret)
		ret = vsvm_open(device, &v);
	if (!ret)
		ret = vsvm_queue_create(v, DRM_VSVM_PRIORITY_NORMAL, 2, &queue);
	for (i = 0; !ret && i < PREFETCHED; i += sizeof(uint64_t))
		*(uint64_t *)(mem + i) = i;
	if (!ret) {
		*fence = 0;
		ret = prefetch(v, queue, fence, mem, DRM_VSVM_TARGET_DEVICE,
			       target == DRM_VSVM_TARGET_DEVICE ? seconds : &unused);
	}
	if (!ret)
		ret = prefetch(v, queue, fence, mem, DRM_VSVM_TARGET_SYSTEM,
			       target == DRM_VSVM_TARGET_SYSTEM ? seconds : &unused);
	for (i = 0; !ret && i < PREFETCHED; i += sizeof(uint64_t))
		if (*(uint64_t *)(mem + i) != i)
			ret = -EILSEQ;
	vsvm_close(v);
	if (fence)
		munmap(fence, BENCH_HUGE);
	if (mem)
		munmap(mem, PREFETCHED);
	return ret;
}

static int prefetch_small(unsigned int device, double *seconds)
{
	return prefetches(device, false, DRM_VSVM_TARGET_DEVICE, seconds);
}

static int prefetch_small_home(unsigned int device, double *seconds)
{
	return prefetches(device, false, DRM_VSVM_TARGET_SYSTEM, seconds);
}

static int prefetch_huge(unsigned int device, double *seconds)
{
	return prefetches(device, true, DRM_VSVM_TARGET_DEVICE, seconds);
}

static int prefetch_huge_home(unsigned int device, double *seconds)
{
	return prefetches(device, true, DRM_VSVM_TARGET_SYSTEM, seconds);
}

static const struct row {
	const char *name;
	const char *parameter;
	const char *page;
	int (*measure)(unsigned int device, double *seconds);
} rows[] = {
	{ "64 KiB, 64 turns", "thrash_turns", "4K", turns },
	{ "PREFETCH to device, 64 MiB", "share_prefetch", "4K", prefetch_small },
	{ "PREFETCH home, 64 MiB", "share_prefetch", "4K", prefetch_small_home },
	{ "PREFETCH to device, 64 MiB", "share_prefetch", "2M", prefetch_huge },
	{ "PREFETCH home, 64 MiB", "share_prefetch", "2M", prefetch_huge_home },
};

static int run_row(const struct row *row, unsigned int device, unsigned int rounds,
		   struct json_object *out)
{
	static double with[MAX_ROUNDS], without[MAX_ROUNDS];
	struct line line = {};
	unsigned int round;
	char was[32];
	int ret = 0;

	for (round = 0; !ret && round < rounds; round++) {
		ret = row->measure(device, &with[round]);
		if (!ret)
			ret = bench_parameter(row->parameter, "0", was, sizeof(was));
		if (ret)
			break;
		ret = row->measure(device, &without[round]);
		bench_parameter(row->parameter, was, NULL, 0);
	}
	if (ret)
		return ret;
	snprintf(line.work, sizeof(line.work), "%s", row->name);
	snprintf(line.parameter, sizeof(line.parameter), "%s", row->parameter);
	snprintf(line.page, sizeof(line.page), "%s", row->page);
	line.with_ms = bench_median(with, rounds) * 1e3;
	line.without_ms = bench_median(without, rounds) * 1e3;
	line.ratio = line.without_ms / line.with_ms;
	if (out)
		json_object_array_add(out, fields_json(columns, &line));
	else
		fields_row(columns, &line, stdout);
	return 0;
}

/**
 * bench_policy() - print the table of policies
 * @device: number of the vsvm device
 * @rounds: measurements of each, at most 100; the median counts
 * @out: JSON array that gets the lines, or NULL: text to stdout
 *
 * Return: 0, or a negative errno.
 */
int bench_policy(unsigned int device, unsigned int rounds,
		 struct json_object *out)
{
	unsigned int i;
	int ret = 0;

	if (access(PARAMETERS "thrash_turns", W_OK)) {
		fputs("vsvm: the table policy wants root\n", stderr);
		return 0;
	}
	if (!out)
		fields_head(columns, stdout);
	for (i = 0; !ret && i < ARRAY_SIZE(rows); i++)
		ret = run_row(&rows[i], device, rounds, out);
	return ret;
}
