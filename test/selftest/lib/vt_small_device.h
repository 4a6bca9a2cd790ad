/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that are too small: load the module with little memory, sweep more
 * than that over the device, and see what makes room.
 */
#ifndef VT_SMALL_DEVICE_H
#define VT_SMALL_DEVICE_H

#include "vt.h"

#define VT_BLOCKS	4
#define VT_VRAM		(VT_BLOCKS * VT_HUGE)
#define VT_VRAM_MIB	(VT_VRAM / VT_MIB)
/* A working set. */
#define VT_SET		(4 * VT_VRAM)
/* For "times" of a failpoint. */
#define VT_ALWAYS	0xffffffffffUL

/* As many evictions as one MIGRATE of a block may try, with room to spare. */
#define VT_MANY_TRIES	64
/* Seconds that a bounded call may take under emulation. */
#define VT_SOON		30

/* Load the module with two devices of @vram_mib; @was gets what it was before. */
int vt_reload(struct vt_module *was, unsigned int vram_mib);
int vt_reload_devices(struct vt_module *was, unsigned int devices, unsigned int vram_mib);
/* Load it as it was, in the parent of a test, whose process is gone. */
void vt_restore(const struct vt_module *was);

/* Where the kernel was told to leave memory alone: memmap=SIZE$ADDR. */
int vt_reserved(char *where, size_t room);
/* Device 0 is private, device 1 coherent, of VT_VRAM bytes. */
int vt_load_coherent(const char *where);

/* Host memory behind the device, or -1; seconds, on a clock that never goes back. */
long vt_backing(struct vsvm *v);
long vt_seconds(void);

/* How much of what a sweep moves has to get there. */
enum vt_rank {
	VT_ANY,
	VT_MOST,
	VT_ALL,
};

/*
 * One sweep of the device and one of the CPU: the device reads what @seed made
 * and writes what @seed + 1 makes, the CPU reads that and writes @seed + 2's.
 * With VT_ALL, each piece has to be there after it moved.
 */
int vt_device_sweep(struct vsvm *v, char *mem, size_t len, uint64_t seed,
		    enum vt_rank rank);
int vt_cpu_sweep(char *mem, size_t len, uint64_t seed);
/* Two rounds of both, and a check of the memory. */
int vt_sweeps(struct vsvm *v, char *mem, size_t len, uint64_t seed,
	      enum vt_rank rank);

/* What another process is to do. */
struct vt_task {
	enum vt_kind kind;
	unsigned int device;
	size_t len;
	uint64_t seed;
	enum vt_rank rank;
};

/* vt_sweeps() in two processes at once. */
int vt_both_sweep(struct vt_task *task);

/* For vt_keeps_what_is_used(): the device reads a few bytes of it. */
int vt_use_read(struct vsvm *v, char *mem);

#define VT_USE_SEED	181

/*
 * A full device; its first piece is used before each of as many more pieces as
 * there are others. Each time the oldest of the others goes, and no other. Memory
 * is filled with VT_USE_SEED, and so it has to be after use().
 */
int vt_keeps_what_is_used(struct vsvm *v, enum vt_kind kind,
			  int (*use)(struct vsvm *v, char *mem));

#endif /* VT_SMALL_DEVICE_H */
