// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vt_conform.h"

/* Above what any image does: at least c->insns. A loop that does not end is an error. */
#define BUDGET(c)	(16 * (c)->insns + 1000000)
#define QEMU_SECONDS	300

/* System calls of Linux on RISC-V. */
#define A7		17
#define NR_WRITE	64
#define NR_EXIT		93

/* The headers are a page of the file, and not of memory. */
#define FILE_OFFSET	VT_PAGE
#define PATH_SIZE	64

void vt_conform_patch(struct vt_conform *c, size_t at, uint32_t insn)
{
	memcpy(c->image + at, &insn, (insn & 3) == 3 ? 4 : 2);
}

void vt_conform_put(struct vt_conform *c, uint32_t insn)
{
	if (c->at + sizeof(insn) > VT_IMAGE_SIZE) {
		fprintf(stderr, "# the image is too small\n");
		abort();
	}
	vt_conform_patch(c, c->at, insn);
	c->at += (insn & 3) == 3 ? 4 : 2;
	c->insns += c->weight;
}

void vt_conform_li(struct vt_conform *c, unsigned int rd, uint32_t value)
{
	VT_PUT(c, LUI(rd, (value + 0x800) >> 12), ADDIW(rd, rd, value & 0xfff));
}

void vt_conform_la(struct vt_conform *c, unsigned int rd, size_t offset)
{
	vt_conform_li(c, rd, VT_IMAGE + offset);
}

static size_t record(unsigned int program)
{
	return VT_RECORDS + program * VT_RECORD_SIZE;
}

void vt_conform_begin(struct vt_conform *c, unsigned int link, const uint64_t *x)
{
	size_t at = record(c->programs);
	unsigned int i;

	if (c->programs >= VT_MAX_PROGRAMS) {
		fprintf(stderr, "# the image has too many programs\n");
		abort();
	}
	c->weight = 1;
	c->code[c->programs] = c->at;
	memcpy(c->image + at, x, 32 * sizeof(*x));
	vt_conform_la(c, link, at);
	for (i = 1; i < 32; i++)
		if (i != link)
			VT_PUT(c, LOAD_AT(LD, i, link, 8 * i));
}

void vt_conform_end(struct vt_conform *c, unsigned int link)
{
	unsigned int i;

	vt_conform_la(c, link, record(c->programs));
	for (i = 0; i < 32; i++)
		VT_PUT(c, STORE_AT(SD, i, link, 256 + 8 * i));
	c->programs++;
}

uint64_t vt_conform_number(struct vt_conform *c)
{
	uint64_t one = 1ULL << vt_conform_draw(c, 64), any = vt_conform_draw(c, ~0ULL);

	switch (vt_conform_draw(c, 6)) {
	case 0:
		return vt_conform_draw(c, 4);
	case 1:
		return one - vt_conform_draw(c, 3);
	case 2:
		return -one + vt_conform_draw(c, 3);
	case 3:
		return (uint64_t)(int64_t)(int32_t)any;
	default:
		return any;
	}
}

/* Makes the image anew, with the first programs of a seed. */
static void build(struct vt_conform *c, uint64_t seed, vt_conform_fn fn,
		  unsigned int programs)
{
	size_t len_at, end;

	memset(c->image, 0, VT_IMAGE_SIZE);
	c->seed = seed;
	c->dice.state = seed;
	c->at = VT_CODE;
	c->data = VT_RESULTS;
	c->programs = 0;
	c->wanted = programs;
	c->insns = 0;
	vt_fill(c->image + VT_SCRATCH, VT_SCRATCH_SIZE, seed, 0);
	fn(c);
	c->weight = 0;
	vt_conform_li(c, A0, 1);
	vt_conform_la(c, A1, 0);
	len_at = c->at;
	vt_conform_li(c, A2, 0);
	VT_PUT(c, ADDI(A7, ZERO, NR_WRITE), ECALL);
	VT_PUT(c, ADDI(A0, ZERO, 0), ADDI(A7, ZERO, NR_EXIT), ECALL);
	end = c->at;
	c->at = len_at;
	vt_conform_li(c, A2, end);
	c->at = end;
}

static int save(const struct vt_conform *c, const char *path)
{
	const Elf64_Ehdr header = {
		.e_ident = {
			ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT,
		},
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = VT_IMAGE + VT_CODE,
		.e_phoff = sizeof(header),
		.e_flags = EF_RISCV_RVC,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	const Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = FILE_OFFSET,
		.p_vaddr = VT_IMAGE,
		.p_paddr = VT_IMAGE,
		.p_filesz = c->at,
		.p_memsz = c->at,
		.p_align = VT_PAGE,
	};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	bool bad;

	bad = fd < 0 ||
	      pwrite(fd, &header, sizeof(header), 0) != sizeof(header) ||
	      pwrite(fd, &segment, sizeof(segment), sizeof(header)) != sizeof(segment) ||
	      pwrite(fd, c->image, c->at, FILE_OFFSET) != (ssize_t)c->at;
	if (fd >= 0)
		close(fd);
	return bad ? vt_wrong("%s: %m", path) : 0;
}

static size_t read_all(int fd, char *to, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, to + done, len - done);
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

/* The image as it is after qemu, to c->other. */
static int run_qemu(struct vt_conform *c, const char *path)
{
	int fds[2], status;
	size_t done;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return vt_wrong("pipe: %m");
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		alarm(QEMU_SECONDS);
		execlp(VT_QEMU, VT_QEMU, path, NULL);
		_exit(127);
	}
	close(fds[1]);
	done = read_all(fds[0], c->other, c->at);
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return vt_wrong("fork: %m");
	if (status || done != c->at)
		return vt_wrong("qemu: status %#x, %zu of %zu bytes", status, done, c->at);
	return 0;
}

/* Puts the pages where the device is to find them. */
static int place_pages(struct vsvm *v, size_t len, enum vt_conform_place place)
{
	const struct drm_vsvm_advice moves = {
		.on_fault = DRM_VSVM_ON_FAULT_MIGRATE,
	};
	const struct drm_vsvm_advice stays = {
		.on_fault = DRM_VSVM_ON_FAULT_IN_PLACE,
	};
	size_t at, piece = 3 * VT_PAGE;
	int ret;

	ret = vsvm_advise_file(v, DRM_VSVM_ADVISE_ON_FAULT,
			       place == VT_CONFORM_MOVES ? &moves : &stays);
	for (at = 0; !ret && place == VT_CONFORM_HALF && at + piece <= len; at += 2 * piece)
		ret = vt_migrate(v, (void *)(VT_IMAGE + at), piece,
				 DRM_VSVM_TARGET_DEVICE, 0, NULL);
	return ret ? vt_wrong("pages of the image: %s", strerror(-ret)) : 0;
}

/*
 * Were they there? CPUs have not touched them since. Nobody knows how many there are: core
 * mm may give up those that are zero when it splits a huge page.
 */
static int check_pages(struct vsvm *v, size_t len, enum vt_conform_place place)
{
	long there;

	len = (len + VT_PAGE - 1) & ~(VT_PAGE - 1);
	there = vt_bytes_in(v, (void *)VT_IMAGE, len, DRM_VSVM_PLACE_DEVICE);
	if (place == VT_CONFORM_SYSTEM ? there != 0 : there < (long)VT_SCRATCH_SIZE / 4)
		return vt_wrong("%ld of %zu bytes are on the device", there, len);
	return 0;
}

/* The image as it is after RUN, at its address. */
static int run_device(struct vt_conform *c, struct vsvm *v, enum vt_conform_place place)
{
	const void *start = (const void *)(VT_IMAGE + VT_CODE);
	struct drm_vsvm_queue_status s;
	struct vt_queue q;
	int ret;

	if (place_pages(v, c->at, place) || vt_queue_make(&q, v, 4))
		return -1;
	ret = vt_do_one(&q, vsvm_cmd_run(start, NULL, NULL, BUDGET(c), NULL));
	if (ret && !vt_queue_status(&q, &s))
		vt_wrong("the program counter is %#llx", (unsigned long long)s.pc);
	munmap(q.fence, VT_PAGE);
	if (vsvm_queue_destroy(v, q.id) || ret)
		return -1;
	return check_pages(v, c->at, place);
}

/* What is at an offset of the image. */
static void tell(const struct vt_conform *c, size_t at)
{
	unsigned int program = c->programs - 1, i;
	uint64_t qemu, device;
	size_t n = at;

	at &= ~7UL;
	memcpy(&qemu, c->other + at, sizeof(qemu));
	memcpy(&device, (char *)(VT_IMAGE + at), sizeof(device));
	if (n >= record(0) && n < record(VT_MAX_PROGRAMS)) {
		program = (n - record(0)) / VT_RECORD_SIZE;
		vt_wrong("program %u: x%zu is %#llx on the device and %#llx in qemu", program,
			 (n - record(program)) / 8 % 32, (unsigned long long)device,
			 (unsigned long long)qemu);
	} else {
		vt_wrong("program %u: at %#lx is %#llx on the device and %#llx in qemu",
			 program, VT_IMAGE + at, (unsigned long long)device,
			 (unsigned long long)qemu);
	}
	vt_wrong("its code is from %#lx to %#lx; behind the loads of registers:",
		 VT_IMAGE + c->code[program], VT_IMAGE +
		 (program + 1 < c->programs ? c->code[program + 1] : c->at));
	for (i = 0; i < 6; i++) {
		const uint16_t *p = (void *)(c->image + c->code[program] + 128 + 16 * i);

		vt_wrong("%04x %04x %04x %04x %04x %04x %04x %04x", p[0], p[1], p[2],
			 p[3], p[4], p[5], p[6], p[7]);
	}
}

/* Runs an image in both ways: 0; 1: they are different; -1: one did not get to the end. */
static int try(struct vt_conform *c, struct vsvm *v, enum vt_conform_place place,
	       const char *path, bool last)
{
	struct vsvm_program *p;
	size_t at;
	int ret;

	if (save(c, path) || run_qemu(c, path))
		return -1;
	ret = vsvm_program_open(v, path, &p);
	if (ret)
		return vt_wrong("%s: %s", path, strerror(-ret));
	ret = run_device(c, v, place);
	if (!ret && memcmp(c->other, (void *)VT_IMAGE, c->at)) {
		ret = 1;
		for (at = 0; c->other[at] == ((char *)VT_IMAGE)[at]; at++)
			;
		if (last)
			tell(c, at);
	}
	vsvm_program_close(p);
	return ret;
}

/* The smallest number of programs that makes a difference; @bad of them do. */
static void find_first(struct vt_conform *c, struct vsvm *v, enum vt_conform_place place,
		       const char *path, vt_conform_fn fn, unsigned int bad)
{
	unsigned int good = 0, half;
	uint64_t seed = c->seed;

	while (bad - good > 1) {
		half = good + (bad - good) / 2;
		build(c, seed, fn, half);
		if (try(c, v, place, path, false))
			bad = half;
		else
			good = half;
	}
	build(c, seed, fn, bad);
	try(c, v, place, path, true);
	vt_wrong("the first that makes a difference is program %u of seed %llu", bad - 1,
		 (unsigned long long)seed);
}

int vt_conform_run(struct vt_conform *c, struct vsvm *v, enum vt_conform_place place,
		   uint64_t seed, vt_conform_fn fn, unsigned int programs)
{
	char path[PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), "/tmp/vsvm-conform.%d", getpid());
	c->image = malloc(VT_IMAGE_SIZE);
	c->other = malloc(VT_IMAGE_SIZE);
	if (!c->image || !c->other)
		return vt_wrong("malloc: %m");
	build(c, seed, fn, programs);
	ret = try(c, v, place, path, false);
	if (ret > 0)
		vt_wrong("seed %llu makes a difference", (unsigned long long)seed);
	if (ret)
		find_first(c, v, place, path, fn, c->programs);
	unlink(path);
	free(c->image);
	free(c->other);
	return ret;
}
