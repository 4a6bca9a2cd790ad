// SPDX-License-Identifier: GPL-2.0-only
/*
 * The judge of hostile calls: what may come of a call. Where the header leaves no
 * choice, one errno is right; everywhere else, those that it names.
 */
#include <errno.h>

#include "fuzz.h"

/* The errnos of each call for memory that is not as it should be, or busy. */
static const int errors[FUZZ_KINDS][16] = {
	[FUZZ_INFO] = { EINVAL },
	[FUZZ_READ] = { EINVAL, EFAULT, ENOMEM, EBUSY, EACCES },
	[FUZZ_WRITE] = { EINVAL, EFAULT, EPERM, ENOMEM, EBUSY, EACCES },
	[FUZZ_MIGRATE] = { EINVAL, EFAULT, ENOMEM, EBUSY },
	[FUZZ_SNAPSHOT] = { EINVAL, EFAULT, ENOMEM, EBUSY },
	[FUZZ_EXCLUSIVE] = { EINVAL, EFAULT, EPERM, EOPNOTSUPP, ENOMEM,
			     EBUSY, EACCES },
	[FUZZ_ATOMIC] = { EINVAL, EFAULT, EPERM, EOPNOTSUPP, ENOMEM, EBUSY,
			  EACCES },
	[FUZZ_INJECT] = { EINVAL, EACCES, EOPNOTSUPP, ETIMEDOUT },
	/* EINTR is one of the failures that INJECT arms, too. */
	[FUZZ_UNKNOWN] = { EINVAL, EFAULT, EPERM, EACCES, EOPNOTSUPP, ENOMEM,
			   EBUSY, EINTR, ENOSPC, EMFILE, ENOENT, EAGAIN,
			   ECANCELED, ENXIO },
	[FUZZ_PREAD] = { EINVAL, EFAULT, ENOMEM, EBUSY, EINTR, EACCES },
	[FUZZ_PWRITE] = { EINVAL, EFAULT, EPERM, ENOMEM, EBUSY, EINTR, EACCES },
	[FUZZ_MMAP] = { EINVAL, ENOMEM, EPERM, EOVERFLOW, EEXIST },
	[FUZZ_CREATE] = { EINVAL, ENOMEM, ENOSPC, EMFILE },
	[FUZZ_DESTROY] = { EINVAL, ENOENT },
	/* Not EBADF, which fuzz_judge() looks at before. */
	[FUZZ_SUBMIT] = { EINVAL, EFAULT, ENOMEM, EMFILE, ENOENT, EAGAIN,
			  ECANCELED },
	[FUZZ_WAIT] = { EINVAL, EFAULT, ENOENT, ETIME, EIO },
	[FUZZ_STATUS] = { ENOENT },
	[FUZZ_ADVISE] = { EINVAL, EFAULT, ENXIO, ENOMEM },
	[FUZZ_ADVICE_GET] = { EINVAL, EFAULT },
	[FUZZ_DISCARD] = { EINVAL, EFAULT, ENOMEM, EBUSY },
	[FUZZ_PIN] = { EINVAL, EFAULT, ENOMEM, EBUSY, ENOSPC },
	[FUZZ_EVENTS] = { EINVAL, ENOMEM, EMFILE },
};

static bool documented(enum fuzz_kind kind, int ret)
{
	size_t i;

	for (i = 0; i < VT_COUNT(errors[kind]) && errors[kind][i]; i++)
		if (ret == -errors[kind][i])
			return true;
	return false;
}

/*
 * Was @ret right? @want: what the argument alone says. A file of another
 * process's says EPERM to a good argument; one that is closed, EBADF.
 */
void fuzz_judge(struct fuzz_thread *t, enum fuzz_kind kind, int ret, int want,
		bool foreign)
{
	bool right;

	fuzz_counted(t, kind, ret);
	if (foreign && kind != FUZZ_INFO && want == FUZZ_GOOD)
		want = -EPERM;
	if (ret == -EBADF)
		right = !foreign || t->child;
	else if (want < 0)
		right = ret == want;
	else if (want == FUZZ_GOOD)
		right = !ret || (ret != -EINVAL && documented(kind, ret));
	else
		right = !ret || documented(kind, ret) ||
			(foreign && ret == -EPERM);
	if (!right)
		fuzz_found(t, "errno %d where %d was to be, file %s", -ret,
			   want > 0 ? -1 : -want, foreign ? "foreign" : "own");
}

void fuzz_check(struct fuzz_thread *t, bool right, const char *what)
{
	if (!right)
		fuzz_found(t, "not so: %s", what);
}

/* What the header says of a range of bytes. */
int fuzz_range_of(uint64_t addr, uint64_t len)
{
	if (!len || addr + len < addr)
		return -EINVAL;
	if (addr + len > FUZZ_END_5)
		return -EFAULT;
	return addr + len > FUZZ_END_4 ? FUZZ_ANY : FUZZ_GOOD;
}

int fuzz_pages_of(uint64_t addr, uint64_t len)
{
	if ((addr | len) & (VT_PAGE - 1))
		return -EINVAL;
	return fuzz_range_of(addr, len);
}
