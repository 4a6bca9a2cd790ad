// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm exec: run a program on the device, as the shell runs one on the CPU.
 *
 * Owns the handle and the program. The status is what main() returns; if the device lost
 * the queue, it says where in the program that was, and why.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsvm.h"

#define DEFAULT_BUDGET	(1ULL << 40)

struct options {
	unsigned long device;
	unsigned long budget;
	unsigned long items;
	const char *function;
	const char *path;
	bool migrate;
};

/* Where it was, for people and for addr2line. */
static void tell(const struct vsvm_program *p, const char *path,
		 const struct drm_vsvm_queue_status *s)
{
	static const char *const accesses[] = {
		[DRM_VSVM_ACCESS_READ] = "read of ",
		[DRM_VSVM_ACCESS_WRITE] = "write to ",
		[DRM_VSVM_ACCESS_ATOMIC] = "atomic operation on ",
		[DRM_VSVM_ACCESS_FETCH] = "fetch from ",
	};
	const char *why = strerror(s->error), *name = NULL;
	uint64_t offset = 0, linked = 0;

	if (s->error == ECANCELED)
		why = "it gave up (ebreak, vsvm_assert)";
	else if (s->error == ENOEXEC)
		why = "no such instruction, or a misaligned atomic operation";
	else if (s->error == ETIME)
		why = "its budget is spent";
	if (vsvm_program_find(p, s->pc, &name, &offset, &linked)) {
		complain(0, "%s: at %#" PRIx64 ", not in the program: %s", path,
			 (uint64_t)s->pc, why);
		return;
	}
	if (s->access < ARRAY_SIZE(accesses) && accesses[s->access])
		complain(0, "%s: %s+%#" PRIx64 " (%#" PRIx64 "): %s%#" PRIx64 ": %s", path,
			 name ? name : "?", offset, linked, accesses[s->access],
			 (uint64_t)s->addr, why);
	else
		complain(0, "%s: %s+%#" PRIx64 " (%#" PRIx64 "): %s", path,
			 name ? name : "?", offset, linked, why);
}

static int advise(struct vsvm *v)
{
	const struct drm_vsvm_advice advice = { .on_fault = DRM_VSVM_ON_FAULT_MIGRATE };

	return vsvm_advise_file(v, DRM_VSVM_ADVISE_ON_FAULT, &advice);
}

static int exec_program(struct vsvm *v, const struct options *o)
{
	struct drm_vsvm_queue_status s;
	struct vsvm_program *p;
	int result = EXIT_OK;
	int ret;

	ret = vsvm_program_open(v, o->path, &p);
	if (ret) {
		complain(ret, "%s", o->path);
		return EXIT_USAGE;
	}
	ret = o->migrate ? advise(v) : 0;
	if (!ret && o->function)
		ret = vsvm_program_run(p, o->function, NULL, o->items, o->budget, &s);
	else if (!ret)
		ret = vsvm_program_main(p, o->budget, &result, &s);
	if (ret == -EIO)
		tell(p, o->path, &s);
	else if (ret == -ENOENT)
		complain(0, "%s: there is no function %s", o->path, o->function);
	else if (ret)
		complain(ret, "%s", o->path);
	vsvm_program_close(p);
	return ret ? EXIT_WRONG : result & 0xff;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 255, &o->device))
			argp_error(state, "--device: '%s' is not a number of a device", arg);
		return 0;
	case 'b':
		if (!parse_number(arg, 1, UINT64_MAX, &o->budget))
			argp_error(state, "--budget: '%s' is not a number of instructions", arg);
		return 0;
	case 'f':
		o->function = arg;
		return 0;
	case 'n':
		if (!parse_number(arg, 0, UINT64_MAX, &o->items))
			argp_error(state, "--items: '%s' is not a number of work items", arg);
		return 0;
	case 'm':
		o->migrate = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->path)
			argp_error(state, "one program, and not '%s' as well", arg);
		o->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->path)
			argp_error(state, "which program?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "device", 'd', "N", 0, "Run it on device N (0)", 0 },
	{ "budget", 'b', "N", 0, "Instructions that each queue may do (2^40)", 0 },
	{ "function", 'f', "NAME", 0, "Call this function with NULL instead of main()", 0 },
	{ "items", 'n', "N", 0, "Call it for N work items (1)", 0 },
	{ "migrate", 'm', NULL, 0, "Move memory to the device when it faults", 0 },
	{ 0 },
};

#define DOC "Run a program that vsvm-cc compiled on the device.\vThe status is what its main() returns, modulo 256. If the device lost the queue, it is 1, and the place in the program is printed, with its address for addr2line."

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PROGRAM",
	.doc = DOC,
};

int cmd_exec(int argc, char **argv)
{
	struct options o = { .budget = DEFAULT_BUDGET, .items = 1 };
	struct vsvm *v;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (open_device(o.device, &v))
		return EXIT_WRONG;
	ret = exec_program(v, &o);
	vsvm_close(v);
	return ret;
}
