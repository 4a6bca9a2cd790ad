/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * demo_queue: devices that work by themselves for several processes at once.
 */
#ifndef DEMO_QUEUE_H
#define DEMO_QUEUE_H

/* Run it and draw what ran when; returns an exit code. */
int demo_queue(void);

#endif /* DEMO_QUEUE_H */
