// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plot in the trace event format, which Perfetto and chrome://tracing open: what each
 * thread moved and faulted, queues, and counters.
 *
 * Few events are told one by one. Of many, those of a kind and a thread in a bin of
 * time are told as one, so that the size has a bound. Owns the kinds that it has seen.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "plot.h"

/* More are told together. */
#define FEW		20000
#define KINDS		64
/* Tracks of queues are threads that no process has. */
#define QUEUE_TRACK	100000000U

struct kind {
	pid_t pid;
	int32_t tid;
	enum plot_type type;
	uint32_t device;
	uint32_t cause;
	uint32_t target;
	unsigned int bin;	/* what follows is of this one */
	uint64_t count;
	uint64_t bytes;
	uint64_t ns;
};

struct chrome {
	struct plot *p;
	FILE *to;
	bool few;
	struct kind kind[KINDS];
	unsigned int kinds;
	struct plot_event begin[KINDS];	/* of migrations that did not end, by thread */
	unsigned int begins;
};

static void put_string(FILE *to, const char *text)
{
	struct json_object *o = json_object_new_string(text);

	fputs(o ? json_object_to_json_string(o) : "\"\"", to);
	json_object_put(o);
}

static double us(const struct plot *p, uint64_t time)
{
	return time < p->begin ? 0 : (time - p->begin) / 1e3;
}

static void name_of(const struct kind *k, char text[64])
{
	const char *what = k->type == PLOT_DEVICE_FAULT ? "device fault" :
			   k->type == PLOT_CPU_FAULT ? "CPU fault" :
			   k->target == DRM_VSVM_TARGET_DEVICE ? "to the device" : "home";

	if (k->type == PLOT_MIGRATE_END)
		snprintf(text, 64, "%s, %s", what, plot_cause(k->cause));
	else
		snprintf(text, 64, "%s", what);
}

/* What all records begin with; @name is none of others. */
static void begin_record(const struct chrome *c, const char *phase, const char *name,
			 pid_t pid, unsigned int tid)
{
	fprintf(c->to, ",\n{\"ph\":\"%s\",\"name\":\"%s\",\"pid\":%d,\"tid\":%u", phase, name,
		pid, tid);
}

static void put_time(const struct chrome *c, double ts)
{
	fprintf(c->to, ",\"ts\":%.3f", ts);
}

static void put_span(const struct chrome *c, double ts, double dur)
{
	put_time(c, ts);
	fprintf(c->to, ",\"dur\":%.3f", dur);
}

/* @tid 0: of the process. */
static void put_name(const struct chrome *c, const char *what, pid_t pid, unsigned int tid,
		     const char *name)
{
	begin_record(c, "M", what, pid, tid);
	fputs(",\"args\":{\"name\":", c->to);
	put_string(c->to, name);
	fputs("}}", c->to);
}

static void flush(struct chrome *c, struct kind *k)
{
	double width = (double)(c->p->end - c->p->begin + 1) / c->p->map.bins / 1e3;
	char name[64];

	if (!k->count)
		return;
	name_of(k, name);
	begin_record(c, "X", name, k->pid, k->tid);
	put_span(c, k->bin * width, width);
	fprintf(c->to, ",\"args\":{\"device\":%u,\"count\":%" PRIu64, k->device, k->count);
	fprintf(c->to, ",\"bytes\":%" PRIu64 ",\"ns\":%" PRIu64 "}}", k->bytes, k->ns);
	k->count = 0;
	k->bytes = 0;
	k->ns = 0;
}

/* The last one takes all that there is no room for. */
static struct kind *kind_of(struct chrome *c, const struct kind *want)
{
	struct kind *k;
	unsigned int i;

	for (i = 0; i < c->kinds; i++) {
		k = &c->kind[i];
		if (k->pid == want->pid && k->tid == want->tid && k->type == want->type &&
		    k->device == want->device && k->cause == want->cause &&
		    k->target == want->target)
			return k;
	}
	if (c->kinds == KINDS)
		return &c->kind[KINDS - 1];
	c->kind[c->kinds] = *want;
	return &c->kind[c->kinds++];
}

static uint64_t begin_of(struct chrome *c, const struct plot_event *e)
{
	unsigned int i = c->begins;

	while (i--)
		if (c->begin[i].tid == e->tid && c->begin[i].addr == e->addr &&
		    c->begin[i].cause == e->cause) {
			uint64_t time = c->begin[i].time;

			c->begin[i] = c->begin[--c->begins];
			return time;
		}
	return e->time;
}

static void one(struct chrome *c, const struct kind *k, const struct plot_event *e,
		uint64_t begin)
{
	bool moves = e->type == PLOT_MIGRATE_END;
	char name[64];

	name_of(k, name);
	begin_record(c, moves ? "X" : "i", name, k->pid, k->tid);
	if (moves) {
		put_span(c, us(c->p, begin), us(c->p, e->time) - us(c->p, begin));
	} else {
		put_time(c, us(c->p, begin));
		fputs(",\"s\":\"t\"", c->to);
	}
	fprintf(c->to, ",\"args\":{\"device\":%u,\"addr\":\"0x%" PRIx64 "\"", e->device, e->addr);
	fprintf(c->to, ",\"bytes\":%" PRIu64 "}}", moves ? e->moved : e->bytes);
}

static int each(const struct plot_event *e, void *arg)
{
	struct chrome *c = arg;
	struct kind want = {
		.tid = e->tid, .type = e->type, .device = e->device,
		.cause = e->cause, .target = e->target,
	}, *k;
	uint64_t begin = e->time;
	unsigned int bin;

	if (e->type == PLOT_MIGRATE_BEGIN) {
		/* What never ends has to go. */
		if (c->begins == KINDS)
			c->begins = 0;
		c->begin[c->begins++] = *e;
		return 0;
	}
	if (e->type != PLOT_MIGRATE_END && e->type != PLOT_DEVICE_FAULT &&
	    e->type != PLOT_CPU_FAULT)
		return 0;
	want.pid = plot_owner(c->p->pass, e);
	if (e->type == PLOT_MIGRATE_END)
		begin = begin_of(c, e);
	if (c->few) {
		one(c, &want, e, begin);
		return 0;
	}
	k = kind_of(c, &want);
	bin = plot_bin(c->p, e->time);
	if (k->bin != bin)
		flush(c, k);
	k->bin = bin;
	k->count++;
	k->bytes += e->type == PLOT_MIGRATE_END ? e->moved : e->bytes;
	k->ns += e->time - begin;
	return 0;
}

static void put_used(const struct chrome *c, unsigned int bin, double ts)
{
	const struct plot *p = c->p;
	char name[32];
	unsigned int i;

	for (i = 0; i < PLOT_DEVICES; i++) {
		if (!p->device[i].seen ||
		    (bin && p->series[bin].used[i] == p->series[bin - 1].used[i]))
			continue;
		snprintf(name, sizeof(name), "device %u in use", i);
		begin_record(c, "C", name, 0, 0);
		put_time(c, ts);
		fprintf(c->to, ",\"args\":{\"bytes\":%" PRIu64 "}}", p->series[bin].used[i]);
	}
}

static void put_counters(const struct chrome *c)
{
	const struct plot *p = c->p;
	double width = (double)(p->end - p->begin + 1) / p->map.bins;
	double rate = 1e9 / width / (1 << 20);
	unsigned int bin, cause;
	uint64_t home;

	for (bin = 0; bin < p->map.bins; bin++) {
		put_used(c, bin, bin * width / 1e3);
		for (cause = 0, home = 0; cause < PLOT_CAUSES; cause++)
			home += p->series[bin].home[cause];
		begin_record(c, "C", "MiB/s", 0, 0);
		put_time(c, bin * width / 1e3);
		fprintf(c->to, ",\"args\":{\"to the device\":%.1f,\"home\":%.1f}}",
			p->series[bin].to_device * rate, home * rate);
	}
}

static void put_lane(const struct chrome *c, unsigned int nr)
{
	const struct plot_lane *l = &c->p->lane[nr];
	const struct plot *p = c->p;
	double width = (double)(p->end - p->begin + 1) / p->map.bins / 1e3;
	enum plot_state state;
	unsigned int bin, from;
	char name[64];

	snprintf(name, sizeof(name), "queue %u of device %u", l->queue, l->device);
	put_name(c, "thread_name", l->owner, QUEUE_TRACK + nr, name);
	for (bin = 0; bin < p->map.bins; bin++) {
		from = bin;
		state = plot_lane_state(p, l, bin);
		while (bin + 1 < p->map.bins && plot_lane_state(p, l, bin + 1) == state)
			bin++;
		if (state == PLOT_IDLE)
			continue;
		begin_record(c, "X", state == PLOT_RUNS ? "works" : "waits for a fault",
			     l->owner, QUEUE_TRACK + nr);
		put_span(c, from * width, (bin + 1 - from) * width);
		fputs("}", c->to);
	}
}

static void put_names(const struct chrome *c)
{
	const struct plot *p = c->p;
	pid_t pid = -1;
	size_t i;

	put_name(c, "process_name", 0, 0, "vsvm devices");
	for (i = 0; i < p->map.nr_ranges; i++) {
		if (p->map.range[i].pid == pid)
			continue;
		pid = p->map.range[i].pid;
		put_name(c, "process_name", pid, 0, plot_name(p->file, pid));
	}
}

#define FIRST "{\"ph\":\"M\",\"name\":\"process_labels\",\"pid\":0,\"args\":{\"labels\":\"\"}}"

int plot_chrome(struct plot *p, FILE *to)
{
	struct chrome *c = calloc(1, sizeof(*c));
	unsigned int i;
	uint64_t lost;
	int ret;

	if (!c)
		return -ENOMEM;
	c->p = p;
	c->to = to;
	c->few = p->total.events <= FEW;
	/* All others have a comma in front. */
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", to);
	fputs(FIRST, to);
	put_names(c);
	for (i = 0; i < p->nr_lanes; i++)
		put_lane(c, i);
	put_counters(c);
	ret = plot_read(p->file, each, c, &lost);
	for (i = 0; i < c->kinds; i++)
		flush(c, &c->kind[i]);
	fputs("\n]}\n", to);
	free(c);
	return ret ?: ferror(to) ? -EIO : 0;
}
