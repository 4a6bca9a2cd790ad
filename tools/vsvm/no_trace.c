// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm record and vsvm plot where the libraries that they need were not there when the
 * command was built. Owns nothing.
 */
#include "vsvm.h"

static int cannot(const char *name)
{
	complain(0, "%s: this vsvm was built without libtracefs and libtracecmd", name);
	return EXIT_WRONG;
}

int cmd_plot(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cannot("plot");
}

int cmd_record(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cannot("record");
}
