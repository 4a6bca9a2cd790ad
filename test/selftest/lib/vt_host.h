/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the selftests do to the host around the memory: swap, memory cgroups,
 * and what /proc says of a page. A function that fails prints a line that says
 * what is wrong, as those of vt.h do.
 */
#ifndef VT_HOST_H
#define VT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A zram disk. vt_zram_gone() is for the parent of a test that died: it takes
 * away what the test left, swap included.
 */
struct vt_zram {
	int id;			/* number of the disk, -1: none */
	bool swap;
};

#define VT_NO_ZRAM { .id = -1 }

int vt_zram_make(struct vt_zram *z, size_t size);
int vt_zram_open(const struct vt_zram *z, int flags);
int vt_swap_on(struct vt_zram *z, size_t size);
int vt_zram_gone(struct vt_zram *z);

/*
 * Have the kernel write a range out to swap. 0 once all pages of it are swapped
 * out, as /proc/self/pagemap tells.
 */
int vt_page_out(void *mem, size_t len);

/* The entry of /proc/self/pagemap, or 0. */
uint64_t vt_pagemap(const void *page);

#define VT_PM_SOFT_DIRTY	(1ULL << 55)
#define VT_PM_SWAP		(1ULL << 62)
#define VT_PM_PRESENT		(1ULL << 63)

/*
 * What /proc/self/smaps says under @field, such as "Rss:", of all mappings that
 * touch the range, in bytes; -1: nothing.
 */
long vt_smaps(const void *mem, size_t len, const char *field);

/* A memory cgroup: make it, move the caller in, read and set its files. */
#define VT_CGROUP	"/sys/fs/cgroup/vsvm-test"

int vt_cgroup_make(void);
int vt_cgroup_enter(void);
void vt_cgroup_gone(void);
/* memory.current, after what is freed late was freed. */
long vt_cgroup_current(void);
/* The value of @key in a file of keys and values; -1: there is none. */
long vt_cgroup_key(const char *file, const char *key);

/* What every byte of the memory of vt_ksm_orphan() is. */
#define VT_KSM_BYTE	0x5c

/*
 * Run @work in a process whose @mem, of @len bytes, KSM has merged into one page, as
 * the child of a process that is dead, with ksmd stopped before it noted that the
 * child has the page mapped there, too. Returns what @work does; -1: it did not get
 * that far, or was killed after a minute.
 */
int vt_ksm_orphan(int (*work)(char *mem, size_t len));

/* For klogctl(): the C library has no names for them. */
enum {
	KLOG_READ_ALL = 3,
	KLOG_CLEAR = 5,
	KLOG_CONSOLE_LEVEL = 8,
};

/*
 * A test lets the OOM killer loose: between the two calls its report, which
 * looks like a splat, is kept from the console. The second looks through the
 * kernel's log for real splats, fails if there is one, and clears the log.
 */
int vt_oom_begin(void);
int vt_oom_end(void);

/*
 * Run the program @argv[0] that lies beside this one. What wait() says of it, or -1
 * when it could not be run.
 */
int vt_run_program(const char *const *argv);

/* Run on processor @cpu, and on no other. */
int vt_stay_on(unsigned int cpu);

/* Is this a kernel of ours, with the fixes of docs/upstream? */
bool vt_patched(void);

/* Where devices are bound and unbound. */
#define VT_DRIVER	"/sys/bus/platform/drivers/vsvm/"

#endif /* VT_HOST_H */
