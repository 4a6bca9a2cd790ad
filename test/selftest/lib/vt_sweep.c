// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep of all failpoints, see vt_sweep.h. Owns the tally, which is there
 * before the first fork().
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vt_sweep.h"

/* So many passes one by one, and so many of the others. */
#define EACH	6
#define MORE	6
/* No work can fire more often than this without going round in circles. */
#define TOO_OFTEN	200

struct vt_tally *vt_tally;

static void __attribute__((constructor)) make_tally(void)
{
	vt_tally = mmap(NULL, VT_FAILPOINTS_MAX * sizeof(*vt_tally),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			0);
}

struct vt_tally *vt_tally_of(const char *point)
{
	static struct vt_tally nowhere;
	int i = vt_failpoint_number(point);

	return i < 0 ? &nowhere : &vt_tally[i];
}

int vt_complain(const char *job, const char *point, uint64_t nth,
		const char *what, long n)
{
	return vt_wrong("%s, %s at pass %llu: %s (%ld)", job,
			*point ? point : "no failpoint",
			(unsigned long long)nth, what, n);
}

static bool legal(int ret)
{
	return !ret || ret == -ENOMEM || ret == -EINTR || ret == -EFAULT;
}

/* Device memory that is in use by this process, as fdinfo has it. */
static int nothing_left(struct vt_work *w)
{
	char path[64], line[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vsvm_fd(w->v));
	f = fopen(path, "re");
	if (!f)
		return vt_wrong("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "drm-resident-%*[a-z]: %lu", &n) == 1 && n)
			break;
	fclose(f);
	return n ? vt_wrong("left in fdinfo: %lu: %s", n, line) : 0;
}

/* Checks and ends one go; everything it took has to be back. */
static int finish(const struct vt_job *job, struct vt_work *w, int ret)
{
	uint64_t used;
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
	used = vt_used(w->v);
	if (!bad && used != w->used) {
		vt_wrong("%#llx bytes of the device are in use, not %#llx",
			 (unsigned long long)used, (unsigned long long)w->used);
		bad = 3;
	}
	if (!bad && nothing_left(w))
		bad = 3;
	w->mem = NULL;
	w->buf = NULL;
	w->ballast = NULL;
	w->done = 0;
	return bad;
}

static int arm(const struct vt_job *job, struct vt_work *w, const char *point,
	       uint64_t nth)
{
	return job->all ? vt_arm_all(w->v, point, nth, 1) :
			  vt_arm(w->v, point, nth, 1);
}

/* How often the work passes each failpoint when nothing fails. */
static int count_passes(const struct vt_job *job, struct vt_work *w,
			long *passed)
{
	const struct vt_failpoint *p;
	unsigned int i;
	int ret;

	if (job->ready(w))
		return vt_complain(job->name, VT_NO_FAILPOINT, 0, "not ready",
				   0);
	for (i = 0; i < vt_failpoints(); i++) {
		p = vt_failpoint(i);
		if (strcmp(p->name, job->not) &&
		    (p->fails ? arm(job, w, p->name, VT_EVER) :
				vt_pause(w->v, p->name, VT_EVER)))
			return vt_complain(job->name, p->name, VT_EVER,
					   "cannot be armed", 0);
	}
	ret = job->run(w);
	for (i = 0; i < vt_failpoints(); i++) {
		p = vt_failpoint(i);
		passed[i] = 0;
		if (!strcmp(p->name, job->not))
			continue;
		passed[i] = vt_passed(w->v, p->name);
		if (vt_disarm(w->v, p->name))
			return vt_complain(job->name, p->name, VT_EVER,
					   "cannot be disarmed", 0);
	}
	if (*job->not)
		vt_disarm(w->v, job->not);
	if (finish(job, w, ret) || ret)
		return vt_complain(job->name, VT_NO_FAILPOINT, 0,
				   "wrong without a failure", ret);
	return 0;
}

/* One go with a failure at one pass. Returns if it fired, or -1. */
static int fail_once(const struct vt_job *job, struct vt_work *w,
		     const char *point, uint64_t nth)
{
	long fired;
	int ret, bad;

	if (job->ready(w) || arm(job, w, point, nth))
		return vt_complain(job->name, point, nth, "not ready", 0);
	ret = job->run(w);
	fired = vt_fired(w->v, point);
	vt_disarm(w->v, point);
	if (*job->not)
		vt_disarm(w->v, job->not);
	bad = finish(job, w, ret);
	if (bad)
		return vt_complain(job->name, point, nth,
				   bad == 1 ? "not a legal result" :
				   bad == 2 ? "wrong bytes or counts" :
				   "something is left behind", ret);
	if (ret && !fired)
		return vt_complain(job->name, point, nth, "fails by itself",
				   ret);
	vt_tally_of(point)->armed++;
	vt_tally_of(point)->fired += fired;
	return fired;
}

/* One go in which a thread pauses for a moment: nothing may be different. */
static int pause_once(const struct vt_job *job, struct vt_work *w,
		      const char *point)
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
		return vt_complain(job->name, point, 1, "not ready to pause",
				   0);
	ret = job->run(w);
	paused = vt_fired(w->v, point);
	vt_disarm(w->v, point);
	if (*job->not)
		vt_disarm(w->v, job->not);
	if (finish(job, w, ret) || ret || paused != 1)
		return vt_complain(job->name, point, 1, "wrong after a pause",
				   ret);
	vt_tally_of(point)->paused++;
	return 0;
}

static int sweep_point(const struct vt_job *job, struct vt_work *w,
		       const struct vt_failpoint *p, long passed)
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
			return vt_complain(job->name, point, nth, "no end", 0);
		fired = fail_once(job, w, point, nth);
		if (fired < 0)
			return -1;
		/* This time there may be small pages where there was a huge one. */
		if (nth > 4 * EACH && stride < (long)nth / 4)
			stride = nth / 4;
		nth += nth < EACH ? 1 : stride;
	}
	/* It was passed, so it must have fired. */
	return runs > 1 ? 0 :
	       vt_complain(job->name, point, 1, "never fired", 0);
}

int vt_sweep(const struct vt_job *job, struct vt_work *w)
{
	long passed[VT_FAILPOINTS_MAX];
	const struct vt_failpoint *p;
	unsigned int i;

	w->used = vt_used(w->v);
	if (!vt_failpoints() || count_passes(job, w, passed))
		return -1;
	for (i = 0; i < vt_failpoints(); i++) {
		p = vt_failpoint(i);
		/* Backing stays: it is passed only where ready() sees to it. */
		if (!passed[i] || (*job->only && strcmp(job->only, p->name)) ||
		    (!*job->only && !strcmp(p->name, "backing")))
			continue;
		if (sweep_point(job, w, p, passed[i]))
			return -1;
	}
	return 0;
}
