// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs by chance: pieces of a few instructions, forward branches over some pieces,
 * loops that are done a known number of times, and stores to instructions that follow.
 *
 * A register of each program is the counter of loops, another is an address in the middle
 * of the scratch area, and the stack pointer may be, too. Nothing writes to them in
 * between. All loads and stores are relative to these, or to an address that is made from
 * any register by taking its low bits.
 */
#include "vt_conform.h"

#define LINK		(g->link)
#define MIDDLE		(VT_SCRATCH + VT_SCRATCH_SIZE / 2)
/* Instructions that a forward branch of 16 bits reaches over, in pieces. */
#define MOST_SKIPPED	4

struct gen {
	struct vt_conform *c;
	unsigned int link;
	unsigned int base;		/* one of x8 to x15 */
	bool stack;			/* the stack pointer is such an address, too */
};

static uint64_t draw(struct gen *g, uint64_t below)
{
	return vt_conform_draw(g->c, below);
}

/* Any register that may be read, and one that may be written. */
static unsigned int any_source(struct gen *g)
{
	return draw(g, 32);
}

static bool is_free(struct gen *g, unsigned int reg)
{
	return reg != g->link && reg != g->base && !(g->stack && reg == SP);
}

static unsigned int any_target(struct gen *g)
{
	unsigned int reg;

	do {
		reg = draw(g, 32);
	} while (!is_free(g, reg));
	return reg;
}

/* One that keeps what is written to it. */
static unsigned int any_temporary(struct gen *g)
{
	unsigned int reg;

	do {
		reg = any_target(g);
	} while (reg == ZERO);
	return reg;
}

/* The same of those that three bits name. */
static unsigned int short_source(struct gen *g)
{
	return 8 + draw(g, 8);
}

static unsigned int short_target(struct gen *g)
{
	unsigned int reg;

	do {
		reg = short_source(g);
	} while (!is_free(g, reg));
	return reg;
}

static int any_imm12(struct gen *g)
{
	return draw(g, 4) ? (int)draw(g, 4096) - 2048 : (int)draw(g, 5) - 2;
}

/* An instruction of 32 bits on registers and immediates. */
static uint32_t any_compute(struct gen *g)
{
	/* opcode, funct3, funct7 */
	static const uint8_t regs[][3] = {
		{ 0x33, 0, 0 }, { 0x33, 1, 0 }, { 0x33, 2, 0 }, { 0x33, 3, 0 },
		{ 0x33, 4, 0 }, { 0x33, 5, 0 }, { 0x33, 6, 0 }, { 0x33, 7, 0 },
		{ 0x33, 0, 0x20 }, { 0x33, 5, 0x20 },
		{ 0x33, 0, 1 }, { 0x33, 1, 1 }, { 0x33, 2, 1 }, { 0x33, 3, 1 },
		{ 0x33, 4, 1 }, { 0x33, 5, 1 }, { 0x33, 6, 1 }, { 0x33, 7, 1 },
		{ 0x3b, 0, 0 }, { 0x3b, 1, 0 }, { 0x3b, 5, 0 },
		{ 0x3b, 0, 0x20 }, { 0x3b, 5, 0x20 },
		{ 0x3b, 0, 1 }, { 0x3b, 4, 1 }, { 0x3b, 5, 1 }, { 0x3b, 6, 1 },
		{ 0x3b, 7, 1 },
	};
	static const uint8_t imms[] = { 0, 2, 3, 4, 6, 7 };
	unsigned int rd = any_target(g), rs1 = any_source(g), rs2 = any_source(g);
	const uint8_t *r = regs[draw(g, VT_COUNT(regs))];
	unsigned int by = draw(g, 64);

	switch (draw(g, 12)) {
	case 0:
	case 1:
		return OP_I(0x13, imms[draw(g, VT_COUNT(imms))], rd, rs1, any_imm12(g));
	case 2:
		return ADDIW(rd, rs1, any_imm12(g));
	case 3:
		return SLLI(rd, rs1, by);
	case 4:
		return OP_I(0x13, 5, rd, rs1, by | draw(g, 2) << 10);
	case 5:
		return OP_I(0x1b, 1, rd, rs1, by / 2);
	case 6:
		return OP_I(0x1b, 5, rd, rs1, by / 2 | draw(g, 2) << 10);
	case 7:
		return OP_U(draw(g, 2) ? 0x37 : 0x17, rd, draw(g, 1 << 20));
	default:
		return OP_R(r[0], r[1], r[2], rd, rs1, rs2);
	}
}

/* The same of 16 bits. */
static uint32_t any_short(struct gen *g)
{
	unsigned int rd = short_target(g) & 7, rs2 = short_source(g) & 7;
	unsigned int any = any_temporary(g), imm = draw(g, 63) + 1, source;
	uint32_t ci = (imm & 0x20) << 7 | (imm & 0x1f) << 2;

	do {
		source = any_source(g);
	} while (source == ZERO);
	switch (draw(g, 12)) {
	case 0:
		return C_ADDI(any, imm);
	case 1:
		return 0x2001 | ci | any << 7;		/* C.ADDIW */
	case 2:
		return 0x4001 | ci | any << 7;		/* C.LI */
	case 3:
		if (any != SP)
			return 0x6001 | ci | any << 7;	/* C.LUI */
		return C_MV(any, source);
	case 4:
		return 0x0002 | ci | any << 7;		/* C.SLLI */
	case 5:
	case 6:			/* C.SRLI, C.SRAI, C.ANDI */
		return 0x8001 | ci | draw(g, 3) << 10 | rd << 7;
	case 7:
		return C_MV(any, source);
	case 8:
		return C_ADD(any, source);
	case 9:			/* C.ADDI4SPN */
		return (draw(g, 255) + 1) << 5 | rd << 2;
	case 10:		/* C.SUBW, C.ADDW */
		return 0x9c01 | draw(g, 2) << 5 | rd << 7 | rs2 << 2;
	default:		/* C.SUB, C.XOR, C.OR, C.AND */
		return 0x8c01 | draw(g, 4) << 5 | rd << 7 | rs2 << 2;
	}
}

static void put_load(struct gen *g, unsigned int from)
{
	VT_PUT(g->c, LOAD_AT(draw(g, 7), any_target(g), from, any_imm12(g)));
}

static void put_store(struct gen *g, unsigned int to)
{
	int imm = any_imm12(g);

	VT_PUT(g->c, STORE_AT(draw(g, 4), any_source(g), to, imm));
}

/* C.LW, C.LD, C.SW, C.SD, and the same of the stack pointer. */
static void put_short_access(struct gen *g)
{
	unsigned int base = g->base & 7, offset = draw(g, 32), bits = draw(g, 64), rd;

	if (g->stack && draw(g, 2)) {
		rd = any_temporary(g);
		switch (draw(g, 4)) {
		case 0:
			VT_PUT(g->c, 0x4002 | (bits & 0x20) << 7 | rd << 7 | (bits & 0x1f) << 2);
			break;
		case 1:
			VT_PUT(g->c, 0x6002 | (bits & 0x20) << 7 | rd << 7 | (bits & 0x1f) << 2);
			break;
		case 2:
			VT_PUT(g->c, 0xc002 | bits << 7 | any_source(g) << 2);
			break;
		default:
			VT_PUT(g->c, 0xe002 | bits << 7 | any_source(g) << 2);
		}
		return;
	}
	offset = (offset & 0x1c) << 8 | (offset & 3) << 5;
	switch (draw(g, 4)) {
	case 0:
		VT_PUT(g->c, 0x4000 | offset | base << 7 | (short_target(g) & 7) << 2);
		break;
	case 1:
		VT_PUT(g->c, 0x6000 | offset | base << 7 | (short_target(g) & 7) << 2);
		break;
	case 2:
		VT_PUT(g->c, 0xc000 | offset | base << 7 | (short_source(g) & 7) << 2);
		break;
	default:
		VT_PUT(g->c, 0xe000 | offset | base << 7 | (short_source(g) & 7) << 2);
	}
}

/* An address in the scratch area around the base, a multiple of 1 << @shift. */
static unsigned int put_address(struct gen *g, unsigned int shift)
{
	unsigned int at = any_temporary(g);

	VT_PUT(g->c, SLLI(at, any_source(g), 49 + shift), SRLI(at, at, 49));
	VT_PUT(g->c, ADD(at, at, g->base));
	if (!shift)
		return at;
	/* The base may be odd. */
	VT_PUT(g->c, SRLI(at, at, shift), SLLI(at, at, shift));
	return at;
}

static void put_access(struct gen *g)
{
	unsigned int at = put_address(g, 0);

	if (draw(g, 2))
		put_load(g, at);
	else
		put_store(g, at);
}

static unsigned int any_target_but(struct gen *g, unsigned int but)
{
	unsigned int reg;

	do {
		reg = any_target(g);
	} while (reg == but);
	return reg;
}

/* LR, and what may be before an SC. */
static void put_reserve(struct gen *g, unsigned int f3, unsigned int at, uint32_t order)
{
	VT_PUT(g->c, AMO(LR, f3, any_target_but(g, at), ZERO, at) | order);
	if (draw(g, 2))
		VT_PUT(g->c, ADD(any_target_but(g, at), any_source(g), any_source(g)));
	if (draw(g, 4) == 0)
		VT_PUT(g->c, STORE(f3, any_source(g), at));
}

static void put_atomic(struct gen *g)
{
	static const uint8_t ops[] = { 0, 1, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c };
	unsigned int f3 = 2 + draw(g, 2), at = put_address(g, f3), what = draw(g, 6);
	uint32_t op = ops[draw(g, VT_COUNT(ops))], order = draw(g, 4) << 25;

	if (what == 0)
		put_reserve(g, f3, at, order);
	/* One without LR does nothing. */
	if (what < 2)
		op = SC;
	VT_PUT(g->c, AMO(op, f3, any_target(g), any_source(g), at) | order);
}

/* What does not change the program counter. */
static void put_piece(struct gen *g)
{
	switch (draw(g, 20)) {
	case 0:
	case 1:
		put_load(g, g->base);
		break;
	case 2:
		put_store(g, g->base);
		break;
	case 3:
	case 4:
		put_short_access(g);
		break;
	case 5:
	case 6:
		put_access(g);
		break;
	case 7:
		put_atomic(g);
		break;
	case 8:
		VT_PUT(g->c, draw(g, 8) ? (uint32_t)FENCE : (uint32_t)FENCE_I);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		VT_PUT(g->c, any_short(g));
		break;
	default:
		VT_PUT(g->c, any_compute(g));
	}
}

/* A jump of @form over @len bytes that follow it. */
static uint32_t jump(unsigned int form, unsigned int reg,
		     unsigned int other, int len)
{
	static const uint8_t conditions[] = { 0, 1, 4, 5, 6, 7 };

	switch (form) {
	case 0:
		return C_BRANCH(reg & 1, other, len + 2);
	case 1:
		return C_J(len + 2);
	case 2:
		return JAL(reg, len + 4);
	default:
		return BRANCH(conditions[form % 6], reg, other, len + 4);
	}
}

/* By a register: AUIPC, ADDI and one of C.JR, C.JALR, JALR. */
static void put_register_jump(struct gen *g)
{
	unsigned int at = any_temporary(g), form = draw(g, 3), odd = draw(g, 2), n;
	struct vt_conform *c = g->c;
	size_t begin = c->at;
	uint64_t weight = c->weight;
	int len;

	VT_PUT(c, AUIPC(at, 0), ADDI(at, at, 0));
	if (form == 0)
		VT_PUT(c, C_JR(at));
	else if (form == 1)
		VT_PUT(c, C_JALR(at));
	else
		VT_PUT(c, JALR(any_target(g), at, -16));
	c->weight = 0;
	for (n = draw(g, MOST_SKIPPED); n; n--)
		put_piece(g);
	c->weight = weight;
	len = c->at - begin + odd + (form == 2 ? 16 : 0);
	vt_conform_patch(c, begin + 4, ADDI(at, at, len));
}

static void put_jump(struct gen *g)
{
	unsigned int form = draw(g, 12), reg = any_source(g), other = any_source(g), n;
	struct vt_conform *c = g->c;
	uint64_t weight = c->weight;
	size_t begin, behind;

	if (draw(g, 4) == 0) {
		put_register_jump(g);
		return;
	}
	if (form == 0)
		other = short_source(g);
	if (form == 2)
		reg = any_target(g);
	begin = c->at;
	VT_PUT(c, jump(form, reg, other, 0));
	behind = c->at;
	c->weight = 0;
	for (n = draw(g, MOST_SKIPPED) + 1; n; n--)
		put_piece(g);
	vt_conform_patch(c, begin, jump(form, reg, other, c->at - behind));
	c->weight = weight;
}

static void put_pieces(struct gen *g, unsigned int n)
{
	for (; n; n--) {
		if (draw(g, 6) == 0)
			put_jump(g);
		else
			put_piece(g);
	}
}

static void put_loop(struct gen *g)
{
	struct vt_conform *c = g->c;
	unsigned int n = draw(g, 60) + 2;
	size_t begin;
	int back;

	VT_PUT(c, ADDI(LINK, ZERO, n));
	c->weight = n;
	begin = c->at;
	put_pieces(g, draw(g, 14) + 2);
	VT_PUT(c, draw(g, 2) ? C_ADDI(LINK, -1) : (uint32_t)ADDI(LINK, LINK, -1));
	back = (int)begin - (int)c->at;
	if (LINK >= 8 && LINK < 16 && back >= -256)
		VT_PUT(c, C_BRANCH(1, LINK, back));
	else
		VT_PUT(c, BRANCH(BNE, LINK, ZERO, back));
	c->weight = 1;
}

/* Stores an instruction over one that is done a little later. */
static void put_change(struct gen *g)
{
	struct vt_conform *c = g->c;
	bool is_short = draw(g, 2);
	uint32_t was = is_short ? any_short(g) : any_compute(g);
	uint32_t becomes = is_short ? any_short(g) : any_compute(g);
	unsigned int word = any_temporary(g), at = any_temporary(g);
	size_t address, end;

	while (at == word)
		at = any_temporary(g);
	vt_conform_li(c, word, becomes);
	address = c->at;
	vt_conform_la(c, at, 0);
	VT_PUT(c, STORE(is_short ? SH : SW, word, at), FENCE_I);
	put_pieces(g, draw(g, 3));
	end = c->at;
	c->at = address;
	vt_conform_la(c, at, end);
	c->insns -= 2 * c->weight;
	c->at = end;
	VT_PUT(c, was);
}

static void put_program(struct vt_conform *c)
{
	struct gen g = { .c = c };
	unsigned int i, n;
	uint64_t x[32];

	g.base = short_source(&g);
	do {
		g.link = 3 + draw(&g, 29);
	} while (g.link == g.base);
	g.stack = draw(&g, 2);
	for (i = 0; i < 32; i++)
		x[i] = vt_conform_number(c);
	x[g.base] = VT_IMAGE + MIDDLE - VT_PAGE + draw(&g, VT_PAGE);
	if (g.stack)
		x[SP] = VT_IMAGE + MIDDLE + draw(&g, VT_PAGE);
	vt_conform_begin(c, g.link, x);
	for (n = draw(&g, 4) + 2; n; n--) {
		put_pieces(&g, draw(&g, 12));
		if (draw(&g, 4))
			put_loop(&g);
		else if (draw(&g, 4) == 0)
			put_change(&g);
	}
	vt_conform_end(c, g.link);
}

void vt_conform_random(struct vt_conform *c)
{
	while (c->programs < c->wanted)
		put_program(c);
}
