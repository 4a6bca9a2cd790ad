// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm where: where the pages of a process live.
 *
 * The driver tells a process about its own memory alone. So this looks at another
 * process as every process may that may trace it. The mappings come from smaps. The
 * populated stretches come from PAGEMAP_SCAN, whose cost follows what is populated,
 * not the range. What a stretch is comes from pagemap: there a page of private device
 * memory is an entry of a special swap type with the device's pfn in it, and
 * /proc/iomem says which device has that pfn. Both need CAP_SYS_ADMIN. Without it a
 * page that is not present is swapped out or on a device, and smaps says how much of
 * each.
 *
 * Owns the runs of one mapping at a time.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "fields.h"
#include "pagemap_scan.h"
#include "vsvm.h"

#define PAGE		4096UL
#define CELLS		64U
#define MAX_RANGES	64U
#define MAX_DEVICES	16U
#define ENTRIES		4096U
#define REGIONS		512U

/* pagemap, see Documentation/admin-guide/mm/pagemap.rst. */
#define PM_PRESENT	(1ULL << 63)
#define PM_SWAP		(1ULL << 62)
#define PM_FILE		(1ULL << 61)
#define PM_FRAME	((1ULL << 55) - 1)
#define SWAP_TYPE_BITS	5

/*
 * The special swap types stand at the end of 32, counted from there: they are
 * the same in each kernel that has device memory at all.
 */
enum swap_type {
	SWAP_POISON = 24,
	SWAP_MIGRATION = 25,		/* and two more */
	SWAP_DEVICE = 28,		/* and one more: write, read */
	SWAP_EXCLUSIVE = 30,
	SWAP_MARKER = 31,
};

enum place {
	ABSENT,
	ZERO,
	SYSTEM,
	FILE_PAGE,
	DEVICE,
	COHERENT,
	FOREIGN,
	TAKEN,
	SWAPPED,
	MOVING,
	POISON,
	HIDDEN,
	PLACES,
};

static const struct {
	char small;
	char huge;
	const char *name;	/* in JSON */
	const char *text;
	bool in_rss;		/* smaps counts it there */
} places[PLACES] = {
	[ABSENT] = { '.', '.', "absent", "absent", false },
	[ZERO] = { 'z', 'Z', "zero", "zero page", false },
	[SYSTEM] = { 's', 'S', "system", "system memory", true },
	[FILE_PAGE] = { 'f', 'F', "file", "file or shared", true },
	[DEVICE] = { 'd', 'D', "device", "device", true },
	[COHERENT] = { 'c', 'C', "coherent", "coherent device", true },
	[FOREIGN] = { 'o', 'O', "foreign", "another driver's device", true },
	[TAKEN] = { 'x', 'X', "exclusive", "exclusive to a device", true },
	[SWAPPED] = { 'w', 'W', "swap", "swapped out", false },
	[MOVING] = { 'm', 'M', "moving", "moving just now", true },
	[POISON] = { '!', '!', "poison", "lost to an error", true },
	[HIDDEN] = { '?', '?', "hidden", "swapped out or on a device", false },
};

#define MIXED	'+'

struct run {
	uint64_t start;
	uint64_t bytes;
	enum place place;
	unsigned int device;
	bool huge;
};

/* How much is in each place, and on each device. */
struct sums {
	uint64_t in[PLACES];
	uint64_t on[MAX_DEVICES];
};

/* One mapping, as smaps has it, and the part of it that was asked for. */
struct mapping {
	uint64_t start, end;
	uint64_t from, to;
	char perms[8];
	char name[256];
	uint64_t rss, swap;
	char flags[256];
	struct run *runs;
	size_t nr_runs, room;
	struct sums sums;
};

struct range {
	uint64_t start, end;	/* end 0: the mapping that @start is in */
	bool seen;
};

struct where {
	int pid;
	int pagemap;
	bool json;
	bool all;
	bool sees;		/* pagemap tells frames and swap types */
	bool one;		/* only mappings with pages on @device */
	unsigned int device;
	struct sums total;	/* of the mappings that were shown */
	struct range ranges[MAX_RANGES];
	size_t nr_ranges;
	struct {
		uint64_t first, last;	/* pfns; last 0: no such device */
	} devices[MAX_DEVICES];
	struct json_object *list;
};

static const struct argp_option argp_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON, sizes in bytes", 0 },
	{ "all", 'a', NULL, 0, "Also mappings without a page", 0 },
	{ "device", 'd', "N", 0, "Only mappings with pages on device number N", 0 },
	{ 0 },
};

/* ADDR, ADDR-END or ADDR+BYTES in hexadecimal, as /proc/PID/maps has them. */
static bool parse_range(const char *text, struct range *r)
{
	char *end;

	errno = 0;
	r->start = strtoull(text, &end, 16);
	if (end == text || *text == '-' || errno)
		return false;
	if (*end == '-' || *end == '+') {
		bool sum = *end == '+';

		text = end + 1;
		r->end = strtoull(text, &end, 16);
		if (end == text || *text == '-' || errno)
			return false;
		if (sum)
			r->end += r->start;
		r->end = (r->end + PAGE - 1) & -PAGE;
		if (r->end <= r->start)
			return false;
	}
	r->start &= -PAGE;
	return !*end;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct where *w = state->input;
	unsigned long pid, device;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, MAX_DEVICES - 1, &device))
			argp_error(state, "not a device number: '%s'", arg);
		w->device = device;
		w->one = true;
		return 0;
	case 'j':
		w->json = true;
		return 0;
	case 'a':
		w->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!state->arg_num) {
			if (!parse_number(arg, 1, 1UL << 22, &pid))
				argp_error(state, "not a process: '%s'", arg);
			w->pid = pid;
			return 0;
		}
		if (w->nr_ranges == MAX_RANGES)
			argp_error(state, "more than %u ranges", MAX_RANGES);
		if (!parse_range(arg, &w->ranges[w->nr_ranges++]))
			argp_error(state, "not an address or range: '%s'", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "PID [ADDR|ADDR-END|ADDR+BYTES...]",
	.doc = "Show where the pages of a process live. Addresses and BYTES are hexadecimal.",
};

/* The pfns of each device; all zero for a caller without CAP_SYS_ADMIN. */
static void find_devices(struct where *w)
{
	unsigned long long first, last;
	unsigned int device;
	char line[256];
	FILE *f;

	f = fopen("/proc/iomem", "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %llx-%llx : vsvm.%u", &first, &last,
			   &device) != 3 || device >= MAX_DEVICES || !last)
			continue;
		w->devices[device].first = first / PAGE;
		w->devices[device].last = last / PAGE;
	}
	fclose(f);
}

static bool device_of(const struct where *w, uint64_t pfn, unsigned int *out)
{
	unsigned int i;

	for (i = 0; i < MAX_DEVICES; i++) {
		if (!w->devices[i].last || pfn < w->devices[i].first ||
		    pfn > w->devices[i].last)
			continue;
		*out = i;
		return true;
	}
	return false;
}

static int add_run(struct mapping *map, const struct run *run)
{
	struct run *last = map->nr_runs ? &map->runs[map->nr_runs - 1] : NULL;
	struct run *more;
	size_t room;

	map->sums.in[run->place] += run->bytes;
	if (run->place == DEVICE || run->place == COHERENT)
		map->sums.on[run->device] += run->bytes;
	if (last && last->place == run->place && last->huge == run->huge &&
	    last->device == run->device) {
		last->bytes += run->bytes;
		return 0;
	}
	if (map->nr_runs == map->room) {
		room = map->room ? 2 * map->room : 64;
		more = realloc(map->runs, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		map->runs = more;
		map->room = room;
	}
	map->runs[map->nr_runs++] = *run;
	return 0;
}

static enum place swap_place(const struct where *w, uint64_t entry,
			     unsigned int *device)
{
	unsigned int type = entry & ((1U << SWAP_TYPE_BITS) - 1);
	uint64_t offset = (entry & PM_FRAME) >> SWAP_TYPE_BITS;

	switch (type) {
	case SWAP_POISON:
		return POISON;
	case SWAP_MIGRATION ... SWAP_MIGRATION + 2:
		return MOVING;
	case SWAP_DEVICE ... SWAP_DEVICE + 1:
		return device_of(w, offset, device) ? DEVICE : FOREIGN;
	case SWAP_EXCLUSIVE:
		return TAKEN;
	case SWAP_MARKER:
		return ABSENT;
	default:
		return SWAPPED;
	}
}

static enum place entry_place(const struct where *w, uint64_t entry,
			      bool zero, unsigned int *device)
{
	*device = 0;
	if (entry & PM_PRESENT) {
		if (zero)
			return ZERO;
		if (w->sees && device_of(w, entry & PM_FRAME, device))
			return COHERENT;
		return entry & PM_FILE ? FILE_PAGE : SYSTEM;
	}
	if (!(entry & PM_SWAP))
		return ABSENT;
	return w->sees ? swap_place(w, entry, device) : HIDDEN;
}

/* A stretch whose pages the scan found to be in one state. */
static int add_region(struct where *w, struct mapping *map,
		      const struct scan_region *region)
{
	static uint64_t entries[ENTRIES];
	struct run run = { .huge = region->categories & SCAN_HUGE };
	uint64_t at, nr, i;
	ssize_t got;
	int ret;

	run.bytes = PAGE;
	for (at = region->start; at < region->end; at += nr * PAGE) {
		nr = (region->end - at) / PAGE;
		if (nr > ENTRIES)
			nr = ENTRIES;
		got = pread(w->pagemap, entries, nr * sizeof(*entries),
			    at / PAGE * sizeof(*entries));
		if (got < (ssize_t)sizeof(*entries))
			return got < 0 ? -errno : -ESRCH;
		nr = got / sizeof(*entries);
		for (i = 0; i < nr; i++) {
			run.start = at + i * PAGE;
			run.place = entry_place(w, entries[i],
						region->categories & SCAN_ZERO,
						&run.device);
			ret = add_run(map, &run);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int add_gap(struct mapping *map, uint64_t start, uint64_t end)
{
	struct run run = {
		.start = start,
		.bytes = end - start,
		.place = ABSENT,
	};

	return end > start ? add_run(map, &run) : 0;
}

static int scan(struct where *w, struct mapping *map)
{
	static struct scan_region regions[REGIONS];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = map->from,
		.end = map->to,
		.vec = (uintptr_t)regions,
		.vec_len = REGIONS,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_ZERO |
			       SCAN_HUGE,
	};
	uint64_t at = map->from;
	int nr, i, ret;

	while (arg.start < map->to) {
		nr = ioctl(w->pagemap, SCAN_PAGEMAP, &arg);
		if (nr < 0)
			return -errno;
		for (i = 0; i < nr; i++) {
			ret = add_gap(map, at, regions[i].start);
			if (!ret)
				ret = add_region(w, map, &regions[i]);
			if (ret)
				return ret;
			at = regions[i].end;
		}
		/* Never go round for ever, whatever the kernel says. */
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return add_gap(map, at, map->to);
}

static bool has_flag(const struct mapping *map, const char *flag)
{
	const char *at = strstr(map->flags, flag);

	return at && (at[2] == ' ' || !at[2]);
}

/*
 * Do smaps and what was found here agree? NULL: yes; or why not. Only a whole
 * mapping can be compared.
 */
static const char *compare(const struct where *w, const struct mapping *map)
{
	uint64_t rss = 0, swap = map->sums.in[SWAPPED];
	int i;

	if (map->from != map->start || map->to != map->end)
		return "only a part of the mapping was looked at";
	for (i = 0; i < PLACES; i++)
		if (places[i].in_rss)
			rss += map->sums.in[i];
	if (!w->sees && rss + map->sums.in[HIDDEN] == map->rss + map->swap)
		return NULL;
	if (w->sees && rss == map->rss && swap == map->swap)
		return NULL;
	if (has_flag(map, "ht"))
		return "smaps does not count hugetlb pages in Rss";
	if (has_flag(map, "pf") || has_flag(map, "io") || has_flag(map, "mm"))
		return "a mapping of a driver or of the kernel: not all of it is in Rss";
	if (has_flag(map, "sh") && rss == map->rss)
		return "smaps counts shared memory that is swapped out for everybody";
	return "the process changed it meanwhile";
}

/* A character for each power of two of pages, so that a row is enough. */
static void print_cells(const struct mapping *map)
{
	uint64_t len = map->to - map->from, cell = PAGE, first, last;
	char cells[CELLS] = { 0 }, glyph, size[SIZE_TEXT];
	size_t i;

	while ((len - 1) / cell >= CELLS)
		cell *= 2;
	for (i = 0; i < map->nr_runs; i++) {
		const struct run *run = &map->runs[i];

		glyph = run->huge ? places[run->place].huge :
				    places[run->place].small;
		first = (run->start - map->from) / cell;
		last = (run->start - map->from + run->bytes - 1) / cell;
		for (; first <= last && first < CELLS; first++) {
			if (cells[first] && cells[first] != glyph)
				cells[first] = MIXED;
			else
				cells[first] = glyph;
		}
	}
	printf("    %.*s  (a character: %s)\n", (int)((len - 1) / cell + 1),
	       cells, size_text(cell, size));
}

static void print_sums(const struct sums *sums)
{
	const char *comma = "    ";
	char size[SIZE_TEXT];
	unsigned int d;
	int i;

	for (i = 0; i < PLACES; i++) {
		if (!sums->in[i] || i == DEVICE || i == COHERENT)
			continue;
		printf("%s%c %s %s", comma, places[i].small, places[i].text,
		       size_text(sums->in[i], size));
		comma = ", ";
	}
	for (d = 0; d < MAX_DEVICES; d++) {
		if (!sums->on[d])
			continue;
		printf("%s%c device %u %s", comma,
		       places[sums->in[DEVICE] ? DEVICE : COHERENT].small, d,
		       size_text(sums->on[d], size));
		comma = ", ";
	}
	putchar('\n');
}

static void print_text(const struct where *w, const struct mapping *map)
{
	const char *why = compare(w, map);
	char rss[SIZE_TEXT], swap[SIZE_TEXT];

	printf("%llx-%llx %s %s\n", (unsigned long long)map->from,
	       (unsigned long long)map->to, map->perms, map->name);
	print_cells(map);
	print_sums(&map->sums);
	printf("    smaps: Rss %s, Swap %s: %s%s\n", size_text(map->rss, rss),
	       size_text(map->swap, swap), why ? "differs: " : "agrees",
	       why ? why : "");
}

static int json_runs(struct json_object *object, const struct mapping *map)
{
	struct json_object *list = json_object_new_array(), *run;
	const struct run *r;
	int bad = 0;

	if (!list || json_object_object_add(object, "runs", list))
		return -ENOMEM;
	for (r = map->runs; !bad && r < map->runs + map->nr_runs; r++) {
		run = json_object_new_object();
		if (!run || json_object_array_add(list, run))
			return -ENOMEM;
		bad |= json_object_object_add(run, "start",
				json_object_new_uint64(r->start));
		bad |= json_object_object_add(run, "bytes",
				json_object_new_uint64(r->bytes));
		bad |= json_object_object_add(run, "place",
				json_object_new_string(places[r->place].name));
		bad |= json_object_object_add(run, "huge",
				json_object_new_boolean(r->huge));
		if (r->place == DEVICE || r->place == COHERENT)
			bad |= json_object_object_add(run, "device",
					json_object_new_uint64(r->device));
	}
	return bad ? -ENOMEM : 0;
}

static int json_sums(struct json_object *object, const char *name,
		     const struct sums *sums)
{
	struct json_object *list = json_object_new_object();
	int bad, i;

	bad = json_object_object_add(object, name, list);
	for (i = 0; list && i < PLACES; i++)
		bad |= json_object_object_add(list, places[i].name,
				json_object_new_uint64(sums->in[i]));
	return bad || !list ? -ENOMEM : 0;
}

static int json_numbers(struct json_object *object, const struct mapping *map)
{
	int bad;

	bad = json_object_object_add(object, "start",
				     json_object_new_uint64(map->from));
	bad |= json_object_object_add(object, "end",
				      json_object_new_uint64(map->to));
	bad |= json_object_object_add(object, "perms",
				      json_object_new_string(map->perms));
	bad |= json_object_object_add(object, "name",
				      json_object_new_string(map->name));
	bad |= json_object_object_add(object, "smaps_rss",
				      json_object_new_uint64(map->rss));
	bad |= json_object_object_add(object, "smaps_swap",
				      json_object_new_uint64(map->swap));
	return bad ? -ENOMEM : json_sums(object, "bytes", &map->sums);
}

static int add_json(struct where *w, const struct mapping *map)
{
	struct json_object *object = json_object_new_object();
	const char *why = compare(w, map);
	int ret;

	if (!object || json_object_array_add(w->list, object))
		return -ENOMEM;
	ret = json_numbers(object, map);
	if (!ret)
		ret = json_object_object_add(object, "agrees",
					     json_object_new_boolean(!why));
	if (!ret && why)
		ret = json_object_object_add(object, "why",
					     json_object_new_string(why));
	return ret ? -ENOMEM : json_runs(object, map);
}

static bool is_wanted(const struct where *w, const struct mapping *map)
{
	if (w->one && !map->sums.on[w->device])
		return false;
	return w->all || w->nr_ranges ||
	       map->sums.in[ABSENT] != map->to - map->from;
}

static void add_up(struct sums *total, const struct sums *sums)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		total->in[i] += sums->in[i];
	for (i = 0; i < MAX_DEVICES; i++)
		total->on[i] += sums->on[i];
}

/* Looks at [from, to) of a mapping and shows it. */
static int show(struct where *w, struct mapping *map)
{
	int ret;

	ret = scan(w, map);
	if (!ret && is_wanted(w, map)) {
		add_up(&w->total, &map->sums);
		ret = w->json ? add_json(w, map) : (print_text(w, map), 0);
	}
	free(map->runs);
	map->runs = NULL;
	map->nr_runs = 0;
	map->room = 0;
	map->sums = (struct sums){ 0 };
	return ret;
}

/* The parts of a mapping that were asked for. */
static int show_parts(struct where *w, struct mapping *map)
{
	struct range *r;
	int ret = 0;

	if (!w->nr_ranges) {
		map->from = map->start;
		map->to = map->end;
		return show(w, map);
	}
	for (r = w->ranges; !ret && r < w->ranges + w->nr_ranges; r++) {
		if (r->start >= map->end ||
		    (r->end ? r->end : r->start + 1) <= map->start)
			continue;
		r->seen = true;
		map->from = map->start;
		map->to = map->end;
		if (r->end) {
			map->from = r->start > map->start ? r->start : map->start;
			map->to = r->end < map->end ? r->end : map->end;
		}
		ret = show(w, map);
	}
	return ret;
}

/* "START-END PERMS OFFSET DEV INODE NAME", the first line of a mapping. */
static bool parse_header(const char *line, struct mapping *map)
{
	unsigned long long start, end;
	char perms[8];
	int at = 0;

	if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &start, &end, perms,
		   &at) != 3 || !at)
		return false;
	memset(map, 0, sizeof(*map));
	map->start = start;
	map->end = end;
	memcpy(map->perms, perms, sizeof(perms));
	snprintf(map->name, sizeof(map->name), "%.*s",
		 (int)strcspn(line + at, "\n"), line + at);
	return true;
}

/* Goes through smaps; VmFlags ends a mapping. */
static int each_mapping(struct where *w, FILE *smaps)
{
	struct mapping map = { 0 };
	unsigned long long kib;
	char line[1024];
	int ret;

	while (fgets(line, sizeof(line), smaps)) {
		if (parse_header(line, &map))
			continue;
		if (sscanf(line, "Rss: %llu", &kib) == 1)
			map.rss = kib << 10;
		else if (sscanf(line, "Swap: %llu", &kib) == 1)
			map.swap = kib << 10;
		if (strncmp(line, "VmFlags:", 8))
			continue;
		snprintf(map.flags, sizeof(map.flags), "%.*s",
			 (int)strcspn(line + 8, "\n"), line + 8);
		/* Another architecture's gate: not in pagemap at all. */
		if (map.start >> 63)
			continue;
		ret = show_parts(w, &map);
		if (ret)
			return ret;
	}
	return ferror(smaps) ? -EIO : 0;
}

/* Frames and swap types are zero for a caller that may not see them. */
static bool sees_frames(void)
{
	static volatile char page[2 * PAGE];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	bool sees;

	page[PAGE] = 1;
	sees = fd >= 0 && pread(fd, &entry, sizeof(entry),
				(uintptr_t)&page[PAGE] / PAGE * sizeof(entry)) ==
	       sizeof(entry) && entry & PM_PRESENT && entry & PM_FRAME;
	if (fd >= 0)
		close(fd);
	return sees;
}

static int print_json(struct where *w)
{
	struct json_object *root = json_object_new_object();
	const char *text;
	int bad;

	if (!root)
		return -ENOMEM;
	bad = json_object_object_add(root, "pid", json_object_new_int(w->pid));
	bad |= json_object_object_add(root, "sees_frames",
				      json_object_new_boolean(w->sees));
	bad |= json_object_object_add(root, "mappings",
				      json_object_get(w->list));
	bad |= json_sums(root, "total", &w->total);
	text = bad ? NULL :
	       json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}

static int show_process(struct where *w)
{
	char path[64];
	FILE *smaps;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", w->pid);
	w->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (w->pagemap < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/smaps", w->pid);
	smaps = fopen(path, "re");
	ret = smaps ? each_mapping(w, smaps) : -errno;
	if (smaps)
		fclose(smaps);
	close(w->pagemap);
	return ret;
}

/* Ranges that are in no mapping are said, not passed over. */
static int say_unmapped(const struct where *w)
{
	int missing = 0;
	size_t i;

	for (i = 0; i < w->nr_ranges; i++) {
		if (w->ranges[i].seen)
			continue;
		complain(0, "nothing is mapped at %llx",
			 (unsigned long long)w->ranges[i].start);
		missing++;
	}
	return missing;
}

int cmd_where(int argc, char **argv)
{
	static struct where w;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &w);
	w.sees = sees_frames();
	find_devices(&w);
	if (w.json) {
		w.list = json_object_new_array();
		if (!w.list) {
			complain(-ENOMEM, "where");
			return EXIT_WRONG;
		}
	} else if (!w.sees) {
		puts("Without CAP_SYS_ADMIN, pagemap does not tell device memory from swap:");
		puts("'?' is either; of each mapping, smaps has in Rss what is not swap.");
	}
	ret = show_process(&w);
	if (!ret && w.json) {
		ret = print_json(&w);
	} else if (!ret) {
		puts("total");
		print_sums(&w.total);
	}
	json_object_put(w.list);
	if (ret == -ENOTTY)
		complain(0, "this kernel has no PAGEMAP_SCAN, Linux 6.7 and later have");
	else if (ret)
		complain(ret, "process %d", w.pid);
	return ret || say_unmapped(&w) ? EXIT_WRONG : EXIT_OK;
}
