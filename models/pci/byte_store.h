// SPDX-License-Identifier: Apache-2.0
// Device memory that costs nothing until it is written: pages of zeros appear on the first write.
#ifndef PVPCI_MODELS_PCI_BYTE_STORE_H_
#define PVPCI_MODELS_PCI_BYTE_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>

namespace pvpci::pci {

class ByteStore {
 public:
  // Little endian, `size` 1 to 8, naturally aligned.
  uint64_t Read(uint64_t offset, unsigned size) const {
    const auto page = pages_.find(offset / kPage);
    if (page == pages_.end()) return 0;
    uint64_t value = 0;
    std::memcpy(&value, page->second->data() + offset % kPage, size);
    return value;
  }
  void Write(uint64_t offset, unsigned size, uint64_t value) {
    std::unique_ptr<Page>& page = pages_[offset / kPage];
    if (!page) page = std::make_unique<Page>();
    std::memcpy(page->data() + offset % kPage, &value, size);
  }
  void Clear() { pages_.clear(); }

 private:
  static constexpr uint64_t kPage = 4096;
  using Page = std::array<std::byte, kPage>;
  std::map<uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_BYTE_STORE_H_
