// SPDX-License-Identifier: Apache-2.0
// How a scenario names the hypervisor's own memory: "${xen.text}" is the machine address of the first frame of that kind.
#ifndef PVPCI_SCENARIOS_XEN_FRAMES_H_
#define PVPCI_SCENARIOS_XEN_FRAMES_H_

#include <optional>
#include <string>
#include <vector>

#include "sim/machine_memory.h"

namespace pvpci::scenarios {

// "text", "heap", "m2p", "iommu_table" (the root table comes first), "irt" (interrupt remapping table).
std::vector<std::string> XenFrameWords();
std::optional<sim::FrameType> XenFrameType(const std::string& word);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_XEN_FRAMES_H_
