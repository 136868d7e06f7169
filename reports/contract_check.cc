// SPDX-License-Identifier: Apache-2.0
#include "reports/contract_check.h"

#include <fmt/format.h>

#include <set>

namespace pvpci::reports {

std::vector<std::string> ContractMisfits(const Result& result) {
  std::vector<std::string> misfits;
  for (size_t i = 0; i < result.interrupts.size() && !result.incomplete; ++i) {
    const Interrupt& row = result.interrupts[i];
    const auto refuse = [&](const std::string& why) { misfits.push_back(fmt::format("interrupts/{}: {}", i, why)); };
    if (row.asserted != row.delivered + row.coalesced + row.lost) {
      refuse(fmt::format("{} asserted are not {} delivered, {} coalesced and {} lost", row.asserted, row.delivered,
                         row.coalesced, row.lost));
    }
    Ps sum = 0;
    for (const LatencyPart& part : row.parts) sum += part.total_ps;
    if (sum != row.total_ps) refuse(fmt::format("the parts add up to {} ps, not {}", sum, row.total_ps));
    if (row.latency.has_value() != (row.delivered > 0)) {
      refuse(fmt::format("{} delivered, but latency_ns is {}", row.delivered, row.latency ? "there" : "null"));
    }
    if (row.latency) {
      const Latency& l = *row.latency;
      if (l.min > l.p50 || l.p50 > l.p90 || l.p90 > l.p99 || l.p99 > l.max) refuse("latency_ns is not in order");
    }
  }
  for (size_t i = 0; i < result.originals.size(); ++i) {
    const Original& original = result.originals[i];
    if (original.lines_covered > original.lines_coverable) {
      misfits.push_back(fmt::format("originals/{}: {} lines of {} ran", i, original.lines_covered,
                                    original.lines_coverable));
    }
  }
  uint64_t next = 0;
  for (const FrameRun& run : result.view.memory) {
    if (run.start_mfn < next || run.count == 0) {
      misfits.push_back(
          fmt::format("view/memory: the run at {:#x} is empty or overlaps the one before", run.start_mfn));
    }
    next = run.start_mfn + run.count;
  }
  std::set<std::string> ids;
  for (const Finding& finding : result.findings) {
    if (!ids.insert(finding.id).second) misfits.push_back("findings: two have the id " + finding.id);
  }
  std::set<std::string> nodes = {""};
  for (const TopologyNode& node : result.view.topology) {
    if (!nodes.count(node.parent)) {
      misfits.push_back(fmt::format("view/topology: {} stands before its parent {}", node.id, node.parent));
    }
    nodes.insert(node.id);
  }
  return misfits;
}

}  // namespace pvpci::reports
