// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/elf_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kLowHalf = 1ull << 31;

}  // namespace

void ElfFile::Refuse(const std::string& reason) const { throw ImageError(path_ + ": " + reason); }

ElfFile::ElfFile(const std::string& path) : path_(path) {
  elf_version(EV_CURRENT);
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) Refuse(fmt::format("cannot open the guest image: {}", std::strerror(errno)));
  try {
    elf_ = elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
    if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF) Refuse("not an ELF file");
    const Elf64_Ehdr* header = elf64_getehdr(elf_);
    if (header == nullptr || header->e_machine != EM_X86_64) Refuse("not an x86-64 ELF file");
    if (header->e_type != ET_EXEC) Refuse("not a non-PIC executable (ET_EXEC)");
    raw_ = reinterpret_cast<const std::byte*>(elf_rawfile(elf_, &raw_size_));
    if (raw_ == nullptr) Refuse("cannot map the file");
    ReadSegments();
    ReadSections();
  } catch (...) {
    elf_end(elf_);
    close(fd_);
    throw;
  }
}

ElfFile::~ElfFile() {
  elf_end(elf_);
  close(fd_);
}

void ElfFile::ReadSegments() {
  size_t count = 0;
  const Elf64_Phdr* headers = elf64_getphdr(elf_);
  if (headers == nullptr || elf_getphdrnum(elf_, &count) != 0) Refuse("no program headers");
  uint64_t low = UINT64_MAX;
  uint64_t high = 0;
  for (size_t i = 0; i < count; ++i) {
    const Elf64_Phdr& header = headers[i];
    if (header.p_type == PT_INTERP || header.p_type == PT_DYNAMIC) Refuse("dynamically linked");
    if (header.p_type == PT_TLS) Refuse("has thread-local storage");
    if (header.p_type != PT_LOAD || header.p_memsz == 0) continue;
    if (header.p_offset > raw_size_ || header.p_filesz > raw_size_ - header.p_offset) Refuse("truncated");
    if (header.p_filesz > header.p_memsz) Refuse("a segment is larger in the file than in memory");
    segments_.push_back({header.p_vaddr, header.p_memsz, header.p_filesz, raw_ + header.p_offset});
    low = std::min(low, header.p_vaddr);
    high = std::max(high, header.p_vaddr + header.p_memsz);
  }
  if (segments_.empty()) Refuse("no loadable segment");
  if (high >= kLowHalf) Refuse(fmt::format("linked beyond 2 GiB ({:#x})", high));
  link_base_ = low & ~(kPage - 1);
  size_bytes_ = ((high + kPage - 1) & ~(kPage - 1)) - link_base_;
}

void ElfFile::ReadSections() {
  size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) Refuse("no section names");
  for (Elf_Scn* scn = elf_nextscn(elf_, nullptr); scn != nullptr; scn = elf_nextscn(elf_, scn)) {
    const Elf64_Shdr* header = elf64_getshdr(scn);
    if (header == nullptr) Refuse("damaged section table");
    if (header->sh_type != SHT_NOBITS &&
        (header->sh_offset > raw_size_ || header->sh_size > raw_size_ - header->sh_offset)) {
      Refuse("truncated");
    }
    const std::byte* data = header->sh_type == SHT_NOBITS ? nullptr : raw_ + header->sh_offset;
    if (header->sh_flags & SHF_ALLOC) {
      const char* name = elf_strptr(elf_, names, header->sh_name);
      sections_.push_back({name == nullptr ? "" : name, header->sh_addr, header->sh_size, data});
      if (header->sh_flags & SHF_EXECINSTR) text_.emplace_back(header->sh_addr, header->sh_size);
    } else if (header->sh_type == SHT_SYMTAB) {
      const Elf64_Shdr* strings = elf64_getshdr(elf_getscn(elf_, header->sh_link));
      if (strings == nullptr || strings->sh_offset + strings->sh_size > raw_size_) Refuse("damaged symbol table");
      symbols_ = reinterpret_cast<const Elf64_Sym*>(data);
      symbol_count_ = header->sh_size / sizeof(Elf64_Sym);
      names_ = reinterpret_cast<const char*>(raw_ + strings->sh_offset);
      names_size_ = strings->sh_size;
    } else if (header->sh_type == SHT_RELA) {
      const Elf64_Shdr* target = elf64_getshdr(elf_getscn(elf_, header->sh_info));
      if (target == nullptr || !(target->sh_flags & SHF_ALLOC)) continue;  // debug sections stay as linked
      relocation_tables_.push_back(
          {reinterpret_cast<const Elf64_Rela*>(data), header->sh_size / sizeof(Elf64_Rela)});
    }
  }
  if (symbols_ == nullptr) Refuse("no symbol table");
  if (relocation_tables_.empty()) Refuse("no relocations: link it with --emit-relocs");
}

bool ElfFile::is_text(uint64_t address) const {
  return std::any_of(text_.begin(), text_.end(),
                     [&](const auto& range) { return address - range.first < range.second; });
}

std::string_view ElfFile::SymbolName(const Elf64_Sym& symbol) const {
  if (symbol.st_name >= names_size_) return {};
  const char* name = names_ + symbol.st_name;
  return {name, strnlen(name, names_size_ - symbol.st_name)};
}

const std::byte* ElfFile::DataAt(uint64_t address, uint64_t length) const {
  for (const ElfSegment& segment : segments_) {
    const uint64_t offset = address - segment.address;
    if (offset < segment.file_size && length <= segment.file_size - offset) return segment.data + offset;
  }
  return nullptr;
}

namespace {

const char* RelocationName(unsigned type) {
  switch (type) {
    case R_X86_64_8: return "R_X86_64_8";
    case R_X86_64_16: return "R_X86_64_16";
    case R_X86_64_GOT32: return "R_X86_64_GOT32";
    case R_X86_64_GOTPC32: return "R_X86_64_GOTPC32";
    case R_X86_64_GOTOFF64: return "R_X86_64_GOTOFF64";
    case R_X86_64_TPOFF32: return "R_X86_64_TPOFF32";
    case R_X86_64_DTPOFF32: return "R_X86_64_DTPOFF32";
    case R_X86_64_TLSGD: return "R_X86_64_TLSGD";
    default: return "unknown relocation";
  }
}

class RelocationReader {
 public:
  explicit RelocationReader(const ElfFile& elf) : elf_(elf) {
    std::tie(symbols_, symbol_count_) = elf.symbols();
  }

  Relocations Read() {
    for (const ElfFile::RelaTable& table : elf_.relocation_tables()) {
      for (size_t i = 0; i < table.count; ++i) One(table.entries[i]);
    }
    for (auto* list : {&out_.absolute32, &out_.absolute64, &out_.away32}) {
      std::sort(list->begin(), list->end());
      // Several relocations share a GOT slot; no other field may be named twice.
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    return std::move(out_);
  }

 private:
  // True if the symbol's address changes with the image.
  bool Moves(const Elf64_Rela& rela) const {
    const size_t index = ELF64_R_SYM(rela.r_info);
    if (index >= symbol_count_) throw ImageError(elf_.path() + ": a relocation names a symbol that does not exist");
    if (index == 0) return false;
    const Elf64_Sym& symbol = symbols_[index];
    return symbol.st_shndx != SHN_ABS && symbol.st_shndx != SHN_UNDEF;
  }

  void One(const Elf64_Rela& rela) {
    const unsigned type = ELF64_R_TYPE(rela.r_info);
    const auto where = static_cast<uint32_t>(rela.r_offset);
    switch (type) {
      case R_X86_64_NONE:
      case R_X86_64_SIZE32:
      case R_X86_64_SIZE64:
        return;
      case R_X86_64_64:
        if (Moves(rela)) out_.absolute64.push_back(where);
        return;
      case R_X86_64_32:
      case R_X86_64_32S:
        if (Moves(rela)) out_.absolute32.push_back(where);
        return;
      case R_X86_64_PC32:
      case R_X86_64_PLT32:
        if (!Moves(rela)) out_.away32.push_back(where);
        return;
      case R_X86_64_PC64:
        if (Moves(rela)) return;
        break;
      case R_X86_64_GOTPCREL:
      case R_X86_64_GOTPCRELX:
      case R_X86_64_REX_GOTPCRELX:
        Got(rela, where);
        return;
      default:
        break;
    }
    if ((type == R_X86_64_8 || type == R_X86_64_16) && !Moves(rela)) return;
    throw ImageError(fmt::format("{}: {} (type {}) at {:#x} cannot be moved", elf_.path(), RelocationName(type), type,
                                 where));
  }

  // The linker keeps the relocation's name even where it relaxed the instruction: the bytes tell what stands there.
  void Got(const Elf64_Rela& rela, uint32_t where) {
    const std::byte* field = elf_.DataAt(where - 2, 6);
    if (field == nullptr) throw ImageError(fmt::format("{}: GOT reference at {:#x} has no bytes", elf_.path(), where));
    const auto opcode = std::to_integer<uint8_t>(field[0]);
    const auto modrm = std::to_integer<uint8_t>(field[1]);
    int32_t value = 0;
    std::memcpy(&value, field + 2, 4);
    const bool rip_relative = (modrm & 0xc7) == 0x05;
    const bool relaxed_call = opcode == 0x67 && modrm == 0xe8;
    const bool relaxed_jump = opcode == 0xe9;  // its displacement begins one byte earlier
    if (opcode == 0x8d || relaxed_call || relaxed_jump) {
      if (!Moves(rela)) out_.away32.push_back(relaxed_jump ? where - 1 : where);
      return;
    }
    if (!rip_relative) {  // mov, test, cmp ... with the address as an immediate
      if (Moves(rela)) out_.absolute32.push_back(where);
      return;
    }
    const uint32_t slot = where + 4 + value;
    if (elf_.DataAt(slot, 8) == nullptr) throw ImageError(fmt::format("{}: GOT slot at {:#x}", elf_.path(), slot));
    if (Moves(rela)) out_.absolute64.push_back(slot);
  }

  const ElfFile& elf_;
  const Elf64_Sym* symbols_ = nullptr;
  size_t symbol_count_ = 0;
  Relocations out_;
};

}  // namespace

Relocations ReadRelocations(const ElfFile& elf) { return RelocationReader(elf).Read(); }

}  // namespace pvpci::driver
