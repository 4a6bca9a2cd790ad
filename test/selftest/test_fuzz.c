// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer makes VSVM_CALLS calls (20000), with a seed that stays the same unless
 * VSVM_SEED is given. Some more are guided by a corpus.
 *
 * Run it by hand with other seeds, see stress/fuzz/fuzz.c.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_host.h"

/* Seconds for a million calls on the debug kernel, and some more. */
#define LIMIT	3600

static int run_fuzz(void)
{
	setenv("VSVM_SEED", "1", 0);
	return vt_run_program((const char *[]){ "fuzz", NULL });
}

FIXTURE(fuzz)
{
	struct vt_module module;
};

FIXTURE_VARIANT(fuzz)
{
	unsigned int vram_mib;		/* 0: as it is */
};

FIXTURE_VARIANT_ADD(fuzz, roomy)
{
};

/* Less than the processes want: there is always a block to evict. */
FIXTURE_VARIANT_ADD(fuzz, tight)
{
	.vram_mib = 8,
};

FIXTURE_SETUP(fuzz)
{
	ASSERT_EQ(0, vt_module_get(&self->module));
	if (!variant->vram_mib)
		return;
	ASSERT_EQ(0, vt_module_unload());
	ASSERT_EQ(0, vt_module_load(2, variant->vram_mib));
}

FIXTURE_TEARDOWN_PARENT(fuzz)
{
	if (!variant->vram_mib)
		return;
	vt_module_unload();
	vt_module_load(self->module.devices, self->module.vram_mib);
}

/* Only errnos that the header names, sound results, and no byte lost. */
TEST_F_TIMEOUT(fuzz, finds_nothing, LIMIT)
{
	EXPECT_EQ(0, run_fuzz());
}

/* A file without a name, that the fuzzer has by the same number. */
FIXTURE(corpus)
{
	int fd;
	char path[32];
};

FIXTURE_SETUP(corpus)
{
	self->fd = memfd_create("corpus", 0);
	ASSERT_LE(0, self->fd);
	snprintf(self->path, sizeof(self->path), "/proc/self/fd/%d", self->fd);
}

FIXTURE_TEARDOWN(corpus)
{
	close(self->fd);
}

/* What becomes of @text when it guides some calls: the status, and the file. */
static int guide(int fd, const char *path, const char *text)
{
	ssize_t len = strlen(text);

	if (ftruncate(fd, 0) || pwrite(fd, text, len, 0) != len)
		return -1;
	setenv("VSVM_SEED", "1", 0);
	return vt_run_program((const char *[]){ "fuzz", "-n", "600", "-c", path, NULL });
}

/* Calls are made from its inputs, and only a kernel with kcov adds some. */
TEST_F(corpus, guides)
{
	static const char text[] = "0 1f\n7\n\n3 ffffffffffffffff 2\n\n";
	char now[sizeof(text)] = "";
	struct stat st;

	ASSERT_EQ(0, guide(self->fd, self->path, text));
	ASSERT_EQ(sizeof(text) - 1, pread(self->fd, now, sizeof(text) - 1, 0));
	EXPECT_STREQ(text, now);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(!access("/sys/kernel/debug/kcov", F_OK), st.st_size > (off_t)sizeof(text) - 1);
}

TEST_F(corpus, has_nothing_but_numbers)
{
	const int wrong = W_EXITCODE(1, 0);

	EXPECT_EQ(wrong, guide(self->fd, self->path, "0 1f\n\nnone\n\n"));
	EXPECT_EQ(wrong, guide(self->fd, self->path, "10000000000000000\n\n"));
	/* More steps than an input has. */
	EXPECT_EQ(wrong, guide(self->fd, self->path, "0\n0\n0\n0\n0\n0\n0\n0\n0\n\n"));
}

/* More than a run keeps are refused. Not one is lost. */
TEST_F(corpus, is_not_too_long)
{
	static char text[2049 * 3 + 1];
	unsigned int i;

	for (i = 0; i < 2049; i++)
		memcpy(text + i * 3, "0\n\n", 3);
	EXPECT_EQ(W_EXITCODE(1, 0), guide(self->fd, self->path, text));
	EXPECT_EQ(2049 * 3, lseek(self->fd, 0, SEEK_END));
}

TEST_HARNESS_MAIN
