/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the examples with programs for the device share: each runs its program with memory
 * in place, and again with memory that moves when the device faults, and prints what that
 * took. Whatever goes wrong ends the example.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdint.h>

#include "libvsvm.h"

/* In place, and moving. */
#define EXAMPLE_WAYS	2

/**
 * struct example - an example
 * @v: the device
 * @p: the program
 * @way: how memory moves now
 */
struct example {
	struct vsvm *v;
	struct vsvm_program *p;
	unsigned int way;
};

/* Loads argv[1], or @name.elf of the folder of programs. */
void example_begin(struct example *e, int argc, char **argv, const char *name);
void example_end(struct example *e);

/* Chooses one of EXAMPLE_WAYS for what runs from now on. */
void example_way(struct example *e, unsigned int way);

/* Runs a function for some items. */
void example_run(struct example *e, const char *function, void *arg, uint64_t items);

/* Prints the time, the faults and the bytes that moved since example_way(). */
void example_figures(struct example *e, const char *what);

void *example_alloc(size_t bytes);

/* The next of a row of numbers that looks random. */
uint64_t example_draw(uint64_t *seed);

#endif /* EXAMPLE_H */
