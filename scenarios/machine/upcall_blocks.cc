// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/upcall_blocks.h"

#include <algorithm>
#include <utility>

namespace pvpci::scenarios {
namespace {

constexpr const char* kUpcallEntry = "emul_upcall";  // driver/env/entry.c: what the hypervisor enters

}  // namespace

uint64_t UpcallBlocks::Tally::Typical() const {
  return std::max_element(lengths.begin(), lengths.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })->first;
}

void UpcallBlocks::Install(GuestDomain& guest) {
  image_ = &guest.image()->image();
  starts_.resize(image_->block_count() + 1);
  for (const uint32_t block : image_->EntryBlocks(kUpcallEntry)) starts_[block] = true;
  for (const std::string& source : image_->sources()) {
    guest.hooks()->AddBlocks(source, [this](driver::VcpuRunner& vcpu, sim::Ps) { AtBlock(vcpu); });
  }
}

void UpcallBlocks::AtBlock(driver::VcpuRunner& vcpu) {
  const uint32_t block = vcpu.hooked_block();
  if (vcpu.upcall_depth() == 0) return End(&vcpu);
  if (starts_[block] && vcpu.upcall_depth() == 1) {
    End(&vcpu);
    under_way_[&vcpu] = {};
  }
  // An upcall that began before all this is not counted.
  if (const auto upcall = under_way_.find(&vcpu); upcall != under_way_.end()) upcall->second.blocks.push_back(block);
}

void UpcallBlocks::NoteDelivered(const std::string& sort) {
  const auto upcall = under_way_.find(driver::VcpuRunner::current());
  if (upcall != under_way_.end()) upcall->second.delivered.push_back(sort);
}

void UpcallBlocks::End(const driver::VcpuRunner* vcpu) {
  const auto upcall = under_way_.find(vcpu);
  if (upcall == under_way_.end()) return;
  Upcall ended = std::move(upcall->second);
  under_way_.erase(upcall);
  if (ended.delivered.size() == 1) Add(&by_sort_[ended.delivered.front()], ended.blocks);
  Add(&all_, std::move(ended.blocks));
}

void UpcallBlocks::EndAll() {
  while (!under_way_.empty()) End(under_way_.begin()->first);
}

void UpcallBlocks::Add(Tally* tally, std::vector<uint32_t> blocks) {
  ++tally->count;
  tally->blocks += blocks.size();
  ++tally->lengths[blocks.size()];
  const size_t length = blocks.size();
  tally->first.try_emplace(length, std::move(blocks));
}

std::optional<UpcallBlocks::Tally> UpcallBlocks::All() {
  EndAll();
  return all_.count == 0 ? std::nullopt : std::optional(all_);
}

std::optional<UpcallBlocks::Tally> UpcallBlocks::Of(const std::string& sort) {
  EndAll();
  const auto tally = by_sort_.find(sort);
  return tally == by_sort_.end() ? std::nullopt : std::optional(tally->second);
}

std::vector<reports::FunctionBlocks> UpcallBlocks::Functions(const Tally& tally, uint64_t length) const {
  std::map<std::pair<std::string, std::string>, int64_t> functions;
  for (const uint32_t id : tally.first.at(length)) {
    const driver::Block& block = image_->block(id);
    ++functions[{image_->sources()[block.source], std::string(block.function)}];
  }
  std::vector<reports::FunctionBlocks> list;
  for (const auto& [where, blocks] : functions) list.push_back({where.second, where.first, blocks});
  return list;
}

}  // namespace pvpci::scenarios
