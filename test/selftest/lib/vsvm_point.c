// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures and pauses on purpose, see vsvm_point.h. Owns the list of points, which
 * each process reads for itself.
 */
#include <stdio.h>
#include <string.h>

#include "vsvm_test.h"

#define POINTS	"/sys/kernel/debug/dri/vsvm.0/points"

static struct vt_point points[VT_POINTS_MAX];
static unsigned int nr_points;

static void read_points(void)
{
	char line[256], name[64], can[64];
	FILE *f = fopen(POINTS, "re");
	struct vt_point *p;

	if (!f) {
		perror("# " POINTS);
		return;
	}
	/* The first line says what is in the others. */
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		if (nr_points == VT_POINTS_MAX ||
		    sscanf(line, "%63s %63s", name, can) != 2 ||
		    strlen(name) >= sizeof(p->name)) {
			fprintf(stderr, "# %s: %s", POINTS, line);
			nr_points = 0;
			break;
		}
		p = &points[nr_points++];
		snprintf(p->name, sizeof(p->name), "%s", name);
		p->fails = strstr(can, "fail");
		p->pauses = strstr(can, "pause");
	}
	fclose(f);
}

unsigned int vt_points(void)
{
	if (!nr_points)
		read_points();
	return nr_points;
}

const struct vt_point *vt_point(unsigned int i)
{
	return i < vt_points() ? &points[i] : NULL;
}

int vt_point_number(const char *name)
{
	unsigned int i;

	for (i = 0; i < vt_points(); i++)
		if (!strcmp(points[i].name, name))
			return i;
	return -1;
}

int vt_inject(int fd, const char *point, struct drm_vsvm_inject *arg)
{
	snprintf(arg->name, sizeof(arg->name), "%s", point);
	return vt_ioctl(fd, DRM_IOCTL_VSVM_INJECT, arg);
}

static int inject(struct vsvm *v, const char *point, uint32_t op,
		  struct drm_vsvm_inject *arg)
{
	arg->op = op;
	return vt_inject(vsvm_fd(v), point, arg);
}

int vt_arm(struct vsvm *v, const char *point, uint64_t nth, uint64_t times)
{
	struct drm_vsvm_inject arg = {
		.flags = DRM_VSVM_INJECT_FILE,
		.nth = nth,
		.times = times,
	};

	return inject(v, point, DRM_VSVM_INJECT_FAIL, &arg);
}

int vt_arm_all(struct vsvm *v, const char *point, uint64_t nth, uint64_t times)
{
	struct drm_vsvm_inject arg = { .nth = nth, .times = times };

	return inject(v, point, DRM_VSVM_INJECT_FAIL, &arg);
}

int vt_disarm(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = {};

	return inject(v, point, DRM_VSVM_INJECT_CLEAR, &arg);
}

int vt_pause(struct vsvm *v, const char *point, uint64_t nth)
{
	struct drm_vsvm_inject arg = {
		.nth = nth,
		.times = 1,
		.timeout_ms = VT_PAUSE * 1000,
	};

	return inject(v, point, DRM_VSVM_INJECT_PAUSE, &arg);
}

int vt_await(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = { .timeout_ms = VT_PAUSE * 1000 };
	int ret = inject(v, point, DRM_VSVM_INJECT_WAIT, &arg);

	if (!ret)
		return 0;
	fprintf(stderr, "# nobody came to %s: %s\n", point, strerror(-ret));
	return -1;
}

int vt_resume(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg = {};

	return inject(v, point, DRM_VSVM_INJECT_RESUME, &arg);
}

static int query(struct vsvm *v, const char *point, struct drm_vsvm_inject *arg)
{
	int ret;

	memset(arg, 0, sizeof(*arg));
	ret = inject(v, point, DRM_VSVM_INJECT_QUERY, arg);
	if (!ret)
		return 0;
	fprintf(stderr, "# inject: %s\n", strerror(-ret));
	return -1;
}

long vt_passed(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg;

	return query(v, point, &arg) ? -1 : (long)arg.passed;
}

long vt_fired(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg;

	return query(v, point, &arg) ? -1 : (long)arg.fired;
}

long vt_paused(struct vsvm *v, const char *point)
{
	struct drm_vsvm_inject arg;

	return query(v, point, &arg) ? -1 : (long)arg.paused;
}
