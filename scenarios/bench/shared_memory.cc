// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/shared_memory.h"

#include <sys/mman.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

#include "scenarios/bench/table.h"
#include "scenarios/bench/worker.h"

namespace pvpci::scenarios {
namespace {

struct Words {
  alignas(64) std::atomic<unsigned> asked{0};
  alignas(64) std::atomic<unsigned> answered{0};
};

}  // namespace

double SharedMemoryRoundTripNs(unsigned round_trips) {
  void* const shared = mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::runtime_error("no shared memory");
  Words* const words = new (shared) Words;
  std::vector<double> samples;
  {
    Worker other("shared memory", [words, round_trips](WorkerPort&) {
      for (unsigned i = 1; i <= round_trips; ++i) {
        while (words->asked.load(std::memory_order_acquire) != i) __builtin_ia32_pause();
        words->answered.store(i, std::memory_order_release);
      }
    });
    for (unsigned i = 1; i <= round_trips; ++i) {
      const double begin = WallNs();
      words->asked.store(i, std::memory_order_release);
      while (words->answered.load(std::memory_order_acquire) != i) __builtin_ia32_pause();
      samples.push_back(WallNs() - begin);
    }
  }
  munmap(shared, sizeof(Words));
  return QuartilesOf(samples).median;
}

}  // namespace pvpci::scenarios
