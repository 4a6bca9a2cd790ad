// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sums of a plot. A recording is read twice: first for the time it took, the
 * addresses in it and who its threads are, then for everything else, into bins of time.
 * So memory depends on the addresses that were used and not on the number of events.
 *
 * Owns what it knows of threads, and what a migration has in the middle of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "vsvm.h"

#define NESTED		4	/* migrations of a thread within another */

const char *const plot_mark_names[PLOT_MARKS] = {
	[PLOT_MARK_DEVICE_FAULT] = "device fault",
	[PLOT_MARK_CPU_FAULT] = "CPU fault",
	[PLOT_MARK_TO_DEVICE] = "to the device",
	[PLOT_MARK_HOME] = "home",
	[PLOT_MARK_EVICTION] = "eviction",
};

const char *plot_cause(unsigned int cause)
{
	return vsvm_cause_name(cause) ?: "other";
}

struct span {
	uint64_t addr;
	uint64_t bytes;
	pid_t pid;
};

/* A migration that began and did not end. */
struct move {
	struct plot_event begin;
	struct span *span;	/* what an eviction unmapped meanwhile */
	size_t spans;
	size_t room;
};

struct thread {
	int32_t tid;
	pid_t pid;		/* 0: not known */
	unsigned int depth;
	struct move move[NESTED];
	uint32_t target;	/* of its last migration */
};

struct plot_pass {
	struct thread *thread;	/* a hash table */
	size_t nr;
	size_t room;
	pid_t queue_owner;	/* of all queues; -1: there are several */
	unsigned int bin;	/* in front of which all have what was in use */
};

static struct thread *slot(const struct plot_pass *s, int32_t tid)
{
	size_t i = (uint32_t)tid * 2654435761UL % s->room;

	while (s->thread[i].tid && s->thread[i].tid != tid)
		i = (i + 1) % s->room;
	return &s->thread[i];
}

/* NULL: out of memory. The idle task, which touches nothing, is as good as thread 1. */
static struct thread *thread_of(struct plot_pass *s, int32_t tid)
{
	struct thread *old = s->thread, *t;
	size_t room = s->room, i;

	tid = tid ?: 1;
	if (s->nr * 2 >= room) {
		s->room = room ? 2 * room : 64;
		s->thread = calloc(s->room, sizeof(*old));
		if (!s->thread) {
			s->thread = old;
			s->room = room;
			return NULL;
		}
		for (i = 0; i < room; i++)
			if (old[i].tid)
				*slot(s, old[i].tid) = old[i];
		free(old);
	}
	t = slot(s, tid);
	s->nr += !t->tid;
	t->tid = tid;
	return t;
}

pid_t plot_owner(const struct plot_pass *s, const struct plot_event *e)
{
	const struct thread *t;

	if (e->owner)
		return e->owner;
	t = s->room ? slot(s, e->tid ?: 1) : NULL;
	return t && t->pid ? t->pid : e->tid;
}

/* What is of addresses, and not of a block. */
static bool has_address(const struct plot_event *e)
{
	switch (e->type) {
	case PLOT_DEVICE_FAULT:
	case PLOT_CPU_FAULT:
		return true;
	case PLOT_MIGRATE_BEGIN:
	case PLOT_STAY:
		return e->cause != DRM_VSVM_CAUSE_EVICTION &&
		       e->cause != DRM_VSVM_CAUSE_UNPLUG;
	default:
		return false;
	}
}

/* A device's thread that serves queues: what it does is of the queue's process. */
static void note_queue(struct plot_pass *s, struct thread *t, const struct plot_event *e)
{
	if (e->type == PLOT_QUEUE_SERVED)
		t->pid = e->owner;
	if (!s->queue_owner)
		s->queue_owner = e->owner;
	else if (s->queue_owner != e->owner)
		s->queue_owner = -1;
}

static void note_mark(struct plot_pass *s, const struct plot_event *e)
{
	int tid, pid, at = 0;
	struct thread *t;

	if (sscanf(e->text, "thread=%d process=%d name=%n", &tid, &pid, &at) < 2 || !at)
		return;
	t = thread_of(s, tid);
	/* A thread of the kernel is none of what it works for. */
	if (t && !t->pid && strncmp(e->text + at, "vsvm", 4))
		t->pid = pid;
	else if (t && !t->pid)
		t->pid = -1;
}

/* The first reading: threads and time. */
static int note(const struct plot_event *e, void *arg)
{
	struct plot *p = arg;
	struct thread *t;

	if (e->type == PLOT_MARK) {
		note_mark(p->pass, e);
		return 0;
	}
	if (!p->begin || e->time < p->begin)
		p->begin = e->time;
	if (e->time > p->end)
		p->end = e->time;
	p->total.events++;
	t = thread_of(p->pass, e->tid);
	if (!t)
		return -ENOMEM;
	if (e->type >= PLOT_QUEUE_SUBMIT && e->type < PLOT_TYPES)
		note_queue(p->pass, t, e);
	return 0;
}

/* Threads that serve nobody who is known are of the only one who has queues. */
static void settle_threads(struct plot_pass *s)
{
	size_t i;

	for (i = 0; i < s->room; i++)
		if (s->thread[i].tid && s->thread[i].pid < 0)
			s->thread[i].pid = s->queue_owner > 0 ? s->queue_owner : 0;
}

/* The second reading: addresses. */
static int touch(const struct plot_event *e, void *arg)
{
	struct plot *p = arg;

	if (!has_address(e))
		return 0;
	return plot_touch(p, plot_owner(p->pass, e), e->addr,
			  e->type == PLOT_CPU_FAULT || !e->bytes ? 1 : e->bytes);
}

/* Migrations --------------------------------------------------------------- */

static struct plot_series *series_at(const struct plot *p, uint64_t time)
{
	return &p->series[plot_bin(p, time)];
}

static void use(struct plot *p, const struct plot_event *e, int64_t by)
{
	struct plot_device *d = &p->device[e->device];

	d->seen = true;
	if (d->sampled)
		return;
	d->used = by < 0 && d->used < (uint64_t)-by ? 0 : d->used + by;
	if (d->size && d->used > d->size)
		d->used = d->size;
	if (d->used > d->most)
		d->most = d->used;
}

/* What a piece cost, in parts of what all of a migration did. */
static void charge(struct plot *p, const struct span *s, const struct plot_event *e,
		   uint64_t ns, uint64_t all)
{
	uint64_t at, end, bytes;
	struct plot_piece *piece;
	double part;

	for (at = s->addr; at < s->addr + s->bytes; at = end) {
		end = ((at >> PIECE_SHIFT) + 1) << PIECE_SHIFT;
		bytes = (end < s->addr + s->bytes ? end : s->addr + s->bytes) - at;
		piece = plot_find(p, s->pid, at);
		if (!piece || !all)
			continue;
		part = (double)bytes / all;
		piece->ns += ns * part;
		if (e->target == DRM_VSVM_TARGET_DEVICE)
			piece->to_device += e->moved * part;
		else
			piece->home += e->moved * part;
		piece->evictions += e->cause == DRM_VSVM_CAUSE_EVICTION &&
				    e->target != DRM_VSVM_TARGET_DEVICE && e->moved;
	}
}

static int draw_move(struct plot *p, const struct span *s, const struct plot_event *e)
{
	bool there = e->target == DRM_VSVM_TARGET_DEVICE;
	bool evicts = e->cause == DRM_VSVM_CAUSE_EVICTION;

	if (!e->moved)
		return 0;
	plot_mark(p, there ? PLOT_MARK_TO_DEVICE : evicts ? PLOT_MARK_EVICTION : PLOT_MARK_HOME,
		  s->pid, s->addr, s->bytes, e->time);
	return plot_put(p, s->pid, s->addr, s->bytes,
			there ? PLACE_DEVICE + e->device : PLACE_SYSTEM,
			there || !evicts ? -1 : PLACE_DEVICE + (int)e->device, e->time);
}

static int begin_move(struct plot *p, struct thread *t, const struct plot_event *e)
{
	struct move *m;

	(void)p;
	if (t->depth == NESTED)
		t->depth = 0;
	m = &t->move[t->depth++];
	m->begin = *e;
	m->spans = 0;
	t->target = e->target;
	return 0;
}

static void count_move(struct plot *p, const struct plot_event *e)
{
	struct plot_series *s = series_at(p, e->time);

	if (e->target == DRM_VSVM_TARGET_DEVICE) {
		p->total.to_device[e->cause] += e->moved;
		/* Between blocks of the device. */
		if (e->cause == DRM_VSVM_CAUSE_EVICTION)
			return;
		s->to_device += e->moved;
		use(p, e, e->moved);
	} else {
		p->total.home[e->cause] += e->moved;
		s->home[e->cause] += e->moved;
		use(p, e, -(int64_t)e->moved);
	}
}

static int end_move(struct plot *p, struct thread *t, const struct plot_event *e)
{
	struct span own = { .pid = plot_owner(p->pass, e), .addr = e->addr };
	struct move *m = NULL;
	uint64_t ns, all = 0;
	size_t i;
	int ret = 0;

	count_move(p, e);
	while (t->depth && !m) {
		m = &t->move[--t->depth];
		if (m->begin.cause != e->cause || m->begin.addr != e->addr)
			m = NULL;
	}
	/* Its beginning is lost, or from before the recording. */
	if (!m)
		return 0;
	ns = e->time - m->begin.time;
	own.bytes = m->begin.bytes;
	if (has_address(&m->begin)) {
		charge(p, &own, e, ns, own.bytes);
		return draw_move(p, &own, e);
	}
	for (i = 0; i < m->spans; i++)
		all += m->span[i].bytes;
	for (i = 0; i < m->spans && !ret; i++) {
		charge(p, &m->span[i], e, ns, all);
		if (e->target != DRM_VSVM_TARGET_DEVICE)
			ret = draw_move(p, &m->span[i], e);
	}
	return ret;
}

/* An eviction knows no address: what it unmaps is where its pages were. */
static int note_span(struct move *m, pid_t pid, const struct plot_event *e)
{
	struct span *last = m->spans ? &m->span[m->spans - 1] : NULL;
	struct span *more;

	if (last && last->pid == pid && last->addr + last->bytes == e->addr &&
	    last->addr >> PIECE_SHIFT == e->addr >> PIECE_SHIFT) {
		last->bytes += e->bytes;
		return 0;
	}
	if (m->spans == m->room) {
		more = realloc(m->span, (m->room + 64) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->span = more;
		m->room += 64;
	}
	m->span[m->spans++] = (struct span) { e->addr, e->bytes, pid };
	return 0;
}

static int invalidate(struct plot *p, struct thread *t, const struct plot_event *e)
{
	struct move *m = t->depth ? &t->move[t->depth - 1] : NULL;
	pid_t pid = plot_owner(p->pass, e);

	if (e->event == PLOT_NOTIFY_UNMAP)
		return plot_put(p, pid, e->addr, e->bytes, PLACE_NONE, -1, e->time);
	if (e->event == PLOT_NOTIFY_RELEASE)
		return plot_put(p, pid, 0, UINT64_MAX, PLACE_NONE, -1, e->time);
	if (m && !has_address(&m->begin) && e->event == PLOT_NOTIFY_CLEAR)
		return note_span(m, pid, e);
	return 0;
}

/* What was to move and stayed is where it was. */
static int stay(struct plot *p, const struct thread *t, const struct plot_event *e)
{
	bool there = t->target == DRM_VSVM_TARGET_DEVICE;

	p->total.stayed_pages += e->bytes / PAGE_BYTES;
	if (!has_address(e))
		return 0;
	return plot_put(p, plot_owner(p->pass, e), e->addr, e->bytes,
			there ? PLACE_SYSTEM : PLACE_DEVICE + e->device,
			there ? PLACE_DEVICE + (int)e->device : PLACE_SYSTEM, e->time);
}

static int device_fault(struct plot *p, const struct plot_event *e)
{
	pid_t pid = plot_owner(p->pass, e);
	struct plot_piece *piece = plot_find(p, pid, e->addr);

	p->total.device_faults++;
	if (piece)
		piece->device_faults++;
	plot_mark(p, PLOT_MARK_DEVICE_FAULT, pid, e->addr, 1, e->time);
	/* Used where it is, and that is not here, or its migration would have said so. */
	return plot_put(p, pid, e->addr & -PAGE_BYTES, e->bytes, PLACE_SYSTEM, PLACE_NONE,
			e->time);
}

static void cpu_fault(struct plot *p, const struct plot_event *e)
{
	pid_t pid = plot_owner(p->pass, e);
	struct plot_piece *piece = plot_find(p, pid, e->addr);

	p->total.cpu_faults += e->cause == DRM_VSVM_CAUSE_CPU_FAULT;
	if (piece)
		piece->cpu_faults++;
	plot_mark(p, PLOT_MARK_CPU_FAULT, pid, e->addr, 1, e->time);
}

/* Queues ------------------------------------------------------------------- */

static struct plot_lane *lane_of(struct plot *p, const struct plot_event *e)
{
	struct plot_lane *l;
	unsigned int i;

	for (i = 0; i < p->nr_lanes; i++) {
		l = &p->lane[i];
		if (l->device == e->device && l->owner == e->owner && l->queue == e->queue)
			return l;
	}
	if (p->nr_lanes == PLOT_LANES) {
		p->more_lanes++;
		return NULL;
	}
	l = &p->lane[p->nr_lanes];
	l->time = calloc((size_t)p->map.bins * PLOT_STATES, sizeof(*l->time));
	if (!l->time)
		return NULL;
	p->nr_lanes++;
	l->device = e->device;
	l->owner = e->owner;
	l->queue = e->queue;
	l->since = p->begin;
	return l;
}

static void settle_lane(struct plot *p, struct plot_lane *l, uint64_t time)
{
	double width = (double)(p->end - p->begin + 1) / p->map.bins, from, to;
	unsigned int bin;

	for (bin = plot_bin(p, l->since); time > l->since && bin <= plot_bin(p, time); bin++) {
		from = p->begin + bin * width;
		to = from + width;
		if (from < l->since)
			from = l->since;
		if (to > time)
			to = time;
		if (to > from)
			l->time[bin * PLOT_STATES + l->state] += to - from;
	}
	l->since = time;
}

static void queue_event(struct plot *p, const struct plot_event *e)
{
	struct plot_lane *l = lane_of(p, e);

	p->total.jobs += e->type == PLOT_QUEUE_START;
	p->total.queue_faults += e->type == PLOT_QUEUE_FAULT;
	if (!l || e->type == PLOT_QUEUE_SUBMIT)
		return;
	settle_lane(p, l, e->time);
	switch (e->type) {
	case PLOT_QUEUE_START:
		l->jobs++;
		l->state = PLOT_RUNS;
		break;
	case PLOT_QUEUE_FAULT:
		l->state = PLOT_FAULTS;
		break;
	case PLOT_QUEUE_SERVED:
		/* The fence of a job may have come in the fault worker. */
		if (l->state == PLOT_FAULTS)
			l->state = PLOT_RUNS;
		break;
	case PLOT_QUEUE_LOST:
		l->lost = true;
		l->state = PLOT_IDLE;
		break;
	default:
		l->state = PLOT_IDLE;
		break;
	}
}

enum plot_state plot_lane_state(const struct plot *p, const struct plot_lane *lane,
				unsigned int bin)
{
	const float *t = &lane->time[bin * PLOT_STATES];

	(void)p;
	/* Work in a bin is seen, however short it was. */
	if (t[PLOT_RUNS] <= 0 && t[PLOT_FAULTS] <= 0)
		return PLOT_IDLE;
	return t[PLOT_FAULTS] > t[PLOT_RUNS] ? PLOT_FAULTS : PLOT_RUNS;
}

/* Marks -------------------------------------------------------------------- */

static struct plot_count *count_of(struct plot_device *d, const char *name)
{
	struct plot_count *more;
	size_t i;

	for (i = 0; i < d->counts; i++)
		if (!strcmp(d->count[i].name, name))
			return &d->count[i];
	more = realloc(d->count, (d->counts + 1) * sizeof(*more));
	if (!more)
		return NULL;
	d->count = more;
	d->count[d->counts] = (struct plot_count) { 0 };
	snprintf(d->count[d->counts].name, sizeof(d->count->name), "%s", name);
	return &d->count[d->counts++];
}

static void read_counters(struct plot_device *d, const char *text, bool before)
{
	struct plot_count *c;
	char name[48];
	uint64_t n;
	int at;

	d->before |= before;
	d->after |= !before;
	while (sscanf(text, " %47[a-z-]=%" SCNu64 "%n", name, &n, &at) == 2) {
		c = count_of(d, name);
		if (c && before)
			c->before = n;
		else if (c)
			c->after = n;
		text += at;
	}
}

static void read_mark(struct plot *p, const struct plot_event *e)
{
	struct plot_device *d;
	unsigned int nr;
	uint64_t n;
	int at = 0;

	if (sscanf(e->text, "device=%u %n", &nr, &at) < 1 || !at || nr >= PLOT_DEVICES)
		return;
	d = &p->device[nr];
	d->seen = true;
	if (sscanf(e->text + at, "kind=%*u size=%" SCNu64, &n) == 1)
		d->size = n;
	if (sscanf(e->text + at, "used=%" SCNu64, &n) == 1) {
		d->used = n;
		d->sampled = true;
		if (n > d->most)
			d->most = n;
	}
	if (!strncmp(e->text + at, "counters=before", 15))
		read_counters(d, e->text + at + 15, true);
	else if (!strncmp(e->text + at, "counters=after", 14))
		read_counters(d, e->text + at + 14, false);
}

/* Adds to what the events of a device make of one of its counters. */
static void drawn(struct plot *p, const struct plot_event *e, const char *name, uint64_t n)
{
	struct plot_count *c = n ? count_of(&p->device[e->device], name) : NULL;

	if (c)
		c->drawn += n;
}

static void count_drawn(struct plot *p, const struct plot_event *e)
{
	uint64_t pages = e->moved / PAGE_BYTES;
	char name[64];

	switch (e->type) {
	case PLOT_DEVICE_FAULT:
		drawn(p, e, "device-faults", 1);
		drawn(p, e, "device-fault-pages", e->bytes / PAGE_BYTES);
		break;
	case PLOT_CPU_FAULT:
		drawn(p, e, "cpu-faults", e->cause == DRM_VSVM_CAUSE_CPU_FAULT);
		break;
	case PLOT_MIGRATE_END:
		snprintf(name, sizeof(name), "home-%s-pages", plot_cause(e->cause));
		if (e->target != DRM_VSVM_TARGET_DEVICE)
			drawn(p, e, name, pages);
		else if (e->cause != DRM_VSVM_CAUSE_EVICTION)
			drawn(p, e, "to-device-pages", pages);
		break;
	case PLOT_EVICT:
		drawn(p, e, "evicted-blocks",
		      e->cause == DRM_VSVM_CAUSE_EVICTION && e->moved);
		break;
	case PLOT_INVALIDATE:
		drawn(p, e, "invalidations", 1);
		break;
	case PLOT_THRASH:
		drawn(p, e, "thrashes", 1);
		break;
	case PLOT_QUEUE_FAULT:
		drawn(p, e, "queue-faults", 1);
		break;
	case PLOT_QUEUE_LOST:
		drawn(p, e, "queues-lost", 1);
		break;
	default:
		break;
	}
}

/* What is in use now is what was at the end of all bins in front of one. */
static void note_used(struct plot *p, unsigned int bin)
{
	unsigned int i;

	for (; p->pass->bin < bin; p->pass->bin++)
		for (i = 0; i < PLOT_DEVICES; i++)
			p->series[p->pass->bin].used[i] = p->device[i].used;
}

/* The third reading: all the rest. */
static int add(const struct plot_event *e, void *arg)
{
	struct plot *p = arg;
	struct thread *t;
	int ret = 0;

	note_used(p, plot_bin(p, e->time));
	if (e->type == PLOT_MARK) {
		read_mark(p, e);
		return 0;
	}
	t = thread_of(p->pass, e->tid);
	if (!t)
		return -ENOMEM;
	p->device[e->device].seen = true;
	count_drawn(p, e);
	switch (e->type) {
	case PLOT_DEVICE_FAULT:
		ret = device_fault(p, e);
		break;
	case PLOT_CPU_FAULT:
		cpu_fault(p, e);
		break;
	case PLOT_MIGRATE_BEGIN:
		ret = begin_move(p, t, e);
		break;
	case PLOT_MIGRATE_END:
		ret = end_move(p, t, e);
		break;
	case PLOT_STAY:
		ret = stay(p, t, e);
		break;
	case PLOT_INVALIDATE:
		ret = invalidate(p, t, e);
		break;
	case PLOT_THRASH:
		p->total.thrashes++;
		break;
	case PLOT_EVICT:
		p->total.evicted_blocks += e->cause == DRM_VSVM_CAUSE_EVICTION && e->moved;
		break;
	default:
		queue_event(p, e);
		break;
	}
	return ret;
}

static void find_top(struct plot *p)
{
	const struct plot_piece *piece;
	unsigned int at;
	size_t i;

	for (i = 0; i < p->nr_pieces; i++) {
		piece = &p->piece[i];
		if (!piece->ns)
			continue;
		at = p->nr_top;
		if (at == PLOT_TOP && p->top[at - 1]->ns >= piece->ns)
			continue;
		p->nr_top += at < PLOT_TOP;
		for (at = p->nr_top - 1; at && p->top[at - 1]->ns < piece->ns; at--)
			p->top[at] = p->top[at - 1];
		p->top[at] = piece;
	}
}

static void find_known(struct plot *p)
{
	static const char *const known[] = {
		"device-faults", "device-fault-pages", "cpu-faults", "to-device-pages",
		"home-explicit-pages", "home-device-fault-pages", "home-cpu-fault-pages",
		"home-eviction-pages", "evicted-blocks", "invalidations", "thrashes",
		"queue-faults", "queues-lost",
	};
	struct plot_device *d;
	struct plot_count *c;
	unsigned int i, k;
	size_t n;

	for (i = 0; i < PLOT_DEVICES; i++) {
		d = &p->device[i];
		for (n = 0; n < d->counts; n++) {
			c = &d->count[n];
			for (k = 0; k < ARRAY_SIZE(known); k++)
				c->known |= d->before && d->after && !strcmp(c->name, known[k]);
		}
	}
}

static int read_all(struct plot *p)
{
	unsigned int i;
	int ret;

	ret = plot_read(p->file, note, p, &p->total.lost);
	if (ret)
		return ret;
	settle_threads(p->pass);
	ret = plot_read(p->file, touch, p, &p->total.lost);
	if (!ret)
		ret = plot_lay_out(p);
	if (ret)
		return ret;
	p->series = calloc(p->map.bins, sizeof(*p->series));
	if (!p->series)
		return -ENOMEM;
	for (i = 0; i < p->map.rows; i++)
		p->map.row[i].since = p->begin;
	ret = plot_read(p->file, add, p, &p->total.lost);
	note_used(p, p->map.bins);
	plot_settle(p);
	for (i = 0; i < p->nr_lanes; i++)
		settle_lane(p, &p->lane[i], p->end);
	find_top(p);
	find_known(p);
	return ret;
}

int plot_make(struct plot *p, const char *path, unsigned int bins, unsigned int rows)
{
	int ret;

	*p = (struct plot) { .path = path, .map = { .bins = bins, .rows = rows } };
	p->pass = calloc(1, sizeof(*p->pass));
	if (!p->pass) {
		complain(-ENOMEM, "%s", path);
		return -ENOMEM;
	}
	p->file = plot_open(path);
	if (!p->file)
		return -ENOENT;
	ret = read_all(p);
	if (ret)
		complain(ret, "%s", path);
	else if (!p->total.events)
		complain(0, "%s: there is no event of vsvm in it", path);
	return ret ?: p->total.events ? 0 : -ENODATA;
}

void plot_free(struct plot *p)
{
	size_t i;
	int n;

	if (p->file)
		plot_close(p->file);
	for (i = 0; p->pass && i < p->pass->room; i++)
		for (n = 0; n < NESTED; n++)
			free(p->pass->thread[i].move[n].span);
	if (p->pass)
		free(p->pass->thread);
	free(p->pass);
	for (i = 0; i < p->nr_pieces; i++)
		free(p->piece[i].place);
	free(p->piece);
	for (i = 0; i < PLOT_DEVICES; i++)
		free(p->device[i].count);
	for (i = 0; i < PLOT_LANES; i++)
		free(p->lane[i].time);
	for (n = 0; n < PLOT_MARKS; n++)
		free(p->map.mark[n]);
	free(p->map.range);
	free(p->map.row);
	free(p->map.known);
	free(p->map.on);
	free(p->map.device);
	free(p->series);
}
