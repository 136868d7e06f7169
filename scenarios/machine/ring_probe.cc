// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/ring_probe.h"

#include <cstring>
#include <string>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/grant_table.h"
#include "models/xen/toolstack/toolstack.h"
#include "scenarios/machine/pciif.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

struct RingRecord {
  uint32_t request;
  SharedOperation operation;
};

const char* CommandName(uint32_t cmd) { return cmd < kOperations.size() ? kOperations[cmd] : "unknown"; }

std::string Format(const sim::RecordView& view) {
  RingRecord record;
  std::memcpy(&record, view.payload, sizeof record);
  const SharedOperation& op = record.operation;
  std::string text = fmt::format("ring {} {} {:04x}:{:02x}:{:02x}.{:x} off={:#x} size={} value={:#x}",
                                 record.request != 0 ? "request" : "response", CommandName(op.cmd), op.domain, op.bus,
                                 op.devfn >> 3, op.devfn & 7, static_cast<uint32_t>(op.offset), op.size, op.value);
  if (record.request == 0) text += fmt::format(" err={}", op.err);
  return text;
}

}  // namespace

RingProbe::RingProbe(sim::Trace& trace, xen::Hypervisor& hypervisor, const xen::Xenstored& store)
    : trace_(trace), hypervisor_(hypervisor), store_(store) {
  trace_.SetFormatter(sim::RecordKind::kRing, Format);
}

bool RingProbe::Refresh(sim::DomId frontend, uint32_t port, Ring* ring) const {
  const std::string path = xen::FrontendPath(frontend);
  const auto channel = store_.tree().Find(path + "/event-channel");
  const auto reference = store_.tree().Find(path + "/pci-op-ref");
  if (!channel || !reference || ParseUnsigned(channel->value) != port) return false;
  const auto ref = ParseUnsigned(reference->value);
  xen::Domain* domain = hypervisor_.domain(frontend);
  if (!ref || domain == nullptr) return false;
  const xen::abi::GrantEntryV1* entry = hypervisor_.grants().Entry(*domain, static_cast<uint32_t>(*ref));
  if (entry == nullptr) return false;
  const sim::Frame* frame = hypervisor_.memory().Find(entry->frame);
  if (frame == nullptr || frame->host == nullptr) return false;
  *ring = {port, frame->host, false, 0, false};
  return true;
}

void RingProbe::Emit(sim::DomId frontend, const Ring& ring, bool request) {
  RingRecord record{};
  record.request = request ? 1 : 0;
  std::memcpy(&record.operation, ring.page, sizeof record.operation);
  trace_.Emit(sim::RecordKind::kRing, frontend, record);
}

void RingProbe::CheckAnswer(sim::DomId frontend) {
  const auto it = rings_.find(frontend);
  if (it != rings_.end()) Answered(frontend, &it->second);
}

void RingProbe::Answered(sim::DomId frontend, Ring* ring) {
  if (!ring->outstanding) return;
  uint32_t flags = 0;
  std::memcpy(&flags, ring->page, sizeof flags);
  if ((flags & kPciActive) != 0) return;
  ring->outstanding = false;
  --outstanding_;
  SharedOperation operation;
  std::memcpy(&operation, ring->page, sizeof operation);
  Count& count = counts_[{frontend, CommandName(ring->cmd)}];
  ++count.answers;
  if (operation.err != 0) ++count.errors[operation.err];
  Emit(frontend, *ring, false);
}

void RingProbe::OnClose(sim::DomId domain, uint32_t port) {
  const auto it = rings_.find(domain);
  if (it == rings_.end() || it->second.port != port) return;
  if (it->second.outstanding) --outstanding_;
  rings_.erase(it);
}

// Requests of the backend: abi.md 3.2, "AER". The answer stands in the error field.
void RingProbe::CheckAer(sim::DomId frontend, Ring* ring) {
  uint32_t flags = 0, command = 0;
  int32_t error = 0;
  std::memcpy(&flags, ring->page, sizeof flags);
  std::memcpy(&command, ring->page + kAerCommand, sizeof command);
  std::memcpy(&error, ring->page + kAerError, sizeof error);
  const bool active = (flags & kAerActive) != 0;
  if (active == ring->aer_outstanding) return;
  ring->aer_outstanding = active;
  Count& count = counts_[{frontend, CommandName(command)}];
  if (active) {
    ++count.sends;
  } else {
    ++count.answers;
    ++count.errors[error];
  }
}

void RingProbe::OnSend(sim::DomId domain, uint32_t port) {
  if (domain == 0) {
    // The backend notifies after it cleared the active flag of whatever it answered.
    for (auto& [frontend, ring] : rings_) {
      Answered(frontend, &ring);
      CheckAer(frontend, &ring);
    }
    return;
  }
  auto it = rings_.find(domain);
  if (it == rings_.end() || it->second.port != port) {
    Ring ring;
    if (!Refresh(domain, port, &ring)) return;
    OnClose(domain, it == rings_.end() ? 0 : it->second.port);
    it = rings_.insert_or_assign(domain, ring).first;
  }
  uint32_t flags = 0;
  std::memcpy(&flags, it->second.page, sizeof flags);
  CheckAer(domain, &it->second);
  if ((flags & kPciActive) == 0) return;  // an answer to an AER request
  SharedOperation operation;
  std::memcpy(&operation, it->second.page, sizeof operation);
  it->second.cmd = operation.cmd;
  Count& count = counts_[{domain, CommandName(operation.cmd)}];
  ++count.sends;
  if (it->second.outstanding) ++count.repeated;
  if (!it->second.outstanding) ++outstanding_;
  it->second.outstanding = true;
  Emit(domain, it->second, true);
}

}  // namespace pvpci::scenarios
