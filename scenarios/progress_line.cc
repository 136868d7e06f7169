// SPDX-License-Identifier: Apache-2.0
#include "scenarios/progress_line.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace pvpci::scenarios {

ProgressLine::~ProgressLine() {
  if (style_ == ProgressStyle::kBar && done_ > 0) std::fputs("\r\033[K", stderr);
}

void ProgressLine::Done(const std::string& what, size_t done) {
  const size_t before = done_;
  done_ = done;
  const size_t total = std::max<size_t>(1, total_);
  if (style_ == ProgressStyle::kLines) {
    if (before * 10 / total != done_ * 10 / total) std::fputs(fmt::format("{}/{} {:.70}\n", done_, total_, what).c_str(), stderr);
    return;
  }
  if (style_ == ProgressStyle::kNone) return;
  constexpr size_t kWidth = 24;
  const size_t full = std::min(done_ * kWidth / total, kWidth);
  std::fputs(fmt::format("\r\033[K[{}{}] {}/{} {:.50}", std::string(full, '#'), std::string(kWidth - full, '.'), done_, total_,
                         what).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace pvpci::scenarios
