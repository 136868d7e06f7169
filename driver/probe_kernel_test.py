#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which features a kernel has that no version tells, and what a result says of a tree that is not the package's."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "driver")
import describe_image  # noqa: E402, pylint: disable=wrong-import-position


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class ProbeKernel(Folder):
    def probe(self, compat):
        out = os.path.join(self.folder, "probed.h")
        run = subprocess.run(["driver/probe_kernel.sh", self.folder, compat, out], check=False, text=True,
                             capture_output=True)
        with open(out, encoding="utf-8") as file:
            return run, [line.split()[1] for line in file]

    def test_defines_what_the_sources_have_and_nothing_else(self):
        self.write("include/linux/msi.h", "enum {\n\tMSI_FLAG_NO_MASK = 1 << 6,\n};\n")
        self.write("drivers/pci/xen-pcifront.c", "\t\treturn pdrv->err_handler->mmio_enabled(pcidev);\n")
        run, features = self.probe("driver/env/compat.h")
        self.assertEqual((run.returncode, features), (0, ["EMUL_HAS_MSI_FLAG_NO_MASK"]))
        self.write("drivers/pci/xen-pcifront.c", "\t\tif (pdrv->err_handler->mmio_enabled)\n")
        self.assertEqual(self.probe("driver/env/compat.h")[1], ["EMUL_HAS_MSI_FLAG_NO_MASK", "EMUL_HAS_PCIFRONT_AER_CHECKS"])

    def test_refuses_a_probe_that_it_cannot_read(self):
        compat = self.write("compat.h", "/*\n * probe: EMUL_HAS_A include/a.h a\n * probe: HAS_B include/b.h\n */\n")
        run = subprocess.run(["driver/probe_kernel.sh", self.folder, compat, self.folder + "/out"], check=False, text=True,
                             capture_output=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("a probe is one line", run.stderr)

    def test_scenarios_ask_for_the_same_features(self):
        with open("driver/env/compat.h", encoding="utf-8") as file:
            probed = re.findall(r"^ \* probe: EMUL_HAS_(\w+)", file.read(), re.M)
        with open("scenarios/scenario.schema.json", encoding="utf-8") as file:
            asked = set(re.findall(r'"no (\w+)"', file.read()))
        self.assertTrue(probed)
        self.assertEqual(asked, set(probed))

    def test_only_compat_looks_at_a_version(self):
        looks = subprocess.run(["grep", "-RlE", "LINUX_VERSION_CODE|KERNEL_VERSION", "driver", "--include=*.c", "--include=*.h"],
                               check=False, text=True, capture_output=True).stdout.split()
        self.assertEqual(looks, ["driver/env/compat.h"])


class OtherTree(Folder):
    PACKAGE = "1" * 64 + "  drivers/pci/a.c\n" + "2" * 64 + "  include/b.h\n" + "3" * 64 + "  Makefile\n"

    def differences(self, tree):
        run = subprocess.run(["sim/deps/compare_manifests.sh", self.write("package", self.PACKAGE), self.write("tree", tree)],
                             check=True, text=True, capture_output=True)
        return run.stdout

    def test_that_is_the_same_has_no_differences(self):
        self.assertEqual(self.differences(self.PACKAGE + "4" * 64 + "  drivers/pci/new.c\n"), "")

    def test_names_files_that_differ_or_are_gone_with_the_packages_digest(self):
        self.assertEqual(self.differences(self.PACKAGE.replace("1" * 64, "5" * 64)), "1" * 64 + " drivers/pci/a.c\n")
        self.assertEqual(self.differences("3" * 64 + "  Makefile\n"),
                         "1" * 64 + " drivers/pci/a.c\n" + "2" * 64 + " include/b.h\n")
        self.assertEqual(self.differences(self.PACKAGE.replace("3" * 64, "5" * 64)), "")  # not what is compiled

    def test_every_original_has_its_own_digest_and_the_packages(self):
        self.write("drivers/a.c", "int a;\n")
        self.write("drivers/b.c", "int b;\n")
        own = {path: describe_image.digest(os.path.join(self.folder, path)) for path in ("drivers/a.c", "drivers/b.c")}
        manifest = self.write("manifest", "".join(f"{sha}  {path}\n" for path, sha in own.items()))
        stamp = {"name": "6.12", "package": None, "differs": {"drivers/b.c": "2" * 64}}
        paths = sorted(own)
        found = describe_image.originals(stamp, self.folder, manifest, paths)
        self.assertEqual([item["sha256"] for item in found], [own[path] for path in paths])
        self.assertEqual([item["package_sha256"] for item in found], [own["drivers/a.c"], "2" * 64])
        found = describe_image.originals(dict(stamp, differs=None), self.folder, manifest, paths)
        self.assertEqual([item["package_sha256"] for item in found], [None, None])

    def test_an_original_that_changed_after_it_was_unpacked_is_refused(self):
        self.write("drivers/a.c", "int a;\n")
        manifest = self.write("manifest", "1" * 64 + "  drivers/a.c\n")
        with self.assertRaisesRegex(SystemExit, "drivers/a.c: differs from the file that was unpacked from the tree"):
            describe_image.originals({"name": "6.12", "package": None}, self.folder, manifest, ["drivers/a.c"])


if __name__ == "__main__":
    unittest.main()
