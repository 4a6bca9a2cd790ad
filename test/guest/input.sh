# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What a run of the guest takes from its caller: standard input (--stdin), or the
# terminal (--tty). Sourced by run.
#
# QEMU's own standard input is a pipe, which it reads as fast as the guest does, and
# whose end it passes on. A program of the host writes to it what the caller has, from
# when the guest can take it: a boot that fails loses nothing, and the caller's own
# descriptors keep their flags. The descriptors of this shell:
#
#	3	the caller's standard input
#	7	the pipe to QEMU, until the program writes to it
#	8	closed when this shell ends, in whatever way; the guard of the
#		terminal's settings waits for that
#	9	to the guest: the terminal's size
#
# What is started here in the background must not hold 7 and 8.

# shellcheck disable=SC2034,SC2154

feeder='' guard=''

# Keep standard input for the guest alone.
input_keep() {
	[ -e /proc/self/fd/0 ] || exec </dev/null
	exec 3<&0 </dev/null
}

# Set $stdin or $tty from the options and the command.
input_choose() {
	if [ -n "$tty" ]; then
		[ -z "$stdin" ] || die "--tty and --stdin exclude each other"
		[ -t 3 ] && [ -t 1 ] || die "--tty wants a terminal as standard input and output"
	elif [ $# = 0 ] && [ -z "$stdin" ] && [ -t 3 ]; then
		[ -t 1 ] || die "no COMMAND, and standard output is not a terminal; --help says more"
		tty=1
	else
		case "${1:-} ${2:-}" in
		' ' | 'sh -s' | 'bash -s') stdin=1 ;;
		esac
	fi
}

# The command when there is none: a shell, the better one if there are two.
input_shell() {
	cat <<-'EOF'
	PS1='\h:\w\$ '
	export PS1
	shell=$(command -v bash || echo sh)
	EOF
	if [ -n "$tty" ]; then
		echo 'exec "$shell" -i'
	else
		echo 'exec "$shell" -s'
	fi
}

# What init has to know, as kernel parameters.
input_parameters() {
	[ -z "$stdin" ] || printf ' guest.stdin=1'
	[ -n "$tty" ] || return 0
	case ${TERM:-} in
	'' | *[!A-Za-z0-9+._-]*) term=dumb ;;
	*) term=$TERM ;;
	esac
	printf ' guest.tty=%s guest.term=%s' "$(stty size <&3 | tr ' ' x)" "$term"
}

# Neither end waits for the other to be opened.
input_open() {
	[ -n "$stdin$tty" ] || return 0
	mkfifo "$tmp/in"
	exec 7<>"$tmp/in"
	[ -n "$tty" ] || return 0
	mkfifo "$tmp/size"
	exec 9<>"$tmp/size"
}

input_size() {
	stty size <&3 >&9 2>/dev/null || :
}

# The terminal passes on every byte. When this shell has gone, however it ended,
# the guard brings the settings back.
input_raw() {
	settings=$(stty -g <&3)
	mkfifo "$tmp/guard"
	(
		trap '' HUP INT QUIT TERM TTOU TSTP
		read -r _ <"$tmp/guard" || :
		stty "$settings" <&3
	) >/dev/null 2>&1 7>&- 9>&- &
	guard=$!
	exec 8>"$tmp/guard"
	stty raw -echo <&3
	trap input_size WINCH
	input_size
}

# The guest runs: give it what the caller has.
input_start() {
	[ -n "$stdin$tty" ] && [ -z "$feeder" ] || return 0
	[ -z "$tty" ] || input_raw
	setpriv --pdeathsig KILL cat <&3 >&7 2>/dev/null 3<&- 7>&- 8>&- 9>&- &
	feeder=$!
	exec 7>&-
}

# Nobody takes it any more. What was not read stays with the caller.
input_stop() {
	if [ -n "$feeder" ]; then
		kill "$feeder" 2>/dev/null || :
		wait "$feeder" 2>/dev/null || :
	fi
	if [ -n "$guard" ]; then
		trap '' WINCH
		exec 8>&-
		wait "$guard" || :
	fi
	feeder='' guard=''
}
