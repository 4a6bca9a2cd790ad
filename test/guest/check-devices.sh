# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What selfcheck has of --rw, --with and --qemu. Sourced by it.

# shellcheck disable=SC2034,SC2154,SC2317,SC2329

refused rw_that_is_no_folder_is_refused '--rw /nosuch is not a folder' --rw /nosuch -- true
refused package_that_debian_lacks_is_refused \
	'--with: Debian trixie has no package nosuch-1 nosuch-2$' \
	--with nosuch-2,dash,nosuch-1 -- true
refused name_that_is_no_package_is_refused "--with: 'a;b' is not" --with 'dash,a;b' -- true
refused name_that_is_no_suite_is_refused "--with: '.' is not a suite" --with .:dash -- true
refused no_package_is_refused '--with wants the names' --with , -- true
find "${XDG_CACHE_HOME:-$HOME/.cache}/vsvm" -maxdepth 1 -name 'with.tmp.*' >"$work/out"
verdict refused_packages_leave_nothing [ ! -s "$work/out" ]
refused quote_that_is_not_closed_is_refused "--qemu .*: a quote is not closed" --qemu "-name 'a" -- true
refused qemu_that_would_stay_is_refused '--qemu: -daemonize' --qemu '-name a -daemonize' -- true
guest --qemu -nosuch -- true
verdict qemu_that_refuses_an_argument_is_125 only_says 125 'nosuch: invalid option'
case_ qemu_has_more_arguments 0 'two words 1' -m 1G \
	--qemu '-device edu' --qemu '-smbios "type=1,product=two words"' -- \
	sh -c 'echo "$(cat /sys/class/dmi/id/product_name) $(cat /sys/bus/pci/devices/*/device | grep -c 0x11e8)"'

# What was written is on the host, whatever becomes of the guest.
rw="$work/a folder, with a comma"
mkdir "$rw"
echo content >"$rw/from host"
ln -s /etc/hostname "$rw/leaves"
guest --rw "$rw" -- sh -c 'cd /mnt/rw && cat "from host" leaves &&
	mkdir new && seq 100000 >new/numbers && mv "from host" moved
	chmod 777 . && /usr/bin/setpriv --reuid 1000 --clear-groups sh -c "echo yes >mine"
	echo c >/proc/sysrq-trigger; sleep 1000'
verdict rw_is_the_hosts_folder came_out 126 'content
vsvm'
rw_has_all() {
	seq 100000 | cmp - "$rw/new/numbers" && [ "$(cat "$rw/moved")" = content ] &&
		[ ! -e "$rw/from host" ]
}
verdict rw_keeps_what_a_crashed_guest_wrote rw_has_all
verdict rw_has_the_guests_owners [ "$(stat -c %u:%s "$rw/mine" "$rw/moved" | tr '\n' ' ')" = '1000:4 0:8 ' ]
guest --rw "$rw" --timeout 5 -- sh -c 'echo late >/mnt/rw/late; sleep 1000'
verdict rw_lets_a_timeout_be_one came_out 124 ''
verdict rw_keeps_what_came_before_a_timeout [ "$(cat "$rw/late")" = late ]

# perf is of the kernel's version; ps is an applet's name, too.
case_ packages_are_there 0 "perf version 7.3
ps from procps-ng
device" --with perf,procps -- \
	sh -c 'perf --version | grep -o "^perf version [0-9]*\.[0-9]*"
	ps --version | grep -o "^ps from procps-ng"
	echo written >/usr/bin/new && vsvm info >/dev/null && echo device'
