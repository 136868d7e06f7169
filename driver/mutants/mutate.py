#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a copy of a kernel source in which reversions of security fixes are built in, each behind a switch.

A place is found by tokens, so white space, comments and line numbers may differ between point releases. What cannot be
found exactly once in its function ends the build. Edits only insert text into existing lines: every line of the copy
keeps its number, and with the switch at 0 the copy does what the original does.

Verbs (made by driver/mutants/mutants.bzl), N is the mutant's number and `pvpci_mutant` the switch:
  never E          E  becomes  (pvpci_mutant != N && (E))
  always E         E  becomes  (pvpci_mutant == N || (E))
  instead E BY     E  becomes  (pvpci_mutant == N ? (BY) : (E))
  skip S [WHEN]    the statement that begins with S does not run (if WHEN holds)
  call S BY        the call statement that begins with S calls BY with the same arguments
  replace S BY     the statement BY runs in place of the one that begins with S
  before S BY      the statement BY runs before the one that begins with S
  insert S BY      the declaration BY stands before the statement that begins with S
  declare - BY     the declaration BY stands in front of the function
In a pattern "{{" and "}}" enclose the place itself; what is around them says which one of several.
"""
import argparse
import json
import re
import sys

TOKEN = re.compile(
    r"""(?P<space>\s+|/\*.*?\*/|//[^\n]*|\\\n)
      | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | \w+
      | -> | \+\+ | -- | <<= | >>= | << | >> | [-+*/%&|^=!<>]= | && | \|\| | \.\.\. | \#\# | .""",
    re.VERBOSE | re.DOTALL)
CLOSE = {"(": ")", "[": "]", "{": "}"}
SWITCH = "pvpci_mutant"


class Mismatch(Exception):
    """A place was not found exactly once."""


def tokens(text):
    """[(token, start, end)] without white space and comments."""
    return [(m[0], m.start(), m.end()) for m in TOKEN.finditer(text) if m.lastgroup != "space"]


def words(text):
    return [token for token, _, _ in tokens(text)]


class Source:
    def __init__(self, text):
        self.text = text
        self.tokens = tokens(text)

    def matching(self, at):
        """Index of the bracket that closes the one at `at`."""
        opening = self.tokens[at][0]
        depth = 0
        for index in range(at, len(self.tokens)):
            token = self.tokens[index][0]
            depth += (token == opening) - (token == CLOSE[opening])
            if depth == 0:
                return index
        raise Mismatch(f"'{opening}' is never closed")

    def body(self, name):
        """Indices of the first token of the function's definition line and of its braces."""
        found = []
        for index, (token, _, _) in enumerate(self.tokens[:-1]):
            if token == name and self.tokens[index + 1][0] == "(":
                after = self.matching(index + 1) + 1
                if after < len(self.tokens) and self.tokens[after][0] == "{":
                    found.append((index, after, self.matching(after)))
        if len(found) != 1:
            raise Mismatch(f"function {name} is defined {len(found)} times")
        return found[0]

    def definition(self, name_index):
        """Where the declaration begins that contains this token: behind the last ';', '}' or directive before it."""
        index = name_index
        while index > 0 and self.tokens[index - 1][0] not in (";", "}", "{"):
            index -= 1
        start = self.tokens[index][1]
        between = self.text[start:self.tokens[name_index][1]]
        directive = between.rfind("\n#")
        if between.startswith("#") or directive >= 0:  # a directive ends with its line
            start = self.text.index("\n", start + directive + 1) + 1
        return start

    def find(self, pattern, first, last):
        """Indices of the first token of the place and of the one behind it, between two indices."""
        head, mark, rest = pattern.partition("{{")
        place, _, tail = rest.partition("}}") if mark else (head, "", "")
        head = words(head) if mark else []
        wanted = head + words(place) + words(tail)
        have = [token for token, _, _ in self.tokens]
        found = [at for at in range(first, last) if have[at:at + len(wanted)] == wanted]
        if len(found) != 1:
            raise Mismatch(f"'{pattern}' is there {len(found)} times")
        start = found[0] + len(head)
        return start, start + len(words(place))

    def statement_end(self, at):
        """Index behind the statement that begins at `at`: a simple one, a block, or an if with its else."""
        token = self.tokens[at][0]
        if token == "{":
            return self.matching(at) + 1
        if token == "if":
            end = self.statement_end(self.matching(at + 1) + 1)
            return self.statement_end(end + 1) if self.tokens[end][0] == "else" else end
        if token in ("for", "while"):
            return self.statement_end(self.matching(at + 1) + 1)
        while self.tokens[at][0] != ";":
            at = self.matching(at) + 1 if self.tokens[at][0] in CLOSE else at + 1
        return at + 1


def insertions(source, number, edit):
    """[(position, text, rank)] of one edit; rank: 0 ends a place, 1 stands before one, 2 begins one."""
    on, off = f"{SWITCH} == {number}", f"{SWITCH} != {number}"
    name, opening, closing = source.body(edit["function"])
    verb, by = edit["verb"], edit.get("by", "")
    if verb == "declare":
        return [(source.definition(name), f"{by}; ", 1)]
    first, behind = source.find(edit["pattern"], opening, closing)
    start, end = source.tokens[first][1], source.tokens[behind - 1][2]
    around = {"never": (f"({off} && (", "))"),
              "always": (f"({on} || (", "))"),
              "instead": (f"({on} ? ({by}) : (", "))")}
    if verb in ("before", "insert"):
        if source.tokens[first - 1][0] not in (";", "{", "}"):
            raise Mismatch(f"'{edit['pattern']}' is not a statement of its own")
        return [(start, f"if ({on}) {{ {by}; }} " if verb == "before" else f"{by}; ", 1)]
    if verb not in around:
        end = source.tokens[source.statement_end(first) - 1][2]
        statement = " ".join(source.text[start:end].split())
        around = {"skip": (f"{{ if ({off}{' || !(' + by + ')' if by else ''}) ", " }"),
                  "replace": (f"{{ if ({on}) {{ {by}; }} else ", " }"),
                  "call": (f"{{ if ({on}) {by}{statement[len(words(edit['pattern'])[0]):]} else ", " }")}
    before, after = around[verb]
    return [(start, before, 2), (end, after, 0)]


def mutate(text, mutants):
    """The copy. `mutants`: [{id, number, edits: [{function, verb, pattern, by}]}]."""
    source = Source(text)
    wanted = []
    for mutant in mutants:
        for edit in mutant["edits"]:
            try:
                pieces = insertions(source, mutant["number"], edit)
            except Mismatch as error:
                raise Mismatch(f"{mutant['id']}: {edit['function']}: {error}") from None
            size = pieces[-1][0] - pieces[0][0]
            for at, piece, rank in pieces:
                sign = -1 if rank else 1  # of two places that begin or end together the larger is outside
                wanted.append((at, rank, sign * size, -sign * len(wanted), piece))
    out, done = [], 0
    for at, _, _, _, piece in sorted(wanted):
        out += [text[done:at], piece]
        done = at
    # Weak: every copy has it, the image one of them.
    copy = f"volatile int {SWITCH} __attribute__((weak)); " + "".join(out) + text[done:]
    if copy.count("\n") != text.count("\n"):
        raise Mismatch("an edit moves lines")
    return copy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", required=True)
    parser.add_argument("--source", required=True, help="path in the tree")
    parser.add_argument("--mutants", required=True, help="JSON: {mutants: [...]}, those of this source")
    parser.add_argument("--out", required=True, help="the copy")
    args = parser.parse_args()
    with open(f"{args.tree}/{args.source}", encoding="utf-8") as file:
        text = file.read()
    with open(args.mutants, encoding="utf-8") as file:
        mutants = json.load(file)["mutants"]
    try:
        copy = mutate(text, mutants)
    except Mismatch as error:
        sys.exit(f"{args.source}: {error}.\nThis kernel's text differs from what driver/mutants/mutants.bzl describes: "
                 "look at the place, then change the description or add the kernel to 'absent' with the reason.")
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(copy)


if __name__ == "__main__":
    main()
