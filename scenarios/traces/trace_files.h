// SPDX-License-Identifier: Apache-2.0
// The trace of a run for tools that others wrote. All of it is made from the records of sim/trace.h; an interrupt has
// the same number in each file and in trace.txt.
#ifndef PVPCI_SCENARIOS_TRACES_TRACE_FILES_H_
#define PVPCI_SCENARIOS_TRACES_TRACE_FILES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/pci/provenance.h"
#include "models/pci/tlp.h"
#include "scenarios/machine/signals.h"
#include "sim/machine_memory.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

// One interrupt as the span record has it.
struct SpanShown {
  unsigned vcpu = 0;                                   // where its handler ran
  std::vector<std::pair<std::string, sim::Ps>> parts;  // from t0 to its last probe
};

struct TraceNames {
  std::map<sim::DomId, std::string> domains;
  std::function<std::string(pci::Bdf)> device;  // its name in the scenario, "" if it has none
  bool iommu = false;                           // there is one
  const std::map<uint32_t, SpanShown>* spans = nullptr;  // by number; null: not known
};

// trace.perfetto.json: Chrome's trace event format, which https://ui.perfetto.dev opens. A process for the devices, one
// one for the links, one for Xen and one for each domain; a track for each device and its link, for Xen's interrupts and IOMMU,
// for each domain's calls and for each of its vCPUs. Each interrupt is an asynchronous slice cut into its parts, and an arrow
// leads from the device's assertion through Xen to the driver's handler on its vCPU. Times in us, to the picosecond.
std::string PerfettoTrace(const sim::Trace& trace, const TraceNames& names);

// Machine address of a register, as its BAR is programmed now; 0 if it has none.
using AddressOf = std::function<uint64_t(pci::Bdf function, pci::RegisterSpace space, uint64_t offset)>;

// tlp.pcapng: each configuration and memory request as a TLP (PCIe 6.0, 2.2) of link type USER0, time stamps in ps.
// Upstream requests have their headers only: the trace holds no data of theirs (the original length says how much there
// was). Comments tell class, fault and interrupt number.
std::string TlpCapture(const sim::Trace& trace, const AddressOf& address_of);

// trace.vcd: IEEE 1364. What the recorder saw, and the numbers of the interrupts that devices assert and domains serve.
std::string ValueChangeDump(const sim::Trace& trace, const TraceNames& names, std::vector<Signal> signals,
                            std::vector<SignalChange> changes);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_TRACES_TRACE_FILES_H_
