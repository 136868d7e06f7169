// SPDX-License-Identifier: Apache-2.0
#include "scenarios/xen_frames.h"

namespace pvpci::scenarios {
namespace {

struct Row {
  const char* word;
  sim::FrameType type;
};

constexpr Row kRows[] = {
    {"text", sim::FrameType::kXenText},           {"heap", sim::FrameType::kXenHeap},
    {"m2p", sim::FrameType::kM2p},                {"iommu_table", sim::FrameType::kIommuTable},
    {"irt", sim::FrameType::kIrt},
};

}  // namespace

std::vector<std::string> XenFrameWords() {
  std::vector<std::string> words;
  for (const Row& row : kRows) words.emplace_back(row.word);
  return words;
}

std::optional<sim::FrameType> XenFrameType(const std::string& word) {
  for (const Row& row : kRows) {
    if (word == row.word) return row.type;
  }
  return std::nullopt;
}

}  // namespace pvpci::scenarios
