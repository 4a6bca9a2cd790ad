# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the scripts of the test machine share: where things are, and how to run
# a program in the build tree. Sourced; $guest is this folder.

# shellcheck disable=SC2034,SC2154

# The kernel that the guest runs, as the series Debian names it.
kernel_series=7.3
suite=trixie
backports=trixie-backports

repo=$(cd "$guest/../.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vsvm

# The oldest kernel that the driver takes.
oldest=$(sed -n 's/^#if LINUX_VERSION_CODE < KERNEL_VERSION(\([0-9]*\), \([0-9]*\), 0)$/\1.\2/p' \
	"$repo/driver/compat.h" | head -n 1)

# supported RELEASE: whether the driver takes it.
supported() {
	printf '%s\n' "$oldest" "$1" | sort -CV
}

# What test_hmm and the tests of it are built from, as patterns in a kernel's source.
hmm_source='lib/test_hmm* mm/gup_test.* tools/testing/selftests/*.h
	tools/testing/selftests/mm tools/include/uapi tools/arch/x86/include/uapi'

say() {
	printf 'vsvm: %s\n' "$*" >&2
}

# 125 means: the machinery failed, not what it was asked to run.
die() {
	say "$*"
	exit 125
}

hash_of() {
	sha256sum | cut -c1-16
}

# What files of a kernel are called: its name, or what stands for its path.
name_of() {
	case $1 in
	/*) echo "own-$(echo "$*" | hash_of)" ;;
	*) echo "$1" ;;
	esac
}

# Run a program as root: this user, or else root of a user namespace, which has the
# ids that /etc/subuid gives this user. Files that are made there for other users than
# root belong to those ids outside, so only there they can be removed.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		unshare --user --map-root-user --map-auto --mount --pid --fork \
			--kill-child -- "$@"
	fi
}

# Run a program in the build tree with the cache at /cache and the
# repository, read-only, at /repo. The mounts live in a namespace of their own
# and vanish with the program. A container that hides parts of /proc lets nobody mount
# another one.
in_tree() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	as_root unshare --mount --propagation private -- sh -euc '
		tree=$1 cache=$2 repo=$3
		shift 3
		mkdir -p "$tree/cache" "$tree/repo"
		mount -t proc proc "$tree/proc" 2>/dev/null ||
			mount --rbind /proc "$tree/proc"
		mount --rbind /dev "$tree/dev"
		mount --bind "$cache" "$tree/cache"
		mount --bind -o ro "$repo" "$tree/repo"
		exec chroot "$tree" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' sh "$tree" "$cache" "$repo" "$@"
}

# Set $tree, $kver and $source once `setup` has made them.
find_tree() {
	[ -s "$cache/current-$tree_key" ] || die "run test/guest/setup first"
	read -r kver tree source <"$cache/current-$tree_key"
	tree=$cache/$tree
	source=$cache/$source
}

# Mark a folder or file of the cache as used, and remove what nobody has used
# for a month.
keep() {
	touch "$@"
	find "$cache" -mindepth 1 -maxdepth 1 -mtime +30 -name '*-*' |
		while IFS= read -r old; do as_root rm -rf "$old"; done
}

# What the tree is made from; the number goes up when setup makes it otherwise.
tree_key=$( (cat "$guest/packages"; echo "$suite $backports $kernel_series 1") | hash_of)
