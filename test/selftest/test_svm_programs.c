// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that other people's tests of shared virtual memory have, written anew with programs
 * for the device. Each test names its ancestor: those of the OpenCL conformance tests are
 * in test_conformance/SVM there, fine-grained system memory; the last one is a sample of
 * the CUDA toolkit. Each is done with memory in place, on the device when it begins, and
 * moving when the device faults.
 */
#include <pthread.h>
#include <string.h>

#include <kselftest_harness.h>

#include "svm_programs.h"
#include "vt.h"
#include "vt_fixture.h"

#define BUDGET	(1ULL << 32)
#define DEVICES	2
#define HEAP	VT_HUGE

FIXTURE(svm)
{
	struct vsvm *v[DEVICES];
	struct vsvm_program *p[DEVICES];
	char *heap;
	size_t taken;
};

FIXTURE_VARIANT(svm)
{
	bool starts_there;
	bool moves;
};

FIXTURE_VARIANT_ADD(svm, in_place)
{
};

FIXTURE_VARIANT_ADD(svm, on_the_device)
{
	.starts_there = true,
};

FIXTURE_VARIANT_ADD(svm, moving)
{
	.moves = true,
};

FIXTURE_SETUP(svm)
{
	const struct drm_vsvm_advice advice = {
		.on_fault = variant->moves ? DRM_VSVM_ON_FAULT_MIGRATE :
					     DRM_VSVM_ON_FAULT_IN_PLACE,
	};
	char path[256];
	int i;

	ASSERT_EQ(0, vt_device_program("svm", path, sizeof(path)));
	self->heap = vt_map(HEAP, VT_SMALL);
	ASSERT_NE(NULL, self->heap);
	memset(self->heap, 0, HEAP);
	for (i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, vsvm_open(i, &self->v[i]));
		ASSERT_EQ(0, vsvm_program_open(self->v[i], path, &self->p[i]));
		ASSERT_EQ(0, vsvm_advise_file(self->v[i], DRM_VSVM_ADVISE_ON_FAULT,
					      &advice));
	}
}

FIXTURE_TEARDOWN(svm)
{
	int i;

	for (i = 0; i < DEVICES; i++) {
		vsvm_program_close(self->p[i]);
		vsvm_close(self->v[i]);
	}
}

/* Zeroed memory; with a page of its own, or not. */
static void *take(FIXTURE_DATA(svm) *self, size_t bytes, size_t align)
{
	size_t at = (self->taken + align - 1) / align * align;

	if (at + bytes > HEAP) {
		vt_wrong("the heap is full");
		exit(KSFT_FAIL);
	}
	self->taken = at + bytes;
	return self->heap + at;
}

static int goes_there(FIXTURE_DATA(svm) *self, const FIXTURE_VARIANT(svm) *variant)
{
	struct drm_vsvm_migrate result;

	return !variant->starts_there ? 0 :
	       vsvm_migrate(self->v[0], self->heap, HEAP, DRM_VSVM_TARGET_DEVICE, 0, &result);
}

static int run(FIXTURE_DATA(svm) *self, int device, const char *name, const void *arg,
	       uint64_t items)
{
	struct drm_vsvm_queue_status s;
	int ret = vsvm_program_run(self->p[device], name, (void *)arg, items, BUDGET, &s);

	if (ret)
		return vt_wrong("%s on device %d: %d, error %u, pc %#llx, address %#llx", name,
				device, ret, s.error, (unsigned long long)s.pc,
				(unsigned long long)s.addr);
	return 0;
}

/* A device that works while the CPU does. */
struct work {
	FIXTURE_DATA(svm) *self;
	pthread_t thread;
	int device;
	const char *name;
	const void *arg;
	uint64_t items;
	int ret;
};

static void *works(void *arg)
{
	struct work *w = arg;

	w->ret = run(w->self, w->device, w->name, w->arg, w->items);
	return NULL;
}

static int begin(struct work *w, FIXTURE_DATA(svm) *self, int device, const char *name,
		 const void *arg, uint64_t items)
{
	*w = (struct work) {
		.self = self,
		.device = device,
		.name = name,
		.arg = arg,
		.items = items,
	};
	return pthread_create(&w->thread, NULL, works, w);
}

static int end(struct work *w)
{
	pthread_join(w->thread, NULL);
	return w->ret;
}

#define LISTS	64
#define LENGTH	64

static struct svm_lists *make_lists(FIXTURE_DATA(svm) *self)
{
	struct svm_lists *l = take(self, sizeof(*l), 8);

	*l = (struct svm_lists) {
		.nodes = take(self, LISTS * LENGTH * sizeof(*l->nodes), 8),
		.heads = take(self, LISTS * sizeof(*l->heads), 8),
		.length = LENGTH,
	};
	return l;
}

static int cpu_checks(const struct svm_lists *l)
{
	const struct svm_node *node;
	uint64_t i, position;

	for (i = 0; i < LISTS; i++) {
		position = 0;
		for (node = l->heads[i]; node; node = node->next, position++)
			if (VT_BAD(node->list != i || node->position != position))
				return -1;
		if (VT_BAD(position != LENGTH))
			return -1;
	}
	return 0;
}

static void cpu_makes(struct svm_lists *l)
{
	struct svm_node *node;
	uint64_t i, j;

	for (i = 0; i < LISTS; i++) {
		l->heads[i] = NULL;
		for (j = LENGTH; j-- > 0;) {
			node = &l->nodes[j * LISTS + i];
			*node = (struct svm_node) { i, j, l->heads[i] };
			l->heads[i] = node;
		}
	}
}

/* After test_shared_address_space_fine_grain.cpp: the CPU makes lists for the device. */
TEST_F_TIMEOUT(svm, lists_of_the_cpu, VT_LONG)
{
	struct svm_lists *l = make_lists(self);
	int i;

	cpu_makes(l);
	ASSERT_EQ(0, goes_there(self, variant));
	for (i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, run(self, i, "check_list", l, LISTS));
	ASSERT_EQ(0, l->wrong);
	l->heads[3]->next->position = 9;
	ASSERT_EQ(0, run(self, 0, "check_list", l, LISTS));
	ASSERT_EQ(1, l->wrong);
}

/* The same the other way round: a device makes them, for the CPU and the other device. */
TEST_F_TIMEOUT(svm, lists_of_the_device, VT_LONG)
{
	struct svm_lists *l = make_lists(self);
	int i;

	ASSERT_EQ(0, goes_there(self, variant));
	for (i = 0; i < DEVICES; i++) {
		memset(l->nodes, 0, LISTS * LENGTH * sizeof(*l->nodes));
		ASSERT_EQ(0, run(self, i, "make_list", l, LISTS));
		ASSERT_EQ(0, run(self, !i, "check_list", l, LISTS));
		ASSERT_EQ(0, l->wrong);
		ASSERT_EQ(0, cpu_checks(l));
	}
}

#define BYTES	(3 * VT_PAGE + 5)

/*
 * After test_byte_granularity.cpp: two devices and the CPU change neighbouring bytes at the
 * same time, and nobody's byte is lost.
 */
TEST_F_TIMEOUT(svm, bytes_beside_each_other, VT_LONG)
{
	struct svm_bytes *b = take(self, (DEVICES + 1) * sizeof(*b), VT_PAGE);
	volatile unsigned char *bytes = take(self, BYTES, VT_PAGE);
	struct work w[DEVICES];
	size_t round, i;

	for (i = 0; i <= DEVICES; i++)
		b[i] = (struct svm_bytes) {
			.bytes = (unsigned char *)bytes,
			.len = BYTES,
			.owner = i,
			.owners = DEVICES + 1,
		};
	ASSERT_EQ(0, goes_there(self, variant));
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < DEVICES; i++)
			ASSERT_EQ(0, begin(&w[i], self, i, "write_bytes", &b[i], 1));
		for (i = DEVICES; i < BYTES; i += DEVICES + 1)
			bytes[i] += DEVICES + 1;
		for (i = 0; i < DEVICES; i++)
			ASSERT_EQ(0, end(&w[i]));
		for (i = 0; i < BYTES; i++)
			ASSERT_EQ(round * (i % (DEVICES + 1) + 1), bytes[i]);
	}
}

#define BINS	64
#define KEYS	600	/* of each side */

static int is_complete(struct svm_entry **bins, uint64_t nr)
{
	unsigned char seen[(DEVICES + 1) * KEYS] = { 0 };
	const struct svm_entry *e;
	uint64_t found = 0, i;

	for (i = 0; i < BINS; i++)
		for (e = bins[i]; e; e = e->next, found++) {
			if (VT_BAD(e->key >= nr || e->value != ~e->key || seen[e->key] ||
				   e->key % BINS != i))
				return -1;
			seen[e->key] = 1;
		}
	return VT_BAD(found != nr) ? -1 : 0;
}

/*
 * After test_fine_grain_memory_consistency.cpp: the CPU and two devices insert into one
 * hash table by compare-and-swap.
 */
TEST_F_TIMEOUT(svm, one_hash_table, VT_LONG)
{
	struct svm_entry **bins = take(self, BINS * sizeof(*bins), VT_PAGE);
	struct svm_keys *k = take(self, (DEVICES + 1) * sizeof(*k), VT_PAGE);
	struct work w[DEVICES];
	int i;

	for (i = 0; i <= DEVICES; i++)
		k[i] = (struct svm_keys) {
			.bins = bins,
			.nr_bins = BINS,
			.entries = take(self, KEYS * sizeof(*k->entries), 8),
			.first = i,
			.stride = DEVICES + 1,
			.nr = KEYS,
		};
	ASSERT_EQ(0, goes_there(self, variant));
	for (i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, begin(&w[i], self, i, "insert_keys", &k[i], 1));
	svm_insert_all(&k[DEVICES]);
	for (i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, end(&w[i]));
	ASSERT_EQ(0, is_complete(bins, (DEVICES + 1) * KEYS));
}

/* After test_fine_grain_sync_buffers.cpp: the CPU sees what the device finds, meanwhile. */
TEST_F_TIMEOUT(svm, finds_and_tells, VT_LONG)
{
	struct svm_targets *t = take(self, sizeof(*t), VT_PAGE);
	uint64_t len = 8192, nr = 0, sum = 0, want = 0, i, at;
	uint64_t *words = take(self, len * sizeof(*words), VT_PAGE);
	struct work w;

	for (i = 0; i < len; i++)
		words[i] = i * 31 % 1024;
	t->words = words;
	t->len = len;
	t->wanted = 77;
	for (i = 0; i < len; i++)
		if (words[i] == t->wanted) {
			nr++;
			want += i + 1;
		}
	ASSERT_EQ(0, goes_there(self, variant));
	ASSERT_EQ(0, begin(&w, self, 0, "find_targets", t, 8));
	for (i = 0; i < nr; i++) {
		do
			at = __atomic_load_n(&t->where[i], __ATOMIC_ACQUIRE);
		while (!at);
		EXPECT_EQ(t->wanted, words[at - 1]);
		sum += at;
	}
	ASSERT_EQ(0, end(&w));
	ASSERT_EQ(want, sum);
	ASSERT_EQ(nr, t->found);
}

/* The same in both directions: the device answers what the CPU asks, while it runs. */
TEST_F_TIMEOUT(svm, talks_to_the_cpu, VT_LONG)
{
	struct svm_talk *t = take(self, sizeof(*t), VT_PAGE);
	struct work w;
	uint64_t turn;

	t->turns = 100;
	ASSERT_EQ(0, goes_there(self, variant));
	ASSERT_EQ(0, begin(&w, self, 0, "answer", t, 1));
	for (turn = 1; turn <= t->turns; turn++) {
		__atomic_store_n(&t->question, turn, __ATOMIC_RELEASE);
		while (__atomic_load_n(&t->answer, __ATOMIC_ACQUIRE) != turn)
			;
		ASSERT_EQ(~turn, t->text);
	}
	ASSERT_EQ(0, end(&w));
}

#define POINTERS	200

/*
 * After test_cross_buffer_pointers.cpp and test_pointer_passing.cpp: pointers in one piece
 * of memory to the middle of others, some of them on the stack.
 */
TEST_F_TIMEOUT(svm, pointers_across, VT_LONG)
{
	struct svm_pointers *p = take(self, POINTERS * sizeof(*p), VT_PAGE);
	uint64_t *values = take(self, POINTERS * sizeof(*values), VT_PAGE);
	uint64_t here[POINTERS], *offsets = take(self, POINTERS * sizeof(*offsets), VT_PAGE);
	uint64_t i;

	for (i = 0; i < POINTERS; i++) {
		here[i] = i;
		values[i] = i;
		offsets[i] = 1000 * i;
		p[i].value = i % 2 ? &values[i] : &here[i];
		p[i].offset = &offsets[POINTERS - 1 - i];
		p[i].other = (i + 7) % POINTERS;
	}
	ASSERT_EQ(0, goes_there(self, variant));
	ASSERT_EQ(0, run(self, 0, "follow_pointers", p, POINTERS));
	for (i = 0; i < POINTERS; i++)
		ASSERT_EQ(3 * i + 1000 * (POINTERS - 1 - (i + 7) % POINTERS), *p[i].value);
}

/*
 * After test_migrate.cpp: three pieces of memory go to one device and another and back,
 * and between the moves each side changes them.
 */
TEST_F_TIMEOUT(svm, migrates_between, VT_LONG)
{
	static const int next[] = { 0, 1, -1, 1, 0, -1, -1, 1 };
	struct svm_range *r = take(self, 3 * sizeof(*r), VT_PAGE);
	struct drm_vsvm_migrate result;
	uint64_t len = 8 * VT_PAGE, sum = 0, i, j;
	int step, device;

	for (i = 0; i < 3; i++)
		r[i] = (struct svm_range) {
			.words = take(self, len, VT_PAGE),
			.len = len / sizeof(uint64_t),
		};
	ASSERT_EQ(0, goes_there(self, variant));
	for (step = 0; step < (int)VT_COUNT(next); step++) {
		device = next[step];
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(0, vsvm_migrate(self->v[device < 0 ? 0 : device],
						  r[i].words, len,
						  device < 0 ? DRM_VSVM_TARGET_SYSTEM :
							       DRM_VSVM_TARGET_DEVICE,
						  0, &result));
			r[i].value = step + 1;
			if (device >= 0) {
				ASSERT_EQ(0, run(self, device, "add_to_all", &r[i], 4));
				continue;
			}
			for (j = 0; j < r[i].len; j++)
				r[i].words[j] += r[i].value;
		}
		sum += step + 1;
	}
	for (i = 0; i < 3; i++)
		for (j = 0; j < r[i].len; j++)
			ASSERT_EQ(sum, r[i].words[j]);
}

#define ITEMS	8	/* of each device; the CPU is one more */
#define ALL	(DEVICES * ITEMS + 1)

/*
 * After the sample systemWideAtomics of the CUDA toolkit: ten kinds of atomic operations on
 * the same words by the CPU and the devices at the same time.
 */
TEST_F_TIMEOUT(svm, system_wide_atomics, 2 * VT_LONG)
{
	struct svm_atomics *a = take(self, sizeof(*a), VT_PAGE);
	int32_t *words = take(self, SVM_WORDS * sizeof(*words), VT_PAGE);
	int32_t all = 0xff, i, inc = 0, dec = 0;
	struct work w[DEVICES];

	a->words = words;
	words[SVM_MAX] = -1;
	words[SVM_MIN] = 1 << 30;
	words[SVM_AND] = 0xff;
	ASSERT_EQ(0, goes_there(self, variant));
	for (i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, begin(&w[i], self, i, "system_atomics", a, ITEMS));
	svm_atomics_all(a, ITEMS);
	for (i = 0; i < DEVICES; i++)
		ASSERT_EQ(0, end(&w[i]));

	for (i = 0; i <= ITEMS; i++)
		all &= 2 * i + 7;
	for (i = 0; i < ALL * SVM_LOOPS; i++) {
		inc = svm_inc(inc, i);
		dec = svm_dec(dec, i);
	}
	ASSERT_EQ(10 * ALL * SVM_LOOPS, words[SVM_ADD]);
	ASSERT_TRUE(words[SVM_EXCHANGE] >= 0 && words[SVM_EXCHANGE] <= ITEMS);
	ASSERT_EQ(ITEMS, words[SVM_MAX]);
	ASSERT_EQ(0, words[SVM_MIN]);
	ASSERT_EQ(inc, words[SVM_INC]);
	ASSERT_EQ(dec, words[SVM_DEC]);
	ASSERT_EQ(ALL * SVM_LOOPS, words[SVM_CAS]);
	ASSERT_EQ(all, words[SVM_AND]);
	ASSERT_EQ((1 << (ITEMS + 1)) - 1, words[SVM_OR]);
	/* Each participant's number, an even number of times. */
	ASSERT_EQ(0, words[SVM_XOR]);
}

TEST_HARNESS_MAIN
