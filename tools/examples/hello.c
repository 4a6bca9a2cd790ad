// SPDX-License-Identifier: GPL-2.0-only
/*
 * hello: the device and this program see the same memory.
 *
 * First a string that malloc() put anywhere, before and after its page moved to
 * the device. Then three pages that the driver lends, seen through a pointer
 * and through pread() and pwrite() on the render node.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvsvm.h"

static const char text[] = "hello world";

static void must(int ok, const char *what)
{
	if (!ok)
		errx(1, "wrong: %s", what);
	printf("ok: %s\n", what);
}

static void hello_malloc(struct vsvm *v, size_t page)
{
	char before[sizeof(text)] = "", after[sizeof(text)] = "";
	char *buf = malloc(4 * page), *str, *start, *end;
	struct drm_vsvm_run run = { 0 };
	uint32_t nr = 1;

	if (!buf)
		err(1, "malloc");

	/* An odd place in the middle: nothing else of malloc's is on its page. */
	str = buf + 2 * page - 3;
	start = (char *)((uintptr_t)str & -page);
	end = (char *)(((uintptr_t)str + sizeof(text) - 1) & -page) + page;
	memcpy(str, text, sizeof(text));

	must(!vsvm_read(v, str, before, sizeof(text), NULL) && !strcmp(before, text),
	     "the device reads the string in system memory");
	must(!vsvm_migrate(v, start, end - start, DRM_VSVM_TARGET_DEVICE, 0, NULL) &&
	     !vsvm_snapshot(v, start, end - start, &run, &nr, NULL) &&
	     (run.state & DRM_VSVM_STATE_PLACE) == DRM_VSVM_PLACE_DEVICE &&
	     run.count * page == (size_t)(end - start), "its page moved to the device");
	must(!vsvm_read(v, str, after, sizeof(text), NULL) && !strcmp(after, text),
	     "the device reads the string in its own memory");
	must(!strcmp(str, text), "the CPU reads it, and its page migrates back");
	free(buf);
}

static void hello_mmap(struct vsvm *v, size_t page)
{
	int fd = vsvm_fd(v);
	char *mem = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *str = mem + page - 5, back[sizeof(text)] = "";
	off_t at = (uintptr_t)(mem + 2 * page - 5);

	if (mem == MAP_FAILED)
		err(1, "mmap");
	memcpy(str, text, sizeof(text));
	must(!vsvm_read(v, str, back, sizeof(text), NULL) && !strcmp(back, text),
	     "the CPU writes across two pages of the driver's, the device reads");
	must(!vsvm_write(v, str, "HELLO", 5, NULL) && !strcmp(str, "HELLO world"),
	     "the device writes, the CPU reads");
	must(pwrite(fd, text, sizeof(text), at) == sizeof(text) &&
	     !strcmp(mem + 2 * page - 5, text), "pwrite() at an address, the CPU reads");
	must(pread(fd, back, sizeof(back), (uintptr_t)str) == sizeof(back) &&
	     !strcmp(back, "HELLO world"), "pread() at an address");
	munmap(mem, 3 * page);
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct vsvm *v;
	int ret;

	ret = vsvm_open(0, &v);
	if (ret)
		errx(1, "no vsvm device: %s", strerror(-ret));
	hello_malloc(v, page);
	hello_mmap(v, page);
	vsvm_close(v);
	return 0;
}
