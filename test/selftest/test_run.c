// SPDX-License-Identifier: GPL-2.0-only
/*
 * RUN: programs of the process, in RV64IMAC, on the device.
 *
 * Each instruction does what the manual says, in both lengths; a program that cannot go on
 * makes its queue lost with the place and the cause. Memory may move while a program uses
 * it, and so may the program.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"
#include "vt_queue.h"
#include "vt_rv.h"

#define SEED	261
#define MAX	(~0ULL)
#define TOP	(1ULL << 63)
#define NEG(word)	((uint64_t)(int64_t)(int32_t)(word))

#define BUDGET	100000000ULL

FIXTURE(run)
{
	struct vsvm *v;
	struct vt_queue q;
	uint16_t *code;
	char *mem;
	uint64_t *args;		/* in a page of their own, and behind them the result */
	struct drm_vsvm_queue_status s;
};

FIXTURE_SETUP(run)
{
	ASSERT_EQ(0, vt_open_filled(&self->v, &self->mem, VT_HUGE, VT_SMALL, SEED,
				    false));
	self->code = vt_map(VT_HUGE, VT_SMALL);
	self->args = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->code);
	ASSERT_NE(NULL, self->args);
	memset(self->args, 0, VT_PAGE);
	ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 64));
}

VT_TEARDOWN_CLOSE(run)

#define RESULT	8	/* its place behind the arguments */

/* Runs what is at self->code with two arguments: 0, and the result. */
static int run(FIXTURE_DATA(run) *self, uint64_t a, uint64_t b, uint64_t *result)
{
	self->args[0] = a;
	self->args[1] = b;
	if (vt_do_one(&self->q, vsvm_cmd_run(self->code, self->mem + VT_HUGE,
					     self->args, BUDGET,
					     &self->args[RESULT])))
		return -1;
	*result = self->args[RESULT];
	return 0;
}

/* Runs a program that the queue is lost by: 0, and self->s says why. */
static int is_lost(FIXTURE_DATA(run) *self, const void *pc, uint64_t a,
		   uint64_t budget)
{
	self->args[0] = a;
	if (vt_submit_one(&self->q, vsvm_cmd_run(pc, self->mem + VT_HUGE, self->args,
						 budget, NULL)) ||
	    vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_LOST))
		return -1;
	return vt_queue_status(&self->q, &self->s);
}

static const struct insn {
	const char *text;
	uint32_t insn;
	uint64_t a;
	uint64_t b;
	uint64_t result;
} insns[] = {
	{ "add a0, a0, a1", 0x00b50533, MAX, 2, 1 },
	{ "sub a0, a0, a1", 0x40b50533, 1, 2, MAX },
	{ "sll a0, a0, a1", 0x00b51533, 1, 127, TOP },
	{ "slt a0, a0, a1", 0x00b52533, MAX, 0, 1 },
	{ "slt a0, a0, a1", 0x00b52533, 0, MAX, 0 },
	{ "sltu a0, a0, a1", 0x00b53533, MAX, 0, 0 },
	{ "sltu a0, a0, a1", 0x00b53533, 0, MAX, 1 },
	{ "xor a0, a0, a1", 0x00b54533, 0xff00, 0x0ff0, 0xf0f0 },
	{ "srl a0, a0, a1", 0x00b55533, TOP, 63, 1 },
	{ "sra a0, a0, a1", 0x40b55533, TOP, 62, MAX - 1 },
	{ "or a0, a0, a1", 0x00b56533, 0xff00, 0x0ff0, 0xfff0 },
	{ "and a0, a0, a1", 0x00b57533, 0xff00, 0x0ff0, 0x0f00 },
	{ "addi a0, a1, -2048", 0x80058513, 5, 2047, MAX },
	{ "addi a0, a1, 2047", 0x7ff58513, 5, 1, 2048 },
	{ "slti a0, a1, -1", 0xfff5a513, 0, MAX - 1, 1 },
	{ "sltiu a0, a1, -1", 0xfff5b513, 0, MAX - 1, 1 },
	{ "sltiu a0, a1, 1", 0x0015b513, 0, 0, 1 },
	{ "xori a0, a1, -1", 0xfff5c513, 0, 0x0f, MAX - 0x0f },
	{ "ori a0, a1, 0x700", 0x7005e513, 0, 0x0f, 0x70f },
	{ "andi a0, a1, -16", 0xff05f513, 0, 0xff, 0xf0 },
	{ "slli a0, a1, 63", 0x03f59513, 0, 3, TOP },
	{ "srli a0, a1, 33", 0x0215d513, 0, MAX, 0x7fffffff },
	{ "srai a0, a1, 63", 0x43f5d513, 0, TOP, MAX },
	{ "addw a0, a0, a1", 0x00b5053b, 0x7fffffff, 1, NEG(0x80000000) },
	{ "subw a0, a0, a1", 0x40b5053b, 0, 0x100000001, MAX },
	{ "sllw a0, a0, a1", 0x00b5153b, 1, 63, NEG(0x80000000) },
	{ "srlw a0, a0, a1", 0x00b5553b, NEG(0x80000000), 31, 1 },
	{ "srlw a0, a0, a1", 0x00b5553b, NEG(0x80000000), 32, NEG(0x80000000) },
	{ "sraw a0, a0, a1", 0x40b5553b, 0x80000000, 31, MAX },
	{ "addiw a0, a1, 1", 0x0015851b, 0, 0x17fffffff, NEG(0x80000000) },
	{ "slliw a0, a1, 31", 0x01f5951b, 0, 3, NEG(0x80000000) },
	{ "srliw a0, a1, 4", 0x0045d51b, 0, MAX, 0x0fffffff },
	{ "sraiw a0, a1, 4", 0x4045d51b, 0, 0x80000000, NEG(0xf8000000) },
	{ "lui a0, 0x80000", 0x80000537, 0, 0, NEG(0x80000000) },
	{ "lui a0, 0x7ffff", 0x7ffff537, 0, 0, 0x7ffff000 },
	{ "mul a0, a0, a1", 0x02b50533, MAX, MAX, 1 },
	{ "mulh a0, a0, a1", 0x02b51533, TOP, TOP, TOP >> 1 },
	{ "mulh a0, a0, a1", 0x02b51533, MAX, 2, MAX },
	{ "mulhsu a0, a0, a1", 0x02b52533, MAX, MAX, MAX },
	{ "mulhsu a0, a0, a1", 0x02b52533, 2, MAX, 1 },
	{ "mulhu a0, a0, a1", 0x02b53533, MAX, MAX, MAX - 1 },
	{ "div a0, a0, a1", 0x02b54533, MAX - 6, 2, MAX - 2 },
	{ "div a0, a0, a1", 0x02b54533, 7, 0, MAX },
	{ "div a0, a0, a1", 0x02b54533, TOP, MAX, TOP },
	{ "divu a0, a0, a1", 0x02b55533, MAX, 2, TOP - 1 },
	{ "divu a0, a0, a1", 0x02b55533, 7, 0, MAX },
	{ "rem a0, a0, a1", 0x02b56533, MAX - 6, 2, MAX },
	{ "rem a0, a0, a1", 0x02b56533, 7, 0, 7 },
	{ "rem a0, a0, a1", 0x02b56533, TOP, MAX, 0 },
	{ "remu a0, a0, a1", 0x02b57533, MAX, 16, 15 },
	{ "remu a0, a0, a1", 0x02b57533, 7, 0, 7 },
	{ "mulw a0, a0, a1", 0x02b5053b, 0x80000000, 3, NEG(0x80000000) },
	{ "divw a0, a0, a1", 0x02b5453b, NEG(0x80000000), MAX, NEG(0x80000000) },
	{ "divw a0, a0, a1", 0x02b5453b, 7, 0x100000000, MAX },
	{ "divuw a0, a0, a1", 0x02b5553b, MAX, 2, 0x7fffffff },
	{ "divuw a0, a0, a1", 0x02b5553b, 7, 0, MAX },
	{ "remw a0, a0, a1", 0x02b5653b, NEG(0x80000000), MAX, 0 },
	{ "remw a0, a0, a1", 0x02b5653b, MAX - 6, 4, MAX - 2 },
	{ "remuw a0, a0, a1", 0x02b5753b, MAX, 16, 15 },
	{ "remuw a0, a0, a1", 0x02b5753b, 0x80000000, 0, NEG(0x80000000) },
	{ "c.addi a0, -3", 0x00001575, 5, 0, 2 },
	{ "c.addiw a0, 1", 0x00002505, 0x7fffffff, 0, NEG(0x80000000) },
	{ "c.li a0, -32", 0x00005501, 0, 0, MAX - 31 },
	{ "c.lui a0, 0xfffe0", 0x00007501, 0, 0, NEG(0xfffe0000) },
	{ "c.lui a0, 31", 0x0000657d, 0, 0, 31 << 12 },
	{ "c.slli a0, 40", 0x00001522, 1, 0, 1ULL << 40 },
	{ "c.srli a0, 40", 0x00009121, MAX, 0, 0xffffff },
	{ "c.srai a0, 40", 0x00009521, TOP, 0, NEG(0xff800000) },
	{ "c.andi a0, -8", 0x00009961, 0xff, 0, 0xf8 },
	{ "c.mv a0, a1", 0x0000852e, 1, 77, 77 },
	{ "c.add a0, a1", 0x0000952e, 5, MAX, 4 },
	{ "c.sub a0, a1", 0x00008d0d, 5, 7, MAX - 1 },
	{ "c.xor a0, a1", 0x00008d2d, 5, 7, 2 },
	{ "c.or a0, a1", 0x00008d4d, 5, 7, 7 },
	{ "c.and a0, a1", 0x00008d6d, 5, 6, 4 },
	{ "c.subw a0, a1", 0x00009d0d, 0x100000000, 1, MAX },
	{ "c.addw a0, a1", 0x00009d2d, 0x7fffffff, 1, NEG(0x80000000) },
};

/* Of registers and immediates: a0 and a1 are as in the table, and a0 is what it says. */
TEST_F_TIMEOUT(run, computes, VT_LONG)
{
	uint64_t result = 0;
	size_t i;

	for (i = 0; i < VT_COUNT(insns); i++) {
		EMIT(self->code, insns[i].insn, ECALL);
		ASSERT_EQ(0, run(self, insns[i].a, insns[i].b, &result));
		EXPECT_EQ(insns[i].result, result)
			TH_LOG("%s", insns[i].text);
	}
	ASSERT_EQ(0, vt_queue_status(&self->q, &self->s));
	EXPECT_EQ(result, self->s.returned);
	EXPECT_EQ(0, self->s.pc);
}

/* The same loads as the CPU does, of each size, at each place around a page's end. */
TEST_F_TIMEOUT(run, loads, VT_LONG)
{
	char *at, *end = self->mem + VT_PAGE;
	uint64_t result, want;
	unsigned int f3, size;
	int shift;

	for (f3 = 0; f3 < 7; f3++) {
		size = 1 << (f3 & 3);
		EMIT(self->code, LOAD(f3, A0, A0), ECALL);
		for (at = end - 9; at <= end + 1; at++) {
			want = 0;
			memcpy(&want, at, size);
			shift = 64 - 8 * size;
			if (f3 < 4)
				want = (int64_t)(want << shift) >> shift;
			ASSERT_EQ(0, run(self, (uintptr_t)at, 0, &result));
			EXPECT_EQ(want, result);
		}
	}
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

TEST_F_TIMEOUT(run, stores, VT_LONG)
{
	char *at, *end = self->mem + VT_PAGE, was[32];
	uint64_t result, value = 0x8796a5b4c3d2e1f0;
	unsigned int f3;

	for (f3 = 0; f3 < 4; f3++) {
		EMIT(self->code, STORE(f3, A1, A0), ECALL);
		for (at = end - 9; at <= end + 1; at++) {
			memcpy(was, end - 16, sizeof(was));
			memcpy(was + (at - (end - 16)), &value, 1 << f3);
			ASSERT_EQ(0, run(self, (uintptr_t)at, value, &result));
			EXPECT_EQ(0, memcmp(was, end - 16, sizeof(was)));
		}
	}
}

/* Compressed loads and stores, and those relative to the stack pointer. */
TEST_F(run, short_loads_and_stores)
{
	uint64_t *top = (uint64_t *)(self->mem + VT_HUGE - 64), result;

	EMIT(self->code,
	     0x7139,		/* c.addi16sp sp, -64 */
	     0xe42e,		/* c.sdsp a1, 8(sp) */
	     0xca2e,		/* c.swsp a1, 20(sp) */
	     0x0808,		/* c.addi4spn a0, sp, 16 */
	     0x414c,		/* c.lw a1, 4(a0) */
	     0xc50c,		/* c.sw a1, 8(a0) */
	     0xe90c,		/* c.sd a1, 16(a0) */
	     0x6508,		/* c.ld a0, 8(a0) */
	     0x4552,		/* c.lwsp a0, 20(sp) */
	     0x65a2,		/* c.ldsp a1, 8(sp) */
	     0x95aa,		/* c.add a1, a0 */
	     0x852e,		/* c.mv a0, a1 */
	     ECALL);
	memset(top, 0, 64);
	ASSERT_EQ(0, run(self, 0, 0x180000001, &result));
	EXPECT_EQ(0x180000001 + NEG(0x80000001), result);
	EXPECT_EQ(0x180000001, top[1]);
	EXPECT_EQ(0x80000001ULL << 32, top[2]);
	EXPECT_EQ(0x80000001, top[3]);
	EXPECT_EQ(NEG(0x80000001), top[4]);
}

static bool taken(unsigned int f3, uint64_t a, uint64_t b)
{
	switch (f3) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 4:
		return (int64_t)a < (int64_t)b;
	case 5:
		return (int64_t)a >= (int64_t)b;
	case 6:
		return a < b;
	default:
		return a >= b;
	}
}

TEST_F_TIMEOUT(run, branches, VT_LONG)
{
	static const uint64_t values[] = { 0, 1, MAX, TOP };
	uint64_t result;
	unsigned int f3, i;

	for (f3 = 0; f3 < 8; f3++) {
		if (f3 == 2 || f3 == 3)
			continue;
		/* Forwards, and then backwards. */
		EMIT(self->code, BRANCH(f3, A0, A1, 12),
		     ADDI(A0, ZERO, 0), ECALL,
		     BRANCH(f3, A0, A1, 12), EBREAK, ADDI(A0, ZERO, 7),
		     BRANCH(BEQ, ZERO, ZERO, 12), ADDI(A0, ZERO, 1), ECALL,
		     BRANCH(BEQ, ZERO, ZERO, -8));
		for (i = 0; i < 16; i++) {
			ASSERT_EQ(0, run(self, values[i / 4], values[i % 4],
					 &result));
			EXPECT_EQ(taken(f3, values[i / 4], values[i % 4]), result);
		}
	}
}

/* Calls and returns of both lengths link to what is behind them. */
TEST_F(run, jumps)
{
	uint64_t result;

	EMIT(self->code,
	     JAL(RA, 12),		/* +0: to +12 */
	     ADD(A0, A0, RA),		/* +4 */
	     ECALL,			/* +8 */
	     JALR(ZERO, RA, 0));	/* +12 */
	ASSERT_EQ(0, run(self, 5, 0, &result));
	EXPECT_EQ((uintptr_t)self->code + 4 + 5, result);
	EMIT(self->code,
	     0x9582,			/* c.jalr a1: to +8 */
	     0x9506,			/* c.add a0, ra */
	     ECALL,			/* +4 */
	     0x8082);			/* +8: c.jr ra */
	ASSERT_EQ(0, run(self, 5, (uintptr_t)self->code + 8, &result));
	EXPECT_EQ((uintptr_t)self->code + 2 + 5, result);
	/* The lowest bit of a target is not looked at, a register may be both. */
	EMIT(self->code, JALR(A1, A1, 1), EBREAK, ADD(A0, A1, ZERO), ECALL);
	ASSERT_EQ(0, run(self, 0, (uintptr_t)self->code + 8, &result));
	EXPECT_EQ((uintptr_t)self->code + 4, result);
	EMIT(self->code,
	     0xa011,			/* c.j +4 */
	     C_EBREAK,
	     0xc111,			/* c.beqz a0, +4 */
	     C_EBREAK,
	     0xe191,			/* c.bnez a1, +4 */
	     C_EBREAK,
	     0x00000517,		/* auipc a0, 0: +12 */
	     ECALL);
	ASSERT_EQ(0, run(self, 0, 1, &result));
	EXPECT_EQ((uintptr_t)self->code + 12, result);
}

static uint64_t amo(unsigned int op, uint64_t old, uint64_t b, bool word)
{
	int64_t s = word ? (int64_t)NEG(old) : (int64_t)old;
	int64_t t = word ? (int64_t)NEG(b) : (int64_t)b;
	uint64_t u = word ? (uint32_t)old : old, w = word ? (uint32_t)b : b;

	switch (op) {
	case 0x00:
		return old + b;
	case 0x01:
		return b;
	case 0x04:
		return old ^ b;
	case 0x08:
		return old | b;
	case 0x0c:
		return old & b;
	case 0x10:
		return s < t ? old : b;
	case 0x14:
		return s > t ? old : b;
	case 0x18:
		return u < w ? old : b;
	default:
		return u > w ? old : b;
	}
}

TEST_F_TIMEOUT(run, atomics, VT_LONG)
{
	static const unsigned int ops[] = { 0, 1, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c };
	static const uint64_t values[] = { 3, MAX - 1, 0x80000000, TOP, 0x17fffffff };
	uint64_t *word = (uint64_t *)self->mem, old, b, want, result;
	unsigned int i, k;

	for (i = 0; i < VT_COUNT(ops); i++) {
		for (k = 0; k < 2 * VT_COUNT(values) * VT_COUNT(values); k++) {
			bool small = k % 2;

			old = values[k / 2 % VT_COUNT(values)];
			b = values[k / 2 / VT_COUNT(values)];
			want = amo(ops[i], old, b, small);
			if (small)
				want = (old & ~0xffffffffULL) | (uint32_t)want;
			*word = old;
			EMIT(self->code, AMO(ops[i], small ? 2 : 3, A0, A1, A0), ECALL);
			ASSERT_EQ(0, run(self, (uintptr_t)word, b, &result));
			EXPECT_EQ(want, *word);
			EXPECT_EQ(small ? NEG(old) : old, result);
		}
	}
}

/* SC stores if the word is what LR read, and only once. */
TEST_F(run, load_reserved_store_conditional)
{
	uint64_t *word = (uint64_t *)self->mem, result;

	*word = 5;
	EMIT(self->code, AMO(LR, 3, A2, ZERO, A0), AMO(SC, 3, A2, A1, A0),
	     ADDI(A0, A2, 0), ECALL);
	ASSERT_EQ(0, run(self, (uintptr_t)word, 6, &result));
	EXPECT_EQ(0, result);
	EXPECT_EQ(6, *word);
	/* Changed in between. */
	EMIT(self->code, AMO(LR, 3, A2, ZERO, A0), STORE(SD, ZERO, A0),
	     AMO(SC, 3, A0, A1, A0), ECALL);
	ASSERT_EQ(0, run(self, (uintptr_t)word, 7, &result));
	EXPECT_EQ(1, result);
	EXPECT_EQ(0, *word);
	/* Without LR, and for another size. */
	EMIT(self->code, AMO(SC, 3, A0, A1, A0), ECALL);
	ASSERT_EQ(0, run(self, (uintptr_t)word, 7, &result));
	EXPECT_EQ(1, result);
	EMIT(self->code, AMO(LR, 2, A2, ZERO, A0), AMO(SC, 3, A0, A1, A0), ECALL);
	ASSERT_EQ(0, run(self, (uintptr_t)word, 7, &result));
	EXPECT_EQ(1, result);
	EMIT(self->code, AMO(LR, 2, A2, ZERO, A0), AMO(SC, 2, A2, A1, A0),
	     AMO(SC, 2, A0, ZERO, A0), ECALL);
	ASSERT_EQ(0, run(self, (uintptr_t)word, 7, &result));
	EXPECT_EQ(1, result);
	EXPECT_EQ(7, *word);
}

/* What a program stores it may then run. */
TEST_F(run, changes_itself)
{
	uint64_t result;

	EMIT(self->code, LOAD(2, A2, A1), STORE(2, A2, A0), FENCE_I, FENCE,
	     EBREAK, ECALL);
	*(uint32_t *)self->mem = ADDI(A0, ZERO, 99);
	ASSERT_EQ(0, run(self, (uintptr_t)self->code + 16, (uintptr_t)self->mem,
			 &result));
	EXPECT_EQ(99, result);
}

/* What no program may do: the queue is lost with its address, and the cause. */
#define LOST(error_, access_, addr_, pc_)	do {			\
	EXPECT_EQ(error_, self->s.error);				\
	EXPECT_EQ(DRM_VSVM_ACCESS_##access_, self->s.access);		\
	EXPECT_EQ((uintptr_t)(addr_), self->s.addr);			\
	EXPECT_EQ((uintptr_t)(pc_), self->s.pc);			\
} while (0)

TEST_F(run, breaks)
{
	EMIT(self->code, ADDI(A0, ZERO, 1), EBREAK);
	ASSERT_EQ(0, is_lost(self, self->code, 0, BUDGET));
	LOST(ECANCELED, NONE, self->code + 2, self->code + 2);
}

TEST_F(run, budget)
{
	EMIT(self->code, ADDI(A0, ZERO, 1), JAL(ZERO, 0));
	ASSERT_EQ(0, is_lost(self, self->code, 0, 1000000));
	LOST(ETIME, NONE, self->code + 2, self->code + 2);
}

/* ECALL is an instruction, too. */
TEST_F(run, budget_is_exact)
{
	uint64_t result = 0;

	EMIT(self->code, ADDI(A0, ZERO, 1), ECALL);
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_run(self->code, NULL, NULL, 2,
						      &self->args[RESULT])));
	EXPECT_EQ(1, self->args[RESULT]);
	ASSERT_EQ(0, is_lost(self, self->code, result, 1));
	LOST(ETIME, NONE, self->code + 2, self->code + 2);
}

FIXTURE(illegal)
{
	struct vsvm *v;
	struct vt_queue q;
	uint16_t *code;
	struct drm_vsvm_queue_status s;
};

FIXTURE_SETUP(illegal)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	self->code = vt_map(VT_PAGE, VT_SMALL);
	ASSERT_NE(NULL, self->code);
}

VT_TEARDOWN_CLOSE(illegal)

/* There is no such instruction: reserved, of other extensions, or of a higher level. */
TEST_F_TIMEOUT(illegal, instructions, VT_LONG)
{
	static const uint32_t insns[] = {
		0x0000,			/* all zero */
		0xffffffff,
		0xc0002573,		/* csrr a0, cycle */
		0x10500073,		/* wfi */
		0x30200073,		/* mret */
		0x02a57553,		/* fadd.d */
		0x00053507,		/* fld */
		0x00b53027,		/* fsd */
		0x2108,			/* c.fld */
		0xa108,			/* c.fsd */
		0x00057503,		/* a load of no size */
		0x00b54023,		/* a store of no size */
		0x00b52063 | 2 << 12,	/* a branch of no kind */
		0x00051567,		/* jalr with a funct3 */
		0x00b5250f,		/* no fence */
		0x04b50533,		/* funct7 of no operation */
		0x40b51533,		/* sll with the other bit */
		0x40051513,		/* slli, likewise */
		0x0205151b,		/* slliw by 32 */
		0x40b5253b,		/* no word operation */
		0x02b5153b,		/* mulhw */
		0x28b5352f,		/* no atomic operation */
		0x00b5152f,		/* of half words */
		0x10b5352f,		/* lr with an operand */
		0x6101 & ~0x7c,		/* c.addi16sp sp, 0 */
		0x6501 & ~0x7c,		/* c.lui a0, 0 */
		0x2001,			/* c.addiw zero, 0 */
		0x8002,			/* c.jr zero */
		0x4002,			/* c.lwsp zero */
		0x6002,			/* c.ldsp zero */
		0x9c41,			/* reserved */
		0x8000,
	};
	size_t i;

	for (i = 0; i < VT_COUNT(insns); i++) {
		EMIT(self->code, ADDI(A0, ZERO, 8), insns[i], ECALL);
		ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 4));
		ASSERT_EQ(0, vt_submit_one(&self->q,
					   vsvm_cmd_run(self->code, NULL, NULL,
							BUDGET, NULL)));
		ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_LOST))
			TH_LOG("%08x", insns[i]);
		ASSERT_EQ(0, vt_queue_status(&self->q, &self->s));
		LOST(ENOEXEC, NONE, self->code + 2, self->code + 2);
		ASSERT_EQ(0, vsvm_queue_destroy(self->v, self->q.id));
	}
}

/* Atomic operations are of aligned words. */
TEST_F(run, atomic_is_aligned)
{
	EMIT(self->code, AMO(0, 3, A0, A1, A0), ECALL);
	ASSERT_EQ(0, is_lost(self, self->code, (uintptr_t)self->mem + 4, BUDGET));
	LOST(ENOEXEC, NONE, self->code, self->code);
}

TEST_F(run, no_code)
{
	ASSERT_EQ(0, is_lost(self, (void *)VT_PAGE, 0, BUDGET));
	LOST(EFAULT, FETCH, VT_PAGE, VT_PAGE);
}

/* A program that returns goes to address zero. */
TEST_F(run, returns_to_zero)
{
	EMIT(self->code, JALR(ZERO, RA, 0));
	ASSERT_EQ(0, is_lost(self, self->code, 0, BUDGET));
	LOST(EFAULT, FETCH, 0, 0);
}

TEST_F(run, loads_nothing)
{
	EMIT(self->code, ADDI(A1, ZERO, 1), LOAD(LD, A0, A0), ECALL);
	ASSERT_EQ(0, is_lost(self, self->code, 0x1000, BUDGET));
	LOST(EFAULT, READ, 0x1000, self->code + 2);
}

/* Neither the kernel's half, nor what is between, nor around the end of all. */
TEST_F(run, loads_from_the_kernel)
{
	static const uint64_t addrs[] = {
		0xffff888000000000, 0x800000000000, MAX - 3,
	};
	size_t i;

	for (i = 0; i < VT_COUNT(addrs); i++) {
		EMIT(self->code, LOAD(LD, A0, A0), ECALL);
		ASSERT_EQ(0, is_lost(self, self->code, addrs[i], BUDGET));
		LOST(EFAULT, READ, addrs[i], self->code);
		ASSERT_EQ(0, vt_queue_make(&self->q, self->v, 4));
	}
}

TEST_F(run, stores_to_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, VT_PAGE, PROT_READ));
	EMIT(self->code, STORE(SD, ZERO, A0), ECALL);
	ASSERT_EQ(0, is_lost(self, self->code, (uintptr_t)self->mem, BUDGET));
	LOST(EPERM, WRITE, self->mem, self->code);
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* A store of which one half cannot be done does neither. */
TEST_F(run, stores_all_or_nothing)
{
	char *at = self->mem + VT_PAGE - 4;

	ASSERT_EQ(0, mprotect(self->mem + VT_PAGE, VT_PAGE, PROT_READ));
	EMIT(self->code, STORE(SD, ZERO, A0), ECALL);
	ASSERT_EQ(0, is_lost(self, self->code, (uintptr_t)at, BUDGET));
	LOST(EPERM, WRITE, self->mem + VT_PAGE, self->code);
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

TEST_F(run, atomic_on_shared_memory)
{
	uint64_t *word = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, word);
	*word = 1;
	EMIT(self->code, AMO(0, 3, A0, A1, A0), ECALL);
	ASSERT_EQ(0, is_lost(self, self->code, (uintptr_t)word, BUDGET));
	LOST(EOPNOTSUPP, ATOMIC, word, self->code);
	EXPECT_EQ(1, *word);
}

TEST_F(run, no_arguments)
{
	struct drm_vsvm_command c;

	EMIT(self->code, ECALL);
	c = vsvm_cmd_run(self->code, NULL, (void *)VT_PAGE, BUDGET, NULL);
	ASSERT_EQ(0, vt_submit_one(&self->q, c));
	ASSERT_EQ(0, vt_queue_becomes(&self->q, DRM_VSVM_QUEUE_LOST));
	ASSERT_EQ(0, vt_queue_status(&self->q, &self->s));
	LOST(EFAULT, READ, VT_PAGE, 0);
}

/* The sum of the 64-bit words of a range: a0 is its start, a1 how many there are. */
static void emit_sum(uint16_t *code)
{
	EMIT(code,
	     ADDI(A2, ZERO, 0),
	     BRANCH(BEQ, A1, ZERO, 24),	/* +4: to +28 */
	     LOAD(LD, 13, A0),		/* +8 */
	     ADD(A2, A2, 13),
	     ADDI(A0, A0, 8),
	     ADDI(A1, A1, -1),
	     BRANCH(BNE, A1, ZERO, -16),	/* +24: to +8 */
	     ADDI(A0, A2, 0),		/* +28 */
	     ECALL);
}

static uint64_t sum(const void *mem, size_t len)
{
	const uint64_t *word = mem;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len / 8; i++)
		n += word[i];
	return n;
}

struct mover {
	struct vsvm *v;
	void *mem;
	void *code;
	bool stop;
	int ret;
};

/* Code and data go to the device and come home, for ever. */
static void *moves(void *arg)
{
	struct mover *m = arg;

	while (!m->ret && !__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		m->ret = vt_migrate(m->v, m->mem, VT_HUGE, DRM_VSVM_TARGET_DEVICE,
				    0, NULL) ?:
			 vt_migrate(m->v, m->code, VT_PAGE, DRM_VSVM_TARGET_DEVICE,
				    0, NULL) ?:
			 vt_migrate(m->v, m->mem, VT_HUGE, DRM_VSVM_TARGET_SYSTEM,
				    0, NULL) ?:
			 vt_migrate(m->v, m->code, VT_PAGE, DRM_VSVM_TARGET_SYSTEM,
				    0, NULL);
	}
	return NULL;
}

TEST_F_TIMEOUT(run, while_memory_moves, 2 * VT_LONG)
{
	struct mover m = { .v = self->v, .mem = self->mem, .code = self->code };
	uint64_t want = sum(self->mem, VT_HUGE), result = 0;
	pthread_t thread;
	int i;

	emit_sum(self->code);
	ASSERT_EQ(0, pthread_create(&thread, NULL, moves, &m));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, run(self, (uintptr_t)self->mem, VT_HUGE / 8, &result));
		EXPECT_EQ(want, result);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, m.ret);
	EXPECT_EQ(0, vt_check(self->mem, VT_HUGE, SEED, 0));
}

/* All of it on the device: nothing comes home for a program. */
TEST_F_TIMEOUT(run, on_the_device, VT_LONG)
{
	uint64_t want = sum(self->mem, VT_HUGE), result = 0;

	emit_sum(self->code);
	ASSERT_EQ(0, vt_to_device(self->v, self->mem, VT_HUGE));
	ASSERT_EQ(0, vt_to_device(self->v, self->code, VT_PAGE));
	ASSERT_EQ(0, run(self, (uintptr_t)self->mem, VT_HUGE / 8, &result));
	EXPECT_EQ(want, result);
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->code, VT_PAGE));
}

/* Data and code come to the device when it lacks them, if advice says so. */
TEST_F_TIMEOUT(run, faults_move, VT_LONG)
{
	const struct drm_vsvm_advice here = { .location = DRM_VSVM_LOCATION_HERE };
	uint64_t want = sum(self->mem, VT_HUGE), result = 0;

	emit_sum(self->code);
	ASSERT_EQ(0, vsvm_advise(self->v, self->mem, VT_HUGE,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, vsvm_advise(self->v, self->code, VT_PAGE,
				 DRM_VSVM_ADVISE_LOCATION, &here));
	ASSERT_EQ(0, run(self, (uintptr_t)self->mem, VT_HUGE / 8, &result));
	EXPECT_EQ(want, result);
	EXPECT_EQ(0, VT_ON_DEVICE(self->mem, VT_HUGE));
	EXPECT_EQ(0, VT_ON_DEVICE(self->code, VT_PAGE));
}

/* Code and data whose accesses are counted in one place: they are not in each other's way. */
TEST_F_TIMEOUT(run, counted_far_apart, VT_LONG)
{
	const struct drm_vsvm_advice counted = {
		.on_fault = DRM_VSVM_ON_FAULT_COUNTED,
	};
	char *far = vt_map(4 * VT_HUGE, VT_SMALL);
	uint64_t result;

	ASSERT_NE(NULL, far);
	ASSERT_EQ(0, vsvm_advise(self->v, far, 4 * VT_HUGE,
				 DRM_VSVM_ADVISE_ON_FAULT, &counted));
	EMIT((uint16_t *)far, LOAD(LD, A0, A0), ECALL);
	*(uint64_t *)(far + 2 * VT_HUGE) = 77;
	self->args[0] = (uintptr_t)far + 2 * VT_HUGE;
	ASSERT_EQ(0, vt_do_one(&self->q, vsvm_cmd_run(far, NULL, self->args, BUDGET,
						      &self->args[RESULT])));
	result = self->args[RESULT];
	EXPECT_EQ(77, result);
}

#define COUNTS	5000

struct counter {
	uint64_t *word;
	uint64_t n;
	bool stop;
};

static void *counts(void *arg)
{
	struct counter *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(c->word, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&c->n, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* A program, by AMOADD and by LR and SC, and a thread count in one word: none is lost. */
TEST_F_TIMEOUT(run, counts_with_threads, 2 * VT_LONG)
{
	struct counter c = { .word = (uint64_t *)self->mem };
	pthread_t thread;
	uint64_t result;

	*c.word = 0;
	EMIT(self->code,
	     ADDI(A2, ZERO, 1),
	     AMO(0, 3, ZERO, A2, A0),		/* +4 */
	     AMO(LR, 3, 13, ZERO, A0),		/* +8 */
	     ADDI(13, 13, 1),
	     AMO(SC, 3, 14, 13, A0),
	     BRANCH(BNE, 14, ZERO, -12),	/* +20: to +8 */
	     ADDI(A1, A1, -1),
	     BRANCH(BNE, A1, ZERO, -24),	/* +28: to +4 */
	     ECALL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, counts, &c));
	while (!__atomic_load_n(&c.n, __ATOMIC_ACQUIRE))
		;
	ASSERT_EQ(0, run(self, (uintptr_t)c.word, COUNTS, &result));
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(2 * COUNTS + c.n, *c.word);
}

/* A program that never ends is ended by QUEUE_DESTROY; others have their turns. */
TEST_F_TIMEOUT(run, endless, VT_LONG)
{
	struct vt_queue q[4];
	uint64_t result;
	int i;

	EMIT(self->code + 512, JAL(ZERO, 0));
	EMIT(self->code, ADD(A0, A0, A1), ECALL);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, vt_queue_make(&q[i], self->v, 4));
		ASSERT_EQ(0, vt_submit_one(&q[i], vsvm_cmd_run(self->code + 512, NULL,
							       NULL, MAX, NULL)));
	}
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, run(self, 3, i, &result));
		EXPECT_EQ(3 + i, result);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, vsvm_queue_destroy(self->v, q[i].id));
}

/* The process ends with a program at work. */
static int leaves_it_running(struct vt_child *c, void *arg)
{
	struct vt_queue q;
	struct vsvm *v;
	uint16_t *code = vt_map(VT_PAGE, VT_SMALL);

	(void)arg;
	if (!code || vsvm_open(0, &v) || vt_queue_make(&q, v, 4))
		return 1;
	EMIT(code, JAL(ZERO, 0));
	if (vt_to_device(v, code, VT_PAGE) ||
	    vt_submit_one(&q, vsvm_cmd_run(code, NULL, NULL, MAX, NULL)) ||
	    vt_queue_becomes(&q, DRM_VSVM_QUEUE_READY) || vt_say(c) || vt_hear(c))
		return 2;
	return 0;
}

TEST_F_TIMEOUT(run, process_ends, VT_LONG)
{
	struct vt_child c;

	ASSERT_EQ(0, vt_start(&c, leaves_it_running, NULL));
	ASSERT_EQ(0, vt_hear(&c));
	ASSERT_EQ(0, vt_say(&c));
	EXPECT_EQ(0, vt_wait(&c));
	EXPECT_TRUE(vt_used_becomes(self->v, 0));
}

/* Jobs behind each other have registers of their own, and see what was stored before. */
TEST_F(run, one_after_the_other)
{
	uint64_t *word = (uint64_t *)self->mem;
	struct drm_vsvm_command c[3];

	EMIT(self->code, LOAD(LD, A2, A0), ADDI(A2, A2, 1), STORE(SD, A2, A0),
	     ADDI(A0, A2, 0), ECALL);
	*word = 5;
	self->args[0] = (uintptr_t)word;
	c[0] = vsvm_cmd_run(self->code, NULL, self->args, BUDGET, NULL);
	c[1] = vsvm_cmd_fill(word + 1, 8, 9, 8);
	c[2] = vsvm_cmd_run(self->code, NULL, self->args, BUDGET, word + 2);
	ASSERT_EQ(0, vt_do(&self->q, c, 3));
	EXPECT_EQ(7, word[0]);
	EXPECT_EQ(9, word[1]);
	EXPECT_EQ(7, word[2]);
}

TEST_HARNESS_MAIN
