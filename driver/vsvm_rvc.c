// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compressed instructions of RV64: each is another way to write one of 32 bits.
 *
 * Lifetime: a call. Locks: none.
 */
#include <linux/bits.h>
#include <linux/bitops.h>

#include "vsvm_rv.h"

#define OP_LOAD		0x03U
#define OP_IMM		0x13U
#define OP_IMM_32	0x1bU
#define OP_STORE	0x23U
#define OP_REG		0x33U
#define OP_LUI		0x37U
#define OP_REG_32	0x3bU
#define OP_BRANCH	0x63U
#define OP_JALR		0x67U
#define OP_JAL		0x6fU
#define EBREAK		0x00100073U

#define ZERO	0U
#define RA	1U
#define SP	2U

/* Bits @high to @low of a parcel, at bit @to of the value. */
static inline u32 put(u16 parcel, unsigned int high, unsigned int low,
		      unsigned int to)
{
	return (parcel >> low & ((2U << (high - low)) - 1)) << to;
}

/* One of the eight registers that three bits can name. */
static u32 reg3(u16 p, unsigned int low)
{
	return 8 + put(p, low + 2, low, 0);
}

static u32 type_i(u32 op, u32 funct3, u32 rd, u32 rs1, u32 imm)
{
	return op | rd << 7 | funct3 << 12 | rs1 << 15 | (imm & 0xfff) << 20;
}

static u32 type_s(u32 op, u32 funct3, u32 rs1, u32 rs2, u32 imm)
{
	return op | (imm & 0x1f) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 |
	       (imm >> 5 & 0x7f) << 25;
}

static u32 type_r(u32 op, u32 funct3, u32 funct7, u32 rd, u32 rs1, u32 rs2)
{
	return op | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
}

static u32 type_b(u32 funct3, u32 rs1, u32 rs2, u32 imm)
{
	return OP_BRANCH | (imm >> 11 & 1) << 7 | (imm >> 1 & 0xf) << 8 |
	       funct3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5 & 0x3f) << 25 |
	       (imm >> 12 & 1) << 31;
}

static u32 type_j(u32 rd, u32 imm)
{
	return OP_JAL | rd << 7 | (imm & 0xff000) | (imm >> 11 & 1) << 20 |
	       (imm >> 1 & 0x3ff) << 21 | (imm >> 20 & 1) << 31;
}

/* The sign-extended immediate in bits 12 and 6 to 2. */
static u32 imm6(u16 p)
{
	return sign_extend32(put(p, 12, 12, 5) | put(p, 6, 2, 0), 5);
}

static u32 shamt(u16 p)
{
	return put(p, 12, 12, 5) | put(p, 6, 2, 0);
}

/* Offsets of words and double words from a register, and from the stack pointer. */
static u32 off_w(u16 p)
{
	return put(p, 12, 10, 3) | put(p, 6, 6, 2) | put(p, 5, 5, 6);
}

static u32 off_d(u16 p)
{
	return put(p, 12, 10, 3) | put(p, 6, 5, 6);
}

static u32 expand_0(u16 p)
{
	u32 imm;

	switch (p >> 13) {
	case 0:	/* C.ADDI4SPN */
		imm = put(p, 12, 11, 4) | put(p, 10, 7, 6) | put(p, 6, 6, 2) |
		      put(p, 5, 5, 3);
		return imm ? type_i(OP_IMM, 0, reg3(p, 2), SP, imm) : 0;
	case 2:	/* C.LW */
		return type_i(OP_LOAD, 2, reg3(p, 2), reg3(p, 7), off_w(p));
	case 3:	/* C.LD */
		return type_i(OP_LOAD, 3, reg3(p, 2), reg3(p, 7), off_d(p));
	case 6:	/* C.SW */
		return type_s(OP_STORE, 2, reg3(p, 7), reg3(p, 2), off_w(p));
	case 7:	/* C.SD */
		return type_s(OP_STORE, 3, reg3(p, 7), reg3(p, 2), off_d(p));
	default:
		return 0;
	}
}

static u32 expand_alu(u16 p)
{
	u32 rd = reg3(p, 7), rs2 = reg3(p, 2);

	switch (put(p, 11, 10, 0)) {
	case 0:	/* C.SRLI */
		return type_i(OP_IMM, 5, rd, rd, shamt(p));
	case 1:	/* C.SRAI */
		return type_i(OP_IMM, 5, rd, rd, shamt(p) | 0x400);
	case 2:	/* C.ANDI */
		return type_i(OP_IMM, 7, rd, rd, imm6(p));
	}
	switch (put(p, 12, 12, 2) | put(p, 6, 5, 0)) {
	case 0:	/* C.SUB */
		return type_r(OP_REG, 0, 0x20, rd, rd, rs2);
	case 1:	/* C.XOR */
		return type_r(OP_REG, 4, 0, rd, rd, rs2);
	case 2:	/* C.OR */
		return type_r(OP_REG, 6, 0, rd, rd, rs2);
	case 3:	/* C.AND */
		return type_r(OP_REG, 7, 0, rd, rd, rs2);
	case 4:	/* C.SUBW */
		return type_r(OP_REG_32, 0, 0x20, rd, rd, rs2);
	case 5:	/* C.ADDW */
		return type_r(OP_REG_32, 0, 0, rd, rd, rs2);
	default:
		return 0;
	}
}

static u32 expand_1(u16 p)
{
	u32 rd = put(p, 11, 7, 0), imm;

	switch (p >> 13) {
	case 0:	/* C.NOP, C.ADDI */
		return type_i(OP_IMM, 0, rd, rd, imm6(p));
	case 1:	/* C.ADDIW */
		return rd ? type_i(OP_IMM_32, 0, rd, rd, imm6(p)) : 0;
	case 2:	/* C.LI */
		return type_i(OP_IMM, 0, rd, ZERO, imm6(p));
	case 3:	/* C.ADDI16SP, C.LUI */
		if (!shamt(p))
			return 0;
		if (rd != SP)
			return OP_LUI | rd << 7 | imm6(p) << 12;
		imm = sign_extend32(put(p, 12, 12, 9) | put(p, 6, 6, 4) |
				    put(p, 5, 5, 6) | put(p, 4, 3, 7) |
				    put(p, 2, 2, 5), 9);
		return type_i(OP_IMM, 0, SP, SP, imm);
	case 4:
		return expand_alu(p);
	case 5:	/* C.J */
		imm = sign_extend32(put(p, 12, 12, 11) | put(p, 11, 11, 4) |
				    put(p, 10, 9, 8) | put(p, 8, 8, 10) |
				    put(p, 7, 7, 6) | put(p, 6, 6, 7) |
				    put(p, 5, 3, 1) | put(p, 2, 2, 5), 11);
		return type_j(ZERO, imm);
	default:	/* C.BEQZ, C.BNEZ */
		imm = sign_extend32(put(p, 12, 12, 8) | put(p, 11, 10, 3) |
				    put(p, 6, 5, 6) | put(p, 4, 3, 1) |
				    put(p, 2, 2, 5), 8);
		return type_b(p >> 13 & 1, reg3(p, 7), ZERO, imm);
	}
}

static u32 expand_jumps(u16 p)
{
	u32 rd = put(p, 11, 7, 0), rs2 = put(p, 6, 2, 0);
	bool link = p & BIT(12);

	if (rs2)	/* C.MV, C.ADD */
		return type_r(OP_REG, 0, 0, rd, link ? rd : ZERO, rs2);
	if (rd)		/* C.JR, C.JALR */
		return type_i(OP_JALR, 0, link ? RA : ZERO, rd, 0);
	return link ? EBREAK : 0;
}

static u32 expand_2(u16 p)
{
	u32 rd = put(p, 11, 7, 0), rs2 = put(p, 6, 2, 0), off;

	switch (p >> 13) {
	case 0:	/* C.SLLI */
		return type_i(OP_IMM, 1, rd, rd, shamt(p));
	case 2:	/* C.LWSP */
		off = put(p, 12, 12, 5) | put(p, 6, 4, 2) | put(p, 3, 2, 6);
		return rd ? type_i(OP_LOAD, 2, rd, SP, off) : 0;
	case 3:	/* C.LDSP */
		off = put(p, 12, 12, 5) | put(p, 6, 5, 3) | put(p, 4, 2, 6);
		return rd ? type_i(OP_LOAD, 3, rd, SP, off) : 0;
	case 4:
		return expand_jumps(p);
	case 6:	/* C.SWSP */
		off = put(p, 12, 9, 2) | put(p, 8, 7, 6);
		return type_s(OP_STORE, 2, SP, rs2, off);
	case 7:	/* C.SDSP */
		off = put(p, 12, 10, 3) | put(p, 9, 7, 6);
		return type_s(OP_STORE, 3, SP, rs2, off);
	default:
		return 0;
	}
}

/**
 * vsvm_rv_expand() - find the instruction that a compressed one stands for
 * @parcel: 16 bits, of which the two lowest are not both set
 *
 * Return: the instruction of 32 bits; 0, which is none: there is no such one.
 */
u32 vsvm_rv_expand(u16 parcel)
{
	switch (parcel & 3) {
	case 0:
		return expand_0(parcel);
	case 1:
		return expand_1(parcel);
	default:
		return expand_2(parcel);
	}
}
