// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events of a recording, which libtracecmd reads: of vsvm record, or of trace-cmd
 * itself. The formats in the file say where the fields are.
 *
 * Owns the open recording. An event or a field that is not in the file, because the
 * driver was another version, is passed over or 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trace-cmd.h>

#include "plot.h"
#include "vsvm.h"

/* Where in an event a number is; of 4 or 8 bytes. */
struct place {
	int offset;
	int size;
};

enum { DEVICE, OWNER, CAUSE, TARGET, EVENT, QUEUE, SEQ, ADDR, START, END, BYTES, PAGES,
	MOVED, MOVED_PAGES, ERROR, FIELDS };

static const char *const field_names[FIELDS] = {
	"device", "owner", "cause", "target", "event", "queue", "seq", "addr", "start", "end",
	"bytes", "pages", "moved", "moved_pages", "error",
};

static const char *const event_names[PLOT_TYPES] = {
	[PLOT_DEVICE_FAULT] = "vsvm_device_fault",
	[PLOT_CPU_FAULT] = "vsvm_cpu_fault",
	[PLOT_MIGRATE_BEGIN] = "vsvm_migrate_begin",
	[PLOT_MIGRATE_END] = "vsvm_migrate_end",
	[PLOT_STAY] = "vsvm_stay",
	[PLOT_INVALIDATE] = "vsvm_invalidate",
	[PLOT_THRASH] = "vsvm_thrash",
	[PLOT_EVICT] = "vsvm_evict",
	[PLOT_QUEUE_SUBMIT] = "vsvm_queue_submit",
	[PLOT_QUEUE_START] = "vsvm_queue_start",
	[PLOT_QUEUE_FAULT] = "vsvm_queue_fault",
	[PLOT_QUEUE_SERVED] = "vsvm_queue_served",
	[PLOT_QUEUE_FENCE] = "vsvm_queue_fence",
	[PLOT_QUEUE_LOST] = "vsvm_queue_lost",
};

struct known {
	int id;			/* -1: not in the file */
	struct place field[FIELDS];
};

struct plot_file {
	const char *path;
	struct tracecmd_input *in;
	struct tep_handle *tep;
	struct known event[PLOT_TYPES];
	int mark;		/* id of the event of marks */
	int mark_text;		/* its offset */
	char text[1024];
	int (*fn)(const struct plot_event *e, void *arg);
	void *arg;
	uint64_t lost;
	bool used;		/* it was read to its end */
	int ret;
};

static void know(struct plot_file *f, enum plot_type type)
{
	struct tep_event *event;
	struct tep_format_field *field;
	int i;

	f->event[type].id = -1;
	event = tep_find_event_by_name(f->tep, "vsvm", event_names[type]);
	if (!event)
		return;
	f->event[type].id = event->id;
	for (i = 0; i < FIELDS; i++) {
		field = tep_find_field(event, field_names[i]);
		if (field && (field->size == 4 || field->size == 8) && field->offset >= 0)
			f->event[type].field[i] = (struct place) { field->offset, field->size };
	}
}

static int open_again(struct plot_file *f)
{
	if (f->in)
		tracecmd_close(f->in);
	f->in = tracecmd_open(f->path, TRACECMD_FL_LOAD_NO_PLUGINS);
	f->tep = f->in ? tracecmd_get_tep(f->in) : NULL;
	f->used = false;
	return f->in ? 0 : -EIO;
}

struct plot_file *plot_open(const char *path)
{
	struct plot_file *f = calloc(1, sizeof(*f));
	struct tep_format_field *field;
	struct tep_event *event;
	int type, found = 0;

	if (!f || access(path, R_OK)) {
		complain(-errno, "%s", path);
		free(f);
		return NULL;
	}
	f->path = path;
	tracecmd_set_loglevel(TEP_LOG_NONE);
	if (open_again(f)) {
		complain(0, "%s: not a recording of vsvm record or trace-cmd", path);
		free(f);
		return NULL;
	}
	for (type = 0; type < PLOT_TYPES; type++) {
		know(f, type);
		found += f->event[type].id >= 0;
	}
	event = tep_find_event_by_name(f->tep, "ftrace", "print");
	field = event ? tep_find_field(event, "buf") : NULL;
	f->mark = field ? event->id : -1;
	f->mark_text = field ? field->offset : 0;
	if (!found) {
		complain(0, "%s: a recording, but without events of vsvm", path);
		plot_close(f);
		return NULL;
	}
	return f;
}

void plot_close(struct plot_file *f)
{
	if (f->in)
		tracecmd_close(f->in);
	free(f);
}

const char *plot_name(struct plot_file *f, pid_t pid)
{
	const char *name = tep_data_comm_from_pid(f->tep, pid);

	return name && strcmp(name, "<...>") ? name : "";
}

static uint64_t number(const struct tep_record *r, const struct known *k, int field)
{
	const struct place *p = &k->field[field];
	uint64_t n = 0;
	uint32_t n32;

	if (!p->size || p->offset + p->size > r->size)
		return 0;
	if (p->size == 8) {
		memcpy(&n, (char *)r->data + p->offset, 8);
		return n;
	}
	memcpy(&n32, (char *)r->data + p->offset, 4);
	return n32;
}

static void fill(struct plot_event *e, const struct tep_record *r, const struct known *k)
{
	e->device = number(r, k, DEVICE);
	e->owner = number(r, k, OWNER);
	e->cause = number(r, k, CAUSE);
	e->target = number(r, k, TARGET);
	e->event = number(r, k, EVENT);
	e->queue = number(r, k, QUEUE);
	e->seq = number(r, k, SEQ);
	e->addr = number(r, k, ADDR);
	e->bytes = number(r, k, BYTES);
	e->moved = number(r, k, MOVED);
	e->error = number(r, k, ERROR);
	switch (e->type) {
	case PLOT_DEVICE_FAULT:
	case PLOT_STAY:
		e->bytes = number(r, k, PAGES) * PAGE_BYTES;
		break;
	case PLOT_INVALIDATE:
		e->addr = number(r, k, START);
		e->bytes = number(r, k, END) - e->addr;
		break;
	case PLOT_EVICT:
		e->moved = number(r, k, MOVED_PAGES) * PAGE_BYTES;
		break;
	default:
		break;
	}
}

static const char *text_of(struct plot_file *f, const struct tep_record *r)
{
	size_t len = r->size > f->mark_text ? r->size - f->mark_text : 0;

	if (len >= sizeof(f->text))
		len = sizeof(f->text) - 1;
	memcpy(f->text, (char *)r->data + f->mark_text, len);
	f->text[len] = 0;
	f->text[strcspn(f->text, "\n")] = 0;
	return strncmp(f->text, "vsvm: ", 6) ? NULL : f->text + 6;
}

static int each(struct tracecmd_input *in, struct tep_record *r, int cpu, void *arg)
{
	struct plot_file *f = arg;
	struct plot_event e = { .time = r->ts };
	int id = tep_data_type(f->tep, r), type;

	(void)in;
	(void)cpu;
	/* -1: some, and nobody knows how many. */
	if (r->missed_events)
		f->lost += r->missed_events > 0 ? r->missed_events : 1;
	e.tid = tep_data_pid(f->tep, r);
	for (type = 0; type < PLOT_TYPES; type++)
		if (f->event[type].id == id)
			break;
	e.type = type;
	if (type < PLOT_TYPES) {
		fill(&e, r, &f->event[type]);
	} else {
		e.text = id == f->mark ? text_of(f, r) : NULL;
		if (!e.text)
			return 0;
	}
	if (e.device >= PLOT_DEVICES)
		e.device = PLOT_DEVICES - 1;
	if (e.cause >= PLOT_CAUSES)
		e.cause = PLOT_CAUSES - 1;
	f->ret = f->fn(&e, f->arg);
	return f->ret;
}

int plot_read(struct plot_file *f, int (*fn)(const struct plot_event *e, void *arg),
	      void *arg, uint64_t *lost)
{
	int ret;

	f->fn = fn;
	f->arg = arg;
	f->lost = 0;
	f->ret = 0;
	if (f->used && open_again(f))
		return -EIO;
	f->used = true;
	ret = tracecmd_iterate_events(f->in, NULL, 0, each, f);
	*lost = f->lost;
	if (f->ret)
		return f->ret;
	return ret ? -EIO : 0;
}
