// SPDX-License-Identifier: Apache-2.0
#define SC_INCLUDE_DYNAMIC_PROCESSES  // sc_spawn

#include "scenarios/bench/ping_pong.h"

#include <systemc>

#include "scenarios/bench/worker.h"

namespace pvpci::scenarios {
namespace {

constexpr int kStackBytes = 1 << 20;

}  // namespace

struct PingPong::Impl {
  sc_core::sc_event start, ping, pong;
  unsigned rounds = 0;
  double ns = 0;

  void Ping() {
    for (;;) {
      sc_core::wait(start);
      const double begin = ThreadNs();
      for (unsigned i = 0; i < rounds; ++i) {
        pong.notify(sc_core::sc_time::from_value(1));
        sc_core::wait(ping);
      }
      ns = ThreadNs() - begin;
    }
  }
  void Pong() {
    for (;;) {
      sc_core::wait(pong);
      ping.notify(sc_core::sc_time::from_value(1));
    }
  }
};

PingPong::PingPong() : impl_(std::make_unique<Impl>()) {
  sc_core::sc_spawn_options options;
  options.set_stack_size(kStackBytes);
  Impl* const impl = impl_.get();
  sc_core::sc_spawn([impl] { impl->Pong(); }, "pong", &options);
  sc_core::sc_spawn([impl] { impl->Ping(); }, "ping", &options);
}

PingPong::~PingPong() = default;

double PingPong::NsPerHandOver(unsigned hand_overs) {
  impl_->rounds = hand_overs / 2;
  impl_->start.notify(sc_core::SC_ZERO_TIME);
  sc_core::sc_start();
  return impl_->ns / (2.0 * impl_->rounds);
}

}  // namespace pvpci::scenarios
