// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of trace-cmd's format, version 6, which trace-cmd.dat.v6(5) describes: no
 * packaged library writes one. First comes what the events look like, then some options,
 * where the data of each processor is, and the data.
 *
 * Owns nothing but what it reads from tracefs meanwhile. Numbers are this machine's: a
 * recording is of the machine that it was made on.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <tracefs.h>

#include "tracedat.h"

/* Of the options that trace-cmd knows. */
enum {
	OPTION_DONE = 0,
	OPTION_STATS = 2,
	OPTION_CLOCK = 4,
	OPTION_UNAME = 5,
};

static void put(FILE *to, const void *data, size_t len)
{
	fwrite(data, 1, len, to);
}

static void put16(FILE *to, uint16_t n)
{
	put(to, &n, sizeof(n));
}

static void put32(FILE *to, uint32_t n)
{
	put(to, &n, sizeof(n));
}

static void put64(FILE *to, uint64_t n)
{
	put(to, &n, sizeof(n));
}

/* A text with the zero behind it. */
static void put_name(FILE *to, const char *name)
{
	put(to, name, strlen(name) + 1);
}

static int no_text(void)
{
	return errno ? -errno : -EIO;
}

/* A file of tracefs with its size in front. */
static int put_header(FILE *to, const char *name)
{
	char path[64], *text;
	int size = 0;

	snprintf(path, sizeof(path), "events/%s", name);
	text = tracefs_instance_file_read(NULL, path, &size);
	if (!text)
		return no_text();
	put_name(to, name);
	put64(to, size);
	put(to, text, size);
	free(text);
	return 0;
}

/*
 * The number of the events of a system, and what each looks like. An event of ftrace
 * may have no format; it is left out.
 */
static int put_events(FILE *to, const char *system, bool named)
{
	char **events = tracefs_system_events(NULL, system);
	uint32_t n = 0;
	int size, i;
	char **texts;

	if (!events)
		return no_text();
	texts = calloc(tracefs_list_size(events) + 1, sizeof(*texts));
	for (i = 0; texts && events[i]; i++) {
		texts[n] = tracefs_event_file_read(NULL, system, events[i], "format", &size);
		n += !!texts[n];
	}
	tracefs_list_free(events);
	if (!texts)
		return -ENOMEM;
	if (named)
		put_name(to, system);
	put32(to, n);
	for (i = 0; i < (int)n; i++) {
		put64(to, strlen(texts[i]));
		put(to, texts[i], strlen(texts[i]));
		free(texts[i]);
	}
	free(texts);
	return n ? 0 : -ENOENT;
}

static void put_option(FILE *to, uint16_t option, const char *text)
{
	put16(to, option);
	put32(to, strlen(text) + 1);
	put_name(to, text);
}

static void put_options(FILE *to, const struct tracedat *t)
{
	struct utsname u;
	char text[1024];

	put(to, "options  ", 10);
	put_option(to, OPTION_STATS, t->stats);
	put_option(to, OPTION_CLOCK, t->clock);
	if (!uname(&u)) {
		snprintf(text, sizeof(text), "%s %s %s %s", u.sysname, u.nodename,
			 u.release, u.machine);
		put_option(to, OPTION_UNAME, text);
	}
	put16(to, OPTION_DONE);
}

static int put_descriptions(FILE *to, const struct tracedat *t)
{
	static const unsigned char magic[] = { 0x17, 0x08, 0x44 };
	const uint16_t endian = 0x0100;
	int ret;

	put(to, magic, sizeof(magic));
	put(to, "tracing6", 9);
	/* 0 where the low byte of a number comes first, else 1. */
	put(to, &endian, 1);
	putc(sizeof(long), to);
	put32(to, t->subbuf);
	ret = put_header(to, "header_page");
	if (!ret)
		ret = put_header(to, "header_event");
	if (!ret)
		ret = put_events(to, "ftrace", false);
	put32(to, 1);
	if (!ret)
		ret = put_events(to, t->system, true);
	/* No addresses of functions, and no formats of trace_printk(). */
	put32(to, 0);
	put32(to, 0);
	put64(to, strlen(t->names));
	put(to, t->names, strlen(t->names));
	return ret;
}

static int copy(FILE *to, const struct tracedat_cpu *cpu, uint64_t bytes)
{
	char buf[1 << 16];
	uint64_t at;
	ssize_t n;

	for (at = 0; at < bytes; at += n) {
		n = pread(cpu->fd, buf, sizeof(buf), at);
		if (n <= 0)
			return n ? -errno : -EIO;
		put(to, buf, n);
		if (ferror(to))
			return -errno;
	}
	return 0;
}

static uint64_t round_up(uint64_t at, size_t to)
{
	return (at + to - 1) / to * to;
}

int tracedat_write(FILE *to, const struct tracedat *t)
{
	unsigned int cpu;
	uint64_t at;
	int ret;

	ret = put_descriptions(to, t);
	if (ret)
		return ret;
	put32(to, t->cpus);
	put_options(to, t);
	put(to, "flyrecord", 10);
	at = round_up(ftello(to) + t->cpus * 16, t->subbuf);
	for (cpu = 0; cpu < t->cpus; cpu++) {
		put64(to, at);
		put64(to, t->cpu[cpu].bytes);
		at += t->cpu[cpu].bytes;
	}
	while (!ferror(to) && ftello(to) % (off_t)t->subbuf)
		putc(0, to);
	for (cpu = 0; cpu < t->cpus && !ret; cpu++)
		ret = copy(to, &t->cpu[cpu], t->cpu[cpu].bytes);
	if (!ret && (fflush(to) || ferror(to)))
		ret = -errno;
	return ret;
}
