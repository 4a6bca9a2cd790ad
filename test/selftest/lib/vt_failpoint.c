// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures and pauses on purpose, see vt_failpoint.h. Owns the list of failpoints,
 * which each process reads for itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vt.h"

#define POINTS	"/sys/kernel/debug/dri/vsvm.0/points"

static struct vt_failpoint failpoints[VT_FAILPOINTS_MAX];
static unsigned int nr_failpoints;

static void read_failpoints(void)
{
	char line[256], name[64], can[64];
	FILE *f = fopen(POINTS, "re");
	struct vt_failpoint *p;

	if (!f) {
		vt_wrong("%s: %s", POINTS, strerror(errno));
		return;
	}
	/* The first line says what is in the others. */
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		if (nr_failpoints == VT_FAILPOINTS_MAX ||
		    sscanf(line, "%63s %63s", name, can) != 2 ||
		    strlen(name) >= sizeof(p->name)) {
			vt_wrong("%s: %s", POINTS, line);
			nr_failpoints = 0;
			break;
		}
		p = &failpoints[nr_failpoints++];
		snprintf(p->name, sizeof(p->name), "%s", name);
		p->fails = strstr(can, "fail");
		p->pauses = strstr(can, "pause");
	}
	fclose(f);
}

unsigned int vt_failpoints(void)
{
	if (!nr_failpoints)
		read_failpoints();
	return nr_failpoints;
}

const struct vt_failpoint *vt_failpoint(unsigned int i)
{
	return i < vt_failpoints() ? &failpoints[i] : NULL;
}

int vt_failpoint_number(const char *name)
{
	unsigned int i;

	for (i = 0; i < vt_failpoints(); i++)
		if (!strcmp(failpoints[i].name, name))
			return i;
	return vt_wrong("the driver has no failpoint %s", name);
}

int vt_inject(int fd, const char *name, struct drm_vsvm_inject *arg)
{
	snprintf(arg->name, sizeof(arg->name), "%s", name);
	return vt_ioctl(fd, DRM_IOCTL_VSVM_INJECT, arg);
}

static int inject(struct vsvm *v, const char *name, uint32_t op,
		  struct drm_vsvm_inject *arg)
{
	int ret;

	arg->op = op;
	ret = vt_inject(vsvm_fd(v), name, arg);
	if (ret)
		vt_wrong("INJECT %u at %s: %s", op, name, strerror(-ret));
	return ret;
}

int vt_arm(struct vsvm *v, const char *name, uint64_t nth, uint64_t times)
{
	struct drm_vsvm_inject arg = {
		.flags = DRM_VSVM_INJECT_FILE,
		.nth = nth,
		.times = times,
	};

	return inject(v, name, DRM_VSVM_INJECT_FAIL, &arg);
}

int vt_arm_all(struct vsvm *v, const char *name, uint64_t nth, uint64_t times)
{
	struct drm_vsvm_inject arg = { .nth = nth, .times = times };

	return inject(v, name, DRM_VSVM_INJECT_FAIL, &arg);
}

int vt_disarm(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg = {};

	return inject(v, name, DRM_VSVM_INJECT_CLEAR, &arg);
}

int vt_pause(struct vsvm *v, const char *name, uint64_t nth)
{
	struct drm_vsvm_inject arg = {
		.nth = nth,
		.times = 1,
		.timeout_ms = VT_PAUSE * 1000,
	};

	return inject(v, name, DRM_VSVM_INJECT_PAUSE, &arg);
}

int vt_await(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg = { .timeout_ms = VT_PAUSE * 1000 };

	/* The line says it: no thread came to the failpoint. */
	return inject(v, name, DRM_VSVM_INJECT_WAIT, &arg) ? -1 : 0;
}

int vt_resume(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg = {};

	return inject(v, name, DRM_VSVM_INJECT_RESUME, &arg);
}

static int query(struct vsvm *v, const char *name, struct drm_vsvm_inject *arg)
{
	memset(arg, 0, sizeof(*arg));
	return inject(v, name, DRM_VSVM_INJECT_QUERY, arg) ? -1 : 0;
}

long vt_passed(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg;

	return query(v, name, &arg) ? -1 : (long)arg.passed;
}

long vt_fired(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg;

	return query(v, name, &arg) ? -1 : (long)arg.fired;
}

long vt_paused(struct vsvm *v, const char *name)
{
	struct drm_vsvm_inject arg;

	return query(v, name, &arg) ? -1 : (long)arg.paused;
}
