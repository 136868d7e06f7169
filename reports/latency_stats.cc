// SPDX-License-Identifier: Apache-2.0
#include "reports/latency_stats.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pvpci::reports {
namespace {

constexpr double kBucketsPerOctave = 64;

// Lower bound of bucket `index`; the first bounds coincide after rounding, such buckets are empty.
Ps Bound(int64_t index) {
  return static_cast<Ps>(std::llround(std::exp2(static_cast<double>(index) / kBucketsPerOctave)));
}

// The bucket that holds `sample`, which is not 0. The logarithm may be off by one bucket where rounding moved a bound.
int64_t BucketOf(Ps sample) {
  auto index = static_cast<int64_t>(std::log2(static_cast<double>(sample)) * kBucketsPerOctave);
  while (index > 0 && Bound(index) > sample) --index;
  while (Bound(index + 1) <= sample) ++index;
  return index;
}

}  // namespace

Ps NearestRank(const std::vector<Ps>& sorted, unsigned percent) {
  if (sorted.empty() || percent == 0 || percent > 100)
    throw std::logic_error("NearestRank: no samples or no percentage");
  const size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[rank - 1];
}

std::optional<Latency> Summarize(std::vector<Ps> samples) {
  if (samples.empty()) return std::nullopt;
  std::sort(samples.begin(), samples.end());
  return Latency{samples.front(), NearestRank(samples, 50), NearestRank(samples, 90), NearestRank(samples, 99),
                 samples.back()};
}

std::vector<LatencyBucket> LogHistogram(const std::vector<Ps>& samples) {
  std::vector<LatencyBucket> buckets;
  if (samples.empty()) return buckets;
  std::vector<Ps> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  for (auto next = sorted.begin(); next != sorted.end();) {
    LatencyBucket bucket{0, 1, 0};
    if (*next != 0) {
      const int64_t index = BucketOf(*next);
      bucket = {Bound(index), Bound(index + 1), 0};
    }
    const auto end = std::lower_bound(next, sorted.end(), bucket.to_ps);
    bucket.count = end - next;
    buckets.push_back(bucket);
    next = end;
  }
  return buckets;
}

Ps LatencyRow::AddTo(Columns* columns, const std::vector<Part>& parts) {
  Ps total = 0;
  size_t place = 0;  // where a column not seen before is put: behind the part it followed
  for (const Part& part : parts) {
    total += part.duration;
    auto column = std::find_if(columns->begin(), columns->end(), [&](const Column& c) { return c.name == part.name; });
    if (column == columns->end()) {
      column = columns->insert(columns->begin() + static_cast<std::ptrdiff_t>(place), {std::string(part.name), {}});
    }
    column->samples.push_back(part.duration);
    place = static_cast<size_t>(column - columns->begin()) + 1;
  }
  return total;
}

void LatencyRow::Add(const std::vector<Part>& parts, const std::vector<Part>& tail) {
  totals_.push_back(AddTo(&columns_, parts));
  eoi_tail_ += AddTo(&tail_columns_, tail);
}

std::vector<LatencyPart> LatencyRow::PartsOf(const Columns& columns) {
  std::vector<LatencyPart> parts;
  for (const Column& column : columns) {
    std::vector<Ps> sorted = column.samples;
    std::sort(sorted.begin(), sorted.end());
    LatencyPart part{column.name, 0, NearestRank(sorted, 50), NearestRank(sorted, 99)};
    for (Ps sample : sorted) part.total_ps += sample;
    parts.push_back(std::move(part));
  }
  return parts;
}

void LatencyRow::Fill(Interrupt* row) const {
  row->latency = Summarize(totals_);
  row->histogram = LogHistogram(totals_);
  row->total_ps = 0;
  for (Ps total : totals_) row->total_ps += total;
  row->parts = PartsOf(columns_);
  row->eoi_tail_ps = eoi_tail_;
  row->tail_parts = PartsOf(tail_columns_);
}

void LatencyRow::FillCoalescing(Interrupt* row) const {
  row->coalescing.reset();
  if (totals_.empty()) return;
  Coalescing coalescing{count(), *Summarize(totals_), 0, PartsOf(columns_)};
  for (Ps total : totals_) coalescing.total_ps += total;
  row->coalescing = std::move(coalescing);
}

}  // namespace pvpci::reports
