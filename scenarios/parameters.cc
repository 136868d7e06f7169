// SPDX-License-Identifier: Apache-2.0
#include "scenarios/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "scenarios/units.h"
#include "sim/time.h"

namespace pvpci::scenarios {

using sim::kMs;
using sim::kNs;
using sim::kSec;
using sim::kUs;

std::vector<const char*> UnfixedFlaws() {
  return {"XSA-78",  "XSA-80",  "XSA-285", "XSA-302", "XSA-321", "XSA-346",
          "XSA-347", "XSA-373", "XSA-378", "XSA-399", "XSA-400", "XSA-442"};
}

const std::vector<ParameterSpec>& KnownParameters() {
  static const std::vector<ParameterSpec> parameters = {
      {"xen", "uptime_at_start", ParameterUnit::kDuration, 0, 100000 * kSec,
       "Xen system time at power-on; below 4.29 s pcifront's polls block, above they spin (abi.md S4)"},
      {"xen", "irq_ratelimit", ParameterUnit::kCount, 0, 1000000, "physical interrupts per 10 ms before Xen disables"},
      {"xen", "irq_ratelimit_window", ParameterUnit::kDuration, 1 * kMs, 100 * kMs, "over which it counts, and for which it disables"},
      {"xen", "fifo_link_retries", ParameterUnit::kCount, 0, 64, "tries to set a FIFO link that the guest holds busy"},
      {"xen", "sched", ParameterUnit::kWord, 0, 0, "vCPUs that share a processor: each runs when it wakes, or as Xen's scheduler says",
       "apart", "Xen command line sched=, credit2 by default; apart: no waiting, only the switch is paid", {"apart", "credit2"}},
      {"xen", "credit2_init", ParameterUnit::kDuration, 1 * kMs, 100 * kMs, "credit of a vCPU, and its longest slice"},
      {"xen", "credit2_min_timer", ParameterUnit::kDuration, 0, 10 * kMs, "the shortest slice"},
      {"xen", "sched_ratelimit", ParameterUnit::kDuration, 0, 100 * kMs, "a vCPU that wakes does not interrupt one that has run for less"},
      {"xen", "credit2_tolerance", ParameterUnit::kDuration, 0, 1 * kMs, "by which that may be missed"},
      {"xen", "irq_eoi_timeout", ParameterUnit::kDuration, 10 * kUs, 100 * kMs, "forced EOI of a slow guest"},
      {"xen", "extra_guest_irqs", ParameterUnit::kCount, 1, 256, "pirqs of a domU beyond the GSIs (abi.md S14)"},
      {"xen", "pirq_eoi_map", ParameterUnit::kSwitch, 0, 1, "offer PHYSDEVOP_pirq_eoi_gmfn_v2 (abi.md S5)"},
      {"xen", "directed_eoi", ParameterUnit::kSwitch, 0, 1, "local APICs have directed EOI, which forces the old way"},
      {"xen", "ioapic_ack_new", ParameterUnit::kSwitch, 0, 1, "IO-APIC level interrupts acknowledged at EOI (abi.md 3.6)"},
      {"xen", "domu_max_order", ParameterUnit::kCount, 0, 18, "largest extent of a domain's memory operation, 2^n pages"},
      {"xen", "passthrough_max_order", ParameterUnit::kCount, 0, 18, "the same for a domain that owns a device"},
      {"xen", "dom0-iommu", ParameterUnit::kWord, 0, 0, "which memory devices of dom0 reach under an IOMMU", "relaxed",
       "Xen command line dom0-iommu=", {"relaxed", "strict", "passthrough"}},
      {"xen", "map-reserved", ParameterUnit::kSwitch, 0, 1, "devices of dom0 reach the machine's reserved ranges", "true",
       "Xen command line dom0-iommu=map-reserved"},
      {"xen", "quarantine", ParameterUnit::kWord, 0, 0, "where DMA goes of a device that was taken from a domain", "basic",
       "Xen command line iommu=quarantine=", {"none", "basic", "scratch-page"}},
      {"xen", "iommu-flush", ParameterUnit::kWord, 0, 0,
       "when unmaps of a memory operation are invalidated: each at once, or once, freed frames held back until then", "page",
       "page: Xen's PV paths; operation: its batched ones", {"page", "operation"}},
      {"xen", "iommu_dev_iotlb_timeout", ParameterUnit::kDuration, 1 * kUs, 10 * kSec, "how long Xen waits for a device TLB",
       "1 s", "Xen command line, 1000 ms"},
      {"xen", "unfixed", ParameterUnit::kWords, 0, 0, "flaws of hypervisors of the past, brought back; the result says so",
       "none", "threats.md 2A; models/xen/README.md says what each does", UnfixedFlaws()},
      {"vtd", "coherent", ParameterUnit::kSwitch, 0, 1, "page walks see the CPUs' caches (ECAP.C)", "true", "VT-d 11.4.3"},
      {"vtd", "device_tlbs", ParameterUnit::kSwitch, 0, 1, "ATS: devices may translate themselves (ECAP.DT)", "false",
       "VT-d 11.4.3; Xen command line ats=, off by default"},
      {"vtd", "posted_interrupts", ParameterUnit::kSwitch, 0, 1, "CAP.PI; does not apply to PV guests", "false",
       "VT-d 11.4.2; Xen command line iommu=intpost, off by default"},
      {"vtd", "paging_cache_entries", ParameterUnit::kCount, 0, 256, "tables known to the paging-structure caches", "64",
       "assumed"},
      {"vtd", "fault_registers", ParameterUnit::kCount, 1, 128, "fault recording registers (CAP.NFR)", "8", "assumed"},
      {"vtd", "walkers", ParameterUnit::kCount, 1, 16, "page walks at a time", "6", "timing.md A7, derived, 4 to 7"},
      {"fabric", "llc", ParameterUnit::kCount, 0, 64, "MiB of last level cache: lines that devices wrote answer reads sooner",
       "0: every read is one of cold memory", "data sheets: 15 (E5-2620 v3), 25 (E5-2630 v4)"},
      {"fabric", "llc_saves", ParameterUnit::kDuration, 50 * kNs, 58 * kNs, "of a read of memory, where the cache holds the line",
       "56 ns", "timing.md A2, measured"},
      {"fabric", "llc_write_miss", ParameterUnit::kDuration, 0, 75 * kNs,
       "until a read may follow a write to a line that the cache does not hold", "0 ns",
       "pcie-bench, 8-byte writes and reads, windows of 64 MiB against 8 KiB: 67 to 74 ns"},
      {"fabric", "remote_node", ParameterUnit::kDuration, 0, 67 * kNs,
       "more for each read: the memory is at the other node of a NUMA machine", "0 ns", "timing.md A2: 13 to 67 ns"},
      {"fabric", "refresh_interval", ParameterUnit::kDuration, 0, 7800 * kNs, "between refreshes of a rank of memory (tREFI)",
       "0 ns: none", "JESD79-4: 7.8 us, 3.9 us when hot"},
      {"fabric", "refresh_time", ParameterUnit::kDuration, 0, 550 * kNs, "a rank is busy so long (tRFC)", "0 ns",
       "JESD79-3 and -4: 160, 260, 350 ns for chips of 2, 4, 8 Gbit"},
      {"fabric", "ranks", ParameterUnit::kCount, 1, 8, "of memory, which take turns: 1, 2, 4 or 8", "2", "assumed"},
      {"fabric", "host_bus", ParameterUnit::kWord, 0, 0,
       "bus 0, where devices with a slot sit: in the root complex, or a conventional bus on which they take turns", "express",
       "PCI Local Bus 3.0, 33 or 66 MHz, 32 bits", {"express", "pci33", "pci66"}},
      {"fabric", "host_bridge", ParameterUnit::kDuration, 50 * kNs, 480 * kNs,
       "a conventional bus's host bridge: to memory and back, or from a processor", "120 ns", "assumed"},
      {"fabric", "posted_headers", ParameterUnit::kCount, 0, 127,
       "writes and messages that a root port can hold: flow-control credits", "0: no limit", "PCIe 2.6.1: at least 1"},
      {"fabric", "posted_data", ParameterUnit::kCount, 0, 2047, "their data, in units of 16 bytes", "0: no limit",
       "PCIe 2.6.1: at least the largest payload"},
      {"fabric", "read_headers", ParameterUnit::kCount, 0, 127, "reads that a root port can hold", "0: no limit",
       "PCIe 2.6.1: at least 1"},
      {"xen", "nmi_fatal", ParameterUnit::kSwitch, 0, 1, "nmi=fatal on Xen's command line; else dom0 is told"},
      {"xen", "mask_system_errors", ParameterUnit::kSwitch, 0, 1,
       "unsupported requests raise no system error, as Xen's workaround for XSA-59 does"},
      {"timing", "hypercall", ParameterUnit::kDuration, 100 * kNs, 1500 * kNs, "PV hypercall, in and out"},
      {"timing", "upcall_inject", ParameterUnit::kDuration, 200 * kNs, 2000 * kNs, "bounce frame and entry"},
      {"timing", "vcpu_unblock", ParameterUnit::kDuration, 1 * kUs, 8 * kUs, "a blocked vCPU starts to run"},
      {"timing", "domain_switch", ParameterUnit::kDuration, 1 * kUs, 26 * kUs, "another domain's vCPU on this CPU"},
      {"timing", "irq_entry", ParameterUnit::kDuration, 50 * kNs, 500 * kNs, "local APIC to do_IRQ, taken from who runs there"},
      {"timing", "irq_dispatch", ParameterUnit::kDuration, 100 * kNs, 1 * kUs, "do_IRQ to the port, taken from who runs there"},
      {"timing", "pte_update", ParameterUnit::kDuration, 20 * kNs, 300 * kNs, "one checked page table entry or grant"},
      {"timing", "page_zero", ParameterUnit::kDuration, 50 * kNs, 400 * kNs, "scrubbing one page"},
      {"timing", "port_access", ParameterUnit::kDuration, 100 * kNs, 1 * kUs, "exception to Xen for a port access (CF8, CFC)"},
      {"timing", "irte_hit", ParameterUnit::kDuration, 0, 3 * kNs, "interrupt remapping entry that is cached"},
      {"timing", "irte_miss", ParameterUnit::kDuration, 40 * kNs, 300 * kNs, "interrupt remapping entry that is not"},
      {"timing", "iommu_entry", ParameterUnit::kDuration, 30 * kNs, 300 * kNs, "Xen writes one second-level entry"},
      {"timing", "iommu_register", ParameterUnit::kDuration, 100 * kNs, 400 * kNs, "a processor reads a register of the IOMMU"},
      {"timing", "mmio_read", ParameterUnit::kDuration, 500 * kNs, 2500 * kNs, "uncached read of a device register"},
      {"timing", "mmio_write_gap", ParameterUnit::kDuration, 50 * kNs, 300 * kNs, "between posted register writes"},
      {"timing", "memory_read", ParameterUnit::kDuration, 386 * kNs, 522 * kNs, "root complex reads memory"},
      {"timing", "message_transit", ParameterUnit::kDuration, 193 * kNs, 260 * kNs, "posted write or MSI, one way"},
      {"timing", "switch_hop", ParameterUnit::kDuration, 100 * kNs, 200 * kNs, "one PCIe switch"},
      {"timing", "iotlb_entries", ParameterUnit::kCount, 16, 1024, "IOTLB entries for 4 KiB pages"},
      {"timing", "iotlb_miss", ParameterUnit::kDuration, 230 * kNs, 304 * kNs, "page walk after an IOTLB miss"},
      {"timing", "iotlb_hit", ParameterUnit::kDuration, 0, 3 * kNs, "IOTLB hit"},
      {"timing", "inv_wait", ParameterUnit::kDuration, 300 * kNs, 2 * kUs, "invalidation wait descriptor"},
      {"device", "corrupt_every", ParameterUnit::kCount, 0, 1000000,
       "plx_dma: one bit of every so many transfers is wrong; 0: never"},
      {"device", "deaf", ParameterUnit::kSwitch, 0, 1, "attacker: no reset and no master bit stops it"},
      {"device", "flr", ParameterUnit::kSwitch, 0, 1, "attacker: has a function-level reset"},
      {"device", "ats", ParameterUnit::kSwitch, 0, 1, "attacker: has a device TLB, used where machine.vtd.device_tlbs says so"},
      {"device", "mute", ParameterUnit::kSwitch, 0, 1, "attacker: its device TLB never answers an invalidation"},
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

namespace {

std::optional<uint64_t> WordIndex(const ParameterSpec& spec, const std::string& text) {
  for (size_t i = 0; i < spec.words.size(); ++i) {
    if (text == spec.words[i]) return i;
  }
  return std::nullopt;
}

// Words with spaces or commas between them.
std::optional<uint64_t> WordBits(const ParameterSpec& spec, const std::string& text) {
  uint64_t bits = 0;
  std::string word;
  for (const char c : text + ",") {
    if (c != ',' && c != ' ') {
      word += c;
      continue;
    }
    if (word.empty()) continue;
    const auto index = WordIndex(spec, word);
    if (!index) return std::nullopt;
    bits |= uint64_t{1} << *index;
    word.clear();
  }
  return bits;
}

}  // namespace

std::optional<uint64_t> ParseParameter(const ParameterSpec& spec, const std::string& text) {
  std::optional<uint64_t> value;
  switch (spec.unit) {
    case ParameterUnit::kDuration: value = ParseDuration(text); break;
    case ParameterUnit::kCount: value = ParseUnsigned(text); break;
    case ParameterUnit::kSwitch:
      if (text == "true" || text == "yes" || text == "on") value = 1;
      if (text == "false" || text == "no" || text == "off") value = 0;
      break;
    case ParameterUnit::kWord: return WordIndex(spec, text);
    case ParameterUnit::kWords: return WordBits(spec, text);
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
    case ParameterUnit::kWord: return fmt::format("one of {}", fmt::join(spec.words, ", "));
    case ParameterUnit::kWords: return fmt::format("a list of {}", fmt::join(spec.words, ", "));
  }
  return "?";
}

std::string DescribeParameter(const ParameterSpec& spec) {
  std::string text = DescribeRange(spec);
  if (*spec.standard != 0) text += fmt::format("; default {}", spec.standard);
  if (*spec.origin != 0) text += fmt::format("; {}", spec.origin);
  return text;
}

std::vector<std::string> WordsOf(const ParameterSpec& spec, uint64_t bits) {
  std::vector<std::string> words;
  for (size_t i = 0; i < spec.words.size(); ++i) {
    if ((bits >> i & 1) != 0) words.emplace_back(spec.words[i]);
  }
  return words;
}

}  // namespace pvpci::scenarios
