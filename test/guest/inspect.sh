# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What `run` needs for --gdb and --dump: a guest that is stopped and looked at.
# QEMU's monitor (QMP) is a pair of FIFOs, on which each message is a line. Sourced;
# the variables are those of run.

# shellcheck disable=SC2034,SC2154

# How long a guest may take after its first process has begun, besides the time of
# the command, before the host calls it hung.
grace=${VSVM_GRACE:-900}

# Refuse a FILE for the dump that cannot be made.
check_dump() {
	case $dump in
	/*) ;;
	*) dump=$PWD/$dump ;;
	esac
	[ ! -d "$dump" ] || die "--dump $dump is a folder"
	[ -d "${dump%/*}/" ] || die "--dump $dump: there is no folder ${dump%/*}"
	part=$dump.part.$$
	(: >"$part") 2>/dev/null || die "--dump $dump cannot be written"
	rm -f "$part"
}

# Print the commands for gdb. After them the kernel is where its own code begins:
# before, none of it is where its symbols say. gdb_script VMLINUX MODULE; there is
# no MODULE if the driver is in the kernel.
gdb_script() {
	cat <<-END
	set pagination off
	set breakpoint pending on
	directory $source
	set substitute-path /repo $repo
	set substitute-path /usr/src $tree/usr/src
	file $1
	source $guest/gdb.py
	target remote $tmp/gdb-socket
	thbreak start_kernel
	continue
	END
	[ ! -e "$2" ] || echo "vsvm-module vsvm $2"
}

# Before each boot: new FIFOs, of which both ends stay open in run.
open_monitor() {
	rm -f "$tmp/qmp.in" "$tmp/qmp.out" "$tmp/core" "$tmp/dumped"
	mkfifo "$tmp/qmp.in" "$tmp/qmp.out" "$tmp/core"
	exec 4<>"$tmp/qmp.in" 5<>"$tmp/qmp.out"
}

# Ask QEMU for the guest's memory, as an ELF file on a FIFO: what is all zero takes
# no room on the disk.
ask_for_dump() {
	env --default-signal=PIPE dd if="$tmp/core" of="$part" bs=64K \
		iflag=fullblock conv=sparse status=none 2>"$tmp/dd" &
	dd=$!
	printf '{"execute":"dump-guest-memory","id":"dump","arguments":%s}\n' \
		"{\"paging\":false,\"protocol\":\"file:$(json "$tmp/core")\"}"
}

json() {
	printf %s "$1" | sed 's/[\\"]/\\&/g'
}

# keep_dump ANSWER: the dump gets its name when both ends say that it is whole.
keep_dump() {
	problem=
	case $1 in
	*'"return"'*) ;;
	*)
		problem=$(printf '%s\n' "$1" | sed 's/.*"desc": "\([^"]*\)".*/\1/')
		# QEMU may not have opened its end.
		kill "$dd" 2>/dev/null || :
		;;
	esac
	if ! wait "$dd"; then
		why=$(cat "$tmp/dd")
		problem=${why:-${problem:-dd was ended}}
	fi
	[ -n "$problem" ] || mv -f "$part" "$dump" 2>"$tmp/dd" || problem=$(cat "$tmp/dd")
	printf %s "$problem" >"$tmp/dumped"
}

# Watch over the guest of this boot: reads QEMU's messages, and a tick each second,
# and prints what QEMU is to do. Time that a debugger holds the guest does not count.
# With --dump QEMU stops the guest where it would end it, and waits for the dump.
watch() {
	running=1 seconds=0 ending='' dd=
	[ -z "$gdb" ] || running=
	echo '{"execute":"qmp_capabilities"}'
	while IFS= read -r line; do
		case $line in
		end)
			# Without an answer to what it was asked: it was killed.
			[ -z "$dd" ] || kill "$dd" 2>/dev/null || :
			[ -z "$dump" ] || rm -f "$part"
			return
			;;
		tick)
			[ -n "$running" ] && [ -n "$timeout" ] && began || continue
			seconds=$((seconds + 1))
			[ "$seconds" = $((timeout + grace)) ] || continue
			: >"$tmp/hangs"
			echo '{"execute":"stop"}'
			;;
		*'"event": "STOP"'*) running='' ; continue ;;
		*'"event": "RESUME"'*) running=1 ; continue ;;
		*'"event": "SHUTDOWN"'*'"guest": true'* | \
		*'"guest": true'*'"event": "SHUTDOWN"'*) [ -n "$dump" ] || continue ;;
		*'"id": "dump"'*)
			keep_dump "$line"
			echo '{"execute":"quit"}'
			continue
			;;
		*) continue ;;
		esac
		[ -z "$ending" ] || continue
		ending=1
		if [ -n "$dump" ]; then
			ask_for_dump
		else
			echo '{"execute":"quit"}'
		fi
	done
}

# Start what watches over QEMU, which is process $qemu. It has no end of file to
# wait for, because it has both ends.
start_watch() {
	(
		trap - EXIT HUP INT TERM
		{
			while [ -e "/proc/$qemu/exe" ]; do
				echo tick
				sleep 1
			done
			echo end
		} >&5 &
		watch <&5 >&4
	) 3<&- 6>&- 7>&- 9>&- &
	watcher=$!
}

# QEMU has ended.
end_watch() {
	exec 4>&- 5>&-
	wait "$watcher" || :
	watcher=
	[ ! -e "$tmp/hangs" ] || ended=124
}

# Say what became of the dump. Succeeds when there is one, or none was asked for.
report_dump() {
	[ -n "$dump" ] || return 0
	if [ ! -e "$tmp/dumped" ]; then
		say "there is no dump: QEMU ended before it"
	elif [ -s "$tmp/dumped" ]; then
		say "there is no dump: $(cat "$tmp/dumped")"
	else
		say "the guest's memory is in $dump: $(($(stat -c %s "$dump") / 1048576)) MiB, $(du -m "$dump" | cut -f 1) of them on the disk"
		module=
		[ ! -e "$log/vsvm.ko" ] || module="--module $log/vsvm.ko "
		[ "$kernel" = stock ] || module="--kernel $kernel $module"
		say "to open it: test/guest/examine ${module}drgn $dump"
		return 0
	fi
	return 1
}
