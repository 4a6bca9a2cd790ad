/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_EVICT_H
#define VSVM_EVICT_H

enum vsvm_cause;
struct vsvm_block;
struct vsvm_client;
struct vsvm_context;
struct vsvm_devmem;
struct vsvm_moves;

int vsvm_evict_lock(struct vsvm_devmem *dm);
void vsvm_evict_unlock(struct vsvm_devmem *dm);
unsigned int vsvm_evict_reserve(struct vsvm_devmem *dm,
				const struct vsvm_context *ctx,
				struct vsvm_client *client,
				unsigned long *pages, unsigned int n,
				bool *evicted);
struct vsvm_block *vsvm_evict_reserve_block(struct vsvm_devmem *dm,
					    const struct vsvm_context *ctx,
					    struct vsvm_client *client,
					    bool *evicted);
bool vsvm_evict_gently(struct vsvm_block *b, struct vsvm_moves *moves);
void vsvm_evict_retire(struct vsvm_devmem *dm);
int vsvm_evict_init(void);
void vsvm_evict_exit(void);

#endif /* VSVM_EVICT_H */
