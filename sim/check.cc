// SPDX-License-Identifier: Apache-2.0
#include "sim/check.h"

namespace pvpci::sim {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  throw BenchError(std::string(file) + ":" + std::to_string(line) + ": " + message + " (" + condition + ")");
}

void NotModelled(const std::string& what, const std::string& specification_section) {
  throw NotModelledError("not modelled: " + what + " (" + specification_section + ")");
}

}  // namespace pvpci::sim
