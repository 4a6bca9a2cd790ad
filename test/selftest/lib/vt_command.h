/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands that tests run, and what they print.
 */
#ifndef VT_COMMAND_H
#define VT_COMMAND_H

/* What the last one printed on standard output. */
extern char vt_said[4 << 20];

/* Runs a line of the shell: its exit status, 128 + n if signal n ended it, or -1. */
[[gnu::format(printf, 1, 2)]] int vt_command(const char *fmt, ...);

#endif /* VT_COMMAND_H */
