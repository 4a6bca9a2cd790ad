// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bodies of the tracepoints. Lifetime: the module. Locks: none.
 */
#ifndef __CHECKER__
#define CREATE_TRACE_POINTS
#include "vsvm_trace.h"
#endif
