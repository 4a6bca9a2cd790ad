/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_POLICY_H
#define VSVM_POLICY_H

#include <linux/atomic.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

#include "vsvm_types.h"

/**
 * enum vsvm_policy_answer - what follows when the device lacks a page
 * @VSVM_POLICY_USE: use it where it is
 * @VSVM_POLICY_MOVE: move it to the device, if it can move
 * @VSVM_POLICY_COUNT: use it where it is, and move it after some accesses
 * @VSVM_POLICY_REFUSE: the device must not access it
 */
enum vsvm_policy_answer {
	VSVM_POLICY_USE,
	VSVM_POLICY_MOVE,
	VSVM_POLICY_COUNT,
	VSVM_POLICY_REFUSE,
};

/**
 * struct vsvm_policy_piece - pages of a leaf, by index, that may move together
 * @first: first page that may
 * @end: end of these
 * @want: first page that the device lacks
 * @want_end: end of those that it is going to access
 * @granule: number of pages that move together at least, a power of two
 * @one_entry: the CPU maps the wanted page by an entry for the whole leaf
 * @use: out, first page to move for what the device is going to access
 * @use_end: out, end of these
 * @from: out, first page to move if there is room
 * @to: out, end of these, which include the others
 */
struct vsvm_policy_piece {
	unsigned int first;
	unsigned int end;
	unsigned int want;
	unsigned int want_end;
	unsigned int granule;
	bool one_entry;
	unsigned int use;
	unsigned int use_end;
	unsigned int from;
	unsigned int to;
};

/* Number of pieces of a file whose accesses are counted at a time, and their size. */
#define VSVM_POLICY_COUNTS	64
#define VSVM_POLICY_COUNT_BYTES	(64UL << 10)

/**
 * struct vsvm_policy_counts - how often the device may still access a piece in place
 * @left: number of the piece, and in its low 16 bits the number of accesses; another
 *	piece may take its place
 *
 * Several threads may use it at a time.
 */
struct vsvm_policy_counts {
	atomic64_t left[VSVM_POLICY_COUNTS];
};

/* Number of pieces of a file whose moves are remembered. */
#define VSVM_POLICY_MOVES	64

/**
 * struct vsvm_policy_move - the last move of a piece to the device
 * @addr: address of the piece
 * @end: when it ended, in ns
 * @cost: how long it took, in ns
 * @until: until then the piece is used in place; 0: it is not
 * @turns: how often the piece came back soon after it had moved, without a break
 */
struct vsvm_policy_move {
	unsigned long addr;
	u64 end;
	u64 cost;
	u64 until;
	unsigned int turns;
};

/* Number of pieces of a file that are watched until they come back. */
#define VSVM_POLICY_SAMPLES	8

/**
 * struct vsvm_policy_sample - a piece that moved to the device
 * @addr: address of the piece
 * @end: when the move ended, in ns; 0: none is watched
 * @moving: value of &vsvm_policy_history.moving then
 * @evictions: number of blocks that the process had lost to eviction by then
 */
struct vsvm_policy_sample {
	unsigned long addr;
	u64 end;
	u64 moving;
	u64 evictions;
};

/**
 * struct vsvm_policy_history - what moved to the device for a file
 * @move: the last move of a piece, by its address; another piece may take its place
 * @sample: pieces that are watched
 * @moving: how long moves of the file took so far, in ns; those at the same time count once
 * @last: when the last move ended, in ns
 * @soon: number of samples that came back too soon, without a break
 * @crowded: until then no memory makes room for what the device lacks; 0: it does
 * @modelled: these times are virtual
 *
 * The caller sees to it that one thread at a time uses it.
 */
struct vsvm_policy_history {
	struct vsvm_policy_move move[VSVM_POLICY_MOVES];
	struct vsvm_policy_sample sample[VSVM_POLICY_SAMPLES];
	u64 moving;
	u64 last;
	unsigned int soon;
	u64 crowded;
	bool modelled;
};

/**
 * enum vsvm_policy_crowd - whether memory makes room for what the device lacks
 * @VSVM_POLICY_CROWD_NONE: it does
 * @VSVM_POLICY_CROWD_BEGINS: from now on it does not, for a time
 * @VSVM_POLICY_CROWD_STAYS: it does not, for some time yet
 * @VSVM_POLICY_CROWD_ENDS: it does again
 */
enum vsvm_policy_crowd {
	VSVM_POLICY_CROWD_NONE,
	VSVM_POLICY_CROWD_BEGINS,
	VSVM_POLICY_CROWD_STAYS,
	VSVM_POLICY_CROWD_ENDS,
};

/**
 * enum vsvm_policy_turn - what a piece does that is to move to the device
 * @VSVM_POLICY_TURN_FAIR: nothing odd
 * @VSVM_POLICY_TURN_THRASHES: it begins to be used in place
 * @VSVM_POLICY_TURN_STAYS: it is used in place, for some time yet
 * @VSVM_POLICY_TURN_ENDS: it was used in place for long enough
 */
enum vsvm_policy_turn {
	VSVM_POLICY_TURN_FAIR,
	VSVM_POLICY_TURN_THRASHES,
	VSVM_POLICY_TURN_STAYS,
	VSVM_POLICY_TURN_ENDS,
};

/* Number of streams that are told apart: a cache line of them. */
#define VSVM_POLICY_STREAMS	8

/**
 * struct vsvm_policy_streams - where a process touched device pages, the latest first
 * @window: the last window of each stream: its start, and log2 of its size in the low
 *	bits; 0: none
 *
 * Hints, written by several CPU faults at once without a lock: one that is lost or
 * doubled makes a window smaller or larger than it should be.
 */
struct vsvm_policy_streams {
	unsigned long window[VSVM_POLICY_STREAMS];
};

/**
 * struct vsvm_policy_window - addresses that migrate together
 * @start: the first one
 * @end: the one behind the last
 */
struct vsvm_policy_window {
	unsigned long start;
	unsigned long end;
};

struct vsvm_policy_window vsvm_policy_home(struct vsvm_policy_streams *streams,
					   unsigned long addr);
void vsvm_policy_clock(struct vsvm_policy_history *history, bool modelled);
enum vsvm_policy_turn
vsvm_policy_turn(struct vsvm_policy_history *history, unsigned long addr,
		 u64 now, const struct vsvm_policy_move **last);
enum vsvm_policy_crowd
vsvm_policy_crowd(struct vsvm_policy_history *history, unsigned long addr,
		  u64 now, u64 evictions);
void vsvm_policy_moved(struct vsvm_policy_history *history, unsigned long addr,
		       u64 begin, u64 end, u64 evictions);
bool vsvm_policy_moves(void);
unsigned long vsvm_policy_pins(unsigned long fair);
bool vsvm_policy_counts_on(const struct vsvm_policy_counts *counts,
			   unsigned long addr);
void vsvm_policy_count(struct vsvm_policy_counts *counts, unsigned long addr);
bool vsvm_policy_counted(struct vsvm_policy_counts *counts, unsigned long addr,
			 u32 count);
void vsvm_policy_resolve(struct drm_vsvm_advice *advice,
			 const struct drm_vsvm_advice *file);
enum vsvm_policy_answer
vsvm_policy_ask(const struct drm_vsvm_advice *advice, enum vsvm_need need);
void vsvm_policy_grow(struct vsvm_policy_piece *piece,
		      unsigned long *resident);

#endif /* VSVM_POLICY_H */
