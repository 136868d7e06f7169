// SPDX-License-Identifier: Apache-2.0
// Values from the command line in place of a scenario file's.
#ifndef PVPCI_SCENARIOS_OVERRIDES_H_
#define PVPCI_SCENARIOS_OVERRIDES_H_

#include <cstddef>
#include <string>

#include "scenarios/scenario.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {

// Key "machine.iommu", "seed", "domains.driver.memory", "devices.endpoint.link", "machine.xen.uptime_at_start",
// "steps.LABEL.preempt.only". An item of a list by its name, its label, or its number from 0: "steps.LABEL.call.args.1".
// `origin` is what the user typed, for messages: "--iommu".
struct Override {
  std::string key;
  std::string value;
  std::string origin;
};

// The place of override number `index`: negative lines name no line of a file.
Place OverridePlace(size_t index);

// Puts the value where `change.key` says, making maps on the way. Returns "" if done, else what is wrong.
std::string ApplyOverride(YamlNode* root, const Override& change, Place place);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_OVERRIDES_H_
