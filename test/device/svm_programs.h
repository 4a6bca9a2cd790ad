/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What test_svm_programs and its program for the device share: structures, and what both
 * sides do. Both compile it.
 */
#ifndef SVM_PROGRAMS_H
#define SVM_PROGRAMS_H

#include <stdint.h>

struct svm_node {
	uint64_t list;
	uint64_t position;
	struct svm_node *next;
};

struct svm_lists {
	struct svm_node *nodes;
	struct svm_node **heads;
	uint64_t length;
	uint64_t wrong;
};

/* Byte i belongs to who has number i % owners. */
struct svm_bytes {
	unsigned char *bytes;
	uint64_t len;
	uint64_t owner;
	uint64_t owners;
};

struct svm_entry {
	uint64_t key;
	uint64_t value;
	struct svm_entry *next;
};

/**
 * struct svm_keys - what one side inserts into the table that all share
 * @bins: heads of lists, a power of two of them
 * @nr_bins: their number
 * @entries: as many as there are keys, of this side alone
 * @first: its first key
 * @stride: from one of its keys to the next
 * @nr: number of its keys
 */
struct svm_keys {
	struct svm_entry **bins;
	uint64_t nr_bins;
	struct svm_entry *entries;
	uint64_t first;
	uint64_t stride;
	uint64_t nr;
};

static inline void svm_insert_all(const struct svm_keys *k)
{
	struct svm_entry *e, **bin;
	uint64_t i;

	for (i = 0; i < k->nr; i++) {
		e = &k->entries[i];
		e->key = k->first + i * k->stride;
		e->value = ~e->key;
		bin = &k->bins[e->key & (k->nr_bins - 1)];
		e->next = __atomic_load_n(bin, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(bin, &e->next, e, 0, __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED))
			;
	}
}

struct svm_talk {
	uint64_t question;
	uint64_t answer;
	uint64_t text;
	uint64_t turns;
};

struct svm_targets {
	const uint64_t *words;
	uint64_t len;
	uint64_t wanted;
	uint64_t found;
	uint64_t where[64];
};

struct svm_pointers {
	uint64_t *value;
	const uint64_t *offset;
	uint64_t other;
};

struct svm_range {
	uint64_t *words;
	uint64_t len;
	uint64_t value;
};

/* A word for each operation. */
enum svm_word {
	SVM_ADD,
	SVM_EXCHANGE,
	SVM_MAX,
	SVM_MIN,
	SVM_INC,
	SVM_DEC,
	SVM_CAS,
	SVM_AND,
	SVM_OR,
	SVM_XOR,
	SVM_WORDS,
};

#define SVM_INC_LIMIT	17U
#define SVM_DEC_LIMIT	137U
#define SVM_LOOPS	50

struct svm_atomics {
	int32_t *words;
};

static inline void svm_change(int32_t *word, int32_t (*next)(int32_t was, int32_t id),
			      int32_t id)
{
	int32_t was = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(word, &was, next(was, id), 0, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
}

static inline int32_t svm_max(int32_t was, int32_t id)
{
	return was < id ? id : was;
}

static inline int32_t svm_min(int32_t was, int32_t id)
{
	return was > id ? id : was;
}

static inline int32_t svm_inc(int32_t was, int32_t id)
{
	(void)id;
	return (uint32_t)was >= SVM_INC_LIMIT ? 0 : was + 1;
}

static inline int32_t svm_dec(int32_t was, int32_t id)
{
	(void)id;
	return !was || (uint32_t)was > SVM_DEC_LIMIT ? (int32_t)SVM_DEC_LIMIT : was - 1;
}

static inline int32_t svm_more(int32_t was, int32_t id)
{
	(void)id;
	return was + 1;
}

/* What participant @id does, SVM_LOOPS times. */
static inline void svm_atomics_all(const struct svm_atomics *a, int32_t id)
{
	int32_t *w = a->words;
	unsigned int i;

	for (i = 0; i < SVM_LOOPS; i++) {
		__atomic_fetch_add(&w[SVM_ADD], 10, __ATOMIC_SEQ_CST);
		__atomic_exchange_n(&w[SVM_EXCHANGE], id, __ATOMIC_SEQ_CST);
		svm_change(&w[SVM_MAX], svm_max, id);
		svm_change(&w[SVM_MIN], svm_min, id);
		svm_change(&w[SVM_INC], svm_inc, id);
		svm_change(&w[SVM_DEC], svm_dec, id);
		svm_change(&w[SVM_CAS], svm_more, id);
		__atomic_fetch_and(&w[SVM_AND], 2 * id + 7, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&w[SVM_OR], 1 << id, __ATOMIC_SEQ_CST);
		__atomic_fetch_xor(&w[SVM_XOR], id, __ATOMIC_SEQ_CST);
	}
}

#endif /* SVM_PROGRAMS_H */
