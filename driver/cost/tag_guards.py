#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers the coverage guards of one translation unit in LLVM IR, and lists its basic blocks.

clang's -fsanitize-coverage=trace-pc-guard,bb gives every function an array of 32-bit guards, zero at first, one
for each block:

    @__sancov_gen_.27 = private global [7 x i32] zeroinitializer, section "__sancov_guards", ...

The number written here, key << 16 | block, survives link-time optimisation, whatever that moves, copies or drops, so
that the linked image itself says which block each guard belongs to. The key tells translation units apart.

The table has one line per block, tab-separated: block number within the unit, source path, function, index within the
function (0: its entry), source line where the block begins (0: unknown). For inlined code the line is that of the
outermost call, in the unit's own source.
"""
import argparse
import re
import sys

BLOCKS_MAX = 1 << 16
GUARDS = re.compile(r"^@(__sancov_gen_[.\d]*) = (.*?global) \[(\d+) x i32\] zeroinitializer,")
FUNCTION = re.compile(r'^define .*?@("[^"]+"|[-\w$.]+)\(')
CALL = re.compile(r"@__sanitizer_cov_trace_pc_guard\(.*?@(__sancov_gen_[.\d]*)(?:[^)]*? to i64\), i64 (\d+))?.*?(?:!dbg !(\d+))?$")
LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\(line: (\d+)(?:, column: \d+)?, scope: !\d+(?:, inlinedAt: !(\d+))?")


def tag(lines, key):
    """Returns the tagged lines and [(block, function, index, line)], in the order of the blocks."""
    first = {}  # guard array -> number of its first block
    calls = {}  # block -> (function, index, location)
    location = {}  # metadata number -> (line, inlined at)
    blocks = 0
    function = None
    out = []
    for text in lines:
        if text.startswith("@__sancov_gen_"):
            match = GUARDS.match(text)
            if not match:
                raise SystemExit(f"tag_guards: a guard array unlike any known: {text.strip()}")
            name, linkage, count = match[1], match[2], int(match[3])
            first[name] = blocks
            words = ", ".join(f"i32 {key << 16 | block}" for block in range(blocks, blocks + count))
            text = f"@{name} = {linkage} [{count} x i32] [{words}],{text[match.end():]}"
            blocks += count
            if blocks > BLOCKS_MAX:
                raise SystemExit(f"tag_guards: more than {BLOCKS_MAX} blocks in one translation unit")
        elif text.startswith("define "):
            function = FUNCTION.match(text)[1].strip('"')
        elif text.startswith("!"):
            match = LOCATION.match(text)
            if match:
                location[match[1]] = (int(match[2]), match[3])
        elif "@__sanitizer_cov_trace_pc_guard(" in text and not text.startswith("declare"):
            match = CALL.search(text.rstrip())
            if not match:
                raise SystemExit(f"tag_guards: a guard call unlike any known: {text.strip()}")
            index = int(match[2] or 0) // 4
            calls[first[match[1]] + index] = (function, index, match[3])
        out.append(text)

    def line_of(number):
        line = 0
        while number is not None:
            line, number = location.get(number, (0, None))
        return line

    return out, [(block, function, index, line_of(number)) for block, (function, index, number) in sorted(calls.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--key", type=int, required=True, help="1..65535, unique to this translation unit in its image")
    parser.add_argument("--source", required=True, help="path to print in the table")
    parser.add_argument("--ir", required=True, help="LLVM IR as text")
    parser.add_argument("--out", required=True, help="LLVM IR with numbered guards")
    parser.add_argument("--table", required=True, help="the unit's blocks")
    args = parser.parse_args()
    if not 0 < args.key < 1 << 16:
        sys.exit("tag_guards: --key out of range")
    with open(args.ir, encoding="utf-8", errors="surrogateescape") as file:
        lines, blocks = tag(file, args.key)
    with open(args.out, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(lines)
    with open(args.table, "w", encoding="utf-8") as file:
        file.write(f"#key\t{args.key}\n")
        for block, function, index, line in blocks:
            file.write(f"{block}\t{args.source}\t{function}\t{index}\t{line}\n")


if __name__ == "__main__":
    main()
