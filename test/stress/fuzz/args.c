// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers that hurt: addresses of every sort of memory and of none, lengths
 * that are too short, too long, or lead around the end.
 */
#include "fuzz.h"

/* Beside a page boundary of the wild part, or on it. */
static uint64_t wild_address(struct fuzz_thread *t)
{
	return FUZZ_WILD + fuzz_draw(t, FUZZ_WILD_SIZE / VT_PAGE) * VT_PAGE;
}

uint64_t fuzz_number(struct fuzz_thread *t)
{
	uint64_t x = fuzz_draw(t, ~0ULL);

	switch (fuzz_draw(t, 6)) {
	case 0:
		return x;
	case 1:
		return 1ULL << x % 64;
	case 2:
		return (1ULL << x % 64) - 1;
	case 3:
		return -(x % 3) - 1;
	case 4:
		return x % 3;
	default:
		return x >> x % 64;
	}
}

uint64_t fuzz_address(struct fuzz_thread *t)
{
	static const uint64_t special[] = {
		0, VT_PAGE, FUZZ_WILD - VT_PAGE, FUZZ_WILD + FUZZ_WILD_SIZE,
		FUZZ_END_4, FUZZ_END_4 + VT_PAGE, FUZZ_END_5,
		FUZZ_END_5 + VT_PAGE, 0xffff888000000000ULL,
		0xffffffff81000000ULL, -VT_PAGE, ~0ULL,
	};
	uint64_t number = fuzz_number(t), at = wild_address(t);

	switch (fuzz_draw(t, 24)) {
	case 0:
		return special[number % VT_COUNT(special)];
	case 1:
		return number & ~(VT_PAGE - 1);
	case 2:
		return number;
	case 3:
		return FUZZ_CONST + number % 20 * VT_PAGE;
	case 4:
		return FUZZ_NODE + number % 20 * VT_PAGE;
	case 5:
		return FUZZ_BUFFER + t->number * FUZZ_STEP +
		       number % 40 * VT_PAGE;
	case 6:
		return at + number % VT_PAGE;
	case 7:
		return at - 1;
	default:
		return at;
	}
}

uint64_t fuzz_length(struct fuzz_thread *t, uint64_t addr)
{
	uint64_t number = fuzz_number(t);

	switch (fuzz_draw(t, 256)) {
	case 0:
		return 0;
	case 1:
		return number;
	case 2:
		return number & ~(VT_PAGE - 1);
	case 3:
		return -addr;
	case 4:
		return -addr - VT_PAGE;
	case 5:
		return FUZZ_END_4 - addr;
	case 6:
		return FUZZ_END_4 - addr + VT_PAGE;
	case 7:
		return VT_HUGE;
	case 8:
		return number % 64 + 1;
	case 9:
		return VT_PAGE + number % 3 - 1;
	default:
		return (number % 16 + 1) * VT_PAGE;
	}
}

/* Nearly always one that the driver has to go to work on. */
void fuzz_range(struct fuzz_thread *t, __u64 *addr, __u64 *len)
{
	*addr = wild_address(t);
	*len = (fuzz_draw(t, 16) + 1) * VT_PAGE;
	if (fuzz_one_in(t, 500)) {
		*addr = FUZZ_WILD + fuzz_draw(t, 4) * VT_HUGE;
		*len = VT_HUGE;
	}
}

/* Flags, mostly none. */
uint32_t fuzz_flags(struct fuzz_thread *t, uint32_t known)
{
	if (fuzz_one_in(t, 16))
		return 1U << fuzz_draw(t, 32);
	return fuzz_draw(t, 2) ? known : 0;
}

uint32_t fuzz_pad(struct fuzz_thread *t)
{
	return fuzz_one_in(t, 32) ? 1U << fuzz_draw(t, 32) : 0;
}

/* A range that is often good. */
void fuzz_any_range(struct fuzz_thread *t, __u64 *addr, __u64 *len)
{
	fuzz_range(t, addr, len);
	if (fuzz_one_in(t, 3))
		*addr = fuzz_address(t);
	if (fuzz_one_in(t, 3))
		*len = fuzz_length(t, *addr);
}

/* Noise instead of an argument. */
bool fuzz_noise(struct fuzz_thread *t, void *arg, size_t size)
{
	uint64_t *word = arg;
	size_t i;

	if (!fuzz_one_in(t, 32))
		return false;
	for (i = 0; i < size / 8; i++)
		word[i] = fuzz_number(t);
	return true;
}
