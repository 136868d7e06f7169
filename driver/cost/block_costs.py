#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives every basic block of a linked guest image its cost, from the image's own disassembly, and a dense number.

Each instrumented block begins with the accounting that the link inlined: it loads the block's guard, subtracts it
from the countdown and leaves for the host when that is negative. The load is found by its relocation against the
section __sancov_guards (the link keeps relocations), so nothing depends on how the compiler arranged it:

  * an instruction belongs to the last guard loaded before it; at the start of a machine block that is entered by a
    jump, to the first guard loaded in it, or, if it loads none, to the block the jump came from;
  * the accounting itself costs nothing: guard load, countdown update, its branch, and the call into the host; its
    branch ends no machine block;
  * a machine block without a guard is what the compiler put on an edge: half of it counts if a branch leads there,
    nothing if it lies behind the branch that closes a loop;
  * what only runs on the way to the host, and jumps that lead around that, cost nothing;
  * assembly has no guards: a function of it without branches is charged to the block that calls it, others are free;
  * a block that the link copied (inlining, unrolling) costs the mean of its copies, rounded;
  * functions that the link dropped are not in the table, and their guards hold 0;
  * a guard that is no longer loaded, because the compiler could prove its block empty or never run, has 0 instructions.

The model of the core is core_model.py. The guards of the written image hold block numbers 1..n, in the order of the
table: tab-separated id, source path, function, index in the function (0: entry), instructions, picoseconds, line.

A second table says which lines of its source each block has code of. Its records are tab-separated:
  S path           what follows is about this source
  F line name      a function that the source defines, and the line of its name
  B id lines       a block; the lines in ascending order, with commas
  X lines          of blocks that the link proved never to run
  D lines          of functions that the link dropped, because nobody in the image calls them
"""
import argparse
import bisect
import re
import struct
import subprocess
import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import core_model  # noqa: E402
import elf  # noqa: E402

GUARD_SECTION = "__sancov_guards"
LINE = re.compile(r"^\s*([0-9a-f]+):\s*(.*)$")
TARGET = re.compile(r"^(?:0x)?([0-9a-f]+)(?: <.*>)?$")
# Where guest code has the countdown, and what it subtracts from it.
COUNTDOWN = ("%xmm15", "%xmm14")
# How far from its guard load the rest of one accounting lies at most, in instructions.
REACH = 8
SHARES = 2


class Instruction:
    __slots__ = ("address", "words", "operands", "guard", "guard_address", "clock", "free")

    def __init__(self, address, words, operands):
        self.address, self.words, self.operands = address, words, operands
        self.guard = None  # slot that it loads
        self.guard_address = False  # takes the address of a guard: the way into the host
        self.clock = False  # touches the countdown
        self.free = False  # part of the accounting

    @property
    def mnemonic(self):
        return self.words[-1]


def disassemble(objdump, path):
    """All instructions of executable sections, by address."""
    text = subprocess.run([objdump, "--disassemble", "--no-show-raw-insn", path], check=True, stdout=subprocess.PIPE,
                          encoding="utf-8", errors="replace").stdout
    found, lone = [], None  # the disassembler prints some prefixes on a line of their own
    for line in text.splitlines():
        match = LINE.match(line)
        words = match[2].partition("#")[0].split() if match else []
        if not words:
            continue
        address = int(match[1], 16)
        if lone:
            address, words, lone = lone[0], lone[1] + words, None
        prefixes = 0
        while prefixes < len(words) and words[prefixes] in core_model.PREFIXES:
            prefixes += 1
        if prefixes == len(words):
            lone = (address, words)
        else:
            found.append(Instruction(address, words[:prefixes + 1], " ".join(words[prefixes + 1:])))
    return sorted(found, key=lambda i: i.address)


def mark(image, instructions, clock_symbol):
    """Finds guard loads and countdown accesses by relocation."""
    guards = image.section(GUARD_SECTION)
    symbols = image.symbols()
    clock = next((s for s in symbols if s.name == clock_symbol), None)
    if clock is None:
        raise SystemExit(f"block_costs: the image has no symbol {clock_symbol}")
    addresses = [i.address for i in instructions]
    for r in image.relocations():
        at = bisect.bisect_right(addresses, r.offset) - 1
        if at < 0:
            continue
        instruction = instructions[at]
        end = addresses[at + 1] if at + 1 < len(addresses) else r.offset + 4
        relative = r.kind in (2, 4)  # R_X86_64_PC32, _PLT32
        target = symbols[r.symbol].value + r.addend + (end - r.offset if relative else 0)
        if guards.address <= target < guards.address + guards.size:
            if f"${target:#x}" in instruction.operands.split(",")[0] or f"${target}" == instruction.operands.split(",")[0] \
                    or instruction.mnemonic.startswith("lea"):
                instruction.guard_address = True
            else:
                instruction.guard = (target - guards.address) // 4
        elif clock.value <= target < clock.value + 8:
            instruction.clock = True


def free_accounting(instructions):
    """Marks what belongs to the accounting itself."""
    for n, i in enumerate(instructions):
        if any(register in i.operands for register in COUNTDOWN):
            i.free = True
        if i.guard_address:  # mov $guard, %r11; call emul_deadline; jmp back
            for j, after in zip(instructions[n:n + 4], instructions[n + 1:n + 5]):
                j.free = True
                if j.mnemonic.startswith("call"):
                    after.free = after.free or after.mnemonic.startswith("jmp")
                    break
        if i.guard is None:
            continue
        i.free = True
        for j in instructions[max(0, n - 3):n]:
            j.free = j.free or j.clock
        in_register = COUNTDOWN[1] in i.operands
        subtracted = in_register or i.mnemonic.startswith("sub")
        for j in instructions[n + 1:n + REACH]:
            if j.guard is not None:
                break
            if j.clock or not subtracted and j.mnemonic.startswith("sub"):
                j.free = True
                subtracted = True
            elif in_register and j.mnemonic.startswith("test"):
                j.free = True
            elif j.mnemonic in (("jne", "je") if in_register else ("js", "jns")):
                # One that leads back is also the branch of a loop that does nothing else.
                match = TARGET.match(j.operands)
                j.free = match is None or int(match[1], 16) > j.address
                break


def free_ways_to_the_host(instructions):
    """Marks what only runs when the countdown is used up, which costs the guest nothing: the link puts it behind the
    function or between its blocks, often with a copy of what follows up to the next jump. And marks jumps that do
    nothing but lead around it."""
    at = {i.address: n for n, i in enumerate(instructions)}
    away = [False] * len(instructions)
    others = set()  # where code goes that is not on its way to the host
    for i in instructions:
        match = TARGET.match(i.operands) if i.mnemonic.startswith("j") and not i.free else None
        if match:
            others.add(int(match[1], 16))
    for n, i in enumerate(instructions):
        if not i.free or i.mnemonic not in ("jne", "je", "js", "jns"):
            continue
        match = TARGET.match(i.operands)
        target = at.get(int(match[1], 16)) if match else None
        leaves = i.mnemonic in ("jne", "js")
        if target is None:
            continue
        first, end = (target, len(instructions)) if leaves else (n + 1, target)
        last, called = first, False
        while last < end and instructions[last].guard is None and instructions[last].address not in others:
            called = called or instructions[last].mnemonic.startswith("call")
            if core_model.ends_straight_line(instructions[last].mnemonic):
                break
            last += 1
        if not called:
            continue
        for j in range(first, min(last + 1, end)):
            if instructions[j].guard is not None or instructions[j].address in others:
                break
            instructions[j].free = away[j] = True
    for n, i in enumerate(instructions):
        if not i.mnemonic.startswith("jmp") or i.free:
            continue
        match = TARGET.match(i.operands)
        target = at.get(int(match[1], 16)) if match else None
        if target is not None and target > n + 1 and all(away[n + 1:target]):
            i.free = True


def straight_functions(functions, instructions):
    """Functions without guards, branches and calls, all of them assembly: address -> (instructions, millicycles)."""
    straight, entry = {}, None
    for i in instructions:
        if i.address in functions:
            entry, count, cost = i.address, 0, 0
        if entry is None:
            continue
        count, cost = count + 1, cost + core_model.cost(i.words, i.operands)
        if i.mnemonic.startswith("ret"):
            straight[entry], entry = (count, cost), None
        elif i.guard is not None or i.mnemonic[0] == "j" or i.mnemonic.startswith("call"):
            entry = None
    return straight


def never_runs(instructions, n, leaders):
    """Fills a gap behind a jump."""
    i, before = instructions[n], instructions[n - 1] if n else None
    return before is not None and core_model.is_nop(i.words[-1]) and i.address not in leaders and (
        core_model.ends_straight_line(before.mnemonic) or before.free and core_model.is_nop(before.mnemonic))


def target_of(instruction):
    match = TARGET.match(instruction.operands) if instruction.mnemonic.startswith("j") else None
    return int(match[1], 16) if match else None


def share_behind(branch):
    """How often what follows a branch runs, in SHAREs of how often the branch does."""
    if branch.free or not core_model.is_conditional_jump(branch.mnemonic):
        return SHARES
    target = target_of(branch)
    return 0 if target is not None and target < branch.address else SHARES // 2


def attribute(image, instructions, slots):
    """[(instructions, millicycles, copies)] by guard slot, the first two in SHAREs."""
    count, cost, copies = [0] * slots, [0] * slots, [0] * slots
    functions = {s.value for s in image.symbols() if s.kind == elf.STT_FUNC}
    straight = straight_functions(functions, instructions)
    leaders, came_from = set(functions), {}
    targets = []
    for n, i in enumerate(instructions):
        target = None
        if i.mnemonic.startswith("j"):
            match = TARGET.match(i.operands)
            if match:
                target = int(match[1], 16)
                leaders.add(target)
            if n + 1 < len(instructions):
                leaders.add(instructions[n + 1].address)
        targets.append(target)
    # The accounting's own branch ends no machine block; the way back from the host leads behind it.
    leaders -= {after.address for i, after in zip(instructions, instructions[1:])
                if i.free and core_model.is_conditional_jump(i.mnemonic)}
    leaders |= functions
    # First guard loaded in each machine block, known before its first instruction is charged.
    first, ahead = [None] * len(instructions), None
    for n in range(len(instructions) - 1, -1, -1):
        if n + 1 < len(instructions) and instructions[n + 1].address in leaders:
            ahead = None
        if instructions[n].guard is not None:
            ahead = instructions[n].guard
        first[n] = ahead
    current, share, falls = None, SHARES, False
    for n, i in enumerate(instructions):
        if i.address in functions:
            current, share, falls = None, SHARES, False
        if never_runs(instructions, n, leaders):
            i.free = True
        if i.address in leaders:
            if first[n] is not None:
                current, share = first[n], SHARES
            elif not falls and i.address in came_from:
                current, share = came_from[i.address]
            elif falls:
                share = min(share, share_behind(instructions[n - 1]))
        if i.guard is not None:
            current, share = i.guard, SHARES
            copies[current] += 1
        if current is not None and not i.free and i.mnemonic != "int3":  # int3 fills gaps
            count[current] += share
            cost[current] += share * core_model.cost(i.words, i.operands)
            callee = TARGET.match(i.operands) if i.mnemonic.startswith("call") else None
            called = straight.get(int(callee[1], 16), (0, 0)) if callee else (0, 0)
            count[current] += share * called[0]
            cost[current] += share * called[1]
        if targets[n] is not None and current is not None:
            half = SHARES // 2 if core_model.is_conditional_jump(i.mnemonic) and not i.free else SHARES
            came_from.setdefault(targets[n], (current, min(share, half)))
        falls = not core_model.ends_straight_line(i.mnemonic)
    return count, cost, copies


def read_tables(paths):
    """(key << 16 | block) -> (source, function, index, line, lines), in the order of the files; and what is known of
    functions: source -> [(line, name)]."""
    blocks, functions = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            head = file.readline().split()
            if head[:1] != ["#key"]:
                raise SystemExit(f"block_costs: {path} is not a table of tag_guards.py")
            key = int(head[1]) << 16
            defined = []
            for line in file:
                if line.startswith("#function"):
                    defined.append(line.rstrip("\n").split("\t")[:0:-1])
                    continue
                block, source, function, index, number, lines = line.rstrip("\n").split("\t")
                blocks[key | int(block)] = (source, function, int(index), int(number), lines)
                functions[source] = defined
    return blocks, functions


def write_lines(path, known, functions, numbers, removed):
    """The second table; `numbers`: tag -> number of the block, `removed`: tags that the link left no code of."""
    by_source = {}
    for tag, block in known.items():
        by_source.setdefault(block[0], []).append((tag, block[4]))

    def union(lists):
        return ",".join(map(str, sorted({int(line) for lines in lists if lines for line in lines.split(",")})))

    with open(path, "w", encoding="utf-8") as file:
        file.write("# S path; F line name; B id lines; X lines; D lines\n")
        for source, blocks in by_source.items():
            file.write(f"S\t{source}\n")
            file.writelines(f"F\t{line}\t{name}\n" for line, name in functions[source])
            file.writelines(f"B\t{numbers[tag]}\t{lines}\n" for tag, lines in blocks
                            if tag in numbers and tag not in removed and lines)
            for letter, lines in (("X", union(lines for tag, lines in blocks if tag in removed)),
                                  ("D", union(lines for tag, lines in blocks if tag not in numbers))):
                if lines:
                    file.write(f"{letter}\t{lines}\n")


def rounded_mean(shares, copies):
    return (2 * shares + SHARES * copies) // (2 * SHARES * copies) if copies else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", required=True, help="as linked")
    parser.add_argument("--out", required=True, help="the image with dense block numbers in its guards")
    parser.add_argument("--blocks", required=True, help="the table of blocks")
    parser.add_argument("--lines", required=True, help="the table of source lines")
    parser.add_argument("--objdump", default="llvm-objdump")
    parser.add_argument("--clock-symbol", default="emul_clock", help="the countdown is its first field")
    parser.add_argument("--tables", required=True, help="file that names one table of tag_guards.py per line")
    args = parser.parse_args()
    with open(args.tables, encoding="utf-8") as file:
        known, functions = read_tables(file.read().split())
    with open(args.image, "rb") as file:
        data = bytearray(file.read())
    image = elf.Elf(bytes(data))
    guards = image.section(GUARD_SECTION)
    if guards is None:
        sys.exit(f"block_costs: the image has no section {GUARD_SECTION}: it was not instrumented")
    slots = guards.size // 4
    tags = struct.unpack_from(f"<{slots}I", data, guards.offset)
    instructions = disassemble(args.objdump, args.image)
    mark(image, instructions, args.clock_symbol)
    free_accounting(instructions)
    free_ways_to_the_host(instructions)
    count, cost, copies = attribute(image, instructions, slots)

    held = {}  # tag -> slots; the same tag twice if the link copied a guard array
    for slot, tag in enumerate(tags):
        if tag:
            if tag not in known:
                sys.exit(f"block_costs: guard {slot} holds {tag:#x}, which no table has")
            held.setdefault(tag, []).append(slot)
    # The link keeps the guards of functions that it dropped.
    linked = {known[tag][:2] for tag, where in held.items() if any(copies[s] for s in where)}
    number = 0
    numbers = [0] * slots
    number_of, removed = {}, set()
    with open(args.blocks, "w", encoding="utf-8") as file:
        file.write("# id\tsource\tfunction\tindex\tinstructions\tpicoseconds\tline\n")
        for tag, (source, function, index, line, _) in known.items():
            if tag not in held or (source, function) not in linked:
                continue
            number += 1
            where = held[tag]
            for slot in where:
                numbers[slot] = number
            n = sum(copies[s] for s in where)
            number_of[tag] = number
            if n == 0:
                removed.add(tag)
            file.write("\t".join(map(str, (
                number, source, function, index, rounded_mean(sum(count[s] for s in where), n),
                core_model.picoseconds(rounded_mean(sum(cost[s] for s in where), n)), line))) + "\n")
    write_lines(args.lines, known, functions, number_of, removed)
    struct.pack_into(f"<{slots}I", data, guards.offset, *numbers)
    with open(args.out, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
