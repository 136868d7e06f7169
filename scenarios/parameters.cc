// SPDX-License-Identifier: Apache-2.0
#include "scenarios/parameters.h"

#include <fmt/format.h>

#include "scenarios/units.h"
#include "sim/time.h"

namespace pvpci::scenarios {

using sim::kMs;
using sim::kNs;
using sim::kSec;
using sim::kUs;

const std::vector<ParameterSpec>& KnownParameters() {
  static const std::vector<ParameterSpec> parameters = {
      {"xen", "uptime_at_start", ParameterUnit::kDuration, 0, 100000 * kSec,
       "Xen system time at power-on; below 4.29 s pcifront's polls block, above they spin (abi.md S4)"},
      {"xen", "irq_ratelimit", ParameterUnit::kCount, 0, 1000000, "physical interrupts per 10 ms before Xen disables"},
      {"xen", "irq_eoi_timeout", ParameterUnit::kDuration, 10 * kUs, 100 * kMs, "forced EOI of a slow guest"},
      {"xen", "extra_guest_irqs", ParameterUnit::kCount, 1, 256, "pirqs of a domU beyond the GSIs (abi.md S14)"},
      {"xen", "pirq_eoi_map", ParameterUnit::kSwitch, 0, 1, "offer PHYSDEVOP_pirq_eoi_gmfn_v2 (abi.md S5)"},
      {"xen", "directed_eoi", ParameterUnit::kSwitch, 0, 1, "local APICs have directed EOI, which forces the old way"},
      {"xen", "ioapic_ack_new", ParameterUnit::kSwitch, 0, 1, "IO-APIC level interrupts acknowledged at EOI (abi.md 3.6)"},
      {"xen", "domu_max_order", ParameterUnit::kCount, 0, 18, "largest extent of a domain's memory operation, 2^n pages"},
      {"xen", "passthrough_max_order", ParameterUnit::kCount, 0, 18, "the same for a domain that owns a device"},
      {"timing", "hypercall", ParameterUnit::kDuration, 100 * kNs, 1500 * kNs, "PV hypercall, in and out"},
      {"timing", "upcall_inject", ParameterUnit::kDuration, 200 * kNs, 2000 * kNs, "bounce frame and entry"},
      {"timing", "vcpu_unblock", ParameterUnit::kDuration, 1 * kUs, 8 * kUs, "a blocked vCPU starts to run"},
      {"timing", "domain_switch", ParameterUnit::kDuration, 1 * kUs, 26 * kUs, "another domain's vCPU on this CPU"},
      {"timing", "mmio_read", ParameterUnit::kDuration, 500 * kNs, 2500 * kNs, "uncached read of a device register"},
      {"timing", "mmio_write_gap", ParameterUnit::kDuration, 50 * kNs, 300 * kNs, "between posted register writes"},
      {"timing", "memory_read", ParameterUnit::kDuration, 386 * kNs, 522 * kNs, "root complex reads memory"},
      {"timing", "message_transit", ParameterUnit::kDuration, 193 * kNs, 260 * kNs, "posted write or MSI, one way"},
      {"timing", "switch_hop", ParameterUnit::kDuration, 100 * kNs, 200 * kNs, "one PCIe switch"},
      {"timing", "iotlb_entries", ParameterUnit::kCount, 1, 4096, "IOTLB entries for 4 KiB pages"},
      {"timing", "iotlb_miss", ParameterUnit::kDuration, 230 * kNs, 304 * kNs, "page walk after an IOTLB miss"},
      {"timing", "iotlb_hit", ParameterUnit::kDuration, 0, 3 * kNs, "IOTLB hit"},
      {"timing", "inv_wait", ParameterUnit::kDuration, 300 * kNs, 2 * kUs, "invalidation wait descriptor"},
      {"device", "corrupt_every", ParameterUnit::kCount, 0, 1000000,
       "plx_dma: one bit of every so many transfers is wrong; 0: never"},
      {"device", "gather_time", ParameterUnit::kDuration, 0, 1 * kSec, "virtio_rng: until a buffer's bytes are there"},
      {"timing", "command_gap", ParameterUnit::kDuration, 0, 100 * kMs,
       "between two xl commands; 0: a daemon that uses libxl"},
      {"timing", "core_mhz", ParameterUnit::kCount, 1000, 4000, "clock of the cores that run kernel code"},
  };
  return parameters;
}

const ParameterSpec* FindParameter(const std::string& group, const std::string& name) {
  for (const ParameterSpec& spec : KnownParameters()) {
    if (group == spec.group && name == spec.name) return &spec;
  }
  return nullptr;
}

std::vector<std::string> ParameterNames(const std::string& group) {
  std::vector<std::string> names;
  for (const ParameterSpec& spec : KnownParameters()) {
    if (group == spec.group) names.emplace_back(spec.name);
  }
  return names;
}

std::optional<uint64_t> ParseParameter(const ParameterSpec& spec, const std::string& text) {
  std::optional<uint64_t> value;
  switch (spec.unit) {
    case ParameterUnit::kDuration: value = ParseDuration(text); break;
    case ParameterUnit::kCount: value = ParseUnsigned(text); break;
    case ParameterUnit::kSwitch:
      if (text == "true" || text == "yes" || text == "on") value = 1;
      if (text == "false" || text == "no" || text == "off") value = 0;
      break;
  }
  if (!value || *value < spec.minimum || *value > spec.maximum) return std::nullopt;
  return value;
}

std::string DescribeRange(const ParameterSpec& spec) {
  switch (spec.unit) {
    case ParameterUnit::kDuration:
      return fmt::format("a time {} .. {}", FormatDuration(spec.minimum), FormatDuration(spec.maximum));
    case ParameterUnit::kCount: return fmt::format("a number {} .. {}", spec.minimum, spec.maximum);
    case ParameterUnit::kSwitch: return "true or false";
  }
  return "?";
}

}  // namespace pvpci::scenarios
