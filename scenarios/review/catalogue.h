// SPDX-License-Identifier: Apache-2.0
// The table of what each attack should come to: scenarios/attacks/catalogue.yaml, transcribed from threats.md 4.
#ifndef PVPCI_SCENARIOS_REVIEW_CATALOGUE_H_
#define PVPCI_SCENARIOS_REVIEW_CATALOGUE_H_

#include <optional>
#include <string>
#include <vector>

#include "reports/result.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// "ESCAPED E5".
struct Expected {
  reports::Outcome outcome = reports::Outcome::kContained;
  std::optional<reports::DmaClass> dma_class;
};

// One cell of the matrix, beside its attack.
struct CellKey {
  IommuKind mode = IommuKind::kNone;
  std::string kernel;  // of KernelFamilies()
  EventAbi abi = EventAbi::kFifo;
};

// In these cells; an empty list leaves that dimension open.
struct CellScope {
  Scope scope;
  std::vector<EventAbi> abis;

  bool Includes(const CellKey& cell) const;
};

struct ExpectedRule {
  CellScope when;
  Expected expected;
};

// Why cells do not come to what is expected, and where that stands.
struct Explanation {
  CellScope when;
  reports::Outcome seen = reports::Outcome::kContained;  // it explains this verdict only
  std::string text;
  std::string source;
};

struct CatalogueEntry {
  std::string id;                     // "S-01"; a variant adds a letter
  std::string title;
  std::string story;                  // who attacks whom, one sentence
  std::string attacker;               // of the attacker model: "guest kernel", "guest user", "device firmware", "backend"
  std::string victim;
  std::string scenario;               // its name; empty: nobody has written it
  std::vector<EventAbi> abis;         // that it runs with; both where the event channels matter
  std::vector<ExpectedRule> expected; // the last one that applies counts; every cell has one
  std::string observable;             // the pass criterion
  std::vector<std::string> references;
  std::vector<Explanation> explanations;
  Place place;

  // {M0, M1, M2} x {6.1, 6.12} x abis.
  std::vector<CellKey> Cells() const;
  Expected ExpectedIn(const CellKey& cell) const;
  // Null: nobody has explained that.
  const Explanation* Explains(const CellKey& cell, reports::Outcome seen) const;
};

// In the order of their ids. Throws InputError: form, double ids, scenarios that are not among `scenarios`.
std::vector<CatalogueEntry> ParseCatalogue(const std::string& file, const std::string& text,
                                           const std::vector<std::string>& scenarios);
std::vector<CatalogueEntry> LoadCatalogue(const std::string& file, const std::vector<std::string>& scenarios);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_CATALOGUE_H_
