/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_RV_H
#define VSVM_RV_H

#include <linux/mm.h>
#include <linux/types.h>

#include "vsvm_types.h"

/* Number of registers, x0 is zero for ever. */
#define VSVM_RV_REGS	32

/**
 * struct vsvm_rv - the state of a program between two instructions
 * @x: registers
 * @pc: address of the next instruction, a multiple of 2
 * @left: number of instructions that it may still do
 * @reserved: address of the word that LR read, if @reserved_size
 * @reserved_value: what it read
 * @reserved_size: bytes of that word; 0: there is no reservation
 */
struct vsvm_rv {
	u64 x[VSVM_RV_REGS];
	u64 pc;
	u64 left;
	u64 reserved;
	u64 reserved_value;
	unsigned int reserved_size;
};

/* Number of pages that are remembered for each kind of access. */
#define VSVM_RV_WAYS	16

/**
 * struct vsvm_rv_window - a page that was looked up
 * @page: its address
 * @bytes: where the kernel has it; NULL: none was looked up
 */
struct vsvm_rv_window {
	unsigned long page;
	void *bytes;
};

/**
 * enum vsvm_rv_kind - for what bytes were looked up
 * @VSVM_RV_FETCH: instructions
 * @VSVM_RV_LOAD: loads
 * @VSVM_RV_STORE: stores
 * @VSVM_RV_AMO: atomic operations
 * @VSVM_RV_KINDS: number of kinds
 */
enum vsvm_rv_kind {
	VSVM_RV_FETCH,
	VSVM_RV_LOAD,
	VSVM_RV_STORE,
	VSVM_RV_AMO,
	VSVM_RV_KINDS,
};

/**
 * struct vsvm_rv_bus - the memory of a program, while a page-table lock is held
 * @map: looks up a page; returns where the kernel has it, or NULL: it is missing
 * @window: what was looked up, by kind and page; all zero at the beginning
 * @away: by kind, a bit for each window: its page is not on the device. @map sets it
 * @counts: the bytes of loads, stores and atomic operations are counted
 * @bytes: out, number of those on the device, and of those that are not
 * @addr: where a byte was missing
 * @kind: for what
 */
struct vsvm_rv_bus {
	void *(*map)(struct vsvm_rv_bus *bus, unsigned long page,
		     enum vsvm_rv_kind kind);
	struct vsvm_rv_window window[VSVM_RV_KINDS][VSVM_RV_WAYS];
	unsigned long away[VSVM_RV_KINDS];
	bool counts;
	u64 bytes[2];
	unsigned long addr;
	enum vsvm_rv_kind kind;
};

/**
 * enum vsvm_rv_end - why a program stopped
 * @VSVM_RV_MORE: it did as many instructions as it was to
 * @VSVM_RV_CALL: ECALL, of which the pc is behind it
 * @VSVM_RV_MISSES: a byte is missing, see &struct vsvm_rv_bus; the instruction can be
 *	tried again
 * @VSVM_RV_BREAK: EBREAK
 * @VSVM_RV_ILLEGAL: there is no such instruction, or its address is not aligned for an
 *	atomic operation
 * @VSVM_RV_SPENT: it has done all the instructions that it may
 */
enum vsvm_rv_end {
	VSVM_RV_MORE,
	VSVM_RV_CALL,
	VSVM_RV_MISSES,
	VSVM_RV_BREAK,
	VSVM_RV_ILLEGAL,
	VSVM_RV_SPENT,
};

/* Number of the window of a page. */
static inline unsigned int vsvm_rv_way(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) % VSVM_RV_WAYS;
}

enum vsvm_rv_end vsvm_rv_go(struct vsvm_rv *rv, struct vsvm_rv_bus *bus,
			    unsigned int n);
u32 vsvm_rv_expand(u16 parcel);

#endif /* VSVM_RV_H */
