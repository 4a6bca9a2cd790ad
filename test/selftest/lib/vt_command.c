// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that tests run, see vt_command.h. Owns what the last one printed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

#include "vt.h"
#include "vt_command.h"

char vt_said[4 << 20];

int vt_command(const char *fmt, ...)
{
	char command[1024];
	size_t len = 0;
	va_list args;
	int status;
	FILE *f;

	va_start(args, fmt);
	status = vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (VT_BAD(status < 0 || status >= (int)sizeof(command)))
		return -1;
	f = popen(command, "re");
	if (VT_BAD(!f))
		return -1;
	while (len < sizeof(vt_said) - 1 && !feof(f) && !ferror(f))
		len += fread(vt_said + len, 1, sizeof(vt_said) - 1 - len, f);
	vt_said[len] = 0;
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
