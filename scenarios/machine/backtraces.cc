// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/backtraces.h"

#include <algorithm>
#include <string>

namespace pvpci::scenarios {
namespace {

// The way from an accessor of the kernel to the host. Hostile code and programs (driver/user) are no plumbing.
bool IsPlumbing(const std::string& file) {
  for (const char* folder : {"driver/env/", "driver/shadow/", "driver/seam/", "arch/x86/include/asm/io.h"}) {
    if (file.rfind(folder, 0) == 0) return true;
  }
  return false;
}

// The callback of the block accounting, inlined into every function.
constexpr const char* kAccounting = "__sanitizer_cov_trace_pc_guard";

bool Same(const driver::RawBacktrace& a, const driver::RawBacktrace& b) {
  return a.count == b.count && a.first_is_pc == b.first_is_pc &&
         std::equal(a.pc.begin(), a.pc.begin() + a.count, b.pc.begin());
}

uint64_t Hash(sim::DomId domain, const driver::RawBacktrace& backtrace) {
  uint64_t hash = 0xcbf29ce484222325ull ^ domain;
  for (uint32_t i = 0; i < backtrace.count; ++i) hash = (hash ^ backtrace.pc[i]) * 0x100000001b3ull;
  return hash;
}

}  // namespace

void Backtraces::SetImage(sim::DomId domain, std::shared_ptr<const driver::Image> image) {
  images_[domain] = std::move(image);
}

uint32_t Backtraces::Add(sim::DomId domain, const driver::RawBacktrace& backtrace) {
  if (backtrace.count == 0) return 0;
  std::vector<uint32_t>& bucket = by_hash_[Hash(domain, backtrace)];
  for (const uint32_t id : bucket) {
    const Entry& entry = entries_[id - 1];
    if (entry.domain == domain && Same(entry.backtrace, backtrace)) return id;
  }
  entries_.push_back({domain, backtrace});
  bucket.push_back(static_cast<uint32_t>(entries_.size()));
  return bucket.back();
}

std::vector<reports::Frame> Backtraces::Resolve(uint32_t id) {
  if (id == 0 || id > entries_.size()) return {};
  return Resolve(entries_[id - 1].domain, entries_[id - 1].backtrace);
}

std::vector<reports::Frame> Backtraces::Resolve(sim::DomId domain, const driver::RawBacktrace& backtrace) {
  std::vector<reports::Frame> frames;
  driver::Symbolizer* symbols = SymbolsOf(domain);
  if (symbols == nullptr) return frames;
  bool plumbing = true;
  for (const driver::SourceFrame& frame : driver::Symbolize(*symbols, backtrace)) {
    if (frame.file.empty() || frame.line == 0 || frame.function == "?" || frame.function == kAccounting) continue;
    if (plumbing && IsPlumbing(frame.file)) continue;
    plumbing = false;
    frames.push_back({frame.function, frame.file, static_cast<int>(frame.line)});
  }
  return frames;
}

driver::Symbolizer* Backtraces::SymbolsOf(sim::DomId domain) {
  const auto it = images_.find(domain);
  if (it == images_.end()) return nullptr;
  std::unique_ptr<driver::Symbolizer>& symbols = symbols_[it->second.get()];
  if (!symbols) symbols = std::make_unique<driver::Symbolizer>(it->second);
  return symbols.get();
}

}  // namespace pvpci::scenarios
