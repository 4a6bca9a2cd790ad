/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of devices that are too small share: loading the module with
 * little memory, and sweeping more than that. The includer has the harness.
 */
#ifndef VSVM_SWEEP_H
#define VSVM_SWEEP_H

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "vsvm_test.h"

#define BLOCKS		4
#define VRAM		(BLOCKS * VT_HUGE)
#define VRAM_MIB	(VRAM / VT_MIB)
#define SET		(4 * VRAM)
#define ROUNDS		2
#define ALWAYS		0xffffffffffUL
#define SEED		181
#define OTHER		182

/* As many evictions as one MIGRATE of a block may try, with room to spare. */
#define MANY_TRIES	64
/* Seconds that a bounded call may take under emulation. */
#define SOON		30

static inline int reload(struct vt_module *was, unsigned int vram_mib)
{
	if (vt_module_get(was) || vt_module_unload())
		return -1;
	return vt_module_load(2, vram_mib);
}

static inline void restore(const struct vt_module *was)
{
	/* The test's process is gone, and its files with it. */
	if (vt_module_loaded())
		vt_module_unload();
	vt_module_load(was->devices, was->vram_mib);
}

/* Where the kernel was told to leave memory alone: memmap=SIZE$ADDR. */
static inline int reserved(char *where, size_t room)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char line[4096], *at;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = 0;
	at = strstr(line, "memmap=");
	at = at ? strchr(at, '$') : NULL;
	if (!at)
		return -1;
	n = strcspn(++at, " ,\n");
	if ((size_t)n >= room)
		return -1;
	memcpy(where, at, n);
	where[n] = 0;
	return 0;
}

/* Device 0 is private, device 1 coherent, of VRAM bytes. */
static inline int load_coherent(const char *where)
{
	char command[128];

	if (vt_module_unload())
		return -1;
	snprintf(command, sizeof(command),
		 "modprobe vsvm devices=1 vram_mib=2 coherent=%s:%luM", where,
		 VRAM_MIB);
	return system(command);
}

#define TO_DEVICE(mem, len)						\
	vt_migrate(self->v, mem, len, DRM_VSVM_TARGET_DEVICE, 0, &self->m)

#define ON_DEVICE(mem, len)						\
	vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER)

#define AT_HOME(mem, len)						\
	vt_all_in(self->v, mem, len, DRM_VSVM_PLACE_SYSTEM, VT_ANY_ORDER)

static inline long backing(struct vsvm *v)
{
	struct drm_vsvm_info info = {};

	return vsvm_info(v, &info) ? -1 : (long)info.vram_backing;
}

static inline long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* How much of what a sweep moves has to get there. */
enum rank {
	ANY,
	MOST,
	ALL,
};

/*
 * One sweep of the device and one of the CPU: the device reads what @seed made
 * and writes what @seed + 1 makes, the CPU reads that and writes @seed + 2's.
 * With ALL, each piece has to be there after it moved.
 */
static inline int device_sweep(struct vsvm *v, char *mem, size_t len,
			       uint64_t seed, enum rank rank)
{
	struct drm_vsvm_migrate m;
	size_t at, moved = 0;
	int ret;

	for (at = 0; at < len; at += VT_HUGE) {
		ret = vt_migrate(v, mem + at, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				 0, &m);
		if (ret)
			return ret;
		moved += m.moved + m.there;
		if (rank == ALL &&
		    vt_all_in(v, mem + at, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			      VT_ANY_ORDER))
			return -1;
		if (vt_dev_check(v, mem + at, VT_HUGE, seed, at) ||
		    vt_dev_fill(v, mem + at, VT_HUGE, seed + 1, at))
			return -1;
	}
	return rank != ANY && moved < len / 4 * 3 ? -1 : 0;
}

static inline int cpu_sweep(char *mem, size_t len, uint64_t seed)
{
	if (vt_check(mem, len, seed + 1, 0))
		return -1;
	vt_fill(mem, len, seed + 2, 0);
	return 0;
}

static inline int sweeps(struct vsvm *v, char *mem, size_t len,
			 uint64_t seed, enum rank rank)
{
	int i, ret;

	for (i = 0; i < ROUNDS; i++, seed += 2) {
		ret = device_sweep(v, mem, len, seed, rank);
		if (!ret)
			ret = cpu_sweep(mem, len, seed);
		if (ret)
			return ret;
	}
	return vt_check(mem, len, seed, 0);
}

/* What another process is to do. */
struct job {
	enum vt_kind kind;
	unsigned int device;
	size_t len;
	uint64_t seed;
	enum rank rank;
};

static inline int sweeper(struct vt_child *c, void *arg)
{
	struct job *job = arg;
	struct vsvm *v;
	char *mem;

	if (vsvm_open(job->device, &v))
		return 1;
	mem = vt_map_filled(v, job->len, job->kind, job->seed);
	if (!mem || vt_say(c) || vt_hear(c))
		return 2;
	return sweeps(v, mem, job->len, job->seed, job->rank) ? 3 : 0;
}

/* Two of them at once, each in a process of its own. */
static inline int both_sweep(struct job *job)
{
	struct vt_child c[2];
	int i, ret = 0;

	for (i = 0; i < 2; i++)
		if (vt_start(&c[i], sweeper, &job[i]) || vt_hear(&c[i]))
			return -1;
	for (i = 0; i < 2; i++)
		ret |= vt_say(&c[i]);
	for (i = 0; i < 2; i++)
		ret |= vt_wait(&c[i]);
	return ret;
}

static inline int use_read(struct vsvm *v, char *mem)
{
	return vt_dev_check(v, mem + 5, 8, SEED, 5);
}

/*
 * A full device; its first piece is used before each of as many more pieces as
 * there are others. Each time the oldest of the others goes, and no other.
 */
static inline int keeps_what_is_used(struct vsvm *v, enum vt_kind kind,
				     int (*use)(struct vsvm *v, char *mem))
{
	size_t len = (2 * BLOCKS - 1) * VT_HUGE, at, old = VT_HUGE;
	char *mem = vt_map_filled(v, len, kind, SEED);

	if (!mem || vt_to_device(v, mem, VRAM))
		return -1;
	for (at = VRAM; at < len; at += VT_HUGE, old += VT_HUGE) {
		if (use(v, mem) ||
		    vt_all_in(v, mem + old, at - old, DRM_VSVM_PLACE_DEVICE,
			      VT_ANY_ORDER) ||
		    vt_to_device(v, mem + at, VT_HUGE) ||
		    vt_all_in(v, mem, VT_HUGE, DRM_VSVM_PLACE_DEVICE,
			      VT_ANY_ORDER) ||
		    vt_all_in(v, mem + VT_HUGE, old, DRM_VSVM_PLACE_SYSTEM,
			      VT_ANY_ORDER) ||
		    vt_all_in(v, mem + old + VT_HUGE, at - old,
			      DRM_VSVM_PLACE_DEVICE, VT_ANY_ORDER))
			return -1;
	}
	return vt_check(mem, len, SEED, 0);
}

#endif /* VSVM_SWEEP_H */
