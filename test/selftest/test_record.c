// SPDX-License-Identifier: GPL-2.0-only
/*
 * "vsvm record" and "vsvm plot": what a recording has is what the driver counted, where
 * pages were is what moved there, and nothing is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"
#include "vt_host.h"

#define TRACING		"/sys/kernel/tracing/"
#define RECORD_CMD	TRACING "options/record-cmd"
#define FILE_NAME	"/tmp/vsvm-test-record.dat"

/* Events are enabled while the buffer is off. */
#define UNTIL_IT_RECORDS \
	"cd " TRACING "instances;" \
	"until grep -qs 1 vsvm-record-*/events/vsvm/enable && grep -q 1 vsvm-record-*/tracing_on;" \
	"do sleep 0.1; done;"

/* The first number called @name after @from; ~0: there is none. */
static uint64_t number(const char *from, const char *name)
{
	char want[64];
	const char *at;

	snprintf(want, sizeof(want), "\"%s\":", name);
	at = from ? strstr(from, want) : NULL;
	return at ? strtoull(at + strlen(want), NULL, 10) : ~0ULL;
}

static uint64_t counter(const char *name)
{
	char all[8192];
	const char *at = all;
	size_t len = strlen(name);

	if (VT_BAD(vt_file_read("/sys/kernel/debug/dri/vsvm.0/counters", all, sizeof(all)) < 0))
		return ~0ULL;
	for (; at; at = vt_next_line(at))
		if (!strncmp(at, name, len) && at[len] == ' ')
			return strtoull(at + len, NULL, 10);
	return ~0ULL;
}

static int put(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool bad = fd < 0 || write(fd, what, strlen(what)) < 0;

	if (fd >= 0)
		close(fd);
	return VT_BAD(bad) ? -1 : 0;
}

FIXTURE(record)
{
	int unused;
};

/* See trace_start() of test_trace.c: emulators die of the probe that records names. */
FIXTURE_SETUP(record)
{
	ASSERT_LE(0, vt_command("vsvm record --help 2>&1"));
	if (strstr(vt_said, "built without"))
		SKIP(return, "vsvm was built without libtracecmd");
	ASSERT_EQ(0, put(RECORD_CMD, "0"));
}

FIXTURE_TEARDOWN_PARENT(record)
{
	put(RECORD_CMD, "1");
	unlink(FILE_NAME);
	unlink(FILE_NAME ".svg");
	unlink(FILE_NAME ".html");
}

static const struct {
	const char *command;
	bool evicts;
	bool has_queues;
} works[] = {
	{ "vsvm demo --size 8", false, false },
	{ "vsvm demo --small --size 4", false, false },
	{ "vsvm demo --queue", false, true },
	{ "vsvm events --work oversubscribe", true, false },
};

static const char *const counters[] = {
	"device-faults", "device-fault-pages", "cpu-faults", "to-device-pages",
	"home-explicit-pages", "home-cpu-fault-pages", "home-eviction-pages",
	"evicted-blocks", "queue-faults", "invalidations",
};

/* Faults and bytes of a recording are what the driver counted meanwhile. */
TEST_F_TIMEOUT(record, has_what_the_driver_counted, VT_LONG)
{
	uint64_t before[ARRAY_SIZE(counters)], drawn;
	const char *device, *at;
	char want[64];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(works); i++) {
		for (k = 0; k < ARRAY_SIZE(counters); k++)
			before[k] = counter(counters[k]);
		ASSERT_EQ(0, vt_command("vsvm record -o " FILE_NAME " -- %s 2>&1",
					works[i].command));
		EXPECT_EQ(NULL, strstr(vt_said, "lost"));
		for (k = 0; k < ARRAY_SIZE(counters); k++)
			before[k] = counter(counters[k]) - before[k];
		ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME));
		EXPECT_EQ(0, number(vt_said, "lost"));
		device = strstr(vt_said, "\"device\":0,\"size\":");
		ASSERT_NE(NULL, device);
		for (k = 0; k < ARRAY_SIZE(counters); k++) {
			snprintf(want, sizeof(want), "\"%s\":{", counters[k]);
			at = strstr(device, want);
			/* One that did not move is not in it. */
			drawn = at ? number(at, "drawn") : 0;
			EXPECT_EQ(before[k], drawn)
				TH_LOG("%s: %s", works[i].command, counters[k]);
			EXPECT_EQ(before[k], at ? number(at, "counted") : 0);
		}
		/* The total is of all devices, and queues are on two. */
		if (!works[i].has_queues) {
			EXPECT_EQ(before[0], number(vt_said, "device_faults"));
			EXPECT_EQ(before[2], number(vt_said, "cpu_faults"));
			EXPECT_EQ(before[7], number(vt_said, "evicted_blocks"));
		}
		EXPECT_EQ(works[i].evicts, !!before[7]);
		EXPECT_EQ(works[i].has_queues, !!number(vt_said, "jobs"));
		/* What is drawn agrees with what was counted, so nothing is said. */
		ASSERT_EQ(0, vt_command("vsvm plot -o " FILE_NAME ".svg " FILE_NAME " 2>&1"));
		EXPECT_STREQ("", vt_said);
	}
}

/* The status is the command's, and there is a recording of one that fails, too. */
TEST_F(record, has_the_status_of_the_command)
{
	EXPECT_EQ(0, vt_command("vsvm record -o " FILE_NAME " true 2>&1"));
	EXPECT_EQ(7, vt_command("vsvm record -o " FILE_NAME " sh -c '%s' 2>&1",
				"vsvm info >/dev/null; exit 7"));
	EXPECT_EQ(128 + SIGTERM, vt_command("vsvm record -o " FILE_NAME " sh -c 'kill $$' 2>&1"));
	EXPECT_EQ(127, vt_command("vsvm record -o " FILE_NAME " /nonesuch 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "vsvm: /nonesuch: No such file"));
}

/* Its instance is gone afterwards, also when it is told to end. */
TEST_F(record, leaves_no_instance)
{
	ASSERT_EQ(0, vt_command("vsvm record -o " FILE_NAME " ls " TRACING "instances 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "vsvm-record-"));
	ASSERT_EQ(0, vt_command("vsvm record -o " FILE_NAME " 2>&1 &" UNTIL_IT_RECORDS
			 "vsvm demo --size 2 >/dev/null; kill -INT $!; wait $!"));
	EXPECT_NE(NULL, strstr(vt_said, "KiB of events"));
	ASSERT_EQ(0, vt_command("ls " TRACING "instances"));
	EXPECT_EQ(NULL, strstr(vt_said, "vsvm-record-"));
	ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME));
	EXPECT_EQ(4 * VT_MIB, number(strstr(vt_said, "\"to_device_bytes\""), "explicit"));
}

/* A buffer that is too small loses events, and that is said, by both commands. */
TEST_F_TIMEOUT(record, says_what_is_lost, VT_LONG)
{
	ASSERT_EQ(0, vt_command("vsvm record -b 8 -o " FILE_NAME " -- %s 2>&1",
				"vsvm bench -t memory -f 1.5 -p 1 -s 1 --small"));
	EXPECT_NE(NULL, strstr(vt_said, " events are lost: --buffer 32 would have kept more"));
	ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME " 2>/dev/null"));
	EXPECT_LT(0, number(vt_said, "lost"));
	ASSERT_EQ(0, vt_command("vsvm plot -o " FILE_NAME ".svg " FILE_NAME " 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "or more events are missing"));
	ASSERT_EQ(0, vt_command("cat " FILE_NAME ".svg"));
	EXPECT_NE(NULL, strstr(vt_said, "or more events are missing"));
}

/* What a run of a row says is where the pages of it were. */
TEST_F(record, places_are_where_pages_were)
{
	const char *range, *places;
	unsigned int device, part;
	int got;

	/* All of it goes to device 1 and stays there until the end. */
	ASSERT_EQ(0, vt_command("vsvm record -o " FILE_NAME " -- %s 2>&1",
				"vsvm demo --device 1 --size 2"));
	ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME));
	range = strstr(vt_said, "\"ranges\":[");
	ASSERT_NE(NULL, range);
	EXPECT_EQ(2 * VT_MIB, number(range, "bytes"));
	places = strstr(vt_said, "\"places\":[[[");
	ASSERT_NE(NULL, places);
	got = sscanf(places, "\"places\":[[[%*u,%*u,%u,%u]", &device, &part);
	ASSERT_EQ(2, got);
	/* The first that is known of the first row: all of it is on the device. */
	EXPECT_EQ(1, device);
	EXPECT_LT(0, part);
	EXPECT_NE(NULL, strstr(vt_said, "\"name\":\"vsvm\""));
}

/* trace-cmd reads it, and finds the same events. */
TEST_F(record, is_read_by_trace_cmd)
{
	uint64_t events, lines = 0;
	const char *at;

	if (vt_command("command -v trace-cmd"))
		SKIP(return, "there is no trace-cmd");
	ASSERT_EQ(0, vt_command("vsvm record -o " FILE_NAME " -- vsvm demo --queue 2>&1"));
	ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME));
	events = number(vt_said, "events");
	ASSERT_EQ(0, vt_command("trace-cmd report " FILE_NAME " 2>&1"));
	EXPECT_EQ(0, strncmp(vt_said, "cpus=", 5));
	for (at = strstr(vt_said, ": vsvm_"); at; at = strstr(at + 1, ": vsvm_"))
		lines++;
	EXPECT_EQ(events, lines);
	EXPECT_NE(NULL, strstr(vt_said, " cause=explicit target=device addr=0x"));
	EXPECT_NE(NULL, strstr(vt_said, "vsvm: device=0 kind=0 size="));
	EXPECT_EQ(NULL, strstr(vt_said, "FAILED TO PARSE"));
	ASSERT_EQ(0, vt_command("trace-cmd report --stat " FILE_NAME " 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "overrun: 0"));
}

/* plot reads what trace-cmd recorded, without what vsvm record adds. */
TEST_F(record, plots_what_trace_cmd_recorded)
{
	if (vt_command("command -v trace-cmd"))
		SKIP(return, "there is no trace-cmd");
	ASSERT_EQ(0, vt_command("trace-cmd record -o " FILE_NAME " -e vsvm %s 2>&1",
				"vsvm demo --size 4"));
	ASSERT_EQ(0, vt_command("vsvm plot --json " FILE_NAME));
	EXPECT_EQ(8 * VT_MIB, number(strstr(vt_said, "\"to_device_bytes\""), "explicit"));
	EXPECT_NE(NULL, strstr(vt_said, "\"sampled\":false"));
}

/* What makes no sense ends with 2, what is not there with 1. */
TEST_F(record, refuses)
{
	EXPECT_EQ(2, vt_command("vsvm record -b 7 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm record -b x 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm record -o /nonesuch/x true 2>/dev/null"));
	/* The shell of the test machine has a setpriv of its own, which knows less. */
	EXPECT_EQ(1, vt_command("/usr/bin/setpriv --reuid 1000 --clear-groups %s 2>&1",
				"vsvm record -o /tmp/vsvm-x true"));
	EXPECT_NE(NULL, strstr(vt_said, "root may see them"));
	EXPECT_EQ(2, vt_command("vsvm plot 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm plot a b 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm plot -o x.png a 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm plot --json --chrome a 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm plot /nonesuch 2>/dev/null"));
	EXPECT_EQ(1, vt_command("vsvm plot /usr/bin/vsvm 2>&1"));
	EXPECT_STREQ("vsvm: /usr/bin/vsvm: not a recording of vsvm record or trace-cmd\n", vt_said);
}

TEST_HARNESS_MAIN
