/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_EVENTS_H
#define VSVM_EVENTS_H

#include <linux/atomic.h>
#include <linux/compiler.h>

struct drm_vsvm_event;
struct drm_vsvm_events;
struct mm_struct;
struct vsvm_client;
struct vsvm_inject;
struct vsvm_stream;

/* Number of event streams of all devices; read without a lock. */
extern atomic_t vsvm_events_streams;

/**
 * vsvm_events_any() - check whether anybody may listen
 *
 * All that an event costs while nobody has a stream.
 *
 * Return: true while there is an event stream of any process.
 */
static inline bool vsvm_events_any(void)
{
	return unlikely(atomic_read(&vsvm_events_streams));
}

struct vsvm_stream *vsvm_events_create(struct vsvm_inject *inject,
				       struct mm_struct *mm,
				       unsigned int device,
				       const struct drm_vsvm_events *arg);
int vsvm_events_attach(struct vsvm_client *client, struct vsvm_stream *s);
int vsvm_events_install(struct vsvm_stream *s, bool nonblock);
void vsvm_events_destroy(struct vsvm_stream *s);
void vsvm_events_end(struct vsvm_client *client);
void vsvm_events_tell(struct vsvm_client *client, const struct mm_struct *mm,
		      const struct drm_vsvm_event *e);
void vsvm_events_tell_own(struct vsvm_client *client,
			  const struct mm_struct *mm,
			  const struct drm_vsvm_event *e);

#endif /* VSVM_EVENTS_H */
