// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm demo: watch memory migrate to the device and back.
 *
 * Owns one stretch of plain malloc memory at a time, first in small pages, then
 * in huge ones, and beside it what must be in it: a second copy that nothing
 * but this program ever changes. Every step that claims something checks it,
 * against that copy or against a snapshot. Every figure is measured.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "demo_queue.h"
#include "fields.h"
#include "picture.h"
#include "progress.h"
#include "vsvm.h"

#define MIB		(1024UL * 1024)
#define HUGE		(2 * MIB)
#define PICTURE_CELLS	256
#define DEFAULT_MIB	16

/* How often memory that was busy for a moment is asked to move again. */
#define TRIES		5

enum figure {
	TO_DEVICE,
	DEVICE_READS,
	DEVICE_WRITES,
	CPU_FAULTS,
	TO_SYSTEM,
	FIGURES,
};

static const char *const figure_names[FIGURES] = {
	[TO_DEVICE] = "moved to the device",
	[DEVICE_READS] = "read by the device",
	[DEVICE_WRITES] = "written by the device",
	[CPU_FAULTS] = "to system by CPU faults",
	[TO_SYSTEM] = "moved to system memory",
};

struct demo {
	struct vsvm *v;
	struct drm_vsvm_info info;
	bool huge;
	bool hold;		/* wait while it is on the device */
	size_t size;
	unsigned char *mem;	/* what moves */
	unsigned char *expect;	/* what must be in it */
	unsigned char *got;	/* what the device says is in it */
	bool failed;
	struct {
		uint64_t bytes;
		double seconds;
	} figures[FIGURES];
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void count(struct demo *d, enum figure f, uint64_t bytes, double seconds)
{
	d->figures[f].bytes += bytes;
	d->figures[f].seconds += seconds;
}

/* Say where the pages are; @picture is the caller's to free. */
static int look(struct demo *d, struct picture *picture)
{
	int ret = picture_take(picture, d->v, d->mem, d->size, d->info.page_size,
			       PICTURE_CELLS);

	if (ret)
		complain(ret, "snapshot");
	else
		picture_print(picture, stdout);
	return ret;
}

/* Complain unless all of a stretch is in one place. */
static int must_be(struct demo *d, size_t from, size_t len, unsigned int place)
{
	char have[SIZE_TEXT], want[SIZE_TEXT];
	struct picture picture;
	uint64_t bytes;
	int ret;

	ret = picture_take(&picture, d->v, d->mem + from, len,
			   d->info.page_size, 1);
	if (ret) {
		complain(ret, "snapshot");
		return ret;
	}

	bytes = picture_bytes(&picture, place);
	if (bytes != len) {
		complain(0, "only %s of %s are in place '%s'",
			 size_text(bytes, have), size_text(len, want),
			 vsvm_place_name(place));
		d->failed = true;
	}
	picture_free(&picture);
	return 0;
}

/* Compare bytes of the stretch, as CPU or device read them, with what must be there. */
static void must_equal(struct demo *d, const char *who, const unsigned char *seen,
		       size_t from, size_t len)
{
	const unsigned char *want = d->expect + from;
	size_t wrong = 0, first = 0, i;

	if (memcmp(seen, want, len)) {
		for (i = len; i-- > 0; ) {
			if (seen[i] == want[i])
				continue;
			wrong++;
			first = i;
		}
		complain(0, "%s: %zu of %zu bytes are wrong, the first at offset %zu: %#x, not %#x",
			 who, wrong, len, from + first, seen[first], want[first]);
		d->failed = true;
		return;
	}
	printf("    %s: %zu bytes, all right\n", who, len);
}

static uint64_t momentary(const struct drm_vsvm_migrate *r)
{
	return r->stayed[DRM_VSVM_STAY_PINNED] + r->stayed[DRM_VSVM_STAY_BUSY];
}

/* A piece of the way; what is busy for a moment gets another try. */
static int move_piece(struct demo *d, void *addr, size_t len, uint32_t target,
		      struct drm_vsvm_migrate *sum)
{
	struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct drm_vsvm_migrate r;
	unsigned int i, tries;
	double start;
	int ret;

	for (tries = 0;; tries++) {
		start = now();
		ret = vsvm_migrate(d->v, addr, len, target, 0, &r);
		count(d, target == DRM_VSVM_TARGET_DEVICE ? TO_DEVICE : TO_SYSTEM,
		      r.moved, now() - start);
		sum->moved += r.moved;
		if (ret)
			return ret;
		if (!momentary(&r) || tries == TRIES)
			break;
		nanosleep(&pause, NULL);
	}

	for (i = 0; i < DRM_VSVM_STAY_MAX; i++)
		sum->stayed[i] += r.stayed[i];
	return 0;
}

static void print_stayed(const struct drm_vsvm_migrate *sum)
{
	const char *name;
	char size[SIZE_TEXT];
	unsigned int i;

	for (i = 0; i < DRM_VSVM_STAY_MAX; i++) {
		if (!sum->stayed[i])
			continue;
		name = vsvm_stay_name(i);
		printf("    stayed: %s, reason: %s\n",
		       size_text(sum->stayed[i], size), name ? name : "unknown");
	}
}

/* All of it, in pieces no smaller than a huge page so that none is split. */
static int move(struct demo *d, uint32_t target)
{
	bool away = target == DRM_VSVM_TARGET_DEVICE;
	size_t piece = (d->size / HUGE / 40 + 1) * HUGE;
	struct drm_vsvm_migrate sum = { 0 };
	struct progress bar;
	size_t at, len;
	int ret = 0;

	progress_start(&bar, away ? "to the device" : "to the system", d->size);
	for (at = 0; at < d->size && !ret; at += len) {
		len = d->size - at < piece ? d->size - at : piece;
		ret = move_piece(d, d->mem + at, len, target, &sum);
		if (!ret)
			progress_at(&bar, at + len);
	}
	progress_finish(&bar);

	print_stayed(&sum);
	if (ret)
		complain(ret, "migrate");
	return ret;
}

static int step_write(struct demo *d)
{
	uint64_t state = 0x9e3779b97f4a7c15 + d->huge;
	uint64_t *words = (uint64_t *)d->expect;
	struct picture picture;
	size_t i;
	int ret;

	printf("1. The CPU writes a pattern. Where its pages live:\n");
	for (i = 0; i < d->size / sizeof(*words); i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		words[i] = state ^ (state >> 29);
	}
	memcpy(d->mem, d->expect, d->size);

	ret = look(d, &picture);
	if (ret)
		return ret;
	if (d->huge && picture_bytes(&picture, DRM_VSVM_PLACE_SYSTEM) !=
		       picture.huge[DRM_VSVM_PLACE_SYSTEM])
		printf("    (the kernel did not give huge pages for all of it)\n");
	picture_free(&picture);
	return 0;
}

static int step_away(struct demo *d)
{
	struct picture picture;
	int ret;

	printf("2. It moves to the device.\n");
	ret = move(d, DRM_VSVM_TARGET_DEVICE);
	if (ret)
		return ret;
	ret = look(d, &picture);
	if (ret)
		return ret;
	picture_free(&picture);
	return must_be(d, 0, d->size, DRM_VSVM_PLACE_DEVICE);
}

static int device_reads(struct demo *d, size_t from, size_t len)
{
	double start;
	size_t done;
	int ret;

	/* Also so that what is measured is not the first touch of this buffer. */
	memset(d->got, 0, len);
	start = now();
	ret = vsvm_read(d->v, d->mem + from, d->got, len, &done);
	count(d, DEVICE_READS, done, now() - start);
	if (ret) {
		complain(ret, "device read, after %zu bytes", done);
		return ret;
	}
	must_equal(d, "the device reads", d->got, from, len);
	return 0;
}

static int step_device(struct demo *d)
{
	/* Begins and ends somewhere inside a page. */
	size_t from = d->size / 4 + 1237, len = d->size / 8 + 331, done, i;
	double start;
	int ret;

	printf("3. The device reads all of it there, changes a part, reads the part again.\n");
	ret = device_reads(d, 0, d->size);
	if (ret)
		return ret;

	for (i = 0; i < len; i++)
		d->expect[from + i] ^= 0xff;
	start = now();
	ret = vsvm_write(d->v, d->mem + from, d->expect + from, len, &done);
	count(d, DEVICE_WRITES, done, now() - start);
	if (ret) {
		complain(ret, "device write, after %zu bytes", done);
		return ret;
	}
	printf("    the device writes: %zu bytes at offset %zu\n", done, from);

	ret = device_reads(d, from, len);
	if (ret)
		return ret;
	return must_be(d, 0, d->size, DRM_VSVM_PLACE_DEVICE);
}

/* Until a line comes, or the end of standard input. */
static int step_hold(struct demo *d)
{
	int c;

	if (!d->hold)
		return 0;
	printf("   It stays there until Enter: vsvm where %d shows it.\n", getpid());
	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
	return 0;
}

static int step_touch(struct demo *d)
{
	size_t from = d->size / 2, len = d->size / 4, page = d->info.page_size, i;
	bool coherent = d->info.kind == DRM_VSVM_KIND_COHERENT;
	struct picture picture;
	double start, seconds;
	uint64_t before;
	int ret;

	printf("4. The CPU changes a byte in each page of the third quarter: these %s.\n",
	       coherent ? "stay, the CPU reaches them" :
			  "migrate to system memory");
	ret = picture_take(&picture, d->v, d->mem, d->size, page, 1);
	if (ret) {
		complain(ret, "snapshot");
		return ret;
	}
	before = picture_bytes(&picture, DRM_VSVM_PLACE_DEVICE);
	picture_free(&picture);

	for (i = from; i < from + len; i += page)
		d->expect[i]++;
	start = now();
	for (i = from; i < from + len; i += page)
		d->mem[i]++;
	seconds = now() - start;

	ret = look(d, &picture);
	if (ret)
		return ret;
	count(d, CPU_FAULTS, before - picture_bytes(&picture, DRM_VSVM_PLACE_DEVICE),
	      seconds);
	picture_free(&picture);

	ret = must_be(d, from, len, coherent ? DRM_VSVM_PLACE_DEVICE :
					       DRM_VSVM_PLACE_SYSTEM);
	if (ret)
		return ret;
	must_equal(d, "the CPU reads", d->mem + from, from, len);
	/* Now it lies in both memories. */
	return device_reads(d, 0, d->size);
}

static int step_home(struct demo *d)
{
	struct picture picture;
	int ret;

	printf("5. The rest migrates to system memory.\n");
	ret = move(d, DRM_VSVM_TARGET_SYSTEM);
	if (ret)
		return ret;
	ret = look(d, &picture);
	if (ret)
		return ret;
	picture_free(&picture);
	ret = must_be(d, 0, d->size, DRM_VSVM_PLACE_SYSTEM);
	if (ret)
		return ret;
	must_equal(d, "the CPU reads", d->mem, 0, d->size);
	return 0;
}

static void print_figures(const struct demo *d)
{
	double mib, seconds;
	unsigned int i;

	printf("\n    %-24s %12s %9s %9s\n", "", "bytes", "ms", "MiB/s");
	for (i = 0; i < FIGURES; i++) {
		mib = (double)d->figures[i].bytes / MIB;
		seconds = d->figures[i].seconds;
		printf("    %-24s %12llu %9.1f %9.1f\n", figure_names[i],
		       (unsigned long long)d->figures[i].bytes, seconds * 1e3,
		       seconds > 0 ? mib / seconds : 0);
	}
	putchar('\n');
}

static int allocate(struct demo *d)
{
	d->mem = aligned_alloc(HUGE, d->size);
	d->expect = malloc(d->size);
	d->got = malloc(d->size);
	if (!d->mem || !d->expect || !d->got)
		return -ENOMEM;

	/* Refused where the kernel has no huge pages at all: nothing to choose. */
	if (madvise(d->mem, d->size, d->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) &&
	    d->huge)
		printf("    (this kernel has no transparent huge pages)\n");
	return 0;
}

/* 0: it ran to the end, see @failed. */
static int run_part(struct demo *d)
{
	static int (*const steps[])(struct demo *d) = {
		step_write, step_away, step_device, step_hold, step_touch,
		step_home,
	};
	char size[SIZE_TEXT], page[SIZE_TEXT];
	unsigned int i;
	int ret;

	printf("%s of malloc memory in %s pages\n\n", size_text(d->size, size),
	       size_text(d->huge ? HUGE : d->info.page_size, page));
	memset(d->figures, 0, sizeof(d->figures));

	ret = allocate(d);
	if (ret)
		complain(ret, "%s", size);
	for (i = 0; i < ARRAY_SIZE(steps) && !ret; i++)
		ret = steps[i](d);
	if (!ret)
		print_figures(d);

	free(d->got);
	free(d->expect);
	free(d->mem);
	return ret;
}

struct options {
	unsigned int device;
	size_t size;
	bool small;
	bool huge;
	bool hold;
	bool queue;
};

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Use device number N (default: 0)", 0 },
	{ "size", 's', "MIB", 0,
	  "Use MIB of memory, rounded up to an even number (default: 16)", 0 },
	{ "small", 'S', NULL, 0, "Only with small pages", 0 },
	{ "huge", 'H', NULL, 0, "Only with huge pages", 0 },
	{ "hold", 'w', NULL, 0, "Wait for Enter while the memory is on the device", 0 },
	{ "queue", 'q', NULL, 0,
	  "Show eight processes for which two devices work by themselves; alone", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;
	unsigned long number;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 1023, &number))
			argp_error(state, "not a device number: '%s'", arg);
		opts->device = number;
		return 0;
	case 's':
		if (!parse_number(arg, 1, 1024 * 1024, &number))
			argp_error(state, "not a size in MiB: '%s'", arg);
		opts->size = (number + 1) / 2 * HUGE;
		return 0;
	case 'S':
		opts->small = true;
		return 0;
	case 'H':
		opts->huge = true;
		return 0;
	case 'w':
		opts->hold = true;
		return 0;
	case 'q':
		opts->queue = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define DOC_BEFORE "Move plain memory to a vsvm device and back, show where its pages live meanwhile, and check every byte."
#define DOC_AFTER "Runs with small pages, then with huge ones, unless told otherwise. The exit status is 0 only if every byte was right and all that had to move did."

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = DOC_BEFORE "\v" DOC_AFTER,
};

static int run(const struct options *opts)
{
	struct demo d = { .size = opts->size, .hold = opts->hold };
	char size[SIZE_TEXT], used[SIZE_TEXT];
	int ret;

	ret = open_device(opts->device, &d.v);
	if (ret)
		return EXIT_WRONG;

	ret = vsvm_info(d.v, &d.info);
	if (ret) {
		complain(ret, "info");
		goto out_close;
	}
	printf("vsvm device %u: %s of memory, %s used\n\n", d.info.device,
	       size_text(d.info.vram_size, size),
	       size_text(d.info.vram_used, used));
	if (d.size > d.info.vram_size) {
		complain(0, "%zu MiB are more than the device has", d.size / MIB);
		ret = -ENOSPC;
		goto out_close;
	}

	if (opts->small || !opts->huge)
		ret = run_part(&d);
	d.huge = true;
	if (!d.info.huge_size)
		printf("(the device has no huge pages)\n");
	else if (!ret && (opts->huge || !opts->small))
		ret = run_part(&d);
	if (!ret && !d.failed)
		printf("Every byte was right, all that had to move did.\n");

out_close:
	vsvm_close(d.v);
	return ret || d.failed ? EXIT_WRONG : EXIT_OK;
}

int cmd_demo(int argc, char **argv)
{
	struct options opts = { .size = DEFAULT_MIB * MIB };

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	return opts.queue ? demo_queue() : run(&opts);
}
