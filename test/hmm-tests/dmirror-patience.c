// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a program wait longer. Preloaded, or linked in, it multiplies the timeout of
 * each poll() that would wait for half a minute or more by $VSVM_TEST_PATIENCE.
 *
 * kselftest_harness.h ends a test after 30 seconds, or as many as the test says.
 * An emulated machine with a kernel that checks every access needs more for the
 * same work. Nothing else of a test is about time, so nothing else changes.
 *
 * Lifetime: the program's. It has no state, and no locks.
 */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define LONG_MS		30000

__attribute__((visibility("default")))
int poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
	const char *patience = getenv("VSVM_TEST_PATIENCE");
	int factor = patience ? atoi(patience) : 1;
	struct timespec limit;

	if (timeout >= LONG_MS && factor > 1)
		timeout = timeout < INT_MAX / factor ? timeout * factor : INT_MAX;
	limit.tv_sec = timeout / 1000;
	limit.tv_nsec = timeout % 1000 * 1000000L;
	return ppoll(fds, nfds, timeout < 0 ? NULL : &limit, NULL);
}
