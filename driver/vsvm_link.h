/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_LINK_H
#define VSVM_LINK_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <drm/vsvm_drm.h>

/* True if a link is modelled; see vsvm_link_on(). */
extern bool vsvm_link_modelled;

/**
 * struct vsvm_link_way - what moved in one direction, and has to be paid for
 * @bytes: number of bytes that were copied over the link, not paid for yet
 * @rest: remainder of what was paid for bytes
 * @transfers: number of pieces, of 2 MiB at most, that moved
 * @paid: number of those that were paid for
 */
struct vsvm_link_way {
	u64 bytes;
	u32 rest;
	u64 transfers;
	u64 paid;
};

/**
 * struct vsvm_link_moves - what moved for a call or a command
 * @to_device: to the device
 * @home: to system memory
 *
 * All zero at the beginning of the call or command. One thread at a time uses it.
 */
struct vsvm_link_moves {
	struct vsvm_link_way to_device;
	struct vsvm_link_way home;
};

/**
 * struct vsvm_link_tally - what a call or a command accessed, and has to pay for
 * @remote: number of bytes that are not on the device, not paid for yet
 * @local: number of bytes on the device, not paid for yet
 * @remote_rest: remainder of what was paid for remote bytes
 * @local_rest: the same of local bytes
 * @latency: the latency of the link was paid
 *
 * All zero at the beginning of the call or command. One thread at a time uses it.
 */
struct vsvm_link_tally {
	u64 remote;
	u64 local;
	u32 remote_rest;
	u32 local_rest;
	bool latency;
};

/**
 * vsvm_link_on() - find out whether a link is modelled
 *
 * Return: true: what moves and what is accessed costs virtual time.
 */
static inline bool vsvm_link_on(void)
{
	/* Pairs with link_changed(). */
	return READ_ONCE(vsvm_link_modelled);
}

/**
 * vsvm_link_is_remote() - find out whether an access goes over the link
 * @state: where the bytes are, as &vsvm_span.state has it
 *
 * Return: true, unless they are on the device itself.
 */
static inline bool vsvm_link_is_remote(u32 state)
{
	return (state & DRM_VSVM_STATE_PLACE) != DRM_VSVM_PLACE_DEVICE;
}

/**
 * vsvm_link_note() - note bytes that the device accesses
 * @tally: of the call or command
 * @state: where they are, as &vsvm_span.state has it
 * @n: number of bytes
 */
static inline void vsvm_link_note(struct vsvm_link_tally *tally, u32 state,
				  unsigned long n)
{
	if (!vsvm_link_on())
		return;
	if (vsvm_link_is_remote(state))
		tally->remote += n;
	else
		tally->local += n;
}

void vsvm_link_add(struct vsvm_link_way *way, const struct vsvm_link_way *more);
u64 vsvm_link_move(struct vsvm_link_way *way);
u64 vsvm_link_remote(struct vsvm_link_tally *tally);
u64 vsvm_link_local(struct vsvm_link_tally *tally);
u64 vsvm_link_device_fault(void);
u64 vsvm_link_cpu_fault(void);

#endif /* VSVM_LINK_H */
