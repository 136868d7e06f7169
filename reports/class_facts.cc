// SPDX-License-Identifier: Apache-2.0
#include "reports/class_facts.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace pvpci::reports {
namespace {

const std::vector<ClassFacts>& Table() {
  static const std::vector<ClassFacts> table = {
      {DmaClass::kE0, "LiveMapping", "The device uses memory that its driver mapped for it.", {}, {}},
      {DmaClass::kE1,
       "SubPage",
       "The IOMMU protects pages, not buffers: what else lies on a mapped page is open to the device.",
       {"CWE-1220"},
       {"Markuze et al., EuroSys 2021"}},
      {DmaClass::kE2,
       "StaleOrUnmapped",
       "Memory of the device's own domain that no driver mapped, or no longer: use after unmap.",
       {"CWE-416", "CWE-672"},
       {"Markuze et al., ASPLOS 2016"}},
      {DmaClass::kE3,
       "OwnPageTable",
       "A PV guest that writes its own page or descriptor tables past Xen owns the machine.",
       {"CWE-269", "CWE-1257"},
       {"XSA-285"}},
      {DmaClass::kE4, "LiveGrant", "A foreign frame reached through a grant that is live: allowed by design.", {}, {}},
      {DmaClass::kE5,
       "ForeignFrame",
       "Memory of another domain that never granted it, or no longer.",
       {"CWE-668", "CWE-441"},
       {"Thunderclap, NDSS 2019", "XSA-346"}},
      {DmaClass::kE6, "Dom0Frame", "Memory of dom0 or a driver domain.", {"CWE-668"}, {"XSA-302"}},
      {DmaClass::kE7,
       "HypervisorFrame",
       "Memory of Xen itself: text, heap, IOMMU and interrupt remapping tables.",
       {"CWE-1260", "CWE-668"},
       {"XSA-36"}},
      {DmaClass::kE8,
       "PeerBar",
       "Registers of another device, reached below or past the IOMMU.",
       {"CWE-1317", "CWE-1311"},
       {"XSA-461"}},
      {DmaClass::kE9,
       "InterruptWindow",
       "An interrupt message that the device was not programmed to send: any vector, also NMI and INIT.",
       {"CWE-1299", "CWE-345"},
       {"Wojtczuk and Rutkowska, Following the White Rabbit, 2011", "XSA-33"}},
      {DmaClass::kE10, "ReservedHole", "Reserved, unpopulated or firmware memory.", {"CWE-1316"}, {"XSA-378"}},
      {DmaClass::kE11,
       "LeftOver",
       "State that the device's last owner left, in its registers or tables.",
       {"CWE-226", "CWE-1272"},
       {"XSA-476"}},
  };
  return table;
}

}  // namespace

const ClassFacts& FactsOf(DmaClass dma_class) {
  for (const ClassFacts& facts : Table()) {
    if (facts.dma_class == dma_class) return facts;
  }
  throw std::logic_error("a DMA class without facts");
}

const std::vector<DmaClass>& AllClasses() {
  static const std::vector<DmaClass> classes = [] {
    std::vector<DmaClass> all;
    for (const ClassFacts& facts : Table()) all.push_back(facts.dma_class);
    return all;
  }();
  return classes;
}

Severity SeverityOf(DmaClass dma_class, Access access, bool stopped, MessageReach message) {
  const bool write = access == Access::kWrite;
  if (stopped) return Severity::kInfo;
  switch (dma_class) {
    case DmaClass::kE3:
    case DmaClass::kE7: return Severity::kCritical;
    case DmaClass::kE5:
    case DmaClass::kE6: return write ? Severity::kCritical : Severity::kHigh;
    case DmaClass::kE8: return write ? Severity::kHigh : Severity::kMedium;
    case DmaClass::kE9: return message == MessageReach::kHypervisor ? Severity::kCritical : Severity::kHigh;
    case DmaClass::kE11: return Severity::kMedium;
    case DmaClass::kE2: return Severity::kLow;
    default: return Severity::kInfo;
  }
}

namespace {

// Confidentiality, integrity, availability: N, L or H.
struct Impact {
  bool own = false;  // the attacker's own guest: scope unchanged
  char c = 'N', i = 'N', a = 'N';
};

Impact ImpactOf(DmaClass dma_class, Access access, MessageReach message) {
  const bool write = access == Access::kWrite;
  switch (dma_class) {
    case DmaClass::kE3: return {false, 'H', 'H', 'H'};
    case DmaClass::kE5:
    case DmaClass::kE6:
    case DmaClass::kE7: return write ? Impact{false, 'H', 'H', 'H'} : Impact{false, 'H', 'N', 'N'};
    case DmaClass::kE8: return write ? Impact{false, 'N', 'H', 'H'} : Impact{false, 'L', 'N', 'N'};
    case DmaClass::kE9:
      return message == MessageReach::kHypervisor ? Impact{false, 'H', 'H', 'H'} : Impact{false, 'N', 'L', 'H'};
    case DmaClass::kE10: return write ? Impact{false, 'N', 'L', 'L'} : Impact{false, 'L', 'N', 'N'};
    case DmaClass::kE11: return {false, 'L', 'L', 'L'};
    case DmaClass::kE1:
    case DmaClass::kE2: return write ? Impact{true, 'N', 'L', 'L'} : Impact{true, 'L', 'N', 'N'};
    default: return {true, 'N', 'N', 'N'};
  }
}

double Weight(char letter) {
  switch (letter) {
    case 'N': return 0;
    case 'L': return 0.22;
    case 'H': return 0.56;
    default: throw std::invalid_argument("a CVSS impact is N, L or H");
  }
}

}  // namespace

std::string CvssVector(DmaClass dma_class, Access access, bool stopped, MessageReach message) {
  const Impact impact = stopped ? Impact{true, 'N', 'N', 'N'} : ImpactOf(dma_class, access, message);
  return fmt::format("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:{}/C:{}/I:{}/A:{}", impact.own ? 'U' : 'C', impact.c, impact.i,
                     impact.a);
}

// CVSS 3.1 specification, 7.1, for the exploitability that CvssVector gives.
double CvssScore(const std::string& vector) {
  constexpr const char* kStart = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:";
  const std::string start = kStart;
  if (vector.size() != start.size() + 13 || vector.compare(0, start.size(), start) != 0) {
    throw std::invalid_argument("not a vector of CvssVector(): " + vector);
  }
  const bool changed = vector[start.size()] == 'C';
  const char* const rest = vector.c_str() + start.size() + 1;  // "/C:H/I:H/A:H"
  const double base = 1 - (1 - Weight(rest[3])) * (1 - Weight(rest[7])) * (1 - Weight(rest[11]));
  const double impact = changed ? 7.52 * (base - 0.029) - 3.25 * std::pow(base - 0.02, 15) : 6.42 * base;
  if (base <= 0) return 0;
  constexpr double kLocal = 0.55, kLowComplexity = 0.77, kNoInteraction = 0.85;
  const double exploitability = 8.22 * kLocal * kLowComplexity * (changed ? 0.68 : 0.62) * kNoInteraction;
  const double score = std::min((changed ? 1.08 : 1.0) * (impact + exploitability), 10.0);
  return std::ceil(std::round(score * 1e5) / 1e4) / 10;
}

const char* SecuritySeverity(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "9.3";
    case Severity::kHigh: return "7.9";
    case Severity::kMedium: return "5.5";
    case Severity::kLow: return "2.5";
    case Severity::kInfo: return "0.0";
  }
  return "0.0";
}

std::string AbsentGuard(DmaClass dma_class, Mode mode) {
  if (dma_class == DmaClass::kE9) {
    return mode == Mode::kM2 ? "interrupt remapping: the entry allowed this message"
                             : "no interrupt remapping: the interrupt window takes any message";
  }
  if (dma_class == DmaClass::kE8) return "no ACS redirection above the peers, or the root complex lets them talk";
  if (dma_class == DmaClass::kE11) return "no reset between two owners that clears this state";
  if (mode == Mode::kM0) return "no IOMMU: nothing looks at a device's addresses";
  if (dma_class == DmaClass::kE1 || dma_class == DmaClass::kE2) {
    return "DMA remapping: Xen maps all writable frames of a PV domain, page by page, not buffers";
  }
  return "DMA remapping: the device's tables, or its cached translations, mapped the frame";
}

std::string SupportText(Mode mode) {
  return mode == Mode::kM0 ? "outside: PCI passthrough is security supported only on systems using IOMMUs (SUPPORT.md)"
                           : "inside: PCI passthrough on a system using an IOMMU (SUPPORT.md)";
}

}  // namespace pvpci::reports
