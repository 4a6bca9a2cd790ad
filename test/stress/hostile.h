/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the hostile program share: memory that all its processes
 * see, words that tell whose they are, and the way to say what was found.
 *
 *	hostile.c		main
 *	hostile_root.c		what root does, and the end
 *	hostile_scene.c		victims, bystander, cgroups, the kernel's log
 *	hostile_ops.c		what attackers do with the device
 *	hostile_ways.c		what they do with processes
 *	hostile_files.c		what they do with descriptors
 *	hostile_queues.c	what they do with queues
 *	hostile_helper.c	the setuid program
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "storm.h"
#include "vt.h"

#define HOSTILE_DEVICES		4	/* most that it looks at */
#define HOSTILE_ATTACKERS	4
#define HOSTILE_VICTIMS		4
#define HOSTILE_HOLDERS		8
#define HOSTILE_OPS		64	/* room for so many */

#define HOSTILE_USER		1000	/* the attackers */
#define HOSTILE_VICTIM		1001	/* the first victim */
#define HOSTILE_BYSTANDER	1090

#define HOSTILE_DIR		"/tmp/vsvm-hostile"
#define HOSTILE_HELPER		HOSTILE_DIR "/helper"
/* Root's own; the helper appends a line for each time it ran. */
#define HOSTILE_LOG		HOSTILE_DIR "/log"

#define HOSTILE_CGROUP		"/sys/fs/cgroup/vsvm-hostile"
#define HOSTILE_THEIRS		HOSTILE_CGROUP "/attackers"
#define HOSTILE_OTHERS		HOSTILE_CGROUP "/others"
#define HOSTILE_MAX		(128 * VT_MIB)

/* Where the fields of the helper are, as it says itself. */
enum hostile_place {
	HOSTILE_FLAG,
	HOSTILE_SECRET,
	HOSTILE_INPUT,
	HOSTILE_PLACES,
};

/* In memory that all processes of the program share. */
struct hostile {
	uint64_t seed;
	unsigned int seconds;
	unsigned int devices;
	int bound;			/* seconds, for unbind and for a death */
	bool stop;
	uint32_t found;
	struct {
		uint32_t kind;
		uint32_t times;
	} kind[64];			/* of what was found */
	uint32_t owners;		/* the last number that was given out */
	uint32_t first;			/* how many operations had their first turn */
	int log;			/* a descriptor for findings */
	int socket[2];			/* descriptors that attackers hand on */
	unsigned long helper[HOSTILE_PLACES];
	struct {
		char path[32];		/* empty while it is not bound */
	} node[HOSTILE_DEVICES];
	struct {
		pid_t pid;
		unsigned int number;	/* how many there were in this place */
		char doing[32];
	} attacker[HOSTILE_ATTACKERS];
	struct {
		pid_t pid;
		uint64_t beat;		/* steps that were checked */
		char doing[32];
	} victim[HOSTILE_VICTIMS + 1];	/* the last is the bystander */
	struct {
		pid_t pid;
		time_t since;
	} holder[HOSTILE_HOLDERS];
	struct {
		uint64_t tried;
		uint64_t done;
	} op[HOSTILE_OPS];
};

extern struct hostile *hostile;

#define load(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_SEQ_CST)

/* Who this process is, for findings. */
extern char hostile_who[64];

/*
 * One line about what must not be. Of those that differ in numbers only, the first
 * three are printed.
 */
void hostile_found(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * A word that tells whose it is: two bytes that are always the same, the owner's
 * number, and a mix of its place and version. Owners up to HOSTILE_LAST_VICTIM
 * are no attackers.
 */
#define HOSTILE_MAGIC		0x5ec7ULL
#define HOSTILE_LAST_VICTIM	31

static inline uint64_t hostile_word(uint32_t owner, uint64_t index,
				    uint32_t version)
{
	uint32_t mix = (uint32_t)index * 0x9e3779b1U ^ version * 0x85ebca6bU;

	return HOSTILE_MAGIC << 48 | (uint64_t)(owner & 0xffff) << 32 |
	       (mix ^ mix >> 15);
}

static inline void hostile_fill(void *mem, size_t len, uint32_t owner,
				uint64_t index, uint32_t version)
{
	uint64_t *word = mem;
	size_t i;

	for (i = 0; i < len / 8; i++)
		word[i] = hostile_word(owner, index + i, version);
}

/* Says what a word looks like that ought to be something else. */
const char *hostile_whose(uint64_t word);

/* The device's own descriptor, or a negative errno. */
int hostile_open(unsigned int device);

/* Seconds, on a clock that never goes back. */
double hostile_now(void);

/* What attackers do: what the files of attackers share. */
struct attacker {
	unsigned int slot;
	uint32_t owner;
	struct storm_dice dice;
	int fd[HOSTILE_DEVICES];
	char *small;		/* of HOSTILE_ARENA, in small pages */
	char *large;		/* the same, in huge ones where there are any */
	char *buf;		/* of HOSTILE_ARENA */
	char *wide;		/* next address of the wide range */
	char *sparse[64];	/* single pages left of whole blocks */
	unsigned int next_sparse;
};

#define HOSTILE_ARENA	(2 * VT_HUGE)

struct hostile_op {
	const char *name;
	unsigned int weight;
	/* True when it did what it is there for. */
	bool (*fn)(struct attacker *a);
};

extern const struct hostile_op hostile_ops[];	/* ends with no name */
extern const struct hostile_op hostile_ways[];
extern const struct hostile_op hostile_files[];
extern const struct hostile_op hostile_queues[];

/* One of them by its number; NULL: there are no more. */
const struct hostile_op *hostile_op(unsigned int i);

/* The life of an attacker, which ends by a signal; already unprivileged. */
void hostile_attack(unsigned int slot) __attribute__((noreturn));

/* What both files of attackers use. */
uint64_t attacker_draw(struct attacker *a, uint64_t below);
/* A new descriptor of a device that the dice choose, or -1: none is there now. */
int attacker_open(struct attacker *a);
/* One that it has; opened if need be. */
int attacker_fd(struct attacker *a);
/* Has it been unplugged? Then the next attacker_fd() opens it again. */
void attacker_lost(struct attacker *a, int fd);
/* An ioctl; takes note of unplug. */
int attacker_ioctl(struct attacker *a, int fd, unsigned long request, void *arg);
int attacker_rw(struct attacker *a, int fd, void *mem, void *buf, size_t len,
		bool write);
/* Bytes that moved or were there, or a negative errno. */
long attacker_migrate(struct attacker *a, int fd, void *mem, size_t len,
		      uint32_t target, uint32_t flags);
/* All words are zero or the attacker's own; @from says how it got them. */
bool attacker_check(struct attacker *a, const void *mem, size_t len,
		    const char *from);
void attacker_fill(struct attacker *a, void *mem, size_t len);
/* Anonymous memory of its own, filled. NULL: there is none. */
char *attacker_map(struct attacker *a, size_t len, enum vt_kind kind);
/* A child that calls @fn; the value is its pid. */
pid_t attacker_fork(struct attacker *a, void (*fn)(struct attacker *a, void *arg),
		    void *arg);
/*
 * The status of a child, that is killed after @seconds; -1: it did not die
 * of that, which is said. ->late tells if it had to be killed.
 */
int attacker_wait(pid_t pid, double seconds, bool *late);
/*
 * Use a descriptor that is another's in each way there is. @mem is memory of the
 * caller's, and of the owner's, perhaps. 0, or the number of what it could do.
 */
int hostile_use_foreign(int fd, void *mem, char *buf);

/* Hands a descriptor on, with the number of who opened it. */
int attacker_send_fd(int sock, int fd, uint32_t owner);

/* The exec of itself: hostile --foreign FD ADDRESS. */
int hostile_foreign_main(char **argv);

/* Victims and the bystander, hostile_scene.c. 0, or a line that says why not. */
int scene_begin(void);
int scene_start(unsigned int victim);
/* Tells whether all of them go on; says who does not. */
void scene_look(void);
/* They check everything once more and end. */
void scene_end(void);

int scene_cgroups(void);
void scene_cgroups_gone(void);
/* In a child: go there. */
int scene_enter(const char *cgroup);
/* The value of @key in a file of keys and values; -1: there is none. */
long scene_key(const char *path, const char *key);
/* No process left in the attackers' cgroup, after SIGKILL to all. */
int scene_purge(void);
/* What /proc says of where a process waits. */
void scene_stack(pid_t pid);

/* Reads the kernel's log from now on; finds splats and kills. */
int log_begin(void);
void log_look(void);
void log_end(void);

#endif /* HOSTILE_H */
