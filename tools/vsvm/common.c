// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the subcommands of vsvm share: how to complain, open a device, read a
 * number. Owns nothing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsvm.h"

void complain(int err, const char *fmt, ...)
{
	va_list args;

	/* Keep what was said before in front of it. */
	fflush(stdout);
	fputs("vsvm: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (err)
		fprintf(stderr, ": %s", strerror(-err));
	fputc('\n', stderr);
}

int open_device(unsigned int device, struct vsvm **out)
{
	int ret = vsvm_open(device, out);

	if (ret == -ENODEV)
		complain(0, "there is no vsvm device %u (is the module loaded?)",
			 device);
	else if (ret)
		complain(ret, "device %u", device);
	return ret;
}

bool parse_number(const char *text, unsigned long min, unsigned long max,
		  unsigned long *out)
{
	char *end;

	/* strtoul() would take spaces, a sign and an empty string. */
	if (*text < '0' || *text > '9')
		return false;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return !errno && !*end && *out >= min && *out <= max;
}
