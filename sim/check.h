// SPDX-License-Identifier: Apache-2.0
// SIM_CHECK: the bench itself is wrong; fatal, exit code 4. NotModelled: our gap; the run ends as *unable*.
// Neither is for guests or devices that break rules: those are answered as hardware does, and traced.
#ifndef PVPCI_SIM_CHECK_H_
#define PVPCI_SIM_CHECK_H_

#include <stdexcept>
#include <string>

namespace pvpci::sim {

// Thrown through model code up to the engine. Never crosses guest frames: model code runs on the vCPU's host stack.
struct BenchError : std::logic_error { using std::logic_error::logic_error; };
struct NotModelledError : std::runtime_error { using std::runtime_error::runtime_error; };

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const std::string& message);
[[noreturn]] void NotModelled(const std::string& what, const std::string& specification_section);

}  // namespace pvpci::sim

#define SIM_CHECK(condition, message)                                                   \
  do {                                                                                  \
    if (!(condition)) ::pvpci::sim::CheckFailed(__FILE__, __LINE__, #condition, message); \
  } while (false)

#endif  // PVPCI_SIM_CHECK_H_
