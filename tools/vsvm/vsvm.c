// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm, the command: finds the subcommand and hands over to it.
 *
 * Owns the table of subcommands. Each subcommand lives in its own cmd_NAME.c and
 * parses its own options.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsvm.h"

static int cmd_help(int argc, char **argv);

static const struct command {
	const char *name;
	const char *help;
	int (*fn)(int argc, char **argv);
} commands[] = {
	{ "info", "what devices there are and what they hold", cmd_info },
	{ "demo", "watch memory migrate to the device and back", cmd_demo },
	{ "bench", "how fast memory moves, is read and looked at", cmd_bench },
	{ "top", "what each process does with the devices, live", cmd_top },
	{ "where", "where the pages of a process live", cmd_where },
	{ "events", "what the device tells a process, as it happens", cmd_events },
	{ "exec", "run a program on the device", cmd_exec },
	{ "run", "run a program while its memory moves", cmd_run },
	{ "fail", "run a command while steps of the driver fail", cmd_fail },
	{ "pause", "run a command while a thread is paused in the driver", cmd_pause },
	{ "scenario", "play a race from a file, step by step", cmd_scenario },
	{ "repro", "does this kernel have public bugs of shared virtual memory", cmd_repro },
	{ "record", "what devices do with memory while a command runs", cmd_record },
	{ "plot", "a picture of what was recorded", cmd_plot },
	{ "help", "this list, or the options of a command", cmd_help },
};

const char *argp_program_version = "vsvm " VSVM_VERSION;

static void usage(FILE *to)
{
	size_t i;

	fputs("Usage: vsvm COMMAND [OPTION...]\n\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\n'vsvm help COMMAND' shows the options of one; 'man vsvm' says more.\n",
	      to);
}

static int run_command(const char *name, int argc, char **argv)
{
	char title[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		/* What argp calls the program in its messages. */
		snprintf(title, sizeof(title), "vsvm %s", name);
		argv[0] = title;
		return commands[i].fn(argc, argv);
	}

	complain(0, "there is no command '%s', see 'vsvm help'", name);
	return EXIT_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	char *args[3] = { NULL, (char *)"--help", NULL };

	if (argc > 2) {
		complain(0, "help takes one command");
		return EXIT_USAGE;
	}
	if (argc == 2 && strcmp(argv[1], "help") && argv[1][0] != '-')
		return run_command(argv[1], 2, args);

	usage(stdout);
	return EXIT_OK;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts(argp_program_version);
		return EXIT_OK;
	}
	return run_command(argv[1], argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	ret = dispatch(argc, argv);

	/* A full disk must not look like success. */
	if (fflush(stdout) || ferror(stdout)) {
		complain(-errno, "standard output");
		return ret ? ret : EXIT_WRONG;
	}
	return ret;
}
