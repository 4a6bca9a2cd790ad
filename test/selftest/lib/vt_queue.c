// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "vt_queue.h"

/* Between two looks at a state. */
#define POLL_USEC	1000

int vt_queue_make(struct vt_queue *q, struct vsvm *v, uint32_t slots)
{
	int ret;

	memset(q, 0, sizeof(*q));
	q->v = v;
	q->fence = vt_map(VT_PAGE, VT_SMALL);
	if (!q->fence)
		return -1;
	ret = vsvm_queue_create(v, VT_NORMAL, slots, &q->id);
	if (ret || !q->id)
		return vt_wrong("queue of %u slots: %d, number %u", slots, ret, q->id);
	return 0;
}

int64_t vt_queue_deadline(void)
{
	return vsvm_deadline(VT_QUEUE_SECONDS * 1000000000LL);
}

/* One line about a call that gave @ret. */
static int wrong(struct vt_queue *q, const char *what, int ret)
{
	struct drm_vsvm_queue_status s = {};

	if (q->id)
		vsvm_queue_status(q->v, q->id, &s);
	return vt_wrong("%s: %s; queue %u: state %u, %llu of %llu done, lost %llu: %#llx, %u, %s",
			what, strerror(-ret), q->id, s.state,
			(unsigned long long)s.done, (unsigned long long)s.submitted,
			(unsigned long long)s.lost, (unsigned long long)s.addr,
			s.access, strerror(s.error));
}

int vt_wait_word(struct vt_queue *q, const uint64_t *word, uint64_t value)
{
	int ret = vsvm_wait(q->v, word, value, ~0ULL, DRM_VSVM_WAIT_EQ,
			    vt_queue_deadline(), q->id);

	if (ret)
		return wrong(q, "wait", ret);
	if (vt_load(word) != value)
		return vt_wrong("waited for %#llx, and it is %#llx",
				(unsigned long long)value,
				(unsigned long long)vt_load(word));
	return 0;
}

int vt_submit(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr)
{
	int ret = vsvm_submit(q->v, q->id, c, nr, NULL);

	return ret ? wrong(q, "submit", ret) : 0;
}

int vt_submit_one(struct vt_queue *q, struct drm_vsvm_command c)
{
	return vt_submit(q, &c, 1);
}

int vt_begin(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr)
{
	if (nr && vt_submit(q, c, nr))
		return -1;
	return vt_submit_one(q, vsvm_cmd_signal(q->fence, ++q->signals, -1));
}

int vt_end(struct vt_queue *q)
{
	return vt_wait_word(q, q->fence, q->signals);
}

int vt_do(struct vt_queue *q, const struct drm_vsvm_command *c, unsigned int nr)
{
	return vt_begin(q, c, nr) || vt_end(q) ? -1 : 0;
}

int vt_do_one(struct vt_queue *q, struct drm_vsvm_command c)
{
	return vt_do(q, &c, 1);
}

int vt_copy(struct vt_queue *q, void *to, const void *from, size_t len)
{
	return vt_do_one(q, vsvm_cmd_copy(to, from, len));
}

int vt_signal(struct vt_queue *q, uint64_t *word, uint64_t value)
{
	return vt_submit_one(q, vsvm_cmd_signal(word, value, -1));
}

int vt_queue_status(struct vt_queue *q, struct drm_vsvm_queue_status *s)
{
	int ret = vsvm_queue_status(q->v, q->id, s);

	if (ret)
		return vt_wrong("status of queue %u: %s", q->id, strerror(-ret));
	if (s->done > s->submitted || s->state > DRM_VSVM_QUEUE_LOST ||
	    s->moved > s->prefetched ||
	    (s->state == DRM_VSVM_QUEUE_IDLE && s->done != s->submitted))
		return wrong(q, "a status that cannot be", 0);
	if (s->state == DRM_VSVM_QUEUE_LOST)
		return s->error && s->lost == s->done + 1 && s->lost <= s->submitted ?
			       0 : wrong(q, "a cause that cannot be", 0);
	if (s->error || s->access || s->addr || s->lost)
		return wrong(q, "a cause without a loss", 0);
	return 0;
}

int vt_queue_state(struct vt_queue *q)
{
	struct drm_vsvm_queue_status s;

	return vt_queue_status(q, &s) ? -1 : (int)s.state;
}

int vt_queue_becomes(struct vt_queue *q, uint32_t state)
{
	int64_t deadline = vt_queue_deadline();
	int now;

	do {
		now = vt_queue_state(q);
		if (now < 0)
			return -1;
		if ((uint32_t)now == state)
			return 0;
		if (now == DRM_VSVM_QUEUE_LOST)
			break;
		usleep(POLL_USEC);
	} while (vsvm_deadline(0) < deadline);
	return wrong(q, "it does not get into the state", 0);
}

int vt_hold(struct vt_queue *q, uint64_t *word)
{
	if (vt_submit_one(q, vsvm_cmd_wait(word, 0, ~0ULL, DRM_VSVM_WAIT_NE)))
		return -1;
	return vt_queue_becomes(q, DRM_VSVM_QUEUE_WAITING);
}

short vt_queue_poll(struct vsvm *v)
{
	struct pollfd p = { .fd = vsvm_fd(v), .events = POLLPRI };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}
