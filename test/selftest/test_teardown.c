// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device, the file or the process is taken away while work is in flight.
 *
 * It happens VSVM_ROUNDS times each (5), at a moment that the dice choose (VSVM_SEED).
 * The moment is counted in operations of the workers, not in time.
 *
 * Each round, what survives has its bytes, every call returns what it may, and no
 * device memory stays in use; at the end the module can be unloaded.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <kselftest_harness.h>

#include "storm.h"
#include "vt.h"
#include "vt_host.h"

/*
 * On the debug kernel each page costs, so fewer of them make more rounds: small ones,
 * or a huge one and some of the next window of the driver.
 */
#define SMALL	(128 * VT_PAGE)
#define LEN	(VT_HUGE + SMALL)
#define DEVICES	2U

/* Seconds for 200 rounds on the debug kernel under emulation, and some more. */
#define LIMIT	3600

/* How many operations a crew does before the end comes, at most. */
#define OPS	100

/* What a round's processes have in common. */
struct shared {
	struct storm_counter ops;	/* of the crew */
	struct storm_counter begun;	/* calls of a child that is to be killed */
	struct storm_counter done;
};

struct orders {
	struct shared *shared;
	enum vt_kind kind;
	uint64_t seed;
	unsigned int device;
	char *mem;		/* NULL: the owner's own */
	char *buf;		/* for calls, with the same bytes */
	enum storm_call call;
	bool cgroup;
	bool eats;
	bool heir;
};

/* The owner of the files, a child without them, and threads at work. */
struct party {
	struct orders *orders;
	struct storm_dice dice;
	struct vsvm *v, *peer;
	char *mem;
	size_t len;
	struct vt_child heir;
	struct storm_crew crew;
};

static struct party party;

/* What a test has; in a fixture, so that all kinds of them have it. */
struct scene {
	struct vsvm *v[DEVICES];
	uint64_t used[DEVICES];
	struct vt_module module;
	struct storm_dice dice;
	struct orders orders;
	unsigned int rounds, round;
};

static int open_devices(struct vsvm **v)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		if (VT_BAD(vsvm_open(i, &v[i])))
			return -1;
	return 0;
}

static void close_devices(struct vsvm **v)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		vsvm_close(v[i]);
		v[i] = NULL;
	}
}

static int scene_begin(struct scene *s)
{
	unsigned int i;

	if (VT_BAD(vt_module_get(&s->module) || s->module.devices < DEVICES ||
		   open_devices(s->v)))
		return -1;
	for (i = 0; i < DEVICES; i++)
		s->used[i] = vt_used(s->v[i]);
	s->dice.state = storm_seed();
	s->rounds = storm_rounds();
	printf("# VSVM_SEED=%llu VSVM_ROUNDS=%u\n",
	       (unsigned long long)s->dice.state, s->rounds);
	fflush(stdout);
	s->orders.shared = storm_shared();
	/* Children of children come to us when those end. */
	return s->orders.shared ? prctl(PR_SET_CHILD_SUBREAPER, 1) : -1;
}

/* In the parent of a test: its processes are gone, and their files with them. */
static void scene_end(const struct scene *s)
{
	struct vsvm *v[DEVICES] = {};
	int ret;

	vt_cgroup_gone();
	ret = vt_module_loaded() ? open_devices(v) : -ENODEV;
	close_devices(v);
	if (!ret)
		return;
	/* A test broke off in the middle of a round. */
	if (vt_module_loaded())
		vt_module_unload();
	vt_module_load(s->module.devices, s->module.vram_mib);
}

FIXTURE(teardown)
{
	struct scene s;
};

FIXTURE_SETUP(teardown)
{
	ASSERT_EQ(0, scene_begin(&self->s));
}

FIXTURE_TEARDOWN_PARENT(teardown)
{
	scene_end(&self->s);
}

/* Device pages of a dead process are given back in a moment. */
static bool used_is(struct vsvm *v, uint64_t used)
{
	int i;

	for (i = 0; i < 500 && vt_used(v) != used; i++)
		usleep(20000);
	return vt_used(v) == used;
}

/* The next round: other dice for all who take part; false: there is none. */
static bool next_round(struct scene *s)
{
	struct orders *orders = &s->orders;

	if (s->round == s->rounds)
		return false;
	s->round++;
	memset(orders->shared, 0, sizeof(*orders->shared));
	orders->seed = storm_draw(&s->dice, 1ULL << 48);
	orders->kind = storm_draw(&s->dice, 2) ? VT_LARGE : VT_SMALL;
	orders->device = storm_draw(&s->dice, DEVICES);
	return true;
}

/* A moment: so many operations of the crew from its start. */
static uint64_t moment(struct storm_dice *dice)
{
	return storm_draw(dice, OPS) + 1;
}

/*
 * No device memory is in use but what was before the test. Waits for children
 * whose parents are gone: there are no others by now.
 */
static bool all_freed(struct scene *s)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	return used_is(s->v[0], s->used[0]) && used_is(s->v[1], s->used[1]);
}

/* One line for the table of what was done. */
static void report(const char *what, unsigned int rounds, const char *more)
{
	printf("#@ teardown | %s | %u rounds%s\n", what, rounds, more);
	fflush(stdout);
}

/* Nothing holds the module, and it is of use afterwards. */
static int module_comes_back(struct scene *s)
{
	int ret;

	close_devices(s->v);
	ret = vt_module_unload();
	if (ret) {
		fprintf(stderr, "# rmmod: %s\n", strerror(-ret));
		return ret;
	}
	if (VT_BAD(vt_module_load(s->module.devices, s->module.vram_mib) ||
		   open_devices(s->v)))
		return -1;
	return vt_used(s->v[0]) || vt_used(s->v[1]);
}

/*
 * Has memory of its owner's from before the owner's end, and no file. Touches
 * it until told to look at all of it.
 */
static int heir_looks(struct vt_child *c, void *arg)
{
	struct party *p = arg;
	struct pollfd fd = { .fd = c->in, .events = POLLIN };
	size_t page;

	vsvm_close(p->v);
	vsvm_close(p->peer);
	vt_say(c);
	while (!poll(&fd, 1, 1)) {
		page = storm_draw(&p->dice, p->len / VT_PAGE);
		/* Any byte does to have the page migrate. */
		*(volatile char *)(p->mem + page * VT_PAGE);
	}
	if (vt_hear(c))
		return 9;
	return storm_check(p->mem, p->len) ? 1 : 0;
}

static int heir_is_well(struct party *p)
{
	if (!p->heir.pid)
		return 0;
	vt_say(&p->heir);
	return vt_wait(&p->heir);
}

/* Moves some of the memory to one device, some to the other. */
static int spread(struct party *p)
{
	size_t from = storm_draw(&p->dice, p->len / VT_PAGE / 2) * VT_PAGE;
	size_t rest = p->len - from;

	return vt_migrate(p->v, p->mem + from, rest / VT_HUGE * VT_HUGE ?: rest,
			  DRM_VSVM_TARGET_DEVICE, 0, NULL) ||
	       vt_migrate(p->peer, p->mem, from + VT_PAGE,
			  DRM_VSVM_TARGET_DEVICE, 0, NULL);
}

/* Opens files, has memory on the devices, forks the heir; sets up the crew. */
static int party_begin(struct party *p, struct orders *orders)
{
	memset(p, 0, sizeof(*p));
	p->orders = orders;
	p->dice.state = orders->seed;
	if (VT_BAD(orders->cgroup && vt_cgroup_enter()))
		return -1;
	if (VT_BAD(vsvm_open(orders->device, &p->v) ||
		   vsvm_open(DEVICES - 1 - orders->device, &p->peer)))
		return -1;
	p->mem = orders->mem;
	p->len = p->mem || orders->kind == VT_LARGE ? LEN : SMALL;
	if (!p->mem) {
		p->mem = vt_map(p->len, orders->kind);
		if (VT_BAD(!p->mem))
			return -1;
		storm_fill(p->mem, p->len);
	}
	if (VT_BAD(spread(p)))
		return -1;
	if (VT_BAD(orders->heir &&
		   (vt_start(&p->heir, heir_looks, p) || vt_hear(&p->heir))))
		return -1;
	p->crew.mem = p->mem;
	p->crew.len = p->len;
	p->crew.ops = &orders->shared->ops;
	p->crew.fds[0] = vsvm_fd(p->v);
	p->crew.fds[1] = vsvm_fd(p->peer);
	return 0;
}

/* ---- the device: sysfs unbind ---- */

static int owner_is_unplugged(struct vt_child *c, void *arg)
{
	struct party *p = &party;
	char *node;
	bool late;

	if (party_begin(p, arg))
		return 1;
	node = mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    vsvm_fd(p->v), 0);
	if (node == MAP_FAILED)
		return 2;
	memset(node, 0x77, VT_PAGE);
	p->crew.error = -ENODEV;
	late = storm_draw(&p->dice, 2);
	if (storm_start(&p->crew, p->orders->seed) || vt_hear(c))
		return 3;

	/* Unplugged: the CPU has it all, the device nothing, the peer works. */
	if (storm_finish(&p->crew))
		return 4;
	if (storm_all_give(vsvm_fd(p->v), p->mem, p->len, -ENODEV))
		return 5;
	if (heir_is_well(p))
		return 6;
	if (vt_check_byte(node, VT_PAGE, 0x77))
		return 7;
	if (storm_all_give(vsvm_fd(p->peer), p->mem, p->len, 0))
		return 8;

	/* The old file may outlive the device that was. */
	if (!late)
		vsvm_close(p->v);
	vt_say(c);
	if (vt_hear(c))
		return 9;
	if (late) {
		if (storm_all_give(vsvm_fd(p->v), p->mem, p->len, -ENODEV))
			return 10;
		vsvm_close(p->v);
	}
	if (vsvm_open(p->orders->device, &p->v))
		return 11;
	return storm_all_give(vsvm_fd(p->v), p->mem, p->len, 0) ? 12 : 0;
}

/* sysfs unbind with pages there, threads faulting and calls in flight. */
TEST_F_TIMEOUT(teardown, sysfs_unbind, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;
	struct vt_child c;
	struct vsvm *v;
	char name[16];

	orders->heir = true;
	while (next_round(s)) {
		snprintf(name, sizeof(name), "vsvm.%u", orders->device);
		ASSERT_EQ(0, vt_start(&c, owner_is_unplugged, orders));
		ASSERT_EQ(0, storm_wait(&orders->shared->ops, moment(&s->dice),
					c.pid));
		vsvm_close(s->v[orders->device]);
		s->v[orders->device] = NULL;
		ASSERT_EQ(0, vt_file_write(VT_DRIVER "unbind", name));
		ASSERT_EQ(-ENODEV, vsvm_open(orders->device, &v));
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_hear(&c)) TH_LOG("status %d", vt_wait(&c));
		ASSERT_EQ(0, vt_file_write(VT_DRIVER "bind", name));
		ASSERT_EQ(0, vsvm_open(orders->device, &v));
		s->v[orders->device] = v;
		ASSERT_EQ(0, vt_used(v));
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_wait(&c));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	report("sysfs unbind", s->round, "");
}

/* ---- the module ---- */

/* All is on the devices, no file is open: everybody reads what is his. */
static int without_files(struct party *p, struct vt_child *c)
{
	storm_fill(p->mem, p->len);
	if (spread(p) || vt_start(&p->heir, heir_looks, p) ||
	    vt_hear(&p->heir))
		return 4;
	vsvm_close(p->v);
	vsvm_close(p->peer);
	p->crew.fds[0] = -1;
	p->crew.fds[1] = -1;
	memset(&p->orders->shared->ops, 0, sizeof(p->orders->shared->ops));
	if (vt_say(c) || storm_start(&p->crew, p->orders->seed + 1) || vt_hear(c))
		return 5;
	if (storm_finish(&p->crew))
		return 6;
	return heir_is_well(p) ? 7 : 0;
}

static int owner_of_module(struct vt_child *c, void *arg)
{
	struct party *p = &party;
	int ret;

	if (party_begin(p, arg) || storm_start(&p->crew, p->orders->seed))
		return 1;
	/* Was refused while we worked. */
	if (vt_hear(c) || storm_finish(&p->crew))
		return 2;
	ret = without_files(p, c);
	if (ret)
		return ret;
	/* Was unloaded, and comes back. */
	vt_say(c);
	if (vt_hear(c))
		return 8;
	if (vsvm_open(0, &p->v))
		return 9;
	return storm_all_give(vsvm_fd(p->v), p->mem, p->len, 0) ? 10 : 0;
}

/* rmmod is refused for a file, and clean for pages without an open file. */
TEST_F_TIMEOUT(teardown, rmmod, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;
	struct vt_child c;

	close_devices(s->v);
	while (next_round(s)) {
		ASSERT_EQ(0, vt_start(&c, owner_of_module, orders));
		ASSERT_EQ(0, storm_wait(&orders->shared->ops, moment(&s->dice),
					c.pid));
		ASSERT_EQ(-EWOULDBLOCK, vt_module_unload());
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_hear(&c)) TH_LOG("status %d", vt_wait(&c));
		ASSERT_EQ(0, storm_wait(&orders->shared->ops, moment(&s->dice),
					c.pid));
		ASSERT_EQ(0, vt_module_unload());
		ASSERT_FALSE(vt_module_loaded());
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_hear(&c)) TH_LOG("status %d", vt_wait(&c));
		ASSERT_EQ(0, vt_module_load(DEVICES, 32));
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_wait(&c));
	}
	ASSERT_EQ(0, open_devices(s->v));
	EXPECT_TRUE(all_freed(s));
	EXPECT_EQ(0, module_comes_back(s));
	report("rmmod", s->round, ", each refused once and clean once");
}

/* ---- the file ---- */

static int owner_closes(struct vt_child *c, void *arg)
{
	struct party *p = &party;
	struct vsvm *v;
	int fd;

	(void)c;
	if (party_begin(p, arg))
		return 1;
	/* The crew gets a number of its own, which close() takes from it. */
	fd = dup(vsvm_fd(p->v));
	if (fd < 0)
		return 2;
	vsvm_close(p->v);
	p->v = NULL;
	p->crew.fds[0] = fd;
	p->crew.error = -EBADF;
	if (storm_start(&p->crew, p->orders->seed))
		return 3;
	storm_wait(&p->orders->shared->ops, moment(&p->dice), 0);
	if (close(fd))
		return 4;
	if (storm_draw(&p->dice, 2)) {
		/* From now on its threads may say EBADF, too. */
		__atomic_store_n(&p->crew.fds[1], -1, __ATOMIC_SEQ_CST);
		vsvm_close(p->peer);
		p->peer = NULL;
	}
	if (storm_finish(&p->crew) || heir_is_well(p))
		return 5;
	/* All were touched, so all are home, though the process lives on. */
	if (vsvm_open(p->orders->device, &v) || !used_is(v, 0))
		return 6;
	return storm_all_give(vsvm_fd(v), p->mem, p->len, 0) ? 7 : 0;
}

/* close() with calls in flight: they end well, the next one says EBADF. */
TEST_F_TIMEOUT(teardown, file_close, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;

	orders->heir = true;
	while (next_round(s)) {
		ASSERT_EQ(0, vt_run(owner_closes, orders));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	report("file close", s->round, "");
}

/* ---- the process ---- */

/* What an exec()ed program inherits, in its environment. */
#define INHERITED	"VSVM_TEST_TEARDOWN"

static void keep_open(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static int owner_executes(struct vt_child *c, void *arg)
{
	struct party *p = &party;
	char text[96];

	(void)c;
	if (party_begin(p, arg))
		return 1;
	keep_open(vsvm_fd(p->v));
	keep_open(p->heir.in);
	keep_open(p->heir.out);
	snprintf(text, sizeof(text), "%d %d %d %d", vsvm_fd(p->v), p->heir.pid,
		 p->heir.in, p->heir.out);
	setenv(INHERITED, text, 1);
	if (storm_start(&p->crew, p->orders->seed))
		return 2;
	storm_wait(&p->orders->shared->ops, moment(&p->dice), 0);
	execl("/proc/self/exe", "test_teardown", NULL);
	return 3;
}

/* In the new program: the file is not ours, and the heir has all its own. */
static int after_exec(const char *text)
{
	struct vt_child heir;
	char *mem;
	int fd;

	if (sscanf(text, "%d %d %d %d", &fd, &heir.pid, &heir.in,
		   &heir.out) != 4)
		return 4;
	mem = vt_map(SMALL, VT_SMALL);
	if (!mem)
		return 5;
	memset(mem, 0x11, SMALL);
	if (storm_all_give(fd, mem, SMALL, -EPERM) ||
	    vt_check_byte(mem, SMALL, 0x11))
		return 6;
	vt_say(&heir);
	return vt_wait(&heir) ? 7 : 0;
}

/* Before main(), which belongs to the harness. */
static void __attribute__((constructor)) maybe_after_exec(void)
{
	const char *text = getenv(INHERITED);

	if (text)
		_exit(after_exec(text));
}

/* exec() ends threads in calls; the file goes along, to a stranger. */
TEST_F_TIMEOUT(teardown, exec, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;

	orders->heir = true;
	while (next_round(s)) {
		ASSERT_EQ(0, vt_run(owner_executes, orders));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	report("exec", s->round, "");
}

/* The heir answers to the test, and ends when it is told. */
static int owner_exits(struct vt_child *c, void *arg)
{
	struct party *p = &party;
	pid_t pid;

	if (party_begin(p, arg))
		return 1;
	pid = fork();
	if (pid < 0)
		return 2;
	if (!pid) {
		if (!heir_looks(c, p))
			vt_say(c);
		_exit(0);
	}
	if (storm_start(&p->crew, p->orders->seed))
		return 3;
	storm_wait(&p->orders->shared->ops, moment(&p->dice), 0);
	_exit(0);
}

/* The parent goes, threads in calls and all; the child has its memory. */
TEST_F_TIMEOUT(teardown, exit_of_parent, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;
	struct vt_child c;
	int status;

	while (next_round(s)) {
		ASSERT_EQ(0, vt_start(&c, owner_exits, orders));
		ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
		ASSERT_EQ(0, status);
		/* It is there, and then it is right. */
		ASSERT_EQ(0, vt_hear(&c));
		ASSERT_EQ(0, vt_say(&c));
		ASSERT_EQ(0, vt_hear(&c));
		close(c.in);
		close(c.out);
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	report("exit of the parent", s->round, "");
}

/* Threads that do nothing but one call on all of the memory. */
struct caller {
	struct orders *orders;
	int fd;
	char *mem;
	char *buf;
};

static void *call_for_ever(void *arg)
{
	struct caller *a = arg;
	struct shared *shared = a->orders->shared;

	/* Ends by the kill, or by what the call says. */
	for (;;) {
		storm_count(&shared->begun);
		if (storm_call(a->fd, a->orders->call, a->mem, LEN, a->buf))
			_exit(3);
		storm_count(&shared->done);
		if ((a->orders->call == STORM_TO_SYSTEM ||
		     a->orders->call == STORM_DISCARD) &&
		    storm_call(a->fd, STORM_TO_DEVICE, a->mem, LEN, NULL))
			_exit(4);
		/* By the CPU, which wants each page home. */
		if (a->orders->call == STORM_TO_DEVICE ||
		    a->orders->call == STORM_EXCLUSIVE)
			vt_check_byte(a->mem, 1, *a->mem);
	}
	return NULL;
}

static int owner_is_killed(struct vt_child *c, void *arg)
{
	struct caller caller = { .orders = arg };
	struct party *p = &party;
	pthread_t thread;
	unsigned int more;

	(void)c;
	if (party_begin(p, arg))
		return 1;
	caller.fd = vsvm_fd(p->v);
	caller.mem = p->mem;
	caller.buf = p->orders->buf;
	for (more = storm_draw(&p->dice, 3); more; more--)
		if (pthread_create(&thread, NULL, call_for_ever, &caller))
			return 2;
	call_for_ever(&caller);
	return 5;
}

FIXTURE(sigkill)
{
	struct scene s;
};

FIXTURE_VARIANT(sigkill)
{
	enum storm_call call;
};

#define KILLED_IN(name, number)			\
	FIXTURE_VARIANT_ADD(sigkill, name)	\
	{					\
		.call = number,			\
	}

KILLED_IN(info, STORM_INFO);
KILLED_IN(read, STORM_READ);
KILLED_IN(write, STORM_WRITE);
KILLED_IN(to_device, STORM_TO_DEVICE);
KILLED_IN(to_system, STORM_TO_SYSTEM);
KILLED_IN(snapshot, STORM_SNAPSHOT);
KILLED_IN(exclusive, STORM_EXCLUSIVE);
KILLED_IN(atomic, STORM_ATOMIC);
KILLED_IN(inject, STORM_INJECT);
KILLED_IN(pread, STORM_PREAD);
KILLED_IN(pwrite, STORM_PWRITE);
KILLED_IN(advise, STORM_ADVISE);
KILLED_IN(mmap, STORM_MMAP);
KILLED_IN(discard, STORM_DISCARD);
KILLED_IN(events, STORM_EVENTS);
KILLED_IN(pin, STORM_PIN);

FIXTURE_SETUP(sigkill)
{
	ASSERT_EQ(0, scene_begin(&self->s));
	self->s.orders.mem = vt_map(LEN, VT_LARGE);
	ASSERT_NE(NULL, self->s.orders.mem);
	storm_fill(self->s.orders.mem, LEN);
	self->s.orders.buf = vt_map(LEN, VT_LARGE);
	ASSERT_NE(NULL, self->s.orders.buf);
	storm_fill(self->s.orders.buf, LEN);
}

FIXTURE_TEARDOWN_PARENT(sigkill)
{
	scene_end(&self->s);
}

/* Not a time: so many turns of this loop, with the other at work meanwhile. */
static void linger(struct storm_dice *dice)
{
	unsigned int turns = storm_draw(dice, 1 << storm_draw(dice, 12));

	while (turns--)
		sched_yield();
}

/* SIGKILL in each call; pages that the dead shared are as they were. */
TEST_F_TIMEOUT(sigkill, in_call, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;
	unsigned int inside = 0;
	char what[64], more[64];
	struct vt_child c;

	orders->call = variant->call;
	while (next_round(s)) {
		ASSERT_EQ(0, vt_start(&c, owner_is_killed, orders));
		ASSERT_EQ(0, storm_wait(&orders->shared->begun,
					storm_draw(&s->dice, 4) + 1, c.pid));
		linger(&s->dice);
		ASSERT_EQ(0, kill(c.pid, SIGKILL));
		ASSERT_EQ(128 + SIGKILL, vt_wait(&c));
		inside += orders->shared->begun.count > orders->shared->done.count;
		ASSERT_EQ(0, storm_check(orders->mem, LEN));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	snprintf(what, sizeof(what), "SIGKILL in %s", storm_name(orders->call));
	snprintf(more, sizeof(more), ", %u inside the call", inside);
	report(what, s->round, more);
}

/* ---- the memory cgroup ---- */

#define LIMIT_BYTES	(4 * VT_HUGE)

/* More and more memory, in a way that the dice choose, to the end. */
static void eat(struct party *p)
{
	unsigned int how = storm_draw(&p->dice, 4);
	int fd = vsvm_fd(p->v);
	char *more, *buf;

	buf = vt_map(LEN, VT_LARGE);
	while (buf) {
		more = vt_map(LEN, storm_draw(&p->dice, 2));
		if (!more)
			return;
		if (how == 1)
			storm_call(fd, STORM_WRITE, more, LEN, buf);
		else if (how == 2)
			storm_call(fd, STORM_PWRITE, more, LEN, buf);
		else if (how == 3)
			vt_migrate(p->v, more, LEN, DRM_VSVM_TARGET_DEVICE,
				   DRM_VSVM_MIGRATE_POPULATE, NULL);
		/* Whatever the device could not have, the CPU wants. */
		memset(more, 1, LEN);
	}
}

static int owner_in_cgroup(struct vt_child *c, void *arg)
{
	struct party *p = &party;

	if (party_begin(p, arg) || storm_start(&p->crew, p->orders->seed))
		return 1;
	if (p->orders->eats) {
		storm_wait(&p->orders->shared->ops, moment(&p->dice), 0);
		eat(p);
		return 2;
	}
	return vt_hear(c) ? 3 : 4;
}

FIXTURE(memcg)
{
	struct scene s;
};

FIXTURE_SETUP(memcg)
{
	ASSERT_EQ(0, vt_cgroup_make());
	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.swap.max", 0));
	ASSERT_EQ(0, scene_begin(&self->s));
	self->s.orders.cgroup = true;
	self->s.orders.heir = true;
	self->s.orders.mem = vt_map(LEN, VT_LARGE);
	ASSERT_NE(NULL, self->s.orders.mem);
	storm_fill(self->s.orders.mem, LEN);
}

FIXTURE_TEARDOWN_PARENT(memcg)
{
	scene_end(&self->s);
}

/* All processes of a cgroup at once; who shared pages with them has his. */
TEST_F_TIMEOUT(memcg, cgroup_kill, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;
	struct vt_child c;

	while (next_round(s)) {
		ASSERT_EQ(0, vt_start(&c, owner_in_cgroup, orders));
		ASSERT_EQ(0, storm_wait(&orders->shared->ops, moment(&s->dice),
					c.pid));
		ASSERT_EQ(0, vt_file_write(VT_CGROUP "/cgroup.kill", "1"));
		ASSERT_EQ(128 + SIGKILL, vt_wait(&c));
		ASSERT_EQ(0, storm_check(orders->mem, LEN));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_EQ(0, module_comes_back(s));
	report("cgroup.kill", s->round, "");
}

/* The OOM killer of a cgroup, called by the CPU, a write or a migration. */
TEST_F_TIMEOUT(memcg, limit_kill, LIMIT)
{
	struct scene *s = &self->s;
	struct orders *orders = &s->orders;

	orders->eats = true;
	ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.max", LIMIT_BYTES));
	while (next_round(s)) {
		ASSERT_EQ(0, vt_file_set(VT_CGROUP "/memory.oom.group",
					 storm_draw(&s->dice, 2)));
		ASSERT_EQ(0, vt_oom_begin());
		EXPECT_EQ(128 + SIGKILL, vt_run(owner_in_cgroup, orders));
		ASSERT_EQ(0, vt_oom_end());
		ASSERT_EQ(0, storm_check(orders->mem, LEN));
		ASSERT_TRUE(all_freed(s));
	}
	EXPECT_LE((long)s->rounds,
		  vt_cgroup_key("memory.events", "oom_kill"));
	EXPECT_EQ(0, module_comes_back(s));
	report("memory.max", s->round, "");
}

TEST_HARNESS_MAIN
