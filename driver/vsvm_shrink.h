/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_SHRINK_H
#define VSVM_SHRINK_H

struct shrink_control;
struct shrinker;

unsigned long vsvm_shrink_scan(struct shrinker *shrinker,
			       struct shrink_control *sc);
unsigned long vsvm_shrink_reclaim(struct shrinker *shrinker,
				  struct shrink_control *sc);
unsigned long vsvm_shrink_reclaimable(struct shrinker *shrinker,
				      struct shrink_control *sc);

#endif /* VSVM_SHRINK_H */
