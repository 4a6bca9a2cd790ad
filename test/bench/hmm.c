// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine that is the kernel's own HMM test driver, test_hmm.
 *
 * Owns a file and where the last snapshot lies, from open to close. A close makes
 * test_hmm take all pages of its device home, which is not measured. Its chunks of
 * device memory stay, so only the first measurement makes some.
 *
 * The call that migrates to the device reads the memory back through the device
 * page table, which it has just filled: what a hot read does, see reads_back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <test_hmm_uapi.h>

#include "bench.h"
#include "hmm.h"

#define PAGE	4096UL

struct file {
	int fd;
	const unsigned char *seen;
	size_t pages;
};

static int engine_open(unsigned int device, void **out)
{
	struct file *file = calloc(1, sizeof(*file));

	(void)device;
	if (!file)
		return -ENOMEM;
	file->fd = open("/dev/hmm_dmirror0", O_RDWR | O_CLOEXEC);
	if (file->fd < 0) {
		free(file);
		return -errno;
	}
	*out = file;
	return 0;
}

static void engine_close(void *arg)
{
	struct file *file = arg;

	close(file->fd);
	free(file);
}

static int call(struct file *file, unsigned long request, char *mem,
		size_t bytes, char *buf)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)mem,
		.ptr = (uintptr_t)buf,
		.npages = bytes / PAGE,
	};

	while (ioctl(file->fd, request, &cmd))
		if (errno != EINTR)
			return -errno;
	return cmd.cpages == bytes / PAGE ? 0 : -EBUSY;
}

static int engine_to_device(void *arg, char *mem, size_t bytes, char *buf)
{
	return call(arg, HMM_DMIRROR_MIGRATE_TO_DEV, mem, bytes, buf);
}

/* Counts a huge page as one. */
static int engine_home(void *arg, char *mem, size_t bytes, char *buf)
{
	int ret = call(arg, HMM_DMIRROR_MIGRATE_TO_SYS, mem, bytes, buf);

	return ret == -EBUSY ? 0 : ret;
}

static int engine_read(void *arg, char *mem, size_t bytes, char *buf)
{
	return call(arg, HMM_DMIRROR_READ, mem, bytes, buf);
}

static int engine_write(void *arg, char *mem, size_t bytes, char *buf)
{
	return call(arg, HMM_DMIRROR_WRITE, mem, bytes, buf);
}

static int engine_snapshot(void *arg, char *mem, size_t bytes, char *buf)
{
	struct file *file = arg;

	file->seen = (unsigned char *)buf;
	file->pages = bytes / PAGE;
	return call(file, HMM_DMIRROR_SNAPSHOT, mem, bytes, buf);
}

static size_t engine_on_device(void *arg, bool huge)
{
	struct file *file = arg;
	size_t n = 0, i;

	for (i = 0; i < file->pages; i++) {
		unsigned char seen = file->seen[i];

		/* The places are numbers in the upper bits. */
		n += (seen & 0x70) == HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL &&
		     !(seen & HMM_DMIRROR_PROT_PMD) == !huge;
	}
	return n * PAGE;
}

const struct bench_engine bench_hmm = {
	.name = "test_hmm",
	.reads_back = true,
	.open = engine_open,
	.close = engine_close,
	.to_device = engine_to_device,
	.home = engine_home,
	.read = engine_read,
	.write = engine_write,
	.snapshot = engine_snapshot,
	.on_device = engine_on_device,
};
