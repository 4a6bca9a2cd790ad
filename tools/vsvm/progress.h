/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress: a bar that fills while work goes on.
 */
#ifndef VSVM_PROGRESS_H
#define VSVM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	uint64_t total;
	unsigned int filled;
	bool redraw;
};

/* @what must outlive the bar. Nothing else may print until it is finished. */
void progress_start(struct progress *p, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
void progress_finish(struct progress *p);

#endif /* VSVM_PROGRESS_H */
