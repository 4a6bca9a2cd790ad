// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm events: what the device tells a process about its memory.
 *
 * A stream tells of the process that opened it and of no other, so this command does
 * some work itself, and prints what it is told of it. Owns the memory that it works on,
 * and the stream, which it reads after each step.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "fields.h"
#include "vsvm.h"

#define MIB		(1024UL * 1024)
#define HUGE		(2 * MIB)
#define TOUR_BYTES	(4 * HUGE)
#define RECORDS		4096
#define BATCH		64
/* How long a queue may take for what the tour has it do. */
#define PATIENCE	60000000000LL

/* A record as it is shown; a text is empty where the type has no such field. */
struct record {
	double ms;		/* since the first one */
	uint64_t time;
	char type[16];
	uint32_t device;
	char cause[16];
	char target[8];
	char addr[24];
	uint64_t bytes;
	uint64_t file;
	uint32_t queue;
	uint64_t seq;
	uint64_t count;
	char access[8];
	uint32_t order;
	char error[24];
	char detail[64];	/* in text, what few types have */
};

#define FIELD(name, label, kind) \
	{ #name, label, kind, offsetof(struct record, name) }

static const struct field columns[] = {
	FIELD(ms, "      MS", FIELD_REAL),
	FIELD(type, "TYPE        ", FIELD_TEXT),
	FIELD(cause, "CAUSE       ", FIELD_TEXT),
	FIELD(target, "TARGET", FIELD_TEXT),
	FIELD(addr, "           ADDR", FIELD_TEXT),
	FIELD(bytes, "   BYTES", FIELD_BYTES64),
	FIELD(detail, "DETAIL", FIELD_TEXT),
	{ 0 },
};

static const struct field fields[] = {
	FIELD(time, "", FIELD_U64),
	FIELD(type, "", FIELD_TEXT),
	FIELD(device, "", FIELD_U32),
	FIELD(cause, "", FIELD_TEXT),
	FIELD(target, "", FIELD_TEXT),
	FIELD(addr, "", FIELD_TEXT),
	FIELD(bytes, "", FIELD_BYTES64),
	FIELD(file, "", FIELD_U64),
	FIELD(queue, "", FIELD_U32),
	FIELD(seq, "", FIELD_U64),
	FIELD(count, "", FIELD_U64),
	FIELD(access, "", FIELD_TEXT),
	FIELD(order, "", FIELD_U32),
	FIELD(error, "", FIELD_TEXT),
	{ 0 },
};

struct teller {
	struct vsvm *v;
	struct drm_vsvm_info info;
	bool json;
	int fd;
	uint64_t since;		/* time of the first event */
	char *mem;
	size_t len;
};

/* Some steps; each is printed in front of what it caused. 0, or a negative errno. */
struct work {
	const char *name;
	int (*run)(struct teller *t);
};

static const char *const accesses[] = { "", "read", "write", "atomic", "fetch" };
static const char *const targets[] = { "home", "device", "advised" };

static void fill_detail(struct record *r, const struct drm_vsvm_event *e)
{
	unsigned long long seq = e->seq, count = e->count;
	char queue[40] = "";

	if (e->queue)
		snprintf(queue, sizeof(queue), "queue %u, job %llu%s", e->queue,
			 seq, *r->access ? ": " : "");
	if (e->type == DRM_VSVM_EVENT_DROPPED)
		snprintf(r->detail, sizeof(r->detail), "%llu are missing", count);
	else if (count)
		snprintf(r->detail, sizeof(r->detail), "%llu pages stayed", count);
	else
		snprintf(r->detail, sizeof(r->detail), "%s%s%s%s", queue,
			 r->access, *r->error ? " " : "", r->error);
}

static void fill_record(struct record *r, const struct teller *t,
			const struct drm_vsvm_event *e)
{
	const char *name = vsvm_event_name(e->type);
	bool moves = e->type == DRM_VSVM_EVENT_MIGRATE;

	memset(r, 0, sizeof(*r));
	r->ms = (e->time - t->since) / 1e6;
	r->time = e->time;
	snprintf(r->type, sizeof(r->type), "%s", name ? name : "?");
	r->device = e->device;
	if (moves || e->type == DRM_VSVM_EVENT_EVICT ||
	    e->type == DRM_VSVM_EVENT_CPU_FAULT ||
	    e->type == DRM_VSVM_EVENT_DEVICE_FAULT) {
		name = vsvm_cause_name(e->cause);
		snprintf(r->cause, sizeof(r->cause), "%s", name ? name : "?");
	}
	if (moves || e->type == DRM_VSVM_EVENT_PREFETCH)
		snprintf(r->target, sizeof(r->target), "%s",
			 e->target < ARRAY_SIZE(targets) ? targets[e->target] : "?");
	if (e->addr)
		snprintf(r->addr, sizeof(r->addr), "%llx",
			 (unsigned long long)e->addr);
	if (e->access < ARRAY_SIZE(accesses))
		snprintf(r->access, sizeof(r->access), "%s", accesses[e->access]);
	if (e->error)
		snprintf(r->error, sizeof(r->error), "%s",
			 strerrorname_np(e->error) ?: "?");
	r->bytes = e->bytes;
	r->file = e->file;
	r->queue = e->queue;
	r->seq = e->seq;
	r->count = e->count;
	r->order = e->order;
	fill_detail(r, e);
}

static int print_record(const struct teller *t, const struct record *r)
{
	struct json_object *object;

	if (!t->json) {
		fields_row(columns, r, stdout);
		return 0;
	}
	object = fields_json(fields, r);
	if (!object)
		return -ENOMEM;
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED));
	json_object_put(object);
	return 0;
}

/* Prints all that there is. */
static int drain(struct teller *t)
{
	struct drm_vsvm_event e[BATCH];
	struct record r;
	uint32_t nr, i;
	int ret;

	for (;;) {
		nr = BATCH;
		ret = vsvm_events_read(t->fd, e, &nr);
		if (ret || !nr)
			return ret == -EAGAIN ? 0 : ret;
		for (i = 0; i < nr && !ret; i++) {
			if (!t->since)
				t->since = e[i].time;
			fill_record(&r, t, &e[i]);
			ret = print_record(t, &r);
		}
		if (ret)
			return ret;
	}
}

/* What a step caused, under its name. */
static int step(struct teller *t, const char *name, int ret)
{
	if (ret) {
		complain(ret, "%s", name);
		return ret;
	}
	if (!t->json)
		printf("-- %s\n", name);
	return drain(t);
}

static int to_device(struct teller *t, char *mem, size_t len)
{
	return vsvm_migrate(t->v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, NULL);
}

static int touch(const volatile char *mem)
{
	(void)*mem;
	return 0;
}

/* One queue does one job, and is lost by the next. */
static int queue_works(struct teller *t, bool lost)
{
	char *hole = t->mem + t->len - HUGE;
	uint64_t *fence = (uint64_t *)(t->mem + t->len - 2 * HUGE);
	struct drm_vsvm_command job[] = {
		lost ? vsvm_cmd_fill(hole, 8, 0, 8) :
		vsvm_cmd_prefetch(t->mem, HUGE, DRM_VSVM_TARGET_DEVICE),
		vsvm_cmd_signal(fence, 1, -1),
	};
	uint32_t queue;
	int ret, end;

	if (lost && munmap(hole, HUGE))
		return -errno;
	*fence = 0;
	ret = vsvm_queue_create(t->v, DRM_VSVM_PRIORITY_NORMAL, 2, &queue);
	if (ret)
		return ret;
	ret = vsvm_submit(t->v, queue, job, ARRAY_SIZE(job), NULL);
	if (!ret)
		ret = vsvm_wait(t->v, fence, 1, ~0ULL, DRM_VSVM_WAIT_EQ,
				vsvm_deadline(PATIENCE), queue);
	if (lost)
		ret = ret == -EIO ? 0 : ret ?: -EPROTO;
	end = vsvm_queue_destroy(t->v, queue);
	return ret ?: end;
}

static int tour(struct teller *t)
{
	char byte;
	int ret;

	ret = step(t, "the device reads a byte",
		   vsvm_read(t->v, t->mem, &byte, 1, NULL));
	if (!ret)
		ret = step(t, "the memory moves to the device",
			   to_device(t, t->mem, t->len / 2));
	if (!ret)
		ret = step(t, "the CPU touches a byte", touch(t->mem));
	if (!ret)
		ret = step(t, "the rest is moved home",
			   vsvm_migrate(t->v, t->mem, t->len / 2,
					DRM_VSVM_TARGET_SYSTEM, 0, NULL));
	if (!ret)
		ret = step(t, "a queue prefetches 2 MiB", queue_works(t, false));
	if (!ret)
		ret = step(t, "a queue writes where nothing is mapped",
			   queue_works(t, true));
	return ret;
}

/* More than the device has, so that what came first has to go. */
static int oversubscribe(struct teller *t)
{
	size_t at;
	int ret = 0;

	for (at = 0; at < t->len && !ret; at += HUGE)
		ret = to_device(t, t->mem + at, HUGE);
	return step(t, "more moves to the device than it has room for", ret);
}

static const struct work works[] = {
	{ "tour", tour },
	{ "oversubscribe", oversubscribe },
};

struct options {
	bool json;
	unsigned int device;
	uint64_t mask;
	unsigned long records;
	const struct work *work;
};

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Device number N (0)", 0 },
	{ "json", 'j', NULL, 0, "Print JSON, a line for each event", 0 },
	{ "only", 'o', "TYPE", 0, "Only events of that type; may be repeated", 0 },
	{ "records", 'r', "N", 0, "How many may wait to be read (4096)", 0 },
	{ "work", 'w', "NAME", 0, "What to do: tour or oversubscribe (tour)", 0 },
	{ 0 },
};

static const struct work *find_work(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(works); i++)
		if (!strcmp(works[i].name, name))
			return &works[i];
	return NULL;
}

/* The bit of a type in a mask; 0: there is none. */
static uint64_t find_type(const char *name)
{
	uint32_t type;

	for (type = 0; type < DRM_VSVM_EVENT_TYPES; type++)
		if (!strcmp(vsvm_event_name(type), name))
			return 1ULL << type & DRM_VSVM_EVENTS_ALL;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;
	unsigned long number;
	uint64_t type;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 1023, &number))
			argp_error(state, "not a device number: '%s'", arg);
		opts->device = number;
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	case 'o':
		type = find_type(arg);
		if (!type)
			argp_error(state, "not a type of events: '%s'", arg);
		opts->mask |= type;
		return 0;
	case 'r':
		if (!parse_number(arg, 1, DRM_VSVM_MAX_RECORDS, &opts->records))
			argp_error(state, "not 1 to %u records: '%s'",
				   DRM_VSVM_MAX_RECORDS, arg);
		return 0;
	case 'w':
		opts->work = find_work(arg);
		if (!opts->work)
			argp_error(state, "no such work: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = "Do something with the device, and print what it tells about it.",
};

/* Memory that is there, and in huge pages where there are any. */
static int get_memory(struct teller *t, const struct options *opts)
{
	t->len = opts->work->run == tour ? TOUR_BYTES :
		 t->info.vram_size + t->info.vram_size / 2;
	t->len = (t->len + HUGE - 1) & ~(HUGE - 1);
	t->mem = aligned_alloc(HUGE, t->len);
	if (!t->mem)
		return -ENOMEM;
	madvise(t->mem, t->len, MADV_HUGEPAGE);
	memset(t->mem, 1, t->len);
	return 0;
}

static int tell(struct teller *t, const struct options *opts)
{
	int ret;

	ret = vsvm_info(t->v, &t->info);
	if (!ret && !(t->info.caps & DRM_VSVM_CAP_EVENTS))
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = get_memory(t, opts);
	if (!ret)
		ret = vsvm_events_open(t->v, opts->mask, opts->records,
				       DRM_VSVM_EVENTS_NONBLOCK, &t->fd);
	if (ret) {
		complain(ret, "events of device %u", opts->device);
		return ret;
	}
	if (!t->json)
		fields_head(columns, stdout);
	ret = opts->work->run(t);
	close(t->fd);
	return ret;
}

int cmd_events(int argc, char **argv)
{
	struct options opts = { .records = RECORDS, .work = works };
	struct teller t = { 0 };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	if (!opts.mask)
		opts.mask = DRM_VSVM_EVENTS_ALL;
	t.json = opts.json;
	if (open_device(opts.device, &t.v))
		return EXIT_WRONG;
	ret = tell(&t, &opts);
	vsvm_close(t.v);
	/* The tour has a hole in it. */
	return ret ? EXIT_WRONG : EXIT_OK;
}
