// SPDX-License-Identifier: Apache-2.0
// One line of progress for a person who waits for many runs. On standard error, never in results.
#ifndef PVPCI_SCENARIOS_PROGRESS_LINE_H_
#define PVPCI_SCENARIOS_PROGRESS_LINE_H_

#include <cstddef>
#include <string>

namespace pvpci::scenarios {

enum class ProgressStyle : unsigned char {
  kNone,
  kBar,    // a bar that is drawn again and again: for a terminal
  kLines,  // a line for each tenth: for a log
};

class ProgressLine {
 public:
  ProgressLine(ProgressStyle style, size_t total) : style_(style), total_(total) {}
  // As a review has it: a bar or nothing.
  ProgressLine(bool wanted, size_t total) : ProgressLine(wanted ? ProgressStyle::kBar : ProgressStyle::kNone, total) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // One more is done.
  void Done(const std::string& what) { Done(what, done_ + 1); }
  // So many are done.
  void Done(const std::string& what, size_t done);

 private:
  ProgressStyle style_;
  size_t total_;
  size_t done_ = 0;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PROGRESS_LINE_H_
