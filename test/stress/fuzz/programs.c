// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs by chance: the device runs bytes that are instructions, or nearly, or noise,
 * which change each other, while the memory that they are in is protected, unmapped and
 * moved.
 *
 * A program may store to any address that it comes upon. So programs have a process of
 * their own with one thread, and nothing of it is judged but what it is told of its queue.
 * They are in an arena that is far from all other memory, at an address with many bits: no
 * number that a program makes in a few thousand instructions is likely to be an address of
 * anything else, and no word of the arena is one. What they share with the other processes
 * is the devices.
 *
 * A program ends by its budget, or with its queue.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "vt_rv.h"

#define ARENA		((char *)0x2b5a96e00000ULL)
#define ARENA_SIZE	VT_HUGE
/* What of it programs are in, and are told of. */
#define CODE		(ARENA + VT_PAGE)
#define CODE_SIZE	(4 * VT_PAGE)
#define DATA		(CODE + CODE_SIZE)
#define DATA_SIZE	(27 * VT_PAGE)
#define USED		(33 * VT_PAGE)
/* Of the arguments, how many are addresses of aligned words, and of anything. */
#define ARGS		8
#define ALIGNED		4
#define ADDRESSES	6

#define MOST_INSNS	4000
#define MOST_RUNS	3
/* Looks at a program that has no end, and seconds until one with an end is a finding. */
#define LOOKS		20
#define PATIENCE	300
#define SECOND		1000000000LL

struct programs {
	struct fuzz_thread *t;
	int fd;
	uint32_t queue;
	bool ends;		/* no budget lasts for ever */
};

/*
 * A register. The first arguments are addresses of aligned words, and some more are
 * addresses, too.
 */
static unsigned int any_register(struct fuzz_thread *t, unsigned int below)
{
	return fuzz_one_in(t, 256) || !below ? fuzz_draw(t, 32) : A0 + fuzz_draw(t, below);
}

static bool is_address(unsigned int reg)
{
	return reg >= A0 && reg < A0 + ADDRESSES;
}

/* One that seldom is an address, so that these stay. */
static unsigned int any_target(struct fuzz_thread *t)
{
	unsigned int reg = fuzz_draw(t, 32);

	return is_address(reg) && fuzz_draw(t, 256) ? reg % 4 + 5 : reg;
}

static uint32_t any_insn(struct fuzz_thread *t, unsigned int noise)
{
	static const uint8_t opcodes[] = {
		0x03, 0x03, 0x0f, 0x13, 0x13, 0x17, 0x1b, 0x23, 0x23, 0x2f, 0x2f, 0x33, 0x33,
		0x37, 0x3b, 0x63, 0x63, 0x67, 0x6f,
	};
	static const uint8_t amos[] = { 0, 1, 2, 3, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c };
	uint32_t op = opcodes[fuzz_draw(t, VT_COUNT(opcodes))], any = fuzz_draw(t, 1ULL << 32);
	unsigned int rd = any_target(t), f3 = any >> 12 & 7, rs2 = any_register(t, 0);
	unsigned int rs1 = any_register(t, op == 0x2f ? ALIGNED :
					   op == 0x03 || op == 0x23 ? ADDRESSES : 0);

	/* What is no instruction ends a program, so it is rare below. */
	if (fuzz_one_in(t, noise))
		return fuzz_draw(t, 4) ? any : (any & ~0x7fU) | op;
	switch (op) {
	case 0x03:
		return LOAD_AT(f3 % 7, rd, rs1, any >> 20);
	case 0x0f:
		return any & 1 ? FENCE : FENCE_I;
	case 0x13:
		return f3 % 4 == 1 ? OP_I(op, f3, rd, rs1, any >> 26) :
				     OP_I(op, f3, rd, rs1, any >> 20);
	case 0x1b:
		return OP_I(op, any & 0x400 ? 0 : any & 0x800 ? 1 : 5, rd, rs1, any >> 27);
	case 0x23:
		return STORE_AT(f3 % 4, rs2, rs1, any >> 20);
	case 0x2f:
		f3 = 2 + f3 % 2;
		op = amos[any % VT_COUNT(amos)];
		return AMO(op, f3, rd, op == LR ? ZERO : rs2, rs1) | (any >> 30) << 25;
	case 0x33:
		return OP_R(op, f3, any >> 31, rd, rs1, rs2);
	case 0x3b:
		return OP_R(op, any & 0x400 ? 0 : 5, any >> 31, rd, rs1, rs2);
	case 0x63:
		return BRANCH(f3 == 2 || f3 == 3 ? BNE : f3, rs1, rs2,
			      (int)(any >> 24) * 2 - 128);
	case 0x67:
		return fuzz_draw(t, 64) ? ADD(rd, rs1, rs2) : (uint32_t)JALR(rd, rs1, any >> 20);
	case 0x6f:
		return JAL(rd, (int)(any >> 23) * 2 - 256);
	default:
		return OP_U(op, rd, any >> 12);
	}
}

/* Does a parcel leave the program, and its addresses, alone? */
static bool is_fine(uint16_t p)
{
	switch (vt_rv_parcel(p)) {
	case VT_RV_ACCESSES:
		/* The address, and what a load writes to. */
		return is_address(8 + (p >> 7 & 7)) &&
		       (p >> 15 || !is_address(vt_rv_parcel_target(p)));
	case VT_RV_OTHER:
		/* C.J, C.BEQZ, C.BNEZ */
		return (p & 3) == 1 && p >> 13 > 4;
	default:
		return !is_address(vt_rv_parcel_target(p)) && vt_rv_parcel_target(p) != SP;
	}
}

static uint32_t any_parcel(struct fuzz_thread *t, unsigned int noise)
{
	bool any = fuzz_one_in(t, noise);
	uint32_t p;

	do {
		p = fuzz_draw(t, 0x10000);
	} while ((p & 3) == 3 || !(any || is_fine(p)));
	return p;
}

static void make_code(struct fuzz_thread *t, uint16_t *code)
{
	static const unsigned int noises[] = { 10, 300, 3000, 3000, 1 << 30, 1 << 30 };
	unsigned int noise = noises[fuzz_draw(t, VT_COUNT(noises))];
	uint16_t *end = code + CODE_SIZE / 2 - 2;
	uint32_t insn;

	while (code < end) {
		insn = fuzz_one_in(t, 60) ? (uint32_t)ECALL : fuzz_draw(t, 3) ?
		       any_insn(t, noise) : any_parcel(t, noise);
		code = vt_rv_emit(code, &insn, 1);
	}
}

/* Somewhere in the data, seldom in the code. */
static uint64_t any_place(struct fuzz_thread *t)
{
	uint64_t number = fuzz_draw(t, ~0ULL), at = (uintptr_t)DATA;

	switch (fuzz_draw(t, 16)) {
	case 0:
		return (uintptr_t)CODE + number % CODE_SIZE;
	case 1:
		return at + DATA_SIZE - number % 16;
	case 2:
	case 3:
		return at + number % (DATA_SIZE / VT_PAGE) * VT_PAGE - number % 8;
	default:
		return at + number % DATA_SIZE;
	}
}

/* The arena anew, of pages that nobody has said anything about. */
static bool make_arena(struct fuzz_thread *t)
{
	int kind = fuzz_one_in(t, 8) ? MAP_SHARED : MAP_PRIVATE;
	uint64_t *args = (uint64_t *)DATA;
	unsigned int i;

	if (mmap(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
		 kind | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)ARENA)
		return false;
	madvise(ARENA, ARENA_SIZE, fuzz_draw(t, 2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	make_code(t, (uint16_t *)CODE);
	for (i = 0; i < ARGS; i++)
		args[i] = i < ALIGNED ? any_place(t) & ~7ULL :
			  i < ADDRESSES ? any_place(t) : fuzz_number(t);
	return true;
}

static void migrate(struct programs *p, char *addr, size_t len)
{
	struct drm_vsvm_migrate arg = {
		.addr = (uintptr_t)addr,
		.len = len,
		.target = fuzz_draw(p->t, 3) ? DRM_VSVM_TARGET_DEVICE :
			  DRM_VSVM_TARGET_SYSTEM,
	};
	int ret = fuzz_ioctl(p->t, p->fd, DRM_IOCTL_VSVM_MIGRATE, &arg, sizeof(arg));

	fuzz_judge(p->t, FUZZ_MIGRATE, ret, FUZZ_GOOD, false);
}

static void advise(struct programs *p, char *addr, size_t len)
{
	struct drm_vsvm_advise arg = {
		.addr = (uintptr_t)addr,
		.len = len,
		.set = DRM_VSVM_ADVISE_ON_FAULT | DRM_VSVM_ADVISE_ATOMICS,
		.advice = {
			.on_fault = fuzz_draw(p->t, DRM_VSVM_ON_FAULT_COUNTED + 1),
			.atomics = fuzz_draw(p->t, DRM_VSVM_ATOMICS_CPU + 1),
		},
	};
	int ret = fuzz_ioctl(p->t, p->fd, DRM_IOCTL_VSVM_ADVISE, &arg, sizeof(arg));

	fuzz_judge(p->t, FUZZ_ADVISE, ret, FUZZ_GOOD, false);
}

/* Something becomes of a part of the arena, mostly while a program uses it. */
static void change(struct programs *p)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	static const int advices[] = { MADV_DONTNEED, MADV_COLLAPSE, MADV_PAGEOUT, MADV_COLD };
	struct fuzz_thread *t = p->t;
	size_t len = (fuzz_draw(t, 8) + 1) * VT_PAGE;
	char *at = ARENA + fuzz_draw(t, USED / VT_PAGE - 8) * VT_PAGE;

	switch (fuzz_draw(t, 16)) {
	case 0:
		munmap(at, len);
		break;
	case 1:
		mprotect(at, len, prots[fuzz_draw(t, VT_COUNT(prots))]);
		break;
	case 2:
		mprotect(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE);
		break;
	case 3:
		madvise(at, len, advices[fuzz_draw(t, VT_COUNT(advices))]);
		break;
	case 4:
	case 5:
		advise(p, at, len);
		break;
	case 6:
		migrate(p, ARENA, ARENA_SIZE);
		break;
	default:
		migrate(p, at, len);
	}
}

static bool make_queue(struct programs *p)
{
	struct drm_vsvm_queue_create arg = {
		.priority = fuzz_draw(p->t, DRM_VSVM_PRIORITY_HIGH + 1),
		.slots = MOST_RUNS,
	};
	int ret;

	if (p->queue)
		return true;
	ret = fuzz_ioctl(p->t, p->fd, DRM_IOCTL_VSVM_QUEUE_CREATE, &arg, sizeof(arg));
	fuzz_judge(p->t, FUZZ_CREATE, ret, FUZZ_GOOD, false);
	p->queue = arg.queue;
	return !ret;
}

static void drop_queue(struct programs *p)
{
	struct drm_vsvm_queue_destroy arg = { .queue = p->queue };
	int ret = fuzz_ioctl(p->t, p->fd, DRM_IOCTL_VSVM_QUEUE_DESTROY, &arg, sizeof(arg));

	fuzz_judge(p->t, FUZZ_DESTROY, ret, FUZZ_GOOD, false);
	FUZZ_CHECK(p->t, !ret);
	p->queue = 0;
}

static void any_run(struct programs *p, struct drm_vsvm_command *c)
{
	struct fuzz_thread *t = p->t;

	*c = (struct drm_vsvm_command) { .op = DRM_VSVM_COMMAND_RUN };
	c->run.pc = (uintptr_t)CODE + fuzz_draw(t, CODE_SIZE / 2) * 2;
	c->run.sp = any_place(t);
	c->run.args = fuzz_draw(t, 32) ? (uintptr_t)DATA : any_place(t) & ~7ULL;
	c->run.budget = fuzz_draw(t, MOST_INSNS) + 1;
	if (fuzz_draw(t, 2))
		c->run.result = any_place(t) & ~7ULL;
	if (fuzz_one_in(t, 32))
		c->run.pc = any_place(t) & ~1ULL;
	if (fuzz_one_in(t, 16)) {
		c->run.budget = ~0ULL;
		p->ends = false;
	}
}

static bool submit(struct programs *p)
{
	struct drm_vsvm_command *c = (void *)(p->t->arg + FUZZ_COMMANDS_AT);
	struct drm_vsvm_submit arg = {
		.commands = (uintptr_t)c,
		.nr_commands = fuzz_draw(p->t, MOST_RUNS) + 1,
		.queue = p->queue,
	};
	unsigned int i;
	int ret;

	p->ends = true;
	for (i = 0; i < arg.nr_commands; i++)
		any_run(p, &c[i]);
	fuzz_tell(p->t, "%u programs, the first at %#llx", arg.nr_commands, c->run.pc);
	ret = fuzz_ioctl(p->t, p->fd, DRM_IOCTL_VSVM_SUBMIT, &arg, sizeof(arg));
	fuzz_judge(p->t, FUZZ_SUBMIT, ret, FUZZ_GOOD, false);
	/* The queue is empty, and not lost. */
	FUZZ_CHECK(p->t, !ret || ret == -ENOMEM);
	return !ret;
}

/* What the header says of why a program could not go on, and where. */
static void judge_loss(struct fuzz_thread *t, const struct drm_vsvm_queue_status *s)
{
	switch (s->error) {
	case ETIME:
	case ECANCELED:
	case ENOEXEC:
		FUZZ_CHECK(t, s->access == DRM_VSVM_ACCESS_NONE);
		FUZZ_CHECK(t, s->addr == s->pc);
		break;
	case EFAULT:
	case EPERM:
	case EACCES:
	case EOPNOTSUPP:
	case ENOMEM:
	case EBUSY:
		FUZZ_CHECK(t, s->access != DRM_VSVM_ACCESS_NONE);
		break;
	default:
		fuzz_found(t, "a program ended with error %u", s->error);
	}
	FUZZ_CHECK(t, s->pc % 2 == 0);
	FUZZ_CHECK(t, s->access != DRM_VSVM_ACCESS_FETCH || s->addr == s->pc ||
		   s->addr == s->pc + 2);
	FUZZ_CHECK(t, s->lost == s->done + 1 && s->lost <= s->submitted);
}

/* Until all of it is done, or lost, or would never end. */
static void attend(struct programs *p)
{
	struct drm_vsvm_queue_status s;
	struct fuzz_thread *t = p->t;
	int64_t since = fuzz_now();
	unsigned int looks = 0;
	int ret;

	do {
		if (fuzz_draw(t, 2))
			change(p);
		else
			usleep(200);
		s = (struct drm_vsvm_queue_status) { .queue = p->queue };
		ret = fuzz_ioctl(t, p->fd, DRM_IOCTL_VSVM_QUEUE_STATUS, &s, sizeof(s));
		fuzz_judge(t, FUZZ_STATUS, ret, FUZZ_GOOD, false);
		FUZZ_CHECK(t, !ret);
		if (s.state == DRM_VSVM_QUEUE_IDLE) {
			FUZZ_CHECK(t, !s.error && !s.pc && s.done == s.submitted);
			fuzz_shared->programs_done++;
			return;
		}
		if (s.state == DRM_VSVM_QUEUE_LOST) {
			fuzz_tell(t, "lost: error %u, access %u at %#llx, pc %#llx, %llu ns",
				  s.error, s.access, s.addr, s.pc, s.busy);
			judge_loss(t, &s);
			drop_queue(p);
			return;
		}
		FUZZ_CHECK(t, !s.error && !s.pc);
		if (!p->ends && ++looks > LOOKS) {
			drop_queue(p);
			return;
		}
		if (fuzz_now() - since > PATIENCE * SECOND)
			fuzz_found(t, "programs are not done in %d seconds, state %u",
				   PATIENCE, s.state);
	} while (!__atomic_load_n(&fuzz_shared->failed, __ATOMIC_RELAXED));
}

void fuzz_programs(struct fuzz_thread *t, int fd)
{
	struct programs p = { .t = t, .fd = fd };
	unsigned int i, n = fuzz_draw(t, 8) + 1;

	if (!make_arena(t))
		fuzz_found(t, "the arena of programs: %s", strerror(errno));
	for (i = fuzz_draw(t, 4); i; i--)
		change(&p);
	for (i = 0; i < n && !__atomic_load_n(&fuzz_shared->failed, __ATOMIC_RELAXED); i++) {
		if (!make_queue(&p) || !submit(&p))
			continue;
		fuzz_shared->programs++;
		attend(&p);
	}
	if (p.queue)
		drop_queue(&p);
}
