/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Public bugs of shared virtual memory as small programs: what an entry of the corpus is,
 * and what the programs share.
 *
 * A program runs in a child of its own (repro_run.c) and says its verdict with one of
 * repro_fixed(), repro_affected() and repro_unknown(), which end the child. It decides by
 * what it sees, never by the kernel's release. Memory, files and threads end with the
 * child.
 */
#ifndef VSVM_REPRO_H
#define VSVM_REPRO_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libvsvm.h"

#define RP_PAGE		4096UL
#define RP_HUGE		(2UL << 20)

enum repro_verdict {
	REPRO_FIXED,
	REPRO_AFFECTED,
	REPRO_UNKNOWN,		/* "cannot tell" */
	REPRO_NOT_RUN,		/* it may crash the kernel, and was not asked to */
};

/**
 * struct repro - a public bug
 * @name: what the command line calls it
 * @title: the bug in a line
 * @shows: what the program does, and what it takes for the bug
 * @reported: commit, CVE or patch; or that none is known
 * @thread: its subject and more
 * @releases: which kernels have the bug, as far as that is known
 * @driver: whose device memory the program uses
 * @complaint: part of a line of the kernel's log that is the bug; NULL: the kernel
 *	says nothing. The line must also say WARNING or the like
 * @seconds: longest time that the program may take
 * @hangs: a program that takes longer shows the bug
 * @dangerous: a kernel with the bug may crash, or is not to be trusted afterwards
 * @run: the program
 */
struct repro {
	const char *name;
	const char *title;
	const char *shows;
	const char *reported;
	const char *thread;
	const char *releases;
	const char *driver;
	const char *complaint;
	unsigned int seconds;
	bool hangs;
	bool dangerous;
	void (*run)(void);
};

/** struct repro_result - what came of a run, and why */
struct repro_result {
	enum repro_verdict verdict;
	char why[256];
};

extern const struct repro *const repros[];
extern const unsigned int nr_repros;

/** repro_run() - run one in a child and see what comes of it */
void repro_run(const struct repro *r, bool dangerous, struct repro_result *result);

/* The verdicts; each ends the child. */
[[gnu::noreturn]] void repro_fixed(void);
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void repro_affected(const char *fmt, ...);
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void repro_unknown(const char *fmt, ...);

/*
 * For a program. Each of these says "cannot tell" with the reason when it does not
 * succeed, unless it says otherwise.
 */

/* Unless @ok, this machine cannot do @what the program needs. */
#define repro_need(ok, what)						\
	do {								\
		if (!(ok))						\
			repro_unknown("%s", what);			\
	} while (0)

/* The same of a system call: the reason has its errno. */
#define repro_do(ok, what)						\
	do {								\
		if (!(ok))						\
			repro_unknown("%s: %s", what, strerror(errno));	\
	} while (0)

/* Anonymous memory of 4 KiB or 2 MiB pages, aligned to 2 MiB, that merges with nothing. */
char *rp_map(size_t len, bool huge);
/* The same, where the CPU wrote @byte into each byte. */
char *rp_map_filled(size_t len, bool huge, unsigned char byte);
/* Is each byte of the range @byte? */
bool rp_is(const char *mem, size_t len, unsigned char byte);

struct vsvm *rp_open(void);
/* Every page of the range goes to the device. */
void rp_to_device(struct vsvm *v, void *mem, size_t len);
/* It goes there as huge pages: the device must have them. */
void rp_to_device_huge(struct vsvm *v, void *mem, size_t len);
/* Bytes of device memory in use. */
uint64_t rp_used(struct vsvm *v);

/* The entry of /proc/self/pagemap, and the pfn of a page in system memory or on a device. */
uint64_t rp_pagemap(const void *page);
uint64_t rp_pfn(const void *page);
uint64_t rp_device_pfn(const void *page);

/* Has the kernel a function? Some come with an option, such as KASAN. */
bool rp_kernel_has(const char *function);

/* What /proc says of a file with a number in it; -1: nothing. Both say nothing themselves. */
long rp_get(const char *path);
/* 0, or a negative errno. */
int rp_set(const char *path, const char *text);

/* A failpoint pauses its next pass; wait for that; and go on. */
void rp_pause(struct vsvm *v, const char *point);
void rp_await(struct vsvm *v, const char *point);
void rp_resume(struct vsvm *v, const char *point);

/* A thread, and what it has used of processors, in nanoseconds. */
unsigned long rp_thread(void *(*fn)(void *arg), void *arg);
uint64_t rp_thread_used(unsigned long thread);
void rp_join(unsigned long thread);

/* A child that has all memory; it does not say verdicts. Its exit status, or 128 + signal. */
int rp_wait(int child);

void rp_sleep_ms(unsigned int ms);

/*
 * The kernel's own test_hmm, loaded if it is not: a file of its first device, and a
 * command for it, 0 or a negative errno.
 */
enum rp_dmirror {
	RP_DMIRROR_READ,
	RP_DMIRROR_WRITE,
	RP_DMIRROR_TO_DEVICE,
	RP_DMIRROR_TO_SYSTEM,
	RP_DMIRROR_FLAGS = 8,
};

#define RP_DMIRROR_FAIL_ALLOC	1

int rp_dmirror_open(void);
/* @buf gets what the device has there, or has what the device writes. */
int rp_dmirror(int fd, enum rp_dmirror command, void *mem, size_t len, void *buf);
/* The device does not get memory for the next page that goes to it. */
int rp_dmirror_fail_alloc(int fd, void *mem);

/*
 * The module of vsvm's test machine that asks core mm, loaded if it is not, as the
 * driver that has @pfn (0: of no driver). The value of one of its files.
 */
void rp_askcore(uint64_t pfn);
long rp_ask(const char *file);

#endif /* VSVM_REPRO_H */
