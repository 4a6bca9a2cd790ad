// SPDX-License-Identifier: GPL-2.0-only
/*
 * The corpus: all public bugs, in the order of `vsvm repro list`.
 */
#include "repro_all.h"
#include "vsvm.h"

const struct repro *const repros[] = {
	&repro_file_private,
	&repro_fault_livelock,
	&repro_huge_fault_spin,
	&repro_fault_race,
	&repro_ksm,
	&repro_huge_zap,
	&repro_hmm_huge_pfn,
	&repro_hard_offline,
	&repro_pagemap_scan,
	&repro_huge_soft_dirty,
	&repro_madv_free,
	&repro_madv_free_test_hmm,
	&repro_pfns_unlocked,
	&repro_owner_filter,
	&repro_owner_filter_test_hmm,
	&repro_huge_split,
	&repro_page_flags,
	&repro_mlock_batch,
	&repro_rwp_read,
	&repro_cow_read,
	&repro_notifier_fork,
};

const unsigned int nr_repros = ARRAY_SIZE(repros);
