# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of the command vsvm in bash. Commands and options are those that the
# command itself lists: a new one needs nothing here.

# What may stand behind option $2 of command $1.
_vsvm_values() {
	case $1:$2 in
	*:-d | *:--device)
		local path
		for path in /sys/bus/platform/devices/vsvm.*; do
			[ ! -e "$path" ] || echo "${path##*.}"
		done
		;;
	bench:-t | bench:--table) echo works growth sparse queues policy memory workloads programs link ;;
	bench:-q | bench:--queue)
		echo copy fill fill-words cold-copy cold-source two threads spin wait eventfd jobs fault \
			fault-threads
		;;
	bench:-T | bench:--threads | bench:-p | bench:--processes) echo 1 2 ;;
	events:-w | events:--work) echo tour oversubscribe ;;
	events:-o | events:--only)
		echo device-fault cpu-fault migrate evict prefetch thrash-begin thrash-end queue-lost
		;;
	bench:-f | bench:--factor) echo 0.5 0.9 1.5 4 ;;
	bench:-W | bench:--workload) echo stream random chase matrix ;;
	esac
}

# Does option $2 of command $1 want a value?
_vsvm_wants() {
	"$_vsvm" help "$1" 2>/dev/null |
		grep -qE -- "^ +(-., )?$2=|^ +$2, --[a-z]+="
}

_vsvm() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=''
	local command=${COMP_WORDS[1]} _vsvm=${COMP_WORDS[0]}

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$_vsvm" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
		words="$words --help --version"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	# The shell takes --option=value for three words.
	case $cur:$prev in
	=:*) cur='' ;;
	*:=) prev=${COMP_WORDS[COMP_CWORD - 2]} ;;
	esac

	case $command:$prev in
	help:*) words=$("$_vsvm" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p') ;;
	*:-?*)
		if _vsvm_wants "$command" "$prev"; then
			case $command:$prev in
			record:-o | record:--output | plot:-o | plot:--output)
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
				return
				;;
			esac
			words=$(_vsvm_values "$command" "$prev")
			mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
			return
		fi
		;;
	esac
	case $command:$cur in
	help:*) ;;
	*:-*)
		words=$("$_vsvm" help "$command" 2>/dev/null |
			sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]*=\{0,1\}\).*/\2/p')
		;;
	where:*)
		words=$(cd /proc && echo [0-9]*)
		;;
	repro:*)
		if [ "$COMP_CWORD" = 2 ]; then
			words='list run'
		else
			words=$("$_vsvm" repro list 2>/dev/null | sed -n 's/^\([a-z-]*\) .*/\1/p')
		fi
		;;
	plot:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	record:*)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	# The value follows --option= at once.
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null || :
}
complete -F _vsvm vsvm
