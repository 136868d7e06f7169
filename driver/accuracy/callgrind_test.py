#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions that the blocks' accounting adds up, against those that callgrind sees executed: README.md."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

HARNESS, COUNTED, PLAIN, BLOCKS, CALLED = (os.path.abspath(path) for path in sys.argv[1:6])
EMPTY = "empty"
# README.md says what they consist of.
ERROR_OF_ALL = 0.02
MEAN_ERROR = 0.07


def lines_of(command):
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return {words[0]: [int(word) for word in words[1:]] for words in map(str.split, text.splitlines())}


def counted_by_blocks(image=COUNTED):
    return lines_of([HARNESS, "counted", image, BLOCKS])


def counted_by_callgrind():
    with tempfile.TemporaryDirectory() as folder:
        calls = lines_of(["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no", "--smc-check=none",
                          f"--callgrind-out-file={folder}/out", HARNESS, "plain", PLAIN])
        instructions = {}
        for path in glob.glob(f"{folder}/out.*"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            name = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
            total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
            if name and total:
                instructions[name[1]] = int(total[1])
    return {name: (count[0], instructions[name]) for name, count in calls.items()}


class Accuracy(unittest.TestCase):
    def test_calls_count_what_inlined_accounting_does(self):
        self.assertEqual(counted_by_blocks(CALLED), counted_by_blocks())

    def test_blocks_count_what_callgrind_sees(self):
        blocks, seen = counted_by_blocks(), counted_by_callgrind()
        self.assertEqual(set(blocks), set(seen))
        calls, executed = seen[EMPTY]
        call = executed / calls - 1  # what surrounds a function; "empty" has one instruction itself
        errors, all_counted, all_seen = [], 0, 0
        print(f"{'function':34}{'calls':>6}{'by blocks':>11}{'callgrind':>11}{'error':>9}")
        for name, (calls, instructions) in blocks.items():
            if name == EMPTY:
                continue
            self.assertEqual(calls, seen[name][0], name)
            witness = seen[name][1] - round(call * calls)
            all_counted, all_seen = all_counted + instructions, all_seen + witness
            errors.append(abs(instructions - witness) / witness)
            print(f"{name:34}{calls:6}{instructions:11}{witness:11}{(instructions - witness) / witness:9.2%}")
        mean = sum(errors) / len(errors)
        error = all_counted / all_seen - 1
        print(f"mean error of {len(errors)} functions: {mean:.2%}; of all instructions: {error:.2%}")
        self.assertGreater(len(errors), 15)
        self.assertLessEqual(abs(error), ERROR_OF_ALL)
        self.assertLessEqual(mean, MEAN_ERROR)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
