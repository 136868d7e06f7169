#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives the guards of a linked image the numbers that their blocks have in the table of another image of the same units.

A block is known by its source, function and index, whatever code the link made of it. One that the other link dropped has no
number; nothing may run it (driver/accuracy/called_test.py).
"""
import argparse
import struct
import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import block_costs  # noqa: E402
import elf  # noqa: E402


def numbers_of(path):
    """(source, function, index) -> number."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file if not line.startswith("#")]
    return {(source, function, int(index)): int(number) for number, source, function, index, *_ in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", required=True, help="as linked")
    parser.add_argument("--tables", required=True, help="file that names one table of tag_guards.py per line")
    parser.add_argument("--blocks", required=True, help="the other image's table of blocks")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    with open(args.tables, encoding="utf-8") as file:
        known, _ = block_costs.read_tables(file.read().split())
    numbers = numbers_of(args.blocks)
    with open(args.image, "rb") as file:
        data = bytearray(file.read())
    guards = elf.Elf(bytes(data)).section(block_costs.GUARD_SECTION)
    tags = struct.unpack_from(f"<{guards.size // 4}I", data, guards.offset)
    struct.pack_into(f"<{len(tags)}I", data, guards.offset, *(numbers.get(known[tag][:3], 0) if tag else 0 for tag in tags))
    with open(args.out, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
