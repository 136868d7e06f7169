// SPDX-License-Identifier: Apache-2.0
// Two raw SystemC threads that wake each other: what a hand-over costs without any model. One way is a timed
// notification, the other an immediate one, as when the machine room hands over to a vCPU and back.
#ifndef PVPCI_SCENARIOS_BENCH_PING_PONG_H_
#define PVPCI_SCENARIOS_BENCH_PING_PONG_H_

#include <memory>

namespace pvpci::scenarios {

class PingPong {
 public:
  PingPong();  // before elaboration
  ~PingPong();
  // Runs SystemC; no Simulation may be running. An even number.
  double NsPerSwitch(unsigned switches);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_PING_PONG_H_
