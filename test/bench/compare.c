// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm bench, with the kernel's test_hmm measured beside it.
 */
#include "bench.h"
#include "hmm.h"

int main(int argc, char **argv)
{
	static const struct bench_engine *const engines[2] = {
		&bench_vsvm, &bench_hmm,
	};

	return bench_main(argc, argv, engines);
}
