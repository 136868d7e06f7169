// SPDX-License-Identifier: Apache-2.0
#include "models/pci/tlp.h"

#include <fmt/format.h>

namespace pvpci::pci {

std::string ToString(Bdf bdf) {
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", bdf.segment, bdf.bus(), bdf.device(), bdf.function());
}

const char* Name(Completion status) {
  switch (status) {
    case Completion::kSuccess:
      return "success";
    case Completion::kUnsupportedRequest:
      return "unsupported request";
    case Completion::kCompleterAbort:
      return "completer abort";
    case Completion::kTimeout:
      return "completion timeout";
  }
  return "?";
}

}  // namespace pvpci::pci
