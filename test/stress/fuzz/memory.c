// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a process, at fixed addresses, and what becomes of the wild
 * part: unmapped, mapped as something else, protected, moved, given up, touched.
 *
 * It is touched by the kernel on our behalf, with copies from and to a file:
 * where nothing is mapped that is an error, not a signal.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

static int map_at(uint64_t addr, size_t len, int prot, int flags, int fd)
{
	void *at = (void *)(uintptr_t)addr;

	return mmap(at, len, prot, flags | MAP_FIXED, fd, 0) == at ? 0 : -1;
}

#define PRIVATE	(MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED	(MAP_SHARED | MAP_ANONYMOUS)
#define RW	(PROT_READ | PROT_WRITE)

int fuzz_memory_make(void)
{
	return map_at(FUZZ_WILD, FUZZ_WILD_SIZE, RW, PRIVATE, -1) ||
	       map_at(FUZZ_CONST, FUZZ_CONST_SIZE, PROT_READ, PRIVATE, -1) ||
	       map_at(FUZZ_NODE, FUZZ_NODE_SIZE, RW, MAP_SHARED, FUZZ_FIRST_FD);
}

static void map_wild(struct fuzz_thread *t, uint64_t addr, uint64_t len)
{
	switch (fuzz_draw(t, 8)) {
	case 0:
		map_at(addr, len, PROT_READ, PRIVATE, -1);
		break;
	case 1:
		map_at(addr, len, RW, SHARED, -1);
		break;
	case 2:
		map_at(addr, len, RW, MAP_PRIVATE, t->memfd);
		break;
	case 3:
		map_at(addr, len, RW, MAP_SHARED, t->memfd);
		break;
	case 4:
		map_at(addr, len, RW, MAP_SHARED, fuzz_own_file(t));
		break;
	default:
		map_at(addr, len, RW, PRIVATE, -1);
	}
}

static void advise(struct fuzz_thread *t, uint64_t addr, size_t len)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_DONTFORK, MADV_DOFORK, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_WIPEONFORK, MADV_KEEPONFORK,
		MADV_COLLAPSE,
	};
	int advice = advices[fuzz_draw(t, VT_COUNT(advices))];

	if (advice == MADV_COLLAPSE) {
		addr &= ~(VT_HUGE - 1);
		len = VT_HUGE;
	}
	madvise((void *)(uintptr_t)addr, len, advice);
}

static void move_wild(struct fuzz_thread *t, void *at, size_t len)
{
	__u64 to, unused;

	fuzz_range(t, &to, &unused);
	if (to + len > FUZZ_WILD + FUZZ_WILD_SIZE)
		to = FUZZ_WILD;
	mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED |
	       (fuzz_one_in(t, 4) ? MREMAP_DONTUNMAP : 0),
	       (void *)(uintptr_t)to);
}

void fuzz_memory(struct fuzz_thread *t)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RW, RW };
	__u64 addr, len;
	int prot = prots[fuzz_draw(t, VT_COUNT(prots))];
	unsigned int what = fuzz_draw(t, 16);
	void *at;

	fuzz_range(t, &addr, &len);
	if (addr + len > FUZZ_WILD + FUZZ_WILD_SIZE)
		len = VT_PAGE;
	at = (void *)(uintptr_t)addr;
	fuzz_tell(t, "memory %u at %#llx, %#llx", what,
		  (unsigned long long)addr, (unsigned long long)len);
	if (what == 0)
		munmap(at, len);
	else if (what < 3)
		map_wild(t, addr, len);
	else if (what < 5)
		mprotect(at, len, prot);
	else if (what == 5)
		move_wild(t, at, len);
	else if (what < 8)
		advise(t, addr, len);
	else if (what == 8)
		mlock(at, len);
	else if (what == 9)
		munlock(at, len);
	else if (what < 13)	/* into the memory, out of it */
		(void)!pread(t->memfd, at, len, 0);
	else
		(void)!pwrite(t->memfd, at, len, 0);
	__atomic_fetch_add(&fuzz_shared->changes, 1, __ATOMIC_RELAXED);
}
