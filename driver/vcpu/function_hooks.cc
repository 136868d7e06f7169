// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "driver/vcpu/vcpu_runner.h"
#include "sim/check.h"

namespace pvpci::driver {

int FunctionHooks::Add(std::string_view function, FunctionHook hook, std::string_view source) {
  return AddTo(image_.image().EntryBlocks(function, source), hook);
}

int FunctionHooks::AddBlocks(std::string_view function_or_source, FunctionHook hook) {
  return AddTo(image_.image().BlocksOf(function_or_source), hook);
}

int FunctionHooks::AddTo(const std::vector<uint32_t>& blocks, const FunctionHook& hook) {
  image_.Hook(blocks);
  for (const uint32_t id : blocks) by_block_[id].push_back(hook);
  return static_cast<int>(blocks.size());
}

const std::vector<FunctionHook>* FunctionHooks::Find(uint32_t block_id) const {
  const auto found = by_block_.find(block_id);
  return found == by_block_.end() ? nullptr : &found->second;
}

void WriteGdbCommands(const std::string& path, const std::vector<const LoadedImage*>& images) {
  std::ofstream out(path);
  out << "# Guest faults are results of the bench, not of the debugger.\n"
         "handle SIGSEGV SIGBUS SIGILL SIGFPE nostop noprint pass\n"
         "set confirm off\n";
  for (const LoadedImage* image : images) out << image->GdbSymbolCommand() << '\n';
  out.flush();
  SIM_CHECK(out.good(), "cannot write " + path);
}

}  // namespace pvpci::driver
