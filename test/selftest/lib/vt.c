// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the vsvm selftests share, see vt.h. Memory and children that it makes end with
 * the test's process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vt.h"

#define PARAM_DIR "/sys/module/vsvm/parameters/"

/* How much goes through one READ or WRITE of the helpers. */
#define STEP	VT_MIB

int vt_wrong(const char *fmt, ...)
{
	char line[512];
	va_list args;

	/* One write, so that lines of several processes do not mix. */
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	fprintf(stderr, "# %s\n", line);
	return -1;
}

bool vt_bad(bool bad, const char *cond, const char *file, int line)
{
	const char *slash = strrchr(file, '/');

	if (bad)
		vt_wrong("%s:%d: %s, errno %d", slash ? slash + 1 : file, line,
			 cond, errno);
	return bad;
}

int vt_device_program(const char *name, char *path, size_t size)
{
	static const char *const folders[] = { "device", "../device" };
	char self[PATH_MAX] = "";
	size_t i;

	if (VT_BAD(readlink("/proc/self/exe", self, sizeof(self) - 1) < 0))
		return -1;
	*strrchr(self, '/') = 0;
	for (i = 0; i < VT_COUNT(folders); i++) {
		snprintf(path, size, "%s/%s/%s.elf", self, folders[i], name);
		if (!access(path, R_OK))
			return 0;
	}
	return vt_wrong("there is no program %s for the device beside %s", name, self);
}

void *vt_map(size_t len, enum vt_kind kind)
{
	int advice = kind == VT_LARGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
	uintptr_t start;
	char *whole;
	void *mem;

	/* The reservation stays around the memory as its guard. */
	whole = mmap(NULL, len + 2 * VT_HUGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (whole == MAP_FAILED) {
		vt_wrong("mmap of %#zx bytes: %s", len, strerror(errno));
		return NULL;
	}
	start = ((uintptr_t)whole + VT_HUGE) & ~(VT_HUGE - 1);
	if (start == (uintptr_t)whole)
		start += VT_HUGE;
	mem = mmap((void *)start, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		   -1, 0);
	if (mem == MAP_FAILED) {
		vt_wrong("mmap of %#zx bytes at %#lx: %s", len, start,
			 strerror(errno));
		return NULL;
	}
	if (madvise(mem, len, advice)) {
		vt_wrong("madvise: %s", strerror(errno));
		return NULL;
	}
	return mem;
}

void *vt_map_filled(struct vsvm *v, size_t len, enum vt_kind kind,
		    uint64_t seed)
{
	int order = kind == VT_LARGE ? VT_HUGE_ORDER : 0;
	void *mem = vt_map(len, kind);

	if (!mem)
		return NULL;
	vt_fill(mem, len, seed, 0);
	if (vt_all_in(v, mem, len, DRM_VSVM_PLACE_SYSTEM, order))
		return NULL;
	return mem;
}

int vt_open_filled(struct vsvm **v, char **mem, size_t len, enum vt_kind kind,
		   uint64_t seed, bool on_device)
{
	int ret = vsvm_open(0, v);

	if (ret)
		return vt_wrong("open of device 0: %s", strerror(-ret));
	*mem = vt_map_filled(*v, len, kind, seed);
	if (!*mem)
		return -1;
	return on_device ? vt_to_device(*v, *mem, len) : 0;
}

static inline uint64_t pattern_word(uint64_t seed, size_t index)
{
	uint64_t x = (seed * 0x100000001b3ULL + index + 1) *
		     0x9e3779b97f4a7c15ULL;

	return x ^ (x >> 29);
}

static inline unsigned char pattern_byte(uint64_t seed, size_t off)
{
	return pattern_word(seed, off / 8) >> (off % 8 * 8);
}

void vt_fill(void *mem, size_t len, uint64_t seed, size_t off)
{
	unsigned char *p = mem;
	size_t i = 0;
	uint64_t word;

	for (; i < len && (off + i) % 8; i++)
		p[i] = pattern_byte(seed, off + i);
	for (; i + 8 <= len; i += 8) {
		word = pattern_word(seed, (off + i) / 8);
		memcpy(p + i, &word, 8);
	}
	for (; i < len; i++)
		p[i] = pattern_byte(seed, off + i);
}

static int check_one(const unsigned char *p, size_t i, unsigned char want)
{
	unsigned char is = __atomic_load_n(&p[i], __ATOMIC_RELAXED);

	if (is == want)
		return 0;
	return vt_wrong("byte %#zx is %02x, should be %02x", i, is, want);
}

int vt_check(const void *mem, size_t len, uint64_t seed, size_t off)
{
	const unsigned char *p = mem;
	size_t i = 0, j;
	uint64_t word;

	for (; i < len && (off + i) % 8; i++)
		if (check_one(p, i, pattern_byte(seed, off + i)))
			return -1;
	for (; i + 8 <= len; i += 8) {
		memcpy(&word, p + i, 8);
		if (word == pattern_word(seed, (off + i) / 8))
			continue;
		for (j = i; j < i + 8; j++)
			if (check_one(p, j, pattern_byte(seed, off + j)))
				return -1;
		return vt_wrong("byte %#zx changed while it was looked at", i);
	}
	for (; i < len; i++)
		if (check_one(p, i, pattern_byte(seed, off + i)))
			return -1;
	return 0;
}

int vt_check_byte(const void *mem, size_t len, unsigned char byte)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (check_one(mem, i, byte))
			return -1;
	return 0;
}

int vt_dev_fill(struct vsvm *v, void *mem, size_t len, uint64_t seed,
		size_t off)
{
	size_t at, now, done;
	void *buf;
	int ret = 0;

	buf = malloc(STEP);
	if (!buf)
		return vt_wrong("no memory");
	for (at = 0; at < len && !ret; at += now) {
		now = len - at < STEP ? len - at : STEP;
		vt_fill(buf, now, seed, off + at);
		done = 0;
		ret = vsvm_write(v, (char *)mem + at, buf, now, &done);
		if (ret)
			vt_wrong("device write at %#zx: %s after %#zx bytes", at,
				 strerror(-ret), done);
		else if (done != now)
			ret = vt_wrong("device wrote %zu of %zu bytes", done, now);
	}
	free(buf);
	return ret;
}

/* Read by the device and compare: with @byte, or with the pattern if < 0. */
static int dev_check(struct vsvm *v, const void *mem, size_t len, int byte,
		     uint64_t seed, size_t off)
{
	size_t at, now, done;
	void *buf;
	int ret = 0;

	buf = malloc(STEP);
	if (!buf)
		return vt_wrong("no memory");
	for (at = 0; at < len && !ret; at += now) {
		now = len - at < STEP ? len - at : STEP;
		/* Not what should come: a read that copies nothing shows. */
		memset(buf, byte < 0 ? 0x5a : ~byte, now);
		done = 0;
		ret = vsvm_read(v, (const char *)mem + at, buf, now, &done);
		if (ret)
			vt_wrong("device read at %#zx: %s after %#zx bytes", at,
				 strerror(-ret), done);
		else if (done != now)
			ret = vt_wrong("device read %zu of %zu bytes", done, now);
		else if (byte < 0)
			ret = vt_check(buf, now, seed, off + at);
		else
			ret = vt_check_byte(buf, now, byte);
	}
	free(buf);
	return ret;
}

int vt_dev_check(struct vsvm *v, const void *mem, size_t len, uint64_t seed,
		 size_t off)
{
	return dev_check(v, mem, len, -1, seed, off);
}

int vt_dev_check_byte(struct vsvm *v, const void *mem, size_t len,
		      unsigned char byte)
{
	return dev_check(v, mem, len, byte, 0, 0);
}

/* One SNAPSHOT that must make progress; the runs must follow each other. */
static int snapshot_some(struct vsvm *v, uint64_t at, uint64_t end,
			 struct drm_vsvm_run *runs, uint32_t *nr,
			 uint64_t *next)
{
	uint64_t follow = at;
	uint32_t i;
	int ret;

	*next = 0;
	ret = vsvm_snapshot(v, (void *)(uintptr_t)at, end - at, runs, nr, next);
	if (ret)
		return vt_wrong("snapshot of %#llx: %s", (unsigned long long)at,
				strerror(-ret));
	for (i = 0; i < *nr; i++) {
		if (runs[i].start != follow || !runs[i].count)
			return vt_wrong("run %u begins at %#llx, not at %#llx", i,
					(unsigned long long)runs[i].start,
					(unsigned long long)follow);
		follow += runs[i].count * VT_PAGE;
	}
	if (*next != follow || follow <= at || follow > end)
		return vt_wrong("snapshot ends at %#llx, its runs at %#llx",
				(unsigned long long)*next,
				(unsigned long long)follow);
	return 0;
}

static int run_order(const struct drm_vsvm_run *run)
{
	return (run->state & DRM_VSVM_STATE_ORDER) >>
	       DRM_VSVM_STATE_ORDER_SHIFT;
}

static uint32_t run_place(const struct drm_vsvm_run *run)
{
	return run->state & DRM_VSVM_STATE_PLACE;
}

static const char *place_name(uint32_t place)
{
	const char *name = vsvm_place_name(place);

	return name ? name : "?";
}

int vt_all_in(struct vsvm *v, const void *mem, size_t len, uint32_t place,
	      int order)
{
	uint64_t at = (uintptr_t)mem, end = at + len, next;
	struct drm_vsvm_run runs[64];
	uint32_t nr, i;

	for (; at < end; at = next) {
		nr = 64;
		if (snapshot_some(v, at, end, runs, &nr, &next))
			return -1;
		for (i = 0; i < nr; i++) {
			if (run_place(&runs[i]) == place &&
			    (order < 0 || run_order(&runs[i]) == order))
				continue;
			return vt_wrong("%llu pages at +%#llx: %s, order %d, not %s, order %d",
					(unsigned long long)runs[i].count,
					(unsigned long long)runs[i].start -
					(uintptr_t)mem,
					place_name(run_place(&runs[i])),
					run_order(&runs[i]), place_name(place),
					order);
		}
	}
	return 0;
}

long vt_bytes_in(struct vsvm *v, const void *mem, size_t len, uint32_t place)
{
	uint64_t at = (uintptr_t)mem, end = at + len, next, pages = 0;
	struct drm_vsvm_run runs[64];
	uint32_t nr, i;

	for (; at < end; at = next) {
		nr = 64;
		if (snapshot_some(v, at, end, runs, &nr, &next))
			return -1;
		for (i = 0; i < nr; i++)
			if (run_place(&runs[i]) == place)
				pages += runs[i].count;
	}
	return pages * VT_PAGE;
}

uint32_t vt_state(struct vsvm *v, const void *page)
{
	uint64_t at = (uintptr_t)page, next;
	struct drm_vsvm_run run;
	uint32_t nr = 1;

	if (snapshot_some(v, at, at + VT_PAGE, &run, &nr, &next))
		return ~0U;
	return run.state;
}

int vt_place(struct vsvm *v, const void *page)
{
	uint32_t state = vt_state(v, page);

	return state == ~0U ? -1 : (int)(state & DRM_VSVM_STATE_PLACE);
}

int vt_all_have(struct vsvm *v, const void *mem, size_t len, uint32_t mask,
		uint32_t want)
{
	uint64_t at = (uintptr_t)mem, end = at + len;
	struct drm_vsvm_run runs[64];
	struct drm_vsvm_snapshot snap;
	uint32_t i;
	int ret;

	for (; at < end; at = snap.next) {
		snap = (struct drm_vsvm_snapshot){
			.addr = at,
			.len = end - at,
			.runs = (uintptr_t)runs,
			.nr_runs = 64,
			.flags = DRM_VSVM_SNAPSHOT_TABLE,
		};
		ret = vt_ioctl(vsvm_fd(v), DRM_IOCTL_VSVM_SNAPSHOT, &snap);
		if (ret || snap.next <= at)
			return vt_wrong("snapshot: %s", strerror(-ret));
		for (i = 0; i < snap.nr_runs; i++) {
			if ((runs[i].state & mask) == want)
				continue;
			return vt_wrong("%llu pages at +%#llx: state %#x, not %#x of %#x",
					(unsigned long long)runs[i].count,
					(unsigned long long)runs[i].start -
					(uintptr_t)mem, runs[i].state, want, mask);
		}
	}
	return 0;
}

uint64_t vt_used(struct vsvm *v)
{
	struct drm_vsvm_info info = {};
	int ret = vsvm_info(v, &info);

	if (ret) {
		vt_wrong("info: %s", strerror(-ret));
		return ~0ULL;
	}
	return info.vram_used;
}

bool vt_used_becomes(struct vsvm *v, uint64_t used)
{
	int i;

	for (i = 0; i < 1200; i++) {
		if (vt_used(v) == used)
			return true;
		usleep(50000);
	}
	vt_wrong("%#llx bytes of the device stay in use, not %#llx",
		 (unsigned long long)vt_used(v), (unsigned long long)used);
	return false;
}

uint64_t vt_stayed(const struct drm_vsvm_migrate *result)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < DRM_VSVM_STAY_MAX; i++)
		sum += result->stayed[i];
	return sum;
}

int vt_migrate(struct vsvm *v, void *mem, size_t len, uint32_t target,
	       uint32_t flags, struct drm_vsvm_migrate *result)
{
	struct drm_vsvm_migrate own;
	uint64_t sum, want;
	int ret;

	if (!result)
		result = &own;
	memset(result, 0, sizeof(*result));
	ret = vsvm_migrate(v, mem, len, target, flags, result);
	sum = result->moved + result->there + result->absent +
	      vt_stayed(result);
	want = ret ? result->next - (uintptr_t)mem : len;
	if (sum != want ||
	    (!ret && result->next != (uintptr_t)mem + len)) {
		vt_wrong("migrate gave %d, next +%#llx, and counts %#llx of %#zx bytes",
			 ret, (unsigned long long)(result->next - (uintptr_t)mem),
			 (unsigned long long)sum, len);
		return -EPROTO;
	}
	return ret;
}

static int move_all(struct vsvm *v, void *mem, size_t len, uint32_t target,
		    uint32_t place)
{
	struct drm_vsvm_migrate result;
	const char *name;
	int ret, i;

	ret = vt_migrate(v, mem, len, target, 0, &result);
	if (ret)
		return vt_wrong("migrate: %s", strerror(-ret));
	for (i = 0; i < DRM_VSVM_STAY_MAX; i++) {
		name = vsvm_stay_name(i);
		if (result.stayed[i])
			vt_wrong("%#llx bytes stayed: %s",
				 (unsigned long long)result.stayed[i],
				 name ? name : "?");
	}
	if (result.moved + result.there != len)
		return vt_wrong("only %#llx of %#zx bytes are there now",
				(unsigned long long)(result.moved + result.there),
				len);
	return vt_all_in(v, mem, len, place, VT_ANY_ORDER);
}

int vt_to_device(struct vsvm *v, void *mem, size_t len)
{
	return move_all(v, mem, len, DRM_VSVM_TARGET_DEVICE,
			DRM_VSVM_PLACE_DEVICE);
}

int vt_to_system(struct vsvm *v, void *mem, size_t len)
{
	return move_all(v, mem, len, DRM_VSVM_TARGET_SYSTEM,
			DRM_VSVM_PLACE_SYSTEM);
}

int vt_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

int vt_start(struct vt_child *c, int (*fn)(struct vt_child *c, void *arg),
	     void *arg)
{
	int down[2], up[2];

	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		return vt_wrong("pipe: %s", strerror(errno));
	fflush(stdout);
	fflush(stderr);
	c->pid = fork();
	if (c->pid < 0)
		return vt_wrong("fork: %s", strerror(errno));
	if (!c->pid) {
		close(down[1]);
		close(up[0]);
		c->in = down[0];
		c->out = up[1];
		/* The other side's death must not look like our own fault. */
		signal(SIGPIPE, SIG_IGN);
		_exit(fn(c, arg) & 0xff);
	}
	close(down[0]);
	close(up[1]);
	c->in = up[0];
	c->out = down[1];
	return 0;
}

int vt_say(struct vt_child *c)
{
	return write(c->out, "+", 1) == 1 ? 0 :
	       vt_wrong("the other process does not listen");
}

int vt_hear(struct vt_child *c)
{
	char byte;
	ssize_t n;

	do {
		n = read(c->in, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : vt_wrong("the other process ended early");
}

int vt_wait(struct vt_child *c)
{
	int status;

	close(c->out);
	close(c->in);
	while (waitpid(c->pid, &status, 0) != c->pid)
		if (errno != EINTR)
			return vt_wrong("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int vt_run(int (*fn)(struct vt_child *c, void *arg), void *arg)
{
	struct vt_child c;

	if (vt_start(&c, fn, arg))
		return -1;
	return vt_wait(&c);
}

long vt_file_get(const char *path)
{
	FILE *f = fopen(path, "re");
	long value;
	int n;

	if (!f)
		return vt_wrong("%s: %s", path, strerror(errno));
	n = fscanf(f, "%ld", &value);
	fclose(f);
	return n == 1 ? value : vt_wrong("%s: no number", path);
}

int vt_file_set(const char *path, long value)
{
	FILE *f = fopen(path, "we");
	int ret;

	if (!f)
		return vt_wrong("%s: %s", path, strerror(errno));
	ret = fprintf(f, "%ld\n", value) < 0 ? -1 : 0;
	if (fclose(f))
		ret = -1;
	return ret ? vt_wrong("%s: %s", path, strerror(errno)) : 0;
}

int vt_file_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return vt_wrong("%s: %s", path, strerror(errno));
	n = write(fd, text, len);
	if (n != (ssize_t)len)
		vt_wrong("%s: %s", path, strerror(errno));
	close(fd);
	return n == (ssize_t)len ? 0 : -1;
}

int vt_module_get(struct vt_module *m)
{
	long devices = vt_file_get(PARAM_DIR "devices");
	long vram_mib = vt_file_get(PARAM_DIR "vram_mib");

	if (devices <= 0 || vram_mib <= 0)
		return vt_wrong("cannot read the parameters of the module");
	m->devices = devices;
	m->vram_mib = vram_mib;
	return 0;
}

bool vt_module_loaded(void)
{
	return !access("/sys/module/vsvm", F_OK);
}

int vt_module_load(unsigned int devices, unsigned int vram_mib)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "${VSVM_MODPROBE:-modprobe} vsvm devices=%u vram_mib=%u", devices, vram_mib);
	if (system(command))
		return vt_wrong("failed: %s", command);
	return vt_module_loaded() ? 0 : vt_wrong("vsvm is not there after modprobe");
}

int vt_module_open(void)
{
	const char *path = getenv("VSVM_MODULE");
	struct utsname host;
	char installed[PATH_MAX];

	if (!path) {
		if (uname(&host))
			return -1;
		snprintf(installed, sizeof(installed),
			 "/lib/modules/%s/updates/vsvm.ko", host.release);
		path = installed;
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

int vt_module_unload(void)
{
	if (syscall(SYS_delete_module, "vsvm", O_NONBLOCK))
		return -errno;
	return 0;
}

ssize_t vt_file_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	while (len < room - 1) {
		n = read(fd, text + len, room - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = 0;
	return n < 0 ? -errno : (ssize_t)len;
}

const char *vt_next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end && end[1] ? end + 1 : NULL;
}

int vt_send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -1;
}

int vt_receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}
