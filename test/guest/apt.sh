# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Debian's packages: for this machine, and for trees that have a release of their
# own. Sourced after lib.sh; make_apt() wants $work, a folder of the caller's.

# shellcheck disable=SC2034,SC2154

# need PROGRAM:PACKAGE...: install what this machine lacks of it.
need() {
	missing=
	for pair; do
		command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
	done
	[ -z "$missing" ] || install_packages "$missing"
}

# install_packages LIST: here.
install_packages() {
	missing=$1
	[ "$(id -u)" = 0 ] ||
		die "this machine lacks$missing; as root: apt-get install$missing"
	say "installing$missing"
	log=$cache/apt.log
	refresh_lists
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		-o Dpkg::Use-Pty=0 --no-install-recommends $missing >"$log" 2>&1 || {
		cat "$log" >&2
		die "cannot install$missing"
	}
}

# Whether as_root() can do what it is for.
check_as_root() {
	if [ "$(id -u)" = 0 ]; then
		unshare --mount --propagation private true 2>/dev/null ||
			die "root may not mount here: this container wants CAP_SYS_ADMIN (--privileged)"
		return 0
	fi
	need newuidmap:uidmap
	as_root true 2>"$cache/as-root.log" || {
		cat "$cache/as-root.log" >&2
		die "$(id -un) may not make a user namespace with ids of /etc/subuid; run this as root"
	}
}

refresh_lists() {
	[ -z "${refreshed:-}" ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "apt has no lists of packages; as root: apt-get update"
	apt-get update -qq >&2 || die "apt-get update failed"
	refreshed=1
}

# The mirror that this machine's own apt uses.
find_mirror() {
	# shellcheck disable=SC2016 # apt's own variables
	targets=$(apt-get indextargets --format '$(SITE)|$(RELEASE)|$(CREATED_BY)')
	site=$(printf '%s\n' "$targets" |
		sed -n 's/|\(bookworm\|trixie\)|Packages$//p' | head -n 1)
	printf '%s\n' "$site"
}

# What Debian signs its lists with; Ubuntu does not trust that by itself.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

private_apt() {
	cmd=$1
	shift
	APT_CONFIG=$work/apt.conf "$cmd" "$@"
}

# How this machine reaches the mirror counts for a tree as well.
acquire_options() {
	apt-config dump Acquire |
		grep -E '^Acquire::((http|https)::|(Check-Valid-Until|Check-Date|Retries|ForceIPv4|ForceIPv6) )' || :
}

# make_sources SUITE...: where packages of these come from, in $work.
make_sources() {
	mirror=${VSVM_MIRROR:-$(find_mirror)}
	if [ -z "$mirror" ]; then
		refresh_lists
		mirror=$(find_mirror)
	fi
	[ -n "$mirror" ] || die "apt has no Debian mirror; name one in VSVM_MIRROR"
	[ -e "$keyring" ] || install_packages " debian-archive-keyring"

	for archive; do
		echo "deb $mirror $archive main"
	done >"$work/sources.list"
	acquire_options >"$work/acquire.conf"
}

# What documentation takes in a tree, nobody reads there.
without_docs='--dpkgopt=path-exclude=/usr/share/doc/* --dpkgopt=path-exclude=/usr/share/man/*'

# debian_tree DIR SUITE PACKAGES [OPTION...]: make a tree, with packages that commas
# separate, from what make_sources() was given. OPTIONs are mmdebstrap's.
debian_tree() {
	dir=$1 of=$2 packages=$3
	shift 3
	need mmdebstrap:mmdebstrap
	check_as_root
	# In a user namespace nobody mounts another /sys, and no package here asks for it.
	[ "$(id -u)" = 0 ] || set -- --skip=chroot/mount/sys "$@"
	as_root mmdebstrap --quiet --variant=apt --mode=root \
		--keyring="$keyring" --keyring=/etc/apt/trusted.gpg.d \
		--aptopt="$work/acquire.conf" \
		--aptopt='APT::Install-Recommends "false"' \
		${packages:+--include="$packages"} "$@" \
		"$of" "$dir" "$work/sources.list" >&2
}

# make_apt SUITE...: an apt of these, which private_apt runs, in $work.
make_apt() {
	make_sources "$@"
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	{
		cat "$work/acquire.conf"
		cat <<-END
		Dir::Etc::SourceList "$work/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$work/lists";
		Dir::State::status "/dev/null";
		Dir::Etc::Trusted "$keyring";
		Dir::Cache "$work";
		APT::Sandbox::User "root";
		APT::Architecture "amd64";
		Acquire::Languages "none";
		END
	} >"$work/apt.conf"
	private_apt apt-get update -qq -o APT::Update::Error-Mode=any >&2 ||
		die "$mirror gives no lists of packages: is there a network? VSVM_MIRROR names another mirror"
}
