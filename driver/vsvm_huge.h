/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_HUGE_H
#define VSVM_HUGE_H

#include <linux/types.h>

bool vsvm_huge_pages(void);
void vsvm_huge_say(void);

#endif /* VSVM_HUGE_H */
