/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sweeping the points of the driver through a piece of work: count how often it
 * passes each, then arm each for one pass after the other until it does not fire
 * any more, and check after each go. The includer has the harness; what came of
 * it is in a tally that its tests, which are processes, share.
 */
#ifndef VSVM_JOB_H
#define VSVM_JOB_H

#include <sys/mman.h>

#include "vsvm_test.h"

#define EVER	(1ULL << 40)
#define EACH	6
#define MORE	6
/* No work can fire more often than this without going round in circles. */
#define TOO_OFTEN	200

#define NOBODY	""

/* What came of each point, in whichever test. */
struct tally {
	unsigned int armed;
	unsigned int fired;
	unsigned int paused;
};

static struct tally *tally;

static void __attribute__((constructor)) make_tally(void)
{
	tally = mmap(NULL, VT_POINTS_MAX * sizeof(*tally),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
}

static struct tally *tally_of(const char *point)
{
	static struct tally nowhere;
	int i = vt_point_number(point);

	return i < 0 ? &nowhere : &tally[i];
}

/* A piece of work, and what it works on. */
struct work {
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
 * One kind of work: get ready, do it while a point is armed, and check. run()
 * returns 0 or a negative errno that the interface allows; check() is told which.
 */
struct job {
	const char *name;
	int (*ready)(struct work *w);
	int (*run)(struct work *w);
	int (*check)(struct work *w, int ret);
	bool all;		/* passes of other processes count */
	const char *not;	/* a point that ready() arms itself */
	const char *only;	/* the point that ready() makes reachable */
};

static int complain(const char *job, const char *point, uint64_t nth,
		    const char *what, long n)
{
	fprintf(stderr, "# %s, %s at pass %llu: %s (%ld)\n", job,
		*point ? point : "no point", (unsigned long long)nth, what, n);
	return -1;
}

static bool legal(int ret)
{
	return !ret || ret == -ENOMEM || ret == -EINTR || ret == -EFAULT;
}

/* Device memory that is in use by this process, as fdinfo has it. */
static int nothing_left(struct work *w)
{
	char path[64], line[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vsvm_fd(w->v));
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "drm-resident-%*[a-z]: %lu", &n) == 1 && n)
			break;
	fclose(f);
	if (n)
		fprintf(stderr, "# left in fdinfo: %s", line);
	return n ? -1 : 0;
}

/* Checks and ends one go; everything it took has to be back. */
static int finish(const struct job *job, struct work *w, int ret)
{
	int bad = 0;

	if (!legal(ret))
		bad = 1;
	else if (job->check(w, ret))
		bad = 2;
	if (w->mem)
		munmap(w->mem, w->len);
	if (w->buf)
		munmap(w->buf, w->len);
	if (w->ballast)
		munmap(w->ballast, 2 * VT_HUGE);
	if (!bad && (vt_used(w->v) != w->used || nothing_left(w)))
		bad = 3;
	w->mem = NULL;
	w->buf = NULL;
	w->ballast = NULL;
	w->done = 0;
	return bad;
}

static int arm(const struct job *job, struct work *w, const char *point,
	       uint64_t nth)
{
	return job->all ? vt_arm_all(w->v, point, nth, 1) :
			  vt_arm(w->v, point, nth, 1);
}

/* How often the work passes each point when nothing fails. */
static int count_passes(const struct job *job, struct work *w, long *passed)
{
	const struct vt_point *p;
	unsigned int i;
	int ret;

	if (job->ready(w))
		return complain(job->name, NOBODY, 0, "not ready", 0);
	for (i = 0; i < vt_points(); i++) {
		p = vt_point(i);
		if (strcmp(p->name, job->not) &&
		    (p->fails ? arm(job, w, p->name, EVER) :
				vt_pause(w->v, p->name, EVER)))
			return -1;
	}
	ret = job->run(w);
	for (i = 0; i < vt_points(); i++) {
		p = vt_point(i);
		passed[i] = 0;
		if (!strcmp(p->name, job->not))
			continue;
		passed[i] = vt_passed(w->v, p->name);
		if (vt_disarm(w->v, p->name))
			return -1;
	}
	if (*job->not)
		vt_disarm(w->v, job->not);
	if (finish(job, w, ret) || ret)
		return complain(job->name, NOBODY, 0, "wrong without a failure",
				ret);
	return 0;
}

/* One go with a failure at one pass. Returns if it fired, or -1. */
static int fail_once(const struct job *job, struct work *w, const char *point,
		     uint64_t nth)
{
	long fired;
	int ret, bad;

	if (job->ready(w) || arm(job, w, point, nth))
		return complain(job->name, point, nth, "not ready", 0);
	ret = job->run(w);
	fired = vt_fired(w->v, point);
	vt_disarm(w->v, point);
	if (*job->not)
		vt_disarm(w->v, job->not);
	bad = finish(job, w, ret);
	if (bad)
		return complain(job->name, point, nth,
				bad == 1 ? "not a legal result" :
				bad == 2 ? "wrong bytes or counts" :
				"something is left behind", ret);
	if (ret && !fired)
		return complain(job->name, point, nth, "fails by itself", ret);
	tally_of(point)->armed++;
	tally_of(point)->fired += fired;
	return fired;
}

/* One go with somebody paused for a moment: nothing else may come of it. */
static int pause_once(const struct job *job, struct work *w, const char *point)
{
	struct drm_vsvm_inject pause = {
		.op = DRM_VSVM_INJECT_PAUSE,
		.nth = 1,
		.times = 1,
		.timeout_ms = 1,
	};
	long paused;
	int ret;

	if (job->ready(w) || vt_inject(vsvm_fd(w->v), point, &pause))
		return complain(job->name, point, 1, "not ready to pause", 0);
	ret = job->run(w);
	paused = vt_fired(w->v, point);
	vt_disarm(w->v, point);
	if (*job->not)
		vt_disarm(w->v, job->not);
	if (finish(job, w, ret) || ret || paused != 1)
		return complain(job->name, point, 1, "wrong after a pause", ret);
	tally_of(point)->paused++;
	return 0;
}

static int sweep_point(const struct job *job, struct work *w,
		       const struct vt_point *p, long passed)
{
	long stride = passed > EACH + MORE ? (passed - EACH) / MORE : 1;
	const char *point = p->name;
	int fired = 1, runs;
	uint64_t nth = 1;

	if (p->pauses && pause_once(job, w, point))
		return -1;
	if (!p->fails)
		return 0;
	for (runs = 0; fired; runs++) {
		if (runs == TOO_OFTEN)
			return complain(job->name, point, nth, "no end", 0);
		fired = fail_once(job, w, point, nth);
		if (fired < 0)
			return -1;
		nth += nth < EACH ? 1 : stride;
	}
	/* It was passed, so it must have fired. */
	return runs > 1 ? 0 : complain(job->name, point, 1, "never fired", 0);
}

static int sweep(const struct job *job, struct work *w)
{
	long passed[VT_POINTS_MAX];
	const struct vt_point *p;
	unsigned int i;

	w->used = vt_used(w->v);
	if (!vt_points() || count_passes(job, w, passed))
		return -1;
	for (i = 0; i < vt_points(); i++) {
		p = vt_point(i);
		/* Backing stays: it is passed only where ready() sees to it. */
		if (!passed[i] || (*job->only && strcmp(job->only, p->name)) ||
		    (!*job->only && !strcmp(p->name, "backing")))
			continue;
		if (sweep_point(job, w, p, passed[i]))
			return -1;
	}
	return 0;
}

#endif /* VSVM_JOB_H */
