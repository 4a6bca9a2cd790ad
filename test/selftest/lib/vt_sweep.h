/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sweep the failpoints of the driver through a piece of work: count how often the
 * work passes each, then arm each for one pass after the other until it does not
 * fire any more, and check after each go. The results are in a tally that the
 * tests of a program, which are processes, share.
 *
 * Work that passes a failpoint more than six times is swept in strides: the first
 * six passes, then about six of the others.
 */
#ifndef VT_SWEEP_H
#define VT_SWEEP_H

#include "vt.h"

/* For "nth" and "times" of a failpoint: no work passes so often. */
#define VT_EVER		(1ULL << 40)

#define VT_NO_FAILPOINT	""

/* The results of each failpoint, in all tests. */
struct vt_tally {
	unsigned int armed;
	unsigned int fired;
	unsigned int paused;
};

/* In the driver's order. */
extern struct vt_tally *vt_tally;

/* That of one failpoint; it may be written. */
struct vt_tally *vt_tally_of(const char *failpoint);

/* A piece of work, and what it works on. */
struct vt_work {
	struct vsvm *v;
	enum vt_kind kind;
	size_t len;
	char *mem;
	char *buf;
	char *ballast;
	size_t done;
	uint64_t used;
	uint64_t word;
	struct vt_child child;
	char path[64];
};

/*
 * One kind of work: get ready, do it while a failpoint is armed, and check. run()
 * returns 0 or a negative errno that the interface allows; check() is told which.
 */
struct vt_job {
	const char *name;
	int (*ready)(struct vt_work *w);
	int (*run)(struct vt_work *w);
	int (*check)(struct vt_work *w, int ret);
	bool all;		/* passes of other processes count */
	const char *not;	/* a failpoint that ready() arms itself */
	const char *only;	/* the failpoint that ready() makes reachable */
};

/* Say what is wrong with a job at a failpoint's pass; -1. */
int vt_complain(const char *job, const char *failpoint, uint64_t nth,
		const char *what, long n);

/* Sweep all failpoints through a job: 0, or -1 at the first that is wrong. */
int vt_sweep(const struct vt_job *job, struct vt_work *w);

#endif /* VT_SWEEP_H */
