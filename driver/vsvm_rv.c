// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions of RV64IMAC at user level: a program, its registers, and the memory that a
 * bus finds for it. No control registers, no privileges, no interrupts, no floating point.
 *
 * An instruction is done, or the program is as if it had not begun. A load or store that
 * is not aligned may be of two pages; it is not atomic then. A register is an address in
 * the process, which only the bus turns into bytes.
 *
 * LR remembers what it read, and SC stores if the word has that value still: another value
 * in between that went away again is not seen.
 *
 * Lifetime: a call. Locks: the caller holds those that keep the pages of the bus.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "vsvm_rv.h"

/* Parts of an instruction. */
static unsigned int rd_of(u32 i)
{
	return i >> 7 & 31;
}

static unsigned int rs1_of(u32 i)
{
	return i >> 15 & 31;
}

static unsigned int rs2_of(u32 i)
{
	return i >> 20 & 31;
}

static unsigned int funct3_of(u32 i)
{
	return i >> 12 & 7;
}

static s64 imm_i(u32 i)
{
	return (s32)i >> 20;
}

static s64 imm_s(u32 i)
{
	return (s64)((s32)i >> 25) * 32 + (i >> 7 & 31);
}

static s64 imm_b(u32 i)
{
	return (s64)((s32)i >> 31) * 4096 + ((i >> 7 & 1) << 11) +
	       ((i >> 25 & 0x3f) << 5) + ((i >> 8 & 0xf) << 1);
}

static s64 imm_u(u32 i)
{
	return (s32)(i & 0xfffff000);
}

static s64 imm_j(u32 i)
{
	return (s64)((s32)i >> 31) * 0x100000 + (i & 0xff000) +
	       ((i >> 20 & 1) << 11) + ((i >> 21 & 0x3ff) << 1);
}

/* The bytes at @addr up to the end of the page. NULL: they are missing. */
static void *find(struct vsvm_rv_bus *bus, unsigned long addr,
		  enum vsvm_rv_kind kind)
{
	unsigned long page = addr & PAGE_MASK;
	struct vsvm_rv_window *w = &bus->window[kind][vsvm_rv_way(addr)];

	if (unlikely(w->page != page || !w->bytes)) {
		w->bytes = bus->map(bus, page, kind);
		if (!w->bytes) {
			bus->addr = addr;
			bus->kind = kind;
			return NULL;
		}
		w->page = page;
	}
	return w->bytes + (addr & ~PAGE_MASK);
}

/* Number of bytes from @addr to the end of its page. */
static unsigned int room_at(unsigned long addr)
{
	return PAGE_SIZE - (addr & ~PAGE_MASK);
}

/* Counts bytes that an instruction accessed, which find() found. */
static void count(struct vsvm_rv_bus *bus, unsigned long addr, unsigned int size,
		  enum vsvm_rv_kind kind)
{
	unsigned int n;

	if (likely(!bus->counts))
		return;
	n = min(size, room_at(addr));
	bus->bytes[test_bit(vsvm_rv_way(addr), &bus->away[kind])] += n;
	if (n < size)
		count(bus, addr + n, size - n, kind);
}

/* The low @size bytes of what is at @from, which may be anywhere. */
static u64 get(const void *from, unsigned int size)
{
	u64 value = 0;

	/* An aligned load is one access. A process may write there at the same time. */
	if (size == sizeof(u64) && IS_ALIGNED((unsigned long)from, sizeof(u64)))
		return READ_ONCE(*(const u64 *)from);
	if (size == sizeof(u32) && IS_ALIGNED((unsigned long)from, sizeof(u32)))
		return READ_ONCE(*(const u32 *)from);
	if (size == sizeof(u16) && IS_ALIGNED((unsigned long)from, sizeof(u16)))
		return READ_ONCE(*(const u16 *)from);
	if (size == sizeof(u8))
		return READ_ONCE(*(const u8 *)from);
	/* data_race: as above; either bytes are fine */
	data_race(memcpy(&value, from, size));
	return value;
}

static void put(void *to, u64 value, unsigned int size)
{
	if (size == sizeof(u64) && IS_ALIGNED((unsigned long)to, sizeof(u64)))
		WRITE_ONCE(*(u64 *)to, value);
	else if (size == sizeof(u32) && IS_ALIGNED((unsigned long)to, sizeof(u32)))
		WRITE_ONCE(*(u32 *)to, value);
	else if (size == sizeof(u16) && IS_ALIGNED((unsigned long)to, sizeof(u16)))
		WRITE_ONCE(*(u16 *)to, value);
	else if (size == sizeof(u8))
		WRITE_ONCE(*(u8 *)to, value);
	else
		/* data_race: as in get() */
		data_race(memcpy(to, &value, size));
}

/* Reads little-endian bytes; returns false if some are missing. */
static bool read(struct vsvm_rv_bus *bus, unsigned long addr, unsigned int size,
		 enum vsvm_rv_kind kind, u64 *value)
{
	void *from = find(bus, addr, kind);
	unsigned int room = room_at(addr);
	u64 high;

	if (!from)
		return false;
	if (likely(room >= size)) {
		*value = get(from, size);
		return true;
	}
	*value = get(from, room);
	if (!read(bus, addr + room, size - room, kind, &high))
		return false;
	*value |= high << 8 * room;
	return true;
}

static bool write(struct vsvm_rv_bus *bus, unsigned long addr, unsigned int size,
		  u64 value)
{
	void *to = find(bus, addr, VSVM_RV_STORE), *rest;
	unsigned int room = room_at(addr);

	if (!to)
		return false;
	if (likely(room >= size)) {
		put(to, value, size);
		return true;
	}
	/* Neither part, or both. The lock keeps what was found before. */
	rest = find(bus, addr + room, VSVM_RV_STORE);
	if (!rest)
		return false;
	put(to, value, room);
	put(rest, value >> 8 * room, size - room);
	return true;
}

static s64 divide(s64 a, s64 b)
{
	if (!b)
		return -1;
	return b == -1 ? (s64)-(u64)a : div64_s64(a, b);
}

static s64 modulo(s64 a, s64 b)
{
	if (!b)
		return a;
	return b == -1 ? 0 : a - div64_s64(a, b) * b;
}

static u64 mul_high(u64 a, u64 b)
{
	return mul_u64_u64_shr(a, b, 64);
}

/* MUL and its kin: OP with funct7 1. */
static u64 multiply(unsigned int funct3, u64 a, u64 b)
{
	switch (funct3) {
	case 0:	/* MUL */
		return a * b;
	case 1:	/* MULH */
		return mul_high(a, b) - ((s64)a < 0 ? b : 0) - ((s64)b < 0 ? a : 0);
	case 2:	/* MULHSU */
		return mul_high(a, b) - ((s64)a < 0 ? b : 0);
	case 3:	/* MULHU */
		return mul_high(a, b);
	case 4:	/* DIV */
		return divide(a, b);
	case 5:	/* DIVU */
		return b ? div64_u64(a, b) : U64_MAX;
	case 6:	/* REM */
		return modulo(a, b);
	default:	/* REMU */
		return b ? a - div64_u64(a, b) * b : a;
	}
}

/* The same of words; returns false if there is no such instruction. */
static bool multiply_word(unsigned int funct3, u32 a, u32 b, u64 *value)
{
	s32 word;

	switch (funct3) {
	case 0:	/* MULW */
		word = a * b;
		break;
	case 4:	/* DIVW */
		word = divide((s32)a, (s32)b);
		break;
	case 5:	/* DIVUW */
		word = b ? a / b : U32_MAX;
		break;
	case 6:	/* REMW */
		word = modulo((s32)a, (s32)b);
		break;
	case 7:	/* REMUW */
		word = b ? a % b : a;
		break;
	default:
		return false;
	}
	*value = (s64)word;
	return true;
}

/* ADD, SLT and their kin, on registers or on a register and an immediate. */
static u64 compute(unsigned int funct3, bool other, u64 a, u64 b)
{
	switch (funct3) {
	case 0:
		return other ? a - b : a + b;
	case 1:
		return a << (b & 63);
	case 2:
		return (s64)a < (s64)b;
	case 3:
		return a < b;
	case 4:
		return a ^ b;
	case 5:
		return other ? (u64)((s64)a >> (b & 63)) : a >> (b & 63);
	case 6:
		return a | b;
	default:
		return a & b;
	}
}

/* ADDW, SLLW, SRLW and their kin; returns false if there is no such instruction. */
static bool compute_word(unsigned int funct3, bool other, u32 a, u32 b, u64 *value)
{
	s32 word;

	switch (funct3) {
	case 0:
		word = other ? a - b : a + b;
		break;
	case 1:
		word = a << (b & 31);
		break;
	case 5:
		word = other ? (u32)((s32)a >> (b & 31)) : a >> (b & 31);
		break;
	default:
		return false;
	}
	*value = (s64)word;
	return true;
}

/* An operation on registers; returns false if there is no such instruction. */
static bool do_reg(struct vsvm_rv *rv, u32 i, u64 *value)
{
	u64 a = rv->x[rs1_of(i)], b = rv->x[rs2_of(i)];
	unsigned int funct3 = funct3_of(i), funct7 = i >> 25;

	if (funct7 == 1) {
		*value = multiply(funct3, a, b);
		return true;
	}
	if (funct7 && !(funct7 == 0x20 && (funct3 == 0 || funct3 == 5)))
		return false;
	*value = compute(funct3, funct7, a, b);
	return true;
}

static bool do_reg_word(struct vsvm_rv *rv, u32 i, u64 *value)
{
	u64 a = rv->x[rs1_of(i)], b = rv->x[rs2_of(i)];
	unsigned int funct3 = funct3_of(i), funct7 = i >> 25;

	if (funct7 == 1)
		return multiply_word(funct3, a, b, value);
	if (funct7 && !(funct7 == 0x20 && (funct3 == 0 || funct3 == 5)))
		return false;
	return compute_word(funct3, funct7, a, b, value);
}

static bool do_imm(struct vsvm_rv *rv, u32 i, u64 *value)
{
	unsigned int funct3 = funct3_of(i), high = i >> 26;
	bool other = funct3 == 5 && high == 0x10;

	if ((funct3 == 1 || funct3 == 5) && high && !other)
		return false;
	*value = compute(funct3, other, rv->x[rs1_of(i)], imm_i(i));
	return true;
}

static bool do_imm_word(struct vsvm_rv *rv, u32 i, u64 *value)
{
	unsigned int funct3 = funct3_of(i), high = i >> 25;
	bool other = funct3 == 5 && high == 0x20;

	if ((funct3 == 1 || funct3 == 5) && high && !other)
		return false;
	return compute_word(funct3, other, rv->x[rs1_of(i)], imm_i(i), value);
}

/* Decides a branch; returns -1 if there is no such instruction. */
static int do_branch(unsigned int funct3, u64 a, u64 b)
{
	switch (funct3) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 4:
		return (s64)a < (s64)b;
	case 5:
		return (s64)a >= (s64)b;
	case 6:
		return a < b;
	case 7:
		return a >= b;
	default:
		return -1;
	}
}

static enum vsvm_rv_end do_load(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
				u32 i, u64 *value)
{
	unsigned int funct3 = funct3_of(i), size = 1 << (funct3 & 3);
	unsigned long addr = rv->x[rs1_of(i)] + imm_i(i);

	if (funct3 == 7)
		return VSVM_RV_ILLEGAL;
	if (!read(bus, addr, size, VSVM_RV_LOAD, value))
		return VSVM_RV_MISSES;
	count(bus, addr, size, VSVM_RV_LOAD);
	if (funct3 < 3)
		*value = sign_extend64(*value, 8 * size - 1);
	return VSVM_RV_MORE;
}

static enum vsvm_rv_end do_store(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
				 u32 i)
{
	unsigned int funct3 = funct3_of(i), size = 1 << funct3;
	unsigned long addr = rv->x[rs1_of(i)] + imm_s(i);

	if (funct3 > 3)
		return VSVM_RV_ILLEGAL;
	if (!write(bus, addr, size, rv->x[rs2_of(i)]))
		return VSVM_RV_MISSES;
	count(bus, addr, size, VSVM_RV_STORE);
	return VSVM_RV_MORE;
}

/* The word that an atomic operation stores; @size bytes of each count. */
static u64 amo_word(unsigned int op, u64 old, u64 b, unsigned int size)
{
	unsigned int sign = 8 * size - 1;

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
		return sign_extend64(old, sign) < sign_extend64(b, sign) ? old : b;
	case 0x14:
		return sign_extend64(old, sign) > sign_extend64(b, sign) ? old : b;
	case 0x18:
		return min(old, size == sizeof(u32) ? (u32)b : b);
	default:
		return max(old, size == sizeof(u32) ? (u32)b : b);
	}
}

/* Stores @new if the word is *@old, which gets what it is. */
static bool exchange(void *at, unsigned int size, u64 *old, u64 new)
{
	u32 word = *old;
	bool done;

	if (size == sizeof(u64))
		return try_cmpxchg((u64 *)at, old, new);
	done = try_cmpxchg((u32 *)at, &word, (u32)new);
	*old = word;
	return done;
}

static bool is_amo(unsigned int op)
{
	switch (op) {
	case 0x00:
	case 0x01:
	case 0x04:
	case 0x08:
	case 0x0c:
	case 0x10:
	case 0x14:
	case 0x18:
	case 0x1c:
		return true;
	default:
		return false;
	}
}

static enum vsvm_rv_end do_reserve(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
				   unsigned long addr, unsigned int size,
				   u64 *value)
{
	/* As if acquire and release were always asked for: after what was stored before, */
	smp_mb();
	if (!read(bus, addr, size, VSVM_RV_LOAD, value))
		return VSVM_RV_MISSES;
	/* and before what is read after it. */
	smp_mb();
	count(bus, addr, size, VSVM_RV_LOAD);
	rv->reserved = addr;
	rv->reserved_value = *value;
	rv->reserved_size = size;
	return VSVM_RV_MORE;
}

static enum vsvm_rv_end do_conditional(struct vsvm_rv *rv,
				       struct vsvm_rv_bus *bus,
				       unsigned long addr, unsigned int size,
				       u64 new, u64 *value)
{
	u64 old = rv->reserved_value;
	void *at;

	*value = 1;
	if (rv->reserved_size == size && rv->reserved == addr) {
		at = find(bus, addr, VSVM_RV_AMO);
		if (!at)
			return VSVM_RV_MISSES;
		*value = !exchange(at, size, &old, new);
		count(bus, addr, size, VSVM_RV_AMO);
	}
	rv->reserved_size = 0;
	return VSVM_RV_MORE;
}

static enum vsvm_rv_end do_atomic(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
				  u32 i, u64 *value)
{
	unsigned int funct3 = funct3_of(i), op = i >> 27, size = 1 << funct3;
	unsigned long addr = rv->x[rs1_of(i)];
	enum vsvm_rv_end end = VSVM_RV_MORE;
	u64 b = rv->x[rs2_of(i)], old;
	void *at;

	if ((funct3 != 2 && funct3 != 3) || !IS_ALIGNED(addr, size))
		return VSVM_RV_ILLEGAL;
	if (op == 2 && !rs2_of(i)) {
		end = do_reserve(rv, bus, addr, size, value);
	} else if (op == 3) {
		end = do_conditional(rv, bus, addr, size, b, value);
		return end;
	} else if (is_amo(op)) {
		at = find(bus, addr, VSVM_RV_AMO);
		if (!at)
			return VSVM_RV_MISSES;
		old = get(at, size);
		while (!exchange(at, size, &old, amo_word(op, old, b, size)))
			;
		count(bus, addr, size, VSVM_RV_AMO);
		*value = old;
	} else {
		return VSVM_RV_ILLEGAL;
	}
	if (size == sizeof(u32))
		*value = sign_extend64(*value, 31);
	return end;
}

static enum vsvm_rv_end do_system(u32 i)
{
	switch (i) {
	case 0x00000073:
		return VSVM_RV_CALL;
	case 0x00100073:
		return VSVM_RV_BREAK;
	default:
		return VSVM_RV_ILLEGAL;
	}
}

static enum vsvm_rv_end legal(bool is)
{
	return is ? VSVM_RV_MORE : VSVM_RV_ILLEGAL;
}

/* Does an instruction; *@next is the address behind it, and then that of the next one. */
static enum vsvm_rv_end do_one(struct vsvm_rv *rv, struct vsvm_rv_bus *bus, u32 i,
			       u64 *next)
{
	enum vsvm_rv_end end = VSVM_RV_MORE;
	unsigned int rd = rd_of(i);
	u64 value = 0, link;
	int taken;

	switch (i & 0x7f) {
	case 0x03:
		end = do_load(rv, bus, i, &value);
		break;
	case 0x0f:	/* FENCE, FENCE.I: what is fetched is looked up each time */
		rd = 0;
		end = legal(funct3_of(i) < 2);
		smp_mb();	/* whatever it names */
		break;
	case 0x13:
		end = legal(do_imm(rv, i, &value));
		break;
	case 0x17:
		value = rv->pc + imm_u(i);
		break;
	case 0x1b:
		end = legal(do_imm_word(rv, i, &value));
		break;
	case 0x23:
		rd = 0;
		end = do_store(rv, bus, i);
		break;
	case 0x2f:
		end = do_atomic(rv, bus, i, &value);
		break;
	case 0x33:
		end = legal(do_reg(rv, i, &value));
		break;
	case 0x37:
		value = imm_u(i);
		break;
	case 0x3b:
		end = legal(do_reg_word(rv, i, &value));
		break;
	case 0x63:
		rd = 0;
		taken = do_branch(funct3_of(i), rv->x[rs1_of(i)], rv->x[rs2_of(i)]);
		end = legal(taken >= 0);
		if (taken > 0)
			*next = rv->pc + imm_b(i);
		break;
	case 0x67:
		end = legal(!funct3_of(i));
		link = *next;
		*next = (rv->x[rs1_of(i)] + imm_i(i)) & ~1ULL;
		value = link;
		break;
	case 0x6f:
		value = *next;
		*next = rv->pc + imm_j(i);
		break;
	case 0x73:
		rd = 0;
		end = do_system(i);
		break;
	default:
		return VSVM_RV_ILLEGAL;
	}
	if (end == VSVM_RV_MORE && rd)
		rv->x[rd] = value;
	return end;
}

/* Reads the instruction at the pc; returns its length, or 0 if it is missing. */
static unsigned int fetch(struct vsvm_rv *rv, struct vsvm_rv_bus *bus, u32 *i)
{
	const u16 *from = find(bus, rv->pc, VSVM_RV_FETCH);
	u32 low;

	if (!from)
		return 0;
	low = READ_ONCE(from[0]);
	if ((low & 3) != 3) {
		*i = vsvm_rv_expand(low);
		return sizeof(u16);
	}
	from = room_at(rv->pc) > sizeof(u16) ? from + 1 :
	       find(bus, rv->pc + sizeof(u16), VSVM_RV_FETCH);
	if (!from)
		return 0;
	*i = (u32)READ_ONCE(from[0]) << 16 | low;
	return sizeof(u32);
}

/**
 * vsvm_rv_go() - do instructions of a program
 * @rv: the program
 * @bus: its memory
 * @n: how many instructions, at most
 *
 * Does not sleep.
 *
 * Return: why it stopped. With MISSES, BREAK and ILLEGAL, the pc is that of the
 * instruction that was not done.
 */
enum vsvm_rv_end vsvm_rv_go(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
			    unsigned int n)
{
	enum vsvm_rv_end end;
	unsigned int len;
	u64 next;
	u32 i;

	for (; n; n--) {
		if (!rv->left)
			return VSVM_RV_SPENT;
		len = fetch(rv, bus, &i);
		if (!len)
			return VSVM_RV_MISSES;
		next = rv->pc + len;
		end = do_one(rv, bus, i, &next);
		if (end != VSVM_RV_MORE && end != VSVM_RV_CALL)
			return end;
		rv->pc = next;
		rv->left--;
		if (end == VSVM_RV_CALL)
			return end;
	}
	return VSVM_RV_MORE;
}
