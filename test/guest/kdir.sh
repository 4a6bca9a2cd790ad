# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# A kernel of somebody's own, as it is on this machine: $kdir is its source, built in
# place, or the folder that it was built in with O=. Sourced after lib.sh.

# shellcheck disable=SC2034,SC2154

# find_kernel DIR: set $kdir, its full path, and $ksrc, where its source is.
find_kernel() {
	[ -d "$1" ] || die "$1 is not a folder"
	kdir=$(cd "$1" && pwd -P)
	ksrc=$kdir
	[ ! -L "$kdir/source" ] || ksrc=$(readlink -m "$kdir/source")
	if [ ! -x "$ksrc/scripts/config" ] || [ ! -f "$kdir/Makefile" ]; then
		[ ! -L "$kdir/source" ] || [ -d "$ksrc" ] ||
			die "$kdir was built from $ksrc, which is not there"
		die "$kdir is neither the source of a kernel nor a folder that one is built in"
	fi
	[ -f "$kdir/.config" ] || die "$kdir has no .config: configure that kernel first"
}

# The value of an option of $kdir's kernel as it was built, without quotes.
built_with() {
	sed -n "s/^CONFIG_$1=\(.*\)/\1/p" "$kdir/include/config/auto.conf" | tr -d '"'
}

# Set $cc and $llvm: the compiler that built $kdir, or nothing when none did.
find_compiler() {
	cc='' llvm=''
	[ -f "$kdir/include/config/auto.conf" ] || return 0
	text=$(built_with CC_VERSION_TEXT)
	# What the first object was built by, then what may be there under other names.
	by=$(sed -n 's/^savedcmd_init\/main\.o := //p' "$kdir/init/.main.o.cmd" 2>/dev/null |
		sed 's/ -.*//')
	gcc=$(built_with GCC_VERSION) clang=$(built_with CLANG_VERSION)
	for cc in "$by" gcc "gcc-$((${gcc:-0} / 10000))" clang \
			"clang-$((${clang:-0} / 10000))"; do
		# shellcheck disable=SC2086 # there may be a ccache
		[ -z "$cc" ] || [ "$(LC_ALL=C $cc --version 2>/dev/null | head -n 1 |
			tr -d '#')" != "$text" ] || break
		cc=
	done
	[ -n "$cc" ] ||
		die "$kdir was built by $text${by:+ ($by)}, which is not on this machine now"
	[ "$(built_with CC_IS_CLANG)" = y ] && [ "$(built_with LD_IS_LLD)" = y ] || return 0
	# LLVM= wants what is before or behind the names of its programs.
	case ${cc##* } in
	*/clang) llvm=${cc##* } llvm=${llvm%clang} ;;
	clang-*) llvm=${cc##* } llvm=${llvm#clang} ;;
	*) llvm=1 ;;
	esac
}

# make in $kdir, by its compiler, whatever another make above us was told.
kmake() {
	as=
	[ "$(built_with CC_IS_CLANG)" != y ] || [ "$(built_with AS_IS_LLVM)" = y ] || as=0
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u KBUILD_OUTPUT -u O \
		make -s -C "$kdir" ${llvm:+LLVM="$llvm"} ${cc:+CC="$cc"} \
		${as:+LLVM_IAS="$as"} "$@"
}

# lacking LIST [CONFIG]: the lines of a list that a configuration does not have. A line
# that only is there to select another ("has no prompt") is passed over. $tmp is a
# folder of the caller's.
lacking() {
	list=$1
	config=${2:-$kdir/.config}
	# What selects another option counts for nothing itself.
	means=$(sed -n 's/^# CONFIG_.* has no prompt: \(CONFIG_.*\) selects it$/\1/p' "$list")
	grep '^CONFIG_' "$list" | while IFS= read -r line; do
		case "
$means
" in *"
$line
"*) continue ;; esac
		name=${line%%=*}
		case $line in
		*=n) ! grep -q "^$name=[ym]" "$config" || echo "$line" ;;
		*=m) grep -q "^$name=[ym]$" "$config" || echo "$line" ;;
		*) grep -qxF "$line" "$config" || echo "$line" ;;
		esac
	done >"$tmp/lacking"
	[ -s "$tmp/lacking" ] || return 0
	# What this kernel does not know is nothing that it lacks.
	grep -rhoE --include='Kconfig*' '^[[:space:]]*(menu)?config [A-Z0-9_]+' "$ksrc" |
		sed 's/.*config /CONFIG_/' >"$tmp/known"
	awk -F = 'NR == FNR { known[$1]; next } $1 in known' "$tmp/known" "$tmp/lacking"
}

# How to set such a line, as options of scripts/config.
to_set() {
	while IFS= read -r line; do
		hint=$(sed -n "s/^# ${line%%=*} has no prompt: \(CONFIG_.*\) selects it\$/\1/p" \
			"$1")
		for each in ${hint:-"$line"}; do
			name=${each%%=*}
			case $each in
			*=n) echo "--disable ${name#CONFIG_}" ;;
			*=m) echo "--module ${name#CONFIG_}" ;;
			*) echo "--enable ${name#CONFIG_}" ;;
			esac
		done
	done | awk '!seen[$0]++'
}

# explain LIST LINES: what is lacking, why, and what would set it.
explain() {
	printf '%s\n' "$2" | while IFS= read -r line; do
		sed -n "s/^# \(${line%%=*} has no prompt: .*\)\$/$line (\1)/p" "$1" | grep . ||
			echo "$line"
	done
	{
		echo "$ksrc/scripts/config --file $kdir/.config"
		printf '%s\n' "$2" | to_set "$1"
	} | tr '\n' ' ' | fold -s -w 90 | sed '$!s/ *$/ \\/; $s/ *$//'
	echo
	echo "make -C $kdir olddefconfig"
}
