// SPDX-License-Identifier: Apache-2.0
// How far the figures of a run or sweep depend on what is known of its parameters only as a range. All plain data;
// scenarios/intervals/ makes it, result.json has it under "intervals".
#ifndef PVPCI_REPORTS_INTERVALS_H_
#define PVPCI_REPORTS_INTERVALS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pvpci::reports {

inline constexpr const char* kClaimHolds = "holds";
inline constexpr const char* kClaimFails = "fails";
inline constexpr const char* kClaimUndecided = "not decided by known data";

// A parameter that was varied.
struct IntervalParameter {
  std::string name;                 // "timing.vcpu_unblock"
  std::string low, standard, high;  // "1 us"; key "default"
  std::string origin;
  bool acts = false;                // some figure depends on it
};

// A figure while one parameter alone is at the end of its range.
struct Sway {
  std::string parameter;
  double low = 0, high = 0;         // with the parameter at its low, at its high
};

struct FigureInterval {
  std::string of;                   // "msix fifo, 0000:02:00.0 to driver", "point 3"
  std::string figure;               // "latency_p50"
  std::string unit;                 // "ns", "" for counts
  double low = 0, standard = 0, high = 0;   // least, with all defaults, most, of all runs
  std::optional<std::string> most_sensitive;  // empty: no parameter moves it
  double share = 0;                 // its sway over the sum of all
  bool monotone = true;             // each parameter moves it one way only, and no sample lies outside the corners
  std::vector<Sway> sways;          // the largest first; those that move nothing are left out
};

struct ClaimInterval {
  std::string text;
  std::string decided;              // one of the three above
  bool standard = false;            // with all defaults, key "default"
  int64_t held = 0, runs = 0;
  std::vector<std::string> flipped_by;  // undecided: the parameters that turn it alone; empty: only several together do
};

struct Intervals {
  std::string profile;
  int64_t runs = 0, failed = 0;     // failed: did not come to their end
  int64_t corners = 0, samples = 0; // of the runs
  std::vector<IntervalParameter> parameters;
  std::vector<FigureInterval> figures;
  std::vector<ClaimInterval> claims;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_INTERVALS_H_
