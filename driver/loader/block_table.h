// SPDX-License-Identifier: Apache-2.0
// The side table of an image: one line per basic block, tab separated:
//   id  source path  function  block index  instructions  cost_ps  line
// Lines that begin with '#' are comments.
#ifndef PVPCI_DRIVER_LOADER_BLOCK_TABLE_H_
#define PVPCI_DRIVER_LOADER_BLOCK_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pvpci::driver {

// Clock of the core whose costs the table has (driver/cost/core_model.py).
inline constexpr uint32_t kReferenceMhz = 2200;

// One basic block of instrumented code.
struct Block {
  uint32_t id = 0;            // as the link wrote it into __sancov_guards, 1..n; 0: no such block
  uint32_t source = 0;        // index into sources()
  std::string_view function;  // as in the source, before inlining
  uint32_t index = 0;         // 0: the function's entry
  uint32_t instructions = 0;
  uint32_t cost_ps = 0;       // at least 1: no code is free, or an endless loop would never end
  uint32_t line = 0;
};

class BlockTable {
 public:
  BlockTable() = default;
  // Costs are as on a core with a clock of `core_mhz`. Throws ImageError naming file and line.
  static BlockTable Read(const std::string& path, uint32_t core_mhz = kReferenceMhz);

  uint32_t count() const { return blocks_.empty() ? 0 : static_cast<uint32_t>(blocks_.size() - 1); }
  const Block& block(uint32_t id) const { return blocks_[id]; }
  const std::vector<std::string>& sources() const { return sources_; }

 private:
  std::shared_ptr<const void> mapping_;  // the file: Block::function points into it
  std::vector<Block> blocks_;            // by id; [0] unused
  std::vector<std::string> sources_;
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_BLOCK_TABLE_H_
