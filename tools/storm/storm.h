/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STORM_H
#define STORM_H

#include <stdint.h>

#define STORM_MAGIC	0x6d726f7453767376ULL

/**
 * struct storm_total - what all processes of a storm did, in a file that they map
 * @magic: STORM_MAGIC
 * @processes: how many had a thread that moves memory
 * @calls: MIGRATE calls
 * @moved: bytes that these moved
 */
struct storm_total {
	uint64_t magic;
	uint64_t processes;
	uint64_t calls;
	uint64_t moved;
};

#endif /* STORM_H */
