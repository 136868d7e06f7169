// SPDX-License-Identifier: Apache-2.0
// Programs that do something like it, run beside the product. A peer that is not installed throws PeerAbsent.
#ifndef PVPCI_SCENARIOS_BENCH_PEERS_H_
#define PVPCI_SCENARIOS_BENCH_PEERS_H_

#include <cstdint>
#include <stdexcept>
#include <string>

#include <sys/types.h>

namespace pvpci::scenarios {

struct PeerAbsent : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// QEMU driven by a test program over a Unix socket (docs/devel/testing/qtest.rst): its `edu` device at 00:04.0, no
// processor running.
class Qtest {
 public:
  Qtest();
  ~Qtest();
  Qtest(const Qtest&) = delete;
  Qtest& operator=(const Qtest&) = delete;

  // Wall clock, ns each.
  double RegisterReadNs(unsigned reads);  // readl of the device's identification
  double ConfigReadNs(unsigned reads);    // outl CF8 and inl CFC

 private:
  std::string Ask(const std::string& command);

  pid_t child_ = -1;
  int socket_ = -1;
  std::string received_;
};

// User-mode Linux with time travel, as uml/build.sh builds it below $PVPCI_PEERS. Wall clock.
class UserModeLinux {
 public:
  UserModeLinux();
  double StartToInitMs();
  // ns per sleep of a millisecond; start-up and power-off are taken out.
  double SleepNs(unsigned sleeps);

 private:
  // ms from its start until it has ended; `init`: until its first program ran.
  double RunMs(unsigned sleeps, double* init = nullptr);

  std::string folder_;
};

// QEMU's translator in its deterministic mode (-icount) runs a BIOS of a few instructions that reads a register of the
// VGA window again and again. ns of wall clock per read; start-up and the loop itself are taken out.
double TranslatedRegisterReadNs();

// driver/guest/kernel_work.c of a kernel image without accounting, run by that translator on a machine without operating
// system (emulated_start.S).
class TranslatedKernel {
 public:
  explicit TranslatedKernel(const std::string& image);
  // ns of wall clock per round; start-up is taken out. `result`: what the rounds came to.
  double RoundNs(uint32_t rounds, uint64_t* result);

 private:
  double RunNs(uint32_t rounds, uint64_t* result);

  std::string image_;
  uint64_t function_ = 0;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_PEERS_H_
