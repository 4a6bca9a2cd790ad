/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the teardown tests share: dice, every call of the uapi by number, and a
 * crew of threads that keep a device busy until it is taken from them.
 *
 * Same manners as vt.h: 0, or a line that says what was wrong and
 * something else.
 */
#ifndef STORM_H
#define STORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Dice: the same seed gives the same numbers. */
struct storm_dice {
	uint64_t state;
};

/* A number below @below, which is not zero. */
uint64_t storm_draw(struct storm_dice *dice, uint64_t below);

/* VSVM_ROUNDS and VSVM_SEED, or what make check takes. */
unsigned int storm_rounds(void);
uint64_t storm_seed(void);

/* Every way into the driver; the order of the switch in storm_call(). */
enum storm_call {
	STORM_INFO,
	STORM_READ,
	STORM_WRITE,
	STORM_TO_DEVICE,
	STORM_TO_SYSTEM,
	STORM_SNAPSHOT,
	STORM_EXCLUSIVE,
	STORM_ATOMIC,
	STORM_INJECT,
	STORM_PREAD,
	STORM_PWRITE,
	STORM_ADVISE,
	STORM_MMAP,
	STORM_DISCARD,
	STORM_EVENTS,
	STORM_PIN,
	STORM_CALLS,
};

const char *storm_name(enum storm_call call);

/*
 * One call on [mem, mem + len), page aligned; @buf has room for the same again.
 * 0 or a negative errno. Memory keeps its bytes, if @buf has the same.
 */
int storm_call(int fd, enum storm_call call, char *mem, size_t len, char *buf);

/*
 * 0 when each of the calls gives @error; for EPERM, INFO gives
 * none. They are made on the first 64 pages, which are zeroed if they can be.
 */
int storm_all_give(int fd, char *mem, size_t len, int error);

/* What some count, in shared memory, and one waits for. */
struct storm_counter {
	uint32_t count;
	uint32_t wanted;
};

void storm_count(struct storm_counter *counter);
/*
 * Wait until @value has been counted. Not 0 when child @pid ended before; 0:
 * no child. Sleeps, because a thread that spins takes half of the machine from those
 * that count.
 */
int storm_wait(struct storm_counter *counter, uint32_t value, pid_t pid);

#define STORM_CREW	8

/*
 * A crew: each thread has a slice of the memory for itself, changes it and
 * knows what has to be in it, while one moves all of it about.
 */
struct storm_crew {
	char *mem;
	size_t len;
	int error;		/* what ends the work, negative */
	int fds[2];		/* the one that goes; another one; or -1 */
	struct storm_counter *ops;	/* so far, in shared memory */
	bool stop;
	bool failed;
	unsigned int threads;
	struct storm_worker {
		struct storm_crew *crew;
		pthread_t thread;
		void (*step)(struct storm_worker *w);
		int fd;
		char *slice;
		unsigned int pages;
		uint64_t version[64];	/* of each page of the slice */
		struct storm_dice dice;
		char buf[4096];
	} worker[STORM_CREW];
};

/*
 * Put a crew to work on memory that is filled by storm_fill(). @c->mem, len
 * (4 MiB at most), error, fds and ops are set.
 */
int storm_start(struct storm_crew *c, uint64_t seed);
/* Tell those whose device stays to stop, wait for all, and check the memory. */
int storm_finish(struct storm_crew *c);

/* The bytes that a crew begins with, and whether they are still there. */
void storm_fill(char *mem, size_t len);
int storm_check(const char *mem, size_t len);

/* Shared with children: a page of zeroes. */
void *storm_shared(void);

#endif /* STORM_H */
