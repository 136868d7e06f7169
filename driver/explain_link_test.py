#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An image that lacks symbols fails to link with their names, who uses them, where the kernel has them and how to add
them: link_image.sh on two small units, one of them bitcode as an image's, and a small tree."""
import os
import subprocess
import tempfile
import unittest

UNIT = """\
extern int absent_everywhere(int);
extern int kept_elsewhere(int);
extern int absent_data;
int start(void);
int start(void)
{
	return kept_elsewhere(absent_data);
}
"""
OTHER = """\
extern int kept_elsewhere(int);
int other(int x);
int other(int x)
{
	return kept_elsewhere(x) + 1;
}
"""
TREE = {
    "drivers/net/flow.c": "/* kept_elsewhere() is not here. */\nint kept_elsewhere(int x)\n{\n\treturn x;\n}\n",
    "drivers/net/user.c": "extern int kept_elsewhere(int);\nint absent_data = 3;\n",
}


class ExplainLink(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.repo = os.getcwd()
        # The link's cache goes three folders up, as from Bazel's execution root.
        self.work = os.path.join(folder.name, "base", "execroot", "pvpci")
        self.tree = os.path.join(folder.name, "tree")
        os.makedirs(self.work)
        for path, text in TREE.items():
            self.write(os.path.join(self.tree, path), text)

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def compile(self, name, text, *flags):
        self.write(os.path.join(self.work, name + ".c"), text)
        subprocess.run(["clang", "--target=x86_64-linux-gnu", "-O1", "-gdwarf-4", "-fdebug-compilation-dir=/linux",
                        *flags, "-c", name + ".c"], cwd=self.work, check=True)
        return name + ".o"

    def link(self, *objects):
        return subprocess.run([self.repo + "/driver/link_image.sh", "linux_small", self.tree,
                               self.repo + "/driver/explain_link.py", "--static", "--nostdlib", "-e", "start",
                               "-o", "image.elf", *objects], cwd=self.work, check=False, text=True, capture_output=True)

    def test_names_symbols_users_places_and_ways(self):
        run = self.link(self.compile("unit", UNIT, "-flto=thin"), self.compile("other", OTHER))

        self.assertEqual(run.returncode, 1)
        lines = run.stderr.split("\n")
        self.assertIn("linux_small cannot be linked: its originals use 2 symbols that the environment does not have.", lines)
        self.assertNotIn("absent_everywhere", run.stderr)  # declared, but nobody needs it
        at = lines.index("  kept_elsewhere")
        users = [line.strip() for line in lines[at + 1:] if line.startswith("    used by ")]
        self.assertIn("used by unit.c:7 in start", users)
        self.assertIn("used by other.c:5 in other", users)
        self.assertIn("    defined in drivers/net/flow.c:2", lines)
        self.assertIn("    defined in drivers/net/user.c:2", lines[lines.index("  absent_data"):at])
        ways = [line[2] for line in lines if line[:2] == "  " and line[2:3].isdigit()]
        self.assertEqual(ways, ["1", "2", "3", "4", "5"])
        self.assertFalse(os.path.exists(os.path.join(self.work, "image.elf")))

    def test_make_dummies_makes_stops_of_the_list(self):
        run = self.link(self.compile("unit", UNIT, "-flto=thin"))
        made = subprocess.run(["driver/env/make_dummies.sh"], input=run.stderr, check=True, text=True, capture_output=True)
        self.assertEqual(made.stdout, "STOP(absent_data)\nSTOP(kept_elsewhere)\n")

    def test_passes_other_errors_on(self):
        run = self.link(self.compile("unit", "int start(void) { return 0; }\n"), "gone.o")
        self.assertEqual(run.returncode, 1)
        self.assertIn("ld.lld: error: cannot open gone.o", run.stderr)
        self.assertNotIn("cannot be linked", run.stderr)

    def test_says_nothing_of_a_link_that_succeeds(self):
        run = self.link(self.compile("unit", "int start(void);\nint start(void) { return 0; }\n", "-flto=thin"))
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertTrue(os.path.exists(os.path.join(self.work, "image.elf")))


if __name__ == "__main__":
    unittest.main()
