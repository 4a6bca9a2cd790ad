/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring with one transfer under way at a time, without liburing. Functions
 * return 0, or what the transfer did, or a negative errno.
 */
#ifndef VT_RING_H
#define VT_RING_H

#include <linux/io_uring.h>
#include <stddef.h>

struct vt_ring {
	int fd;
	char *sq;
	char *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

/* Flags are those of io_uring_setup(). */
int vt_ring_make(struct vt_ring *r, unsigned int flags);
/* Register one fixed buffer. */
int vt_ring_register(struct vt_ring *r, void *mem, size_t len);
/* Do one transfer at offset @at, an address for the node, and wait for its end. */
int vt_ring_rw(struct vt_ring *r, int opcode, int fd, void *buf, size_t len,
	       const void *at);

#endif /* VT_RING_H */
