// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstring>

#include "driver/loader/domain_space.h"
#include "driver/loader/elf_file.h"
#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

template <typename T>
void AddTo(uint64_t address, T delta) {
  T value;
  std::memcpy(&value, reinterpret_cast<void*>(address), sizeof value);
  value += delta;
  std::memcpy(reinterpret_cast<void*>(address), &value, sizeof value);
}

}  // namespace

LoadedImage::LoadedImage(std::shared_ptr<const Image> image, DomainSpace& space, uint64_t load_pfn, uint64_t delta)
    : image_(std::move(image)),
      space_(space),
      load_pfn_(load_pfn),
      delta_(delta),
      run_(image_->block_count() + 1),
      hooked_(image_->block_count() + 1) {}

std::unique_ptr<LoadedImage> LoadedImage::Load(std::shared_ptr<const Image> image, DomainSpace& space,
                                               uint64_t load_pfn) {
  const uint64_t pages = image->size_bytes() / 4096;
  if (load_pfn > space.pages() || pages > space.pages() - load_pfn) {
    throw ImageError(fmt::format("{}: needs {} pages from page {}, the domain has {}", image->path(), pages, load_pfn,
                                 space.pages()));
  }
  const uint64_t load_base = space.base() + load_pfn * 4096;
  const uint64_t delta = load_base - image->link_base();
  for (const ElfSegment& segment : image->elf().segments()) {
    auto* target = reinterpret_cast<std::byte*>(segment.address + delta);
    std::memcpy(target, segment.data, segment.file_size);
    std::memset(target + segment.file_size, 0, segment.memory_size - segment.file_size);
  }
  // All addresses stay below 2 GiB (DomainSpace::kDirectMapEnd), so that no 32-bit field can overflow.
  const auto delta32 = static_cast<uint32_t>(delta);
  for (const uint32_t where : image->relocations32()) AddTo<uint32_t>(where + delta, delta32);
  for (const uint32_t where : image->relocations64()) AddTo<uint64_t>(where + delta, delta);
  for (const uint32_t where : image->relocations_away32()) AddTo<uint32_t>(where + delta, -delta32);

  std::unique_ptr<LoadedImage> loaded(new LoadedImage(image, space, load_pfn, delta));
  if (image->guards_address() != 0) {
    loaded->guards_ = image->guards_address() + delta;
    std::memcpy(reinterpret_cast<void*>(loaded->guards_), image->guard_values().data(),
                image->guard_values().size() * 4);
  }
  loaded->guest_ = reinterpret_cast<const seam_guest_table*>(loaded->Symbol("seam_guest"));
  loaded->host_table_ = reinterpret_cast<seam_host_table*>(loaded->Symbol("seam_host_table"));
  loaded->host_table_->direct_map_base = space.base();
  loaded->host_table_->vmalloc_base = space.vmalloc_base();
  loaded->host_table_->vmalloc_bytes = space.vmalloc_bytes();
  loaded->per_cpu_offsets_ = reinterpret_cast<const uint64_t*>(loaded->SymbolOrZero("__per_cpu_offset"));
  if (loaded->guest_->version != SEAM_VERSION) {
    throw ImageError(fmt::format("{}: seam version {}, this program speaks {}", image->path(),
                                 loaded->guest_->version, SEAM_VERSION));
  }
  return loaded;
}

uint64_t LoadedImage::SymbolOrZero(std::string_view name) const {
  const auto symbol = image_->FindSymbol(name);
  return symbol ? symbol->address + delta_ : 0;
}

uint64_t LoadedImage::Symbol(std::string_view name) const {
  const uint64_t address = SymbolOrZero(name);
  if (address == 0) throw ImageError(fmt::format("{}: no symbol {}", image_->path(), name));
  return address;
}

void LoadedImage::Hook(const std::vector<uint32_t>& block_ids) {
  auto* slots = reinterpret_cast<uint32_t*>(guards_);
  for (const uint32_t id : block_ids) {
    hooked_[id] = 1;
    for (const uint32_t slot : image_->SlotsOf(id)) slots[slot] = image_->guard_values()[slot];
  }
}

std::vector<SourceCoverage> LoadedImage::Coverage() const {
  std::vector<SourceCoverage> coverage;
  for (const std::string& source : image_->sources()) coverage.push_back({source, 0, 0});
  for (uint32_t id = 1; id <= image_->block_count(); ++id) {
    const Block& block = image_->block(id);
    if (block.id == 0) continue;
    ++coverage[block.source].blocks_total;
    coverage[block.source].blocks_run += run_[id];
  }
  return coverage;
}

uint32_t LoadedImage::blocks_run() const {
  uint32_t count = 0;
  for (const uint8_t run : run_) count += run;
  return count;
}

std::string LoadedImage::GdbSymbolCommand() const {
  return fmt::format("add-symbol-file {} -o {:#x}", image_->path(), delta_);
}

}  // namespace pvpci::driver
