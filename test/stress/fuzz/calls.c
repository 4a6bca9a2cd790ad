// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile calls: an argument that is valid, or valid with one thing wrong, or
 * noise. What comes out has to make sense, on failure too. queues.c has those of
 * queues, judge.c says which errnos are right.
 *
 * Arguments and buffers for results are the thread's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

static void call_info(struct fuzz_thread *t)
{
	struct drm_vsvm_info info = { .flags = fuzz_flags(t, 0) };
	uint32_t flags = info.flags;
	bool foreign;
	int ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_INFO, &info, sizeof(info));

	fuzz_judge(t, FUZZ_INFO, ret, flags ? -EINVAL : FUZZ_GOOD, foreign);
	if (ret)
		return;
	FUZZ_CHECK(t, info.device < info.devices);
	FUZZ_CHECK(t, info.page_size == VT_PAGE);
	FUZZ_CHECK(t, info.vram_used <= info.vram_size);
	FUZZ_CHECK(t, info.vram_backing <= info.vram_size);
	FUZZ_CHECK(t, !(info.caps & ~(DRM_VSVM_CAP_DMA |
					  DRM_VSVM_CAP_QUEUES |
					  DRM_VSVM_CAP_ADVICE |
					  DRM_VSVM_CAP_ADVISED |
					  DRM_VSVM_CAP_DISCARD |
					  DRM_VSVM_CAP_PIN |
					  DRM_VSVM_CAP_RUN |
					  DRM_VSVM_CAP_POPULATE |
					  DRM_VSVM_CAP_EVENTS)));
}

static void call_rw(struct fuzz_thread *t, bool write)
{
	struct drm_vsvm_rw rw = {
		.buf = (uintptr_t)t->buf,
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
		.done = fuzz_number(t),
		.faults = fuzz_number(t),
	}, was;
	bool foreign;
	int ret, want;

	fuzz_any_range(t, &rw.addr, &rw.len);
	if (fuzz_one_in(t, 4))
		rw.buf = fuzz_address(t);
	fuzz_noise(t, &rw, sizeof(rw));
	was = rw;
	fuzz_tell(t, "%s %#llx %#llx buf %#llx flags %#x pad %#x",
		  write ? "WRITE" : "READ", rw.addr, rw.len, rw.buf, rw.flags,
		  rw.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), write ?
			 DRM_IOCTL_VSVM_WRITE : DRM_IOCTL_VSVM_READ, &rw,
			 sizeof(rw));
	want = rw.flags || rw.pad ? -EINVAL : fuzz_range_of(rw.addr, rw.len);
	if (want == FUZZ_GOOD && (rw.buf + rw.len < rw.buf ||
				  rw.buf + rw.len > FUZZ_END_5))
		want = -EFAULT;
	else if (want == FUZZ_GOOD && rw.buf + rw.len > FUZZ_END_4)
		want = FUZZ_ANY;
	fuzz_judge(t, write ? FUZZ_WRITE : FUZZ_READ, ret, want, foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, rw.addr == was.addr && rw.buf == was.buf && rw.len == was.len);
	FUZZ_CHECK(t, rw.done <= rw.len);
	FUZZ_CHECK(t, ret || rw.done == rw.len);
	FUZZ_CHECK(t, want >= 0 || !rw.done);
}

static void call_migrate(struct fuzz_thread *t)
{
	struct drm_vsvm_migrate mig = {
		.target = fuzz_one_in(t, 32) ? fuzz_number(t) : fuzz_draw(t, 2),
		.flags = fuzz_flags(t, DRM_VSVM_MIGRATE_POPULATE),
		.next = fuzz_number(t),
		.moved = fuzz_number(t),
	}, was;
	uint64_t sum;
	bool foreign;
	int ret, want, i;

	fuzz_any_range(t, &mig.addr, &mig.len);
	/* Or it would fill all that there is. */
	if (mig.len > VT_HUGE)
		mig.flags &= ~DRM_VSVM_MIGRATE_POPULATE;
	fuzz_noise(t, &mig, 3 * sizeof(uint64_t));
	was = mig;
	fuzz_tell(t, "MIGRATE %#llx %#llx target %u flags %#x", mig.addr,
		  mig.len, mig.target, mig.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_MIGRATE, &mig, sizeof(mig));
	want = fuzz_pages_of(mig.addr, mig.len);
	if (mig.flags & ~DRM_VSVM_MIGRATE_POPULATE ||
	    mig.target > DRM_VSVM_TARGET_ADVISED ||
	    (mig.flags && mig.target == DRM_VSVM_TARGET_SYSTEM))
		want = -EINVAL;
	fuzz_judge(t, FUZZ_MIGRATE, ret, want, foreign);
	if (ret == -EBADF)
		return;
	sum = mig.moved + mig.there + mig.absent;
	for (i = 0; i < DRM_VSVM_STAY_MAX; i++) {
		sum += mig.stayed[i];
		FUZZ_CHECK(t, i < DRM_VSVM_STAY_REASONS || !mig.stayed[i]);
	}
	FUZZ_CHECK(t, mig.addr == was.addr && mig.len == was.len);
	FUZZ_CHECK(t, sum == mig.next - mig.addr);
	FUZZ_CHECK(t, sum <= mig.len);
	FUZZ_CHECK(t, ret || sum == mig.len);
	FUZZ_CHECK(t, want >= 0 || !sum);
}

static void check_runs(struct fuzz_thread *t,
		       const struct drm_vsvm_snapshot *snap,
		       const struct drm_vsvm_run *runs)
{
	const uint32_t known = DRM_VSVM_STATE_PLACE | DRM_VSVM_STATE_READ |
		DRM_VSVM_STATE_WRITE | DRM_VSVM_STATE_COHERENT |
		DRM_VSVM_STATE_ORDER | DRM_VSVM_STATE_MAPPED |
		DRM_VSVM_STATE_DMA | DRM_VSVM_STATE_EXCLUSIVE;
	uint64_t at = snap->addr;
	uint32_t i;

	for (i = 0; i < snap->nr_runs; i++) {
		FUZZ_CHECK(t, runs[i].start == at);
		FUZZ_CHECK(t, runs[i].count);
		FUZZ_CHECK(t, !(runs[i].state & ~known));
		FUZZ_CHECK(t, (runs[i].state & DRM_VSVM_STATE_PLACE) <=
			 DRM_VSVM_PLACE_PEER);
		at += runs[i].count * VT_PAGE;
	}
	FUZZ_CHECK(t, at == snap->next);
}

static void call_snapshot(struct fuzz_thread *t)
{
	uint32_t room = FUZZ_BUFFER_SIZE / sizeof(struct drm_vsvm_run), max;
	struct drm_vsvm_snapshot snap = {
		.runs = (uintptr_t)t->buf,
		.nr_runs = fuzz_draw(t, 8) ? fuzz_draw(t, 64) : fuzz_number(t),
		.flags = fuzz_flags(t, DRM_VSVM_SNAPSHOT_TABLE),
		.next = fuzz_number(t),
	};
	bool foreign;
	int ret, want;

	fuzz_any_range(t, &snap.addr, &snap.len);
	if (fuzz_one_in(t, 6))
		snap.runs = fuzz_address(t);
	fuzz_noise(t, &snap, sizeof(snap));
	max = snap.nr_runs;
	fuzz_tell(t, "SNAPSHOT %#llx %#llx runs %#llx, %u flags %#x", snap.addr,
		  snap.len, snap.runs, max, snap.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_SNAPSHOT, &snap, sizeof(snap));
	want = fuzz_pages_of(snap.addr, snap.len);
	if (snap.flags & ~DRM_VSVM_SNAPSHOT_TABLE || !max ||
	    max > DRM_VSVM_MAX_RUNS)
		want = -EINVAL;
	if (want == FUZZ_GOOD && snap.runs > FUZZ_END_5)
		want = -EFAULT;
	else if (want == FUZZ_GOOD && snap.runs + max * 24ULL > FUZZ_END_4)
		want = FUZZ_ANY;
	fuzz_judge(t, FUZZ_SNAPSHOT, ret, want, foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, want < 0 || snap.nr_runs <= max);
	FUZZ_CHECK(t, want >= 0 || (!snap.nr_runs && snap.next == snap.addr));
	FUZZ_CHECK(t, snap.next - snap.addr <= snap.len || want == -EINVAL);
	FUZZ_CHECK(t, ret || snap.nr_runs);
	if (snap.runs == (uintptr_t)t->buf && snap.nr_runs <= room)
		check_runs(t, &snap, (const void *)t->buf);
}

static void call_discard(struct fuzz_thread *t)
{
	struct drm_vsvm_discard discard = {
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
		.next = fuzz_number(t),
		.busy = fuzz_number(t),
	};
	uint64_t sum;
	bool foreign;
	int ret, want;

	fuzz_any_range(t, &discard.addr, &discard.len);
	fuzz_noise(t, &discard, 3 * sizeof(uint64_t));
	/* Behind the wild part is what the threads and the process need. */
	if (fuzz_pages_of(discard.addr, discard.len) >= 0 &&
	    discard.addr + discard.len > FUZZ_CANARY)
		fuzz_range(t, &discard.addr, &discard.len);
	fuzz_tell(t, "DISCARD %#llx %#llx flags %#x pad %#x", discard.addr,
		  discard.len, discard.flags, discard.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_DISCARD,
			 &discard, sizeof(discard));
	want = discard.flags || discard.pad ? -EINVAL :
	       fuzz_pages_of(discard.addr, discard.len);
	fuzz_judge(t, FUZZ_DISCARD, ret, want, foreign);
	if (ret == -EBADF)
		return;
	sum = discard.discarded + discard.absent + discard.system +
	      discard.peer + discard.kept + discard.busy + discard.unusable;
	FUZZ_CHECK(t, sum == discard.next - discard.addr);
	FUZZ_CHECK(t, sum <= discard.len);
	FUZZ_CHECK(t, ret || sum == discard.len);
	FUZZ_CHECK(t, want >= 0 || !sum);
}

static void call_pin(struct fuzz_thread *t)
{
	struct drm_vsvm_pin pin = {
		.flags = fuzz_flags(t, DRM_VSVM_PIN_RELEASE),
		.pad = fuzz_pad(t),
		.next = fuzz_number(t),
		.done = fuzz_number(t),
	};
	uint64_t sum;
	bool foreign;
	int ret, want;

	fuzz_any_range(t, &pin.addr, &pin.len);
	fuzz_noise(t, &pin, 3 * sizeof(uint64_t));
	fuzz_tell(t, "PIN %#llx %#llx flags %#x pad %#x", pin.addr, pin.len,
		  pin.flags, pin.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_PIN,
			 &pin, sizeof(pin));
	want = pin.flags & ~DRM_VSVM_PIN_RELEASE || pin.pad ? -EINVAL :
	       fuzz_pages_of(pin.addr, pin.len);
	fuzz_judge(t, FUZZ_PIN, ret, want, foreign);
	if (ret == -EBADF)
		return;
	sum = pin.done + pin.elsewhere + pin.unusable;
	FUZZ_CHECK(t, sum == pin.next - pin.addr);
	FUZZ_CHECK(t, sum <= pin.len);
	FUZZ_CHECK(t, ret || sum == pin.len);
	FUZZ_CHECK(t, want >= 0 || !sum);
	FUZZ_CHECK(t, ret != -ENOSPC || !(pin.flags & DRM_VSVM_PIN_RELEASE));
}

static void call_exclusive(struct fuzz_thread *t)
{
	struct drm_vsvm_exclusive excl = {
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
		.done = fuzz_number(t),
	};
	bool foreign;
	int ret, want;

	fuzz_any_range(t, &excl.addr, &excl.len);
	fuzz_noise(t, &excl, sizeof(excl));
	fuzz_tell(t, "EXCLUSIVE %#llx %#llx flags %#x pad %#x", excl.addr,
		  excl.len, excl.flags, excl.pad);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_EXCLUSIVE, &excl, sizeof(excl));
	want = excl.flags || excl.pad ? -EINVAL :
	       fuzz_pages_of(excl.addr, excl.len);
	fuzz_judge(t, FUZZ_EXCLUSIVE, ret, want, foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, excl.done <= excl.len);
	FUZZ_CHECK(t, excl.done % VT_PAGE == 0);
	FUZZ_CHECK(t, ret || excl.done == excl.len);
	FUZZ_CHECK(t, want >= 0 || !excl.done);
}

int fuzz_want_atomic(const struct drm_vsvm_atomic *arg)
{
	uint64_t most = arg->size == 4 ? UINT32_MAX : UINT64_MAX;

	if (arg->flags || arg->pad || arg->op > DRM_VSVM_ATOMIC_MAX ||
	    (arg->size != 4 && arg->size != 8) || arg->addr % arg->size ||
	    arg->operand > most || arg->compare > most ||
	    (arg->compare && arg->op != DRM_VSVM_ATOMIC_CAS))
		return -EINVAL;
	return fuzz_range_of(arg->addr, arg->size);
}

static void call_atomic(struct fuzz_thread *t)
{
	struct drm_vsvm_atomic arg = {
		.op = fuzz_one_in(t, 16) ? fuzz_number(t) :
		      fuzz_draw(t, DRM_VSVM_ATOMIC_MAX + 1),
		.size = fuzz_one_in(t, 16) ? fuzz_number(t) :
			4U << fuzz_draw(t, 2),
		.operand = fuzz_number(t),
		.compare = fuzz_draw(t, 4) ? 0 : fuzz_number(t),
		.old = fuzz_number(t),
		.flags = fuzz_flags(t, 0),
		.pad = fuzz_pad(t),
	};
	__u64 unused;
	bool foreign;
	int ret;

	fuzz_any_range(t, &arg.addr, &unused);
	if (fuzz_draw(t, 2))
		arg.addr += fuzz_draw(t, VT_PAGE / 4) * 4;
	fuzz_noise(t, &arg, sizeof(arg));
	fuzz_tell(t, "ATOMIC %#llx op %u size %u", arg.addr, arg.op, arg.size);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign),
			 DRM_IOCTL_VSVM_ATOMIC, &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_ATOMIC, ret, fuzz_want_atomic(&arg), foreign);
	FUZZ_CHECK(t, !ret || ret == -EBADF || !arg.old);
	FUZZ_CHECK(t, ret || arg.size == 8 || arg.old <= UINT32_MAX);
}

/* What the header, and the driver's list, say of the argument of INJECT. */
static int want_inject(const struct drm_vsvm_inject *arg)
{
	const struct vt_failpoint *p = NULL;
	bool pause = arg->op == DRM_VSVM_INJECT_PAUSE;
	bool arm = arg->op == DRM_VSVM_INJECT_FAIL || pause;
	bool wait = arg->op == DRM_VSVM_INJECT_WAIT;
	unsigned int i;

	for (i = 0; i < vt_failpoints(); i++)
		if (!strncmp(arg->name, vt_failpoint(i)->name, sizeof(arg->name)))
			p = vt_failpoint(i);
	if (arg->flags & ~DRM_VSVM_INJECT_FILE || (arg->flags && !arm) ||
	    !p || arg->op > DRM_VSVM_INJECT_CLEAR || arm != !!arg->nth ||
	    arm != !!arg->times || (pause || wait) != !!arg->timeout_ms ||
	    arg->timeout_ms > DRM_VSVM_PAUSE_MAX)
		return -EINVAL;
	if (arm && !pause && !p->fails)
		return -EOPNOTSUPP;
	if ((pause || wait || arg->op == DRM_VSVM_INJECT_RESUME) && !p->pauses)
		return -EOPNOTSUPP;
	return FUZZ_GOOD;
}

/* A point's name; now and then something else after it, or in it. */
static void any_name(struct fuzz_thread *t, char *name)
{
	uint64_t noise = fuzz_number(t), at = fuzz_draw(t, DRM_VSVM_FAILPOINT_NAME);
	unsigned int n = vt_failpoints();

	if (n)
		snprintf(name, DRM_VSVM_FAILPOINT_NAME, "%s",
			 vt_failpoint(fuzz_draw(t, n))->name);
	if (fuzz_one_in(t, 16))
		name[at] = noise;
	if (fuzz_one_in(t, 64))
		memset(name, noise | 1, DRM_VSVM_FAILPOINT_NAME);
}

/* Arms what comes to its end by itself, soon. */
static void call_inject(struct fuzz_thread *t)
{
	/* Failures more often than pauses, which take time. */
	static const uint32_t ops[] = {
		DRM_VSVM_INJECT_FAIL, DRM_VSVM_INJECT_FAIL, DRM_VSVM_INJECT_FAIL,
		DRM_VSVM_INJECT_FAIL, DRM_VSVM_INJECT_FAIL, DRM_VSVM_INJECT_FAIL,
		DRM_VSVM_INJECT_QUERY, DRM_VSVM_INJECT_CLEAR,
		DRM_VSVM_INJECT_PAUSE, DRM_VSVM_INJECT_RESUME,
		DRM_VSVM_INJECT_WAIT,
	};
	struct drm_vsvm_inject arg = {
		.op = fuzz_one_in(t, 16) ? fuzz_number(t) :
		      ops[fuzz_draw(t, VT_COUNT(ops))],
		.flags = fuzz_flags(t, DRM_VSVM_INJECT_FILE),
		.passed = fuzz_number(t),
		.paused = fuzz_number(t),
	};
	bool pause = arg.op == DRM_VSVM_INJECT_PAUSE, foreign;
	bool arm = arg.op == DRM_VSVM_INJECT_FAIL || pause;
	int ret;

	any_name(t, arg.name);
	if (arm != fuzz_one_in(t, 16)) {
		arg.nth = fuzz_draw(t, 20) + 1;
		arg.times = fuzz_draw(t, 4) + 1;
	}
	if ((pause || arg.op == DRM_VSVM_INJECT_WAIT) != fuzz_one_in(t, 16))
		arg.timeout_ms = fuzz_draw(t, 3) + 1;
	if (!arm && fuzz_draw(t, 4))
		arg.flags = 0;
	fuzz_tell(t, "INJECT %.32s op %u flags %#x nth %llu times %llu, %u ms",
		  arg.name, arg.op, arg.flags, arg.nth, arg.times,
		  arg.timeout_ms);
	if (arg.op == DRM_VSVM_INJECT_FAIL &&
	    !strncmp(arg.name, "fault-setup", sizeof(arg.name)))
		__atomic_store_n(&fuzz_shared->sigbus, true, __ATOMIC_SEQ_CST);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_INJECT,
			 &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_INJECT, ret, t->root ? want_inject(&arg) : -EACCES,
		   foreign);
	FUZZ_CHECK(t, ret == -EBADF || arg.fired <= arg.passed);
}

/*
 * Numbers of calls that there are not, or calls with another size or direction,
 * or an argument that is not there.
 */
static void call_unknown(struct fuzz_thread *t)
{
	static const uint16_t sizes[] = {
		0, 1, 4, 8, 16, 24, 32, 40, 48, 56, 64, 176, 256, 4096,
	};
	unsigned int nr = fuzz_draw(t, 0x60);
	bool known = fuzz_draw(t, 2), foreign;
	uint64_t arg = fuzz_draw(t, 2) ? fuzz_address(t) : (uintptr_t)t->buf;
	unsigned long request;
	int ret;

	nr = known ? nr % (DRM_VSVM_EVENTS + 1) : nr;
	request = _IOC(fuzz_draw(t, 4), 'd',
		       DRM_COMMAND_BASE + nr, sizes[fuzz_draw(t, 14)]);
	memset(t->buf, 0, 4096);
	/* What is anywhere may have a deadline that is far away, or open a stream. */
	if (nr == DRM_VSVM_WAIT || nr == DRM_VSVM_EVENTS)
		arg = (uintptr_t)t->buf;
	fuzz_tell(t, "request %#lx at %#llx", request, (unsigned long long)arg);
	ret = ioctl(fuzz_any_file(t, &foreign), request, arg) < 0 ? -errno : 0;
	fuzz_judge(t, FUZZ_UNKNOWN, ret, nr >= 0x20 ?
	      -EINVAL : FUZZ_ANY, foreign);
}

static bool bad_events(const struct drm_vsvm_events *arg)
{
	return arg->flags & ~DRM_VSVM_EVENTS_NONBLOCK || !arg->mask ||
	       arg->mask & ~DRM_VSVM_EVENTS_ALL || !arg->records ||
	       arg->records > DRM_VSVM_MAX_RECORDS || arg->size % 8 ||
	       arg->size < DRM_VSVM_MIN_RECORD_SIZE ||
	       arg->size > DRM_VSVM_MAX_RECORD_SIZE;
}

/* What the thread's stream has, into anything; of a parent's it is told nothing. */
static void read_stream(struct fuzz_thread *t)
{
	struct drm_vsvm_event *e = (void *)t->buf;
	uint64_t len = fuzz_one_in(t, 4) ? fuzz_number(t) % FUZZ_BUFFER_SIZE :
		       FUZZ_BUFFER_SIZE;
	uint64_t any = fuzz_address(t);
	bool wild = fuzz_one_in(t, 4);
	uint32_t size, at;
	ssize_t n;

	fuzz_tell(t, "read %llu of stream", (unsigned long long)len);
	n = read(t->stream, wild ? (void *)(uintptr_t)any : t->buf, len);
	if (t->child) {
		FUZZ_CHECK(t, n < 0 && (errno == EPERM || errno == EBADF));
		return;
	}
	if (n < 0) {
		FUZZ_CHECK(t, errno == EAGAIN || errno == EINVAL ||
			   errno == EFAULT);
		return;
	}
	FUZZ_CHECK(t, (uint64_t)n <= len);
	if (wild || !n)
		return;
	size = e->size;
	FUZZ_CHECK(t, size >= sizeof(*e) && n % size == 0);
	for (at = 0; at < n && size >= sizeof(*e); at += size) {
		e = (void *)(t->buf + at);
		FUZZ_CHECK(t, e->size == size && !e->pad);
		FUZZ_CHECK(t, e->type < DRM_VSVM_EVENT_TYPES);
		FUZZ_CHECK(t, e->cause < DRM_VSVM_CAUSES);
		FUZZ_CHECK(t, e->access <= DRM_VSVM_ACCESS_FETCH);
		FUZZ_CHECK(t, e->addr < FUZZ_END_5);
	}
}

/* A new one takes the place of the last. It has to be O_NONBLOCK, or it would wait. */
static void call_events(struct fuzz_thread *t)
{
	uint64_t number = fuzz_number(t);
	struct drm_vsvm_events arg = {
		.mask = fuzz_one_in(t, 8) ? number :
			(number & DRM_VSVM_EVENTS_ALL) | 2,
		.records = fuzz_one_in(t, 8) ? number : fuzz_draw(t, 64) + 1,
		.size = fuzz_one_in(t, 8) ? number :
			sizeof(struct drm_vsvm_event) + fuzz_draw(t, 3) * 8,
		.flags = fuzz_flags(t, 0) | DRM_VSVM_EVENTS_NONBLOCK,
		.fd = number,
	};
	bool foreign;
	int ret, want;

	if (t->stream >= 0 && fuzz_draw(t, 4)) {
		read_stream(t);
		return;
	}
	want = bad_events(&arg) ? -EINVAL : FUZZ_GOOD;
	fuzz_tell(t, "EVENTS mask %#llx records %u size %u flags %#x", arg.mask,
		  arg.records, arg.size, arg.flags);
	ret = fuzz_ioctl(t, fuzz_any_file(t, &foreign), DRM_IOCTL_VSVM_EVENTS,
			 &arg, sizeof(arg));
	fuzz_judge(t, FUZZ_EVENTS, ret, want, foreign);
	if (ret == -EBADF)
		return;
	FUZZ_CHECK(t, !ret == (arg.fd >= 0));
	if (ret)
		return;
	if (t->stream >= 0)
		close(t->stream);
	t->stream = arg.fd;
}

static void call_file(struct fuzz_thread *t, bool write)
{
	__u64 addr, len, buf = (uintptr_t)t->buf;
	bool foreign;
	ssize_t n;
	int fd;

	fuzz_any_range(t, &addr, &len);
	if (fuzz_one_in(t, 4))
		buf = fuzz_address(t);
	fuzz_tell(t, "%s %#llx %#llx buf %#llx", write ? "pwrite" : "pread",
		  addr, len,
		  (unsigned long long)buf);
	fd = fuzz_any_file(t, &foreign);
	n = write ? pwrite(fd, (void *)(uintptr_t)buf, len, addr) :
		    pread(fd, (void *)(uintptr_t)buf, len, addr);
	fuzz_judge(t, write ? FUZZ_PWRITE : FUZZ_PREAD, n < 0 ? -errno : 0,
		   FUZZ_ANY, foreign);
	FUZZ_CHECK(t, n < 0 || (uint64_t)n <= len);
	/* A short count has a reason, but never none at all. */
	FUZZ_CHECK(t, n || !len);
}

static void call_mmap(struct fuzz_thread *t)
{
	uint64_t len = (fuzz_draw(t, 16) + 1) * VT_PAGE, offset = 0;
	int flags = fuzz_draw(t, 2) ? MAP_SHARED : MAP_PRIVATE;
	int ret, want = FUZZ_GOOD;
	bool foreign;
	void *at;

	if (fuzz_one_in(t, 4)) {
		len = DRM_VSVM_MMAP_MAX + VT_PAGE;
		want = -EINVAL;
	} else if (fuzz_one_in(t, 4)) {
		offset = (fuzz_draw(t, 1000) + 1) * VT_PAGE;
		want = -EINVAL;
	}
	fuzz_tell(t, "mmap %#llx at %#llx", (unsigned long long)len,
		  (unsigned long long)offset);
	at = mmap(NULL, len, fuzz_draw(t, 2) ? PROT_READ :
		  PROT_READ | PROT_WRITE, flags, fuzz_any_file(t, &foreign),
		  offset);
	ret = at == MAP_FAILED ? -errno : 0;
	fuzz_judge(t, FUZZ_MMAP, ret, want, foreign);
	if (!ret)
		munmap(at, len);
}

void fuzz_call(struct fuzz_thread *t)
{
	switch (fuzz_draw(t, 34)) {
	case 0:
		call_info(t);
		break;
	case 1:
		call_inject(t);
		break;
	case 2:
	case 3:
		call_atomic(t);
		break;
	case 4:
		call_exclusive(t);
		break;
	case 5:
	case 6:
		call_snapshot(t);
		break;
	case 7:
		call_mmap(t);
		break;
	case 8:
		call_unknown(t);
		break;
	case 9:
	case 10:
		call_file(t, fuzz_draw(t, 2));
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		call_migrate(t);
		break;
	case 15:
	case 16:
	case 17:
	case 18:
	case 19:
		call_rw(t, fuzz_draw(t, 2));
		break;
	case 20:
		fuzz_advise(t);
		break;
	case 21:
		fuzz_advice_get(t);
		break;
	case 22:
	case 23:
		call_discard(t);
		break;
	case 24:
		call_events(t);
		break;
	case 25:
		call_pin(t);
		break;
	default:
		fuzz_queue(t);
	}
}
