// SPDX-License-Identifier: Apache-2.0
// Guest backtraces by number: equal ones share a number, so that thousands of register writes cost little.
#ifndef PVPCI_SCENARIOS_MACHINE_BACKTRACES_H_
#define PVPCI_SCENARIOS_MACHINE_BACKTRACES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "driver/loader/backtrace.h"
#include "driver/loader/image.h"
#include "driver/loader/symbols.h"
#include "reports/result.h"
#include "sim/machine_memory.h"

namespace pvpci::scenarios {

class Backtraces {
 public:
  // Which image a domain's addresses belong to.
  void SetImage(sim::DomId domain, std::shared_ptr<const driver::Image> image);

  // 1, 2, 3, ...; 0 for an empty backtrace.
  uint32_t Add(sim::DomId domain, const driver::RawBacktrace& backtrace);

  // Innermost first, without the bench's own plumbing (accessors, seam) and without frames nobody can name.
  std::vector<reports::Frame> Resolve(uint32_t id);
  std::vector<reports::Frame> Resolve(sim::DomId domain, const driver::RawBacktrace& backtrace);

 private:
  struct Entry {
    sim::DomId domain;
    driver::RawBacktrace backtrace;
  };
  driver::Symbolizer* SymbolsOf(sim::DomId domain);

  std::vector<Entry> entries_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_hash_;  // never iterated
  std::map<sim::DomId, std::shared_ptr<const driver::Image>> images_;
  std::map<const driver::Image*, std::unique_ptr<driver::Symbolizer>> symbols_;  // found by image, never iterated
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_BACKTRACES_H_
