/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What root does to the machine while attackers are at work, see hostile.c.
 */
#ifndef HOSTILE_ROOT_H
#define HOSTILE_ROOT_H

#include <stdbool.h>

/* Seconds of a run in which every operation has to succeed once. */
#define HOSTILE_FULL	120

/* A device is bound: find its node and let everybody in. */
int root_publish(unsigned int device);
/* What the machine has before the storm. */
void root_begin(void);
/* Take the memory that a long storm is not to need. */
int root_ballast(void);
/* Go on with what is under way, or begin something; false: it hangs. */
bool root_act(void);
/* End what is under way, and have all devices bound; false: it hangs. */
bool root_stop(void);
/* Nothing of the storm is left on the devices, and no other process was killed. */
void root_end(void);
/* The machine's memory is as it was. */
void root_memory(void);

#endif /* HOSTILE_ROOT_H */
