// SPDX-License-Identifier: MIT
/*
 * libvsvm: programs of the device, from ELF files that vsvm-cc made.
 *
 * Owns a loaded program: the file, mapped to be read, and the memory of the process into
 * which its segments were copied. Both are from vsvm_program_open() to
 * vsvm_program_close(). Nothing in struct vsvm_program changes in between, so it needs no
 * lock; what the program's variables hold is the program's business. A run owns its queues,
 * its stacks and a page for what it shares with the device, and leaves none of them behind.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvsvm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Queues of a run. While a fault of one is served, an engine has another one. */
#define QUEUES		4
/* A stack, with a page below it that nobody can touch. */
#define STACK		(256UL << 10)
#define SLOTS		2
#define ARGS		8
/* How long a wait for one queue goes without a look at the others. */
#define LOOK_NS		20000000
/* Of e_flags: how floating point is passed, which is not at all, and half the registers. */
#define NO_FLOAT	0x6
#define NO_RVE		0x8

/**
 * struct vsvm_program - a program in the memory of the process
 * @v: handle of the device that runs it
 * @file: the ELF file, or NULL
 * @size: its bytes
 * @page: bytes of a page
 * @mem: where the segments are, or NULL
 * @len: bytes from the first to the last of them, in whole pages
 * @bias: what to add to an address of the file
 * @symbols: those of the file, or NULL
 * @nr_symbols: their number
 * @names: what their names are offsets into
 * @names_len: bytes of it, of which the last is zero
 */
struct vsvm_program {
	struct vsvm *v;
	const char *file;
	size_t size;
	size_t page;
	char *mem;
	size_t len;
	uint64_t bias;
	const Elf64_Sym *symbols;
	size_t nr_symbols;
	const char *names;
	size_t names_len;
};

/* A part of the file that holds @nr things of @size bytes; NULL: it does not. */
static const void *part(const struct vsvm_program *p, uint64_t offset, uint64_t nr,
			size_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(nr, size, &bytes) || offset > p->size ||
	    bytes > p->size - offset || offset % sizeof(uint32_t))
		return NULL;
	return p->file + offset;
}

static const Elf64_Ehdr *header(const struct vsvm_program *p)
{
	return (const Elf64_Ehdr *)p->file;
}

/* The checked tables of segments and of sections. */
static const Elf64_Phdr *segments(const struct vsvm_program *p)
{
	return (const Elf64_Phdr *)(p->file + header(p)->e_phoff);
}

static const Elf64_Shdr *section(const struct vsvm_program *p, size_t i)
{
	return (const Elf64_Shdr *)(p->file + header(p)->e_shoff) + i;
}

static bool is_program(const struct vsvm_program *p)
{
	static const unsigned char ident[] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
	};
	const Elf64_Ehdr *h = header(p);

	return p->size >= sizeof(*h) && !memcmp(h->e_ident, ident, sizeof(ident)) &&
	       h->e_machine == EM_RISCV && !(h->e_flags & (NO_FLOAT | NO_RVE)) &&
	       (h->e_type == ET_EXEC || h->e_type == ET_DYN) &&
	       h->e_phentsize == sizeof(Elf64_Phdr) &&
	       part(p, h->e_phoff, h->e_phnum, sizeof(Elf64_Phdr)) &&
	       (!h->e_shnum || h->e_shentsize == sizeof(Elf64_Shdr)) &&
	       part(p, h->e_shoff, h->e_shnum, sizeof(Elf64_Shdr));
}

/* Finds from where to where the segments are. */
static int measure(struct vsvm_program *p, uint64_t *low)
{
	const Elf64_Phdr *s = segments(p), *end = s + header(p)->e_phnum;
	uint64_t high = 0;

	*low = UINT64_MAX;
	for (; s < end; s++) {
		if (s->p_type == PT_INTERP || s->p_type == PT_TLS)
			return -ENOEXEC;
		if (s->p_type != PT_LOAD || !s->p_memsz)
			continue;
		if (s->p_filesz > s->p_memsz || s->p_filesz > p->size ||
		    s->p_offset > p->size - s->p_filesz ||
		    s->p_vaddr + s->p_memsz < s->p_vaddr)
			return -ENOEXEC;
		if (s->p_vaddr < *low)
			*low = s->p_vaddr;
		if (s->p_vaddr + s->p_memsz > high)
			high = s->p_vaddr + s->p_memsz;
	}
	if (*low >= high || high > INT64_MAX - p->page)
		return -ENOEXEC;
	*low -= *low % p->page;
	p->len = (high - *low + p->page - 1) / p->page * p->page;
	return 0;
}

/* The relocations of section @i, if they are for memory of the program; or NULL. */
static const Elf64_Rela *relocations(const struct vsvm_program *p, size_t i, size_t *nr)
{
	const Elf64_Shdr *s = section(p, i);

	if (s->sh_type != SHT_RELA || s->sh_entsize != sizeof(Elf64_Rela) ||
	    s->sh_info >= header(p)->e_shnum ||
	    (s->sh_info && !(section(p, s->sh_info)->sh_flags & SHF_ALLOC)))
		return NULL;
	*nr = s->sh_size / sizeof(Elf64_Rela);
	return part(p, s->sh_offset, *nr, sizeof(Elf64_Rela));
}

/* Whether what a relocation refers to moves with the program. */
static bool refers_to_program(const struct vsvm_program *p, const Elf64_Rela *r)
{
	size_t symbol = ELF64_R_SYM(r->r_info);
	unsigned int where;

	if (symbol >= p->nr_symbols)
		return false;
	where = p->symbols[symbol].st_shndx;
	return where != SHN_UNDEF && where != SHN_ABS;
}

/* Whether the program can be anywhere: it says which of its words are addresses. */
static bool is_movable(const struct vsvm_program *p)
{
	bool tells = header(p)->e_type == ET_DYN;
	const Elf64_Rela *r;
	size_t i, j, nr;

	for (i = 0; i < header(p)->e_shnum; i++) {
		r = relocations(p, i, &nr);
		if (!r)
			continue;
		tells = true;
		for (j = 0; j < nr; j++)
			switch (ELF64_R_TYPE(r[j].r_info)) {
			case R_RISCV_32:
			case R_RISCV_HI20:
			case R_RISCV_LO12_I:
			case R_RISCV_LO12_S:
				if (refers_to_program(p, &r[j]))
					return false;
			}
	}
	return tells;
}

static int relocate(struct vsvm_program *p)
{
	uint64_t at, word;
	const Elf64_Rela *r;
	size_t i, j, nr;
	bool adds;

	for (i = 0; p->bias && i < header(p)->e_shnum; i++) {
		r = relocations(p, i, &nr);
		for (j = 0; r && j < nr; j++) {
			adds = ELF64_R_TYPE(r[j].r_info) == R_RISCV_64;
			if (adds ? !refers_to_program(p, &r[j]) :
				   ELF64_R_TYPE(r[j].r_info) != R_RISCV_RELATIVE)
				continue;
			at = r[j].r_offset + p->bias - (uintptr_t)p->mem;
			if (at > p->len - sizeof(word))
				return -ENOEXEC;
			memcpy(&word, p->mem + at, sizeof(word));
			word = (adds ? word : (uint64_t)r[j].r_addend) + p->bias;
			memcpy(p->mem + at, &word, sizeof(word));
		}
	}
	return 0;
}

/* Symbols are for who looks for them: without any, a program has only its beginning. */
static void find_symbols(struct vsvm_program *p)
{
	const Elf64_Shdr *s, *names;
	size_t i;

	for (i = 0; i < header(p)->e_shnum; i++) {
		s = section(p, i);
		if (s->sh_type != SHT_SYMTAB || s->sh_link >= header(p)->e_shnum ||
		    s->sh_entsize != sizeof(Elf64_Sym))
			continue;
		names = section(p, s->sh_link);
		if (names->sh_offset > p->size || !names->sh_size ||
		    names->sh_size > p->size - names->sh_offset ||
		    p->file[names->sh_offset + names->sh_size - 1])
			continue;
		p->symbols = part(p, s->sh_offset, s->sh_size / sizeof(Elf64_Sym),
				  sizeof(Elf64_Sym));
		p->nr_symbols = p->symbols ? s->sh_size / sizeof(Elf64_Sym) : 0;
		p->names = p->file + names->sh_offset;
		p->names_len = names->sh_size;
		return;
	}
}

/* Makes the pages of segments writable, or those of the others not. */
static int protect(const struct vsvm_program *p, bool writable)
{
	const Elf64_Phdr *s = segments(p), *end = s + header(p)->e_phnum;
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t from, to;

	for (; s < end; s++) {
		if (s->p_type != PT_LOAD || !s->p_memsz ||
		    writable != !!(s->p_flags & PF_W))
			continue;
		from = (s->p_vaddr + p->bias) / p->page * p->page;
		to = s->p_vaddr + p->bias + s->p_memsz;
		if (mprotect((void *)from, to - from, prot))
			return -errno;
	}
	return 0;
}

static int load(struct vsvm_program *p)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	const Elf64_Phdr *s, *end;
	bool movable;
	uint64_t low;
	void *mem;
	int ret;

	if (!is_program(p))
		return -ENOEXEC;
	ret = measure(p, &low);
	if (ret)
		return ret;
	find_symbols(p);
	movable = is_movable(p);
	mem = mmap(movable ? NULL : (void *)low, p->len, PROT_READ | PROT_WRITE,
		   movable ? flags : flags | MAP_FIXED_NOREPLACE, -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	p->mem = mem;
	p->bias = (uintptr_t)mem - low;
	end = segments(p) + header(p)->e_phnum;
	for (s = segments(p); s < end; s++)
		if (s->p_type == PT_LOAD)
			memcpy((char *)(s->p_vaddr + p->bias), p->file + s->p_offset,
			       s->p_filesz);
	ret = relocate(p);
	if (!ret)
		ret = protect(p, false);
	return ret ? ret : protect(p, true);
}

static int map_file(struct vsvm_program *p, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;
	struct stat st;
	void *file;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		ret = -errno;
	} else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr)) {
		ret = -ENOEXEC;
	} else {
		file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file == MAP_FAILED)
			ret = -errno;
		else
			p->file = file;
		p->size = st.st_size;
	}
	close(fd);
	return ret;
}

int vsvm_program_open(struct vsvm *v, const char *path, struct vsvm_program **out)
{
	struct vsvm_program *p = calloc(1, sizeof(*p));
	int ret;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->v = v;
	p->page = sysconf(_SC_PAGESIZE);
	ret = map_file(p, path);
	if (!ret)
		ret = load(p);
	if (ret) {
		vsvm_program_close(p);
		return ret;
	}
	*out = p;
	return 0;
}

void vsvm_program_close(struct vsvm_program *p)
{
	if (!p)
		return;
	if (p->mem)
		munmap(p->mem, p->len);
	if (p->file)
		munmap((void *)p->file, p->size);
	free(p);
}

static const char *name_of(const struct vsvm_program *p, const Elf64_Sym *s)
{
	return s->st_name < p->names_len ? p->names + s->st_name : "";
}

/* Whether a symbol is a place in memory that a program calls by name. */
static bool is_place(const Elf64_Sym *s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_OBJECT) && s->st_shndx != SHN_UNDEF &&
	       s->st_shndx != SHN_ABS;
}

void *vsvm_program_symbol(const struct vsvm_program *p, const char *name)
{
	const Elf64_Sym *s;

	for (s = p->symbols; s && s < p->symbols + p->nr_symbols; s++)
		if (is_place(s) && !strcmp(name_of(p, s), name))
			return (void *)(s->st_value + p->bias);
	return NULL;
}

int vsvm_program_find(const struct vsvm_program *p, uint64_t addr, const char **name,
		      uint64_t *offset, uint64_t *linked)
{
	const Elf64_Sym *s, *best = NULL;
	uint64_t in_file = addr - p->bias;

	if (addr - (uintptr_t)p->mem >= p->len)
		return -ENOENT;
	for (s = p->symbols; s && s < p->symbols + p->nr_symbols; s++)
		if (is_place(s) && in_file - s->st_value < s->st_size)
			best = s;
	*name = best ? name_of(p, best) : NULL;
	*offset = best ? in_file - best->st_value : 0;
	*linked = in_file;
	return 0;
}

/**
 * struct lane - a queue of a run
 * @queue: its number, or 0
 * @args: of its program
 * @fence: 1 when it is done
 * @result: what the program returned
 */
struct lane {
	uint32_t queue;
	uint64_t args[ARGS];
	uint64_t fence;
	uint64_t result;
};

/**
 * struct launch - a run
 * @p: the program
 * @lanes: its queues, in memory of their own
 * @nr: their number
 * @stacks: a stack for each, or NULL
 */
struct launch {
	const struct vsvm_program *p;
	struct lane *lanes;
	unsigned int nr;
	char *stacks;
};

static void *map_bytes(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static size_t stack_len(const struct launch *l)
{
	return STACK + l->p->page;
}

static int launch_begin(struct launch *l, const struct vsvm_program *p, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	*l = (struct launch) { .p = p, .nr = nr };
	l->lanes = map_bytes(QUEUES * sizeof(*l->lanes));
	l->stacks = map_bytes(nr * stack_len(l));
	if (!l->lanes || !l->stacks)
		return -ENOMEM;
	for (i = 0; !ret && i < nr; i++) {
		if (mprotect(l->stacks + i * stack_len(l), p->page, PROT_NONE))
			return -errno;
		ret = vsvm_queue_create(p->v, DRM_VSVM_PRIORITY_NORMAL, SLOTS,
					&l->lanes[i].queue);
	}
	return ret;
}

/* Returns when the device does nothing of it any more. */
static void launch_end(struct launch *l)
{
	unsigned int i;

	for (i = 0; l->lanes && i < l->nr; i++)
		if (l->lanes[i].queue)
			vsvm_queue_destroy(l->p->v, l->lanes[i].queue);
	if (l->stacks)
		munmap(l->stacks, l->nr * stack_len(l));
	if (l->lanes)
		munmap(l->lanes, QUEUES * sizeof(*l->lanes));
}

static int launch_lane(struct launch *l, unsigned int i, const void *code, uint64_t budget)
{
	struct lane *lane = &l->lanes[i];
	struct drm_vsvm_command job[] = {
		vsvm_cmd_run(code, l->stacks + (i + 1) * stack_len(l), lane->args, budget,
			     &lane->result),
		vsvm_cmd_signal(&lane->fence, 1, -1),
	};

	return vsvm_submit(l->p->v, lane->queue, job, ARRAY_SIZE(job), NULL);
}

/*
 * Waits for all, or until one is lost: WAIT ends with the queue that it names, and the queue
 * that is lost may be another one.
 */
static int launch_wait(struct launch *l, struct drm_vsvm_queue_status *status)
{
	struct drm_vsvm_queue_status ignored;
	unsigned int i, done = 0;
	int ret, err;

	for (i = 0; done < l->nr; i = (i + 1) % l->nr) {
		/* Alone, it has no other to look at. */
		ret = vsvm_wait(l->p->v, &l->lanes[i].fence, 1, ~0ULL, DRM_VSVM_WAIT_EQ,
				l->nr > 1 ? vsvm_deadline(LOOK_NS) : VSVM_NO_DEADLINE,
				l->lanes[i].queue);
		if (!ret) {
			done++;
		} else if (ret == -ETIME) {
			done = 0;
		} else {
			err = vsvm_queue_status(l->p->v, l->lanes[i].queue,
						status ? status : &ignored);
			return err ? err : ret;
		}
	}
	return 0;
}

int vsvm_program_run(struct vsvm_program *p, const char *function, void *arg,
		     uint64_t items, uint64_t budget, struct drm_vsvm_queue_status *status)
{
	void *begin = vsvm_program_symbol(p, "__vsvm_items");
	void *code = vsvm_program_symbol(p, function);
	unsigned int nr = items < QUEUES ? items : QUEUES, i;
	struct launch l;
	int ret;

	if (status)
		memset(status, 0, sizeof(*status));
	if (!begin || !code)
		return -ENOENT;
	if (!items)
		return 0;
	ret = launch_begin(&l, p, nr);
	for (i = 0; !ret && i < nr; i++) {
		l.lanes[i].args[0] = (uintptr_t)code;
		l.lanes[i].args[1] = (uintptr_t)arg;
		l.lanes[i].args[2] = items / nr * i + (items % nr < i ? items % nr : i);
		l.lanes[i].args[3] = items / nr * (i + 1) +
				     (items % nr < i + 1 ? items % nr : i + 1);
		l.lanes[i].args[4] = items;
		ret = launch_lane(&l, i, begin, budget);
	}
	if (!ret)
		ret = launch_wait(&l, status);
	launch_end(&l);
	return ret;
}

int vsvm_program_main(struct vsvm_program *p, uint64_t budget, int *result,
		      struct drm_vsvm_queue_status *status)
{
	struct launch l;
	int ret;

	if (status)
		memset(status, 0, sizeof(*status));
	ret = launch_begin(&l, p, 1);
	if (!ret)
		ret = launch_lane(&l, 0, (void *)(header(p)->e_entry + p->bias), budget);
	if (!ret)
		ret = launch_wait(&l, status);
	if (!ret)
		*result = l.lanes[0].result;
	launch_end(&l);
	return ret;
}
