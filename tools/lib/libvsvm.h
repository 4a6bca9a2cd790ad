/* SPDX-License-Identifier: MIT */
/*
 * libvsvm: the vsvm device from a C program.
 *
 * Functions return 0 or a negative errno, print nothing, and retry a call that
 * a signal interrupted. A handle may be used from several threads at once. It
 * belongs to the process that opened it, see drm/vsvm_drm.h.
 */
#ifndef LIBVSVM_H
#define LIBVSVM_H

#include <stddef.h>
#include <stdint.h>

#include <drm/vsvm_drm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vsvm;

/**
 * vsvm_open() - open a vsvm device
 * @device: number of the device, from 0
 * @out: the handle; close it with vsvm_close()
 *
 * The device is looked for with libdrm among the render nodes.
 *
 * Return: 0; -ENODEV: there is no such vsvm device; -ENOMEM; or what open() of
 * the node gave.
 */
int vsvm_open(unsigned int device, struct vsvm **out);

/**
 * vsvm_close() - close a handle
 * @v: the handle, or NULL
 *
 * Pages that live on the device stay there until a CPU touches them, which migrates
 * them to system memory.
 */
void vsvm_close(struct vsvm *v);

/**
 * vsvm_fd() - the render node's file descriptor, owned by the handle
 * @v: the handle
 *
 * Return: the descriptor.
 */
int vsvm_fd(const struct vsvm *v);

/**
 * vsvm_info() - ask what the device is
 * @v: the handle
 * @info: out
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_info.
 */
int vsvm_info(struct vsvm *v, struct drm_vsvm_info *info);

/**
 * vsvm_read() - the device reads memory of this process
 * @v: the handle
 * @addr: first byte of what the device reads
 * @buf: where the bytes go
 * @len: bytes; 0 does nothing
 * @done: out, bytes copied, on failure too; or NULL
 *
 * Return: 0 when all bytes were copied, or a negative errno of
 * &struct drm_vsvm_rw.
 */
int vsvm_read(struct vsvm *v, const void *addr, void *buf, size_t len,
	      size_t *done);

/**
 * vsvm_write() - the device writes memory of this process
 * @v: the handle
 * @addr: first byte of what the device writes
 * @buf: where the bytes come from
 * @len: bytes; 0 does nothing
 * @done: out, bytes copied, on failure too; or NULL
 *
 * Return: 0 when all bytes were copied, or a negative errno of
 * &struct drm_vsvm_rw.
 */
int vsvm_write(struct vsvm *v, void *addr, const void *buf, size_t len,
	       size_t *done);

/**
 * vsvm_migrate() - move a range to the device or to system memory
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @target: DRM_VSVM_TARGET_DEVICE or DRM_VSVM_TARGET_SYSTEM
 * @flags: 0 or DRM_VSVM_MIGRATE_POPULATE
 * @result: out, how far it got and what stayed, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_migrate.
 */
int vsvm_migrate(struct vsvm *v, void *addr, size_t len, uint32_t target,
		 uint32_t flags, struct drm_vsvm_migrate *result);

/**
 * vsvm_snapshot() - ask where the pages of a range live
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @runs: out, array of runs
 * @nr_runs: in, room in @runs; out, runs stored
 * @next: out, first address that is in no stored run; end of the range when
 *	all of it was stored; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_snapshot.
 */
int vsvm_snapshot(struct vsvm *v, const void *addr, size_t len,
		  struct drm_vsvm_run *runs, uint32_t *nr_runs, uint64_t *next);

/**
 * vsvm_snapshot_table() - the same, with what the device page table has
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @runs: out, array of runs; their states may have DRM_VSVM_STATE_MAPPED, _DMA and
 *	_EXCLUSIVE
 * @nr_runs: in, room in @runs; out, runs stored
 * @next: out, as of vsvm_snapshot(); or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_snapshot.
 */
int vsvm_snapshot_table(struct vsvm *v, const void *addr, size_t len,
			struct drm_vsvm_run *runs, uint32_t *nr_runs,
			uint64_t *next);

/**
 * vsvm_exclusive() - give the device exclusive access to a range
 * @v: the handle
 * @addr: first byte, page aligned
 * @len: bytes, page aligned
 * @done: out, bytes it had exclusive access to, on failure too; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_exclusive.
 */
int vsvm_exclusive(struct vsvm *v, void *addr, size_t len, uint64_t *done);

/**
 * vsvm_atomic() - the device does an atomic operation on a word of this process
 * @v: the handle
 * @word: the word, aligned to @size
 * @size: 4 or 8 bytes
 * @op: one of &enum drm_vsvm_atomic_op
 * @operand: the other operand, or the new word
 * @compare: for DRM_VSVM_ATOMIC_CAS the word that is expected, else 0
 * @old: out, the word before the operation, or 0 on failure; or NULL
 *
 * Return: 0, or a negative errno of &struct drm_vsvm_atomic.
 */
int vsvm_atomic(struct vsvm *v, void *word, uint32_t size, uint32_t op,
		uint64_t operand, uint64_t compare, uint64_t *old);

/** vsvm_stay_name() - one word for a reason of &enum drm_vsvm_stay, or NULL */
const char *vsvm_stay_name(unsigned int reason);

/** vsvm_place_name() - one word for DRM_VSVM_PLACE_*, or NULL */
const char *vsvm_place_name(uint32_t place);

#ifdef __cplusplus
}
#endif

#endif /* LIBVSVM_H */
