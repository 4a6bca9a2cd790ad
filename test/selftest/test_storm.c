// SPDX-License-Identifier: GPL-2.0-only
/*
 * "vsvm run": a program does not notice that its memory moves. The programs are this one:
 * with VT_ACT in the environment it is not a test, but does what that says, and ends.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"

#define THREADS		4
#define WORDS		(1 << 17)	/* a MiB */
#define ROUNDS		8

/* Reads and writes all of it, in an order that no cache likes; the sum of what was read. */
static uint64_t churn(uint64_t *mem, uint64_t seed)
{
	uint64_t sum = 0;
	unsigned int i, j;

	for (i = 0; i < WORDS; i++)
		mem[i] = seed + i;
	for (j = 0; j < ROUNDS; j++)
		for (i = 0; i < WORDS; i++) {
			uint64_t *word = &mem[(i * 2654435761U + j) % WORDS];

			sum = sum * 31 + *word;
			*word += sum;
		}
	return sum;
}

static void *churn_thread(void *arg)
{
	uint64_t *mem = malloc(WORDS * sizeof(*mem)), *sum = arg;

	if (mem)
		*sum = churn(mem, *sum);
	free(mem);
	return NULL;
}

static int act_threads(void)
{
	pthread_t thread[THREADS];
	uint64_t sum[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		sum[i] = i + 1;
		if (pthread_create(&thread[i], NULL, churn_thread, &sum[i]))
			return 1;
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		printf("%llu\n", (unsigned long long)sum[i]);
	}
	return 0;
}

/* Children change what they share with the parent, and the parent what it shares with them. */
static int act_fork(void)
{
	uint64_t *mem = malloc(WORDS * sizeof(*mem));
	int i, status, bad = 0;

	if (!mem)
		return 1;
	printf("%llu\n", (unsigned long long)churn(mem, 1));
	fflush(stdout);
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			printf("%llu %d\n", (unsigned long long)churn(mem, i), i);
			fflush(stdout);
			_exit(0);
		}
		if (i == 2)
			mem[0] = 0;
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			bad++;
	}
	free(mem);
	return bad;
}

/* Mappings come, grow, move and go. */
static int act_mappings(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < 40; i++) {
		size_t len = (i % 8 + 1) * VT_PAGE * 16;
		unsigned char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mem == MAP_FAILED)
			return 1;
		memset(mem, i, len);
		mem = mremap(mem, len, 2 * len, MREMAP_MAYMOVE);
		if (mem == MAP_FAILED || mprotect(mem, len, PROT_READ))
			return 1;
		memset(mem + len, ~i, len);
		sum = sum * 31 + mem[i] + mem[2 * len - 1];
		if (munmap(mem, 2 * len))
			return 1;
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}

/* A daemon closes what it did not open. */
static int act_close(void)
{
	int fd;

	for (fd = 3; fd < 1024; fd++)
		close(fd);
	return act_threads();
}

static int act_exec(void)
{
	setenv("VT_ACT", "threads", 1);
	execl("/proc/self/exe", "acts", NULL);
	return 1;
}

static int act_status(void)
{
	return 42;
}

static int act_signal(void)
{
	raise(SIGTERM);
	return 0;
}

/* It asks whether it can tell: threads of its own, descriptors and signals. */
static int act_ask(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, NULL, &set);
	printf("next descriptor %d, SIGTERM blocked %d\n", dup(1), sigismember(&set, SIGTERM));
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
} acts[] = {
	{ "threads", act_threads },
	{ "fork", act_fork },
	{ "mappings", act_mappings },
	{ "close", act_close },
	{ "exec", act_exec },
	{ "status", act_status },
	{ "signal", act_signal },
	{ "ask", act_ask },
};

static void __attribute__((constructor)) act(void)
{
	const char *name = getenv("VT_ACT");
	unsigned int i;
	int status = 127;

	if (!name)
		return;
	for (i = 0; i < ARRAY_SIZE(acts); i++)
		if (!strcmp(name, acts[i].name))
			status = acts[i].fn();
	fflush(stdout);
	_exit(status);
}

/* The number after @word in what the command said; -1: it said no such thing. */
static long long number_of(const char *word)
{
	const char *at = strstr(vt_said, word);

	return at ? strtoll(at + strlen(word), NULL, 10) : -1;
}

/* Runs an act in a storm, and without one: the status. */
static int storm(const char *options, const char *name)
{
	char self[256] = "";

	if (VT_BAD(readlink("/proc/self/exe", self, sizeof(self) - 1) < 0))
		return -1;
	return vt_command("VT_ACT=%s vsvm run %s -- %s 2>&1", name, options, self);
}

/* Nothing is preloaded into a program without a loader: those of the bundle, and this. */
#define SKIP_IF_STATIC()						\
	do {								\
		if (!getauxval(AT_BASE))				\
			SKIP(return, "this program is linked statically");	\
	} while (0)

FIXTURE(storm)
{
};

FIXTURE_VARIANT(storm)
{
	const char *policy;
};

FIXTURE_VARIANT_ADD(storm, random)
{
	.policy = "--policy random --storm=7 --check",
};

FIXTURE_VARIANT_ADD(storm, sweep)
{
	.policy = "--policy sweep --check",
};

FIXTURE_SETUP(storm)
{
	SKIP_IF_STATIC();
}

FIXTURE_TEARDOWN(storm)
{
}

static void unnoticed(struct __test_metadata *_metadata, const char *policy, const char *name,
		      long long processes)
{
	EXPECT_EQ(0, storm(policy, name)) {
		printf("# it said: %s\n", vt_said);
	}
	EXPECT_EQ(processes, number_of("processes: ")) {
		printf("# it said: %s\n", vt_said);
	}
}

TEST_F_TIMEOUT(storm, threads_are_right, 120)
{
	unnoticed(_metadata, variant->policy, "threads", 1);
	/* At least what the program had when it began. */
	EXPECT_LE(64, number_of("KiB moved: "));
}

TEST_F_TIMEOUT(storm, children_are_right, 120)
{
	unnoticed(_metadata, variant->policy, "fork", 4);
}

TEST_F_TIMEOUT(storm, mappings_are_right, 120)
{
	unnoticed(_metadata, variant->policy, "mappings", 1);
}

TEST_F_TIMEOUT(storm, it_follows_exec, 120)
{
	unnoticed(_metadata, variant->policy, "exec", 2);
}

/* The storm ends with its descriptors, and the program goes on. */
TEST_F_TIMEOUT(storm, descriptors_may_be_closed, 120)
{
	unnoticed(_metadata, variant->policy, "close", 1);
}

TEST_F(storm, little_is_seen_of_it)
{
	unnoticed(_metadata, variant->policy, "ask", 1);
}

FIXTURE(command)
{
};

FIXTURE_SETUP(command)
{
	SKIP_IF_STATIC();
}

FIXTURE_TEARDOWN(command)
{
}

TEST_F(command, the_status_is_the_commands)
{
	EXPECT_EQ(42, storm("", "status"));
	EXPECT_EQ(42, storm("--check", "status"));
	EXPECT_EQ(127, vt_command("vsvm run -- no-such-command 2>&1"));
	EXPECT_EQ(126, vt_command("vsvm run -- /dev/null 2>&1"));
	EXPECT_EQ(143, storm("", "signal")) {
		printf("# it said: %s\n", vt_said);
	}
}

/* What differs from run to run is seen. */
TEST_F(command, check_compares)
{
	EXPECT_EQ(1, vt_command("vsvm run --check -- sh -c 'echo 12$$' 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "standard output differs from byte "));
	EXPECT_EQ(1, vt_command("vsvm run --check -- sh -c 'echo $$ >&2' 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "standard error differs from byte "));
	/* The first run makes what the second one finds. */
	rmdir("/tmp/vt-ran");
	EXPECT_EQ(1, vt_command("vsvm run --check -- mkdir /tmp/vt-ran 2>&1"));
	rmdir("/tmp/vt-ran");
	EXPECT_NE(NULL, strstr(vt_said, "the status is 0x100, and 0 without a storm"));
	/* Both runs read the same input, and what they print is printed once. */
	EXPECT_EQ(0, vt_command("echo in | vsvm run --check -- cat 2>/dev/null"));
	EXPECT_STREQ("in\n", vt_said);
}

/* A program without the library has no storm, which is said. */
TEST_F(command, a_static_program_has_none)
{
	EXPECT_EQ(0, vt_command("vsvm run -- busybox true 2>&1"));
	EXPECT_NE(NULL, strstr(vt_said, "no process had a storm"));
	EXPECT_EQ(0, storm("", "threads"));
	EXPECT_EQ(NULL, strstr(vt_said, "no process had a storm"));
}

#define GOING	"/tmp/vt-going"

/* No file is left, however it ends. */
TEST_F(command, nothing_is_left)
{
	EXPECT_EQ(0, vt_command("touch /tmp/vt-before; ls -A /tmp >/tmp/vt-before"));
	EXPECT_EQ(0, storm("", "threads"));
	EXPECT_EQ(143, storm("", "signal"));
	/* Killed itself, before its command, which goes on. */
	EXPECT_EQ(0, vt_command("mkfifo " GOING));
	EXPECT_EQ(0, vt_command("vsvm run -- sh -c 'echo $$ >" GOING "; exec sleep 60' & %s",
				"read child <" GOING "; kill -KILL $! $child; rm " GOING));
	EXPECT_EQ(0, vt_command("ls -A /tmp | diff - /tmp/vt-before"));
	unlink("/tmp/vt-before");
}

/* With few descriptors allowed there is a storm all the same. */
TEST_F(command, few_descriptors_are_enough)
{
	const struct rlimit limit = { 64, 64 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	unnoticed(_metadata, "--check", "threads", 1);
}

TEST(refuses)
{
	static const struct {
		int status;
		const char *words, *options;
	} wrong[] = {
		{ 2, "which command?", "" },
		{ 2, "--storm: 'x' is not a number", "--storm=x true" },
		{ 2, "--policy: 'gale' is neither", "--policy gale true" },
		{ 2, "--devices: '0' is not", "--devices 0 true" },
		{ 2, "--devices: '9' is not", "--devices 9 true" },
		{ 1, "there is no vsvm device 7", "--devices 8 echo ran" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(wrong[i].status, vt_command("vsvm run %s 2>&1", wrong[i].options));
		EXPECT_NE(NULL, strstr(vt_said, wrong[i].words)) {
			printf("# it said: %s\n", vt_said);
		}
		EXPECT_EQ(NULL, strstr(vt_said, "ran\n"));
	}
}

TEST_HARNESS_MAIN
