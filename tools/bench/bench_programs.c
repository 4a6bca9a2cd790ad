// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: how fast the device runs programs, beside qemu-riscv64, which runs the same files
 * on the CPU. A loop of two instructions says what one costs at best.
 *
 * Owns a handle and a program for a measurement. Without qemu-riscv64 its column is empty.
 */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define MAX_ROUNDS	100
#define LOOPS		5000000ULL
#define BUDGET		(1ULL << 40)
#define PATIENCE	(300 * 1000000000LL)

/* One line of the table. */
struct line {
	char work[28];
	double ms;
	double qemu_ms;
	double ratio;
	double million;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "program                    ", FIELD_TEXT),
	COLUMN(ms, "        ms", FIELD_REAL),
	COLUMN(qemu_ms, "  qemu-riscv64 ms", FIELD_REAL),
	COLUMN(ratio, " time/its time", FIELD_REAL),
	COLUMN(million, " 10^6 instructions/s", FIELD_REAL),
	{ 0 },
};

/* A loop, alone in its page: addi a0, a0, -1; bnez a0, -4; ecall. */
static int loop(unsigned int device, double *seconds)
{
	static const uint32_t code[] = { 0xfff50513, 0xfe051ee3, 0x00000073 };
	char *mem = bench_map(BENCH_HUGE, false, 0);
	struct vsvm *v = NULL;
	uint64_t *words;
	uint32_t queue;
	double start;
	int ret;

	if (!mem)
		return -ENOMEM;
	memcpy(mem, code, sizeof(code));
	words = (uint64_t *)(mem + BENCH_HUGE / 2);
	memset(words, 0, 16 * sizeof(*words));
	words[0] = LOOPS;
	ret = vsvm_open(device, &v);
	if (!ret)
		ret = vsvm_queue_create(v, DRM_VSVM_PRIORITY_NORMAL, 2, &queue);
	start = bench_now();
	if (!ret) {
		struct drm_vsvm_command job[] = {
			vsvm_cmd_run(mem, mem, words, BUDGET, NULL),
			vsvm_cmd_signal(&words[8], 1, -1),
		};

		ret = vsvm_submit(v, queue, job, 2, NULL);
	}
	if (!ret)
		ret = vsvm_wait(v, &words[8], 1, ~0ULL, DRM_VSVM_WAIT_EQ,
				vsvm_deadline(PATIENCE), queue);
	*seconds = bench_now() - start;
	vsvm_close(v);
	munmap(mem, BENCH_HUGE);
	return ret;
}

static int on_device(unsigned int device, const char *path, double *seconds)
{
	struct vsvm_program *p = NULL;
	struct vsvm *v;
	int result = 0;
	double start;
	int ret;

	start = bench_now();
	ret = vsvm_open(device, &v);
	if (ret)
		return ret;
	ret = vsvm_program_open(v, path, &p);
	if (!ret)
		ret = vsvm_program_main(p, BUDGET, &result, NULL);
	vsvm_program_close(p);
	vsvm_close(v);
	*seconds = bench_now() - start;
	return !ret && result ? -EILSEQ : ret;
}

/* -ENOENT: there is no qemu-riscv64. */
static int by_qemu(const char *path, double *seconds)
{
	char name[] = "qemu-riscv64", *argv[] = { name, (char *)path, NULL };
	double start = bench_now();
	int status, ret;
	pid_t pid;

	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret)
		return -ret;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	*seconds = bench_now() - start;
	return status ? -EILSEQ : 0;
}

static void print(const struct line *line, struct json_object *out)
{
	if (out)
		json_object_array_add(out, fields_json(columns, line));
	else
		fields_row(columns, line, stdout);
}

static int run_loop(unsigned int device, unsigned int rounds, struct json_object *out)
{
	struct line line = { .work = "a loop, 10^7 instructions", .qemu_ms = NAN, .ratio = NAN };
	double ms[MAX_ROUNDS];
	unsigned int round;
	int ret = 0;

	for (round = 0; !ret && round < rounds; round++)
		ret = loop(device, &ms[round]);
	if (ret)
		return ret;
	line.ms = bench_median(ms, rounds) * 1e3;
	line.million = 2 * LOOPS / line.ms / 1e3;
	print(&line, out);
	return 0;
}

static const struct row {
	const char *work;
	const char *program;
} rows[] = {
	{ "matrix, 64 x 64", "matrix" },
	{ "hash table, 10^6 inserts", "hashtable" },
};

static int run_row(const struct row *row, unsigned int device, unsigned int rounds,
		   struct json_object *out)
{
	double mine[MAX_ROUNDS], its[MAX_ROUNDS];
	struct line line = { .qemu_ms = NAN, .ratio = NAN, .million = NAN };
	unsigned int round;
	char path[256];
	int ret = 0, err = 0;

	snprintf(path, sizeof(path), VSVM_PROGRAMS "/%s.elf", row->program);
	for (round = 0; !ret && round < rounds; round++) {
		ret = on_device(device, path, &mine[round]);
		if (!ret && err != -ENOENT)
			err = by_qemu(path, &its[round]);
		if (err && err != -ENOENT)
			ret = err;
	}
	if (ret) {
		complain(ret, "%s", path);
		return ret;
	}
	snprintf(line.work, sizeof(line.work), "%s", row->work);
	line.ms = bench_median(mine, rounds) * 1e3;
	if (!err) {
		line.qemu_ms = bench_median(its, rounds) * 1e3;
		line.ratio = line.ms / line.qemu_ms;
	}
	print(&line, out);
	return 0;
}

/**
 * bench_programs() - print the table of programs
 * @device: number of the vsvm device
 * @rounds: measurements of each, at most 100; the median counts
 * @out: JSON array that gets the lines, or NULL: text to stdout
 *
 * Return: 0, or a negative errno.
 */
int bench_programs(unsigned int device, unsigned int rounds, struct json_object *out)
{
	unsigned int i;
	int ret;

	if (!out)
		fields_head(columns, stdout);
	ret = run_loop(device, rounds, out);
	for (i = 0; !ret && i < ARRAY_SIZE(rows); i++)
		ret = run_row(&rows[i], device, rounds, out);
	return ret;
}
