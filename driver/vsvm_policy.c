// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy: where memory should be, and how much of it moves at a time.
 *
 * The rooms that move memory ask here and then do it. This room decides from what they
 * pass, calls none of them, and takes no lock. docs/policy.md has every threshold.
 *
 * Lifetime: a call; the caller keeps what it passes. Locks: none.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>

#include <drm/vsvm_drm.h>

#include "vsvm_policy.h"

/* Pages of a leaf of the device page table. */
#define LEAF_PAGES	((unsigned int)HPAGE_PMD_NR)

/* Bytes that move together for an access of the device, where nobody says else. */
#define GRANULARITY	(64UL << 10)
/* How long a piece is watched that does not come back, in ns. */
#define SAMPLE_AGE	(10 * (u64)NSEC_PER_SEC)
/* One part in so many of the time in moves is too much. */
#define CROWDED_SHARE	4
/* How long no memory makes room, in times that a piece took to come back, and in ns. */
#define CROWDED_REST	4
#define CROWDED_MOST	(10 * (u64)NSEC_PER_SEC)

/* Accesses in place before memory moves, where they are counted. */
#define COUNT		256

static unsigned int fault_around_kib = 64;
module_param(fault_around_kib, uint, 0644);
MODULE_PARM_DESC(fault_around_kib,
		 "KiB that migrate on a CPU fault on a small page, a power of two up to 2048 (default 64)");

static unsigned int fault_around_max_kib = 2048;
module_param(fault_around_max_kib, uint, 0644);
MODULE_PARM_DESC(fault_around_max_kib,
		 "KiB to which that grows while CPU faults come in order, up to 2048; not above fault_around_kib: it does not grow (default 2048)");

static unsigned int thrash_turns = 3;
module_param(thrash_turns, uint, 0644);
MODULE_PARM_DESC(thrash_turns,
		 "number of times that memory comes back to the device soon before it is used in place; 0: never (default 3)");

static unsigned int thrash_soon = 32;
module_param(thrash_soon, uint, 0644);
MODULE_PARM_DESC(thrash_soon,
		 "soon: within this many times the time that the move took (default 32)");

static unsigned int thrash_rest = 1024;
module_param(thrash_rest, uint, 0644);
MODULE_PARM_DESC(thrash_rest,
		 "how long it is used in place: this many times that time, a second at most (default 1024)");

static unsigned int pin_percent = 50;
module_param(pin_percent, uint, 0644);
MODULE_PARM_DESC(pin_percent,
		 "percent of its fair share of a device that a process may pin, up to 100 (default 50)");

/* What follows when the device lacks a page, where neither advice nor file say it. */
static unsigned int on_fault = DRM_VSVM_ON_FAULT_IN_PLACE;
static const char *const on_faults[] = {
	[DRM_VSVM_ON_FAULT_DEFAULT] = "",
	[DRM_VSVM_ON_FAULT_IN_PLACE] = "in-place",
	[DRM_VSVM_ON_FAULT_MIGRATE] = "migrate",
	[DRM_VSVM_ON_FAULT_COUNTED] = "counted",
};

static int set_on_fault(const char *value, const struct kernel_param *param)
{
	int which = __sysfs_match_string(on_faults, ARRAY_SIZE(on_faults), value);

	if (which <= 0)
		return -EINVAL;
	/* vsvm_policy_resolve() reads it without a lock. */
	WRITE_ONCE(on_fault, which);
	return 0;
}

static int get_on_fault(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", on_faults[on_fault]);
}

static const struct kernel_param_ops on_fault_ops = {
	.set = set_on_fault,
	.get = get_on_fault,
};

module_param_cb(on_fault, &on_fault_ops, NULL, 0644);
MODULE_PARM_DESC(on_fault,
		 "in-place, migrate, or counted: what the device lacks moves to it, at once or after some accesses, unless advice says else (default in-place)");

/* A size of a window: a power of two from PAGE_SIZE to PMD_SIZE. */
static unsigned long window_size(unsigned int kib)
{
	unsigned long size = (unsigned long)kib << 10;

	return rounddown_pow_of_two(clamp(size, PAGE_SIZE, PMD_SIZE));
}

static struct vsvm_policy_window window_at(unsigned long addr, unsigned long size)
{
	unsigned long start = ALIGN_DOWN(addr, size);

	return (struct vsvm_policy_window){ .start = start, .end = start + size };
}

/* The entry of &vsvm_policy_streams for a window of @size around @addr. */
static unsigned long stream_entry(unsigned long addr, unsigned long size)
{
	return ALIGN_DOWN(addr, size) | ilog2(size);
}

/* The window that @entry stands for. Whatever was read, it lies in one PMD. */
static struct vsvm_policy_window stream_window(unsigned long entry)
{
	unsigned int shift = clamp(entry & ~PAGE_MASK, PAGE_SHIFT, PMD_SHIFT);

	return window_at(entry, 1UL << shift);
}

/*
 * True if a fault at @addr goes on where a stream was: not more than a window of the
 * least size behind its last window, or in front of it.
 */
static bool stream_goes_on(const struct vsvm_policy_window *was, unsigned long addr,
			   unsigned long least)
{
	return addr - was->end < least || was->start - 1 - addr < least;
}

/* Makes @entry the latest one, in place of that at @i. */
static void stream_note(struct vsvm_policy_streams *s, unsigned int i,
			unsigned long entry)
{
	for (i = min(i, VSVM_POLICY_STREAMS - 1); i; i--)
		WRITE_ONCE(s->window[i], READ_ONCE(s->window[i - 1]));
	WRITE_ONCE(s->window[0], entry);
}

/**
 * vsvm_policy_home() - choose what comes home for a CPU fault on a small page
 * @streams: of the process whose fault it is; NULL: its faults are in no order
 * @addr: where it faulted
 *
 * The first fault of a stream gets the least window. Each one that goes on where the
 * stream was gets twice as much as the one before, without what came home with that. A
 * fault anywhere else starts another stream, in place of the one that rested longest.
 *
 * Return: the window, which has @addr and lies in one PMD. The caller cuts it to the
 * mapping.
 */
struct vsvm_policy_window vsvm_policy_home(struct vsvm_policy_streams *streams,
					   unsigned long addr)
{
	unsigned long least = window_size(READ_ONCE(fault_around_kib));
	unsigned long most = window_size(READ_ONCE(fault_around_max_kib));
	struct vsvm_policy_window was, w = window_at(addr, least);
	unsigned long entry, size = least;
	unsigned int i;

	if (!streams || most <= least)
		return w;
	for (i = 0; i < VSVM_POLICY_STREAMS; i++) {
		entry = READ_ONCE(streams->window[i]);
		was = stream_window(entry);
		if (entry == stream_entry(addr, least))
			break;
		if (!entry || !stream_goes_on(&was, addr, least))
			continue;
		size = clamp(2 * (was.end - was.start), least, most);
		w = window_at(addr, size);
		if (addr < was.start)
			w.end = min(w.end, was.start);
		else
			w.start = max(w.start, was.end);
		break;
	}
	stream_note(streams, i, stream_entry(addr, size));
	return w;
}

/**
 * vsvm_policy_moves() - find out whether memory moves although nobody gave advice
 *
 * Return: true if it may.
 */
bool vsvm_policy_moves(void)
{
	return READ_ONCE(on_fault) != DRM_VSVM_ON_FAULT_IN_PLACE;
}

/**
 * vsvm_policy_pins() - decide how much a process may keep on a full device
 * @fair: its fair share of the device, in blocks
 *
 * Return: number of blocks, at most @fair.
 */
unsigned long vsvm_policy_pins(unsigned long fair)
{
	return fair * min(READ_ONCE(pin_percent), 100) / 100;
}

/**
 * vsvm_policy_resolve() - find out what holds where advice says nothing
 * @advice: in, what was said of a range; out, without defaults
 * @file: what holds for the file
 */
void vsvm_policy_resolve(struct drm_vsvm_advice *advice,
			 const struct drm_vsvm_advice *file)
{
	if (!advice->location) {
		advice->location = file->location ?: DRM_VSVM_LOCATION_NONE;
		advice->device = file->device;
	}
	if (!advice->may)
		advice->may = file->may ?: DRM_VSVM_MAY_MOVE;
	if (!advice->atomics)
		advice->atomics = file->atomics ?: DRM_VSVM_ATOMICS_SYSTEM;
	if (!advice->on_fault && advice->location == DRM_VSVM_LOCATION_HERE)
		advice->on_fault = DRM_VSVM_ON_FAULT_MIGRATE;
	if (!advice->on_fault) {
		advice->on_fault = file->on_fault ?: READ_ONCE(on_fault);
		advice->count = file->count;
	}
	if (!advice->count)
		advice->count = COUNT;
	if (!advice->granularity)
		advice->granularity = file->granularity ?:
				      max(GRANULARITY, PAGE_SIZE);
}

/**
 * vsvm_policy_ask() - decide what follows when the device lacks a page
 * @advice: what holds for the page, after vsvm_policy_resolve()
 * @need: what the device is about to do
 *
 * Return: &enum vsvm_policy_answer.
 */
enum vsvm_policy_answer
vsvm_policy_ask(const struct drm_vsvm_advice *advice, enum vsvm_need need)
{
	bool atomic = need == VSVM_NEED_EXCLUSIVE;

	if (advice->may == DRM_VSVM_MAY_NOT ||
	    (atomic && advice->atomics == DRM_VSVM_ATOMICS_CPU))
		return VSVM_POLICY_REFUSE;
	if (advice->may == DRM_VSVM_MAY_USE ||
	    advice->location == DRM_VSVM_LOCATION_SYSTEM ||
	    advice->location == DRM_VSVM_LOCATION_DEVICE)
		return VSVM_POLICY_USE;
	if (atomic)
		return advice->atomics == DRM_VSVM_ATOMICS_DEVICE ?
		       VSVM_POLICY_MOVE : VSVM_POLICY_USE;
	switch (advice->on_fault) {
	case DRM_VSVM_ON_FAULT_MIGRATE:
		return VSVM_POLICY_MOVE;
	case DRM_VSVM_ON_FAULT_COUNTED:
		return VSVM_POLICY_COUNT;
	default:
		return VSVM_POLICY_USE;
	}
}

#define COUNT_SHIFT	16

static u64 piece_of(unsigned long addr)
{
	return (u64)(addr / VSVM_POLICY_COUNT_BYTES) << COUNT_SHIFT;
}

static unsigned int slot_of(unsigned long addr)
{
	return addr / VSVM_POLICY_COUNT_BYTES % VSVM_POLICY_COUNTS;
}

/* True if accesses of the piece of @addr are left, of what a slot has. */
static bool has_left(s64 left, unsigned long addr)
{
	return !((left ^ piece_of(addr)) >> COUNT_SHIFT) &&
	       left & DRM_VSVM_MAX_COUNT;
}

/**
 * vsvm_policy_counts_on() - find out whether an access in place may be counted
 * @counts: the file's
 * @addr: its address
 *
 * Return: true; false: policy is to be asked again: there were as many as advice says, or
 * another piece is counted in its place.
 */
bool vsvm_policy_counts_on(const struct vsvm_policy_counts *counts,
			   unsigned long addr)
{
	return has_left(atomic64_read(&counts->left[slot_of(addr)]), addr);
}

/**
 * vsvm_policy_count() - count an access in place
 * @counts: the file's
 * @addr: its address
 */
void vsvm_policy_count(struct vsvm_policy_counts *counts, unsigned long addr)
{
	atomic64_t *left = &counts->left[slot_of(addr)];
	s64 now = atomic64_read(left);

	do {
		if (!has_left(now, addr))
			return;
	} while (!atomic64_try_cmpxchg(left, &now, now - 1));
}

/**
 * vsvm_policy_counted() - find out whether a piece was accessed often enough
 * @counts: the file's
 * @addr: an address in it
 * @count: as often as this
 *
 * Return: true; false: it is counted, from now on if it was not before.
 */
bool vsvm_policy_counted(struct vsvm_policy_counts *counts, unsigned long addr,
			 u32 count)
{
	atomic64_t *left = &counts->left[slot_of(addr)];
	s64 now = atomic64_read(left);

	if (!((now ^ piece_of(addr)) >> COUNT_SHIFT)) {
		if (now & DRM_VSVM_MAX_COUNT)
			return false;
		/* It is counted anew when it has come home. */
		atomic64_set(left, 0);
		return true;
	}
	atomic64_set(left, piece_of(addr) | count);
	return false;
}

static struct vsvm_policy_move *move_of(struct vsvm_policy_history *history,
					unsigned long addr)
{
	return &history->move[hash_long(addr, ilog2(VSVM_POLICY_MOVES))];
}

/**
 * vsvm_policy_clock() - say by which clock the times are that follow
 * @history: the file's; it is forgotten if its times are by another one
 * @modelled: they are virtual
 */
void vsvm_policy_clock(struct vsvm_policy_history *history, bool modelled)
{
	if (history->modelled != modelled)
		*history = (struct vsvm_policy_history) { .modelled = modelled };
}

/**
 * vsvm_policy_turn() - decide whether a piece that is to move is used in place instead
 * @history: the file's
 * @addr: address of the piece
 * @now: the time, in ns
 * @last: out, its last move, if it thrashes
 *
 * Memory that CPU and device use in turns would move each time. Times are counted in
 * those that the piece took to move, so they hold on slow machines as well.
 *
 * Return: &enum vsvm_policy_turn.
 */
enum vsvm_policy_turn
vsvm_policy_turn(struct vsvm_policy_history *history, unsigned long addr,
		 u64 now, const struct vsvm_policy_move **last)
{
	struct vsvm_policy_move *move = move_of(history, addr);
	unsigned int turns = READ_ONCE(thrash_turns);

	if (move->addr != addr || !turns)
		return VSVM_POLICY_TURN_FAIR;
	if (now < move->until)
		return VSVM_POLICY_TURN_STAYS;
	if (move->until) {
		move->until = 0;
		move->turns = 0;
		return VSVM_POLICY_TURN_ENDS;
	}
	if (now - move->end > move->cost * READ_ONCE(thrash_soon))
		move->turns = 0;
	else
		move->turns++;
	if (move->turns < turns)
		return VSVM_POLICY_TURN_FAIR;
	move->until = now + min(move->cost * READ_ONCE(thrash_rest),
				(u64)NSEC_PER_SEC);
	*last = move;
	return VSVM_POLICY_TURN_THRASHES;
}

static struct vsvm_policy_sample *
sample_of(struct vsvm_policy_history *history, unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < VSVM_POLICY_SAMPLES; i++)
		if (history->sample[i].end && history->sample[i].addr == addr)
			return &history->sample[i];
	return NULL;
}

/* Watches a piece, if another one does not use the place, or did not come back. */
static void sample_put(struct vsvm_policy_history *history,
		       const struct vsvm_policy_sample *sample)
{
	struct vsvm_policy_sample *s = history->sample;
	unsigned int i;

	for (i = 0; i < VSVM_POLICY_SAMPLES; i++) {
		if (s[i].end && sample->end - s[i].end < SAMPLE_AGE)
			continue;
		s[i] = *sample;
		return;
	}
}

/**
 * vsvm_policy_crowd() - decide whether memory makes room for a piece that is to move
 * @history: the file's
 * @addr: address of the piece
 * @now: the time, in ns
 * @evictions: number of blocks that the process lost to eviction so far
 *
 * Where the device is too small for what it uses, each piece that moves there pushes out
 * one that is needed next. So some pieces are watched. Evictions took one away, it is
 * to come back, and moves took a good part of the time since: after some of these in a row,
 * what is on the device stays there, and the rest is used in place.
 *
 * Return: &enum vsvm_policy_crowd.
 */
enum vsvm_policy_crowd
vsvm_policy_crowd(struct vsvm_policy_history *history, unsigned long addr,
		  u64 now, u64 evictions)
{
	struct vsvm_policy_sample *s = sample_of(history, addr);
	unsigned int turns = READ_ONCE(thrash_turns);
	u64 cycle;

	if (history->crowded) {
		if (now < history->crowded && turns)
			return VSVM_POLICY_CROWD_STAYS;
		history->crowded = 0;
		return VSVM_POLICY_CROWD_ENDS;
	}
	/* It moved while this thread looked. */
	if (!s || !turns || (s64)(now - s->end) <= 0)
		return VSVM_POLICY_CROWD_NONE;
	cycle = now - s->end;
	s->end = 0;
	if (evictions == s->evictions ||
	    (history->moving - s->moving) * CROWDED_SHARE < cycle)
		history->soon = 0;
	else
		history->soon++;
	if (history->soon < turns)
		return VSVM_POLICY_CROWD_NONE;
	memset(history->sample, 0, sizeof(history->sample));
	history->soon = 0;
	history->crowded = now + min(cycle * CROWDED_REST, CROWDED_MOST);
	return VSVM_POLICY_CROWD_BEGINS;
}

/**
 * vsvm_policy_moved() - note that a piece moved to the device
 * @history: the file's
 * @addr: address of the piece
 * @begin: when it began to move, in ns
 * @end: when that ended, in ns
 * @evictions: number of blocks that the process lost to eviction so far
 */
void vsvm_policy_moved(struct vsvm_policy_history *history, unsigned long addr,
		       u64 begin, u64 end, u64 evictions)
{
	struct vsvm_policy_move *move = move_of(history, addr);

	if (move->addr != addr)
		*move = (struct vsvm_policy_move) { .addr = addr };
	move->end = end;
	move->cost = end - begin;
	history->moving += end - max(begin, history->last);
	history->last = end;
	if (!sample_of(history, addr))
		sample_put(history, &(struct vsvm_policy_sample) {
			.addr = addr,
			.end = end,
			.moving = history->moving,
			.evictions = evictions,
		});
}

/* Number of pages from @from to @to that are in @set. */
static unsigned int weight(const unsigned long *set, unsigned int from,
			   unsigned int to)
{
	DECLARE_BITMAP(part, LEAF_PAGES);

	bitmap_zero(part, LEAF_PAGES);
	bitmap_set(part, from, to - from);
	return bitmap_weight_and(part, set, LEAF_PAGES);
}

/**
 * vsvm_policy_grow() - decide how much moves to the device for a page that it lacks
 * @piece: the page, and what may move
 * @resident: the pages of the leaf that are on the device; the wanted ones are added
 *
 * Granules around what is wanted. Then the largest aligned part of the leaf around these
 * of which more than half would be on the device: who uses most of it will use the rest.
 * What the CPU maps by one entry moves as a whole, or core mm would have to split it.
 */
void vsvm_policy_grow(struct vsvm_policy_piece *piece, unsigned long *resident)
{
	unsigned int size, from, to;

	piece->use = max(round_down(piece->want, piece->granule), piece->first);
	piece->use_end = min(round_up(piece->want_end, piece->granule),
			     piece->end);
	piece->from = piece->use;
	piece->to = piece->use_end;
	bitmap_set(resident, piece->from, piece->to - piece->from);
	for (size = LEAF_PAGES; size > piece->granule; size /= 2) {
		from = max(round_down(piece->want, size), piece->first);
		to = min(round_down(piece->want, size) + size, piece->end);
		if (from > piece->from || to < piece->to)
			continue;
		if ((piece->one_entry && size == LEAF_PAGES) ||
		    weight(resident, from, to) * 2 > to - from) {
			piece->from = from;
			piece->to = to;
			return;
		}
	}
}
