// SPDX-License-Identifier: Apache-2.0
// Names and ranges of the model parameters a scenario may override under machine.xen, machine.vtd, machine.fabric, machine.timing and a
// device's options.
// timing.md A6 and A7 give defaults, ranges and origins; the models' own parameter structs hold the defaults.
// scenarios/machine/ assigns them; a name that no model takes fails a test there.
#ifndef PVPCI_SCENARIOS_PARAMETERS_H_
#define PVPCI_SCENARIOS_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

enum class ParameterUnit : uint8_t { kDuration, kCount, kSwitch, kWord, kWords };

struct ParameterSpec {
  const char* group;    // "xen", "vtd", "fabric", "timing" or "device"
  const char* name;
  ParameterUnit unit;
  uint64_t minimum;     // ps or count
  uint64_t maximum;
  const char* help;
  // Where the range alone does not say it: what holds if the scenario says nothing, and where the name comes from.
  const char* standard = "";
  const char* origin = "";
  std::vector<const char*> words = {};  // kWord: one of them; kWords: a list of them
};

const std::vector<ParameterSpec>& KnownParameters();
const ParameterSpec* FindParameter(const std::string& group, const std::string& name);
std::vector<std::string> ParameterNames(const std::string& group);

// Picoseconds, count, 0/1, index of the word, or one bit for each word of the list. Nothing if the text is no such value or out of range.
std::optional<uint64_t> ParseParameter(const ParameterSpec& spec, const std::string& text);
// "10 ns .. 1 us", "a number 0 .. 64", "true or false".
std::string DescribeRange(const ParameterSpec& spec);
// The same with default and origin, as far as they are known.
std::string DescribeParameter(const ParameterSpec& spec);
// The words of a kWords value, in the order of the table.
std::vector<std::string> WordsOf(const ParameterSpec& spec, uint64_t bits);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PARAMETERS_H_
