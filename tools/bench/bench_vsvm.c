// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: the engine that is a vsvm device.
 *
 * Owns a handle of the library and where the last snapshot lies, from open to
 * close. No locks: each thread has a file of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"
#include "libvsvm.h"

struct file {
	struct vsvm *v;
	const struct drm_vsvm_run *runs;
	uint32_t nr_runs;
};

static int engine_open(unsigned int device, void **out)
{
	struct file *file = calloc(1, sizeof(*file));
	int ret;

	if (!file)
		return -ENOMEM;
	ret = vsvm_open(device, &file->v);
	if (ret)
		free(file);
	else
		*out = file;
	return ret;
}

static void engine_close(void *arg)
{
	struct file *file = arg;

	vsvm_close(file->v);
	free(file);
}

static int migrate(struct file *file, char *mem, size_t bytes, uint32_t target)
{
	struct drm_vsvm_migrate result;
	int ret = vsvm_migrate(file->v, mem, bytes, target, 0, &result);

	return ret ? ret : result.moved == bytes ? 0 : -EBUSY;
}

static int engine_to_device(void *arg, char *mem, size_t bytes, char *buf)
{
	(void)buf;
	return migrate(arg, mem, bytes, DRM_VSVM_TARGET_DEVICE);
}

static int engine_home(void *arg, char *mem, size_t bytes, char *buf)
{
	(void)buf;
	return migrate(arg, mem, bytes, DRM_VSVM_TARGET_SYSTEM);
}

static int engine_read(void *arg, char *mem, size_t bytes, char *buf)
{
	struct file *file = arg;

	return vsvm_read(file->v, mem, buf, bytes, NULL);
}

static int engine_write(void *arg, char *mem, size_t bytes, char *buf)
{
	struct file *file = arg;

	return vsvm_write(file->v, mem, buf, bytes, NULL);
}

/* The most runs there can be fit the buffer: 24 bytes for each page. */
static int engine_snapshot(void *arg, char *mem, size_t bytes, char *buf)
{
	struct file *file = arg;
	uint64_t next;
	int ret;

	file->runs = (void *)buf;
	file->nr_runs = bytes / sizeof(*file->runs);
	if (file->nr_runs > DRM_VSVM_MAX_RUNS)
		file->nr_runs = DRM_VSVM_MAX_RUNS;
	ret = vsvm_snapshot(file->v, mem, bytes, (void *)buf, &file->nr_runs,
			    &next);
	return ret ? ret : next == (uintptr_t)mem + bytes ? 0 : -ENOSPC;
}

static size_t engine_on_device(void *arg, bool huge)
{
	struct file *file = arg;
	size_t bytes = 0;
	uint32_t i;

	for (i = 0; i < file->nr_runs; i++) {
		uint32_t state = file->runs[i].state;
		uint32_t order = (state & DRM_VSVM_STATE_ORDER) >>
				 DRM_VSVM_STATE_ORDER_SHIFT;

		if ((state & DRM_VSVM_STATE_PLACE) == DRM_VSVM_PLACE_DEVICE &&
		    order == (huge ? 9 : 0))
			bytes += file->runs[i].count << 12;
	}
	return bytes;
}

const struct bench_engine bench_vsvm = {
	.name = "vsvm",
	.open = engine_open,
	.close = engine_close,
	.to_device = engine_to_device,
	.home = engine_home,
	.read = engine_read,
	.write = engine_write,
	.snapshot = engine_snapshot,
	.on_device = engine_on_device,
};
