/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the vsvm selftests share: memory of a known shape, patterns that tell
 * every byte from every other, questions to SNAPSHOT, and children that do a
 * piece of a test in a process of their own.
 *
 * A function that fails prints one line that says which call or value is wrong, and
 * returns something else than 0, so a test only asserts on the result. Memory of
 * vt_map() is not unmapped: each test is a process of its own.
 */
#ifndef VT_H
#define VT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvsvm.h"
#include "vt_failpoint.h"

#define VT_PAGE		4096UL
#define VT_MIB		(1024UL * 1024)
#define VT_HUGE		(2 * VT_MIB)
#define VT_HUGE_ORDER	9
#define VT_ANY_ORDER	(-1)

/*
 * Print one line, "# " and what @fmt says, about what is wrong; the value is -1.
 */
int vt_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The value of @cond, which is to be false. If it is true, print where it stands, its
 * text and errno: for a helper of one test that returns -1 then.
 */
#define VT_BAD(cond)	vt_bad(cond, #cond, __FILE__, __LINE__)
bool vt_bad(bool bad, const char *cond, const char *file, int line);

#define VT_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Seconds for a test that moves or checks tens of MiB under emulation. */
#define VT_LONG		120

/* Where a program for the device is: beside this one, or where it is installed. */
int vt_device_program(const char *name, char *path, size_t size);

/* How the memory that vt_map() gives is mapped by the CPU. */
enum vt_kind {
	VT_SMALL,	/* 4K pages, never huge ones */
	VT_LARGE,	/* 2M pages */
};

/*
 * Anonymous private memory, untouched, 2M aligned, with a PROT_NONE page on
 * either side so that it merges with nothing. NULL when there is none.
 */
void *vt_map(size_t len, enum vt_kind kind);

/*
 * vt_map() filled with the pattern of @seed, checked to be mapped by pages of
 * @kind.
 */
void *vt_map_filled(struct vsvm *v, size_t len, enum vt_kind kind,
		    uint64_t seed);

/*
 * Open device 0, fill memory with the pattern of @seed, and move it to the device if
 * it shall begin there: what the setup of most fixtures does.
 */
int vt_open_filled(struct vsvm **v, char **mem, size_t len, enum vt_kind kind,
		   uint64_t seed, bool on_device);

/* A pattern: each byte depends on @seed and on @off, its place in the whole. */
void vt_fill(void *mem, size_t len, uint64_t seed, size_t off);
int vt_check(const void *mem, size_t len, uint64_t seed, size_t off);
int vt_check_byte(const void *mem, size_t len, unsigned char byte);

/* The same through the device. */
int vt_dev_fill(struct vsvm *v, void *mem, size_t len, uint64_t seed,
		size_t off);
int vt_dev_check(struct vsvm *v, const void *mem, size_t len, uint64_t seed,
		 size_t off);
int vt_dev_check_byte(struct vsvm *v, const void *mem, size_t len,
		      unsigned char byte);

/* 0 when every page of the range is in @place, mapped in pieces of @order. */
int vt_all_in(struct vsvm *v, const void *mem, size_t len, uint32_t place,
	      int order);
/* How many bytes of the range are in @place; -1 on an error. */
long vt_bytes_in(struct vsvm *v, const void *mem, size_t len, uint32_t place);
/* The place of one page, or -1. */
int vt_place(struct vsvm *v, const void *page);
/* The state of one page, or 0xffffffff. */
uint32_t vt_state(struct vsvm *v, const void *page);

/*
 * 0 when every page of the range has, of the bits in @mask, those in @want.
 * Tells what the device page table has, too.
 */
int vt_all_have(struct vsvm *v, const void *mem, size_t len, uint32_t mask,
		uint32_t want);

/* Device memory in use, or ~0. */
uint64_t vt_used(struct vsvm *v);
/* Wait a minute until it is @used: pages of a dead process are freed late. */
bool vt_used_becomes(struct vsvm *v, uint64_t used);

/*
 * MIGRATE. Besides the errors of the ioctl, -EPROTO with a message when the
 * counts do not add up.
 */
int vt_migrate(struct vsvm *v, void *mem, size_t len, uint32_t target,
	       uint32_t flags, struct drm_vsvm_migrate *result);
uint64_t vt_stayed(const struct drm_vsvm_migrate *result);
/* Move all of it and check with SNAPSHOT that all of it got there. */
int vt_to_device(struct vsvm *v, void *mem, size_t len);
int vt_to_system(struct vsvm *v, void *mem, size_t len);

/* An ioctl on a bare descriptor: 0 or a negative errno. */
int vt_ioctl(int fd, unsigned long request, void *arg);

/*
 * A child, and the two bytes wide road to it. Both sides hold one of these;
 * vt_hear() waits for the other side's vt_say(), non-zero when that side died.
 */
struct vt_child {
	pid_t pid;
	int in;
	int out;
};

int vt_start(struct vt_child *c, int (*fn)(struct vt_child *c, void *arg),
	     void *arg);
int vt_say(struct vt_child *c);
int vt_hear(struct vt_child *c);
/* The exit status of a child, 128 + N for death by signal N. */
int vt_wait(struct vt_child *c);
/* Start and wait. */
int vt_run(int (*fn)(struct vt_child *c, void *arg), void *arg);

/* The module: its parameters as they were when the program began. */
struct vt_module {
	unsigned int devices;
	unsigned int vram_mib;
};

int vt_module_get(struct vt_module *m);
int vt_module_load(unsigned int devices, unsigned int vram_mib);
int vt_module_unload(void);
/* A descriptor of the module's file, or -1: $VSVM_MODULE, or else the installed one. */
int vt_module_open(void);
bool vt_module_loaded(void);

/* Small files of /proc and /sys. The value, or -1. */
long vt_file_get(const char *path);
int vt_file_set(const char *path, long value);
int vt_file_write(const char *path, const char *text);
/*
 * All of it, without stdio, whose buffers would come and go and be counted; its length
 * or a negative errno.
 */
ssize_t vt_file_read(const char *path, char *text, size_t room);
/* The line behind @line, or NULL. */
const char *vt_next_line(const char *line);

/* Pass a descriptor through a socket: 0; the descriptor, or -1. */
int vt_send_fd(int sock, int fd);
int vt_receive_fd(int sock);

#endif /* VT_H */
