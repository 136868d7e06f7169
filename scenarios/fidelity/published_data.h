// SPDX-License-Identifier: Apache-2.0
// The rows of published/*.csv.
#ifndef PVPCI_SCENARIOS_FIDELITY_PUBLISHED_DATA_H_
#define PVPCI_SCENARIOS_FIDELITY_PUBLISHED_DATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

struct PublishedRow {
  std::string host;
  bool iommu = false;  // on, with pages of 4 KiB
  std::string test;    // LAT_CMD_RD ...
  bool sequential = false;
  bool warm = false;
  uint64_t window_bytes = 0;
  uint32_t size_bytes = 0;
  bool details = false;  // of the file of that name
  // Of a latency test, ns:
  std::optional<double> average_ns, median_ns, p999_ns;
  // Of a bandwidth test:
  std::optional<double> per_second;
};

// Throws std::runtime_error naming file and line.
std::vector<PublishedRow> LoadPublished(const std::string& file);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_PUBLISHED_DATA_H_
