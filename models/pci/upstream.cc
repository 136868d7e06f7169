// SPDX-License-Identifier: Apache-2.0
#include "models/pci/upstream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/pci/intx_router.h"
#include "models/pci/registers.h"
#include "models/pci/root_complex.h"

namespace pvpci::pci {
namespace {

// A function that won the link keeps it for so much: arbitration stays fair and costs one event per page.
constexpr uint64_t kTurnBytes = 4096;

}  // namespace

Transfer* Upstream::New(Function& function, TransferKind kind) {
  Transfer* transfer;
  if (free_.empty()) {
    transfer = &pool_.emplace_back();
  } else {
    transfer = free_.back();
    free_.pop_back();
  }
  const sim::Ps now = fabric_.simulation().now();
  transfer->kind = kind;
  transfer->function = &function;
  transfer->epoch = function.epoch_;
  transfer->order = ++order_;
  transfer->issued = transfer->not_before = now + function.lead_;
  transfer->tlp.requester = transfer->tlp.function = function.bdf_;
  ++live_;
  return transfer;
}

void Upstream::Free(Transfer* transfer) {
  *transfer = Transfer{};
  free_.push_back(transfer);
  --live_;
}

void Upstream::Submit(Function& function, const DmaRequest& request, DmaDone done) {
  Transfer* t = New(function, request.type == TlpType::kMemoryRead ? TransferKind::kRead : TransferKind::kWrite);
  t->tlp.type = request.type;
  t->tlp.bus_address = request.bus_address;
  t->tlp.data = request.data;
  t->tlp.provenance = request.provenance;
  if (request.spoof) t->tlp.requester = request.requester;
  t->tlp.translated = request.translated;
  t->length = request.length_bytes;
  t->whole = request.whole;
  t->done = std::move(done);
  Enqueue(t);
}

void Upstream::SubmitMessage(Function& function, uint64_t address, uint32_t data, uint32_t interrupt) {
  Transfer* t = New(function, TransferKind::kMessage);
  t->tlp.type = TlpType::kMemoryWrite;
  t->tlp.origin = TlpOrigin::kMessage;
  t->tlp.bus_address = address;
  t->tlp.interrupt = interrupt;
  t->length = 4;
  std::memcpy(t->message, &data, 4);
  t->tlp.data = t->message;
  Enqueue(t);
}

void Upstream::SubmitIntx(Function& function, bool level, uint32_t interrupt) {
  Transfer* t = New(function, TransferKind::kIntx);
  t->level = level;
  t->tlp.interrupt = interrupt;
  Enqueue(t);
}

void Upstream::SubmitError(Function& function, ErrorSeverity severity) {
  Transfer* t = New(function, TransferKind::kError);
  t->severity = severity;
  Enqueue(t);
}

void Upstream::Enqueue(Transfer* t) {
  Function& function = *t->function;
  (t->kind == TransferKind::kRead ? function.non_posted_ : function.posted_).push_back(t);
  t->queued = true;
  Bus& bus = *function.bus_;
  if (!function.pump_listed_) {
    function.pump_listed_ = true;
    bus.waiting.push_back(&function);
  }
  Kick(bus);
}

void Upstream::Kick(Bus& bus) {
  if (bus.pumping || bus.waiting.empty()) return;
  const sim::Ps now = fabric_.simulation().now();
  if (const sim::Ps when = bus.free_at(); when > now) {
    if (when == sim::kNever) return;  // who holds the bus kicks
    if (bus.pump_at <= when) return;
    if (bus.pump_at != sim::kNever) fabric_.simulation().Cancel(bus.pump_event);
    bus.pump_at = when;
    bus.pump_event = fabric_.simulation().At(when, [this, &bus] {
      bus.pump_at = sim::kNever;
      Pump(bus);
    });
    return;
  }
  Pump(bus);
}

// The function's next transfer that may go at `now`; else null, and `*next` shrinks to when to ask again.
Transfer* Upstream::Eligible(Function& function, sim::Ps now, sim::Ps* next) const {
  Transfer* posted = function.posted_.empty() ? nullptr : function.posted_.front();
  Transfer* read = function.non_posted_.empty() ? nullptr : function.non_posted_.front();
  // A conventional master repeats the one read that was retried.
  const unsigned tags = function.bus_->conventional ? 1 : fabric_.parameters().read_tags;
  if (read && function.tags_in_use_ >= tags) read = nullptr;
  if (read && posted && posted->order < read->order) read = nullptr;
  for (Transfer* candidate : {read, posted}) {
    if (!candidate) continue;
    if (candidate->not_before <= now) {
      if (limited() && !RoomFor(*function.bus_, *candidate)) continue;
      return candidate;
    }
    *next = std::min(*next, candidate->not_before);
  }
  return nullptr;
}

// Of the transfer's next packet.
uint32_t Upstream::NextLength(const Function& function, const Transfer& t) const {
  const uint64_t left = t.length - t.sent;
  if (t.whole || left == 0) return static_cast<uint32_t>(left);
  return NextPiece(t.tlp.bus_address + t.sent, left,
                   t.kind == TransferKind::kRead ? function.max_read_request_ : function.max_payload_);
}

// Whether the root port can hold the transfer's next packet. If not, the bus is told when it can hold more. Integrated
// functions are no link's end.
bool Upstream::RoomFor(Bus& bus, const Transfer& t) const {
  if (bus.parent == nullptr) return true;
  const FabricParameters& p = fabric_.parameters();
  Lane& lane = *bus.lane;
  bool room;
  if (t.kind == TransferKind::kRead) {
    room = p.read_headers == 0 || lane.read_headers < p.read_headers;
  } else {
    const unsigned data = (NextLength(*t.function, t) + kCreditBytes - 1) / kCreditBytes;
    room = (p.posted_headers == 0 || lane.posted_headers < p.posted_headers) &&
           (p.posted_data == 0 || lane.posted_data + data <= p.posted_data);
  }
  if (!room && std::find(lane.starved.begin(), lane.starved.end(), &bus) == lane.starved.end()) lane.starved.push_back(&bus);
  return room;
}

// A packet has left the root port's buffer at `freed`; its sender knows when an update of flow control has come.
void Upstream::ReturnCredits(Lane& lane, const LinkDirection& down, sim::Ps freed, bool read, unsigned data) {
  fabric_.simulation().At(freed + down.UpdateLatency(), [this, &lane, read, data] {
    if (read) {
      --lane.read_headers;
    } else {
      --lane.posted_headers;
      lane.posted_data -= data;
    }
    const std::vector<Bus*> starved = std::exchange(lane.starved, {});
    for (Bus* bus : starved) Kick(*bus);
  });
}

void Upstream::Pump(Bus& bus) {
  bus.pumping = true;
  const sim::Ps now = fabric_.simulation().now();
  sim::Ps next = sim::kNever;
  unsigned idle = 0;
  while (!bus.waiting.empty() && idle < bus.waiting.size()) {
    if (bus.free_at() > now) {
      next = bus.free_at();
      break;
    }
    bus.turn %= bus.waiting.size();
    Function& function = *bus.waiting[bus.turn];
    Transfer* transfer = Eligible(function, now, &next);
    if (transfer) {
      idle = 0;
      if (Gated(*transfer)) {
        Discard(transfer);
      } else if (bus.conventional) {
        SendConventional(bus, *transfer);
      } else {
        SendPieces(bus, *transfer);
      }
    } else {
      ++idle;
    }
    if (function.posted_.empty() && function.non_posted_.empty()) {
      function.pump_listed_ = false;
      bus.waiting.erase(bus.waiting.begin() + bus.turn);
    } else {
      ++bus.turn;
    }
  }
  bus.pumping = false;
  if (bus.waiting.empty() || next == sim::kNever || bus.pump_at <= next) return;
  if (bus.pump_at != sim::kNever) fabric_.simulation().Cancel(bus.pump_event);
  bus.pump_at = next;
  bus.pump_event = fabric_.simulation().At(next, [this, &bus] {
    bus.pump_at = sim::kNever;
    Pump(bus);
  });
}

bool Upstream::Gated(const Transfer& transfer) const {
  const Function& function = *transfer.function;
  // Messages, not memory requests.
  if (transfer.kind == TransferKind::kIntx || transfer.kind == TransferKind::kError) return false;
  if (fabric_.topology_->buses_stale) fabric_.topology_->NumberBuses();
  return !function.bus_master() || !function.bus_->reachable || !function.bus_->upstream_open;
}

void Upstream::Discard(Transfer* t) {
  Function& function = *t->function;
  auto& queue = t->kind == TransferKind::kRead ? function.non_posted_ : function.posted_;
  queue.pop_front();
  t->queued = false;
  ++(t->kind == TransferKind::kMessage ? function.counters_.messages_discarded : function.counters_.requests_discarded);
  t->status = Completion::kUnsupportedRequest;
  t->sent = t->length;
  if (t->pieces == 0) {
    // Not from within Submit: the device is still in the middle of something.
    t->pieces = 1;
    fabric_.simulation().After(0, [this, t] { FinishPiece(t); });
  }
}

uint64_t Upstream::WireBytes(TransferKind kind, uint64_t address, uint32_t length) const {
  const bool ecrc = fabric_.parameters().ecrc;
  if (kind == TransferKind::kRead) return MemoryReadBytes(address, ecrc);
  if (kind == TransferKind::kIntx || kind == TransferKind::kError) return MessageBytes(ecrc);
  return MemoryWriteBytes(address, length, ecrc);
}

void Upstream::SendPieces(Bus& bus, Transfer& t) {
  Function& function = *t.function;
  const bool read = t.kind == TransferKind::kRead;
  const sim::Ps now = fabric_.simulation().now();
  Lane& lane = *bus.lane;
  for (uint64_t budget = 0; budget < kTurnBytes;) {
    if (read && function.tags_in_use_ >= fabric_.parameters().read_tags) return;
    if (limited() && budget != 0 && !RoomFor(bus, t)) return;
    const uint64_t address = t.tlp.bus_address + t.sent;
    const uint64_t length = NextLength(function, t);
    if (limited() && bus.parent != nullptr) {
      if (read) {
        ++lane.read_headers;
      } else {
        ++lane.posted_headers;
        lane.posted_data += (length + kCreditBytes - 1) / kCreditBytes;
      }
    }
    const sim::Ps arrival =
        std::max(Travel(bus, now, WireBytes(t.kind, address, static_cast<uint32_t>(length))), lane.last_arrival);
    lane.last_arrival = arrival;
    lane.queue.push_back(Landing{arrival, &t, t.sent, static_cast<uint32_t>(length)});
    ++t.pieces;
    ++function.counters_.tlps_sent;
    if (read) {
      ++function.tags_in_use_;
      ++t.holds_tags;
    }
    t.sent += length;
    budget += std::max<uint64_t>(length, 64);
    if (!lane.scheduled) {
      lane.scheduled = true;
      fabric_.simulation().At(arrival, [this, &lane] { Arrive(lane); });
    }
    if (t.sent == t.length) {
      (read ? function.non_posted_ : function.posted_).pop_front();
      t.queued = false;
      return;
    }
  }
}

// One transaction: a turn on the bus. Interrupt pins and SERR# are wires of their own.
void Upstream::SendConventional(Bus& bus, Transfer& t) {
  Function& function = *t.function;
  const bool read = t.kind == TransferKind::kRead;
  const sim::Ps now = fabric_.simulation().now();
  Lane& lane = *bus.lane;
  const uint64_t address = t.tlp.bus_address + t.sent;
  uint64_t length = t.length - t.sent;
  sim::Ps arrival = now;
  if (t.kind != TransferKind::kIntx && t.kind != TransferKind::kError) {
    const bool alone = bus.waiting.size() == 1;
    const unsigned timer = function.config_.Read(reg::kLatencyTimer, 1);
    if (length) length = NextPiece(address, length, ConventionalBus::Burst(address, read, alone, timer));
    arrival = read ? bus.conventional->Read(now)
                   : bus.conventional->Write(now, address, length) + fabric_.parameters().host_bridge;
  }
  arrival = std::max(arrival, lane.last_arrival);
  lane.last_arrival = arrival;
  lane.queue.push_back(Landing{arrival, &t, t.sent, static_cast<uint32_t>(length)});
  ++t.pieces;
  ++function.counters_.tlps_sent;
  if (read) {
    ++function.tags_in_use_;
    ++t.holds_tags;
  }
  t.sent += length;
  if (!lane.scheduled) {
    lane.scheduled = true;
    fabric_.simulation().At(arrival, [this, &lane] { Arrive(lane); });
  }
  if (t.sent != t.length) return;
  (read ? function.non_posted_ : function.posted_).pop_front();
  t.queued = false;
}

// The host bridge has the data of a read at `ready`: it keeps the bus waiting so long, or lets the master come again.
void Upstream::ReadConventional(Bus& bus, Transfer* t, const Tlp& tlp, sim::Ps ready) {
  ConventionalBus& pci = *bus.conventional;
  const sim::Ps now = fabric_.simulation().now();
  if (pci.MayWait(now, ready)) {
    fabric_.simulation().At(pci.Data(now, ready, tlp.bus_address, tlp.length_bytes), [this, t] { FinishPiece(t); });
  } else {
    pci.Retry(now);
    fabric_.simulation().At(ready, [this, &bus, t, address = tlp.bus_address, length = tlp.length_bytes] {
      Repeat(bus, t, address, length);
    });
  }
  Kick(bus);
}

// The same read once more: its data waits in the bridge.
void Upstream::Repeat(Bus& bus, Transfer* t, uint64_t address, uint32_t length_bytes) {
  ConventionalBus& pci = *bus.conventional;
  const sim::Ps now = fabric_.simulation().now();
  const sim::Ps free = pci.free_at();
  if (free > now) {
    const sim::Ps when = free == sim::kNever ? now + pci.clock() : free;
    fabric_.simulation().At(when, [this, &bus, t, address, length_bytes] { Repeat(bus, t, address, length_bytes); });
    return;
  }
  const sim::Ps asked = pci.Read(now);
  fabric_.simulation().At(pci.Data(asked, asked, address, length_bytes), [this, t] { FinishPiece(t); });
  Kick(bus);
}

// Arrival at the root complex of a packet that starts at `bus` not before `earliest`.
sim::Ps Upstream::Travel(Bus& bus, sim::Ps earliest, uint64_t bytes) {
  const FabricParameters& p = fabric_.parameters();
  sim::Ps head = earliest, tail = earliest;
  for (const Hop& hop : bus.way_up) {
    if (hop.link != nullptr) {
      const LinkDirection::Slot slot = hop.link->Send(head, bytes);
      head = slot.first;
      tail = std::max(slot.last, tail);
    } else {
      // Inside a switch: cut through. The tail follows the head by no less than it did on the slower side.
      head += p.switch_cut_through;
      tail += p.switch_cut_through;
    }
  }
  return tail + p.posted_one_way;
}

// Arrival at the device of the completions of one read piece whose data is there at `ready`.
sim::Ps Upstream::Return(Bus& bus, sim::Ps ready, const Tlp& tlp, uint32_t mps, Completion status) {
  const FabricParameters& p = fabric_.parameters();
  uint64_t bytes = CompletionBytes(0, p.ecrc);
  if (status == Completion::kSuccess && tlp.length_bytes) {
    const uint64_t count =
        CompletionCount(tlp.bus_address, tlp.length_bytes, mps, p.read_completion_boundary, p.completion_split);
    bytes = count * CompletionBytes(0, p.ecrc) + tlp.length_bytes;
  }
  sim::Ps head = ready, tail = ready;
  for (const Hop& hop : bus.way_down) {
    if (hop.link != nullptr) {
      const LinkDirection::Slot slot = hop.link->Send(head, bytes);
      head = slot.first;
      tail = std::max(slot.last, tail);
    } else {
      head += p.switch_cut_through;
      tail += p.switch_cut_through;
    }
  }
  return tail;
}

void Upstream::Arrive(Lane& lane) {
  const sim::Ps now = fabric_.simulation().now();
  while (!lane.queue.empty() && lane.queue.front().time <= now) {
    const Landing landing = lane.queue.front();
    lane.queue.pop_front();
    LandPiece(lane, landing);
  }
  lane.scheduled = !lane.queue.empty();
  if (lane.scheduled) fabric_.simulation().At(lane.queue.front().time, [this, &lane] { Arrive(lane); });
}

void Upstream::LandPiece(Lane& lane, const Landing& landing) {
  Transfer* t = landing.transfer;
  Function& function = *t->function;
  const sim::Ps now = fabric_.simulation().now();
  const bool counted = limited() && function.bus_->parent != nullptr;
  // The link of the root port: the first one below bus 0.
  const auto left = [&](sim::Ps when) {
    if (!counted) return;
    ReturnCredits(lane, *function.bus_->path[1]->down, when, t->kind == TransferKind::kRead,
                  (landing.length + kCreditBytes - 1) / kCreditBytes);
  };
  if (t->kind == TransferKind::kIntx) {
    left(now);
    fabric_.intx_->Set(function, t->level, t->tlp.interrupt);
    FinishPiece(t);
    return;
  }
  if (t->epoch != function.epoch_) {
    left(now);
    FinishPiece(t);
    return;
  }
  if (t->kind == TransferKind::kError) {
    left(now);
    fabric_.root_complex_->LandError(function.bdf(), *function.bus_, t->severity);
    FinishPiece(t);
    return;
  }
  Tlp tlp = t->tlp;
  tlp.bus_address += landing.offset;
  tlp.data += landing.offset;
  tlp.length_bytes = landing.length;
  Bus& bus = *function.bus_;
  const Landed landed = fabric_.root_complex_->Land(tlp, bus, t->issued);
  if (landed.status != Completion::kSuccess && t->status == Completion::kSuccess) t->status = landed.status;
  left(now + landed.latency);  // a request that waits for its translation keeps its place

  if (t->kind == TransferKind::kRead && bus.conventional) {
    // Nobody answers a request that was refused: the master ends it, and reads ones. PCI 3.0 3.3.3.1.
    const FabricParameters& p = fabric_.parameters();
    const sim::Ps memory = landed.answered ? p.host_bridge + landed.memory - std::min(landed.saved, p.host_bridge) : 0;
    ReadConventional(bus, t, tlp, std::max(now + landed.latency, lane.last_landing) + memory);
    return;
  }
  if (t->kind == TransferKind::kRead) {
    sim::Ps back = t->issued + fabric_.parameters().completion_timeout;
    if (landed.answered) {
      const FabricParameters& p = fabric_.parameters();
      // A read pushes the writes before it: PCIe 2.4.1.
      const sim::Ps ready =
          std::max(now + landed.latency, lane.last_landing) + (p.read_round_trip - p.posted_one_way) + landed.memory -
          landed.saved;
      back = Return(bus, ready, tlp, function.max_payload_, landed.status);
    }
    fabric_.simulation().At(std::max(back, now), [this, t] { FinishPiece(t); });
    return;
  }
  lane.last_taken = std::max(lane.last_taken, now + landed.latency);
  lane.last_landing = std::max(lane.last_landing, now + landed.latency + landed.visible);
  if (lane.last_taken > now && t->done) {
    fabric_.simulation().At(lane.last_taken, [this, t] { FinishPiece(t); });
  } else {
    FinishPiece(t);
  }
}

void Upstream::FinishPiece(Transfer* t) {
  Function& function = *t->function;
  const bool current = t->epoch == function.epoch_;
  --t->pieces;
  if (t->kind == TransferKind::kRead && current && t->holds_tags) {
    --t->holds_tags;
    --function.tags_in_use_;
    if (!function.non_posted_.empty()) Kick(*function.bus_);
  }
  if (t->pieces || t->queued) return;
  const DmaDone done = std::move(t->done);
  const Completion status = t->status;
  Free(t);
  if (done && current) done(status);
}

void Upstream::Drop(Function& function) {
  std::deque<Transfer*> kept;
  for (Transfer* t : function.posted_) {
    // The wire's own messages go on: the level that follows the reset must find its predecessor.
    if (t->kind == TransferKind::kIntx) {
      kept.push_back(t);
      continue;
    }
    t->queued = false;
    if (t->pieces == 0) Free(t);
  }
  function.posted_.swap(kept);
  for (Transfer* t : function.non_posted_) {
    t->queued = false;
    if (t->pieces == 0) Free(t);
  }
  function.non_posted_.clear();
  function.tags_in_use_ = 0;
}

sim::Ps Upstream::PostedDelay(const Function& function) const {
  const Bus& bus = *function.bus_;
  const sim::Ps now = fabric_.simulation().now();
  sim::Ps landed = std::max(bus.lane->last_landing, bus.lane->queue.empty() ? 0 : bus.lane->last_arrival);
  if (!function.posted_.empty()) {
    uint64_t bytes = 0;
    for (const Transfer* t : function.posted_) {
      const uint64_t left = t->length - t->sent;
      const uint64_t count = (left + function.max_payload_ - 1) / function.max_payload_;
      bytes += left + std::max<uint64_t>(count, 1) * MemoryWriteBytes(t->tlp.bus_address, 0, fabric_.parameters().ecrc);
    }
    if (bus.conventional) return bytes / 4 * bus.conventional->clock() + fabric_.parameters().host_bridge;
    const sim::Ps start = std::max(now, bus.up->free_at());
    landed = std::max(landed, start + bus.up->BusyTime(bytes) + fabric_.parameters().posted_one_way +
                                  bus.switches * fabric_.parameters().switch_cut_through);
  }
  return landed > now ? landed - now : 0;
}

Completion Upstream::Now(const Tlp& tlp, sim::Ps* latency) {
  *latency = 0;
  Function* function = fabric_.topology_->Find(tlp.function);
  if (!function) return Completion::kUnsupportedRequest;
  Bus& bus = *function->bus_;
  if (!function->bus_master() || !bus.upstream_open) {
    ++function->counters_.requests_discarded;
    return Completion::kUnsupportedRequest;
  }
  const sim::Ps now = fabric_.simulation().now();
  const bool read = tlp.type == TlpType::kMemoryRead;
  Lane& lane = *bus.lane;
  if (bus.conventional) return NowConventional(bus, tlp, latency);
  const bool ecrc = fabric_.parameters().ecrc;
  const uint64_t bytes =
      read ? MemoryReadBytes(tlp.bus_address, ecrc) : MemoryWriteBytes(tlp.bus_address, tlp.length_bytes, ecrc);
  const sim::Ps arrival = std::max(Travel(bus, now, bytes), lane.last_arrival);
  lane.last_arrival = arrival;
  ++function->counters_.tlps_sent;
  const Landed landed = fabric_.root_complex_->Land(tlp, bus, now);
  if (!landed.answered) {
    *latency = fabric_.parameters().completion_timeout;
    return landed.status;
  }
  sim::Ps end = arrival + landed.latency;
  if (read) {
    const FabricParameters& p = fabric_.parameters();
    end = std::max(end, lane.last_landing) + (p.read_round_trip - p.posted_one_way) + landed.memory - landed.saved;
    end = Return(bus, end, tlp, function->max_payload_, landed.status);
  }
  if (!read) {
    lane.last_taken = std::max(lane.last_taken, end);
    lane.last_landing = std::max(lane.last_landing, end + landed.visible);
  }
  *latency = end - now;
  return landed.status;
}

// The bus is taken as if nobody held it.
Completion Upstream::NowConventional(Bus& bus, const Tlp& tlp, sim::Ps* latency) {
  ConventionalBus& pci = *bus.conventional;
  Lane& lane = *bus.lane;
  const sim::Ps now = fabric_.simulation().now();
  const sim::Ps host_bridge = fabric_.parameters().host_bridge;
  const Landed landed = fabric_.root_complex_->Land(tlp, bus, now);
  sim::Ps end;
  if (tlp.type == TlpType::kMemoryWrite) {
    end = pci.Write(now, tlp.bus_address, tlp.length_bytes) + host_bridge + landed.latency;
    lane.last_taken = std::max(lane.last_taken, end);
    lane.last_landing = std::max(lane.last_landing, end);
  } else {
    const sim::Ps asked = pci.Read(now);
    const sim::Ps ready = std::max(asked + landed.latency, lane.last_landing) + host_bridge + landed.memory;
    end = pci.Data(asked, ready, tlp.bus_address, tlp.length_bytes);
  }
  *latency = end - now;
  return landed.status;
}

}  // namespace pvpci::pci
