// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/model_parameters.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "driver/loader/block_table.h"
#include "scenarios/parameters.h"

namespace pvpci::scenarios {
namespace {

template <typename Config>
struct Slot {
  const char* group;
  const char* name;
  std::variant<sim::Ps Config::*, unsigned Config::*, bool Config::*> member;
};

const std::vector<Slot<xen::HypervisorConfig>>& SlotsOf(const xen::HypervisorConfig*) {
  using C = xen::HypervisorConfig;
  static const std::vector<Slot<C>> slots = {
      {"xen", "uptime_at_start", &C::uptime_at_start},
      {"xen", "irq_ratelimit", &C::irq_ratelimit},
      {"xen", "irq_ratelimit_window", &C::irq_ratelimit_window},
      {"xen", "irq_eoi_timeout", &C::forced_eoi},
      {"xen", "extra_guest_irqs", &C::extra_guest_irqs},
      {"xen", "pirq_eoi_map", &C::pirq_eoi_map},
      {"xen", "directed_eoi", &C::directed_eoi},
      {"xen", "fifo_link_retries", &C::fifo_link_retries},
      {"xen", "credit2_init", &C::credit2_init},
      {"xen", "credit2_min_timer", &C::credit2_min_timer},
      {"xen", "sched_ratelimit", &C::sched_ratelimit},
      {"xen", "credit2_tolerance", &C::credit2_tolerance},
      {"xen", "domu_max_order", &C::domu_max_order},
      {"xen", "passthrough_max_order", &C::passthrough_max_order},
      {"xen", "nmi_fatal", &C::nmi_fatal},
      {"xen", "mask_system_errors", &C::mask_system_errors},
      {"timing", "hypercall", &C::hypercall},
      {"timing", "upcall_inject", &C::upcall_inject},
      {"timing", "irq_entry", &C::irq_entry},
      {"timing", "irq_dispatch", &C::irq_dispatch},
      {"timing", "vcpu_unblock", &C::vcpu_unblock},
      {"timing", "domain_switch", &C::domain_switch},
      {"timing", "pte_update", &C::pte_update},
      {"timing", "page_zero", &C::page_zero},
  };
  return slots;
}

const std::vector<Slot<pci::FabricParameters>>& SlotsOf(const pci::FabricParameters*) {
  using C = pci::FabricParameters;
  static const std::vector<Slot<C>> slots = {
      {"timing", "mmio_read", &C::mmio_read},
      {"timing", "mmio_write_gap", &C::mmio_write_gap},
      {"timing", "port_access", &C::port_extra},
      {"timing", "memory_read", &C::read_round_trip},
      {"timing", "message_transit", &C::posted_one_way},
      {"timing", "switch_hop", &C::switch_cut_through},
      {"fabric", "llc_saves", &C::llc_saves},
      {"fabric", "host_bridge", &C::host_bridge},
      {"fabric", "llc_write_miss", &C::llc_write_miss},
      {"fabric", "remote_node", &C::remote_node},
      {"fabric", "posted_headers", &C::posted_headers},
      {"fabric", "posted_data", &C::posted_data},
      {"fabric", "read_headers", &C::read_headers},
  };
  return slots;
}

const std::vector<Slot<iommu::IommuConfig>>& SlotsOf(const iommu::IommuConfig*) {
  using C = iommu::IommuConfig;
  static const std::vector<Slot<C>> slots = {
      {"vtd", "coherent", &C::coherent},
      {"vtd", "device_tlbs", &C::device_tlbs},
      {"vtd", "posted_interrupts", &C::posted_interrupts},
      {"vtd", "paging_cache_entries", &C::paging_cache_entries},
      {"vtd", "fault_registers", &C::fault_registers},
      {"vtd", "walkers", &C::walkers},
      {"timing", "iotlb_entries", &C::iotlb_effective_entries},  // who sets it sets all, see below
      {"timing", "iotlb_miss", &C::miss},
      {"timing", "iotlb_hit", &C::hit},
      {"timing", "irte_hit", &C::interrupt_hit},
      {"timing", "irte_miss", &C::interrupt_miss},
      {"timing", "inv_wait", &C::invalidation_wait},
      {"timing", "iommu_register", &C::register_access},
  };
  return slots;
}

const std::vector<Slot<iommu::TableWriterConfig>>& SlotsOf(const iommu::TableWriterConfig*) {
  static const std::vector<Slot<iommu::TableWriterConfig>> slots = {
      {"timing", "iommu_entry", &iommu::TableWriterConfig::entry_write}};
  return slots;
}

const std::vector<Slot<xen::ToolstackConfig>>& SlotsOf(const xen::ToolstackConfig*) {
  static const std::vector<Slot<xen::ToolstackConfig>> slots = {
      {"timing", "command_gap", &xen::ToolstackConfig::command_gap}};
  return slots;
}

const std::vector<Parameter>* Group(const MachineSpec& machine, const std::string& group) {
  if (group == "xen") return &machine.xen;
  if (group == "vtd") return &machine.vtd;
  if (group == "fabric") return &machine.fabric;
  if (group == "timing") return &machine.timing;
  return nullptr;
}

const Parameter* Said(const MachineSpec& machine, const std::string& group, const std::string& name) {
  const std::vector<Parameter>* said = Group(machine, group);
  if (said == nullptr) return nullptr;
  const auto found = std::find_if(said->begin(), said->end(), [&](const Parameter& each) { return each.name == name; });
  return found == said->end() ? nullptr : &*found;
}

template <typename Config>
void Apply(const MachineSpec& machine, Config* config) {
  for (const Slot<Config>& slot : SlotsOf(config)) {
    const auto value = ValueOf(machine, slot.group, slot.name);
    if (!value) continue;
    std::visit([&](auto member) { config->*member = static_cast<std::decay_t<decltype(config->*member)>>(*value); }, slot.member);
  }
}

void ApplyRefresh(const MachineSpec& machine, sim::DramSpec* dram) {
  if (const auto value = ValueOf(machine, "fabric", "refresh_interval")) dram->refresh_interval = *value;
  if (const auto value = ValueOf(machine, "fabric", "refresh_time")) dram->refresh_time = *value;
  if (const auto value = ValueOf(machine, "fabric", "ranks")) dram->ranks = static_cast<unsigned>(*value);
}

template <typename Config>
std::optional<uint64_t> DefaultIn(const std::string& key) {
  const Config config{};
  for (const Slot<Config>& slot : SlotsOf(&config)) {
    if (std::string(slot.group) + "." + slot.name != key) continue;
    return std::visit([&](auto member) { return static_cast<uint64_t>(config.*member); }, slot.member);
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> ValueOf(const MachineSpec& machine, const std::string& group, const std::string& name) {
  if (const Parameter* said = Said(machine, group, name)) return ParseParameter(*FindParameter(group, name), said->value);
  for (const ProfileValue& assumed : machine.assumed) {
    if (assumed.group == group && assumed.name == name) return assumed.value;
  }
  return std::nullopt;
}

bool SaysItself(const MachineSpec& machine, const std::string& group, const std::string& name) {
  return Said(machine, group, name) != nullptr;
}

void ApplyParameters(const MachineSpec& machine, xen::HypervisorConfig* config) {
  Apply(machine, config);
  if (const auto value = ValueOf(machine, "xen", "ioapic_ack_new")) {
    config->io_apic_ack = *value != 0 ? xen::IoApicAck::kNew : xen::IoApicAck::kOld;
  }
}

void ApplyParameters(const MachineSpec& machine, pci::FabricParameters* config) {
  constexpr uint64_t kMiB = 1 << 20;
  Apply(machine, config);
  if (const auto value = ValueOf(machine, "fabric", "llc")) config->llc_bytes = *value * kMiB;
  constexpr unsigned kMhz[] = {0, 33, 66};  // by the words of host_bus
  if (const auto value = ValueOf(machine, "fabric", "host_bus")) config->host_bus_mhz = kMhz[*value];
  ApplyRefresh(machine, &config->dram);
}

void ApplyParameters(const MachineSpec& machine, iommu::IommuConfig* config) {
  Apply(machine, config);
  if (const auto value = ValueOf(machine, "timing", "iotlb_entries")) config->iotlb_entries = static_cast<unsigned>(*value);
  ApplyRefresh(machine, &config->dram);  // tables lie in the same memory
}

void ApplyParameters(const MachineSpec& machine, iommu::TableWriterConfig* config) { Apply(machine, config); }

void ApplyParameters(const MachineSpec& machine, xen::ToolstackConfig* config) { Apply(machine, config); }

uint32_t CoreMhz(const MachineSpec& machine) {
  return static_cast<uint32_t>(ValueOf(machine, "timing", "core_mhz").value_or(driver::kReferenceMhz));
}

std::optional<uint64_t> ModelDefault(const std::string& key) {
  if (key == "timing.core_mhz") return driver::kReferenceMhz;
  if (key == "xen.ioapic_ack_new") return xen::HypervisorConfig{}.io_apic_ack == xen::IoApicAck::kNew ? 1 : 0;
  for (const auto& value : {DefaultIn<xen::HypervisorConfig>(key), DefaultIn<pci::FabricParameters>(key),
                            DefaultIn<iommu::IommuConfig>(key), DefaultIn<iommu::TableWriterConfig>(key),
                            DefaultIn<xen::ToolstackConfig>(key)}) {
    if (value) return value;
  }
  return std::nullopt;
}

bool IsPartOf(const Scenario& scenario, const std::string& key) {
  if (key == "timing.switch_hop") return !scenario.switches.empty();
  if (DefaultIn<iommu::IommuConfig>(key)) return scenario.machine.iommu != IommuKind::kNone;
  if (DefaultIn<iommu::TableWriterConfig>(key)) return scenario.machine.iommu != IommuKind::kNone && !scenario.bare_metal();
  return true;
}

}  // namespace pvpci::scenarios
