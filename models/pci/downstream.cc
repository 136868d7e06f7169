// SPDX-License-Identifier: Apache-2.0
#include "models/pci/downstream.h"

#include <algorithm>

#include "models/pci/topology.h"
#include "models/pci/upstream.h"

namespace pvpci::pci {
namespace {

constexpr uint16_t kConfigAddressPort = 0xCF8, kConfigDataPort = 0xCFC;
constexpr uint32_t kConfigEnable = 0x8000'0000;

uint64_t Ones(unsigned size) { return size >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * size) - 1; }
bool ValidSize(unsigned size) { return size == 1 || size == 2 || size == 4 || size == 8; }

// What the function does in answer to the access leaves it when the access has arrived there.
class LeadScope {
 public:
  LeadScope(sim::Ps& lead, sim::Ps value) : lead_(lead), before_(lead) { lead_ = value; }
  ~LeadScope() { lead_ = before_; }
  LeadScope(const LeadScope&) = delete;
  LeadScope& operator=(const LeadScope&) = delete;

 private:
  sim::Ps& lead_;
  sim::Ps before_;
};

}  // namespace

sim::Ps Downstream::Lead(const Function& function) const {
  const FabricParameters& p = fabric_.parameters();
  const Bus& bus = *function.bus_;
  if (bus.conventional) return p.host_bridge + (ConventionalBus::kHeadClocks + 1) * bus.conventional->clock();
  return p.posted_one_way + bus.switches * p.switch_cut_through + bus.down_wire_time(MemoryWriteBytes(0, 4, p.ecrc));
}

sim::Ps Downstream::ReadLatency(const Function& function) const {
  const FabricParameters& p = fabric_.parameters();
  if (const ConventionalBus* pci = function.bus_->conventional.get()) {
    // The host bridge waits for its turn like every master; then address, turn-around, one dword.
    const sim::Ps now = fabric_.simulation().now();
    const sim::Ps free = pci->free_at();
    const sim::Ps wait = free == sim::kNever ? ConventionalBus::kInitialClocks * pci->clock() : free > now ? free - now : 0;
    const sim::Ps clocks = ConventionalBus::kGrantClocks + ConventionalBus::kHeadClocks + 1;
    return std::max(p.host_bridge + wait + clocks * pci->clock(), fabric_.upstream_->PostedDelay(function));
  }
  return std::max(p.mmio_read + 2 * function.bus_->switches * p.switch_cut_through,
                  fabric_.upstream_->PostedDelay(function));
}

AccessResult Downstream::Refused(bool write) const {
  AccessResult result;
  result.status = Completion::kUnsupportedRequest;
  result.latency = write ? fabric_.parameters().mmio_write_gap : fabric_.parameters().mmio_read;
  return result;
}

ProvenanceId Downstream::Record(const Function& function, RegisterSpace space, uint64_t offset, uint64_t value,
                                unsigned size, const WriteContext& context) {
  ProvenanceRecord record;
  record.function = function.bdf();
  record.space = space;
  record.size = static_cast<uint8_t>(size);
  record.offset = offset;
  record.value = value;
  record.time = fabric_.simulation().now();
  record.context = context;
  return fabric_.provenance_.Append(record);
}

void Downstream::Report(Bdf bdf, RegisterSpace space, uint64_t offset, unsigned size, bool write,
                        const AccessResult& result, uint64_t written, const WriteContext& context) {
  if (!fabric_.register_observer_) return;
  RegisterAccess access;
  access.function = bdf;
  access.space = space;
  access.write = write;
  access.size = static_cast<uint8_t>(size);
  access.offset = offset;
  access.value = write ? written : result.value;
  access.status = result.status;
  access.context = context;
  fabric_.register_observer_->OnRegister(access);
}

AccessResult Downstream::Config(Bdf bdf, unsigned offset, unsigned size, bool write, uint32_t value,
                                const WriteContext& context) {
  const FabricParameters& p = fabric_.parameters();
  AccessResult result;
  result.value = Ones(size);
  result.latency = p.mmio_read;  // configuration writes are non-posted: as long as a read
  const bool fits = (size == 1 || size == 2 || size == 4) && offset % size == 0 && offset + size <= kExpressConfigSize;
  Function* function = fits ? fabric_.topology_->Find(bdf) : nullptr;
  // Without ARI forwarding a link has only device 0 at its end. PCIe 7.3.1, 6.13.
  const bool beyond = function && bdf.device() != 0 && function->bus()->bridge && function->bus()->up;
  if (!function || !function->present() || (beyond && !function->bus()->bridge->forwards_ari())) {
    result.status = Completion::kUnsupportedRequest;
  } else {
    result.latency = ReadLatency(*function);
    if (write) {
      value &= static_cast<uint32_t>(Ones(size));
      result.provenance = Record(*function, RegisterSpace::kConfig, offset, value, size, context);
      result.value = value;
      const LeadScope scope(function->lead_, Lead(*function));
      function->ConfigWrite(offset, size, value, result.provenance);
    } else {
      result.value = function->ConfigRead(offset, size);
    }
  }
  Report(bdf, RegisterSpace::kConfig, offset, size, write, result, value, context);
  return result;
}

bool Downstream::InEcam(uint64_t address) const {
  const FirmwareParameters& f = fabric_.firmware_;
  return address >= f.ecam_base && address - f.ecam_base < uint64_t{f.ecam_buses} << 20;
}

AccessResult Downstream::Mmio(uint64_t address, unsigned size, bool write, uint64_t value,
                              const WriteContext& context) {
  if (!ValidSize(size) || address % size) return Refused(write);
  if (InEcam(address)) {
    if (size == 8) return Refused(write);
    const uint64_t at = address - fabric_.firmware_.ecam_base;
    return Config(Bdf(0, static_cast<unsigned>(at >> 20), (at >> 15) & 31, (at >> 12) & 7), at & 0xfff, size, write,
                  static_cast<uint32_t>(value), context);
  }
  const AddressRange* range = fabric_.topology_->FindMemory(address);
  if (!range) {
    AccessResult result = Refused(write);
    result.value = Ones(size);
    if (InterruptSink* sink = fabric_.host().interrupts) sink->SystemError(std::nullopt, address);
    return result;
  }
  return Range(*range, address, size, write, value, context);
}

AccessResult Downstream::Range(const AddressRange& range, uint64_t address, unsigned size, bool write, uint64_t value,
                               const WriteContext& context) {
  const FabricParameters& p = fabric_.parameters();
  // Copies: the access may change the map under the range.
  Function& function = *range.function;
  const RegisterSpace space = range.space;
  const uint64_t offset = address - range.first;
  AccessResult result;
  result.value = Ones(size);
  if (write) {
    result.latency = p.mmio_write_gap;
    value &= Ones(size);
    if (function.present()) {
      result.value = value;
      result.provenance = Record(function, space, offset, value, size, context);
      const LeadScope scope(function.lead_, Lead(function));
      if (space != RegisterSpace::kRom) {
        function.BarWrite(static_cast<unsigned>(space), offset, size, value, result.provenance);
      }
    }
  } else if (!function.present()) {
    result.status = Completion::kTimeout;
    result.latency = p.completion_timeout;
  } else {
    result.latency = ReadLatency(function);
    const LeadScope scope(function.lead_, Lead(function));
    if (space == RegisterSpace::kRom) {
      result.value = 0;
      for (unsigned i = 0; i < size; ++i) result.value |= uint64_t{function.OnRomRead(offset + i)} << 8 * i;
    } else {
      result.value = function.BarRead(static_cast<unsigned>(space), offset, size) & Ones(size);
    }
  }
  Report(function.bdf(), space, offset, size, write, result, value, context);
  return result;
}

AccessResult Downstream::Port(uint16_t port, unsigned size, bool write, uint32_t value, const WriteContext& context) {
  const FabricParameters& p = fabric_.parameters();
  AccessResult result;
  result.value = Ones(size);
  result.latency = p.port_extra;
  if (port == kConfigAddressPort && size == 4) {
    if (write) config_address_ = value & 0x80ff'fffc;
    result.value = write ? value : config_address_;
    return result;
  }
  if (port >= kConfigDataPort && port + size <= kConfigDataPort + 4u) {
    if (!(config_address_ & kConfigEnable)) {
      result.status = Completion::kUnsupportedRequest;
      return result;
    }
    result = Config(Bdf::FromId(static_cast<uint16_t>(config_address_ >> 8)), (config_address_ & 0xfc) | (port & 3),
                    size, write, value, context);
    result.latency += p.port_extra;
    return result;
  }
  const AddressRange* range =
      ValidSize(size) && size <= 4 && port % size == 0 ? fabric_.topology_->FindPort(port) : nullptr;
  if (!range) {
    result.status = Completion::kUnsupportedRequest;
    return result;
  }
  result = Range(*range, port, size, write, value, context);
  // I/O requests are non-posted in both directions.
  if (write) result.latency = p.mmio_read + 2 * range->function->bus_->switches * p.switch_cut_through;
  result.latency += p.port_extra;
  return result;
}

}  // namespace pvpci::pci
