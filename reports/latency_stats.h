// SPDX-License-Identifier: Apache-2.0
// Exact order statistics and sums of integer latencies.
// Percentiles are nearest-rank: the smallest sample that at least p percent of all samples do not exceed. No sample
// is dropped or rounded, so the sums of the parts of a row equal its total to the picosecond.
#ifndef PVPCI_REPORTS_LATENCY_STATS_H_
#define PVPCI_REPORTS_LATENCY_STATS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/result.h"

namespace pvpci::reports {

// The nearest-rank percentile of sorted samples. percent in 1..100; `sorted` is not empty.
Ps NearestRank(const std::vector<Ps>& sorted, unsigned percent);

// Empty for no samples.
std::optional<Latency> Summarize(std::vector<Ps> samples);

// The buckets that hold samples, in order. Their bounds grow by a factor of 2^(1/64), rounded to picoseconds, so that a
// bucket is about 1 % wide whatever the latency. Sample 0 counts in a bucket [0, 1).
std::vector<LatencyBucket> LogHistogram(const std::vector<Ps>& samples);

// Collects the spans of one row of Result::interrupts.
class LatencyRow {
 public:
  struct Part {
    std::string_view name;  // "t0_t1_fabric"
    Ps duration = 0;
  };

  // One delivered interrupt: its parts in the order they occurred, up to the handler's entry, no name twice, and those from
  // there to the last probe.
  void Add(const std::vector<Part>& parts, const std::vector<Part>& tail);

  int64_t count() const { return static_cast<int64_t>(totals_.size()); }

  // Writes latency, total_ps, parts, eoi_tail_ps, tail_parts and histogram; leaves identity and counts alone. Parts stand in the
  // order they occurred; one that only some spans have stands behind the part it followed there. p50 and p99 of a part
  // are over the spans that have it.
  void Fill(Interrupt* row) const;
  // The same of interrupts that were merged into others.
  void FillCoalescing(Interrupt* row) const;

 private:
  struct Column {
    std::string name;
    std::vector<Ps> samples;
  };
  using Columns = std::vector<Column>;
  static Ps AddTo(Columns* columns, const std::vector<Part>& parts);
  static std::vector<LatencyPart> PartsOf(const Columns& columns);

  Columns columns_, tail_columns_;
  std::vector<Ps> totals_;
  Ps eoi_tail_ = 0;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_LATENCY_STATS_H_
