// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm top: what each process does with the devices, now.
 *
 * Owns the rows of the last look and of the one before; a rate is the
 * difference. Rows come from /proc/PID/fdinfo, so they need no right but to
 * look at the process, and no device is opened. A row is a process and a
 * device: files that were duplicated or inherited are one client and count
 * once, and what the files of a process share counts once too. Who may read
 * debugfs gets a line about the queues of each device as well.
 */
#include <argp.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "fields.h"
#include "vsvm.h"

#define FDINFO_MAX	8192
#define DEBUGFS		"/sys/kernel/debug/dri"
#define MAX_DEVICES	64
#define INTERVAL	2

/* How the numbers of two files of one process become one. */
enum merge {
	MERGE_SUM,	/* each file has its own */
	MERGE_MAX,	/* both tell of the same */
};

enum number {
	DEVICE_MEMORY,
	MAPPED,
	DEVICE_FAULTS,
	CPU_FAULTS,
	TO_DEVICE,
	HOME_EXPLICIT,
	HOME_DEVICE_FAULT,
	HOME_CPU_FAULT,
	HOME_EVICTION,
	EVICTIONS,
	READ_BYTES,
	WRITTEN_BYTES,
	ATOMICS,
	INVALIDATIONS,
	ENGINE_NS,
	JOBS,
	QUEUE_FAULTS,
	QUEUES_LOST,
	LINK_TO_DEVICE,
	LINK_FAULT_TO_DEVICE,
	LINK_HOME_EXPLICIT,
	LINK_HOME_DEVICE_FAULT,
	LINK_HOME_CPU_FAULT,
	LINK_HOME_EVICTION,
	LINK_REMOTE,
	LINK_LOCAL,
	LINK_DEVICE_FAULT,
	LINK_CPU_FAULT,
	NUMBERS,
};

static const struct {
	const char *key;	/* in fdinfo */
	const char *name;	/* in JSON */
	enum merge merge;
} numbers[NUMBERS] = {
	[DEVICE_MEMORY] = { "drm-resident-device", "device_memory", MERGE_MAX },
	[MAPPED] = { "drm-resident-memory", "mapped_memory", MERGE_SUM },
	[DEVICE_FAULTS] = { "vsvm-device-faults", "device_faults", MERGE_SUM },
	[CPU_FAULTS] = { "vsvm-cpu-faults", "cpu_faults", MERGE_MAX },
	[TO_DEVICE] = { "vsvm-to-device-pages", "to_device_pages", MERGE_SUM },
	[HOME_EXPLICIT] = { "vsvm-home-explicit-pages", "home_explicit_pages",
			    MERGE_SUM },
	[HOME_DEVICE_FAULT] = { "vsvm-home-device-fault-pages",
				"home_device_fault_pages", MERGE_MAX },
	[HOME_CPU_FAULT] = { "vsvm-home-cpu-fault-pages",
			     "home_cpu_fault_pages", MERGE_MAX },
	[HOME_EVICTION] = { "vsvm-home-eviction-pages", "home_eviction_pages",
			    MERGE_MAX },
	[EVICTIONS] = { "vsvm-evicted-blocks", "evicted_blocks", MERGE_MAX },
	[READ_BYTES] = { "vsvm-read-bytes", "read_bytes", MERGE_SUM },
	[WRITTEN_BYTES] = { "vsvm-written-bytes", "written_bytes", MERGE_SUM },
	[ATOMICS] = { "vsvm-atomics", "atomics", MERGE_SUM },
	[INVALIDATIONS] = { "vsvm-invalidations", "invalidations", MERGE_SUM },
	[ENGINE_NS] = { "drm-engine-compute", "engine_ns", MERGE_SUM },
	[JOBS] = { "vsvm-jobs", "jobs", MERGE_SUM },
	[QUEUE_FAULTS] = { "vsvm-queue-faults", "queue_faults", MERGE_SUM },
	[QUEUES_LOST] = { "vsvm-queues-lost", "queues_lost", MERGE_SUM },
	[LINK_TO_DEVICE] = { "vsvm-link-to-device-ns", "link_to_device_ns", MERGE_SUM },
	[LINK_FAULT_TO_DEVICE] = { "vsvm-link-fault-to-device-ns",
				   "link_fault_to_device_ns", MERGE_SUM },
	[LINK_HOME_EXPLICIT] = { "vsvm-link-home-explicit-ns",
				 "link_home_explicit_ns", MERGE_SUM },
	[LINK_HOME_DEVICE_FAULT] = { "vsvm-link-home-device-fault-ns",
				     "link_home_device_fault_ns", MERGE_MAX },
	[LINK_HOME_CPU_FAULT] = { "vsvm-link-home-cpu-fault-ns",
				  "link_home_cpu_fault_ns", MERGE_MAX },
	[LINK_HOME_EVICTION] = { "vsvm-link-home-eviction-ns",
				 "link_home_eviction_ns", MERGE_MAX },
	[LINK_REMOTE] = { "vsvm-link-remote-ns", "link_remote_ns", MERGE_SUM },
	[LINK_LOCAL] = { "vsvm-link-local-ns", "link_local_ns", MERGE_SUM },
	[LINK_DEVICE_FAULT] = { "vsvm-link-device-fault-ns", "link_device_fault_ns",
				MERGE_SUM },
	[LINK_CPU_FAULT] = { "vsvm-link-cpu-fault-ns", "link_cpu_fault_ns", MERGE_MAX },
};

/* States of queues, as debugfs has them. */
static const char *const states[] = {
	"idle", "ready", "faulting", "waiting", "lost",
};

#define STATES	(sizeof(states) / sizeof(*states))

/* The engines of a device, and how many queues are in each state. */
struct engines {
	uint32_t device;
	uint32_t nr;
	uint32_t running;
	uint32_t queues[STATES];
};

struct row {
	int pid;
	uint32_t device;
	char command[32];
	uint64_t n[NUMBERS];
};

/* A look: rows, and the clients that were counted in them. */
struct look {
	struct row *rows;
	size_t nr;
	uint64_t *clients;
	size_t nr_clients;
	struct engines engines[MAX_DEVICES];
	size_t nr_engines;
	double when;
};

struct options {
	bool once;
	bool json;
	unsigned long interval;
	unsigned long count;
};

static const struct argp_option argp_options[] = {
	{ "once", '1', NULL, 0, "Show totals once, and end", 0 },
	{ "json", 'j', NULL, 0, "Print JSON, an object for each look", 0 },
	{ "interval", 'i', "SECONDS", 0, "Time between looks (2)", 0 },
	{ "count", 'n', "N", 0, "End after N looks", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;

	switch (key) {
	case '1':
		opts->once = true;
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	case 'i':
		if (!parse_number(arg, 1, 3600, &opts->interval))
			argp_error(state, "not 1 to 3600 seconds: '%s'", arg);
		return 0;
	case 'n':
		if (!parse_number(arg, 1, 1000000, &opts->count))
			argp_error(state, "not a number of looks: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = "Show what each process does with the vsvm devices.",
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A small file of /proc into @text; false when it is not there any more. */
static bool read_text(int dir, const char *path, char *text, size_t room)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return false;
	while (len < room - 1) {
		n = read(fd, text + len, room - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = 0;
	return n >= 0;
}

/* The number behind "KEY:" in fdinfo, in bytes where it has a unit. */
static bool find_number(const char *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);
	const char *line;
	char *unit;

	for (line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		*out = strtoull(line + len + 1, &unit, 10);
		if (!strncmp(unit, " KiB", 4))
			*out <<= 10;
		else if (!strncmp(unit, " MiB", 4))
			*out <<= 20;
		return true;
	}
	return false;
}

/* True when the client was not seen before in this look. */
static bool new_client(struct look *l, uint64_t id)
{
	uint64_t *more;
	size_t i;

	for (i = 0; i < l->nr_clients; i++)
		if (l->clients[i] == id)
			return false;
	more = realloc(l->clients, (l->nr_clients + 1) * sizeof(*more));
	if (!more)
		return false;
	l->clients = more;
	l->clients[l->nr_clients++] = id;
	return true;
}

static struct row *find_row(const struct look *l, int pid, uint32_t device)
{
	size_t i;

	for (i = 0; i < l->nr; i++)
		if (l->rows[i].pid == pid && l->rows[i].device == device)
			return &l->rows[i];
	return NULL;
}

static struct row *get_row(struct look *l, int pid, uint32_t device)
{
	struct row *row = find_row(l, pid, device), *more;
	char path[32];

	if (row)
		return row;
	more = realloc(l->rows, (l->nr + 1) * sizeof(*more));
	if (!more)
		return NULL;
	l->rows = more;
	row = &l->rows[l->nr++];
	memset(row, 0, sizeof(*row));
	row->pid = pid;
	row->device = device;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!read_text(AT_FDCWD, path, row->command, sizeof(row->command)))
		snprintf(row->command, sizeof(row->command), "?");
	row->command[strcspn(row->command, "\n")] = 0;
	return row;
}

/* One fdinfo file that @holder has. */
static void add_file(struct look *l, int holder, const char *text)
{
	uint64_t id, device, owner, value;
	struct row *row;
	int i;

	if (!strstr(text, "drm-driver:\tvsvm\n") ||
	    !find_number(text, "drm-client-id", &id) ||
	    !find_number(text, "vsvm-device", &device) || !new_client(l, id))
		return;
	/* A file that was passed on counts for whose memory it sees. */
	if (!find_number(text, "vsvm-owner", &owner) || !owner)
		owner = holder;
	row = get_row(l, owner, device);
	if (!row)
		return;
	for (i = 0; i < NUMBERS; i++) {
		if (!find_number(text, numbers[i].key, &value))
			continue;
		if (numbers[i].merge == MERGE_SUM)
			row->n[i] += value;
		else if (row->n[i] < value)
			row->n[i] = value;
	}
}

/* All files of a process; one that may not be looked at has none. */
static void add_process(struct look *l, int pid)
{
	char path[64], target[64], text[FDINFO_MAX];
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		n = readlinkat(dirfd(dir), entry->d_name, target,
			       sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		if (strncmp(target, "/dev/dri/", 9))
			continue;
		snprintf(path, sizeof(path), "../fdinfo/%.20s", entry->d_name);
		if (read_text(dirfd(dir), path, text, sizeof(text)))
			add_file(l, pid, text);
	}
	closedir(dir);
}

static int largest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->n[DEVICE_MEMORY] != y->n[DEVICE_MEMORY])
		return x->n[DEVICE_MEMORY] < y->n[DEVICE_MEMORY] ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

/* The line of a queue is "OWNER QUEUE PRIORITY STATE ..."; others have no such word. */
static void count_queue(struct engines *e, const char *line)
{
	char state[16];
	size_t i;

	if (sscanf(line, "%*d %*u %*s %15s", state) != 1)
		return;
	for (i = 0; i < STATES; i++)
		e->queues[i] += !strcmp(state, states[i]);
}

/* The queues of a device, all of whose lines are wanted, however many. */
static void add_engines(struct look *l, int dir, const char *name)
{
	struct engines *e = &l->engines[l->nr_engines];
	size_t room = 0;
	char path[300], *line = NULL;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%.255s/queues", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	memset(e, 0, sizeof(*e));
	if (getline(&line, &room, f) > 0 &&
	    sscanf(line, "device %u engines %u running %u", &e->device, &e->nr,
		   &e->running) == 3) {
		l->nr_engines++;
		while (getline(&line, &room, f) > 0)
			count_queue(e, line);
	}
	free(line);
	fclose(f);
}

static int by_device(const void *a, const void *b)
{
	const struct engines *x = a, *y = b;

	return x->device < y->device ? -1 : x->device > y->device;
}

/* What debugfs tells; nothing to who may not read it. */
static void look_at_engines(struct look *l)
{
	struct dirent *entry;
	DIR *dir = opendir(DEBUGFS);

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vsvm.", 5) &&
		    l->nr_engines < MAX_DEVICES)
			add_engines(l, dirfd(dir), entry->d_name);
	closedir(dir);
	qsort(l->engines, l->nr_engines, sizeof(*l->engines), by_device);
}

static int look_around(struct look *l)
{
	struct dirent *entry;
	DIR *dir;

	memset(l, 0, sizeof(*l));
	look_at_engines(l);
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (isdigit(entry->d_name[0]))
			add_process(l, atoi(entry->d_name));
	closedir(dir);
	l->when = now();
	if (l->nr)
		qsort(l->rows, l->nr, sizeof(*l->rows), largest_first);
	return 0;
}

static void look_free(struct look *l)
{
	free(l->rows);
	free(l->clients);
}

static uint64_t home_pages(const struct row *row)
{
	return row->n[HOME_EXPLICIT] + row->n[HOME_DEVICE_FAULT] +
	       row->n[HOME_CPU_FAULT] + row->n[HOME_EVICTION];
}

/* Virtual time of all kinds; 0 where no link is modelled. */
static uint64_t link_ns(const struct row *row)
{
	uint64_t sum = 0;
	int i;

	for (i = LINK_TO_DEVICE; i <= LINK_CPU_FAULT; i++)
		sum += row->n[i];
	return sum;
}

/* Totals, or what came since the look before divided by the time. */
static double rate(uint64_t is, uint64_t was, double seconds)
{
	if (seconds <= 0)
		return is;
	return is > was ? (is - was) / seconds : 0;
}

static const char *bytes_text(double bytes, char text[SIZE_TEXT])
{
	uint64_t whole = bytes;

	/* Four digits are enough to look at. */
	if (whole >= 100UL << 20)
		whole &= ~((1UL << 20) - 1);
	else if (whole >= 100UL << 10)
		whole &= ~((1UL << 10) - 1);
	return size_text(whole, text);
}

/* Time of engines, or of the link: seconds, or percent of one. */
static const char *engine_text(double ns, bool is_rate, char text[SIZE_TEXT])
{
	if (is_rate)
		snprintf(text, SIZE_TEXT, "%.1f", ns / 1e7);
	else
		snprintf(text, SIZE_TEXT, "%.2f s", ns / 1e9);
	return text;
}

static uint32_t all_queues(const struct engines *e)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < STATES; i++)
		n += e->queues[i];
	return n;
}

static void print_engines(const struct engines *e, const char *end)
{
	size_t i;

	printf("device %u: %u of %u engines run, queues: %u", e->device,
	       e->running, e->nr, all_queues(e));
	for (i = 0; i < STATES; i++)
		printf(", %u %s", e->queues[i], states[i]);
	printf("%s\n", end);
}

static void print_row(const struct row *row, const struct row *before,
		      double seconds, const char *end)
{
	static const struct row nothing;
	char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT], d[SIZE_TEXT];
	char e[SIZE_TEXT], f[SIZE_TEXT];
	double r[NUMBERS];
	int i;

	/* A process that was not there before has no rate yet. */
	if (seconds > 0 && !before)
		before = row;
	else if (!before)
		before = &nothing;
	for (i = 0; i < NUMBERS; i++)
		r[i] = rate(row->n[i], before->n[i], seconds);
	printf("%7d %3u %9s %9s %8s %8.0f %8.0f %8.0f %8.0f %6.0f %10s %10s %7s  %s%s\n",
	       row->pid, row->device, size_text(row->n[DEVICE_MEMORY], a),
	       size_text(row->n[MAPPED], b),
	       engine_text(r[ENGINE_NS], seconds > 0, e), r[DEVICE_FAULTS],
	       r[CPU_FAULTS], r[TO_DEVICE],
	       rate(home_pages(row), home_pages(before), seconds),
	       r[EVICTIONS], bytes_text(r[READ_BYTES], c),
	       bytes_text(r[WRITTEN_BYTES], d),
	       engine_text(rate(link_ns(row), link_ns(before), seconds),
			   seconds > 0, f),
	       row->command, end);
}

/* @was: the look before, for rates; NULL: totals. */
static void print_text(const struct look *l, const struct look *was, bool live)
{
	const char *end = live ? "\033[K" : "";
	double seconds = was ? l->when - was->when : 0;
	size_t i;

	if (live)
		fputs("\033[H", stdout);
	for (i = 0; i < l->nr_engines; i++)
		print_engines(&l->engines[i], end);
	printf("%7s %3s %9s %9s %8s %8s %8s %8s %8s %6s %10s %10s %7s  %s%s\n", "PID",
	       "DEV", "ON-DEVICE", "MAPPED", was ? "ENGINE%" : "ENGINE",
	       was ? "DFAULT/s" : "DFAULTS",
	       was ? "CFAULT/s" : "CFAULTS", was ? "TO-DEV/s" : "TO-DEV",
	       was ? "HOME/s" : "HOME", was ? "EVIC/s" : "EVICT",
	       was ? "READ/s" : "READ", was ? "WRITE/s" : "WRITTEN",
	       was ? "LINK%" : "LINK", "COMMAND", end);
	for (i = 0; i < l->nr; i++)
		print_row(&l->rows[i], was ? find_row(was, l->rows[i].pid,
						      l->rows[i].device) : NULL,
			  seconds, end);
	if (live)
		fputs("\033[J", stdout);
}

static struct json_object *row_json(const struct row *row)
{
	struct json_object *object = json_object_new_object();
	int i, bad;

	if (!object)
		return NULL;
	bad = json_object_object_add(object, "pid",
				     json_object_new_int(row->pid));
	bad |= json_object_object_add(object, "command",
				      json_object_new_string(row->command));
	bad |= json_object_object_add(object, "device",
				      json_object_new_uint64(row->device));
	for (i = 0; i < NUMBERS; i++)
		bad |= json_object_object_add(object, numbers[i].name,
					      json_object_new_uint64(row->n[i]));
	if (bad) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

static struct json_object *engines_json(const struct engines *e)
{
	struct json_object *object = json_object_new_object();
	char name[32];
	size_t i;
	int bad;

	if (!object)
		return NULL;
	bad = json_object_object_add(object, "device",
				     json_object_new_uint64(e->device));
	bad |= json_object_object_add(object, "engines",
				      json_object_new_uint64(e->nr));
	bad |= json_object_object_add(object, "running_engines",
				      json_object_new_uint64(e->running));
	for (i = 0; i < STATES; i++) {
		snprintf(name, sizeof(name), "%s_queues", states[i]);
		bad |= json_object_object_add(object, name,
					      json_object_new_uint64(e->queues[i]));
	}
	if (bad) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

static int print_json(const struct look *l)
{
	struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array(), *object;
	struct json_object *devices = json_object_new_array();
	const char *text = NULL;
	size_t i;

	if (!root || !list || !devices ||
	    json_object_object_add(root, "processes", list) ||
	    json_object_object_add(root, "devices", devices))
		return -ENOMEM;
	for (i = 0; i < l->nr; i++) {
		object = row_json(&l->rows[i]);
		if (!object || json_object_array_add(list, object))
			goto put;
	}
	for (i = 0; i < l->nr_engines; i++) {
		object = engines_json(&l->engines[i]);
		if (!object || json_object_array_add(devices, object))
			goto put;
	}
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
put:
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}

static int watch(const struct options *opts)
{
	bool live = !opts->once && !opts->json && isatty(STDOUT_FILENO);
	struct look last = { 0 }, this;
	unsigned long looks = 0;
	int ret;

	/* Rates want a look before the first that is shown. */
	if (!opts->once && !opts->json) {
		ret = look_around(&last);
		if (ret)
			return ret;
		sleep(1);
	}
	if (live)
		fputs("\033[2J", stdout);
	for (;;) {
		ret = look_around(&this);
		if (!ret && opts->json)
			ret = print_json(&this);
		else if (!ret)
			print_text(&this, opts->once ? NULL : &last, live);
		look_free(&last);
		last = this;
		looks++;
		if (ret || opts->once || looks == opts->count ||
		    fflush(stdout))
			break;
		sleep(opts->interval);
		if (!live && !opts->json)
			putchar('\n');
	}
	look_free(&last);
	return ret;
}

int cmd_top(int argc, char **argv)
{
	struct options opts = { .interval = INTERVAL };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);
	ret = watch(&opts);
	if (ret)
		complain(ret, "top");
	return ret ? EXIT_WRONG : EXIT_OK;
}
