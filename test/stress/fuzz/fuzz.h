/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer: threads of several processes that call the driver with arguments
 * that are right, nearly right, or random, while they change the memory under
 * it. What each file does is at its top; fuzz.c has main().
 *
 * What a thread does depends on its seed and number alone, or on an input of the
 * corpus, never on what came of a call, so a seed or an input gives the same calls
 * again. How the threads interleave is the scheduler's.
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
	FUZZ_CREATE,
	FUZZ_DESTROY,
	FUZZ_SUBMIT,
	FUZZ_WAIT,
	FUZZ_STATUS,
	FUZZ_ADVISE,
	FUZZ_ADVICE_GET,
	FUZZ_DISCARD,
	FUZZ_EVENTS,
	FUZZ_PIN,
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
/* Behind them each thread has a file for its valid jobs, which nobody closes. */
#define FUZZ_JOBS_FILE	FUZZ_FILES

/* What is in fuzz_thread.arg: the argument of a call, commands, a text. */
#define FUZZ_COMMANDS_AT	512
#define FUZZ_COMMANDS		20
#define FUZZ_TEXT_AT		2048

/*
 * Memory of a process, always at the same addresses. The wild part is anybody's
 * to unmap; only its thread uses a canary, with valid calls.
 * A hole follows each part, so that nobody reaches the next from it.
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
#define FUZZ_JOBS	0x250000000000ULL	/* a canary for jobs */
#define FUZZ_JOBS_SIZE	(VT_HUGE + VT_PAGE)	/* with a page for fences */

/* Where user space ends, on machines with four and with five levels. */
#define FUZZ_END_4	((1ULL << 47) - VT_PAGE)
#define FUZZ_END_5	((1ULL << 56) - VT_PAGE)

struct fuzz_count {
	uint64_t calls;
	uint64_t fine;
};

/* An input, see guide.c: steps of a thread, and the first numbers drawn in each. */
#define FUZZ_DRAWS	128
#define FUZZ_STEPS	8
#define FUZZ_CORPUS	2048		/* entries at most */
#define FUZZ_REACHED	(1U << 17)	/* places at most; a power of two */

struct fuzz_input {
	unsigned int nr;
	struct fuzz_step {
		unsigned int n;
		uint64_t draw[FUZZ_DRAWS];
	} step[FUZZ_STEPS];
};

struct fuzz_corpus {
	bool adding;
	unsigned int nr;
	unsigned int nr_read;		/* the first are from a file */
	unsigned int replayed;		/* how often somebody asked for one of those */
	bool unwritten;			/* the file lacks one that was added */
	uint64_t end;			/* of the file */
	char text[FUZZ_STEPS * (FUZZ_DRAWS * 17 + 1) + 2];	/* of one, for the file */
	struct fuzz_input input[FUZZ_CORPUS];
};

/* What all processes share. */
struct fuzz_shared {
	bool failed;
	int status;
	unsigned int ready;		/* processes that may begin */
	uint64_t forks;
	uint64_t closes;
	uint64_t changes;		/* of the wild memory */
	uint64_t jobs;			/* valid ones that were done */
	uint64_t jobs_lost;
	uint64_t programs;		/* jobs of some programs by chance */
	uint64_t programs_done;		/* those of which all ended by ECALL */
	bool sigbus;			/* CPU faults were made to fail */
	struct fuzz_count kind[FUZZ_KINDS];
	bool covers;			/* kcov is asked */
	bool guided;			/* inputs are made from the corpus */
	uint64_t nr_reached;
	uint64_t cuts;			/* how often kcov had no room for all of a step */
	uint64_t reached[FUZZ_REACHED];	/* 0: nothing is in this slot */
	struct fuzz_corpus corpus;
};

/* The valid jobs of a thread: at most one is under way. */
struct fuzz_jobs {
	struct storm_dice dice;
	struct fuzz_step *step;	/* the thread's meanwhile, or NULL */
	char *area;
	char *shadow;		/* what has to be there when it is done */
	uint32_t queue;		/* 0: none */
	uint64_t fence;		/* value of the last one; never 0 again */
	int64_t since;		/* it is under way; 0: it is not */
	unsigned int nr;	/* ranges that it changes */
	struct {
		size_t off;
		size_t len;
	} range[8];
	uint64_t done;		/* of all jobs */
	uint64_t lost;
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
	int event;		/* an eventfd */
	int stream;		/* of events; -1: none yet */
	struct fuzz_jobs jobs;
	struct fuzz_count kind[FUZZ_KINDS];
	uint64_t *cover;	/* its kcov, or NULL */
	struct fuzz_input input;
	bool replays;		/* the input is as it was read */
	unsigned int at;	/* number of the step that is done, or is next */
	struct fuzz_step *step;	/* that step; NULL: numbers are not those of an input */
	unsigned int drawn;	/* numbers drawn in it so far */
	unsigned int fresh;	/* places that it reached first */
};

extern struct fuzz_shared *fuzz_shared;
extern bool fuzz_verbose;

/* Says what was found, with the seed, and has everybody stop. */
void fuzz_found(struct fuzz_thread *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* In -v: what is about to be called. */
void fuzz_tell(struct fuzz_thread *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A number below @below, by chance, or as the input has it. */
uint64_t fuzz_draw(struct fuzz_thread *t, uint64_t below);

static inline bool fuzz_one_in(struct fuzz_thread *t, uint64_t n)
{
	return !fuzz_draw(t, n);
}

/*
 * cover.c: does the kernel have kcov? Have it collect for the process, before that has
 * threads and files, and for the calling thread; 0 if it does, or is not asked. How many
 * new places were reached since the last time. Write all, a line each.
 */
bool fuzz_cover_exists(void);
int fuzz_cover_process(unsigned int process);
int fuzz_cover_thread(struct fuzz_thread *t);
unsigned int fuzz_cover_take(struct fuzz_thread *t);
int fuzz_cover_write(const char *path);

/*
 * guide.c: around each step of a thread. The step found something: its input goes to the
 * file. Take the corpus of a file, and add to it from now on; 0, or what is wrong with it
 * has been said.
 */
void fuzz_guide_begin(struct fuzz_thread *t);
void fuzz_guide_end(struct fuzz_thread *t);
void fuzz_guide_found(struct fuzz_thread *t);
int fuzz_guide_open(const char *path);

/* args.c: numbers that hurt. */
uint64_t fuzz_address(struct fuzz_thread *t);
uint64_t fuzz_length(struct fuzz_thread *t, uint64_t addr);
void fuzz_range(struct fuzz_thread *t, __u64 *addr, __u64 *len);
void fuzz_any_range(struct fuzz_thread *t, __u64 *addr, __u64 *len);
uint64_t fuzz_number(struct fuzz_thread *t);
uint32_t fuzz_flags(struct fuzz_thread *t, uint32_t known);
uint32_t fuzz_pad(struct fuzz_thread *t);
bool fuzz_noise(struct fuzz_thread *t, void *arg, size_t size);

/* What judge.c may be told besides an errno: a good call; no idea. */
#define FUZZ_GOOD	0
#define FUZZ_ANY	1

/* judge.c: was that right? */
void fuzz_judge(struct fuzz_thread *t, enum fuzz_kind kind, int ret, int want,
		bool foreign);
void fuzz_check(struct fuzz_thread *t, bool right, const char *what);
int fuzz_range_of(uint64_t addr, uint64_t len);
int fuzz_pages_of(uint64_t addr, uint64_t len);

#define FUZZ_CHECK(t, condition)	fuzz_check(t, condition, #condition)

/* calls.c: one hostile call. */
void fuzz_call(struct fuzz_thread *t);
int fuzz_want_atomic(const struct drm_vsvm_atomic *arg);

/* advice.c: one that is of advice. */
void fuzz_advise(struct fuzz_thread *t);
void fuzz_advice_get(struct fuzz_thread *t);

/* queues.c: one that is of queues; nanoseconds of CLOCK_MONOTONIC. */
void fuzz_queue(struct fuzz_thread *t);
int64_t fuzz_now(void);

/*
 * jobs.c: the memory; a valid job, if the last one is done; wait until that is so. The
 * file is another one.
 */
int fuzz_jobs_make(struct fuzz_thread *t);
void fuzz_jobs(struct fuzz_thread *t);
void fuzz_jobs_settle(struct fuzz_thread *t);
void fuzz_jobs_anew(struct fuzz_thread *t);

/* programs.c: some programs by chance, in a process that has nothing to lose. */
void fuzz_programs(struct fuzz_thread *t, int fd);

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
