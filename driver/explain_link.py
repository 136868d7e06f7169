#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says what ld.lld's "undefined symbol" means here: which symbols a kernel needs that the environment lacks, who uses
each, where the kernel defines it, and how to add it. Everything else that the linker said is passed on."""
import argparse
import os
import re
import sys

UNDEFINED = re.compile(r"^ld\.lld: error: undefined symbol: (.+)$")
USER = re.compile(r"^>>> referenced by (?:\S+ \()?([^:()\s]+)(?::(\d+))?\)?$")
FUNCTION = re.compile(r"^>>>\s+\S*:\(([^)]+)\)$")
MORE = re.compile(r"^>>> referenced (\d+) more times$")

HOW = """\
Add each by the first of these that works:
  1. the original that defines it: its path into driver/sources.bzl, its option into driver/kernel.config
  2. a header in driver/shadow/ in which it is not used, with the reason in driver/kernel_flags.bzl
  3. our own in driver/env/, in the file of the subsystem it stands for, with EMUL("why")
  4. a harmless dummy in driver/env/dummies.c, with EMUL_IGNORE("why")
  5. a stop, where nobody gets: driver/env/make_dummies.sh < .cache/build.log prints its line for generated_dummies.c
If one kernel has it and another has not, the difference is a feature in driver/env/compat.h.
"""


def parse(lines):
    """symbol -> [(file, line or None, function or None)], in the linker's order; and the lines that say other things."""
    symbols, rest, uses = {}, [], None
    for line in lines:
        undefined, user, function, more = (kind.match(line) for kind in (UNDEFINED, USER, FUNCTION, MORE))
        if undefined:
            uses = symbols.setdefault(undefined[1], [])
        elif uses is not None and user:
            uses.append((user[1], user[2], None))
        elif uses is not None and function and uses:
            uses[-1] = uses[-1][:2] + (function[1],)
        elif uses is not None and more:
            uses.append((f"{more[1]} more places", None, None))
        elif line:
            uses = None
            rest.append(line)
    return symbols, rest


def sources(tree):
    for folder, _, names in os.walk(tree):
        for name in names:
            if name.endswith((".c", ".S")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield os.path.relpath(path, tree), file.read()


def look_up(tree, symbols):
    """symbol -> places that define it; (file name, symbol) -> places that mention it: of data the linker knows no line."""
    names = "|".join(re.escape(symbol) for symbol in symbols)
    word = re.compile(rf"\b({names})\b")
    definition = re.compile(rf"^(?:(?!static\b|extern\b|return\b|else\b|#)[A-Za-z_][^;=(]*[\s*])?\b({names})\s*"
                            rf"(?:\((?!.*;\s*$)|=|;|\[)|^(?:SYM_\w+|DEFINE_\w+|DECLARE_\w+)\(.*?\b({names})\b")
    defined, mentioned = {}, {}
    for path, text in sources(tree):
        if not word.search(text):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            found = word.search(line)
            if not found:
                continue
            mentioned.setdefault((os.path.basename(path), found[1]), f"{path}:{number}")
            define = definition.match(line)
            if define:
                defined.setdefault(define[1] or define[2], []).append(f"{path}:{number}")
    return defined, mentioned


def explain(image, tree, lines):
    symbols, rest = parse(lines)
    if not symbols:
        return rest
    defined, mentioned = look_up(tree, symbols)
    out = rest + [f"{image} cannot be linked: its originals use {len(symbols)} symbol{'s' * (len(symbols) != 1)} that "
                  "the environment does not have.", ""]
    for symbol, uses in sorted(symbols.items()):
        out.append(f"  {symbol}")
        for file, line, function in uses:
            place = f"{file}:{line}" if line else mentioned.get((os.path.basename(file), symbol), file)
            out.append(f"    used by {place}" + (f" in {function}" if line and function else ""))
        for place in defined.get(symbol, [])[:3]:
            out.append(f"    defined in {place}")
    return out + ["", HOW.rstrip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", required=True, help="name for the message")
    parser.add_argument("--tree", required=True, help="folder of the kernel's sources")
    parser.add_argument("log", help="what ld.lld wrote to standard error")
    args = parser.parse_args()
    with open(args.log, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    print("\n".join(explain(args.image, args.tree, lines)), file=sys.stderr)


if __name__ == "__main__":
    main()
