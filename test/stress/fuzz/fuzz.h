/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer: threads of several processes that call the driver with arguments
 * that are right, nearly right, or random, while they change the memory under
 * it. What each file does is at its top; fuzz.c has main().
 *
 * What a thread does depends on its seed and number alone, never on what came
 * of a call, so a seed gives the same calls again. How the threads interleave
 * is the scheduler's.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "storm.h"
#include "vt.h"

/* What is called; the order of the names in fuzz.c. */
enum fuzz_kind {
	FUZZ_INFO,
	FUZZ_READ,
	FUZZ_WRITE,
	FUZZ_MIGRATE,
	FUZZ_SNAPSHOT,
	FUZZ_EXCLUSIVE,
	FUZZ_ATOMIC,
	FUZZ_INJECT,
	FUZZ_UNKNOWN,
	FUZZ_PREAD,
	FUZZ_PWRITE,
	FUZZ_MMAP,
	FUZZ_KINDS,
};

/*
 * The files of a process, at numbers of their own: the first are its own, some
 * of each device, the others belong to the process that began it all.
 */
#define FUZZ_OWN	4
#define FUZZ_FOREIGN	2
#define FUZZ_FILES	(FUZZ_OWN + FUZZ_FOREIGN)
#define FUZZ_FIRST_FD	400

/*
 * Memory of a process, always at the same addresses. The wild part is anybody's
 * to unmap; only its thread uses a canary, with valid calls.
 */
#define FUZZ_WILD	0x200000000000ULL
#define FUZZ_WILD_SIZE	(8 * VT_MIB)
#define FUZZ_CONST	0x210000000000ULL	/* read-only */
#define FUZZ_CONST_SIZE	(16 * VT_PAGE)
#define FUZZ_NODE	0x220000000000ULL	/* a mapping of a node */
#define FUZZ_NODE_SIZE	(16 * VT_PAGE)
#define FUZZ_CANARY	0x230000000000ULL
#define FUZZ_CANARY_SIZE VT_HUGE
#define FUZZ_STEP	(16 * VT_MIB)		/* from thread to thread */
#define FUZZ_BUFFER	0x240000000000ULL	/* a thread's, for results */
#define FUZZ_BUFFER_SIZE (32 * VT_PAGE)

/* Where user space ends, on machines with four and with five levels. */
#define FUZZ_END_4	((1ULL << 47) - VT_PAGE)
#define FUZZ_END_5	((1ULL << 56) - VT_PAGE)

struct fuzz_count {
	uint64_t calls;
	uint64_t fine;
};

/* What all processes share. */
struct fuzz_shared {
	bool failed;
	int status;
	unsigned int ready;		/* processes that may begin */
	uint64_t forks;
	uint64_t closes;
	uint64_t changes;		/* of the wild memory */
	struct fuzz_count kind[FUZZ_KINDS];
};

struct fuzz_thread {
	struct storm_dice dice;
	pthread_t thread;
	unsigned int process;
	unsigned int number;
	uint64_t quota;
	uint64_t calls;
	bool root;		/* may use INJECT */
	bool child;		/* forked: all files are foreign */
	int memfd;		/* a file to copy wild memory from and to */
	char *canary;
	char *shadow;		/* what has to be in the canary */
	char *buf;
	char *arg;		/* a page that never moves, see fuzz_ioctl() */
	struct fuzz_count kind[FUZZ_KINDS];
};

extern struct fuzz_shared *fuzz_shared;
extern bool fuzz_verbose;

/* Says what was found, with the seed, and has everybody stop. */
void fuzz_found(struct fuzz_thread *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* In -v: what is about to be called. */
void fuzz_tell(struct fuzz_thread *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline uint64_t fuzz_draw(struct fuzz_thread *t, uint64_t below)
{
	return storm_draw(&t->dice, below);
}

static inline bool fuzz_one_in(struct fuzz_thread *t, uint64_t n)
{
	return !storm_draw(&t->dice, n);
}

/* args.c: numbers that hurt. */
uint64_t fuzz_address(struct fuzz_thread *t);
uint64_t fuzz_length(struct fuzz_thread *t, uint64_t addr);
void fuzz_range(struct fuzz_thread *t, __u64 *addr, __u64 *len);
uint64_t fuzz_number(struct fuzz_thread *t);

/* calls.c: one hostile call. */
void fuzz_call(struct fuzz_thread *t);

/* canary.c: a valid call on the canary, and what has to be there. */
void fuzz_canary(struct fuzz_thread *t);
void fuzz_canary_check(struct fuzz_thread *t);

/* memory.c: the memory of a process, and changes of its wild part. */
int fuzz_memory_make(void);
void fuzz_memory(struct fuzz_thread *t);

/*
 * fuzz.c: an ioctl whose argument is shared memory while it is called. That does
 * not go to a device, so no armed failure can keep DRM from reading it, or the
 * result from coming back.
 */
int fuzz_ioctl(struct fuzz_thread *t, int fd, unsigned long request, void *arg,
	       size_t size);

/* fuzz.c: a file of the process's own, or any. */
int fuzz_own_file(struct fuzz_thread *t);
int fuzz_any_file(struct fuzz_thread *t, bool *foreign);
/* What came of a call: counts it. */
void fuzz_counted(struct fuzz_thread *t, enum fuzz_kind kind, int ret);

#endif /* FUZZ_H */
