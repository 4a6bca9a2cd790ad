// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile calls of advice. Of the wild memory anything is said; of all memory nothing
 * that would keep a canary's valid calls from it.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"

static int want_advice(const struct drm_vsvm_advise *arg)
{
	const struct drm_vsvm_advice *a = &arg->advice;
	uint32_t set = arg->set;

	if ((!(set & DRM_VSVM_ADVISE_LOCATION) && (a->location || a->device)) ||
	    (!(set & DRM_VSVM_ADVISE_MAY) && a->may) ||
	    (!(set & DRM_VSVM_ADVISE_ATOMICS) && a->atomics) ||
	    (!(set & DRM_VSVM_ADVISE_ON_FAULT) && (a->on_fault || a->count)) ||
	    (!(set & DRM_VSVM_ADVISE_GRANULARITY) && a->granularity) ||
	    (!(set & DRM_VSVM_ADVISE_WORD) && a->word))
		return -EINVAL;
	if ((a->count && a->on_fault != DRM_VSVM_ON_FAULT_COUNTED) ||
	    a->count > DRM_VSVM_MAX_COUNT || a->location > DRM_VSVM_LOCATION_DEVICE ||
	    (a->device && a->location != DRM_VSVM_LOCATION_DEVICE) ||
	    a->may > DRM_VSVM_MAY_NOT || a->atomics > DRM_VSVM_ATOMICS_CPU ||
	    a->on_fault > DRM_VSVM_ON_FAULT_COUNTED ||
	    a->granularity & (a->granularity - 1) || a->granularity > VT_HUGE ||
	    (a->granularity && a->granularity < VT_PAGE))
		return -EINVAL;
	return FUZZ_GOOD;
}

static int want_range(uint32_t flags, uint64_t addr, uint64_t len)
{
	if (flags & ~DRM_VSVM_ADVISE_FILE)
		return -EINVAL;
	if (!(flags & DRM_VSVM_ADVISE_FILE))
		return fuzz_pages_of(addr, len);
	return addr || len ? -EINVAL : FUZZ_GOOD;
}

static void any_advice(struct fuzz_thread *t, struct drm_vsvm_advise *arg)
{
	struct drm_vsvm_advice *a = &arg->advice;

	a->location = fuzz_draw(t, 5);
	if (a->location == DRM_VSVM_LOCATION_DEVICE)
		a->device = fuzz_draw(t, 3);
	a->may = fuzz_draw(t, 4);
	a->atomics = fuzz_draw(t, 4);
	a->on_fault = fuzz_draw(t, 4);
	if (a->on_fault == DRM_VSVM_ON_FAULT_COUNTED)
		a->count = fuzz_draw(t, 8);
	a->granularity = VT_PAGE << fuzz_draw(t, 10);
	a->word = fuzz_draw(t, 3);
	if (fuzz_draw(t, 16)) {
		if (!(arg->set & DRM_VSVM_ADVISE_LOCATION))
			a->location = 0, a->device = 0;
		if (!(arg->set & DRM_VSVM_ADVISE_MAY))
			a->may = 0;
		if (!(arg->set & DRM_VSVM_ADVISE_ATOMICS))
			a->atomics = 0;
		if (!(arg->set & DRM_VSVM_ADVISE_ON_FAULT))
			a->on_fault = 0, a->count = 0;
		if (!(arg->set & DRM_VSVM_ADVISE_GRANULARITY))
			a->granularity = 0;
		if (!(arg->set & DRM_VSVM_ADVISE_WORD))
			a->word = 0;
	}
}

void fuzz_advise(struct fuzz_thread *t)
{
	struct drm_vsvm_advise arg = {
		.set = fuzz_one_in(t, 16) ? fuzz_number(t) :
		       fuzz_draw(t, 2 * DRM_VSVM_ADVISE_WORD),
	};
	int ret, want, args;
	bool foreign;

	if (fuzz_one_in(t, 8)) {
		arg.flags = DRM_VSVM_ADVISE_FILE;
	} else {
		fuzz_any_range(t, &arg.addr, &arg.len);
		arg.flags = fuzz_one_in(t, 32) ? fuzz_number(t) &
			    ~DRM_VSVM_ADVISE_FILE : 0;
	}
	any_advice(t, &arg);
	/* This is for canaries, too. */
	if (arg.flags & DRM_VSVM_ADVISE_FILE) {
		if (arg.advice.may == DRM_VSVM_MAY_NOT)
			arg.advice.may = DRM_VSVM_MAY_USE;
		if (arg.advice.atomics == DRM_VSVM_ATOMICS_CPU)
			arg.advice.atomics = DRM_VSVM_ATOMICS_DEVICE;
	}
	fuzz_tell(t, "ADVISE %#llx %#llx set %#x flags %#x", arg.addr, arg.len,
		  arg.set, arg.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_ADVISE,
			 &arg, sizeof(arg));
	want = want_range(arg.flags, arg.addr, arg.len);
	args = want_advice(&arg);
	if (!arg.set || arg.set >= 2 * DRM_VSVM_ADVISE_WORD)
		want = -EINVAL;
	else if (want == FUZZ_GOOD || (want == FUZZ_ANY && args < 0))
		want = want == FUZZ_ANY ? FUZZ_ANY : args;
	/* Such a number is there or not. */
	if (want == FUZZ_GOOD && arg.advice.device)
		want = FUZZ_ANY;
	fuzz_judge(t, FUZZ_ADVISE, ret, want, foreign);
}

void fuzz_advice_get(struct fuzz_thread *t)
{
	const struct drm_vsvm_advice_run *runs = (const void *)t->buf;
	struct drm_vsvm_advice_get arg = {
		.runs = (uintptr_t)t->buf,
		.nr_runs = fuzz_draw(t, 8) ? fuzz_draw(t, 64) : fuzz_number(t),
		.flags = fuzz_flags(t, 0),
		.next = fuzz_number(t),
	};
	bool foreign;
	int ret, want;
	uint32_t max, i;
	uint64_t at;

	fuzz_any_range(t, &arg.addr, &arg.len);
	if (fuzz_one_in(t, 8)) {
		arg.addr = 0;
		arg.len = 0;
		arg.flags = DRM_VSVM_ADVISE_FILE;
	}
	if (fuzz_one_in(t, 6))
		arg.runs = fuzz_address(t);
	fuzz_noise(t, &arg, sizeof(arg));
	max = arg.nr_runs;
	fuzz_tell(t, "ADVICE_GET %#llx %#llx runs %#llx, %u flags %#x", arg.addr,
		  arg.len, arg.runs, max, arg.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_ADVICE_GET, &arg, sizeof(arg));
	want = want_range(arg.flags, arg.addr, arg.len);
	if (!max || max > DRM_VSVM_MAX_ADVICE)
		want = -EINVAL;
	if (want == FUZZ_GOOD && arg.runs > FUZZ_END_5)
		want = -EFAULT;
	else if (want == FUZZ_GOOD && arg.runs + max * sizeof(*runs) > FUZZ_END_4)
		want = FUZZ_ANY;
	fuzz_judge(t, FUZZ_ADVICE_GET, ret, want, foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, want < 0 || arg.nr_runs <= max);
	FUZZ_CHECK(t, want >= 0 || (!arg.nr_runs && arg.next == arg.addr));
	FUZZ_CHECK(t, ret || arg.nr_runs);
	if (ret || arg.runs != (uintptr_t)t->buf ||
	    arg.flags & DRM_VSVM_ADVISE_FILE)
		return;
	for (i = 0, at = arg.addr; i < arg.nr_runs; at += runs[i++].len) {
		FUZZ_CHECK(t, runs[i].start == at);
		FUZZ_CHECK(t, runs[i].len && !(runs[i].len & (VT_PAGE - 1)));
	}
	FUZZ_CHECK(t, at == arg.next && at - arg.addr <= arg.len);
}
