// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/memory_use.h"

#include <fstream>
#include <stdexcept>

namespace pvpci::scenarios {

// The line is "VmPTE:      120 kB".
double StatusKiB(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, field.size() + 1, field + ":") == 0) return std::stod(line.substr(field.size() + 1));
  }
  throw std::runtime_error("/proc/self/status has no " + field);
}

double MappedKiB() {
  std::ifstream file("/proc/self/smaps");
  double sum = 0;
  bool counts = false;
  for (std::string line; std::getline(file, line);) {
    // A mapping's first line begins with its addresses, the others with a word and a colon.
    if (line.find('-') < line.find(' ') && line.find(':') > line.find(' ')) {
      counts = line.find("/memfd:") == std::string::npos;
    } else if (counts && line.compare(0, 4, "Rss:") == 0) {
      sum += std::stod(line.substr(4));
    }
  }
  if (sum == 0) throw std::runtime_error("/proc/self/smaps tells nothing");
  return sum;
}

}  // namespace pvpci::scenarios
