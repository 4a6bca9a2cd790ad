/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_TYPES_H
#define VSVM_TYPES_H

/**
 * enum vsvm_cause - why pages move
 * @VSVM_CAUSE_EXPLICIT: MIGRATE
 * @VSVM_CAUSE_DEVICE_FAULT: the device lacks a page: what advice wants there moves to
 *	it; or a device write breaks copy-on-write, and a page goes to system memory
 * @VSVM_CAUSE_CPU_FAULT: a CPU touched a page of private device memory
 * @VSVM_CAUSE_EVICTION: a client needs room, or the host needs the backing
 * @VSVM_CAUSE_UNPLUG: the device is being unplugged
 */
enum vsvm_cause {
	VSVM_CAUSE_EXPLICIT,
	VSVM_CAUSE_DEVICE_FAULT,
	VSVM_CAUSE_CPU_FAULT,
	VSVM_CAUSE_EVICTION,
	VSVM_CAUSE_UNPLUG,
};

/**
 * enum vsvm_need - what a walk needs of each page
 * @VSVM_NEED_NONE: look only: nothing is faulted in or installed
 * @VSVM_NEED_TABLE: the same, and report entries of the device page table
 * @VSVM_NEED_READ: the page is present
 * @VSVM_NEED_WRITE: the page is writable, with copy-on-write broken
 * @VSVM_NEED_EXCLUSIVE: the page is writable, and the CPU cannot access it
 */
enum vsvm_need {
	VSVM_NEED_NONE,
	VSVM_NEED_TABLE,
	VSVM_NEED_READ,
	VSVM_NEED_WRITE,
	VSVM_NEED_EXCLUSIVE,
};

#endif /* VSVM_TYPES_H */
