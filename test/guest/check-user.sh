# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# A part of selfcheck: the test machine as a user of this machine's, who has nothing but
# ids in /etc/subuid, and no mirror. Sourced by selfcheck, which has what it calls.

# shellcheck disable=SC2154

user=vsvm-selfcheck
useradd --create-home --shell /bin/sh "$user" || exit 1
trap 'pkill -9 -u "$user"; userdel -r "$user" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
export VSVM_MIRROR=http://nosuch.invalid VSVM_TREE="$work/tree.tar.zst"
"$here/setup" --save "$VSVM_TREE" || exit 1
as_user() {
	su "$user" -c "$1" >"$work/out" 2>"$work/err" </dev/null
	got=$?
}
cd "$here" || exit 1
as_user 'unshare --user ./run -- true'
verdict user_without_ids_is_told says 125 'may not make a user namespace'
as_user './run -- sh -c "vsvm info >/dev/null && id -u"'
verdict user_runs_a_guest came_out 0 0
verdict tree_is_taken_from_the_file grep -q "taking the build tree from $VSVM_TREE" "$work/err"
as_user 'find .. -user "$(id -un)" | grep . || find "$HOME/.cache" -user 0 | grep .'
verdict nothing_is_written_elsewhere came_out 1 ''
VSVM_TREE=$work/nosuch as_user 'XDG_CACHE_HOME=$HOME/two ./setup'
verdict no_saved_tree_is_told says 125 'VSVM_TREE: there is no file'
