// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test_program runs on the device: functions that say which item they are for, keep
 * a sum that several items change, compute with floating point, and cannot go on.
 */
#include "vsvm_device.h"

struct where {
	uint64_t item;
	uint64_t items;
};

uint64_t count;
uint64_t zeroes[1000];
double half = 0.5;
static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x; }
int (*const functions[])(int) = { twice, thrice };
const char *const words[] = { "first", "second" };

/* Each item has its own place. */
void note(struct where *where)
{
	where[vsvm_item()] = (struct where) { vsvm_item(), vsvm_items() };
}

/* All items change one word of the program, and read one each of the process. */
void add_up(uint64_t *words)
{
	__atomic_fetch_add(&count, words[vsvm_item()], __ATOMIC_SEQ_CST);
}

void scale(double *values)
{
	values[vsvm_item()] = values[vsvm_item()] * half + (float)vsvm_item();
}

/* By a table of addresses, which are other ones wherever the program is. */
void calls(int *values)
{
	values[vsvm_item()] = functions[vsvm_item() % 2](values[vsvm_item()]);
}

void spells(char *text)
{
	const char *word = words[vsvm_item() % 2];

	text += 16 * vsvm_item();
	while ((*text++ = *word++))
		;
}

void traps(void *unused)
{
	(void)unused;
	vsvm_assert(vsvm_item() != 3);
}

void never_ends(void *unused)
{
	(void)unused;
	for (;;)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* The last item gives up while the others have no end. */
void only_the_last_ends(void *unused)
{
	if (vsvm_item() + 1 < vsvm_items())
		never_ends(unused);
	vsvm_assert(0);
}

void loads(volatile uint64_t *addr)
{
	count += *addr;
}

static uint64_t deep(uint64_t depth)
{
	volatile uint64_t frame[32] = { depth };

	return depth ? deep(depth - 1) + frame[0] : 0;
}

void recurses(uint64_t *depth)
{
	*depth = deep(*depth);
}

int main(void)
{
	return 42 + zeroes[999] + vsvm_item() + (int)(vsvm_items() - 1);
}
