/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_FAULT_H
#define VSVM_FAULT_H

#include <linux/memremap.h>

extern const struct dev_pagemap_ops vsvm_fault_pagemap_ops;

#endif /* VSVM_FAULT_H */
