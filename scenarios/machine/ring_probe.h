// SPDX-License-Identifier: Apache-2.0
// Watches the pciif shared pages (abi.md 3.2) when a domain sends an event, and traces what crosses the ring:
// "ring request conf_read 0000:00:00.0 off=0x0 size=4 value=0x0", as golden/README.md has it.
#ifndef PVPCI_SCENARIOS_MACHINE_RING_PROBE_H_
#define PVPCI_SCENARIOS_MACHINE_RING_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "models/xen/hypervisor.h"
#include "models/xen/store/xenstored.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

class RingProbe {
 public:
  RingProbe(sim::Trace& trace, xen::Hypervisor& hypervisor, const xen::Xenstored& store);

  // What went over a domain's rings, by operation.
  struct Count {
    uint64_t sends = 0;         // event channel notifications with a request of that kind in the page
    uint64_t repeated = 0;      // of them, for one that was announced already and not yet answered
    uint64_t answers = 0;
    std::map<int32_t, uint64_t> errors;  // answers by error code, but 0
  };
  const std::map<std::pair<sim::DomId, std::string>, Count>& counts() const { return counts_; }

  // `domain` is about to send on `port`.
  void OnSend(sim::DomId domain, uint32_t port);
  // `domain` is about to close `port`: a ring ends with it. The next one may get the same port, and another page.
  void OnClose(sim::DomId domain, uint32_t port);
  // `domain` is about to run: a frontend that polls the active flag sees an answer before the backend has notified it,
  // and its next request overwrites that answer.
  void OnReturn(sim::DomId domain) {
    if (outstanding_ != 0) CheckAnswer(domain);
  }

 private:
  struct Ring {
    uint32_t port = 0;             // of the frontend
    const std::byte* page = nullptr;
    bool outstanding = false;      // a request was seen, its answer not yet
    uint32_t cmd = 0;
    bool aer_outstanding = false;  // a request of the backend was seen, its answer not yet
  };
  bool Refresh(sim::DomId frontend, uint32_t port, Ring* ring) const;
  void CheckAnswer(sim::DomId frontend);
  void Answered(sim::DomId frontend, Ring* ring);
  void Emit(sim::DomId frontend, const Ring& ring, bool request);
  void CheckAer(sim::DomId frontend, Ring* ring);

  sim::Trace& trace_;
  xen::Hypervisor& hypervisor_;
  const xen::Xenstored& store_;
  std::map<sim::DomId, Ring> rings_;
  std::map<std::pair<sim::DomId, std::string>, Count> counts_;
  unsigned outstanding_ = 0;  // rings with a request that is not answered
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_RING_PROBE_H_
