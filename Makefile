# SPDX-License-Identifier: GPL-2.0-only
#
# `make help` lists what there is.

KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
DESTDIR	?=
B	:= $(CURDIR)/build

# A kernel that somebody named, for the virtual machine to run.
own_kernel = $(if $(filter command environment,$(firstword $(origin KDIR))),--kernel $(KDIR))

kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)/driver MO=$(B)/driver

build_tools = $(MAKE) -C tools O=$(B)/tools PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

# After the module, so that a kernel that cannot run it is the first thing said.
all: module
	$(build_tools)

help:
	@echo 'In a virtual machine, on any Debian 12 (as root):'
	@echo '  make demo     boot it, move memory to the device and back, show it'
	@echo '  make check    boot it and run every test'
	@echo '  make check-debug   the same on kernels of our own that look for mistakes'
	@echo '                (ARGS=--short: what goes into an hour)'
	@echo "  make check-igt     Intel's own tests of shared virtual memory, on vsvm (ARGS=--short)"
	@echo '  make check-storm   real programs while their memory moves (ARGS=7: another storm)'
	@echo '  make check-fuzz    the guided fuzzer, and which lines of the driver its calls reach'
	@echo '  make check-in-tree the same of a kernel with the driver built in, in short'
	@echo '  make bench    boot it and measure beside test_hmm (ARGS=--json)'
	@echo '  make check, check-debug or bench KDIR=~/linux   on a kernel that you built'
	@echo "                (TESTS='test_fork test_rw': only these of check and check-debug)"
	@echo '  make style    checkpatch, sparse, W=1, kernel-doc, shellcheck, and the form of docs and commits'
	@echo '  test/guest/run -- COMMAND   run anything in it'
	@echo '  make test-bundle   put the tests into a folder for other machines, static, with the'
	@echo '                module for the running kernel, or for KDIR (docs/testing.md)'
	@echo
	@echo 'On this machine, if its kernel has CONFIG_DEVICE_PRIVATE:'
	@echo '  make          build module and tools for the running kernel, or for KDIR'
	@echo '                (CONFIG_DRM_VSVM_INJECT=n: without failpoints, which the tests need)'
	@echo '  make load     load the module (root), with PARAMS="devices=4"'
	@echo '  make unload   unload it'
	@echo '  make install  install module, vsvm, libvsvm and headers to PREFIX'
	@echo
	@echo 'On any machine, without a kernel:'
	@echo '  make tools    build vsvm, libvsvm, the manual and the examples'
	@echo '  make install-tools   install them to PREFIX, below DESTDIR'
	@echo '  make dist     the source as a tarball, in build/'
	@echo '  make deb      Debian packages, in build/deb/ (root, Debian 12)'
	@echo '  make check-packages   build them and install them in trees of their own'
	@echo
	@echo "In a kernel's source:"
	@echo '  make in-tree KDIR=~/linux   put the driver there, with CONFIG_DRM_VSVM (y or m)'
	@echo
	@echo '  make clean    remove what was built here'

# What Kconfig would see to, were this a kernel's tree.
kernel_needs = DEVICE_PRIVATE=y TRANSPARENT_HUGEPAGE=y MIGRATION=y HMM_MIRROR=y MMU_NOTIFIER=y DRM=[ym]

kernel-check:
	@test -e $(KDIR)/.config || { echo "vsvm: there are no kernel headers in $(KDIR); vsvm needs those of a kernel with CONFIG_DEVICE_PRIVATE: Debian's 6.16 and later have it, its 6.1 and 6.12 do not, and vsvm wants 7.0 or later (\`make demo\` needs neither: it runs a virtual machine)." >&2; exit 1; }
	@lacks=; for need in $(kernel_needs); do \
		grep -qx "CONFIG_$$need" $(KDIR)/.config || lacks="$$lacks$${lacks:+, }CONFIG_$${need%=*}"; \
	done; \
	test -z "$$lacks" || { echo "vsvm: the kernel of $(KDIR) is built without $$lacks: Debian's 6.16 and later have what vsvm needs, its 6.1 and 6.12 do not, and vsvm wants 7.0 or later (\`make demo\` needs neither: it runs a virtual machine)." >&2; exit 1; }

module: kernel-check
	@mkdir -p $(B)/driver
	$(kbuild) modules

# Libraries and programs need no kernel.
tools:
	$(build_tools)

install-tools:
	$(build_tools) install

# What is committed, under the commit's own version and date: the same bytes each time.
dist:
	@tools/dist "$(B)"

deb:
	@tools/deb "$(B)/deb"

# Does not build: root should not have to.
load:
	@test -e $(B)/driver/vsvm.ko || { echo 'vsvm: run make first' >&2; exit 1; }
	modprobe -a $$(modinfo -F depends $(B)/driver/vsvm.ko | tr ',' ' ')
	insmod $(B)/driver/vsvm.ko $(PARAMS)

unload:
	rmmod vsvm

install: module
	$(kbuild) modules_install INSTALL_MOD_DIR=updates INSTALL_MOD_PATH=$(DESTDIR)
	$(build_tools) install

demo:
	@test/guest/run -- sh -c 'vsvm demo && hello && queue'

check:
	@test/check $(own_kernel) $(TESTS)

check-debug:
	@test/check-debug $(own_kernel) $(ARGS) $(TESTS)

check-igt:
	@test/igt/check $(own_kernel) $(ARGS) $(TESTS)

check-storm:
	@test/storm/check $(own_kernel) $(ARGS)

check-fuzz:
	@test/check-fuzz $(ARGS)

check-in-tree:
	@test/check-in-tree

bench:
	@test/guest/run $(own_kernel) --mem 6144 --timeout 7200 --append 'vsvm.vram_mib=1152 vsvm.devices=1 vsvm.huge_pages=1' --share test/bench -- sh /mnt/share/run $(ARGS)

check-packages:
	@test/packages

# A KDIR that nobody gave is the running kernel's, and may not do.
test-bundle:
	@test/bundle/build $(if $(filter file,$(origin KDIR)),,--kdir '$(KDIR)')

style:
	@test/style

in-tree:
	@tools/in-tree $(KDIR)

clean:
	rm -rf $(B)

.PHONY: all help kernel-check module tools install-tools dist deb load unload install demo check check-debug check-igt check-storm check-fuzz check-in-tree check-packages bench test-bundle style in-tree clean
