// SPDX-License-Identifier: Apache-2.0
// What expectations ask beyond result.json: the store's nodes and what was written to each, from the trace's store
// records; and what went over the PCI rings.
#ifndef PVPCI_SCENARIOS_MACHINE_STORE_NODES_H_
#define PVPCI_SCENARIOS_MACHINE_STORE_NODES_H_

#include <nlohmann/json.hpp>

#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// A list of {path, value, history, writers, together}, one for every node ever written, in order of paths.
//   value     at the end; null: it is not there
//   history   the values in the order in which they were written, blanks between; "-": removed, itself or a parent
//   writers   who wrote each: a domain's name, or "toolstack"
//   together  last names of the nodes that the last write's transaction wrote, in order; empty: it was in none
nlohmann::json StoreNodes(Machine& machine);

// A list of {domain, op, sends, repeated, answers, errors, codes}: ring_probe.h. `codes`: the error codes that came
// back, each once, blanks between; for an aer_* operation the frontend's answers.
nlohmann::json RingOperations(Machine& machine);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_STORE_NODES_H_
