#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What --kernel PATH refuses, and that it says what is missing: kernel_tree.sh on small trees made here, and through the
command itself."""
import os
import subprocess
import tempfile
import unittest

SUBTREES = ["Makefile", "drivers/pci", "include", "kernel/irq"]
HEADER = "arch/x86/include/asm/xen/hypercall.h"


class KernelTree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.tree = os.path.join(folder.name, "tree")
        self.write("Makefile", "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION = -mine\n")
        self.write("drivers/pci/xen-pcifront.c", "int x;\n")
        self.write("include/linux/pci.h", "extern int x;\n")
        self.write("kernel/irq/chip.c", "")
        self.write(HEADER, "DECLARE_STATIC_CALL(xen_hypercall, xen_hypercall_func);\n")

    def write(self, path, text):
        path = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def remove(self, path):
        os.remove(os.path.join(self.tree, path))

    def look(self, tree=None):
        return subprocess.run(["sim/deps/kernel_tree.sh", tree or self.tree] + SUBTREES, check=False, text=True,
                              capture_output=True)

    def assert_refused(self, message, tree=None):
        look = self.look(tree)
        self.assertEqual((look.returncode, look.stdout), (2, ""))
        self.assertEqual(look.stderr, f"{tree or self.tree}: {message}\n")

    def test_takes_a_tree_of_either_family_whatever_its_point_release(self):
        self.assertEqual(self.look().stdout.split("\n")[:2], ["6.12", "6.12.3-mine"])
        self.write("Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 999\n")
        self.assertEqual(self.look().stdout.split("\n")[:2], ["6.1", "6.1.999"])

    def test_refuses_what_is_not_a_folder(self):
        message = "no such folder; --kernel takes 6.1, 6.12 or the folder of a kernel tree"
        self.assert_refused(message, self.tree + "/gone")
        self.assert_refused(message, self.tree + "/Makefile")

    def test_refuses_a_folder_that_is_no_kernel(self):
        self.write("Makefile", "all:\n\tcc x.c\n")
        self.assert_refused("not a kernel tree: its Makefile has no VERSION and PATCHLEVEL")
        self.remove("Makefile")
        self.assert_refused("not a kernel tree: it has no Makefile")

    def test_refuses_other_families(self):
        for major, minor in ((5, 10), (6, 2), (6, 6), (6, 13), (7, 1)):
            self.write("Makefile", f"VERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 1\n")
            self.assert_refused(f"version {major}.{minor} is not supported; expected a 6.1.y or 6.12.y tree")

    def test_names_all_that_a_tree_lacks(self):
        self.remove("include/linux/pci.h")
        os.removedirs(os.path.join(self.tree, "include/linux"))
        self.remove("kernel/irq/chip.c")
        os.rmdir(os.path.join(self.tree, "kernel/irq"))
        self.assert_refused("not a complete kernel tree: it lacks include kernel/irq")

    def test_refuses_a_kernel_without_the_hypercall_trampoline(self):
        self.write(HEADER, "extern struct { char _entry[32]; } hypercall_page[];\n")
        message = ("version 6.12.3 lacks the static-call trampoline __SCT__xen_hypercall in " + HEADER + ", where every "
                   "hypercall leaves the kernel here: it came with the fix of XSA-466 in December 2024")
        self.assert_refused(message)
        self.remove(HEADER)
        self.assert_refused(message)

    def test_knows_when_a_source_has_changed(self):
        state = self.look().stdout
        self.write("kernel/irq/chip.o", "an object of a build")
        self.write("Documentation/index.rst", "nothing that is compiled")
        self.assertEqual(self.look().stdout, state)
        self.write("drivers/pci/xen-pcifront.c", "int xx;\n")
        self.assertNotEqual(self.look().stdout, state)

    def test_the_command_ends_with_2_and_the_reason(self):
        self.write("Makefile", "VERSION = 5\nPATCHLEVEL = 10\n")
        for kernel in (["--kernel", self.tree], ["--kernel=" + self.tree]):
            run = subprocess.run(["./pvpci", "run", "slurp"] + kernel, check=False, text=True, capture_output=True)
            self.assertEqual(run.returncode, 2)
            self.assertEqual(run.stderr, f"pvpci: {self.tree}: version 5.10 is not supported; expected a 6.1.y or 6.12.y tree\n")

    def test_the_command_refuses_a_name_that_is_neither_kernel_nor_folder(self):
        run = subprocess.run(["./pvpci", "run", "slurp", "--kernel", "6.6"], check=False, text=True, capture_output=True)
        self.assertEqual(run.returncode, 2)
        self.assertEqual(run.stderr, "pvpci: --kernel: expected 6.1, 6.12 or the folder of a kernel tree, found '6.6'\n")


if __name__ == "__main__":
    unittest.main()
