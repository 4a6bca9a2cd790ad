// SPDX-License-Identifier: MIT
/*
 * What a program of the device begins and ends with, and what a compiler takes to exist.
 *
 * _start runs main() on its own: on the device with vsvm_program_main(), or as a program
 * of Linux, of which ECALL 93 is exit. __vsvm_items runs a function for some work items,
 * for vsvm_program_run(). Both have the work item on the stack, where tp points.
 */
#include "vsvm_device.h"

__asm__ ("	.section .text.start, \"ax\"\n"
"	.globl	_start\n"
"	.type	_start, @function\n"
"_start:\n"
"	addi	sp, sp, -16\n"
"	sd	zero, 0(sp)\n"
"	li	t0, 1\n"
"	sd	t0, 8(sp)\n"
"	mv	tp, sp\n"
"	call	main\n"
"	li	a7, 93\n"
"	ecall\n"
"	.size	_start, . - _start\n"
/* (function, its argument, first item, the one behind the last, all of them) */
"	.globl	__vsvm_items\n"
"	.type	__vsvm_items, @function\n"
"__vsvm_items:\n"
"	addi	sp, sp, -16\n"
"	sd	a4, 8(sp)\n"
"	mv	tp, sp\n"
"	mv	s0, a0\n"
"	mv	s1, a1\n"
"	mv	s2, a2\n"
"	mv	s3, a3\n"
"1:	bgeu	s2, s3, 2f\n"
"	sd	s2, 0(tp)\n"
"	mv	a0, s1\n"
"	jalr	s0\n"
"	addi	s2, s2, 1\n"
"	j	1b\n"
"2:	li	a0, 0\n"
"	li	a7, 93\n"
"	ecall\n"
"	.size	__vsvm_items, . - __vsvm_items\n"
"	.text\n");

/* A program of work items alone has none. */
__attribute__((weak)) int main(void)
{
	vsvm_assert(0);
	return 0;
}

void *memcpy(void *to, const void *from, size_t n)
{
	const char *f = from;
	char *t = to;

	if (!(((uintptr_t)t | (uintptr_t)f) % sizeof(uint64_t)))
		for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
			*(uint64_t *)t = *(const uint64_t *)f;
			t += sizeof(uint64_t);
			f += sizeof(uint64_t);
		}
	while (n--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	const char *f = from;
	char *t = to;

	if ((uintptr_t)t - (uintptr_t)f >= n)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
