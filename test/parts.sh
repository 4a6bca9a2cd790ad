# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What test/check and test/check-debug share: parts of a whole, some at a time, shown
# one after the other, and added up. Sourced; uses descriptor 7.
#
#	part NAME COMMAND...	one part; its last line is a total as run-tests prints it
#	run_parts		run them, and show them
#	sum_up			print what failed, and the total; fails when a part did
#
# VSVM_JOBS says how many at a time: as many as there are processors, because most
# of the time a guest uses one of its two.

work=$(mktemp -d) || exit 1
parts=0 starter=

# What was started ends with us; guest/run takes its guest along.
# shellcheck disable=SC2317,SC2329 # called by the trap
parts_end() {
	[ -z "$starter" ] || kill "$starter" 2>/dev/null
	for dir in "$work"/*/; do
		[ ! -e "$dir/pid" ] || [ -e "$dir/status" ] ||
			kill "$(cat "$dir/pid")" 2>/dev/null
	done
	rm -rf "$work"
}
trap parts_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

part() {
	parts=$((parts + 1))
	mkdir "$work/$parts"
	: >"$work/$parts/out"
	echo "$1" >"$work/$parts/name"
	shift
	{
		printf 'exec'
		for word; do
			printf " '"
			printf '%s' "$word" | sed "s/'/'\\\\''/g"
			printf "'"
		done
		echo
	} >"$work/$parts/command"
}

start_parts() {
	i=0
	while [ "$i" -lt "$parts" ]; do
		i=$((i + 1))
		read -r _ <&7
		(
			begin=$(date +%s)
			sh "$work/$i/command" </dev/null >"$work/$i/out" 2>&1 7>&- &
			echo $! >"$work/$i/pid"
			wait $!
			status=$?
			echo "$(($(date +%s) - begin))" >"$work/$i/seconds"
			echo "$status" >"$work/$i/status.tmp"
			mv "$work/$i/status.tmp" "$work/$i/status"
			echo >&7
		) &
	done
	wait
}

# A part's output as it comes, until the part has ended.
show_part() {
	shown=0 over=
	echo "# $(cat "$work/$1/name")"
	while [ -z "$over" ]; do
		[ ! -e "$work/$1/status" ] || over=1
		size=$(stat -c %s "$work/$1/out")
		tail -c +"$((shown + 1))" "$work/$1/out" | head -c "$((size - shown))"
		shown=$size
		[ -n "$over" ] || sleep 0.5
	done
	echo "# $(cat "$work/$1/name"): $(cat "$work/$1/seconds") seconds"
}

run_parts() {
	passed=0 failed=0 skipped=0
	mkfifo "$work/slots"
	exec 7<>"$work/slots"
	for _ in $(seq "${VSVM_JOBS:-$(nproc)}"); do
		echo >&7
	done
	start_parts &
	starter=$!
	for n in $(seq "$parts"); do
		show_part "$n"
		status=$(cat "$work/$n/status")
		total=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' \
			"$work/$n/out" | tail -n 1)
		# shellcheck disable=SC2086 # a list of words
		set -- $total 0 0 0 0 0 0
		if [ -z "$total" ] || { [ "$status" != 0 ] && [ "$3" = 0 ]; }; then
			echo "not ok - $(cat "$work/$n/name") ended with status $status" |
				tee -a "$work/$n/out"
			failed=$((failed + 1))
		fi
		passed=$((passed + $1)) failed=$((failed + $3))
		skipped=$((skipped + $5))
	done
	wait "$starter"
	starter=
}

sum_up() {
	# What failed, once more: it may be thousands of lines above.
	[ "$failed" = 0 ] || grep -hE -B 5 '^(# )*not ok ' "$work"/*/out | sed 's/^/# /'
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
