// SPDX-License-Identifier: Apache-2.0
// Two raw SystemC threads that wake each other by timed notifications: what a hand-over costs without any model. One
// hand-over is two switches, from the thread to SystemC's scheduler and from there to the other thread, as when the
// machine room hands over to a vCPU.
#ifndef PVPCI_SCENARIOS_BENCH_PING_PONG_H_
#define PVPCI_SCENARIOS_BENCH_PING_PONG_H_

#include <memory>

namespace pvpci::scenarios {

class PingPong {
 public:
  PingPong();  // before elaboration
  ~PingPong();
  // ns of processor time. Runs SystemC; no Simulation may be running. An even number.
  double NsPerHandOver(unsigned hand_overs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_PING_PONG_H_
