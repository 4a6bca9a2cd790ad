/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plot: a recording of the driver's tracepoints, as a picture.
 *
 * plot_read has the events, plot_place where pages are, plot_model the sums, and
 * plot_svg, plot_json and plot_chrome what they look like.
 */
#ifndef VSVM_PLOT_H
#define VSVM_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "libvsvm.h"

#define PLOT_DEVICES	30
#define PLOT_CAUSES	8
#define PLOT_LANES	24
#define PLOT_TOP	10
#define PLOT_STEPS	8	/* shades from system memory to a device */
#define PIECE		(2UL << 20)
#define PIECE_SHIFT	21
#define PIECE_PAGES	512
#define PAGE_BYTES	4096UL

/* The tracepoints, and what vsvm record writes among them. */
enum plot_type {
	PLOT_DEVICE_FAULT,
	PLOT_CPU_FAULT,
	PLOT_MIGRATE_BEGIN,
	PLOT_MIGRATE_END,
	PLOT_STAY,
	PLOT_INVALIDATE,
	PLOT_THRASH,
	PLOT_EVICT,
	PLOT_QUEUE_SUBMIT,
	PLOT_QUEUE_START,
	PLOT_QUEUE_FAULT,
	PLOT_QUEUE_SERVED,
	PLOT_QUEUE_FENCE,
	PLOT_QUEUE_LOST,
	PLOT_TYPES,
	PLOT_MARK = PLOT_TYPES,
};

/* An event; a field that its type does not have is 0. */
struct plot_event {
	enum plot_type type;
	uint64_t time;		/* nanoseconds */
	int32_t tid;
	int32_t owner;		/* whose address or queue it is; 0: the event does not say */
	uint32_t device;
	uint32_t cause;
	uint32_t target;
	uint32_t event;		/* of the notifier */
	uint32_t queue;
	uint64_t seq;
	uint64_t addr;
	uint64_t bytes;		/* of the range */
	uint64_t moved;		/* bytes */
	int32_t error;
	const char *text;	/* of a mark */
};

/* What the notifier says, from include/linux/mmu_notifier.h. */
enum {
	PLOT_NOTIFY_UNMAP = 0,
	PLOT_NOTIFY_CLEAR = 1,
	PLOT_NOTIFY_RELEASE = 5,
};

struct plot_file;

/* Opens and complains, or NULL. */
struct plot_file *plot_open(const char *path);
void plot_close(struct plot_file *f);

/**
 * plot_read() - hand on all events in the order of time
 * @f: the recording
 * @fn: gets each event; not 0 ends it
 * @arg: for @fn
 * @lost: how many events are missing, as far as the buffers know
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
int plot_read(struct plot_file *f, int (*fn)(const struct plot_event *e, void *arg),
	      void *arg, uint64_t *lost);
/* What the recording calls a process. */
const char *plot_name(struct plot_file *f, pid_t pid);

/* Addresses of a process that were used, without a large gap in them. */
struct plot_range {
	pid_t pid;
	uint64_t start;
	uint64_t end;
	unsigned int row;	/* the first, from the top */
	unsigned int rows;
};

/* 2 MiB of a process. */
struct plot_piece {
	pid_t pid;
	uint64_t nr;		/* address >> PIECE_SHIFT */
	uint32_t granules;	/* of 64 KiB, which were used */
	uint8_t *place;		/* of each page, see plot_place.c; NULL: none known */
	uint64_t ns;		/* that moves of its pages took */
	uint64_t to_device;	/* bytes */
	uint64_t home;
	uint64_t device_faults;
	uint64_t cpu_faults;
	uint64_t evictions;
};

/* What is drawn over a cell of the map. */
enum plot_mark {
	PLOT_MARK_DEVICE_FAULT,
	PLOT_MARK_CPU_FAULT,
	PLOT_MARK_TO_DEVICE,
	PLOT_MARK_HOME,
	PLOT_MARK_EVICTION,
	PLOT_MARKS,
};

/* Where the pages of a row are now. */
struct plot_row {
	uint64_t since;		/* until when it is drawn */
	uint32_t known;		/* pages */
	uint32_t on[PLOT_DEVICES];
};

/* Addresses from top to bottom, time from left to right. */
struct plot_map {
	unsigned int bins;
	unsigned int rows;	/* how many there may be; then how many there are */
	uint64_t row_bytes;
	struct plot_range *range;
	size_t nr_ranges;
	struct plot_row *row;
	float *known;		/* pages * nanoseconds of a cell */
	float *on;		/* those of it on a device */
	uint8_t *device;	/* which */
	uint32_t *mark[PLOT_MARKS];
};

struct plot_series {
	uint64_t to_device;	/* bytes */
	uint64_t home[PLOT_CAUSES];
	uint64_t used[PLOT_DEVICES];
};

enum plot_state {
	PLOT_IDLE,
	PLOT_RUNS,
	PLOT_FAULTS,
	PLOT_STATES,
};

/* A queue over time. */
struct plot_lane {
	uint32_t device;
	pid_t owner;
	uint32_t queue;
	uint64_t jobs;		/* that began */
	bool lost;
	enum plot_state state;
	uint64_t since;
	float *time;		/* bins * PLOT_STATES, nanoseconds */
};

struct plot_count {
	char name[48];
	uint64_t before;
	uint64_t after;
	uint64_t drawn;
	bool known;		/* the events can tell it */
};

struct plot_device {
	bool seen;
	bool sampled;		/* vsvm record says what is in use */
	bool before;		/* its counters are known from then */
	bool after;
	uint64_t size;		/* 0: not known */
	uint64_t used;
	uint64_t most;
	struct plot_count *count;
	size_t counts;
};

struct plot_totals {
	uint64_t events;
	uint64_t lost;
	uint64_t device_faults;
	uint64_t cpu_faults;
	uint64_t to_device[PLOT_CAUSES];	/* bytes */
	uint64_t home[PLOT_CAUSES];
	uint64_t evicted_blocks;
	uint64_t stayed_pages;
	uint64_t thrashes;
	uint64_t jobs;
	uint64_t queue_faults;
};

struct plot_pass;

struct plot {
	const char *path;
	struct plot_file *file;
	uint64_t begin;
	uint64_t end;
	struct plot_totals total;
	struct plot_device device[PLOT_DEVICES];
	struct plot_piece *piece;	/* by process and address */
	size_t nr_pieces;
	size_t room;			/* for pieces */
	const struct plot_piece *top[PLOT_TOP];
	unsigned int nr_top;
	struct plot_map map;
	struct plot_series *series;	/* for each bin */
	struct plot_lane lane[PLOT_LANES];
	unsigned int nr_lanes;
	unsigned int more_lanes;	/* queues without a lane */
	struct plot_pass *pass;
};

/* Read a recording into a map of at most @rows and @bins; complains. */
int plot_make(struct plot *p, const char *path, unsigned int bins, unsigned int rows);
void plot_free(struct plot *p);

/* The process that an address of an event is of. */
pid_t plot_owner(const struct plot_pass *pass, const struct plot_event *e);

/* plot_place: rows, pieces, and where pages are. */
int plot_touch(struct plot *p, pid_t pid, uint64_t addr, uint64_t bytes);
int plot_lay_out(struct plot *p);
struct plot_piece *plot_find(struct plot *p, pid_t pid, uint64_t addr);
int plot_row_of(const struct plot *p, pid_t pid, uint64_t addr);
unsigned int plot_bin(const struct plot *p, uint64_t time);
void plot_mark(struct plot *p, enum plot_mark mark, pid_t pid, uint64_t addr,
	       uint64_t bytes, uint64_t time);
enum { PLACE_NONE, PLACE_SYSTEM, PLACE_DEVICE };
/* @only: where pages have to be now, or -1. */
int plot_put(struct plot *p, pid_t pid, uint64_t addr, uint64_t bytes, unsigned int place,
	     int only, uint64_t time);
void plot_settle(struct plot *p);
/* 0: nothing; or 1 + device * PLOT_STEPS + the part that is on it. */
unsigned int plot_shade(const struct plot *p, unsigned int row, unsigned int bin);
/* The state in which a lane was the longest. */
enum plot_state plot_lane_state(const struct plot *p, const struct plot_lane *lane,
				unsigned int bin);

extern const char *const plot_mark_names[PLOT_MARKS];
const char *plot_cause(unsigned int cause);

/* What it becomes. Each returns 0 or a negative errno. */
int plot_svg(struct plot *p, FILE *to);
int plot_html(struct plot *p, FILE *to);
int plot_json(struct plot *p, FILE *to);
int plot_chrome(struct plot *p, FILE *to);

#endif /* VSVM_PLOT_H */
