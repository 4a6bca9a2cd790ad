// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue: the device works by itself on memory that malloc() put anywhere.
 *
 * The program hands it three commands and sleeps until the last one has stored the
 * fence, which is a variable like any other. An odd place and an odd length will do.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvsvm.h"

#define LEN	1000001

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "wrong: %s: %s", what, strerror(-ret));
	printf("ok: %s\n", what);
}

int main(void)
{
	char *from = malloc(LEN), *to = malloc(LEN);
	struct drm_vsvm_command job[3];
	uint64_t fence = 0;
	struct vsvm *v;
	uint32_t queue;
	int ret;

	if (!from || !to)
		err(1, "malloc");
	memset(to, 'x', LEN);
	ret = vsvm_open(0, &v);
	if (ret)
		errx(1, "no vsvm device: %s", strerror(-ret));
	must(vsvm_queue_create(v, DRM_VSVM_PRIORITY_NORMAL, 3, &queue), "a queue");

	job[0] = vsvm_cmd_fill(from, LEN, 'v', 1);
	job[1] = vsvm_cmd_copy(to + 1, from, LEN - 2);
	job[2] = vsvm_cmd_signal(&fence, 1, -1);
	must(vsvm_submit(v, queue, job, 3, NULL), "a job for it: fill, copy, signal");
	must(vsvm_wait(v, &fence, 1, ~0ULL, DRM_VSVM_WAIT_EQ, VSVM_NO_DEADLINE, queue),
	     "the device has stored the fence");

	if (memcmp(to + 1, from, LEN - 2) || from[0] != 'v' || from[LEN - 1] != 'v' ||
	    to[0] != 'x' || to[LEN - 1] != 'x')
		errx(1, "wrong: the bytes");
	printf("ok: the bytes are where they should be\n");
	vsvm_close(v);
	free(from);
	free(to);
	return 0;
}
