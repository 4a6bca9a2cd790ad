// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: more memory than the device has. Working sets of a half to four times
 * the device's memory are swept by the device and then by the CPU, by one process
 * or by two at once. A sweep takes each 2 MiB to the device, has it read, changed and
 * written there, and then lets the CPU read and change every word. Every word is
 * checked each time; a wrong one fails the run.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "vsvm.h"

#define PIECE		(2UL << 20)
#define WORDS		(PIECE / sizeof(uint64_t))
#define MAX_PROCESSES	2

/* What one process found out; it comes through a pipe. */
struct outcome {
	double device_seconds;
	double cpu_seconds;
	uint64_t wrong;
	uint64_t full;
	int32_t error;
	int32_t pad;
};

/* One line of the table. */
struct line {
	double factor;
	char page[4];
	bool huge;
	uint32_t processes;
	uint64_t bytes;
	struct outcome sum;
	double mib_per_second;
	double against;		/* time per byte, over that at 0.9x */
	bool wrong;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(factor, " memory x", FIELD_REAL),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(processes, " processes", FIELD_U32),
	COLUMN(bytes, "     bytes", FIELD_BYTES64),
	{ "device_seconds", " device s", FIELD_REAL,
	  offsetof(struct line, sum.device_seconds) },
	{ "cpu_seconds", "    CPU s", FIELD_REAL,
	  offsetof(struct line, sum.cpu_seconds) },
	COLUMN(mib_per_second, "    MiB/s", FIELD_REAL),
	{ "time_over_0.9x", " time/0.9x", FIELD_REAL,
	  offsetof(struct line, against) },
	COLUMN(wrong, "wrong", FIELD_BOOL),
	{ 0 },
};

static const double factors[] = { 0.5, 0.9, 1.5, 4 };

/* The device's half of a sweep, over one piece. Word i holds @base + i. */
static int device_piece(struct vsvm *v, uint64_t *words, uint64_t base,
			uint64_t *buf, struct outcome *out)
{
	struct drm_vsvm_migrate result;
	size_t i;
	int ret;

	ret = vsvm_migrate(v, words, PIECE, DRM_VSVM_TARGET_DEVICE, 0, &result);
	if (ret)
		return ret;
	out->full += result.stayed[DRM_VSVM_STAY_DEVICE_FULL];
	ret = vsvm_read(v, words, buf, PIECE, NULL);
	if (ret)
		return ret;
	for (i = 0; i < WORDS; i++)
		out->wrong += buf[i]++ != base + i;
	return vsvm_write(v, words, buf, PIECE, NULL);
}

static int sweep(struct vsvm *v, uint64_t *words, size_t bytes, uint64_t round,
		 uint64_t *buf, struct outcome *out)
{
	size_t count = bytes / sizeof(*words), i;
	double start = bench_now(), middle;
	int ret;

	for (i = 0; i < count; i += WORDS) {
		ret = device_piece(v, words + i, 2 * round + i, buf, out);
		if (ret)
			return ret;
	}
	middle = bench_now();
	for (i = 0; i < count; i++)
		out->wrong += words[i]++ != 2 * round + 1 + i;
	/* The first sweep also makes the tables and the backing. */
	if (round) {
		out->device_seconds += middle - start;
		out->cpu_seconds += bench_now() - middle;
	}
	return 0;
}

static void run_process(const struct bench_memory *opts, size_t bytes, bool huge,
			struct outcome *out)
{
	uint64_t *words = (void *)bench_map(bytes, huge, 0), *buf = malloc(PIECE), round;
	struct vsvm *v = NULL;
	size_t i;

	out->error = words && buf ? vsvm_open(opts->device, &v) : -ENOMEM;
	for (i = 0; !out->error && i < bytes / sizeof(*words); i++)
		words[i] = i;
	for (round = 0; !out->error && round <= opts->sweeps; round++)
		out->error = sweep(v, words, bytes, round, buf, out);
	vsvm_close(v);
	free(buf);
}

/* Runs the processes of a line side by side, and adds up what they say. */
static int run_line(const struct bench_memory *opts, struct line *line)
{
	struct outcome out = { 0 };
	int pipes[2], left = line->processes, status;

	if (pipe(pipes))
		return -errno;
	while (left--) {
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (pid)
			continue;
		run_process(opts, line->bytes / line->processes, line->huge,
			    &out);
		_exit(write(pipes[1], &out, sizeof(out)) != sizeof(out));
	}
	close(pipes[1]);

	while (read(pipes[0], &out, sizeof(out)) == sizeof(out)) {
		line->sum.device_seconds += out.device_seconds;
		line->sum.cpu_seconds += out.cpu_seconds;
		line->sum.wrong += out.wrong;
		line->sum.full += out.full;
		if (out.error)
			line->sum.error = out.error;
	}
	close(pipes[0]);
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			line->sum.error = line->sum.error ?: -ECHILD;
	return line->sum.error;
}

/* The four working sets for one page size and one number of processes. */
static int run_group(const struct bench_memory *opts, uint64_t vram, bool huge,
		     unsigned int processes, struct json_object *list)
{
	double per_byte, fits = 0;
	bool wrong = false;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(factors); i++) {
		struct line line = {
			.factor = factors[i],
			.page = { huge ? '2' : '4', huge ? 'M' : 'K' },
			.huge = huge,
			.processes = processes,
		};

		if (opts->factor > 0 && opts->factor != factors[i])
			continue;
		line.bytes = (uint64_t)(vram * factors[i]) / PIECE / processes *
			     PIECE * processes;
		ret = line.bytes ? run_line(opts, &line) : -ENOSPC;
		if (ret) {
			complain(ret, "%.1f times device memory", factors[i]);
			return ret;
		}
		per_byte = (line.sum.device_seconds + line.sum.cpu_seconds) /
			   processes / line.bytes / opts->sweeps;
		line.mib_per_second = 1 / per_byte / (1 << 20);
		if (factors[i] == 0.9)
			fits = per_byte;
		line.against = fits > 0 ? per_byte / fits : NAN;
		line.wrong = line.sum.wrong;
		wrong |= line.wrong;
		if (list)
			json_object_array_add(list,
					      fields_json(columns, &line));
		else
			fields_row(columns, &line, stdout);
	}
	return wrong ? -EIO : 0;
}

/**
 * bench_memory() - print the table of more memory than the device has
 * @opts: what of it
 * @vram: bytes of device memory
 * @out: JSON array that gets the lines, or NULL: text to stdout
 */
int bench_memory(const struct bench_memory *opts, uint64_t vram,
		 struct json_object *out)
{
	unsigned int processes;
	int ret = 0, huge;

	if (!out)
		fields_head(columns, stdout);
	for (huge = 0; !ret && huge < (opts->small ? 1 : 2); huge++)
		for (processes = 1; !ret && processes <= MAX_PROCESSES;
		     processes++)
			if (!opts->processes || opts->processes == processes)
				ret = run_group(opts, vram, huge, processes,
						out);
	if (ret == -EIO)
		complain(0, "words were wrong");
	return ret;
}

/* 0: not one of the factors. */
double bench_memory_factor(const char *text)
{
	char *end;
	double factor = strtod(text, &end);
	size_t i;

	for (i = 0; !*end && i < ARRAY_SIZE(factors); i++)
		if (factors[i] == factor)
			return factor;
	return 0;
}
