// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a recording without a kernel: as many events of the driver as are asked for, of
 * three processes that use addresses far from each other, on two devices. Prints what is
 * in it, which vsvm plot has to find again.
 *
 *	make_trace FILE EVENTS [lost | wrong]
 *
 * With "lost" a page of the buffer says that events are missing in front of it; with
 * "wrong" a counter of the driver differs from the events.
 */
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		4096
#define DATA		(PAGE - 16)
#define PIECE		(2UL << 20)
#define MISSED		(1UL << 31)
#define PIECES		4096
#define FIRST_PID	1000
#define PROCESSES	3

enum { DEVICE_FAULT, CPU_FAULT, BEGIN, END, INVALIDATE, EVICT, START, FENCE, EVENTS };

/* Fields by size, as the kernel has them. */
static const struct {
	const char *name;
	const char *fields[9];
} events[EVENTS] = {
	[DEVICE_FAULT] = { "vsvm_device_fault", { "u64 addr", "u64 pages", "u32 device" } },
	[CPU_FAULT] = { "vsvm_cpu_fault", { "u64 addr", "u64 bytes", "u32 device", "u32 cause" } },
	[BEGIN] = { "vsvm_migrate_begin",
		    { "u64 addr", "u64 bytes", "u32 device", "u32 cause", "u32 target" } },
	[END] = { "vsvm_migrate_end",
		  { "u64 addr", "u64 moved", "u32 device", "u32 cause", "u32 target" } },
	[INVALIDATE] = { "vsvm_invalidate", { "u64 start", "u64 end", "u32 device", "u32 event" } },
	[EVICT] = { "vsvm_evict", { "u64 block", "u64 moved_pages", "u32 device", "u32 cause" } },
	[START] = { "vsvm_queue_start", { "u64 seq", "u32 device", "s32 owner", "u32 queue" } },
	[FENCE] = { "vsvm_queue_fence",
		    { "u64 seq", "u64 addr", "u32 device", "s32 owner", "u32 queue" } },
};

static FILE *out;
static unsigned char page[PAGE];
static size_t used;
static uint64_t now = 1000000000, last, pages, written, seed = 1;
static bool lost;
static uint64_t device_faults, cpu_faults, there, explicit_home, fault_home, evicted, blocks,
	jobs;

static uint64_t draw(uint64_t below)
{
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return (seed >> 33) % below;
}

static void flush_page(void)
{
	uint64_t commit = used;

	if (!used)
		return;
	if (lost && pages == 3)
		commit |= MISSED;
	memcpy(page + 8, &commit, 8);
	if (out)
		fwrite(page, 1, PAGE, out);
	memset(page, 0, PAGE);
	used = 0;
	pages++;
}

/* An event of @len bytes, a multiple of 4 and 112 at most, or with its length in front. */
static void put_event(const void *data, size_t len)
{
	size_t words = (len + 3) / 4;
	uint32_t head, array = (words + 1) * 4;

	if (used + 8 + words * 4 > DATA)
		flush_page();
	if (!used) {
		memcpy(page, &now, 8);
		last = now;
	}
	head = (uint32_t)(now - last) << 5 | (words > 28 ? 0 : words);
	last = now;
	memcpy(page + 16 + used, &head, 4);
	used += 4;
	if (words > 28) {
		memcpy(page + 16 + used, &array, 4);
		used += 4;
	}
	memcpy(page + 16 + used, data, len);
	used += words * 4;
	now += 1 + draw(2000);
}

/* Numbers in the order of the fields. */
static void put(int event, int32_t tid, const uint64_t *n)
{
	unsigned char data[128] = { 0 };
	uint16_t id = 100 + event;
	size_t at = 8;
	int i;

	memcpy(data, &id, 2);
	memcpy(data + 4, &tid, 4);
	for (i = 0; events[event].fields[i]; i++) {
		size_t size = events[event].fields[i][1] == '6' ? 8 : 4;

		memcpy(data + at, &n[i], size);
		at += size;
	}
	put_event(data, at);
	written++;
}

#define PUT(event, tid, ...)	put(event, tid, (const uint64_t[]) { __VA_ARGS__ })

static void mark(const char *text)
{
	unsigned char data[1024] = { 5 };
	int32_t tid = 1;
	size_t len = strlen(text) + 1;

	memcpy(data + 4, &tid, 4);
	memcpy(data + 16, "vsvm: ", 6);
	memcpy(data + 22, text, len);
	put_event(data, (22 + len + 3) & ~3UL);
}

/* 64 places of the address space, with 64 pieces in each. */
static uint64_t some_address(void)
{
	uint64_t nr = draw(PIECES);

	return 0x100000000000UL + (nr / 64) * (1UL << 40) / 8 + (nr % 64) * PIECE +
	       draw(PIECE / PAGE) * PAGE;
}

static void move(int32_t tid, uint64_t device, uint64_t cause, uint64_t target, uint64_t addr,
		 uint64_t bytes)
{
	PUT(BEGIN, tid, addr, bytes, device, cause, target);
	PUT(END, tid, addr, bytes, device, cause, target);
}

static void act(void)
{
	int32_t tid = FIRST_PID + draw(PROCESSES);
	uint64_t addr = some_address(), device = draw(2), bytes;

	bytes = (1 + draw((PIECE - addr % PIECE) / PAGE)) * PAGE;
	switch (draw(6)) {
	case 0:
		PUT(DEVICE_FAULT, tid, addr, bytes / PAGE, device);
		device_faults++;
		break;
	case 1:
		PUT(CPU_FAULT, tid, addr, bytes, device, 2);
		move(tid, device, 2, 0, addr, bytes);
		cpu_faults++;
		fault_home += bytes;
		break;
	case 2:
		move(tid, device, 0, 1, addr, bytes);
		there += bytes;
		break;
	case 3:
		move(tid, device, 0, 0, addr, bytes);
		explicit_home += bytes;
		break;
	case 4:
		PUT(BEGIN, tid, 512, bytes, device, 3, 0);
		PUT(INVALIDATE, tid, addr, addr + bytes, device, 1);
		PUT(END, tid, 512, bytes, device, 3, 0);
		PUT(EVICT, tid, 1, bytes / PAGE, device, 3);
		evicted += bytes;
		blocks++;
		break;
	default:
		jobs++;
		PUT(START, 2000, jobs, device, tid, 1);
		PUT(FENCE, 2000, jobs, addr, device, tid, 1);
		break;
	}
}

static void put64(FILE *to, uint64_t n)
{
	fwrite(&n, 8, 1, to);
}

static void put32(FILE *to, uint32_t n)
{
	fwrite(&n, 4, 1, to);
}

static void put_text(FILE *to, const char *text)
{
	put64(to, strlen(text));
	fputs(text, to);
}

#define COMMON \
	"format:\n" \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static void put_format(FILE *to, int event)
{
	char text[2048];
	size_t len, at = 8;
	int i;

	len = sprintf(text, "name: %s\nID: %d\n" COMMON, events[event].name, 100 + event);
	for (i = 0; events[event].fields[i]; i++) {
		int size = events[event].fields[i][1] == '6' ? 8 : 4;

		len += sprintf(text + len, "\tfield:%s;\toffset:%zu;\tsize:%d;\tsigned:%d;\n",
			       events[event].fields[i], at, size,
			       events[event].fields[i][0] == 's');
		at += size;
	}
	sprintf(text + len, "\nprint fmt: \"%s\"\n", events[event].name);
	put_text(to, text);
}

static void put_head(FILE *to)
{
	static const char header_page[] =
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
		"\tfield: char overwrite;\toffset:8;\tsize:1;\tsigned:0;\n"
		"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";
	static const char header_event[] =
		"# compressed entry header\n\ttype_len    :    5 bits\n"
		"\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n"
		"\tpadding     : type == 29\n\ttime_extend : type == 30\n"
		"\ttime_stamp : type == 31\n\tdata max type_len  == 28\n";
	static const char print[] =
		"name: print\nID: 5\n" COMMON
		"\tfield:unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;\n"
		"\tfield:char buf[];\toffset:16;\tsize:0;\tsigned:0;\n\n"
		"print fmt: \"%s\", REC->buf\n";
	int i;

	fwrite("\x17\x08\x44tracing6\0\0\x08", 1, 14, to);
	put32(to, PAGE);
	fwrite("header_page", 1, 12, to);
	put_text(to, header_page);
	fwrite("header_event", 1, 13, to);
	put_text(to, header_event);
	put32(to, 1);
	put_text(to, print);
	put32(to, 1);
	fwrite("vsvm", 1, 5, to);
	put32(to, EVENTS);
	for (i = 0; i < EVENTS; i++)
		put_format(to, i);
	put32(to, 0);
	put32(to, 0);
	/* A name that no page or picture may take for something else. */
	put_text(to, "1000 </script><b>&\"'\n1001 two\n1002 three\n");
	put32(to, 1);
	fwrite("options  ", 1, 10, to);
	fwrite("\0", 1, 2, to);
	fwrite("flyrecord", 1, 10, to);
}

int main(int argc, char **argv)
{
	uint64_t want = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, at, size;
	bool wrong;
	char text[512];

	if (!want)
		errx(2, "usage: make_trace FILE EVENTS [lost | wrong]");
	lost = argc > 3 && !strcmp(argv[3], "lost");
	wrong = argc > 3 && !strcmp(argv[3], "wrong");
	out = fopen(argv[1], "w+");
	if (!out)
		err(1, "%s", argv[1]);
	put_head(out);
	at = (ftello(out) + 16 + PAGE - 1) / PAGE * PAGE;
	put64(out, at);
	size = ftello(out);
	put64(out, 0);
	fseeko(out, at, SEEK_SET);
	mark("device=0 kind=0 size=67108864 page=4096 huge=2097152");
	mark("device=0 used=4096");
	mark("thread=1000 process=1000 name=x");
	while (written < want)
		act();
	/* The driver did not ask, or what it says is not what happened. */
	if (wrong) {
		sprintf(text, "device=0 counters=after device-faults=%" PRIu64 " queues-lost=1",
			device_faults);
		mark("device=0 counters=before");
		mark(text);
	}
	flush_page();
	fseeko(out, size, SEEK_SET);
	put64(out, pages * PAGE);
	if (fclose(out))
		err(1, "%s", argv[1]);
	printf("events %" PRIu64 "\ndevice_faults %" PRIu64 "\ncpu_faults %" PRIu64
	       "\nto_device %" PRIu64 "\nhome_explicit %" PRIu64 "\nhome_cpu_fault %" PRIu64
	       "\nhome_eviction %" PRIu64 "\nevicted_blocks %" PRIu64 "\njobs %" PRIu64 "\n",
	       written, device_faults, cpu_faults, there, explicit_home, fault_home, evicted,
	       blocks, jobs);
	return 0;
}
