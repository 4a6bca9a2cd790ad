// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs do the same on the device as under qemu-riscv64: all registers and all bytes of
 * memory are compared afterwards.
 *
 * Each instruction of RV64IMAC meets operands that hurt, each compressed one is done in all
 * its encodings, jumps go as far as they can, and programs by chance mix all of them, while
 * their pages are in system memory, on the device, or on the way.
 *
 * A failure prints a seed. VSVM_SEED makes these programs again, and VSVM_CONFORM_PROGRAMS
 * says how many there are by chance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_conform.h"
#include "vt_fixture.h"

#define MAX	(~0ULL)
#define TOP	(1ULL << 63)

/* Programs by chance in an image, and images of a test. */
#define PROGRAMS	150
#define IMAGES		3

/* Seconds for a hundred thousand of them, or to find which one is different. */
#define LIMIT		3600

/* Instructions of all images of a test, at least. */
#define WANTED		400000

/*
 * Registers of a program that does one thing for all pairs of a table: the operands, of
 * which the first gets the result; and what the loops need.
 */
#define OP1	8
#define OP2	9
#define TMP	10
#define TMP2	11
#define CELL	18		/* an aligned word of the scratch area */
#define FIRST	20
#define FIRST_END	21
#define SECOND	22
#define SECOND_END	23
#define STORED	24
#define LOOP_LINK	31

static const uint64_t values[] = {
	0, 1, MAX, TOP, TOP - 1, 0x80000000, 0x7fffffff, 0xffffffff, 0x100000000,
	0xffffffff80000000, 63, 5, 0x123456789abcdef, 0xfedcba9876543210,
	2, MAX - 1, 31, 32, 33, 64, 0x55aa55aa55aa55aa, 0xffffffff7fffffff,
	0x8000000080000000, 0x180000001,
};

/* The most of them, and a few that tell most. */
#define ALL	VT_COUNT(values)
#define FEW	13

/* Offsets in the image around the end of a page, and what behind them the table has. */
#define NEAR	(VT_SCRATCH + 3 * VT_PAGE - 9)
#define PLACES	20
#define VALUES_AT	VT_RESULTS
#define PLACES_AT	(VALUES_AT + sizeof(values))
#define STORED_AT	(PLACES_AT + PLACES * sizeof(uint64_t))

struct table {
	size_t at;
	unsigned int nr;
};

static const struct table all = { VALUES_AT, ALL };
static const struct table few = { VALUES_AT, FEW };
static const struct table one = { VALUES_AT + 12 * sizeof(uint64_t), 1 };
static const struct table places = { PLACES_AT, PLACES };

static void make_tables(struct vt_conform *c)
{
	uint64_t *to = (uint64_t *)(c->image + PLACES_AT);
	unsigned int i;

	memcpy(c->image + VALUES_AT, values, sizeof(values));
	for (i = 0; i < PLACES; i++)
		to[i] = VT_IMAGE + NEAR + i;
	c->data = STORED_AT;
}

/* A program that does @insns for all pairs, and stores each result. */
static void for_all(struct vt_conform *c, struct table first, struct table second,
		    const uint32_t *insns, unsigned int nr)
{
	static const uint64_t zero[32];
	size_t outer, inner;
	unsigned int i;

	if (c->programs >= c->wanted)
		return;
	vt_conform_begin(c, LOOP_LINK, zero);
	vt_conform_la(c, CELL, VT_SCRATCH + 0x100);
	vt_conform_la(c, FIRST, first.at);
	vt_conform_la(c, FIRST_END, first.at + 8 * first.nr);
	vt_conform_la(c, SECOND_END, second.at + 8 * second.nr);
	vt_conform_la(c, STORED, c->data);
	outer = c->at;
	vt_conform_la(c, SECOND, second.at);
	inner = c->at;
	c->weight = first.nr * second.nr;
	VT_PUT(c, LOAD(LD, OP1, FIRST), LOAD(LD, OP2, SECOND));
	for (i = 0; i < nr; i++)
		VT_PUT(c, insns[i]);
	VT_PUT(c, STORE(SD, OP1, STORED), ADDI(STORED, STORED, 8), ADDI(SECOND, SECOND, 8));
	VT_PUT(c, BRANCH(BNE, SECOND, SECOND_END, (int)(inner - c->at)));
	c->weight = 1;
	VT_PUT(c, ADDI(FIRST, FIRST, 8));
	VT_PUT(c, BRANCH(BNE, FIRST, FIRST_END, (int)(outer - c->at)));
	vt_conform_end(c, LOOP_LINK);
	c->data += 8 * first.nr * second.nr;
}

#define FOR_ALL(c, first, second, ...)	do {				\
	const uint32_t all_[] = { __VA_ARGS__ };			\
									\
	for_all(c, first, second, all_, VT_COUNT(all_));		\
} while (0)

/* What two registers give, in 32 bits and in 16. */
static void put_registers(struct vt_conform *c)
{
	/* bits of funct3, by opcode and funct7 */
	static const struct {
		uint8_t op;
		uint8_t funct7;
		uint8_t funct3;
	} groups[] = {
		{ 0x33, 0, 0xff }, { 0x33, 0x20, 0x21 }, { 0x33, 1, 0xff },
		{ 0x3b, 0, 0x23 }, { 0x3b, 0x20, 0x21 }, { 0x3b, 1, 0xf1 },
	};
	static const uint16_t shorts[] = {
		0x8c05, 0x8c25, 0x8c45, 0x8c65, 0x9c05, 0x9c25,
		C_MV(OP1, OP2), C_ADD(OP1, OP2),
	};
	unsigned int i, f3;

	for (i = 0; i < VT_COUNT(groups); i++)
		for (f3 = 0; f3 < 8; f3++)
			if (groups[i].funct3 >> f3 & 1)
				FOR_ALL(c, all, all,
					OP_R(groups[i].op, f3, groups[i].funct7, OP1, OP1, OP2));
	for (i = 0; i < VT_COUNT(shorts); i++)
		FOR_ALL(c, all, all, shorts[i]);
}

static void put_immediates(struct vt_conform *c)
{
	static const int imms[] = { 0, 1, -1, 2047, -2048, 0x555, -0x556, 31, 32 };
	static const uint32_t highs[] = { 0, 1, 0xfffff, 0x80000, 0x7ffff, 0x55555 };
	static const uint8_t funct3s[] = { 0, 2, 3, 4, 6, 7 };
	unsigned int i, k;

	for (i = 0; i < VT_COUNT(imms); i++) {
		for (k = 0; k < VT_COUNT(funct3s); k++)
			FOR_ALL(c, all, one, OP_I(0x13, funct3s[k], OP1, OP1, imms[i]));
		FOR_ALL(c, all, one, ADDIW(OP1, OP1, imms[i]));
	}
	for (i = 0; i < VT_COUNT(highs); i++)
		FOR_ALL(c, one, one, LUI(OP1, highs[i]), AUIPC(TMP, highs[i]),
			ADD(OP1, OP1, TMP));
	for (i = 0; i < 64; i++) {
		FOR_ALL(c, all, one, SLLI(OP1, OP1, i));
		FOR_ALL(c, all, one, SRLI(OP1, OP1, i));
		FOR_ALL(c, all, one, OP_I(0x13, 5, OP1, OP1, i | 0x400));
		if (i >= 32)
			continue;
		FOR_ALL(c, all, one, OP_I(0x1b, 1, OP1, OP1, i));
		FOR_ALL(c, all, one, OP_I(0x1b, 5, OP1, OP1, i));
		FOR_ALL(c, all, one, OP_I(0x1b, 5, OP1, OP1, i | 0x400));
	}
}

/* Around the end of a page, which is the hard place. */
static void put_accesses(struct vt_conform *c)
{
	static const int imms[] = { 0, 1, -1, 2047, -2048, 0x555, -0x556 };
	unsigned int i, f3;

	for (i = 0; i < VT_COUNT(imms); i++) {
		for (f3 = 0; f3 < 7; f3++)
			FOR_ALL(c, places, one, LOAD_AT(f3, OP1, OP1, imms[i]));
		for (f3 = 0; f3 < 4; f3++)
			FOR_ALL(c, places, few, STORE_AT(f3, OP2, OP1, imms[i]),
				LOAD_AT(LD, OP1, OP1, imms[i]));
	}
}

static void put_branches(struct vt_conform *c)
{
	unsigned int f3;

	for (f3 = 0; f3 < 8; f3++) {
		if (f3 == 2 || f3 == 3)
			continue;
		FOR_ALL(c, all, all, BRANCH(f3, OP1, OP2, 12), ADDI(OP1, ZERO, 1),
			JAL(ZERO, 8), ADDI(OP1, ZERO, 2));
		FOR_ALL(c, all, all, JAL(ZERO, 12), ADDI(OP1, ZERO, 1), JAL(ZERO, 12),
			BRANCH(f3, OP1, OP2, -8), ADDI(OP1, ZERO, 2));
	}
	FOR_ALL(c, all, all, C_BRANCH(0, OP1, 8), ADDI(OP1, ZERO, 1), C_J(6),
		ADDI(OP1, ZERO, 2));
	FOR_ALL(c, all, all, C_BRANCH(1, OP1, 8), ADDI(OP1, ZERO, 1), C_J(6),
		ADDI(OP1, ZERO, 2));
}

/* What the register gets, and what the word is afterwards; also in the upper half. */
static void put_atomics(struct vt_conform *c)
{
	static const uint8_t ops[] = { 0, 1, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c };
	uint32_t insn, order, f3;
	struct table t;
	unsigned int i;

	for (i = 0; i < VT_COUNT(ops) * 8; i++) {
		f3 = 2 + i % 2;
		order = i / 2 % 4 << 25;
		t = order ? few : all;
		insn = AMO(ops[i / 8], f3, OP1, OP2, CELL) | order;
		FOR_ALL(c, t, t, STORE(SD, OP1, CELL), insn);
		insn = AMO(ops[i / 8], f3, TMP, OP2, CELL) | order;
		FOR_ALL(c, t, t, STORE(SD, OP1, CELL), insn, LOAD(LD, OP1, CELL));
		if (f3 == 3 || order)
			continue;
		insn = AMO(ops[i / 8], f3, TMP, OP2, TMP2);
		FOR_ALL(c, t, t, STORE(SD, OP1, CELL), ADDI(TMP2, CELL, 4), insn,
			LOAD(LD, OP1, CELL), ADD(OP1, OP1, TMP));
	}
	for (i = 0; i < 8; i++) {
		f3 = 2 + i % 2;
		order = i / 2 % 4 << 25;
		FOR_ALL(c, all, one, STORE(SD, OP1, CELL), AMO(LR, f3, OP1, ZERO, CELL) | order);
		/* Of these, the second fails. */
		FOR_ALL(c, all, all, STORE(SD, OP1, CELL), AMO(LR, f3, TMP, ZERO, CELL) | order,
			AMO(SC, f3, TMP, OP2, CELL) | order, AMO(SC, f3, TMP2, ZERO, CELL) | order,
			LOAD(LD, OP1, CELL), SLLI(TMP2, TMP2, 1), ADD(OP1, OP1, TMP),
			ADD(OP1, OP1, TMP2));
		/* Changed in between, unless it is the same. */
		FOR_ALL(c, all, all, STORE(SD, OP1, CELL), AMO(LR, f3, TMP, ZERO, CELL) | order,
			STORE(f3, OP2, CELL), AMO(SC, f3, TMP, ZERO, CELL) | order,
			LOAD(LD, OP1, CELL), ADD(OP1, OP1, TMP));
		/* Another address. */
		FOR_ALL(c, all, one, STORE(SD, OP1, CELL), AMO(LR, f3, TMP, ZERO, CELL) | order,
			ADDI(TMP2, CELL, 8), AMO(SC, f3, TMP, ZERO, TMP2) | order,
			LOAD(LD, OP1, CELL), ADD(OP1, OP1, TMP));
	}
	FOR_ALL(c, one, one, FENCE, FENCE_I, 0x8330000f /* FENCE.TSO */, 0x0220000f);
}

static void put_directed(struct vt_conform *c)
{
	make_tables(c);
	put_registers(c);
	put_immediates(c);
	put_accesses(c);
	put_branches(c);
	put_atomics(c);
}

/* The registers for the middle of the scratch area; that before is for the sum. */
static const unsigned int middles[] = { 31, 29, 27 };

static bool names(uint16_t p, unsigned int reg)
{
	return (p >> 7 & 31) == reg || (p >> 2 & 31) == reg;
}

/* The first of which the parcel names neither: it has no more than two fields. */
static unsigned int middle_for(uint16_t p)
{
	unsigned int i = 0;

	while (names(p, middles[i]) || names(p, middles[i] - 1))
		i++;
	return middles[i];
}

/* Parcels in a program. */
#define PARCELS	128

/* One after the other, each with its result added to a register that it does not name. */
static void put_some_parcels(struct vt_conform *c, const uint16_t *parcels, unsigned int nr,
			     unsigned int middle)
{
	unsigned int i, sum = middle - 1;
	uint64_t x[32];

	for (i = 0; i < 32; i++)
		x[i] = vt_conform_number(c);
	vt_conform_begin(c, middle, x);
	vt_conform_la(c, middle, VT_SCRATCH + VT_SCRATCH_SIZE / 2 + 1);
	for (i = 0; i < nr; i++) {
		if (vt_rv_parcel(parcels[i]) == VT_RV_ACCESSES)
			VT_PUT(c, C_MV(8 + (parcels[i] >> 7 & 7), middle));
		else if (vt_rv_parcel(parcels[i]) == VT_RV_STACK)
			VT_PUT(c, C_MV(SP, middle));
		VT_PUT(c, parcels[i], ADD(sum, sum, vt_rv_parcel_target(parcels[i])));
		/* So that the next one stores elsewhere. */
		VT_PUT(c, C_ADDI(middle, 8));
	}
	vt_conform_end(c, middle);
}

static void put_parcels(struct vt_conform *c)
{
	uint16_t some[PARCELS];
	unsigned int nr, p, i;

	for (i = 0; i < VT_COUNT(middles); i++) {
		nr = 0;
		for (p = 0; p < 0x10000 && c->programs < c->wanted; p++) {
			if (vt_rv_parcel(p) == VT_RV_OTHER || middle_for(p) != middles[i])
				continue;
			some[nr++] = p;
			if (nr < PARCELS)
				continue;
			put_some_parcels(c, some, nr, middles[i]);
			nr = 0;
		}
		if (nr && c->programs < c->wanted)
			put_some_parcels(c, some, nr, middles[i]);
	}
}

enum jump {
	JUMP_C_BEQZ,
	JUMP_C_BNEZ,
	JUMP_C_J,
	JUMP_JAL,
	JUMP_JALR,
	JUMP_BRANCH,		/* and the following, by funct3 */
	JUMPS = JUMP_BRANCH + 8,
};

/* It is taken: x8 is 0, x9 is 1, and x10 the address of the instruction. */
static uint32_t far_jump(unsigned int kind, int off)
{
	static const uint8_t operands[8][2] = {
		{ 8, 8 }, { 8, 9 }, {}, {}, { 8, 9 }, { 9, 8 }, { 8, 9 }, { 9, 8 },
	};
	unsigned int f3 = kind - JUMP_BRANCH;

	switch (kind) {
	case JUMP_C_BEQZ:
		return C_BRANCH(0, 8, off);
	case JUMP_C_BNEZ:
		return C_BRANCH(1, 9, off);
	case JUMP_C_J:
		return C_J(off);
	case JUMP_JAL:
		return JAL(11, off);
	case JUMP_JALR:
		return JALR(11, 10, off);
	default:
		return BRANCH(f3, operands[f3][0], operands[f3][1], off);
	}
}

/* What is between the jump and its target is no instruction. */
static void put_far_jump(struct vt_conform *c, unsigned int kind, int off)
{
	const uint64_t x[32] = { [9] = 1 };
	uint32_t insn = far_jump(kind, off);
	size_t from, end;

	if (c->programs >= c->wanted)
		return;
	vt_conform_begin(c, LOOP_LINK, x);
	if (off > 0) {
		from = c->at + 8;
		vt_conform_la(c, 10, from);
		VT_PUT(c, insn);
		c->at = from + (off & ~1);
		VT_PUT(c, ADDI(12, ZERO, 1));
	} else {
		/* Over the target, and from there to what is behind the jump. */
		from = c->at + 20 - off;
		end = from + ((insn & 3) == 3 ? 4 : 2);
		vt_conform_la(c, 10, from);
		vt_conform_la(c, 12, from);
		VT_PUT(c, JALR(ZERO, 12, 0), ADDI(14, ZERO, 1));
		vt_conform_la(c, 12, end);
		VT_PUT(c, JALR(ZERO, 12, 0));
		c->at = from;
		VT_PUT(c, insn);
	}
	vt_conform_end(c, LOOP_LINK);
}

/* Each bit of an offset, and the last place of each direction. */
static void put_jumps(struct vt_conform *c)
{
	static const uint8_t bits[] = { 8, 8, 11, 20, 11, 12 };
	unsigned int kind, most, bit, i;

	for (kind = 0; kind < JUMPS; kind++) {
		if (kind == JUMP_BRANCH + 2 || kind == JUMP_BRANCH + 3)
			continue;
		most = bits[kind < JUMP_BRANCH ? kind : JUMP_BRANCH];
		for (bit = kind < JUMP_JAL ? 1 : 2; bit < most; bit++)
			put_far_jump(c, kind, 1 << bit);
		put_far_jump(c, kind, (1 << most) - 2);
		for (bit = 4; bit <= most; bit++)
			put_far_jump(c, kind, -(1 << bit));
	}
	/* The lowest bit is dropped, and any register has the address. */
	put_far_jump(c, JUMP_JALR, 65);
	for (i = 1; i < 31 && c->programs < c->wanted; i++) {
		const uint64_t x[32] = { 0 };

		vt_conform_begin(c, LOOP_LINK, x);
		vt_conform_la(c, i, c->at + 10);
		VT_PUT(c, C_JR(i));
		vt_conform_la(c, i, c->at + 10);
		VT_PUT(c, C_JALR(i));
		vt_conform_end(c, LOOP_LINK);
	}
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

FIXTURE(conform)
{
	struct vsvm *v;
	struct vt_conform c;
};

FIXTURE_VARIANT(conform)
{
	enum vt_conform_place place;
	uint64_t seed;
};

FIXTURE_VARIANT_ADD(conform, system)
{
	.place = VT_CONFORM_SYSTEM,
	.seed = 1000,
};

FIXTURE_VARIANT_ADD(conform, half)
{
	.place = VT_CONFORM_HALF,
	.seed = 2000,
};

FIXTURE_VARIANT_ADD(conform, moves)
{
	.place = VT_CONFORM_MOVES,
	.seed = 3000,
};

FIXTURE_SETUP(conform)
{
	if (system("command -v " VT_QEMU " >/dev/null 2>&1"))
		SKIP(return, "wants " VT_QEMU);
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_CLOSE(conform)

/* Says what was compared, for who wonders how much that is. */
static void say(const struct vt_conform *c)
{
	printf("# seed %llu: %u programs, %llu instructions at least\n",
	       (unsigned long long)c->seed, c->programs, (unsigned long long)c->insns);
}

/* Each instruction with operands that hurt. */
TEST_F_TIMEOUT(conform, directed, LIMIT)
{
	ASSERT_EQ(0, vt_conform_run(&self->c, self->v, variant->place, 1, put_directed,
				    VT_MAX_PROGRAMS));
	EXPECT_LE(WANTED, self->c.insns);
	say(&self->c);
}

/* Each compressed instruction that is no jump, in each encoding. */
TEST_F_TIMEOUT(conform, parcels, LIMIT)
{
	ASSERT_EQ(0, vt_conform_run(&self->c, self->v, variant->place, 2, put_parcels,
				    VT_MAX_PROGRAMS));
	say(&self->c);
}

TEST_F_TIMEOUT(conform, jumps, LIMIT)
{
	ASSERT_EQ(0, vt_conform_run(&self->c, self->v, variant->place, 3, put_jumps,
				    VT_MAX_PROGRAMS));
	say(&self->c);
}

/* All of it mixed by chance. */
TEST_F_TIMEOUT(conform, random, LIMIT)
{
	unsigned int programs = setting("VSVM_CONFORM_PROGRAMS", IMAGES * PROGRAMS), n;
	uint64_t seed = setting("VSVM_SEED", variant->seed), insns = 0;

	for (; programs; programs -= n) {
		n = programs < PROGRAMS ? programs : PROGRAMS;
		ASSERT_EQ(0, vt_conform_run(&self->c, self->v, variant->place, seed++,
					    vt_conform_random, n));
		say(&self->c);
		insns += self->c.insns;
	}
	if (!getenv("VSVM_CONFORM_PROGRAMS"))
		EXPECT_LE(WANTED, insns);
}

TEST_HARNESS_MAIN
