/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracedat: a file of trace-cmd's format, version 6.
 */
#ifndef VSVM_TRACEDAT_H
#define VSVM_TRACEDAT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a processor recorded: sub-buffers as trace_pipe_raw gives them. */
struct tracedat_cpu {
	int fd;			/* from its beginning */
	uint64_t bytes;		/* a multiple of the size of a sub-buffer */
};

struct tracedat {
	const char *system;	/* whose events are described, with those of ftrace */
	const char *clock;	/* what trace_clock of the recording says */
	const char *names;	/* lines "PID NAME" */
	const char *stats;	/* what the buffers say of themselves, for people */
	size_t subbuf;		/* bytes of a sub-buffer */
	unsigned int cpus;
	const struct tracedat_cpu *cpu;
};

/**
 * tracedat_write() - write a recording
 * @to: an empty file, at its beginning
 * @t: what was recorded
 *
 * Return: 0, or a negative errno: of writing, or of reading tracefs.
 */
int tracedat_write(FILE *to, const struct tracedat *t);

#endif /* VSVM_TRACEDAT_H */
