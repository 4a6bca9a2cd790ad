// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands "vsvm fail", "vsvm pause" and "vsvm scenario" make the driver fail and
 * pause for other commands, end as these do, and leave nothing armed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"
#include "vt_failpoint.h"

#define POINTS	"/sys/kernel/debug/dri/vsvm.0/points"

/* Prints whether a thread is paused at "collected". */
#define SHOW_PAUSED "awk '$1 == \"collected\" { print \"paused\", $6 }' " POINTS

/* Opens the device four times, and prints how that ended. */
#define FOUR_DEMOS "sh -c 'for i in 1 2 3 4; do vsvm demo >/dev/null; echo $?; done'"

/* What the line of a failpoint says when it is not armed. */
#define CALM	"grep -q '^%s [a-z,]* no ' " POINTS

static bool it_said(const char *what)
{
	if (strstr(vt_said, what))
		return true;
	printf("# it said: %s\n", vt_said);
	return false;
}

/* Status and words of a command that is called wrongly, or where nothing works. */
static void refuses(struct __test_metadata *_metadata, int status, const char *words,
		    const char *command)
{
	EXPECT_EQ(status, vt_command("%s 2>&1", command)) {
		printf("# of: %s\n", command);
	}
	EXPECT_TRUE(it_said(words));
}

TEST(fail_makes_a_step_fail)
{
	EXPECT_EQ(1, vt_command("vsvm fail open -- vsvm demo 2>&1"));
	EXPECT_TRUE(it_said("Cannot allocate memory"));
	EXPECT_TRUE(it_said("vsvm: open: 1 passes, 1 failed"));
	EXPECT_EQ(0, vt_command("vsvm demo"));
}

TEST(fail_counts_passes)
{
	EXPECT_EQ(0, vt_command("vsvm fail open:2:2 -- " FOUR_DEMOS " 2>&1"));
	EXPECT_TRUE(it_said("vsvm: open: 4 passes, 2 failed"));
	EXPECT_EQ(0, vt_command("vsvm fail open:2:2 -- " FOUR_DEMOS " 2>/dev/null"));
	EXPECT_STREQ("0\n1\n1\n0\n", vt_said);
}

TEST(fail_takes_several)
{
	EXPECT_EQ(1, vt_command("vsvm fail open:9 client -- vsvm demo 2>&1"));
	EXPECT_TRUE(it_said("vsvm: open: 1 passes, 0 failed"));
	EXPECT_TRUE(it_said("vsvm: client: 1 passes, 1 failed"));
}

TEST(fail_ends_as_the_command)
{
	EXPECT_EQ(7, vt_command("vsvm fail open -- sh -c 'exit 7' 2>&1"));
	EXPECT_TRUE(it_said("vsvm: open: 0 passes, 0 failed"));
	EXPECT_EQ(0, vt_command("vsvm fail open -- sh -c 'kill -TERM $$' 2>/dev/null; echo $?"));
	EXPECT_STREQ("143\n", vt_said);
	EXPECT_EQ(127, vt_command("vsvm fail open -- no-such-command 2>&1"));
	EXPECT_TRUE(it_said("no-such-command: No such file"));
	EXPECT_EQ(126, vt_command("vsvm fail open -- /dev/null 2>&1"));
}

/* A command that is killed with its failpoint armed leaves it disarmed. */
TEST(fail_disarms)
{
	EXPECT_EQ(0, vt_command("vsvm fail dma:1:9 -- tail -f /dev/null & p=$!\n"
				"until grep -q '^dma fail fail' " POINTS "; do :; done\n"
				"kill -9 $p $(pidof tail); wait $p\n" CALM, "dma"));
}

TEST(fail_lists)
{
	unsigned int i, lines = 0;
	const char *at;

	ASSERT_EQ(0, vt_command("vsvm fail --list"));
	for (at = vt_said; (at = strchr(at, '\n')); at++)
		lines++;
	EXPECT_EQ(vt_failpoints(), lines);
	for (i = 0; i < vt_failpoints(); i++) {
		const struct vt_failpoint *p = vt_failpoint(i);
		char want[64];

		snprintf(want, sizeof(want), "%-20s %s%s%s\n", p->name, p->fails ? "fail" : "",
			 p->fails && p->pauses ? "," : "", p->pauses ? "pause" : "");
		EXPECT_TRUE(it_said(want));
	}
}

TEST(fail_refuses)
{
	static const struct {
		int status;
		const char *words, *command;
	} wrong[] = {
		{ 2, "which failpoint?", "vsvm fail -- true" },
		{ 2, "which command?", "vsvm fail open true" },
		{ 2, "'open:0' is not a failpoint", "vsvm fail open:0 -- true" },
		{ 2, "'open:1:x' is not a failpoint", "vsvm fail open:1:x -- true" },
		{ 2, "'open:1:1:1' is not a failpoint", "vsvm fail open:1:1:1 -- true" },
		{ 2, "--device: '64'", "vsvm fail -d 64 open -- true" },
		{ 1, "there is no failpoint 'no-such'", "vsvm fail no-such -- echo ran" },
		{ 1, "'collected' cannot fail", "vsvm fail collected -- echo ran" },
		{ 1, "there is no vsvm device 63", "vsvm fail -d 63 open -- echo ran" },
		{ 1, "failpoints are for root",
		  "/usr/bin/setpriv --reuid 1000 --clear-groups vsvm fail open -- echo ran" },
	};
	unsigned int i;

	/* A module that was loaded again has nodes that are root's. */
	ASSERT_EQ(0, vt_command("chmod 666 /dev/dri/renderD*"));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		refuses(_metadata, wrong[i].status, wrong[i].words, wrong[i].command);
		EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
	}
}

/* While the second command runs, the first one is where it was told to be. */
TEST(pause_runs_a_command_meanwhile)
{
	EXPECT_EQ(0, vt_command("vsvm pause collected -- hello --then " SHOW_PAUSED));
	EXPECT_EQ(0, strncmp(vt_said, "paused 1\nok: the device reads", 29)) {
		printf("# it said: %s\n", vt_said);
	}
	EXPECT_EQ(0, vt_command(CALM, "collected"));
}

/* The thread may be of any process. */
TEST(pause_takes_anybody)
{
	EXPECT_EQ(0, vt_command("while hello >/dev/null; do :; done & p=$!\n"
				"vsvm pause collected --then " SHOW_PAUSED "\n"
				"s=$?; kill $p; wait $p; exit $s"));
	EXPECT_STREQ("paused 1\n", vt_said);
}

TEST(pause_ends_as_the_commands)
{
	EXPECT_EQ(5, vt_command("vsvm pause collected -- hello --then sh -c 'exit 5'"));
	EXPECT_EQ(6, vt_command("vsvm pause collected -- sh -c 'hello; exit 6' --then false"));
	/* The second command may kill the first. */
	EXPECT_EQ(137, vt_command("vsvm pause collected -- hello --then sh -c '%s'",
				  "kill -9 $(pidof hello)"));
}

TEST(pause_needs_a_pass)
{
	EXPECT_EQ(1, vt_command("vsvm pause collected -- true --then echo ran 2>&1"));
	EXPECT_TRUE(it_said("collected: the command ended, and was never paused"));
	EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
	EXPECT_EQ(3, vt_command("vsvm pause collected -- sh -c 'exit 3' --then true 2>&1"));
	EXPECT_EQ(1, vt_command("vsvm pause -s 1 collected --then echo ran 2>&1"));
	EXPECT_TRUE(it_said("collected: no thread was paused: Connection timed out"));
	EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
}

TEST(pause_is_over_in_time)
{
	/* The second command waits until the first goes on. */
	EXPECT_EQ(0, vt_command("vsvm pause -s 10 collected -- hello --then sh -c '%s' 2>&1",
				"while grep -q \"^collected .* 1 1 1 \" " POINTS "; do :; done"));
	EXPECT_TRUE(it_said("the pause was over before the second command was"));
}

TEST(pause_refuses)
{
	refuses(_metadata, 2, "which failpoint?", "vsvm pause --then true");
	refuses(_metadata, 2, "which command meanwhile?", "vsvm pause collected -- true");
	refuses(_metadata, 2, "which command meanwhile?", "vsvm pause collected --then");
	refuses(_metadata, 2, "which command, between", "vsvm pause collected -- --then true");
	refuses(_metadata, 2, "a command is put after --", "vsvm pause collected moved --then a");
	refuses(_metadata, 2, "--seconds: '61'", "vsvm pause -s 61 collected --then true");
	refuses(_metadata, 1, "'open' cannot pause", "vsvm pause open --then true");
	refuses(_metadata, 1, "no failpoint 'no-such'", "vsvm pause no-such --then true");
}

/* Plays a scenario: the status, and what all of it said. */
static int play(const char *options, const char *text)
{
	FILE *f = fopen("race", "we");

	if (VT_BAD(!f) || VT_BAD(fputs(text, f) < 0) || VT_BAD(fclose(f)))
		return -1;
	return vt_command("vsvm scenario %s race 2>&1", options);
}

FIXTURE(scenario)
{
	char dir[32];
};

FIXTURE_SETUP(scenario)
{
	snprintf(self->dir, sizeof(self->dir), "/tmp/vsvm-test.%d", getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
	ASSERT_EQ(0, chdir(self->dir));
}

FIXTURE_TEARDOWN(scenario)
{
	unlink("race");
	rmdir(self->dir);
}

/* One process is held in the middle of a migration while another one comes and goes. */
TEST_F(scenario, plays_a_race)
{
	EXPECT_EQ(0, play("", "# A comes home last.\n"
			      "\n"
			      "pause collected\n"
			      "start A exec hello >/dev/null\n"
			      "await collected\n"
			      "run " SHOW_PAUSED "\n"
			      "  run vsvm demo >/dev/null\n"
			      "expect running A\n"
			      "expect fired collected 1\n"
			      "release collected\n"
			      "wait A\n"
			      "run echo the end\n"));
	EXPECT_STREQ("paused 1\nthe end\n", vt_said);
	EXPECT_EQ(0, vt_command(CALM, "collected"));
}

/* A thread that dies in a CPU fault on its way home takes nothing with it. */
TEST_F(scenario, kills_who_is_paused)
{
	EXPECT_EQ(0, play("", "pause fault-copied\n"
			      "start A exec hello >/dev/null\n"
			      "await fault-copied\n"
			      "run kill -9 $A\n"
			      "wait A\n"
			      "expect status 137\n"
			      "clear fault-copied\n"
			      "run hello >/dev/null\n"));
}

TEST_F(scenario, fails_steps)
{
	EXPECT_EQ(0, play("", "fail open:2\n"
			      "run hello >/dev/null\n"
			      "run hello >/dev/null 2>&1\n"
			      "expect status 1\n"
			      "run hello >/dev/null\n"
			      "expect fired open 1\n"));
}

TEST_F(scenario, says_what_was_not_so)
{
	static const struct {
		const char *words, *text, *options;
	} wrong[] = {
		{ "race:1: the status is 3", "run exit 3\n", "" },
		{ "race:1: the status is 3", "run exit 3\nrun echo ran\n", "" },
		{ "race:2: the status is 0, and not 3", "run true\nexpect status 3\n", "" },
		{ "race:2: 'open' failed or paused 0 times, and not 1",
		  "fail open\nexpect fired open 1\n", "" },
		{ "race:3: 'A' has ended",
		  "start A exit 0\n"
		  "run until grep -q 'State:.Z' /proc/$A/status; do :; done\n"
		  "expect running A\n", "" },
		{ "race:2: 'A' runs for more than 1 seconds",
		  "start A tail -f /dev/null\nwait A\n", "-s 1" },
		{ "race:1: it runs for more than 1 seconds", "run tail -f /dev/null\n", "-s 1" },
		{ "race:2: no thread came to 'collected' in 1 seconds",
		  "pause collected\nawait collected\n", "-s 1" },
		{ "race:3: 'A' was waited for already", "start A true\nwait A\nwait A\n", "" },
		{ "race:1: 'open' cannot pause", "pause open\n", "" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(1, play(wrong[i].options, wrong[i].text));
		EXPECT_TRUE(it_said(wrong[i].words));
		EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
	}
	/* What was started has been killed, with what it started. */
	EXPECT_EQ(1, vt_command("pidof tail"));
	EXPECT_EQ(0, vt_command(CALM, "open"));
}

/* No step is done of a file that makes no sense. */
TEST_F(scenario, refuses_a_file)
{
	static const struct {
		const char *words, *text;
	} wrong[] = {
		{ "race: there is no step in it", "# nothing\n" },
		{ "race:2: no step is called 'jump'", "run echo ran\njump\n" },
		{ "race:2: no step is called 'expect'", "run echo ran\nexpect nothing\n" },
		{ "race:2: run: which command?", "run echo ran\nrun\n" },
		{ "race:2: start: which command?", "run echo ran\nstart A\n" },
		{ "race:2: start: a name has", "run echo ran\nstart 1 true\n" },
		{ "race:2: nothing is started as 'A'", "run echo ran\nwait A\n" },
		{ "race:3: 'A' is started a second time",
		  "run echo ran\nstart A true\nstart A true\n" },
		{ "race:2: there is no such failpoint", "run echo ran\nfail no-such\n" },
		{ "race:2: fail: a failpoint is", "run echo ran\nfail open:0\n" },
		{ "race:2: pause: there is more than a failpoint",
		  "run echo ran\npause collected twice\n" },
		{ "race:2: expect status: a status is", "run echo ran\nexpect status 256\n" },
		{ "race:2: expect fired: how often?", "run echo ran\nexpect fired open\n" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(2, play("", wrong[i].text));
		EXPECT_TRUE(it_said(wrong[i].words));
		EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
	}
	refuses(_metadata, 2, "no-such-file: No such file", "vsvm scenario no-such-file");
	refuses(_metadata, 2, "which file?", "vsvm scenario");
	refuses(_metadata, 2, "one file at a time", "vsvm scenario a b");
}

TEST_HARNESS_MAIN
