// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what ways to move memory are worth to programs. Four workloads run on working
 * sets of a half to four times the device's memory, each in five ways. A queue of the
 * device works on all of the set, then the CPU reads a word of each page; twice.
 *
 * Owns a handle with a queue and the set for a measurement, and the parameters on_fault
 * and thrash_turns of the module, which it sets back: so it wants root. Word 0 of a page
 * is a link to the next page of the chase, the others are for the device to write.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bench.h"
#include "fields.h"
#include "libvsvm.h"
#include "vsvm.h"

#define PAGE		4096UL
#define PIECE		(256UL << 10)	/* that the stream copies at a time */
#define WORD		8		/* offset of a word that the device writes */
#define TILES		4		/* of a matrix, in each direction */
#define BATCH		64U		/* commands of a job */
#define ROUNDS		2
#define PATIENCE	(300 * 1000000000LL)
/* Where memory is that has to be at the same place each time, and how far apart. */
#define FIXED		(1UL << 44)
#define FIXED_STEP	(1UL << 40)
#define PARAMETERS	"/sys/module/vsvm/parameters/"

/**
 * struct run - a measurement
 * @v: handle
 * @queue: its queue
 * @fence: of the queue
 * @value: its last value
 * @set: the working set
 * @bytes: its size
 * @scratch: of the device, for what it reads
 * @job: commands that were not submitted yet
 * @nr: number of these
 * @seed: of the random order
 */
struct run {
	struct vsvm *v;
	uint32_t queue;
	uint64_t *fence;
	uint64_t value;
	char *set;
	size_t bytes;
	char *scratch;
	struct drm_vsvm_command job[BATCH + 1];
	unsigned int nr;
	uint64_t seed;
};

/* One line of the table. */
struct line {
	char work[16];
	double factor;
	char way[20];
	double ms;
	uint64_t moved;
	uint64_t faults;
	double over_in_place;
};

#define COLUMN(name, label, kind) \
	{ #name, label, kind, offsetof(struct line, name) }

static const struct field columns[] = {
	COLUMN(work, "workload   ", FIELD_TEXT),
	COLUMN(factor, " memory x", FIELD_REAL),
	COLUMN(way, "way                ", FIELD_TEXT),
	COLUMN(ms, "       ms", FIELD_REAL),
	COLUMN(moved, "     moved", FIELD_BYTES64),
	COLUMN(faults, "    faults", FIELD_U64),
	COLUMN(over_in_place, " time/in place", FIELD_REAL),
	{ 0 },
};

static const double factors[] = { 0.5, 0.9, 1.5, 4 };

/* Waits until the device did all that was submitted. */
static int flush(struct run *r)
{
	int ret;

	r->job[r->nr++] = vsvm_cmd_signal(r->fence, ++r->value, -1);
	ret = vsvm_submit(r->v, r->queue, r->job, r->nr, NULL);
	r->nr = 0;
	return ret ? ret : vsvm_wait(r->v, r->fence, r->value, ~0ULL, DRM_VSVM_WAIT_EQ,
				     vsvm_deadline(PATIENCE), r->queue);
}

static int add(struct run *r, struct drm_vsvm_command c)
{
	r->job[r->nr++] = c;
	return r->nr == BATCH ? flush(r) : 0;
}

/* One half of the set is copied to the other, in order. */
static int stream(struct run *r)
{
	size_t half = r->bytes / 2, i, n;
	int ret = 0;

	for (i = 0; !ret && i < half; i += n) {
		n = half - i < PIECE ? half - i : PIECE;
		ret = add(r, vsvm_cmd_copy(r->set + half + i, r->set + i, n));
	}
	return ret ? ret : flush(r);
}

static uint64_t draw(struct run *r, uint64_t below)
{
	r->seed = r->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (r->seed >> 33) % below;
}

/* Words at random, as many as there are pages. */
static int at_random(struct run *r)
{
	size_t pages = r->bytes / PAGE, i;
	int ret = 0;

	for (i = 0; !ret && i < pages; i++)
		ret = add(r, vsvm_cmd_fill(r->set + draw(r, pages) * PAGE + WORD, 8,
					   i + 1, 8));
	return ret ? ret : flush(r);
}

/* From page to page, where each says which is the next. */
static int chase(struct run *r)
{
	size_t pages = r->bytes / PAGE, i;
	uint64_t at = 0;
	int ret = 0;

	for (i = 0; !ret && i < pages; i++) {
		ret = vsvm_read(r->v, r->set + at * PAGE, &at, sizeof(at), NULL);
		if (!ret && at >= pages)
			ret = -EILSEQ;
	}
	return !ret && at ? -EILSEQ : ret;
}

static size_t tile_of(const struct run *r)
{
	return r->bytes / (3 * TILES * TILES) / PAGE * PAGE;
}

/* C = A * B by tiles: what it reads and writes, without the sums. */
static int matrix(struct run *r)
{
	size_t tile = tile_of(r);
	char *a = r->set, *b = a + TILES * TILES * tile, *c = b + TILES * TILES * tile;
	unsigned int i, j, k;
	int ret = 0;

	for (i = 0; i < TILES; i++) {
		for (j = 0; j < TILES; j++) {
			for (k = 0; !ret && k < TILES; k++) {
				ret = add(r, vsvm_cmd_copy(r->scratch,
							   a + (i * TILES + k) * tile, tile));
				if (!ret)
					ret = add(r, vsvm_cmd_copy(r->scratch,
								   b + (k * TILES + j) * tile,
								   tile));
			}
			if (!ret)
				ret = add(r, vsvm_cmd_fill(c + (i * TILES + j) * tile,
							   tile, i + 1, 8));
		}
	}
	return ret ? ret : flush(r);
}

static int check_stream(struct run *r)
{
	return memcmp(r->set, r->set + r->bytes / 2, r->bytes / 2) ? -EILSEQ : 0;
}

/* The last tile that was written. */
static int check_matrix(struct run *r)
{
	size_t tile = tile_of(r), i;
	const char *c = r->set + (3 * TILES * TILES - 1) * tile;

	for (i = 0; i < tile; i += sizeof(uint64_t))
		if (*(const uint64_t *)(c + i) != TILES)
			return -EILSEQ;
	return 0;
}

/* What the device does, and whether the set is as it should be afterwards. */
static const struct work {
	const char *name;
	int (*device)(struct run *r);
	int (*check)(struct run *r);
} works[BENCH_WORKS] = {
	{ "stream", stream, check_stream },
	{ "random", at_random, chase },
	{ "chase", chase, chase },
	{ "matrix", matrix, check_matrix },
};

static const struct way {
	const char *name;
	const char *on_fault;
	const char *thrash_turns;
	bool migrates;
	bool prefetches;
} ways[BENCH_WAYS] = {
	{ "in place", "in-place", "0", false, false },
	{ "MIGRATE", "in-place", "0", true, false },
	{ "on fault", "migrate", "0", false, false },
	{ "fault, PREFETCH", "migrate", "0", false, true },
	{ "fault, thrash ctl", "migrate", "3", false, false },
};

/* The counters of fdinfo that add up to a member of what was measured. */
static const struct {
	const char *name;	/* a prefix, if @prefix */
	bool prefix;
	size_t offset;
	unsigned int unit;
} sums[] = {
#define SUM(name, prefix, member, unit) \
	{ name, prefix, offsetof(struct bench_measured, member), unit }
	SUM("to-device-pages", false, moved, PAGE),
	SUM("home-", true, moved, PAGE),
	SUM("device-faults", false, faults, 1),
	SUM("cpu-faults", false, faults, 1),
	SUM("link-to-device-ns", false, to_device_ns, 1),
	SUM("link-fault-to-device-ns", false, to_device_ns, 1),
	SUM("link-home-", true, home_ns, 1),
	SUM("link-remote-ns", false, remote_ns, 1),
	SUM("link-local-ns", false, local_ns, 1),
	SUM("link-device-fault-ns", false, faults_ns, 1),
	SUM("link-cpu-fault-ns", false, faults_ns, 1),
};

static void add_counter(struct bench_measured *m, const char *name, uint64_t n,
			int sign)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sums); i++)
		if (sums[i].prefix ? !strncmp(name, sums[i].name, strlen(sums[i].name)) :
				     !strcmp(name, sums[i].name))
			*(uint64_t *)((char *)m + sums[i].offset) += sign * n * sums[i].unit;
}

/* Adds the handle's counters, or subtracts them. */
static int counters(const struct run *r, struct bench_measured *m, int sign)
{
	unsigned long long n;
	char line[128], name[64];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", vsvm_fd(r->v));
	f = fopen(line, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "vsvm-%63[^:]: %llu", name, &n) == 2)
			add_counter(m, name, n, sign);
	fclose(f);
	return 0;
}

/* Links all pages in one ring, in an order that no hardware or driver expects. */
static int link_pages(struct run *r)
{
	size_t pages = r->bytes / PAGE, i, j;
	uint64_t *order = malloc(pages * sizeof(*order)), swap;

	if (!order)
		return -ENOMEM;
	for (i = 0; i < pages; i++)
		order[i] = i;
	for (i = pages - 1; i > 1; i--) {
		j = 1 + draw(r, i);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	for (i = 0; i < pages; i++)
		*(uint64_t *)(r->set + order[i] * PAGE) = order[(i + 1) % pages];
	free(order);
	return 0;
}

/* What the CPU does with what the device did. */
static uint64_t cpu_reads(const struct run *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < r->bytes; i += PAGE)
		sum += __atomic_load_n((uint64_t *)(r->set + i + WORD), __ATOMIC_RELAXED);
	return sum;
}

static int passes(struct run *r, const struct work *work, const struct way *way)
{
	struct drm_vsvm_migrate result;
	unsigned int round;
	int ret = 0;

	for (round = 0; !ret && round < ROUNDS; round++) {
		if (way->migrates)
			ret = vsvm_migrate(r->v, r->set, r->bytes,
					   DRM_VSVM_TARGET_DEVICE, 0, &result);
		if (!ret && way->prefetches)
			ret = add(r, vsvm_cmd_prefetch(r->set, r->bytes,
						       DRM_VSVM_TARGET_DEVICE));
		if (!ret)
			ret = work->device(r);
		if (!ret)
			cpu_reads(r);
	}
	return ret;
}

/*
 * Memory for a measurement. Policy takes addresses for its tables, so for figures that are
 * the same each time they have to be, too.
 */
static char *map(size_t bytes, unsigned int which, bool fixed)
{
	char *at = (char *)FIXED + which * FIXED_STEP, *mem;

	if (!fixed)
		return bench_map(bytes, false, 0);
	mem = mmap(at, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	return mem;
}

static int measure(unsigned int device, size_t bytes, const struct work *work,
		   const struct way *way, bool fixed, struct bench_measured *m)
{
	struct run r = { .bytes = bytes / PAGE * PAGE, .seed = 1 };
	double start;
	int ret;

	memset(m, 0, sizeof(*m));
	r.set = map(r.bytes, 0, fixed);
	r.scratch = map(tile_of(&r), 1, fixed);
	r.fence = (void *)map(BENCH_HUGE, 2, fixed);
	ret = r.set && r.scratch && r.fence ? vsvm_open(device, &r.v) : -ENOMEM;
	if (!ret)
		ret = vsvm_queue_create(r.v, DRM_VSVM_PRIORITY_NORMAL, 2 * BATCH,
					&r.queue);
	if (!ret)
		ret = link_pages(&r);
	if (!ret)
		ret = counters(&r, m, -1);
	start = bench_now();
	if (!ret)
		ret = passes(&r, work, way);
	m->ms = (bench_now() - start) * 1e3;
	if (!ret)
		ret = counters(&r, m, 1);
	if (!ret)
		ret = work->check(&r);
	vsvm_close(r.v);
	if (r.fence)
		munmap(r.fence, BENCH_HUGE);
	if (r.scratch)
		munmap(r.scratch, tile_of(&r));
	if (r.set)
		munmap(r.set, r.bytes);
	return ret;
}

/**
 * bench_work_name() - name a workload
 * @work: its number, below BENCH_WORKS
 *
 * Return: the name, as tables have it.
 */
const char *bench_work_name(unsigned int work)
{
	return works[work].name;
}

/**
 * bench_way_name() - name a way to move memory
 * @way: its number, below BENCH_WAYS; 0: memory stays
 *
 * Return: the name, as tables have it.
 */
const char *bench_way_name(unsigned int way)
{
	return ways[way].name;
}

/**
 * bench_workload() - measure a workload
 * @device: number of the vsvm device
 * @bytes: of its working set
 * @work: its number
 * @way: number of the way that memory moves
 * @fixed: memory is at the same addresses each time
 * @m: out, what it took
 *
 * Sets the parameters on_fault and thrash_turns, and leaves them so.
 *
 * Return: 0, or a negative errno.
 */
int bench_workload(unsigned int device, size_t bytes, unsigned int work,
		   unsigned int way, bool fixed, struct bench_measured *m)
{
	int ret = bench_parameter("on_fault", ways[way].on_fault, NULL, 0);

	if (!ret)
		ret = bench_parameter("thrash_turns", ways[way].thrash_turns, NULL, 0);
	return ret ? ret : measure(device, bytes, &works[work], &ways[way], fixed, m);
}

static int run_ways(unsigned int device, double factor, uint64_t vram,
		    unsigned int work, struct json_object *out)
{
	struct line line = { .factor = factor };
	struct bench_measured m;
	double in_place = 0;
	unsigned int i;
	int ret = 0;

	snprintf(line.work, sizeof(line.work), "%s", works[work].name);
	for (i = 0; !ret && i < BENCH_WAYS; i++) {
		snprintf(line.way, sizeof(line.way), "%s", ways[i].name);
		ret = bench_workload(device, factor * vram, work, i, false, &m);
		if (ret)
			break;
		line.ms = m.ms;
		line.moved = m.moved;
		line.faults = m.faults;
		if (!i)
			in_place = line.ms;
		line.over_in_place = line.ms / in_place;
		if (out)
			json_object_array_add(out, fields_json(columns, &line));
		else
			fields_row(columns, &line, stdout);
		fflush(stdout);
	}
	if (ret)
		complain(ret, "%s, %gx, %s", line.work, factor, line.way);
	return ret;
}

/* Is there a workload of that name? */
bool bench_work_known(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(works); i++)
		if (!strcmp(works[i].name, name))
			return true;
	return false;
}

/**
 * bench_workloads() - print the table of workloads
 * @device: number of the vsvm device
 * @vram: bytes of its memory
 * @factor: the only size of the working sets, in sizes of its memory, or 0: all
 * @workload: the only workload, or NULL: all
 * @out: JSON array that gets the lines, or NULL: text to stdout
 *
 * Return: 0, or a negative errno.
 */
int bench_workloads(unsigned int device, uint64_t vram, double factor,
		    const char *workload, struct json_object *out)
{
	char on_fault[32], thrash_turns[32];
	size_t i, k;
	int ret;

	if (access(PARAMETERS "thrash_turns", W_OK)) {
		fputs("vsvm: the table workloads wants root\n", stderr);
		return 0;
	}
	ret = bench_parameter("on_fault", "in-place", on_fault, sizeof(on_fault));
	if (ret)
		return ret;
	ret = bench_parameter("thrash_turns", "0", thrash_turns, sizeof(thrash_turns));
	if (!out)
		fields_head(columns, stdout);
	for (k = 0; !ret && k < BENCH_WORKS; k++)
		for (i = 0; !ret && i < ARRAY_SIZE(factors); i++)
			if ((!factor || factor == factors[i]) &&
			    (!workload || !strcmp(workload, works[k].name)))
				ret = run_ways(device, factors[i], vram, k, out);
	bench_parameter("on_fault", on_fault, NULL, 0);
	bench_parameter("thrash_turns", thrash_turns, NULL, 0);
	return ret;
}
