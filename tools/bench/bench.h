/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench: how fast a device moves, reads and looks at memory. The measuring is the
 * same for whatever device an engine drives.
 */
#ifndef VSVM_BENCH_H
#define VSVM_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

#define BENCH_HUGE	(2UL << 20)
#define BENCH_PIECE	(64UL << 20)	/* most that one call is asked to do */

/**
 * struct bench_engine - a device to measure
 *
 * Calls return 0 or a negative errno, and it is an error when a page stays
 * behind. A file is opened and closed around each measurement, so that at any
 * moment one engine alone listens to what happens to the memory.
 */
struct bench_engine {
	const char *name;
	/* to_device ends with the same as read, to the same buffer */
	bool reads_back;
	int (*open)(unsigned int device, void **file);
	void (*close)(void *file);
	int (*to_device)(void *file, char *mem, size_t bytes, char *buf);
	int (*home)(void *file, char *mem, size_t bytes, char *buf);
	int (*read)(void *file, char *mem, size_t bytes, char *buf);
	int (*write)(void *file, char *mem, size_t bytes, char *buf);
	/* leaves what it found in @buf, for on_device */
	int (*snapshot)(void *file, char *mem, size_t bytes, char *buf);
	/* the bytes of the last snapshot on the device, in pages of that size */
	size_t (*on_device)(void *file, bool huge);
};

extern const struct bench_engine bench_vsvm;

/* What is done to memory, in the order in which it is done. */
enum bench_step {
	STEP_TO_DEVICE,
	STEP_DEVICE_READ,
	STEP_DEVICE_WRITE,
	STEP_DEVICE_SNAPSHOT,
	STEP_HOME,
	STEP_IN_ORDER,
	STEP_AT_RANDOM,
	/* on memory that was never on the device */
	STEP_COLD_READ,
	STEP_HOT_READ,
	STEP_HOT_WRITE,
	STEP_SNAPSHOT,
	BENCH_STEPS
};

#define STEP(name)	(1U << STEP_##name)
#define STEPS_MOVE	(STEP(TO_DEVICE) | STEP(DEVICE_READ) | \
			 STEP(DEVICE_WRITE) | STEP(DEVICE_SNAPSHOT) | \
			 STEP(HOME) | STEP(IN_ORDER) | STEP(AT_RANDOM))
#define STEPS_ACCESS	(STEP(COLD_READ) | STEP(HOT_READ) | STEP(HOT_WRITE) | \
			 STEP(SNAPSHOT))

/* What to measure on. */
struct bench_case {
	const struct bench_engine *engine;
	unsigned int device;
	unsigned int threads;	/* each has a file and an equal part of the memory */
	unsigned int steps;
	unsigned int traced;	/* steps while which the kernel's tracing is on */
	bool huge;
	size_t bytes;		/* a whole number of BENCH_HUGE for each thread */
};

double bench_now(void);
char *bench_map(size_t bytes, bool huge, int flags);
int bench_steps(const struct bench_case *c, double seconds[BENCH_STEPS]);
int bench_copy(const struct bench_case *c, double *seconds);
int bench_lone_faults(const struct bench_case *c, double *seconds);
double bench_median(double *values, size_t n);

int bench_sparse(unsigned int device, unsigned int rounds,
		 struct json_object *out);

int bench_parameter(const char *name, const char *value, char *was, size_t room);
int bench_policy(unsigned int device, unsigned int rounds,
		 struct json_object *out);

int bench_programs(unsigned int device, unsigned int rounds,
		   struct json_object *out);

bool bench_work_known(const char *name);
int bench_workloads(unsigned int device, uint64_t vram, double factor,
		    const char *workload, struct json_object *out);

/* Workloads, and ways to move memory, of bench_workload(). */
#define BENCH_WORKS	4
#define BENCH_WAYS	5

/* What a workload took: bytes that moved either way, faults, and virtual time. */
struct bench_measured {
	double ms;
	uint64_t moved;
	uint64_t faults;
	uint64_t to_device_ns;
	uint64_t home_ns;
	uint64_t remote_ns;
	uint64_t local_ns;
	uint64_t faults_ns;	/* of the device and of CPUs */
};

const char *bench_work_name(unsigned int work);
const char *bench_way_name(unsigned int way);
int bench_workload(unsigned int device, size_t bytes, unsigned int work,
		   unsigned int way, bool fixed, struct bench_measured *m);
int bench_link(unsigned int device, uint64_t vram, double factor,
	       const char *workload, struct json_object *out);

struct bench_memory {
	unsigned int device;
	unsigned long sweeps;
	double factor;			/* 0: all of them */
	unsigned long processes;	/* 0: one, and two */
	bool small;			/* not huge pages too */
};

/* What to measure of the table of queues. */
struct bench_queue {
	unsigned int device;
	unsigned int rounds;
	unsigned int pages;		/* 1: small, 2: huge */
	unsigned int rows;		/* bits of bench_queue_row() */
};

int bench_event_wait(int fd);
int bench_futex_time(double *seconds);
int bench_event_time(double *seconds);

unsigned int bench_queue_row(const char *key);
int bench_queue(const struct bench_queue *opts, struct json_object *out);

double bench_memory_factor(const char *text);
int bench_memory(const struct bench_memory *opts, uint64_t vram,
		 struct json_object *out);

/* The whole command; engines[0] is the one that is compared with the others. */
int bench_main(int argc, char **argv,
	       const struct bench_engine *const engines[2]);

#endif /* VSVM_BENCH_H */
