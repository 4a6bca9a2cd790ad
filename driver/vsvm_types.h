/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_TYPES_H
#define VSVM_TYPES_H

/**
 * enum vsvm_cause - why pages move
 * @VSVM_CAUSE_EXPLICIT: MIGRATE asked for it
 * @VSVM_CAUSE_DEVICE_FAULT: a device write had to break copy-on-write
 * @VSVM_CAUSE_CPU_FAULT: a CPU touched a page of private device memory
 * @VSVM_CAUSE_EVICTION: somebody needs the room
 * @VSVM_CAUSE_UNPLUG: the device goes away
 */
enum vsvm_cause {
	VSVM_CAUSE_EXPLICIT,
	VSVM_CAUSE_DEVICE_FAULT,
	VSVM_CAUSE_CPU_FAULT,
	VSVM_CAUSE_EVICTION,
	VSVM_CAUSE_UNPLUG,
};

/**
 * enum vsvm_need - what a walk wants of each page
 * @VSVM_NEED_NONE: look only: nothing is faulted in or mapped
 * @VSVM_NEED_TABLE: the same, and tell what the device page table has
 * @VSVM_NEED_READ: present
 * @VSVM_NEED_WRITE: present and writable, copy-on-write done
 * @VSVM_NEED_EXCLUSIVE: writable, and the CPU cannot reach it
 */
enum vsvm_need {
	VSVM_NEED_NONE,
	VSVM_NEED_TABLE,
	VSVM_NEED_READ,
	VSVM_NEED_WRITE,
	VSVM_NEED_EXCLUSIVE,
};

#endif /* VSVM_TYPES_H */
