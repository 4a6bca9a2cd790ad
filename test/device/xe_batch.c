// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test/igt runs on the device: a batch, which is commands of Intel's that lie in the
 * memory of the process. These few are all that IGT's tests of shared virtual memory use.
 * At any other command the device loses the queue.
 */
#include "vsvm_device.h"

/* The first word of a command, less the bits that say how it is done. */
#define NOOP		0x00000000U
#define BATCH_END	0x05000000U
#define STORE		0x10000000U
#define ATOMIC		0x17800000U
#define COPY		0x56800000U

#define STORE_MASK	0xffc00000U
#define STORE_QWORDS	(1U << 21)
#define ATOMIC_INC	(0x5U << 8)
#define COPY_WORDS	10
#define COPY_WIDTH	0xffffffU
#define COPY_BLOCKS	(1U << 19)
#define BLOCK		256
#define STORE_LENGTH	0x3ffU

void xe_batch(const volatile uint32_t *batch) __attribute__((noreturn));

static uint64_t address(const volatile uint32_t *words)
{
	return words[0] | (uint64_t)words[1] << 32;
}

/* Stores a number of words one after the other. Returns the words of the command. */
static uint32_t store(const volatile uint32_t *batch)
{
	volatile uint32_t *to = (void *)address(batch + 1);
	uint32_t words = (batch[0] & STORE_LENGTH) + 2, i;

	vsvm_assert(words > 3);
	vsvm_assert(!(batch[0] & STORE_QWORDS) || words % 2);
	for (i = 3; i < words; i++)
		*to++ = batch[i];
	return words;
}

/* Eight words at a time: most of the instructions are the copy. */
static void copy_block(uint64_t *to, const uint64_t *from)
{
	const uint64_t *end = from + BLOCK / sizeof(*from);

	for (; from < end; from += 8, to += 8) {
		uint64_t a = from[0], b = from[1], c = from[2], d = from[3];
		uint64_t e = from[4], f = from[5], g = from[6], h = from[7];

		to[0] = a;
		to[1] = b;
		to[2] = c;
		to[3] = d;
		to[4] = e;
		to[5] = f;
		to[6] = g;
		to[7] = h;
	}
}

/* Copies one row, of bytes or of blocks. */
static uint32_t copy(const volatile uint32_t *batch)
{
	uint32_t width = (batch[1] & COPY_WIDTH) + 1;
	char *from = (void *)address(batch + 5);
	char *to = (void *)address(batch + 7);

	vsvm_assert(!batch[2]);
	if (!(batch[0] & COPY_BLOCKS)) {
		__builtin_memcpy(to, from, width);
		return COPY_WORDS;
	}
	for (; width; width--, to += BLOCK, from += BLOCK)
		copy_block((void *)to, (void *)from);
	return COPY_WORDS;
}

/* Does the commands of a batch in order. */
void xe_batch(const volatile uint32_t *batch)
{
	while (batch[0] != BATCH_END) {
		if (batch[0] == NOOP) {
			batch++;
		} else if ((batch[0] & STORE_MASK) == STORE) {
			batch += store(batch);
		} else if (batch[0] == (ATOMIC | ATOMIC_INC | 1)) {
			__atomic_fetch_add((uint32_t *)address(batch + 1), 1, __ATOMIC_SEQ_CST);
			batch += 3;
		} else {
			vsvm_assert((batch[0] & ~COPY_BLOCKS) == (COPY | (COPY_WORDS - 2)));
			batch += copy(batch);
		}
	}
	/* Nobody called it. */
	__asm__ volatile ("ecall");
	__builtin_unreachable();
}
