#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blocks that call the accounting cost what those cost that have it inlined (driver/accuracy): each latency, to the picosecond,
and each hypercall but those of timers. Not the trace: an image of another size lies elsewhere, records hold frame numbers, and
a start that looks at more or less memory shifts the timers against the scenario's steps.
"""
import json
import os
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath("scenarios/pvpci")
INLINED, CALLED = "driver", "driver/accuracy/called"
SCENARIOS = ("slurp", "interrupt_latency", "storm_knee")
OF_TIMERS = ("SCHEDOP_block", "VCPUOP_set_singleshot_timer")


def measured(scenario, images):
    environment = dict(os.environ, PVPCI_ROOT=".", PVPCI_IMAGES=images)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, "run", scenario, "--out", folder], check=True, stdout=subprocess.DEVNULL, env=environment)
        with open(os.path.join(folder, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
    return result["interrupts"], [call for call in result["hypercalls"] if call["name"] not in OF_TIMERS]


def image(folder):
    with open(os.path.join(folder, "linux_6_1.elf"), "rb") as file:
        return file.read()


class Called(unittest.TestCase):
    def test_code_differs(self):
        self.assertNotEqual(image(INLINED), image(CALLED))

    def test_counts_are_those_of_the_inlined(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario):
                interrupts, hypercalls = measured(scenario, INLINED)
                self.assertTrue(interrupts)
                self.assertGreater(len(hypercalls), 20)
                self.assertEqual(measured(scenario, CALLED), (interrupts, hypercalls))


if __name__ == "__main__":
    unittest.main()
