// SPDX-License-Identifier: Apache-2.0
// Trace records of what the tools do beside store writes: "tool attach 0000:00:05.0 to 1: iomem_permission ... = 0".
#ifndef PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_TRACE_H_
#define PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_TRACE_H_

#include <string_view>

#include "sim/trace.h"

namespace pvpci::xen {

void EmitToolstackStep(sim::Trace& trace, std::string_view text);
// Registers how records print. Toolstack's constructor calls it.
void RegisterToolstackTrace(sim::Trace& trace);

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_TRACE_H_
