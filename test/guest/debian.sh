# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The kernels of Debian's backports: which there are, and their packages in $work.
# Sourced after apt.sh, and used after make_apt().

# shellcheck disable=SC2034,SC2154

# newest SERIES: set $kver and $kpkg, release and version of the newest kernel of a
# series in backports. Kernels of a series that ended stay there without headers.
newest() {
	escaped=$(printf '%s' "$1" | sed 's/\./\\./g')
	kver=$(private_apt apt-cache pkgnames linux-headers- |
		sed -n "s/^linux-headers-\($escaped\(\.[0-9]*\)\?+deb13-amd64\)$/\1/p" |
		sort -V | tail -n 1)
	if [ -z "$kver" ]; then
		there=$(private_apt apt-cache pkgnames linux-headers- |
			sed -n 's/^linux-headers-\([0-9]*\.[0-9]*\)[.0-9]*+deb13-amd64$/\1/p' |
			sort -uV | tr '\n' ' ')
		die "$backports has no headers of linux $1, only of ${there% }"
	fi
	kpkg=$(private_apt apt-cache show --no-all-versions "linux-headers-$kver" |
		sed -n 's/^Version: //p' | head -n 1)
	private_apt apt-cache madison "linux-binary-$kver" | grep -qF " $kpkg " ||
		die "$backports has linux-headers-$kver $kpkg, but not the kernel of that version"
}

# has_source SERIES: whether there is the source of $kpkg.
has_source() {
	private_apt apt-cache madison "linux-source-$1" | grep -qF " $kpkg "
}

# fetch PACKAGE[=VERSION]...: into $work/deb.
fetch() {
	mkdir -p "$work/deb"
	(cd "$work/deb" && private_apt apt-get download -qq "$@" >&2)
}

# unpack_source DIR [PATTERN...]: of the source that was fetched, what matches.
unpack_source() {
	into=$1
	shift
	for pattern; do
		set -- "$@" "*/$pattern"
		shift
	done
	dpkg-deb --fsys-tarfile "$work"/deb/linux-source-*.deb |
		tar -xO --wildcards '*/linux-source-*.tar.xz' |
		tar -xJ -C "$into" --strip-components=1 ${1:+--wildcards} "$@"
}
