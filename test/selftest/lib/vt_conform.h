/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image of programs for RV64IMAC that runs as a process under qemu-riscv64 and as a
 * RUN of the device, from the same file and at the same addresses, and what is different
 * in memory afterwards.
 *
 * The programs of an image run one after the other. Each loads its registers from a record
 * of its own, and stores them there when it ends. Memory goes from one to the next. Behind
 * the last is write() of the image to the standard output, and exit(). On the device the
 * first ECALL ends it, before either.
 */
#ifndef VT_CONFORM_H
#define VT_CONFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "storm.h"
#include "vt_queue.h"
#include "vt_rv.h"

/* A program of PATH. */
#define VT_QEMU		"qemu-riscv64"

/* Where the image is, and what is in it, from its beginning. */
#define VT_IMAGE	0x10000000UL
#define VT_SCRATCH	0x1000UL	/* bytes that programs load and store */
#define VT_SCRATCH_SIZE	0x10000UL
#define VT_RECORDS	0x12000UL	/* initial and final registers of each program */
#define VT_RECORD_SIZE	512UL
#define VT_MAX_PROGRAMS	1024UL
#define VT_RESULTS	0x92000UL	/* tables, and words that programs store */
#define VT_CODE		0x200000UL
#define VT_IMAGE_SIZE	0xa00000UL

struct vt_conform {
	uint64_t seed;
	struct storm_dice dice;
	char *image;
	size_t at;			/* offset of the next instruction */
	size_t data;			/* offset of the next table or result */
	unsigned int programs;
	unsigned int wanted;		/* no more programs than that */
	uint64_t weight;		/* how often the next instruction is done, at least */
	uint64_t insns;			/* how many are done, at least */
	size_t code[VT_MAX_PROGRAMS];	/* where each begins */
	char *other;			/* the image as qemu left it */
};

/* Where a device finds the pages of the image. */
enum vt_conform_place {
	VT_CONFORM_SYSTEM,
	VT_CONFORM_HALF,		/* every second piece is on the device */
	VT_CONFORM_MOVES,		/* they move there when they are missing */
};

/* Adds c->wanted programs, or as many as there are; the same for the same seed. */
typedef void (*vt_conform_fn)(struct vt_conform *c);

/*
 * Makes an image and runs it in both ways: 0 if there is no difference. If there is one,
 * finds the first program after which there is, and prints what it is.
 */
int vt_conform_run(struct vt_conform *c, struct vsvm *v, enum vt_conform_place place,
		   uint64_t seed, vt_conform_fn fn, unsigned int programs);

/* The parts of programs. */
void vt_conform_put(struct vt_conform *c, uint32_t insn);
#define VT_PUT(c, ...)	do {						\
	const uint32_t put_[] = { __VA_ARGS__ };			\
	size_t put_i_;							\
									\
	for (put_i_ = 0; put_i_ < VT_COUNT(put_); put_i_++)		\
		vt_conform_put(c, put_[put_i_]);			\
} while (0)

/* Two instructions: a register gets a number of 32 bits, sign-extended. */
void vt_conform_li(struct vt_conform *c, unsigned int rd, uint32_t value);
/* The same for an address in the image. */
void vt_conform_la(struct vt_conform *c, unsigned int rd, size_t offset);
/* Puts another instruction where one is. */
void vt_conform_patch(struct vt_conform *c, size_t at, uint32_t insn);

/*
 * A program begins: all registers but @link, which is the address of the record, are as
 * @x says. It ends, and @link was its own until then.
 */
void vt_conform_begin(struct vt_conform *c, unsigned int link, const uint64_t *x);
void vt_conform_end(struct vt_conform *c, unsigned int link);

/* A number that hurts. */
uint64_t vt_conform_number(struct vt_conform *c);

static inline uint64_t vt_conform_draw(struct vt_conform *c, uint64_t below)
{
	return storm_draw(&c->dice, below);
}

/* vt_conform_random.c: programs by chance. */
void vt_conform_random(struct vt_conform *c);

#endif /* VT_CONFORM_H */
