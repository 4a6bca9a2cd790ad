// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what much address space with little memory in it costs. 64 MiB of 1 TiB
 * are populated, in one piece or in many; the device moves and looks at all of
 * it, and at the populated parts alone.
 *
 * Owns the address space and a handle, for the duration of a measurement.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define WHOLE		(1UL << 40)
#define POPULATED	(64UL << 20)
#define MAX_ROUNDS	100
#define RUNS		(1U << 16)

enum work { SNAPSHOT, TO_DEVICE, HOME, WORKS };

static const char *const names[] = { "snapshot", "migrate to device", "migrate home" };

/**
 * struct sparse - an address space
 * @v: handle
 * @mem: the whole of it
 * @pieces: how many parts of it are populated
 * @at: each of them
 * @bytes: of each
 * @runs: room for a snapshot
 */
struct sparse {
	struct vsvm *v;
	char *mem;
	unsigned int pieces;
	char *at[POPULATED / BENCH_HUGE];
	size_t bytes;
	struct drm_vsvm_run *runs;
};

/* One line of the table. */
struct line {
	char work[24];
	char page[4];
	uint32_t pieces;
	double whole_ms;
	double alone_ms;
	double ratio;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "work, 64 MiB of 1 TiB  ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(pieces, " pieces", FIELD_U32),
	COLUMN(whole_ms, "  1 TiB ms", FIELD_REAL),
	COLUMN(alone_ms, "  alone ms", FIELD_REAL),
	COLUMN(ratio, " alone/1 TiB", FIELD_REAL),
	{ 0 },
};

static int sparse_open(struct sparse *s, unsigned int device, bool huge,
		       unsigned int pieces)
{
	unsigned int i;
	size_t at;

	s->pieces = pieces;
	s->bytes = POPULATED / pieces;
	s->runs = calloc(RUNS, sizeof(*s->runs));
	s->mem = bench_map(WHOLE, huge, MAP_NORESERVE);
	if (!s->mem || !s->runs)
		return -ENOMEM;
	for (i = 0; i < pieces; i++) {
		s->at[i] = s->mem + WHOLE / pieces * i + WHOLE / pieces / 2;
		for (at = 0; at < s->bytes; at += 4096)
			s->at[i][at] = 1;
	}
	return vsvm_open(device, &s->v);
}

static void sparse_close(struct sparse *s)
{
	vsvm_close(s->v);
	if (s->mem)
		munmap(s->mem, WHOLE);
	free(s->runs);
}

static int migrate(struct sparse *s, char *mem, size_t bytes, uint32_t target,
		   size_t populated)
{
	struct drm_vsvm_migrate result;
	int ret = vsvm_migrate(s->v, mem, bytes, target, 0, &result);

	return ret ? ret : result.moved == populated ? 0 : -EBUSY;
}

static int do_range(struct sparse *s, enum work what, char *mem, size_t bytes,
		    size_t populated)
{
	uint32_t nr = RUNS;
	uint64_t next;
	int ret;

	switch (what) {
	case SNAPSHOT:
		ret = vsvm_snapshot(s->v, mem, bytes, s->runs, &nr, &next);
		if (ret)
			return ret;
		return next == (uintptr_t)mem + bytes ? 0 : -ENOSPC;
	case TO_DEVICE:
		return migrate(s, mem, bytes, DRM_VSVM_TARGET_DEVICE,
			       populated);
	default:
		return migrate(s, mem, bytes, DRM_VSVM_TARGET_SYSTEM,
			       populated);
	}
}

static int timed(struct sparse *s, enum work what, bool whole, double *seconds)
{
	double start = bench_now();
	unsigned int i;
	int ret = 0;

	if (whole)
		ret = do_range(s, what, s->mem, WHOLE, POPULATED);
	for (i = 0; !whole && !ret && i < s->pieces; i++)
		ret = do_range(s, what, s->at[i], s->bytes, s->bytes);
	*seconds = bench_now() - start;
	return ret;
}

static void print_lines(bool huge, unsigned int pieces, unsigned int rounds,
			double times[WORKS][2][MAX_ROUNDS],
			struct json_object *out)
{
	struct line line = { .pieces = pieces };
	int work;

	snprintf(line.page, sizeof(line.page), "%s", huge ? "2M" : "4K");
	for (work = 0; work < WORKS; work++) {
		snprintf(line.work, sizeof(line.work), "%s", names[work]);
		line.whole_ms = bench_median(times[work][0], rounds) * 1e3;
		line.alone_ms = bench_median(times[work][1], rounds) * 1e3;
		line.ratio = line.alone_ms / line.whole_ms;
		if (out)
			json_object_array_add(out, fields_json(columns, &line));
		else
			fields_row(columns, &line, stdout);
	}
}

static int run_case(unsigned int device, unsigned int rounds, bool huge,
		    unsigned int pieces, struct json_object *out)
{
	static double times[WORKS][2][MAX_ROUNDS];
	struct sparse s = { 0 };
	unsigned int round;
	double unused;
	int work, way;
	int ret;

	ret = sparse_open(&s, device, huge, pieces);
	for (work = 0; !ret && work < WORKS; work++)
		ret = timed(&s, work, true, &unused);
	for (round = 0; !ret && round < rounds; round++)
		for (way = 0; way < 2; way++)
			for (work = 0; !ret && work < WORKS; work++)
				ret = timed(&s, work, !way,
					    &times[work][way][round]);
	sparse_close(&s);
	if (!ret)
		print_lines(huge, pieces, rounds, times, out);
	return ret;
}

/**
 * bench_sparse() - print the table of little memory in much address space
 * @device: number of the vsvm device
 * @rounds: measurements of each, at most 100; the median counts
 * @out: JSON array that gets the lines, or NULL: text to stdout
 */
int bench_sparse(unsigned int device, unsigned int rounds,
		 struct json_object *out)
{
	static const unsigned int pieces[] = { 1, 32 };
	int ret = 0, huge;
	size_t i;

	if (!out)
		fields_head(columns, stdout);
	for (huge = 0; !ret && huge < 2; huge++)
		for (i = 0; !ret && i < ARRAY_SIZE(pieces); i++)
			ret = run_case(device, rounds, huge, pieces[i], out);
	return ret;
}
