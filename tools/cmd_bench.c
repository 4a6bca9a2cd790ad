// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm bench: how fast it is, in figures that mean something beside each other.
 *
 * Owns the oversubscription table: working sets of a half to four times the
 * device's memory, swept by the device and then by the CPU, by one process or by
 * two at once. A sweep takes each 2 MiB to the device, has it read, changed and
 * written there, and then lets the CPU read and change every word. Every word is
 * checked each time; a wrong one fails the run.
 */
#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "fields.h"
#include "vsvm.h"

#define PIECE		(2UL << 20)
#define WORDS		(PIECE / sizeof(uint64_t))
#define MAX_PROCESSES	2

struct options {
	unsigned int device;
	unsigned long sweeps;
	double factor;			/* 0: all of them */
	unsigned long processes;	/* 0: one, and two */
	bool small;			/* not huge pages too */
	bool json;
};

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
	bool huge;
	unsigned int processes;
	uint64_t bytes;
	struct outcome sum;
	double mib_per_second;
	double against;		/* time per byte, over that at 0.9x */
};

static const double factors[] = { 0.5, 0.9, 1.5, 4 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static uint64_t *map_words(size_t bytes, bool huge)
{
	char *mem = mmap(NULL, bytes + PIECE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	mem = (char *)(((uintptr_t)mem + PIECE - 1) & ~(PIECE - 1));
	madvise(mem, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return (uint64_t *)mem;
}

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
	double start = now(), middle;
	int ret;

	for (i = 0; i < count; i += WORDS) {
		ret = device_piece(v, words + i, 2 * round + i, buf, out);
		if (ret)
			return ret;
	}
	middle = now();
	for (i = 0; i < count; i++)
		out->wrong += words[i]++ != 2 * round + 1 + i;
	/* The first sweep also makes the tables and the backing. */
	if (round) {
		out->device_seconds += middle - start;
		out->cpu_seconds += now() - middle;
	}
	return 0;
}

static void run_process(const struct options *opts, size_t bytes, bool huge,
			struct outcome *out)
{
	uint64_t *words = map_words(bytes, huge), *buf = malloc(PIECE), round;
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
static int run_line(const struct options *opts, struct line *line)
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

static void print_line(const struct line *line)
{
	char size[SIZE_TEXT];

	printf("%5.1fx  %-4s %10d %10s %9.2f %9.2f %10.1f", line->factor,
	       line->huge ? "2M" : "4K", line->processes,
	       size_text(line->bytes, size), line->sum.device_seconds,
	       line->sum.cpu_seconds, line->mib_per_second);
	if (line->against > 0)
		printf(" %12.2f", line->against);
	else
		printf(" %12s", "-");
	printf("%s\n", line->sum.wrong ? "  WRONG" : "");
}

static struct json_object *json_line(const struct line *line)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "factor", json_object_new_double(line->factor));
	json_object_object_add(o, "huge", json_object_new_boolean(line->huge));
	json_object_object_add(o, "processes",
			       json_object_new_int(line->processes));
	json_object_object_add(o, "bytes", json_object_new_int64(line->bytes));
	json_object_object_add(o, "device_seconds",
			       json_object_new_double(line->sum.device_seconds));
	json_object_object_add(o, "cpu_seconds",
			       json_object_new_double(line->sum.cpu_seconds));
	json_object_object_add(o, "mib_per_second",
			       json_object_new_double(line->mib_per_second));
	json_object_object_add(o, "time_over_0.9x",
			       json_object_new_double(line->against));
	json_object_object_add(o, "wrong_words",
			       json_object_new_int64(line->sum.wrong));
	json_object_object_add(o, "device_full_bytes",
			       json_object_new_int64(line->sum.full));
	return o;
}

/* The four working sets for one page size and one number of processes. */
static int run_group(const struct options *opts, uint64_t vram, bool huge,
		     unsigned int processes, struct json_object *list)
{
	double per_byte, fits = 0;
	bool wrong = false;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(factors); i++) {
		struct line line = {
			.factor = factors[i],
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
		line.against = fits > 0 ? per_byte / fits : 0;
		wrong |= line.sum.wrong;
		if (list)
			json_object_array_add(list, json_line(&line));
		else
			print_line(&line);
	}
	return wrong ? -EIO : 0;
}

static int oversubscribe(const struct options *opts, uint64_t vram)
{
	struct json_object *list = opts->json ? json_object_new_array() : NULL;
	unsigned int processes;
	int ret = 0, huge;

	if (!list)
		printf("%6s  %-4s %10s %10s %9s %9s %10s %12s\n", "memory",
		       "page", "processes", "bytes", "device s", "CPU s", "MiB/s",
		       "time/0.9x");
	for (huge = 0; !ret && huge < (opts->small ? 1 : 2); huge++)
		for (processes = 1; !ret && processes <= MAX_PROCESSES;
		     processes++)
			if (!opts->processes || opts->processes == processes)
				ret = run_group(opts, vram, huge, processes,
						list);
	if (list) {
		puts(json_object_to_json_string_ext(list,
						    JSON_C_TO_STRING_PRETTY));
		json_object_put(list);
	}
	if (ret == -EIO)
		complain(0, "words were wrong");
	return ret;
}

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Device number N (0)", 0 },
	{ "factor", 'f', "F", 0, "Only 0.5, 0.9, 1.5 or 4 times the memory", 0 },
	{ "processes", 'p', "N", 0, "Only 1 or 2 processes", 0 },
	{ "small", 'S', NULL, 0, "Only small pages", 0 },
	{ "sweeps", 's', "N", 0, "Sweeps to measure, after one to warm up (2)", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 },
};

/* 0: not one of the factors. */
static double parse_factor(const char *text)
{
	char *end;
	double factor = strtod(text, &end);
	size_t i;

	for (i = 0; !*end && i < ARRAY_SIZE(factors); i++)
		if (factors[i] == factor)
			return factor;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;
	unsigned long number;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 1023, &number))
			argp_error(state, "not a device number: '%s'", arg);
		opts->device = number;
		return 0;
	case 'f':
		opts->factor = parse_factor(arg);
		if (!opts->factor)
			argp_error(state, "not a measured factor: '%s'", arg);
		return 0;
	case 'p':
		if (!parse_number(arg, 1, MAX_PROCESSES, &opts->processes))
			argp_error(state, "not 1 or 2 processes: '%s'", arg);
		return 0;
	case 'S':
		opts->small = true;
		return 0;
	case 's':
		if (!parse_number(arg, 1, 1000, &opts->sweeps))
			argp_error(state, "not a number of sweeps: '%s'", arg);
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define DOC "Sweep working sets of 0.5 to 4 times the device's memory, with the device and with the CPU, and check every word.\vThe times are of all sweeps but the first, added up over the processes. The last column is the time per byte over that at 0.9 times the memory."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = DOC,
};

int cmd_bench(int argc, char **argv)
{
	struct options opts = { .sweeps = 2 };
	struct drm_vsvm_info info;
	struct vsvm *v;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	ret = open_device(opts.device, &v);
	if (ret)
		return EXIT_WRONG;
	ret = vsvm_info(v, &info);
	vsvm_close(v);
	if (!ret)
		ret = oversubscribe(&opts, info.vram_size);
	else
		complain(ret, "info");
	return ret ? EXIT_WRONG : EXIT_OK;
}
