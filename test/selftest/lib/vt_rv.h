/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of RV64IMAC, for tests that write programs of the device without an
 * assembler. Those of 16 bits are in the low half of a word.
 */
#ifndef VT_RV_H
#define VT_RV_H

#include <stddef.h>
#include <stdint.h>

#define ZERO	0
#define RA	1
#define SP	2
#define A0	10
#define A1	11
#define A2	12

/* Instructions without operands. */
#define ECALL	0x00000073
#define EBREAK	0x00100073
#define C_EBREAK	0x9002
#define FENCE	0x0ff0000f
#define FENCE_I	0x0000100f

/* The forms that a test fills in. */
#define BRANCH(f3, rs1, rs2, off)					\
	(0x63 | ((off) >> 11 & 1) << 7 | ((off) >> 1 & 0xf) << 8 |	\
	 (f3) << 12 | (rs1) << 15 | (rs2) << 20 |			\
	 ((off) >> 5 & 0x3f) << 25 | (uint32_t)((off) < 0) << 31)
#define JAL(rd, off)							\
	(0x6f | (rd) << 7 | ((off) & 0xff000) | ((off) >> 11 & 1) << 20 | \
	 ((off) >> 1 & 0x3ff) << 21 | (uint32_t)((off) < 0) << 31)
#define OP_I(op, f3, rd, rs1, imm)					\
	((op) | (rd) << 7 | (f3) << 12 | (rs1) << 15 | (uint32_t)(imm) << 20)
#define OP_S(op, f3, rs1, rs2, imm)					\
	((op) | ((imm) & 0x1f) << 7 | (f3) << 12 | (rs1) << 15 |	\
	 (rs2) << 20 | (uint32_t)(imm) >> 5 << 25)
#define OP_R(op, f3, f7, rd, rs1, rs2)					\
	((op) | (rd) << 7 | (f3) << 12 | (rs1) << 15 |			\
	 (rs2) << 20 | (uint32_t)(f7) << 25)
#define OP_U(op, rd, imm20)	((op) | (rd) << 7 | (uint32_t)(imm20) << 12)
#define JALR(rd, rs1, off)	OP_I(0x67, 0, rd, rs1, off)
#define ADDI(rd, rs1, imm)	OP_I(0x13, 0, rd, rs1, imm)
#define ADDIW(rd, rs1, imm)	OP_I(0x1b, 0, rd, rs1, imm)
#define SLLI(rd, rs1, by)	OP_I(0x13, 1, rd, rs1, by)
#define SRLI(rd, rs1, by)	OP_I(0x13, 5, rd, rs1, by)
#define ADD(rd, rs1, rs2)	OP_R(0x33, 0, 0, rd, rs1, rs2)
#define LUI(rd, imm20)		OP_U(0x37, rd, imm20)
#define AUIPC(rd, imm20)	OP_U(0x17, rd, imm20)
#define LOAD_AT(f3, rd, rs1, imm)	OP_I(0x03, f3, rd, rs1, imm)
#define STORE_AT(f3, rs2, rs1, imm)	OP_S(0x23, f3, rs1, rs2, imm)
#define LOAD(f3, rd, rs1)	LOAD_AT(f3, rd, rs1, 0)
#define STORE(f3, rs2, rs1)	STORE_AT(f3, rs2, rs1, 0)
#define AMO(op, f3, rd, rs2, rs1)					\
	OP_R(0x2f, f3, (uint32_t)(op) << 2, rd, rs1, rs2)
#define LR	2
#define SC	3
#define BEQ	0
#define BNE	1
#define LD	3
#define SH	1
#define SW	2
#define SD	3

/* Compressed: a register of three bits is x8 to x15. */
#define C_ADDI(rd, imm)		(0x0001 | ((imm) & 0x20) << 7 | (rd) << 7 | ((imm) & 0x1f) << 2)
#define C_JR(rs1)		(0x8002 | (rs1) << 7)
#define C_JALR(rs1)		(0x9002 | (rs1) << 7)
#define C_MV(rd, rs2)		(0x8002 | (rd) << 7 | (rs2) << 2)
#define C_ADD(rd, rs2)		(0x9002 | (rd) << 7 | (rs2) << 2)
#define C_J(off)							\
	(0xa001 | ((off) >> 11 & 1) << 12 | ((off) >> 4 & 1) << 11 |	\
	 ((off) >> 8 & 3) << 9 | ((off) >> 10 & 1) << 8 |		\
	 ((off) >> 6 & 1) << 7 | ((off) >> 7 & 1) << 6 |		\
	 ((off) >> 1 & 7) << 3 | ((off) >> 5 & 1) << 2)
/* C.BEQZ, or C.BNEZ if @ne. */
#define C_BRANCH(ne, rs1, off)						\
	(0xc001 | (ne) << 13 | ((off) >> 8 & 1) << 12 |			\
	 ((off) >> 3 & 3) << 10 | ((rs1) & 7) << 7 |			\
	 ((off) >> 6 & 3) << 5 | ((off) >> 1 & 3) << 3 |		\
	 ((off) >> 5 & 1) << 2)

/* Puts instructions of 16 and 32 bits behind each other; returns where the next goes. */
static inline uint16_t *vt_rv_emit(uint16_t *at, const uint32_t *insn, size_t nr)
{
	for (; nr; nr--, insn++) {
		*at++ = *insn;
		if ((*insn & 3) == 3)
			*at++ = *insn >> 16;
	}
	return at;
}

#define EMIT(at, ...)							\
	vt_rv_emit(at, (const uint32_t[]){ __VA_ARGS__ },		\
		   sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* What a compressed instruction does. */
enum vt_rv_parcel {
	VT_RV_OTHER,		/* it jumps, is reserved, or of floating point */
	VT_RV_COMPUTES,
	VT_RV_ACCESSES,		/* memory, by the register in bits 9 to 7 */
	VT_RV_STACK,		/* memory, by the stack pointer */
};

enum vt_rv_parcel vt_rv_parcel(uint16_t p);

/* The register that it writes to, if it does not jump or store. */
unsigned int vt_rv_parcel_target(uint16_t p);

#endif /* VT_RV_H */
