// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring, see vt_ring.h. A ring ends with the test's process.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vt.h"
#include "vt_ring.h"

/* Says which call failed; a negative errno. */
static int failed(const char *call)
{
	int err = errno;

	vt_wrong("%s: %s", call, strerror(err));
	return -err;
}

static void *map(const struct vt_ring *r, off_t what)
{
	return mmap(NULL, VT_PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, r->fd, what);
}

int vt_ring_make(struct vt_ring *r, unsigned int flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	r->fd = syscall(SYS_io_uring_setup, 4, &r->p);
	if (r->fd < 0)
		return failed("io_uring_setup");
	r->sq = map(r, IORING_OFF_SQ_RING);
	r->cq = map(r, IORING_OFF_CQ_RING);
	r->sqes = map(r, IORING_OFF_SQES);
	return r->sq == MAP_FAILED || r->cq == MAP_FAILED ||
	       r->sqes == MAP_FAILED ? failed("mmap of a ring") : 0;
}

int vt_ring_register(struct vt_ring *r, void *mem, size_t len)
{
	struct iovec iov = { mem, len };

	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS,
		       &iov, 1) ? failed("io_uring_register") : 0;
}

int vt_ring_rw(struct vt_ring *r, int opcode, int fd, void *buf, size_t len,
	       const void *at)
{
	unsigned int *tail = (unsigned int *)(r->sq + r->p.sq_off.tail);
	unsigned int *array = (unsigned int *)(r->sq + r->p.sq_off.array);
	unsigned int *head = (unsigned int *)(r->cq + r->p.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(r->cq + r->p.cq_off.cqes);
	unsigned int i = *tail & (r->p.sq_entries - 1);
	unsigned int flags = IORING_ENTER_GETEVENTS;
	int res;

	if (r->p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	r->sqes[i] = (struct io_uring_sqe){
		.opcode = opcode,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.len = len,
		.off = (uintptr_t)at,
	};
	array[i] = i;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, flags, NULL, 0) != 1)
		return failed("io_uring_enter");
	res = cqes[*head & (r->p.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}
