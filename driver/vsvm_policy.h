/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_POLICY_H
#define VSVM_POLICY_H

unsigned long vsvm_policy_home_bytes(void);

#endif /* VSVM_POLICY_H */
