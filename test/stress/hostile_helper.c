// SPDX-License-Identifier: GPL-2.0-only
/*
 * helper: a setuid program as there are many, for the hostile program to attack.
 *
 *	helper --where		says where its variables are
 *	helper MASK TEXT	complains on standard error, and reads its input
 *
 * Bit n of MASK says that descriptor n is a vsvm node that another process opened:
 * nothing may be read from it or written to it, and no variable may change. What
 * it finds goes to a file that only root can write. Linked at fixed addresses, so
 * that an attacker knows where to aim.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"

#define FLAG	"no, not allowed"
#define SECRET	"what only root must know"

/* Each on a page of its own: nothing else changes there. */
static struct {
	char flag[4096];
	char secret[4096];
	char input[4096];
} own __attribute__((aligned(4096)));

static int log_fd = -1, bad;

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vdprintf(log_fd, fmt, args);
	va_end(args);
}

static void found(const char *what, int fd, long n)
{
	tell("FOUND setuid program: %s of descriptor %d, opened by somebody else, gave %ld\n",
	     what, fd, n);
	bad = 1;
}

static void check(const char *name, const char *is, const char *was)
{
	size_t i, len = strlen(was);

	for (i = 0; i < sizeof(own.flag); i++) {
		char want = i < len ? was[i] : 0;

		if (is[i] == want)
			continue;
		tell("FOUND setuid program: its %s at %p changed: byte %zu is %#x, was %#x\n",
		     name, is, i, (unsigned char)is[i], (unsigned char)want);
		bad = 1;
		return;
	}
}

/* As an ordinary program would use the descriptors that it was given. */
static void use(int fd, const char *text)
{
	struct iovec iov = { own.input, 64 };
	int pipes[2];
	ssize_t n;

	n = fd ? dprintf(fd, "helper: %s: unknown\n", text) : -1;
	if (n >= 0)
		found("write()", fd, n);
	n = write(fd, text, strlen(text));
	if (n >= 0)
		found("write()", fd, n);
	n = read(fd, own.input, 64);
	if (n >= 0)
		found("read()", fd, n);
	n = readv(fd, &iov, 1);
	if (n >= 0)
		found("readv()", fd, n);
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return;
	n = splice(fd, NULL, pipes[1], NULL, 64, SPLICE_F_NONBLOCK);
	if (n > 0)
		found("splice()", fd, n);
	close(pipes[0]);
	close(pipes[1]);
}

int main(int argc, char **argv)
{
	unsigned int mask, fd;

	if (argc == 2 && !strcmp(argv[1], "--where")) {
		printf("%p %p %p\n", own.flag, own.secret, own.input);
		return 0;
	}
	if (argc != 3)
		return 2;
	mask = strtoul(argv[1], NULL, 0);
	log_fd = open(HOSTILE_LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log_fd < 0 || geteuid())
		return 3;
	memcpy(own.flag, FLAG, sizeof(FLAG));
	memcpy(own.secret, SECRET, sizeof(SECRET));
	for (fd = 0; fd < 3; fd++)
		if (mask & 1 << fd)
			use(fd, argv[2]);
	check("flag", own.flag, FLAG);
	check("secret", own.secret, SECRET);
	check("input", own.input, "");
	if (!bad)
		tell("ok\n");
	/* What it found is root's to say: to attackers it ran. */
	return 0;
}
