// SPDX-License-Identifier: GPL-2.0-only
/* What the examples with programs for the device share, see example.h. */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "example.h"

#define BUDGET	(1ULL << 40)	/* instructions; a mistake ends, and so does ^C */

static const char *const ways[EXAMPLE_WAYS] = { "in place", "moving" };

/* Of the way that is measured. */
static struct {
	double seconds;
	unsigned long long faults;
	unsigned long long pages;
} before;

void example_begin(struct example *e, int argc, char **argv, const char *name)
{
	char path[256];
	int ret;

	snprintf(path, sizeof(path), VSVM_PROGRAMS "/%s.elf", name);
	if (argc > 2)
		errx(2, "usage: %s [PROGRAM]", name);
	ret = vsvm_open(0, &e->v);
	if (ret)
		errx(1, "no vsvm device: %s", strerror(-ret));
	ret = vsvm_program_open(e->v, argc == 2 ? argv[1] : path, &e->p);
	if (ret)
		errx(1, "%s: %s", argc == 2 ? argv[1] : path, strerror(-ret));
	printf("%-10s %-9s %9s %9s %12s\n", "example", "memory", "ms", "faults", "pages moved");
}

void example_end(struct example *e)
{
	vsvm_program_close(e->p);
	vsvm_close(e->v);
}

/* What fdinfo has of the handle: faults of both sides, and pages that moved either way. */
static void counters(const struct example *e, unsigned long long *faults,
		     unsigned long long *pages)
{
	char line[256], name[64];
	unsigned long long n;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", vsvm_fd(e->v));
	f = fopen(line, "re");
	if (!f)
		err(1, "%s", line);
	*faults = *pages = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "vsvm-%63[^:]: %llu", name, &n) != 2)
			continue;
		if (!strcmp(name, "device-faults") || !strcmp(name, "cpu-faults"))
			*faults += n;
		if (!strcmp(name, "to-device-pages") || !strncmp(name, "home-", 5))
			*pages += n;
	}
	fclose(f);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void example_way(struct example *e, unsigned int way)
{
	const struct drm_vsvm_advice advice = {
		.on_fault = way ? DRM_VSVM_ON_FAULT_MIGRATE : DRM_VSVM_ON_FAULT_IN_PLACE,
	};
	int ret = vsvm_advise_file(e->v, DRM_VSVM_ADVISE_ON_FAULT, &advice);

	if (ret)
		errx(1, "advice: %s", strerror(-ret));
	e->way = way;
	counters(e, &before.faults, &before.pages);
	before.seconds = now();
}

void example_run(struct example *e, const char *function, void *arg, uint64_t items)
{
	struct drm_vsvm_queue_status s;
	const char *name = NULL;
	uint64_t offset, linked;
	int ret = vsvm_program_run(e->p, function, arg, items, BUDGET, &s);

	if (ret == -EIO && !vsvm_program_find(e->p, s.pc, &name, &offset, &linked))
		errx(1, "%s+%#" PRIx64 " (%#" PRIx64 "): %s, address %#" PRIx64,
		     name ? name : "?", offset, linked, strerror(s.error), (uint64_t)s.addr);
	if (ret)
		errx(1, "%s: %s", function, strerror(-ret));
}

void example_figures(struct example *e, const char *what)
{
	double seconds = now() - before.seconds;
	unsigned long long faults, pages;

	counters(e, &faults, &pages);
	printf("%-10s %-9s %9.1f %9llu %12llu\n", what, ways[e->way], seconds * 1e3,
	       faults - before.faults, pages - before.pages);
}

void *example_alloc(size_t bytes)
{
	void *mem = calloc(1, bytes);

	if (!mem)
		err(1, "%zu bytes", bytes);
	return mem;
}

uint64_t example_draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}
