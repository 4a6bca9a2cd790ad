// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs in C: libvsvm loads them anywhere, runs their functions for work items, and
 * says what is at the place where one could not go on. A file that is no program is
 * refused, and nothing stays mapped.
 */
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_fixture.h"

#define BUDGET	100000000ULL
#define ITEMS	1000
/* Where vsvm-cc links a program. */
#define LINKED	0x1000000000ULL

FIXTURE(program)
{
	struct vsvm *v;
	char path[256];
	struct vsvm_program *p;
	struct drm_vsvm_queue_status s;
	uint64_t *words;
};

FIXTURE_SETUP(program)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
	ASSERT_EQ(0, vt_device_program("basic", self->path, sizeof(self->path)));
	ASSERT_EQ(0, vsvm_program_open(self->v, self->path, &self->p));
	self->words = vt_map(VT_HUGE, VT_SMALL);
	ASSERT_NE(NULL, self->words);
}

FIXTURE_TEARDOWN(program)
{
	vsvm_program_close(self->p);
	vsvm_close(self->v);
}

static int run(FIXTURE_DATA(program) *self, const char *name, void *arg, uint64_t items)
{
	return vsvm_program_run(self->p, name, arg, items, BUDGET, &self->s);
}

/* One item, some for each queue, and numbers that do not go up in queues. */
TEST_F_TIMEOUT(program, items_know_themselves, VT_LONG)
{
	static const uint64_t counts[] = { 1, 2, 3, 4, 5, 7, 8, ITEMS };
	size_t i, j;

	for (i = 0; i < VT_COUNT(counts); i++) {
		memset(self->words, 0xff, 2 * (ITEMS + 1) * sizeof(uint64_t));
		ASSERT_EQ(0, run(self, "note", self->words, counts[i]));
		for (j = 0; j < counts[i]; j++) {
			ASSERT_EQ(j, self->words[2 * j]);
			ASSERT_EQ(counts[i], self->words[2 * j + 1]);
		}
		ASSERT_EQ(UINT64_MAX, self->words[2 * j]);
	}
	ASSERT_EQ(0, run(self, "note", NULL, 0));
}

TEST_F_TIMEOUT(program, items_share_a_word, VT_LONG)
{
	uint64_t *count = vsvm_program_symbol(self->p, "count"), i;

	ASSERT_NE(NULL, count);
	for (i = 0; i < ITEMS; i++)
		self->words[i] = i;
	*count = 5;
	ASSERT_EQ(0, run(self, "add_up", self->words, ITEMS));
	ASSERT_EQ(5 + ITEMS * (ITEMS - 1) / 2, *count);
}

TEST_F(program, floating_point)
{
	double *values = (double *)self->words;
	int i;

	for (i = 0; i < 16; i++)
		values[i] = i * 3 + 1;
	ASSERT_EQ(0, run(self, "scale", values, 16));
	for (i = 0; i < 16; i++)
		ASSERT_EQ((i * 3 + 1) * 0.5 + i, values[i]);
}

/* Words of the program that are addresses. */
TEST_F(program, knows_where_it_is)
{
	int *values = (int *)self->words;
	char *text = (char *)(self->words + 64);
	int i;

	for (i = 0; i < 10; i++)
		values[i] = i;
	ASSERT_EQ(0, run(self, "calls", values, 10));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(i % 2 ? 3 * i : 2 * i, values[i]);
	ASSERT_EQ(0, run(self, "spells", text, 10));
	for (i = 0; i < 10; i++)
		ASSERT_STREQ(i % 2 ? "second" : "first", text + 16 * i);
}

/* The second time somewhere else, with variables of its own. */
TEST_F(program, is_loaded_twice)
{
	struct vsvm_program *q;
	uint64_t *mine, *its;
	int value = 4;

	ASSERT_EQ(0, vsvm_program_open(self->v, self->path, &q));
	mine = vsvm_program_symbol(self->p, "count");
	its = vsvm_program_symbol(q, "count");
	ASSERT_NE(mine, its);
	self->words[0] = 17;
	ASSERT_EQ(0, vsvm_program_run(q, "add_up", self->words, 1, BUDGET, NULL));
	ASSERT_EQ(0, *mine);
	ASSERT_EQ(17, *its);
	vsvm_program_close(q);
	ASSERT_EQ(0, run(self, "calls", &value, 1));
	ASSERT_EQ(8, value);
}

TEST_F(program, main_returns)
{
	int result = -1;

	ASSERT_EQ(0, vsvm_program_main(self->p, BUDGET, &result, &self->s));
	ASSERT_EQ(42, result);
}

static int moves(struct vsvm *v, const void *addr, size_t len)
{
	struct drm_vsvm_migrate result;

	return vsvm_migrate(v, (void *)((uintptr_t)addr & -VT_PAGE), len,
			    DRM_VSVM_TARGET_DEVICE, 0, &result);
}

/* Its code and its variables go to the device, and what it works on. */
TEST_F_TIMEOUT(program, on_the_device, VT_LONG)
{
	const struct drm_vsvm_advice advice = { .on_fault = DRM_VSVM_ON_FAULT_MIGRATE };
	uint64_t *count = vsvm_program_symbol(self->p, "count"), i;

	for (i = 0; i < ITEMS; i++)
		self->words[i] = i;
	ASSERT_EQ(0, moves(self->v, vsvm_program_symbol(self->p, "add_up"), VT_PAGE));
	ASSERT_EQ(0, moves(self->v, count, VT_PAGE));
	ASSERT_EQ(0, moves(self->v, self->words, 4 * VT_PAGE));
	ASSERT_EQ(0, vsvm_advise_file(self->v, DRM_VSVM_ADVISE_ON_FAULT, &advice));
	for (i = 1; i < 4; i++) {
		ASSERT_EQ(0, run(self, "add_up", self->words, ITEMS));
		ASSERT_EQ(i * ITEMS * (ITEMS - 1) / 2, *count);
	}
}

/* The others end too, and the program can be run again. */
TEST_F(program, traps)
{
	const char *name = NULL;
	uint64_t offset, linked, value = 2;

	ASSERT_EQ(-EIO, run(self, "traps", NULL, 100));
	ASSERT_EQ(DRM_VSVM_QUEUE_LOST, self->s.state);
	ASSERT_EQ(ECANCELED, self->s.error);
	ASSERT_EQ(0, vsvm_program_find(self->p, self->s.pc, &name, &offset, &linked));
	ASSERT_STREQ("traps", name);
	ASSERT_EQ(self->s.pc, (uintptr_t)vsvm_program_symbol(self->p, "traps") + offset);
	ASSERT_EQ(LINKED, linked & ~0xfffULL);
	ASSERT_EQ(0, run(self, "add_up", &value, 1));
	ASSERT_EQ(0, self->s.error);
}

/* Also those that are in front of it, and that would go on for hours. */
TEST_F(program, one_of_many_traps)
{
	ASSERT_EQ(-EIO, vsvm_program_run(self->p, "only_the_last_ends", NULL, 4, 1ULL << 60,
					 &self->s));
	ASSERT_EQ(ECANCELED, self->s.error);
}

TEST_F(program, never_ends)
{
	const char *name = NULL;
	uint64_t offset, linked;

	ASSERT_EQ(-EIO, vsvm_program_run(self->p, "never_ends", NULL, 3, 10000, &self->s));
	ASSERT_EQ(ETIME, self->s.error);
	ASSERT_EQ(0, vsvm_program_find(self->p, self->s.pc, &name, &offset, &linked));
	ASSERT_STREQ("never_ends", name);
}

TEST_F(program, loads_nothing)
{
	ASSERT_EQ(-EIO, run(self, "loads", (void *)8, 1));
	ASSERT_EQ(EFAULT, self->s.error);
	ASSERT_EQ(DRM_VSVM_ACCESS_READ, self->s.access);
	ASSERT_EQ(8, self->s.addr);
}

/* Below a stack is a page that nobody can touch. */
TEST_F(program, stack_ends)
{
	uint64_t depth = 500;

	ASSERT_EQ(0, run(self, "recurses", &depth, 1));
	ASSERT_EQ(500 * 501 / 2, depth);
	depth = 100000;
	ASSERT_EQ(-EIO, run(self, "recurses", &depth, 1));
	ASSERT_EQ(EFAULT, self->s.error);
	ASSERT_EQ(DRM_VSVM_ACCESS_WRITE, self->s.access);
}

TEST_F(program, no_such_name)
{
	const char *name;
	uint64_t offset, linked;

	ASSERT_EQ(NULL, vsvm_program_symbol(self->p, "nothing"));
	ASSERT_EQ(NULL, vsvm_program_symbol(self->p, ""));
	ASSERT_EQ(-ENOENT, run(self, "nothing", NULL, 1));
	ASSERT_EQ(-ENOENT, vsvm_program_find(self->p, 8, &name, &offset, &linked));
}

/* The file as bytes that a test changes, and a file that has them. */
struct image {
	size_t len;
	Elf64_Ehdr *h;
	Elf64_Phdr *load;	/* the first segment of that kind */
	char *bytes;
	int fd;
	char path[32];
};

static int image_take(struct image *f, const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t i;

	if (VT_BAD(fd < 0))
		return -1;
	f->len = lseek(fd, 0, SEEK_END);
	f->bytes = malloc(f->len);
	if (VT_BAD(!f->bytes) || VT_BAD(pread(fd, f->bytes, f->len, 0) != (ssize_t)f->len))
		return -1;
	close(fd);
	f->h = (Elf64_Ehdr *)f->bytes;
	f->load = (Elf64_Phdr *)(f->bytes + f->h->e_phoff);
	for (i = 0; i < f->h->e_phnum && f->load->p_type != PT_LOAD; i++)
		f->load++;
	f->fd = memfd_create("program", MFD_CLOEXEC);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	return VT_BAD(f->fd < 0) ? -1 : 0;
}

/* What vsvm_program_open() says of it; the program in @p if it took it. */
static int image_open(struct image *f, struct vsvm *v, struct vsvm_program **p)
{
	if (VT_BAD(ftruncate(f->fd, f->len)) ||
	    VT_BAD(pwrite(f->fd, f->bytes, f->len, 0) != (ssize_t)f->len))
		return 1;
	return vsvm_program_open(v, f->path, p);
}

static void image_drop(struct image *f)
{
	close(f->fd);
	free(f->bytes);
}

static void is_empty(struct image *f)
{
	f->len = 0;
}

static void is_no_elf(struct image *f)
{
	f->h->e_ident[0] = 0;
}

static void has_no_segments(struct image *f)
{
	f->h->e_phnum = 0;
}

static void is_short(struct image *f) { f->len = sizeof(Elf64_Ehdr) - 1; }
static void has_no_end(struct image *f) { f->len /= 2; }
static void is_of_32_bits(struct image *f) { f->h->e_ident[EI_CLASS] = ELFCLASS32; }
static void is_big_endian(struct image *f) { f->h->e_ident[EI_DATA] = ELFDATA2MSB; }
static void is_of_another_machine(struct image *f) { f->h->e_machine = EM_X86_64; }
static void is_an_object(struct image *f) { f->h->e_type = ET_REL; }
static void has_floats(struct image *f) { f->h->e_flags |= 4; }
static void has_half_the_registers(struct image *f) { f->h->e_flags |= 8; }
static void has_other_segments(struct image *f) { f->h->e_phentsize++; }
static void has_segments_nowhere(struct image *f) { f->h->e_phoff = f->len; }
static void has_sections_nowhere(struct image *f) { f->h->e_shoff = f->len - 8; }
static void wants_a_loader(struct image *f) { f->load->p_type = PT_INTERP; }
static void has_threads(struct image *f) { f->load->p_type = PT_TLS; }
static void is_longer_in_the_file(struct image *f) { f->load->p_filesz = f->load->p_memsz + 1; }
static void is_not_in_the_file(struct image *f) { f->load->p_offset = f->len - 1; }
static void is_before_the_file(struct image *f) { f->load->p_offset = -8; }
static void wraps(struct image *f) { f->load->p_vaddr = -8; }
static void is_the_kernels(struct image *f) { f->load->p_vaddr = 1ULL << 63; }

static const struct mistake {
	const char *name;
	void (*make)(struct image *f);
} mistakes[] = {
#define MISTAKE(name)	{ #name, name }
	MISTAKE(is_short), MISTAKE(is_empty), MISTAKE(has_no_end), MISTAKE(is_no_elf),
	MISTAKE(is_of_32_bits), MISTAKE(is_big_endian), MISTAKE(is_of_another_machine),
	MISTAKE(is_an_object), MISTAKE(has_floats), MISTAKE(has_half_the_registers),
	MISTAKE(has_other_segments), MISTAKE(has_segments_nowhere),
	MISTAKE(has_no_segments), MISTAKE(has_sections_nowhere), MISTAKE(wants_a_loader),
	MISTAKE(has_threads), MISTAKE(is_longer_in_the_file), MISTAKE(is_not_in_the_file),
	MISTAKE(is_before_the_file), MISTAKE(wraps), MISTAKE(is_the_kernels),
};

static int is_refused(struct vsvm *v, const char *path, const struct mistake *m)
{
	struct vsvm_program *p = (void *)8;
	struct image f;
	int ret;

	if (image_take(&f, path))
		return -1;
	m->make(&f);
	ret = image_open(&f, v, &p);
	image_drop(&f);
	if (ret != -ENOEXEC || p)
		return vt_wrong("a file that %s: %d", m->name, ret);
	return 0;
}

TEST_F(program, refuses_files)
{
	struct vsvm_program *p;
	size_t i;

	for (i = 0; i < VT_COUNT(mistakes); i++)
		EXPECT_EQ(0, is_refused(self->v, self->path, &mistakes[i]));
	ASSERT_EQ(-ENOENT, vsvm_program_open(self->v, "/nowhere", &p));
	ASSERT_EQ(-ENOEXEC, vsvm_program_open(self->v, "/tmp", &p));
	vsvm_program_close(NULL);
}

/* Without relocations it can be at one place only; without symbols it has main() alone. */
TEST_F(program, at_its_place)
{
	struct vsvm_program *p, *q = NULL;
	struct image f;
	Elf64_Shdr *s;
	int result = 0;
	size_t i;

	ASSERT_EQ(0, image_take(&f, self->path));
	s = (Elf64_Shdr *)(f.bytes + f.h->e_shoff);
	for (i = 0; i < f.h->e_shnum; i++)
		if (s[i].sh_type == SHT_RELA)
			s[i].sh_type = SHT_NULL;
	ASSERT_EQ(0, image_open(&f, self->v, &p));
	ASSERT_EQ(0, vsvm_program_symbol(p, "main") - vsvm_program_symbol(p, "_start") -
		  (vsvm_program_symbol(self->p, "main") -
		   vsvm_program_symbol(self->p, "_start")));
	ASSERT_EQ((void *)LINKED, vsvm_program_symbol(p, "_start"));
	ASSERT_EQ(0, vsvm_program_main(p, BUDGET, &result, NULL));
	ASSERT_EQ(42, result);
	ASSERT_EQ(-EEXIST, image_open(&f, self->v, &q));
	ASSERT_EQ(NULL, q);
	vsvm_program_close(p);

	for (i = 0; i < f.h->e_shnum; i++)
		if (s[i].sh_type == SHT_SYMTAB)
			s[i].sh_type = SHT_NULL;
	ASSERT_EQ(0, image_open(&f, self->v, &p));
	ASSERT_EQ(NULL, vsvm_program_symbol(p, "main"));
	ASSERT_EQ(-ENOENT, vsvm_program_run(p, "main", NULL, 1, BUDGET, NULL));
	ASSERT_EQ(0, vsvm_program_main(p, BUDGET, &result, NULL));
	vsvm_program_close(p);
	image_drop(&f);
}

FIXTURE(example)
{
	int unused;
};

FIXTURE_VARIANT(example)
{
	const char *name;
};

#define EXAMPLE(example_name)						\
FIXTURE_VARIANT_ADD(example, example_name)				\
{									\
	.name = #example_name,						\
}

EXAMPLE(chase);
EXAMPLE(hashtable);
EXAMPLE(bfs);
EXAMPLE(matrix);

FIXTURE_SETUP(example)
{
}

FIXTURE_TEARDOWN(example)
{
}

/* Each one checks what the device did. */
TEST_F_TIMEOUT(example, is_right, VT_LONG)
{
	char name[16], path[256], *argv[] = { name, path, NULL };
	int status = 0;
	pid_t pid;

	snprintf(name, sizeof(name), "%s", variant->name);
	ASSERT_EQ(0, vt_device_program(name, path, sizeof(path)));
	ASSERT_EQ(0, posix_spawnp(&pid, name, NULL, NULL, argv, environ));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
}

TEST_HARNESS_MAIN
