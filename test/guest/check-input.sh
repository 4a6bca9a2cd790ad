# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What selfcheck has of standard input and the terminal. Sourced by it.

# shellcheck disable=SC2034,SC2154

# fed NAME STATUS OUTPUT ARGUMENT...: as case_, with standard input as it is.
fed() {
	name=$1 want=$2 text=$3
	shift 3
	"$run" "$@" >"$work/out" 2>"$work/err"
	got=$?
	verdict "$name" came_out "$want" "$text"
}

head -c 300000 /dev/urandom >"$work/bytes"
sum=$(sha256sum <"$work/bytes")
fed stdin_arrives_with_all_bytes 0 "$sum" --stdin -- sha256sum <"$work/bytes"
mkfifo "$work/pipe"
yes >"$work/pipe" 2>/dev/null &
fed stdin_without_end_ends_with_the_command 3 y --stdin -- \
	sh -c 'head -n 1; exit 3' <"$work/pipe"
fed stdin_that_says_nothing_holds_nothing_up 0 '' --stdin -- true <>"$work/pipe"
fed stdin_is_empty_without_the_option 0 0 -- wc -c <"$work/bytes"
fed stdin_that_is_closed_is_empty 0 0 --stdin -- wc -c <&-
echo 'echo $((${1:-0} * 7)); exit 5' >"$work/script"
fed script_on_stdin 5 42 -- sh -s 6 <"$work/script"
fed script_without_a_command 5 0 <"$work/script"
refused tty_without_a_terminal_is_refused '--tty wants a terminal' --tty -- true

# on_terminal COMMAND: a shell's, on a terminal of its own, in the background. It
# prints its settings at the end, when the guard had its time. Keys go to descriptor 5.
on_terminal() {
	rm -f "$work/keys"
	mkfifo "$work/keys"
	: >"$work/out"
	exec 5<>"$work/keys"
	cat >"$work/session" <<-EOS
	stty rows 33 cols 101
	echo "before: \$(stty -g)"
	$1
	echo "status \$?"
	sleep 3
	echo "after: \$(stty -g)"
	EOS
	TERM=vt100 script -qec "sh '$work/session'" /dev/null <&5 >"$work/out" 2>"$work/err" 5>&- &
	session=$!
}
# Wait until the terminal shows PATTERN, and press KEYS.
type_after() {
	waited=0
	until grep -qE "$1" "$work/out"; do
		[ "$waited" -lt 900 ] && kill -0 "$session" 2>/dev/null || return 0
		waited=$((waited + 1))
		sleep 1
	done
	printf "$2" >&5
}
terminal_name() {
	ps -o tty= --ppid "$session" | head -n 1
}
# The session is over: it ended with STATUS and left its settings as they were.
session_ends() {
	wait "$session"
	exec 5>&-
	tr -d '\r' <"$work/out" >"$work/session" && mv "$work/session" "$work/out"
	got=$(sed -n 's/^status //p' "$work/out")
}
settings_are_back() {
	sed -n 's/^before: //p' "$work/out" | grep . >"$work/before" &&
		sed -n 's/^after: //p' "$work/out" | cmp -s - "$work/before"
}
shows() {
	[ "$got" = "$1" ] && grep -qE "$2" "$work/out"
}

# What the guest prints is told from its echo of the keys by the arithmetic.
on_terminal "'$run'"
type_after 'vsvm:~# ' 'echo $((6 * 7)) on $(tty) $TERM $(stty size)\r'
type_after '^42 on' 'sh -c "echo sleeps $((6 * 6)); sleep 1000"\r'
type_after '^sleeps 36' '\003'
type_after '\^C' 'echo interrupted $?\r'
type_after '^interrupted 1' 'sh -c "echo sleeps $((8 * 8)); sleep 1002"\r'
type_after '^sleeps 64' '\032'
type_after '\^Z' 'jobs\r'
type_after 'Stopped.* sleep 1002' 'kill -9 %%1; echo now $((3 * 3))\r'
type_after '^now 9' ''
stty rows 44 cols 121 <"/dev/$(terminal_name)"
sleep 3
printf 'echo size is $(stty size)\r' >&5
type_after '^size is' 'exit $((3 * 3))\r'
session_ends
verdict terminal_has_a_shell shows 9 '^42 on /dev/hvc0 vt100 33 101$'
verdict terminal_interrupts_in_the_guest shows 9 '^interrupted 130$'
verdict terminal_has_job_control shows 9 'Stopped.*sleep 1002'
verdict terminal_has_another_size shows 9 '^size is 44 121$'
verdict terminal_is_as_before settings_are_back

# However it ends, the terminal is as before. Each process of the run has the name
# of its folder in its arguments.
mkdir "$work/tty"
guest_is_killed() {
	on_terminal "TMPDIR='$work/tty' '$run' --tty -- sh -c 'echo \$((6 * 7)); sleep 1000'"
	type_after '^42' ''
	raw=$(stty -a -F "/dev/$(terminal_name)" | grep -c -- ' -icanon')
	$1
	session_ends
}
kill_qemu() {
	kill -KILL "$(pgrep -f "^qemu-system-x86_64 .*$work/tty")"
}
kill_run() {
	kill -KILL "$(pgrep -o -f "$run --tty")"
}
guest_is_killed kill_qemu
verdict terminal_without_qemu shows 125 'QEMU ended with 137'
verdict terminal_is_as_before_without_qemu settings_are_back
verdict terminal_was_raw [ "$raw" = 1 ]
guest_is_killed kill_run
verdict terminal_of_a_killed_run shows 137 '^42'
verdict terminal_is_as_before_after_a_killed_run settings_are_back
