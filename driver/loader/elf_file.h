// SPDX-License-Identifier: Apache-2.0
// The ELF file behind an image: segments, sections, symbol table and the relocations that matter when it moves.
// System V ABI, AMD64 supplement 0.99.6. The file is mapped, never read as a whole.
#ifndef PVPCI_DRIVER_LOADER_ELF_FILE_H_
#define PVPCI_DRIVER_LOADER_ELF_FILE_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct Elf;

namespace pvpci::driver {

struct ImageSection {
  std::string name;
  uint64_t address = 0;  // as linked
  uint64_t size = 0;
  const std::byte* data = nullptr;  // null: no bits in the file
};

struct ElfSegment {
  uint64_t address = 0;
  uint64_t memory_size = 0;
  uint64_t file_size = 0;
  const std::byte* data = nullptr;
};

class ElfFile {
 public:
  // Throws ImageError unless it is a statically linked x86-64 executable below 2 GiB with a symbol table.
  explicit ElfFile(const std::string& path);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  const std::string& path() const { return path_; }
  ::Elf* handle() const { return elf_; }
  const std::byte* raw() const { return raw_; }  // the whole file, mapped
  uint64_t link_base() const { return link_base_; }
  uint64_t size_bytes() const { return size_bytes_; }
  const std::vector<ElfSegment>& segments() const { return segments_; }
  // Sections that occupy memory, in file order.
  const std::vector<ImageSection>& sections() const { return sections_; }
  bool is_text(uint64_t address) const;

  std::pair<const Elf64_Sym*, size_t> symbols() const { return {symbols_, symbol_count_}; }
  std::string_view SymbolName(const Elf64_Sym& symbol) const;
  // Bytes of the file behind [address, address + length); null if they are not all there (bss).
  const std::byte* DataAt(uint64_t address, uint64_t length) const;

  // Relocation entries of sections that occupy memory.
  struct RelaTable { const Elf64_Rela* entries; size_t count; };
  const std::vector<RelaTable>& relocation_tables() const { return relocation_tables_; }

 private:
  void ReadSegments();
  void ReadSections();
  [[noreturn]] void Refuse(const std::string& reason) const;

  std::string path_;
  int fd_ = -1;
  ::Elf* elf_ = nullptr;
  const std::byte* raw_ = nullptr;
  size_t raw_size_ = 0;
  uint64_t link_base_ = 0;
  uint64_t size_bytes_ = 0;
  std::vector<ElfSegment> segments_;
  std::vector<ImageSection> sections_;
  std::vector<std::pair<uint64_t, uint64_t>> text_;  // start, size
  std::vector<RelaTable> relocation_tables_;
  const Elf64_Sym* symbols_ = nullptr;
  size_t symbol_count_ = 0;
  const char* names_ = nullptr;
  size_t names_size_ = 0;
};

// What must change when the image moves by delta. Addresses as linked.
struct Relocations {
  std::vector<uint32_t> absolute32;  // += delta
  std::vector<uint32_t> absolute64;  // += delta
  std::vector<uint32_t> away32;      // -= delta: relative references to what stays (absolute and undefined symbols)
};

// Throws ImageError on a kind that cannot be moved.
Relocations ReadRelocations(const ElfFile& elf);

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_ELF_FILE_H_
