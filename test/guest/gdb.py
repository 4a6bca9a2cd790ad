# SPDX-License-Identifier: GPL-2.0-only
#
# For gdb: the symbols of modules of the guest. This is what lx-symbols of the
# kernel's scripts/gdb does; Debian's kernel is built without what those need.
#
#	vsvm-module NAME FILE
#
# has FILE, a module with symbols, loaded at the addresses that the guest loads the
# module NAME to, each time that it does. Breakpoints in it are set until then by
# `set breakpoint pending on`.

import gdb


class Load(gdb.Breakpoint):
    """Where the kernel is about to call the init function of a module."""

    modules = {}
    loaded = {}

    def __init__(self):
        super().__init__("do_init_module", internal=True)
        self.silent = True

    def stop(self):
        module = gdb.parse_and_eval("mod")
        name = module["name"].string()
        if name in self.modules:
            Load.forget(name)
            self.add(name, module)
        return False

    def add(self, name, module):
        sections = {}
        attrs = module["sect_attrs"]["grp"]["bin_attrs"]
        i = 0
        while int(attrs[i]):
            attr = attrs[i].dereference()
            sections[attr["attr"]["name"].string()] = int(attr["private"])
            i += 1
        words = ["-s %s %#x" % pair for pair in sections.items()
                 if pair[0].startswith((".text", ".data", ".rodata", ".bss",
                                        ".init.text", ".exit.text"))]
        gdb.execute("add-symbol-file %s %s" %
                    (self.modules[name], " ".join(words)), to_string=True)
        Load.loaded[name] = sections[".text"]
        gdb.write("%s is at %#x\n" % (name, sections[".text"]))

    @staticmethod
    def forget(name):
        at = Load.loaded.pop(name, None)
        if at is not None:
            gdb.execute("remove-symbol-file -a %#x" % at, to_string=True)


class Unload(gdb.Breakpoint):
    """Where the kernel is about to free a module. No breakpoint may stay there."""

    def __init__(self):
        super().__init__("free_module", internal=True)
        self.silent = True

    def stop(self):
        Load.forget(gdb.parse_and_eval("mod")["name"].string())
        return False


class Module(gdb.Command):
    """vsvm-module NAME FILE: FILE has the symbols of the guest's module NAME"""

    breakpoints = None

    def __init__(self):
        super().__init__("vsvm-module", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 2:
            raise gdb.GdbError("vsvm-module wants NAME and FILE")
        Load.modules[words[0]] = words[1]
        if not Module.breakpoints:
            Module.breakpoints = [Load(), Unload()]


Module()
