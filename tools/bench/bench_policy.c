// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what policy is worth. CPU and device write the same bytes in turns, with
 * advice that these should be on the device; with thrash control, and without.
 *
 * Owns a handle and a piece of memory for a measurement, and a parameter of the module,
 * which it sets back: so it wants root.
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
#define PARAMETER	"/sys/module/vsvm/parameters/thrash_turns"

/* One line of the table. */
struct line {
	char work[28];
	char page[4];
	double with_ms;
	double without_ms;
	double ratio;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "CPU and device in turns    ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(with_ms, "   with ms", FIELD_REAL),
	COLUMN(without_ms, "without ms", FIELD_REAL),
	COLUMN(ratio, " without/with", FIELD_REAL),
	{ 0 },
};

/* The old value goes to @was, unless that is NULL. */
static int set_parameter(const char *value, char *was, size_t room)
{
	int fd = open(PARAMETER, O_RDWR | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (was) {
		n = read(fd, was, room - 1);
		if (n < 0)
			ret = -errno;
		else
			was[n] = '\0';
	}
	if (!ret && pwrite(fd, value, strlen(value), 0) < 0)
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

/**
 * bench_policy() - print the table of policies
 * @device: number of the vsvm device
 * @rounds: measurements of each, at most 100; the median counts
 * @out: JSON array that gets the line, or NULL: text to stdout
 */
int bench_policy(unsigned int device, unsigned int rounds,
		 struct json_object *out)
{
	static double with[MAX_ROUNDS], without[MAX_ROUNDS];
	struct line line = { .work = "64 KiB, 64 turns", .page = "4K" };
	char was[32] = "3";
	unsigned int round;
	int ret = 0;

	if (access(PARAMETER, W_OK)) {
		fputs("vsvm: the table policy wants root\n", stderr);
		return 0;
	}
	if (!out)
		fields_head(columns, stdout);
	for (round = 0; !ret && round < rounds; round++) {
		ret = turns(device, &with[round]);
		if (!ret)
			ret = set_parameter("0", was, sizeof(was));
		if (ret)
			break;
		ret = turns(device, &without[round]);
		set_parameter(was, NULL, 0);
	}
	if (ret)
		return ret;
	line.with_ms = bench_median(with, rounds) * 1e3;
	line.without_ms = bench_median(without, rounds) * 1e3;
	line.ratio = line.without_ms / line.with_ms;
	if (out)
		json_object_array_add(out, fields_json(columns, &line));
	else
		fields_row(columns, &line, stdout);
	return 0;
}
