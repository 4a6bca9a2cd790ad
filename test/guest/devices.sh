# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What a run gives to QEMU besides: the folder of --rw and the words of --qemu.
# Sourced by run.

# shellcheck disable=SC2034,SC2154

# A comma ends a value of QEMU's options, unless there are two.
no_comma() {
	printf '%s' "$1" | sed 's/,/,,/g'
}

# The words of --qemu, one a line. Quotes are as in a shell.
qemu_words() {
	[ -n "$qemu_args" ] || return 0
	printf '%s\n' "$qemu_args" | xargs -n 1 printf '%s\n'
}

devices_choose() {
	if [ -n "$rw" ]; then
		[ -d "$rw" ] || die "--rw $rw is not a folder"
		rw=$(cd "$rw" && pwd -P)
	fi
	words=$(qemu_words 2>/dev/null) || die "--qemu $qemu_args: a quote is not closed"
	# It would leave a QEMU behind.
	printf '%s\n' "$words" | grep -qxE -e '--?daemonize' &&
		die "--qemu: -daemonize is not for a run that waits for its guest"
	return 0
}
