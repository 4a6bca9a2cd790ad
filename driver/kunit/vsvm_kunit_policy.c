// SPDX-License-Identifier: GPL-2.0-only
/* Policy and advice: how much moves, what thrashes, what is counted, what is said. */
#include "vsvm_kunit.h"

#include "../vsvm_advice.c"
#include "../vsvm_policy.c"

/* Pieces of a sweep, and what the move of one takes. */
#define SWEEP	32
#define COST	1000

#define PIECE	16U	/* pages */

/* Lets piece number @want move, with the pages of @resident there; returns its extent. */
static struct vsvm_policy_piece grow(unsigned long *resident, unsigned int want)
{
	struct vsvm_policy_piece piece = {
		.end = LEAF_PAGES,
		.want = want * PIECE,
		.want_end = want * PIECE + 1,
		.granule = PIECE,
	};

	vsvm_policy_grow(&piece, resident);
	bitmap_set(resident, piece.from, piece.to - piece.from);
	return piece;
}

static void expect_piece(struct kunit *test, struct vsvm_policy_piece piece,
			 unsigned int from, unsigned int to)
{
	KUNIT_EXPECT_EQ(test, piece.from, from * PIECE);
	KUNIT_EXPECT_EQ(test, piece.to, to * PIECE);
}

static void pieces_grow_in_order(struct kunit *test)
{
	DECLARE_BITMAP(resident, LEAF_PAGES) = {};

	expect_piece(test, grow(resident, 0), 0, 1);
	expect_piece(test, grow(resident, 1), 0, 2);
	expect_piece(test, grow(resident, 2), 0, 4);
	expect_piece(test, grow(resident, 4), 0, 8);
	expect_piece(test, grow(resident, 8), 0, 16);
	expect_piece(test, grow(resident, 16), 0, 32);
}

static void pieces_grow_backwards(struct kunit *test)
{
	DECLARE_BITMAP(resident, LEAF_PAGES) = {};

	expect_piece(test, grow(resident, 31), 31, 32);
	expect_piece(test, grow(resident, 30), 30, 32);
	expect_piece(test, grow(resident, 29), 28, 32);
}

/* Half of a part is not more than half. */
static void sparse_pieces_do_not_grow(struct kunit *test)
{
	DECLARE_BITMAP(resident, LEAF_PAGES) = {};
	unsigned int i;

	for (i = 0; i < LEAF_PAGES / PIECE; i += 2)
		expect_piece(test, grow(resident, i), i, i + 1);
}

static void pieces_stay_within(struct kunit *test)
{
	DECLARE_BITMAP(resident, LEAF_PAGES) = {};
	struct vsvm_policy_piece piece = {
		.first = 3,
		.end = 100,
		.want = 5,
		.want_end = 6,
		.granule = LEAF_PAGES,
		.one_entry = true,
	};

	vsvm_policy_grow(&piece, resident);
	KUNIT_EXPECT_EQ(test, piece.from, 3);
	KUNIT_EXPECT_EQ(test, piece.to, 100);
}

static void one_entry_moves_whole(struct kunit *test)
{
	DECLARE_BITMAP(resident, LEAF_PAGES) = {};
	struct vsvm_policy_piece piece = {
		.end = LEAF_PAGES,
		.want = 77,
		.want_end = 78,
		.granule = 1,
		.one_entry = true,
	};

	vsvm_policy_grow(&piece, resident);
	KUNIT_EXPECT_EQ(test, piece.from, 0);
	KUNIT_EXPECT_EQ(test, piece.to, LEAF_PAGES);
}

/* The third return soon after a move begins a rest, which ends. */
static void returns_are_counted(struct kunit *test)
{
	struct vsvm_policy_history *history;
	const struct vsvm_policy_move *last;
	u64 now = 1000000, cost = 1000;
	int i;

	history = kunit_kzalloc(test, sizeof(*history), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, history);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now, &last),
				VSVM_POLICY_TURN_FAIR);
		vsvm_policy_moved(history, PMD_SIZE, now, now + cost, 0);
		now += cost + 32 * cost;
	}
	KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now, &last),
			VSVM_POLICY_TURN_THRASHES);
	KUNIT_EXPECT_EQ(test, last->until, now + 1024 * cost);
	now = last->until;
	KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now - 1, &last),
			VSVM_POLICY_TURN_STAYS);
	KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now, &last),
			VSVM_POLICY_TURN_ENDS);
	vsvm_policy_moved(history, PMD_SIZE, now, now + cost, 0);
	KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now, &last),
			VSVM_POLICY_TURN_FAIR);
}

static void late_returns_are_fair(struct kunit *test)
{
	struct vsvm_policy_history *history;
	const struct vsvm_policy_move *last;
	u64 now = 1000000, cost = 1000;
	int i;

	history = kunit_kzalloc(test, sizeof(*history), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, history);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, vsvm_policy_turn(history, PMD_SIZE, now, &last),
				VSVM_POLICY_TURN_FAIR);
		vsvm_policy_moved(history, PMD_SIZE, now, now + cost, 0);
		now += cost + 32 * cost + (i % 3 == 1);
	}
}

/*
 * Moves a set of pieces in order, each after @use ns; they evict if @evict. Says what came
 * of the first one that was not plain, or of all.
 */
static enum vsvm_policy_crowd sweep(struct vsvm_policy_history *history, u64 *now,
				    u64 use, u64 *evictions, bool evict)
{
	enum vsvm_policy_crowd crowd;
	unsigned long piece;

	for (piece = 1; piece <= SWEEP; piece++) {
		*now += use;
		crowd = vsvm_policy_crowd(history, piece << 16, *now, *evictions);
		if (crowd)
			return crowd;
		*evictions += evict;
		vsvm_policy_moved(history, piece << 16, *now, *now + COST,
				  *evictions);
		*now += COST;
	}
	return VSVM_POLICY_CROWD_NONE;
}

/* The third watched piece that came back begins it, in the second sweep, and it ends. */
static void crowd_is_seen(struct kunit *test)
{
	struct vsvm_policy_history *history;
	u64 now = 1000000, evictions = 0, cycle;

	history = kunit_kzalloc(test, sizeof(*history), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, history);
	KUNIT_EXPECT_EQ(test, sweep(history, &now, 2 * COST, &evictions, true),
			VSVM_POLICY_CROWD_NONE);
	KUNIT_EXPECT_EQ(test, sweep(history, &now, 2 * COST, &evictions, true),
			VSVM_POLICY_CROWD_BEGINS);
	/* Two more moved; from the end of its move the third waited for all others. */
	KUNIT_EXPECT_EQ(test, evictions, SWEEP + 2);
	cycle = SWEEP * 3 * COST - COST;
	KUNIT_EXPECT_EQ(test, history->crowded, now + CROWDED_REST * cycle);
	now = history->crowded;
	KUNIT_EXPECT_EQ(test, vsvm_policy_crowd(history, 0, now - 1, evictions),
			VSVM_POLICY_CROWD_STAYS);
	KUNIT_EXPECT_EQ(test, vsvm_policy_crowd(history, 0, now, evictions),
			VSVM_POLICY_CROWD_ENDS);
	KUNIT_EXPECT_EQ(test, sweep(history, &now, 2 * COST, &evictions, true),
			VSVM_POLICY_CROWD_NONE);
}

/* Without evictions, or with more use than moves, a set may come back for ever. */
static void use_is_no_crowd(struct kunit *test)
{
	struct vsvm_policy_history *history;
	u64 now = 1000000, evictions = 0;
	int i;

	history = kunit_kzalloc(test, sizeof(*history), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, history);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, sweep(history, &now, COST, &evictions, false),
				VSVM_POLICY_CROWD_NONE);
	memset(history, 0, sizeof(*history));
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, sweep(history, &now, 4 * COST, &evictions,
					    true),
				VSVM_POLICY_CROWD_NONE);
}

/* Pieces that share a slot are counted anew, never one for the other. */
static void accesses_are_counted(struct kunit *test)
{
	unsigned long a = PMD_SIZE;
	unsigned long b = a + VSVM_POLICY_COUNTS * VSVM_POLICY_COUNT_BYTES;
	struct vsvm_policy_counts *counts;
	int i;

	counts = kunit_kzalloc(test, sizeof(*counts), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, counts);
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counts_on(counts, a));
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counted(counts, a, 3));
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, vsvm_policy_counts_on(counts, a + i));
		vsvm_policy_count(counts, a + i);
	}
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counts_on(counts, a));
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counted(counts, b, 3));
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counts_on(counts, a));
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counted(counts, a, 1));
	vsvm_policy_count(counts, a);
	vsvm_policy_count(counts, a);
	KUNIT_EXPECT_TRUE(test, vsvm_policy_counted(counts, a, 1));
	KUNIT_EXPECT_FALSE(test, vsvm_policy_counted(counts, a, 1));
}

/* What a naive table says, page by page. */
#define PAGES	64U

static void check_advice(struct kunit *test, struct vsvm_advices *a,
			 const u64 *word)
{
	struct drm_vsvm_advice_run run;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		vsvm_advice_look(a, i * PAGE_SIZE, &run);
		KUNIT_ASSERT_EQ(test, run.advice.word, word[i]);
		/* Neighbours that say the same are one. */
		if (i && run.start == i * PAGE_SIZE)
			KUNIT_ASSERT_NE(test, word[i], word[i - 1]);
	}
}

static void say(struct kunit *test, struct vsvm_advices *a, unsigned int from,
		unsigned int to, u64 word)
{
	struct drm_vsvm_advice advice = { .word = word };
	struct vsvm_advice_range *r, *next;
	unsigned int needs = vsvm_advice_needs(a, from * PAGE_SIZE, to * PAGE_SIZE);
	unsigned int i, before = a->nr;
	LIST_HEAD(spare);

	for (i = 0; i < needs; i++) {
		r = kmalloc_obj(*r, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, r);
		list_add(&r->link, &spare);
	}
	vsvm_advice_set(a, from * PAGE_SIZE, to * PAGE_SIZE,
			DRM_VSVM_ADVISE_WORD, &advice, &spare);
	KUNIT_EXPECT_LE(test, a->nr, before + needs);
	list_for_each_entry_safe(r, next, &spare, link)
		kfree(r);
}

/* Said, forgotten and moved at random, as a table of pages has it. */
static void advice_is_as_a_table(struct kunit *test)
{
	unsigned int from, to, round, i, len, dst;
	u64 word[PAGES] = {}, part[PAGES];
	struct vsvm_advices a = {};
	u32 dice = 1;

#define DRAW(n)	((dice = dice * 1103515245 + 12345) / 65536 % (n))
	vsvm_advices_init(&a);
	mutex_lock(&a.lock);
	for (round = 0; round < 2000; round++) {
		from = DRAW(PAGES);
		to = from + 1 + DRAW(PAGES - from);
		len = to - from;
		dst = DRAW(PAGES - len + 1);
		if (DRAW(4)) {
			u64 value = DRAW(3);

			say(test, &a, from, to, value);
			for (i = from; i < to; i++)
				word[i] = value;
		} else if (DRAW(2)) {
			vsvm_advice_forget(&a, from * PAGE_SIZE, to * PAGE_SIZE);
			memset(word + from, 0, len * sizeof(*word));
		} else if (dst >= to || dst + len <= from) {
			vsvm_advice_move(&a, from * PAGE_SIZE, to * PAGE_SIZE,
					 dst * PAGE_SIZE);
			memcpy(part, word + from, len * sizeof(*word));
			memset(word + from, 0, len * sizeof(*word));
			memcpy(word + dst, part, len * sizeof(*word));
		}
		check_advice(test, &a, word);
	}
	vsvm_advice_forget(&a, 0, PAGES * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, a.nr, 0);
	mutex_unlock(&a.lock);
	vsvm_advices_destroy(&a);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(pieces_grow_in_order),
	KUNIT_CASE(pieces_grow_backwards),
	KUNIT_CASE(sparse_pieces_do_not_grow),
	KUNIT_CASE(pieces_stay_within),
	KUNIT_CASE(one_entry_moves_whole),
	KUNIT_CASE(returns_are_counted),
	KUNIT_CASE(late_returns_are_fair),
	KUNIT_CASE(crowd_is_seen),
	KUNIT_CASE(use_is_no_crowd),
	KUNIT_CASE(accesses_are_counted),
	KUNIT_CASE(advice_is_as_a_table),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "vsvm_policy",
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
