#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers the coverage guards of one translation unit in LLVM IR, and lists its basic blocks.

clang's -fsanitize-coverage=trace-pc-guard,bb gives every function an array of 32-bit guards, zero at first, one
for each block:

    @__sancov_gen_.27 = private global [7 x i32] zeroinitializer, section "__sancov_guards", ...

The number written here, key << 16 | block, survives link-time optimisation, whatever that moves, copies or drops, so
that the linked image itself says which block each guard belongs to. The key tells translation units apart.

The table has one line per block, tab-separated: block number within the unit, source path, function, index within the
function (0: its entry), source line where the block begins (0: unknown; for inlined code the line of the outermost
call, in the unit's own source), and every line of the unit's own source that the block has code of, ascending, with
commas.
Inlined code counts for the lines that it came from and for those that called it; headers are left out. Lines that begin
with #function name each function that has code here, and the source line of its name.
"""
import argparse
import re
import sys

BLOCKS_MAX = 1 << 16
GUARDS = re.compile(r"^@(__sancov_gen_[.\d]*) = (.*?global) \[(\d+) x i32\] zeroinitializer,")
FUNCTION = re.compile(r'^define .*?@("[^"]+"|[-\w$.]+)\(')
CALL = re.compile(r"@__sanitizer_cov_trace_pc_guard\(.*?@(__sancov_gen_[.\d]*)(?:[^)]*? to i64\), i64 (\d+))?.*?(?:!dbg !(\d+))?$")
METADATA = re.compile(r"^!(\d+) = (?:distinct )?!DI(Location|LexicalBlock|LexicalBlockFile|Subprogram|File)\((.*)\)$")
FIELD = re.compile(r"\b(line|file|scope|inlinedAt): !?(\d+)")
NAME = re.compile(r'\b(?:file)?name: "([^"]*)"')
DEBUG = "!dbg !"
# They say where a variable lives, and are no code.
NO_CODE = "call void @llvm.dbg."


class Lines:
    """What the IR's metadata says about source lines, for one source."""

    def __init__(self, source):
        self.source = source
        self.locations = {}  # metadata number -> (line, scope, inlined at)
        self.scopes = {}  # metadata number -> file
        self.functions = {}  # metadata number -> (name, line)
        self.own = set()  # metadata numbers of files that are the source
        self.known = {}  # location -> lines of the source, of it and whatever inlined it

    def read(self, text):
        match = METADATA.match(text)
        if not match:
            return
        number, kind, rest = match.groups()
        if kind == "File":
            if NAME.search(rest)[1].removeprefix("./") == self.source:
                self.own.add(number)
            return
        fields = dict(FIELD.findall(rest))
        if kind == "Location":
            self.locations[number] = (int(fields["line"]), fields["scope"], fields.get("inlinedAt"))
            return
        self.scopes[number] = fields.get("file")
        if kind == "Subprogram" and "DISPFlagDefinition" in rest:
            self.functions[number] = (NAME.search(rest)[1], int(fields["line"]))

    def outermost(self, number):
        """The line of the outermost call, 0 if unknown."""
        line = 0
        while number is not None:
            line, _, number = self.locations.get(number, (0, None, None))
        return line

    def at(self, number):
        if number in self.known:
            return self.known[number]
        line, scope, outer = self.locations.get(number, (0, None, None))
        lines = self.at(outer) if outer is not None else frozenset()
        if line and self.scopes.get(scope) in self.own:
            lines = lines | {line}
        self.known[number] = lines
        return lines

    def of_block(self, numbers):
        return sorted(frozenset().union(*map(self.at, numbers)))

    def of_functions(self):
        """[(line, name)] of functions that the source defines, ascending."""
        return sorted({(line, name) for number, (name, line) in self.functions.items()
                       if self.scopes[number] in self.own})


def tag(lines, key, source):
    """Returns the tagged lines, [(block, function, index, line, lines)] by block, and [(line, name)] of functions."""
    first = {}  # guard array -> number of its first block
    calls = {}  # block -> (function, index, location)
    code = {}  # block -> locations of its instructions
    metadata = Lines(source)
    here = None  # locations of the block that is being read
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
            here = None
        elif text.startswith("!"):
            metadata.read(text)
        elif "@__sanitizer_cov_trace_pc_guard(" in text and not text.startswith("declare"):
            match = CALL.search(text.rstrip())
            if not match:
                raise SystemExit(f"tag_guards: a guard call unlike any known: {text.strip()}")
            index = int(match[2] or 0) // 4
            block = first[match[1]] + index
            calls[block] = (function, index, match[3])
            here = code.setdefault(block, set())
            if match[3]:
                here.add(match[3])
        elif here is not None:
            if not text.startswith(" "):  # a label, or the function's end
                here = None
            else:
                at = text.rfind(DEBUG)
                if at >= 0 and NO_CODE not in text:
                    here.add(text[at + len(DEBUG):].rstrip().partition(",")[0])
        out.append(text)

    table = [(block, function, index, metadata.outermost(number), metadata.of_block(code[block]))
             for block, (function, index, number) in sorted(calls.items())]
    return out, table, metadata.of_functions()


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
        lines, blocks, functions = tag(file, args.key, args.source)
    with open(args.out, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(lines)
    with open(args.table, "w", encoding="utf-8") as file:
        file.write(f"#key\t{args.key}\n")
        for line, name in functions:
            file.write(f"#function\t{name}\t{line}\n")
        for block, function, index, line, own in blocks:
            file.write(f"{block}\t{args.source}\t{function}\t{index}\t{line}\t{','.join(map(str, own))}\n")


if __name__ == "__main__":
    main()
