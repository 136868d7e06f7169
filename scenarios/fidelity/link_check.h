// SPDX-License-Identifier: Apache-2.0
// F1: what a saturated link carries, by the models of models/pci/link.h, against the closed form of pcie-bench's model.
#ifndef PVPCI_SCENARIOS_FIDELITY_LINK_CHECK_H_
#define PVPCI_SCENARIOS_FIDELITY_LINK_CHECK_H_

#include <string>

namespace pvpci::scenarios {

struct LinkCheck {
  unsigned points = 0;
  double worst = 0;         // relative error
  std::string worst_point;  // "gen3 x8, MPS 256, read, 129 bytes"
};

// Generations 1 to 5, 1 to 16 lanes, every maximum payload, reads, writes and both, payloads of 1 to 2048 bytes.
LinkCheck CheckLinks();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_LINK_CHECK_H_
