// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command "vsvm repro": public bugs of shared virtual memory as small programs. What
 * is fixed in every kernel that vsvm supports says so, and a kernel of ours, which has the
 * fixes of docs/upstream, is affected by none of them.
 */
#include <grp.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>

#include "vt.h"
#include "vt_command.h"
#include "vt_failpoint.h"
#include "vt_fixture.h"
#include "vt_host.h"

static unsigned int lines(void)
{
	unsigned int n = 0;
	const char *at;

	for (at = vt_said; *at; at++)
		n += *at == '\n';
	return n;
}

/* Does each line say a verdict in the form that the manual promises? */
static bool in_form(void)
{
	const char *form = "^([a-z0-9-]+: (fixed|(affected|cannot tell|not run) \\([^\n]+\\))\n)+$";
	regex_t re;
	bool ok;

	if (VT_BAD(regcomp(&re, form, REG_EXTENDED | REG_NOSUB)))
		return false;
	ok = !regexec(&re, vt_said, 0, NULL, 0);
	regfree(&re);
	return ok;
}

/* The verdict about @name, to the end of its line; "" if there is none. */
static const char *verdict(const char *name)
{
	static char line[512];
	const char *at = vt_said;
	size_t len = strlen(name);

	for (; *at; at = vt_next_line(at) ?: "")
		if (!strncmp(at, name, len) && at[len] == ':') {
			snprintf(line, sizeof(line), "%.*s",
				 (int)strcspn(at + len + 2, "\n"), at + len + 2);
			return line;
		}
	return "";
}

FIXTURE(repro)
{
	struct vsvm *v;
};

FIXTURE_SETUP(repro)
{
	ASSERT_EQ(0, vsvm_open(0, &self->v));
}

VT_TEARDOWN_CLOSE(repro)

#define FIXED	"file-private fault-livelock fault-race madv-free owner-filter"

/* What every kernel that vsvm works with has fixed, and what vsvm does right. */
TEST_F_TIMEOUT(repro, what_is_fixed_says_so, VT_LONG)
{
	EXPECT_EQ(0, vt_command("vsvm repro run " FIXED));
	EXPECT_STREQ("file-private: fixed\n"
		     "fault-livelock: fixed\n"
		     "fault-race: fixed\n"
		     "madv-free: fixed\n"
		     "owner-filter: fixed\n", vt_said);
}

/* All that is not dangerous: a verdict for each, and the exit status that goes with them. */
TEST_F_TIMEOUT(repro, all_have_a_verdict, VT_LONG)
{
	static const char *const upstream[] = {
		"ksm", "hmm-huge-pfn", "hard-offline", "pagemap-scan", "pfns-unlocked",
		"page-flags", "mlock-batch", "rwp-read",
	};
	unsigned int all, i;
	int status;

	ASSERT_EQ(0, vt_command("vsvm repro list"));
	all = lines() / 2;
	EXPECT_LE(12U, all);
	status = vt_command("vsvm repro run --all");
	EXPECT_EQ(all, lines());
	EXPECT_TRUE(in_form()) {
		TH_LOG("%s", vt_said);
	}
	EXPECT_EQ(strstr(vt_said, ": affected") ? 1 : 0, status);
	for (i = 0; i < VT_COUNT(upstream); i++) {
		const char *said = verdict(upstream[i]);

		/*
		 * Here is all that they need, but for read-write protection in 7.2, and
		 * for test_hmm where the bundle is on a kernel that was built without.
		 */
		if (strcmp(upstream[i], "rwp-read") &&
		    !(getenv("VSVM_MODPROBE") && strstr(said, "no module test_hmm")))
			EXPECT_NE(0, strncmp(said, "cannot tell", 11)) {
				TH_LOG("%s: %s", upstream[i], said);
			}
		if (vt_patched())
			EXPECT_STREQ("fixed", said) {
				TH_LOG("%s", upstream[i]);
			}
	}
	/* Modules that it loaded are gone. */
	EXPECT_EQ(1, vt_command("grep -E '^(test_hmm|askcore) ' /proc/modules"));
}

/* A program that hangs is ended, and that is no verdict about the kernel. */
TEST_F_TIMEOUT(repro, end_comes_in_time, VT_LONG)
{
	struct drm_vsvm_inject arg = {
		.op = DRM_VSVM_INJECT_PAUSE,
		.nth = 1,
		.times = 1,
		.timeout_ms = DRM_VSVM_PAUSE_MAX,
	};

	ASSERT_EQ(0, vt_inject(vsvm_fd(self->v), "setup", &arg));
	EXPECT_EQ(4, vt_command("vsvm repro run file-private"));
	EXPECT_STREQ("file-private: cannot tell (no end in 20 seconds)\n", vt_said);
	EXPECT_EQ(0, vt_disarm(self->v, "setup"));
	EXPECT_EQ(0, vt_command("vsvm repro run file-private"));
}

/* What may crash the kernel is not run unless that is asked for. */
TEST_F_TIMEOUT(repro, dangerous_ones_are_not_run, VT_LONG)
{
	EXPECT_EQ(4, vt_command("vsvm repro run huge-zap huge-split"));
	EXPECT_STREQ("huge-zap: not run (may crash this kernel, see --dangerous)\n"
		     "huge-split: not run (may crash this kernel, see --dangerous)\n",
		     vt_said);
	if (!vt_patched())
		return;
	EXPECT_EQ(0, vt_command("vsvm repro run --dangerous huge-zap huge-split"));
	EXPECT_STREQ("huge-zap: fixed\nhuge-split: fixed\n", vt_said);
}

static int as_user(struct vt_child *c, void *arg)
{
	(void)c;
	(void)arg;
	if (VT_BAD(setgroups(0, NULL) || setgid(1000) || setuid(1000)))
		return -1;
	if (VT_BAD(vt_command("vsvm repro run file-private fault-race hard-offline") != 4))
		return -1;
	return VT_BAD(!in_form() || strstr(vt_said, ": fixed") ||
		      strstr(vt_said, ": affected")) ? -1 : 0;
}

/* Who may not see what decides is told so, and gets no verdict. */
TEST_F(repro, user_is_told_what_is_missing)
{
	EXPECT_EQ(0, vt_run(as_user, NULL));
}

TEST_F(repro, json_has_the_same)
{
	ASSERT_EQ(0, vt_command("vsvm repro run --json file-private"));
	EXPECT_NE(NULL, strstr(vt_said, "\"repros\": ["));
	EXPECT_NE(NULL, strstr(vt_said, "\"name\": \"file-private\""));
	EXPECT_NE(NULL, strstr(vt_said, "\"verdict\": \"fixed\""));
	ASSERT_EQ(0, vt_command("vsvm repro list --json ksm"));
	EXPECT_NE(NULL, strstr(vt_said, "\"name\": \"ksm\""));
	EXPECT_NE(NULL, strstr(vt_said, "\"driver\": "));
	EXPECT_EQ(NULL, strstr(vt_said, "\"name\": \"file-private\""));
}

TEST_F(repro, refuses)
{
	EXPECT_EQ(2, vt_command("vsvm repro 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro run 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro run nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro list nonsense 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro run --all ksm 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro list --all 2>/dev/null"));
	EXPECT_EQ(2, vt_command("vsvm repro list --dangerous 2>/dev/null"));
	/* One line, and it names what is wrong. */
	vt_command("vsvm repro run nonsense 2>&1 >/dev/null | head -n 1");
	EXPECT_NE(NULL, strstr(vt_said, "'nonsense'"));
}

TEST_HARNESS_MAIN
