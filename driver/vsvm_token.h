/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_TOKEN_H
#define VSVM_TOKEN_H

struct shrink_control;
struct vsvm_block;
struct vsvm_devmem;
struct vsvm_token;

int vsvm_token_init(struct vsvm_devmem *dm);
void vsvm_token_exit(struct vsvm_devmem *dm);
void vsvm_token_put(struct vsvm_devmem *dm, struct vsvm_block *b);
unsigned long vsvm_token_count(struct vsvm_devmem *dm,
			       struct shrink_control *sc);
struct vsvm_block *vsvm_token_coldest(struct vsvm_devmem *dm,
				      struct shrink_control *sc);

#endif /* VSVM_TOKEN_H */
