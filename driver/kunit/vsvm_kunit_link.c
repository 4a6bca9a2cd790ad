// SPDX-License-Identifier: GPL-2.0-only
/* Link: what bytes, transfers and accesses cost, parameters, and sums that do not wrap. */
#include "vsvm_kunit.h"

#include <linux/prandom.h>

#include "../vsvm_link.c"
#include "../vsvm_stats.h"

#define PARTS	1000
#define SEED	271

static int link_init(struct kunit *test)
{
	now = (struct link) {};
	engines = 1;
	link_changed();
	return 0;
}

/* However bytes are cut into parts, the sum is that of all of them. */
static void parts_cost_what_all_cost(struct kunit *test)
{
	static const unsigned int mbps[] = { 1, 7, 999, 1000, 12345, MAX_MBPS };
	struct rnd_state rnd;
	unsigned int i, k;

	prandom_seed_state(&rnd, SEED);
	for (i = 0; i < ARRAY_SIZE(mbps); i++) {
		u64 bytes = 0, sum = 0, part;
		u32 rest = 0, none = 0;

		for (k = 0; k < PARTS; k++) {
			part = prandom_u32_state(&rnd) % (2 << 20);
			bytes += part;
			sum += time_of(part, mbps[i], &rest);
		}
		KUNIT_EXPECT_EQ(test, sum, time_of(bytes, mbps[i], &none));
		KUNIT_EXPECT_EQ(test, rest, none);
	}
}

static void figures_are_exact(struct kunit *test)
{
	u32 rest = 0;

	KUNIT_EXPECT_EQ(test, time_of(2 << 20, 1000, &rest), 2 << 20);
	KUNIT_EXPECT_EQ(test, time_of(25000, 25000, &rest), 1000);
	KUNIT_EXPECT_EQ(test, rest, 0);
	KUNIT_EXPECT_EQ(test, time_of(1, 3000, &rest), 0);
	KUNIT_EXPECT_EQ(test, time_of(1, 3000, &rest), 0);
	KUNIT_EXPECT_EQ(test, time_of(1, 3000, &rest), 1);
	KUNIT_EXPECT_EQ(test, time_of(1, 0, &rest), 0);
}

/* More bytes than there are addresses, at the lowest speed. */
static void bytes_do_not_overflow(struct kunit *test)
{
	u32 rest = MAX_MBPS - 1;

	KUNIT_EXPECT_EQ(test, time_of(U64_MAX, 1, &rest),
			MAX_BYTES * 1000 + MAX_MBPS - 1);
	KUNIT_EXPECT_EQ(test, rest, 0);
}

/* Engines have the latencies at the same time, also of parts of a command. */
static void engines_share_transfers(struct kunit *test)
{
	struct vsvm_link_way all = { .transfers = 7 }, parts = {};
	u64 sum = 0;

	now.ns = 10;
	KUNIT_EXPECT_EQ(test, vsvm_link_move(&all), 70);
	KUNIT_EXPECT_EQ(test, vsvm_link_move(&all), 0);
	engines = 3;
	all = (struct vsvm_link_way) { .transfers = 7 };
	KUNIT_EXPECT_EQ(test, vsvm_link_move(&all), 30);
	while (parts.transfers < 7) {
		vsvm_link_add(&parts, &(struct vsvm_link_way) { .transfers = 1 });
		sum += vsvm_link_move(&parts);
	}
	KUNIT_EXPECT_EQ(test, sum, 30);
	/* The bytes share the link. */
	now.mbps = 1000;
	all = (struct vsvm_link_way) { .transfers = 3, .bytes = 300 };
	KUNIT_EXPECT_EQ(test, vsvm_link_move(&all), 310);
}

static void a_call_has_the_latency_once(struct kunit *test)
{
	struct vsvm_link_tally tally = {};

	now = (struct link) { .mbps = 1000, .ns = 10, .local_mbps = 2000 };
	link_changed();
	vsvm_link_note(&tally, DRM_VSVM_PLACE_DEVICE, 100);
	KUNIT_EXPECT_EQ(test, vsvm_link_remote(&tally), 0);
	KUNIT_EXPECT_EQ(test, vsvm_link_local(&tally), 50);
	vsvm_link_note(&tally, DRM_VSVM_PLACE_SYSTEM, 100);
	vsvm_link_note(&tally, DRM_VSVM_PLACE_PEER, 50);
	vsvm_link_note(&tally, DRM_VSVM_PLACE_ZERO, 1);
	KUNIT_EXPECT_EQ(test, vsvm_link_remote(&tally), 161);
	vsvm_link_note(&tally, DRM_VSVM_PLACE_SYSTEM, 5);
	KUNIT_EXPECT_EQ(test, vsvm_link_remote(&tally), 5);
	KUNIT_EXPECT_EQ(test, vsvm_link_local(&tally), 0);
}

static void no_link_costs_nothing(struct kunit *test)
{
	struct vsvm_link_way way = { .transfers = 7, .bytes = 1000 };
	struct vsvm_link_tally tally = {};

	KUNIT_EXPECT_FALSE(test, vsvm_link_on());
	vsvm_link_note(&tally, DRM_VSVM_PLACE_SYSTEM, 100);
	KUNIT_EXPECT_EQ(test, tally.remote, 0);
	KUNIT_EXPECT_EQ(test, vsvm_link_move(&way), 0);
	KUNIT_EXPECT_EQ(test, vsvm_link_device_fault(), 0);
	KUNIT_EXPECT_EQ(test, vsvm_link_cpu_fault(), 0);
}

static void names_are_known(struct kunit *test)
{
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (i = 0; i < LINKS; i++) {
		KUNIT_EXPECT_EQ(test, set_name(names[i], NULL), 0);
		KUNIT_EXPECT_EQ(test, vsvm_link_on(), i > 0);
		get_name(text, NULL);
		KUNIT_EXPECT_EQ(test, strncmp(text, names[i], strlen(names[i])), 0);
	}
	now.ns++;
	get_name(text, NULL);
	KUNIT_EXPECT_STREQ(test, text, "custom\n");
	KUNIT_EXPECT_EQ(test, set_name("pcie2", NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_name("custom", NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_name("", NULL), -EINVAL);
}

static void numbers_have_limits(struct kunit *test)
{
	unsigned int value = 5;
	const struct number number = { .value = &value, .min = 1, .max = 64 };
	const struct kernel_param param = { .arg = (void *)&number };

	KUNIT_EXPECT_EQ(test, set_number("0", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_number("65", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_number("-1", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_number("99999999999", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_number("1x", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_number("", &param), -EINVAL);
	KUNIT_EXPECT_EQ(test, value, 5);
	KUNIT_EXPECT_EQ(test, set_number("64\n", &param), 0);
	KUNIT_EXPECT_EQ(test, value, 64);
}

/* Times stay at the largest value; counts are as they were. */
static void sums_do_not_wrap(struct kunit *test)
{
	struct vsvm_stats *stats = kunit_kzalloc(test, sizeof(*stats), GFP_KERNEL);
	struct vsvm_cpu_stats __percpu *cpu = alloc_percpu(struct vsvm_cpu_stats);

	KUNIT_ASSERT_NOT_NULL(test, stats);
	KUNIT_ASSERT_TRUE(test, !!cpu);
	vsvm_stats_add(stats, VSVM_STAT_LINK_HOME, U64_MAX - 1);
	vsvm_stats_add(stats, VSVM_STAT_LINK_HOME, 1);
	vsvm_stats_add(stats, VSVM_STAT_LINK_HOME, 1);
	KUNIT_EXPECT_EQ(test, vsvm_stats_get(stats, VSVM_STAT_LINK_HOME), U64_MAX);
	vsvm_stats_add(stats, VSVM_STAT_LINK_LOCAL, 7);
	KUNIT_EXPECT_EQ(test, vsvm_stats_get(stats, VSVM_STAT_LINK_LOCAL), 7);
	KUNIT_EXPECT_EQ(test, vsvm_stats_time(stats), U64_MAX);
	vsvm_stats_add(stats, VSVM_STAT_READ, U64_MAX);
	vsvm_stats_add(stats, VSVM_STAT_READ, 2);
	KUNIT_EXPECT_EQ(test, vsvm_stats_get(stats, VSVM_STAT_READ), 1);

	vsvm_stats_add_cpu(cpu, VSVM_STAT_LINK_HOME, U64_MAX - 1);
	KUNIT_EXPECT_EQ(test, vsvm_stats_sum(cpu, VSVM_STAT_LINK_HOME), U64_MAX - 1);
	vsvm_stats_add_cpu(cpu, VSVM_STAT_LINK_HOME, U64_MAX);
	KUNIT_EXPECT_EQ(test, vsvm_stats_sum(cpu, VSVM_STAT_LINK_HOME), U64_MAX);
	free_percpu(cpu);
}

static struct kunit_case link_cases[] = {
	KUNIT_CASE(parts_cost_what_all_cost),
	KUNIT_CASE(figures_are_exact),
	KUNIT_CASE(bytes_do_not_overflow),
	KUNIT_CASE(engines_share_transfers),
	KUNIT_CASE(a_call_has_the_latency_once),
	KUNIT_CASE(no_link_costs_nothing),
	KUNIT_CASE(names_are_known),
	KUNIT_CASE(numbers_have_limits),
	KUNIT_CASE(sums_do_not_wrap),
	{}
};

static struct kunit_suite link_suite = {
	.name = "vsvm_link",
	.init = link_init,
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
