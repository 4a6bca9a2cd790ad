/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vsvm, the command: what its subcommands share.
 */
#ifndef VSVM_CMD_H
#define VSVM_CMD_H

#include <stdbool.h>

#include "libvsvm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit codes. */
#define EXIT_OK		0
#define EXIT_WRONG	1	/* it did not work, or a check failed */
#define EXIT_USAGE	2	/* the command line makes no sense */

/* argv[0] is "vsvm NAME". Each returns an exit code. */
int cmd_bench(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_fail(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_repro(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_scenario(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_where(int argc, char **argv);

/* Say on stderr what went wrong: "vsvm: ...: reason", @err is a negative errno or 0. */
[[gnu::format(printf, 2, 3)]] void complain(int err, const char *fmt, ...);

/* Open a device or complain. */
int open_device(unsigned int device, struct vsvm **out);

/* A whole decimal number from @min to @max, or false. */
bool parse_number(const char *text, unsigned long min, unsigned long max,
		  unsigned long *out);

#endif /* VSVM_CMD_H */
