// SPDX-License-Identifier: Apache-2.0
#include "models/pci/last_level_cache.h"

namespace pvpci::pci {

bool LastLevelCache::Holds(uint64_t machine_address) const {
  const uint64_t line = machine_address / kLine;
  const auto page = pages_.find(line / kPageLines);
  if (page == pages_.end()) return false;
  const uint64_t number = (*page->second)[line % kPageLines];
  return number != 0 && number + lines_ > inserted_;
}

bool LastLevelCache::Touch(uint64_t machine_address, uint64_t length_bytes) {
  if (!present()) return false;
  if (length_bytes == 0) return true;
  bool all = true;
  const uint64_t last = (machine_address + length_bytes - 1) / kLine;
  for (uint64_t line = machine_address / kLine; line <= last; ++line) {
    std::unique_ptr<Page>& page = pages_[line / kPageLines];
    if (page == nullptr) page = std::make_unique<Page>();
    uint64_t& number = (*page)[line % kPageLines];
    const bool held = number != 0 && number + lines_ > inserted_;
    if (!held) {
      number = ++inserted_;
      all = false;
    }
  }
  return all;
}

void LastLevelCache::Empty() {
  pages_.clear();
  inserted_ = 0;
}

}  // namespace pvpci::pci
