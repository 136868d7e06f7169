// SPDX-License-Identifier: Apache-2.0
#include "reports/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace pvpci::reports {
namespace {

template <typename E>
using Row = std::pair<E, std::string_view>;

constexpr std::array kVerdicts = {
    Row<Verdict>{Verdict::kHolds, "holds"},
    Row<Verdict>{Verdict::kViolated, "violated"},
    Row<Verdict>{Verdict::kSkipped, "skipped"},
    Row<Verdict>{Verdict::kUnable, "unable"},
};
constexpr std::array kModes = {
    Row<Mode>{Mode::kM0, "M0"},
    Row<Mode>{Mode::kM1, "M1"},
    Row<Mode>{Mode::kM2, "M2"},
};
constexpr std::array kAccesses = {
    Row<Access>{Access::kRead, "read"},
    Row<Access>{Access::kWrite, "write"},
};
constexpr std::array kDmaClasses = {
    Row<DmaClass>{DmaClass::kE0, "E0"}, Row<DmaClass>{DmaClass::kE1, "E1"},   Row<DmaClass>{DmaClass::kE2, "E2"},
    Row<DmaClass>{DmaClass::kE3, "E3"}, Row<DmaClass>{DmaClass::kE4, "E4"},   Row<DmaClass>{DmaClass::kE5, "E5"},
    Row<DmaClass>{DmaClass::kE6, "E6"}, Row<DmaClass>{DmaClass::kE7, "E7"},   Row<DmaClass>{DmaClass::kE8, "E8"},
    Row<DmaClass>{DmaClass::kE9, "E9"}, Row<DmaClass>{DmaClass::kE10, "E10"}, Row<DmaClass>{DmaClass::kE11, "E11"},
};
constexpr std::array kSeverities = {
    Row<Severity>{Severity::kInfo, "info"},         Row<Severity>{Severity::kLow, "low"},
    Row<Severity>{Severity::kMedium, "medium"},     Row<Severity>{Severity::kHigh, "high"},
    Row<Severity>{Severity::kCritical, "critical"},
};
constexpr std::array kOutcomes = {
    Row<Outcome>{Outcome::kNotApplicable, "N/A"},       Row<Outcome>{Outcome::kContained, "CONTAINED"},
    Row<Outcome>{Outcome::kDegraded, "DEGRADED"},       Row<Outcome>{Outcome::kGuestFault, "GUEST-FAULT"},
    Row<Outcome>{Outcome::kHostFault, "HOST-FAULT"},    Row<Outcome>{Outcome::kEscaped, "ESCAPED"},
};
constexpr std::array kChangeKinds = {
    Row<ChangeKind>{ChangeKind::kShadow, "shadow"},
    Row<ChangeKind>{ChangeKind::kDefine, "define"},
    Row<ChangeKind>{ChangeKind::kInclude, "include"},
    Row<ChangeKind>{ChangeKind::kWrap, "wrap"},
    Row<ChangeKind>{ChangeKind::kMutant, "mutant"},
};
constexpr std::array kEmulatedKinds = {
    Row<EmulatedKind>{EmulatedKind::kEmulated, "emulated"},
    Row<EmulatedKind>{EmulatedKind::kDummy, "dummy"},
};
constexpr std::array kDomainStates = {
    Row<DomainState>{DomainState::kRunning, "running"},
    Row<DomainState>{DomainState::kCrashed, "crashed"},
    Row<DomainState>{DomainState::kHung, "hung"},
    Row<DomainState>{DomainState::kDestroyed, "destroyed"},
};
constexpr std::array kInterruptKinds = {
    Row<InterruptKind>{InterruptKind::kIntx, "intx"},
    Row<InterruptKind>{InterruptKind::kMsi, "msi"},
    Row<InterruptKind>{InterruptKind::kMsix, "msix"},
};
constexpr std::array kPortAbis = {
    Row<PortAbi>{PortAbi::k2l, "2l"},
    Row<PortAbi>{PortAbi::kFifo, "fifo"},
};
constexpr std::array kNodeKinds = {
    Row<NodeKind>{NodeKind::kRootComplex, "root_complex"},
    Row<NodeKind>{NodeKind::kRootPort, "root_port"},
    Row<NodeKind>{NodeKind::kSwitchUpstream, "switch_upstream"},
    Row<NodeKind>{NodeKind::kSwitchDownstream, "switch_downstream"},
    Row<NodeKind>{NodeKind::kEndpoint, "endpoint"},
};

template <typename Rows, typename E>
std::string_view Find(const Rows& rows, E value) {
  for (const auto& [candidate, name] : rows) {
    if (candidate == value) return name;
  }
  return "?";  // refused by the schema when it is written
}

template <typename Rows, typename E>
bool FindName(const Rows& rows, std::string_view name, E* value) {
  for (const auto& [candidate, candidate_name] : rows) {
    if (candidate_name != name) continue;
    *value = candidate;
    return true;
  }
  return false;
}

}  // namespace

std::string_view Name(Verdict value) { return Find(kVerdicts, value); }
std::string_view Name(Mode value) { return Find(kModes, value); }
std::string_view Name(Access value) { return Find(kAccesses, value); }
std::string_view Name(DmaClass value) { return Find(kDmaClasses, value); }
std::string_view Name(Severity value) { return Find(kSeverities, value); }
std::string_view Name(Outcome value) { return Find(kOutcomes, value); }
std::string_view Name(ChangeKind value) { return Find(kChangeKinds, value); }
std::string_view Name(EmulatedKind value) { return Find(kEmulatedKinds, value); }
std::string_view Name(DomainState value) { return Find(kDomainStates, value); }
std::string_view Name(InterruptKind value) { return Find(kInterruptKinds, value); }
std::string_view Name(PortAbi value) { return Find(kPortAbis, value); }
std::string_view Name(NodeKind value) { return Find(kNodeKinds, value); }

bool FromName(std::string_view name, Verdict* value) { return FindName(kVerdicts, name, value); }
bool FromName(std::string_view name, Mode* value) { return FindName(kModes, name, value); }
bool FromName(std::string_view name, Access* value) { return FindName(kAccesses, name, value); }
bool FromName(std::string_view name, DmaClass* value) { return FindName(kDmaClasses, name, value); }
bool FromName(std::string_view name, Severity* value) { return FindName(kSeverities, name, value); }
bool FromName(std::string_view name, Outcome* value) { return FindName(kOutcomes, name, value); }
bool FromName(std::string_view name, ChangeKind* value) { return FindName(kChangeKinds, name, value); }
bool FromName(std::string_view name, EmulatedKind* value) { return FindName(kEmulatedKinds, name, value); }
bool FromName(std::string_view name, DomainState* value) { return FindName(kDomainStates, name, value); }
bool FromName(std::string_view name, InterruptKind* value) { return FindName(kInterruptKinds, name, value); }
bool FromName(std::string_view name, PortAbi* value) { return FindName(kPortAbis, name, value); }
bool FromName(std::string_view name, NodeKind* value) { return FindName(kNodeKinds, name, value); }

std::string_view Describe(Mode mode) {
  switch (mode) {
    case Mode::kM0:
      return "no IOMMU";
    case Mode::kM1:
      return "DMA remapping";
    case Mode::kM2:
      return "DMA and interrupt remapping";
  }
  return "?";
}

std::string_view Describe(DmaClass dma_class) {
  switch (dma_class) {
    case DmaClass::kE0:
      return "inside the live mapping";
    case DmaClass::kE1:
      return "same page as a live mapping, outside the buffer";
    case DmaClass::kE2:
      return "own memory, not mapped for DMA";
    case DmaClass::kE3:
      return "own page table or descriptor page";
    case DmaClass::kE4:
      return "foreign frame through a live grant";
    case DmaClass::kE5:
      return "foreign domain's memory";
    case DmaClass::kE6:
      return "dom0's memory";
    case DmaClass::kE7:
      return "the hypervisor's memory";
    case DmaClass::kE8:
      return "another device's BAR";
    case DmaClass::kE9:
      return "interrupt window, forged MSI";
    case DmaClass::kE10:
      return "reserved or unpopulated address";
    case DmaClass::kE11:
      return "left-over device state of the next owner";
  }
  return "?";
}

bool IsEscape(DmaClass dma_class) {
  return dma_class != DmaClass::kE0 && dma_class != DmaClass::kE1 && dma_class != DmaClass::kE4;
}

std::string FormatPs(Ps ps) {
  struct Unit {
    Ps size;
    const char* name;
  };
  constexpr Unit kUnits[] = {{sim::kSec, "s"}, {sim::kMs, "ms"}, {sim::kUs, "us"}, {sim::kNs, "ns"}};
  for (const Unit& unit : kUnits) {
    if (ps >= unit.size)
      return fmt::format("{}.{:03} {}", ps / unit.size, ps % unit.size / (unit.size / 1000), unit.name);
  }
  return fmt::format("{} ps", ps);
}

std::string FormatBytes(int64_t bytes) {
  constexpr int64_t kKib = 1024;
  constexpr int64_t kMib = 1024 * kKib;
  if (bytes == 1) return "1 byte";
  if (bytes < kKib) return fmt::format("{} bytes", bytes);
  const int64_t unit = bytes < kMib ? kKib : kMib;
  const char* name = bytes < kMib ? "KiB" : "MiB";
  if (bytes % unit == 0) return fmt::format("{} {}", bytes / unit, name);
  return fmt::format("{}.{} {}", bytes / unit, bytes % unit * 10 / unit, name);
}

std::string Hex(uint64_t value) { return fmt::format("{:#x}", value); }

std::string ModifiedText(const Result& result, const Kernel& kernel) {
  if (!kernel.modified.value_or(false)) return "";
  constexpr size_t kNamed = 8;  // a vendor's tree may differ in hundreds: result.json has them all
  std::vector<std::string> paths;
  for (const Original& original : result.originals) {
    if (original.kernel != kernel.name || original.package_sha256.value_or(original.sha256) == original.sha256) continue;
    paths.push_back(original.path);
  }
  paths.insert(paths.end(), kernel.headers_differ.begin(), kernel.headers_differ.end());
  std::string text = ", modified";
  for (size_t i = 0; i < std::min(paths.size(), kNamed); ++i) text += (i == 0 ? ": " : ", ") + paths[i];
  if (paths.size() > kNamed) text += fmt::format(" and {} more", paths.size() - kNamed);
  return text;
}

}  // namespace pvpci::reports
