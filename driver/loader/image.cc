// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/image.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "driver/loader/block_table.h"
#include "driver/loader/elf_file.h"

namespace pvpci::driver {

struct Image::Impl {
  explicit Impl(const std::string& path) : elf(path) {}

  ElfFile elf;
  Relocations relocations;
  BlockTable blocks;
  std::vector<uint32_t> guard_ids;
  std::vector<uint32_t> guard_values;  // what each slot holds right after loading
  std::vector<uint32_t> slots;         // by block, then by number
  std::vector<uint32_t> first_slot;    // where in `slots` those of a block begin; one more than blocks
  uint64_t guards_address = 0;

  // Filled at the first question.
  mutable std::unordered_map<std::string_view, ImageSymbol> symbols;
  mutable std::vector<std::pair<uint64_t, const Elf64_Sym*>> functions;  // by address
  mutable std::unordered_map<std::string_view, std::vector<uint32_t>> entry_blocks;

  void FindGuards();
  void IndexSymbols() const;
  void IndexFunctions() const;
};

void Image::Impl::FindGuards() {
  const std::byte* data = nullptr;
  uint64_t bytes = 0;
  for (const ImageSection& section : elf.sections()) {
    if (section.name != "__sancov_guards") continue;
    data = section.data;
    bytes = section.size;
    guards_address = section.address;
  }
  if (bytes == 0) {
    // A linker script may have placed the guards inside another section.
    IndexSymbols();
    const auto start = symbols.find("__start___sancov_guards");
    const auto stop = symbols.find("__stop___sancov_guards");
    if (start == symbols.end() || stop == symbols.end()) return;
    guards_address = start->second.address;
    bytes = stop->second.address - guards_address;
    data = elf.DataAt(guards_address, bytes);
  }
  if (bytes == 0) return;
  if (data == nullptr) throw ImageError(fmt::format("{}: block ids of __sancov_guards are missing", elf.path()));
  guard_ids.resize(bytes / 4);
  guard_values.resize(bytes / 4);
  std::memcpy(guard_ids.data(), data, guard_ids.size() * 4);
  for (size_t i = 0; i < guard_ids.size(); ++i) {
    const uint32_t id = guard_ids[i];
    if (id == 0) continue;
    if (id > blocks.count() || blocks.block(id).id != id) {
      throw ImageError(fmt::format("{}: the side table has no block {} (guard slot {})", elf.path(), id, i));
    }
    guard_values[i] = blocks.block(id).cost_ps | kGuardTrap;
  }
  first_slot.assign(blocks.count() + 2, 0);
  for (const uint32_t id : guard_ids) ++first_slot[id + 1];
  std::partial_sum(first_slot.begin(), first_slot.end(), first_slot.begin());
  std::vector<uint32_t> next = first_slot;
  slots.resize(guard_ids.size());
  for (uint32_t i = 0; i < guard_ids.size(); ++i) slots[next[guard_ids[i]]++] = i;
}

void Image::Impl::IndexSymbols() const {
  if (!symbols.empty()) return;
  const auto [table, count] = elf.symbols();
  symbols.reserve(count);
  for (size_t i = 1; i < count; ++i) {
    const Elf64_Sym& symbol = table[i];
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE) continue;
    const ImageSymbol value{symbol.st_value, symbol.st_size};
    const auto [at, fresh] = symbols.emplace(elf.SymbolName(symbol), value);
    // Two files may each have a local of one name: the global wins, else the first.
    if (!fresh && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL) at->second = value;
  }
}

void Image::Impl::IndexFunctions() const {
  if (!functions.empty()) return;
  const auto [table, count] = elf.symbols();
  for (size_t i = 1; i < count; ++i) {
    const Elf64_Sym& symbol = table[i];
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE)) continue;
    if (!elf.is_text(symbol.st_value)) continue;
    functions.emplace_back(symbol.st_value, &symbol);
  }
  std::stable_sort(functions.begin(), functions.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

std::shared_ptr<const Image> Image::Open(const std::string& elf_path, const std::string& blocks_path,
                                         uint32_t core_mhz) {
  static std::map<std::tuple<std::string, std::string, uint32_t>, std::weak_ptr<const Image>> opened;
  std::weak_ptr<const Image>& known = opened[{elf_path, blocks_path, core_mhz}];
  if (std::shared_ptr<const Image> image = known.lock()) return image;
  auto impl = std::make_unique<Impl>(elf_path);
  impl->relocations = ReadRelocations(impl->elf);
  if (!blocks_path.empty()) {
    impl->blocks = BlockTable::Read(blocks_path, core_mhz);
    impl->FindGuards();
  }
  std::shared_ptr<const Image> image(new Image(std::move(impl)));
  known = image;
  return image;
}

Image::Image(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Image::~Image() = default;

const std::string& Image::path() const { return impl_->elf.path(); }
uint64_t Image::link_base() const { return impl_->elf.link_base(); }
uint64_t Image::size_bytes() const { return impl_->elf.size_bytes(); }
bool Image::is_text(uint64_t link_address) const { return impl_->elf.is_text(link_address); }
ElfFile& Image::elf() const { return impl_->elf; }

std::optional<ImageSymbol> Image::FindSymbol(std::string_view name) const {
  impl_->IndexSymbols();
  const auto found = impl_->symbols.find(name);
  if (found == impl_->symbols.end()) return std::nullopt;
  return found->second;
}

std::optional<Image::Nearest> Image::NearestFunction(uint64_t link_address) const {
  if (!is_text(link_address)) return std::nullopt;
  impl_->IndexFunctions();
  const auto& functions = impl_->functions;
  auto after = std::upper_bound(functions.begin(), functions.end(), link_address,
                                [](uint64_t address, const auto& entry) { return address < entry.first; });
  // Assembly labels have no size; a sized function that covers the address is the better answer.
  const Elf64_Sym* best = nullptr;
  for (int looked = 0; after != functions.begin() && looked < 8; ++looked) {
    --after;
    const Elf64_Sym* symbol = after->second;
    if (symbol->st_size != 0 && link_address - symbol->st_value < symbol->st_size) {
      best = symbol;
      break;
    }
    if (best == nullptr && symbol->st_size == 0) best = symbol;
  }
  if (best == nullptr) return std::nullopt;
  return Nearest{impl_->elf.SymbolName(*best), link_address - best->st_value};
}

const ImageSection* Image::FindSection(std::string_view name) const {
  for (const ImageSection& section : impl_->elf.sections()) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

const std::byte* Image::DataAt(uint64_t link_address, uint64_t length) const {
  return impl_->elf.DataAt(link_address, length);
}

const std::vector<uint32_t>& Image::relocations32() const { return impl_->relocations.absolute32; }
const std::vector<uint32_t>& Image::relocations64() const { return impl_->relocations.absolute64; }
const std::vector<uint32_t>& Image::relocations_away32() const { return impl_->relocations.away32; }

uint32_t Image::block_count() const { return impl_->blocks.count(); }
const Block& Image::block(uint32_t id) const { return impl_->blocks.block(id); }
const std::vector<std::string>& Image::sources() const { return impl_->blocks.sources(); }
const std::vector<uint32_t>& Image::guard_ids() const { return impl_->guard_ids; }
uint64_t Image::guards_address() const { return impl_->guards_address; }
const std::vector<uint32_t>& Image::guard_values() const { return impl_->guard_values; }

std::vector<uint32_t> Image::SlotsOf(uint32_t id) const {
  if (id + 1 >= impl_->first_slot.size()) return {};
  return {impl_->slots.begin() + impl_->first_slot[id], impl_->slots.begin() + impl_->first_slot[id + 1]};
}

std::vector<uint32_t> Image::EntryBlocks(std::string_view function, std::string_view source) const {
  auto& entries = impl_->entry_blocks;
  if (entries.empty()) {
    for (uint32_t id = 1; id <= block_count(); ++id) {
      const Block& candidate = block(id);
      if (candidate.id != 0 && candidate.index == 0) entries[candidate.function].push_back(id);
    }
  }
  const auto found = entries.find(function);
  if (found == entries.end()) return {};
  std::vector<uint32_t> ids = found->second;
  if (!source.empty()) {
    ids.erase(std::remove_if(ids.begin(), ids.end(),
                             [&](uint32_t id) { return sources()[block(id).source] != source; }),
              ids.end());
  }
  return ids;
}

std::vector<uint32_t> Image::BlocksOf(std::string_view name) const {
  const bool source = name.find('/') != std::string_view::npos;
  std::vector<uint32_t> ids;
  for (uint32_t id = 1; id <= block_count(); ++id) {
    const Block& candidate = block(id);
    if (candidate.id == 0) continue;
    if (source ? sources()[candidate.source] == name : candidate.function == name) ids.push_back(id);
  }
  return ids;
}

}  // namespace pvpci::driver
