// SPDX-License-Identifier: GPL-2.0-only
/*
 * The canary: memory that only its thread goes to, with calls that are valid,
 * and a shadow that says what every byte has to be, whatever others do to the
 * process and to the device meanwhile.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

/* Enough to cross pages, little enough to be quick. */
#define MOST	6000

static void compare(struct fuzz_thread *t, const char *is, size_t off,
		    size_t len, const char *who)
{
	size_t i;

	if (!memcmp(is, t->shadow + off, len))
		return;
	for (i = 0; is[i] == t->shadow[off + i]; i++)
		;
	fuzz_found(t, "%s reads %#x at +%#zx of the canary, not %#x", who,
		   (unsigned char)is[i], off + i,
		   (unsigned char)t->shadow[off + i]);
}

void fuzz_canary_check(struct fuzz_thread *t)
{
	compare(t, t->canary, 0, FUZZ_CANARY_SIZE, "CPU");
}

/*
 * A valid call may only fail where the file was closed, where a failure was
 * armed (for the device ENOMEM or EINTR, for a buffer EFAULT), or where this
 * thread got no turn between the changes of the others: EBUSY.
 */
static void may_fail(struct fuzz_thread *t, int ret, const char *what)
{
	if (ret && ret != -EBADF && ret != -ENOMEM && ret != -EINTR &&
	    ret != -EFAULT && ret != -EBUSY)
		fuzz_found(t, "%s on the canary: %s", what, strerror(-ret));
}

static void copy(struct fuzz_thread *t, size_t off, size_t len, bool write)
{
	bool file = fuzz_draw(t, 2);
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)t->canary + off,
		.buf = (uintptr_t)t->buf,
		.len = len,
	};
	int fd = fuzz_own_file(t), ret;
	ssize_t n;

	if (write)
		vt_fill(t->buf, len, fuzz_draw(t, 1 << 20), off);
	if (file) {
		n = write ? pwrite(fd, t->buf, len, rw.addr) :
			    pread(fd, t->buf, len, rw.addr);
		ret = n < 0 ? -errno : 0;
		rw.done = n < 0 ? 0 : n;
	} else {
		ret = fuzz_ioctl(t, fd, write ? DRM_IOCTL_VSVM_WRITE :
				 DRM_IOCTL_VSVM_READ, &rw, sizeof(rw));
	}
	fuzz_counted(t, file ? write ? FUZZ_PWRITE : FUZZ_PREAD :
		     write ? FUZZ_WRITE : FUZZ_READ, ret);
	may_fail(t, ret, write ? "write" : "read");
	if (rw.done > len)
		fuzz_found(t, "%llu of %zu bytes done",
			   (unsigned long long)rw.done, len);
	else if (write)
		memcpy(t->shadow + off, t->buf, rw.done);
	else
		compare(t, t->buf, off, rw.done, "device");
}

static void add(struct fuzz_thread *t, size_t off)
{
	struct drm_vsvm_atomic arg = {
		.addr = (uintptr_t)t->canary + (off & ~7UL),
		.operand = fuzz_draw(t, ~0ULL),
		.op = DRM_VSVM_ATOMIC_ADD,
		.size = 8,
	};
	uint64_t *word = (uint64_t *)(t->shadow + (off & ~7UL));
	int ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_ATOMIC,
			     &arg, sizeof(arg));

	fuzz_counted(t, FUZZ_ATOMIC, ret);
	may_fail(t, ret, "atomic");
	if (ret)
		return;
	if (arg.old != *word)
		fuzz_found(t, "atomic saw %#llx at +%#zx of the canary, not %#llx",
			   (unsigned long long)arg.old, off & ~7UL,
			   (unsigned long long)*word);
	*word += arg.operand;
}

static void store(struct fuzz_thread *t, size_t off, size_t len)
{
	compare(t, t->canary + off, off, len, "CPU");
	vt_fill(t->shadow + off, len, fuzz_draw(t, 1 << 20), off);
	memcpy(t->canary + off, t->shadow + off, len);
}

static void migrate(struct fuzz_thread *t, size_t off, size_t len)
{
	struct drm_vsvm_migrate mig = {
		.addr = (uintptr_t)t->canary + (off & ~(VT_PAGE - 1)),
		.len = (len + VT_PAGE - 1) & ~(VT_PAGE - 1),
		.target = fuzz_draw(t, 4) ? DRM_VSVM_TARGET_DEVICE :
			  fuzz_draw(t, 2) ? DRM_VSVM_TARGET_ADVISED :
			  DRM_VSVM_TARGET_SYSTEM,
	};
	int ret;

	if (fuzz_one_in(t, 50)) {
		mig.addr = (uintptr_t)t->canary;
		mig.len = FUZZ_CANARY_SIZE;
	}
	ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_MIGRATE, &mig,
			 sizeof(mig));
	fuzz_counted(t, FUZZ_MIGRATE, ret);
	may_fail(t, ret, "migrate");
}

static void exclusive(struct fuzz_thread *t, size_t off)
{
	struct drm_vsvm_exclusive excl = {
		.addr = (uintptr_t)t->canary + (off & ~(VT_PAGE - 1)),
		.len = VT_PAGE,
	};
	int ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_EXCLUSIVE,
			     &excl, sizeof(excl));

	fuzz_counted(t, FUZZ_EXCLUSIVE, ret);
	may_fail(t, ret, "exclusive");
}

/* What is said of a canary moves it, and never keeps it from the device. */
static void advise(struct fuzz_thread *t, size_t off, size_t len)
{
	struct drm_vsvm_advise arg = {
		.addr = (uintptr_t)t->canary + (off & ~(VT_PAGE - 1)),
		.len = (len + VT_PAGE - 1) & ~(VT_PAGE - 1),
		.set = DRM_VSVM_ADVISE_LOCATION | DRM_VSVM_ADVISE_GRANULARITY |
		       DRM_VSVM_ADVISE_ATOMICS,
		.advice = {
			.location = fuzz_draw(t, DRM_VSVM_LOCATION_HERE + 1),
			.atomics = fuzz_draw(t, DRM_VSVM_ATOMICS_DEVICE + 1),
			.granularity = VT_PAGE << fuzz_draw(t, 10),
		},
	};
	int ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_ADVISE, &arg,
			     sizeof(arg));

	fuzz_counted(t, FUZZ_ADVISE, ret);
	may_fail(t, ret, "advise");
}

/*
 * The bytes of a page are dead until all of them are written again, by the device as far
 * as it gets, and by the CPU.
 */
static void discard(struct fuzz_thread *t, size_t off)
{
	size_t at = off & ~(VT_PAGE - 1);
	struct drm_vsvm_discard discard = {
		.addr = (uintptr_t)t->canary + at,
		.len = VT_PAGE,
	};
	struct drm_vsvm_rw rw = {
		.addr = (uintptr_t)t->canary + at,
		.buf = (uintptr_t)t->shadow + at,
		.len = VT_PAGE,
	};
	int ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_DISCARD,
			     &discard, sizeof(discard));

	fuzz_counted(t, FUZZ_DISCARD, ret);
	may_fail(t, ret, "discard");
	ret = fuzz_ioctl(t, fuzz_own_file(t), DRM_IOCTL_VSVM_WRITE, &rw,
			 sizeof(rw));
	fuzz_counted(t, FUZZ_WRITE, ret);
	may_fail(t, ret, "write");
	if (ret || rw.done != VT_PAGE)
		memcpy(t->canary + at, t->shadow + at, VT_PAGE);
}

void fuzz_canary(struct fuzz_thread *t)
{
	size_t len = fuzz_draw(t, MOST) + 1;
	/* Few places, so that the same pages are met again and again. */
	size_t off = fuzz_draw(t, 32) * (FUZZ_CANARY_SIZE / 32) +
		     fuzz_draw(t, 3 * VT_PAGE);

	fuzz_tell(t, "canary +%#zx, %#zx", off, len);
	switch (fuzz_draw(t, 12)) {
	case 0:
	case 1:
	case 2:
		copy(t, off, len, true);
		break;
	case 3:
	case 4:
		copy(t, off, len, false);
		break;
	case 5:
	case 6:
		migrate(t, off, len);
		break;
	case 7:
		add(t, off);
		break;
	case 8:
		exclusive(t, off);
		break;
	case 9:
		advise(t, off, len);
		break;
	case 10:
		discard(t, off);
		break;
	default:
		store(t, off, len);
	}
}
