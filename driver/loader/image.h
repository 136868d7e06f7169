// SPDX-License-Identifier: Apache-2.0
// A guest image: an ELF executable linked non-PIC below 2 GiB with its relocations kept (ld.lld --emit-relocs), and
// the table of its basic blocks. Opened once, loaded into any number of domains, each at its own address.
//
// An image moves as a whole, by one delta. References between its own parts that are relative to the instruction stay
// true; absolute ones (R_X86_64_64, _32, _32S against a symbol of the image, and filled GOT slots) are listed at
// opening and patched at loading. A relocation of any other kind refuses the image.
//
// System V ABI, AMD64 supplement 0.99.6, 4.4. Left out: dynamic linking, TLS, 8- and 16-bit relocations.
#ifndef PVPCI_DRIVER_LOADER_IMAGE_H_
#define PVPCI_DRIVER_LOADER_IMAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "driver/loader/backtrace.h"
#include "driver/loader/block_table.h"
#include "driver/loader/elf_file.h"
#include "driver/seam/seam.h"

namespace pvpci::driver {

class DomainSpace;

// The file is not an image we can load (corrupt, wrong kind, unsupported relocation): exit code 3.
struct ImageError : std::runtime_error { using std::runtime_error::runtime_error; };

struct ImageSymbol {
  uint64_t address = 0;  // as linked
  uint64_t size = 0;
};

class Image {
 public:
  // Opens and checks `elf_path`; `blocks_path` is the side table ("" if no block accounts for its time: the plain image
  // of the benchmarks), `core_mhz` the clock of the cores that run it. Throws ImageError with a sentence that names file and reason. Symbols and DWARF are read when
  // first asked for.
  static std::shared_ptr<const Image> Open(const std::string& elf_path, const std::string& blocks_path,
                                           uint32_t core_mhz = kReferenceMhz);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const std::string& path() const;
  uint64_t link_base() const;   // lowest linked address, 4 KiB aligned
  uint64_t size_bytes() const;  // from link_base to the end of bss, 4 KiB aligned
  bool is_text(uint64_t link_address) const;  // within an executable segment

  std::optional<ImageSymbol> FindSymbol(std::string_view name) const;
  // Function symbol that covers a linked address: name and offset; nullopt outside all.
  struct Nearest { std::string_view name; uint64_t offset; };
  std::optional<Nearest> NearestFunction(uint64_t link_address) const;
  const ImageSection* FindSection(std::string_view name) const;

  // Linked addresses of the 4- and 8-byte fields that hold an absolute address.
  const std::vector<uint32_t>& relocations32() const;
  const std::vector<uint32_t>& relocations64() const;
  // Instruction-relative fields that refer to something that does not move with the image (absolute symbols).
  const std::vector<uint32_t>& relocations_away32() const;

  // Blocks in the order of their ids; block(id) for id in 1..block_count().
  uint32_t block_count() const;
  const Block& block(uint32_t id) const;
  // Every source path of the side table, relative to the kernel tree (drivers/pci/msi/msi.c) or to this repository
  // (driver/env/start.c), in order of first appearance.
  const std::vector<std::string>& sources() const;
  // Ids of the entry blocks of every function of that name, optionally of one source only. Empty: not in the image.
  std::vector<uint32_t> EntryBlocks(std::string_view function, std::string_view source = {}) const;
  // Ids of every block of that function, or of a whole source if `name` has a '/'. Empty: not in the image.
  std::vector<uint32_t> BlocksOf(std::string_view name) const;
  // Block id held by each guard slot as linked (0: unused slot). Slot i lives at guards_address() + 4 * i.
  const std::vector<uint32_t>& guard_ids() const;
  uint64_t guards_address() const;  // as linked; 0: not instrumented
  // What each slot holds right after loading: the block's cost with kGuardTrap.
  const std::vector<uint32_t>& guard_values() const;
  // The guard slots of a block: one for each copy that the compiler made.
  std::vector<uint32_t> SlotsOf(uint32_t id) const;

  // The file's bytes behind a linked range; null if it is not all in the file.
  const std::byte* DataAt(uint64_t link_address, uint64_t length) const;
  // The open file, for DWARF.
  ElfFile& elf() const;

 private:
  struct Impl;
  explicit Image(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Distinct blocks that ran at least once, per domain.
struct SourceCoverage {
  std::string source;
  uint32_t blocks_total = 0;
  uint32_t blocks_run = 0;
};

// A guard slot holds its block's cost in picoseconds. With this bit set the inlined accounting always runs dry and
// enters the host: the block has not run yet, or carries a hook. No deadline is ever farther away than this.
inline constexpr uint32_t kGuardTrap = 0x8000'0000u;

// An image in a domain's memory.
class LoadedImage {
 public:
  // Copies `image` to frame `load_pfn` of the domain, zeroes bss, relocates, arms every guard slot with kGuardTrap.
  // Throws ImageError if it does not fit or a 32-bit field would overflow. ~1 ms per 4 MiB.
  static std::unique_ptr<LoadedImage> Load(std::shared_ptr<const Image> image, DomainSpace& space, uint64_t load_pfn);

  const Image& image() const { return *image_; }
  const std::shared_ptr<const Image>& shared_image() const { return image_; }
  DomainSpace& space() const { return space_; }
  uint64_t load_pfn() const { return load_pfn_; }
  uint64_t first_free_pfn() const { return load_pfn_ + image_->size_bytes() / 4096; }
  // host address = linked address + delta.
  uint64_t delta() const { return delta_; }
  uint64_t ToLink(uint64_t address) const { return address - delta_; }
  bool contains(uint64_t address) const { return ToLink(address) - image_->link_base() < image_->size_bytes(); }
  bool is_text(uint64_t address) const { return contains(address) && image_->is_text(ToLink(address)); }

  // Address of a symbol in this copy (guest virtual == host virtual). Symbol throws ImageError if there is none.
  uint64_t Symbol(std::string_view name) const;
  uint64_t SymbolOrZero(std::string_view name) const;

  // The image's symbol seam_guest (a struct, filled at link time); version checked at loading.
  const seam_guest_table& guest() const { return *guest_; }
  // The image's symbol `struct seam_host_table seam_host_table`. Loading fills the addresses, driver/vcpu the rest.
  seam_host_table& host_table() const { return *host_table_; }
  // __per_cpu_offset[cpu] as it stands in guest memory now; 0 if the image has no such symbol.
  uint64_t per_cpu_offset(unsigned cpu) const { return per_cpu_offsets_ == nullptr ? 0 : per_cpu_offsets_[cpu]; }

  // Who made a page of the direct map inaccessible, for a report on whoever comes there; null: nobody.
  struct GuardNote {
    uint64_t why = 0;  // enum seam_guard, with an object's size
    RawBacktrace by;
  };
  void NoteGuard(uint64_t page_va, const GuardNote& note) { guard_notes_[page_va] = note; }
  const GuardNote* FindGuard(uint64_t va) const {
    const auto found = guard_notes_.find(va & ~uint64_t{4095});
    return found == guard_notes_.end() ? nullptr : &found->second;
  }

  // Block accounting, called by driver/vcpu.
  seam_clock& clock() const { return *guest_->clock; }
  // Block id of the guard slot at `guard_address`; 0 if that is no guard slot.
  uint32_t GuardBlock(uint64_t guard_address) const {
    const uint64_t slot = (guard_address - guards_) / 4;
    return slot < image_->guard_ids().size() ? image_->guard_ids()[slot] : 0;
  }
  void MarkRun(uint32_t block_id) { run_[block_id] = 1; }
  bool has_run(uint32_t block_id) const { return run_[block_id] != 0; }
  // Keeps the guards of these blocks armed for ever, so that each execution enters the host.
  void Hook(const std::vector<uint32_t>& block_ids);
  bool hooked(uint32_t block_id) const { return hooked_[block_id] != 0; }

  // Per source that has at least one block, in order of Image::sources().
  std::vector<SourceCoverage> Coverage() const;
  uint32_t blocks_run() const;

  // gdb: "add-symbol-file <image> -o 0x..." for this copy.
  std::string GdbSymbolCommand() const;

 private:
  LoadedImage(std::shared_ptr<const Image> image, DomainSpace& space, uint64_t load_pfn, uint64_t delta);

  std::shared_ptr<const Image> image_;
  DomainSpace& space_;
  uint64_t load_pfn_;
  uint64_t delta_;
  uint64_t guards_ = 0;
  const seam_guest_table* guest_ = nullptr;
  seam_host_table* host_table_ = nullptr;
  const uint64_t* per_cpu_offsets_ = nullptr;
  std::map<uint64_t, GuardNote> guard_notes_;
  std::vector<uint8_t> run_;     // by block id
  std::vector<uint8_t> hooked_;  // by block id
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_IMAGE_H_
