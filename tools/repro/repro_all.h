/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entries of the corpus; repro_all.c has them in order.
 */
#ifndef VSVM_REPRO_ALL_H
#define VSVM_REPRO_ALL_H

#include "repro.h"

extern const struct repro repro_file_private;
extern const struct repro repro_fault_livelock;
extern const struct repro repro_huge_fault_spin;
extern const struct repro repro_fault_race;
extern const struct repro repro_ksm;
extern const struct repro repro_huge_zap;
extern const struct repro repro_hmm_huge_pfn;
extern const struct repro repro_hard_offline;
extern const struct repro repro_pagemap_scan;
extern const struct repro repro_huge_soft_dirty;
extern const struct repro repro_madv_free;
extern const struct repro repro_madv_free_test_hmm;
extern const struct repro repro_pfns_unlocked;
extern const struct repro repro_owner_filter;
extern const struct repro repro_owner_filter_test_hmm;
extern const struct repro repro_huge_split;
extern const struct repro repro_page_flags;
extern const struct repro repro_mlock_batch;
extern const struct repro repro_rwp_read;
extern const struct repro repro_cow_read;
extern const struct repro repro_notifier_fork;

#endif /* VSVM_REPRO_ALL_H */
