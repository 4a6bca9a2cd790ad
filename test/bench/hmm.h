/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_HMM_H
#define BENCH_HMM_H

struct bench_engine;

extern const struct bench_engine bench_hmm;

#endif /* BENCH_HMM_H */
