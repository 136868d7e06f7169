// SPDX-License-Identifier: Apache-2.0
// The table of source lines of an image (driver/cost/block_costs.py writes it): which lines of its source each basic
// block has code of. Records, tab separated; lines that begin with '#' are comments:
//   S path           what follows is about this source
//   F line name      a function that the source defines, and the line of its name
//   B id lines       a block of the image, and its lines in ascending order, with commas
//   X lines          lines of blocks that the link proved never to run
//   D lines          lines of functions that the link dropped, because nobody in the image calls them
#ifndef PVPCI_DRIVER_LOADER_LINE_TABLE_H_
#define PVPCI_DRIVER_LOADER_LINE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace pvpci::driver {

struct SourceLines {
  struct Function {
    uint32_t line = 0;
    std::string name;
  };
  struct Code {
    uint32_t line = 0;
    uint32_t block = 0;    // 0: of no block that could run
    bool dropped = false;  // block 0: its function is not in the image; else the link proved that it never runs
  };

  std::string path;
  std::vector<Function> functions;  // ascending
  std::vector<Code> code;           // in the order of the table; a line has one entry for each block with code of it
};

// Throws ImageError naming file and line.
std::vector<SourceLines> ReadLineTable(const std::string& path);

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_LINE_TABLE_H_
