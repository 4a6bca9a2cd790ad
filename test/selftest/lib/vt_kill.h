/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kill a process in the middle of a call, and measure how long it takes to die.
 *
 * A second is much on a machine of its own and nothing on one that is emulated
 * on a busy host, where a process that only counts may take as long to die. So
 * such a process, with as many threads and as much memory, gets its SIGKILL at
 * the same moment, and the one in the driver may die a second later than that
 * one. Whatever keeps the machine from working keeps both alive; what is left is
 * the driver's own: the work between two looks for a signal, at most a copy of
 * 2 MiB, a fault, or a block on its way to system memory.
 */
#ifndef VT_KILL_H
#define VT_KILL_H

#include "vt.h"

/* Threads of the process that spins; one that is killed should have as many. */
#define VT_KILL_THREADS	2

/* Seconds, on a clock that never goes back. */
double vt_now(void);

/*
 * Kill a process, and beside it one that spins. 0 when the first died of SIGKILL,
 * and no more than a second later than the other. @what names it in the output.
 */
int vt_kill(struct vt_child *c, const char *what);

#endif /* VT_KILL_H */
