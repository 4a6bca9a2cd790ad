// SPDX-License-Identifier: GPL-2.0-only
/* The device's part of test_svm_programs, which says what each function is for. */
#include "vsvm_device.h"
#include "svm_programs.h"

/* An item makes a list of nodes, from the last one to the first. */
void make_list(const struct svm_lists *l)
{
	uint64_t item = vsvm_item(), i;
	struct svm_node *node = &l->nodes[item * l->length];

	for (i = l->length; i-- > 0;) {
		node[i].list = item;
		node[i].position = i;
		node[i].next = i == l->length - 1 ? 0 : &node[i + 1];
	}
	l->heads[item] = node;
}

void check_list(struct svm_lists *l)
{
	const struct svm_node *node;
	uint64_t position = 0, wrong = 0;

	for (node = l->heads[vsvm_item()]; node; node = node->next, position++)
		wrong += node->list != vsvm_item() || node->position != position;
	wrong += position != l->length;
	__atomic_fetch_add(&l->wrong, wrong, __ATOMIC_RELAXED);
}

void write_bytes(const struct svm_bytes *b)
{
	uint64_t i;

	for (i = b->owner; i < b->len; i += b->owners)
		b->bytes[i] += b->owner + 1;
}

void insert_keys(const struct svm_keys *k)
{
	svm_insert_all(k);
}

void answer(struct svm_talk *t)
{
	uint64_t turn;

	for (turn = 1; turn <= t->turns; turn++) {
		while (__atomic_load_n(&t->question, __ATOMIC_ACQUIRE) != turn)
			;
		t->text = ~turn;
		__atomic_store_n(&t->answer, turn, __ATOMIC_RELEASE);
	}
}

void find_targets(struct svm_targets *t)
{
	uint64_t each = t->len / vsvm_items(), i = vsvm_item() * each, end = i + each, at;

	for (; i < end; i++)
		if (t->words[i] == t->wanted) {
			at = __atomic_fetch_add(&t->found, 1, __ATOMIC_RELAXED);
			__atomic_store_n(&t->where[at], i + 1, __ATOMIC_RELEASE);
		}
}

void follow_pointers(const struct svm_pointers *p)
{
	uint64_t i = vsvm_item();

	*p[i].value = *p[i].value * 3 + *p[p[i].other].offset;
}

void add_to_all(const struct svm_range *r)
{
	uint64_t each = r->len / vsvm_items(), i = vsvm_item() * each, end = i + each;

	for (; i < end; i++)
		r->words[i] += r->value;
}

void system_atomics(const struct svm_atomics *a)
{
	svm_atomics_all(a, vsvm_item());
}
