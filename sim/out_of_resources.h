// SPDX-License-Identifier: Apache-2.0
// The machine of a scenario, or this process, has no room for what is asked of it. Where the software that a model stands
// for answers an error then, so does the model; what nobody answers ends the run: exit code 5.
#ifndef PVPCI_SIM_OUT_OF_RESOURCES_H_
#define PVPCI_SIM_OUT_OF_RESOURCES_H_

#include <stdexcept>

namespace pvpci::sim {

struct OutOfResources : std::runtime_error { using std::runtime_error::runtime_error; };

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_OUT_OF_RESOURCES_H_
