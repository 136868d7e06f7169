// SPDX-License-Identifier: Apache-2.0
// ./pvpci bench: how fast the machine room is, as ratios. The lines stand in lines.h and the groups' files. Every baseline runs in the same round as what it is compared
// with; rounds are interleaved; medians with quartiles are printed whether the goal is met or not.
#ifndef PVPCI_SCENARIOS_BENCH_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_BENCH_H_

#include <functional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

// Hidden verb: the program calls itself with it, to measure from the start of a process.
inline constexpr const char* kFirstInterruptVerb = "bench-first-interrupt";

// Hidden verb: one short run with two domains, DMA and interrupts, of which it prints the digest.
inline constexpr const char* kDigestVerb = "bench-digest";

// Enters SystemC in this process and runs the body there; answers the body's exit code.
using SystemCEntry = std::function<int(const std::function<int()>& body)>;

struct BenchOptions {
  std::string root;         // of the project; images are found below it
  bool json = false;
  unsigned rounds = 15;
  bool goals = false;             // every line
  bool peers = false;             // also the lines that compare with QEMU and user-mode Linux
  std::vector<std::string> only;  // these lines; empty: as above
  SystemCEntry systemc;
};

// Every line there is, in the order of the table.
std::vector<std::string> BenchIds();

// Prints the table. Exit code 0, or 1 if a goal is missed. Throws if something could not be measured.
int RunBench(const BenchOptions& options);

// kFirstInterruptVerb: prints the wall clock at the first interrupt's handler, ns.
int RunFirstInterrupt(const BenchOptions& options);

// kDigestVerb: prints the digest of the run's trace.
int RunDigest(const BenchOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_BENCH_H_
