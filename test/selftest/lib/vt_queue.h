/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue with a fence in a page of its own, for tests of what the device does by itself.
 *
 * A function that fails prints one line, with what QUEUE_STATUS says of a queue that was
 * lost. Nothing here sleeps as a proof: whoever waits does so until it has happened, and
 * fails after VT_QUEUE_SECONDS.
 */
#ifndef VT_QUEUE_H
#define VT_QUEUE_H

#include "vt.h"

#define VT_QUEUE_SECONDS	100

#define VT_NORMAL	DRM_VSVM_PRIORITY_NORMAL

struct vt_queue {
	struct vsvm *v;
	uint32_t id;
	uint64_t *fence;	/* its value is the number of vt_submit() calls */
	uint64_t signals;
};

/* A queue of the handle. */
int vt_queue_make(struct vt_queue *q, struct vsvm *v, uint32_t slots);

/* When a wait of a test is to fail. */
int64_t vt_queue_deadline(void);

/* Until the word is @value: WAIT, without a queue if @q has none. */
int vt_wait_word(struct vt_queue *q, const uint64_t *word, uint64_t value);

/* Submit commands, nothing else. */
int vt_submit(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr);
int vt_submit_one(struct vt_queue *q, struct drm_vsvm_command c);

/* Submit commands, and behind them a SIGNAL of the queue's fence as a job of its own. */
int vt_begin(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr);
/* Until all that vt_begin() submitted is done. */
int vt_end(struct vt_queue *q);
/* Both. */
int vt_do(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr);
int vt_do_one(struct vt_queue *q, struct drm_vsvm_command c);
int vt_copy(struct vt_queue *q, void *to, const void *from, size_t len);
int vt_signal(struct vt_queue *q, uint64_t *word, uint64_t value);

/* QUEUE_STATUS, checked for what holds in any state. */
int vt_queue_status(struct vt_queue *q, struct drm_vsvm_queue_status *s);
/* The state, or -1. */
int vt_queue_state(struct vt_queue *q);
/* Until the queue is in @state. A lost queue gets into no other. */
int vt_queue_becomes(struct vt_queue *q, uint32_t state);

/* Hold the queue until *@word is no longer 0, and wait until it is held. */
int vt_hold(struct vt_queue *q, uint64_t *word);

/* What poll() says of the handle. */
short vt_queue_poll(struct vsvm *v);

static inline uint64_t vt_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void vt_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

#endif /* VT_QUEUE_H */
