// SPDX-License-Identifier: Apache-2.0
// The store's nodes and what was written to each, from the trace's store records.
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

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_STORE_NODES_H_
