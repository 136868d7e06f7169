// SPDX-License-Identifier: Apache-2.0
#include "models/pci/root_complex.h"

#include <algorithm>
#include <cstring>

#include "models/pci/topology.h"

namespace pvpci::pci {
namespace {

constexpr uint32_t kCacheLine = 64;

// A cache line is the commonest request: its copy needs no call.
void Copy(std::byte* to, const std::byte* from, uint32_t length) {
  if (length == kCacheLine) {
    std::memcpy(to, from, kCacheLine);
  } else {
    std::memcpy(to, from, length);
  }
}

}  // namespace

inline void RootComplex::Memory(const Tlp& tlp, Outcome& outcome, Landed& landed) {
  const sim::MachineMemory* memory = fabric_.host().memory;
  const sim::Frame* frame = memory ? memory->Find(outcome.host_address >> sim::kPageShift) : nullptr;
  if (!frame || !frame->host) {
    outcome.target = Target::kNowhere;
    landed.status = Completion::kUnsupportedRequest;
    return;
  }
  outcome.target = Target::kMemory;
  const FabricParameters& p = fabric_.parameters();
  if (tlp.type == TlpType::kMemoryRead) {
    if (fabric_.llc_.present() && fabric_.llc_.Holds(outcome.host_address)) {
      landed.saved = p.llc_saves;
    } else {
      landed.memory = fabric_.dram_.Wait(outcome.host_address, fabric_.simulation().now() + landed.latency);
    }
    landed.memory += p.remote_node;
  } else if (fabric_.llc_.present()) {
    if (!fabric_.llc_.Touch(outcome.host_address, tlp.length_bytes)) landed.visible = p.llc_write_miss;
  }
  std::byte* at = frame->host + (outcome.host_address & (sim::kPageSize - 1));
  if (tlp.type == TlpType::kMemoryWrite) {
    Copy(at, tlp.data, tlp.length_bytes);
  } else {
    Copy(tlp.data, at, tlp.length_bytes);
  }
}

Landed RootComplex::Land(const Tlp& tlp, Bus& bus, sim::Ps issued) {
  Landed landed;
  if (tlp.length_bytes == 0) return landed;  // a flush: nothing moves, nothing is observed
  Outcome outcome{tlp.bus_address};
  const bool write = tlp.type == TlpType::kMemoryWrite;

  const uint32_t to_page = 4096 - static_cast<uint32_t>(tlp.bus_address & 4095);
  if (tlp.length_bytes > to_page) {
    // Malformed (PCIe 2.2.2, 2.2.7): dropped; observed once, for the page it starts in.
    landed.status = Completion::kUnsupportedRequest;
    Observe(tlp, to_page, issued, outcome, landed);
    return landed;
  }

  if (bus.peer_group) {
    // Without ACS redirection the switch hands a request for a sibling down directly: no translation on that way.
    const AddressRange* range = fabric_.topology_->FindMemory(tlp.bus_address);
    if (range && range->function->bus_->peer_group == bus.peer_group) {
      Peer(tlp, *range, outcome, landed);
      Observe(tlp, tlp.length_bytes, issued, outcome, landed);
      return landed;
    }
  }

  if ((tlp.bus_address & kInterruptWindowMask) == kInterruptWindow) {
    Interrupt(tlp, *bus.lane, issued, outcome, landed);
    return landed;
  }

  DmaFault fault;
  if (DmaRemapper* remapper = fabric_.host().remapper) {
    const auto answer = tlp.translated ? remapper->Translated(tlp.requester, tlp.bus_address, write)
                                        : remapper->Translate(tlp.requester, tlp.bus_address, write);
    const auto* translation = std::get_if<Translation>(&answer);
    if (translation == nullptr) {
      fault = std::get<DmaFault>(answer);
      outcome.fault = &fault;
      landed.status = Completion::kUnsupportedRequest;
      Observe(tlp, tlp.length_bytes, issued, outcome, landed);
      return landed;
    }
    outcome.host_address = translation->host_address;
    landed.latency = translation->latency;
  }
  if (const AddressRange* range = fabric_.topology_->FindMemory(outcome.host_address)) {
    Peer(tlp, *range, outcome, landed);
  } else {
    Memory(tlp, outcome, landed);
  }
  Observe(tlp, tlp.length_bytes, issued, outcome, landed);
  return landed;
}

void RootComplex::Interrupt(const Tlp& tlp, Lane& lane, sim::Ps issued, Outcome& outcome, Landed& landed) {
  outcome.target = Target::kInterruptWindow;
  const bool message = tlp.type == TlpType::kMemoryWrite && tlp.length_bytes == 4 && (tlp.bus_address & 3) == 0;
  if (!message) {
    // Reads, and writes that are not one dword, are errors there. VT-d 3.14.
    landed.status = Completion::kUnsupportedRequest;
    Observe(tlp, tlp.length_bytes, issued, outcome, landed);
    if (InterruptSink* sink = fabric_.host().interrupts; sink != nullptr && tlp.type == TlpType::kMemoryWrite) {
      sink->SystemError(tlp.requester, tlp.bus_address);
    }
    return;
  }
  InterruptMessage out;
  out.address = tlp.bus_address;
  std::memcpy(&out.data, tlp.data, 4);
  DmaFault fault;
  if (DmaRemapper* remapper = fabric_.host().remapper) {
    const auto answer = remapper->Remap(tlp.requester, out.address, out.data);
    if (const auto* refused = std::get_if<DmaFault>(&answer)) {
      fault = *refused;
      outcome.fault = &fault;
      landed.status = Completion::kUnsupportedRequest;
      Observe(tlp, tlp.length_bytes, issued, outcome, landed);
      return;
    }
    out = std::get<InterruptMessage>(answer);
    outcome.host_address = out.address;
    landed.latency = out.latency;
  }
  Observe(tlp, tlp.length_bytes, issued, outcome, landed);
  InterruptSink* sink = fabric_.host().interrupts;
  if (!sink || out.posted) return;
  // Writes that came earlier may still be walking tables: the message does not overtake them.
  const sim::Ps now = fabric_.simulation().now();
  const sim::Ps when = std::max(now + landed.latency, lane.last_landing);
  out.latency = 0;  // it has passed when the message is delivered
  const bool forged = tlp.origin == TlpOrigin::kDma;
  if (when == now) {
    sink->Message(out, tlp.requester, tlp.interrupt, forged);
    return;
  }
  landed.latency = when - now;
  fabric_.simulation().At(when, [this, out, requester = tlp.requester, interrupt = tlp.interrupt, forged] {
    if (InterruptSink* late_sink = fabric_.host().interrupts) late_sink->Message(out, requester, interrupt, forged);
  });
}

void RootComplex::Peer(const Tlp& tlp, const AddressRange& range, Outcome& outcome, Landed& landed) {
  outcome.target = Target::kPeer;
  Function& target = *range.function;
  if (!target.present()) {
    // Nobody is there to answer: posted writes vanish, reads run into the requester's completion timeout.
    landed.status = tlp.type == TlpType::kMemoryWrite ? Completion::kSuccess : Completion::kTimeout;
    landed.answered = tlp.type == TlpType::kMemoryWrite;
    return;
  }
  const uint64_t base = outcome.host_address - range.first;
  if (outcome.host_address + (tlp.length_bytes - 1) > range.last) {
    landed.status = Completion::kCompleterAbort;
    return;
  }
  for (uint32_t done = 0; done < tlp.length_bytes;) {
    uint32_t size = 8;
    while (((base + done) & (size - 1)) || done + size > tlp.length_bytes) size /= 2;
    uint64_t value = 0;
    if (tlp.type == TlpType::kMemoryWrite) {
      std::memcpy(&value, tlp.data + done, size);
      if (range.space != RegisterSpace::kRom) {
        target.BarWrite(static_cast<unsigned>(range.space), base + done, size, value, tlp.provenance);
      }
    } else {
      if (range.space == RegisterSpace::kRom) {
        for (uint32_t i = 0; i < size; ++i) value |= uint64_t{target.OnRomRead(base + done + i)} << 8 * i;
      } else {
        value = target.BarRead(static_cast<unsigned>(range.space), base + done, size);
      }
      std::memcpy(tlp.data + done, &value, size);
    }
    done += size;
  }
}

void RootComplex::LandError(Bdf source, const Bus& bus, ErrorSeverity severity) {
  Bridge* root_port = nullptr;
  for (const Bus* below : bus.path) {
    if (below->bridge == nullptr) continue;
    if (!below->bridge->forwards_errors()) return;
    if (root_port == nullptr) root_port = below->bridge;
  }
  if (root_port != nullptr) root_port->ReceiveError(source, severity);
}

}  // namespace pvpci::pci
