// SPDX-License-Identifier: Apache-2.0
// The verb `rows`: runs every scenario of every row on both kernels, in the scenario's own mode, and prints the table.
#ifndef PVPCI_SCENARIOS_ROWS_RUN_H_
#define PVPCI_SCENARIOS_ROWS_RUN_H_

#include <functional>
#include <string>
#include <vector>

#include "scenarios/rows.h"

namespace pvpci::scenarios {

struct RowsOptions {
  std::string root;
  std::vector<std::string> rows;  // "03", "3", "S"; empty: all
  std::string out;                // results go to OUT/KERNEL/SCENARIO; empty: none are written
  bool json = false;
  bool markdown = false;
  bool progress = false;          // on standard error
  // Runs a body inside SystemC; main() has it.
  std::function<int(const std::function<int()>&)> systemc;
};

// What rows.yaml may name: the scenarios that are here and, if the image is built, its originals.
RowNames NamesForRows(const std::string& root);

// Exit code: 0 if every row holds on every kernel and, if all were asked for, none is missing, else 1; 128 + n after
// signal n. Each reason is a line on standard error. Throws InputError, UsageError.
int RunRows(const RowsOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_ROWS_RUN_H_
