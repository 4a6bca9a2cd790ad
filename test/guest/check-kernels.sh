# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The cases of selfcheck that are about somebody's own kernel: what is refused, with no
# guest, and what one that was built does. Sourced by selfcheck.

# shellcheck disable=SC2016,SC2154

guest_dir=$(cd "$(dirname "$0")" && pwd -P)

# configured FILE: a configuration with all that the guest needs, in FILE.
configured() {
	grep '^CONFIG_.*=[ym]$' "$guest_dir/vsvm.fragment" >"$1"
	echo CONFIG_X86_64=y >>"$1"
}

# A folder that looks like the source of Linux 7.2, built in place by a compiler that
# does not exist.
fake_kernel() {
	fake=$work/linux
	rm -rf "$fake"
	mkdir -p "$fake/scripts" "$fake/include/config" "$fake/arch/x86/boot"
	printf 'VERSION = 7\nPATCHLEVEL = 2\n' >"$fake/Makefile"
	# It selects what the real one would.
	printf 'olddefconfig:\n\techo CONFIG_HMM_MIRROR=y >>.config\n' >>"$fake/Makefile"
	sed -n 's/^CONFIG_\(.*\)=.*/config \1/p' "$guest_dir/vsvm.fragment" |
		grep -v NUMA_MIGRATION >"$fake/Kconfig"
	cat >"$fake/scripts/config" <<'SCRIPT'
#!/bin/sh
shift
file=$1
shift
while [ $# -gt 0 ]; do
	sed -i "/^CONFIG_$2=/d" "$file"
	case $1 in
	--enable) echo "CONFIG_$2=y" >>"$file" ;;
	--module) echo "CONFIG_$2=m" >>"$file" ;;
	esac
	shift 2
done
SCRIPT
	chmod 755 "$fake/scripts/config"
	configured "$fake/.config"
}

fake_build() {
	for file in arch/x86/boot/bzImage Module.symvers modules.order; do
		echo built >"$fake/$file"
	done
	echo 7.2.0 >"$fake/include/config/kernel.release"
	echo 'CONFIG_CC_VERSION_TEXT="nosuch (none) 0.0"' >>"$fake/.config"
	tr -d '"' <"$fake/.config" >"$fake/include/config/auto.conf"
}

# shellcheck disable=SC2317,SC2329 # called by verdict
all_said() {
	[ "$got" = "$1" ] || return 1
	shift
	for text; do
		grep -qF -e "$text" "$work/err" || { echo "not said: $text" >>"$work/err"; return 1; }
	done
}

own_kernels_are_refused() {
	fake_kernel
	refused kernel_that_is_not_built_is_refused \
		"--kernel $fake: it has no arch/x86/boot/bzImage: build it first" --kernel "$fake" -- true
	sed -i '/CONFIG_\(DEVICE_PRIVATE\|HMM_MIRROR\|DRM\)=/d; s/^CONFIG_KSM=y/CONFIG_KSM=m/' "$fake/.config"
	echo CONFIG_MODULE_SIG_FORCE=y >>"$fake/.config"
	guest --kernel "$fake" -- true
	verdict each_lacking_option_is_named all_said 125 CONFIG_DEVICE_PRIVATE=y CONFIG_DRM=m \
		CONFIG_KSM=y CONFIG_MODULE_SIG_FORCE=n \
		'CONFIG_HMM_MIRROR has no prompt: CONFIG_TEST_HMM=m selects it' \
		"$fake/scripts/config --file $fake/.config" '--enable DEVICE_PRIVATE' '--module DRM' \
		'--module TEST_HMM' '--disable MODULE_SIG_FORCE' "make -C $fake olddefconfig"
	verdict and_no_other sh -c '[ "$(grep -c "^CONFIG_" "$1")" = 5 ]' sh "$work/err"
	"$guest_dir/config" "$fake" >"$work/out" 2>"$work/err"
	got=$?
	verdict config_says_the_same all_said 1 CONFIG_DEVICE_PRIVATE=y '--module TEST_HMM'
	"$guest_dir/config" "$fake" --set >"$work/out" 2>"$work/err"
	got=$?
	verdict config_sets_it all_said 0 'has all that the guest needs'
	"$guest_dir/config" "$fake" >"$work/out" 2>"$work/err"
	got=$?
	verdict then_nothing_is_lacking came_out 0 ''
	"$guest_dir/config" --debug "$fake" >"$work/out" 2>"$work/err"
	got=$?
	# None of them is in this kernel: it cannot lack what it does not know.
	verdict unknown_options_are_not_lacking came_out 0 ''
	echo 'config KASAN' >>"$fake/Kconfig"
	"$guest_dir/config" --debug "$fake" >"$work/out" 2>"$work/err"
	got=$?
	verdict debug_names_the_checks all_said 1 CONFIG_KASAN=y

	fake_kernel
	fake_build
	refused kernel_of_another_compiler_is_refused "$fake was built by nosuch .none. 0.0, which is not on" \
		--kernel "$fake" -- true
	sed -i '/CONFIG_SWAP=/d; /CONFIG_MIGRATION=/d' "$fake/include/config/auto.conf"
	refused kernel_of_another_configuration_is_refused \
		"--kernel $fake: its .config was changed after it was built" --kernel "$fake" -- true
	printf 'VERSION = 6\nPATCHLEVEL = 18\n' >"$fake/Makefile"
	refused kernel_of_the_past_is_refused "--kernel $fake is Linux 6.18: vsvm wants" --kernel "$fake" -- true
	refused folder_without_kernel_is_refused "$work is neither the source of a kernel" --kernel "$work" -- true

	# shellcheck source-path=SCRIPTDIR source=lib.sh
	modules=$(guest=$guest_dir && . "$guest/lib.sh" && find_tree && echo "$tree/usr/lib/modules/$kver")
	image=$modules/vmlinuz
	refused image_without_module_is_refused "--kernel .* is an image alone: give its vsvm.ko in --module" \
		--kernel "$image" -- true
	refused module_without_image_is_refused '--module goes with a --kernel that is a file' \
		--module "$image" -- true
	refused module_that_is_none_is_refused '--module .* is for Linux unknown, and --kernel' \
		--kernel "$image" --module "$fake/Makefile" -- true
	refused file_that_is_no_image_is_refused '--kernel .* is no bzImage' --kernel "$fake/Makefile" -- true
	xz -dc "$modules/kernel/drivers/block/zram/zram.ko.xz" >"$work/zram.ko"
	guest --kernel "$image" --module "$work/zram.ko" -- true
	verdict module_that_is_another_is_refused only_says 125 'vsvm: --module .*zram.ko is not vsvm'
}

# own_kernel_works DIR: of a kernel that was built there.
own_kernel_works() {
	release=$(cat "$1/include/config/kernel.release")
	case_ own_kernel_runs 0 "$release" --kernel "$1" -- sh -c 'uname -r; vsvm demo >/dev/null'
	case_ own_kernel_has_its_test_hmm 0 - --kernel "$1" -- \
		sh -c 'modprobe -a test_hmm askcore gup zram && hmm-tests -r hmm.hmm_device_private.open_close'
	guest --kernel "$1" -- cat /proc/cmdline
	verdict own_kernel_without_fixes_is_not_patched sh -c '! grep -q guest.patched "$1" && grep -q vsvm.huge_pages=1 "$1"' \
		sh "$work/out"
}
