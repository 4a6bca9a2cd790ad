# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What test/check and test/check-debug take: a kernel, and names of tests. Sourced,
# with what the script was given; $here is its folder. Sets $kernel, which is empty
# when none is named, and $tests_named.

# shellcheck disable=SC2034,SC2154

kernel='' tests_named=''
wrong() {
	echo "vsvm: $*" >&2
	exit 125
}

# take_kernel VALUE
take_kernel() {
	kernel=$1
	"$here/guest/kernel" "$kernel" >/dev/null || exit 125
}

# take_test NAME: a program, or a test of one, as run-tests takes it.
take_test() {
	case $1 in
	*[!A-Za-z0-9_.:]*) wrong "'$1' is no name of a test" ;;
	esac
	[ -f "$here/selftest/${1%%:*}.c" ] ||
		wrong "there is no test '${1%%:*}'; the names are those of test/selftest/test_*.c"
	tests_named="$tests_named $1"
}
