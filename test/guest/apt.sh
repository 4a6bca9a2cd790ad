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
	[ -n "$missing" ] || return 0
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

refresh_lists() {
	[ -z "${refreshed:-}" ] || return 0
	apt-get update -qq >&2 || die "apt-get update failed"
	refreshed=1
}

private_apt() {
	cmd=$1
	shift
	APT_CONFIG=$work/apt.conf "$cmd" "$@"
}

# make_apt SUITE...: an apt of these, which private_apt runs, in $work.
make_apt() {
	mirror=${VSVM_MIRROR:-$(find_mirror)}
	if [ -z "$mirror" ]; then
		refresh_lists
		mirror=$(find_mirror)
	fi
	[ -n "$mirror" ] || die "apt has no Debian mirror; name one in VSVM_MIRROR"

	mkdir -p "$work/lists/partial" "$work/archives/partial"
	for name; do
		echo "deb $mirror $name main"
	done >"$work/sources.list"
	acquire_options >"$work/acquire.conf"
	{
		cat "$work/acquire.conf"
		cat <<-END
		Dir::Etc::SourceList "$work/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$work/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$work";
		APT::Sandbox::User "root";
		APT::Architecture "amd64";
		Acquire::Languages "none";
		END
	} >"$work/apt.conf"
	private_apt apt-get update -qq >&2
}
