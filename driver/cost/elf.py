# SPDX-License-Identifier: Apache-2.0
"""As much of a 64-bit little-endian ELF executable as the cost table needs: sections, symbols, kept relocations."""
import struct
from collections import namedtuple

Section = namedtuple("Section", "name kind flags address offset size link info entry_size")
Symbol = namedtuple("Symbol", "name value size kind section")
Relocation = namedtuple("Relocation", "offset symbol kind addend")

SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_EXECINSTR = 4
STT_FUNC = 2


class Elf:
    def __init__(self, data):
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        table, = struct.unpack_from("<Q", data, 40)
        entry_size, count, names = struct.unpack_from("<HHH", data, 58)
        raw = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * entry_size) for i in range(count)]
        strings = raw[names][4]
        self.sections = [Section(self._string(strings + r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[9]) for r in raw]

    def _string(self, offset):
        return self.data[offset:self.data.index(b"\0", offset)].decode("utf-8", "replace")

    def section(self, name):
        return next((s for s in self.sections if s.name == name), None)

    def symbols(self):
        table = next((s for s in self.sections if s.kind == SHT_SYMTAB), None)
        if table is None:
            return []
        strings = self.sections[table.link].offset
        return [Symbol(self._string(strings + name), value, size, info & 15, section)
                for name, info, _, section, value, size in struct.iter_unpack(
                    "<IBBHQQ", self.data[table.offset:table.offset + table.size])]

    def relocations(self):
        """Relocations kept by the linker that lie in executable sections."""
        found = []
        for s in self.sections:
            if s.kind == SHT_RELA and self.sections[s.info].flags & SHF_EXECINSTR:
                found += [Relocation(offset, info >> 32, info & 0xffffffff, addend) for offset, info, addend in
                          struct.iter_unpack("<QQq", self.data[s.offset:s.offset + s.size])]
        return found
