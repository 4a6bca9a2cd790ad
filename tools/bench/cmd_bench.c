// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm bench: how fast it is, in figures that mean something beside each other.
 *
 * Owns the options, and two of the tables: the works on 64 MiB, and how their
 * cost grows with the size. Each is measured in rounds; in a round every engine
 * and a plain copy of as many bytes take their turn. What counts is the median.
 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "vsvm.h"

#define MAX_ROUNDS	100
#define LARGE_ROUNDS	3	/* above 64 MiB */
#define ENGINES		2
#define MAX_TRIES	10	/* when a page stays behind */
#define WORKS_BYTES	(64UL << 20)

enum table {
	TABLE_WORKS = 1,
	TABLE_GROWTH = 2,
	TABLE_SPARSE = 4,
	TABLE_QUEUES = 8,
	TABLE_POLICY = 16,
	TABLE_MEMORY = 32,
	TABLES = 63,		/* unless others are asked for */
	TABLE_WORKLOADS = 64,
	TABLE_PROGRAMS = 128,
	TABLE_LINK = 256,
};

static const struct {
	const char *name;
	enum table table;
} tables[] = {
	{ "works", TABLE_WORKS },
	{ "growth", TABLE_GROWTH },
	{ "sparse", TABLE_SPARSE },
	{ "queues", TABLE_QUEUES },
	{ "policy", TABLE_POLICY },
	{ "memory", TABLE_MEMORY },
	{ "workloads", TABLE_WORKLOADS },
	{ "programs", TABLE_PROGRAMS },
	{ "link", TABLE_LINK },
};

struct options {
	const struct bench_engine *const *engines;
	struct bench_memory memory;
	const char *workload;		/* NULL: all */
	unsigned long rounds;
	unsigned int tables;		/* enum table; 0: all */
	unsigned int pages;		/* 1: small, 2: huge */
	unsigned int works;		/* bits by work */
	unsigned int queue_rows;	/* bits by row; 0: all */
	unsigned long threads;		/* 0: one, and two */
	bool trace;
	struct json_object *json;	/* NULL: text */
	uint64_t vram;
};

#define LONE_FAULT	BENCH_STEPS

#define ALL_WORKS	((1U << (LONE_FAULT + 1)) - 1)

static const struct work {
	const char *key;	/* on the command line */
	const char *name;	/* in the tables */
} works[BENCH_STEPS + 1] = {
	[STEP_TO_DEVICE] = { "to-device", "migrate to device" },
	[STEP_HOME] = { "home", "migrate home" },
	[STEP_IN_ORDER] = { "in-order", "CPU touches in order" },
	[STEP_AT_RANDOM] = { "at-random", "CPU touches at random" },
	[STEP_COLD_READ] = { "cold-read", "device read, table cold" },
	[STEP_HOT_READ] = { "read", "device read, hot" },
	[STEP_HOT_WRITE] = { "write", "device write, hot" },
	[STEP_SNAPSHOT] = { "snapshot", "snapshot" },
	[STEP_DEVICE_READ] = { "device-read", "read on device, hot" },
	[STEP_DEVICE_WRITE] = { "device-write", "write on device, hot" },
	[STEP_DEVICE_SNAPSHOT] = { "device-snapshot", "snapshot on device" },
	[LONE_FAULT] = { "lone-fault", "one lone fault home" },
};

/* The order in which they are printed. */
static const unsigned int works_order[] = {
	STEP_TO_DEVICE, STEP_HOME, STEP_IN_ORDER, STEP_AT_RANDOM,
	STEP_COLD_READ, STEP_HOT_READ, STEP_HOT_WRITE, STEP_SNAPSHOT,
	STEP_DEVICE_READ, STEP_DEVICE_WRITE, STEP_DEVICE_SNAPSHOT, LONE_FAULT,
};

static const unsigned int growth_order[] = {
	STEP_TO_DEVICE, STEP_HOME, STEP_COLD_READ, STEP_SNAPSHOT,
};

/**
 * struct line - one line of the tables of works and of growth
 * @work: its name
 * @page: size of a page
 * @threads: how many do it, each a part
 * @bytes: all of them together
 * @vsvm_ms: median time
 * @hmm_ms: of test_hmm
 * @copy_ms: of a copy of as many bytes
 * @over_hmm: throughput over that of test_hmm
 * @over_copy: throughput over that of a copy
 * @over_one: throughput of all threads over that of one
 * @copy_over_one: the same of a copy: what this machine gives
 * @us_per_mib: time for a MiB
 */
struct line {
	char work[28];
	char page[4];
	uint32_t threads;
	uint64_t bytes;
	double vsvm_ms;
	double hmm_ms;
	double copy_ms;
	double over_hmm;
	double over_copy;
	double over_one;
	double copy_over_one;
	double us_per_mib;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field works_columns[] = {
	COLUMN(work, "work                    ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(threads, " threads", FIELD_U32),
	{ "vsvm_ms", "  vsvm ms", FIELD_REAL, offsetof(struct line, vsvm_ms) },
	{ "test_hmm_ms", " t_hmm ms", FIELD_REAL, offsetof(struct line, hmm_ms) },
	{ "memcpy_ms", " memcpy ms", FIELD_REAL, offsetof(struct line, copy_ms) },
	{ "over_test_hmm", " x t_hmm", FIELD_REAL, offsetof(struct line, over_hmm) },
	{ "over_memcpy", " x memcpy", FIELD_REAL, offsetof(struct line, over_copy) },
	{ "over_one_thread", " x 1 thread", FIELD_REAL,
	  offsetof(struct line, over_one) },
	{ "memcpy_over_one_thread", " its memcpy", FIELD_REAL,
	  offsetof(struct line, copy_over_one) },
	{ 0 },
};

static const struct field growth_columns[] = {
	COLUMN(work, "work                    ", FIELD_TEXT),
	COLUMN(page, "page", FIELD_TEXT),
	COLUMN(bytes, "   bytes", FIELD_BYTES64),
	{ "vsvm_ms", "  vsvm ms", FIELD_REAL, offsetof(struct line, vsvm_ms) },
	{ "test_hmm_ms", " t_hmm ms", FIELD_REAL, offsetof(struct line, hmm_ms) },
	{ "memcpy_ms", " memcpy ms", FIELD_REAL, offsetof(struct line, copy_ms) },
	{ "over_test_hmm", " x t_hmm", FIELD_REAL, offsetof(struct line, over_hmm) },
	{ "over_memcpy", " x memcpy", FIELD_REAL, offsetof(struct line, over_copy) },
	{ "us_per_mib", " vsvm us/MiB", FIELD_REAL,
	  offsetof(struct line, us_per_mib) },
	{ 0 },
};

/* The times of a case, by round. */
struct times {
	double engine[ENGINES][BENCH_STEPS + 1][MAX_ROUNDS];
	double copy[MAX_ROUNDS];
	double lone_copy[MAX_ROUNDS];
};

/* The medians of a case. */
struct medians {
	double engine[ENGINES][BENCH_STEPS + 1];
	double copy[BENCH_STEPS + 1];
};

static int measure_engine(struct bench_case c,
			  const struct bench_engine *engine, bool lone,
			  double seconds[BENCH_STEPS + 1])
{
	unsigned int tries = 0;
	int ret;

	c.engine = engine;
	/*
	 * A page stays behind while another processor has it on its way to the
	 * LRU. The times are no good then.
	 */
	do
		ret = bench_steps(&c, seconds);
	while ((ret == -EBUSY || ret == -ENOENT) && ++tries < MAX_TRIES);
	if (tries)
		complain(0, "%s, %s pages, %u threads: pages stayed, measured %u times more",
			 engine->name, c.huge ? "huge" : "small", c.threads,
			 tries);
	if (!ret && lone)
		ret = bench_lone_faults(&c, &seconds[LONE_FAULT]);
	if (ret)
		complain(ret, "%s with %s pages", engine->name,
			 c.huge ? "huge" : "small");
	return ret;
}

/* One round; every other one the other way round. */
static int measure_round(const struct options *opts, const struct bench_case *c,
			 bool lone, unsigned int round, struct times *t)
{
	double seconds[BENCH_STEPS + 1] = { 0 };
	unsigned int i, k, e;
	int ret;

	ret = bench_copy(c, &t->copy[round]);
	if (!ret && lone)
		ret = bench_lone_faults(c, &t->lone_copy[round]);
	for (i = 0; !ret && i < ENGINES; i++) {
		e = round % 2 ? ENGINES - 1 - i : i;
		if (!opts->engines[e])
			continue;
		ret = measure_engine(*c, opts->engines[e], lone, seconds);
		for (k = 0; k <= BENCH_STEPS; k++)
			t->engine[e][k][round] = seconds[k];
	}
	return ret;
}

static int measure(const struct options *opts, struct bench_case *c, bool lone,
		   unsigned int rounds, struct medians *m)
{
	static struct times t;
	unsigned int round, e, k;
	int ret;

	/* The first one makes chunks, backing and tables, and does not count. */
	c->traced = 0;
	ret = measure_round(opts, c, lone, 0, &t);
	if (opts->trace)
		c->traced = opts->works;
	for (round = 0; !ret && round < rounds; round++)
		ret = measure_round(opts, c, lone, round, &t);
	if (ret)
		return ret;

	for (k = 0; k <= BENCH_STEPS; k++) {
		for (e = 0; e < ENGINES; e++)
			m->engine[e][k] = !opts->engines[e] ? NAN :
				bench_median(t.engine[e][k], rounds);
		m->copy[k] = bench_median(k == LONE_FAULT ? t.lone_copy :
							    t.copy, rounds);
	}
	return 0;
}

static void print_line(const struct options *opts, const struct field *columns,
		       const struct bench_case *c, unsigned int k,
		       const struct medians *m, const struct medians *one)
{
	struct line line = {
		.threads = c->threads,
		.bytes = c->bytes,
		.vsvm_ms = m->engine[0][k] * 1e3,
		.hmm_ms = m->engine[1][k] * 1e3,
		.copy_ms = m->copy[k] * 1e3,
		.over_hmm = m->engine[1][k] / m->engine[0][k],
		.over_copy = m->copy[k] / m->engine[0][k],
		.over_one = NAN,
		.copy_over_one = NAN,
		.us_per_mib = m->engine[0][k] * 1e6 / (c->bytes >> 20),
	};

	snprintf(line.work, sizeof(line.work), "%s", works[k].name);
	snprintf(line.page, sizeof(line.page), "%s", c->huge ? "2M" : "4K");
	if (one) {
		line.over_one = one->engine[0][k] / m->engine[0][k];
		line.copy_over_one = one->copy[k] / m->copy[k];
	}
	if (opts->json)
		json_object_array_add(opts->json, fields_json(columns, &line));
	else
		fields_row(columns, &line, stdout);
	fflush(stdout);
}

static bool wanted(const struct options *opts, bool huge)
{
	return opts->pages & (huge ? 2 : 1);
}

static void print_works(const struct options *opts, const struct bench_case *c,
			const struct medians m[2])
{
	const struct medians *one = c->threads > 1 && !opts->threads ? m : NULL;
	unsigned int k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(works_order); i++) {
		k = works_order[i];
		if (opts->works & 1U << k && (k != LONE_FAULT || c->threads == 1))
			print_line(opts, works_columns, c, k,
				   &m[c->threads - 1], one);
	}
}

static int bench_works(const struct options *opts)
{
	struct bench_case c = {
		.device = opts->memory.device,
		.steps = opts->works & (STEPS_MOVE | STEPS_ACCESS),
		.bytes = WORKS_BYTES,
	};
	struct medians m[2];
	int ret, huge;
	bool lone;

	if (!opts->json)
		fields_head(works_columns, stdout);
	for (huge = 0; huge < 2; huge++) {
		c.huge = huge;
		for (c.threads = 1; wanted(opts, huge) && c.threads <= 2;
		     c.threads++) {
			if (opts->threads && c.threads != opts->threads)
				continue;
			lone = c.threads == 1 && opts->works & 1U << LONE_FAULT;
			ret = measure(opts, &c, lone, opts->rounds,
				      &m[c.threads - 1]);
			if (ret)
				return ret;
			print_works(opts, &c, m);
		}
	}
	return 0;
}

static unsigned int growth_rounds(const struct options *opts, size_t bytes)
{
	if (bytes > WORKS_BYTES && opts->rounds > LARGE_ROUNDS)
		return LARGE_ROUNDS;
	return opts->rounds;
}

static int bench_growth(const struct options *opts)
{
	struct bench_case c = {
		.device = opts->memory.device,
		.threads = 1,
		.steps = STEP(TO_DEVICE) | STEP(HOME) | STEP(COLD_READ) |
			 STEP(SNAPSHOT),
	};
	struct medians m;
	int ret, huge;
	size_t i;

	if (!opts->json)
		fields_head(growth_columns, stdout);
	for (huge = 0; huge < 2; huge++) {
		c.huge = huge;
		/* Huge pages begin with one of them. */
		for (c.bytes = 1UL << 20; wanted(opts, huge) &&
		     c.bytes <= 1UL << 30 && c.bytes <= opts->vram;
		     c.bytes *= 4) {
			if (huge && c.bytes < BENCH_HUGE)
				c.bytes = BENCH_HUGE;
			else if (huge && c.bytes == 4 * BENCH_HUGE)
				c.bytes = 2 * BENCH_HUGE;
			ret = measure(opts, &c, false,
				      growth_rounds(opts, c.bytes), &m);
			if (ret)
				return ret;
			for (i = 0; i < ARRAY_SIZE(growth_order); i++)
				print_line(opts, growth_columns, &c,
					   growth_order[i], &m, NULL);
		}
	}
	return 0;
}

static int bench_queues(const struct options *opts)
{
	const struct bench_queue queue = {
		.device = opts->memory.device,
		.rounds = opts->rounds,
		.pages = opts->pages,
		.rows = opts->queue_rows ? opts->queue_rows : ~0U,
	};

	return bench_queue(&queue, opts->json);
}

static int run_table(struct options *opts, enum table table)
{
	switch (table) {
	case TABLE_WORKS:
		return bench_works(opts);
	case TABLE_GROWTH:
		return bench_growth(opts);
	case TABLE_SPARSE:
		return bench_sparse(opts->memory.device, opts->rounds,
				    opts->json);
	case TABLE_QUEUES:
		return bench_queues(opts);
	case TABLE_POLICY:
		return bench_policy(opts->memory.device, opts->rounds,
				    opts->json);
	case TABLE_WORKLOADS:
		return bench_workloads(opts->memory.device, opts->vram, opts->memory.factor,
				       opts->workload, opts->json);
	case TABLE_LINK:
		return bench_link(opts->memory.device, opts->vram, opts->memory.factor,
				  opts->workload, opts->json);
	case TABLE_PROGRAMS:
		return bench_programs(opts->memory.device, opts->rounds, opts->json);
	default:
		return bench_memory(&opts->memory, opts->vram, opts->json);
	}
}

static int run_tables(struct options *opts, bool json)
{
	struct json_object *all = json ? json_object_new_object() : NULL;
	bool first = true;
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < ARRAY_SIZE(tables); i++) {
		if (!(opts->tables & tables[i].table))
			continue;
		if (json) {
			opts->json = json_object_new_array();
			json_object_object_add(all, tables[i].name, opts->json);
		} else if (!first) {
			putchar('\n');
		}
		first = false;
		ret = run_table(opts, tables[i].table);
	}
	if (json) {
		puts(json_object_to_json_string_ext(all,
						    JSON_C_TO_STRING_PRETTY));
		json_object_put(all);
	}
	return ret;
}

struct arguments {
	struct options opts;
	bool json;
};

#define HELP_TABLE "Only works, growth, sparse, queues, policy, memory, workloads, programs or link; may be given more than once"
#define HELP_ROUNDS "Measure everything N times, 1 to 100 (7); above 64 MiB 3 times at most"
#define HELP_WORK "Only to-device, home, in-order, at-random, cold-read, read, write, snapshot, device-read, device-write, device-snapshot or lone-fault; may be given more than once"

#define HELP_QUEUE "Only copy, fill, fill-words, cold-copy, cold-source, two, threads, spin, wait, eventfd, jobs, fault or fault-threads; may be given more than once"

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Device number N (0)", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "table", 't', "NAME", 0, HELP_TABLE, 0 },
	{ "rounds", 'r', "N", 0, HELP_ROUNDS, 0 },
	{ "small", 'S', NULL, 0, "Only small pages", 0 },
	{ "huge", 'H', NULL, 0, "Only huge pages (not in the tables sparse and memory)", 0 },
	{ NULL, 0, NULL, 0, "The table works:", 0 },
	{ "work", 'w', "NAME", 0, HELP_WORK, 0 },
	{ "threads", 'T', "N", 0, "Only with 1 or 2 threads", 0 },
	{ "trace", 'x', NULL, 0, "Have the kernel trace what is measured and nothing else", 0 },
	{ NULL, 0, NULL, 0, "The table queues:", 0 },
	{ "queue", 'q', "NAME", 0, HELP_QUEUE, 0 },
	{ NULL, 0, NULL, 0, "The tables workloads and link:", 0 },
	{ "workload", 'W', "NAME", 0, "Only stream, random, chase or matrix", 0 },
	{ NULL, 0, NULL, 0, "The table memory:", 0 },
	{ "factor", 'f', "F", 0, "Only 0.5, 0.9, 1.5 or 4 times the memory; for these, too", 0 },
	{ "processes", 'p', "N", 0, "Only 1 or 2 processes", 0 },
	{ "sweeps", 's', "N", 0, "Sweeps to measure, after one to warm up (2)", 0 },
	{ 0 },
};

static enum table parse_table(const char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (!strcmp(tables[i].name, text))
			return tables[i].table;
	return 0;
}

static unsigned int parse_work(const char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(works); i++)
		if (!strcmp(works[i].key, text))
			return 1U << i;
	return 0;
}

static error_t parse_works(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct options *opts = &args->opts;

	switch (key) {
	case 'w':
		if (!parse_work(arg))
			argp_error(state, "not a work: '%s'", arg);
		opts->works |= parse_work(arg);
		return 0;
	case 'T':
		if (!parse_number(arg, 1, 2, &opts->threads))
			argp_error(state, "not 1 or 2 threads: '%s'", arg);
		return 0;
	case 'x':
		opts->trace = true;
		return 0;
	case 'q':
		if (!bench_queue_row(arg))
			argp_error(state, "not a row of queues: '%s'", arg);
		opts->queue_rows |= bench_queue_row(arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_memory(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct bench_memory *memory = &args->opts.memory;

	switch (key) {
	case 'W':
		if (!bench_work_known(arg))
			argp_error(state, "not a workload: '%s'", arg);
		args->opts.workload = arg;
		return 0;
	case 'f':
		memory->factor = bench_memory_factor(arg);
		if (!memory->factor)
			argp_error(state, "not a measured factor: '%s'", arg);
		return 0;
	case 'p':
		if (!parse_number(arg, 1, 2, &memory->processes))
			argp_error(state, "not 1 or 2 processes: '%s'", arg);
		return 0;
	case 's':
		if (!parse_number(arg, 1, 1000, &memory->sweeps))
			argp_error(state, "not a number of sweeps: '%s'", arg);
		return 0;
	default:
		return parse_works(key, arg, state);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct options *opts = &args->opts;
	unsigned long number;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 1023, &number))
			argp_error(state, "not a device number: '%s'", arg);
		opts->memory.device = number;
		return 0;
	case 't':
		if (!parse_table(arg))
			argp_error(state, "not a table: '%s'", arg);
		opts->tables |= parse_table(arg);
		return 0;
	case 'r':
		if (!parse_number(arg, 1, MAX_ROUNDS, &opts->rounds))
			argp_error(state, "not 1 to 100 rounds: '%s'", arg);
		return 0;
	case 'S':
		opts->memory.small = true;
		opts->pages = 1;
		return 0;
	case 'H':
		opts->pages = 2;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	default:
		return parse_memory(key, arg, state);
	}
}

#define DOC "Measure how fast memory moves, is read and looked at.\vEach measurement is made in rounds, with a plain copy of the same bytes beside it, and the median counts; compare figures of one run only. The tables: works on 64 MiB, with one and with two threads; growth from 1 MiB to 1 GiB, as far as it fits the device; sparse, 64 MiB in 1 TiB of address space; queues, what the device does by itself; policy, what parameters of the module are worth, as root; memory, working sets of 0.5 to 4 times the device's memory, every word checked; and, only when asked for, as root, workloads, five ways to move memory for four of them; programs, beside qemu-riscv64; and link, as root, what workloads would cost devices with three links, in virtual time."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = DOC,
};

int bench_main(int argc, char **argv,
	       const struct bench_engine *const engines[2])
{
	struct arguments args = {
		.opts = {
			.engines = engines,
			.memory = { .sweeps = 2 },
			.rounds = 7,
			.pages = 3,
		},
	};
	struct drm_vsvm_info info;
	struct vsvm *v;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (!args.opts.tables)
		args.opts.tables = TABLES;
	if (!args.opts.works)
		args.opts.works = ALL_WORKS;
	ret = open_device(args.opts.memory.device, &v);
	if (ret)
		return EXIT_WRONG;
	ret = vsvm_info(v, &info);
	vsvm_close(v);
	args.opts.vram = info.vram_size;
	if (!ret)
		ret = run_tables(&args.opts, args.json);
	if (ret)
		complain(ret, "bench");
	return ret ? EXIT_WRONG : EXIT_OK;
}

int cmd_bench(int argc, char **argv)
{
	static const struct bench_engine *const engines[2] = { &bench_vsvm };

	return bench_main(argc, argv, engines);
}
