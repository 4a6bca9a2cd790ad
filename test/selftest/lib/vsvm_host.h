/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the selftests do to the host around the memory: swap, memory cgroups,
 * and what /proc says of a page. Same manners as vsvm_test.h: 0, or a line that
 * says what was wrong and something else.
 */
#ifndef VSVM_HOST_H
#define VSVM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A zram disk. vh_zram_gone() is for the parent of a test that died: it takes
 * away what the test left, swap included.
 */
struct vh_zram {
	int id;			/* number of the disk, -1: none */
	bool swap;
};

#define VH_NO_ZRAM { .id = -1 }

int vh_zram_make(struct vh_zram *z, size_t size);
int vh_zram_open(const struct vh_zram *z, int flags);
int vh_swap_on(struct vh_zram *z, size_t size);
int vh_zram_gone(struct vh_zram *z);

/*
 * Have the kernel write a range out to swap. 0 once all pages of it are swapped
 * out, as /proc/self/pagemap tells.
 */
int vh_page_out(void *mem, size_t len);

/* The entry of /proc/self/pagemap, or 0. */
uint64_t vh_pagemap(const void *page);

#define VH_PM_SOFT_DIRTY	(1ULL << 55)
#define VH_PM_SWAP		(1ULL << 62)
#define VH_PM_PRESENT		(1ULL << 63)

/*
 * What /proc/self/smaps says under @field, such as "Rss:", of all mappings that
 * touch the range, in bytes; -1: nothing.
 */
long vh_smaps(const void *mem, size_t len, const char *field);

/* A memory cgroup: make it, move the caller in, read and set its files. */
#define VH_CGROUP	"/sys/fs/cgroup/vsvm-test"

int vh_cgroup_make(void);
int vh_cgroup_enter(void);
void vh_cgroup_gone(void);
/* memory.current, after what is freed late was freed. */
long vh_cgroup_current(void);
/* The value of @key in a file of keys and values; -1: there is none. */
long vh_cgroup_key(const char *file, const char *key);

/* What every byte of the memory of vh_ksm_orphan() is. */
#define VH_KSM_BYTE	0x5c

/*
 * Run @work in a process whose @mem, of @len bytes, KSM has merged into one page, as
 * the child of a process that is dead, with ksmd stopped before it noted that the
 * child has the page mapped there, too. Returns what @work does; -1: it did not get
 * that far, or was killed after a minute.
 */
int vh_ksm_orphan(int (*work)(char *mem, size_t len));

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
int vh_oom_begin(void);
int vh_oom_end(void);

/*
 * Run the program @argv[0] that lies beside this one. What wait() says of it, or -1
 * when it could not be run.
 */
int vh_run(const char *const *argv);

/* Run on processor @cpu, and on no other. */
int vh_stay_on(unsigned int cpu);

/* Is this a kernel of ours, with the fixes of docs/upstream? */
bool vh_patched(void);

/* Where devices are bound and unbound. */
#define VH_DRIVER	"/sys/bus/platform/drivers/vsvm/"

/* Write a string to a small file. */
int vh_write(const char *path, const char *text);

#endif /* VSVM_HOST_H */
