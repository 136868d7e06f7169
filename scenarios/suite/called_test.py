#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blocks that call the accounting cost what those cost that have it inlined (driver/accuracy): each latency, to the picosecond,
and each hypercall. Not the trace: an image of another size lies elsewhere, and records hold frame numbers.
"""
import json
import os
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath("scenarios/pvpci")
INLINED, CALLED = "driver", "driver/accuracy/called"
SCENARIOS = ("slurp", "interrupt_latency", "storm_knee")


def measured(scenario, images):
    environment = dict(os.environ, PVPCI_ROOT=".", PVPCI_IMAGES=images)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, "run", scenario, "--out", folder], check=True, stdout=subprocess.DEVNULL, env=environment)
        with open(os.path.join(folder, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
    return {key: result[key] for key in ("interrupts", "hypercalls")}


def image(folder):
    with open(os.path.join(folder, "linux_6_1.elf"), "rb") as file:
        return file.read()


class Called(unittest.TestCase):
    def test_code_differs(self):
        self.assertNotEqual(image(INLINED), image(CALLED))

    def test_counts_are_those_of_the_inlined(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario):
                inlined = measured(scenario, INLINED)
                self.assertTrue(inlined["interrupts"])
                self.assertEqual(measured(scenario, CALLED), inlined)


if __name__ == "__main__":
    unittest.main()
