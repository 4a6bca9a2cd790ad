/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters as user space reads them: fdinfo of a file, and debugfs of its device.
 *
 * A function that fails prints one line, and returns something else than 0.
 */
#ifndef VT_COUNTERS_H
#define VT_COUNTERS_H

#include <stdint.h>
#include <sys/types.h>

struct vsvm;

#define VT_DEBUGFS	"/sys/kernel/debug/dri/vsvm.0/"
#define VT_COUNTERS	64

struct vt_counters {
	int nr;
	struct {
		char name[48];
		uint64_t value;
	} all[VT_COUNTERS];
};

/* What was read last. */
extern char vt_text[];

/* Read a file into vt_text: its length or a negative errno. */
ssize_t vt_text_get(const char *path);
/* The same with the fdinfo of a handle: 0. */
int vt_fdinfo_get(struct vsvm *v);
/* The number of a key of fdinfo, in bytes where it has a unit; ~0: no such. */
uint64_t vt_key(const char *name);

/* The counters of the file and of device 0. */
int vt_counters_look(struct vsvm *v, struct vt_counters *file,
		     struct vt_counters *device);
/* One of them; ~0: no such. */
uint64_t vt_counter(const struct vt_counters *c, const char *name);
/* One counter as it is now, of the file or of device 0; -1 with a message: no such. */
long vt_file_counter(struct vsvm *v, const char *name);
long vt_device_counter(const char *name);
/* 0 when a counter moved by that much since, in the file and in the device. */
int vt_moved(struct vsvm *v, const struct vt_counters *file,
	     const struct vt_counters *device, const char *name, uint64_t by);

#endif /* VT_COUNTERS_H */
