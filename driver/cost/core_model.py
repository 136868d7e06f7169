# SPDX-License-Identifier: Apache-2.0
"""What an x86-64 instruction costs: a simple model of one core at 2.2 GHz.

A wide out-of-order core at steady state, everything in the first-level cache: each instruction takes its share of the
unit it occupies (reciprocal throughput), in thousandths of a cycle. Stated simplifications: no dependency chains, no
cache misses (memory that a device has written is charged by the models, not here), mispredicts as an average rate.
Values follow the published per-instruction tables for Skylake-class server cores, rounded.
"""

CLOCK_MHZ = 2200

ALU = 333  # three simple integer operations a cycle, of four ports, since something else wants one
LOAD = 500  # two load ports
STORE = 1000  # one store port
NOP = 250  # four decoded a cycle
SLOW_ALU = 1000  # one port: multiply, bit scan, shift by %cl
BRANCH = 500  # two a cycle, not more than one of them taken
MISPREDICT = 15000  # refill of the front end
CONDITIONAL = BRANCH + MISPREDICT * 2 // 100  # 2 % of conditional branches are mispredicted
INDIRECT = 2 * BRANCH + MISPREDICT * 5 // 100  # 5 % of indirect branches are
CALL = BRANCH + STORE
RETURN = BRANCH + LOAD
LOCKED = 18000  # read-modify-write that drains the store buffer
UNLOCKED_EXCHANGE = 5000  # cmpxchg, xadd, bts on memory: microcoded
DIVIDE_32 = 6000
DIVIDE_64 = 26000
STRING = 22000  # rep movs, rep stos: start-up plus the 64 bytes of a typical kernel copy
FENCE = {"mfence": 33000, "lfence": 6000, "sfence": 6000}
SPECIAL = {"pause": 40000, "rdtsc": 18000, "rdtscp": 24000, "cpuid": 100000, "ud2": 0, "int3": 0, "hlt": 0}

CONDITIONS = frozenset("o no b c nae ae nb nc e z ne nz be na a nbe s ns p pe np po l nge ge nl le ng g nle".split())
SLOW = ("imul", "mul", "bsf", "bsr", "tzcnt", "lzcnt", "popcnt", "rcl", "rcr", "shld", "shrd", "crc32")
PREFIXES = frozenset("lock rep repe repne repz repnz data16 cs ds es fs gs ss notrack addr32".split())
SUFFIXES = "bwlq"


def split_operands(text):
    """AT&T operands, destination last; commas within parentheses do not separate."""
    operands, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == "," and depth == 0:
            operands.append(text[start:i].strip())
            start = i + 1
    if text[start:].strip():
        operands.append(text[start:].strip())
    return operands


def is_memory(operand):
    """Whether an AT&T operand is in memory: 8(%rax), %gs:sym, or a bare address."""
    if operand.startswith("$"):
        return False
    return "(" in operand or ":" in operand or not operand.startswith("%")


def stem(mnemonic, known):
    """The mnemonic without its size suffix if that is in `known`, else None."""
    if mnemonic in known:
        return mnemonic
    return mnemonic[:-1] if mnemonic[-1] in SUFFIXES and mnemonic[:-1] in known else None


def is_conditional_jump(mnemonic):
    return mnemonic[0] == "j" and mnemonic[1:] in CONDITIONS or mnemonic in ("jrcxz", "jecxz", "loop")


def is_nop(mnemonic):
    return mnemonic.startswith("nop")


def ends_straight_line(mnemonic):
    """Whether execution never falls through to the next instruction."""
    return mnemonic in ("jmp", "jmpq", "ret", "retq", "ud2", "iretq", "hlt")


def cost(words, operands_text):
    """Thousandths of a cycle of one instruction; `words` are its prefixes and mnemonic."""
    prefixes = [w for w in words if w in PREFIXES]
    mnemonic = next((w for w in words if w not in PREFIXES), "")
    if not mnemonic:
        return 0
    operands = split_operands(operands_text)
    memory = [is_memory(o) for o in operands]
    if mnemonic.startswith(("nop", "endbr", "prefetch")):
        return NOP
    if mnemonic in FENCE:
        return FENCE[mnemonic]
    if mnemonic in SPECIAL:
        return SPECIAL[mnemonic]
    if any(p.startswith("rep") for p in prefixes) and mnemonic[:4] in ("movs", "stos", "cmps", "scas", "lods"):
        return STRING
    exchange = stem(mnemonic, ("xchg",))
    if "lock" in prefixes or exchange and any(memory):
        return LOCKED
    if mnemonic.startswith("call"):
        return CALL + (INDIRECT if "*" in operands_text else 0) + (LOAD if "*" in operands_text and "(" in operands_text else 0)
    if mnemonic.startswith("ret"):
        return RETURN
    if is_conditional_jump(mnemonic):
        return CONDITIONAL
    if mnemonic.startswith("jmp"):
        return INDIRECT if "*" in operands_text else BRANCH
    if mnemonic.startswith("push"):
        return STORE + (LOAD if any(memory) else 0)
    if mnemonic.startswith("pop") and not mnemonic.startswith("popcnt"):
        return LOAD + (STORE if any(memory) else 0)
    if mnemonic.startswith("leave"):
        return ALU + LOAD
    if stem(mnemonic, ("lea",)):
        return ALU
    if stem(mnemonic, ("div", "idiv")):
        return (DIVIDE_64 if mnemonic[-1] == "q" else DIVIDE_32) + (LOAD if any(memory) else 0)
    if stem(mnemonic, ("cmpxchg", "xadd", "cmpxchg8b", "cmpxchg16b", "bts", "btr", "btc")) and memory and memory[-1]:
        return UNLOCKED_EXCHANGE
    work = ALU
    if stem(mnemonic, SLOW) or mnemonic[:2] in ("sh", "sa", "ro") and operands and operands[0] == "%cl":
        work = SLOW_ALU
    if not any(memory):
        return work
    if stem(mnemonic, ("cmp", "test", "bt")) or not memory[-1]:  # only reads memory
        return LOAD + (0 if mnemonic.startswith("mov") else work)
    if mnemonic.startswith(("mov", "set")):  # only writes memory
        return STORE
    return LOAD + work + STORE


def picoseconds(millicycles):
    """Rounded to the nearest picosecond."""
    return (millicycles * 1000 + CLOCK_MHZ // 2) // CLOCK_MHZ
