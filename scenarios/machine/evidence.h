// SPDX-License-Identifier: Apache-2.0
// What goes with every finding so that a reader can see it again and judge it: what ran, by its digests, what it was built
// with, the records of the trace around it, and what of it is modelled. threats.md 7.
#ifndef PVPCI_SCENARIOS_MACHINE_EVIDENCE_H_
#define PVPCI_SCENARIOS_MACHINE_EVIDENCE_H_

#include <string>

#include "reports/result.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// Fills `evidence` and `limits` of result->findings, which are those of the machine's classifier; not what only the engine
// knows: exit code and files. `compiler`: of the guest image, as its description has it.
void AddEvidence(Machine& machine, const std::string& compiler, reports::Result* result);

// 40 hex digits that the linker gave this program; empty if it gave none.
std::string ProgramBuildId();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_EVIDENCE_H_
