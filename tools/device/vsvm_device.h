/* SPDX-License-Identifier: MIT */
/*
 * What a program of the device includes. vsvm-cc finds it.
 *
 * The device runs RV64IMAC, and all memory of the process is the program's: pointers are
 * the process's own. There is no C library and no system call; float and double are
 * computed with integers. The __atomic builtins are atomic to CPUs and other devices, too.
 * Thread-local variables do not exist.
 */
#ifndef VSVM_DEVICE_H
#define VSVM_DEVICE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct vsvm_thread - what tp points to
 * @item: the work item that runs
 * @items: how many there are
 */
struct vsvm_thread {
	uint64_t item;
	uint64_t items;
};

static inline const volatile struct vsvm_thread *vsvm_thread(void)
{
	const volatile struct vsvm_thread *tp;

	__asm__ ("mv %0, tp" : "=r" (tp));
	return tp;
}

/**
 * vsvm_item() - which work item this is
 *
 * Return: 0 to vsvm_items() - 1; 0 in main().
 */
static inline uint64_t vsvm_item(void)
{
	return vsvm_thread()->item;
}

/**
 * vsvm_items() - how many work items there are
 *
 * Return: their number; 1 in main().
 */
static inline uint64_t vsvm_items(void)
{
	return vsvm_thread()->items;
}

/**
 * vsvm_assert() - have the device lose the queue if a condition is false
 * @cond: the condition
 *
 * &drm_vsvm_queue_status.error is ECANCELED then, and .pc the place.
 */
#define vsvm_assert(cond)	((cond) ? (void)0 : __extension__ ({	\
	__asm__ volatile ("ebreak" ::: "memory");			\
	__builtin_unreachable();					\
}))

#endif /* VSVM_DEVICE_H */
