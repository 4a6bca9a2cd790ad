/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread or process acts while another one is paused at a failpoint. The test
 * may resume the paused one when the act is over, or when the actor waits in the
 * kernel for what the paused one has. All tests of a program share this, and the
 * count of pauses.
 */
#ifndef VT_ACT_H
#define VT_ACT_H

/* Before each act: none has begun. */
void vt_act_reset(void);

/* The actor says these two. */
void vt_act_begin(void);
void vt_act_end(void);

/* Wait until the act is over, or waits in the kernel. 0. */
int vt_act_began(void);

/* A thread was paused once more at a failpoint. */
void vt_count_pause(const char *failpoint);
/* Print the counts; at how many failpoints a thread was paused. */
int vt_count_pauses(void);

#endif /* VT_ACT_H */
