// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failpoints, as people name them. The driver has them for those who may do anything
 * (CAP_SYS_ADMIN), and only if it is built with them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "point.h"
#include "vsvm.h"

bool point_parse(const char *text, struct point *p)
{
	unsigned long number[2] = { 1, 1 };
	size_t len = strcspn(text, ":");
	unsigned int i;
	char word[24];

	if (!len || len >= sizeof(p->name))
		return false;
	*p = (struct point){ 0 };
	memcpy(p->name, text, len);
	text += len;
	for (i = 0; *text && i < ARRAY_SIZE(number); i++) {
		len = strcspn(++text, ":");
		if (len >= sizeof(word))
			return false;
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (!parse_number(word, 1, LONG_MAX, &number[i]))
			return false;
		text += len;
	}
	p->nth = number[0];
	p->times = number[1];
	return !*text;
}

int point_call(struct vsvm *v, const struct point *p, uint32_t op, unsigned int ms,
	       struct drm_vsvm_inject *out)
{
	bool arm = op == DRM_VSVM_INJECT_FAIL || op == DRM_VSVM_INJECT_PAUSE;
	struct drm_vsvm_inject arg = {
		.op = op,
		.nth = arm ? p->nth : 0,
		.times = arm ? p->times : 0,
		.timeout_ms = ms,
	};

	memcpy(arg.name, p->name, sizeof(arg.name));
	/* Not by drmIoctl(), which begins again when a signal ends a wait. */
	if (ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_INJECT, &arg))
		return -errno;
	if (out)
		*out = arg;
	return 0;
}

int point_do(struct vsvm *v, const struct point *p, uint32_t op, unsigned int ms,
	     struct drm_vsvm_inject *out)
{
	int ret = point_call(v, p, op, ms, out);

	if (ret == -EINVAL)
		complain(0, "there is no failpoint '%s', see 'vsvm fail --list'", p->name);
	else if (ret == -EACCES)
		complain(ret, "failpoints are for root");
	else if (ret == -EOPNOTSUPP)
		complain(0, "failpoint '%s' cannot %s", p->name,
			 op == DRM_VSVM_INJECT_FAIL ? "fail" : "pause");
	else if (ret)
		complain(ret, "failpoint '%s'", p->name);
	return ret;
}
