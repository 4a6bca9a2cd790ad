/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VSVM_JOB_H
#define VSVM_JOB_H

struct vsvm_progress;
struct vsvm_queue;
struct vsvm_slot;
struct vsvm_turn_ops;
struct vsvm_worker_ops;

extern const struct vsvm_turn_ops vsvm_job_turn_ops;
extern const struct vsvm_worker_ops vsvm_job_worker_ops;

void vsvm_job_lose(struct vsvm_queue *q, int error,
		   const struct vsvm_progress *p);
void vsvm_job_forget(struct vsvm_queue *q, struct vsvm_slot *slot);

#endif /* VSVM_JOB_H */
