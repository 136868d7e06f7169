// SPDX-License-Identifier: Apache-2.0
// Which lines of memory the processors' last level cache holds, as far as devices notice: a read that hits is answered
// sooner, a read that misses does not allocate, a write lands in the cache (Intel's DDIO). Lines leave in the order in
// which they came. Coherence and the share of the ways that device writes may use are left out.
#ifndef PVPCI_MODELS_PCI_LAST_LEVEL_CACHE_H_
#define PVPCI_MODELS_PCI_LAST_LEVEL_CACHE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace pvpci::pci {

class LastLevelCache {
 public:
  // `bytes`: 0 is a host without one.
  explicit LastLevelCache(uint64_t bytes) : lines_(bytes / kLine) {}

  bool present() const { return lines_ != 0; }
  bool Holds(uint64_t machine_address) const;
  // A processor reads or writes the range from its begin to its end, or a device has written it. Whether all of it was
  // there.
  bool Touch(uint64_t machine_address, uint64_t length_bytes);
  void Empty();

 private:
  static constexpr uint64_t kLine = 64, kPageLines = 64;
  // The number of the insertion that brought each line of a page; 0: none ever did.
  using Page = std::array<uint64_t, kPageLines>;

  const uint64_t lines_;
  uint64_t inserted_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_LAST_LEVEL_CACHE_H_
