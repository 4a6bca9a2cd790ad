// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters for tests, see vt_counters.h. Without stdio, whose buffers would come and go
 * and be counted.
 */
#include <stdio.h>
#include <string.h>

#include "vt.h"
#include "vt_counters.h"

char vt_text[256 * 1024];

ssize_t vt_text_get(const char *path)
{
	return vt_file_read(path, vt_text, sizeof(vt_text));
}

/* "[vsvm-]NAME[:] NUMBER" a line. */
static void parse(struct vt_counters *c, const char *prefix)
{
	size_t skip = strlen(prefix);
	const char *line;

	c->nr = 0;
	for (line = vt_text; line && c->nr < VT_COUNTERS; line = vt_next_line(line)) {
		if (strncmp(line, prefix, skip))
			continue;
		if (sscanf(line + skip, "%47[a-z-]%*[: \t]%lu",
			   c->all[c->nr].name, &c->all[c->nr].value) == 2)
			c->nr++;
	}
}

int vt_fdinfo_get(struct vsvm *v)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", vsvm_fd(v));
	return vt_text_get(path) > 0 ? 0 : -1;
}

uint64_t vt_key(const char *name)
{
	size_t len = strlen(name);
	const char *line;
	uint64_t number;
	char unit[8];
	int n;

	for (line = vt_text; line; line = vt_next_line(line)) {
		if (strncmp(line, name, len) || line[len] != ':')
			continue;
		n = sscanf(line + len + 1, "%lu%*[ ]%7[KMiB]", &number, unit);
		if (n == 2)
			number *= !strcmp(unit, "MiB") ? VT_MIB : 1024;
		return n >= 1 ? number : ~0ULL;
	}
	return ~0ULL;
}

int vt_counters_look(struct vsvm *v, struct vt_counters *file,
		     struct vt_counters *device)
{
	if (VT_BAD(vt_text_get(VT_DEBUGFS "counters") <= 0))
		return -1;
	parse(device, "");
	if (VT_BAD(vt_fdinfo_get(v)))
		return -1;
	parse(file, "vsvm-");
	return 0;
}

uint64_t vt_counter(const struct vt_counters *c, const char *name)
{
	int i;

	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->all[i].name, name))
			return c->all[i].value;
	return ~0ULL;
}

static long counter_in(const struct vt_counters *c, const char *name)
{
	uint64_t value = vt_counter(c, name);

	return value == ~0ULL ? vt_wrong("there is no counter %s", name) :
				(long)value;
}

long vt_file_counter(struct vsvm *v, const char *name)
{
	static struct vt_counters c;

	if (VT_BAD(vt_fdinfo_get(v)))
		return -1;
	parse(&c, "vsvm-");
	return counter_in(&c, name);
}

long vt_device_counter(const char *name)
{
	static struct vt_counters c;

	if (VT_BAD(vt_text_get(VT_DEBUGFS "counters") <= 0))
		return -1;
	parse(&c, "");
	return counter_in(&c, name);
}

int vt_moved(struct vsvm *v, const struct vt_counters *file,
	     const struct vt_counters *device, const char *name, uint64_t by)
{
	static struct vt_counters f, d;
	uint64_t in_file, in_device;

	if (VT_BAD(vt_counters_look(v, &f, &d)))
		return -1;
	in_file = vt_counter(&f, name) - vt_counter(file, name);
	in_device = vt_counter(&d, name) - vt_counter(device, name);
	if (vt_counter(&f, name) != ~0ULL && vt_counter(&d, name) != ~0ULL &&
	    in_file == by && in_device == by)
		return 0;
	fprintf(stderr, "# %s: file %+ld, device %+ld, should be %+ld\n", name,
		(long)in_file, (long)in_device, (long)by);
	return -1;
}
