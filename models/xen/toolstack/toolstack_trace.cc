// SPDX-License-Identifier: Apache-2.0
#include "models/xen/toolstack/toolstack_trace.h"

#include <string>

#include "models/xen/store/store_trace.h"

namespace pvpci::xen {

void EmitToolstackStep(sim::Trace& trace, std::string_view text) {
  trace.Append(sim::RecordKind::kToolstack, kToolstack, text.data(), static_cast<uint32_t>(text.size()));
}

void RegisterToolstackTrace(sim::Trace& trace) {
  trace.SetFormatter(sim::RecordKind::kToolstack, [](const sim::RecordView& view) {
    return "tool " + std::string(reinterpret_cast<const char*>(view.payload), view.size);
  });
  trace.SetDomainName(kToolstack, "toolstack");
}

}  // namespace pvpci::xen
