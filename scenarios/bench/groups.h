// SPDX-License-Identifier: Apache-2.0
// The groups of lines: one file each, NAME_lines.cc.
#ifndef PVPCI_SCENARIOS_BENCH_GROUPS_H_
#define PVPCI_SCENARIOS_BENCH_GROUPS_H_

#include "scenarios/bench/lines.h"

namespace pvpci::scenarios {

LineGroup DeterminismLines(); // the same again and again
LineGroup DmaLines();         // the fabric and the IOMMU
LineGroup InterruptLines();   // from a device's MSI to its acknowledgement
LineGroup PeerLines();        // beside QEMU and user-mode Linux
LineGroup ReviewLines();      // the catalogue of attacks
LineGroup SchedulerLines();   // the timing wheel
LineGroup RunLines();         // whole runs and whole processes

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_GROUPS_H_
