// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are too small, see vt_small_device.h. The module that it loads is
 * for the caller to put back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vt_small_device.h"

#define ROUNDS	2

int vt_reload(struct vt_module *was, unsigned int vram_mib)
{
	return vt_reload_devices(was, 2, vram_mib);
}

int vt_reload_devices(struct vt_module *was, unsigned int devices, unsigned int vram_mib)
{
	int ret;

	if (vt_module_get(was))
		return -1;
	ret = vt_module_unload();
	if (ret)
		return vt_wrong("rmmod vsvm: %s", strerror(-ret));
	return vt_module_load(devices, vram_mib);
}

void vt_restore(const struct vt_module *was)
{
	/* The test's process is gone, and its files with it. */
	if (vt_module_loaded())
		vt_module_unload();
	vt_module_load(was->devices, was->vram_mib);
}

int vt_reserved(char *where, size_t room)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char line[4096], *at;
	ssize_t n;

	if (fd < 0)
		return vt_wrong("/proc/cmdline: %s", strerror(errno));
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = 0;
	at = strstr(line, "memmap=");
	at = at ? strchr(at, '$') : NULL;
	if (!at)	/* none was told, which is not wrong */
		return -1;
	n = strcspn(++at, " ,\n");
	if ((size_t)n >= room)
		return vt_wrong("memmap= has an address of %zd characters", n);
	memcpy(where, at, n);
	where[n] = 0;
	return 0;
}

int vt_load_coherent(const char *where)
{
	char command[128];
	int ret;

	ret = vt_module_unload();
	if (ret)
		return vt_wrong("rmmod vsvm: %s", strerror(-ret));
	snprintf(command, sizeof(command),
		 "${VSVM_MODPROBE:-modprobe} vsvm devices=1 vram_mib=2 coherent=%s:%luM", where,
		 VT_VRAM_MIB);
	return system(command) ? vt_wrong("failed: %s", command) : 0;
}

long vt_backing(struct vsvm *v)
{
	struct drm_vsvm_info info = {};
	int ret = vsvm_info(v, &info);

	return ret ? vt_wrong("info: %s", strerror(-ret)) :
		     (long)info.vram_backing;
}

long vt_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

int vt_device_sweep(struct vsvm *v, char *mem, size_t len, uint64_t seed,
		    enum vt_rank rank)
{
	struct drm_vsvm_migrate m;
	size_t at, moved = 0;
	int ret;

	for (at = 0; at < len; at += VT_HUGE) {
		ret = vt_migrate(v, mem + at, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				 0, &m);
		if (ret) {
			vt_wrong("migrate of +%#zx: %s", at, strerror(-ret));
			return ret;
		}
		moved += m.moved + m.there;
		if ((rank == VT_ALL &&
		     vt_all_in(v, mem + at, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			       VT_ANY_ORDER)) ||
		    vt_dev_check(v, mem + at, VT_HUGE, seed, at) ||
		    vt_dev_fill(v, mem + at, VT_HUGE, seed + 1, at))
			return vt_wrong("the device's sweep ends at +%#zx", at);
	}
	if (rank != VT_ANY && moved < len / 4 * 3)
		return vt_wrong("only %#zx of %#zx bytes got to the device",
				moved, len);
	return 0;
}

int vt_cpu_sweep(char *mem, size_t len, uint64_t seed)
{
	if (vt_check(mem, len, seed + 1, 0))
		return -1;
	vt_fill(mem, len, seed + 2, 0);
	return 0;
}

int vt_sweeps(struct vsvm *v, char *mem, size_t len, uint64_t seed,
	      enum vt_rank rank)
{
	int i, ret;

	for (i = 0; i < ROUNDS; i++, seed += 2) {
		ret = vt_device_sweep(v, mem, len, seed, rank);
		if (!ret)
			ret = vt_cpu_sweep(mem, len, seed);
		if (ret)
			return ret;
	}
	return vt_check(mem, len, seed, 0);
}

static int sweeper(struct vt_child *c, void *arg)
{
	struct vt_task *task = arg;
	struct vsvm *v;
	char *mem;
	int ret;

	ret = vsvm_open(task->device, &v);
	if (ret) {
		vt_wrong("open of device %u: %s", task->device, strerror(-ret));
		return 1;
	}
	mem = vt_map_filled(v, task->len, task->kind, task->seed);
	if (!mem || vt_say(c) || vt_hear(c))
		return 2;
	return vt_sweeps(v, mem, task->len, task->seed, task->rank) ? 3 : 0;
}

int vt_both_sweep(struct vt_task *task)
{
	struct vt_child c[2];
	int i, status, ret = 0;

	for (i = 0; i < 2; i++)
		if (vt_start(&c[i], sweeper, &task[i]) || vt_hear(&c[i]))
			return -1;
	for (i = 0; i < 2; i++)
		ret |= vt_say(&c[i]);
	for (i = 0; i < 2; i++) {
		status = vt_wait(&c[i]);
		if (status)
			ret = vt_wrong("sweeper %d ended with %d", i, status);
	}
	return ret;
}

int vt_use_read(struct vsvm *v, char *mem)
{
	return vt_dev_check(v, mem + 5, 8, VT_USE_SEED, 5);
}

static int on_device(struct vsvm *v, const char *mem, size_t len)
{
	return vt_all_in(v, mem, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER);
}

int vt_keeps_what_is_used(struct vsvm *v, enum vt_kind kind,
			  int (*use)(struct vsvm *v, char *mem))
{
	size_t len = (2 * VT_BLOCKS - 1) * VT_HUGE, at, old = VT_HUGE;
	char *mem = vt_map_filled(v, len, kind, VT_USE_SEED);
	int ret;

	if (!mem || vt_to_device(v, mem, VT_VRAM))
		return -1;
	for (at = VT_VRAM; at < len; at += VT_HUGE, old += VT_HUGE) {
		ret = use(v, mem);
		if (ret)
			return vt_wrong("use before +%#zx gave %d", at, ret);
		if (on_device(v, mem + old, at - old) ||
		    vt_to_device(v, mem + at, VT_HUGE) ||
		    on_device(v, mem, VT_HUGE) ||
		    vt_all_in(v, mem + VT_HUGE, old, DRM_VSVM_PLACE_SYSTEM,
			      VT_ANY_ORDER) ||
		    on_device(v, mem + old + VT_HUGE, at - old))
			return vt_wrong("+%#zx came, +%#zx was to go", at, old);
	}
	return vt_check(mem, len, VT_USE_SEED, 0);
}
