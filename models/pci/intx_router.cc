// SPDX-License-Identifier: Apache-2.0
#include "models/pci/intx_router.h"

namespace pvpci::pci {

void IntxRouter::Set(const Function& function, bool level, uint32_t interrupt) {
  const auto wire = up_.find(&function);
  if (level == (wire != up_.end())) return;
  InterruptSink* sink = fabric_.host().interrupts;
  if (level) {
    const unsigned gsi = fabric_.GsiOf(function.bdf(), function.interrupt_pin());
    up_[&function] = gsi;
    if (++wires_[gsi] == 1 && sink) sink->SetGsi(gsi, true, interrupt);
    return;
  }
  const unsigned gsi = wire->second;
  up_.erase(wire);
  if (--wires_[gsi] == 0 && sink) sink->SetGsi(gsi, false, 0);
}

}  // namespace pvpci::pci
