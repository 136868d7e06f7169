// SPDX-License-Identifier: Apache-2.0
// How a scenario names a node of the store: absolutely, or from a directory of one of its domains, whose number it need
// not know. abi.md 3.3.
//
//   DOMAIN.be/state     the backend's end of its PCI device    /local/domain/0/backend/pci/<id>/0/state
//   DOMAIN.fe/state     the frontend's end                     /local/domain/<id>/device/pci/0/state
//   DOMAIN.home/error   anything else of the domain            /local/domain/<id>/error
#ifndef PVPCI_SCENARIOS_STORE_PATH_H_
#define PVPCI_SCENARIOS_STORE_PATH_H_

#include <functional>
#include <optional>
#include <string>

namespace pvpci::scenarios {

// The number of the domain with that name; nothing if there is none.
using DomainIds = std::function<std::optional<unsigned>(const std::string& name)>;

// The absolute path. Nothing if `text` is no such name; then `error`, if given, says why.
std::optional<std::string> StorePath(const std::string& text, const DomainIds& ids, std::string* error = nullptr);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_STORE_PATH_H_
