// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile: whatever an unprivileged user can think of, all of it at once.
 *
 *	hostile [--seconds N] [--seed N] [--parameters TEXT] [--coherent ADDR:SIZE]
 *
 * Run as root, it loads the module (with default parameters, and no more), makes
 * a scene, and lets processes of an ordinary user loose on it: in a memory cgroup
 * of their own, without a capability. It starts a new one for each that dies.
 * Meanwhile root unbinds and binds devices, looks into debugfs, takes memory
 * away, and kills. What must hold, each checked by who can tell:
 *
 * - No byte of a victim changes: the victim knows all of them. The setuid program
 *   knows its own.
 * - No byte of anybody's is seen by another: an attacker's memory has zeroes and
 *   its own words, so whatever else the device, a pipe or a fresh page gives it
 *   is another process's; victims' words say whose.
 * - No process outside the attackers' cgroup is killed: kills in there are all the
 *   kills there are, and a bystander with much memory lives on. For long runs a
 *   ballast takes what memory the storm is not to need.
 * - The host never gives more memory than the cgroup's limit and the devices'
 *   size; a table has no leaf that its entries do not need.
 * - unbind, and a death by SIGKILL, take a bounded time, whatever attackers do.
 * - The kernel's log has no splat. At the end all is as it was.
 *
 * A finding is a line that begins with "hostile: FOUND". The seed, printed
 * first, gives each attacker the same dice; what comes of it is the scheduler's.
 */
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "hostile_root.h"
#include "vt_host.h"

#define UFFD	"/proc/sys/vm/unprivileged_userfaultfd"

struct hostile *hostile;
char hostile_who[64] = "root";

/* An operation that was tried so often is to have succeeded once. */
#define FEW	20

/* As the command line says. */
static const char *parameters = "";
static char coherent[64];

/* How often something was found that differs in numbers only. */
static uint32_t times_found(const char *text)
{
	uint32_t kind = 1, was, i;

	for (; *text; text++)
		if (!strchr("0123456789abcdefx", *text))
			kind = kind * 31 + *text;
	for (i = 0; i < VT_COUNT(hostile->kind); i++) {
		was = 0;
		if (__atomic_compare_exchange_n(&hostile->kind[i].kind, &was,
						kind, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST) ||
		    was == kind)
			return __atomic_add_fetch(&hostile->kind[i].times, 1,
						  __ATOMIC_SEQ_CST);
	}
	return 1;
}

void hostile_found(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	__atomic_fetch_add(&hostile->found, 1, __ATOMIC_SEQ_CST);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	text[strcspn(text, "\n")] = 0;
	if (times_found(text) > 3)
		return;
	/* One write: lines of several processes do not mix. */
	dprintf(hostile->log, "hostile: FOUND (--seed %llu) %s: %s\n",
		(unsigned long long)hostile->seed, hostile_who, text);
}

const char *hostile_whose(uint64_t word)
{
	static char text[64];
	uint32_t owner = word >> 32 & 0xffff;

	if (!word)
		return "zero";
	if (word >> 48 != HOSTILE_MAGIC)
		return "nobody's pattern";
	if (owner <= HOSTILE_LAST_VICTIM)
		snprintf(text, sizeof(text), "the pattern of victim %u",
			 (owner - 1) % (HOSTILE_VICTIMS + 1));
	else
		snprintf(text, sizeof(text), "the pattern of attacker %u",
			 owner);
	return text;
}

int hostile_open(unsigned int device)
{
	char path[sizeof(hostile->node[0].path)];
	int fd;

	memcpy(path, hostile->node[device].path, sizeof(path));
	if (!path[0])
		return -ENODEV;
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

double hostile_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	return -1;
}

/* An attacker, in the place of one that is dead. */
static void attacker_start(unsigned int slot)
{
	struct rlimit processes = { 200, 200 }, core = { 0, 0 };
	pid_t pid = fork();

	if (pid) {
		store(&hostile->attacker[slot].pid, pid);
		return;
	}
	if (scene_enter(HOSTILE_THEIRS) || setgroups(0, NULL) ||
	    setresgid(HOSTILE_USER, HOSTILE_USER, HOSTILE_USER) ||
	    setrlimit(RLIMIT_NPROC, &processes) ||
	    setrlimit(RLIMIT_CORE, &core) ||
	    setresuid(HOSTILE_USER, HOSTILE_USER, HOSTILE_USER) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	snprintf(hostile_who, sizeof(hostile_who), "attacker %u.%u (pid %d)",
		 slot, hostile->attacker[slot].number, getpid());
	hostile_attack(slot);
}

static void attackers_look(bool again)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_ATTACKERS; i++) {
		pid_t pid = load(&hostile->attacker[i].pid);
		int status;

		if (pid > 0 && waitpid(pid, &status, WNOHANG) != pid)
			continue;
		if (pid > 0 && status && !(WIFSIGNALED(status) &&
					   WTERMSIG(status) == SIGKILL))
			hostile_found("attacker %u.%u, pid %d, ended with status %#x: %s",
				      i, hostile->attacker[i].number, pid,
				      status, hostile->attacker[i].doing);
		store(&hostile->attacker[i].pid, 0);
		if (pid > 0)
			hostile->attacker[i].number++;
		if (again)
			attacker_start(i);
	}
}

static int load_module(void)
{
	int fd = vt_module_open();
	char text[256];
	int ret;

	snprintf(text, sizeof(text), "%s%s%s", parameters,
		 coherent[0] ? " coherent=" : "", coherent);
	if (fd < 0)
		return fail("vsvm.ko");
	/* Not modprobe: that adds what the kernel's command line says. */
	ret = syscall(SYS_finit_module, fd, text, 0);
	close(fd);
	return ret ? fail("loading vsvm") : 0;
}

/* Files that are still being closed keep the module for a moment. */
static int unload_module(void)
{
	double end = hostile_now() + hostile->bound;
	int ret;

	while ((ret = vt_module_unload()) == -EWOULDBLOCK &&
	       hostile_now() < end)
		usleep(20000);
	errno = -ret;
	return ret ? fail("unloading vsvm") : 0;
}

/* Copied to where a setuid bit counts. */
static int prepare_helper(void)
{
	char path[PATH_MAX], command[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	unsigned long *at = hostile->helper;
	FILE *f;
	int got, fd;

	if (n < 0)
		return fail("/proc/self/exe");
	path[n] = 0;
	snprintf(command, sizeof(command),
		 "rm -rf %s && mkdir -m 755 %s && cp %s_helper %s && chmod 4755 %s",
		 HOSTILE_DIR, HOSTILE_DIR, path, HOSTILE_HELPER,
		 HOSTILE_HELPER);
	if (system(command))
		return fail(command);
	fd = open(HOSTILE_LOG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(HOSTILE_LOG);
	close(fd);
	f = popen(HOSTILE_HELPER " --where", "re");
	got = f ? fscanf(f, "%lx %lx %lx", &at[HOSTILE_FLAG],
			 &at[HOSTILE_SECRET], &at[HOSTILE_INPUT]) : 0;
	if (f)
		pclose(f);
	return got == HOSTILE_PLACES ? 0 : fail("helper --where");
}

/* What the setuid program found, and how often it ran. */
static unsigned long helper_look(bool count)
{
	static long seen;
	unsigned long ran = 0;
	char line[256];
	FILE *f;

	f = fopen(HOSTILE_LOG, "re");
	if (!f)
		return 0;
	if (!count)
		fseek(f, seen, SEEK_SET);
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "ok\n"))
			ran++;
		else if (!count)
			hostile_found("%s", line + strlen("FOUND "));
	}
	if (!count)
		seen = ftell(f);
	fclose(f);
	return ran;
}

static int prepare(void)
{
	int fd, i;

	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	if (fd < 0)
		return fail("no descriptor");
	hostile->log = fd;
	/* Attackers go on from here; the first number is no victim's. */
	hostile->owners = HOSTILE_LAST_VICTIM;
	/* The debug kernel takes its time. */
	hostile->bound = access("/sys/kernel/debug/kmemleak", F_OK) ? 30 : 120;
	if (prepare_helper() || scene_cgroups() || unload_module() ||
	    load_module())
		return -1;
	/* Such as its own parameters say: that many, and a coherent one. */
	hostile->devices = vt_file_get("/sys/module/vsvm/parameters/devices") +
			   !!coherent[0];
	if (hostile->devices > HOSTILE_DEVICES)
		hostile->devices = HOSTILE_DEVICES;
	for (i = 0; i < (int)hostile->devices; i++)
		if (root_publish(i))
			return -1;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, hostile->socket))
		return fail("socketpair");
	vt_file_set("/sys/kernel/mm/ksm/run", 1);
	/* What a user can have of FUSE anyway: a fault that nobody serves. */
	vt_file_set(UFFD, 1);
	return log_begin();
}

/* Until every victim has begun: what comes later is the storm's doing. */
static int victims_ready(void)
{
	double end = hostile_now() + hostile->bound;
	unsigned int i;

	for (i = 0; i <= HOSTILE_VICTIMS; i++) {
		while (!load(&hostile->victim[i].beat)) {
			usleep(10000);
			if (hostile_now() > end)
				return fail("victims do not begin");
		}
	}
	return 0;
}

static void storm(void)
{
	double begin = hostile_now(), said = begin, now;

	do {
		attackers_look(true);
		scene_look();
		helper_look(false);
		log_look();
		usleep(50000);
		now = hostile_now();
		if (now - said > 30) {
			said = now;
			printf("hostile: %d of %u seconds\n",
			       (int)(now - begin), hostile->seconds);
			fflush(stdout);
		}
	} while (root_act() && now - begin < hostile->seconds);
}

/* Each operation has to be alive, or the next change would not be tried. */
static void tell_ops(void)
{
	bool full = hostile->seconds >= HOSTILE_FULL;
	const struct hostile_op *op;
	unsigned int i, n;
	uint64_t tried, done;

	for (n = 0; (op = hostile_op(n)); n++) {
		tried = hostile->op[n].tried;
		done = hostile->op[n].done;
		printf("#@ hostile | %s | %llu of %llu\n", op->name,
		       (unsigned long long)done, (unsigned long long)tried);
		if (full && !done && tried >= FEW)
			hostile_found("%s never succeeded, of %llu", op->name,
				      (unsigned long long)tried);
	}
	tried = helper_look(true);
	printf("#@ hostile | setuid program unharmed | %llu\n",
	       (unsigned long long)tried);
	if (full && !tried)
		hostile_found("the setuid program never ran");
	for (i = 0, n = 0; i < HOSTILE_ATTACKERS; i++)
		n += hostile->attacker[i].number;
	printf("#@ hostile | attackers that died | %u\n", n);
	for (i = 0, tried = 0; i < HOSTILE_VICTIMS; i++) {
		tried += hostile->victim[i].beat;
		if (hostile->victim[i].beat < 10)
			hostile_found("victim %u did next to nothing", i);
	}
	printf("#@ hostile | checks of victims | %llu\n",
	       (unsigned long long)tried);
}

static int play(void)
{
	struct vt_module was;

	if (vt_module_get(&was) || prepare())
		return -1;
	root_begin();
	if (scene_begin() || victims_ready() || root_ballast())
		return -1;
	storm();
	store(&hostile->stop, true);
	scene_purge();
	attackers_look(false);
	if (!root_stop()) {
		/* What hangs holds the module: this machine is done. */
		log_end();
		return -1;
	}
	scene_end();
	helper_look(false);
	close(hostile->socket[0]);
	close(hostile->socket[1]);
	vt_file_set("/sys/kernel/mm/ksm/run", 2);
	vt_file_set("/sys/kernel/mm/ksm/run", 0);
	vt_file_set(UFFD, 0);
	root_end();
	scene_cgroups_gone();
	root_memory();
	tell_ops();
	log_end();
	if (unload_module())
		hostile_found("the module is in use, and nobody uses it");
	else
		vt_module_load(was.devices, was.vram_mib);
	return system("rm -rf " HOSTILE_DIR);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "parameters", required_argument, NULL, 'p' },
		{ "coherent", required_argument, NULL, 'c' },
		{ }
	};
	int c, ret;

	if (argc == 4 && !strcmp(argv[1], "--foreign"))
		return hostile_foreign_main(argv + 2);
	hostile = mmap(NULL, sizeof(*hostile), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (hostile == MAP_FAILED)
		return 1;
	hostile->seconds = 10;
	hostile->seed = time(NULL);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 's')
			hostile->seconds = strtoul(optarg, NULL, 0);
		else if (c == 'r')
			hostile->seed = strtoull(optarg, NULL, 0);
		else if (c == 'p')
			parameters = optarg;
		else if (c == 'c')
			snprintf(coherent, sizeof(coherent), "%s", optarg);
		else
			return 2;
	}
	if (optind != argc || !hostile->seconds || geteuid()) {
		fputs("usage, as root: hostile [--seconds N] [--seed N]\n"
		      "\t[--parameters TEXT] [--coherent ADDR:SIZE]\n",
		      stderr);
		return 2;
	}
	printf("hostile: --seconds %u --seed %llu%s%s\n", hostile->seconds,
	       (unsigned long long)hostile->seed,
	       coherent[0] ? " --coherent " : "", coherent);
	fflush(stdout);
	ret = play();
	printf("hostile: %u found%s\n", hostile->found,
	       ret || hostile->found ? ": FAILED" : "");
	return ret || hostile->found ? 1 : 0;
}
