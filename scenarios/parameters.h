// SPDX-License-Identifier: Apache-2.0
// Names and ranges of the model parameters a scenario may override under machine.xen, machine.timing and a device's
// options.
// timing.md A6 and A7 give defaults, ranges and origins; the models' own parameter structs hold the defaults.
// scenarios/machine/ assigns them; a name that no model takes fails a test there.
#ifndef PVPCI_SCENARIOS_PARAMETERS_H_
#define PVPCI_SCENARIOS_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

enum class ParameterUnit : uint8_t { kDuration, kCount, kSwitch };

struct ParameterSpec {
  const char* group;    // "xen", "timing" or "device"
  const char* name;
  ParameterUnit unit;
  uint64_t minimum;     // ps or count
  uint64_t maximum;
  const char* help;
};

const std::vector<ParameterSpec>& KnownParameters();
const ParameterSpec* FindParameter(const std::string& group, const std::string& name);
std::vector<std::string> ParameterNames(const std::string& group);

// Picoseconds, count, or 0/1. Nothing if the text is no such value or out of range.
std::optional<uint64_t> ParseParameter(const ParameterSpec& spec, const std::string& text);
// "10 ns .. 1 us", "a number 0 .. 64", "true or false".
std::string DescribeRange(const ParameterSpec& spec);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PARAMETERS_H_
